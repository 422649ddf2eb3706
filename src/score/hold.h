/* hold.h - how firmly members belong to groups that are worth a look.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_SCORE_HOLD_H
#define RSI_SCORE_HOLD_H

#include "score/candidates.h"

/* hold[k] of each member k of the candidates, 0 .. RS_HOLD_ONE (detect.h); `score` is by group,
 * millionths. Members of groups that score less than RSI_HOLD_SCORE, which says next to nothing of
 * them, are held whole; so are those of one identity. The caller frees *hold. RS_ENOMEM. */
#define RSI_HOLD_SCORE 10000
RS_MUST_USE rs_status rsi_hold_find(const rs_score_input *input, const rsi_candidates *candidates,
                                    const uint32_t *score, const rs_work *work, uint32_t **hold,
                                    rs_error *err);

/* The node of the collapsed evidence that stands for a subject; its node count where nothing links
 * the subject. O(log nodes). */
uint32_t rsi_collapsed_node(const rs_score_input *input, uint32_t subject);

#endif
