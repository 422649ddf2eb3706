/* view.h - a network as one looks at it row by row: in memory, or in the file that a run keeps.
 *
 * Who explains a risk visits a few hundred nodes of millions; so it asks for each, and never for
 * all of them. A row may be cut to the links that bring the node most of its risk: what it leaves
 * out is part of what stays unassigned, and of nothing else.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_PROPAGATE_VIEW_H
#define RSI_PROPAGATE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "propagate/links.h"

#define RSI_LINK_ONE (UINT64_C(1) << 62)

/* Links of a row that is cut: those that bring the node most, ties by node; none that brings less
 * than a 4096th of what the first one does, and none that brings less than 2^-17 of risk
 * (.0000076): a tenth of what a risk is known to, and of what is told. Few links, or parts too
 * small, tell a wrong story of who is behind a risk. */
enum { RSI_KEPT_LINKS = 128, RSI_KEPT_LEAST = 4096 };
#define RSI_KEPT_PART (RS_RISK_ONE >> 17)
/* Of a link of a cut row this many bits are left, the others are 0: its part of a risk is told at
 * most 2^-11 of it too small, never too large. */
enum { RSI_KEPT_LINK_BITS = 12 };

/* A node and its links, ends ascending. */
typedef struct rsi_view_row {
    int64_t risk; /* as rs_spread left it */
    int64_t seed;
    const uint32_t *to;
    const uint64_t *link; /* damping * S, in units of 2^-62, below 2^62 */
    const uint8_t *bits;  /* of the other end's |risk|, rsi_bits */
    size_t count;
} rsi_view_row;

typedef struct rsi_view {
    void *context;
    uint32_t node_count;
    /* Lent until the next row is asked for. */
    rs_status (*row)(void *context, uint32_t node, rsi_view_row *out, rs_error *err);
    /* This row will be asked for soon; said twice, some time between. NULL where it makes no
     * difference. */
    void (*expect)(void *context, uint32_t node);
} rsi_view;

/* How far a push may look, whatever the graph. */
typedef struct rsi_reach {
    size_t opened_max;  /* rows */
    uint64_t links_max; /* links passed over */
} rsi_reach;
/* Each row may be a read from disk: so many fit into some hundredths of a second. */
#define RSI_REACH_QUICK                                                                            \
    (rsi_reach)                                                                                    \
    {                                                                                              \
        .opened_max = 256, .links_max = UINT64_C(1) << 20                                          \
    }
/* As far as memory and some seconds go. */
#define RSI_REACH_FAR                                                                              \
    (rsi_reach)                                                                                    \
    {                                                                                              \
        .opened_max = SIZE_MAX, .links_max = UINT64_C(1) << 24                                     \
    }

/* rs_spread_explain over any view. The answer depends on what the view shows, not on its kind. */
RS_MUST_USE rs_status rsi_view_explain(const rsi_view *view, const rs_spread_options *options,
                                       uint32_t node, double push_tolerance, rsi_reach reach,
                                       rs_explanation *out, rs_error *err);

/* A network in memory, lent. */
typedef struct rsi_network_rows rsi_network_rows;
/* Rows whole, or cut as a run keeps them; then O(nodes) time and 16 bytes a node for what all rows
 * ask for. RS_EUSAGE, RS_ENOMEM. */
RS_MUST_USE rs_status rsi_network_rows_new(rsi_network_rows **out, const rs_adjacency *graph,
                                           const rs_spread_options *options, const int64_t *seed,
                                           const int64_t *risk, bool cut, rs_error *err);
/* The same rows for another thread; they go before those. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_network_rows_beside(rsi_network_rows **out, const rsi_network_rows *rows,
                                              rs_error *err);
void rsi_network_rows_free(rsi_network_rows *rows);
/* They as a view, which goes with them. */
rsi_view rsi_network_rows_view(rsi_network_rows *rows);

#endif
