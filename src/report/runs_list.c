/* runs_list.c - which runs a store keeps; the oldest taken away; all brought over to another store.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/try.h"
#include "report/runs.h"
#include "ringscope/rescue.h"

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (runs)");
}

/* ---- the list -------------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
    return strcmp(((const rs_run_id *)a)->text, ((const rs_run_id *)b)->text);
}

/* The capacity is the next power of two: grown where the count is one. */
static rs_status add_run(rs_run_id **ids, size_t *count, const char *name, rs_error *err)
{
    if ((*count & (*count - 1)) == 0) {
        rs_run_id *grown = realloc(*ids, (2 * *count + 1) * sizeof *grown);
        if (grown == NULL) {
            return no_memory(err);
        }
        *ids = grown;
    }
    memcpy((*ids)[(*count)++].text, name, RS_RUN_ID_LENGTH + 1);
    return RS_OK;
}

rs_status rsi_run_list(const char *store_path, rs_run_id **ids, size_t *count, rs_error *err)
{
    rs_status status = RS_OK;
    char *path = NULL;
    DIR *folder = NULL;
    if (asprintf(&path, "%s/runs", store_path) < 0) {
        return no_memory(err);
    }
    folder = opendir(path);
    if (folder == NULL && errno != ENOENT && errno != ENOTDIR) {
        status = rs_fail(err, RS_EIO, "\"%s\": %s", path, strerror(errno));
    }
    for (struct dirent *entry = folder != NULL ? readdir(folder) : NULL; entry != NULL;
         entry = readdir(folder)) {
        if (strlen(entry->d_name) == RS_RUN_ID_LENGTH &&
            strspn(entry->d_name, "0123456789abcdef") == RS_RUN_ID_LENGTH) {
            RS_TRY(add_run(ids, count, entry->d_name, err));
        }
    }
    if (*count > 0) {
        qsort(*ids, *count, sizeof **ids, compare_ids);
    }
done:
    if (folder != NULL) {
        closedir(folder);
    }
    free(path);
    return status;
}

/* ---- those that are too many ----------------------------------------------------------------- */

/* What says which run is older: the sidecar's as-of time, and when it was made. */
typedef struct aged_run {
    rs_run_id id;
    int64_t as_of;
    struct timespec made;
} aged_run;

/* Descending; the id decides where the clock did not. */
static int compare_ages(const void *a, const void *b)
{
    const aged_run *one = a;
    const aged_run *other = b;
    int order = (one->as_of < other->as_of) - (one->as_of > other->as_of);
    if (order == 0) {
        order = (one->made.tv_sec < other->made.tv_sec) - (one->made.tv_sec > other->made.tv_sec);
    }
    if (order == 0) {
        order =
            (one->made.tv_nsec < other->made.tv_nsec) - (one->made.tv_nsec > other->made.tv_nsec);
    }
    return order != 0 ? order : strcmp(one->id.text, other->id.text);
}

/* *known: the run is whole enough to have an age. */
static rs_status find_age(const char *store_path, const rs_run_id *id, aged_run *run, bool *known,
                          rs_error *err)
{
    rs_run_info info;
    struct stat now = {.st_size = 0};
    rs_status status = rs_run_read(store_path, id, &info, err);
    if (status == RS_ECORRUPT) {
        return RS_OK;
    }
    char *path = status == RS_OK ? rs_run_path(store_path, id, RS_RUN_SIDECAR) : NULL;
    *known = path != NULL && stat(path, &now) == 0;
    *run = (aged_run){.id = *id, .as_of = info.as_of, .made = now.st_mtim};
    free(path);
    return status;
}

rs_status rsi_runs_prune(const char *store_path, const rsi_runs *runs, const rs_run_id *id,
                         uint64_t keep, rs_error *err)
{
    rs_status status = RS_OK;
    rs_run_id *ids = NULL;
    aged_run *others = NULL;
    size_t count = 0;
    size_t known_count = 0;
    bool known = false;
    aged_run own = {.as_of = RS_NO_TIME};
    RS_TRY(rsi_run_list(store_path, &ids, &count, err));
    others = calloc(count + 1, sizeof *others);
    if (others == NULL) {
        status = no_memory(err);
        goto done;
    }
    RS_TRY(find_age(store_path, id, &own, &known, err));
    for (size_t i = 0; i < count; i++) {
        bool one_known = false;
        if (strcmp(ids[i].text, id->text) != 0) {
            RS_TRY(find_age(store_path, &ids[i], &others[known_count], &one_known, err));
            known_count += one_known;
        }
    }
    qsort(others, known_count, sizeof *others, compare_ages);
    bool past = known_count > 0 && known && others[0].as_of > own.as_of;
    for (size_t i = keep - 1 + (keep == 1 && past); i < known_count; i++) {
        RS_TRY(rsi_run_forget(runs, &others[i].id, err));
    }
done:
    free(others);
    free(ids);
    return rs_context(err, status, "runs that are too many");
}

/* ---- what is whole, brought over ------------------------------------------------------------- */

/* Whether every byte of the run is what was written; its as-of time, and the notes of its files. */
static rs_status look(const char *store_path, const rs_run_id *id, bool *whole, int64_t *as_of,
                      rsi_file_note notes[RSI_RUN_FILES], rs_error *err)
{
    rs_run_info info = {.as_of = RS_NO_TIME};
    rs_status status = rsi_run_read(store_path, id, &info, notes, err);
    for (int file = 0; status == RS_OK && file < RSI_RUN_FILES; file++) {
        status = rsi_run_hold(store_path, id, (rs_run_file)file, &notes[file], err);
    }
    *whole = status == RS_OK;
    *as_of = info.as_of;
    return status == RS_ECORRUPT ? RS_OK : status;
}

static rs_status bring(const char *from, const rsi_runs *runs, const rs_run_id *id,
                       const rsi_file_note notes[RSI_RUN_FILES], rs_error *err)
{
    rs_status status = RS_OK;
    rsi_making made = RSI_NO_MAKING;
    char *path = NULL;
    RS_TRY(rsi_making_new(&made, runs, err));
    for (int file = 0; file <= RSI_RUN_FILES; file++) {
        if (file < RSI_RUN_FILES && notes[file].digest[0] == '\0') {
            continue; /* the run left it out */
        }
        if (asprintf(&path, "%s/%s", made.path, rsi_run_file_name((rs_run_file)file)) < 0) {
            path = NULL;
            status = no_memory(err);
            goto done;
        }
        RS_TRY(rsi_run_copy_file(from, id, (rs_run_file)file, path, err));
        free(path);
        path = NULL;
    }
    RS_TRY(rsi_run_publish(&made, runs, id, err));
done:
    rsi_making_close(&made);
    free(path);
    return status;
}

/* The latest of those that were brought: the one that was, else the one that looked at most. */
static bool is_later(const rs_run_id *one, int64_t as_of, const rs_run_id *best, int64_t best_as_of,
                     const rs_run_id *latest)
{
    if (best->text[0] == '\0' || strcmp(one->text, latest->text) == 0) {
        return true;
    }
    return strcmp(best->text, latest->text) != 0 && as_of >= best_as_of;
}

rs_status rs_runs_salvage(const char *path, const char *to, const rs_work *work,
                          uint64_t *run_count, uint64_t *lost_count, rs_error *err)
{
    rs_status status = RS_OK;
    rs_run_id *ids = NULL;
    size_t count = 0;
    rsi_runs runs = RSI_NO_RUNS;
    rs_run_id latest = {""};
    rs_run_id best = {""};
    int64_t best_as_of = RS_NO_TIME;
    *run_count = 0;
    *lost_count = 0;
    if (rs_run_latest(path, &latest, NULL) != RS_OK) {
        latest.text[0] = '\0'; /* it tells nothing: any run may be the latest */
    }
    RS_TRY(rsi_run_list(path, &ids, &count, err));
    if (count == 0) {
        goto done;
    }
    RS_TRY(rsi_runs_enter(&runs, to, work, err));
    for (size_t i = 0; i < count; i++) {
        bool whole = false;
        int64_t as_of = RS_NO_TIME;
        rsi_file_note notes[RSI_RUN_FILES] = {{0}};
        RS_TRY(rs_work_report(work, "salvage", "runs", i, count, err));
        RS_TRY(look(path, &ids[i], &whole, &as_of, notes, err));
        *lost_count += !whole;
        if (whole) {
            RS_TRY(bring(path, &runs, &ids[i], notes, err));
            ++*run_count;
            if (is_later(&ids[i], as_of, &best, best_as_of, &latest)) {
                best = ids[i];
                best_as_of = as_of;
            }
        }
    }
    if (best.text[0] != '\0') {
        RS_TRY(rsi_run_point(&runs, &best, err));
    }
done:
    free(ids);
    rsi_runs_leave(&runs);
    return rs_context(err, status, "salvage of runs");
}
