/* propagate.h - risk spreads from seeds over a weighted graph, and every risk can be split back
 * into the seeds it came from.
 *
 *     p = q + damping * S p,    S = (D + g)^-1/2 W (D + g)^-1/2
 *
 * W are the links' weights, D their sums at each node, g (`ground`) the weight of a link that every
 * node has to nowhere: without it the only link of two nodes, however weak, would carry everything.
 * S is symmetric and no eigenvalue is above 1 in size, so damping < 1 is all it takes to converge.
 * Linear: p(u) = sum over seeds s of G(u,s) q(s), G = (I - damping S)^-1 symmetric.
 * Source: SybilSCAR's linear form, symmetric-normalised.
 *
 * Numbers are fixed point (RS_RISK_ONE is 1.0): sums do not depend on their order.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RINGSCOPE_PROPAGATE_H
#define RINGSCOPE_PROPAGATE_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "work.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RS_RISK_ONE (INT64_C(1) << 32)

/* Symmetric adjacency, lent: the neighbours of v are to[first[v]] .. to[first[v+1]-1], ascending,
 * each once, never v; weight[i] > 0 belongs to to[i] (1 << 20 is 1.0) and stands at both ends. */
typedef struct rs_adjacency {
    uint32_t node_count;
    const uint64_t *first; /* node_count + 1 */
    const uint32_t *to;
    const uint32_t *weight;
    const uint64_t *total; /* the sum of each node's weights; NULL: rows are summed when needed */
    const struct rsi_links
        *file; /* of rs_network_build: `to` and `weight` are NULL, links on disk */
} rs_adjacency;

typedef struct rs_spread_options {
    double damping;   /* 0.000001 to 0.999999 */
    uint32_t ground;  /* 1 << 20 is 1.0 */
    double tolerance; /* of any risk, absolute; proven, not hoped for; at least 1e-9 */
} rs_spread_options;
#define RS_SPREAD_DEFAULTS                                                                         \
    {                                                                                              \
        .damping = 0.85, .ground = UINT32_C(1) << 20, .tolerance = 1e-4                            \
    }

/* risk[v] for every node from seed[v] (0 for most; below 0 for known good; at most 1024.0 in size).
 * Both have node_count entries. A node that no seed reaches gets exactly 0. Equal bits whatever the
 * threads, and for renumbered nodes. Cost: some 20 to 30 rounds over the links that seeds reach, 24
 * bytes a node. RS_EUSAGE (options, seeds, a tolerance that 64 bits cannot give), RS_ENOMEM,
 * RS_EINTERRUPTED; *risk is then undefined. */
RS_API RS_MUST_USE rs_status rs_spread(const rs_adjacency *graph, const int64_t *seed,
                                       const rs_spread_options *options, const rs_work *work,
                                       int64_t *risk, rs_error *err);

/* One seed's part in the risk of a node. */
typedef struct rs_seed_share {
    uint32_t seed;
    double part; /* in units of risk: G(u,s) q(s); below 0 for a seed that holds risk back */
} rs_seed_share;

/* One way from a seed to the node. */
typedef struct rs_path {
    uint32_t nodes[12]; /* seed first, the node last */
    uint32_t length;    /* nodes in use, at most 12 */
    double part;        /* q(seed) times the product of damping * S along the way */
} rs_path;

typedef struct rs_explanation {
    double risk;       /* p(u) */
    double covered;    /* what the listed seeds account for */
    double unlisted;   /* what all the other seeds do */
    double remainder;  /* what the push left unassigned: risk = covered + unlisted + remainder, but
                        * for the spread's tolerance */
    size_t seed_count; /* all seeds with a part */
    rs_seed_share seeds[16]; /* the largest in size, ties by node */
    size_t listed_count;
    rs_path paths[8]; /* descending in size, ties by nodes: the best of each seed first of all, then
                       * the next best ones of any; none twice, no node twice in one */
    size_t path_count;
    double path_part; /* what the listed paths account for together */
} rs_explanation;

/* Explain risk[node], as rs_spread left it, by pushing from the node, what matters most first,
 * until the remainder is within push_tolerance, or no residual exceeds a 256th of push_tolerance *
 * sqrt(weight at its node). Cost grows with 1 / push_tolerance and is bounded (2^24 links), not
 * with the graph; memory with the nodes touched. RS_EUSAGE, RS_ENOMEM. */
RS_API RS_MUST_USE rs_status rs_spread_explain(const rs_adjacency *graph, const int64_t *seed,
                                               const int64_t *risk,
                                               const rs_spread_options *options, uint32_t node,
                                               double push_tolerance, rs_explanation *out,
                                               rs_error *err);

#ifdef __cplusplus
}
#endif
#endif
