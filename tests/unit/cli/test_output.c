/* test_output.c - what reaches a terminal, and numbers for people; the meter's lines.
 *
 * A test's name finishes "it ...".
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

typedef void printer(FILE *out, rs_text text);

static void expect(printer *print, const char *bytes, size_t length, const char *expected)
{
    char *got = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&got, &size);
    assert_non_null(stream);
    print(stream, (rs_text){.bytes = bytes, .length = length});
    fclose(stream);
    assert_string_equal(got, expected);
    free(got);
}

static void keeps_control_characters_off_the_terminal(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *expected;
    } rows[] = {
        {"plain", 5, "plain"},
        {"J\xC3\xBCrgen", 7, "J\xC3\xBCrgen"},
        {"\x1B[31mred", 8, "\\x1B[31mred"},
        {"a\0b", 3, "a\\x00b"},
        {"line\nnext", 9, "line\\x0Anext"},
        {"\x7F", 1, "\\x7F"},
        {"\xC2\x9B"
         "1m",
         4, "\\xC2\\x9B1m"},
        {"\xE2\x80\xAE"
         "evil",
         7, "\\xE2\\x80\\xAEevil"},
        {"\xE2\x82\xAC", 3, "\xE2\x82\xAC"},
        {"\xFF\xFE", 2, "\\xFF\\xFE"},
        {"a\xC3", 2, "a\\xC3"},
        {"\xED\xA0\x80", 3, "\\xED\\xA0\\x80"},
        {"\xF0\x9F\x92\xB3", 4, "\xF0\x9F\x92\xB3"},
        {"", 0, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        expect(rsi_print_text, rows[i].bytes, rows[i].length, rows[i].expected);
    }
}

static void writes_json_strings(void **state)
{
    (void)state;
    expect(rsi_print_json_text, "a\"b\\c\n\x7F", 7, "\"a\\\"b\\\\c\\u000a\\u007f\"");
    expect(rsi_print_json_text, "\0", 1, "\"\\u0000\"");
    expect(rsi_print_json_text, "x\xFFy", 3, "\"x\xEF\xBF\xBDy\"");
    expect(rsi_print_json_text, "J\xC3\xBCrgen", 7, "\"J\xC3\xBCrgen\"");
}

static void formats_numbers_for_people(void **state)
{
    (void)state;
    char buffer[RSI_FORMAT_MAX];
    assert_string_equal(rsi_format_count(buffer, 0), "0");
    assert_string_equal(rsi_format_count(buffer, 999), "999");
    assert_string_equal(rsi_format_count(buffer, 1000), "1,000");
    assert_string_equal(rsi_format_count(buffer, UINT64_MAX), "18,446,744,073,709,551,615");
    assert_string_equal(rsi_format_bytes(buffer, 0), "0 B");
    assert_string_equal(rsi_format_bytes(buffer, 999), "999 B");
    assert_string_equal(rsi_format_bytes(buffer, 1000), "1.0 kB");
    assert_string_equal(rsi_format_bytes(buffer, 121000000), "121 MB");
    assert_string_equal(rsi_format_bytes(buffer, 12300000), "12.3 MB");
    assert_string_equal(rsi_format_time(buffer, 0), "1970-01-01T00:00:00Z");
    assert_string_equal(rsi_format_time(buffer, 1772366400), "2026-03-01T12:00:00Z");
    assert_string_equal(rsi_format_time(buffer, INT64_MAX), "9223372036854775807");
}

static void lines_up_columns_by_characters(void **state)
{
    (void)state;
    char *got = NULL;
    size_t size = 0;
    rs_error err = {.status = RS_OK};
    FILE *stream = open_memstream(&got, &size);
    assert_non_null(stream);
    rsi_table *table = rsi_table_new("lrl");
    static const char *const cells[] = {"ring", "n", "who", "R-1", "12", "J\xC3\xBC\x1B", "R-22"};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        rsi_table_cell(table, "%s", cells[i]);
    }
    assert_int_equal(rsi_table_print(table, stream, 2, &err), RS_OK);
    rsi_table_free(table);
    fclose(stream);
    assert_string_equal(got, "  ring   n  who\n"
                             "  R-1   12  J\xC3\xBC\\x1B\n"
                             "  R-22\n");
    free(got);
}

static void reports_each_stage_as_lines_of_json(void **state)
{
    (void)state;
    char *got = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&got, &size);
    assert_non_null(stream);
    rsi_meter *meter = rsi_meter_new(RSI_PROGRESS_JSON, stream);
    for (uint64_t done = 0; done <= 1000; done++) {
        rs_progress now = {.stage = "read", .unit = "rows", .done = done, .total = 1000};
        assert_int_equal(rsi_meter_report(meter, &now), 0);
    }
    rs_progress next = {.stage = "sort", .unit = "edges", .done = 5, .total = 0};
    assert_int_equal(rsi_meter_report(meter, &next), 0);
    rsi_meter_close(meter);
    fclose(stream);
    assert_non_null(
        strstr(got, "{\"stage\":\"read\",\"unit\":\"rows\",\"done\":0,\"total\":1000,"));
    assert_non_null(
        strstr(got, "{\"stage\":\"read\",\"unit\":\"rows\",\"done\":1000,\"total\":1000,"));
    assert_non_null(
        strstr(got, "{\"stage\":\"sort\",\"unit\":\"edges\",\"done\":5,\"total\":null,"));
    size_t lines = 0;
    for (const char *at = got; (at = strchr(at, '\n')) != NULL; at++) {
        lines++;
    }
    assert_in_range(lines, 3, 20); /* paced, not one a report */
    free(got);
}

static void prints_no_progress_where_none_is_wanted(void **state)
{
    (void)state;
    char *got = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&got, &size);
    assert_non_null(stream);
    rsi_meter *meter = rsi_meter_new(RSI_PROGRESS_NONE, stream);
    rs_progress now = {.stage = "read", .unit = "rows", .done = 1, .total = 2};
    assert_int_equal(rsi_meter_report(meter, &now), 0);
    rsi_meter_close(meter);
    fclose(stream);
    assert_string_equal(got, "");
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_control_characters_off_the_terminal),
        cmocka_unit_test(writes_json_strings),
        cmocka_unit_test(formats_numbers_for_people),
        cmocka_unit_test(lines_up_columns_by_characters),
        cmocka_unit_test(reports_each_stage_as_lines_of_json),
        cmocka_unit_test(prints_no_progress_where_none_is_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
