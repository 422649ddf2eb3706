/* shim.c - stands between a command and the system, by LD_PRELOAD: counts the calls that touch
 * files, and at one of them kills the process, or lets calls fail; or writes down what was done.
 *
 *   RS_FAULT_COUNT=FILE  how many calls there were, a number; then how many of each name
 *   RS_FAULT_TRACE=FILE  what they were, for the model of power loss (tests/system/test_crash.py)
 *   RS_FAULT_AT=N        the call that is meant, from 0
 *   RS_FAULT_DO=WHAT     before, after: SIGKILL there; half: after half of a write; short: a write
 * or a read of one byte; a number: that errno, once; with + in front: from then on
 *   RS_FAULT_ONLY=NAME   count calls of that name only (write fsync rename unlink mkdir truncate
 * open read mmap close malloc link thread); without it those that change files
 *   RS_FAULT_SPILLS=1    files without a name, and those that are to lose theirs, are all there is
 *
 * Descriptors that are no file or folder (pipes, terminals) are left alone. Allocations and threads
 * count from the first call on a file that is made on.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define SHOWN __attribute__((visibility("default")))

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

enum { BEFORE = -1, AFTER = -2, HALF = -3, SHORT = -4, COUNT_ONLY = -5 };

static long at = -1;
static int what = COUNT_ONLY;
static bool for_ever;
static const char *only;
static bool spills;
static int trace = -1;
static atomic_long calls;
static const char *const names[] = {"write",    "fsync", "rename", "unlink", "mkdir",
                                    "truncate", "open",  "read",   "mmap",   "close",
                                    "malloc",   "link",  "thread"};
enum { NAMES = sizeof names / sizeof names[0] };
static atomic_long tally[NAMES];
static bool tallies;
static atomic_bool ready;
static atomic_bool begun;

__attribute__((constructor)) static void start(void)
{
    const char *number = getenv("RS_FAULT_AT");
    const char *action = getenv("RS_FAULT_DO");
    const char *file = getenv("RS_FAULT_TRACE");
    tallies = getenv("RS_FAULT_COUNT") != NULL;
    only = getenv("RS_FAULT_ONLY");
    spills = getenv("RS_FAULT_SPILLS") != NULL;
    at = number == NULL ? -1 : strtol(number, NULL, 10);
    if (action != NULL) {
        for_ever = action[0] == '+';
        what = strcmp(action, "before") == 0  ? BEFORE
               : strcmp(action, "after") == 0 ? AFTER
               : strcmp(action, "half") == 0  ? HALF
               : strcmp(action, "short") == 0 ? SHORT
                                              : (int)strtol(action + for_ever, NULL, 10);
    }
    if (file != NULL) {
        trace = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                             0666);
    }
    atomic_store(&ready, true);
}

__attribute__((destructor)) static void finish(void)
{
    const char *file = getenv("RS_FAULT_COUNT");
    char text[32];
    if (file != NULL) {
        int out = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        int length = snprintf(text, sizeof text, "%ld\n", atomic_load(&calls));
        (void)syscall(SYS_write, out, text, (size_t)length);
        for (int i = 0; i < NAMES; i++) {
            length = snprintf(text, sizeof text, "%s %ld\n", names[i], atomic_load(&tally[i]));
            (void)syscall(SYS_write, out, text, (size_t)length);
        }
        (void)syscall(SYS_close, out);
    }
    atomic_store(&ready, false);
}

static bool is_file(int descriptor)
{
    struct stat about;
    return fstat(descriptor, &about) == 0 &&
           (spills ? S_ISREG(about.st_mode) && about.st_nlink == 0
                   : S_ISREG(about.st_mode) || S_ISDIR(about.st_mode));
}

/* By its name or the way of making it: is this file meant? */
static bool is_meant(const char *path, int flags)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    return !spills || (flags & O_TMPFILE) == O_TMPFILE || strncmp(name, "tmp-spill", 9) == 0 ||
           strncmp(name, ".tmp-", 5) == 0;
}

static void die(void)
{
    (void)kill(getpid(), SIGKILL);
    for (;;) {
        (void)pause();
    }
}

/* What is to be done at this call: 0 nothing, an errno, AFTER, HALF or SHORT. */
static int meet(const char *name, bool changes)
{
    for (int i = 0; tallies && i < NAMES; i++) {
        if (strcmp(names[i], name) == 0) {
            atomic_fetch_add(&tally[i], 1);
        }
    }
    if (!atomic_load(&ready) || (only == NULL ? !changes : strcmp(only, name) != 0)) {
        return 0;
    }
    long number = atomic_fetch_add(&calls, 1);
    if (at < 0 || number < at || (number > at && !for_ever)) {
        return 0;
    }
    if (what == BEFORE) {
        die();
    }
    return what == COUNT_ONLY ? 0 : what;
}

static long done(int todo, long result)
{
    if (todo == AFTER) {
        die();
    }
    return result;
}

static long refuse(int todo)
{
    errno = todo;
    return -1;
}

/* ---- the trace: NAME, path, path or nothing, offset, length, tabs between; LF; bytes
 * -------------
 */

static void path_of(int descriptor, const char *name, char *out, size_t size)
{
    char link[64];
    char folder[400];
    if (name != NULL && (name[0] == '/' || descriptor == AT_FDCWD)) {
        snprintf(out, size, "%s", name);
        return;
    }
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, folder, sizeof folder - 1);
    folder[length < 0 ? 0 : length] = '\0';
    snprintf(out, size, "%s%s%s", folder, name == NULL ? "" : "/", name == NULL ? "" : name);
}

static void note(const char *name, const char *path, const char *other, long long offset,
                 const void *bytes, size_t length)
{
    char head[1200];
    if (trace < 0) {
        return;
    }
    int used =
        snprintf(head, sizeof head, "%s\t%s\t%s\t%lld\t%zu\n", name, path, other, offset, length);
    /* One call, so that two threads do not mix. */
    struct iovec parts[] = {{head, (size_t)used}, {(void *)(uintptr_t)bytes, length}};
    (void)writev(trace, parts, 2);
}

static void note_one(const char *name, int descriptor, const char *path, long long offset)
{
    char whole[600];
    if (trace >= 0) {
        path_of(descriptor, path, whole, sizeof whole);
        note(name, whole, "", offset, "", 0);
    }
}

/* ---- calls that change files --------------------------------------------------------------------
 */

static ssize_t put(int descriptor, const void *bytes, size_t length, off_t offset, bool placed)
{
    char path[600];
    int todo = is_file(descriptor) ? meet("write", true) : 0;
    if (todo > 0) {
        return refuse(todo);
    }
    size_t allowed = todo == HALF ? length / 2 : todo == SHORT && length > 0 ? 1 : length;
    off_t from = placed ? offset : lseek(descriptor, 0, SEEK_CUR);
    long result = placed ? syscall(SYS_pwrite64, descriptor, bytes, allowed, offset)
                         : syscall(SYS_write, descriptor, bytes, allowed);
    if (todo == HALF) {
        die();
    }
    if (trace >= 0 && result > 0 && is_file(descriptor)) {
        path_of(descriptor, NULL, path, sizeof path);
        note("write", path, "", from, bytes, (size_t)result);
    }
    return done(todo, result);
}

SHOWN ssize_t write(int descriptor, const void *bytes, size_t length)
{
    return put(descriptor, bytes, length, 0, false);
}

SHOWN ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset)
{
    return put(descriptor, bytes, length, offset, true);
}

SHOWN int fsync(int descriptor)
{
    int todo = is_file(descriptor) ? meet("fsync", true) : 0;
    if (todo > 0) {
        return (int)refuse(todo);
    }
    note_one("fsync", descriptor, NULL, 0);
    return (int)done(todo, syscall(SYS_fsync, descriptor));
}

/* What the system refused did not happen. */
static long noted(const char *name, const char *source, const char *target, long result)
{
    if (result == 0) {
        note(name, source, target, 0, "", 0);
    }
    return result;
}

/* RENAME_EXCHANGE is noted as one, a link as "hardlink". */
static int pair(const char *name, long number, int a, const char *from, int b, const char *to,
                unsigned flags)
{
    char source[600];
    char target[600];
    bool links = number == SYS_linkat;
    int todo = spills ? 0 : meet(name, true);
    if (todo > 0) {
        return (int)refuse(todo);
    }
    path_of(a, from, source, sizeof source);
    path_of(b, to, target, sizeof target);
    const char *done_is = links ? "hardlink" : (flags & RENAME_EXCHANGE) != 0 ? "exchange" : name;
    return (int)done(todo, noted(done_is, source, target, syscall(number, a, from, b, to, flags)));
}

SHOWN int rename(const char *from, const char *to)
{
    return pair("rename", SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

SHOWN int renameat(int a, const char *from, int b, const char *to)
{
    return pair("rename", SYS_renameat2, a, from, b, to, 0);
}

SHOWN int renameat2(int a, const char *from, int b, const char *to, unsigned flags)
{
    return pair("rename", SYS_renameat2, a, from, b, to, flags);
}

SHOWN int linkat(int a, const char *from, int b, const char *to, int flags)
{
    return pair("link", SYS_linkat, a, from, b, to, (unsigned)flags);
}

static int take_away(int folder, const char *path, int flags)
{
    bool folder_goes = (flags & AT_REMOVEDIR) != 0;
    int todo = is_meant(path, 0) && !(spills && folder_goes) ? meet("unlink", true) : 0;
    if (todo > 0) {
        return (int)refuse(todo);
    }
    note_one("unlink", folder, path, 0);
    return (int)done(todo, syscall(SYS_unlinkat, folder, path, flags));
}

SHOWN int unlink(const char *path)
{
    return take_away(AT_FDCWD, path, 0);
}

SHOWN int unlinkat(int folder, const char *path, int flags)
{
    return take_away(folder, path, flags);
}

SHOWN int rmdir(const char *path)
{
    return take_away(AT_FDCWD, path, AT_REMOVEDIR);
}

static int make_folder(int folder, const char *path, mode_t mode)
{
    int todo = spills ? 0 : meet("mkdir", true);
    if (todo > 0) {
        return (int)refuse(todo);
    }
    note_one("mkdir", folder, path, 0);
    return (int)done(todo, syscall(SYS_mkdirat, folder, path, mode));
}

SHOWN int mkdir(const char *path, mode_t mode)
{
    return make_folder(AT_FDCWD, path, mode);
}

SHOWN int mkdirat(int folder, const char *path, mode_t mode)
{
    return make_folder(folder, path, mode);
}

SHOWN int ftruncate(int descriptor, off_t length)
{
    int todo = is_file(descriptor) ? meet("truncate", true) : 0;
    if (todo > 0) {
        return (int)refuse(todo);
    }
    note_one("truncate", descriptor, NULL, length);
    return (int)done(todo, syscall(SYS_ftruncate, descriptor, length));
}

/* A file that is made is a change, too. */
static int open_any(int folder, const char *path, int flags, mode_t mode)
{
    bool unnamed = (flags & O_TMPFILE) == O_TMPFILE;
    bool makes = (flags & O_CREAT) != 0 || (spills && unnamed);
    int todo = is_meant(path, flags) ? meet("open", makes) : 0;
    if (todo > 0) {
        return (int)refuse(todo);
    }
    if (makes && is_meant(path, flags)) {
        atomic_store(&begun, true);
    }
    if ((flags & O_CREAT) != 0) {
        note_one((flags & O_TRUNC) != 0 ? "empty" : "create", folder, path, 0);
    }
    return (int)done(todo, syscall(SYS_openat, folder, path, flags, mode));
}

SHOWN int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    return open_any(AT_FDCWD, path, flags, mode);
}

SHOWN int openat(int folder, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    return open_any(folder, path, flags, mode);
}

/* Made as it is named: a spill of a run. */
SHOWN int mkostemp(char *path, int flags)
{
    int (*real)(char *, int) = (int (*)(char *, int))dlsym(RTLD_NEXT, "mkostemp");
    int todo = is_meant(path, 0) ? meet("open", true) : 0;
    if (todo > 0) {
        return (int)refuse(todo);
    }
    atomic_store(&begun, true);
    return (int)done(todo, real(path, flags));
}

/* ---- calls that do not --------------------------------------------------------------------------
 */

SHOWN ssize_t read(int descriptor, void *bytes, size_t length)
{
    int todo = is_file(descriptor) ? meet("read", false) : 0;
    return todo > 0
               ? refuse(todo)
               : syscall(SYS_read, descriptor, bytes, todo == SHORT && length > 1 ? 1 : length);
}

SHOWN ssize_t pread(int descriptor, void *bytes, size_t length, off_t offset)
{
    int todo = is_file(descriptor) ? meet("read", false) : 0;
    return todo > 0 ? refuse(todo)
                    : syscall(SYS_pread64, descriptor, bytes,
                              todo == SHORT && length > 1 ? 1 : length, offset);
}

SHOWN int close(int descriptor)
{
    int todo = is_file(descriptor) ? meet("close", false) : 0;
    int result = (int)syscall(SYS_close, descriptor);
    return todo > 0 ? (int)refuse(todo) : result;
}

SHOWN void *mmap(void *address, size_t length, int protection, int flags, int descriptor,
                 off_t offset)
{
    int todo = descriptor >= 0 && !spills ? meet("mmap", false) : 0;
    if (todo > 0) {
        errno = todo;
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, address, length, protection, flags, descriptor, offset);
}

SHOWN int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                         void *(*begin)(void *), void *argument)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
        (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))dlsym(
            RTLD_NEXT, "pthread_create");
    int todo = atomic_load(&begun) ? meet("thread", false) : 0;
    return todo > 0 ? todo : real(thread, attributes, begin, argument);
}

static bool no_memory(void)
{
    int todo = atomic_load(&begun) ? meet("malloc", false) : 0;
    errno = todo > 0 ? todo : errno;
    return todo > 0;
}

SHOWN void *malloc(size_t size)
{
    return no_memory() ? NULL : __libc_malloc(size);
}

SHOWN void *calloc(size_t count, size_t size)
{
    return no_memory() ? NULL : __libc_calloc(count, size);
}

SHOWN void *realloc(void *block, size_t size)
{
    return no_memory() ? NULL : __libc_realloc(block, size);
}
