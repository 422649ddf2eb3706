/* sort.h - integers in ascending order in linear time.
 *
 * Radix sort from the highest bits in which keys differ: bits that all keys of a heap have in
 * common cost nothing, small heaps are sorted by insertion. Stable: entries of equal keys keep
 * their order. Keys chosen to slow it down make it O(count x bits of a key), never worse. Cost: .10
 * s for 2.4 million records of random keys, 15 ns a number in short inputs.
 *
 * `scratch` has room for `count` entries; NULL: it is allocated and freed, and only then can a call
 * fail, with RS_ENOMEM.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_SORT_H
#define RSI_BASE_SORT_H

#include <stddef.h>
#include <stdint.h>

#include "ringscope/error.h"

typedef struct rsi_record {
    uint64_t key;
    uint64_t value;
} rsi_record;

RS_MUST_USE rs_status rsi_sort_u32(uint32_t *keys, size_t count, uint32_t *scratch, rs_error *err);
RS_MUST_USE rs_status rsi_sort_u64(uint64_t *keys, size_t count, uint64_t *scratch, rs_error *err);
/* By `key` alone. */
RS_MUST_USE rs_status rsi_sort_records(rsi_record *records, size_t count, rsi_record *scratch,
                                       rs_error *err);

/* The number of sorted values below x. O(log count). */
size_t rsi_count_below(const uint64_t *sorted, size_t count, uint64_t x);

#endif
