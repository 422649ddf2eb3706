/* calibration.h - whether a risk of .2 is bad one time in five.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_LAB_CALIBRATION_H
#define RSI_LAB_CALIBRATION_H

#include <stdbool.h>

#include "lab/measure.h"

#define RSI_RELIABILITY_MAX 10

/* Accounts of neighbouring risks. */
typedef struct rsi_reliability {
    uint64_t count;
    uint64_t bad;
    double mean; /* of their risks */
} rsi_reliability;

typedef struct rsi_calibration {
    double brier; /* mean square of risk - bad; NaN where there is nobody */
    double ece;   /* mean distance of mean risk and share of bad ones, by bin and its accounts */
    size_t bin_count;
    rsi_reliability bins[RSI_RELIABILITY_MAX]; /* the highest risks first */
} rsi_calibration;

/* Ties in descending order of risk. Bins are of as many accounts each as ties allow, or of tenths
 * of the risk, without those where nobody is. Pure. */
rsi_calibration rsi_calibration_of(const rsi_tie *ties, size_t tie_count, bool by_span);

#endif
