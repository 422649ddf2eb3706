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

/* Links by their pair, the ends being entities: as they stand where each account is one by itself,
 * else by `records` (key: the pair; value: the place of the link), without those inside an entity.
 */
typedef struct ordering {
    const rs_link *links;
    rsi_record *records;
    size_t count;
} ordering;

static uint64_t pair_at(const ordering *o, size_t i)
{
    return o->records != NULL ? o->records[i].key : (uint64_t)o->links[i].a << 32 | o->links[i].b;
}

static const rs_link *link_at(const ordering *o, size_t i)
{
    return &o->links[o->records != NULL ? o->records[i].value : i];
}

static uint32_t end_of(const rs_evidence *evidence, uint32_t subjects, uint32_t node)
{
    return node < subjects ? evidence->entity[node] : node;
}

static rs_status order_links(const rs_evidence *evidence, uint32_t subjects, ordering *o,
                             rs_error *err)
{
    uint32_t alone = 0;
    *o = (ordering){.links = evidence->links, .count = evidence->link_count};
    while (alone < subjects && evidence->entity[alone] == alone) {
        alone++;
    }
    if (alone == subjects) {
        return RS_OK;
    }
    o->records = malloc((evidence->link_count + 1) * sizeof *o->records);
    if (o->records == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu links)", evidence->link_count);
    }
    o->count = 0;
    for (size_t i = 0; i < evidence->link_count; i++) {
        uint32_t a = end_of(evidence, subjects, evidence->links[i].a);
        uint32_t b = end_of(evidence, subjects, evidence->links[i].b);
        if (a != b) {
            uint64_t key = a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;
            o->records[o->count++] = (rsi_record){.key = key, .value = i};
        }
    }
    return rsi_sort_records(o->records, o->count, NULL, err);
}

/* The weight of one pair: its links from .. end-1, of any relations in any order. `sums` has one
 * entry for each relation and kind, all 0 before and after. */
static uint32_t pair_weight(const ordering *o, size_t from, size_t end, uint64_t *sums)
{
    uint64_t strongest = 0;
    uint64_t rest = 0;
    uint64_t in_time = 0;
    size_t kinds = rs_evidence_kind_count();
    for (size_t i = from; i < end; i++) {
        const rs_link *link = link_at(o, i);
        sums[link->relation * kinds + link->kind] += link->weight;
    }
    for (size_t i = from; i < end; i++) {
        const rs_link *link = link_at(o, i);
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
    ordering order = {0};
    uint32_t *number = NULL;
    uint64_t *sums = NULL;
    *out = (rs_evidence_graph){0};
    RS_TRY(order_links(evidence, rs_graph_subject_count(graph), &order, err));
    for (size_t i = 0; i < order.count; i++) {
        out->link_count += i == 0 || pair_at(&order, i) != pair_at(&order, i - 1);
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
    for (size_t i = 0, end; i < order.count; i = end) {
        uint64_t pair = pair_at(&order, i);
        for (end = i + 1; end < order.count && pair_at(&order, end) == pair; end++) {
        }
        out->a[at] = (uint32_t)(pair >> 32);
        out->b[at] = (uint32_t)pair;
        out->weight[at++] = pair_weight(&order, i, end, sums);
    }
    RS_TRY(number_nodes(graph, out, &number, err));
    for (size_t i = 0; i < out->link_count; i++) {
        out->a[i] = number[out->a[i]];
        out->b[i] = number[out->b[i]];
    }
done:
    free(sums);
    free(number);
    free(order.records);
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
