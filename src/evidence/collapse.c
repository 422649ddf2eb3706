/* collapse.c - all links as one weighted graph of entities and things.
 *
 * Links of one pair through the same relation add up; over relations the strongest counts whole and
 * the others 0.15 each: the device, card and address of one household are one coincidence, not
 * three. What a pair does in time no household explains: that counts whole. A pair's weight is
 * capped at 1 << 24 (16.0), so that sums over 2^29 links stay exact in doubles.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/sort.h"
#include "base/try.h"
#include "ringscope/evidence.h"

#define PAIR_WEIGHT_MAX (UINT64_C(1) << 24)

/* 0.15 of `weight`: what a second relation adds to a household. */
static uint64_t rest_of(uint64_t weight)
{
    return weight * 3 / 20;
}

static uint32_t end_of(const rs_evidence *evidence, uint32_t subjects, uint32_t node)
{
    return node < subjects ? evidence->entity[node] : node;
}

/* Links by (entity a, entity b), then as they stand; those inside one entity are left out. */
static rs_status order_links(const rs_graph *graph, const rs_evidence *evidence, rsi_record **out,
                             size_t *count, rs_error *err)
{
    uint32_t subjects = rs_graph_subject_count(graph);
    rsi_record *order = malloc((evidence->link_count + 1) * sizeof *order);
    if (order == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu links)", evidence->link_count);
    }
    size_t kept = 0;
    bool in_order = true;
    for (size_t i = 0; i < evidence->link_count; i++) {
        uint32_t a = end_of(evidence, subjects, evidence->links[i].a);
        uint32_t b = end_of(evidence, subjects, evidence->links[i].b);
        if (a != b) {
            uint64_t key = a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;
            in_order = in_order && (kept == 0 || order[kept - 1].key <= key);
            order[kept++] = (rsi_record){.key = key, .value = i};
        }
    }
    /* Links stand by (a, b): only entities of several accounts can have upset that. */
    rs_status status = in_order ? RS_OK : rsi_sort_records(order, kept, NULL, err);
    if (status != RS_OK) {
        free(order);
        return status;
    }
    *out = order;
    *count = kept;
    return RS_OK;
}

/* The weight of one pair: its links order[0 .. count-1], of any relations in any order. `sums` has
 * one entry for each relation and kind, all 0 before and after. */
static uint32_t pair_weight(const rs_evidence *evidence, const rsi_record *order, size_t count,
                            uint64_t *sums)
{
    uint64_t strongest = 0;
    uint64_t rest = 0;
    uint64_t in_time = 0;
    size_t kinds = rs_evidence_kind_count();
    for (size_t i = 0; i < count; i++) {
        const rs_link *link = &evidence->links[order[i].value];
        sums[link->relation * kinds + link->kind] += link->weight;
    }
    for (size_t i = 0; i < count; i++) {
        const rs_link *link = &evidence->links[order[i].value];
        uint64_t *sum = &sums[link->relation * kinds + link->kind];
        if (rs_evidence_kind_in_time(link->kind)) {
            in_time += *sum;
            *sum = 0;
            continue;
        }
        rest += rest_of(*sum);
        strongest = *sum > strongest ? *sum : strongest;
        *sum = 0;
    }
    uint64_t weight = rest - rest_of(strongest) + strongest + in_time;
    return (uint32_t)(weight < PAIR_WEIGHT_MAX ? weight : PAIR_WEIGHT_MAX);
}

/* Number the nodes that links touch, ascending; number[] has RS_NO_NODE elsewhere. */
static rs_status number_nodes(const rs_graph *graph, rs_evidence_graph *out, uint32_t **number,
                              rs_error *err)
{
    uint32_t all = rs_graph_node_count(graph);
    uint32_t subjects = rs_graph_subject_count(graph);
    uint32_t *map = malloc(((size_t)all + 1) * sizeof *map);
    if (map == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u nodes)", all);
    }
    *number = map;
    memset(map, 0xff, ((size_t)all + 1) * sizeof *map);
    for (size_t i = 0; i < out->link_count; i++) {
        map[out->a[i]] = 0;
        map[out->b[i]] = 0;
    }
    for (uint32_t v = 0; v < all; v++) {
        out->node_count += map[v] == 0;
    }
    out->nodes = malloc(((size_t)out->node_count + 1) * sizeof *out->nodes);
    out->is_member = malloc((size_t)out->node_count + 1);
    if (out->nodes == NULL || out->is_member == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u nodes with evidence)", out->node_count);
    }
    uint32_t next = 0;
    for (uint32_t v = 0; v < all; v++) {
        if (map[v] == 0) {
            out->nodes[next] = v;
            out->is_member[next] = v < subjects;
            map[v] = next++;
        }
    }
    return RS_OK;
}

rs_status rs_evidence_collapse(const rs_graph *graph, const rs_evidence *evidence,
                               rs_evidence_graph *out, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_record *order = NULL;
    uint32_t *number = NULL;
    uint64_t *sums = NULL;
    size_t count = 0;
    *out = (rs_evidence_graph){0};
    RS_TRY(order_links(graph, evidence, &order, &count, err));
    for (size_t i = 0; i < count; i++) {
        out->link_count += i == 0 || order[i].key != order[i - 1].key;
    }
    out->a = malloc((out->link_count + 1) * sizeof *out->a);
    out->b = malloc((out->link_count + 1) * sizeof *out->b);
    out->weight = malloc((out->link_count + 1) * sizeof *out->weight);
    sums = calloc(evidence->relation_count * rs_evidence_kind_count() + 1, sizeof *sums);
    if (out->a == NULL || out->b == NULL || out->weight == NULL || sums == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu links)", out->link_count);
        goto done;
    }
    size_t at = 0;
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && order[end].key == order[i].key; end++) {
        }
        out->a[at] = (uint32_t)(order[i].key >> 32);
        out->b[at] = (uint32_t)order[i].key;
        out->weight[at++] = pair_weight(evidence, order + i, end - i, sums);
    }
    RS_TRY(number_nodes(graph, out, &number, err));
    for (size_t i = 0; i < out->link_count; i++) {
        out->a[i] = number[out->a[i]];
        out->b[i] = number[out->b[i]];
    }
done:
    free(sums);
    free(number);
    free(order);
    if (status != RS_OK) {
        rs_evidence_graph_free(out);
    }
    return status;
}

void rs_evidence_graph_free(rs_evidence_graph *graph)
{
    free(graph->nodes);
    free(graph->is_member);
    free(graph->a);
    free(graph->b);
    free(graph->weight);
    *graph = (rs_evidence_graph){0};
}
