/* near.h - the part of a graph around one node: what a push from it touched.
 *
 * Invariant: entries stand in the order in which they were first touched, entry 0 is the node
 * itself; the table only finds them, so that its layout shows in no result.
 * A row is asked of the view once, when its node is pushed first; from then on it stands here, its
 * ends as entries.
 * Memory: about 100 bytes a touched node, 16 a link of a pushed one.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_PROPAGATE_NEAR_H
#define RSI_PROPAGATE_NEAR_H

#include <stdbool.h>
#include <stdint.h>

#include "propagate/roots.h"
#include "propagate/view.h"

typedef struct rsi_near_node {
    uint32_t node;
    bool opened;       /* its row is here, and with it risk and seed */
    uint8_t expected;  /* how often its row was announced */
    uint8_t hops;      /* for paths.c: fewest links of a way found so far */
    uint8_t bits;      /* |risk| < 2^bits, and at least half of that where it is not 0 */
    uint64_t estimate; /* g, units of 2^-unit_bits of the push */
    uint64_t residual; /* r, the same */
    uint64_t promise;  /* for paths.c */
    int64_t risk;
    int64_t seed;
    size_t row_first; /* in rows */
    uint32_t row_count;
    uint32_t place; /* in the heap of explain.c; UINT32_MAX: not in it */
} rsi_near_node;

typedef struct rsi_near_row {
    uint32_t entry;
    uint64_t link; /* damping * S, in units of 2^-62, below 2^62 */
} rsi_near_row;

typedef struct rsi_near {
    const rsi_view *view;
    rsi_near_node *nodes;
    uint32_t count;
    uint32_t capacity;
    rsi_near_row *rows;
    size_t row_count;
    size_t row_capacity;
    uint32_t *table; /* 1 + entry, 0 for none; twice as many places as capacity, a power of 2 */
} rsi_near;

/* The entry of `node`, made where it is new, with the bits of its risk. RS_ENOMEM. Entries may
 * move. */
RS_MUST_USE rs_status rsi_near_touch(rsi_near *near, uint32_t node, uint8_t bits, uint32_t *entry,
                                     rs_error *err);
/* The entry of `node` or UINT32_MAX. */
uint32_t rsi_near_find(const rsi_near *near, uint32_t node);
/* Bring the row of an entry here, touching its ends. RS_ENOMEM and the view's. */
RS_MUST_USE rs_status rsi_near_open(rsi_near *near, uint32_t entry, rs_error *err);
void rsi_near_free(rsi_near *near);

/* The best paths from seeds to entry 0 among the entries that were pushed (estimate > 0). */
RS_MUST_USE rs_status rsi_near_paths(rsi_near *near, rs_explanation *out, rs_error *err);

#endif
