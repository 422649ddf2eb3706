/* Decimal amounts, exactly.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/decimal.h"

static rs_text text_of(const char *string)
{
    return (rs_text){string, strlen(string)};
}

static void keeps_every_digit(void **state)
{
    (void)state;
    const struct {
        const char *text;
        unsigned decimals;
        int64_t units;
    } rows[] = {
        {"0", 2, 0},
        {"-0", 2, 0},
        {"-0.00", 2, 0},
        {"12.5", 2, 1250},
        {"12.50", 2, 1250},
        {"12.5000000000000000000000000000", 2, 1250},
        {"+3", 2, 300},
        {"-3.01", 2, -301},
        {".5", 2, 50},
        {"5.", 2, 500},
        {"1e3", 2, 100000},
        {"1.25E1", 2, 1250},
        {"125e-2", 2, 125},
        {"12500e-4", 2, 125},
        {"1e-2", 2, 1},
        {"0e999999999999999999999", 2, 0},
        {"0.000", 0, 0},
        {"000000000000000000000000000012.34", 2, 1234},
        {"92233720368547758.07", 2, INT64_MAX},
        {"-92233720368547758.07", 2, -INT64_MAX},
        {"9223372036854775807", 0, INT64_MAX},
        {"9.223372036854775807", 18, INT64_MAX},
        {"0.1", 18, INT64_C(100000000000000000)},
        {"123456789012345678", 0, INT64_C(123456789012345678)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t units = -7;
        assert_null(rsi_decimal_parse(text_of(rows[i].text), rows[i].decimals, &units));
        assert_int_equal(units, rows[i].units);
    }
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    const struct {
        const char *text;
        unsigned decimals;
        const char *problem;
    } rows[] = {
        {"", 2, "is not a decimal number"},
        {"-", 2, "is not a decimal number"},
        {".", 2, "is not a decimal number"},
        {"1.2.3", 2, "is not a decimal number"},
        {"1,5", 2, "is not a decimal number"},
        {" 1", 2, "is not a decimal number"},
        {"1 ", 2, "is not a decimal number"},
        {"1e", 2, "is not a decimal number"},
        {"1e+", 2, "is not a decimal number"},
        {"0x10", 2, "is not a decimal number"},
        {"nan", 2, "is not a decimal number"},
        {"inf", 2, "is not a decimal number"},
        {"--1", 2, "is not a decimal number"},
        {"e5", 2, "is not a decimal number"},
        {"1.005", 2, "has more digits after the point than the relation's decimals"},
        {"1e-3", 2, "has more digits after the point than the relation's decimals"},
        {"1e-999999999999999999999", 2,
         "has more digits after the point than the relation's decimals"},
        {"92233720368547758.08", 2, "is too large"},
        {"-92233720368547758.08", 2, "is too large"},
        {"1e17", 2, "is too large"},
        {"1e999999999999999999999", 2, "is too large"},
        {"99999999999999999999999", 0, "is too large"},
        {"1234567890123456789012345678901234567890.12", 2, "is too large"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t units = 0;
        const char *problem = rsi_decimal_parse(text_of(rows[i].text), rows[i].decimals, &units);
        assert_non_null(problem);
        assert_string_equal(problem, rows[i].problem);
    }
}

static void ends_where_the_text_ends(void **state)
{
    (void)state;
    int64_t units = 0;
    assert_null(rsi_decimal_parse((rs_text){"12.349", 5}, 2, &units));
    assert_int_equal(units, 1234);
    assert_non_null(rsi_decimal_parse((rs_text){"1\0", 2}, 2, &units));
}

static void counts_the_digits_needed(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int digits;
    } rows[] = {{"1.50", 1},   {"2e3", 0}, {"0.001", 3}, {"x", -1},
                {"1e-19", -1}, {"0.0", 0}, {"0e-250", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(rsi_decimal_digits(text_of(rows[i].text)), rows[i].digits);
    }
}

static void reads_what_it_writes(void **state)
{
    (void)state;
    const int64_t values[] = {0, 1, -1, 5, -50, 99, 100, 1234, INT64_MAX, -INT64_MAX, 1000000007};
    for (unsigned decimals = 0; decimals <= RSI_DECIMALS_MAX; decimals++) {
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
            char out[32];
            int64_t units = 0;
            rs_text text = {out, rsi_decimal_format(values[i], decimals, out)};
            assert_null(rsi_decimal_parse(text, decimals, &units));
            assert_int_equal(units, values[i]);
        }
    }
    char out[32];
    rsi_decimal_format(-1250, 2, out);
    assert_string_equal(out, "-12.50");
}

static void writes_what_needs_128_bits(void **state)
{
    (void)state;
    static const struct {
        int64_t high;
        uint64_t low;
        unsigned decimals;
        const char *text;
    } rows[] = {
        {0, 0, 2, "0.00"},
        {0, 5, 18, "0.000000000000000005"},
        {-1, UINT64_MAX, 2, "-0.01"},
        {1, 0, 0, "18446744073709551616"},
        {3, 5461976957676136448, 18, "60.802209178804791296"},
        {-2, 0, 1, "-3689348814741910323.2"},
        {INT64_MAX, UINT64_MAX, 0, "170141183460469231731687303715884105727"},
        {INT64_MIN, 0, 18, "-170141183460469231731.687303715884105728"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[RSI_DECIMAL_WIDE_MAX];
        size_t length = rsi_decimal_format_wide(rows[i].high, rows[i].low, rows[i].decimals, out);
        assert_true(length < RSI_DECIMAL_WIDE_MAX);
        assert_int_equal(length, strlen(rows[i].text));
        assert_memory_equal(out, rows[i].text, length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_every_digit),        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(ends_where_the_text_ends), cmocka_unit_test(counts_the_digits_needed),
        cmocka_unit_test(reads_what_it_writes),     cmocka_unit_test(writes_what_needs_128_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
