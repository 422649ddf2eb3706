/* counts.c - what each subject does in one relation, as plain numbers.
 *
 * Distinct other ends come from the groups where the relation joins subjects and things (a thing of
 * one user is a counterpart too), else from the slots by src, sorted; edges and amounts from a pass
 * of their own.
 *
 * Memory: the result, 24 bytes a subject and end for sums; what groups.c needs, or 8 bytes a src
 * and 4 a slot. Cost: three readings of the relation.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/sort.h"
#include "base/try.h"
#include "graph/bysrc.h"
#include "graph/groups.h"
#include "graph/shared.h"
#include "graph/wide.h"

/* ---- edges and amounts --------------------------------------------------------------------------
 */

/* What is added up at one end, side by side: a look-up costs more than the adding. */
typedef struct end_sum {
    uint64_t edges;
    rsi_wide amount;
} end_sum;

/* `sums` is NULL where the end is no subject. `peers` counts distinct other ends, by node for a
 * subject, by node less the range's first for a thing; NULL where others do that. */
typedef struct end_sums {
    const uint32_t *node_of;
    end_sum *sums;
    uint32_t *peers;
    uint32_t peers_first;
} end_sums;

static void add_to_side(const end_sums *side, uint32_t dense, int64_t amount)
{
    if (side->sums != NULL) {
        end_sum *sum = &side->sums[side->node_of[dense]];
        sum->edges++;
        rsi_wide_add(&sum->amount, amount);
    }
}

static rs_status add_up(rsi_edge_stream *stream, end_sums *src, end_sums *dst, bool *amounts,
                        rs_error *err)
{
    rs_status status = RS_OK;
    bool one_type = stream->relation.src_type == stream->relation.dst_type;
    rs_edges run = {0};
    uint64_t last = UINT64_MAX; /* the pair before; no edge has both ends RS_NO_NODE */
    do {
        RS_TRY(rsi_edge_stream_next(stream, &run, err));
        *amounts |= run.amount != NULL;
        for (size_t i = 0; i < run.count; i++) {
            if (one_type && run.src[i] == run.dst[i]) {
                continue;
            }
            int64_t amount = run.amount == NULL ? RS_NO_AMOUNT : run.amount[i];
            add_to_side(src, run.src[i], amount);
            add_to_side(dst, run.dst[i], amount);
            uint64_t pair = (uint64_t)run.src[i] << 32 | run.dst[i];
            if (pair != last && src->peers != NULL) {
                src->peers[src->node_of[run.src[i]] - src->peers_first]++;
                dst->peers[dst->node_of[run.dst[i]] - dst->peers_first]++;
            }
            last = pair;
        }
    } while (run.count > 0);
done:
    return status;
}

static rs_status make_side(end_sums *side, const rsi_end *end, uint32_t subjects, rs_error *err)
{
    rs_status status = RS_OK;
    side->node_of = end->node_of;
    if (!end->range.subject) {
        goto done;
    }
    RS_TRY(rsi_graph_array(&side->sums, subjects, sizeof *side->sums, err));
    for (uint32_t i = 0; i < subjects; i++) {
        side->sums[i].amount = RSI_WIDE_NONE;
    }
done:
    return status;
}

/* A subject without amounts has 0; where no edge has one, `amount` stays NULL. */
static rs_status hand_over(const end_sums *side, uint32_t subjects, bool amounts, uint64_t **edges,
                           int64_t **amount, rs_error *err)
{
    rs_status status = RS_OK;
    if (side->sums == NULL) {
        goto done;
    }
    RS_TRY(rsi_graph_array(edges, subjects, sizeof **edges, err));
    for (uint32_t i = 0; i < subjects; i++) {
        (*edges)[i] = side->sums[i].edges;
    }
    if (!amounts) {
        goto done;
    }
    RS_TRY(rsi_graph_array(amount, subjects, sizeof **amount, err));
    for (uint32_t i = 0; i < subjects; i++) {
        rsi_wide sum = side->sums[i].amount;
        (*amount)[i] = rsi_wide_is_none(sum) ? 0 : rsi_wide_clamp(sum);
    }
done:
    return status;
}

/* Where peers are counted: for subjects in the answer, for things in an array of their own. */
static rs_status make_peers(end_sums *side, const rsi_end *end, uint32_t subjects, rs_error *err)
{
    side->peers_first = end->range.subject ? 0 : end->range.first;
    return rsi_graph_array(&side->peers, end->range.subject ? subjects : end->range.count,
                           sizeof *side->peers, err);
}

/* `sorted`: the relation is one run in order of (src, dst), so that distinct ends are counted too;
 * the counts of things are handed out as *of_things. */
static rs_status count_edges(const rs_graph *graph, size_t relation, bool sorted, rs_counts *counts,
                             uint32_t **of_things, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_edge_stream stream = {0};
    end_sums src = {0};
    end_sums dst = {0};
    bool amounts = false;
    RS_TRY(rsi_edge_stream_open(&stream, graph, relation, RS_SCAN_AMOUNT, err));
    stream.work = work;
    stream.stage = "counting edges";
    RS_TRY(make_side(&src, &stream.src, counts->count, err));
    RS_TRY(make_side(&dst, &stream.dst, counts->count, err));
    if (sorted) {
        RS_TRY(make_peers(&src, &stream.src, counts->count, err));
        RS_TRY(make_peers(&dst, &stream.dst, counts->count, err));
    }
    RS_TRY(add_up(&stream, &src, &dst, &amounts, err));
    RS_TRY(hand_over(&src, counts->count, amounts, &counts->src_edges, &counts->src_amount, err));
    RS_TRY(hand_over(&dst, counts->count, amounts, &counts->dst_edges, &counts->dst_amount, err));
    if (sorted) {
        *(stream.src.range.subject ? &counts->src_peers : of_things) = src.peers;
        *(stream.dst.range.subject ? &counts->dst_peers : of_things) = dst.peers;
        src.peers = NULL; /* moved to the caller */
        dst.peers = NULL;
    }
done:
    free(src.peers);
    free(dst.peers);
    free(src.sums);
    free(dst.sums);
    rsi_edge_stream_close(&stream);
    return status;
}

/* ---- distinct other ends
 * ------------------------------------------------------------------------- */

static rs_status count_things(const rs_graph *graph, size_t relation, rs_counts *counts,
                              const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rs_groups groups = {0};
    rs_relation_info info = rs_store_relation(graph->store, relation);
    uint32_t **peers =
        rsi_graph_type(graph, info.src_type)->subject ? &counts->src_peers : &counts->dst_peers;
    RS_TRY(rsi_graph_array(peers, counts->count, sizeof **peers, err));
    RS_TRY(
        rsi_graph_array(&counts->shared_things, counts->count, sizeof *counts->shared_things, err));
    RS_TRY(rsi_groups_find(graph, relation, *peers, &groups, work, err));
    for (uint64_t i = 0; i < groups.use_count; i++) {
        (*peers)[groups.users[i]]++;
        counts->shared_things[groups.users[i]]++;
    }
done:
    rs_groups_free(&groups);
    return status;
}

static rs_status fill_dst(rsi_bysrc *bysrc, const rs_graph *graph, size_t relation, uint32_t *slots,
                          const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_edge_stream stream = {0};
    rs_edges run = {0};
    rsi_bysrc_restart(bysrc);
    RS_TRY(rsi_edge_stream_open(&stream, graph, relation, 0, err));
    stream.work = work;
    stream.stage = "counting counterparts";
    do {
        RS_TRY(rsi_edge_stream_next(&stream, &run, err));
        for (size_t i = 0; i < run.count; i++) {
            rsi_bysrc_expect(bysrc, &stream, &run, i);
            rsi_bysrc_expect_slot(bysrc, &run, i, slots, sizeof *slots);
            if (!rsi_bysrc_starts(bysrc, &stream, run.src[i], run.dst[i])) {
                continue;
            }
            uint64_t place = rsi_bysrc_place(bysrc, run.src[i]);
            if (place >= bysrc->slot_count) {
                status = rsi_edge_stream_changed(&stream, err);
                goto done;
            }
            slots[place] = stream.dst.node_of[run.dst[i]];
        }
    } while (run.count > 0);
done:
    rsi_edge_stream_close(&stream);
    return status;
}

static rs_status count_distinct(const rsi_bysrc *bysrc, uint32_t *slots, rs_counts *counts,
                                rs_error *err)
{
    for (uint32_t rank = 0; rank < bysrc->src_count; rank++) {
        uint32_t *begin = slots + rsi_bysrc_begin(bysrc, rank);
        size_t count = (size_t)(rsi_bysrc_begin(bysrc, rank + 1) - rsi_bysrc_begin(bysrc, rank));
        rs_status status = rsi_sort_u32(begin, count, NULL, err);
        if (status != RS_OK) {
            return status;
        }
        for (size_t i = 0; i < count; i++) {
            if (i == 0 || begin[i] != begin[i - 1]) {
                counts->src_peers[bysrc->src_first + rank]++;
                counts->dst_peers[begin[i]]++;
            }
        }
    }
    return RS_OK;
}

static rs_status count_counterparts(const rs_graph *graph, size_t relation, rs_counts *counts,
                                    const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_bysrc bysrc = {0};
    uint32_t *slots = NULL;
    RS_TRY(rsi_graph_array(&counts->src_peers, counts->count, sizeof *counts->src_peers, err));
    RS_TRY(rsi_graph_array(&counts->dst_peers, counts->count, sizeof *counts->dst_peers, err));
    RS_TRY(rsi_bysrc_find(&bysrc, graph, relation, work, err));
    RS_TRY(rsi_graph_array(&slots, bysrc.slot_count, sizeof *slots, err));
    RS_TRY(fill_dst(&bysrc, graph, relation, slots, work, err));
    RS_TRY(count_distinct(&bysrc, slots, counts, err));
done:
    free(slots);
    rsi_bysrc_free(&bysrc);
    return status;
}

/* ---- a relation that is one sorted run --------------------------------------------------------
 */

/* Things that another subject uses too: a second reading, with the users of each thing known. */
static rs_status count_shared(const rs_graph *graph, size_t relation, const uint32_t *users,
                              rs_counts *counts, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_edge_stream stream = {0};
    rs_edges run = {0};
    uint64_t last = UINT64_MAX;
    RS_TRY(
        rsi_graph_array(&counts->shared_things, counts->count, sizeof *counts->shared_things, err));
    RS_TRY(rsi_edge_stream_open(&stream, graph, relation, 0, err));
    stream.work = work;
    stream.stage = "counting shared things";
    bool src_is_thing = !stream.src.range.subject;
    const rsi_end *thing_end = src_is_thing ? &stream.src : &stream.dst;
    const rsi_end *user_end = src_is_thing ? &stream.dst : &stream.src;
    do {
        RS_TRY(rsi_edge_stream_next(&stream, &run, err));
        const uint32_t *things = src_is_thing ? run.src : run.dst;
        const uint32_t *subjects = src_is_thing ? run.dst : run.src;
        for (size_t i = 0; i < run.count; i++) {
            uint64_t pair = (uint64_t)things[i] << 32 | subjects[i];
            if (pair != last && users[thing_end->node_of[things[i]] - thing_end->range.first] > 1) {
                counts->shared_things[user_end->node_of[subjects[i]]]++;
            }
            last = pair;
        }
    } while (run.count > 0);
done:
    rsi_edge_stream_close(&stream);
    return status;
}

static rs_status count_sorted(const rs_graph *graph, size_t relation, rs_counts *counts,
                              const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t *users = NULL;
    RS_TRY(count_edges(graph, relation, true, counts, &users, work, err));
    if (users != NULL) {
        RS_TRY(count_shared(graph, relation, users, counts, work, err));
    }
done:
    free(users);
    return status;
}

rs_status rs_graph_counts(const rs_graph *graph, size_t relation, rs_counts *out,
                          const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rs_counts counts = {.count = graph->subject_count};
    rs_relation_info info = rs_store_relation(graph->store, relation);
    bool things = rsi_joins_things(graph, relation);
    if (!things && !rsi_graph_type(graph, info.src_type)->subject) {
        /* between things: nothing to count */
    } else if (rs_store_batch_count(graph->store) == 1) {
        RS_TRY(count_sorted(graph, relation, &counts, work, err));
    } else {
        RS_TRY(things ? count_things(graph, relation, &counts, work, err)
                      : count_counterparts(graph, relation, &counts, work, err));
        RS_TRY(count_edges(graph, relation, false, &counts, NULL, work, err));
    }
    *out = counts;
    counts = (rs_counts){0}; /* moved to the caller */
done:
    rs_counts_free(&counts);
    return status;
}

void rs_counts_free(rs_counts *counts)
{
    if (counts == NULL) {
        return;
    }
    free(counts->src_peers);
    free(counts->dst_peers);
    free(counts->src_edges);
    free(counts->dst_edges);
    free(counts->src_amount);
    free(counts->dst_amount);
    free(counts->shared_things);
    *counts = (rs_counts){0};
}
