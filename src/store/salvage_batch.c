/* salvage_batch.c - one batch of a damaged store, sent again by ids.
 *
 * The unit of loss is the block; what names an id that is lost is lost with it. Event keys belong
 * to no relation in a store: they go with any of their batch, one each.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "store/salvage.h"

#define UNKNOWN_SOURCE "unknown" /* of a row whose input line is lost */

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

/* ---- event keys ------------------------------------------------------------------------------ */

/* The next key of the batch for relations of that hidden type; length 0 where there is none. */
static rs_text next_key(rsi_salvage *s, new_batch *b, size_t type)
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

static rs_status start_keys(rsi_salvage *s, new_batch *b, rs_error *err)
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
static void count_left_keys(rsi_salvage *s, new_batch *b)
{
    const rsi_manifest *manifest = &s->store->manifest;
    for (size_t type = manifest->visible_types; type < manifest->type_count; type++) {
        while (next_key(s, b, type).length > 0) {
            s->result->key_left_count++;
        }
    }
}

/* ---- relations ------------------------------------------------------------------------------- */

static rs_status relation_of(rsi_salvage *s, new_batch *b, size_t relation, rs_error *err)
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
static rs_status read_rows(rsi_salvage *s, size_t segment, size_t block, size_t count,
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

static rs_status put_edge(rsi_salvage *s, new_batch *b, size_t relation,
                          const rsi_edge_columns *edges, size_t i, rsi_edge_row *row, rs_error *err)
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

static rs_status take_block(rsi_salvage *s, new_batch *b, size_t segment, size_t block,
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

static rs_status take_segment(rsi_salvage *s, new_batch *b, size_t segment, rs_error *err)
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

static rs_status take_values(rsi_salvage *s, new_batch *b, size_t number, rs_error *err)
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
static rs_status take_nodes(rsi_salvage *s, new_batch *b, size_t number, rs_error *err)
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

static rs_status start_types(rsi_salvage *s, new_batch *b, rs_error *err)
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

static rs_status start_sources(rsi_salvage *s, new_batch *b, rs_error *err)
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

static rs_status take_files(rsi_salvage *s, new_batch *b, rs_error *err)
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
static uint64_t promised_edges(const rsi_salvage *s, uint32_t home)
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
static void count_batch(rsi_salvage *s, const new_batch *b)
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

rs_status rsi_salvage_batch(rsi_salvage *s, uint32_t home, rs_error *err)
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
