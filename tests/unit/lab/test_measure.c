/* Figures of a ranking against their definitions: every order of small ties, pairs, a search of all
 * matchings.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "lab/measure.h"

#define CLOSE 1e-9
enum { MOST = 8 };

static void assert_close(double got, double expected)
{
    if (!(fabs(got - expected) <= CLOSE)) {
        fail_msg("%.12f, expected %.12f", got, expected);
    }
}

/* ---- the definitions, over all orders of the ties ----------------------------------------------
 */

struct ranked {
    int count;
    int risk[MOST];
    int bad[MOST];
};

struct average {
    double precision, worst, at[MOST + 1];
    double orders;
};

static double precision_of(const int *bad, int count)
{
    double sum = 0;
    int found = 0;
    for (int i = 0; i < count; i++) {
        if (bad[i]) {
            found++;
            sum += (double)found / (i + 1);
        }
    }
    return sum / found;
}

/* All orders of the items that descend in risk, by choosing the next one in every way. */
static void every_order(const struct ranked *r, int *order, int placed, unsigned used,
                        struct average *average)
{
    if (placed == r->count) {
        int bad[MOST] = {0};
        int found = 0;
        for (int i = 0; i < placed; i++) {
            bad[i] = r->bad[order[i]];
        }
        double precision = precision_of(bad, placed);
        average->precision += precision;
        average->worst = precision < average->worst ? precision : average->worst;
        for (int k = 1; k <= placed; k++) {
            found += bad[k - 1];
            average->at[k] += (double)found / k;
        }
        average->orders++;
        return;
    }
    int highest = -1;
    for (int i = 0; i < r->count; i++) {
        if ((used >> i & 1) == 0 && r->risk[i] > highest) {
            highest = r->risk[i];
        }
    }
    for (int i = 0; i < r->count; i++) {
        if ((used >> i & 1) == 0 && r->risk[i] == highest) {
            order[placed] = i;
            every_order(r, order, placed + 1, used | 1u << i, average);
        }
    }
}

static double pairs_won(const struct ranked *r)
{
    double won = 0, pairs = 0;
    for (int i = 0; i < r->count; i++) {
        for (int j = 0; j < r->count; j++) {
            if (r->bad[i] && !r->bad[j]) {
                pairs++;
                won += r->risk[i] > r->risk[j] ? 1 : r->risk[i] == r->risk[j] ? 0.5 : 0;
            }
        }
    }
    return won / pairs;
}

static size_t tie_up(const struct ranked *r, rsi_tie *ties)
{
    size_t count = 0;
    for (int risk = MOST; risk >= 0; risk--) {
        rsi_tie tie = {.risk = risk};
        for (int i = 0; i < r->count; i++) {
            if (r->risk[i] == risk) {
                tie.count++;
                tie.bad += r->bad[i] ? 1 : 0;
            }
        }
        if (tie.count > 0) {
            ties[count++] = tie;
        }
    }
    return count;
}

static void equals_the_mean_over_all_orders_of_ties(void **state)
{
    (void)state;
    rsi_random random;
    rsi_random_seed(&random, 11, 0);
    for (int round = 0; round < 150; round++) {
        struct ranked r = {.count = (int)rsi_random_between(&random, 1, 7)};
        uint32_t levels = rsi_random_between(&random, 1, 4);
        for (int i = 0; i < r.count; i++) {
            r.risk[i] = (int)rsi_random_below(&random, levels);
            r.bad[i] = i == 0 || rsi_random_chance(&random, 400);
        }
        rsi_tie ties[MOST];
        size_t tie_count = tie_up(&r, ties);
        struct average average = {.worst = 2};
        int order[MOST];
        every_order(&r, order, 0, 0, &average);
        assert_close(rsi_average_precision(ties, tie_count), average.precision / average.orders);
        assert_close(rsi_average_precision_worst(ties, tie_count), average.worst);
        for (int k = 1; k <= r.count; k++) {
            assert_close(rsi_precision_at(ties, tie_count, (uint64_t)k),
                         average.at[k] / average.orders);
        }
        assert_true(isnan(rsi_precision_at(ties, tie_count, (uint64_t)r.count + 1)));
        double auc = rsi_auc(ties, tie_count), won = pairs_won(&r);
        assert_true(isnan(auc) == isnan(won));
        if (!isnan(won)) {
            assert_close(auc, won);
        }
    }
}

/* The closed form against a sum over places: ties too large for all orders. */
static void stays_exact_in_large_ties(void **state)
{
    (void)state;
    static const rsi_tie rows[][3] = {
        {{0.9, 3, 1}, {0.5, 5000, 40}, {0.1, 100000, 7}},
        {{0.9, 1, 1}, {0.5, 257, 257}, {0.1, 300, 0}},
        {{0.9, 100000, 3}, {0.5, 300, 2}, {0.1, 400, 399}},
        {{0.9, 257, 1}, {0.5, 1000000, 1}, {0.1, 1, 1}},
    };
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        double sum = 0, before = 0, bad_before = 0;
        for (int i = 0; i < 3; i++) {
            double m = (double)rows[row][i].count, p = (double)rows[row][i].bad;
            for (double place = 1; place <= m && p > 0; place++) {
                double up_to = bad_before + 1 + (m > 1 ? (place - 1) * (p - 1) / (m - 1) : 0);
                sum += p / m * up_to / (before + place);
            }
            before += m;
            bad_before += p;
        }
        assert_close(rsi_average_precision(rows[row], 3), sum / bad_before);
    }
}

static void has_no_figure_where_nothing_is_bad(void **state)
{
    (void)state;
    const rsi_tie good = {0.5, 10, 0}, bad = {0.5, 10, 10}, none = {0};
    assert_true(isnan(rsi_average_precision(&good, 1)));
    assert_true(isnan(rsi_average_precision_worst(&good, 1)));
    assert_true(isnan(rsi_auc(&good, 1)));
    assert_true(isnan(rsi_auc(&bad, 1)));
    assert_true(isnan(rsi_average_precision(NULL, 0)));
    assert_true(isnan(rsi_precision_at(NULL, 0, 1)));
    assert_true(isnan(rsi_precision_at(&none, 1, 1)));
    assert_close(rsi_average_precision(&bad, 1), 1);
}

/* ---- matching ---------------------------------------------------------------------------------
 */

enum { LEFT = 7, RIGHT = 6 };

static int largest(const uint64_t *offsets, const uint32_t *right, uint32_t left, uint32_t end,
                   unsigned used)
{
    if (left == end) {
        return 0;
    }
    int best = largest(offsets, right, left + 1, end, used);
    for (uint64_t e = offsets[left]; e < offsets[left + 1]; e++) {
        if ((used >> right[e] & 1) == 0) {
            int with = 1 + largest(offsets, right, left + 1, end, used | 1u << right[e]);
            best = with > best ? with : best;
        }
    }
    return best;
}

static void matches_as_many_as_a_full_search_for_every_head(void **state)
{
    (void)state;
    rsi_random random;
    rsi_random_seed(&random, 12, 0);
    for (int round = 0; round < 300; round++) {
        uint64_t offsets[LEFT + 1] = {0};
        uint32_t right[LEFT * RIGHT];
        uint32_t left_match[LEFT], right_match[RIGHT];
        uint64_t edges = 0;
        uint32_t density = rsi_random_between(&random, 50, 600);
        for (uint32_t v = 0; v < LEFT; v++) {
            for (uint32_t w = 0; w < RIGHT; w++) {
                if (rsi_random_chance(&random, density)) {
                    right[edges++] = w;
                }
            }
            offsets[v + 1] = edges;
        }
        rs_error err = {0};
        assert_int_equal(rsi_match(LEFT, offsets, right, RIGHT, left_match, right_match, &err),
                         RS_OK);
        int matched = 0;
        for (uint32_t v = 0; v < LEFT; v++) {
            if (left_match[v] != UINT32_MAX) {
                matched++;
                assert_int_equal(right_match[left_match[v]], v);
            }
            assert_int_equal(matched, largest(offsets, right, 0, v + 1, 0));
        }
    }
}

/* A path in which each new node moves all before it: nothing here may recurse. */
static void matches_along_a_long_path(void **state)
{
    (void)state;
    enum { LONG = 20000 };
    uint64_t *offsets = calloc(LONG + 1, sizeof *offsets);
    uint32_t *right = calloc(2 * LONG, sizeof *right);
    uint32_t *left_match = calloc(LONG, sizeof *left_match);
    uint32_t *right_match = calloc(LONG, sizeof *right_match);
    assert_true(offsets != NULL && right != NULL && left_match != NULL && right_match != NULL);
    uint64_t edges = 0;
    for (uint32_t v = 0; v < LONG; v++) { /* node v can have v or v + 1; the last one only 0 */
        right[edges++] = v + 1 < LONG ? v : 0;
        if (v + 1 < LONG) {
            right[edges++] = v + 1;
        }
        offsets[v + 1] = edges;
    }
    rs_error err = {0};
    assert_int_equal(rsi_match(LONG, offsets, right, LONG, left_match, right_match, &err), RS_OK);
    for (uint32_t v = 0; v < LONG; v++) {
        assert_int_not_equal(left_match[v], UINT32_MAX);
    }
    free(offsets);
    free(right);
    free(left_match);
    free(right_match);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_mean_over_all_orders_of_ties),
        cmocka_unit_test(stays_exact_in_large_ties),
        cmocka_unit_test(has_no_figure_where_nothing_is_bad),
        cmocka_unit_test(matches_as_many_as_a_full_search_for_every_head),
        cmocka_unit_test(matches_along_a_long_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
