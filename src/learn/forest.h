/* forest.h - boosted trees: what they say of a row, and what each column has to do with it.
 *
 * A tree is walked from node 0: a value below the node's goes left, else right; a leaf's value is
 * added to the margin. Children stand behind their parent, every node is reached once, no tree is
 * deeper than RSI_TREE_DEPTH_MAX: rsi_tree_make sees to that, whatever it is given.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_LEARN_FOREST_H
#define RSI_LEARN_FOREST_H

#include "base/json.h"
#include "learn/features.h"

enum { RSI_TREE_DEPTH_MAX = 16, RSI_TREE_NODES_MAX = 1 << 16, RSI_TREES_MAX = 100000 };
/* Of covers. RSI_TREE_DEPTH_MAX shares of one in another, multiplied, are still above 0. */
#define RSI_COVER_MIN 1e-9F
#define RSI_COVER_MAX 1e9F

typedef struct rsi_tree_node {
    uint32_t column;
    uint32_t left; /* 0: a leaf */
    uint32_t right;
    float value; /* what is below it goes left; of a leaf, what it adds */
    float cover; /* weight of the training rows that came here */
} rsi_tree_node;

typedef struct rsi_tree {
    uint32_t count;
    rsi_tree_node *nodes;
} rsi_tree;

typedef struct rsi_forest {
    size_t count;
    size_t room;
    rsi_tree *trees;
} rsi_forest;

void rsi_forest_free(rsi_forest *forest);

/* The trees of the array that comes next, as XGBoost writes them and rsi_forest_write does: objects
 * with left_children, right_children, split_indices, split_conditions and sum_hessian, all else
 * passed over. Behind those that *forest has. `columns` bounds split_indices. RS_EINPUT without
 * place: rsi_json_place tells it. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_forest_read(rsi_forest *forest, rsi_json *json, size_t columns,
                                      rs_error *err);

/* The sum of the leaves of one subject, in the order of the trees. */
double rsi_forest_margin(const rsi_forest *forest, const rsi_features *features, uint32_t subject);

/* The mean of the margin over the training rows, as the covers tell it. */
double rsi_forest_mean(const rsi_forest *forest);
/* part[c] += what column c adds to the margin of one subject beyond that mean: exact Shapley values
 * of the trees (Lundberg et al. 2018, "Consistent individualized feature attribution for tree
 * ensembles", algorithm 2). They sum to margin - mean. O(leaves * depth^2) a tree. */
void rsi_forest_parts(const rsi_forest *forest, const rsi_features *features, uint32_t subject,
                      double *part);

#endif
