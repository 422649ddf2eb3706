/* lookup.c - ids -> nodes, one by one or by one pass over the dictionary.
 *
 * The asked ones are sorted by bytes. One look-up unpacks a block of some thousand ids, unless the
 * one before did; so where more than one id in SINGLE_COST is asked for, reading all ids of the
 * type once is cheaper. As the dictionary lends its ids in long ascending runs, the place of each
 * is found from that of the one before by steps that double: a constant on the average, a logarithm
 * at worst, whatever the order.
 *
 * Cost: O(ids of the type + asked log asked); memory 16 bytes and the bytes of an id, 8 more while
 * sorting.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "propagate/lookup.h"

#include <stdlib.h>
#include <string.h>

#include "base/try.h"

#define SINGLE_COST 512 /* ids that a pass reads in the time of one look-up, and then some */

/* ---- asking
 * ------------------------------------------------------------------------------------------ */

static rs_status out_of_memory(size_t count, rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (looking up %zu ids)", count);
}

static rs_status reserve(rsi_lookup *lookup, size_t more_bytes, rs_error *err)
{
    if (lookup->count == lookup->capacity) {
        size_t capacity = lookup->capacity == 0 ? 64 : 2 * lookup->capacity;
        rsi_lookup_id *ids = realloc(lookup->ids, capacity * sizeof *ids);
        if (ids == NULL) {
            return out_of_memory(capacity, err);
        }
        lookup->ids = ids;
        lookup->capacity = capacity;
    }
    if (more_bytes > lookup->byte_capacity - lookup->byte_count) {
        size_t capacity = 2 * lookup->byte_capacity + more_bytes + 1024;
        char *bytes = realloc(lookup->bytes, capacity);
        if (bytes == NULL) {
            return out_of_memory(lookup->capacity, err);
        }
        lookup->bytes = bytes;
        lookup->byte_capacity = capacity;
    }
    return RS_OK;
}

rs_status rsi_lookup_add(rsi_lookup *lookup, size_t type, rs_text id, rs_error *err)
{
    rs_status status = reserve(lookup, id.length, err);
    if (status != RS_OK) {
        return status;
    }
    if (id.length > 0) {
        memcpy(lookup->bytes + lookup->byte_count, id.bytes, id.length);
    }
    lookup->ids[lookup->count++] = (rsi_lookup_id){
        .offset = lookup->byte_count, .length = (uint32_t)id.length, .type = (uint32_t)type};
    lookup->byte_count += id.length;
    return RS_OK;
}

void rsi_lookup_free(rsi_lookup *lookup)
{
    free(lookup->ids);
    free(lookup->bytes);
    *lookup = (rsi_lookup){0};
}

/* ---- answering
 * ----------------------------------------------------------------------------------------- */

/* An id that is asked for, as it is sorted. */
typedef struct asked {
    rs_text id;
    size_t number;
} asked;

static int compare_texts(rs_text a, rs_text b)
{
    size_t length = a.length < b.length ? a.length : b.length;
    int order = length == 0 ? 0 : memcmp(a.bytes, b.bytes, length);
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

static int compare_asked(const void *left, const void *right)
{
    const asked *a = left, *b = right;
    return compare_texts(a->id, b->id);
}

/* The first of `sorted` that is not before `id`, looked for from `near` in both directions. */
static size_t place_of(const asked *sorted, size_t count, size_t near, rs_text id)
{
    size_t low = 0, high = count;
    if (near < count && compare_texts(sorted[near].id, id) < 0) {
        low = near + 1;
        for (size_t step = 1; high - low > step; step *= 2) {
            if (compare_texts(sorted[low + step].id, id) >= 0) {
                high = low + step;
                break;
            }
            low += step + 1;
        }
    } else if (near == 0 || compare_texts(sorted[near - 1].id, id) < 0) {
        return near; /* the usual case: between two neighbours */
    } else {
        high = near - 1;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_texts(sorted[middle].id, id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static rs_status pass_over_names(const rs_graph *graph, size_t type, const asked *sorted,
                                 size_t count, uint32_t *nodes, rs_error *err)
{
    rs_status status = RS_OK;
    rs_names *names = NULL;
    size_t at = 0;
    RS_TRY(rs_names_open(&names, rs_graph_store(graph), type, err));
    for (;;) {
        uint32_t dense = RS_NO_NODE;
        rs_text id;
        RS_TRY(rs_names_next(names, &dense, &id, err));
        if (dense == RS_NO_NODE) {
            break;
        }
        at = place_of(sorted, count, at, id);
        for (size_t i = at; i < count && compare_texts(sorted[i].id, id) == 0; i++) {
            nodes[sorted[i].number] = rs_graph_node(graph, type, dense);
        }
    }
done:
    rs_names_close(names);
    return status;
}

static rs_status find_singly(const rs_graph *graph, const char *type, const asked *all,
                             size_t count, uint32_t *nodes, rs_error *err)
{
    for (size_t i = 0; i < count; i++) {
        rs_status status = rs_graph_find(graph, type, all[i].id, &nodes[all[i].number], err);
        if (status != RS_OK) {
            return status;
        }
    }
    return RS_OK;
}

rs_status rsi_lookup_run(const rsi_lookup *lookup, const rs_graph *graph, uint32_t *nodes,
                         rs_error *err)
{
    rs_status status = RS_OK;
    const rs_store *store = rs_graph_store(graph);
    asked *all = malloc((lookup->count + 1) * sizeof *all);
    if (all == NULL) {
        return out_of_memory(lookup->count, err);
    }
    for (size_t type = 0; type < rs_store_type_count(store); type++) {
        rs_type_info info = rs_store_type(store, type);
        size_t count = 0;
        for (size_t i = 0; i < lookup->count; i++) {
            const rsi_lookup_id *id = &lookup->ids[i];
            if (id->type == type) {
                nodes[i] = RS_NO_NODE;
                all[count++] = (asked){{lookup->bytes + id->offset, id->length}, i};
            }
        }
        qsort(all, count, sizeof *all, compare_asked);
        if (count > 0 && count > info.node_count / SINGLE_COST) {
            RS_TRY(pass_over_names(graph, type, all, count, nodes, err));
        } else {
            RS_TRY(find_singly(graph, info.name, all, count, nodes, err));
        }
    }
done:
    free(all);
    return status;
}
