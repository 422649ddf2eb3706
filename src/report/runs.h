/* runs.h - how the files of a run are called, and what the sidecar notes of each.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_REPORT_RUNS_H
#define RSI_REPORT_RUNS_H

#include "report/out.h"
#include "ringscope/report.h"
#include "ringscope/work.h"

enum { RSI_RUN_FILES = RS_RUN_SIDECAR }; /* files before the sidecar */

/* How a sidecar ends: the XXH3-128 of all bytes before this, in 32 hex digits between the two. */
#define RSI_SIDECAR_DIGEST ",\n\"digest\":\""
#define RSI_SIDECAR_END    "\"}\n"
#define RSI_SIDECAR_MAX    ((size_t)16 << 20) /* bytes */

/* What a file holds: for the sidecar, so that damage shows. */
typedef struct rsi_file_note {
    uint64_t bytes;
    char digest[33]; /* XXH3-128 as 32 hex digits */
} rsi_file_note;

rsi_file_note rsi_note(const rsi_out *out);
/* Of the sidecar: the value of "files", and the end of all. */
void rsi_sidecar_files(rsi_out *out, const rsi_file_note notes[RSI_RUN_FILES]);
void rsi_sidecar_seal(rsi_out *out);

/* rs_report_write and rs_risks_write, with a note of what they wrote (NULL: none). */
RS_MUST_USE rs_status rsi_report_write(const rs_graph *graph, const rs_findings *findings,
                                       const rs_report_options *options, const rs_work *work,
                                       const char *path, rsi_file_note *note, rs_error *err);
/* The first line of the file of risks. */
#define RSI_RISKS_NAMES "type,id,risk,ring,spread,oddity,ring_score\n"
/* piece_ends (NULL: not wanted), 0 before: behind the last line of a node of each RSI_RISKS_PIECE
 * nodes; it stays 0 where none of them has a line. */
enum { RSI_RISKS_PIECE = 64 };
RS_MUST_USE rs_status rsi_risks_write(const rs_graph *graph, const rs_findings *findings,
                                      const rs_report_options *options, const rs_work *work,
                                      const char *path, uint64_t *piece_ends, rsi_file_note *note,
                                      rs_error *err);

/* A line of risks, its fields taken out of their quotes; whether it is one. */
enum { RSI_RISK_FIELDS = 7 };
bool rsi_risk_line_of(const rs_text fields[RSI_RISK_FIELDS], rs_risk_line *line);

/* ---- runs in the making (runs_making.c) ------------------------------------------------------ */

/* STORE/runs, which is made where it is missing, and locked: nobody else publishes, rewrites or
 * takes away runs meanwhile. */
typedef struct rsi_runs {
    char *path;
    int folder;
} rsi_runs;
#define RSI_NO_RUNS                                                                                \
    {                                                                                              \
        .folder = -1                                                                               \
    }
/* Waits for others, as long as `work` does not ask to stop. RS_EIO, RS_ENOMEM, RS_EINTERRUPTED. */
RS_MUST_USE rs_status rsi_runs_enter(rsi_runs *runs, const char *store_path, const rs_work *work,
                                     rs_error *err);
void rsi_runs_leave(rsi_runs *runs); /* RSI_NO_RUNS is fine */
/* Remove what processes left that are no more. */
void rsi_runs_sweep(const rsi_runs *runs);
/* Remove a run's folder and the files in it; what is not there is no failure. */
void rsi_run_remove(const char *path);
/* The same in such a way that no kill leaves half of it. RS_EIO. */
RS_MUST_USE rs_status rsi_run_forget(const rsi_runs *runs, const rs_run_id *id, rs_error *err);

/* A folder that is to become a run, ours as long as it is open. */
typedef struct rsi_making {
    char *path;
    int folder;
} rsi_making;
#define RSI_NO_MAKING                                                                              \
    {                                                                                              \
        .folder = -1                                                                               \
    }
RS_MUST_USE rs_status rsi_making_new(rsi_making *made, const rsi_runs *runs, rs_error *err);
/* The same, with the runs locked for so long alone. */
RS_MUST_USE rs_status rsi_making_begin(rsi_making *made, const char *store_path,
                                       const rs_work *work, rs_error *err);
/* Removed, unless it was published. RSI_NO_MAKING is fine. */
void rsi_making_close(rsi_making *made);
/* Put it where the run `id` is, in one step; what stood there goes. */
RS_MUST_USE rs_status rsi_run_publish(const rsi_making *made, const rsi_runs *runs,
                                      const rs_run_id *id, rs_error *err);

/* ---- the files of a run ---------------------------------------------------------------------- */

/* What a run was made from, as far as it keeps it, and the id that follows from it. */
typedef struct rsi_run_inputs {
    rsi_file_note notes[RSI_RUN_FILES]; /* of the lists and the settings */
    rs_run_id id;
} rsi_run_inputs;
RS_MUST_USE rs_status rsi_run_inputs_write(const char *folder, const rs_graph *graph,
                                           const rs_report_options *options, rsi_run_inputs *inputs,
                                           rs_error *err);

/* One file of a run in the making, and its note. RS_EIO, RS_ENOMEM. */
RS_MUST_USE rs_status rsi_run_write(const char *folder, rs_run_file file, const void *bytes,
                                    size_t length, rsi_file_note *note, rs_error *err);

struct rsi_trace;
struct rsi_trace_end;
/* rs_run_keep with what explains the run so far, which is finished with `end` while the rest is
 * written; NULL: left out. */
RS_MUST_USE rs_status rsi_run_keep(const char *store_path, const rs_graph *graph,
                                   const rs_findings *findings, const rs_report_options *options,
                                   const rs_run_record *record, struct rsi_trace *trace,
                                   const struct rsi_trace_end *end, const rs_work *work,
                                   rs_run_id *id, rs_error *err);

/* The sidecar of a run, and its note of each file; one that the run left out has
 * an empty digest. RS_EIO, RS_ECORRUPT (a file that is missing, too), RS_ENOMEM. */
RS_MUST_USE rs_status rsi_run_read(const char *store_path, const rs_run_id *id, rs_run_info *info,
                                   rsi_file_note notes[RSI_RUN_FILES], rs_error *err);
/* Whether a run may be without the file. */
bool rsi_run_may_lack(rs_run_file file);
/* Hold one file against its note. */
RS_MUST_USE rs_status rsi_run_hold(const char *store_path, const rs_run_id *id, rs_run_file file,
                                   const rsi_file_note *note, rs_error *err);

/* STORE/runs, whether it is there or not; freed by free(). RS_ENOMEM. */
RS_MUST_USE rs_status rsi_run_folder(const char *store_path, char **path, rs_error *err);

/* Copy one file of a run, whole or not at all. */
RS_MUST_USE rs_status rsi_run_copy_file(const char *store_path, const rs_run_id *id,
                                        rs_run_file file, const char *path, rs_error *err);
/* The ids of the runs that a store keeps, ascending; *ids is freed by free(). */
RS_MUST_USE rs_status rsi_run_list(const char *store_path, rs_run_id **ids, size_t *count,
                                   rs_error *err);
/* Make `id` the latest run. */
RS_MUST_USE rs_status rsi_run_point(const rsi_runs *runs, const rs_run_id *id, rs_error *err);
/* Take away all but the `keep` runs that look furthest (of equals: that were made last), `id` among
 * them; the one that looks furthest of all stays in any case. One that is damaged stays and does
 * not count. RS_EIO, RS_ENOMEM. */
RS_MUST_USE rs_status rsi_runs_prune(const char *store_path, const rsi_runs *runs,
                                     const rs_run_id *id, uint64_t keep, rs_error *err);

/* "report.json", ... */
const char *rsi_run_file_name(rs_run_file file);

#endif
