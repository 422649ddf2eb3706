/* night.h - how much of a surprise is left where many were looked at, and where many have as large
 * a one.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_EVIDENCE_NIGHT_H
#define RSI_EVIDENCE_NIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The surprises of one kind on one night, in nats, Q20. */
typedef struct rsi_night {
    const uint64_t *sorted; /* ascending */
    size_t count;
    uint64_t tried; /* how many were looked at, those without a surprise too */
    uint64_t all;   /* whom it could have happened to */
} rsi_night;

/* The number of sorted values below x. O(log count). */
size_t rsi_count_below(const uint64_t *sorted, size_t count, uint64_t x);

/* Of `tried` ones chance alone makes tried * e^-s at least as surprising as s; `seen` ones are. So
 * one of them is chance with the probability tried * e^-s / seen, whose -ln is left (Benjamini and
 * Hochberg, 1995); it is dealt to `parts` alike. And what many do is no surprise: a part is at most
 * -ln(seen / all). Where either says no more than one in twenty, nothing is left. O(log count). */
uint64_t rsi_night_surprise(const rsi_night *night, uint64_t surprise, uint64_t parts);

#endif
