/* old_classes.h - columns as writers of versions 1 and 2 wrote them: classes as a static rANS code
 * (docs/FORMAT.md, form CLASS). Readers take them for ever; nothing in the library makes them any
 * more.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_UNIT_STORE_OLD_CLASSES_H
#define TESTS_UNIT_STORE_OLD_CLASSES_H

#include "store_world.h"

#include "store/bits.h"
#include "store/rans.h"

enum { OLD_LANES = 4, OLD_HEAD = 4 + 4 * OLD_LANES };

/* Every class that comes gets 1 of 4096 slots at least; the commonest takes what is left. */
static void old_frequencies(const uint8_t *classes, size_t count,
                            uint32_t frequencies[RSI_RANS_SYMBOLS])
{
    uint32_t histogram[RSI_RANS_SYMBOLS] = {0};
    uint32_t left = RSI_RANS_TOTAL;
    size_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        histogram[classes[i]]++;
    }
    for (size_t i = 0; i < RSI_RANS_SYMBOLS; i++) {
        /* Rounded down from what 65 slots less are: the sum never is too much. */
        uint64_t share = (uint64_t)histogram[i] * (RSI_RANS_TOTAL - RSI_RANS_SYMBOLS) / count;
        frequencies[i] = histogram[i] > 0 ? (uint32_t)share + 1 : 0;
        left -= frequencies[i];
        largest = histogram[i] > histogram[largest] ? i : largest;
    }
    frequencies[largest] += left;
}

static size_t old_codes(const uint8_t *classes, size_t count,
                        const uint32_t frequencies[RSI_RANS_SYMBOLS], uint8_t *head)
{
    uint32_t starts[RSI_RANS_SYMBOLS];
    uint32_t states[OLD_LANES] = {1 << 16, 1 << 16, 1 << 16, 1 << 16};
    uint8_t *end = head + OLD_HEAD + 2 * count;
    uint8_t *at = end;
    for (uint32_t i = 0, start = 0; i < RSI_RANS_SYMBOLS; i++) {
        starts[i] = start;
        start += frequencies[i];
    }
    for (size_t i = count; i-- > 0;) {
        uint32_t frequency = frequencies[classes[i]];
        uint32_t state = states[i % OLD_LANES];
        if (state >= (uint64_t)frequency << (32 - RSI_RANS_BITS)) {
            at -= 2;
            rsi_store_u16le(at, (uint16_t)state);
            state >>= 16;
        }
        states[i % OLD_LANES] =
            (state / frequency << RSI_RANS_BITS) + state % frequency + starts[classes[i]];
    }
    size_t length = (size_t)(end - at);
    rsi_store_u32le(head, (uint32_t)(length / 2));
    for (size_t lane = 0; lane < OLD_LANES; lane++) {
        rsi_store_u32le(head + 4 + 4 * lane, states[lane]);
    }
    memmove(head + OLD_HEAD, at, length);
    return OLD_HEAD + length;
}

/* The column of `count` >= 1 values in memory of exactly its size, which the caller frees. */
static uint8_t *old_column(const uint64_t *values, size_t count, size_t *length)
{
    uint32_t frequencies[RSI_RANS_SYMBOLS];
    uint8_t *classes = malloc(count);
    uint8_t *column = calloc(1, 5 + 1 + 3 * RSI_RANS_SYMBOLS + OLD_HEAD + 10 * count + 16);
    uint64_t bits = 0;
    size_t at = 6;
    assert_non_null(classes);
    assert_non_null(column);
    for (size_t i = 0; i < count; i++) {
        classes[i] = (uint8_t)rsi_class_of(values[i]);
        bits += classes[i] > 1 ? classes[i] - 1u : 0;
    }
    old_frequencies(classes, count, frequencies);
    column[4] = 1; /* CLASS */
    for (size_t i = 0; i < RSI_RANS_SYMBOLS; i++) {
        if (frequencies[i] > 0) {
            column[5]++;
            column[at] = (uint8_t)i;
            rsi_store_u16le(column + at + 1, (uint16_t)(frequencies[i] - 1));
            at += 3;
        }
    }
    at += old_codes(classes, count, frequencies, column + at);
    memset(column + at, 0, (size_t)(bits / 8) + 16); /* scratch of the codes */
    rsi_bits_write(values, classes, count, column + at);
    at += (size_t)((bits + 7) / 8);
    rsi_store_u32le(column, (uint32_t)(at - 4));
    free(classes);
    *length = at;
    uint8_t *exact = malloc(at);
    assert_non_null(exact);
    memcpy(exact, column, at);
    free(column);
    return exact;
}

#endif
