/* arcs.c - local moving under the constant Potts model, and contraction.
 *
 * Moving: a queue of vertices, at first all in ascending order (which the order of nodes, a hash of
 * their names, makes a random one); a vertex that moves wakes its neighbours elsewhere. Each
 * move adds to an integer sum that is bounded, so it ends. Ties stay where they are, then go to the
 * community met first, in ascending order of neighbours.
 *
 * Source: Traag, Waltman, van Eck 2019, algorithm A.2, "MoveNodesFast".
 * Cost: 10 to 20 ns an arc and visit; visits are about three to a vertex.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/arcs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"

/* ---- making --------------------------------------------------------------------------------- */

static rs_status allocate(rsi_arcs *arcs, uint32_t vertex_count, size_t arc_count, rs_error *err)
{
    arcs->vertex_count = vertex_count;
    arcs->mass = malloc(((size_t)vertex_count + 1) * sizeof *arcs->mass);
    arcs->first = calloc((size_t)vertex_count + 2, sizeof *arcs->first);
    arcs->to = malloc((arc_count + 1) * sizeof *arcs->to);
    arcs->weight = malloc((arc_count + 1) * sizeof *arcs->weight);
    if (arcs->mass == NULL || arcs->first == NULL || arcs->to == NULL || arcs->weight == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu links)", arc_count / 2);
    }
    return RS_OK;
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
    /* Two passes in link order: the smaller neighbours of v come ascending, then the larger ones.
     */
    for (size_t k = 0; k < piece->link_count; k++) {
        size_t at = arcs->first[piece->b[k] + 1]++;
        arcs->to[at] = piece->a[k];
        arcs->weight[at] = piece->weight[k];
    }
    for (size_t k = 0; k < piece->link_count; k++) {
        size_t at = arcs->first[piece->a[k] + 1]++;
        arcs->to[at] = piece->b[k];
        arcs->weight[at] = piece->weight[k];
    }
    return RS_OK;
}

rs_status rsi_arcs_copy(rsi_arcs *out, const rsi_arcs *arcs, rs_error *err)
{
    uint32_t n = arcs->vertex_count;
    size_t arc_count = arcs->first[n];
    rs_status status = allocate(out, n, arc_count, err);
    if (status == RS_OK) {
        memcpy(out->mass, arcs->mass, n * sizeof *out->mass);
        memcpy(out->first, arcs->first, ((size_t)n + 1) * sizeof *out->first);
        memcpy(out->to, arcs->to, arc_count * sizeof *out->to);
        memcpy(out->weight, arcs->weight, arc_count * sizeof *out->weight);
    }
    return status;
}

rs_status rsi_arcs_renumber(const rsi_arcs *arcs, const uint32_t *number, const uint32_t *order,
                            rsi_arcs *out, rs_error *err)
{
    uint32_t n = arcs->vertex_count;
    rs_status status = allocate(out, n, arcs->first[n], err);
    if (status != RS_OK) {
        return status;
    }
    /* Each vertex, in the new order, enters itself with its neighbours: their lists come out
     * ascending. first[v+1] is where v's next neighbour goes, and ends as v's end. */
    for (uint32_t v = 0; v + 1 < n; v++) {
        out->first[v + 2] = out->first[v + 1] + arcs->first[order[v] + 1] - arcs->first[order[v]];
    }
    for (uint32_t v = 0; v < n; v++) {
        uint32_t old = order[v];
        out->mass[v] = arcs->mass[old];
        for (size_t i = arcs->first[old]; i < arcs->first[old + 1]; i++) {
            size_t at = out->first[number[arcs->to[i]] + 1]++;
            out->to[at] = v;
            out->weight[at] = arcs->weight[i];
        }
    }
    return RS_OK;
}

void rsi_arcs_free(rsi_arcs *arcs)
{
    free(arcs->weight);
    free(arcs->to);
    free(arcs->first);
    free(arcs->mass);
    *arcs = (rsi_arcs){0};
}

/* ---- looking ahead -------------------------------------------------------------------------- */

/* The look-ups at a vertex depend on each other: its arcs, the labels at their ends, what is kept
 * for those labels. Each is asked for some vertices ahead of its use, which halves the time of all
 * walks below on a graph that does not fit the caches. */
#define AHEAD_FIRST 12
#define AHEAD_ARCS  6
#define AHEAD_LABEL 3
#define AHEAD_TALLY 1
#define AHEAD_WIDTH 16 /* arcs of a vertex that are worth it */

/* The vertices that will be visited so many visits from now. */
struct ahead {
    uint32_t first;
    uint32_t arcs;
    uint32_t label;
    uint32_t tally;
};

/* Inlined by order: gcc takes a function that only prefetches for one without effect, and drops it.
 */
__attribute__((always_inline)) static inline void look_ahead(const rsi_arcs *arcs, struct ahead at,
                                                             const uint32_t *label,
                                                             const void *tally, size_t tally_size)
{
    __builtin_prefetch(&arcs->first[at.first]);
    __builtin_prefetch(&label[at.first]);
    __builtin_prefetch(&arcs->to[arcs->first[at.arcs]]);
    __builtin_prefetch(&arcs->weight[arcs->first[at.arcs]]);
    size_t end = arcs->first[at.label + 1];
    for (size_t i = arcs->first[at.label]; i < end && i < arcs->first[at.label] + AHEAD_WIDTH;
         i++) {
        __builtin_prefetch(&label[arcs->to[i]]);
    }
    end = arcs->first[at.tally + 1];
    for (size_t i = arcs->first[at.tally]; i < end && i < arcs->first[at.tally] + AHEAD_WIDTH;
         i++) {
        __builtin_prefetch((const char *)tally + tally_size * label[arcs->to[i]]);
    }
}

/* For walks over an array of vertices, NULL for ascending. */
static struct ahead ahead_in(const uint32_t *order, uint32_t at)
{
    return order == NULL ? (struct ahead){at + AHEAD_FIRST, at + AHEAD_ARCS, at + AHEAD_LABEL,
                                          at + AHEAD_TALLY}
                         : (struct ahead){order[at + AHEAD_FIRST], order[at + AHEAD_ARCS],
                                          order[at + AHEAD_LABEL], order[at + AHEAD_TALLY]};
}

/* ---- moving --------------------------------------------------------------------------------- */

/* Side by side, because both are wanted at the same moment and each look-up is a cache miss. */
struct tally {
    uint64_t mass;
    uint64_t linked; /* weight from the vertex at hand; 0 between vertices */
};

struct mover {
    const rsi_arcs *arcs;
    uint32_t resolution;
    const uint32_t *order;
    uint32_t *label;
    struct tally *tally;  /* of each community */
    uint32_t *met;        /* communities that it is linked to */
    uint32_t *queue;      /* a ring of vertex_count entries */
    uint32_t *spare;      /* communities without a vertex, a stack */
    uint32_t *population; /* vertices of each community */
    uint8_t *queued;
    uint32_t spare_count;
};

static rs_status mover_make(struct mover *mover, rs_error *err)
{
    size_t n = (size_t)mover->arcs->vertex_count + 1;
    mover->tally = calloc(n, sizeof *mover->tally);
    mover->met = malloc(n * sizeof *mover->met);
    mover->queue = malloc(n * sizeof *mover->queue);
    mover->spare = malloc(n * sizeof *mover->spare);
    mover->population = calloc(n, sizeof *mover->population);
    mover->queued = malloc(n);
    if (mover->tally == NULL || mover->met == NULL || mover->queue == NULL ||
        mover->spare == NULL || mover->population == NULL || mover->queued == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu nodes to move)", n);
    }
    return RS_OK;
}

static void mover_free(struct mover *mover)
{
    free(mover->queued);
    free(mover->population);
    free(mover->spare);
    free(mover->queue);
    free(mover->met);
    free(mover->tally);
}

static void settle(struct mover *mover)
{
    uint32_t n = mover->arcs->vertex_count;
    for (uint32_t v = 0; v < n; v++) {
        mover->tally[mover->label[v]].mass += mover->arcs->mass[v];
        mover->population[mover->label[v]]++;
        mover->queue[v] = mover->order == NULL ? v : mover->order[v];
        mover->queued[v] = 1;
    }
    for (uint32_t c = n; c-- > 0;) {
        if (mover->population[c] == 0) {
            mover->spare[mover->spare_count++] = c;
        }
    }
}

/* The community where v adds most, v being in none; `own` where it came from. */
static uint32_t best_for(struct mover *mover, uint32_t v, uint32_t own)
{
    const rsi_arcs *arcs = mover->arcs;
    uint32_t met_count = 0;
    for (size_t i = arcs->first[v]; i < arcs->first[v + 1]; i++) {
        uint32_t c = mover->label[arcs->to[i]];
        if (mover->tally[c].linked == 0) {
            mover->met[met_count++] = c;
        }
        mover->tally[c].linked += arcs->weight[i];
    }
    uint32_t best = own;
    uint64_t mass = arcs->mass[v];
    int64_t most = (int64_t)mover->tally[own].linked -
                   rsi_penalty(mover->resolution, mass, mover->tally[own].mass);
    for (uint32_t i = 0; i < met_count; i++) {
        uint32_t c = mover->met[i];
        int64_t gain = (int64_t)mover->tally[c].linked -
                       rsi_penalty(mover->resolution, mass, mover->tally[c].mass);
        if (gain > most) {
            most = gain;
            best = c;
        }
        mover->tally[c].linked = 0;
    }
    if (most < 0 && mover->spare_count > 0) {
        best = mover->spare[mover->spare_count - 1]; /* better alone */
    }
    return best;
}

static struct ahead ahead_in_queue(const struct mover *mover, uint32_t head)
{
    uint32_t n = mover->arcs->vertex_count;
    const uint32_t *queue = mover->queue;
    if (head + AHEAD_FIRST < n) {
        return ahead_in(queue, head);
    }
    /* The ring closes within sight. */
    return (struct ahead){queue[head + AHEAD_FIRST - n], queue[(head + AHEAD_ARCS) % n],
                          queue[(head + AHEAD_LABEL) % n], queue[(head + AHEAD_TALLY) % n]};
}

static bool move_one(struct mover *mover, uint32_t v)
{
    uint32_t own = mover->label[v];
    uint32_t mass = mover->arcs->mass[v];
    mover->tally[own].mass -= mass;
    uint32_t best = best_for(mover, v, own);
    mover->tally[best].mass += mass;
    if (best == own) {
        return false;
    }
    if (mover->population[best]++ == 0) {
        mover->spare_count--; /* it was the top of the stack */
    }
    if (--mover->population[own] == 0) {
        mover->spare[mover->spare_count++] = own;
    }
    mover->label[v] = best;
    return true;
}

rs_status rsi_arcs_move(const rsi_arcs *arcs, uint32_t resolution, const uint32_t *order,
                        uint32_t *label, bool *moved, rs_error *err)
{
    rs_status status = RS_OK;
    struct mover mover = {.arcs = arcs, .resolution = resolution, .order = order, .label = label};
    uint32_t n = arcs->vertex_count;
    RS_TRY(mover_make(&mover, err));
    settle(&mover);
    uint32_t head = 0;
    for (uint32_t waiting = n; waiting > 0; waiting--) {
        uint32_t v = mover.queue[head];
        head = head + 1 == n ? 0 : head + 1;
        mover.queued[v] = 0;
        if (waiting > AHEAD_FIRST + 1) {
            look_ahead(arcs, ahead_in_queue(&mover, head), label, mover.tally, sizeof *mover.tally);
        }
        if (!move_one(&mover, v)) {
            continue;
        }
        *moved = true;
        for (size_t i = arcs->first[v]; i < arcs->first[v + 1]; i++) {
            uint32_t u = arcs->to[i];
            if (!mover.queued[u] && label[u] != label[v]) {
                uint32_t tail =
                    head + waiting - 1 < n ? head + waiting - 1 : head + waiting - 1 - n;
                mover.queue[tail] = u;
                mover.queued[u] = 1;
                waiting++;
            }
        }
    }
done:
    mover_free(&mover);
    return status;
}

/* ---- refining ------------------------------------------------------------------------------- */

struct refiner {
    const rsi_arcs *arcs;
    uint32_t resolution;
    const uint32_t *label;
    uint32_t *part;      /* of each vertex; a part is named by the vertex that it began with */
    uint64_t *community; /* mass of each community, by label */
    uint64_t *mass;      /* of each part */
    uint64_t *outside;   /* weight from each part to the rest of its community */
    uint64_t *linked;    /* weight from the vertex at hand to each part; 0 between vertices */
    uint32_t *met;
    uint8_t *grown; /* a part of several vertices, or one that a vertex left */
};

static rs_status refiner_make(struct refiner *refiner, rs_error *err)
{
    size_t n = (size_t)refiner->arcs->vertex_count + 1;
    refiner->community = calloc(n, sizeof *refiner->community);
    refiner->mass = calloc(n, sizeof *refiner->mass);
    refiner->outside = calloc(n, sizeof *refiner->outside);
    refiner->linked = calloc(n, sizeof *refiner->linked);
    refiner->met = malloc(n * sizeof *refiner->met);
    refiner->grown = calloc(n, 1);
    if (refiner->community == NULL || refiner->mass == NULL || refiner->outside == NULL ||
        refiner->linked == NULL || refiner->met == NULL || refiner->grown == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu nodes to refine)", n);
    }
    return RS_OK;
}

static void refiner_free(struct refiner *refiner)
{
    free(refiner->grown);
    free(refiner->met);
    free(refiner->linked);
    free(refiner->outside);
    free(refiner->mass);
    free(refiner->community);
}

static void singletons(struct refiner *refiner)
{
    const rsi_arcs *arcs = refiner->arcs;
    for (uint32_t v = 0; v < arcs->vertex_count; v++) {
        uint32_t mine = refiner->label[v];
        if (arcs->vertex_count - v > AHEAD_FIRST) {
            look_ahead(arcs, ahead_in(NULL, v), refiner->label, refiner->community, 0);
        }
        refiner->part[v] = v;
        refiner->mass[v] = arcs->mass[v];
        refiner->community[mine] += arcs->mass[v];
        for (size_t i = arcs->first[v]; i < arcs->first[v + 1]; i++) {
            if (refiner->label[arcs->to[i]] == mine) {
                refiner->outside[v] += arcs->weight[i];
            }
        }
    }
}

/* A part is well connected when leaving its community would not pay. */
static bool well_connected(const struct refiner *refiner, uint32_t part, uint64_t community)
{
    int64_t bound =
        rsi_penalty(refiner->resolution, refiner->mass[part], community - refiner->mass[part]);
    return (int64_t)refiner->outside[part] >= bound;
}

/* The part of its own community that v, alone so far, joins with the largest gain; v if none. */
static uint32_t best_part(struct refiner *refiner, uint32_t v)
{
    const rsi_arcs *arcs = refiner->arcs;
    uint64_t community = refiner->community[refiner->label[v]];
    uint32_t met_count = 0;
    for (size_t i = arcs->first[v]; i < arcs->first[v + 1]; i++) {
        uint32_t u = arcs->to[i];
        if (refiner->label[u] == refiner->label[v]) {
            uint32_t c = refiner->part[u];
            if (refiner->linked[c] == 0) {
                refiner->met[met_count++] = c;
            }
            refiner->linked[c] += arcs->weight[i];
        }
    }
    uint32_t best = v;
    int64_t most = 0;
    for (uint32_t i = 0; i < met_count; i++) {
        uint32_t c = refiner->met[i];
        int64_t gain = (int64_t)refiner->linked[c] -
                       rsi_penalty(refiner->resolution, arcs->mass[v], refiner->mass[c]);
        if (gain > most && well_connected(refiner, c, community)) {
            most = gain;
            best = c;
        }
        refiner->linked[c] = best == c ? refiner->linked[c] : 0;
    }
    for (uint32_t i = 0; i < met_count; i++) {
        uint32_t c = refiner->met[i];
        if (c == best) {
            /* What joins v and the part was outside both. */
            refiner->outside[c] += refiner->outside[v] - 2 * refiner->linked[c];
        }
        refiner->linked[c] = 0;
    }
    return best;
}

rs_status rsi_arcs_refine(const rsi_arcs *arcs, uint32_t resolution, const uint32_t *order,
                          const uint32_t *label, uint32_t *part, bool *merged, rs_error *err)
{
    rs_status status = RS_OK;
    struct refiner refiner = {.arcs = arcs, .resolution = resolution, .label = label, .part = part};
    *merged = false;
    RS_TRY(refiner_make(&refiner, err));
    singletons(&refiner);
    for (uint32_t i = 0; i < arcs->vertex_count; i++) {
        uint32_t v = order == NULL ? i : order[i];
        if (arcs->vertex_count - i > AHEAD_FIRST) {
            look_ahead(arcs, ahead_in(order, i), label, part, 0);
        }
        if (refiner.grown[v] || !well_connected(&refiner, v, refiner.community[label[v]])) {
            continue;
        }
        uint32_t best = best_part(&refiner, v);
        if (best != v) {
            refiner.mass[best] += arcs->mass[v];
            refiner.mass[v] = 0;
            part[v] = best;
            refiner.grown[best] = 1;
            refiner.grown[v] = 1;
            *merged = true;
        }
    }
done:
    refiner_free(&refiner);
    return status;
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
        if (arcs->vertex_count - m > AHEAD_FIRST) {
            look_ahead(arcs, ahead_in(members, m), label, linked, sizeof *linked);
        }
        for (size_t i = arcs->first[v]; i < arcs->first[v + 1]; i++) {
            uint32_t c = label[arcs->to[i]];
            if (c != label[v]) {
                if (linked[c] == 0) {
                    out->to[at++] = c;
                }
                linked[c] += arcs->weight[i];
            }
        }
    }
    for (size_t i = start; i < at; i++) {
        out->weight[i] = linked[out->to[i]];
        linked[out->to[i]] = 0;
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
