/* bits.h - the bits of numbers below their leading one, one number after another.
 *
 * The class of a number is how many significant bits it has, 0 to 64; its class - 1 bits below the
 * leading one lie behind those of the number before, from the lowest bit of each byte to the
 * highest.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_BITS_H
#define RSI_STORE_BITS_H

#include "base/bytes.h"

enum { RSI_BITS_SLACK = 16 }; /* bytes of room that a writer needs beyond the last bit */

/* Where numbers go: into one of the two. */
typedef struct rsi_numbers {
    uint64_t *wide;
    uint32_t *narrow; /* numbers of at most 32 bits; others lose their upper bits */
} rsi_numbers;

static inline void rsi_put_into(rsi_numbers to, size_t i, uint64_t value)
{
    if (to.narrow != NULL) {
        to.narrow[i] = (uint32_t)value;
    } else {
        to.wide[i] = value;
    }
}

static inline unsigned rsi_class_of(uint64_t value)
{
    return value == 0 ? 0 : 64 - (unsigned)__builtin_clzll(value);
}

/* Into zeroed bytes. */
void rsi_bits_write(const uint64_t *values, const uint8_t *classes, size_t count, uint8_t *at);
/* Numbers of these classes (at most 64) out of `length` bytes; what lies beyond counts as 0.
 * Returns how many bits they take. Cost: half a ns a number below 2^26 where there is AVX2, else
 * 1 ns. */
size_t rsi_bits_read(const uint8_t *bits, size_t length, const uint8_t *classes, size_t count,
                     rsi_numbers to);

#endif
