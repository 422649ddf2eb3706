/* verify.c - read every byte of a store and hold it against every invariant.
 *
 * Each invariant has a number that its messages begin with (docs/FORMAT.md): S-01 to S-03 are held
 * whenever a store is opened, S-05 and S-06 whenever a block is read, the others here only.
 * Cost: all blocks unpacked once. Memory: a block per batch and type, and one scan.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/verify.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/try.h"

/* ---- findings ----------------------------------------------------------------------------- */

typedef struct damage_list {
    uint64_t count;
    rs_status status;
    rs_error first;
} damage_list;

/* Keep the first finding, count them all. Only damage is a finding: anything else ends the check.
 */
static bool note(damage_list *findings, rs_status status, const rs_error *error)
{
    if (status == RS_OK) {
        return true;
    }
    if (findings->status == RS_OK || status != RS_ECORRUPT) {
        findings->first = *error;
        findings->status = status;
    }
    findings->count += status == RS_ECORRUPT;
    return status == RS_ECORRUPT;
}

/* ---- relations ---------------------------------------------------------------------------- */

/* What a scan has seen of a relation so far. */
typedef struct edges_seen {
    uint64_t count;
    int64_t time_min;
    int64_t time_max;
    uint32_t batch; /* of the run before: order holds within a segment */
    bool begun;
    int64_t last[4]; /* src, dst, time, amount of the edge before */
} edges_seen;

static void edge_key(const rs_edges *run, size_t i, int64_t key[4])
{
    key[0] = run->src[i];
    key[1] = run->dst[i];
    key[2] = run->time == NULL ? RS_NO_TIME : run->time[i];
    key[3] = run->amount == NULL ? RS_NO_AMOUNT : run->amount[i];
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

static rs_status check_run(const rs_edges *run, edges_seen *seen, rs_error *err)
{
    bool follows = seen->begun && seen->batch == run->batch;
    for (size_t i = 0; i < run->count; i++) {
        int64_t key[4];
        edge_key(run, i, key);
        if (follows && !is_behind(seen->last, key)) {
            return rs_fail(err, RS_ECORRUPT,
                           "S-09: edge %" PRIu64 " (%" PRId64 " to %" PRId64
                           ") is not behind the one before",
                           seen->count + i, key[0], key[1]);
        }
        if (key[2] != RS_NO_TIME) {
            seen->time_min = key[2] < seen->time_min ? key[2] : seen->time_min;
            seen->time_max = key[2] > seen->time_max ? key[2] : seen->time_max;
        }
        memcpy(seen->last, key, sizeof key);
        follows = true;
    }
    seen->begun = true;
    seen->batch = run->batch;
    seen->count += run->count;
    return RS_OK;
}

static rs_status check_edges(const rs_store *store, size_t relation, rs_error *err)
{
    rs_status status = RS_OK;
    rs_scan *scan = NULL;
    rs_edges run = {0};
    const rsi_relation_entry *entry = &store->manifest.relations[relation];
    edges_seen seen = {.time_min = INT64_MAX, .time_max = INT64_MIN};
    RS_TRY(rs_scan_open(&scan, store, relation, RS_SCAN_TIME | RS_SCAN_AMOUNT, err));
    do {
        RS_TRY(rs_scan_next(scan, &run, err));
        RS_TRY(check_run(&run, &seen, err));
    } while (run.count > 0);
    bool timed = seen.time_min <= seen.time_max;
    if (seen.count != entry->edge_count ||
        (timed ? seen.time_min : RS_NO_TIME) != entry->time_min ||
        (timed ? seen.time_max : RS_NO_TIME) != entry->time_max) {
        status = rs_fail(err, RS_ECORRUPT,
                         "S-10: the manifest says %" PRIu64 " edges from %" PRId64 " to %" PRId64
                         ", segments hold %" PRIu64 " from %" PRId64 " to %" PRId64,
                         entry->edge_count, entry->time_min, entry->time_max, seen.count,
                         timed ? seen.time_min : RS_NO_TIME, timed ? seen.time_max : RS_NO_TIME);
    }
done:
    rs_scan_close(scan);
    return rs_context(err, status, "relation \"%s\"", entry->name);
}

/* ---- ids: all parts of a type merged ------------------------------------------------------ */

typedef struct id_stream {
    const rsi_dict_part *part;
    rsi_dict_block *block;
    size_t next_block;
    size_t at;
} id_stream;

static rs_text head_of(const id_stream *stream)
{
    return stream->block->ids[stream->at];
}

/* Move on by one; *ended where there is none left. */
static rs_status step(id_stream *stream, bool *ended, rs_error *err)
{
    rs_status status = RS_OK;
    stream->at++;
    *ended = false;
    if (stream->at >= stream->block->count) {
        *ended = stream->next_block == stream->part->file->block_count;
        if (!*ended) {
            status = rsi_dict_load(stream->block, stream->part, stream->next_block++, err);
            stream->at = 0;
        }
    }
    return status;
}

/* Restore the heap, least id on top, whose entry `at` may be too large. */
static void sift(id_stream *heap, size_t count, size_t at)
{
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++) {
            if (rsi_text_compare(head_of(&heap[child]), head_of(&heap[least])) < 0) {
                least = child;
            }
        }
        if (least == at) {
            return;
        }
        id_stream moved = heap[at];
        heap[at] = heap[least];
        heap[least] = moved;
        at = least;
    }
}

static rs_status merge_ids(id_stream *heap, size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer last = {0};
    bool begun = false;
    for (size_t i = count; i-- > 0;) {
        sift(heap, count, i);
    }
    while (count > 0) {
        rs_text id = head_of(&heap[0]);
        rs_text before = {(const char *)last.bytes, last.length};
        bool ended = false;
        if (begun && rsi_text_compare(before, id) >= 0) {
            status =
                rs_fail(err, RS_ECORRUPT, "S-08: \"%s\" repeats an id or holds one out of order",
                        heap[0].part->file->ref.name);
            goto done;
        }
        last.length = 0;
        RS_TRY(rsi_buffer_add(&last, id.bytes, id.length, err));
        begun = true;
        RS_TRY(step(&heap[0], &ended, err));
        if (ended) {
            id_stream emptied = heap[0];
            heap[0] = heap[--count];
            heap[count] = emptied; /* the caller frees it */
        }
        sift(heap, count, 0);
    }
done:
    rsi_buffer_free(&last);
    return status;
}

static rs_status check_ids(const rs_store *store, size_t type, rs_error *err)
{
    rs_status status = RS_OK;
    size_t count = 0;
    id_stream *heap = calloc(store->opened + 1, sizeof *heap);
    if (heap == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (ids of a type)");
    }
    size_t i = rsi_store_next_file(store, RSI_FILE_DICTIONARY, type, 0);
    for (; i < store->opened; i = rsi_store_next_file(store, RSI_FILE_DICTIONARY, type, i + 1)) {
        bool ended = false;
        id_stream *stream = &heap[count];
        *stream = (id_stream){.part = &store->parts[i], .at = SIZE_MAX - 1};
        RS_TRY(rsi_dict_block_new(&stream->block, err));
        count++;
        RS_TRY(step(stream, &ended, err));
        if (ended) { /* a part without ids */
            rsi_dict_block_free(stream->block);
            count--;
        }
    }
    RS_TRY(merge_ids(heap, count, err));
done:
    for (size_t k = 0; k < count; k++) {
        rsi_dict_block_free(heap[k].block);
    }
    free(heap);
    return rs_context(err, status, "type \"%s\"", store->manifest.types[type].name);
}

/* ---- values and rows ---------------------------------------------------------------------- */

static rs_status check_values(const rs_store *store, size_t attribute, rs_error *err)
{
    rs_status status = RS_OK;
    rs_values *values = NULL;
    uint32_t node = 0;
    rs_text text = {0};
    uint64_t expected = 0;
    uint64_t found = 0;
    const rsi_attribute_entry *entry = &store->manifest.attributes[attribute];
    RS_TRY(rs_values_open(&values, store, attribute, err));
    do {
        RS_TRY(rs_values_next(values, &node, &text, err));
    } while (node != RS_NO_NODE);
    size_t i = rsi_store_next_file(store, RSI_FILE_ATTRIBUTE, attribute, 0);
    for (; i < store->opened;
         i = rsi_store_next_file(store, RSI_FILE_ATTRIBUTE, attribute, i + 1)) {
        const rsi_blockfile *file = &store->files[i];
        expected += file->meta_length == RSI_VALUES_META_BYTES ? rsi_load_u64le(file->meta) : 0;
        for (size_t b = 0; b < file->block_count; b++) {
            found += rsi_load_u32le(file->blocks[b].note); /* the note was held against the block */
        }
    }
    if (expected != entry->value_count || found != expected) {
        status = rs_fail(err, RS_ECORRUPT,
                         "S-11: the manifest says %" PRIu64 " values, files say %" PRIu64
                         " and hold %" PRIu64,
                         entry->value_count, expected, found);
    }
done:
    rs_values_close(values);
    return rs_context(err, status, "attribute \"%s\"", entry->name);
}

static rs_status check_rows(const rs_store *store, size_t number, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_blockfile *file = &store->files[number];
    uint32_t home = store->manifest.files[number].batch;
    size_t sources = rsi_store_source_count(store, home);
    rsi_rows_coder *coder = NULL;
    rsi_buffer bytes = {0};
    RS_TRY(rsi_rows_coder_new(&coder, err));
    for (size_t b = 0; b < file->block_count; b++) {
        const uint64_t *files = NULL;
        const uint64_t *lines = NULL;
        size_t count = rsi_load_u32le(file->blocks[b].note); /* its length was checked on opening */
        RS_TRY(rsi_blockfile_read(file, b, &bytes, err));
        RS_TRY(rsi_rows_decode(coder, bytes.bytes, bytes.length, count, &files, &lines, err));
        for (size_t i = 0; i < count; i++) {
            if (files[i] >= sources && !rsi_rows_none(store, home, files[i], lines[i])) {
                status =
                    rs_fail(err, RS_ECORRUPT, "S-12: block %zu names input file %" PRIu64 " of %zu",
                            b, files[i], sources);
                goto done;
            }
        }
    }
done:
    rsi_rows_coder_free(coder);
    rsi_buffer_free(&bytes);
    return rs_context(err, status, "rows file \"%s\"", file->ref.name);
}

/* ---- everything --------------------------------------------------------------------------- */

static rs_status check_file(const rs_store *store, size_t number, rs_error *err)
{
    rs_status status = rsi_blockfile_check_digest(&store->files[number], err);
    if (status == RS_OK && store->manifest.files[number].ref.kind == RSI_FILE_ROWS) {
        status = check_rows(store, number, err);
    }
    return status;
}

rs_status rsi_verify_store(const rs_store *store, const rs_work *work, uint64_t *damage,
                           rs_error *err)
{
    damage_list found = {0};
    rs_error one = {.status = RS_OK};
    bool go_on = true;
    const rsi_manifest *manifest = &store->manifest;
    for (size_t i = 0; go_on && i < store->opened; i++) {
        go_on =
            note(&found, rs_work_report(work, "verify", "files", i, store->opened, &one), &one) &&
            note(&found, check_file(store, i, &one), &one);
    }
    for (size_t i = 0; go_on && i < manifest->type_count; i++) {
        go_on = note(&found, check_ids(store, i, &one), &one);
    }
    for (size_t i = 0; go_on && i < manifest->relation_count; i++) {
        go_on = note(&found, check_edges(store, i, &one), &one);
    }
    for (size_t i = 0; go_on && i < manifest->attribute_count; i++) {
        go_on = note(&found, check_values(store, i, &one), &one);
    }
    *damage = found.count;
    if (found.status != RS_OK && err != NULL) {
        *err = found.first;
    }
    return found.status;
}

rs_status rs_store_verify(const char *path, const rs_work *work, uint64_t *damage_count,
                          rs_error *err)
{
    rs_store *store = NULL;
    uint64_t damage = 0;
    rs_status status = rs_store_open(&store, path, err);
    if (status == RS_OK) {
        status = rs_context(err, rsi_verify_store(store, work, &damage, err), "store \"%s\"", path);
        rs_store_close(store);
    } else if (status == RS_ECORRUPT) {
        damage = 1; /* what does not open hides the rest */
    }
    if (damage_count != NULL) {
        *damage_count = damage;
    }
    return status;
}
