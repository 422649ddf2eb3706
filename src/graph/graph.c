/* graph.c - open a store's snapshot as one numbering of nodes, and look into it.
 *
 * Invariant: ranges ascend and touch; subjects' come first. Types are ordered side by side, each
 * into its own part of the two arrays, so that threads never write the same place.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ringscope/graph.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/parallel.h"
#include "base/try.h"
#include "graph/internal.h"
#include "graph/order.h"

static void add_range(rs_graph *graph, size_t type, const rs_type_info *info, bool subject)
{
    size_t range = graph->range_count++;
    graph->ranges[range] = (rs_node_range){.type = info->name, .subject = subject};
    graph->range_type[range] = type;
    graph->type_range[type] = range;
    graph->dense_count[range] = info->node_count;
    graph->dense_first[range + 1] = graph->dense_first[range] + info->node_count;
}

/* Give each range the nodes that are there at as_of. */
static void number_ranges(rs_graph *graph, const uint8_t *unseen)
{
    for (size_t r = 0; r < graph->range_count; r++) {
        rs_node_range *range = &graph->ranges[r];
        range->first = graph->node_count;
        range->count = graph->dense_count[r];
        for (size_t i = graph->dense_first[r]; unseen != NULL && i < graph->dense_first[r + 1];
             i++) {
            range->count -= unseen[i];
        }
        graph->node_count += range->count;
        graph->subject_count += range->subject ? range->count : 0;
    }
}

static rs_status check_node_count(const rs_store *store, rs_error *err)
{
    uint64_t total = 0;
    for (size_t type = 0; type < rs_store_type_count(store); type++) {
        total += rs_store_type(store, type).node_count;
    }
    if (total >= RS_NO_NODE) {
        return rs_fail(err, RS_ENOMEM,
                       "the store has %" PRIu64 " nodes; a run can number %" PRIu32
                       " of all types together",
                       total, RS_NO_NODE - 1);
    }
    return RS_OK;
}

/* Store types stand in byte order of their names already. */
static rs_status lay_out_ranges(rs_graph *graph, rs_error *err)
{
    rs_status status = RS_OK;
    size_t types = rs_store_type_count(graph->store);
    RS_TRY(check_node_count(graph->store, err));
    RS_TRY(rsi_graph_array(&graph->ranges, types, sizeof *graph->ranges, err));
    RS_TRY(rsi_graph_array(&graph->range_type, types, sizeof *graph->range_type, err));
    RS_TRY(rsi_graph_array(&graph->type_range, types, sizeof *graph->type_range, err));
    RS_TRY(rsi_graph_array(&graph->dense_first, types + 1, sizeof *graph->dense_first, err));
    RS_TRY(rsi_graph_array(&graph->dense_count, types, sizeof *graph->dense_count, err));
    for (int things = 0; things < 2; things++) {
        for (size_t type = 0; type < types; type++) {
            rs_type_info info = rs_store_type(graph->store, type);
            if (info.subject == (things == 0)) {
                add_range(graph, type, &info, things == 0);
            }
        }
    }
done:
    return status;
}

static int64_t latest_event(const rs_store *store)
{
    int64_t latest = RS_NO_TIME; /* the smallest there is */
    for (size_t relation = 0; relation < rs_store_relation_count(store); relation++) {
        int64_t time = rs_store_relation(store, relation).time_max;
        latest = time > latest ? time : latest;
    }
    return latest;
}

typedef struct order_task {
    const rs_graph *graph;
    rsi_order_work shared;
} order_task;

static rs_status order_range(void *context, size_t range, unsigned worker, rs_error *err)
{
    order_task *task = context;
    return rsi_order_type(task->graph, range, &task->shared, worker == 0, err);
}

rs_status rs_graph_open(rs_graph **out, const rs_store *store, const rs_graph_options *options,
                        const rs_work *work, rs_error *err)
{
    static const rs_graph_options defaults = RS_GRAPH_DEFAULTS;
    rs_status status = RS_OK;
    rs_graph *graph = NULL;
    uint8_t *unseen = NULL;
    int64_t as_of = (options == NULL ? &defaults : options)->as_of;
    RS_TRY(rsi_graph_array(&graph, 1, sizeof *graph, err));
    graph->store = store;
    graph->as_of = as_of == RS_NO_TIME ? latest_event(store) : as_of;
    RS_TRY(lay_out_ranges(graph, err));
    size_t dense_total = graph->dense_first[graph->range_count];
    RS_TRY(rsi_graph_unseen(graph, dense_total, &unseen, work, err));
    number_ranges(graph, unseen);
    RS_TRY(rsi_graph_array(&graph->node_of, dense_total, sizeof *graph->node_of, err));
    RS_TRY(rsi_graph_array(&graph->dense_of, graph->node_count, sizeof *graph->dense_of, err));
    order_task task = {.graph = graph,
                       .shared = {.work = work, .node_total = graph->node_count, .unseen = unseen}};
    RS_TRY(rsi_parallel(work, graph->range_count, order_range, &task, err));
    /* Of several threads the calling one may have had nothing to do, and not have asked. */
    RS_TRY(
        rs_work_report(work, "ordering nodes", "nodes", graph->node_count, graph->node_count, err));
    *out = graph;
    graph = NULL; /* moved to the caller */
done:
    free(unseen);
    rs_graph_close(graph);
    return status;
}

void rs_graph_close(rs_graph *graph)
{
    if (graph == NULL) {
        return;
    }
    free(graph->dense_of);
    free(graph->node_of);
    free(graph->dense_first);
    free(graph->dense_count);
    free(graph->type_range);
    free(graph->range_type);
    free(graph->ranges);
    free(graph);
}

const rs_store *rs_graph_store(const rs_graph *graph)
{
    return graph->store;
}

int64_t rs_graph_as_of(const rs_graph *graph)
{
    return graph->as_of;
}

uint32_t rs_graph_node_count(const rs_graph *graph)
{
    return graph->node_count;
}

uint32_t rs_graph_subject_count(const rs_graph *graph)
{
    return graph->subject_count;
}

size_t rs_graph_range_count(const rs_graph *graph)
{
    return graph->range_count;
}

rs_node_range rs_graph_range(const rs_graph *graph, size_t range)
{
    return graph->ranges[range];
}

rs_node_range rs_graph_range_of(const rs_graph *graph, uint32_t node)
{
    size_t low = 0;
    size_t high = graph->range_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        *(graph->ranges[middle].first <= node ? &low : &high) = middle;
    }
    return graph->ranges[low];
}

uint32_t rs_graph_node(const rs_graph *graph, size_t store_type, uint32_t dense)
{
    return graph->node_of[graph->dense_first[graph->type_range[store_type]] + dense];
}

uint32_t rs_graph_dense(const rs_graph *graph, uint32_t node)
{
    return graph->dense_of[node];
}

rs_status rs_graph_find(const rs_graph *graph, const char *type, rs_text id, uint32_t *node,
                        rs_error *err)
{
    size_t store_type = rs_store_type_named(graph->store, type);
    uint32_t dense = RS_NO_NODE;
    rs_status status = RS_OK;
    *node = RS_NO_NODE;
    if (store_type == SIZE_MAX) {
        goto done;
    }
    RS_TRY(rs_store_find(graph->store, store_type, id, &dense, err));
    if (dense != RS_NO_NODE) {
        *node = rs_graph_node(graph, store_type, dense);
    }
done:
    return status;
}
