/* things.c - the risk of devices, cards and addresses from that of their users.
 *
 * Sums are integers, so their order (batches, segments) does not matter.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/try.h"
#include "graph/internal.h"
#include "propagate/roots.h"
#include "ringscope/network.h"

/* Sum and number of uses by thing; entry 0 is the first node that is no subject. */
typedef struct uses {
    uint32_t subjects;
    int64_t *sum;
    uint32_t *count;
} uses;

static void add_use(const uses *all, const int64_t *risk, uint32_t one, uint32_t other)
{
    uint32_t user = one < other ? one : other; /* subjects come first */
    uint32_t thing = one < other ? other : one;
    if (user >= all->subjects || thing < all->subjects) {
        return;
    }
    uint32_t at = thing - all->subjects;
    int64_t part = risk[user] < 0 ? 0 : risk[user] > RS_RISK_ONE ? RS_RISK_ONE : risk[user];
    if (all->count[at] < INT32_MAX - 1) { /* 2^31 uses of at most 2^32: the sum stays below 2^63 */
        all->sum[at] += part;
        all->count[at]++;
    }
}

static rs_status add_relation(const rs_graph *graph, size_t relation, const int64_t *risk,
                              const uses *all, rs_error *err)
{
    enum { NODE = 24, RISK = 12 };
    rs_status status = RS_OK;
    rsi_edge_stream stream = {0};
    rs_edges run = {0};
    RS_TRY(rsi_edge_stream_open(&stream, graph, relation, 0, err));
    do {
        RS_TRY(rsi_edge_stream_next(&stream, &run, err));
        for (size_t i = 0; i < run.count; i++) {
            if (i + NODE < run.count) {
                uint32_t node = stream.dst.node_of[run.dst[i + RISK]];
                __builtin_prefetch(&stream.dst.node_of[run.dst[i + NODE]]);
                if (node >= all->subjects) {
                    __builtin_prefetch(&all->sum[node - all->subjects], 1);
                    __builtin_prefetch(&all->count[node - all->subjects], 1);
                }
            }
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

rs_status rs_network_things(const rs_graph *graph, double damping, const rs_work *work,
                            int64_t *risk, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t subjects = rs_graph_subject_count(graph);
    uint32_t things = rs_graph_node_count(graph) - subjects;
    int64_t share = (int64_t)(damping * 65536.0); /* 16 bits are plenty, and the same everywhere */
    uses all = {.subjects = subjects,
                .sum = calloc((size_t)things + 1, sizeof *all.sum),
                .count = calloc((size_t)things + 1, sizeof *all.count)};
    if (all.sum == NULL || all.count == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u things)", things);
        goto done;
    }
    size_t relations =
        any_at_risk(risk, subjects) ? rs_store_relation_count(rs_graph_store(graph)) : 0;
    for (size_t r = 0; r < relations; r++) {
        RS_TRY(rs_work_report(work, "things", "relations", r, relations, err));
        rs_kind kind = rs_store_relation(rs_graph_store(graph), r).kind;
        if (kind == RS_KIND_SHARED || kind == RS_KIND_IDENTITY) {
            RS_TRY(add_relation(graph, r, risk, &all, err));
        }
    }
    for (uint32_t t = 0; t < things; t++) {
        int64_t part = all.count[t] > 0 ? all.sum[t] / (all.count[t] + INT64_C(1)) : 0;
        part = (int64_t)((rsi_i128)part * share >> 16);
        risk[subjects + t] = part > risk[subjects + t] ? part : risk[subjects + t];
    }
done:
    free(all.sum);
    free(all.count);
    return status;
}
