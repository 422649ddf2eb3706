/* test_width.c - columns of a terminal.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/width.h"

static const struct {
    const char *text;
    size_t columns;
} rows[] = {
    {"", 0},
    {"abc", 3},
    {"\xC3\xA9", 1},                 /* e acute, one character */
    {"e\xCC\x81", 1},                /* e and a combining acute */
    {"\xE5\xBC\xA0\xE4\xB8\x89", 4}, /* two Chinese characters */
    {"\xED\x95\x9C", 2},             /* Hangul */
    {"\xEF\xBD\xB6", 1},             /* half-width katakana */
    {"\xEF\xBC\xA1", 2},             /* full-width A */
    {"\xF0\x9F\x98\x80", 2},         /* an emoji */
    {"\xD0\xB6", 1},                 /* Cyrillic */
    {"a\xE2\x80\x8D"
     "b",
     2}, /* a zero-width joiner */
};

static void measures_wide_narrow_and_joining_characters(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(rsi_columns((rs_text){rows[i].text, strlen(rows[i].text)}),
                         rows[i].columns);
    }
}

static void cuts_between_characters_and_keeps_their_marks(void **state)
{
    (void)state;
    const struct {
        const char *text;
        size_t columns;
        const char *head;
    } cuts[] = {
        {"abc", 2, "ab"},
        {"abc", 3, "abc"},
        {"abc", 0, ""},
        {"\xE5\xBC\xA0\xE4\xB8\x89", 3, "\xE5\xBC\xA0"},
        {"\xE5\xBC\xA0\xE4\xB8\x89", 1, ""},
        {"e\xCC\x81x", 1, "e\xCC\x81"},
    };
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        rs_text head = rsi_cut((rs_text){cuts[i].text, strlen(cuts[i].text)}, cuts[i].columns);
        assert_int_equal(head.length, strlen(cuts[i].head));
        assert_memory_equal(head.bytes, cuts[i].head, head.length);
    }
}

static void never_reads_behind_a_cut_character(void **state)
{
    (void)state;
    const char whole[] = "\xF0\x9F\x98\x80";
    for (size_t length = 1; length < 4; length++) {
        assert_true(rsi_columns((rs_text){whole, length}) <= 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_wide_narrow_and_joining_characters),
        cmocka_unit_test(cuts_between_characters_and_keeps_their_marks),
        cmocka_unit_test(never_reads_behind_a_cut_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
