/* night.h - how much of a surprise is left where many were looked at, and where many have as large
 * a one.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_EVIDENCE_NIGHT_H
#define RSI_EVIDENCE_NIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ringscope/error.h"

/* The surprises of one kind on one night, in nats, Q20. */
typedef struct rsi_night {
    const uint64_t *sorted; /* those that are more than none, ascending; lent */
    size_t count;
    uint64_t tried;  /* how many were looked at, those without a surprise too; at most `all` */
    uint64_t all;    /* whom it could have happened to */
    uint64_t median; /* of all of them */
} rsi_night;

/* Sort `values` in place; they must outlive the night. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_night_make(rsi_night *out, uint64_t *values, size_t count, uint64_t tried,
                                     uint64_t all, rs_error *err);

/* What is left of a surprise, dealt to `parts` alike. Where the median of all is more than the ln 2
 * that the null model gives it, that model is no good here, and all are less by that factor
 * (genomic control: Devlin and Roeder, 1999). Of `tried` ones chance alone makes tried * e^-s at
 * least as surprising as s, and `seen` ones are: where more than one of twenty of these is chance
 * (Benjamini and Hochberg, 1995), or more than one in twenty of all has as much, nothing is left.
 * And what many do is no surprise: a part is at most -ln(seen / all). O(log count). */
uint64_t rsi_night_surprise(const rsi_night *night, uint64_t surprise, uint64_t parts);

#endif
