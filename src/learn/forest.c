/* forest.c - trees out of arrays that may hold anything; the walk.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "learn/forest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"

void rsi_forest_free(rsi_forest *forest)
{
    for (size_t i = 0; i < forest->count; i++) {
        free(forest->trees[i].nodes);
    }
    free(forest->trees);
    *forest = (rsi_forest){0};
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The arrays of one tree, by name. */
enum { LEFT, RIGHT, COLUMN, VALUE, COVER, ARRAYS };
static const char *const array_names[ARRAYS] = {"left_children", "right_children", "split_indices",
                                                "split_conditions", "sum_hessian"};

typedef struct arrays {
    size_t count[ARRAYS];
    bool found[ARRAYS];
    float *of[ARRAYS]; /* RSI_TREE_NODES_MAX each: whole numbers up to there are exact */
} arrays;

static rs_status unexpected(const rsi_json *json, rsi_json_token token, const char *wanted,
                            rs_error *err)
{
    if (token == RSI_JSON_BAD && rsi_json_no_memory(json)) {
        return rs_fail(err, RS_ENOMEM, "out of memory (model)");
    }
    return token == RSI_JSON_BAD ? rs_fail(err, RS_EINPUT, "%s", rsi_json_problem(json))
                                 : rs_fail(err, RS_EINPUT, "%s was expected, found %s", wanted,
                                           rsi_json_token_name(token));
}

/* A JSON number is short text of a closed alphabet; longer than this it is none that anybody
 * wrote. */
static bool number_of(rs_text text, float *value)
{
    char copy[64];
    if (text.length >= sizeof copy) {
        return false;
    }
    memcpy(copy, text.bytes, text.length);
    copy[text.length] = '\0';
    *value = strtof(copy, NULL);
    return isfinite(*value);
}

static rs_status read_array(arrays *a, int which, rsi_json *json, rs_error *err)
{
    rs_text text;
    rsi_json_token token = rsi_json_next(json, &text);
    if (token != RSI_JSON_ARRAY) {
        return unexpected(json, token, "an array", err);
    }
    a->found[which] = true;
    a->count[which] = 0;
    while ((token = rsi_json_next(json, &text)) == RSI_JSON_NUMBER) {
        float value;
        if (a->count[which] == RSI_TREE_NODES_MAX || !number_of(text, &value)) {
            return rs_fail(err, RS_EINPUT, "%s",
                           a->count[which] == RSI_TREE_NODES_MAX ? "a tree of too many nodes"
                                                                 : "a number out of range");
        }
        a->of[which][a->count[which]++] = value;
    }
    return token == RSI_JSON_ARRAY_END ? RS_OK : unexpected(json, token, "a number", err);
}

static int array_named(rs_text name)
{
    int which = 0;
    while (which < ARRAYS && (strlen(array_names[which]) != name.length ||
                              memcmp(array_names[which], name.bytes, name.length) != 0)) {
        which++;
    }
    return which;
}

static rs_status read_arrays(arrays *a, rsi_json *json, rs_error *err)
{
    rs_status status = RS_OK;
    rs_text text;
    rsi_json_token token;
    memset(a->found, 0, sizeof a->found);
    while ((token = rsi_json_next(json, &text)) == RSI_JSON_KEY) {
        int which = array_named(text);
        if (which < ARRAYS) {
            RS_TRY(read_array(a, which, json, err));
        } else if (!rsi_json_skip(json, rsi_json_next(json, &text))) {
            return unexpected(json, RSI_JSON_BAD, "", err);
        }
    }
    if (token != RSI_JSON_OBJECT_END) {
        return unexpected(json, token, "the end of a tree", err);
    }
    for (int which = 0; which < ARRAYS; which++) {
        if (!a->found[which] || a->count[which] != a->count[LEFT] || a->count[LEFT] == 0) {
            return rs_fail(err, RS_EINPUT,
                           "a tree whose \"%s\" is missing or not as long as others",
                           array_names[which]);
        }
    }
done:
    return status;
}

/* One node to be copied: where it stands in the arrays, and where its parent wants its number. */
typedef struct pending {
    uint32_t from;
    uint32_t depth;
    uint32_t *number;
} pending;

static bool is_index(float value, size_t count)
{
    return value >= 0 && value < (float)count && value == floorf(value);
}

static const char *copy_node(const arrays *a, uint32_t from, size_t columns, rsi_tree_node *node)
{
    bool leaf = a->of[LEFT][from] < 0 && a->of[RIGHT][from] < 0;
    *node = (rsi_tree_node){.value = a->of[VALUE][from], .cover = a->of[COVER][from]};
    if (node->cover < RSI_COVER_MIN || node->cover > RSI_COVER_MAX) {
        return "a node of a tree that no row comes to, or more than there can be";
    }
    if (leaf) {
        return NULL;
    }
    if (!is_index(a->of[COLUMN][from], columns)) {
        return "a tree asks for a column that is not there";
    }
    node->column = (uint32_t)a->of[COLUMN][from];
    return is_index(a->of[LEFT][from], a->count[LEFT]) &&
                   is_index(a->of[RIGHT][from], a->count[LEFT])
               ? NULL
               : "a node of a tree leads nowhere";
}

/* From the root on, each node once: what nothing leads to is left behind, what two lead to is
 * refused. The stack holds at most one node a level and the root. */
static const char *copy_tree(const arrays *a, size_t columns, rsi_tree *tree)
{
    pending stack[RSI_TREE_DEPTH_MAX + 2];
    size_t height = 0;
    uint32_t root;
    stack[height++] = (pending){.number = &root};
    while (height > 0) {
        pending here = stack[--height];
        if (tree->count == a->count[LEFT]) {
            return "a tree in which two nodes lead to one";
        }
        if (here.depth > RSI_TREE_DEPTH_MAX) {
            return "a tree that is too deep";
        }
        rsi_tree_node *node = &tree->nodes[tree->count];
        const char *problem = copy_node(a, here.from, columns, node);
        if (problem != NULL) {
            return problem;
        }
        *here.number = tree->count++;
        if (a->of[LEFT][here.from] >= 0) {
            stack[height++] =
                (pending){(uint32_t)a->of[RIGHT][here.from], here.depth + 1, &node->right};
            stack[height++] =
                (pending){(uint32_t)a->of[LEFT][here.from], here.depth + 1, &node->left};
        }
    }
    return NULL;
}

static rs_status add_tree(rsi_forest *forest, const arrays *a, size_t columns, rs_error *err)
{
    if (forest->count == forest->room) {
        size_t room = forest->room == 0 ? 64 : 2 * forest->room;
        rsi_tree *trees = realloc(forest->trees, room * sizeof *trees);
        if (trees == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu trees)", room);
        }
        forest->trees = trees;
        forest->room = room;
    }
    rsi_tree tree = {.nodes = calloc(a->count[LEFT], sizeof *tree.nodes)};
    if (tree.nodes == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (a tree)");
    }
    const char *problem = copy_tree(a, columns, &tree);
    if (problem != NULL) {
        free(tree.nodes);
        return rs_fail(err, RS_EINPUT, "%s", problem);
    }
    forest->trees[forest->count++] = tree;
    return RS_OK;
}

rs_status rsi_forest_read(rsi_forest *forest, rsi_json *json, size_t columns, rs_error *err)
{
    rs_status status = RS_OK;
    rs_text text;
    arrays a = {.of = {NULL}};
    rsi_json_token token = rsi_json_next(json, &text);
    for (int which = 0; which < ARRAYS; which++) {
        a.of[which] = malloc(RSI_TREE_NODES_MAX * sizeof *a.of[which]);
        if (a.of[which] == NULL) {
            status = rs_fail(err, RS_ENOMEM, "out of memory (model)");
            goto done;
        }
    }
    if (token != RSI_JSON_ARRAY) {
        status = unexpected(json, token, "an array of trees", err);
        goto done;
    }
    while ((token = rsi_json_next(json, &text)) == RSI_JSON_OBJECT) {
        if (forest->count == RSI_TREES_MAX) {
            status = rs_fail(err, RS_EINPUT, "more than %d trees", RSI_TREES_MAX);
            goto done;
        }
        RS_TRY(read_arrays(&a, json, err));
        RS_TRY(add_tree(forest, &a, columns, err));
    }
    if (token != RSI_JSON_ARRAY_END) {
        status = unexpected(json, token, "a tree", err);
    }
done:
    for (int which = 0; which < ARRAYS; which++) {
        free(a.of[which]);
    }
    return status;
}

/* ---- the walk -------------------------------------------------------------------------------- */

double rsi_forest_margin(const rsi_forest *forest, const rsi_features *features, uint32_t subject)
{
    double margin = 0;
    for (size_t t = 0; t < forest->count; t++) {
        const rsi_tree_node *nodes = forest->trees[t].nodes;
        const rsi_tree_node *at = nodes;
        while (at->left != 0) {
            float value = features->all[at->column].values[subject];
            at = nodes + (value < at->value ? at->left : at->right);
        }
        margin += (double)at->value;
    }
    return margin;
}
