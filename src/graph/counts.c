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

#include "base/expect.h"
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

/* `sums` is NULL where the end is no subject. `peers` counts distinct other ends; NULL where others
 * do that. Both by dense number, so that no edge asks for its node. */
typedef struct end_sums {
    end_sum *sums;
    uint32_t *peers;
} end_sums;

static inline void add_to_side(const end_sums *side, uint32_t dense, int64_t amount)
{
    if (side->sums != NULL) {
        end_sum *sum = &side->sums[dense];
        sum->edges++;
        rsi_wide_add(&sum->amount, amount);
    }
}

/* Ends come at random (the one by which the relation is sorted does not, and costs nothing): what
 * is kept for them is asked for before their turn. */
RSI_EXPECT void expect_end(const end_sums *side, const uint32_t *dense, size_t count, size_t i)
{
    enum { AHEAD = 16 };
    if (i + AHEAD < count) {
        if (side->sums != NULL) {
            __builtin_prefetch(&side->sums[dense[i + AHEAD]], 1);
        }
        if (side->peers != NULL) {
            __builtin_prefetch(&side->peers[dense[i + AHEAD]], 1);
        }
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
            expect_end(dst, run.dst, run.count, i);
            if (one_type && run.src[i] == run.dst[i]) {
                continue;
            }
            int64_t amount = run.amount == NULL ? RS_NO_AMOUNT : run.amount[i];
            add_to_side(src, run.src[i], amount);
            add_to_side(dst, run.dst[i], amount);
            uint64_t pair = (uint64_t)run.src[i] << 32 | run.dst[i];
            if (pair != last && src->peers != NULL) {
                src->peers[run.src[i]]++;
                dst->peers[run.dst[i]]++;
            }
            last = pair;
        }
    } while (run.count > 0);
done:
    return status;
}

static rs_status make_side(end_sums *side, const rsi_end *end, bool peers, rs_error *err)
{
    rs_status status = RS_OK;
    if (peers) {
        RS_TRY(rsi_graph_array(&side->peers, end->dense_count, sizeof *side->peers, err));
    }
    if (!end->range.subject) {
        goto done;
    }
    RS_TRY(rsi_graph_array(&side->sums, end->dense_count, sizeof *side->sums, err));
    for (uint32_t i = 0; i < end->dense_count; i++) {
        side->sums[i].amount = RSI_WIDE_NONE;
    }
done:
    return status;
}

/* A subject without amounts has 0; where no edge has one, `amount` stays NULL. */
static rs_status hand_over(const end_sums *side, const rsi_end *end, uint32_t subjects,
                           bool amounts, uint64_t **edges, int64_t **amount, rs_sum **exact,
                           rs_error *err)
{
    rs_status status = RS_OK;
    bool large = false;
    if (side->sums == NULL) {
        goto done;
    }
    RS_TRY(rsi_graph_array(edges, subjects, sizeof **edges, err));
    for (uint32_t i = 0; i < end->dense_count; i++) {
        if (end->node_of[i] != RS_NO_NODE) {
            (*edges)[end->node_of[i]] = side->sums[i].edges;
        }
    }
    if (!amounts) {
        goto done;
    }
    RS_TRY(rsi_graph_array(amount, subjects, sizeof **amount, err));
    for (uint32_t i = 0; i < end->dense_count; i++) {
        rsi_wide sum = side->sums[i].amount;
        if (end->node_of[i] != RS_NO_NODE) {
            (*amount)[end->node_of[i]] = rsi_wide_is_none(sum) ? 0 : rsi_wide_clamp(sum);
            large = large || rsi_wide_is_large(sum);
        }
    }
    if (large) {
        RS_TRY(rsi_graph_array(exact, subjects, sizeof **exact, err));
    }
    for (uint32_t i = 0; i < end->dense_count && large; i++) {
        rsi_wide sum = side->sums[i].amount;
        if (end->node_of[i] != RS_NO_NODE && !rsi_wide_is_none(sum)) {
            (*exact)[end->node_of[i]] = sum;
        }
    }
done:
    return status;
}

/* The peers of subjects into the answer, by node; those of things stay as they are, *of_things. */
static rs_status hand_over_peers(end_sums *side, const rsi_end *end, uint32_t subjects,
                                 uint32_t **of_subjects, uint32_t **of_things, rs_error *err)
{
    rs_status status = RS_OK;
    if (!end->range.subject) {
        *of_things = side->peers;
        side->peers = NULL; /* moved to the caller */
        goto done;
    }
    RS_TRY(rsi_graph_array(of_subjects, subjects, sizeof **of_subjects, err));
    for (uint32_t i = 0; i < end->dense_count; i++) {
        if (end->node_of[i] != RS_NO_NODE) {
            (*of_subjects)[end->node_of[i]] = side->peers[i];
        }
    }
done:
    return status;
}

/* `sorted`: the relation is one run in order of (src, dst), so that distinct ends are counted too;
 * the counts of things are handed out as *of_things, by dense number. */
static rs_status count_edges(const rs_graph *graph, size_t relation, bool sorted, rs_counts *counts,
                             uint32_t **of_things, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_edge_stream stream = {0};
    end_sums src = {0};
    end_sums dst = {0};
    bool amounts = false;
    uint32_t subjects = counts->count;
    RS_TRY(rsi_edge_stream_open(&stream, graph, relation, RS_SCAN_AMOUNT, err));
    stream.work = work;
    stream.stage = "counting edges";
    RS_TRY(make_side(&src, &stream.src, sorted, err));
    RS_TRY(make_side(&dst, &stream.dst, sorted, err));
    RS_TRY(add_up(&stream, &src, &dst, &amounts, err));
    RS_TRY(hand_over(&src, &stream.src, subjects, amounts, &counts->src_edges, &counts->src_amount,
                     &counts->src_sum, err));
    RS_TRY(hand_over(&dst, &stream.dst, subjects, amounts, &counts->dst_edges, &counts->dst_amount,
                     &counts->dst_sum, err));
    if (sorted) {
        RS_TRY(hand_over_peers(&src, &stream.src, subjects, &counts->src_peers, of_things, err));
        RS_TRY(hand_over_peers(&dst, &stream.dst, subjects, &counts->dst_peers, of_things, err));
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
    rs_work whole = work == NULL ? (rs_work){0} : *work;
    whole.memory_bytes = 0; /* the part given is for what can be cut into slices; this cannot */
    uint32_t **peers =
        rsi_graph_type(graph, info.src_type)->subject ? &counts->src_peers : &counts->dst_peers;
    RS_TRY(rsi_graph_array(peers, counts->count, sizeof **peers, err));
    RS_TRY(
        rsi_graph_array(&counts->shared_things, counts->count, sizeof *counts->shared_things, err));
    RS_TRY(rsi_groups_find(graph, relation, *peers, &groups, work == NULL ? NULL : &whole, err));
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
    enum { AHEAD = 16 };
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
    const rsi_end *user_end = src_is_thing ? &stream.dst : &stream.src;
    do {
        RS_TRY(rsi_edge_stream_next(&stream, &run, err));
        const uint32_t *things = src_is_thing ? run.src : run.dst;
        const uint32_t *subjects = src_is_thing ? run.dst : run.src;
        for (size_t i = 0; i < run.count; i++) {
            uint64_t pair = (uint64_t)things[i] << 32 | subjects[i];
            if (i + AHEAD < run.count) {
                __builtin_prefetch(&users[things[i + AHEAD]]);
            }
            if (pair != last && users[things[i]] > 1) {
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
    free(counts->src_sum);
    free(counts->dst_sum);
    free(counts->shared_things);
    *counts = (rs_counts){0};
}
