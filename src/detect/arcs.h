/* arcs.h - a graph as each vertex' neighbours, for algorithms that walk from vertex to vertex.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_DETECT_ARCS_H
#define RSI_DETECT_ARCS_H

#include <stdbool.h>

#include "detect/layout.h"

/* Neighbours of v: entries first[v] .. first[v+1]-1. Every link stands twice. */
typedef struct rsi_arcs {
    uint32_t vertex_count;
    uint32_t *mass;
    size_t *first;
    uint32_t *to;
    uint64_t *weight;
} rsi_arcs;

RS_MUST_USE rs_status rsi_arcs_make(rsi_arcs *arcs, const rsi_piece *piece, rs_error *err);
RS_MUST_USE rs_status rsi_arcs_copy(rsi_arcs *out, const rsi_arcs *arcs, rs_error *err);
/* Vertex v becomes number[v]; order is the reverse. */
RS_MUST_USE rs_status rsi_arcs_renumber(const rsi_arcs *arcs, const uint32_t *number,
                                        const uint32_t *order, rsi_arcs *out, rs_error *err);
void rsi_arcs_free(rsi_arcs *arcs);

/* Move single vertices to the neighbouring community where they add most, until none of those whose
 * neighbours moved wants to; after a call in which none did, none gains by a move.
 * `label` (below vertex_count) is where they start and where they end. `order` is the order in
 * which they are first asked; NULL: ascending. *moved is set when one does. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_arcs_move(const rsi_arcs *arcs, uint32_t resolution,
                                    const uint32_t *order, uint32_t *label, bool *moved,
                                    rs_error *err);

/* Within each community: from single vertices to well connected parts, each named by a vertex of
 * it, which are connected. *merged is false when all parts are single vertices. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_arcs_refine(const rsi_arcs *arcs, uint32_t resolution,
                                      const uint32_t *order, const uint32_t *label, uint32_t *part,
                                      bool *merged, rs_error *err);

/* One vertex for every label; labels are renumbered 0, 1, ... in order of the smallest vertex.
 * Neighbours come in the order in which they are met. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_arcs_contract(const rsi_arcs *arcs, uint32_t *label, rsi_arcs *out,
                                        rs_error *err);

#endif
