/* test_file.c - whole files: read to a limit, written whole, put in place of another.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: write */
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
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

static bool writes_nothing;

ssize_t __real_write(int file, const void *bytes, size_t length);
ssize_t __wrap_write(int file, const void *bytes, size_t length);
ssize_t __wrap_write(int file, const void *bytes, size_t length)
{
    return writes_nothing ? 0 : __real_write(file, bytes, length);
}

static char folder[] = "/tmp/ringscope-file-XXXXXX";
static int directory = -1;

static int enter_folder(void **state)
{
    (void)state;
    directory = mkdtemp(folder) == NULL ? -1 : open(folder, O_RDONLY | O_DIRECTORY);
    return directory < 0 ? -1 : 0;
}

static int leave_folder(void **state)
{
    (void)state;
    close(directory);
    return rmdir(folder);
}

static void put(const char *name, const char *text)
{
    bool published = false;
    rsi_buffer bytes = {.bytes = (uint8_t *)(uintptr_t)text, .length = strlen(text)};
    assert_int_equal(rsi_replace(directory, "temporary", name, &bytes, &published, NULL), RS_OK);
    assert_true(published);
}

static void replaces_and_reads_up_to_a_limit(void **state)
{
    (void)state;
    rs_error err;
    rsi_buffer text = {0};
    put("file", "before");
    put("file", "after");
    assert_int_equal(rsi_read_file(directory, "file", 5, &text, &err), RS_OK);
    assert_int_equal(text.length, 5);
    assert_memory_equal(text.bytes, "after", 5);
    text.length = 0;
    assert_int_equal(rsi_read_file(directory, "file", 4, &text, &err), RS_ECORRUPT);
    assert_string_equal(err.message, "at most 4 bytes were expected, found more");
    assert_int_equal(rsi_read_file(directory, "temporary", 9, &text, &err), RS_ENOTFOUND);
    rsi_buffer_free(&text);
    unlinkat(directory, "file", 0);
}

static void says_what_is_wrong_with_a_named_file(void **state)
{
    (void)state;
    rs_error err;
    rsi_buffer text = {0};
    assert_int_equal(rsi_read_named("/nowhere/file", 9, &text, &err), RS_EUSAGE);
    assert_string_equal(err.message, "/nowhere/file: cannot open: No such file or directory");
    assert_int_equal(rsi_read_named("/", 9, &text, &err), RS_EUSAGE);
    assert_string_equal(err.message, "/: is a directory, a file was expected");
    assert_int_equal(rsi_read_named("/dev/zero", 9, &text, &err), RS_EUSAGE);
    assert_string_equal(err.message, "/dev/zero: at most 9 bytes were expected, found more");
    rsi_buffer_free(&text);
}

static void reads_plain_files_alone(void **state)
{
    (void)state;
    rs_error err;
    rsi_buffer text = {0};
    assert_int_equal(mkdirat(directory, "sub", 0777), 0);
    assert_int_equal(mkfifoat(directory, "pipe", 0666), 0);
    assert_int_equal(rsi_read_file(directory, "sub", 9, &text, &err), RS_ECORRUPT);
    assert_int_equal(rsi_read_file(directory, "pipe", 9, &text, &err), RS_ECORRUPT);
    assert_string_equal(err.message, "no plain file");
    rsi_buffer_free(&text);
    unlinkat(directory, "sub", AT_REMOVEDIR);
    unlinkat(directory, "pipe", 0);
}

static void does_not_wait_for_a_write_that_takes_nothing(void **state)
{
    (void)state;
    rs_error err;
    writes_nothing = true;
    rs_status status = rsi_write_all(directory, "x", 1, &err);
    writes_nothing = false;
    assert_int_equal(status, RS_EIO);
    assert_string_equal(err.message, "write: No space left on device");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replaces_and_reads_up_to_a_limit),
        cmocka_unit_test(says_what_is_wrong_with_a_named_file),
        cmocka_unit_test(reads_plain_files_alone),
        cmocka_unit_test(does_not_wait_for_a_write_that_takes_nothing),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
