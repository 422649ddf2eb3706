/* edgetable.h - the edges of one relation that a batch holds in memory, as records by part.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_EDGETABLE_H
#define RSI_STORE_EDGETABLE_H

#include "store/edgepack.h"

typedef struct rsi_edge_table {
    rsi_edge_parts parts;
    rsi_record_layout layout;
    int64_t time_min; /* min > max: no edge has a time */
    int64_t time_max;
    uint32_t *records; /* part after part, in no order within one */
} rsi_edge_table;

/* From the relation's chunks, which hold dense numbers and are freed; rows that were dropped are
 * left out. With `keys` records keep their event's key as a fifth extra word. */
RS_MUST_USE rs_status rsi_edge_table_make(rsi_edge_table *table, rsi_batch *batch,
                                          rsi_batch_relation_state *relation, bool keys,
                                          rs_error *err);
void rsi_edge_table_free(rsi_edge_table *table);

#endif
