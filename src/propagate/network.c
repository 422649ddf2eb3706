/* network.c - links of all sorts -> one symmetric adjacency.
 *
 * All links stand as keys (a << 32 | b, a < b) with a weight, are radix sorted, equal keys added
 * up, and written to both ends by counting. Memory: 16 bytes a link twice over while sorting, then
 * 8 bytes a link and direction.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ringscope/network.h"

#include <stdlib.h>
#include <string.h>

#include "base/fixed.h"
#include "base/sort.h"
#include "base/try.h"

#define LINK_WEIGHT_MAX (UINT64_C(1) << 26)

typedef struct link_list {
    rsi_record *links; /* key a << 32 | b, value weight */
    size_t count, room;
} link_list;

static rs_status make_room(link_list *list, size_t more, rs_error *err)
{
    if (list->count + more <= list->room) {
        return RS_OK;
    }
    size_t room = list->count + more;
    rsi_record *links = realloc(list->links, room * sizeof *links);
    if (links == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu links to spread over)", room);
    }
    list->links = links;
    list->room = room;
    return RS_OK;
}

static void add(link_list *list, uint32_t one, uint32_t other, uint64_t weight)
{
    if (weight > 0 && one != other) {
        uint64_t key = one < other ? (uint64_t)one << 32 | other : (uint64_t)other << 32 | one;
        list->links[list->count++] = (rsi_record){.key = key, .value = weight};
    }
}

static rs_status add_evidence(const rs_graph *graph, const rs_evidence *evidence,
                              const rs_evidence_graph *collapsed, link_list *list, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t subjects = rs_graph_subject_count(graph);
    RS_TRY(make_room(list, collapsed->link_count + subjects, err));
    for (size_t i = 0; i < collapsed->link_count; i++) {
        add(list, collapsed->nodes[collapsed->a[i]], collapsed->nodes[collapsed->b[i]],
            collapsed->weight[i]);
    }
    for (uint32_t v = 0; v < subjects; v++) {
        add(list, v, evidence->entity[v], UINT64_C(1) << 20);
    }
done:
    return status;
}

/* An eighth of ln(N/d)/ln N. */
static uint64_t tie_weight(uint64_t subjects, uint64_t partners)
{
    if (subjects < 2 || partners >= subjects) {
        return 0;
    }
    uint64_t ln_all = rsi_ln_q32(subjects);
    return ((ln_all - rsi_ln_q32(partners)) << 17) / ln_all;
}

/* Partners of each subject in one relation: `pairs` ascend, and (a,b) may stand beside (b,a). */
static void count_partners(const rs_pair *pairs, size_t count, uint32_t *partners)
{
    for (size_t i = 0; i < count; i++) {
        partners[pairs[i].a]++;
        partners[pairs[i].b]++;
    }
}

static rs_status add_relation(const rs_graph *graph, size_t relation, uint32_t *partners,
                              uint64_t *weights, link_list *list, const rs_work *work,
                              rs_error *err)
{
    rs_status status = RS_OK;
    rs_pair *pairs = NULL;
    size_t count = 0;
    uint32_t subjects = rs_graph_subject_count(graph);
    RS_TRY(rs_graph_pairs(graph, relation, &pairs, &count, work, err));
    RS_TRY(make_room(list, count, err));
    memset(partners, 0, subjects * sizeof *partners);
    count_partners(pairs, count, partners);
    for (uint32_t v = 0; v < subjects; v++) {
        weights[v] = partners[v] > 0 ? tie_weight(subjects, partners[v]) : 0;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t one = weights[pairs[i].a];
        uint64_t other = weights[pairs[i].b];
        add(list, pairs[i].a, pairs[i].b, one < other ? one : other);
    }
done:
    free(pairs);
    return status;
}

static bool between_subjects(const rs_graph *graph, size_t relation)
{
    const rs_store *store = rs_graph_store(graph);
    rs_relation_info info = rs_store_relation(store, relation);
    return rs_store_type(store, info.src_type).subject &&
           rs_store_type(store, info.dst_type).subject;
}

static rs_status add_relations(const rs_graph *graph, link_list *list, const rs_work *work,
                               rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t subjects = rs_graph_subject_count(graph);
    uint32_t *partners = malloc(((size_t)subjects + 1) * sizeof *partners);
    uint64_t *weights = malloc(((size_t)subjects + 1) * sizeof *weights);
    if (partners == NULL || weights == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u subjects)", subjects);
        goto done;
    }
    size_t relations = rs_store_relation_count(rs_graph_store(graph));
    for (size_t r = 0; r < relations; r++) {
        RS_TRY(rs_work_report(work, "network", "relations", r, relations, err));
        if (between_subjects(graph, r)) {
            RS_TRY(add_relation(graph, r, partners, weights, list, work, err));
        }
    }
done:
    free(partners);
    free(weights);
    return status;
}

/* Add up links of one pair, in place. */
static void merge_equal(link_list *list)
{
    size_t at = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (at > 0 && list->links[at - 1].key == list->links[i].key) {
            list->links[at - 1].value += list->links[i].value;
        } else {
            list->links[at++] = list->links[i];
        }
    }
    list->count = at;
}

/* Sorted links -> rows at both ends. As keys ascend by (a, b), the smaller neighbours of a node all
 * come before the larger ones only if they are written first: two passes. */
static rs_status fill_rows(uint32_t nodes, const link_list *list, rs_network *out, rs_error *err)
{
    uint64_t *next = calloc((size_t)nodes + 1, sizeof *next);
    out->first = calloc((size_t)nodes + 1, sizeof *out->first);
    out->to = malloc((2 * list->count + 1) * sizeof *out->to);
    out->weight = malloc((2 * list->count + 1) * sizeof *out->weight);
    if (next == NULL || out->first == NULL || out->to == NULL || out->weight == NULL) {
        free(next);
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu links to spread over)", list->count);
    }
    for (size_t i = 0; i < list->count; i++) {
        out->first[(list->links[i].key >> 32) + 1]++;
        out->first[(list->links[i].key & UINT32_MAX) + 1]++;
    }
    for (uint32_t v = 0; v < nodes; v++) {
        out->first[v + 1] += out->first[v];
        next[v] = out->first[v];
    }
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < list->count; i++) {
            uint32_t low = (uint32_t)(list->links[i].key >> 32);
            uint32_t high = (uint32_t)list->links[i].key;
            uint64_t weight = list->links[i].value;
            uint32_t row = pass == 0 ? high : low;
            out->to[next[row]] = pass == 0 ? low : high;
            out->weight[next[row]++] =
                (uint32_t)(weight < LINK_WEIGHT_MAX ? weight : LINK_WEIGHT_MAX);
        }
    }
    free(next);
    out->adjacency = (rs_adjacency){
        .node_count = nodes, .first = out->first, .to = out->to, .weight = out->weight};
    return RS_OK;
}

rs_status rs_network_build(const rs_graph *graph, const rs_evidence *evidence,
                           const rs_evidence_graph *collapsed, const rs_work *work, rs_network *out,
                           rs_error *err)
{
    rs_status status = RS_OK;
    link_list list = {0};
    *out = (rs_network){0};
    RS_TRY(add_evidence(graph, evidence, collapsed, &list, err));
    RS_TRY(add_relations(graph, &list, work, err));
    RS_TRY(rsi_sort_records(list.links, list.count, NULL, err));
    merge_equal(&list);
    RS_TRY(fill_rows(rs_graph_node_count(graph), &list, out, err));
done:
    free(list.links);
    if (status != RS_OK) {
        rs_network_free(out);
    }
    return status;
}

void rs_network_free(rs_network *network)
{
    free(network->first);
    free(network->to);
    free(network->weight);
    *network = (rs_network){0};
}
