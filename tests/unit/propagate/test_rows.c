/* test_rows.c - a cut row keeps the links that bring most, and no others.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "propagate/view.h"
#include "reference.h"

enum { LEAVES = 600 };

/* Node 0 and its neighbours; risks are given, not spread. */
typedef struct star {
    uint64_t first[LEAVES + 2];
    uint32_t to[2 * LEAVES];
    uint32_t weight[2 * LEAVES];
    int64_t seed[LEAVES + 1];
    int64_t risk[LEAVES + 1];
    rs_adjacency graph;
} star;

static const rs_spread_options options = RS_SPREAD_DEFAULTS;

/* Risks of up to 1.0 in size, halved up to `halvings` times. */
static void make_star(star *s, uint32_t leaves, uint32_t halvings, uint32_t round)
{
    rsi_random random;
    rsi_random_seed(&random, 31, round);
    s->first[0] = 0;
    for (uint32_t v = 1; v <= leaves; v++) {
        s->to[v - 1] = v;
        s->weight[v - 1] = 1 + rsi_random_below(&random, 1 << 22);
        s->first[v] = leaves + v - 1;
        s->to[leaves + v - 1] = 0;
        s->weight[leaves + v - 1] = s->weight[v - 1];
        int64_t risk =
            rsi_random_below(&random, UINT32_MAX) >> rsi_random_below(&random, halvings + 1);
        s->risk[v] = rsi_random_below(&random, 4) == 0 ? -risk : risk;
    }
    s->first[leaves + 1] = 2 * (uint64_t)leaves;
    s->graph = (rs_adjacency){
        .node_count = leaves + 1, .first = s->first, .to = s->to, .weight = s->weight};
}

/* What leaf v brings to node 0. */
static double brought(const star *s, uint32_t v)
{
    double own = 1, other = 1 + s->weight[v - 1] / 0x1p20;
    for (uint32_t i = 0; i < s->graph.node_count - 1; i++) {
        own += s->weight[i] / 0x1p20;
    }
    double risk = as_double(s->risk[v]);
    return options.damping * s->weight[v - 1] / 0x1p20 / sqrt(own * other) *
           (risk < 0 ? -risk : risk);
}

static rsi_view_row row_of(const star *s, bool cut, rsi_network_rows **rows)
{
    rsi_view_row row = {0};
    assert_int_equal(rsi_network_rows_new(rows, &s->graph, &options, s->seed, s->risk, cut, NULL),
                     RS_OK);
    rsi_view view = rsi_network_rows_view(*rows);
    assert_int_equal(view.row(view.context, 0, &row, NULL), RS_OK);
    return row;
}

static int descending(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left < right) - (left > right);
}

/* The least that a kept link may bring, by the definition. */
static double least_kept(const star *s)
{
    double all[LEAVES], least = 0x1p-17;
    uint32_t leaves = s->graph.node_count - 1;
    for (uint32_t v = 1; v <= leaves; v++) {
        all[v - 1] = brought(s, v);
    }
    qsort(all, leaves, sizeof *all, descending);
    least = all[0] / RSI_KEPT_LEAST > least ? all[0] / RSI_KEPT_LEAST : least;
    return leaves > RSI_KEPT_LINKS && all[RSI_KEPT_LINKS - 1] > least ? all[RSI_KEPT_LINKS - 1]
                                                                      : least;
}

static void keeps_what_brings_most_and_no_more(void **state)
{
    (void)state;
    static star s;
    bool full = false, some = false;
    for (uint32_t round = 0; round < 60; round++) {
        make_star(&s, round % 3 == 0 ? 20 : LEAVES, round % 30, round);
        rsi_network_rows *rows = NULL;
        rsi_view_row row = row_of(&s, true, &rows);
        double least = least_kept(&s);
        size_t at = 0;
        for (uint32_t v = 1; v < s.graph.node_count; v++) {
            bool kept = at < row.count && row.to[at] == v;
            double brings = brought(&s, v);
            at += kept;
            if (brings > 1.001 * least || brings < 0.999 * least) { /* else either is right */
                assert_int_equal(kept, brings > least);
            }
        }
        assert_int_equal(at, row.count); /* ends ascend */
        full |= row.count == RSI_KEPT_LINKS;
        some |= row.count > 0 && row.count < RSI_KEPT_LINKS;
        rsi_network_rows_free(rows);
    }
    assert_true(full && some);
}

static void rounds_what_it_keeps_down(void **state)
{
    (void)state;
    static star s;
    make_star(&s, 100, 3, 7);
    rsi_network_rows *cut_rows = NULL, *whole_rows = NULL;
    rsi_view_row cut = row_of(&s, true, &cut_rows), whole = row_of(&s, false, &whole_rows);
    assert_int_equal(whole.count, 100);
    assert_true(cut.count > 10);
    for (size_t i = 0; i < cut.count; i++) {
        size_t at = cut.to[i] - 1;
        assert_true(cut.link[i] <= whole.link[at]);
        assert_true(whole.link[at] - cut.link[i] <= whole.link[at] >> (RSI_KEPT_LINK_BITS - 1));
        assert_int_equal(cut.bits[i], whole.bits[at]);
    }
    rsi_network_rows_free(cut_rows);
    rsi_network_rows_free(whole_rows);
}

static void keeps_nothing_where_nothing_has_a_risk(void **state)
{
    (void)state;
    static star s;
    make_star(&s, 50, 0, 1);
    memset(s.risk, 0, sizeof s.risk);
    rsi_network_rows *rows = NULL;
    assert_int_equal(row_of(&s, true, &rows).count, 0);
    rsi_network_rows_free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_brings_most_and_no_more),
        cmocka_unit_test(rounds_what_it_keeps_down),
        cmocka_unit_test(keeps_nothing_where_nothing_has_a_risk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
