/* trace_internal.h - the trace in the making, and the sections that its end brings.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_REPORT_TRACE_INTERNAL_H
#define RSI_REPORT_TRACE_INTERNAL_H

#include "report/trace.h"

struct rsi_trace {
    const rs_graph *graph;
    rs_work work;    /* its threads */
    rsi_making made; /* the run that both files are to be part of */
    rsi_run_inputs inputs;
    rsi_file_ref refs[2];
    rsi_pages_writer *network;
    rsi_pages_writer *counts;
    uint64_t identity;
    rs_spread_options options;
    uint8_t *met;    /* by node: an explanation may name it */
    rsi_buffer page; /* in the making */
    /* What counts use, beside the network. */
    rsi_buffer counts_page;
    rsi_buffer values;
    rsi_buffer names_of_columns; /* of each [ decimals u8 ][ name, NUL ] */
    uint32_t column_count;
};

/* Behind what is in `page`: `count` values of `width` bits side by side. */
RS_MUST_USE rs_status rsi_trace_pack(rsi_buffer *page, const uint64_t *values, size_t count,
                                     unsigned width, rs_error *err);
unsigned rsi_trace_width(const uint64_t *values, size_t count);
RS_MUST_USE rs_status rsi_trace_put_network(rsi_trace *trace, const rs_adjacency *adjacency,
                                            const int64_t *seed, const int64_t *risk,
                                            const rs_evidence *evidence, rs_error *err);
RS_MUST_USE rs_status rsi_trace_put_meta(rsi_trace *trace, const rs_findings *findings,
                                         rs_error *err);
RS_MUST_USE rs_status rsi_trace_put_names(rsi_trace *trace, const rs_findings *findings,
                                          rs_error *err);
RS_MUST_USE rs_status rsi_trace_put_rings(rsi_trace *trace, const rsi_trace_end *end,
                                          rs_error *err);
RS_MUST_USE rs_status rsi_trace_put_list(rsi_trace *trace, uint32_t section, const rs_list *list,
                                         rs_error *err);
RS_MUST_USE rs_status rsi_trace_put_users(rsi_trace *trace, const rsi_trace_end *end,
                                          rs_error *err);
/* What a page of rings is found by. */
uint64_t rsi_trace_ring_key(const char *id);
/* Whether risks.csv has a line for the node. */
static inline bool rsi_trace_has_line(const rsi_trace *trace, const rs_findings *findings,
                                      uint32_t node)
{
    return node < rs_graph_subject_count(trace->graph) || findings->nodes[node].risk > 0;
}

#endif
