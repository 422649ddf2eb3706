/* test_compact_sort.c - whatever the memory, edges come out as qsort would put them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store_world.h"

#include <fcntl.h>

#include "store/compact_sort.h"

enum { EDGES = 400000 };

static rsi_loose_edge edges[EDGES];

static uint64_t up(int64_t value)
{
    return (uint64_t)value ^ (uint64_t)1 << 63;
}

static int compare(const void *a, const void *b)
{
    const rsi_loose_edge *x = a;
    const rsi_loose_edge *y = b;
    uint64_t left[] = {x->src,         x->dst,  up(x->time), up(x->amount),
                       x->precision_s, x->file, x->line};
    uint64_t right[] = {y->src,         y->dst,  up(y->time), up(y->amount),
                        y->precision_s, y->file, y->line};
    for (int i = 0; i < 7; i++) {
        if (left[i] != right[i]) {
            return left[i] < right[i] ? -1 : 1;
        }
    }
    return 0;
}

static void fill(rsi_loose_columns columns, uint64_t seed)
{
    for (size_t i = 0; i < EDGES; i++) {
        uint64_t dice = world_random(&seed);
        bool full = columns == RSI_LOOSE_ALL;
        edges[i] = (rsi_loose_edge){
            .src = (uint32_t)(dice % 3000),
            .dst = (uint32_t)(dice >> 32) % (dice % 3 == 0 ? 4 : 1000000),
            .time = columns >= RSI_LOOSE_TIMED && dice % 7 != 0 ? (int64_t)(dice >> 60) - 8
                                                                : RS_NO_TIME,
            .amount = columns >= RSI_LOOSE_PRICED && dice % 5 != 0 ? (int64_t)(dice >> 61) - 4
                                                                   : RS_NO_AMOUNT,
            .precision_s = full ? 1 + (uint32_t)(dice >> 50) % 2 : 1,
            .file = full ? (uint32_t)(dice >> 44) % 2 : 0,
            .line = full ? dice >> 20 & 3 : 0,
        };
    }
}

static void check(rsi_loose_columns columns, bool distinct, uint64_t memory_bytes)
{
    rs_error err = {0};
    rsi_sorter *sorter = NULL;
    const rsi_loose_edge *some = NULL;
    size_t count = 0;
    size_t at = 0;
    char path[256];
    world_path(path, "spill");
    assert_int_equal(mkdir(path, 0777), 0);
    int directory = open(path, O_RDONLY | O_DIRECTORY);
    rsi_sorter_options options = {.columns = columns,
                                  .distinct = distinct,
                                  .memory_bytes = memory_bytes,
                                  .count_max = EDGES,
                                  .directory = directory};
    assert_int_equal(rsi_sorter_new(&sorter, &options, &err), RS_OK);
    fill(columns, 7 + (uint64_t)columns);
    for (size_t i = 0; i < EDGES; i++) {
        assert_int_equal(rsi_sorter_add(sorter, &edges[i], &err), RS_OK);
    }
    assert_int_equal(rsi_sorter_count(sorter), EDGES);
    qsort(edges, EDGES, sizeof *edges, compare);
    size_t expected = 0;
    for (size_t i = 0; i < EDGES; i++) {
        if (!distinct || i == 0 || compare(&edges[expected - 1], &edges[i]) != 0) {
            edges[expected++] = edges[i];
        }
    }
    do {
        assert_int_equal(rsi_sorter_next(sorter, &some, &count, &err), RS_OK);
        assert_true(at + count <= expected);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(compare(&some[i], &edges[at++]), 0);
        }
    } while (count > 0);
    assert_int_equal(at, expected);
    rsi_sorter_free(sorter);
    close(directory);
    assert_int_equal(rmdir(path), 0); /* nothing was left in it */
}

static void sorts_in_memory(void **state)
{
    (void)state;
    for (int columns = RSI_LOOSE_ENDS; columns <= RSI_LOOSE_ALL; columns++) {
        check((rsi_loose_columns)columns, columns % 2 == 0, 0);
    }
}

static void sorts_through_the_disk(void **state)
{
    (void)state;
    for (int columns = RSI_LOOSE_ENDS; columns <= RSI_LOOSE_ALL; columns++) {
        check((rsi_loose_columns)columns, columns % 2 == 0, 1 << 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorts_in_memory),
        cmocka_unit_test(sorts_through_the_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
