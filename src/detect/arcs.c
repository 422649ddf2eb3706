/* arcs.c - making, renumbering and contracting a graph of neighbours.
 *
 * Invariant: lists come out in an order that depends on the input alone.
 * Cost: 20 to 35 ns an arc where the graph does not fit the caches; 24 bytes a link.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/arcs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"
#include "base/parallel.h"
#include "base/try.h"
#include "detect/ahead.h"

#define AHEAD_COUNT 16 /* links ahead: where their ends' lists stand */
#define AHEAD_PLACE 8  /* links ahead: the place in the list */

enum { BLOCK = 1 << 12 }; /* vertices that a thread takes at once */

static size_t blocks_of(uint32_t vertex_count)
{
    return ((size_t)vertex_count + BLOCK - 1) / BLOCK;
}

/* ---- making --------------------------------------------------------------------------------- */

rs_status rsi_arcs_allocate(rsi_arcs *arcs, uint32_t vertex_count, size_t arc_count, rs_error *err)
{
    arcs->vertex_count = vertex_count;
    arcs->mass = malloc(((size_t)vertex_count + 1) * sizeof *arcs->mass);
    arcs->first = calloc((size_t)vertex_count + 2, sizeof *arcs->first);
    arcs->list = malloc((arc_count + 1) * sizeof *arcs->list);
    if (arcs->mass == NULL || arcs->first == NULL || arcs->list == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu links)", arc_count / 2);
    }
    rsi_pages_wish(arcs->first, ((size_t)vertex_count + 2) * sizeof *arcs->first);
    rsi_pages_wish(arcs->list, (arc_count + 1) * sizeof *arcs->list);
    return RS_OK;
}

/* The vertices of a thread: it looks at every link and enters those at them. */
typedef struct share {
    uint32_t from, count;
} share;

static inline bool has(share mine, uint32_t v)
{
    return v - mine.from < mine.count;
}

/* Each link goes to the end of its `at` vertex' list; next[v] is where that is. */
static void enter(const rsi_piece *piece, share mine, const uint32_t *at, const uint32_t *to,
                  size_t *next, rsi_arc *list)
{
    const uint64_t *weight = piece->weight;
    size_t count = piece->link_count;
    for (size_t k = 0; k < count; k++) {
        if (count - k > AHEAD_COUNT) {
            uint32_t far = at[k + AHEAD_COUNT];
            uint32_t near = at[k + AHEAD_PLACE];
            if (has(mine, far)) {
                __builtin_prefetch(&next[far], 1);
            }
            if (has(mine, near)) {
                __builtin_prefetch(&list[next[near]], 1);
            }
        }
        if (has(mine, at[k])) {
            list[next[at[k]]++] = (rsi_arc){to[k], weight[k]};
        }
    }
}

typedef struct entering {
    const rsi_piece *piece;
    rsi_arcs *arcs;
    size_t shares;
} entering;

/* Two passes in link order: v's smaller neighbours come ascending, then the larger ones. */
static rs_status enter_share(void *context, size_t index, unsigned worker, rs_error *err)
{
    const entering *e = context;
    const rsi_piece *piece = e->piece;
    uint64_t n = piece->vertex_count;
    share mine = {.from = (uint32_t)(n * index / e->shares)};
    (void)worker;
    (void)err;
    mine.count = (uint32_t)(n * (index + 1) / e->shares) - mine.from;
    enter(piece, mine, piece->b, piece->a, e->arcs->first + 1, e->arcs->list);
    enter(piece, mine, piece->a, piece->b, e->arcs->first + 1, e->arcs->list);
    return RS_OK;
}

rs_status rsi_arcs_make(rsi_arcs *arcs, const rsi_piece *piece, const rs_work *work, rs_error *err)
{
    enum { SHARES_MAX = 4 };
    rs_status status = rsi_arcs_allocate(arcs, piece->vertex_count, 2 * piece->link_count, err);
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
    unsigned workers = rsi_parallel_workers(work);
    entering e = {
        .piece = piece, .arcs = arcs, .shares = workers < SHARES_MAX ? workers : SHARES_MAX};
    return rsi_parallel(work, e.shares, enter_share, &e, err);
}

typedef struct renumbering {
    const rsi_arcs *arcs;
    const uint32_t *number, *order;
    rsi_arcs *out;
} renumbering;

/* Where the lists of out->first lie is known. */
static rs_status renumber_block(void *context, size_t block, unsigned worker, rs_error *err)
{
    const renumbering *r = context;
    const rsi_arcs *arcs = r->arcs;
    uint32_t n = arcs->vertex_count;
    uint32_t from = (uint32_t)(block * BLOCK);
    uint32_t to = n - from < BLOCK ? n : from + BLOCK;
    const uint32_t *number = r->number;
    rsi_arc *out = r->out->list + r->out->first[from];
    (void)worker;
    (void)err;
    for (uint32_t v = from; v < to; v++) {
        uint32_t old = r->order[v];
        if (n - v > RSI_AHEAD_FIRST) {
            rsi_look_ahead(arcs, rsi_ahead_in(r->order, v), number, number, 0);
        }
        const rsi_arc *end = arcs->list + arcs->first[old + 1];
        for (const rsi_arc *arc = arcs->list + arcs->first[old]; arc < end; arc++) {
            *out++ = (rsi_arc){number[arc->to], arc->weight};
        }
    }
    return RS_OK;
}

rs_status rsi_arcs_renumber(const rsi_arcs *arcs, const uint32_t *number, const uint32_t *order,
                            rsi_arcs *out, const rs_work *work, rs_error *err)
{
    enum { AHEAD = 16 };
    uint32_t n = arcs->vertex_count;
    renumbering r = {.arcs = arcs, .number = number, .order = order, .out = out};
    rs_status status = rsi_arcs_allocate(out, n, arcs->first[n], err);
    if (status != RS_OK) {
        return status;
    }
    for (uint32_t v = 0; v < n; v++) {
        if (n - v > AHEAD) {
            __builtin_prefetch(&arcs->first[order[v + AHEAD]]);
            __builtin_prefetch(&arcs->mass[order[v + AHEAD]]);
        }
        out->mass[v] = arcs->mass[order[v]];
        out->first[v + 1] = out->first[v] + arcs->first[order[v] + 1] - arcs->first[order[v]];
    }
    return rsi_parallel(work, blocks_of(n), renumber_block, &r, err);
}

void rsi_arcs_free(rsi_arcs *arcs)
{
    free(arcs->list);
    free(arcs->first);
    free(arcs->mass);
    *arcs = (rsi_arcs){0};
}

/* ---- contracting ---------------------------------------------------------------------------- */

uint32_t rsi_arcs_number(uint32_t vertex_count, uint32_t *label, uint32_t *number)
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

/* The arcs of contracted vertex `own`, appended at `at`; `linked` is all 0 before and after. What
 * is read stands in variables of its own: the compiler cannot know that what is written changes
 * none of it. */
static size_t append(const rsi_arcs *arcs, const uint32_t *label, const uint32_t *members,
                     uint32_t from, uint32_t to, rsi_arc *out, size_t at, uint64_t *linked)
{
    size_t start = at;
    uint32_t own = label[members[from]];
    bool look = arcs->vertex_count >= RSI_AHEAD_VERTICES;
    for (uint32_t m = from; m < to; m++) {
        uint32_t v = members[m];
        if (look && arcs->vertex_count - m > RSI_AHEAD_FIRST) {
            rsi_look_ahead(arcs, rsi_ahead_in(members, m), label, linked, sizeof *linked);
        }
        const rsi_arc *end = arcs->list + arcs->first[v + 1];
        for (const rsi_arc *arc = arcs->list + arcs->first[v]; arc < end; arc++) {
            uint32_t c = label[arc->to];
            if (c != own) {
                uint64_t before = linked[c];
                out[at].to = c;
                at += before == 0;
                linked[c] = before + arc->weight;
            }
        }
    }
    for (size_t i = start; i < at; i++) {
        out[i].weight = linked[out[i].to];
        linked[out[i].to] = 0;
    }
    return at;
}

/* Blocks of contracted vertices are made side by side, each where it has room in any case. */
typedef struct contraction {
    const rsi_arcs *arcs;
    rsi_arcs *out;
    uint32_t count;
    const uint32_t *label;
    uint32_t *members; /* vertices by label */
    uint32_t *first;   /* of each label */
    size_t *room;      /* by block: where its list may begin */
    uint64_t **linked; /* by worker */
    unsigned workers;
} contraction;

static rs_status contract_block(void *context, size_t block, unsigned worker, rs_error *err)
{
    const contraction *c = context;
    uint32_t from = (uint32_t)(block * BLOCK);
    uint32_t to = c->count - from < BLOCK ? c->count : from + BLOCK;
    size_t at = c->room[block];
    uint64_t **linked = &c->linked[worker];
    if (*linked == NULL) {
        *linked = calloc((size_t)c->count + 1, sizeof **linked);
        if (*linked == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%u nodes to contract)", c->count);
        }
    }
    for (uint32_t v = from; v < to; v++) {
        at = append(c->arcs, c->label, c->members, c->first[v], c->first[v + 1], c->out->list, at,
                    *linked);
        c->out->first[v + 1] = at;
    }
    return RS_OK;
}

/* Move the lists of all blocks together. */
static void close_gaps(const contraction *c)
{
    rsi_arcs *out = c->out;
    size_t at = 0;
    for (size_t block = 0; block < blocks_of(c->count); block++) {
        uint32_t from = (uint32_t)(block * BLOCK);
        uint32_t to = c->count - from < BLOCK ? c->count : from + BLOCK;
        size_t gap = c->room[block] - at;
        memmove(out->list + at, out->list + c->room[block],
                (out->first[to] - c->room[block]) * sizeof *out->list);
        for (uint32_t v = from; v < to; v++) {
            out->first[v + 1] -= gap;
        }
        at = out->first[to];
    }
    rsi_arc *shrunk = realloc(out->list, (at + 1) * sizeof *out->list);
    out->list = shrunk != NULL ? shrunk : out->list; /* what was moved left pages behind */
}

/* Vertices by label, the masses of labels, and what room each block needs. */
static void deal_out(const contraction *c)
{
    const rsi_arcs *arcs = c->arcs;
    uint32_t n = arcs->vertex_count;
    for (uint32_t v = 0; v < n; v++) {
        c->first[c->label[v] + 2]++;
        c->room[c->label[v] / BLOCK + 1] += arcs->first[v + 1] - arcs->first[v];
    }
    for (uint32_t k = 0; k < c->count; k++) {
        c->first[k + 2] += c->first[k + 1];
        c->out->mass[k] = 0;
    }
    for (size_t block = 0; block < blocks_of(c->count); block++) {
        c->room[block + 1] += c->room[block];
    }
    for (uint32_t v = 0; v < n; v++) {
        c->members[c->first[c->label[v] + 1]++] = v;
        c->out->mass[c->label[v]] += arcs->mass[v];
    }
}

static void contraction_free(contraction *c)
{
    for (unsigned i = 0; c->linked != NULL && i < c->workers; i++) {
        free(c->linked[i]);
    }
    free(c->linked);
    free(c->room);
    free(c->first);
    free(c->members);
}

rs_status rsi_arcs_contract(const rsi_arcs *arcs, uint32_t *label, rsi_arcs *out,
                            const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t n = arcs->vertex_count;
    contraction c = {
        .arcs = arcs, .out = out, .label = label, .workers = rsi_parallel_workers(work)};
    c.members = malloc(((size_t)n + 1) * sizeof *c.members); /* first: number of a label */
    if (c.members == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u nodes to contract)", n);
        goto done;
    }
    c.count = rsi_arcs_number(n, label, c.members);
    c.first = calloc((size_t)c.count + 2, sizeof *c.first);
    c.room = calloc(blocks_of(c.count) + 1, sizeof *c.room);
    c.linked = calloc(c.workers, sizeof *c.linked);
    if (c.first == NULL || c.room == NULL || c.linked == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u nodes to contract)", n);
        goto done;
    }
    RS_TRY(rsi_arcs_allocate(out, c.count, arcs->first[n], err));
    deal_out(&c);
    RS_TRY(rsi_parallel(work, blocks_of(c.count), contract_block, &c, err));
    close_gaps(&c);
done:
    contraction_free(&c);
    return status;
}
