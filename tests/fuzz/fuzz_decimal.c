/* Amounts: any text with any number of decimals; what is accepted survives being written and read,
 * and needs no more digits than it was allowed; the short way of digits.h agrees.
 *
 * Input: one byte for the decimals, the rest is the text.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/digits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the short way takes, the long way takes too, for the same. */
static void check_short(rs_text text, unsigned decimals, bool good, int64_t units)
{
    char padded[16];
    int64_t value = 0;
    memset(padded, '7', sizeof padded);
    memcpy(padded, text.bytes, text.length < 8 ? text.length : 8);
    if (rsi_short_decimal_padded(padded, text.length, decimals, &value) &&
        (!good || value != units)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    int64_t units = 0;
    int64_t again = 0;
    unsigned decimals = data[0] % (RSI_DECIMALS_MAX + 1);
    rs_text text = {(const char *)data + 1, size - 1};
    int digits = rsi_decimal_digits(text);
    bool good = rsi_decimal_parse(text, decimals, &units) == NULL;
    check_short(text, decimals, good, units);
    if (!good) {
        return 0;
    }
    char out[32];
    rs_text written = {out, rsi_decimal_format(units, decimals, out)};
    if (units == INT64_MIN || digits < 0 || (unsigned)digits > decimals ||
        rsi_decimal_parse(written, decimals, &again) != NULL || again != units) {
        abort();
    }
    return 0;
}
