/* test_roots.c - roots and powers in integers.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "base/random.h"
#include "propagate/roots.h"

/* Whether m^2 d is 2^(2 * bits) but for 2^-54 of it, exactly: m = 2^bits / sqrt(d). */
static void check_root(uint64_t d)
{
    rsi_root root = rsi_root_of(d);
    assert_in_range(root.mantissa, (UINT64_C(1) << 62) - 8, INT64_MAX);
    assert_in_range(root.whole, (UINT64_C(1) << 61) - 8, (UINT64_C(1) << 62) + 8);
    assert_true(root.halves <= 31);
    /* f = d 4^halves in 2^62 .. 2^64; mantissa^2 f = 2^188 and whole^2 = f 2^60. */
    uint64_t f = d << (2 * root.halves);
    rsi_u128 square = (rsi_u128)root.mantissa * root.mantissa >> 64; /* 2^60 .. 2^62 */
    rsi_i128 unit = (rsi_i128)((rsi_u128)square * f >> 64);          /* 2^60 */
    rsi_i128 error = unit - ((rsi_i128)1 << 60);
    assert_true(error < 64 && error > -64);
    rsi_i128 whole = (rsi_i128)((rsi_u128)root.whole * root.whole >> 60); /* f */
    error = whole - (rsi_i128)f;
    assert_true(error < 512 && error > -512);
}

static void takes_roots_to_the_last_bits(void **state)
{
    (void)state;
    rsi_random random;
    rsi_random_seed(&random, 1, 1);
    for (unsigned bits = 0; bits < 64; bits++) {
        check_root(UINT64_C(1) << bits);
        check_root(UINT64_MAX >> bits);
        check_root((UINT64_MAX >> bits) - (bits < 63));
        for (int i = 0; i < 2000; i++) {
            check_root((rsi_random_next(&random) | UINT64_C(1) << 63) >> bits);
        }
    }
}

static void halves_with_each_half_life(void **state)
{
    (void)state;
    const struct {
        uint64_t whole;
        uint32_t fraction;
        uint64_t power;
    } rows[] = {
        {0, 0, UINT64_C(1) << 32},   {1, 0, UINT64_C(1) << 31},          {32, 0, 1}, {33, 0, 0},
        {UINT64_MAX, UINT32_MAX, 0}, {0, UINT32_C(1) << 31, 3037000500}, /* 2^32 / sqrt(2) =
                                                                            3037000499.98 */
        {0, 1, 4294967293}, /* 2^32 (1 - ln 2 / 2^32) = 4294967295.3 */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t off = (int64_t)(rsi_half_power(rows[i].whole, rows[i].fraction) - rows[i].power);
        assert_in_range(off + 2, 0, 4);
    }
}

static void follows_the_power_of_two_and_never_rises(void **state)
{
    (void)state;
    uint64_t before = UINT64_MAX;
    for (uint64_t at = 0; at < UINT64_C(40) << 32; at += UINT64_C(0x00FEDCBA9)) {
        uint64_t power = rsi_half_power(at >> 32, (uint32_t)at);
        long double exact = exp2l(32 - (long double)at / 4294967296.0L);
        assert_true(fabsl((long double)power - exact) <= 1);
        assert_true(power <= before);
        before = power;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_roots_to_the_last_bits),
        cmocka_unit_test(halves_with_each_half_life),
        cmocka_unit_test(follows_the_power_of_two_and_never_rises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
