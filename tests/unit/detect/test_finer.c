/* test_finer.c - communities cut again by themselves ...
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ringscope/detect.h"

enum { NODES = 14, RESOLUTION = 1000 };

static uint32_t a[NODES * NODES], b[NODES * NODES], weight[NODES * NODES];
static uint8_t is_member[NODES];
static uint32_t label[NODES], finer[NODES];
static rs_link_graph graph = {NODES, is_member, 0, a, b, weight};

/* Two cliques of five and four, a link between them, and a pair; the cliques are one community. */
static void make(void)
{
    graph.link_count = 0;
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
    memset(finer, 0xaa, sizeof finer);
    assert_int_equal(rs_detect_finer(&graph, label, resolution, &work, finer, NULL), RS_OK);
}

static void are_as_they_were_where_they_hold(void **state)
{
    (void)state;
    make();
    for (unsigned threads = 1; threads <= 3; threads++) {
        cut(2 * RESOLUTION, threads); /* 60 against 20 pairs at 2 */
        assert_memory_equal(finer, label, sizeof label);
    }
}

static void fall_into_parts_named_by_their_smallest(void **state)
{
    (void)state;
    make();
    cut(4 * RESOLUTION, 1); /* 60 against 20 pairs at 4 */
    for (uint32_t v = 0; v < NODES; v++) {
        assert_int_equal(finer[v], v < 5 ? 0 : v < 9 ? 5 : v); /* 10 and 11 were not asked for */
    }
}

static void are_connected_parts(void **state)
{
    (void)state;
    make();
    for (uint32_t v = 0; v < NODES; v++) { /* one label, but nothing ties the pair to the rest */
        label[v] = v < 9 || v == 10 || v == 11 ? 0 : v;
    }
    cut(RESOLUTION, 1);
    for (uint32_t v = 0; v < NODES; v++) {
        assert_int_equal(finer[v], v < 9 ? 0 : v == 11 ? 10 : v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(are_as_they_were_where_they_hold),
        cmocka_unit_test(fall_into_parts_named_by_their_smallest),
        cmocka_unit_test(are_connected_parts),
    };
    return cmocka_run_group_tests_name("communities, cut finer", tests, NULL, NULL);
}
