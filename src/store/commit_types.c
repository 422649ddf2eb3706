/* commit_types.c - the ids of a batch, type by type: sorted, resolved, numbered, written.
 *
 * An id that an earlier batch brought keeps its number; the new ones get the numbers that follow,
 * in byte order. So numbers depend on the content of batches only, never on the order of rows in
 * one. Known ids are found by going through the sorted ids and each earlier part side by side, a
 * block at a time: no dictionary is loaded.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/pages.h"
#include "base/parallel.h"
#include "base/try.h"
#include "store/batch_internal.h"
#include "store/idsort.h"
#include "store/outbox.h"

enum { PIECE = 1 << 14, AHEAD = 16 };

typedef struct types_worker {
    rsi_zblock *zblock;
    rsi_buffer scratch;
    rsi_buffer block;
    rsi_buffer note;
    rsi_buffer parcel;
    rs_text *texts; /* RSI_DICT_BLOCK_IDS_MAX */
    rsi_dict_block *known;
} types_worker;

typedef struct types_state {
    rsi_output *output;
    rsi_batch_type_state *type;
    rsi_type_run *run; /* NULL: a part of the store's dictionary is written */
    rsi_id *ids;
    rsi_id *other; /* scratch of the sort, then the new ids where not all are */
    size_t count;
    size_t piece_count;
    size_t *fresh_start; /* per piece: how many new ids stand before it */
    rsi_id *fresh;
    size_t fresh_count;
    rsi_blockfile *files;
    rsi_dict_part *parts;
    size_t part_count;
    size_t *cuts; /* first fresh id of each block, and the end */
    size_t block_count;
    rsi_outbox *outbox;
    types_worker *workers;
    unsigned worker_count;
} types_state;

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (dictionary of the batch)");
}

/* ---- the ids of the shards ---------------------------------------------------------------- */

static rs_status list_shard(void *context, size_t number, unsigned worker, rs_error *err)
{
    types_state *state = context;
    rsi_id *id = state->ids + state->type->shard_start[number];
    rsi_shard *shard = &state->type->shards[number];
    uint32_t count = shard->id_count;
    (void)worker;
    for (uint32_t local = 0; local < count; local++) {
        id[local] = (rsi_id){.local = (uint32_t)number << RSI_LOCAL_BITS | local};
    }
    return rsi_shard_list(shard, err);
}

static rs_status list_ids(types_state *state, rs_error *err)
{
    rsi_batch_type_state *type = state->type;
    uint64_t count = 0;
    for (uint32_t i = 0; i < RSI_SHARD_COUNT; i++) {
        type->shard_start[i] = (uint32_t)count;
        count += type->shards[i].id_count;
    }
    if (count >= RS_NO_NODE - type->known_count) {
        return rs_fail(err, RS_EUSAGE, "more than %u nodes of one type", RS_NO_NODE - 1);
    }
    type->shard_start[RSI_SHARD_COUNT] = (uint32_t)count;
    state->count = (size_t)count;
    state->piece_count = (state->count + PIECE - 1) / PIECE;
    state->ids = rsi_pages_take(state->count * sizeof *state->ids);
    state->other = rsi_pages_take(state->count * sizeof *state->other);
    state->fresh_start = calloc(state->piece_count + 1, sizeof *state->fresh_start);
    type->nodes = rsi_pages_take(state->count * sizeof *type->nodes);
    if (state->ids == NULL || state->other == NULL || state->fresh_start == NULL ||
        type->nodes == NULL) {
        return no_memory(err);
    }
    return rsi_parallel(&state->output->batch->work, RSI_SHARD_COUNT, list_shard, state, err);
}

/* ---- ids of earlier batches --------------------------------------------------------------- */

static rs_status open_parts(types_state *state, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_batch *batch = state->output->batch;
    const rsi_manifest *manifest = &batch->manifest;
    state->files = calloc(manifest->file_count + 1, sizeof *state->files);
    state->parts = calloc(manifest->file_count + 1, sizeof *state->parts);
    if (state->files == NULL || state->parts == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < manifest->file_count; i++) {
        const rsi_file_entry *file = &manifest->files[i];
        const rsi_type_entry *type = &manifest->types[file->object];
        if (file->ref.kind != RSI_FILE_DICTIONARY || type->hidden != state->type->hidden ||
            strcmp(type->name, state->type->name) != 0) {
            continue;
        }
        size_t part = state->part_count;
        RS_TRY(rsi_blockfile_open(&state->files[part], batch->directory, &file->ref, err));
        state->part_count++;
        RS_TRY(rsi_dict_open(&state->parts[part], &state->files[part], err));
        if (state->parts[part].first + state->parts[part].count > type->node_count) {
            status =
                rs_fail(err, RS_ECORRUPT, "file \"%s\" has more ids than type \"%s\" has nodes",
                        file->ref.name, type->name);
            goto done;
        }
    }
done:
    return status;
}

static size_t piece_end(const types_state *state, size_t piece)
{
    return (piece + 1) * PIECE < state->count ? (piece + 1) * PIECE : state->count;
}

/* The numbers of the ids of a piece that some part knows; how many none does. */
static rs_status resolve_piece(void *context, size_t piece, unsigned worker, rs_error *err)
{
    types_state *state = context;
    size_t to = piece_end(state, piece);
    size_t fresh = to - piece * PIECE;
    rs_status status = RS_OK;
    for (size_t i = piece * PIECE; i < to; i++) {
        state->ids[i].order = RS_NO_NODE;
    }
    for (size_t part = 0; status == RS_OK && part < state->part_count; part++) {
        for (size_t i = piece * PIECE; status == RS_OK && i < to; i++) {
            rsi_id *id = &state->ids[i];
            uint32_t node = RS_NO_NODE;
            if (id->order == RS_NO_NODE) {
                status = rsi_dict_find(&state->parts[part], state->workers[worker].known,
                                       rsi_shard_text(state->type->shards, id->local), &node, err);
                id->order = node;
                fresh -= node != RS_NO_NODE;
            }
        }
    }
    state->fresh_start[piece + 1] = fresh;
    return status;
}

/* Give every id of a piece its number; the new ones stand together in `fresh`. */
static rs_status number_piece(void *context, size_t piece, unsigned worker, rs_error *err)
{
    types_state *state = context;
    rsi_batch_type_state *type = state->type;
    size_t rank = state->fresh_start[piece];
    size_t to = piece_end(state, piece);
    (void)worker;
    (void)err;
    for (size_t i = piece * PIECE; i < to; i++) {
        const rsi_id *id = &state->ids[i];
        uint32_t node = (uint32_t)id->order;
        if (node == RS_NO_NODE) {
            node = type->known_count + (uint32_t)rank;
            if (state->fresh != state->ids) {
                state->fresh[rank] = *id;
            }
            rank++;
        }
        type->nodes[type->shard_start[id->local >> RSI_LOCAL_BITS] + (id->local & RSI_LOCAL_MASK)] =
            node;
    }
    return RS_OK;
}

static rs_status number_ids(types_state *state, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_work *work = &state->output->batch->work;
    RS_TRY(rsi_parallel(work, state->piece_count, resolve_piece, state, err));
    for (size_t i = 0; i < state->piece_count; i++) {
        state->fresh_start[i + 1] += state->fresh_start[i];
    }
    state->fresh_count = state->fresh_start[state->piece_count];
    state->fresh = state->fresh_count == state->count ? state->ids : state->other;
    state->type->fresh_count = (uint32_t)state->fresh_count;
    RS_TRY(rsi_parallel(work, state->piece_count, number_piece, state, err));
done:
    return status;
}

/* ---- the part of the new ids -------------------------------------------------------------- */

static size_t cut_block(const rsi_id *ids, size_t count)
{
    size_t bytes = 0;
    size_t taken = 0;
    while (taken < count && taken < RSI_DICT_BLOCK_IDS_MAX && bytes < RSI_DICT_BLOCK_BYTES_CUT) {
        bytes += ids[taken++].length;
    }
    return taken;
}

static rs_status cut_blocks(types_state *state, rs_error *err)
{
    size_t capacity = 0;
    for (size_t at = 0; at < state->fresh_count;) {
        if (state->block_count + 1 >= capacity) {
            capacity = capacity * 2 + 16;
            size_t *cuts = realloc(state->cuts, capacity * sizeof *cuts);
            if (cuts == NULL) {
                return no_memory(err);
            }
            state->cuts = cuts;
        }
        state->cuts[state->block_count++] = at;
        at += cut_block(state->fresh + at, state->fresh_count - at);
        state->cuts[state->block_count] = at;
    }
    return RS_OK;
}

static rs_status write_block(void *context, size_t number, unsigned worker_number, rs_error *err)
{
    rs_status status = RS_OK;
    types_state *state = context;
    types_worker *worker = &state->workers[worker_number];
    const rsi_shard *shards = state->type->shards;
    const rsi_id *ids = state->fresh + state->cuts[number];
    size_t count = state->cuts[number + 1] - state->cuts[number];
    for (size_t i = 0; i < count; i++) {
        if (i + AHEAD < count) {
            __builtin_prefetch(rsi_shard_at(shards, ids[i + AHEAD].local));
        }
        worker->texts[i] = rsi_shard_text(shards, ids[i].local);
    }
    worker->block.length = 0;
    worker->note.length = 0;
    RS_TRY(rsi_dict_encode(worker->zblock, worker->texts, count, &worker->scratch, &worker->block,
                           &worker->note, err));
    RS_TRY(rsi_parcel_add(&worker->parcel, &worker->block, worker->note.bytes, worker->note.length,
                          err));
    RS_TRY(rsi_outbox_put(state->outbox, number, &worker->parcel, err));
done:
    return status;
}

static rs_status write_part(types_state *state, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_blockwriter *writer = NULL;
    const rsi_batch_type_state *type = state->type;
    uint8_t meta[RSI_DICT_META_BYTES];
    RS_TRY(cut_blocks(state, err));
    RS_TRY(rsi_output_file(state->output, RSI_FILE_DICTIONARY, type->object, &writer, err));
    RS_TRY(rsi_outbox_new(&state->outbox, writer, state->block_count, err));
    RS_TRY(rsi_parallel(&state->output->batch->work, state->block_count, write_block, state, err));
    rsi_dict_meta(type->known_count, type->fresh_count, meta);
    RS_TRY(rsi_output_finish(state->output, writer, type->object, meta, sizeof meta, err));
done:
    return status;
}

/* ---- or a run's list of them -------------------------------------------------------------- */

/* A length that a byte holds stands in one; else 255, and both lengths follow as u16. */
static rs_status list_id(rsi_buffer *out, rs_text last, rs_text id, rs_error *err)
{
    size_t shared = rsi_text_shared(last, id);
    size_t rest = id.length - shared;
    rs_status status = rsi_buffer_reserve(out, 6 + rest, err);
    if (status != RS_OK) {
        return status;
    }
    uint8_t *at = out->bytes + out->length;
    bool wide = shared >= 255 || rest >= 255;
    at[0] = wide ? 255 : (uint8_t)shared;
    at[1] = wide ? 255 : (uint8_t)rest;
    at += 2;
    if (wide) {
        rsi_store_u16le(at, (uint16_t)shared);
        rsi_store_u16le(at + 2, (uint16_t)rest);
        at += 4;
    }
    if (rest > 0) {
        memcpy(at, id.bytes + shared, rest);
    }
    out->length = (size_t)(at - out->bytes) + rest;
    return RS_OK;
}

static rs_status spill_piece(void *context, size_t piece, unsigned worker_number, rs_error *err)
{
    rs_status status = RS_OK;
    types_state *state = context;
    rsi_spill *spill = &state->output->batch->spill;
    rsi_buffer *out = &state->workers[worker_number].parcel;
    const rsi_shard *shards = state->type->shards;
    size_t to =
        state->fresh_count - piece * PIECE < PIECE ? state->fresh_count : (piece + 1) * PIECE;
    rs_text last = {.bytes = NULL};
    out->length = 0;
    for (size_t i = piece * PIECE; i < to; i++) {
        if (i + AHEAD < to) {
            __builtin_prefetch(rsi_shard_at(shards, state->fresh[i + AHEAD].local));
        }
        rs_text id = rsi_shard_text(shards, state->fresh[i].local);
        RS_TRY(list_id(out, last, id, err));
        last = id;
    }
    rsi_extent *extent = &state->run->extents[piece];
    *extent = (rsi_extent){rsi_spill_reserve(spill, out->length), out->length};
    RS_TRY(rsi_spill_write(spill, extent->offset, out->bytes, out->length, err));
done:
    return status;
}

static rs_status spill_ids(types_state *state, rs_error *err)
{
    rsi_type_run *run = state->run;
    run->fresh_count = (uint32_t)state->fresh_count;
    run->extent_count = (state->fresh_count + PIECE - 1) / PIECE;
    run->extents = calloc(run->extent_count, sizeof *run->extents);
    rs_text last = rsi_shard_text(state->type->shards, state->fresh[state->fresh_count - 1].local);
    run->last = malloc(last.length + 1);
    if (run->extents == NULL || run->last == NULL) {
        return no_memory(err);
    }
    memcpy(run->last, last.bytes, last.length);
    run->last_length = last.length;
    return rsi_parallel(&state->output->batch->work, run->extent_count, spill_piece, state, err);
}

/* ---- all of it ---------------------------------------------------------------------------- */

static rs_status make_workers(types_state *state, rs_error *err)
{
    rs_status status = RS_OK;
    state->worker_count = rsi_parallel_workers(&state->output->batch->work);
    state->workers = calloc(state->worker_count, sizeof *state->workers);
    if (state->workers == NULL) {
        state->worker_count = 0;
        return no_memory(err);
    }
    for (unsigned i = 0; i < state->worker_count; i++) {
        types_worker *worker = &state->workers[i];
        worker->texts = malloc(RSI_DICT_BLOCK_IDS_MAX * sizeof *worker->texts);
        if (worker->texts == NULL) {
            return no_memory(err);
        }
        RS_TRY(rsi_zblock_new(&worker->zblock, err));
        RS_TRY(rsi_dict_block_new(&worker->known, err));
    }
done:
    return status;
}

static void free_state(types_state *state)
{
    for (unsigned i = 0; i < state->worker_count; i++) {
        types_worker *worker = &state->workers[i];
        rsi_zblock_free(worker->zblock);
        rsi_buffer_free(&worker->scratch);
        rsi_buffer_free(&worker->block);
        rsi_buffer_free(&worker->note);
        rsi_buffer_free(&worker->parcel);
        rsi_dict_block_free(worker->known);
        free(worker->texts);
    }
    for (size_t i = 0; i < state->part_count; i++) {
        rsi_dict_close(&state->parts[i]);
        rsi_blockfile_close(&state->files[i]);
    }
    rsi_outbox_free(state->outbox);
    free(state->workers);
    free(state->files);
    free(state->parts);
    free(state->cuts);
    free(state->fresh_start);
    rsi_pages_give(state->ids, state->count * sizeof *state->ids);
    rsi_pages_give(state->other, state->count * sizeof *state->other);
}

rs_status rsi_commit_type(rsi_output *output, rsi_batch_type_state *type, rsi_type_run *run,
                          rs_error *err)
{
    rs_status status = RS_OK;
    types_state state = {.output = output, .type = type, .run = run};
    const rs_work *work = &output->batch->work;
    RS_TRY(list_ids(&state, err));
    RS_TRY(rsi_ids_sort(state.ids, state.other, state.count, type->shards, work, err));
    RS_TRY(make_workers(&state, err));
    RS_TRY(open_parts(&state, err));
    RS_TRY(number_ids(&state, err));
    if (state.fresh_count > 0) {
        RS_TRY(state.run != NULL ? spill_ids(&state, err) : write_part(&state, err));
    }
done:
    free_state(&state);
    for (uint32_t i = 0; i < RSI_SHARD_COUNT; i++) {
        rsi_shard_free(&type->shards[i]);
    }
    return rs_context(err, status, "type \"%s\"", type->name);
}

/* ---- rows get dense numbers --------------------------------------------------------------- */

typedef struct map_job {
    rsi_batch_relation_state *relation;
    rsi_chunk *chunk;
} map_job;

typedef struct map_state {
    rsi_batch *batch;
    map_job *jobs;
} map_state;

static inline uint32_t *place_of(const rsi_batch_type_state *type, uint32_t local)
{
    return &type->nodes[type->shard_start[local >> RSI_LOCAL_BITS] + (local & RSI_LOCAL_MASK)];
}

static inline uint32_t node_of(const rsi_batch_type_state *type, uint32_t local)
{
    return *place_of(type, local);
}

static rs_status map_chunk(void *context, size_t index, unsigned worker, rs_error *err)
{
    const map_state *state = context;
    const map_job *job = &state->jobs[index];
    const rsi_batch_type_state *src = state->batch->types[job->relation->src_type];
    const rsi_batch_type_state *dst = state->batch->types[job->relation->dst_type];
    const rsi_batch_type_state *keys = state->batch->types[job->relation->key_type];
    rsi_chunk *chunk = job->chunk;
    (void)worker;
    (void)err;
    for (size_t i = 0; i < chunk->count; i++) {
        if (i + AHEAD < chunk->count) {
            __builtin_prefetch(place_of(src, chunk->src[i + AHEAD]));
            __builtin_prefetch(place_of(dst, chunk->dst[i + AHEAD]));
        }
        chunk->src[i] = node_of(src, chunk->src[i]);
        chunk->dst[i] = node_of(dst, chunk->dst[i]);
    }
    for (size_t i = 0; chunk->extra != NULL && i < chunk->count; i++) {
        if (chunk->extra[i].key != RSI_NO_KEY) {
            chunk->extra[i].key = node_of(keys, chunk->extra[i].key);
        }
    }
    return RS_OK;
}

static void map_values(const rsi_batch *batch)
{
    for (uint32_t a = 0; a < batch->attribute_count; a++) {
        const rsi_batch_attribute_state *attribute = batch->attributes[a];
        const rsi_batch_type_state *type = batch->types[attribute->type];
        for (size_t c = 0; c < attribute->chunk_count; c++) {
            rsi_value_chunk *chunk = attribute->chunks[c];
            for (size_t i = 0; i < chunk->count; i++) {
                chunk->entries[i].node = node_of(type, chunk->entries[i].node);
            }
        }
    }
}

rs_status rsi_commit_map(rsi_output *output, rs_error *err)
{
    rsi_batch *batch = output->batch;
    map_state state = {.batch = batch};
    size_t count = 0;
    for (uint32_t i = 0; i < batch->relation_count; i++) {
        count += batch->relations[i]->chunk_count;
    }
    state.jobs = malloc(count * sizeof *state.jobs + 1);
    if (state.jobs == NULL) {
        return no_memory(err);
    }
    count = 0;
    for (uint32_t i = 0; i < batch->relation_count; i++) {
        for (size_t c = 0; c < batch->relations[i]->chunk_count; c++) {
            state.jobs[count++] = (map_job){batch->relations[i], batch->relations[i]->chunks[c]};
        }
    }
    rs_status status = rsi_parallel(&batch->work, count, map_chunk, &state, err);
    free(state.jobs);
    map_values(batch);
    return status;
}
