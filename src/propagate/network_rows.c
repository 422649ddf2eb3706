/* network_rows.c - the rows of a network in memory, whole or cut to what brings a node most of its
 * risk.
 *
 * What an end v brings to u is damping S(u,v) |p(v)|; within a row this orders as weight |p(v)| /
 * sqrt(d(v)). The order is that of 64-bit integers, so that it is the same everywhere.
 *
 * Memory: 8 bytes a node for roots; of a row 13 bytes a link.
 * Cost: a root a node once; a row is its links, and of a cut one a place among the kept for each.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/try.h"
#include "propagate/links.h"
#include "propagate/roots.h"
#include "propagate/scale.h"
#include "propagate/view.h"

struct rsi_network_rows {
    const rs_adjacency *graph;
    rsi_window window;
    const int64_t *seed;
    const int64_t *risk;
    rsi_damping damping;
    uint32_t ground;
    bool cut;
    uint64_t *root; /* of each node, NULL unless cut: 1/sqrt(d): mantissa, the lowest ROOT_BITS bits
                       how often it is halved */
    size_t room;
    uint32_t *to;
    uint64_t *link;
    uint8_t *bits;
};

/* Two roots' mantissas make 1/sqrt(d d') within 2^-56, whatever the lowest bits of them are. */
enum { ROOT_BITS = 5 };
#define ROOT_MASK ((UINT64_C(1) << ROOT_BITS) - 1)

static uint64_t make_root(const rsi_network_rows *rows, uint32_t node)
{
    uint64_t total = rsi_total_of(rows->graph, rows->ground, node);
    rsi_root root = {0};
    if (total != 0) { /* 0 only where there is neither link nor ground */
        root = rsi_root_of(total);
    }
    return (root.mantissa & ~ROOT_MASK) | root.halves;
}

static uint64_t root_of(const rsi_network_rows *rows, uint32_t node)
{
    return rows->root != NULL ? rows->root[node] : make_root(rows, node);
}

rs_status rsi_network_rows_new(rsi_network_rows **out, const rs_adjacency *graph,
                               const rs_spread_options *options, const int64_t *seed,
                               const int64_t *risk, bool cut, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_network_rows *rows = calloc(1, sizeof *rows);
    if (rows == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (rows of a network)");
    }
    *rows = (rsi_network_rows){.graph = graph,
                               .window = rsi_window_of(graph),
                               .ground = options->ground,
                               .seed = seed,
                               .risk = risk,
                               .cut = cut};
    RS_TRY(rsi_damping_of(options, &rows->damping, err));
    if (cut) {
        uint64_t *root = malloc(((size_t)graph->node_count + 1) * sizeof *root);
        if (root == NULL) {
            status = rs_fail(err, RS_ENOMEM, "out of memory (%u nodes)", graph->node_count);
            goto done;
        }
        for (uint32_t v = 0; v < graph->node_count; v++) {
            root[v] = make_root(rows, v);
        }
        rows->root = root;
    }
    *out = rows;
    rows = NULL; /* moved to the caller */
done:
    rsi_network_rows_free(rows);
    return status;
}

void rsi_network_rows_free(rsi_network_rows *rows)
{
    if (rows != NULL) {
        rsi_window_free(&rows->window);
        free(rows->root);
        free(rows->to);
        free(rows->link);
        free(rows->bits);
        free(rows);
    }
}

static rs_status row_room(rsi_network_rows *rows, size_t count, rs_error *err)
{
    if (count <= rows->room) {
        return RS_OK;
    }
    free(rows->to);
    free(rows->link);
    free(rows->bits);
    rows->room = 0;
    rows->to = malloc(count * sizeof *rows->to);
    rows->link = malloc(count * sizeof *rows->link);
    rows->bits = malloc(count);
    if (rows->to == NULL || rows->link == NULL || rows->bits == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (a row of %zu links)", count);
    }
    rows->room = count;
    return RS_OK;
}

static uint64_t size_of(int64_t x)
{
    return x < 0 ? -(uint64_t)x : (uint64_t)x;
}

/* damping * S between two nodes that a link of this weight joins; the same both ways. */
static uint64_t link_of(const rsi_network_rows *rows, uint32_t a, uint32_t b, uint32_t weight)
{
    /* weight 2^-20 times two roots of mantissa 2^(halves - 84) each, in units of 2^-62. */
    uint64_t left = root_of(rows, a), right = root_of(rows, b);
    uint64_t roots = (uint64_t)((rsi_u128)(left & ~ROOT_MASK) * (right & ~ROOT_MASK) >> 64);
    unsigned halves = (unsigned)(left & ROOT_MASK) + (unsigned)(right & ROOT_MASK);
    uint64_t share = (uint64_t)((rsi_u128)roots * weight >> (62 - halves));
    uint64_t link = (uint64_t)((rsi_u128)share * rows->damping.part >> 62);
    return link < RSI_LINK_ONE ? link : RSI_LINK_ONE - 1;
}

static uint64_t cut_link(uint64_t link)
{
    unsigned bits = rsi_bits(link);
    unsigned low = bits > RSI_KEPT_LINK_BITS ? bits - RSI_KEPT_LINK_BITS : 0;
    return link >> low << low;
}

/* A link in the running for a place in a cut row. */
typedef struct candidate {
    uint64_t brings; /* in units that are the same within a row */
    uint64_t at;
} candidate;

static uint64_t brought(const rsi_network_rows *rows, uint32_t to, uint32_t weight)
{
    uint64_t root = rows->root[to];
    uint64_t part = (uint64_t)((rsi_u128)(root & ~ROOT_MASK) * size_of(rows->risk[to]) >> 64);
    /* Above 2^-31 of what may come, and weights have 20 bits behind their point. */
    return (uint64_t)((rsi_u128)part * weight >> (31 - (unsigned)(root & ROOT_MASK)));
}

/* Put a link among the first ones, which descend. Links come in order of their ends. */
static size_t keep(candidate *kept, size_t count, candidate made)
{
    size_t at = count;
    while (at > 0 && kept[at - 1].brings < made.brings) {
        at--;
    }
    if (at >= RSI_KEPT_LINKS) {
        return count;
    }
    size_t last = count < RSI_KEPT_LINKS ? count : RSI_KEPT_LINKS - 1;
    for (size_t i = last; i > at; i--) {
        kept[i] = kept[i - 1];
    }
    kept[at] = made;
    return last + 1;
}

static void add(rsi_network_rows *rows, uint32_t node, uint32_t to, uint32_t weight, size_t *count)
{
    uint64_t link = link_of(rows, node, to, weight);
    if (rows->cut && link == 0) {
        return;
    }
    rows->to[*count] = to;
    rows->link[*count] = rows->cut ? cut_link(link) : link;
    rows->bits[(*count)++] = (uint8_t)rsi_bits(size_of(rows->risk[to]));
}

static size_t fill_cut(rsi_network_rows *rows, uint32_t node, const rsi_row *row)
{
    enum { AHEAD = 12 };
    candidate kept[RSI_KEPT_LINKS];
    size_t count = 0, filled = 0;
    for (size_t i = 0; i < row->count; i++) {
        if (i + AHEAD < row->ahead) {
            __builtin_prefetch(&rows->risk[row->to[i + AHEAD]]);
            __builtin_prefetch(&rows->root[row->to[i + AHEAD]]);
        }
        candidate made = {.brings = brought(rows, row->to[i], row->weight[i]), .at = i};
        if (made.brings > 0) {
            count = keep(kept, count, made);
        }
    }
    while (count > 1 && kept[count - 1].brings < kept[0].brings / RSI_KEPT_LEAST) {
        count--;
    }
    for (size_t i = 1; i < count; i++) { /* ends ascend as places do */
        candidate one = kept[i];
        size_t k = i;
        for (; k > 0 && kept[k - 1].at > one.at; k--) {
            kept[k] = kept[k - 1];
        }
        kept[k] = one;
    }
    for (size_t i = 0; i < count; i++) {
        add(rows, node, row->to[kept[i].at], row->weight[kept[i].at], &filled);
    }
    return filled;
}

static rs_status see_row(void *context, uint32_t node, rsi_view_row *out, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_network_rows *rows = context;
    rsi_row row = {0};
    size_t count = 0;
    RS_TRY(rsi_window_row(&rows->window, node, rows->graph->node_count, &row, err));
    RS_TRY(row_room(rows, rows->cut ? RSI_KEPT_LINKS : row.count, err));
    if (rows->cut) {
        count = fill_cut(rows, node, &row);
    } else {
        for (size_t i = 0; i < row.count; i++) {
            add(rows, node, row.to[i], row.weight[i], &count);
        }
    }
    *out = (rsi_view_row){.risk = rows->risk[node],
                          .seed = rows->seed[node],
                          .to = rows->to,
                          .link = rows->link,
                          .bits = rows->bits,
                          .count = count};
done:
    return status;
}

rsi_view rsi_network_rows_view(rsi_network_rows *rows)
{
    return (rsi_view){.context = rows, .node_count = rows->graph->node_count, .row = see_row};
}
