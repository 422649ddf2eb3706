/* csv_list.c - small CSV files (a blacklist, a truth file), record by record.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/pieces.h"
#include "base/stream.h"
#include "base/try.h"
#include "base/utf8.h"

enum { PIECE_BYTES = 1 << 18 };

struct rsi_csv {
    char *path;
    rsi_stream *stream;
    rsi_pieces *pieces;
    rsi_csv_scan *scan;
    rsi_piece piece;
    uint64_t lines; /* before the piece at hand */
    size_t column_count;
    rs_text *columns; /* point into `header` */
    char *header;
};

/* The next record of the file, whatever piece it is in. */
static rs_status next_record(rsi_csv *csv, rsi_csv_record *record, bool *found, rs_error *err)
{
    for (;;) {
        bool no_memory = false;
        bool too_long = false;
        *found = rsi_csv_scan_next(csv->scan, record, &no_memory);
        if (no_memory) {
            return rs_fail(err, RS_ENOMEM, "%s: out of memory (quoted text)", csv->path);
        }
        if (*found) {
            return RS_OK;
        }
        csv->lines += rsi_csv_scan_lines(csv->scan);
        rsi_csv_scan_start(csv->scan, "", 0);
        rs_status status = rsi_pieces_next(csv->pieces, &csv->piece, &too_long, err);
        if (too_long) {
            return rs_context(err, status, "%s:%llu:1", csv->path,
                              (unsigned long long)csv->lines + 1);
        }
        if (status != RS_OK || csv->piece.length == 0) {
            return status;
        }
        rsi_csv_scan_start(csv->scan, csv->piece.bytes, csv->piece.length);
    }
}

static rs_status bad(const rsi_csv *csv, uint64_t line, size_t field, const char *problem,
                     rs_error *err)
{
    return rs_fail(err, RS_EINPUT, "%s:%llu:%zu: %s", csv->path, (unsigned long long)line,
                   field + 1, problem);
}

static rs_status check_record(const rsi_csv *csv, const rsi_csv_record *record, size_t kept,
                              rs_error *err)
{
    uint64_t line = csv->lines + record->line + 1;
    if (record->problem != NULL) {
        return bad(csv, line, record->problem_field, record->problem, err);
    }
    for (size_t i = 0; i < record->field_count && i < kept; i++) {
        if (rsi_utf8_valid(record->fields[i].bytes, record->fields[i].length) !=
            record->fields[i].length) {
            return bad(csv, line, i, "is not valid UTF-8", err);
        }
    }
    return RS_OK;
}

static bool same_text(rs_text a, rs_text b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

/* Keep the header's names apart from the piece, which goes. */
static rs_status keep_header(rsi_csv *csv, const rsi_csv_record *record, rs_error *err)
{
    size_t bytes = 1;
    for (size_t i = 0; i < record->field_count; i++) {
        bytes += record->fields[i].length;
    }
    csv->columns = calloc(record->field_count, sizeof *csv->columns);
    csv->header = malloc(bytes);
    if (csv->columns == NULL || csv->header == NULL) {
        return rs_fail(err, RS_ENOMEM, "%s: out of memory (header)", csv->path);
    }
    char *at = csv->header;
    for (size_t i = 0; i < record->field_count; i++) {
        rs_text name = record->fields[i];
        if (name.length > 0) {
            memcpy(at, name.bytes, name.length);
        }
        csv->columns[i] = (rs_text){at, name.length};
        at += name.length;
        for (size_t before = 0; before < i; before++) {
            if (same_text(csv->columns[before], csv->columns[i])) {
                return bad(csv, 1, i, "the header has this name twice", err);
            }
        }
    }
    csv->column_count = record->field_count;
    return RS_OK;
}

enum { LIST_FIELDS_MAX = 1024 };

static rs_status read_header(rsi_csv *csv, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_csv_record record;
    bool found = false;
    RS_TRY(next_record(csv, &record, &found, err));
    if (!found) {
        status = rs_fail(err, RS_EINPUT, "%s:1:1: the file is empty, expected a header", csv->path);
        goto done;
    }
    RS_TRY(check_record(csv, &record, LIST_FIELDS_MAX, err));
    if (record.field_count > LIST_FIELDS_MAX) {
        status = rs_fail(err, RS_EINPUT, "%s:1:%d: more than %d columns", csv->path,
                         LIST_FIELDS_MAX + 1, LIST_FIELDS_MAX);
        goto done;
    }
    RS_TRY(keep_header(csv, &record, err));
done:
    return status;
}

rs_status rsi_csv_open(rsi_csv **out, const char *path, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_pieces_options options = {.delimiter = ',', .piece_bytes = PIECE_BYTES};
    rsi_csv *csv = calloc(1, sizeof *csv);
    if (csv == NULL || (csv->path = strdup(path)) == NULL) {
        status = rs_fail(err, RS_ENOMEM, "%s: out of memory (list)", path);
        goto done;
    }
    RS_TRY(rsi_stream_open(&csv->stream, path, err));
    RS_TRY(rsi_pieces_new(&csv->pieces, csv->stream, &options, err));
    RS_TRY(rsi_csv_scan_new(&csv->scan, ',', LIST_FIELDS_MAX, err));
    RS_TRY(read_header(csv, err));
    *out = csv;
    csv = NULL; /* moved to the caller */
done:
    rsi_csv_close(csv);
    return status;
}

void rsi_csv_close(rsi_csv *csv)
{
    if (csv == NULL) {
        return;
    }
    rsi_csv_scan_free(csv->scan);
    rsi_pieces_free(csv->pieces);
    rsi_stream_close(csv->stream);
    free(csv->piece.bytes);
    free(csv->columns);
    free(csv->header);
    free(csv->path);
    free(csv);
}

size_t rsi_csv_column(const rsi_csv *csv, const char *name)
{
    rs_text wanted = {name, strlen(name)};
    for (size_t i = 0; i < csv->column_count; i++) {
        if (same_text(csv->columns[i], wanted)) {
            return i;
        }
    }
    return SIZE_MAX;
}

const rs_text *rsi_csv_header(const rsi_csv *csv, size_t *count)
{
    *count = csv->column_count;
    return csv->columns;
}

rs_status rsi_csv_next(rsi_csv *csv, const rs_text **fields, uint64_t *line, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_csv_record record;
    bool found = false;
    *fields = NULL;
    do { /* a blank line says nothing */
        RS_TRY(next_record(csv, &record, &found, err));
        if (!found) {
            goto done;
        }
    } while (record.end == record.start && csv->column_count > 1);
    RS_TRY(check_record(csv, &record, csv->column_count, err));
    *line = csv->lines + record.line + 1;
    if (record.field_count != csv->column_count) {
        size_t at = record.field_count < csv->column_count ? record.field_count : csv->column_count;
        status = rs_fail(err, RS_EINPUT, "%s:%llu:%zu: %zu field%s, expected %zu as in the header",
                         csv->path, (unsigned long long)*line, at + 1, record.field_count,
                         record.field_count == 1 ? "" : "s", csv->column_count);
        goto done;
    }
    *fields = record.fields;
done:
    return status;
}
