/* fact_times.h - how often, when and how much: the rows behind what accounts do in time.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_SCORE_FACT_TIMES_H
#define RSI_SCORE_FACT_TIMES_H

#include "ringscope/score.h"

/* Fill in event_count, first, last and amount of a fact in time: of the rows of its relation from
 * one of `users` (ascending) to another one or to its thing. Looks each user up in the store.
 * RS_ENOMEM, the store's. */
RS_MUST_USE rs_status rsi_fact_time(const rs_graph *graph, rs_fact *fact, const uint32_t *users,
                                    rs_error *err);

#endif
