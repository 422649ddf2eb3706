/* network.h - what risk travels over: evidence links, and the relations between subjects around
 * them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RINGSCOPE_NETWORK_H
#define RINGSCOPE_NETWORK_H

#include "error.h"
#include "evidence.h"
#include "graph.h"
#include "propagate.h"
#include "work.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Owned by the caller. `adjacency` points into what stands beside it and has a row for each node of
 * the graph; rows of things beyond those that evidence hangs on are empty. Links that do not fit
 * into work->memory_bytes are in a file: 24 bytes a node stay. */
typedef struct rs_network {
    rs_adjacency adjacency;
    uint64_t *first;
    uint64_t *total;
    struct rsi_links *links;
} rs_network;

/* Evidence links with their weight; each pair of subjects that a relation ties (payments, links,
 * actions) with an eighth of ln(N/d)/ln N, d the larger of their numbers of partners in that
 * relation. Weights of one pair add up. Hard links weigh 1. A thing with a seed (`seed` has an
 * entry a node, or is NULL) is tied to its users even where it is no evidence. Where nobody has a
 * seed nothing can spread, and all rows are empty. RS_ENOMEM, RS_EINTERRUPTED, and the store's. */
RS_API RS_MUST_USE rs_status rs_network_build(const rs_graph *graph, const rs_evidence *evidence,
                                              const rs_evidence_graph *collapsed,
                                              const int64_t *seed, const rs_work *work,
                                              rs_network *out, rs_error *err);
RS_API void rs_network_free(rs_network *network);

/* Give things their part: damping * (sum of the risk of its users, by use) / (uses + 1), over
 * relations of kind shared and identity; 0 at least, and never less than what `risk` has. So a
 * device that a known account used twice and nobody else has more than one that it used once among
 * a hundred. The one thing that nobody but one account uses gets its risk here: it links nobody, so
 * the spread need not know it. One streamed pass over these relations, 12 bytes a node; none where
 * no subject has a risk. */
RS_API RS_MUST_USE rs_status rs_network_things(const rs_graph *graph, double damping,
                                               const rs_work *work, int64_t *risk, rs_error *err);

#ifdef __cplusplus
}
#endif
#endif
