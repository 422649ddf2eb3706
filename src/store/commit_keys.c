/* commit_keys.c - an event that was sent before is not counted again.
 *
 * An event's key belongs to the relations of one name. A key that an earlier batch brought drops
 * the event; of several events of one key in this batch the least row stays, so that the order of
 * rows does not matter.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/try.h"
#include "store/batch_internal.h"
#include "store/intcodec.h"

/* A row by where it is. */
typedef struct keyed_event {
    const rsi_batch_relation_state *relation; /* NULL: none yet */
    rsi_chunk *chunk;
    uint32_t row;
} keyed_event;

enum { FIELDS = 9 };

static void fields_of(const keyed_event *event, uint64_t fields[FIELDS])
{
    const rsi_chunk *chunk = event->chunk;
    uint32_t i = event->row;
    const rsi_row_extra *extra = &chunk->extra[i];
    uint64_t time = 0; /* none; else above 0 and in order */
    if (chunk->time32 != NULL && chunk->time32[i] != 0) {
        time = ((uint64_t)chunk->time_base + chunk->time32[i] - 1) ^ (uint64_t)1 << 63;
    } else if (chunk->time64 != NULL && chunk->time64[i] != RS_NO_TIME) {
        time = (uint64_t)chunk->time64[i] ^ (uint64_t)1 << 63;
    }
    uint64_t amount = chunk->amount32 != NULL ? chunk->amount32[i] : 0;
    if (chunk->amount64 != NULL && chunk->amount64[i] != RS_NO_AMOUNT) {
        amount = rsi_zigzag(chunk->amount64[i]) + 1;
    }
    uint64_t filled[FIELDS] = {event->relation->object, chunk->src[i], chunk->dst[i], time, amount,
                               extra->precision_s,      extra->file,   extra->line,   0};
    memcpy(fields, filled, sizeof filled);
}

static bool is_before(const keyed_event *a, const keyed_event *b)
{
    uint64_t x[FIELDS];
    uint64_t y[FIELDS];
    fields_of(a, x);
    fields_of(b, y);
    for (int i = 0; i < FIELDS; i++) {
        if (x[i] != y[i]) {
            return x[i] < y[i];
        }
    }
    return false;
}

static void drop(const keyed_event *event, uint64_t *dropped)
{
    event->chunk->src[event->row] = RS_NO_NODE;
    (*dropped)++;
}

static void weigh(const keyed_event *candidate, uint32_t known, keyed_event *best,
                  uint64_t *dropped)
{
    uint32_t key = candidate->chunk->extra[candidate->row].key;
    if (key == RSI_NO_KEY) {
        return;
    }
    if (key < known) {
        drop(candidate, dropped);
        return;
    }
    keyed_event *holder = &best[key - known];
    if (holder->relation == NULL) {
        *holder = *candidate;
    } else if (is_before(candidate, holder)) {
        drop(holder, dropped);
        *holder = *candidate;
    } else {
        drop(candidate, dropped);
    }
}

static rs_status drop_repeats(rsi_batch *batch, uint32_t key_type, uint64_t *dropped, rs_error *err)
{
    const rsi_batch_type_state *keys = batch->types[key_type];
    keyed_event *best = calloc((size_t)keys->fresh_count + 1, sizeof *best);
    if (best == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u event keys)", keys->fresh_count);
    }
    for (uint32_t r = 0; r < batch->relation_count; r++) {
        const rsi_batch_relation_state *relation = batch->relations[r];
        for (size_t c = 0; relation->key_type == key_type && c < relation->chunk_count; c++) {
            rsi_chunk *chunk = relation->chunks[c];
            for (uint32_t i = 0; chunk->extra != NULL && i < chunk->count; i++) {
                keyed_event candidate = {.relation = relation, .chunk = chunk, .row = i};
                weigh(&candidate, keys->known_count, best, dropped);
            }
        }
    }
    free(best);
    return RS_OK;
}

rs_status rsi_commit_keys(rsi_output *output, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_batch *batch = output->batch;
    for (uint32_t t = 0; status == RS_OK && t < batch->type_count; t++) {
        if (batch->types[t]->hidden && batch->types[t]->nodes != NULL) {
            status = drop_repeats(batch, t, &output->dropped_count, err);
        }
    }
    return status;
}
