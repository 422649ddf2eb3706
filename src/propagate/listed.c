/* listed.c - ties of things that are on a list. Few things are, so all of it is in memory.
 *
 * Cost: a reading of each relation of kind shared or identity where such a thing is no evidence;
 * 16 bytes a tie.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "propagate/listed.h"

#include <stdlib.h>

#include "base/try.h"
#include "ringscope/evidence.h"

static bool is_listed(const rsi_listed *l, uint32_t node)
{
    return node >= rs_graph_subject_count(l->graph) && l->seed[node] != 0 &&
           l->hard_first[node] == l->hard_first[node + 1];
}

static rs_status add(rsi_listed *l, uint32_t thing, uint32_t user, rs_error *err)
{
    if (l->count == l->room) {
        size_t room = l->room == 0 ? 256 : 2 * l->room;
        rsi_record *listed = realloc(l->ties, room * sizeof *listed);
        if (listed == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu ties of listed things)", room);
        }
        l->ties = listed;
        l->room = room;
    }
    l->ties[l->count++] = (rsi_record){.key = (uint64_t)thing << 32 | user};
    return RS_OK;
}

static rs_status read_relation(rsi_listed *l, size_t relation, rs_error *err)
{
    rs_status status = RS_OK;
    rs_scan *scan = NULL;
    rs_edges run = {0};
    const rs_store *store = rs_graph_store(l->graph);
    uint32_t subjects = rs_graph_subject_count(l->graph);
    rs_relation_info info = rs_store_relation(store, relation);
    int64_t as_of = rs_graph_as_of(l->graph);
    RS_TRY(rs_scan_open(&scan, store, relation, RS_SCAN_TIME, err));
    do {
        RS_TRY(rs_scan_next(scan, &run, err));
        for (size_t i = 0; i < run.count; i++) {
            uint32_t one = rs_graph_node(l->graph, info.src_type, run.src[i]);
            uint32_t other = rs_graph_node(l->graph, info.dst_type, run.dst[i]);
            uint32_t user = one < other ? one : other; /* subjects come first */
            uint32_t thing = one < other ? other : one;
            bool there = run.time == NULL || run.time[i] <= as_of; /* else it may be no node */
            if (there && user < subjects && is_listed(l, thing)) {
                RS_TRY(add(l, thing, user, err));
            }
        }
    } while (run.count > 0);
done:
    rs_scan_close(scan);
    return status;
}

/* The tie of a thing of d users: what it would weigh as evidence, and for a hub a d-th of its
 * rarity. */
static uint64_t listed_weight(uint64_t subjects, uint64_t users)
{
    uint64_t rarity = rs_thing_rarity(subjects, users);
    uint32_t weight = rs_thing_weight(subjects, users, false);
    if (users < 2) {
        return rarity;
    }
    return rs_thing_is_hub(weight, users, RS_RESOLUTION_DEFAULT) ? rarity / users : weight;
}

/* Each tie once, weighed, and at both ends, by node. */
static rs_status settle(rsi_listed *l, rs_error *err)
{
    rs_status status = RS_OK;
    size_t kept = 0;
    RS_TRY(rsi_sort_records(l->ties, l->count, NULL, err));
    for (size_t i = 0; i < l->count; i++) {
        if (kept == 0 || l->ties[kept - 1].key != l->ties[i].key) {
            l->ties[kept++] = l->ties[i];
        }
    }
    l->count = kept;
    for (size_t i = 0, end; i < kept; i = end) {
        uint64_t thing = l->ties[i].key >> 32;
        for (end = i; end < kept && l->ties[end].key >> 32 == thing; end++) {
        }
        uint64_t weight = listed_weight(rs_graph_subject_count(l->graph), end - i);
        for (size_t k = i; k < end; k++) {
            uint64_t user = l->ties[k].key & UINT32_MAX;
            l->ties[k].value = weight;
            RS_TRY(add(l, (uint32_t)user, (uint32_t)thing, err));
            l->ties[l->count - 1].value = weight;
        }
    }
    RS_TRY(rsi_sort_records(l->ties, l->count, NULL, err));
done:
    return status;
}

rs_status rsi_listed_find(rsi_listed *l, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_store *store = rs_graph_store(l->graph);
    bool any = false;
    for (uint32_t v = rs_graph_subject_count(l->graph);
         l->seed != NULL && v < rs_graph_node_count(l->graph) && !any; v++) {
        any = is_listed(l, v);
    }
    for (size_t r = 0; any && r < rs_store_relation_count(store); r++) {
        rs_kind kind = rs_store_relation(store, r).kind;
        if (kind == RS_KIND_SHARED || kind == RS_KIND_IDENTITY) {
            RS_TRY(read_relation(l, r, err));
        }
    }
    if (l->count > 0) {
        RS_TRY(settle(l, err));
    }
done:
    return status;
}
