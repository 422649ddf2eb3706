/* test_merge.c - merging many sorted streams gives what sorting all of their items gives.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store_world.h"

#include "store/dict.h"
#include "store/merge.h"

enum { STREAMS_MAX = 40, ITEMS_MAX = 30 };

typedef struct item {
    char id[12];
    uint32_t stream;
} item;

typedef struct streams {
    item items[STREAMS_MAX][ITEMS_MAX];
    size_t count[STREAMS_MAX];
    size_t at[STREAMS_MAX];
} streams;

static rs_text text_of(const item *one)
{
    return (rs_text){one->id, strlen(one->id)};
}

static int compare_items(const void *a, const void *b)
{
    const item *x = a;
    const item *y = b;
    int order = rsi_text_compare(text_of(x), text_of(y));
    return order != 0 ? order : (x->stream > y->stream) - (x->stream < y->stream);
}

static int tie(const void *context, uint32_t a, uint32_t b)
{
    const streams *all = context;
    return rsi_text_compare(text_of(&all->items[a][all->at[a]]),
                            text_of(&all->items[b][all->at[b]]));
}

static void gives_what_sorting_gives(void **state)
{
    static streams all;
    static item expected[STREAMS_MAX * ITEMS_MAX];
    (void)state;
    for (uint64_t seed = 1; seed < 60; seed++) {
        uint64_t dice = seed;
        rsi_merge_head heap[STREAMS_MAX];
        rsi_merge merge = {.heap = heap, .tie = tie, .context = &all};
        size_t total = 0;
        size_t stream_count = seed % STREAMS_MAX;
        for (uint32_t s = 0; s < stream_count; s++) {
            all.count[s] = world_random(&dice) % ITEMS_MAX;
            all.at[s] = 0;
            for (size_t i = 0; i < all.count[s]; i++) {
                item *one = &all.items[s][i];
                /* some share their first eight bytes, some come in several streams */
                snprintf(one->id, sizeof one->id, seed % 2 == 0 ? "%u" : "prefix__%u",
                         (unsigned)(world_random(&dice) >> 40) % 300);
                one->stream = s;
            }
            qsort(all.items[s], all.count[s], sizeof(item), compare_items);
            memcpy(expected + total, all.items[s], all.count[s] * sizeof(item));
            total += all.count[s];
        }
        qsort(expected, total, sizeof(item), compare_items);
        for (uint32_t s = 0; s < stream_count; s++) {
            if (all.count[s] > 0) {
                rsi_merge_push(&merge, rsi_merge_text_key(text_of(&all.items[s][0])), s);
            }
        }
        for (size_t i = 0; i < total; i++) {
            assert_true(merge.count > 0);
            uint32_t s = merge.heap[0].stream;
            assert_int_equal(s, expected[i].stream);
            assert_string_equal(all.items[s][all.at[s]].id, expected[i].id);
            if (++all.at[s] < all.count[s]) {
                rsi_merge_replace(&merge, rsi_merge_text_key(text_of(&all.items[s][all.at[s]])));
            } else {
                rsi_merge_pop(&merge);
            }
        }
        assert_int_equal(merge.count, 0);
    }
}

static void orders_text_keys_as_texts(void **state)
{
    static const rs_text ascending[] = {{"", 0},          {"\0\1", 2}, {"a", 1},
                                        {"a\xff", 2},     {"b", 1},    {"bbbbbbbb", 8},
                                        {"bbbbbbbbz", 9}, {"c", 1},    {"\xff\xff", 2}};
    (void)state;
    for (size_t i = 1; i < sizeof ascending / sizeof *ascending; i++) {
        assert_true(rsi_merge_text_key(ascending[i - 1]) <= rsi_merge_text_key(ascending[i]));
        assert_true(rsi_text_compare(ascending[i - 1], ascending[i]) < 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_what_sorting_gives),
        cmocka_unit_test(orders_text_keys_as_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
