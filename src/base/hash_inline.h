/* hash_inline.h - the hashes of hash.h for the inner loops of ingest, where a call costs as much as
 * the hash of a short id. The same values as rsi_hash64 and rsi_hash_128 with seed 0.
 *
 * Include it from few files: each gets its own copy of xxHash.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_HASH_INLINE_H
#define RSI_BASE_HASH_INLINE_H

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/hash.h"

/* rsi_hash64(bytes, length, 0). */
static inline uint64_t rsi_hash64_inline(const void *bytes, size_t length)
{
    return XXH3_64bits(bytes, length);
}

/* rsi_hash_128(bytes, length, 0); a `length` known to the compiler leaves no branch. */
static inline rsi_hash128 rsi_hash_128_inline(const void *bytes, size_t length)
{
    XXH128_hash_t hash = XXH3_128bits(bytes, length);
    return (rsi_hash128){.high = hash.high64, .low = hash.low64};
}

#endif
