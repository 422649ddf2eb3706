/* The CSV scanner: any bytes, cut in pieces of any size, looked at one by one or many at once, in
 * runs or record by record, give the same records; every field lies in its piece or in the
 * scanner's own memory.
 *
 * Input: one byte for the size of the pieces, one for the delimiter, the rest is the file.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/hash.h"
#include "base/pieces.h"
#include "base/stream.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A digest of all records, in order, and how many there are. */
typedef struct digest {
    uint64_t hash;
    uint64_t count;
    uint64_t lines;
} digest;

static void add(digest *to, const void *bytes, size_t length)
{
    to->hash = rsi_hash64(bytes, length, to->hash);
}

static void add_record(digest *to, const rsi_csv_record *record, uint64_t lines)
{
    uint64_t numbers[] = {record->field_count, lines + record->line, record->problem != NULL,
                          record->problem != NULL ? record->problem_field : 0};
    add(to, numbers, sizeof numbers);
    for (size_t i = 0; record->problem == NULL && i < record->field_count && i < 64; i++) {
        add(to, record->fields[i].bytes, record->fields[i].length);
        (void)rsi_utf8_valid(record->fields[i].bytes, record->fields[i].length);
    }
    to->count++;
}

/* Plain records in runs where there are some, and what is between them. */
static bool next_record(rsi_csv_scan *scan, rsi_csv_run *run, size_t field_count,
                        rsi_csv_record *record)
{
    bool no_memory = false;
    if (run->count == 0 && field_count > 0) {
        *run = rsi_csv_scan_run(scan, field_count);
    }
    if (run->count == 0) {
        return rsi_csv_scan_next(scan, record, &no_memory);
    }
    rsi_csv_scan_first(scan, run, record);
    run->count--;
    run->ends += run->stride;
    run->line++;
    return true;
}

/* How a file is read; none of it may show. */
typedef struct way {
    size_t piece_bytes;
    rsi_csv_lanes lanes;
    size_t field_count; /* of runs; 0: record by record */
} way;

static digest read_all(const char *bytes, size_t length, char delimiter, way by)
{
    rsi_stream *stream = NULL;
    rsi_pieces *pieces = NULL;
    rsi_csv_scan *scan = NULL;
    rsi_piece piece = {0};
    rsi_pieces_options options = {.delimiter = delimiter, .piece_bytes = by.piece_bytes};
    digest all = {0};
    bool too_long = false;
    if (rsi_stream_open_memory(&stream, "fuzz", bytes, length, NULL) == RS_OK &&
        rsi_pieces_new(&pieces, stream, &options, NULL) == RS_OK &&
        rsi_csv_scan_new(&scan, delimiter, 64, NULL) == RS_OK) {
        rs_status status;
        (void)rsi_csv_scan_lanes(scan, by.lanes);
        while ((status = rsi_pieces_next(pieces, &piece, &too_long, NULL)) == RS_OK &&
               piece.length > 0) {
            rsi_csv_record record;
            rsi_csv_run run = {0};
            rsi_csv_scan_start(scan, piece.bytes, piece.length);
            while (next_record(scan, &run, by.field_count, &record)) {
                add_record(&all, &record, all.lines);
            }
            all.lines += rsi_csv_scan_lines(scan);
        }
        if (status != RS_OK) { /* a damaged zstd or gzip file: how far it was read is open */
            all = (digest){.lines = UINT64_MAX};
        }
    }
    free(piece.bytes);
    rsi_csv_scan_free(scan);
    rsi_pieces_free(pieces);
    rsi_stream_close(stream);
    return all;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char delimiters[] = ",;\t|";
    if (size < 2) {
        return 0;
    }
    const char *bytes = (const char *)data + 2;
    char delimiter = delimiters[data[1] % 4];
    digest whole = read_all(bytes, size - 2, delimiter, (way){size + 16, RSI_CSV_BYTES, 0});
    const way others[] = {{1 + (size_t)data[0], RSI_CSV_AVX2, 0},
                          {size + 16, RSI_CSV_SSE2, 1 + data[1] / 4 % 8u},
                          {1 + (size_t)data[0], RSI_CSV_BYTES, 1 + data[1] / 4 % 8u}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        digest other = read_all(bytes, size - 2, delimiter, others[i]);
        if (memcmp(&whole, &other, sizeof whole) != 0) {
            abort();
        }
    }
    return 0;
}
