/* runs.h - how the files of a run are called.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_REPORT_RUNS_H
#define RSI_REPORT_RUNS_H

#include "ringscope/report.h"

/* "report.json", ... */
const char *rsi_run_file_name(rs_run_file file);

#endif
