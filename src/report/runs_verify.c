/* runs_verify.c - every byte of the runs that a store keeps.
 *
 * A run that is exchanged for a newer one while it is read would look damaged: what does not hold
 * is looked at once more before it is told, and a run that is gone by then is no finding.
 * What a killed process left in the making (.tmp-PID) is no run and is passed over.
 *
 * Cost: each file read once.
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
#include "ringscope/verify.h"
#include "store/violations.h"

enum { NAME_BYTES = 80 };

static bool is_gone(const char *store_path, const rs_run_id *id)
{
    struct stat now;
    char *path = NULL;
    if (asprintf(&path, "%s/runs/%s", store_path, id->text) < 0) {
        return false;
    }
    bool gone = stat(path, &now) != 0 && errno == ENOENT;
    free(path);
    return gone;
}

static rs_status check_file(const char *store_path, const rs_run_id *id, rs_run_file file,
                            const rsi_file_note *note, rs_error *found)
{
    rs_status status = rsi_run_hold(store_path, id, file, note, found);
    return status == RS_ECORRUPT /* exchanged meanwhile? */
               ? rs_run_check(store_path, id, file, found)
               : status;
}

static rs_status verify_run(const char *store_path, const rs_run_id *id, rs_violations *list,
                            rs_error *err)
{
    char name[NAME_BYTES];
    rs_run_info info;
    rs_error found = {.status = RS_OK};
    rsi_file_note notes[RSI_RUN_FILES] = {{0}};
    rs_status status = rsi_run_read(store_path, id, &info, notes, &found);
    if (status == RS_ECORRUPT && is_gone(store_path, id)) {
        return RS_OK;
    }
    snprintf(name, sizeof name, "runs/%s/%s", id->text, rsi_run_file_name(RS_RUN_SIDECAR));
    if (status != RS_OK) {
        return rsi_violation_note(list, "R-02", name, status, &found, err);
    }
    for (int file = 0; file < RSI_RUN_FILES; file++) {
        status = check_file(store_path, id, (rs_run_file)file, &notes[file], &found);
        if (status == RS_ECORRUPT && is_gone(store_path, id)) {
            return RS_OK;
        }
        snprintf(name, sizeof name, "runs/%s/%s", id->text, rsi_run_file_name((rs_run_file)file));
        status = rsi_violation_note(list, "R-03", name, status, &found, err);
        if (status != RS_OK) {
            return status;
        }
    }
    return RS_OK;
}

static rs_status verify_latest(const char *store_path, rs_violations *list, rs_error *err)
{
    rs_run_id id;
    rs_error found = {.status = RS_OK};
    rs_status status = rs_run_latest(store_path, &id, &found);
    if (status == RS_ENOTFOUND) {
        return RS_OK;
    }
    if (status == RS_OK && is_gone(store_path, &id)) {
        return rsi_violation(list, "R-01", "runs/latest", err, "names run %s, which is not there",
                             id.text);
    }
    return rsi_violation_note(list, "R-01", "runs/latest", status, &found, err);
}

rs_status rs_runs_verify(const char *store_path, const rs_work *work, rs_violations *list,
                         rs_error *err)
{
    rs_status status = RS_OK;
    rs_run_id *ids = NULL;
    size_t count = 0;
    RS_TRY(rsi_run_list(store_path, &ids, &count, err));
    RS_TRY(verify_latest(store_path, list, err));
    for (size_t i = 0; i < count; i++) {
        RS_TRY(rs_work_report(work, "verify", "runs", i, count, err));
        RS_TRY(verify_run(store_path, &ids[i], list, err));
    }
done:
    free(ids);
    return status;
}
