/* test_store_golden.c - stores of every version of the format are read for ever, and say what they
 * said when they were made.
 *
 * tests/format/golden/NAME is a store, NAME.txt what it holds, by external ids. A store made anew
 * with `test_store_golden DIRECTORY > NAME.txt` is added, none is ever changed.
 *   v1   two nights, the first with row sources; event keys, two currencies, attributes
 *   v2   the same two compacted, a third dropped, a fourth appended: a home, a permuted part, parts
 *        of nobody, a gap in event keys, reverse files
 *   v3   that one compacted, and a fifth appended with row sources: all forms of a column but CLASS
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "../unit/store/store_world.h"

#include "ringscope/maintain.h"

#define GOLDEN RS_SOURCE_DIR "/tests/format/golden/"

static void assert_says(const char *store, const char *expected)
{
    char line[512];
    rs_error err = {0};
    world_lines lines = {0};
    size_t at = 0;
    if (rs_store_verify(store, NULL, NULL, &err) != RS_OK ||
        world_dump(store, true, &lines, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
    FILE *file = fopen(expected, "r");
    assert_non_null(file);
    for (; fgets(line, sizeof line, file) != NULL; at++) {
        line[strcspn(line, "\n")] = '\0';
        assert_true(at < lines.count);
        assert_string_equal(lines.lines[at], line);
    }
    fclose(file);
    assert_int_equal(at, lines.count);
    assert_true(at > 100);
    world_free(&lines);
}

static void copy_store(const char *from, const char *to)
{
    char name[1024];
    char bytes[4096];
    assert_int_equal(mkdir(to, 0777), 0);
    DIR *listing = opendir(from);
    assert_non_null(listing);
    for (struct dirent *e = readdir(listing); e != NULL; e = readdir(listing)) {
        if (e->d_name[0] == '.') {
            continue;
        }
        snprintf(name, sizeof name, "%s/%s", from, e->d_name);
        FILE *in = fopen(name, "rb");
        snprintf(name, sizeof name, "%s/%s", to, e->d_name);
        FILE *out = fopen(name, "wb");
        assert_non_null(in);
        assert_non_null(out);
        for (size_t got = fread(bytes, 1, sizeof bytes, in); got > 0;
             got = fread(bytes, 1, sizeof bytes, in)) {
            assert_int_equal(fwrite(bytes, 1, got, out), got);
        }
        fclose(in);
        fclose(out);
    }
    closedir(listing);
}

static void reads_every_version(void **state)
{
    (void)state;
    assert_says(GOLDEN "v1", GOLDEN "v1.txt");
    assert_says(GOLDEN "v2", GOLDEN "v2.txt");
    assert_says(GOLDEN "v3", GOLDEN "v3.txt");
}

static void brings_an_old_store_to_this_version(void **state)
{
    char path[256];
    rs_error err = {0};
    rs_compact_result result = {0};
    rs_compact_options options = RS_COMPACT_DEFAULTS;
    (void)state;
    world_path(path, "golden");
    copy_store(GOLDEN "v1", path);
    assert_int_equal(rs_compact(path, &options, NULL, &result, &err), RS_OK);
    assert_int_equal(result.merged_count, 2);
    assert_says(path, GOLDEN "v1.txt");
    world_remove(path);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_version),
        cmocka_unit_test(brings_an_old_store_to_this_version),
    };
    if (argc == 2) {
        rs_error err = {0};
        world_lines lines = {0};
        rs_status status = world_dump(argv[1], true, &lines, &err);
        for (size_t i = 0; i < lines.count; i++) {
            puts(lines.lines[i]);
        }
        world_free(&lines);
        return status == RS_OK ? 0 : 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
