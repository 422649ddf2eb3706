/* fixed.h - logarithms in 64-bit fixed point: integers alone, so that every machine, compiler and
 * optimisation gives the same bits, and sums of them do not depend on their order.
 *
 * Units    Q32: the number times 2^32. Logarithms are natural (nats).
 * Error    below one unit of the last place (2^-32); up to 2^50 rsi_ln_q32 never falls as n rises
 * Cost     about 40 ns: one division and a dozen multiplications
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_FIXED_H
#define RSI_BASE_FIXED_H

#include <stdint.h>

#define RSI_ONE_Q32 (UINT64_C(1) << 32)

/* ln n of an integer n >= 1: 0 .. 44.37. */
uint64_t rsi_ln_q32(uint64_t n);
/* ln (a / b) of integers a, b >= 1; negative where a < b, and -rsi_ln_ratio_q32(b, a) always. */
int64_t rsi_ln_ratio_q32(uint64_t a, uint64_t b);
/* ln a / ln b of integers a >= 1, b >= 2: 0 .. 64. */
uint64_t rsi_ln_share_q32(uint64_t a, uint64_t b);

/* For who needs a logarithm again and again: ln n with 58 binary places, the last few of them
 * wrong, and of two such their difference, as rsi_ln_ratio_q32 has it. */
uint64_t rsi_ln_q58(uint64_t n);
static inline int64_t rsi_ln_difference_q32(uint64_t ln_a, uint64_t ln_b)
{
    uint64_t half = UINT64_C(1) << 25;
    return ln_a < ln_b ? -(int64_t)((ln_b - ln_a + half) >> 26)
                       : (int64_t)((ln_a - ln_b + half) >> 26);
}

#endif
