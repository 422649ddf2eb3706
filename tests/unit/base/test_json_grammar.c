/* test_json_grammar.c - the JSON reader against the grammar of RFC 8259 itself, on every short
 * text.
 *
 * The reference below is the RFC's ABNF, one function a rule, with no regard for speed. Every text
 * up to some length over alphabets that bring out numbers, structure, words and strings is held
 * against it: leading zeros, "2.e3", "-.", raw control characters, halves of surrogate pairs, marks
 * of byte order, text behind the end and whatever else such a text can be is in there by itself.
 *
 * A test's name finishes "it ...".
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

/* ---- the grammar ----------------------------------------------------------------------------- */

typedef struct text {
    const unsigned char *at;
    const unsigned char *end;
} text;

static bool value(text *t);

static bool take(text *t, const char *set)
{
    bool taken = t->at < t->end && *t->at != '\0' && strchr(set, *t->at) != NULL;
    t->at += taken;
    return taken;
}

static void ws(text *t)
{
    while (take(t, " \t\n\r")) {
    }
}

static bool word(text *t, const char *letters)
{
    for (; *letters != '\0'; letters++) {
        char one[2] = {*letters, '\0'};
        if (!take(t, one)) {
            return false;
        }
    }
    return true;
}

static bool digits(text *t)
{
    bool any = false;
    while (take(t, "0123456789")) {
        any = true;
    }
    return any;
}

/* number = [ minus ] int [ frac ] [ exp ] */
static bool number(text *t)
{
    take(t, "-");
    if (!take(t, "0") && !(take(t, "123456789") && (digits(t), true))) {
        return false;
    }
    if (take(t, ".") && !digits(t)) {
        return false;
    }
    if (take(t, "eE")) {
        take(t, "+-");
        return digits(t);
    }
    return true;
}

static bool hex4(text *t, unsigned *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; i++) {
        if (t->at == t->end || strchr("0123456789abcdefABCDEF", *t->at) == NULL || *t->at == '\0') {
            return false;
        }
        char one[2] = {(char)*t->at++, '\0'};
        *unit = 16 * *unit + (unsigned)strtoul(one, NULL, 16);
    }
    return true;
}

/* What this reader asks beyond the grammar: surrogates come in pairs. */
static bool escape(text *t)
{
    unsigned unit;
    unsigned low;
    if (take(t, "\"\\/bfnrt")) {
        return true;
    }
    if (!take(t, "u") || !hex4(t, &unit) || (unit >= 0xDC00 && unit <= 0xDFFF)) {
        return false;
    }
    return unit < 0xD800 || unit > 0xDBFF ||
           (word(t, "\\u") && hex4(t, &low) && low >= 0xDC00 && low <= 0xDFFF);
}

/* One character of UTF-8, by the table of RFC 3629. */
static bool character(text *t)
{
    static const struct {
        unsigned char first[2], second[2];
        size_t length;
    } rows[] = {{{0x20, 0x7F}, {0, 0}, 1},       {{0xC2, 0xDF}, {0x80, 0xBF}, 2},
                {{0xE0, 0xE0}, {0xA0, 0xBF}, 3}, {{0xE1, 0xEC}, {0x80, 0xBF}, 3},
                {{0xED, 0xED}, {0x80, 0x9F}, 3}, {{0xEE, 0xEF}, {0x80, 0xBF}, 3},
                {{0xF0, 0xF0}, {0x90, 0xBF}, 4}, {{0xF1, 0xF3}, {0x80, 0xBF}, 4},
                {{0xF4, 0xF4}, {0x80, 0x8F}, 4}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        bool fits = (size_t)(t->end - t->at) >= rows[r].length && t->at[0] >= rows[r].first[0] &&
                    t->at[0] <= rows[r].first[1];
        if (fits && rows[r].length > 1) {
            fits = t->at[1] >= rows[r].second[0] && t->at[1] <= rows[r].second[1];
        }
        for (size_t i = 2; fits && i < rows[r].length; i++) {
            fits = t->at[i] >= 0x80 && t->at[i] <= 0xBF;
        }
        if (fits) {
            t->at += rows[r].length;
            return true;
        }
    }
    return false;
}

static bool string(text *t)
{
    if (!take(t, "\"")) {
        return false;
    }
    while (!take(t, "\"")) {
        if (take(t, "\\") ? !escape(t) : !character(t)) {
            return false;
        }
    }
    return true;
}

static bool member(text *t)
{
    ws(t);
    bool key = string(t);
    ws(t);
    return key && take(t, ":") && value(t);
}

/* begin, then elements with commas between, then end; all with white space around. */
static bool list(text *t, const char *end, bool (*element)(text *))
{
    ws(t);
    if (take(t, end)) {
        return true;
    }
    do {
        if (!element(t)) {
            return false;
        }
        ws(t);
    } while (take(t, ","));
    return take(t, end);
}

static bool value(text *t)
{
    ws(t);
    bool good = t->at == t->end ? false
                : *t->at == '"' ? string(t)
                : *t->at == 't' ? word(t, "true")
                : *t->at == 'f' ? word(t, "false")
                : *t->at == 'n' ? word(t, "null")
                : take(t, "[")  ? list(t, "]", value)
                : take(t, "{")  ? list(t, "}", member)
                                : number(t);
    ws(t);
    return good;
}

static bool is_json(const char *bytes, size_t length)
{
    text t = {(const unsigned char *)bytes, (const unsigned char *)bytes + length};
    return value(&t) && t.at == t.end;
}

/* ---- every short text ------------------------------------------------------------------------ */

typedef struct alphabet {
    const char *const *letters; /* ends with NULL; "" is a NUL byte */
    const char *before;
    const char *after;
    size_t letters_max;
} alphabet;

typedef struct tally {
    size_t accepted;
    size_t rejected;
} tally;

static void compare(const char *bytes, size_t length, tally *seen)
{
    char *exact = malloc(length + 1); /* so that a read beyond the end is seen */
    assert_non_null(exact);
    memcpy(exact + 1, bytes, length);
    rs_error err = {0};
    bool good = rsi_json_check("doc", exact + 1, length, &err) == RS_OK;
    if (good != is_json(bytes, length)) {
        fail_msg("\"%.*s\": %s", (int)length, bytes, good ? "accepted" : err.message);
    }
    assert_true(good || strncmp(err.message, "doc:", 4) == 0);
    seen->accepted += good;
    seen->rejected += !good;
    free(exact);
}

static void extend(const alphabet *a, char *bytes, size_t length, size_t letters, tally *seen)
{
    size_t after = strlen(a->after);
    memcpy(bytes + length, a->after, after);
    compare(bytes, length + after, seen);
    for (size_t i = 0; letters < a->letters_max && a->letters[i] != NULL; i++) {
        size_t more = a->letters[i][0] == '\0' ? 1 : strlen(a->letters[i]);
        memcpy(bytes + length, a->letters[i], more);
        extend(a, bytes, length + more, letters + 1, seen);
    }
}

static tally try_all(const alphabet *a)
{
    char bytes[128];
    tally seen = {0};
    memcpy(bytes, a->before, strlen(a->before));
    extend(a, bytes, strlen(a->before), 0, &seen);
    return seen;
}

static void agrees_with_the_grammar_on_every_short_number(void **state)
{
    (void)state;
    static const char *const letters[] = {"-", "+", ".", "0", "1", "e", "E", NULL};
    const alphabet rows[] = {
        {letters, "", "", 6}, {letters, "[", "]", 5}, {letters, "{\"a\":", "}", 4}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tally seen = try_all(&rows[i]);
        assert_true(seen.accepted > 50 && seen.rejected > seen.accepted);
    }
}

static void agrees_with_the_grammar_on_every_short_structure(void **state)
{
    (void)state;
    static const char *const letters[] = {"[", "]", "{", "}", ",", ":", "\"", "0", " ", NULL};
    static const char *const parts[] = {"[", "]", "{", "}", ",", ":", "\"a\"", "\"b\"", "[]", NULL};
    const alphabet rows[] = {{letters, "", "", 5}, {parts, "", "", 5}, {parts, "{\"x\":", "}", 4}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tally seen = try_all(&rows[i]);
        assert_true(seen.accepted > 4 && seen.rejected > seen.accepted);
    }
}

static void agrees_with_the_grammar_on_words_white_space_and_strangers(void **state)
{
    (void)state;
    static const char *const letters[] = {"true",     "false",    "null",
                                          "tru",      "nulL",     " ",
                                          "\t",       "\n",       "\r",
                                          "\f",       "\v",       "",
                                          "\x1F",     "\x7F",     "\xEF\xBB\xBF",
                                          "\xFF\xFE", "\xC2\xA0", "\xE2\x81\xA0",
                                          "//",       "/**/",     "#",
                                          "'",        "N",        "a",
                                          "1",        NULL};
    const alphabet rows[] = {{letters, "", "", 3}, {letters, "[", "]", 2}, {letters, "[1]", "", 2}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tally seen = try_all(&rows[i]);
        assert_true(seen.accepted > 4 && seen.rejected > seen.accepted);
    }
}

static void agrees_with_the_grammar_on_every_short_string(void **state)
{
    (void)state;
    static const char *const letters[] = {
        "a",       "\\",      "\"",      "/",        "n",        "u",        "x",    "0",
        "\\uD834", "\\uDD1E", "\\u00e9", "\\u00G0",  "\\ud8",    "",         "\t",   "\x1F",
        "\x7F",    "\x80",    "\xC0",    "\xC3\xA9", "\xE2\x82", "\xED\xA0", "\xAC", NULL};
    const alphabet rows[] = {{letters, "\"", "\"", 4}, {letters, "{\"", "\":0}", 3}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tally seen = try_all(&rows[i]);
        assert_true(seen.accepted > 500 && seen.rejected > seen.accepted);
    }
}

static void agrees_with_the_grammar_on_every_byte_in_every_place(void **state)
{
    (void)state;
    static const char *const texts[] = {"{\"a\":[1,-2.5e+3,true]}", "[\"\\u00e9\\n\xC3\xA9\",null]",
                                        " [ 0 , { } ] "};
    tally seen = {0};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char bytes[64];
        size_t length = strlen(texts[i]);
        for (size_t at = 0; at <= length; at++) {
            for (int byte = 0; byte < 256; byte++) {
                memcpy(bytes, texts[i], length);
                bytes[at] = (char)byte; /* in place of another, or behind the end */
                compare(bytes, at < length ? length : length + 1, &seen);
                memmove(bytes + at + 1, texts[i] + at, length - at); /* before it */
                compare(bytes, length + 1, &seen);
            }
            compare(texts[i], at, &seen); /* cut */
        }
    }
    assert_true(seen.accepted > 1000 && seen.rejected > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_grammar_on_every_short_number),
        cmocka_unit_test(agrees_with_the_grammar_on_every_short_structure),
        cmocka_unit_test(agrees_with_the_grammar_on_words_white_space_and_strangers),
        cmocka_unit_test(agrees_with_the_grammar_on_every_short_string),
        cmocka_unit_test(agrees_with_the_grammar_on_every_byte_in_every_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
