/* ingest.c - files -> chunks -> blocks -> one batch, in rounds.
 *
 *   round    every worker: take the lock, read the next chunk, give the lock, parse the chunk into
 * its block; then the calling thread looks at the chunks in file order and appends the blocks, with
 * all workers again
 *
 * Reading is the short part under the lock, so two workers read and parse side by side; the order
 * of chunks is the order in which they were read, whoever parses them, so that results and the
 * first bad row do not depend on the number of threads.
 *
 * Memory: up to CHUNKS_PER_WORKER pieces of PIECE_BYTES and their blocks for each worker, a sixth
 * of the budget where that is less, and the batch's own.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ringscope/ingest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/lock.h"
#include "base/parallel.h"
#include "base/try.h"
#include "ingest/chunk.h"
#include "ingest/feed.h"
#include "ingest/inputs.h"
#include "ingest/mapping.h"
#include "ingest/rejects.h"
#include "ingest/rows.h"
#include "store/batch.h"

enum {
    PIECE_BYTES = 1 << 20,
    CHUNK_BYTES = 5 << 20, /* a piece and its rows on their way into the batch */
    CHUNKS_PER_WORKER = 6,
    CHUNKS_MAX = 64,
    CHUNKS_SHARE = 6 /* all chunks take at most one part in so many of the budget */
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
    size_t chunk_count;
    rsi_chunk *chunks;
    rsi_block **blocks;
    uint64_t row_count;
    uint64_t rejected_count;
    bool reads_ahead; /* an input is no file on disk */
    rsi_lock *lock;   /* over the feed and the two below */
    size_t used;      /* chunks of this round */
    bool ended;       /* no more chunks: the end, or a failure */
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

/* Read the next chunk into the next place of the round; NULL where there is none. */
static rsi_chunk *take_chunk(ingest *in, size_t *place)
{
    rsi_chunk *chunk = NULL;
    rsi_lock_take(in->lock);
    if (!in->ended && in->used < in->chunk_count) {
        *place = in->used;
        chunk = &in->chunks[in->used];
        chunk->status = rsi_feed_next(in->feed, &chunk->input, &chunk->error);
        in->ended = chunk->status != RS_OK || chunk->input.piece.length == 0;
        in->used += chunk->status != RS_OK || chunk->input.piece.length > 0;
    }
    bool nothing = chunk == NULL || chunk->status != RS_OK || chunk->input.piece.length == 0;
    rsi_lock_give(in->lock);
    return nothing ? NULL : chunk;
}

/* Read chunks for a round in the calling thread. A pipe may keep it waiting, and only the calling
 * thread may ask whether to go on. */
static void read_ahead(ingest *in)
{
    size_t place = 0;
    while (take_chunk(in, &place) != NULL) {
    }
}

static rs_status chunk_task(void *context, size_t index, unsigned worker, rs_error *err)
{
    ingest *in = context;
    size_t place = 0;
    (void)err; /* failures stay with their chunk, to be told in file order */
    rsi_chunk *chunk = NULL;
    if (!in->reads_ahead) {
        chunk = take_chunk(in, &place); /* places are given in reading order, under the lock */
    } else if (index < in->used && in->chunks[index].status == RS_OK) {
        place = index;
        chunk = &in->chunks[index];
    }
    if (chunk == NULL) {
        return RS_OK;
    }
    chunk->status = parse_chunk(in, chunk, in->blocks[place], worker);
    if (chunk->status != RS_OK || (in->rejects == NULL && chunk->bad_count > 0)) {
        rsi_lock_take(in->lock);
        in->ended = true; /* what comes later in the files does not matter any more */
        rsi_lock_give(in->lock);
    }
    return RS_OK;
}

/* ---- a round ------------------------------------------------------------------------------------
 */

static rs_status note_bad_rows(ingest *in, const rsi_chunk *chunk, uint64_t line, rs_error *err)
{
    rs_status status = RS_OK;
    const char *path = chunk->input.file->input->path;
    for (size_t i = 0; i < chunk->bad_count; i++) {
        const rsi_bad_row *bad = &chunk->bad[i];
        const char *reason = rsi_chunk_reason(chunk, bad);
        uint64_t at = line + bad->line + 1;
        if (in->rejects == NULL) {
            return rs_fail(err, RS_EINPUT, "%s:%llu:%zu: %s", path, (unsigned long long)at,
                           bad->column, reason);
        }
        rs_text row = {chunk->input.piece.bytes + bad->start, bad->length};
        RS_TRY(rsi_rejects_add(in->rejects, path, at, bad->column, reason, row, err));
    }
done:
    return status;
}

/* Look at the round's chunks in file order; the first failure is the answer. */
static rs_status settle_chunks(ingest *in, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t i = 0; i < in->used; i++) {
        const rsi_chunk *chunk = &in->chunks[i];
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
    }
done:
    return status;
}

static rs_status ask(void *context, rs_error *err)
{
    const ingest *in = context;
    return rs_work_report(in->work, "ingest", rsi_feed_unit(&in->inputs),
                          in->feed == NULL ? 0 : rsi_feed_done(in->feed), in->inputs.size, err);
}

static rs_status run_rounds(ingest *in, rs_error *err)
{
    rs_status status = RS_OK;
    while (!in->ended) {
        in->used = 0;
        if (in->reads_ahead) {
            read_ahead(in);
        }
        RS_TRY(rsi_parallel(in->work, in->chunk_count, chunk_task, in, err));
        RS_TRY(settle_chunks(in, err));
        RS_TRY(rsi_batch_append(in->batch, in->blocks, in->used, err));
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

/* Fewer chunks at a time where memory is little; the result does not depend on how many. */
static rs_status share_memory(ingest *in, rs_error *err)
{
    uint64_t budget = in->work == NULL ? 0 : in->work->memory_bytes;
    uint64_t least = in->worker_count * (uint64_t)CHUNK_BYTES + rsi_batch_memory_min(in->work);
    in->chunk_count = in->worker_count * CHUNKS_PER_WORKER;
    in->chunk_count = in->chunk_count < CHUNKS_MAX ? in->chunk_count : CHUNKS_MAX;
    if (budget == 0) {
        return RS_OK;
    }
    if (budget < least) {
        return rs_fail(err, RS_EUSAGE,
                       "%lluM of memory are too little to ingest by %u threads; %lluM would do",
                       (unsigned long long)(budget >> 20), in->worker_count,
                       (unsigned long long)(least >> 20) + 1);
    }
    while (in->chunk_count > in->worker_count &&
           in->chunk_count * CHUNK_BYTES * CHUNKS_SHARE > budget) {
        in->chunk_count--;
    }
    rsi_batch_reserve(in->batch, in->chunk_count * (uint64_t)CHUNK_BYTES);
    return RS_OK;
}

static rs_status make_chunks(ingest *in, rs_error *err)
{
    rs_status status = RS_OK;
    in->worker_count = rsi_parallel_workers(in->work);
    in->source_count = rsi_mapping_source_count(in->mapping);
    RS_TRY(share_memory(in, err));
    in->chunks = calloc(in->chunk_count, sizeof *in->chunks);
    in->blocks = calloc(in->chunk_count, sizeof *in->blocks);
    in->rowers = calloc(in->worker_count * in->source_count, sizeof(rsi_rower *));
    if (in->chunks == NULL || in->blocks == NULL || in->rowers == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (chunks)");
    }
    for (size_t i = 0; i < in->chunk_count; i++) {
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
    for (size_t i = 0; i < in->chunk_count; i++) {
        if (in->chunks != NULL) {
            rsi_chunk_clear(&in->chunks[i]);
        }
        if (in->blocks != NULL) {
            rsi_block_free(in->blocks[i]);
        }
    }
    free(in->rowers);
    free(in->chunks);
    free(in->blocks);
    free(in->tallies);
    rsi_feed_free(in->feed);
    rsi_lock_free(in->lock);
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
    RS_TRY(rsi_lock_new(&in.lock, err));
    if (options->rejects != NULL) {
        RS_TRY(rsi_rejects_open(&in.rejects, options->rejects, err));
    }
    RS_TRY(rsi_batch_open(&in.batch, store_path, options->keep_rows, work, err));
    RS_TRY(number_files(&in, err));
    RS_TRY(make_chunks(&in, err));
    RS_TRY(run_rounds(&in, err));
    RS_TRY(commit(&in, result, err));
done:
    clear(&in);
    return status;
}
