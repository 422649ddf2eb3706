/* Times as files have them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/timestamp.h"

static rs_text text_of(const char *string)
{
    return (rs_text){string, strlen(string)};
}

static void reads_numbers_and_iso(void **state)
{
    (void)state;
    const struct {
        const char *text;
        rsi_time_unit unit;
        int64_t unix_s;
        uint32_t precision_s;
    } rows[] = {
        {"0", RSI_UNIT_S, 0, 1},
        {"1721991546", RSI_UNIT_S, 1721991546, 1},
        {"-1", RSI_UNIT_S, -1, 1},
        {"+5", RSI_UNIT_S, 5, 1},
        {"1.999", RSI_UNIT_S, 1, 1},
        {"-1.5", RSI_UNIT_S, -2, 1},
        {"-1.0", RSI_UNIT_S, -1, 1},
        {"00000000001721991546", RSI_UNIT_S, 1721991546, 1},
        {"1721991546999", RSI_UNIT_MS, 1721991546, 1},
        {"-1", RSI_UNIT_MS, -1, 1},
        {"-1000", RSI_UNIT_MS, -1, 1},
        {"1721991546", RSI_UNIT_MS, 1721991, 1},
        {"2", RSI_UNIT_HOUR, 7200, 3600},
        {"3", RSI_UNIT_DAY, 259200, 86400},
        {"-1.5", RSI_UNIT_DAY, -172800, 86400},
        {"1970-01-01", RSI_UNIT_S, 0, 86400},
        {"1970-01-01", RSI_UNIT_HOUR, 0, 86400},
        {"2024-02-29", RSI_UNIT_S, 1709164800, 86400},
        {"2000-02-29", RSI_UNIT_S, 951782400, 86400},
        {"0000-01-01", RSI_UNIT_S, RSI_TIME_MIN, 86400},
        {"9999-12-31T23:59:59Z", RSI_UNIT_S, RSI_TIME_MAX, 1},
        {"2024-07-26T10:59:06", RSI_UNIT_S, 1721991546, 1},
        {"2024-07-26 10:59:06", RSI_UNIT_S, 1721991546, 1},
        {"2024-07-26T10:59:06Z", RSI_UNIT_S, 1721991546, 1},
        {"2024-07-26T10:59", RSI_UNIT_S, 1721991540, 1},
        {"2024-07-26T10:59:06.999999999Z", RSI_UNIT_S, 1721991546, 1},
        {"2024-07-26T12:59:06+02:00", RSI_UNIT_S, 1721991546, 1},
        {"2024-07-26T12:59:06+0200", RSI_UNIT_S, 1721991546, 1},
        {"2024-07-26T12:59:06+02", RSI_UNIT_S, 1721991546, 1},
        {"2024-07-26T05:29:06.5-05:30", RSI_UNIT_S, 1721991546, 1},
        {"1969-12-31T23:59:59.5Z", RSI_UNIT_S, -1, 1},
        {"2016-12-31T23:59:60Z", RSI_UNIT_S, 1483228800, 1},
        {"2017-01-01T00:59:60+01:00", RSI_UNIT_S, 1483228800, 1},
        {"2024-07-26T24:00:00Z", RSI_UNIT_S, 1722038400, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rsi_timestamp time = {-7, 7};
        assert_null(rsi_timestamp_parse(text_of(rows[i].text), rows[i].unit, &time));
        assert_int_equal(time.unix_s, rows[i].unix_s);
        assert_int_equal(time.precision_s, rows[i].precision_s);
    }
}

#define NOT_A_TIME   "is not a time (Unix number or ISO 8601)"
#define OUT_OF_RANGE "is a time beyond the years 0000 to 9999 (is time_unit right?)"
#define NO_DATE      "is a date that does not exist"
#define NO_TIME      "is a time of day that does not exist"

static void says_what_is_wrong(void **state)
{
    (void)state;
    const struct {
        const char *text;
        rsi_time_unit unit;
        const char *problem;
    } rows[] = {
        {"", RSI_UNIT_S, NOT_A_TIME},
        {"-", RSI_UNIT_S, NOT_A_TIME},
        {"soon", RSI_UNIT_S, NOT_A_TIME},
        {" 5", RSI_UNIT_S, NOT_A_TIME},
        {"5 ", RSI_UNIT_S, NOT_A_TIME},
        {"5.", RSI_UNIT_S, NOT_A_TIME},
        {".5", RSI_UNIT_S, NOT_A_TIME},
        {"1e9", RSI_UNIT_S, NOT_A_TIME},
        {"0x5", RSI_UNIT_S, NOT_A_TIME},
        {"2024-7-26", RSI_UNIT_S, NOT_A_TIME},
        {"2024-07", RSI_UNIT_S, NOT_A_TIME},
        {"26.07.2024", RSI_UNIT_S, NOT_A_TIME},
        {"2024/07/26", RSI_UNIT_S, NOT_A_TIME},
        {"2024-07-26T", RSI_UNIT_S, NOT_A_TIME},
        {"2024-07-26T10", RSI_UNIT_S, NOT_A_TIME},
        {"2024-07-26T10:59:6", RSI_UNIT_S, NOT_A_TIME},
        {"2024-07-26T10:59:06.", RSI_UNIT_S, NOT_A_TIME},
        {"2024-07-26T10:59:06 Z", RSI_UNIT_S, NOT_A_TIME},
        {"2024-07-26T10:59:06Zx", RSI_UNIT_S, NOT_A_TIME},
        {"2024-07-26T10:59:06+2", RSI_UNIT_S, NOT_A_TIME},
        {"2024-07-26T10:59:06+02:", RSI_UNIT_S, NOT_A_TIME},
        {"2024-07-26T10:59:06+02:0", RSI_UNIT_S, NOT_A_TIME},
        {"2024-07-26T10:59:06+02:00:00", RSI_UNIT_S, NOT_A_TIME},
        {"2023-02-29", RSI_UNIT_S, NO_DATE},
        {"1900-02-29", RSI_UNIT_S, NO_DATE},
        {"2024-13-01", RSI_UNIT_S, NO_DATE},
        {"2024-00-01", RSI_UNIT_S, NO_DATE},
        {"2024-04-31", RSI_UNIT_S, NO_DATE},
        {"2024-04-00", RSI_UNIT_S, NO_DATE},
        {"2024-07-26T25:00", RSI_UNIT_S, NO_TIME},
        {"2024-07-26T24:00:01", RSI_UNIT_S, NO_TIME},
        {"2024-07-26T24:00:00.1", RSI_UNIT_S, NO_TIME},
        {"2024-07-26T10:60", RSI_UNIT_S, NO_TIME},
        {"2024-07-26T10:59:61", RSI_UNIT_S, NO_TIME},
        {"2024-07-26T10:59:60Z", RSI_UNIT_S, NO_TIME}, /* no leap second there */
        {"2024-07-26T10:59:06+24:00", RSI_UNIT_S, "has an offset from UTC that does not exist"},
        {"2024-07-26T10:59:06+02:60", RSI_UNIT_S, "has an offset from UTC that does not exist"},
        {"1721991546999", RSI_UNIT_S, OUT_OF_RANGE},
        {"-1721991546999", RSI_UNIT_S, OUT_OF_RANGE},
        {"99999999999999999999999999", RSI_UNIT_MS, OUT_OF_RANGE},
        {"9223372036854775807", RSI_UNIT_DAY, OUT_OF_RANGE},
        {"-99999999999", RSI_UNIT_HOUR, OUT_OF_RANGE},
        {"9999-12-31T23:59:59-01:00", RSI_UNIT_S, OUT_OF_RANGE},
        {"0000-01-01T00:00:00+01:00", RSI_UNIT_S, OUT_OF_RANGE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rsi_timestamp time;
        const char *problem = rsi_timestamp_parse(text_of(rows[i].text), rows[i].unit, &time);
        if (problem == NULL) {
            print_error("accepted: \"%s\"\n", rows[i].text);
        }
        assert_non_null(problem);
        assert_string_equal(problem, rows[i].problem);
    }
}

/* Against the C library's own calendar, over all days of 800 years and some odd seconds. */
static void agrees_with_the_system_calendar(void **state)
{
    (void)state;
    setenv("TZ", "America/New_York", 1); /* must not matter */
    tzset();
    for (int64_t day = -146097; day < 146097; day++) {
        time_t when = (time_t)(day * 86400 + (day * 7919 % 86400 + 86400) % 86400);
        struct tm parts;
        char expected[32];
        char got[32];
        gmtime_r(&when, &parts);
        strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%SZ", &parts);
        rsi_timestamp_format((int64_t)when, got);
        assert_string_equal(got, expected);
        rsi_timestamp time;
        assert_null(rsi_timestamp_parse(text_of(got), RSI_UNIT_S, &time));
        assert_int_equal(time.unix_s, when);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_numbers_and_iso),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(agrees_with_the_system_calendar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
