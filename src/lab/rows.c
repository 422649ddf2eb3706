/* rows.c - put rows in order by counting, write files through one buffer.
 *
 * Sorting is a counting sort into about as many slices as rows, then an insertion sort within a
 * slice: linear, for rows of one second are told apart by their hashes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "lab/rows.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

void rsi_rows_push(rsi_rows *rows, uint32_t second, uint32_t a, uint32_t b, uint32_t c)
{
    if (rows->count == rows->capacity) {
        size_t wanted = rows->capacity == 0 ? 1024 : rows->capacity * 2;
        rsi_row *grown = realloc(rows->at, wanted * sizeof *grown);
        if (grown == NULL) {
            rows->failed = true;
            return;
        }
        rows->at = grown;
        rows->capacity = wanted;
    }
    rows->at[rows->count++] = (rsi_row){second, a, b, c};
}

void rsi_rows_free(rsi_rows *rows)
{
    free(rows->at);
    *rows = (rsi_rows){0};
}

static uint64_t content_hash(const rsi_row *row, uint64_t key)
{
    uint64_t high = rsi_mix64(((uint64_t)row->a << 32 | row->b) ^ key);
    return rsi_mix64(high ^ ((uint64_t)row->second << 32 | row->c));
}

/* Time first (or nothing, when shuffled), then the hash, then the content itself. */
static bool is_before(const rsi_row *x, const rsi_row *y, uint64_t shuffle)
{
    if (shuffle == 0 && x->second != y->second) {
        return x->second < y->second;
    }
    uint64_t hx = content_hash(x, shuffle);
    uint64_t hy = content_hash(y, shuffle);
    return hx != hy ? hx < hy : memcmp(x, y, sizeof *x) < 0;
}

/* Slices of the span that is sorted by: about a row each, and never so many that they outweigh the
 * rows. */
struct slicing {
    uint32_t from;
    uint64_t shuffle;
    size_t count;
    uint64_t width; /* of a slice, in 2^-20 seconds, or in 2^-63 of all hashes when shuffled */
};

static struct slicing slicing_for(size_t rows, uint32_t from, uint32_t length, uint64_t shuffle)
{
    struct slicing s = {.from = from, .shuffle = shuffle, .count = 64};
    while (s.count < rows && s.count < (size_t)1 << 24) {
        s.count *= 2;
    }
    uint64_t span = shuffle != 0 ? (uint64_t)1 << 63 : (uint64_t)length << 20;
    s.width = span / s.count + 1;
    return s;
}

/* In the order of is_before: within a second the hash decides, so it goes into the slice too. */
static size_t slice_of(const struct slicing *s, const rsi_row *row)
{
    uint64_t hash = content_hash(row, s->shuffle);
    if (s->shuffle != 0) {
        return (size_t)((hash >> 1) / s->width);
    }
    return (size_t)(((uint64_t)(row->second - s->from) << 20 | hash >> 44) / s->width);
}

static void sort_slice(rsi_row *at, size_t count, uint64_t shuffle)
{
    for (size_t i = 1; i < count; i++) {
        rsi_row row = at[i];
        size_t to = i;
        for (; to > 0 && is_before(&row, &at[to - 1], shuffle); to--) {
            at[to] = at[to - 1];
        }
        at[to] = row;
    }
}

static void scatter(const rsi_rows *rows, rsi_row *sorted, size_t *start, const struct slicing *s)
{
    for (size_t i = 0; i < rows->count; i++) {
        start[slice_of(s, &rows->at[i]) + 1]++;
    }
    for (size_t i = 0; i < s->count; i++) {
        start[i + 1] += start[i];
    }
    for (size_t i = 0; i < rows->count; i++) {
        sorted[start[slice_of(s, &rows->at[i])]++] = rows->at[i];
    }
    size_t begin = 0; /* each start has moved to its slice's end */
    for (size_t i = 0; i < s->count; i++) {
        sort_slice(sorted + begin, start[i] - begin, s->shuffle);
        begin = start[i];
    }
}

rs_status rsi_rows_sort(rsi_rows *rows, uint32_t from, uint32_t length, uint64_t shuffle,
                        rs_error *err)
{
    if (rows->failed) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu rows of a day)", rows->count);
    }
    if (rows->count < 2) {
        return RS_OK;
    }
    rsi_row *sorted = malloc(rows->count * sizeof *sorted);
    struct slicing slicing = slicing_for(rows->count, from, length, shuffle);
    size_t *start = calloc(slicing.count + 1, sizeof *start);
    if (sorted == NULL || start == NULL) {
        free(sorted);
        free(start);
        return rs_fail(err, RS_ENOMEM, "out of memory (sorting %zu rows)", rows->count);
    }
    scatter(rows, sorted, start, &slicing);
    free(start);
    free(rows->at);
    rows->at = sorted;
    rows->capacity = rows->count;
    return RS_OK;
}

rs_status rsi_sheet_open(rsi_sheet *sheet, const char *dir, const char *name, rs_error *err)
{
    *sheet = (rsi_sheet){0};
    int length = snprintf(sheet->path, sizeof sheet->path, "%s/%s", dir, name);
    if (length < 0 || (size_t)length >= sizeof sheet->path) {
        return rs_fail(err, RS_EUSAGE, "folder name too long: \"%.200s...\"", dir);
    }
    sheet->buffer = malloc(RSI_SHEET_BYTES);
    if (sheet->buffer == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (file buffer)");
    }
    sheet->file = fopen(sheet->path, "wb");
    if (sheet->file == NULL) {
        int why = errno;
        free(sheet->buffer);
        sheet->buffer = NULL;
        return rs_fail(err, RS_EIO, "cannot write \"%s\": %s", sheet->path, strerror(why));
    }
    setvbuf(sheet->file, NULL, _IONBF, 0);
    return RS_OK;
}

static void flush(rsi_sheet *sheet)
{
    if (sheet->failed == 0 && sheet->used > 0 &&
        fwrite(sheet->buffer, 1, sheet->used, sheet->file) != sheet->used) {
        sheet->failed = errno == 0 ? EIO : errno;
    }
    sheet->used = 0;
}

char *rsi_sheet_room(rsi_sheet *sheet, size_t bytes)
{
    if (sheet->used + bytes > RSI_SHEET_BYTES) {
        flush(sheet);
    }
    return sheet->buffer + sheet->used;
}

void rsi_sheet_text(rsi_sheet *sheet, const char *text)
{
    size_t length = strlen(text);
    while (length > 0) {
        size_t part = length < RSI_SHEET_BYTES ? length : RSI_SHEET_BYTES;
        memcpy(rsi_sheet_room(sheet, part), text, part);
        sheet->used += part;
        text += part;
        length -= part;
    }
}

void rsi_sheet_print(rsi_sheet *sheet, const char *format, ...)
{
    char line[2048];
    va_list rest;
    va_start(rest, format);
    int length = vsnprintf(line, sizeof line, format, rest);
    va_end(rest);
    if (length < 0 || (size_t)length >= sizeof line) {
        sheet->failed = EOVERFLOW;
        return;
    }
    rsi_sheet_text(sheet, line);
}

rs_status rsi_sheet_close(rsi_sheet *sheet, rs_error *err)
{
    if (sheet->file == NULL) {
        return RS_OK;
    }
    flush(sheet);
    int failed = sheet->failed;
    if (fclose(sheet->file) != 0 && failed == 0) {
        failed = errno;
    }
    sheet->file = NULL;
    free(sheet->buffer);
    sheet->buffer = NULL;
    if (failed != 0) {
        return rs_fail(err, RS_EIO, "cannot write \"%s\": %s", sheet->path, strerror(failed));
    }
    return RS_OK;
}

void rsi_sheet_abandon(rsi_sheet *sheet)
{
    if (sheet->file != NULL) {
        fclose(sheet->file);
        sheet->file = NULL;
    }
    free(sheet->buffer);
    sheet->buffer = NULL;
}
