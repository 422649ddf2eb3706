/* columns.h - what the columns of a source look like, for the profile.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_INGEST_COLUMNS_H
#define RSI_INGEST_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ingest/feed.h"
#include "ringscope/error.h"
#include "ringscope/text.h"

enum { RSI_COLUMNS_SHOWN = 1024 };

/* One column over all rows of all files of a source. */
typedef struct rsi_column {
    char *name; /* bytes, not NUL-terminated */
    size_t name_length;
    uint64_t filled_count; /* cells that are not empty; the four below add up to it */
    uint64_t integer_count;
    uint64_t decimal_count; /* numbers that are not integers */
    uint64_t iso_count;     /* ISO 8601 times */
    uint64_t text_count;    /* anything else */
    int64_t integer_min;    /* of the integers that fit */
    int64_t integer_max;
    int64_t iso_min;
    int64_t iso_max;
    size_t length_min; /* bytes, of cells that are not empty */
    size_t length_max;
} rsi_column;

typedef struct rsi_columns {
    rsi_column *items;
    size_t count;
    size_t left_out; /* columns beyond RSI_COLUMNS_SHOWN, each time one is met */
    uint64_t row_count;
} rsi_columns;

/* Look at every row of the piece; rows that are no record of the right length are left out.
 * RS_ENOMEM. */
RS_MUST_USE rs_status rsi_columns_look(rsi_columns *columns, const rsi_feed_piece *piece,
                                       rs_error *err);
void rsi_columns_clear(rsi_columns *columns);

/* "integer", "decimal", "time", "text" or "empty". */
const char *rsi_column_kind(const rsi_column *column);

#endif
