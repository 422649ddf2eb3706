/* expect.h - functions that do nothing but ask for memory in time.
 *
 * gcc takes a function that only prefetches for one without effect and drops its calls, unless it
 * was inlined before that, by order. `objdump -d FILE.o | grep prefetch` shows what is left.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_EXPECT_H
#define RSI_BASE_EXPECT_H

#define RSI_EXPECT __attribute__((always_inline)) static inline

#endif
