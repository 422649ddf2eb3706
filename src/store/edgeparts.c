/* edgeparts.c - counts of edges by bucket of sources, and the parts that follow from them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/edgeparts.h"

#include <stdlib.h>

#include "store/segment.h"

enum { BUCKETS_MAX = 1 << 15 };

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (edges of the batch)");
}

rs_status rsi_edge_parts_init(rsi_edge_parts *parts, uint32_t sources, size_t ranges, rs_error *err)
{
    *parts = (rsi_edge_parts){.range_count = ranges};
    while (sources >> parts->shift >= BUCKETS_MAX) {
        parts->shift++;
    }
    parts->bucket_count = (sources >> parts->shift) + 1;
    parts->counts = calloc(ranges * parts->bucket_count, sizeof *parts->counts);
    return parts->counts == NULL ? no_memory(err) : RS_OK;
}

void rsi_edge_parts_free(rsi_edge_parts *parts)
{
    free(parts->counts);
    free(parts->part_of);
    free(parts->parts);
    *parts = (rsi_edge_parts){0};
}

static uint64_t bucket_edges(const rsi_edge_parts *parts, size_t bucket)
{
    uint64_t edges = 0;
    for (size_t range = 0; range < parts->range_count; range++) {
        edges += rsi_edge_counts(parts, range)[bucket];
    }
    return edges;
}

rs_status rsi_edge_parts_choose(rsi_edge_parts *parts, rs_error *err)
{
    parts->part_of = calloc(parts->bucket_count, sizeof *parts->part_of);
    parts->parts = calloc(parts->bucket_count, sizeof *parts->parts);
    if (parts->part_of == NULL || parts->parts == NULL) {
        return no_memory(err);
    }
    for (size_t bucket = 0; bucket < parts->bucket_count; bucket++) {
        uint64_t edges = bucket_edges(parts, bucket);
        if (edges == 0) {
            continue;
        }
        rsi_edge_part *last = parts->part_count == 0 ? NULL : &parts->parts[parts->part_count - 1];
        if (last == NULL || last->count + edges > RSI_BLOCK_EDGES_MAX) {
            last = &parts->parts[parts->part_count++];
            last->start = parts->edge_count;
        }
        parts->part_of[bucket] = (uint32_t)(parts->part_count - 1);
        last->count += edges;
        parts->edge_count += edges;
    }
    return RS_OK;
}

rs_status rsi_edge_parts_place(rsi_edge_parts *parts, rs_error *err)
{
    uint64_t *places = calloc(parts->range_count * (parts->part_count + 1), sizeof *places);
    uint64_t *next = calloc(parts->part_count + 1, sizeof *next);
    if (places == NULL || next == NULL) {
        free(places);
        free(next);
        return no_memory(err);
    }
    for (size_t range = 0; range < parts->range_count; range++) {
        for (size_t bucket = 0; bucket < parts->bucket_count; bucket++) {
            places[range * parts->part_count + parts->part_of[bucket]] +=
                rsi_edge_counts(parts, range)[bucket];
        }
    }
    for (size_t p = 0; p < parts->part_count; p++) {
        next[p] = parts->parts[p].start;
        for (size_t range = 0; range < parts->range_count; range++) {
            uint64_t count = places[range * parts->part_count + p];
            places[range * parts->part_count + p] = next[p];
            next[p] += count;
        }
    }
    free(next);
    free(parts->counts);
    parts->counts = places;
    return RS_OK;
}
