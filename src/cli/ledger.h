/* ledger.h - the database of lists and verdicts, as the commands that use it are told of it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_CLI_LEDGER_H
#define RSI_CLI_LEDGER_H

#include "cli/cli.h"
#include "ringscope/feedback.h"

#define RSI_DB_HELP                                                                                \
    "the database of lists and verdicts: a SQLite file, or postgresql://... for a team; default "  \
    "lists.sqlite in the store"
#define RSI_BY_HELP   "who does it; stands in the audit trail"
#define RSI_NOTE_HELP "why; stands in the audit trail"

/* STORE/lists.sqlite, or `db` where it is not NULL; freed by free(). RS_ENOMEM. */
RS_MUST_USE rs_status rsi_ledger_place(const char *store, const char *db, char **place,
                                       rs_error *err);
/* Open the database of the store that the user named, which has to be there. To read: where there
 * is no database yet, *out is NULL if none was named, else RS_ENOTFOUND. */
RS_MUST_USE rs_status rsi_ledger_open(rs_ledger **out, const rsi_call *call, const char *store,
                                      const char *db, rs_ledger_mode mode, rs_error *err);
/* An act of now. RS_EUSAGE where nobody is named. */
RS_MUST_USE rs_status rsi_act_now(rs_act *act, const char *who, const char *why, rs_error *err);

#endif
