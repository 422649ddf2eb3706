/* relay.c - money that many pass on, from one collector to one exit.
 *
 * Null model: each pass (passes.c) has the surprise s of its amount and time. That the money of
 * one more account goes to the same exit has the probability q of the exit's share of all payments,
 * or of the collector's own ones where that is more: friends pay the same friends. And of the n
 * payments of the collector any k could have been the ones that are passed on, n choose k < (n e /
 * k)^k. So k accounts between one collector and one exit are surprising by
 *
 *     W = sum of s - (k - 1) ln q - k (1 + ln(n / k)) - ln(pairs of collector and exit tried)
 *
 * Each account counts once, by its most surprising pass. A relay has two accounts and more in its
 * middle. A link's weight is W / k in ln N, at most 1: a pass is as strong as a shared device.
 *
 * Look-alikes: an employer whose people pay the same shop (amounts differ; what fits by chance is
 * in s and in the choice of k), a club whose treasurer pays the hall (one account in the middle), a
 * marketplace (so busy that something always fits: s is near 0).
 *
 * Links join the collector and the exit to each account between; their `thing` is the exit.
 * Cost: O(passes log); 16 bytes a pass.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/kind.h"

#include <stdlib.h>

#include "base/fixed.h"
#include "base/sort.h"
#include "base/try.h"

enum { MIDDLE_MIN = 2, HABITS_MAX = 4096 };

typedef struct relays {
    const rsi_kind_input *input;
    const rs_timeline *line;
    rsi_record *items; /* key: collector << 32 | exit; value: middle << 32 | surprise */
    size_t count;
    size_t at;      /* the first of the next collector */
    uint64_t tried; /* pairs of collector and exit with enough between them */
    rsi_link_list *out;
} relays;

static rs_status collect(relays *r, rs_error *err)
{
    const rsi_passes *passes = r->input->passes;
    r->items = malloc((passes->count + 1) * sizeof *r->items);
    if (r->items == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu payments passed on)", passes->count);
    }
    for (size_t i = 0; i < passes->count; i++) {
        const rsi_pass *pass = &passes->passes[i];
        r->items[r->count++] = (rsi_record){.key = (uint64_t)pass->from << 32 | pass->to,
                                            .value = (uint64_t)pass->via << 32 | pass->surprise};
    }
    return rsi_sort_records(r->items, r->count, NULL, err);
}

static int by_value(const void *left, const void *right)
{
    uint64_t a = ((const rsi_record *)left)->value;
    uint64_t b = ((const rsi_record *)right)->value;
    return (a > b) - (a < b);
}

/* Each account between once, by its most surprising pass, in order of accounts. */
static size_t one_each(rsi_record *items, size_t count)
{
    size_t kept = 0;
    qsort(items, count, sizeof *items, by_value);
    for (size_t i = 0; i < count; i++) {
        if (i + 1 == count || items[i].value >> 32 != items[i + 1].value >> 32) {
            items[kept++] = items[i];
        }
    }
    return kept;
}

/* -ln q, Q32; of a collector that pays very often, its first payments speak for the others. */
static uint64_t exit_surprise(const rs_timeline_part *part, uint32_t collector, uint32_t end)
{
    const rs_timeline *line = part->line;
    const rs_event *outs = rs_part_out(part, collector);
    uint32_t paid = rs_out_count(line, collector);
    uint64_t got = rs_in_count(line, end);
    uint64_t direct = 0;
    paid = paid < HABITS_MAX ? paid : HABITS_MAX;
    for (uint32_t i = 0; i < paid; i++) {
        direct += outs[i].node == end + line->dst_first;
    }
    uint64_t by_all = rsi_ln_q32(line->count) - rsi_ln_q32(got);
    uint64_t by_own = direct > 0 ? rsi_ln_q32(paid) - rsi_ln_q32(direct) : UINT64_MAX;
    return by_own < by_all ? by_own : by_all;
}

/* W / k in Q32; 0 where chance explains it. */
static uint64_t surprise_of(const relays *r, const rs_timeline_part *part, const rsi_record *items,
                            size_t count)
{
    const rs_timeline *line = r->line;
    uint32_t collector = (uint32_t)(items->key >> 32) - line->src_first;
    uint32_t end = (uint32_t)items->key - line->dst_first;
    uint64_t paid = rs_out_count(line, collector);
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (uint64_t)(uint32_t)items[i].value << 12;
    }
    sum += (count - 1) * exit_surprise(part, collector, end);
    uint64_t chosen = count * RSI_ONE_Q32;
    if (paid > count) {
        chosen += count * (uint64_t)rsi_ln_ratio_q32(paid, count);
    }
    chosen += rsi_ln_q32(r->tried > 0 ? r->tried : 1);
    return sum > chosen ? (sum - chosen) / count : 0;
}

static rs_status link_relay(const relays *r, const rs_timeline_part *part, const rsi_record *items,
                            size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t ln_all = rsi_ln_q32(rs_graph_subject_count(r->input->graph));
    uint64_t weight = (surprise_of(r, part, items, count) >> 8 << 20) / (ln_all >> 8);
    weight = weight < UINT32_C(1) << 20 ? weight : UINT32_C(1) << 20;
    uint32_t ends[2] = {(uint32_t)(items->key >> 32), (uint32_t)items->key};
    for (size_t i = 0; i < 2 * count; i++) {
        rs_link link = {.a = ends[i % 2],
                        .b = (uint32_t)(items[i / 2].value >> 32),
                        .thing = ends[1],
                        .weight = (uint32_t)weight,
                        .users = (uint32_t)(count + 2)};
        RS_TRY(rsi_link_add(r->out, r->input, link, err));
    }
done:
    return status;
}

static size_t group_end(const relays *r, size_t from)
{
    size_t end = from + 1;
    while (end < r->count && r->items[end].key == r->items[from].key) {
        end++;
    }
    return end;
}

/* The relays of the collectors at hand. */
static rs_status link_part(void *context, const rs_timeline_part *part, rs_error *err)
{
    rs_status status = RS_OK;
    relays *r = context;
    uint64_t last = (uint64_t)r->line->src_first + part->to;
    for (size_t end; r->at < r->count && r->items[r->at].key >> 32 < last; r->at = end) {
        rsi_record *items = r->items + r->at;
        end = group_end(r, r->at);
        size_t count = end - r->at < MIDDLE_MIN ? 0 : one_each(items, end - r->at);
        if (count >= MIDDLE_MIN) {
            RS_TRY(link_relay(r, part, items, count, err));
        }
    }
done:
    return status;
}

static rs_status relay(const rsi_kind_input *input, const rs_work *work, rsi_link_list *out,
                       rs_error *err)
{
    rs_status status = RS_OK;
    relays r = {.input = input, .line = input->timeline, .out = out};
    (void)work;
    if (input->passes->count == 0 || rs_graph_subject_count(input->graph) < 3) {
        goto done;
    }
    RS_TRY(collect(&r, err));
    for (size_t i = 0, end; i < r.count; i = end) {
        end = group_end(&r, i);
        r.tried += end - i >= MIDDLE_MIN;
    }
    RS_TRY(rs_timeline_each(r.line, RS_TIMELINE_OUT, link_part, &r, err));
done:
    free(r.items);
    return status;
}

const rsi_kind rsi_relay = {
    .name = "relay",
    .summary = "accounts pass money on from one collector to one exit, nearly whole, within days",
    .in_time = true,
    .of_passes = true,
    .reads = rsi_is_timed_payment,
    .find = relay,
};
