/* UTF-8 by RFC 3629.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"

static void finds_the_first_bad_byte(void **state)
{
    (void)state;
    const struct {
        const char *bytes;
        size_t length;
        size_t valid;
    } rows[] = {
        {"", 0, 0},
        {"plain ascii, longer than eight", 30, 30},
        {"a\0b", 3, 3},
        {"\xC3\xA9", 2, 2},
        {"\xE2\x82\xAC", 3, 3},
        {"\xF0\x9F\x98\x80", 4, 4},
        {"\xF4\x8F\xBF\xBF", 4, 4},
        {"\xED\x9F\xBF", 3, 3},
        {"\xEE\x80\x80", 3, 3},
        {"abcdefgh\x80", 9, 8},     /* a tail alone */
        {"\xC0\x80", 2, 0},         /* overlong NUL */
        {"\xC1\xBF", 2, 0},         /* overlong */
        {"\xE0\x9F\xBF", 3, 0},     /* overlong */
        {"\xF0\x8F\xBF\xBF", 4, 0}, /* overlong */
        {"\xED\xA0\x80", 3, 0},     /* surrogate */
        {"\xED\xBF\xBF", 3, 0},     /* surrogate */
        {"\xF4\x90\x80\x80", 4, 0}, /* beyond U+10FFFF */
        {"\xF5\x80\x80\x80", 4, 0},
        {"\xFF", 1, 0},
        {"ab\xE2\x82", 4, 2}, /* cut */
        {"ab\xF0\x9F\x98", 5, 2},
        {"\xE2\x28\xA1", 3, 0},
        {"\xF0\x28\x8C\xBC", 4, 0},
        {"\xF0\x90\x28\xBC", 4, 0},
        {"\xF0\x90\x8C\x28", 4, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(rsi_utf8_valid(rows[i].bytes, rows[i].length), rows[i].valid);
    }
}

static void encodes_what_it_accepts(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        char bytes[4];
        size_t length = rsi_utf8_encode(code, bytes);
        int surrogate = code >= 0xD800 && code <= 0xDFFF;
        assert_int_equal(rsi_utf8_valid(bytes, length), surrogate ? 0 : length);
        assert_int_equal(rsi_utf8_valid(bytes, length - 1), 0); /* no head of a character is one */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_first_bad_byte),
        cmocka_unit_test(encodes_what_it_accepts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
