/* sort.c - one radix sort for three shapes of entry, made by inlining it with constant sizes.
 *
 * Law: after the pass over byte b the entries are in order of their low b + 1 bytes.
 * Layout: entries move to and fro between the caller's array and the scratch; after an odd number
 * of moves they are copied home. Cost: time O(count x differing bytes), 2 KiB of stack.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/sort.h"

#include <stdlib.h>
#include <string.h>

/* Below this many entries, moving them one by one is faster than counting 256 bins. */
#define INSERTION_MAX 40

#define INLINE static inline __attribute__((always_inline))

INLINE uint64_t key_at(const unsigned char *entry, size_t key_size)
{
    if (key_size == sizeof(uint32_t)) {
        uint32_t key;
        memcpy(&key, entry, sizeof key);
        return key;
    }
    uint64_t key;
    memcpy(&key, entry, sizeof key);
    return key;
}

INLINE void sort_by_insertion(unsigned char *entries, size_t count, size_t size, size_t key_size)
{
    unsigned char moving[sizeof(rsi_record)];
    for (size_t i = 1; i < count; i++) {
        uint64_t key = key_at(entries + i * size, key_size);
        size_t hole = i;
        if (key_at(entries + (i - 1) * size, key_size) <= key) {
            continue;
        }
        memcpy(moving, entries + i * size, size);
        while (hole > 0 && key_at(entries + (hole - 1) * size, key_size) > key) {
            memcpy(entries + hole * size, entries + (hole - 1) * size, size);
            hole--;
        }
        memcpy(entries + hole * size, moving, size);
    }
}

/* The bits in which not all keys agree. */
INLINE uint64_t differing_bits(const unsigned char *entries, size_t count, size_t size,
                               size_t key_size)
{
    uint64_t first = key_at(entries, key_size);
    uint64_t differing = 0;
    for (size_t i = 1; i < count; i++) {
        differing |= key_at(entries + i * size, key_size) ^ first;
    }
    return differing;
}

INLINE void move_by_byte(const unsigned char *from, unsigned char *to, size_t count, size_t size,
                         size_t key_size, unsigned shift)
{
    size_t place[256] = {0};
    for (size_t i = 0; i < count; i++) {
        place[key_at(from + i * size, key_size) >> shift & 0xff]++;
    }
    size_t sum = 0;
    for (size_t bin = 0; bin < 256; bin++) {
        size_t entries = place[bin];
        place[bin] = sum;
        sum += entries;
    }
    for (size_t i = 0; i < count; i++) {
        size_t bin = key_at(from + i * size, key_size) >> shift & 0xff;
        memcpy(to + place[bin]++ * size, from + i * size, size);
    }
}

INLINE rs_status sort(void *entries, size_t count, void *scratch, size_t size, size_t key_size,
                      rs_error *err)
{
    if (count <= INSERTION_MAX) {
        sort_by_insertion(entries, count, size, key_size);
        return RS_OK;
    }
    uint64_t differing = differing_bits(entries, count, size, key_size);
    if (differing == 0) {
        return RS_OK;
    }
    unsigned char *owned = scratch == NULL ? malloc(count * size) : NULL;
    unsigned char *from = entries;
    unsigned char *to = scratch == NULL ? owned : scratch;
    if (to == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (sorting %zu entries)", count);
    }
    for (unsigned shift = 0; shift < key_size * 8; shift += 8) {
        if ((differing >> shift & 0xff) != 0) {
            move_by_byte(from, to, count, size, key_size, shift);
            unsigned char *swap = from;
            from = to;
            to = swap;
        }
    }
    if (from != entries) {
        memcpy(entries, from, count * size);
    }
    free(owned);
    return RS_OK;
}

rs_status rsi_sort_u32(uint32_t *keys, size_t count, uint32_t *scratch, rs_error *err)
{
    return sort(keys, count, scratch, sizeof *keys, sizeof *keys, err);
}

rs_status rsi_sort_u64(uint64_t *keys, size_t count, uint64_t *scratch, rs_error *err)
{
    return sort(keys, count, scratch, sizeof *keys, sizeof *keys, err);
}

rs_status rsi_sort_records(rsi_record *records, size_t count, rsi_record *scratch, rs_error *err)
{
    _Static_assert(offsetof(rsi_record, key) == 0, "the key is what an entry starts with");
    return sort(records, count, scratch, sizeof *records, sizeof records->key, err);
}
