/* test_plain.c - a plain piece ...
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "detect/plain.h"
#include "graphs.h"

#define GAMMA 100

static bool is_one(const test_graph *graph, uint32_t resolution)
{
    static rsi_plain_scratch scratch;
    memset(&scratch, 0xa5, sizeof scratch); /* it may not rely on what is there */
    rsi_piece piece = piece_of_graph(graph);
    return rsi_plain_is_one(&piece, resolution, &scratch);
}

static test_graph members(uint32_t count)
{
    test_graph graph = {.node_count = count};
    for (uint32_t v = 0; v < count; v++) {
        graph.is_member[v] = 1;
        graph.mass[v] = 1;
    }
    return graph;
}

static test_graph star(uint32_t member_count, uint32_t weight)
{
    test_graph graph = members(member_count + 1);
    graph.is_member[member_count] = 0;
    graph.mass[member_count] = 0;
    for (uint32_t v = 0; v < member_count; v++) {
        add_link(&graph, v, member_count, weight);
    }
    return graph;
}

static test_graph clique(uint32_t member_count, uint32_t weight)
{
    test_graph graph = members(member_count);
    for (uint32_t v = 0; v < member_count; v++) {
        for (uint32_t u = v + 1; u < member_count; u++) {
            add_link(&graph, v, u, weight);
        }
    }
    return graph;
}

static test_graph path(uint32_t member_count, uint32_t weight)
{
    test_graph graph = members(member_count);
    for (uint32_t v = 1; v < member_count; v++) {
        add_link(&graph, v - 1, v, weight);
    }
    return graph;
}

/* The bound is met exactly: at it one community is as good as any, below it is not. */
static void is_a_star_from_resolution_times_the_others_on(void **state)
{
    (void)state;
    for (uint32_t d = 2; d < 60; d++) {
        test_graph graph = star(d, GAMMA * (d - 1));
        assert_true(is_one(&graph, GAMMA));
        graph = star(d, GAMMA * (d - 1) - 1);
        assert_false(is_one(&graph, GAMMA));
    }
}

static void is_a_clique_from_the_resolution_on(void **state)
{
    (void)state;
    for (uint32_t d = 2; d < 60; d++) {
        test_graph graph = clique(d, GAMMA);
        assert_true(is_one(&graph, GAMMA));
        graph = clique(d, GAMMA - 1);
        assert_false(is_one(&graph, GAMMA));
    }
}

static void is_a_path_when_its_middle_holds(void **state)
{
    (void)state;
    for (uint32_t d = 2; d < 40; d++) {
        uint32_t middle = (d / 2) * (d - d / 2);
        test_graph graph = path(d, GAMMA * middle);
        assert_true(is_one(&graph, GAMMA));
        graph = path(d, GAMMA * middle - 1);
        assert_false(is_one(&graph, GAMMA));
    }
}

static void is_anything_without_two_members_or_without_a_resolution(void **state)
{
    (void)state;
    test_graph graph = path(300, 1);
    assert_true(is_one(&graph, 0));
    assert_false(is_one(&graph, GAMMA));
    memset(graph.mass, 0, sizeof graph.mass);
    assert_true(is_one(&graph, GAMMA));
    graph.mass[150] = 1;
    assert_true(is_one(&graph, UINT32_MAX));
}

/* Of a star with links between its members the tree alone says no, the links make it one. */
static void lets_links_carry_their_own_pair(void **state)
{
    (void)state;
    test_graph graph = members(6);
    graph.mass[0] = 0;
    for (uint32_t v = 1; v < 6; v++) {
        add_link(&graph, 0, v, 2 * GAMMA);
    }
    assert_false(is_one(&graph, GAMMA));
    for (uint32_t v = 1; v < 6; v++) {
        for (uint32_t u = v + 1; u < 6; u++) {
            if (u - v == 1 || u - v == 4) {
                add_link(&graph, v, u, GAMMA);
            }
        }
    }
    assert_true(is_one(&graph, GAMMA));
}

static void is_never_one_wrongly(void **state)
{
    (void)state;
    static test_graph graph;
    rsi_random random;
    int yes = 0;
    int missed = 0;
    rsi_random_seed(&random, 3, 1);
    for (int i = 0; i < 3000; i++) {
        uint32_t node_count = rsi_random_between(&random, 2, 7);
        uint32_t resolution = rsi_random_between(&random, 1, 40);
        random_graph(&graph, &random, node_count, rsi_random_below(&random, 900), true, 100, 1);
        uint32_t all[NODES_MAX] = {0};
        bool is_best = worth(&graph, resolution, all) == optimum(&graph, resolution);
        bool said = is_one(&graph, resolution);
        assert_true(is_best || !said);
        yes += said;
        missed += is_best && !said;
    }
    print_message("%d proven, %d true but not proven\n", yes, missed);
    assert_true(yes > 1000);
    assert_true(missed < yes / 4);
}

static void has_its_optimum_found_when_it_is_tiny(void **state)
{
    (void)state;
    static test_graph graph;
    static rsi_plain_scratch scratch;
    rsi_random random;
    uint32_t label[NODES_MAX];
    rsi_random_seed(&random, 4, 1);
    for (int i = 0; i < 1500; i++) {
        uint32_t node_count = rsi_random_between(&random, 1, 8);
        uint32_t resolution = rsi_random_between(&random, 0, 100);
        random_graph(&graph, &random, node_count, rsi_random_below(&random, 900), true, 100,
                     rsi_random_chance(&random, 500) ? 25 : 1);
        for (uint32_t v = 0; v < node_count; v++) {
            graph.mass[v] *= rsi_random_between(&random, 1, 3);
        }
        rsi_piece piece = piece_of_graph(&graph);
        memset(&scratch, 0xa5, sizeof scratch);
        rsi_plain_exact(&piece, resolution, label, &scratch);
        assert_int_equal(worth(&graph, resolution, label), optimum(&graph, resolution));
        assert_true(is_proper(&graph, label));
    }
}

static void is_not_looked_for_in_what_is_too_large(void **state)
{
    (void)state;
    test_graph graph = path(RSI_PLAIN_VERTICES + 1, UINT32_MAX);
    assert_false(is_one(&graph, 1));
    graph = path(RSI_PLAIN_VERTICES, UINT32_MAX);
    assert_true(is_one(&graph, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_a_star_from_resolution_times_the_others_on),
        cmocka_unit_test(is_a_clique_from_the_resolution_on),
        cmocka_unit_test(is_a_path_when_its_middle_holds),
        cmocka_unit_test(is_anything_without_two_members_or_without_a_resolution),
        cmocka_unit_test(lets_links_carry_their_own_pair),
        cmocka_unit_test(is_never_one_wrongly),
        cmocka_unit_test(has_its_optimum_found_when_it_is_tiny),
        cmocka_unit_test(is_not_looked_for_in_what_is_too_large),
    };
    return cmocka_run_group_tests_name("a plain piece", tests, NULL, NULL);
}
