/* arcs.c - making, renumbering and contracting a graph of neighbours.
 *
 * Invariant: lists come out in an order that depends on the input alone.
 * Cost: 20 to 35 ns an arc where the graph does not fit the caches; 24 bytes a link.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/arcs.h"

#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "detect/ahead.h"

#define AHEAD_COUNT 16 /* links ahead: where their ends' lists stand */
#define AHEAD_PLACE 8  /* links ahead: the place in the list */

/* ---- making --------------------------------------------------------------------------------- */

static rs_status allocate(rsi_arcs *arcs, uint32_t vertex_count, size_t arc_count, rs_error *err)
{
    arcs->vertex_count = vertex_count;
    arcs->mass = malloc(((size_t)vertex_count + 1) * sizeof *arcs->mass);
    arcs->first = calloc((size_t)vertex_count + 2, sizeof *arcs->first);
    arcs->list = malloc((arc_count + 1) * sizeof *arcs->list);
    if (arcs->mass == NULL || arcs->first == NULL || arcs->list == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu links)", arc_count / 2);
    }
    return RS_OK;
}

/* Each link goes to the end of its `at` vertex' list; next[v] is where that is. */
static void enter(const rsi_piece *piece, const uint32_t *at, const uint32_t *to, size_t *next,
                  rsi_arc *list)
{
    for (size_t k = 0; k < piece->link_count; k++) {
        if (piece->link_count - k > AHEAD_COUNT) {
            __builtin_prefetch(&next[at[k + AHEAD_COUNT]], 1);
            __builtin_prefetch(&list[next[at[k + AHEAD_PLACE]]], 1);
        }
        list[next[at[k]]++] = (rsi_arc){to[k], piece->weight[k]};
    }
}

rs_status rsi_arcs_make(rsi_arcs *arcs, const rsi_piece *piece, rs_error *err)
{
    rs_status status = allocate(arcs, piece->vertex_count, 2 * piece->link_count, err);
    if (status != RS_OK) {
        return status;
    }
    memcpy(arcs->mass, piece->mass, piece->vertex_count * sizeof *arcs->mass);
    /* first[v+2] counts, then first[v+1] is where v's next neighbour goes: it ends as v's end. */
    for (size_t k = 0; k < piece->link_count; k++) {
        arcs->first[piece->a[k] + 2]++;
        arcs->first[piece->b[k] + 2]++;
    }
    for (uint32_t v = 0; v < piece->vertex_count; v++) {
        arcs->first[v + 2] += arcs->first[v + 1];
    }
    /* Two passes in link order: v's smaller neighbours come ascending, then the larger ones. */
    enter(piece, piece->b, piece->a, arcs->first + 1, arcs->list);
    enter(piece, piece->a, piece->b, arcs->first + 1, arcs->list);
    return RS_OK;
}

rs_status rsi_arcs_renumber(const rsi_arcs *arcs, const uint32_t *number, const uint32_t *order,
                            rsi_arcs *out, rs_error *err)
{
    uint32_t n = arcs->vertex_count;
    size_t at = 0;
    rs_status status = allocate(out, n, arcs->first[n], err);
    if (status != RS_OK) {
        return status;
    }
    for (uint32_t v = 0; v < n; v++) {
        uint32_t old = order[v];
        if (n - v > RSI_AHEAD_FIRST) {
            rsi_look_ahead(arcs, rsi_ahead_in(order, v), number, number, 0);
        }
        out->mass[v] = arcs->mass[old];
        for (size_t i = arcs->first[old]; i < arcs->first[old + 1]; i++) {
            out->list[at++] = (rsi_arc){number[arcs->list[i].to], arcs->list[i].weight};
        }
        out->first[v + 1] = at;
    }
    return RS_OK;
}

void rsi_arcs_free(rsi_arcs *arcs)
{
    free(arcs->list);
    free(arcs->first);
    free(arcs->mass);
    *arcs = (rsi_arcs){0};
}

/* ---- contracting ---------------------------------------------------------------------------- */

/* Labels become 0, 1, ... by first vertex; `number` is scratch. */
static uint32_t renumber(uint32_t vertex_count, uint32_t *label, uint32_t *number)
{
    uint32_t count = 0;
    memset(number, 0xff, vertex_count * sizeof *number);
    for (uint32_t v = 0; v < vertex_count; v++) {
        uint32_t *mine = &number[label[v]];
        *mine = *mine == UINT32_MAX ? count++ : *mine;
        label[v] = *mine;
    }
    return count;
}

/* The arcs of one contracted vertex, appended at `at`; `linked` is all 0 before and after. */
static size_t append(const rsi_arcs *arcs, const uint32_t *label, const uint32_t *members,
                     uint32_t from, uint32_t to, rsi_arcs *out, size_t at, uint64_t *linked)
{
    size_t start = at;
    for (uint32_t m = from; m < to; m++) {
        uint32_t v = members[m];
        if (arcs->vertex_count - m > RSI_AHEAD_FIRST) {
            rsi_look_ahead(arcs, rsi_ahead_in(members, m), label, linked, sizeof *linked);
        }
        for (size_t i = arcs->first[v]; i < arcs->first[v + 1]; i++) {
            uint32_t c = label[arcs->list[i].to];
            if (c != label[v]) {
                if (linked[c] == 0) {
                    out->list[at++].to = c;
                }
                linked[c] += arcs->list[i].weight;
            }
        }
    }
    for (size_t i = start; i < at; i++) {
        out->list[i].weight = linked[out->list[i].to];
        linked[out->list[i].to] = 0;
    }
    return at;
}

rs_status rsi_arcs_contract(const rsi_arcs *arcs, uint32_t *label, rsi_arcs *out, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t n = arcs->vertex_count;
    uint32_t *members = malloc(((size_t)n + 1) * sizeof *members); /* first: number of a label */
    uint32_t *first = NULL;
    uint64_t *linked = NULL;
    if (members == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u nodes to contract)", n);
        goto done;
    }
    uint32_t count = renumber(n, label, members);
    first = calloc((size_t)count + 2, sizeof *first);
    linked = calloc((size_t)count + 1, sizeof *linked);
    if (first == NULL || linked == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u nodes to contract)", n);
        goto done;
    }
    RS_TRY(allocate(out, count, arcs->first[n], err));
    for (uint32_t v = 0; v < n; v++) {
        first[label[v] + 2]++;
    }
    for (uint32_t c = 0; c < count; c++) {
        first[c + 2] += first[c + 1];
        out->mass[c] = 0;
    }
    for (uint32_t v = 0; v < n; v++) {
        members[first[label[v] + 1]++] = v;
        out->mass[label[v]] += arcs->mass[v];
    }
    for (uint32_t c = 0; c < count; c++) {
        out->first[c + 1] =
            append(arcs, label, members, first[c], first[c + 1], out, out->first[c], linked);
    }
done:
    free(linked);
    free(first);
    free(members);
    return status;
}
