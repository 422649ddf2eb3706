/* bonds.c - without which thing a ring falls apart, and who hangs on it alone.
 *
 * The graph has a node for each member and for each thing that members share or act on together
 * (the uses of sharing.h), and a link for each member of a use. Take one thing away: what hung
 * together through it falls into parts. One search in depth finds that for all things at once
 * (Hopcroft and Tarjan 1973): of a thing T that a member c was reached from, what was found behind
 * c is a part of its own where nothing of it leads further back than to T,
 *
 *     low(c) >= discovered(T)
 *
 * A search starts at a member, so what is left is one more part. Members cut off are those outside
 * of the largest part; a part of one member has no other tie to the ring: it hangs on T alone.
 * Money that goes among the members themselves ties them, and is no thing that could be away.
 *
 * Invariant: nothing depends on anything but the members' and the uses' order, which is that of the
 * report.
 *
 * Cost: O(uses log) for the names of things, O(users of all uses) for the search; no recursion.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "score/bonds.h"

#include <stdlib.h>
#include <string.h>

#include "base/try.h"

enum { RINGS_MAX = 1000, HOLDS_MAX = 3, ALONE_MAX = 10 };
#define NONE UINT32_MAX

/* Members are nodes 0 .. members-1, things those behind them. */
typedef struct node {
    size_t first, next;        /* its links, and the next one to follow */
    uint32_t found, low, from; /* from: the node it was reached from */
    uint32_t behind;           /* members from here on, itself among them */
    uint32_t root;
    uint32_t parts, largest, sum, alone; /* things: what falls off */
} node;

typedef struct binder {
    const rsi_scorer *s;
    uint32_t *place;  /* by subject: its node in the ring at hand */
    uint32_t *things; /* of the ring, ascending */
    uint32_t *links;
    node *nodes;
    size_t thing_room, link_room, node_room;
    uint32_t members, thing_count;
    size_t hold_room, alone_room;
} binder;

/* ---- the graph of a ring --------------------------------------------------------------------- */

/* `array` points to a pointer to entries of `size` bytes, room for *room of them. */
static rs_status reserve(void *array, size_t *room, size_t wanted, size_t size, rs_error *err)
{
    if (wanted > *room) {
        void *items;
        memcpy(&items, array, sizeof items);
        items = realloc(items, 2 * wanted * size);
        if (items == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu parts of a ring)", wanted);
        }
        memcpy(array, &items, sizeof items);
        *room = 2 * wanted;
    }
    return RS_OK;
}

static int compare_u32(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static uint32_t node_of_thing(const binder *h, uint32_t thing)
{
    const uint32_t *at = bsearch(&thing, h->things, h->thing_count, sizeof thing, compare_u32);
    return h->members + (uint32_t)(at - h->things);
}

static rs_status name_things(binder *h, size_t from, size_t to, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(reserve(&h->things, &h->thing_room, to - from, sizeof *h->things, err));
    h->thing_count = 0;
    for (size_t i = from; i < to; i++) {
        h->things[i - from] = h->s->sharing.uses[i].thing;
    }
    qsort(h->things, to - from, sizeof *h->things, compare_u32);
    for (size_t i = 0; i < to - from; i++) {
        if (i == 0 || h->things[i] != h->things[i - 1]) {
            h->things[h->thing_count++] = h->things[i];
        }
    }
done:
    return status;
}

/* Both directions of each link, by counting: first becomes where a node's links stand. */
static rs_status link_uses(binder *h, size_t from, size_t to, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_sharing *sharing = &h->s->sharing;
    size_t count = (size_t)h->members + h->thing_count;
    size_t links = 0;
    for (size_t i = from; i < to; i++) {
        links += sharing->uses[i].user_count;
    }
    RS_TRY(reserve(&h->nodes, &h->node_room, count + 2, sizeof *h->nodes, err));
    RS_TRY(reserve(&h->links, &h->link_room, 2 * links + 1, sizeof *h->links, err));
    memset(h->nodes, 0, (count + 2) * sizeof *h->nodes);
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t i = from; i < to; i++) {
            const rsi_shared_use *use = &sharing->uses[i];
            uint32_t thing = node_of_thing(h, use->thing);
            for (uint32_t k = 0; k < use->user_count; k++) {
                uint32_t member = h->place[sharing->users[use->user_first + k]];
                if (pass == 0) {
                    h->nodes[member + 2].first++;
                    h->nodes[thing + 2].first++;
                } else {
                    h->links[h->nodes[member + 1].first++] = thing;
                    h->links[h->nodes[thing + 1].first++] = member;
                }
            }
        }
        for (size_t v = 0; pass == 0 && v < count; v++) {
            h->nodes[v + 2].first += h->nodes[v + 1].first;
        }
    }
done:
    return status;
}

/* ---- the search ------------------------------------------------------------------------------ */

/* What is behind `v` is known: tell the node that it was reached from. */
static void leave(const binder *h, uint32_t v)
{
    node *child = &h->nodes[v];
    node *from = &h->nodes[child->from];
    from->low = child->low < from->low ? child->low : from->low;
    from->behind += child->behind;
    if (child->from >= h->members && child->low >= from->found) {
        from->parts++;
        from->sum += child->behind;
        from->largest = child->behind > from->largest ? child->behind : from->largest;
        from->alone += child->behind == 1;
    }
}

static void arrive(const binder *h, uint32_t v, uint32_t from, uint32_t root, uint32_t *clock)
{
    node *here = &h->nodes[v];
    here->found = ++*clock; /* 0: not found yet */
    here->low = here->found;
    here->from = from;
    here->root = root;
    here->behind = v < h->members;
    here->next = here->first;
}

static void search(const binder *h, uint32_t root, uint32_t *clock)
{
    uint32_t v = root;
    arrive(h, root, NONE, root, clock);
    while (v != NONE) {
        node *here = &h->nodes[v];
        if (here->next == h->nodes[v + 1].first) {
            if (here->from != NONE) {
                leave(h, v);
            }
            v = here->from;
            continue;
        }
        uint32_t to = h->links[here->next++];
        if (h->nodes[to].found == 0) {
            arrive(h, to, v, root, clock);
            v = to;
        } else if (h->nodes[to].found < here->low) {
            here->low = h->nodes[to].found;
        }
    }
}

/* ---- what is told ---------------------------------------------------------------------------- */

/* The thing without which most members are cut off; of equal ones the one of more parts. */
static bool is_better(const rs_ring_hold *a, const rs_ring_hold *b)
{
    if (a->cut_count != b->cut_count) {
        return a->cut_count > b->cut_count;
    }
    if (a->part_count != b->part_count) {
        return a->part_count > b->part_count;
    }
    return a->thing < b->thing;
}

/* What stands for money among members themselves: an exit, where a cycle was entered. */
static bool is_member(const binder *h, uint32_t thing, size_t group)
{
    return thing < rs_graph_subject_count(h->s->input->graph) &&
           h->s->candidates.of[thing] == group;
}

static size_t choose(const binder *h, size_t group, rs_ring_hold best[HOLDS_MAX + 1])
{
    size_t count = 0;
    for (uint32_t t = h->members; t < h->members + h->thing_count; t++) {
        const node *thing = &h->nodes[t];
        if (thing->parts == 0 || is_member(h, h->things[t - h->members], group)) {
            continue;
        }
        uint32_t all = h->nodes[thing->root].behind;
        uint32_t rest = all - thing->sum;
        uint32_t largest = rest > thing->largest ? rest : thing->largest;
        best[count] = (rs_ring_hold){.thing = h->things[t - h->members],
                                     .part_count = thing->parts + 1,
                                     .cut_count = all - largest,
                                     .alone_count = thing->alone + (rest == 1)};
        for (size_t i = count; i > 0 && is_better(&best[i], &best[i - 1]); i--) {
            rs_ring_hold one = best[i];
            best[i] = best[i - 1];
            best[i - 1] = one;
        }
        count += count < HOLDS_MAX;
    }
    return count;
}

static bool hangs_on(const binder *h, uint32_t member, uint32_t thing)
{
    const node *m = &h->nodes[member];
    const node *t = &h->nodes[thing];
    if (m->from == thing) {
        return m->behind == 1 && m->low >= t->found;
    }
    return t->root == member && m->behind - t->sum == 1;
}

static rs_status tell(binder *h, const rs_ring *ring, rs_ring_hold hold, rs_error *err)
{
    rs_status status = RS_OK;
    rs_findings *out = h->s->out;
    uint32_t thing = node_of_thing(h, hold.thing);
    hold.alone_first = out->alone_count;
    RS_TRY(reserve(&out->holds, &h->hold_room, out->hold_count + 1, sizeof hold, err));
    RS_TRY(reserve(&out->alone, &h->alone_room, out->alone_count + ALONE_MAX, sizeof *out->alone,
                   err));
    for (uint32_t m = 0; m < h->members && hold.listed_count < ALONE_MAX; m++) {
        if (hangs_on(h, m, thing)) {
            out->alone[out->alone_count++] = out->members[ring->member_first + m].node;
            hold.listed_count++;
        }
    }
    out->holds[out->hold_count++] = hold;
done:
    return status;
}

static rs_status study(binder *h, rs_ring *ring, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_scorer *s = h->s;
    const rs_ring_member *members = s->out->members + ring->member_first;
    size_t group = s->candidates.of[members[0].node];
    size_t from = s->sharing.use_first[group];
    size_t to = s->sharing.use_first[group + 1];
    rs_ring_hold best[HOLDS_MAX + 1];
    uint32_t clock = 0;
    ring->hold_first = s->out->hold_count;
    h->members = (uint32_t)ring->member_count;
    for (uint32_t m = 0; m < h->members; m++) {
        h->place[members[m].node] = m;
    }
    RS_TRY(name_things(h, from, to, err));
    RS_TRY(link_uses(h, from, to, err));
    for (uint32_t m = 0; m < h->members; m++) {
        if (h->nodes[m].found == 0) {
            search(h, m, &clock);
        }
    }
    size_t count = choose(h, group, best);
    for (size_t i = 0; i < count; i++) {
        RS_TRY(tell(h, ring, best[i], err));
    }
    ring->hold_count = s->out->hold_count - ring->hold_first;
done:
    return status;
}

rs_status rsi_bonds_find(const rsi_scorer *s, rs_error *err)
{
    rs_status status = RS_OK;
    binder h = {.s = s};
    size_t subjects = rs_graph_subject_count(s->input->graph);
    h.place = malloc((subjects + 1) * sizeof *h.place);
    if (h.place == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu subjects)", subjects);
        goto done;
    }
    for (size_t i = 0; i < s->out->ring_count && i < RINGS_MAX; i++) {
        RS_TRY(study(&h, &s->out->rings[i], err));
    }
done:
    free(h.place);
    free(h.things);
    free(h.links);
    free(h.nodes);
    return status;
}
