/* verdicts.h - cases within a transaction that is under way.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_FEEDBACK_VERDICTS_H
#define RSI_FEEDBACK_VERDICTS_H

#include "db/db.h"
#include "ringscope/feedback.h"

RS_MUST_USE rs_status rsi_setting_read(rsi_db *db, rs_ledger_setting which, int64_t *value,
                                       rs_error *err);
RS_MUST_USE rs_status rsi_standing_read(rsi_db *db, rs_text subject, int64_t evidence,
                                        rs_standing *standing, rs_error *err);
/* Its row, without members. */
RS_MUST_USE rs_status rsi_verdict_add(rsi_db *db, int64_t revision, const rs_case *about,
                                      rs_action action, rs_state state, const char *who,
                                      int64_t eyes, rs_error *err);
/* Note for other systems what the act of that revision put on the blacklist, took off it, and
 * suspects. Once, at its end. */
RS_MUST_USE rs_status rsi_outbox_note(rsi_db *db, int64_t revision, const char *run, rs_error *err);

#endif
