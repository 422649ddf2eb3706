/* entries.c - rows into the lists, out of them, and off them.
 *
 * Rows go into a table of this connection alone first, where every one is checked; one transaction
 * then takes them over. A row of the same key takes the place of the one that is there: that one is
 * marked as removed at this revision, for what was known before is never forgotten.
 *
 * Cost: a sort of the rows and one look-up each; a million in seconds (docs/BENCHMARKS.md).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timestamp.h"
#include "base/try.h"
#include "feedback/ledger.h"

#define IN_FORCE "removed = 9223372036854775807"
/* Of a row of the stage and one of the list: the same key; and that one in force. */
#define SAME_KEY "e.type = s.type AND e.id = s.id AND e.source = s.source AND e." IN_FORCE
#define DIFFERS                                                                                    \
    "(e.reason <> s.reason OR e.strength <> s.strength OR e.since <> s.since OR e.until <> "       \
    "s.until)"

/* ---- the stage ------------------------------------------------------------------------------- */

static rs_status make_stage(rsi_db *db, rs_error *err)
{
    return rsi_ledger_exec(db,
                           "DROP TABLE IF EXISTS rs_stage;"
                           "CREATE TEMPORARY TABLE rs_stage (line BIGINT, type @text, id @text, "
                           "source @text, reason @text, strength BIGINT, since BIGINT, "
                           "until BIGINT)",
                           err);
}

static rs_status start_stage(rsi_db *db, rs_error *err)
{
    return rsi_db_bulk_start(db, "rs_stage",
                             "line, type, id, source, reason, strength, since, until", 8, err);
}

static rs_status stage_row(void *context, const rs_entry *row, uint64_t line, rs_error *err)
{
    const rsi_db_value values[] = {rsi_db_int((int64_t)line), rsi_db_text(row->type),
                                   rsi_db_text(row->id),      rsi_db_text(row->source),
                                   rsi_db_text(row->reason),  rsi_db_int(row->strength),
                                   rsi_db_int(row->since),    rsi_db_int(row->until)};
    return rsi_db_bulk_row(context, values, err);
}

typedef struct staging {
    const char *path;
    const rs_import_options *options;
    int64_t now_unix_s;
} staging;

static rs_status fill_stage(rsi_db *db, void *context, rs_error *err)
{
    rs_status status = RS_OK;
    const staging *s = context;
    RS_TRY(make_stage(db, err));
    RS_TRY(start_stage(db, err));
    RS_TRY(rsi_rows_read(s->path, s->options, s->now_unix_s, stage_row, db, err));
    RS_TRY(rsi_db_bulk_end(db, err));
    RS_TRY(rsi_db_exec(db, "CREATE INDEX rs_stage_key ON rs_stage (type, id, source)", err));
    RS_TRY(rsi_db_exec(db, "ANALYZE rs_stage", err));
done:
    return status;
}

/* A key that stands twice: the later line of the first such. */
static rs_status check_twice(rsi_db *db, const char *path, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_rows *rows = NULL;
    bool have = false;
    RS_TRY(rsi_db_query(&rows, db,
                        "SELECT MIN(line), MAX(line) FROM rs_stage GROUP BY type, id, source "
                        "HAVING COUNT(*) > 1 ORDER BY 2 LIMIT 1",
                        NULL, 0, err));
    RS_TRY(rsi_rows_next(rows, &have, err));
    if (have) {
        status = rs_fail(err, RS_EINPUT,
                         "%s:%" PRId64 ":1: the row stands twice: line %" PRId64
                         " has the same type, id and source",
                         path, rsi_rows_int(rows, 1, 0), rsi_rows_int(rows, 0, 0));
    }
done:
    rsi_rows_close(rows);
    return status;
}

/* ---- what it comes to ------------------------------------------------------------------------ */

typedef struct merging {
    const char *path;  /* NULL: one row, by hand */
    const char *named; /* then: whom, as TYPE:ID */
    const rs_import_options *options;
    const rs_act *act;
    rs_import_result *result;
} merging;

static void put_time(char out[40], int64_t unix_s)
{
    if (unix_s == RS_ALWAYS || unix_s == RS_NEVER) {
        snprintf(out, 40, "-");
    } else if (unix_s < RSI_TIME_MIN || unix_s > RSI_TIME_MAX) {
        snprintf(out, 40, "%" PRId64, unix_s);
    } else {
        out[rsi_timestamp_format(unix_s, out)] = '\0';
    }
}

/* Columns from `at`: reason, strength, since, until. */
static void put_values(char *out, size_t capacity, const rsi_rows *rows, int at)
{
    char since[40];
    char until[40];
    rs_text reason = rsi_rows_text(rows, at);
    put_time(since, rsi_rows_int(rows, at + 2, RS_ALWAYS));
    put_time(until, rsi_rows_int(rows, at + 3, RS_NEVER));
    snprintf(out, capacity, "\"%.*s\" %.6g %s %s", reason.length < 120 ? (int)reason.length : 120,
             reason.bytes, (double)rsi_rows_int(rows, at + 1, 0) / 1e6, since, until);
}

static char *describe_change(const rsi_rows *rows)
{
    char was[256];
    char is[256];
    char *text = NULL;
    rs_text type = rsi_rows_text(rows, 0);
    rs_text id = rsi_rows_text(rows, 1);
    rs_text source = rsi_rows_text(rows, 2);
    put_values(was, sizeof was, rows, 3);
    put_values(is, sizeof is, rows, 7);
    int length = asprintf(&text, "%.*s:%.*s of %.*s: was %s, is %s", (int)type.length, type.bytes,
                          (int)id.length, id.bytes, (int)source.length, source.bytes, was, is);
    return length < 0 ? NULL : text;
}

static char *describe_conflict(const rsi_rows *rows)
{
    char *text = NULL;
    rs_text type = rsi_rows_text(rows, 0);
    rs_text id = rsi_rows_text(rows, 1);
    rs_text source = rsi_rows_text(rows, 2);
    rs_text reason = rsi_rows_text(rows, 3);
    int length =
        asprintf(&text, "%.*s:%.*s stands on the other list too, of %.*s: \"%.*s\"",
                 (int)type.length, type.bytes, (int)id.length, id.bytes, (int)source.length,
                 source.bytes, reason.length < 120 ? (int)reason.length : 120, reason.bytes);
    return length < 0 ? NULL : text;
}

static rs_status keep_lines(rsi_db *db, const char *sql, rs_list_name list,
                            char *(*describe)(const rsi_rows *), char **kept, size_t *count,
                            rs_error *err)
{
    rs_status status = RS_OK;
    rsi_rows *rows = NULL;
    bool have = true;
    RS_TRY(rsi_db_query(&rows, db, sql,
                        RSI_DB_VALUES(rsi_db_int(list), rsi_db_int(RS_IMPORT_SHOWN)), err));
    while (*count < RS_IMPORT_SHOWN) {
        RS_TRY(rsi_rows_next(rows, &have, err));
        if (!have) {
            break;
        }
        kept[*count] = describe(rows);
        if (kept[*count] == NULL) {
            status = rs_fail(err, RS_ENOMEM, "out of memory (list)");
            goto done;
        }
        ++*count;
    }
done:
    rsi_rows_close(rows);
    return status;
}

static rs_status count_and_show(rsi_db *db, rs_list_name list, rs_import_result *result,
                                rs_error *err)
{
    rs_status status = RS_OK;
    int64_t number = 0;
    rs_list_name other = list == RS_BLACKLIST ? RS_WHITELIST : RS_BLACKLIST;
    RS_TRY(rsi_db_number(db, "SELECT COUNT(*) FROM rs_stage", NULL, 0, 0, &number, err));
    result->row_count = (uint64_t)number;
    RS_TRY(rsi_db_number(db,
                         "SELECT COUNT(*) FROM rs_stage s WHERE EXISTS (SELECT 1 FROM rs_entry e "
                         "WHERE e.list = $1 AND e.type = s.type AND e.id = s.id AND e." IN_FORCE
                         ")",
                         RSI_DB_VALUES(rsi_db_int(other)), 0, &number, err));
    result->both_count = (uint64_t)number;
    RS_TRY(keep_lines(db,
                      "SELECT s.type, s.id, s.source, e.reason, e.strength, e.since, e.until, "
                      "s.reason, s.strength, s.since, s.until FROM rs_stage s JOIN rs_entry e ON "
                      "e.list = $1 AND " SAME_KEY " WHERE " DIFFERS " ORDER BY s.line LIMIT $2",
                      list, describe_change, result->changes, &result->change_count, err));
    RS_TRY(keep_lines(db,
                      "SELECT s.type, s.id, e.source, e.reason FROM rs_stage s JOIN rs_entry e ON "
                      "e.list = $1 AND e.type = s.type AND e.id = s.id AND e." IN_FORCE
                      " ORDER BY s.line, e.source LIMIT $2",
                      other, describe_conflict, result->conflicts, &result->conflict_count, err));
done:
    return status;
}

static rs_status take_over(rsi_db *db, const merging *m, int64_t revision, rs_error *err)
{
    rs_status status = RS_OK;
    rs_import_result *result = m->result;
    uint64_t written = 0;
    RS_TRY(rsi_db_run(db,
                      "UPDATE rs_entry SET removed = $1 WHERE list = $2 AND " IN_FORCE
                      " AND (type, id, source) IN (SELECT s.type, s.id, s.source FROM rs_stage s "
                      "JOIN rs_entry e ON e.list = $2 AND " SAME_KEY " WHERE " DIFFERS ")",
                      RSI_DB_VALUES(rsi_db_int(revision), rsi_db_int(m->options->list)),
                      &result->changed_count, err));
    RS_TRY(rsi_db_run(db,
                      "INSERT INTO rs_entry (list, type, id, source, added, removed, reason, "
                      "strength, since, until) SELECT CAST($1 AS BIGINT), s.type, s.id, s.source, "
                      "CAST($2 AS BIGINT), 9223372036854775807, s.reason, s.strength, s.since, "
                      "s.until FROM rs_stage s "
                      "WHERE NOT EXISTS (SELECT 1 FROM rs_entry e WHERE e.list = $1 AND " SAME_KEY
                      ") ORDER BY s.type, s.id, s.source",
                      RSI_DB_VALUES(rsi_db_int(m->options->list), rsi_db_int(revision)), &written,
                      err));
    result->added_count = written - result->changed_count;
    result->same_count = result->row_count - written;
    result->revision = written > 0 ? revision : 0;
done:
    return status;
}

static rs_status note_import(rsi_db *db, const merging *m, rs_error *err)
{
    char what[40];
    char detail[160];
    const rs_import_result *result = m->result;
    snprintf(what, sizeof what, "%s %s", rs_list_name_text(m->options->list),
             m->path == NULL ? "add" : "import");
    snprintf(detail, sizeof detail, "rows %" PRIu64 " added %" PRIu64 " changed %" PRIu64,
             result->row_count, result->added_count, result->changed_count);
    rsi_deed deed = {
        .what = what, .object = m->path != NULL ? m->path : m->named, .detail = detail};
    return rsi_audit_add(db, result->revision, m->act, &deed, err);
}

static rs_status merge(rsi_db *db, void *context, rs_error *err)
{
    rs_status status = RS_OK;
    const merging *m = context;
    int64_t revision = 0;
    rs_import_free(m->result); /* of a try before this one */
    RS_TRY(check_twice(db, m->path != NULL ? m->path : "row", err));
    RS_TRY(count_and_show(db, m->options->list, m->result, err));
    RS_TRY(rsi_ledger_next(db, &revision, err));
    if (m->options->trial) {
        RS_TRY(rsi_db_exec(db, "SAVEPOINT rs_trial", err));
    }
    RS_TRY(take_over(db, m, revision, err));
    if (m->options->trial) {
        m->result->revision = 0;
        RS_TRY(rsi_db_exec(db, "ROLLBACK TO SAVEPOINT rs_trial", err));
    } else if (m->result->revision > 0) {
        RS_TRY(note_import(db, m, err));
    }
done:
    return status;
}

void rs_import_free(rs_import_result *result)
{
    for (size_t i = 0; i < result->change_count; i++) {
        free(result->changes[i]);
    }
    for (size_t i = 0; i < result->conflict_count; i++) {
        free(result->conflicts[i]);
    }
    *result = (rs_import_result){.row_count = 0};
}

static rs_status merge_stage(rs_ledger *ledger, merging *m, rs_error *err)
{
    rs_error ignored;
    rs_status status = rsi_db_write(ledger->db, RSI_LEDGER_LOCK, merge, m, err);
    (void)!rsi_db_exec(ledger->db, "DROP TABLE IF EXISTS rs_stage", &ignored);
    if (status != RS_OK) {
        rs_import_free(m->result);
    }
    return status;
}

rs_status rs_ledger_import(rs_ledger *ledger, const char *path, const rs_import_options *options,
                           const rs_act *act, rs_import_result *result, rs_error *err)
{
    rs_status status = RS_OK;
    staging s = {.path = path, .options = options, .now_unix_s = act->when_unix_s};
    merging m = {.path = path, .options = options, .act = act, .result = result};
    *result = (rs_import_result){.row_count = 0};
    /* Nobody waits for this: the stage is ours alone, and so is its transaction. */
    RS_TRY(rsi_db_stage(ledger->db, fill_stage, &s, err));
    RS_TRY(merge_stage(ledger, &m, err));
done:
    return status;
}

/* One row into the stage, by the rules of all. */
typedef struct adding {
    const rs_entry *entry;
    const rs_import_options *options;
    int64_t now_unix_s;
} adding;

static rs_status stage_one(rsi_db *db, void *context, rs_error *err)
{
    rs_status status = RS_OK;
    const adding *a = context;
    RS_TRY(rsi_row_check(a->entry, a->options, a->now_unix_s, err));
    RS_TRY(make_stage(db, err));
    RS_TRY(start_stage(db, err));
    RS_TRY(stage_row(db, a->entry, 1, err));
    RS_TRY(rsi_db_bulk_end(db, err));
done:
    return status;
}

rs_status rs_ledger_add(rs_ledger *ledger, const rs_entry *entry, const rs_import_options *options,
                        const rs_act *act, rs_import_result *result, rs_error *err)
{
    rs_status status = RS_OK;
    char *named = NULL;
    adding a = {.entry = entry, .options = options, .now_unix_s = act->when_unix_s};
    merging m = {.options = options, .act = act, .result = result};
    *result = (rs_import_result){.row_count = 0};
    RS_TRY(rsi_db_stage(ledger->db, stage_one, &a, err));
    RS_TRY(rsi_name_of(&named, entry->type, entry->id, err));
    m.named = named;
    RS_TRY(merge_stage(ledger, &m, err));
done:
    free(named);
    return status;
}

/* ---- off the list ---------------------------------------------------------------------------- */

typedef struct removing {
    rs_list_name list;
    const rs_entry *which;
    const char *source;
    const rs_act *act;
    uint64_t *count;
} removing;

static rs_status take_off(rsi_db *db, void *context, rs_error *err)
{
    rs_status status = RS_OK;
    const removing *r = context;
    int64_t revision = 0;
    char what[40];
    char detail[40];
    char *named = NULL;
    RS_TRY(rsi_ledger_next(db, &revision, err));
    RS_TRY(rsi_db_run(db,
                      "UPDATE rs_entry SET removed = $1 WHERE list = $2 AND type = $3 AND id = $4 "
                      "AND (source = $5 OR $6 = 1) AND " IN_FORCE,
                      RSI_DB_VALUES(rsi_db_int(revision), rsi_db_int(r->list),
                                    rsi_db_text(r->which->type), rsi_db_text(r->which->id),
                                    rsi_db_string(r->source != NULL ? r->source : ""),
                                    rsi_db_int(r->source == NULL)),
                      r->count, err));
    RS_TRY(rsi_name_of(&named, r->which->type, r->which->id, err));
    if (*r->count == 0) {
        status = rs_fail(err, RS_ENOTFOUND, "\"%.300s\" is not on the %s%s%.200s", named,
                         rs_list_name_text(r->list), r->source != NULL ? " of source " : "",
                         r->source != NULL ? r->source : "");
        goto done;
    }
    snprintf(what, sizeof what, "%s remove", rs_list_name_text(r->list));
    snprintf(detail, sizeof detail, "removed %" PRIu64, *r->count);
    rsi_deed deed = {.what = what, .object = named, .detail = detail};
    RS_TRY(rsi_audit_add(db, revision, r->act, &deed, err));
done:
    free(named);
    return status;
}

rs_status rs_ledger_remove(rs_ledger *ledger, rs_list_name list, const rs_entry *which,
                           const char *source, const rs_act *act, uint64_t *count, rs_error *err)
{
    removing r = {.list = list, .which = which, .source = source, .act = act, .count = count};
    return rsi_db_write(ledger->db, RSI_LEDGER_LOCK, take_off, &r, err);
}

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct reading {
    const rs_entry_query *query;
    rs_entry_taker take;
    void *context;
} reading;

static rs_status read_entries(rsi_db *db, void *context, rs_error *err)
{
    rs_status status = RS_OK;
    const reading *r = context;
    const rs_entry_query *query = r->query;
    rsi_rows *rows = NULL;
    bool have = true;
    int64_t next = 0;
    RS_TRY(rsi_ledger_next(db, &next, err));
    if (query->revision >= next) {
        status = rs_fail(err, RS_EINPUT,
                         "%s: revision %" PRId64 " is not there (the latest is %" PRId64 ")",
                         rsi_db_name(db), query->revision, next - 1);
        goto done;
    }
    RS_TRY(rsi_db_query(
        &rows, db,
        "SELECT type, id, source, reason, strength, since, until, added, removed FROM rs_entry "
        "WHERE list = $1 AND added <= $2 AND removed > $2 AND ($3 = 0 OR (since <= $4 AND until > "
        "$4)) AND ($5 = 0 OR type = $6) AND ($7 = 0 OR id = $8) ORDER BY type, id, source",
        RSI_DB_VALUES(
            rsi_db_int(query->list), rsi_db_int(query->revision < 0 ? next - 1 : query->revision),
            rsi_db_int(query->dated), rsi_db_int(query->as_of), rsi_db_int(query->type != NULL),
            rsi_db_string(query->type != NULL ? query->type : ""), rsi_db_int(query->id != NULL),
            rsi_db_string(query->id != NULL ? query->id : "")),
        err));
    for (;;) {
        RS_TRY(rsi_rows_next(rows, &have, err));
        if (!have) {
            break;
        }
        rs_entry one = {.type = rsi_rows_text(rows, 0),
                        .id = rsi_rows_text(rows, 1),
                        .source = rsi_rows_text(rows, 2),
                        .reason = rsi_rows_text(rows, 3),
                        .strength = (uint32_t)rsi_rows_int(rows, 4, 0),
                        .since = rsi_rows_int(rows, 5, RS_ALWAYS),
                        .until = rsi_rows_int(rows, 6, RS_NEVER),
                        .added = rsi_rows_int(rows, 7, 0),
                        .removed = rsi_rows_int(rows, 8, RS_NEVER)};
        RS_TRY(r->take(r->context, &one, err));
    }
done:
    rsi_rows_close(rows);
    return status;
}

rs_status rs_ledger_entries(rs_ledger *ledger, const rs_entry_query *query, rs_entry_taker take,
                            void *context, rs_error *err)
{
    reading r = {.query = query, .take = take, .context = context};
    return rsi_db_read(ledger->db, read_entries, &r, err);
}
