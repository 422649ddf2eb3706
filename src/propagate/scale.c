/* scale.c - damping as an integer, the weight of a node.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "propagate/scale.h"

#include "propagate/roots.h"

rs_status rsi_damping_of(const rs_spread_options *options, rsi_damping *out, rs_error *err)
{
    if (!(options->damping >= 1e-6 && options->damping <= 1 - 1e-6)) {
        return rs_fail(err, RS_EUSAGE, "spread: damping is %.17g, expected 0.000001 to 0.999999",
                       options->damping);
    }
    if (!(options->tolerance >= 1e-9)) {
        return rs_fail(err, RS_EUSAGE, "spread: tolerance is %.17g, expected 1e-9 and more",
                       options->tolerance);
    }
    out->part = (uint64_t)(options->damping * 0x1p62);
    out->left = (UINT64_C(1) << 62) - out->part;
    return RS_OK;
}

uint64_t rsi_chebyshev_next(rsi_damping damping, uint64_t factor)
{
    /* damping / (2 - damping f), all in units of 2^-62. */
    uint64_t below = (UINT64_C(1) << 63) - (uint64_t)((rsi_u128)damping.part * factor >> 32);
    return (uint64_t)(((rsi_u128)damping.part << 32) / below);
}

/* At most 2^32 - 2 neighbours of at most 2^32 - 1 each, and the ground: (2^32 - 1)^2 < 2^64. */
uint64_t rsi_total_of(const rs_adjacency *graph, uint32_t ground, uint32_t node)
{
    if (graph->total != NULL) {
        return graph->total[node] + ground; /* so it always is where links are on disk */
    }
    uint64_t total = ground;
    for (uint64_t i = graph->first[node]; i < graph->first[node + 1]; i++) {
        total += graph->weight[i];
    }
    return total;
}
