/* decimal.h - decimal text to integers, exactly: no floating point is involved anywhere.
 *
 *   number = [+-] digits [ . digits ] [ e [+-] digits ]      at least one digit before or after the
 * point
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_DECIMAL_H
#define RSI_BASE_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

#include "ringscope/text.h"

#define RSI_DECIMALS_MAX 18

/* `text` in units of 10^-decimals into *units: "12.5" with decimals 2 is 1250. Zeros beyond the
 * decimals are fine ("1.500"), other digits are not; INT64_MIN, which means "no amount", is too
 * large. Returns NULL, or what is wrong: a constant text without place. O(length). */
const char *rsi_decimal_parse(rs_text text, unsigned decimals, int64_t *units);

/* Digits after the point that `text` needs ("1.50" needs 1, "2e3" none); -1 where it is not a
 * number or needs more than RSI_DECIMALS_MAX. */
int rsi_decimal_digits(rs_text text);

/* Write `units` with its point into `out`: "-12.50". Returns the length. */
size_t rsi_decimal_format(int64_t units, unsigned decimals, char out[32]);
/* The same of high * 2^64 + low. */
enum { RSI_DECIMAL_WIDE_MAX = 48 };
size_t rsi_decimal_format_wide(int64_t high, uint64_t low, unsigned decimals,
                               char out[RSI_DECIMAL_WIDE_MAX]);

#endif
