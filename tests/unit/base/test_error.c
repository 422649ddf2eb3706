/* test_error.c - messages grow from the inside out, and the cause survives when the line is cut.
 *
 * A test's name finishes "it ...".
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "ringscope/error.h"
#include "ringscope/version.h"

static void records_what_failed(void **state)
{
    (void)state;
    rs_error err = {.status = RS_OK};
    assert_int_equal(rs_fail(&err, RS_EIO, "\"%s\": no such file", "a.csv"), RS_EIO);
    assert_int_equal(err.status, RS_EIO);
    assert_string_equal(err.message, "\"a.csv\": no such file");
}

static void puts_the_context_before_the_cause(void **state)
{
    (void)state;
    rs_error err = {.status = RS_OK};
    rs_status status = rs_fail(&err, RS_ECORRUPT, "version 9 is not supported");
    status = rs_context(&err, status, "header");
    status = rs_context(&err, status, "store \"%s\"", "may");
    assert_int_equal(status, RS_ECORRUPT);
    assert_string_equal(err.message, "store \"may\": header: version 9 is not supported");
}

static void adds_no_context_to_success(void **state)
{
    (void)state;
    rs_error err = {.status = RS_OK};
    assert_int_equal(rs_context(&err, RS_OK, "header"), RS_OK);
    assert_string_equal(err.message, "");
}

static void works_without_a_place_for_the_message(void **state)
{
    (void)state;
    assert_int_equal(rs_fail(NULL, RS_ENOMEM, "out of memory"), RS_ENOMEM);
    assert_int_equal(rs_context(NULL, RS_ENOMEM, "store"), RS_ENOMEM);
}

/* For all lengths of both parts the line is whole, ends, and holds as much of the cause as fits. */
static void keeps_the_cause_when_the_line_is_cut(void **state)
{
    (void)state;
    enum { SIZE = sizeof((rs_error *)NULL)->message };
    static char long_text[SIZE + 200];
    static const size_t lengths[] = {0, 1, 20, SIZE - 30, SIZE - 3, SIZE - 2, SIZE - 1, SIZE + 100};
    size_t count = sizeof lengths / sizeof *lengths;
    for (size_t i = 0; i < count * count; i++) {
        size_t cause = lengths[i / count], context = lengths[i % count];
        rs_error err;
        memset(&err, 'x', sizeof err);
        memset(long_text, 'c', sizeof long_text);
        rs_status status = rs_fail(&err, RS_EIO, "%.*s", (int)cause, long_text);
        memset(long_text, 'p', sizeof long_text);
        rs_context(&err, status, "%.*s", (int)context, long_text);
        size_t length = strnlen(err.message, SIZE);
        assert_in_range(length, 0, SIZE - 1);
        size_t kept = strspn(err.message, "p");
        assert_memory_equal(err.message + kept, ": ", 2);
        size_t cause_kept = strspn(err.message + kept + 2, "c");
        assert_int_equal(kept + 2 + cause_kept, length);
        assert_int_equal(cause_kept, cause < SIZE - 3 ? cause : SIZE - 3);
        size_t context_fits = SIZE - 1 - 2 - cause_kept;
        assert_int_equal(kept, context < context_fits ? context : context_fits);
    }
}

static void tells_the_release(void **state)
{
    (void)state;
    char expected[40];
    snprintf(expected, sizeof expected, "%d.%d.%d", RS_VERSION_MAJOR, RS_VERSION_MINOR,
             RS_VERSION_PATCH);
    assert_string_equal(rs_version(), expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_what_failed),
        cmocka_unit_test(puts_the_context_before_the_cause),
        cmocka_unit_test(adds_no_context_to_success),
        cmocka_unit_test(works_without_a_place_for_the_message),
        cmocka_unit_test(keeps_the_cause_when_the_line_is_cut),
        cmocka_unit_test(tells_the_release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
