/* track_match.h - the heaviest one-to-one matching of rows and columns that some edges join.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_FEEDBACK_TRACK_MATCH_H
#define RSI_FEEDBACK_TRACK_MATCH_H

#include <stddef.h>
#include <stdint.h>

#include "ringscope/error.h"

__extension__ typedef __int128 rsi_match_weight;

typedef struct rsi_match_edge {
    uint32_t column;
    rsi_match_weight weight; /* above 0; the sum over a matching stays below 2^125 */
} rsi_match_edge;

#define RSI_UNMATCHED UINT32_MAX

/* Edges of row r are edges[first[r]] .. edges[first[r + 1] - 1]. column_of[r] becomes the column of
 * each row or RSI_UNMATCHED, such that the sum of weights is as large as it can be. RS_ENOMEM.
 * O(rows x edges x columns touched) at worst; O(edges) where nobody competes. */
RS_MUST_USE rs_status rsi_match_heaviest(uint32_t rows, uint32_t columns, const size_t *first,
                                         const rsi_match_edge *edges, uint32_t *column_of,
                                         rs_error *err);

#endif
