/* utf8.c - the table of RFC 3629, section 4, as code. O(length), no memory.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

static bool is_tail(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

/* Length of the character at `at`, of which `left` bytes are there; 0 where it is not valid. */
static size_t character(const unsigned char *at, size_t left)
{
    unsigned char first = at[0];
    if (first < 0x80) {
        return 1;
    }
    if (first < 0xC2 || first > 0xF4) {
        return 0; /* a lone tail, an overlong pair, or beyond U+10FFFF */
    }
    if (left < 2 || !is_tail(at[1])) {
        return 0;
    }
    if (first < 0xE0) {
        return 2;
    }
    unsigned char second = at[1];
    if (left < 3 || !is_tail(at[2])) {
        return 0;
    }
    if (first < 0xF0) {
        bool overlong = first == 0xE0 && second < 0xA0;
        bool surrogate = first == 0xED && second >= 0xA0;
        return overlong || surrogate ? 0 : 3;
    }
    bool overlong = first == 0xF0 && second < 0x90;
    bool beyond = first == 0xF4 && second >= 0x90;
    return overlong || beyond || left < 4 || !is_tail(at[3]) ? 0 : 4;
}

size_t rsi_utf8_valid(const char *bytes, size_t length)
{
    size_t at = 0;
    while (at < length) {
        while (length - at >= 8) {
            uint64_t word;
            memcpy(&word, bytes + at, sizeof word);
            if ((word & UINT64_C(0x8080808080808080)) != 0) {
                break;
            }
            at += 8;
        }
        if (at == length) {
            break;
        }
        size_t step = character((const unsigned char *)bytes + at, length - at);
        if (step == 0) {
            break;
        }
        at += step;
    }
    return at;
}

size_t rsi_utf8_encode(uint32_t code, char bytes[4])
{
    if (code < 0x80) {
        bytes[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        bytes[0] = (char)(0xC0 | code >> 6);
        bytes[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        bytes[0] = (char)(0xE0 | code >> 12);
        bytes[1] = (char)(0x80 | (code >> 6 & 0x3F));
        bytes[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    bytes[0] = (char)(0xF0 | code >> 18);
    bytes[1] = (char)(0x80 | (code >> 12 & 0x3F));
    bytes[2] = (char)(0x80 | (code >> 6 & 0x3F));
    bytes[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}
