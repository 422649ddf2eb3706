/* passes.h - money that comes in and goes out again nearly whole: what relays and cycles are made
 * of.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_EVIDENCE_PASSES_H
#define RSI_EVIDENCE_PASSES_H

#include <stdbool.h>

#include "ringscope/graph.h"

/* A payment that a later one of its payee passes on. */
typedef struct rsi_pass {
    uint32_t in, out;       /* places in the timeline's `out` */
    uint32_t from, via, to; /* who pays, who passes on, who gets it */
    uint32_t surprise;      /* nats, Q20: -ln of what chance gives */
    uint32_t next;          /* the first pass of payment `out`; rsi_passes.count: it has none */
} rsi_pass;

/* By `in`, then `out`. */
typedef struct rsi_passes {
    size_t count;
    rsi_pass *passes;
} rsi_passes;

/* Whether a payment of `out` passes one of `in` on: nine tenths of it at least go on. */
static inline bool rsi_pass_fits(int64_t in, int64_t out)
{
    enum { KEEP_TENTHS = 9 };
    return out > 0 && out <= in && out >= in / 10 * KEEP_TENTHS + in % 10 * KEEP_TENTHS / 10;
}

/* Of a relation between accounts of one type; a relation without amounts has none. O(events). */
RS_MUST_USE rs_status rsi_passes_find(const rs_timeline *timeline, uint32_t window_s,
                                      uint32_t subjects, const rs_work *work, rsi_passes *out,
                                      rs_error *err);
void rsi_passes_free(rsi_passes *passes);

#endif
