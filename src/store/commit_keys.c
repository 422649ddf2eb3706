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

static void fields_of(const keyed_event *event, uint64_t fields[RSI_EVENT_FIELDS])
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
    uint64_t filled[RSI_EVENT_FIELDS] = {
        event->relation->order, chunk->src[i], chunk->dst[i], time, amount,
        extra->precision_s,     extra->file,   extra->line};
    memcpy(fields, filled, sizeof filled);
}

static bool is_before(const keyed_event *a, const keyed_event *b)
{
    uint64_t x[RSI_EVENT_FIELDS];
    uint64_t y[RSI_EVENT_FIELDS];
    fields_of(a, x);
    fields_of(b, y);
    for (int i = 0; i < RSI_EVENT_FIELDS; i++) {
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

/* For a run: which event of each key it keeps, by rank of the key. */
static rs_status write_events(rsi_batch *batch, const keyed_event *best, uint32_t count,
                              rsi_extent *events, rs_error *err)
{
    enum { AT_ONCE = 1024 };
    rs_status status = RS_OK;
    rsi_event *some = malloc(AT_ONCE * sizeof *some);
    if (some == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (event keys)");
    }
    events->length = (uint64_t)count * sizeof *some;
    events->offset = rsi_spill_reserve(&batch->spill, events->length);
    for (uint32_t from = 0; from < count; from += AT_ONCE) {
        uint32_t here = count - from < AT_ONCE ? count - from : AT_ONCE;
        for (uint32_t i = 0; i < here; i++) {
            fields_of(&best[from + i], some[i].fields);
            some[i].fields[0] = best[from + i].relation->number; /* orders may change yet */
        }
        RS_TRY(rsi_spill_write(&batch->spill, events->offset + from * (uint64_t)sizeof *some, some,
                               here * sizeof *some, err));
    }
done:
    free(some);
    return status;
}

static rs_status drop_repeats(rsi_output *output, uint32_t key_type, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_batch *batch = output->batch;
    uint64_t *dropped = &output->dropped_count;
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
    if (output->run != NULL) {
        status =
            write_events(batch, best, keys->fresh_count, &output->run->types[key_type].events, err);
    }
    free(best);
    return status;
}

rs_status rsi_commit_keys(rsi_output *output, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_batch *batch = output->batch;
    for (uint32_t t = 0; status == RS_OK && t < batch->type_count; t++) {
        if (batch->types[t]->hidden && batch->types[t]->nodes != NULL) {
            status = drop_repeats(output, t, err);
        }
    }
    return status;
}
