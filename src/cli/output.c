/* output.c - printing that is safe for a terminal, numbers for people, tables, JSON strings.
 *
 * Ids are whatever bytes the files held: an escape sequence in one must not reach a terminal.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/timestamp.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/width.h"

/* Bytes of the character that begins with `first`, in text known to be well-formed. */
static size_t width_of(unsigned char first)
{
    return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/* C0, DEL, C1, and the marks that turn the direction of writing around. */
static bool is_control(const unsigned char *bytes, size_t width)
{
    if (width == 1) {
        return bytes[0] < 0x20 || bytes[0] == 0x7F;
    }
    if (width == 2) {
        return (bytes[0] == 0xC2 && bytes[1] < 0xA0) || (bytes[0] == 0xD8 && bytes[1] == 0x9C);
    }
    if (width == 3 && bytes[0] == 0xEF) { /* a byte order mark in the middle shows as nothing */
        return bytes[1] == 0xBB && bytes[2] == 0xBF;
    }
    return width == 3 && bytes[0] == 0xE2 &&
           ((bytes[1] == 0x80 && (bytes[2] >= 0xA8 && bytes[2] <= 0xAE)) ||
            (bytes[1] == 0x80 && (bytes[2] == 0x8E || bytes[2] == 0x8F)) ||
            (bytes[1] == 0x81 && bytes[2] >= 0xA6 && bytes[2] <= 0xA9));
}

rs_text rsi_text(const char *string)
{
    return (rs_text){.bytes = string, .length = strlen(string)};
}

static void print_escaped(FILE *out, const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        fprintf(out, "\\x%02X", bytes[i]);
    }
}

void rsi_print_text(FILE *out, rs_text text)
{
    const unsigned char *bytes = (const unsigned char *)text.bytes;
    size_t i = 0;
    while (i < text.length) {
        size_t good_until = i + rsi_utf8_valid(text.bytes + i, text.length - i);
        while (i < good_until) {
            size_t width = width_of(bytes[i]);
            if (is_control(bytes + i, width)) {
                print_escaped(out, bytes + i, width);
            } else {
                fwrite(bytes + i, 1, width, out);
            }
            i += width;
        }
        if (i < text.length) {
            print_escaped(out, bytes + i++, 1);
        }
    }
}

static void print_json_byte(FILE *out, unsigned char byte)
{
    if (byte < 0x20 || byte == 0x7F) {
        fprintf(out, "\\u%04x", byte);
        return;
    }
    if (byte == '"' || byte == '\\') {
        fputc('\\', out);
    }
    fputc(byte, out);
}

void rsi_print_json_text(FILE *out, rs_text text)
{
    const unsigned char *bytes = (const unsigned char *)text.bytes;
    size_t i = 0;
    fputc('"', out);
    while (i < text.length) {
        size_t good_until = i + rsi_utf8_valid(text.bytes + i, text.length - i);
        while (i < good_until) {
            print_json_byte(out, bytes[i++]);
        }
        if (i < text.length) {
            fputs("\xEF\xBF\xBD", out);
            i++;
        }
    }
    fputc('"', out);
}

void rsi_print_json_time(FILE *out, const char *key, int64_t unix_s)
{
    if (unix_s == RS_NO_TIME) {
        fprintf(out, ",\"%s\":null", key);
    } else {
        fprintf(out, ",\"%s\":%" PRId64, key, unix_s);
    }
}

const char *rsi_format_count(char *buffer, uint64_t count)
{
    char plain[RSI_FORMAT_MAX];
    int length = snprintf(plain, sizeof plain, "%" PRIu64, count);
    char *to = buffer;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            *to++ = ',';
        }
        *to++ = plain[i];
    }
    *to = '\0';
    return buffer;
}

const char *rsi_format_bytes(char *buffer, uint64_t bytes)
{
    static const char *const unit[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double number = (double)bytes;
    size_t step = 0;
    while (number >= 999.5 && step + 1 < sizeof unit / sizeof *unit) {
        number /= 1000;
        step++;
    }
    snprintf(buffer, RSI_FORMAT_MAX, "%.*f %s", step > 0 && number < 99.95 ? 1 : 0, number,
             unit[step]);
    return buffer;
}

const char *rsi_format_time(char *buffer, int64_t unix_s)
{
    if (unix_s < RSI_TIME_MIN || unix_s > RSI_TIME_MAX) {
        snprintf(buffer, RSI_FORMAT_MAX, "%" PRId64, unix_s);
    } else {
        rsi_timestamp_format(unix_s, buffer);
    }
    return buffer;
}

/* ---- tables --------------------------------------------------------------------------------- */

enum { COLUMN_MAX = 16 };

struct rsi_table {
    const char *align;
    size_t columns;
    char **cells;
    size_t *widths; /* of each cell, in columns of a terminal */
    size_t count;
    size_t capacity;
    bool failed;
};

rsi_table *rsi_table_new(const char *align)
{
    rsi_table *table = calloc(1, sizeof *table);
    if (table != NULL) {
        table->align = align;
        table->columns = strlen(align);
    }
    return table;
}

static bool grow(rsi_table *table)
{
    if (table->count < table->capacity) {
        return true;
    }
    size_t capacity = table->capacity == 0 ? 64 : 2 * table->capacity;
    char **cells = realloc(table->cells, capacity * sizeof *cells);
    if (cells != NULL) {
        table->cells = cells;
    }
    size_t *widths = realloc(table->widths, capacity * sizeof *widths);
    if (widths != NULL) {
        table->widths = widths;
    }
    if (cells == NULL || widths == NULL) {
        return false;
    }
    table->capacity = capacity;
    return true;
}

/* A copy of `raw` that is safe for a terminal, and its width in columns. */
static char *safe_copy(const char *raw, size_t *width)
{
    char *copy = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&copy, &size);
    if (stream == NULL) {
        return NULL;
    }
    rsi_print_text(stream, rsi_text(raw));
    if (fclose(stream) != 0) {
        free(copy);
        return NULL;
    }
    *width = rsi_columns((rs_text){copy, size});
    return copy;
}

void rsi_table_cell(rsi_table *table, const char *format, ...)
{
    if (table == NULL || table->failed || !grow(table)) {
        if (table != NULL) {
            table->failed = true;
        }
        return;
    }
    char *raw = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&raw, format, args);
    va_end(args);
    char *cell = length < 0 ? NULL : safe_copy(raw, &table->widths[table->count]);
    if (length >= 0) {
        free(raw);
    }
    if (cell == NULL) {
        table->failed = true;
        return;
    }
    table->cells[table->count++] = cell;
}

void rsi_table_time(rsi_table *table, int64_t unix_s)
{
    char text[RSI_FORMAT_MAX] = "-";
    rsi_table_cell(table, "%s", unix_s == RS_NO_TIME ? text : rsi_format_time(text, unix_s));
}

static void pad(FILE *out, size_t width)
{
    for (size_t i = 0; i < width; i++) {
        fputc(' ', out);
    }
}

/* Cells of the row that begins at `first`, up to the last that holds anything. */
static size_t row_length(const rsi_table *table, size_t first)
{
    size_t length = table->count - first < table->columns ? table->count - first : table->columns;
    while (length > 0 && table->widths[first + length - 1] == 0) {
        length--;
    }
    return length;
}

static void print_row(const rsi_table *table, size_t first, const size_t *widest, FILE *out,
                      int indent)
{
    size_t length = row_length(table, first);
    for (size_t column = 0; column < length; column++) {
        size_t space = widest[column] - table->widths[first + column];
        bool right = table->align[column] == 'r';
        pad(out, column == 0 ? (size_t)indent : 2);
        pad(out, right ? space : 0);
        fputs(table->cells[first + column], out);
        pad(out, right || column + 1 == length ? 0 : space);
    }
    fputc('\n', out);
}

rs_status rsi_table_print(const rsi_table *table, FILE *out, int indent, rs_error *err)
{
    size_t widest[COLUMN_MAX] = {0};
    if (table == NULL || table->failed || table->columns > COLUMN_MAX) {
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < table->count; i++) {
        size_t column = i % table->columns;
        widest[column] = table->widths[i] > widest[column] ? table->widths[i] : widest[column];
    }
    for (size_t first = 0; first < table->count; first += table->columns) {
        print_row(table, first, widest, out, indent);
    }
    return RS_OK;
}

void rsi_table_free(rsi_table *table)
{
    if (table == NULL) {
        return;
    }
    for (size_t i = 0; i < table->count; i++) {
        free(table->cells[i]);
    }
    free(table->cells);
    free(table->widths);
    free(table);
}
