/* scan.c - the edges of a relation, a block at a time; where single edges came from.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/try.h"
#include "store/store_internal.h"

struct rs_scan {
    const rs_store *store;
    size_t relation;
    unsigned columns;
    size_t share, shares; /* of each segment's blocks */
    size_t file;          /* the segment that is read now */
    size_t block;
    rsi_segment_coder *coder;
    rsi_buffer bytes;
};

rs_status rs_scan_open(rs_scan **out, const rs_store *store, size_t relation, unsigned columns,
                       rs_error *err)
{
    rs_scan *scan = calloc(1, sizeof *scan);
    if (scan == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (scan)");
    }
    scan->store = store;
    scan->relation = relation;
    scan->columns = columns;
    scan->shares = 1;
    scan->file = rsi_store_next_file(store, RSI_FILE_SEGMENT, relation, 0);
    rs_status status = rsi_segment_coder_new(&scan->coder, err);
    if (status != RS_OK) {
        rs_scan_close(scan);
        return status;
    }
    *out = scan;
    return RS_OK;
}

void rs_scan_close(rs_scan *scan)
{
    if (scan != NULL) {
        rsi_segment_coder_free(scan->coder);
        rsi_buffer_free(&scan->bytes);
        free(scan);
    }
}

/* Where a share of the blocks of the segment that is read now begins. */
static size_t begin_of(const rs_scan *scan, size_t share)
{
    return scan->file == scan->store->opened
               ? 0
               : scan->store->files[scan->file].block_count * share / scan->shares;
}

void rs_scan_share(rs_scan *scan, size_t share, size_t shares)
{
    scan->share = share;
    scan->shares = shares;
    scan->block = begin_of(scan, share);
}

/* Numbers of nodes that are none would make readers write beyond their arrays. */
static rs_status check_ends(const rs_store *store, const rsi_file_entry *file,
                            const rsi_edge_columns *edges, rs_error *err)
{
    const rsi_relation_entry *entry = &store->manifest.relations[file->object];
    bool reverse = file->ref.kind == RSI_FILE_REVERSE;
    uint32_t src_type = reverse ? entry->dst_type : entry->src_type;
    uint32_t dst_type = reverse ? entry->src_type : entry->dst_type;
    uint32_t sources = store->manifest.types[src_type].node_count;
    uint32_t targets = store->manifest.types[dst_type].node_count;
    uint32_t largest = edges->dst_max;
    uint32_t last = edges->src[edges->count - 1]; /* sources ascend */
    if (last >= sources || largest >= targets) {
        return rs_fail(err, RS_ECORRUPT, "an edge to node %u from %u, where there are %u and %u",
                       largest, last, targets, sources);
    }
    return RS_OK;
}

rs_status rsi_store_edges(const rs_store *store, size_t file, size_t block, unsigned columns,
                          rsi_segment_coder *coder, rsi_buffer *bytes, rsi_edge_columns *edges,
                          rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_blockfile *segment = &store->files[file];
    rsi_segment_note note = rsi_segment_note_load(segment->blocks[block].note);
    RS_TRY(rsi_blockfile_read(segment, block, bytes, err));
    status = rsi_segment_decode(coder, bytes->bytes, bytes->length, &note, columns, edges, err);
    if (status == RS_OK) {
        status = check_ends(store, &store->manifest.files[file], edges, err);
    }
    status = rs_context(err, status, "%s%s file \"%s\": block %zu", RSI_INVARIANT(status, "S-06"),
                        rsi_file_kind_name(segment->ref.kind), segment->ref.name, block);
done:
    return status;
}

rs_status rs_scan_next(rs_scan *scan, rs_edges *run, rs_error *err)
{
    const rs_store *store = scan->store;
    rsi_edge_columns edges = {0};
    *run = (rs_edges){0};
    while (scan->file < store->opened && scan->block == begin_of(scan, scan->share + 1)) {
        scan->file = rsi_store_next_file(store, RSI_FILE_SEGMENT, scan->relation, scan->file + 1);
        scan->block = begin_of(scan, scan->share);
    }
    if (scan->file == store->opened) {
        return RS_OK;
    }
    rs_status status = rsi_store_edges(store, scan->file, scan->block, scan->columns, scan->coder,
                                       &scan->bytes, &edges, err);
    if (status == RS_OK) {
        *run = (rs_edges){.count = edges.count,
                          .src = edges.src,
                          .dst = edges.dst,
                          .time = edges.time,
                          .amount = edges.amount,
                          .precision_s = edges.precision_s,
                          .batch = store->manifest.files[scan->file].batch};
        scan->block++;
    }
    return rs_context(err, status, "store \"%s\"", store->path);
}

/* ---- sizes ---------------------------------------------------------------------------------- */

static rs_status add_sizes(const rsi_blockfile *file, rs_relation_size *size, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_segment_shape shape = {0};
    size->structure += file->ref.bytes;
    for (size_t block = 0; block < file->block_count; block++) {
        RS_TRY(rsi_segment_look(file, block, &shape, err));
        size->time += shape.time_bytes;
        size->amount += shape.amount_bytes;
        size->structure -= shape.time_bytes + shape.amount_bytes;
    }
done:
    return status;
}

rs_status rs_store_relation_bytes(const rs_store *store, size_t relation, rs_relation_size *size,
                                  rs_error *err)
{
    rs_status status = RS_OK;
    *size = (rs_relation_size){0};
    for (size_t i = 0; i < store->opened; i++) {
        const rsi_file_entry *file = &store->manifest.files[i];
        if (file->object != relation) {
            continue;
        }
        if (file->ref.kind == RSI_FILE_SEGMENT) {
            RS_TRY(add_sizes(&store->files[i], size, err));
        } else if (file->ref.kind == RSI_FILE_REVERSE) {
            size->reverse += file->ref.bytes;
            size->pair_count += rsi_segment_meta_load(store->files[i].meta).edge_count;
        }
    }
done:
    return rs_context(err, status, "store \"%s\"", store->path);
}

/* ---- rows --------------------------------------------------------------------------------- */

/* What a search for the rows of one edge needs all along. */
typedef struct row_search {
    const rs_store *store;
    uint32_t src;
    uint32_t dst;
    size_t capacity;
    rs_row_source *sources;
    size_t *count;
    rsi_segment_coder *coder;
    rsi_rows_coder *rows_coder;
    rsi_buffer bytes;
} row_search;

size_t rsi_store_source_count(const rs_store *store, uint32_t home)
{
    size_t count = 0;
    for (size_t i = 0; i < store->manifest.source_count; i++) {
        count += rsi_batch_home(store->manifest.batches, store->manifest.sources[i].batch) == home;
    }
    return count;
}

bool rsi_rows_none(const rs_store *store, uint32_t home, uint64_t file, uint64_t line)
{
    return line == 0 && file == rsi_store_source_count(store, home);
}

/* The name of input file `number` of a batch and those merged into it, or NULL. */
static const char *source_name(const rs_store *store, uint32_t batch, uint64_t number)
{
    for (size_t i = 0; i < store->manifest.source_count; i++) {
        uint32_t home = rsi_batch_home(store->manifest.batches, store->manifest.sources[i].batch);
        if (home == batch && number-- == 0) {
            return store->manifest.sources[i].name;
        }
    }
    return NULL;
}

static rs_status take_rows(row_search *search, size_t rows_file, size_t block,
                           const rsi_edge_columns *edges, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_blockfile *file = &search->store->files[rows_file];
    uint32_t batch = search->store->manifest.files[rows_file].batch;
    const uint64_t *files = NULL;
    const uint64_t *lines = NULL;
    RS_TRY(rsi_blockfile_read(file, block, &search->bytes, err));
    status = rsi_rows_decode(search->rows_coder, search->bytes.bytes, search->bytes.length,
                             edges->count, &files, &lines, err);
    RS_TRY(rs_context(err, status, "%srows file \"%s\": block %zu", RSI_INVARIANT(status, "S-06"),
                      file->ref.name, block));
    for (size_t i = 0; i < edges->count; i++) {
        if (edges->src[i] != search->src || edges->dst[i] != search->dst) {
            continue;
        }
        const char *name = source_name(search->store, batch, files[i]);
        if (name == NULL && rsi_rows_none(search->store, batch, files[i], lines[i])) {
            continue;
        }
        if (name == NULL) {
            status =
                rs_fail(err, RS_ECORRUPT,
                        "S-12: rows file \"%s\": block %zu names an input file that is not known",
                        file->ref.name, block);
            goto done;
        }
        if (*search->count < search->capacity) {
            search->sources[*search->count] =
                (rs_row_source){.file = name,
                                .line = lines[i],
                                .time = edges->time == NULL ? RS_NO_TIME : edges->time[i],
                                .amount = edges->amount == NULL ? RS_NO_AMOUNT : edges->amount[i]};
        }
        (*search->count)++;
    }
done:
    return status;
}

static bool holds_edge(const rsi_edge_columns *edges, uint32_t src, uint32_t dst)
{
    for (size_t i = 0; i < edges->count; i++) {
        if (edges->src[i] == src && edges->dst[i] == dst) {
            return true;
        }
    }
    return false;
}

/* Every block of the segment beside a rows file that can hold the edge. */
static rs_status search_segment(row_search *search, size_t rows_file, size_t segment, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_blockfile *file = &search->store->files[segment];
    for (size_t b = 0; b < file->block_count; b++) {
        rsi_segment_note note = rsi_segment_note_load(file->blocks[b].note);
        rsi_edge_columns edges = {0};
        if (note.first_src > search->src || note.last_src < search->src) {
            continue;
        }
        RS_TRY(rsi_store_edges(search->store, segment, b, RS_SCAN_TIME | RS_SCAN_AMOUNT,
                               search->coder, &search->bytes, &edges, err));
        if (holds_edge(&edges, search->src, search->dst)) {
            RS_TRY(take_rows(search, rows_file, b, &edges, err));
        }
    }
done:
    return status;
}

rs_status rs_store_row_sources(const rs_store *store, size_t relation, uint32_t src, uint32_t dst,
                               size_t capacity, rs_row_source *sources, size_t *count,
                               rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_file_entry *files = store->manifest.files;
    row_search search = {.store = store,
                         .src = src,
                         .dst = dst,
                         .capacity = capacity,
                         .sources = sources,
                         .count = count};
    *count = 0;
    RS_TRY(rsi_segment_coder_new(&search.coder, err));
    RS_TRY(rsi_rows_coder_new(&search.rows_coder, err));
    size_t rows = rsi_store_next_file(store, RSI_FILE_ROWS, relation, 0);
    for (; rows < store->opened;
         rows = rsi_store_next_file(store, RSI_FILE_ROWS, relation, rows + 1)) {
        size_t segment = rsi_store_next_file(store, RSI_FILE_SEGMENT, relation, 0);
        while (files[segment].batch != files[rows].batch) { /* there is one: checked when opened */
            segment = rsi_store_next_file(store, RSI_FILE_SEGMENT, relation, segment + 1);
        }
        RS_TRY(search_segment(&search, rows, segment, err));
    }
done:
    rsi_segment_coder_free(search.coder);
    rsi_rows_coder_free(search.rows_coder);
    rsi_buffer_free(&search.bytes);
    return rs_context(err, status, "store \"%s\"", store->path);
}
