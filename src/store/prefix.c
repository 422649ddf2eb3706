/* prefix.c - canonical prefix codes, four streams side by side.
 *
 *   code = [ first symbol u8 ][ symbols in the span u8 ] and, where the span is more than one:
 *          [ length of each code, 4 bits, from the lowest ][ bytes of each stream, 4 x u16 ]
 *          [ streams ]
 * Stream s holds symbols s * q up to (s + 1) * q, q = ceil(count / 4). A code's first bit is the
 * lowest that is free in its byte. Lengths make a complete code; unused bits are 0.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/prefix.h"

#include <assert.h>

#include "store/fast.h"

enum { STREAMS = 4, HEAD = 2, SYMBOLS = RSI_PREFIX_SYMBOLS };
enum { LOOK_BITS = 9, LOOK_SYMBOLS = 3, LOOKS = 6 }; /* LOOKS * LOOK_BITS + 7 bits are a word */

/* ---- the code ------------------------------------------------------------------------------ */

/* The two least of `count` weights that have no parent yet; of equal ones the first. */
static void two_least(const uint32_t *weights, const uint8_t *parents, size_t count,
                      size_t least[2])
{
    uint32_t low[2] = {UINT32_MAX, UINT32_MAX};
    for (size_t i = 0; i < count; i++) {
        if (parents[i] == 0 && weights[i] < low[1]) {
            bool first = weights[i] < low[0];
            low[1] = first ? low[0] : weights[i];
            least[1] = first ? least[0] : i;
            low[0] = first ? weights[i] : low[0];
            least[0] = first ? i : least[0];
        }
    }
}

/* Huffman's code of `count` >= 2 weights: how deep each leaf lies. Returns the greatest. */
static unsigned dig(const uint32_t *leaves, size_t count, uint8_t *depths)
{
    uint32_t weights[2 * SYMBOLS];
    uint8_t parents[2 * SYMBOLS] = {0}; /* 0: none yet, which no parent is */
    size_t least[2] = {0, 0};
    unsigned deepest = 0;
    memcpy(weights, leaves, count * sizeof *weights);
    for (size_t made = count; made < 2 * count - 1; made++) {
        two_least(weights, parents, made, least);
        weights[made] = weights[least[0]] + weights[least[1]];
        parents[least[0]] = (uint8_t)made;
        parents[least[1]] = (uint8_t)made;
    }
    for (size_t i = 0; i < count; i++) {
        depths[i] = 0;
        for (size_t up = parents[i]; up != 0; up = parents[up]) {
            depths[i]++;
        }
        deepest = depths[i] > deepest ? depths[i] : deepest;
    }
    return deepest;
}

rsi_prefix rsi_prefix_choose(const uint32_t histogram[RSI_PREFIX_SYMBOLS])
{
    rsi_prefix code = {{0}};
    uint32_t weights[SYMBOLS];
    uint8_t symbols[SYMBOLS];
    uint8_t depths[SYMBOLS];
    size_t count = 0;
    for (size_t i = 0; i < SYMBOLS; i++) {
        if (histogram[i] > 0) {
            weights[count] = histogram[i];
            symbols[count++] = (uint8_t)i;
        }
    }
    /* Nearer to each other, until no code is too long: equal weights make codes of 7 bits. */
    while (count > 1 && dig(weights, count, depths) > RSI_PREFIX_BITS) {
        for (size_t i = 0; i < count; i++) {
            weights[i] = (weights[i] + 1) / 2;
        }
    }
    for (size_t i = 0; count > 1 && i < count; i++) {
        code.bits[symbols[i]] = depths[i];
    }
    return code;
}

size_t rsi_prefix_bytes(const rsi_prefix *code, const uint32_t histogram[RSI_PREFIX_SYMBOLS])
{
    size_t bits = 0;
    size_t first = SYMBOLS;
    size_t last = 0;
    for (size_t i = 0; i < SYMBOLS; i++) {
        bits += (size_t)histogram[i] * code->bits[i];
        first = histogram[i] > 0 && first == SYMBOLS ? i : first;
        last = histogram[i] > 0 ? i : last;
    }
    return first == last ? HEAD : HEAD + (last - first + 2) / 2 + 2 * STREAMS + (bits + 7) / 8;
}

static uint8_t reversed(unsigned code, unsigned bits)
{
    unsigned out = 0;
    for (unsigned i = 0; i < bits; i++) {
        out |= (code >> i & 1) << (bits - 1 - i);
    }
    return (uint8_t)out;
}

/* Per symbol its code as the stream has it, lowest bit first. */
static void number_codes(const rsi_prefix *code, uint8_t codes[SYMBOLS])
{
    unsigned next = 0;
    for (unsigned bits = 1; bits <= RSI_PREFIX_BITS; bits++) {
        for (size_t i = 0; i < SYMBOLS; i++) {
            codes[i] = code->bits[i] == bits ? reversed(next++, bits) : codes[i];
        }
        next <<= 1;
    }
}

/* Symbols of stream s, and where they begin. */
static size_t stream_part(size_t count, size_t s, size_t *from)
{
    size_t part = (count + STREAMS - 1) / STREAMS;
    *from = s * part < count ? s * part : count;
    return *from + part < count ? part : count - *from;
}

/* ---- encode -------------------------------------------------------------------------------- */

/* Head of the code: the span of its symbols and their lengths. Returns its bytes. */
static size_t put_lengths(const rsi_prefix *code, uint8_t symbol, uint8_t *at)
{
    size_t first = 0;
    size_t end = SYMBOLS;
    while (first < SYMBOLS && code->bits[first] == 0) {
        first++;
    }
    if (first == SYMBOLS) { /* one symbol alone */
        at[0] = symbol;
        at[1] = 1;
        return HEAD;
    }
    while (code->bits[end - 1] == 0) {
        end--;
    }
    at[0] = (uint8_t)first;
    at[1] = (uint8_t)(end - first);
    for (size_t i = first; i < end; i += 2) {
        unsigned high = i + 1 < end ? code->bits[i + 1] : 0u;
        at[HEAD + (i - first) / 2] = (uint8_t)(code->bits[i] | high << 4);
    }
    return HEAD + (end - first + 1) / 2;
}

/* Codes of one stream; writes up to 8 bytes beyond its end. Returns the end. */
static uint8_t *put_codes(const uint16_t codes[SYMBOLS], const uint8_t *symbols, size_t count,
                          uint8_t *at)
{
    uint64_t pending = 0; /* bits not yet on a byte boundary: fewer than 8 */
    unsigned filled = 0;
    size_t i = 0;
    while (i < count) {
        size_t end = count - i < 7 ? count : i + 7; /* 7 codes of 8 bits and 7 bits: a word */
        for (; i < end; i++) {
            unsigned entry = codes[symbols[i]];
            pending |= (uint64_t)(entry & 255) << filled;
            filled += entry >> 8;
        }
        rsi_store_u64le(at, pending);
        at += filled >> 3;
        pending >>= filled & ~7u;
        filled &= 7;
    }
    return filled > 0 ? at + 1 : at;
}

rs_status rsi_prefix_encode(const rsi_prefix *code, const uint8_t *symbols, size_t count,
                            rsi_buffer *out, rs_error *err)
{
    enum { HEAD_MAX = HEAD + (SYMBOLS + 1) / 2 + 2 * STREAMS };
    uint8_t numbers[SYMBOLS] = {0};
    uint16_t codes[SYMBOLS];
    assert(count > 0 && count <= RSI_PREFIX_COUNT_MAX);
    rs_status status = rsi_buffer_reserve(out, HEAD_MAX + count + STREAMS + 8, err);
    if (status != RS_OK) {
        return status;
    }
    uint8_t *head = out->bytes + out->length;
    uint8_t *at = head + put_lengths(code, symbols[0], head);
    if (head[1] > 1) {
        uint8_t *lengths = at;
        number_codes(code, numbers);
        for (size_t i = 0; i < SYMBOLS; i++) {
            codes[i] = (uint16_t)(numbers[i] | code->bits[i] << 8);
        }
        at += 2 * STREAMS;
        for (size_t s = 0; s < STREAMS; s++) {
            size_t from = 0;
            size_t part = stream_part(count, s, &from);
            uint8_t *end = put_codes(codes, symbols + from, part, at);
            rsi_store_u16le(lengths + 2 * s, (uint16_t)(end - at));
            at = end;
        }
    }
    out->length += (size_t)(at - head);
    return RS_OK;
}

/* ---- decode -------------------------------------------------------------------------------- */

/* What the next bits say. `single`: symbol | bits << 8, by 8 bits. `look`: up to three symbols,
 * a byte each, their number << 24, their bits << 26, by 9 bits. */
typedef struct tables {
    uint16_t single[1 << RSI_PREFIX_BITS];
    uint32_t look[1 << LOOK_BITS];
} tables;

static void fill_tables(const rsi_prefix *code, tables *out)
{
    uint8_t codes[SYMBOLS] = {0};
    number_codes(code, codes);
    for (unsigned symbol = 0; symbol < SYMBOLS; symbol++) {
        unsigned bits = code->bits[symbol];
        for (unsigned i = codes[symbol]; bits > 0 && i < 1u << RSI_PREFIX_BITS; i += 1u << bits) {
            out->single[i] = (uint16_t)(symbol | bits << 8);
        }
    }
    for (unsigned i = 0; i < 1u << LOOK_BITS; i++) {
        unsigned one = out->single[i & 255];
        unsigned used = one >> 8;
        uint32_t entry = (one & 255) | 1u << 24 | used << 26;
        for (unsigned k = 1; k < LOOK_SYMBOLS; k++) {
            one = out->single[i >> used & 255];
            uint32_t more = entry + ((one & 255) << (8 * k) | 1u << 24 | (one >> 8) << 26);
            entry = used + (one >> 8) <= LOOK_BITS ? more : entry; /* else it stays for good */
            used = entry >> 26;
        }
        out->look[i] = entry;
    }
}

static rs_status take_lengths(rsi_cursor *cursor, rsi_prefix *code, unsigned *first, unsigned *span,
                              rs_error *err)
{
    uint8_t head[HEAD] = {0};
    const uint8_t *lengths = NULL;
    unsigned slots = 0;
    bool right = rsi_take_u8(cursor, &head[0]) && rsi_take_u8(cursor, &head[1]) && head[1] > 0 &&
                 head[0] + head[1] <= SYMBOLS;
    if (right && head[1] > 1) {
        lengths = rsi_take(cursor, (head[1] + 1u) / 2);
        right = lengths != NULL;
    }
    for (unsigned i = 0; lengths != NULL && i < head[1]; i++) {
        unsigned bits = lengths[i / 2] >> (i % 2 * 4) & 15;
        code->bits[head[0] + i] = (uint8_t)bits;
        slots += bits > 0 ? 256u >> bits : 0;
        right = right && bits <= RSI_PREFIX_BITS && (bits > 0 || (i > 0 && i + 1 < head[1]));
    }
    right = right && (lengths == NULL ||
                      (slots == 256 && (head[1] % 2 == 0 || lengths[head[1] / 2] >> 4 == 0)));
    *first = head[0];
    *span = head[1];
    return right ? RS_OK
                 : rs_fail(err, RS_ECORRUPT, "classes: no code of %u symbols from %u on", *span,
                           *first);
}

/* A stream while it is read: bits are counted from the first byte of the first stream. */
typedef struct lane {
    size_t bit;
    size_t end; /* in bits */
    uint8_t *out;
    uint8_t *out_end;
} lane;

/* How many rounds of LOOKS looks neither read beyond the bytes nor write beyond the symbols: a
 * round loads 8 bytes, and the next one begins at most 7 further on. */
static size_t safe_rounds(const lane *l)
{
    size_t bytes = (l->end - l->bit) / 8;
    size_t symbols = (size_t)(l->out_end - l->out);
    size_t by_bytes = l->bit > l->end || bytes < 8 ? 0 : (bytes - 8) / 7 + 1;
    size_t by_symbols = symbols == 0 ? 0 : (symbols - 1) / (LOOKS * LOOK_SYMBOLS);
    return by_bytes < by_symbols ? by_bytes : by_symbols;
}

/* One look: three symbols and a byte of no meaning are written, and the next begin where the right
 * ones end. */
RSI_INLINED uint64_t look_once(const tables *t, uint64_t word, uint8_t **out, size_t *bit)
{
    uint32_t entry = t->look[word & ((1u << LOOK_BITS) - 1)];
    rsi_store_u32le(*out, entry);
    *out += entry >> 24 & 3;
    *bit += entry >> 26;
    return word >> (entry >> 26);
}

/* `lanes` streams at once: looks into different ones do not wait for each other. */
RSI_INLINED void read_rounds(const tables *t, const uint8_t *bytes, lane *l, size_t lanes,
                             size_t rounds)
{
    size_t bit[STREAMS];
    uint8_t *out[STREAMS];
    uint64_t word[STREAMS];
    for (size_t s = 0; s < lanes; s++) {
        bit[s] = l[s].bit;
        out[s] = l[s].out;
    }
    for (; rounds > 0; rounds--) {
        for (size_t s = 0; s < lanes; s++) {
            word[s] = rsi_load_u64le(bytes + (bit[s] >> 3)) >> (bit[s] & 7);
        }
        for (int k = 0; k < LOOKS; k++) {
            for (size_t s = 0; s < lanes; s++) {
                word[s] = look_once(t, word[s], &out[s], &bit[s]);
            }
        }
    }
    for (size_t s = 0; s < lanes; s++) {
        l[s].bit = bit[s];
        l[s].out = out[s];
    }
}

/* The last symbols of a stream, one by one; false where it is too short, or longer. */
static bool read_rest(const tables *t, const uint8_t *bytes, lane *l)
{
    while (l->out < l->out_end && l->bit < l->end) {
        size_t at = l->bit >> 3;
        unsigned word = bytes[at] | (at + 1 < l->end >> 3 ? (unsigned)bytes[at + 1] << 8 : 0u);
        unsigned one = t->single[word >> (l->bit & 7) & 255];
        *l->out++ = (uint8_t)one;
        l->bit += one >> 8;
    }
    return l->out == l->out_end && l->bit <= l->end && l->end - l->bit < 8 &&
           (l->bit == l->end || bytes[l->bit >> 3] >> (l->bit & 7) == 0);
}

RSI_INLINED void read_lanes(const tables *t, const uint8_t *bytes, lane lanes[STREAMS])
{
    size_t rounds = 1;
    while (rounds > 0) {
        rounds = safe_rounds(&lanes[0]);
        for (size_t s = 1; s < STREAMS; s++) {
            size_t more = safe_rounds(&lanes[s]);
            rounds = more < rounds ? more : rounds;
        }
        read_rounds(t, bytes, lanes, STREAMS, rounds);
    }
    for (size_t s = 0; s < STREAMS; s++) {
        for (rounds = safe_rounds(&lanes[s]); rounds > 0; rounds = safe_rounds(&lanes[s])) {
            read_rounds(t, bytes, &lanes[s], 1, rounds);
        }
    }
}

RSI_FAST static void read_bmi2(const tables *t, const uint8_t *bytes, lane lanes[STREAMS])
{
    read_lanes(t, bytes, lanes);
}

static void read_any(const tables *t, const uint8_t *bytes, lane lanes[STREAMS])
{
    read_lanes(t, bytes, lanes);
}

static rs_status decode_streams(rsi_cursor *cursor, const rsi_prefix *code, size_t count,
                                uint8_t *symbols, rs_error *err)
{
    tables t;
    lane lanes[STREAMS];
    uint16_t lengths[STREAMS] = {0};
    size_t total = 0;
    bool whole = true;
    for (size_t s = 0; s < STREAMS; s++) {
        size_t from = 0;
        size_t part = stream_part(count, s, &from);
        whole = whole && rsi_take_u16(cursor, &lengths[s]);
        lanes[s] = (lane){.bit = 8 * total,
                          .end = 8 * (total + lengths[s]),
                          .out = symbols + from,
                          .out_end = symbols + from + part};
        total += lengths[s];
    }
    const uint8_t *bytes = whole ? rsi_take(cursor, total) : NULL;
    if (bytes == NULL) {
        return rs_fail(err, RS_ECORRUPT, "classes: %zu bytes of codes were expected, found %zu",
                       total, rsi_cursor_left(cursor));
    }
    fill_tables(code, &t);
    if (rsi_fast_here()) {
        read_bmi2(&t, bytes, lanes);
    } else {
        read_any(&t, bytes, lanes);
    }
    for (size_t s = 0; s < STREAMS; s++) {
        if (!read_rest(&t, bytes, &lanes[s])) {
            return rs_fail(err, RS_ECORRUPT, "classes: stream %zu does not end where it should", s);
        }
    }
    return RS_OK;
}

rs_status rsi_prefix_decode(rsi_cursor *cursor, size_t count, uint8_t *symbols, rs_error *err)
{
    rsi_prefix code = {{0}};
    unsigned first = 0;
    unsigned span = 0;
    rs_status status = take_lengths(cursor, &code, &first, &span, err);
    if (status == RS_OK && span == 1) {
        memset(symbols, (int)first, count);
    } else if (status == RS_OK) {
        status = decode_streams(cursor, &code, count, symbols, err);
    }
    return status;
}
