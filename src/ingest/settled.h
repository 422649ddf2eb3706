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

#include "base/bytes.h"
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

/* The first eight bytes of a text and the next eight as words, zeros where it ends: with the length
 * all of a text of up to 16 bytes. */
static inline void rsi_settled_ends(rs_text text, uint64_t *head, uint64_t *tail)
{
    const char *bytes = text.bytes;
    size_t length = text.length < RSI_SETTLED_SHORT ? text.length : RSI_SETTLED_SHORT;
    *head = 0;
    *tail = 0;
    if (length > 8) {
        *head = rsi_load_u64le(bytes);
        *tail = rsi_load_u64le(bytes + length - 8) >> (8 * (16 - length));
    } else if (length >= 4) {
        *head = (uint64_t)rsi_load_u32le(bytes) | (uint64_t)rsi_load_u32le(bytes + length - 4)
                                                      << (8 * (length - 4));
    } else {
        for (size_t i = 0; i < length; i++) {
            *head |= (uint64_t)(unsigned char)bytes[i] << (8 * i);
        }
    }
}

/* The same where 16 bytes can be read from the text on, and it is no longer than that. No branch:
 * lengths change from row to row, and a wrong guess costs more than all the rest. */
static inline void rsi_settled_ends_padded(rs_text text, uint64_t *head, uint64_t *tail)
{
#define KEEP(bytes) ((UINT64_C(1) << (8 * (bytes))) - 1)
    static const uint64_t keep[25] = {0,          0,          0,          0,          0,
                                      0,          0,          0,          0,          KEEP(1),
                                      KEEP(2),    KEEP(3),    KEEP(4),    KEEP(5),    KEEP(6),
                                      KEEP(7),    UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
                                      UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
#undef KEEP
    *head = rsi_load_u64le(text.bytes) & keep[text.length + 8];
    *tail = rsi_load_u64le(text.bytes + 8) & keep[text.length];
}

static inline uint64_t rsi_settled_mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0xFF51AFD7ED558CCD);
    return hash ^ hash >> 32;
}

static inline uint64_t rsi_settled_hash(size_t length, uint64_t head, uint64_t tail)
{
    uint64_t hash =
        (head ^ tail * UINT64_C(0x9E3779B97F4A7C15) ^ length) * UINT64_C(0xFF51AFD7ED558CCD);
    return hash ^ hash >> 32;
}

/* The entry for a table of one part whose cell has at most RSI_SETTLED_SHORT bytes and these ends,
 * or NULL. */
static inline const rsi_settled *rsi_settled_find_ends(const rsi_settled_table *table,
                                                       size_t length, uint64_t head, uint64_t tail)
{
    size_t mask = table->capacity - 1;
    if (table->capacity == 0) {
        return NULL;
    }
    for (size_t i = (size_t)rsi_settled_hash(length, head, tail) & mask;
         table->entries[i].text != NULL; i = (i + 1) & mask) {
        const rsi_settled *one = &table->entries[i];
        if (one->head == head && one->tail == tail && one->lengths[0] == length) {
            return one;
        }
    }
    return NULL;
}

static inline const rsi_settled *rsi_settled_find_short(const rsi_settled_table *table,
                                                        rs_text part)
{
    uint64_t head;
    uint64_t tail;
    rsi_settled_ends(part, &head, &tail);
    return rsi_settled_find_ends(table, part.length, head, tail);
}

/* The entry under the row's cells, or NULL. */
const rsi_settled *rsi_settled_find(const rsi_settled_table *table, const rs_text *cells);
/* Put `one` under the row's cells; its key is filled in here, and its memory belongs to the table
 * from then on. RS_ENOMEM, RS_EUSAGE over 65,536 entries; then `one` stays the caller's. */
RS_MUST_USE rs_status rsi_settled_add(rsi_settled_table *table, const rs_text *cells,
                                      rsi_settled *one, const rsi_settled **added, rs_error *err);
void rsi_settled_clear(rsi_settled_table *table);

#endif
