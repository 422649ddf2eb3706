/* window.c - two accounts are at the same place within minutes, on two days and more.
 *
 * Null model: the m uses of a place come as a Poisson stream over the time that the relation covers
 * (span). The number of other uses within the window after a given use has mean (m-1) *
 * window/span, which by Markov's inequality bounds the probability of at least one. A pair that
 * meets so on c different days is surprising by c times -ln of that bound, measured in ln N and
 * capped at one half, the weight of a place. Only neighbours in time are compared (each use with
 * the next one of another account), which is linear and favours nobody.
 *
 * Look-alikes: a family at breakfast. It is bound together by this, rightly, and told from a ring
 * by the score. An office is too busy: its bound is near 1 and says nothing. Times that are less
 * precise than the window feed nothing. Cost: O(uses log) time, 24 bytes a use, 16 a meeting.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/kind.h"

#include <stdlib.h>

#include "base/fixed.h"
#include "base/try.h"

enum { DAY_S = 86400, DAYS_MIN = 2 };

/* Two users of one place within the window, on one day. */
typedef struct meeting {
    uint32_t one, other; /* one < other */
    int64_t day;
} meeting;

typedef struct meetings {
    meeting *items;
    size_t count, room;
} meetings;

static int by_pair(const void *left, const void *right)
{
    const meeting *a = left;
    const meeting *b = right;
    if (a->one != b->one) {
        return a->one < b->one ? -1 : 1;
    }
    if (a->other != b->other) {
        return a->other < b->other ? -1 : 1;
    }
    return (a->day > b->day) - (a->day < b->day);
}

static int64_t day_of(int64_t time)
{
    return time / DAY_S - (time % DAY_S < 0);
}

static rs_status note(meetings *list, const rs_use *use, const rs_use *next, rs_error *err)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 64 : list->room * 2;
        meeting *items = realloc(list->items, room * sizeof *items);
        if (items == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu meetings at one place)", room);
        }
        list->items = items;
        list->room = room;
    }
    bool in_order = use->user < next->user;
    list->items[list->count++] = (meeting){.one = in_order ? use->user : next->user,
                                           .other = in_order ? next->user : use->user,
                                           .day = day_of(use->time)};
    return RS_OK;
}

/* -ln of the bound on a chance meeting, as a share of ln N; 0 where chance explains it. */
static uint64_t surprise_of(size_t uses, uint64_t window_s, uint64_t span_s, uint64_t subjects)
{
    uint64_t expected = (uses - 1) * window_s;
    if (expected >= span_s || subjects < 2) {
        return 0;
    }
    uint64_t nats = rsi_ln_q32(span_s) - rsi_ln_q32(expected > 0 ? expected : 1);
    return (nats << 20) / rsi_ln_q32(subjects);
}

static rs_status link_meetings(const rsi_kind_input *input, meetings *list, uint32_t place,
                               uint64_t surprise, rsi_link_list *out, rs_error *err)
{
    rs_status status = RS_OK;
    if (list->count > 1) {
        qsort(list->items, list->count, sizeof *list->items, by_pair);
    }
    for (size_t i = 0, end; i < list->count; i = end) {
        const meeting *pair = &list->items[i];
        uint64_t days = 1;
        for (end = i + 1; end < list->count && list->items[end].one == pair->one &&
                          list->items[end].other == pair->other;
             end++) {
            days += list->items[end].day != list->items[end - 1].day;
        }
        uint64_t weight = days * surprise < RS_WEIGHT_HALF ? days * surprise : RS_WEIGHT_HALF;
        if (days >= DAYS_MIN) {
            rs_link link = {.a = pair->one,
                            .b = pair->other,
                            .thing = place,
                            .weight = (uint32_t)weight,
                            .users = 2};
            RS_TRY(rsi_link_add(out, input, link, err));
        }
    }
done:
    return status;
}

/* The uses first .. end-1 are of one place, in order of time. */
static rs_status place_meetings(const rsi_kind_input *input, const rs_use *uses, size_t first,
                                size_t end, uint64_t span_s, meetings *list, rsi_link_list *out,
                                rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t window = input->options->window_s;
    uint64_t surprise =
        surprise_of(end - first, window, span_s, rs_graph_subject_count(input->graph));
    if (surprise == 0) {
        goto done;
    }
    list->count = 0;
    for (size_t i = first; i + 1 < end; i++) {
        const rs_use *next = &uses[i + 1];
        if (uses[i].user != next->user && (uint64_t)next->time - (uint64_t)uses[i].time <= window) {
            RS_TRY(note(list, &uses[i], next, err));
        }
    }
    RS_TRY(link_meetings(input, list, uses[first].thing, surprise, out, err));
done:
    return status;
}

/* Drop uses that are less precise than the window; returns how many stay. */
static size_t keep_precise(rs_use *uses, size_t count, uint32_t window_s)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (uses[i].precision_s <= window_s) {
            uses[kept++] = uses[i];
        }
    }
    return kept;
}

static rs_status same_window(const rsi_kind_input *input, const rs_work *work, rsi_link_list *out,
                             rs_error *err)
{
    rs_status status = RS_OK;
    rs_use *uses = NULL;
    size_t count = 0;
    meetings list = {0};
    if (input->info.time_min == RS_NO_TIME) {
        goto done;
    }
    RS_TRY(rs_graph_uses(input->graph, input->relation, &uses, &count, work, err));
    count = keep_precise(uses, count, input->options->window_s);
    int64_t low = INT64_MAX;
    int64_t high = INT64_MIN;
    for (size_t i = 0; i < count; i++) {
        low = uses[i].time < low ? uses[i].time : low;
        high = uses[i].time > high ? uses[i].time : high;
    }
    uint64_t span = count > 0 ? (uint64_t)high - (uint64_t)low : 0; /* unsigned: cannot overflow */
    span = span > DAY_S ? span : DAY_S;
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && uses[end].thing == uses[i].thing; end++) {
        }
        RS_TRY(place_meetings(input, uses, i, end, span, &list, out, err));
    }
done:
    free(list.items);
    free(uses);
    return status;
}

static bool is_timed_place(const rs_graph *graph, const rs_relation_info *info)
{
    return info->kind == RS_KIND_SHARED && info->place && rsi_ties_things(graph, info);
}

const rsi_kind rsi_same_window = {
    .name = "window",
    .summary = "accounts are at the same place within minutes, on two days and more",
    .reads = is_timed_place,
    .find = same_window,
};
