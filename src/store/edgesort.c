/* edgesort.c - least significant digit radix sort, in as few passes as digits of 12 bits allow (8
 * where there are few to sort); passes over digits that all have in common are left out.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/edgesort.h"

#include <string.h>

enum { DIGIT_BITS = 12, DIGITS = 1 << DIGIT_BITS, FEW = 1 << 11, FEW_BITS = 8 };

/* Bits of a digit, so that `bits` are done in the fewest passes, all about as wide. */
static unsigned digit_width(size_t count, unsigned bits)
{
    unsigned widest = count < FEW ? FEW_BITS : DIGIT_BITS;
    unsigned passes = (bits + widest - 1) / widest;
    return passes == 0 ? 1 : (bits + passes - 1) / passes;
}

/* Counts into places; 0 where all are in one digit and the pass would change nothing. */
static int place_digits(size_t *places, size_t digits, size_t count)
{
    size_t at = 0;
    for (size_t digit = 0; digit < digits; digit++) {
        size_t here = places[digit];
        if (here == count) {
            return 0;
        }
        places[digit] = at;
        at += here;
    }
    return 1;
}

rsi_sort_item *rsi_sort_items(rsi_sort_item *items, rsi_sort_item *scratch, size_t count,
                              unsigned key_bits)
{
    size_t places[DIGITS];
    unsigned width = digit_width(count, key_bits);
    size_t digits = (size_t)1 << width;
    for (unsigned shift = 0; shift < key_bits; shift += width) {
        memset(places, 0, digits * sizeof *places);
        for (size_t i = 0; i < count; i++) {
            places[items[i].key >> shift & (digits - 1)]++;
        }
        if (!place_digits(places, digits, count)) {
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            scratch[places[items[i].key >> shift & (digits - 1)]++] = items[i];
        }
        rsi_sort_item *sorted = scratch;
        scratch = items;
        items = sorted;
    }
    return items;
}

uint64_t *rsi_sort_words(uint64_t *words, uint64_t *scratch, size_t count, unsigned low,
                         unsigned high)
{
    size_t places[DIGITS];
    unsigned width = digit_width(count, high - low);
    size_t digits = (size_t)1 << width;
    for (unsigned shift = low; shift < high; shift += width) {
        memset(places, 0, digits * sizeof *places);
        for (size_t i = 0; i < count; i++) {
            places[words[i] >> shift & (digits - 1)]++;
        }
        if (!place_digits(places, digits, count)) {
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            scratch[places[words[i] >> shift & (digits - 1)]++] = words[i];
        }
        uint64_t *sorted = scratch;
        scratch = words;
        words = sorted;
    }
    return words;
}
