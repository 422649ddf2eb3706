/* cycle.c - money that comes back to its sender in order of time, its amount nearly kept.
 *
 * A cycle is a chain of passes (passes.c) of at most HOPS_MAX payments through different accounts
 * whose last payment goes to the payer of the first.
 *
 * Null model: each pass has the surprise s of its amount and time. The last account pays whom it
 * always pays: the first one with the probability (c + n r / E) / n, where c of its n payments go
 * there otherwise and r / E is the first account's share of all payments. As many chains of two
 * passes and more as were tried could have closed. So
 *
 *     W = sum of s - ln((c + n r / E) / n) - ln(chains tried)
 *
 * A link between every two accounts of the cycle has W / hops in ln N, at most 1; of several cycles
 * through the same two the most surprising one counts: money that goes round among the same people
 * again and again is one habit.
 *
 * Look-alikes: friends who pass money round (they pay each other all the time, round sums), a
 * savings circle (equal sums again and again: the habit of passes.c), families.
 *
 * Cost: O(passes) where few payments have more than one pass; STEPS_MAX from one payment on at the
 * most; 12 bytes for each pair of accounts that closes a cycle. The walk starts at the earliest
 * payment, so each cycle is found once.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/kind.h"

#include <stdlib.h>

#include "base/fixed.h"
#include "base/try.h"
#include "evidence/closings.h"

enum { HOPS_MAX = 6, HOPS_MIN = 3, STEPS_MAX = 256, LINKS_MIN = 1 << 20 };

/* The payments of the chain at hand. */
typedef struct walk {
    const rsi_kind_input *input;
    const rs_timeline *line;
    uint64_t ln_tried; /* Q32; 0 while chains are counted */
    uint64_t tried;
    uint32_t steps;
    size_t length;
    uint32_t payer[HOPS_MAX];
    uint64_t surprise; /* of the passes so far, Q20 */
    rsi_closings closings;
    rsi_link_list *out; /* NULL: chains are counted, and who closes one is noted */
    size_t links_max;   /* from so many on the best of each pair are kept */
} walk;

/* -ln of the chance that the last account pays the first, Q32. */
static uint64_t closing(const walk *w)
{
    const rs_timeline *line = w->line;
    uint32_t last = w->payer[w->length - 1];
    uint64_t paid = rs_out_count(line, last - line->src_first);
    uint64_t got = rs_in_count(line, w->payer[0] - line->dst_first);
    uint64_t same = rsi_closings_of(&w->closings, last, w->payer[0]);
    /* (c + n r / E) / n in 1/2^20, c being all but this one */
    uint64_t chance = ((same - 1) << 20) / paid + (got << 20) / line->count;
    return (uint64_t)rsi_ln_ratio_q32((UINT64_C(1) << 20) + 1, chance > 0 ? chance : 1);
}

/* By pair, the best first. */
static int by_pair(const void *left, const void *right)
{
    const rs_link *a = left;
    const rs_link *b = right;
    if (a->a != b->a) {
        return a->a < b->a ? -1 : 1;
    }
    if (a->b != b->b) {
        return a->b < b->b ? -1 : 1;
    }
    if (a->weight != b->weight) {
        return a->weight > b->weight ? -1 : 1;
    }
    if (a->thing != b->thing) {
        return a->thing < b->thing ? -1 : 1;
    }
    return (a->users > b->users) - (a->users < b->users);
}

static void keep_best(rsi_link_list *list)
{
    size_t kept = 0;
    if (list->count > 1) {
        qsort(list->links, list->count, sizeof *list->links, by_pair);
    }
    for (size_t i = 0; i < list->count; i++) {
        const rs_link *link = &list->links[i];
        if (kept == 0 || list->links[kept - 1].a != link->a || list->links[kept - 1].b != link->b) {
            list->links[kept++] = *link;
        }
    }
    list->count = kept;
}

static rs_status link_cycle(walk *w, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t ln_all = rsi_ln_q32(rs_graph_subject_count(w->input->graph));
    uint64_t sum = (w->surprise << 12) + closing(w);
    uint64_t total = sum > w->ln_tried ? sum - w->ln_tried : 0;
    uint64_t weight = (total / w->length >> 8 << 20) / (ln_all >> 8);
    weight = weight < UINT32_C(1) << 20 ? weight : UINT32_C(1) << 20;
    for (size_t i = 0; i < w->length; i++) {
        for (size_t j = 0; j < i; j++) {
            rs_link link = {.a = w->payer[i],
                            .b = w->payer[j],
                            .thing = w->payer[0],
                            .weight = (uint32_t)weight,
                            .users = (uint32_t)w->length};
            RS_TRY(rsi_link_add(w->out, w->input, link, err));
        }
    }
    if (w->out->count > w->links_max) {
        keep_best(w->out);
        w->links_max = w->out->count > LINKS_MIN / 2 ? 2 * w->out->count : LINKS_MIN;
    }
done:
    return status;
}

static bool is_on(const walk *w, uint32_t node)
{
    for (size_t i = 0; i < w->length; i++) {
        if (w->payer[i] == node) {
            return true;
        }
    }
    return false;
}

/* A cycle is there: link it, or note who closes it. */
static rs_status close_cycle(walk *w, rs_error *err)
{
    return w->out != NULL
               ? link_cycle(w, err)
               : rsi_closings_note(&w->closings, w->payer[w->length - 1], w->payer[0], err);
}

/* Go on from the last payment of the chain, whose passes begin there. */
static rs_status go_on(walk *w, size_t first, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_passes *passes = w->input->passes;
    for (size_t k = first; k < passes->count && passes->passes[k].in == passes->passes[first].in;
         k++) {
        const rsi_pass *pass = &passes->passes[k];
        bool closes = pass->to == w->payer[0];
        if (w->steps++ >= STEPS_MAX || (is_on(w, pass->to) && !closes)) {
            continue;
        }
        w->payer[w->length++] = pass->via;
        w->surprise += pass->surprise;
        w->tried += w->length >= HOPS_MIN;
        if (closes && w->length >= HOPS_MIN) {
            RS_TRY(close_cycle(w, err));
        } else if (!closes && w->length < HOPS_MAX) {
            RS_TRY(go_on(w, pass->next, err));
        }
        w->length--;
        w->surprise -= pass->surprise;
    }
done:
    return status;
}

static rs_status walk_all(walk *w, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_passes *passes = w->input->passes;
    for (size_t k = 0; k < passes->count; k++) {
        if (k > 0 && passes->passes[k].in == passes->passes[k - 1].in) {
            continue;
        }
        w->payer[0] = passes->passes[k].from;
        w->length = 1;
        w->surprise = 0;
        w->steps = 0;
        RS_TRY(go_on(w, k, err));
    }
done:
    return status;
}

static rs_status cycle(const rsi_kind_input *input, const rs_work *work, rsi_link_list *out,
                       rs_error *err)
{
    rs_status status = RS_OK;
    walk w = {.input = input, .line = input->timeline};
    (void)work;
    if (input->passes->count == 0 || rs_graph_subject_count(input->graph) < 3) {
        goto done;
    }
    RS_TRY(walk_all(&w, err));
    RS_TRY(rsi_closings_count(&w.closings, w.line, err));
    w.ln_tried = rsi_ln_q32(w.tried > 0 ? w.tried : 1);
    w.out = out;
    w.links_max = LINKS_MIN;
    RS_TRY(walk_all(&w, err));
    keep_best(out);
done:
    rsi_closings_free(&w.closings);
    return status;
}

const rsi_kind rsi_cycle = {
    .name = "cycle",
    .summary = "money comes back to its sender through others, nearly whole, within days",
    .in_time = true,
    .of_passes = true,
    .reads = rsi_is_timed_payment,
    .find = cycle,
};
