/* fold.c - texts in Unicode's compatibility form.
 *
 * Source: Unicode Standard Annex 15 (normalisation forms), by libunistring.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/fold.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "base/utf8.h"

#if RS_HAVE_UNISTRING
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#endif

enum { REPLACEMENT = 0xFFFD, IDEOGRAPHIC_BLANK = 0x3000 };

static rs_status make_room(rsi_folded *out, size_t count, rs_error *err)
{
    if (count <= out->room) {
        return RS_OK;
    }
    uint32_t *codes = realloc(out->codes, count * sizeof *codes);
    if (codes == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (a text of %zu characters)", count);
    }
    out->codes = codes;
    out->room = count;
    return RS_OK;
}

/* The character at `bytes`, which is whole and valid; returns its bytes. */
static size_t decode(const char *bytes, uint32_t *code)
{
    const unsigned char *b = (const unsigned char *)bytes;
    size_t length = b[0] < 0x80 ? 1 : b[0] < 0xE0 ? 2 : b[0] < 0xF0 ? 3 : 4;
    *code = length == 1 ? b[0] : b[0] & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        *code = *code << 6 | (b[i] & 0x3F);
    }
    return length;
}

static rs_status decode_all(rs_text text, rsi_folded *out, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(make_room(out, text.length + 1, err));
    out->count = 0;
    for (size_t at = 0; at < text.length;) {
        size_t valid = at + rsi_utf8_valid(text.bytes + at, text.length - at);
        while (at < valid) {
            at += decode(text.bytes + at, &out->codes[out->count++]);
        }
        if (at < text.length) {
            out->codes[out->count++] = REPLACEMENT;
            at++;
        }
    }
done:
    return status;
}

#if RS_HAVE_UNISTRING
static rs_status normalise(rsi_folded *out, rs_error *err)
{
    rs_status status = RS_OK;
    size_t count = 0;
    uint32_t *form = u32_normalize(UNINORM_NFKC, out->codes, out->count, NULL, &count);
    if (form == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (a text of %zu characters)", out->count);
    }
    RS_TRY(make_room(out, count + 1, err));
    for (size_t i = 0; i < count; i++) {
        out->codes[i] = uc_tolower(form[i]);
    }
    out->count = count;
done:
    free(form);
    return status;
}

static bool is_blank(uint32_t code)
{
    return uc_is_property_white_space(code);
}
#else
static rs_status normalise(rsi_folded *out, rs_error *err)
{
    (void)err;
    for (size_t i = 0; i < out->count; i++) {
        uint32_t code = out->codes[i];
        code = code >= 0xFF01 && code <= 0xFF5E ? code - 0xFF01 + '!' : code;
        out->codes[i] = code >= 'A' && code <= 'Z' ? code - 'A' + 'a' : code;
    }
    return RS_OK;
}

static bool is_blank(uint32_t code)
{
    return code == ' ' || (code >= '\t' && code <= '\r') || code == IDEOGRAPHIC_BLANK;
}
#endif

rs_status rsi_fold(rs_text text, rsi_folded *out, rs_error *err)
{
    rs_status status = RS_OK;
    size_t kept = 0;
    RS_TRY(decode_all(text, out, err));
    if (out->count > 0) {
        RS_TRY(normalise(out, err));
    }
    for (size_t i = 0; i < out->count; i++) {
        bool blank = is_blank(out->codes[i]);
        if (!blank || (kept > 0 && out->codes[kept - 1] != ' ')) {
            out->codes[kept++] = blank ? ' ' : out->codes[i];
        }
    }
    out->count = kept > 0 && out->codes[kept - 1] == ' ' ? kept - 1 : kept;
done:
    return status;
}
