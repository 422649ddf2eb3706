/* prefix.h - bytes of a small alphabet as a prefix code, in four streams that are read side by
 * side.
 *
 * For columns of classes (intcodec.h): within 2 % of their entropy where no class has more than
 * half of them. Codes have at most 8 bits, so one look into a table of 512 entries tells up to
 * three symbols. Source: D. Huffman (1952); canonical codes as in RFC 1951, 3.2.2. Integers only:
 * the same bytes on every machine. Cost: about 2 ns a byte to encode, half a ns to decode.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_PREFIX_H
#define RSI_STORE_PREFIX_H

#include "base/bytes.h"

enum {
    RSI_PREFIX_SYMBOLS = 65, /* symbols are 0 .. 64 */
    RSI_PREFIX_BITS = 8,     /* of the longest code */
    RSI_PREFIX_COUNT_MAX = 65536
};

/* Code lengths, 0 for what does not come. One symbol alone has length 0 and takes no bits. */
typedef struct rsi_prefix {
    uint8_t bits[RSI_PREFIX_SYMBOLS];
} rsi_prefix;

/* The code for symbols of which `histogram` tells how often each comes: one comes at least. */
rsi_prefix rsi_prefix_choose(const uint32_t histogram[RSI_PREFIX_SYMBOLS]);
/* Bytes that these symbols take, the head included; streams may add up to 3. */
size_t rsi_prefix_bytes(const rsi_prefix *code, const uint32_t histogram[RSI_PREFIX_SYMBOLS]);
/* Append 1 to RSI_PREFIX_COUNT_MAX symbols that all come in the code. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_prefix_encode(const rsi_prefix *code, const uint8_t *symbols,
                                        size_t count, rsi_buffer *out, rs_error *err);
/* Take as many from the cursor. RS_ECORRUPT where the bytes are no code of so many. */
RS_MUST_USE rs_status rsi_prefix_decode(rsi_cursor *cursor, size_t count, uint8_t *symbols,
                                        rs_error *err);

#endif
