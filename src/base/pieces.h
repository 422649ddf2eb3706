/* pieces.h - a stream cut into pieces of whole records, so that several threads can parse it.
 *
 * A byte order mark at the start is dropped; a last line without its line feed gets one. Where the
 * cuts fall changes nothing about the records.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_PIECES_H
#define RSI_BASE_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/stream.h"
#include "ringscope/error.h"

typedef struct rsi_pieces rsi_pieces;

/* A buffer that the caller owns and frees with free(bytes); { 0 } is an empty one. */
typedef struct rsi_piece {
    char *bytes;
    size_t length;
    size_t capacity;
} rsi_piece;

/* How records end. */
typedef struct rsi_pieces_options {
    bool lines;     /* every LF ends a record; otherwise CSV with `delimiter` */
    bool keep_mark; /* a byte order mark at the start is text like any other */
    char delimiter;
    size_t piece_bytes; /* about as many in a piece, and more where one record needs it */
} rsi_pieces_options;

/* Cut up `stream`, which stays the caller's and has to outlive the cutting. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_pieces_new(rsi_pieces **out, rsi_stream *stream,
                                     const rsi_pieces_options *options, rs_error *err);
void rsi_pieces_free(rsi_pieces *pieces);

/* The next piece; its length is 0 at the end. What the stream fails with; RS_EINPUT without a
 * place, and *too_long, where a record is longer than RSI_CSV_RECORD_MAX. */
RS_MUST_USE rs_status rsi_pieces_next(rsi_pieces *pieces, rsi_piece *piece, bool *too_long,
                                      rs_error *err);

#endif
