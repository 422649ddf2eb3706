/* intcodec.c - columns of numbers: constant, Elias' gamma with packed exponents, packed varints.
 *
 *   column = [ length of the body u32 ][ body ]
 *   body   = [ form u8 ] and, by form:
 *            CONST   [ value u64 ]
 *            CLASS   [ classes, one a value (rans.h) ][ bits ]
 *            VARINT  [ length when unpacked u32 ][ zstd frame ]
 * Bits go from the lowest of a byte to the highest; unused bits of the last byte are 0.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/intcodec.h"

#include <assert.h>
#include <stdlib.h>

#include "base/try.h"
#include "store/fast.h"
#include "store/rans.h"

enum { FORM_CONST = 0, FORM_CLASS = 1, FORM_VARINT = 2 };
enum { LEVEL = 1, SAMPLE = 4096, CLASS_COUNT = RSI_RANS_SYMBOLS };

struct rsi_intcodec {
    rsi_zblock *zblock;
    rsi_buffer sample; /* the packed sample of an encoder */
    uint8_t bytes[RSI_INTS_MAX * RSI_VARINT_MAX];
};

rs_status rsi_intcodec_new(rsi_intcodec **out, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_intcodec *codec = malloc(sizeof *codec);
    if (codec == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (column codec)");
    }
    codec->zblock = NULL;
    codec->sample = (rsi_buffer){0};
    RS_TRY(rsi_zblock_new(&codec->zblock, err));
    *out = codec;
    codec = NULL;
done:
    rsi_intcodec_free(codec);
    return status;
}

void rsi_intcodec_free(rsi_intcodec *codec)
{
    if (codec != NULL) {
        rsi_zblock_free(codec->zblock);
        rsi_buffer_free(&codec->sample);
        free(codec);
    }
}

rsi_zblock *rsi_intcodec_zblock(rsi_intcodec *codec)
{
    return codec->zblock;
}

static inline unsigned class_of(uint64_t value)
{
    return value == 0 ? 0 : 64 - (unsigned)__builtin_clzll(value);
}

/* ---- encode ------------------------------------------------------------------------------- */

/* Classes into `classes`, how often each came into `histogram`; returns the bits below them. */
static uint64_t classify(const uint64_t *values, size_t count, uint8_t *classes,
                         uint32_t histogram[CLASS_COUNT])
{
    uint64_t bits = 0;
    memset(histogram, 0, CLASS_COUNT * sizeof *histogram);
    for (size_t i = 0; i < count; i++) {
        unsigned class = class_of(values[i]);
        classes[i] = (uint8_t) class;
        histogram[class]++;
    }
    for (unsigned class = 2; class < CLASS_COUNT; class ++) {
        bits += (uint64_t)histogram[class] * (class - 1);
    }
    return bits;
}

/* log2 in 1/256 bits by linear interpolation: integers, so every machine decides alike. */
static uint64_t log2_fixed(uint64_t value)
{
    unsigned whole = class_of(value) - 1;
    uint64_t fraction = whole >= 8 ? value >> (whole - 8) : value << (8 - whole);
    return (uint64_t)whole * 256 + (fraction & 255);
}

/* Bytes that the classes will take, about: their entropy. */
static uint64_t class_bytes(const uint32_t histogram[CLASS_COUNT], size_t count)
{
    uint64_t bits256 = 0;
    for (unsigned class = 0; class < CLASS_COUNT; class ++) {
        if (histogram[class] > 0) {
            bits256 += histogram[class] * (log2_fixed(count) - log2_fixed(histogram[class]));
        }
    }
    return bits256 / (256 * 8);
}

uint64_t rsi_ints_estimate(const uint64_t *values, size_t count)
{
    uint32_t histogram[CLASS_COUNT] = {0};
    uint64_t bits = 0;
    for (size_t i = 0; i < count; i++) {
        histogram[class_of(values[i])]++;
    }
    for (unsigned class = 2; class < CLASS_COUNT; class ++) {
        bits += (uint64_t)histogram[class] * (class - 1);
    }
    return count == 0 ? 0 : bits / 8 + class_bytes(histogram, count);
}

static size_t write_varints(const uint64_t *values, size_t count, uint8_t *bytes)
{
    uint8_t *at = bytes;
    for (size_t i = 0; i < count; i++) {
        at = rsi_store_varint(at, values[i]);
    }
    return (size_t)(at - bytes);
}

/* Would varints be smaller than `class_size` bytes? Told from a sample in the middle. */
static rs_status varints_win(rsi_intcodec *codec, const uint64_t *values, size_t count,
                             uint64_t class_size, bool *win, rs_error *err)
{
    size_t sampled = count < SAMPLE ? count : SAMPLE;
    /* Behind the classes, which are still needed. */
    uint8_t *scratch = codec->bytes + RSI_INTS_MAX;
    size_t length = write_varints(values + (count - sampled) / 2, sampled, scratch);
    size_t packed = 0;
    codec->sample.length = 0;
    rs_status status =
        rsi_zblock_pack(codec->zblock, scratch, length, LEVEL, &codec->sample, &packed, err);
    *win = status == RS_OK && (uint64_t)packed * count / sampled < class_size;
    return status;
}

static rs_status encode_varints(rsi_intcodec *codec, const uint64_t *values, size_t count,
                                rsi_buffer *out, rs_error *err)
{
    rs_status status = RS_OK;
    size_t length = write_varints(values, count, codec->bytes);
    size_t packed = 0;
    RS_TRY(rsi_buffer_add(out, &(uint8_t){FORM_VARINT}, 1, err));
    RS_TRY(rsi_buffer_add_u32(out, (uint32_t)length, err));
    RS_TRY(rsi_zblock_pack(codec->zblock, codec->bytes, length, LEVEL, out, &packed, err));
done:
    return status;
}

/* The bits below the leading one of each value. `at` has 8 bytes of room beyond the last bit. */
static void write_bits(const uint64_t *values, const uint8_t *classes, size_t count, uint8_t *at)
{
    uint64_t pending = 0; /* bits not yet on a byte boundary: fewer than 8 */
    unsigned filled = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned width = classes[i] > 1 ? classes[i] - 1u : 0;
        uint64_t bits = values[i] & ~(UINT64_MAX << width);
        if (width > 56) { /* with up to 7 pending bits they would not fit into one word */
            pending |= (bits & UINT32_MAX) << filled;
            rsi_store_u64le(at, pending);
            at += 4;
            pending >>= 32;
            bits >>= 32;
            width -= 32;
        }
        pending |= bits << filled;
        rsi_store_u64le(at, pending);
        filled += width;
        at += filled >> 3;
        pending >>= filled & ~7u;
        filled &= 7;
    }
}

static rs_status encode_classes(rsi_intcodec *codec, const uint64_t *values, size_t count,
                                const uint32_t histogram[CLASS_COUNT], uint64_t bits,
                                rsi_buffer *out, rs_error *err)
{
    rs_status status = RS_OK;
    size_t bit_bytes = (size_t)((bits + 7) / 8);
    RS_TRY(rsi_buffer_add(out, &(uint8_t){FORM_CLASS}, 1, err));
    RS_TRY(rsi_rans_encode(codec->bytes, count, histogram, out, err));
    RS_TRY(rsi_buffer_reserve(out, bit_bytes + 16, err));
    memset(out->bytes + out->length, 0, bit_bytes + 16);
    write_bits(values, codec->bytes, count, out->bytes + out->length);
    out->length += bit_bytes;
done:
    return status;
}

static bool all_equal(const uint64_t *values, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (values[i] != values[0]) {
            return false;
        }
    }
    return true;
}

static rs_status encode_constant(uint64_t value, rsi_buffer *out, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_buffer_add(out, &(uint8_t){FORM_CONST}, 1, err));
    RS_TRY(rsi_buffer_add_u64(out, value, err));
done:
    return status;
}

static rs_status encode_body(rsi_intcodec *codec, const uint64_t *values, size_t count,
                             rsi_buffer *out, rs_error *err)
{
    uint32_t histogram[CLASS_COUNT];
    bool win = false;
    if (all_equal(values, count)) {
        return encode_constant(count == 0 ? 0 : values[0], out, err);
    }
    uint64_t bits = classify(values, count, codec->bytes, histogram);
    uint64_t class_size = bits / 8 + class_bytes(histogram, count) + 16;
    rs_status status = varints_win(codec, values, count, class_size, &win, err);
    if (status != RS_OK) {
        return status;
    }
    return win ? encode_varints(codec, values, count, out, err)
               : encode_classes(codec, values, count, histogram, bits, out, err);
}

rs_status rsi_ints_encode(rsi_intcodec *codec, const uint64_t *values, size_t count,
                          rsi_buffer *out, rs_error *err)
{
    rs_status status = RS_OK;
    size_t start = out->length;
    assert(count <= RSI_INTS_MAX);
    RS_TRY(rsi_buffer_add_u32(out, 0, err));
    RS_TRY(encode_body(codec, values, count, out, err));
    rsi_store_u32le(out->bytes + start, (uint32_t)(out->length - start - 4));
done:
    return status;
}

/* ---- decode ------------------------------------------------------------------------------- */

static rs_status decode_constant(rsi_cursor *body, size_t count, uint64_t *values, rs_error *err)
{
    uint64_t value = 0;
    if (!rsi_take_u64(body, &value)) {
        return rs_fail(err, RS_ECORRUPT, "column: a constant of 8 bytes was expected, found %zu",
                       rsi_cursor_left(body));
    }
    for (size_t i = 0; i < count; i++) {
        values[i] = value;
    }
    return RS_OK;
}

/* The up to 16 bytes from byte `at` on, zeros beyond `length`: the last few values only. */
static unsigned __int128 load_tail(const uint8_t *bytes, size_t length, size_t at)
{
    uint8_t copy[16] = {0};
    size_t left = at < length ? length - at : 0;
    if (left > 0) {
        memcpy(copy, bytes + at, left < sizeof copy ? left : sizeof copy);
    }
    return (unsigned __int128)rsi_load_u64le(copy + 8) << 64 | rsi_load_u64le(copy);
}

/* Bits below the leading one. */
RSI_INLINED unsigned width_of(unsigned class)
{
    return class - (class > 0);
}

/* A value of `class`, its `width` bits below the leading one at the bottom of `below`. */
RSI_INLINED uint64_t value_of(unsigned class, unsigned width, uint64_t below)
{
    return (below & (((uint64_t)1 << width) - 1)) | (uint64_t)(class > 0) << width;
}

/* Invariant: `classes` are at most 64, and `length` bytes hold all their bits. */
RSI_INLINED void read_values(const uint8_t *bits, size_t length, const uint8_t *classes,
                             size_t count, uint64_t *values)
{
    size_t at = 0; /* in bits */
    size_t i = 0;
    for (; i + 2 <= count && (at >> 3) + 16 <= length; i += 2) {
        unsigned first = width_of(classes[i]);
        unsigned second = width_of(classes[i + 1]);
        if (first + second > 57) { /* may lie across nine bytes */
            break;
        }
        uint64_t below = rsi_load_u64le(bits + (at >> 3)) >> (at & 7);
        values[i] = value_of(classes[i], first, below);
        values[i + 1] = value_of(classes[i + 1], second, below >> first);
        at += first + second;
    }
    for (; i < count && (at >> 3) + 8 <= length; i++) {
        unsigned width = width_of(classes[i]);
        if (width > 57) {
            break;
        }
        values[i] = value_of(classes[i], width, rsi_load_u64le(bits + (at >> 3)) >> (at & 7));
        at += width;
    }
    for (; i < count; i++) {
        unsigned class = classes[i];
        unsigned width = class - (class > 0);
        uint64_t below = (uint64_t)(load_tail(bits, length, at >> 3) >> (at & 7));
        uint64_t top = (uint64_t)(class > 0) << width;
        values[i] = (below & (((uint64_t)1 << width) - 1)) | top;
        at += width;
    }
}

RSI_FAST static void read_bmi2(const uint8_t *bits, size_t length, const uint8_t *classes,
                               size_t count, uint64_t *values)
{
    read_values(bits, length, classes, count, values);
}

static void read_any(const uint8_t *bits, size_t length, const uint8_t *classes, size_t count,
                     uint64_t *values)
{
    read_values(bits, length, classes, count, values);
}

static void read_bits(const uint8_t *bits, size_t length, const uint8_t *classes, size_t count,
                      uint64_t *values)
{
    if (rsi_fast_here()) {
        read_bmi2(bits, length, classes, count, values);
    } else {
        read_any(bits, length, classes, count, values);
    }
}

/* Bits of all values but the leading ones. Sums of 8 bits at a time can be taken side by side. */
static uint64_t bits_below(const uint8_t *classes, size_t count)
{
    uint64_t bits = 0;
    for (size_t from = 0; from < count; from += 2048) {
        size_t to = from + 2048 < count ? from + 2048 : count;
        uint32_t some = 0;
        for (size_t i = from; i < to; i++) {
            some += (uint32_t)(classes[i] - (classes[i] > 0));
        }
        bits += some;
    }
    return bits;
}

static rs_status decode_classes(rsi_intcodec *codec, rsi_cursor *body, size_t count,
                                uint64_t *values, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t bits = 0;
    RS_TRY(rsi_rans_decode(body, count, codec->bytes, err));
    bits = bits_below(codec->bytes, count);
    size_t length = (size_t)((bits + 7) / 8);
    const uint8_t *at = rsi_take(body, length);
    if (at == NULL) {
        status = rs_fail(err, RS_ECORRUPT, "column: %zu bytes of bits were expected, found %zu",
                         length, rsi_cursor_left(body));
        goto done;
    }
    read_bits(at, length, codec->bytes, count, values);
done:
    return status;
}

static rs_status decode_varints(rsi_intcodec *codec, rsi_cursor *body, size_t count,
                                uint64_t *values, rs_error *err)
{
    uint32_t length = 0;
    if (!rsi_take_u32(body, &length) || length > count * RSI_VARINT_MAX) {
        return rs_fail(err, RS_ECORRUPT,
                       "column: at most %zu bytes of varints were expected, found %u",
                       count * RSI_VARINT_MAX, length);
    }
    size_t packed = rsi_cursor_left(body);
    const uint8_t *frame = rsi_take(body, packed);
    rs_status status = rsi_zblock_unpack(codec->zblock, frame, packed, codec->bytes, length, err);
    rsi_cursor varints = {codec->bytes, codec->bytes + length};
    for (size_t i = 0; status == RS_OK && i < count; i++) {
        if (!rsi_take_varint(&varints, &values[i])) {
            status = rs_fail(err, RS_ECORRUPT, "column: varint %zu of %zu is none", i, count);
        }
    }
    if (status == RS_OK && varints.at != varints.end) {
        status = rs_fail(err, RS_ECORRUPT, "column: %zu bytes follow the last varint",
                         rsi_cursor_left(&varints));
    }
    return status;
}

static rs_status take_body(rsi_cursor *cursor, rsi_cursor *body, rs_error *err)
{
    uint32_t length = 0;
    const uint8_t *at = rsi_take_u32(cursor, &length) ? rsi_take(cursor, length) : NULL;
    if (at == NULL || length == 0) {
        return rs_fail(err, RS_ECORRUPT, "column: %u bytes were expected, found %zu", length,
                       rsi_cursor_left(cursor));
    }
    *body = (rsi_cursor){at, at + length};
    return RS_OK;
}

rs_status rsi_ints_skip(rsi_cursor *cursor, rs_error *err)
{
    rsi_cursor body;
    return take_body(cursor, &body, err);
}

rs_status rsi_ints_decode(rsi_intcodec *codec, rsi_cursor *cursor, size_t count, uint64_t *values,
                          rs_error *err)
{
    rs_status status = RS_OK;
    rsi_cursor body = {0};
    uint8_t form = 0;
    assert(count <= RSI_INTS_MAX);
    RS_TRY(take_body(cursor, &body, err));
    (void)rsi_take_u8(&body, &form);
    switch (form) {
    case FORM_CONST:
        RS_TRY(decode_constant(&body, count, values, err));
        break;
    case FORM_CLASS:
        RS_TRY(decode_classes(codec, &body, count, values, err));
        break;
    case FORM_VARINT:
        RS_TRY(decode_varints(codec, &body, count, values, err));
        break;
    default:
        status = rs_fail(err, RS_ECORRUPT, "column: form 0, 1 or 2 was expected, found %u", form);
        goto done;
    }
    if (body.at != body.end) {
        status = rs_fail(err, RS_ECORRUPT, "column: %zu bytes too many", rsi_cursor_left(&body));
    }
done:
    return status;
}
