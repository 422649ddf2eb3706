/* roots.h - the numbers of propagation: wide integers, roots and powers without floating point.
 *
 * Everything here is exact integer arithmetic with a stated error, so that no bit of a risk depends
 * on a compiler, its flags or a mathematical library.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_PROPAGATE_ROOTS_H
#define RSI_PROPAGATE_ROOTS_H

#include <stdint.h>

__extension__ typedef __int128 rsi_i128;
__extension__ typedef unsigned __int128 rsi_u128;

/* 1/sqrt(d) and sqrt(d) of an integer, as a mantissa and a count of halvings:
 *     1/sqrt(d) = mantissa * 2^(halves - 94),    sqrt(d) = whole * 2^(-30 - halves)
 * both with a relative error below 2^-56. */
typedef struct rsi_root {
    uint64_t mantissa; /* 2^62 .. 2^63 - 1: fits a signed number */
    uint64_t whole;    /* 2^61 .. 2^62 */
    unsigned halves;   /* 0 .. 31 */
} rsi_root;

/* d > 0. About 15 multiplications. */
rsi_root rsi_root_of(uint64_t d);

/* At least sqrt(x), and at most 2^-30 of it more; x < 2^126. */
uint64_t rsi_root_above(rsi_u128 x);

/* 2^-(whole + fraction / 2^32) in units of 2^-32, at most 1 unit off. */
uint64_t rsi_half_power(uint64_t whole, uint32_t fraction);

/* The number of bits of x: 0 for 0, else floor(log2 x) + 1. */
static inline unsigned rsi_bits(uint64_t x)
{
    return x == 0 ? 0 : 64 - (unsigned)__builtin_clzll(x);
}

static inline unsigned rsi_bits_wide(rsi_u128 x)
{
    uint64_t high = (uint64_t)(x >> 64);
    return high != 0 ? 64 + rsi_bits(high) : rsi_bits((uint64_t)x);
}

/* x / 2^shift, to the nearest, halves up; shift < 127. An arithmetic shift of a negative number is
 * what every compiler that has 128 bits does. */
static inline rsi_i128 rsi_shift_down(rsi_i128 x, unsigned shift)
{
    return shift == 0 ? x : (x + ((rsi_i128)1 << (shift - 1))) >> shift;
}

/* The same where it takes few instructions: shift < 64 and the result fits 64 bits, */
static inline int64_t rsi_shift_product(rsi_i128 x, unsigned shift)
{
    return (int64_t)((x + (int64_t)(UINT64_C(1) << (shift & 63) >> 1)) >> (shift & 63));
}

/* and also |x| < 2^62, shift < 62. */
static inline int64_t rsi_shift_number(int64_t x, unsigned shift)
{
    return (x + (int64_t)(UINT64_C(1) << (shift & 63) >> 1)) >> (shift & 63);
}

#endif
