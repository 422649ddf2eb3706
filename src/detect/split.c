/* split.c - contract by local moving until igraph can take it; cut what is still too large.
 *
 * Cost: see arcs.c; the contracted graph is all that igraph sees.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/split.h"

#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "detect/arcs.h"

static void *array(size_t count, size_t size)
{
    return malloc((count + 1) * size);
}

/* One level up: *arcs is moved, contracted, and part[] follows. */
static rs_status climb(rsi_arcs *arcs, uint32_t resolution, rsi_split *split, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_arcs next = {0};
    uint32_t *label = array(arcs->vertex_count, sizeof *label);
    if (label == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u nodes)", arcs->vertex_count);
    }
    for (uint32_t v = 0; v < arcs->vertex_count; v++) {
        label[v] = v;
    }
    RS_TRY(rsi_arcs_move(arcs, resolution, label, err));
    RS_TRY(rsi_arcs_contract(arcs, label, &next, err));
    for (uint32_t v = 0; v < split->vertex_count; v++) {
        split->part[v] = label[split->part[v]];
    }
    rsi_arcs_free(arcs);
    *arcs = next;
    next = (rsi_arcs){0};
done:
    rsi_arcs_free(&next);
    free(label);
    return status;
}

/* Breadth first from the smallest vertex that is left, `size_max` vertices to a group. */
static void group(const rsi_arcs *arcs, uint32_t size_max, uint32_t *label, uint32_t *queue)
{
    memset(label, 0xff, arcs->vertex_count * sizeof *label);
    for (uint32_t seed = 0; seed < arcs->vertex_count; seed++) {
        if (label[seed] != UINT32_MAX) {
            continue;
        }
        uint32_t end = 0;
        queue[end++] = seed;
        label[seed] = seed;
        for (uint32_t at = 0; at < end; at++) {
            uint32_t v = queue[at];
            for (size_t i = arcs->first[v]; i < arcs->first[v + 1] && end < size_max; i++) {
                uint32_t u = arcs->to[i];
                if (label[u] == UINT32_MAX) {
                    label[u] = seed;
                    queue[end++] = u;
                }
            }
        }
    }
}

/* The contracted graph as links, cut into groups. */
static rs_status cut(const rsi_arcs *arcs, uint32_t size_max, rsi_split *split, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t n = arcs->vertex_count;
    size_t arc_count = arcs->first[n];
    uint32_t *label = array(n, sizeof *label);
    uint32_t *queue = array(n, sizeof *queue);
    uint32_t *from = array(arc_count / 2, sizeof *from);
    uint32_t *to = array(arc_count / 2, sizeof *to);
    uint64_t *weight = array(arc_count / 2, sizeof *weight);
    if (label == NULL || queue == NULL || from == NULL || to == NULL || weight == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu links)", arc_count / 2);
        goto done;
    }
    size_t link_count = 0;
    for (uint32_t v = 0; v < n; v++) {
        for (size_t i = arcs->first[v]; i < arcs->first[v + 1]; i++) {
            if (arcs->to[i] > v) {
                from[link_count] = v;
                to[link_count] = arcs->to[i];
                weight[link_count++] = arcs->weight[i];
            }
        }
    }
    group(arcs, size_max, label, queue);
    rsi_source source = {.vertex_count = n,
                         .mass = arcs->mass,
                         .link_count = link_count,
                         .a = from,
                         .b = to,
                         .weight64 = weight};
    split->part_count = n;
    RS_TRY(rsi_layout_make(&split->parts, &source, label, err));
done:
    free(weight);
    free(to);
    free(from);
    free(queue);
    free(label);
    return status;
}

rs_status rsi_split_make(rsi_split *split, const rsi_piece *piece, const rs_detect_options *options,
                         rs_error *err)
{
    rs_status status = RS_OK;
    rsi_arcs arcs = {0};
    uint32_t before;
    split->vertex_count = piece->vertex_count;
    split->part = array(piece->vertex_count, sizeof *split->part);
    if (split->part == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u nodes)", piece->vertex_count);
    }
    for (uint32_t v = 0; v < piece->vertex_count; v++) {
        split->part[v] = v;
    }
    RS_TRY(rsi_arcs_make(&arcs, piece, err));
    do {
        before = arcs.vertex_count;
        RS_TRY(climb(&arcs, options->resolution, split, err));
    } while (arcs.vertex_count > options->component_max && arcs.vertex_count < before);
    RS_TRY(cut(&arcs, options->component_max, split, err));
done:
    rsi_arcs_free(&arcs);
    return status;
}

void rsi_split_free(rsi_split *split)
{
    rsi_layout_free(&split->parts);
    free(split->part);
    *split = (rsi_split){0};
}
