/* hash.c - xxHash behind two plain functions.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/hash.h"

#define XXH_STATIC_LINKING_ONLY /* the layout of XXH3_state_t */
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

/* The state holds vectors that want 64 bytes of alignment, which xxHash's own allocator sees to. */
struct rsi_hash_stream {
    XXH3_state_t state;
};

rsi_hash_stream *rsi_hash_stream_new(void)
{
    XXH3_state_t *state = XXH3_createState();
    if (state != NULL) {
        XXH3_128bits_reset(state);
    }
    return (rsi_hash_stream *)state;
}

void rsi_hash_stream_add(rsi_hash_stream *stream, const void *bytes, size_t length)
{
    XXH3_128bits_update(&stream->state, bytes, length);
}

rsi_hash128 rsi_hash_stream_end(const rsi_hash_stream *stream)
{
    XXH128_hash_t hash = XXH3_128bits_digest(&stream->state);
    return (rsi_hash128){.high = hash.high64, .low = hash.low64};
}

void rsi_hash_stream_free(rsi_hash_stream *stream)
{
    XXH3_freeState((XXH3_state_t *)stream);
}
