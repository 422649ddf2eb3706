/* A database's address: what is one, and what of it may be shown. The rest needs a server:
 * tests/system/test_postgres.py.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "db/postgres.h"

static void knows_an_address(void **state)
{
    (void)state;
    assert_true(rsi_postgres_is_address("postgresql://"));
    assert_true(rsi_postgres_is_address("postgres://h/d"));
    assert_false(rsi_postgres_is_address("postgresql:/h"));
    assert_false(rsi_postgres_is_address("postgresql"));
    assert_false(rsi_postgres_is_address("./postgresql://h"));
    assert_false(rsi_postgres_is_address(""));
}

/* Of a build without libpq nothing more can be asked. */
static int has_libpq(void **state)
{
    char name[64];
    rs_error err = {.status = RS_OK};
    (void)state;
    return rsi_postgres_name("postgresql://", name, sizeof name, &err) == RS_OK;
}

static void shows_an_address_without_its_password(void **state)
{
    static const struct {
        const char *address;
        const char *name;
    } rows[] = {
        {"postgresql://", "postgresql:///"},
        {"postgres://h", "postgresql://h/"},
        {"postgresql://u:secret@h:5433/d", "postgresql://u@h:5433/d"},
        {"postgresql://u@h/d?password=secret&sslmode=require", "postgresql://u@h/d"},
        {"postgresql://u%40x:se%2Fcret@a:1,b:2/d", "postgresql://u@x@a,b:1,2/d"},
        {"postgresql:///d?host=/run/x&sslpassword=secret", "postgresql:///d?host=/run/x"},
    };
    if (!has_libpq(state)) {
        skip();
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char name[200];
        rs_error err = {.status = RS_OK};
        assert_int_equal(rsi_postgres_name(rows[i].address, name, sizeof name, &err), RS_OK);
        assert_string_equal(name, rows[i].name);
    }
}

static void quotes_nothing_of_an_address_it_cannot_read(void **state)
{
    static const char *const addresses[] = {
        "postgresql://u:secret/x@h/d", "postgresql://u:12/secret@h/d",
        "postgresql://u:x@secret@h/d", "postgresql://u:%zsecret@h",
        "postgresql://h:secret/d",     "postgresql://h/d?secret=x",
    };
    if (!has_libpq(state)) {
        skip();
    }
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        char name[200] = "";
        rs_error err = {.status = RS_OK};
        assert_int_equal(rsi_postgres_name(addresses[i], name, sizeof name, &err), RS_EUSAGE);
        assert_string_equal(name, "");
        assert_null(strstr(err.message, "secret"));
        assert_non_null(strstr(err.message, "address cannot be read"));
    }
}

static void cuts_a_long_name(void **state)
{
    char name[12];
    rs_error err = {.status = RS_OK};
    if (!has_libpq(state)) {
        skip();
    }
    assert_int_equal(rsi_postgres_name("postgresql://abc/d", name, sizeof name, &err), RS_OK);
    assert_string_equal(name, "postgresql:");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_an_address),
        cmocka_unit_test(shows_an_address_without_its_password),
        cmocka_unit_test(quotes_nothing_of_an_address_it_cannot_read),
        cmocka_unit_test(cuts_a_long_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
