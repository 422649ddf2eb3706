/* edgesort.h - the order of the edges of one part of a relation. Pure: arrays in, an array out.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_EDGESORT_H
#define RSI_STORE_EDGESORT_H

#include <stddef.h>
#include <stdint.h>

/* `key` sorts, `index` says which edge it is. */
typedef struct rsi_sort_item {
    uint64_t key;
    uint64_t index;
} rsi_sort_item;

/* Sort by key, stably, by radix: `key_bits` says how many low bits of keys can be set.
 * The result is in the returned array, which is one of the two. O(count x key_bits / 12). */
rsi_sort_item *rsi_sort_items(rsi_sort_item *items, rsi_sort_item *scratch, size_t count,
                              unsigned key_bits);
/* The same for words that hold key and index in one, sorted by bits from `low` up. */
uint64_t *rsi_sort_words(uint64_t *words, uint64_t *scratch, size_t count, unsigned low,
                         unsigned high);

#endif
