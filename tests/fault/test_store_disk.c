/* test_store_disk.c - each write, sync and rename of a batch fails once, or is the last thing that
 * the process does: the store is the one before or the one after.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: write pwrite pread fsync renameat openat unlinkat */
#include "../unit/store/store_world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>

ssize_t __real_write(int descriptor, const void *bytes, size_t length);
ssize_t __real_pwrite(int descriptor, const void *bytes, size_t length, off_t at);
ssize_t __real_pread(int descriptor, void *bytes, size_t length, off_t at);
int __real_unlinkat(int directory, const char *name, int flags);
int __real_fsync(int descriptor);
int __real_renameat(int a, const char *from, int b, const char *to);
int __real_openat(int directory, const char *name, int flags, ...);
ssize_t __wrap_write(int descriptor, const void *bytes, size_t length);
ssize_t __wrap_pwrite(int descriptor, const void *bytes, size_t length, off_t at);
ssize_t __wrap_pread(int descriptor, void *bytes, size_t length, off_t at);
int __wrap_unlinkat(int directory, const char *name, int flags);
int __wrap_fsync(int descriptor);
int __wrap_renameat(int a, const char *from, int b, const char *to);
int __wrap_openat(int directory, const char *name, int flags, ...);

static long allowed = -1; /* calls until one fails; negative: none does */
static bool killed;       /* die there instead, half of the write done */
static bool in_runs;      /* ingest through runs, and fail the calls that these make as well */

static bool fails(void)
{
    return allowed >= 0 && allowed-- == 0;
}

static void die(void)
{
    kill(getpid(), SIGKILL);
}

ssize_t __wrap_write(int descriptor, const void *bytes, size_t length)
{
    if (!fails()) {
        return __real_write(descriptor, bytes, length);
    }
    if (killed) {
        (void)!__real_write(descriptor, bytes, length / 2);
        die();
    }
    errno = ENOSPC;
    return -1;
}

ssize_t __wrap_pwrite(int descriptor, const void *bytes, size_t length, off_t at)
{
    if (!in_runs || !fails()) {
        return __real_pwrite(descriptor, bytes, length, at);
    }
    if (killed) {
        (void)!__real_pwrite(descriptor, bytes, length / 2, at);
        die();
    }
    errno = ENOSPC;
    return -1;
}

ssize_t __wrap_pread(int descriptor, void *bytes, size_t length, off_t at)
{
    if (!in_runs || killed || !fails()) {
        return __real_pread(descriptor, bytes, length, at);
    }
    errno = EIO;
    return -1;
}

int __wrap_unlinkat(int directory, const char *name, int flags)
{
    if (in_runs && killed && strcmp(name, "tmp-spill") == 0 && fails()) {
        die();
    }
    return __real_unlinkat(directory, name, flags);
}

int __wrap_fsync(int descriptor)
{
    if (!fails()) {
        return __real_fsync(descriptor);
    }
    if (killed) {
        die();
    }
    errno = EIO;
    return -1;
}

int __wrap_renameat(int a, const char *from, int b, const char *to)
{
    if (!fails()) {
        return __real_renameat(a, from, b, to);
    }
    if (killed) {
        die();
    }
    errno = EACCES;
    return -1;
}

int __wrap_openat(int directory, const char *name, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    unsigned mode = (flags & O_CREAT) != 0 ? va_arg(args, unsigned) : 0;
    va_end(args);
    if ((flags & O_CREAT) == 0 || !fails()) {
        return __real_openat(directory, name, flags, mode);
    }
    if (killed) {
        die();
    }
    errno = EMFILE;
    return -1;
}

enum { ROWS = 400 };
static world_row rows[ROWS];
static char path[256];

static int setup(void **state)
{
    (void)state;
    world_path(path, "disk");
    world_fill(rows, ROWS, 6, 60);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_remove(path);
    return 0;
}

static rs_status ingest(int batch, rs_error *err)
{
    world_options options = WORLD_DEFAULTS;
    rsi_commit commit = {0};
    options.keep_rows = true;
    options.runs = in_runs;
    return world_ingest(path, rows + batch * ROWS / 2, ROWS / 2, &options, &commit, err);
}

static void snapshot(world_lines *lines)
{
    rs_error err = {0};
    world_dump(path, true, lines, &err);
}

/* The number of batches that the store holds, 0 where there is none; it must be sound. */
static size_t sound_batches(void)
{
    rs_error err = {0};
    rs_store *store = NULL;
    rs_status status = rs_store_open(&store, path, &err);
    if (status != RS_OK) {
        /* A killed first batch leaves a directory without a manifest: no store yet. */
        assert_true(status == RS_ENOTFOUND || strstr(err.message, "is no store") != NULL);
        return 0;
    }
    size_t count = rs_store_batch_count(store);
    rs_store_close(store);
    assert_int_equal(rs_store_verify(path, NULL, NULL, &err), RS_OK);
    return count;
}

static void keeps_the_store_when_the_disk_refuses(void **state)
{
    (void)state;
    for (int batch = 0; batch < 2; batch++) {
        rs_status status = RS_EIO;
        world_lines before = {0};
        snapshot(&before);
        for (long n = 0; status != RS_OK; n++) {
            rs_error err = {0};
            world_lines after = {0};
            allowed = n;
            status = ingest(batch, &err);
            allowed = -1;
            if (status == RS_OK) {
                assert_true(n > 20);
                break;
            }
            assert_int_equal(status, RS_EIO);
            assert_true(err.message[0] != '\0');
            if (strstr(err.message, "sync the folder") != NULL) {
                break; /* published; only its durability is in doubt */
            }
            assert_int_equal(sound_batches(), (size_t)batch);
            snapshot(&after);
            world_assert_equal(&before, &after);
            world_free(&after);
        }
        world_free(&before);
        rs_error err = {0};
        assert_int_equal(ingest(batch, &err), RS_OK); /* the same again: done, or a no-op */
        assert_int_equal(sound_batches(), (size_t)batch + 1);
    }
}

static void is_before_or_after_when_killed(void **state)
{
    (void)state;
    killed = true;
    for (int batch = 0; batch < 2; batch++) {
        bool finished = false;
        for (long n = 0; !finished; n++) {
            pid_t child = fork();
            if (child == 0) {
                rs_error err = {0};
                allowed = n;
                _exit(ingest(batch, &err) == RS_OK ? 0 : 1);
            }
            int result = 0;
            assert_int_equal(waitpid(child, &result, 0), child);
            finished = WIFEXITED(result);
            assert_true(!finished || WEXITSTATUS(result) == 0);
            size_t batches = sound_batches();
            assert_true(batches == (size_t)batch || batches == (size_t)batch + 1);
            if (batches == (size_t)batch + 1) {
                break;
            }
        }
        rs_error err = {0};
        assert_int_equal(ingest(batch, &err), RS_OK);
        assert_int_equal(sound_batches(), (size_t)batch + 1);
    }
    killed = false;
}

/* Nothing but the store's own files, whatever happened in between. */
static void assert_no_leftovers(void)
{
    char name[512];
    snprintf(name, sizeof name, "%s/tmp-spill", path);
    assert_int_equal(access(name, F_OK), -1);
}

static void keeps_the_store_when_the_disk_refuses_runs(void **state)
{
    in_runs = true;
    keeps_the_store_when_the_disk_refuses(state);
    assert_no_leftovers();
    in_runs = false;
}

static void is_before_or_after_when_killed_in_runs(void **state)
{
    in_runs = true;
    is_before_or_after_when_killed(state);
    assert_no_leftovers();
    in_runs = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_the_store_when_the_disk_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(is_before_or_after_when_killed, setup, teardown),
        cmocka_unit_test_setup_teardown(keeps_the_store_when_the_disk_refuses_runs, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(is_before_or_after_when_killed_in_runs, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
