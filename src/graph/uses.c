/* uses.c - single uses of shared things in order of thing, time and user.
 *
 * As groups.c: a first pass counts, a second puts each use into its thing's place, then each
 * thing's uses are sorted by themselves.
 *
 * Memory: 8 bytes a thing, 12 a shared thing, 24 a use; 32 more a use of the most used thing.
 * Cost: two readings of the relation and O(1) a use.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/sort.h"
#include "base/try.h"
#include "graph/shared.h"

#define SIGN (UINT64_C(1) << 63) /* turns the order of int64_t into that of uint64_t */

static bool use_run(rsi_shared *shared, const rs_edges *run, const rsi_end *user, rs_use *uses)
{
    const uint32_t *things = shared->thing_is_src ? run->src : run->dst;
    const uint32_t *users = shared->thing_is_src ? run->dst : run->src;
    for (size_t i = 0; run->time != NULL && i < run->count; i++) {
        uint32_t group = shared->seen[things[i]].group;
        if (group == RS_NO_NODE || run->time[i] == RS_NO_TIME) {
            continue;
        }
        uint64_t place = rsi_shared_place(shared, group);
        if (place >= shared->slot_count) {
            return false;
        }
        uses[place] = (rs_use){.thing = shared->things[group],
                               .user = user->node_of[users[i]],
                               .time = run->time[i],
                               .precision_s = run->precision_s == NULL ? 1 : run->precision_s[i]};
    }
    return true;
}

static rs_status read_uses(rsi_shared *shared, const rs_graph *graph, size_t relation, rs_use *uses,
                           const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_edge_stream stream = {0};
    rs_edges run = {0};
    RS_TRY(rsi_edge_stream_open(&stream, graph, relation, RS_SCAN_TIME, err));
    stream.work = work;
    stream.stage = "ordering uses in time";
    const rsi_end *user = shared->thing_is_src ? &stream.dst : &stream.src;
    do {
        RS_TRY(rsi_edge_stream_next(&stream, &run, err));
        if (!use_run(shared, &run, user, uses)) {
            status = rsi_edge_stream_changed(&stream, err);
            goto done;
        }
    } while (run.count > 0);
done:
    rsi_edge_stream_close(&stream);
    return status;
}

static bool before(const rs_use *a, const rs_use *b)
{
    if (a->time != b->time) {
        return a->time < b->time;
    }
    return a->user != b->user ? a->user < b->user : a->precision_s < b->precision_s;
}

static void sort_few(rs_use *uses, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        rs_use moving = uses[i];
        size_t hole = i;
        while (hole > 0 && before(&moving, &uses[hole - 1])) {
            uses[hole] = uses[hole - 1];
            hole--;
        }
        uses[hole] = moving;
    }
}

/* By (user, precision) first and then, stably, by time. `records` has room for twice `count`. */
static rs_status sort_many(rs_use *uses, size_t count, rsi_record *records, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_record *scratch = records + count;
    uint32_t thing = uses[0].thing;
    for (size_t i = 0; i < count; i++) {
        records[i] = (rsi_record){.key = (uint64_t)uses[i].user << 32 | uses[i].precision_s,
                                  .value = (uint64_t)uses[i].time ^ SIGN};
    }
    RS_TRY(rsi_sort_records(records, count, scratch, err));
    for (size_t i = 0; i < count; i++) {
        records[i] = (rsi_record){.key = records[i].value, .value = records[i].key};
    }
    RS_TRY(rsi_sort_records(records, count, scratch, err));
    for (size_t i = 0; i < count; i++) {
        uses[i] = (rs_use){.thing = thing,
                           .user = (uint32_t)(records[i].value >> 32),
                           .time = (int64_t)(records[i].key ^ SIGN),
                           .precision_s = (uint32_t)records[i].value};
    }
done:
    return status;
}

static size_t most_uses(const rsi_shared *shared)
{
    uint64_t most = 0;
    for (uint32_t g = 0; g < shared->count; g++) {
        uint64_t count = shared->first[g + 1] - shared->first[g];
        most = count > most ? count : most;
    }
    return (size_t)most;
}

static rs_status sort_uses(const rsi_shared *shared, rs_use *uses, rs_error *err)
{
    enum { FEW = 32 };
    rs_status status = RS_OK;
    rsi_record *records = NULL;
    size_t most = most_uses(shared);
    if (most > FEW) {
        RS_TRY(rsi_graph_array(&records, most, 2 * sizeof *records, err));
    }
    for (uint32_t g = 0; g < shared->count; g++) {
        rs_use *group = uses + shared->first[g];
        size_t count = (size_t)(shared->first[g + 1] - shared->first[g]);
        if (count <= FEW) {
            sort_few(group, count);
        } else {
            RS_TRY(sort_many(group, count, records, err));
        }
    }
done:
    free(records);
    return status;
}

rs_status rs_graph_uses(const rs_graph *graph, size_t relation, rs_use **out, size_t *count,
                        const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_shared shared = {0};
    rs_use *uses = NULL;
    RS_TRY(rsi_shared_find(&shared, graph, relation, RSI_SLOT_EVENT, NULL, work, err));
    RS_TRY(rsi_graph_room(work, rs_store_relation(graph->store, relation).name, "uses in time",
                          shared.slot_count * sizeof *uses, err));
    RS_TRY(rsi_graph_array(&uses, shared.slot_count, sizeof *uses, err));
    RS_TRY(read_uses(&shared, graph, relation, uses, work, err));
    RS_TRY(sort_uses(&shared, uses, err));
    *count = (size_t)shared.slot_count;
    *out = uses;
    uses = NULL; /* moved to the caller */
done:
    free(uses);
    rsi_shared_free(&shared);
    return status;
}
