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

static inline bool same_id(const rsi_id_entry *id, const rsi_id_entry *wanted)
{
    if (id->words[0] != wanted->words[0]) {
        return false;
    }
    if (rsi_load_u16le(wanted) <= RSI_ID_INLINE) {
        return id->words[1] == wanted->words[1];
    }
    rs_text a = rsi_id_text(id);
    rs_text b = rsi_id_text(wanted);
    return memcmp(a.bytes, b.bytes, b.length) == 0;
}

static rs_status add_id(rsi_shard *shard, rsi_id_entry id, rs_error *err)
{
    rs_text text = rsi_id_text(&id);
    if (text.length > RSI_ID_INLINE) {
        uint32_t length = (uint32_t)text.length;
        if (shard->chunk_size - shard->chunk_used < length) {
            rs_status status = add_chunk(shard, length, err);
            if (status != RS_OK) {
                return status;
            }
        }
        uint8_t *bytes = shard->chunks[shard->chunk_count - 1] + shard->chunk_used;
        memcpy(bytes, text.bytes, length);
        memcpy(&id.words[1], &bytes, sizeof bytes);
        shard->chunk_used += length;
    }
    shard->ids[shard->id_count++] = id;
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
    while (slot->local != 0 &&
           !(slot->tag == tag && same_id(&shard->ids[slot->local - 1], &key->id))) {
        at = (at + 1) & mask;
        slot = &shard->slots[at];
    }
    if (slot->local == 0) {
        status = add_id(shard, key->id, err);
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
