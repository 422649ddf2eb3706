/* columns.c - cells -> what kind they are. A second, slower reading of the piece, for dry runs
 * only: it sees all columns, where ingest looks at those that are mapped.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ingest/columns.h"

#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/decimal.h"
#include "base/json.h"
#include "base/timestamp.h"
#include "base/try.h"
#include "db/copytext.h"

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (columns)");
}

/* The column of that name, made where there is none; NULL in *found where there are too many. */
static rs_status find(rsi_columns *columns, rs_text name, rsi_column **found, rs_error *err)
{
    *found = NULL;
    for (size_t i = 0; i < columns->count; i++) {
        rsi_column *column = &columns->items[i];
        if (column->name_length == name.length &&
            memcmp(column->name, name.bytes, name.length) == 0) {
            *found = column;
            return RS_OK;
        }
    }
    if (columns->count == RSI_COLUMNS_SHOWN) {
        columns->left_out++;
        return RS_OK;
    }
    rsi_column *grown = realloc(columns->items, (columns->count + 1) * sizeof *grown);
    char *copy = malloc(name.length + 1);
    if (grown != NULL) {
        columns->items = grown;
    }
    if (grown == NULL || copy == NULL) {
        free(copy);
        return no_memory(err);
    }
    memcpy(copy, name.bytes, name.length);
    columns->items[columns->count] = (rsi_column){.name = copy,
                                                  .name_length = name.length,
                                                  .integer_min = INT64_MAX,
                                                  .integer_max = INT64_MIN,
                                                  .iso_min = INT64_MAX,
                                                  .iso_max = INT64_MIN,
                                                  .length_min = SIZE_MAX};
    *found = &columns->items[columns->count++];
    return RS_OK;
}

static void stretch(int64_t *least, int64_t *most, int64_t value)
{
    *least = value < *least ? value : *least;
    *most = value > *most ? value : *most;
}

static void look_at_cell(rsi_column *column, rs_text cell)
{
    int64_t number = 0;
    rsi_timestamp time;
    if (cell.length == 0) {
        return;
    }
    column->filled_count++;
    column->length_min = cell.length < column->length_min ? cell.length : column->length_min;
    column->length_max = cell.length > column->length_max ? cell.length : column->length_max;
    int digits = rsi_decimal_digits(cell);
    if (digits == 0) {
        column->integer_count++;
        if (rsi_decimal_parse(cell, 0, &number) == NULL) {
            stretch(&column->integer_min, &column->integer_max, number);
        }
    } else if (digits > 0) {
        column->decimal_count++;
    } else if (rsi_timestamp_parse(cell, RSI_UNIT_S, &time) == NULL) {
        column->iso_count++;
        stretch(&column->iso_min, &column->iso_max, time.unix_s);
    } else {
        column->text_count++;
    }
}

/* ---- CSV --------------------------------------------------------------------------------------
 */

static rs_status look_at_csv(rsi_columns *columns, const rsi_feed_piece *piece, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_csv_scan *scan = NULL;
    rsi_csv_record record;
    bool no_room = false;
    size_t count = piece->file->field_count;
    RS_TRY(rsi_csv_scan_new(&scan, piece->file->input->delimiter, count, err));
    rsi_csv_scan_start(scan, piece->piece.bytes + piece->start, piece->piece.length - piece->start);
    while (rsi_csv_scan_next(scan, &record, &no_room)) {
        bool whole = record.problem == NULL && record.field_count == count;
        columns->row_count += whole;
        for (size_t i = 0; whole && i < count; i++) {
            rsi_column *column = NULL;
            RS_TRY(find(columns, piece->file->header[i], &column, err));
            if (column != NULL) {
                look_at_cell(column, record.fields[i]);
            }
        }
    }
    status = no_room ? no_memory(err) : RS_OK;
done:
    rsi_csv_scan_free(scan);
    return status;
}

/* ---- queries ------------------------------------------------------------------------------------
 */

static rs_status look_at_copied(rsi_columns *columns, const rsi_feed_piece *piece, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_file *file = piece->file;
    const char *at = piece->piece.bytes;
    const char *end = at + piece->piece.length;
    rs_text *fields = calloc(file->field_count + 1, sizeof *fields);
    char *text = malloc(piece->piece.length + 1);
    if (fields == NULL || text == NULL) {
        status = no_memory(err);
        goto done;
    }
    while (at < end) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        const char *line_end = lf == NULL ? end : lf;
        size_t used = 0;
        size_t count =
            rsi_copytext_split(at, (size_t)(line_end - at), fields, file->field_count, text, &used);
        columns->row_count++;
        for (size_t i = 0; i < count && i < file->field_count; i++) {
            rsi_column *column = NULL;
            RS_TRY(find(columns, file->header[i], &column, err));
            if (column != NULL) {
                look_at_cell(column, fields[i]);
            }
        }
        at = line_end + 1;
    }
done:
    free(fields);
    free(text);
    return status;
}

/* ---- JSON Lines -------------------------------------------------------------------------------
 */

/* One line; what is wrong with it is told elsewhere. */
static rs_status look_at_line(rsi_columns *columns, rsi_json *json, rs_error *err)
{
    rs_status status = RS_OK;
    rs_text text;
    rsi_json_token token = rsi_json_next(json, &text);
    if (token != RSI_JSON_OBJECT) {
        return rsi_json_no_memory(json) ? no_memory(err) : RS_OK;
    }
    while (token != RSI_JSON_BAD && token != RSI_JSON_END) {
        token = rsi_json_next(json, &text);
        if (token != RSI_JSON_KEY) {
            continue;
        }
        rsi_column *column = NULL;
        RS_TRY(find(columns, text, &column, err));
        token = rsi_json_next(json, &text);
        if (token == RSI_JSON_TRUE || token == RSI_JSON_FALSE || token == RSI_JSON_OBJECT ||
            token == RSI_JSON_ARRAY) {
            text = (rs_text){rsi_json_token_name(token), 1};
        }
        if (column != NULL && token != RSI_JSON_BAD) {
            look_at_cell(column, text);
        }
        token = rsi_json_skip(json, token) ? token : RSI_JSON_BAD;
    }
    status = rsi_json_no_memory(json) ? no_memory(err) : RS_OK;
done:
    return status;
}

static rs_status look_at_lines(rsi_columns *columns, const rsi_feed_piece *piece, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_json *json = NULL;
    const char *at = piece->piece.bytes;
    const char *end = at + piece->piece.length;
    RS_TRY(rsi_json_new(&json, err));
    while (at < end) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        const char *line_end = lf == NULL ? end : lf;
        columns->row_count++;
        rsi_json_start(json, at, (size_t)(line_end - at));
        RS_TRY(look_at_line(columns, json, err));
        at = line_end + 1;
    }
done:
    rsi_json_free(json);
    return status;
}

/* ---- all --------------------------------------------------------------------------------------
 */

rs_status rsi_columns_look(rsi_columns *columns, const rsi_feed_piece *piece, rs_error *err)
{
    if (piece->file->input->address != NULL) {
        return look_at_copied(columns, piece, err);
    }
    return piece->file->input->lines ? look_at_lines(columns, piece, err)
                                     : look_at_csv(columns, piece, err);
}

void rsi_columns_clear(rsi_columns *columns)
{
    for (size_t i = 0; i < columns->count; i++) {
        free(columns->items[i].name);
    }
    free(columns->items);
    *columns = (rsi_columns){0};
}

const char *rsi_column_kind(const rsi_column *column)
{
    uint64_t numbers = column->integer_count + column->decimal_count;
    if (column->filled_count == 0) {
        return "empty";
    }
    if (column->iso_count == column->filled_count) {
        return "time";
    }
    if (numbers < column->filled_count) {
        return "text";
    }
    return column->decimal_count > 0 ? "decimal" : "integer";
}
