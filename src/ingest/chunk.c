/* chunk.c - records, lines and a query's rows -> cells -> rows, good ones to the sink, bad ones
 * noted.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ingest/chunk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "base/utf8.h"
#include "db/copytext.h"

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (rows)");
}

/* What the functions below hand on. */
typedef struct parse {
    rsi_chunk *chunk;
    rsi_rower *rower;
    const rsi_row_sink *sink;
    const rsi_source *source;
    rs_error *err;
    uint64_t header_lines; /* CSV: in the piece, before what the scan sees */
} parse;

/* The extent of the row at hand. */
typedef struct extent {
    uint64_t line;
    size_t start;
    size_t length;
} extent;

/* ---- bad rows ---------------------------------------------------------------------------------
 */

static rs_status reserve_bad(rsi_chunk *chunk, size_t reason, rs_error *err)
{
    if (chunk->bad_count == chunk->bad_capacity) {
        size_t capacity = chunk->bad_capacity == 0 ? 16 : chunk->bad_capacity * 2;
        rsi_bad_row *grown = realloc(chunk->bad, capacity * sizeof *grown);
        if (grown == NULL) {
            return no_memory(err);
        }
        chunk->bad = grown;
        chunk->bad_capacity = capacity;
    }
    if (chunk->reasons_capacity - chunk->reasons_length < reason) {
        size_t capacity = (chunk->reasons_capacity + reason) * 2;
        char *grown = realloc(chunk->reasons, capacity);
        if (grown == NULL) {
            return no_memory(err);
        }
        chunk->reasons = grown;
        chunk->reasons_capacity = capacity;
    }
    return RS_OK;
}

static rs_status note_bad(const parse *in, const extent *row, size_t column, const char *reason)
{
    rsi_chunk *chunk = in->chunk;
    size_t length = strlen(reason) + 1;
    rs_status status = reserve_bad(chunk, length, in->err);
    if (status == RS_OK) {
        memcpy(chunk->reasons + chunk->reasons_length, reason, length);
        chunk->bad[chunk->bad_count++] = (rsi_bad_row){.line = row->line,
                                                       .column = column,
                                                       .start = row->start,
                                                       .length = row->length,
                                                       .reason = chunk->reasons_length};
        chunk->reasons_length += length;
    }
    return status;
}

const char *rsi_chunk_reason(const rsi_chunk *chunk, const rsi_bad_row *bad)
{
    return chunk->reasons + bad->reason;
}

/* ---- rows -------------------------------------------------------------------------------------
 */

/* The cells are filled: take the row. `columns` says where each cell stands. */
static rs_status take_row(const parse *in, const extent *at, const size_t *columns)
{
    rs_status status = RS_OK;
    rsi_row *row = &in->chunk->row;
    rsi_bad_cell *bad = &in->chunk->bad_cell; /* large: not on the stack, row by row */
    bool good = false;
    RS_TRY(rsi_rower_read(in->rower, in->chunk->cells, row, &good, bad, in->err));
    if (!good) {
        RS_TRY(note_bad(in, at, columns[bad->slot] + 1, bad->reason));
        goto done;
    }
    in->chunk->yield += row->edge_count + row->node_count;
    RS_TRY(in->sink->row(in->sink->context, row, at->line, in->err));
done:
    return status;
}

static rs_status reserve_cells(rsi_chunk *chunk, size_t count, rs_error *err)
{
    if (chunk->cell_capacity >= count && chunk->cells != NULL) {
        return RS_OK;
    }
    free(chunk->cells);
    free(chunk->columns);
    chunk->cells = calloc(count + 1, sizeof *chunk->cells);
    chunk->columns = calloc(count + 1, sizeof *chunk->columns);
    chunk->cell_capacity = count;
    return chunk->cells == NULL || chunk->columns == NULL ? no_memory(err) : RS_OK;
}

/* ---- CSV --------------------------------------------------------------------------------------
 */

static rs_status ready_scan(rsi_chunk *chunk, rs_error *err)
{
    const rsi_file *file = chunk->input.file;
    if (chunk->scan != NULL && chunk->scan_delimiter == file->input->delimiter &&
        chunk->scan_fields >= file->field_count) {
        return RS_OK;
    }
    rsi_csv_scan_free(chunk->scan);
    chunk->scan = NULL;
    chunk->scan_delimiter = file->input->delimiter;
    chunk->scan_fields = file->field_count;
    return rsi_csv_scan_new(&chunk->scan, file->input->delimiter, file->field_count, err);
}

/* Look for the first cell that is not UTF-8; where there is one the row is bad, which is noted. */
static rs_status check_cells(const parse *in, const extent *at, bool *good)
{
    const rsi_file *file = in->chunk->input.file;
    for (size_t slot = 0; slot < in->source->column_count; slot++) {
        rs_text cell = in->chunk->cells[slot];
        if (rsi_utf8_valid(cell.bytes, cell.length) != cell.length) {
            rsi_bad_cell *bad = &in->chunk->bad_cell;
            rsi_bad_cell_set(bad, in->source, slot, cell, "is not valid UTF-8");
            *good = false;
            return note_bad(in, at, file->field_of_slot[slot] + 1, bad->reason);
        }
    }
    return RS_OK;
}

static rs_status take_record(const parse *in, const rsi_csv_record *record)
{
    rs_status status = RS_OK;
    const rsi_file *file = in->chunk->input.file;
    extent at = {record->line, record->start, record->end - record->start};
    bool good = true;
    at.start += in->chunk->input.start;
    if (record->problem != NULL) {
        RS_TRY(note_bad(in, &at, record->problem_field + 1, record->problem));
        in->chunk->bad[in->chunk->bad_count - 1].unclosed = record->unclosed;
        goto done;
    }
    if (record->field_count != file->field_count) {
        char reason[100];
        size_t less =
            record->field_count < file->field_count ? record->field_count : file->field_count;
        snprintf(reason, sizeof reason, "%zu field%s, expected %zu as in the header",
                 record->field_count, record->field_count == 1 ? "" : "s", file->field_count);
        return note_bad(in, &at, less + 1, reason);
    }
    for (size_t slot = 0; slot < in->source->column_count; slot++) {
        in->chunk->cells[slot] = record->fields[file->field_of_slot[slot]];
    }
    if (!rsi_csv_scan_ascii(in->chunk->scan)) {
        RS_TRY(check_cells(in, &at, &good));
    }
    if (good) {
        RS_TRY(take_row(in, &at, file->field_of_slot));
    }
done:
    return status;
}

static bool run_is_utf8(const parse *in, const rsi_csv_run *run)
{
    const char *bytes = in->chunk->input.piece.bytes + in->chunk->input.start;
    uint32_t start = run->ends[-1] + 1;
    size_t length = run->ends[run->count * run->stride - 1] - start;
    return rsi_csv_scan_ascii(in->chunk->scan) || rsi_utf8_valid(bytes + start, length) == length;
}

/* The plain lines that come next, none or many: as many as it can the short way. */
static rs_status take_run(const parse *in, bool stop_at_bad)
{
    rs_status status = RS_OK;
    rsi_chunk *chunk = in->chunk;
    const char *bytes = chunk->input.piece.bytes + chunk->input.start;
    rsi_csv_run run = rsi_csv_scan_run(chunk->scan, chunk->input.file->field_count);
    bool short_way = run.count > 0 && run_is_utf8(in, &run);
    run.line += in->header_lines;
    while (run.count > 0 && !(stop_at_bad && chunk->bad_count > 0)) {
        rsi_edge_row *edges = NULL;
        size_t edge_count = 0;
        size_t taken =
            short_way ? rsi_rower_read_lines(in->rower, bytes, &run, &edges, &edge_count) : 0;
        if (taken > 0) {
            chunk->yield += edge_count;
            RS_TRY(in->sink->edges(in->sink->context, edges, edge_count, in->err));
        } else {
            rsi_csv_record record;
            taken = 1;
            rsi_csv_scan_first(chunk->scan, &run, &record);
            RS_TRY(take_record(in, &record));
        }
        chunk->row_count += taken;
        run.count -= taken;
        run.ends += taken * run.stride;
        run.line += taken;
    }
done:
    return status;
}

/* The header's lines were counted by the feed's scan, not by the chunk's. */
static uint64_t header_lines(const rsi_chunk *chunk)
{
    uint64_t count = 0;
    for (size_t i = 0; i < chunk->input.start; i++) {
        count += chunk->input.piece.bytes[i] == '\n';
    }
    return count;
}

static rs_status parse_csv(parse *in, bool stop_at_bad)
{
    rs_status status = RS_OK;
    rsi_chunk *chunk = in->chunk;
    const rsi_file *file = chunk->input.file;
    rsi_csv_record record;
    bool out_of_memory = false;
    bool short_way = in->sink->edges != NULL && rsi_rower_bind(in->rower, file->field_of_slot);
    in->header_lines = header_lines(chunk);
    RS_TRY(ready_scan(chunk, in->err));
    rsi_csv_scan_start(chunk->scan, chunk->input.piece.bytes + chunk->input.start,
                       chunk->input.piece.length - chunk->input.start);
    while (!stop_at_bad || chunk->bad_count == 0) {
        uint64_t rows_before = chunk->row_count;
        if (short_way) {
            RS_TRY(take_run(in, stop_at_bad));
        }
        if (chunk->row_count > rows_before) {
            continue;
        }
        if (!rsi_csv_scan_next(chunk->scan, &record, &out_of_memory)) {
            break;
        }
        if (record.end == record.start && file->field_count > 1) {
            continue; /* a blank line says nothing */
        }
        chunk->row_count++;
        record.line += in->header_lines;
        RS_TRY(take_record(in, &record));
    }
    chunk->line_count = in->header_lines + rsi_csv_scan_lines(chunk->scan);
    status = out_of_memory ? no_memory(in->err) : RS_OK;
done:
    return status;
}

/* ---- queries ------------------------------------------------------------------------------------
 */

static rs_status reserve_fields(rsi_chunk *chunk, rs_error *err)
{
    size_t fields = chunk->input.file->field_count;
    size_t text = chunk->input.piece.length;
    chunk->text_length = 0;
    if (chunk->field_capacity < fields) {
        free(chunk->fields);
        chunk->fields = calloc(fields, sizeof *chunk->fields);
        chunk->field_capacity = chunk->fields == NULL ? 0 : fields;
    }
    if (chunk->text_capacity < text) {
        free(chunk->text);
        chunk->text = malloc(text);
        chunk->text_capacity = chunk->text == NULL ? 0 : text;
    }
    return chunk->field_capacity < fields || chunk->text_capacity < text ? no_memory(err) : RS_OK;
}

static rs_status take_copied(const parse *in, const extent *at, bool valid)
{
    rs_status status = RS_OK;
    rsi_chunk *chunk = in->chunk;
    const rsi_file *file = chunk->input.file;
    bool good = true;
    size_t count = rsi_copytext_split(chunk->input.piece.bytes + at->start, at->length,
                                      chunk->fields, file->field_count,
                                      chunk->text + chunk->text_length, &chunk->text_length);
    if (count != file->field_count) {
        return rs_fail(in->err, RS_EIO, "%s: a row of %zu columns came, expected %zu",
                       file->input->path, count, file->field_count);
    }
    for (size_t slot = 0; slot < in->source->column_count; slot++) {
        chunk->cells[slot] = chunk->fields[file->field_of_slot[slot]];
    }
    if (!valid) {
        RS_TRY(check_cells(in, at, &good));
    }
    if (good) {
        RS_TRY(take_row(in, at, file->field_of_slot));
    }
done:
    return status;
}

/* One line a row (db/copytext.h): its number is the row's. */
static rs_status parse_copied(const parse *in, bool stop_at_bad)
{
    rs_status status = RS_OK;
    rsi_chunk *chunk = in->chunk;
    const rsi_piece *piece = &chunk->input.piece;
    bool valid = rsi_utf8_valid(piece->bytes, piece->length) == piece->length;
    RS_TRY(reserve_fields(chunk, in->err));
    for (size_t at = 0; at < piece->length; chunk->line_count++) {
        const char *lf = memchr(piece->bytes + at, '\n', piece->length - at);
        size_t end = lf == NULL ? piece->length : (size_t)(lf - piece->bytes);
        extent row = {chunk->line_count, at, end - at};
        chunk->row_count++;
        RS_TRY(take_copied(in, &row, valid));
        if (stop_at_bad && chunk->bad_count > 0) {
            break;
        }
        at = end + 1;
    }
done:
    return status;
}

/* ---- JSON Lines -------------------------------------------------------------------------------
 */

static size_t slot_of_key(const rsi_source *source, rs_text key)
{
    for (size_t i = 0; i < source->column_count; i++) {
        const char *column = source->columns[i];
        if (strlen(column) == key.length && memcmp(column, key.bytes, key.length) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* Keep a string that the reader only lends: it stands in its own memory where it had escapes. */
static rs_status keep_text(const parse *in, rs_text *text)
{
    rsi_chunk *chunk = in->chunk;
    const rsi_piece *piece = &chunk->input.piece;
    if (text->length == 0 ||
        (text->bytes >= piece->bytes && text->bytes < piece->bytes + piece->length)) {
        return RS_OK;
    }
    if (chunk->text_capacity < piece->length) { /* nothing is kept there yet */
        char *grown = realloc(chunk->text, piece->length);
        if (grown == NULL) {
            return no_memory(in->err);
        }
        chunk->text = grown;
        chunk->text_capacity = piece->length;
    }
    char *kept = chunk->text + chunk->text_length;
    memcpy(kept, text->bytes, text->length);
    chunk->text_length += text->length;
    text->bytes = kept;
    return RS_OK;
}

/* The value of a key into its cell, or read over it. */
static rs_status take_value(const parse *in, const extent *at, rs_text key, bool *good)
{
    rsi_chunk *chunk = in->chunk;
    rs_text text;
    size_t slot = slot_of_key(in->source, key);
    rsi_json_token token = rsi_json_next(chunk->json, &text);
    size_t column = rsi_json_offset(chunk->json);
    *good = token != RSI_JSON_BAD && rsi_json_skip(chunk->json, token);
    if (!*good || slot == SIZE_MAX) {
        return RS_OK;
    }
    chunk->columns[slot] = column;
    if (token == RSI_JSON_OBJECT || token == RSI_JSON_ARRAY) {
        char reason[200];
        snprintf(reason, sizeof reason, "column \"%.100s\": expected a text or a number, found %s",
                 in->source->columns[slot], rsi_json_token_name(token));
        *good = false;
        return note_bad(in, at, column + 1, reason);
    }
    if (token == RSI_JSON_TRUE || token == RSI_JSON_FALSE) {
        text.bytes = token == RSI_JSON_TRUE ? "true" : "false";
        text.length = token == RSI_JSON_TRUE ? 4 : 5;
    }
    chunk->cells[slot] = text;
    return token == RSI_JSON_STRING ? keep_text(in, &chunk->cells[slot]) : RS_OK;
}

static rs_status note_bad_json(const parse *in, const extent *at)
{
    const rsi_json *json = in->chunk->json;
    if (rsi_json_no_memory(json)) {
        return no_memory(in->err);
    }
    return note_bad(in, at, rsi_json_offset(json) + 1, rsi_json_problem(json));
}

static rs_status take_line(const parse *in, const extent *at)
{
    rs_status status = RS_OK;
    rsi_chunk *chunk = in->chunk;
    rsi_json *json = chunk->json;
    size_t bad_before = chunk->bad_count;
    bool good = true;
    rs_text text;
    rsi_json_start(json, chunk->input.piece.bytes + at->start, at->length);
    rsi_json_token token = rsi_json_next(json, &text);
    if (token != RSI_JSON_OBJECT && token != RSI_JSON_BAD) {
        char reason[100];
        snprintf(reason, sizeof reason, "expected an object, found %s", rsi_json_token_name(token));
        return note_bad(in, at, rsi_json_offset(json) + 1, reason);
    }
    for (size_t i = 0; i < in->source->column_count; i++) {
        chunk->cells[i] = (rs_text){"", 0};
        chunk->columns[i] = 0;
    }
    while (good && token != RSI_JSON_BAD && token != RSI_JSON_END) {
        token = rsi_json_next(json, &text);
        if (token == RSI_JSON_KEY) {
            RS_TRY(take_value(in, at, text, &good));
        }
    }
    if (chunk->bad_count > bad_before) {
        goto done;
    }
    status =
        good && token == RSI_JSON_END ? take_row(in, at, chunk->columns) : note_bad_json(in, at);
done:
    return status;
}

static rs_status parse_lines(const parse *in, bool stop_at_bad)
{
    rs_status status = RS_OK;
    rsi_chunk *chunk = in->chunk;
    const rsi_piece *piece = &chunk->input.piece;
    if (chunk->json == NULL) {
        RS_TRY(rsi_json_new(&chunk->json, in->err));
    }
    chunk->text_length = 0;
    for (size_t at = 0; at < piece->length; chunk->line_count++) {
        const char *lf = memchr(piece->bytes + at, '\n', piece->length - at);
        size_t end = lf == NULL ? piece->length : (size_t)(lf - piece->bytes);
        extent row = {chunk->line_count, at, end - at};
        row.length -= end > at && piece->bytes[end - 1] == '\r';
        if (row.length > 0) { /* a blank line says nothing */
            chunk->row_count++;
            RS_TRY(take_line(in, &row));
        }
        if (stop_at_bad && chunk->bad_count > 0) {
            break;
        }
        at = end + 1;
    }
done:
    return status;
}

/* ---- a piece ----------------------------------------------------------------------------------
 */

rs_status rsi_chunk_parse(rsi_chunk *chunk, rsi_rower *rower, const rsi_row_sink *sink,
                          bool stop_at_bad, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_file *file = chunk->input.file;
    parse in = {chunk, rower, sink, file->source, err, 0};
    chunk->row_count = 0;
    chunk->line_count = 0;
    chunk->yield = 0;
    chunk->bad_count = 0;
    chunk->reasons_length = 0;
    RS_TRY(reserve_cells(chunk, file->source->column_count, err));
    if (file->input->address != NULL) {
        RS_TRY(parse_copied(&in, stop_at_bad));
    } else {
        RS_TRY(file->input->lines ? parse_lines(&in, stop_at_bad) : parse_csv(&in, stop_at_bad));
    }
done:
    return status;
}

void rsi_chunk_clear(rsi_chunk *chunk)
{
    rsi_csv_scan_free(chunk->scan);
    rsi_json_free(chunk->json);
    free(chunk->input.piece.bytes);
    free(chunk->bad);
    free(chunk->reasons);
    free(chunk->cells);
    free(chunk->columns);
    free(chunk->fields);
    free(chunk->text);
    *chunk = (rsi_chunk){0};
}
