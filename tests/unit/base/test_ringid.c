/* test_ringid.c - ids of rings depend on as-of time and members, on nothing else.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ringid.h"

#define TEXT(literal) ((rs_text){.bytes = (literal), .length = sizeof(literal) - 1})
#define NAME(type, id)                                                                             \
    {                                                                                              \
        TEXT(type), TEXT(id)                                                                       \
    }

static void stays_the_same_for_ever(void **state)
{
    (void)state;
    rsi_ring_name members[] = {NAME("account", "b"), NAME("account", "a"), NAME("account", "c\0d")};
    char id[RSI_RING_ID_LENGTH + 1];
    rsi_ring_id(1767225600, members, 3, id);
    assert_string_equal(id, "R-4qsfgjvktqqzp");
}

static void does_not_depend_on_the_order_of_members(void **state)
{
    (void)state;
    rsi_ring_name one[] = {NAME("account", "a"), NAME("account", "b"), NAME("person", "a")};
    rsi_ring_name two[] = {NAME("person", "a"), NAME("account", "b"), NAME("account", "a")};
    char first[RSI_RING_ID_LENGTH + 1];
    char second[RSI_RING_ID_LENGTH + 1];
    rsi_ring_id(7, one, 3, first);
    rsi_ring_id(7, two, 3, second);
    assert_string_equal(first, second);
}

static void changes_with_time_type_id_and_border(void **state)
{
    (void)state;
    const struct {
        int64_t as_of;
        rsi_ring_name members[2];
    } rows[] = {
        {7, {NAME("account", "a"), NAME("account", "b")}},
        {8, {NAME("account", "a"), NAME("account", "b")}},
        {INT64_MIN, {NAME("account", "a"), NAME("account", "b")}},
        {7, {NAME("account", "a"), NAME("account", "c")}},
        {7, {NAME("account", "a"), NAME("accoun", "tb")}},
        {7, {NAME("account", "a"), NAME("account", "b\0")}},
        {7, {NAME("account", ""), NAME("account", "ab")}},
    };
    enum { COUNT = sizeof rows / sizeof *rows };
    char ids[COUNT][RSI_RING_ID_LENGTH + 1];
    for (size_t i = 0; i < COUNT; i++) {
        rsi_ring_name members[2];
        memcpy(members, rows[i].members, sizeof members);
        rsi_ring_id(rows[i].as_of, members, 2, ids[i]);
        assert_true(rsi_ring_id_valid((rs_text){ids[i], strlen(ids[i])}));
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(ids[i], ids[k]);
        }
    }
}

static void knows_the_form_of_an_id(void **state)
{
    (void)state;
    const struct {
        rs_text text;
        bool valid;
    } rows[] = {
        {TEXT("R-0000000000000"), true},   {TEXT("R-fzzzzzzzzzzzz"), true},
        {TEXT("R-g000000000000"), false}, /* more than 64 bits */
        {TEXT("R-000000000000"), false},   {TEXT("R-00000000000000"), false},
        {TEXT("r-0000000000000"), false},  {TEXT("R-000000000000l"), false},
        {TEXT("R-000000000000\0"), false}, {TEXT(""), false},
        {TEXT("R-00000/../0000"), false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(rsi_ring_id_valid(rows[i].text), rows[i].valid);
    }
}

static void reads_what_people_type(void **state)
{
    (void)state;
    static const struct {
        const char *typed;
        const char *id; /* NULL: none */
    } rows[] = {
        {"R-4qsfgjvktqqzp", "R-4qsfgjvktqqzp"},
        {"r-4QSFGJVKTQQZP", "R-4qsfgjvktqqzp"},
        {"R-0O0oiIlL1aaaa", "R-000011111aaaa"},
        {"R-4qsfgjvktqqz", NULL},
        {"R-4qsfgjvktqqzpp", NULL},
        {"X-4qsfgjvktqqzp", NULL},
        {"R_4qsfgjvktqqzp", NULL},
        {"R-4qsfgjvktqqzu", NULL},
        {"R-4qsfgjvktqq p", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char id[RSI_RING_ID_LENGTH + 1];
        rs_text typed = {rows[i].typed, strlen(rows[i].typed)};
        assert_int_equal(rsi_ring_id_read(typed, id), rows[i].id != NULL);
        if (rows[i].id != NULL) {
            assert_string_equal(id, rows[i].id);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stays_the_same_for_ever),
        cmocka_unit_test(does_not_depend_on_the_order_of_members),
        cmocka_unit_test(changes_with_time_type_id_and_border),
        cmocka_unit_test(knows_the_form_of_an_id),
        cmocka_unit_test(reads_what_people_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
