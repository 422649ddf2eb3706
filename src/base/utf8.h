/* utf8.h - UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing beyond U+10FFFF.
 *
 * U+0000 is a character like any other.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_UTF8_H
#define RSI_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Offset of the first byte that does not belong to a whole, valid character; `length` where all is
 * valid. O(length), eight bytes at a time while they are ASCII. */
size_t rsi_utf8_valid(const char *bytes, size_t length);

/* Write `code` (a Unicode scalar value) as 1 to 4 bytes; returns how many. */
size_t rsi_utf8_encode(uint32_t code, char bytes[4]);

#endif
