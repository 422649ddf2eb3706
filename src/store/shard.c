/* shard.c - number the distinct ids of a shard.
 *
 * Keys go through in groups: the first slot of each is asked for a group ahead; then each group's
 * slots are searched by tag and the ids that the tags promise are asked for; then ids are compared.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/shard.h"

#include <stdlib.h>

enum { SLOTS_MIN = 64, GROUP = 64, IDS_MIN = 64, CHUNK_MIN = 4096, CHUNK_MAX = 1 << 18 };

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (ids of the batch)");
}

/* ---- room --------------------------------------------------------------------------------- */

static rs_status grow_slots(rsi_shard *shard, rs_error *err)
{
    uint32_t count = shard->slot_count == 0 ? SLOTS_MIN : 2 * shard->slot_count;
    rsi_slot *slots = calloc(count, sizeof *slots);
    if (slots == NULL) {
        return no_memory(err);
    }
    for (uint32_t i = 0; i < shard->slot_count; i++) {
        const rsi_slot *slot = &shard->slots[i];
        uint32_t at = slot->tag & (count - 1);
        while (slot->local != 0 && slots[at].local != 0) {
            at = (at + 1) & (count - 1);
        }
        if (slot->local != 0) {
            slots[at] = *slot;
        }
    }
    free(shard->slots);
    shard->slots = slots;
    shard->slot_count = count;
    return RS_OK;
}

static rs_status grow_ids(rsi_shard *shard, size_t wanted, rs_error *err)
{
    size_t capacity = shard->id_capacity + (size_t)shard->id_capacity / 2 + IDS_MIN;
    capacity = capacity < wanted ? wanted : capacity;
    capacity = capacity > RSI_SHARD_IDS_MAX ? RSI_SHARD_IDS_MAX : capacity;
    rsi_id_entry *ids = realloc(shard->ids, capacity * sizeof *ids);
    if (ids == NULL) {
        return no_memory(err);
    }
    shard->ids = ids;
    shard->id_capacity = (uint32_t)capacity;
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
    while (status == RS_OK && (shard->id_count + more) * 8 > (uint64_t)shard->slot_count * 5) {
        status = grow_slots(shard, err);
    }
    if (status == RS_OK && shard->id_count + more > shard->id_capacity) {
        status = grow_ids(shard, shard->id_count + more, err);
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

/* Up to eight bytes as a word, zeros above them, no byte read that is not the id's. */
static inline uint64_t load_part(const char *bytes, size_t length)
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

/* The entry of a short id; of a long one all but the pointer. */
static inline rsi_id_entry entry_of(const rsi_key *key)
{
    size_t length = key->length;
    uint64_t head = load_part(key->bytes, length);
    uint64_t tail = 0;
    if (length > 8 && length <= RSI_ID_INLINE) {
        tail = rsi_load_u64le(key->bytes + length - 8) >> 8 * (16 - length);
    }
    rsi_id_entry entry;
    rsi_store_u64le(&entry.words[0], length | head << 16);
    rsi_store_u64le(&entry.words[1], head >> 48 | tail << 16);
    return entry;
}

static inline bool same_id(const rsi_id_entry *id, const rsi_id_entry *wanted, const rsi_key *key)
{
    if (id->words[0] != wanted->words[0]) {
        return false;
    }
    if (key->length <= RSI_ID_INLINE) {
        return id->words[1] == wanted->words[1];
    }
    const char *bytes = NULL;
    memcpy(&bytes, &id->words[1], sizeof bytes);
    return memcmp(bytes, key->bytes, key->length) == 0;
}

static rs_status add_id(rsi_shard *shard, const rsi_key *key, rsi_id_entry entry, rs_error *err)
{
    if (key->length > RSI_ID_INLINE) {
        if (shard->chunk_size - shard->chunk_used < key->length) {
            rs_status status = add_chunk(shard, key->length, err);
            if (status != RS_OK) {
                return status;
            }
        }
        uint8_t *bytes = shard->chunks[shard->chunk_count - 1] + shard->chunk_used;
        memcpy(bytes, key->bytes, key->length);
        memcpy(&entry.words[1], &bytes, sizeof bytes);
        shard->chunk_used += key->length;
    }
    shard->ids[shard->id_count++] = entry;
    return RS_OK;
}

/* ---- look-up ------------------------------------------------------------------------------ */

static rs_status number_key(rsi_shard *shard, rsi_key *key, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t mask = shard->slot_count - 1;
    uint32_t tag = (uint32_t)key->hash;
    uint32_t at = tag & mask;
    rsi_slot *slot = &shard->slots[at];
    rsi_id_entry wanted = entry_of(key);
    while (slot->local != 0 &&
           !(slot->tag == tag && same_id(&shard->ids[slot->local - 1], &wanted, key))) {
        at = (at + 1) & mask;
        slot = &shard->slots[at];
    }
    if (slot->local == 0) {
        status = add_id(shard, key, wanted, err);
        *slot = (rsi_slot){.tag = tag, .local = shard->id_count};
    }
    key->local = slot->local - 1;
    return status;
}

static void ask_slots(const rsi_shard *shard, const rsi_key *keys, size_t count)
{
    uint32_t mask = shard->slot_count - 1;
    for (size_t i = 0; i < count; i++) {
        __builtin_prefetch(&shard->slots[(uint32_t)keys[i].hash & mask]);
        __builtin_prefetch(keys[i].bytes);
    }
}

/* Ask for the id of the first slot that has the key's tag: most often it is the key's own. */
static void ask_ids(const rsi_shard *shard, const rsi_key *keys, size_t count)
{
    uint32_t mask = shard->slot_count - 1;
    for (size_t i = 0; i < count; i++) {
        uint32_t tag = (uint32_t)keys[i].hash;
        uint32_t at = tag & mask;
        while (shard->slots[at].local != 0 && shard->slots[at].tag != tag) {
            at = (at + 1) & mask;
        }
        __builtin_prefetch(&shard->ids[shard->slots[at].local - (shard->slots[at].local != 0)]);
    }
}

rs_status rsi_shard_number(rsi_shard *shard, uint32_t number, rsi_key *keys, size_t count,
                           rs_error *err)
{
    rs_status status = count == 0 ? RS_OK : reserve(shard, count < GROUP ? count : GROUP, err);
    if (status == RS_OK && count > 0) {
        ask_slots(shard, keys, count < GROUP ? count : GROUP);
    }
    for (size_t from = 0; status == RS_OK && from < count; from += GROUP) {
        size_t here = count - from < GROUP ? count - from : GROUP;
        size_t ahead = count - from - here < GROUP ? count - from - here : GROUP;
        status = reserve(shard, here, err);
        if (status == RS_OK) {
            ask_slots(shard, keys + from + here, ahead);
            ask_ids(shard, keys + from, here);
        }
        for (size_t i = from; status == RS_OK && i < from + here; i++) {
            status = number_key(shard, &keys[i], err);
            keys[i].local |= number << RSI_LOCAL_BITS;
        }
    }
    return status;
}

/* ---- life --------------------------------------------------------------------------------- */

void rsi_shard_free_slots(rsi_shard *shard)
{
    free(shard->slots);
    shard->slots = NULL;
    shard->slot_count = 0;
}

void rsi_shard_free(rsi_shard *shard)
{
    rsi_shard_free_slots(shard);
    for (uint32_t i = 0; i < shard->chunk_count; i++) {
        free(shard->chunks[i]);
    }
    free(shard->chunks);
    free(shard->ids);
    *shard = (rsi_shard){0};
}

uint64_t rsi_shard_bytes(const rsi_shard *shard)
{
    return (uint64_t)shard->slot_count * sizeof *shard->slots +
           (uint64_t)shard->id_capacity * sizeof *shard->ids + shard->chunk_bytes;
}
