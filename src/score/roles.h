/* roles.h - what members do with a ring's money.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_SCORE_ROLES_H
#define RSI_SCORE_ROLES_H

#include "score/payments.h"

/* The first so many rings are looked at: what an investigator gets to see, at a bounded cost. */
#define RSI_MONEY_RINGS_MAX 1000

/* Name the collectors, exits and hubs among out->members of the first rings. `inside` becomes what
 * was read for that, the payments inside these rings, by their number; the caller frees it.
 * RS_ENOMEM, RS_EINTERRUPTED, the store's. One reading, O(payments inside log). */
RS_MUST_USE rs_status rsi_roles_find(const rs_graph *graph, uint32_t window_s, const rs_work *work,
                                     rs_findings *out, rsi_payments *inside, rs_error *err);

#endif
