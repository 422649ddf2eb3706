/* digits.h - runs of ASCII digits -> integers, eight at a time, without a branch a digit.
 *
 * `..._padded` reads 8 bytes from the first of a text on, whatever its length: the caller knows
 * that they can be read. What is not taken here has to go to rsi_decimal_parse or
 * rsi_timestamp_parse, which take everything and say what is wrong.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_DIGITS_H
#define RSI_BASE_DIGITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* Eight digits as one little-endian word, the first lowest: pairs, then fours, then the whole.
 * False where one is no digit; *value is anything then. */
static inline bool rsi_eight_digits(uint64_t word, uint64_t *value)
{
    uint64_t low = word - UINT64_C(0x3030303030303030);
    uint64_t high = word + UINT64_C(0x4646464646464646);
    bool digits = ((low | high) & UINT64_C(0x8080808080808080)) == 0;
    low = low * 10 + (low >> 8);
    uint64_t mask = UINT64_C(0x000000FF000000FF);
    *value = ((low & mask) * UINT64_C(0x000F424000000064) +
              (low >> 16 & mask) * UINT64_C(0x0000271000000001)) >>
             32;
    *value &= UINT64_C(0xFFFFFFFF);
    return digits;
}

/* Exactly ten digits: the seconds of any day between 2001 and 2286. */
static inline bool rsi_ten_digits(const char *bytes, int64_t *value)
{
    uint64_t head;
    uint64_t ninth = (uint64_t)(unsigned char)bytes[8] - '0';
    uint64_t tenth = (uint64_t)(unsigned char)bytes[9] - '0';
    bool good = rsi_eight_digits(rsi_load_u64le(bytes), &head);
    *value = (int64_t)(head * 100 + ninth * 10 + tenth);
    return good && ninth < 10 && tenth < 10;
}

/* The commonest amounts: one to eight characters, digits and at most one point, no more than
 * `decimals` digits behind it; in units of 10^-decimals. */
static inline bool rsi_short_decimal_padded(const char *bytes, size_t length, unsigned decimals,
                                            int64_t *units)
{
    static const uint64_t TEN_TO[] = {1,      10,      100,      1000,     10000,
                                      100000, 1000000, 10000000, 100000000};
    if (length - 1 > 7 || decimals > 8) {
        return false;
    }
    /* The text ends at the top byte; below it come zero bytes. */
    uint64_t word = rsi_load_u64le(bytes) << (8 * (8 - length));
    /* The lowest byte that is a point, as its top bit: exact up to the first, which is enough,
     * because a second one is no digit. */
    uint64_t other = word ^ UINT64_C(0x2E2E2E2E2E2E2E2E);
    uint64_t point = (other - UINT64_C(0x0101010101010101)) & ~other & UINT64_C(0x8080808080808080);
    unsigned fraction = 0;
    size_t digits = length;
    if (point != 0) {
        unsigned at = (unsigned)__builtin_ctzll(point) / 8; /* byte of the point */
        uint64_t below = (UINT64_C(1) << (8 * at)) - 1;
        word = (word & ~below & ~(UINT64_C(0xFF) << (8 * at))) | (word & below) << 8;
        fraction = 7 - at;
        digits--;
    }
    /* What the text does not fill are leading zeros. */
    word |= digits < 8 ? UINT64_C(0x3030303030303030) >> (8 * digits) : 0;
    uint64_t value;
    bool good = rsi_eight_digits(word, &value) && digits > 0 && fraction <= decimals;
    *units = (int64_t)(value * TEN_TO[good ? decimals - fraction : 0]);
    return good;
}

#endif
