/* lookup.h - many ids -> their nodes, at once.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_PROPAGATE_LOOKUP_H
#define RSI_PROPAGATE_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

#include "ringscope/graph.h"

typedef struct rsi_lookup_id {
    size_t offset; /* in `bytes` */
    uint32_t length;
    uint32_t type; /* of the store */
} rsi_lookup_id;

/* { 0 } is empty. An id's number is how many were added before it. */
typedef struct rsi_lookup {
    rsi_lookup_id *ids;
    size_t count;
    size_t capacity;
    char *bytes;
    size_t byte_count;
    size_t byte_capacity;
} rsi_lookup;

/* Add an id (copied) of a type of the store. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_lookup_add(rsi_lookup *lookup, size_t type, rs_text id, rs_error *err);
/* nodes[i] is the node of id i or RS_NO_NODE. RS_ENOMEM and the store's. */
RS_MUST_USE rs_status rsi_lookup_run(const rsi_lookup *lookup, const rs_graph *graph,
                                     uint32_t *nodes, rs_error *err);
void rsi_lookup_free(rsi_lookup *lookup);

#endif
