/* arcs.h - a graph as each vertex' neighbours, for algorithms that walk from vertex to vertex.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_DETECT_ARCS_H
#define RSI_DETECT_ARCS_H

#include "detect/layout.h"
#include "ringscope/work.h"

/* 12 bytes side by side: a list of neighbours is read from end to end, and written anywhere. */
typedef struct __attribute__((packed, aligned(4))) rsi_arc {
    uint32_t to;
    uint64_t weight;
} rsi_arc;

/* Neighbours of v: list[first[v]] .. list[first[v+1]-1]. Every link stands twice. */
typedef struct rsi_arcs {
    uint32_t vertex_count;
    uint32_t *mass;
    size_t *first;
    rsi_arc *list;
} rsi_arcs;

/* Room for so many; `first` is all 0, the rest is not set. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_arcs_allocate(rsi_arcs *arcs, uint32_t vertex_count, size_t arc_count,
                                        rs_error *err);
/* RS_ENOMEM, here and below; { 0 } is empty, what is made is freed by rsi_arcs_free. All three run
 * on work->threads (work may be NULL), which changes nothing of the answer. */
RS_MUST_USE rs_status rsi_arcs_make(rsi_arcs *arcs, const rsi_piece *piece, const rs_work *work,
                                    rs_error *err);
/* Vertex order[v] becomes v; number is the reverse. */
RS_MUST_USE rs_status rsi_arcs_renumber(const rsi_arcs *arcs, const uint32_t *number,
                                        const uint32_t *order, rsi_arcs *out, const rs_work *work,
                                        rs_error *err);
/* Labels, below vertex_count, become 0, 1, ... in order of the smallest vertex; returns how many
 * there are. `number` is scratch of as many entries. */
uint32_t rsi_arcs_number(uint32_t vertex_count, uint32_t *label, uint32_t *number);
/* One vertex for every label; labels are renumbered 0, 1, ... in order of the smallest vertex.
 * Neighbours come in the order in which they are met. */
RS_MUST_USE rs_status rsi_arcs_contract(const rsi_arcs *arcs, uint32_t *label, rsi_arcs *out,
                                        const rs_work *work, rs_error *err);
void rsi_arcs_free(rsi_arcs *arcs);

#endif
