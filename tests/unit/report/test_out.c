/* test_out.c - texts as JSON and CSV have them, and files that come whole or not at all.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: write fsync rename malloc calloc realloc strdup asprintf */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "report/out.h"

#define TEXT(literal) ((rs_text){.bytes = (literal), .length = sizeof(literal) - 1})

/* ---- failures by order ----------------------------------------------------------------------- */

static int fail_write_with; /* errno, 0: none */
static int fail_fsync_with;
static int fail_rename_with;
static int allocations_left = -1; /* -1: no end */
static bool kill_at_rename;
static bool interrupt_once; /* the next write gives EINTR, the one after half of what it should */
static bool short_once;

ssize_t __real_write(int file, const void *bytes, size_t length);
ssize_t __wrap_write(int file, const void *bytes, size_t length);
ssize_t __wrap_write(int file, const void *bytes, size_t length)
{
    if (fail_write_with != 0) {
        errno = fail_write_with;
        return -1;
    }
    if (interrupt_once) {
        interrupt_once = false;
        short_once = true;
        errno = EINTR;
        return -1;
    }
    if (short_once) {
        short_once = false;
        length = (length + 1) / 2;
    }
    return __real_write(file, bytes, length);
}

int __real_fsync(int file);
int __wrap_fsync(int file);
int __wrap_fsync(int file)
{
    errno = fail_fsync_with;
    return fail_fsync_with != 0 ? -1 : __real_fsync(file);
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
    if (kill_at_rename) {
        _exit(9);
    }
    errno = fail_rename_with;
    return fail_rename_with != 0 ? -1 : __real_rename(from, to);
}

static bool may_allocate(void)
{
    if (allocations_left == 0) {
        errno = ENOMEM;
        return false;
    }
    allocations_left -= allocations_left > 0;
    return true;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return may_allocate() ? __real_malloc(size) : NULL;
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    return may_allocate() ? __real_calloc(count, size) : NULL;
}

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
    return may_allocate() ? __real_realloc(memory, size) : NULL;
}

char *__real_strdup(const char *string);
char *__wrap_strdup(const char *string);
char *__wrap_strdup(const char *string)
{
    return may_allocate() ? __real_strdup(string) : NULL;
}

RS_PRINTF(2, 3) int __wrap_asprintf(char **text, const char *format, ...);
int __wrap_asprintf(char **text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = may_allocate() ? vasprintf(text, format, args) : -1;
    va_end(args);
    return length;
}

/* ---- a folder of its own --------------------------------------------------------------------- */

static char folder[] = "/tmp/ringscope-out-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/file", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder); /* fails where anything was left behind */
}

static size_t read_file(char *bytes, size_t size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t length = fread(bytes, 1, size, file);
    fclose(file);
    return length;
}

static void put_file(const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* ---- texts ----------------------------------------------------------------------------------- */

static const struct {
    rs_text raw;
    const char *json;
    const char *csv; /* NULL: as it stands */
} texts[] = {
    {TEXT("u1"), "\"u1\"", NULL},
    {TEXT(""), "\"\"", "\"\""},
    {TEXT("a\"b\\c"), "\"a\\\"b\\\\c\"", "\"a\"\"b\\c\""},
    {TEXT("\"\""), "\"\\\"\\\"\"", "\"\"\"\"\"\""},
    {TEXT("a,b"), "\"a,b\"", "\"a,b\""},
    {TEXT("a\r\nb"), "\"a\\r\\nb\"", "\"a\r\nb\""},
    {TEXT("\b\t\v\f\x7f"), "\"\\b\\t\\u000b\\f\\u007f\"", NULL},
    {TEXT("\x1b[31mred"), "\"\\u001b[31mred\"", NULL},
    {TEXT("<script>alert('x')</script>"), "\"<script>alert('x')</script>\"", NULL},
    {TEXT("\xE2\x80\xAE"
          "rtl"),
     "\"\\u202ertl\"", NULL},
    {TEXT("\xE2\x80\xA8"
          "line"),
     "\"\\u2028line\"", NULL},
    {TEXT("\xC2\x9B"
          "31m"),
     "\"\\u009b31m\"", NULL},
    {TEXT("\xEF\xBB\xBF"
          "bom"),
     "\"\\ufeffbom\"", NULL},
    {TEXT("\xE5\xBC\xA0\xE4\xB8\x89"), "\"\xE5\xBC\xA0\xE4\xB8\x89\"", NULL},
    {TEXT("\xF0\x9F\x98\x80"), "\"\xF0\x9F\x98\x80\"", NULL},
    {TEXT("bad\xFFtail\xE5\xBC"), "\"bad\xEF\xBF\xBDtail\xEF\xBF\xBD\xEF\xBF\xBD\"", NULL},
    {TEXT("=cmd|' /C calc'!A0"), "\"=cmd|' /C calc'!A0\"", NULL},
};

static void writes_texts_as_json_and_csv_have_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        rsi_out *out = NULL;
        rs_error err;
        char expected[200];
        char found[200];
        assert_int_equal(rsi_out_open(&out, path, &err), RS_OK);
        rsi_out_json(out, texts[i].raw);
        rsi_out_string(out, "|");
        rsi_out_csv(out, texts[i].raw);
        assert_int_equal(rsi_out_commit(out, &err), RS_OK);
        rsi_out_close(out);
        int length = snprintf(expected, sizeof expected, "%s|%s", texts[i].json,
                              texts[i].csv != NULL ? texts[i].csv : texts[i].raw.bytes);
        assert_int_equal(read_file(found, sizeof found), length);
        assert_memory_equal(found, expected, (size_t)length);
    }
}

/* Every byte pair, through the strict reader and back. */
static void writes_json_that_reads_back_byte_for_byte(void **state)
{
    (void)state;
    static const char *const characters[] = {"\x01",
                                             "\"",
                                             "\\",
                                             "\n",
                                             "/",
                                             "a",
                                             "\x7f",
                                             "\xC2\x85",
                                             "\xC3\xA9",
                                             "\xE2\x80\xAE",
                                             "\xE2\x81\xA6",
                                             "\xEF\xBF\xBF",
                                             "\xF4\x8F\xBF\xBF"};
    enum { COUNT = sizeof characters / sizeof *characters };
    rsi_json *json = NULL;
    assert_int_equal(rsi_json_new(&json, NULL), RS_OK);
    for (size_t a = 0; a <= COUNT; a++) {
        for (size_t b = 0; b < COUNT; b++) {
            char raw[16];
            char file[64];
            rsi_out *out = NULL;
            size_t first = a < COUNT ? strlen(characters[a]) : 1; /* a == COUNT: a NUL */
            memcpy(raw, a < COUNT ? characters[a] : "", first);
            memcpy(raw + first, characters[b], strlen(characters[b]));
            size_t length = first + strlen(characters[b]);
            assert_int_equal(rsi_out_open(&out, path, NULL), RS_OK);
            rsi_out_json(out, (rs_text){raw, length});
            assert_int_equal(rsi_out_commit(out, NULL), RS_OK);
            rsi_out_close(out);
            rs_text back;
            rsi_json_start(json, file, read_file(file, sizeof file));
            assert_int_equal(rsi_json_next(json, &back), RSI_JSON_STRING);
            assert_int_equal(back.length, length);
            assert_memory_equal(back.bytes, raw, length);
        }
    }
    rsi_json_free(json);
}

static void writes_numbers_and_times(void **state)
{
    (void)state;
    rsi_out *out = NULL;
    char found[200];
    assert_int_equal(rsi_out_open(&out, path, NULL), RS_OK);
    const uint32_t millionths[] = {0, 1, 10, 123456, 930000, 999999, 1000000, 12345678, UINT32_MAX};
    for (size_t i = 0; i < sizeof millionths / sizeof *millionths; i++) {
        rsi_out_millionths(out, millionths[i]);
        rsi_out_string(out, " ");
    }
    rsi_out_count(out, 0);
    rsi_out_string(out, " ");
    rsi_out_count(out, UINT64_MAX);
    rsi_out_string(out, " ");
    rsi_out_time(out, 1767225600);
    rsi_out_string(out, " ");
    rsi_out_date(out, -1);
    assert_int_equal(rsi_out_commit(out, NULL), RS_OK);
    rsi_out_close(out);
    found[read_file(found, sizeof found - 1)] = '\0';
    assert_string_equal(found,
                        "0.000000 0.000001 0.000010 0.123456 0.930000 0.999999 1.000000 12.345678 "
                        "4294.967295 0 18446744073709551615 2026-01-01T00:00:00Z 1969-12-31");
}

/* ---- files ----------------------------------------------------------------------------------- */

/* 300 kB in pieces of changing size: more than a buffer, borders everywhere. */
static rs_status write_much(rs_error *err)
{
    rsi_out *out = NULL;
    rs_status status = rsi_out_open(&out, path, err);
    if (status != RS_OK) {
        return status;
    }
    char piece[1000];
    memset(piece, 'x', sizeof piece);
    for (size_t i = 0; i < 600; i++) {
        rsi_out_bytes(out, piece, i % 7 == 0 ? 0 : i % sizeof piece);
    }
    status = rsi_out_commit(out, err);
    rsi_out_close(out);
    return status;
}

static const size_t MUCH = 154115; /* the sum of those lengths */

static void writes_all_bytes_whatever_the_pieces(void **state)
{
    (void)state;
    static char found[400000];
    interrupt_once = true;
    assert_int_equal(write_much(NULL), RS_OK);
    assert_int_equal(read_file(found, sizeof found), MUCH);
    for (size_t i = 0; i < MUCH; i++) {
        assert_int_equal(found[i], 'x');
    }
}

/* Three parts, the second beyond any buffer, between pieces of the file's own. */
static rs_status write_parts(rs_error *err)
{
    static char piece[200000];
    rsi_out *out = NULL;
    rsi_out *part = NULL;
    memset(piece, 'y', sizeof piece);
    rs_status status = rsi_out_open(&out, path, err);
    if (status == RS_OK) {
        status = rsi_out_open_part(&part, err);
    }
    for (size_t i = 0; i < 3 && status == RS_OK; i++) {
        rsi_out_string(out, "<");
        rsi_out_string(part, "(");
        rsi_out_bytes(part, piece, i == 1 ? sizeof piece : 0);
        rsi_out_string(part, ")");
        rsi_out_add_part(out, part);
        rsi_out_string(out, ">");
    }
    if (status == RS_OK) {
        status = rsi_out_commit(out, err);
    }
    if (status == RS_OK) {
        assert_int_equal(rsi_out_written(out), sizeof piece + 12);
    }
    rsi_out_close(part);
    rsi_out_close(out);
    return status;
}

static void puts_parts_in_the_order_in_which_they_are_added(void **state)
{
    (void)state;
    static char found[400000];
    assert_int_equal(write_parts(NULL), RS_OK);
    assert_int_equal(read_file(found, sizeof found), 200012);
    assert_memory_equal(found, "<()><(y", 7);
    assert_memory_equal(found + 200003, "yyy)><()>", 9);
}

static void tells_of_a_part_that_had_no_memory(void **state)
{
    (void)state;
    rs_status status = RS_ENOMEM;
    int allowed = 0;
    for (; status == RS_ENOMEM; allowed++) {
        allocations_left = allowed;
        status = write_parts(NULL);
        allocations_left = -1;
    }
    assert_int_equal(status, RS_OK);
    assert_true(allowed > 4);
}

static void leaves_the_old_file_where_a_call_fails(void **state)
{
    (void)state;
    const struct {
        int *failure;
        int error;
        const char *message;
    } rows[] = {
        {&fail_write_with, ENOSPC, "write: No space left on device"},
        {&fail_write_with, EIO, "write: Input/output error"},
        {&fail_fsync_with, EIO, "sync: Input/output error"},
        {&fail_rename_with, EXDEV, "rename: Invalid cross-device link"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rs_error err;
        char found[16] = "";
        put_file("before");
        *rows[i].failure = rows[i].error;
        rs_status status = write_much(&err);
        *rows[i].failure = 0;
        assert_int_equal(status, RS_EIO);
        assert_non_null(strstr(err.message, rows[i].message));
        assert_non_null(strstr(err.message, path));
        assert_int_equal(read_file(found, sizeof found), 6);
        assert_memory_equal(found, "before", 6);
    }
}

static void leaves_the_old_file_where_the_process_is_killed(void **state)
{
    (void)state;
    char found[16] = "";
    put_file("before");
    pid_t child = fork();
    if (child == 0) {
        kill_at_rename = true;
        (void)write_much(NULL);
        _exit(0);
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(WEXITSTATUS(result), 9);
    assert_int_equal(read_file(found, sizeof found), 6);
    char left[128];
    snprintf(left, sizeof left, "%s/.file.%ld.tmp", folder, (long)child);
    assert_int_equal(unlink(left), 0);
}

static void survives_every_failed_allocation(void **state)
{
    (void)state;
    rs_status status = RS_ENOMEM;
    put_file("before");
    int allowed = 0;
    for (; status == RS_ENOMEM; allowed++) {
        allocations_left = allowed;
        status = write_much(NULL);
        allocations_left = -1;
    }
    assert_int_equal(status, RS_OK);
    assert_true(allowed > 1);
}

static void tells_why_a_file_cannot_be_made(void **state)
{
    (void)state;
    const struct {
        const char *path;
        rs_status status;
        const char *message;
    } rows[] = {
        {"/nowhere/at/all", RS_EIO,
         "\"/nowhere/at/all\": open for writing: No such file or directory"},
        {"/tmp", RS_EUSAGE, "\"/tmp\": open for writing: Is a directory"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rsi_out *out = NULL;
        rs_error err;
        assert_int_equal(rsi_out_open(&out, rows[i].path, &err), rows[i].status);
        assert_string_equal(err.message, rows[i].message);
        assert_null(out);
    }
}

static void writes_into_devices_and_through_links(void **state)
{
    (void)state;
    rsi_out *out = NULL;
    rs_error err;
    char link_path[64];
    char found[16];
    struct stat now;
    assert_int_equal(rsi_out_open(&out, "/dev/full", &err), RS_OK);
    rsi_out_string(out, "x");
    assert_int_equal(rsi_out_commit(out, &err), RS_EIO);
    assert_string_equal(err.message, "\"/dev/full\": write: No space left on device");
    rsi_out_close(out);

    put_file("before");
    snprintf(link_path, sizeof link_path, "%s/link", folder);
    assert_int_equal(symlink("file", link_path), 0);
    assert_int_equal(rsi_out_open(&out, link_path, &err), RS_OK);
    rsi_out_string(out, "after");
    assert_int_equal(rsi_out_commit(out, &err), RS_OK);
    rsi_out_close(out);
    assert_int_equal(lstat(link_path, &now), 0);
    assert_true(S_ISLNK(now.st_mode));
    assert_int_equal(read_file(found, sizeof found), 5);

    unlink(path); /* a link to what is not there yet */
    assert_int_equal(rsi_out_open(&out, link_path, &err), RS_OK);
    rsi_out_string(out, "anew");
    assert_int_equal(rsi_out_commit(out, &err), RS_OK);
    rsi_out_close(out);
    assert_int_equal(lstat(link_path, &now), 0);
    assert_true(S_ISLNK(now.st_mode));
    assert_int_equal(read_file(found, sizeof found), 4);
    unlink(link_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_texts_as_json_and_csv_have_them),
        cmocka_unit_test(writes_json_that_reads_back_byte_for_byte),
        cmocka_unit_test(writes_numbers_and_times),
        cmocka_unit_test(writes_all_bytes_whatever_the_pieces),
        cmocka_unit_test(leaves_the_old_file_where_a_call_fails),
        cmocka_unit_test(leaves_the_old_file_where_the_process_is_killed),
        cmocka_unit_test(puts_parts_in_the_order_in_which_they_are_added),
        cmocka_unit_test(tells_of_a_part_that_had_no_memory),
        cmocka_unit_test(survives_every_failed_allocation),
        cmocka_unit_test(tells_why_a_file_cannot_be_made),
        cmocka_unit_test(writes_into_devices_and_through_links),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
