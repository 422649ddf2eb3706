/* hold.c - how firmly nodes belong to their communities: each cut again, finer and finer.
 *
 * A community is an optimum at one resolution. At twice that resolution, and twice again, its
 * fringe falls off, and what was merged falls apart; what stays together longest is its core. No
 * one resolution is right for all sizes of ring, so none is chosen: a node's hold is the mean over
 * them all.
 *
 * Communities are cut side by side, each by moves from a first guess (split.c, move.c), never by
 * igraph, so that other threads may run.
 *
 * Source: resolutions as a profile, Traag, Krings, Van Dooren 2013, "Significant scales in
 * community structure".
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/try.h"
#include "detect/move.h"
#include "detect/split.h"

enum { PIECES_A_BLOCK = 64 };

typedef struct holding {
    const rsi_layout *layout;
    uint32_t resolution;
    uint32_t *hold; /* by node of the graph */
} holding;

/* What one piece is worked on with; all by vertex. */
typedef struct scratch {
    rsi_arcs arcs;
    uint32_t *label;
    uint32_t *mass; /* of the subjects of each label */
    uint64_t *sum;  /* of the shares so far, millionths */
} scratch;

static void scratch_free(scratch *s)
{
    rsi_arcs_free(&s->arcs);
    free(s->label);
    free(s->mass);
    free(s->sum);
}

static rs_status scratch_make(scratch *s, const rsi_piece *piece, rs_error *err)
{
    size_t n = (size_t)piece->vertex_count + 1;
    s->label = malloc(n * sizeof *s->label);
    s->mass = malloc(n * sizeof *s->mass);
    s->sum = calloc(n, sizeof *s->sum);
    if (s->label == NULL || s->mass == NULL || s->sum == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u nodes of a community)",
                       piece->vertex_count);
    }
    return rsi_arcs_make(&s->arcs, piece, NULL, err);
}

/* Each vertex' part of the community, as a share of the largest part: subjects count. */
static void add_shares(scratch *s, const rsi_piece *piece)
{
    uint32_t n = piece->vertex_count;
    uint32_t largest = 1;
    memset(s->mass, 0, n * sizeof *s->mass);
    for (uint32_t v = 0; v < n; v++) {
        s->mass[s->label[v]] += piece->mass[v];
    }
    for (uint32_t v = 0; v < n; v++) {
        largest = s->mass[v] > largest ? s->mass[v] : largest;
    }
    for (uint32_t v = 0; v < n; v++) {
        s->sum[v] += (uint64_t)s->mass[s->label[v]] * RS_HOLD_ONE / largest;
    }
}

static rs_status hold_piece(const holding *h, uint32_t piece_number, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_piece piece = rsi_layout_piece(h->layout, piece_number);
    const uint32_t *node = h->layout->vertices + h->layout->first_vertex[piece_number];
    scratch s = {0};
    RS_TRY(scratch_make(&s, &piece, err));
    for (unsigned step = 1; step <= RS_HOLD_STEPS; step++) {
        uint32_t resolution = h->resolution << step;
        bool moved = false;
        RS_TRY(rsi_split_guess(&s.arcs, resolution, s.label, NULL, err));
        RS_TRY(rsi_move(&s.arcs, resolution, s.label, &moved, err));
        add_shares(&s, &piece);
    }
    for (uint32_t v = 0; v < piece.vertex_count; v++) {
        /* At the resolution itself all are one part. */
        h->hold[node[v]] = (uint32_t)((s.sum[v] + RS_HOLD_ONE) / (RS_HOLD_STEPS + 1));
    }
done:
    scratch_free(&s);
    return status;
}

static rs_status hold_block(void *context, size_t block, unsigned worker, rs_error *err)
{
    rs_status status = RS_OK;
    const holding *h = context;
    size_t end = (block + 1) * PIECES_A_BLOCK;
    end = end < h->layout->piece_count ? end : h->layout->piece_count;
    (void)worker;
    for (size_t piece = block * PIECES_A_BLOCK; piece < end; piece++) {
        RS_TRY(hold_piece(h, (uint32_t)piece, err));
    }
done:
    return status;
}

rs_status rs_detect_hold(const rs_link_graph *graph, const uint32_t *label, uint32_t resolution,
                         const rs_work *work, uint32_t *hold, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_layout layout = {0};
    rsi_source source = rsi_source_of(graph);
    holding h = {.layout = &layout, .hold = hold};
    h.resolution =
        resolution > UINT32_MAX >> RS_HOLD_STEPS ? UINT32_MAX >> RS_HOLD_STEPS : resolution;
    for (uint32_t v = 0; v < graph->node_count; v++) {
        hold[v] = RS_HOLD_ONE;
    }
    RS_TRY(rsi_layout_make(&layout, &source, label, err));
    RS_TRY(rsi_parallel(work, ((size_t)layout.piece_count + PIECES_A_BLOCK - 1) / PIECES_A_BLOCK,
                        hold_block, &h, err));
done:
    rsi_layout_free(&layout);
    return status;
}
