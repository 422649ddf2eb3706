/* booster.h - XGBoost, for learning alone.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_LEARN_BOOSTER_H
#define RSI_LEARN_BOOSTER_H

#include "learn/forest.h"

/* Rows to learn from; all lent. */
typedef struct rsi_boosting {
    size_t row_count;
    const uint32_t *rows; /* subjects */
    const uint8_t *bad;   /* by subject */
    const rsi_features *features;
    unsigned rounds;
    unsigned depth;
    double rate;
    double base; /* margin before the first tree */
    uint32_t seed;
    const rs_work *work; /* asked between rounds whether to stop; NULL: not from this thread */
} rsi_boosting;

/* Whether this build and this machine can learn: else RS_EUSAGE says what is missing. */
RS_MUST_USE rs_status rsi_booster_check(rs_error *err);
/* Trees of the log-odds of `bad`, behind those of *forest. One thread: XGBoost adds up in an order
 * that depends on their number. The same input gives the same trees with the same XGBoost.
 * RS_ENOMEM, RS_EUSAGE (no XGBoost), RS_EINPUT (what XGBoost says). Memory: rows x columns x 4
 * bytes and as much again. */
RS_MUST_USE rs_status rsi_boost(const rsi_boosting *boosting, rsi_forest *forest, rs_error *err);

#endif
