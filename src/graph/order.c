/* order.c - nodes by the 128-bit hash of the id, seeded by their type's name, ties by the id.
 *
 * One pass over the dictionary hashes every id and keeps the upper half; a radix sort orders them.
 * Nodes whose upper halves are equal (about one pair among six thousand million nodes, unless
 * somebody made them so) are ordered by lower half and id in a second pass, which keeps the ids of
 * those alone.
 *
 * Memory: 32 bytes a node of the type while it is sorted; 8 bytes a node remain.
 * Cost: one or two passes over the dictionary, eight moves of 16 bytes a node.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "graph/order.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/sort.h"
#include "base/try.h"

/* A node whose place the upper half of the hash leaves open. */
typedef struct tied {
    uint64_t high;
    uint64_t low;
    const char *bytes; /* the id: an offset in `ids` at first */
    size_t offset;
    size_t length;
    uint32_t dense;
} tied;

typedef struct ordering {
    const rs_graph *graph;
    rs_node_range range;
    size_t dense_first;
    uint32_t dense_count;
    const uint8_t *unseen; /* by dense number; NULL: all are there */
    size_t type;           /* of the store */
    uint64_t seed;
    rsi_order_work *shared;
    bool lead;
    rsi_record *records; /* key: upper half; value: dense number */
    size_t hashed;
    tied *ties;
    size_t tie_count;
    size_t tie_capacity;
    char *ids;
    size_t ids_used;
    size_t ids_capacity;
} ordering;

static rs_status report(ordering *order, uint64_t more, rs_error *err)
{
    rsi_order_work *shared = order->shared;
    uint64_t done = atomic_fetch_add(&shared->done, more) + more;
    if (order->lead) {
        rs_status status =
            rs_work_report(shared->work, "ordering nodes", "nodes", done, shared->node_total, err);
        if (status != RS_OK) {
            atomic_store(&shared->stopped, true);
        }
        return status;
    }
    if (atomic_load(&shared->stopped)) {
        return rs_fail(err, RS_EINTERRUPTED, "interrupted while at \"ordering nodes\"");
    }
    return RS_OK;
}

static rs_status node_twice(const ordering *order, uint32_t dense, rs_error *err)
{
    return rs_fail(err, RS_ECORRUPT, "type \"%s\": node %" PRIu32 " has two ids", order->range.type,
                   dense);
}

static rs_status hash_name(ordering *order, uint32_t node, rs_text id, rs_error *err)
{
    (void)err;
    uint64_t high = rsi_hash_128(id.bytes, id.length, order->seed).high;
    order->records[order->hashed++] = (rsi_record){.key = high, .value = node};
    return RS_OK;
}

/* Call `each` for all ids of the type that are there; every dense number must come once, which the
 * caller checks. */
static rs_status for_each_name(ordering *order,
                               rs_status (*each)(ordering *, uint32_t, rs_text, rs_error *),
                               bool counts, rs_error *err)
{
    enum { REPORT_EVERY = 1 << 14 };
    rs_status status = RS_OK;
    rs_names *names = NULL;
    uint32_t node = RS_NO_NODE;
    uint32_t seen = 0;
    rs_text id = {0};
    RS_TRY(rs_names_open(&names, order->graph->store, order->type, err));
    for (;; seen++) {
        RS_TRY(rs_names_next(names, &node, &id, err));
        if (node == RS_NO_NODE) {
            break;
        }
        if (node >= order->dense_count || seen == order->dense_count) {
            status = rs_fail(err, RS_ECORRUPT,
                             "type \"%s\": node %" PRIu32 " after %" PRIu32
                             " ids, expected %" PRIu32 " nodes",
                             order->range.type, node, seen, order->dense_count);
            goto done;
        }
        if (order->unseen == NULL || order->unseen[node] == 0) {
            if (order->hashed == order->range.count && each == hash_name) {
                status = node_twice(order, node, err);
                goto done;
            }
            RS_TRY(each(order, node, id, err));
        }
        if ((seen + 1) % REPORT_EVERY == 0) {
            RS_TRY(report(order, counts ? REPORT_EVERY : 0, err));
        }
    }
    if (seen != order->dense_count) {
        status = rs_fail(err, RS_ECORRUPT, "type \"%s\": %" PRIu32 " ids, expected %" PRIu32,
                         order->range.type, seen, order->dense_count);
        goto done;
    }
    RS_TRY(report(order, counts ? seen % REPORT_EVERY : 0, err));
done:
    rs_names_close(names);
    return status;
}

/* Write the ranks, and fail where a dense number came twice. */
static rs_status write_ranks(ordering *order, rs_error *err)
{
    const rs_node_range *range = &order->range;
    uint32_t *node_of = order->graph->node_of + order->dense_first;
    uint32_t *dense_of = order->graph->dense_of + range->first;
    memset(node_of, 0xff, order->dense_count * sizeof *node_of); /* RS_NO_NODE */
    for (uint32_t rank = 0; rank < range->count; rank++) {
        uint32_t dense = (uint32_t)order->records[rank].value;
        if (node_of[dense] != RS_NO_NODE) {
            return node_twice(order, dense, err);
        }
        node_of[dense] = range->first + rank;
        dense_of[rank] = dense;
    }
    return RS_OK;
}

static bool is_tied(const ordering *order, uint32_t rank)
{
    const rsi_record *here = &order->records[rank];
    return (rank > 0 && here[-1].key == here->key) ||
           (rank + 1 < order->range.count && here[1].key == here->key);
}

static rs_status grow_ids(ordering *order, size_t length, rs_error *err)
{
    if (order->ids_capacity - order->ids_used >= length) {
        return RS_OK;
    }
    size_t wanted = order->ids_capacity * 2 + length + 4096;
    char *grown = realloc(order->ids, wanted);
    if (grown == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu bytes of ids of equal hash)", wanted);
    }
    order->ids = grown;
    order->ids_capacity = wanted;
    return RS_OK;
}

static rs_status keep_tied(ordering *order, uint32_t node, rs_text id, rs_error *err)
{
    uint32_t rank = order->graph->node_of[order->dense_first + node] - order->range.first;
    if (!is_tied(order, rank)) {
        return RS_OK;
    }
    if (order->tie_count == order->tie_capacity) {
        return rs_fail(err, RS_ECORRUPT, "type \"%s\": ids changed between two readings",
                       order->range.type);
    }
    rs_status status = grow_ids(order, id.length, err);
    if (status != RS_OK) {
        return status;
    }
    if (id.length > 0) {
        memcpy(order->ids + order->ids_used, id.bytes, id.length);
    }
    rsi_hash128 hash = rsi_hash_128(id.bytes, id.length, order->seed);
    order->ties[order->tie_count++] = (tied){.high = hash.high,
                                             .low = hash.low,
                                             .offset = order->ids_used,
                                             .length = id.length,
                                             .dense = node};
    order->ids_used += id.length;
    return RS_OK;
}

static int compare_tied(const void *left, const void *right)
{
    const tied *a = left;
    const tied *b = right;
    if (a->high != b->high) {
        return a->high < b->high ? -1 : 1;
    }
    if (a->low != b->low) {
        return a->low < b->low ? -1 : 1;
    }
    size_t common = a->length < b->length ? a->length : b->length;
    int order = common == 0 ? 0 : memcmp(a->bytes, b->bytes, common);
    if (order != 0) {
        return order;
    }
    return a->length < b->length ? -1 : a->length > b->length;
}

static size_t count_tied(const ordering *order)
{
    size_t count = 0;
    for (uint32_t rank = 0; rank < order->range.count; rank++) {
        count += is_tied(order, rank);
    }
    return count;
}

/* Tied nodes, sorted, take the tied places in turn: both ascend by the upper half. */
static rs_status resolve_ties(ordering *order, rs_error *err)
{
    rs_status status = RS_OK;
    size_t count = count_tied(order);
    size_t next = 0;
    if (count == 0) {
        goto done;
    }
    RS_TRY(rsi_graph_array(&order->ties, count, sizeof *order->ties, err));
    order->tie_capacity = count;
    RS_TRY(for_each_name(order, keep_tied, false, err));
    for (size_t i = 0; i < count; i++) {
        order->ties[i].bytes = order->ids + order->ties[i].offset;
    }
    qsort(order->ties, count, sizeof *order->ties, compare_tied);
    for (uint32_t rank = 0; rank < order->range.count; rank++) {
        if (is_tied(order, rank)) {
            order->records[rank].value = order->ties[next++].dense;
        }
    }
    RS_TRY(write_ranks(order, err));
done:
    return status;
}

rs_status rsi_order_type(const rs_graph *graph, size_t range, rsi_order_work *shared, bool lead,
                         rs_error *err)
{
    rs_status status = RS_OK;
    ordering order = {.graph = graph,
                      .range = graph->ranges[range],
                      .dense_first = graph->dense_first[range],
                      .dense_count = graph->dense_count[range],
                      .type = graph->range_type[range],
                      .shared = shared,
                      .lead = lead};
    order.unseen = shared->unseen != NULL ? shared->unseen + order.dense_first : NULL;
    order.seed = rsi_hash64(order.range.type, strlen(order.range.type), 0);
    RS_TRY(rsi_graph_array(&order.records, order.range.count, sizeof *order.records, err));
    RS_TRY(for_each_name(&order, hash_name, true, err));
    RS_TRY(rsi_sort_records(order.records, order.range.count, NULL, err));
    RS_TRY(write_ranks(&order, err));
    RS_TRY(resolve_ties(&order, err));
done:
    free(order.ids);
    free(order.ties);
    free(order.records);
    return status;
}
