/* around.h - a few communities of a large graph, each with what is around it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_DETECT_AROUND_H
#define RSI_DETECT_AROUND_H

#include "detect/arcs.h"
#include "ringscope/detect.h"

/* Communities are numbered anew, by their smallest nodes; so are the nodes in any of them, as
 * vertices, ascending. { 0 } is empty; freed by rsi_around_free. */
typedef struct rsi_around {
    rsi_arcs arcs;          /* of all vertices */
    uint32_t *node;         /* by vertex */
    uint32_t *vertex_first; /* by community, one more at the end */
    uint32_t *vertices;     /* by community, ascending in each */
    size_t *near_first;     /* by what is asked for, one more at the end */
    uint32_t *near;         /* communities: first the one asked for, then what is around it */
} rsi_around;

/* Of each community that the options ask for: itself, and those that share links with it, those
 * that share most first, as long as they have at most RS_STEADY_AROUND nodes, or as many as itself;
 * one that does not fit is passed over, with its links. RS_ENOMEM. Three passes over the links, 8
 * bytes a node. */
RS_MUST_USE rs_status rsi_around_find(rsi_around *around, const rs_link_graph *graph,
                                      const uint32_t *label, const rs_steady_options *options,
                                      const rs_work *work, rs_error *err);
void rsi_around_free(rsi_around *around);

#endif
