/* test_store_memory.c - each allocation of a batch and of its reading fails once: the call says so,
 * the store is as it was, nothing leaks (the sanitizer looks).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc */
#include "../unit/failing_memory.h"
#include "../unit/store/store_world.h"

enum { ROWS = 120 };
static world_row rows[ROWS];
static char path[256];

static int setup(void **state)
{
    (void)state;
    world_path(path, "memory");
    world_fill(rows, ROWS, 8, 30);
    snprintf(rows[0].key, sizeof rows[0].key, "key");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_remove(path);
    return 0;
}

static bool in_runs;

static rs_status ingest(size_t from, size_t to, rs_error *err)
{
    world_options options = WORLD_DEFAULTS;
    options.runs = in_runs;
    options.block_rows = in_runs ? 8 : options.block_rows;
    rsi_commit commit = {0};
    options.keep_rows = true;
    return world_ingest(path, rows + from, to - from, &options, &commit, err);
}

static void survives_every_failed_allocation_of_a_batch(void **state)
{
    (void)state;
    for (int batch = 0; batch < 2; batch++) {
        char before[33] = "";
        rs_status status = RS_ENOMEM;
        for (long n = 0; status != RS_OK; n++) {
            rs_error err = {0};
            rs_store *store = NULL;
            allowed = n;
            status = ingest((size_t)batch * 60, (size_t)batch * 60 + 60, &err);
            allowed = -1;
            if (status == RS_OK) {
                assert_true(n > 100);
                break;
            }
            if (status != RS_ENOMEM || strstr(err.message, "out of memory") == NULL) {
                fail_msg("allocation %ld: %d \"%s\"", n, status, err.message);
            }
            if (batch == 0) {
                assert_int_equal(rs_store_open(&store, path, &err), RS_ENOTFOUND);
                continue;
            }
            assert_int_equal(rs_store_open(&store, path, &err), RS_OK);
            assert_true(before[0] == '\0' || strcmp(before, rs_store_digest(store)) == 0);
            memcpy(before, rs_store_digest(store), sizeof before);
            rs_store_close(store);
        }
        rs_error err = {0};
        assert_int_equal(rs_store_verify(path, NULL, NULL, &err), RS_OK);
    }
}

static void survives_every_failed_allocation_of_a_batch_in_runs(void **state)
{
    in_runs = true;
    survives_every_failed_allocation_of_a_batch(state);
    in_runs = false;
}

/* Everything that a reader can ask for, with no allocation of the test's own. */
static rs_status read_all(rs_error *err)
{
    rs_store *store = NULL;
    rs_scan *scan = NULL;
    rs_names *names = NULL;
    rs_values *values = NULL;
    rs_edges run = {0};
    uint32_t node = 0;
    rs_text text = {0};
    size_t count = 0;
    rs_row_source source = {0};
    rs_status status = rs_store_open(&store, path, err);
    if (status == RS_OK) {
        status = rs_scan_open(&scan, store, 0, 3, err);
    }
    status = status == RS_OK ? rs_scan_next(scan, &run, err) : status;
    status = status == RS_OK ? rs_names_open(&names, store, 0, err) : status;
    status = status == RS_OK ? rs_names_next(names, &node, &text, err) : status;
    status = status == RS_OK ? rs_store_find(store, 0, text, &node, err) : status;
    status = status == RS_OK ? rs_values_open(&values, store, 0, err) : status;
    status = status == RS_OK ? rs_values_next(values, &node, &text, err) : status;
    status = status == RS_OK
                 ? rs_store_row_sources(store, 0, run.src[0], run.dst[0], 1, &source, &count, err)
                 : status;
    rs_values_close(values);
    rs_names_close(names);
    rs_scan_close(scan);
    rs_store_close(store);
    return status == RS_OK ? rs_store_verify(path, NULL, NULL, err) : status;
}

static void survives_every_failed_allocation_of_a_reader(void **state)
{
    (void)state;
    rs_error err = {0};
    assert_int_equal(ingest(0, ROWS, &err), RS_OK);
    rs_status status = RS_ENOMEM;
    for (long n = 0; status != RS_OK; n++) {
        allowed = n;
        status = read_all(&err);
        allowed = -1;
        if (status != RS_OK &&
            (status != RS_ENOMEM || strstr(err.message, "out of memory") == NULL)) {
            fail_msg("allocation %ld: %d \"%s\"", n, status, err.message);
        }
        assert_true(status != RS_OK || n > 50);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(survives_every_failed_allocation_of_a_batch, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(survives_every_failed_allocation_of_a_batch_in_runs, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(survives_every_failed_allocation_of_a_reader, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
