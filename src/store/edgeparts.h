/* edgeparts.h - which edges of a relation are sorted and packed together.
 *
 * A bucket is 2^shift sources. Buckets in a row, up to 65,536 edges, make a part; a bucket that has
 * more is one alone. Parts depend on the edges only, so the blocks that are made of them do not
 * depend on where the edges lay before: in memory, by ranges, or in runs on disk.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_EDGEPARTS_H
#define RSI_STORE_EDGEPARTS_H

#include <stddef.h>
#include <stdint.h>

#include "ringscope/error.h"

typedef struct rsi_edge_part {
    uint64_t start; /* edges of the parts before it */
    uint64_t count;
} rsi_edge_part;

typedef struct rsi_edge_parts {
    unsigned shift; /* of a source to its bucket */
    size_t bucket_count;
    size_t range_count; /* the edges come in so many ranges, which count and place on their own */
    uint64_t *counts;   /* per range and bucket; after placing per range and part: first place */
    uint32_t *part_of;  /* per bucket */
    rsi_edge_part *parts;
    size_t part_count;
    uint64_t edge_count;
} rsi_edge_parts;

/* Empty counts, for sources below `sources`. */
RS_MUST_USE rs_status rsi_edge_parts_init(rsi_edge_parts *parts, uint32_t sources, size_t ranges,
                                          rs_error *err);
void rsi_edge_parts_free(rsi_edge_parts *parts);
/* From the counts: the parts. */
RS_MUST_USE rs_status rsi_edge_parts_choose(rsi_edge_parts *parts, rs_error *err);
/* Counts by range and bucket become the places to which each range writes in each part. */
RS_MUST_USE rs_status rsi_edge_parts_place(rsi_edge_parts *parts, rs_error *err);

static inline uint64_t *rsi_edge_counts(const rsi_edge_parts *parts, size_t range)
{
    return parts->counts + range * parts->bucket_count;
}

#endif
