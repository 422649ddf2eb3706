/* decimal.c - exact decimals: collect the digits, then shift by whole powers of ten.
 *
 * Law: value = digits * 10^exponent; the answer is digits * 10^(exponent + decimals), which has to
 * be whole and to fit. Leading zeros are free, trailing zeros move into the exponent.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/decimal.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *const NOT_A_NUMBER = "is not a decimal number";
static const char *const TOO_LARGE = "is too large";
static const char *const TOO_PRECISE =
    "has more digits after the point than the relation's decimals";

/* A number taken apart; zeros at the end of `digits` are counted in `exponent` instead. */
typedef struct decimal {
    bool negative;
    uint64_t digits;
    int64_t exponent;
} decimal;

/* Exponents beyond this are out of range whatever the digits; keeps the arithmetic small. */
enum { EXPONENT_MAX = 1000000 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Add one digit; zeros are held back until a digit that is not zero follows. */
static bool take_digit(decimal *number, uint64_t *zeros, char c)
{
    if (c == '0') {
        *zeros += number->digits != 0;
        return true;
    }
    for (; *zeros > 0; (*zeros)--) {
        if (number->digits > UINT64_MAX / 10) {
            return false;
        }
        number->digits *= 10;
    }
    uint64_t value = (uint64_t)(c - '0');
    if (number->digits > (UINT64_MAX - value) / 10) {
        return false;
    }
    number->digits = number->digits * 10 + value;
    return true;
}

static const char *parse_exponent(const char **at, const char *end, int64_t *exponent)
{
    bool negative = false;
    if (*at < end && (**at == '+' || **at == '-')) {
        negative = **at == '-';
        (*at)++;
    }
    if (*at == end || !is_digit(**at)) {
        return NOT_A_NUMBER;
    }
    int64_t value = 0;
    for (; *at < end && is_digit(**at); (*at)++) {
        value = value < EXPONENT_MAX ? value * 10 + (**at - '0') : value;
    }
    *exponent += negative ? -value : value;
    return NULL;
}

static const char *take_apart(rs_text text, decimal *number)
{
    const char *at = text.bytes;
    const char *end = text.bytes + text.length;
    uint64_t zeros = 0; /* seen since the last other digit */
    size_t digit_count = 0;
    bool point = false;
    bool fits = true;
    *number = (decimal){0};
    if (at < end && (*at == '+' || *at == '-')) {
        number->negative = *at++ == '-';
    }
    for (; at < end; at++) {
        if (*at == '.' && !point) {
            point = true;
            continue;
        }
        if (!is_digit(*at)) {
            break;
        }
        digit_count++;
        number->exponent -= point;
        fits = fits && take_digit(number, &zeros, *at);
    }
    if (digit_count == 0) {
        return NOT_A_NUMBER;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        const char *problem = parse_exponent(&at, end, &number->exponent);
        if (problem != NULL) {
            return problem;
        }
    }
    if (at != end) {
        return NOT_A_NUMBER;
    }
    number->exponent += (int64_t)zeros;
    return fits ? NULL : TOO_LARGE;
}

/* The common shape, [-]d...[.d...] of at most 18 digits, in one pass; false: take the long way. */
static bool parse_short(rs_text text, unsigned decimals, int64_t *units)
{
    const char *at = text.bytes;
    const char *end = at + text.length;
    bool negative = at < end && *at == '-';
    at += negative;
    if (at == end || end - at > 18 || !is_digit(*at)) {
        return false;
    }
    uint64_t value = 0;
    for (; at < end && is_digit(*at); at++) {
        value = value * 10 + (uint64_t)(*at - '0');
    }
    unsigned left = decimals;
    if (at < end) {
        if (*at++ != '.' || at == end) {
            return false;
        }
        for (; at < end && left > 0 && is_digit(*at); at++, left--) {
            value = value * 10 + (uint64_t)(*at - '0');
        }
        if (at != end) {
            return false;
        }
    }
    for (; left > 0; left--) {
        if (value > INT64_MAX / 10) {
            return false;
        }
        value *= 10;
    }
    *units = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

const char *rsi_decimal_parse(rs_text text, unsigned decimals, int64_t *units)
{
    if (parse_short(text, decimals, units)) {
        return NULL;
    }
    decimal number;
    const char *problem = take_apart(text, &number);
    if (problem != NULL) {
        return problem;
    }
    if (number.digits == 0) {
        *units = 0;
        return NULL;
    }
    int64_t shift = number.exponent + (int64_t)decimals;
    if (shift < 0) {
        return TOO_PRECISE;
    }
    for (; shift > 0; shift--) {
        if (number.digits > INT64_MAX / 10) {
            return TOO_LARGE;
        }
        number.digits *= 10;
    }
    if (number.digits > INT64_MAX) {
        return TOO_LARGE;
    }
    *units = number.negative ? -(int64_t)number.digits : (int64_t)number.digits;
    return NULL;
}

int rsi_decimal_digits(rs_text text)
{
    decimal number;
    if (take_apart(text, &number) != NULL) {
        return -1;
    }
    if (number.digits == 0 || number.exponent >= 0) {
        return 0;
    }
    return number.exponent < -RSI_DECIMALS_MAX ? -1 : (int)-number.exponent;
}

size_t rsi_decimal_format(int64_t units, unsigned decimals, char out[32])
{
    uint64_t size = units < 0 ? 0 - (uint64_t)units : (uint64_t)units;
    char digits[32];
    int count =
        snprintf(digits, sizeof digits, "%0*llu", (int)decimals + 1, (unsigned long long)size);
    int whole = count - (int)decimals;
    int length = snprintf(out, 32, "%s%.*s%s%s", units < 0 ? "-" : "", whole, digits,
                          decimals > 0 ? "." : "", digits + whole);
    return length < 0 ? 0 : (size_t)length;
}

size_t rsi_decimal_format_wide(int64_t high, uint64_t low, unsigned decimals,
                               char out[RSI_DECIMAL_WIDE_MAX])
{
    unsigned __int128 bits = (unsigned __int128)(uint64_t)high << 64 | low;
    unsigned __int128 size = high < 0 ? -bits : bits;
    char reversed[RSI_DECIMAL_WIDE_MAX];
    size_t count = 0;
    size_t length = 0;
    while (size > 0 || count <= decimals) { /* 39 digits at the most */
        reversed[count++] = (char)('0' + (int)(size % 10));
        size /= 10;
    }
    if (high < 0) {
        out[length++] = '-';
    }
    while (count > 0) {
        if (count == decimals) {
            out[length++] = '.';
        }
        out[length++] = reversed[--count];
    }
    return length;
}
