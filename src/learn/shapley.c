/* shapley.c - what each column has to do with a margin: TreeSHAP.
 *
 * On the way from the root to a leaf each column that was asked has two shares: of the training
 * rows that go on where it is not known (zero), and of the row itself, 0 or 1, where it is (one).
 * `weight` of entry i sums, over all sets of i of these columns, the product of one for those in
 * the set and zero for the others, times the set's Shapley weight. A column asked again is unwound
 * first, so that it stands there once.
 *
 * Source: Lundberg, Erion, Lee 2018, arXiv 1802.03888, algorithm 2. Cost: O(leaves * depth^2).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "learn/forest.h"

#include <string.h>

#define NO_COLUMN UINT32_MAX

typedef struct entry {
    uint32_t column;
    double zero;
    double one;
    double weight;
} entry;

typedef struct path {
    unsigned count;
    entry entries[RSI_TREE_DEPTH_MAX + 2];
} path;

static void extend(path *p, double zero, double one, uint32_t column)
{
    unsigned last = p->count++;
    p->entries[last] = (entry){column, zero, one, last == 0 ? 1 : 0};
    for (unsigned i = last; i-- > 0;) {
        p->entries[i + 1].weight += one * p->entries[i].weight * (i + 1) / (last + 1);
        p->entries[i].weight = zero * p->entries[i].weight * (last - i) / (last + 1);
    }
}

/* The weights as they were before entry `which` came. */
static void unwind_weights(const path *p, unsigned which, double *weight)
{
    unsigned last = p->count - 1;
    double one = p->entries[which].one;
    double zero = p->entries[which].zero;
    double next = p->entries[last].weight;
    for (unsigned i = last; i-- > 0;) {
        if (one != 0) {
            weight[i] = next * (last + 1) / ((i + 1) * one);
            next = p->entries[i].weight - weight[i] * zero * (last - i) / (last + 1);
        } else {
            weight[i] = p->entries[i].weight * (last + 1) / (zero * (last - i));
        }
    }
}

static void unwind(path *p, unsigned which)
{
    double weight[RSI_TREE_DEPTH_MAX + 2];
    unwind_weights(p, which, weight);
    p->count--;
    for (unsigned i = which; i < p->count; i++) {
        p->entries[i] = p->entries[i + 1];
    }
    for (unsigned i = 0; i < p->count; i++) {
        p->entries[i].weight = weight[i];
    }
}

typedef struct walk {
    const rsi_tree_node *nodes;
    const rsi_features *features;
    uint32_t subject;
    double *part;
} walk;

static void take_leaf(const walk *w, const path *p, double value)
{
    double weight[RSI_TREE_DEPTH_MAX + 2];
    for (unsigned i = 1; i < p->count; i++) {
        double sum = 0;
        unwind_weights(p, i, weight);
        for (unsigned k = 0; k + 1 < p->count; k++) {
            sum += weight[k];
        }
        w->part[p->entries[i].column] += sum * (p->entries[i].one - p->entries[i].zero) * value;
    }
}

/* Depth is bounded by RSI_TREE_DEPTH_MAX, and so is the recursion. */
static void walk_node(const walk *w, uint32_t number, path p, double zero, double one,
                      uint32_t column)
{
    const rsi_tree_node *node = &w->nodes[number];
    extend(&p, zero, one, column);
    if (node->left == 0) {
        take_leaf(w, &p, (double)node->value);
        return;
    }
    bool left = w->features->all[node->column].values[w->subject] < node->value;
    uint32_t hot = left ? node->left : node->right;
    uint32_t cold = left ? node->right : node->left;
    double zero_so_far = 1;
    double one_so_far = 1;
    for (unsigned i = 1; i < p.count; i++) {
        if (p.entries[i].column == node->column) {
            zero_so_far = p.entries[i].zero;
            one_so_far = p.entries[i].one;
            unwind(&p, i);
            break;
        }
    }
    double all = (double)w->nodes[hot].cover + (double)w->nodes[cold].cover;
    walk_node(w, hot, p, zero_so_far * (double)w->nodes[hot].cover / all, one_so_far, node->column);
    walk_node(w, cold, p, zero_so_far * (double)w->nodes[cold].cover / all, 0, node->column);
}

void rsi_forest_parts(const rsi_forest *forest, const rsi_features *features, uint32_t subject,
                      double *part)
{
    for (size_t t = 0; t < forest->count; t++) {
        walk w = {forest->trees[t].nodes, features, subject, part};
        walk_node(&w, 0, (path){0}, 1, 1, NO_COLUMN);
    }
}

static double mean_of(const rsi_tree_node *nodes, const rsi_tree_node *at)
{
    if (at->left == 0) {
        return (double)at->value;
    }
    double left = (double)nodes[at->left].cover;
    double right = (double)nodes[at->right].cover;
    return (left * mean_of(nodes, nodes + at->left) + right * mean_of(nodes, nodes + at->right)) /
           (left + right);
}

double rsi_forest_mean(const rsi_forest *forest)
{
    double sum = 0;
    for (size_t t = 0; t < forest->count; t++) {
        sum += mean_of(forest->trees[t].nodes, forest->trees[t].nodes);
    }
    return sum;
}
