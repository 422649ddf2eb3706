/* ingest.c - files -> chunks -> blocks -> one batch.
 *
 * Every worker: take the next chunk, reading it, parse it into the worker's block, append the block
 * to the batch, give the chunk back, which has it looked at in file order (queue.h). What a worker
 * parses it numbers and appends at once, while it is in its core's cache. Results and the first bad
 * row do not depend on the number of threads. Where the batch is full all stop, for it to write a
 * run.
 *
 * Memory: CHUNKS_PER_WORKER pieces of PIECE_BYTES and one block for each worker, and the batch's
 * own.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ringscope/ingest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/try.h"
#include "ingest/chunk.h"
#include "ingest/feed.h"
#include "ingest/inputs.h"
#include "ingest/mapping.h"
#include "ingest/queue.h"
#include "ingest/rejects.h"
#include "ingest/rows.h"
#include "store/batch.h"

enum {
    PIECE_BYTES = 1 << 18, /* with its rows it fits a core's cache */
    CHUNKS_PER_WORKER = 4,
    WORKER_BYTES = 4 << 20 /* pieces and their rows on their way into the batch */
};

/* What is known of a file after its chunks were looked at. */
typedef struct tally {
    uint64_t line_count;
    uint64_t good_count;
    uint64_t yield;
    uint32_t number; /* in the batch, with keep_rows */
} tally;

typedef struct ingest {
    const rs_ingest_options *options;
    const rs_work *work;
    rsi_mapping *mapping;
    rsi_inputs inputs;
    rsi_feed *feed;
    rsi_batch *batch;
    rsi_registry registry;
    rsi_rejects *rejects;
    tally *tallies; /* by file */
    unsigned worker_count;
    rsi_rower **rowers; /* worker * source_count + source; made when first needed */
    size_t source_count;
    rsi_block **blocks; /* by worker */
    rsi_queue *queue;
    uint64_t row_count;
    uint64_t rejected_count;
    bool reads_ahead; /* an input is no file on disk */
} ingest;

/* ---- names -> numbers of the batch --------------------------------------------------------------
 */

static rs_status batch_type(void *context, rs_text name, uint32_t *type, rs_error *err)
{
    ingest *in = context;
    rs_status status = rsi_batch_type(in->batch, name, type, err);
    if (status == RS_OK && rsi_mapping_subject(in->mapping, name.bytes, name.length)) {
        status = rsi_batch_subject(in->batch, *type, err);
    }
    return status;
}

static rs_status batch_relation(void *context, const rsi_relation_spec *spec, uint32_t *relation,
                                rs_error *err)
{
    ingest *in = context;
    return rsi_batch_relation(in->batch, spec, relation, err);
}

static rs_status batch_attribute(void *context, uint32_t type, rs_text name, uint32_t *attribute,
                                 rs_error *err)
{
    ingest *in = context;
    return rsi_batch_attribute(in->batch, type, name, attribute, err);
}

/* ---- one chunk ----------------------------------------------------------------------------------
 */

/* Where the rows of a chunk go. */
typedef struct block_sink {
    rsi_block *block;
    uint32_t file;
    uint64_t line; /* of the piece's start */
} block_sink;

static rs_status put_row(void *context, const rsi_row *row, uint64_t line, rs_error *err)
{
    rs_status status = RS_OK;
    const block_sink *sink = context;
    for (size_t i = 0; i < row->edge_count; i++) {
        row->edges[i].file = sink->file;
        row->edges[i].line = sink->line + line + 1;
        RS_TRY(rsi_block_edge(sink->block, &row->edges[i], err));
    }
    for (size_t i = 0; i < row->node_count; i++) {
        RS_TRY(rsi_block_node(sink->block, row->nodes[i].type, row->nodes[i].id, err));
    }
    for (size_t i = 0; i < row->value_count; i++) {
        RS_TRY(rsi_block_value(sink->block, &row->values[i], err));
    }
done:
    return status;
}

static rs_status put_edges(void *context, rsi_edge_row *edges, size_t count, rs_error *err)
{
    const block_sink *sink = context;
    for (size_t i = 0; i < count; i++) {
        edges[i].file = sink->file;
        edges[i].line += sink->line + 1;
    }
    return rsi_block_edges(sink->block, edges, count, err);
}

static rs_status rower_for(ingest *in, unsigned worker, size_t source, rsi_rower **rower,
                           rs_error *err)
{
    rsi_rower **slot = &in->rowers[worker * in->source_count + source];
    rs_status status = RS_OK;
    if (*slot == NULL) {
        status = rsi_rower_new(slot, rsi_mapping_source(in->mapping, source), &in->registry,
                               in->options->time_max, err);
    }
    *rower = *slot;
    return status;
}

static rs_status parse_chunk(ingest *in, rsi_chunk *chunk, rsi_block *block, unsigned worker)
{
    rs_status status = RS_OK;
    rsi_rower *rower = NULL;
    block_sink sink = {.block = block,
                       .file = in->tallies[chunk->input.file_index].number,
                       .line = chunk->input.line};
    rsi_row_sink rows = {&sink, put_row, put_edges};
    rsi_block_reset(block);
    RS_TRY(rower_for(in, worker, chunk->input.file->input->source, &rower, &chunk->error));
    RS_TRY(rsi_chunk_parse(chunk, rower, &rows, in->rejects == NULL, &chunk->error));
done:
    return status;
}

static rs_status report(const ingest *in, uint64_t done, rs_error *err)
{
    return rs_work_report(in->work, "ingest", rsi_feed_unit(&in->inputs), done, in->inputs.size,
                          err);
}

/* While no worker reads. */
static rs_status ask(void *context, rs_error *err)
{
    const ingest *in = context;
    return report(in, in->feed == NULL ? 0 : rsi_feed_done(in->feed), err);
}

/* Only the calling thread, which is worker 0, may ask whether to go on. */
static void ask_at_work(ingest *in, unsigned worker)
{
    rs_error error = {.status = RS_OK};
    rs_status status = worker == 0 ? report(in, rsi_queue_done(in->queue), &error) : RS_OK;
    if (status != RS_OK) {
        rsi_queue_stop(in->queue, status, &error);
    }
}

/* Failures stay with their chunk, to be told in file order. */
static rs_status work_chunks(void *context, size_t index, unsigned worker, rs_error *err)
{
    ingest *in = context;
    rsi_chunk *chunk = NULL;
    (void)index;
    (void)err;
    while ((chunk = rsi_queue_take(in->queue)) != NULL) {
        rsi_block *block = in->blocks[worker];
        chunk->status = parse_chunk(in, chunk, block, worker);
        bool bad = in->rejects == NULL && chunk->bad_count > 0;
        if (chunk->status == RS_OK && !bad) {
            chunk->status = rsi_batch_append(in->batch, block, &chunk->error);
        }
        if (rsi_batch_full(in->batch)) {
            rsi_queue_pause(in->queue);
        }
        rsi_queue_give(in->queue, chunk, bad);
        ask_at_work(in, worker);
    }
    return RS_OK;
}

/* ---- chunks in file order -----------------------------------------------------------------------
 */

static rs_status note_bad_rows(ingest *in, const rsi_chunk *chunk, uint64_t line, rs_error *err)
{
    rs_status status = RS_OK;
    const char *path = chunk->input.file->input->path;
    for (size_t i = 0; i < chunk->bad_count; i++) {
        const rsi_bad_row *bad = &chunk->bad[i];
        const char *reason = rsi_chunk_reason(chunk, bad);
        uint64_t at = line + bad->line + 1;
        if (in->rejects == NULL || bad->unclosed) {
            return rs_fail(err, RS_EINPUT, "%s:%llu:%zu: %s", path, (unsigned long long)at,
                           bad->column, reason);
        }
        rs_text row = {chunk->input.piece.bytes + bad->start, bad->length};
        RS_TRY(rsi_rejects_add(in->rejects, path, at, bad->column, reason, row, err));
    }
done:
    return status;
}

static rs_status settle_chunk(void *context, const rsi_chunk *chunk, rs_error *err)
{
    rs_status status = RS_OK;
    ingest *in = context;
    tally *file = &in->tallies[chunk->input.file_index];
    if (chunk->status != RS_OK) {
        *err = chunk->error;
        return chunk->input.too_long
                   ? rs_context(err, chunk->status, "%s:%llu:1", chunk->input.file->input->path,
                                (unsigned long long)file->line_count + 1)
                   : chunk->status;
    }
    RS_TRY(note_bad_rows(in, chunk, file->line_count, err));
    file->line_count += chunk->line_count;
    file->good_count += chunk->row_count - chunk->bad_count;
    file->yield += chunk->yield;
    in->row_count += chunk->row_count;
    in->rejected_count += chunk->bad_count;
done:
    return status;
}

static rs_status read_all(ingest *in, rs_error *err)
{
    rs_status status = RS_OK;
    for (bool more = true; more;) {
        rsi_queue_fill(in->queue);
        RS_TRY(rsi_parallel(in->work, in->worker_count, work_chunks, in, err));
        RS_TRY(rsi_queue_result(in->queue, &more, err));
        RS_TRY(rsi_batch_relieve(in->batch, err));
        rsi_queue_resume(in->queue);
        RS_TRY(ask(in, err));
    }
done:
    return status;
}

/* JSON Lines have no header that could lack a column: a file none of whose rows had what the
 * mapping reads most likely has other names. */
static rs_status check_yield(const ingest *in, rs_error *err)
{
    for (size_t i = 0; i < in->inputs.count; i++) {
        const rsi_input *input = &in->inputs.items[i];
        const rsi_source *source = rsi_mapping_source(in->mapping, input->source);
        if (input->lines && in->tallies[i].good_count > 0 && in->tallies[i].yield == 0) {
            return rs_fail(
                err, RS_EINPUT,
                "%s:1:1: no row has the ids that the mapping reads (such as \"%s\")", input->path,
                source->columns[source->relation_count > 0 ? source->relations[0].src.slot
                                                           : source->nodes[0].node.slot]);
        }
    }
    return RS_OK;
}

/* ---- from start to commit -----------------------------------------------------------------------
 */

static rs_status number_files(ingest *in, rs_error *err)
{
    rs_status status = RS_OK;
    in->tallies = calloc(in->inputs.count, sizeof *in->tallies);
    if (in->tallies == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (files)");
    }
    for (size_t i = 0; in->options->keep_rows && i < in->inputs.count; i++) {
        RS_TRY(rsi_batch_file(in->batch, in->inputs.items[i].path, &in->tallies[i].number, err));
    }
done:
    return status;
}

static rs_status share_memory(ingest *in, rs_error *err)
{
    uint64_t budget = in->work == NULL ? 0 : in->work->memory_bytes;
    uint64_t own = in->worker_count * (uint64_t)WORKER_BYTES;
    uint64_t least = own + rsi_batch_memory_min(in->work);
    if (budget > 0 && budget < least) {
        return rs_fail(err, RS_EUSAGE,
                       "%lluM of memory are too little to ingest by %u threads; %lluM would do",
                       (unsigned long long)(budget >> 20), in->worker_count,
                       (unsigned long long)(least >> 20) + 1);
    }
    rsi_batch_reserve(in->batch, own);
    return RS_OK;
}

static rs_status make_workers(ingest *in, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_queue_options queue = {
        .feed = in->feed, .reads_ahead = in->reads_ahead, .settle = settle_chunk, .context = in};
    in->worker_count = rsi_parallel_workers(in->work);
    in->source_count = rsi_mapping_source_count(in->mapping);
    queue.chunk_count = (size_t)in->worker_count * CHUNKS_PER_WORKER;
    RS_TRY(share_memory(in, err));
    RS_TRY(rsi_queue_new(&in->queue, &queue, err));
    in->blocks = calloc(in->worker_count, sizeof(rsi_block *));
    in->rowers = calloc(in->worker_count * in->source_count, sizeof(rsi_rower *));
    if (in->blocks == NULL || in->rowers == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (workers)");
    }
    for (unsigned i = 0; i < in->worker_count; i++) {
        RS_TRY(rsi_block_new(&in->blocks[i], in->batch, err));
    }
done:
    return status;
}

static rs_status commit(ingest *in, rs_ingest_result *result, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_commit done = {0};
    RS_TRY(check_yield(in, err));
    if (in->rejects != NULL) {
        RS_TRY(rsi_rejects_sync(in->rejects, err));
    }
    RS_TRY(rsi_batch_commit(in->batch, in->options->batch, in->row_count - in->rejected_count,
                            &done, err));
    *result = (rs_ingest_result){.row_count = in->row_count,
                                 .rejected_count = in->rejected_count,
                                 .edge_count = done.edge_count,
                                 .dropped_count = done.dropped_count,
                                 .unchanged = done.unchanged,
                                 .subjects_added = done.subjects_added};
    snprintf(result->batch, sizeof result->batch, "%s", done.name);
    if (in->rejects != NULL) {
        RS_TRY(rsi_rejects_publish(in->rejects, err));
    }
done:
    return status;
}

static void clear(ingest *in)
{
    for (size_t i = 0; in->rowers != NULL && i < in->worker_count * in->source_count; i++) {
        rsi_rower_free(in->rowers[i]);
    }
    for (unsigned i = 0; in->blocks != NULL && i < in->worker_count; i++) {
        rsi_block_free(in->blocks[i]);
    }
    free(in->rowers);
    free(in->blocks);
    free(in->tallies);
    rsi_queue_free(in->queue);
    rsi_feed_free(in->feed);
    rsi_batch_close(in->batch);
    rsi_rejects_close(in->rejects);
    rsi_inputs_free(&in->inputs);
    rsi_mapping_free(in->mapping);
}

rs_status rs_ingest(const char *store_path, const rs_ingest_options *options, const rs_work *work,
                    rs_ingest_result *result, rs_error *err)
{
    rs_status status = RS_OK;
    rs_error own = {.status = RS_OK};
    err = err != NULL ? err : &own;
    ingest in = {.options = options, .work = work};
    rsi_feed_options feed = {.piece_bytes = PIECE_BYTES, .count_lines = options->keep_rows};
    feed.check_context = &in;
    in.registry = (rsi_registry){&in, batch_type, batch_relation, batch_attribute};
    RS_TRY(rsi_mapping_load(&in.mapping, options->mapping, err));
    RS_TRY(rsi_inputs_find(&in.inputs, in.mapping, options->files, options->file_count, err));
    in.reads_ahead = in.inputs.waits;
    feed.check = in.reads_ahead ? ask : NULL;
    RS_TRY(ask(&in, err));
    RS_TRY(rsi_feed_new(&in.feed, &in.inputs, in.mapping, &feed, err));
    if (options->rejects != NULL) {
        RS_TRY(rsi_rejects_open(&in.rejects, options->rejects, err));
    }
    RS_TRY(rsi_batch_open(&in.batch, store_path, options->keep_rows, work, err));
    RS_TRY(number_files(&in, err));
    RS_TRY(make_workers(&in, err));
    RS_TRY(read_all(&in, err));
    RS_TRY(commit(&in, result, err));
done:
    clear(&in);
    return status;
}
