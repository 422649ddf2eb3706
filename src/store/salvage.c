/* salvage.c - a new store of all that is whole in a damaged one.
 *
 * What can be read is sent again, batch by batch, the way ingest sends it: by ids. So the new store
 * is one like any other, and sound by construction. A file whose index cannot be read is lost
 * whole.
 *
 * Cost: an ingest of what the store holds, without the parsing.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/salvage.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/try.h"

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (salvage)");
}

/* ---- the result ------------------------------------------------------------------------------ */

static rs_status make_list(rs_salvaged_list *list, size_t count, rs_error *err)
{
    list->items = calloc(count + 1, sizeof *list->items);
    return list->items == NULL ? no_memory(err) : RS_OK;
}

RS_PRINTF(4, 5)
static rs_status add_item(rs_salvaged_list *list, uint64_t had, rs_error *err, const char *format,
                          ...)
{
    va_list args;
    rs_salvaged *item = &list->items[list->count];
    va_start(args, format);
    int length = vasprintf(&item->name, format, args);
    va_end(args);
    if (length < 0) {
        item->name = NULL;
        return no_memory(err);
    }
    item->had = had;
    list->count++;
    return RS_OK;
}

static void free_list(rs_salvaged_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].name);
    }
    free(list->items);
    *list = (rs_salvaged_list){0};
}

void rs_salvage_free(rs_salvage_result *result)
{
    free_list(&result->batches);
    free_list(&result->relations);
    free_list(&result->types);
    free_list(&result->attributes);
}

/* Everything the manifest promises; what is lost is counted down later. */
static rs_status promise(rsi_salvage *s, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_manifest *manifest = &s->store->manifest;
    rs_salvage_result *result = s->result;
    RS_TRY(make_list(&result->batches, manifest->batch_count, err));
    RS_TRY(make_list(&result->relations, manifest->relation_count, err));
    RS_TRY(make_list(&result->types, manifest->type_count, err));
    RS_TRY(make_list(&result->attributes, manifest->attribute_count, err));
    for (size_t i = 0; i < manifest->batch_count; i++) {
        RS_TRY(add_item(&result->batches, 0, err, "%s", manifest->batches[i].name));
    }
    for (size_t i = 0; i < manifest->relation_count; i++) {
        const rsi_relation_entry *r = &manifest->relations[i];
        RS_TRY(add_item(&result->relations, r->edge_count, err, "%s(%s,%s%s%s)", r->name,
                        manifest->types[r->src_type].name, manifest->types[r->dst_type].name,
                        r->currency[0] != '\0' ? "," : "", r->currency));
        result->relations.items[i].lost = r->edge_count;
    }
    for (size_t i = 0; i < manifest->visible_types; i++) {
        RS_TRY(add_item(&result->types, manifest->types[i].node_count, err, "%s",
                        manifest->types[i].name));
    }
    for (size_t i = 0; i < manifest->attribute_count; i++) {
        const rsi_attribute_entry *a = &manifest->attributes[i];
        RS_TRY(add_item(&result->attributes, a->value_count, err, "%s.%s",
                        manifest->types[a->type].name, a->name));
        result->attributes.items[i].lost = a->value_count;
    }
done:
    return status;
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* Event keys that some part of the type holds, and that cannot be read. */
static uint64_t lost_keys(const rsi_salvage *s, size_t type)
{
    uint64_t lost = 0;
    size_t i = rsi_store_next_file(s->store, RSI_FILE_DICTIONARY, type, 0);
    for (; i < s->store->opened;
         i = rsi_store_next_file(s->store, RSI_FILE_DICTIONARY, type, i + 1)) {
        const rsi_dict_part *part = &s->store->parts[i];
        for (uint32_t k = 0; !s->partial->broken[i] && k < part->count; k++) {
            uint64_t number = (uint64_t)part->first + k;
            lost += number >= s->ids[type].count || s->ids[type].ids[number].bytes == NULL;
        }
    }
    return lost;
}

static rs_status read_ids(rsi_salvage *s, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_manifest *manifest = &s->store->manifest;
    s->ids = calloc(manifest->type_count + 1, sizeof *s->ids);
    if (s->ids == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < manifest->type_count; i++) {
        uint64_t gaps = 0; /* between event keys there may be numbers that nothing has */
        bool hidden = manifest->types[i].hidden;
        RS_TRY(rsi_saved_ids_read(&s->ids[i], s->partial, i,
                                  hidden ? &gaps : &s->result->types.items[i].lost, err));
        s->result->key_lost_count += hidden ? lost_keys(s, i) : 0;
    }
    RS_TRY(rsi_segment_coder_new(&s->edges_coder, err));
    RS_TRY(rsi_values_coder_new(&s->values_coder, err));
    RS_TRY(rsi_rows_coder_new(&s->rows_coder, err));
done:
    return status;
}

static void free_salvage(rsi_salvage *s)
{
    for (size_t i = 0; s->ids != NULL && i < s->store->manifest.type_count; i++) {
        rsi_saved_ids_free(&s->ids[i]);
    }
    free(s->ids);
    rsi_segment_coder_free(s->edges_coder);
    rsi_values_coder_free(s->values_coder);
    rsi_rows_coder_free(s->rows_coder);
    rsi_buffer_free(&s->edge_bytes);
    rsi_buffer_free(&s->row_bytes);
}

static bool any_lost(const rs_salvaged_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].lost > 0) {
            return true;
        }
    }
    return false;
}

static rs_status check_target(const char *to, rs_error *err)
{
    struct stat now;
    rs_store *store = NULL;
    rs_error none = {.status = RS_OK};
    if (stat(to, &now) != 0 && errno == ENOENT) {
        return RS_OK;
    }
    rs_status status = rs_store_open(&store, to, &none);
    rs_store_close(store);
    return status == RS_OK ? rs_fail(err, RS_EUSAGE,
                                     "\"%s\" is a store already: a salvage goes to a new place", to)
                           : RS_OK; /* what else it may be the writer tells */
}

/* What is wrong with the store; where the disk itself fails the look ends, the salvage does not. */
static rs_status look(const char *path, const rs_work *work, rs_violations *list, rs_error *err)
{
    rs_error found = {.status = RS_OK};
    rs_status status = rs_store_check(path, true, work, list, &found);
    if (status == RS_EIO) {
        return rsi_violation(list, "S-02", "", err, "%.900s", found.message);
    }
    return status == RS_OK ? RS_OK : rs_fail(err, status, "%s", found.message);
}

rs_status rs_salvage(const char *path, const char *to, const rs_work *work, rs_violations *list,
                     rs_salvage_result *result, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_partial partial = {0};
    rs_violations opening = {0}; /* what the deep look tells, too */
    rsi_salvage s = {.to = to, .work = work, .result = result};
    *result = (rs_salvage_result){0};
    RS_TRY(check_target(to, err));
    RS_TRY(look(path, work, list, err));
    RS_TRY(rsi_partial_open(&partial, path, true, &opening, err));
    if (partial.store == NULL) {
        status = rs_fail(err, RS_ECORRUPT,
                         "store \"%s\": \"%s\": %s: %.600s; without it nothing can be brought "
                         "out: put that of a backup in its place, which brings what it names",
                         path, opening.kept[0].file, opening.kept[0].id, opening.kept[0].text);
        goto done;
    }
    s.partial = &partial;
    s.store = partial.store;
    RS_TRY(promise(&s, err));
    RS_TRY(read_ids(&s, err));
    for (uint32_t i = 0; i < s.store->manifest.batch_count; i++) {
        if (s.store->manifest.batches[i].merged == 0) {
            RS_TRY(rsi_salvage_batch(&s, i, err));
        }
    }
    result->whole = list->count == 0 && result->unplaced_count == 0 &&
                    result->key_lost_count == 0 && !any_lost(&result->batches) &&
                    !any_lost(&result->relations) && !any_lost(&result->types) &&
                    !any_lost(&result->attributes);
done:
    free_salvage(&s);
    rs_violations_free(&opening);
    rsi_partial_close(&partial);
    return rs_context(err, status, "salvage");
}
