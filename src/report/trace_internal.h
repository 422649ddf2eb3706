/* trace_internal.h - the trace in the making, and the sections that its end brings.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_REPORT_TRACE_INTERNAL_H
#define RSI_REPORT_TRACE_INTERNAL_H

#include "report/trace.h"

struct rsi_trace {
    const rs_graph *graph;
    rsi_making made; /* the run that both files are to be part of */
    rsi_file_ref refs[2];
    rsi_pages_writer *network;
    rsi_pages_writer *counts;
    rs_spread_options options;
    rsi_buffer page;             /* of rows, in the making */
    rsi_buffer names_of_columns; /* of each [ decimals u8 ][ name, NUL ] */
    uint32_t column_count;
    uint64_t *sorted; /* scratch, a number a subject */
};

RS_MUST_USE rs_status rsi_trace_put_meta(rsi_trace *trace, rs_error *err);
RS_MUST_USE rs_status rsi_trace_put_ids(rsi_trace *trace, rs_error *err);
RS_MUST_USE rs_status rsi_trace_put_findings(rsi_trace *trace, const rsi_trace_end *end,
                                             rs_error *err);
RS_MUST_USE rs_status rsi_trace_put_links(rsi_trace *trace, const rs_evidence *evidence,
                                          rs_error *err);
RS_MUST_USE rs_status rsi_trace_put_rings(rsi_trace *trace, const rsi_trace_end *end,
                                          rs_error *err);
RS_MUST_USE rs_status rsi_trace_put_list(rsi_trace *trace, uint32_t section, const rs_list *list,
                                         rs_error *err);
RS_MUST_USE rs_status rsi_trace_put_sides(rsi_trace *trace, const rs_work *work, rs_error *err);
RS_MUST_USE rs_status rsi_trace_put_users(rsi_trace *trace, const int64_t *risk,
                                          const rs_work *work, rs_error *err);

#endif
