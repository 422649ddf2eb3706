/* bits.h - numbers of a few bits each, side by side, any of which is read without the others.
 *
 * Value i of `width` bits stands at bit i * width of its part, lowest bit first.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_REPORT_BITS_H
#define RSI_REPORT_BITS_H

#include <stddef.h>
#include <stdint.h>

static inline unsigned rsi_width_of(uint64_t largest)
{
    return largest == 0 ? 0 : 64 - (unsigned)__builtin_clzll(largest);
}

static inline uint64_t rsi_bits_get(const uint8_t *bytes, uint64_t at, unsigned width)
{
    uint64_t value = 0;
    for (unsigned done = 0; done < width;) {
        unsigned shift = (unsigned)((at + done) % 8);
        value |= (uint64_t)(bytes[(at + done) / 8] >> shift) << done;
        done += 8 - shift;
    }
    return width == 64 ? value : value & ((UINT64_C(1) << width) - 1);
}

/* Bytes of `count` values. */
static inline size_t rsi_bits_bytes(uint64_t count, unsigned width)
{
    return (size_t)((count * width + 7) / 8);
}

#endif
