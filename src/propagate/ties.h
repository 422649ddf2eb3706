/* ties.h - who is tied to whom by one relation between subjects, each pair once at either end.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_PROPAGATE_TIES_H
#define RSI_PROPAGATE_TIES_H

#include "propagate/links.h"
#include "ringscope/graph.h"
#include "ringscope/network.h"

typedef struct rsi_ties {
    uint64_t *first;  /* subjects + 1: partners of v are links first[v] .. first[v + 1] - 1 */
    uint32_t *weight; /* by subject: what a tie of this relation may weigh at this end */
    rsi_links links;
    rs_adjacency graph; /* all of this as a graph without weights */
    rsi_window window;  /* for whoever reads the rows in their order */
} rsi_ties;

/* Read a relation between two subject types. Where its ties need more than `memory_bytes` (0: no
 * limit) they go to a file. RS_ENOMEM, RS_EIO, and the store's. */
RS_MUST_USE rs_status rsi_ties_read(rsi_ties *ties, const rs_graph *graph, size_t relation,
                                    uint64_t memory_bytes, const rs_work *work, rs_error *err);
/* The same from a timeline that left nothing out, without reading anything. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_ties_in_time(rsi_ties *ties, const rs_graph *graph,
                                       const rs_timeline *timeline, rs_error *err);
void rsi_ties_free(rsi_ties *ties);

/* ---- for the network ------------------------------------------------------------------------- */

/* The ties of those relations that timelines tell whole: an entry for each relation of the store,
 * without `first` where they are to be read. NULL where nobody has a seed, and no network is
 * needed. `timelines` has an entry for each relation. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_known_ties(rsi_ties **out, const rs_graph *graph,
                                     const rs_timeline *timelines, const int64_t *seed,
                                     rs_error *err);
void rsi_known_ties_free(rsi_ties *known, const rs_graph *graph); /* NULL is fine */

typedef struct rsi_network_input {
    const rs_graph *graph;
    const rs_evidence *evidence;
    const rs_evidence_graph *collapsed;
    const int64_t *seed; /* NULL: not known yet */
    rsi_ties *known;     /* of rsi_known_ties, which are taken out of it, or NULL */
} rsi_network_input;
/* rs_network_build. */
RS_MUST_USE rs_status rsi_network_build(const rsi_network_input *input, const rs_work *work,
                                        rs_network *out, rs_error *err);

#endif
