/* edgepack.c - records of edges into the blocks of a segment.
 *
 * Each part: radix sort by (src, dst), ties by all other columns, then blocks. Equal rows are equal
 * in every column, so neither threads nor the order of rows shows in the file.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/edgepack.h"

#include <stdlib.h>

#include "base/parallel.h"
#include "base/try.h"
#include "store/edgesort.h"
#include "store/outbox.h"
#include "store/rows.h"
#include "store/segment.h"

/* Scratch of a thread that packs. */
typedef struct pack_worker {
    rsi_segment_coder *coder;
    rsi_rows_coder *rows_coder;
    rsi_buffer block;
    rsi_buffer parcel;
    rsi_buffer rows_parcel;
    rsi_edge_order order;
    int64_t time_min; /* of the edges it packed */
    int64_t time_max;
    uint32_t src[RSI_BLOCK_EDGES_MAX];
    uint32_t dst[RSI_BLOCK_EDGES_MAX];
    int64_t time[RSI_BLOCK_EDGES_MAX];
    int64_t amount[RSI_BLOCK_EDGES_MAX];
    uint32_t precision_s[RSI_BLOCK_EDGES_MAX];
    uint64_t file[RSI_BLOCK_EDGES_MAX];
    uint64_t line[RSI_BLOCK_EDGES_MAX];
} pack_worker;

typedef struct pack_state {
    rsi_pack *pack;
    bool keep_rows;
    size_t first; /* part of task 0 */
    rsi_blockwriter *segment;
    rsi_blockwriter *rows;
    rsi_outbox *outbox;
    rsi_outbox *rows_outbox;
    pack_worker **workers;
    unsigned worker_count;
    rsi_segment_meta meta;
} pack_state;

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (edges of the batch)");
}

rsi_record_layout rsi_record_layout_of(int64_t time_min, int64_t time_max, unsigned amount_words,
                                       unsigned extra_words)
{
    rsi_record_layout layout = {.time_at = 2, .amount_words = amount_words};
    if (time_min <= time_max) {
        uint64_t span = (uint64_t)time_max - (uint64_t)time_min;
        layout.time_words = span < UINT32_MAX - 1 ? 1 : 2;
        layout.time_base = time_min;
    }
    layout.amount_at = layout.time_at + layout.time_words;
    layout.extra_words = extra_words;
    layout.extra_at = layout.amount_at + layout.amount_words;
    layout.words = layout.extra_at + extra_words;
    return layout;
}

/* ---- sort --------------------------------------------------------------------------------- */

/* Amounts in order of their value: none, then from the most negative up. */
static inline uint64_t amount_rank(uint64_t stored)
{
    return stored == 0 ? 0 : (uint64_t)rsi_unzigzag(stored - 1) ^ (uint64_t)1 << 63;
}

static inline int order_of(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

int rsi_edges_compare_ties(const rsi_record_layout *layout, const uint32_t *a, const uint32_t *b)
{
    int order = order_of(rsi_get_number(a + layout->time_at, layout->time_words),
                         rsi_get_number(b + layout->time_at, layout->time_words));
    if (order == 0) {
        order = order_of(amount_rank(rsi_get_number(a + layout->amount_at, layout->amount_words)),
                         amount_rank(rsi_get_number(b + layout->amount_at, layout->amount_words)));
    }
    if (order == 0 && layout->extra_words > 0) {
        const uint32_t *x = a + layout->extra_at;
        const uint32_t *y = b + layout->extra_at;
        order = order_of((uint64_t)x[0] << 32 | x[1], (uint64_t)y[0] << 32 | y[1]);
        if (order == 0) {
            order = order_of(rsi_get_number(x + 2, 2), rsi_get_number(y + 2, 2));
        }
    }
    return order;
}

typedef struct tie_context {
    const uint32_t *records;
    const rsi_record_layout *layout;
} tie_context;

static int compare_ties(const void *a, const void *b, void *context)
{
    const tie_context *ties = context;
    size_t words = ties->layout->words;
    return rsi_edges_compare_ties(ties->layout, ties->records + *(const uint64_t *)a * words,
                                  ties->records + *(const uint64_t *)b * words);
}

/* Put the indexes of edges with equal ends in order. */
static void sort_ties(const rsi_record_layout *layout, const uint32_t *records, uint64_t *order,
                      size_t count)
{
    tie_context ties = {.records = records, .layout = layout};
    size_t words = layout->words;
    for (size_t from = 0; words > 2 && from < count;) {
        const uint32_t *first = records + order[from] * words;
        size_t to = from + 1;
        while (to < count && records[order[to] * words] == first[0] &&
               records[order[to] * words + 1] == first[1]) {
            to++;
        }
        if (to - from > 1) {
            qsort_r(order + from, to - from, sizeof *order, compare_ties, &ties);
        }
        from = to;
    }
}

static rs_status reserve_order(rsi_edge_order *scratch, size_t bytes, rs_error *err)
{
    if (bytes > scratch->bytes) {
        free(scratch->words);
        scratch->bytes = 0;
        scratch->words = malloc(bytes);
        if (scratch->words == NULL) {
            return no_memory(err);
        }
        scratch->bytes = bytes;
    }
    return RS_OK;
}

rs_status rsi_edges_order(rsi_edge_order *scratch, const rsi_record_layout *layout,
                          unsigned dst_bits, const uint32_t *records, size_t count, uint64_t **out,
                          rs_error *err)
{
    rs_status status = RS_OK;
    size_t words = layout->words;
    uint32_t low = UINT32_MAX;
    uint32_t high = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t src = records[i * words];
        low = src < low ? src : low;
        high = src > high ? src : high;
    }
    unsigned key_bits = rsi_bits_of(high - low + 1) + dst_bits;
    unsigned index_bits = count <= 1 ? 1 : 64 - (unsigned)__builtin_clzll(count - 1);
    bool fits = key_bits + index_bits <= 64; /* key and index in one word */
    size_t item = fits ? sizeof *scratch->words : sizeof(rsi_sort_item);
    RS_TRY(reserve_order(scratch, 2 * count * item, err));
    uint64_t *order = scratch->words;
    if (fits) {
        for (size_t i = 0; i < count; i++) {
            uint64_t key =
                (uint64_t)(records[i * words] - low) << dst_bits | records[i * words + 1];
            order[i] = key << index_bits | i;
        }
        order = rsi_sort_words(order, order + count, count, index_bits, index_bits + key_bits);
        for (size_t i = 0; i < count; i++) {
            order[i] &= ((uint64_t)1 << index_bits) - 1;
        }
    } else {
        rsi_sort_item *items = (rsi_sort_item *)(void *)order;
        for (size_t i = 0; i < count; i++) {
            items[i].key =
                (uint64_t)(records[i * words] - low) << dst_bits | records[i * words + 1];
            items[i].index = i;
        }
        items = rsi_sort_items(items, items + count, count, key_bits);
        order = (uint64_t *)(void *)items;
        for (size_t i = 0; i < count; i++) { /* never ahead of the item it reads */
            order[i] = items[i].index;
        }
    }
    sort_ties(layout, records, order, count);
    *out = order;
done:
    return status;
}

/* ---- pack --------------------------------------------------------------------------------- */

typedef struct gathered {
    bool timed;
    bool priced;
    bool coarse;
} gathered;

/* One copy for each shape that is common: the numbers of words are constants in it. */
static inline __attribute__((always_inline)) void
gather_as(const rsi_record_layout *layout, unsigned words, unsigned time_words,
          unsigned amount_words, pack_worker *worker, const uint32_t *records,
          const uint64_t *order, size_t count, gathered *found)
{
    uint64_t any_time = 0;
    uint64_t any_amount = 0;
    int64_t time_min = worker->time_min;
    int64_t time_max = worker->time_max;
    for (size_t i = 0; i < count; i++) {
        const uint32_t *record = records + (order == NULL ? i : order[i]) * words;
        worker->src[i] = record[0];
        worker->dst[i] = record[1];
        if (time_words > 0) {
            uint64_t stored = rsi_get_number(record + 2, time_words);
            int64_t time = (int64_t)((uint64_t)layout->time_base + stored - 1);
            worker->time[i] = stored == 0 ? RS_NO_TIME : time;
            time_min = stored != 0 && time < time_min ? time : time_min;
            time_max = stored != 0 && time > time_max ? time : time_max;
            any_time |= stored;
        }
        if (amount_words > 0) {
            uint64_t stored = rsi_get_number(record + 2 + time_words, amount_words);
            worker->amount[i] = stored == 0 ? RS_NO_AMOUNT : rsi_unzigzag(stored - 1);
            any_amount |= stored;
        }
    }
    worker->time_min = time_min;
    worker->time_max = time_max;
    found->timed = any_time != 0;
    found->priced = any_amount != 0;
}

static void gather_extras(const rsi_record_layout *layout, pack_worker *worker,
                          const uint32_t *records, const uint64_t *order, size_t count,
                          gathered *found)
{
    for (size_t i = 0; i < count; i++) {
        const uint32_t *extra =
            records + (order == NULL ? i : order[i]) * layout->words + layout->extra_at;
        worker->precision_s[i] = extra[0];
        worker->file[i] = extra[1];
        worker->line[i] = rsi_get_number(extra + 2, 2);
        found->coarse = found->coarse || extra[0] != 1;
    }
}

/* Without extra words file and line stay 0. */
static void gather(const rsi_record_layout *layout, pack_worker *worker, const uint32_t *records,
                   const uint64_t *order, size_t count, rsi_edge_columns *edges)
{
    gathered found = {0};
    if (layout->words == 2) {
        gather_as(layout, 2, 0, 0, worker, records, order, count, &found);
    } else if (layout->words == 3 && layout->time_words == 1) {
        gather_as(layout, 3, 1, 0, worker, records, order, count, &found);
    } else if (layout->words == 4 && layout->time_words == 1 && layout->amount_words == 1) {
        gather_as(layout, 4, 1, 1, worker, records, order, count, &found);
    } else {
        gather_as(layout, layout->words, layout->time_words, layout->amount_words, worker, records,
                  order, count, &found);
    }
    if (layout->extra_words > 0) {
        gather_extras(layout, worker, records, order, count, &found);
    }
    *edges = (rsi_edge_columns){.count = count,
                                .src = worker->src,
                                .dst = worker->dst,
                                .time = found.timed ? worker->time : NULL,
                                .amount = found.priced ? worker->amount : NULL,
                                .precision_s = found.coarse ? worker->precision_s : NULL};
}

/* `order` NULL: the records are in order. */
static rs_status pack_block(const pack_state *state, pack_worker *worker, const uint32_t *records,
                            const uint64_t *order, size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_edge_columns edges = {0};
    uint8_t note[RSI_SEGMENT_NOTE_BYTES];
    gather(&state->pack->layout, worker, records, order, count, &edges);
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

static rs_status make_worker(pack_worker **out, bool keep_rows, rs_error *err)
{
    rs_status status = RS_OK;
    pack_worker *worker = malloc(sizeof *worker);
    if (worker == NULL) {
        return no_memory(err);
    }
    /* The columns stay untouched until they are filled. */
    worker->coder = NULL;
    worker->rows_coder = NULL;
    worker->block = (rsi_buffer){0};
    worker->parcel = (rsi_buffer){0};
    worker->rows_parcel = (rsi_buffer){0};
    worker->order = (rsi_edge_order){0};
    worker->time_min = INT64_MAX;
    worker->time_max = INT64_MIN;
    *out = worker;
    RS_TRY(rsi_segment_coder_new(&worker->coder, err));
    if (keep_rows) {
        memset(worker->file, 0, sizeof worker->file);
        memset(worker->line, 0, sizeof worker->line);
        RS_TRY(rsi_rows_coder_new(&worker->rows_coder, err));
    }
done:
    return status;
}

static rs_status worker_of(pack_state *state, unsigned number, pack_worker **worker, rs_error *err)
{
    rs_status status = RS_OK;
    if (state->workers[number] == NULL) {
        RS_TRY(make_worker(&state->workers[number], state->keep_rows, err));
    }
    *worker = state->workers[number];
done:
    return status;
}

static rs_status pack_part(void *context, size_t index, unsigned worker_number, rs_error *err)
{
    rs_status status = RS_OK;
    pack_state *state = context;
    const rsi_pack *pack = state->pack;
    size_t number = state->first + index;
    uint64_t part_count = pack->parts->parts[number].count;
    const uint32_t *records = NULL;
    uint64_t *order = NULL;
    pack_worker *worker = NULL;
    RS_TRY(worker_of(state, worker_number, &worker, err));
    RS_TRY(pack->load(pack->context, number, worker_number, &records, err));
    RS_TRY(rsi_edges_order(&worker->order, &pack->layout, pack->dst_bits, records,
                           (size_t)part_count, &order, err));
    for (uint64_t from = 0; from < part_count; from += RSI_BLOCK_EDGES_MAX) {
        uint64_t left = part_count - from;
        size_t count = left < RSI_BLOCK_EDGES_MAX ? (size_t)left : RSI_BLOCK_EDGES_MAX;
        RS_TRY(pack_block(state, worker, records, order + from, count, err));
    }
    RS_TRY(rsi_outbox_put(state->outbox, index, &worker->parcel, err));
    if (state->keep_rows) {
        RS_TRY(rsi_outbox_put(state->rows_outbox, index, &worker->rows_parcel, err));
    }
done:
    return status;
}

/* Parts `first` to `end` - 1, side by side. */
static rs_status pack_parts(pack_state *state, size_t first, size_t end, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_work *work = &state->pack->output->batch->work;
    state->first = first;
    RS_TRY(rsi_outbox_new(&state->outbox, state->segment, end - first, err));
    if (state->keep_rows) {
        RS_TRY(rsi_outbox_new(&state->rows_outbox, state->rows, end - first, err));
    }
    RS_TRY(rsi_parallel(work, end - first, pack_part, state, err));
done:
    rsi_outbox_free(state->outbox);
    rsi_outbox_free(state->rows_outbox);
    state->outbox = NULL;
    state->rows_outbox = NULL;
    return status;
}

/* A part that is too large to be held, a block at a time. */
static rs_status pack_stream(pack_state *state, size_t part, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_pack *pack = state->pack;
    const uint32_t *records = NULL;
    size_t count = 0;
    pack_worker *worker = NULL;
    RS_TRY(worker_of(state, 0, &worker, err));
    do {
        RS_TRY(pack->stream(pack->context, part, &records, &count, err));
        if (count > 0) {
            RS_TRY(pack_block(state, worker, records, NULL, count, err));
            RS_TRY(rsi_parcel_write(state->segment, &worker->parcel, err));
            RS_TRY(state->keep_rows ? rsi_parcel_write(state->rows, &worker->rows_parcel, err)
                                    : RS_OK);
        }
    } while (count > 0);
done:
    return status;
}

static rs_status pack_all(pack_state *state, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_pack *pack = state->pack;
    const rsi_edge_parts *parts = pack->parts;
    for (size_t first = 0; first < parts->part_count;) {
        size_t end = first;
        while (end < parts->part_count &&
               (pack->stream == NULL || parts->parts[end].count <= pack->stream_above)) {
            end++;
        }
        if (end > first) {
            RS_TRY(pack_parts(state, first, end, err));
        }
        if (end < parts->part_count) {
            RS_TRY(pack_stream(state, end++, err));
        }
        first = end;
    }
done:
    return status;
}

/* ---- write -------------------------------------------------------------------------------- */

static void enter_relation(const pack_state *state)
{
    rsi_output *output = state->pack->output;
    rsi_relation_entry *entry = &output->next->relations[state->pack->relation->object];
    bool first = entry->time_min == RS_NO_TIME;
    if (state->meta.time_min != RS_NO_TIME) {
        bool earlier = first || state->meta.time_min < entry->time_min;
        bool later = first || state->meta.time_max > entry->time_max;
        entry->time_min = earlier ? state->meta.time_min : entry->time_min;
        entry->time_max = later ? state->meta.time_max : entry->time_max;
    }
    entry->edge_count += state->meta.edge_count;
    output->edge_count += state->meta.edge_count;
}

static void set_meta(pack_state *state)
{
    int64_t time_min = INT64_MAX;
    int64_t time_max = INT64_MIN;
    for (unsigned i = 0; i < state->worker_count; i++) {
        const pack_worker *worker = state->workers[i];
        if (worker != NULL) {
            time_min = worker->time_min < time_min ? worker->time_min : time_min;
            time_max = worker->time_max > time_max ? worker->time_max : time_max;
        }
    }
    state->meta = (rsi_segment_meta){.direction = RSI_FORWARD,
                                     .edge_count = state->pack->parts->edge_count,
                                     .time_min = time_min <= time_max ? time_min : RS_NO_TIME,
                                     .time_max = time_min <= time_max ? time_max : RS_NO_TIME};
}

static rs_status write_files(pack_state *state, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_output *output = state->pack->output;
    uint32_t object = state->pack->relation->object;
    uint8_t meta[RSI_SEGMENT_META_BYTES];
    uint8_t rows_meta[8];
    RS_TRY(rsi_output_file(output, RSI_FILE_SEGMENT, object, &state->segment, err));
    if (state->keep_rows) {
        RS_TRY(rsi_output_file(output, RSI_FILE_ROWS, object, &state->rows, err));
    }
    RS_TRY(pack_all(state, err));
    set_meta(state);
    rsi_segment_meta_store(&state->meta, meta);
    RS_TRY(rsi_output_finish(output, state->segment, object, meta, sizeof meta, err));
    if (state->keep_rows) {
        rsi_store_u64le(rows_meta, state->meta.edge_count);
        RS_TRY(rsi_output_finish(output, state->rows, object, rows_meta, sizeof rows_meta, err));
    }
    enter_relation(state);
done:
    return status;
}

static void free_worker(pack_worker *worker)
{
    if (worker != NULL) {
        rsi_segment_coder_free(worker->coder);
        rsi_rows_coder_free(worker->rows_coder);
        rsi_buffer_free(&worker->block);
        rsi_buffer_free(&worker->parcel);
        rsi_buffer_free(&worker->rows_parcel);
        free(worker->order.words);
        free(worker);
    }
}

rs_status rsi_edges_pack(rsi_pack *pack, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_batch *batch = pack->output->batch;
    pack_state state = {.pack = pack,
                        .keep_rows = batch->keep_rows,
                        .worker_count = rsi_parallel_workers(&batch->work)};
    if (pack->parts->edge_count == 0) {
        return RS_OK;
    }
    state.workers = calloc(state.worker_count, sizeof(pack_worker *));
    if (state.workers == NULL) {
        return no_memory(err);
    }
    status = write_files(&state, err);
    for (unsigned i = 0; i < state.worker_count; i++) {
        free_worker(state.workers[i]);
    }
    free(state.workers);
    return status;
}
