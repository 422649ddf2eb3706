/* compact_sort.h - edges in any order in, edges in the store's order out, in bounded memory.
 *
 * Order    (src, dst, time, amount, precision, file, line): total, so what comes out depends on the
 *          edges alone, not on how they came or on the memory
 * Memory   `memory_bytes`: what does not fit is sorted and written to a file without a name in
 *          `directory`, at most so many bytes an edge as the columns need, then merged
 * Life     new -> add, add, ... -> next until it lends none -> free
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_COMPACT_SORT_H
#define RSI_STORE_COMPACT_SORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ringscope/error.h"

typedef struct rsi_loose_edge {
    uint32_t src;
    uint32_t dst;
    int64_t time;
    int64_t amount;
    uint32_t precision_s;
    uint32_t file;
    uint64_t line;
} rsi_loose_edge;

/* Which of the fields are kept; those that are not come out as a structure's: no time, no amount,
 * precision 1, file and line 0. */
typedef enum rsi_loose_columns {
    RSI_LOOSE_ENDS,   /* src, dst */
    RSI_LOOSE_TIMED,  /* and time */
    RSI_LOOSE_PRICED, /* and amount */
    RSI_LOOSE_ALL
} rsi_loose_columns;

typedef struct rsi_sorter rsi_sorter;

typedef struct rsi_sorter_options {
    rsi_loose_columns columns;
    bool distinct; /* of equal edges one comes out */
    uint64_t memory_bytes;
    uint64_t count_max; /* no more edges than these are added: less memory is asked for then */
    int directory;
} rsi_sorter_options;

RS_MUST_USE rs_status rsi_sorter_new(rsi_sorter **out, const rsi_sorter_options *options,
                                     rs_error *err);
void rsi_sorter_free(rsi_sorter *sorter);
RS_MUST_USE rs_status rsi_sorter_add(rsi_sorter *sorter, const rsi_loose_edge *edge, rs_error *err);
uint64_t rsi_sorter_count(const rsi_sorter *sorter); /* how many were added */
/* The next edges in order, lent until the next call; *count 0 at the end. */
RS_MUST_USE rs_status rsi_sorter_next(rsi_sorter *sorter, const rsi_loose_edge **edges,
                                      size_t *count, rs_error *err);

#endif
