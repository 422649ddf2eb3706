/* victims.c - outsiders whose money a ring took: who paid it, and nothing else.
 *
 * Plain rule. A victim of a ring is in no ring and on no list; no member ever paid it; and of
 * each payment that it made to members, the ring made use at once: within the window in which money
 * rests before it is passed on (payments.h),
 *
 *     a collector of the ring (roles.c) paid a member, or
 *     the member paid passed it on nearly whole to an exit of the ring.
 *
 * Look-alikes: an employer, a friend who pays a member as always: some of their payments come when
 * the ring is quiet, which is why each of them counts. One who paid once, an hour before the
 * collector handed out, cannot be told from a victim; the list names candidates to ask.
 *
 * Cost: O(log) for each payment that ends or starts at a ring with a collector or an exit.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "score/victims.h"

#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "graph/wide.h"
#include "score/roles.h"

enum { LISTED_MAX = 20 };

/* One payment across the border of a ring. */
typedef struct crossing {
    uint32_t outsider;
    bool victims; /* whether it is as those of victims are */
    const rsi_payment *payment;
} crossing;

typedef struct finder {
    const rs_score_input *input;
    const uint8_t *listed;
    const rsi_payments *payments;
    uint8_t *part;       /* by subject: 1 + its role in the ring at hand, else 0 */
    rsi_payment *handed; /* those inside the ring at hand, by payer */
    size_t handed_count;
    crossing *crossings;
    rs_findings *out;
    size_t paid_room, victim_room;
} finder;

/* ---- one ring -------------------------------------------------------------------------------- */

/* Whether the ring made use of a payment from outside. */
static bool is_used(const finder *f, const rsi_payment *in)
{
    uint32_t window_s = f->input->pass_window_s;
    bool collected = f->part[in->dst] == 1 + RS_ROLE_COLLECTOR;
    size_t at = rsi_payments_later(f->handed, f->handed_count, in->dst, in->relation, in->time);
    if (in->time == RS_NO_TIME || (in->amount != RS_NO_AMOUNT && in->amount <= 0)) {
        return false;
    }
    for (; at < f->handed_count && rsi_payment_follows(in, &f->handed[at], window_s); at++) {
        if (collected || (f->part[f->handed[at].dst] == 1 + RS_ROLE_EXIT &&
                          rsi_payment_passes(in, &f->handed[at], window_s))) {
            return true;
        }
    }
    return false;
}

static int compare_crossings(const void *left, const void *right)
{
    const crossing *a = left;
    const crossing *b = right;
    if (a->outsider != b->outsider) {
        return a->outsider < b->outsider ? -1 : 1;
    }
    if (a->payment->relation != b->payment->relation) {
        return a->payment->relation < b->payment->relation ? -1 : 1;
    }
    return 0;
}

/* The payments of victims alone, by outsider, then relation; returns how many. */
static size_t keep_victims(const finder *f, rsi_payment_list across)
{
    size_t kept = 0;
    size_t count = across.count;
    for (size_t i = 0; i < count; i++) {
        const rsi_payment *one = &across.items[i];
        bool in = f->part[one->dst] != 0;
        uint32_t outsider = in ? one->src : one->dst;
        bool victims = in && !f->listed[outsider] && f->out->nodes[outsider].ring == RS_NO_RING &&
                       is_used(f, one);
        f->crossings[i] = (crossing){.outsider = outsider, .victims = victims, .payment = one};
    }
    qsort(f->crossings, count, sizeof *f->crossings, compare_crossings);
    for (size_t i = 0, end; i < count; i = end) {
        bool all = true;
        for (end = i; end < count && f->crossings[end].outsider == f->crossings[i].outsider;
             end++) {
            all = all && f->crossings[end].victims;
        }
        if (all) {
            memmove(f->crossings + kept, f->crossings + i, (end - i) * sizeof *f->crossings);
            kept += end - i;
        }
    }
    return kept;
}

static int by_amount(const void *left, const void *right)
{
    const rs_ring_victim *a = left;
    const rs_ring_victim *b = right;
    if (a->amount.high != b->amount.high) {
        return a->amount.high > b->amount.high ? -1 : 1;
    }
    if (a->amount.low != b->amount.low) {
        return a->amount.low > b->amount.low ? -1 : 1;
    }
    if (a->payment_count != b->payment_count) {
        return a->payment_count > b->payment_count ? -1 : 1;
    }
    return (a->node > b->node) - (a->node < b->node);
}

/* ---- what is found --------------------------------------------------------------------------- */

/* Room for one more of `size` behind `count`; NULL where memory ends. */
static void *grow(void *items, size_t count, size_t *room, size_t size)
{
    if (count < *room) {
        return items;
    }
    size_t wanted = *room == 0 ? 64 : *room * 2;
    void *grown = realloc(items, wanted * size);
    *room = grown != NULL ? wanted : *room;
    return grown;
}

static rs_status add_victim(finder *f, rs_ring_victim victim, size_t at, rs_error *err)
{
    rs_ring_victim *victims = grow(f->out->victims, at, &f->victim_room, sizeof victim);
    if (victims == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu victims)", at);
    }
    f->out->victims = victims;
    victims[at] = victim;
    return RS_OK;
}

static rs_status add_paid(finder *f, rs_ring_paid paid, rs_error *err)
{
    rs_ring_paid *list = grow(f->out->paid, f->out->paid_count, &f->paid_room, sizeof paid);
    if (list == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu rings with victims)", f->paid_room);
    }
    f->out->paid = list;
    list[f->out->paid_count++] = paid;
    return RS_OK;
}

/* What the victims of a ring paid through one relation. */
static rs_status add_relation(finder *f, uint16_t relation, size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    rs_ring_paid paid = {
        .relation = relation, .amount = RSI_WIDE_NONE, .victim_first = f->out->victim_count};
    size_t end = paid.victim_first;
    for (size_t i = 0; i < count; i++) {
        const crossing *one = &f->crossings[i];
        if (one->payment->relation != relation) {
            continue;
        }
        if (end == paid.victim_first || f->out->victims[end - 1].node != one->outsider) {
            rs_ring_victim victim = {.node = one->outsider, .amount = RSI_WIDE_NONE};
            RS_TRY(add_victim(f, victim, end, err));
            end++;
        }
        rs_ring_victim *victim = &f->out->victims[end - 1];
        rsi_wide_add(&victim->amount, one->payment->amount);
        victim->payment_count++;
        paid.payment_count++;
        rsi_wide_add(&paid.amount, one->payment->amount);
    }
    paid.victim_count = (uint32_t)(end - paid.victim_first);
    if (paid.victim_count > 0) {
        qsort(f->out->victims + paid.victim_first, paid.victim_count, sizeof(rs_ring_victim),
              by_amount);
        paid.listed_count = paid.victim_count < LISTED_MAX ? paid.victim_count : LISTED_MAX;
        f->out->victim_count += paid.listed_count;
        RS_TRY(add_paid(f, paid, err));
    }
done:
    return status;
}

/* The payments inside a ring, by payer, and all that came from outside or went there. */
static rs_status read_ring(finder *f, uint32_t number, rs_error *err)
{
    rs_status status = RS_OK;
    rs_ring *ring = &f->out->rings[number];
    const rs_store *store = rs_graph_store(f->input->graph);
    rsi_payment_list inside = rsi_payments_inside(f->payments, number);
    rsi_payment_list across = rsi_payments_across(f->payments, number);
    rsi_payment *handed = realloc(f->handed, (inside.count + 1) * sizeof *handed);
    f->handed = handed != NULL ? handed : f->handed;
    crossing *crossings = realloc(f->crossings, (across.count + 1) * sizeof *crossings);
    f->crossings = crossings != NULL ? crossings : f->crossings;
    if (handed == NULL || crossings == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu payments of a ring)", across.count);
    }
    f->handed_count = inside.count;
    RS_TRY(rsi_payments_by_payer(inside, handed, err));
    size_t count = keep_victims(f, across);
    ring->paid_first = f->out->paid_count;
    for (size_t r = 0; count > 0 && r < rs_store_relation_count(store); r++) {
        RS_TRY(add_relation(f, (uint16_t)r, count, err));
    }
    ring->paid_count = f->out->paid_count - ring->paid_first;
done:
    return status;
}

/* A ring of which somebody takes money from outside. */
static bool takes(const rs_ring_member *members, size_t count)
{
    size_t k = 0;
    while (k < count && members[k].role != RS_ROLE_COLLECTOR && members[k].role != RS_ROLE_EXIT) {
        k++;
    }
    return k < count;
}

rs_status rsi_victims_find(const rs_score_input *input, const uint8_t *listed,
                           const rsi_payments *payments, rs_findings *out, rs_error *err)
{
    rs_status status = RS_OK;
    size_t subjects = rs_graph_subject_count(input->graph);
    finder f = {.input = input, .listed = listed, .payments = payments, .out = out};
    f.part = calloc(subjects + 1, 1);
    if (f.part == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu subjects)", subjects);
    }
    for (uint32_t i = 0; i < rsi_money_rings(out); i++) {
        const rs_ring_member *members = out->members + out->rings[i].member_first;
        size_t count = out->rings[i].member_count;
        if (rsi_payments_across(payments, i).count == 0 || !takes(members, count)) {
            continue;
        }
        for (size_t k = 0; k < count; k++) {
            f.part[members[k].node] = (uint8_t)(1 + members[k].role);
        }
        RS_TRY(read_ring(&f, i, err));
        for (size_t k = 0; k < count; k++) {
            f.part[members[k].node] = 0;
        }
    }
done:
    free(f.part);
    free(f.handed);
    free(f.crossings);
    return status;
}
