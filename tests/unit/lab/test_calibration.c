/* test_calibration.c - Brier score, bins of equal numbers, and how far risks are from what came of
 * them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>

#include "lab/calibration.h"

enum { ACCOUNTS = 1000 };

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-12;
}

static void cuts_into_tenths(void **state)
{
    (void)state;
    rsi_tie ties[ACCOUNTS];
    for (size_t i = 0; i < ACCOUNTS; i++) {
        ties[i] = (rsi_tie){.risk = 1 - (double)i / ACCOUNTS, .count = 1, .bad = i < 250};
    }
    rsi_calibration c = rsi_calibration_of(ties, ACCOUNTS, false);
    assert_int_equal(c.bin_count, 10);
    for (size_t b = 0; b < 10; b++) {
        assert_int_equal(c.bins[b].count, 100);
        assert_int_equal(c.bins[b].bad, b < 2 ? 100 : b == 2 ? 50 : 0);
        assert_true(near(c.bins[b].mean, 1 - ((double)b * 100 + 49.5) / ACCOUNTS));
    }
}

/* By their definitions, on two risks. */
static void measures_by_the_definition(void **state)
{
    (void)state;
    const rsi_tie ties[] = {{.risk = 0.8, .count = 10, .bad = 7},
                            {.risk = 0.1, .count = 30, .bad = 3}};
    rsi_calibration c = rsi_calibration_of(ties, 2, false);
    assert_int_equal(c.bin_count, 2);
    assert_true(near(c.brier, (7 * 0.04 + 3 * 0.64 + 3 * 0.81 + 27 * 0.01) / 40));
    assert_true(near(c.ece, (fabs(8.0 - 7) + fabs(3.0 - 3)) / 40));
}

/* Who has one risk stands in one bin, and those behind a large one are not cut into crumbs. */
static void keeps_ties_together(void **state)
{
    (void)state;
    rsi_tie ties[351] = {{.risk = 0.9, .count = 650, .bad = 600}};
    for (size_t i = 1; i <= 350; i++) {
        ties[i] = (rsi_tie){.risk = 0.8 - (double)i / 1000, .count = 1};
    }
    rsi_calibration c = rsi_calibration_of(ties, 351, false);
    static const uint64_t counts[] = {650, 50, 100, 100, 100};
    assert_int_equal(c.bin_count, 5);
    for (size_t b = 0; b < 5; b++) {
        assert_int_equal(c.bins[b].count, counts[b]);
    }
}

static void says_nothing_of_nobody(void **state)
{
    (void)state;
    rsi_calibration c = rsi_calibration_of(NULL, 0, false);
    assert_int_equal(c.bin_count, 0);
    assert_true(isnan(c.brier) && isnan(c.ece));
}

/* Spans of scores: those where nobody is are not there, and 1 is of the last one. */
static void makes_a_bin_of_each_tenth_of_a_score_that_is_there(void **state)
{
    const rsi_tie ties[] = {{1, 2, 2}, {0.95, 2, 1}, {0.35, 1, 0}, {0.31, 3, 1}, {0, 4, 0}};
    rsi_calibration c = rsi_calibration_of(ties, 5, true);
    (void)state;
    assert_int_equal(c.bin_count, 3);
    assert_int_equal(c.bins[0].count, 4);
    assert_int_equal(c.bins[0].bad, 3);
    assert_int_equal(c.bins[1].count, 4);
    assert_int_equal(c.bins[1].bad, 1);
    assert_int_equal(c.bins[2].count, 4);
    assert_true(fabs(c.bins[0].mean - 0.975) < 1e-9 && fabs(c.bins[1].mean - 0.32) < 1e-9);
    assert_true(fabs(c.ece - (3.9 - 3 + 1.28 - 1) / 12) < 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_into_tenths),
        cmocka_unit_test(measures_by_the_definition),
        cmocka_unit_test(keeps_ties_together),
        cmocka_unit_test(says_nothing_of_nobody),
        cmocka_unit_test(makes_a_bin_of_each_tenth_of_a_score_that_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
