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
 * Cost: O(events (log + REACH)) time on all threads, 24 bytes for each pair that pays twice, 8
 * an event of the busiest for each thread.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/kind.h"

#include <stdlib.h>
#include <string.h>

#include "base/fixed.h"
#include "base/parallel.h"
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
    FOLLOWERS_MIN = 2,
    PAYERS_A_BLOCK = 1 << 13
};
#define LN_2_Q32 UINT64_C(2977044472)
#define NATS_MAX (INT64_C(1) << 43) /* 2048, Q32 */

typedef struct burst {
    uint32_t payer, payee;
    uint32_t once;     /* the surprise of two payments and more, nats, Q20 */
    uint32_t surprise; /* of more than two */
} burst;

/* What a block of payers has. */
typedef struct found_bursts {
    burst *items;
    size_t count, room;
    uint64_t tried, pairs; /* of payers that could have a burst */
    uint64_t pace[STEPS];  /* intervals by step */
} found_bursts;

typedef struct seeker {
    const rs_timeline *line;
    uint32_t window_s;
    uint64_t span;
    uint64_t ln_span;     /* Q58 */
    uint64_t ln_all;      /* of all payments, Q32 */
    uint64_t pace[STEPS]; /* F at the end of each step, of 2^32 */
    size_t block_count;
    found_bursts *blocks;         /* PAYERS_A_BLOCK payers each */
    found_bursts all;             /* of all blocks, in their order */
    const rs_timeline_part *part; /* the payers at hand */
    rsi_task task;                /* what is done with each block of them */
    const rs_work *work;
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

/* The step of an interval of a payer, from the ln of how many payments it makes; the largest are
 * one. */
static size_t step_of(const seeker *s, uint64_t gap, uint64_t ln_n)
{
    int64_t nats = rsi_ln_difference_q32(rsi_ln_q58(gap), s->ln_span) + (int64_t)ln_n;
    int64_t step = nats / (int64_t)(LN_2_Q32 / PARTS) + (OCTAVES - ABOVE) * PARTS;
    return step < 0 ? 0 : step < STEPS ? (size_t)step : STEPS - 1;
}

/* The payers of a block that are at hand. */
static uint32_t block_begin(const seeker *s, size_t block)
{
    uint64_t begin = (uint64_t)block * PAYERS_A_BLOCK;
    return begin > s->part->from ? (uint32_t)begin : s->part->from;
}

static uint32_t block_end(const seeker *s, size_t block)
{
    uint64_t end = ((uint64_t)block + 1) * PAYERS_A_BLOCK;
    return end < s->part->to ? (uint32_t)end : s->part->to;
}

static rs_status look_at_part(void *context, const rs_timeline_part *part, rs_error *err)
{
    seeker *s = context;
    size_t end = ((size_t)part->to + PAYERS_A_BLOCK - 1) / PAYERS_A_BLOCK;
    s->part = part;
    return rsi_parallel(s->work, end - part->from / PAYERS_A_BLOCK, s->task, s, err);
}

/* Do it with every block of payers, numbered from the first at hand on. */
static rs_status each_block(seeker *s, rsi_task task, rs_error *err)
{
    s->task = task;
    return rs_timeline_each(s->line, RS_TIMELINE_OUT, look_at_part, s, err);
}

static rs_status count_intervals(void *context, size_t index, unsigned worker, rs_error *err)
{
    const seeker *s = context;
    size_t block = s->part->from / PAYERS_A_BLOCK + index;
    (void)worker;
    (void)err;
    for (uint32_t v = block_begin(s, block); v < block_end(s, block); v++) {
        const rs_event *outs = rs_part_out(s->part, v);
        uint32_t n = rs_out_count(s->line, v);
        uint64_t ln_n = n > 1 ? rsi_ln_q32(n) : 0;
        for (uint32_t i = 1; i < n; i++) {
            if (counts(s, &outs[i - 1]) && counts(s, &outs[i])) {
                s->blocks[block].pace[step_of(s, gap_of(&outs[i - 1], &outs[i]), ln_n)]++;
            }
        }
    }
    return RS_OK;
}

static rs_status measure_pace(seeker *s, rs_error *err)
{
    uint64_t all = 0;
    uint64_t sum = 0;
    rs_status status = each_block(s, count_intervals, err);
    for (size_t b = 0; b < s->block_count; b++) {
        for (size_t i = 0; i < STEPS; i++) {
            s->pace[i] += s->blocks[b].pace[i];
            all += s->blocks[b].pace[i];
        }
    }
    for (size_t i = 0; i < STEPS; i++) {
        sum += s->pace[i];
        s->pace[i] = ((sum + 1) << 32) / (all + 1) - (sum == all);
    }
    return status;
}

/* ---- one pair ----------------------------------------------------------------------------------
 */

/* ln l, Q32; 0 where less than one is expected. */
static uint64_t ln_expected(const seeker *s, uint32_t payee, uint64_t ln_n)
{
    const uint32_t *first = s->line->in_first + (payee - s->line->dst_first);
    uint64_t both = ln_n + rsi_ln_q32(first[1] - first[0]);
    return both > s->ln_all ? both - s->ln_all : 0;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint32_t in_q20(int64_t nats)
{
    return nats < NATS_MAX ? (uint32_t)(nats >> 12) : (uint32_t)(NATS_MAX >> 12);
}

/* The most surprising runs of one pair's payments, at `places` of the payer's, into `found`; the
 * payer has n in all. */
static void seek_runs(const seeker *s, const rs_event *out, const uint64_t *places, size_t count,
                      uint64_t n, uint64_t ln_n, burst *found)
{
    uint64_t expected = ln_expected(s, found->payee, ln_n);
    uint64_t ln_count = rsi_ln_q32(count);
    int64_t best[2] = {0, 0}; /* of two payments and more, of more than two */
    for (size_t i = 0; i + 1 < count; i++) {
        const rs_event *first = &out[(uint32_t)places[i]];
        uint64_t by_pace = 0;
        int64_t ln_ways = (int64_t)ln_count;
        for (size_t m = 1; i + m < count && m <= REACH; m++) {
            const rs_event *last = &out[(uint32_t)places[i + m]];
            uint64_t by_time = gap_of(first, last);
            if (by_time > s->window_s) {
                break;
            }
            uint64_t gap = gap_of(&out[(uint32_t)places[i + m - 1]], last);
            uint64_t between = (uint32_t)places[i + m] - (uint32_t)places[i] - m;
            uint64_t by_own = n > count ? between * s->span / (n - count) : 0;
            by_pace += s->pace[step_of(s, gap, ln_n)] * s->span / n >> 32;
            uint64_t part = larger(larger(by_time, by_pace), by_own);
            ln_ways += (int64_t)larger(rsi_ln_q32(count - m), expected) - (int64_t)rsi_ln_q32(m);
            int64_t nats =
                (int64_t)m * rsi_ln_difference_q32(s->ln_span, rsi_ln_q58(part)) - ln_ways;
            best[0] = nats > best[0] ? nats : best[0];
            best[1] = nats > best[1] && m >= FOLLOWERS_MIN ? nats : best[1];
        }
    }
    found->once = in_q20(best[0]);
    found->surprise = in_q20(best[1]);
}

/* Room for `count` more. */
static rs_status reserve(found_bursts *f, size_t count, rs_error *err)
{
    if (f->room - f->count < count) {
        size_t room = f->count + count + f->room / 2;
        burst *items = realloc(f->items, room * sizeof *items);
        if (items == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu pairs of accounts)", room);
        }
        f->items = items;
        f->room = room;
    }
    return RS_OK;
}

/* ---- all of them -------------------------------------------------------------------------------
 */

/* `places` is room for the payer's payments: payee << 32 | place among them. */
static rs_status seek_payer(const seeker *s, uint32_t rank, uint64_t *places, found_bursts *f,
                            rs_error *err)
{
    rs_status status = RS_OK;
    const rs_event *outs = rs_part_out(s->part, rank);
    size_t n = 0;
    for (uint32_t i = 0; i < rs_out_count(s->line, rank); i++) {
        if (counts(s, &outs[i])) {
            places[n++] = (uint64_t)outs[i].node << 32 | i;
        }
    }
    if (n <= FOLLOWERS_MIN) { /* too few to tell a burst from all that it does */
        goto done;
    }
    RS_TRY(rsi_sort_u64(places, n, NULL, err));
    uint64_t ln_n = rsi_ln_q32(n);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && places[end] >> 32 == places[i] >> 32; end++) {
        }
        f->pairs++;
        f->tried += end - i > FOLLOWERS_MIN;
        burst found = {.payer = s->line->src_first + rank, .payee = (uint32_t)(places[i] >> 32)};
        if (end - i > 1) {
            seek_runs(s, outs, places + i, end - i, n, ln_n, &found);
        }
        if (found.once > 0) {
            RS_TRY(reserve(f, 1, err));
            f->items[f->count++] = found;
        }
    }
done:
    return status;
}

static rs_status seek_block(void *context, size_t index, unsigned worker, rs_error *err)
{
    rs_status status = RS_OK;
    const seeker *s = context;
    size_t block = s->part->from / PAYERS_A_BLOCK + index;
    uint32_t most = 0;
    (void)worker;
    for (uint32_t v = block_begin(s, block); v < block_end(s, block); v++) {
        most = rs_out_count(s->line, v) > most ? rs_out_count(s->line, v) : most;
    }
    uint64_t *places = malloc(((size_t)most + 1) * sizeof *places);
    if (places == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u payments of one account)", most);
    }
    for (uint32_t v = block_begin(s, block); v < block_end(s, block); v++) {
        RS_TRY(seek_payer(s, v, places, &s->blocks[block], err));
    }
done:
    free(places);
    return status;
}

/* The blocks' bursts become one list. */
static rs_status gather(seeker *s, rs_error *err)
{
    rs_status status = RS_OK;
    found_bursts *all = &s->all;
    for (size_t b = 0; b < s->block_count; b++) {
        found_bursts *block = &s->blocks[b];
        RS_TRY(reserve(all, block->count, err));
        if (block->count > 0) {
            memcpy(all->items + all->count, block->items, block->count * sizeof *block->items);
        }
        all->count += block->count;
        all->tried += block->tried;
        all->pairs += block->pairs;
        free(block->items);
        block->items = NULL;
    }
done:
    return status;
}

static rs_status seek(seeker *s, rs_error *err)
{
    rs_status status = RS_OK;
    s->block_count = ((size_t)s->line->src_count + PAYERS_A_BLOCK - 1) / PAYERS_A_BLOCK;
    s->blocks = calloc(s->block_count + 1, sizeof *s->blocks);
    if (s->blocks == NULL) {
        s->block_count = 0;
        return rs_fail(err, RS_ENOMEM, "out of memory (%u accounts)", s->line->src_count);
    }
    RS_TRY(measure_pace(s, err));
    RS_TRY(each_block(s, seek_block, err));
    RS_TRY(gather(s, err));
done:
    return status;
}

static void seeker_free(seeker *s)
{
    for (size_t b = 0; b < s->block_count; b++) {
        free(s->blocks[b].items);
    }
    free(s->blocks);
    free(s->all.items);
}

/* How surprising bursts are on this night. That two payments follow each other is seen so much
 * oftener than thrice that it shows whether the null model holds. */
static rs_status know_night(const seeker *s, uint64_t *values, rsi_night *night, rs_error *err)
{
    rs_status status = RS_OK;
    size_t count = 0;
    for (size_t i = 0; i < s->all.count; i++) {
        values[i] = s->all.items[i].once;
    }
    RS_TRY(rsi_night_make(night, values, s->all.count, s->all.tried, s->all.pairs, err));
    uint64_t median = night->median;
    for (size_t i = 0; i < s->all.count; i++) {
        if (s->all.items[i].surprise > 0) {
            values[count++] = s->all.items[i].surprise;
        }
    }
    RS_TRY(rsi_night_make(night, values, count, s->all.tried, s->all.pairs, err));
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
    uint64_t *values = malloc((s->all.count + 1) * sizeof *values);
    if (values == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu pairs of accounts)", s->all.count);
    }
    RS_TRY(know_night(s, values, &night, err));
    for (size_t i = 0; i < s->all.count; i++) {
        const burst *b = &s->all.items[i];
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
                .span = (uint64_t)line->span_s + 1,
                .work = work};
    if (line->count == 0 || rs_graph_subject_count(input->graph) < 3) {
        goto done;
    }
    s.ln_span = rsi_ln_q58(s.span);
    s.ln_all = rsi_ln_q32(line->count);
    RS_TRY(seek(&s, err));
    RS_TRY(link_all(&s, input, out, err));
done:
    seeker_free(&s);
    return status;
}

const rsi_kind rsi_burst = {
    .name = "burst",
    .summary = "an account pays another one again and again within a short while, as it never does",
    .in_time = true,
    .spreads = true,
    .reads = rsi_is_timed_payment,
    .find = find_bursts,
};
