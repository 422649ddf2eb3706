/* move.c - local moving under the constant Potts model.
 *
 * A queue of vertices, at first all in ascending order; a vertex that moves wakes its neighbours
 * elsewhere. Each move adds to an integer sum that is bounded, so it ends. Ties stay where they
 * are, then go to the community met first. A run of vertices is moved by itself: numbers below are
 * counted from its first, and arcs that leave it are passed over.
 *
 * Source: Traag, Waltman, van Eck 2019, algorithm A.2, "MoveNodesFast".
 * Cost: 10 to 30 ns an arc and visit; visits are two to three to a vertex from single vertices, one
 * from a good partition.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/move.h"

#include <stdlib.h>

#include "base/pages.h"
#include "base/parallel.h"
#include "base/try.h"
#include "detect/ahead.h"

enum { RUNS_A_BLOCK = 64 };

/* Of a community; side by side, because all are wanted at the same moment and each look-up is a
 * cache miss. */
struct tally {
    uint32_t mass; /* of nodes, and these have 32 bits */
    uint32_t population;
    uint64_t linked; /* weight from the vertex at hand; 0 between vertices */
};

struct mover {
    const rsi_arcs *arcs;
    uint32_t resolution;
    uint32_t from;       /* the run's first vertex */
    uint32_t size;       /* vertices of the run */
    uint32_t *label;     /* of the run's vertices */
    struct tally *tally; /* of each community */
    uint32_t *spare;     /* communities without a vertex, a stack */
    uint32_t spare_count;
    uint64_t *outside; /* weight from each community to the rest of the run; NULL: not asked for */
    uint64_t total;    /* mass of the run */
    uint64_t links;    /* weight from the vertex at hand to all of the run */
    uint32_t *met;     /* communities that the vertex at hand is linked to */
    uint32_t met_count;
    uint32_t *queue; /* a ring of `size` entries */
    uint8_t *queued;
};

static rs_status mover_make(struct mover *mover, uint32_t size_max, rs_error *err)
{
    size_t n = (size_t)size_max + 1;
    mover->tally = malloc(n * sizeof *mover->tally);
    mover->spare = malloc(n * sizeof *mover->spare);
    mover->met = malloc(n * sizeof *mover->met);
    mover->queue = malloc(n * sizeof *mover->queue);
    mover->queued = malloc(n);
    if (mover->tally == NULL || mover->spare == NULL || mover->met == NULL ||
        mover->queue == NULL || mover->queued == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu nodes to move)", n);
    }
    rsi_pages_wish(mover->tally, n * sizeof *mover->tally);
    return RS_OK;
}

static void mover_free(struct mover *mover)
{
    free(mover->outside);
    free(mover->queued);
    free(mover->queue);
    free(mover->met);
    free(mover->spare);
    free(mover->tally);
}

/* Everybody in the community that `label` says, nobody asked yet. */
static void settle(struct mover *mover, uint32_t from, uint32_t size, uint32_t *label)
{
    mover->from = from;
    mover->size = size;
    mover->label = label;
    mover->spare_count = 0;
    for (uint32_t c = 0; c < size; c++) {
        mover->tally[c] = (struct tally){0};
        mover->queue[c] = c;
        mover->queued[c] = 1;
    }
    for (uint32_t v = 0; v < size; v++) {
        mover->tally[label[v]].mass += mover->arcs->mass[from + v];
        mover->tally[label[v]].population++;
    }
    for (uint32_t c = size; c-- > 0;) {
        if (mover->tally[c].population == 0) {
            mover->spare[mover->spare_count++] = c;
        }
    }
}

/* The weight from v to each community of the run. What is read in the loop is held in variables of
 * its own, here and below: the compiler cannot know that what is written changes none of it. */
static void tally_links(struct mover *mover, uint32_t v)
{
    const rsi_arcs *arcs = mover->arcs;
    const uint32_t *label = mover->label;
    struct tally *tally = mover->tally;
    uint32_t *met = mover->met;
    uint32_t from = mover->from;
    uint32_t size = mover->size;
    uint32_t met_count = 0;
    uint64_t links = 0;
    const rsi_arc *end = arcs->list + arcs->first[from + v + 1];
    for (const rsi_arc *arc = arcs->list + arcs->first[from + v]; arc < end; arc++) {
        uint32_t u = arc->to - from;
        if (u < size) { /* elsewhere: wrapped around, or beyond */
            uint32_t c = label[u];
            uint64_t linked = tally[c].linked;
            met[met_count] = c;
            met_count += linked == 0;
            tally[c].linked = linked + arc->weight;
            links += arc->weight;
        }
    }
    mover->links = links;
    mover->met_count = met_count;
}

/* Leaving the run would not pay: what is not well connected stays by itself, for the level above to
 * say where it belongs. */
static bool well_connected(const struct mover *mover, uint64_t mass, uint64_t outside)
{
    return (int64_t)outside >= rsi_penalty(mover->resolution, mass, mover->total - mass);
}

/* The community where v adds most, v being in none; `own` where it came from. */
static uint32_t best_for(const struct mover *mover, uint32_t v, uint32_t own)
{
    const struct tally *tally = mover->tally;
    uint32_t resolution = mover->resolution;
    uint64_t mass = mover->arcs->mass[mover->from + v];
    uint32_t best = own;
    int64_t most = (int64_t)tally[own].linked - rsi_penalty(resolution, mass, tally[own].mass);
    for (uint32_t i = 0; i < mover->met_count; i++) {
        uint32_t c = mover->met[i];
        int64_t gain = (int64_t)tally[c].linked - rsi_penalty(resolution, mass, tally[c].mass);
        if (gain > most &&
            (mover->outside == NULL || well_connected(mover, tally[c].mass, mover->outside[c]))) {
            best = c;
            most = gain;
        }
    }
    if (mover->outside != NULL && !well_connected(mover, mass, mover->links)) {
        best = own;
    }
    if (most < 0 && mover->spare_count > 0) {
        best = mover->spare[mover->spare_count - 1]; /* better alone */
    }
    return best;
}

static bool move_one(struct mover *mover, uint32_t v)
{
    struct tally *tally = mover->tally;
    uint32_t own = mover->label[v];
    uint32_t mass = mover->arcs->mass[mover->from + v];
    tally[own].mass -= mass;
    tally_links(mover, v);
    uint32_t best = best_for(mover, v, own);
    tally[best].mass += mass;
    if (mover->outside != NULL) {
        mover->outside[own] -= mover->links - 2 * tally[own].linked;
        mover->outside[best] += mover->links - 2 * tally[best].linked;
    }
    const uint32_t *met = mover->met;
    for (const uint32_t *end = met + mover->met_count; met < end; met++) {
        tally[*met].linked = 0;
    }
    if (best == own) {
        return false;
    }
    if (tally[best].population++ == 0) {
        mover->spare_count--; /* it was the top of the stack */
    }
    if (--tally[own].population == 0) {
        mover->spare[mover->spare_count++] = own;
    }
    mover->label[v] = best;
    return true;
}

static uint32_t in_ring(const struct mover *mover, uint64_t at)
{
    return (uint32_t)(at < mover->size ? at : at - mover->size);
}

/* Neighbours of v elsewhere want to be asked again; returns how many wait from `head` on. */
static uint32_t wake(struct mover *mover, uint32_t v, uint32_t head, uint32_t waiting)
{
    const rsi_arcs *arcs = mover->arcs;
    const uint32_t *label = mover->label;
    uint8_t *queued = mover->queued;
    uint32_t from = mover->from;
    uint32_t size = mover->size;
    uint32_t own = label[v];
    const rsi_arc *end = arcs->list + arcs->first[from + v + 1];
    for (const rsi_arc *arc = arcs->list + arcs->first[from + v]; arc < end; arc++) {
        uint32_t u = arc->to - from;
        if (u < size && !queued[u] && label[u] != own) {
            mover->queue[in_ring(mover, (uint64_t)head + waiting++)] = u;
            queued[u] = 1;
        }
    }
    return waiting;
}

/* From single vertices: what each is linked to in the run. */
static void look_outside(struct mover *mover)
{
    const rsi_arcs *arcs = mover->arcs;
    mover->total = 0;
    for (uint32_t v = 0; v < mover->size; v++) {
        uint64_t sum = 0;
        for (size_t i = arcs->first[mover->from + v]; i < arcs->first[mover->from + v + 1]; i++) {
            sum += arcs->list[i].to - mover->from < mover->size ? arcs->list[i].weight : 0;
        }
        mover->outside[v] = sum;
        mover->total += arcs->mass[mover->from + v];
    }
}

/* For the queue of a run that begins at vertex 0. */
static rsi_ahead ahead_in_queue(const struct mover *mover, uint32_t head)
{
    const uint32_t *queue = mover->queue;
    uint64_t at = head;
    if (at + RSI_AHEAD_FIRST < mover->size) {
        return rsi_ahead_in(queue, head);
    }
    return (rsi_ahead){
        queue[in_ring(mover, at + RSI_AHEAD_FIRST)], queue[in_ring(mover, at + RSI_AHEAD_ARCS)],
        queue[in_ring(mover, at + RSI_AHEAD_LABEL)], queue[in_ring(mover, at + RSI_AHEAD_TALLY)]};
}

/* `look`: the run is the whole graph, and too large for the caches. */
static bool move_all(struct mover *mover, bool look)
{
    bool moved = false;
    uint32_t head = 0;
    for (uint32_t waiting = mover->size; waiting > 0;) {
        uint32_t v = mover->queue[head];
        head = in_ring(mover, (uint64_t)head + 1);
        mover->queued[v] = 0;
        waiting--;
        if (look && waiting > RSI_AHEAD_FIRST) {
            rsi_look_ahead(mover->arcs, ahead_in_queue(mover, head), mover->label, mover->tally,
                           sizeof *mover->tally);
        }
        if (move_one(mover, v)) {
            moved = true;
            waiting = wake(mover, v, head, waiting);
        }
    }
    return moved;
}

rs_status rsi_move(const rsi_arcs *arcs, uint32_t resolution, uint32_t *label, bool *moved,
                   rs_error *err)
{
    rs_status status = RS_OK;
    struct mover mover = {.arcs = arcs, .resolution = resolution};
    RS_TRY(mover_make(&mover, arcs->vertex_count, err));
    settle(&mover, 0, arcs->vertex_count, label);
    if (move_all(&mover, arcs->vertex_count >= RSI_AHEAD_VERTICES)) {
        *moved = true;
    }
done:
    mover_free(&mover);
    return status;
}

static void all_alone(uint32_t count, uint32_t *label)
{
    for (uint32_t v = 0; v < count; v++) {
        label[v] = v;
    }
}

rs_status rsi_move_once(const rsi_arcs *arcs, uint32_t resolution, uint32_t *label, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t n = arcs->vertex_count;
    struct mover mover = {.arcs = arcs, .resolution = resolution};
    RS_TRY(mover_make(&mover, n, err));
    all_alone(n, label);
    settle(&mover, 0, n, label);
    for (uint32_t v = 0; v < n; v++) {
        if (n >= RSI_AHEAD_VERTICES && n - v > RSI_AHEAD_FIRST) {
            rsi_look_ahead(arcs, rsi_ahead_in(NULL, v), label, mover.tally, sizeof *mover.tally);
        }
        if (mover.tally[v].population ==
            1) { /* nobody is in community v without v having been there */
            (void)move_one(&mover, v);
        }
    }
done:
    mover_free(&mover);
    return status;
}

typedef struct runs {
    const rsi_arcs *arcs;
    uint32_t resolution;
    const uint32_t *first;
    uint32_t count;
    uint32_t size_max;
    uint32_t *label;
    struct mover *movers; /* by worker */
} runs;

static void move_run(struct mover *mover, const runs *r, uint32_t run)
{
    uint32_t from = r->first[run];
    uint32_t size = r->first[run + 1] - from;
    all_alone(size, r->label + from);
    settle(mover, from, size, r->label + from);
    look_outside(mover);
    (void)move_all(mover, false);
    for (uint32_t v = from; v < from + size; v++) {
        r->label[v] += from;
    }
}

static rs_status move_runs(void *context, size_t block, unsigned worker, rs_error *err)
{
    rs_status status = RS_OK;
    const runs *r = context;
    struct mover *mover = &r->movers[worker];
    uint32_t from = (uint32_t)(block * RUNS_A_BLOCK);
    uint32_t to = r->count - from < RUNS_A_BLOCK ? r->count : from + RUNS_A_BLOCK;
    if (mover->arcs == NULL) {
        *mover = (struct mover){.arcs = r->arcs, .resolution = r->resolution};
        RS_TRY(mover_make(mover, r->size_max, err));
        mover->outside = malloc(((size_t)r->size_max + 1) * sizeof *mover->outside);
        if (mover->outside == NULL) {
            status = rs_fail(err, RS_ENOMEM, "out of memory (%u nodes to move)", r->size_max);
            goto done;
        }
    }
    for (uint32_t run = from; run < to; run++) {
        move_run(mover, r, run);
    }
done:
    return status;
}

rs_status rsi_move_within(const rsi_arcs *arcs, uint32_t resolution, const uint32_t *first,
                          uint32_t run_count, uint32_t *label, const rs_work *work, rs_error *err)
{
    runs r = {
        .arcs = arcs, .resolution = resolution, .first = first, .count = run_count, .label = label};
    unsigned workers = rsi_parallel_workers(work);
    r.movers = calloc(workers, sizeof *r.movers);
    if (r.movers == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (nodes to move)");
    }
    for (uint32_t run = 0; run < run_count; run++) {
        uint32_t size = first[run + 1] - first[run];
        r.size_max = size > r.size_max ? size : r.size_max;
    }
    size_t blocks = ((size_t)run_count + RUNS_A_BLOCK - 1) / RUNS_A_BLOCK;
    rs_status status = rsi_parallel(work, blocks, move_runs, &r, err);
    for (unsigned i = 0; i < workers; i++) {
        mover_free(&r.movers[i]);
    }
    free(r.movers);
    return status;
}
