/* explain.c - the exact split of one risk over its seeds, by pushing from the node.
 *
 * Push       estimate g and residual r, both >= 0, start as 0 and e_u. Taking the residual x of v
 * adds x to g(v) and x damping S(v,w) to r(w): then G e_u = g + G r holds throughout, and as S is
 * symmetric p(u) = e_u . G q = q . g + r . G q = q . g + p . r Units      2^-unit_bits; r, g <= 1 /
 * (1 - damping) for G is positive, so that they fit. Each passing loses less than a unit: 2^24 of
 * them less than 1e-9. Source     Andersen, Chung, Lang, Local graph partitioning using PageRank
 * vectors (2006), for the symmetric form Cost       a push of v takes at least (1-damping) epsilon
 * d(v) off the sum of r sqrt(d), which starts as sqrt(d(u)): at most sqrt(d(u)) / ((1-damping)
 * epsilon) of weight is passed over; 2^24 links in any case
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/try.h"
#include "propagate/near.h"

#define LINKS_MAX (UINT64_C(1) << 24)

/* The entries that wait for their push, first come, first served. */
typedef struct waiting {
    uint32_t *entries; /* a ring; an entry stands in it at most once */
    uint32_t capacity;
    uint32_t first;
    uint32_t count;
} waiting;

static rs_status enqueue(waiting *queue, uint32_t entry, rs_error *err)
{
    if (queue->count == queue->capacity) {
        uint32_t capacity = queue->capacity == 0 ? 64 : 2 * queue->capacity;
        uint32_t *entries = malloc(capacity * sizeof *entries);
        if (entries == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (explaining a risk)");
        }
        for (uint32_t i = 0; i < queue->count; i++) {
            entries[i] = queue->entries[(queue->first + i) & (queue->capacity - 1)];
        }
        free(queue->entries);
        *queue = (waiting){.entries = entries, .capacity = capacity, .count = queue->count};
    }
    queue->entries[(queue->first + queue->count++) & (queue->capacity - 1)] = entry;
    return RS_OK;
}

static rs_status push_one(rsi_near *near, waiting *queue, uint32_t entry, rs_error *err)
{
    const rs_adjacency *graph = near->graph;
    rsi_near_node from = near->nodes[entry];
    near->nodes[entry].queued = false;
    near->nodes[entry].residual = 0;
    near->nodes[entry].estimate += from.residual;
    for (uint64_t i = graph->first[from.node]; i < graph->first[from.node + 1]; i++) {
        uint32_t other = 0;
        rs_status status = rsi_near_touch(near, graph->to[i], &other, err);
        if (status != RS_OK) {
            return status;
        }
        rsi_near_node *to = &near->nodes[other];
        uint64_t link = rsi_near_link(near, &from, to, graph->weight[i]);
        to->residual += (uint64_t)((rsi_u128)from.residual * link >> 62);
        if (!to->queued && to->residual > to->threshold) {
            to->queued = true;
            status = enqueue(queue, other, err);
            if (status != RS_OK) {
                return status;
            }
        }
    }
    return RS_OK;
}

static rs_status push_all(rsi_near *near, uint32_t node, unsigned unit_bits, rs_error *err)
{
    rs_status status = RS_OK;
    waiting queue = {0};
    uint32_t entry = 0;
    uint64_t links = 0;
    RS_TRY(rsi_near_touch(near, node, &entry, err));
    near->nodes[entry].residual = UINT64_C(1) << unit_bits;
    RS_TRY(enqueue(&queue, entry, err));
    while (queue.count > 0 && links < LINKS_MAX) {
        entry = queue.entries[queue.first];
        queue.first = (queue.first + 1) & (queue.capacity - 1);
        queue.count--;
        uint32_t v = near->nodes[entry].node;
        links += near->graph->first[v + 1] - near->graph->first[v] + 1;
        RS_TRY(push_one(near, &queue, entry, err));
    }
done:
    free(queue.entries);
    return status;
}

/* Put a seed's share into the list, which holds the largest, descending, ties by node. */
static void list_seed(rs_explanation *out, rs_seed_share share)
{
    size_t room = sizeof out->seeds / sizeof *out->seeds;
    double size = share.part < 0 ? -share.part : share.part;
    size_t at = out->listed_count;
    for (; at > 0; at--) {
        rs_seed_share above = out->seeds[at - 1];
        double above_size = above.part < 0 ? -above.part : above.part;
        if (above_size > size || (above_size == size && above.seed < share.seed)) {
            break;
        }
        if (at < room) {
            out->seeds[at] = above;
        }
    }
    if (at < room) {
        out->seeds[at] = share;
        out->listed_count += out->listed_count < room;
    }
}

static void split(const rsi_near *near, const int64_t *seed, const int64_t *risk,
                  unsigned unit_bits, rs_explanation *out)
{
    double unit = 1.0 / (double)(UINT64_C(1) << unit_bits) / (double)RS_RISK_ONE;
    rsi_i128 rest = 0, all = 0, listed = 0;
    for (uint32_t i = 0; i < near->count; i++) {
        const rsi_near_node *at = &near->nodes[i];
        rest += (rsi_i128)risk[at->node] * (int64_t)at->residual;
        if (seed[at->node] != 0 && at->estimate != 0) {
            rsi_i128 part = (rsi_i128)seed[at->node] * (int64_t)at->estimate;
            all += part;
            out->seed_count++;
            list_seed(out, (rs_seed_share){.seed = at->node, .part = (double)part * unit});
        }
    }
    for (size_t i = 0; i < out->listed_count; i++) {
        const rsi_near_node *at = &near->nodes[rsi_near_find(near, out->seeds[i].seed)];
        listed += (rsi_i128)seed[at->node] * (int64_t)at->estimate;
    }
    out->risk = (double)risk[near->nodes[0].node] / (double)RS_RISK_ONE;
    out->covered = (double)listed * unit;
    out->unlisted = (double)(all - listed) * unit;
    out->remainder = (double)rest * unit;
}

rs_status rs_spread_explain(const rs_adjacency *graph, const int64_t *seed, const int64_t *risk,
                            const rs_spread_options *options, uint32_t node, double push_tolerance,
                            rs_explanation *out, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_near near = {.graph = graph, .ground = options->ground};
    *out = (rs_explanation){0};
    RS_TRY(rsi_damping_of(options, &near.damping, err));
    if (node >= graph->node_count) {
        status = rs_fail(err, RS_EUSAGE, "explain: there is no node %u (the graph has %u)", node,
                         graph->node_count);
        goto done;
    }
    if (!(push_tolerance >= 1e-12 && push_tolerance <= 1)) {
        status = rs_fail(err, RS_EUSAGE, "explain: push tolerance is %.17g, expected 1e-12 to 1",
                         push_tolerance);
        goto done;
    }
    /* 1 / (1 - damping) <= 2^(63 - bits of what is left of it). */
    unsigned unit_bits = rsi_bits(near.damping.left) - 2;
    unit_bits = unit_bits > 58 ? 58 : unit_bits;
    near.epsilon = (uint64_t)(push_tolerance * (double)(UINT64_C(1) << unit_bits));
    RS_TRY(push_all(&near, node, unit_bits, err));
    split(&near, seed, risk, unit_bits, out);
    RS_TRY(rsi_near_paths(&near, seed, out, err));
done:
    rsi_near_free(&near);
    return status;
}
