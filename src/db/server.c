/* server.c - a database on a PostgreSQL server, over postgres.c.
 *
 * Queries go through a cursor, so that a million rows are read a piece at a time; that takes a
 * transaction. Rows in bulk go as COPY writes them in text form.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/try.h"
#include "db/backend.h"

#if RS_HAVE_LIBPQ
enum { FETCH_ROWS = 5000, PUT_BYTES = 1 << 16, VALUES_MAX = 24 };

typedef struct server {
    rsi_db base;
    rsi_postgres *link;
    unsigned cursor_count; /* all that were ever opened: each has a name of its own */
    rsi_buffer bulk;       /* rows not yet sent */
} server;

typedef struct server_rows {
    rsi_rows base;
    server *db;
    unsigned cursor;
    rsi_postgres_answer *answer; /* the piece at hand */
    size_t row;                  /* of it: the present one, from 1 */
} server_rows;

static const rsi_backend backend;

static void close_server(rsi_db *base)
{
    server *db = (server *)(void *)base;
    rsi_postgres_close(db->link);
    rsi_buffer_free(&db->bulk);
    free(db->base.name);
    free(db);
}

rs_status rsi_server_open(rsi_db **out, const char *address, const rsi_db_options *options,
                          rs_error *err)
{
    rs_status status = RS_OK;
    server *db = calloc(1, sizeof *db);
    if (db == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (database)");
    }
    db->base.backend = &backend;
    RS_TRY(rsi_postgres_connect(&db->link, address, &options->ask, err));
    db->base.name = strdup(rsi_postgres_own_name(db->link));
    if (db->base.name == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (database)");
        goto done;
    }
    *out = &db->base;
    db = NULL; /* moved to the caller */
done:
    if (db != NULL) {
        close_server(&db->base);
    }
    return status;
}

static rs_status exec(rsi_db *base, const char *sql, rs_error *err)
{
    return rsi_postgres_do(((server *)(void *)base)->link, sql, err);
}

static rs_status begin(rsi_db *base, rsi_begin what, const char *lock, rs_error *err)
{
    static const char *const begins[] = {
        [RSI_BEGIN_READ] = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        [RSI_BEGIN_STAGE] = "BEGIN",
        [RSI_BEGIN_WRITE] = "BEGIN ISOLATION LEVEL SERIALIZABLE",
    };
    rs_status status = RS_OK;
    char sql[80];
    RS_TRY(exec(base, begins[what], err));
    if (lock != NULL) {
        /* First of all: the snapshot is taken when all before us are done. */
        snprintf(sql, sizeof sql, "LOCK TABLE %s IN EXCLUSIVE MODE", lock);
        RS_TRY(exec(base, sql, err));
    }
done:
    return status;
}

/* ---- statements ------------------------------------------------------------------------------ */

/* Values as the texts that libpq wants; freed by the caller, all of them in *memory. */
static rs_status make_texts(const rsi_db_value *values, size_t count, const char *texts[VALUES_MAX],
                            rsi_buffer *memory, rs_error *err)
{
    rs_status status = RS_OK;
    size_t starts[VALUES_MAX] = {0};
    for (size_t i = 0; i < count; i++) {
        char number[24];
        rs_text text = values[i].text;
        if (values[i].kind == RSI_DB_INT) {
            text = (rs_text){number, (size_t)snprintf(number, sizeof number, "%lld",
                                                      (long long)values[i].integer)};
        } else if (values[i].kind == RSI_DB_NULL) {
            text = (rs_text){"", 0};
        }
        starts[i] = memory->length;
        RS_TRY(rsi_db_check_text(text, err));
        RS_TRY(rsi_buffer_add(memory, text.bytes, text.length, err));
        RS_TRY(rsi_buffer_add(memory, "", 1, err));
    }
    for (size_t i = 0; i < count; i++) {
        texts[i] = values[i].kind == RSI_DB_NULL ? NULL : (const char *)memory->bytes + starts[i];
    }
done:
    return status;
}

static rs_status ask(server *db, const char *sql, const rsi_db_value *values, size_t count,
                     rsi_postgres_answer **answer, rs_error *err)
{
    rs_status status = RS_OK;
    const char *texts[VALUES_MAX] = {0};
    rsi_buffer memory = {0};
    RS_TRY(make_texts(values, count, texts, &memory, err));
    RS_TRY(rsi_postgres_query(db->link, sql, texts, count, answer, err));
done:
    rsi_buffer_free(&memory);
    return status;
}

static rs_status run(rsi_db *base, const char *sql, const rsi_db_value *values, size_t count,
                     uint64_t *changed, rs_error *err)
{
    rsi_postgres_answer *answer = NULL;
    rs_status status = ask((server *)(void *)base, sql, values, count, &answer, err);
    if (status == RS_OK) {
        *changed = rsi_postgres_changed(answer);
    }
    rsi_postgres_answer_free(answer);
    return status;
}

static rs_status query(rsi_rows **out, rsi_db *base, const char *sql, const rsi_db_value *values,
                       size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    server *db = (server *)(void *)base;
    char *declare = NULL;
    rsi_postgres_answer *answer = NULL;
    server_rows *rows = calloc(1, sizeof *rows);
    if (rows == NULL || asprintf(&declare, "DECLARE rs_%u NO SCROLL CURSOR FOR %s",
                                 db->cursor_count + 1, sql) < 0) {
        declare = NULL;
        status = rs_fail(err, RS_ENOMEM, "out of memory (database)");
        goto done;
    }
    *rows = (server_rows){.base.backend = &backend, .db = db, .cursor = ++db->cursor_count};
    RS_TRY(ask(db, declare, values, count, &answer, err));
    *out = &rows->base;
    rows = NULL; /* moved to the caller */
done:
    rsi_postgres_answer_free(answer);
    free(declare);
    free(rows);
    return status;
}

static rs_status next(rsi_rows *base, bool *have, rs_error *err)
{
    rs_status status = RS_OK;
    server_rows *rows = (server_rows *)(void *)base;
    char fetch[64];
    if (rows->answer == NULL || rows->row == rsi_postgres_row_count(rows->answer)) {
        snprintf(fetch, sizeof fetch, "FETCH FORWARD %d FROM rs_%u", FETCH_ROWS, rows->cursor);
        rsi_postgres_answer_free(rows->answer);
        rows->answer = NULL;
        RS_TRY(rsi_postgres_query(rows->db->link, fetch, NULL, 0, &rows->answer, err));
        rows->row = 0;
    }
    *have = rows->row < rsi_postgres_row_count(rows->answer);
    rows->row += *have;
done:
    return rs_context(err, status, "%s", rows->db->base.name);
}

static bool null(const rsi_rows *base, int column)
{
    const server_rows *rows = (const server_rows *)(const void *)base;
    rs_text ignored;
    return !rsi_postgres_cell(rows->answer, rows->row - 1, column, &ignored);
}

static rs_text text(const rsi_rows *base, int column)
{
    const server_rows *rows = (const server_rows *)(const void *)base;
    rs_text cell;
    (void)rsi_postgres_cell(rows->answer, rows->row - 1, column, &cell);
    return cell;
}

static int64_t integer(const rsi_rows *base, int column)
{
    return strtoll(text(base, column).bytes, NULL, 10); /* libpq ends cells with a NUL */
}

static void rows_close(rsi_rows *base)
{
    server_rows *rows = (server_rows *)(void *)base;
    char sql[40];
    rs_error ignored;
    snprintf(sql, sizeof sql, "CLOSE rs_%u", rows->cursor);
    (void)!exec(&rows->db->base, sql, &ignored);
    rsi_postgres_answer_free(rows->answer);
    free(rows);
}

static rs_status has(rsi_db *base, const char *table, bool *found, rs_error *err)
{
    rsi_postgres_answer *answer = NULL;
    rs_status status = ask((server *)(void *)base, "SELECT 1 WHERE to_regclass($1) IS NOT NULL",
                           RSI_DB_VALUES(rsi_db_string(table)), &answer, err);
    *found = status == RS_OK && rsi_postgres_row_count(answer) > 0;
    rsi_postgres_answer_free(answer);
    return status;
}

static rs_status check(rsi_db *base, rs_error *err)
{
    (void)base;
    (void)err;
    return RS_OK; /* the server's own business */
}

/* ---- many rows ------------------------------------------------------------------------------- */

static rs_status bulk_start(rsi_db *base, const char *table, const char *columns, size_t count,
                            rs_error *err)
{
    char *sql = NULL;
    (void)count;
    if (asprintf(&sql, "COPY %s (%s) FROM STDIN", table, columns) < 0) {
        return rs_fail(err, RS_ENOMEM, "out of memory (database)");
    }
    ((server *)(void *)base)->bulk.length = 0;
    rs_status status = exec(base, sql, err);
    free(sql);
    return status;
}

static rs_status add_escaped(rsi_buffer *out, rs_text text, rs_error *err)
{
    static const char names[] = "bfnrtv";
    static const char values[] = "\b\f\n\r\t\v";
    rs_status status = rsi_buffer_reserve(out, 2 * text.length, err);
    for (size_t i = 0; status == RS_OK && i < text.length; i++) {
        const char *special = text.bytes[i] == '\0' ? NULL : strchr(values, text.bytes[i]);
        bool escape = special != NULL || text.bytes[i] == '\\';
        if (escape) {
            out->bytes[out->length++] = '\\';
        }
        out->bytes[out->length++] =
            (uint8_t)(special != NULL ? names[special - values] : text.bytes[i]);
    }
    return status;
}

static rs_status bulk_row(rsi_db *base, const rsi_db_value *values, rs_error *err)
{
    rs_status status = RS_OK;
    server *db = (server *)(void *)base;
    rsi_buffer *out = &db->bulk;
    for (size_t i = 0; i < base->bulk_count; i++) {
        char number[24];
        if (values[i].kind == RSI_DB_NULL) {
            RS_TRY(rsi_buffer_add(out, "\\N", 2, err));
        } else if (values[i].kind == RSI_DB_INT) {
            int length = snprintf(number, sizeof number, "%lld", (long long)values[i].integer);
            RS_TRY(rsi_buffer_add(out, number, (size_t)length, err));
        } else {
            RS_TRY(rsi_db_check_text(values[i].text, err));
            RS_TRY(add_escaped(out, values[i].text, err));
        }
        RS_TRY(rsi_buffer_add(out, i + 1 < base->bulk_count ? "\t" : "\n", 1, err));
    }
    if (out->length >= PUT_BYTES) {
        RS_TRY(rsi_postgres_put(db->link, (const char *)out->bytes, out->length, err));
        out->length = 0;
    }
done:
    return status;
}

static rs_status bulk_end(rsi_db *base, rs_error *err)
{
    rs_status status = RS_OK;
    server *db = (server *)(void *)base;
    RS_TRY(rsi_postgres_put(db->link, (const char *)db->bulk.bytes, db->bulk.length, err));
    RS_TRY(rsi_postgres_put_end(db->link, err));
done:
    return status;
}

static const rsi_backend backend = {
    .close = close_server,
    .begin = begin,
    .exec = exec,
    .query = query,
    .run = run,
    .bulk_start = bulk_start,
    .bulk_row = bulk_row,
    .bulk_end = bulk_end,
    .has = has,
    .check = check,
    .next = next,
    .null = null,
    .text = text,
    .integer = integer,
    .rows_close = rows_close,
};
#else
rs_status rsi_server_open(rsi_db **out, const char *address, const rsi_db_options *options,
                          rs_error *err)
{
    rsi_postgres *link = NULL;
    (void)out;
    return rsi_postgres_open(&link, address, &options->ask, err); /* says what is missing */
}
#endif
