/* test_track_match.c - the matching is the heaviest that there is, held against all of them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "feedback/track_match.h"

enum { SIDE = 7 };

/* A graph by its table of weights; 0: no edge. */
typedef struct table {
    uint32_t rows, columns;
    rsi_match_weight weight[SIDE][SIDE];
} table;

/* The definition: every way to give the rows from `row` on a free column or none. */
static rsi_match_weight heaviest(const table *t, uint32_t row, unsigned taken)
{
    if (row == t->rows || row == SIDE) {
        return 0;
    }
    rsi_match_weight best = heaviest(t, row + 1, taken);
    for (uint32_t c = 0; c < t->columns; c++) {
        if (t->weight[row][c] > 0 && (taken >> c & 1) == 0) {
            rsi_match_weight one = t->weight[row][c] + heaviest(t, row + 1, taken | 1U << c);
            best = one > best ? one : best;
        }
    }
    return best;
}

/* The sum of the matching, which must be one. */
static rsi_match_weight matched(const table *t)
{
    size_t first[SIDE + 1] = {0};
    rsi_match_edge edges[SIDE * SIDE];
    uint32_t column_of[SIDE];
    rs_error err;
    for (uint32_t r = 0; r < t->rows; r++) {
        first[r + 1] = first[r];
        for (uint32_t c = 0; c < t->columns; c++) {
            if (t->weight[r][c] > 0) {
                edges[first[r + 1]++] = (rsi_match_edge){c, t->weight[r][c]};
            }
        }
    }
    assert_int_equal(rsi_match_heaviest(t->rows, t->columns, first, edges, column_of, &err), RS_OK);
    rsi_match_weight sum = 0;
    unsigned taken = 0;
    for (uint32_t r = 0; r < t->rows; r++) {
        if (column_of[r] != RSI_UNMATCHED) {
            assert_true(column_of[r] < t->columns && t->weight[r][column_of[r]] > 0);
            assert_int_equal(taken >> column_of[r] & 1, 0);
            taken |= 1U << column_of[r];
            sum += t->weight[r][column_of[r]];
        }
    }
    return sum;
}

static void is_the_heaviest_of_all(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 4000; seed++) {
        rsi_random random;
        rsi_random_seed(&random, 1, seed);
        table t = {.rows = rsi_random_below(&random, SIDE) + 1,
                   .columns = rsi_random_below(&random, SIDE) + 1};
        uint32_t chance = rsi_random_between(&random, 100, 1000);
        uint32_t most = seed % 3 == 0 ? 3 : 1000; /* many ties, or few */
        unsigned shift = seed % 2 == 0 ? 0 : 80;
        for (uint32_t r = 0; r < t.rows; r++) {
            for (uint32_t c = 0; c < t.columns; c++) {
                if (rsi_random_chance(&random, chance)) {
                    t.weight[r][c] = (rsi_match_weight)rsi_random_between(&random, 1, most)
                                     << shift;
                }
            }
        }
        assert_true(matched(&t) == heaviest(&t, 0, 0));
    }
}

static void leaves_a_row_alone_where_two_others_weigh_more(void **state)
{
    (void)state;
    table t = {.rows = 3, .columns = 2, .weight = {{9, 8}, {8, 0}, {5, 9}}};
    assert_true(matched(&t) == 18);
    table star = {.rows = 3, .columns = 1, .weight = {{1}, {3}, {2}}};
    assert_true(matched(&star) == 3);
    table none = {.rows = 2, .columns = 2};
    assert_true(matched(&none) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_heaviest_of_all),
        cmocka_unit_test(leaves_a_row_alone_where_two_others_weigh_more),
    };
    return cmocka_run_group_tests_name("matching", tests, NULL, NULL);
}
