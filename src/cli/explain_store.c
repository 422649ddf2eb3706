/* explain_store.c - an explanation from the store as it is now: the network is built again with the
 * run's lists, settings and as-of time. For runs that kept none, and on demand.
 *
 * Cost: what a run takes up to the spread, and one reading of every relation that the node's type
 * takes part in.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/try.h"
#include "cli/cli.h"
#include "cli/explain.h"
#include "cli/stages.h"
#include "propagate/view.h"
#include "report/report.h"
#include "report/trace.h"

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

/* The other ends (dense numbers) of the node's edges of one relation with others, up to as_of. */
static rs_status collect_peers(const rs_graph *graph, size_t relation, bool from, uint32_t dense,
                               rsi_buffer *peers, rs_error *err)
{
    rs_status status = RS_OK;
    rs_scan *scan = NULL;
    rs_edges run;
    int64_t as_of = rs_graph_as_of(graph);
    rs_relation_info info = rs_store_relation(rs_graph_store(graph), relation);
    peers->length = 0;
    RS_TRY(rs_scan_open(&scan, rs_graph_store(graph), relation, RS_SCAN_TIME, err));
    do {
        RS_TRY(rs_scan_next(scan, &run, err));
        const uint32_t *own = from ? run.src : run.dst;
        const uint32_t *other = from ? run.dst : run.src;
        for (size_t i = 0; i < run.count; i++) {
            bool visible = run.time == NULL || run.time[i] == RS_NO_TIME || run.time[i] <= as_of;
            bool itself = info.src_type == info.dst_type && other[i] == dense;
            if (own[i] == dense && visible && !itself) {
                RS_TRY(rsi_buffer_add(peers, &other[i], sizeof other[i], err));
            }
        }
    } while (run.count > 0);
done:
    rs_scan_close(scan);
    return status;
}

static rs_status count_side(rsi_why *why, size_t relation, bool from, rsi_buffer *peers,
                            rs_error *err);

/* A thing that one subject alone uses. */
static rs_status add_single(rsi_why *why, size_t relation, bool from, rsi_buffer *peers,
                            rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_stages *stages = why->stages;
    rs_relation_info info = rs_store_relation(stages->store, relation);
    size_t before = why->relation_count;
    bool shares = info.kind == RS_KIND_SHARED || info.kind == RS_KIND_IDENTITY;
    bool used = rs_store_type(stages->store, from ? info.dst_type : info.src_type).subject;
    if (!shares || !used || why->line.risk < RSI_TRACE_TOLD) {
        return RS_OK;
    }
    RS_TRY(count_side(why, relation, from, peers, err));
    if (why->relation_count > before) {
        uint32_t user = rs_graph_node(stages->graph, from ? info.dst_type : info.src_type,
                                      ((const uint32_t *)(const void *)peers->bytes)[0]);
        rsi_why_keep_user(why, (rsi_why_user){.node = user, .spread = stages->spread[user]});
        why->users_in_all = why->users_in_all > 1 ? why->users_in_all : 1;
    }
done:
    return status;
}

/* Who uses a thing through a relation: as the run keeps it. */
static rs_status add_uses(rsi_why *why, size_t relation, rsi_buffer *peers, rs_error *err)
{
    const rs_store *store = why->stages->store;
    rs_relation_info info = rs_store_relation(store, relation);
    const rs_groups *groups = &why->stages->evidence.groups[relation];
    rsi_why_relation *side = &why->relations[why->relation_count];
    uint32_t g = 0;
    while (g < groups->count && groups->things[g] != why->node) {
        g++;
    }
    bool from = strcmp(rs_store_type(store, info.src_type).name, why->type) == 0;
    bool of_type = from || strcmp(rs_store_type(store, info.dst_type).name, why->type) == 0;
    if (!of_type || why->line.risk < RSI_TRACE_TOLD) {
        return RS_OK;
    }
    if (g == groups->count) {
        return add_single(why, relation, from, peers, err);
    }
    *side = (rsi_why_relation){.from = from,
                               .other_type =
                                   rs_store_type(store, from ? info.dst_type : info.src_type).name,
                               .label = rsi_relation_label(store, relation),
                               .peer_count = groups->first[g + 1] - groups->first[g]};
    for (uint64_t i = groups->first[g]; i < groups->first[g + 1]; i++) {
        uint32_t user = groups->users[i];
        side->edge_count += groups->events[i];
        rsi_why_keep_user(why, (rsi_why_user){.node = user, .spread = why->stages->spread[user]});
    }
    why->relation_count++;
    why->users_in_all = side->peer_count > why->users_in_all ? side->peer_count : why->users_in_all;
    return side->label != NULL ? RS_OK
                               : rs_fail(err, RS_ENOMEM, "out of memory (name of a relation)");
}

static rs_status count_side(rsi_why *why, size_t relation, bool from, rsi_buffer *peers,
                            rs_error *err)
{
    rs_status status = RS_OK;
    const rs_graph *graph = why->stages->graph;
    const rs_store *store = rs_graph_store(graph);
    rs_relation_info info = rs_store_relation(store, relation);
    size_t other_type = from ? info.dst_type : info.src_type;
    rsi_why_relation *side = &why->relations[why->relation_count];
    *side = (rsi_why_relation){.from = from, .other_type = rs_store_type(store, other_type).name};
    RS_TRY(collect_peers(graph, relation, from, rs_graph_dense(graph, why->node), peers, err));
    uint32_t *nodes = (uint32_t *)(void *)peers->bytes;
    side->edge_count = peers->length / sizeof *nodes;
    side->peer_count = make_distinct(nodes, side->edge_count);
    if (side->edge_count > 0) {
        side->label = rsi_relation_label(store, relation);
        why->relation_count++;
        if (side->label == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (name of a relation)");
        }
    }
done:
    return status;
}

static rs_status count_relations(rsi_why *why, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer peers = {0};
    const rs_store *store = why->stages->store;
    size_t count = rs_store_relation_count(store);
    size_t type = rs_store_type_named(store, why->type);
    bool first = true;
    why->relations = calloc(2 * count + 1, sizeof *why->relations);
    if (why->relations == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    RS_TRY(rsi_why_add_plain(why, "", true, err));
    for (size_t i = 0; i < count; i++) {
        rs_relation_info info = rs_store_relation(store, i);
        bool subject = why->node < why->subjects;
        if (!subject) {
            RS_TRY(add_uses(why, i, &peers, err));
        }
        if (subject && info.src_type == type) {
            RS_TRY(count_side(why, i, true, &peers, err));
        }
        if (subject && info.dst_type == type) {
            RS_TRY(count_side(why, i, false, &peers, err));
        }
        if (rs_store_type(store, info.src_type).subject &&
            rs_store_type(store, info.dst_type).subject) {
            RS_TRY(rsi_why_add_plain(why, info.name, first, err));
            first = false;
        }
    }
done:
    rsi_buffer_free(&peers);
    return status;
}

/* ---- ties and names -------------------------------------------------------------------------- */

/* The strongest evidence link between two nodes of a path, or NULL: another relation ties them. */
static const rs_link *find_link(const rs_evidence *evidence, uint32_t a, uint32_t b)
{
    uint32_t low_node = a < b ? a : b;
    uint32_t high_node = a < b ? b : a;
    const rs_link *links = evidence->links;
    size_t low = 0;
    size_t high = evidence->link_count;
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
    for (; low < evidence->link_count && links[low].a == low_node && links[low].b == high_node;
         low++) {
        best = best == NULL || links[low].weight > best->weight ? &links[low] : best;
    }
    return best;
}

static rs_status find_tie(rsi_why_tie *tie, const rsi_stages *stages, uint32_t a, uint32_t b,
                          rs_error *err)
{
    const rs_link *link = find_link(&stages->evidence, a, b);
    tie->thing = RS_NO_NODE;
    if (link == NULL) {
        return RS_OK;
    }
    tie->kind = rs_evidence_kind_name(link->kind);
    tie->thing = link->thing;
    if (link->relation < rs_store_relation_count(stages->store)) {
        tie->label = rsi_relation_label(stages->store, link->relation);
        if (tie->label == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (name of a relation)");
        }
    }
    return RS_OK;
}

static rs_status find_ties(rsi_why *why, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t i = 0; i < why->spread.path_count; i++) {
        const rs_path *path = &why->spread.paths[i];
        for (uint32_t k = 1; k < path->length; k++) {
            RS_TRY(find_tie(&why->ties[i][k - 1], why->stages, path->nodes[k - 1], path->nodes[k],
                            err));
        }
    }
done:
    return status;
}

static const rs_list_entry *entry_of(const rs_list *list, uint32_t node)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->entries[i].node == node) {
            return &list->entries[i];
        }
    }
    return NULL;
}

static rs_status name_node(rsi_why_node *named, const rsi_stages *stages, const rs_ids *ids,
                           rs_error *err)
{
    rs_status status = RS_OK;
    rs_text id = rs_ids_of(ids, named->node);
    const rs_list_entry *black = entry_of(&stages->blacklist, named->node);
    const rs_list_entry *white = entry_of(&stages->whitelist, named->node);
    const rs_list_entry *entry = black != NULL ? black : white;
    named->type = rs_graph_range_of(stages->graph, named->node).type;
    named->id_length = id.length;
    RS_TRY(rsi_why_copy(&named->id, id.bytes, id.length, err));
    if (entry != NULL) {
        named->list = black != NULL ? "blacklisted" : "whitelisted";
        RS_TRY(rsi_why_copy(&named->reason, entry->reason, strlen(entry->reason), err));
    }
done:
    return status;
}

static rs_status name_nodes(rsi_why *why, rs_error *err)
{
    rs_status status = RS_OK;
    rs_ids *ids = NULL;
    const rs_graph *graph = why->stages->graph;
    uint8_t *wanted = calloc((size_t)rs_graph_node_count(graph) + 1, 1);
    if (wanted == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < why->node_count; i++) {
        wanted[why->nodes[i].node] = 1;
    }
    RS_TRY(rs_graph_ids(graph, wanted, &ids, err));
    for (size_t i = 0; i < why->node_count; i++) {
        RS_TRY(name_node(&why->nodes[i], why->stages, ids, err));
    }
done:
    rs_ids_free(ids);
    free(wanted);
    return status;
}

/* ---- the run --------------------------------------------------------------------------------- */

/* The paths of a run's files, by rs_run_file. */
typedef struct paths {
    char *of[RS_RUN_SIDECAR + 1];
} paths;

static void free_paths(paths *all)
{
    for (size_t i = 0; i <= RS_RUN_SIDECAR; i++) {
        free(all->of[i]);
    }
}

static rs_status find_paths(paths *all, const char *store_path, const rs_run_id *run, rs_error *err)
{
    for (size_t i = 0; i <= RS_RUN_SIDECAR; i++) {
        all->of[i] = rs_run_path(store_path, run, (rs_run_file)i);
        if (all->of[i] == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory");
        }
    }
    return RS_OK;
}

/* What the run wrote of the node: its line of risks, and itself as a member of its ring. */
static rs_status read_findings(rsi_why *why, const paths *all, rs_error *err)
{
    rs_status status = RS_OK;
    rs_report *report = NULL;
    const rs_cluster *cluster;
    RS_TRY(rs_risks_find(all->of[RS_RUN_RISKS], rsi_text(why->type), why->id, &why->line, err));
    if (why->line.ring[0] == '\0') {
        return RS_OK;
    }
    RS_TRY(rs_report_open(&report, all->of[RS_RUN_REPORT], err));
    RS_TRY(rs_report_find(report, rsi_text(why->line.ring), &cluster, err));
    why->ring_members = cluster->member_count;
    why->ring_score = cluster->score;
    for (size_t i = 0; i < cluster->member_count; i++) {
        rs_text id = cluster->members[i].node.id;
        if (id.length == why->id.length && memcmp(id.bytes, why->id.bytes, id.length) == 0) {
            why->membership = cluster->members[i].membership;
            why->role = cluster->members[i].role;
        }
    }
done:
    rs_report_close(report);
    return status;
}

/* ---- the network, as the run saw it ---------------------------------------------------------- */

static rs_status build_network(rsi_why *why, const char *store_path, const paths *all,
                               const rs_run_info *info, rsi_settings *settings, const rs_work *work,
                               rs_error *err)
{
    rs_status status = RS_OK;
    rsi_stages *stages = why->stages;
    rsi_setting_values values;
    RS_TRY(rsi_settings_kept(&values, all->of[RS_RUN_SETTINGS], err));
    *settings = rsi_settings_of(&values);
    settings->graph.as_of = info->as_of;
    rsi_inputs inputs = {.blacklist = all->of[RS_RUN_BLACKLIST],
                         .whitelist = all->of[RS_RUN_WHITELIST],
                         .kept = true};
    RS_TRY(rsi_stages_evidence(stages, store_path, &inputs, settings, work, err));
    why->subjects = rs_graph_subject_count(stages->graph);
    RS_TRY(rs_graph_find(stages->graph, why->type, why->id, &why->node, err));
    if (why->node == RS_NO_NODE) {
        status = rs_fail(err, RS_ENOTFOUND, "the store has no %s \"%.*s\"", why->type,
                         (int)why->id.length, why->id.bytes);
        goto done;
    }
    RS_TRY(rsi_stages_spread(stages, settings, work, err));
done:
    return status;
}

/* What the run would have kept of the counts. */
static rs_status fill_odd(rsi_why *why, const rs_work *work, rs_error *err)
{
    rs_status status = rs_oddity_explain(why->stages->graph, work, why->node, why->odd,
                                         RSI_WHY_ODD_MAX, &why->odd_count, err);
    while (status == RS_OK && why->odd_count > 0 &&
           why->odd[why->odd_count - 1].tail > RSI_TRACE_ODD_MAX) {
        why->odd_count--;
    }
    return status;
}

static rs_status fill(rsi_why *why, const rsi_settings *settings, const rs_work *work,
                      rs_error *err)
{
    rs_status status = RS_OK;
    rsi_stages *stages = why->stages;
    rsi_network_rows *rows = NULL;
    RS_TRY(rsi_network_rows_new(&rows, &stages->network.adjacency, &settings->spread, stages->seed,
                                stages->spread, true, err));
    rsi_view view = rsi_network_rows_view(rows);
    RS_TRY(count_relations(why, err));
    RS_TRY(rsi_view_explain(&view, &settings->spread, why->node,
                            rsi_why_tolerance(stages->spread[why->node]), RSI_REACH_QUICK,
                            &why->spread, err));
    if (why->line.oddity > 0) {
        RS_TRY(fill_odd(why, work, err));
    }
    RS_TRY(find_ties(why, err));
    RS_TRY(rsi_why_gather(why, err));
    RS_TRY(name_nodes(why, err));
done:
    rsi_network_rows_free(rows);
    return status;
}

rs_status rsi_why_from_store(rsi_why *why, const char *store_path, const rs_work *work,
                             rs_error *err)
{
    rs_status status = RS_OK;
    rs_run_info info;
    rsi_settings settings;
    paths all = {{NULL}};
    why->from_store = true;
    why->stages = calloc(1, sizeof *why->stages);
    if (why->stages == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    RS_TRY(find_paths(&all, store_path, &why->run, err));
    RS_TRY(rs_run_read(store_path, &why->run, &info, err));
    for (int file = 0; file < RS_RUN_NETWORK; file++) {
        RS_TRY(rs_run_check(store_path, &why->run, (rs_run_file)file, err));
    }
    RS_TRY(build_network(why, store_path, &all, &info, &settings, work, err));
    RS_TRY(read_findings(why, &all, err));
    RS_TRY(fill(why, &settings, work, err));
done:
    free_paths(&all);
    return status;
}
