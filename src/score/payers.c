/* payers.c - who only paid a group leaves it, where the group stands without him.
 *
 * Plain rule. A member only paid where
 *
 *     nobody of the group ever paid it, it is on no blacklist, and nobody else of the group is the
 *     same person;
 *     no evidence ties it to the group but of payments of its own: it shares nothing, and does
 *     nothing together with them;
 *     each member that it paid was also paid by another one, who paid more of them: the ring's own
 *     collector. Who hands out most is never a mere payer.
 *
 * Where fewer than three members would be left, nobody goes: payers and the one whom they pay may
 * be all that there is to tell.
 *
 * Look-alike, the other way round: a second, smaller collector of a ring would go; it stands among
 * the victims then, by name.
 *
 * Cost: one reading of the links; where some are of payments between members of a group, one of the
 * payments, O(log) for each inside such groups.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/try.h"
#include "score/victims.h"

enum { MEMBERS_MIN = 3, LINKS_A_BLOCK = 1 << 17 };

typedef struct pair {
    uint32_t src, dst;
} pair;

typedef struct payers {
    const rs_score_input *input;
    rsi_candidates *candidates;
    uint32_t *watched; /* by subject: its group, if payments may tie somebody to it */
    rsi_payments payments;
    size_t pair_count;
    pair *pairs;        /* who paid whom inside a group, each once, by src, then dst */
    uint32_t *payees;   /* by subject: how many different ones it paid */
    uint32_t *most;     /* by subject: the largest count of payees among those who paid it */
    uint8_t *only_paid; /* by subject */
} payers;

static int by_ends(const void *left, const void *right)
{
    const pair *a = left;
    const pair *b = right;
    if (a->src != b->src) {
        return a->src < b->src ? -1 : 1;
    }
    return (a->dst > b->dst) - (a->dst < b->dst);
}

/* Whether a link is of what two members did in payments. */
static bool is_of_payments(const payers *p, const rs_link *link)
{
    return rs_evidence_kind_in_time(link->kind) &&
           link->b < rs_graph_subject_count(p->input->graph) &&
           p->candidates->of[link->a] == p->candidates->of[link->b] &&
           p->candidates->of[link->a] != RSI_NO_PAYMENTS &&
           rs_store_relation(rs_graph_store(p->input->graph), link->relation).kind ==
               RS_KIND_PAYMENT;
}

/* Groups that have such links. */
typedef struct watching {
    const payers *p;
    atomic_uchar *groups; /* by group: 1 for one that has */
} watching;

static rs_status watch_block(void *context, size_t block, unsigned worker, rs_error *err)
{
    const watching *w = context;
    const payers *p = w->p;
    const rs_evidence *evidence = p->input->evidence;
    size_t end = (block + 1) * LINKS_A_BLOCK;
    end = end < evidence->link_count ? end : evidence->link_count;
    (void)worker;
    (void)err;
    for (size_t i = block * LINKS_A_BLOCK; i < end; i++) {
        if (is_of_payments(p, &evidence->links[i])) {
            atomic_store_explicit(&w->groups[p->candidates->of[evidence->links[i].a]], 1,
                                  memory_order_relaxed);
        }
    }
    return RS_OK;
}

/* Whose groups have such links; *any: whether there are any. */
static rs_status watch(const payers *p, bool *any, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_candidates *c = p->candidates;
    watching w = {.p = p, .groups = calloc(c->count + 1, sizeof *w.groups)};
    if (w.groups == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu groups)", c->count);
    }
    size_t links = p->input->evidence->link_count;
    RS_TRY(rsi_parallel(work, (links + LINKS_A_BLOCK - 1) / LINKS_A_BLOCK, watch_block, &w, err));
    for (size_t g = 0; g < c->count; g++) {
        *any = *any || w.groups[g] != 0;
    }
    for (size_t k = 0; *any && k < c->first[c->count]; k++) {
        uint32_t group = c->of[c->members[k]];
        p->watched[c->members[k]] = w.groups[group] ? group : RSI_NO_PAYMENTS;
    }
done:
    free(w.groups);
    return status;
}

static rs_status read_payments(payers *p, bool *any, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    size_t subjects = rs_graph_subject_count(p->input->graph);
    p->watched = malloc((subjects + 1) * sizeof *p->watched);
    if (p->watched == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu subjects)", subjects);
    }
    memset(p->watched, 0xff, (subjects + 1) * sizeof *p->watched);
    RS_TRY(watch(p, any, work, err));
    if (*any) {
        rsi_payments_wanted wanted = {.group = p->watched,
                                      .group_count = (uint32_t)p->candidates->count};
        RS_TRY(rsi_payments_read(p->input->graph, &wanted, work, &p->payments, err));
    }
done:
    return status;
}

static rs_status payers_alloc(payers *p, rs_error *err)
{
    size_t subjects = rs_graph_subject_count(p->input->graph);
    p->pairs = malloc((p->payments.count + 1) * sizeof *p->pairs);
    p->payees = calloc(subjects + 1, sizeof *p->payees);
    p->most = calloc(subjects + 1, sizeof *p->most);
    p->only_paid = calloc(subjects + 1, 1);
    if (p->pairs == NULL || p->payees == NULL || p->most == NULL || p->only_paid == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu subjects)", subjects);
    }
    return RS_OK;
}

static void find_pairs(payers *p)
{
    for (size_t i = 0; i < p->payments.count; i++) {
        p->pairs[i] = (pair){.src = p->payments.items[i].src, .dst = p->payments.items[i].dst};
    }
    qsort(p->pairs, p->payments.count, sizeof *p->pairs, by_ends);
    for (size_t i = 0; i < p->payments.count; i++) {
        if (i == 0 || by_ends(&p->pairs[i], &p->pairs[i - 1]) != 0) {
            p->pairs[p->pair_count++] = p->pairs[i];
        }
    }
    for (size_t i = 0; i < p->pair_count; i++) {
        p->payees[p->pairs[i].src]++;
    }
    for (size_t i = 0; i < p->pair_count; i++) {
        uint32_t count = p->payees[p->pairs[i].src];
        uint32_t *most = &p->most[p->pairs[i].dst];
        *most = count > *most ? count : *most;
    }
}

/* Who paid, was never paid, and paid nobody whom another one did not pay that paid more. */
static size_t find_payers(const payers *p)
{
    size_t count = 0;
    for (size_t i = 0; i < p->pair_count; i++) {
        uint32_t v = p->pairs[i].src;
        bool first = i == 0 || p->pairs[i - 1].src != v;
        bool fits = p->most[v] == 0 && p->most[p->pairs[i].dst] > p->payees[v];
        p->only_paid[v] = fits && (first || p->only_paid[v]);
    }
    for (size_t i = 0; i < p->pair_count; i++) {
        bool first = i == 0 || p->pairs[i - 1].src != p->pairs[i].src;
        count += first && p->only_paid[p->pairs[i].src];
    }
    return count;
}

static bool paid(const payers *p, uint32_t src, uint32_t dst)
{
    pair wanted = {.src = src, .dst = dst};
    return bsearch(&wanted, p->pairs, p->pair_count, sizeof wanted, by_ends) != NULL;
}

/* Whoever is known, or tied to its group by something else, stays. */
static void keep_tied(const payers *p)
{
    const rs_evidence *evidence = p->input->evidence;
    const rs_list *blacklist = p->input->blacklist;
    uint32_t subjects = rs_graph_subject_count(p->input->graph);
    for (size_t i = 0; blacklist != NULL && i < blacklist->count; i++) {
        if (blacklist->entries[i].node < subjects) {
            p->only_paid[blacklist->entries[i].node] = 0;
        }
    }
    for (size_t i = 0; i < evidence->link_count; i++) {
        const rs_link *link = &evidence->links[i];
        bool same = link->b < subjects && p->candidates->of[link->a] == p->candidates->of[link->b];
        if (link->b >= subjects) {
            p->only_paid[link->a] = 0;
        } else if (same && !(rs_evidence_kind_in_time(link->kind) && paid(p, link->a, link->b))) {
            p->only_paid[link->a] = 0;
        }
        if (same && !(rs_evidence_kind_in_time(link->kind) && paid(p, link->b, link->a))) {
            p->only_paid[link->b] = 0;
        }
    }
    for (uint32_t v = 0; v < subjects; v++) {
        if (evidence->entity[v] != v) {
            p->only_paid[v] = 0;
            p->only_paid[evidence->entity[v]] = 0;
        }
    }
}

/* Close the ranks of each group; groups that would be too small stay as they are. */
static void leave(const payers *p)
{
    rsi_candidates *c = p->candidates;
    size_t kept = 0;
    size_t from = 0;
    for (size_t g = 0; g < c->count; g++) {
        size_t end = c->first[g + 1];
        size_t going = 0;
        size_t before = kept;
        uint64_t sum = 0;
        for (size_t k = from; k < end; k++) {
            going += p->only_paid[c->members[k]];
        }
        bool stay = going == 0 || end - from - going < MEMBERS_MIN;
        for (size_t k = from; k < end; k++) {
            p->only_paid[c->members[k]] = !stay && p->only_paid[c->members[k]];
            if (p->only_paid[c->members[k]]) {
                c->of[c->members[k]] = RSI_NO_PAYMENTS;
                continue;
            }
            sum += c->inside[k];
            c->members[kept] = c->members[k];
            c->inside[kept++] = c->inside[k];
        }
        c->mean[g] = stay ? c->mean[g] : sum / (kept - before);
        c->first[g + 1] = kept;
        from = end;
    }
}

rs_status rsi_payers_drop(const rs_score_input *input, rsi_candidates *candidates,
                          const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    payers p = {.input = input, .candidates = candidates};
    bool any = false;
    RS_TRY(read_payments(&p, &any, work, err));
    if (!any) {
        goto done;
    }
    RS_TRY(payers_alloc(&p, err));
    find_pairs(&p);
    if (find_payers(&p) > 0) {
        keep_tied(&p);
        leave(&p);
        candidates->left = p.only_paid;
        p.only_paid = NULL; /* moved to the candidates */
    }
done:
    rsi_payments_free(&p.payments);
    free(p.watched);
    free(p.pairs);
    free(p.payees);
    free(p.most);
    free(p.only_paid);
    return status;
}
