/* postgres.c - queries through libpq's asynchronous calls, so that a signal is heard while the
 * server is silent. The only file that knows libpq.
 *
 * A query is prepared first: the server then judges it alone (one statement, nothing that closes
 * the parenthesis of COPY around it) and names its columns, which COPY does not. Then it runs as
 * COPY (query) TO STDOUT.
 *
 * Invariant: `copying` while the server sends rows; row[row_at .. row_length) is what the caller's
 * buffer had no room for.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "db/postgres.h"

#if RS_HAVE_LIBPQ
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"

enum { WAIT_MS = 200, NAME_MAX_BYTES = 200, REASON_BYTES = 500 };

struct rsi_postgres {
    PGconn *link;
    rsi_postgres_ask ask;
    char name[NAME_MAX_BYTES];
    rs_text *columns;
    char *column_text;
    size_t column_count;
    bool copying;
    char *row; /* libpq's */
    size_t row_at;
    size_t row_length;
    uint64_t row_count;
};

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (database)");
}

/* ---- addresses ----------------------------------------------------------------------------------
 */

static const char *option_of(const PQconninfoOption *options, const char *keyword)
{
    for (; options->keyword != NULL; options++) {
        if (strcmp(options->keyword, keyword) == 0) {
            return options->val == NULL ? "" : options->val;
        }
    }
    return "";
}

/* A password whose special characters are not written as %HH ends up in other parts: these would
 * then be quoted in messages. */
static bool is_plausible(const PQconninfoOption *options)
{
    const char *port = option_of(options, "port");
    return strchr(option_of(options, "host"), '@') == NULL &&
           strchr(option_of(options, "dbname"), '@') == NULL &&
           strspn(port, "0123456789,") == strlen(port);
}

rs_status rsi_postgres_name(const char *address, char *name, size_t capacity, rs_error *err)
{
    char *reason = NULL; /* may quote the password: never shown */
    PQconninfoOption *options = PQconninfoParse(address, &reason);
    PQfreemem(reason);
    if (options == NULL || !is_plausible(options)) {
        PQconninfoFree(options);
        return rs_fail(
            err, RS_EUSAGE,
            "the database's address cannot be read, expected "
            "postgresql://[user@][host][:port][/database][?option=value...] with special "
            "characters, those of a password too, written as %%HH");
    }
    const char *user = option_of(options, "user");
    const char *host = option_of(options, "host");
    const char *port = option_of(options, "port");
    bool folder = host[0] == '/';
    snprintf(name, capacity, "postgresql://%s%s%s%s%s/%s%s%s", user, user[0] != '\0' ? "@" : "",
             folder ? "" : host, port[0] != '\0' ? ":" : "", port, option_of(options, "dbname"),
             folder ? "?host=" : "", folder ? host : "");
    PQconninfoFree(options);
    return RS_OK;
}

/* ---- failures -----------------------------------------------------------------------------------
 */

/* One line without a control character and without a full stop. */
static void one_line(char *out, size_t capacity, const char *text)
{
    size_t used = 0;
    for (; *text != '\0' && used + 1 < capacity; text++) {
        bool control = (unsigned char)*text < 0x20 || *text == 0x7F;
        if (!control) {
            out[used++] = *text;
        } else if (used > 0 && out[used - 1] != ' ') {
            out[used++] = ' ';
        }
    }
    while (used > 0 && (out[used - 1] == ' ' || out[used - 1] == '.')) {
        used--;
    }
    out[used] = '\0';
}

static rs_status link_failed(const rsi_postgres *db, const char *what, rs_error *err)
{
    char reason[REASON_BYTES];
    one_line(reason, sizeof reason, PQerrorMessage(db->link));
    return rs_fail(err, RS_EIO, "%s %s: %s", what, db->name, reason);
}

/* By the class of the SQLSTATE: another's who was faster (a serialization failure, a table that two
 * made at once), the query's own fault, the data's, or the system's. */
static rs_status status_of(const char *state)
{
    if (strncmp(state, "40", 2) == 0 || strcmp(state, "23505") == 0 ||
        strcmp(state, "42P07") == 0) {
        return RS_ELOCKED;
    }
    if (strncmp(state, "42", 2) == 0 || strncmp(state, "0A", 2) == 0 ||
        strncmp(state, "25", 2) == 0) {
        return RS_EUSAGE;
    }
    return strncmp(state, "22", 2) == 0 ? RS_EINPUT : RS_EIO;
}

static rs_status result_failed(const rsi_postgres *db, const PGresult *result, const char *what,
                               rs_error *err)
{
    char reason[REASON_BYTES];
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    if (state == NULL || primary == NULL) {
        return link_failed(db, "lost", err);
    }
    one_line(reason, sizeof reason, primary);
    if (position != NULL && !db->copying) {
        return rs_fail(err, status_of(state), "%s: %s (at character %s of it, SQLSTATE %s)", what,
                       reason, position, state);
    }
    return rs_fail(err, status_of(state), "%s: %s (SQLSTATE %s)", what, reason, state);
}

/* ---- waiting ------------------------------------------------------------------------------------
 */

static rs_status ask(const rsi_postgres *db, rs_error *err)
{
    return db->ask.check == NULL ? RS_OK : db->ask.check(db->ask.context, err);
}

/* Wait for the socket; every WAIT_MS, and at a signal, ask whether to go on. *waits counts these.
 */
static rs_status wait_for(const rsi_postgres *db, short events, unsigned *waits, unsigned waits_max,
                          rs_error *err)
{
    struct pollfd one = {.fd = PQsocket(db->link), .events = events};
    while (poll(&one, 1, WAIT_MS) <= 0) {
        rs_status status = ask(db, err);
        if (status != RS_OK) {
            return status;
        }
        if (++*waits > waits_max) {
            return rs_fail(err, RS_EIO, "cannot connect to %s: no answer in time", db->name);
        }
    }
    return RS_OK;
}

/* Read what the server sent; waits where there is nothing yet. */
static rs_status receive(const rsi_postgres *db, rs_error *err)
{
    unsigned waits = 0;
    rs_status status = wait_for(db, POLLIN, &waits, UINT32_MAX, err);
    if (status == RS_OK && PQconsumeInput(db->link) == 0) {
        status = link_failed(db, "lost", err);
    }
    return status;
}

/* The next result, NULL where there is none left. */
static rs_status next_result(const rsi_postgres *db, PGresult **result, rs_error *err)
{
    *result = NULL;
    while (PQisBusy(db->link)) {
        rs_status status = receive(db, err);
        if (status != RS_OK) {
            return status;
        }
    }
    *result = PQgetResult(db->link);
    return RS_OK;
}

/* The one result of what was sent, which has to be `wanted`. COPY goes on after it. */
static rs_status expect(rsi_postgres *db, int sent, ExecStatusType wanted, const char *what,
                        PGresult **out, rs_error *err)
{
    rs_status status = RS_OK;
    PGresult *result = NULL;
    PGresult *more = NULL;
    if (!sent) {
        return link_failed(db, "lost", err);
    }
    RS_TRY(next_result(db, &result, err));
    ExecStatusType got = PQresultStatus(result);
    if (got == PGRES_FATAL_ERROR) {
        status = result_failed(db, result, what, err);
        goto done;
    }
    while (got != PGRES_COPY_OUT && got != PGRES_COPY_IN && got != PGRES_COPY_BOTH) {
        RS_TRY(next_result(db, &more, err));
        if (more == NULL) {
            break;
        }
        if (PQresultStatus(more) != wanted) {
            status = result_failed(db, more, what, err);
            goto done;
        }
        PQclear(more);
        more = NULL;
    }
    if (got != wanted) {
        status = rs_fail(err, RS_EUSAGE, "%s: it gives no rows", what);
        goto done;
    }
    if (out != NULL) {
        *out = result;
        result = NULL; /* moved to the caller */
    }
done:
    PQclear(more);
    PQclear(result);
    return status;
}

/* ---- opening ------------------------------------------------------------------------------------
 */

/* Library code prints nothing: libpq's own way with notices is standard error. */
static void drop_notice(void *context, const PGresult *result)
{
    (void)context;
    (void)result;
}

/* What libpq's blocking connect would wait; 0: for ever. */
static unsigned connect_waits(PGconn *link)
{
    PQconninfoOption *options = PQconninfo(link);
    long seconds = options == NULL ? 0 : strtol(option_of(options, "connect_timeout"), NULL, 10);
    PQconninfoFree(options);
    if (seconds <= 0 || seconds > 1000000) {
        return UINT32_MAX;
    }
    return (unsigned)seconds * (1000 / WAIT_MS);
}

static rs_status connect_link(rsi_postgres *db, const char *address, rs_error *err)
{
    rs_status status = RS_OK;
    const char *const keys[] = {"dbname", "fallback_application_name", "client_encoding", NULL};
    const char *const values[] = {address, "ringscope", "UTF8", NULL};
    db->link = PQconnectStartParams(keys, values, 1);
    if (db->link == NULL) {
        return no_memory(err);
    }
    PQsetNoticeReceiver(db->link, drop_notice, NULL);
    unsigned waits = 0;
    unsigned waits_max = connect_waits(db->link);
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    while (PQstatus(db->link) != CONNECTION_BAD && next != PGRES_POLLING_OK) {
        RS_TRY(
            wait_for(db, next == PGRES_POLLING_READING ? POLLIN : POLLOUT, &waits, waits_max, err));
        next = PQconnectPoll(db->link);
        if (next == PGRES_POLLING_FAILED) {
            break;
        }
    }
    if (PQstatus(db->link) != CONNECTION_OK) {
        status = link_failed(db, "cannot connect to", err);
    }
done:
    return status;
}

rs_status rsi_postgres_connect(rsi_postgres **out, const char *address,
                               const rsi_postgres_ask *asked, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_postgres *db = calloc(1, sizeof *db);
    if (db == NULL) {
        return no_memory(err);
    }
    db->ask = *asked;
    RS_TRY(rsi_postgres_name(address, db->name, sizeof db->name, err));
    RS_TRY(connect_link(db, address, err));
    *out = db;
    db = NULL; /* moved to the caller */
done:
    rsi_postgres_close(db);
    return status;
}

rs_status rsi_postgres_open(rsi_postgres **out, const char *address, const rsi_postgres_ask *asked,
                            rs_error *err)
{
    /* What a text looks like depends on these; SET LOCAL ends with the transaction, so that a
     * pooler's connection goes back as it was. */
    static const char begin[] = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
    static const char settings[] =
        "SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL timezone = 'UTC';"
        "SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1;"
        "SET LOCAL intervalstyle = 'iso_8601'; SET LOCAL standard_conforming_strings = on";
    rs_status status = RS_OK;
    rsi_postgres *db = NULL;
    RS_TRY(rsi_postgres_connect(&db, address, asked, err));
    RS_TRY(expect(db, PQsendQuery(db->link, begin), PGRES_COMMAND_OK, db->name, NULL, err));
    RS_TRY(expect(db, PQsendQuery(db->link, settings), PGRES_COMMAND_OK, db->name, NULL, err));
    *out = db;
    db = NULL; /* moved to the caller */
done:
    rsi_postgres_close(db);
    return status;
}

/* The server would notice that we are gone only when it next sends something. */
static void cancel(const rsi_postgres *db)
{
    char reason[256];
    PGcancel *how = PQgetCancel(db->link);
    if (how != NULL) {
        (void)PQcancel(how, reason, sizeof reason);
        PQfreeCancel(how);
    }
}

void rsi_postgres_close(rsi_postgres *db)
{
    if (db == NULL) {
        return;
    }
    if (db->link != NULL && PQstatus(db->link) == CONNECTION_OK &&
        PQtransactionStatus(db->link) == PQTRANS_ACTIVE) {
        cancel(db);
    }
    PQfreemem(db->row);
    PQfinish(db->link);
    free(db->columns);
    free(db->column_text);
    free(db);
}

/* ---- a query ------------------------------------------------------------------------------------
 */

static rs_status keep_columns(rsi_postgres *db, const PGresult *described, rs_error *err)
{
    int count = PQnfields(described);
    size_t bytes = 1;
    for (int i = 0; i < count; i++) {
        bytes += strlen(PQfname(described, i)) + 1;
    }
    free(db->columns);
    free(db->column_text);
    db->columns = calloc((size_t)count + 1, sizeof *db->columns);
    db->column_text = malloc(bytes);
    if (db->columns == NULL || db->column_text == NULL) {
        return no_memory(err);
    }
    char *at = db->column_text;
    for (int i = 0; i < count; i++) {
        size_t length = strlen(PQfname(described, i));
        memcpy(at, PQfname(described, i), length + 1);
        db->columns[i] = (rs_text){at, length};
        at += length + 1;
    }
    db->column_count = (size_t)count;
    return RS_OK;
}

/* COPY (query) TO STDOUT; a closing semicolon is cut off, a closing comment ends with its line. */
static char *copy_statement(const char *query)
{
    static const char form[] = "COPY (%.*s\n) TO STDOUT";
    size_t length = strlen(query);
    while (length > 0 && strchr("; \t\r\n", query[length - 1]) != NULL) {
        length--;
    }
    char *text = malloc(length + sizeof form);
    if (text != NULL) {
        snprintf(text, length + sizeof form, form, (int)length, query);
    }
    return text;
}

rs_status rsi_postgres_start(rsi_postgres *db, const char *query, rs_error *err)
{
    static const char what[] = "the database refuses the query";
    rs_status status = RS_OK;
    PGresult *described = NULL;
    char *copy = copy_statement(query);
    if (copy == NULL) {
        return no_memory(err);
    }
    RS_TRY(
        expect(db, PQsendPrepare(db->link, "", query, 0, NULL), PGRES_COMMAND_OK, what, NULL, err));
    RS_TRY(
        expect(db, PQsendDescribePrepared(db->link, ""), PGRES_COMMAND_OK, what, &described, err));
    if (PQnparams(described) > 0) {
        status = rs_fail(err, RS_EUSAGE, "the query has parameters ($1), expected it to be whole");
        goto done;
    }
    if (PQnfields(described) == 0) {
        status = rs_fail(err, RS_EUSAGE, "the query gives no rows");
        goto done;
    }
    RS_TRY(keep_columns(db, described, err));
    RS_TRY(expect(db, PQsendQuery(db->link, copy), PGRES_COPY_OUT, what, NULL, err));
    db->copying = true;
done:
    PQclear(described);
    free(copy);
    return status;
}

const rs_text *rsi_postgres_columns(const rsi_postgres *db, size_t *count)
{
    *count = db->column_count;
    return db->columns;
}

/* The rows have ended: did the server mean it? */
static rs_status end_copy(rsi_postgres *db, rs_error *err)
{
    rs_status status = RS_OK;
    PGresult *result = NULL;
    char what[80];
    snprintf(what, sizeof what, "after row %llu the query failed",
             (unsigned long long)db->row_count);
    RS_TRY(next_result(db, &result, err));
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        status = result_failed(db, result, what, err);
        goto done;
    }
    while (result != NULL) {
        PQclear(result);
        RS_TRY(next_result(db, &result, err));
    }
done:
    PQclear(result);
    db->copying = false;
    return status;
}

/* Have a row, or know that there is none left. */
static rs_status next_row(rsi_postgres *db, rs_error *err)
{
    PQfreemem(db->row);
    db->row = NULL;
    db->row_at = 0;
    db->row_length = 0;
    for (;;) {
        int length = PQgetCopyData(db->link, &db->row, 1);
        if (length > 0) {
            db->row_length = (size_t)length;
            db->row_count++;
            return RS_OK;
        }
        if (length == -1) {
            return end_copy(db, err);
        }
        if (length == -2) {
            return link_failed(db, "lost", err);
        }
        rs_status status = receive(db, err);
        if (status != RS_OK) {
            return status;
        }
    }
}

rs_status rsi_postgres_read(rsi_postgres *db, char *bytes, size_t capacity, size_t *got,
                            rs_error *err)
{
    *got = 0;
    while (*got < capacity && db->copying) {
        if (db->row_at == db->row_length) {
            rs_status status = next_row(db, err);
            if (status != RS_OK) {
                return status;
            }
            continue;
        }
        size_t left = db->row_length - db->row_at;
        size_t step = left < capacity - *got ? left : capacity - *got;
        memcpy(bytes + *got, db->row + db->row_at, step);
        db->row_at += step;
        *got += step;
    }
    return RS_OK;
}

uint64_t rsi_postgres_rows(const rsi_postgres *db)
{
    return db->row_count;
}

/* ---- statements ---------------------------------------------------------------------------------
 */

/* The last result of what was sent; the first failure of it ends the call. */
static rs_status take(rsi_postgres *db, int sent, PGresult **out, rs_error *err)
{
    rs_status status = RS_OK;
    PGresult *result = NULL;
    PGresult *more = NULL;
    if (!sent) {
        return link_failed(db, "lost", err);
    }
    RS_TRY(next_result(db, &result, err));
    while (result != NULL && PQresultStatus(result) != PGRES_COPY_IN) {
        if (PQresultStatus(result) == PGRES_FATAL_ERROR && status == RS_OK) {
            status = result_failed(db, result, "the database refuses", err);
        }
        rs_error ignored;
        if (next_result(db, &more, &ignored) != RS_OK || more == NULL) {
            break;
        }
        PQclear(result);
        result = more;
        more = NULL;
    }
    if (status == RS_OK && result == NULL) {
        status = link_failed(db, "lost", err);
    }
done:
    if (status == RS_OK && out != NULL) {
        *out = result;
        result = NULL; /* moved to the caller */
    }
    PQclear(more);
    PQclear(result);
    return status;
}

const char *rsi_postgres_own_name(const rsi_postgres *db)
{
    return db->name;
}

rs_status rsi_postgres_do(rsi_postgres *db, const char *sql, rs_error *err)
{
    return take(db, PQsendQuery(db->link, sql), NULL, err);
}

rs_status rsi_postgres_query(rsi_postgres *db, const char *sql, const char *const *values,
                             size_t count, rsi_postgres_answer **answer, rs_error *err)
{
    PGresult *result = NULL;
    rs_status status =
        take(db, PQsendQueryParams(db->link, sql, (int)count, NULL, values, NULL, NULL, 0), &result,
             err);
    *answer = (rsi_postgres_answer *)(void *)result;
    return status;
}

static PGresult *result_of(const rsi_postgres_answer *answer)
{
    return (PGresult *)(uintptr_t)answer;
}

size_t rsi_postgres_row_count(const rsi_postgres_answer *answer)
{
    return (size_t)PQntuples(result_of(answer));
}

uint64_t rsi_postgres_changed(const rsi_postgres_answer *answer)
{
    return strtoull(PQcmdTuples(result_of(answer)), NULL, 10);
}

bool rsi_postgres_cell(const rsi_postgres_answer *answer, size_t row, int column, rs_text *text)
{
    PGresult *result = result_of(answer);
    *text = (rs_text){PQgetvalue(result, (int)row, column),
                      (size_t)PQgetlength(result, (int)row, column)};
    return !PQgetisnull(result, (int)row, column);
}

void rsi_postgres_answer_free(rsi_postgres_answer *answer)
{
    PQclear(result_of(answer));
}

rs_status rsi_postgres_put(rsi_postgres *db, const char *bytes, size_t length, rs_error *err)
{
    return PQputCopyData(db->link, bytes, (int)length) == 1 ? RS_OK : link_failed(db, "lost", err);
}

rs_status rsi_postgres_put_end(rsi_postgres *db, rs_error *err)
{
    return take(db, PQputCopyEnd(db->link, NULL) == 1, NULL, err);
}
#endif
