/* sides.h - edges and distinct other ends of every node of one relation, seen from both of its
 * ends.
 *
 * Unlike rs_graph_counts this counts things too, and edges of a node with itself.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_GRAPH_SIDES_H
#define RSI_GRAPH_SIDES_H

#include "ringscope/graph.h"

/* By rank in the range of the type at that end. */
typedef struct rsi_side {
    rs_node_range range;
    uint64_t *edges;
    uint32_t *peers;
} rsi_side;

typedef struct rsi_sides {
    rsi_side src;
    rsi_side dst;
} rsi_sides;

/* One reading where the relation is one sorted run, else two and 4 bytes an edge. RS_ENOMEM,
 * RS_EINTERRUPTED, the store's. */
RS_MUST_USE rs_status rsi_graph_sides(const rs_graph *graph, size_t relation, rsi_sides *out,
                                      const rs_work *work, rs_error *err);
void rsi_sides_free(rsi_sides *sides);

/* Who uses each thing of one type, over all relations of kind shared and identity: the subjects of
 * the thing at rank t are users[first[t]] .. users[first[t] + count[t] - 1], ascending, each once.
 */
typedef struct rsi_users {
    uint64_t *first;
    uint32_t *count;
    uint32_t *users;
} rsi_users;
/* Two readings of those relations; 4 bytes an edge. */
RS_MUST_USE rs_status rsi_graph_users(const rs_graph *graph, size_t range, rsi_users *out,
                                      const rs_work *work, rs_error *err);
void rsi_users_free(rsi_users *users);

#endif
