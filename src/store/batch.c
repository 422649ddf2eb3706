/* batch.c - open and close a batch; numbers for the names of types, relations, attributes, files.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/batch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/pages.h"
#include "base/try.h"
#include "store/batch_internal.h"

#define FILE_NAME_BYTES_MAX 4096

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (names of the batch)");
}

/* ---- names -------------------------------------------------------------------------------- */

static char *copy_name(rs_text name)
{
    char *copy = malloc(name.length + 1);
    if (copy != NULL) {
        if (name.length > 0) {
            memcpy(copy, name.bytes, name.length);
        }
        copy[name.length] = '\0';
    }
    return copy;
}

static rs_status check_name(rs_text name, const char *what, rs_error *err)
{
    if (name.length > RSI_NAME_BYTES_MAX) {
        return rs_fail(err, RS_EINPUT, "the name of a %s has %zu bytes (at most %d)", what,
                       name.length, RSI_NAME_BYTES_MAX);
    }
    if (name.length > 0 && memchr(name.bytes, '\0', name.length) != NULL) {
        return rs_fail(err, RS_EINPUT, "the name of a %s holds a NUL byte", what);
    }
    return RS_OK;
}

static bool same_name(const char *name, rs_text text)
{
    return strlen(name) == text.length && memcmp(name, text.bytes, text.length) == 0;
}

/* The type of that name, made where there is none yet. The mutex is held. */
static rs_status name_type(rsi_batch *batch, rs_text name, bool hidden, uint32_t *type,
                           rs_error *err)
{
    for (*type = 0; *type < batch->type_count; (*type)++) {
        const rsi_batch_type_state *known = batch->types[*type];
        if (known->hidden == hidden && same_name(known->name, name)) {
            return RS_OK;
        }
    }
    if (!hidden && batch->visible_types == RSI_TYPES_MAX) {
        return rs_fail(err, RS_EINPUT,
                       "type \"%.*s\" is one more than the %d that a store can have: does a column "
                       "of types hold something else?",
                       (int)name.length, name.bytes, RSI_TYPES_MAX);
    }
    rsi_batch_type_state *made = calloc(1, sizeof *made);
    char *copy = copy_name(name);
    if (made == NULL || copy == NULL) {
        free(made);
        free(copy);
        return no_memory(err);
    }
    made->name = copy;
    made->hidden = hidden;
    made->hash = rsi_hash64(name.bytes, name.length, hidden ? 2 : 1);
    for (uint32_t i = 0; i < RSI_SHARD_COUNT; i++) {
        pthread_mutex_init(&made->mutexes[i], NULL);
    }
    batch->visible_types += !hidden;
    batch->types[batch->type_count++] = made;
    return RS_OK;
}

rs_status rsi_batch_type(rsi_batch *batch, rs_text name, uint32_t *type, rs_error *err)
{
    rs_status status = check_name(name, "node type", err);
    if (status == RS_OK) {
        pthread_mutex_lock(&batch->mutex);
        status = name_type(batch, name, false, type, err);
        pthread_mutex_unlock(&batch->mutex);
    }
    return status;
}

rs_status rsi_batch_subject(rsi_batch *batch, uint32_t type, rs_error *err)
{
    (void)err;
    pthread_mutex_lock(&batch->mutex);
    batch->types[type]->subject = true;
    pthread_mutex_unlock(&batch->mutex);
    return RS_OK;
}

/* ---- relations ---------------------------------------------------------------------------- */

static rs_status clash(const char *name, rs_kind known, bool known_place, rs_kind kind, bool place,
                       rs_error *err)
{
    if (known == kind && known_place == place) {
        return RS_OK;
    }
    return rs_fail(err, RS_EINPUT,
                   "relation \"%s\" is known as kind \"%s\"%s, here it is of kind \"%s\"%s", name,
                   rs_kind_name(known), known_place ? " (place)" : "", rs_kind_name(kind),
                   place ? " (place)" : "");
}

static rs_status clash_decimals(const char *name, unsigned known, unsigned decimals, rs_error *err)
{
    if (known == decimals) {
        return RS_OK;
    }
    return rs_fail(err, RS_EINPUT, "amounts of relation \"%s\" are known with %u decimals, here %u",
                   name, known, decimals);
}

/* Against the relations that the store has. */
static rs_status check_known(const rsi_batch *batch, const rsi_relation_spec *spec, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_manifest *manifest = &batch->manifest;
    for (size_t i = 0; i < manifest->relation_count; i++) {
        const rsi_relation_entry *known = &manifest->relations[i];
        if (!same_name(known->name, spec->name)) {
            continue;
        }
        RS_TRY(clash(known->name, known->kind, known->place, spec->kind, spec->place, err));
        if (same_name(known->currency, spec->currency) &&
            strcmp(manifest->types[known->src_type].name, batch->types[spec->src_type]->name) ==
                0 &&
            strcmp(manifest->types[known->dst_type].name, batch->types[spec->dst_type]->name) ==
                0) {
            RS_TRY(clash_decimals(known->name, known->decimals, spec->decimals, err));
        }
    }
done:
    return status;
}

/* The number of an equal relation of this batch, or SIZE_MAX. */
static rs_status find_relation(const rsi_batch *batch, const rsi_relation_spec *spec,
                               size_t *number, rs_error *err)
{
    rs_status status = RS_OK;
    *number = SIZE_MAX;
    for (size_t i = 0; i < batch->relation_count; i++) {
        const rsi_batch_relation_state *known = batch->relations[i];
        if (!same_name(known->name, spec->name)) {
            continue;
        }
        RS_TRY(clash(known->name, known->kind, known->place, spec->kind, spec->place, err));
        if (known->src_type == spec->src_type && known->dst_type == spec->dst_type &&
            same_name(known->currency, spec->currency)) {
            RS_TRY(clash_decimals(known->name, known->decimals, spec->decimals, err));
            *number = i;
        }
    }
done:
    return status;
}

static void free_relation(rsi_batch_relation_state *relation)
{
    if (relation != NULL) {
        rsi_chunks_free(relation);
        free(relation->name);
        free(relation->currency);
        free(relation);
    }
}

/* What its rows' digests start from: names and types, never numbers. */
static uint64_t relation_hash(const rsi_batch *batch, const rsi_relation_spec *spec)
{
    uint8_t parts[48];
    rsi_store_u64le(parts, rsi_hash64(spec->name.bytes, spec->name.length, 3));
    rsi_store_u64le(parts + 8, rsi_hash64(spec->currency.bytes, spec->currency.length, 4));
    rsi_store_u64le(parts + 16, batch->types[spec->src_type]->hash);
    rsi_store_u64le(parts + 24, batch->types[spec->dst_type]->hash);
    rsi_store_u64le(parts + 32, (uint64_t)spec->kind << 1 | spec->place);
    rsi_store_u64le(parts + 40, spec->decimals);
    return rsi_hash64(parts, sizeof parts, 5);
}

static rs_status add_relation(rsi_batch *batch, const rsi_relation_spec *spec, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_batch_relation_state *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return no_memory(err);
    }
    made->name = copy_name(spec->name);
    made->currency = copy_name(spec->currency);
    if (made->name == NULL || made->currency == NULL) {
        status = no_memory(err);
        goto done;
    }
    made->kind = spec->kind;
    made->place = spec->place;
    made->decimals = spec->decimals;
    made->src_type = spec->src_type;
    made->dst_type = spec->dst_type;
    made->hash = relation_hash(batch, spec);
    RS_TRY(name_type(batch, spec->name, true, &made->key_type, err));
    made->number = batch->relation_count;
    batch->relations[batch->relation_count++] = made;
    made = NULL;
done:
    free_relation(made);
    return status;
}

static rs_status name_relation(rsi_batch *batch, const rsi_relation_spec *spec, uint32_t *relation,
                               rs_error *err)
{
    rs_status status = RS_OK;
    size_t number = SIZE_MAX;
    RS_TRY(find_relation(batch, spec, &number, err));
    if (number == SIZE_MAX) {
        if (batch->relation_count == RSI_RELATIONS_MAX) {
            return rs_fail(err, RS_EINPUT,
                           "relation \"%.*s\" (currency \"%.*s\") is one more than the %d that a "
                           "store can have",
                           (int)spec->name.length, spec->name.bytes, (int)spec->currency.length,
                           spec->currency.bytes, RSI_RELATIONS_MAX);
        }
        RS_TRY(check_known(batch, spec, err));
        number = batch->relation_count;
        RS_TRY(add_relation(batch, spec, err));
    }
    *relation = (uint32_t)number;
done:
    return status;
}

rs_status rsi_batch_relation(rsi_batch *batch, const rsi_relation_spec *spec, uint32_t *relation,
                             rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(check_name(spec->name, "relation", err));
    RS_TRY(check_name(spec->currency, "currency", err));
    if (spec->decimals > 18) {
        return rs_fail(err, RS_EUSAGE, "amounts of %u decimals (at most 18)", spec->decimals);
    }
    pthread_mutex_lock(&batch->mutex);
    status = name_relation(batch, spec, relation, err);
    pthread_mutex_unlock(&batch->mutex);
done:
    return status;
}

/* ---- attributes and files ----------------------------------------------------------------- */

static rs_status name_attribute(rsi_batch *batch, uint32_t type, rs_text name, uint32_t *attribute,
                                rs_error *err)
{
    for (*attribute = 0; *attribute < batch->attribute_count; (*attribute)++) {
        const rsi_batch_attribute_state *known = batch->attributes[*attribute];
        if (known->type == type && same_name(known->name, name)) {
            return RS_OK;
        }
    }
    if (batch->attribute_count == RSI_ATTRIBUTES_MAX) {
        return rs_fail(err, RS_EUSAGE, "more than %d attributes", RSI_ATTRIBUTES_MAX);
    }
    rsi_batch_attribute_state *made = calloc(1, sizeof *made);
    char *copy = copy_name(name);
    if (made == NULL || copy == NULL) {
        free(made);
        free(copy);
        return no_memory(err);
    }
    made->name = copy;
    made->type = type;
    made->hash = rsi_hash64(name.bytes, name.length, batch->types[type]->hash);
    made->number = batch->attribute_count;
    batch->attributes[batch->attribute_count++] = made;
    return RS_OK;
}

rs_status rsi_batch_attribute(rsi_batch *batch, uint32_t type, rs_text name, uint32_t *attribute,
                              rs_error *err)
{
    rs_status status = check_name(name, "attribute", err);
    if (status == RS_OK) {
        pthread_mutex_lock(&batch->mutex);
        status = name_attribute(batch, type, name, attribute, err);
        pthread_mutex_unlock(&batch->mutex);
    }
    return status;
}

static rs_status name_file(rsi_batch *batch, const char *name, uint32_t *file, rs_error *err)
{
    uint32_t count = batch->file_count;
    for (*file = 0; *file < count; (*file)++) {
        if (strcmp(batch->files[*file], name) == 0) {
            return RS_OK;
        }
    }
    if ((count & (count - 1)) == 0) {
        char **files = realloc(batch->files, (count == 0 ? 1 : 2 * (size_t)count) * sizeof *files);
        if (files == NULL) {
            return no_memory(err);
        }
        batch->files = files;
    }
    batch->files[count] = copy_name((rs_text){.bytes = name, .length = strlen(name)});
    if (batch->files[count] == NULL) {
        return no_memory(err);
    }
    batch->file_count = count + 1;
    return RS_OK;
}

rs_status rsi_batch_file(rsi_batch *batch, const char *name, uint32_t *file, rs_error *err)
{
    if (strlen(name) > FILE_NAME_BYTES_MAX) {
        return rs_fail(err, RS_EUSAGE, "the name of an input file has %zu bytes (at most %d)",
                       strlen(name), FILE_NAME_BYTES_MAX);
    }
    pthread_mutex_lock(&batch->mutex);
    rs_status status = name_file(batch, name, file, err);
    pthread_mutex_unlock(&batch->mutex);
    return status;
}

/* ---- life --------------------------------------------------------------------------------- */

rs_status rsi_batch_open(rsi_batch **out, const char *store_path, bool keep_rows,
                         const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL) {
        return no_memory(err);
    }
    batch->directory = -1;
    batch->lock = -1;
    batch->spill.descriptor = -1;
    batch->keep_rows = keep_rows;
    batch->manifest = (rsi_manifest)RSI_MANIFEST_EMPTY;
    batch->work = work == NULL ? (rs_work){0} : *work;
    pthread_mutex_init(&batch->mutex, NULL);
    batch->path = copy_name((rs_text){.bytes = store_path, .length = strlen(store_path)});
    if (batch->path == NULL) {
        status = no_memory(err);
        goto done;
    }
    RS_TRY(rsi_writer_enter(batch, err));
    *out = batch;
    batch = NULL;
done:
    rsi_batch_close(batch);
    return rs_context(err, status, "store \"%s\"", store_path);
}

void rsi_type_forget(rsi_batch_type_state *type)
{
    for (uint32_t i = 0; i < RSI_SHARD_COUNT; i++) {
        rsi_shard_free(&type->shards[i]);
    }
    rsi_pages_give(type->nodes, type->shard_start[RSI_SHARD_COUNT] * sizeof *type->nodes);
    type->nodes = NULL;
    type->id_bytes = 0;
    type->id_count = 0;
}

static void free_type(rsi_batch_type_state *type)
{
    rsi_type_forget(type);
    for (uint32_t i = 0; i < RSI_SHARD_COUNT; i++) {
        pthread_mutex_destroy(&type->mutexes[i]);
    }
    free(type->name);
    free(type);
}

void rsi_batch_close(rsi_batch *batch)
{
    if (batch == NULL) {
        return;
    }
    rsi_batch_free_runs(batch);
    rsi_writer_leave(batch);
    for (uint32_t i = 0; i < batch->type_count; i++) {
        free_type(batch->types[i]);
    }
    for (uint32_t i = 0; i < batch->relation_count; i++) {
        free_relation(batch->relations[i]);
    }
    for (uint32_t i = 0; i < batch->attribute_count; i++) {
        rsi_value_chunks_free(batch->attributes[i]);
        free(batch->attributes[i]->name);
        free(batch->attributes[i]);
    }
    for (uint32_t i = 0; i < batch->file_count; i++) {
        free(batch->files[i]);
    }
    free(batch->files);
    free(batch->file_ranks);
    rsi_manifest_free(&batch->manifest);
    pthread_mutex_destroy(&batch->mutex);
    free(batch->path);
    free(batch);
}
