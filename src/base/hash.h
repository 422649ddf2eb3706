/* hash.h - the hashes that order and check things.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_HASH_H
#define RSI_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

typedef struct rsi_hash128 {
    uint64_t high;
    uint64_t low;
} rsi_hash128;

/* XXH3-64 of bytes: checksums of blocks and files. */
uint64_t rsi_hash64(const void *bytes, size_t length, uint64_t seed);
/* XXH3-128. A node's place in every output order is the 128-bit hash of its id seeded with
 * rsi_hash64 of its type's name. */
rsi_hash128 rsi_hash_128(const void *bytes, size_t length, uint64_t seed);

/* XXH3-128 of bytes that come in pieces: whole-file digests. */
typedef struct rsi_hash_stream rsi_hash_stream;
rsi_hash_stream *rsi_hash_stream_new(void); /* NULL: out of memory */
void rsi_hash_stream_add(rsi_hash_stream *stream, const void *bytes, size_t length);
rsi_hash128 rsi_hash_stream_end(const rsi_hash_stream *stream);
void rsi_hash_stream_free(rsi_hash_stream *stream);

#endif
