/* ringid.h - the name that a ring gets at birth: a hash of the as-of time and its members.
 *
 * The same members at the same as-of time give the same name, whatever order they come in and
 * whatever numbers the store gave them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_RINGID_H
#define RSI_BASE_RINGID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ringscope/text.h"

enum { RSI_RING_ID_LENGTH = 15 }; /* "R-" and 13 characters */

typedef struct rsi_ring_name {
    rs_text type;
    rs_text id;
} rsi_ring_name;

/* Write the id and a NUL into `id`. `members` are put in byte order of (type, id), and otherwise
 * only read. `as_of` is UTC seconds or RS_NO_TIME. O(n log n), no allocation of our own. */
void rsi_ring_id(int64_t as_of, rsi_ring_name *members, size_t count,
                 char id[RSI_RING_ID_LENGTH + 1]);

/* A valid id as the number that it writes, and back. */
uint64_t rsi_ring_id_number(const char *id);
void rsi_ring_id_write(uint64_t number, char id[RSI_RING_ID_LENGTH + 1]);

/* An id as a person types it, of 15 characters: either case, O for 0, I and L for 1. Writes it in
 * the letters of rsi_ring_id; false where it cannot be one. */
bool rsi_ring_id_read(rs_text text, char id[RSI_RING_ID_LENGTH + 1]);

/* Whether `text` has the form of a ring's id, in the letters that rsi_ring_id writes. */
bool rsi_ring_id_valid(rs_text text);

#endif
