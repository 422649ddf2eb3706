/* settled.c - open addressing, a power of two, at most half full; entries never go before the table
 * does.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ingest/settled.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/hash.h"

enum { FIRST_ENTRIES = 32, ENTRIES_MAX = 1 << 16 };

/* Names are short and few: their ends tell them apart; longer ones are hashed whole. */
static uint64_t hash_parts(const rsi_settled_table *table, const rs_text *cells)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < table->parts; i++) {
        rs_text part = cells[table->slots[i]];
        uint64_t head;
        uint64_t tail;
        rsi_settled_ends(part, &head, &tail);
        uint64_t value = part.length > RSI_SETTLED_SHORT
                             ? rsi_hash64(part.bytes, part.length, 0)
                             : rsi_settled_hash(part.length, head, tail);
        hash = i == 0 ? value : rsi_settled_mix(hash, value);
    }
    return hash;
}

static bool same_parts(const rsi_settled_table *table, const rsi_settled *one, const rs_text *cells)
{
    const char *at = one->text;
    for (size_t i = 0; i < table->parts; i++) {
        rs_text part = cells[table->slots[i]];
        if (part.length != one->lengths[i] ||
            (part.length > 0 && memcmp(at, part.bytes, part.length) != 0)) {
            return false;
        }
        at += part.length;
    }
    return true;
}

const rsi_settled *rsi_settled_find(const rsi_settled_table *table, const rs_text *cells)
{
    uint64_t hash = hash_parts(table, cells);
    if (table->capacity == 0) {
        return NULL;
    }
    for (size_t i = (size_t)hash & (table->capacity - 1); table->entries[i].text != NULL;
         i = (i + 1) & (table->capacity - 1)) {
        if (table->entries[i].hash == hash && same_parts(table, &table->entries[i], cells)) {
            return &table->entries[i];
        }
    }
    return NULL;
}

static rs_status grow(rsi_settled_table *table, rs_error *err)
{
    size_t capacity = table->capacity == 0 ? FIRST_ENTRIES : table->capacity * 2;
    if (table->count >= ENTRIES_MAX) {
        return rs_fail(err, RS_EUSAGE, "more than %d names of relations and types in columns",
                       ENTRIES_MAX);
    }
    rsi_settled *entries = calloc(capacity, sizeof *entries);
    if (entries == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (relation names)");
    }
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->entries[i].text == NULL) {
            continue;
        }
        size_t to = (size_t)table->entries[i].hash & (capacity - 1);
        while (entries[to].text != NULL) {
            to = (to + 1) & (capacity - 1);
        }
        entries[to] = table->entries[i];
    }
    free(table->entries);
    table->entries = entries;
    table->capacity = capacity;
    return RS_OK;
}

rs_status rsi_settled_add(rsi_settled_table *table, const rs_text *cells, rsi_settled *one,
                          const rsi_settled **added, rs_error *err)
{
    size_t length = 0;
    if (table->count * 2 >= table->capacity) {
        rs_status status = grow(table, err);
        if (status != RS_OK) {
            return status;
        }
    }
    for (size_t i = 0; i < table->parts; i++) {
        one->lengths[i] = (uint32_t)cells[table->slots[i]].length;
        length += one->lengths[i];
    }
    one->text = malloc(length + 1);
    if (one->text == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (relation names)");
    }
    char *at = one->text;
    for (size_t i = 0; i < table->parts; i++) {
        rs_text part = cells[table->slots[i]];
        if (part.length > 0) {
            memcpy(at, part.bytes, part.length);
        }
        at += part.length;
    }
    rsi_settled_ends(cells[table->slots[0]], &one->head, &one->tail);
    one->hash = hash_parts(table, cells);
    size_t to = (size_t)one->hash & (table->capacity - 1);
    while (table->entries[to].text != NULL) {
        to = (to + 1) & (table->capacity - 1);
    }
    table->entries[to] = *one;
    table->count++;
    *added = &table->entries[to];
    return RS_OK;
}

void rsi_settled_clear(rsi_settled_table *table)
{
    for (size_t i = 0; i < table->capacity; i++) {
        free(table->entries[i].text);
        free(table->entries[i].attributes);
    }
    free(table->entries);
    free(table->only.attributes);
}
