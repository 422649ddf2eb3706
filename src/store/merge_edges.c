/* merge_edges.c - the edges of a relation in all runs into one segment.
 *
 *   renumber  each run by itself: the batch's numbers take the place of its own, and edges are
 *             counted by bucket as a commit from memory does (edgeparts.h), so blocks end at the
 *             same edges
 *   find      where each run's edges of each part begin
 *   pack      a part is what every run has of its sources, in a row: read and sorted like a part in
 *             memory. A part that is too large to be held (a source of very many edges) is merged
 *             run against run, a block at a time
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/parallel.h"
#include "base/try.h"
#include "store/edgetable.h"
#include "store/merge.h"
#include "store/segment.h"

enum { SLICE = 1 << 13 }; /* edges that are read at once */

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (edges of the batch)");
}

/* ---- runs ---------------------------------------------------------------------------- */

/* Scratch of a thread that reads. */
typedef struct merge_worker {
    uint32_t *records;      /* of a part, in the batch's numbers */
    size_t capacity;        /* in words */
    rsi_ranks_window ranks; /* of the sources of the run that it renumbers */
    uint32_t sources[SLICE];
    uint32_t rest[SLICE * 10];
} merge_worker;

/* One run's edges of a large part, in order. */
typedef struct edge_stream {
    uint32_t run;
    uint64_t next; /* edge of the run that is read next */
    uint64_t end;
    uint32_t *records; /* of a slice, in the batch's numbers */
    size_t at;
    size_t count;
} edge_stream;

typedef struct merge_state {
    rsi_batch *batch;
    rsi_batch_relation_state *relation;
    size_t run_count;
    rsi_edge_parts parts;
    size_t *first_bucket; /* per part */
    uint64_t *starts;     /* per part, and the end, and run: first edge */
    rsi_record_layout layout;
    merge_worker **workers;
    unsigned worker_count;
    /* Of the large part that is being merged. */
    edge_stream *streams;
    rsi_merge merge;
    uint32_t *block;
} merge_state;

static const rsi_relation_run *run_of(const merge_state *state, size_t run)
{
    static const rsi_relation_run none = {0};
    const rsi_batch_run *runs = state->batch->runs;
    uint32_t number = state->relation->number;
    return number < runs[run].relation_count ? &runs[run].relations[number] : &none;
}

static const rsi_type_run *keys_of(const merge_state *state, size_t run)
{
    const rsi_batch_run *runs = state->batch->runs;
    uint32_t number = state->relation->key_type;
    return number < runs[run].type_count ? &runs[run].types[number] : NULL;
}

static rs_status worker_of(merge_state *state, unsigned number, merge_worker **worker,
                           rs_error *err)
{
    if (state->workers[number] == NULL) {
        state->workers[number] = malloc(sizeof **worker);
        if (state->workers[number] == NULL) {
            return no_memory(err);
        }
        state->workers[number]->records = NULL;
        state->workers[number]->capacity = 0;
    }
    *worker = state->workers[number];
    return RS_OK;
}

/* Up to SLICE edges of a run, as they were written; `rest` where `records` is wanted. */
static rs_status read_slice(const merge_state *state, size_t run_number, uint64_t at, size_t count,
                            bool records, merge_worker *worker, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_relation_run *run = run_of(state, run_number);
    size_t words = run->layout.words - 1;
    RS_TRY(rsi_spill_read(&state->batch->spill, run->sources + at * 4, worker->sources, count * 4,
                          err));
    if (records) {
        RS_TRY(rsi_spill_read(&state->batch->spill, run->records + at * words * 4, worker->rest,
                              count * words * 4, err));
    }
done:
    return status;
}

static inline bool is_dropped(const rsi_type_run *keys, uint32_t known, uint32_t key)
{
    if (keys == NULL || keys->dropped == NULL || key == RSI_NO_KEY || key < known) {
        return false;
    }
    return (keys->dropped[(key - known) / 64] >> (key - known) % 64 & 1) != 0;
}

/* The slice in `worker` as records of the batch, without what was dropped; returns how many. */
static size_t convert(const merge_state *state, size_t run_number, size_t count,
                      const merge_worker *worker, uint32_t *out)
{
    const rsi_batch *batch = state->batch;
    const rsi_batch_run *from = &batch->runs[run_number];
    const rsi_relation_run *run = run_of(state, run_number);
    const rsi_record_layout *old = &run->layout;
    const rsi_record_layout *new = &state->layout;
    const rsi_type_run *keys = keys_of(state, run_number);
    uint32_t key_known = batch->types[state->relation->key_type]->known_count;
    uint64_t shift = (uint64_t)old->time_base - (uint64_t) new->time_base;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t *rest = worker->rest + i * (old->words - 1) - 1; /* [1] is the target */
        uint32_t *record = out + kept * new->words;
        if (old->extra_words == 5 && is_dropped(keys, key_known, rest[old->extra_at + 4])) {
            continue;
        }
        record[0] = worker->sources[i];
        record[1] = rest[1];
        uint64_t time = rsi_get_number(rest + old->time_at, old->time_words);
        rsi_put_number(record + new->time_at, new->time_words, time == 0 ? 0 : time + shift);
        rsi_put_number(record + new->amount_at, new->amount_words,
                       rsi_get_number(rest + old->amount_at, old->amount_words));
        if (new->extra_words > 0) {
            bool has = old->extra_words > 0;
            const uint32_t *extra = rest + old->extra_at;
            uint32_t *to = record + new->extra_at;
            to[0] = has ? extra[0] : 1;
            to[1] = has && batch->file_ranks != NULL ? batch->file_ranks[from->files[extra[1]]] : 0;
            to[2] = has ? extra[2] : 0;
            to[3] = has ? extra[3] : 0;
        }
        kept++;
    }
    return kept;
}

/* ---- renumber ----------------------------------------------------------------------------- */

/* Sources ascend, so their numbers are read along with them; any target may come next. */
static rs_status renumber_slice(const merge_state *state, size_t run_number, size_t count,
                                const uint32_t *targets, merge_worker *worker, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_batch *batch = state->batch;
    const rsi_batch_relation_state *relation = state->relation;
    const rsi_ranks *ranks = &batch->runs[run_number].types[relation->src_type].ranks;
    uint32_t src_known = batch->types[relation->src_type]->known_count;
    uint32_t dst_known = batch->types[relation->dst_type]->known_count;
    size_t words = run_of(state, run_number)->layout.words - 1;
    uint32_t last = RS_NO_NODE;
    uint32_t src = RS_NO_NODE;
    for (size_t i = 0; i < count; i++) {
        if (worker->sources[i] != last) {
            last = worker->sources[i];
            src = last;
            if (last >= src_known) {
                RS_TRY(rsi_ranks_at(&batch->spill, ranks, &worker->ranks, last - src_known, &src,
                                    err));
                src += src_known;
            }
        }
        worker->sources[i] = src;
        uint32_t *dst = &worker->rest[i * words];
        *dst = *dst < dst_known ? *dst : dst_known + targets[*dst - dst_known];
    }
done:
    return status;
}

static void count_slice(const merge_state *state, size_t run_number, size_t count,
                        const merge_worker *worker, uint64_t *counts)
{
    const rsi_relation_run *run = run_of(state, run_number);
    const rsi_type_run *keys = keys_of(state, run_number);
    uint32_t key_known = state->batch->types[state->relation->key_type]->known_count;
    size_t words = run->layout.words - 1;
    bool drops = keys != NULL && keys->dropped != NULL && run->layout.extra_words == 5;
    for (size_t i = 0; i < count; i++) {
        counts[worker->sources[i] >> state->parts.shift] +=
            !drops ||
            !is_dropped(keys, key_known, worker->rest[i * words + run->layout.extra_at + 3]);
    }
}

static rs_status renumber_run(void *context, size_t number, unsigned worker_number, rs_error *err)
{
    rs_status status = RS_OK;
    merge_state *state = context;
    const rsi_relation_run *run = run_of(state, number);
    const rsi_spill *spill = &state->batch->spill;
    size_t words = run->layout.words - 1;
    uint32_t *targets = NULL;
    merge_worker *worker = NULL;
    if (run->edge_count == 0) {
        return RS_OK;
    }
    const rsi_type_run *dst = &state->batch->runs[number].types[state->relation->dst_type];
    RS_TRY(worker_of(state, worker_number, &worker, err));
    worker->ranks.count = 0;
    RS_TRY(rsi_ranks_load(spill, &dst->ranks, &targets, err));
    for (uint64_t at = 0; at < run->edge_count; at += SLICE) {
        size_t count = run->edge_count - at < SLICE ? (size_t)(run->edge_count - at) : SLICE;
        RS_TRY(read_slice(state, number, at, count, true, worker, err));
        RS_TRY(renumber_slice(state, number, count, targets, worker, err));
        count_slice(state, number, count, worker, rsi_edge_counts(&state->parts, worker_number));
        RS_TRY(rsi_spill_write(spill, run->sources + at * 4, worker->sources, count * 4, err));
        RS_TRY(rsi_spill_write(spill, run->records + at * words * 4, worker->rest,
                               count * words * 4, err));
    }
done:
    free(targets);
    return status;
}

/* ---- find --------------------------------------------------------------------------------- */

/* A bucket all of whose edges were dropped belongs to the part before it, or to none. */
static void find_buckets(merge_state *state)
{
    const rsi_edge_parts *parts = &state->parts;
    size_t part = 0;
    for (size_t bucket = 0; part < parts->part_count; bucket++) {
        uint64_t kept = 0;
        for (size_t worker = 0; worker < parts->range_count; worker++) {
            kept += rsi_edge_counts(parts, worker)[bucket];
        }
        if (kept > 0 && parts->part_of[bucket] == part) {
            state->first_bucket[part++] = bucket;
        }
    }
}

static rs_status find_starts(void *context, size_t number, unsigned worker_number, rs_error *err)
{
    rs_status status = RS_OK;
    merge_state *state = context;
    const rsi_relation_run *run = run_of(state, number);
    const rsi_edge_parts *parts = &state->parts;
    uint64_t *starts = state->starts + number;
    size_t part = 0;
    merge_worker *worker = NULL;
    RS_TRY(worker_of(state, worker_number, &worker, err));
    for (uint64_t at = 0; at < run->edge_count; at += SLICE) {
        size_t count = run->edge_count - at < SLICE ? (size_t)(run->edge_count - at) : SLICE;
        RS_TRY(read_slice(state, number, at, count, false, worker, err));
        for (size_t i = 0; i < count; i++) {
            size_t bucket = worker->sources[i] >> parts->shift;
            while (part < parts->part_count && bucket >= state->first_bucket[part]) {
                starts[part++ * state->run_count] = at + i;
            }
        }
    }
    while (part <= parts->part_count) {
        starts[part++ * state->run_count] = run->edge_count;
    }
done:
    return status;
}

static void choose_layout(merge_state *state)
{
    int64_t time_min = INT64_MAX;
    int64_t time_max = INT64_MIN;
    unsigned amount_words = 0;
    bool extra = false;
    for (size_t r = 0; r < state->run_count; r++) {
        const rsi_relation_run *run = run_of(state, r);
        if (run->edge_count > 0) {
            time_min = run->time_min < time_min ? run->time_min : time_min;
            time_max = run->time_max > time_max ? run->time_max : time_max;
            extra = extra || run->layout.extra_words > 0;
            amount_words =
                run->layout.amount_words > amount_words ? run->layout.amount_words : amount_words;
        }
    }
    state->layout = rsi_record_layout_of(time_min, time_max, amount_words, extra ? 4 : 0);
}

/* ---- parts that are held ------------------------------------------------------------------ */

static rs_status wrong_count(rs_error *err)
{
    return rs_fail(err, RS_ECORRUPT, "a temporary file holds other edges than were written");
}

static rs_status load_part(void *context, size_t part, unsigned worker_number,
                           const uint32_t **records, rs_error *err)
{
    rs_status status = RS_OK;
    merge_state *state = context;
    size_t runs = state->run_count;
    uint64_t expected = state->parts.parts[part].count;
    size_t words = (size_t)expected * state->layout.words;
    uint64_t found = 0;
    merge_worker *worker = NULL;
    RS_TRY(worker_of(state, worker_number, &worker, err));
    if (words + SLICE * state->layout.words > worker->capacity) {
        free(worker->records);
        worker->capacity = 0;
        worker->records = malloc((words + SLICE * state->layout.words) * sizeof *worker->records);
        if (worker->records == NULL) {
            return no_memory(err);
        }
        worker->capacity = words + SLICE * state->layout.words;
    }
    for (size_t r = 0; r < runs; r++) {
        uint64_t end = state->starts[(part + 1) * runs + r];
        for (uint64_t at = state->starts[part * runs + r]; at < end; at += SLICE) {
            size_t count = end - at < SLICE ? (size_t)(end - at) : SLICE;
            if (found > expected) {
                return wrong_count(err);
            }
            RS_TRY(read_slice(state, r, at, count, true, worker, err));
            found +=
                convert(state, r, count, worker, worker->records + found * state->layout.words);
        }
    }
    *records = worker->records;
    status = found == expected ? RS_OK : wrong_count(err);
done:
    return status;
}

/* ---- parts that are not ------------------------------------------------------------------- */

static inline uint64_t key_of(const uint32_t *record)
{
    return (uint64_t)record[0] << 32 | record[1];
}

static inline const uint32_t *head_of(const merge_state *state, const edge_stream *stream)
{
    return stream->records + stream->at * state->layout.words;
}

static int compare_heads(const void *context, uint32_t a, uint32_t b)
{
    const merge_state *state = context;
    return rsi_edges_compare_ties(&state->layout, head_of(state, &state->streams[a]),
                                  head_of(state, &state->streams[b]));
}

/* The next slice that holds anything; count 0 at the end. */
static rs_status refill(merge_state *state, edge_stream *stream, rs_error *err)
{
    rs_status status = RS_OK;
    merge_worker *worker = NULL;
    stream->at = 0;
    stream->count = 0;
    RS_TRY(worker_of(state, 0, &worker, err));
    while (stream->count == 0 && stream->next < stream->end) {
        uint64_t left = stream->end - stream->next;
        size_t count = left < SLICE ? (size_t)left : SLICE;
        RS_TRY(read_slice(state, stream->run, stream->next, count, true, worker, err));
        stream->count = convert(state, stream->run, count, worker, stream->records);
        stream->next += count;
    }
done:
    return status;
}

static rs_status open_streams(merge_state *state, size_t part, rs_error *err)
{
    rs_status status = RS_OK;
    size_t runs = state->run_count;
    size_t words = state->layout.words;
    state->streams = calloc(runs, sizeof *state->streams);
    state->merge.heap = calloc(runs, sizeof *state->merge.heap);
    state->block = malloc(RSI_BLOCK_EDGES_MAX * words * sizeof *state->block);
    if (state->streams == NULL || state->merge.heap == NULL || state->block == NULL) {
        return no_memory(err);
    }
    state->merge.count = 0;
    state->merge.tie = compare_heads;
    state->merge.context = state;
    for (size_t r = 0; r < runs; r++) {
        edge_stream *stream = &state->streams[r];
        *stream = (edge_stream){.run = (uint32_t)r,
                                .next = state->starts[part * runs + r],
                                .end = state->starts[(part + 1) * runs + r]};
        stream->records = malloc(SLICE * words * sizeof *stream->records);
        if (stream->records == NULL) {
            return no_memory(err);
        }
        RS_TRY(refill(state, stream, err));
        if (stream->count > 0) {
            rsi_merge_push(&state->merge, key_of(head_of(state, stream)), (uint32_t)r);
        }
    }
done:
    return status;
}

static void close_streams(merge_state *state)
{
    for (size_t r = 0; state->streams != NULL && r < state->run_count; r++) {
        free(state->streams[r].records);
    }
    free(state->streams);
    free(state->merge.heap);
    free(state->block);
    state->streams = NULL;
    state->merge.heap = NULL;
    state->block = NULL;
}

static rs_status stream_part(void *context, size_t part, const uint32_t **records, size_t *count,
                             rs_error *err)
{
    rs_status status = RS_OK;
    merge_state *state = context;
    size_t words = state->layout.words;
    *count = 0;
    if (state->streams == NULL) {
        RS_TRY(open_streams(state, part, err));
    }
    while (state->merge.count > 0 && *count < RSI_BLOCK_EDGES_MAX) {
        edge_stream *stream = &state->streams[state->merge.heap[0].stream];
        memcpy(state->block + (*count)++ * words, head_of(state, stream), words * sizeof(uint32_t));
        if (++stream->at == stream->count) {
            RS_TRY(refill(state, stream, err));
        }
        if (stream->count == 0) {
            rsi_merge_pop(&state->merge);
        } else {
            rsi_merge_replace(&state->merge, key_of(head_of(state, stream)));
        }
    }
    *records = state->block;
    if (*count == 0) {
        close_streams(state);
    }
done:
    return status;
}

/* ---- all of it ---------------------------------------------------------------------------- */

static void free_state(merge_state *state)
{
    close_streams(state);
    for (unsigned i = 0; state->workers != NULL && i < state->worker_count; i++) {
        if (state->workers[i] != NULL) {
            free(state->workers[i]->records);
        }
        free(state->workers[i]);
    }
    free(state->workers);
    free(state->first_bucket);
    free(state->starts);
    rsi_edge_parts_free(&state->parts);
}

/* Edges of a part that a thread can hold: records, their order twice, and the rest of its scratch.
 */
static uint64_t held_max(const merge_state *state)
{
    const rsi_batch *batch = state->batch;
    uint64_t budget = batch->work.memory_bytes;
    uint64_t own = batch->reserved_bytes < budget ? budget - batch->reserved_bytes : 0;
    uint64_t edges = own / 4 / state->worker_count / (state->layout.words * 4 + 32);
    return budget == 0 ? UINT64_MAX : (edges < RSI_BLOCK_EDGES_MAX ? RSI_BLOCK_EDGES_MAX : edges);
}

static rs_status plan(merge_state *state, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_batch *batch = state->batch;
    const rsi_batch_type_state *src = batch->types[state->relation->src_type];
    state->workers = calloc(state->worker_count, sizeof(merge_worker *));
    if (state->workers == NULL) {
        return no_memory(err);
    }
    choose_layout(state);
    RS_TRY(rsi_edge_parts_init(&state->parts, src->known_count + src->fresh_count,
                               state->worker_count, err));
    RS_TRY(rsi_parallel(&batch->work, state->run_count, renumber_run, state, err));
    RS_TRY(rsi_edge_parts_choose(&state->parts, err));
    size_t parts = state->parts.part_count;
    state->first_bucket = calloc(parts + 1, sizeof *state->first_bucket);
    state->starts = calloc((parts + 1) * state->run_count, sizeof *state->starts);
    if (state->first_bucket == NULL || state->starts == NULL) {
        status = no_memory(err);
        goto done;
    }
    find_buckets(state);
    RS_TRY(rsi_parallel(&batch->work, state->run_count, find_starts, state, err));
done:
    return status;
}

rs_status rsi_merge_relation(rsi_output *output, rsi_batch_relation_state *relation, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_batch *batch = output->batch;
    const rsi_batch_type_state *dst = batch->types[relation->dst_type];
    merge_state state = {.batch = batch,
                         .relation = relation,
                         .run_count = batch->run_count,
                         .worker_count = rsi_parallel_workers(&batch->work)};
    rsi_pack pack = {.output = output,
                     .relation = relation,
                     .context = &state,
                     .load = load_part,
                     .stream = stream_part};
    RS_TRY(plan(&state, err));
    pack.layout = state.layout;
    pack.parts = &state.parts;
    pack.dst_bits = rsi_bits_of(dst->known_count + dst->fresh_count);
    pack.stream_above = held_max(&state);
    RS_TRY(rsi_edges_pack(&pack, err));
done:
    free_state(&state);
    return rs_context(err, status, "relation \"%s\"", relation->name);
}
