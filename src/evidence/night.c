/* night.c - a kind's surprises against each other. Pure; O(log) each.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/night.h"

#include "base/fixed.h"

#define SURPRISE_MIN 3141338u /* ln 20 in Q20 */

size_t rsi_count_below(const uint64_t *sorted, size_t count, uint64_t x)
{
    const uint64_t *at = sorted;
    while (count > 0) {
        size_t half = count / 2;
        bool right = at[half] < x;
        at += right ? half + 1 : 0;
        count = right ? count - half - 1 : half;
    }
    return (size_t)(at - sorted);
}

/* ln (a / b) in Q20, 0 where a is the smaller. */
static uint64_t ln_over(uint64_t a, uint64_t b)
{
    return a > b ? (uint64_t)rsi_ln_ratio_q32(a, b) >> 12 : 0;
}

uint64_t rsi_night_surprise(const rsi_night *night, uint64_t surprise, uint64_t parts)
{
    uint64_t seen = night->count - rsi_count_below(night->sorted, night->count, surprise);
    seen = seen > 0 ? seen : 1;
    uint64_t chance = ln_over(night->tried, seen);
    uint64_t usual = ln_over(night->all, seen);
    if (surprise < chance + SURPRISE_MIN || usual < SURPRISE_MIN) {
        return 0;
    }
    uint64_t part = (surprise - chance) / parts;
    return part < usual ? part : usual;
}
