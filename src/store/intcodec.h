/* intcodec.h - one codec for every column of numbers in the store.
 *
 * A column of up to 65,536 uint64 values takes one of four forms, whichever is smallest:
 *   CONST   all values are equal: the value
 *   SPARSE  all but one in sixteen are equal: the value; where the others are, and what
 *   PREFIX  a byte per value with its number of significant bits (0..64), as a prefix code
 *           (prefix.h); then the bits below each leading one, raw. This is Elias' gamma code with
 *           an entropy-coded exponent: within some per cent of the entropy of any smooth
 *           distribution
 *   VARINT  LEB128 of all values, packed by zstd: wins where values repeat
 * A fifth, CLASS, is PREFIX with another code of the bytes (rans.h), by writers of versions 1, 2.
 * Layout, byte for byte: docs/FORMAT.md.
 * Cost: 5 ns a value to encode, 1.5 ns to decode; VARINT three times that.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_INTCODEC_H
#define RSI_STORE_INTCODEC_H

#include "base/bytes.h"
#include "base/zblock.h"

#define RSI_INTS_MAX ((size_t)65536)

typedef struct rsi_intcodec rsi_intcodec; /* scratch memory and zstd; belongs to one thread */

RS_MUST_USE rs_status rsi_intcodec_new(rsi_intcodec **out, rs_error *err);
void rsi_intcodec_free(rsi_intcodec *codec);
rsi_zblock *rsi_intcodec_zblock(rsi_intcodec *codec);

/* Append the column of `count` <= RSI_INTS_MAX values to `out`. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_ints_encode(rsi_intcodec *codec, const uint64_t *values, size_t count,
                                      rsi_buffer *out, rs_error *err);
/* Bytes that the column of these values takes, about; the same on every machine. */
uint64_t rsi_ints_estimate(const uint64_t *values, size_t count);
/* Take one column from the cursor: `count` values that the reader knows it must hold.
 * RS_ECORRUPT where the bytes are anything else; they may be hostile. */
RS_MUST_USE rs_status rsi_ints_decode(rsi_intcodec *codec, rsi_cursor *cursor, size_t count,
                                      uint64_t *values, rs_error *err);
/* The same for values of at most 32 bits: others are RS_ECORRUPT too. */
RS_MUST_USE rs_status rsi_ints_decode32(rsi_intcodec *codec, rsi_cursor *cursor, size_t count,
                                        uint32_t *values, rs_error *err);
/* Step over one column. */
RS_MUST_USE rs_status rsi_ints_skip(rsi_cursor *cursor, rs_error *err);

/* Signed numbers as unsigned ones, small ones small. */
static inline uint64_t rsi_zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static inline int64_t rsi_unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

#endif
