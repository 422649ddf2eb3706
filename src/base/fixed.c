/* fixed.c - ln n = e ln 2 + ln m with m close to 1, and ln m = 2 atanh((m - 1) / (m + 1)).
 *
 * With sqrt(1/2) <= m < sqrt(2) the argument z of atanh is at most .1716; of its series
 * z + z^3/3 + z^5/5 + ... eleven terms leave less than 2^-59. What is added up has 58 binary
 * places, of which the last few are wrong; rounding to 32 places hides that.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/fixed.h"

#include <assert.h>
#include <stdbool.h>

#define TERMS     11
#define LN2_Q58   UINT64_C(199786072581291495)
#define SQRT2_Q63 UINT64_C(0xb504f333f9de6484)

/* The product of two fractions below 1, each with 64 binary places. */
static uint64_t multiply(uint64_t a, uint64_t b)
{
    return (uint64_t)((unsigned __int128)a * b >> 64);
}

/* z + z^3/3 + z^5/5 + ... of z < 1/4, all with 64 binary places. */
static uint64_t atanh_q64(uint64_t z)
{
    uint64_t square = multiply(z, z);
    uint64_t sum = 0;
    for (uint64_t term = TERMS; term-- > 1;) {
        sum = multiply(square, sum + UINT64_MAX / (2 * term + 1));
    }
    return z + multiply(z, sum);
}

uint64_t rsi_ln_q58(uint64_t n)
{
    assert(n > 0);
    unsigned zeros = (unsigned)__builtin_clzll(n);
    uint64_t exponent = 63 - zeros;
    uint64_t m = n << zeros; /* 63 places: from 1 to 2 */
    bool below_one = m > SQRT2_Q63;
    unsigned __int128 one = below_one ? (unsigned __int128)1 << 64 : (unsigned __int128)1 << 63;
    unsigned __int128 difference = below_one ? one - m : m - one;
    /* z with 64 places; half of both sides, so that the dividend keeps within 128 bits */
    uint64_t z = (uint64_t)((difference << 63) / ((one + m) >> 1));
    uint64_t ln_m = atanh_q64(z) >> 5; /* twice it, with 58 places */
    return below_one ? (exponent + 1) * LN2_Q58 - ln_m : exponent * LN2_Q58 + ln_m;
}

uint64_t rsi_ln_q32(uint64_t n)
{
    return (rsi_ln_q58(n) + (UINT64_C(1) << 25)) >> 26;
}

int64_t rsi_ln_ratio_q32(uint64_t a, uint64_t b)
{
    return rsi_ln_difference_q32(rsi_ln_q58(a), rsi_ln_q58(b));
}

uint64_t rsi_ln_share_q32(uint64_t a, uint64_t b)
{
    assert(b > 1);
    uint64_t ln_b = rsi_ln_q58(b);
    return (uint64_t)((((unsigned __int128)rsi_ln_q58(a) << 32) + ln_b / 2) / ln_b);
}
