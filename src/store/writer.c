/* writer.c - one writer at a time, and nothing left of one that failed.
 *
 * The lock is flock() on the file "lock", so the system lets go of it when the holder dies. Data
 * files that no manifest names are what a killed writer left: readers never look at them, the next
 * writer removes them. Only names that the store itself gives are ever removed.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/try.h"
#include "store/batch_internal.h"
#include "store/rewrite.h"

#define LOCK_NAME "lock"
#define NIGHTLY   "nightly" /* the state of nights, there before the first batch is */

/* A reader that opens files when it needs them holds the directory's own lock, shared: what an
 * older manifest names must stay while somebody does. Where the system has no such lock, nobody
 * can. */
static bool is_read(int directory)
{
    return flock(directory, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

/* b, digits, -, kind, digits, ending: as rsi_output_file names them. */
static bool is_data_name(const char *name)
{
    static const char *const endings[] = {".dict", ".edges", ".values", ".rows", ".back"};
    size_t digits = name[0] == 'b' ? strspn(name + 1, "0123456789") : 0;
    if (digits < 8 || name[1 + digits] != '-') {
        return false;
    }
    const char *rest = name + 2 + digits;
    size_t number = strspn(rest, "0123456789");
    for (size_t i = 0; number > 0 && i < sizeof endings / sizeof *endings; i++) {
        if (strcmp(rest + number, endings[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Of no meaning to anybody but the writer that made it, which is gone. */
static bool is_temporary(const char *name)
{
    return strcmp(name, RSI_MANIFEST_TEMPORARY) == 0 || strcmp(name, RSI_SPILL_NAME) == 0;
}

static bool is_ours(const char *name)
{
    return is_data_name(name) || is_temporary(name) || strcmp(name, LOCK_NAME) == 0 ||
           strcmp(name, NIGHTLY) == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static bool is_live(const rsi_manifest *manifest, const char *name)
{
    for (size_t i = 0; i < manifest->file_count; i++) {
        if (strcmp(manifest->files[i].ref.name, name) == 0) {
            return true;
        }
    }
    return false;
}

static rs_status open_listing(int directory, DIR **listing, rs_error *err)
{
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *listing = copy < 0 ? NULL : fdopendir(copy);
    if (*listing == NULL) {
        rs_status status = rs_fail(err, RS_EIO, "cannot list the directory: %s", strerror(errno));
        if (copy >= 0) {
            close(copy);
        }
        return status;
    }
    return RS_OK;
}

/* Remove data files that the manifest does not name. */
static rs_status remove_leftovers(const rsi_batch *batch, rs_error *err)
{
    DIR *listing = NULL;
    rs_status status = open_listing(batch->directory, &listing, err);
    if (status != RS_OK) {
        return status;
    }
    bool held = is_read(batch->directory);
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        const char *name = entry->d_name;
        bool leftover =
            is_temporary(name) || (!held && is_data_name(name) && !is_live(&batch->manifest, name));
        if (leftover && unlinkat(batch->directory, name, 0) != 0 && errno != ENOENT) {
            status = rs_fail(err, RS_EIO, "cannot remove the leftover \"%s\": %s", name,
                             strerror(errno));
            break;
        }
    }
    (void)flock(batch->directory, LOCK_UN);
    closedir(listing);
    return status;
}

rs_status rsi_writer_clean(rsi_batch *batch, rs_error *err)
{
    return remove_leftovers(batch, err);
}

/* A directory without a manifest may become a store only where nothing in it is anybody's. */
static rs_status check_unused(const rsi_batch *batch, rs_error *err)
{
    DIR *listing = NULL;
    rs_status status = open_listing(batch->directory, &listing, err);
    if (status != RS_OK) {
        return status;
    }
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        if (!is_ours(entry->d_name)) {
            status =
                rs_fail(err, RS_ECORRUPT,
                        "the directory is no store: \"%s\" was expected, found \"%s\" without it",
                        RSI_MANIFEST_NAME, entry->d_name);
            break;
        }
    }
    closedir(listing);
    return status;
}

static rs_status locked_by_another(int lock, rs_error *err)
{
    char pid[32] = {0};
    ssize_t length = pread(lock, pid, sizeof pid - 1, 0);
    size_t digits = length > 0 ? strspn(pid, "0123456789") : 0;
    if (digits == 0) {
        return rs_fail(err, RS_ELOCKED, "another process writes to it");
    }
    return rs_fail(err, RS_ELOCKED, "process %.*s writes to it", (int)digits, pid);
}

static rs_status note_holder(int lock, rs_error *err)
{
    char pid[32];
    int length = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    ssize_t written = ftruncate(lock, 0);
    for (int at = 0; written >= 0 && at < length; at += (int)written) {
        written = pwrite(lock, pid + at, (size_t)(length - at), at);
        if (written < 0 && errno == EINTR) {
            written = 0;
        }
    }
    return written >= 0 ? RS_OK
                        : rs_fail(err, RS_EIO, "cannot write the lock file: %s", strerror(errno));
}

/* *again: the store was removed between the opening of the lock file and the lock. */
static rs_status take_lock(rsi_batch *batch, bool *again, rs_error *err)
{
    struct stat info;
    *again = false;
    batch->lock =
        openat(batch->directory, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (batch->lock < 0) {
        *again = errno == ENOENT;
        return rs_fail(err, RS_EIO, "cannot open the lock file: %s", strerror(errno));
    }
    if (flock(batch->lock, LOCK_EX | LOCK_NB) != 0) {
        rs_status status = errno == EWOULDBLOCK
                               ? locked_by_another(batch->lock, err)
                               : rs_fail(err, RS_EIO, "cannot lock: %s", strerror(errno));
        close(batch->lock);
        batch->lock = -1;
        return status;
    }
    if (fstat(batch->lock, &info) != 0 || info.st_nlink == 0) {
        *again = true;
        close(batch->lock);
        batch->lock = -1;
        return rs_fail(err, RS_EIO, "the store was removed");
    }
    return note_holder(batch->lock, err);
}

static rs_status enter_once(rsi_batch *batch, bool *again, rs_error *err)
{
    *again = false;
    if (mkdir(batch->path, 0777) == 0) {
        batch->made_directory = true;
    } else if (errno != EEXIST) {
        return rs_fail(err, RS_EIO, "cannot make the directory: %s", strerror(errno));
    }
    batch->directory = open(batch->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (batch->directory < 0) {
        *again = errno == ENOENT;
        return errno == ENOTDIR
                   ? rs_fail(err, RS_ECORRUPT,
                             "a directory was expected, found another kind of file")
                   : rs_fail(err, RS_EIO, "cannot open the directory: %s", strerror(errno));
    }
    return RS_OK;
}

static rs_status read_state(rsi_batch *batch, rs_error *err)
{
    rs_error none = {.status = RS_OK};
    rs_status status = rsi_manifest_read(&batch->manifest, batch->directory, &none);
    if (status == RS_ENOTFOUND) {
        status = check_unused(batch, err);
    } else if (status != RS_OK) {
        status = rs_fail(err, status, "%s", none.message);
    }
    batch->manifest_known = status == RS_OK;
    return status == RS_OK ? remove_leftovers(batch, err) : status;
}

rs_status rsi_writer_enter(rsi_batch *batch, rs_error *err)
{
    enum { ATTEMPTS = 10 };
    rs_status status = RS_OK;
    bool again = true;
    for (int i = 0; again && i < ATTEMPTS; i++) {
        if (batch->directory >= 0) {
            close(batch->directory);
            batch->directory = -1;
        }
        batch->made_directory = false;
        status = enter_once(batch, &again, err);
        if (status == RS_OK) {
            /* A foreign directory must not even get a lock file. */
            if (faccessat(batch->directory, RSI_MANIFEST_NAME, F_OK, AT_SYMLINK_NOFOLLOW) != 0) {
                status = check_unused(batch, err);
            }
            if (status == RS_OK) {
                status = take_lock(batch, &again, err);
            }
        }
    }
    return status == RS_OK ? read_state(batch, err) : status;
}

void rsi_writer_leave(rsi_batch *batch)
{
    bool holds = batch->lock >= 0;
    /* Without the manifest nobody knows which files are live: then none is touched. */
    if (holds && batch->manifest_known && !batch->committed) {
        (void)remove_leftovers(batch, NULL);
    }
    if (batch->made_directory && !batch->committed) {
        if (holds) {
            (void)unlinkat(batch->directory, LOCK_NAME, 0);
        }
        (void)rmdir(batch->path);
    }
    if (holds) {
        close(batch->lock);
    }
    if (batch->directory >= 0) {
        close(batch->directory);
    }
}
