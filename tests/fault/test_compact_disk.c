/* test_compact_disk.c - each write, sync, rename, unlink and new file of a compaction and of a drop
 * fails once, or is the last thing that the process does: the store is the one before or the one
 * after, and the next compaction leaves nothing behind.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: write fsync renameat openat unlinkat */
#include "../unit/store/store_world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>

#include "ringscope/maintain.h"

ssize_t __real_write(int descriptor, const void *bytes, size_t length);
int __real_fsync(int descriptor);
int __real_renameat(int a, const char *from, int b, const char *to);
int __real_unlinkat(int directory, const char *name, int flags);
int __real_openat(int directory, const char *name, int flags, ...);
ssize_t __wrap_write(int descriptor, const void *bytes, size_t length);
int __wrap_fsync(int descriptor);
int __wrap_renameat(int a, const char *from, int b, const char *to);
int __wrap_unlinkat(int directory, const char *name, int flags);
int __wrap_openat(int directory, const char *name, int flags, ...);

static long allowed = -1; /* calls until one fails; negative: none does */
static bool killed;       /* die there instead, half of the write done */

/* Is this the call? Then the process may end here. */
static bool fails(int number)
{
    bool it = allowed >= 0 && allowed-- == 0;
    if (it && killed) {
        kill(getpid(), SIGKILL);
    }
    errno = it ? number : errno;
    return it;
}

ssize_t __wrap_write(int descriptor, const void *bytes, size_t length)
{
    if (killed && allowed == 0) {
        (void)!__real_write(descriptor, bytes, length / 2);
    }
    return fails(ENOSPC) ? -1 : __real_write(descriptor, bytes, length);
}

int __wrap_fsync(int descriptor)
{
    return fails(EIO) ? -1 : __real_fsync(descriptor);
}

int __wrap_renameat(int a, const char *from, int b, const char *to)
{
    return fails(EACCES) ? -1 : __real_renameat(a, from, b, to);
}

int __wrap_unlinkat(int directory, const char *name, int flags)
{
    return fails(EACCES) ? -1 : __real_unlinkat(directory, name, flags);
}

int __wrap_openat(int directory, const char *name, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    unsigned mode = (flags & O_CREAT) != 0 ? va_arg(args, unsigned) : 0;
    va_end(args);
    return (flags & O_CREAT) != 0 && fails(EMFILE) ? -1
                                                   : __real_openat(directory, name, flags, mode);
}

enum { ROWS = 150 };
static world_row rows[2 * ROWS];
static char path[256];

static void make_store(void)
{
    rs_error err = {0};
    world_path(path, "compact-disk");
    world_fill(rows, 2 * ROWS, 6, 60);
    for (int night = 0; night < 2; night++) {
        rsi_commit commit = {0};
        world_options options = WORLD_DEFAULTS;
        options.batch = night == 0 ? "one" : "two";
        options.keep_rows = night == 0;
        assert_int_equal(world_ingest(path, rows + night * ROWS, ROWS, &options, &commit, &err),
                         RS_OK);
    }
}

static void dump(world_lines *lines)
{
    rs_error err = {0};
    if (rs_store_verify(path, NULL, NULL, &err) != RS_OK ||
        world_dump(path, false, lines, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
}

static rs_status compact(void)
{
    rs_error err = {0};
    rs_compact_options options = RS_COMPACT_DEFAULTS;
    rs_compact_result result = {0};
    return rs_compact(path, &options, NULL, &result, &err);
}

static rs_status drop(void)
{
    rs_error err = {0};
    rs_drop_result result = {0};
    return rs_drop_batch(path, "two", NULL, &result, &err);
}

static size_t count_data_files(void)
{
    size_t count = 0;
    DIR *listing = opendir(path);
    for (struct dirent *e = readdir(listing); e != NULL; e = readdir(listing)) {
        count += e->d_name[0] == 'b' || strcmp(e->d_name, "MANIFEST.tmp") == 0;
    }
    closedir(listing);
    return count;
}

/* The call with its n-th system call failing; true once there is no n-th. */
static bool call_once(rs_status (*call)(void), long n)
{
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        allowed = n;
        (void)!call();
        _exit(allowed >= 0 ? 1 : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) || (killed && WTERMSIG(status) == SIGKILL));
    return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

/* Whichever call fails, the store says `before` or `after`, and can be compacted. */
static void fail_each(rs_status (*call)(void), bool changes)
{
    world_lines before = {0};
    world_lines after = {0};
    bool done = false;
    make_store();
    dump(&before);
    assert_int_equal(call(), RS_OK);
    dump(&after);
    assert_int_equal(before.count != after.count, changes);
    for (long n = 0; !done; n++) {
        world_lines now = {0};
        if (n % 6 == 0 || changes) { /* between, the call starts from what the one before left */
            make_store();
        }
        done = call_once(call, n);
        dump(&now);
        world_assert_equal(&now, now.count == before.count ? &before : &after);
        world_free(&now);
        if (n % 6 != 5 && !done) {
            continue;
        }
        assert_int_equal(compact(), RS_OK);
        dump(&now);
        world_assert_equal(&now, now.count == before.count ? &before : &after);
        world_free(&now);
        assert_true(count_data_files() <= 3 + 3 * WORLD_RELATIONS + WORLD_ATTRIBUTES);
        assert_true(n < 1000);
    }
    world_free(&before);
    world_free(&after);
    world_remove(path);
}

static void survives_every_failed_call(void **state)
{
    (void)state;
    killed = false;
    fail_each(compact, false);
    fail_each(drop, true);
}

static void survives_a_kill_at_every_call(void **state)
{
    (void)state;
    killed = true;
    fail_each(compact, false);
    fail_each(drop, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_every_failed_call),
        cmocka_unit_test(survives_a_kill_at_every_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
