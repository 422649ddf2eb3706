/* Rows of CSV and JSON Lines through a mapping: every row is good or bad, never both; ids lie in
 * memory that can be read; stopping at the first bad row finds the same one as going on; the short
 * way gives what the long way gives.
 *
 * Input: one byte, odd for JSON Lines, its second bit for the mapping; the rest is rows (no header)
 * for the columns of that mapping.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
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

/* A mapping whose plain lines go the short way. */
static const char PLAIN[] =
    "{\"sources\":[{\"match\":\"*\",\"relations\":[{\"name_column\":\"r\",\"kinds\":{\"A\":"
    "\"shared\",\"B\":\"payment\"},\"src\":{\"type\":\"a\",\"column\":\"s\"},\"dst\":{\"type\":"
    "\"d\",\"column\":\"d\"},\"time\":\"t\",\"amount\":\"m\",\"key\":\"k\"},{\"name\":\"n\","
    "\"kind\":"
    "\"link\",\"src\":{\"type\":\"x\",\"column\":\"s\"},\"dst\":{\"type\":\"x\",\"column\":\"m\"}}]"
    "}]}";

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

/* What came out: relations in order, as a digest. */
typedef struct tally {
    uint64_t good; /* rows that came one by one */
    uint64_t edges;
    uint64_t digest;
} tally;

static void check_edge(tally *out, const rsi_edge_row *edge, uint64_t line)
{
    const rs_text texts[] = {edge->src, edge->dst, edge->key};
    int64_t numbers[] = {edge->relation, edge->time, edge->precision_s, edge->amount,
                         (int64_t)line};
    if (edge->src.length == 0 || edge->dst.length == 0) {
        abort();
    }
    for (size_t i = 0; i < 3; i++) {
        check_text(texts[i]);
        out->digest = rsi_hash64(texts[i].bytes, texts[i].length, out->digest);
    }
    out->digest = rsi_hash64(numbers, sizeof numbers, out->digest);
    out->edges++;
}

static rs_status check_row(void *context, const rsi_row *row, uint64_t line, rs_error *err)
{
    tally *out = context;
    (void)err;
    for (size_t i = 0; i < row->edge_count; i++) {
        check_edge(out, &row->edges[i], line);
    }
    for (size_t i = 0; i < row->value_count; i++) {
        check_text(row->values[i].value);
    }
    out->good++;
    return RS_OK;
}

static rs_status check_edges(void *context, rsi_edge_row *edges, size_t count, rs_error *err)
{
    (void)err;
    for (size_t i = 0; i < count; i++) {
        check_edge(context, &edges[i], edges[i].line);
    }
    return RS_OK;
}

typedef struct way {
    bool stop; /* at the first bad row */
    bool at_once;
} way;

static void check_bad(const rsi_chunk *chunk)
{
    for (size_t i = 0; i < chunk->bad_count; i++) {
        const rsi_bad_row *bad = &chunk->bad[i];
        const char *reason = rsi_chunk_reason(chunk, bad);
        if (bad->start + bad->length > chunk->input.piece.length || bad->column == 0 ||
            rsi_utf8_valid(reason, strlen(reason)) != strlen(reason) ||
            strchr(reason, '\n') != NULL) {
            abort();
        }
    }
}

/* Parse all rows; returns how many were bad, and the first bad one's line. */
static size_t parse(const rsi_source *source, const uint8_t *data, size_t size, way by, tally *out,
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
    rsi_row_sink sink = {out, check_row, by.at_once ? check_edges : NULL};
    for (size_t i = 0; i < source->column_count; i++) {
        fields[i] = i;
    }
    *out = (tally){0};
    chunk.input.piece.bytes = malloc(size);
    chunk.input.piece.length = size - 1;
    memcpy(chunk.input.piece.bytes, data + 1, size - 1);
    if (rsi_rower_new(&rower, source, &registry, 2000000000, NULL) != RS_OK ||
        rsi_chunk_parse(&chunk, rower, &sink, by.stop, NULL) != RS_OK ||
        (!by.at_once && out->good + chunk.bad_count != chunk.row_count)) {
        abort();
    }
    check_bad(&chunk);
    size_t count = chunk.bad_count;
    *first_line = count > 0 ? chunk.bad[0].line : UINT64_MAX;
    rsi_chunk_clear(&chunk);
    rsi_rower_free(rower);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rsi_mapping *mapping = NULL;
    uint64_t first[3];
    tally out[3];
    if (size == 0) {
        return 0;
    }
    const char *json = data[0] & 2 ? PLAIN : MAPPING;
    if (rsi_mapping_parse(&mapping, "m", json, strlen(json), NULL) != RS_OK) {
        abort();
    }
    const rsi_source *source = rsi_mapping_source(mapping, 0);
    size_t bad = parse(source, data, size, (way){false, false}, &out[0], &first[0]);
    size_t stop = parse(source, data, size, (way){true, false}, &out[1], &first[1]);
    size_t again = parse(source, data, size, (way){false, true}, &out[2], &first[2]);
    if (first[0] != first[1] || stop != (bad > 0) || again != bad || first[2] != first[0] ||
        out[2].edges != out[0].edges || out[2].digest != out[0].digest) {
        abort();
    }
    rsi_mapping_free(mapping);
    return 0;
}
