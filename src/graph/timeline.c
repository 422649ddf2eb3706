/* timeline.c - the events of one relation by doer and by target, each in order of time.
 *
 * One reading puts the edges into an array as they come and counts both ends; a counting sort takes
 * them to their doers, where each doer's few are sorted; a second one, from there, to their
 * targets. Doers and targets are dealt to the threads in blocks of nodes.
 *
 * Invariant: equal sets of edges give equal arrays, whatever the order of rows and batches: events
 * of one doer are ordered by all that they hold, and those of one target by time and then by doer.
 *
 * Where that many do not fit, slices.c does the same with as many nodes at a time as fit.
 *
 * Cost: one reading, O(1) an event; 24 bytes an event while reading, 48 after.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/parallel.h"
#include "base/sort_entries.h"
#include "base/try.h"
#include "graph/internal.h"
#include "graph/timeline.h"

/* In order of doers and of targets, and what evidence takes for each beside that. */
enum { EVENT_BYTES = 2 * sizeof(rs_event) + 16 };

typedef struct builder {
    rs_timeline *line; /* while edges are read, `in` holds them as they come: ranks of both ends */
    size_t room;
    bool in_slices; /* then edges are only counted */
} builder;

/* ---- reading ------------------------------------------------------------------------------------
 */

static rs_status make_arrays(builder *b, const rsi_edge_stream *stream, rs_error *err)
{
    rs_status status = RS_OK;
    rs_timeline *line = b->line;
    uint64_t edges = stream->relation.edge_count;
    if (edges >= UINT32_MAX) {
        return rs_fail(err, RS_ENOMEM, "relation \"%s\" has more than %u edges to look at in time",
                       stream->relation.name, UINT32_MAX - 1);
    }
    b->room = (size_t)edges;
    line->src_first = stream->src.range.first;
    line->src_count = stream->src.range.count;
    line->dst_first = stream->dst.range.first;
    line->dst_count = stream->dst.range.count;
    RS_TRY(rsi_graph_array(&line->out_first, (size_t)line->src_count + 2, sizeof(uint32_t), err));
    RS_TRY(rsi_graph_array(&line->in_first, (size_t)line->dst_count + 2, sizeof(uint32_t), err));
    if (!b->in_slices) {
        RS_TRY(rsi_graph_array(&line->in, b->room, sizeof *line->in, err));
    }
done:
    return status;
}

/* False where there are more edges than the store said. */
static bool take_run(builder *b, const rsi_edge_stream *stream, const rs_edges *run)
{
    enum { AHEAD = 24, NEAR = 12 };
    rs_timeline *line = b->line;
    const uint32_t *node_of = stream->dst.node_of;
    for (size_t i = 0; i < run->count; i++) {
        if (i + AHEAD < run->count) { /* targets come at random */
            uint32_t near = node_of[run->dst[i + NEAR]];
            uint32_t doer = stream->src.node_of[run->src[i + NEAR]];
            __builtin_prefetch(&node_of[run->dst[i + AHEAD]]);
            __builtin_prefetch(&line->in_first[near - line->dst_first + 2], 1);
            __builtin_prefetch(&line->out_first[doer - line->src_first + 2], 1);
        }
        if (!rsi_timeline_takes(line, stream, run, i)) {
            line->left_out += !rsi_timeline_is_loop(stream, run, i);
            continue;
        }
        if (line->count >= b->room) {
            return false;
        }
        rs_event event = rsi_timeline_event(line, stream, run, i);
        line->out_first[event.event + 2]++;
        line->in_first[event.node + 2]++;
        line->span_s = event.time > line->span_s ? event.time : line->span_s;
        if (!b->in_slices) {
            line->in[line->count] = event;
        }
        line->count++;
    }
    return true;
}

static int64_t base_of(const rs_graph *graph, const rs_relation_info *info)
{
    int64_t oldest = graph->as_of < INT64_MIN + UINT32_MAX ? INT64_MIN : graph->as_of - UINT32_MAX;
    return info->time_min > oldest ? info->time_min : oldest;
}

static rs_status read_events(builder *b, const rs_graph *graph, size_t relation,
                             const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_edge_stream stream = {0};
    rs_edges run = {0};
    RS_TRY(rsi_edge_stream_open(&stream, graph, relation,
                                RS_SCAN_TIME | (b->in_slices ? 0 : (unsigned)RS_SCAN_AMOUNT), err));
    stream.work = work;
    stream.stage = "ordering events in time";
    RS_TRY(make_arrays(b, &stream, err));
    if (stream.relation.time_min == RS_NO_TIME || graph->as_of == RS_NO_TIME) {
        goto done;
    }
    b->line->base = base_of(graph, &stream.relation);
    do {
        RS_TRY(rsi_edge_stream_next(&stream, &run, err));
        if (!take_run(b, &stream, &run)) {
            status = rsi_edge_stream_changed(&stream, err);
            goto done;
        }
    } while (run.count > 0);
done:
    rsi_edge_stream_close(&stream);
    return status;
}

/* ---- ordering -----------------------------------------------------------------------------------
 */

/* Counts at [i + 2] become places at [i + 1], which end as first[i + 1] once all are taken. */
static void add_up(uint32_t *first, size_t nodes)
{
    for (size_t i = 1; i <= nodes; i++) {
        first[i + 1] += first[i];
    }
}

static void deal_out(rs_timeline *line)
{
    enum { AHEAD = 16 };
    for (size_t i = 0; i < line->count; i++) {
        if (i + AHEAD < line->count) {
            __builtin_prefetch(&line->out_first[line->in[i + AHEAD].event + 1], 1);
        }
        const rs_event *from = &line->in[i];
        rs_event *to = &line->out[line->out_first[from->event + 1]++];
        *to = *from;
        to->node = from->node + line->dst_first;
        to->event = from->event + line->src_first;
    }
}

/* The targets of one thread: it looks at every event and takes those at them. */
typedef struct dealing {
    rs_timeline *line;
    size_t shares;
} dealing;

/* From `out`, so that events of one target and time come by doer. */
static rs_status deal_in(void *context, size_t share, unsigned worker, rs_error *err)
{
    enum { AHEAD = 24, NEAR = 10 };
    const dealing *d = context;
    rs_timeline *line = d->line;
    uint32_t from = (uint32_t)((uint64_t)line->dst_count * share / d->shares);
    uint32_t count = (uint32_t)((uint64_t)line->dst_count * (share + 1) / d->shares) - from;
    uint32_t *first = line->in_first + from + 1; /* the next place of each target */
    (void)worker;
    (void)err;
    from += line->dst_first;
    for (size_t i = 0; i < line->count; i++) {
        if (i + AHEAD < line->count) {
            uint32_t far = line->out[i + AHEAD].node - from;
            uint32_t near = line->out[i + NEAR].node - from;
            if (far < count) {
                __builtin_prefetch(&first[far], 1);
            }
            if (near < count) {
                __builtin_prefetch(&line->in[first[near]], 1);
            }
        }
        const rs_event *event = &line->out[i];
        if (event->node - from < count) {
            rs_event *to = &line->in[first[event->node - from]++];
            *to = *event;
            to->node = event->event;
            to->event = (uint32_t)i;
        }
    }
    return RS_OK;
}

static int compare(const void *left, const void *right)
{
    const rs_event *a = left;
    const rs_event *b = right;
    if (a->time != b->time) {
        return a->time < b->time ? -1 : 1;
    }
    if (a->node != b->node) {
        return a->node < b->node ? -1 : 1;
    }
    if (a->amount != b->amount) {
        return a->amount < b->amount ? -1 : 1;
    }
    return (a->precision_s > b->precision_s) - (a->precision_s < b->precision_s);
}

static uint64_t key(const void *entry)
{
    const rs_event *event = entry;
    return (uint64_t)event->time << 32 | event->node;
}

/* What the threads share: the lists of some nodes of one end. */
typedef struct sorting {
    const uint32_t *first; /* of the first of them on */
    rs_event *events;
    uint32_t nodes;
} sorting;

enum { BLOCK = 1 << 14 };

static rs_status sort_block(void *context, size_t index, unsigned worker, rs_error *err)
{
    rs_status status = RS_OK;
    const sorting *s = context;
    const rsi_entry_order order = {.size = sizeof *s->events, .key = key, .compare = compare};
    (void)worker;
    size_t end = (index + 1) * BLOCK < s->nodes ? (index + 1) * BLOCK : s->nodes;
    for (size_t v = index * BLOCK; v < end; v++) {
        size_t count = s->first[v + 1] - s->first[v];
        RS_TRY(rsi_sort_entries(s->events + (s->first[v] - s->first[0]), count, order, err));
    }
done:
    return status;
}

rs_status rsi_timeline_sort(const uint32_t *first, rs_event *events, uint32_t nodes,
                            const rs_work *work, rs_error *err)
{
    sorting s = {.first = first, .events = events, .nodes = nodes};
    return rsi_parallel(work, ((size_t)nodes + BLOCK - 1) / BLOCK, sort_block, &s, err);
}

static rs_status order_all(rs_timeline *line, const rs_work *work, rs_error *err)
{
    enum { SHARES_MAX = 4 };
    rs_status status = RS_OK;
    unsigned shares = rsi_parallel_workers(work);
    RS_TRY(rsi_graph_array(&line->out, line->count, sizeof *line->out, err));
    deal_out(line);
    RS_TRY(rsi_timeline_sort(line->out_first, line->out, line->src_count, work, err));
    dealing in = {.line = line, .shares = shares < SHARES_MAX ? shares : SHARES_MAX};
    RS_TRY(rsi_parallel(work, in.shares, deal_in, &in, err));
    RS_TRY(rsi_timeline_sort(line->in_first, line->in, line->dst_count, work, err));
done:
    return status;
}

rs_status rs_graph_timeline(const rs_graph *graph, size_t relation, rs_timeline *out,
                            const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    builder b = {.line = out};
    rs_relation_info info = rs_store_relation(graph->store, relation);
    *out = (rs_timeline){0};
    b.in_slices = work != NULL && work->memory_bytes > 0 && work->folder != NULL &&
                  info.edge_count * EVENT_BYTES > work->memory_bytes;
    if (!b.in_slices) {
        RS_TRY(
            rsi_graph_room(work, info.name, "events in time", info.edge_count * EVENT_BYTES, err));
    }
    RS_TRY(read_events(&b, graph, relation, work, err));
    add_up(out->out_first, out->src_count);
    add_up(out->in_first, out->dst_count);
    RS_TRY(b.in_slices ? rsi_timeline_slices(out, graph, relation, work, err)
                       : order_all(out, work, err));
done:
    if (status != RS_OK) {
        rs_timeline_free(out);
    }
    return status;
}

void rs_timeline_free(rs_timeline *timeline)
{
    rsi_timeline_file_free(timeline->file);
    free(timeline->out_first);
    free(timeline->in_first);
    free(timeline->out);
    free(timeline->in);
    *timeline = (rs_timeline){0};
}
