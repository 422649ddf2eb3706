/* salvage.c - a new store of all that is whole in a damaged one.
 *
 * What can be read is sent again, batch by batch, the way ingest sends it: by ids. So the new store
 * is one like any other, and sound by construction. The unit of loss is the block; a file whose
 * index cannot be read is lost whole, and so is what names an id whose block is.
 * Event keys belong to no relation in a store: they go with any of their batch, one each.
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

#define UNKNOWN_SOURCE "unknown" /* of a row whose input line is lost */

typedef struct salvage {
    const rsi_partial *partial;
    const rs_store *store;
    const char *to;
    const rs_work *work;
    rsi_saved_ids *ids; /* per type */
    rsi_segment_coder *edges_coder;
    rsi_values_coder *values_coder;
    rsi_rows_coder *rows_coder;
    rsi_buffer edge_bytes;
    rsi_buffer row_bytes;
    rs_salvage_result *result;
} salvage;

/* Where the next event key of a hidden type is. */
typedef struct key_cursor {
    size_t file;
    uint32_t next; /* in it */
} key_cursor;

/* The batch that is written now. */
typedef struct new_batch {
    uint32_t home; /* in the old store */
    rsi_batch *batch;
    rsi_block *block;
    uint32_t *types;     /* numbers in the batch by number in the store */
    uint32_t *relations; /* the same; made when first needed */
    bool keeps_rows;
    uint32_t *sources; /* file numbers by place among the home's */
    size_t source_count;
    bool unknown_known; /* the batch has a name for rows whose line is lost */
    uint32_t unknown_source;
    uint64_t kept;
    key_cursor *keys; /* per hidden type */
} new_batch;

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (salvage)");
}

static rs_text text_of(const char *string)
{
    return (rs_text){.bytes = string, .length = strlen(string)};
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
static rs_status promise(salvage *s, rs_error *err)
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

/* ---- event keys ------------------------------------------------------------------------------ */

/* The next key of the batch for relations of that hidden type; length 0 where there is none. */
static rs_text next_key(salvage *s, new_batch *b, size_t type)
{
    const rs_store *store = s->store;
    key_cursor *at = &b->keys[type];
    for (; at->file < store->opened;
         at->file = rsi_store_next_file(store, RSI_FILE_DICTIONARY, type, at->file + 1)) {
        const rsi_dict_part *part = &store->parts[at->file];
        bool here =
            store->manifest.files[at->file].batch == b->home && !s->partial->broken[at->file];
        for (; here && at->next < part->count; at->next++) {
            uint32_t number = part->first + at->next;
            if (number < s->ids[type].count && s->ids[type].ids[number].bytes != NULL) {
                at->next++;
                return s->ids[type].ids[number];
            }
        }
        at->next = 0;
    }
    return (rs_text){.bytes = "", .length = 0};
}

/* The hidden type that holds the event keys of a relation's name, or the number of types. */
static size_t key_type_of(const rsi_manifest *manifest, size_t relation)
{
    size_t type = manifest->visible_types;
    while (type < manifest->type_count &&
           strcmp(manifest->types[type].name, manifest->relations[relation].name) != 0) {
        type++;
    }
    return type;
}

static rs_status start_keys(salvage *s, new_batch *b, rs_error *err)
{
    const rsi_manifest *manifest = &s->store->manifest;
    b->keys = calloc(manifest->type_count + 1, sizeof *b->keys);
    if (b->keys == NULL) {
        return no_memory(err);
    }
    for (size_t type = manifest->visible_types; type < manifest->type_count; type++) {
        b->keys[type].file = rsi_store_next_file(s->store, RSI_FILE_DICTIONARY, type, 0);
    }
    return RS_OK;
}

/* Keys that no relation was left for. */
static void count_left_keys(salvage *s, new_batch *b)
{
    const rsi_manifest *manifest = &s->store->manifest;
    for (size_t type = manifest->visible_types; type < manifest->type_count; type++) {
        while (next_key(s, b, type).length > 0) {
            s->result->key_left_count++;
        }
    }
}

/* ---- relations ------------------------------------------------------------------------------- */

static rs_status relation_of(salvage *s, new_batch *b, size_t relation, rs_error *err)
{
    const rsi_relation_entry *entry = &s->store->manifest.relations[relation];
    rsi_relation_spec spec = {.name = text_of(entry->name),
                              .currency = text_of(entry->currency),
                              .kind = entry->kind,
                              .place = entry->place,
                              .src_type = b->types[entry->src_type],
                              .dst_type = b->types[entry->dst_type],
                              .decimals = entry->decimals};
    return rsi_batch_relation(b->batch, &spec, &b->relations[relation], err);
}

/* The rows file beside a segment, or the number of files. */
static size_t rows_beside(const rs_store *store, size_t segment)
{
    const rsi_file_entry *files = store->manifest.files;
    size_t i = rsi_store_next_file(store, RSI_FILE_ROWS, files[segment].object, 0);
    while (i < store->opened && files[i].batch != files[segment].batch) {
        i = rsi_store_next_file(store, RSI_FILE_ROWS, files[segment].object, i + 1);
    }
    return i;
}

/* Where the edges of a block came from; NULLs where that is not known. */
static rs_status read_rows(salvage *s, size_t segment, size_t block, size_t count,
                           const uint64_t **files, const uint64_t **lines, rs_error *err)
{
    rs_error found = {.status = RS_OK};
    size_t rows = rows_beside(s->store, segment);
    *files = NULL;
    *lines = NULL;
    if (rows == s->store->opened || s->partial->broken[rows]) {
        return RS_OK;
    }
    rs_status status = rsi_blockfile_read(&s->store->files[rows], block, &s->row_bytes, &found);
    if (status == RS_OK) {
        status = rsi_rows_decode(s->rows_coder, s->row_bytes.bytes, s->row_bytes.length, count,
                                 files, lines, &found);
    }
    if (rsi_is_lost(status)) {
        *files = NULL;
        return RS_OK;
    }
    return rs_context(err, status == RS_OK ? RS_OK : rs_fail(err, status, "%s", found.message),
                      "rows");
}

/* What the block holds goes into the batch, and to disk where that is full. */
static rs_status append_block(new_batch *b, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_batch_append(b->batch, b->block, err));
    RS_TRY(rsi_batch_relieve(b->batch, err));
    rsi_block_reset(b->block);
done:
    return status;
}

static rs_status put_edge(salvage *s, new_batch *b, size_t relation, const rsi_edge_columns *edges,
                          size_t i, rsi_edge_row *row, rs_error *err)
{
    const rsi_manifest *manifest = &s->store->manifest;
    size_t key_type = key_type_of(manifest, relation);
    row->relation = b->relations[relation];
    row->time = edges->time == NULL ? RS_NO_TIME : edges->time[i];
    row->amount = edges->amount == NULL ? RS_NO_AMOUNT : edges->amount[i];
    row->precision_s = edges->precision_s == NULL ? 1 : edges->precision_s[i];
    if (key_type < manifest->type_count) {
        row->key = next_key(s, b, key_type);
    }
    rs_status status = rsi_block_edge(b->block, row, err);
    b->kept += status == RS_OK;
    return status;
}

static rs_status take_block(salvage *s, new_batch *b, size_t segment, size_t block,
                            const rsi_edge_columns *edges, rs_error *err)
{
    rs_status status = RS_OK;
    const uint64_t *files = NULL;
    const uint64_t *lines = NULL;
    size_t relation = s->store->manifest.files[segment].object;
    const rsi_relation_entry *entry = &s->store->manifest.relations[relation];
    const rsi_saved_ids *src = &s->ids[entry->src_type];
    const rsi_saved_ids *dst = &s->ids[entry->dst_type];
    RS_TRY(read_rows(s, segment, block, edges->count, &files, &lines, err));
    for (size_t i = 0; i < edges->count; i++) {
        if (edges->src[i] >= src->count || edges->dst[i] >= dst->count ||
            src->ids[edges->src[i]].bytes == NULL || dst->ids[edges->dst[i]].bytes == NULL) {
            continue;
        }
        bool placed = files != NULL && files[i] < b->source_count;
        if (b->keeps_rows && !placed && !b->unknown_known) {
            RS_TRY(rsi_batch_file(b->batch, UNKNOWN_SOURCE, &b->unknown_source, err));
            b->unknown_known = true;
        }
        rsi_edge_row row = {.src = src->ids[edges->src[i]],
                            .dst = dst->ids[edges->dst[i]],
                            .file = placed ? b->sources[files[i]] : b->unknown_source,
                            .line = placed ? lines[i] : 0};
        s->result->unplaced_count += b->keeps_rows && !placed;
        s->result->relations.items[relation].lost--;
        RS_TRY(put_edge(s, b, relation, edges, i, &row, err));
    }
    RS_TRY(append_block(b, err));
    RS_TRY(rs_work_report(s->work, "salvage", "relations", b->kept, 0, err));
done:
    return status;
}

static rs_status take_segment(salvage *s, new_batch *b, size_t segment, rs_error *err)
{
    rs_status status = RS_OK;
    rs_error found = {.status = RS_OK};
    const rsi_blockfile *file = &s->store->files[segment];
    RS_TRY(relation_of(s, b, s->store->manifest.files[segment].object, err));
    for (size_t block = 0; block < file->block_count; block++) {
        rsi_edge_columns edges = {0};
        rsi_segment_note note = rsi_segment_note_load(file->blocks[block].note);
        status = rsi_blockfile_read(file, block, &s->edge_bytes, &found);
        if (status == RS_OK) {
            status = rsi_segment_decode(s->edges_coder, s->edge_bytes.bytes, s->edge_bytes.length,
                                        &note, RS_SCAN_TIME | RS_SCAN_AMOUNT, &edges, &found);
        }
        if (status == RS_OK) {
            RS_TRY(take_block(s, b, segment, block, &edges, err));
        } else if (!rsi_is_lost(status)) {
            status = rs_fail(err, status, "%s", found.message);
            goto done;
        }
        status = RS_OK;
    }
done:
    return status;
}

/* ---- values and nodes ------------------------------------------------------------------------ */

static rs_status take_values(salvage *s, new_batch *b, size_t number, rs_error *err)
{
    rs_status status = RS_OK;
    rs_error found = {.status = RS_OK};
    const rsi_blockfile *file = &s->store->files[number];
    size_t attribute = s->store->manifest.files[number].object;
    const rsi_attribute_entry *entry = &s->store->manifest.attributes[attribute];
    const rsi_saved_ids *ids = &s->ids[entry->type];
    uint32_t made = 0;
    RS_TRY(rsi_batch_attribute(b->batch, b->types[entry->type], text_of(entry->name), &made, err));
    for (size_t block = 0; block < file->block_count; block++) {
        const rsi_value *values = NULL;
        size_t count = 0;
        const rsi_block_entry *note = &file->blocks[block];
        status = rsi_blockfile_read(file, block, &s->edge_bytes, &found);
        if (status == RS_OK) {
            status = rsi_values_decode(s->values_coder, s->edge_bytes.bytes, s->edge_bytes.length,
                                       note->note, note->note_length, &values, &count, &found);
        }
        if (status != RS_OK && !rsi_is_lost(status)) {
            status = rs_fail(err, status, "%s", found.message);
            goto done;
        }
        for (size_t i = 0; status == RS_OK && i < count; i++) {
            uint32_t node = values[i].node;
            if (node < ids->count && ids->ids[node].bytes != NULL) {
                rsi_value_row row = {.attribute = made,
                                     .node = ids->ids[node],
                                     .value = values[i].text,
                                     .time = values[i].time};
                RS_TRY(rsi_block_value(b->block, &row, err));
                s->result->attributes.items[attribute].lost--;
            }
        }
        RS_TRY(append_block(b, err));
    }
done:
    return status;
}

/* The nodes that the batch brought, so that those stay which nothing names. */
static rs_status take_nodes(salvage *s, new_batch *b, size_t number, rs_error *err)
{
    enum { AT_ONCE = 65536 };
    rs_status status = RS_OK;
    size_t type = s->store->manifest.files[number].object;
    const rsi_dict_part *part = &s->store->parts[number];
    const rsi_saved_ids *ids = &s->ids[type];
    for (uint32_t i = 0; i < part->count; i++) {
        uint32_t node = part->first + i;
        if (node < ids->count && ids->ids[node].bytes != NULL) {
            RS_TRY(rsi_block_node(b->block, b->types[type], ids->ids[node], err));
        }
        if (i % AT_ONCE == AT_ONCE - 1 || i + 1 == part->count) {
            RS_TRY(append_block(b, err));
        }
    }
done:
    return status;
}

/* ---- a batch --------------------------------------------------------------------------------- */

static rs_status start_types(salvage *s, new_batch *b, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_manifest *manifest = &s->store->manifest;
    b->types = calloc(manifest->type_count + 1, sizeof *b->types);
    b->relations = calloc(manifest->relation_count + 1, sizeof *b->relations);
    if (b->types == NULL || b->relations == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < manifest->visible_types; i++) {
        RS_TRY(rsi_batch_type(b->batch, text_of(manifest->types[i].name), &b->types[i], err));
        if (manifest->types[i].subject) {
            RS_TRY(rsi_batch_subject(b->batch, b->types[i], err));
        }
    }
done:
    return status;
}

static rs_status start_sources(salvage *s, new_batch *b, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_manifest *manifest = &s->store->manifest;
    b->sources = calloc(manifest->source_count + 1, sizeof *b->sources);
    if (b->sources == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < manifest->source_count && b->keeps_rows; i++) {
        if (rsi_batch_home(manifest->batches, manifest->sources[i].batch) == b->home) {
            RS_TRY(rsi_batch_file(b->batch, manifest->sources[i].name, &b->sources[b->source_count],
                                  err));
            b->source_count++;
        }
    }
done:
    return status;
}

static bool keeps_rows(const rs_store *store, uint32_t home)
{
    for (size_t i = 0; i < store->opened; i++) {
        const rsi_file_entry *file = &store->manifest.files[i];
        if (file->batch == home && file->ref.kind == RSI_FILE_ROWS) {
            return true;
        }
    }
    return false;
}

static void free_batch(new_batch *b)
{
    rsi_block_free(b->block);
    rsi_batch_close(b->batch);
    free(b->types);
    free(b->relations);
    free(b->sources);
    free(b->keys);
}

static rs_status take_files(salvage *s, new_batch *b, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_manifest *manifest = &s->store->manifest;
    for (size_t i = 0; i < s->store->opened; i++) {
        const rsi_file_entry *file = &manifest->files[i];
        if (file->batch != b->home || s->partial->broken[i]) {
            continue;
        }
        if (file->ref.kind == RSI_FILE_SEGMENT) {
            RS_TRY(take_segment(s, b, i, err));
        } else if (file->ref.kind == RSI_FILE_ATTRIBUTE) {
            RS_TRY(take_values(s, b, i, err));
        } else if (file->ref.kind == RSI_FILE_DICTIONARY && !manifest->types[file->object].hidden) {
            RS_TRY(take_nodes(s, b, i, err));
        }
    }
done:
    return status;
}

/* Relations of a batch that the segments' metas promise. */
static uint64_t promised_edges(const salvage *s, uint32_t home)
{
    uint64_t count = 0;
    for (size_t i = 0; i < s->store->opened; i++) {
        const rsi_file_entry *file = &s->store->manifest.files[i];
        if (file->batch == home && file->ref.kind == RSI_FILE_SEGMENT && !s->partial->broken[i]) {
            count += rsi_segment_meta_load(s->store->files[i].meta).edge_count;
        }
    }
    return count;
}

/* A batch whose files can all be opened had what they promise, another what was sent. */
static void count_batch(salvage *s, const new_batch *b)
{
    bool known = true;
    uint64_t had = promised_edges(s, b->home);
    rs_salvaged *item = &s->result->batches.items[b->home];
    for (size_t i = 0; i < s->store->opened; i++) {
        known = known && !(s->partial->broken[i] && s->store->manifest.files[i].batch == b->home);
    }
    uint64_t sent = s->store->manifest.batches[b->home].edge_count;
    item->had = known || sent < had ? had : sent;
    item->lost = item->had - (b->kept < item->had ? b->kept : item->had);
}

static rs_status take_batch(salvage *s, uint32_t home, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_batch_entry *entry = &s->store->manifest.batches[home];
    new_batch b = {.home = home, .keeps_rows = keeps_rows(s->store, home)};
    rsi_commit commit = {0};
    RS_TRY(rsi_batch_open(&b.batch, s->to, b.keeps_rows, s->work, err));
    RS_TRY(rsi_block_new(&b.block, b.batch, err));
    RS_TRY(start_types(s, &b, err));
    RS_TRY(start_sources(s, &b, err));
    RS_TRY(start_keys(s, &b, err));
    RS_TRY(take_files(s, &b, err));
    count_left_keys(s, &b);
    RS_TRY(rsi_batch_commit(b.batch, entry->name, entry->row_count, &commit, err));
    count_batch(s, &b);
done:
    free_batch(&b);
    return rs_context(err, status, "batch \"%s\"", entry->name);
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* Event keys that some part of the type holds, and that cannot be read. */
static uint64_t lost_keys(const salvage *s, size_t type)
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

static rs_status read_ids(salvage *s, rs_error *err)
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

static void free_salvage(salvage *s)
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
    if (status != RS_OK) {
        *err = found;
    }
    return status;
}

rs_status rs_salvage(const char *path, const char *to, const rs_work *work, rs_violations *list,
                     rs_salvage_result *result, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_partial partial = {0};
    rs_violations opening = {0}; /* what the deep look tells, too */
    salvage s = {.to = to, .work = work, .result = result};
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
            RS_TRY(take_batch(&s, i, err));
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
