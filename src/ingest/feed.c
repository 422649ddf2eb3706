/* feed.c - open a file or start a query, bind its header to the mapping's columns, cut it up, go on
 * to the next.
 *
 * Invariant: `stream` and `pieces` belong to files[at]; NULL where that file is still to be opened.
 * `database` is opened for the first query and serves all of them: they see one snapshot.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ingest/feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/stream.h"
#include "base/try.h"
#include "base/utf8.h"
#include "db/postgres.h"

struct rsi_feed {
    const rsi_inputs *inputs;
    const rsi_mapping *mapping;
    rsi_feed_options options;
    rsi_file *files;
    size_t at;
    rsi_stream *stream;
    rsi_pieces *pieces;
    uint64_t consumed; /* of files that are closed */
    rsi_postgres *database;
};

rs_status rsi_feed_new(rsi_feed **out, const rsi_inputs *inputs, const rsi_mapping *mapping,
                       const rsi_feed_options *options, rs_error *err)
{
    rsi_feed *feed = calloc(1, sizeof *feed);
    rsi_file *files = calloc(inputs->count + 1, sizeof *files);
    if (feed == NULL || files == NULL) {
        free(feed);
        free(files);
        return rs_fail(err, RS_ENOMEM, "out of memory (files)");
    }
    for (size_t i = 0; i < inputs->count; i++) {
        files[i].input = &inputs->items[i];
        files[i].source = rsi_mapping_source(mapping, inputs->items[i].source);
    }
    *feed = (rsi_feed){.inputs = inputs, .mapping = mapping, .options = *options, .files = files};
    *out = feed;
    return RS_OK;
}

static void close_file(rsi_feed *feed)
{
    if (feed->stream != NULL) {
        feed->consumed += rsi_stream_consumed(feed->stream);
    }
    rsi_pieces_free(feed->pieces);
    rsi_stream_close(feed->stream);
    feed->pieces = NULL;
    feed->stream = NULL;
}

void rsi_feed_free(rsi_feed *feed)
{
    if (feed == NULL) {
        return;
    }
    close_file(feed);
    rsi_postgres_close(feed->database);
    for (size_t i = 0; i < feed->inputs->count; i++) {
        free(feed->files[i].field_of_slot);
        free(feed->files[i].header);
        free(feed->files[i].header_text);
    }
    free(feed->files);
    free(feed);
}

const char *rsi_feed_unit(const rsi_inputs *inputs)
{
    return inputs->queries ? "rows" : "bytes";
}

uint64_t rsi_feed_done(const rsi_feed *feed)
{
    if (feed->inputs->queries) {
        return feed->database == NULL ? 0 : rsi_postgres_rows(feed->database);
    }
    return feed->consumed + (feed->stream == NULL ? 0 : rsi_stream_consumed(feed->stream));
}

/* ---- header -----------------------------------------------------------------------------------
 */

/* "a, b, c" for a message, cut when long. */
static void list_fields(const rsi_csv_record *record, char *out, size_t capacity)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < record->field_count && used + 80 < capacity; i++) {
        size_t length = record->fields[i].length < 60 ? record->fields[i].length : 60;
        used += (size_t)snprintf(out + used, capacity - used, "%s\"%.*s\"", i > 0 ? ", " : "",
                                 (int)length, record->fields[i].bytes);
    }
}

static rs_status bind_slot(rsi_file *file, size_t slot, const rsi_csv_record *record, rs_error *err)
{
    const char *column = file->source->columns[slot];
    size_t length = strlen(column);
    size_t found = SIZE_MAX;
    for (size_t i = 0; i < record->field_count; i++) {
        rs_text field = record->fields[i];
        if (field.length != length || memcmp(field.bytes, column, length) != 0) {
            continue;
        }
        if (found != SIZE_MAX && file->input->address != NULL) {
            return rs_fail(err, RS_EUSAGE, "%s: the query gives two columns \"%s\"",
                           file->input->path, column);
        }
        if (found != SIZE_MAX) {
            return rs_fail(err, RS_EINPUT, "%s:1:%zu: column \"%s\" stands twice in the header",
                           file->input->path, i + 1, column);
        }
        found = i;
    }
    if (found == SIZE_MAX) {
        char all[400];
        list_fields(record, all, sizeof all);
        if (file->input->address != NULL) {
            return rs_fail(err, RS_EUSAGE, "%s: the query gives no column \"%s\" (it gives %s)",
                           file->input->path, column, all);
        }
        bool one = record->field_count == 1 && strpbrk(all, ";\t|,") != NULL;
        return rs_fail(err, RS_EINPUT, "%s:1:1: the header has no column \"%s\" (it has %s)%s",
                       file->input->path, column, all,
                       one ? "; do its lines have another \"delimiter\" than the mapping says?"
                           : "");
    }
    file->field_of_slot[slot] = found;
    return RS_OK;
}

static rs_status bind_header(rsi_file *file, const rsi_csv_record *record, rs_error *err)
{
    rs_status status = RS_OK;
    const char *path = file->input->path;
    if (record->problem != NULL) {
        return rs_fail(err, RS_EINPUT, "%s:1:%zu: %s", path, record->problem_field + 1,
                       record->problem);
    }
    if (record->field_count > RSI_CSV_FIELDS_MAX) {
        return rs_fail(err, RS_EINPUT, "%s:1:%zu: more than %zu columns", path,
                       RSI_CSV_FIELDS_MAX + 1, RSI_CSV_FIELDS_MAX);
    }
    for (size_t i = 0; i < record->field_count; i++) {
        rs_text field = record->fields[i];
        if (rsi_utf8_valid(field.bytes, field.length) != field.length) {
            return rs_fail(err, RS_EINPUT, "%s:1:%zu: the header is not valid UTF-8", path, i + 1);
        }
    }
    file->field_count = record->field_count;
    file->field_of_slot = calloc(file->source->column_count + 1, sizeof *file->field_of_slot);
    if (file->field_of_slot == NULL) {
        return rs_fail(err, RS_ENOMEM, "%s: out of memory (header)", path);
    }
    for (size_t slot = 0; slot < file->source->column_count; slot++) {
        RS_TRY(bind_slot(file, slot, record, err));
    }
done:
    return status;
}

/* A copy of the header that outlives its piece. */
static rs_status keep_header(rsi_file *file, const rsi_csv_record *record, rs_error *err)
{
    size_t bytes = 1;
    for (size_t i = 0; i < record->field_count; i++) {
        bytes += record->fields[i].length;
    }
    file->header = calloc(record->field_count, sizeof *file->header);
    file->header_text = malloc(bytes);
    if (file->header == NULL || file->header_text == NULL) {
        return rs_fail(err, RS_ENOMEM, "%s: out of memory (header)", file->input->path);
    }
    char *at = file->header_text;
    for (size_t i = 0; i < record->field_count; i++) {
        file->header[i] = (rs_text){at, record->fields[i].length};
        memcpy(at, record->fields[i].bytes, record->fields[i].length);
        at += record->fields[i].length;
    }
    return RS_OK;
}

/* The header of a CSV file, at the start of its first piece. */
static rs_status read_header(rsi_file *file, rsi_feed_piece *piece, bool keep, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_csv_scan *scan = NULL;
    rsi_csv_record record;
    bool no_memory = false;
    RS_TRY(rsi_csv_scan_new(&scan, file->input->delimiter, RSI_CSV_FIELDS_MAX, err));
    rsi_csv_scan_start(scan, piece->piece.bytes, piece->piece.length);
    if (!rsi_csv_scan_next(scan, &record, &no_memory)) {
        status = no_memory
                     ? rs_fail(err, RS_ENOMEM, "%s: out of memory (header)", file->input->path)
                     : rs_fail(err, RS_EINPUT, "%s:1:1: the file is empty, expected a header",
                               file->input->path);
        goto done;
    }
    piece->start = rsi_csv_scan_at(scan);
    RS_TRY(bind_header(file, &record, err));
    if (keep) {
        RS_TRY(keep_header(file, &record, err));
    }
done:
    rsi_csv_scan_free(scan);
    return status;
}

/* ---- pieces -----------------------------------------------------------------------------------
 */

static rs_status read_rows(void *context, char *bytes, size_t capacity, size_t *got, rs_error *err)
{
    rsi_feed *feed = context;
    return rs_context(err, rsi_postgres_read(feed->database, bytes, capacity, got, err), "%s",
                      feed->files[feed->at].input->path);
}

/* The query's columns take the place of a header. */
static rs_status open_query(rsi_feed *feed, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_file *file = &feed->files[feed->at];
    rsi_pieces_options options = {
        .lines = true, .keep_mark = true, .piece_bytes = feed->options.piece_bytes};
    const rsi_postgres_ask ask = {feed->options.check, feed->options.check_context};
    rsi_csv_record header = {0};
    if (feed->database == NULL) {
        RS_TRY(rsi_postgres_open(&feed->database, file->input->address, &ask, err));
    }
    status = rsi_postgres_start(feed->database, file->source->query, err);
    if (status != RS_OK) {
        return rs_context(err, status, "%s", file->input->path);
    }
    header.fields = rsi_postgres_columns(feed->database, &header.field_count);
    RS_TRY(bind_header(file, &header, err));
    if (feed->options.keep_header) {
        RS_TRY(keep_header(file, &header, err));
    }
    RS_TRY(rsi_stream_open_source(&feed->stream, file->input->path, read_rows, feed, err));
    RS_TRY(rsi_pieces_new(&feed->pieces, feed->stream, &options, err));
done:
    return status;
}

static rs_status open_file(rsi_feed *feed, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_input *input = feed->files[feed->at].input;
    rsi_pieces_options options = {.lines = input->lines,
                                  .delimiter = input->delimiter,
                                  .piece_bytes = feed->options.piece_bytes};
    RS_TRY(rsi_stream_open(&feed->stream, input->path, err));
    rsi_stream_ask(feed->stream, feed->options.check, feed->options.check_context);
    RS_TRY(rsi_pieces_new(&feed->pieces, feed->stream, &options, err));
done:
    return status;
}

static uint64_t count_lines(const char *bytes, size_t length)
{
    uint64_t count = 0;
    for (size_t i = 0; i < length; i++) {
        count += bytes[i] == '\n';
    }
    return count;
}

/* The next piece of the file at hand; length 0 at its end. */
static rs_status next_of_file(rsi_feed *feed, rsi_feed_piece *piece, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_file *file = &feed->files[feed->at];
    bool first = feed->stream == NULL;
    bool query = file->input->address != NULL;
    if (first) {
        RS_TRY(query ? open_query(feed, err) : open_file(feed, err));
    }
    piece->file = file;
    piece->file_index = feed->at;
    piece->start = 0;
    RS_TRY(rsi_pieces_next(feed->pieces, &piece->piece, &piece->too_long, err));
    if (first && !query && !file->input->lines) {
        RS_TRY(read_header(file, piece, feed->options.keep_header, err));
    } else if (first && !query && piece->piece.length == 0) {
        status = rs_fail(err, RS_EINPUT, "%s:1:1: the file is empty", file->input->path);
        goto done;
    }
    piece->line = file->line_count;
    if (feed->options.count_lines) {
        file->line_count += count_lines(piece->piece.bytes, piece->piece.length);
    }
done:
    return status;
}

rs_status rsi_feed_next(rsi_feed *feed, rsi_feed_piece *piece, rs_error *err)
{
    piece->piece.length = 0;
    piece->too_long = false;
    while (feed->at < feed->inputs->count) {
        rs_status status = next_of_file(feed, piece, err);
        if (status != RS_OK || piece->piece.length > 0) {
            return status;
        }
        close_file(feed);
        feed->at++;
    }
    return RS_OK;
}
