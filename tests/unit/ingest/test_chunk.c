/* From files to rows, without a store: every bad row with its place, and the same rows whatever the
 * size of the pieces.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../temporary.h"
#include "ingest/chunk.h"
#include "ingest/feed.h"
#include "ingest/inputs.h"
#include "ingest/mapping.h"
#include "ingest/rows.h"

/* ---- a registry that gives numbers by name ------------------------------------------------------
 */

typedef struct names {
    char name[64][200];
    uint32_t count;
} names;

static uint32_t number_of(names *known, const char *name)
{
    for (uint32_t i = 0; i < known->count; i++) {
        if (strcmp(known->name[i], name) == 0) {
            return i;
        }
    }
    assert_true(known->count < 64);
    snprintf(known->name[known->count], sizeof known->name[0], "%s", name);
    return known->count++;
}

typedef struct registry {
    names types;
    names relations;
    names attributes;
} registry;

static rs_status a_type(void *context, rs_text name, uint32_t *type, rs_error *err)
{
    char text[200];
    (void)err;
    snprintf(text, sizeof text, "%.*s", (int)name.length, name.bytes);
    *type = number_of(&((registry *)context)->types, text);
    return RS_OK;
}

static rs_status a_relation(void *context, const rsi_relation_spec *spec, uint32_t *relation,
                            rs_error *err)
{
    registry *all = context;
    char text[200];
    (void)err;
    int used = snprintf(text, sizeof text, "%.*s/%d%s/%s/%s/%u/%.*s", (int)spec->name.length,
                        spec->name.bytes, (int)spec->kind, spec->place ? "p" : "",
                        all->types.name[spec->src_type], all->types.name[spec->dst_type],
                        spec->decimals, (int)spec->currency.length, spec->currency.bytes);
    assert_true(used > 0 && used < (int)sizeof text);
    *relation = number_of(&all->relations, text);
    return RS_OK;
}

static rs_status an_attribute(void *context, uint32_t type, rs_text name, uint32_t *attribute,
                              rs_error *err)
{
    registry *all = context;
    char text[200];
    (void)err;
    int used =
        snprintf(text, sizeof text, "%s.%.*s", all->types.name[type], (int)name.length, name.bytes);
    assert_true(used > 0 && used < (int)sizeof text);
    *attribute = number_of(&all->attributes, text);
    return RS_OK;
}

/* ---- rows as text -------------------------------------------------------------------------------
 */

typedef struct output {
    registry all;
    char text[1 << 16];
    size_t length;
    uint64_t line; /* of the piece at hand */
} output;

static RS_PRINTF(2, 3) void put(output *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(out->text + out->length, sizeof out->text - out->length, format, args);
    va_end(args);
    assert_true(length >= 0 && out->length + (size_t)length < sizeof out->text);
    for (int i = 0; i < length - 1;
         i++) { /* a line feed within an id or a row is shown as a slash */
        char *c = &out->text[out->length + (size_t)i];
        *c = *c == '\n' ? '/' : *c;
    }
    out->length += (size_t)length;
}

#define T(text) (int)(text).length, (text).bytes

static rs_status put_row(void *context, const rsi_row *row, uint64_t line, rs_error *err)
{
    output *out = context;
    (void)err;
    unsigned long long at = (unsigned long long)(out->line + line + 1);
    for (size_t i = 0; i < row->edge_count; i++) {
        const rsi_edge_row *edge = &row->edges[i];
        put(out, "%llu: %s %.*s>%.*s", at, out->all.relations.name[edge->relation], T(edge->src),
            T(edge->dst));
        if (edge->time != RS_NO_TIME) {
            put(out, " @%lld~%u", (long long)edge->time, edge->precision_s);
        }
        if (edge->amount != RS_NO_AMOUNT) {
            put(out, " $%lld", (long long)edge->amount);
        }
        put(out, edge->key.length > 0 ? " #%.*s\n" : "%.*s\n", T(edge->key));
    }
    for (size_t i = 0; i < row->node_count; i++) {
        put(out, "%llu: node %s %.*s\n", at, out->all.types.name[row->nodes[i].type],
            T(row->nodes[i].id));
    }
    for (size_t i = 0; i < row->value_count; i++) {
        put(out, "%llu: %s %.*s=%.*s\n", at, out->all.attributes.name[row->values[i].attribute],
            T(row->values[i].node), T(row->values[i].value));
    }
    return RS_OK;
}

/* ---- files --------------------------------------------------------------------------------------
 */

typedef struct setting {
    const char *mapping;
    const char *extension;
    const char *bytes;
    size_t length;
} setting;

/* All rows of a file, good and bad, as text. */
static rs_status read_file(const setting *given, size_t piece_bytes, int64_t time_max, output *out,
                           rs_error *err)
{
    char path[TEMPORARY_PATH];
    const char *name = path;
    rsi_mapping *mapping = NULL;
    rsi_inputs inputs = {0};
    rsi_feed *feed = NULL;
    rsi_rower *rower = NULL;
    rsi_chunk chunk = {0};
    rsi_feed_options options = {.piece_bytes = piece_bytes, .count_lines = piece_bytes % 2 == 0};
    rsi_registry numbers = {&out->all, a_type, a_relation, an_attribute};
    rsi_row_sink sink = {out, put_row, NULL};
    uint64_t lines = 0;
    memset(out, 0, sizeof *out);
    temporary_file(path, given->extension, given->bytes, given->length);
    assert_int_equal(rsi_mapping_parse(&mapping, "m", given->mapping, strlen(given->mapping), err),
                     RS_OK);
    assert_int_equal(rsi_inputs_find(&inputs, mapping, &name, 1, err), RS_OK);
    assert_int_equal(rsi_feed_new(&feed, &inputs, mapping, &options, err), RS_OK);
    assert_int_equal(rsi_rower_new(&rower, rsi_mapping_source(mapping, 0), &numbers, time_max, err),
                     RS_OK);
    rs_status status = RS_OK;
    while (status == RS_OK) {
        status = rsi_feed_next(feed, &chunk.input, err);
        if (status != RS_OK || chunk.input.piece.length == 0) {
            break;
        }
        if (options.count_lines) {
            assert_int_equal(chunk.input.line, lines);
        }
        out->line = lines;
        assert_int_equal(rsi_chunk_parse(&chunk, rower, &sink, false, err), RS_OK);
        for (size_t i = 0; i < chunk.bad_count; i++) {
            const rsi_bad_row *bad = &chunk.bad[i];
            put(out, "%llu:%zu! %s |%.*s|\n", (unsigned long long)(lines + bad->line + 1),
                bad->column, rsi_chunk_reason(&chunk, bad), (int)bad->length,
                chunk.input.piece.bytes + bad->start);
        }
        lines += chunk.line_count;
    }
    if (status != RS_OK) { /* without the random part of the name */
        char *at = strstr(err->message, path);
        if (at != NULL) {
            memmove(at, at + strlen(path), strlen(at + strlen(path)) + 1);
        }
    }
    rsi_chunk_clear(&chunk);
    rsi_rower_free(rower);
    rsi_feed_free(feed);
    rsi_inputs_free(&inputs);
    rsi_mapping_free(mapping);
    unlink(path);
    return status;
}

/* The same text, line by line, whatever the pieces (bad rows come behind the good ones of a piece,
 * so both are sorted by line first). */
static int by_number(const void *a, const void *b)
{
    const char *one = *(const char *const *)a;
    const char *two = *(const char *const *)b;
    long a_line = strtol(one, NULL, 10), b_line = strtol(two, NULL, 10);
    return a_line != b_line ? (a_line > b_line) - (a_line < b_line) : (one > two) - (one < two);
}

static void sort_lines(const output *out, char *sorted, size_t capacity)
{
    char *copy = strdup(out->text);
    char *lines[2000];
    size_t count = 0;
    size_t used = 0;
    char *save = NULL;
    assert_non_null(copy);
    for (char *line = strtok_r(copy, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        assert_true(count < 2000);
        lines[count++] = line;
    }
    qsort(lines, count, sizeof lines[0], by_number);
    sorted[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        used += (size_t)snprintf(sorted + used, capacity - used, "%s\n", lines[i]);
    }
    free(copy);
}

static void check_rows(const setting *given, int64_t time_max, const char *expected)
{
    static output out;
    static char sorted[1 << 16];
    static const size_t sizes[] = {1,  2,  3,  5,  7,  8,   13,   16,
                                   21, 32, 33, 47, 64, 100, 4096, 1 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        rs_error err = {0};
        rs_status status = read_file(given, sizes[i], time_max, &out, &err);
        assert_string_equal(err.message, "");
        assert_int_equal(status, RS_OK);
        sort_lines(&out, sorted, sizeof sorted);
        assert_string_equal(sorted, expected);
    }
}

#define PAYMENTS                                                                                   \
    "{\"sources\":[{\"match\":\"*\",\"relations\":[{\"name\":\"pays\",\"kind\":\"payment\","       \
    "\"src\":{\"type\":\"account\",\"column\":\"from\"},"                                          \
    "\"dst\":{\"type\":\"account\",\"column\":\"to\"},"                                            \
    "\"time\":\"ts\",\"amount\":\"sum\",\"currency\":\"EUR\"}]}]}"

#define BY_COLUMN                                                                                  \
    "{\"sources\":[{\"match\":\"*\",\"relations\":[{\"name_column\":\"rel\","                      \
    "\"kinds\":{\"pays\":\"payment\",\"at\":\"shared\"},\"as\":\"place\","                         \
    "\"types\":{\"pays\":[\"account\",\"account\"],\"at\":[\"account\",\"address\"]},"             \
    "\"src\":{\"column\":\"a\"},\"dst\":{\"column\":\"b\"}}]}]}"

#define TYPED                                                                                      \
    "{\"sources\":[{\"match\":\"*\",\"time_unit\":\"day\",\"relations\":["                         \
    "{\"name_column\":\"rel\",\"kinds\":{\"pays\":\"payment\",\"uses\":\"shared\"},"               \
    "\"src\":{\"type_column\":\"at\",\"column\":\"a\"},"                                           \
    "\"dst\":{\"type_column\":\"bt\",\"column\":\"b\"},"                                           \
    "\"amount\":\"m\",\"decimals\":0,\"currency_column\":\"cur\",\"key\":\"id\",\"time\":\"d\"}]," \
    "\"nodes\":[{\"type_column\":\"at\",\"column\":\"a\",\"attributes\":[\"os\",\"m\"]}]}]}"

#define SETTING(mapping, extension, bytes)                                                         \
    &(setting)                                                                                     \
    {                                                                                              \
        mapping, extension, bytes, sizeof(bytes) - 1                                               \
    }

static void reads_csv_rows(void **state)
{
    (void)state;
    check_rows(SETTING(PAYMENTS, ".csv",
                       "\xEF\xBB\xBFsum,from,extra,to,ts\r\n"
                       "1.5,a,,b,100\r\n"
                       ",a,\"x\ny\",\"b\"\"c\",2024-07-26\r\n"
                       "2,,,b,5\r\n"
                       "2,a,,,not even read\r\n"
                       "-3.25,\"a\n1\",z,a,\r\n"
                       "7,\xC3\xA9,\xFF,b,1.9\r\n"),
               INT64_MAX,
               "2: pays/1/account/account/2/EUR a>b @100~1 $150\n"
               "3: pays/1/account/account/2/EUR a>b\"c @1721952000~86400\n"
               "7: pays/1/account/account/2/EUR a/1>a $-325\n"
               "9: pays/1/account/account/2/EUR \xC3\xA9>b @1~1 $700\n");
}

static void goes_on_behind_a_bad_row(void **state)
{
    (void)state;
    check_rows(SETTING(PAYMENTS, ".csv",
                       "from,to,ts,sum\n"
                       "a,b,1,1\n"
                       "\"a\nb\"c,b,1,1\n"
                       "a,\"b\"\"\",1,1\n"
                       "a,b,1,\"1\n"),
               INT64_MAX,
               "2: pays/1/account/account/2/EUR a>b @1~1 $100\n"
               "3:1! text after the closing quote |\"a/b\"c,b,1,1|\n"
               "5: pays/1/account/account/2/EUR a>b\" @1~1 $100\n"
               "6:4! quote is not closed |a,b,1,\"1/|\n");
}

static void tells_each_bad_cell(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        const char *bad;
    } rows[] = {
        {"a,b,1", "2:4! 3 fields, expected 4 as in the header |a,b,1|\n"},
        {"a,b,1,1,1", "2:5! 5 fields, expected 4 as in the header |a,b,1,1,1|\n"},
        {"\"\"", "2:2! 1 field, expected 4 as in the header |\"\"|\n"},
        {"\n\r\n\nx",
         "5:2! 1 field, expected 4 as in the header |x|\n"}, /* blank lines are no rows */
        {"a,b\"c,1,1", "2:2! quote within a field that does not start with one |a,b\"c,1,1|\n"},
        {"\"a\"x,b,1,1", "2:1! text after the closing quote |\"a\"x,b,1,1|\n"},
        {"a,b,1,\"1", "2:4! quote is not closed |a,b,1,\"1|\n"},
        {"a\rb,c,1,1",
         "2:1! carriage return outside quotes and not before a line feed |a\rb,c,1,1|\n"},
        {"a,\xC3(,1,1", "2:2! column \"to\": \"\\xC3(\" is not valid UTF-8 |a,\xC3(,1,1|\n"},
        {"a,b,soon,1", "2:3! column \"ts\": \"soon\" is not a time (Unix number or ISO 8601) "
                       "|a,b,soon,1|\n"},
        {"a,b,1001,1",
         "2:3! column \"ts\": \"1001\" is later than the latest time allowed |a,b,1001,1|\n"},
        {"a,b,1,1.005", "2:4! column \"sum\": \"1.005\" has more digits after the point than the "
                        "relation's decimals |a,b,1,1.005|\n"},
        {"a,b,1,1e30", "2:4! column \"sum\": \"1e30\" is too large |a,b,1,1e30|\n"},
        {"a,b,1,ten\x01", "2:4! column \"sum\": \"ten\\x01\" is not a decimal number "
                          "|a,b,1,ten\x01|\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[200];
        setting given = {PAYMENTS, ".csv", text, 0};
        bool open = strstr(rows[i].bad, "not closed") != NULL;
        given.length = (size_t)snprintf(text, sizeof text, "from,to,ts,sum\n%s%s", rows[i].row,
                                        open ? "" : "\n");
        char expected[300];
        snprintf(expected, sizeof expected, "%s", rows[i].bad);
        if (open) { /* the line feed that a last line gets is within the quotes */
            snprintf(expected, sizeof expected, "2:4! quote is not closed |a,b,1,\"1/|\n");
        }
        check_rows(&given, 1000, expected);
    }
}

static void says_what_is_wrong_with_a_long_id(void **state)
{
    (void)state;
    static char text[10000];
    static output out;
    rs_error err = {0};
    size_t length = (size_t)snprintf(text, sizeof text, "from,to,ts,sum\na,b,1,1\n");
    memset(text + length, 'x', 4097);
    length += 4097;
    length += (size_t)snprintf(text + length, sizeof text - length, ",b,1,1\n");
    setting given = {PAYMENTS, ".csv", text, length};
    assert_int_equal(read_file(&given, 64, INT64_MAX, &out, &err), RS_OK);
    assert_non_null(strstr(out.text, "3:1! column \"from\": \"xxxxx"));
    assert_non_null(strstr(out.text, "xxx...\" is longer than the 4096 bytes of an id |xxx"));
}

static void takes_relations_from_a_column(void **state)
{
    (void)state;
    check_rows(SETTING(BY_COLUMN, ".tsv",
                       "rel\ta\tb\n"
                       "pays\tx\ty\n"
                       "at\tx\tip,1\n"
                       "\tx\ty\n"
                       "knows\tx\ty\n"
                       "knows\tx\t\n"
                       "at\tz\tip2\n"),
               INT64_MAX,
               "2: pays/1/account/account/2/ x>y\n"
               "3: at/0p/account/address/2/ x>ip,1\n"
               "4:1! column \"rel\": \"\" is not a relation in the mapping's \"kinds\" |\tx\ty|\n"
               "5:1! column \"rel\": \"knows\" is not a relation in the mapping's \"kinds\" "
               "|knows\tx\ty|\n"
               "7: at/0p/account/address/2/ z>ip2\n");
}

static void takes_types_keys_and_attributes(void **state)
{
    (void)state;
    check_rows(SETTING(TYPED, ".csv",
                       "rel,at,a,bt,b,m,cur,id,d,os\n"
                       "pays,acc,x,acc,y,5,EUR,e1,1,mac\n"
                       "pays,acc,x,acc,y,6,USD,e2,2,\n"
                       "uses,acc,x,dev,d1,,,,2024-01-02,\n"
                       ",acc,x,,,,,,,win\n"
                       "uses,,x,dev,d,,,,,\n"
                       "uses,acc,x,,d,,,,,\n"),
               INT64_MAX,
               "2: pays/1/acc/acc/0/EUR x>y @86400~86400 $5 #e1\n"
               "2: node acc x\n"
               "2: acc.os x=mac\n"
               "2: acc.m x=5\n"
               "3: pays/1/acc/acc/0/USD x>y @172800~86400 $6 #e2\n"
               "3: node acc x\n"
               "3: acc.m x=6\n"
               "4: uses/0/acc/dev/0/ x>d1 @1704153600~86400\n"
               "4: node acc x\n"
               "5: node acc x\n"
               "5: acc.os x=win\n"
               "6:2! column \"at\": \"\" is empty where a relation or type is named "
               "|uses,,x,dev,d,,,,,|\n"
               "7:4! column \"bt\": \"\" is empty where a relation or type is named "
               "|uses,acc,x,,d,,,,,|\n");
}

static void reads_json_lines(void **state)
{
    (void)state;
    check_rows(SETTING(PAYMENTS, ".jsonl",
                       "{\"from\":\"a\",\"to\":12345678901234567890,\"ts\":100,\"sum\":1.50}\n"
                       "{\"sum\":\"2e1\", \"to\":\"b\\u00e9\\\"\", \"from\":\"a\\\\\"}\r\n"
                       "{\"other\":{\"from\":[1,2]},\"from\":null,\"to\":\"b\"}\n"
                       "{\"from\":true,\"to\":false}\n"
                       "[1]\n"
                       "\n"
                       "{\"from\":{\"x\":1},\"to\":\"b\"}\n"
                       "{\"from\":\"a\",\"to\":\"b\",}\n"
                       "{\"from\":\"a\",\"from\":\"b\"}\n"
                       "{\"from\":\"a\",\"to\":\"b\",\"ts\":\"x\"}\n"
                       "{\"from\":\"a\",\"to\":\"b\"} x\n"
                       "{\"from\":\"a\",\"to\":\"b\"}"),
               INT64_MAX,
               "1: pays/1/account/account/2/EUR a>12345678901234567890 @100~1 $150\n"
               "2: pays/1/account/account/2/EUR a\\>b\xC3\xA9\" $2000\n"
               "4: pays/1/account/account/2/EUR true>false\n"
               "5:1! expected an object, found an array |[1]|\n"
               "7:9! column \"from\": expected a text or a number, found an object "
               "|{\"from\":{\"x\":1},\"to\":\"b\"}|\n"
               "8:22! expected a key in quotes |{\"from\":\"a\",\"to\":\"b\",}|\n"
               "9:13! key stands twice in this object |{\"from\":\"a\",\"from\":\"b\"}|\n"
               "10:27! column \"ts\": \"x\" is not a time (Unix number or ISO 8601) "
               "|{\"from\":\"a\",\"to\":\"b\",\"ts\":\"x\"}|\n"
               "11:23! text behind the document |{\"from\":\"a\",\"to\":\"b\"} x|\n"
               "12: pays/1/account/account/2/EUR a>b\n");
}

static void tells_what_is_wrong_with_a_file(void **state)
{
    (void)state;
    static const struct {
        setting given;
        const char *message;
    } rows[] = {
        {{PAYMENTS, ".csv", "", 0}, ":1:1: the file is empty, expected a header"},
        {{PAYMENTS, ".csv", "\xEF\xBB\xBF", 3}, ":1:1: the file is empty, expected a header"},
        {{PAYMENTS, ".jsonl", "", 0}, ":1:1: the file is empty"},
        {{PAYMENTS, ".csv", "from,to,ts\n", 11},
         ":1:1: the header has no column \"sum\" (it has \"from\", \"to\", \"ts\")"},
        {{PAYMENTS, ".csv", "from,to,ts,sum,to\n", 18},
         ":1:5: column \"to\" stands twice in the header"},
        {{PAYMENTS, ".csv", "from,to,\"ts,sum", 15}, ":1:3: quote is not closed"},
        {{PAYMENTS, ".csv", "from,\xFF,ts,sum\n", 14}, ":1:2: the header is not valid UTF-8"},
        {{PAYMENTS, ".csv", "\x28\xB5\x2F\xFD", 4}, ": byte 4: zstd: the file is cut short"},
    };
    static output out;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rs_error err = {0};
        assert_int_equal(read_file(&rows[i].given, 5, INT64_MAX, &out, &err), RS_EINPUT);
        assert_string_equal(err.message, rows[i].message);
    }
}

static void takes_a_header_alone(void **state)
{
    (void)state;
    check_rows(SETTING(PAYMENTS, ".csv", "from,to,ts,sum"), INT64_MAX, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_csv_rows),
        cmocka_unit_test(goes_on_behind_a_bad_row),
        cmocka_unit_test(tells_each_bad_cell),
        cmocka_unit_test(says_what_is_wrong_with_a_long_id),
        cmocka_unit_test(takes_relations_from_a_column),
        cmocka_unit_test(takes_types_keys_and_attributes),
        cmocka_unit_test(reads_json_lines),
        cmocka_unit_test(tells_what_is_wrong_with_a_file),
        cmocka_unit_test(takes_a_header_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
