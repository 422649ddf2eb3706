/* passes.c - money that comes in and goes out again nearly whole.
 *
 * A payment of amount v to x is passed on by one of amount u, KEEP v <= u <= v, that x makes later,
 * within the window, to somebody else than the payer.
 *
 * Null model: x pays as it always does, whatever comes in. Its payments are a Poisson stream of its
 * own rate, n a span; each has an amount between u and v with the probability that it has among
 * all the relation's payments (f), and x has habits: it made c other payments of that band. So
 *
 *     expected = (n f + c) / span * gap          gap: the time from the one payment to the other
 *     surprise = -ln expected                    at most ln N
 *
 * A round sum is common, so f is large; a rent that leaves every month after the wages counts among
 * c; a shop or a marketplace pays so often that something always fits. Passes that chance gives
 * once in twenty (SURPRISE_MIN) and more are left out.
 *
 * Of a payment the REACH next ones of its payee are looked at: whoever pays oftener than that
 * within the window has its window end there.
 *
 * Cost: O(events) plus a binary search among the amounts for each pair that fits; 24 bytes for each
 * different amount, 28 a pass, three times as much while they are sorted. Accounts are dealt to the
 * threads in blocks.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/passes.h"

#include <stdlib.h>
#include <string.h>

#include "base/fixed.h"
#include "base/parallel.h"
#include "base/sort_entries.h"
#include "base/try.h"
#include "evidence/amounts.h"

enum { REACH = 64, EACH_MAX = 8, BLOCK = 1 << 13, GAP_MIN_S = 60, HABITS_MAX = 4096 };
#define COUNT_MAX    (UINT32_C(1) << 31)
#define SURPRISE_MIN 3141338u /* ln 20 in Q20 */

typedef struct pass_list {
    rsi_pass *items;
    size_t count, room;
} pass_list;

typedef struct seeker {
    const rs_timeline *line;
    uint32_t window_s;
    uint64_t surprise_max; /* Q20 */
    rsi_amounts amounts;   /* all that are positive */
    pass_list *lists;      /* one for each block of accounts */
    const rs_work *work;
    const rs_timeline_part *part; /* the accounts at hand */
} seeker;

/* ---- how common an amount is
 * -------------------------------------------------------------------- */

static rs_status take_amounts(void *context, const rs_timeline_part *part, rs_error *err)
{
    rs_status status = RS_OK;
    seeker *s = context;
    size_t count = part->line->out_first[part->to] - part->line->out_first[part->from];
    for (size_t i = 0; i < count; i++) {
        if (part->out[i].amount > 0) {
            RS_TRY(rsi_amounts_add(&s->amounts, (uint64_t)part->out[i].amount, err));
        }
    }
done:
    return status;
}

/* ---- one account
 * --------------------------------------------------------------------------------- */

static rs_status note(pass_list *list, rsi_pass pass, rs_error *err)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 256 : list->room * 2;
        rsi_pass *items = realloc(list->items, room * sizeof *items);
        if (items == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu payments passed on)", room);
        }
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = pass;
    return RS_OK;
}

/* Other payments of the account within the band; of a busy one, among its first so many. */
static uint64_t habit(const rs_event *outs, size_t count, int64_t low, int64_t high)
{
    uint64_t same = 0;
    count = count < HABITS_MAX ? count : HABITS_MAX;
    for (size_t i = 0; i < count; i++) {
        same += outs[i].amount >= low && outs[i].amount <= high;
    }
    return same > 0 ? same - 1 : 0;
}

/* -ln of (n f + c) gap / span; the first factor in 1/2^32. */
static uint64_t surprise_of(const seeker *s, const rs_event *outs, size_t count, const rs_event *in,
                            const rs_event *out)
{
    uint64_t alike = rsi_amounts_below(&s->amounts, (uint64_t)in->amount + 1) -
                     rsi_amounts_below(&s->amounts, (uint64_t)out->amount);
    uint64_t share = ((alike > 1 ? alike - 1 : 1) << 32) / s->amounts.total;
    uint64_t usual = (uint64_t)(count < COUNT_MAX ? count : COUNT_MAX) * share +
                     (habit(outs, count, out->amount, in->amount) << 32);
    uint64_t gap = (uint64_t)out->time - in->time + out->precision_s;
    gap = gap > GAP_MIN_S ? gap : GAP_MIN_S;
    int64_t nats = rsi_ln_ratio_q32(UINT64_C(1) << 32, usual > 0 ? usual : 1) +
                   rsi_ln_ratio_q32((uint64_t)s->line->span_s + 1, gap);
    uint64_t surprise = nats > 0 ? (uint64_t)nats >> 12 : 0;
    return surprise < s->surprise_max ? surprise : s->surprise_max;
}

static bool fits(const rs_event *in, const rs_event *out)
{
    return rsi_pass_fits(in->amount, out->amount) && out->node != in->node;
}

/* Those passes of one payment that stand from `first` on: the EACH_MAX most surprising stay, of
 * equal ones the first, in the order in which they stand. */
static void keep_most(pass_list *list, size_t first)
{
    while (list->count - first > EACH_MAX) {
        size_t least = first;
        for (size_t i = first + 1; i < list->count; i++) {
            least = list->items[i].surprise <= list->items[least].surprise ? i : least;
        }
        list->count--;
        memmove(list->items + least, list->items + least + 1,
                (list->count - least) * sizeof *list->items);
    }
}

/* `outs` and `count`: the payments of the account; `at`: the first that is later than `in`. */
static rs_status pass_on(const seeker *s, uint32_t rank, size_t at, const rs_event *in,
                         pass_list *list, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_event *outs = rs_part_out(s->part, rank);
    size_t count = rs_out_count(s->line, rank);
    size_t first = list->count;
    size_t end = count - at > REACH ? at + REACH : count;
    for (size_t k = at; k < end && outs[k].time - in->time <= s->window_s; k++) {
        if (outs[k].precision_s > s->window_s || !fits(in, &outs[k])) {
            continue;
        }
        uint64_t surprise = surprise_of(s, outs, count, in, &outs[k]);
        if (surprise >= SURPRISE_MIN) {
            rsi_pass pass = {.in = in->event,
                             .out = s->line->out_first[rank] + (uint32_t)k,
                             .from = in->node,
                             .via = s->line->src_first + rank,
                             .to = outs[k].node,
                             .surprise = (uint32_t)surprise};
            RS_TRY(note(list, pass, err));
        }
    }
    keep_most(list, first);
done:
    return status;
}

static rs_status seek_account(const seeker *s, uint32_t rank, pass_list *list, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_event *outs = rs_part_out(s->part, rank);
    const rs_event *ins = rs_part_in(s->part, rank);
    size_t count = rs_out_count(s->line, rank);
    size_t at = 0;
    if (count == 0) {
        goto done;
    }
    for (uint32_t i = 0; i < rs_in_count(s->line, rank); i++) {
        const rs_event *in = &ins[i];
        while (at < count && outs[at].time <= in->time) {
            at++;
        }
        if (in->amount > 0 && in->precision_s <= s->window_s) {
            RS_TRY(pass_on(s, rank, at, in, list, err));
        }
    }
done:
    return status;
}

/* Those of a block's accounts that are at hand. */
static rs_status seek_block(void *context, size_t index, unsigned worker, rs_error *err)
{
    rs_status status = RS_OK;
    seeker *s = context;
    size_t block = s->part->from / BLOCK + index;
    (void)worker;
    uint64_t from = (uint64_t)block * BLOCK;
    uint64_t end = from + BLOCK;
    from = from > s->part->from ? from : s->part->from;
    end = end < s->part->to ? end : s->part->to;
    for (uint64_t v = from; v < end; v++) {
        RS_TRY(seek_account(s, (uint32_t)v, &s->lists[block], err));
    }
done:
    return status;
}

static rs_status seek_part(void *context, const rs_timeline_part *part, rs_error *err)
{
    seeker *s = context;
    size_t blocks = ((size_t)part->to + BLOCK - 1) / BLOCK - part->from / BLOCK;
    s->part = part;
    return rsi_parallel(s->work, blocks, seek_block, s, err);
}

/* ---- all together
 * ------------------------------------------------------------------------------- */

static uint64_t payment_of(const void *entry)
{
    return ((const rsi_pass *)entry)->in;
}

/* The first pass of a payment; where there is none, that of the next one that has some. */
static size_t first_of(const rsi_passes *passes, uint32_t payment)
{
    size_t from = 0;
    for (size_t count = passes->count; count > 0;) {
        size_t half = count / 2;
        bool right = passes->passes[from + half].in < payment;
        from += right ? half + 1 : 0;
        count = right ? count - half - 1 : half;
    }
    return from;
}

/* The lists of all blocks in one, by the payment that is passed on. */
static rs_status join(const seeker *s, size_t blocks, rsi_passes *out, rs_error *err)
{
    const rsi_entry_order order = {.size = sizeof *out->passes, .key = payment_of};
    size_t total = 0;
    for (size_t i = 0; i < blocks; i++) {
        total += s->lists[i].count;
    }
    out->passes = malloc((total + 1) * sizeof *out->passes);
    if (out->passes == NULL || total >= UINT32_MAX) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu payments passed on)", total);
    }
    for (size_t i = 0; i < blocks; i++) {
        pass_list *list = &s->lists[i];
        if (list->count > 0) {
            memcpy(out->passes + out->count, list->items, list->count * sizeof *list->items);
        }
        out->count += list->count;
        free(list->items);
        *list = (pass_list){0};
    }
    rs_status status = rsi_sort_entries(out->passes, out->count, order, err);
    for (size_t i = 0; i < out->count; i++) {
        rsi_pass *pass = &out->passes[i];
        size_t next = first_of(out, pass->out);
        bool goes_on = next < out->count && out->passes[next].in == pass->out;
        pass->next = (uint32_t)(goes_on ? next : out->count);
    }
    return status;
}

/* ---- the night's own measure
 * -------------------------------------------------------------------- */

/* The most surprising pass of each payment; returns how many there are. */
static size_t best_of_each(const rsi_passes *passes, uint64_t *surprises)
{
    size_t count = 0;
    for (size_t i = 0, end; i < passes->count; i = end) {
        uint32_t best = 0;
        for (end = i; end < passes->count && passes->passes[end].in == passes->passes[i].in;
             end++) {
            best = passes->passes[end].surprise > best ? passes->passes[end].surprise : best;
        }
        surprises[count++] = best;
    }
    return count;
}

/* Where more payments are passed on than chance has it, to be passed on is usual: no surprise is
 * larger than -ln of the share of the `all` payments that have as large a one. */
static rs_status calibrate(uint64_t all, rsi_passes *passes, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t *sorted = malloc((passes->count + 1) * sizeof *sorted);
    if (sorted == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu payments passed on)", passes->count);
    }
    size_t count = best_of_each(passes, sorted);
    RS_TRY(rsi_sort_u64(sorted, count, NULL, err));
    for (size_t i = 0; i < passes->count; i++) {
        rsi_pass *pass = &passes->passes[i];
        uint64_t as_large = count - rsi_count_below(sorted, count, pass->surprise);
        uint64_t usual = (uint64_t)rsi_ln_ratio_q32(all, as_large > 0 ? as_large : 1) >> 12;
        pass->surprise = (uint32_t)(usual < pass->surprise ? usual : pass->surprise);
    }
done:
    free(sorted);
    return status;
}

rs_status rsi_passes_find(const rs_timeline *timeline, uint32_t window_s, uint32_t subjects,
                          const rs_work *work, rsi_passes *out, rs_error *err)
{
    rs_status status = RS_OK;
    seeker s = {.line = timeline, .window_s = window_s, .work = work};
    size_t blocks = ((size_t)timeline->src_count + BLOCK - 1) / BLOCK;
    *out = (rsi_passes){0};
    s.surprise_max = rsi_ln_q32(subjects > 2 ? subjects : 2) >> 12;
    s.lists = calloc(blocks + 1, sizeof *s.lists);
    if (s.lists == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu blocks of accounts)", blocks);
    }
    RS_TRY(rs_timeline_each(timeline, RS_TIMELINE_OUT, take_amounts, &s, err));
    RS_TRY(rsi_amounts_settle(&s.amounts, err));
    if (s.amounts.total > 0 && timeline->src_first == timeline->dst_first) {
        RS_TRY(rs_timeline_each(timeline, RS_TIMELINE_OUT | RS_TIMELINE_IN, seek_part, &s, err));
    }
    RS_TRY(join(&s, blocks, out, err));
    RS_TRY(calibrate(s.amounts.total, out, err));
done:
    for (size_t i = 0; i < blocks; i++) {
        free(s.lists[i].items);
    }
    free(s.lists);
    rsi_amounts_free(&s.amounts);
    if (status != RS_OK) {
        rsi_passes_free(out);
    }
    return status;
}

void rsi_passes_free(rsi_passes *passes)
{
    free(passes->passes);
    *passes = (rsi_passes){0};
}
