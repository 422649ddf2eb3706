/* measure.h - figures of a ranking and of a clustering against the truth. Pure functions over
 * arrays.
 *
 * Ties: every figure of a ranking is the expected one when what has equal risk stands in random
 * order, in closed form, so that no order of rows can flatter it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_LAB_MEASURE_H
#define RSI_LAB_MEASURE_H

#include <stddef.h>
#include <stdint.h>

#include "ringscope/error.h"

/* What has one risk: `bad` of `count` are true. Groups stand in descending order of risk. Counts
 * are real so that a resample can weigh. */
typedef struct rsi_tie {
    double risk;
    uint64_t count;
    uint64_t bad;
} rsi_tie;

/* NaN where nothing is bad. */
double rsi_average_precision(const rsi_tie *ties, size_t tie_count);
/* All bad ones last within each tie. */
double rsi_average_precision_worst(const rsi_tie *ties, size_t tie_count);
/* NaN where nothing or everything is bad. */
double rsi_auc(const rsi_tie *ties, size_t tie_count);
/* Share of bad ones among the first k; NaN where there are fewer than k. */
double rsi_precision_at(const rsi_tie *ties, size_t tie_count, uint64_t k);

/* A maximum one-to-one matching of a bipartite graph: edges of left node v are
 * right[offsets[v]] .. right[offsets[v + 1] - 1]. Left nodes are tried in order and once matched
 * stay so: the matching of the first k left nodes is maximum for every k. `left_match` and
 * `right_match` get the partner or UINT32_MAX. O(nodes * edges) at worst, linear in practice. */
RS_MUST_USE rs_status rsi_match(uint32_t left_count, const uint64_t *offsets, const uint32_t *right,
                                uint32_t right_count, uint32_t *left_match, uint32_t *right_match,
                                rs_error *err);

#endif
