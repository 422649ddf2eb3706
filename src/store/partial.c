/* partial.c - open a snapshot file by file, and go on where one does not open.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/try.h"

static rs_status open_directory(rs_store *store, rs_error *err)
{
    store->directory = open(store->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->directory < 0 && errno == ENOENT) {
        return rs_fail(err, RS_ENOTFOUND, "there is no such directory");
    }
    if (store->directory < 0 && errno == ENOTDIR) {
        return rs_fail(err, RS_ECORRUPT, "a directory was expected, found another kind of file");
    }
    if (store->directory < 0) {
        return rs_fail(err, RS_EIO, "cannot open the directory: %s", strerror(errno));
    }
    while (flock(store->directory, LOCK_SH) != 0 && errno == EINTR) {
    }
    return RS_OK;
}

/* Whether there is a manifest to go by. */
static rs_status read_manifest(rs_store *store, rs_violations *list, bool *known, rs_error *err)
{
    rs_error found = {.status = RS_OK};
    rs_status status = rsi_manifest_read(&store->manifest, store->directory, &found);
    *known = status == RS_OK;
    if (status == RS_ENOTFOUND) {
        return rsi_violation(list, "S-01", RSI_MANIFEST_NAME, err,
                             "the manifest was expected, found none: no store");
    }
    snprintf(store->digest, sizeof store->digest, "%016" PRIx64 "%016" PRIx64,
             store->manifest.digest.high, store->manifest.digest.low);
    return rsi_violation_note(list, "S-01", RSI_MANIFEST_NAME, status, &found, err);
}

/* What the meta and the notes of a file promise by themselves. */
static rs_status check_frame(rs_store *store, size_t number, rs_error *err)
{
    const rsi_file_entry *entry = &store->manifest.files[number];
    const rsi_blockfile *file = &store->files[number];
    rsi_segment_meta meta;
    if (entry->ref.kind == RSI_FILE_DICTIONARY) {
        return rsi_dict_open(&store->parts[number], file, err);
    }
    if (entry->ref.kind == RSI_FILE_SEGMENT || entry->ref.kind == RSI_FILE_REVERSE) {
        return rsi_segment_check(file, &meta, err);
    }
    if (entry->ref.kind == RSI_FILE_ATTRIBUTE && file->meta_length != RSI_VALUES_META_BYTES) {
        return rs_fail(err, RS_ECORRUPT, "S-11: meta of %d bytes was expected, found %u",
                       RSI_VALUES_META_BYTES, file->meta_length);
    }
    return RS_OK;
}

static rs_status open_file(rsi_partial *partial, size_t number, rs_violations *list, rs_error *err)
{
    rs_error found = {.status = RS_OK};
    rs_store *store = partial->store;
    rsi_blockfile *file = &store->files[number];
    const rsi_file_ref *ref = &store->manifest.files[number].ref;
    rs_status status = rsi_blockfile_open(file, store->directory, ref, &found);
    if (status == RS_OK) {
        if (number >= store->kept_open) {
            rsi_blockfile_rest(file, store->directory);
        }
        status = check_frame(store, number, &found);
        if (status != RS_OK) {
            rsi_dict_close(&store->parts[number]);
            rsi_blockfile_close(file);
        }
    }
    if (status != RS_OK) {
        *file = (rsi_blockfile){.descriptor = -1, .directory = -1, .ref = *ref};
        store->parts[number] = (rsi_dict_part){.file = file};
        partial->broken[number] = true;
    }
    if (status == RS_EIO && partial->forgive) {
        return rsi_violation(list, "S-02", ref->name, err, "%.900s", found.message);
    }
    return rsi_violation_note(list, "S-03", ref->name, status, &found, err);
}

size_t rsi_partial_segment(const rs_store *store, size_t beside)
{
    const rsi_file_entry *files = store->manifest.files;
    size_t i = rsi_store_next_file(store, RSI_FILE_SEGMENT, files[beside].object, 0);
    while (i < store->opened && files[i].batch != files[beside].batch) {
        i = rsi_store_next_file(store, RSI_FILE_SEGMENT, files[beside].object, i + 1);
    }
    return i;
}

/* Rows must fit their segments, block by block; where they do not they say nothing. */
static rs_status check_rows(rsi_partial *partial, size_t rows, rs_violations *list, rs_error *err)
{
    rs_store *store = partial->store;
    rs_error found = {.status = RS_OK};
    const char *name = store->manifest.files[rows].ref.name;
    size_t segment = rsi_partial_segment(store, rows);
    if (segment == store->opened) {
        partial->broken[rows] = true;
        return rsi_violation(list, "S-12", name, err, "rows file \"%s\" has no segment", name);
    }
    if (partial->broken[segment]) {
        return RS_OK;
    }
    rs_status status = rsi_rows_check(&store->files[rows], &store->files[segment], &found);
    partial->broken[rows] = status != RS_OK;
    return rsi_violation_note(list, "S-12", name, status, &found, err);
}

static rs_status open_files(rsi_partial *partial, rs_violations *list, rs_error *err)
{
    rs_status status = RS_OK;
    rs_store *store = partial->store;
    size_t count = store->manifest.file_count;
    store->files = calloc(count + 1, sizeof *store->files);
    store->parts = calloc(count + 1, sizeof *store->parts);
    partial->broken = calloc(count + 1, sizeof *partial->broken);
    if (store->files == NULL || store->parts == NULL || partial->broken == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu files)", count);
    }
    for (size_t i = 0; i < count; i++) {
        store->opened++;
        RS_TRY(open_file(partial, i, list, err));
    }
    for (size_t i = 0; i < count; i++) {
        if (store->manifest.files[i].ref.kind == RSI_FILE_ROWS && !partial->broken[i]) {
            RS_TRY(check_rows(partial, i, list, err));
        }
    }
done:
    return status;
}

rs_status rsi_partial_open(rsi_partial *out, const char *path, bool forgive, rs_violations *list,
                           rs_error *err)
{
    rs_status status = RS_OK;
    bool known = false;
    rsi_partial partial = {.store = calloc(1, sizeof *partial.store), .forgive = forgive};
    if (partial.store == NULL) {
        return rs_fail(err, RS_ENOMEM, "store \"%s\": out of memory", path);
    }
    partial.store->directory = -1;
    partial.store->kept_open = rsi_store_kept_open();
    partial.store->manifest = (rsi_manifest)RSI_MANIFEST_EMPTY;
    partial.store->path = strdup(path);
    if (partial.store->path == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory");
        goto done;
    }
    RS_TRY(open_directory(partial.store, err));
    RS_TRY(read_manifest(partial.store, list, &known, err));
    if (known) {
        RS_TRY(open_files(&partial, list, err));
        *out = partial;
        partial = (rsi_partial){0}; /* moved to the caller */
    }
done:
    rsi_partial_close(&partial);
    return rs_context(err, status, "store \"%s\"", path);
}

void rsi_partial_close(rsi_partial *partial)
{
    rs_store_close(partial->store);
    free(partial->broken);
    *partial = (rsi_partial){0};
}
