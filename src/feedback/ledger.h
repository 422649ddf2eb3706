/* ledger.h - what the files of the ledger share.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_FEEDBACK_LEDGER_H
#define RSI_FEEDBACK_LEDGER_H

#include "db/db.h"
#include "ringscope/feedback.h"

struct rs_ledger {
    rsi_db *db;
    const rs_work *work;
};

/* Tables that hold rows of many acts are locked by this one on a server: it comes with each. */
#define RSI_LEDGER_LOCK "rs_audit"

/* ---- schema.c -------------------------------------------------------------------------------- */

/* Make or bring up to date what is missing, where `mode` allows it. */
RS_MUST_USE rs_status rsi_ledger_migrate(rsi_db *db, rs_ledger_mode mode, rs_error *err);

/* Statements whose `@text` is a column of text in byte order. */
RS_MUST_USE rs_status rsi_ledger_exec(rsi_db *db, const char *text, rs_error *err);

/* ---- audit.c --------------------------------------------------------------------------------- */

enum { RSI_HASH_BYTES = 32 };
typedef struct rsi_hash_text {
    char hex[2 * RSI_HASH_BYTES + 1];
} rsi_hash_text;
/* BLAKE2b-256, as `b2sum -l 256` prints it. */
rsi_hash_text rsi_hash_of(const void *bytes, size_t length);

/* What an act did, for its line. */
typedef struct rsi_deed {
    const char *what;   /* "blacklist import", "verdict confirm" */
    const char *object; /* whom or which ring; NULL: many */
    const char *detail; /* counts; names nobody */
} rsi_deed;
/* The revision that the transaction under way will have: the latest and one. */
RS_MUST_USE rs_status rsi_ledger_next(rsi_db *db, int64_t *revision, rs_error *err);
/* Write its line, of that revision. Within rsi_db_write. */
RS_MUST_USE rs_status rsi_audit_add(rsi_db *db, int64_t revision, const rs_act *act,
                                    const rsi_deed *deed, rs_error *err);

/* ---- rows.c ---------------------------------------------------------------------------------- */

typedef rs_status (*rsi_row_taker)(void *context, const rs_entry *row, uint64_t line,
                                   rs_error *err);
/* The rows of a file, checked each by itself. */
RS_MUST_USE rs_status rsi_rows_read(const char *path, const rs_import_options *options,
                                    int64_t now_unix_s, rsi_row_taker take, void *context,
                                    rs_error *err);
/* One entry by the same rules: RS_EINPUT without place. */
RS_MUST_USE rs_status rsi_row_check(const rs_entry *entry, const rs_import_options *options,
                                    int64_t now_unix_s, rs_error *err);
/* TYPE:ID, freed by free(). RS_ENOMEM. */
RS_MUST_USE rs_status rsi_name_of(char **name, rs_text type, rs_text id, rs_error *err);

#endif
