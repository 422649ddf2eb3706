/* test_hold.c - how firmly nodes belong to a community ...
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "ringscope/detect.h"

enum { NODES = 60, LINKS_MAX = NODES * NODES / 2, RESOLUTION = 1000 };

typedef struct fixture {
    uint8_t is_member[NODES];
    uint32_t weight_of[NODES][NODES];
    uint32_t a[LINKS_MAX], b[LINKS_MAX], weight[LINKS_MAX];
    uint32_t label[NODES];
    uint32_t hold[NODES];
} fixture;

static void join(fixture *f, uint32_t from, uint32_t to, uint32_t weight)
{
    for (uint32_t a = from; a < to; a++) {
        for (uint32_t b = a + 1; b < to; b++) {
            f->weight_of[a][b] = weight;
        }
    }
}

/* All nodes from .. to-1 are one community. */
static void label(fixture *f, uint32_t from, uint32_t to)
{
    for (uint32_t v = from; v < to; v++) {
        f->label[v] = from;
    }
}

static fixture *new_fixture(void)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    memset(f->is_member, 1, sizeof f->is_member);
    for (uint32_t v = 0; v < NODES; v++) {
        f->label[v] = v;
    }
    return f;
}

static void find(fixture *f, unsigned threads)
{
    rs_link_graph graph = {
        .node_count = NODES, .is_member = f->is_member, .a = f->a, .b = f->b, .weight = f->weight};
    rs_work work = {.threads = threads};
    for (uint32_t a = 0; a < NODES; a++) {
        for (uint32_t b = a + 1; b < NODES; b++) {
            if (f->weight_of[a][b] > 0) {
                f->a[graph.link_count] = a;
                f->b[graph.link_count] = b;
                f->weight[graph.link_count++] = f->weight_of[a][b];
            }
        }
    }
    memset(f->hold, 0xaa, sizeof f->hold);
    assert_int_equal(rs_detect_hold(&graph, f->label, RESOLUTION, &work, f->hold, NULL), RS_OK);
}

static void is_whole_where_all_pairs_hold(void **state)
{
    (void)state;
    fixture *f = new_fixture();
    join(f, 0, 8, 100 * RESOLUTION);
    label(f, 0, 8);
    find(f, 1);
    for (uint32_t v = 0; v < NODES; v++) { /* and of nodes that nobody asks for */
        assert_int_equal(f->hold[v], RS_HOLD_ONE);
    }
    free(f);
}

static void is_less_at_the_fringe(void **state)
{
    (void)state;
    fixture *f = new_fixture();
    join(f, 0, 8, 100 * RESOLUTION);
    /* Node 8 adds 8 * 5 to what 8 pairs cost: it stays at 1, 2 and 4 times the resolution. */
    for (uint32_t v = 0; v < 8; v++) {
        f->weight_of[v][8] = 5 * RESOLUTION;
    }
    label(f, 0, 9);
    find(f, 1);
    for (uint32_t v = 0; v < 8; v++) {
        assert_int_equal(f->hold[v], RS_HOLD_ONE);
    }
    /* Three times whole, twice alone beside eight. */
    assert_int_equal(f->hold[8], (3 * RS_HOLD_ONE + 2 * (RS_HOLD_ONE / 8)) / 5);
    free(f);
}

static void is_a_share_of_the_largest_part(void **state)
{
    (void)state;
    fixture *f = new_fixture();
    join(f, 0, 10, 100 * RESOLUTION);
    join(f, 10, 15, 100 * RESOLUTION);
    f->weight_of[9][10] = 60 * RESOLUTION; /* 50 pairs at 1.2: together only at the resolution */
    label(f, 0, 15);
    find(f, 1);
    for (uint32_t v = 0; v < 15; v++) {
        uint32_t part = v < 10 ? RS_HOLD_ONE : RS_HOLD_ONE / 2;
        assert_int_equal(f->hold[v], (RS_HOLD_ONE + 4 * part) / 5);
    }
    free(f);
}

static void does_not_count_things(void **state)
{
    (void)state;
    fixture *f = new_fixture();
    join(f, 0, 6, 100 * RESOLUTION);
    for (uint32_t v = 6; v < 30; v++) { /* things that one of them uses */
        f->is_member[v] = 0;
        f->weight_of[5][v] = 100 * RESOLUTION;
    }
    label(f, 0, 30);
    find(f, 1);
    for (uint32_t v = 0; v < 30; v++) {
        assert_int_equal(f->hold[v], RS_HOLD_ONE);
    }
    free(f);
}

/* Whatever the threads, and whatever other communities there are. */
static void depends_on_the_community_alone(void **state)
{
    (void)state;
    rsi_random random;
    rsi_random_seed(&random, 31, 1);
    for (int round = 0; round < 40; round++) {
        fixture *f = new_fixture();
        for (uint32_t a = 0; a < NODES; a++) {
            for (uint32_t b = a + 1; b < NODES; b++) {
                bool link = rsi_random_chance(&random, a / 20 == b / 20 ? 400 : 100);
                f->weight_of[a][b] =
                    link ? (uint32_t)rsi_random_between(&random, 1, 40) * RESOLUTION : 0;
            }
        }
        uint32_t all[NODES];
        for (uint32_t v = 0; v < NODES; v++) {
            f->label[v] = v / 20 * 20;
        }
        find(f, 1);
        memcpy(all, f->hold, sizeof all);
        find(f, 3);
        assert_memory_equal(f->hold, all, sizeof all);
        for (uint32_t v = 0; v < NODES; v++) {
            f->label[v] = v / 20 == 1 ? 20 : v;
        }
        find(f, 1);
        assert_memory_equal(f->hold + 20, all + 20, 20 * sizeof *all);
        for (uint32_t v = 0; v < NODES; v++) {
            assert_true(f->hold[v] > 0 && f->hold[v] <= RS_HOLD_ONE);
            assert_true(v / 20 == 1 || f->hold[v] == RS_HOLD_ONE);
        }
        free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_whole_where_all_pairs_hold),  cmocka_unit_test(is_less_at_the_fringe),
        cmocka_unit_test(is_a_share_of_the_largest_part), cmocka_unit_test(does_not_count_things),
        cmocka_unit_test(depends_on_the_community_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
