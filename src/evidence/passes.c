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
 * Cost: O(events) plus a binary search among the amounts for each pair that fits; 8 bytes an event
 * for the amounts, 4 for the index, 12 a pass. Accounts are dealt to the threads in blocks.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/passes.h"

#include <stdlib.h>
#include <string.h>

#include "base/fixed.h"
#include "base/parallel.h"
#include "base/sort.h"
#include "base/try.h"

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
    uint64_t *amounts;     /* all that are positive, ascending; later surprises */
    size_t amount_count;
    pass_list *lists; /* one for each block of accounts */
} seeker;

/* ---- how common an amount is
 * -------------------------------------------------------------------- */

static rs_status sort_amounts(seeker *s, rs_error *err)
{
    rs_status status = RS_OK;
    s->amounts = malloc((s->line->count + 1) * sizeof *s->amounts);
    if (s->amounts == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu amounts)", s->line->count);
    }
    for (size_t i = 0; i < s->line->count; i++) {
        if (s->line->out[i].amount > 0) {
            s->amounts[s->amount_count++] = (uint64_t)s->line->out[i].amount;
        }
    }
    RS_TRY(rsi_sort_u64(s->amounts, s->amount_count, NULL, err));
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
    uint64_t alike = rsi_count_below(s->amounts, s->amount_count, (uint64_t)in->amount + 1) -
                     rsi_count_below(s->amounts, s->amount_count, (uint64_t)out->amount);
    uint64_t share = ((alike > 1 ? alike - 1 : 1) << 32) / s->amount_count;
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

/* `at`: the first payment of the account that is later than `in`. */
static rs_status pass_on(const seeker *s, const rs_event *outs, size_t count, size_t at,
                         const rs_event *in, pass_list *list, rs_error *err)
{
    rs_status status = RS_OK;
    size_t first = list->count;
    size_t end = count - at > REACH ? at + REACH : count;
    for (size_t k = at; k < end && outs[k].time - in->time <= s->window_s; k++) {
        if (outs[k].precision_s > s->window_s || !fits(in, &outs[k])) {
            continue;
        }
        uint64_t surprise = surprise_of(s, outs, count, in, &outs[k]);
        if (surprise >= SURPRISE_MIN) {
            rsi_pass pass = {.in = in->event,
                             .out = (uint32_t)(&outs[k] - s->line->out),
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
    const rs_timeline *line = s->line;
    const rs_event *outs = line->out + line->out_first[rank];
    size_t count = line->out_first[rank + 1] - line->out_first[rank];
    size_t at = 0;
    if (count == 0) {
        goto done;
    }
    for (uint32_t i = line->in_first[rank]; i < line->in_first[rank + 1]; i++) {
        const rs_event *in = &line->in[i];
        while (at < count && outs[at].time <= in->time) {
            at++;
        }
        if (in->amount > 0 && in->precision_s <= s->window_s) {
            RS_TRY(pass_on(s, outs, count, at, in, list, err));
        }
    }
done:
    return status;
}

static rs_status seek_block(void *context, size_t index, unsigned worker, rs_error *err)
{
    rs_status status = RS_OK;
    seeker *s = context;
    (void)worker;
    uint64_t end = (uint64_t)(index + 1) * BLOCK;
    end = end < s->line->src_count ? end : s->line->src_count;
    for (uint64_t v = (uint64_t)index * BLOCK; v < end; v++) {
        RS_TRY(seek_account(s, (uint32_t)v, &s->lists[index], err));
    }
done:
    return status;
}

/* ---- all together
 * ------------------------------------------------------------------------------- */

/* The lists of all blocks in one, by the payment that is passed on: a counting sort. */
static rs_status join(const seeker *s, size_t blocks, rsi_passes *out, rs_error *err)
{
    for (size_t i = 0; i < blocks; i++) {
        out->count += s->lists[i].count;
    }
    out->first = calloc(s->line->count + 2, sizeof *out->first);
    out->passes = malloc((out->count + 1) * sizeof *out->passes);
    if (out->first == NULL || out->passes == NULL || out->count > UINT32_MAX) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu payments passed on)", out->count);
    }
    for (size_t i = 0; i < blocks; i++) {
        for (size_t k = 0; k < s->lists[i].count; k++) {
            out->first[s->lists[i].items[k].in + 1]++;
        }
    }
    uint32_t sum = 0;
    for (size_t i = 0; i <= s->line->count; i++) { /* first[i + 1] becomes the place of i */
        uint32_t here = out->first[i + 1];
        out->first[i + 1] = sum;
        sum += here;
    }
    for (size_t i = 0; i < blocks; i++) {
        for (size_t k = 0; k < s->lists[i].count; k++) {
            rsi_pass pass = s->lists[i].items[k];
            out->passes[out->first[pass.in + 1]++] = pass;
        }
    }
    return RS_OK;
}

/* ---- the night's own measure
 * -------------------------------------------------------------------- */

/* The most surprising pass of each payment, ascending, in s->amounts; returns how many there are.
 */
static size_t best_of_each(seeker *s, const rsi_passes *passes)
{
    size_t count = 0;
    for (size_t i = 0, end; i < passes->count; i = end) {
        uint32_t best = 0;
        for (end = i; end < passes->count && passes->passes[end].in == passes->passes[i].in;
             end++) {
            best = passes->passes[end].surprise > best ? passes->passes[end].surprise : best;
        }
        s->amounts[count++] = best;
    }
    return count;
}

/* Where more payments are passed on than chance has it, to be passed on is usual: no surprise is
 * larger than -ln of the share of payments that have as large a one. */
static rs_status calibrate(seeker *s, rsi_passes *passes, rs_error *err)
{
    rs_status status = RS_OK;
    size_t all = s->amount_count;
    size_t count = best_of_each(s, passes);
    RS_TRY(rsi_sort_u64(s->amounts, count, NULL, err));
    s->amount_count = count; /* what is searched */
    for (size_t i = 0; i < passes->count; i++) {
        rsi_pass *pass = &passes->passes[i];
        uint64_t as_large = count - rsi_count_below(s->amounts, s->amount_count, pass->surprise);
        uint64_t usual = (uint64_t)rsi_ln_ratio_q32(all, as_large > 0 ? as_large : 1) >> 12;
        pass->surprise = (uint32_t)(usual < pass->surprise ? usual : pass->surprise);
    }
done:
    return status;
}

rs_status rsi_passes_find(const rs_timeline *timeline, uint32_t window_s, uint32_t subjects,
                          const rs_work *work, rsi_passes *out, rs_error *err)
{
    rs_status status = RS_OK;
    seeker s = {.line = timeline, .window_s = window_s};
    size_t blocks = ((size_t)timeline->src_count + BLOCK - 1) / BLOCK;
    *out = (rsi_passes){0};
    s.surprise_max = rsi_ln_q32(subjects > 2 ? subjects : 2) >> 12;
    s.lists = calloc(blocks + 1, sizeof *s.lists);
    if (s.lists == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu blocks of accounts)", blocks);
    }
    RS_TRY(sort_amounts(&s, err));
    if (s.amount_count > 0 && timeline->src_first == timeline->dst_first) {
        RS_TRY(rsi_parallel(work, blocks, seek_block, &s, err));
    }
    RS_TRY(join(&s, blocks, out, err));
    RS_TRY(calibrate(&s, out, err));
done:
    for (size_t i = 0; i < blocks; i++) {
        free(s.lists[i].items);
    }
    free(s.lists);
    free(s.amounts);
    if (status != RS_OK) {
        rsi_passes_free(out);
    }
    return status;
}

void rsi_passes_free(rsi_passes *passes)
{
    free(passes->passes);
    free(passes->first);
    *passes = (rsi_passes){0};
}
