/* run_edges.c - the edges of a relation in a run.
 *
 * A run keeps sources apart from the rest of its records, edge by edge, both in order.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/parallel.h"
#include "base/try.h"
#include "store/edgetable.h"

enum { SLICE = 1 << 13 }; /* edges that are written at once */

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (edges of the batch)");
}

/* ---- write a run -------------------------------------------------------------------------- */

typedef struct run_worker {
    rsi_edge_order order;
    uint32_t words[SLICE * 12]; /* the widest record has 11 words */
} run_worker;

typedef struct run_state {
    rsi_spill *spill;
    const rsi_edge_table *table;
    unsigned dst_bits;
    const rsi_relation_run *run;
    run_worker **workers;
} run_state;

/* Sources, then the rest of the records, of `count` <= SLICE edges that are edge `at` and on. */
static rs_status write_slice(const run_state *state, run_worker *worker, const uint32_t *records,
                             const uint64_t *order, uint64_t at, size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    size_t words = state->run->layout.words;
    uint32_t *rest = worker->words + count;
    for (size_t i = 0; i < count; i++) {
        const uint32_t *record = records + order[i] * words;
        worker->words[i] = record[0];
        memcpy(rest + i * (words - 1), record + 1, (words - 1) * sizeof *rest);
    }
    RS_TRY(
        rsi_spill_write(state->spill, state->run->sources + at * 4, worker->words, count * 4, err));
    RS_TRY(rsi_spill_write(state->spill, state->run->records + at * (words - 1) * 4, rest,
                           count * (words - 1) * 4, err));
done:
    return status;
}

static rs_status write_part(void *context, size_t number, unsigned worker_number, rs_error *err)
{
    rs_status status = RS_OK;
    run_state *state = context;
    const rsi_edge_table *table = state->table;
    const rsi_edge_part *part = &table->parts.parts[number];
    const uint32_t *records = table->records + part->start * table->layout.words;
    uint64_t *order = NULL;
    if (state->workers[worker_number] == NULL) {
        state->workers[worker_number] = malloc(sizeof(run_worker));
        if (state->workers[worker_number] == NULL) {
            return no_memory(err);
        }
        state->workers[worker_number]->order = (rsi_edge_order){0};
    }
    run_worker *worker = state->workers[worker_number];
    RS_TRY(rsi_edges_order(&worker->order, &table->layout, state->dst_bits, records,
                           (size_t)part->count, &order, err));
    for (uint64_t from = 0; from < part->count; from += SLICE) {
        size_t count = part->count - from < SLICE ? (size_t)(part->count - from) : SLICE;
        RS_TRY(write_slice(state, worker, records, order + from, part->start + from, count, err));
    }
done:
    return status;
}

static rs_status write_run(run_state *state, const rs_work *work, rs_error *err)
{
    unsigned worker_count = rsi_parallel_workers(work);
    state->workers = calloc(worker_count, sizeof(run_worker *));
    if (state->workers == NULL) {
        return no_memory(err);
    }
    rs_status status = rsi_parallel(work, state->table->parts.part_count, write_part, state, err);
    for (unsigned i = 0; i < worker_count; i++) {
        if (state->workers[i] != NULL) {
            free(state->workers[i]->order.words);
        }
        free(state->workers[i]);
    }
    free(state->workers);
    return status;
}

rs_status rsi_run_relation(rsi_output *output, rsi_batch_relation_state *relation,
                           rsi_relation_run *run, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_batch *batch = output->batch;
    const rsi_batch_type_state *dst = batch->types[relation->dst_type];
    rsi_edge_table table = {0};
    run_state state = {.spill = &batch->spill, .table = &table, .run = run};
    state.dst_bits = rsi_bits_of(dst->known_count + dst->fresh_count);
    RS_TRY(rsi_edge_table_make(&table, batch, relation, true, err));
    if (table.parts.edge_count > 0) {
        run->edge_count = table.parts.edge_count;
        run->layout = table.layout;
        run->time_min = table.time_min;
        run->time_max = table.time_max;
        run->sources = rsi_spill_reserve(&batch->spill, run->edge_count * 4);
        run->records =
            rsi_spill_reserve(&batch->spill, run->edge_count * (table.layout.words - 1) * 4);
        RS_TRY(write_run(&state, &batch->work, err));
    }
done:
    rsi_edge_table_free(&table);
    return rs_context(err, status, "relation \"%s\"", relation->name);
}
