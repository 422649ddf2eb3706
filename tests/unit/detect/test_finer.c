/* test_finer.c - communities cut again by themselves, and their parts ...
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "ringscope/detect.h"

enum { NODES = 14, MANY = 300, LINKS_MAX = MANY * MANY, RESOLUTION = 1000 };

static uint32_t a[LINKS_MAX], b[LINKS_MAX], weight[LINKS_MAX];
static uint8_t is_member[MANY];
static uint32_t label[MANY], parts[RS_FINER_STEPS][MANY];
static uint32_t *const finer[RS_FINER_STEPS] = {parts[0], parts[1], parts[2], parts[3]};
static rs_link_graph graph = {NODES, is_member, 0, a, b, weight};

/* Two cliques of five and four, a link between them, and a pair; the cliques are one community. */
static void make(void)
{
    graph.link_count = 0;
    graph.node_count = NODES;
    memset(is_member, 1, sizeof is_member);
    for (uint32_t v = 0; v < NODES; v++) {
        label[v] = v < 9 ? 0 : v;
        for (uint32_t u = v + 1; u < NODES; u++) {
            bool clique = u < 5 || (v >= 5 && u < 9);
            uint32_t w = clique || (v == 10 && u == 11) ? 100 : v == 4 && u == 5 ? 60 : 0;
            if (w > 0) {
                a[graph.link_count] = v;
                b[graph.link_count] = u;
                weight[graph.link_count++] = w * RESOLUTION;
            }
        }
    }
}

static void cut(uint32_t resolution, unsigned threads)
{
    rs_work work = {.threads = threads};
    memset(parts, 0xaa, sizeof parts);
    assert_int_equal(rs_detect_finer(&graph, label, resolution, &work, finer, NULL), RS_OK);
}

static void hold_until_they_fall_into_parts_named_by_their_smallest(void **state)
{
    (void)state;
    make();
    for (unsigned threads = 1; threads <= 3; threads++) {
        cut(RESOLUTION, threads); /* 60 against 20 pairs at 2, and at 4 */
        assert_memory_equal(parts[0], label, NODES * sizeof *label);
        for (unsigned step = 1; step < RS_FINER_STEPS; step++) {
            for (uint32_t v = 0; v < NODES; v++) { /* 10 and 11 were not asked for */
                assert_int_equal(parts[step][v], v < 5 ? 0 : v < 9 ? 5 : v);
            }
        }
    }
}

static void are_connected_parts(void **state)
{
    (void)state;
    make();
    for (uint32_t v = 0; v < NODES; v++) { /* one label, but nothing ties the pair to the rest */
        label[v] = v < 9 || v == 10 || v == 11 ? 0 : v;
    }
    cut(RESOLUTION / 2, 1);
    for (uint32_t v = 0; v < NODES; v++) {
        assert_int_equal(parts[0][v], v < 9 ? 0 : v == 11 ? 10 : v);
    }
}

/* Nodes of a few labels at random, things among them, links of all weights. */
static void make_many(uint64_t seed)
{
    uint32_t first[8];
    rsi_random random;
    rsi_random_seed(&random, seed, 0);
    graph.link_count = 0;
    graph.node_count = MANY;
    memset(first, 0xff, sizeof first);
    for (uint32_t v = 0; v < MANY; v++) {
        uint32_t *own = &first[rsi_random_below(&random, 8)];
        *own = *own == UINT32_MAX ? v : *own;
        label[v] = *own;
        is_member[v] = rsi_random_below(&random, 4) > 0;
    }
    for (uint32_t v = 0; v < MANY; v++) {
        for (uint32_t u = v + 1; u < MANY; u++) {
            if (rsi_random_below(&random, u - v < 12 ? 3 : 40) == 0) {
                a[graph.link_count] = v;
                b[graph.link_count] = u;
                weight[graph.link_count++] = 1 + rsi_random_below(&random, 60 * RESOLUTION);
            }
        }
    }
}

/* The definition: what a step leaves is cut as if it were all that is asked for. */
static void are_cut_as_if_each_step_were_the_first(void **state)
{
    static uint32_t known[RS_FINER_STEPS][MANY];
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        size_t fell = 0;
        make_many(seed);
        cut(RESOLUTION, 2);
        memcpy(known, parts, sizeof known);
        for (unsigned step = 1; step < RS_FINER_STEPS; step++) {
            memcpy(label, known[step - 1], sizeof label);
            cut((uint32_t)RESOLUTION << step, 1);
            assert_memory_equal(parts[0], known[step], sizeof known[step]);
            fell += memcmp(known[step], known[step - 1], sizeof known[step]) != 0;
        }
        assert_true(fell > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hold_until_they_fall_into_parts_named_by_their_smallest),
        cmocka_unit_test(are_connected_parts),
        cmocka_unit_test(are_cut_as_if_each_step_were_the_first),
    };
    return cmocka_run_group_tests_name("communities, cut finer", tests, NULL, NULL);
}
