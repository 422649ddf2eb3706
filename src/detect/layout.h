/* layout.h - a graph cut into pieces, each with its own small numbers.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_DETECT_LAYOUT_H
#define RSI_DETECT_LAYOUT_H

#include "detect/piece.h"
#include "ringscope/detect.h"
#include "ringscope/error.h"

/* A graph in either of two forms. Links: a < b, ascending by (a, b), each pair once. */
typedef struct rsi_source {
    uint32_t vertex_count;
    const uint8_t *is_member; /* this */
    const uint32_t *mass;     /* or this */
    size_t link_count;
    const uint32_t *a;
    const uint32_t *b;
    const uint32_t *weight32; /* this */
    const uint64_t *weight64; /* or this */
    const uint32_t *start;    /* a partition within the pieces, canonical; may be NULL */
} rsi_source;

rsi_source rsi_source_of(const rs_link_graph *graph);

/* Piece i: vertices[first_vertex[i] .. first_vertex[i+1]-1], ascending, are its vertices 0, 1, ...
 */
typedef struct rsi_layout {
    uint32_t piece_count;
    size_t *first_vertex; /* piece_count + 1 */
    size_t *first_link;   /* piece_count + 1 */
    uint32_t *vertices;
    uint32_t *mass;
    uint32_t *start; /* NULL where the source has none */
    uint32_t *a;
    uint32_t *b;
    uint64_t *weight;
} rsi_layout;

/* The pieces are the vertices of equal label, if two and more; label[v] is the smallest vertex of
 * v's piece, and the pieces come in ascending order of it. Links between pieces are left out. { 0 }
 * is empty; freed by rsi_layout_free. RS_ENOMEM. O(vertices + links). */
RS_MUST_USE rs_status rsi_layout_make(rsi_layout *layout, const rsi_source *source,
                                      const uint32_t *label, rs_error *err);
void rsi_layout_free(rsi_layout *layout);

rsi_piece rsi_layout_piece(const rsi_layout *layout, uint32_t piece);

#endif
