/* hubs.h - how many distinct ids a type has, and which stand in the most relations.
 *
 * Exact while the type has at most RSI_HUBS_EXACT ids. Beyond, counts are lower bounds that may
 * miss up to `error` each (Misra and Gries 1982, "Finding repeated elements"), and the number of
 * ids is estimated (Flajolet et al. 2007, HyperLogLog, 2^14 registers: standard error .8 %).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_INGEST_HUBS_H
#define RSI_INGEST_HUBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ringscope/error.h"
#include "ringscope/text.h"

enum { RSI_HUBS_EXACT = 1 << 17, RSI_HUBS_SHOWN = 10 };

typedef struct rsi_hubs rsi_hubs;

typedef struct rsi_hub {
    rs_text id; /* lent until the next call of rsi_hubs_add */
    uint64_t count;
} rsi_hub;

RS_MUST_USE rs_status rsi_hubs_new(rsi_hubs **out, rs_error *err);
void rsi_hubs_free(rsi_hubs *hubs);
/* Count `id` with `weight` more relations; 0: it is only there. O(1) amortised. */
RS_MUST_USE rs_status rsi_hubs_add(rsi_hubs *hubs, rs_text id, unsigned weight, rs_error *err);
/* The largest, by falling count, ties by id; returns how many (at most RSI_HUBS_SHOWN). */
size_t rsi_hubs_top(const rsi_hubs *hubs, rsi_hub top[RSI_HUBS_SHOWN]);
/* What each count may lack; 0: they are exact. */
uint64_t rsi_hubs_error(const rsi_hubs *hubs);
/* Distinct ids; *exact tells whether they were counted or estimated. */
uint64_t rsi_hubs_distinct(const rsi_hubs *hubs, bool *exact);

#endif
