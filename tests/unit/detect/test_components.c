/* test_components.c - components by union-find ...
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "detect/components.h"
#include "graphs.h"

static void agree_with_the_definition(void **state)
{
    (void)state;
    static test_graph graph;
    uint32_t label[NODES_MAX];
    uint32_t slow[NODES_MAX];
    rsi_random random;
    rsi_random_seed(&random, 1, 1);
    for (int i = 0; i < 300; i++) {
        uint32_t node_count = rsi_random_between(&random, 1, 200);
        random_graph(&graph, &random, node_count, 1600 / node_count, false, 9, 1);
        rs_link_graph links = links_of(&graph);
        rs_components(&links, label);
        slow_components(&graph, NULL, slow);
        assert_memory_equal(label, slow, node_count * sizeof *label);
    }
}

static void keep_to_communities(void **state)
{
    (void)state;
    static test_graph graph;
    uint32_t community[NODES_MAX];
    uint32_t label[NODES_MAX];
    uint32_t slow[NODES_MAX];
    rsi_random random;
    rsi_random_seed(&random, 2, 1);
    for (int i = 0; i < 300; i++) {
        uint32_t node_count = rsi_random_between(&random, 1, 100);
        random_graph(&graph, &random, node_count, 50, true, 9, 1);
        for (uint32_t v = 0; v < node_count; v++) {
            community[v] = rsi_random_below(&random, 3);
        }
        rs_link_graph links = links_of(&graph);
        rsi_components_within(&links, community, label);
        slow_components(&graph, community, slow);
        assert_memory_equal(label, slow, node_count * sizeof *label);
    }
}

static void of_nothing_are_none(void **state)
{
    (void)state;
    rs_link_graph empty = {0};
    rs_components(&empty, NULL);
    uint32_t label[3] = {7, 7, 7};
    rs_link_graph isolated = {.node_count = 3};
    rs_components(&isolated, label);
    for (uint32_t v = 0; v < 3; v++) {
        assert_int_equal(label[v], v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agree_with_the_definition),
        cmocka_unit_test(keep_to_communities),
        cmocka_unit_test(of_nothing_are_none),
    };
    return cmocka_run_group_tests_name("components by union-find", tests, NULL, NULL);
}
