/* split.h - a piece too large for igraph is contracted, and what remains is cut into smaller
 * pieces.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_DETECT_SPLIT_H
#define RSI_DETECT_SPLIT_H

#include "detect/layout.h"
#include "ringscope/detect.h"

/* Vertex v of the piece is part of vertex `part[v]` of the contracted graph, whose pieces are
 * `parts`; part_count vertices in all, those in no piece are done. Both are freed by
 * rsi_split_free. */
typedef struct rsi_split {
    uint32_t vertex_count;
    uint32_t part_count;
    uint32_t *part;
    rsi_layout parts;
} rsi_split;

/* RS_ENOMEM, RS_EINTERRUPTED. 20 bytes a link beside the piece. */
RS_MUST_USE rs_status rsi_split_make(rsi_split *split, const rsi_piece *piece,
                                     const rs_detect_options *options, rs_error *err);
void rsi_split_free(rsi_split *split);

#endif
