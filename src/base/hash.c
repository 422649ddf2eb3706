/* hash.c - xxHash behind two plain functions.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/hash.h"

#include <xxhash.h>

uint64_t rsi_hash64(const void *bytes, size_t length, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, length, seed);
}

rsi_hash128 rsi_hash_128(const void *bytes, size_t length, uint64_t seed)
{
    XXH128_hash_t hash = XXH3_128bits_withSeed(bytes, length, seed);
    return (rsi_hash128){.high = hash.high64, .low = hash.low64};
}
