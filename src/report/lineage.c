/* lineage.c - tonight's rings told as what became of those of earlier nights, which the runs keep.
 *
 *     runs/ID/rings.bin     what the run leaves to the next night
 *     runs/ID/history.bin   what the night before left to it, byte for byte
 *
 * So a run holds all that its lineage follows from: where others are taken away, or the same night
 * is run again, the ids stay what they were. A run reads what strictly earlier nights left, never
 * its own.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "report/lineage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/try.h"
#include "feedback/track.h"
#include "report/report.h"

struct rs_lineage {
    char *path;      /* of what the night before left; NULL: nothing */
    rsi_buffer past; /* its bytes */
    rsi_buffer next; /* what tonight leaves */
};

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (rings of earlier nights)");
}

/* ---- which night was before ------------------------------------------------------------------ */

/* *there: the run has the file. One that is gone meanwhile has none. */
static rs_status read_head(const char *path, rsi_kept_night *night, bool *there, rs_error *err)
{
    rs_status status = RS_OK;
    uint8_t head[RSI_TRACK_HEAD];
    struct stat now;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    *there = file >= 0;
    if (file < 0) {
        return errno == ENOENT || errno == ENOTDIR
                   ? RS_OK
                   : rs_fail(err, RS_EIO, "open: %s", strerror(errno));
    }
    ssize_t length = pread(file, head, sizeof head, 0);
    if (length < 0 || fstat(file, &now) != 0) {
        status = rs_fail(err, RS_EIO, "read: %s", strerror(errno));
        goto done;
    }
    RS_TRY(rsi_track_head(head, (size_t)length, &night->as_of, night->settings, err));
    night->made = now.st_mtim;
done:
    close(file);
    return status;
}

static int compare_made(const rsi_kept_night *a, const rsi_kept_night *b)
{
    if (a->made.tv_sec != b->made.tv_sec) {
        return a->made.tv_sec < b->made.tv_sec ? -1 : 1;
    }
    return (a->made.tv_nsec > b->made.tv_nsec) - (a->made.tv_nsec < b->made.tv_nsec);
}

static bool is_better(const rsi_kept_night *a, const rsi_kept_night *b, const char *settings)
{
    bool a_same = strcmp(a->settings, settings) == 0;
    bool b_same = strcmp(b->settings, settings) == 0;
    if (a->as_of != b->as_of) {
        return a->as_of > b->as_of;
    }
    if (a_same != b_same) {
        return a_same;
    }
    if (a->file != b->file) {
        return a->file == RS_RUN_RINGS;
    }
    int order = compare_made(a, b);
    return order != 0 ? order > 0 : strcmp(a->run.text, b->run.text) > 0;
}

rs_status rsi_kept_night_before(const char *store_path, int64_t as_of, const char *settings,
                                rsi_kept_night *night, bool *found, rs_error *err)
{
    static const rs_run_file files[] = {RS_RUN_RINGS, RS_RUN_HISTORY};
    rs_status status = RS_OK;
    rs_run_id *ids = NULL;
    size_t count = 0;
    char *path = NULL;
    *found = false;
    RS_TRY(rsi_run_list(store_path, &ids, &count, err));
    for (size_t i = 0; i < 2 * count; i++) {
        rsi_kept_night one = {.run = ids[i / 2], .file = files[i % 2]};
        bool there = false;
        free(path);
        path = rs_run_path(store_path, &one.run, one.file);
        if (path == NULL) {
            status = no_memory(err);
            goto done;
        }
        RS_TRY(rs_context(err, read_head(path, &one, &there, err), "\"%s\"", path));
        if (there && one.as_of != RS_NO_TIME && one.as_of < as_of &&
            (!*found || is_better(&one, night, settings))) {
            *night = one;
            *found = true;
        }
    }
done:
    free(path);
    free(ids);
    return status;
}

rs_status rsi_kept_night_read(const char *store_path, const rsi_kept_night *night,
                              rsi_buffer *bytes, rs_error *err)
{
    char *path = rs_run_path(store_path, &night->run, night->file);
    if (path == NULL) {
        return no_memory(err);
    }
    bytes->length = 0;
    rs_status status = rsi_read_file(AT_FDCWD, path, RSI_TRACK_FILE_MAX, bytes, err);
    status = rs_context(err, status, "\"%s\"", path);
    free(path);
    return status;
}

/* ---- tonight --------------------------------------------------------------------------------- */

/* Members' names, lent from the findings. */
static rs_status name_members(const rs_graph *graph, const rs_findings *findings, size_t rings,
                              rsi_ring_name **names, rs_error *err)
{
    size_t end = 0;
    for (size_t r = 0; r < rings; r++) {
        size_t last = findings->rings[r].member_first + findings->rings[r].member_count;
        end = last > end ? last : end;
    }
    *names = malloc((end + 1) * sizeof **names);
    if (*names == NULL) {
        return no_memory(err);
    }
    for (size_t m = 0; m < end; m++) {
        uint32_t node = findings->members[m].node;
        const char *type = rs_graph_range_of(graph, node).type;
        (*names)[m] =
            (rsi_ring_name){.type = {type, strlen(type)}, .id = rs_ids_of(findings->ids, node)};
    }
    return RS_OK;
}

/* What the night before left; the runs are locked, so that nobody takes it away. */
static rs_status read_past(rs_lineage *lineage, const char *store_path, int64_t as_of,
                           const char *settings, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_runs runs = RSI_NO_RUNS;
    rsi_kept_night night;
    bool found = false;
    RS_TRY(rsi_runs_enter(&runs, store_path, work, err));
    RS_TRY(rsi_kept_night_before(store_path, as_of, settings, &night, &found, err));
    if (!found) {
        goto done;
    }
    lineage->path = rs_run_path(store_path, &night.run, night.file);
    if (lineage->path == NULL) {
        status = no_memory(err);
        goto done;
    }
    RS_TRY(rsi_kept_night_read(store_path, &night, &lineage->past, err));
done:
    rsi_runs_leave(&runs);
    return status;
}

/* What a kept run read of it. */
static rs_status read_own_past(rs_lineage *lineage, const char *store_path, const rs_run_id *run,
                               rs_error *err)
{
    lineage->path = rs_run_path(store_path, run, RS_RUN_HISTORY);
    if (lineage->path == NULL) {
        return no_memory(err);
    }
    rs_status status =
        rsi_read_file(AT_FDCWD, lineage->path, RSI_TRACK_FILE_MAX, &lineage->past, err);
    if (status == RS_ENOTFOUND) { /* it was a first night */
        free(lineage->path);
        lineage->path = NULL;
        return RS_OK;
    }
    return rs_context(err, status, "\"%s\"", lineage->path);
}

rs_status rs_lineage_follow(rs_lineage **out, const char *store_path, const rs_graph *graph,
                            const rs_report_options *options, const rs_work *work,
                            rs_findings *findings, rs_error *err)
{
    return rsi_lineage_follow(out, store_path, NULL, graph, options, work, findings, err);
}

rs_status rsi_lineage_follow(rs_lineage **out, const char *store_path, const rs_run_id *run,
                             const rs_graph *graph, const rs_report_options *options,
                             const rs_work *work, rs_findings *findings, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_ring_name *names = NULL;
    rsi_track_state past = {0};
    rsi_track_state next = {0};
    char settings[33];
    rsi_settings_digest(options, settings);
    rsi_track_night night = {.as_of = rs_graph_as_of(graph),
                             .settings = settings,
                             .ring_count = rsi_rings_reported(findings, options),
                             .node_count = rs_graph_node_count(graph)};
    rs_lineage *lineage = calloc(1, sizeof *lineage);
    if (lineage == NULL) {
        return no_memory(err);
    }
    if (run != NULL) {
        RS_TRY(read_own_past(lineage, store_path, run, err));
    } else if (night.as_of != RS_NO_TIME) {
        RS_TRY(read_past(lineage, store_path, night.as_of, settings, work, err));
    }
    if (lineage->path != NULL) {
        status = rsi_track_decode(lineage->past.bytes, lineage->past.length, &past, err);
        RS_TRY(rs_context(err, status, "\"%s\"", lineage->path));
    }
    RS_TRY(name_members(graph, findings, night.ring_count, &names, err));
    night.names = names;
    RS_TRY(rsi_track_follow(lineage->path != NULL ? &past : NULL, &night, findings, &next, err));
    RS_TRY(rsi_track_encode(&next, &lineage->next, err));
    *out = lineage;
    lineage = NULL; /* moved to the caller */
done:
    rs_lineage_free(lineage);
    rsi_track_state_free(&next);
    rsi_track_state_free(&past);
    free(names);
    return status;
}

void rs_lineage_free(rs_lineage *lineage)
{
    if (lineage != NULL) {
        free(lineage->path);
        rsi_buffer_free(&lineage->past);
        rsi_buffer_free(&lineage->next);
        free(lineage);
    }
}

/* ---- into the run ---------------------------------------------------------------------------- */

rs_status rsi_lineage_write(const rs_lineage *lineage, const char *folder,
                            rsi_file_note notes[RSI_RUN_FILES], rs_error *err)
{
    rs_status status = RS_OK;
    if (lineage == NULL) {
        return RS_OK;
    }
    RS_TRY(rsi_run_write(folder, RS_RUN_RINGS, lineage->next.bytes, lineage->next.length,
                         &notes[RS_RUN_RINGS], err));
    if (lineage->path != NULL) {
        RS_TRY(rsi_run_write(folder, RS_RUN_HISTORY, lineage->past.bytes, lineage->past.length,
                             &notes[RS_RUN_HISTORY], err));
    }
done:
    return status;
}

rs_status rsi_lineage_check(const rs_lineage *lineage, rs_error *err)
{
    rsi_buffer now = {0};
    if (lineage == NULL || lineage->path == NULL) {
        return RS_OK;
    }
    rs_status status = rsi_read_file(AT_FDCWD, lineage->path, RSI_TRACK_FILE_MAX, &now, err);
    if (status == RS_ENOTFOUND ||
        (status == RS_OK && (now.length != lineage->past.length ||
                             memcmp(now.bytes, lineage->past.bytes, now.length) != 0))) {
        status = rs_fail(err, RS_ELOCKED,
                         "somebody was erased from what an earlier night left meanwhile: the run "
                         "is not kept, start it again");
    }
    rsi_buffer_free(&now);
    return status;
}
