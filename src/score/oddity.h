/* oddity.h - how unusual an account's own counts are in the data's own distribution.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_SCORE_ODDITY_H
#define RSI_SCORE_ODDITY_H

#include "ringscope/score.h"

/* The most that oddity alone can make of a risk, millionths: it ranks, it does not accuse. */
#define RSI_ODDITY_MAX UINT32_C(100000)

/* oddity[v] for each subject, 0 .. RSI_ODDITY_MAX. RS_ENOMEM, RS_EINTERRUPTED, the store's errors.
 */
RS_MUST_USE rs_status rsi_oddity_find(const rs_graph *graph, const rs_work *work, uint32_t *oddity,
                                      rs_error *err);

/* The counts of one subject that stand out most, smallest tail first; at most `capacity`. Costs as
 * much as rsi_oddity_find. */
RS_MUST_USE rs_status rsi_oddity_explain(const rs_graph *graph, const rs_work *work,
                                         uint32_t subject, rs_odd_count *out, size_t capacity,
                                         size_t *count, rs_error *err);

#endif
