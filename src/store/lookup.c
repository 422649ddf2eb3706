/* lookup.c - the edges of some nodes, from the blocks that hold them; the id of a number.
 *
 * By src a block is found by the notes of the index. By dst the reverse file of a batch gives the
 * sources, ascending, and each is looked up by src; so what is read is the blocks of the node's
 * neighbours. A batch without a reverse file is scanned.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>

#include "base/try.h"
#include "store/store_internal.h"

struct rs_lookup {
    const rs_store *store;
    rs_lookup_query query;
    size_t file;       /* the segment that is read now; store->opened at the end */
    size_t at;         /* in query.nodes: the node that is looked up in it */
    size_t block;      /* of it, the next to look at */
    bool begun;        /* with this node in this segment */
    bool scanned;      /* it has no reverse file */
    uint32_t *sources; /* of the node in this segment */
    size_t source_count;
    size_t source_capacity;
    size_t source; /* the next to look at */
    bool found;    /* edges of that source */
    rsi_segment_coder *coder;
    rsi_buffer bytes;
    rsi_edge_columns edges; /* what the coder lends */
    size_t loaded_file;
    size_t loaded_block;
    rs_edges kept; /* edges picked from a block that is scanned */
    void *kept_memory;
};

static uint32_t node_of(const rs_lookup *lookup)
{
    return lookup->query.nodes[lookup->at];
}

/* ---- blocks ------------------------------------------------------------------------------- */

static rs_status load(rs_lookup *lookup, size_t file, size_t block, rs_error *err)
{
    if (lookup->loaded_file == file && lookup->loaded_block == block) {
        return RS_OK;
    }
    lookup->loaded_file = SIZE_MAX;
    unsigned columns = lookup->store->manifest.files[file].ref.kind == RSI_FILE_REVERSE
                           ? 0
                           : lookup->query.columns;
    rs_status status = rsi_store_edges(lookup->store, file, block, columns, lookup->coder,
                                       &lookup->bytes, &lookup->edges, err);
    if (status == RS_OK) {
        lookup->loaded_file = file;
        lookup->loaded_block = block;
    }
    return status;
}

/* The first block whose last src is `src` or behind it. */
static size_t first_block(const rsi_blockfile *file, uint32_t src)
{
    size_t low = 0;
    size_t high = file->block_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rsi_segment_note_load(file->blocks[middle].note).last_src < src) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool may_hold(const rsi_blockfile *file, size_t block, uint32_t src)
{
    return block < file->block_count &&
           rsi_segment_note_load(file->blocks[block].note).first_src <= src;
}

/* The first of `count` ascending numbers that is not below `wanted`. */
static size_t lower_bound(const uint32_t *numbers, size_t count, uint32_t wanted)
{
    size_t low = 0;
    while (count > 0) {
        size_t half = count / 2;
        if (numbers[low + half] < wanted) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return low;
}

/* The edges from..to-1 of the block that is loaded. */
static rs_edges slice(const rs_lookup *lookup, size_t from, size_t to)
{
    const rsi_edge_columns *edges = &lookup->edges;
    return (rs_edges){.count = to - from,
                      .src = edges->src + from,
                      .dst = edges->dst + from,
                      .time = edges->time == NULL ? NULL : edges->time + from,
                      .amount = edges->amount == NULL ? NULL : edges->amount + from,
                      .precision_s = edges->precision_s == NULL ? NULL : edges->precision_s + from,
                      .batch = lookup->store->manifest.files[lookup->file].batch};
}

/* ---- by src ------------------------------------------------------------------------------- */

/* The next edges of `src` in this segment, those to `dst` alone unless it is RS_NO_NODE. */
static rs_status next_of_src(rs_lookup *lookup, uint32_t src, uint32_t dst, rs_edges *run,
                             rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_blockfile *file = &lookup->store->files[lookup->file];
    if (!lookup->begun) {
        lookup->begun = true;
        lookup->block = first_block(file, src);
    }
    while (run->count == 0 && may_hold(file, lookup->block, src)) {
        RS_TRY(load(lookup, lookup->file, lookup->block++, err));
        const rsi_edge_columns *edges = &lookup->edges;
        size_t from = lower_bound(edges->src, edges->count, src);
        size_t to = lower_bound(edges->src, edges->count, src + 1);
        if (dst != RS_NO_NODE) {
            size_t count = to - from;
            size_t end = from + lower_bound(edges->dst + from, count, dst + 1);
            from += lower_bound(edges->dst + from, count, dst);
            to = end;
        }
        if (from < to) {
            *run = slice(lookup, from, to);
        }
    }
done:
    return status;
}

/* ---- by dst ------------------------------------------------------------------------------- */

static rs_status add_sources(rs_lookup *lookup, const uint32_t *sources, size_t count,
                             rs_error *err)
{
    if (lookup->source_capacity - lookup->source_count < count) {
        size_t capacity = lookup->source_count + count + lookup->source_capacity / 2;
        uint32_t *wider = realloc(lookup->sources, capacity * sizeof *wider);
        if (wider == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (neighbours of a node)");
        }
        lookup->sources = wider;
        lookup->source_capacity = capacity;
    }
    if (count > 0) {
        memcpy(lookup->sources + lookup->source_count, sources, count * sizeof *sources);
    }
    lookup->source_count += count;
    return RS_OK;
}

static rs_status find_sources(rs_lookup *lookup, size_t reverse, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_blockfile *file = &lookup->store->files[reverse];
    lookup->source_count = 0;
    for (size_t block = first_block(file, node_of(lookup)); may_hold(file, block, node_of(lookup));
         block++) {
        RS_TRY(load(lookup, reverse, block, err));
        const rsi_edge_columns *edges = &lookup->edges;
        size_t from = lower_bound(edges->src, edges->count, node_of(lookup));
        size_t to = lower_bound(edges->src, edges->count, node_of(lookup) + 1);
        RS_TRY(add_sources(lookup, edges->dst + from, to - from, err));
    }
done:
    return status;
}

/* The reverse file of the batch of this segment, or the number of files. */
static size_t reverse_of(const rs_lookup *lookup)
{
    const rs_store *store = lookup->store;
    size_t file = rsi_store_next_file(store, RSI_FILE_REVERSE, lookup->query.relation, 0);
    while (file < store->opened &&
           store->manifest.files[file].batch != store->manifest.files[lookup->file].batch) {
        file = rsi_store_next_file(store, RSI_FILE_REVERSE, lookup->query.relation, file + 1);
    }
    return file;
}

static rs_status next_of_sources(rs_lookup *lookup, rs_edges *run, rs_error *err)
{
    rs_status status = RS_OK;
    while (run->count == 0 && lookup->source < lookup->source_count) {
        uint32_t src = lookup->sources[lookup->source];
        RS_TRY(next_of_src(lookup, src, node_of(lookup), run, err));
        if (run->count > 0) {
            lookup->found = true;
            break;
        }
        if (!lookup->found) {
            size_t reverse = reverse_of(lookup);
            status = rs_fail(err, RS_ECORRUPT,
                             "S-15: reverse file \"%s\": a pair %u to %u that its segment has not",
                             lookup->store->files[reverse].ref.name, src, node_of(lookup));
            goto done;
        }
        lookup->source++;
        lookup->found = false;
        lookup->begun = false;
    }
done:
    return status;
}

/* Columns of edges that are picked out of a block. */
static rs_status make_kept(rs_lookup *lookup, rs_error *err)
{
    enum { EDGE_BYTES = 2 * sizeof(int64_t) + 3 * sizeof(uint32_t) };
    if (lookup->kept_memory == NULL) {
        lookup->kept_memory = malloc(RSI_BLOCK_EDGES_MAX * (size_t)EDGE_BYTES);
        if (lookup->kept_memory == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (edges of a node)");
        }
    }
    return RS_OK;
}

static void keep_edges(rs_lookup *lookup, rs_edges *run)
{
    const rsi_edge_columns *edges = &lookup->edges;
    int64_t *time = lookup->kept_memory;
    int64_t *amount = time + RSI_BLOCK_EDGES_MAX;
    uint32_t *src = (uint32_t *)(amount + RSI_BLOCK_EDGES_MAX);
    uint32_t *dst = src + RSI_BLOCK_EDGES_MAX;
    uint32_t *precision_s = dst + RSI_BLOCK_EDGES_MAX;
    size_t kept = 0;
    for (size_t i = 0; i < edges->count; i++) {
        if (edges->dst[i] != node_of(lookup)) {
            continue;
        }
        src[kept] = edges->src[i];
        dst[kept] = edges->dst[i];
        time[kept] = edges->time == NULL ? RS_NO_TIME : edges->time[i];
        amount[kept] = edges->amount == NULL ? RS_NO_AMOUNT : edges->amount[i];
        precision_s[kept++] = edges->precision_s == NULL ? 1 : edges->precision_s[i];
    }
    *run = (rs_edges){.count = kept,
                      .src = src,
                      .dst = dst,
                      .time = edges->time == NULL ? NULL : time,
                      .amount = edges->amount == NULL ? NULL : amount,
                      .precision_s = edges->precision_s == NULL ? NULL : precision_s,
                      .batch = lookup->store->manifest.files[lookup->file].batch};
}

static rs_status next_scanned(rs_lookup *lookup, rs_edges *run, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_blockfile *file = &lookup->store->files[lookup->file];
    RS_TRY(make_kept(lookup, err));
    while (run->count == 0 && lookup->block < file->block_count) {
        RS_TRY(load(lookup, lookup->file, lookup->block++, err));
        keep_edges(lookup, run);
    }
done:
    return status;
}

/* ---- all segments ------------------------------------------------------------------------- */

static rs_status begin_node(rs_lookup *lookup, rs_error *err)
{
    rs_status status = RS_OK;
    lookup->block = 0;
    lookup->begun = false;
    lookup->found = false;
    lookup->source = 0;
    lookup->source_count = 0;
    lookup->scanned = false;
    if (lookup->query.side == RS_SIDE_DST && lookup->file < lookup->store->opened) {
        size_t reverse = reverse_of(lookup);
        lookup->scanned = reverse == lookup->store->opened;
        if (!lookup->scanned) {
            RS_TRY(find_sources(lookup, reverse, err));
        }
    }
done:
    return status;
}

static rs_status next_in_segment(rs_lookup *lookup, rs_edges *run, rs_error *err)
{
    if (lookup->query.side == RS_SIDE_SRC) {
        return next_of_src(lookup, node_of(lookup), RS_NO_NODE, run, err);
    }
    return lookup->scanned ? next_scanned(lookup, run, err) : next_of_sources(lookup, run, err);
}

static rs_status check_nodes(const rs_store *store, const rs_lookup_query *query, rs_error *err)
{
    const rsi_relation_entry *entry = &store->manifest.relations[query->relation];
    uint32_t type = query->side == RS_SIDE_SRC ? entry->src_type : entry->dst_type;
    for (size_t i = 0; i < query->node_count; i++) {
        if (query->nodes[i] >= store->manifest.types[type].node_count) {
            return rs_fail(err, RS_EUSAGE, "relation \"%s\" has no node %u of type \"%s\"",
                           entry->name, query->nodes[i], store->manifest.types[type].name);
        }
    }
    return RS_OK;
}

rs_status rs_lookup_open(rs_lookup **out, const rs_store *store, const rs_lookup_query *query,
                         rs_error *err)
{
    rs_status status = RS_OK;
    rs_lookup *lookup = NULL;
    RS_TRY(check_nodes(store, query, err));
    lookup = calloc(1, sizeof *lookup);
    if (lookup == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (look-up)");
    }
    lookup->store = store;
    lookup->query = *query;
    lookup->loaded_file = SIZE_MAX;
    lookup->file = query->node_count == 0
                       ? store->opened
                       : rsi_store_next_file(store, RSI_FILE_SEGMENT, query->relation, 0);
    RS_TRY(rsi_segment_coder_new(&lookup->coder, err));
    RS_TRY(begin_node(lookup, err));
    *out = lookup;
    lookup = NULL;
done:
    rs_lookup_close(lookup);
    return rs_context(err, status, "store \"%s\"", store->path);
}

/* The same segment's edges of the next node, or the next segment's of the first. */
static rs_status go_on(rs_lookup *lookup, rs_error *err)
{
    if (++lookup->at == lookup->query.node_count) {
        lookup->at = 0;
        lookup->file = rsi_store_next_file(lookup->store, RSI_FILE_SEGMENT, lookup->query.relation,
                                           lookup->file + 1);
    }
    return begin_node(lookup, err);
}

rs_status rs_lookup_next(rs_lookup *lookup, rs_edges *run, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_store *store = lookup->store;
    *run = (rs_edges){0};
    while (lookup->file < store->opened) {
        RS_TRY(next_in_segment(lookup, run, err));
        if (run->count > 0) {
            break;
        }
        RS_TRY(go_on(lookup, err));
    }
done:
    return rs_context(err, status, "store \"%s\"", store->path);
}

void rs_lookup_close(rs_lookup *lookup)
{
    if (lookup != NULL) {
        rsi_segment_coder_free(lookup->coder);
        rsi_buffer_free(&lookup->bytes);
        free(lookup->sources);
        free(lookup->kept_memory);
        free(lookup);
    }
}

/* ---- ids ---------------------------------------------------------------------------------- */

struct rs_namer {
    const rs_store *store;
    size_t type;
    rsi_dict_block *block;
};

rs_status rs_namer_open(rs_namer **out, const rs_store *store, size_t type, rs_error *err)
{
    rs_namer *namer = calloc(1, sizeof *namer);
    if (namer == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (reader of ids)");
    }
    namer->store = store;
    namer->type = type;
    rs_status status = rsi_dict_block_new(&namer->block, err);
    if (status != RS_OK) {
        rs_namer_close(namer);
        return status;
    }
    *out = namer;
    return RS_OK;
}

rs_status rs_namer_name(rs_namer *namer, uint32_t node, rs_text *id, rs_error *err)
{
    const rs_store *store = namer->store;
    size_t file = rsi_store_next_file(store, RSI_FILE_DICTIONARY, namer->type, 0);
    while (file < store->opened) {
        const rsi_dict_part *part = &store->parts[file];
        if (node - part->first < part->count) { /* below `first` it wraps round, beyond any count */
            rs_status status = rsi_dict_name(part, namer->block, node, id, err);
            return rs_context(err, status, "store \"%s\"", store->path);
        }
        file = rsi_store_next_file(store, RSI_FILE_DICTIONARY, namer->type, file + 1);
    }
    return rs_fail(err, RS_EUSAGE, "store \"%s\": type \"%s\" has no node %u", store->path,
                   store->manifest.types[namer->type].name, node);
}

void rs_namer_close(rs_namer *namer)
{
    if (namer != NULL) {
        rsi_dict_block_free(namer->block);
        free(namer);
    }
}
