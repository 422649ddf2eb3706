/* components.c - connected components by union-find. O(links) time, no extra memory.
 *
 * `label` doubles as the parent array. Invariant: parent[v] <= v, so a root is the smallest node of
 * its tree and the final labels follow in one ascending pass.
 *
 * Source: Tarjan, van Leeuwen 1984 (path halving).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/components.h"

static uint32_t find(uint32_t *parent, uint32_t v)
{
    while (parent[v] != v) {
        parent[v] = parent[parent[v]];
        v = parent[v];
    }
    return v;
}

static void join(uint32_t *parent, uint32_t a, uint32_t b)
{
    a = find(parent, a);
    b = find(parent, b);
    if (a < b) {
        parent[b] = a;
    } else {
        parent[a] = b;
    }
}

void rsi_components_within(const rs_link_graph *graph, const uint32_t *community, uint32_t *label)
{
    for (uint32_t v = 0; v < graph->node_count; v++) {
        label[v] = v;
    }
    for (size_t k = 0; k < graph->link_count; k++) {
        uint32_t a = graph->a[k];
        uint32_t b = graph->b[k];
        if (community == NULL || community[a] == community[b]) {
            join(label, a, b);
        }
    }
    /* A parent comes before its child, so it is a root's label by the time it is read. */
    for (uint32_t v = 0; v < graph->node_count; v++) {
        label[v] = label[label[v]];
    }
}

void rs_components(const rs_link_graph *graph, uint32_t *label)
{
    rsi_components_within(graph, NULL, label);
}
