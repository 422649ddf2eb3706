/* test_explain.c - a risk is split exactly over its seeds, and its strongest paths are found.
 *
 * WRAP: malloc calloc realloc
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reference.h"

static int allowed = INT32_MAX; /* allocations that still succeed */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void *__wrap_malloc(size_t size)
{
    return allowed-- > 0 ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return allowed-- > 0 ? __real_calloc(count, size) : NULL;
}

void *__wrap_realloc(void *memory, size_t size)
{
    return allowed-- > 0 ? __real_realloc(memory, size) : NULL;
}

static const rs_spread_options precise = {
    .damping = 0.85, .ground = UINT32_C(1) << 20, .tolerance = 3e-9};

static void spread_over(const small_graph *g, int64_t risk[NODES_MAX])
{
    rs_error err = {0};
    if (rs_spread(&g->graph, g->seed, &precise, NULL, risk, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
}

static double size_of(double x)
{
    return x < 0 ? -x : x;
}

/* ---- the split
 * ------------------------------------------------------------------------------------ */

static void splits_a_risk_exactly_however_coarse_the_push(void **state)
{
    (void)state;
    static small_graph g;
    static int64_t risk[NODES_MAX];
    const double tolerances[] = {1, 0.3, 0.03, 1e-3, 1e-6, 1e-12};
    bool any_remainder = false;
    for (uint32_t round = 0; round < 60; round++) {
        rsi_random random;
        rsi_random_seed(&random, 11, round);
        small_graph_make(&g, &random, NODES_MAX, 150, 1 << 21);
        spread_over(&g, risk);
        for (size_t i = 0; i < sizeof tolerances / sizeof *tolerances; i++) {
            uint32_t node = rsi_random_below(&random, g.count);
            rs_explanation out;
            assert_int_equal(rs_spread_explain(&g.graph, g.seed, risk, &precise, node,
                                               tolerances[i], &out, NULL),
                             RS_OK);
            assert_true(out.risk == as_double(risk[node]));
            double parts = out.covered + out.unlisted + out.remainder;
            assert_true(size_of(out.risk - parts) <= 2e-8);
            any_remainder |= size_of(out.remainder) > 0.01;
        }
    }
    assert_true(any_remainder);
}

static void gives_each_seed_the_part_of_a_dense_solve(void **state)
{
    (void)state;
    static small_graph g;
    static int64_t risk[NODES_MAX];
    static double inverse[NODES_MAX][NODES_MAX];
    for (uint32_t round = 0; round < 100; round++) {
        rsi_random random;
        rsi_random_seed(&random, 12, round);
        small_graph_make(&g, &random, NODES_MAX, 120, 1 << 21);
        spread_over(&g, risk);
        dense_inverse(&g, &precise, inverse);
        uint32_t node = rsi_random_below(&random, g.count);
        rs_explanation out;
        assert_int_equal(
            rs_spread_explain(&g.graph, g.seed, risk, &precise, node, 1e-12, &out, NULL), RS_OK);
        size_t seeds = 0;
        double covered = 0;
        for (uint32_t s = 0; s < g.count; s++) {
            seeds += g.seed[s] != 0 && inverse[node][s] > 1e-15;
        }
        assert_int_equal(out.seed_count, seeds);
        assert_int_equal(out.listed_count, seeds < 16 ? seeds : 16);
        for (size_t i = 0; i < out.listed_count; i++) {
            uint32_t s = out.seeds[i].seed;
            double part = inverse[node][s] * as_double(g.seed[s]);
            assert_true(size_of(out.seeds[i].part - part) <= 1e-9);
            assert_true(i == 0 || size_of(out.seeds[i].part) <= size_of(out.seeds[i - 1].part));
            covered += part;
        }
        assert_true(size_of(out.covered - covered) <= 1e-8);
        assert_true(size_of(out.remainder) <= 1e-8);
    }
}

/* What is left out is smaller than anything listed. */
static void lists_the_largest_seeds(void **state)
{
    (void)state;
    static small_graph g;
    static int64_t risk[NODES_MAX];
    static double inverse[NODES_MAX][NODES_MAX];
    memset(&g, 0, sizeof g);
    g.count = NODES_MAX;
    for (uint32_t v = 1; v < NODES_MAX; v++) { /* a star with node 0 in the middle */
        g.link[0][v] = g.link[v][0] = 1000 * (1 + v * 7 % 39);
        g.seed[v] = v % 4 == 0 ? -RS_RISK_ONE : RS_RISK_ONE;
    }
    small_graph_rows(&g);
    spread_over(&g, risk);
    dense_inverse(&g, &precise, inverse);
    rs_explanation out;
    assert_int_equal(rs_spread_explain(&g.graph, g.seed, risk, &precise, 0, 1e-12, &out, NULL),
                     RS_OK);
    assert_int_equal(out.listed_count, 16);
    assert_int_equal(out.seed_count, 39);
    bool listed[NODES_MAX] = {false};
    for (size_t i = 0; i < 16; i++) {
        listed[out.seeds[i].seed] = true;
    }
    double smallest = size_of(out.seeds[15].part), unlisted = 0;
    for (uint32_t s = 1; s < NODES_MAX; s++) {
        if (!listed[s]) {
            assert_true(inverse[0][s] <= smallest + 1e-9);
            unlisted += inverse[0][s] * as_double(g.seed[s]);
        }
    }
    assert_true(size_of(out.unlisted - unlisted) <= 1e-8);
}

static void sums_to_the_same_seen_from_either_end(void **state)
{
    (void)state;
    static small_graph g;
    static int64_t risk[NODES_MAX];
    rsi_random random;
    rsi_random_seed(&random, 13, 0);
    small_graph_make(&g, &random, NODES_MAX, 200, 1 << 21);
    memset(g.seed, 0, sizeof g.seed);
    for (uint32_t v = 1; v < g.count; v++) {
        double part[2] = {0, 0};
        for (int side = 0; side < 2; side++) { /* G(0,v) and G(v,0) */
            rs_explanation out;
            memset(g.seed, 0, sizeof g.seed);
            g.seed[side == 0 ? v : 0] = RS_RISK_ONE;
            spread_over(&g, risk);
            assert_int_equal(rs_spread_explain(&g.graph, g.seed, risk, &precise, side == 0 ? 0 : v,
                                               1e-12, &out, NULL),
                             RS_OK);
            part[side] = out.listed_count > 0 ? out.seeds[0].part : 0;
        }
        assert_true(size_of(part[0] - part[1]) <= 1e-10);
    }
}

static void gives_a_lone_seed_all_of_its_risk(void **state)
{
    (void)state;
    static small_graph g;
    int64_t risk[NODES_MAX];
    memset(&g, 0, sizeof g);
    g.count = 1;
    g.seed[0] = -RS_RISK_ONE / 2;
    small_graph_rows(&g);
    for (uint32_t ground = 0; ground < 2; ground++) {
        rs_spread_options options = precise;
        rs_explanation out;
        options.ground = ground;
        assert_int_equal(rs_spread(&g.graph, g.seed, &options, NULL, risk, NULL), RS_OK);
        assert_int_equal(rs_spread_explain(&g.graph, g.seed, risk, &options, 0, 1e-6, &out, NULL),
                         RS_OK);
        assert_true(out.risk == -0.5 && out.covered == -0.5 && out.remainder == 0);
        assert_int_equal(out.seed_count, 1);
        assert_int_equal(out.path_count, 1);
        assert_int_equal(out.paths[0].length, 1);
        assert_true(out.paths[0].part == -0.5 && out.path_part == -0.5);
    }
}

/* ---- paths
 * ---------------------------------------------------------------------------------------- */

enum { SMALL = 9, ALL_MAX = 200000 };

typedef struct all_paths {
    rs_path *paths;
    size_t count;
} all_paths;

/* Every simple path from a seed to the node on top of `nodes`, by walking all of them. */
static void walk(const small_graph *g, all_paths *all, uint32_t *nodes, uint32_t length,
                 double product)
{
    uint32_t last = nodes[length - 1];
    if (g->seed[last] != 0) {
        assert_true(all->count < ALL_MAX);
        rs_path *path = &all->paths[all->count++];
        *path = (rs_path){.length = length, .part = product * as_double(g->seed[last])};
        for (uint32_t i = 0; i < length; i++) {
            path->nodes[i] = nodes[length - 1 - i];
        }
    }
    for (uint32_t next = 0; next < g->count && length < 12; next++) {
        bool is_new = g->link[last][next] != 0;
        for (uint32_t i = 0; i < length; i++) {
            is_new &= nodes[i] != next;
        }
        if (is_new) {
            nodes[length] = next;
            walk(g, all, nodes, length + 1,
                 product * precise.damping * link_share(g, precise.ground, last, next));
        }
    }
}

static int by_size(const void *left, const void *right)
{
    double a = size_of(((const rs_path *)left)->part), b = size_of(((const rs_path *)right)->part);
    return (a < b) - (a > b);
}

/* The rule of propagate.h: the best of each seed, then whatever is strongest; descending. */
static size_t choose(const all_paths *all, rs_path chosen[8])
{
    bool seen[NODES_MAX] = {false};
    size_t count = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < all->count && count < 8; i++) {
            uint32_t seed = all->paths[i].nodes[0];
            bool is_first = !seen[seed];
            bool is_taken = false;
            for (size_t k = 0; k < count; k++) {
                is_taken |= memcmp(&chosen[k], &all->paths[i], sizeof *chosen) == 0;
            }
            if (pass == 0 ? is_first : !is_taken) {
                chosen[count++] = all->paths[i];
            }
            seen[seed] = true;
        }
    }
    qsort(chosen, count, sizeof *chosen, by_size);
    return count;
}

static void check_paths(const small_graph *g, uint32_t node, const rs_explanation *out)
{
    static rs_path memory[ALL_MAX];
    all_paths all = {.paths = memory};
    rs_path chosen[8];
    uint32_t nodes[12] = {node};
    walk(g, &all, nodes, 1, 1);
    qsort(all.paths, all.count, sizeof *all.paths, by_size);
    size_t count = choose(&all, chosen);
    double sum = 0;
    assert_int_equal(out->path_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(out->paths[i].length, chosen[i].length);
        assert_memory_equal(out->paths[i].nodes, chosen[i].nodes,
                            chosen[i].length * sizeof *chosen[i].nodes);
        assert_true(size_of(out->paths[i].part - chosen[i].part) <= 1e-12);
        sum += chosen[i].part;
    }
    assert_true(size_of(out->path_part - sum) <= 1e-12);
}

static void finds_the_paths_that_walking_all_of_them_finds(void **state)
{
    (void)state;
    static small_graph g;
    static int64_t risk[NODES_MAX];
    for (uint32_t round = 0; round < 300; round++) {
        rsi_random random;
        rsi_random_seed(&random, 21, round);
        small_graph_make(&g, &random, SMALL, 200 + round % 5 * 150, 1 << 22);
        spread_over(&g, risk);
        for (uint32_t node = 0; node < g.count; node++) {
            rs_explanation out;
            assert_int_equal(
                rs_spread_explain(&g.graph, g.seed, risk, &precise, node, 1e-12, &out, NULL),
                RS_OK);
            check_paths(&g, node, &out);
        }
    }
}

/* A row of 20 nodes with the seed at its end. */
static void follows_no_path_of_more_than_11_links(void **state)
{
    (void)state;
    static small_graph g;
    static int64_t risk[NODES_MAX];
    memset(&g, 0, sizeof g);
    g.count = 20;
    for (uint32_t v = 0; v + 1 < g.count; v++) { /* a row */
        g.link[v][v + 1] = g.link[v + 1][v] = 1 << 20;
    }
    g.seed[0] = RS_RISK_ONE;
    small_graph_rows(&g);
    spread_over(&g, risk);
    for (uint32_t node = 0; node < g.count; node++) {
        rs_explanation out;
        assert_int_equal(
            rs_spread_explain(&g.graph, g.seed, risk, &precise, node, 1e-12, &out, NULL), RS_OK);
        assert_int_equal(out.path_count, node <= 11);
        assert_int_equal(out.seed_count, 1);
        assert_true(node > 11 || out.paths[0].length == node + 1);
        assert_true(out.path_part <= out.risk + 1e-9);
    }
}

/* Twelve strong links, or a weak one in the place of two: only the second is short enough. */
static void takes_a_weak_short_path_where_the_strong_one_is_too_long(void **state)
{
    (void)state;
    static small_graph g;
    static int64_t risk[NODES_MAX];
    memset(&g, 0, sizeof g);
    g.count = 24;
    for (uint32_t v = 0; v < 12; v++) { /* 0 .. 12, twelve links, strong */
        g.link[v][v + 1] = g.link[v + 1][v] = 1 << 28;
    }
    g.link[6][13] = g.link[13][6] = 1000; /* 6 - 13 - 8: no shorter but weaker */
    g.link[13][8] = g.link[8][13] = 1000;
    g.link[2][4] = g.link[4][2] = 1000; /* saves one link */
    g.seed[0] = RS_RISK_ONE;
    small_graph_rows(&g);
    spread_over(&g, risk);
    rs_explanation out;
    assert_int_equal(rs_spread_explain(&g.graph, g.seed, risk, &precise, 12, 1e-12, &out, NULL),
                     RS_OK);
    check_paths(&g, 12, &out);
    assert_int_equal(out.paths[0].length, 12);
    assert_int_equal(out.paths[0].nodes[3], 4);
}

/* All weights alike: the order of equals is by nodes, the same each time. */
static void orders_equal_paths_by_their_nodes(void **state)
{
    (void)state;
    static small_graph g;
    static int64_t risk[NODES_MAX];
    memset(&g, 0, sizeof g);
    g.count = 8; /* 0, seven users, all tied to 0 alone and each a seed but 7 */
    for (uint32_t v = 1; v < 8; v++) {
        g.link[0][v] = g.link[v][0] = 1 << 20;
        g.seed[v] = v < 7 ? RS_RISK_ONE : 0;
    }
    small_graph_rows(&g);
    spread_over(&g, risk);
    rs_explanation out;
    assert_int_equal(rs_spread_explain(&g.graph, g.seed, risk, &precise, 7, 1e-12, &out, NULL),
                     RS_OK);
    assert_int_equal(out.path_count, 6);
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(out.paths[i].nodes[0], i + 1);
        assert_int_equal(out.paths[i].length, 3);
        assert_true(out.paths[i].part == out.paths[0].part);
        assert_int_equal(out.seeds[i].seed, i + 1);
    }
}

/* ---- cost and failures
 * ------------------------------------------------------------------------------ */

/* A hub of 300,000 users, each with three things of its own: from one user's thing little is seen.
 */
static void looks_no_further_than_the_tolerance_asks(void **state)
{
    (void)state;
    enum { USERS = 300000 };
    uint64_t *first = calloc(2 * USERS + 2, sizeof *first);
    uint32_t *to = malloc(4 * USERS * sizeof *to);
    uint32_t *weight = malloc(4 * USERS * sizeof *weight);
    int64_t *seed = calloc(2 * USERS + 1, sizeof *seed);
    int64_t *risk = calloc(2 * USERS + 1, sizeof *risk);
    uint64_t links = 0;
    for (uint32_t v = 0; v < USERS; v++) { /* users, their things, the hub */
        to[links++] = USERS + v;
        to[links++] = 2 * USERS;
        first[v + 1] = links;
    }
    for (uint32_t v = 0; v < USERS; v++) {
        to[links++] = v;
        first[USERS + v + 1] = links;
    }
    for (uint32_t v = 0; v < USERS; v++) {
        to[links++] = v;
    }
    first[2 * USERS + 1] = links;
    for (uint64_t i = 0; i < links; i++) {
        weight[i] = 1 << 20;
    }
    seed[5] = RS_RISK_ONE;
    const rs_adjacency graph = {
        .node_count = 2 * USERS + 1, .first = first, .to = to, .weight = weight};
    assert_int_equal(rs_spread(&graph, seed, &precise, NULL, risk, NULL), RS_OK);
    rs_explanation out;
    allowed =
        20; /* touching every user would take more: the table doubles 13 times, all else once */
    rs_status status = rs_spread_explain(&graph, seed, risk, &precise, USERS + 5, 1e-4, &out, NULL);
    allowed = INT32_MAX;
    assert_int_equal(status, RS_OK);
    assert_int_equal(out.path_count, 1);
    assert_true(size_of(out.covered + out.remainder - out.risk) <= 1e-8);
    assert_true(out.covered > 0.99 * out.risk);
    free(first);
    free(to);
    free(weight);
    free(seed);
    free(risk);
}

static void refuses_what_cannot_be_explained(void **state)
{
    (void)state;
    const struct {
        uint32_t node;
        double tolerance;
        double damping;
        const char *message;
    } rows[] = {
        {1, 1e-6, 0.85, "explain: there is no node 1 (the graph has 1)"},
        {0, 0, 0.85, "explain: push tolerance is 0, expected 1e-12 to 1"},
        {0, 2, 0.85, "explain: push tolerance is 2, expected 1e-12 to 1"},
        {0, (double)NAN, 0.85, "explain: push tolerance is nan, expected 1e-12 to 1"},
        {0, 1e-6, 1, "spread: damping is 1, expected 0.000001 to 0.999999"},
    };
    static small_graph g;
    int64_t risk[NODES_MAX] = {0};
    memset(&g, 0, sizeof g);
    g.count = 1;
    small_graph_rows(&g);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rs_error err = {0};
        rs_explanation out;
        rs_spread_options options = precise;
        options.damping = rows[i].damping;
        assert_int_equal(rs_spread_explain(&g.graph, g.seed, risk, &options, rows[i].node,
                                           rows[i].tolerance, &out, &err),
                         RS_EUSAGE);
        assert_string_equal(err.message, rows[i].message);
    }
}

static void survives_every_failed_allocation(void **state)
{
    (void)state;
    static small_graph g;
    static int64_t risk[NODES_MAX];
    rsi_random random;
    rsi_random_seed(&random, 31, 4);
    small_graph_make(&g, &random, NODES_MAX, 300, 1000000);
    spread_over(&g, risk);
    rs_status status = RS_ENOMEM;
    int tries = 0;
    for (; status == RS_ENOMEM; tries++) {
        rs_error err = {0};
        rs_explanation out;
        allowed = tries;
        status = rs_spread_explain(&g.graph, g.seed, risk, &precise, 0, 1e-6, &out, &err);
        allowed = INT32_MAX;
        if (status != RS_OK) {
            assert_non_null(strstr(err.message, "out of memory"));
        }
    }
    assert_int_equal(status, RS_OK);
    assert_true(tries > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_a_risk_exactly_however_coarse_the_push),
        cmocka_unit_test(gives_each_seed_the_part_of_a_dense_solve),
        cmocka_unit_test(lists_the_largest_seeds),
        cmocka_unit_test(sums_to_the_same_seen_from_either_end),
        cmocka_unit_test(gives_a_lone_seed_all_of_its_risk),
        cmocka_unit_test(finds_the_paths_that_walking_all_of_them_finds),
        cmocka_unit_test(follows_no_path_of_more_than_11_links),
        cmocka_unit_test(takes_a_weak_short_path_where_the_strong_one_is_too_long),
        cmocka_unit_test(orders_equal_paths_by_their_nodes),
        cmocka_unit_test(looks_no_further_than_the_tolerance_asks),
        cmocka_unit_test(refuses_what_cannot_be_explained),
        cmocka_unit_test(survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
