/* uses.c - single uses of shared things in order of thing, time and user.
 *
 * As groups.c: a first pass counts, a second puts each use into its thing's place, then each
 * thing's uses are sorted by themselves.
 *
 * Memory: 8 bytes a thing, 12 a shared thing, 24 a use; 40 more a use of the most used thing.
 * Cost: two readings of the relation and O(1) a use.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/sort_entries.h"
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

static int compare(const void *left, const void *right)
{
    const rs_use *a = left;
    const rs_use *b = right;
    if (a->time != b->time) {
        return a->time < b->time ? -1 : 1;
    }
    if (a->user != b->user) {
        return a->user < b->user ? -1 : 1;
    }
    return (a->precision_s > b->precision_s) - (a->precision_s < b->precision_s);
}

static uint64_t key(const void *entry)
{
    const rs_use *use = entry;
    return (uint64_t)use->time ^ SIGN;
}

static rs_status sort_uses(const rsi_shared *shared, rs_use *uses, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_entry_order order = {.size = sizeof *uses, .key = key, .compare = compare};
    for (uint32_t g = 0; g < shared->count; g++) {
        size_t count = (size_t)(shared->first[g + 1] - shared->first[g]);
        RS_TRY(rsi_sort_entries(uses + shared->first[g], count, order, err));
    }
done:
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
