/* backup.c - a consistent copy of a store while others write.
 *
 * Data files are never changed once they are there, so a hard link is a copy that costs nothing;
 * where the file system cannot link they are copied and synced. The shared lock on the store's
 * directory keeps them from being removed meanwhile. A run is a folder that is exchanged whole: one
 * that vanishes while it is copied is copied again. The manifest comes last: before it is renamed
 * into place the copy is no store, so one that was killed cannot be mistaken for one.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/try.h"
#include "ringscope/rescue.h"
#include "store/partial.h"

#define ERASURES     "erasures.jsonl" /* is appended to: never linked */
#define RUNS         "runs"
#define LATEST       "latest"
#define NIGHTLY      "nightly"
#define NIGHT_STATE  "state.json"
#define NIGHT_BYTES  ((size_t)64 << 20)
#define RUN_ID_BYTES 32
enum { ATTEMPTS = 100, COPY_BYTES = 1 << 20 };

typedef struct backup {
    const char *to;
    int from; /* directory of the store */
    int target;
    bool made;  /* the target directory is ours */
    bool begun; /* something of ours may be in it */
    bool copy;
    const rs_work *work;
    uint8_t *buffer;
    rs_backup_result *result;
} backup;

static rs_status system_error(rs_error *err, const char *what, const char *name)
{
    return rs_fail(err, RS_EIO, "%s \"%s\": %s", what, name, strerror(errno));
}

/* ---- one file -------------------------------------------------------------------------------- */

static rs_status copy_bytes(backup *b, int in, int out, const char *name, rs_error *err)
{
    rs_status status = RS_OK;
    ssize_t count = 0;
    do {
        count = read(in, b->buffer, COPY_BYTES);
        if (count < 0 && errno != EINTR) {
            return system_error(err, "read", name);
        }
        if (count > 0) {
            RS_TRY(
                rs_context(err, rsi_write_all(out, b->buffer, (size_t)count, err), "\"%s\"", name));
            b->result->copied_bytes += (uint64_t)count;
        }
        RS_TRY(rs_work_report(b->work, "backup", "bytes", b->result->copied_bytes, 0, err));
    } while (count != 0);
    if (fsync(out) != 0) {
        status = system_error(err, "sync", name);
    }
done:
    return status;
}

static rs_status copy_file(backup *b, int from, int to, const char *name, rs_error *err)
{
    rs_status status = RS_OK;
    int out = -1;
    int in = openat(from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (in < 0) {
        status = rs_fail(err, errno == ENOENT ? RS_ENOTFOUND : RS_EIO, "open \"%s\": %s", name,
                         strerror(errno));
        goto done;
    }
    out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (out < 0) {
        status = system_error(err, "make", name);
        goto done;
    }
    RS_TRY(copy_bytes(b, in, out, name, err));
    if (close(out) != 0) {
        out = -1;
        status = system_error(err, "close", name);
        goto done;
    }
    out = -1;
done:
    if (out >= 0) {
        close(out);
    }
    if (in >= 0) {
        close(in);
    }
    return status;
}

/* RS_ENOTFOUND where the file is no more. */
static rs_status take_file(backup *b, int from, int to, const char *name, rs_error *err)
{
    if (!b->copy && linkat(from, name, to, name, 0) == 0) {
        return RS_OK;
    }
    if (!b->copy && errno == ENOENT) {
        return rs_fail(err, RS_ENOTFOUND, "\"%s\" is no more", name);
    }
    return copy_file(b, from, to, name, err);
}

static rs_status sync_directory(int directory, const char *name, rs_error *err)
{
    return fsync(directory) == 0 ? RS_OK : system_error(err, "sync", name);
}

/* ---- the snapshot ---------------------------------------------------------------------------- */

/* Take the file and hold what came of it against the manifest. */
static rs_status take_data(backup *b, const rsi_file_ref *ref, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_blockfile copy = {.descriptor = -1, .directory = -1};
    RS_TRY(take_file(b, b->from, b->target, ref->name, err));
    RS_TRY(rsi_blockfile_open(&copy, b->target, ref, err));
    RS_TRY(rsi_blockfile_check_digest(&copy, err));
    b->result->file_count++;
    b->result->bytes += ref->bytes;
done:
    rsi_blockfile_close(&copy);
    return rs_context(err, status, "\"%s\"", ref->name);
}

static rs_status take_snapshot(backup *b, const rsi_manifest *manifest, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t i = 0; i < manifest->file_count; i++) {
        RS_TRY(rs_work_report(b->work, "backup", "files", i, manifest->file_count, err));
        RS_TRY(take_data(b, &manifest->files[i].ref, err));
    }
done:
    return status;
}

static rs_status publish(backup *b, const rsi_buffer *manifest, rs_error *err)
{
    rs_status status = RS_OK;
    bool published = false;
    RS_TRY(sync_directory(b->target, b->to, err)); /* what the manifest names is there before it */
    RS_TRY(rsi_replace(b->target, RSI_MANIFEST_TEMPORARY, RSI_MANIFEST_NAME, manifest, &published,
                       err));
    b->result->bytes += manifest->length;
done:
    return status;
}

static rs_status take_erasures(backup *b, rs_error *err)
{
    rs_status status = copy_file(b, b->from, b->target, ERASURES, err);
    return status == RS_ENOTFOUND ? RS_OK : status;
}

/* ---- runs ------------------------------------------------------------------------------------ */

static int open_folder(int at, const char *name)
{
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* A listing of its own for `folder`, which stays open. */
static DIR *list_folder(int folder)
{
    int copy = open_folder(folder, ".");
    DIR *listing = copy < 0 ? NULL : fdopendir(copy);
    if (listing == NULL && copy >= 0) {
        close(copy);
    }
    return listing;
}

static void remove_files(int folder)
{
    DIR *listing = list_folder(folder);
    for (struct dirent *entry = listing != NULL ? readdir(listing) : NULL; entry != NULL;
         entry = readdir(listing)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            (void)unlinkat(folder, entry->d_name, 0);
        }
    }
    if (listing != NULL) {
        closedir(listing);
    }
}

static rs_status take_files(backup *b, int from, int to, rs_error *err)
{
    rs_status status = RS_OK;
    struct stat now;
    DIR *listing = list_folder(from);
    if (listing == NULL) {
        return rs_fail(err, RS_EIO, "list: %s", strerror(errno));
    }
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        if (entry->d_name[0] == '.') {
            continue; /* "." and "..", and what is still being written */
        }
        RS_TRY(take_file(b, from, to, entry->d_name, err));
        if (fstatat(to, entry->d_name, &now, AT_SYMLINK_NOFOLLOW) == 0) {
            b->result->bytes += (uint64_t)now.st_size;
        }
    }
    status = sync_directory(to, "a run", err);
done:
    closedir(listing);
    return status;
}

/* RS_ENOTFOUND where the run was exchanged meanwhile: then what has been taken is gone again. */
static rs_status take_run_once(backup *b, int runs_from, int runs_to, const char *id, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t bytes = b->result->bytes;
    int to = -1;
    int from = open_folder(runs_from, id);
    if (from < 0) {
        return rs_fail(err, errno == ENOENT ? RS_ENOTFOUND : RS_EIO, "open: %s", strerror(errno));
    }
    if (mkdirat(runs_to, id, 0777) != 0 && errno != EEXIST) {
        status = system_error(err, "make", id);
        goto done;
    }
    to = open_folder(runs_to, id);
    if (to < 0) {
        status = system_error(err, "open", id);
        goto done;
    }
    RS_TRY(take_files(b, from, to, err));
    b->result->run_count++;
done:
    if (status == RS_ENOTFOUND && to >= 0) {
        remove_files(to);
        b->result->bytes = bytes;
    }
    if (to >= 0) {
        close(to);
    }
    close(from);
    return status;
}

static rs_status take_run(backup *b, int runs_from, int runs_to, const char *id, rs_error *err)
{
    rs_status status = RS_ENOTFOUND;
    for (int i = 0; i < ATTEMPTS && status == RS_ENOTFOUND; i++) {
        status = take_run_once(b, runs_from, runs_to, id, err);
    }
    if (status == RS_ENOTFOUND && unlinkat(runs_to, id, AT_REMOVEDIR) == 0) {
        return RS_OK; /* it is gone for good */
    }
    return rs_context(err, status, "run %s", id);
}

static bool is_run(const char *name)
{
    return strlen(name) == RUN_ID_BYTES && strspn(name, "0123456789abcdef") == RUN_ID_BYTES;
}

/* The pointer first: what it names is there by then. */
static rs_status take_runs(backup *b, rs_error *err)
{
    rs_status status = RS_OK;
    DIR *listing = NULL;
    int to = -1;
    int from = open_folder(b->from, RUNS);
    if (from < 0) {
        return errno == ENOENT ? RS_OK : system_error(err, "open", RUNS);
    }
    if (mkdirat(b->target, RUNS, 0777) != 0) {
        status = system_error(err, "make", RUNS);
        goto done;
    }
    to = open_folder(b->target, RUNS);
    listing = list_folder(from);
    if (to < 0 || listing == NULL) {
        status = system_error(err, "open", RUNS);
        goto done;
    }
    status = take_file(b, from, to, LATEST, err);
    if (status != RS_OK && status != RS_ENOTFOUND) {
        goto done;
    }
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        if (is_run(entry->d_name)) {
            RS_TRY(take_run(b, from, to, entry->d_name, err));
        }
    }
    status = sync_directory(to, RUNS, err);
done:
    if (listing != NULL) {
        closedir(listing);
    }
    if (to >= 0) {
        close(to);
    }
    close(from);
    return rs_context(err, status, "runs");
}

/* ---- the night under way --------------------------------------------------------------------- */

/* Before the snapshot is taken: a stage that is done in the snapshot, and not by the state, is done
 * again and changes nothing; the other way round it would be left out. */
static rs_status read_night(const char *path, rsi_buffer *night, rs_error *err)
{
    char *state = NULL;
    if (asprintf(&state, "%s/" NIGHTLY "/" NIGHT_STATE, path) < 0) {
        return rs_fail(err, RS_ENOMEM, "out of memory (backup)");
    }
    rs_status status = rsi_read_file(AT_FDCWD, state, NIGHT_BYTES, night, err);
    free(state);
    return status == RS_ENOTFOUND ? RS_OK : rs_context(err, status, "\"" NIGHT_STATE "\"");
}

static rs_status write_night(backup *b, const rsi_buffer *night, rs_error *err)
{
    bool published = false;
    if (night->length == 0) {
        return RS_OK;
    }
    if (mkdirat(b->target, NIGHTLY, 0777) != 0) {
        return system_error(err, "make", NIGHTLY);
    }
    int folder = open_folder(b->target, NIGHTLY);
    if (folder < 0) {
        return system_error(err, "open", NIGHTLY);
    }
    rs_status status = rsi_replace(folder, ".tmp", NIGHT_STATE, night, &published, err);
    close(folder);
    b->result->bytes += night->length;
    return rs_context(err, status, NIGHTLY);
}

static void remove_night(int target)
{
    int folder = open_folder(target, NIGHTLY);
    if (folder >= 0) {
        remove_files(folder);
        close(folder);
        (void)unlinkat(target, NIGHTLY, AT_REMOVEDIR);
    }
}

/* ---- the target ------------------------------------------------------------------------------ */

static rs_status enter_target(backup *b, rs_error *err)
{
    b->made = mkdir(b->to, 0777) == 0;
    if (!b->made && errno != EEXIST) {
        return system_error(err, "make", b->to);
    }
    rs_status status = rsi_check_empty(b->to, err);
    if (status != RS_OK) {
        return status;
    }
    b->target = open(b->to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    b->begun = b->target >= 0;
    return b->begun ? RS_OK : system_error(err, "open", b->to);
}

static void remove_runs(int target)
{
    int runs = open_folder(target, RUNS);
    DIR *listing = runs < 0 ? NULL : list_folder(runs);
    for (struct dirent *entry = listing != NULL ? readdir(listing) : NULL; entry != NULL;
         entry = readdir(listing)) {
        int folder = is_run(entry->d_name) ? open_folder(runs, entry->d_name) : -1;
        if (folder >= 0) {
            remove_files(folder);
            close(folder);
            (void)unlinkat(runs, entry->d_name, AT_REMOVEDIR);
        }
    }
    if (listing != NULL) {
        closedir(listing);
    }
    if (runs >= 0) {
        remove_files(runs);
        close(runs);
        (void)unlinkat(target, RUNS, AT_REMOVEDIR);
    }
}

/* Take away what was made, so that a failed backup leaves nothing that looks like one. What stood
 * in a place that was refused is left as it is. */
static void undo(backup *b)
{
    if (b->begun) {
        remove_runs(b->target);
        remove_night(b->target);
        remove_files(b->target);
    }
    if (b->made) {
        (void)rmdir(b->to);
    }
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* The manifest's own bytes, if they are still those of the snapshot: *same. */
static rs_status read_manifest(const rs_store *store, rsi_buffer *bytes, bool *same, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_manifest parsed = RSI_MANIFEST_EMPTY;
    bytes->length = 0;
    RS_TRY(rsi_read_file(store->directory, RSI_MANIFEST_NAME, RSI_MANIFEST_BYTES_MAX, bytes, err));
    RS_TRY(rsi_manifest_parse(&parsed, bytes->bytes, bytes->length, err));
    *same = parsed.digest.high == store->manifest.digest.high &&
            parsed.digest.low == store->manifest.digest.low;
done:
    rsi_manifest_free(&parsed);
    return rs_context(err, status, "\"%s\"", RSI_MANIFEST_NAME);
}

/* A snapshot that is whole, and the bytes of its manifest. */
static rs_status hold_snapshot(const char *path, rsi_partial *partial, rsi_buffer *manifest,
                               rs_error *err)
{
    rs_status status = RS_OK;
    rs_violations list = {0};
    bool same = false;
    for (int i = 0; i < ATTEMPTS && !same; i++) {
        rsi_partial_close(partial);
        RS_TRY(rsi_partial_open(partial, path, false, &list, err));
        if (list.count > 0) {
            status = rs_fail(err, RS_ECORRUPT, "store \"%s\": it is damaged: \"%s\": %s: %.600s",
                             path, list.kept[0].file, list.kept[0].id, list.kept[0].text);
            goto done;
        }
        RS_TRY(rs_context(err, read_manifest(partial->store, manifest, &same, err), "store \"%s\"",
                          path));
    }
    if (!same) {
        status = rs_fail(err, RS_EIO, "store \"%s\": it changes faster than it can be read", path);
    }
done:
    rs_violations_free(&list);
    return status;
}

rs_status rs_backup(const char *path, const char *to, const rs_backup_options *options,
                    const rs_work *work, rs_backup_result *result, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_partial partial = {0};
    rsi_buffer manifest = {0};
    rsi_buffer night = {0};
    backup b = {.to = to,
                .from = -1,
                .target = -1,
                .copy = options != NULL && options->copy,
                .work = work,
                .result = result};
    *result = (rs_backup_result){0};
    b.buffer = malloc(COPY_BYTES);
    if (b.buffer == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (backup)");
    }
    RS_TRY(read_night(path, &night, err));
    RS_TRY(hold_snapshot(path, &partial, &manifest, err));
    b.from = partial.store->directory;
    memcpy(result->digest, partial.store->digest, sizeof result->digest);
    RS_TRY(enter_target(&b, err));
    RS_TRY(take_snapshot(&b, &partial.store->manifest, err));
    RS_TRY(take_erasures(&b, err));
    RS_TRY(take_runs(&b, err));
    RS_TRY(write_night(&b, &night, err));
    RS_TRY(publish(&b, &manifest, err));
done:
    if (status != RS_OK) {
        undo(&b);
    }
    if (b.target >= 0) {
        close(b.target);
    }
    free(b.buffer);
    rsi_buffer_free(&manifest);
    rsi_buffer_free(&night);
    rsi_partial_close(&partial);
    return rs_context(err, status, "backup");
}
