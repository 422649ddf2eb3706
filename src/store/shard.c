/* shard.c - number the distinct ids of a shard.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/shard.h"

#include <stdlib.h>

#include "base/bytes.h"

enum { SLOTS_MIN = 64, GROUP = 32, CHUNK_MIN = 4096, CHUNK_MAX = 1 << 18 };

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (ids of the batch)");
}

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

/* Room for `more` ids, so that the table does not move while they are put in. */
static rs_status reserve(rsi_shard *shard, size_t more, rs_error *err)
{
    rs_status status = RS_OK;
    if (shard->id_count > RSI_SHARD_IDS_MAX - more) {
        return rs_fail(err, RS_EUSAGE, "more than %u ids of one type in one batch: cut it in two",
                       RSI_SHARD_IDS_MAX);
    }
    while (status == RS_OK && (shard->id_count + more) * 4 > (uint64_t)shard->slot_count * 3) {
        status = grow_slots(shard, err);
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
        uint32_t *used = realloc(shard->chunk_used, room * sizeof *used);
        if (used == NULL) {
            return no_memory(err);
        }
        shard->chunk_used = used;
    }
    shard->chunks[count] = malloc(size);
    if (shard->chunks[count] == NULL) {
        return no_memory(err);
    }
    shard->chunk_used[count] = 0;
    shard->chunk_size = size;
    shard->chunk_count = count + 1;
    return RS_OK;
}

static rs_status add_id(rsi_shard *shard, const rsi_key *key, rsi_slot *slot, rs_error *err)
{
    uint32_t wanted = key->length + 2;
    uint32_t last = shard->chunk_count - 1;
    if (shard->chunk_count == 0 || shard->chunk_size - shard->chunk_used[last] < wanted) {
        rs_status status = add_chunk(shard, wanted, err);
        if (status != RS_OK) {
            return status;
        }
        last = shard->chunk_count - 1;
    }
    uint8_t *id = shard->chunks[last] + shard->chunk_used[last];
    rsi_store_u16le(id, (uint16_t)key->length);
    if (key->length > 0) {
        memcpy(id + 2, key->bytes, key->length);
    }
    shard->chunk_used[last] += wanted;
    *slot = (rsi_slot){.tag = (uint32_t)key->hash, .local = ++shard->id_count, .id = id};
    return RS_OK;
}

/* Ids are short: words, the last of which may overlap the one before, beat a call of memcmp. */
static inline bool same_id(const uint8_t *id, const rsi_key *key)
{
    size_t length = key->length;
    if (rsi_load_u16le(id) != length) {
        return false;
    }
    const uint8_t *bytes = id + 2;
    if (length < 8) {
        return memcmp(bytes, key->bytes, length) == 0;
    }
    for (size_t at = 0; at + 8 < length; at += 8) {
        if (rsi_load_u64le(bytes + at) != rsi_load_u64le(key->bytes + at)) {
            return false;
        }
    }
    return rsi_load_u64le(bytes + length - 8) == rsi_load_u64le(key->bytes + length - 8);
}

static rs_status number_key(rsi_shard *shard, rsi_key *key, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t mask = shard->slot_count - 1;
    uint32_t tag = (uint32_t)key->hash;
    uint32_t at = tag & mask;
    rsi_slot *slot = &shard->slots[at];
    while (slot->local != 0 && !(slot->tag == tag && same_id(slot->id, key))) {
        at = (at + 1) & mask;
        slot = &shard->slots[at];
    }
    if (slot->local == 0) {
        status = add_id(shard, key, slot, err);
    }
    key->local = slot->local - 1;
    return status;
}

rs_status rsi_shard_number(rsi_shard *shard, uint32_t number, rsi_key *keys, size_t count,
                           rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t from = 0; status == RS_OK && from < count; from += GROUP) {
        size_t to = count - from < GROUP ? count : from + GROUP;
        status = reserve(shard, to - from, err);
        uint32_t mask = shard->slot_count - 1;
        for (size_t i = from; status == RS_OK && i < to; i++) {
            __builtin_prefetch(&shard->slots[(uint32_t)keys[i].hash & mask]);
            __builtin_prefetch(keys[i].bytes);
        }
        for (size_t i = from; status == RS_OK && i < to; i++) {
            __builtin_prefetch(shard->slots[(uint32_t)keys[i].hash & mask].id);
        }
        for (size_t i = from; status == RS_OK && i < to; i++) {
            status = number_key(shard, &keys[i], err);
            keys[i].local |= number << RSI_LOCAL_BITS;
        }
    }
    return status;
}

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
    free(shard->chunk_used);
    *shard = (rsi_shard){0};
}
