/* verify.c - a store against every invariant: its structure and digests, or every byte unpacked.
 *
 * Structure is what opening a store holds; it and the digests of all files are checked always, what
 * is inside blocks only when asked to look deep. What cannot be opened is told, and the rest
 * checked all the same.
 * Cost: every byte read once, read and unpacked once more when looking deep.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/verify.h"

#include <inttypes.h>
#include <string.h>

#include "base/try.h"

/* Every dense number of a type must be some part's; event keys may leave gaps (FORMAT.md). */
static rs_status check_numbers(rsi_verifier *v, size_t type, rs_error *err)
{
    const rs_store *store = v->store;
    const rsi_type_entry *entry = &store->manifest.types[type];
    bool keys = entry->hidden && store->manifest.version > 1;
    uint64_t next = 0;
    size_t i = rsi_store_next_file(store, RSI_FILE_DICTIONARY, type, 0);
    for (; i < store->opened; i = rsi_store_next_file(store, RSI_FILE_DICTIONARY, type, i + 1)) {
        const rsi_dict_part *part = &store->parts[i];
        if (v->broken[i]) {
            return RS_OK; /* nobody knows what it held */
        }
        if (keys ? part->first < next : part->first != next) {
            return rsi_violation(v->list, "S-07", store->files[i].ref.name, err,
                                 "ids from number %" PRIu64 " on were expected, found %u", next,
                                 part->first);
        }
        next = (uint64_t)part->first + part->count;
    }
    if (keys ? next > entry->node_count : next != entry->node_count) {
        return rsi_violation(v->list, "S-07", RSI_MANIFEST_NAME, err,
                             "type \"%s\": %u nodes were expected, dictionaries hold %" PRIu64,
                             entry->name, entry->node_count, next);
    }
    return RS_OK;
}

/* The sum over the metas of a relation's segments. */
static rs_status check_count(rsi_verifier *v, size_t relation, rs_error *err)
{
    const rs_store *store = v->store;
    const rsi_relation_entry *entry = &store->manifest.relations[relation];
    uint64_t edges = 0;
    size_t i = rsi_store_next_file(store, RSI_FILE_SEGMENT, relation, 0);
    for (; i < store->opened; i = rsi_store_next_file(store, RSI_FILE_SEGMENT, relation, i + 1)) {
        if (v->broken[i]) {
            return RS_OK;
        }
        edges += rsi_segment_meta_load(store->files[i].meta).edge_count;
    }
    return edges == entry->edge_count
               ? RS_OK
               : rsi_violation(v->list, "S-10", RSI_MANIFEST_NAME, err,
                               "relation \"%s\": %" PRIu64
                               " edges were expected, segments hold %" PRIu64,
                               entry->name, entry->edge_count, edges);
}

static rs_status check_digests(rsi_verifier *v, rs_error *err)
{
    rs_status status = RS_OK;
    rs_error found = {.status = RS_OK};
    const rs_store *store = v->store;
    for (size_t i = 0; i < store->opened; i++) {
        RS_TRY(rs_work_report(v->work, "verify", "files", i, store->opened, err));
        if (!v->broken[i]) {
            rs_status read = rsi_blockfile_check_digest(&store->files[i], &found);
            RS_TRY(
                rsi_violation_note(v->list, "S-04", store->files[i].ref.name, read, &found, err));
        }
    }
done:
    return status;
}

static rs_status check_structure(rsi_verifier *v, bool deep, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_manifest *manifest = &v->store->manifest;
    for (size_t i = 0; i < manifest->type_count; i++) {
        RS_TRY(check_numbers(v, i, err));
    }
    for (size_t i = 0; i < manifest->relation_count && !deep; i++) {
        RS_TRY(check_count(v, i, err)); /* a deep look counts the edges themselves */
    }
    RS_TRY(check_digests(v, err));
done:
    return status;
}

static rs_status check_content(rsi_verifier *v, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_store *store = v->store;
    RS_TRY(rsi_segment_coder_new(&v->segments, err));
    RS_TRY(rsi_values_coder_new(&v->values, err));
    RS_TRY(rsi_rows_coder_new(&v->rows, err));
    for (size_t i = 0; i < store->manifest.type_count; i++) {
        RS_TRY(rsi_verify_ids(v, i, err));
    }
    for (size_t i = 0; i < store->manifest.relation_count; i++) {
        RS_TRY(rsi_verify_edges(v, i, err));
    }
    for (size_t i = 0; i < store->manifest.attribute_count; i++) {
        RS_TRY(rsi_verify_values(v, i, err));
    }
    for (size_t i = 0; i < store->opened; i++) {
        if (store->manifest.files[i].ref.kind == RSI_FILE_ROWS && !v->broken[i]) {
            RS_TRY(rsi_verify_rows(v, i, err));
        }
    }
done:
    rsi_segment_coder_free(v->segments);
    rsi_values_coder_free(v->values);
    rsi_rows_coder_free(v->rows);
    rsi_buffer_free(&v->bytes);
    return status;
}

/* What this file does not check, rs_store_open might: no store that it refuses is sound. */
static rs_status check_opening(const char *path, rs_violations *list, rs_error *err)
{
    rs_store *store = NULL;
    rs_error found = {.status = RS_OK};
    rs_status status = rs_store_open(&store, path, &found);
    rs_store_close(store);
    return rsi_violation_note(list, "S-01", RSI_MANIFEST_NAME, status, &found, err);
}

rs_status rs_store_check(const char *path, bool deep, const rs_work *work, rs_violations *list,
                         rs_error *err)
{
    rs_status status = RS_OK;
    rsi_partial partial = {0};
    RS_TRY(rsi_partial_open(&partial, path, false, list, err));
    if (partial.store != NULL) {
        rsi_verifier v = {
            .store = partial.store, .broken = partial.broken, .list = list, .work = work};
        RS_TRY(check_structure(&v, deep, err));
        if (deep) {
            RS_TRY(check_content(&v, err));
        }
        if (list->count == 0) {
            RS_TRY(check_opening(path, list, err));
        }
    }
done:
    rsi_partial_close(&partial);
    return rs_context(err, status, "verify");
}

rs_status rs_store_verify(const char *path, const rs_work *work, uint64_t *damage_count,
                          rs_error *err)
{
    rs_violations list = {0};
    rs_status status = rs_store_check(path, true, work, &list, err);
    if (status == RS_OK && list.count > 0) {
        const rs_violation *first = &list.kept[0];
        status = rs_fail(err, RS_ECORRUPT, "store \"%s\": \"%s\": %s: %.700s", path, first->file,
                         first->id, first->text);
    }
    if (damage_count != NULL) {
        *damage_count = list.count;
    }
    rs_violations_free(&list);
    return status;
}
