/* fold.h - a text as a reader compares it: Unicode's compatibility form (NFKC), small letters,
 * blanks as one.
 *
 * So full-width, circled and joined characters are the plain ones, and Chinese is what it is.
 * Builds without libunistring know of full-width ASCII and ideographic blanks alone, and of the
 * small letters of ASCII.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_FOLD_H
#define RSI_BASE_FOLD_H

#include <stddef.h>
#include <stdint.h>

#include "ringscope/error.h"
#include "ringscope/text.h"

/* A buffer that is used again for each text; { 0 } is empty, free() its codes. */
typedef struct rsi_folded {
    uint32_t *codes; /* Unicode scalar values */
    size_t count, room;
} rsi_folded;

/* Bytes that are no UTF-8 are U+FFFD each. Blanks at both ends go. RS_ENOMEM. O(length). */
RS_MUST_USE rs_status rsi_fold(rs_text text, rsi_folded *out, rs_error *err);

#endif
