/* values.c - the values of options, and the names that a typing error stands for.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/timestamp.h"
#include "cli/cli.h"
#include "cli/settings.h"

static rs_status wrong(const rsi_option *option, const char *text, const char *expected,
                       rs_error *err)
{
    return rs_fail(err, RS_EUSAGE, "\"--%s\": \"%.200s\" is not %s", option->name, text, expected);
}

/* Digits only: strtoull would take blanks, signs and wrap a minus around. */
static bool digits(const char **text, uint64_t *number)
{
    const char *at = *text;
    uint64_t sum = 0;
    if (*at < '0' || *at > '9') {
        return false;
    }
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (sum > (UINT64_MAX - digit) / 10) {
            return false;
        }
        sum = 10 * sum + digit;
    }
    *text = at;
    *number = sum;
    return true;
}

static bool outside(const rsi_option *option, double number)
{
    return (option->min != 0 || option->max != 0) && (number < option->min || number > option->max);
}

static rs_status out_of_bounds(const rsi_option *option, const char *text, rs_error *err)
{
    return rs_fail(err, RS_EUSAGE, "\"--%s\": %.200s is not between %.10g and %.10g", option->name,
                   text, option->min, option->max);
}

static rs_status parse_count(const rsi_option *option, const char *text, uint64_t *count,
                             rs_error *err)
{
    const char *at = text;
    if (!digits(&at, count) || *at != '\0') {
        return wrong(option, text, "a whole number", err);
    }
    return outside(option, (double)*count) ? out_of_bounds(option, text, err) : RS_OK;
}

static rs_status parse_real(const rsi_option *option, const char *text, double *real, rs_error *err)
{
    char *end;
    errno = 0;
    double number = strtod(text, &end);
    bool decimal = text[strspn(text, "+-.0123456789eE")] == '\0'; /* no hexadecimal, inf, nan */
    if (!decimal || end == text || *end != '\0' || errno != 0 || !isfinite(number)) {
        return wrong(option, text, "a number", err);
    }
    *real = number;
    return outside(option, number) ? out_of_bounds(option, text, err) : RS_OK;
}

/* A whole number and one unit letter out of `units`; `factors` has a factor for each. */
static bool with_unit(const char *text, const char *units, const uint64_t *factors,
                      uint64_t *product)
{
    uint64_t number;
    if (!digits(&text, &number)) {
        return false;
    }
    uint64_t factor = 1;
    if (*text != '\0') {
        const char *unit = strchr(units, *text);
        if (unit == NULL || text[1] != '\0') {
            return false;
        }
        factor = factors[unit - units];
    }
    if (number > INT64_MAX / factor) {
        return false;
    }
    *product = number * factor;
    return true;
}

static rs_status parse_size(const rsi_option *option, const char *text, uint64_t *bytes,
                            rs_error *err)
{
    static const uint64_t factors[] = {UINT64_C(1) << 10, UINT64_C(1) << 10, UINT64_C(1) << 20,
                                       UINT64_C(1) << 30, UINT64_C(1) << 40};
    if (!with_unit(text, "kKMGT", factors, bytes) || *bytes == 0) {
        return wrong(option, text, "a size such as 512M or 4G", err);
    }
    if ((double)*bytes < option->min) {
        return rs_fail(err, RS_EUSAGE,
                       "\"--%s\": %.200s is too little; %.0fM is the least that would do",
                       option->name, text, option->min / (1 << 20));
    }
    return RS_OK;
}

static rs_status parse_span(const rsi_option *option, const char *text, int64_t *seconds,
                            rs_error *err)
{
    static const uint64_t factors[] = {1, 60, 3600, 86400, 604800};
    uint64_t product;
    if (!with_unit(text, "smhdw", factors, &product)) {
        return wrong(option, text, "a time span such as 90s, 30m, 6h, 7d or 2w", err);
    }
    *seconds = (int64_t)product;
    return RS_OK;
}

static rs_status parse_choice(const rsi_option *option, const char *text, int *choice,
                              rs_error *err)
{
    size_t length = strlen(text);
    const char *at = option->argument;
    for (int index = 0; at != NULL; index++) {
        const char *bar = strchr(at, '|');
        size_t width = bar != NULL ? (size_t)(bar - at) : strlen(at);
        if (width == length && memcmp(at, text, length) == 0) {
            *choice = index;
            return RS_OK;
        }
        at = bar != NULL ? bar + 1 : NULL;
    }
    return rs_fail(err, RS_EUSAGE, "\"--%s\": \"%.200s\" is not one of %s", option->name, text,
                   option->argument);
}

static rs_status parse_time(const rsi_option *option, const char *text, int64_t *unix_s,
                            rs_error *err)
{
    rsi_timestamp time;
    const char *why = rsi_timestamp_parse(rsi_text(text), RSI_UNIT_S, &time);
    if (why != NULL) {
        return rs_fail(err, RS_EUSAGE,
                       "\"--%s\": \"%.200s\": %s; a time such as 2026-03-01, "
                       "2026-03-01T12:00:00Z or 1772366400 was expected",
                       option->name, text, why);
    }
    /* A date is the whole day: "up to the 1st" holds the events of the 1st. */
    *unix_s = time.unix_s + ((int64_t)time.precision_s - 1);
    return RS_OK;
}

static rs_status parse_setting(const rsi_option *option, const char *text, const char **word,
                               rs_error *err)
{
    int64_t value;
    size_t row = rsi_setting_named(rsi_text(option->name));
    *word = text;
    return rs_context(err, rsi_setting_parse(&rsi_setting_rows[row], rsi_text(text), &value, err),
                      "\"--%s\"", option->name);
}

rs_status rsi_parse_value(const rsi_option *option, const char *text, void *field_pointer,
                          rs_error *err)
{
    switch (option->value) {
    case RSI_FLAG:
        *(bool *)field_pointer = true;
        return RS_OK;
    case RSI_WORD:
        *(const char **)field_pointer = text;
        return RS_OK;
    case RSI_COUNT:
        return parse_count(option, text, field_pointer, err);
    case RSI_REAL:
        return parse_real(option, text, field_pointer, err);
    case RSI_SIZE:
        return parse_size(option, text, field_pointer, err);
    case RSI_TIME:
        return parse_time(option, text, field_pointer, err);
    case RSI_SPAN:
        return parse_span(option, text, field_pointer, err);
    case RSI_CHOICE:
        return parse_choice(option, text, field_pointer, err);
    case RSI_SETTING:
        return parse_setting(option, text, field_pointer, err);
    case RSI_LIST:
        break; /* the parser keeps lists itself */
    }
    return rs_fail(err, RS_EUSAGE, "\"--%s\" takes no value", option->name);
}

/* ---- typing errors -------------------------------------------------------------------------- */

enum { NAME_MAX_LENGTH = 40 };

/* Insertions, deletions, changes and swaps of neighbours from `a` to `b` (optimal string
 * alignment). */
static size_t distance(const char *a, const char *b)
{
    size_t table[NAME_MAX_LENGTH + 1][NAME_MAX_LENGTH + 1];
    size_t rows = strlen(a), columns = strlen(b);
    if (rows > NAME_MAX_LENGTH || columns > NAME_MAX_LENGTH) {
        return SIZE_MAX;
    }
    for (size_t i = 0; i <= rows; i++) {
        for (size_t j = 0; j <= columns; j++) {
            if (i == 0 || j == 0) {
                table[i][j] = i + j;
                continue;
            }
            size_t best = table[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            best = table[i - 1][j] + 1 < best ? table[i - 1][j] + 1 : best;
            best = table[i][j - 1] + 1 < best ? table[i][j - 1] + 1 : best;
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && table[i - 2][j - 2] + 1 < best) {
                best = table[i - 2][j - 2] + 1;
            }
            table[i][j] = best;
        }
    }
    return table[rows][columns];
}

const char *rsi_nearest(const char *typed, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t least = strlen(typed) / 3 + 2; /* further away than this is another word */
    for (size_t i = 0; i < count; i++) {
        size_t away = distance(typed, names[i]);
        if (away < least) {
            least = away;
            best = names[i];
        }
    }
    return best;
}
