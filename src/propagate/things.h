/* things.h - who uses things, summed up by thing: what gives things their part of the risk.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_PROPAGATE_THINGS_H
#define RSI_PROPAGATE_THINGS_H

#include "ringscope/graph.h"
#include "ringscope/work.h"

/* Sum of users' risks and number of uses by thing; entry 0 is the first node that is no subject. */
typedef struct rsi_things {
    uint32_t subjects, count;
    int64_t *sum;
    uint32_t *uses;
} rsi_things;

/* The two halves of rs_network_things: read relations, with `risk` as rs_spread left it, which may
 * be read by others meanwhile; then give things their part. *things is to be freed, after a failure
 * too. RS_ENOMEM, RS_EINTERRUPTED and the store's. */
RS_MUST_USE rs_status rsi_things_read(rsi_things *things, const rs_graph *graph,
                                      const int64_t *risk, const rs_work *work, rs_error *err);
void rsi_things_settle(const rsi_things *things, double damping, int64_t *risk);
void rsi_things_free(rsi_things *things);

#endif
