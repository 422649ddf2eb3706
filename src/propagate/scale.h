/* scale.h - what spreading and explaining must see alike: damping as an integer and the weight of a
 * node.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_PROPAGATE_SCALE_H
#define RSI_PROPAGATE_SCALE_H

#include <stdint.h>

#include "ringscope/propagate.h"

#define RSI_SEED_MAX (1024 * RS_RISK_ONE)

/* part + left = 2^62 = 1.0; neither is 0. */
typedef struct rsi_damping {
    uint64_t part; /* damping */
    uint64_t left; /* 1 - damping */
} rsi_damping;

/* Check the options. RS_EUSAGE. */
RS_MUST_USE rs_status rsi_damping_of(const rs_spread_options *options, rsi_damping *out,
                                     rs_error *err);

/* The next of Chebyshev's factors, f' = 1 / (2 / damping - f), f and f' in units of 2^-32. */
uint64_t rsi_chebyshev_next(rsi_damping damping, uint64_t factor);

/* d(v) = the sum of v's weights and the ground: below 2^64 for any row, see the .c. */
uint64_t rsi_total_of(const rs_adjacency *graph, uint32_t ground, uint32_t node);

#endif
