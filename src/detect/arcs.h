/* arcs.h - a graph as each vertex' neighbours, for algorithms that walk from vertex to vertex.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_DETECT_ARCS_H
#define RSI_DETECT_ARCS_H

#include "detect/layout.h"

/* Neighbours of v: entries first[v] .. first[v+1]-1, ascending. Every link stands twice. */
typedef struct rsi_arcs {
    uint32_t vertex_count;
    uint32_t *mass;
    size_t *first;
    uint32_t *to;
    uint64_t *weight;
} rsi_arcs;

RS_MUST_USE rs_status rsi_arcs_make(rsi_arcs *arcs, const rsi_piece *piece, rs_error *err);
void rsi_arcs_free(rsi_arcs *arcs);

/* Move single vertices to the neighbouring community where they add most, until none wants to move;
 * `label` is where they start (below vertex_count) and where they end. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_arcs_move(const rsi_arcs *arcs, uint32_t resolution, uint32_t *label,
                                    rs_error *err);

/* One vertex for every label; labels are renumbered 0 .. in order of the smallest vertex.
 * RS_ENOMEM. */
RS_MUST_USE rs_status rsi_arcs_contract(const rsi_arcs *arcs, uint32_t *label, rsi_arcs *out,
                                        rs_error *err);

#endif
