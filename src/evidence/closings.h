/* closings.h - how often who closes a cycle pays whom it closes it to.
 *
 * Life: note each while cycles are counted, count them all in one walk over the payments, then ask.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_EVIDENCE_CLOSINGS_H
#define RSI_EVIDENCE_CLOSINGS_H

#include "ringscope/graph.h"

typedef struct rsi_closings {
    uint64_t *pairs; /* payer << 32 | payee; each once and ascending once they are counted */
    size_t count, room;
    uint32_t *payments;
} rsi_closings;

/* Start with {0}; the same pair may be noted again. Amortised O(log). RS_ENOMEM. */
RS_MUST_USE rs_status rsi_closings_note(rsi_closings *closings, uint32_t payer, uint32_t payee,
                                        rs_error *err);
/* O(payments of those who were noted). RS_ENOMEM, RS_EIO. */
RS_MUST_USE rs_status rsi_closings_count(rsi_closings *closings, const rs_timeline *line,
                                         rs_error *err);
/* The payments of a pair that was noted. O(log). */
uint32_t rsi_closings_of(const rsi_closings *closings, uint32_t payer, uint32_t payee);
void rsi_closings_free(rsi_closings *closings);

#endif
