/* test_detect.c - where a proof says one community, igraph never finds better, and neither does any
 * partition there is; what rs_detect settles by proof is what igraph at its best would find.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../unit/detect/graphs.h"
#include "detect/leiden.h"
#include "detect/plain.h"

/* Households: cliques, stars of a thing, both together, with a link missing or weak here and there.
 */
static void household(test_graph *graph, rsi_random *random, uint32_t member_count, bool thing)
{
    memset(graph, 0, sizeof *graph);
    uint32_t keep = rsi_random_between(random, 300, 1000);
    uint32_t least = rsi_random_between(random, 1, 100);
    graph->node_count = member_count + thing;
    for (uint32_t v = 0; v < graph->node_count; v++) {
        graph->mass[v] = v < member_count;
        graph->is_member[v] = v < member_count;
    }
    for (uint32_t a = 0; a < graph->node_count; a++) {
        for (uint32_t b = a + 1; b < graph->node_count; b++) {
            bool held = b == member_count || b == a + 1; /* it hangs together */
            if (held || rsi_random_chance(random, keep)) {
                add_link(graph, a, b, rsi_random_between(random, least, 120));
            }
        }
    }
}

static int64_t best_of_igraph(const test_graph *graph, uint32_t resolution, int seeds)
{
    rsi_piece piece = piece_of_graph(graph);
    int64_t best = INT64_MIN;
    for (int seed = 1; seed <= seeds; seed++) {
        uint32_t label[NODES_MAX];
        rs_detect_options options = RS_DETECT_DEFAULTS;
        options.resolution = resolution;
        options.random_seed = (uint64_t)seed;
        assert_int_equal(rsi_leiden(&piece, &options, label, NULL), RS_OK);
        int64_t value = worth(graph, resolution, label);
        best = value > best ? value : best;
    }
    return best;
}

static void a_proof_is_never_bettered(void **state)
{
    (void)state;
    static test_graph graph;
    static rsi_plain_scratch scratch;
    rsi_random random;
    int proven = 0;
    int large = 0;
    rsi_random_seed(&random, 21, 1);
    for (int i = 0; i < 6000; i++) {
        uint32_t resolution = rsi_random_between(&random, 1, 40);
        if (i % 2 == 0) {
            household(&graph, &random, rsi_random_between(&random, 2, i % 4 == 0 ? 6 : 25),
                      rsi_random_chance(&random, 500));
        } else {
            random_graph(&graph, &random, rsi_random_between(&random, 2, 12),
                         rsi_random_below(&random, 1000), true, 300, 1);
        }
        uint32_t all[NODES_MAX] = {0};
        rsi_piece piece = piece_of_graph(&graph);
        if (!rsi_plain_is_one(&piece, resolution, &scratch)) {
            continue;
        }
        int64_t one = worth(&graph, resolution, all);
        proven++;
        large += graph.node_count > 8;
        assert_true(best_of_igraph(&graph, resolution, 3) <= one);
        if (graph.node_count <= 7) {
            assert_int_equal(optimum(&graph, resolution), one);
        }
    }
    print_message("%d proven, %d of them of more than 8 nodes\n", proven, large);
    assert_true(proven > 2000 && large > 200);
}

/* rs_detect as a whole, on one component at a time. */
static void nothing_is_lost_on_small_components(void **state)
{
    (void)state;
    static test_graph graph;
    rsi_random random;
    rsi_random_seed(&random, 22, 1);
    for (int i = 0; i < 150; i++) {
        uint32_t label[NODES_MAX];
        rs_detect_counts counts;
        rs_detect_options options = RS_DETECT_DEFAULTS;
        options.resolution = rsi_random_between(&random, 1, 60);
        random_graph(&graph, &random, rsi_random_between(&random, 2, 9),
                     rsi_random_below(&random, 900), true, 100, 1);
        rs_link_graph links = links_of(&graph);
        assert_int_equal(rs_detect(&links, &options, NULL, label, &counts, NULL), RS_OK);
        assert_int_equal(counts.plain_count, 1);
        int64_t value = worth(&graph, options.resolution, label);
        assert_true(value >= best_of_igraph(&graph, options.resolution, 3));
        if (graph.node_count <= 7) {
            assert_int_equal(value, optimum(&graph, options.resolution));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proof_is_never_bettered),
        cmocka_unit_test(nothing_is_lost_on_small_components),
    };
    return cmocka_run_group_tests_name("a community proven to be best", tests, NULL, NULL);
}
