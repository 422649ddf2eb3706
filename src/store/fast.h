/* fast.h - the same loop twice: once for every processor, once for those that shift by a variable
 * in one step (BMI2).
 *
 * The loop is an RSI_INLINED function; one caller of it is marked RSI_FAST, another is not, and
 * rsi_fast_here() says which to call. Both do the same arithmetic, so the same bytes come out.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_FAST_H
#define RSI_STORE_FAST_H

#include <stdbool.h>

#define RSI_INLINED static inline __attribute__((always_inline))

#if defined(__x86_64__) && defined(__GNUC__)
#define RSI_FAST __attribute__((target("bmi,bmi2")))
static inline bool rsi_fast_here(void)
{
    return __builtin_cpu_supports("bmi2");
}
#else
#define RSI_FAST
static inline bool rsi_fast_here(void)
{
    return false;
}
#endif

#endif
