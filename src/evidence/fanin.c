/* fanin.c - accounts that pay one account and nobody else.
 *
 * Null model: of all P pairs of a payer and a payee of a relation, S are of a payer that pays
 * nobody else; so a pair is one of those with the probability q = S / P. That at least k of the d
 * payers of x pay nobody else is surprising by
 *
 *     s = k ln(k / (d q)) + (d - k) ln((1 - k/d) / (1 - q))        (Chernoff)
 *
 * and of all who have two such payers chance makes some as surprising (night.h). Where many are
 * new, or use the system for one thing only, q is large and says so. Whose payers are more than
 * what holds together (the hub rule of shared.c) is a crowd with a cause of its own.
 *
 * Look-alikes: a shop, a landlord, a charity or a marketplace is paid by people who pay others as
 * well (k is what q lets expect), and by a crowd; an employer pays, and is not paid. A club whose
 * members have nobody else to pay looks the same, and is told by nothing here but how common it is.
 * The other way round, who is paid by one account alone, is what every payroll looks like: on
 * generated nights all that it found were payrolls, and it is no kind.
 *
 * A link joins each of the k to x: s, dealt to them alike, in ln N, at most 1 and at most -ln of
 * the share of payees that have as much. Cost: O(events), 4 bytes a payer, 24 a payee.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/kind.h"

#include <stdlib.h>

#include "base/fixed.h"
#include "base/try.h"
#include "evidence/night.h"

enum { PAYERS_MIN = 2 };

/* Side by side: a look-up costs more than the counting. */
typedef struct payee {
    uint32_t last;   /* the payer that was seen last, counted from 1 */
    uint32_t payers; /* distinct ones */
    uint32_t sole;   /* those that pay nobody else */
    uint32_t weight; /* of a link to it */
} payee;

typedef struct fan {
    const rsi_kind_input *input;
    const rs_timeline *line;
    uint32_t *only; /* by payer: the payee of all its payments, else RS_NO_NODE */
    payee *payees;
    uint64_t pairs, all_sole, payee_count;
} fan;

static bool counts(const rs_event *event)
{
    return event->amount == RS_NO_AMOUNT || event->amount > 0;
}

/* ---- who pays whom -----------------------------------------------------------------------------
 */

static void count_payer(fan *f, const rs_timeline_part *part, uint32_t rank)
{
    enum { AHEAD = 16 };
    const rs_timeline *line = f->line;
    const rs_event *outs = rs_part_out(part, rank);
    size_t left = line->out_first[part->to] - line->out_first[rank]; /* at hand from here on */
    uint32_t distinct = 0;
    for (uint32_t i = 0; i < rs_out_count(line, rank); i++) {
        if (i + AHEAD < left) {
            __builtin_prefetch(&f->payees[outs[i + AHEAD].node - line->dst_first], 1);
        }
        uint32_t number = outs[i].node - line->dst_first;
        payee *to = &f->payees[number];
        if (counts(&outs[i]) && to->last != rank + 1) {
            to->last = rank + 1;
            f->payee_count += to->payers++ == 0;
            f->only[rank] = number;
            distinct++;
        }
    }
    f->pairs += distinct;
    if (distinct == 1) {
        f->payees[f->only[rank]].sole++;
        f->all_sole++;
    } else {
        f->only[rank] = RS_NO_NODE;
    }
}

static rs_status count_part(void *context, const rs_timeline_part *part, rs_error *err)
{
    fan *f = context;
    (void)err;
    for (uint32_t v = part->from; v < part->to; v++) {
        count_payer(f, part, v);
    }
    return RS_OK;
}

static rs_status count_payers(fan *f, rs_error *err)
{
    const rs_timeline *line = f->line;
    f->only = malloc(((size_t)line->src_count + 1) * sizeof *f->only);
    f->payees = calloc((size_t)line->dst_count + 1, sizeof *f->payees);
    if (f->only == NULL || f->payees == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u payees)", line->dst_count);
    }
    return rs_timeline_each(line, RS_TIMELINE_OUT, count_part, f, err);
}

/* ---- how surprising ----------------------------------------------------------------------------
 */

/* s, Q20; 0 where chance lets expect as many. */
static uint64_t surprise_of(const fan *f, uint64_t k, uint64_t d)
{
    if (k < PAYERS_MIN || k * f->pairs <= d * f->all_sole) {
        return 0;
    }
    int64_t nats = (int64_t)k * (rsi_ln_ratio_q32(k, d) - rsi_ln_ratio_q32(f->all_sole, f->pairs));
    if (d > k) { /* then not all pairs are of sole payers */
        nats -= (int64_t)(d - k) *
                (rsi_ln_ratio_q32(f->pairs - f->all_sole, f->pairs) - rsi_ln_ratio_q32(d - k, d));
    }
    return nats > 0 ? (uint64_t)nats >> 12 : 0;
}

static bool is_crowd(const fan *f, uint32_t payers)
{
    uint32_t weight = rs_thing_weight(rs_graph_subject_count(f->input->graph), payers, false);
    return rs_thing_is_hub(weight, payers, f->input->options->resolution);
}

/* The surprises of all payees that have some. */
static rs_status measure(const fan *f, uint64_t *sorted, rsi_night *night, rs_error *err)
{
    size_t count = 0;
    uint64_t tried = 0;
    for (uint32_t x = 0; x < f->line->dst_count; x++) {
        uint64_t surprise = surprise_of(f, f->payees[x].sole, f->payees[x].payers);
        tried += f->payees[x].payers >= PAYERS_MIN;
        if (surprise > 0) {
            sorted[count++] = surprise;
        }
    }
    return rsi_night_make(night, sorted, count, tried, f->payee_count, err);
}

static void weigh(const fan *f, const rsi_night *night)
{
    uint64_t ln_all = rsi_ln_q32(rs_graph_subject_count(f->input->graph)) >> 12;
    for (uint32_t x = 0; x < f->line->dst_count; x++) {
        payee *to = &f->payees[x];
        uint64_t surprise = surprise_of(f, to->sole, to->payers);
        uint64_t weight = 0;
        if (surprise > 0 && !is_crowd(f, to->payers)) {
            weight = (rsi_night_surprise(night, surprise, to->sole) << 20) / ln_all;
        }
        to->weight = (uint32_t)(weight < UINT32_C(1) << 20 ? weight : UINT32_C(1) << 20);
    }
}

static rs_status link_payers(const fan *f, rsi_link_list *out, rs_error *err)
{
    rs_status status = RS_OK;
    for (uint32_t v = 0; v < f->line->src_count; v++) {
        uint32_t x = f->only[v];
        if (x != RS_NO_NODE) {
            rs_link link = {.a = f->line->src_first + v,
                            .b = f->line->dst_first + x,
                            .thing = f->line->dst_first + x,
                            .weight = f->payees[x].weight,
                            .users = f->payees[x].payers};
            RS_TRY(rsi_link_add(out, f->input, link, err));
        }
    }
done:
    return status;
}

static rs_status fan_in(const rsi_kind_input *input, const rs_work *work, rsi_link_list *out,
                        rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t *sorted = NULL;
    rsi_night night;
    fan f = {.input = input, .line = input->timeline};
    (void)work;
    if (f.line->count == 0 || rs_graph_subject_count(input->graph) < 3) {
        goto done;
    }
    RS_TRY(count_payers(&f, err));
    sorted = malloc(((size_t)f.line->dst_count + 1) * sizeof *sorted);
    if (sorted == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u payees)", f.line->dst_count);
        goto done;
    }
    RS_TRY(measure(&f, sorted, &night, err));
    weigh(&f, &night);
    RS_TRY(link_payers(&f, out, err));
done:
    free(sorted);
    free(f.only);
    free(f.payees);
    return status;
}

const rsi_kind rsi_fan_in = {
    .name = "fan_in",
    .summary = "accounts pay one account and nobody else, more of them than chance has it",
    .in_time = true,
    .reads = rsi_is_timed_payment,
    .find = fan_in,
};
