/* ties.c - the fewest links that tie a member to its ring.
 *
 * A community keeps a member whose links to it are worth what the resolution asks for its pairs
 * with the others (detect.h), and trimming does where they are a fifth of what holds a member on
 * the average (candidates.h). Whichever is more is what belonging asks for. Its links taken by
 * weight, the largest first, are the fewest that reach it: any other choice of as many weighs less.
 *
 * The links are those of the collapsed evidence; of each the strongest link of the evidence behind
 * it tells kind and thing.
 *
 * Cost: a pass over the collapsed links, a binary search in the evidence for each tie that is told.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "score/ties.h"

#include <stdlib.h>
#include <string.h>

#include "base/sort.h"
#include "base/try.h"

enum { RINGS_MAX = 100 };
#define NONE UINT32_MAX

/* A person of a ring: the accounts of one entity. */
typedef struct person {
    uint32_t ring;
    size_t first;  /* its first account among the findings' members */
    size_t member; /* the same, for walking on: next[] */
    rs_member_ties ties;
} person;

typedef struct binder {
    const rsi_scorer *s;
    uint32_t *slot; /* by node of the collapsed evidence: its person, or NONE */
    person *persons;
    uint32_t person_count;
    size_t *next;        /* by member: the next account of the same person; SIZE_MAX: none */
    rsi_record *touches; /* person and what is left of the weight -> the link's other end */
    size_t touch_count, touch_room;
    size_t tie_room;
} binder;

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (ties of members)");
}

/* ---- persons --------------------------------------------------------------------------------- */

/* The persons of the first rings; members of verified identities alone have no node. */
static void find_persons(binder *b)
{
    const rs_findings *out = b->s->out;
    for (uint32_t i = 0; i < RINGS_MAX && i < out->ring_count; i++) {
        const rs_ring *ring = &out->rings[i];
        for (size_t k = ring->member_first; k < ring->member_first + ring->member_count; k++) {
            uint32_t v = b->s->vertex[out->members[k].node];
            b->next[k] = SIZE_MAX;
            if (v == RSI_NO_VERTEX) {
                continue;
            }
            if (b->slot[v] == NONE) {
                b->slot[v] = b->person_count;
                b->persons[b->person_count++] = (person){.ring = i, .first = k, .member = k};
            } else {
                person *one = &b->persons[b->slot[v]];
                b->next[one->member] = k;
                one->member = k;
            }
        }
    }
}

/* ---- links ----------------------------------------------------------------------------------- */

static rs_status touch(binder *b, uint32_t person_number, uint32_t other, uint32_t weight,
                       rs_error *err)
{
    if (b->touch_count == b->touch_room) {
        size_t room = b->touch_room == 0 ? 4096 : 2 * b->touch_room;
        rsi_record *touches = realloc(b->touches, room * sizeof *touches);
        if (touches == NULL) {
            return no_memory(err);
        }
        b->touches = touches;
        b->touch_room = room;
    }
    b->touches[b->touch_count++] =
        (rsi_record){.key = (uint64_t)person_number << 32 | (UINT32_MAX - weight), .value = other};
    return RS_OK;
}

/* Whether a link from a person leads to a thing or to another person of the same ring. */
static bool is_tie(const binder *b, uint32_t from, uint32_t to)
{
    return b->slot[from] != NONE && (b->slot[to] != NONE || !b->s->input->collapsed->is_member[to]);
}

/* Every link inside the communities of the first rings, by person, the largest weight first; of
 * equal ones the smallest node. */
static rs_status find_touches(binder *b, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_evidence_graph *g = b->s->input->collapsed;
    const uint32_t *label = b->s->input->label;
    for (size_t i = 0; i < g->link_count; i++) {
        uint32_t x = g->a[i];
        uint32_t y = g->b[i];
        if (label[x] != label[y]) {
            continue;
        }
        if (is_tie(b, x, y)) {
            RS_TRY(touch(b, b->slot[x], y, g->weight[i], err));
        }
        if (is_tie(b, y, x)) {
            RS_TRY(touch(b, b->slot[y], x, g->weight[i], err));
        }
    }
    RS_TRY(rsi_sort_records(b->touches, b->touch_count, NULL, err));
done:
    return status;
}

/* ---- what is behind a link ------------------------------------------------------------------- */

/* The first link of the evidence that is not before (a, b). */
static size_t links_from(const rs_evidence *evidence, uint32_t a, uint32_t b)
{
    size_t low = 0;
    size_t high = evidence->link_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const rs_link *link = &evidence->links[middle];
        if (link->a < a || (link->a == a && link->b < b)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void look_between(const rs_evidence *evidence, uint32_t x, uint32_t y, const rs_link **best)
{
    uint32_t a = x < y ? x : y;
    uint32_t b = x < y ? y : x;
    for (size_t i = links_from(evidence, a, b); i < evidence->link_count; i++) {
        const rs_link *link = &evidence->links[i];
        if (link->a != a || link->b != b) {
            break;
        }
        *best = *best == NULL || link->weight > (*best)->weight ? link : *best;
    }
}

/* The strongest link between the accounts of a person and a thing or the accounts of another one;
 * *end is the far end of it. */
static const rs_link *link_behind(const binder *b, const person *one, uint32_t other, uint32_t *end)
{
    const rs_score_input *input = b->s->input;
    const rs_ring_member *members = b->s->out->members;
    const rs_link *best = NULL;
    uint32_t far = b->slot[other];
    *end = input->collapsed->nodes[other];
    for (size_t k = one->first; k != SIZE_MAX; k = b->next[k]) {
        uint32_t from = members[k].node;
        if (far == NONE) {
            look_between(input->evidence, from, *end, &best);
            continue;
        }
        for (size_t m = b->persons[far].first; m != SIZE_MAX; m = b->next[m]) {
            const rs_link *before = best;
            look_between(input->evidence, from, members[m].node, &best);
            *end = best != before ? members[m].node : *end;
        }
    }
    return best;
}

/* ---- what is told ---------------------------------------------------------------------------- */

static rs_status tell(binder *b, const person *one, uint32_t other, uint32_t share, rs_error *err)
{
    rs_findings *out = b->s->out;
    rs_ring_tie tie = {.thing = RS_NO_NODE, .kind = UINT16_MAX, .relation = UINT16_MAX};
    const rs_link *link = link_behind(b, one, other, &tie.node);
    if (link != NULL) {
        tie.kind = link->kind;
        tie.relation = link->relation;
        tie.thing = link->thing != link->a && link->thing != link->b ? link->thing : RS_NO_NODE;
    }
    tie.weight = share;
    if (out->tie_count == b->tie_room) {
        size_t room = b->tie_room == 0 ? 4096 : 2 * b->tie_room;
        rs_ring_tie *ties = realloc(out->ties, room * sizeof *ties);
        if (ties == NULL) {
            return no_memory(err);
        }
        out->ties = ties;
        b->tie_room = room;
    }
    out->ties[out->tie_count++] = tie;
    return RS_OK;
}

static uint64_t weight_of(const rsi_record *touched)
{
    return UINT32_MAX - (uint32_t)touched->key;
}

/* What belonging asks of a person of the ring. */
static uint64_t asked_of(const binder *b, const rs_ring *ring)
{
    const rsi_scorer *s = b->s;
    size_t group = s->candidates.of[s->out->members[ring->member_first].node];
    uint64_t resolution = rsi_resolution_of(s->input, &s->candidates, group);
    uint64_t pairs = resolution * (ring->member_count - 1);
    uint64_t kept = s->candidates.mean[group] / s->options->trim;
    return pairs > kept ? pairs : kept;
}

static rs_status tie_person(binder *b, person *one, const rsi_record *touches, size_t count,
                            rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t all = 0;
    uint64_t reached = 0;
    uint64_t asked = asked_of(b, &b->s->out->rings[one->ring]);
    for (size_t i = 0; i < count; i++) {
        all += weight_of(&touches[i]);
    }
    one->ties.first = b->s->out->tie_count;
    for (size_t i = 0; i < count && (i == 0 || reached < asked); i++) {
        uint64_t weight = weight_of(&touches[i]);
        reached += weight;
        one->ties.needed++;
        if (one->ties.count < RS_TIES_MAX) {
            one->ties.count++;
            RS_TRY(tell(b, one, (uint32_t)touches[i].value, (uint32_t)(weight * RS_MILLION / all),
                        err));
        }
    }
done:
    return status;
}

static rs_status tie_persons(binder *b, rs_error *err)
{
    rs_status status = RS_OK;
    rs_findings *out = b->s->out;
    for (size_t i = 0, end; i < b->touch_count; i = end) {
        uint32_t number = (uint32_t)(b->touches[i].key >> 32);
        for (end = i; end < b->touch_count && b->touches[end].key >> 32 == number; end++) {
        }
        RS_TRY(tie_person(b, &b->persons[number], b->touches + i, end - i, err));
    }
    for (uint32_t p = 0; p < b->person_count; p++) {
        for (size_t k = b->persons[p].first; k != SIZE_MAX; k = b->next[k]) {
            out->member_ties[k] = b->persons[p].ties;
        }
    }
done:
    return status;
}

rs_status rsi_ties_find(const rsi_scorer *s, rs_error *err)
{
    rs_status status = RS_OK;
    rs_findings *out = s->out;
    binder b = {.s = s};
    size_t nodes = (size_t)s->input->collapsed->node_count + 1;
    size_t rings = out->ring_count < RINGS_MAX ? out->ring_count : RINGS_MAX;
    size_t members = 0;
    for (size_t i = 0; i < rings; i++) {
        members += out->rings[i].member_count;
    }
    b.slot = malloc(nodes * sizeof *b.slot);
    b.persons = malloc((members + 1) * sizeof *b.persons);
    b.next = malloc((members + 1) * sizeof *b.next);
    out->member_ties = calloc(members + 1, sizeof *out->member_ties);
    if (b.slot == NULL || b.persons == NULL || b.next == NULL || out->member_ties == NULL) {
        status = no_memory(err);
        goto done;
    }
    out->tied_count = members;
    memset(b.slot, 0xff, nodes * sizeof *b.slot);
    find_persons(&b);
    RS_TRY(find_touches(&b, err));
    RS_TRY(tie_persons(&b, err));
done:
    free(b.touches);
    free(b.next);
    free(b.persons);
    free(b.slot);
    return status;
}
