/* roles.c - collectors, exits and hubs: read from who pays whom inside a ring.
 *
 * A way is a payment inside the ring that its payee passes on inside the ring, nearly whole,
 * within the window (payments.h), to somebody else than the payer: it has a start, a middle and an
 * end. Where two middles and more lead from one start to one end there is a relay, the same that
 * the evidence of that name asks for; there chance was asked already.
 *
 *     exit       ends relays, and is oftener the end of a way than its start or middle
 *     collector  starts relays, and is oftener the start of a way than its end or middle: it took
 *                money from outside and hands it to those who pass it on
 *
 * In money that goes round everybody starts or is in the middle of as many ways as end with him:
 * a cycle has neither.
 *
 * Who is neither is held against chance. Null model: each of the ring's pairs of payer and payee
 * has its payee among the other members at random, with a member's share p of the payments that all
 * of them get from outside, or 1 / (n - 1) where that is more: a shop is paid by everybody. That k
 * of the m pairs which are not its own have it as their payee has the probability P(X >= k), X
 * binomial of m and p; below one in twenty among all n members (P n <= 1 / 20), and with half of
 * all members that pay one at all (that are paid), it
 *
 *     collects, and is a collector      the same of payees: it hands out;      both: it is a hub
 *
 * Of four members who pay one another, chance leaves nothing that could be told: they have no
 * roles but by relays. Two who pay a third neither.
 *
 * Look-alikes: a mother whom four children pay is the collector of a family. That is true of her,
 * and says nothing of fraud: roles enter no score.
 *
 * Cost: O(payments log); of a payment the first REACH later ones of its payee are looked at, of
 * which EACH_MAX make ways.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "score/roles.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/sort.h"
#include "base/try.h"

enum { REACH = 64, EACH_MAX = 8, MIDDLES_MIN = 2, ONE_IN = 20 };

typedef struct way {
    uint32_t start, end, middle;
} way;

/* What a member does with money; entries stand as the ring's members. */
typedef struct dealings {
    uint32_t payers, payees;        /* different members */
    uint32_t starts, middles, ends; /* of ways */
    bool starts_relay, ends_relay;
    uint32_t from_outside, to_outside; /* payments */
} dealings;

typedef struct roles {
    rs_findings *out;
    uint32_t window_s;
    const rsi_payments *payments;
    uint32_t *place;     /* by subject in a ring: its entry of out->members; else UINT32_MAX */
    size_t members_max;  /* of a ring */
    size_t payments_max; /* inside a ring */
    /* Of each thread, for the ring at hand. */
    dealings *dealings; /* by entry - first */
    rsi_payment *by_payer;
    uint64_t *pairs; /* of payer and payee; and as much scratch */
    way *ways;
    size_t way_room;
} roles;

/* ---- ways ------------------------------------------------------------------------------------ */

static int compare_ways(const void *left, const void *right)
{
    const way *a = left;
    const way *b = right;
    if (a->start != b->start) {
        return a->start < b->start ? -1 : 1;
    }
    if (a->end != b->end) {
        return a->end < b->end ? -1 : 1;
    }
    return (a->middle > b->middle) - (a->middle < b->middle);
}

/* The ways that begin with `in`, added behind the `count` that are there. */
static size_t follow(const roles *r, const rsi_payment *in, size_t payments, size_t count)
{
    size_t at = rsi_payments_later(r->by_payer, payments, in->dst, in->relation, in->time);
    size_t end = payments - at > REACH ? at + REACH : payments;
    size_t most = count + EACH_MAX;
    if (in->time == RS_NO_TIME) {
        return count;
    }
    for (; at < end && r->by_payer[at].src == in->dst && count < most; at++) {
        if (rsi_payment_passes(in, &r->by_payer[at], r->window_s)) {
            r->ways[count++] =
                (way){.start = in->src, .end = r->by_payer[at].dst, .middle = in->dst};
        }
    }
    return count;
}

static dealings *of(const roles *r, size_t first, uint32_t node)
{
    return &r->dealings[r->place[node] - first];
}

/* Each way once: who stands where, and where relays are. */
static void count_ways(const roles *r, size_t first, size_t count)
{
    size_t kept = 0;
    qsort(r->ways, count, sizeof *r->ways, compare_ways);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || compare_ways(&r->ways[i], &r->ways[kept - 1]) != 0) {
            r->ways[kept++] = r->ways[i];
        }
    }
    for (size_t i = 0, end; i < kept; i = end) {
        const way *one = &r->ways[i];
        for (end = i;
             end < kept && r->ways[end].start == one->start && r->ways[end].end == one->end;
             end++) {
            of(r, first, one->start)->starts++;
            of(r, first, r->ways[end].middle)->middles++;
            of(r, first, one->end)->ends++;
        }
        if (end - i >= MIDDLES_MIN) {
            of(r, first, one->start)->starts_relay = true;
            of(r, first, one->end)->ends_relay = true;
        }
    }
}

static rs_status find_ways(roles *r, size_t first, rsi_payment_list inside, rs_error *err)
{
    size_t found = 0;
    size_t count = inside.count;
    if (r->way_room < count * EACH_MAX) {
        way *ways = realloc(r->ways, count * EACH_MAX * sizeof *ways);
        if (ways == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu payments of a ring)", count);
        }
        r->ways = ways;
        r->way_room = count * EACH_MAX;
    }
    for (size_t i = 0; i < count; i++) {
        found = follow(r, &inside.items[i], count, found);
    }
    if (found > 0) {
        count_ways(r, first, found);
    }
    return RS_OK;
}

/* ---- chance ---------------------------------------------------------------------------------- */

/* Whether `hits` of `tries`, each with probability p, is more than one of `members` has by chance.
 */
static bool is_rare(uint32_t hits, uint32_t tries, double p, size_t members)
{
    int sign; /* lgamma_r, because lgamma writes a global */
    if (hits < MIDDLES_MIN || hits <= p * tries || p >= 1) {
        return false;
    }
    double ways = lgamma_r(tries + 1.0, &sign) - lgamma_r(hits + 1.0, &sign) -
                  lgamma_r((double)(tries - hits) + 1.0, &sign);
    double term = exp(ways + hits * log(p) + (tries - hits) * log1p(-p));
    double sum = 0;
    for (uint32_t k = hits; k <= tries && term > sum * 1e-12; k++) {
        sum += term;
        term *= (double)(tries - k) / (k + 1.0) * p / (1 - p);
    }
    return sum * (double)members * ONE_IN <= 1;
}

/* Different payers and payees of each member; *count: the pairs there are. */
static rs_status count_pairs(const roles *r, size_t first, rsi_payment_list inside, uint32_t *count,
                             rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t *pairs = r->pairs;
    for (size_t i = 0; i < inside.count; i++) {
        pairs[i] = (uint64_t)inside.items[i].src << 32 | inside.items[i].dst;
    }
    RS_TRY(rsi_sort_u64(pairs, inside.count, pairs + inside.count, err));
    for (size_t i = 0; i < inside.count; i++) {
        if (i == 0 || pairs[i] != pairs[i - 1]) {
            of(r, first, (uint32_t)(pairs[i] >> 32))->payees++;
            of(r, first, (uint32_t)pairs[i])->payers++;
            ++*count;
        }
    }
done:
    return status;
}

/* A member's share of what comes from outside (or goes there) for one of `members`. */
static double share_of(uint32_t own, uint64_t all, size_t members)
{
    double even = 1 / ((double)members - 1);
    double share = ((double)own + 1) / ((double)all + (double)members);
    return share > even ? share : even;
}

/* Of all members of a ring. */
typedef struct sums {
    uint32_t pairs;                    /* of payer and payee */
    uint32_t paying, paid;             /* members that pay one, that one pays */
    uint64_t from_outside, to_outside; /* payments */
} sums;

static bool collects(const dealings *d, const sums *all, size_t members)
{
    double share = share_of(d->from_outside, all->from_outside, members);
    return 2 * d->payers >= all->paying - (d->payees > 0) &&
           is_rare(d->payers, all->pairs - d->payees, share, members);
}

static bool hands_out(const dealings *d, const sums *all, size_t members)
{
    double share = share_of(d->to_outside, all->to_outside, members);
    return 2 * d->payees >= all->paid - (d->payers > 0) &&
           is_rare(d->payees, all->pairs - d->payers, share, members);
}

/* `role` is what it was named before. */
static rs_role role_of(rs_role role, const dealings *d, const sums *all, size_t members)
{
    if (d->ends_relay && d->ends > d->starts + d->middles) {
        return RS_ROLE_EXIT;
    }
    if (d->starts_relay && d->starts > d->ends + d->middles) {
        return RS_ROLE_COLLECTOR;
    }
    if (!collects(d, all, members)) {
        return role;
    }
    return hands_out(d, all, members) ? RS_ROLE_HUB : RS_ROLE_COLLECTOR;
}

/* ---- rings ----------------------------------------------------------------------------------- */

/* What members pay to others and get from them. */
static void count_across(const roles *r, const rs_ring *ring, rsi_payment_list across, sums *all)
{
    for (size_t i = 0; i < across.count; i++) {
        const rsi_payment *one = &across.items[i];
        bool in = r->place[one->dst] - ring->member_first < ring->member_count;
        uint32_t *count = in ? &of(r, ring->member_first, one->dst)->from_outside
                             : &of(r, ring->member_first, one->src)->to_outside;
        (*count)++;
        all->from_outside += in;
        all->to_outside += !in;
    }
}

static rs_status read_ring(roles *r, uint32_t number, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_ring *ring = &r->out->rings[number];
    rsi_payment_list inside = rsi_payments_inside(r->payments, number);
    rs_ring_member *members = r->out->members + ring->member_first;
    sums all = {0};
    if (inside.count == 0) {
        return RS_OK;
    }
    memset(r->dealings, 0, ring->member_count * sizeof *r->dealings);
    RS_TRY(rsi_payments_by_payer(inside, r->by_payer, err));
    RS_TRY(find_ways(r, ring->member_first, inside, err));
    RS_TRY(count_pairs(r, ring->member_first, inside, &all.pairs, err));
    count_across(r, ring, rsi_payments_across(r->payments, number), &all);
    for (size_t k = 0; k < ring->member_count; k++) {
        all.paying += r->dealings[k].payees > 0;
        all.paid += r->dealings[k].payers > 0;
    }
    for (size_t k = 0; k < ring->member_count; k++) {
        members[k].role = role_of(members[k].role, &r->dealings[k], &all, ring->member_count);
    }
done:
    return status;
}

static rs_status roles_alloc(roles *r, size_t subjects, rs_error *err)
{
    r->place = malloc((subjects + 1) * sizeof *r->place);
    if (r->place == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu subjects)", subjects);
    }
    memset(r->place, 0xff, (subjects + 1) * sizeof *r->place);
    for (uint32_t i = 0; i < rsi_money_rings(r->out); i++) {
        const rs_ring *ring = &r->out->rings[i];
        size_t inside = rsi_payments_inside(r->payments, i).count;
        r->members_max = ring->member_count > r->members_max ? ring->member_count : r->members_max;
        r->payments_max = inside > r->payments_max ? inside : r->payments_max;
        for (size_t k = ring->member_first; k < ring->member_first + ring->member_count; k++) {
            r->place[r->out->members[k].node] = (uint32_t)k;
        }
    }
    return RS_OK;
}

/* ---- side by side ---------------------------------------------------------------------------- */

enum { RINGS_A_BLOCK = 16 };

typedef struct crew {
    roles *each; /* by thread: alike but for what is a thread's own */
    unsigned size;
} crew;

static rs_status crew_alloc(crew *c, const roles *r, const rs_work *work, rs_error *err)
{
    c->size = rsi_parallel_workers(work);
    c->each = calloc(c->size, sizeof *c->each);
    if (c->each == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (roles)");
    }
    for (unsigned i = 0; i < c->size; i++) {
        roles *one = &c->each[i];
        *one = *r;
        one->dealings = malloc((r->members_max + 1) * sizeof *one->dealings);
        one->by_payer = malloc((r->payments_max + 1) * sizeof *one->by_payer);
        one->pairs = malloc((2 * r->payments_max + 1) * sizeof *one->pairs);
        if (one->dealings == NULL || one->by_payer == NULL || one->pairs == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu payments of a ring)",
                           r->payments_max);
        }
    }
    return RS_OK;
}

static void crew_free(crew *c)
{
    for (unsigned i = 0; c->each != NULL && i < c->size; i++) {
        free(c->each[i].dealings);
        free(c->each[i].by_payer);
        free(c->each[i].pairs);
        free(c->each[i].ways);
    }
    free(c->each);
}

static rs_status read_block(void *context, size_t block, unsigned worker, rs_error *err)
{
    rs_status status = RS_OK;
    const crew *c = context;
    roles *r = &c->each[worker];
    size_t end = (block + 1) * RINGS_A_BLOCK;
    end = end < rsi_money_rings(r->out) ? end : rsi_money_rings(r->out);
    for (size_t i = block * RINGS_A_BLOCK; i < end; i++) {
        RS_TRY(read_ring(r, (uint32_t)i, err));
    }
done:
    return status;
}

size_t rsi_money_rings(const rs_findings *found)
{
    enum { MOST = 1000 };
    return found->ring_count < MOST ? found->ring_count : MOST;
}

rs_status rsi_roles_payments(const rs_graph *graph, const rs_findings *found, const rs_work *work,
                             rsi_payments *out, rs_error *err)
{
    size_t subjects = rs_graph_subject_count(graph);
    uint32_t *ring = malloc((subjects + 1) * sizeof *ring);
    if (ring == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu subjects)", subjects);
    }
    memset(ring, 0xff, (subjects + 1) * sizeof *ring); /* RSI_NO_PAYMENTS */
    rsi_payments_wanted wanted = {
        .group = ring, .group_count = (uint32_t)rsi_money_rings(found), .across = true};
    for (uint32_t i = 0; i < wanted.group_count; i++) {
        const rs_ring_member *members = found->members + found->rings[i].member_first;
        for (size_t k = 0; k < found->rings[i].member_count; k++) {
            ring[members[k].node] = i;
        }
    }
    rs_status status = rsi_payments_read(graph, &wanted, work, out, err);
    free(ring);
    return status;
}

rs_status rsi_roles_find(const rs_score_input *input, const rsi_payments *payments,
                         const rs_work *work, rs_findings *out, rs_error *err)
{
    rs_status status = RS_OK;
    roles r = {.out = out, .window_s = input->pass_window_s, .payments = payments};
    crew c = {0};
    RS_TRY(roles_alloc(&r, rs_graph_subject_count(input->graph), err));
    RS_TRY(crew_alloc(&c, &r, work, err));
    RS_TRY(rsi_parallel(work, (rsi_money_rings(out) + RINGS_A_BLOCK - 1) / RINGS_A_BLOCK,
                        read_block, &c, err));
done:
    crew_free(&c);
    free(r.place);
    return status;
}

const char *rs_role_name(rs_role role)
{
    static const char *const names[RS_ROLE_COUNT] = {
        [RS_ROLE_CORE] = "core",           [RS_ROLE_MEMBER] = "member", [RS_ROLE_BRIDGE] = "bridge",
        [RS_ROLE_COLLECTOR] = "collector", [RS_ROLE_EXIT] = "exit",     [RS_ROLE_HUB] = "hub"};
    return names[role];
}
