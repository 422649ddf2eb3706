/* rans.c - static range ANS.
 *
 *   code = [ symbols u8 ] and per symbol, ascending, [ symbol u8 ][ frequency - 1 u16 ];
 *          [ words u32 ][ four states u32 ][ words, u16 each ]
 * Symbol i belongs to state i mod 4. The encoder goes from the last symbol to the first, so the
 * decoder reads words forwards. It ends with every state at its start: a check for nothing.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/rans.h"

#include "store/fast.h"

enum { LANES = 4, MASK = RSI_RANS_TOTAL - 1 };
#define STATE_START ((uint32_t)1 << 16)

/* ---- frequencies -------------------------------------------------------------------------- */

static size_t largest_of(const uint32_t frequencies[RSI_RANS_SYMBOLS])
{
    size_t largest = 0;
    for (size_t i = 1; i < RSI_RANS_SYMBOLS; i++) {
        largest = frequencies[i] > frequencies[largest] ? i : largest;
    }
    return largest;
}

/* Scale a histogram to the total; what comes at all gets at least 1. */
static void scale(const uint32_t histogram[RSI_RANS_SYMBOLS], size_t count,
                  uint32_t frequencies[RSI_RANS_SYMBOLS])
{
    uint32_t sum = 0;
    for (size_t i = 0; i < RSI_RANS_SYMBOLS; i++) {
        uint64_t share = (uint64_t)histogram[i] * RSI_RANS_TOTAL / count;
        frequencies[i] = histogram[i] > 0 && share == 0 ? 1 : (uint32_t)share;
        sum += frequencies[i];
    }
    for (; sum > RSI_RANS_TOTAL; sum--) {
        frequencies[largest_of(frequencies)]--;
    }
    frequencies[largest_of(frequencies)] += RSI_RANS_TOTAL - sum;
}

static rs_status put_frequencies(const uint32_t frequencies[RSI_RANS_SYMBOLS], rsi_buffer *out,
                                 rs_error *err)
{
    uint8_t bytes[1 + 3 * RSI_RANS_SYMBOLS] = {0};
    size_t length = 1;
    for (size_t i = 0; i < RSI_RANS_SYMBOLS; i++) {
        if (frequencies[i] > 0) {
            bytes[0]++;
            bytes[length] = (uint8_t)i;
            rsi_store_u16le(bytes + length + 1, (uint16_t)(frequencies[i] - 1));
            length += 3;
        }
    }
    return rsi_buffer_add(out, bytes, length, err);
}

/* ---- encode ------------------------------------------------------------------------------- */

rs_status rsi_rans_encode(const uint8_t *symbols, size_t count,
                          const uint32_t histogram[RSI_RANS_SYMBOLS], rsi_buffer *out,
                          rs_error *err)
{
    uint32_t frequencies[RSI_RANS_SYMBOLS];
    uint32_t starts[RSI_RANS_SYMBOLS];
    uint32_t states[LANES] = {STATE_START, STATE_START, STATE_START, STATE_START};
    enum { HEAD = 4 + 4 * LANES };
    scale(histogram, count, frequencies);
    for (uint32_t i = 0, start = 0; i < RSI_RANS_SYMBOLS; i++) {
        starts[i] = start;
        start += frequencies[i];
    }
    rs_status status = put_frequencies(frequencies, out, err);
    if (status == RS_OK) {
        status = rsi_buffer_reserve(out, HEAD + 2 * count, err);
    }
    if (status != RS_OK) {
        return status;
    }
    uint8_t *head = out->bytes + out->length;
    uint8_t *end = head + HEAD + 2 * count; /* a symbol emits a word at most */
    uint8_t *at = end;
    for (size_t i = count; i-- > 0;) {
        uint32_t frequency = frequencies[symbols[i]];
        uint32_t state = states[i % LANES];
        if (state >= (uint64_t)frequency << (32 - RSI_RANS_BITS)) {
            at -= 2;
            rsi_store_u16le(at, (uint16_t)state);
            state >>= 16;
        }
        states[i % LANES] =
            (state / frequency << RSI_RANS_BITS) + state % frequency + starts[symbols[i]];
    }
    size_t length = (size_t)(end - at);
    rsi_store_u32le(head, (uint32_t)(length / 2));
    for (size_t lane = 0; lane < LANES; lane++) {
        rsi_store_u32le(head + 4 + 4 * lane, states[lane]);
    }
    memmove(head + HEAD, at, length);
    out->length += HEAD + length;
    return RS_OK;
}

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
