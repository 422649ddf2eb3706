/* victims.h - who only paid a ring is no member of it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_SCORE_VICTIMS_H
#define RSI_SCORE_VICTIMS_H

#include "score/candidates.h"
#include "score/payments.h"

/* Take from each group those that only paid it. RS_ENOMEM, RS_EINTERRUPTED,
 * the store's. One reading of the links, one of the payments where some tie members of a group. */
RS_MUST_USE rs_status rsi_payers_drop(const rs_score_input *input, rsi_candidates *candidates,
                                      const rs_work *work, rs_error *err);

/* Fill out->paid, out->victims and where those of each of the first rings stand, after its roles.
 * `listed` is by subject: not 0 for who is on a list. `payments` are those of these rings
 * (roles.h). RS_ENOMEM. O(payments log). */
RS_MUST_USE rs_status rsi_victims_find(const rs_score_input *input, const uint8_t *listed,
                                       const rsi_payments *payments, rs_findings *out,
                                       rs_error *err);

#endif
