/* Rows of CSV and JSON Lines through a mapping: every row is good or bad, never both; ids lie in
 * memory that can be read; stopping at the first bad row finds the same one as going on.
 *
 * Input: one byte, odd for JSON Lines; the rest is rows (no header) for the columns of MAPPING.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "ingest/chunk.h"
#include "ingest/mapping.h"
#include "ingest/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char MAPPING[] =
    "{\"sources\":[{\"match\":\"*\",\"relations\":[{\"name_column\":\"r\",\"kinds\":{\"A\":"
    "\"shared\","
    "\"B\":\"payment\"},\"src\":{\"type_column\":\"st\",\"column\":\"s\"},\"dst\":{\"type\":\"d\","
    "\"column\":\"d\"},\"time\":\"t\",\"amount\":\"m\",\"currency_column\":\"c\",\"key\":\"k\"},"
    "{\"name\":\"n\",\"kind\":\"link\",\"src\":{\"type\":\"x\",\"column\":\"s\"},\"dst\":{\"type\":"
    "\"x\",\"column\":\"k\"}}],\"nodes\":[{\"type_column\":\"st\",\"column\":\"s\",\"attributes\":"
    "[\"c\",\"m\"]}]}]}";

static rs_status number_type(void *context, rs_text name, uint32_t *type, rs_error *err)
{
    (void)context;
    (void)err;
    *type = name.length > 0 ? (unsigned char)name.bytes[name.length - 1] : 0;
    return RS_OK;
}

static rs_status number_relation(void *context, const rsi_relation_spec *spec, uint32_t *relation,
                                 rs_error *err)
{
    (void)context;
    (void)err;
    *relation = spec->src_type;
    return RS_OK;
}

static rs_status number_attribute(void *context, uint32_t type, rs_text name, uint32_t *attribute,
                                  rs_error *err)
{
    (void)context;
    (void)name;
    (void)err;
    *attribute = type;
    return RS_OK;
}

static void check_text(rs_text text)
{
    if (rsi_utf8_valid(text.bytes, text.length) != text.length) {
        abort();
    }
}

static rs_status check_row(void *context, const rsi_row *row, uint64_t line, rs_error *err)
{
    uint64_t *good = context;
    (void)line;
    (void)err;
    for (size_t i = 0; i < row->edge_count; i++) {
        check_text(row->edges[i].src);
        check_text(row->edges[i].dst);
        check_text(row->edges[i].key);
        if (row->edges[i].src.length == 0 || row->edges[i].dst.length == 0) {
            abort();
        }
    }
    for (size_t i = 0; i < row->value_count; i++) {
        check_text(row->values[i].value);
    }
    (*good)++;
    return RS_OK;
}

/* Parse all rows; returns how many were bad, and the first bad one's line. */
static size_t parse(const rsi_source *source, const uint8_t *data, size_t size, bool stop,
                    uint64_t *first_line)
{
    static const rsi_registry registry = {NULL, number_type, number_relation, number_attribute};
    size_t fields[16];
    rsi_input input = {.lines = data[0] % 2 == 1, .delimiter = ','};
    rsi_file file = {.input = &input,
                     .source = source,
                     .field_of_slot = fields,
                     .field_count = source->column_count};
    rsi_chunk chunk = {.input = {.file = &file}};
    rsi_rower *rower = NULL;
    uint64_t good = 0;
    rsi_row_sink sink = {&good, check_row, NULL};
    for (size_t i = 0; i < source->column_count; i++) {
        fields[i] = i;
    }
    chunk.input.piece.bytes = malloc(size);
    chunk.input.piece.length = size - 1;
    memcpy(chunk.input.piece.bytes, data + 1, size - 1);
    if (rsi_rower_new(&rower, source, &registry, 2000000000, NULL) != RS_OK ||
        rsi_chunk_parse(&chunk, rower, &sink, stop, NULL) != RS_OK ||
        good + chunk.bad_count != chunk.row_count) {
        abort();
    }
    for (size_t i = 0; i < chunk.bad_count; i++) {
        const rsi_bad_row *bad = &chunk.bad[i];
        const char *reason = rsi_chunk_reason(&chunk, bad);
        if (bad->start + bad->length > chunk.input.piece.length || bad->column == 0 ||
            rsi_utf8_valid(reason, strlen(reason)) != strlen(reason) ||
            strchr(reason, '\n') != NULL) {
            abort();
        }
    }
    size_t count = chunk.bad_count;
    *first_line = count > 0 ? chunk.bad[0].line : UINT64_MAX;
    rsi_chunk_clear(&chunk);
    rsi_rower_free(rower);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rsi_mapping *mapping = NULL;
    uint64_t first = 0;
    uint64_t stopped = 0;
    if (size == 0 || rsi_mapping_parse(&mapping, "m", MAPPING, sizeof MAPPING - 1, NULL) != RS_OK) {
        return 0;
    }
    const rsi_source *source = rsi_mapping_source(mapping, 0);
    size_t bad = parse(source, data, size, false, &first);
    size_t stop = parse(source, data, size, true, &stopped);
    if (first != stopped || stop != (bad > 0)) {
        abort();
    }
    rsi_mapping_free(mapping);
    return 0;
}
