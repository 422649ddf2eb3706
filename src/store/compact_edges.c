/* compact_edges.c - the segments of a group and relation, renumbered and sorted into one; beside it
 * where each edge came from, and the same pairs by target.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/try.h"
#include "store/compact.h"
#include "store/compact_sort.h"

/* Edges of a block: a quarter of what the format allows. A look-up unpacks a quarter as much and a
 * scan stays in the cache, for a fiftieth of a byte an edge. */
enum { BLOCK_EDGES = RSI_BLOCK_EDGES_MAX / 4 };

/* Columns of the block in the making. */
typedef struct edge_block {
    size_t count;
    bool timed;
    bool priced;
    bool coarse;
    uint32_t src[BLOCK_EDGES];
    uint32_t dst[BLOCK_EDGES];
    int64_t time[BLOCK_EDGES];
    int64_t amount[BLOCK_EDGES];
    uint32_t precision_s[BLOCK_EDGES];
    uint64_t file[BLOCK_EDGES];
    uint64_t line[BLOCK_EDGES];
} edge_block;

typedef struct edges_state {
    rsi_compactor *compactor;
    uint32_t relation;
    size_t group;
    rsi_segment_coder *coder;
    rsi_rows_coder *rows_coder;
    rsi_buffer bytes;
    rsi_buffer rows_bytes;
    rsi_sorter *sorter;
    rsi_sorter *reverse; /* NULL: no reverse file */
    bool keep_rows;      /* some batch of the group has kept them */
    uint32_t no_file;    /* number that says that an edge has no row */
    uint32_t *file_base; /* per batch: number of its first input file in the group's list */
    edge_block *block;
    rsi_blockwriter *writer;
    rsi_blockwriter *rows_writer;
    rsi_segment_meta meta;
    uint64_t edge_total; /* of the group's segments */
    uint64_t done;
} edges_state;

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (edges of a relation)");
}

/* ---- what there is ------------------------------------------------------------------------ */

static bool is_segment(const edges_state *state, size_t file, rsi_file_kind kind)
{
    const rsi_file_entry *entry = &state->compactor->store->manifest.files[file];
    return entry->ref.kind == kind && entry->object == state->relation &&
           rsi_compact_group_of(state->compactor, file) == state->group;
}

/* The rows file beside a segment, or the number of files. */
static size_t rows_of(const edges_state *state, size_t segment)
{
    const rsi_manifest *manifest = &state->compactor->store->manifest;
    size_t file = 0;
    while (file < manifest->file_count &&
           !(manifest->files[file].ref.kind == RSI_FILE_ROWS &&
             manifest->files[file].object == state->relation &&
             manifest->files[file].batch == manifest->files[segment].batch)) {
        file++;
    }
    return file;
}

/* Input files of a group are numbered batch after batch, as the next manifest lists them. */
static rs_status number_sources(edges_state *state, rs_error *err)
{
    const rsi_compactor *compactor = state->compactor;
    const rsi_manifest *manifest = &compactor->store->manifest;
    uint32_t *counts = calloc(manifest->batch_count + 1, sizeof *counts);
    state->file_base = counts;
    if (counts == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < manifest->source_count; i++) {
        counts[rsi_batch_home(manifest->batches, manifest->sources[i].batch)]++;
    }
    uint32_t next = 0;
    for (size_t batch = 0; batch < manifest->batch_count; batch++) {
        if (compactor->group_of[batch] == state->group) {
            uint32_t count = counts[batch];
            counts[batch] = next;
            next += count;
        }
    }
    state->no_file = next;
    return RS_OK;
}

/* Which columns any block of the group has: their flags stand at the head of each. */
static rs_status choose_columns(edges_state *state, rsi_loose_columns *columns, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_store *store = state->compactor->store;
    unsigned found = 0;
    for (size_t file = 0; file < store->opened; file++) {
        if (!is_segment(state, file, RSI_FILE_SEGMENT)) {
            continue;
        }
        state->edge_total += rsi_segment_meta_load(store->files[file].meta).edge_count;
        state->keep_rows = state->keep_rows || rows_of(state, file) < store->opened;
        for (size_t block = 0; block < store->files[file].block_count; block++) {
            rsi_segment_shape shape = {0};
            RS_TRY(rsi_segment_look(&store->files[file], block, &shape, err));
            found |= shape.columns;
        }
    }
    *columns = (found & RSI_HAS_TIME) != 0 ? RSI_LOOSE_TIMED : RSI_LOOSE_ENDS;
    *columns = (found & RSI_HAS_AMOUNT) != 0 ? RSI_LOOSE_PRICED : *columns;
    *columns = (found & RSI_HAS_PRECISION) != 0 || state->keep_rows ? RSI_LOOSE_ALL : *columns;
done:
    return status;
}

/* ---- in ----------------------------------------------------------------------------------- */

static rs_status read_rows(edges_state *state, size_t rows, size_t block, size_t count,
                           const uint64_t **files, const uint64_t **lines, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_blockfile *file = &state->compactor->store->files[rows];
    RS_TRY(rsi_blockfile_read(file, block, &state->rows_bytes, err));
    status = rsi_rows_decode(state->rows_coder, state->rows_bytes.bytes, state->rows_bytes.length,
                             count, files, lines, err);
    status = rs_context(err, status, "%srows file \"%s\": block %zu", RSI_INVARIANT(status, "S-06"),
                        file->ref.name, block);
done:
    return status;
}

/* The number of an input file in the group's list. */
static rs_status renumber_file(const edges_state *state, uint32_t batch, uint64_t file,
                               uint64_t line, uint32_t *out, rs_error *err)
{
    const rs_store *store = state->compactor->store;
    if (file < rsi_store_source_count(store, batch)) {
        *out = state->file_base[batch] + (uint32_t)file;
        return RS_OK;
    }
    *out = state->no_file;
    return rsi_rows_none(store, batch, file, line)
               ? RS_OK
               : rs_fail(err, RS_ECORRUPT, "S-12: a row names an input file that is not known");
}

static rs_status add_block(edges_state *state, const rsi_edge_columns *edges, uint32_t batch,
                           const uint64_t *files, const uint64_t *lines, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_compactor *compactor = state->compactor;
    const rsi_relation_entry *relation = &compactor->store->manifest.relations[state->relation];
    const uint32_t *src_map = compactor->types[relation->src_type].map;
    const uint32_t *dst_map = compactor->types[relation->dst_type].map;
    const uint8_t *src_flags = compactor->types[relation->src_type].flags;
    const uint8_t *dst_flags = compactor->types[relation->dst_type].flags;
    for (size_t i = 0; i < edges->count; i++) {
        rsi_loose_edge edge = {.src = src_map[edges->src[i]],
                               .dst = dst_map[edges->dst[i]],
                               .time = edges->time == NULL ? RS_NO_TIME : edges->time[i],
                               .amount = edges->amount == NULL ? RS_NO_AMOUNT : edges->amount[i],
                               .precision_s =
                                   edges->precision_s == NULL ? 1 : edges->precision_s[i],
                               .file = state->no_file};
        bool erased = ((src_flags[edges->src[i]] | dst_flags[edges->dst[i]]) & RSI_ERASED) != 0;
        if (erased || !rsi_compact_stays(compactor, edge.time)) {
            continue;
        }
        if (files != NULL) {
            edge.line = lines[i];
            RS_TRY(renumber_file(state, batch, files[i], lines[i], &edge.file, err));
        }
        RS_TRY(rsi_sorter_add(state->sorter, &edge, err));
    }
done:
    return status;
}

static rs_status add_segment(edges_state *state, size_t file, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_compactor *compactor = state->compactor;
    const rs_store *store = compactor->store;
    size_t rows = rows_of(state, file);
    for (size_t block = 0; block < store->files[file].block_count; block++) {
        rsi_edge_columns edges = {0};
        const uint64_t *files = NULL;
        const uint64_t *lines = NULL;
        RS_TRY(rsi_store_edges(store, file, block, RS_SCAN_TIME | RS_SCAN_AMOUNT, state->coder,
                               &state->bytes, &edges, err));
        if (rows < store->opened) {
            RS_TRY(read_rows(state, rows, block, edges.count, &files, &lines, err));
        }
        RS_TRY(add_block(state, &edges, store->manifest.files[file].batch, files, lines, err));
        state->done += edges.count;
        RS_TRY(rs_work_report(compactor->work, "sorting edges", "edges", state->done,
                              state->edge_total, err));
    }
done:
    return status;
}

/* ---- out ---------------------------------------------------------------------------------- */

/* A block ends where a source does, if that leaves at least half of it. */
static size_t cut_block(const edge_block *block)
{
    size_t cut = block->count;
    while (cut > BLOCK_EDGES / 2 && block->src[cut - 1] == block->src[block->count - 1]) {
        cut--;
    }
    return cut > BLOCK_EDGES / 2 ? cut : block->count;
}

static void look_at(edge_block *block, size_t count)
{
    block->timed = false;
    block->priced = false;
    block->coarse = false;
    for (size_t i = 0; i < count; i++) {
        block->timed = block->timed || block->time[i] != RS_NO_TIME;
        block->priced = block->priced || block->amount[i] != RS_NO_AMOUNT;
        block->coarse = block->coarse || block->precision_s[i] != 1;
    }
}

static rs_status write_rows(edges_state *state, size_t count, const uint8_t *note, rs_error *err)
{
    rs_status status = RS_OK;
    state->rows_bytes.length = 0;
    RS_TRY(rsi_rows_encode(state->rows_coder, state->block->file, state->block->line, count,
                           &state->rows_bytes, err));
    RS_TRY(rsi_blockwriter_add(state->rows_writer, state->rows_bytes.bytes,
                               state->rows_bytes.length, note, 4, err));
done:
    return status;
}

/* Write the first `count` edges of the block. */
static rs_status write_block(edges_state *state, size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    edge_block *block = state->block;
    uint8_t note[RSI_SEGMENT_NOTE_BYTES];
    look_at(block, count);
    rsi_edge_columns edges = {.count = count,
                              .src = block->src,
                              .dst = block->dst,
                              .time = block->timed ? block->time : NULL,
                              .amount = block->priced ? block->amount : NULL,
                              .precision_s = block->coarse ? block->precision_s : NULL};
    state->bytes.length = 0;
    RS_TRY(rsi_segment_encode(state->coder, &edges, &state->bytes, note, err));
    RS_TRY(rsi_blockwriter_add(state->writer, state->bytes.bytes, state->bytes.length, note,
                               sizeof note, err));
    if (state->rows_writer != NULL) {
        RS_TRY(write_rows(state, count, note, err));
    }
    state->meta.edge_count += count;
    size_t left = block->count - count;
    memmove(block->src, block->src + count, left * sizeof *block->src);
    memmove(block->dst, block->dst + count, left * sizeof *block->dst);
    memmove(block->time, block->time + count, left * sizeof *block->time);
    memmove(block->amount, block->amount + count, left * sizeof *block->amount);
    memmove(block->precision_s, block->precision_s + count, left * sizeof *block->precision_s);
    memmove(block->file, block->file + count, left * sizeof *block->file);
    memmove(block->line, block->line + count, left * sizeof *block->line);
    block->count = left;
    RS_TRY(rs_work_report(state->compactor->work, "writing edges", "edges", state->meta.edge_count,
                          state->edge_total, err));
done:
    return status;
}

static void widen(rsi_segment_meta *meta, int64_t time)
{
    if (time != RS_NO_TIME) {
        bool first = meta->time_min == RS_NO_TIME;
        meta->time_min = first || time < meta->time_min ? time : meta->time_min;
        meta->time_max = first || time > meta->time_max ? time : meta->time_max;
    }
}

static rs_status put(edges_state *state, const rsi_loose_edge *edge, rs_error *err)
{
    rs_status status = RS_OK;
    edge_block *block = state->block;
    size_t i = block->count++;
    block->src[i] = edge->src;
    block->dst[i] = edge->dst;
    block->time[i] = edge->time;
    block->amount[i] = edge->amount;
    block->precision_s[i] = edge->precision_s;
    block->file[i] = edge->file;
    block->line[i] = edge->line;
    widen(&state->meta, edge->time);
    if (block->count == BLOCK_EDGES) {
        RS_TRY(write_block(state, cut_block(block), err));
    }
done:
    return status;
}

/* Drain the sorter into blocks; a pair of ends goes to the reverse sorter once. */
static rs_status drain(edges_state *state, rsi_sorter *sorter, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_loose_edge *edges = NULL;
    size_t count = 0;
    uint64_t before = UINT64_MAX;
    do {
        RS_TRY(rsi_sorter_next(sorter, &edges, &count, err));
        for (size_t i = 0; i < count; i++) {
            uint64_t ends = (uint64_t)edges[i].src << 32 | edges[i].dst;
            RS_TRY(put(state, &edges[i], err));
            if (state->reverse != NULL && sorter != state->reverse && ends != before) {
                rsi_loose_edge back = {.src = edges[i].dst, .dst = edges[i].src};
                RS_TRY(rsi_sorter_add(state->reverse, &back, err));
            }
            before = ends;
        }
    } while (count > 0);
    while (state->block->count > 0) {
        RS_TRY(write_block(state, state->block->count, err));
    }
done:
    return status;
}

/* ---- files -------------------------------------------------------------------------------- */

static rs_status write_segment(edges_state *state, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_compactor *compactor = state->compactor;
    uint8_t meta[RSI_SEGMENT_META_BYTES];
    uint8_t rows_meta[8];
    state->meta = (rsi_segment_meta){
        .direction = RSI_FORWARD, .time_min = RS_NO_TIME, .time_max = RS_NO_TIME};
    RS_TRY(rsi_compact_file(compactor, state->group, RSI_FILE_SEGMENT, state->relation,
                            &state->writer, err));
    if (state->keep_rows) {
        RS_TRY(rsi_compact_file(compactor, state->group, RSI_FILE_ROWS, state->relation,
                                &state->rows_writer, err));
    }
    RS_TRY(drain(state, state->sorter, err));
    rsi_segment_meta_store(&state->meta, meta);
    RS_TRY(rsi_compact_finish(compactor, state->group, state->relation, state->writer, meta,
                              sizeof meta, err));
    if (state->keep_rows) {
        rsi_store_u64le(rows_meta, state->meta.edge_count);
        RS_TRY(rsi_compact_finish(compactor, state->group, state->relation, state->rows_writer,
                                  rows_meta, sizeof rows_meta, err));
    }
    compactor->result->edges_after += state->meta.edge_count;
done:
    return status;
}

static rs_status write_reverse(edges_state *state, rs_error *err)
{
    rs_status status = RS_OK;
    uint8_t meta[RSI_SEGMENT_META_BYTES];
    state->meta = (rsi_segment_meta){
        .direction = RSI_BACKWARD, .time_min = RS_NO_TIME, .time_max = RS_NO_TIME};
    state->rows_writer = NULL;
    RS_TRY(rsi_compact_file(state->compactor, state->group, RSI_FILE_REVERSE, state->relation,
                            &state->writer, err));
    RS_TRY(drain(state, state->reverse, err));
    rsi_segment_meta_store(&state->meta, meta);
    RS_TRY(rsi_compact_finish(state->compactor, state->group, state->relation, state->writer, meta,
                              sizeof meta, err));
done:
    return status;
}

static void update_relation(edges_state *state)
{
    rsi_relation_entry *entry = &state->compactor->next.relations[state->relation];
    entry->edge_count += state->meta.edge_count;
    widen(&state->meta, entry->time_min);
    widen(&state->meta, entry->time_max);
    entry->time_min = state->meta.time_min;
    entry->time_max = state->meta.time_max;
}

static rs_status open_sorters(edges_state *state, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_compactor *compactor = state->compactor;
    rsi_sorter_options options = {.memory_bytes = compactor->memory_bytes,
                                  .directory = compactor->store->directory};
    RS_TRY(choose_columns(state, &options.columns, err));
    options.count_max = state->edge_total;
    if (state->edge_total == 0) {
        goto done;
    }
    if (compactor->options->reverse) {
        rsi_sorter_options back = options;
        back.columns = RSI_LOOSE_ENDS;
        back.memory_bytes = options.memory_bytes * 2 / 5;
        options.memory_bytes -= back.memory_bytes;
        RS_TRY(rsi_sorter_new(&state->reverse, &back, err));
    }
    RS_TRY(rsi_sorter_new(&state->sorter, &options, err));
done:
    return status;
}

static void free_state(edges_state *state)
{
    rsi_segment_coder_free(state->coder);
    rsi_rows_coder_free(state->rows_coder);
    rsi_buffer_free(&state->bytes);
    rsi_buffer_free(&state->rows_bytes);
    rsi_sorter_free(state->sorter);
    rsi_sorter_free(state->reverse);
    free(state->file_base);
    free(state->block);
}

rs_status rsi_compact_edges(rsi_compactor *compactor, uint32_t relation, size_t group,
                            rs_error *err)
{
    rs_status status = RS_OK;
    edges_state state = {.compactor = compactor, .relation = relation, .group = group};
    RS_TRY(open_sorters(&state, err));
    if (state.edge_total == 0) {
        goto done;
    }
    state.block = malloc(sizeof *state.block);
    if (state.block == NULL) {
        status = no_memory(err);
        goto done;
    }
    state.block->count = 0;
    RS_TRY(rsi_segment_coder_new(&state.coder, err));
    RS_TRY(rsi_rows_coder_new(&state.rows_coder, err));
    RS_TRY(number_sources(&state, err));
    for (size_t file = 0; file < compactor->store->opened; file++) {
        if (is_segment(&state, file, RSI_FILE_SEGMENT)) {
            RS_TRY(add_segment(&state, file, err));
        }
    }
    if (rsi_sorter_count(state.sorter) == 0) {
        goto done; /* all were forgotten */
    }
    RS_TRY(write_segment(&state, err));
    update_relation(&state);
    rsi_sorter_free(state.sorter);
    state.sorter = NULL;
    if (state.reverse != NULL) {
        RS_TRY(write_reverse(&state, err));
    }
done:
    free_state(&state);
    return rs_context(err, status, "relation \"%s\"",
                      compactor->store->manifest.relations[relation].name);
}
