/* test_batch.c - a batch as its caller sees it: names, locks, keys, values, rows, what is refused.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store_world.h"

#include <fcntl.h>
#include <sys/wait.h>

static char path[256];

static int fresh_path(void **state)
{
    (void)state;
    world_path(path, "batch");
    return 0;
}

static int remove_path(void **state)
{
    (void)state;
    world_remove(path);
    return 0;
}

static rs_text text(const char *string)
{
    return world_text(string);
}

static rsi_edge_row edge(uint32_t relation, const char *src, const char *dst, int64_t time,
                         int64_t amount)
{
    return (rsi_edge_row){.relation = relation,
                          .src = text(src),
                          .dst = text(dst),
                          .time = time,
                          .precision_s = 1,
                          .amount = amount};
}

/* One batch of hand-made rows. */
typedef struct bench {
    rsi_batch *batch;
    rsi_block *block;
    world_names names;
    rs_error err;
    rsi_commit commit;
} bench;

static void begin(bench *it, bool keep_rows)
{
    *it = (bench){0};
    if (rsi_batch_open(&it->batch, path, keep_rows, NULL, &it->err) != RS_OK ||
        world_register(it->batch, &it->names, &it->err) != RS_OK ||
        rsi_block_new(&it->block, it->batch, &it->err) != RS_OK) {
        fail_msg("%s", it->err.message);
    }
}

static rs_status end(bench *it, const char *name)
{
    rs_status status = rsi_batch_append(it->batch, it->block, &it->err);
    if (status == RS_OK) {
        status = rsi_batch_commit(it->batch, name, 1, &it->commit, &it->err);
    }
    rsi_block_free(it->block);
    rsi_batch_close(it->batch);
    return status;
}

static void put(bench *it, rsi_edge_row row)
{
    if (rsi_block_edge(it->block, &row, &it->err) != RS_OK) {
        fail_msg("%s", it->err.message);
    }
}

static bool exists(const char *name)
{
    struct stat info;
    return stat(name, &info) == 0;
}

static void leaves_nothing_of_a_first_batch_that_is_not_committed(void **state)
{
    bench it;
    (void)state;
    begin(&it, false);
    put(&it, edge(it.names.relations[0], "a", "b", 1, 2));
    assert_true(exists(path));
    rsi_block_free(it.block);
    rsi_batch_close(it.batch);
    assert_false(exists(path));
}

static void names_the_process_that_holds_the_lock(void **state)
{
    bench it;
    rs_error err = {0};
    rsi_batch *second = NULL;
    char expected[400];
    (void)state;
    begin(&it, false);
    assert_int_equal(rsi_batch_open(&second, path, false, NULL, &err), RS_ELOCKED);
    snprintf(expected, sizeof expected, "store \"%s\": process %ld writes to it", path,
             (long)getpid());
    assert_string_equal(err.message, expected);
    assert_int_equal(end(&it, NULL), RS_OK);
    assert_int_equal(rsi_batch_open(&second, path, false, NULL, &err), RS_OK);
    rsi_batch_close(second);
}

static void does_nothing_for_a_batch_that_is_there(void **state)
{
    bench it;
    (void)state;
    for (int i = 0; i < 2; i++) {
        begin(&it, false);
        put(&it, edge(it.names.relations[0], i == 0 ? "a" : "b", "c", 1, 2));
        put(&it, edge(it.names.relations[0], i == 0 ? "b" : "a", "c", 1, 2));
        assert_int_equal(end(&it, "monday"), RS_OK);
        assert_int_equal(it.commit.unchanged, i == 1);
        assert_int_equal(it.commit.edge_count, 2);
    }
    begin(&it, false);
    put(&it, edge(it.names.relations[0], "a", "c", 1, 3));
    assert_int_equal(end(&it, "monday"), RS_EINPUT);
    assert_non_null(strstr(it.err.message, "batch \"monday\" is in the store with other content"));
    begin(&it, false);
    put(&it, edge(it.names.relations[0], "a", "c", 1, 3));
    assert_int_equal(end(&it, NULL), RS_OK);
    assert_int_equal(strlen(it.commit.name), 32);
}

/* Each change of a row is another content. */
static void names_a_batch_without_rows(void **state)
{
    rs_error err = {0};
    rsi_commit commit = {0};
    world_options options = WORLD_DEFAULTS;
    (void)state;
    for (int again = 0; again < 2; again++) {
        assert_int_equal(world_ingest(path, NULL, 0, &options, &commit, &err), RS_OK);
        assert_string_equal(commit.name, "empty");
        assert_int_equal(commit.unchanged, again == 1);
    }
}

static void digests_every_part_of_a_row(void **state)
{
    char names[9][256];
    (void)state;
    for (int i = 0; i < 9; i++) {
        bench it;
        begin(&it, false);
        rsi_edge_row row = edge(it.names.relations[i == 1], "a", "b", 5, 7);
        row.src = i == 2 ? text("b") : row.src;
        row.dst = i == 3 ? text("a") : row.dst;
        row.time = i == 4 ? 6 : row.time;
        row.amount = i == 5 ? 8 : row.amount;
        row.precision_s = i == 6 ? 3600 : 1;
        row.key = i == 7 ? text("k") : row.key;
        put(&it, row);
        if (i == 8) {
            put(&it, row);
        }
        assert_int_equal(end(&it, NULL), RS_OK);
        memcpy(names[i], it.commit.name, sizeof names[i]);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(names[i], names[j]);
        }
    }
}

static void drops_events_whose_key_was_seen(void **state)
{
    (void)state;
    for (int batch = 0; batch < 2; batch++) {
        bench it;
        begin(&it, false);
        for (int i = 0; i < 4; i++) {
            rsi_edge_row row = edge(it.names.relations[i & 1], "a", "b", 10 - i, batch);
            row.key = text(i < 2 ? "x" : "y");
            put(&it, row);
        }
        rsi_edge_row other = edge(it.names.relations[2], "a", "b", 1, RS_NO_AMOUNT);
        other.key = text("x"); /* another relation: another key */
        put(&it, other);
        put(&it, edge(it.names.relations[0], "a", "b", 1, batch));
        assert_int_equal(end(&it, NULL), RS_OK);
        assert_int_equal(it.commit.dropped_count, batch == 0 ? 2 : 5);
        assert_int_equal(it.commit.edge_count, batch == 0 ? 4 : 1);
    }
    rs_error err = {0};
    rs_store *store = NULL;
    assert_int_equal(rs_store_open(&store, path, &err), RS_OK);
    assert_int_equal(rs_store_type_count(store), 3); /* keys are no node type */
    rs_store_close(store);
    assert_int_equal(rs_store_verify(path, NULL, NULL, &err), RS_OK);
}

static void keeps_the_latest_value_then_the_greatest(void **state)
{
    static const struct {
        int batch;
        const char *node, *value;
        int64_t time;
    } rows[] = {
        {0, "a", "old", 1},    {0, "a", "new", 3},        {0, "b", "x", RS_NO_TIME},
        {1, "a", "newer", 3},  {1, "b", "y", RS_NO_TIME}, {1, "c", "", RS_NO_TIME},
        {1, "b", "early", -9},
    };
    static const char *const expected[] = {"a newer", "b early", "c "};
    (void)state;
    for (int batch = 0; batch < 2; batch++) {
        bench it;
        begin(&it, false);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            rsi_value_row row = {.attribute = it.names.attributes[1],
                                 .node = text(rows[i].node),
                                 .value = text(rows[i].value),
                                 .time = rows[i].time};
            if (rows[i].batch == batch) {
                assert_int_equal(rsi_block_value(it.block, &row, &it.err), RS_OK);
            }
        }
        assert_int_equal(end(&it, NULL), RS_OK);
    }
    rs_error err = {0};
    rs_store *store = NULL;
    rs_values *values = NULL;
    world_ids ids = {0};
    assert_int_equal(rs_store_open(&store, path, &err), RS_OK);
    size_t account = rs_store_type_named(store, "account");
    assert_int_equal(world_read_ids(store, account, &ids, &err), RS_OK);
    assert_int_equal(rs_values_open(&values, store, 1, &err), RS_OK);
    for (size_t i = 0; i < 4; i++) {
        uint32_t node = 0;
        rs_text value = {0};
        char line[64];
        assert_int_equal(rs_values_next(values, &node, &value, &err), RS_OK);
        if (i == 3) {
            assert_int_equal(node, RS_NO_NODE);
            break;
        }
        snprintf(line, sizeof line, "%.*s %.*s", (int)ids.ids[node].length, ids.ids[node].bytes,
                 (int)value.length, value.bytes);
        assert_string_equal(line, expected[i]);
    }
    for (uint32_t i = 0; i < ids.count; i++) {
        free((void *)(uintptr_t)ids.ids[i].bytes);
    }
    free(ids.ids);
    rs_values_close(values);
    assert_true(rs_store_type(store, account).subject);
    assert_false(rs_store_type(store, rs_store_type_named(store, "device")).subject);
    rs_store_close(store);
}

static void tells_what_an_attribute_holds(void **state)
{
    static const struct {
        const char *values[3];
        rs_value_kind kind;
    } table[] = {
        {{"1", "-20", "+3"}, RS_VALUE_INTEGER},
        {{"1", "2.5", "-0.25"}, RS_VALUE_DECIMAL},
        {{"2026-01-02", "2026-01-02T03:04:05Z", "2026-01-02 03:04"}, RS_VALUE_DATE},
        {{"2026-01-02", "1", "2"}, RS_VALUE_TEXT},
        {{"1", "2", "x"}, RS_VALUE_TEXT},
        {{"1234567890123456789", "1", "1"}, RS_VALUE_TEXT},
        {{"1.", "1", "1"}, RS_VALUE_TEXT},
        {{"", "1", "1"}, RS_VALUE_TEXT},
        {{"-", "1", "1"}, RS_VALUE_TEXT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        for (int split = 0; split < 2; split++) { /* in one batch, in three */
            rs_store *store = NULL;
            rs_error err = {0};
            world_remove(path);
            bench it;
            for (int v = 0; v < 3; v++) {
                if (v == 0 || split == 1) {
                    begin(&it, false);
                }
                rsi_value_row row = {.attribute = it.names.attributes[0],
                                     .node = text("n"),
                                     .value = text(table[i].values[v]),
                                     .time = RS_NO_TIME};
                assert_int_equal(rsi_block_value(it.block, &row, &it.err), RS_OK);
                if (v == 2 || split == 1) {
                    assert_int_equal(end(&it, NULL), RS_OK);
                }
            }
            assert_int_equal(rs_store_open(&store, path, &err), RS_OK);
            assert_int_equal(rs_store_attribute(store, 0).kind, table[i].kind);
            rs_store_close(store);
        }
    }
}

static void quotes_the_row_that_an_edge_came_from(void **state)
{
    rs_error err = {0};
    rs_store *store = NULL;
    (void)state;
    for (int batch = 0; batch < 2; batch++) {
        bench it;
        uint32_t other = 0;
        begin(&it, true);
        assert_int_equal(rsi_batch_file(it.batch, "a first.csv", &other, &it.err), RS_OK);
        for (int i = 0; i < 3; i++) {
            rsi_edge_row row =
                edge(it.names.relations[2], "a", i == 1 ? "c" : "b", i, RS_NO_AMOUNT);
            row.file = i == 2 ? other : it.names.file;
            row.line = (uint64_t)(100 * batch + i);
            put(&it, row);
        }
        assert_int_equal(end(&it, NULL), batch == 0 ? RS_OK : RS_OK);
        assert_int_equal(it.commit.unchanged, batch == 1);
    }
    assert_int_equal(rs_store_open(&store, path, &err), RS_OK);
    uint32_t a = 0;
    uint32_t b = 0;
    size_t relation = 0;
    while (strcmp(rs_store_relation(store, relation).name, "uses") != 0) {
        relation++;
    }
    rs_relation_info info = rs_store_relation(store, relation);
    assert_int_equal(rs_store_find(store, info.src_type, text("a"), &a, &err), RS_OK);
    assert_int_equal(rs_store_find(store, info.dst_type, text("b"), &b, &err), RS_OK);
    rs_row_source sources[2] = {{0}};
    size_t count = 0;
    assert_int_equal(rs_store_row_sources(store, relation, a, b, 2, sources, &count, &err), RS_OK);
    assert_int_equal(count, 2);
    assert_string_equal(sources[0].file, "in \"put\".csv");
    assert_int_equal(sources[0].line, 0);
    assert_string_equal(sources[1].file, "a first.csv");
    assert_int_equal(sources[1].line, 2);
    assert_int_equal(rs_store_row_sources(store, relation, a, b, 0, NULL, &count, &err), RS_OK);
    assert_int_equal(count, 2);
    assert_int_equal(rs_store_row_sources(store, relation, a, 77, 2, sources, &count, &err), RS_OK);
    assert_int_equal(count, 0);
    rs_store_close(store);
    assert_int_equal(rs_store_verify(path, NULL, NULL, &err), RS_OK);
}

static void refuses_a_relation_of_another_kind(void **state)
{
    (void)state;
    for (int stored = 0; stored < 2; stored++) {
        bench it;
        uint32_t relation = 0;
        begin(&it, false);
        put(&it, edge(it.names.relations[2], "a", "b", 1, 2));
        if (stored == 0) {
            rsi_relation_spec spec = {.name = text("uses"),
                                      .kind = RS_KIND_IDENTITY,
                                      .src_type = it.names.types[0],
                                      .dst_type = it.names.types[1]};
            assert_int_equal(rsi_batch_relation(it.batch, &spec, &relation, &it.err), RS_EINPUT);
            assert_string_equal(it.err.message,
                                "relation \"uses\" is known as kind \"shared\", here "
                                "it is of kind \"identity\"");
        }
        assert_int_equal(end(&it, NULL), RS_OK);
    }
    rsi_batch *batch = NULL;
    rs_error err = {0};
    uint32_t type = 0;
    uint32_t relation = 0;
    assert_int_equal(rsi_batch_open(&batch, path, false, NULL, &err), RS_OK);
    assert_int_equal(rsi_batch_type(batch, text("account"), &type, &err), RS_OK);
    rsi_relation_spec spec = {
        .name = text("pays"), .kind = RS_KIND_LINK, .src_type = type, .dst_type = type};
    assert_int_equal(rsi_batch_relation(batch, &spec, &relation, &err), RS_EINPUT);
    spec.kind = RS_KIND_PAYMENT;
    spec.currency = text("EUR");
    spec.decimals = 3;
    assert_int_equal(rsi_batch_relation(batch, &spec, &relation, &err), RS_EINPUT);
    assert_string_equal(err.message,
                        "amounts of relation \"pays\" are known with 2 decimals, here 3");
    rsi_batch_close(batch);
}

static void refuses_what_is_no_store(void **state)
{
    rs_error err = {0};
    rsi_batch *batch = NULL;
    rs_store *store = NULL;
    char name[400];
    (void)state;
    assert_int_equal(rs_store_open(&store, path, &err), RS_ENOTFOUND);
    assert_non_null(strstr(err.message, "there is no such directory"));
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(rs_store_open(&store, path, &err), RS_ECORRUPT);
    assert_non_null(strstr(err.message, "the directory is no store: the manifest \"MANIFEST\" was "
                                        "expected, found none"));
    snprintf(name, sizeof name, "%s/letter.txt", path);
    FILE *file = fopen(name, "w");
    fputs("dear", file);
    fclose(file);
    assert_int_equal(rsi_batch_open(&batch, path, false, NULL, &err), RS_ECORRUPT);
    assert_non_null(strstr(err.message, "found \"letter.txt\" without it"));
    snprintf(name, sizeof name, "%s/lock", path);
    assert_false(exists(name)); /* nothing was put beside it */
    snprintf(name, sizeof name, "%s/MANIFEST", path);
    file = fopen(name, "w");
    fputs("ringscope-store 4\n", file);
    fclose(file);
    assert_int_equal(rs_store_open(&store, path, &err), RS_ECORRUPT);
    assert_non_null(strstr(err.message, "version 4 is not supported (this build reads 1 to 3)"));
    file = fopen(name, "w");
    fputs("PK\003\004", file);
    fclose(file);
    assert_int_equal(rs_store_open(&store, path, &err), RS_ECORRUPT);
    assert_non_null(strstr(err.message, "not the manifest of a store"));
    snprintf(name, sizeof name, "%s/letter.txt", path);
    assert_int_equal(rs_store_open(&store, name, &err), RS_ECORRUPT);
    assert_non_null(strstr(err.message, "a directory was expected"));
}

static void refuses_ids_beyond_the_limit(void **state)
{
    bench it;
    static char longest[4098];
    (void)state;
    memset(longest, 'x', sizeof longest - 1);
    begin(&it, false);
    rsi_edge_row row = edge(it.names.relations[0], "a", longest, 1, 2);
    assert_int_equal(rsi_block_edge(it.block, &row, &it.err), RS_EINPUT);
    assert_string_equal(it.err.message, "an id of 4097 bytes (at most 4096 are stored)");
    row.dst.length = 4096;
    put(&it, row);
    assert_int_equal(end(&it, NULL), RS_OK);
    assert_int_equal(rs_store_verify(path, NULL, NULL, &it.err), RS_OK);
}

/* Sources with more edges than a block holds, and long ids that fill dictionary blocks. */
static void stores_what_does_not_fit_into_one_block(void **state)
{
    enum { EDGES = 150000 };
    bench it;
    char *ids = malloc(200 * 4000);
    char *names = malloc(EDGES * 8);
    (void)state;
    begin(&it, true);
    for (int i = 0; i < EDGES; i++) {
        char *name = names + 8 * i;
        snprintf(name, 8, "%d", i * 7 % 70001);
        rsi_edge_row row = edge(it.names.relations[i % 2 == 0 ? 0 : 2], "hub", name, i % 10, i % 3);
        row.line = (uint64_t)i;
        put(&it, row);
    }
    for (int i = 0; i < 200; i++) {
        memset(ids + 4000 * i, 'a' + i % 20, 4000);
        snprintf(ids + 4000 * i + 3000, 999, "%d", i);
        rs_text id = {ids + 4000 * i, 4000};
        assert_int_equal(rsi_block_node(it.block, it.names.types[1], id, &it.err), RS_OK);
    }
    assert_int_equal(end(&it, NULL), RS_OK);
    free(ids);
    free(names);
    rs_error err = {0};
    assert_int_equal(rs_store_verify(path, NULL, NULL, &err), RS_OK);
    rs_store *store = NULL;
    assert_int_equal(rs_store_open(&store, path, &err), RS_OK);
    uint64_t edges = 0;
    for (size_t r = 0; r < rs_store_relation_count(store); r++) {
        rs_scan *scan = NULL;
        rs_edges run = {0};
        uint64_t dst_before = 0;
        assert_int_equal(rs_scan_open(&scan, store, r, 0, &err), RS_OK);
        do {
            assert_int_equal(rs_scan_next(scan, &run, &err), RS_OK);
            for (size_t i = 0; i < run.count; i++) {
                assert_true(run.dst[i] >= dst_before);
                dst_before = run.dst[i];
            }
            edges += run.count;
        } while (run.count > 0);
        rs_scan_close(scan);
    }
    assert_int_equal(edges, EDGES);
    rs_store_close(store);
}

/* A reader keeps its snapshot while batches are committed; a killed writer's files go. */
static void keeps_a_snapshot_and_removes_leftovers(void **state)
{
    bench it;
    rs_error err = {0};
    rs_store *store = NULL;
    char leftover[400];
    (void)state;
    begin(&it, false);
    put(&it, edge(it.names.relations[0], "a", "b", 1, 2));
    assert_int_equal(end(&it, NULL), RS_OK);
    assert_int_equal(rs_store_open(&store, path, &err), RS_OK);
    snprintf(leftover, sizeof leftover, "%s/b00000002-0000.edges", path);
    close(open(leftover, O_CREAT | O_WRONLY, 0666));
    begin(&it, false);
    assert_false(exists(leftover));
    put(&it, edge(it.names.relations[0], "a", "z", 1, 2));
    assert_int_equal(end(&it, NULL), RS_OK);
    assert_int_equal(rs_store_batch_count(store), 1);
    uint32_t node = 0;
    assert_int_equal(rs_store_find(store, 0, text("z"), &node, &err), RS_OK);
    assert_int_equal(node, RS_NO_NODE);
    rs_store_close(store);
    assert_int_equal(rs_store_open(&store, path, &err), RS_OK);
    assert_int_equal(rs_store_batch_count(store), 2);
    assert_int_equal(rs_store_find(store, 0, text("z"), &node, &err), RS_OK);
    assert_int_equal(node, 2);
    rs_store_close(store);
}

/* Whoever cannot read the manifest must not take live files for leftovers. */
static void touches_nothing_where_the_manifest_is_damaged(void **state)
{
    bench it;
    rs_error err = {0};
    rsi_batch *batch = NULL;
    char manifest[400];
    (void)state;
    begin(&it, false);
    put(&it, edge(it.names.relations[0], "a", "b", 1, 2));
    assert_int_equal(end(&it, NULL), RS_OK);
    snprintf(manifest, sizeof manifest, "%s/MANIFEST", path);
    FILE *file = fopen(manifest, "r+");
    assert_non_null(file);
    fseek(file, 30, SEEK_SET);
    int byte = getc(file);
    fseek(file, 30, SEEK_SET);
    putc(byte ^ 1, file);
    fclose(file);
    assert_int_equal(rsi_batch_open(&batch, path, false, NULL, &err), RS_ECORRUPT);
    file = fopen(manifest, "r+");
    fseek(file, 30, SEEK_SET);
    putc(byte, file);
    fclose(file);
    assert_int_equal(rs_store_verify(path, NULL, NULL, &err), RS_OK);
}

int main(void)
{
#define ONE(name) cmocka_unit_test_setup_teardown(name, fresh_path, remove_path)
    const struct CMUnitTest tests[] = {
        ONE(leaves_nothing_of_a_first_batch_that_is_not_committed),
        ONE(names_the_process_that_holds_the_lock),
        ONE(does_nothing_for_a_batch_that_is_there),
        ONE(names_a_batch_without_rows),
        ONE(digests_every_part_of_a_row),
        ONE(drops_events_whose_key_was_seen),
        ONE(keeps_the_latest_value_then_the_greatest),
        ONE(tells_what_an_attribute_holds),
        ONE(quotes_the_row_that_an_edge_came_from),
        ONE(refuses_a_relation_of_another_kind),
        ONE(refuses_what_is_no_store),
        ONE(refuses_ids_beyond_the_limit),
        ONE(stores_what_does_not_fit_into_one_block),
        ONE(keeps_a_snapshot_and_removes_leftovers),
        ONE(touches_nothing_where_the_manifest_is_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
