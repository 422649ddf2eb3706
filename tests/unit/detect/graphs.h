/* graphs.h - small random graphs, and what a partition is worth by the definition itself.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TEST_DETECT_GRAPHS_H
#define TEST_DETECT_GRAPHS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "detect/piece.h"
#include "ringscope/detect.h"

#define NODES_MAX 400
#define LINKS_MAX 4000

typedef struct test_graph {
    uint32_t node_count;
    size_t link_count;
    uint8_t is_member[NODES_MAX];
    uint32_t mass[NODES_MAX];
    uint32_t a[LINKS_MAX];
    uint32_t b[LINKS_MAX];
    uint32_t weight[LINKS_MAX];
    uint64_t weight64[LINKS_MAX];
} test_graph;

static inline void add_link(test_graph *graph, uint32_t a, uint32_t b, uint32_t weight)
{
    graph->a[graph->link_count] = a;
    graph->b[graph->link_count] = b;
    graph->weight[graph->link_count] = weight;
    graph->weight64[graph->link_count++] = weight;
}

/* Each pair is linked with that chance; `tree` links each node to an earlier one besides. Weights
 * are multiples of `grain`, so that ties happen. One node in four is a thing. */
static inline void random_graph(test_graph *graph, rsi_random *random, uint32_t node_count,
                                uint32_t per_mille, bool tree, uint32_t weight_max, uint32_t grain)
{
    static bool linked[NODES_MAX][NODES_MAX];
    memset(graph, 0, sizeof *graph);
    memset(linked, 0, sizeof linked);
    graph->node_count = node_count;
    for (uint32_t v = 0; v < node_count; v++) {
        graph->is_member[v] = !rsi_random_chance(random, 250);
        graph->mass[v] = graph->is_member[v];
        if (tree && v > 0) {
            linked[rsi_random_below(random, v)][v] = true;
        }
    }
    for (uint32_t a = 0; a < node_count; a++) {
        for (uint32_t b = a + 1; b < node_count; b++) {
            bool here = linked[a][b] || rsi_random_chance(random, per_mille);
            if (here && graph->link_count < LINKS_MAX) {
                add_link(graph, a, b, grain * rsi_random_between(random, 1, weight_max / grain));
            }
        }
    }
}

static inline rs_link_graph links_of(const test_graph *graph)
{
    return (rs_link_graph){.node_count = graph->node_count,
                           .is_member = graph->is_member,
                           .link_count = graph->link_count,
                           .a = graph->a,
                           .b = graph->b,
                           .weight = graph->weight};
}

static inline rsi_piece piece_of_graph(const test_graph *graph)
{
    return (rsi_piece){.vertex_count = graph->node_count,
                       .mass = graph->mass,
                       .link_count = graph->link_count,
                       .a = graph->a,
                       .b = graph->b,
                       .weight = graph->weight64};
}

/* The definition: inside weight, less resolution for each pair of members of one community. */
static inline int64_t worth(const test_graph *graph, uint32_t resolution, const uint32_t *label)
{
    int64_t value = 0;
    for (size_t k = 0; k < graph->link_count; k++) {
        value += label[graph->a[k]] == label[graph->b[k]] ? graph->weight[k] : 0;
    }
    for (uint32_t v = 0; v < graph->node_count; v++) {
        for (uint32_t u = 0; u < v; u++) {
            if (label[u] == label[v]) {
                value -= (int64_t)resolution * graph->mass[u] * graph->mass[v];
            }
        }
    }
    return value;
}

/* The largest worth of all partitions of nodes v, v+1, ..., label[0 .. v-1] given. */
static inline int64_t best_worth(const test_graph *graph, uint32_t resolution, uint32_t *label,
                                 uint32_t v, uint32_t label_count)
{
    if (v == graph->node_count) {
        return worth(graph, resolution, label);
    }
    int64_t best = INT64_MIN;
    for (uint32_t c = 0; c <= label_count; c++) {
        label[v] = c;
        int64_t value =
            best_worth(graph, resolution, label, v + 1, c == label_count ? c + 1 : label_count);
        best = value > best ? value : best;
    }
    return best;
}

static inline int64_t optimum(const test_graph *graph, uint32_t resolution)
{
    uint32_t label[NODES_MAX];
    return best_worth(graph, resolution, label, 0, 0);
}

/* The definition of connected parts of equal label: lower every mark to its neighbours'. */
static inline void slow_components(const test_graph *graph, const uint32_t *label, uint32_t *mark)
{
    bool changed = true;
    for (uint32_t v = 0; v < graph->node_count; v++) {
        mark[v] = v;
    }
    while (changed) {
        changed = false;
        for (size_t k = 0; k < graph->link_count; k++) {
            uint32_t a = graph->a[k];
            uint32_t b = graph->b[k];
            if ((label == NULL || label[a] == label[b]) && mark[a] != mark[b]) {
                mark[a] = mark[a] < mark[b] ? mark[a] : mark[b];
                mark[b] = mark[a];
                changed = true;
            }
        }
    }
}

/* Each label is the smallest node of its community, and each community is connected. */
static inline bool is_proper(const test_graph *graph, const uint32_t *label)
{
    uint32_t mark[NODES_MAX];
    slow_components(graph, label, mark);
    return memcmp(mark, label, graph->node_count * sizeof *label) == 0;
}

/* No node gains by moving to another community, or by being alone. */
static inline bool no_move_gains(const test_graph *graph, uint32_t resolution,
                                 const uint32_t *label)
{
    uint32_t other[NODES_MAX];
    int64_t now = worth(graph, resolution, label);
    memcpy(other, label, graph->node_count * sizeof *other);
    for (uint32_t v = 0; v < graph->node_count; v++) {
        for (uint32_t u = 0; u <= graph->node_count; u++) {
            other[v] = u < graph->node_count ? label[u] : UINT32_MAX;
            if (worth(graph, resolution, other) > now) {
                return false;
            }
        }
        other[v] = label[v];
    }
    return true;
}

#endif
