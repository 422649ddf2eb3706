/* pairs.c - who is tied to whom, each (src, dst) once with its sums: two passes and small sorts.
 *
 * The first pass counts, for each src, the edges whose dst differs from the edge before; the second
 * adds each edge up in such a slot; then the slots of each src are sorted by dst and those of one
 * dst, which came from different segments, are joined.
 *
 * Layout: a slot and a pair have the same size, so that slots become pairs where they stand, from
 * the start on: a pair is never written beyond the slots that have been read. Memory: 8 bytes a src
 * node, 40 a slot; 48 more a slot of the src with most of them. Cost: two readings of the relation;
 * O(1) a slot.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/sort.h"
#include "base/try.h"
#include "graph/bysrc.h"
#include "graph/wide.h"

/* A pair in the making; src is known by where it stands. */
typedef struct pair_slot {
    uint32_t dst;
    uint32_t events;
    int64_t time_first;
    int64_t time_last;
    rsi_wide amount;
} pair_slot;

_Static_assert(sizeof(pair_slot) == sizeof(rs_pair), "slots become pairs where they stand");

static const pair_slot empty_slot = {
    .time_first = RS_NO_TIME, .time_last = RS_NO_TIME, .amount = {.high = INT64_MIN}};

static void join_time(pair_slot *slot, int64_t first, int64_t last)
{
    if (first == RS_NO_TIME) {
        return;
    }
    if (slot->time_first == RS_NO_TIME || first < slot->time_first) {
        slot->time_first = first;
    }
    if (last > slot->time_last) { /* RS_NO_TIME is before all others */
        slot->time_last = last;
    }
}

static void join_slot(pair_slot *slot, const pair_slot *more)
{
    uint64_t events = (uint64_t)slot->events + more->events;
    slot->events = events > UINT32_MAX ? UINT32_MAX : (uint32_t)events;
    join_time(slot, more->time_first, more->time_last);
    rsi_wide_join(&slot->amount, more->amount);
}

static void join_edge(pair_slot *slot, const rs_edges *run, size_t i)
{
    slot->events += slot->events != UINT32_MAX;
    if (run->time != NULL) {
        join_time(slot, run->time[i], run->time[i]);
    }
    if (run->amount != NULL) {
        rsi_wide_add(&slot->amount, run->amount[i]);
    }
}

/* `*at` is the slot of the edge before. False where there are more slots than were counted. */
static bool fill_run(rsi_bysrc *bysrc, const rsi_edge_stream *stream, const rs_edges *run,
                     pair_slot *slots, pair_slot **at)
{
    for (size_t i = 0; i < run->count; i++) {
        rsi_bysrc_expect(bysrc, stream, run, i);
        rsi_bysrc_expect_slot(bysrc, run, i, slots, sizeof *slots);
        if (rsi_bysrc_starts(bysrc, stream, run->src[i], run->dst[i])) {
            uint64_t place = rsi_bysrc_place(bysrc, run->src[i]);
            if (place >= bysrc->slot_count) {
                return false;
            }
            *at = &slots[place];
            **at = empty_slot;
            (*at)->dst = stream->dst.node_of[run->dst[i]];
        }
        if (!bysrc->last_is_self) {
            join_edge(*at, run, i);
        }
    }
    return true;
}

static rs_status fill(rsi_bysrc *bysrc, const rs_graph *graph, size_t relation, pair_slot *slots,
                      const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_edge_stream stream = {0};
    rs_edges run = {0};
    pair_slot *at = NULL;
    rsi_bysrc_restart(bysrc);
    RS_TRY(rsi_edge_stream_open(&stream, graph, relation, RS_SCAN_TIME | RS_SCAN_AMOUNT, err));
    stream.work = work;
    stream.stage = "adding up pairs";
    do {
        RS_TRY(rsi_edge_stream_next(&stream, &run, err));
        if (!fill_run(bysrc, &stream, &run, slots, &at)) {
            status = rsi_edge_stream_changed(&stream, err);
            goto done;
        }
    } while (run.count > 0);
done:
    rsi_edge_stream_close(&stream);
    return status;
}

/* Room for the slots of one src, and keys dst << 32 | number to sort them by. */
typedef struct sort_desk {
    pair_slot *slots;
    uint64_t *keys;
    uint64_t *scratch;
} sort_desk;

static rs_status make_desk(sort_desk *desk, size_t most, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_graph_array(&desk->slots, most, sizeof *desk->slots, err));
    RS_TRY(rsi_graph_array(&desk->keys, most, sizeof *desk->keys, err));
    RS_TRY(rsi_graph_array(&desk->scratch, most, sizeof *desk->scratch, err));
done:
    return status;
}

static void write_pair(char *to, uint32_t src, const pair_slot *slot)
{
    rs_pair pair = {.a = src,
                    .b = slot->dst,
                    .events = slot->events,
                    .amount = rsi_wide_clamp(slot->amount),
                    .time_first = slot->time_first,
                    .time_last = slot->time_last};
    memcpy(to, &pair, sizeof pair);
}

/* Turn the `count` slots of `src`, which are on the desk, into pairs at `to`; returns how many. */
static rs_status merge_src(sort_desk *desk, size_t count, uint32_t src, char *to, size_t *pairs,
                           rs_error *err)
{
    for (size_t i = 0; i < count; i++) {
        desk->keys[i] = (uint64_t)desk->slots[i].dst << 32 | i;
    }
    rs_status status = rsi_sort_u64(desk->keys, count, desk->scratch, err);
    if (status != RS_OK) {
        return status;
    }
    size_t made = 0;
    for (size_t i = 0; i < count; made++) {
        pair_slot *joined = &desk->slots[(uint32_t)desk->keys[i]];
        for (i++; i < count && desk->slots[(uint32_t)desk->keys[i]].dst == joined->dst; i++) {
            join_slot(joined, &desk->slots[(uint32_t)desk->keys[i]]);
        }
        write_pair(to + made * sizeof(rs_pair), src, joined);
    }
    *pairs = made;
    return RS_OK;
}

static rs_status merge(const rsi_bysrc *bysrc, char *slots, size_t *pair_count, rs_error *err)
{
    rs_status status = RS_OK;
    sort_desk desk = {0};
    size_t made = 0;
    size_t most = rsi_bysrc_most(bysrc);
    if (most > UINT32_MAX) { /* the numbers in desk.keys have 32 bits */
        return rs_fail(err, RS_ENOMEM, "a node with more than %" PRIu32 " ties", UINT32_MAX);
    }
    RS_TRY(make_desk(&desk, most, err));
    for (uint32_t rank = 0; rank < bysrc->src_count; rank++) {
        size_t begin = (size_t)rsi_bysrc_begin(bysrc, rank);
        size_t count = (size_t)rsi_bysrc_begin(bysrc, rank + 1) - begin;
        size_t pairs = 0;
        if (count > 0) {
            memcpy(desk.slots, slots + begin * sizeof(pair_slot), count * sizeof(pair_slot));
        }
        RS_TRY(merge_src(&desk, count, bysrc->src_first + rank, slots + made * sizeof(rs_pair),
                         &pairs, err));
        made += pairs;
    }
    *pair_count = made;
done:
    free(desk.scratch);
    free(desk.keys);
    free(desk.slots);
    return status;
}

rs_status rs_graph_pairs(const rs_graph *graph, size_t relation, rs_pair **out, size_t *count,
                         const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_bysrc bysrc = {0};
    char *slots = NULL;
    size_t made = 0;
    RS_TRY(rsi_bysrc_find(&bysrc, graph, relation, work, err));
    RS_TRY(rsi_graph_array(&slots, bysrc.slot_count, sizeof(pair_slot), err));
    RS_TRY(fill(&bysrc, graph, relation, (pair_slot *)(void *)slots, work, err));
    RS_TRY(merge(&bysrc, slots, &made, err));
    char *shrunk = realloc(slots, (made == 0 ? 1 : made) * sizeof(rs_pair));
    slots = shrunk == NULL ? slots : shrunk; /* what did not shrink serves as well */
    *count = made;
    memcpy(out, &slots, sizeof slots);
    slots = NULL; /* moved to the caller */
done:
    free(slots);
    rsi_bysrc_free(&bysrc);
    return status;
}
