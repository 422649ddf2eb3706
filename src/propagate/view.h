/* view.h - a network as one looks at it node by node: in memory, or in the file that a run keeps.
 *
 * Who explains a risk visits a few hundred nodes of millions; so it asks for each, and never for
 * all of them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_PROPAGATE_VIEW_H
#define RSI_PROPAGATE_VIEW_H

#include <stddef.h>
#include <stdint.h>

#include "propagate/links.h"

typedef struct rsi_view_node {
    uint64_t total; /* rsi_total_of: its links' weights and the ground; 0 only without either */
    int64_t risk;   /* as rs_spread left it */
    int64_t seed;
} rsi_view_node;

/* Ascending, as in rs_adjacency. */
typedef struct rsi_view_row {
    const uint32_t *to;
    const uint32_t *weight;
    size_t count;
} rsi_view_row;

typedef struct rsi_view {
    void *context;
    uint32_t node_count;
    rs_status (*node)(void *context, uint32_t node, rsi_view_node *out, rs_error *err);
    /* Lent until the next row is asked for. */
    rs_status (*row)(void *context, uint32_t node, rsi_view_row *out, rs_error *err);
    /* These nodes, this row will be asked for soon; both NULL where it makes no difference. */
    void (*expect)(void *context, const uint32_t *nodes, size_t count);
    void (*expect_row)(void *context, uint32_t node);
} rsi_view;

/* How far a push may look, whatever the graph. */
typedef struct rsi_reach {
    size_t touched_max; /* nodes; beside them the node's own neighbours in any case */
    uint64_t links_max; /* links passed over */
} rsi_reach;
/* Each touched node may be a read from disk: so many fit into some hundredths of a second. */
#define RSI_REACH_QUICK                                                                            \
    (rsi_reach)                                                                                    \
    {                                                                                              \
        .touched_max = 640, .links_max = UINT64_C(1) << 20                                         \
    }
/* As far as memory and some seconds go. */
#define RSI_REACH_FAR                                                                              \
    (rsi_reach)                                                                                    \
    {                                                                                              \
        .touched_max = SIZE_MAX, .links_max = UINT64_C(1) << 24                                    \
    }

/* rs_spread_explain over any view. The answer depends on what the view shows, not on its kind. */
RS_MUST_USE rs_status rsi_view_explain(const rsi_view *view, const rs_spread_options *options,
                                       uint32_t node, double push_tolerance, rsi_reach reach,
                                       rs_explanation *out, rs_error *err);

/* A network as the run has it, lent. `window` is of `graph`; the caller frees it. */
typedef struct rsi_in_memory {
    const rs_adjacency *graph;
    uint32_t ground;
    const int64_t *seed;
    const int64_t *risk;
    rsi_window window;
} rsi_in_memory;
/* It as a view; `in` must stay. */
rsi_view rsi_view_in_memory(rsi_in_memory *in);

#endif
