/* sides.c - what `explain` says of a node's relations, counted for all nodes at once.
 *
 * A relation in one run, in order of (src, dst), is counted as it comes: a pair that differs from
 * the one before is a new peer of both. Where that order does not hold (several batches) the other
 * ends are laid out by src, sorted and counted.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "graph/sides.h"

#include <stdlib.h>

#include "base/sort.h"
#include "base/try.h"
#include "graph/internal.h"

/* ---- both ends of a relation ----------------------------------------------------------------- */

static rs_status make_side(rsi_side *side, const rsi_end *end, rs_error *err)
{
    rs_status status = RS_OK;
    side->range = end->range;
    RS_TRY(rsi_graph_array(&side->edges, end->range.count, sizeof *side->edges, err));
    RS_TRY(rsi_graph_array(&side->peers, end->range.count, sizeof *side->peers, err));
done:
    return status;
}

/* Edges of both ends, and peers as long as pairs come in order; *sorted: they did. */
static rs_status count_run(rsi_edge_stream *stream, rsi_sides *out, bool *sorted, rs_error *err)
{
    rs_status status = RS_OK;
    rs_edges run = {0};
    uint64_t last = 0;
    bool any = false;
    *sorted = true;
    do {
        RS_TRY(rsi_edge_stream_next(stream, &run, err));
        for (size_t i = 0; i < run.count; i++) {
            uint64_t pair = (uint64_t)run.src[i] << 32 | run.dst[i];
            uint32_t src = stream->src.node_of[run.src[i]] - out->src.range.first;
            uint32_t dst = stream->dst.node_of[run.dst[i]] - out->dst.range.first;
            bool fresh = !any || pair != last;
            *sorted = *sorted && (!any || pair >= last);
            out->src.edges[src]++;
            out->dst.edges[dst]++;
            out->src.peers[src] += fresh;
            out->dst.peers[dst] += fresh;
            last = pair;
            any = true;
        }
    } while (run.count > 0);
done:
    return status;
}

/* The other ends of each src, end to end; place[s] is then where those of s end. */
static rs_status lay_out(rsi_edge_stream *stream, const rsi_sides *out, uint64_t *place,
                         uint32_t *ends, rs_error *err)
{
    rs_status status = RS_OK;
    rs_edges run = {0};
    uint64_t edges = 0;
    for (uint32_t s = 0; s < out->src.range.count; s++) {
        place[s] = edges;
        edges += out->src.edges[s];
    }
    uint64_t seen = 0;
    do {
        RS_TRY(rsi_edge_stream_next(stream, &run, err));
        seen += run.count;
        if (seen > edges) {
            status = rsi_edge_stream_changed(stream, err);
            goto done;
        }
        for (size_t i = 0; i < run.count; i++) {
            uint32_t src = stream->src.node_of[run.src[i]] - out->src.range.first;
            uint64_t at = place[src]++;
            ends[at < edges ? at : 0] = stream->dst.node_of[run.dst[i]] - out->dst.range.first;
        }
    } while (run.count > 0);
done:
    return status;
}

static rs_status count_sorted(rsi_sides *out, const uint64_t *place, uint32_t *ends, rs_error *err)
{
    rs_status status = RS_OK;
    for (uint32_t d = 0; d < out->dst.range.count; d++) {
        out->dst.peers[d] = 0;
    }
    for (uint32_t s = 0; s < out->src.range.count; s++) {
        uint32_t *own = ends + (place[s] - out->src.edges[s]);
        size_t count = (size_t)out->src.edges[s];
        RS_TRY(rsi_sort_u32(own, count, NULL, err));
        out->src.peers[s] = 0;
        for (size_t i = 0; i < count; i++) {
            if (i == 0 || own[i] != own[i - 1]) {
                out->src.peers[s]++;
                out->dst.peers[own[i]]++;
            }
        }
    }
done:
    return status;
}

static rs_status count_unsorted(const rs_graph *graph, size_t relation, rsi_sides *out,
                                const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_edge_stream stream = {0};
    uint64_t *place = NULL;
    uint32_t *ends = NULL;
    uint64_t edges = 0;
    for (uint32_t s = 0; s < out->src.range.count; s++) {
        edges += out->src.edges[s];
    }
    RS_TRY(rsi_graph_array(&place, out->src.range.count, sizeof *place, err));
    RS_TRY(rsi_graph_array(&ends, edges, sizeof *ends, err));
    RS_TRY(rsi_edge_stream_open(&stream, graph, relation, 0, err));
    stream.work = work;
    stream.stage = "counting sides";
    RS_TRY(lay_out(&stream, out, place, ends, err));
    RS_TRY(count_sorted(out, place, ends, err));
done:
    rsi_edge_stream_close(&stream);
    free(ends);
    free(place);
    return status;
}

rs_status rsi_graph_sides(const rs_graph *graph, size_t relation, rsi_sides *out,
                          const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_edge_stream stream = {0};
    bool sorted = false;
    *out = (rsi_sides){0};
    RS_TRY(rsi_edge_stream_open(&stream, graph, relation, 0, err));
    stream.work = work;
    stream.stage = "counting sides";
    RS_TRY(make_side(&out->src, &stream.src, err));
    RS_TRY(make_side(&out->dst, &stream.dst, err));
    RS_TRY(count_run(&stream, out, &sorted, err));
    if (!sorted) {
        RS_TRY(count_unsorted(graph, relation, out, work, err));
    }
done:
    rsi_edge_stream_close(&stream);
    if (status != RS_OK) {
        rsi_sides_free(out);
    }
    return status;
}

void rsi_sides_free(rsi_sides *sides)
{
    free(sides->src.edges);
    free(sides->src.peers);
    free(sides->dst.edges);
    free(sides->dst.peers);
    *sides = (rsi_sides){0};
}

/* ---- the users of things --------------------------------------------------------------------- */

/* One reading: counts the uses of each thing (users NULL), or puts them down. */
static rs_status read_uses(const rs_graph *graph, size_t relation, rs_node_range things,
                           rsi_users *out, uint64_t room, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_edge_stream stream = {0};
    rs_edges run = {0};
    RS_TRY(rsi_edge_stream_open(&stream, graph, relation, 0, err));
    stream.work = work;
    stream.stage = "users of things";
    bool src_is_thing = stream.src.range.first == things.first;
    const rsi_end *thing_end = src_is_thing ? &stream.src : &stream.dst;
    const rsi_end *user_end = src_is_thing ? &stream.dst : &stream.src;
    do {
        RS_TRY(rsi_edge_stream_next(&stream, &run, err));
        const uint32_t *used = src_is_thing ? run.src : run.dst;
        const uint32_t *by = src_is_thing ? run.dst : run.src;
        for (size_t i = 0; i < run.count; i++) {
            uint32_t thing = thing_end->node_of[used[i]] - things.first;
            if (out->users != NULL) {
                uint64_t at = out->first[thing] + out->count[thing]++;
                out->users[at < room ? at : 0] = user_end->node_of[by[i]];
            } else {
                out->count[thing]++;
            }
        }
    } while (run.count > 0);
done:
    rsi_edge_stream_close(&stream);
    return status;
}

static rs_status read_all(const rs_graph *graph, rs_node_range things, rsi_users *out,
                          uint64_t room, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t r = 0; r < rs_store_relation_count(graph->store); r++) {
        rs_relation_info info = rs_store_relation(graph->store, r);
        const rs_node_range *src = rsi_graph_type(graph, info.src_type);
        const rs_node_range *dst = rsi_graph_type(graph, info.dst_type);
        bool shares = info.kind == RS_KIND_SHARED || info.kind == RS_KIND_IDENTITY;
        bool used = (src->first == things.first && dst->subject) ||
                    (dst->first == things.first && src->subject);
        if (shares && used && things.count > 0) {
            RS_TRY(read_uses(graph, r, things, out, room, work, err));
        }
    }
done:
    return status;
}

/* Each user once. */
static rs_status settle(rsi_users *out, uint32_t things, rs_error *err)
{
    for (uint32_t t = 0; t < things; t++) {
        uint32_t *own = out->users + out->first[t];
        uint32_t kept = 0;
        rs_status status = rsi_sort_u32(own, out->count[t], NULL, err);
        if (status != RS_OK) {
            return status;
        }
        for (uint32_t i = 0; i < out->count[t]; i++) {
            if (i == 0 || own[i] != own[i - 1]) {
                own[kept++] = own[i];
            }
        }
        out->count[t] = kept;
    }
    return RS_OK;
}

rs_status rsi_graph_users(const rs_graph *graph, size_t range, rsi_users *out, const rs_work *work,
                          rs_error *err)
{
    rs_status status = RS_OK;
    rs_node_range things = graph->ranges[range];
    uint64_t uses = 0;
    *out = (rsi_users){0};
    RS_TRY(rsi_graph_array(&out->first, things.count, sizeof *out->first, err));
    RS_TRY(rsi_graph_array(&out->count, things.count, sizeof *out->count, err));
    RS_TRY(read_all(graph, things, out, 0, work, err));
    for (uint32_t t = 0; t < things.count; t++) {
        out->first[t] = uses;
        uses += out->count[t];
        out->count[t] = 0;
    }
    RS_TRY(rsi_graph_array(&out->users, uses, sizeof *out->users, err));
    RS_TRY(read_all(graph, things, out, uses, work, err));
    RS_TRY(settle(out, things.count, err));
done:
    if (status != RS_OK) {
        rsi_users_free(out);
    }
    return status;
}

void rsi_users_free(rsi_users *users)
{
    free(users->first);
    free(users->count);
    free(users->users);
    *users = (rsi_users){0};
}
