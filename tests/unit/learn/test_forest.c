/* test_forest.c - trees from bytes that may be anything, what they say, and the shares of columns
 * against their definition.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../temporary.h"
#include "base/random.h"
#include "learn/model.h"

enum { COLUMNS = 4, SUBJECTS = 40 };

static float values[COLUMNS][SUBJECTS];
static char names[COLUMNS][2] = {"a", "b", "c", "d"};
static rsi_feature columns[COLUMNS];
static rsi_features features = {.subjects = SUBJECTS, .count = COLUMNS, .all = columns};
static char path[TEMPORARY_PATH];

#define HEAD                                                                                       \
    "{\"model\":\"ringscope/"                                                                      \
    "1\",\n\"subject\":\"account\",\n\"columns\":[\"a\",\"b\",\"c\",\"d\"],\n\"base\":-1,\n"       \
    "\"slope\":2,\n\"offset\":0.5,\n\"trees\":["
#define LEAF                                                                                       \
    "{\"left_children\":[-1],\"right_children\":[-1],\"split_indices\":[0],"                       \
    "\"split_conditions\":[0.25],\"sum_hessian\":[3]}"
/* A column asked twice on one way. */
#define TREE                                                                                       \
    "{\"left_children\":[1,3,-1,-1,5,-1,-1],\"right_children\":[2,4,-1,-1,6,-1,-1],"               \
    "\"split_indices\":[1,0,0,0,1,0,0],\"split_conditions\":[2,1.5,-1,0.5,1,3,-2],"                \
    "\"sum_hessian\":[10,6,4,2,4,1,3]}"

static void set_values(uint64_t seed)
{
    rsi_random random;
    rsi_random_seed(&random, seed, 0);
    for (size_t c = 0; c < COLUMNS; c++) {
        columns[c] = (rsi_feature){.name = names[c], .values = values[c]};
        for (size_t v = 0; v < SUBJECTS; v++) {
            values[c][v] = (float)rsi_random_below(&random, 4);
        }
    }
}

static rs_status read_text(const char *text, rsi_model *model, rs_error *err)
{
    temporary_overwrite(path, text, strlen(text));
    return rsi_model_read(model, path, err);
}

static void says_what_its_trees_say(void **state)
{
    (void)state;
    rsi_model model;
    rs_error err;
    set_values(1);
    assert_int_equal(read_text(HEAD TREE "," LEAF "]}", &model, &err), RS_OK);
    for (uint32_t v = 0; v < SUBJECTS; v++) {
        float a = values[0][v], b = values[1][v];
        double tree = b >= 2 ? -1 : a < 1.5F ? 0.5 : b < 1 ? 3 : -2;
        assert_true(rsi_forest_margin(&model.forest, &features, v) == tree + 0.25);
        double chance = 1 / (1 + exp(-(0.5 + 2 * (-1 + tree + 0.25))));
        assert_int_equal(rsi_model_risk(&model, &features, v), lround(chance * RS_MILLION));
    }
    assert_true(fabs(rsi_forest_mean(&model.forest) -
                     (0.25 + (4 * -1.0 + 6 * ((2 * 0.5 + 4 * ((3 - 2 * 3) / 4.0)) / 6)) / 10)) <
                1e-12);
    rsi_model_free(&model);
}

/* The margin where the columns of `set` are known and the others are met by cover. */
static double known_margin(const rsi_tree_node *nodes, uint32_t at, unsigned set, uint32_t subject)
{
    const rsi_tree_node *node = &nodes[at];
    if (node->left == 0) {
        return (double)node->value;
    }
    double left = known_margin(nodes, node->left, set, subject);
    double right = known_margin(nodes, node->right, set, subject);
    if ((set >> node->column & 1) != 0) {
        return values[node->column][subject] < node->value ? left : right;
    }
    double l = (double)nodes[node->left].cover, r = (double)nodes[node->right].cover;
    return (l * left + r * right) / (l + r);
}

/* The definition: over all sets of the other columns, what knowing this one changes. */
static double shapley(const rsi_forest *forest, uint32_t column, uint32_t subject)
{
    static const double weight[COLUMNS] = {1 / 4.0, 1 / 12.0, 1 / 12.0, 1 / 4.0}; /* by size */
    double sum = 0;
    for (unsigned set = 0; set < 1U << COLUMNS; set++) {
        if ((set >> column & 1) != 0) {
            continue;
        }
        for (size_t t = 0; t < forest->count; t++) {
            const rsi_tree_node *nodes = forest->trees[t].nodes;
            sum += weight[__builtin_popcount(set)] *
                   (known_margin(nodes, 0, set | 1U << column, subject) -
                    known_margin(nodes, 0, set, subject));
        }
    }
    return sum;
}

/* A tree of random shape: node i's children are the next two that nobody has yet. */
static void random_tree(rsi_random *random, char *text, size_t room)
{
    enum { INNER = 9, ALL = 2 * INNER + 1 };
    int left[ALL], right[ALL], cover[ALL];
    int next = 1;
    for (int i = 0; i < ALL; i++) {
        bool inner = next < ALL && (next == i + 1 || rsi_random_below(random, 3) > 0);
        left[i] = inner ? next : -1;
        right[i] = inner ? next + 1 : -1;
        next += inner ? 2 : 0;
    }
    for (int i = ALL - 1; i >= 0; i--) {
        cover[i] =
            left[i] < 0 ? 1 + (int)rsi_random_below(random, 9) : cover[left[i]] + cover[right[i]];
    }
    size_t at = 0;
    const char *const keys[] = {"{\"left_children\":[", "],\"right_children\":[",
                                "],\"split_indices\":[", "],\"split_conditions\":[",
                                "],\"sum_hessian\":["};
    for (int array = 0; array < 5; array++) {
        at += (size_t)snprintf(text + at, room - at, "%s", keys[array]);
        for (int i = 0; i < next; i++) {
            int number = array == 0   ? left[i]
                         : array == 1 ? right[i]
                         : array == 4 ? cover[i]
                                      : (int)rsi_random_below(random, 4);
            at += (size_t)snprintf(text + at, room - at, "%s%d%s", i > 0 ? "," : "", number,
                                   array == 3 ? ".5" : "");
        }
    }
    snprintf(text + at, room - at, "]}");
}

static void shares_as_shapley_defines(void **state)
{
    (void)state;
    rsi_random random;
    rsi_random_seed(&random, 7, 0);
    for (int round = 0; round < 30; round++) {
        char one[2000], other[2000], text[6000];
        rsi_model model;
        rs_error err = {.message = ""};
        random_tree(&random, one, sizeof one);
        random_tree(&random, other, sizeof other);
        snprintf(text, sizeof text, HEAD "%s,%s]}", one, other);
        set_values((uint64_t)round);
        if (read_text(text, &model, &err) != RS_OK) {
            fail_msg("%s: %s", err.message, text);
        }
        for (uint32_t v = 0; v < SUBJECTS; v += 7) {
            double part[COLUMNS] = {0};
            double sum = rsi_forest_mean(&model.forest);
            rsi_forest_parts(&model.forest, &features, v, part);
            for (uint32_t c = 0; c < COLUMNS; c++) {
                assert_true(fabs(part[c] - shapley(&model.forest, c, v)) < 1e-9);
                sum += part[c];
            }
            assert_true(fabs(sum - rsi_forest_margin(&model.forest, &features, v)) < 1e-9);
        }
        rsi_model_free(&model);
    }
}

/* The most lopsided covers, all the way down. */
static void shares_stay_finite(void **state)
{
    (void)state;
    rsi_model model;
    rs_error err;
    char text[4000];
    size_t at = (size_t)snprintf(text, sizeof text, HEAD);
    const char *const keys[] = {"{\"left_children\":[", "],\"right_children\":[",
                                "],\"split_indices\":[", "],\"split_conditions\":[",
                                "],\"sum_hessian\":["};
    enum { NODES = 2 * RSI_TREE_DEPTH_MAX + 1 };
    for (int array = 0; array < 5; array++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "%s", keys[array]);
        for (int i = 0; i < NODES; i++) { /* 0 -> 1, 2; 2 -> 3, 4; ... */
            bool inner = i % 2 == 0 && i + 2 < NODES;
            double number = array == 0   ? inner ? i + 1 : -1
                            : array == 1 ? inner ? i + 2 : -1
                            : array == 2 ? i % COLUMNS
                            : array == 3 ? i % 3
                            : i % 2 == 0 ? 1e-9
                                         : 1e9;
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%.9g", i > 0 ? "," : "", number);
        }
    }
    snprintf(text + at, sizeof text - at, "]}]}");
    set_values(5);
    assert_int_equal(read_text(text, &model, &err), RS_OK);
    for (uint32_t v = 0; v < SUBJECTS; v++) {
        double part[COLUMNS] = {0};
        double sum = rsi_forest_mean(&model.forest);
        rsi_forest_parts(&model.forest, &features, v, part);
        for (size_t c = 0; c < COLUMNS; c++) {
            sum += part[c];
        }
        assert_true(fabs(sum - rsi_forest_margin(&model.forest, &features, v)) < 1e-6);
    }
    rsi_model_free(&model);
}

static void reads_what_it_writes(void **state)
{
    (void)state;
    rsi_model model, again;
    rs_error err;
    rsi_buffer text = {0};
    assert_int_equal(read_text(HEAD TREE "," LEAF "]}", &model, &err), RS_OK);
    assert_int_equal(rsi_model_write(&model, &text, &err), RS_OK);
    temporary_overwrite(path, text.bytes, text.length);
    assert_int_equal(rsi_model_read(&again, path, &err), RS_OK);
    assert_string_equal(again.digest, model.digest);
    rsi_buffer_free(&text);
    assert_int_equal(rsi_model_write(&again, &text, &err), RS_OK);
    assert_string_equal(again.digest, model.digest);
    rsi_buffer_free(&text);
    rsi_model_free(&again);
    rsi_model_free(&model);
}

static void refuses_what_is_no_model(void **state)
{
    static const struct {
        const char *text;
        const char *message;
    } rows[] = {
        {"", ":1:1: "},
        {"[]", "a model was expected, found an array"},
        {"{\"model\":\"ringscope/9\"}", "a model of the form \"ringscope/9\"; this build reads"},
        {"{\"model\":\"ringscope/1\",\"columns\":[]}", "the key \"subject\" was expected"},
        {"{\"model\":\"ringscope/1\",\"subject\":1}",
         "name of a node type was expected, found a number"},
        {"{\"model\":\"ringscope/1\",\"subject\":\"a\\u0000b\"}", "U+0000, which no name has"},
        {"{\"columns\":[]}", ":1:2: the key \"model\" was expected"},
        {"{\"model\":\"ringscope/1\",\"subject\":\"a\",\"columns\":[1]}",
         "a name was expected, found a number"},
        {"{\"model\":\"ringscope/1\",\"subject\":\"a\",\"columns\":[],\"base\":1e9}",
         "\"base\" is out of range"},
        {"{\"model\":\"ringscope/1\",\"subject\":\"a\",\"columns\":[],\"base\":0,\"slope\":0}",
         "not above 0"},
        {HEAD "{}]}", "a tree whose \"left_children\" is missing"},
        {HEAD LEAF "]} x", ":7:"},
        {HEAD LEAF, "expected"},
        {HEAD "{\"left_children\":[0],\"right_children\":[0],\"split_indices\":[0],"
              "\"split_conditions\":[0],\"sum_hessian\":[1]}]}",
         "a tree in which two nodes lead to one"},
        {HEAD "{\"left_children\":[7],\"right_children\":[1],\"split_indices\":[0],"
              "\"split_conditions\":[0],\"sum_hessian\":[1]}]}",
         "a node of a tree leads nowhere"},
        {HEAD "{\"left_children\":[1,-1],\"right_children\":[1,-1],\"split_indices\":[0,0],"
              "\"split_conditions\":[0,0],\"sum_hessian\":[1,1]}]}",
         "a tree in which two nodes lead to one"},
        {HEAD "{\"left_children\":[1,-1,-1],\"right_children\":[2,-1,-1],\"split_indices\":[4,0,0],"
              "\"split_conditions\":[0,0,0],\"sum_hessian\":[1,1,1]}]}",
         "a tree asks for a column that is not there"},
        {HEAD "{\"left_children\":[-1],\"right_children\":[-1],\"split_indices\":[0],"
              "\"split_conditions\":[1e99],\"sum_hessian\":[1]}]}",
         "a number out of range"},
        {HEAD "{\"left_children\":[-1],\"right_children\":[-1],\"split_indices\":[0],"
              "\"split_conditions\":[0],\"sum_hessian\":[0]}]}",
         "a node of a tree that no row comes to"},
        {HEAD "{\"left_children\":[-1],\"right_children\":[-1],\"split_indices\":[0],"
              "\"split_conditions\":[0],\"sum_hessian\":[1e20]}]}",
         "or more than there can be"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rsi_model model;
        rs_error err;
        assert_int_equal(read_text(rows[i].text, &model, &err), RS_EINPUT);
        if (strstr(err.message, rows[i].message) == NULL) {
            fail_msg("%zu: %s", i, err.message);
        }
    }
}

static void survives_every_cut_and_every_changed_byte(void **state)
{
    static const char whole[] = HEAD TREE "," LEAF "]}";
    (void)state;
    set_values(3);
    for (size_t i = 0; i + 1 < sizeof whole; i++) {
        for (int change = 0; change < 4; change++) {
            char text[sizeof whole];
            rsi_model model;
            rs_error err;
            memcpy(text, whole, sizeof whole);
            text[i] = change == 0 ? '\0' : change == 1 ? '9' : change == 2 ? '-' : '[';
            if (read_text(text, &model, &err) == RS_OK) {
                for (uint32_t v = 0; v < SUBJECTS; v++) {
                    assert_true(rsi_model_risk(&model, &features, v) <= RS_MILLION);
                }
                rsi_model_free(&model);
            }
        }
    }
}

static void refuses_other_columns(void **state)
{
    (void)state;
    rsi_model model;
    rs_error err;
    set_values(1);
    assert_int_equal(read_text(HEAD LEAF "]}", &model, &err), RS_OK);
    assert_int_equal(rsi_model_check(&model, &features, &err), RS_OK);
    features.count = 3;
    assert_int_equal(rsi_model_check(&model, &features, &err), RS_EINPUT);
    assert_non_null(strstr(err.message, "column 4 is \"d\" in the model and \"missing\" in the"));
    features.count = COLUMNS;
    columns[1].name = names[2];
    assert_int_equal(rsi_model_check(&model, &features, &err), RS_EINPUT);
    assert_non_null(strstr(err.message, "column 2 is \"b\" in the model and \"c\" in the store"));
    rsi_model_free(&model);
    assert_int_equal(rsi_model_read(&model, "/nowhere/model", &err), RS_EUSAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_its_trees_say),
        cmocka_unit_test(shares_as_shapley_defines),
        cmocka_unit_test(shares_stay_finite),
        cmocka_unit_test(reads_what_it_writes),
        cmocka_unit_test(refuses_what_is_no_model),
        cmocka_unit_test(survives_every_cut_and_every_changed_byte),
        cmocka_unit_test(refuses_other_columns),
    };
    temporary_file(path, ".json", "", 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove(path);
    return failed;
}
