/* backend.h - what a kind of database can do, behind db.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_DB_BACKEND_H
#define RSI_DB_BACKEND_H

#include "db/db.h"

/* What a transaction is for: to read, to fill tables of this connection alone, to write. */
typedef enum rsi_begin { RSI_BEGIN_READ, RSI_BEGIN_STAGE, RSI_BEGIN_WRITE } rsi_begin;

typedef struct rsi_backend {
    void (*close)(rsi_db *db);
    rs_status (*begin)(rsi_db *db, rsi_begin what, const char *lock, rs_error *err);
    rs_status (*exec)(rsi_db *db, const char *sql, rs_error *err);
    rs_status (*query)(rsi_rows **out, rsi_db *db, const char *sql, const rsi_db_value *values,
                       size_t count, rs_error *err);
    rs_status (*run)(rsi_db *db, const char *sql, const rsi_db_value *values, size_t count,
                     uint64_t *changed, rs_error *err);
    rs_status (*bulk_start)(rsi_db *db, const char *table, const char *columns, size_t count,
                            rs_error *err);
    rs_status (*bulk_row)(rsi_db *db, const rsi_db_value *values, rs_error *err);
    rs_status (*bulk_end)(rsi_db *db, rs_error *err);
    rs_status (*has)(rsi_db *db, const char *table, bool *has, rs_error *err);
    rs_status (*copy)(rsi_db *db, const char *path, rs_error *err);
    rs_status (*check)(rsi_db *db, rs_error *err);
    rs_status (*next)(rsi_rows *rows, bool *have, rs_error *err);
    bool (*null)(const rsi_rows *rows, int column);
    rs_text (*text)(const rsi_rows *rows, int column);
    int64_t (*integer)(const rsi_rows *rows, int column);
    void (*rows_close)(rsi_rows *rows);
} rsi_backend;

/* Stand first in what a backend keeps. */
struct rsi_db {
    const rsi_backend *backend;
    char *name;
    size_t bulk_count; /* columns of the bulk under way; 0: none */
};
struct rsi_rows {
    const rsi_backend *backend;
};

RS_MUST_USE rs_status rsi_sqlite_open(rsi_db **out, const char *path, const rsi_db_options *options,
                                      rs_error *err);
RS_MUST_USE rs_status rsi_server_open(rsi_db **out, const char *address,
                                      const rsi_db_options *options, rs_error *err);
/* RS_EINPUT for a text with U+0000, which neither kind keeps as it is. */
RS_MUST_USE rs_status rsi_db_check_text(rs_text text, rs_error *err);

#endif
