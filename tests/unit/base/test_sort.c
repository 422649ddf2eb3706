/* test_sort.c - radix sorts against the C library's, and what they promise about memory.
 *
 * WRAP: malloc
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "base/sort.h"

static bool refusing;

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);

void *__wrap_malloc(size_t bytes)
{
    return refusing ? NULL : __real_malloc(bytes);
}

static const size_t counts[] = {0, 1, 2, 3, 23, 24, 25, 26, 100, 255, 256, 257, 5000};
static const uint64_t masks[] = {0,
                                 1,
                                 UINT64_MAX,
                                 UINT64_C(0xff00),
                                 UINT64_C(0xff00ff00ff00ff00),
                                 UINT64_C(0xff00000000000000),
                                 UINT64_C(0x8000000000000001)};
enum { COUNTS = sizeof counts / sizeof *counts, MASKS = sizeof masks / sizeof *masks };

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

/* `count` numbers with the bits of `mask`, and the same ones sorted. */
static void draw(size_t count, uint64_t mask, uint64_t *keys, uint64_t *sorted)
{
    rsi_random random;
    rsi_random_seed(&random, mask, count);
    for (size_t i = 0; i < count; i++) {
        keys[i] = (rsi_random_next(&random) & mask) | UINT64_C(0x0040000000000000);
    }
    memcpy(sorted, keys, count * sizeof *keys);
    qsort(sorted, count, sizeof *sorted, compare);
}

static void agrees_with_the_c_library(void **state)
{
    (void)state;
    static uint64_t keys[5000];
    static uint64_t sorted[5000];
    static uint64_t scratch[5000];
    static uint32_t narrow[5000];
    for (size_t c = 0; c < COUNTS; c++) {
        for (size_t m = 0; m < MASKS; m++) {
            draw(counts[c], masks[m], keys, sorted);
            assert_int_equal(rsi_sort_u64(keys, counts[c], c % 2 == 0 ? scratch : NULL, NULL),
                             RS_OK);
            assert_memory_equal(keys, sorted, counts[c] * sizeof *keys);
        }
        draw(counts[c], UINT32_MAX, keys, sorted);
        for (size_t i = 0; i < counts[c]; i++) {
            narrow[i] = (uint32_t)keys[i];
        }
        assert_int_equal(rsi_sort_u32(narrow, counts[c], NULL, NULL), RS_OK);
        for (size_t i = 0; i < counts[c]; i++) {
            assert_int_equal(narrow[i], (uint32_t)sorted[i]);
        }
    }
}

static void leaves_records_of_one_key_in_their_order(void **state)
{
    (void)state;
    static uint64_t keys[5000];
    static uint64_t sorted[5000];
    static rsi_record records[5000];
    static const uint64_t few[] = {3, UINT64_C(0x300), UINT64_C(0x0100000000000003)};
    for (size_t c = 0; c < COUNTS; c++) {
        for (size_t m = 0; m < sizeof few / sizeof *few; m++) {
            draw(counts[c], few[m], keys, sorted);
            for (size_t i = 0; i < counts[c]; i++) {
                records[i] = (rsi_record){.key = keys[i], .value = i};
            }
            assert_int_equal(rsi_sort_records(records, counts[c], NULL, NULL), RS_OK);
            for (size_t i = 0; i < counts[c]; i++) {
                assert_int_equal(records[i].key, sorted[i]);
                assert_int_equal(keys[records[i].value], sorted[i]);
                assert_true(i == 0 || records[i - 1].key != records[i].key ||
                            records[i - 1].value < records[i].value);
            }
        }
    }
}

static void needs_no_memory_with_scratch_and_says_so_without(void **state)
{
    (void)state;
    static uint64_t keys[5000];
    static uint64_t sorted[5000];
    static uint64_t scratch[5000];
    rs_error err = {0};
    draw(5000, UINT64_MAX, keys, sorted);
    refusing = true;
    rs_status without = rsi_sort_u64(keys, 5000, NULL, &err);
    rs_status with = rsi_sort_u64(keys, 5000, scratch, NULL);
    refusing = false;
    assert_int_equal(without, RS_ENOMEM);
    assert_string_equal(err.message, "out of memory (sorting 5000 entries)");
    assert_int_equal(with, RS_OK);
    assert_memory_equal(keys, sorted, sizeof keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_c_library),
        cmocka_unit_test(leaves_records_of_one_key_in_their_order),
        cmocka_unit_test(needs_no_memory_with_scratch_and_says_so_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
