/* COPY's text form: cut at tabs, backslashes undone, null is empty, whatever bytes come.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "db/copytext.h"

enum { FIELDS = 8 };

static void splits_rows(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        size_t count;
        const char *fields[FIELDS];
    } rows[] = {
        {"", 1, {""}},
        {"a", 1, {"a"}},
        {"a\tb", 2, {"a", "b"}},
        {"\t", 2, {"", ""}},
        {"\\N", 1, {""}},
        {"\\N\tx\t\\N", 3, {"", "x", ""}},
        {"\\\\N", 1, {"\\N"}},
        {"\\NN", 1, {"NN"}},
        {"a\\tb\tc\\nd\\re", 2, {"a\tb", "c\nd\re"}},
        {"\\b\\f\\v\\\\", 1, {"\b\f\v\\"}},
        {"\\.", 1, {"."}},
        {"end\\", 1, {"end\\"}},
        {"\\\\\t\\\\", 2, {"\\", "\\"}},
        {"\xEF\xBB\xBFmark", 1, {"\xEF\xBB\xBFmark"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rs_text fields[FIELDS];
        char text[64];
        size_t used = 0;
        size_t length = strlen(rows[i].row);
        assert_int_equal(rsi_copytext_split(rows[i].row, length, fields, FIELDS, text, &used),
                         rows[i].count);
        assert_true(used <= length);
        for (size_t j = 0; j < rows[i].count; j++) {
            assert_int_equal(fields[j].length, strlen(rows[i].fields[j]));
            assert_memory_equal(fields[j].bytes, rows[i].fields[j], fields[j].length);
        }
    }
}

static void counts_fields_beyond_its_room(void **state)
{
    (void)state;
    rs_text fields[2] = {{NULL, 0}, {NULL, 0}};
    char text[16];
    size_t used = 0;
    assert_int_equal(rsi_copytext_split("a\tb\tc\td", 7, fields, 1, text, &used), 4);
    assert_null(fields[1].bytes);
}

/* Write a field as the server does. */
static size_t escape(const char *bytes, size_t length, char *out)
{
    static const char special[] = "\b\f\n\r\t\v\\";
    static const char letters[] = "bfnrtv\\";
    size_t made = 0;
    for (size_t i = 0; i < length; i++) {
        const char *found = bytes[i] == '\0' ? NULL : strchr(special, bytes[i]);
        if (found != NULL) {
            out[made++] = '\\';
        }
        out[made++] = found != NULL ? letters[found - special] : bytes[i];
    }
    return made;
}

static void gives_back_what_was_written(void **state)
{
    (void)state;
    rsi_random random;
    rsi_random_seed(&random, 11, 0);
    for (int round = 0; round < 20000; round++) {
        char fields[FIELDS][16], row[FIELDS * 33];
        size_t lengths[FIELDS], length = 0, used = 0;
        size_t count = 1 + rsi_random_below(&random, FIELDS);
        for (size_t i = 0; i < count; i++) {
            static const char letters[] = "ab\\\t\n\rN\b\v\f\0\xC3\xA9";
            lengths[i] = rsi_random_below(&random, 16);
            for (size_t j = 0; j < lengths[i]; j++) {
                fields[i][j] = letters[rsi_random_below(&random, (uint32_t)sizeof letters - 1)];
            }
            if (i > 0) {
                row[length++] = '\t';
            }
            length += escape(fields[i], lengths[i], row + length);
        }
        assert_null(memchr(row, '\n', length)); /* a row is a line */
        /* Exactly as large as promised, so that the sanitizer sees a byte beyond. */
        char *exact = malloc(length + 1);
        char *room = malloc(length + 1);
        rs_text got[FIELDS];
        assert_non_null(exact);
        assert_non_null(room);
        memcpy(exact, row, length);
        assert_int_equal(rsi_copytext_split(exact, length, got, FIELDS, room, &used), count);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(got[i].length, lengths[i]);
            assert_memory_equal(got[i].bytes, fields[i], lengths[i]);
        }
        free(exact);
        free(room);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_rows),
        cmocka_unit_test(counts_fields_beyond_its_room),
        cmocka_unit_test(gives_back_what_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
