/* ties.h - the smallest evidence that makes each member one.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_SCORE_TIES_H
#define RSI_SCORE_TIES_H

#include "score/scorer.h"

/* Fill ties and member_ties of the findings, which have rings and members, for the first 100 rings.
 * RS_ENOMEM. O(links of the collapsed evidence). */
RS_MUST_USE rs_status rsi_ties_find(const rsi_scorer *s, rs_error *err);

#endif
