/* test_spread_renumbering.c - laws of spreading: other numbers for the nodes, the same bits; more
 * seeds, the sum; and every explanation adds up.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "ringscope/propagate.h"

enum { COUNT = 3000, LINKS = 6000 };

typedef struct link {
    uint32_t a;
    uint32_t b;
    uint32_t weight;
} link;

typedef struct network {
    rs_adjacency graph;
    uint64_t first[COUNT + 1];
    uint32_t to[2 * LINKS];
    uint32_t weight[2 * LINKS];
} network;

static int by_ends(const void *left, const void *right)
{
    const link *x = left, *y = right;
    return x->a != y->a ? (x->a > y->a) - (x->a < y->a) : (x->b > y->b) - (x->b < y->b);
}

/* Rows from links that stand once each way; equal ones are dropped. */
static void rows_of(network *net, link *links, size_t count)
{
    uint64_t at = 0;
    qsort(links, count, sizeof *links, by_ends);
    for (uint32_t v = 0, i = 0; v < COUNT; v++) {
        net->first[v] = at;
        for (; i < count && links[i].a == v; i++) {
            if (at == net->first[v] || net->to[at - 1] != links[i].b) {
                net->to[at] = links[i].b;
                net->weight[at++] = links[i].weight;
            }
        }
    }
    net->first[COUNT] = at;
    net->graph = (rs_adjacency){
        .node_count = COUNT, .first = net->first, .to = net->to, .weight = net->weight};
}

/* A random graph with hubs: the square of a random number picks low nodes more often. A weight
 * depends on the ends alone, so that equal links are equal. The nodes are numbered by `number`. */
static void make_network(network *net, uint64_t seed, const uint32_t number[COUNT])
{
    static link links[2 * LINKS];
    size_t count = 0;
    rsi_random random;
    rsi_random_seed(&random, seed, 1);
    for (int i = 0; i < LINKS; i++) {
        uint64_t x = rsi_random_below(&random, COUNT);
        uint32_t a = (uint32_t)(x * x / COUNT), b = rsi_random_below(&random, COUNT);
        if (a != b) {
            uint64_t ends = a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;
            uint32_t weight = 1 + (uint32_t)(rsi_mix64(ends) % (UINT32_C(1) << 21));
            links[count++] = (link){number[a], number[b], weight};
            links[count++] = (link){number[b], number[a], weight};
        }
    }
    rows_of(net, links, count);
}

static void make_seeds(uint64_t seed, const uint32_t number[COUNT], int64_t seeds[COUNT])
{
    rsi_random random;
    rsi_random_seed(&random, seed, 2);
    memset(seeds, 0, COUNT * sizeof *seeds);
    for (uint32_t v = 0; v < COUNT; v++) {
        int64_t size = rsi_random_between(&random, 1, UINT32_MAX);
        if (rsi_random_chance(&random, 20)) {
            seeds[number[v]] = rsi_random_chance(&random, 250) ? -size : size;
        }
    }
}

static void number_plainly(uint32_t number[COUNT])
{
    for (uint32_t v = 0; v < COUNT; v++) {
        number[v] = v;
    }
}

static void spreads_the_same_bits_under_other_numbers(void **state)
{
    (void)state;
    static network plain, other;
    static uint32_t number[COUNT];
    static int64_t seeds[COUNT], risk[COUNT], other_risk[COUNT];
    for (uint64_t round = 0; round < 20; round++) {
        rs_spread_options options = RS_SPREAD_DEFAULTS;
        rs_work work = {.threads = 1 + (unsigned)round % 3};
        options.ground >>= round % 8;
        number_plainly(number);
        make_network(&plain, round, number);
        make_seeds(round, number, seeds);
        assert_int_equal(rs_spread(&plain.graph, seeds, &options, NULL, risk, NULL), RS_OK);
        rsi_permutation permutation;
        rsi_permutation_make(&permutation, COUNT, round + 100);
        for (uint32_t v = 0; v < COUNT; v++) {
            number[v] = (uint32_t)rsi_permute(&permutation, v);
        }
        make_network(&other, round, number);
        make_seeds(round, number, seeds);
        assert_int_equal(rs_spread(&other.graph, seeds, &options, &work, other_risk, NULL), RS_OK);
        for (uint32_t v = 0; v < COUNT; v++) {
            assert_true(risk[v] == other_risk[number[v]]);
        }
    }
}

static void spreads_two_sets_of_seeds_as_their_sum(void **state)
{
    (void)state;
    static network net;
    static uint32_t number[COUNT];
    static int64_t seeds[3][COUNT], risk[3][COUNT];
    rs_spread_options options = RS_SPREAD_DEFAULTS;
    number_plainly(number);
    for (uint64_t round = 0; round < 10; round++) {
        make_network(&net, round, number);
        make_seeds(round, number, seeds[0]);
        make_seeds(round + 50, number, seeds[1]);
        for (uint32_t v = 0; v < COUNT; v++) {
            seeds[2][v] = seeds[0][v] + seeds[1][v];
        }
        for (int i = 0; i < 3; i++) {
            assert_int_equal(rs_spread(&net.graph, seeds[i], &options, NULL, risk[i], NULL), RS_OK);
        }
        for (uint32_t v = 0; v < COUNT; v++) {
            double off = (double)(risk[0][v] + risk[1][v] - risk[2][v]) / (double)RS_RISK_ONE;
            assert_true(fabs(off) <= 3 * options.tolerance);
        }
    }
}

static void explains_every_risk_to_the_last_part(void **state)
{
    (void)state;
    static network net;
    static uint32_t number[COUNT];
    static int64_t seeds[COUNT], risk[COUNT];
    rs_spread_options options = RS_SPREAD_DEFAULTS;
    options.tolerance = 1e-8;
    number_plainly(number);
    make_network(&net, 7, number);
    make_seeds(7, number, seeds);
    assert_int_equal(rs_spread(&net.graph, seeds, &options, NULL, risk, NULL), RS_OK);
    for (uint32_t v = 0; v < COUNT; v += 13) {
        rs_explanation coarse, fine;
        assert_int_equal(
            rs_spread_explain(&net.graph, seeds, risk, &options, v, 1e-2, &coarse, NULL), RS_OK);
        assert_int_equal(rs_spread_explain(&net.graph, seeds, risk, &options, v, 1e-5, &fine, NULL),
                         RS_OK);
        assert_true(fabs(coarse.covered + coarse.unlisted + coarse.remainder - fine.risk) < 1e-6);
        assert_true(fabs(fine.covered + fine.unlisted + fine.remainder - fine.risk) < 1e-6);
        assert_true(fabs(fine.remainder) < 1e-2);
        assert_true(fine.seed_count >= coarse.seed_count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spreads_the_same_bits_under_other_numbers),
        cmocka_unit_test(spreads_two_sets_of_seeds_as_their_sum),
        cmocka_unit_test(explains_every_risk_to_the_last_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
