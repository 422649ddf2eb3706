/* columns.h - oddity, and its columns for who wants them too.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_SCORE_COLUMNS_H
#define RSI_SCORE_COLUMNS_H

#include "ringscope/score.h"

/* Who looks on; either may be NULL. */
typedef struct rsi_oddity_watch {
    void *context;
    /* Called with what was counted of each relation, before all columns. */
    rs_status (*counts)(void *context, size_t relation, const rs_counts *counts, rs_error *err);
    /* Called with each column that has a value above 0: its name, the digits behind its values'
     * point, and one value for each subject. */
    rs_status (*column)(void *context, const char *name, unsigned decimals, const int64_t *values,
                        rs_error *err);
} rsi_oddity_watch;

/* rs_oddity; `watch` NULL: nobody looks on. */
RS_MUST_USE rs_status rsi_oddity(const rs_graph *graph, const rs_work *work,
                                 const rsi_oddity_watch *watch, uint32_t *oddity, rs_error *err);

#endif
