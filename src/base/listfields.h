/* listfields.h - what the cells of a blacklist or whitelist mean, wherever they come from.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_LISTFIELDS_H
#define RSI_BASE_LISTFIELDS_H

#include <stdint.h>

#include "ringscope/text.h"

/* Each returns NULL, or what is wrong: a constant text without place that goes on from the field's
 * name. An empty strength is 1, an empty time is `missing`. */

/* Above 0 and at most 1, six digits, as millionths. */
const char *rsi_list_strength(rs_text text, uint32_t *strength);
/* Unix seconds or ISO 8601. */
const char *rsi_list_since(rs_text text, int64_t missing, int64_t *unix_s);
/* The first moment that does not count any more: a date counts to its end. */
const char *rsi_list_until(rs_text text, int64_t missing, int64_t *unix_s);

#endif
