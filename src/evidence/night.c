/* night.c - a kind's surprises against each other. O(log) each, once they are sorted.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/night.h"

#include "base/fixed.h"
#include "base/sort.h"
#include "base/try.h"

#define SURPRISE_MIN 3141338u /* ln 20 in Q20 */
#define LN_2         726817u  /* in Q20 */

/* ln (a / b) in Q20, 0 where a is the smaller. */
static uint64_t ln_over(uint64_t a, uint64_t b)
{
    return a > b ? (uint64_t)rsi_ln_ratio_q32(a, b) >> 12 : 0;
}

rs_status rsi_night_make(rsi_night *out, uint64_t *values, size_t count, uint64_t tried,
                         uint64_t all, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_sort_u64(values, count, NULL, err));
    *out = (rsi_night){.sorted = values, .count = count, .tried = tried, .all = all};
    out->median = count > all / 2 ? values[count - all / 2 - 1] : 0;
done:
    return status;
}

uint64_t rsi_night_surprise(const rsi_night *night, uint64_t surprise, uint64_t parts)
{
    uint64_t left = night->median > LN_2 ? surprise * LN_2 / night->median : surprise;
    if (left < SURPRISE_MIN) { /* as most are, and what follows costs most */
        return 0;
    }
    uint64_t seen = night->count - rsi_count_below(night->sorted, night->count, surprise);
    seen = seen > 0 ? seen : 1;
    uint64_t usual = ln_over(night->all, seen);
    if (left < ln_over(night->tried, seen) + SURPRISE_MIN || usual < SURPRISE_MIN) {
        return 0;
    }
    uint64_t part = left / parts;
    return part < usual ? part : usual;
}
