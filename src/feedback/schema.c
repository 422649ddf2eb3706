/* schema.c - the one schema of the ledger, in steps that are never changed once released.
 *
 * Both kinds of database read the same text. `@text` is TEXT compared byte by byte; times and
 * revisions that are open stand as the least or the greatest integer, so that no comparison has to
 * ask for null. A row of rs_entry is what was known from revision `added` to before `removed`.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/try.h"
#include "feedback/ledger.h"

static const char *const steps[] = {
    /* 1: lists and the audit trail */
    "CREATE TABLE rs_meta (name @text NOT NULL PRIMARY KEY, value @text NOT NULL);"
    "CREATE TABLE rs_audit ("
    " revision BIGINT NOT NULL PRIMARY KEY, when_unix_s BIGINT NOT NULL, who @text NOT NULL,"
    " what @text NOT NULL, object @text, why @text, detail @text NOT NULL, secret @text,"
    " object_hash @text NOT NULL, why_hash @text NOT NULL, hash @text NOT NULL);"
    "CREATE TABLE rs_entry ("
    " list BIGINT NOT NULL, type @text NOT NULL, id @text NOT NULL, source @text NOT NULL,"
    " added BIGINT NOT NULL, removed BIGINT NOT NULL, reason @text NOT NULL,"
    " strength BIGINT NOT NULL, since BIGINT NOT NULL, until BIGINT NOT NULL,"
    " PRIMARY KEY (list, type, id, source, added));"
    "INSERT INTO rs_meta VALUES ('schema', '0');",
};
enum { SCHEMA = sizeof steps / sizeof *steps };

rs_status rsi_ledger_exec(rsi_db *db, const char *text, rs_error *err)
{
    static const char token[] = "@text";
    rs_status status = RS_OK;
    rsi_buffer sql = {0};
    const char *type = rsi_db_is_server(db) ? "TEXT COLLATE \"C\"" : "TEXT";
    for (const char *found = strstr(text, token); found != NULL; found = strstr(text, token)) {
        RS_TRY(rsi_buffer_add(&sql, text, (size_t)(found - text), err));
        RS_TRY(rsi_buffer_add(&sql, type, strlen(type), err));
        text = found + strlen(token);
    }
    RS_TRY(rsi_buffer_add(&sql, text, strlen(text) + 1, err));
    RS_TRY(rsi_db_exec(db, (const char *)sql.bytes, err));
done:
    rsi_buffer_free(&sql);
    return status;
}

/* 0: there is nothing yet. */
static rs_status read_version(rsi_db *db, void *context, rs_error *err)
{
    int64_t *version = context;
    bool has = false;
    rs_status status = rsi_db_has(db, "rs_meta", &has, err);
    *version = 0;
    if (status == RS_OK && has) {
        status =
            rsi_db_number(db, "SELECT CAST(value AS BIGINT) FROM rs_meta WHERE name = 'schema'",
                          NULL, 0, 0, version, err);
    }
    return status;
}

static rs_status migrate(rsi_db *db, void *context, rs_error *err)
{
    rs_status status = RS_OK;
    char number[24];
    int64_t version = 0;
    (void)context;
    RS_TRY(read_version(db, &version, err)); /* somebody may have been faster */
    for (int step = (int)version; step < SCHEMA; step++) {
        RS_TRY(rsi_ledger_exec(db, steps[step], err));
    }
    snprintf(number, sizeof number, "%d", SCHEMA);
    RS_TRY(rsi_db_run(db, "UPDATE rs_meta SET value = $1 WHERE name = 'schema'",
                      RSI_DB_VALUES(rsi_db_string(number)), NULL, err));
done:
    return status;
}

rs_status rsi_ledger_migrate(rsi_db *db, rs_ledger_mode mode, rs_error *err)
{
    rs_status status = RS_OK;
    int64_t version = 0;
    RS_TRY(rsi_db_read(db, read_version, &version, err));
    if (version > SCHEMA || version < 0) {
        status = rs_fail(err, RS_ECORRUPT,
                         "%s: schema %lld is not supported (this build reads 1 to %d): it is of a "
                         "newer version",
                         rsi_db_name(db), (long long)version, SCHEMA);
    } else if (version == 0 && mode == RS_LEDGER_READ) {
        status = rs_fail(err, RS_ENOTFOUND, "%s has no lists yet", rsi_db_name(db));
    } else if (version < SCHEMA) {
        RS_TRY(rsi_db_write(db, NULL, migrate, NULL, err));
    }
done:
    return status;
}
