/* roles.h - what members do with a ring's money.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_SCORE_ROLES_H
#define RSI_SCORE_ROLES_H

#include "score/payments.h"

/* Of so many rings at most: what an investigator gets to see, at a bounded cost. */
size_t rsi_money_rings(const rs_findings *found);

/* The payments inside the first rings and across their borders, by their number. RS_ENOMEM,
 * RS_EINTERRUPTED, the store's. One reading. */
RS_MUST_USE rs_status rsi_roles_payments(const rs_graph *graph, const rs_findings *found,
                                         const rs_work *work, rsi_payments *out, rs_error *err);

/* Name the collectors, exits and hubs among out->members of the first rings. RS_ENOMEM. O(payments
 * log). */
RS_MUST_USE rs_status rsi_roles_find(const rs_score_input *input, const rsi_payments *payments,
                                     const rs_work *work, rs_findings *out, rs_error *err);

#endif
