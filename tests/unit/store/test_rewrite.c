/* test_rewrite.c - what is forgotten is gone, what is merged says the same, readers keep what they
 * opened.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store_world.h"

#include <fcntl.h>
#include <sys/file.h>

#include "ringscope/maintain.h"

enum { ROWS = 1500, NIGHTS = 3 };

static world_row rows[NIGHTS][ROWS];
static char path[256];
static char other[256];

static void ingest(const char *store, int night, const char *name)
{
    rs_error err = {0};
    rsi_commit commit = {0};
    world_options options = WORLD_DEFAULTS;
    options.batch = name;
    options.keep_rows = night == 1;
    world_fill(rows[night], ROWS, 100 + (uint64_t)night, 150);
    if (world_ingest(store, rows[night], ROWS, &options, &commit, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
}

static void assert_sound(const char *store)
{
    rs_error err = {0};
    if (rs_store_verify(store, NULL, NULL, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
}

static void dump(const char *store, bool values, world_lines *lines)
{
    rs_error err = {0};
    if (world_dump(store, values, lines, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
}

static void assert_same(const char *a, const char *b, bool values)
{
    world_lines left = {0};
    world_lines right = {0};
    dump(a, values, &left);
    dump(b, values, &right);
    world_assert_equal(&left, &right);
    world_free(&left);
    world_free(&right);
}

static size_t count_files(const char *store, const char *ending)
{
    size_t count = 0;
    DIR *listing = opendir(store);
    for (struct dirent *e = readdir(listing); e != NULL; e = readdir(listing)) {
        size_t length = strlen(e->d_name);
        count +=
            length > strlen(ending) && strcmp(e->d_name + length - strlen(ending), ending) == 0;
    }
    closedir(listing);
    return count;
}

static void drop(const char *store, const char *name)
{
    rs_error err = {0};
    rs_drop_result result = {0};
    if (rs_drop_batch(store, name, NULL, &result, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(result.row_count, ROWS);
    assert_true(result.bytes_after < result.bytes_before);
}

static void forgets_a_batch_as_if_it_had_never_been_sent(void **state)
{
    static const char *const names[] = {"one", "two", "three"};
    (void)state;
    for (int gone = 0; gone < NIGHTS; gone++) {
        world_path(path, "drop");
        world_path(other, "never");
        for (int night = 0; night < NIGHTS; night++) {
            ingest(path, night, names[night]);
            if (night != gone) {
                ingest(other, night, names[night]);
            }
        }
        drop(path, names[gone]);
        assert_same(path, other, false);
        assert_sound(path);
        /* and may come back */
        ingest(path, gone, names[gone]);
        ingest(other, gone, names[gone]);
        assert_same(path, other, true);
        assert_sound(path);
    }
    world_remove(path);
    world_remove(other);
}

static void forgets_the_event_keys_of_a_batch(void **state)
{
    rs_error err = {0};
    rsi_commit commit = {0};
    rs_drop_result result = {0};
    world_options options = WORLD_DEFAULTS;
    static world_row events[3];
    (void)state;
    world_path(path, "keys");
    memset(events, 0, sizeof events);
    for (int i = 0; i < 3; i++) {
        world_id(events[i].src, &events[i].src_length, 11);
        world_id(events[i].dst, &events[i].dst_length, 12);
        events[i].precision_s = 1;
        events[i].time = i;
        snprintf(events[i].key, sizeof events[i].key, "k%d", i);
    }
    options.batch = "one";
    assert_int_equal(world_ingest(path, events, 1, &options, &commit, &err), RS_OK);
    options.batch = "two";
    assert_int_equal(world_ingest(path, events + 1, 1, &options, &commit, &err), RS_OK);
    options.batch = "three";
    assert_int_equal(world_ingest(path, events, 3, &options, &commit, &err), RS_OK);
    assert_int_equal(commit.dropped_count, 2);
    assert_int_equal(rs_drop_batch(path, "two", NULL, &result, &err), RS_OK);
    assert_sound(path);
    options.batch = "four"; /* "k1" is new again, "k0" and "k2" are not */
    assert_int_equal(world_ingest(path, events, 3, &options, &commit, &err), RS_OK);
    assert_int_equal(commit.dropped_count, 2);
    assert_int_equal(commit.edge_count, 1);
    assert_sound(path);
    world_remove(path);
}

static void refuses_a_batch_or_a_store_that_is_not_there(void **state)
{
    rs_error err = {0};
    rs_drop_result result = {0};
    (void)state;
    world_path(path, "none");
    assert_int_equal(rs_drop_batch(path, "one", NULL, &result, &err), RS_ENOTFOUND);
    assert_int_equal(access(path, F_OK), -1); /* and nothing was made */
    ingest(path, 0, "one");
    assert_int_equal(rs_drop_batch(path, "two", NULL, &result, &err), RS_ENOTFOUND);
    assert_non_null(strstr(err.message, "there is no batch \"two\""));
    assert_sound(path);
    world_remove(path);
}

static void leaves_files_to_readers_that_may_still_open_them(void **state)
{
    (void)state;
    world_path(path, "reader");
    ingest(path, 0, "one");
    ingest(path, 1, "two");
    size_t before = count_files(path, ".edges");
    int directory = open(path, O_RDONLY | O_DIRECTORY);
    assert_int_equal(flock(directory, LOCK_SH), 0); /* as a reader with files at rest does */
    drop(path, "one");
    assert_int_equal(count_files(path, ".edges"), before);
    ingest(path, 2, "three"); /* a writer while it reads */
    assert_true(count_files(path, ".edges") > before);
    close(directory);
    drop(path, "two");
    assert_int_equal(count_files(path, ".edges"), WORLD_RELATIONS);
    assert_sound(path);
    world_remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forgets_a_batch_as_if_it_had_never_been_sent),
        cmocka_unit_test(forgets_the_event_keys_of_a_batch),
        cmocka_unit_test(refuses_a_batch_or_a_store_that_is_not_there),
        cmocka_unit_test(leaves_files_to_readers_that_may_still_open_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
