/* timeline.h - what the two ways of putting a timeline in order share: all at once (timeline.c), or
 * as many nodes at a time as fit (slices.c).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_GRAPH_TIMELINE_H
#define RSI_GRAPH_TIMELINE_H

#include "graph/internal.h"

/* Whether edge i of the run is of a node with itself. */
static inline bool rsi_timeline_is_loop(const rsi_edge_stream *stream, const rs_edges *run,
                                        size_t i)
{
    return stream->relation.src_type == stream->relation.dst_type && run->src[i] == run->dst[i];
}

/* Whether edge i of the run is an event of the timeline. */
static inline bool rsi_timeline_takes(const rs_timeline *line, const rsi_edge_stream *stream,
                                      const rs_edges *run, size_t i)
{
    return run->time != NULL && run->time[i] != RS_NO_TIME && run->time[i] >= line->base &&
           !rsi_timeline_is_loop(stream, run, i);
}

/* That event; `event` is the rank of its doer, `node` that of its target. */
static inline rs_event rsi_timeline_event(const rs_timeline *line, const rsi_edge_stream *stream,
                                          const rs_edges *run, size_t i)
{
    return (rs_event){.node = stream->dst.node_of[run->dst[i]] - line->dst_first,
                      .event = stream->src.node_of[run->src[i]] - line->src_first,
                      .time = (uint32_t)(run->time[i] - line->base),
                      .precision_s = run->precision_s == NULL ? 1 : run->precision_s[i],
                      .amount = run->amount == NULL ? RS_NO_AMOUNT : run->amount[i]};
}

/* Put the lists of so many nodes in order. `first` and `events` begin with the first of them. */
RS_MUST_USE rs_status rsi_timeline_sort(const uint32_t *first, rs_event *events, uint32_t nodes,
                                        const rs_work *work, rs_error *err);

/* Put a timeline whose events are counted into a file. first[i + 1] is where the events of i begin;
 * where they end once it is done. `work` has a budget and a folder. RS_EUSAGE where the budget is
 * less than the longest list takes. */
RS_MUST_USE rs_status rsi_timeline_slices(rs_timeline *line, const rs_graph *graph, size_t relation,
                                          const rs_work *work, rs_error *err);
void rsi_timeline_file_free(struct rs_timeline_file *file); /* NULL is nothing */

#endif
