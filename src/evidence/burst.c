/* burst.c - an account pays another one several times in a short while, at a pace that is neither
 * theirs nor anybody's.
 *
 * Null model: of the n payments of an account c go to one other, whenever they go. That m of the
 * others follow one of them within a part g of all time has at most the probability
 *
 *     p = c g^m times the product over i = 1 .. m of max(c - i, l) / i          l = n r / E
 *
 * (the union over which one is the first; c - 1 choose m sets of followers). l are those that the
 * r payments that the other one gets, of all E, let expect: to a shop more could have come. g is
 * the time that they take, T / span; or, as people come in sittings, what it is by their own pace,
 * if that is more: the sum over the m intervals t of F(t n / span) / n, and the share of the
 * account's payments to others that fall in between. F is the share of all consecutive payments of
 * one account that follow each other as soon, measured in the payer's mean interval. It is the
 * night's own: where everybody pays thrice when they pay at all, three payments are none too many.
 *
 * One interval chooses the pair, so a burst has three payments and more. Of each pair of accounts
 * the best one counts; chance makes some as surprising, what many do is no surprise, and where most
 * pairs pay again soon the null model is no good (night.h).
 *
 * Look-alikes: who pays the same shop or friend all the time (c), a marketplace or a shop whose
 * customers come back (r, F), an evening's rounds at a bar (F), a bill that is paid in parts where
 * that is usual (the night's share).
 *
 * A link joins the two, its weight the surprise in ln N, at most 1; its thing is the payee.
 * Cost: O(events (log + REACH)) time, 24 bytes for each pair that pays twice, 8 an event of the
 * busiest.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/kind.h"

#include <stdlib.h>

#include "base/fixed.h"
#include "base/try.h"
#include "evidence/night.h"

/* Intervals of consecutive payments in eighths of a doubling of the payer's mean interval. */
enum {
    PARTS = 8,
    OCTAVES = 40,
    ABOVE = 8,
    STEPS = PARTS * OCTAVES,
    GAP_MIN_S = 60,
    REACH = 16,
    FOLLOWERS_MIN = 2
};
#define LN_2_Q32 UINT64_C(2977044472)
#define NATS_MAX (INT64_C(1) << 43) /* 2048, Q32 */

typedef struct burst {
    uint32_t payer, payee;
    uint32_t once;     /* the surprise of two payments and more, nats, Q20 */
    uint32_t surprise; /* of more than two */
} burst;

typedef struct seeker {
    const rs_timeline *line;
    uint32_t window_s;
    uint64_t span;
    uint64_t pace[STEPS]; /* F at the end of each step, of 2^32 */
    uint64_t *places;     /* of one payer: payee << 32 | place in `out` */
    burst *items;
    size_t count, room;
    uint64_t tried, pairs; /* of payers that could have a burst */
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

/* ln l, Q32; 0 where less than one is expected. */
static uint64_t ln_expected(const seeker *s, uint32_t payee, uint64_t n)
{
    const uint32_t *first = s->line->in_first + (payee - s->line->dst_first);
    uint64_t both = rsi_ln_q32(n) + rsi_ln_q32(first[1] - first[0]);
    uint64_t all = rsi_ln_q32(s->line->count);
    return both > all ? both - all : 0;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint32_t in_q20(int64_t nats)
{
    return nats < NATS_MAX ? (uint32_t)(nats >> 12) : (uint32_t)(NATS_MAX >> 12);
}

/* The most surprising runs of one pair's payments, into `found`. */
static void seek_runs(const seeker *s, const uint64_t *places, size_t count, uint64_t n,
                      burst *found)
{
    const rs_event *out = s->line->out;
    uint64_t expected = ln_expected(s, found->payee, n);
    int64_t best[2] = {0, 0}; /* of two payments and more, of more than two */
    for (size_t i = 0; i + 1 < count; i++) {
        const rs_event *first = &out[(uint32_t)places[i]];
        uint64_t by_pace = 0;
        int64_t ln_ways = (int64_t)rsi_ln_q32(count);
        for (size_t m = 1; i + m < count && m <= REACH; m++) {
            const rs_event *last = &out[(uint32_t)places[i + m]];
            uint64_t by_time = gap_of(first, last);
            if (by_time > s->window_s) {
                break;
            }
            uint64_t gap = gap_of(&out[(uint32_t)places[i + m - 1]], last);
            uint64_t between = (uint32_t)places[i + m] - (uint32_t)places[i] - m;
            uint64_t by_own = n > count ? between * s->span / (n - count) : 0;
            by_pace += s->pace[step_of(s, gap, n)] * s->span / n >> 32;
            uint64_t part = larger(larger(by_time, by_pace), by_own);
            ln_ways += (int64_t)larger(rsi_ln_q32(count - m), expected) - (int64_t)rsi_ln_q32(m);
            int64_t nats = (int64_t)m * rsi_ln_ratio_q32(s->span, part) - ln_ways;
            best[0] = nats > best[0] ? nats : best[0];
            best[1] = nats > best[1] && m >= FOLLOWERS_MIN ? nats : best[1];
        }
    }
    found->once = in_q20(best[0]);
    found->surprise = in_q20(best[1]);
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
    if (n <= FOLLOWERS_MIN) { /* too few to tell a burst from all that it does */
        goto done;
    }
    RS_TRY(rsi_sort_u64(s->places, n, NULL, err));
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && s->places[end] >> 32 == s->places[i] >> 32; end++) {
        }
        s->pairs++;
        s->tried += end - i > FOLLOWERS_MIN;
        burst found = {.payer = line->src_first + rank, .payee = (uint32_t)(s->places[i] >> 32)};
        seek_runs(s, s->places + i, end - i, n, &found);
        if (found.once > 0) {
            RS_TRY(note(s, found, err));
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
        RS_TRY(seek_payer(s, v, err));
    }
done:
    return status;
}

/* How surprising bursts are on this night. That two payments follow each other is seen so much
 * oftener than thrice that it shows whether the null model holds. */
static rs_status know_night(const seeker *s, uint64_t *values, rsi_night *night, rs_error *err)
{
    rs_status status = RS_OK;
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++) {
        values[i] = s->items[i].once;
    }
    RS_TRY(rsi_night_make(night, values, s->count, s->tried, s->pairs, err));
    uint64_t median = night->median;
    for (size_t i = 0; i < s->count; i++) {
        if (s->items[i].surprise > 0) {
            values[count++] = s->items[i].surprise;
        }
    }
    RS_TRY(rsi_night_make(night, values, count, s->tried, s->pairs, err));
    night->median = median;
done:
    return status;
}

static rs_status link_all(const seeker *s, const rsi_kind_input *input, rsi_link_list *out,
                          rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t ln_all = rsi_ln_q32(rs_graph_subject_count(input->graph)) >> 12;
    rsi_night night;
    uint64_t *values = malloc((s->count + 1) * sizeof *values);
    if (values == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu pairs of accounts)", s->count);
    }
    RS_TRY(know_night(s, values, &night, err));
    for (size_t i = 0; i < s->count; i++) {
        const burst *b = &s->items[i];
        uint64_t weight = (rsi_night_surprise(&night, b->surprise, 1) << 20) / ln_all;
        weight = weight < UINT32_C(1) << 20 ? weight : UINT32_C(1) << 20;
        rs_link link = {.a = b->payer,
                        .b = b->payee,
                        .thing = b->payee,
                        .weight = (uint32_t)weight,
                        .users = 2};
        RS_TRY(rsi_link_add(out, input, link, err));
    }
done:
    free(values);
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
