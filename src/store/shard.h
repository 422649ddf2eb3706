/* shard.h - one sixteenth of the distinct ids of one node type in a batch: a hash table that
 * numbers them.
 *
 * Each shard is worked on by one thread at a time, all its keys of many blocks in one go. An id
 * stands in the table itself: a look-up reads one line of the cache, which was asked for some keys
 * ahead.
 * Layout: buckets of 64 bytes, three ids in each, at most three quarters full; an id whose bucket
 * is full stands in the next that is not. An id takes 16 bytes: up to 14 bytes of it stand there
 * themselves, longer ones are pointed to. Once all are in, they are listed by their numbers
 * instead.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_SHARD_H
#define RSI_STORE_SHARD_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "ringscope/error.h"
#include "ringscope/text.h"

#define RSI_SHARD_BITS    4
#define RSI_SHARD_COUNT   (1u << RSI_SHARD_BITS)
#define RSI_LOCAL_BITS    (32 - RSI_SHARD_BITS)
#define RSI_LOCAL_MASK    (UINT32_MAX >> RSI_SHARD_BITS)
#define RSI_SHARD_IDS_MAX RSI_LOCAL_MASK /* ids of a shard; the mask itself is no number */

enum { RSI_ID_INLINE = 14 };

/* [ length u16 ][ the bytes, then zeros ], or [ length u16 ][ first 6 bytes ][ pointer to all ] */
typedef struct rsi_id_entry {
    uint64_t words[2];
} rsi_id_entry;

/* A key as a block collected it: what a look-up needs stands in it, so that the input's bytes are
 * not touched again (but for long ids). Its number takes the place of the id. */
typedef struct rsi_key {
    uint64_t hash; /* rsi_hash64 of the bytes, seed 0; its top bits are the shard */
    union {
        rsi_id_entry id; /* a pointer in it is lent by the filler until the block was appended */
        uint32_t local;  /* shard number above, number in it below */
    };
} rsi_key;

enum { RSI_BUCKET_IDS = 3 };

typedef struct rsi_bucket {
    rsi_id_entry ids[RSI_BUCKET_IDS];
    uint32_t
        locals[RSI_BUCKET_IDS];   /* number in the shard + 1; 0: empty, and so are those behind */
    uint8_t tags[RSI_BUCKET_IDS]; /* of the hash: tells most long ids apart */
    uint8_t unused;
} rsi_bucket;

typedef struct rsi_shard {
    rsi_bucket *buckets;   /* until the ids are listed */
    uint32_t bucket_count; /* 0 or a power of two */
    uint32_t id_count;
    uint32_t chunk_count;
    rsi_id_entry *ids; /* once they are listed: by local number */
    uint8_t **chunks;  /* bytes of long ids, end to end */
    uint64_t chunk_bytes;
    uint32_t chunk_used; /* bytes of the last */
    uint32_t chunk_size;
} rsi_shard;

/* Up to eight bytes as a word, zeros above them, no byte read that is not the id's. */
static inline uint64_t rsi_load_part(const char *bytes, size_t length)
{
    if (length >= 8) {
        return rsi_load_u64le(bytes);
    }
    if (length >= 4) {
        uint64_t high = rsi_load_u32le(bytes + length - 4);
        return rsi_load_u32le(bytes) | high << 8 * (length - 4);
    }
    if (length == 0) {
        return 0;
    }
    const uint8_t *at = (const uint8_t *)bytes;
    return at[0] | (uint64_t)at[length / 2] << 8 * (length / 2) |
           (uint64_t)at[length - 1] << 8 * (length - 1);
}

static inline rsi_key rsi_key_of(rs_text id, uint64_t hash)
{
    size_t length = id.length;
    uint64_t head = rsi_load_part(id.bytes, length);
    uint64_t tail = 0;
    if (length > 8 && length <= RSI_ID_INLINE) {
        tail = rsi_load_u64le(id.bytes + length - 8) >> 8 * (16 - length);
    }
    rsi_key key = {.hash = hash};
    rsi_store_u64le(&key.id.words[0], length | head << 16);
    rsi_store_u64le(&key.id.words[1], head >> 48 | tail << 16);
    if (length > RSI_ID_INLINE) {
        memcpy(&key.id.words[1], &id.bytes, sizeof id.bytes);
    }
    return key;
}

static inline rs_text rsi_id_text(const rsi_id_entry *id)
{
    size_t length = rsi_load_u16le(id);
    const char *bytes = (const char *)id + 2;
    if (length > RSI_ID_INLINE) {
        memcpy(&bytes, &id->words[1], sizeof bytes);
    }
    return (rs_text){.bytes = bytes, .length = length};
}

/* Number `count` keys, new ones in order. RS_ENOMEM, RS_EUSAGE (too many ids). After a failure the
 * shard can only be freed. */
RS_MUST_USE rs_status rsi_shard_number(rsi_shard *shard, uint32_t number, rsi_key *keys,
                                       size_t count, rs_error *err);
/* List the ids by their numbers; the table goes, no more can be numbered. */
RS_MUST_USE rs_status rsi_shard_list(rsi_shard *shard, rs_error *err);
void rsi_shard_free(rsi_shard *shard);
/* Memory that it holds, or soon will: a table that is nearly full counts as twice as large. */
uint64_t rsi_shard_bytes(const rsi_shard *shard);

/* The id of a number, lent by its shard, which is one of `shards` and has been listed. */
static inline rs_text rsi_shard_text(const rsi_shard *shards, uint32_t local)
{
    return rsi_id_text(&shards[local >> RSI_LOCAL_BITS].ids[local & RSI_LOCAL_MASK]);
}

static inline const void *rsi_shard_at(const rsi_shard *shards, uint32_t local)
{
    return &shards[local >> RSI_LOCAL_BITS].ids[local & RSI_LOCAL_MASK];
}

#endif
