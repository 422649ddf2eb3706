/* sqlite.c - a database in a file. The only file that knows SQLite.
 *
 * A rollback journal, not WAL: one file that a copy, a read-only store and a network file system
 * can hold; synchronous=EXTRA syncs the folder, too, so that a commit that was told stays. What is
 * deleted is overwritten (secure_delete), for people are erased here.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/try.h"
#include "db/backend.h"

enum { WAIT_MS = 200, WAITS_MAX = 300 };

typedef struct sqlite {
    rsi_db base;
    sqlite3 *link;
    sqlite3_stmt *bulk;
    rsi_postgres_ask ask;
} sqlite;

typedef struct sqlite_rows {
    rsi_rows base;
    sqlite *db;
    sqlite3_stmt *statement;
} sqlite_rows;

static const rsi_backend backend;

static rs_status failed(const sqlite *db, int code, rs_error *err)
{
    const char *why = db->link != NULL ? sqlite3_errmsg(db->link) : sqlite3_errstr(code);
    switch (code & 0xFF) {
    case SQLITE_NOMEM:
        return rs_fail(err, RS_ENOMEM, "out of memory (database)");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return rs_fail(err, RS_ELOCKED, "another process writes to the database");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return rs_fail(err, RS_ECORRUPT, "the database is damaged: %s", why);
    case SQLITE_INTERRUPT:
        return rs_fail(err, RS_EINTERRUPTED, "interrupted");
    default:
        return rs_fail(err, RS_EIO, "%s", why);
    }
}

static rs_status checked(const sqlite *db, int code, rs_error *err)
{
    return code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW ? RS_OK
                                                                          : failed(db, code, err);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Another writes: wait, unless the caller wants to stop. */
static int wait_busy(void *context, int waits)
{
    const sqlite *db = context;
    rs_error ignored;
    if (waits >= WAITS_MAX ||
        (db->ask.check != NULL && db->ask.check(db->ask.context, &ignored) != RS_OK)) {
        return 0;
    }
    (void)poll(NULL, 0, waits < 10 ? 10 : WAIT_MS);
    return 1;
}

static void close_file(rsi_db *base)
{
    sqlite *db = (sqlite *)(void *)base;
    sqlite3_finalize(db->bulk);
    sqlite3_close_v2(db->link);
    free(db->base.name);
    free(db);
}

static rs_status exec(rsi_db *base, const char *sql, rs_error *err)
{
    sqlite *db = (sqlite *)(void *)base;
    return checked(db, sqlite3_exec(db->link, sql, NULL, NULL, NULL), err);
}

rs_status rsi_sqlite_open(rsi_db **out, const char *path, const rsi_db_options *options,
                          rs_error *err)
{
    static const char settings[] =
        "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA secure_delete=ON;"
        "PRAGMA synchronous=EXTRA; PRAGMA cache_size=-65536; PRAGMA temp_store=FILE";
    rs_status status = RS_OK;
    sqlite *db = NULL;
    if (!options->create && access(path, F_OK) != 0) {
        return rs_fail(err, RS_ENOTFOUND, "there is no database \"%s\"", path);
    }
    db = calloc(1, sizeof *db);
    if (db == NULL || asprintf(&db->base.name, "database \"%s\"", path) < 0) {
        free(db);
        return rs_fail(err, RS_ENOMEM, "out of memory (database)");
    }
    db->base.backend = &backend;
    db->ask = options->ask;
    int flags = SQLITE_OPEN_READWRITE | (options->create ? SQLITE_OPEN_CREATE : 0);
    RS_TRY(checked(db, sqlite3_open_v2(path, &db->link, flags, NULL), err));
    sqlite3_db_config(db->link, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_busy_handler(db->link, wait_busy, db);
    RS_TRY(exec(&db->base, settings, err));
    /* The header is read now, so that a file of something else is told as such. */
    RS_TRY(exec(&db->base, "SELECT count(*) FROM sqlite_master", err));
    *out = &db->base;
    db = NULL; /* moved to the caller */
done:
    if (db != NULL) {
        status = rs_context(err, status, "%s", db->base.name);
        close_file(&db->base);
    }
    return status;
}

static rs_status begin(rsi_db *base, rsi_begin what, const char *lock, rs_error *err)
{
    (void)lock;
    return exec(base, what == RSI_BEGIN_WRITE ? "BEGIN IMMEDIATE" : "BEGIN", err);
}

static rs_status has(rsi_db *base, const char *table, bool *found, rs_error *err)
{
    int64_t count = 0;
    rs_status status =
        rsi_db_number(base, "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = $1",
                      RSI_DB_VALUES(rsi_db_string(table)), 0, &count, err);
    *found = count > 0;
    return status;
}

/* ---- statements ------------------------------------------------------------------------------ */

static rs_status bind(sqlite *db, sqlite3_stmt *statement, int at, const rsi_db_value *value,
                      rs_error *err)
{
    rs_status status = RS_OK;
    int code = SQLITE_OK;
    switch (value->kind) {
    case RSI_DB_NULL:
        code = sqlite3_bind_null(statement, at);
        break;
    case RSI_DB_INT:
        code = sqlite3_bind_int64(statement, at, value->integer);
        break;
    case RSI_DB_TEXT:
        RS_TRY(rsi_db_check_text(value->text, err));
        code = sqlite3_bind_text64(statement, at, value->text.length == 0 ? "" : value->text.bytes,
                                   value->text.length, SQLITE_TRANSIENT, SQLITE_UTF8);
        break;
    }
    status = checked(db, code, err);
done:
    return status;
}

static rs_status prepare(sqlite3_stmt **out, sqlite *db, const char *sql,
                         const rsi_db_value *values, size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    sqlite3_stmt *statement = NULL;
    RS_TRY(checked(db, sqlite3_prepare_v2(db->link, sql, -1, &statement, NULL), err));
    for (size_t i = 0; i < count; i++) {
        char name[24];
        snprintf(name, sizeof name, "$%zu", i + 1);
        int at = sqlite3_bind_parameter_index(statement, name);
        assert(at > 0);
        RS_TRY(bind(db, statement, at, &values[i], err));
    }
    *out = statement;
    statement = NULL; /* moved to the caller */
done:
    sqlite3_finalize(statement);
    return status;
}

static rs_status run(rsi_db *base, const char *sql, const rsi_db_value *values, size_t count,
                     uint64_t *changed, rs_error *err)
{
    rs_status status = RS_OK;
    sqlite *db = (sqlite *)(void *)base;
    sqlite3_stmt *statement = NULL;
    RS_TRY(prepare(&statement, db, sql, values, count, err));
    RS_TRY(checked(db, sqlite3_step(statement), err));
    *changed = (uint64_t)sqlite3_changes64(db->link);
done:
    sqlite3_finalize(statement);
    return status;
}

static rs_status query(rsi_rows **out, rsi_db *base, const char *sql, const rsi_db_value *values,
                       size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    sqlite *db = (sqlite *)(void *)base;
    sqlite_rows *rows = calloc(1, sizeof *rows);
    if (rows == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (database)");
    }
    *rows = (sqlite_rows){.base.backend = &backend, .db = db};
    RS_TRY(prepare(&rows->statement, db, sql, values, count, err));
    *out = &rows->base;
    rows = NULL; /* moved to the caller */
done:
    free(rows);
    return status;
}

static rs_status next(rsi_rows *base, bool *have, rs_error *err)
{
    const sqlite_rows *rows = (const sqlite_rows *)(const void *)base;
    int code = sqlite3_step(rows->statement);
    *have = code == SQLITE_ROW;
    return rs_context(err, checked(rows->db, code, err), "%s", rows->db->base.name);
}

static sqlite3_stmt *statement_of(const rsi_rows *base)
{
    return ((const sqlite_rows *)(const void *)base)->statement;
}

static bool null(const rsi_rows *rows, int column)
{
    return sqlite3_column_type(statement_of(rows), column) == SQLITE_NULL;
}

static rs_text text(const rsi_rows *rows, int column)
{
    const unsigned char *bytes = sqlite3_column_text(statement_of(rows), column);
    if (bytes == NULL) {
        return (rs_text){"", 0};
    }
    return (rs_text){(const char *)bytes, (size_t)sqlite3_column_bytes(statement_of(rows), column)};
}

static int64_t integer(const rsi_rows *rows, int column)
{
    return sqlite3_column_int64(statement_of(rows), column);
}

static void rows_close(rsi_rows *base)
{
    sqlite3_finalize(statement_of(base));
    free(base);
}

/* ---- many rows ------------------------------------------------------------------------------- */

static rs_status bulk_start(rsi_db *base, const char *table, const char *columns, size_t count,
                            rs_error *err)
{
    rs_status status = RS_OK;
    sqlite *db = (sqlite *)(void *)base;
    char *sql = NULL;
    char marks[128] = "?";
    for (size_t i = 1; i < count && 2 * i + 1 < sizeof marks; i++) {
        memcpy(marks + 2 * i - 1, ",?", 3);
    }
    if (asprintf(&sql, "INSERT INTO %s (%s) VALUES (%s)", table, columns, marks) < 0) {
        sql = NULL;
        status = rs_fail(err, RS_ENOMEM, "out of memory (database)");
        goto done;
    }
    sqlite3_finalize(db->bulk);
    db->bulk = NULL;
    RS_TRY(prepare(&db->bulk, db, sql, NULL, 0, err));
done:
    free(sql);
    return status;
}

static rs_status bulk_row(rsi_db *base, const rsi_db_value *values, rs_error *err)
{
    rs_status status = RS_OK;
    sqlite *db = (sqlite *)(void *)base;
    for (size_t i = 0; i < base->bulk_count; i++) {
        RS_TRY(bind(db, db->bulk, (int)i + 1, &values[i], err));
    }
    RS_TRY(checked(db, sqlite3_step(db->bulk), err));
    RS_TRY(checked(db, sqlite3_reset(db->bulk), err));
done:
    return status;
}

static rs_status bulk_end(rsi_db *base, rs_error *err)
{
    sqlite *db = (sqlite *)(void *)base;
    (void)err;
    sqlite3_finalize(db->bulk);
    db->bulk = NULL;
    return RS_OK;
}

/* ---- the file -------------------------------------------------------------------------------- */

static rs_status copy(rsi_db *base, const char *path, rs_error *err)
{
    rs_status status = RS_OK;
    sqlite *from = (sqlite *)(void *)base;
    rsi_db *made = NULL;
    sqlite3_backup *backup = NULL;
    rsi_db_options options = {.create = true, .ask = from->ask};
    RS_TRY(rsi_sqlite_open(&made, path, &options, err));
    sqlite *to = (sqlite *)(void *)made;
    backup = sqlite3_backup_init(to->link, "main", from->link, "main");
    if (backup == NULL) {
        status = failed(to, sqlite3_errcode(to->link), err);
        goto done;
    }
    int code = sqlite3_backup_step(backup, -1);
    for (int waits = 0; (code & 0xFF) == SQLITE_BUSY && wait_busy(from, waits); waits++) {
        code = sqlite3_backup_step(backup, -1);
    }
    int finished = sqlite3_backup_finish(backup);
    RS_TRY(checked(to, code == SQLITE_DONE ? finished : code, err));
done:
    rsi_db_close(made);
    return rs_context(err, status, "copy to \"%s\"", path);
}

static rs_status check(rsi_db *base, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_rows *rows = NULL;
    bool have = false;
    RS_TRY(query(&rows, base, "PRAGMA integrity_check(1)", NULL, 0, err));
    RS_TRY(next(rows, &have, err));
    rs_text told = text(rows, 0);
    if (!have || told.length != 2 || memcmp(told.bytes, "ok", 2) != 0) {
        status = rs_fail(err, RS_ECORRUPT, "the database is damaged: %.*s",
                         told.length < 500 ? (int)told.length : 500, told.bytes);
    }
done:
    rsi_rows_close(rows);
    return status;
}

static const rsi_backend backend = {
    .close = close_file,
    .begin = begin,
    .exec = exec,
    .query = query,
    .run = run,
    .bulk_start = bulk_start,
    .bulk_row = bulk_row,
    .bulk_end = bulk_end,
    .has = has,
    .copy = copy,
    .check = check,
    .next = next,
    .null = null,
    .text = text,
    .integer = integer,
    .rows_close = rows_close,
};
