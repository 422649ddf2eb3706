/* roots.c - roots by Newton's iteration and powers by a table, in integers.
 *
 * Root     f = d scaled by a power of 4 into [1/4, 1); y -> y (3 - f y^2) / 2 doubles the digits of
 *          y = 1/sqrt(f) each time. The line 2.2 - 1.25 f is within 12 % of it, so that five times
 * give more than 64 bits and only the truncations (a few units of 2^-60) remain. Power    2^-x is
 * the product of 2^-(2^-i) over the bits of x: 32 constants of 64 bits.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "propagate/roots.h"

#include <assert.h>

static uint64_t high_product(uint64_t a, uint64_t b)
{
    return (uint64_t)(((rsi_u128)a * b) >> 64);
}

rsi_root rsi_root_of(uint64_t d)
{
    assert(d > 0);
    unsigned halves = (unsigned)__builtin_clzll(d) / 2;
    uint64_t f = d << (2 * halves); /* units of 2^-64 */
    /* y in units of 2^-62: 2.2 - 1.25 f. */
    uint64_t y = UINT64_C(10145709240540253388) - (f / 16 * 5);
    for (int i = 0; i < 5; i++) {
        uint64_t square = high_product(y, y);       /* 2^-60 */
        uint64_t unit = high_product(f, square);    /* 2^-60, about 1 */
        uint64_t rest = (UINT64_C(3) << 60) - unit; /* 2^-60, about 2 */
        y = (uint64_t)(((rsi_u128)y * rest) >> 61); /* 2^-62 */
    }
    y = y <= INT64_MAX ? y : INT64_MAX; /* 2.0, and what truncation may put on it */
    return (rsi_root){.mantissa = y, .whole = high_product(f, y), .halves = halves};
}

uint64_t rsi_root_above(rsi_u128 x)
{
    if (x == 0) {
        return 0;
    }
    /* Drop an even number of bits, rounding up, so that 64 are left. */
    unsigned bits = rsi_bits_wide(x), half = bits > 63 ? (bits - 63 + 1) / 2 : 0;
    uint64_t top = (uint64_t)(x >> (2 * half)) + (half > 0);
    rsi_root root = rsi_root_of(top);
    return ((root.whole >> (30 + root.halves)) + 1) << half;
}

/* floor(2^64 * 2^-(2^-i)) for i = 1 .. 32. */
static const uint64_t half_power_of_bit[32] = {
    UINT64_C(13043817825332782212), UINT64_C(15511800964685064948), UINT64_C(16915738899553466670),
    UINT64_C(17664662643191237676), UINT64_C(18051468387014017850), UINT64_C(18248035989933441396),
    UINT64_C(18347121020861646923), UINT64_C(18396865112328554661), UINT64_C(18421787711448657617),
    UINT64_C(18434261669329232139), UINT64_C(18440501815349552981), UINT64_C(18443622680442407997),
    UINT64_C(18445183311048607332), UINT64_C(18445963675871538003), UINT64_C(18446353870663572145),
    UINT64_C(18446548971154807802), UINT64_C(18446646522174239825), UINT64_C(18446695297877410579),
    UINT64_C(18446719685777359790), UINT64_C(18446731879739425374), UINT64_C(18446737976723480912),
    UINT64_C(18446741025216264368), UINT64_C(18446742549462845018), UINT64_C(18446743311586182573),
    UINT64_C(18446743692647863158), UINT64_C(18446743883178706403), UINT64_C(18446743978444128763),
    UINT64_C(18446744026076840128), UINT64_C(18446744049893195856), UINT64_C(18446744061801373732),
    UINT64_C(18446744067755462673), UINT64_C(18446744070732507144),
};

uint64_t rsi_half_power(uint64_t whole, uint32_t fraction)
{
    if (whole > 32) {
        return 0;
    }
    uint64_t power = UINT64_MAX; /* 1.0 but for 2^-64 */
    for (unsigned i = 0; i < 32; i++) {
        if (fraction >> (31 - i) & 1) {
            power = high_product(power, half_power_of_bit[i]);
        }
    }
    /* To the nearest, and without a carry out of 64 bits. */
    return ((power >> 31 >> whole) + 1) >> 1;
}
