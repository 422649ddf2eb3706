/* compact.c - a store written anew: what batches left side by side becomes one.
 *
 * Batches keep their records, so that sending one again still changes nothing; those that are
 * merged name the last of them as their home, whose files hold the data of all. New files are
 * written and synced beside the old, one manifest makes them the store, the old ones go when nobody
 * can open them any more.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/compact.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/parallel.h"
#include "base/try.h"
#include "store/batch_internal.h"

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (compaction)");
}

/* ---- files -------------------------------------------------------------------------------- */

uint16_t rsi_compact_group_of(const rsi_compactor *compactor, size_t file)
{
    uint32_t batch = compactor->store->manifest.files[file].batch;
    return batch == RSI_NO_BATCH ? RSI_NO_GROUP : compactor->group_of[batch];
}

rs_status rsi_compact_file(rsi_compactor *compactor, size_t group, rsi_file_kind kind,
                           uint32_t object, rsi_blockwriter **writer, rs_error *err)
{
    static const char *const endings[RSI_FILE_KIND_COUNT] = {"dict", "edges", "values", "rows",
                                                             "back"};
    char name[RSI_FILE_NAME_MAX];
    uint64_t sequence = compactor->store->manifest.next_sequence + group;
    snprintf(name, sizeof name, "b%08" PRIu64 "-%04u.%s", sequence, object, endings[kind]);
    uint64_t identity = rsi_file_identity(compactor->store->manifest.digest, sequence, name);
    rs_status status =
        rsi_blockwriter_open(writer, compactor->store->directory, name, kind, identity, err);
    if (status == RS_OK) {
        compactor->writers[compactor->writer_count++] = *writer;
    }
    return status;
}

rs_status rsi_compact_finish(rsi_compactor *compactor, size_t group, uint32_t object,
                             rsi_blockwriter *writer, const void *meta, size_t meta_length,
                             rs_error *err)
{
    rsi_manifest *next = &compactor->next;
    rsi_file_entry *file = &next->files[next->file_count];
    *file = (rsi_file_entry){.batch = compactor->groups[group].home, .object = object};
    rs_status status = rsi_blockwriter_finish(writer, meta, meta_length, &file->ref, err);
    next->file_count += status == RS_OK;
    return status;
}

static rs_status sync_file(void *context, size_t index, unsigned worker, rs_error *err)
{
    const rsi_compactor *compactor = context;
    (void)worker;
    return rsi_blockwriter_sync(compactor->writers[index], err);
}

static int compare_files(const void *a, const void *b)
{
    const rsi_file_entry *x = a;
    const rsi_file_entry *y = b;
    int order = (x->batch > y->batch) - (x->batch < y->batch);
    return order != 0 ? order : strcmp(x->ref.name, y->ref.name);
}

/* ---- groups ------------------------------------------------------------------------------- */

/* The latest `keep` batches that have files of their own are a group each, all before them are one.
 * A batch that was merged earlier stays with its home. */
static rs_status choose_groups(rsi_compactor *compactor, rs_error *err)
{
    const rsi_manifest *manifest = &compactor->store->manifest;
    size_t homes = 0;
    compactor->groups = calloc(RSI_GROUPS_MAX + 1, sizeof *compactor->groups);
    compactor->group_of = calloc(manifest->batch_count + 1, sizeof *compactor->group_of);
    if (compactor->groups == NULL || compactor->group_of == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < manifest->batch_count; i++) {
        homes += manifest->batches[i].merged == 0;
    }
    uint64_t keep = compactor->options->keep;
    size_t merged = homes > keep ? homes - (size_t)keep : 0;
    size_t seen = 0;
    for (uint32_t i = 0; i < manifest->batch_count; i++) {
        if (manifest->batches[i].merged > 0) {
            continue;
        }
        size_t group = seen < merged ? 0 : seen - merged + (merged > 0);
        if (group >= RSI_GROUPS_MAX) {
            return rs_fail(err, RS_EUSAGE, "at most %d batches can be kept apart",
                           RSI_GROUPS_MAX - 1);
        }
        compactor->group_of[i] = (uint16_t)group;
        compactor->groups[group].home = i; /* the last of them stands */
        compactor->group_count = group + 1;
        seen++;
    }
    for (uint32_t i = 0; i < manifest->batch_count; i++) {
        compactor->group_of[i] = compactor->group_of[rsi_batch_home(manifest->batches, i)];
    }
    return RS_OK;
}

static void choose_cutoff(rsi_compactor *compactor)
{
    const rsi_manifest *manifest = &compactor->store->manifest;
    int64_t from = compactor->options->as_of;
    for (size_t i = 0; compactor->options->as_of == RS_NO_TIME && i < manifest->relation_count;
         i++) {
        int64_t time = manifest->relations[i].time_max;
        from = time != RS_NO_TIME && (from == RS_NO_TIME || time > from) ? time : from;
    }
    compactor->cutoff = RS_NO_TIME;
    if (compactor->options->window_s > 0 && from != RS_NO_TIME &&
        from >= INT64_MIN + 1 + compactor->options->window_s) {
        compactor->cutoff = from - compactor->options->window_s;
    }
    compactor->result->cutoff = compactor->cutoff;
    for (size_t group = 0; group < compactor->group_count; group++) {
        bool expired = compactor->cutoff != RS_NO_TIME;
        for (uint32_t i = 0; i < manifest->batch_count; i++) {
            if (compactor->group_of[i] == group) {
                int64_t last = rs_store_batch(compactor->store, i).time_max;
                expired = expired && last != RS_NO_TIME && last < compactor->cutoff;
            }
        }
        compactor->groups[group].keys_expired = expired;
    }
}

/* ---- nodes -------------------------------------------------------------------------------- */

static rs_status make_types(rsi_compactor *compactor, rs_error *err)
{
    const rsi_manifest *manifest = &compactor->store->manifest;
    compactor->types = calloc(manifest->type_count + 1, sizeof *compactor->types);
    if (compactor->types == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < manifest->type_count; i++) {
        rsi_compact_type *type = &compactor->types[i];
        size_t count = manifest->types[i].node_count;
        type->node_count = manifest->types[i].node_count;
        type->flags = calloc(count + 1, sizeof *type->flags);
        type->owner = calloc(count + 1, sizeof *type->owner);
        type->map = malloc((count + 1) * sizeof *type->map);
        type->kept = calloc(compactor->group_count + 1, sizeof *type->kept);
        type->first = calloc(compactor->group_count + 1, sizeof *type->first);
        if (type->flags == NULL || type->owner == NULL || type->map == NULL || type->kept == NULL ||
            type->first == NULL) {
            return no_memory(err);
        }
        compactor->result->nodes_before += manifest->types[i].hidden ? 0 : count;
    }
    return RS_OK;
}

static rs_status mark_erased(rsi_compactor *compactor, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_store *store = compactor->store;
    for (size_t i = 0; i < compactor->options->erased_count; i++) {
        const rs_node_name *name = &compactor->options->erased[i];
        size_t type = rs_store_type_named(store, name->type);
        uint32_t node = RS_NO_NODE;
        if (type != SIZE_MAX) {
            RS_TRY(rs_store_find(store, type, name->id, &node, err));
        }
        if (node != RS_NO_NODE) {
            compactor->types[type].flags[node] |= RSI_ERASED;
            compactor->forgets = true;
        }
    }
done:
    return status;
}

/* What the budget leaves for edges and values once 7 bytes a node, and 16 for their order, are
 * taken. */
static rs_status share_memory(rsi_compactor *compactor, rs_error *err)
{
    enum { FIXED = 48 << 20, LEAST = 80 << 20 }; /* coders, blocks, the process itself; the least */
    uint64_t budget = compactor->work == NULL ? 0 : compactor->work->memory_bytes;
    uint64_t nodes = 0;
    for (size_t i = 0; i < compactor->store->manifest.type_count; i++) {
        nodes += compactor->types[i].node_count;
    }
    uint64_t taken = nodes * (compactor->options->renumber ? 23 : 7);
    if (budget > 0 && budget < taken + LEAST) {
        return rs_fail(err, RS_EUSAGE,
                       "%" PRIu64 "M of memory are too little to compact %" PRIu64
                       " nodes; %" PRIu64 "M would do%s",
                       budget >> 20, nodes, (taken + LEAST + (1 << 20) - 1) >> 20,
                       compactor->options->renumber ? ", or less with --renumber no" : "");
    }
    compactor->memory_bytes = budget == 0 ? 0 : budget - taken - FIXED;
    return RS_OK;
}

/* ---- the next manifest -------------------------------------------------------------------- */

static rs_status start_manifest(rsi_compactor *compactor, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_manifest *now = &compactor->store->manifest;
    rsi_manifest *next = &compactor->next;
    size_t files =
        (now->type_count + 3 * now->relation_count + now->attribute_count) * compactor->group_count;
    RS_TRY(rsi_manifest_copy(next, now, files, err));
    compactor->writers = calloc(files + 1, sizeof(rsi_blockwriter *));
    if (compactor->writers == NULL) {
        return no_memory(err);
    }
    next->next_sequence += compactor->group_count;
    for (size_t i = 0; i < next->type_count; i++) {
        uint64_t kept = 0;
        for (size_t group = 0; group < compactor->group_count; group++) {
            kept += compactor->types[i].kept[group];
        }
        next->types[i].node_count = (uint32_t)kept;
        compactor->result->nodes_after += next->types[i].hidden ? 0 : kept;
    }
    for (size_t i = 0; i < next->relation_count; i++) {
        next->relations[i].edge_count = 0;
        next->relations[i].time_min = RS_NO_TIME;
        next->relations[i].time_max = RS_NO_TIME;
    }
    for (size_t i = 0; i < next->attribute_count; i++) {
        next->attributes[i].value_count = 0;
    }
done:
    return status;
}

/* Batches that are merged keep what was known of their events. */
static void merge_batches(rsi_compactor *compactor)
{
    rsi_manifest *next = &compactor->next;
    for (uint32_t i = 0; i < next->batch_count; i++) {
        uint32_t home = compactor->groups[compactor->group_of[i]].home;
        bool shared = home != i;
        for (uint32_t k = 0; k < next->batch_count; k++) {
            shared = shared || (k != i && compactor->group_of[k] == compactor->group_of[i]);
        }
        if (!shared) {
            continue;
        }
        rs_batch_info info = rs_store_batch(compactor->store, i);
        rsi_batch_entry *batch = &next->batches[i];
        batch->merged = home == i ? 0 : home + 1;
        batch->timed = info.time_min != RS_NO_TIME;
        batch->time_min = info.time_min;
        batch->time_max = info.time_max;
        compactor->result->merged_count++;
    }
}

/* ---- all of it ---------------------------------------------------------------------------- */

static rs_status write_data(rsi_compactor *compactor, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_manifest *manifest = &compactor->store->manifest;
    for (uint32_t type = 0; type < manifest->type_count; type++) {
        RS_TRY(rsi_compact_ids(compactor, type, err));
    }
    for (size_t group = 0; group < compactor->group_count; group++) {
        for (uint32_t relation = 0; relation < manifest->relation_count; relation++) {
            RS_TRY(rsi_compact_edges(compactor, relation, group, err));
        }
        for (uint32_t attribute = 0; attribute < manifest->attribute_count; attribute++) {
            RS_TRY(rsi_compact_values(compactor, attribute, group, err));
        }
    }
    rsi_manifest *next = &compactor->next;
    qsort(next->files, next->file_count, sizeof *next->files, compare_files);
    RS_TRY(rs_work_report(compactor->work, "sync", "steps", 0, 1, err));
    RS_TRY(rsi_parallel(compactor->work, compactor->writer_count, sync_file, compactor, err));
    RS_TRY(rs_work_report(compactor->work, "sync", "steps", 1, 1, err)); /* the last to stop at */
done:
    return status;
}

static rs_status compact(rsi_compactor *compactor, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_manifest *manifest = &compactor->store->manifest;
    for (size_t i = 0; i < manifest->relation_count; i++) {
        compactor->result->edges_before += manifest->relations[i].edge_count;
    }
    for (size_t i = 0; i < manifest->file_count; i++) {
        compactor->forgets = compactor->forgets || manifest->files[i].batch == RSI_NO_BATCH;
    }
    compactor->result->bytes_before = rsi_manifest_store_bytes(manifest);
    RS_TRY(choose_groups(compactor, err));
    choose_cutoff(compactor);
    compactor->forgets = compactor->forgets || compactor->cutoff != RS_NO_TIME;
    RS_TRY(make_types(compactor, err));
    RS_TRY(share_memory(compactor, err));
    RS_TRY(mark_erased(compactor, err));
    RS_TRY(rsi_compact_usage(compactor, err));
    if (compactor->options->renumber) {
        RS_TRY(rsi_compact_order(compactor, err));
    }
    RS_TRY(start_manifest(compactor, err));
    RS_TRY(write_data(compactor, err));
    merge_batches(compactor);
done:
    return status;
}

static void free_compactor(rsi_compactor *compactor, size_t type_count)
{
    for (size_t i = 0; compactor->types != NULL && i < type_count; i++) {
        free(compactor->types[i].flags);
        free(compactor->types[i].owner);
        free(compactor->types[i].map);
        free(compactor->types[i].kept);
        free(compactor->types[i].first);
    }
    for (size_t i = 0; i < compactor->writer_count; i++) {
        rsi_blockwriter_close(compactor->writers[i]);
    }
    free(compactor->writers);
    free(compactor->types);
    free(compactor->groups);
    free(compactor->group_of);
    rsi_manifest_free(&compactor->next);
}

rs_status rs_compact(const char *store_path, const rs_compact_options *options, const rs_work *work,
                     rs_compact_result *result, rs_error *err)
{
    rs_status status = RS_OK;
    size_t type_count = 0;
    rsi_compactor compactor = {
        .options = options, .work = work, .result = result, .next = RSI_MANIFEST_EMPTY};
    *result = (rs_compact_result){0};
    RS_TRY(rsi_rewrite_begin(&compactor.rewrite, store_path, work, err));
    compactor.store = compactor.rewrite.store;
    type_count = compactor.store->manifest.type_count;
    status = compact(&compactor, err);
    RS_TRY(rs_context(err, status, "store \"%s\"", store_path));
    RS_TRY(rsi_rewrite_publish(&compactor.rewrite, &compactor.next, err));
    result->bytes_after = rsi_manifest_store_bytes(&compactor.rewrite.batch->manifest);
done:
    free_compactor(&compactor, type_count);
    rsi_rewrite_end(&compactor.rewrite);
    return status;
}
