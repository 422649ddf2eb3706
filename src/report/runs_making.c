/* runs_making.c - runs in the making: who may touch STORE/runs, and how a run gets there.
 *
 *     runs/              locked with flock while runs are put there, rewritten or taken away
 *     runs/.tmp-PID[-N]  a run in the making, locked as long as its maker lives
 *
 * Invariant: a folder in the making that nobody locks was left by a process that is no more. A
 * process id tells nothing: two machines, or containers, may have the same store.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/try.h"
#include "report/runs.h"

static const char making[] = ".tmp-";
static const char pointing[] = ".latest.";
enum { WAIT_MS = 50, NAMES_MAX = 10000 };

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory");
}

/* ---- the lock of all runs -------------------------------------------------------------------- */

static rs_status wait_for_lock(const rsi_runs *runs, const rs_work *work, rs_error *err)
{
    while (flock(runs->folder, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return rs_fail(err, RS_EIO, "lock: %s", strerror(errno));
        }
        rs_status status = rs_work_report(work, "waiting for the runs", "", 0, 0, err);
        if (status != RS_OK) {
            return status;
        }
        (void)poll(NULL, 0, WAIT_MS);
    }
    return RS_OK;
}

rs_status rsi_run_folder(const char *store_path, char **path, rs_error *err)
{
    if (asprintf(path, "%s/runs", store_path) < 0) {
        *path = NULL;
        return no_memory(err);
    }
    return RS_OK;
}

rs_status rsi_runs_enter(rsi_runs *runs, const char *store_path, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    *runs = (rsi_runs)RSI_NO_RUNS;
    RS_TRY(rsi_run_folder(store_path, &runs->path, err));
    if (mkdir(runs->path, 0777) != 0 && errno != EEXIST) {
        status = rs_fail(err, RS_EIO, "make folder \"%s\": %s", runs->path, strerror(errno));
        goto done;
    }
    runs->folder = open(runs->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (runs->folder < 0) {
        status = rs_fail(err, RS_EIO, "open \"%s\": %s", runs->path, strerror(errno));
        goto done;
    }
    RS_TRY(rs_context(err, wait_for_lock(runs, work, err), "\"%s\"", runs->path));
done:
    if (status != RS_OK) {
        rsi_runs_leave(runs);
    }
    return status;
}

void rsi_runs_leave(rsi_runs *runs)
{
    if (runs->folder >= 0) {
        close(runs->folder);
    }
    free(runs->path);
    *runs = (rsi_runs)RSI_NO_RUNS;
}

/* ---- removing -------------------------------------------------------------------------------- */

void rsi_run_remove(const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        unlink(path); /* or nothing */
        return;
    }
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] != '.' || strlen(entry->d_name) > 2) {
            unlinkat(dirfd(folder), entry->d_name, 0);
        }
    }
    closedir(folder);
    rmdir(path);
}

static bool is_left(int folder, const char *name)
{
    int file = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool left = file >= 0 && flock(file, LOCK_EX | LOCK_NB) == 0;
    if (file >= 0) {
        close(file);
    }
    return left;
}

/* Folders that were to become runs, and files that were to become `latest`: who writes it has the
 * runs locked, as has whoever asks here. */
static bool is_made(const char *name)
{
    return strncmp(name, making, strlen(making)) == 0 ||
           strncmp(name, pointing, strlen(pointing)) == 0;
}

void rsi_runs_sweep(const rsi_runs *runs)
{
    DIR *folder = opendir(runs->path);
    for (const struct dirent *entry = folder != NULL ? readdir(folder) : NULL; entry != NULL;
         entry = readdir(folder)) {
        char *path;
        if (is_made(entry->d_name) && is_left(runs->folder, entry->d_name) &&
            asprintf(&path, "%s/%s", runs->path, entry->d_name) >= 0) {
            rsi_run_remove(path);
            free(path);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
}

rs_status rsi_run_forget(const rsi_runs *runs, const rs_run_id *id, rs_error *err)
{
    char away[64];
    snprintf(away, sizeof away, "%s%s", making, id->text);
    if (renameat(runs->folder, id->text, runs->folder, away) != 0) {
        return rs_fail(err, RS_EIO, "take away run %s: %s", id->text, strerror(errno));
    }
    rsi_runs_sweep(runs); /* from here on it is what a killed process would have left */
    return RS_OK;
}

/* ---- making ---------------------------------------------------------------------------------- */

/* A folder of a name that nobody has. */
static rs_status make_folder(rsi_making *made, const rsi_runs *runs, rs_error *err)
{
    for (int i = 0; i < NAMES_MAX; i++) {
        char number[16] = "";
        if (i > 0) {
            snprintf(number, sizeof number, "-%d", i);
        }
        free(made->path);
        if (asprintf(&made->path, "%s/%s%ld%s", runs->path, making, (long)getpid(), number) < 0) {
            made->path = NULL;
            return no_memory(err);
        }
        if (mkdir(made->path, 0777) == 0) {
            return RS_OK;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    return rs_fail(err, RS_EIO, "make folder \"%s\": %s", made->path, strerror(errno));
}

rs_status rsi_making_new(rsi_making *made, const rsi_runs *runs, rs_error *err)
{
    rs_status status = RS_OK;
    *made = (rsi_making)RSI_NO_MAKING;
    rsi_runs_sweep(runs);
    RS_TRY(make_folder(made, runs, err));
    made->folder = open(made->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (made->folder < 0 || flock(made->folder, LOCK_EX | LOCK_NB) != 0) {
        status = rs_fail(err, RS_EIO, "lock \"%s\": %s", made->path, strerror(errno));
    }
done:
    if (status != RS_OK) {
        rsi_making_close(made);
    }
    return status;
}

rs_status rsi_making_begin(rsi_making *made, const char *store_path, const rs_work *work,
                           rs_error *err)
{
    rsi_runs runs;
    rs_status status = rsi_runs_enter(&runs, store_path, work, err);
    if (status == RS_OK) {
        status = rsi_making_new(made, &runs, err);
        rsi_runs_leave(&runs);
    }
    return status;
}

void rsi_making_close(rsi_making *made)
{
    if (made->path != NULL) {
        rsi_run_remove(made->path); /* gone where it was published */
    }
    if (made->folder >= 0) {
        close(made->folder);
    }
    free(made->path);
    *made = (rsi_making)RSI_NO_MAKING;
}

/* ---- publishing ------------------------------------------------------------------------------ */

/* Put the folder `made` where `path` is; what stood there goes. */
static rs_status exchange(const char *made, const char *path, rs_error *err)
{
    if (rename(made, path) == 0) {
        return RS_OK;
    }
    if (errno != EEXIST && errno != ENOTEMPTY) {
        return rs_fail(err, RS_EIO, "rename to \"%s\": %s", path, strerror(errno));
    }
    if (renameat2(AT_FDCWD, made, AT_FDCWD, path, RENAME_EXCHANGE) == 0) {
        rsi_run_remove(made);
        return RS_OK;
    }
    if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) {
        return rs_fail(err, RS_EIO, "exchange with \"%s\": %s", path, strerror(errno));
    }
    /* A file system that cannot exchange: the old one goes first. A kill in between costs a run
     * that its inputs make again, never a half of one. */
    rsi_run_remove(path);
    if (rename(made, path) != 0) {
        return rs_fail(err, RS_EIO, "rename to \"%s\": %s", path, strerror(errno));
    }
    return RS_OK;
}

rs_status rsi_run_publish(const rsi_making *made, const rsi_runs *runs, const rs_run_id *id,
                          rs_error *err)
{
    rs_status status = RS_OK;
    char *path = NULL;
    if (asprintf(&path, "%s/%s", runs->path, id->text) < 0) {
        return no_memory(err);
    }
    RS_TRY(rsi_sync_folder(made->path, err));
    RS_TRY(exchange(made->path, path, err));
    RS_TRY(rsi_sync_folder(runs->path, err));
done:
    free(path);
    return status;
}
