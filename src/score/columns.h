/* columns.h - oddity, and its columns for who wants them too.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_SCORE_COLUMNS_H
#define RSI_SCORE_COLUMNS_H

#include "ringscope/score.h"

/* Called with each column: its name, the digits behind its values' point, and one value for each
 * subject. */
typedef rs_status (*rsi_visit_column)(void *context, const char *name, unsigned decimals,
                                      const int64_t *values, rs_error *err);

/* rs_oddity; `visit` (may be NULL) sees each column that has a value above 0. */
RS_MUST_USE rs_status rsi_oddity(const rs_graph *graph, const rs_work *work, rsi_visit_column visit,
                                 void *context, uint32_t *oddity, rs_error *err);

#endif
