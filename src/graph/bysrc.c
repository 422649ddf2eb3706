/* bysrc.c - one pass that counts slots by src, and turns the counts into places.
 *
 * Memory: 8 bytes a src node. Cost: one reading of the relation.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "graph/bysrc.h"

#include <stdlib.h>

#include "base/try.h"

static rs_status count_slots(rsi_bysrc *bysrc, rsi_edge_stream *stream, rs_error *err)
{
    rs_status status = RS_OK;
    rs_edges run = {0};
    do {
        RS_TRY(rsi_edge_stream_next(stream, &run, err));
        for (size_t i = 0; i < run.count; i++) {
            rsi_bysrc_expect(bysrc, stream, &run, i);
            if (rsi_bysrc_starts(bysrc, stream, run.src[i], run.dst[i])) {
                (void)rsi_bysrc_place(bysrc, run.src[i]);
            }
        }
    } while (run.count > 0);
done:
    return status;
}

rs_status rsi_bysrc_find(rsi_bysrc *bysrc, const rs_graph *graph, size_t relation,
                         const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_edge_stream stream = {0};
    *bysrc = (rsi_bysrc){0};
    rsi_bysrc_restart(bysrc);
    RS_TRY(rsi_edge_stream_open(&stream, graph, relation, 0, err));
    stream.work = work;
    stream.stage = "counting ties";
    bysrc->node_of = stream.src.node_of;
    bysrc->src_first = stream.src.range.first;
    bysrc->src_count = stream.src.range.count;
    RS_TRY(rsi_graph_array(&bysrc->first, (size_t)bysrc->src_count + 1, sizeof *bysrc->first, err));
    RS_TRY(count_slots(bysrc, &stream, err));
    for (uint32_t rank = 1; rank <= bysrc->src_count; rank++) {
        uint64_t slots = bysrc->first[rank];
        bysrc->first[rank] = bysrc->slot_count;
        bysrc->slot_count += slots;
    }
done:
    rsi_edge_stream_close(&stream);
    return status;
}

void rsi_bysrc_free(rsi_bysrc *bysrc)
{
    free(bysrc->first);
    *bysrc = (rsi_bysrc){0};
}

void rsi_bysrc_restart(rsi_bysrc *bysrc)
{
    bysrc->last_src = RS_NO_NODE;
    bysrc->last_dst = RS_NO_NODE;
    bysrc->last_is_self = false;
}

size_t rsi_bysrc_most(const rsi_bysrc *bysrc)
{
    uint64_t most = 0;
    for (uint32_t rank = 0; rank < bysrc->src_count; rank++) {
        uint64_t count = rsi_bysrc_begin(bysrc, rank + 1) - rsi_bysrc_begin(bysrc, rank);
        most = count > most ? count : most;
    }
    return (size_t)most;
}
