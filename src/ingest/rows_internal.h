/* rows_internal.h - what the two ways of reading a row share: by cells (rows.c), and by the offsets
 * of a plain line (rows_line.c).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_INGEST_ROWS_INTERNAL_H
#define RSI_INGEST_ROWS_INTERNAL_H

#include "base/timestamp.h"
#include "ingest/rows.h"
#include "ingest/settled.h"

/* A rule of the short way: where its fields stand in a line. RSI_NO_FIELD: the rule reads none. */
typedef struct rsi_line_rule {
    size_t src;
    size_t dst;
    size_t time;
    size_t amount;
    size_t key;
    size_t parts[RSI_SETTLED_PARTS]; /* the cells that settle the relation */
    uint8_t decimals;
    rsi_time_unit unit;
    const rsi_settled_table *table;
    rs_text *cells; /* room for a look-up under several */
} rsi_line_rule;

#define RSI_NO_FIELD SIZE_MAX

enum { RSI_LINES_AT_ONCE = 32 };

struct rsi_rower {
    rsi_line_rule *line_rules; /* one a relation rule */
    rsi_edge_row *line_edges;  /* of RSI_LINES_AT_ONCE lines */
    rs_text *cells;            /* by slot; for the rules above */
    const rsi_source *source;
    const rsi_registry *registry;
    int64_t time_max;
    rsi_settled_table *relation_caches;
    rsi_settled_table *node_caches;
    rsi_edge_row *edges;
    uint32_t (*edge_types)[2];
    rsi_node_row *nodes;
    rsi_value_row *values;
};

#endif
