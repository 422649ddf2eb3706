/* feed.h - all input files, one after another, as chunks of whole records.
 *
 * Life     rsi_feed_new -> rsi_feed_next until a chunk is empty -> rsi_feed_free
 * Threads  one call at a time; what it filled is read by any thread
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_INGEST_FEED_H
#define RSI_INGEST_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pieces.h"
#include "base/stream.h"
#include "ingest/inputs.h"
#include "ingest/mapping.h"
#include "ringscope/error.h"
#include "ringscope/text.h"

/* An input file and what its header said. */
typedef struct rsi_file {
    const rsi_input *input;
    const rsi_source *source;
    size_t *field_of_slot; /* CSV and queries */
    size_t field_count;
    rs_text *header; /* its fields, with keep_header */
    char *header_text;
    uint64_t line_count; /* LF that the feed has handed out; only with count_lines */
} rsi_file;

typedef struct rsi_feed_options {
    size_t piece_bytes;
    bool count_lines; /* know the line of each chunk at once */
    bool keep_header;
    rsi_stream_check check; /* asked while a pipe or a server keeps a read waiting; may be NULL */
    void *check_context;
} rsi_feed_options;

/* Whole records of one file. */
typedef struct rsi_feed_piece {
    rsi_piece piece;
    const rsi_file *file;
    size_t file_index;
    size_t start;  /* offset of the first record: behind the header */
    uint64_t line; /* 0-based line of the piece's first byte; with count_lines, else 0 */
    bool too_long; /* the failure is a record without end: its place is to be added */
} rsi_feed_piece;

typedef struct rsi_feed rsi_feed;

/* `inputs` and `mapping` have to outlive the feed. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_feed_new(rsi_feed **out, const rsi_inputs *inputs,
                                   const rsi_mapping *mapping, const rsi_feed_options *options,
                                   rs_error *err);
void rsi_feed_free(rsi_feed *feed);
/* The next piece; its length is 0 at the end of the last file. RS_EIO, RS_EINPUT (a damaged file, a
 * bad header, no header, a record too long), RS_ENOMEM. */
RS_MUST_USE rs_status rsi_feed_next(rsi_feed *feed, rsi_feed_piece *piece, rs_error *err);
/* How much was read: bytes as stored, or rows where all inputs are queries. */
uint64_t rsi_feed_done(const rsi_feed *feed);
/* "bytes" or "rows". */
const char *rsi_feed_unit(const rsi_inputs *inputs);

#endif
