/* surge.h - the short while in which an account did more, or larger things, than it ever does.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_EVIDENCE_SURGE_H
#define RSI_EVIDENCE_SURGE_H

#include "ringscope/graph.h"

/* The most surprising one of an account in one relation. */
typedef struct rsi_surge {
    uint32_t node;
    uint32_t surprise; /* nats, Q20: what its own acts, spread over all time, make of it */
    int64_t start;     /* UTC seconds, of its first act */
    int64_t seen;      /* of the account's first act in the relation */
    uint32_t gap_s;    /* the time that it takes */
    uint16_t acts;     /* at most 64 */
    uint16_t relation; /* free for the caller */
} rsi_surge;

/* Ascending by node. */
typedef struct rsi_surges {
    rsi_surge *items;
    size_t count, room;
    uint64_t tried; /* accounts that did enough to have one */
    int64_t base;   /* UTC seconds: when the relation's time begins, and how long it is */
    uint32_t span_s;
} rsi_surges;

/* Of the doers of a timeline; acts less precise than the window do not count. RS_ENOMEM. O(events),
 * 40 bytes an account that has one. */
RS_MUST_USE rs_status rsi_surges_find(const rs_timeline *timeline, uint32_t window_s,
                                      rsi_surges *out, rs_error *err);
void rsi_surges_free(rsi_surges *surges);

#endif
