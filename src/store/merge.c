/* merge.c - a binary heap of stream heads, the least on top.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/merge.h"

#include <stdbool.h>
#include <string.h>

static inline bool stands_before(const rsi_merge *merge, const rsi_merge_head *a,
                                 const rsi_merge_head *b)
{
    if (a->key != b->key) {
        return a->key < b->key;
    }
    int order = merge->tie == NULL ? 0 : merge->tie(merge->context, a->stream, b->stream);
    return order != 0 ? order < 0 : a->stream < b->stream;
}

void rsi_merge_push(rsi_merge *merge, uint64_t key, uint32_t stream)
{
    rsi_merge_head *heap = merge->heap;
    rsi_merge_head head = {.key = key, .stream = stream};
    size_t at = merge->count++;
    for (; at > 0 && stands_before(merge, &head, &heap[(at - 1) / 2]); at = (at - 1) / 2) {
        heap[at] = heap[(at - 1) / 2];
    }
    heap[at] = head;
}

/* Put `head` where it belongs, from the top down. */
static void sink(rsi_merge *merge, rsi_merge_head head)
{
    rsi_merge_head *heap = merge->heap;
    size_t at = 0;
    for (size_t child = 1; child < merge->count; child = 2 * at + 1) {
        child += child + 1 < merge->count && stands_before(merge, &heap[child + 1], &heap[child]);
        if (!stands_before(merge, &heap[child], &head)) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = head;
}

void rsi_merge_replace(rsi_merge *merge, uint64_t key)
{
    sink(merge, (rsi_merge_head){.key = key, .stream = merge->heap[0].stream});
}

void rsi_merge_pop(rsi_merge *merge)
{
    merge->count--;
    if (merge->count > 0) {
        sink(merge, merge->heap[merge->count]);
    }
}

uint64_t rsi_merge_text_key(rs_text id)
{
    uint8_t bytes[8] = {0};
    uint64_t key = 0;
    if (id.length > 0) {
        memcpy(bytes, id.bytes, id.length < 8 ? id.length : 8);
    }
    for (int i = 0; i < 8; i++) {
        key = key << 8 | bytes[i];
    }
    return key;
}
