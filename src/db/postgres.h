/* postgres.h - the rows of queries from a PostgreSQL server, all in one snapshot, streamed.
 *
 *   open (connect, BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY)
 *        -> for each query: start, columns, read until it gives 0 -> close
 *
 * Rows come as COPY TO STDOUT writes them in text form (copytext.h). The session speaks UTF-8, ISO
 * dates and UTC, whatever the server's or the role's own settings are.
 *
 * Memory   a row at a time beside libpq's own buffer, which holds the longest row
 * Threads  a handle belongs to one thread
 * Trust    a password never stands in a message or in what rsi_postgres_name gives
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_DB_POSTGRES_H
#define RSI_DB_POSTGRES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ringscope/error.h"
#include "ringscope/text.h"

typedef struct rsi_postgres rsi_postgres;

/* Whether a word of the command line is a database's address: postgresql://... or postgres://... */
bool rsi_postgres_is_address(const char *word);
/* The address without its password and other options, into `name`. RS_EUSAGE where libpq cannot
 * read it, or this build has no libpq: the message does not quote it then. */
RS_MUST_USE rs_status rsi_postgres_name(const char *address, char *name, size_t capacity,
                                        rs_error *err);

/* Asked five times a second while the server keeps us waiting; what it fails with ends the call,
 * and the server is told to cancel. May be NULL. */
typedef struct rsi_postgres_ask {
    rs_status (*check)(void *context, rs_error *err);
    void *context;
} rsi_postgres_ask;

/* Connect and begin. What the address leaves open comes from the environment, the service file and
 * the password file, as libpq does it. RS_EUSAGE, RS_EIO, RS_ENOMEM, what `ask` fails with. */
RS_MUST_USE rs_status rsi_postgres_open(rsi_postgres **out, const char *address,
                                        const rsi_postgres_ask *ask, rs_error *err);
void rsi_postgres_close(rsi_postgres *db); /* NULL is fine; cancels what is running */

/* Start a query; the one before has been read to its end. RS_EUSAGE: the server refuses its text or
 * it gives no rows; RS_EIO. */
RS_MUST_USE rs_status rsi_postgres_start(rsi_postgres *db, const char *query, rs_error *err);
/* The names of its columns, lent until the next start. */
const rs_text *rsi_postgres_columns(const rsi_postgres *db, size_t *count);
/* Fill `bytes` with up to `capacity` bytes of rows; *got is less only at the end. RS_EINPUT: the
 * server found bad data (a division by zero), RS_EIO, what `ask` fails with. */
RS_MUST_USE rs_status rsi_postgres_read(rsi_postgres *db, char *bytes, size_t capacity, size_t *got,
                                        rs_error *err);
/* Rows read so far, of all queries. */
uint64_t rsi_postgres_rows(const rsi_postgres *db);

/* ---- statements, for server.c ---------------------------------------------------------------- */

/* Connect, and begin nothing. As rsi_postgres_open. */
RS_MUST_USE rs_status rsi_postgres_connect(rsi_postgres **out, const char *address,
                                           const rsi_postgres_ask *ask, rs_error *err);
const char *rsi_postgres_own_name(const rsi_postgres *db); /* without password; lent */
/* Statements without parameters. RS_ELOCKED: another writer was faster, do it again from the start
 * of the transaction; else as rsi_postgres_start. COPY ... FROM STDIN goes on with put. */
RS_MUST_USE rs_status rsi_postgres_do(rsi_postgres *db, const char *sql, rs_error *err);

/* All that a statement with parameters (texts, NULL: null) gave. */
typedef struct rsi_postgres_answer rsi_postgres_answer;
RS_MUST_USE rs_status rsi_postgres_query(rsi_postgres *db, const char *sql,
                                         const char *const *values, size_t count,
                                         rsi_postgres_answer **answer, rs_error *err);
size_t rsi_postgres_row_count(const rsi_postgres_answer *answer);
uint64_t rsi_postgres_changed(const rsi_postgres_answer *answer);
/* False: null. */
bool rsi_postgres_cell(const rsi_postgres_answer *answer, size_t row, int column, rs_text *text);
void rsi_postgres_answer_free(rsi_postgres_answer *answer); /* NULL is fine */

/* Bytes of COPY ... FROM STDIN, in text form; and its end. */
RS_MUST_USE rs_status rsi_postgres_put(rsi_postgres *db, const char *bytes, size_t length,
                                       rs_error *err);
RS_MUST_USE rs_status rsi_postgres_put_end(rsi_postgres *db, rs_error *err);

#endif
