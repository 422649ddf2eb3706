/* csv.h - CSV as RFC 4180 has it, strictly, over a piece of memory or a whole file.
 *
 *   record = field *( delimiter field ) ( LF | CRLF )
 *   field  = text without delimiter, quote, CR, LF | quote *( any | quote quote ) quote
 *
 * A NUL is a character like any other. What does not follow the grammar is told, with the field it
 * is in; a bad record ends where its line ends (or where the open quote lets it end), and the next
 * is read.
 *
 * Trust    any bytes may come; a record is at most what the caller's piece or RSI_CSV_RECORD_MAX is
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_CSV_H
#define RSI_BASE_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ringscope/error.h"
#include "ringscope/text.h"

#define RSI_CSV_RECORD_MAX ((size_t)16 << 20) /* bytes of one record */
#define RSI_CSV_FIELDS_MAX ((size_t)1 << 16)
#define RSI_CSV_PADDING    ((size_t)16)

/* ---- a piece of memory that starts and ends with whole records ---------------------------------
 */

typedef struct rsi_csv_scan rsi_csv_scan;

/* One record. `fields` are lent until the scan starts on another piece: they point into the piece
 * or, where doubled quotes had to be undone, into the scan's own memory. */
typedef struct rsi_csv_record {
    size_t start;       /* offset of its first byte in the piece */
    size_t end;         /* behind its last, without the end of line */
    size_t field_count; /* all fields, also those beyond the scan's capacity */
    const rs_text *fields;
    uint64_t line;        /* 0-based, counted in LF from the start of the piece */
    const char *problem;  /* NULL, or what breaks the grammar: a constant text without place */
    size_t problem_field; /* 0-based */
    bool unclosed;        /* its problem: the piece ends within quotes */
} rsi_csv_record;

/* A scanner that keeps up to `capacity` fields of a record. `delimiter` is an ASCII character other
 * than quote, CR and LF. */
RS_MUST_USE rs_status rsi_csv_scan_new(rsi_csv_scan **out, char delimiter, size_t capacity,
                                       rs_error *err);
void rsi_csv_scan_free(rsi_csv_scan *scan);
/* How many bytes are looked at at once. A scanner takes the most that the processor has; tests hold
 * them equal. False, and nothing changes, where the processor or the delimiter does not allow it.
 */
typedef enum rsi_csv_lanes { RSI_CSV_BYTES, RSI_CSV_SSE2, RSI_CSV_AVX2 } rsi_csv_lanes;
bool rsi_csv_scan_lanes(rsi_csv_scan *scan, rsi_csv_lanes lanes);
/* Start on a piece of less than 4 GiB, lent until the next start. */
void rsi_csv_scan_start(rsi_csv_scan *scan, const char *bytes, size_t length);
/* The next record; false at the end, and when memory for quoted text gave out (*no_memory). */
bool rsi_csv_scan_next(rsi_csv_scan *scan, rsi_csv_record *record, bool *no_memory);

/* Records one behind the other that are as plain as can be: so many fields each, none with a quote,
 * every line end the same (LF or CRLF). With `ends` moved on by `stride` a record, field i is
 *     bytes[(uint32_t)(ends[i - 1] + 1) .. ends[i])
 * ends[-1], before the first record, is there too. */
typedef struct rsi_csv_run {
    size_t count; /* records */
    size_t field_count;
    size_t stride;
    const uint32_t *ends; /* offsets in the piece; lent until the next call */
    uint64_t line;        /* of the first record */
} rsi_csv_run;

/* The next plain records of `field_count` fields: as many as are known to be plain, 0 where it
 * takes rsi_csv_scan_next to go on. RSI_CSV_PADDING bytes of the piece lie behind each of them. */
rsi_csv_run rsi_csv_scan_run(rsi_csv_scan *scan, size_t field_count);
/* The first record of the run as rsi_csv_scan_next would have given it, `line` as in the run. */
void rsi_csv_scan_first(rsi_csv_scan *scan, const rsi_csv_run *run, rsi_csv_record *record);
/* Whether every byte looked at so far was ASCII: then nothing need be checked as UTF-8. */
bool rsi_csv_scan_ascii(const rsi_csv_scan *scan);
/* Offset behind the last record that was read. */
size_t rsi_csv_scan_at(const rsi_csv_scan *scan);
/* Line ends (LF) passed so far, those within quotes too. */
uint64_t rsi_csv_scan_lines(const rsi_csv_scan *scan);

/* Length of the longest head of the piece that is whole records; 0 where there is none. Costs a
 * memchr where the piece has no quote. `bytes` starts with a record. */
size_t rsi_csv_whole(const char *bytes, size_t length, char delimiter);

/* ---- small lists: a file with a header, record by record ----------------------------------------
 */

typedef struct rsi_csv rsi_csv;

/* Open a CSV file (plain, .gz, .zst; "-": standard input) and read its header. RS_EIO, RS_EINPUT,
 * RS_ENOMEM. */
RS_MUST_USE rs_status rsi_csv_open(rsi_csv **out, const char *path, rs_error *err);
void rsi_csv_close(rsi_csv *csv);
/* The field's number under that header, or SIZE_MAX. */
size_t rsi_csv_column(const rsi_csv *csv, const char *name);
/* The header's fields; lent until the next call of rsi_csv_next. */
const rs_text *rsi_csv_header(const rsi_csv *csv, size_t *count);
/* The next record: as many fields as the header has, all valid UTF-8; *fields is NULL at the end.
 * Lent until the next call. RS_EINPUT with file:line:field. `line` is 1-based, where the record
 * starts. */
RS_MUST_USE rs_status rsi_csv_next(rsi_csv *csv, const rs_text **fields, uint64_t *line,
                                   rs_error *err);

#endif
