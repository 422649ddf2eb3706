/* layout.c - two stable counting sorts, of vertices and of links, by piece.
 *
 * Stable, so that vertices stay ascending in their piece and links ascending by (a, b).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/layout.h"

#include <stdlib.h>

#include "base/try.h"

#define NO_PIECE UINT32_MAX

rsi_source rsi_source_of(const rs_link_graph *graph)
{
    return (rsi_source){.vertex_count = graph->node_count,
                        .is_member = graph->is_member,
                        .link_count = graph->link_count,
                        .a = graph->a,
                        .b = graph->b,
                        .weight32 = graph->weight};
}

static void *array(size_t count, size_t size)
{
    return calloc(count + 1, size);
}

/* piece[v]: which piece v is in, NO_PIECE if it is alone. Returns how many pieces there are. */
static uint32_t number_pieces(uint32_t vertex_count, const uint32_t *label, uint32_t *piece)
{
    uint32_t count = 0;
    for (uint32_t v = 0; v < vertex_count; v++) {
        piece[v] = NO_PIECE;
    }
    for (uint32_t v = 0; v < vertex_count; v++) {
        /* The second vertex of a label shows that the label is a piece; the number waits for below.
         */
        if (label[v] != v) {
            piece[label[v]] = 0;
        }
    }
    for (uint32_t v = 0; v < vertex_count; v++) {
        if (label[v] != v) {
            piece[v] = piece[label[v]];
        } else if (piece[v] == 0) {
            piece[v] = count++;
        }
    }
    return count;
}

static rs_status count_all(rsi_layout *layout, const rsi_source *source, const uint32_t *piece,
                           rs_error *err)
{
    uint32_t count = layout->piece_count;
    layout->first_vertex = array((size_t)count + 1, sizeof *layout->first_vertex);
    layout->first_link = array((size_t)count + 1, sizeof *layout->first_link);
    if (layout->first_vertex == NULL || layout->first_link == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u pieces)", count);
    }
    for (uint32_t v = 0; v < source->vertex_count; v++) {
        if (piece[v] != NO_PIECE) {
            layout->first_vertex[piece[v] + 1]++;
        }
    }
    for (size_t k = 0; k < source->link_count; k++) {
        uint32_t p = piece[source->a[k]];
        if (p != NO_PIECE && p == piece[source->b[k]]) {
            layout->first_link[p + 1]++;
        }
    }
    for (uint32_t p = 0; p < count; p++) {
        layout->first_vertex[p + 1] += layout->first_vertex[p];
        layout->first_link[p + 1] += layout->first_link[p];
    }
    return RS_OK;
}

/* Both fills move first[p] up to first[p+1]; this moves all back by one. */
static void step_back(size_t *first, uint32_t count)
{
    for (uint32_t p = count; p > 0; p--) {
        first[p] = first[p - 1];
    }
    first[0] = 0;
}

static void place_vertices(rsi_layout *layout, const rsi_source *source, const uint32_t *piece,
                           uint32_t *local, size_t *start)
{
    for (uint32_t p = 0; p < layout->piece_count; p++) {
        start[p] = layout->first_vertex[p];
    }
    for (uint32_t v = 0; v < source->vertex_count; v++) {
        if (piece[v] != NO_PIECE) {
            size_t at = layout->first_vertex[piece[v]]++;
            layout->vertices[at] = v;
            layout->mass[at] = source->mass == NULL ? source->is_member[v] : source->mass[v];
            local[v] = (uint32_t)(at - start[piece[v]]);
            if (source->start != NULL) {
                layout->start[at] = local[source->start[v]]; /* the smallest came before */
            }
        }
    }
    step_back(layout->first_vertex, layout->piece_count);
}

static void place_links(rsi_layout *layout, const rsi_source *source, const uint32_t *piece,
                        const uint32_t *local)
{
    for (size_t k = 0; k < source->link_count; k++) {
        uint32_t a = source->a[k];
        uint32_t b = source->b[k];
        if (piece[a] != NO_PIECE && piece[a] == piece[b]) {
            size_t at = layout->first_link[piece[a]]++;
            layout->a[at] = local[a];
            layout->b[at] = local[b];
            layout->weight[at] =
                source->weight32 == NULL ? source->weight64[k] : source->weight32[k];
        }
    }
    step_back(layout->first_link, layout->piece_count);
}

rs_status rsi_layout_make(rsi_layout *layout, const rsi_source *source, const uint32_t *label,
                          rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t *piece = array(source->vertex_count, sizeof *piece);
    uint32_t *local = array(source->vertex_count, sizeof *local);
    size_t *start = NULL;
    if (piece == NULL || local == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u nodes)", source->vertex_count);
        goto done;
    }
    layout->piece_count = number_pieces(source->vertex_count, label, piece);
    RS_TRY(count_all(layout, source, piece, err));
    size_t vertex_count = layout->first_vertex[layout->piece_count];
    size_t link_count = layout->first_link[layout->piece_count];
    start = array(layout->piece_count, sizeof *start);
    layout->vertices = array(vertex_count, sizeof *layout->vertices);
    layout->mass = array(vertex_count, sizeof *layout->mass);
    layout->start = source->start == NULL ? NULL : array(vertex_count, sizeof *layout->start);
    layout->a = array(link_count, sizeof *layout->a);
    layout->b = array(link_count, sizeof *layout->b);
    layout->weight = array(link_count, sizeof *layout->weight);
    if (start == NULL || layout->vertices == NULL || layout->mass == NULL || layout->a == NULL ||
        layout->b == NULL || layout->weight == NULL ||
        (layout->start == NULL && source->start != NULL)) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu links)", link_count);
        goto done;
    }
    place_vertices(layout, source, piece, local, start);
    place_links(layout, source, piece, local);
done:
    free(start);
    free(local);
    free(piece);
    return status;
}

void rsi_layout_free(rsi_layout *layout)
{
    free(layout->weight);
    free(layout->b);
    free(layout->a);
    free(layout->start);
    free(layout->mass);
    free(layout->vertices);
    free(layout->first_link);
    free(layout->first_vertex);
    *layout = (rsi_layout){0};
}

rsi_piece rsi_layout_piece(const rsi_layout *layout, uint32_t piece)
{
    size_t vertex = layout->first_vertex[piece];
    size_t link = layout->first_link[piece];
    return (rsi_piece){
        .vertex_count = (uint32_t)(layout->first_vertex[piece + 1] - vertex),
        .mass = layout->mass + vertex,
        .link_count = layout->first_link[piece + 1] - link,
        .a = layout->a + link,
        .b = layout->b + link,
        .weight = layout->weight + link,
        .start = layout->start == NULL ? NULL : layout->start + vertex,
    };
}
