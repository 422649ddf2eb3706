/* read.c - a report, one ring at a time.
 *
 * A report has a ring a line (report.c), so that a ring is found by comparing the beginnings of
 * lines, and only its own line is parsed (parse.c).
 *
 * Memory: the longest line and the arrays of one ring.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "report/read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/ringid.h"
#include "base/try.h"

enum { FIRST_CAPACITY = 256 * 1024, LINE_MAX_BYTES = 1 << 30 };

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory");
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* Read more into the buffer behind what is left in it; room is made first. */
static rs_status refill(rs_report *report, rs_error *err)
{
    if (report->at > 0) {
        memmove(report->buffer, report->buffer + report->at, report->end - report->at);
        report->end -= report->at;
        report->at = 0;
    }
    if (report->end == report->capacity) {
        size_t capacity = report->capacity > 0 ? 2 * report->capacity : FIRST_CAPACITY;
        char *buffer = capacity <= LINE_MAX_BYTES ? realloc(report->buffer, capacity) : NULL;
        if (buffer == NULL) {
            return capacity <= LINE_MAX_BYTES ? no_memory(err)
                                              : rsi_damaged(report, "a line of over 1 GiB", err);
        }
        report->buffer = buffer;
        report->capacity = capacity;
    }
    size_t count =
        fread(report->buffer + report->end, 1, report->capacity - report->end, report->file);
    if (ferror(report->file)) {
        return rs_fail(err, RS_EIO, "report \"%s\": read: %s", report->path, strerror(errno));
    }
    if (count == 0) {
        return rsi_damaged(report, "the file ends here, but the report does not", err);
    }
    report->end += count;
    return RS_OK;
}

/* The next line, without its end; lent until the next one. */
static rs_status read_line(rs_report *report, rs_text *line, rs_error *err)
{
    rs_status status = RS_OK;
    size_t searched = 0;
    char *newline = NULL;
    report->line_number++;
    while (newline == NULL) {
        size_t length = report->end - report->at;
        if (length > searched) {
            newline = memchr(report->buffer + report->at + searched, '\n', length - searched);
        }
        searched = length;
        if (newline == NULL) {
            RS_TRY(refill(report, err));
        }
    }
    *line = (rs_text){report->buffer + report->at, (size_t)(newline - report->buffer) - report->at};
    report->at += line->length + 1;
done:
    return status;
}

static bool is(rs_text line, const char *string)
{
    return line.length == strlen(string) && memcmp(line.bytes, string, line.length) == 0;
}

/* A line of the head: "key":{...}, or "key":[...], */
static rs_status check_head_line(rs_report *report, rs_text line, const char *key,
                                 rsi_json_token wanted, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_json_token token;
    rs_text ignored;
    char start[16];
    size_t length = (size_t)snprintf(start, sizeof start, "\"%s\":", key);
    if (line.length < length + 2 || memcmp(line.bytes, start, length) != 0 ||
        line.bytes[line.length - 1] != ',') {
        return rsi_damaged(report, "not the head of a report", err);
    }
    report->json_at = length;
    rsi_json_start(report->json, line.bytes + length, line.length - length - 1);
    RS_TRY(rsi_next_token(report, key, &token, &ignored, err));
    if (token != wanted || !rsi_json_skip(report->json, token)) {
        return rsi_damaged_at(report, key, rsi_json_token_name(wanted), err);
    }
    RS_TRY(rsi_expect(report, key, RSI_JSON_END, &ignored, err));
done:
    return status;
}

static rs_status read_head_line(rs_report *report, const char *key, rs_error *err)
{
    rs_text line;
    rs_status status = read_line(report, &line, err);
    return status == RS_OK ? check_head_line(report, line, key, RSI_JSON_OBJECT, err) : status;
}

static bool starts(rs_text line, const char *string)
{
    return line.length >= strlen(string) && memcmp(line.bytes, string, strlen(string)) == 0;
}

static rs_status read_head(rs_report *report, rs_error *err)
{
    rs_status status = RS_OK;
    rs_text line;
    RS_TRY(read_line(report, &line, err));
    if (!is(line, "{\"report\":\"ringscope/1\",")) {
        return rsi_damaged(report,
                           "expected {\"report\":\"ringscope/1\", (another program's file, or "
                           "another version's)",
                           err);
    }
    RS_TRY(read_head_line(report, "run", err));
    RS_TRY(read_head_line(report, "totals", err));
    RS_TRY(read_line(report, &line, err));
    if (starts(line, "\"gone\":")) { /* older reports have none */
        RS_TRY(check_head_line(report, line, "gone", RSI_JSON_ARRAY, err));
        RS_TRY(read_line(report, &line, err));
    }
    report->fresh = true;
    report->done = false;
    if (!is(line, "\"clusters\":[")) {
        status = rsi_damaged(report, "expected \"clusters\":[", err);
    }
done:
    return status;
}

/* The next ring's line, without the comma behind it; length 0 at the end. */
static rs_status read_ring_line(rs_report *report, rs_text *line, rs_error *err)
{
    rs_status status = RS_OK;
    *line = (rs_text){"", 0};
    if (report->done) {
        return RS_OK;
    }
    RS_TRY(read_line(report, line, err));
    bool end = is(*line, "]}");
    if (!report->fresh && end == report->comma) {
        return rsi_damaged(report, end ? "a ring is missing" : "expected ]}", err);
    }
    report->fresh = false;
    report->done = end;
    report->comma = line->length > 0 && line->bytes[line->length - 1] == ',';
    line->length -= report->comma;
    if (end) {
        *line = (rs_text){"", 0};
        bool more = report->at < report->end || getc(report->file) != EOF;
        return more ? rsi_damaged(report, "text behind the end", err) : RS_OK;
    }
    if (line->length == 0) {
        status = rsi_damaged(report, "expected a ring", err);
    }
done:
    return status;
}

/* ---- the calls ------------------------------------------------------------------------------- */

rs_status rs_report_open(rs_report **out, const char *path, rs_error *err)
{
    rs_status status = RS_OK;
    rs_report *report = calloc(1, sizeof *report);
    if (report == NULL || (report->path = strdup(path)) == NULL) {
        status = no_memory(err);
        goto done;
    }
    report->file = fopen(path, "rbe");
    if (report->file == NULL) {
        status = rs_fail(err, errno == ENOENT ? RS_ENOTFOUND : RS_EIO, "report \"%s\": open: %s",
                         path, strerror(errno));
        goto done;
    }
    RS_TRY(rsi_json_new(&report->json, err));
    RS_TRY(read_head(report, err));
    *out = report;
    report = NULL;
done:
    rs_report_close(report);
    return status;
}

rs_status rs_report_next(rs_report *report, const rs_cluster **cluster, rs_error *err)
{
    rs_status status = RS_OK;
    rs_text line;
    *cluster = NULL;
    RS_TRY(read_ring_line(report, &line, err));
    if (line.length > 0) {
        RS_TRY(rsi_read_cluster(report, line, err));
        *cluster = &report->cluster;
    }
done:
    return status;
}

static rs_status rewind_report(rs_report *report, rs_error *err)
{
    if (fseeko(report->file, 0, SEEK_SET) != 0) {
        return rs_fail(err, RS_EIO, "report \"%s\": seek: %s", report->path, strerror(errno));
    }
    report->at = report->end = 0;
    report->line_number = 0;
    return read_head(report, err);
}

rs_status rs_report_find(rs_report *report, rs_text id, const rs_cluster **cluster, rs_error *err)
{
    static const char start[] = "{\"id\":\"";
    const size_t start_length = sizeof start - 1;
    rs_status status = RS_OK;
    rs_text line;
    *cluster = NULL;
    RS_TRY(rewind_report(report, err));
    do {
        RS_TRY(read_ring_line(report, &line, err));
        if (rsi_ring_id_valid(id) && line.length > start_length + id.length &&
            memcmp(line.bytes, start, start_length) == 0 &&
            memcmp(line.bytes + start_length, id.bytes, id.length) == 0) {
            RS_TRY(rsi_read_cluster(report, line, err));
            *cluster = &report->cluster;
            return RS_OK;
        }
    } while (line.length > 0);
    status = rs_fail(err, RS_ENOTFOUND, "ring \"%.*s\" is not in report \"%s\"",
                     (int)(id.length < 100 ? id.length : 100), id.bytes, report->path);
done:
    return status;
}

void rs_report_close(rs_report *report)
{
    if (report == NULL) {
        return;
    }
    if (report->file != NULL) {
        fclose(report->file);
    }
    rsi_json_free(report->json);
    free(report->members.items);
    free(report->things.items);
    free(report->reasons.items);
    free(report->facts.items);
    free(report->users.items);
    free(report->paid.items);
    free(report->victims.items);
    free(report->holds.items);
    free(report->alone.items);
    free(report->ties.items);
    free(report->buffer);
    free(report->path);
    free(report);
}
