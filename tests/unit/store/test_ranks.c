/* test_ranks.c - lists of numbers on disk: written front to back, read at any place or whole.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

#include "store/ranks.h"

/* Some number that ascends with its place. */
static uint32_t number_of(uint32_t place)
{
    return place * 7 + place % 5;
}

static void ok(rs_status status, const rs_error *err)
{
    if (status != RS_OK) {
        fail_msg("%s", err->message);
    }
}

static void check_list(const rsi_spill *spill, const rsi_ranks *ranks)
{
    rs_error err = {.status = RS_OK};
    rsi_ranks_window window = {0};
    uint32_t *all = NULL;
    uint32_t number = 0;
    ok(rsi_ranks_load(spill, ranks, &all, &err), &err);
    for (uint32_t i = 0; i < ranks->count; i++) {
        assert_int_equal(all[i], number_of(i));
        ok(rsi_ranks_at(spill, ranks, &window, i, &number, &err), &err);
        assert_int_equal(number, number_of(i));
    }
    for (uint32_t i = 0; i < 100 && ranks->count > 0; i++) {
        uint32_t place = (uint32_t)((uint64_t)i * 7919 % ranks->count);
        ok(rsi_ranks_at(spill, ranks, &window, place, &number, &err), &err);
        assert_int_equal(number, number_of(place));
    }
    free(all);
}

static void reads_what_was_written(void **state)
{
    static const uint32_t counts[] = {0, 1, RSI_RANKS_WINDOW, RSI_RANKS_WINDOW + 1, 5000};
    rs_error err = {.status = RS_OK};
    rsi_spill spill = {.descriptor = -1};
    int directory = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)state;
    assert_true(directory >= 0);
    ok(rsi_spill_open(&spill, directory, &err), &err);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        rsi_ranks_window window = {0};
        rsi_ranks ranks = {.offset = rsi_spill_reserve(&spill, counts[c] * sizeof(uint32_t)),
                           .count = counts[c]};
        for (uint32_t i = 0; i < counts[c]; i++) {
            ok(rsi_ranks_add(&spill, &ranks, &window, number_of(i), &err), &err);
        }
        ok(rsi_ranks_flush(&spill, &ranks, &window, &err), &err);
        check_list(&spill, &ranks);
    }
    rsi_spill_close(&spill);
    close(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_what_was_written)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
