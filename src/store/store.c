/* store.c - open a snapshot; what it holds; where an id is.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ringscope/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/try.h"
#include "store/store_internal.h"

size_t rsi_store_kept_open(void)
{
    enum { MOST = 256, SHARE = 4 };
    struct rlimit limit;
    bool known = getrlimit(RLIMIT_NOFILE, &limit) == 0;
    return known && limit.rlim_cur / SHARE < MOST ? (size_t)limit.rlim_cur / SHARE : MOST;
}

/* While the shared lock on the directory is held, no writer removes a file that an older manifest
 * names (writer.c). A reader needs it from the manifest to the last file it opens, and for good
 * where files are opened when read. A system without such locks refuses: then nobody removes. */
static void hold_files(const rs_store *store)
{
    while (flock(store->directory, LOCK_SH) != 0 && errno == EINTR) {
    }
}

static void release_files(const rs_store *store)
{
    if (store->manifest.file_count <= store->kept_open) {
        (void)flock(store->directory, LOCK_UN);
    }
}

/* ---- life --------------------------------------------------------------------------------- */

static rs_status open_directory(rs_store *store, const char *path, rs_error *err)
{
    store->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->directory >= 0) {
        return RS_OK;
    }
    switch (errno) {
    case ENOENT:
        return rs_fail(err, RS_ENOTFOUND, "there is no such directory");
    case ENOTDIR:
        return rs_fail(err, RS_ECORRUPT, "a directory was expected, found another kind of file");
    default:
        return rs_fail(err, RS_EIO, "cannot open the directory: %s", strerror(errno));
    }
}

static rs_status read_manifest(rs_store *store, rs_error *err)
{
    rs_status status = rsi_manifest_read(&store->manifest, store->directory, err);
    if (status == RS_ENOTFOUND) {
        status = rs_fail(err, RS_ECORRUPT,
                         "the directory is no store: the manifest \"%s\" was expected, found none",
                         RSI_MANIFEST_NAME);
    }
    snprintf(store->digest, sizeof store->digest, "%016" PRIx64 "%016" PRIx64,
             store->manifest.digest.high, store->manifest.digest.low);
    return status;
}

/* What meta and notes of a file must have in common with the manifest. */
static rs_status check_file(rs_store *store, size_t number, rs_error *err)
{
    const rsi_manifest *manifest = &store->manifest;
    const rsi_file_entry *entry = &manifest->files[number];
    rsi_blockfile *file = &store->files[number];
    rsi_segment_meta meta;
    rs_status status = RS_OK;
    switch (entry->ref.kind) {
    case RSI_FILE_DICTIONARY:
        RS_TRY(rsi_dict_open(&store->parts[number], file, err));
        if ((uint64_t)store->parts[number].first + store->parts[number].count >
            manifest->types[entry->object].node_count) {
            status = rs_fail(
                err, RS_ECORRUPT,
                "S-07: dictionary file \"%s\": numbers up to %u, but type \"%s\" has %u nodes",
                entry->ref.name, store->parts[number].first + store->parts[number].count,
                manifest->types[entry->object].name, manifest->types[entry->object].node_count);
        }
        break;
    case RSI_FILE_SEGMENT:
    case RSI_FILE_REVERSE:
        RS_TRY(rsi_segment_check(file, &meta, err));
        break;
    case RSI_FILE_ATTRIBUTE:
    case RSI_FILE_ROWS:
    default:
        break;
    }
done:
    return status;
}

static rs_status open_files(rs_store *store, rs_error *err)
{
    rs_status status = RS_OK;
    size_t count = store->manifest.file_count;
    store->files = calloc(count + 1, sizeof *store->files);
    store->parts = calloc(count + 1, sizeof *store->parts);
    if (store->files == NULL || store->parts == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu files)", count);
    }
    for (size_t i = 0; i < count; i++) {
        RS_TRY(rsi_blockfile_open(&store->files[i], store->directory, &store->manifest.files[i].ref,
                                  err));
        store->opened++;
        if (i >= store->kept_open) {
            rsi_blockfile_rest(&store->files[i], store->directory);
        }
        RS_TRY(check_file(store, i, err));
    }
done:
    return status;
}

/* Every dense number of a type must be some part's: parts of a type follow one another. Event keys
 * have no edges: those of a batch that was dropped are gone, and leave a gap. */
static rs_status check_numbers(const rs_store *store, rs_error *err)
{
    for (size_t type = 0; type < store->manifest.type_count; type++) {
        uint64_t next = 0;
        bool keys = store->manifest.types[type].hidden && store->manifest.version > 1;
        bool follows = true;
        size_t i = rsi_store_next_file(store, RSI_FILE_DICTIONARY, type, 0);
        for (; i < store->opened;
             i = rsi_store_next_file(store, RSI_FILE_DICTIONARY, type, i + 1)) {
            follows = keys ? store->parts[i].first >= next : store->parts[i].first == next;
            if (!follows) {
                break;
            }
            next = (uint64_t)store->parts[i].first + store->parts[i].count;
        }
        uint64_t expected = store->manifest.types[type].node_count;
        if (!follows || (keys ? next > expected : next != expected)) {
            return rs_fail(err, RS_ECORRUPT,
                           "S-07: type \"%s\": %u nodes were expected, dictionaries hold %" PRIu64,
                           store->manifest.types[type].name, store->manifest.types[type].node_count,
                           next);
        }
    }
    return RS_OK;
}

/* Counts of relations must be those of their segments; rows must fit their segments. */
static rs_status check_counts(const rs_store *store, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t relation = 0; relation < store->manifest.relation_count; relation++) {
        uint64_t edges = 0;
        size_t i = rsi_store_next_file(store, RSI_FILE_SEGMENT, relation, 0);
        for (; i < store->opened;
             i = rsi_store_next_file(store, RSI_FILE_SEGMENT, relation, i + 1)) {
            edges += rsi_load_u64le(store->files[i].meta + 8);
        }
        if (edges != store->manifest.relations[relation].edge_count) {
            return rs_fail(err, RS_ECORRUPT,
                           "relation \"%s\": %" PRIu64
                           " edges were expected, segments hold %" PRIu64,
                           store->manifest.relations[relation].name,
                           store->manifest.relations[relation].edge_count, edges);
        }
    }
    for (size_t i = 0; i < store->opened; i++) {
        const rsi_file_entry *rows = &store->manifest.files[i];
        if (rows->ref.kind != RSI_FILE_ROWS) {
            continue;
        }
        size_t s = rsi_store_next_file(store, RSI_FILE_SEGMENT, rows->object, 0);
        while (s < store->opened && store->manifest.files[s].batch != rows->batch) {
            s = rsi_store_next_file(store, RSI_FILE_SEGMENT, rows->object, s + 1);
        }
        if (s == store->opened) {
            return rs_fail(err, RS_ECORRUPT, "S-12: rows file \"%s\" has no segment",
                           rows->ref.name);
        }
        RS_TRY(rsi_rows_check(&store->files[i], &store->files[s], err));
    }
done:
    return status;
}

rs_status rs_store_open(rs_store **out, const char *path, rs_error *err)
{
    rs_status status = RS_OK;
    rs_store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        return rs_fail(err, RS_ENOMEM, "store \"%s\": out of memory", path);
    }
    store->directory = -1;
    store->kept_open = rsi_store_kept_open();
    store->manifest = (rsi_manifest)RSI_MANIFEST_EMPTY;
    store->path = strdup(path);
    if (store->path == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory");
        goto done;
    }
    RS_TRY(open_directory(store, path, err));
    hold_files(store);
    RS_TRY(read_manifest(store, err));
    RS_TRY(open_files(store, err));
    release_files(store);
    RS_TRY(check_numbers(store, err));
    RS_TRY(check_counts(store, err));
    *out = store;
    store = NULL;
done:
    rs_store_close(store);
    return rs_context(err, status, "store \"%s\"", path);
}

void rs_store_close(rs_store *store)
{
    if (store == NULL) {
        return;
    }
    for (size_t i = 0; i < store->opened; i++) {
        rsi_dict_close(&store->parts[i]);
        rsi_blockfile_close(&store->files[i]);
    }
    free(store->parts);
    free(store->files);
    rsi_manifest_free(&store->manifest);
    if (store->directory >= 0) {
        close(store->directory);
    }
    free(store->path);
    free(store);
}

/* ---- what it holds ------------------------------------------------------------------------ */

size_t rs_store_type_count(const rs_store *store)
{
    return store->manifest.visible_types;
}

size_t rs_store_relation_count(const rs_store *store)
{
    return store->manifest.relation_count;
}

size_t rs_store_batch_count(const rs_store *store)
{
    return store->manifest.batch_count;
}

size_t rs_store_attribute_count(const rs_store *store)
{
    return store->manifest.attribute_count;
}

rs_type_info rs_store_type(const rs_store *store, size_t type)
{
    const rsi_type_entry *entry = &store->manifest.types[type];
    return (rs_type_info){
        .name = entry->name, .node_count = entry->node_count, .subject = entry->subject};
}

rs_relation_info rs_store_relation(const rs_store *store, size_t relation)
{
    const rsi_relation_entry *entry = &store->manifest.relations[relation];
    return (rs_relation_info){.name = entry->name,
                              .kind = entry->kind,
                              .place = entry->place,
                              .src_type = entry->src_type,
                              .dst_type = entry->dst_type,
                              .decimals = entry->decimals,
                              .currency = entry->currency,
                              .edge_count = entry->edge_count,
                              .time_min = entry->time_min,
                              .time_max = entry->time_max};
}

/* A batch that was merged keeps its times in the manifest; another's are those of its segments. */
static void batch_times(const rs_store *store, size_t batch, int64_t *first, int64_t *last)
{
    const rsi_batch_entry *entry = &store->manifest.batches[batch];
    *first = entry->timed ? entry->time_min : RS_NO_TIME;
    *last = entry->timed ? entry->time_max : RS_NO_TIME;
    for (size_t i = 0; i < store->opened && !entry->timed && entry->merged == 0; i++) {
        const rsi_file_entry *file = &store->manifest.files[i];
        if (file->batch != batch || file->ref.kind != RSI_FILE_SEGMENT) {
            continue;
        }
        rsi_segment_meta meta = rsi_segment_meta_load(store->files[i].meta);
        if (meta.time_min != RS_NO_TIME) {
            *first = *first == RS_NO_TIME || meta.time_min < *first ? meta.time_min : *first;
            *last = *last == RS_NO_TIME || meta.time_max > *last ? meta.time_max : *last;
        }
    }
}

rs_batch_info rs_store_batch(const rs_store *store, size_t batch)
{
    const rsi_batch_entry *entry = &store->manifest.batches[batch];
    int64_t first = RS_NO_TIME;
    int64_t last = RS_NO_TIME;
    batch_times(store, batch, &first, &last);
    return (rs_batch_info){.name = entry->name,
                           .sequence = entry->sequence,
                           .row_count = entry->row_count,
                           .edge_count = entry->edge_count,
                           .time_min = first,
                           .time_max = last,
                           .home = rsi_batch_home(store->manifest.batches, (uint32_t)batch)};
}

rs_attribute_info rs_store_attribute(const rs_store *store, size_t attribute)
{
    const rsi_attribute_entry *entry = &store->manifest.attributes[attribute];
    return (rs_attribute_info){.name = entry->name,
                               .type = entry->type,
                               .kind = entry->kind,
                               .value_count = entry->value_count};
}

size_t rs_store_type_named(const rs_store *store, const char *name)
{
    for (size_t i = 0; i < store->manifest.visible_types; i++) {
        if (strcmp(store->manifest.types[i].name, name) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

const char *rs_store_digest(const rs_store *store)
{
    return store->digest;
}

rs_store_size rs_store_bytes(const rs_store *store)
{
    rs_store_size size = {.manifest = store->manifest.bytes};
    for (size_t i = 0; i < store->manifest.file_count; i++) {
        const rsi_file_ref *ref = &store->manifest.files[i].ref;
        uint64_t *part[RSI_FILE_KIND_COUNT] = {&size.dictionary, &size.relations, &size.attributes,
                                               &size.rows, &size.relations};
        *part[ref->kind] += ref->bytes;
        size.reverse += ref->kind == RSI_FILE_REVERSE ? ref->bytes : 0;
    }
    return size;
}

size_t rsi_store_next_file(const rs_store *store, rsi_file_kind kind, size_t object, size_t from)
{
    const rsi_file_entry *files = store->manifest.files;
    while (from < store->opened && (files[from].ref.kind != kind || files[from].object != object)) {
        from++;
    }
    return from;
}

/* ---- ids ---------------------------------------------------------------------------------- */

rs_status rs_store_find(const rs_store *store, size_t type, rs_text id, uint32_t *node,
                        rs_error *err)
{
    rs_status status = RS_OK;
    rsi_dict_block *block = NULL;
    *node = RS_NO_NODE;
    RS_TRY(rsi_dict_block_new(&block, err));
    size_t i = rsi_store_next_file(store, RSI_FILE_DICTIONARY, type, 0);
    while (i < store->opened && *node == RS_NO_NODE) {
        RS_TRY(rsi_dict_find(&store->parts[i], block, id, node, err));
        i = rsi_store_next_file(store, RSI_FILE_DICTIONARY, type, i + 1);
    }
done:
    rsi_dict_block_free(block);
    return rs_context(err, status, "store \"%s\"", store->path);
}

struct rs_names {
    const rs_store *store;
    size_t type;
    size_t file; /* the part that is read now */
    size_t block_number;
    size_t next; /* in the block */
    rsi_dict_block *block;
};

rs_status rs_names_open(rs_names **out, const rs_store *store, size_t type, rs_error *err)
{
    rs_names *names = calloc(1, sizeof *names);
    if (names == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (reader of ids)");
    }
    names->store = store;
    names->type = type;
    names->file = rsi_store_next_file(store, RSI_FILE_DICTIONARY, type, 0);
    rs_status status = rsi_dict_block_new(&names->block, err);
    if (status != RS_OK) {
        rs_names_close(names);
        return status;
    }
    *out = names;
    return RS_OK;
}

/* Load the block at the cursor, or step to the next part. */
static rs_status advance_names(rs_names *names, rs_error *err)
{
    const rs_store *store = names->store;
    while (names->file < store->opened) {
        const rsi_dict_part *part = &store->parts[names->file];
        if (names->block_number < part->id_blocks) {
            rs_status status = rsi_dict_load(names->block, part, names->block_number++, err);
            names->next = 0;
            return rs_context(err, status, "store \"%s\"", store->path);
        }
        names->block_number = 0;
        names->file = rsi_store_next_file(store, RSI_FILE_DICTIONARY, names->type, names->file + 1);
    }
    return RS_OK;
}

rs_status rs_names_next(rs_names *names, uint32_t *node, rs_text *id, rs_error *err)
{
    *node = RS_NO_NODE;
    *id = (rs_text){.bytes = "", .length = 0};
    if (names->next == names->block->count) {
        names->block->count = 0;
        names->next = 0;
        rs_status status = advance_names(names, err);
        if (status != RS_OK || names->block->count == 0) {
            return status;
        }
    }
    *node = rsi_dict_number(names->block, names->next);
    *id = names->block->ids[names->next++];
    return RS_OK;
}

void rs_names_close(rs_names *names)
{
    if (names != NULL) {
        rsi_dict_block_free(names->block);
        free(names);
    }
}
