/* reference.h - the definition of spreading, slow and obvious, over small random graphs.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TEST_PROPAGATE_REFERENCE_H
#define TEST_PROPAGATE_REFERENCE_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "ringscope/propagate.h"

enum { NODES_MAX = 40 };

typedef struct small_graph {
    uint32_t count;
    uint32_t link[NODES_MAX][NODES_MAX]; /* weights, 0 for none */
    uint64_t first[NODES_MAX + 1];
    uint32_t to[NODES_MAX * NODES_MAX];
    uint32_t weight[NODES_MAX * NODES_MAX];
    rs_adjacency graph;
    int64_t seed[NODES_MAX];
} small_graph;

/* Rows from the matrix of weights. */
static inline void small_graph_rows(small_graph *g)
{
    uint64_t links = 0;
    for (uint32_t v = 0; v < g->count; v++) {
        g->first[v] = links;
        for (uint32_t w = 0; w < g->count; w++) {
            if (g->link[v][w] != 0) {
                g->to[links] = w;
                g->weight[links++] = g->link[v][w];
            }
        }
    }
    g->first[g->count] = links;
    g->graph =
        (rs_adjacency){.node_count = g->count, .first = g->first, .to = g->to, .weight = g->weight};
}

/* 1 .. nodes_max nodes, a link of weight 1 .. weight_max between `per_mille` of the pairs, a third
 * of the nodes seeds, one seed in three below 0. */
static inline void small_graph_make(small_graph *g, rsi_random *random, uint32_t nodes_max,
                                    uint32_t per_mille, uint32_t weight_max)
{
    memset(g, 0, sizeof *g);
    g->count = rsi_random_between(random, 1, nodes_max);
    for (uint32_t v = 0; v < g->count; v++) {
        for (uint32_t w = 0; w < v; w++) {
            if (rsi_random_chance(random, per_mille)) {
                g->link[v][w] = g->link[w][v] = rsi_random_between(random, 1, weight_max);
            }
        }
        if (rsi_random_chance(random, 333)) {
            int64_t size = rsi_random_between(random, 1, UINT32_MAX);
            g->seed[v] = rsi_random_chance(random, 333) ? -size : size;
        }
    }
    small_graph_rows(g);
}

/* S(v,w) by its definition. */
static inline double link_share(const small_graph *g, uint32_t ground, uint32_t v, uint32_t w)
{
    double v_total = ground, w_total = ground;
    for (uint32_t i = 0; i < g->count; i++) {
        v_total += g->link[v][i];
        w_total += g->link[w][i];
    }
    return g->link[v][w] == 0 ? 0 : g->link[v][w] / sqrt(v_total) / sqrt(w_total);
}

/* G = (I - damping S)^-1 by Gauss-Jordan elimination. */
static inline void dense_inverse(const small_graph *g, const rs_spread_options *options,
                                 double inverse[NODES_MAX][NODES_MAX])
{
    static double a[NODES_MAX][2 * NODES_MAX];
    uint32_t n = g->count;
    for (uint32_t v = 0; v < n; v++) {
        for (uint32_t w = 0; w < n; w++) {
            a[v][w] = (v == w) - options->damping * link_share(g, options->ground, v, w);
            a[v][n + w] = v == w;
        }
    }
    /* Diagonally scaled to a symmetric, positive definite matrix: no pivoting is needed. */
    for (uint32_t k = 0; k < n; k++) {
        for (uint32_t w = 2 * n; w-- > k;) {
            a[k][w] /= a[k][k];
        }
        for (uint32_t v = 0; v < n; v++) {
            double times = a[v][k];
            for (uint32_t w = k; v != k && w < 2 * n; w++) {
                a[v][w] -= times * a[k][w];
            }
        }
    }
    for (uint32_t v = 0; v < n; v++) {
        memcpy(inverse[v], &a[v][n], n * sizeof **inverse);
    }
}

static inline double as_double(int64_t fixed)
{
    return (double)fixed / (double)RS_RISK_ONE;
}

#endif
