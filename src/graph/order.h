/* order.h - the nodes of one type in an order that depends on their ids alone.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_GRAPH_ORDER_H
#define RSI_GRAPH_ORDER_H

#include <stdatomic.h>

#include "graph/internal.h"

/* What the types that are ordered side by side have in common. */
typedef struct rsi_order_work {
    const rs_work *work;       /* told by the calling thread alone */
    uint64_t node_total;       /* of all types */
    const uint8_t *unseen;     /* by place in node_of; NULL: all are there */
    atomic_uint_fast64_t done; /* of all types */
    atomic_bool stopped;       /* the caller asked for it */
} rsi_order_work;

/* Fill node_of and dense_of of the type in `range`. `lead`: this is the calling thread. */
RS_MUST_USE rs_status rsi_order_type(const rs_graph *graph, size_t range, rsi_order_work *shared,
                                     bool lead, rs_error *err);

#endif
