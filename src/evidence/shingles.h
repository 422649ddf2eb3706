/* shingles.h - a text as the set of its short pieces, and what finds texts that share most of them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_EVIDENCE_SHINGLES_H
#define RSI_EVIDENCE_SHINGLES_H

#include "base/fold.h"

enum { RSI_HASHES = 128, RSI_BANDS = 32, RSI_SHINGLE = 4 };

/* Hashes of each RSI_SHINGLE characters in a row, ascending, each once; of a shorter text one. A
 * buffer that is used again: { 0 } is empty. */
typedef struct rsi_shingles {
    uint64_t *hashes;
    size_t count, room;
    size_t characters; /* of the folded text */
    rsi_folded folded;
} rsi_shingles;

/* A text of blanks alone has none. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_shingles_of(rs_text text, rsi_shingles *out, rs_error *err);
void rsi_shingles_free(rsi_shingles *shingles);

/* MinHash: of each of RSI_BANDS bands of 4 a hash of the least ones under 4 random orders. Two
 * texts with the Jaccard index j have a band in common with probability 1 - (1 - j^4)^32: .9999 at
 * .7, .87 at .5, .05 at .2. O(count x RSI_HASHES). */
void rsi_shingles_bands(const rsi_shingles *shingles, uint32_t bands[RSI_BANDS]);

/* What two texts have in common of what either has, Q20. O(count). */
uint32_t rsi_shingles_jaccard(const rsi_shingles *a, const rsi_shingles *b);

#endif
