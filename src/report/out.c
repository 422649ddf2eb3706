/* out.c - a buffer in front of a new file, and the texts that reports are made of.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "report/out.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/timestamp.h"
#include "base/try.h"
#include "base/utf8.h"

enum { BUFFER = 64 * 1024 };

struct rsi_out {
    rsi_newfile file;
    rs_error failure; /* the first; RS_OK while there is none */
    uint64_t written;
    rsi_hash_stream *hash;
    size_t used;
    char buffer[BUFFER];
};

/* ---- opening --------------------------------------------------------------------------------- */

rs_status rsi_out_open(rsi_out **result, const char *path, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_out *out = malloc(sizeof *out);
    if (out == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory");
        goto done;
    }
    memset(out, 0, offsetof(rsi_out, buffer));
    out->file = (rsi_newfile)RSI_NO_NEWFILE;
    out->hash = rsi_hash_stream_new();
    if (out->hash == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory");
        goto done;
    }
    RS_TRY(rsi_newfile_open(&out->file, path, err));
    *result = out;
    out = NULL;
done:
    rsi_out_close(out);
    return rs_context(err, status, "\"%s\"", path);
}

void rsi_out_close(rsi_out *out)
{
    if (out == NULL) {
        return;
    }
    rsi_newfile_close(&out->file);
    rsi_hash_stream_free(out->hash);
    free(out);
}

/* ---- writing --------------------------------------------------------------------------------- */

static bool is_good(const rsi_out *out)
{
    return out->failure.status == RS_OK;
}

static void flush(rsi_out *out)
{
    if (out->used > 0) {
        rsi_hash_stream_add(out->hash, out->buffer, out->used);
        if (is_good(out)) {
            (void)!rsi_write_all(out->file.file, out->buffer, out->used, &out->failure);
        }
        out->used = 0;
    }
}

void rsi_out_bytes(rsi_out *out, const char *bytes, size_t length)
{
    out->written += length;
    while (length >= sizeof out->buffer - out->used) {
        size_t part = sizeof out->buffer - out->used;
        memcpy(out->buffer + out->used, bytes, part);
        out->used += part;
        bytes += part;
        length -= part;
        flush(out);
    }
    memcpy(out->buffer + out->used, bytes, length);
    out->used += length;
}

bool rsi_out_file(rsi_out *out, int from)
{
    static const size_t part = (size_t)1 << 30;
    uint64_t before = out->written;
    flush(out);
    while (out->file.other != NULL && is_good(out)) {
        ssize_t count = copy_file_range(from, NULL, out->file.file, NULL, part, 0);
        if (count > 0) {
            out->written += (uint64_t)count;
        } else if (count == 0 || out->written == before) {
            break; /* the end, or a file system that cannot */
        } else if (errno != EINTR) {
            (void)rs_fail(&out->failure, RS_EIO, "write: %s", strerror(errno));
        }
    }
    return out->written > before;
}

uint64_t rsi_out_written(const rsi_out *out)
{
    return out->written;
}

rsi_hash128 rsi_out_digest(const rsi_out *out)
{
    return rsi_hash_stream_end(out->hash);
}

rsi_hash128 rsi_out_digest_so_far(rsi_out *out)
{
    flush(out);
    return rsi_hash_stream_end(out->hash);
}

rs_status rsi_out_check(rsi_out *out, rs_error *err)
{
    if (is_good(out)) {
        return RS_OK;
    }
    return rs_fail(err, out->failure.status, "\"%s\": %s", out->file.path, out->failure.message);
}

rs_status rsi_out_commit(rsi_out *out, rs_error *err)
{
    flush(out);
    rs_status status = rsi_out_check(out, err);
    if (status != RS_OK) {
        return status;
    }
    status = rsi_newfile_sync(&out->file, err);
    if (status == RS_OK) {
        status = rsi_newfile_publish(&out->file, err);
    }
    return rs_context(err, status, "\"%s\"", out->file.path);
}

/* ---- texts ----------------------------------------------------------------------------------- */

void rsi_out_count(rsi_out *out, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    rsi_out_bytes(out, digits + at, sizeof digits - at);
}

char *rsi_put_millionths(char *to, uint32_t millionths)
{
    uint32_t whole = millionths / 1000000;
    uint32_t rest = millionths % 1000000;
    for (uint32_t unit = 1000; unit > 0; unit /= 10) {
        if (whole >= unit || unit == 1) {
            *to++ = (char)('0' + whole / unit % 10);
        }
    }
    *to = '.';
    for (size_t i = 6; i > 0; i--, rest /= 10) {
        to[i] = (char)('0' + rest % 10);
    }
    return to + 7;
}

void rsi_out_millionths(rsi_out *out, uint32_t millionths)
{
    char text[RSI_MILLIONTHS_MAX];
    rsi_out_bytes(out, text, (size_t)(rsi_put_millionths(text, millionths) - text));
}

void rsi_out_time(rsi_out *out, int64_t unix_s)
{
    char text[32];
    rsi_out_bytes(out, text, rsi_timestamp_format(unix_s, text));
}

void rsi_out_date(rsi_out *out, int64_t unix_s)
{
    char text[32];
    (void)rsi_timestamp_format(unix_s, text);
    rsi_out_bytes(out, text, strlen("2026-03-01"));
}

/* Characters beyond ASCII that move, turn or break the line in which they stand. */
static bool is_treacherous(uint32_t code)
{
    return code < 0xA0 || code == 0x61C || code == 0x200E || code == 0x200F ||
           (code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069) ||
           code == 0xFEFF;
}

static void put_escape(rsi_out *out, uint32_t code)
{
    static const char letters[] = "btn\0fr"; /* of U+0008 to U+000D */
    char escape[7];
    if (code == '"' || code == '\\') {
        escape[0] = '\\';
        escape[1] = (char)code;
        rsi_out_bytes(out, escape, 2);
    } else if (code >= 8 && code <= 13 && letters[code - 8] != '\0') {
        escape[0] = '\\';
        escape[1] = letters[code - 8];
        rsi_out_bytes(out, escape, 2);
    } else {
        snprintf(escape, sizeof escape, "\\u%04" PRIx32, code);
        rsi_out_bytes(out, escape, 6);
    }
}

static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\';
}

/* One character that is not plain ASCII; returns its length. */
static size_t put_character(rsi_out *out, const char *bytes, size_t left)
{
    unsigned char first = (unsigned char)bytes[0];
    if (first < 0x80) {
        put_escape(out, first);
        return 1;
    }
    size_t width = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (width == 0 || width > left || rsi_utf8_valid(bytes, width) != width) {
        rsi_out_string(out, "\xEF\xBF\xBD");
        return 1;
    }
    uint32_t code = width == 2 ? first & 0x1FU : width == 3 ? first & 0x0FU : first & 0x07U;
    for (size_t i = 1; i < width; i++) {
        code = code << 6 | ((unsigned char)bytes[i] & 0x3FU);
    }
    if (is_treacherous(code)) {
        put_escape(out, code);
    } else {
        rsi_out_bytes(out, bytes, width);
    }
    return width;
}

void rsi_out_json_part(rsi_out *out, rs_text text)
{
    for (size_t at = 0; at < text.length;) {
        size_t end = at;
        while (end < text.length && is_plain((unsigned char)text.bytes[end])) {
            end++;
        }
        rsi_out_bytes(out, text.bytes + at, end - at);
        at = end;
        if (at < text.length) {
            at += put_character(out, text.bytes + at, text.length - at);
        }
    }
}

void rsi_out_json(rsi_out *out, rs_text text)
{
    rsi_out_bytes(out, "\"", 1);
    rsi_out_json_part(out, text);
    rsi_out_bytes(out, "\"", 1);
}

void rsi_out_json_string(rsi_out *out, const char *string)
{
    rsi_out_json(out, (rs_text){string, strlen(string)});
}

void rsi_out_csv(rsi_out *out, rs_text text)
{
    bool quoted = text.length == 0;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.bytes[i];
        quoted |= (c == '"') | (c == ',') | (c == '\n') | (c == '\r') | (c == '\0');
    }
    if (!quoted) {
        rsi_out_bytes(out, text.bytes, text.length);
        return;
    }
    rsi_out_bytes(out, "\"", 1);
    for (size_t at = 0; at < text.length;) {
        const char *quote = memchr(text.bytes + at, '"', text.length - at);
        size_t end = quote != NULL ? (size_t)(quote - text.bytes) + 1 : text.length;
        rsi_out_bytes(out, text.bytes + at, end - at);
        if (quote != NULL) {
            rsi_out_bytes(out, "\"", 1);
        }
        at = end;
    }
    rsi_out_bytes(out, "\"", 1);
}
