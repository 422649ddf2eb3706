/* temporary.h - files for tests that read files: a new one of some bytes, or new bytes for one.
 *
 * Include it behind cmocka's own headers.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RS_TEST_TEMPORARY_H
#define RS_TEST_TEMPORARY_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEMPORARY_PATH = 64 };

/* A file that was not there, its name ending in `ending`; the test unlinks it. */
static inline void temporary_file(char path[TEMPORARY_PATH], const char *ending, const void *bytes,
                                  size_t length)
{
    snprintf(path, TEMPORARY_PATH, "/tmp/rs_test_XXXXXX%s", ending);
    int file = mkstemps(path, (int)strlen(ending));
    assert_true(file >= 0);
    assert_int_equal(write(file, bytes, length), (ssize_t)length);
    assert_int_equal(close(file), 0);
}

/* What stands at `path`, there or not, is these bytes from now on. */
static inline void temporary_overwrite(const char *path, const void *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

#endif
