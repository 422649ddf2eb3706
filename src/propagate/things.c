/* things.c - the risk of devices, cards and addresses from that of their users.
 *
 * Sums are integers, so their order (batches, segments) does not matter.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/expect.h"
#include "base/try.h"
#include "graph/internal.h"
#include "propagate/roots.h"
#include "propagate/things.h"
#include "ringscope/network.h"

static void add_use(const rsi_things *all, const int64_t *risk, uint32_t one, uint32_t other)
{
    uint32_t user = one < other ? one : other; /* subjects come first */
    uint32_t thing = one < other ? other : one;
    if (user >= all->subjects || thing < all->subjects) {
        return;
    }
    uint32_t at = thing - all->subjects;
    int64_t part = risk[user] < 0 ? 0 : risk[user] > RS_RISK_ONE ? RS_RISK_ONE : risk[user];
    if (all->uses[at] < INT32_MAX - 1) { /* 2^31 uses of at most 2^32: the sum stays below 2^63 */
        all->sum[at] += part;
        all->uses[at]++;
    }
}

/* Both ends of a later use come at random. */
RSI_EXPECT void expect_use(const rsi_things *all, const int64_t *risk,
                           const rsi_edge_stream *stream, const rs_edges *run, size_t i)
{
    enum { NODE = 24, RISK = 12 };
    if (i + NODE < run->count) {
        uint32_t one = stream->src.node_of[run->src[i + RISK]];
        uint32_t other = stream->dst.node_of[run->dst[i + RISK]];
        uint32_t thing = one < other ? other : one;
        __builtin_prefetch(&stream->dst.node_of[run->dst[i + NODE]]);
        __builtin_prefetch(&stream->src.node_of[run->src[i + NODE]]);
        __builtin_prefetch(&risk[one < other ? one : other]);
        if (thing >= all->subjects) {
            __builtin_prefetch(&all->sum[thing - all->subjects], 1);
            __builtin_prefetch(&all->uses[thing - all->subjects], 1);
        }
    }
}

static rs_status add_relation(const rs_graph *graph, size_t relation, const int64_t *risk,
                              const rsi_things *all, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_edge_stream stream = {0};
    rs_edges run = {0};
    RS_TRY(rsi_edge_stream_open(&stream, graph, relation, 0, err));
    do {
        RS_TRY(rsi_edge_stream_next(&stream, &run, err));
        for (size_t i = 0; i < run.count; i++) {
            expect_use(all, risk, &stream, &run, i);
            add_use(all, risk, stream.src.node_of[run.src[i]], stream.dst.node_of[run.dst[i]]);
        }
    } while (run.count > 0);
done:
    rsi_edge_stream_close(&stream);
    return status;
}

static bool any_at_risk(const int64_t *risk, uint32_t subjects)
{
    uint32_t v = 0;
    while (v < subjects && risk[v] <= 0) {
        v++;
    }
    return v < subjects;
}

rs_status rsi_things_read(rsi_things *things, const rs_graph *graph, const int64_t *risk,
                          const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t subjects = rs_graph_subject_count(graph);
    uint32_t count = rs_graph_node_count(graph) - subjects;
    *things = (rsi_things){.subjects = subjects,
                           .count = count,
                           .sum = calloc((size_t)count + 1, sizeof *things->sum),
                           .uses = calloc((size_t)count + 1, sizeof *things->uses)};
    if (things->sum == NULL || things->uses == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u things)", count);
    }
    size_t relations =
        any_at_risk(risk, subjects) ? rs_store_relation_count(rs_graph_store(graph)) : 0;
    for (size_t r = 0; r < relations; r++) {
        RS_TRY(rs_work_report(work, "things", "relations", r, relations, err));
        rs_kind kind = rs_store_relation(rs_graph_store(graph), r).kind;
        if (kind == RS_KIND_SHARED || kind == RS_KIND_IDENTITY) {
            RS_TRY(add_relation(graph, r, risk, things, err));
        }
    }
done:
    return status;
}

void rsi_things_settle(const rsi_things *things, double damping, int64_t *risk)
{
    int64_t share = (int64_t)(damping * 65536.0); /* 16 bits are plenty, and the same everywhere */
    for (uint32_t t = 0; t < things->count; t++) {
        int64_t part = things->sum[t] / (things->uses[t] + INT64_C(1));
        int64_t *own = &risk[things->subjects + t];
        part = (int64_t)((rsi_i128)part * share >> 16);
        *own = part > *own ? part : *own;
    }
}

void rsi_things_free(rsi_things *things)
{
    free(things->sum);
    free(things->uses);
    *things = (rsi_things){0};
}

rs_status rs_network_things(const rs_graph *graph, double damping, const rs_work *work,
                            int64_t *risk, rs_error *err)
{
    rsi_things things;
    rs_status status = rsi_things_read(&things, graph, risk, work, err);
    if (status == RS_OK) {
        rsi_things_settle(&things, damping, risk);
    }
    rsi_things_free(&things);
    return status;
}
