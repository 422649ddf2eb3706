/* edgesort.c - least significant digit radix sort, 11 bits a pass; passes over digits that all
 * have in common are left out.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/edgesort.h"

#include <string.h>

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };

/* Counts into places; 0 where all are in one digit and the pass would change nothing. */
static int place_digits(size_t places[DIGITS], size_t count)
{
    size_t at = 0;
    for (size_t digit = 0; digit < DIGITS; digit++) {
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
    for (unsigned shift = 0; shift < key_bits; shift += DIGIT_BITS) {
        memset(places, 0, sizeof places);
        for (size_t i = 0; i < count; i++) {
            places[items[i].key >> shift & (DIGITS - 1)]++;
        }
        if (!place_digits(places, count)) {
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            scratch[places[items[i].key >> shift & (DIGITS - 1)]++] = items[i];
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
    for (unsigned shift = low; shift < high; shift += DIGIT_BITS) {
        memset(places, 0, sizeof places);
        for (size_t i = 0; i < count; i++) {
            places[words[i] >> shift & (DIGITS - 1)]++;
        }
        if (!place_digits(places, count)) {
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            scratch[places[words[i] >> shift & (DIGITS - 1)]++] = words[i];
        }
        uint64_t *sorted = scratch;
        scratch = words;
        words = sorted;
    }
    return words;
}
