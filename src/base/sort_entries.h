/* sort_entries.h - the few or many entries of one node, of any shape, in order.
 *
 * Few are sorted by insertion. Many are dealt by a key of 64 bits (sort.h) that ascends with their
 * order, and only what is equal in it is compared. Inlined with a constant size and known
 * functions, so that each shape of entry gets a sort of its own.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_SORT_ENTRIES_H
#define RSI_BASE_SORT_ENTRIES_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/sort.h"
#include "base/try.h"

typedef struct rsi_entry_order {
    size_t size;                                /* of an entry, at most RSI_ENTRY_MAX */
    uint64_t (*key)(const void *entry);         /* never descends where `compare` ascends */
    int (*compare)(const void *, const void *); /* NULL: by key alone, and stable */
} rsi_entry_order;

enum { RSI_ENTRY_MAX = 64, RSI_ENTRIES_FEW = 40 };
#define RSI_INLINE static inline __attribute__((always_inline))

RSI_INLINE bool rsi_entry_before(const void *one, const void *other, rsi_entry_order order)
{
    return order.compare != NULL ? order.compare(one, other) < 0
                                 : order.key(one) < order.key(other);
}

RSI_INLINE void rsi_sort_few_entries(char *entries, size_t count, rsi_entry_order order)
{
    _Alignas(16) char moving[RSI_ENTRY_MAX];
    for (size_t i = 1; i < count; i++) {
        char *hole = entries + i * order.size;
        if (!rsi_entry_before(hole, hole - order.size, order)) {
            continue;
        }
        memcpy(moving, hole, order.size);
        while (hole > entries && rsi_entry_before(moving, hole - order.size, order)) {
            memcpy(hole, hole - order.size, order.size);
            hole -= order.size;
        }
        memcpy(hole, moving, order.size);
    }
}

RSI_INLINE rs_status rsi_sort_many_entries(char *entries, size_t count, rsi_entry_order order,
                                           rs_error *err)
{
    rs_status status = RS_OK;
    rsi_record *records = malloc(count * sizeof *records);
    char *sorted = malloc(count * order.size);
    if (records == NULL || sorted == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu entries of one node)", count);
        goto done;
    }
    for (size_t i = 0; i < count; i++) {
        records[i] = (rsi_record){.key = order.key(entries + i * order.size), .value = i};
    }
    RS_TRY(rsi_sort_records(records, count, NULL, err));
    for (size_t i = 0; i < count; i++) {
        memcpy(sorted + i * order.size, entries + records[i].value * order.size, order.size);
    }
    for (size_t i = 0, end; i < count && order.compare != NULL; i = end) {
        for (end = i + 1; end < count && records[end].key == records[i].key; end++) {
        }
        if (end - i > 1) {
            qsort(sorted + i * order.size, end - i, order.size, order.compare);
        }
    }
    memcpy(entries, sorted, count * order.size);
done:
    free(sorted);
    free(records);
    return status;
}

/* RS_ENOMEM, for many alone. O(count), but for what is equal by key. */
RSI_INLINE rs_status rsi_sort_entries(void *entries, size_t count, rsi_entry_order order,
                                      rs_error *err)
{
    if (count > RSI_ENTRIES_FEW) {
        return rsi_sort_many_entries(entries, count, order, err);
    }
    rsi_sort_few_entries(entries, count, order);
    return RS_OK;
}

#endif
