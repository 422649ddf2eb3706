/* tail.h - how unusual a value is in the data's own distribution, in decades.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_SCORE_TAIL_H
#define RSI_SCORE_TAIL_H

#include <stddef.h>
#include <stdint.h>

#include "ringscope/error.h"

/* A tail is fitted to five values and more beyond the 0.8 quantile: to so many in all. Among fewer
 * only their order is known. */
enum { RSI_TAIL_GROUPS_MIN = 25 };

/* out[i] = -log10 of the share of all values that are at least values[i]; 0 for a value of 0.
 * `counted` says which values make up the night (NULL: all of them); a value that is not counted is
 * measured against those that are. Values are 0 or above. Beyond the 0.8 quantile of the positive
 * ones the share is that of a Pareto tail fitted to the data (tail.c), so that what is far off the
 * scale counts as that. RS_ENOMEM. O(n log n). */
RS_MUST_USE rs_status rsi_tail_decades(const double *values, const uint8_t *counted, size_t count,
                                       double *out, rs_error *err);

#endif
