/* surge.c - an account's largest payments, or more acts than ever, fall within a short while.
 *
 * Null model: an account's n acts fall at any time, whatever they are worth. That its m largest
 * ones all fall within the time g that they take has the probability
 *
 *     p = m f^(m-1)       f: g as a part of all time, or, as people are busy now and then, the
 *                         part of its other acts that fall in between, where that is more
 *
 * (the union over which one is the first). Where two are worth the same they are taken together or
 * not at all: nobody's regular payments are its largest ones for coming first. m is 3 to TOP_MAX;
 * the one that surprises most counts. Acts that are worth nothing (relations without amounts) are
 * all alike: there m of n consecutive ones, m a power of two, are surprising by
 *
 *     p = n C(n-1, m-1) f^(m-1),  C(n-1, m-1) <= ((n-1) e / (m-1))^(m-1)
 *
 * A surge says nothing by itself: people marry, move and start a business. bustout.c asks whose
 * come at the same time.
 *
 * Cost: O(events).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/surge.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/fixed.h"
#include "base/try.h"

enum { TOP_MAX = 8, ACTS_MIN = 3, FEW = 4, MANY = 64 };
#define SURPRISE_MAX (INT64_C(4000) << 32)

typedef struct seeker {
    const rs_timeline *line;
    uint32_t window_s;
    uint64_t span;
    rsi_surges *out;
} seeker;

/* An account's acts that count, in order of time. */
typedef struct doer {
    const rs_event *acts[TOP_MAX + 1]; /* the largest ones, descending; then the next */
    size_t top;
    const rs_event *all; /* those that do not count, too */
    uint32_t all_count;
    uint64_t count;
    bool worth; /* any has an amount */
} doer;

static bool counts(const seeker *s, const rs_event *event)
{
    return event->precision_s <= s->window_s &&
           (event->amount == RS_NO_AMOUNT || event->amount > 0);
}

/* Put an act among the largest; of equal ones the first stays first. */
static void rank(doer *d, const rs_event *act)
{
    size_t place = d->top;
    while (place > 0 && d->acts[place - 1]->amount < act->amount) {
        place--;
    }
    if (place > TOP_MAX) {
        return;
    }
    d->top += d->top <= TOP_MAX;
    for (size_t i = d->top - 1; i > place; i--) {
        d->acts[i] = d->acts[i - 1];
    }
    d->acts[place] = act;
}

static doer look_at(const seeker *s, const rs_timeline_part *part, uint32_t rank_of_doer)
{
    doer d = {.all = rs_part_out(part, rank_of_doer),
              .all_count = rs_out_count(s->line, rank_of_doer)};
    for (uint32_t i = 0; i < d.all_count && d.all_count >= ACTS_MIN; i++) {
        const rs_event *act = &d.all[i];
        if (counts(s, act)) {
            d.count++;
            d.worth = d.worth || act->amount != RS_NO_AMOUNT;
            rank(&d, act);
        }
    }
    return d;
}

/* -ln f, Q32. */
static int64_t part_of(const seeker *s, uint64_t gap, uint64_t others_in, uint64_t others)
{
    int64_t by_time = rsi_ln_ratio_q32(s->span, gap < s->span ? gap : s->span);
    if (others_in == 0) {
        return by_time;
    }
    int64_t by_own = rsi_ln_ratio_q32(others, others_in);
    return by_own < by_time ? by_own : by_time;
}

static void keep(rsi_surge *best, int64_t nats, int64_t start, uint64_t gap, uint64_t acts)
{
    nats = nats < SURPRISE_MAX ? nats : SURPRISE_MAX;
    if (nats > 0 && (uint32_t)(nats >> 12) > best->surprise) {
        best->surprise = (uint32_t)(nats >> 12);
        best->start = start;
        best->gap_s = (uint32_t)gap;
        best->acts = (uint16_t)acts;
    }
}

/* How many acts that count fall into low .. high. */
static uint64_t acts_within(const seeker *s, const doer *d, uint32_t low, uint32_t high)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < d->all_count; i++) {
        const rs_event *act = &d->all[i];
        count += act->time >= low && act->time <= high && counts(s, act);
    }
    return count;
}

/* The m largest, for each m that is no tie. */
static void by_worth(const seeker *s, const doer *d, rsi_surge *best)
{
    uint32_t low = UINT32_MAX;
    uint32_t high = 0;
    uint32_t precision = 1;
    for (uint64_t m = 1; m <= d->top && m <= TOP_MAX; m++) {
        const rs_event *act = d->acts[m - 1];
        low = act->time < low ? act->time : low;
        high = act->time > high ? act->time : high;
        precision = act->precision_s > precision ? act->precision_s : precision;
        uint64_t gap = (uint64_t)high - low + precision;
        if (gap > s->window_s) {
            return;
        }
        if (m < ACTS_MIN || (m < d->count && act->amount == d->acts[m]->amount)) {
            continue;
        }
        uint64_t others_in = acts_within(s, d, low, high) - m;
        int64_t part = part_of(s, gap, others_in, d->count - m);
        keep(best, (int64_t)(m - 1) * part - (int64_t)rsi_ln_q32(m), s->line->base + low, gap, m);
    }
}

/* m consecutive acts, for each power of two. */
static void by_number(const seeker *s, const doer *d, rsi_surge *best)
{
    for (uint64_t m = FEW; m <= d->count && m <= MANY; m *= 2) {
        const rs_event *ring[MANY];
        uint64_t at = 0;
        uint64_t least = UINT64_MAX;
        uint32_t start = 0;
        for (uint32_t i = 0; i < d->all_count; i++) {
            const rs_event *act = &d->all[i];
            if (!counts(s, act)) {
                continue;
            }
            ring[at++ % m] = act;
            if (at < m) {
                continue;
            }
            uint32_t first = ring[at % m]->time;
            uint64_t gap = (uint64_t)act->time - first + act->precision_s;
            if (gap < least) {
                least = gap;
                start = first;
            }
        }
        if (least > s->window_s) {
            return; /* more acts take longer */
        }
        int64_t one =
            part_of(s, least, 0, 0) - (int64_t)RSI_ONE_Q32 - rsi_ln_ratio_q32(d->count - 1, m - 1);
        keep(best, (int64_t)(m - 1) * one - (int64_t)rsi_ln_q32(d->count), s->line->base + start,
             least, m);
    }
}

static rs_status add(rsi_surges *list, const rsi_surge *surge, rs_error *err)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 1024 : list->room + list->room / 2;
        rsi_surge *items = realloc(list->items, room * sizeof *items);
        if (items == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu surges)", room);
        }
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = *surge;
    return RS_OK;
}

static rs_status seek_part(void *context, const rs_timeline_part *part, rs_error *err)
{
    rs_status status = RS_OK;
    const seeker *s = context;
    for (uint32_t v = part->from; v < part->to; v++) {
        doer d = look_at(s, part, v);
        rsi_surge best = {.node = s->line->src_first + v};
        if (d.count < ACTS_MIN) {
            continue;
        }
        s->out->tried++;
        d.worth ? by_worth(s, &d, &best) : by_number(s, &d, &best);
        if (best.surprise > 0) {
            best.seen = s->line->base + d.all->time;
            RS_TRY(add(s->out, &best, err));
        }
    }
done:
    return status;
}

rs_status rsi_surges_find(const rs_timeline *timeline, uint32_t window_s, rsi_surges *out,
                          rs_error *err)
{
    seeker s = {
        .line = timeline, .window_s = window_s, .span = (uint64_t)timeline->span_s + 1, .out = out};
    *out = (rsi_surges){.base = timeline->base, .span_s = timeline->span_s};
    return timeline->count == 0 ? RS_OK
                                : rs_timeline_each(timeline, RS_TIMELINE_OUT, seek_part, &s, err);
}

void rsi_surges_free(rsi_surges *surges)
{
    free(surges->items);
    *surges = (rsi_surges){0};
}
