/* Ingest from files to a committed store, and back out of the store.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc strdup */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "ringscope/ingest.h"
#include "ringscope/store.h"

#include "../failing_memory.h"

/* ---- allocations that fail --------------------------------------------------------------------
 */

char *__real_strdup(const char *string);
char *__wrap_strdup(const char *string);

char *__wrap_strdup(const char *string)
{
    return refused() ? NULL : __real_strdup(string);
}

/* ---- a folder for each test --------------------------------------------------------------------
 */

typedef struct folder {
    char path[64];
} folder;

static void path_in(const folder *in, const char *name, char out[200])
{
    snprintf(out, 200, "%s/%s", in->path, name);
}

static int make_folder(void **state)
{
    static folder made;
    snprintf(made.path, sizeof made.path, "/tmp/rs_ingest_XXXXXX");
    *state = &made;
    return mkdtemp(made.path) == NULL;
}

static int remove_folder(void **state)
{
    char command[200];
    const folder *made = *state;
    snprintf(command, sizeof command, "rm -rf '%s'", made->path);
    return system(command);
}

static void write_bytes(const folder *in, const char *name, const char *bytes, size_t length)
{
    char path[200];
    path_in(in, name, path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
}

static void write_text(const folder *in, const char *name, const char *text)
{
    write_bytes(in, name, text, strlen(text));
}

static void read_text(const folder *in, const char *name, char *text, size_t capacity)
{
    char path[200];
    path_in(in, name, path);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t length = fread(text, 1, capacity - 1, file);
    text[length] = '\0';
    fclose(file);
}

static bool exists(const folder *in, const char *name)
{
    char path[200];
    struct stat about;
    path_in(in, name, path);
    return stat(path, &about) == 0;
}

static size_t count_files(const folder *in)
{
    size_t count = 0;
    DIR *all = opendir(in->path);
    assert_non_null(all);
    while (readdir(all) != NULL) {
        count++;
    }
    closedir(all);
    return count - 2;
}

/* ---- ingest in a folder ------------------------------------------------------------------------
 */

typedef struct run {
    const char *store;
    const char *files[8];
    const char *rejects;
    const char *batch;
    bool keep_rows;
    int64_t time_max;
    const rs_work *work;
} run;

static rs_status ingest(const folder *in, const run *given, rs_ingest_result *result, rs_error *err)
{
    static char paths[8][200];
    const char *files[8];
    char store[200];
    char mapping[200];
    char rejects[200];
    rs_ingest_options options = RS_INGEST_DEFAULTS;
    path_in(in, given->store, store);
    path_in(in, "map.json", mapping);
    path_in(in, given->rejects != NULL ? given->rejects : "", rejects);
    for (; given->files[options.file_count] != NULL; options.file_count++) {
        path_in(in, given->files[options.file_count], paths[options.file_count]);
        files[options.file_count] = paths[options.file_count];
    }
    options.files = files;
    options.mapping = mapping;
    options.rejects = given->rejects != NULL ? rejects : NULL;
    options.batch = given->batch;
    options.keep_rows = given->keep_rows;
    options.time_max = given->time_max != 0 ? given->time_max : INT64_MAX;
    *result = (rs_ingest_result){0};
    *err = (rs_error){0};
    return rs_ingest(store, &options, given->work, result, err);
}

/* Message without the folder's name. */
static const char *plain(const folder *in, rs_error *err)
{
    char *at;
    size_t length = strlen(in->path) + 1;
    while ((at = strstr(err->message, in->path)) != NULL) {
        memmove(at, at + length, strlen(at + length) + 1);
    }
    return err->message;
}

/* ---- the store as text --------------------------------------------------------------------------
 */

typedef struct dump {
    char (*names)[2000][24];
    char lines[4000][160];
    size_t line_count;
} dump;

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void load_names(const rs_store *store, dump *to)
{
    for (size_t type = 0; type < rs_store_type_count(store); type++) {
        rs_names *names = NULL;
        uint32_t node;
        rs_text id;
        assert_int_equal(rs_names_open(&names, store, type, NULL), RS_OK);
        for (;;) {
            assert_int_equal(rs_names_next(names, &node, &id, NULL), RS_OK);
            if (node == RS_NO_NODE) {
                break;
            }
            assert_true(node < 2000);
            snprintf(to->names[type][node], 24, "%.*s", (int)id.length, id.bytes);
        }
        rs_names_close(names);
    }
}

static void dump_run(const rs_store *store, size_t number, const rs_edges *edges, dump *to)
{
    rs_relation_info about = rs_store_relation(store, number);
    for (size_t i = 0; i < edges->count; i++) {
        assert_true(to->line_count < 4000);
        snprintf(
            to->lines[to->line_count++], 160, "%s %s:%s %s:%s %lld %lld %u %s", about.name,
            rs_store_type(store, about.src_type).name, to->names[about.src_type][edges->src[i]],
            rs_store_type(store, about.dst_type).name, to->names[about.dst_type][edges->dst[i]],
            edges->time == NULL || edges->time[i] == RS_NO_TIME ? -1 : (long long)edges->time[i],
            edges->amount == NULL || edges->amount[i] == RS_NO_AMOUNT ? -1
                                                                      : (long long)edges->amount[i],
            edges->precision_s == NULL ? 1 : edges->precision_s[i], about.currency);
    }
}

/* All edges, sorted, one a line. */
static void dump_store(const folder *in, const char *name, char *text, size_t capacity)
{
    static dump all;
    static char names[8][2000][24];
    rs_store *store = NULL;
    char path[200];
    size_t used = 0;
    rs_error err = {0};
    all.line_count = 0;
    all.names = names;
    path_in(in, name, path);
    assert_int_equal(rs_store_open(&store, path, &err), RS_OK);
    load_names(store, &all);
    for (size_t i = 0; i < rs_store_relation_count(store); i++) {
        rs_scan *scan = NULL;
        rs_edges edges = {0};
        assert_int_equal(rs_scan_open(&scan, store, i, RS_SCAN_TIME | RS_SCAN_AMOUNT, &err), RS_OK);
        do {
            assert_int_equal(rs_scan_next(scan, &edges, &err), RS_OK);
            dump_run(store, i, &edges, &all);
        } while (edges.count > 0);
        rs_scan_close(scan);
    }
    rs_store_close(store);
    qsort(all.lines, all.line_count, sizeof all.lines[0], by_text);
    text[0] = '\0';
    for (size_t i = 0; i < all.line_count; i++) {
        used += (size_t)snprintf(text + used, capacity - used, "%s\n", all.lines[i]);
        assert_true(used < capacity);
    }
}

#define PAYMENTS                                                                                   \
    "{\"sources\":[{\"match\":\"pay*\",\"relations\":[{\"name\":\"pays\",\"kind\":\"payment\","    \
    "\"src\":{\"type\":\"account\",\"column\":\"from\"},"                                          \
    "\"dst\":{\"type\":\"account\",\"column\":\"to\"},"                                            \
    "\"time\":\"ts\",\"amount\":\"sum\",\"currency\":\"EUR\"}]},"                                  \
    "{\"match\":\"log*\",\"relations\":[{\"name\":\"uses\",\"kind\":\"shared\","                   \
    "\"src\":{\"type\":\"account\",\"column\":\"who\"},"                                           \
    "\"dst\":{\"type\":\"device\",\"column\":\"what\"}}]}]}"

static void puts_rows_of_many_files_into_one_batch(void **state)
{
    const folder *in = *state;
    char text[2000];
    rs_ingest_result result;
    rs_error err;
    write_text(in, "map.json", PAYMENTS);
    write_text(in, "pay1.csv", "from,to,ts,sum\na,b,100,1.5\nb,c,2024-07-26,\n");
    write_text(in, "pay2.jsonl", "{\"to\":\"a\",\"from\":\"c\",\"ts\":\"2024-07-26T00:00:01Z\"}\n");
    write_text(in, "logins.csv", "who,what\r\na,d1\r\nb,\"d,1\"\r\nc,\r\n");
    run given = {.store = "store", .files = {"pay*", "logins.csv"}};
    rs_status status = ingest(in, &given, &result, &err);
    assert_int_equal(status, RS_OK);
    assert_int_equal(result.row_count, 6);
    assert_int_equal(result.edge_count, 5);
    assert_int_equal(result.rejected_count, 0);
    assert_true(strlen(result.batch) > 0);
    dump_store(in, "store", text, sizeof text);
    assert_string_equal(text, "pays account:a account:b 100 150 1 EUR\n"
                              "pays account:b account:c 1721952000 -1 86400 EUR\n"
                              "pays account:c account:a 1721952001 -1 1 EUR\n"
                              "uses account:a device:d1 -1 -1 1 \n"
                              "uses account:b device:d,1 -1 -1 1 \n");
    assert_int_equal(ingest(in, &given, &result, &err), RS_OK);
    assert_true(result.unchanged); /* the same rows again: a no-op */
    assert_false(result.subjects_added);
}

static void takes_new_subjects_from_a_batch_that_it_has(void **state)
{
    const folder *in = *state;
    rs_ingest_result result;
    rs_error err;
    run given = {.store = "store", .files = {"logins.csv"}};
    write_text(in, "logins.csv", "who,what\na,d1\n");
    static const char *const subjects[] = {"", "\"subjects\":[\"account\",\"device\"],"};
    for (int i = 0; i < 3; i++) {
        char mapping[400];
        snprintf(mapping, sizeof mapping,
                 "{%s\"sources\":[{\"match\":\"*\",\"format\":\"csv\",\"relations\":[{\"name\":"
                 "\"uses\",\"kind\":\"shared\",\"src\":{\"type\":\"account\",\"column\":\"who\"},"
                 "\"dst\":{\"type\":\"device\",\"column\":\"what\"}}]}]}",
                 subjects[i > 0]);
        write_text(in, "map.json", mapping);
        assert_int_equal(ingest(in, &given, &result, &err), RS_OK);
        assert_int_equal(result.unchanged, i > 0);
        assert_int_equal(result.subjects_added, i == 1);
    }
    char path[200];
    rs_store *store = NULL;
    path_in(in, "store", path);
    assert_int_equal(rs_store_open(&store, path, &err), RS_OK);
    assert_int_equal(rs_store_batch_count(store), 1);
    assert_true(rs_store_type(store, rs_store_type_named(store, "account")).subject);
    assert_true(rs_store_type(store, rs_store_type_named(store, "device")).subject);
    rs_store_close(store);
}

static void fails_with_the_first_bad_row_and_leaves_no_store(void **state)
{
    const folder *in = *state;
    rs_ingest_result result;
    rs_error err;
    write_text(in, "map.json", PAYMENTS);
    write_text(in, "pay1.csv", "from,to,ts,sum\na,b,100,1.5\nb,c,never,1\nb,c,1,x\n");
    run given = {.store = "store", .files = {"pay1.csv"}};
    assert_int_equal(ingest(in, &given, &result, &err), RS_EINPUT);
    assert_string_equal(plain(in, &err),
                        "pay1.csv:3:3: column \"ts\": \"never\" is not a time (Unix number or ISO "
                        "8601)");
    assert_false(exists(in, "store"));
    assert_int_equal(count_files(in), 2);
}

static void puts_bad_rows_aside_where_asked(void **state)
{
    const folder *in = *state;
    char text[2000];
    rs_ingest_result result;
    rs_error err;
    write_text(in, "map.json", PAYMENTS);
    write_text(in, "pay1.csv",
               "from,to,ts,sum\na,b,100,1.5\n\"x\"\"y\",c,never,1\nb,c,501,1\nb,c\n");
    run given = {.store = "store", .files = {"pay1.csv"}, .rejects = "bad.csv", .time_max = 500};
    assert_int_equal(ingest(in, &given, &result, &err), RS_OK);
    assert_int_equal(result.row_count, 4);
    assert_int_equal(result.rejected_count, 3);
    assert_int_equal(result.edge_count, 1);
    read_text(in, "bad.csv", text, sizeof text);
    char expected[1000];
    snprintf(expected, sizeof expected,
             "file,line,column,reason,row\n"
             "\"%s/pay1.csv\",3,3,\"column \"\"ts\"\": \"\"never\"\" is not a time (Unix number or "
             "ISO 8601)\",\"\"\"x\"\"\"\"y\"\",c,never,1\"\n"
             "\"%s/pay1.csv\",4,3,\"column \"\"ts\"\": \"\"501\"\" is later than the latest time "
             "allowed\",\"b,c,501,1\"\n"
             "\"%s/pay1.csv\",5,3,\"2 fields, expected 4 as in the header\",\"b,c\"\n",
             in->path, in->path, in->path);
    assert_string_equal(text, expected);
    dump_store(in, "store", text, sizeof text);
    assert_string_equal(text, "pays account:a account:b 100 150 1 EUR\n");
    assert_int_equal(count_files(in), 4);
}

/* One quote that is never closed takes all rows behind it: they are not one bad row. */
static void fails_where_a_quote_is_never_closed(void **state)
{
    const folder *in = *state;
    rs_ingest_result result;
    rs_error err;
    write_text(in, "map.json", PAYMENTS);
    write_text(in, "pay1.csv", "from,to,ts,sum\na,b,never,1\na,\"b,100,1\nc,d,100,1\ne,f,100,1\n");
    run given = {.store = "store", .files = {"pay1.csv"}, .rejects = "bad.csv"};
    assert_int_equal(ingest(in, &given, &result, &err), RS_EINPUT);
    assert_string_equal(plain(in, &err), "pay1.csv:3:2: quote is not closed");
    assert_false(exists(in, "store"));
    assert_false(exists(in, "bad.csv"));
}

static void tells_what_is_wrong_with_its_files(void **state)
{
    const folder *in = *state;
    rs_ingest_result result;
    rs_error err;
    write_text(in, "map.json", PAYMENTS);
    write_text(in, "pay1.csv", "from,to,ts,sum\n");
    write_text(in, "pay2.csv", "from,to\n");
    write_text(in, "other.csv", "from,to\n");
    write_text(in, "pay.jsonl", "{\"payer\":\"a\",\"payee\":\"b\"}\n");
    char folder_path[200];
    path_in(in, "pay_folder", folder_path);
    assert_int_equal(mkdir(folder_path, 0700), 0);
    const struct {
        run given;
        rs_status status;
        const char *message;
    } rows[] = {
        {{.store = "s", .files = {NULL}}, RS_EUSAGE, "no files to read"},
        {{.store = "s", .files = {"none*"}}, RS_EUSAGE, "no file is or matches \"none*\""},
        {{.store = "s", .files = {"none.csv"}}, RS_EUSAGE, "no file is or matches \"none.csv\""},
        {{.store = "s", .files = {"pay_folder"}}, RS_EUSAGE, "file \"pay_folder\" is a directory"},
        {{.store = "s", .files = {"other.csv"}},
         RS_EUSAGE,
         "no source of the mapping matches the file \"other.csv\""},
        {{.store = "s", .files = {"pay1.csv", "pay_folder/../pay1.csv"}},
         RS_EUSAGE,
         "file \"pay_folder/../pay1.csv\" is named twice (also as \"pay1.csv\")"},
        {{.store = "s", .files = {"pay2.csv"}},
         RS_EINPUT,
         "pay2.csv:1:1: the header has no column \"ts\" (it has \"from\", \"to\")"},
        {{.store = "s", .files = {"pay2.csv"}, .rejects = "bad.csv"},
         RS_EINPUT,
         "pay2.csv:1:1: the header has no column \"ts\" (it has \"from\", \"to\")"},
        {{.store = "s", .files = {"pay.jsonl"}},
         RS_EINPUT,
         "pay.jsonl:1:1: no row has the ids that the mapping reads (such as \"from\")"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rs_status status = ingest(in, &rows[i].given, &result, &err);
        assert_string_equal(plain(in, &err), rows[i].message);
        assert_int_equal(status, rows[i].status);
        assert_false(exists(in, "s"));
        assert_false(exists(in, "bad.csv"));
        assert_int_equal(count_files(in), 6);
    }
}

/* Many rows with everything in them that a row can have; `bad` at that row unless 0. */
static void write_many(const folder *in, const char *name, int rows, int bad, bool packed)
{
    char path[200];
    path_in(in, name, path);
    gzFile file = gzopen(path, packed ? "wb6" : "wbT");
    assert_non_null(file);
    gzprintf(file, "from,note,to,ts,sum\n");
    for (int i = 1; i <= rows; i++) {
        gzprintf(file, "a%d,\"%*d,\n\"\"\",b%d,%d,%d.%02d%s\n", i % 97, 100 + i % 50, i, i % 89,
                 1700000000 + i, i % 1000, i % 100, i == bad ? "x" : "");
    }
    gzclose(file);
}

static void gives_the_same_for_any_number_of_threads(void **state)
{
    const folder *in = *state;
    static char one[1 << 20];
    static char two[1 << 20];
    rs_ingest_result results[2];
    rs_error err;
    rs_work four = {.threads = 4};
    write_text(in, "map.json", PAYMENTS);
    write_many(in, "pay1.csv", 3000, 0, false);
    run given = {.store = "one", .files = {"pay1.csv"}, .keep_rows = true, .batch = "b"};
    assert_int_equal(ingest(in, &given, &results[0], &err), RS_OK);
    given.store = "two";
    given.work = &four;
    assert_int_equal(ingest(in, &given, &results[1], &err), RS_OK);
    assert_int_equal(results[0].row_count, 3000);
    assert_int_equal(results[1].edge_count, 3000);
    dump_store(in, "one", one, sizeof one);
    dump_store(in, "two", two, sizeof two);
    assert_string_equal(one, two);
    char command[500];
    snprintf(command, sizeof command, "diff -r -x lock '%s/one' '%s/two'", in->path, in->path);
    assert_int_equal(system(command), 0);
}

static void reads_packed_files_as_they_are(void **state)
{
    const folder *in = *state;
    static char one[1 << 20];
    static char two[1 << 20];
    rs_ingest_result result;
    rs_error err;
    write_text(in, "map.json", PAYMENTS);
    write_many(in, "pay1.csv", 500, 0, false);
    write_many(in, "pay2.csv", 500, 0, true); /* told by its bytes, not by its name */
    run given = {.store = "one", .files = {"pay1.csv"}};
    assert_int_equal(ingest(in, &given, &result, &err), RS_OK);
    given = (run){.store = "two", .files = {"pay2.csv"}};
    assert_int_equal(ingest(in, &given, &result, &err), RS_OK);
    dump_store(in, "one", one, sizeof one);
    dump_store(in, "two", two, sizeof two);
    assert_string_equal(one, two);
}

/* Over many pieces and threads the first bad row in file order is told, never a later one. */
static void tells_the_first_bad_row_whatever_the_threads(void **state)
{
    const folder *in = *state;
    rs_ingest_result result;
    rs_error err;
    write_text(in, "map.json", PAYMENTS);
    write_many(in, "pay1.csv", 60000, 20000, false);
    write_many(in, "pay2.csv", 100, 3, false);
    for (unsigned threads = 1; threads <= 4; threads += 3) {
        rs_work work = {.threads = threads};
        run given = {.store = "s", .files = {"pay1.csv", "pay2.csv"}, .work = &work};
        assert_int_equal(ingest(in, &given, &result, &err), RS_EINPUT);
        assert_string_equal(plain(in, &err), "pay1.csv:40000:5: column \"sum\": \"0.00x\" is not a "
                                             "decimal number");
        assert_false(exists(in, "s"));
        given.rejects = "bad.csv";
        given.store = "t";
        assert_int_equal(ingest(in, &given, &result, &err), RS_OK);
        assert_int_equal(result.rejected_count, 2);
        char text[2000];
        char expected[300];
        read_text(in, "bad.csv", text, sizeof text);
        snprintf(expected, sizeof expected, "file,line,column,reason,row\n\"%s/pay1.csv\",40000,5,",
                 in->path);
        assert_memory_equal(text, expected, strlen(expected));
        assert_non_null(strstr(text, "/pay2.csv\",6,5,"));
    }
}

static void keeps_file_and_line_of_every_relation(void **state)
{
    const folder *in = *state;
    rs_ingest_result result;
    rs_error err;
    rs_store *store = NULL;
    char path[200];
    write_text(in, "map.json", PAYMENTS);
    write_text(in, "pay1.csv", "from,to,ts,sum\n\"a\n1\",b,100,1.5\nb,c,1,1\nb,c,2,1\n");
    run given = {.store = "store", .files = {"pay1.csv"}, .keep_rows = true};
    assert_int_equal(ingest(in, &given, &result, &err), RS_OK);
    path_in(in, "store", path);
    assert_int_equal(rs_store_open(&store, path, &err), RS_OK);
    uint32_t b = 0;
    uint32_t c = 0;
    rs_row_source sources[4];
    size_t count = 0;
    size_t account = rs_store_type_named(store, "account");
    assert_int_equal(rs_store_find(store, account, (rs_text){"b", 1}, &b, &err), RS_OK);
    assert_int_equal(rs_store_find(store, account, (rs_text){"c", 1}, &c, &err), RS_OK);
    assert_int_equal(rs_store_row_sources(store, 0, b, c, 4, sources, &count, &err), RS_OK);
    assert_int_equal(count, 2);
    assert_int_equal(sources[0].line + sources[1].line, 4 + 5);
    assert_non_null(strstr(sources[0].file, "/pay1.csv"));
    rs_store_close(store);
}

static int stop_after(void *context, const rs_progress *now)
{
    int *left = context;
    assert_true(strlen(now->stage) > 0);
    return (*left)-- == 0;
}

static void leaves_no_store_when_it_is_interrupted(void **state)
{
    const folder *in = *state;
    rs_ingest_result result;
    rs_error err;
    write_text(in, "map.json", PAYMENTS);
    write_many(in, "pay1.csv", 60000, 0, false);
    int interruptions = 0;
    rs_status status = RS_EINTERRUPTED;
    for (int reports = 0; status == RS_EINTERRUPTED; reports++) {
        int left = reports;
        rs_work work = {.progress = stop_after, .context = &left};
        run given = {.store = "s", .files = {"pay1.csv"}, .work = &work, .rejects = "bad.csv"};
        status = ingest(in, &given, &result, &err);
        if (status == RS_EINTERRUPTED) {
            interruptions++;
            assert_false(exists(in, "s"));
            assert_int_equal(count_files(in), 2);
        }
    }
    assert_int_equal(status, RS_OK);
    assert_true(interruptions >= 2);
    assert_true(exists(in, "bad.csv"));
}

/* A pipe that nobody writes to: the answer to "go on?" is heard all the same, with any number of
 * threads. */
static void stops_while_a_pipe_is_silent(void **state)
{
    const folder *in = *state;
    rs_ingest_result result;
    rs_error err;
    char path[200];
    write_text(in, "map.json", PAYMENTS);
    path_in(in, "pay.csv", path);
    assert_int_equal(mkfifo(path, 0600), 0);
    int writer = open(path, O_RDWR | O_CLOEXEC);
    assert_true(writer >= 0);
    for (unsigned threads = 1; threads <= 2; threads++) {
        int left = 2;
        rs_work work = {.threads = threads, .progress = stop_after, .context = &left};
        run given = {.store = "s", .files = {"pay.csv"}, .work = &work};
        assert_int_equal(write(writer, "from,to,ts,sum\n", 15), 15);
        assert_int_equal(ingest(in, &given, &result, &err), RS_EINTERRUPTED);
        assert_false(exists(in, "s"));
    }
    close(writer);
}

static void survives_every_failed_allocation(void **state)
{
    const folder *in = *state;
    rs_ingest_result result;
    rs_error err;
    write_text(in, "map.json", PAYMENTS);
    write_text(in, "pay1.csv", "from,to,ts,sum\n\"a\"\"b\",b,100,1.5\nb,c,x,\n");
    write_text(in, "pay2.jsonl", "{\"to\":\"a\",\"from\":\"\\u0041\"}\n");
    rs_status status = RS_ENOMEM;
    int failures = -1;
    for (int grants = 0; status == RS_ENOMEM; grants++) {
        run given = {.store = "s", .files = {"pay1.csv", "pay2.jsonl"}, .rejects = "bad.csv"};
        allowed = grants;
        status = ingest(in, &given, &result, &err);
        allowed = -1;
        if (status == RS_ENOMEM) {
            assert_false(exists(in, "s"));
            assert_int_equal(count_files(in), 3);
        }
        failures++;
    }
    assert_string_equal(err.message, err.message);
    assert_int_equal(status, RS_OK);
    assert_true(failures > 40);
}

/* ---- the profile --------------------------------------------------------------------------------
 */

static rs_status profile(const folder *in, const char *name, char **json, rs_error *err)
{
    char mapping[200];
    char file[200];
    const char *files[] = {file};
    rs_ingest_options options = RS_INGEST_DEFAULTS;
    path_in(in, "map.json", mapping);
    path_in(in, name, file);
    options.mapping = mapping;
    options.files = files;
    options.file_count = 1;
    return rs_ingest_profile(&options, NULL, json, err);
}

static void without(char *json, char what)
{
    char *to = json;
    for (char *at = json; *at != '\0'; at++) {
        if (*at != what) {
            *to++ = *at;
        }
    }
    *to = '\0';
}

static void profiles_a_file_without_a_store(void **state)
{
    const folder *in = *state;
    static const char rows[] =
        "from,to,ts,sum,note\na,b,1700000000,1.5,\n\"a\0\",b,1700000005,20,x\n"
        "c,b,never,2,\nc,,,,2024-01-01\n";
    char *json = NULL;
    rs_error err = {0};
    write_text(in, "map.json", PAYMENTS);
    write_bytes(in, "pay1.csv", rows, sizeof rows - 1);
    assert_int_equal(profile(in, "pay1.csv", &json, &err), RS_OK);
    without(json, '\n');
    without(json, '\t');
    without(json, ' ');
    static const char *const wanted[] = {
        "{\"profile\":\"ringscope/1\",\"rows\":4,\"bad_rows\":1,",
        "{\"name\":\"from\",\"mapped\":true,\"rows\":4,\"empty\":0,\"looks_like\":\"text\",",
        "{\"name\":\"ts\",\"mapped\":true,\"rows\":4,\"empty\":1,\"looks_like\":\"text\","
        "\"integers\":2,\"decimals\":0,\"times\":0,\"texts\":1,",
        "{\"name\":\"sum\",\"mapped\":true,\"rows\":4,\"empty\":1,\"looks_like\":\"decimal\",",
        "{\"name\":\"note\",\"mapped\":false,\"rows\":4,\"empty\":2,",
        "\"rows\":2,\"rows_with_time\":2,\"time_min\":\"2023-11-14T22:13:20Z\","
        "\"time_max\":\"2023-11-14T22:13:25Z\",\"rows_with_amount\":2,\"amount_min\":\"1.50\","
        "\"amount_max\":\"20.00\",\"amount_digits\":1,\"decimals\":2,\"currency\":\"EUR\"}",
        "{\"name\":\"account\",\"subject\":true,\"ids\":3,\"ids_exact\":true,\"hub_error_max\":0,"
        "\"hubs\":[{\"id\":\"b\",\"relations\":2},{\"id\":\"a\",\"relations\":1},"
        "{\"id\":\"a\\u0000\",\"relations\":1}]}",
        "\"line\":4,\"column\":3,\"reason\":\"column\\u0022ts\\u0022:\\u0022never\\u0022isnotatime",
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        if (strstr(json, wanted[i]) == NULL) {
            print_error("missing: %s\nin: %s\n", wanted[i], json);
        }
        assert_non_null(strstr(json, wanted[i]));
    }
    assert_int_equal(count_files(in), 2);
    free(json);
}

static void profiles_despite_failed_allocations(void **state)
{
    const folder *in = *state;
    write_text(in, "map.json", PAYMENTS);
    write_text(in, "pay1.csv", "from,to,ts,sum\n\"a\"\"b\",b,100,1.5\nb,c,x,\n");
    rs_status status = RS_ENOMEM;
    int failures = -1;
    for (int grants = 0; status == RS_ENOMEM; grants++) {
        char *json = NULL;
        rs_error err = {0};
        allowed = grants;
        status = profile(in, "pay1.csv", &json, &err);
        allowed = -1;
        free(json);
        failures++;
    }
    assert_int_equal(status, RS_OK);
    assert_true(failures > 30);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(takes_new_subjects_from_a_batch_that_it_has),
        TEST(puts_rows_of_many_files_into_one_batch),
        TEST(fails_with_the_first_bad_row_and_leaves_no_store),
        TEST(puts_bad_rows_aside_where_asked),
        TEST(fails_where_a_quote_is_never_closed),
        TEST(tells_what_is_wrong_with_its_files),
        TEST(gives_the_same_for_any_number_of_threads),
        TEST(reads_packed_files_as_they_are),
        TEST(tells_the_first_bad_row_whatever_the_threads),
        TEST(keeps_file_and_line_of_every_relation),
        TEST(leaves_no_store_when_it_is_interrupted),
        TEST(stops_while_a_pipe_is_silent),
        TEST(survives_every_failed_allocation),
        TEST(profiles_a_file_without_a_store),
        TEST(profiles_despite_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
