/* compact_usage.c - which nodes are still used, and by which group first.
 *
 * A node that some edge or value named and none does any more goes. One that none ever named was
 * listed for itself: it stays while the batch that brought it is there. A node whose batch was
 * dropped belongs to the first group that uses it, as if that one had brought it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/try.h"
#include "store/compact.h"

static inline void mark(rsi_compact_type *type, uint32_t node, uint16_t group, bool stays)
{
    if (!stays) {
        type->flags[node] |= RSI_USED_BEFORE;
        return;
    }
    type->flags[node] |= RSI_USED_BEFORE | RSI_USED_AFTER;
    if (type->owner[node] == RSI_NO_GROUP) {
        type->owner[node] = group;
    }
}

static void mark_block(const rsi_compactor *compactor, const rsi_edge_columns *edges,
                       uint16_t group, rsi_compact_type *src, rsi_compact_type *dst)
{
    for (size_t i = 0; i < edges->count; i++) {
        uint32_t from = edges->src[i];
        uint32_t to = edges->dst[i];
        bool stays =
            rsi_compact_stays(compactor, edges->time == NULL ? RS_NO_TIME : edges->time[i]) &&
            ((src->flags[from] | dst->flags[to]) & RSI_ERASED) == 0;
        mark(src, from, group, stays);
        mark(dst, to, group, stays);
    }
}

static rs_status mark_segment(rsi_compactor *compactor, size_t file, rsi_segment_coder *coder,
                              rsi_buffer *bytes, uint64_t *seen, uint64_t total, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_store *store = compactor->store;
    const rsi_relation_entry *relation =
        &store->manifest.relations[store->manifest.files[file].object];
    rsi_compact_type *src = &compactor->types[relation->src_type];
    rsi_compact_type *dst = &compactor->types[relation->dst_type];
    unsigned columns = compactor->cutoff == RS_NO_TIME ? 0 : RS_SCAN_TIME;
    for (size_t block = 0; block < store->files[file].block_count; block++) {
        rsi_edge_columns edges = {0};
        RS_TRY(rsi_store_edges(store, file, block, columns, coder, bytes, &edges, err));
        mark_block(compactor, &edges, rsi_compact_group_of(compactor, file), src, dst);
        *seen += edges.count;
        RS_TRY(rs_work_report(compactor->work, "looking for what is used", "edges", *seen, total,
                              err));
    }
done:
    return status;
}

static rs_status mark_edges(rsi_compactor *compactor, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_manifest *manifest = &compactor->store->manifest;
    rsi_segment_coder *coder = NULL;
    rsi_buffer bytes = {0};
    uint64_t seen = 0;
    RS_TRY(rsi_segment_coder_new(&coder, err));
    for (size_t group = 0; group < compactor->group_count; group++) { /* first users first */
        for (size_t file = 0; file < manifest->file_count; file++) {
            if (manifest->files[file].ref.kind == RSI_FILE_SEGMENT &&
                rsi_compact_group_of(compactor, file) == group) {
                RS_TRY(mark_segment(compactor, file, coder, &bytes, &seen,
                                    compactor->result->edges_before, err));
            }
        }
    }
done:
    rsi_segment_coder_free(coder);
    rsi_buffer_free(&bytes);
    return status;
}

static rs_status mark_values_of(rsi_compactor *compactor, size_t file, rsi_values_coder *coder,
                                rsi_buffer *bytes, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_blockfile *values = &compactor->store->files[file];
    const rsi_manifest *manifest = &compactor->store->manifest;
    uint32_t attribute = manifest->files[file].object;
    rsi_compact_type *type = &compactor->types[manifest->attributes[attribute].type];
    for (size_t block = 0; block < values->block_count; block++) {
        const rsi_value *some = NULL;
        size_t count = 0;
        RS_TRY(rsi_store_values(compactor->store, file, block, coder, bytes, &some, &count, err));
        for (size_t i = 0; i < count; i++) {
            bool stays = rsi_compact_stays(compactor, some[i].time) &&
                         (type->flags[some[i].node] & RSI_ERASED) == 0;
            mark(type, some[i].node, rsi_compact_group_of(compactor, file), stays);
        }
    }
done:
    return status;
}

static rs_status mark_values(rsi_compactor *compactor, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_manifest *manifest = &compactor->store->manifest;
    rsi_values_coder *coder = NULL;
    rsi_buffer bytes = {0};
    RS_TRY(rsi_values_coder_new(&coder, err));
    for (size_t group = 0; group < compactor->group_count; group++) {
        for (size_t file = 0; file < manifest->file_count; file++) {
            if (manifest->files[file].ref.kind == RSI_FILE_ATTRIBUTE &&
                rsi_compact_group_of(compactor, file) == group) {
                RS_TRY(mark_values_of(compactor, file, coder, &bytes, err));
            }
        }
    }
done:
    rsi_values_coder_free(coder);
    rsi_buffer_free(&bytes);
    return status;
}

/* A node belongs to the group whose part it is in. Event keys are used as long as their batch is
 * there and its events are not all forgotten. */
static void assign_parts(rsi_compactor *compactor)
{
    const rsi_manifest *manifest = &compactor->store->manifest;
    for (size_t file = 0; file < manifest->file_count; file++) {
        if (manifest->files[file].ref.kind != RSI_FILE_DICTIONARY) {
            continue;
        }
        const rsi_dict_part *part = &compactor->store->parts[file];
        rsi_compact_type *type = &compactor->types[manifest->files[file].object];
        uint16_t group = rsi_compact_group_of(compactor, file);
        bool expired = manifest->types[manifest->files[file].object].hidden &&
                       (group == RSI_NO_GROUP || compactor->groups[group].keys_expired);
        for (uint32_t i = 0; i < part->count; i++) {
            type->owner[part->first + i] = expired ? RSI_NO_GROUP : group;
        }
    }
}

static void settle(rsi_compactor *compactor, rsi_compact_type *type)
{
    for (uint32_t node = 0; node < type->node_count; node++) {
        uint8_t flags = type->flags[node];
        bool unnamed = (flags & RSI_USED_BEFORE) == 0;
        bool stays = (flags & RSI_ERASED) == 0 && type->owner[node] != RSI_NO_GROUP &&
                     (unnamed || (flags & RSI_USED_AFTER) != 0);
        type->map[node] = RS_NO_NODE;
        if (!stays) {
            type->owner[node] = RSI_NO_GROUP;
        } else {
            type->kept[type->owner[node]]++;
        }
    }
    for (size_t group = 1; group < compactor->group_count; group++) {
        type->first[group] = type->first[group - 1] + type->kept[group - 1];
    }
}

rs_status rsi_compact_usage(rsi_compactor *compactor, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t i = 0; i < compactor->store->manifest.type_count; i++) {
        rsi_compact_type *type = &compactor->types[i];
        for (uint32_t node = 0; node < type->node_count; node++) {
            type->owner[node] = RSI_NO_GROUP; /* numbers of event keys may have gaps */
        }
    }
    assign_parts(compactor);
    RS_TRY(mark_edges(compactor, err));
    RS_TRY(mark_values(compactor, err));
    for (size_t i = 0; i < compactor->store->manifest.type_count; i++) {
        settle(compactor, &compactor->types[i]);
    }
done:
    return status;
}
