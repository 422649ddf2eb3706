/* test_store_damage.c - a store that was damaged in any one place: verify finds it, and readers
 * report it or give what the undamaged store gives. Every bit, every length, blocks and files in
 * each other's place.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "../unit/store/store_world.h"

#include <fcntl.h>

#include "base/bytes.h"

/* With sanitizers, which cost a factor of ten, one bit of every byte, else all of them. */
#ifdef __SANITIZE_ADDRESS__
#define STEP 9
#else
#define STEP 1
#endif

enum { ROWS = 24, FILES_MAX = 40 };

typedef struct world_file {
    char path[700];
    uint8_t *bytes;
    size_t length;
} world_file;

/* A store with every kind of file, as small as may be, and what it says. */
typedef struct victim {
    char path[256];
    world_file files[FILES_MAX];
    size_t file_count;
    world_lines lines;
} victim;

static void load(world_file *file)
{
    FILE *in = fopen(file->path, "rb");
    assert_non_null(in);
    file->bytes = malloc(1 << 20);
    file->length = fread(file->bytes, 1, 1 << 20, in);
    fclose(in);
}

static void save(const char *path, const uint8_t *bytes, size_t length)
{
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, length, out), length);
    fclose(out);
}

static int make_victim(void **state)
{
    static world_row rows[ROWS];
    victim *it = calloc(1, sizeof *it);
    rs_error err = {0};
    rsi_commit commit = {0};
    world_options options = WORLD_DEFAULTS;
    options.keep_rows = true;
    char path[256];
    world_path(path, "victim");
    memcpy(it->path, path, sizeof path);
    world_fill(rows, ROWS, 4, 12);
    rows[1].relation = WORLD_VALUE;
    snprintf(rows[3].key, sizeof rows[3].key, "k1");
    rows[3].relation = 0;
    for (int i = 0; i < 2; i++) {
        if (world_ingest(it->path, rows + i * ROWS / 2, ROWS / 2, &options, &commit, &err) !=
            RS_OK) {
            print_error("%s\n", err.message);
            return 1;
        }
    }
    DIR *listing = opendir(it->path);
    for (struct dirent *e = readdir(listing); e != NULL; e = readdir(listing)) {
        if (e->d_name[0] != '.' && strcmp(e->d_name, "lock") != 0) {
            world_file *file = &it->files[it->file_count++];
            snprintf(file->path, sizeof file->path, "%.300s/%.300s", path, e->d_name);
            load(file);
        }
    }
    closedir(listing);
    if (world_dump(it->path, true, &it->lines, &err) != RS_OK) {
        return 1;
    }
    *state = it;
    return 0;
}

static int free_victim(void **state)
{
    victim *it = *state;
    world_remove(it->path);
    world_free(&it->lines);
    for (size_t i = 0; i < it->file_count; i++) {
        free(it->files[i].bytes);
    }
    free(it);
    return 0;
}

/* Verify must find it; reading must fail or give the same. */
static void assert_found(const victim *it, const char *what, size_t where)
{
    rs_error err = {0};
    uint64_t damage = 0;
    rs_status status = rs_store_verify(it->path, NULL, &damage, &err);
    if (status != RS_ECORRUPT || damage == 0 || err.message[0] == '\0') {
        fail_msg("%s at %zu: status %d, damage %d, \"%s\"", what, where, status, (int)damage,
                 err.message);
    }
    world_lines lines = {0};
    if (world_dump(it->path, true, &lines, &err) == RS_OK) {
        world_assert_equal(&it->lines, &lines);
    }
    world_free(&lines);
}

static void finds_every_flipped_bit(void **state)
{
    victim *it = *state;
    for (size_t f = 0; f < it->file_count; f++) {
        const world_file *file = &it->files[f];
        int descriptor = open(file->path, O_WRONLY);
        assert_true(descriptor >= 0);
        for (size_t bit = 0; bit < file->length * 8; bit += STEP) {
            uint8_t byte = (uint8_t)(file->bytes[bit / 8] ^ 1u << bit % 8);
            assert_int_equal(pwrite(descriptor, &byte, 1, (off_t)(bit / 8)), 1);
            assert_found(it, file->path, bit);
            assert_int_equal(pwrite(descriptor, &file->bytes[bit / 8], 1, (off_t)(bit / 8)), 1);
        }
        close(descriptor);
    }
}

static void finds_every_truncation(void **state)
{
    victim *it = *state;
    for (size_t f = 0; f < it->file_count; f++) {
        const world_file *file = &it->files[f];
        for (size_t length = 0; length < file->length; length++) {
            save(file->path, file->bytes, length);
            assert_found(it, file->path, length);
        }
        save(file->path, file->bytes, file->length);
    }
}

static void finds_appended_bytes(void **state)
{
    victim *it = *state;
    for (size_t f = 0; f < it->file_count; f++) {
        const world_file *file = &it->files[f];
        file->bytes[file->length] = '\n';
        save(file->path, file->bytes, file->length + 1);
        assert_found(it, file->path, file->length);
        save(file->path, file->bytes, file->length);
    }
}

static void finds_files_in_each_others_place(void **state)
{
    victim *it = *state;
    for (size_t a = 0; a < it->file_count; a++) {
        for (size_t b = 0; b < it->file_count; b++) {
            if (a != b) {
                save(it->files[a].path, it->files[b].bytes, it->files[b].length);
                assert_found(it, it->files[a].path, b);
            }
        }
        save(it->files[a].path, it->files[a].bytes, it->files[a].length);
    }
}

static void finds_missing_files(void **state)
{
    victim *it = *state;
    for (size_t f = 0; f < it->file_count; f++) {
        unlink(it->files[f].path);
        assert_found(it, it->files[f].path, 0);
        save(it->files[f].path, it->files[f].bytes, it->files[f].length);
    }
}

static void finds_zeroed_and_swapped_pieces(void **state)
{
    victim *it = *state;
    static const size_t pieces[] = {8, 16, 64, 512};
    for (size_t f = 0; f < it->file_count; f++) {
        const world_file *file = &it->files[f];
        uint8_t *copy = malloc(file->length);
        for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
            size_t piece = pieces[p];
            for (size_t at = 0; at + piece <= file->length; at += piece) {
                memcpy(copy, file->bytes, file->length);
                memset(copy + at, 0, piece);
                if (memcmp(copy, file->bytes, file->length) != 0) {
                    save(file->path, copy, file->length);
                    assert_found(it, file->path, at);
                }
                memcpy(copy, file->bytes, file->length);
                if (at >= piece) {
                    memcpy(copy + at, file->bytes + at - piece, piece);
                    memcpy(copy + at - piece, file->bytes + at, piece);
                }
                if (memcmp(copy, file->bytes, file->length) != 0) {
                    save(file->path, copy, file->length);
                    assert_found(it, file->path, at);
                }
            }
        }
        free(copy);
        save(file->path, file->bytes, file->length);
    }
}

/* The store as it was a batch ago: old manifest with new files is that old store, and sound; a new
 * manifest with an older file of the same name is not. */
static void ignores_files_that_nothing_names(void **state)
{
    victim *it = *state;
    char path[700];
    rs_error err = {0};
    snprintf(path, sizeof path, "%s/b00000009-0000.dict", it->path);
    save(path, (const uint8_t *)"left by a killed writer", 23);
    assert_int_equal(rs_store_verify(it->path, NULL, NULL, &err), RS_OK);
    unlink(path);
}

static void is_whole_again_after_all_that(void **state)
{
    victim *it = *state;
    rs_error err = {0};
    world_lines lines = {0};
    assert_int_equal(rs_store_verify(it->path, NULL, NULL, &err), RS_OK);
    assert_int_equal(world_dump(it->path, true, &lines, &err), RS_OK);
    world_assert_equal(&it->lines, &lines);
    world_free(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_every_flipped_bit),
        cmocka_unit_test(finds_every_truncation),
        cmocka_unit_test(finds_appended_bytes),
        cmocka_unit_test(finds_files_in_each_others_place),
        cmocka_unit_test(finds_missing_files),
        cmocka_unit_test(finds_zeroed_and_swapped_pieces),
        cmocka_unit_test(ignores_files_that_nothing_names),
        cmocka_unit_test(is_whole_again_after_all_that),
    };
    return cmocka_run_group_tests(tests, make_victim, free_victim);
}
