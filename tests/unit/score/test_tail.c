/* test_tail.c - how unusual a value is: ranks, and the tail that is fitted beyond them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../evidence/failing.h"
#include "base/random.h"
#include "score/tail.h"

enum { VALUES_MAX = 600 };

static double out[VALUES_MAX];

static void decades(const double *values, size_t count)
{
    rs_error err = {0};
    assert_int_equal(rsi_tail_decades(values, NULL, count, out, &err), RS_OK);
}

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-9 * fmax(1, fabs(b));
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

/* The formula of tail.c's header, value by value. */
static double by_formula(const double *values, size_t count, double x)
{
    double sorted[VALUES_MAX];
    double logs[VALUES_MAX];
    size_t positive = 0;
    size_t least = 0;
    size_t above = 0;
    for (size_t i = 0; i < count; i++) {
        least += values[i] > 0 && values[i] >= x;
        if (values[i] > 0) {
            sorted[positive++] = values[i];
        }
    }
    qsort(sorted, positive, sizeof *sorted, ascending);
    double middle = positive % 2 == 1 ? sorted[positive / 2]
                                      : (sorted[positive / 2 - 1] + sorted[positive / 2]) / 2;
    double start = sorted[(size_t)(0.8 * (double)(positive - 1))];
    for (size_t i = 0; i < positive; i++) {
        if (sorted[i] > start) {
            logs[above++] = log((sorted[i] + middle) / (start + middle));
        }
    }
    if (above < 5 || x <= start) {
        return log10((double)count / (double)least);
    }
    double half = above % 2 == 1 ? logs[above / 2] : (logs[above / 2 - 1] + logs[above / 2]) / 2;
    double index = fmin(20, log(2) / half) / (1 + 2.9 / sqrt((double)above));
    double share = (double)above / (double)count * pow((x + middle) / (start + middle), -index);
    return -log10(fmax(share, 1e-30));
}

static void follows_the_formula(void **state)
{
    rsi_random random;
    (void)state;
    rsi_random_seed(&random, 1, 1);
    for (int round = 0; round < 300; round++) {
        double values[VALUES_MAX];
        size_t count = rsi_random_between(&random, 10, VALUES_MAX);
        uint32_t grain = rsi_random_between(&random, 1, 40); /* ties */
        size_t positive = 0;
        for (size_t i = 0; i < count; i++) {
            uint32_t u = rsi_random_between(&random, 1, 10000);
            double value = floor(pow(10000.0 / u, 1.2) * 10 / grain) * grain;
            values[i] = rsi_random_chance(&random, 300) ? 0 : value;
            positive += values[i] > 0;
        }
        if (positive < 5) {
            continue;
        }
        decades(values, count);
        for (size_t i = 0; i < count; i++) {
            assert_true(values[i] > 0 ? near(out[i], by_formula(values, count, values[i]))
                                      : out[i] == 0);
            for (size_t k = 0; k < i; k++) { /* more is never less unusual */
                assert_true(values[k] == 0 || values[i] <= values[k] || out[i] >= out[k] - 1e-12);
            }
        }
    }
}

static void knows_only_the_rank_of_a_few(void **state)
{
    static const double few[10] = {0, 0, 3, 0, 100, 0, 0, 0, 0, 0};
    static const double same[8] = {2, 2, 2, 2, 2, 2, 2, 2};
    static const double zeros[3] = {0};
    (void)state;
    decades(few, 10);
    assert_true(near(out[2], log10(5)) && near(out[4], log10(5)) && out[0] == 0);
    decades(same, 8);
    for (int i = 0; i < 8; i++) {
        assert_true(near(out[i] + 1, 1));
    }
    decades(zeros, 3);
    assert_true(out[0] == 0 && out[2] == 0);
    decades(zeros, 0);
}

/* Sums that differ in the last bit are one value: they must not make a tail that ends at once. */
static void does_not_take_rounding_for_a_tail(void **state)
{
    double values[100];
    (void)state;
    for (int i = 0; i < 100; i++) {
        values[i] = i < 80 ? 1 : nextafter(1, 2);
    }
    values[99] = 2;
    decades(values, 100);
    assert_true(out[99] > 0.7 && out[99] < 5);
}

static void bounds_what_is_beyond_all_scales(void **state)
{
    double values[100];
    (void)state;
    for (int i = 0; i < 100; i++) {
        values[i] = 1 + i * 0.01;
    }
    values[99] = 1e300;
    decades(values, 100);
    assert_true(out[99] > 20 && out[99] <= 30.0000001 && isfinite(out[99]));
    values[99] = 1e-300;
    decades(values, 100);
    assert_true(out[99] >= 0 && out[99] < 1e-9);
}

static rs_status again(void *context, rs_error *err)
{
    return rsi_tail_decades(context, NULL, 10, out, err);
}

static void survives_every_failed_allocation(void **state)
{
    double values[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    (void)state;
    assert_true(failing_each(again, values) >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_formula),
        cmocka_unit_test(knows_only_the_rank_of_a_few),
        cmocka_unit_test(does_not_take_rounding_for_a_tail),
        cmocka_unit_test(bounds_what_is_beyond_all_scales),
        cmocka_unit_test(survives_every_failed_allocation),
    };
    return cmocka_run_group_tests_name("the tail of a distribution", tests, NULL, NULL);
}
