/* trace_open.h - a trace that is open.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_REPORT_TRACE_OPEN_H
#define RSI_REPORT_TRACE_OPEN_H

#include "report/trace.h"

/* A line of risks.csv. */
typedef struct rsi_traced_line {
    uint32_t node;
    rs_text id; /* in the piece's bytes */
    rs_risk_line risks;
} rsi_traced_line;

/* The nodes of a piece that have a line. */
typedef struct rsi_traced_piece {
    size_t number; /* + 1; 0: none yet */
    char *bytes;
    size_t room;
    size_t count;
    rsi_traced_line lines[RSI_RISKS_PIECE];
} rsi_traced_piece;

typedef struct rsi_traced_range {
    rs_node_range nodes;
    uint32_t lines; /* in risks.csv */
} rsi_traced_range;

struct rsi_traced {
    rsi_pages *network;
    rsi_pages *counts;
    int risks;
    uint64_t identity;
    rsi_traced_piece piece; /* the one at hand */
    rsi_view view;
    rs_spread_options options;
    uint32_t node_count;
    uint32_t subject_count;
    char *names; /* of types, and labels and names of relations */
    rsi_traced_range *ranges;
    size_t range_count;
    rsi_traced_relation *relations;
    size_t relation_count;
    char *column_names; /* as in the file */
    uint32_t column_count;
    /* The row at hand. */
    uint32_t to[RSI_KEPT_LINKS];
    uint64_t link[RSI_KEPT_LINKS];
    uint8_t bits[RSI_KEPT_LINKS];
};

void rsi_traced_set_view(rsi_traced *traced);
/* The range that a node is in. */
size_t rsi_traced_range_of(const rsi_traced *traced, uint32_t node);
/* The line of a node; *line NULL where it has none. Lent until the next call. */
RS_MUST_USE rs_status rsi_traced_line_of(rsi_traced *traced, uint32_t node,
                                         const rsi_traced_line **line, rs_error *err);

#endif
