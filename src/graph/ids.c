/* ids.c - the ids of some nodes, side by side in one block.
 *
 * Layout: one bit a node says whether its id is here; the place of a node's id is the number of
 * bits before its own: a count for each word of 64 bits, and a popcount. Memory: 3 bits a node of
 * the graph; 16 bytes and the id itself for each wanted one. Cost: one pass over the dictionary of
 * each type in which a node is wanted.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "graph/internal.h"

typedef struct id_span {
    uint64_t offset;
    uint64_t length;
} id_span;

struct rs_ids {
    uint64_t *bits;
    uint32_t *before; /* wanted nodes before each word of bits */
    id_span *spans;
    char *bytes;
    size_t used;
    size_t capacity;
};

static bool has(const rs_ids *ids, uint32_t node)
{
    return (ids->bits[node / 64] >> node % 64 & 1) != 0;
}

static uint32_t place_of(const rs_ids *ids, uint32_t node)
{
    uint64_t below = ids->bits[node / 64] & ((UINT64_C(1) << node % 64) - 1);
    return ids->before[node / 64] + (uint32_t)__builtin_popcountll(below);
}

static rs_status mark_wanted(rs_ids *ids, const uint8_t *wanted, uint32_t node_count, rs_error *err)
{
    rs_status status = RS_OK;
    size_t words = (size_t)node_count / 64 + 1;
    uint32_t count = 0;
    RS_TRY(rsi_graph_array(&ids->bits, words, sizeof *ids->bits, err));
    RS_TRY(rsi_graph_array(&ids->before, words, sizeof *ids->before, err));
    for (uint32_t node = 0; node < node_count; node++) {
        ids->bits[node / 64] |= (uint64_t)(wanted[node] != 0) << node % 64;
    }
    for (size_t word = 0; word < words; word++) {
        ids->before[word] = count;
        count += (uint32_t)__builtin_popcountll(ids->bits[word]);
    }
    RS_TRY(rsi_graph_array(&ids->spans, count, sizeof *ids->spans, err));
done:
    return status;
}

static rs_status keep(rs_ids *ids, uint32_t node, rs_text id, rs_error *err)
{
    if (ids->capacity - ids->used < id.length) {
        size_t wanted = ids->capacity + ids->capacity / 2 + id.length + 4096;
        char *grown = realloc(ids->bytes, wanted);
        if (grown == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu bytes of ids)", wanted);
        }
        ids->bytes = grown;
        ids->capacity = wanted;
    }
    if (id.length > 0) {
        memcpy(ids->bytes + ids->used, id.bytes, id.length);
    }
    ids->spans[place_of(ids, node)] = (id_span){.offset = ids->used, .length = id.length};
    ids->used += id.length;
    return RS_OK;
}

static bool wants_any(const uint8_t *wanted, const rs_node_range *range)
{
    for (uint32_t i = 0; i < range->count; i++) {
        if (wanted[range->first + i] != 0) {
            return true;
        }
    }
    return false;
}

static rs_status read_range(rs_ids *ids, const rs_graph *graph, size_t range_index, rs_error *err)
{
    rs_status status = RS_OK;
    rs_names *names = NULL;
    rs_node_range range = graph->ranges[range_index];
    uint32_t dense_count = graph->dense_count[range_index];
    uint32_t dense = RS_NO_NODE;
    rs_text id = {0};
    RS_TRY(rs_names_open(&names, graph->store, graph->range_type[range_index], err));
    for (;;) {
        RS_TRY(rs_names_next(names, &dense, &id, err));
        if (dense == RS_NO_NODE) {
            break;
        }
        if (dense >= dense_count) {
            status = rs_fail(err, RS_ECORRUPT,
                             "type \"%s\": id of node %" PRIu32 ", expected %" PRIu32 " nodes",
                             range.type, dense, dense_count);
            goto done;
        }
        uint32_t node = graph->node_of[graph->dense_first[range_index] + dense];
        if (node != RS_NO_NODE && has(ids, node)) {
            RS_TRY(keep(ids, node, id, err));
        }
    }
done:
    rs_names_close(names);
    return status;
}

rs_status rs_graph_ids(const rs_graph *graph, const uint8_t *wanted, rs_ids **out, rs_error *err)
{
    rs_status status = RS_OK;
    rs_ids *ids = NULL;
    RS_TRY(rsi_graph_array(&ids, 1, sizeof *ids, err));
    RS_TRY(mark_wanted(ids, wanted, graph->node_count, err));
    for (size_t range = 0; range < graph->range_count; range++) {
        if (wants_any(wanted, &graph->ranges[range])) {
            RS_TRY(read_range(ids, graph, range, err));
        }
    }
    *out = ids;
    ids = NULL; /* moved to the caller */
done:
    rs_ids_free(ids);
    return status;
}

rs_text rs_ids_of(const rs_ids *ids, uint32_t node)
{
    if (!has(ids, node)) {
        return (rs_text){.bytes = "", .length = 0};
    }
    const id_span *span = &ids->spans[place_of(ids, node)];
    if (span->length == 0) { /* and then there may be no bytes at all */
        return (rs_text){.bytes = "", .length = 0};
    }
    return (rs_text){.bytes = ids->bytes + span->offset, .length = span->length};
}

void rs_ids_expect(const rs_ids *ids, uint32_t far, uint32_t near)
{
    if (has(ids, far)) {
        __builtin_prefetch(&ids->spans[place_of(ids, far)]);
    }
    if (has(ids, near)) {
        __builtin_prefetch(ids->bytes + ids->spans[place_of(ids, near)].offset);
    }
}

void rs_ids_free(rs_ids *ids)
{
    if (ids == NULL) {
        return;
    }
    free(ids->bits);
    free(ids->before);
    free(ids->spans);
    free(ids->bytes);
    free(ids);
}
