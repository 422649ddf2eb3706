/* Random numbers: the published sequence, ranges without bias, permutations and their inverses.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"

/* Outputs of the authors' C code for the state 1, 2, 3, 4, and of splitmix64 for the seed 0. */
static void gives_the_published_numbers(void **state)
{
    (void)state;
    static const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};
    rsi_random random = {{1, 2, 3, 4}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(rsi_random_next(&random), expected[i]);
    }
    assert_int_equal(rsi_mix64(0), 0xe220a8397b1dcdaf);
}

static void tells_streams_apart_and_repeats_them(void **state)
{
    (void)state;
    rsi_random a, b, c, d;
    rsi_random_seed(&a, 7, 1);
    rsi_random_seed(&b, 7, 1);
    rsi_random_seed(&c, 7, 2);
    rsi_random_seed(&d, 1, 7);
    uint64_t first = rsi_random_next(&a);
    assert_int_equal(first, rsi_random_next(&b));
    assert_int_not_equal(first, rsi_random_next(&c));
    assert_int_not_equal(first, rsi_random_next(&d));
}

static void fills_a_range_evenly(void **state)
{
    (void)state;
    enum { BOUND = 7, DRAWS = 70000 };
    uint32_t counts[BOUND] = {0};
    rsi_random random;
    rsi_random_seed(&random, 3, 3);
    for (int i = 0; i < DRAWS; i++) {
        counts[rsi_random_below(&random, BOUND)]++;
    }
    for (int i = 0; i < BOUND; i++) { /* five standard deviations are 460 */
        assert_in_range(counts[i], 9540, 10460);
    }
    for (int i = 0; i < 1000; i++) {
        assert_in_range(rsi_random_between(&random, 5, 9), 5, 9);
    }
    assert_int_equal(rsi_random_between(&random, 4, 4), 4);
    assert_false(rsi_random_chance(&random, 0));
    assert_true(rsi_random_chance(&random, 1000));
}

static void permutes_without_loss_and_back(void **state)
{
    (void)state;
    for (uint64_t count = 1; count < 300; count++) {
        uint8_t *seen = calloc(count, 1);
        rsi_permutation p;
        assert_non_null(seen);
        rsi_permutation_make(&p, count, count * 17);
        for (uint64_t x = 0; x < count; x++) {
            uint64_t y = rsi_permute(&p, x);
            assert_true(y < count);
            assert_int_equal(seen[y]++, 0);
            assert_int_equal(rsi_permute_back(&p, y), x);
        }
        free(seen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_published_numbers),
        cmocka_unit_test(tells_streams_apart_and_repeats_them),
        cmocka_unit_test(fills_a_range_evenly),
        cmocka_unit_test(permutes_without_loss_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
