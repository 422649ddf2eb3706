/* ids.c - open addressing with linear probing, at most half full.
 *
 * Invariant: ids are compared by their bytes, never by a hash alone.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "lab/ids.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

void rsi_ids_free(rsi_ids *ids)
{
    free(ids->bytes);
    free(ids->ends);
    free(ids->slots);
    *ids = (rsi_ids){0};
}

rs_text rsi_ids_text(const rsi_ids *ids, uint32_t number)
{
    uint64_t start = number == 0 ? 0 : ids->ends[number - 1];
    return (rs_text){ids->bytes + start, (size_t)(ids->ends[number] - start)};
}

/* Where `text` is or would be. */
static size_t slot_of(const rsi_ids *ids, rs_text text)
{
    size_t at = (size_t)rsi_hash64(text.bytes, text.length, 0) & (ids->slot_count - 1);
    for (;; at = (at + 1) & (ids->slot_count - 1)) {
        if (ids->slots[at] == 0) {
            return at;
        }
        rs_text other = rsi_ids_text(ids, ids->slots[at] - 1);
        if (other.length == text.length &&
            (text.length == 0 || memcmp(other.bytes, text.bytes, text.length) == 0)) {
            return at;
        }
    }
}

uint32_t rsi_ids_find(const rsi_ids *ids, rs_text text)
{
    if (ids->slot_count == 0) {
        return RSI_NO_ID;
    }
    uint32_t found = ids->slots[slot_of(ids, text)];
    return found == 0 ? RSI_NO_ID : found - 1;
}

static bool grow_slots(rsi_ids *ids)
{
    size_t wanted = ids->slot_count == 0 ? 1024 : ids->slot_count * 2;
    uint32_t *slots = calloc(wanted, sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    free(ids->slots);
    ids->slots = slots;
    ids->slot_count = wanted;
    for (uint32_t i = 0; i < ids->count; i++) {
        ids->slots[slot_of(ids, rsi_ids_text(ids, i))] = i + 1;
    }
    return true;
}

static bool make_room(rsi_ids *ids, size_t length)
{
    if (ids->count == ids->capacity) {
        size_t wanted = ids->capacity == 0 ? 512 : ids->capacity * 2;
        uint64_t *ends = realloc(ids->ends, wanted * sizeof *ends);
        if (ends == NULL) {
            return false;
        }
        ids->ends = ends;
        ids->capacity = wanted;
    }
    if (ids->byte_capacity - ids->byte_count < length) {
        size_t wanted = ids->byte_capacity * 2 + length + 4096;
        char *bytes = realloc(ids->bytes, wanted);
        if (bytes == NULL) {
            return false;
        }
        ids->bytes = bytes;
        ids->byte_capacity = wanted;
    }
    return (size_t)ids->count * 2 < ids->slot_count || grow_slots(ids);
}

rs_status rsi_ids_add(rsi_ids *ids, rs_text text, uint32_t *number, bool *is_new, rs_error *err)
{
    if (ids->count == UINT32_MAX - 1 || !make_room(ids, text.length)) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u ids)", ids->count);
    }
    size_t at = slot_of(ids, text);
    *is_new = ids->slots[at] == 0;
    if (*is_new) {
        if (text.length > 0) {
            memcpy(ids->bytes + ids->byte_count, text.bytes, text.length);
        }
        ids->byte_count += text.length;
        ids->ends[ids->count] = ids->byte_count;
        ids->slots[at] = ++ids->count;
    }
    *number = ids->slots[at] - 1;
    return RS_OK;
}

struct named {
    rs_text text;
    uint32_t number;
};

static int by_bytes(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    size_t shorter = x->text.length < y->text.length ? x->text.length : y->text.length;
    int order = shorter == 0 ? 0 : memcmp(x->text.bytes, y->text.bytes, shorter);
    if (order != 0) {
        return order;
    }
    return x->text.length < y->text.length ? -1 : x->text.length > y->text.length ? 1 : 0;
}

rs_status rsi_ids_sorted(const rsi_ids *ids, uint32_t **order, rs_error *err)
{
    *order = NULL;
    if (ids->count == 0) {
        return RS_OK;
    }
    struct named *all = malloc(ids->count * sizeof *all);
    uint32_t *numbers = malloc(ids->count * sizeof *numbers);
    if (all == NULL || numbers == NULL) {
        free(all);
        free(numbers);
        return rs_fail(err, RS_ENOMEM, "out of memory (%u ids)", ids->count);
    }
    for (uint32_t i = 0; i < ids->count; i++) {
        all[i] = (struct named){rsi_ids_text(ids, i), i};
    }
    qsort(all, ids->count, sizeof *all, by_bytes);
    for (uint32_t i = 0; i < ids->count; i++) {
        numbers[i] = all[i].number;
    }
    free(all);
    *order = numbers;
    return RS_OK;
}
