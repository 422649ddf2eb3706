/* shard.c - number the distinct ids of a shard.
 *
 * Keys go through in groups, room for a whole group is made before; the bucket of each is asked for
 * AHEAD keys before it is looked at, the bytes of a long id NEAR keys before.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/shard.h"

#include <stdlib.h>

#include "base/hash_inline.h"
#include "base/pages.h"

enum { BUCKETS_MIN = 16, GROUP = 64, AHEAD = 24, NEAR = 8, CHUNK_MIN = 4096, CHUNK_MAX = 1 << 18 };
enum { TAG_SHIFT = 48 }; /* bits of the hash that choose neither shard nor bucket */

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (ids of the batch)");
}

/* ---- room --------------------------------------------------------------------------------- */

static size_t table_bytes(const rsi_shard *shard)
{
    return (size_t)shard->bucket_count * sizeof *shard->buckets;
}

/* Put an id that is not there into the first free place from its bucket on. */
static void put_id(rsi_bucket *buckets, uint32_t mask, const rsi_bucket *from, size_t place)
{
    rs_text id = rsi_id_text(&from->ids[place]);
    uint32_t at = (uint32_t)rsi_hash64_inline(id.bytes, id.length) & mask;
    while (buckets[at].locals[RSI_BUCKET_IDS - 1] != 0) {
        at = (at + 1) & mask;
    }
    size_t to = 0;
    while (buckets[at].locals[to] != 0) {
        to++;
    }
    buckets[at].ids[to] = from->ids[place];
    buckets[at].locals[to] = from->locals[place];
    buckets[at].tags[to] = from->tags[place];
}

static rs_status grow(rsi_shard *shard, rs_error *err)
{
    uint32_t count = shard->bucket_count == 0 ? BUCKETS_MIN : 2 * shard->bucket_count;
    rsi_bucket *buckets = rsi_pages_take(count * sizeof *buckets);
    if (buckets == NULL) {
        return no_memory(err);
    }
    for (uint32_t i = 0; i < shard->bucket_count; i++) {
        const rsi_bucket *bucket = &shard->buckets[i];
        for (size_t k = 0; k < RSI_BUCKET_IDS && bucket->locals[k] != 0; k++) {
            put_id(buckets, count - 1, bucket, k);
        }
    }
    rsi_pages_give(shard->buckets, table_bytes(shard));
    shard->buckets = buckets;
    shard->bucket_count = count;
    return RS_OK;
}

/* Room for `more` ids, so that the table does not move while they are put in. */
static rs_status reserve(rsi_shard *shard, size_t more, rs_error *err)
{
    rs_status status = RS_OK;
    if (shard->id_count > RSI_SHARD_IDS_MAX - more) {
        return rs_fail(err, RS_EUSAGE, "more than %u ids of one type in one batch: cut it in two",
                       RSI_SHARD_IDS_MAX);
    }
    while (status == RS_OK &&
           (shard->id_count + more) * 4 > (uint64_t)shard->bucket_count * RSI_BUCKET_IDS * 3) {
        status = grow(shard, err);
    }
    return status;
}

static rs_status add_chunk(rsi_shard *shard, uint32_t wanted, rs_error *err)
{
    uint32_t size = shard->chunk_count == 0 ? CHUNK_MIN : 2 * shard->chunk_size;
    uint32_t count = shard->chunk_count;
    size = size > CHUNK_MAX ? CHUNK_MAX : size;
    size = size < wanted ? wanted : size;
    if ((count & (count - 1)) == 0) {
        size_t room = count == 0 ? 1 : 2 * (size_t)count;
        uint8_t **chunks = realloc(shard->chunks, room * sizeof *chunks);
        if (chunks == NULL) {
            return no_memory(err);
        }
        shard->chunks = chunks;
    }
    shard->chunks[count] = malloc(size);
    if (shard->chunks[count] == NULL) {
        return no_memory(err);
    }
    shard->chunk_used = 0;
    shard->chunk_size = size;
    shard->chunk_bytes += size;
    shard->chunk_count = count + 1;
    return RS_OK;
}

/* ---- ids ---------------------------------------------------------------------------------- */

/* A long id in the table has pointers into the shard's own chunks. */
static rs_status keep_bytes(rsi_shard *shard, rsi_id_entry *id, rs_error *err)
{
    rs_text text = rsi_id_text(id);
    uint32_t length = (uint32_t)text.length;
    if (shard->chunk_size - shard->chunk_used < length) {
        rs_status status = add_chunk(shard, length, err);
        if (status != RS_OK) {
            return status;
        }
    }
    uint8_t *bytes = shard->chunks[shard->chunk_count - 1] + shard->chunk_used;
    memcpy(bytes, text.bytes, length);
    memcpy(&id->words[1], &bytes, sizeof bytes);
    shard->chunk_used += length;
    return RS_OK;
}

static inline bool is_long(const rsi_id_entry *id)
{
    return rsi_load_u16le(id) > RSI_ID_INLINE;
}

/* The first place in the bucket that has the id or is free; RSI_BUCKET_IDS: none. */
static inline unsigned find_short(const rsi_bucket *bucket, const rsi_id_entry *id)
{
    unsigned found = 1u << RSI_BUCKET_IDS;
    for (unsigned k = 0; k < RSI_BUCKET_IDS; k++) {
        bool same =
            bucket->ids[k].words[0] == id->words[0] && bucket->ids[k].words[1] == id->words[1];
        found |= (unsigned)(same | (bucket->locals[k] == 0)) << k;
    }
    return (unsigned)__builtin_ctz(found);
}

/* A long id is another load away: ask for the bytes of the one that it most likely is. */
static inline void ask_bytes(const rsi_bucket *bucket, const rsi_key *key)
{
    for (unsigned k = 0; k < RSI_BUCKET_IDS; k++) {
        if (bucket->tags[k] == (uint8_t)(key->hash >> TAG_SHIFT) && is_long(&bucket->ids[k])) {
            __builtin_prefetch(rsi_id_text(&bucket->ids[k]).bytes);
            return;
        }
    }
}

static unsigned find_long(const rsi_bucket *bucket, const rsi_id_entry *id, uint8_t tag)
{
    unsigned k = 0;
    for (; k < RSI_BUCKET_IDS && bucket->locals[k] != 0; k++) {
        if (bucket->tags[k] == tag && bucket->ids[k].words[0] == id->words[0]) {
            rs_text known = rsi_id_text(&bucket->ids[k]);
            rs_text wanted = rsi_id_text(id);
            if (memcmp(known.bytes, wanted.bytes, wanted.length) == 0) {
                break;
            }
        }
    }
    return k;
}

static rs_status add_id(rsi_shard *shard, rsi_bucket *bucket, unsigned place, const rsi_key *key,
                        rs_error *err)
{
    rsi_id_entry id = key->id;
    rs_status status = is_long(&id) ? keep_bytes(shard, &id, err) : RS_OK;
    if (status == RS_OK) {
        bucket->ids[place] = id;
        bucket->tags[place] = (uint8_t)(key->hash >> TAG_SHIFT);
        bucket->locals[place] = ++shard->id_count;
    }
    return status;
}

/* ---- look-up ------------------------------------------------------------------------------ */

static inline rs_status number_key(rsi_shard *shard, rsi_key *key, uint32_t number, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t mask = shard->bucket_count - 1;
    uint32_t at = (uint32_t)key->hash & mask;
    uint8_t tag = (uint8_t)(key->hash >> TAG_SHIFT);
    bool wide = is_long(&key->id);
    rsi_bucket *bucket = &shard->buckets[at];
    unsigned place = RSI_BUCKET_IDS;
    while ((place = wide ? find_long(bucket, &key->id, tag) : find_short(bucket, &key->id)) ==
           RSI_BUCKET_IDS) {
        at = (at + 1) & mask;
        bucket = &shard->buckets[at];
    }
    if (bucket->locals[place] == 0) {
        status = add_id(shard, bucket, place, key, err);
    }
    key->local = (bucket->locals[place] - 1) | number << RSI_LOCAL_BITS;
    return status;
}

static inline rsi_bucket *bucket_of(const rsi_shard *shard, const rsi_key *key)
{
    return &shard->buckets[(uint32_t)key->hash & (shard->bucket_count - 1)];
}

rs_status rsi_shard_number(rsi_shard *shard, uint32_t number, rsi_key *keys, size_t count,
                           rs_error *err)
{
    rs_status status = reserve(shard, count < GROUP ? count : GROUP, err);
    for (size_t i = 0; status == RS_OK && i < AHEAD && i < count; i++) {
        __builtin_prefetch(bucket_of(shard, &keys[i]));
    }
    for (size_t from = 0; status == RS_OK && from < count; from += GROUP) {
        size_t to = count - from < GROUP ? count : from + GROUP;
        status = reserve(shard, to - from, err);
        for (size_t i = from; status == RS_OK && i < to; i++) {
            if (i + AHEAD < count) {
                __builtin_prefetch(bucket_of(shard, &keys[i + AHEAD]));
            }
            if (i + NEAR < to && is_long(&keys[i + NEAR].id)) {
                ask_bytes(bucket_of(shard, &keys[i + NEAR]), &keys[i + NEAR]);
            }
            status = number_key(shard, &keys[i], number, err);
        }
    }
    return status;
}

/* ---- life --------------------------------------------------------------------------------- */

static void free_table(rsi_shard *shard)
{
    rsi_pages_give(shard->buckets, table_bytes(shard));
    shard->buckets = NULL;
    shard->bucket_count = 0;
}

rs_status rsi_shard_list(rsi_shard *shard, rs_error *err)
{
    shard->ids = malloc(shard->id_count * sizeof *shard->ids + 1);
    if (shard->ids == NULL) {
        return no_memory(err);
    }
    for (uint32_t i = 0; i < shard->bucket_count; i++) {
        const rsi_bucket *bucket = &shard->buckets[i];
        for (size_t k = 0; k < RSI_BUCKET_IDS && bucket->locals[k] != 0; k++) {
            shard->ids[bucket->locals[k] - 1] = bucket->ids[k];
        }
    }
    free_table(shard);
    return RS_OK;
}

void rsi_shard_free(rsi_shard *shard)
{
    free_table(shard);
    for (uint32_t i = 0; i < shard->chunk_count; i++) {
        free(shard->chunks[i]);
    }
    free(shard->chunks);
    free(shard->ids);
    *shard = (rsi_shard){0};
}

uint64_t rsi_shard_bytes(const rsi_shard *shard)
{
    uint64_t places = (uint64_t)shard->bucket_count * RSI_BUCKET_IDS;
    bool grows = (uint64_t)shard->id_count * 3 > places * 2;
    return (grows ? 2 : 1) * table_bytes(shard) + shard->chunk_bytes;
}
