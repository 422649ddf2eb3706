/* unseen.c - the nodes that an earlier as-of time does not know yet.
 *
 * A node that relations name, but only relations later than as_of, is not there: a run as of some
 * day finds what it would have found in a store that held no later relations. Nodes that no
 * relation names at all (described, never seen to act) have no time and are always there.
 *
 * Cost: nothing where as_of is the latest event. Else all relations are read once, those with
 * times by time, and a byte a node is held while the graph is opened.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/try.h"
#include "graph/internal.h"

enum { NAMED = 1, SEEN = 2 };

static bool is_later(const rs_edges *run, size_t edge, int64_t as_of)
{
    return run->time != NULL && run->time[edge] != RS_NO_TIME && run->time[edge] > as_of;
}

/* Dense numbers come from a file: one that is no node's is told by whoever reads the edge for
 * good, and passed over here. */
static void mark(const rs_graph *graph, size_t store_type, uint32_t dense, uint8_t bits,
                 uint8_t *marks)
{
    size_t range = graph->type_range[store_type];
    if (dense < graph->dense_count[range]) {
        marks[graph->dense_first[range] + dense] |= bits;
    }
}

static rs_status mark_relation(const rs_graph *graph, size_t relation, uint8_t *marks,
                               const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rs_scan *scan = NULL;
    rs_edges run = {0};
    uint64_t read = 0;
    rs_relation_info info = rs_store_relation(graph->store, relation);
    RS_TRY(rs_scan_open(&scan, graph->store, relation, RS_SCAN_TIME, err));
    do {
        RS_TRY(rs_scan_next(scan, &run, err));
        for (size_t i = 0; i < run.count; i++) {
            uint8_t bits = is_later(&run, i, graph->as_of) ? NAMED : NAMED | SEEN;
            mark(graph, info.src_type, run.src[i], bits, marks);
            mark(graph, info.dst_type, run.dst[i], bits, marks);
        }
        read += run.count;
        RS_TRY(
            rs_work_report(work, "finding who was there", "relations", read, info.edge_count, err));
    } while (run.count > 0);
done:
    rs_scan_close(scan);
    return status;
}

static bool is_cut(const rs_graph *graph)
{
    for (size_t r = 0; r < rs_store_relation_count(graph->store); r++) {
        int64_t latest = rs_store_relation(graph->store, r).time_max;
        if (latest != RS_NO_TIME && latest > graph->as_of) {
            return true;
        }
    }
    return false;
}

rs_status rsi_graph_unseen(const rs_graph *graph, size_t dense_total, uint8_t **unseen,
                           const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    uint8_t *marks = NULL;
    *unseen = NULL;
    if (!is_cut(graph)) {
        return RS_OK;
    }
    RS_TRY(rsi_graph_array(&marks, dense_total, sizeof *marks, err));
    for (size_t r = 0; r < rs_store_relation_count(graph->store); r++) {
        RS_TRY(mark_relation(graph, r, marks, work, err));
    }
    for (size_t i = 0; i < dense_total; i++) {
        marks[i] = marks[i] == NAMED;
    }
    *unseen = marks;
    marks = NULL; /* moved to the caller */
done:
    free(marks);
    return status;
}
