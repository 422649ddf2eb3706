/* test_leiden.c - igraph's Leiden behind one file ...
 *
 * WRAP: igraph_create igraph_rng_seed
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "detect/leiden.h"
#include "graphs.h"

/* igraph's calls as this file sees them: only their result matters, the rest is passed on. */
int __real_igraph_create(void *graph, const void *ends, int64_t count, bool directed);
int __wrap_igraph_create(void *graph, const void *ends, int64_t count, bool directed);
int __real_igraph_rng_seed(void *generator, uint64_t seed);
int __wrap_igraph_rng_seed(void *generator, uint64_t seed);

static int create_fails_with;
static uint64_t last_seed;

int __wrap_igraph_create(void *graph, const void *ends, int64_t count, bool directed)
{
    return create_fails_with != 0 ? create_fails_with
                                  : __real_igraph_create(graph, ends, count, directed);
}

int __wrap_igraph_rng_seed(void *generator, uint64_t seed)
{
    last_seed = seed;
    return __real_igraph_rng_seed(generator, seed);
}

static rs_detect_options options_of(uint32_t resolution)
{
    rs_detect_options options = RS_DETECT_DEFAULTS;
    options.resolution = resolution;
    options.rounds = 0;
    return options;
}

static void finds_partitions_that_no_move_betters(void **state)
{
    (void)state;
    static test_graph graph;
    rsi_random random;
    uint32_t label[NODES_MAX];
    int global = 0;
    const int count = 600;
    double lost = 0;
    rsi_random_seed(&random, 5, 1);
    for (int i = 0; i < count; i++) {
        uint32_t node_count = rsi_random_between(&random, 2, 8);
        uint32_t resolution = rsi_random_between(&random, 1, 60);
        random_graph(&graph, &random, node_count, rsi_random_below(&random, 900), true, 100, 1);
        rsi_piece piece = piece_of_graph(&graph);
        rs_detect_options options = options_of(resolution);
        rs_error err = {0};
        assert_int_equal(rsi_leiden(&piece, &options, label, &err), RS_OK);
        int64_t best = optimum(&graph, resolution);
        int64_t value = worth(&graph, resolution, label);
        uint64_t mass[NODES_MAX];
        assert_int_equal(value, rsi_piece_value(&piece, resolution, label, mass));
        assert_true(value <= best);
        assert_true(no_move_gains(&graph, resolution, label));
        global += value == best;
        lost += best > 0 ? (double)(best - value) / (double)best : 0;
    }
    print_message("the optimum in %d of %d, %.2f %% lost in all\n", global, count,
                  100 * lost / count);
    assert_true(global > count * 9 / 10);
}

/* What igraph maximises is what detect.h says: at the bound of a pair it joins, above it does not.
 */
static void takes_the_resolution_as_ours(void **state)
{
    (void)state;
    static test_graph graph;
    memset(&graph, 0, sizeof graph);
    graph.node_count = 2;
    graph.mass[0] = 3;
    graph.mass[1] = 5;
    add_link(&graph, 0, 1, 1500);
    rsi_piece piece = piece_of_graph(&graph);
    uint32_t label[2];
    rs_detect_options options = options_of(99);
    assert_int_equal(rsi_leiden(&piece, &options, label, NULL), RS_OK);
    assert_int_equal(label[1], 0);
    options.resolution = 101;
    assert_int_equal(rsi_leiden(&piece, &options, label, NULL), RS_OK);
    assert_int_equal(label[1], 1);
}

static void gives_the_same_at_another_second(void **state)
{
    (void)state;
    static test_graph graph;
    rsi_random random;
    uint32_t label[NODES_MAX];
    uint32_t again[NODES_MAX];
    rsi_random_seed(&random, 6, 1);
    random_graph(&graph, &random, 300, 20, true, 100, 1);
    rsi_piece piece = piece_of_graph(&graph);
    rs_detect_options options = options_of(7);
    assert_int_equal(rsi_leiden(&piece, &options, label, NULL), RS_OK);
    assert_int_equal(last_seed, options.random_seed ^ 300);
    (void)usleep(1100000); /* a generator that was not seeded takes the time in seconds */
    assert_int_equal(rsi_leiden(&piece, &options, again, NULL), RS_OK);
    assert_memory_equal(label, again, 300 * sizeof *label);
}

static void begins_where_it_is_told(void **state)
{
    (void)state;
    static test_graph graph;
    rsi_random random;
    uint32_t label[NODES_MAX];
    uint32_t start[NODES_MAX];
    rsi_random_seed(&random, 7, 1);
    for (int i = 0; i < 100; i++) {
        random_graph(&graph, &random, 60, 60, true, 100, 1);
        rsi_piece piece = piece_of_graph(&graph);
        for (uint32_t v = 0; v < 60; v++) {
            start[v] = rsi_random_below(&random, 10);
        }
        rsi_piece_canonical(60, start, label);
        piece.start = start;
        rs_detect_options options = options_of(12);
        options.rounds = 1;
        assert_int_equal(rsi_leiden(&piece, &options, label, NULL), RS_OK);
        assert_true(worth(&graph, 12, label) >= worth(&graph, 12, start));
    }
}

static void turns_errors_into_ours(void **state)
{
    (void)state;
    static test_graph graph;
    static const struct {
        int code;
        rs_status status;
        const char *message;
    } rows[] = {
        {2, RS_ENOMEM, "out of memory (igraph: graph)"},
        {4, RS_EIO, "igraph graph failed: Invalid value"},
    };
    memset(&graph, 0, sizeof graph);
    graph.node_count = 2;
    add_link(&graph, 0, 1, 5);
    rsi_piece piece = piece_of_graph(&graph);
    rs_detect_options options = options_of(1);
    uint32_t label[2];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rs_error err = {0};
        create_fails_with = rows[i].code;
        assert_int_equal(rsi_leiden(&piece, &options, label, &err), rows[i].status);
        assert_string_equal(err.message, rows[i].message);
    }
    create_fails_with = 0;
    assert_int_equal(rsi_leiden(&piece, &options, label, NULL), RS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_partitions_that_no_move_betters),
        cmocka_unit_test(takes_the_resolution_as_ours),
        cmocka_unit_test(gives_the_same_at_another_second),
        cmocka_unit_test(begins_where_it_is_told),
        cmocka_unit_test(turns_errors_into_ours),
    };
    return cmocka_run_group_tests_name("igraph's Leiden behind one file", tests, NULL, NULL);
}
