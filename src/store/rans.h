/* rans.h - bytes of a small alphabet near their entropy: static range ANS, four states side by
 * side, as writers of versions 1 and 2 packed classes. Writers of version 3 use prefix.h, which is
 * read five times as fast.
 *
 * Source: J. Duda, "Asymmetric numeral systems" (arXiv 1311.2540); the layout with 32-bit states
 * and 16-bit words follows F. Giesen's public-domain rans_word. Cost: about 2.5 ns a byte.
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

/* Take `count` >= 1 symbols from the cursor. RS_ECORRUPT where the bytes are no code of so many. */
RS_MUST_USE rs_status rsi_rans_decode(rsi_cursor *cursor, size_t count, uint8_t *symbols,
                                      rs_error *err);

#endif
