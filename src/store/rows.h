/* rows.h - where each edge of a segment came from: file and line, in the segment's order.
 *
 * A file beside a segment with a block for each of its blocks; the note of a block is its number of
 * edges.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_ROWS_H
#define RSI_STORE_ROWS_H

#include "store/blockfile.h"
#include "store/intcodec.h"

typedef struct rsi_rows_coder rsi_rows_coder;
RS_MUST_USE rs_status rsi_rows_coder_new(rsi_rows_coder **out, rs_error *err);
void rsi_rows_coder_free(rsi_rows_coder *coder);

/* Append a block: for each of `count` <= RSI_INTS_MAX edges the number of its file and its line. */
RS_MUST_USE rs_status rsi_rows_encode(rsi_rows_coder *coder, const uint64_t *file,
                                      const uint64_t *line, size_t count, rsi_buffer *out,
                                      rs_error *err);
/* The arrays are lent by the coder until it decodes again. */
RS_MUST_USE rs_status rsi_rows_decode(rsi_rows_coder *coder, const uint8_t *bytes, size_t length,
                                      size_t count, const uint64_t **file, const uint64_t **line,
                                      rs_error *err);
/* Check meta and notes of an opened file against its segment's. */
RS_MUST_USE rs_status rsi_rows_check(const rsi_blockfile *rows, const rsi_blockfile *segment,
                                     rs_error *err);

#endif
