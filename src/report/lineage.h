/* lineage.h - what earlier nights left of their rings, in the runs that a store keeps.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_REPORT_LINEAGE_H
#define RSI_REPORT_LINEAGE_H

#include <time.h>

#include "base/bytes.h"
#include "report/runs.h"

/* What a night left, and where it lies: the rings of a run, or those of the night before it. */
typedef struct rsi_kept_night {
    rs_run_id run;
    rs_run_file file;
    int64_t as_of;
    char settings[33];
    struct timespec made;
} rsi_kept_night;

/* The night whose rings were to be known before `as_of`: of those strictly before it the latest; of
 * equals the one with these settings, then the run's own before what another one read, then the one
 * made last. *found: there is one. RS_ECORRUPT, RS_EIO, RS_ENOMEM. A file's head for each run. */
RS_MUST_USE rs_status rsi_kept_night_before(const char *store_path, int64_t as_of,
                                            const char *settings, rsi_kept_night *night,
                                            bool *found, rs_error *err);
/* All that it left, as a file's bytes. RS_EIO, RS_ENOMEM, RS_ECORRUPT. */
RS_MUST_USE rs_status rsi_kept_night_read(const char *store_path, const rsi_kept_night *night,
                                          rsi_buffer *bytes, rs_error *err);

/* rs_lineage_follow from what the kept run `run` read of the night before, to make it again; NULL:
 * from what the store keeps. */
RS_MUST_USE rs_status rsi_lineage_follow(rs_lineage **out, const char *store_path,
                                         const rs_run_id *run, const rs_graph *graph,
                                         const rs_report_options *options, const rs_work *work,
                                         rs_findings *findings, rs_error *err);
/* Into a run's folder, with the notes of both files. NULL: nothing is written. */
RS_MUST_USE rs_status rsi_lineage_write(const rs_lineage *lineage, const char *folder,
                                        rsi_file_note notes[RSI_RUN_FILES], rs_error *err);
/* Whether the night before still left what was read of it: RS_ELOCKED where it does not. */
RS_MUST_USE rs_status rsi_lineage_check(const rs_lineage *lineage, rs_error *err);

#endif
