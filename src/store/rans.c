/* rans.c - static range ANS, read only.
 *
 *   code = [ symbols u8 ] and per symbol, ascending, [ symbol u8 ][ frequency - 1 u16 ];
 *          [ words u32 ][ four states u32 ][ words, u16 each ]
 * Symbol i belongs to state i mod 4. Every state ends at its start: a check for nothing.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/rans.h"

#include "store/fast.h"

enum { LANES = 4, MASK = RSI_RANS_TOTAL - 1 };
#define STATE_START ((uint32_t)1 << 16)

/* ---- decode ------------------------------------------------------------------------------- */

/* Per slot: frequency - 1 (12 bits), distance from the symbol's first slot (12), symbol (8). */
static rs_status take_table(rsi_cursor *cursor, uint32_t table[RSI_RANS_TOTAL], rs_error *err)
{
    uint8_t count = 0;
    uint32_t start = 0;
    int before = -1;
    bool taken = rsi_take_u8(cursor, &count);
    for (unsigned i = 0; taken && i < count; i++) {
        uint8_t symbol = 0;
        uint16_t less = 0;
        taken = rsi_take_u8(cursor, &symbol) && rsi_take_u16(cursor, &less) &&
                symbol < RSI_RANS_SYMBOLS && symbol > before && less < RSI_RANS_TOTAL - start;
        for (uint32_t k = 0; taken && k <= less; k++) {
            table[start + k] = (uint32_t)less << 20 | k << 8 | symbol;
        }
        before = symbol;
        start += taken ? (uint32_t)less + 1 : 0;
    }
    if (!taken || start != RSI_RANS_TOTAL) {
        return rs_fail(err, RS_ECORRUPT, "classes: frequencies of %u symbols add up to %u, not %d",
                       count, start, RSI_RANS_TOTAL);
    }
    return RS_OK;
}

/* One symbol of one lane; the word after it is taken without a branch. Needs two bytes at *at. */
RSI_INLINED uint32_t step(const uint32_t *table, uint32_t state, const uint8_t **at,
                          uint8_t *symbol)
{
    uint32_t slot = table[state & MASK];
    *symbol = (uint8_t)slot;
    state = ((slot >> 20) + 1) * (state >> RSI_RANS_BITS) + (slot >> 8 & MASK);
    uint32_t low = state < STATE_START; /* as a number: a branch would be guessed wrong too often */
    state = state << (low << 4) | (rsi_load_u16le(*at) & (0u - low));
    *at += 2 * low;
    return state;
}

/* All lanes side by side, as long as each can take a word: the last few symbols are left. Returns
 * how many were decoded, a multiple of the lanes. */
RSI_INLINED size_t decode_lanes(const uint32_t *table, uint32_t states[LANES],
                                const uint8_t **words, const uint8_t *end, size_t count,
                                uint8_t *symbols)
{
    const uint8_t *at = *words;
    uint32_t a = states[0];
    uint32_t b = states[1];
    uint32_t c = states[2];
    uint32_t d = states[3];
    size_t i = 0;
    for (; i + LANES <= count && end - at >= 2 * LANES; i += LANES) {
        a = step(table, a, &at, &symbols[i]);
        b = step(table, b, &at, &symbols[i + 1]);
        c = step(table, c, &at, &symbols[i + 2]);
        d = step(table, d, &at, &symbols[i + 3]);
    }
    states[0] = a;
    states[1] = b;
    states[2] = c;
    states[3] = d;
    *words = at;
    return i;
}

RSI_FAST static size_t decode_bmi2(const uint32_t *table, uint32_t states[LANES],
                                   const uint8_t **words, const uint8_t *end, size_t count,
                                   uint8_t *symbols)
{
    return decode_lanes(table, states, words, end, count, symbols);
}

static size_t decode_any(const uint32_t *table, uint32_t states[LANES], const uint8_t **words,
                         const uint8_t *end, size_t count, uint8_t *symbols)
{
    return decode_lanes(table, states, words, end, count, symbols);
}

rs_status rsi_rans_decode(rsi_cursor *cursor, size_t count, uint8_t *symbols, rs_error *err)
{
    uint32_t table[RSI_RANS_TOTAL];
    uint32_t states[LANES] = {0};
    uint32_t words = 0;
    rs_status status = take_table(cursor, table, err);
    if (status != RS_OK) {
        return status;
    }
    bool taken = rsi_take_u32(cursor, &words);
    for (size_t lane = 0; lane < LANES; lane++) {
        taken = taken && rsi_take_u32(cursor, &states[lane]);
    }
    const uint8_t *at = taken && words <= count ? rsi_take(cursor, 2 * (size_t)words) : NULL;
    if (at == NULL) {
        return rs_fail(err, RS_ECORRUPT, "classes: %u words were expected, found %zu bytes", words,
                       rsi_cursor_left(cursor));
    }
    const uint8_t *end = at + 2 * (size_t)words;
    size_t i = rsi_fast_here() ? decode_bmi2(table, states, &at, end, count, symbols)
                               : decode_any(table, states, &at, end, count, symbols);
    for (; i < count; i++) {
        uint32_t state = states[i % LANES];
        uint32_t slot = table[state & MASK];
        state = ((slot >> 20) + 1) * (state >> RSI_RANS_BITS) + (slot >> 8 & MASK);
        symbols[i] = (uint8_t)slot;
        if (state < STATE_START && at < end) {
            state = state << 16 | rsi_load_u16le(at);
            at += 2;
        }
        states[i % LANES] = state;
    }
    if (at != end || states[0] != STATE_START || states[1] != STATE_START ||
        states[2] != STATE_START || states[3] != STATE_START) {
        return rs_fail(err, RS_ECORRUPT, "classes: the code does not end where it should");
    }
    return RS_OK;
}
