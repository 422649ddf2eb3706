/* edgetable.c - chunks of rows into records, parted by source.
 *
 *   count   how many edges each bucket of sources has
 *   part    edgeparts.h
 *   scatter each row to its part, 8 to 48 bytes a row
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/edgetable.h"

#include <stdlib.h>

#include "base/pages.h"
#include "base/parallel.h"
#include "base/try.h"
#include "store/intcodec.h"

/* What the rows of some chunks need. */
typedef struct span {
    int64_t time_min;
    int64_t time_max;
    unsigned amount_words;
    bool extra;
} span;

typedef struct table_state {
    rsi_edge_table *table;
    rsi_batch_relation_state *relation;
    size_t range_count; /* chunks are split into so many ranges, one task each */
    span *spans;        /* per range */
} table_state;

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (edges of the batch)");
}

static size_t range_start(const table_state *state, size_t range)
{
    return range * state->relation->chunk_count / state->range_count;
}

static inline int64_t chunk_time(const rsi_chunk *chunk, size_t i)
{
    if (chunk->time32 != NULL) {
        return chunk->time32[i] == 0 ? RS_NO_TIME
                                     : (int64_t)((uint64_t)chunk->time_base + chunk->time32[i] - 1);
    }
    return chunk->time64 != NULL ? chunk->time64[i] : RS_NO_TIME;
}

/* As the column stores it: 0 none, else zigzag + 1. */
static inline uint64_t chunk_amount(const rsi_chunk *chunk, size_t i)
{
    if (chunk->amount32 != NULL) {
        return chunk->amount32[i];
    }
    bool none = chunk->amount64 == NULL || chunk->amount64[i] == RS_NO_AMOUNT;
    return none ? 0 : rsi_zigzag(chunk->amount64[i]) + 1;
}

/* ---- count -------------------------------------------------------------------------------- */

static void widen(span *wanted, int64_t time)
{
    if (time != RS_NO_TIME) {
        wanted->time_min = time < wanted->time_min ? time : wanted->time_min;
        wanted->time_max = time > wanted->time_max ? time : wanted->time_max;
    }
}

static rs_status count_range(void *context, size_t range, unsigned worker, rs_error *err)
{
    const table_state *state = context;
    const rsi_edge_parts *parts = &state->table->parts;
    uint64_t *counts = rsi_edge_counts(parts, range);
    span wanted = {.time_min = INT64_MAX, .time_max = INT64_MIN};
    (void)worker;
    (void)err;
    for (size_t c = range_start(state, range); c < range_start(state, range + 1); c++) {
        const rsi_chunk *chunk = state->relation->chunks[c];
        bool timed = chunk->time32 != NULL || chunk->time64 != NULL;
        for (size_t i = 0; i < chunk->count; i++) {
            if (chunk->src[i] != RS_NO_NODE) {
                counts[chunk->src[i] >> parts->shift]++;
                if (timed) {
                    widen(&wanted, chunk_time(chunk, i));
                }
            }
        }
        unsigned words = chunk->amount64 != NULL ? 2 : (chunk->amount32 != NULL ? 1 : 0);
        wanted.amount_words = words > wanted.amount_words ? words : wanted.amount_words;
        wanted.extra = wanted.extra || chunk->extra != NULL;
    }
    state->spans[range] = wanted;
    return RS_OK;
}

static void choose_layout(const table_state *state, bool keys)
{
    span all = {.time_min = INT64_MAX, .time_max = INT64_MIN};
    for (size_t i = 0; i < state->range_count; i++) {
        const span *one = &state->spans[i];
        all.time_min = one->time_min < all.time_min ? one->time_min : all.time_min;
        all.time_max = one->time_max > all.time_max ? one->time_max : all.time_max;
        all.amount_words =
            one->amount_words > all.amount_words ? one->amount_words : all.amount_words;
        all.extra = all.extra || one->extra;
    }
    state->table->time_min = all.time_min;
    state->table->time_max = all.time_max;
    state->table->layout = rsi_record_layout_of(all.time_min, all.time_max, all.amount_words,
                                                all.extra ? (keys ? 5 : 4) : 0);
}

/* ---- scatter ------------------------------------------------------------------------------ */

static inline void put_extra(uint32_t *at, unsigned words, const rsi_row_extra *extra)
{
    at[0] = extra == NULL ? 1 : extra->precision_s;
    at[1] = extra == NULL ? 0 : extra->file;
    rsi_put_number(at + 2, 2, extra == NULL ? 0 : extra->line);
    if (words == 5) {
        at[4] = extra == NULL ? RSI_NO_KEY : extra->key;
    }
}

static void scatter_chunk(const rsi_edge_table *table, const rsi_chunk *chunk, uint64_t *places)
{
    const rsi_record_layout layout = table->layout;
    const rsi_edge_parts *parts = &table->parts;
    for (size_t i = 0; i < chunk->count; i++) {
        uint32_t src = chunk->src[i];
        if (src == RS_NO_NODE) {
            continue;
        }
        uint64_t place = places[parts->part_of[src >> parts->shift]]++;
        uint32_t *record = table->records + place * layout.words;
        record[0] = src;
        record[1] = chunk->dst[i];
        if (layout.time_words > 0) {
            int64_t time = chunk_time(chunk, i);
            uint64_t offset = (uint64_t)time - (uint64_t)layout.time_base + 1;
            rsi_put_number(record + layout.time_at, layout.time_words,
                           time == RS_NO_TIME ? 0 : offset);
        }
        rsi_put_number(record + layout.amount_at, layout.amount_words, chunk_amount(chunk, i));
        if (layout.extra_words > 0) {
            put_extra(record + layout.extra_at, layout.extra_words,
                      chunk->extra == NULL ? NULL : &chunk->extra[i]);
        }
    }
}

static rs_status scatter_range(void *context, size_t range, unsigned worker, rs_error *err)
{
    const table_state *state = context;
    const rsi_edge_parts *parts = &state->table->parts;
    (void)worker;
    (void)err;
    for (size_t c = range_start(state, range); c < range_start(state, range + 1); c++) {
        scatter_chunk(state->table, state->relation->chunks[c],
                      parts->counts + range * parts->part_count);
    }
    return RS_OK;
}

static size_t records_bytes(const rsi_edge_table *table)
{
    return table->parts.edge_count * table->layout.words * sizeof *table->records;
}

/* ---- all of it ---------------------------------------------------------------------------- */

rs_status rsi_edge_table_make(rsi_edge_table *table, rsi_batch *batch,
                              rsi_batch_relation_state *relation, bool keys, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_batch_type_state *src = batch->types[relation->src_type];
    const rs_work *work = &batch->work;
    table_state state = {
        .table = table, .relation = relation, .range_count = rsi_parallel_workers(work)};
    *table = (rsi_edge_table){0};
    state.spans = calloc(state.range_count, sizeof *state.spans);
    if (state.spans == NULL) {
        return no_memory(err);
    }
    RS_TRY(rsi_edge_parts_init(&table->parts, src->known_count + src->fresh_count,
                               state.range_count, err));
    RS_TRY(rsi_parallel(work, state.range_count, count_range, &state, err));
    choose_layout(&state, keys);
    RS_TRY(rsi_edge_parts_choose(&table->parts, err));
    if (table->parts.edge_count > 0) {
        RS_TRY(rsi_edge_parts_place(&table->parts, err));
        table->records = rsi_pages_take(records_bytes(table));
        if (table->records == NULL) {
            status = no_memory(err);
            goto done;
        }
        RS_TRY(rsi_parallel(work, state.range_count, scatter_range, &state, err));
    }
    rsi_chunks_free(relation);
done:
    free(state.spans);
    return status;
}

void rsi_edge_table_free(rsi_edge_table *table)
{
    rsi_pages_give(table->records, records_bytes(table));
    rsi_edge_parts_free(&table->parts);
    *table = (rsi_edge_table){0};
}
