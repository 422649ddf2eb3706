/* split.h - a component too large for igraph: cut by moves over a pyramid of contracted graphs, of
 * which igraph gets a level that is small.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_DETECT_SPLIT_H
#define RSI_DETECT_SPLIT_H

#include "detect/arcs.h"
#include "ringscope/detect.h"

/* A graph, and for each of its vertices the vertex of the graph above that it is part of. */
typedef struct rsi_level {
    rsi_arcs arcs;
    uint32_t *part; /* NULL: nothing is above */
} rsi_level;

/* Vertex v of the piece is vertex number[v] of level 0. The last level has part_count vertices.
 * `parts` are its pieces, each of whole communities and at most component_max vertices, each with
 * the communities found so far as its start; `start` is the same for all of its vertices, also
 * those in no piece. { 0 } is empty; freed by rsi_split_free. */
typedef struct rsi_split {
    uint32_t vertex_count;
    uint32_t *number;
    rsi_level *levels;
    uint32_t level_count;
    uint32_t part_count;
    uint32_t *start;
    rsi_layout parts;
} rsi_split;

/* RS_ENOMEM, RS_EINTERRUPTED. About 0.6 microseconds and 50 bytes a link beside the piece. */
RS_MUST_USE rs_status rsi_split_make(rsi_split *split, const rsi_piece *piece,
                                     const rs_detect_options *options, const rs_work *work,
                                     rs_error *err);
/* From the communities of the last level's vertices (labels below part_count) to those of the
 * piece's: label[v] is the smallest vertex of v's community. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_split_finish(const rsi_split *split, uint32_t resolution,
                                       const uint32_t *community, uint32_t *label, rs_error *err);
void rsi_split_free(rsi_split *split);

/* One more round from any partition: no step lowers the sum; a part that had better leave its
 * community does, and so does a community that had better join another. Takes *arcs; label[v] is
 * below the vertex count, before and after. On one thread. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_split_again(rsi_arcs *arcs, uint32_t resolution, uint64_t random_seed,
                                      uint32_t *label, rs_error *err);

/* A partition to begin with: each vertex that is still alone joins where it adds most, once; what
 * joined is contracted; again, until few join. label[v] is below the vertex count. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_split_guess(const rsi_arcs *bottom, uint32_t resolution, uint32_t *label,
                                      const rs_work *work, rs_error *err);

#endif
