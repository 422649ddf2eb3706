/* verify_values.c - every value of an attribute, and where edges say that they came from.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>

#include "base/try.h"
#include "store/verify.h"

/* What has been read of one attribute file. */
typedef struct values_seen {
    bool whole;
    bool disorder;
    uint64_t count;
    int64_t last; /* node; -1: none */
} values_seen;

static rs_status take_block(rsi_verifier *v, size_t file, size_t block, const rsi_value *values,
                            size_t count, values_seen *seen, rs_error *err)
{
    const rsi_manifest *manifest = &v->store->manifest;
    const rsi_file_entry *entry = &manifest->files[file];
    uint32_t nodes = manifest->types[manifest->attributes[entry->object].type].node_count;
    seen->count += count;
    for (size_t i = 0; i < count && !seen->disorder; i++) {
        if ((int64_t)values[i].node <= seen->last || values[i].node >= nodes) {
            seen->disorder = true;
            return rsi_violation(v->list, "S-11", entry->ref.name, err,
                                 "block %zu: node %u follows %" PRId64 " of %u nodes", block,
                                 values[i].node, seen->last, nodes);
        }
        seen->last = values[i].node;
    }
    return RS_OK;
}

static rs_status read_file(rsi_verifier *v, size_t file, values_seen *seen, rs_error *err)
{
    rs_status status = RS_OK;
    rs_error found = {.status = RS_OK};
    const rsi_blockfile *from = &v->store->files[file];
    for (size_t b = 0; b < from->block_count; b++) {
        const rsi_value *values = NULL;
        size_t count = 0;
        const rsi_block_entry *entry = &from->blocks[b];
        rs_status read = rsi_blockfile_read(from, b, &v->bytes, &found);
        if (read == RS_OK) {
            read = rsi_values_decode(v->values, v->bytes.bytes, v->bytes.length, entry->note,
                                     entry->note_length, &values, &count, &found);
            read = rs_context(&found, read, "block %zu", b);
        }
        RS_TRY(rsi_violation_note(v->list, "S-06", from->ref.name, read, &found, err));
        seen->whole &= read == RS_OK;
        if (read == RS_OK) {
            RS_TRY(take_block(v, file, b, values, count, seen, err));
        }
    }
done:
    return status;
}

rs_status rsi_verify_values(rsi_verifier *v, size_t attribute, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_store *store = v->store;
    const rsi_attribute_entry *entry = &store->manifest.attributes[attribute];
    bool whole = true;
    uint64_t count = 0;
    size_t i = rsi_store_next_file(store, RSI_FILE_ATTRIBUTE, attribute, 0);
    for (; i < store->opened;
         i = rsi_store_next_file(store, RSI_FILE_ATTRIBUTE, attribute, i + 1)) {
        values_seen seen = {.whole = !v->broken[i], .last = -1};
        if (v->broken[i]) {
            whole = false;
            continue;
        }
        RS_TRY(read_file(v, i, &seen, err));
        uint64_t promised = rsi_load_u64le(store->files[i].meta);
        if (seen.whole && promised != seen.count) {
            RS_TRY(rsi_violation(v->list, "S-11", store->files[i].ref.name, err,
                                 "its meta says %" PRIu64 " values, it holds %" PRIu64, promised,
                                 seen.count));
        }
        whole &= seen.whole;
        count += seen.count;
    }
    if (whole && count != entry->value_count) {
        status = rsi_violation(v->list, "S-11", RSI_MANIFEST_NAME, err,
                               "the manifest says that attribute \"%s\" has %" PRIu64
                               " values, files hold %" PRIu64,
                               entry->name, entry->value_count, count);
    }
done:
    return rs_context(err, status, "attribute \"%s\"", entry->name);
}

/* ---- rows --------------------------------------------------------------------------------- */

static rs_status take_rows(rsi_verifier *v, size_t file, size_t block, const uint64_t *files,
                           const uint64_t *lines, size_t count, rs_error *err)
{
    const rsi_file_entry *entry = &v->store->manifest.files[file];
    size_t sources = rsi_store_source_count(v->store, entry->batch);
    for (size_t i = 0; i < count; i++) {
        if (files[i] >= sources && !rsi_rows_none(v->store, entry->batch, files[i], lines[i])) {
            return rsi_violation(v->list, "S-12", entry->ref.name, err,
                                 "block %zu names input file %" PRIu64 " of %zu", block, files[i],
                                 sources);
        }
    }
    return RS_OK;
}

rs_status rsi_verify_rows(rsi_verifier *v, size_t number, rs_error *err)
{
    rs_status status = RS_OK;
    rs_error found = {.status = RS_OK};
    const rsi_blockfile *file = &v->store->files[number];
    for (size_t b = 0; b < file->block_count; b++) {
        const uint64_t *files = NULL;
        const uint64_t *lines = NULL;
        size_t count =
            file->blocks[b].note_length == 4 ? rsi_load_u32le(file->blocks[b].note) : SIZE_MAX;
        rs_status read = rsi_blockfile_read(file, b, &v->bytes, &found);
        if (read == RS_OK) {
            read = rsi_rows_decode(v->rows, v->bytes.bytes, v->bytes.length, count, &files, &lines,
                                   &found);
            read = rs_context(&found, read, "block %zu", b);
        }
        RS_TRY(rsi_violation_note(v->list, "S-06", file->ref.name, read, &found, err));
        if (read == RS_OK) {
            RS_TRY(take_rows(v, number, b, files, lines, count, err));
        }
    }
done:
    return status;
}
