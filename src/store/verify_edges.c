/* verify_edges.c - every edge of a relation: readable, in order, between nodes that exist, counted.
 *
 * A reverse file is held against its segment by sums: the hashes of distinct pairs add up to the
 * same, so neither has to be in memory. Cost: every block unpacked once. Memory: a block.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>

#include "base/try.h"
#include "store/verify.h"

/* What has been read of one file. */
typedef struct edges_seen {
    bool whole; /* every block could be read */
    bool disorder;
    bool begun;
    int64_t last[4]; /* src, dst, time, amount of the edge before */
    uint64_t count;
    int64_t time_min;
    int64_t time_max;
    uint64_t pairs;    /* distinct ones */
    uint64_t pair_sum; /* of their hashes, as (source, target) of the relation */
} edges_seen;
#define EDGES_NONE                                                                                 \
    {                                                                                              \
        .whole = true, .time_min = INT64_MAX, .time_max = INT64_MIN                                \
    }

/* The relation's sums over its segments. */
typedef struct relation_seen {
    bool whole;
    uint64_t count;
    int64_t time_min;
    int64_t time_max;
} relation_seen;

typedef struct edge_reader {
    rsi_verifier *v;
    size_t file;
    bool reverse;
    uint32_t sources; /* of the file's own "src" side */
    uint32_t targets;
} edge_reader;

static const char *name_of(const edge_reader *reader)
{
    return reader->v->store->manifest.files[reader->file].ref.name;
}

static bool is_behind(const int64_t before[4], const int64_t key[4])
{
    for (int i = 0; i < 4; i++) {
        if (before[i] != key[i]) {
            return before[i] < key[i];
        }
    }
    return true; /* an edge may come twice */
}

static void add_pair(const edge_reader *reader, edges_seen *seen, uint32_t src, uint32_t dst)
{
    uint32_t pair[2] = {reader->reverse ? dst : src, reader->reverse ? src : dst};
    uint8_t bytes[8];
    rsi_store_u32le(bytes, pair[0]);
    rsi_store_u32le(bytes + 4, pair[1]);
    seen->pairs++;
    seen->pair_sum += rsi_hash64(bytes, sizeof bytes, 0);
}

/* Take one block; tells the first edge that is out of order or range. */
static rs_status take_block(edge_reader *reader, const rsi_edge_columns *edges, size_t block,
                            edges_seen *seen, rs_error *err)
{
    for (size_t i = 0; i < edges->count; i++) {
        int64_t key[4] = {edges->src[i], edges->dst[i],
                          edges->time == NULL ? RS_NO_TIME : edges->time[i],
                          edges->amount == NULL ? RS_NO_AMOUNT : edges->amount[i]};
        bool again = seen->begun && seen->last[0] == key[0] && seen->last[1] == key[1];
        bool ordered = !seen->begun || (is_behind(seen->last, key) && !(again && reader->reverse));
        if (!seen->disorder &&
            (!ordered || edges->src[i] >= reader->sources || edges->dst[i] >= reader->targets)) {
            seen->disorder = true;
            rs_status status = rsi_violation(
                reader->v->list, "S-09", name_of(reader), err,
                "block %zu: edge %zu from %" PRId64 " to %" PRId64
                " is not behind the one before, or not between nodes 0 to %u and 0 to %u",
                block, i, key[0], key[1], reader->sources, reader->targets);
            if (status != RS_OK) {
                return status;
            }
        }
        if (!again) {
            add_pair(reader, seen, edges->src[i], edges->dst[i]);
        }
        if (key[2] != RS_NO_TIME) {
            seen->time_min = key[2] < seen->time_min ? key[2] : seen->time_min;
            seen->time_max = key[2] > seen->time_max ? key[2] : seen->time_max;
        }
        memcpy(seen->last, key, sizeof key);
        seen->begun = true;
    }
    seen->count += edges->count;
    return RS_OK;
}

static rs_status read_file(edge_reader *reader, edges_seen *seen, rs_error *err)
{
    rs_status status = RS_OK;
    rs_error found = {.status = RS_OK};
    const rsi_blockfile *file = &reader->v->store->files[reader->file];
    for (size_t b = 0; b < file->block_count; b++) {
        rsi_edge_columns edges = {0};
        rsi_segment_note note = rsi_segment_note_load(file->blocks[b].note);
        rs_status read = rsi_blockfile_read(file, b, &reader->v->bytes, &found);
        if (read == RS_OK) {
            read = rsi_segment_decode(reader->v->segments, reader->v->bytes.bytes,
                                      reader->v->bytes.length, &note, RS_SCAN_TIME | RS_SCAN_AMOUNT,
                                      &edges, &found);
            read = rs_context(&found, read, "block %zu", b);
        }
        RS_TRY(rsi_violation_note(reader->v->list, "S-06", name_of(reader), read, &found, err));
        if (read != RS_OK) {
            seen->whole = false;
            seen->begun = false; /* nothing is known of what stood before the next block */
            continue;
        }
        RS_TRY(take_block(reader, &edges, b, seen, err));
        RS_TRY(rs_work_report(reader->v->work, "verify", "edges", seen->count, 0, err));
    }
done:
    return status;
}

static edge_reader reader_of(rsi_verifier *v, size_t file)
{
    const rsi_manifest *manifest = &v->store->manifest;
    const rsi_relation_entry *entry = &manifest->relations[manifest->files[file].object];
    bool reverse = manifest->files[file].ref.kind == RSI_FILE_REVERSE;
    return (edge_reader){
        .v = v,
        .file = file,
        .reverse = reverse,
        .sources = manifest->types[reverse ? entry->dst_type : entry->src_type].node_count,
        .targets = manifest->types[reverse ? entry->src_type : entry->dst_type].node_count};
}

static int64_t or_none(const edges_seen *seen, int64_t time)
{
    return seen->time_min <= seen->time_max ? time : RS_NO_TIME;
}

static rs_status check_meta(const edge_reader *reader, const edges_seen *seen, rs_error *err)
{
    rsi_segment_meta meta = rsi_segment_meta_load(reader->v->store->files[reader->file].meta);
    if (!seen->whole ||
        (meta.edge_count == seen->count && meta.time_min == or_none(seen, seen->time_min) &&
         meta.time_max == or_none(seen, seen->time_max))) {
        return RS_OK;
    }
    return rsi_violation(reader->v->list, "S-10", name_of(reader), err,
                         "its meta says %" PRIu64 " edges from %" PRId64 " to %" PRId64
                         ", it holds %" PRIu64 " from %" PRId64 " to %" PRId64,
                         meta.edge_count, meta.time_min, meta.time_max, seen->count,
                         or_none(seen, seen->time_min), or_none(seen, seen->time_max));
}

/* The reverse file of a segment, if it has one. */
static size_t reverse_of(const rs_store *store, size_t segment)
{
    const rsi_file_entry *files = store->manifest.files;
    size_t i = rsi_store_next_file(store, RSI_FILE_REVERSE, files[segment].object, 0);
    while (i < store->opened && files[i].batch != files[segment].batch) {
        i = rsi_store_next_file(store, RSI_FILE_REVERSE, files[segment].object, i + 1);
    }
    return i;
}

static rs_status check_reverse(rsi_verifier *v, size_t segment, const edges_seen *forward,
                               rs_error *err)
{
    rs_status status = RS_OK;
    edges_seen seen = EDGES_NONE;
    size_t reverse = reverse_of(v->store, segment);
    if (reverse == v->store->opened || v->broken[reverse]) {
        return RS_OK;
    }
    edge_reader reader = reader_of(v, reverse);
    RS_TRY(read_file(&reader, &seen, err));
    if (forward->whole && seen.whole && !seen.disorder &&
        (forward->pairs != seen.pairs || forward->pair_sum != seen.pair_sum)) {
        status = rsi_violation(v->list, "S-15", name_of(&reader), err,
                               "its %" PRIu64 " pairs are not the %" PRIu64 " of its segment",
                               seen.pairs, forward->pairs);
    }
done:
    return status;
}

static rs_status check_segment(rsi_verifier *v, size_t file, relation_seen *sum, rs_error *err)
{
    rs_status status = RS_OK;
    edges_seen seen = EDGES_NONE;
    if (v->broken[file]) {
        sum->whole = false;
        return RS_OK;
    }
    edge_reader reader = reader_of(v, file);
    RS_TRY(read_file(&reader, &seen, err));
    RS_TRY(check_meta(&reader, &seen, err));
    RS_TRY(check_reverse(v, file, &seen, err));
    sum->whole &= seen.whole;
    sum->count += seen.count;
    sum->time_min = seen.time_min < sum->time_min ? seen.time_min : sum->time_min;
    sum->time_max = seen.time_max > sum->time_max ? seen.time_max : sum->time_max;
done:
    return status;
}

rs_status rsi_verify_edges(rsi_verifier *v, size_t relation, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_store *store = v->store;
    const rsi_relation_entry *entry = &store->manifest.relations[relation];
    relation_seen sum = {.whole = true, .time_min = INT64_MAX, .time_max = INT64_MIN};
    size_t i = rsi_store_next_file(store, RSI_FILE_SEGMENT, relation, 0);
    for (; i < store->opened; i = rsi_store_next_file(store, RSI_FILE_SEGMENT, relation, i + 1)) {
        RS_TRY(check_segment(v, i, &sum, err));
    }
    int64_t first = sum.time_min <= sum.time_max ? sum.time_min : RS_NO_TIME;
    int64_t last = sum.time_min <= sum.time_max ? sum.time_max : RS_NO_TIME;
    if (sum.whole &&
        (sum.count != entry->edge_count || first != entry->time_min || last != entry->time_max)) {
        status = rsi_violation(v->list, "S-10", RSI_MANIFEST_NAME, err,
                               "the manifest says that relation \"%s\" has %" PRIu64
                               " edges from %" PRId64 " to %" PRId64 ", segments hold %" PRIu64
                               " from %" PRId64 " to %" PRId64,
                               entry->name, entry->edge_count, entry->time_min, entry->time_max,
                               sum.count, first, last);
    }
done:
    return rs_context(err, status, "relation \"%s\"", entry->name);
}
