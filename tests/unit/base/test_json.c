/* JSON by RFC 8259: what must be accepted, what must be rejected, and where it is said to be wrong.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: calloc realloc */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static int allowed = -1; /* allocations until one fails; -1: none does */

static int refused(void)
{
    return allowed >= 0 && allowed-- == 0;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refused() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return refused() ? NULL : __real_realloc(old, size);
}

#define TEXT(bytes) bytes, sizeof(bytes) - 1

static void accepts_what_the_grammar_allows(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
    } rows[] = {
        {TEXT("{}")},
        {TEXT("[]")},
        {TEXT(" [ ] ")},
        {TEXT("\t\r\n{ \"a\" : 1 }\n")},
        {TEXT("\"text\"")},
        {TEXT("0")},
        {TEXT("-0")},
        {TEXT("-0.0e-0")},
        {TEXT("1E+2")},
        {TEXT("123.456e78")},
        {TEXT("123123123123123123123123123123")},
        {TEXT("1e999999999")},
        {TEXT("true")},
        {TEXT("false")},
        {TEXT("null")},
        {TEXT("[1,2,[3,{\"a\":[]}]]")},
        {TEXT("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uD834\\uDD1E\\uFFFF\"]")},
        {TEXT("[\"\xF0\x9F\x98\x80\x7F\"]")},
        {TEXT("{\"a\":{\"a\":1},\"b\":{\"a\":1}}")},
        {TEXT("[{\"a\":1},{\"a\":1}]")},
        {TEXT("{\"\":0}")},
        {TEXT("{\"a\\u0000b\":1,\"a\":2}")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rs_error err = {0};
        rs_status status = rsi_json_check("doc", rows[i].bytes, rows[i].length, &err);
        assert_string_equal(err.message, "");
        assert_int_equal(status, RS_OK);
    }
}

#define VALUE      "expected a value"
#define ENDS       "the document ends where a value is expected"
#define OBJECT_END "expected a comma or the end of the object"
#define ARRAY_END  "expected a comma or the end of the array"
#define BEHIND     "text behind the document"
#define KEY        "expected a key in quotes"
#define OPEN       "string is not closed"
#define CONTROL    "control character in a string"
#define UTF8       "is not valid UTF-8"
#define HALF       "half of a surrogate pair"
#define HEX        "\\u is not followed by four hexadecimal digits"
#define ESCAPE     "escape that does not exist"

static void rejects_what_it_forbids_and_says_where(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *message;
    } rows[] = {
        {TEXT(""), "1:1: " ENDS},
        {TEXT(" \n "), "2:2: " ENDS},
        {TEXT("["), "1:2: " ENDS},
        {TEXT("[1"), "1:3: " ARRAY_END},
        {TEXT("[1,"), "1:4: " ENDS},
        {TEXT("[1,]"), "1:4: " VALUE},
        {TEXT("[,1]"), "1:2: " VALUE},
        {TEXT("[1,,2]"), "1:4: " VALUE},
        {TEXT("[1 2]"), "1:4: " ARRAY_END},
        {TEXT("[1}"), "1:3: " ARRAY_END},
        {TEXT("]"), "1:1: " VALUE},
        {TEXT("[]]"), "1:3: " BEHIND},
        {TEXT("[]x"), "1:3: " BEHIND},
        {TEXT("{} {}"), "1:4: " BEHIND},
        {TEXT("{"), "1:2: " KEY},
        {TEXT("{\"a\"}"), "1:5: expected a colon behind the key"},
        {TEXT("{\"a\" 1}"), "1:6: expected a colon behind the key"},
        {TEXT("{\"a\"::1}"), "1:6: " VALUE},
        {TEXT("{\"a\":}"), "1:6: " VALUE},
        {TEXT("{\"a\":1,}"), "1:8: " KEY},
        {TEXT("{,\"a\":1}"), "1:2: " KEY},
        {TEXT("{\"a\":1 \"b\":2}"), "1:8: " OBJECT_END},
        {TEXT("{\"a\":1]"), "1:7: " OBJECT_END},
        {TEXT("{a:1}"), "1:2: " KEY},
        {TEXT("{'a':1}"), "1:2: " KEY},
        {TEXT("{1:1}"), "1:2: " KEY},
        {TEXT("{\"a\":1,\"a\":2}"), "1:8: key stands twice in this object"},
        {TEXT("{\"a\":1,\n \"\\u0061\":2}"), "2:2: key stands twice in this object"},
        {TEXT("01"), "1:1: number with a leading zero"},
        {TEXT("-01"), "1:1: number with a leading zero"},
        {TEXT("[00]"), "1:2: number with a leading zero"},
        {TEXT("2."), "1:3: expected a digit behind the point"},
        {TEXT("2.e3"), "1:3: expected a digit behind the point"},
        {TEXT("-.5"), "1:2: expected a digit"},
        {TEXT(".5"), "1:1: " VALUE},
        {TEXT("+1"), "1:1: " VALUE},
        {TEXT("-"), "1:2: expected a digit"},
        {TEXT("--1"), "1:2: expected a digit"},
        {TEXT("1e"), "1:3: expected a digit in the exponent"},
        {TEXT("1e+"), "1:4: expected a digit in the exponent"},
        {TEXT("1.2.3"), "1:4: " BEHIND},
        {TEXT("0x1F"), "1:2: " BEHIND},
        {TEXT("1_000"), "1:2: " BEHIND},
        {TEXT("NaN"), "1:1: " VALUE},
        {TEXT("Infinity"), "1:1: " VALUE},
        {TEXT("-Infinity"), "1:2: expected a digit"},
        {TEXT("True"), "1:1: " VALUE},
        {TEXT("nul"), "1:1: " VALUE},
        {TEXT("truex"), "1:5: " BEHIND},
        {TEXT("\""), "1:1: " OPEN},
        {TEXT("[\"abc"), "1:2: " OPEN},
        {TEXT("\"a\\"), "1:1: " OPEN},
        {TEXT("\"a\nb\""), "1:3: " CONTROL},
        {TEXT("\"a\tb\""), "1:3: " CONTROL},
        {TEXT("\"a\0b\""), "1:3: " CONTROL},
        {TEXT("\"\x1F\""), "1:2: " CONTROL},
        {TEXT("\"\\x41\""), "1:2: " ESCAPE},
        {TEXT("\"\\'\""), "1:2: " ESCAPE},
        {TEXT("\"\\\0\""), "1:2: " ESCAPE},
        {TEXT("\"\\u12\""), "1:2: " HEX},
        {TEXT("\"\\u12G4\""), "1:2: " HEX},
        {TEXT("\"\\u"), "1:2: " HEX},
        {TEXT("\"\\U0041\""), "1:2: " ESCAPE},
        {TEXT("\"\\uD800\""), "1:2: " HALF},
        {TEXT("\"\\uDC00\""), "1:2: " HALF},
        {TEXT("\"\\uD800\\u0041\""), "1:2: " HALF},
        {TEXT("\"\\uD800\\uD800\""), "1:2: " HALF},
        {TEXT("\"\\uD800\\\""), "1:2: " HALF},
        {TEXT("\"\\uDC00\\uD800\""), "1:2: " HALF},
        {TEXT("\"ab\x80\""), "1:4: " UTF8},
        {TEXT("\"\xC0\xAF\""), "1:2: " UTF8},
        {TEXT("\"\xED\xA0\x80\""), "1:2: " UTF8},
        {TEXT("\"\xF4\x90\x80\x80\""), "1:2: " UTF8},
        {TEXT("\"\xE2\x82\""), "1:2: " UTF8},
        {TEXT("\"\\n\xFF\""), "1:4: " UTF8},
        {TEXT("{\"\xFF\":1}"), "1:3: " UTF8},
        {TEXT("\xEF\xBB\xBF{}"), "1:1: " VALUE},
        {TEXT("\xFF\xFE[\0]\0"), "1:1: " VALUE},
        {TEXT("\f[]"), "1:1: " VALUE},
        {TEXT("[\f]"), "1:2: " VALUE},
        {TEXT("[\v]"), "1:2: " VALUE},
        {TEXT("[\0]"), "1:2: " VALUE},
        {TEXT("[1]\0"), "1:4: " BEHIND},
        {TEXT("[\xC2\xA0]"), "1:2: " VALUE},
        {TEXT("[] // no"), "1:4: " BEHIND},
        {TEXT("/* no */ []"), "1:1: " VALUE},
        {TEXT("'text'"), "1:1: " VALUE},
        {TEXT("text"), "1:1: " VALUE},
        {TEXT("[\n1,\n}"), "3:1: " VALUE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rs_error err = {0};
        char expected[200];
        char *exact = malloc(rows[i].length + 1); /* so that a read beyond the end is seen */
        assert_non_null(exact);
        char *bytes = exact + 1;
        memcpy(bytes, rows[i].bytes, rows[i].length);
        snprintf(expected, sizeof expected, "doc:%s", rows[i].message);
        assert_int_equal(rsi_json_check("doc", bytes, rows[i].length, &err), RS_EINPUT);
        assert_string_equal(err.message, expected);
        free(exact);
    }
}

static void caps_the_depth(void **state)
{
    (void)state;
    static char bytes[200000];
    rs_error err = {0};
    memset(bytes, '[', 100000);
    memset(bytes + 100000, ']', 100000);
    assert_int_equal(rsi_json_check("doc", bytes, 200000, &err), RS_EINPUT);
    assert_string_equal(err.message, "doc:1:513: nested deeper than 512 levels");
    assert_int_equal(rsi_json_check("doc", bytes + 100000 - 512, 1024, &err), RS_OK);
    for (size_t i = 0; i < 100000; i += 5) {
        memcpy(bytes + i, "{\"a\":", 5);
    }
    assert_int_equal(rsi_json_check("doc", bytes, 100000, &err), RS_EINPUT);
    assert_string_equal(err.message, "doc:1:2561: nested deeper than 512 levels");
}

static void keeps_numbers_and_strings_byte_for_byte(void **state)
{
    (void)state;
    static const char bytes[] =
        "{\"id\":12345678901234567890.00,\"t\":\"a\\u0000\\uD83D\\uDE00\\n\"}";
    rsi_json *json = NULL;
    rs_text text;
    assert_int_equal(rsi_json_new(&json, NULL), RS_OK);
    rsi_json_start(json, bytes, sizeof bytes - 1);
    assert_int_equal(rsi_json_next(json, &text), RSI_JSON_OBJECT);
    assert_int_equal(rsi_json_next(json, &text), RSI_JSON_KEY);
    assert_int_equal(rsi_json_next(json, &text), RSI_JSON_NUMBER);
    assert_int_equal(text.length, 23);
    assert_memory_equal(text.bytes, "12345678901234567890.00", 23);
    assert_int_equal(rsi_json_offset(json), 6);
    assert_int_equal(rsi_json_next(json, &text), RSI_JSON_KEY);
    assert_int_equal(rsi_json_next(json, &text), RSI_JSON_STRING);
    assert_int_equal(text.length, 7);
    assert_memory_equal(text.bytes, "a\0\xF0\x9F\x98\x80\n", 7);
    assert_int_equal(rsi_json_next(json, &text), RSI_JSON_OBJECT_END);
    assert_int_equal(rsi_json_next(json, &text), RSI_JSON_END);
    rsi_json_free(json);
}

static void skips_whole_values(void **state)
{
    (void)state;
    static const char bytes[] = "{\"a\":[1,{\"b\":[]},\"]\"],\"c\":7}";
    rsi_json *json = NULL;
    rs_text text;
    assert_int_equal(rsi_json_new(&json, NULL), RS_OK);
    rsi_json_start(json, bytes, sizeof bytes - 1);
    assert_int_equal(rsi_json_next(json, &text), RSI_JSON_OBJECT);
    assert_int_equal(rsi_json_next(json, &text), RSI_JSON_KEY);
    assert_true(rsi_json_skip(json, rsi_json_next(json, &text)));
    assert_int_equal(rsi_json_next(json, &text), RSI_JSON_KEY);
    assert_memory_equal(text.bytes, "c", 1);
    assert_int_equal(rsi_json_next(json, &text), RSI_JSON_NUMBER);
    rsi_json_free(json);
}

/* 100,000 keys in one object: found twice at once, not after a search through all of them. */
static void finds_the_double_among_many_keys(void **state)
{
    (void)state;
    size_t capacity = 100000 * 12 + 100;
    char *bytes = malloc(capacity);
    size_t length = 0;
    rs_error err = {0};
    assert_non_null(bytes);
    for (int i = 0; i < 100000; i++) {
        length += (size_t)snprintf(bytes + length, capacity - length, "%s\"k%d\":%d",
                                   i == 0 ? "{" : ",", i, i % 10);
    }
    memcpy(bytes + length, "}", 1);
    assert_int_equal(rsi_json_check("doc", bytes, length + 1, &err), RS_OK);
    memcpy(bytes + length, ",\"k7\":0}", 8);
    assert_int_equal(rsi_json_check("doc", bytes, length + 8, &err), RS_EINPUT);
    assert_non_null(strstr(err.message, "key stands twice in this object"));
    free(bytes);
}

static void survives_every_failed_allocation(void **state)
{
    (void)state;
    static const char bytes[] = "{\"a\\n\":1,\"b\":[\"\\t\"]}";
    rs_status status = RS_ENOMEM;
    int failures = -1;
    for (int grants = 0; status == RS_ENOMEM; grants++) {
        rs_error err = {0};
        allowed = grants;
        status = rsi_json_check("doc", bytes, sizeof bytes - 1, &err);
        allowed = -1;
        failures++;
    }
    assert_int_equal(status, RS_OK);
    assert_int_equal(failures, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_what_the_grammar_allows),
        cmocka_unit_test(rejects_what_it_forbids_and_says_where),
        cmocka_unit_test(caps_the_depth),
        cmocka_unit_test(keeps_numbers_and_strings_byte_for_byte),
        cmocka_unit_test(skips_whole_values),
        cmocka_unit_test(finds_the_double_among_many_keys),
        cmocka_unit_test(survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
