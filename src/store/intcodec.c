/* intcodec.c - columns of numbers: constant, Elias' gamma with packed exponents, packed varints.
 *
 *   column = [ length of the body u32 ][ body ]
 *   body   = [ form u8 ] and, by form:
 *            CONST   [ value u64 ]
 *            CLASS   [ classes, one a value (rans.h) ][ bits ]      read, no longer written
 *            VARINT  [ length when unpacked u32 ][ zstd frame ]
 *            PREFIX  [ classes, one a value (prefix.h) ][ bits ]
 *            SPARSE  [ common value u64 ][ others u32 ] and per other [ distance ][ value ],
 * varints Bits go from the lowest of a byte to the highest; unused bits of the last byte are 0.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/intcodec.h"

#include <assert.h>
#include <stdlib.h>

#include "base/try.h"
#include "store/bits.h"
#include "store/fast.h"
#include "store/prefix.h"
#include "store/rans.h"

enum { FORM_CONST = 0, FORM_CLASS = 1, FORM_VARINT = 2, FORM_PREFIX = 3, FORM_SPARSE = 4 };
enum { LEVEL = 1, SAMPLE = 4096, CLASS_COUNT = RSI_PREFIX_SYMBOLS };
enum { SPARSE_PART = 16 }; /* at most one value in so many is another than the common one */

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

/* ---- encode ------------------------------------------------------------------------------- */

/* Classes into `classes`, how often each came into `histogram`; returns the bits below them. */
static uint64_t classify(const uint64_t *values, size_t count, uint8_t *classes,
                         uint32_t histogram[CLASS_COUNT])
{
    uint64_t bits = 0;
    memset(histogram, 0, CLASS_COUNT * sizeof *histogram);
    for (size_t i = 0; i < count; i++) {
        unsigned class = rsi_class_of(values[i]);
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
    unsigned whole = rsi_class_of(value) - 1;
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
        histogram[rsi_class_of(values[i])]++;
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

static rs_status encode_classes(rsi_intcodec *codec, const uint64_t *values, size_t count,
                                const rsi_prefix *code, uint64_t bits, rsi_buffer *out,
                                rs_error *err)
{
    rs_status status = RS_OK;
    size_t bit_bytes = (size_t)((bits + 7) / 8);
    RS_TRY(rsi_buffer_add(out, &(uint8_t){FORM_PREFIX}, 1, err));
    RS_TRY(rsi_prefix_encode(code, codec->bytes, count, out, err));
    RS_TRY(rsi_buffer_reserve(out, bit_bytes + RSI_BITS_SLACK, err));
    memset(out->bytes + out->length, 0, bit_bytes + RSI_BITS_SLACK);
    rsi_bits_write(values, codec->bytes, count, out->bytes + out->length);
    out->length += bit_bytes;
done:
    return status;
}

/* The value that most have, if there is one (Boyer and Moore); how many are others. */
static size_t common_value(const uint64_t *values, size_t count, uint64_t *common)
{
    size_t lead = 0;
    size_t others = 0;
    for (size_t i = 0; i < count; i++) {
        *common = lead == 0 ? values[i] : *common;
        lead += values[i] == *common ? 1 : (size_t)-1;
    }
    for (size_t i = 0; i < count; i++) {
        others += values[i] != *common;
    }
    return others;
}

/* Are nearly all values of one class, and the same? */
static bool is_sparse(const uint64_t *values, size_t count, const uint32_t histogram[CLASS_COUNT],
                      uint64_t *common, size_t *others)
{
    uint32_t most = 0;
    for (size_t i = 0; i < CLASS_COUNT; i++) {
        most = histogram[i] > most ? histogram[i] : most;
    }
    if (count - most > count / SPARSE_PART) {
        return false;
    }
    *others = common_value(values, count, common);
    return *others <= count / SPARSE_PART;
}

static rs_status encode_sparse(rsi_intcodec *codec, const uint64_t *values, size_t count,
                               uint64_t common, size_t others, rsi_buffer *out, rs_error *err)
{
    rs_status status = RS_OK;
    uint8_t *at = codec->bytes;
    size_t next = 0; /* place after the other one before */
    for (size_t i = 0; i < count; i++) {
        if (values[i] != common) {
            at = rsi_store_varint(at, i - next);
            at = rsi_store_varint(at, values[i]);
            next = i + 1;
        }
    }
    RS_TRY(rsi_buffer_add(out, &(uint8_t){FORM_SPARSE}, 1, err));
    RS_TRY(rsi_buffer_add_u64(out, common, err));
    RS_TRY(rsi_buffer_add_u32(out, (uint32_t)others, err));
    RS_TRY(rsi_buffer_add(out, codec->bytes, (size_t)(at - codec->bytes), err));
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
    uint64_t common = 0;
    size_t others = 0;
    bool win = false;
    if (all_equal(values, count)) {
        return encode_constant(count == 0 ? 0 : values[0], out, err);
    }
    uint64_t bits = classify(values, count, codec->bytes, histogram);
    if (is_sparse(values, count, histogram, &common, &others)) {
        return encode_sparse(codec, values, count, common, others, out, err);
    }
    rsi_prefix code = rsi_prefix_choose(histogram);
    uint64_t size = bits / 8 + rsi_prefix_bytes(&code, histogram);
    rs_status status = varints_win(codec, values, count, size, &win, err);
    if (status != RS_OK) {
        return status;
    }
    return win ? encode_varints(codec, values, count, out, err)
               : encode_classes(codec, values, count, &code, bits, out, err);
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

/* `all` has every bit that any of the values has. */
static rs_status check_fit(rsi_numbers to, uint64_t all, rs_error *err)
{
    return to.narrow == NULL || all <= UINT32_MAX
               ? RS_OK
               : rs_fail(err, RS_ECORRUPT, "column: a value of more than 32 bits");
}

static void fill(rsi_numbers to, size_t count, uint64_t value)
{
    for (size_t i = 0; i < count; i++) {
        rsi_put_into(to, i, value);
    }
}

static rs_status decode_constant(rsi_cursor *body, size_t count, rsi_numbers to, rs_error *err)
{
    uint64_t value = 0;
    if (!rsi_take_u64(body, &value)) {
        return rs_fail(err, RS_ECORRUPT, "column: a constant of 8 bytes was expected, found %zu",
                       rsi_cursor_left(body));
    }
    fill(to, count, value);
    return check_fit(to, value, err);
}

/* The body's rest are the bits of the values whose classes are known. */
static rs_status decode_bits(rsi_intcodec *codec, rsi_cursor *body, size_t count, rsi_numbers to,
                             rs_error *err)
{
    const uint8_t *classes = codec->bytes;
    size_t length = rsi_cursor_left(body);
    const uint8_t *bits = rsi_take(body, length);
    uint8_t largest = 0;
    for (size_t i = 0; to.narrow != NULL && i < count; i++) {
        largest = classes[i] > largest ? classes[i] : largest;
    }
    size_t taken = rsi_bits_read(bits, length, classes, count, to);
    if ((taken + 7) / 8 != length) {
        return rs_fail(err, RS_ECORRUPT, "column: %zu bytes of bits were expected, found %zu",
                       (taken + 7) / 8, length);
    }
    return check_fit(to, largest > 32 ? UINT64_MAX : 0, err);
}

static rs_status decode_classes(rsi_intcodec *codec, rsi_cursor *body, size_t count, rsi_numbers to,
                                rs_error *err)
{
    rs_status status = rsi_rans_decode(body, count, codec->bytes, err);
    return status == RS_OK ? decode_bits(codec, body, count, to, err) : status;
}

static rs_status decode_prefix(rsi_intcodec *codec, rsi_cursor *body, size_t count, rsi_numbers to,
                               rs_error *err)
{
    rs_status status = rsi_prefix_decode(body, count, codec->bytes, err);
    return status == RS_OK ? decode_bits(codec, body, count, to, err) : status;
}

static rs_status decode_varints(rsi_intcodec *codec, rsi_cursor *body, size_t count, rsi_numbers to,
                                rs_error *err)
{
    uint32_t length = 0;
    uint64_t all = 0;
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
        uint64_t value = 0;
        if (!rsi_take_varint(&varints, &value)) {
            status = rs_fail(err, RS_ECORRUPT, "column: varint %zu of %zu is none", i, count);
        }
        rsi_put_into(to, i, value);
        all |= value;
    }
    if (status == RS_OK && varints.at != varints.end) {
        status = rs_fail(err, RS_ECORRUPT, "column: %zu bytes follow the last varint",
                         rsi_cursor_left(&varints));
    }
    return status == RS_OK ? check_fit(to, all, err) : status;
}

static rs_status decode_sparse(rsi_cursor *body, size_t count, rsi_numbers to, rs_error *err)
{
    uint64_t common = 0;
    uint32_t others = 0;
    if (!rsi_take_u64(body, &common) || !rsi_take_u32(body, &others) || others > count) {
        return rs_fail(err, RS_ECORRUPT, "column: %u values of %zu cannot be others", others,
                       count);
    }
    uint64_t all = common;
    size_t place = 0;
    fill(to, count, common);
    for (uint32_t i = 0; i < others; i++) {
        uint64_t distance = 0;
        uint64_t value = 0;
        if (!rsi_take_varint(body, &distance) || !rsi_take_varint(body, &value) ||
            distance >= count - place) {
            return rs_fail(err, RS_ECORRUPT, "column: value %u of %u others has no place", i,
                           others);
        }
        place += (size_t)distance;
        rsi_put_into(to, place++, value);
        all |= value;
    }
    return check_fit(to, all, err);
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

static rs_status decode(rsi_intcodec *codec, rsi_cursor *cursor, size_t count, rsi_numbers to,
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
        RS_TRY(decode_constant(&body, count, to, err));
        break;
    case FORM_CLASS:
        RS_TRY(decode_classes(codec, &body, count, to, err));
        break;
    case FORM_VARINT:
        RS_TRY(decode_varints(codec, &body, count, to, err));
        break;
    case FORM_PREFIX:
        RS_TRY(decode_prefix(codec, &body, count, to, err));
        break;
    case FORM_SPARSE:
        RS_TRY(decode_sparse(&body, count, to, err));
        break;
    default:
        status = rs_fail(err, RS_ECORRUPT, "column: form 0 to 4 was expected, found %u", form);
        goto done;
    }
    if (body.at != body.end) {
        status = rs_fail(err, RS_ECORRUPT, "column: %zu bytes too many", rsi_cursor_left(&body));
    }
done:
    return status;
}

rs_status rsi_ints_decode(rsi_intcodec *codec, rsi_cursor *cursor, size_t count, uint64_t *values,
                          rs_error *err)
{
    return decode(codec, cursor, count, (rsi_numbers){.wide = values}, err);
}

rs_status rsi_ints_decode32(rsi_intcodec *codec, rsi_cursor *cursor, size_t count, uint32_t *values,
                            rs_error *err)
{
    return decode(codec, cursor, count, (rsi_numbers){.narrow = values}, err);
}
