/* test_rankmap.c - numbers that ascend come back from any place.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/rankmap.h"

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* `count` numbers, each up to `gap` above the one before; `likely` of the last. */
static void check(uint32_t count, uint64_t gap, uint64_t likely)
{
    rs_error err = {.status = RS_OK};
    rsi_rankmap map;
    uint32_t *numbers = malloc((count + 1) * sizeof *numbers);
    uint64_t random = count + gap;
    uint64_t number = next_random(&random) % (gap + 1);
    assert_non_null(numbers);
    for (uint32_t i = 0; i < count; i++) {
        numbers[i] = (uint32_t)number;
        number += 1 + next_random(&random) % gap;
    }
    assert_int_equal(rsi_rankmap_init(&map, count, number, likely, &err), RS_OK);
    for (uint32_t i = 0; i < count; i++) {
        rsi_rankmap_add(&map, numbers[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(rsi_rankmap_at(&map, i), numbers[i]);
    }
    rsi_rankwalk walk = {.map = &map};
    for (uint32_t i = 0; i < count;
         i += (uint32_t)(next_random(&random) % (i % 500 == 0 ? 300 : 5))) {
        assert_int_equal(rsi_rankwalk_to(&walk, i), numbers[i]);
    }
    if (count > 0) { /* back to the front */
        assert_int_equal(rsi_rankwalk_to(&walk, 0), numbers[0]);
    }
    assert_true(rsi_rankmap_bytes(&map) >= count / 4);
    rsi_rankmap_free(&map);
    free(numbers);
}

static void gives_back_every_number(void **state)
{
    static const uint64_t gaps[] = {1, 2, 3, 10, 200, 40000};
    (void)state;
    for (size_t g = 0; g < sizeof gaps / sizeof *gaps; g++) {
        for (uint32_t count = 0; count < 200; count++) {
            check(count, gaps[g], count * gaps[g] / 2);
        }
        check(50000, gaps[g], 50000 * gaps[g] / 2);
        check(50000, gaps[g], 50000);         /* far below what the last one is */
        check(50000, gaps[g], 1000000000000); /* far above */
    }
}

static void takes_few_bits(void **state)
{
    rs_error err = {.status = RS_OK};
    rsi_rankmap map;
    (void)state;
    assert_int_equal(rsi_rankmap_init(&map, 100000, 400000, 400000, &err), RS_OK);
    for (uint32_t i = 0; i < 100000; i++) {
        rsi_rankmap_add(&map, 4 * i + i % 3);
    }
    assert_true(rsi_rankmap_bytes(&map) < 100000 * 6 / 8);
    rsi_rankmap_free(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_every_number),
        cmocka_unit_test(takes_few_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
