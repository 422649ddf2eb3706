/* test_compact_memory.c - each allocation of a compaction, a drop and a look-up fails once: the
 * call says so, the store is as it was, nothing leaks (the sanitizer looks).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc */
#include "../unit/failing_memory.h"
#include "../unit/store/store_world.h"

#include "ringscope/maintain.h"

enum { ROWS = 120 };
static world_row rows[ROWS];
static char path[256];

static int setup(void **state)
{
    static const char *const names[] = {"one", "two", "three"};
    (void)state;
    world_path(path, "compact-memory");
    world_fill(rows, ROWS, 8, 30);
    for (size_t night = 0; night < 3; night++) {
        rs_error err = {0};
        rsi_commit commit = {0};
        world_options options = WORLD_DEFAULTS;
        options.keep_rows = night == 0;
        options.batch = names[night];
        snprintf(rows[night * 40].key, sizeof rows[0].key, "key%d", (int)night);
        assert_int_equal(world_ingest(path, rows + night * 40, 40, &options, &commit, &err), RS_OK);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_remove(path);
    return 0;
}

static void digest(char out[33])
{
    rs_error err = {0};
    rs_store *store = NULL;
    assert_int_equal(rs_store_open(&store, path, &err), RS_OK);
    memcpy(out, rs_store_digest(store), 33);
    rs_store_close(store);
}

static rs_status compact(rs_error *err)
{
    static const rs_node_name erased = {.type = "account", .id = {"1", 1}};
    rs_compact_options options = {
        .keep = 1, .renumber = true, .reverse = true, .erased = &erased, .erased_count = 1};
    rs_compact_result result;
    return rs_compact(path, &options, NULL, &result, err);
}

static rs_status drop(rs_error *err)
{
    rs_drop_result result;
    return rs_drop_batch(path, "two", NULL, &result, err);
}

static rs_status look_up(rs_error *err)
{
    rs_store *store = NULL;
    rs_status status = rs_store_open(&store, path, err);
    for (int side = RS_SIDE_SRC; status == RS_OK && side <= RS_SIDE_DST; side++) {
        rs_lookup *lookup = NULL;
        rs_namer *namer = NULL;
        rs_edges run = {.count = 1};
        rs_text id = {0};
        rs_lookup_query query = {.relation = 2,
                                 .side = (rs_side)side,
                                 .nodes = &(const uint32_t){0},
                                 .node_count = 1,
                                 .columns = RS_SCAN_TIME | RS_SCAN_AMOUNT};
        status = rs_lookup_open(&lookup, store, &query, err);
        while (status == RS_OK && run.count > 0) {
            status = rs_lookup_next(lookup, &run, err);
        }
        status = status == RS_OK ? rs_namer_open(&namer, store, 0, err) : status;
        status = status == RS_OK ? rs_namer_name(namer, 1, &id, err) : status;
        rs_namer_close(namer);
        rs_lookup_close(lookup);
    }
    rs_store_close(store);
    return status;
}

/* Until it succeeds: each failure is one of memory, and leaves the store as it was. */
static void fail_each(rs_status (*call)(rs_error *err), long least)
{
    char before[33];
    char after[33];
    rs_status status = RS_ENOMEM;
    digest(before);
    for (long n = 0; status != RS_OK; n++) {
        rs_error err = {0};
        allowed = n;
        status = call(&err);
        allowed = -1;
        if (status == RS_OK) {
            assert_true(n > least);
            break;
        }
        if (status != RS_ENOMEM || strstr(err.message, "out of memory") == NULL) {
            fail_msg("allocation %ld: %d \"%s\"", n, status, err.message);
        }
        digest(after);
        assert_string_equal(before, after);
    }
    rs_error err = {0};
    if (rs_store_verify(path, NULL, NULL, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
}

static void survives_every_failed_allocation_of_a_drop(void **state)
{
    (void)state;
    fail_each(drop, 50);
}

static void survives_every_failed_allocation_of_a_compaction(void **state)
{
    (void)state;
    fail_each(compact, 200);
}

static void survives_every_failed_allocation_of_a_look_up(void **state)
{
    rs_error err = {0};
    (void)state;
    assert_int_equal(compact(&err), RS_OK);
    fail_each(look_up, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(survives_every_failed_allocation_of_a_drop, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(survives_every_failed_allocation_of_a_compaction, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(survives_every_failed_allocation_of_a_look_up, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
