/* bysrc.h - where the edges of each src go: a count of slots by src, in order of nodes.
 *
 * A slot is for edges of one (src, dst) that follow one another in the scan, whatever the runs in
 * which they are lent; edges of a node with itself take none.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_GRAPH_BYSRC_H
#define RSI_GRAPH_BYSRC_H

#include "base/expect.h"
#include "graph/internal.h"

typedef struct rsi_bysrc {
    const uint32_t *node_of; /* of src, by dense number */
    uint32_t src_first;
    uint32_t src_count;
    uint64_t slot_count;
    uint64_t *first; /* by rank of src + 1: the next free slot; first[0] is 0 */
    uint32_t last_src;
    uint32_t last_dst;
    bool last_is_self;
} rsi_bysrc;

RS_MUST_USE rs_status rsi_bysrc_find(rsi_bysrc *bysrc, const rs_graph *graph, size_t relation,
                                     const rs_work *work, rs_error *err);
void rsi_bysrc_free(rsi_bysrc *bysrc);
/* Before another scan. */
void rsi_bysrc_restart(rsi_bysrc *bysrc);
/* The most slots that a src has; all must have been taken. */
size_t rsi_bysrc_most(const rsi_bysrc *bysrc);

/* True where the edge takes a slot; last_is_self tells whether it is one of a node with itself. */
static inline bool rsi_bysrc_starts(rsi_bysrc *bysrc, const rsi_edge_stream *stream, uint32_t src,
                                    uint32_t dst)
{
    if (src == bysrc->last_src && dst == bysrc->last_dst) {
        return false;
    }
    bysrc->last_src = src;
    bysrc->last_dst = dst;
    bysrc->last_is_self = src == dst && stream->relation.src_type == stream->relation.dst_type;
    return !bysrc->last_is_self;
}

/* The next free slot of a src. */
static inline uint64_t rsi_bysrc_place(rsi_bysrc *bysrc, uint32_t src)
{
    return bysrc->first[bysrc->node_of[src] - bysrc->src_first + 1]++;
}

/* Ask for what the edges to come will look up, long enough before they do: without it every new src
 * waits for memory. */
RSI_EXPECT void rsi_bysrc_expect(const rsi_bysrc *bysrc, const rsi_edge_stream *stream,
                                 const rs_edges *run, size_t i)
{
    enum { AHEAD = 16 };
    if (i + AHEAD < run->count) {
        uint32_t src = run->src[i + AHEAD];
        __builtin_prefetch(&stream->dst.node_of[run->dst[i + AHEAD]]);
        __builtin_prefetch(&bysrc->first[bysrc->node_of[src] - bysrc->src_first + 1], 1);
    }
}

/* The same for the slot of an edge nearer by. */
RSI_EXPECT void rsi_bysrc_expect_slot(const rsi_bysrc *bysrc, const rs_edges *run, size_t i,
                                      const void *slots, size_t slot_size)
{
    enum { AHEAD = 8 };
    if (i + AHEAD < run->count) {
        uint64_t place = bysrc->first[bysrc->node_of[run->src[i + AHEAD]] - bysrc->src_first + 1];
        __builtin_prefetch((const char *)slots + place * slot_size, 1);
    }
}

/* Where the slots of a src begin, by rank, and of the one before end; once all are taken. */
static inline uint64_t rsi_bysrc_begin(const rsi_bysrc *bysrc, uint32_t rank)
{
    return bysrc->first[rank];
}

#endif
