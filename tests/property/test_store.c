/* test_store.c - laws of the store on random rows: what goes in comes out, in whatever order,
 * blocks, threads and batches it went in.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "../unit/store/store_world.h"

enum { ROWS = 3000 };

static world_row rows[ROWS];

static void ingest(const char *path, const world_row *some, size_t count, world_options options)
{
    rs_error err = {0};
    rsi_commit commit = {0};
    if (world_ingest(path, some, count, &options, &commit, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
}

static world_lines dump(const char *path, bool values)
{
    rs_error err = {0};
    world_lines lines = {0};
    if (world_dump(path, values, &lines, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
    return lines;
}

static void assert_sound(const char *path)
{
    rs_error err = {0};
    uint64_t damage = 0;
    if (rs_store_verify(path, NULL, &damage, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(damage, 0);
}

static void gives_back_what_went_in(void **state)
{
    char path[256];
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        size_t count = (size_t)(seed * seed * 20);
        world_lines expected = {0};
        world_path(path, "in-out");
        world_fill(rows, count, seed, 5 + seed * 7);
        ingest(path, rows, count, (world_options)WORLD_DEFAULTS);
        world_expect(&expected, rows, count);
        world_lines found = dump(path, false);
        world_assert_equal(&expected, &found);
        assert_sound(path);
        world_free(&expected);
        world_free(&found);
        world_remove(path);
    }
}

/* The files themselves, byte for byte. */
static void assert_same_bytes(const char *a, const char *b)
{
    DIR *listing = opendir(a);
    size_t files = 0;
    assert_non_null(listing);
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        char names[2][1024];
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "lock") == 0) {
            continue;
        }
        snprintf(names[0], sizeof names[0], "%s/%s", a, entry->d_name);
        snprintf(names[1], sizeof names[1], "%s/%s", b, entry->d_name);
        FILE *x = fopen(names[0], "rb");
        FILE *y = fopen(names[1], "rb");
        assert_non_null(x);
        assert_non_null(y);
        int byte = 0;
        do {
            byte = getc(x);
            if (byte != getc(y)) {
                fail_msg("%s differs", entry->d_name);
            }
        } while (byte != EOF);
        fclose(x);
        fclose(y);
        files++;
    }
    closedir(listing);
    assert_true(files >= 5);
}

static void writes_the_same_bytes_for_any_order_blocks_and_threads(void **state)
{
    static const world_options ways[] = {
        {.threads = 1, .block_rows = ROWS, .blocks_per_append = 1},
        {.threads = 2, .block_rows = 13, .blocks_per_append = 8},
        {.threads = 4, .block_rows = 300, .blocks_per_append = 2},
        {.threads = 4, .block_rows = 1, .blocks_per_append = 1},
    };
    char first[256];
    char other[256];
    (void)state;
    world_path(first, "first");
    world_fill(rows, ROWS, 77, 400);
    ingest(first, rows, ROWS, (world_options)WORLD_DEFAULTS);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        world_path(other, "other");
        world_shuffle(rows, ROWS, i);
        ingest(other, rows, ROWS, ways[i]);
        assert_same_bytes(first, other);
        assert_same_bytes(other, first);
        world_remove(other);
    }
    world_remove(first);
}

/* Keys that come twice and more, within a run and across runs. */
static void fill_with_keys(world_row *some, size_t count, uint64_t seed, uint64_t ids)
{
    world_fill(some, count, seed, ids);
    for (size_t i = 0; i < count; i++) {
        if (i % 3 == 0) {
            snprintf(some[i].key, sizeof some[i].key, "key-%zu", i * 7 % 600);
        }
    }
}

static void writes_the_same_bytes_through_runs(void **state)
{
    static const world_options ways[] = {
        {.threads = 1, .block_rows = 100, .blocks_per_append = 1},
        {.threads = 2, .block_rows = 97, .blocks_per_append = 8},
        {.threads = 3, .block_rows = 11, .blocks_per_append = 2},
        {.threads = 2, .block_rows = ROWS, .blocks_per_append = 1},
    };
    (void)state;
    for (size_t i = 0; i < 4 * sizeof ways / sizeof *ways; i++) {
        char first[256];
        char other[256];
        world_options options = WORLD_DEFAULTS;
        options.keep_rows = i % 2 == 0;
        options.late_names = i / 2 % 2 == 0;
        world_path(first, "first");
        world_path(other, "other");
        fill_with_keys(rows, ROWS, i, 20 + i * 60);
        /* A batch before them, so that some ids and keys are known. */
        ingest(first, rows, ROWS / 3, options);
        ingest(other, rows, ROWS / 3, options);
        ingest(first, rows + ROWS / 3, ROWS - ROWS / 3, options);
        world_shuffle(rows + ROWS / 3, ROWS - ROWS / 3, i);
        world_options runs = ways[i / 4];
        runs.runs = true;
        runs.keep_rows = options.keep_rows;
        runs.late_names = options.late_names;
        ingest(other, rows + ROWS / 3, ROWS - ROWS / 3, runs);
        assert_same_bytes(first, other);
        assert_same_bytes(other, first);
        assert_sound(other);
        world_remove(first);
        world_remove(other);
    }
}

/* One source has more edges than a thread would hold at once, many of them alike. */
static void merges_runs_of_a_hub(void **state)
{
    enum { HUB = 150000 };
    char first[256];
    char other[256];
    (void)state;
    world_row *many = malloc(HUB * sizeof *many);
    assert_non_null(many);
    world_path(first, "first");
    world_path(other, "other");
    fill_with_keys(many, HUB, 3, 3000);
    for (size_t i = 0; i < HUB; i++) {
        if (many[i].relation < 2 && i % 20 != 0) {
            many[i].relation = 0;
            snprintf(many[i].src, sizeof many[i].src, "hub");
            many[i].src_length = 3;
            many[i].time = many[i].time % 3;
            many[i].amount %= 2;
        } else if (many[i].relation > 1) {
            many[i].relation = i % 3 == 0 ? many[i].relation : 0;
        }
    }
    world_options options = {.threads = 2, .block_rows = 6000, .blocks_per_append = 8};
    options.keep_rows = true;
    ingest(first, many, HUB, options);
    options.runs = true;
    world_shuffle(many, HUB, 5);
    ingest(other, many, HUB, options);
    assert_same_bytes(first, other);
    assert_sound(other);
    world_remove(first);
    world_remove(other);
    free(many);
}

static void says_the_same_in_one_batch_or_ten(void **state)
{
    char one[256];
    char ten[256];
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        world_path(one, "one");
        world_path(ten, "ten");
        world_fill(rows, ROWS, seed, seed * 100);
        ingest(one, rows, ROWS, (world_options)WORLD_DEFAULTS);
        for (size_t i = 0; i < 10; i++) {
            ingest(ten, rows + i * ROWS / 10, ROWS / 10, (world_options)WORLD_DEFAULTS);
        }
        world_lines a = dump(one, true);
        world_lines b = dump(ten, true);
        world_assert_equal(&a, &b);
        assert_sound(ten);
        world_free(&a);
        world_free(&b);
        world_remove(one);
        world_remove(ten);
    }
}

static void finds_every_id_and_no_other(void **state)
{
    char path[256];
    rs_error err = {0};
    rs_store *store = NULL;
    (void)state;
    world_path(path, "find");
    world_fill(rows, ROWS, 5, 300);
    ingest(path, rows, ROWS / 2, (world_options)WORLD_DEFAULTS);
    ingest(path, rows + ROWS / 2, ROWS / 2, (world_options)WORLD_DEFAULTS);
    assert_int_equal(rs_store_open(&store, path, &err), RS_OK);
    for (size_t type = 0; type < rs_store_type_count(store); type++) {
        world_ids ids = {0};
        uint32_t node = 0;
        assert_int_equal(world_read_ids(store, type, &ids, &err), RS_OK);
        for (uint32_t i = 0; i < ids.count; i++) {
            assert_int_equal(rs_store_find(store, type, ids.ids[i], &node, &err), RS_OK);
            assert_int_equal(node, i);
            /* One byte more, one byte less. */
            char longer[64];
            memcpy(longer, ids.ids[i].bytes, ids.ids[i].length);
            longer[ids.ids[i].length] = '~';
            rs_text stranger = {longer, ids.ids[i].length + 1};
            assert_int_equal(rs_store_find(store, type, stranger, &node, &err), RS_OK);
            assert_int_equal(node, RS_NO_NODE);
        }
        for (uint32_t i = 0; i < ids.count; i++) {
            free((void *)(uintptr_t)ids.ids[i].bytes);
        }
        free(ids.ids);
    }
    rs_store_close(store);
    world_remove(path);
}

/* A segment is sorted, its counts and times are those of the relation. */
static void keeps_edges_in_order(void **state)
{
    char path[256];
    rs_error err = {0};
    rs_store *store = NULL;
    (void)state;
    world_path(path, "order");
    world_fill(rows, ROWS, 9, 12);
    ingest(path, rows, ROWS, (world_options)WORLD_DEFAULTS);
    assert_int_equal(rs_store_open(&store, path, &err), RS_OK);
    for (size_t r = 0; r < rs_store_relation_count(store); r++) {
        rs_scan *scan = NULL;
        rs_edges run = {0};
        uint64_t seen = 0;
        assert_int_equal(rs_scan_open(&scan, store, r, 3, &err), RS_OK);
        assert_int_equal(rs_scan_next(scan, &run, &err), RS_OK);
        for (size_t i = 1; i < run.count; i++) {
            int64_t a[4] = {run.src[i - 1], run.dst[i - 1], run.time ? run.time[i - 1] : 0,
                            run.amount ? run.amount[i - 1] : 0};
            int64_t b[4] = {run.src[i], run.dst[i], run.time ? run.time[i] : 0,
                            run.amount ? run.amount[i] : 0};
            int k = 0;
            while (k < 3 && a[k] == b[k]) {
                k++;
            }
            assert_true(a[k] <= b[k]);
        }
        seen += run.count;
        assert_int_equal(seen, rs_store_relation(store, r).edge_count);
        rs_scan_close(scan);
    }
    rs_store_close(store);
    world_remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_what_went_in),
        cmocka_unit_test(writes_the_same_bytes_for_any_order_blocks_and_threads),
        cmocka_unit_test(writes_the_same_bytes_through_runs),
        cmocka_unit_test(merges_runs_of_a_hub),
        cmocka_unit_test(says_the_same_in_one_batch_or_ten),
        cmocka_unit_test(finds_every_id_and_no_other),
        cmocka_unit_test(keeps_edges_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
