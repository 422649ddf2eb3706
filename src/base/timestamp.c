/* timestamp.c - Unix numbers and ISO 8601 -> UTC seconds, by integer arithmetic alone.
 *
 * Days from a civil date: years start in March, so that the leap day is the last of its year; eras
 * of 400 years have 146,097 days (H. Hinnant, "chrono-compatible low-level date algorithms").
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/timestamp.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/digits.h"

static const char *const NOT_A_TIME = "is not a time (Unix number or ISO 8601)";
static const char *const OUT_OF_RANGE =
    "is a time beyond the years 0000 to 9999 (is time_unit right?)";
static const char *const NO_SUCH_DATE = "is a date that does not exist";
static const char *const NO_SUCH_TIME = "is a time of day that does not exist";

enum { DAY_S = 86400 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *in_range(int64_t unix_s)
{
    return unix_s < RSI_TIME_MIN || unix_s > RSI_TIME_MAX ? OUT_OF_RANGE : NULL;
}

/* An integer with an optional fraction, floored. `huge` tells that it has more digits than any
 * time can. */
static bool parse_number(rs_text text, int64_t *number, bool *huge)
{
    const char *at = text.bytes;
    const char *end = at + text.length;
    bool negative = at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    if (at == end || !is_digit(*at)) {
        return false;
    }
    int64_t value = 0;
    *huge = false;
    for (; at < end && is_digit(*at); at++) {
        if (value > INT64_C(100000000000000000)) {
            *huge = true;
        } else {
            value = value * 10 + (*at - '0');
        }
    }
    bool fraction = false;
    if (at < end && *at == '.') {
        at++;
        if (at == end) {
            return false;
        }
        for (; at < end && is_digit(*at); at++) {
            fraction = fraction || *at != '0';
        }
    }
    *number = negative ? -value - fraction : value;
    return at == end;
}

static int64_t floor_div(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

static const char *from_number(int64_t number, rsi_time_unit unit, rsi_timestamp *time)
{
    static const int64_t factor[] = {
        [RSI_UNIT_S] = 1, [RSI_UNIT_HOUR] = 3600, [RSI_UNIT_DAY] = DAY_S};
    if (unit == RSI_UNIT_MS) {
        number = floor_div(number, 1000);
        time->precision_s = 1;
    } else {
        int64_t scale = factor[unit];
        if (number > RSI_TIME_MAX / scale || number < RSI_TIME_MIN / scale) {
            return OUT_OF_RANGE;
        }
        number *= scale;
        time->precision_s = (uint32_t)scale;
    }
    time->unix_s = number;
    return in_range(number);
}

/* What is left to read. */
typedef struct cursor {
    const char *at;
    const char *end;
} cursor;

static bool take(cursor *in, char c)
{
    if (in->at < in->end && *in->at == c) {
        in->at++;
        return true;
    }
    return false;
}

/* Exactly `count` digits. */
static bool take_digits(cursor *in, int count, int *value)
{
    *value = 0;
    for (; count > 0; count--, in->at++) {
        if (in->at == in->end || !is_digit(*in->at)) {
            return false;
        }
        *value = *value * 10 + (*in->at - '0');
    }
    return true;
}

static int64_t days_of(int year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t era = floor_div(y, 400);
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static const char *take_date(cursor *in, int64_t *unix_s)
{
    int year;
    int month;
    int day;
    if (!take_digits(in, 4, &year) || !take(in, '-') || !take_digits(in, 2, &month) ||
        !take(in, '-') || !take_digits(in, 2, &day)) {
        return NOT_A_TIME;
    }
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) {
        return NO_SUCH_DATE;
    }
    *unix_s = days_of(year, month, day) * DAY_S;
    return NULL;
}

static const char *take_time_of_day(cursor *in, int64_t *unix_s, bool *leap)
{
    int hour;
    int minute;
    int second = 0;
    bool fraction = false;
    if (!take_digits(in, 2, &hour) || !take(in, ':') || !take_digits(in, 2, &minute)) {
        return NOT_A_TIME;
    }
    if (take(in, ':')) {
        if (!take_digits(in, 2, &second)) {
            return NOT_A_TIME;
        }
        if (take(in, '.') || take(in, ',')) {
            int digit;
            if (!take_digits(in, 1, &digit)) {
                return NOT_A_TIME;
            }
            fraction = digit != 0;
            while (take_digits(in, 1, &digit)) {
                fraction = fraction || digit != 0;
            }
        }
    }
    bool midnight = hour == 24 && minute == 0 && second == 0 && !fraction;
    if ((hour > 23 && !midnight) || minute > 59 || second > 60) {
        return NO_SUCH_TIME;
    }
    *leap = second == 60;
    *unix_s += hour * 3600 + minute * 60 + second;
    return NULL;
}

/* Z, +hh, +hhmm, +hh:mm or nothing. */
static const char *take_offset(cursor *in, int64_t *unix_s)
{
    if (in->at == in->end || take(in, 'Z')) {
        return in->at == in->end ? NULL : NOT_A_TIME;
    }
    int sign = take(in, '+') ? 1 : take(in, '-') ? -1 : 0;
    int hour;
    int minute = 0;
    if (sign == 0 || !take_digits(in, 2, &hour)) {
        return NOT_A_TIME;
    }
    bool more = take(in, ':');
    if ((more || in->at != in->end) && !take_digits(in, 2, &minute)) {
        return NOT_A_TIME;
    }
    if (in->at != in->end) {
        return NOT_A_TIME;
    }
    if (hour > 23 || minute > 59) {
        return "has an offset from UTC that does not exist";
    }
    *unix_s -= sign * (hour * 3600 + minute * 60);
    return NULL;
}

static const char *from_iso(rs_text text, rsi_timestamp *time)
{
    cursor in = {text.bytes, text.bytes + text.length};
    bool leap = false;
    const char *problem = take_date(&in, &time->unix_s);
    time->precision_s = DAY_S;
    if (problem != NULL || in.at == in.end) {
        return problem;
    }
    if (!take(&in, 'T') && !take(&in, ' ')) {
        return NOT_A_TIME;
    }
    time->precision_s = 1;
    problem = take_time_of_day(&in, &time->unix_s, &leap);
    if (problem == NULL) {

        problem = take_offset(&in, &time->unix_s);
    }
    if (problem != NULL) {
        return problem;
    }
    if (leap && floor_div(time->unix_s, DAY_S) * DAY_S != time->unix_s) {
        return NO_SUCH_TIME;
    }
    return in_range(time->unix_s);
}

const char *rsi_timestamp_parse(rs_text text, rsi_time_unit unit, rsi_timestamp *time)
{
    int64_t number;
    bool huge = false;
    if ((text.length == 10 && rsi_ten_digits(text.bytes, &number)) ||
        parse_number(text, &number, &huge)) {
        return huge ? OUT_OF_RANGE : from_number(number, unit, time);
    }
    return from_iso(text, time);
}

size_t rsi_timestamp_format(int64_t unix_s, char out[32])
{
    int64_t days = floor_div(unix_s, DAY_S);
    int second = (int)(unix_s - days * DAY_S);
    int64_t shifted = days + 719468;
    int64_t era = floor_div(shifted, 146097);
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    int day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    int month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    int year = (int)(year_of_era + era * 400 + (month <= 2));
    int length = snprintf(out, 32, "%04d-%02d-%02dT%02d:%02d:%02dZ", year, month, day,
                          second / 3600, second / 60 % 60, second % 60);
    return length < 0 ? 0 : (size_t)length;
}
