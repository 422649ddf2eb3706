/* merge.h - which of many sorted streams comes next: the top of a heap of their heads.
 *
 * The caller owns the streams. Each has a key, the part of its head that fits into a word: streams
 * are compared by key first, by `tie` where keys are equal, by number last. So the order of equal
 * heads is that of the streams, and what comes out does not depend on the heap's history.
 *
 *   rsi_merge_push(&merge, key, stream) for every stream that has a head
 *   while (merge.count > 0):
 *       take the head of merge.heap[0].stream; step it
 *       rsi_merge_replace(&merge, key of its next head)   or   rsi_merge_pop(&merge) at its end
 *
 * Pure: no allocation, no I/O. Cost: 2 log2(streams) comparisons of words a step, the tie only
 * where keys are equal.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_MERGE_H
#define RSI_STORE_MERGE_H

#include <stddef.h>
#include <stdint.h>

#include "ringscope/text.h"

typedef struct rsi_merge_head {
    uint64_t key;
    uint32_t stream;
} rsi_merge_head;

/* < 0: the head of stream `a` stands before that of `b`, whose key is the same; 0: they are equal.
 */
typedef int (*rsi_merge_tie)(const void *context, uint32_t a, uint32_t b);

typedef struct rsi_merge {
    rsi_merge_head *heap; /* the caller's, room for one entry a stream */
    size_t count;
    rsi_merge_tie tie; /* NULL: the key says all */
    const void *context;
} rsi_merge;

void rsi_merge_push(rsi_merge *merge, uint64_t key, uint32_t stream);
/* The stream on top has stepped: its next head has this key. */
void rsi_merge_replace(rsi_merge *merge, uint64_t key);
/* The stream on top has ended. */
void rsi_merge_pop(rsi_merge *merge);

/* The first eight bytes of an id, so that keys ascend as ids do; ids of equal keys need the tie,
 * rsi_text_compare. */
uint64_t rsi_merge_text_key(rs_text id);

#endif
