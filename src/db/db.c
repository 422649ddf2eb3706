/* db.c - the door itself: which kind it is, values, transactions.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "db/db.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "db/backend.h"

enum { TRIES_MAX = 50 };

rs_status rsi_db_open(rsi_db **out, const char *place, const rsi_db_options *options, rs_error *err)
{
    return rsi_postgres_is_address(place) ? rsi_server_open(out, place, options, err)
                                          : rsi_sqlite_open(out, place, options, err);
}

void rsi_db_close(rsi_db *db)
{
    if (db != NULL) {
        db->backend->close(db);
    }
}

const char *rsi_db_name(const rsi_db *db)
{
    return db->name;
}

bool rsi_db_is_server(const rsi_db *db)
{
    return db->backend->copy == NULL;
}

/* ---- values ---------------------------------------------------------------------------------- */

rsi_db_value rsi_db_int(int64_t integer)
{
    return (rsi_db_value){.kind = RSI_DB_INT, .integer = integer};
}

rsi_db_value rsi_db_text(rs_text text)
{
    return (rsi_db_value){.kind = RSI_DB_TEXT, .text = text};
}

rsi_db_value rsi_db_string(const char *string)
{
    return string == NULL ? (rsi_db_value){.kind = RSI_DB_NULL}
                          : rsi_db_text((rs_text){string, strlen(string)});
}

rs_status rsi_db_check_text(rs_text text, rs_error *err)
{
    return text.length == 0 || memchr(text.bytes, '\0', text.length) == NULL
               ? RS_OK
               : rs_fail(err, RS_EINPUT, "the database keeps no text with U+0000");
}

/* ---- statements ------------------------------------------------------------------------------ */

rs_status rsi_db_exec(rsi_db *db, const char *sql, rs_error *err)
{
    return rs_context(err, db->backend->exec(db, sql, err), "%s", db->name);
}

rs_status rsi_db_run(rsi_db *db, const char *sql, const rsi_db_value *values, size_t count,
                     uint64_t *changed, rs_error *err)
{
    uint64_t ignored = 0;
    return rs_context(
        err, db->backend->run(db, sql, values, count, changed != NULL ? changed : &ignored, err),
        "%s", db->name);
}

rs_status rsi_db_query(rsi_rows **out, rsi_db *db, const char *sql, const rsi_db_value *values,
                       size_t count, rs_error *err)
{
    return rs_context(err, db->backend->query(out, db, sql, values, count, err), "%s", db->name);
}

rs_status rsi_rows_next(rsi_rows *rows, bool *have, rs_error *err)
{
    return rows->backend->next(rows, have, err);
}

bool rsi_rows_null(const rsi_rows *rows, int column)
{
    return rows->backend->null(rows, column);
}

int64_t rsi_rows_int(const rsi_rows *rows, int column, int64_t missing)
{
    return rsi_rows_null(rows, column) ? missing : rows->backend->integer(rows, column);
}

rs_text rsi_rows_text(const rsi_rows *rows, int column)
{
    return rsi_rows_null(rows, column) ? (rs_text){"", 0} : rows->backend->text(rows, column);
}

void rsi_rows_close(rsi_rows *rows)
{
    if (rows != NULL) {
        rows->backend->rows_close(rows);
    }
}

rs_status rsi_db_number(rsi_db *db, const char *sql, const rsi_db_value *values, size_t count,
                        int64_t missing, int64_t *number, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_rows *rows = NULL;
    bool have = false;
    *number = missing;
    RS_TRY(rsi_db_query(&rows, db, sql, values, count, err));
    RS_TRY(rsi_rows_next(rows, &have, err));
    if (have) {
        *number = rsi_rows_int(rows, 0, missing);
    }
done:
    rsi_rows_close(rows);
    return status;
}

rs_status rsi_db_bulk_start(rsi_db *db, const char *table, const char *columns, size_t count,
                            rs_error *err)
{
    assert(db->bulk_count == 0 && count > 0);
    rs_status status = db->backend->bulk_start(db, table, columns, count, err);
    db->bulk_count = status == RS_OK ? count : 0;
    return rs_context(err, status, "%s", db->name);
}

rs_status rsi_db_bulk_row(rsi_db *db, const rsi_db_value *values, rs_error *err)
{
    return db->backend->bulk_row(db, values, err);
}

rs_status rsi_db_bulk_end(rsi_db *db, rs_error *err)
{
    db->bulk_count = 0;
    return rs_context(err, db->backend->bulk_end(db, err), "%s", db->name);
}

rs_status rsi_db_has(rsi_db *db, const char *table, bool *has, rs_error *err)
{
    return rs_context(err, db->backend->has(db, table, has, err), "%s", db->name);
}

/* ---- transactions ---------------------------------------------------------------------------- */

static rs_status transact(rsi_db *db, rsi_begin what, const char *lock, rsi_db_task task,
                          void *context, rs_error *err)
{
    rs_error ignored;
    rs_status status = rs_context(err, db->backend->begin(db, what, lock, err), "%s", db->name);
    if (status == RS_OK) {
        status = task(db, context, err);
    }
    if (status == RS_OK) {
        status = rsi_db_exec(db, "COMMIT", err);
    }
    if (status != RS_OK) {
        if (db->bulk_count > 0) {
            (void)!rsi_db_bulk_end(db, &ignored);
        }
        (void)!db->backend->exec(db, "ROLLBACK", &ignored);
    }
    return status;
}

rs_status rsi_db_write(rsi_db *db, const char *lock, rsi_db_task task, void *context, rs_error *err)
{
    /* A file's writers wait in line before they begin; only on a server may one that was faster
     * make our work void. */
    int tries = rsi_db_is_server(db) ? TRIES_MAX : 1;
    rs_status status = RS_ELOCKED;
    for (int i = 0; i < tries && status == RS_ELOCKED; i++) {
        status = transact(db, RSI_BEGIN_WRITE, lock, task, context, err);
    }
    return status;
}

rs_status rsi_db_read(rsi_db *db, rsi_db_task task, void *context, rs_error *err)
{
    return transact(db, RSI_BEGIN_READ, NULL, task, context, err);
}

rs_status rsi_db_stage(rsi_db *db, rsi_db_task task, void *context, rs_error *err)
{
    return transact(db, RSI_BEGIN_STAGE, NULL, task, context, err);
}

rs_status rsi_db_copy(rsi_db *db, const char *path, rs_error *err)
{
    return rsi_db_is_server(db)
               ? rs_fail(err, RS_EUSAGE, "%s is on a server, whose own tools copy it", db->name)
               : rs_context(err, db->backend->copy(db, path, err), "%s", db->name);
}

rs_status rsi_db_check(rsi_db *db, rs_error *err)
{
    return rs_context(err, db->backend->check(db, err), "%s", db->name);
}
