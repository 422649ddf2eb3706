/* shard.h - one sixteenth of the distinct ids of one node type in a batch: a hash table that
 * numbers them.
 *
 * Each shard is worked on by one thread at a time, all its keys of many blocks in one go. A look-up
 * goes from slot to id, both asked for before they are looked at: a load that waits for another
 * costs 20 times one that does not.
 * Layout: slots of 8 bytes, open addressing, at most 5/8 full; ids in order of their numbers,
 * 16 bytes each: up to 14 bytes of id stand there themselves, longer ones are pointed to.
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

/* A key as a block collected it; `local` is the answer: shard number above, number in it below. */
typedef struct rsi_key {
    const char *bytes; /* lent by the filler until the block was appended */
    uint64_t hash;     /* rsi_hash64 of the bytes, seed 0; its top bits are the shard */
    uint32_t length;
    uint32_t local;
} rsi_key;

typedef struct rsi_slot {
    uint32_t tag;   /* low half of the hash */
    uint32_t local; /* number in the shard + 1; 0: empty */
} rsi_slot;

enum { RSI_ID_INLINE = 14 };

/* [ length u16 ][ the bytes, then zeros ], or [ length u16 ][ first 6 bytes ][ pointer to all ] */
typedef struct rsi_id_entry {
    uint64_t words[2];
} rsi_id_entry;

typedef struct rsi_shard {
    rsi_slot *slots;
    uint32_t slot_count; /* 0 or a power of two */
    uint32_t id_count;
    uint32_t id_capacity;
    uint32_t chunk_count;
    rsi_id_entry *ids; /* by local number */
    uint8_t **chunks;  /* bytes of long ids, end to end */
    uint64_t chunk_bytes;
    uint32_t chunk_used; /* bytes of the last */
    uint32_t chunk_size;
} rsi_shard;

/* Number `count` keys, new ones in order. RS_ENOMEM, RS_EUSAGE (too many ids). After a failure the
 * shard can only be freed. */
RS_MUST_USE rs_status rsi_shard_number(rsi_shard *shard, uint32_t number, rsi_key *keys,
                                       size_t count, rs_error *err);
/* The table goes, the ids stay. */
void rsi_shard_free_slots(rsi_shard *shard);
void rsi_shard_free(rsi_shard *shard);
/* Memory that it holds, in bytes. */
uint64_t rsi_shard_bytes(const rsi_shard *shard);

/* The id of a number that rsi_shard_number gave, lent by its shard, which is one of `shards`. */
static inline rs_text rsi_shard_text(const rsi_shard *shards, uint32_t local)
{
    const rsi_id_entry *id = &shards[local >> RSI_LOCAL_BITS].ids[local & RSI_LOCAL_MASK];
    size_t length = rsi_load_u16le(id);
    const char *bytes = (const char *)id + 2;
    if (length > RSI_ID_INLINE) {
        memcpy(&bytes, &id->words[1], sizeof bytes);
    }
    return (rs_text){.bytes = bytes, .length = length};
}

static inline const void *rsi_shard_at(const rsi_shard *shards, uint32_t local)
{
    return &shards[local >> RSI_LOCAL_BITS].ids[local & RSI_LOCAL_MASK];
}

#endif
