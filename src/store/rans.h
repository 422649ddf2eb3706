/* rans.h - bytes of a small alphabet near their entropy: static range ANS, four states side by
 * side.
 *
 * For columns of classes (intcodec.h), where zstd looks for matches that mean nothing and Huffman
 * codes lose up to half a bit a byte. Source: J. Duda, "Asymmetric numeral systems" (arXiv
 * 1311.2540); the layout with 32-bit states and 16-bit words follows F. Giesen's public-domain
 * rans_word. Integers only: the same bytes on every machine. Cost: about 2 ns a byte each way.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_RANS_H
#define RSI_STORE_RANS_H

#include "base/bytes.h"

enum {
    RSI_RANS_SYMBOLS = 65, /* symbols are 0 .. 64 */
    RSI_RANS_BITS = 12,    /* frequencies add up to 4096 */
    RSI_RANS_TOTAL = 1 << RSI_RANS_BITS
};

/* Append the code of `count` symbols, `histogram` of which tells how often each comes. RS_ENOMEM.
 */
RS_MUST_USE rs_status rsi_rans_encode(const uint8_t *symbols, size_t count,
                                      const uint32_t histogram[RSI_RANS_SYMBOLS], rsi_buffer *out,
                                      rs_error *err);
/* Take `count` >= 1 symbols from the cursor. RS_ECORRUPT where the bytes are no code of so many. */
RS_MUST_USE rs_status rsi_rans_decode(rsi_cursor *cursor, size_t count, uint8_t *symbols,
                                      rs_error *err);

#endif
