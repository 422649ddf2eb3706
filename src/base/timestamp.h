/* timestamp.h - times as they stand in files -> UTC seconds since 1970 and a precision.
 *
 *   number     [+-]digits[.digits]      in the unit that the mapping says; a fraction is floored
 *   ISO 8601   2026-03-01               precision a day
 *              2026-03-01T12:30[:45[.5]][Z|+01:00|+0100|+01]     also with a blank for the T
 *
 * Without an offset it is UTC. 24:00 is the end of the day; second 60 is accepted where a leap
 * second can be (the last of a UTC day) and is the first of the next, as in Unix time. No locale,
 * no time zone of the process, no floating point. Years 0000 to 9999; what lies outside is wrong
 * (most often a wrong unit).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_TIMESTAMP_H
#define RSI_BASE_TIMESTAMP_H

#include <stddef.h>
#include <stdint.h>

#include "ringscope/text.h"

#define RSI_TIME_MIN INT64_C(-62167219200) /* 0000-01-01T00:00:00Z */
#define RSI_TIME_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

typedef enum rsi_time_unit { RSI_UNIT_S, RSI_UNIT_MS, RSI_UNIT_HOUR, RSI_UNIT_DAY } rsi_time_unit;

typedef struct rsi_timestamp {
    int64_t unix_s;
    uint32_t precision_s; /* 1, 3600 (unit hour) or 86400 (unit day, a date) */
} rsi_timestamp;

/* Returns NULL, or what is wrong: a constant text without place. O(length). */
const char *rsi_timestamp_parse(rs_text text, rsi_time_unit unit, rsi_timestamp *time);

/* "2026-03-01T12:30:45Z"; `unix_s` within RSI_TIME_MIN .. RSI_TIME_MAX. Returns the length. */
size_t rsi_timestamp_format(int64_t unix_s, char out[32]);

#endif
