/* settled.h - what the names in a row's cells came to, looked up once and then found in a hash
 * table.
 *
 * A rule whose relation or types stand in columns reads up to four cells; `text` holds them one
 * behind the other. For one cell of up to 16 bytes, the common case, two words and the length are
 * the whole key.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_INGEST_SETTLED_H
#define RSI_INGEST_SETTLED_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "ringscope/error.h"
#include "ringscope/text.h"

enum { RSI_SETTLED_PARTS = 4, RSI_SETTLED_SHORT = 16 };

/* What the dynamic cells of a row came to. `text` holds the parts one behind the other. */
typedef struct rsi_settled {
    uint64_t hash;
    /* Of the first part: with its length they are all of it, up to RSI_SETTLED_SHORT bytes. */
    uint64_t head;
    uint64_t tail;
    char *text; /* NULL: free */
    uint32_t lengths[RSI_SETTLED_PARTS];
    uint32_t relation; /* or a node's type */
    uint32_t types[2];
    uint32_t *attributes; /* of a node rule */
} rsi_settled;

typedef struct rsi_settled_table {
    size_t parts; /* how many cells the rule reads; 0: `only` holds for every row */
    size_t slots[RSI_SETTLED_PARTS];
    rsi_settled only;
    rsi_settled *entries; /* open addressing, a power of two, at most half full */
    size_t capacity;
    size_t count;
} rsi_settled_table;

static inline uint64_t rsi_settled_load(const char *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

/* Two words that with the length are all of a text of up to 16 bytes; one branch, because lengths
 * change from row to row and a wrong guess costs more than the loads (the shape is wyhash's). */
static inline void rsi_settled_ends(rs_text text, uint64_t *head, uint64_t *tail)
{
    const char *bytes = text.bytes;
    if (text.length >= 4) {
        size_t step =
            text.length < RSI_SETTLED_SHORT ? text.length >> 3 << 2 : RSI_SETTLED_SHORT / 2;
        const char *last = bytes + text.length - 4;
        *head = rsi_settled_load(bytes) << 32 | rsi_settled_load(bytes + step);
        *tail = rsi_settled_load(last) << 32 | rsi_settled_load(last - step);
        return;
    }
    *head = 0;
    *tail = 0;
    for (size_t i = 0; i < text.length; i++) {
        *head = *head << 8 | (unsigned char)bytes[i];
    }
}

static inline uint64_t rsi_settled_mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0xFF51AFD7ED558CCD);
    return hash ^ hash >> 32;
}

static inline uint64_t rsi_settled_hash(size_t length, uint64_t head, uint64_t tail)
{
    return rsi_settled_mix(0, ((head ^ length) * UINT64_C(0x9E3779B97F4A7C15)) + tail);
}

/* The entry for a table of one part whose cell has at most RSI_SETTLED_SHORT bytes, or NULL. */
static inline const rsi_settled *rsi_settled_find_short(const rsi_settled_table *table,
                                                        rs_text part)
{
    uint64_t head;
    uint64_t tail;
    if (table->capacity == 0) {
        return NULL;
    }
    rsi_settled_ends(part, &head, &tail);
    uint64_t hash = rsi_settled_hash(part.length, head, tail);
    for (size_t i = (size_t)hash & (table->capacity - 1); table->entries[i].text != NULL;
         i = (i + 1) & (table->capacity - 1)) {
        const rsi_settled *one = &table->entries[i];
        if (one->head == head && one->tail == tail && one->lengths[0] == part.length) {
            return one;
        }
    }
    return NULL;
}

/* The entry under the row's cells, or NULL. */
const rsi_settled *rsi_settled_find(const rsi_settled_table *table, const rs_text *cells);
/* Put `one` under the row's cells; its key is filled in here, and its memory belongs to the table
 * from then on. RS_ENOMEM, RS_EUSAGE over 65,536 entries; then `one` stays the caller's. */
RS_MUST_USE rs_status rsi_settled_add(rsi_settled_table *table, const rs_text *cells,
                                      rsi_settled *one, const rsi_settled **added, rs_error *err);
void rsi_settled_clear(rsi_settled_table *table);

#endif
