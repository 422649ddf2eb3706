/* listfields.c - cells of lists.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/listfields.h"

#include "base/decimal.h"
#include "base/timestamp.h"

#define STRENGTH_DECIMALS 6
#define STRENGTH_ONE      1000000

const char *rsi_list_strength(rs_text text, uint32_t *strength)
{
    int64_t units = STRENGTH_ONE;
    const char *problem =
        text.length == 0 ? NULL : rsi_decimal_parse(text, STRENGTH_DECIMALS, &units);
    *strength = 0;
    if (problem != NULL) {
        return problem;
    }
    if (units <= 0 || units > STRENGTH_ONE) {
        return "is out of range (expected above 0, at most 1)";
    }
    *strength = (uint32_t)units;
    return NULL;
}

static const char *read_time(rs_text text, int64_t missing, rsi_timestamp *time)
{
    *time = (rsi_timestamp){.unix_s = missing, .precision_s = 1};
    return text.length == 0 ? NULL : rsi_timestamp_parse(text, RSI_UNIT_S, time);
}

const char *rsi_list_since(rs_text text, int64_t missing, int64_t *unix_s)
{
    rsi_timestamp time;
    const char *problem = read_time(text, missing, &time);
    *unix_s = time.unix_s;
    return problem;
}

const char *rsi_list_until(rs_text text, int64_t missing, int64_t *unix_s)
{
    rsi_timestamp time;
    const char *problem = read_time(text, missing, &time);
    *unix_s = time.unix_s + (problem == NULL ? (int64_t)time.precision_s - 1 : 0);
    return problem;
}
