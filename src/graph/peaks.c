/* peaks.c - the busiest day and the largest amount of each subject in one relation.
 *
 * Edges become records (subject << 32 | day, amount), radix sorted, and added up by day. One end
 * after the other, so that one set of records is in memory at a time.
 *
 * Cost: a reading for each end, O(1) an edge; 16 bytes an edge, twice while they are sorted.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/sort.h"
#include "base/try.h"
#include "graph/internal.h"

enum { DAY_S = 86400 };
#define DAY_NONE UINT32_MAX

/* The peaks of one end. */
typedef struct side {
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

static rs_status read_edges(const rs_graph *graph, size_t relation, bool at_src,
                            const rs_work *work, rsi_record **out, size_t *count, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_edge_stream stream = {0};
    rs_edges run = {0};
    rsi_record *records = NULL;
    size_t used = 0;
    rs_relation_info info = rs_store_relation(graph->store, relation);
    RS_TRY(rsi_graph_array(&records, info.edge_count, sizeof *records, err));
    RS_TRY(rsi_edge_stream_open(&stream, graph, relation, RS_SCAN_TIME | RS_SCAN_AMOUNT, err));
    stream.work = work;
    stream.stage = "finding busiest days";
    do {
        RS_TRY(rsi_edge_stream_next(&stream, &run, err));
        for (size_t i = 0; i < run.count && used < info.edge_count; i++) {
            if (info.src_type == info.dst_type && run.src[i] == run.dst[i]) {
                continue;
            }
            uint32_t node =
                at_src ? stream.src.node_of[run.src[i]] : stream.dst.node_of[run.dst[i]];
            bool timed = run.time != NULL && run.time[i] != RS_NO_TIME;
            bool paid = run.amount != NULL && run.amount[i] > 0; /* RS_NO_AMOUNT is below 0 */
            if (!timed && !paid) {
                continue;
            }
            records[used++] =
                (rsi_record){.key = (uint64_t)node << 32 | (timed ? day_of(run.time[i]) : DAY_NONE),
                             .value = paid ? (uint64_t)run.amount[i] : 0};
        }
    } while (run.count > 0);
    *out = records;
    *count = used;
    records = NULL; /* moved to the caller */
done:
    rsi_edge_stream_close(&stream);
    free(records);
    return status;
}

static int64_t add_clamped(int64_t sum, uint64_t more)
{
    return more > (uint64_t)(INT64_MAX - sum) ? INT64_MAX : sum + (int64_t)more;
}

/* `records` ascend by (subject, day). */
static void find_peaks(const rsi_record *records, size_t count, const side *out)
{
    for (size_t i = 0, end; i < count; i = end) {
        uint32_t node = (uint32_t)(records[i].key >> 32);
        int64_t sum = 0;
        for (end = i; end < count && records[end].key == records[i].key; end++) {
            int64_t amount = (int64_t)records[end].value;
            sum = add_clamped(sum, records[end].value);
            if (out->amount != NULL && amount > out->amount[node]) {
                out->amount[node] = amount;
            }
        }
        if ((uint32_t)records[i].key == DAY_NONE) {
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

static rs_status peaks_of_side(const rs_graph *graph, size_t relation, bool at_src, side *out,
                               const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_record *records = NULL;
    size_t count = 0;
    rs_relation_info info = rs_store_relation(graph->store, relation);
    uint32_t subjects = graph->subject_count;
    bool timed = info.time_min != RS_NO_TIME;
    RS_TRY(read_edges(graph, relation, at_src, work, &records, &count, err));
    bool paid = false;
    for (size_t i = 0; i < count && !paid; i++) {
        paid = records[i].value > 0;
    }
    if (timed) {
        RS_TRY(rsi_graph_array(&out->day_edges, subjects, sizeof *out->day_edges, err));
    }
    if (paid) {
        RS_TRY(rsi_graph_array(&out->amount, subjects, sizeof *out->amount, err));
    }
    if (timed && paid) {
        RS_TRY(rsi_graph_array(&out->day_amount, subjects, sizeof *out->day_amount, err));
    }
    RS_TRY(rsi_sort_records(records, count, NULL, err));
    find_peaks(records, count, out);
done:
    free(records);
    return status;
}

static void free_side(const side *peaks)
{
    free(peaks->day_edges);
    free(peaks->amount);
    free(peaks->day_amount);
}

rs_status rs_graph_peaks(const rs_graph *graph, size_t relation, rs_peaks *out, const rs_work *work,
                         rs_error *err)
{
    rs_status status = RS_OK;
    rs_relation_info info = rs_store_relation(graph->store, relation);
    side src = {0};
    side dst = {0};
    if (rs_store_type(graph->store, info.src_type).subject) {
        RS_TRY(peaks_of_side(graph, relation, true, &src, work, err));
    }
    if (rs_store_type(graph->store, info.dst_type).subject) {
        RS_TRY(peaks_of_side(graph, relation, false, &dst, work, err));
    }
    *out = (rs_peaks){.count = graph->subject_count,
                      .src_day_edges = src.day_edges,
                      .dst_day_edges = dst.day_edges,
                      .src_amount = src.amount,
                      .dst_amount = dst.amount,
                      .src_day_amount = src.day_amount,
                      .dst_day_amount = dst.day_amount};
    src = (side){0}; /* moved to the caller */
    dst = (side){0};
done:
    free_side(&src);
    free_side(&dst);
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
