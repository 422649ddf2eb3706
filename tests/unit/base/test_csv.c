/* CSV by RFC 4180: a torture table, and the same records whatever the pieces.
 *
 * WRAP: malloc calloc realloc
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../failing_memory.h"
#include "../temporary.h"
#include "base/csv.h"
#include "base/pieces.h"
#include "base/stream.h"

/* ---- records as text: fields in brackets, "!" and the problem ----------------------------------
 */

typedef struct output {
    char text[1 << 16];
    size_t length;
} output;

static void put(output *out, const char *bytes, size_t length)
{
    assert_true(out->length + length < sizeof out->text);
    memcpy(out->text + out->length, bytes, length);
    out->length += length;
    out->text[out->length] = '\0';
}

static void put_string(output *out, const char *string)
{
    put(out, string, strlen(string));
}

static void put_record(output *out, const rsi_csv_record *record, uint64_t line)
{
    char number[60];
    snprintf(number, sizeof number, "%llu:", (unsigned long long)line + 1);
    put_string(out, number);
    if (record->problem != NULL) {
        snprintf(number, sizeof number, "!%zu ", record->problem_field + 1);
        put_string(out, number);
        put_string(out, record->problem);
    } else {
        for (size_t i = 0; i < record->field_count; i++) {
            put_string(out, "[");
            put(out, record->fields[i].bytes, record->fields[i].length);
            put_string(out, "]");
        }
    }
    put_string(out, "\n");
}

/* All records of `bytes`, cut in pieces of about `piece_bytes`. */
static rs_status read_all(const char *bytes, size_t length, size_t piece_bytes, char delimiter,
                          output *out, rs_error *err)
{
    rsi_stream *stream = NULL;
    rsi_pieces *pieces = NULL;
    rsi_csv_scan *scan = NULL;
    rsi_piece piece = {0};
    rsi_pieces_options options = {.delimiter = delimiter, .piece_bytes = piece_bytes};
    uint64_t lines = 0;
    bool too_long = false;
    rs_status status = rsi_stream_open_memory(&stream, "test", bytes, length, err);
    if (status == RS_OK) {
        status = rsi_pieces_new(&pieces, stream, &options, err);
    }
    if (status == RS_OK) {
        status = rsi_csv_scan_new(&scan, delimiter, 512, err);
    }
    out->length = 0;
    out->text[0] = '\0';
    while (status == RS_OK) {
        status = rsi_pieces_next(pieces, &piece, &too_long, err);
        if (status != RS_OK || piece.length == 0) {
            break;
        }
        rsi_csv_record record;
        bool no_memory = false;
        rsi_csv_scan_start(scan, piece.bytes, piece.length);
        while (rsi_csv_scan_next(scan, &record, &no_memory)) {
            put_record(out, &record, lines + record.line);
        }
        if (no_memory) {
            status = rs_fail(err, RS_ENOMEM, "no memory");
        }
        lines += rsi_csv_scan_lines(scan);
    }
    free(piece.bytes);
    rsi_csv_scan_free(scan);
    rsi_pieces_free(pieces);
    rsi_stream_close(stream);
    return status;
}

#define OPEN  "quote is not closed"
#define STRAY "quote within a field that does not start with one"
#define AFTER "text after the closing quote"
#define CR    "carriage return outside quotes and not before a line feed"

static const struct {
    const char *bytes;
    size_t length;
    const char *records;
} torture[] = {
#define ROW(bytes, records)                                                                        \
    {                                                                                              \
        bytes, sizeof(bytes) - 1, records                                                          \
    }
    ROW("", ""),
    ROW("a,b\n", "1:[a][b]\n"),
    ROW("a,b", "1:[a][b]\n"),
    ROW("a,b\r\n", "1:[a][b]\n"),
    ROW("a,b\r", "1:[a][b]\n"),
    ROW("\xEF\xBB\xBF"
        "a,b\n",
        "1:[a][b]\n"),
    ROW("\xEF\xBB\xBF", ""),
    ROW("\xEF\xBB", "1:[\xEF\xBB]\n"),
    ROW("a\n\xEF\xBB\xBF"
        "b\n",
        "1:[a]\n2:[\xEF\xBB\xBF"
        "b]\n"),
    ROW("\n", "1:[]\n"),
    ROW("\n\n", "1:[]\n2:[]\n"),
    ROW("\r\n\r\n", "1:[]\n2:[]\n"),
    ROW(",\n", "1:[][]\n"),
    ROW(",", "1:[][]\n"),
    ROW("a,,b,\n", "1:[a][][b][]\n"),
    ROW("\"a\",\"b\"\n", "1:[a][b]\n"),
    ROW("\"a\",\"b\"", "1:[a][b]\n"),
    ROW("\"a\",\"b\"\r\n", "1:[a][b]\n"),
    ROW("\"\",\"\"\n", "1:[][]\n"),
    ROW("\"a,b\",c\n", "1:[a,b][c]\n"),
    ROW("\"a\nb\",c\nd,e\n", "1:[a\nb][c]\n3:[d][e]\n"),
    ROW("\"a\r\nb\",c\r\nd,e\r\n", "1:[a\r\nb][c]\n3:[d][e]\n"),
    ROW("\"a\rb\",c\n", "1:[a\rb][c]\n"),
    ROW("\"a\"\"b\"\n", "1:[a\"b]\n"),
    ROW("\"\"\"\"\n", "1:[\"]\n"),
    ROW("\"\"\"\"\"\"\n", "1:[\"\"]\n"),
    ROW("\"\"\"a\"\"\",\"\"\"\"\n", "1:[\"a\"][\"]\n"),
    ROW("\"\n\"\"\n\"\nx\n", "1:[\n\"\n]\n4:[x]\n"),
    ROW("a b , c \n", "1:[a b ][ c ]\n"),
    ROW("\"a\",b\n\"c\n\",d\n", "1:[a][b]\n2:[c\n][d]\n"),
    ROW("a\"b,c\nd,e\n", "1:!1 " STRAY "\n2:[d][e]\n"),
    ROW("a,b\"\nd,e\n", "1:!2 " STRAY "\n2:[d][e]\n"),
    ROW(" \"a\",b\nd,e\n", "1:!1 " STRAY "\n2:[d][e]\n"),
    ROW("\"a\"b,c\nd,e\n", "1:!1 " AFTER "\n2:[d][e]\n"),
    ROW("\"a\" ,c\nd,e\n", "1:!1 " AFTER "\n2:[d][e]\n"),
    ROW("\"a\"b\"c,d\ne,f\n", "1:!1 " AFTER "\n2:[e][f]\n"),
    ROW("\"a\"b,\"c\nd\"\ne,f\n", "1:!1 " AFTER "\n3:[e][f]\n"),
    ROW("x,\"a\nb", "1:!2 " OPEN "\n"),
    ROW("\"", "1:!1 " OPEN "\n"),
    ROW("\"\"\"", "1:!1 " OPEN "\n"),
    ROW("a\n\"b\n", "1:[a]\n2:!1 " OPEN "\n"),
    ROW("a\rb,c\nd\n", "1:!1 " CR "\n2:[d]\n"),
    ROW("a\r\r\nb\n", "1:!1 " CR "\n2:[b]\n"),
    ROW("\"a\"\rb\nc\n", "1:!1 " CR "\n2:[c]\n"),
    ROW("\ra\nb\n", "1:!1 " CR "\n2:[b]\n"),
    ROW("a,b\n\nc,d\n", "1:[a][b]\n2:[]\n3:[c][d]\n"),
    ROW("1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16\n",
        "1:[1][2][3][4][5][6][7][8][9][10][11][12][13][14][15][16]\n"),
    ROW("\xFF\xFE,\x80\n", "1:[\xFF\xFE][\x80]\n"), /* UTF-8 is judged later */
};

static void reads_the_torture_table_in_pieces_of_any_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof torture / sizeof torture[0]; i++) {
        for (size_t piece = 1; piece <= 64; piece++) {
            output out;
            rs_error err;
            assert_int_equal(read_all(torture[i].bytes, torture[i].length, piece, ',', &out, &err),
                             RS_OK);
            assert_string_equal(out.text, torture[i].records);
        }
    }
}

static void keeps_nul_bytes(void **state)
{
    (void)state;
    rsi_csv_scan *scan = NULL;
    rsi_csv_record record;
    bool no_memory;
    assert_int_equal(rsi_csv_scan_new(&scan, ',', 4, NULL), RS_OK);
    rsi_csv_scan_start(scan, "a\0b,\0,\"\0\"\n", 10);
    assert_true(rsi_csv_scan_next(scan, &record, &no_memory));
    assert_int_equal(record.field_count, 3);
    assert_int_equal(record.fields[0].length, 3);
    assert_memory_equal(record.fields[0].bytes, "a\0b", 3);
    assert_int_equal(record.fields[1].length, 1);
    assert_int_equal(record.fields[2].length, 1);
    assert_true(rsi_csv_scan_ascii(scan));
    rsi_csv_scan_free(scan);
}

static void counts_fields_beyond_its_capacity(void **state)
{
    (void)state;
    rsi_csv_scan *scan = NULL;
    rsi_csv_record record;
    bool no_memory;
    assert_int_equal(rsi_csv_scan_new(&scan, '\t', 2, NULL), RS_OK);
    rsi_csv_scan_start(scan, "a\tb\tc\td,e\n", 10);
    assert_true(rsi_csv_scan_next(scan, &record, &no_memory));
    assert_int_equal(record.field_count, 4);
    assert_false(rsi_csv_scan_next(scan, &record, &no_memory));
    rsi_csv_scan_free(scan);
}

/* ---- the reference: one byte at a time, straight from the grammar -------------------------------
 */

typedef struct slow {
    const char *bytes;
    size_t length;
    size_t at;
    output *out;
} slow;

/* One record into out; returns the number of LF in it. */
static uint64_t slow_record(slow *in, uint64_t line)
{
    output fields;
    const char *problem = NULL;
    size_t problem_field = 0;
    size_t field = 0;
    uint64_t lines = 0;
    char text[64];
    fields.length = 0;
    fields.text[0] = '\0';
    for (bool more = true; more; field++) {
        bool quoted = in->at < in->length && in->bytes[in->at] == '"';
        bool closed = false;
        put_string(&fields, "[");
        in->at += quoted;
        while (quoted && !closed && in->at < in->length) {
            char c = in->bytes[in->at++];
            bool twice = c == '"' && in->at < in->length && in->bytes[in->at] == '"';
            closed = c == '"' && !twice;
            in->at += twice;
            lines += c == '\n';
            if (!closed) {
                put(&fields, &c, 1);
            }
        }
        if (quoted && !closed && problem == NULL) {
            problem = OPEN;
            problem_field = field;
        }
        more = false;
        while (in->at < in->length) {
            char c = in->bytes[in->at++];
            bool line_end = c == '\r' && (in->at == in->length || in->bytes[in->at] == '\n');
            if (c == '\n') {
                lines++;
                break;
            }
            if (c == ',') {
                more = true;
                break;
            }
            if (line_end) {
                continue;
            }
            if (problem == NULL && (quoted || c == '"' || c == '\r')) {
                problem = c == '\r' && in->at >= 2 && closed && in->bytes[in->at - 2] == '"' ? CR
                          : quoted && closed                                                 ? AFTER
                          : c == '\r'                                                        ? CR
                                      : STRAY;
                problem_field = field;
            }
            put(&fields, &c, 1);
        }
        put_string(&fields, "]");
    }
    snprintf(text, sizeof text, "%llu:", (unsigned long long)line + 1);
    put_string(in->out, text);
    if (problem != NULL) {
        snprintf(text, sizeof text, "!%zu ", problem_field + 1);
        put_string(in->out, text);
        put_string(in->out, problem);
    } else {
        put(in->out, fields.text, fields.length);
    }
    put_string(in->out, "\n");
    return lines;
}

static void read_slowly(const char *bytes, size_t length, output *out)
{
    slow in = {bytes, length, 0, out};
    uint64_t line = 0;
    out->length = 0;
    out->text[0] = '\0';
    while (in.at < length) {
        line += slow_record(&in, line);
    }
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void agrees_with_the_reference_whatever_the_pieces(void **state)
{
    (void)state;
    static const char letters[] = "\"\"\"\",,,\n\n\r\nabcdefgh x\xC3\xA9";
    uint32_t seed = 1;
    static output expected;
    static output got;
    for (int round = 0; round < 3000; round++) {
        char bytes[300];
        size_t length = next_random(&seed) % sizeof bytes;
        size_t alphabet = 4 + next_random(&seed) % (sizeof letters - 5);
        for (size_t i = 0; i < length; i++) {
            bytes[i] = letters[next_random(&seed) % alphabet];
        }
        read_slowly(bytes, length, &expected);
        for (size_t piece = 1; piece <= 64; piece += 1 + next_random(&seed) % 7) {
            rs_error err;
            assert_int_equal(read_all(bytes, length, piece, ',', &got, &err), RS_OK);
            assert_string_equal(got.text, expected.text);
        }
    }
}

static void refuses_a_record_without_end(void **state)
{
    (void)state;
    size_t length = RSI_CSV_RECORD_MAX + 10;
    char *bytes = malloc(length);
    rsi_stream *stream = NULL;
    rsi_pieces *pieces = NULL;
    rsi_piece piece = {0};
    rsi_pieces_options options = {.delimiter = ',', .piece_bytes = 1000};
    bool too_long = false;
    rs_error err = {0};
    assert_non_null(bytes);
    memset(bytes, '\n', length);
    memcpy(bytes, "a\n\"b", 4);
    assert_int_equal(rsi_stream_open_memory(&stream, "test", bytes, length, &err), RS_OK);
    assert_int_equal(rsi_pieces_new(&pieces, stream, &options, &err), RS_OK);
    assert_int_equal(rsi_pieces_next(pieces, &piece, &too_long, &err), RS_OK);
    assert_int_equal(piece.length, 2);
    assert_int_equal(rsi_pieces_next(pieces, &piece, &too_long, &err), RS_EINPUT);
    assert_true(too_long);
    assert_string_equal(err.message,
                        "record is longer than 16777216 bytes (is a quote left open?)");
    free(piece.bytes);
    rsi_pieces_free(pieces);
    rsi_stream_close(stream);
    free(bytes);
}

/* ---- lists ------------------------------------------------------------------------------------
 */

static void reads_a_list_by_its_header(void **state)
{
    (void)state;
    static const char text[] =
        "type,id,reason\naccount,\"a,1\",\"said \"\"no\"\"\"\n\n\nx\nx,y,z\n";
    char path[TEMPORARY_PATH];
    rsi_csv *csv = NULL;
    const rs_text *fields = NULL;
    uint64_t line = 0;
    rs_error err = {0};
    char expected[200];
    temporary_file(path, "", text, sizeof text - 1);
    assert_int_equal(rsi_csv_open(&csv, path, &err), RS_OK);
    assert_int_equal(rsi_csv_column(csv, "id"), 1);
    assert_int_equal(rsi_csv_column(csv, "nope"), SIZE_MAX);
    assert_int_equal(rsi_csv_next(csv, &fields, &line, &err), RS_OK);
    assert_non_null(fields);
    assert_int_equal(line, 2);
    assert_memory_equal(fields[1].bytes, "a,1", 3);
    assert_int_equal(fields[2].length, 9);
    assert_int_equal(rsi_csv_next(csv, &fields, &line, &err), RS_EINPUT);
    snprintf(expected, sizeof expected, "%s:5:2: 1 field, expected 3 as in the header", path);
    assert_string_equal(err.message, expected);
    rsi_csv_close(csv);
    unlink(path);
}

static void tells_what_is_wrong_with_a_list(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message;
    } rows[] = {
        {"", "1:1: the file is empty, expected a header"},
        {"a,a\n", "1:2: the header has this name twice"},
        {"a,b\"\n", "1:2: " STRAY},
        {"a,\xFF\n", "1:2: is not valid UTF-8"},
        {"a,b\n1,\"2\n", "2:2: " OPEN},
        {"a,b\n1,\xC3\n", "2:2: is not valid UTF-8"},
        {"a,b\n1,2\n1,2,3\n", "3:3: 3 fields, expected 2 as in the header"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char path[TEMPORARY_PATH];
        char expected[200];
        rsi_csv *csv = NULL;
        rs_error err = {0};
        temporary_file(path, "", rows[i].text, strlen(rows[i].text));
        rs_status status = rsi_csv_open(&csv, path, &err);
        const rs_text *fields = (const rs_text *)"";
        uint64_t line;
        while (status == RS_OK && fields != NULL) {
            status = rsi_csv_next(csv, &fields, &line, &err);
        }
        assert_int_equal(status, RS_EINPUT);
        snprintf(expected, sizeof expected, "%s:%s", path, rows[i].message);
        assert_string_equal(err.message, expected);
        rsi_csv_close(csv);
        unlink(path);
    }
}

static void survives_every_failed_allocation(void **state)
{
    (void)state;
    static const char text[] = "type,id\naccount,\"said \"\"no\"\"\"\n";
    char path[TEMPORARY_PATH];
    temporary_file(path, "", text, sizeof text - 1);
    rs_status status = RS_ENOMEM;
    int failures = -1;
    for (int grants = 0; status == RS_ENOMEM; grants++) {
        rsi_csv *csv = NULL;
        rs_error err = {0};
        const rs_text *fields = (const rs_text *)"";
        uint64_t line;
        allowed = grants;
        status = rsi_csv_open(&csv, path, &err);
        while (status == RS_OK && fields != NULL) {
            status = rsi_csv_next(csv, &fields, &line, &err);
        }
        allowed = -1;
        rsi_csv_close(csv);
        failures++;
    }
    assert_int_equal(status, RS_OK);
    assert_true(failures >= 8);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_torture_table_in_pieces_of_any_size),
        cmocka_unit_test(keeps_nul_bytes),
        cmocka_unit_test(counts_fields_beyond_its_capacity),
        cmocka_unit_test(agrees_with_the_reference_whatever_the_pieces),
        cmocka_unit_test(refuses_a_record_without_end),
        cmocka_unit_test(reads_a_list_by_its_header),
        cmocka_unit_test(tells_what_is_wrong_with_a_list),
        cmocka_unit_test(survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
