/* test_fixed.c - logarithms in integers against the C library's in long double.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "base/fixed.h"
#include "base/random.h"

static const long double one = 4294967296.0L;

static void assert_within_one(long double found, long double expected)
{
    assert_true(fabsl(found - expected * one) < 1.0L);
}

static void is_within_one_last_place_of_the_c_library(void **state)
{
    (void)state;
    rsi_random random;
    rsi_random_seed(&random, 1, 1);
    for (uint64_t n = 1; n < 20000; n++) {
        assert_within_one((long double)rsi_ln_q32(n), logl((long double)n));
    }
    for (unsigned bits = 0; bits < 64; bits++) {
        for (int i = 0; i < 2000; i++) {
            uint64_t n = rsi_random_next(&random) >> bits | 1;
            assert_within_one((long double)rsi_ln_q32(n), logl((long double)n));
        }
    }
}

/* The same on every machine and for ever: scores rest on them. */
static void gives_these_bits(void **state)
{
    (void)state;
    const struct {
        uint64_t n;
        uint64_t ln;
    } rows[] = {
        {1, 0},
        {2, UINT64_C(2977044472)},
        {3, UINT64_C(4718503851)},
        {10, UINT64_C(9889527671)},
        {1000000, UINT64_C(59337166024)},
        {UINT64_C(1) << 32, UINT64_C(95265423098)},
        {UINT64_C(1) << 63, UINT64_C(187553801725)},
        {UINT64_MAX, UINT64_C(190530846196)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(rsi_ln_q32(rows[i].n), rows[i].ln);
    }
}

static void never_falls_up_to_2_to_the_50(void **state)
{
    (void)state;
    const uint64_t starts[] = {1, UINT64_C(0xb504f333) - 50000, (UINT64_C(1) << 32) - 50000,
                               UINT64_C(0x2d413ccfe7799) - 50000, (UINT64_C(1) << 50) - 100000};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        uint64_t last = rsi_ln_q32(starts[i]);
        for (uint64_t n = starts[i] + 1; n < starts[i] + 100000; n++) {
            uint64_t ln = rsi_ln_q32(n);
            assert_true(ln >= last);
            last = ln;
        }
    }
}

static void tells_ratios_and_shares(void **state)
{
    (void)state;
    rsi_random random;
    rsi_random_seed(&random, 1, 2);
    for (int i = 0; i < 100000; i++) {
        uint64_t a = rsi_random_next(&random) >> rsi_random_below(&random, 63) | 1;
        uint64_t b = rsi_random_next(&random) >> rsi_random_below(&random, 62) | 2;
        assert_within_one((long double)rsi_ln_ratio_q32(a, b),
                          logl((long double)a) - logl((long double)b));
        assert_int_equal(rsi_ln_ratio_q32(a, b), -rsi_ln_ratio_q32(b, a));
        assert_within_one((long double)rsi_ln_share_q32(a, b),
                          logl((long double)a) / logl((long double)b));
    }
    assert_int_equal(rsi_ln_ratio_q32(7, 7), 0);
    assert_int_equal(rsi_ln_share_q32(1, 9), 0);
    assert_int_equal(rsi_ln_share_q32(9, 9), RSI_ONE_Q32);
    assert_int_equal(rsi_ln_share_q32(UINT64_MAX, 2), RSI_ONE_Q32 * 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_within_one_last_place_of_the_c_library),
        cmocka_unit_test(gives_these_bits),
        cmocka_unit_test(never_falls_up_to_2_to_the_50),
        cmocka_unit_test(tells_ratios_and_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
