/* steady.h - which rings come back on evidence that is a little different.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_SCORE_STEADY_H
#define RSI_SCORE_STEADY_H

#include "score/scorer.h"

/* Fill `stability` of all rings of the findings, which have their members: the first
 * options->steady_max are cut again. RS_ENOMEM. Cost: detect.h's rs_detect_steady. */
RS_MUST_USE rs_status rsi_steady_find(const rsi_scorer *s, const rs_work *work, rs_error *err);

#endif
