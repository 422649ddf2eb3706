/* internal.h - the graph's handle, and one relation's edges as all of its calls read them.
 *
 * Invariant: a node is `range.first + rank`, where rank is its place in its type's order;
 * node_of[dense_first + dense] is the node of a dense number, RS_NO_NODE where as_of does not know
 * it yet (unseen.c); dense_of[node] is the way back.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_GRAPH_INTERNAL_H
#define RSI_GRAPH_INTERNAL_H

#include "ringscope/graph.h"

struct rs_graph {
    const rs_store *store;
    int64_t as_of;
    uint32_t node_count;
    uint32_t subject_count;
    size_t range_count;
    rs_node_range *ranges; /* in order of nodes */
    size_t *range_type;    /* the store type of each range */
    size_t *type_range;    /* the range of each store type */
    size_t *dense_first;   /* of each range: where its part of node_of begins */
    uint32_t *dense_count; /* of each range: dense numbers, unseen ones too */
    uint32_t *node_of;
    uint32_t *dense_of;
};

/* The nodes of a store type. */
static inline const rs_node_range *rsi_graph_type(const rs_graph *graph, size_t store_type)
{
    return &graph->ranges[graph->type_range[store_type]];
}

/* ---- a relation's edges up to as_of, one run after the other ----------------------------------
 */

/* One end of a relation: its nodes, and which node a dense number is. */
typedef struct rsi_end {
    rs_node_range range;
    uint32_t dense_count;    /* as in the store; range.count of them are nodes */
    const uint32_t *node_of; /* by dense number */
} rsi_end;

static inline rsi_end rsi_end_of(const rs_graph *graph, size_t store_type)
{
    size_t range = graph->type_range[store_type];
    return (rsi_end){.range = graph->ranges[range],
                     .dense_count = graph->dense_count[range],
                     .node_of = graph->node_of + graph->dense_first[range]};
}

typedef struct rsi_edge_stream {
    const rs_graph *graph;
    rs_relation_info relation;
    rsi_end src;
    rsi_end dst;
    const rs_work *work;
    const char *stage;
    rs_scan *scan;
    uint64_t seen; /* edges read so far */
    bool cut;      /* some edges may be later than as_of */
    size_t kept_capacity;
    void *kept; /* the columns of a run that was cut */
} rsi_edge_stream;

/* Start reading `relation`; close it on failure too. `columns` as for rs_scan_open. */
RS_MUST_USE rs_status rsi_edge_stream_open(rsi_edge_stream *stream, const rs_graph *graph,
                                           size_t relation, unsigned columns, rs_error *err);
/* The next run, whose edges are all visible and whose ends are all in range; count 0 at the end.
 * Reports progress. */
RS_MUST_USE rs_status rsi_edge_stream_next(rsi_edge_stream *stream, rs_edges *run, rs_error *err);
void rsi_edge_stream_close(rsi_edge_stream *stream);

/* Fail because a second reading of the same edges gave others than the first. */
RS_MUST_USE rs_status rsi_edge_stream_changed(const rsi_edge_stream *stream, rs_error *err);

/* A byte for each of `dense_total` dense numbers, in order of ranges, not 0 where as_of does not
 * know the node yet; NULL where it knows all. Freed by free(). */
RS_MUST_USE rs_status rsi_graph_unseen(const rs_graph *graph, size_t dense_total, uint8_t **unseen,
                                       const rs_work *work, rs_error *err);

/* ---- memory ------------------------------------------------------------------------------------
 */

/* `count` zeroed entries of `size` bytes (one at least); *array stays NULL on failure. */
RS_MUST_USE rs_status rsi_graph_array(void *array, size_t count, size_t size, rs_error *err);
/* RS_EUSAGE where `bytes` are more than the call may use; `what` is needed, in the plural. */
RS_MUST_USE rs_status rsi_graph_room(const rs_work *work, const char *relation, const char *what,
                                     uint64_t bytes, rs_error *err);

#endif
