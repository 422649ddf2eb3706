/* explain_count.c - what one node does: its relations in numbers, and who uses it where it is a
 * thing.
 *
 * Cost: one reading of every relation that its type takes part in.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/try.h"
#include "cli/explain.h"

static int compare_nodes(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

/* Sort the peers; returns how many are left once each stands once. */
static size_t make_distinct(uint32_t *peers, size_t count)
{
    size_t kept = 0;
    if (count > 1) {
        qsort(peers, count, sizeof *peers, compare_nodes);
    }
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || peers[i] != peers[i - 1]) {
            peers[kept++] = peers[i];
        }
    }
    return kept;
}

/* The other ends (dense numbers) of the node's edges of one relation, up to as_of. */
static rs_status collect_peers(const rsi_why *why, const rsi_why_relation *side, uint32_t dense,
                               rsi_buffer *peers, rs_error *err)
{
    rs_status status = RS_OK;
    rs_scan *scan = NULL;
    rs_edges run;
    int64_t as_of = rs_graph_as_of(why->graph);
    peers->length = 0;
    RS_TRY(rs_scan_open(&scan, rs_graph_store(why->graph), side->relation, RS_SCAN_TIME, err));
    do {
        RS_TRY(rs_scan_next(scan, &run, err));
        const uint32_t *own = side->from ? run.src : run.dst;
        const uint32_t *other = side->from ? run.dst : run.src;
        for (size_t i = 0; i < run.count; i++) {
            bool visible = run.time == NULL || run.time[i] == RS_NO_TIME || run.time[i] <= as_of;
            if (own[i] == dense && visible) {
                RS_TRY(rsi_buffer_add(peers, &other[i], sizeof other[i], err));
            }
        }
    } while (run.count > 0);
done:
    rs_scan_close(scan);
    return status;
}

/* Put a user among the listed ones: by spread, ties by node. */
static void keep_user(rsi_why *why, rsi_why_user user)
{
    size_t at = why->user_count;
    while (at > 0 &&
           (why->users[at - 1].spread < user.spread ||
            (why->users[at - 1].spread == user.spread && why->users[at - 1].node > user.node))) {
        at--;
    }
    if (at >= RSI_WHY_USERS_MAX) {
        return;
    }
    size_t last = why->user_count < RSI_WHY_USERS_MAX ? why->user_count++ : RSI_WHY_USERS_MAX - 1;
    memmove(&why->users[at + 1], &why->users[at], (last - at) * sizeof *why->users);
    why->users[at] = user;
}

static rs_status add_users(const rsi_why *why, size_t other_type, const uint32_t *peers,
                           size_t count, rsi_buffer *users, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t i = 0; i < count && status == RS_OK; i++) {
        uint32_t node = rs_graph_node(why->graph, other_type, peers[i]);
        if (node < rs_graph_subject_count(why->graph)) {
            status = rsi_buffer_add(users, &node, sizeof node, err);
        }
    }
    return status;
}

static void keep_users(rsi_why *why, const rsi_buffer *users, const int64_t *spread)
{
    uint32_t *nodes = (uint32_t *)(void *)users->bytes;
    why->users_in_all = make_distinct(nodes, users->length / sizeof *nodes);
    for (size_t i = 0; i < why->users_in_all; i++) {
        keep_user(why, (rsi_why_user){.node = nodes[i], .spread = spread[nodes[i]]});
    }
}

static rs_status count_side(rsi_why *why, size_t relation, bool from, rsi_buffer *peers,
                            rsi_buffer *users, rs_error *err)
{
    rs_relation_info info = rs_store_relation(rs_graph_store(why->graph), relation);
    rsi_why_relation *side = &why->relations[why->relation_count];
    *side = (rsi_why_relation){.relation = relation, .from = from};
    rs_status status = collect_peers(why, side, rs_graph_dense(why->graph, why->node), peers, err);
    if (status != RS_OK) {
        return status;
    }
    uint32_t *nodes = (uint32_t *)(void *)peers->bytes;
    side->edge_count = peers->length / sizeof *nodes;
    side->peer_count = make_distinct(nodes, side->edge_count);
    why->relation_count += side->edge_count > 0;
    bool thing = why->node >= rs_graph_subject_count(why->graph);
    bool shares = info.kind == RS_KIND_SHARED || info.kind == RS_KIND_IDENTITY;
    if (thing && shares) {
        status = add_users(why, from ? info.dst_type : info.src_type, nodes, side->peer_count,
                           users, err);
    }
    return status;
}

rs_status rsi_why_count(rsi_why *why, const int64_t *spread, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer peers = {0};
    rsi_buffer users = {0};
    const rs_store *store = rs_graph_store(why->graph);
    size_t count = rs_store_relation_count(store);
    size_t type = rs_store_type_named(store, why->type);
    why->relations = calloc(2 * count + 1, sizeof *why->relations);
    if (why->relations == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        rs_relation_info info = rs_store_relation(store, i);
        if (info.src_type == type) {
            RS_TRY(count_side(why, i, true, &peers, &users, err));
        }
        if (info.dst_type == type) {
            RS_TRY(count_side(why, i, false, &peers, &users, err));
        }
    }
    keep_users(why, &users, spread);
done:
    rsi_buffer_free(&users);
    rsi_buffer_free(&peers);
    return status;
}

const rs_link *rsi_why_link(const rsi_why *why, uint32_t a, uint32_t b)
{
    uint32_t low_node = a < b ? a : b;
    uint32_t high_node = a < b ? b : a;
    const rs_link *links = why->evidence->links;
    size_t low = 0;
    size_t high = why->evidence->link_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const rs_link *link = &links[middle];
        if (link->a < low_node || (link->a == low_node && link->b < high_node)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const rs_link *best = NULL;
    for (; low < why->evidence->link_count && links[low].a == low_node && links[low].b == high_node;
         low++) {
        best = best == NULL || links[low].weight > best->weight ? &links[low] : best;
    }
    return best;
}

void rsi_why_free(rsi_why *why)
{
    free(why->type);
    free(why->relations);
    rs_ids_free(why->ids);
}
