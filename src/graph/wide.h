/* wide.h - sums of 64-bit integers that do not overflow before they are clamped: 128 bits, so that
 * a sum does not depend on the order of what is added, not even where it is clamped at the end.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_GRAPH_WIDE_H
#define RSI_GRAPH_WIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "ringscope/graph.h"

typedef rs_sum rsi_wide;
__extension__ typedef __int128 rsi_wide_number;

/* Nothing was added yet; no sum of fewer than 2^63 amounts comes near it. */
#define RSI_WIDE_NONE ((rsi_wide){.high = INT64_MIN, .low = 0})

static inline bool rsi_wide_is_none(rsi_wide sum)
{
    return sum.high == INT64_MIN;
}

static inline void rsi_wide_join(rsi_wide *sum, rsi_wide more)
{
    if (rsi_wide_is_none(more)) {
        return;
    }
    if (rsi_wide_is_none(*sum)) {
        *sum = more;
        return;
    }
    uint64_t low = sum->low + more.low;
    sum->high += more.high + (low < sum->low);
    sum->low = low;
}

/* RS_NO_AMOUNT adds nothing. */
static inline void rsi_wide_add(rsi_wide *sum, int64_t amount)
{
    if (amount != RS_NO_AMOUNT) {
        rsi_wide_join(sum, (rsi_wide){.high = amount < 0 ? -1 : 0, .low = (uint64_t)amount});
    }
}

/* Within -INT64_MAX .. INT64_MAX; RS_NO_AMOUNT where nothing was added. */
static inline int64_t rsi_wide_clamp(rsi_wide sum)
{
    if (rsi_wide_is_none(sum)) {
        return RS_NO_AMOUNT;
    }
    if (sum.high > 0 || (sum.high == 0 && sum.low > INT64_MAX)) {
        return INT64_MAX;
    }
    if (sum.high < -1 || (sum.high == -1 && sum.low <= (uint64_t)INT64_MIN)) {
        return -INT64_MAX;
    }
    return (int64_t)sum.low;
}

#define RSI_WIDE_ZERO ((rsi_wide){.high = 0, .low = 0})

static inline rsi_wide_number rsi_wide_value(rsi_wide sum)
{
    return (rsi_wide_number)sum.high * ((rsi_wide_number)1 << 64) + (rsi_wide_number)sum.low;
}

/* Whether clamping changes the sum. */
static inline bool rsi_wide_is_large(rsi_wide sum)
{
    rsi_wide_number value = rsi_wide_value(sum);
    return !rsi_wide_is_none(sum) && (value > INT64_MAX || value < -INT64_MAX);
}

static inline rsi_wide rsi_wide_of(rsi_wide_number value)
{
    return (rsi_wide){.high = (int64_t)(value >> 64), .low = (uint64_t)value};
}

#endif
