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

/* `sums` is NULL where the end is no subject. */
typedef struct end_sums {
    const uint32_t *node_of;
    end_sum *sums;
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
        }
    } while (run.count > 0);
done:
    return status;
}

static rs_status make_side(end_sums *side, const rsi_end *end, uint32_t subjects, rs_error *err)
{
    rs_status status = RS_OK;
    if (!end->range.subject) {
        goto done;
    }
    side->node_of = end->node_of;
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

static rs_status count_edges(const rs_graph *graph, size_t relation, rs_counts *counts,
                             const rs_work *work, rs_error *err)
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
    RS_TRY(add_up(&stream, &src, &dst, &amounts, err));
    RS_TRY(hand_over(&src, counts->count, amounts, &counts->src_edges, &counts->src_amount, err));
    RS_TRY(hand_over(&dst, counts->count, amounts, &counts->dst_edges, &counts->dst_amount, err));
done:
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

rs_status rs_graph_counts(const rs_graph *graph, size_t relation, rs_counts *out,
                          const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rs_counts counts = {.count = graph->subject_count};
    rs_relation_info info = rs_store_relation(graph->store, relation);
    if (rsi_joins_things(graph, relation)) {
        RS_TRY(count_things(graph, relation, &counts, work, err));
        RS_TRY(count_edges(graph, relation, &counts, work, err));
    } else if (rsi_graph_type(graph, info.src_type)->subject) {
        RS_TRY(count_counterparts(graph, relation, &counts, work, err));
        RS_TRY(count_edges(graph, relation, &counts, work, err));
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
