/* listed.h - ties of things that are on a list: such a thing passes its risk to its users, even
 * where it is no node of the evidence: one of few users (whose links are pairs), of a single one,
 * or a hub.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_PROPAGATE_LISTED_H
#define RSI_PROPAGATE_LISTED_H

#include <stdbool.h>

#include "base/sort.h"
#include "ringscope/graph.h"

typedef struct rsi_listed {
    const rs_graph *graph;
    const int64_t *seed;        /* by node; NULL: nobody is on a list */
    const uint64_t *hard_first; /* by node: its links in the evidence begin there */
    rsi_record *ties;           /* ascending; key: node << 32 | other, value: the weight */
    size_t count, room;
    size_t at; /* of whoever goes through them node by node */
} rsi_listed;

/* Find the ties. The first three fields are set, the others 0. RS_ENOMEM and the store's. */
RS_MUST_USE rs_status rsi_listed_find(rsi_listed *listed, rs_error *err);

/* Whether ties of `node` come next. */
static inline bool rsi_listed_has(const rsi_listed *listed, uint32_t node)
{
    return listed->at < listed->count && listed->ties[listed->at].key >> 32 == node;
}

#endif
