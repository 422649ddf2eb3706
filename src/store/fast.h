/* fast.h - the same loop twice: once for every processor, once for those that shift by a variable
 * in one step and work on eight numbers at once (BMI2, AVX2).
 *
 * The loop is an RSI_INLINED function; one caller of it is marked RSI_FAST, another is not, and
 * rsi_fast_here() says which to call. Both do the same arithmetic, so the same bytes come out:
 * tests compile the files once more with RSI_PLAIN, which leaves the fast ones out, and compare.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_FAST_H
#define RSI_STORE_FAST_H

#include <stdbool.h>

#define RSI_INLINED static inline __attribute__((always_inline))

#if defined(__x86_64__) && defined(__GNUC__) && !defined(RSI_PLAIN)
#include <immintrin.h>
#define RSI_HAS_FAST 1
#define RSI_FAST     __attribute__((target("avx2,bmi,bmi2")))
static inline bool rsi_fast_here(void)
{
    return __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("avx2");
}
#else
#define RSI_HAS_FAST 0
#define RSI_FAST
static inline bool rsi_fast_here(void)
{
    return false;
}
#endif

#endif
