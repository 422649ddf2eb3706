/* values.c - blocks of node attributes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/values.h"

#include <stdlib.h>

#include "base/try.h"
#include "store/dict.h"

enum { LEVEL = 1 };

struct rsi_values_coder {
    rsi_intcodec *codec;
    rsi_buffer text;
    uint64_t nodes[RSI_VALUES_MAX];
    uint64_t times[RSI_VALUES_MAX];
    uint64_t lengths[RSI_VALUES_MAX];
    rsi_value values[RSI_VALUES_MAX];
};

int rsi_value_compare(const rsi_value *a, const rsi_value *b)
{
    int order = (a->time > b->time) - (a->time < b->time); /* RS_NO_TIME is below every time */
    return order != 0 ? order : rsi_text_compare(a->text, b->text);
}

/* ---- kinds -------------------------------------------------------------------------------- */

static size_t digits_from(rs_text text, size_t at)
{
    size_t digits = 0;
    while (at + digits < text.length && text.bytes[at + digits] >= '0' &&
           text.bytes[at + digits] <= '9') {
        digits++;
    }
    return digits;
}

static bool looks_like_date(rs_text text)
{
    return text.length >= 10 && digits_from(text, 0) == 4 && text.bytes[4] == '-' &&
           digits_from(text, 5) == 2 && text.bytes[7] == '-' && digits_from(text, 8) == 2 &&
           (text.length == 10 || text.bytes[10] == 'T' || text.bytes[10] == ' ');
}

rs_value_kind rsi_value_kind_of(rs_text text)
{
    enum { DIGITS_MAX = 18 }; /* so that any such number fits into 64 bits */
    size_t at = text.length > 0 && (text.bytes[0] == '-' || text.bytes[0] == '+');
    size_t whole = digits_from(text, at);
    if (looks_like_date(text)) {
        return RS_VALUE_DATE;
    }
    if (whole == 0 || whole > DIGITS_MAX) {
        return RS_VALUE_TEXT;
    }
    at += whole;
    if (at == text.length) {
        return RS_VALUE_INTEGER;
    }
    size_t fraction = text.bytes[at] == '.' ? digits_from(text, at + 1) : 0;
    bool decimal = fraction > 0 && at + 1 + fraction == text.length;
    return decimal && whole + fraction <= DIGITS_MAX ? RS_VALUE_DECIMAL : RS_VALUE_TEXT;
}

rs_value_kind rsi_value_kind_join(rs_value_kind a, rs_value_kind b)
{
    if (a == b) {
        return a;
    }
    bool numbers =
        a != RS_VALUE_DATE && b != RS_VALUE_DATE && a != RS_VALUE_TEXT && b != RS_VALUE_TEXT;
    return numbers ? RS_VALUE_DECIMAL : RS_VALUE_TEXT;
}

/* ---- blocks ------------------------------------------------------------------------------- */

rs_status rsi_values_coder_new(rsi_values_coder **out, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_values_coder *coder = malloc(sizeof *coder);
    if (coder == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (coder of values)");
    }
    coder->codec = NULL;
    coder->text = (rsi_buffer){0};
    RS_TRY(rsi_intcodec_new(&coder->codec, err));
    *out = coder;
    coder = NULL;
done:
    rsi_values_coder_free(coder);
    return status;
}

void rsi_values_coder_free(rsi_values_coder *coder)
{
    if (coder != NULL) {
        rsi_intcodec_free(coder->codec);
        rsi_buffer_free(&coder->text);
        free(coder);
    }
}

/* Columns of the next block; returns how many values it takes. */
static size_t fill_columns(rsi_values_coder *coder, const rsi_value *values, size_t count,
                           int64_t *base)
{
    size_t taken = 0;
    size_t bytes = 0;
    uint32_t before = 0;
    *base = INT64_MAX;
    for (; taken < count && taken < RSI_VALUES_MAX && bytes < RSI_VALUES_TEXT_CUT; taken++) {
        const rsi_value *value = &values[taken];
        coder->nodes[taken] = value->node - before;
        coder->lengths[taken] = value->text.length;
        before = value->node;
        bytes += value->text.length;
        *base = value->time != RS_NO_TIME && value->time < *base ? value->time : *base;
    }
    *base = *base == INT64_MAX ? 0 : *base;
    for (size_t i = 0; i < taken; i++) {
        int64_t time = values[i].time;
        coder->times[i] = time == RS_NO_TIME ? 0 : (uint64_t)time - (uint64_t)*base + 1;
    }
    return taken;
}

rs_status rsi_values_encode(rsi_values_coder *coder, const rsi_value *values, size_t count,
                            rsi_buffer *out, uint8_t note[RSI_VALUES_NOTE_BYTES], size_t *taken,
                            rs_error *err)
{
    rs_status status = RS_OK;
    int64_t base = 0;
    size_t packed = 0;
    *taken = fill_columns(coder, values, count, &base);
    RS_TRY(rsi_buffer_add_u64(out, (uint64_t)base, err));
    RS_TRY(rsi_ints_encode(coder->codec, coder->nodes, *taken, out, err));
    RS_TRY(rsi_ints_encode(coder->codec, coder->times, *taken, out, err));
    RS_TRY(rsi_ints_encode(coder->codec, coder->lengths, *taken, out, err));
    coder->text.length = 0;
    for (size_t i = 0; i < *taken; i++) {
        RS_TRY(rsi_buffer_add(&coder->text, values[i].text.bytes, values[i].text.length, err));
    }
    RS_TRY(rsi_zblock_pack(rsi_intcodec_zblock(coder->codec), coder->text.bytes, coder->text.length,
                           LEVEL, out, &packed, err));
    rsi_store_u32le(note, (uint32_t)*taken);
    rsi_store_u32le(note + 4, (uint32_t)coder->text.length);
    rsi_store_u32le(note + 8, values[0].node);
    rsi_store_u32le(note + 12, values[*taken - 1].node);
done:
    return status;
}

/* Columns into values; checks that nodes ascend and lengths add up to the text. */
static rs_status join_columns(rsi_values_coder *coder, size_t count, int64_t base, rs_error *err)
{
    uint64_t node = 0;
    uint64_t at = 0;
    uint64_t room = (uint64_t)INT64_MAX - (uint64_t)base;
    for (size_t i = 0; i < count; i++) {
        uint64_t time = coder->times[i];
        if (coder->nodes[i] > UINT32_MAX || (i > 0 && coder->nodes[i] == 0) ||
            node + coder->nodes[i] >= RS_NO_NODE || (time > 0 && time - 1 > room) ||
            coder->lengths[i] > RSI_VALUE_BYTES_MAX ||
            coder->lengths[i] > coder->text.length - at) {
            return rs_fail(err, RS_ECORRUPT, "value %zu has a node, time or length that cannot be",
                           i);
        }
        node += coder->nodes[i];
        coder->values[i] =
            (rsi_value){.node = (uint32_t)node,
                        .time = time == 0 ? RS_NO_TIME : (int64_t)((uint64_t)base + time - 1),
                        .text = {.bytes = (const char *)coder->text.bytes + at,
                                 .length = (size_t)coder->lengths[i]}};
        at += coder->lengths[i];
    }
    if (at != coder->text.length) {
        return rs_fail(err, RS_ECORRUPT, "texts are longer than their lengths");
    }
    return RS_OK;
}

rs_status rsi_values_decode(rsi_values_coder *coder, const uint8_t *bytes, size_t length,
                            const uint8_t *note, size_t note_length, const rsi_value **values,
                            size_t *count, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_cursor cursor = {bytes, bytes + length};
    uint64_t base = 0;
    size_t expected = note_length == RSI_VALUES_NOTE_BYTES ? rsi_load_u32le(note) : 0;
    size_t text = expected == 0 ? 0 : rsi_load_u32le(note + 4);
    if (expected == 0 || expected > RSI_VALUES_MAX ||
        text > RSI_VALUES_TEXT_CUT + RSI_VALUE_BYTES_MAX || !rsi_take_u64(&cursor, &base)) {
        return rs_fail(err, RS_ECORRUPT, "%zu values with %zu bytes cannot be", expected, text);
    }
    RS_TRY(rsi_ints_decode(coder->codec, &cursor, expected, coder->nodes, err));
    RS_TRY(rsi_ints_decode(coder->codec, &cursor, expected, coder->times, err));
    RS_TRY(rsi_ints_decode(coder->codec, &cursor, expected, coder->lengths, err));
    coder->text.length = 0;
    RS_TRY(rsi_buffer_reserve(&coder->text, text + 1, err));
    RS_TRY(rsi_zblock_unpack(rsi_intcodec_zblock(coder->codec), cursor.at, rsi_cursor_left(&cursor),
                             coder->text.bytes, text, err));
    coder->text.length = text;
    RS_TRY(join_columns(coder, expected, (int64_t)base, err));
    if (coder->values[0].node != rsi_load_u32le(note + 8) ||
        coder->values[expected - 1].node != rsi_load_u32le(note + 12)) {
        status = rs_fail(err, RS_ECORRUPT, "its nodes are not those that the index names");
        goto done;
    }
    *values = coder->values;
    *count = expected;
done:
    return status;
}
