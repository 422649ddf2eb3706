/* violations.h - add to a list of violations.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_VIOLATIONS_H
#define RSI_STORE_VIOLATIONS_H

#include "ringscope/verify.h"

/* Add one; beyond RS_VIOLATIONS_KEPT it is only counted. `file` may be NULL. RS_ENOMEM. */
RS_PRINTF(5, 6)
RS_MUST_USE rs_status rsi_violation(rs_violations *list, const char *id, const char *file,
                                    rs_error *err, const char *format, ...);

/* What became of a check that ended in `status` with `found`: RS_OK passes, RS_ECORRUPT is added
 * under the id that its message names, or `id` where it names none; any other status is the
 * caller's, in `err`. */
RS_MUST_USE rs_status rsi_violation_note(rs_violations *list, const char *id, const char *file,
                                         rs_status status, const rs_error *found, rs_error *err);

#endif
