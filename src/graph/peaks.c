/* peaks.c - the busiest day and the largest amount of each subject in one relation.
 *
 * A first pass counts the events of each end, a second puts each straight into its place; then the
 * few events of a node are sorted by day where they lie. Both ends at once; places are by dense
 * number, so that no edge asks for its node. Where the events do not fit into the budget, nodes are
 * taken in slices, a reading each.
 *
 * Cost: two readings of the relation, O(1) an edge. Memory: 12 bytes an edge and end or half of the
 * budget each, 8 a node.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/expect.h"
#include "base/sort.h"
#include "base/try.h"
#include "graph/internal.h"

enum { DAY_S = 86400, FEW = 32, AHEAD = 16, AHEAD_SLOT = 8 };
#define DAY_NONE UINT32_MAX

/* What an edge is to one of its ends; the amount in halves, so that an event has 12 bytes. */
typedef struct event {
    uint32_t day;
    uint32_t amount_low;
    uint32_t amount_high;
} event;

/* One end: its events, and its peaks. */
typedef struct side {
    const rsi_end *end;          /* NULL: no subject, nothing is asked of it */
    uint64_t *next;              /* by dense number + 1: how many, then the next free place */
    uint32_t slice, slice_count; /* numbers of which the events are taken: the first, how many */
    uint64_t base;               /* the place that `events` begins with */
    uint64_t room;               /* for their events */
    uint64_t room_max;           /* for those of any slice, about */
    event *events;
    uint64_t event_count;
    bool paid;
    uint32_t *day_edges;
    int64_t *amount;
    int64_t *day_amount;
} side;

/* Days count from 2^31 days before the epoch, so that they are 32 unsigned bits; what lies farther
 * away shares the first or the last of them. */
static uint32_t day_of(int64_t time)
{
    int64_t day = time / DAY_S - (time % DAY_S < 0);
    day += INT64_C(1) << 31;
    return day < 0 ? 0 : day >= DAY_NONE ? DAY_NONE - 1 : (uint32_t)day;
}

static uint64_t amount_of(const event *e)
{
    return (uint64_t)e->amount_high << 32 | e->amount_low;
}

/* The event of edge i; false where it is none: of a node with itself, or with neither time nor
 * amount. */
static bool event_of(const rs_edges *run, size_t i, bool one_type, event *out)
{
    bool timed = run->time != NULL && run->time[i] != RS_NO_TIME;
    bool paid = run->amount != NULL && run->amount[i] > 0; /* RS_NO_AMOUNT is below 0 */
    if ((!timed && !paid) || (one_type && run->src[i] == run->dst[i])) {
        return false;
    }
    uint64_t amount = paid ? (uint64_t)run->amount[i] : 0;
    *out = (event){.day = timed ? day_of(run->time[i]) : DAY_NONE,
                   .amount_low = (uint32_t)amount,
                   .amount_high = (uint32_t)(amount >> 32)};
    return true;
}

static bool is_in(const side *s, uint32_t dense)
{
    return dense - s->slice < s->slice_count;
}

RSI_EXPECT void expect(const side *s, const uint32_t *numbers, size_t count, size_t i)
{
    if (s->end != NULL && i + AHEAD < count) {
        uint32_t near = numbers[i + AHEAD_SLOT];
        __builtin_prefetch(&s->next[numbers[i + AHEAD] + 1], 1);
        if (s->events != NULL && is_in(s, near)) {
            __builtin_prefetch(&s->events[s->next[near + 1] - s->base], 1);
        }
    }
}

/* Count an event at its end, or, once there is room for it, put it there. False where more come
 * than were counted. */
static bool note(side *s, uint32_t dense, const event *e)
{
    if (s->end == NULL || !is_in(s, dense)) {
        return true;
    }
    uint64_t place = s->next[dense + 1]++ - s->base;
    s->paid |= (e->amount_low | e->amount_high) != 0;
    if (s->events != NULL) {
        if (place >= s->room) {
            return false;
        }
        s->events[place] = *e;
    }
    return true;
}

static rs_status read_edges(rsi_edge_stream *stream, side *src, side *dst, rs_error *err)
{
    rs_status status = RS_OK;
    bool one_type = stream->relation.src_type == stream->relation.dst_type;
    rs_edges run = {0};
    do {
        RS_TRY(rsi_edge_stream_next(stream, &run, err));
        for (size_t i = 0; i < run.count && (run.time != NULL || run.amount != NULL); i++) {
            event e;
            expect(src, run.src, run.count, i);
            expect(dst, run.dst, run.count, i);
            if (event_of(&run, i, one_type, &e) &&
                !(note(src, run.src[i], &e) && note(dst, run.dst[i], &e))) {
                status = rsi_edge_stream_changed(stream, err);
                goto done;
            }
        }
    } while (run.count > 0);
done:
    return status;
}

/* From counts to places. */
static void lay_out(side *s)
{
    for (uint32_t dense = 1; s->end != NULL && dense <= s->end->dense_count; dense++) {
        uint64_t count = s->next[dense];
        s->next[dense] = s->event_count;
        s->event_count += count;
    }
}

/* The slice that begins with this number: its events fit into `room`, but for a single node's. Its
 * places are taken by nobody yet, so next[dense + 1] is where those of `dense` begin. */
static void cut_slice(side *s, uint32_t begin, uint64_t room)
{
    uint32_t all = s->end->dense_count;
    uint32_t end = begin;
    s->slice = begin;
    s->base = s->next[begin + 1];
    do {
        end++;
        s->room = (end < all ? s->next[end + 1] : s->event_count) - s->base;
    } while (end < all && (end + 1 < all ? s->next[end + 2] : s->event_count) - s->base <= room);
    s->slice_count = end - begin;
}

/* The first slice of a side, and room for the largest. */
static rs_status make_slices(side *s, uint64_t memory_bytes, rs_error *err)
{
    uint64_t largest = 0;
    uint64_t room = memory_bytes == 0 ? UINT64_MAX : memory_bytes / 2 / sizeof *s->events;
    s->room_max = room;
    if (s->event_count == 0) {
        return RS_OK;
    }
    for (uint32_t at = 0; at < s->end->dense_count; at = s->slice + s->slice_count) {
        cut_slice(s, at, room);
        largest = s->room > largest ? s->room : largest;
    }
    cut_slice(s, 0, room);
    return rsi_graph_array(&s->events, largest, sizeof *s->events, err);
}

/* False after the last one. */
static bool next_slice(side *s)
{
    uint32_t begin = s->slice + s->slice_count;
    if (s->event_count == 0 || begin >= s->end->dense_count) {
        s->slice = begin; /* and stays there, whatever the other end still has to read */
        s->slice_count = 0;
        return false;
    }
    cut_slice(s, begin, s->room_max);
    return true;
}

static rs_status one_reading(const rs_graph *graph, size_t relation, const rs_work *work, side *src,
                             side *dst, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_edge_stream stream = {0};
    RS_TRY(rsi_edge_stream_open(&stream, graph, relation, RS_SCAN_TIME | RS_SCAN_AMOUNT, err));
    stream.work = work;
    stream.stage = "finding busiest days";
    RS_TRY(read_edges(&stream, src, dst, err));
done:
    rsi_edge_stream_close(&stream);
    return status;
}

/* ---- the peaks of one node ----------------------------------------------------------------------
 */

static int64_t add_clamped(int64_t sum, uint64_t more)
{
    return more > (uint64_t)(INT64_MAX - sum) ? INT64_MAX : sum + (int64_t)more;
}

static void sort_few(event *events, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        event moving = events[i];
        size_t hole = i;
        for (; hole > 0 && events[hole - 1].day > moving.day; hole--) {
            events[hole] = events[hole - 1];
        }
        events[hole] = moving;
    }
}

/* `records` has room for twice `count`. */
static rs_status sort_many(event *events, size_t count, rsi_record *records, rs_error *err)
{
    for (size_t i = 0; i < count; i++) {
        records[i] = (rsi_record){.key = events[i].day, .value = amount_of(&events[i])};
    }
    rs_status status = rsi_sort_records(records, count, records + count, err);
    for (size_t i = 0; status == RS_OK && i < count; i++) {
        events[i] = (event){.day = (uint32_t)records[i].key,
                            .amount_low = (uint32_t)records[i].value,
                            .amount_high = (uint32_t)(records[i].value >> 32)};
    }
    return status;
}

/* `events` ascend by day. */
static void find_peaks(const event *events, size_t count, uint32_t node, const side *out)
{
    for (size_t i = 0, end; i < count; i = end) {
        int64_t sum = 0;
        for (end = i; end < count && events[end].day == events[i].day; end++) {
            int64_t amount = (int64_t)amount_of(&events[end]);
            sum = add_clamped(sum, (uint64_t)amount);
            if (out->amount != NULL && amount > out->amount[node]) {
                out->amount[node] = amount;
            }
        }
        if (events[i].day == DAY_NONE) {
            continue;
        }
        uint32_t edges = end - i < UINT32_MAX ? (uint32_t)(end - i) : UINT32_MAX;
        if (out->day_edges != NULL && edges > out->day_edges[node]) {
            out->day_edges[node] = edges;
        }
        if (out->day_amount != NULL && sum > out->day_amount[node]) {
            out->day_amount[node] = sum;
        }
    }
}

/* Once its places are taken, next[dense + 1] is where the events of a number end, and those of the
 * next one begin. */
static size_t count_of(const side *s, uint32_t dense)
{
    return (size_t)(s->next[dense + 1] - (dense == s->slice ? s->base : s->next[dense]));
}

static size_t most_events(const side *s)
{
    size_t most = 0;
    for (uint32_t dense = s->slice; dense < s->slice + s->slice_count; dense++) {
        most = count_of(s, dense) > most ? count_of(s, dense) : most;
    }
    return most;
}

static rs_status make_peaks(side *s, uint32_t subjects, bool timed, rs_error *err)
{
    rs_status status = RS_OK;
    if (s->end == NULL) {
        return RS_OK;
    }
    if (timed) {
        RS_TRY(rsi_graph_array(&s->day_edges, subjects, sizeof *s->day_edges, err));
    }
    if (s->paid) {
        RS_TRY(rsi_graph_array(&s->amount, subjects, sizeof *s->amount, err));
    }
    if (timed && s->paid) {
        RS_TRY(rsi_graph_array(&s->day_amount, subjects, sizeof *s->day_amount, err));
    }
done:
    return status;
}

static rs_status peaks_of_slice(side *s, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_record *records = NULL;
    event *events = s->events;
    size_t most = most_events(s);
    if (most > FEW) {
        RS_TRY(rsi_graph_array(&records, most, 2 * sizeof *records, err));
    }
    for (uint32_t dense = s->slice; dense < s->slice + s->slice_count; dense++) {
        size_t count = count_of(s, dense);
        if (count == 0) { /* and perhaps no node */
            continue;
        }
        if (count <= FEW) {
            sort_few(events, count);
        } else {
            RS_TRY(sort_many(events, count, records, err));
        }
        find_peaks(events, count, s->end->node_of[dense], s);
        events += count;
    }
done:
    free(records);
    return status;
}

/* ---- both ends ---------------------------------------------------------------------------------
 */

static rs_status open_side(side *s, const rsi_end *end, rs_error *err)
{
    if (!end->range.subject) {
        return RS_OK;
    }
    s->end = end;
    s->slice_count = end->dense_count; /* to be counted */
    return rsi_graph_array(&s->next, (size_t)end->dense_count + 2, sizeof *s->next, err);
}

static void close_side(const side *s)
{
    free(s->next);
    free(s->events);
    free(s->day_edges);
    free(s->amount);
    free(s->day_amount);
}

static void hand_over(side *s, uint32_t **day_edges, int64_t **amount, int64_t **day_amount)
{
    *day_edges = s->day_edges;
    *amount = s->amount;
    *day_amount = s->day_amount;
    s->day_edges = NULL; /* moved to the caller */
    s->amount = NULL;
    s->day_amount = NULL;
}

rs_status rs_graph_peaks(const rs_graph *graph, size_t relation, rs_peaks *out, const rs_work *work,
                         rs_error *err)
{
    rs_status status = RS_OK;
    rs_relation_info info = rs_store_relation(graph->store, relation);
    bool timed = info.time_min != RS_NO_TIME;
    const rsi_end src_end = rsi_end_of(graph, info.src_type);
    const rsi_end dst_end = rsi_end_of(graph, info.dst_type);
    side src = {0};
    side dst = {0};
    RS_TRY(open_side(&src, &src_end, err));
    RS_TRY(open_side(&dst, &dst_end, err));
    if (src.end != NULL || dst.end != NULL) {
        RS_TRY(one_reading(graph, relation, work, &src, &dst, err));
        lay_out(&src);
        lay_out(&dst);
    }
    RS_TRY(make_peaks(&src, graph->subject_count, timed, err));
    RS_TRY(make_peaks(&dst, graph->subject_count, timed, err));
    RS_TRY(make_slices(&src, work == NULL ? 0 : work->memory_bytes, err));
    RS_TRY(make_slices(&dst, work == NULL ? 0 : work->memory_bytes, err));
    for (bool more = src.event_count > 0 || dst.event_count > 0; more;) {
        RS_TRY(one_reading(graph, relation, work, &src, &dst, err));
        RS_TRY(peaks_of_slice(&src, err));
        RS_TRY(peaks_of_slice(&dst, err));
        more = next_slice(&src);
        more = next_slice(&dst) || more;
    }
    *out = (rs_peaks){.count = graph->subject_count};
    hand_over(&src, &out->src_day_edges, &out->src_amount, &out->src_day_amount);
    hand_over(&dst, &out->dst_day_edges, &out->dst_amount, &out->dst_day_amount);
done:
    close_side(&src);
    close_side(&dst);
    return status;
}

void rs_peaks_free(rs_peaks *peaks)
{
    if (peaks == NULL) {
        return;
    }
    free(peaks->src_day_edges);
    free(peaks->dst_day_edges);
    free(peaks->src_amount);
    free(peaks->dst_amount);
    free(peaks->src_day_amount);
    free(peaks->dst_day_amount);
    *peaks = (rs_peaks){0};
}
