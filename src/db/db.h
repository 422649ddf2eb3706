/* db.h - one small door to a database: a SQLite file, or a PostgreSQL server by its address.
 *
 *   open -> (write | read) -> close       statements are the SQL that both understand, with
 *                                         parameters $1, $2, ... in the order of their first use
 *
 * What must not be half done goes through rsi_db_write: all of it or nothing, and again from the
 * start where another writer was faster. A SQLite file has a rollback journal and is synced at each
 * commit (docs/decisions/0022-lists-in-a-database.md).
 *
 * Memory   a statement's rows one at a time; of a server's answer as many as it sends at once
 * Threads  a handle belongs to one thread
 * Trust    a file may be damaged or hostile: RS_ECORRUPT. A password never stands in a message
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_DB_DB_H
#define RSI_DB_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/postgres.h"
#include "ringscope/error.h"
#include "ringscope/text.h"

typedef struct rsi_db rsi_db;
typedef struct rsi_rows rsi_rows;

typedef struct rsi_db_options {
    bool create; /* a file that is not there is made; else RS_ENOTFOUND */
    /* Asked five times a second while another writer or the server keeps us waiting. */
    rsi_postgres_ask ask;
} rsi_db_options;

/* `place`: a path, or postgresql://... RS_EUSAGE, RS_EIO, RS_ENOMEM, RS_ENOTFOUND, RS_ECORRUPT (no
 * database). Waits for another writer up to a minute; then RS_ELOCKED. */
RS_MUST_USE rs_status rsi_db_open(rsi_db **out, const char *place, const rsi_db_options *options,
                                  rs_error *err);
void rsi_db_close(rsi_db *db); /* NULL is fine; what was not committed is undone */
/* The path, or the address without password: for messages; lent. */
const char *rsi_db_name(const rsi_db *db);
bool rsi_db_is_server(const rsi_db *db);

/* ---- statements ------------------------------------------------------------------------------ */

typedef struct rsi_db_value {
    enum { RSI_DB_NULL, RSI_DB_INT, RSI_DB_TEXT } kind;
    int64_t integer;
    rs_text text; /* UTF-8 without U+0000, lent during the call; else RS_EINPUT */
} rsi_db_value;
rsi_db_value rsi_db_int(int64_t integer);
rsi_db_value rsi_db_text(rs_text text);
rsi_db_value rsi_db_string(const char *string); /* NULL: null */
#define RSI_DB_VALUES(...)                                                                         \
    (const rsi_db_value[]){__VA_ARGS__},                                                           \
        sizeof((const rsi_db_value[]){__VA_ARGS__}) / sizeof(rsi_db_value)

/* Several statements without parameters or rows. */
RS_MUST_USE rs_status rsi_db_exec(rsi_db *db, const char *sql, rs_error *err);
/* One statement without rows; *changed (may be NULL): how many it wrote. */
RS_MUST_USE rs_status rsi_db_run(rsi_db *db, const char *sql, const rsi_db_value *values,
                                 size_t count, uint64_t *changed, rs_error *err);
/* One statement with rows, read within a transaction; closed before it ends. */
RS_MUST_USE rs_status rsi_db_query(rsi_rows **out, rsi_db *db, const char *sql,
                                   const rsi_db_value *values, size_t count, rs_error *err);
RS_MUST_USE rs_status rsi_rows_next(rsi_rows *rows, bool *have, rs_error *err);
/* Of the present row; the text is lent until the next one. Null: `missing`, and no bytes. */
int64_t rsi_rows_int(const rsi_rows *rows, int column, int64_t missing);
rs_text rsi_rows_text(const rsi_rows *rows, int column);
bool rsi_rows_null(const rsi_rows *rows, int column);
void rsi_rows_close(rsi_rows *rows); /* NULL is fine */
/* The first column of the first row; `missing` where there is none. */
RS_MUST_USE rs_status rsi_db_number(rsi_db *db, const char *sql, const rsi_db_value *values,
                                    size_t count, int64_t missing, int64_t *number, rs_error *err);

/* Many rows into one table: start -> a call a row -> end. Nothing else runs meanwhile. */
RS_MUST_USE rs_status rsi_db_bulk_start(rsi_db *db, const char *table, const char *columns,
                                        size_t count, rs_error *err);
RS_MUST_USE rs_status rsi_db_bulk_row(rsi_db *db, const rsi_db_value *values, rs_error *err);
RS_MUST_USE rs_status rsi_db_bulk_end(rsi_db *db, rs_error *err);

/* Whether there is such a table. */
RS_MUST_USE rs_status rsi_db_has(rsi_db *db, const char *table, bool *has, rs_error *err);

/* ---- transactions ---------------------------------------------------------------------------- */

typedef rs_status (*rsi_db_task)(rsi_db *db, void *context, rs_error *err);
/* Do `task` alone among writers, and commit; on failure nothing of it stays. It may be called again
 * from its start. `lock`: a table that writers on a server take turns at (NULL: none). */
RS_MUST_USE rs_status rsi_db_write(rsi_db *db, const char *lock, rsi_db_task task, void *context,
                                   rs_error *err);
/* Do `task`, which only reads, in one snapshot. */
RS_MUST_USE rs_status rsi_db_read(rsi_db *db, rsi_db_task task, void *context, rs_error *err);
/* Do `task`, which writes temporary tables alone: others are not kept waiting. */
RS_MUST_USE rs_status rsi_db_stage(rsi_db *db, rsi_db_task task, void *context, rs_error *err);

/* ---- a file's own ---------------------------------------------------------------------------- */

/* Copy a file's database, as it is at one moment, into a new file `path`; RS_EUSAGE for a server.
 */
RS_MUST_USE rs_status rsi_db_copy(rsi_db *db, const char *path, rs_error *err);
/* Whether all of a file holds together: RS_ECORRUPT says what does not. */
RS_MUST_USE rs_status rsi_db_check(rsi_db *db, rs_error *err);

#endif
