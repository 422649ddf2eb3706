/* network_rows.c - the rows of a network in memory, whole or cut to what brings a node most of its
 * risk.
 *
 * What an end v brings to u is damping S(u,v) |p(v)| = damping weight |p(v)| / sqrt(d(u) d(v)). Of
 * that |p(v)| / sqrt(d(v)) is the same in all rows: the *pull* of v, 32 bits of the largest one, so
 * that a row is cut by a product a link and one look-up of 4 bytes. The order is that of integers,
 * so that it is the same everywhere. What cutting must know of a node stands in one place, which is
 * asked for long before it is needed: that is what the time goes to.
 *
 * Memory: 16 bytes a node, where rows are cut; of a row 13 bytes a link, 16 more of those that may
 * be kept.
 * Cost: a root a node once; a row is its links, and of a cut one a link as it is told for each
 * kept.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/sort.h"
#include "base/try.h"
#include "propagate/links.h"
#include "propagate/roots.h"
#include "propagate/scale.h"
#include "propagate/view.h"

/* What cutting must know of a node. */
typedef struct weighed {
    uint64_t root; /* as make_root has it */
    uint32_t pull; /* in units of 2^(pull_shift - 62) */
} weighed;

struct rsi_network_rows {
    const rs_adjacency *graph;
    rsi_window window;
    const int64_t *seed;
    const int64_t *risk;
    rsi_damping damping;
    uint32_t ground;
    bool cut;
    weighed *nodes;      /* NULL unless cut */
    bool shared;         /* others have made them, and free them */
    unsigned pull_shift; /* at most 32 */
    uint64_t least;      /* RSI_KEPT_PART / damping, in units of 2^-48 */
    rsi_record *running; /* for a place in a cut row; `running_room` */
    size_t running_room;
    size_t room;
    uint32_t *to;
    uint64_t *link;
    uint8_t *bits;
};

/* 1/sqrt(d): the mantissa, in whose lowest bits stand how often it is halved (5) and the bits of
 * |risk| (6). Two roots' mantissas make 1/sqrt(d d') within 2^-50, whatever those are. */
enum { HALVES_BITS = 5, ROOT_BITS = 11 };
#define ROOT_MASK ((UINT64_C(1) << ROOT_BITS) - 1)

static uint64_t size_of(int64_t x)
{
    return x < 0 ? -(uint64_t)x : (uint64_t)x;
}

static uint64_t make_root(const rsi_network_rows *rows, uint32_t node)
{
    uint64_t total = rsi_total_of(rows->graph, rows->ground, node);
    rsi_root root = {0};
    if (total != 0) { /* 0 only where there is neither link nor ground */
        root = rsi_root_of(total);
    }
    uint64_t bits = rsi_bits(size_of(rows->risk[node])); /* at most 62, see spread.c */
    return (root.mantissa & ~ROOT_MASK) | (bits << HALVES_BITS & ROOT_MASK) | root.halves;
}

static unsigned halves_of(uint64_t root)
{
    return root & ((1u << HALVES_BITS) - 1);
}

static uint8_t bits_of(uint64_t root)
{
    return (uint8_t)((root & ROOT_MASK) >> HALVES_BITS);
}

static uint64_t root_of(const rsi_network_rows *rows, uint32_t node)
{
    return rows->nodes != NULL ? rows->nodes[node].root : make_root(rows, node);
}

/* |p| / sqrt(d) in units of 2^-62, d counting 2^-20. */
static uint64_t pull_of(const rsi_network_rows *rows, uint32_t node)
{
    uint64_t root = rows->nodes[node].root;
    rsi_u128 pull = (rsi_u128)(root & ~ROOT_MASK) * size_of(rows->risk[node]);
    pull >>= 64 - halves_of(root);
    return pull < UINT64_MAX ? (uint64_t)pull : UINT64_MAX;
}

/* What cutting needs to know of each node. */
static rs_status weigh_nodes(rsi_network_rows *rows, rs_error *err)
{
    uint32_t nodes = rows->graph->node_count;
    uint64_t most = 0;
    rows->nodes = malloc(((size_t)nodes + 1) * sizeof *rows->nodes);
    if (rows->nodes == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u nodes)", nodes);
    }
    for (uint32_t v = 0; v < nodes; v++) {
        bool linked = rows->graph->first[v] != rows->graph->first[v + 1];
        rows->nodes[v].root = linked ? make_root(rows, v) : 0; /* which nobody asks for */
        uint64_t pull = pull_of(rows, v);
        most = pull > most ? pull : most;
    }
    rows->pull_shift = rsi_bits(most) > 32 ? rsi_bits(most) - 32 : 0;
    for (uint32_t v = 0; v < nodes; v++) {
        rows->nodes[v].pull = (uint32_t)(pull_of(rows, v) >> rows->pull_shift);
    }
    rows->least = (uint64_t)(((rsi_u128)RSI_KEPT_PART << 78) / rows->damping.part);
    return RS_OK;
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
        RS_TRY(weigh_nodes(rows, err));
    }
    *out = rows;
    rows = NULL; /* moved to the caller */
done:
    rsi_network_rows_free(rows);
    return status;
}

rs_status rsi_network_rows_beside(rsi_network_rows **out, const rsi_network_rows *rows,
                                  rs_error *err)
{
    rsi_network_rows *more = malloc(sizeof *more);
    if (more == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (rows of a network)");
    }
    *more = *rows;
    more->shared = true;
    more->window = rsi_window_of(rows->graph);
    more->running = NULL;
    more->running_room = more->room = 0;
    more->to = NULL;
    more->link = NULL;
    more->bits = NULL;
    *out = more;
    return RS_OK;
}

void rsi_network_rows_free(rsi_network_rows *rows)
{
    if (rows != NULL) {
        rsi_window_free(&rows->window);
        if (!rows->shared) {
            free(rows->nodes);
        }
        free(rows->running);
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

/* damping * S between two nodes that a link of this weight joins; the same both ways. */
static uint64_t link_of(const rsi_network_rows *rows, uint32_t a, uint32_t b, uint32_t weight)
{
    /* weight 2^-20 times two roots of mantissa 2^(halves - 84) each, in units of 2^-62. */
    uint64_t left = root_of(rows, a), right = root_of(rows, b);
    uint64_t roots = (uint64_t)((rsi_u128)(left & ~ROOT_MASK) * (right & ~ROOT_MASK) >> 64);
    unsigned halves = halves_of(left) + halves_of(right);
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

/* What a link of the row of `node` must bring, as weight * pull. */
static uint64_t least_of(const rsi_network_rows *rows, uint32_t node)
{
    uint64_t total = rsi_total_of(rows->graph, rows->ground, node);
    uint64_t inverse = rows->nodes[node].root;
    /* sqrt(d) = d / sqrt(d), in units of 2^-30; times 2^-48 and what pull is less than 2^-62. */
    rsi_u128 root = (rsi_u128)(inverse & ~ROOT_MASK) * total >> (64 - halves_of(inverse));
    rsi_u128 least = root * rows->least >> (16 + rows->pull_shift);
    return least == 0 ? 1 : least < UINT64_MAX ? (uint64_t)least : UINT64_MAX;
}

static rs_status running_room(rsi_network_rows *rows, size_t count, rs_error *err)
{
    if (count > rows->running_room) {
        free(rows->running);
        rows->running_room = 0;
        rows->running = malloc(count * sizeof *rows->running);
        if (rows->running == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (a row of %zu links)", count);
        }
        rows->running_room = count;
    }
    return RS_OK;
}

/* The links that bring something: key what is left of 2^64, value the place in the row. */
static size_t find_running(rsi_network_rows *rows, uint32_t node, const rsi_row *row)
{
    enum { AHEAD = 40 };
    size_t count = 0, kept = 0;
    uint64_t least = least_of(rows, node), most = 0;
    for (size_t i = 0; i < row->count; i++) {
        if (i + AHEAD < row->ahead) {
            __builtin_prefetch(&rows->nodes[row->to[i + AHEAD]]);
        }
        uint64_t brings = (uint64_t)row->weight[i] * rows->nodes[row->to[i]].pull;
        rows->running[count] = (rsi_record){.key = ~brings, .value = i};
        count += brings >= least;
        most = brings > most ? brings : most;
    }
    for (size_t i = 0; i < count; i++) {
        rows->running[kept] = rows->running[i];
        kept += ~rows->running[i].key >= most / RSI_KEPT_LEAST;
    }
    return kept;
}

/* Leave those that bring most, equal ones by their ends, as places do; in order of places. */
static rs_status choose(rsi_record *running, size_t *count, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_sort_records(running, *count, NULL, err));
    *count = RSI_KEPT_LINKS;
    for (size_t i = 0; i < *count; i++) {
        running[i].key = running[i].value;
    }
    RS_TRY(rsi_sort_records(running, *count, NULL, err));
done:
    return status;
}

static void add(rsi_network_rows *rows, uint32_t node, uint32_t to, uint32_t weight, size_t *count)
{
    uint64_t link = link_of(rows, node, to, weight);
    if (rows->cut && link == 0) {
        return;
    }
    rows->to[*count] = to;
    rows->link[*count] = rows->cut ? cut_link(link) : link;
    rows->bits[(*count)++] =
        rows->cut ? bits_of(rows->nodes[to].root) : (uint8_t)rsi_bits(size_of(rows->risk[to]));
}

static rs_status fill_cut(rsi_network_rows *rows, uint32_t node, const rsi_row *row, size_t *filled,
                          rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(running_room(rows, row->count + 1, err));
    size_t count = find_running(rows, node, row);
    if (count > RSI_KEPT_LINKS) {
        RS_TRY(choose(rows->running, &count, err));
    }
    for (size_t i = 0; i < count; i++) {
        size_t at = (size_t)rows->running[i].value;
        add(rows, node, row->to[at], row->weight[at], filled);
    }
done:
    return status;
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
        RS_TRY(fill_cut(rows, node, &row, &count, err));
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
