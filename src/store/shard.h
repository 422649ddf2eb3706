/* shard.h - one sixteenth of the distinct ids of one node type in a batch: a hash table that
 * numbers them.
 *
 * Each shard is worked on by one thread at a time, all its keys of many blocks in one go, so that
 * its table stays in the processor's cache. Slots are asked for before they are looked at: a load
 * that waits for another costs 20 times one that does not.
 * Layout: slots of 16 bytes, open addressing, at most 3/4 full; ids in chunks, each behind its u16
 * length, in order of their numbers.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_SHARD_H
#define RSI_STORE_SHARD_H

#include <stddef.h>
#include <stdint.h>

#include "ringscope/error.h"

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
    uint32_t tag;      /* low half of the hash */
    uint32_t local;    /* number in the shard + 1; 0: empty */
    const uint8_t *id; /* u16 length, bytes */
} rsi_slot;

typedef struct rsi_shard {
    rsi_slot *slots;
    uint32_t slot_count; /* 0 or a power of two */
    uint32_t id_count;
    uint8_t **chunks;
    uint32_t *chunk_used; /* bytes of each chunk */
    uint32_t chunk_count;
    uint32_t chunk_size; /* of the last */
} rsi_shard;

/* Number `count` keys, new ones in order. RS_ENOMEM, RS_EUSAGE (too many ids). After a failure the
 * shard can only be freed. */
RS_MUST_USE rs_status rsi_shard_number(rsi_shard *shard, uint32_t number, rsi_key *keys,
                                       size_t count, rs_error *err);
/* The table goes, the ids stay. */
void rsi_shard_free_slots(rsi_shard *shard);
void rsi_shard_free(rsi_shard *shard);

#endif
