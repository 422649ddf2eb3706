/* groups.c - things and their distinct users: two passes over a relation, no global sort.
 *
 * The first pass (shared.c) counts, so that the second can put every use straight into its group.
 * Only then is each group sorted and its repeated users added up.
 *
 * Layout: while a group is filled its entries are user << 32 | events.
 * Memory: 8 bytes a thing; 12 a shared thing and 8 a use of one, at the end 16 a use for a moment.
 * Cost: two readings of the relation and O(1) a use; a group is sorted in linear time.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "graph/groups.h"

#include <stdlib.h>

#include "base/expect.h"
#include "base/sort.h"
#include "base/try.h"
#include "graph/shared.h"

typedef struct group_filling {
    rsi_shared shared;
    uint64_t *slots;
    uint64_t *last; /* where the edge before this one was counted; NULL: it was dropped */
    uint32_t last_thing;
    uint32_t last_user;
} group_filling;

static void count_one_more(uint64_t *slot)
{
    if ((uint32_t)*slot != UINT32_MAX) {
        ++*slot;
    }
}

/* Things come at random, and so do the places of their users: each is asked for before its turn. */
RSI_EXPECT void expect(const group_filling *filling, const uint32_t *things, size_t count, size_t i)
{
    enum { AHEAD = 32, NEAR = 16, NEXT = 8 };
    const rsi_shared *shared = &filling->shared;
    if (i + AHEAD < count) {
        uint32_t near = shared->seen[things[i + NEAR]].group;
        uint32_t next = shared->seen[things[i + NEXT]].group;
        __builtin_prefetch(&shared->seen[things[i + AHEAD]]);
        if (near != RS_NO_NODE) {
            __builtin_prefetch(&shared->first[near + 1], 1);
        }
        if (next != RS_NO_NODE) {
            __builtin_prefetch(&filling->slots[shared->first[next + 1]], 1);
        }
    }
}

/* False where a group would get more than the first pass counted in all. */
static bool fill_run(group_filling *filling, const rs_edges *run, const rsi_end *user)
{
    rsi_shared *shared = &filling->shared;
    const uint32_t *things = shared->thing_is_src ? run->src : run->dst;
    const uint32_t *users = shared->thing_is_src ? run->dst : run->src;
    for (size_t i = 0; i < run->count; i++) {
        expect(filling, things, run->count, i);
        if (things[i] == filling->last_thing && users[i] == filling->last_user) {
            if (filling->last != NULL) {
                count_one_more(filling->last);
            }
            continue;
        }
        filling->last = NULL;
        filling->last_thing = things[i];
        filling->last_user = users[i];
        uint32_t group = shared->seen[things[i]].group;
        if (group == RS_NO_NODE) {
            continue;
        }
        uint64_t place = rsi_shared_place(shared, group);
        if (place >= shared->slot_count) {
            return false;
        }
        filling->last = &filling->slots[place];
        *filling->last = (uint64_t)user->node_of[users[i]] << 32 | 1;
    }
    return true;
}

static rs_status fill(group_filling *filling, const rs_graph *graph, size_t relation,
                      const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_edge_stream stream = {0};
    rs_edges run = {0};
    RS_TRY(rsi_edge_stream_open(&stream, graph, relation, 0, err));
    stream.work = work;
    stream.stage = "grouping what is shared";
    const rsi_end *user = filling->shared.thing_is_src ? &stream.dst : &stream.src;
    do {
        RS_TRY(rsi_edge_stream_next(&stream, &run, err));
        if (!fill_run(filling, &run, user)) {
            status = rsi_edge_stream_changed(&stream, err);
            goto done;
        }
    } while (run.count > 0);
done:
    rsi_edge_stream_close(&stream);
    return status;
}

/* Add up the entries of equal users in a sorted group; returns how many remain. */
static uint64_t merge_users(const uint64_t *group, uint64_t count, uint64_t *to)
{
    uint64_t merged = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (merged > 0 && to[merged - 1] >> 32 == group[i] >> 32) {
            uint64_t events = (to[merged - 1] & UINT32_MAX) + (group[i] & UINT32_MAX);
            events = events > UINT32_MAX ? UINT32_MAX : events;
            to[merged - 1] = group[i] >> 32 << 32 | events;
        } else {
            to[merged++] = group[i];
        }
    }
    return merged;
}

/* Sort and merge every group in place; groups move together towards the start. */
static rs_status merge_groups(group_filling *filling, uint64_t *use_count, rs_error *err)
{
    rsi_shared *shared = &filling->shared;
    uint64_t begin = 0;
    uint64_t used = 0;
    for (uint32_t g = 0; g < shared->count; g++) {
        uint64_t end = shared->first[g + 1];
        rs_status status = rsi_sort_u64(filling->slots + begin, (size_t)(end - begin), NULL, err);
        if (status != RS_OK) {
            return status;
        }
        used += merge_users(filling->slots + begin, end - begin, filling->slots + used);
        shared->first[g + 1] = used;
        begin = end;
    }
    *use_count = used;
    return RS_OK;
}

static rs_status hand_over(group_filling *filling, uint64_t use_count, rs_groups *groups,
                           rs_error *err)
{
    rs_status status = RS_OK;
    rsi_shared *shared = &filling->shared;
    RS_TRY(rsi_graph_array(&groups->users, use_count, sizeof *groups->users, err));
    RS_TRY(rsi_graph_array(&groups->events, use_count, sizeof *groups->events, err));
    for (uint64_t i = 0; i < use_count; i++) {
        groups->users[i] = (uint32_t)(filling->slots[i] >> 32);
        groups->events[i] = (uint32_t)filling->slots[i];
    }
    groups->count = shared->count;
    groups->use_count = use_count;
    groups->single_count = shared->single_count;
    groups->things = shared->things;
    groups->first = shared->first;
    shared->things = NULL; /* moved to the caller */
    shared->first = NULL;
done:
    return status;
}

rs_status rsi_groups_find(const rs_graph *graph, size_t relation, uint32_t *singles, rs_groups *out,
                          const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rs_groups groups = {0};
    uint64_t use_count = 0;
    group_filling filling = {.last_thing = RS_NO_NODE, .last_user = RS_NO_NODE};
    RS_TRY(rsi_shared_find(&filling.shared, graph, relation, RSI_SLOT_USER, singles, work, err));
    RS_TRY(rsi_graph_room(work, rs_store_relation(graph->store, relation).name,
                          "the users of things", 16 * filling.shared.slot_count, err));
    RS_TRY(rsi_graph_array(&filling.slots, filling.shared.slot_count, sizeof *filling.slots, err));
    RS_TRY(fill(&filling, graph, relation, work, err));
    RS_TRY(merge_groups(&filling, &use_count, err));
    RS_TRY(hand_over(&filling, use_count, &groups, err));
    *out = groups;
    groups = (rs_groups){0}; /* moved to the caller */
done:
    rs_groups_free(&groups);
    free(filling.slots);
    rsi_shared_free(&filling.shared);
    return status;
}

rs_status rs_graph_groups(const rs_graph *graph, size_t relation, rs_groups *out,
                          const rs_work *work, rs_error *err)
{
    return rsi_groups_find(graph, relation, NULL, out, work, err);
}

void rs_groups_free(rs_groups *groups)
{
    if (groups == NULL) {
        return;
    }
    free(groups->things);
    free(groups->first);
    free(groups->users);
    free(groups->events);
    *groups = (rs_groups){0};
}
