/* trace_open.h - a trace that is open.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_REPORT_TRACE_OPEN_H
#define RSI_REPORT_TRACE_OPEN_H

#include "report/trace.h"

struct rsi_traced {
    rsi_pages *network;
    rsi_pages *counts;
    rsi_view view;
    rs_spread_options options;
    uint32_t node_count;
    uint32_t subject_count;
    char *names; /* of types, and labels and names of relations */
    rs_node_range *ranges;
    size_t *id_first; /* of each range: its first page of ids */
    size_t range_count;
    rsi_traced_relation *relations;
    size_t relation_count;
    char *column_names; /* as in the file */
    uint32_t column_count;
    uint32_t *to; /* the row at hand */
    uint32_t *weight;
    size_t row_room;
};

void rsi_traced_set_view(rsi_traced *traced);
/* The range that a node is in. */
size_t rsi_traced_range(const rsi_traced *traced, uint32_t node);

#endif
