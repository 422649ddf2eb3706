/* amounts.h - how many of a night's amounts are below one: each different amount once, with how
 * many are below it.
 *
 * Amounts come in any order and are put in order many at a time, so that memory is that of the
 * different ones: 24 bytes each, and of the first million 16.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_EVIDENCE_AMOUNTS_H
#define RSI_EVIDENCE_AMOUNTS_H

#include "base/sort.h"

typedef struct rsi_amounts {
    uint64_t total;
    uint64_t *values; /* ascending, each once */
    uint64_t *below;  /* count + 1: how many amounts are less; the last one is the total */
    size_t count;
    uint64_t *fresh; /* not in order yet */
    size_t fresh_count, fresh_room;
} rsi_amounts;

/* Start with {0}. Amortised O(1). RS_ENOMEM. */
RS_MUST_USE rs_status rsi_amounts_add(rsi_amounts *amounts, uint64_t amount, rs_error *err);
/* After the last one, before the first question. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_amounts_settle(rsi_amounts *amounts, rs_error *err);
void rsi_amounts_free(rsi_amounts *amounts);

/* O(log of the different ones). */
static inline uint64_t rsi_amounts_below(const rsi_amounts *amounts, uint64_t amount)
{
    return amounts->below[rsi_count_below(amounts->values, amounts->count, amount)];
}

#endif
