/* chunk.h - parse one piece of a file into rows.
 *
 * A chunk is used again and again; what it lends (ids that point into its piece or its own text)
 * is valid until its next piece is read.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_INGEST_CHUNK_H
#define RSI_INGEST_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/csv.h"
#include "base/json.h"
#include "ingest/feed.h"
#include "ingest/rows.h"

/* A row that was not taken. */
typedef struct rsi_bad_row {
    uint64_t line; /* 0-based, from the start of the piece */
    size_t column; /* 1-based: the field (CSV), the byte of the line (JSON Lines) */
    size_t start;  /* of the row in the piece */
    size_t length;
    size_t reason; /* offset in the chunk's reasons, NUL-terminated */
    bool unclosed; /* it took all that follows with it: no row that could be put aside */
} rsi_bad_row;

typedef struct rsi_chunk {
    rsi_feed_piece input; /* filled by rsi_feed_next */
    uint64_t row_count;   /* good and bad */
    uint64_t line_count;  /* LF in the piece */
    uint64_t yield;       /* relations and nodes that its rows gave */
    rsi_bad_row *bad;
    size_t bad_count;
    rs_status status; /* what reading or parsing it failed with */
    rs_error error;
    bool done; /* the queue's: it need not be parsed any more */
    /* private */
    rsi_bad_cell bad_cell;
    rsi_row row;
    size_t bad_capacity;
    char *reasons;
    size_t reasons_length;
    size_t reasons_capacity;
    rsi_csv_scan *scan;
    char scan_delimiter;
    size_t scan_fields;
    rsi_json *json;
    rs_text *cells;
    size_t *columns; /* of each cell, for bad rows */
    size_t cell_capacity;
    rs_text *fields; /* of a query's row */
    size_t field_capacity;
    char *text; /* what had escapes (JSON, queries); as long as the longest piece */
    size_t text_length;
    size_t text_capacity;
} rsi_chunk;

/* Where rows go. `line` is 0-based from the start of the piece. */
typedef struct rsi_row_sink {
    void *context;
    rs_status (*row)(void *context, const rsi_row *row, uint64_t line, rs_error *err);
    /* Relations of rows that gave nothing else, many at once, each with its `line`. NULL: all rows
     * come one by one. */
    rs_status (*edges)(void *context, rsi_edge_row *edges, size_t count, rs_error *err);
} rsi_row_sink;

/* Parse the chunk's piece. Bad rows are collected in the chunk; with `stop_at_bad` only the first
 * is, and the rest is left. Fails with what the sink and the registry fail with, and RS_ENOMEM. */
RS_MUST_USE rs_status rsi_chunk_parse(rsi_chunk *chunk, rsi_rower *rower, const rsi_row_sink *sink,
                                      bool stop_at_bad, rs_error *err);
const char *rsi_chunk_reason(const rsi_chunk *chunk, const rsi_bad_row *bad);
void rsi_chunk_clear(rsi_chunk *chunk); /* frees what it holds, not the chunk itself */

#endif
