/* rankmap.h - an ascending list of numbers, kept in a few bits each, read at any place.
 *
 * The i-th id that a run of a batch brought has this number among those of the whole batch. The
 * list ascends, so it is kept as Elias and Fano proposed (1971, 1974): the low bits of each number
 * as they are, of the high bits only how far they move on.
 * Cost: 3 + log2(last / count) bits a number; a look-up is two or three loads that wait for none of
 * another look-up.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_RANKMAP_H
#define RSI_STORE_RANKMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "ringscope/error.h"

typedef struct rsi_rankmap {
    uint64_t *upper;   /* bit (number >> low_bits) + its place is set */
    uint64_t *lower;   /* the low bits, end to end */
    uint64_t *samples; /* where in `upper` the bit of every 64th number stands */
    uint64_t upper_bits;
    uint32_t capacity;
    uint32_t count;
    unsigned low_bits;
} rsi_rankmap;

/* Room for `count` numbers below `limit`; `likely` is what the last one will be, roughly: it
 * decides how many bits they take. { 0 } is empty. */
RS_MUST_USE rs_status rsi_rankmap_init(rsi_rankmap *map, uint32_t count, uint64_t limit,
                                       uint64_t likely, rs_error *err);
void rsi_rankmap_free(rsi_rankmap *map);
/* The next number: above all before. */
void rsi_rankmap_add(rsi_rankmap *map, uint32_t number);
/* The number at place i < count. */
uint32_t rsi_rankmap_at(const rsi_rankmap *map, uint32_t i);
/* The same for places that mostly move on by a few: { .map = ... } begins anywhere. */
typedef struct rsi_rankwalk {
    const rsi_rankmap *map;
    uint64_t bit; /* in `upper`, of the number at `place` */
    uint32_t place;
    bool begun;
} rsi_rankwalk;
uint32_t rsi_rankwalk_to(rsi_rankwalk *walk, uint32_t i);
/* Memory in bytes, once all numbers are there. */
uint64_t rsi_rankmap_bytes(const rsi_rankmap *map);

#endif
