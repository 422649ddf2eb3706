/* commit_schema.c - the manifest that follows a batch: the store's names and the batch's, merged.
 *
 * Types, relations and attributes stand in an order of their own, so a new one may move those
 * behind it: all numbers of the old manifest are renewed.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/try.h"
#include "store/batch_internal.h"

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (manifest)");
}

static rs_status copy(const char *name, char **out, rs_error *err)
{
    *out = strdup(name);
    return *out == NULL ? no_memory(err) : RS_OK;
}

static void *room(size_t count, size_t size)
{
    return calloc(count == 0 ? 1 : count, size);
}

/* ---- types -------------------------------------------------------------------------------- */

static int compare_types(const void *a, const void *b)
{
    const rsi_type_entry *x = a;
    const rsi_type_entry *y = b;
    return x->hidden != y->hidden ? x->hidden - y->hidden : strcmp(x->name, y->name);
}

static size_t find_type(const rsi_type_entry *types, size_t count, const char *name, bool hidden)
{
    size_t i = 0;
    while (i < count && (types[i].hidden != hidden || strcmp(types[i].name, name) != 0)) {
        i++;
    }
    return i;
}

static rs_status merge_types(const rsi_batch *batch, rsi_manifest *next, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_manifest *old = &batch->manifest;
    next->types = room(old->type_count + batch->type_count, sizeof *next->types);
    if (next->types == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < old->type_count; i++) {
        next->types[i] = old->types[i];
        next->types[i].name = NULL;
        next->type_count++;
        RS_TRY(copy(old->types[i].name, &next->types[i].name, err));
    }
    for (uint32_t i = 0; i < batch->type_count; i++) {
        const rsi_batch_type_state *type = batch->types[i];
        size_t at = find_type(next->types, next->type_count, type->name, type->hidden);
        if (type->hidden && !type->used && type->id_count == 0) {
            continue;
        }
        if (at == next->type_count) {
            next->types[at] = (rsi_type_entry){.hidden = type->hidden};
            next->type_count++;
            RS_TRY(copy(type->name, &next->types[at].name, err));
        }
        next->types[at].subject = next->types[at].subject || type->subject;
    }
    qsort(next->types, next->type_count, sizeof *next->types, compare_types);
    for (size_t i = 0; i < next->type_count; i++) {
        next->visible_types += !next->types[i].hidden;
    }
    if (next->visible_types > RSI_TYPES_MAX) {
        status = rs_fail(err, RS_EUSAGE, "more than %d node types", RSI_TYPES_MAX);
    }
done:
    return status;
}

static uint32_t renew_type(const rsi_batch *batch, const rsi_manifest *next, uint32_t type)
{
    const rsi_type_entry *old = &batch->manifest.types[type];
    return (uint32_t)find_type(next->types, next->type_count, old->name, old->hidden);
}

static void number_types(rsi_batch *batch, const rsi_manifest *next)
{
    for (uint32_t i = 0; i < batch->type_count; i++) {
        rsi_batch_type_state *type = batch->types[i];
        size_t at = find_type(next->types, next->type_count, type->name, type->hidden);
        type->object = (uint32_t)at;
        type->known_count = at < next->type_count ? next->types[at].node_count : 0;
    }
}

/* ---- relations ---------------------------------------------------------------------------- */

static int compare_relations(const void *a, const void *b)
{
    const rsi_relation_entry *x = a;
    const rsi_relation_entry *y = b;
    int order = strcmp(x->name, y->name);
    if (order == 0) {
        order = (x->src_type > y->src_type) - (x->src_type < y->src_type);
    }
    if (order == 0) {
        order = (x->dst_type > y->dst_type) - (x->dst_type < y->dst_type);
    }
    return order != 0 ? order : strcmp(x->currency, y->currency);
}

static size_t find_relation(const rsi_manifest *next, const rsi_relation_entry *wanted)
{
    size_t i = 0;
    while (i < next->relation_count && compare_relations(&next->relations[i], wanted) != 0) {
        i++;
    }
    return i;
}

/* A batch's relation as an entry that lends its names. */
static rsi_relation_entry entry_of(const rsi_batch *batch, const rsi_batch_relation_state *relation)
{
    return (rsi_relation_entry){.name = relation->name,
                                .currency = relation->currency,
                                .kind = relation->kind,
                                .place = relation->place,
                                .src_type = batch->types[relation->src_type]->object,
                                .dst_type = batch->types[relation->dst_type]->object,
                                .decimals = relation->decimals,
                                .time_min = RS_NO_TIME,
                                .time_max = RS_NO_TIME};
}

static rs_status add_relation(rsi_manifest *next, const rsi_relation_entry *entry, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_relation_entry *added = &next->relations[next->relation_count++];
    *added = *entry;
    added->name = NULL;
    added->currency = NULL;
    RS_TRY(copy(entry->name, &added->name, err));
    RS_TRY(copy(entry->currency, &added->currency, err));
done:
    return status;
}

static rs_status merge_relations(const rsi_batch *batch, rsi_manifest *next, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_manifest *old = &batch->manifest;
    next->relations = room(old->relation_count + batch->relation_count, sizeof *next->relations);
    if (next->relations == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < old->relation_count; i++) {
        rsi_relation_entry entry = old->relations[i];
        entry.src_type = renew_type(batch, next, entry.src_type);
        entry.dst_type = renew_type(batch, next, entry.dst_type);
        RS_TRY(add_relation(next, &entry, err));
    }
    for (uint32_t i = 0; i < batch->relation_count; i++) {
        rsi_relation_entry entry = entry_of(batch, batch->relations[i]);
        if (find_relation(next, &entry) == next->relation_count) {
            RS_TRY(add_relation(next, &entry, err));
        }
    }
    if (next->relation_count > RSI_RELATIONS_MAX) {
        status = rs_fail(err, RS_EUSAGE, "more than %d relations", RSI_RELATIONS_MAX);
        goto done;
    }
    qsort(next->relations, next->relation_count, sizeof *next->relations, compare_relations);
    for (uint32_t i = 0; i < batch->relation_count; i++) {
        rsi_relation_entry entry = entry_of(batch, batch->relations[i]);
        batch->relations[i]->object = (uint32_t)find_relation(next, &entry);
    }
done:
    return status;
}

/* -1, 0, 1 by the names that the manifest orders by. */
static int compare_states(const rsi_batch *batch, const rsi_batch_relation_state *a,
                          const rsi_batch_relation_state *b)
{
    int order = strcmp(a->name, b->name);
    if (order == 0) {
        order = strcmp(batch->types[a->src_type]->name, batch->types[b->src_type]->name);
    }
    if (order == 0) {
        order = strcmp(batch->types[a->dst_type]->name, batch->types[b->dst_type]->name);
    }
    return order != 0 ? order : strcmp(a->currency, b->currency);
}

void rsi_order_relations(rsi_batch *batch)
{
    for (uint32_t i = 0; i < batch->relation_count; i++) {
        batch->relations[i]->order = 0;
        for (uint32_t j = 0; j < batch->relation_count; j++) {
            batch->relations[i]->order +=
                compare_states(batch, batch->relations[j], batch->relations[i]) < 0;
        }
    }
}

/* ---- attributes --------------------------------------------------------------------------- */

static int compare_attributes(const void *a, const void *b)
{
    const rsi_attribute_entry *x = a;
    const rsi_attribute_entry *y = b;
    int order = (x->type > y->type) - (x->type < y->type);
    return order != 0 ? order : strcmp(x->name, y->name);
}

static size_t find_attribute(const rsi_manifest *next, uint32_t type, const char *name)
{
    size_t i = 0;
    while (i < next->attribute_count &&
           (next->attributes[i].type != type || strcmp(next->attributes[i].name, name) != 0)) {
        i++;
    }
    return i;
}

static rs_status add_attribute(rsi_manifest *next, const rsi_attribute_entry *entry, rs_error *err)
{
    rsi_attribute_entry *added = &next->attributes[next->attribute_count++];
    *added = *entry;
    added->name = NULL;
    return copy(entry->name, &added->name, err);
}

static rs_status merge_attributes(const rsi_batch *batch, rsi_manifest *next, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_manifest *old = &batch->manifest;
    next->attributes =
        room(old->attribute_count + batch->attribute_count, sizeof *next->attributes);
    if (next->attributes == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < old->attribute_count; i++) {
        rsi_attribute_entry entry = old->attributes[i];
        entry.type = renew_type(batch, next, entry.type);
        RS_TRY(add_attribute(next, &entry, err));
    }
    for (uint32_t i = 0; i < batch->attribute_count; i++) {
        const rsi_batch_attribute_state *attribute = batch->attributes[i];
        rsi_attribute_entry entry = {.name = attribute->name,
                                     .type = batch->types[attribute->type]->object};
        if (find_attribute(next, entry.type, entry.name) == next->attribute_count) {
            RS_TRY(add_attribute(next, &entry, err));
        }
    }
    if (next->attribute_count > RSI_ATTRIBUTES_MAX) {
        status = rs_fail(err, RS_EUSAGE, "more than %d attributes", RSI_ATTRIBUTES_MAX);
        goto done;
    }
    qsort(next->attributes, next->attribute_count, sizeof *next->attributes, compare_attributes);
    for (uint32_t i = 0; i < batch->attribute_count; i++) {
        rsi_batch_attribute_state *attribute = batch->attributes[i];
        attribute->object =
            (uint32_t)find_attribute(next, batch->types[attribute->type]->object, attribute->name);
    }
done:
    return status;
}

/* ---- batches and files -------------------------------------------------------------------- */

static uint32_t renew_object(const rsi_batch *batch, const rsi_manifest *next,
                             const rsi_file_entry *file)
{
    const rsi_manifest *old = &batch->manifest;
    if (file->ref.kind == RSI_FILE_DICTIONARY) {
        return renew_type(batch, next, file->object);
    }
    if (file->ref.kind == RSI_FILE_ATTRIBUTE) {
        const rsi_attribute_entry *attribute = &old->attributes[file->object];
        return (uint32_t)find_attribute(next, renew_type(batch, next, attribute->type),
                                        attribute->name);
    }
    rsi_relation_entry relation = old->relations[file->object];
    relation.src_type = renew_type(batch, next, relation.src_type);
    relation.dst_type = renew_type(batch, next, relation.dst_type);
    return (uint32_t)find_relation(next, &relation);
}

static rs_status copy_history(const rsi_batch *batch, rsi_manifest *next, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_manifest *old = &batch->manifest;
    size_t fresh_files =
        (size_t)batch->type_count + 2 * (size_t)batch->relation_count + batch->attribute_count;
    next->next_sequence = old->next_sequence;
    next->batches = room(old->batch_count + 1, sizeof *next->batches);
    next->sources = room(old->source_count + batch->file_count, sizeof *next->sources);
    next->files = room(old->file_count + fresh_files, sizeof *next->files);
    if (next->batches == NULL || next->sources == NULL || next->files == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < old->batch_count; i++) {
        next->batches[i] = old->batches[i];
        next->batches[i].name = NULL;
        next->batch_count++;
        RS_TRY(copy(old->batches[i].name, &next->batches[i].name, err));
    }
    for (size_t i = 0; i < old->source_count; i++) {
        next->sources[i] = old->sources[i];
        next->sources[i].name = NULL;
        next->source_count++;
        RS_TRY(copy(old->sources[i].name, &next->sources[i].name, err));
    }
    for (size_t i = 0; i < old->file_count; i++) {
        next->files[next->file_count] = old->files[i];
        next->files[next->file_count++].object = renew_object(batch, next, &old->files[i]);
    }
done:
    return status;
}

rs_status rsi_commit_schema(rsi_batch *batch, rsi_manifest *next, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(merge_types(batch, next, err));
    number_types(batch, next);
    RS_TRY(merge_relations(batch, next, err));
    RS_TRY(merge_attributes(batch, next, err));
    RS_TRY(copy_history(batch, next, err));
done:
    return status;
}
