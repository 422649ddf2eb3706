/* stream.c - one relation's edges up to as_of, checked against the node counts.
 *
 * Where the manifest says that no edge is later than as_of, runs are lent as the store lends them
 * and the time column is not even decoded; otherwise what is visible is copied together, run by
 * run.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "graph/internal.h"

rs_status rsi_edge_stream_open(rsi_edge_stream *stream, const rs_graph *graph, size_t relation,
                               unsigned columns, rs_error *err)
{
    rs_relation_info info = rs_store_relation(graph->store, relation);
    bool cut =
        graph->as_of != RS_NO_TIME && info.time_max != RS_NO_TIME && info.time_max > graph->as_of;
    *stream = (rsi_edge_stream){.graph = graph,
                                .relation = info,
                                .src = rsi_end_of(graph, info.src_type),
                                .dst = rsi_end_of(graph, info.dst_type),
                                .stage = "reading relations",
                                .cut = cut};
    return rs_scan_open(&stream->scan, graph->store, relation,
                        columns | (cut ? (unsigned)RS_SCAN_TIME : 0), err);
}

void rsi_edge_stream_close(rsi_edge_stream *stream)
{
    rs_scan_close(stream->scan);
    free(stream->kept);
    stream->scan = NULL;
    stream->kept = NULL;
}

rs_status rsi_edge_stream_changed(const rsi_edge_stream *stream, rs_error *err)
{
    return rs_fail(
        err, RS_ECORRUPT,
        "relation \"%s\" changed between two readings; the store must not be written over",
        stream->relation.name);
}

static uint32_t largest(const uint32_t *numbers, size_t count)
{
    uint32_t most = 0;
    for (size_t i = 0; i < count; i++) {
        most = numbers[i] > most ? numbers[i] : most;
    }
    return most;
}

static rs_status check_end(const rsi_edge_stream *stream, const rsi_end *end,
                           const uint32_t *numbers, size_t count, rs_error *err)
{
    uint32_t most = largest(numbers, count);
    if (most >= end->dense_count) {
        return rs_fail(err, RS_ECORRUPT,
                       "relation \"%s\" names node %" PRIu32 " of type \"%s\", which has %" PRIu32,
                       stream->relation.name, most, end->range.type, end->dense_count);
    }
    return RS_OK;
}

/* One block with room for the columns of `count` edges. */
static rs_status make_room(rsi_edge_stream *stream, size_t count, rs_error *err)
{
    enum { EDGE_BYTES = 2 * sizeof(int64_t) + 3 * sizeof(uint32_t) };
    if (count <= stream->kept_capacity) {
        return RS_OK;
    }
    free(stream->kept);
    stream->kept = NULL;
    stream->kept_capacity = 0;
    rs_status status = rsi_graph_array(&stream->kept, count, EDGE_BYTES, err);
    stream->kept_capacity = status == RS_OK ? count : 0;
    return status;
}

/* Replace `run` by its edges that are not later than as_of. */
static rs_status cut_run(rsi_edge_stream *stream, rs_edges *run, rs_error *err)
{
    rs_status status = make_room(stream, run->count, err);
    if (status != RS_OK || run->time == NULL) {
        return status;
    }
    int64_t *time = stream->kept;
    int64_t *amount = time + stream->kept_capacity;
    uint32_t *src = (uint32_t *)(amount + stream->kept_capacity);
    uint32_t *dst = src + stream->kept_capacity;
    uint32_t *precision_s = dst + stream->kept_capacity;
    size_t kept = 0;
    for (size_t i = 0; i < run->count; i++) {
        if (run->time[i] > stream->graph->as_of) {
            continue;
        }
        src[kept] = run->src[i];
        dst[kept] = run->dst[i];
        time[kept] = run->time[i];
        amount[kept] = run->amount == NULL ? RS_NO_AMOUNT : run->amount[i];
        precision_s[kept] = run->precision_s == NULL ? 1 : run->precision_s[i];
        kept++;
    }
    *run = (rs_edges){.count = kept,
                      .src = src,
                      .dst = dst,
                      .time = time,
                      .amount = run->amount == NULL ? NULL : amount,
                      .precision_s = run->precision_s == NULL ? NULL : precision_s,
                      .batch = run->batch};
    return RS_OK;
}

rs_status rsi_edge_stream_next(rsi_edge_stream *stream, rs_edges *run, rs_error *err)
{
    rs_status status = RS_OK;
    bool end = false;
    do {
        RS_TRY(rs_scan_next(stream->scan, run, err));
        end = run->count == 0;
        stream->seen += run->count;
        RS_TRY(rs_work_report(stream->work, stream->stage, "edges", stream->seen,
                              stream->relation.edge_count, err));
        if (end) {
            break;
        }
        RS_TRY(check_end(stream, &stream->src, run->src, run->count, err));
        RS_TRY(check_end(stream, &stream->dst, run->dst, run->count, err));
        if (stream->cut) {
            RS_TRY(cut_run(stream, run, err));
        }
    } while (run->count == 0);
done:
    return status;
}
