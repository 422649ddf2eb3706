/* test_memory.c - each allocation of the frame fails once: an error, no leak, no crash.
 *
 * A test's name finishes "it ...".
 * WRAP: malloc calloc realloc
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "cli/cli.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

/* How many allocations still succeed; below 0: all of them. */
static int allowed = -1;

static int may_allocate(void)
{
    if (allowed < 0) {
        return 1;
    }
    return allowed-- > 0 ? 1 : (allowed = 0);
}

void *__wrap_malloc(size_t size)
{
    return may_allocate() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return may_allocate() ? __real_calloc(count, size) : NULL;
}

void *__wrap_realloc(void *old, size_t size)
{
    return may_allocate() ? __real_realloc(old, size) : NULL;
}

typedef struct sample {
    rsi_list list;
} sample;

static const rsi_option table[] = {
    {.name = "list", .value = RSI_LIST, .argument = "X", .offset = offsetof(sample, list)},
    {.name = NULL},
};
static const rsi_command command = {
    .name = "try", .words = "", .word_max = 9, .options = table, .options_size = sizeof(sample)};

static void parses_or_says_that_memory_ends(void **state)
{
    (void)state;
    char first[] = "--list=a", second[] = "word";
    char *argv[] = {first, second};
    rs_status status = RS_ENOMEM;
    int failures = 0;
    while (status == RS_ENOMEM) {
        sample options = {.list = {.count = 0}};
        rsi_common common = {.threads = 0};
        rsi_call call = {.options = &options};
        rs_error err = {.status = RS_OK};
        allowed = failures++;
        status = rsi_parse(&command, 2, argv, &common, &call, &err);
        allowed = -1;
        rsi_parse_free(&command, &call);
        if (status != RS_OK) {
            assert_string_equal(err.message, "out of memory");
        }
    }
    assert_int_equal(status, RS_OK);
    assert_int_equal(failures, 3); /* the words, the list, and the run that had both */
}

static void prints_a_table_or_says_that_memory_ends(void **state)
{
    (void)state;
    rs_status status = RS_ENOMEM;
    FILE *nowhere = fopen("/dev/null", "w");
    assert_non_null(nowhere);
    int failures = 0;
    while (status == RS_ENOMEM) {
        rs_error err = {.status = RS_OK};
        allowed = failures++;
        rsi_table *rows = rsi_table_new("lr");
        for (int i = 0; i < 200; i++) {
            rsi_table_cell(rows, "%d", i);
        }
        allowed = -1;
        status = rsi_table_print(rows, nowhere, 0, &err);
        rsi_table_free(rows);
    }
    assert_int_equal(status, RS_OK);
    assert_true(failures > 4);
    fclose(nowhere);
}

static void has_no_meter_where_memory_ends(void **state)
{
    (void)state;
    allowed = 0;
    rsi_meter *meter = rsi_meter_new(RSI_PROGRESS_NONE, stderr);
    allowed = -1;
    assert_null(meter);
    rsi_meter_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_or_says_that_memory_ends),
        cmocka_unit_test(prints_a_table_or_says_that_memory_ends),
        cmocka_unit_test(has_no_meter_where_memory_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
