/* explain.c - the exact split of one risk over its seeds, by pushing from the node.
 *
 * Push       estimate g and residual r, both >= 0, start as 0 and e_u. Taking the residual x of v
 *            adds x to g(v) and x damping S(v,w) to r(w): then G e_u = g + G r holds throughout,
 *            and as S is symmetric p(u) = e_u . G q = q . g + r . G q = q . g + p . r
 * Order      largest |p(v)| r(v) first, |p(v)| to a power of two: what is left unassigned falls
 *            fastest, and the way leads towards the seeds. Any order is right; only how much is
 * left depends on it. Done when the sum of these, which p . r cannot exceed, is within the
 *            tolerance
 * Cut rows   give g less than it is, and no seed more than its part: what they leave out stays
 *            unassigned, with p . r
 * Units      2^-unit_bits; r, g <= 1 / (1 - damping) for G is positive, so that they fit. Each
 *            passing loses less than a unit: 2^24 of them less than 1e-9
 * Source     Andersen, Chung, Lang, Local graph partitioning using PageRank vectors (2006), for the
 *            symmetric form
 * Cost       bounded by what is looked at, whatever the graph: so many rows, so many links
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/try.h"
#include "propagate/near.h"
#include "propagate/scale.h"

/* A single residual is left alone where it is this much below what all together may be. */
#define SINGLE_BITS 8

/* The entries that wait for their push: a heap, the most important one on top. */
typedef struct waiting {
    uint32_t *entries;
    uint32_t capacity;
    uint32_t count;
    rsi_u128 open; /* the sum of |p(v)| r(v): what is left unassigned is no larger */
} waiting;

static uint64_t size_of(int64_t x)
{
    return x < 0 ? -(uint64_t)x : (uint64_t)x;
}

/* What of the risk may hang on an entry. */
static rsi_u128 weight_of(const rsi_near_node *at, uint64_t residual)
{
    return at->bits == 0 ? 0 : (rsi_u128)residual << at->bits;
}

/* By how much of the risk hangs on it, then by residual; first touched first. */
static bool goes_before(const rsi_near *near, uint32_t a, uint32_t b)
{
    const rsi_near_node *left = &near->nodes[a], *right = &near->nodes[b];
    rsi_u128 left_part = weight_of(left, left->residual);
    rsi_u128 right_part = weight_of(right, right->residual);
    if (left_part != right_part) {
        return left_part > right_part;
    }
    return left->residual != right->residual ? left->residual > right->residual : a < b;
}

static void set_place(rsi_near *near, waiting *queue, uint32_t place, uint32_t entry)
{
    queue->entries[place] = entry;
    near->nodes[entry].place = place;
}

static void sift_up(rsi_near *near, waiting *queue, uint32_t place, uint32_t entry)
{
    while (place > 0 && goes_before(near, entry, queue->entries[(place - 1) / 2])) {
        set_place(near, queue, place, queue->entries[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    set_place(near, queue, place, entry);
}

/* The entry's residual grew: put it in, or further up. */
static rs_status raise_entry(rsi_near *near, waiting *queue, uint32_t entry, rs_error *err)
{
    if (near->nodes[entry].place != UINT32_MAX) {
        sift_up(near, queue, near->nodes[entry].place, entry);
        return RS_OK;
    }
    if (queue->count == queue->capacity) {
        uint32_t capacity = queue->capacity == 0 ? 64 : 2 * queue->capacity;
        uint32_t *entries = realloc(queue->entries, capacity * sizeof *entries);
        if (entries == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (explaining a risk)");
        }
        queue->entries = entries;
        queue->capacity = capacity;
    }
    sift_up(near, queue, queue->count++, entry);
    return RS_OK;
}

static uint32_t take_first(rsi_near *near, waiting *queue)
{
    uint32_t first = queue->entries[0], last = queue->entries[--queue->count], place = 0;
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= queue->count) {
            break;
        }
        child += child + 1 < queue->count &&
                 goes_before(near, queue->entries[child + 1], queue->entries[child]);
        if (!goes_before(near, queue->entries[child], last)) {
            break;
        }
        set_place(near, queue, place, queue->entries[child]);
        place = child;
    }
    set_place(near, queue, place, last); /* where it was the only one: a place nobody looks at */
    near->nodes[first].place = UINT32_MAX;
    return first;
}

/* Pass on what an entry holds. What is too small to matter, `single_max` of the queue's units,
 * stays where it arrives. */
static rs_status push_one(rsi_near *near, waiting *queue, uint32_t entry, rsi_u128 single_max,
                          rs_error *err)
{
    rsi_near_node from = near->nodes[entry];
    const rsi_near_row *row = &near->rows[from.row_first];
    near->nodes[entry].residual = 0;
    near->nodes[entry].estimate += from.residual;
    queue->open -= weight_of(&from, from.residual);
    for (uint32_t i = 0; i < from.row_count; i++) {
        rsi_near_node *to = &near->nodes[row[i].entry];
        uint64_t passed = (uint64_t)((rsi_u128)from.residual * row[i].link >> 62);
        to->residual += passed;
        queue->open += weight_of(to, passed);
        if (weight_of(to, to->residual) > single_max) {
            rs_status status = raise_entry(near, queue, row[i].entry, err);
            if (status != RS_OK) {
                return status;
            }
        }
    }
    return RS_OK;
}

/* Announce the rows that are next, so that they are read while others are worked on: twice, since
 * the view may first have to learn where a row is. */
static void expect_rows(rsi_near *near, const waiting *queue)
{
    enum { NEXT = 31, TIMES = 2 };
    for (uint32_t i = 0; i < NEXT && i < queue->count; i++) {
        rsi_near_node *next = &near->nodes[queue->entries[i]];
        if (next->expected < TIMES && !next->opened && near->view->expect != NULL) {
            next->expected++;
            near->view->expect(near->view->context, next->node);
        }
    }
}

static rs_status push_all(rsi_near *near, uint32_t node, unsigned unit_bits, uint64_t open_max,
                          rsi_reach reach, rs_error *err)
{
    rs_status status = RS_OK;
    waiting queue = {0};
    uint32_t entry = 0;
    uint64_t links = 0;
    size_t opened = 0;
    rsi_u128 most = (rsi_u128)open_max * RS_RISK_ONE;
    RS_TRY(rsi_near_touch(near, node, 0, &entry, err));
    RS_TRY(rsi_near_open(near, entry, err));
    near->nodes[entry].bits = (uint8_t)rsi_bits(size_of(near->nodes[entry].risk));
    near->nodes[entry].residual = UINT64_C(1) << unit_bits;
    queue.open = weight_of(&near->nodes[entry], near->nodes[entry].residual);
    RS_TRY(raise_entry(near, &queue, entry, err));
    /* The node itself is pushed in any case: of what it says itself nothing is left open. */
    while (queue.count > 0 && links < reach.links_max && opened < reach.opened_max &&
           (links == 0 || queue.open > most)) {
        entry = take_first(near, &queue);
        opened += !near->nodes[entry].opened;
        RS_TRY(rsi_near_open(near, entry, err));
        links += near->nodes[entry].row_count + 1;
        RS_TRY(push_one(near, &queue, entry, most >> SINGLE_BITS, err));
        expect_rows(near, &queue);
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

/* A part as finely as risks are known: what the order of pushes left below that shall not decide
 * which of two equal seeds comes first. */
static double in_risk(rsi_i128 part, unsigned unit_bits)
{
    return (double)(int64_t)rsi_shift_down(part, unit_bits) / (double)RS_RISK_ONE;
}

static void split(const rsi_near *near, unsigned unit_bits, rs_explanation *out)
{
    double unit = 1.0 / (double)(UINT64_C(1) << unit_bits) / (double)RS_RISK_ONE;
    rsi_i128 all = 0, listed = 0;
    for (uint32_t i = 0; i < near->count; i++) {
        const rsi_near_node *at = &near->nodes[i];
        if (at->seed != 0 && at->estimate != 0) {
            rsi_i128 part = (rsi_i128)at->seed * (int64_t)at->estimate;
            all += part;
            out->seed_count++;
            list_seed(out, (rs_seed_share){.seed = at->node, .part = in_risk(part, unit_bits)});
        }
    }
    for (size_t i = 0; i < out->listed_count; i++) {
        const rsi_near_node *at = &near->nodes[rsi_near_find(near, out->seeds[i].seed)];
        listed += (rsi_i128)at->seed * (int64_t)at->estimate;
    }
    out->risk = (double)near->nodes[0].risk / (double)RS_RISK_ONE;
    out->covered = (double)listed * unit;
    out->unlisted = (double)(all - listed) * unit;
    /* p . r, and what cut rows left out. */
    out->remainder = (double)(((rsi_i128)near->nodes[0].risk << unit_bits) - all) * unit;
}

rs_status rsi_view_explain(const rsi_view *view, const rs_spread_options *options, uint32_t node,
                           double push_tolerance, rsi_reach reach, rs_explanation *out,
                           rs_error *err)
{
    rs_status status = RS_OK;
    rsi_near near = {.view = view};
    rsi_damping damping;
    *out = (rs_explanation){0};
    RS_TRY(rsi_damping_of(options, &damping, err));
    if (node >= view->node_count) {
        status = rs_fail(err, RS_EUSAGE, "explain: there is no node %u (the graph has %u)", node,
                         view->node_count);
        goto done;
    }
    if (!(push_tolerance >= 1e-12 && push_tolerance <= 1)) {
        status = rs_fail(err, RS_EUSAGE, "explain: push tolerance is %.17g, expected 1e-12 to 1",
                         push_tolerance);
        goto done;
    }
    /* 1 / (1 - damping) <= 2^(63 - bits of what is left of it). */
    unsigned unit_bits = rsi_bits(damping.left) - 2;
    unit_bits = unit_bits > 58 ? 58 : unit_bits;
    uint64_t open_max = (uint64_t)(push_tolerance * (double)(UINT64_C(1) << unit_bits));
    RS_TRY(push_all(&near, node, unit_bits, open_max, reach, err));
    split(&near, unit_bits, out);
    RS_TRY(rsi_near_paths(&near, out, err));
done:
    rsi_near_free(&near);
    return status;
}

rs_status rs_spread_explain(const rs_adjacency *graph, const int64_t *seed, const int64_t *risk,
                            const rs_spread_options *options, uint32_t node, double push_tolerance,
                            rs_explanation *out, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_network_rows *rows = NULL;
    *out = (rs_explanation){0};
    RS_TRY(rsi_network_rows_new(&rows, graph, options, seed, risk, false, err));
    rsi_view view = rsi_network_rows_view(rows);
    RS_TRY(rsi_view_explain(&view, options, node, push_tolerance, RSI_REACH_FAR, out, err));
done:
    rsi_network_rows_free(rows);
    return status;
}
