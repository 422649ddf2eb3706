/* width.c - widths of characters after Unicode 15: East Asian wide and full width, emoji, and what
 * takes no column. The blocks are rounded to whole ranges: a letter too narrow moves a column of a
 * table by one, no more.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/width.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct range {
    uint32_t first;
    uint32_t last;
} range;

static const range wide[] = {
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x23E9, 0x23EC},   {0x25FD, 0x25FE},
    {0x2614, 0x2615},   {0x2648, 0x2653},   {0x26AA, 0x26AB},   {0x26BD, 0x26BE},
    {0x2705, 0x2705},   {0x270A, 0x270B},   {0x274C, 0x274C},   {0x2753, 0x2757},
    {0x2795, 0x2797},   {0x2B1B, 0x2B1C},   {0x2B50, 0x2B50},   {0x2E80, 0x303E},
    {0x3041, 0x33FF},   {0x3400, 0x4DBF},   {0x4E00, 0xA4CF},   {0xA960, 0xA97F},
    {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE10, 0xFE19},   {0xFE30, 0xFE6F},
    {0xFF01, 0xFF60},   {0xFFE0, 0xFFE6},   {0x16FE0, 0x18DFF}, {0x1AFF0, 0x1B2FF},
    {0x1F18E, 0x1F18E}, {0x1F191, 0x1F19A}, {0x1F200, 0x1F320}, {0x1F32D, 0x1F64F},
    {0x1F680, 0x1F6FF}, {0x1F7E0, 0x1F7EB}, {0x1F90C, 0x1FAFF}, {0x20000, 0x3FFFD},
};

static const range narrow[] = {
    {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x0610, 0x061A},   {0x064B, 0x065F},
    {0x06D6, 0x06DC}, {0x06DF, 0x06E4}, {0x0730, 0x074A}, {0x0816, 0x082D},   {0x0900, 0x0902},
    {0x093C, 0x093C}, {0x0941, 0x0948}, {0x094D, 0x094D}, {0x0E31, 0x0E31},   {0x0E34, 0x0E3A},
    {0x0E47, 0x0E4E}, {0x1160, 0x11FF}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF},   {0x200B, 0x200F},
    {0x2028, 0x202E}, {0x2060, 0x206F}, {0x20D0, 0x20FF}, {0x302A, 0x302D},   {0x3099, 0x309A},
    {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}, {0x1F3FB, 0x1F3FF}, {0xE0001, 0xE01EF},
};

static bool within(const range *ranges, size_t count, uint32_t code)
{
    size_t low = 0;
    while (low < count) {
        size_t middle = low + (count - low) / 2;
        if (code > ranges[middle].last) {
            low = middle + 1;
        } else if (code < ranges[middle].first) {
            count = middle;
        } else {
            return true;
        }
    }
    return false;
}

static size_t width_of(uint32_t code)
{
    if (code < 0x300) {
        return 1;
    }
    if (within(narrow, sizeof narrow / sizeof *narrow, code)) {
        return 0;
    }
    return within(wide, sizeof wide / sizeof *wide, code) ? 2 : 1;
}

/* The character at `bytes`, and its length; a byte that begins none counts as one. */
static uint32_t decode(const char *bytes, size_t left, size_t *length)
{
    unsigned char first = (unsigned char)bytes[0];
    size_t more = first < 0xC0 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
    more = more < left ? more : left - 1;
    uint32_t code = more == 0 ? first : first & (0x3FU >> more);
    for (size_t i = 1; i <= more; i++) {
        code = code << 6 | ((unsigned char)bytes[i] & 0x3FU);
    }
    *length = more + 1;
    return code;
}

size_t rsi_columns(rs_text text)
{
    size_t columns = 0;
    size_t length;
    for (size_t at = 0; at < text.length; at += length) {
        columns += width_of(decode(text.bytes + at, text.length - at, &length));
    }
    return columns;
}

rs_text rsi_cut(rs_text text, size_t columns)
{
    size_t used = 0;
    size_t length;
    for (size_t at = 0; at < text.length; at += length) {
        used += width_of(decode(text.bytes + at, text.length - at, &length));
        if (used > columns) {
            text.length = at;
        }
    }
    return text;
}
