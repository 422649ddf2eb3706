/* Plain, gzip and zstd streams: the same bytes, and a place where they are damaged.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "base/stream.h"

enum { TEXT_BYTES = 300000, PACKED_BYTES = 400000 };

typedef struct packed {
    char *bytes;
    size_t length;
} packed;

static char *make_text(void)
{
    char *text = malloc(TEXT_BYTES);
    assert_non_null(text);
    uint32_t seed = 3;
    for (size_t i = 0; i < TEXT_BYTES; i++) {
        seed = seed * 1664525u + 1013904223u;
        text[i] = (char)('a' + (seed >> 24) % 20);
    }
    return text;
}

/* One gzip member behind what is there. */
static void add_gzip(packed *to, const char *bytes, size_t length)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)bytes;
    z.avail_in = (uInt)length;
    z.next_out = (Bytef *)to->bytes + to->length;
    z.avail_out = (uInt)(PACKED_BYTES - to->length);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    to->length += z.total_out;
    deflateEnd(&z);
}

static void add_zstd(packed *to, const char *bytes, size_t length)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    size_t size =
        ZSTD_compress2(context, to->bytes + to->length, PACKED_BYTES - to->length, bytes, length);
    assert_false(ZSTD_isError(size));
    to->length += size;
    ZSTD_freeCCtx(context);
}

/* Read all in steps of `step` bytes. */
static rs_status read_all(const packed *from, size_t step, char *out, size_t *length, rs_error *err)
{
    rsi_stream *stream = NULL;
    rs_status status = rsi_stream_open_memory(&stream, "file", from->bytes, from->length, err);
    size_t got = step;
    *length = 0;
    while (status == RS_OK && got == step && *length + step <= TEXT_BYTES + step) {
        status = rsi_stream_read(stream, out + *length, step, &got, err);
        *length += got;
    }
    if (status == RS_OK) {
        assert_int_equal(rsi_stream_size(stream), from->length);
        assert_int_equal(rsi_stream_consumed(stream), from->length);
    }
    rsi_stream_close(stream);
    return status;
}

static void check_same(const packed *from, const char *text)
{
    static const size_t steps[] = {1000003, 65536, 4096, 333};
    char *out = malloc(TEXT_BYTES + 1000003);
    assert_non_null(out);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        size_t length = 0;
        rs_error err = {0};
        assert_int_equal(read_all(from, steps[i], out, &length, &err), RS_OK);
        assert_int_equal(length, TEXT_BYTES);
        assert_memory_equal(out, text, TEXT_BYTES);
    }
    free(out);
}

static void reads_plain_and_packed_alike(void **state)
{
    (void)state;
    char *text = make_text();
    packed file = {malloc(PACKED_BYTES), 0};
    assert_non_null(file.bytes);
    check_same(&(packed){text, TEXT_BYTES}, text);
    add_gzip(&file, text, TEXT_BYTES);
    check_same(&file, text);
    file.length = 0;
    add_zstd(&file, text, TEXT_BYTES);
    check_same(&file, text);
    free(file.bytes);
    free(text);
}

static void reads_members_and_frames_one_after_another(void **state)
{
    (void)state;
    char *text = make_text();
    packed file = {malloc(PACKED_BYTES), 0};
    assert_non_null(file.bytes);
    add_gzip(&file, text, 1);
    add_gzip(&file, text, 0);
    add_gzip(&file, text + 1, TEXT_BYTES - 1);
    check_same(&file, text);
    file.length = 0;
    add_zstd(&file, text, 1);
    add_zstd(&file, text, 0);
    add_zstd(&file, text + 1, TEXT_BYTES - 1);
    check_same(&file, text);
    free(file.bytes);
    free(text);
}

static void notices_every_cut(void **state)
{
    (void)state;
    static const char text[] = "a few bytes, a few bytes, a few bytes";
    void (*const add[])(packed *, const char *, size_t) = {add_gzip, add_zstd};
    const char *const names[] = {"gzip", "zstd"};
    packed file = {malloc(PACKED_BYTES), 0};
    char out[4096];
    assert_non_null(file.bytes);
    for (int i = 0; i < 2; i++) {
        file.length = 0;
        add[i](&file, text, sizeof text);
        size_t whole = file.length;
        for (file.length = 4; file.length < whole; file.length++) {
            size_t length = 0;
            char expected[100];
            rs_error err = {0};
            assert_int_equal(read_all(&file, 1024, out, &length, &err), RS_EINPUT);
            snprintf(expected, sizeof expected, "file: byte %zu: %s: the file is cut short",
                     file.length, names[i]);
            assert_string_equal(err.message, expected);
        }
    }
    free(file.bytes);
}

/* Every byte changed: an error or, in fields that carry nothing (a time, a name), the same text. */
static void never_gives_other_bytes(void **state)
{
    (void)state;
    static const char text[] = "a few bytes, a few bytes, a few bytes";
    void (*const add[])(packed *, const char *, size_t) = {add_gzip, add_zstd};
    packed file = {malloc(PACKED_BYTES), 0};
    char out[4096];
    assert_non_null(file.bytes);
    for (int i = 0; i < 2; i++) {
        file.length = 0;
        add[i](&file, text, sizeof text);
        int errors = 0;
        for (size_t at = 4; at < file.length; at++) { /* behind what tells the format */
            size_t length = 0;
            rs_error err = {0};
            file.bytes[at] = (char)(file.bytes[at] ^ 0x55);
            rs_status status = read_all(&file, 1024, out, &length, &err);
            file.bytes[at] = (char)(file.bytes[at] ^ 0x55);
            if (status == RS_OK) {
                assert_int_equal(length, sizeof text);
                assert_memory_equal(out, text, sizeof text);
            } else {
                assert_true(status == RS_EINPUT || status == RS_ENOMEM);
                assert_non_null(strstr(err.message, "file: "));
                errors++;
            }
        }
        assert_true(errors > 10);
    }
    free(file.bytes);
}

static void tells_what_it_cannot_open(void **state)
{
    (void)state;
    rsi_stream *stream = NULL;
    rs_error err = {0};
    assert_int_equal(rsi_stream_open(&stream, "/nowhere/at all", &err), RS_EUSAGE);
    assert_string_equal(err.message, "/nowhere/at all: cannot open: No such file or directory");
    assert_int_equal(rsi_stream_open(&stream, "/", &err), RS_EUSAGE);
    assert_string_equal(err.message, "/: is a directory, a file was expected");
    assert_null(stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_plain_and_packed_alike),
        cmocka_unit_test(reads_members_and_frames_one_after_another),
        cmocka_unit_test(notices_every_cut),
        cmocka_unit_test(never_gives_other_bytes),
        cmocka_unit_test(tells_what_it_cannot_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
