/* out.c - a buffer in front of a new file, and the texts that reports are made of.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "report/out.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/timestamp.h"
#include "base/try.h"
#include "base/utf8.h"

enum { BUFFER = 64 * 1024, PUSH = 8 << 20 };

/* A part has no file: its buffer grows. */
typedef struct whole {
    rsi_out room; /* first: what the caller holds */
    bool is_part;
    rsi_newfile file;
    rs_error failure; /* the first; RS_OK while there is none */
    uint64_t flushed; /* bytes that have left the buffer */
    uint64_t pushed;  /* of these the disk was asked to begin with */
    rsi_hash_stream *hash;
    char *buffer;
} whole;

static whole *whole_of(rsi_out *out)
{
    return (whole *)(void *)out;
}

/* ---- opening --------------------------------------------------------------------------------- */

static rs_status make(whole **out, rs_error *err)
{
    whole *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    w->file = (rsi_newfile)RSI_NO_NEWFILE;
    w->buffer = malloc(BUFFER);
    if (w->buffer == NULL) {
        free(w);
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    w->room = (rsi_out){.at = w->buffer, .end = w->buffer + BUFFER};
    *out = w;
    return RS_OK;
}

rs_status rsi_out_open_part(rsi_out **part, rs_error *err)
{
    whole *w = NULL;
    rs_status status = make(&w, err);
    if (status == RS_OK) {
        w->is_part = true;
        *part = &w->room;
    }
    return status;
}

rs_status rsi_out_open(rsi_out **result, const char *path, rs_error *err)
{
    rs_status status = RS_OK;
    whole *w = NULL;
    RS_TRY(make(&w, err));
    w->hash = rsi_hash_stream_new();
    if (w->hash == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory");
        goto done;
    }
    RS_TRY(rsi_newfile_open(&w->file, path, err));
    *result = &w->room;
    w = NULL;
done:
    rsi_out_close(w != NULL ? &w->room : NULL);
    return rs_context(err, status, "\"%s\"", path);
}

void rsi_out_close(rsi_out *out)
{
    if (out == NULL) {
        return;
    }
    whole *w = whole_of(out);
    rsi_newfile_close(&w->file);
    rsi_hash_stream_free(w->hash);
    free(w->buffer);
    free(w);
}

/* ---- writing --------------------------------------------------------------------------------- */

static bool is_good(const whole *w)
{
    return w->failure.status == RS_OK;
}

/* Into the file. */
static void pass_on(whole *w, const char *bytes, size_t length)
{
    rsi_hash_stream_add(w->hash, bytes, length);
    if (is_good(w)) {
        (void)!rsi_write_all(w->file.file, bytes, length, &w->failure);
    }
    w->flushed += length;
    if (w->file.other != NULL && w->flushed - w->pushed >= PUSH) {
        /* The disk writes while the rest is made; the sync at the end says whether it could. */
        (void)sync_file_range(w->file.file, (off_t)w->pushed, (off_t)(w->flushed - w->pushed),
                              SYNC_FILE_RANGE_WRITE);
        w->pushed = w->flushed;
    }
}

static void flush(whole *w)
{
    if (w->room.at > w->buffer && !w->is_part) {
        pass_on(w, w->buffer, (size_t)(w->room.at - w->buffer));
        w->room.at = w->buffer;
    }
}

/* Room for `length` more bytes in a part; without memory it starts anew, and has failed. */
static void grow(whole *w, size_t length)
{
    size_t used = (size_t)(w->room.at - w->buffer);
    size_t wanted = 2 * (size_t)(w->room.end - w->buffer) + length;
    char *grown = realloc(w->buffer, wanted);
    if (grown == NULL) {
        (void)rs_fail(&w->failure, RS_ENOMEM, "out of memory (%zu bytes)", wanted);
        w->room.at = w->buffer;
        return;
    }
    w->buffer = grown;
    w->room = (rsi_out){.at = grown + used, .end = grown + wanted};
}

void rsi_out_bytes_beyond(rsi_out *out, const char *bytes, size_t length)
{
    whole *w = whole_of(out);
    if (w->is_part) {
        grow(w, length);
    } else {
        flush(w);
    }
    if (length <= (size_t)(out->end - out->at)) {
        memcpy(out->at, bytes, length);
        out->at += length;
    } else if (!w->is_part) {
        pass_on(w, bytes, length);
    }
}

void rsi_out_add_part(rsi_out *out, rsi_out *part)
{
    whole *to = whole_of(out);
    whole *from = whole_of(part);
    if (is_good(to)) {
        to->failure = from->failure;
    }
    flush(to);
    pass_on(to, from->buffer, (size_t)(part->at - from->buffer));
    part->at = from->buffer;
}

bool rsi_out_file(rsi_out *out, int from)
{
    static const size_t part = (size_t)1 << 30;
    whole *w = whole_of(out);
    flush(w);
    uint64_t before = w->flushed;
    while (w->file.other != NULL && is_good(w)) {
        ssize_t count = copy_file_range(from, NULL, w->file.file, NULL, part, 0);
        if (count > 0) {
            w->flushed += (uint64_t)count;
        } else if (count == 0 || w->flushed == before) {
            break; /* the end, or a file system that cannot */
        } else if (errno != EINTR) {
            (void)rs_fail(&w->failure, RS_EIO, "write: %s", strerror(errno));
        }
    }
    return w->flushed > before;
}

uint64_t rsi_out_written(const rsi_out *out)
{
    const whole *w = (const whole *)(const void *)out;
    return w->flushed + (uint64_t)(out->at - w->buffer);
}

rsi_hash128 rsi_out_digest(const rsi_out *out)
{
    const whole *w = (const whole *)(const void *)out;
    return rsi_hash_stream_end(w->hash);
}

rsi_hash128 rsi_out_digest_so_far(rsi_out *out)
{
    flush(whole_of(out));
    return rsi_out_digest(out);
}

rs_status rsi_out_check(rsi_out *out, rs_error *err)
{
    const whole *w = whole_of(out);
    if (is_good(w)) {
        return RS_OK;
    }
    return rs_fail(err, w->failure.status, "\"%s\": %s", w->file.path, w->failure.message);
}

rs_status rsi_out_commit(rsi_out *out, rs_error *err)
{
    whole *w = whole_of(out);
    flush(w);
    rs_status status = rsi_out_check(out, err);
    if (status != RS_OK) {
        return status;
    }
    status = rsi_newfile_sync(&w->file, err);
    if (status == RS_OK) {
        status = rsi_newfile_publish(&w->file, err);
    }
    return rs_context(err, status, "\"%s\"", w->file.path);
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

/* `number` below 100 as two digits. */
static void put_pair(char *to, uint32_t number)
{
    static const char pairs[] = "0001020304050607080910111213141516171819"
                                "2021222324252627282930313233343536373839"
                                "4041424344454647484950515253545556575859"
                                "6061626364656667686970717273747576777879"
                                "8081828384858687888990919293949596979899";
    memcpy(to, pairs + 2 * (size_t)number, 2);
}

char *rsi_put_millionths(char *to, uint32_t millionths)
{
    uint32_t whole_part = millionths / 1000000;
    uint32_t rest = millionths % 1000000;
    for (uint32_t unit = 1000; unit > 0; unit /= 10) {
        if (whole_part >= unit || unit == 1) {
            *to++ = (char)('0' + whole_part / unit % 10);
        }
    }
    *to = '.';
    put_pair(to + 1, rest / 10000);
    put_pair(to + 3, rest / 100 % 100);
    put_pair(to + 5, rest % 100);
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

/* Eight bytes at once; the usual tricks of "has a byte that is zero, or below n". */
static bool all_plain(uint64_t bytes)
{
    const uint64_t ones = UINT64_MAX / 255;
    uint64_t quotes = bytes ^ ones * '"';
    uint64_t slashes = bytes ^ ones * '\\';
    uint64_t odd = ((bytes - ones * 0x20) & ~bytes) | ((quotes - ones) & ~quotes) |
                   ((slashes - ones) & ~slashes) | (bytes + ones) | bytes;
    return (odd & ones * 0x80) == 0;
}

/* How many bytes from the start are plain. */
static size_t plain_length(const char *bytes, size_t length)
{
    size_t at = 0;
    for (uint64_t eight; length - at >= sizeof eight; at += sizeof eight) {
        memcpy(&eight, bytes + at, sizeof eight);
        if (!all_plain(eight)) {
            break;
        }
    }
    while (at < length && is_plain((unsigned char)bytes[at])) {
        at++;
    }
    return at;
}

void rsi_out_json_part(rsi_out *out, rs_text text)
{
    for (size_t at = 0; at < text.length;) {
        size_t plain = plain_length(text.bytes + at, text.length - at);
        rsi_out_bytes(out, text.bytes + at, plain);
        at += plain;
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
