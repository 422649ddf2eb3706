/* hubs.c - Misra-Gries counters in a hash table, and HyperLogLog registers beside them.
 *
 * Invariant: an id's true count lies in [counter, counter + lost], with counter 0 where it has
 * none. When the table is full every counter goes down by one and those at 0 go: that pays for
 * itself, because each such pass needs as many additions before it. Memory: 8 MiB and the ids'
 * bytes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ingest/hubs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { SLOTS = RSI_HUBS_EXACT * 2, REGISTER_BITS = 14, REGISTERS = 1 << REGISTER_BITS };

typedef struct counter {
    uint64_t hash;
    char *id; /* NULL: free */
    uint32_t length;
    uint64_t count; /* one more than the relations seen: an id that is only there counts too */
} counter;

struct rsi_hubs {
    counter *counters; /* open addressing */
    size_t used;
    uint64_t lost;
    uint8_t registers[REGISTERS];
};

rs_status rsi_hubs_new(rsi_hubs **out, rs_error *err)
{
    rsi_hubs *hubs = calloc(1, sizeof *hubs);
    counter *counters = calloc(SLOTS, sizeof *counters);
    if (hubs == NULL || counters == NULL) {
        free(hubs);
        free(counters);
        return rs_fail(err, RS_ENOMEM, "out of memory (hubs)");
    }
    hubs->counters = counters;
    *out = hubs;
    return RS_OK;
}

void rsi_hubs_free(rsi_hubs *hubs)
{
    if (hubs == NULL) {
        return;
    }
    for (size_t i = 0; i < SLOTS; i++) {
        free(hubs->counters[i].id);
    }
    free(hubs->counters);
    free(hubs);
}

static counter *slot_of(counter *counters, uint64_t hash, rs_text id)
{
    size_t i = (size_t)hash & (SLOTS - 1);
    while (counters[i].id != NULL && (counters[i].hash != hash || counters[i].length != id.length ||
                                      memcmp(counters[i].id, id.bytes, id.length) != 0)) {
        i = (i + 1) & (SLOTS - 1);
    }
    return &counters[i];
}

/* Every counter down by one; the table is built anew without those that are gone. */
static rs_status let_go(rsi_hubs *hubs, rs_error *err)
{
    counter *kept = calloc(SLOTS, sizeof *kept);
    if (kept == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (hubs)");
    }
    hubs->used = 0;
    hubs->lost++;
    for (size_t i = 0; i < SLOTS; i++) {
        counter *old = &hubs->counters[i];
        if (old->id == NULL) {
            continue;
        }
        if (--old->count == 0) {
            free(old->id);
            continue;
        }
        *slot_of(kept, old->hash, (rs_text){old->id, old->length}) = *old;
        hubs->used++;
    }
    free(hubs->counters);
    hubs->counters = kept;
    return RS_OK;
}

static void note_distinct(rsi_hubs *hubs, uint64_t hash)
{
    size_t index = (size_t)(hash >> (64 - REGISTER_BITS));
    uint64_t rest = hash << REGISTER_BITS | UINT64_C(1) << (REGISTER_BITS - 1);
    uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);
    if (hubs->registers[index] < rank) {
        hubs->registers[index] = rank;
    }
}

rs_status rsi_hubs_add(rsi_hubs *hubs, rs_text id, unsigned weight, rs_error *err)
{
    uint64_t hash = rsi_hash64(id.bytes, id.length, 0);
    note_distinct(hubs, hash);
    counter *slot = slot_of(hubs->counters, hash, id);
    if (slot->id != NULL) {
        slot->count += weight;
        return RS_OK;
    }
    if (hubs->used == RSI_HUBS_EXACT) {
        return let_go(hubs, err); /* the newcomer is let go with the others */
    }
    slot->id = malloc(id.length + 1);
    if (slot->id == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (hubs)");
    }
    memcpy(slot->id, id.bytes, id.length);
    slot->hash = hash;
    slot->length = (uint32_t)id.length;
    slot->count = 1 + weight;
    hubs->used++;
    return RS_OK;
}

/* Whether `a` stands before `b`. */
static bool before(const rsi_hub *a, const rsi_hub *b)
{
    if (a->count != b->count) {
        return a->count > b->count;
    }
    size_t shared = a->id.length < b->id.length ? a->id.length : b->id.length;
    int order = memcmp(a->id.bytes, b->id.bytes, shared);
    return order != 0 ? order < 0 : a->id.length < b->id.length;
}

size_t rsi_hubs_top(const rsi_hubs *hubs, rsi_hub top[RSI_HUBS_SHOWN])
{
    size_t count = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        const counter *one = &hubs->counters[i];
        if (one->id == NULL || one->count == 1) {
            continue;
        }
        rsi_hub hub = {{one->id, one->length}, one->count - 1};
        if (count == RSI_HUBS_SHOWN && !before(&hub, &top[count - 1])) {
            continue;
        }
        size_t at = count < RSI_HUBS_SHOWN ? count++ : count - 1;
        for (; at > 0 && before(&hub, &top[at - 1]); at--) {
            top[at] = top[at - 1];
        }
        top[at] = hub;
    }
    return count;
}

uint64_t rsi_hubs_error(const rsi_hubs *hubs)
{
    /* An id that is only there costs a newcomer's place too, so each pass may lose one, and the
     * first sight of an id after its counter went is counted from 0 again. */
    return hubs->lost;
}

uint64_t rsi_hubs_distinct(const rsi_hubs *hubs, bool *exact)
{
    *exact = hubs->lost == 0;
    if (*exact) {
        return hubs->used;
    }
    double sum = 0;
    for (size_t i = 0; i < REGISTERS; i++) {
        sum += ldexp(1, -(int)hubs->registers[i]);
    }
    double alpha = 0.7213 / (1 + 1.079 / REGISTERS);
    return (uint64_t)(alpha * REGISTERS * REGISTERS / sum);
}
