/* sort.c - one radix sort for three shapes of entry, made by inlining it with constant sizes.
 *
 * From the top: entries are dealt by the highest bits in which they differ, and every heap again by
 * what is left to tell its entries apart, until it is small enough for insertion. After one or two
 * deals a heap lies in the cache; eight passes from the bottom over everything would miss it every
 * time and took four times as long on 2.4 million records of random keys.
 *
 * Invariant: a heap lies at the same offset in the caller's array and in the scratch; a deal moves
 * it from one to the other, in order. Cost: at most 64 / DEAL_BITS_MIN deals, each 8 KiB of stack;
 * O(1) an entry and deal.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/sort.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define INSERTION_MAX 24
#define DEAL_BITS_MIN 3
#define DEAL_BITS_MAX 10
/* A deal leaves about 2^HEAP_BITS entries in a heap where they are spread evenly. */
#define HEAP_BITS 2

#define INLINE static inline __attribute__((always_inline))
/* Not cleared by the hardening flags: that takes as long as to deal a small heap. */
#define UNSET __attribute__((uninitialized))

typedef struct entry_shape {
    size_t size;     /* of an entry */
    size_t key_size; /* the key stands first */
} entry_shape;

/* Sort the `count` entries at `from`; they end at `to` where `crosses`, else where they were. Both
 * have room for them. */
typedef void (*heap_sorter)(unsigned char *from, unsigned char *to, size_t count, bool crosses);

INLINE uint64_t key_at(const unsigned char *entry, entry_shape shape)
{
    if (shape.key_size == sizeof(uint32_t)) {
        uint32_t key;
        memcpy(&key, entry, sizeof key);
        return key;
    }
    uint64_t key;
    memcpy(&key, entry, sizeof key);
    return key;
}

INLINE void sort_by_insertion(unsigned char *entries, size_t count, entry_shape shape)
{
    unsigned char moving[sizeof(rsi_record)];
    for (size_t i = 1; i < count; i++) {
        uint64_t key = key_at(entries + i * shape.size, shape);
        size_t hole = i;
        if (key_at(entries + (i - 1) * shape.size, shape) <= key) {
            continue;
        }
        memcpy(moving, entries + i * shape.size, shape.size);
        while (hole > 0 && key_at(entries + (hole - 1) * shape.size, shape) > key) {
            memcpy(entries + hole * shape.size, entries + (hole - 1) * shape.size, shape.size);
            hole--;
        }
        memcpy(entries + hole * shape.size, moving, shape.size);
    }
}

/* The bits in which not all keys agree. */
INLINE uint64_t differing_bits(const unsigned char *entries, size_t count, entry_shape shape)
{
    uint64_t first = key_at(entries, shape);
    uint64_t differing = 0;
    for (size_t i = 1; i < count; i++) {
        differing |= key_at(entries + i * shape.size, shape) ^ first;
    }
    return differing;
}

static unsigned bit_count(uint64_t number)
{
    return 64 - (unsigned)__builtin_clzll(number);
}

/* By how many bits to deal. */
static unsigned deal_bits(size_t count)
{
    unsigned bits = bit_count(count);
    bits = bits > HEAP_BITS + DEAL_BITS_MIN ? bits - HEAP_BITS : DEAL_BITS_MIN;
    return bits < DEAL_BITS_MAX ? bits : DEAL_BITS_MAX;
}

/* Move entries from `from` to `to` by `bits` bits of the key at `shift`; end[heap] is where a heap
 * ends then. */
INLINE void deal(const unsigned char *from, unsigned char *to, size_t count, entry_shape shape,
                 unsigned shift, unsigned bits, size_t *end)
{
    uint64_t mask = (UINT64_C(1) << bits) - 1;
    memset(end, 0, ((size_t)mask + 1) * sizeof *end);
    for (size_t i = 0; i < count; i++) {
        end[key_at(from + i * shape.size, shape) >> shift & mask]++;
    }
    size_t sum = 0;
    for (size_t heap = 0; heap <= mask; heap++) {
        size_t entries = end[heap];
        end[heap] = sum;
        sum += entries;
    }
    for (size_t i = 0; i < count; i++) {
        size_t heap = key_at(from + i * shape.size, shape) >> shift & mask;
        memcpy(to + end[heap]++ * shape.size, from + i * shape.size, shape.size);
    }
}

INLINE void sort_heaps(unsigned char *from, unsigned char *to, size_t count, bool crosses,
                       entry_shape shape, heap_sorter again)
{
    uint64_t differing = count <= INSERTION_MAX ? 0 : differing_bits(from, count, shape);
    if (differing == 0) {
        if (count <= INSERTION_MAX) {
            sort_by_insertion(from, count, shape);
        }
        if (crosses) {
            memcpy(to, from, count * shape.size);
        }
        return;
    }
    UNSET size_t end[1 << DEAL_BITS_MAX]; /* deal sets those that it uses */
    unsigned top = bit_count(differing);
    unsigned bits = deal_bits(count);
    bits = bits < top ? bits : top;
    deal(from, to, count, shape, top - bits, bits, end);
    size_t begin = 0;
    for (size_t heap = 0; heap < (size_t)1 << bits; heap++) {
        size_t entries = end[heap] - begin;
        if (entries > 0) {
            again(to + begin * shape.size, from + begin * shape.size, entries, !crosses);
        }
        begin = end[heap];
    }
}

static void sort_u32(unsigned char *from, unsigned char *to, size_t count, bool crosses)
{
    sort_heaps(from, to, count, crosses, (entry_shape){sizeof(uint32_t), sizeof(uint32_t)},
               sort_u32);
}

static void sort_u64(unsigned char *from, unsigned char *to, size_t count, bool crosses)
{
    sort_heaps(from, to, count, crosses, (entry_shape){sizeof(uint64_t), sizeof(uint64_t)},
               sort_u64);
}

static void sort_records(unsigned char *from, unsigned char *to, size_t count, bool crosses)
{
    sort_heaps(from, to, count, crosses, (entry_shape){sizeof(rsi_record), sizeof(uint64_t)},
               sort_records);
}

static rs_status sort(void *entries, size_t count, void *scratch, size_t size, heap_sorter sorter,
                      rs_error *err)
{
    if (count <= INSERTION_MAX) { /* needs no scratch */
        sorter(entries, NULL, count, false);
        return RS_OK;
    }
    void *owned = scratch == NULL ? malloc(count * size) : NULL;
    if (scratch == NULL && owned == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (sorting %zu entries)", count);
    }
    sorter(entries, scratch == NULL ? owned : scratch, count, false);
    free(owned);
    return RS_OK;
}

rs_status rsi_sort_u32(uint32_t *keys, size_t count, uint32_t *scratch, rs_error *err)
{
    return sort(keys, count, scratch, sizeof *keys, sort_u32, err);
}

rs_status rsi_sort_u64(uint64_t *keys, size_t count, uint64_t *scratch, rs_error *err)
{
    return sort(keys, count, scratch, sizeof *keys, sort_u64, err);
}

rs_status rsi_sort_records(rsi_record *records, size_t count, rsi_record *scratch, rs_error *err)
{
    _Static_assert(offsetof(rsi_record, key) == 0, "the key is what an entry starts with");
    return sort(records, count, scratch, sizeof *records, sort_records, err);
}

size_t rsi_count_below(const uint64_t *sorted, size_t count, uint64_t x)
{
    const uint64_t *at = sorted;
    while (count > 0) {
        size_t half = count / 2;
        bool right = at[half] < x;
        at += right ? half + 1 : 0;
        count = right ? count - half - 1 : half;
    }
    return (size_t)(at - sorted);
}
