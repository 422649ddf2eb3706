/* finer.c - communities cut again, each by itself, at a finer resolution.
 *
 * By moves from a first guess (split.c, move.c), never by igraph, so that other threads may run;
 * blocks of communities side by side.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdbool.h>
#include <stdlib.h>

#include "base/parallel.h"
#include "base/try.h"
#include "detect/components.h"
#include "detect/move.h"
#include "detect/split.h"

enum { PIECES_A_BLOCK = 64 };

typedef struct cutting {
    const rsi_layout *layout;
    uint32_t resolution;
    uint32_t *part; /* by node of the graph: a node of its part */
} cutting;

static rs_status cut_piece(const cutting *c, uint32_t piece_number, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_piece piece = rsi_layout_piece(c->layout, piece_number);
    const uint32_t *node = c->layout->vertices + c->layout->first_vertex[piece_number];
    rsi_arcs arcs = {0};
    bool moved = false;
    uint32_t *label = malloc(((size_t)piece.vertex_count + 1) * sizeof *label);
    if (label == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u nodes of a community)",
                       piece.vertex_count);
    }
    RS_TRY(rsi_arcs_make(&arcs, &piece, NULL, err));
    RS_TRY(rsi_split_guess(&arcs, c->resolution, label, NULL, err));
    RS_TRY(rsi_move(&arcs, c->resolution, label, &moved, err));
    for (uint32_t v = 0; v < piece.vertex_count; v++) {
        c->part[node[v]] = node[label[v]];
    }
done:
    rsi_arcs_free(&arcs);
    free(label);
    return status;
}

static rs_status cut_block(void *context, size_t block, unsigned worker, rs_error *err)
{
    rs_status status = RS_OK;
    const cutting *c = context;
    size_t end = (block + 1) * PIECES_A_BLOCK;
    end = end < c->layout->piece_count ? end : c->layout->piece_count;
    (void)worker;
    for (size_t piece = block * PIECES_A_BLOCK; piece < end; piece++) {
        RS_TRY(cut_piece(c, (uint32_t)piece, err));
    }
done:
    return status;
}

rs_status rs_detect_finer(const rs_link_graph *graph, const uint32_t *label, uint32_t resolution,
                          const rs_work *work, uint32_t *finer, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_layout layout = {0};
    rsi_source source = rsi_source_of(graph);
    cutting c = {.layout = &layout, .resolution = resolution};
    c.part = malloc(((size_t)graph->node_count + 1) * sizeof *c.part);
    if (c.part == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u nodes)", graph->node_count);
    }
    for (uint32_t v = 0; v < graph->node_count; v++) {
        c.part[v] = v;
    }
    RS_TRY(rsi_layout_make(&layout, &source, label, err));
    RS_TRY(rsi_parallel(work, ((size_t)layout.piece_count + PIECES_A_BLOCK - 1) / PIECES_A_BLOCK,
                        cut_block, &c, err));
    rsi_components_within(graph, c.part, finer);
done:
    rsi_layout_free(&layout);
    free(c.part);
    return status;
}
