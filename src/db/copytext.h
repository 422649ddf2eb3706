/* copytext.h - a row as PostgreSQL's COPY TO writes it in text form -> its fields.
 *
 *   row   = field *( TAB field )           one line a row: an end of line within a field is escaped
 *   field = "\N" (null) | *( byte | "\" ( b | f | n | r | t | v | byte ) )
 *
 * Source: the PostgreSQL manual, "COPY", text format.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_DB_COPYTEXT_H
#define RSI_DB_COPYTEXT_H

#include <stddef.h>

#include "ringscope/text.h"

/* Split a row of `length` bytes, its line feed not counted; returns how many fields it has, of
 * which the first `capacity` are in `fields`. A field points into the row, or into `unescaped`
 * where it had escapes; null is an empty field. `unescaped` has room for `length` bytes; what was
 * used of it is added to *used. O(length). */
size_t rsi_copytext_split(const char *row, size_t length, rs_text *fields, size_t capacity,
                          char *unescaped, size_t *used);

#endif
