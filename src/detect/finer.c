/* finer.c - communities cut again, each by itself, and their parts, finer and finer.
 *
 * By moves from a first guess (split.c, move.c), never by igraph, so that other threads may run;
 * blocks of communities side by side. A part that holds is asked again at the next step as it is;
 * one that falls apart is laid out anew.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/try.h"
#include "detect/components.h"
#include "detect/move.h"
#include "detect/split.h"

enum { PIECES_A_BLOCK = 64 };

typedef struct cutting {
    const rsi_layout *layout;
    uint32_t resolution;
    uint32_t *const *finer; /* by step, then by node of the graph */
} cutting;

/* A part to be cut: a piece, and which node of the graph each of its vertices is. */
typedef struct part {
    rsi_piece piece;
    uint32_t *node;
} part;

/* Whether the part holds at a resolution; label[v] becomes the smallest vertex of what v is in. */
static rs_status cut_once(const part *p, const rsi_arcs *arcs, uint32_t resolution, uint32_t *label,
                          bool *holds, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t n = p->piece.vertex_count;
    uint32_t *community = label + n;
    const rs_link_graph links = {
        .node_count = n, .link_count = p->piece.link_count, .a = p->piece.a, .b = p->piece.b};
    bool moved = false;
    RS_TRY(rsi_split_guess(arcs, resolution, community, NULL, err));
    RS_TRY(rsi_move(arcs, resolution, community, &moved, err));
    rsi_components_within(&links, community, label);
    *holds = true;
    for (uint32_t v = 0; v < n && *holds; v++) {
        *holds = label[v] == 0;
    }
done:
    return status;
}

/* From *step on until the part falls apart, at *step, or the last is done. */
static rs_status cut_until(const cutting *c, const part *p, uint32_t *label, unsigned *step,
                           rs_error *err)
{
    rs_status status = RS_OK;
    rsi_arcs arcs = {0};
    bool holds = true;
    RS_TRY(rsi_arcs_make(&arcs, &p->piece, NULL, err));
    while (holds && *step < RS_FINER_STEPS) {
        RS_TRY(cut_once(p, &arcs, c->resolution << (*step + 1), label, &holds, err));
        for (uint32_t v = 0; v < p->piece.vertex_count; v++) {
            c->finer[*step][p->node[v]] = p->node[label[v]];
        }
        *step += holds;
    }
done:
    rsi_arcs_free(&arcs);
    return status;
}

static rs_status cut_part(const cutting *c, const part *p, unsigned step, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_layout parts = {0};
    uint32_t *label = malloc(((size_t)p->piece.vertex_count + 1) * 2 * sizeof *label);
    if (label == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u nodes of a community)",
                       p->piece.vertex_count);
    }
    RS_TRY(cut_until(c, p, label, &step, err));
    if (step + 1 >= RS_FINER_STEPS) {
        goto done;
    }
    rsi_source source = {.vertex_count = p->piece.vertex_count,
                         .mass = p->piece.mass,
                         .link_count = p->piece.link_count,
                         .a = p->piece.a,
                         .b = p->piece.b,
                         .weight64 = p->piece.weight};
    RS_TRY(rsi_layout_make(&parts, &source, label, err));
    for (size_t i = 0; i < parts.first_vertex[parts.piece_count]; i++) {
        parts.vertices[i] = p->node[parts.vertices[i]];
    }
    for (uint32_t i = 0; i < parts.piece_count; i++) {
        part next = {.piece = rsi_layout_piece(&parts, i),
                     .node = parts.vertices + parts.first_vertex[i]};
        RS_TRY(cut_part(c, &next, step + 1, err));
    }
done:
    rsi_layout_free(&parts);
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
    for (size_t i = block * PIECES_A_BLOCK; i < end; i++) {
        part p = {.piece = rsi_layout_piece(c->layout, (uint32_t)i),
                  .node = c->layout->vertices + c->layout->first_vertex[i]};
        RS_TRY(cut_part(c, &p, 0, err));
    }
done:
    return status;
}

rs_status rs_detect_finer(const rs_link_graph *graph, const uint32_t *label, uint32_t resolution,
                          const rs_work *work, uint32_t *const finer[RS_FINER_STEPS], rs_error *err)
{
    rs_status status = RS_OK;
    rsi_layout layout = {0};
    rsi_source source = rsi_source_of(graph);
    uint32_t most = UINT32_MAX >> RS_FINER_STEPS;
    cutting c = {.layout = &layout, .finer = finer};
    c.resolution = resolution < most ? resolution : most;
    for (unsigned step = 0; step < RS_FINER_STEPS; step++) {
        for (uint32_t v = 0; v < graph->node_count; v++) {
            finer[step][v] = v;
        }
    }
    RS_TRY(rsi_layout_make(&layout, &source, label, err));
    RS_TRY(rsi_parallel(work, ((size_t)layout.piece_count + PIECES_A_BLOCK - 1) / PIECES_A_BLOCK,
                        cut_block, &c, err));
done:
    rsi_layout_free(&layout);
    return status;
}
