/* rows.c - rows of a list from CSV or JSON, checked each by itself.
 *
 *   CSV   a header with type, id, reason, and any of strength, since, until, source
 *   JSON  objects of these names, one a line, or all in one array; strings, for strength and times
 *         numbers too; null as if it was not there
 *
 * Cost: CSV is streamed; JSON is read whole, up to JSON_MAX bytes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/csv.h"
#include "base/json.h"
#include "base/listfields.h"
#include "base/stream.h"
#include "base/timestamp.h"
#include "base/try.h"
#include "base/utf8.h"
#include "feedback/ledger.h"

#define JSON_MAX ((size_t)1 << 30)
enum { TYPE, ID, REASON, STRENGTH, SINCE, UNTIL, SOURCE, FIELDS };
enum { TEXT_MAX = 4096, HEAD_BYTES = 4096 };
static const char *const names[FIELDS] = {"type",  "id",    "reason", "strength",
                                          "since", "until", "source"};

typedef struct reader {
    const char *path;
    const rs_import_options *options;
    int64_t now_unix_s;
    rsi_row_taker take;
    void *context;
} reader;

/* ---- one row --------------------------------------------------------------------------------- */

/* What is wrong with an entry as a whole, and in which field; NULL: nothing. */
static const char *check_entry(const rs_entry *entry, const rs_import_options *options,
                               int64_t now_unix_s, int *field)
{
    const rs_text texts[] = {[TYPE] = entry->type, [ID] = entry->id, [REASON] = entry->reason};
    for (int i = TYPE; i <= REASON + 1; i++) {
        rs_text text = i <= REASON ? texts[i] : entry->source;
        *field = i <= REASON ? i : SOURCE;
        if (i <= ID && text.length == 0) {
            return "is empty";
        }
        if (text.length > TEXT_MAX) {
            return "is longer than 4096 bytes";
        }
        if (text.length > 0 && memchr(text.bytes, '\0', text.length) != NULL) {
            return "has U+0000, which the database does not keep";
        }
        if (rsi_utf8_valid(text.bytes, text.length) < text.length) {
            return "is not UTF-8";
        }
    }
    *field = UNTIL;
    if (entry->until <= entry->since) {
        return "is not after since";
    }
    return entry->until <= now_unix_s && !options->keep_expired
               ? "has passed: the entry would not count any more"
               : NULL;
}

rs_status rsi_row_check(const rs_entry *entry, const rs_import_options *options, int64_t now_unix_s,
                        rs_error *err)
{
    int field = 0;
    const char *problem = check_entry(entry, options, now_unix_s, &field);
    return problem == NULL ? RS_OK : rs_fail(err, RS_EINPUT, "%s %s", names[field], problem);
}

rs_status rsi_name_of(char **name, rs_text type, rs_text id, rs_error *err)
{
    if (asprintf(name, "%.*s:%.*s", (int)type.length, type.bytes, (int)id.length, id.bytes) < 0) {
        *name = NULL;
        return rs_fail(err, RS_ENOMEM, "out of memory (name)");
    }
    return RS_OK;
}

/* What is wrong with the cells, and in which; NULL: nothing. */
static const char *read_cells(const reader *r, const rs_text cells[FIELDS], rs_entry *row,
                              int *field)
{
    *row = (rs_entry){
        .type = cells[TYPE], .id = cells[ID], .source = cells[SOURCE], .reason = cells[REASON]};
    if (row->source.length == 0) {
        row->source = (rs_text){r->options->source, strlen(r->options->source)};
    }
    *field = STRENGTH;
    const char *problem = rsi_list_strength(cells[STRENGTH], &row->strength);
    if (problem == NULL) {
        *field = SINCE;
        problem = rsi_list_since(cells[SINCE], RS_ALWAYS, &row->since);
    }
    if (problem == NULL) {
        *field = UNTIL;
        problem = rsi_list_until(cells[UNTIL], RS_NEVER, &row->until);
    }
    return problem == NULL ? check_entry(row, r->options, r->now_unix_s, field) : problem;
}

static rs_status take_cells(const reader *r, const rs_text cells[FIELDS],
                            const size_t columns[FIELDS], uint64_t line, rs_error *err)
{
    rs_entry row;
    int field = 0;
    const char *problem = read_cells(r, cells, &row, &field);
    return problem == NULL ? r->take(r->context, &row, line, err)
                           : rs_fail(err, RS_EINPUT, "%s:%" PRIu64 ":%zu: %s %s", r->path, line,
                                     columns[field] == SIZE_MAX ? 1 : columns[field] + 1,
                                     names[field], problem);
}

/* ---- CSV ------------------------------------------------------------------------------------- */

static rs_status read_csv(const reader *r, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_csv *csv = NULL;
    size_t columns[FIELDS];
    const rs_text *fields = NULL;
    uint64_t line = 0;
    RS_TRY(rsi_csv_open(&csv, r->path, err));
    for (int i = 0; i < FIELDS; i++) {
        columns[i] = rsi_csv_column(csv, names[i]);
        if (columns[i] == SIZE_MAX && i <= REASON) {
            status = rs_fail(err, RS_EINPUT,
                             "%s:1:1: the header has no column \"%s\" (expected "
                             "type,id,reason[,strength][,since][,until][,source])",
                             r->path, names[i]);
            goto done;
        }
    }
    for (;;) {
        rs_text cells[FIELDS];
        RS_TRY(rsi_csv_next(csv, &fields, &line, err));
        if (fields == NULL) {
            break;
        }
        for (int i = 0; i < FIELDS; i++) {
            cells[i] = columns[i] == SIZE_MAX ? (rs_text){"", 0} : fields[columns[i]];
        }
        RS_TRY(take_cells(r, cells, columns, line, err));
    }
done:
    rsi_csv_close(csv);
    return status;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

typedef struct json_reader {
    const reader *reader;
    rsi_json *json;
    uint64_t line; /* on which the document begins, from 0 */
} json_reader;

static rs_status bad_json(const json_reader *j, const char *problem, rs_error *err)
{
    size_t line = 0;
    size_t column = 0;
    rsi_json_place(j->json, &line, &column);
    return rsi_json_no_memory(j->json)
               ? rs_fail(err, RS_ENOMEM, "out of memory (\"%s\")", j->reader->path)
               : rs_fail(err, RS_EINPUT, "%s:%" PRIu64 ":%zu: %s", j->reader->path, j->line + line,
                         column, problem);
}

static int field_named(rs_text key)
{
    int i = 0;
    while (i < FIELDS &&
           (strlen(names[i]) != key.length || memcmp(names[i], key.bytes, key.length) != 0)) {
        i++;
    }
    return i;
}

static rs_status read_member(const json_reader *j, rs_text key, rs_text cells[FIELDS],
                             rs_error *err)
{
    rs_text text = {"", 0};
    int field = field_named(key);
    rsi_json_token token = rsi_json_next(j->json, &text);
    bool number = token == RSI_JSON_NUMBER && field >= STRENGTH && field <= UNTIL;
    if (token == RSI_JSON_BAD) {
        return bad_json(j, rsi_json_problem(j->json), err);
    }
    if (field == FIELDS) {
        return rsi_json_skip(j->json, token) ? RS_OK : bad_json(j, rsi_json_problem(j->json), err);
    }
    if (token != RSI_JSON_STRING && token != RSI_JSON_NULL && !number) {
        return bad_json(j,
                        field >= STRENGTH && field <= UNTIL ? "expected a number or a string"
                                                            : "expected a string",
                        err);
    }
    cells[field] = token == RSI_JSON_NULL ? (rs_text){"", 0} : text;
    return RS_OK;
}

/* Behind its opening brace. */
static rs_status read_object(const json_reader *j, rs_error *err)
{
    rs_status status = RS_OK;
    rs_text cells[FIELDS];
    rs_text text;
    size_t line = 0;
    size_t column = 0;
    rsi_json_token token;
    for (int i = 0; i < FIELDS; i++) {
        cells[i] = (rs_text){"", 0};
    }
    rsi_json_place(j->json, &line, &column);
    for (token = rsi_json_next(j->json, &text); token == RSI_JSON_KEY;
         token = rsi_json_next(j->json, &text)) {
        RS_TRY(read_member(j, text, cells, err));
    }
    if (token != RSI_JSON_OBJECT_END) {
        status = bad_json(j, rsi_json_problem(j->json), err);
        goto done;
    }
    size_t columns[FIELDS];
    for (int i = 0; i < FIELDS; i++) {
        columns[i] = column - 1;
    }
    RS_TRY(take_cells(j->reader, cells, columns, j->line + line, err));
done:
    return status;
}

/* One document: an object, or an array of them. */
static rs_status read_document(const json_reader *j, rs_error *err)
{
    rs_status status = RS_OK;
    rs_text text;
    rsi_json_token token = rsi_json_next(j->json, &text);
    bool array = token == RSI_JSON_ARRAY;
    if (array) {
        token = rsi_json_next(j->json, &text);
    }
    while (token == RSI_JSON_OBJECT) {
        RS_TRY(read_object(j, err));
        token = rsi_json_next(j->json, &text);
    }
    if (array && token == RSI_JSON_ARRAY_END) {
        token = rsi_json_next(j->json, &text);
    }
    if (token != RSI_JSON_END) {
        status = bad_json(
            j, token == RSI_JSON_BAD ? rsi_json_problem(j->json) : "expected an object", err);
    }
done:
    return status;
}

static rs_status read_whole(const reader *r, rsi_buffer *text, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_stream *stream = NULL;
    size_t got = 0;
    RS_TRY(rsi_stream_open(&stream, r->path, err));
    do {
        RS_TRY(rsi_buffer_reserve(text, (size_t)1 << 20, err));
        RS_TRY(rsi_stream_read(stream, (char *)text->bytes + text->length, (size_t)1 << 20, &got,
                               err));
        text->length += got;
        if (text->length > JSON_MAX) {
            status = rs_fail(err, RS_EINPUT, "%s: is longer than 1 GiB", r->path);
            goto done;
        }
    } while (got > 0);
done:
    rsi_stream_close(stream);
    return status;
}

static bool is_blank(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (memchr(" \t\r\n", bytes[i], 4) == NULL) {
            return false;
        }
    }
    return true;
}

static rs_status read_json(const reader *r, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer whole = {0};
    json_reader j = {.reader = r};
    RS_TRY(rsi_json_new(&j.json, err));
    RS_TRY(read_whole(r, &whole, err));
    const char *bytes = (const char *)whole.bytes;
    size_t start = 0;
    while (start < whole.length && is_blank(bytes + start, 1)) {
        start++;
    }
    bool array = start < whole.length && bytes[start] == '[';
    for (size_t at = 0; at < whole.length; j.line++) {
        const char *end = array ? NULL : memchr(bytes + at, '\n', whole.length - at);
        size_t length = end == NULL ? whole.length - at : (size_t)(end - bytes) - at;
        if (!is_blank(bytes + at, length)) {
            rsi_json_start(j.json, bytes + at, length);
            RS_TRY(read_document(&j, err));
        }
        at += length + 1;
    }
done:
    rsi_json_free(j.json);
    rsi_buffer_free(&whole);
    return status;
}

/* Standard input is read but once: there the first character cannot be looked at. */
static rs_status guess(const reader *r, bool *json, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_stream *stream = NULL;
    char head[HEAD_BYTES];
    size_t got = 0;
    *json = false;
    if (strcmp(r->path, "-") == 0) {
        return RS_OK;
    }
    RS_TRY(rsi_stream_open(&stream, r->path, err));
    RS_TRY(rsi_stream_read(stream, head, sizeof head, &got, err));
    size_t at = 0;
    while (at < got && is_blank(head + at, 1)) {
        at++;
    }
    *json = at < got && (head[at] == '{' || head[at] == '[');
done:
    rsi_stream_close(stream);
    return status;
}

rs_status rsi_rows_read(const char *path, const rs_import_options *options, int64_t now_unix_s,
                        rsi_row_taker take, void *context, rs_error *err)
{
    rs_status status = RS_OK;
    reader r = {.path = path,
                .options = options,
                .now_unix_s = now_unix_s,
                .take = take,
                .context = context};
    bool json = options->format == RS_IMPORT_JSON;
    if (options->format == RS_IMPORT_GUESS) {
        RS_TRY(guess(&r, &json, err));
    }
    RS_TRY(json ? read_json(&r, err) : read_csv(&r, err));
done:
    return status;
}
