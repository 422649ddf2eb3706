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

static void compact(const char *store, const rs_compact_options *options, rs_compact_result *result)
{
    rs_error err = {0};
    rs_work work = {.threads = 2};
    if (rs_compact(store, options, &work, result, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
    assert_sound(store);
}

static const rs_compact_options variants[] = {
    {.renumber = false, .reverse = false}, {.renumber = false, .reverse = true},
    {.renumber = true, .reverse = false},  {.renumber = true, .reverse = true},
    {.keep = 1, .reverse = true},          {.keep = 2, .renumber = true, .reverse = true},
    {.keep = 9, .renumber = true},
};
enum { VARIANTS = sizeof variants / sizeof *variants };

static void says_the_same_once_compacted(void **state)
{
    static const char *const names[] = {"one", "two", "three"};
    (void)state;
    for (size_t v = 0; v < VARIANTS; v++) {
        rs_compact_result result = {0};
        world_path(path, "compact");
        world_path(other, "loose");
        for (int night = 0; night < NIGHTS; night++) {
            ingest(path, night, names[night]);
            ingest(other, night, names[night]);
        }
        compact(path, &variants[v], &result);
        assert_int_equal(result.edges_after, result.edges_before);
        assert_int_equal(result.nodes_after, result.nodes_before);
        assert_same(path, other, true);
        size_t segments = variants[v].keep < NIGHTS ? 1 + variants[v].keep : NIGHTS;
        assert_int_equal(count_files(path, ".edges"), segments * WORLD_RELATIONS);
        assert_int_equal(count_files(path, ".back"),
                         variants[v].reverse ? segments * WORLD_RELATIONS : 0);
        /* what was sent is still known, what is new is added, and all of it merges again */
        ingest(path, 2, names[2]);
        assert_same(path, other, true);
        ingest(path, 0, "again");
        ingest(other, 0, "again");
        assert_same(path, other, true);
        assert_sound(path);
        compact(path, &variants[(v + 3) % VARIANTS], &result);
        assert_same(path, other, true);
    }
    world_remove(path);
    world_remove(other);
}

static void forgets_ids_that_only_a_dropped_batch_used(void **state)
{
    static const char *const names[] = {"one", "two", "three"};
    (void)state;
    for (int gone = 0; gone < NIGHTS; gone++) {
        for (size_t v = 0; v < VARIANTS; v++) {
            rs_compact_result result = {0};
            world_path(path, "drop");
            world_path(other, "never");
            for (int night = 0; night < NIGHTS; night++) {
                ingest(path, night, names[night]);
                if (night != gone) {
                    ingest(other, night, names[night]);
                }
                if (night == gone && v % 2 == 0) {
                    compact(path, &(rs_compact_options){.keep = 1, .renumber = true}, &result);
                }
            }
            drop(path, names[gone]);
            compact(path, &variants[v], &result);
            assert_same(path, other, true);
        }
    }
    world_remove(path);
    world_remove(other);
}

static void refuses_to_drop_what_was_merged(void **state)
{
    rs_error err = {0};
    rs_drop_result dropped = {0};
    rs_compact_result result = {0};
    (void)state;
    world_path(path, "merged");
    ingest(path, 0, "one");
    ingest(path, 1, "two");
    ingest(path, 2, "three");
    compact(path, &(rs_compact_options){.keep = 1}, &result);
    assert_int_equal(result.merged_count, 2);
    assert_int_equal(rs_drop_batch(path, "one", NULL, &dropped, &err), RS_EUSAGE);
    assert_int_equal(rs_drop_batch(path, "two", NULL, &dropped, &err), RS_EUSAGE);
    assert_non_null(strstr(err.message, "a compaction merged batch \"two\" with others"));
    drop(path, "three");
    assert_sound(path);
    world_remove(path);
}

/* Lines of the dump of edges that are not older than `cutoff`. */
static void keep_recent(world_lines *lines, int64_t cutoff)
{
    size_t kept = 0;
    for (size_t i = 0; i < lines->count; i++) {
        size_t length = strlen(lines->lines[i]);
        const char *at = lines->lines[i] + length;
        for (int spaces = 0; spaces < 3; at--) { /* time, precision, amount stand last */
            spaces += at[-1] == ' ';
        }
        int64_t time = strtoll(at + 1, NULL, 10);
        if (time == RS_NO_TIME || time >= cutoff) {
            lines->lines[kept++] = lines->lines[i];
        } else {
            free(lines->lines[i]);
        }
    }
    lines->count = kept;
}

static void forgets_what_is_behind_the_window(void **state)
{
    world_lines before = {0};
    world_lines after = {0};
    rs_error err = {0};
    rs_store *store = NULL;
    int64_t latest = RS_NO_TIME;
    (void)state;
    world_path(path, "window");
    ingest(path, 0, "one");
    ingest(path, 1, "two");
    assert_int_equal(rs_store_open(&store, path, &err), RS_OK);
    for (size_t i = 0; i < rs_store_relation_count(store); i++) {
        int64_t time = rs_store_relation(store, i).time_max;
        latest = time > latest ? time : latest;
    }
    rs_store_close(store);
    dump(path, false, &before);
    rs_compact_result result = {0};
    rs_compact_options options = RS_COMPACT_DEFAULTS;
    options.window_s = INT64_MAX - 20000;
    compact(path, &options, &result);
    dump(path, false, &after);
    keep_recent(&before, latest - options.window_s);
    assert_true(result.edges_after < result.edges_before);
    assert_true(result.nodes_after < result.nodes_before);
    world_assert_equal(&after, &before);
    world_free(&before);
    world_free(&after);
    world_remove(path);
}

static void erases_a_node_with_all_that_names_it(void **state)
{
    world_lines before = {0};
    world_lines after = {0};
    char id[24];
    char hex[64];
    char word[80];
    size_t length = 0;
    (void)state;
    world_path(path, "erase");
    ingest(path, 0, "one");
    ingest(path, 1, "two");
    dump(path, true, &before);
    world_id(id, &length, 1);
    world_escape(hex, id, length);
    rs_node_name erased[] = {{.type = "account", .id = {id, length}},
                             {.type = "account", .id = {"nobody", 6}},
                             {.type = "planet", .id = {"x", 1}}};
    rs_compact_options options = {.reverse = true, .erased = erased, .erased_count = 3};
    rs_compact_result result = {0};
    compact(path, &options, &result);
    assert_true(result.edges_after < result.edges_before);
    dump(path, true, &after);
    snprintf(word, sizeof word, " %s ", hex);
    for (size_t i = 0; i < after.count; i++) {
        bool edge =
            strncmp(after.lines[i], "node", 4) != 0 && strncmp(after.lines[i], "value", 5) != 0;
        bool payment = strncmp(after.lines[i], "pays", 4) == 0;
        const char *found = strstr(after.lines[i], word);
        assert_false(edge && payment && found != NULL);
        snprintf(word, sizeof word, "node account %s", hex);
        assert_string_not_equal(after.lines[i], word);
        snprintf(word, sizeof word, " %s ", hex);
    }
    assert_true(after.count < before.count);
    world_free(&before);
    world_free(&after);
    world_remove(path);
}

static int stop(void *context, const rs_progress *now)
{
    int *left = context;
    (void)now;
    return (*left)-- <= 0;
}

static void leaves_the_store_as_it_was_when_stopped(void **state)
{
    rs_error err = {0};
    world_path(path, "stopped");
    world_path(other, "whole");
    (void)state;
    for (int night = 0; night < 2; night++) {
        ingest(path, night, night == 0 ? "one" : "two");
        ingest(other, night, night == 0 ? "one" : "two");
    }
    rs_status status = RS_EINTERRUPTED;
    size_t parts = count_files(path, ".dict");
    for (int allowed = 0; status == RS_EINTERRUPTED; allowed++) {
        int left = allowed;
        rs_work work = {.progress = stop, .context = &left};
        rs_compact_options options = RS_COMPACT_DEFAULTS;
        rs_compact_result result = {0};
        status = rs_compact(path, &options, &work, &result, &err);
        assert_true(status == RS_OK || status == RS_EINTERRUPTED);
        assert_same(path, other, true);
        assert_int_equal(count_files(path, ".dict"), status == RS_OK ? 3 : parts);
        assert_true(allowed < 500);
    }
    assert_sound(path);
    world_remove(path);
    world_remove(other);
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

/* Every other night is dropped in the end, the rest merged: a reader of the old snapshot goes on,
 * with files it has open and with files it still has to open. */
static void lets_readers_go_on_with_their_snapshot(void **state)
{
    enum { MANY = 60 };
    rs_error err = {0};
    rs_store *store = NULL;
    rs_scan *scan = NULL;
    rs_edges run = {0};
    uint64_t seen = 0;
    (void)state;
    world_path(path, "snapshot");
    for (int i = 0; i < MANY; i++) { /* more files than a store keeps open */
        char name[16];
        rsi_commit commit = {0};
        world_options options = WORLD_DEFAULTS;
        snprintf(name, sizeof name, "n%d", i);
        options.batch = name;
        world_fill(rows[0], 60, 500 + (uint64_t)i, 150);
        assert_int_equal(world_ingest(path, rows[0], 60, &options, &commit, &err), RS_OK);
    }
    assert_int_equal(rs_store_open(&store, path, &err), RS_OK);
    assert_int_equal(rs_scan_open(&scan, store, 3, RS_SCAN_TIME, &err), RS_OK);
    assert_int_equal(rs_scan_next(scan, &run, &err), RS_OK);
    seen = run.count;
    rs_compact_result result = {0};
    for (int i = 0; i < MANY; i += 2) {
        char name[16];
        rs_drop_result dropped = {0};
        snprintf(name, sizeof name, "n%d", i);
        assert_int_equal(rs_drop_batch(path, name, NULL, &dropped, &err), RS_OK);
    }
    compact(path, &(rs_compact_options){.renumber = true}, &result);
    assert_true(count_files(path, ".edges") > WORLD_RELATIONS); /* the reader's are there */
    while (run.count > 0) {
        if (rs_scan_next(scan, &run, &err) != RS_OK) {
            fail_msg("%s", err.message);
        }
        seen += run.count;
    }
    assert_int_equal(seen, rs_store_relation(store, 3).edge_count);
    rs_scan_close(scan);
    rs_store_close(store);
    compact(path, &(rs_compact_options){.renumber = true}, &result);
    assert_int_equal(count_files(path, ".edges"), WORLD_RELATIONS);
    world_remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forgets_a_batch_as_if_it_had_never_been_sent),
        cmocka_unit_test(forgets_the_event_keys_of_a_batch),
        cmocka_unit_test(refuses_a_batch_or_a_store_that_is_not_there),
        cmocka_unit_test(says_the_same_once_compacted),
        cmocka_unit_test(forgets_ids_that_only_a_dropped_batch_used),
        cmocka_unit_test(refuses_to_drop_what_was_merged),
        cmocka_unit_test(forgets_what_is_behind_the_window),
        cmocka_unit_test(erases_a_node_with_all_that_names_it),
        cmocka_unit_test(leaves_the_store_as_it_was_when_stopped),
        cmocka_unit_test(leaves_files_to_readers_that_may_still_open_them),
        cmocka_unit_test(lets_readers_go_on_with_their_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
