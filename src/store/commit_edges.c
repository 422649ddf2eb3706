/* commit_edges.c - one relation of a batch: parted by source, sorted in cache, packed, written.
 *
 *   count   how many edges each bucket of sources has (a bucket is 2^shift sources)
 *   part    buckets in a row, up to 65,536 edges, make a part; a bucket that has more is one alone
 *   scatter each row to its part, 8 to 48 bytes a row
 *   pack    each part: radix sort by (src, dst), ties by all other columns, then blocks
 * Parts depend on the edges only, and equal rows are equal in every column, so neither threads nor
 * the order of rows shows in the file.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/parallel.h"
#include "base/try.h"
#include "store/batch_internal.h"
#include "store/edgesort.h"
#include "store/outbox.h"
#include "store/rows.h"
#include "store/segment.h"

enum { BUCKETS_MAX = 1 << 15 };

typedef struct edges_part {
    uint64_t start; /* first record */
    uint64_t count;
} edges_part;

/* A record is 32-bit words: src, dst, then time, amount and extra, where the relation has them. */
typedef struct record_layout {
    unsigned words;
    unsigned time_at; /* 0: none */
    unsigned time_words;
    unsigned amount_at;
    unsigned amount_words;
    unsigned extra_at; /* precision, file, line (2) */
    int64_t time_base;
} record_layout;

/* Scratch of a thread that packs. */
typedef struct edges_worker {
    rsi_segment_coder *coder;
    rsi_rows_coder *rows_coder;
    rsi_buffer block;
    rsi_buffer parcel;
    rsi_buffer rows_parcel;
    uint64_t *order; /* capacity x 4 words: two arrays of words or of items */
    uint64_t order_capacity;
    uint32_t src[RSI_BLOCK_EDGES_MAX];
    uint32_t dst[RSI_BLOCK_EDGES_MAX];
    int64_t time[RSI_BLOCK_EDGES_MAX];
    int64_t amount[RSI_BLOCK_EDGES_MAX];
    uint32_t precision_s[RSI_BLOCK_EDGES_MAX];
    uint64_t file[RSI_BLOCK_EDGES_MAX];
    uint64_t line[RSI_BLOCK_EDGES_MAX];
} edges_worker;

typedef struct edges_state {
    rsi_output *output;
    rsi_batch_relation_state *relation;
    uint32_t src_bits;
    uint32_t dst_bits;
    unsigned shift; /* of a source to its bucket */
    size_t bucket_count;
    size_t range_count; /* chunks are split into so many ranges, one task each */
    uint64_t *cursors;  /* per range and bucket, later per range and part */
    uint32_t *part_of;  /* per bucket */
    edges_part *parts;
    size_t part_count;
    record_layout layout;
    uint64_t edge_count;
    uint32_t *records;
    bool keep_rows;
    rsi_outbox *outbox;
    rsi_outbox *rows_outbox;
    edges_worker **workers;
    unsigned worker_count;
    rsi_segment_meta meta;
} edges_state;

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (edges of the batch)");
}

/* ---- count -------------------------------------------------------------------------------- */

static size_t range_start(const edges_state *state, size_t range)
{
    return range * state->relation->chunk_count / state->range_count;
}

static rs_status count_range(void *context, size_t range, unsigned worker, rs_error *err)
{
    edges_state *state = context;
    uint64_t *counts = state->cursors + range * state->bucket_count;
    (void)worker;
    (void)err;
    for (size_t c = range_start(state, range); c < range_start(state, range + 1); c++) {
        const rsi_chunk *chunk = state->relation->chunks[c];
        for (size_t i = 0; i < chunk->count; i++) {
            if (chunk->src[i] != RS_NO_NODE) {
                counts[chunk->src[i] >> state->shift]++;
            }
        }
    }
    return RS_OK;
}

static unsigned bits_of(uint32_t count)
{
    return count <= 1 ? 1 : 32 - (unsigned)__builtin_clz(count - 1);
}

static rs_status count_edges(edges_state *state, rs_error *err)
{
    const rsi_batch *batch = state->output->batch;
    const rsi_batch_type_state *src = batch->types[state->relation->src_type];
    const rsi_batch_type_state *dst = batch->types[state->relation->dst_type];
    uint32_t sources = src->known_count + src->fresh_count;
    state->src_bits = bits_of(sources);
    state->dst_bits = bits_of(dst->known_count + dst->fresh_count);
    while (sources >> state->shift >= BUCKETS_MAX) {
        state->shift++;
    }
    state->bucket_count = (sources >> state->shift) + 1;
    state->range_count = rsi_parallel_workers(&batch->work);
    state->cursors = calloc(state->range_count * state->bucket_count, sizeof *state->cursors);
    if (state->cursors == NULL) {
        return no_memory(err);
    }
    return rsi_parallel(&batch->work, state->range_count, count_range, state, err);
}

/* ---- part --------------------------------------------------------------------------------- */

static uint64_t bucket_edges(const edges_state *state, size_t bucket)
{
    uint64_t edges = 0;
    for (size_t range = 0; range < state->range_count; range++) {
        edges += state->cursors[range * state->bucket_count + bucket];
    }
    return edges;
}

static rs_status choose_parts(edges_state *state, rs_error *err)
{
    state->part_of = calloc(state->bucket_count, sizeof *state->part_of);
    state->parts = calloc(state->bucket_count, sizeof *state->parts);
    if (state->part_of == NULL || state->parts == NULL) {
        return no_memory(err);
    }
    for (size_t bucket = 0; bucket < state->bucket_count; bucket++) {
        uint64_t edges = bucket_edges(state, bucket);
        if (edges == 0) {
            continue;
        }
        edges_part *last = state->part_count == 0 ? NULL : &state->parts[state->part_count - 1];
        if (last == NULL || last->count + edges > RSI_BLOCK_EDGES_MAX) {
            last = &state->parts[state->part_count++];
            last->start = state->edge_count;
        }
        state->part_of[bucket] = (uint32_t)(state->part_count - 1);
        last->count += edges;
        state->edge_count += edges;
    }
    return RS_OK;
}

/* Counts by range and bucket become the places to which each range writes in each part. */
static rs_status place_ranges(edges_state *state, rs_error *err)
{
    uint64_t *places = calloc(state->range_count * (state->part_count + 1), sizeof *places);
    uint64_t *next = calloc(state->part_count + 1, sizeof *next);
    if (places == NULL || next == NULL) {
        free(places);
        free(next);
        return no_memory(err);
    }
    for (size_t range = 0; range < state->range_count; range++) {
        for (size_t bucket = 0; bucket < state->bucket_count; bucket++) {
            places[range * state->part_count + state->part_of[bucket]] +=
                state->cursors[range * state->bucket_count + bucket];
        }
    }
    for (size_t p = 0; p < state->part_count; p++) {
        next[p] = state->parts[p].start;
        for (size_t range = 0; range < state->range_count; range++) {
            uint64_t count = places[range * state->part_count + p];
            places[range * state->part_count + p] = next[p];
            next[p] += count;
        }
    }
    free(next);
    free(state->cursors);
    state->cursors = places;
    return RS_OK;
}

/* ---- scatter ------------------------------------------------------------------------------ */

typedef struct time_range {
    int64_t min;
    int64_t max;
} time_range;

/* Widen `range` by the times of a chunk. */
static void span_times(const rsi_chunk *chunk, time_range *range)
{
    for (size_t i = 0; i < chunk->count; i++) {
        int64_t time = RS_NO_TIME;
        if (chunk->time32 != NULL && chunk->time32[i] != 0) {
            time = (int64_t)((uint64_t)chunk->time_base + chunk->time32[i] - 1);
        } else if (chunk->time64 != NULL) {
            time = chunk->time64[i];
        }
        if (time != RS_NO_TIME && chunk->src[i] != RS_NO_NODE) {
            range->min = time < range->min ? time : range->min;
            range->max = time > range->max ? time : range->max;
        }
    }
}

static void choose_layout(edges_state *state)
{
    record_layout *layout = &state->layout;
    time_range times = {.min = INT64_MAX, .max = INT64_MIN};
    bool extra = false;
    for (size_t c = 0; c < state->relation->chunk_count; c++) {
        const rsi_chunk *chunk = state->relation->chunks[c];
        span_times(chunk, &times);
        unsigned wanted = chunk->amount64 != NULL ? 2 : (chunk->amount32 != NULL ? 1 : 0);
        layout->amount_words = wanted > layout->amount_words ? wanted : layout->amount_words;
        extra = extra || chunk->extra != NULL;
    }
    if (times.min <= times.max) {
        uint64_t span = (uint64_t)times.max - (uint64_t)times.min;
        layout->time_words = span < UINT32_MAX - 1 ? 1 : 2;
        layout->time_base = times.min;
    }
    state->meta.time_min = times.min <= times.max ? times.min : RS_NO_TIME;
    state->meta.time_max = times.min <= times.max ? times.max : RS_NO_TIME;
    layout->time_at = 2;
    layout->amount_at = layout->time_at + layout->time_words;
    layout->extra_at = extra ? layout->amount_at + layout->amount_words : 0;
    layout->words = layout->amount_at + layout->amount_words + (extra ? 4 : 0);
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

static inline void put_number(uint32_t *at, unsigned words, uint64_t value)
{
    if (words >= 1) {
        at[0] = (uint32_t)value;
    }
    if (words == 2) {
        at[1] = (uint32_t)(value >> 32);
    }
}

static inline uint64_t get_number(const uint32_t *at, unsigned words)
{
    uint64_t value = words >= 1 ? at[0] : 0;
    return words == 2 ? value | (uint64_t)at[1] << 32 : value;
}

static void scatter_chunk(const edges_state *state, const rsi_chunk *chunk, uint64_t *places)
{
    const record_layout layout = state->layout;
    for (size_t i = 0; i < chunk->count; i++) {
        uint32_t src = chunk->src[i];
        if (src == RS_NO_NODE) {
            continue;
        }
        uint64_t place = places[state->part_of[src >> state->shift]]++;
        uint32_t *record = state->records + place * layout.words;
        record[0] = src;
        record[1] = chunk->dst[i];
        if (layout.time_words > 0) {
            int64_t time = chunk_time(chunk, i);
            uint64_t offset = (uint64_t)time - (uint64_t)layout.time_base + 1;
            put_number(record + layout.time_at, layout.time_words, time == RS_NO_TIME ? 0 : offset);
        }
        put_number(record + layout.amount_at, layout.amount_words, chunk_amount(chunk, i));
        if (layout.extra_at > 0) {
            bool has = chunk->extra != NULL;
            record[layout.extra_at] = has ? chunk->extra[i].precision_s : 1;
            record[layout.extra_at + 1] = has ? chunk->extra[i].file : 0;
            put_number(record + layout.extra_at + 2, 2, has ? chunk->extra[i].line : 0);
        }
    }
}

static rs_status scatter_range(void *context, size_t range, unsigned worker, rs_error *err)
{
    edges_state *state = context;
    (void)worker;
    (void)err;
    for (size_t c = range_start(state, range); c < range_start(state, range + 1); c++) {
        scatter_chunk(state, state->relation->chunks[c],
                      state->cursors + range * state->part_count);
        free(state->relation->chunks[c]);
        state->relation->chunks[c] = NULL;
    }
    return RS_OK;
}

static rs_status scatter(edges_state *state, rs_error *err)
{
    choose_layout(state);
    state->records = malloc(state->edge_count * state->layout.words * sizeof *state->records + 1);
    if (state->records == NULL) {
        return no_memory(err);
    }
    rs_status status =
        rsi_parallel(&state->output->batch->work, state->range_count, scatter_range, state, err);
    rsi_chunks_free(state->relation);
    return status;
}

/* ---- sort --------------------------------------------------------------------------------- */

/* Edges of one (src, dst): by time, amount, then the rest. `context` is the first record's layout.
 */
typedef struct tie_context {
    const uint32_t *records;
    const record_layout *layout;
} tie_context;

static int compare_ties(const void *a, const void *b, void *context)
{
    const tie_context *ties = context;
    const record_layout *layout = ties->layout;
    const uint32_t *x = ties->records + *(const uint64_t *)a * layout->words;
    const uint32_t *y = ties->records + *(const uint64_t *)b * layout->words;
    uint64_t left[4] = {get_number(x + layout->time_at, layout->time_words), 0, 0, 0};
    uint64_t right[4] = {get_number(y + layout->time_at, layout->time_words), 0, 0, 0};
    /* Amounts in order of their value: none, then from the most negative up. */
    uint64_t amount_x = get_number(x + layout->amount_at, layout->amount_words);
    uint64_t amount_y = get_number(y + layout->amount_at, layout->amount_words);
    left[1] = amount_x == 0 ? 0 : (uint64_t)rsi_unzigzag(amount_x - 1) ^ (uint64_t)1 << 63;
    right[1] = amount_y == 0 ? 0 : (uint64_t)rsi_unzigzag(amount_y - 1) ^ (uint64_t)1 << 63;
    if (layout->extra_at > 0) {
        left[2] = (uint64_t)x[layout->extra_at] << 32 | x[layout->extra_at + 1];
        right[2] = (uint64_t)y[layout->extra_at] << 32 | y[layout->extra_at + 1];
        left[3] = get_number(x + layout->extra_at + 2, 2);
        right[3] = get_number(y + layout->extra_at + 2, 2);
    }
    for (int i = 0; i < 4; i++) {
        if (left[i] != right[i]) {
            return left[i] < right[i] ? -1 : 1;
        }
    }
    return 0;
}

/* Put the indexes of edges with equal ends in order. */
static void sort_ties(const edges_state *state, const uint32_t *records, uint64_t *order,
                      size_t count)
{
    tie_context ties = {.records = records, .layout = &state->layout};
    unsigned words = state->layout.words;
    for (size_t from = 0; from < count;) {
        const uint32_t *first = records + order[from] * words;
        size_t to = from + 1;
        while (to < count && records[order[to] * words] == first[0] &&
               records[order[to] * words + 1] == first[1]) {
            to++;
        }
        if (to - from > 1 && words > 2) {
            qsort_r(order + from, to - from, sizeof *order, compare_ties, &ties);
        }
        from = to;
    }
}

static rs_status reserve_order(edges_worker *worker, uint64_t count, rs_error *err)
{
    if (count > worker->order_capacity) {
        free(worker->order);
        worker->order_capacity = 0;
        worker->order = malloc(count * 4 * sizeof *worker->order);
        if (worker->order == NULL) {
            return no_memory(err);
        }
        worker->order_capacity = count;
    }
    return RS_OK;
}

/* The records of a part in order, as indexes. */
static rs_status order_part(const edges_state *state, edges_worker *worker, const edges_part *part,
                            uint64_t **out, rs_error *err)
{
    rs_status status = RS_OK;
    size_t count = (size_t)part->count;
    unsigned words = state->layout.words;
    const uint32_t *records = state->records + part->start * words;
    RS_TRY(reserve_order(worker, count, err));
    uint32_t low = UINT32_MAX;
    uint32_t high = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t src = records[i * words];
        low = src < low ? src : low;
        high = src > high ? src : high;
    }
    unsigned key_bits = bits_of(high - low + 1) + state->dst_bits;
    unsigned index_bits = count <= 1 ? 1 : 64 - (unsigned)__builtin_clzll(count - 1);
    uint64_t *order = worker->order;
    if (key_bits + index_bits <= 64) {
        for (size_t i = 0; i < count; i++) {
            uint64_t key =
                (uint64_t)(records[i * words] - low) << state->dst_bits | records[i * words + 1];
            order[i] = key << index_bits | i;
        }
        order = rsi_sort_words(order, order + count, count, index_bits, index_bits + key_bits);
        for (size_t i = 0; i < count; i++) {
            order[i] &= ((uint64_t)1 << index_bits) - 1;
        }
    } else {
        rsi_sort_item *items = (rsi_sort_item *)(void *)order;
        for (size_t i = 0; i < count; i++) {
            items[i] =
                (rsi_sort_item){.key = (uint64_t)(records[i * words] - low) << state->dst_bits |
                                       records[i * words + 1],
                                .index = i};
        }
        items = rsi_sort_items(items, items + count, count, key_bits);
        for (size_t i = 0; i < count; i++) { /* never ahead of the item it reads */
            order[i] = items[i].index;
        }
    }
    sort_ties(state, records, order, count);
    *out = order;
done:
    return status;
}

/* ---- pack --------------------------------------------------------------------------------- */

static void gather(const edges_state *state, edges_worker *worker, const uint32_t *records,
                   const uint64_t *order, size_t count, rsi_edge_columns *edges)
{
    const record_layout layout = state->layout;
    bool timed = false;
    bool priced = false;
    bool coarse = false;
    for (size_t i = 0; i < count; i++) {
        const uint32_t *record = records + order[i] * layout.words;
        uint64_t time = get_number(record + layout.time_at, layout.time_words);
        uint64_t amount = get_number(record + layout.amount_at, layout.amount_words);
        worker->src[i] = record[0];
        worker->dst[i] = record[1];
        worker->time[i] = time == 0 ? RS_NO_TIME : (int64_t)((uint64_t)layout.time_base + time - 1);
        worker->amount[i] = amount == 0 ? RS_NO_AMOUNT : rsi_unzigzag(amount - 1);
        timed = timed || time != 0;
        priced = priced || amount != 0;
        if (layout.extra_at > 0) {
            worker->precision_s[i] = record[layout.extra_at];
            worker->file[i] = record[layout.extra_at + 1];
            worker->line[i] = get_number(record + layout.extra_at + 2, 2);
            coarse = coarse || worker->precision_s[i] != 1;
        }
    }
    *edges = (rsi_edge_columns){.count = count,
                                .src = worker->src,
                                .dst = worker->dst,
                                .time = timed ? worker->time : NULL,
                                .amount = priced ? worker->amount : NULL,
                                .precision_s = coarse ? worker->precision_s : NULL};
}

static rs_status pack_block(const edges_state *state, edges_worker *worker, const uint32_t *records,
                            const uint64_t *order, size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_edge_columns edges = {0};
    uint8_t note[RSI_SEGMENT_NOTE_BYTES];
    gather(state, worker, records, order, count, &edges);
    worker->block.length = 0;
    RS_TRY(rsi_segment_encode(worker->coder, &edges, &worker->block, note, err));
    RS_TRY(rsi_parcel_add(&worker->parcel, &worker->block, note, sizeof note, err));
    if (state->keep_rows) {
        worker->block.length = 0;
        RS_TRY(rsi_rows_encode(worker->rows_coder, worker->file, worker->line, count,
                               &worker->block, err));
        RS_TRY(rsi_parcel_add(&worker->rows_parcel, &worker->block, note, 4, err));
    }
done:
    return status;
}

static rs_status make_worker(edges_worker **out, bool keep_rows, rs_error *err)
{
    rs_status status = RS_OK;
    edges_worker *worker = malloc(sizeof *worker);
    if (worker == NULL) {
        return no_memory(err);
    }
    /* The columns stay untouched until they are filled. */
    worker->coder = NULL;
    worker->rows_coder = NULL;
    worker->block = (rsi_buffer){0};
    worker->parcel = (rsi_buffer){0};
    worker->rows_parcel = (rsi_buffer){0};
    worker->order = NULL;
    worker->order_capacity = 0;
    *out = worker;
    RS_TRY(rsi_segment_coder_new(&worker->coder, err));
    if (keep_rows) {
        RS_TRY(rsi_rows_coder_new(&worker->rows_coder, err));
    }
done:
    return status;
}

static rs_status pack_part(void *context, size_t number, unsigned worker_number, rs_error *err)
{
    rs_status status = RS_OK;
    edges_state *state = context;
    const edges_part *part = &state->parts[number];
    const uint32_t *records = state->records + part->start * state->layout.words;
    uint64_t *order = NULL;
    if (state->workers[worker_number] == NULL) {
        RS_TRY(make_worker(&state->workers[worker_number], state->keep_rows, err));
    }
    edges_worker *worker = state->workers[worker_number];
    RS_TRY(order_part(state, worker, part, &order, err));
    for (uint64_t from = 0; from < part->count; from += RSI_BLOCK_EDGES_MAX) {
        uint64_t left = part->count - from;
        size_t count = left < RSI_BLOCK_EDGES_MAX ? (size_t)left : RSI_BLOCK_EDGES_MAX;
        RS_TRY(pack_block(state, worker, records, order + from, count, err));
    }
    RS_TRY(rsi_outbox_put(state->outbox, number, &worker->parcel, err));
    if (state->keep_rows) {
        RS_TRY(rsi_outbox_put(state->rows_outbox, number, &worker->rows_parcel, err));
    }
done:
    return status;
}

static rs_status pack(edges_state *state, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_output *output = state->output;
    uint32_t object = state->relation->object;
    rsi_blockwriter *segment = NULL;
    rsi_blockwriter *rows = NULL;
    uint8_t meta[RSI_SEGMENT_META_BYTES];
    uint8_t rows_meta[8];
    const rs_work *work = &output->batch->work;
    state->worker_count = rsi_parallel_workers(work);
    state->workers = calloc(state->worker_count, sizeof *state->workers);
    if (state->workers == NULL) {
        state->worker_count = 0;
        return no_memory(err);
    }
    RS_TRY(rsi_output_file(output, RSI_FILE_SEGMENT, object, &segment, err));
    RS_TRY(rsi_outbox_new(&state->outbox, segment, state->part_count, err));
    if (state->keep_rows) {
        RS_TRY(rsi_output_file(output, RSI_FILE_ROWS, object, &rows, err));
        RS_TRY(rsi_outbox_new(&state->rows_outbox, rows, state->part_count, err));
    }
    RS_TRY(rsi_parallel(work, state->part_count, pack_part, state, err));
    state->meta.edge_count = state->edge_count;
    rsi_segment_meta_store(&state->meta, meta);
    RS_TRY(rsi_output_finish(output, segment, object, meta, sizeof meta, err));
    if (state->keep_rows) {
        rsi_store_u64le(rows_meta, state->edge_count);
        RS_TRY(rsi_output_finish(output, rows, object, rows_meta, sizeof rows_meta, err));
    }
done:
    return status;
}

static void free_state(edges_state *state)
{
    for (unsigned i = 0; i < state->worker_count; i++) {
        edges_worker *worker = state->workers[i];
        if (worker != NULL) {
            rsi_segment_coder_free(worker->coder);
            rsi_rows_coder_free(worker->rows_coder);
            rsi_buffer_free(&worker->block);
            rsi_buffer_free(&worker->parcel);
            rsi_buffer_free(&worker->rows_parcel);
            free(worker->order);
            free(worker);
        }
    }
    free(state->workers);
    rsi_outbox_free(state->outbox);
    rsi_outbox_free(state->rows_outbox);
    free(state->cursors);
    free(state->part_of);
    free(state->parts);
    free(state->records);
}

rs_status rsi_commit_relation(rsi_output *output, rsi_batch_relation_state *relation, rs_error *err)
{
    rs_status status = RS_OK;
    edges_state state = {
        .output = output, .relation = relation, .keep_rows = output->batch->keep_rows};
    RS_TRY(count_edges(&state, err));
    RS_TRY(choose_parts(&state, err));
    if (state.edge_count > 0) {
        RS_TRY(place_ranges(&state, err));
        RS_TRY(scatter(&state, err));
        RS_TRY(pack(&state, err));
        rsi_relation_entry *entry = &output->next->relations[relation->object];
        bool first = entry->time_min == RS_NO_TIME;
        if (state.meta.time_min != RS_NO_TIME) {
            bool earlier = first || state.meta.time_min < entry->time_min;
            bool later = first || state.meta.time_max > entry->time_max;
            entry->time_min = earlier ? state.meta.time_min : entry->time_min;
            entry->time_max = later ? state.meta.time_max : entry->time_max;
        }
        entry->edge_count += state.edge_count;
        output->edge_count += state.edge_count;
    }
done:
    free_state(&state);
    return rs_context(err, status, "relation \"%s\"", relation->name);
}
