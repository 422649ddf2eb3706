/* values.h - one attribute of nodes in one batch, in order of nodes, in packed blocks.
 *
 *   note  = [ values u32 ][ bytes of text u32 ][ first node u32 ][ last node u32 ]
 *   meta  = [ values u64 ]
 *   block = [ time base i64 ], columns (intcodec.h): node (distance to the one before, the first to
 * 0), time (0 none, else time - base + 1), length; then the zstd frame of all texts
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_VALUES_H
#define RSI_STORE_VALUES_H

#include "ringscope/store.h"
#include "store/blockfile.h"
#include "store/intcodec.h"

#define RSI_VALUES_MAX      ((size_t)16384)   /* of one block */
#define RSI_VALUE_BYTES_MAX ((size_t)65535)   /* of one value */
#define RSI_VALUES_TEXT_CUT ((size_t)1 << 20) /* a block ends with the value that passes this */
enum { RSI_VALUES_NOTE_BYTES = 16, RSI_VALUES_META_BYTES = 8 };

typedef struct rsi_value {
    uint32_t node;
    int64_t time; /* RS_NO_TIME: none */
    rs_text text;
} rsi_value;

/* Which of two values of one node stands: the later, then the one of greater bytes. < 0: a loses.
 */
int rsi_value_compare(const rsi_value *a, const rsi_value *b);
/* What a text holds by its looks, and what two kinds hold together. */
rs_value_kind rsi_value_kind_of(rs_text text);
rs_value_kind rsi_value_kind_join(rs_value_kind a, rs_value_kind b);

typedef struct rsi_values_coder rsi_values_coder;
RS_MUST_USE rs_status rsi_values_coder_new(rsi_values_coder **out, rs_error *err);
void rsi_values_coder_free(rsi_values_coder *coder);

/* Append the block of the first of `values`, sorted by node; *taken is how many it took. */
RS_MUST_USE rs_status rsi_values_encode(rsi_values_coder *coder, const rsi_value *values,
                                        size_t count, rsi_buffer *out,
                                        uint8_t note[RSI_VALUES_NOTE_BYTES], size_t *taken,
                                        rs_error *err);
/* Unpack a block; `values` are lent by the coder until it decodes again. */
RS_MUST_USE rs_status rsi_values_decode(rsi_values_coder *coder, const uint8_t *bytes,
                                        size_t length, const uint8_t *note, size_t note_length,
                                        const rsi_value **values, size_t *count, rs_error *err);

#endif
