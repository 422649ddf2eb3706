/* burst.c - an account pays another one several times in a short while, at a pace that is neither
 * theirs nor anybody's.
 *
 * Null model: of the n payments of an account c go to one other, whenever they go. That m more of
 * them follow one within a part g of all time has about the probability
 *
 *     p = (l g)^m / m!          l = max(c - 1, n r / E)
 *
 * l are the payments that could follow: those that are there, or those that the other's r of all E
 * payments let expect. g is the time that they take, T / span; or, as people come in sittings,
 * what it is by their own pace, if that is more: the sum over the m intervals t of F(t n / span) /
 * n. F is the share of all pairs of consecutive payments to different payees that follow each other
 * as soon, measured in the payer's mean interval. It is the night's own: where everybody pays
 * thrice when they pay at all, three payments are none too many.
 *
 * Of each pair of accounts the best burst counts; of all pairs with two payments chance makes some
 * as surprising, and what many do is no surprise (night.h).
 *
 * Look-alikes: who pays the same shop or friend all the time (c), a marketplace or a shop whose
 * customers come back (r, F), an evening's rounds at a bar (F), a bill that is paid in parts where
 * that is usual (the night's share).
 *
 * A link joins the two, its weight what is left in ln N, at most 1; its thing is the payee.
 * Cost: O(events log) time, 16 bytes for each pair that pays twice, 8 an event of the busiest.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/kind.h"

#include <stdlib.h>

#include "base/fixed.h"
#include "base/try.h"
#include "evidence/night.h"

/* Intervals of consecutive payments in eighths of a doubling of the payer's mean interval. */
enum { PARTS = 8, OCTAVES = 40, ABOVE = 8, STEPS = PARTS * OCTAVES, GAP_MIN_S = 60, REACH = 16 };
#define LN_2_Q32 UINT64_C(2977044472)

typedef struct burst {
    uint32_t payer, payee;
    uint64_t surprise; /* nats, Q20 */
} burst;

typedef struct seeker {
    const rs_timeline *line;
    uint32_t window_s;
    uint64_t span;
    uint64_t pace[STEPS]; /* F at the end of each step, of 2^32 */
    uint64_t *places;     /* of one payer: payee << 32 | place in `out` */
    burst *items;
    size_t count, room;
    uint64_t tried, pairs;
} seeker;

static bool counts(const seeker *s, const rs_event *event)
{
    return event->precision_s <= s->window_s &&
           (event->amount == RS_NO_AMOUNT || event->amount > 0);
}

/* ---- the night's own pace ----------------------------------------------------------------------
 */

static uint64_t gap_of(const rs_event *one, const rs_event *next)
{
    uint64_t gap = (uint64_t)next->time - one->time + next->precision_s;
    return gap > GAP_MIN_S ? gap : GAP_MIN_S;
}

/* The step of the interval of a payer of n payments; the largest are one. */
static size_t step_of(const seeker *s, uint64_t gap, uint64_t n)
{
    int64_t nats = rsi_ln_ratio_q32(gap, s->span) + (int64_t)rsi_ln_q32(n);
    int64_t step = nats / (int64_t)(LN_2_Q32 / PARTS) + (OCTAVES - ABOVE) * PARTS;
    return step < 0 ? 0 : step < STEPS ? (size_t)step : STEPS - 1;
}

static void measure_pace(seeker *s)
{
    const rs_timeline *line = s->line;
    uint64_t all = 0;
    for (uint32_t v = 0; v < line->src_count; v++) {
        uint64_t n = line->out_first[v + 1] - line->out_first[v];
        for (uint32_t i = line->out_first[v] + 1; i < line->out_first[v + 1]; i++) {
            const rs_event *last = &line->out[i - 1];
            if (counts(s, last) && counts(s, &line->out[i])) {
                s->pace[step_of(s, gap_of(last, &line->out[i]), n)]++;
                all++;
            }
        }
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < STEPS; i++) {
        sum += s->pace[i];
        s->pace[i] = ((sum + 1) << 32) / (all + 1) - (sum == all);
    }
}

/* ---- one pair ----------------------------------------------------------------------------------
 */

/* ln l, Q32. */
static uint64_t ln_follow(const seeker *s, uint32_t payee, uint64_t there, uint64_t n)
{
    const uint32_t *first = s->line->in_first + (payee - s->line->dst_first);
    int64_t expected = (int64_t)rsi_ln_q32(n) + (int64_t)rsi_ln_q32(first[1] - first[0]) -
                       (int64_t)rsi_ln_q32(s->line->count);
    int64_t least = (int64_t)rsi_ln_q32(there);
    return (uint64_t)(expected > least ? expected : least);
}

/* The most surprising run of one pair's payments, Q20: -ln p = m (ln 1/g - ln l) + ln m!. */
static uint64_t best_run(const seeker *s, const uint64_t *places, size_t count, uint64_t n)
{
    const rs_event *out = s->line->out;
    uint64_t follow = ln_follow(s, out[(uint32_t)places[0]].node, count - 1, n);
    uint64_t best = 0;
    for (size_t i = 0; i + 1 < count; i++) {
        const rs_event *first = &out[(uint32_t)places[i]];
        uint64_t by_pace = 0;
        uint64_t ln_orders = 0;
        for (size_t m = 1; i + m < count && m <= REACH; m++) {
            const rs_event *last = &out[(uint32_t)places[i + m]];
            uint64_t by_time = gap_of(first, last);
            if (by_time > s->window_s) {
                break;
            }
            uint64_t gap = gap_of(&out[(uint32_t)places[i + m - 1]], last);
            by_pace += s->pace[step_of(s, gap, n)] * s->span / n >> 32;
            ln_orders += rsi_ln_q32(m);
            int64_t each =
                rsi_ln_ratio_q32(s->span, by_time > by_pace ? by_time : by_pace) - (int64_t)follow;
            uint64_t nats = each > 0 ? m * (uint64_t)each + ln_orders : 0;
            best = nats > best ? nats : best;
        }
    }
    return best >> 12;
}

static rs_status note(seeker *s, burst found, rs_error *err)
{
    if (s->count == s->room) {
        size_t room = s->room == 0 ? 1024 : s->room + s->room / 2;
        burst *items = realloc(s->items, room * sizeof *items);
        if (items == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu pairs of accounts)", room);
        }
        s->items = items;
        s->room = room;
    }
    s->items[s->count++] = found;
    return RS_OK;
}

/* ---- all of them -------------------------------------------------------------------------------
 */

static rs_status seek_payer(seeker *s, uint32_t rank, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_timeline *line = s->line;
    size_t n = 0;
    for (uint32_t i = line->out_first[rank]; i < line->out_first[rank + 1]; i++) {
        if (counts(s, &line->out[i])) {
            s->places[n++] = (uint64_t)line->out[i].node << 32 | i;
        }
    }
    RS_TRY(rsi_sort_u64(s->places, n, NULL, err));
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && s->places[end] >> 32 == s->places[i] >> 32; end++) {
        }
        s->pairs++;
        s->tried += end - i > 1;
        uint64_t surprise = end - i > 1 ? best_run(s, s->places + i, end - i, n) : 0;
        if (surprise > 0) {
            RS_TRY(note(s,
                        (burst){.payer = line->src_first + rank,
                                .payee = (uint32_t)(s->places[i] >> 32),
                                .surprise = surprise},
                        err));
        }
    }
done:
    return status;
}

static rs_status seek(seeker *s, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_timeline *line = s->line;
    uint32_t most = 0;
    for (uint32_t v = 0; v < line->src_count; v++) {
        uint32_t n = line->out_first[v + 1] - line->out_first[v];
        most = n > most ? n : most;
    }
    s->places = malloc(((size_t)most + 1) * sizeof *s->places);
    if (s->places == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u payments of one account)", most);
    }
    measure_pace(s);
    for (uint32_t v = 0; v < line->src_count; v++) {
        if (line->out_first[v + 1] - line->out_first[v] > 1) {
            RS_TRY(seek_payer(s, v, err));
        }
    }
done:
    return status;
}

static rs_status link_all(const seeker *s, const rsi_kind_input *input, rsi_link_list *out,
                          rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t ln_all = rsi_ln_q32(rs_graph_subject_count(input->graph)) >> 12;
    uint64_t *sorted = malloc((s->count + 1) * sizeof *sorted);
    if (sorted == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu pairs of accounts)", s->count);
    }
    for (size_t i = 0; i < s->count; i++) {
        sorted[i] = s->items[i].surprise;
    }
    RS_TRY(rsi_sort_u64(sorted, s->count, NULL, err));
    rsi_night night = {.sorted = sorted, .count = s->count, .tried = s->tried, .all = s->pairs};
    for (size_t i = 0; i < s->count; i++) {
        uint64_t weight = (rsi_night_surprise(&night, s->items[i].surprise, 1) << 20) / ln_all;
        weight = weight < UINT32_C(1) << 20 ? weight : UINT32_C(1) << 20;
        rs_link link = {.a = s->items[i].payer,
                        .b = s->items[i].payee,
                        .thing = s->items[i].payee,
                        .weight = (uint32_t)weight,
                        .users = 2};
        RS_TRY(rsi_link_add(out, input, link, err));
    }
done:
    free(sorted);
    return status;
}

static rs_status find_bursts(const rsi_kind_input *input, const rs_work *work, rsi_link_list *out,
                             rs_error *err)
{
    rs_status status = RS_OK;
    const rs_timeline *line = input->timeline;
    seeker s = {.line = line,
                .window_s = input->options->pass_window_s,
                .span = (uint64_t)line->span_s + 1};
    (void)work;
    if (line->count == 0 || rs_graph_subject_count(input->graph) < 3) {
        goto done;
    }
    RS_TRY(seek(&s, err));
    RS_TRY(link_all(&s, input, out, err));
done:
    free(s.places);
    free(s.items);
    return status;
}

const rsi_kind rsi_burst = {
    .name = "burst",
    .summary = "an account pays another one again and again within a short while, as it never does",
    .in_time = true,
    .reads = rsi_is_timed_payment,
    .find = find_bursts,
};
