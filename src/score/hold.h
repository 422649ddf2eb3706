/* hold.h - how firmly members belong to groups that are worth a look.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_SCORE_HOLD_H
#define RSI_SCORE_HOLD_H

#include "score/scorer.h"

/* s->hold[k] of each member k of the candidates, 0 .. RS_HOLD_ONE (detect.h). Members of groups
 * that score less than RSI_HOLD_SCORE millionths, which says next to nothing of them, are held
 * whole; so are those of one identity. RS_ENOMEM. */
#define RSI_HOLD_SCORE 10000
RS_MUST_USE rs_status rsi_hold_find(rsi_scorer *s, const rs_work *work, rs_error *err);

#endif
