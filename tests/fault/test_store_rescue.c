/* test_store_rescue.c - verify, backup, salvage and erasure with each allocation and each call of
 * the system failing once: the call says so, the store is as it was, nothing half made is left.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc fsync linkat renameat write pread */
#include "../unit/store/store_world.h"

#include <errno.h>

#include "ringscope/erase.h"
#include "ringscope/rescue.h"
#include "ringscope/verify.h"

enum { ALLOCATIONS, SYNCS, LINKS, RENAMES, WRITES, KINDS };
static long allowed[KINDS] = {-1, -1, -1, -1, -1}; /* calls until one fails; negative: none does */

static bool fails(int kind)
{
    if (allowed[kind] >= 0 && allowed[kind]-- == 0) {
        errno = kind == ALLOCATIONS ? ENOMEM : kind == LINKS ? EMLINK : EIO;
        return true;
    }
    return false;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
int __real_fsync(int file);
int __real_linkat(int from, const char *old, int to, const char *new, int flags);
int __real_renameat(int from, const char *old, int to, const char *new);
ssize_t __real_write(int file, const void *bytes, size_t length);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
int __wrap_fsync(int file);
int __wrap_linkat(int from, const char *old, int to, const char *new, int flags);
int __wrap_renameat(int from, const char *old, int to, const char *new);
ssize_t __wrap_write(int file, const void *bytes, size_t length);

void *__wrap_malloc(size_t size)
{
    return fails(ALLOCATIONS) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails(ALLOCATIONS) ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return fails(ALLOCATIONS) ? NULL : __real_realloc(memory, size);
}

int __wrap_fsync(int file)
{
    return fails(SYNCS) ? -1 : __real_fsync(file);
}

int __wrap_linkat(int from, const char *old, int to, const char *new, int flags)
{
    return fails(LINKS) ? -1 : __real_linkat(from, old, to, new, flags);
}

int __wrap_renameat(int from, const char *old, int to, const char *new)
{
    return fails(RENAMES) ? -1 : __real_renameat(from, old, to, new);
}

ssize_t __wrap_write(int file, const void *bytes, size_t length)
{
    return fails(WRITES) ? -1 : __real_write(file, bytes, length);
}

/* ---- a store --------------------------------------------------------------------------------- */

enum { ROWS = 120 };
static char path[256];
static char other[256];
static char digest[33];

static int make_store(void **state)
{
    (void)state;
    static world_row rows[ROWS];
    world_options options = WORLD_DEFAULTS;
    rsi_commit commit = {0};
    rs_error err = {0};
    rs_store *store = NULL;
    world_path(path, "rescue");
    world_path(other, "rescued");
    world_fill(rows, ROWS, 8, 30);
    snprintf(rows[0].key, sizeof rows[0].key, "key");
    options.keep_rows = true;
    for (size_t i = 0; i < 2; i++) {
        if (world_ingest(path, rows + i * ROWS / 2, ROWS / 2, &options, &commit, &err) != RS_OK) {
            print_error("%s\n", err.message);
            return 1;
        }
    }
    if (rs_store_open(&store, path, &err) != RS_OK) {
        return 1;
    }
    memcpy(digest, rs_store_digest(store), sizeof digest);
    rs_store_close(store);
    return 0;
}

static int remove_stores(void **state)
{
    (void)state;
    world_remove(path);
    world_remove(other);
    return 0;
}

static void assert_as_it_was(void)
{
    rs_store *store = NULL;
    rs_error err = {0};
    if (rs_store_open(&store, path, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(rs_store_digest(store), digest);
    rs_store_close(store);
}

static void assert_sound(const char *store)
{
    rs_error err = {0};
    if (rs_store_verify(store, NULL, NULL, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
}

/* ---- the calls ------------------------------------------------------------------------------- */

static rs_status check(rs_error *err)
{
    rs_violations list = {0};
    rs_status status = rs_store_check(path, true, NULL, &list, err);
    assert_true(status != RS_OK || list.count == 0);
    rs_violations_free(&list);
    return status;
}

static rs_status copy(rs_error *err)
{
    rs_backup_result result;
    return rs_backup(path, other, NULL, NULL, &result, err);
}

static rs_status copy_all(rs_error *err)
{
    rs_backup_options options = {.copy = true};
    rs_backup_result result;
    return rs_backup(path, other, &options, NULL, &result, err);
}

static rs_status bring_out(rs_error *err)
{
    rs_violations list = {0};
    rs_salvage_result result = {.whole = false};
    rs_status status = rs_salvage(path, other, NULL, &list, &result, err);
    assert_true(status != RS_OK || result.whole);
    rs_violations_free(&list);
    rs_salvage_free(&result);
    return status;
}

/* Each call of a kind fails once, until the whole goes through; of many, every fourth. */
static void survives(int kind, rs_status (*call)(rs_error *err), bool makes, bool cleans)
{
    rs_status status = RS_EIO;
    for (long n = 0; status != RS_OK; n += n < 60 ? 1 : 4) {
        rs_error err = {0};
        assert_true(n < 20000);
        world_remove(other);
        allowed[kind] = n;
        status = call(&err);
        bool failed = allowed[kind] < 0;
        allowed[kind] = -1;
        assert_as_it_was();
        if (status != RS_OK) {
            assert_true(status == (kind == ALLOCATIONS ? RS_ENOMEM : RS_EIO));
            assert_true(err.message[0] != '\0');
            assert_true(!cleans || access(other, F_OK) != 0);
        } else if (makes) {
            assert_sound(other);
        }
        if (status == RS_OK && failed) {
            status = RS_EIO; /* what failed was not needed: go on until nothing does */
        }
    }
}

static void tells_of_every_failure_while_verifying(void **state)
{
    (void)state;
    survives(ALLOCATIONS, check, false, false);
}

static void leaves_nothing_of_a_backup_that_fails(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        survives(kind, copy, true, true);
        survives(kind, copy_all, true, true);
    }
}

static void tells_of_every_failure_of_a_salvage(void **state)
{
    (void)state;
    survives(ALLOCATIONS, bring_out, true, false);
    survives(SYNCS, bring_out, true, false);
    survives(RENAMES, bring_out, true, false);
}

ssize_t __real_pread(int file, void *bytes, size_t length, off_t at);
ssize_t __wrap_pread(int file, void *bytes, size_t length, off_t at);

static long sound_reads = -1; /* until the disk fails for good; negative: it does not */
static bool disk_failed;

ssize_t __wrap_pread(int file, void *bytes, size_t length, off_t at)
{
    if (sound_reads == 0) {
        disk_failed = true;
        errno = EIO;
        return -1;
    }
    sound_reads -= sound_reads > 0;
    return __real_pread(file, bytes, length, at);
}

static void brings_out_what_a_failing_disk_still_gives(void **state)
{
    (void)state;
    bool whole = false;
    for (long n = 60; !whole; n += 3) { /* before that it does not even tell what the files are */
        rs_error err = {0};
        rs_violations list = {0};
        rs_salvage_result result;
        world_remove(other);
        sound_reads = n;
        disk_failed = false;
        rs_status status = rs_salvage(path, other, NULL, &list, &result, &err);
        sound_reads = -1;
        whole = result.whole;
        /* what cannot be read back of the new store ends it */
        assert_true(status == RS_OK || (status == RS_EIO && disk_failed));
        assert_true(status != RS_OK || whole != (list.count > 0 || disk_failed));
        if (status == RS_OK) {
            assert_sound(other);
        }
        rs_violations_free(&list);
        rs_salvage_free(&result);
        assert_true(n < 5000);
    }
}

static int stop_at_once(void *context, const rs_progress *now)
{
    (void)context;
    (void)now;
    return 1;
}

static void stops_when_asked_to(void **state)
{
    (void)state;
    rs_error err = {0};
    rs_violations list = {0};
    rs_work work = {.progress = stop_at_once};
    rs_backup_result result;
    rs_salvage_result salvaged;
    rs_erase_result erased;
    rs_node_name name = {.type = "account", .id = {"1", 1}};
    world_remove(other);
    assert_int_equal(rs_store_check(path, true, &work, &list, &err), RS_EINTERRUPTED);
    assert_int_equal(rs_backup(path, other, NULL, &work, &result, &err), RS_EINTERRUPTED);
    assert_true(access(other, F_OK) != 0);
    assert_int_equal(rs_salvage(path, other, &work, &list, &salvaged, &err), RS_EINTERRUPTED);
    rs_salvage_free(&salvaged);
    rs_violations_free(&list);
    assert_int_equal(rs_erase(path, &name, 1, &work, &erased, &err), RS_EINTERRUPTED);
    assert_int_equal(erased.found_count, 1);
    assert_as_it_was();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_of_every_failure_while_verifying),
        cmocka_unit_test(leaves_nothing_of_a_backup_that_fails),
        cmocka_unit_test(tells_of_every_failure_of_a_salvage),
        cmocka_unit_test(brings_out_what_a_failing_disk_still_gives),
        cmocka_unit_test(stops_when_asked_to),
    };
    return cmocka_run_group_tests(tests, make_store, remove_stores);
}
