/* edgepack.h - edges as records of words: put in order, packed into blocks, written.
 *
 * Whoever has the edges (commit_edges.c: in memory; run_edges.c: in runs on disk) lends them part
 * by part; everything that decides about the bytes of a segment stands behind this header, once.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_EDGEPACK_H
#define RSI_STORE_EDGEPACK_H

#include "store/batch_internal.h"
#include "store/edgeparts.h"

static inline void rsi_put_number(uint32_t *at, unsigned words, uint64_t value)
{
    if (words >= 1) {
        at[0] = (uint32_t)value;
    }
    if (words == 2) {
        at[1] = (uint32_t)(value >> 32);
    }
}

static inline uint64_t rsi_get_number(const uint32_t *at, unsigned words)
{
    uint64_t value = words >= 1 ? at[0] : 0;
    return words == 2 ? value | (uint64_t)at[1] << 32 : value;
}

/* Places in a record for times from `time_min` to `time_max` (min > max: none), amounts of so many
 * words, and extra words: 0, 4 or 5. */
rsi_record_layout rsi_record_layout_of(int64_t time_min, int64_t time_max, unsigned amount_words,
                                       unsigned extra_words);

/* How many bits numbers below `count` take, at least one. */
static inline unsigned rsi_bits_of(uint32_t count)
{
    return count <= 1 ? 1 : 32 - (unsigned)__builtin_clz(count - 1);
}

/* Scratch of a thread that sorts: { 0 } is empty. */
typedef struct rsi_edge_order {
    uint64_t *words;
    size_t bytes;
} rsi_edge_order;

/* The order of records by source, target, time, amount, precision, file, line; equal ones in any.
 * *order lends the indexes. Targets have `dst_bits` bits. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_edges_order(rsi_edge_order *scratch, const rsi_record_layout *layout,
                                      unsigned dst_bits, const uint32_t *records, size_t count,
                                      uint64_t **order, rs_error *err);

/* < 0, 0, > 0: by time, amount, precision, file, line; sources and targets are equal. */
int rsi_edges_compare_ties(const rsi_record_layout *layout, const uint32_t *a, const uint32_t *b);

typedef struct rsi_pack {
    rsi_output *output;
    rsi_batch_relation_state *relation;
    rsi_record_layout layout;
    unsigned dst_bits;
    const rsi_edge_parts *parts;
    /* The records of a part, lent until the worker asks for the next. Any thread. */
    rs_status (*load)(void *context, size_t part, unsigned worker, const uint32_t **records,
                      rs_error *err);
    /* For parts of more edges than `stream_above`: its records in order, up to a block of them a
     * call; *count 0 at the end. One thread. NULL: all parts are loaded. */
    rs_status (*stream)(void *context, size_t part, const uint32_t **records, size_t *count,
                        rs_error *err);
    uint64_t stream_above;
    void *context;
} rsi_pack;

/* Sort, pack and write the relation's segment, and its rows file where rows are kept; enters both
 * and what they hold in the manifest. Does nothing where there are no edges. */
RS_MUST_USE rs_status rsi_edges_pack(rsi_pack *pack, rs_error *err);

#endif
