/* doings.c - what each subject does, from a timeline: nothing is read again.
 *
 * The events of a node stand together in order of time, so that its busiest day is a walk, and its
 * few other ends are sorted aside. Nodes are dealt to the threads in blocks. A thing is shared
 * where two different nodes stand among its events; that is known before the doers are counted.
 *
 * Invariant: of a timeline that left nothing out the numbers are those of counts.c and peaks.c.
 *
 * Cost: O(events); 4 bytes an event of the busiest node and thread, a byte a thing.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/parallel.h"
#include "base/sort.h"
#include "base/try.h"
#include "graph/internal.h"
#include "graph/wide.h"

enum { DAY_S = 86400, BLOCK = 1 << 13, FEW = 16 };

/* One end of the timeline and what is found of its nodes; by node where the pointers are not NULL.
 */
typedef struct end_view {
    const rs_timeline *line;
    const uint32_t *first;
    const rs_event *events;
    uint32_t node_first, node_count;
    uint32_t *peers;
    uint64_t *edges;
    int64_t *sum;
    rs_sum *exact; /* the same, where one does not fit */
    uint32_t *day_edges;
    int64_t *amount;
    int64_t *day_amount;
    uint8_t *is_shared;       /* by rank: asked of things */
    uint32_t *shared_things;  /* asked of subjects, with what is known of the things */
    const uint8_t *of_things; /* is_shared of the other end, */
    uint32_t thing_first;     /* from this node on */
} end_view;

/* The seconds that are left of an event's day: later ones before that are of the same day. */
static uint32_t left_of_day(const rs_timeline *line, const rs_event *event)
{
    int64_t second = (line->base + event->time) % DAY_S;
    return (uint32_t)(second < 0 ? -second : DAY_S - second);
}

static void sort_few(uint32_t *numbers, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint32_t moving = numbers[i];
        size_t hole = i;
        for (; hole > 0 && numbers[hole - 1] > moving; hole--) {
            numbers[hole] = numbers[hole - 1];
        }
        numbers[hole] = moving;
    }
}

/* The other ends of the events, each once; `ends` has room for twice as many. */
static rs_status count_ends(const end_view *v, const rs_event *events, size_t count, uint32_t node,
                            uint32_t *ends, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t i = 0; i < count; i++) {
        ends[i] = events[i].node;
    }
    if (count <= FEW) {
        sort_few(ends, count);
    } else {
        RS_TRY(rsi_sort_u32(ends, count, ends + count, err));
    }
    uint32_t peers = 0;
    uint32_t shared = 0;
    for (size_t i = 0; i < count; i++) {
        bool fresh = i == 0 || ends[i] != ends[i - 1];
        peers += fresh;
        shared += fresh && v->of_things != NULL && v->of_things[ends[i] - v->thing_first];
    }
    if (v->peers != NULL) {
        v->peers[node] = peers;
    }
    if (v->shared_things != NULL) {
        v->shared_things[node] = shared;
    }
    if (v->is_shared != NULL) {
        v->is_shared[node - v->node_first] = peers > 1;
    }
done:
    return status;
}

static int64_t add_clamped(int64_t sum, int64_t more)
{
    return more > INT64_MAX - sum ? INT64_MAX : sum + more;
}

static rsi_wide wide_sum_of(const rs_event *events, size_t count)
{
    rsi_wide sum = RSI_WIDE_NONE;
    for (size_t i = 0; i < count; i++) {
        rsi_wide_add(&sum, events[i].amount);
    }
    return sum;
}

/* Nearly all sums fit into 64 bits. */
static rsi_wide sum_of(const rs_event *events, size_t count)
{
    int64_t sum = 0;
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        bool known = events[i].amount != RS_NO_AMOUNT;
        any |= known;
        if (__builtin_add_overflow(sum, known ? events[i].amount : 0, &sum)) {
            return wide_sum_of(events, count);
        }
    }
    return any ? rsi_wide_of(sum) : RSI_WIDE_NONE;
}

/* The sum of all amounts and the largest one. */
static void add_amounts(const end_view *v, const rs_event *events, size_t count, uint32_t node)
{
    rsi_wide sum = sum_of(events, count);
    int64_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        largest = events[i].amount > largest ? events[i].amount : largest;
    }
    if (v->sum != NULL) {
        v->sum[node] = rsi_wide_is_none(sum) ? 0 : rsi_wide_clamp(sum);
    }
    if (v->amount != NULL) {
        v->amount[node] = largest;
    }
}

static void find_days(const end_view *v, const rs_event *events, size_t count, uint32_t node)
{
    uint32_t most = 0;
    int64_t most_paid = 0;
    for (size_t i = 0, end; i < count; i = end) {
        uint32_t left = left_of_day(v->line, &events[i]);
        int64_t paid = 0;
        for (end = i; end < count && events[end].time - events[i].time < left; end++) {
            paid = events[end].amount > 0 ? add_clamped(paid, events[end].amount) : paid;
        }
        most = end - i > most ? (uint32_t)(end - i) : most;
        most_paid = paid > most_paid ? paid : most_paid;
    }
    if (v->day_edges != NULL) {
        v->day_edges[node] = most;
    }
    if (v->day_amount != NULL) {
        v->day_amount[node] = most_paid;
    }
}

static size_t most_events(const end_view *v, size_t from, size_t to)
{
    size_t most = 0;
    for (size_t rank = from; rank < to; rank++) {
        size_t count = v->first[rank + 1] - v->first[rank];
        most = count > most ? count : most;
    }
    return most;
}

static rs_status count_block(void *context, size_t index, unsigned worker, rs_error *err)
{
    rs_status status = RS_OK;
    const end_view *v = context;
    size_t from = index * BLOCK;
    size_t to = from + BLOCK < v->node_count ? from + BLOCK : v->node_count;
    uint32_t *ends = NULL;
    (void)worker;
    RS_TRY(rsi_graph_array(&ends, 2 * most_events(v, from, to), sizeof *ends, err));
    for (size_t rank = from; rank < to; rank++) {
        const rs_event *events = v->events + v->first[rank];
        size_t count = v->first[rank + 1] - v->first[rank];
        uint32_t node = v->node_first + (uint32_t)rank;
        RS_TRY(count_ends(v, events, count, node, ends, err));
        if (v->edges == NULL) { /* a thing */
            continue;
        }
        v->edges[node] = count;
        add_amounts(v, events, count, node);
        find_days(v, events, count, node);
    }
done:
    free(ends);
    return status;
}

static bool any_clamped(const end_view *v)
{
    bool any = false;
    for (size_t rank = 0; v->sum != NULL && rank < v->node_count && !any; rank++) {
        int64_t sum = v->sum[v->node_first + rank];
        any = sum == INT64_MAX || sum == -INT64_MAX;
    }
    return any;
}

static rs_status count_end(end_view *v, uint32_t subjects, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_parallel(work, ((size_t)v->node_count + BLOCK - 1) / BLOCK, count_block, v, err));
    if (!any_clamped(v)) {
        goto done;
    }
    RS_TRY(rsi_graph_array(&v->exact, subjects, sizeof *v->exact, err));
    for (size_t rank = 0; rank < v->node_count; rank++) {
        rsi_wide sum = sum_of(v->events + v->first[rank], v->first[rank + 1] - v->first[rank]);
        v->exact[v->node_first + rank] = rsi_wide_is_none(sum) ? RSI_WIDE_ZERO : sum;
    }
done:
    return status;
}

/* ---- both ends ---------------------------------------------------------------------------------
 */

/* Where the numbers of one end go, of what there is any. */
static rs_status make_end(end_view *v, uint32_t subjects, bool amounts, bool paid, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_graph_array(&v->peers, subjects, sizeof *v->peers, err));
    RS_TRY(rsi_graph_array(&v->edges, subjects, sizeof *v->edges, err));
    RS_TRY(rsi_graph_array(&v->day_edges, subjects, sizeof *v->day_edges, err));
    if (amounts) {
        RS_TRY(rsi_graph_array(&v->sum, subjects, sizeof *v->sum, err));
    }
    if (paid) {
        RS_TRY(rsi_graph_array(&v->amount, subjects, sizeof *v->amount, err));
        RS_TRY(rsi_graph_array(&v->day_amount, subjects, sizeof *v->day_amount, err));
    }
done:
    return status;
}

static void look_at_amounts(const rs_timeline *line, bool *amounts, bool *paid)
{
    for (size_t i = 0; i < line->count && !*paid; i++) {
        *amounts = *amounts || line->out[i].amount != RS_NO_AMOUNT;
        *paid = line->out[i].amount > 0; /* RS_NO_AMOUNT is below 0 */
    }
}

static void hand_over(const end_view *src, const end_view *dst, uint32_t subjects,
                      rs_counts *counts, rs_peaks *peaks)
{
    *counts = (rs_counts){.count = subjects,
                          .src_peers = src->peers,
                          .dst_peers = dst->peers,
                          .src_edges = src->edges,
                          .dst_edges = dst->edges,
                          .src_amount = src->sum,
                          .dst_amount = dst->sum,
                          .src_sum = src->exact,
                          .dst_sum = dst->exact,
                          .shared_things = src->shared_things};
    *peaks = (rs_peaks){.count = subjects,
                        .src_day_edges = src->day_edges,
                        .dst_day_edges = dst->day_edges,
                        .src_amount = src->amount,
                        .dst_amount = dst->amount,
                        .src_day_amount = src->day_amount,
                        .dst_day_amount = dst->day_amount};
}

rs_status rs_timeline_counts(const rs_graph *graph, const rs_timeline *timeline, rs_counts *counts,
                             rs_peaks *peaks, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t subjects = graph->subject_count;
    bool amounts = false;
    bool paid = false;
    end_view src = {.line = timeline,
                    .first = timeline->out_first,
                    .events = timeline->out,
                    .node_first = timeline->src_first,
                    .node_count = timeline->src_count};
    end_view dst = {.line = timeline,
                    .first = timeline->in_first,
                    .events = timeline->in,
                    .node_first = timeline->dst_first,
                    .node_count = timeline->dst_count};
    look_at_amounts(timeline, &amounts, &paid);
    RS_TRY(make_end(&src, subjects, amounts, paid, err));
    if (timeline->dst_first < subjects) {
        RS_TRY(make_end(&dst, subjects, amounts, paid, err));
    } else {
        RS_TRY(rsi_graph_array(&dst.is_shared, dst.node_count, sizeof *dst.is_shared, err));
        RS_TRY(rsi_graph_array(&src.shared_things, subjects, sizeof *src.shared_things, err));
        src.of_things = dst.is_shared;
        src.thing_first = dst.node_first;
    }
    RS_TRY(count_end(&dst, subjects, work, err));
    RS_TRY(count_end(&src, subjects, work, err));
done:
    free(dst.is_shared);
    hand_over(&src, &dst, subjects, counts, peaks);
    if (status != RS_OK) {
        rs_counts_free(counts);
        rs_peaks_free(peaks);
    }
    return status;
}
