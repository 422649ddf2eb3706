/* pieces.c - read, cut behind the last whole record, carry the rest over to the next piece.
 *
 * Invariant: carry[0 .. carry_length) starts with a record and was read but not handed out.
 * Cost: one copy of the carried bytes, one backward search for LF and one memchr for a quote.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/pieces.h"

#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/try.h"

struct rsi_pieces {
    rsi_stream *stream;
    rsi_pieces_options options;
    bool started;
    bool ended;
    char *carry;
    size_t carry_length;
    size_t carry_capacity;
};

rs_status rsi_pieces_new(rsi_pieces **out, rsi_stream *stream, const rsi_pieces_options *options,
                         rs_error *err)
{
    rsi_pieces *pieces = calloc(1, sizeof *pieces);
    if (pieces == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (pieces)");
    }
    pieces->stream = stream;
    pieces->options = *options;
    pieces->started = options->keep_mark;
    *out = pieces;
    return RS_OK;
}

void rsi_pieces_free(rsi_pieces *pieces)
{
    if (pieces != NULL) {
        free(pieces->carry);
        free(pieces);
    }
}

/* Room for `wanted` bytes and the line feed that the end may need. */
static rs_status reserve(char **bytes, size_t *capacity, size_t wanted, rs_error *err)
{
    if (*capacity >= wanted + 1) {
        return RS_OK;
    }
    char *grown = realloc(*bytes, wanted + 1);
    if (grown == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (piece of %zu bytes)", wanted);
    }
    *bytes = grown;
    *capacity = wanted + 1;
    return RS_OK;
}

static void drop_mark(rsi_pieces *pieces, rsi_piece *piece)
{
    if (!pieces->started && piece->length >= 3 && memcmp(piece->bytes, "\xEF\xBB\xBF", 3) == 0) {
        piece->length -= 3;
        memmove(piece->bytes, piece->bytes + 3, piece->length);
    }
    pieces->started = true;
}

/* Fill the piece up to `size` bytes. */
static rs_status fill(rsi_pieces *pieces, rsi_piece *piece, size_t size, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(reserve(&piece->bytes, &piece->capacity, size, err));
    while (!pieces->ended && piece->length < size) {
        size_t got = 0;
        RS_TRY(rsi_stream_read(pieces->stream, piece->bytes + piece->length, size - piece->length,
                               &got, err));
        piece->length += got;
        pieces->ended = got == 0;
        /* The first three bytes tell; a stream gives less than asked for only at its end. */
        if (!pieces->started && (piece->length >= 3 || pieces->ended)) {
            drop_mark(pieces, piece);
        }
    }
done:
    return status;
}

static size_t whole_records(const rsi_pieces *pieces, const rsi_piece *piece)
{
    if (!pieces->options.lines) {
        return rsi_csv_whole(piece->bytes, piece->length, pieces->options.delimiter);
    }
    const char *lf = memrchr(piece->bytes, '\n', piece->length);
    return lf == NULL ? 0 : (size_t)(lf - piece->bytes) + 1;
}

static rs_status take_carry(rsi_pieces *pieces, rsi_piece *piece, rs_error *err)
{
    rs_status status = RS_OK;
    piece->length = 0;
    RS_TRY(reserve(&piece->bytes, &piece->capacity, pieces->carry_length, err));
    if (pieces->carry_length > 0) {
        memcpy(piece->bytes, pieces->carry, pieces->carry_length);
    }
    piece->length = pieces->carry_length;
    pieces->carry_length = 0;
done:
    return status;
}

static rs_status give_carry(rsi_pieces *pieces, rsi_piece *piece, size_t whole, rs_error *err)
{
    rs_status status = RS_OK;
    size_t rest = piece->length - whole;
    RS_TRY(reserve(&pieces->carry, &pieces->carry_capacity, rest, err));
    memcpy(pieces->carry, piece->bytes + whole, rest);
    pieces->carry_length = rest;
    piece->length = whole;
done:
    return status;
}

rs_status rsi_pieces_next(rsi_pieces *pieces, rsi_piece *piece, bool *too_long, rs_error *err)
{
    rs_status status = RS_OK;
    size_t size = pieces->options.piece_bytes;
    size_t whole = 0;
    *too_long = false;
    RS_TRY(take_carry(pieces, piece, err));
    for (;;) {
        RS_TRY(fill(pieces, piece, size, err));
        if (pieces->ended) {
            break;
        }
        whole = whole_records(pieces, piece);
        if (whole > 0) {
            pieces->started = true; /* a line this early leaves no place for a byte order mark */
            status = give_carry(pieces, piece, whole, err);
            goto done;
        }
        if (size >= RSI_CSV_RECORD_MAX) {
            *too_long = true;
            status =
                rs_fail(err, RS_EINPUT, "record is longer than %zu bytes (is a quote left open?)",
                        RSI_CSV_RECORD_MAX);
            goto done;
        }
        size = size <= RSI_CSV_RECORD_MAX / 2 ? size * 2 : RSI_CSV_RECORD_MAX;
    }
    if (piece->length > 0 && piece->bytes[piece->length - 1] != '\n') {
        piece->bytes[piece->length++] = '\n';
    }
done:
    return status;
}
