/* run_flush.c - keep a batch within its share of memory: what it holds becomes a sorted run on
 * disk.
 *
 * Reckoned after each append. What a commit of the rows in memory would need at its highest point
 * is estimated from their numbers: the ids of the largest type are sorted in 36 bytes each, the
 * edges of the largest relation are copied once. Where that and another append's rows would pass
 * the budget, the rows go to disk by the same steps as a commit takes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <malloc.h>
#include <stdlib.h>

#include "base/parallel.h"
#include "base/try.h"
#include "store/batch_internal.h"

enum {
    ID_SORT_BYTES = 36,       /* two lists of rsi_id, and the number */
    ID_NUMBER_BYTES = 4,      /* what stays of an id until its rows are written */
    WORKER_BYTES = 8 << 20,   /* scratch of a thread that packs: columns, order, coders, parcels */
    BASE_BYTES = 12 << 20,    /* the program itself */
    ROWS_MIN_BYTES = 16 << 20 /* of rows and ids; with less, runs get too many */
};

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (runs of the batch)");
}

/* ---- how much ----------------------------------------------------------------------------- */

typedef struct holdings {
    uint64_t ids;          /* bytes of all shards */
    uint64_t id_count;     /* of all types */
    uint64_t id_count_max; /* of one type */
    uint64_t rows;         /* bytes of all chunks */
    uint64_t rows_max;     /* of one relation or attribute */
} holdings;

static holdings holdings_of(const rsi_batch *batch)
{
    holdings sum = {0};
    for (uint32_t t = 0; t < batch->type_count; t++) {
        uint64_t count = batch->types[t]->id_count;
        sum.ids += batch->types[t]->id_bytes;
        sum.id_count += count;
        sum.id_count_max = count > sum.id_count_max ? count : sum.id_count_max;
    }
    for (uint32_t r = 0; r < batch->relation_count; r++) {
        uint64_t bytes = batch->relations[r]->bytes;
        sum.rows += bytes;
        sum.rows_max = bytes > sum.rows_max ? bytes : sum.rows_max;
    }
    for (uint32_t a = 0; a < batch->attribute_count; a++) {
        uint64_t bytes = batch->attributes[a]->bytes * 2; /* sorted by a list of their own */
        sum.rows += bytes / 2;
        sum.rows_max = bytes > sum.rows_max ? bytes : sum.rows_max;
    }
    return sum;
}

/* What a commit of all that is held would need at its highest point. */
static uint64_t peak_of(const rsi_batch *batch, const holdings *held)
{
    uint64_t workers = rsi_parallel_workers(&batch->work);
    uint64_t sorting = held->rows + held->ids + held->id_count_max * ID_SORT_BYTES;
    uint64_t packing = held->rows + held->id_count * ID_NUMBER_BYTES + held->rows_max;
    uint64_t own = BASE_BYTES + workers * WORKER_BYTES + batch->reserved_bytes;
    return own + (sorting > packing ? sorting : packing);
}

uint64_t rsi_batch_memory_min(const rs_work *work)
{
    return BASE_BYTES + rsi_parallel_workers(work) * (uint64_t)WORKER_BYTES + ROWS_MIN_BYTES;
}

void rsi_batch_reserve(rsi_batch *batch, uint64_t bytes)
{
    batch->reserved_bytes = bytes;
}

void rsi_batch_weigh(rsi_batch *batch)
{
    uint64_t budget = batch->work.memory_bytes;
    holdings held = holdings_of(batch);
    uint64_t peak = peak_of(batch, &held);
    uint64_t grown = peak > batch->peak_bytes ? peak - batch->peak_bytes : 0;
    batch->growth_bytes = grown > batch->growth_bytes ? grown : batch->growth_bytes;
    batch->peak_bytes = peak;
    /* Each thread may bring one more before it hears of this. */
    uint64_t more = rsi_parallel_workers(&batch->work) * batch->growth_bytes;
    batch->full = budget > 0 && held.id_count > 0 && peak + more > budget;
}

bool rsi_batch_full(rsi_batch *batch)
{
    pthread_mutex_lock(&batch->mutex);
    bool full = batch->full;
    pthread_mutex_unlock(&batch->mutex);
    return full;
}

rs_status rsi_batch_relieve(rsi_batch *batch, rs_error *err)
{
    rs_status status = batch->full ? rsi_batch_flush(batch, err) : RS_OK;
    batch->spoiled = batch->spoiled || status != RS_OK;
    return status;
}

/* ---- a run -------------------------------------------------------------------------------- */

static void free_run(rsi_batch_run *run)
{
    for (uint32_t t = 0; run->types != NULL && t < run->type_count; t++) {
        free(run->types[t].extents);
        free(run->types[t].dropped);
        free(run->types[t].last);
    }
    free(run->types);
    free(run->relations);
    free(run->attributes);
    free(run->files);
}

void rsi_batch_free_runs(rsi_batch *batch)
{
    for (size_t i = 0; i < batch->run_count; i++) {
        free_run(&batch->runs[i]);
    }
    free(batch->runs);
    batch->runs = NULL;
    batch->run_count = 0;
    rsi_spill_close(&batch->spill);
}

/* The next run, empty, with room for what the batch knows now; the batch owns it. */
static rs_status add_run(rsi_batch *batch, rsi_batch_run **out, rs_error *err)
{
    size_t count = batch->run_count;
    if ((count & (count - 1)) == 0) {
        rsi_batch_run *runs =
            realloc(batch->runs, (count == 0 ? 1 : 2 * count) * sizeof *batch->runs);
        if (runs == NULL) {
            return no_memory(err);
        }
        batch->runs = runs;
    }
    rsi_batch_run *run = &batch->runs[count];
    *run = (rsi_batch_run){.type_count = batch->type_count,
                           .relation_count = batch->relation_count,
                           .attribute_count = batch->attribute_count,
                           .file_count = batch->file_count};
    run->types = calloc(run->type_count + 1, sizeof *run->types);
    run->relations = calloc(run->relation_count + 1, sizeof *run->relations);
    run->attributes = calloc(run->attribute_count + 1, sizeof *run->attributes);
    run->files = calloc(run->file_count + 1, sizeof *run->files);
    batch->run_count++;
    *out = run;
    return run->types == NULL || run->relations == NULL || run->attributes == NULL ||
                   run->files == NULL
               ? no_memory(err)
               : RS_OK;
}

static uint32_t known_count(const rsi_batch *batch, const rsi_batch_type_state *type)
{
    for (size_t i = 0; i < batch->manifest.type_count; i++) {
        const rsi_type_entry *known = &batch->manifest.types[i];
        if (known->hidden == type->hidden && strcmp(known->name, type->name) == 0) {
            return known->node_count;
        }
    }
    return 0;
}

static rs_status flush_types(rsi_output *output, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_batch *batch = output->batch;
    for (uint32_t t = 0; t < output->run->type_count; t++) {
        rsi_batch_type_state *type = batch->types[t];
        type->known_count = known_count(batch, type);
        type->fresh_count = 0;
        if (type->id_count > 0) {
            type->used = true;
            RS_TRY(rsi_commit_type(output, type, &output->run->types[t], err));
        }
    }
done:
    return status;
}

/* Rows are sorted by the names of their files: the numbers in the run follow those. */
static rs_status flush_files(rsi_output *output, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_batch *batch = output->batch;
    char **sorted = NULL;
    uint32_t *ranks = NULL;
    if (!batch->keep_rows || batch->file_count == 0) {
        return RS_OK;
    }
    RS_TRY(rsi_rank_files(batch, &sorted, &ranks, err));
    rsi_renew_files(batch, ranks);
    for (uint32_t i = 0; i < output->run->file_count; i++) {
        output->run->files[ranks[i]] = i;
    }
done:
    free(sorted);
    free(ranks);
    return status;
}

static rs_status flush_rows(rsi_output *output, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_batch *batch = output->batch;
    rsi_batch_run *run = output->run;
    RS_TRY(rsi_commit_map(output, err));
    RS_TRY(flush_files(output, err));
    RS_TRY(rsi_commit_keys(output, err));
    for (uint32_t r = 0; r < run->relation_count; r++) {
        RS_TRY(rsi_run_relation(output, batch->relations[r], &run->relations[r], err));
    }
    for (uint32_t a = 0; a < run->attribute_count; a++) {
        RS_TRY(rsi_run_attribute(output, batch->attributes[a], &run->attributes[a], err));
    }
done:
    return status;
}

rs_status rsi_batch_flush(rsi_batch *batch, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_output output = {.batch = batch};
    holdings held = holdings_of(batch);
    if (held.id_count == 0 && held.rows == 0) {
        return RS_OK;
    }
    if (batch->run_count == 0) {
        RS_TRY(rsi_spill_open(&batch->spill, batch->directory, err));
    }
    RS_TRY(add_run(batch, &output.run, err));
    rsi_order_relations(batch);
    RS_TRY(flush_types(&output, err));
    RS_TRY(flush_rows(&output, err));
    batch->dropped_count += output.dropped_count;
done:
    for (uint32_t t = 0; t < batch->type_count; t++) {
        rsi_type_forget(batch->types[t]);
    }
    batch->peak_bytes = 0;
    batch->full = false;
    (void)malloc_trim(0); /* what was freed in small pieces is the system's again */
    return status;
}
