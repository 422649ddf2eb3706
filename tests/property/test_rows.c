/* test_rows.c - the short way through a CSV file's plain lines gives what the long way gives: the
 * same relations, the same bad rows at the same places, the same counts.
 *
 * A sink that takes relations many at once opens the short way; one that does not keeps every row
 * on the long way.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/decimal.h"
#include "base/digits.h"
#include "base/hash.h"
#include "base/pieces.h"
#include "base/random.h"
#include "base/stream.h"
#include "ingest/chunk.h"
#include "ingest/mapping.h"
#include "ingest/rows.h"
#include "ingest/settled.h"
#include "store/dict.h"

enum { FIELDS = 7, BYTES_MAX = 1 << 21 };

#define TAIL "\"src\":{\"type\":\"a\",\"column\":\"c0\"},\"dst\":{\"type\":\"b\",\"column\":\"c2\"}"

/* Columns c0 .. c5; c6 is read by none. */
static const char *const MAPPINGS[] = {
    "{\"sources\":[{\"match\":\"*\",\"relations\":[{\"name_column\":\"c1\",\"kinds\":{\"pays\":"
    "\"payment\",\"uses\":\"shared\",\"a_name_of_16_byt\":\"shared\",\"a name that is too long for "
    "the short way\":\"link\"}," TAIL ",\"time\":\"c3\",\"amount\":\"c4\"}]}]}",
    "{\"sources\":[{\"match\":\"*\",\"relations\":[{\"name\":\"pays\",\"kind\":\"payment\"," TAIL
    ",\"time\":\"c3\",\"amount\":\"c4\",\"decimals\":0,\"key\":\"c5\"},{\"name\":\"at\",\"kind\":"
    "\"shared\",\"src\":{\"type\":\"a\",\"column\":\"c0\"},\"dst\":{\"type\":\"c\",\"column\":"
    "\"c1\"},\"time\":\"c3\",\"time_unit\":\"hour\"}]}]}",
    "{\"sources\":[{\"match\":\"*\",\"relations\":[{\"name\":\"pays\",\"kind\":\"payment\"," TAIL
    ",\"time\":\"c3\",\"time_unit\":\"ms\",\"amount\":\"c4\",\"decimals\":12,\"currency_column\":"
    "\"c5\"}]}]}",
    "{\"sources\":[{\"match\":\"*\",\"relations\":[{\"name_column\":\"c1\",\"kinds\":{\"pays\":"
    "\"payment\",\"uses\":\"shared\"},\"src\":{\"type_column\":\"c1\",\"column\":\"c0\"},\"dst\":{"
    "\"type_column\":\"c5\",\"column\":\"c2\"},\"time\":\"c3\",\"amount\":\"c4\",\"currency_"
    "column\":\"c5\"}]}]}",
    "{\"sources\":[{\"match\":\"*\",\"relations\":[{\"name\":\"x\",\"kind\":\"link\"," TAIL
    "}],\"nodes\":[{\"type\":\"a\",\"column\":\"c0\",\"attributes\":[\"c3\",\"c4\"]}]}]}",
};

#define MAPPING_COUNT (sizeof MAPPINGS / sizeof MAPPINGS[0])

/* ---- what came out ------------------------------------------------------------------------------
 */

/* Everything that was handed out, as one digest; relations and bad rows apart, because the order
 * between the two is open. */
typedef struct result {
    uint64_t relations;
    uint64_t bad;
    uint64_t edge_count;
    uint64_t bad_count;
    uint64_t at_once; /* relations that came the short way */
    uint64_t counts[3];
    uint64_t line; /* of the piece */
} result;

static void add(uint64_t *digest, const void *bytes, size_t length)
{
    *digest = rsi_hash64(bytes, length, *digest + length);
}

static void add_edge(result *out, const rsi_edge_row *edge, uint64_t line)
{
    int64_t numbers[] = {edge->relation, edge->time, edge->precision_s, edge->amount,
                         (int64_t)(out->line + line)};
    add(&out->relations, numbers, sizeof numbers);
    add(&out->relations, edge->src.bytes, edge->src.length);
    add(&out->relations, edge->dst.bytes, edge->dst.length);
    add(&out->relations, edge->key.bytes, edge->key.length);
    out->edge_count++;
}

static rs_status put_row(void *context, const rsi_row *row, uint64_t line, rs_error *err)
{
    (void)err;
    for (size_t i = 0; i < row->edge_count; i++) {
        add_edge(context, &row->edges[i], line);
    }
    return RS_OK;
}

static rs_status put_edges(void *context, rsi_edge_row *edges, size_t count, rs_error *err)
{
    result *out = context;
    (void)err;
    for (size_t i = 0; i < count; i++) {
        add_edge(out, &edges[i], edges[i].line);
    }
    out->at_once += count;
    return RS_OK;
}

static rs_status number(void *context, rs_text name, uint32_t *type, rs_error *err)
{
    (void)context;
    (void)err;
    *type = (uint32_t)rsi_hash64(name.bytes, name.length, 0);
    return RS_OK;
}

static rs_status number_relation(void *context, const rsi_relation_spec *spec, uint32_t *relation,
                                 rs_error *err)
{
    (void)context;
    (void)err;
    *relation = (uint32_t)rsi_hash64(spec->name.bytes, spec->name.length, spec->currency.length);
    return RS_OK;
}

static rs_status number_attribute(void *context, uint32_t type, rs_text name, uint32_t *attribute,
                                  rs_error *err)
{
    (void)type;
    return number(context, name, attribute, err);
}

static void note_bad(result *out, const rsi_chunk *chunk)
{
    for (size_t i = 0; i < chunk->bad_count; i++) {
        const rsi_bad_row *bad = &chunk->bad[i];
        uint64_t numbers[] = {out->line + bad->line, bad->column};
        const char *reason = rsi_chunk_reason(chunk, bad);
        add(&out->bad, numbers, sizeof numbers);
        add(&out->bad, reason, strlen(reason));
        add(&out->bad, chunk->input.piece.bytes + bad->start, bad->length);
    }
    out->bad_count += chunk->bad_count;
}

typedef struct way {
    bool at_once;
    bool stop_at_bad;
    size_t piece_bytes;
} way;

static result read_all(const rsi_source *source, const char *bytes, size_t length, way by)
{
    static const rsi_registry registry = {NULL, number, number_relation, number_attribute};
    size_t fields[FIELDS];
    rs_error err = {0};
    rsi_input input = {.delimiter = ','};
    rsi_file file = {
        .input = &input, .source = source, .field_of_slot = fields, .field_count = FIELDS};
    rsi_chunk chunk = {.input = {.file = &file}};
    rsi_pieces_options options = {.delimiter = ',', .piece_bytes = by.piece_bytes};
    rsi_stream *stream = NULL;
    rsi_pieces *pieces = NULL;
    rsi_rower *rower = NULL;
    result out = {0};
    rsi_row_sink sink = {&out, put_row, by.at_once ? put_edges : NULL};
    bool too_long = false;
    for (size_t i = 0; i < source->column_count; i++) {
        fields[i] = (size_t)(source->columns[i][1] - '0');
    }
    assert_int_equal(rsi_stream_open_memory(&stream, "m", bytes, length, &err), RS_OK);
    assert_int_equal(rsi_pieces_new(&pieces, stream, &options, &err), RS_OK);
    assert_int_equal(rsi_rower_new(&rower, source, &registry, 4000000000, &err), RS_OK);
    do {
        assert_int_equal(rsi_pieces_next(pieces, &chunk.input.piece, &too_long, &err), RS_OK);
        assert_int_equal(rsi_chunk_parse(&chunk, rower, &sink, by.stop_at_bad, &err), RS_OK);
        note_bad(&out, &chunk);
        out.line += chunk.line_count;
        out.counts[0] += chunk.row_count;
        out.counts[1] += chunk.yield;
    } while (chunk.input.piece.length > 0 && !(by.stop_at_bad && chunk.bad_count > 0));
    out.counts[2] = by.stop_at_bad ? 0 : out.line;
    rsi_chunk_clear(&chunk);
    rsi_rower_free(rower);
    rsi_pieces_free(pieces);
    rsi_stream_close(stream);
    return out;
}

/* ---- random files -------------------------------------------------------------------------------
 */

typedef struct text {
    char bytes[BYTES_MAX];
    size_t length;
} text;

static void put(text *out, const char *bytes, size_t length)
{
    assert_true(out->length + length <= sizeof out->bytes);
    memcpy(out->bytes + out->length, bytes, length);
    out->length += length;
}

static void put_number(text *out, rsi_random *random, uint32_t digits)
{
    for (uint32_t i = 0; i < digits; i++) {
        char digit = (char)('0' + rsi_random_below(random, 10));
        put(out, &digit, 1);
    }
}

/* A cell of its column as it should be. */
static void put_usual(text *out, rsi_random *random, size_t column)
{
    static const char *const NAMES[] = {"pays", "uses", "a_name_of_16_byt", "pays",
                                        "a name that is too long for the short way"};
    if (column == 1) {
        const char *name = NAMES[rsi_random_below(random, 5)];
        put(out, name, strlen(name));
    } else if (column == 3) {
        put_number(out, random, rsi_random_chance(random, 800) ? 10 : 13);
    } else if (column == 4) {
        put_number(out, random, rsi_random_below(random, 12));
        put(out, ".", rsi_random_below(random, 2));
        put_number(out, random, 1 + rsi_random_below(random, 2));
    } else if (column == 5 && rsi_random_chance(random, 800)) {
        put_number(out, random, 1); /* so that what it names comes again */
    } else {
        put_number(out, random, 1 + rsi_random_below(random, 40));
    }
}

/* Anything that needs a second look. */
static void put_odd(text *out, rsi_random *random)
{
    static char long_id[RSI_ID_BYTES_MAX + 2];
    static const char *const CELLS[] = {"",
                                        "\"\"",
                                        "\"a,b\"",
                                        "\"a\"\"b\"",
                                        "\"a\nb\"",
                                        "\"open",
                                        "a\"b",
                                        "\"a\"b",
                                        "\r",
                                        "a\rb",
                                        "\xC3\xA9",
                                        "\xC3",
                                        "\xED\xA0\x80",
                                        "12345678901",
                                        "1.",
                                        ".5",
                                        ".",
                                        "-",
                                        "-1.25",
                                        "+7",
                                        "1e3",
                                        "1.500",
                                        "1.505",
                                        "12.3.4",
                                        "99999999999999999999",
                                        "2024-02-29",
                                        "2023-02-29",
                                        "2024-01-02T03:04:05Z",
                                        "4000000001",
                                        "3999999999",
                                        "167253120x",
                                        "x672531200",
                                        "9,9",
                                        " pays",
                                        "pay",
                                        "0x10",
                                        "1,2,3",
                                        "\n",
                                        "\r\n",
                                        "0"};
    uint32_t pick = rsi_random_below(random, 44);
    if (pick < 40) {
        put(out, CELLS[pick], strlen(CELLS[pick]));
    } else if (pick == 40) {
        put(out, "pays\0", 5);
    } else {
        memset(long_id, 'l', sizeof long_id);
        put(out, long_id, RSI_ID_BYTES_MAX - 1 + (pick - 41));
    }
}

static void fill(text *out, rsi_random *random, size_t rows, uint32_t odd_per_mille)
{
    bool crlf = rsi_random_chance(random, 300);
    uint32_t empty = rsi_random_below(random, 300);
    out->length = 0;
    put(out, "\xEF\xBB\xBF", rsi_random_chance(random, 200) ? 3 : 0);
    for (size_t row = 0; row < rows; row++) {
        for (size_t column = 0; column < FIELDS; column++) {
            put(out, ",", column > 0);
            if (rsi_random_chance(random, odd_per_mille)) {
                put_odd(out, random);
            } else if (!rsi_random_chance(random, empty)) {
                put_usual(out, random, column);
            }
        }
        put(out, &"\r\n"[!crlf], 1 + crlf);
        if (rsi_random_chance(random, odd_per_mille / 10)) {
            crlf = !crlf;
        }
    }
    out->length -= rsi_random_chance(random, 200) ? 1 : 0; /* no line feed at the end */
}

/* ---- laws -------------------------------------------------------------------------------------
 */

static void assert_same(const result *one, const result *other)
{
    assert_int_equal(one->edge_count, other->edge_count);
    assert_int_equal(one->bad_count, other->bad_count);
    assert_int_equal(one->relations, other->relations);
    assert_int_equal(one->bad, other->bad);
    assert_memory_equal(one->counts, other->counts, sizeof one->counts);
}

static void reads_plain_lines_as_it_reads_others(void **state)
{
    static text file;
    uint64_t at_once[MAPPING_COUNT] = {0};
    uint64_t bad = 0;
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        rsi_random random;
        rsi_mapping *mapping = NULL;
        const char *json = MAPPINGS[seed % MAPPING_COUNT];
        static const uint32_t ODD[] = {0, 1, 5, 30, 200};
        rsi_random_seed(&random, seed, 1);
        fill(&file, &random, 1 + rsi_random_below(&random, 700), ODD[seed / MAPPING_COUNT % 5]);
        assert_int_equal(rsi_mapping_parse(&mapping, "m", json, strlen(json), NULL), RS_OK);
        for (int stop = 0; stop < 2; stop++) {
            size_t pieces[] = {BYTES_MAX, 1 + rsi_random_below(&random, 40000)};
            const rsi_source *source = rsi_mapping_source(mapping, 0);
            for (int i = 0; i < 2; i++) {
                way by = {false, stop == 1, pieces[i]};
                result longer = read_all(source, file.bytes, file.length, by);
                by.at_once = true;
                result shorter = read_all(source, file.bytes, file.length, by);
                assert_same(&shorter, &longer);
                assert_int_equal(longer.at_once, 0);
                at_once[seed % MAPPING_COUNT] += shorter.at_once;
                bad += longer.bad_count;
            }
        }
        rsi_mapping_free(mapping);
    }
    /* The files were such that the laws say something. */
    for (size_t i = 0; i < MAPPING_COUNT; i++) {
        assert_true(i == MAPPING_COUNT - 1 ? at_once[i] == 0 : at_once[i] > 1000);
    }
    assert_true(bad > 1000);
}

/* All records of some bytes, by a number of bytes at once. */
static uint64_t scan_all(const char *bytes, size_t length, char delimiter, rsi_csv_lanes lanes,
                         uint64_t *count)
{
    rsi_csv_scan *scan = NULL;
    rsi_csv_record record;
    bool no_memory = false;
    uint64_t digest = 0;
    *count = 0;
    assert_int_equal(rsi_csv_scan_new(&scan, delimiter, 64, NULL), RS_OK);
    if (!rsi_csv_scan_lanes(scan, lanes)) {
        assert_true(rsi_csv_scan_lanes(scan, RSI_CSV_BYTES));
    }
    rsi_csv_scan_start(scan, bytes, length);
    while (rsi_csv_scan_next(scan, &record, &no_memory)) {
        uint64_t numbers[] = {record.start, record.end, record.field_count, record.line,
                              record.problem != NULL};
        add(&digest, numbers, sizeof numbers);
        for (size_t i = 0; i < record.field_count && i < 64; i++) {
            add(&digest, record.fields[i].bytes, record.fields[i].length);
        }
        ++*count;
    }
    assert_false(no_memory);
    bool ascii = rsi_csv_scan_ascii(scan);
    add(&digest, &ascii, sizeof ascii);
    rsi_csv_scan_free(scan);
    return digest;
}

static void looks_at_bytes_one_by_one_and_many_at_once_alike(void **state)
{
    static const char delimiters[] = ",;\t|:-J";
    static const char common[] = ",;\t|:-J\"\n\r*2\x0B\x1A\x8A\xAC\x00";
    static char bytes[40000];
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        rsi_random random;
        rsi_random_seed(&random, seed, 2);
        size_t length = rsi_random_below(&random, seed % 8 == 0 ? sizeof bytes : 300);
        uint32_t often = rsi_random_below(&random, 900);
        for (size_t i = 0; i < length; i++) {
            bytes[i] = rsi_random_chance(&random, often)
                           ? common[rsi_random_below(&random, sizeof common)]
                           : (char)rsi_random_below(&random, seed % 2 == 0 ? 128 : 256);
        }
        char delimiter = delimiters[seed % (sizeof delimiters - 1)];
        uint64_t counts[3];
        uint64_t slow = scan_all(bytes, length, delimiter, RSI_CSV_BYTES, &counts[0]);
        assert_int_equal(scan_all(bytes, length, delimiter, RSI_CSV_SSE2, &counts[1]), slow);
        assert_int_equal(scan_all(bytes, length, delimiter, RSI_CSV_AVX2, &counts[2]), slow);
        assert_true(counts[0] == counts[1] && counts[0] == counts[2]);
    }
}

/* ---- digits -----------------------------------------------------------------------------------
 */

static void reads_short_amounts_as_it_reads_others(void **state)
{
    static const char alphabet[] = "0123456789012345678901234567890123456789....-+e x/:";
    uint64_t taken = 0;
    (void)state;
    for (uint64_t seed = 0; seed < 300000; seed++) {
        rsi_random random;
        char cell[16];
        int64_t units = 0;
        int64_t expected = 0;
        rsi_random_seed(&random, seed, 3);
        for (size_t i = 0; i < sizeof cell; i++) {
            cell[i] = alphabet[rsi_random_below(&random, sizeof alphabet - 1)];
        }
        size_t length = rsi_random_below(&random, 11);
        unsigned decimals = rsi_random_below(&random, 10);
        if (rsi_short_decimal_padded(cell, length, decimals, &units)) {
            assert_null(rsi_decimal_parse((rs_text){cell, length}, decimals, &expected));
            assert_int_equal(units, expected);
            taken++;
        }
    }
    assert_true(taken > 10000);
    int64_t units = 0;
    assert_true(rsi_short_decimal_padded("12345.67........", 8, 2, &units) && units == 1234567);
    assert_true(rsi_short_decimal_padded("5,..............", 1, 2, &units) && units == 500);
    assert_false(rsi_short_decimal_padded("................", 1, 2, &units));
    assert_false(rsi_short_decimal_padded("1.505...........", 5, 2, &units));
    assert_false(rsi_short_decimal_padded("1,..............", 0, 2, &units));
}

static void finds_names_by_their_ends(void **state)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    (void)state;
    for (size_t length = 0; length <= RSI_SETTLED_SHORT; length++) {
        uint64_t ends[4];
        char exact[RSI_SETTLED_SHORT + 1] = {0};
        memcpy(exact, letters, length);
        rsi_settled_ends((rs_text){letters, length}, &ends[0], &ends[1]);
        rsi_settled_ends_padded((rs_text){letters, length}, &ends[2], &ends[3]);
        assert_int_equal(ends[0], rsi_load_u64le(exact));
        assert_int_equal(ends[1], rsi_load_u64le(exact + 8));
        assert_int_equal(ends[2], ends[0]);
        assert_int_equal(ends[3], ends[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_plain_lines_as_it_reads_others),
        cmocka_unit_test(looks_at_bytes_one_by_one_and_many_at_once_alike),
        cmocka_unit_test(reads_short_amounts_as_it_reads_others),
        cmocka_unit_test(finds_names_by_their_ends),
    };
    return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
