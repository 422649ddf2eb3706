/* file.c - whole files: read at once, written at once, and put in place of another by a rename.
 *
 * A new file stands in the folder of the old one, as ".NAME.PID.tmp". What a killed process left
 * under such a name is overwritten by the next process of that number and never read.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/try.h"

enum { READ_BYTES = 1 << 16, LINKS_MAX = 16 };

static rs_status refused(rs_error *err, const char *what, int error)
{
    return rs_fail(err, RS_EIO, "%s: %s", what, strerror(error));
}

/* ---- whole files ----------------------------------------------------------------------------- */

rs_status rsi_write_all(int file, const void *bytes, size_t length, rs_error *err)
{
    const char *at = bytes;
    while (length > 0) {
        ssize_t count = write(file, at, length);
        if (count == 0 || (count < 0 && errno != EINTR)) {
            return refused(err, "write", count == 0 ? ENOSPC : errno);
        }
        at += count > 0 ? count : 0;
        length -= count > 0 ? (size_t)count : 0;
    }
    return RS_OK;
}

rs_status rsi_read_all(int file, size_t most, rsi_buffer *text, rs_error *err)
{
    rs_status status = RS_OK;
    ssize_t count;
    do {
        RS_TRY(rsi_buffer_reserve(text, READ_BYTES, err));
        count = read(file, text->bytes + text->length, text->capacity - text->length);
        if (count < 0 && errno != EINTR) {
            return refused(err, "read", errno);
        }
        text->length += count > 0 ? (size_t)count : 0;
        if (text->length > most) {
            return rs_fail(err, RS_ECORRUPT, "at most %zu bytes were expected, found more", most);
        }
    } while (count != 0);
done:
    return status;
}

rs_status rsi_read_file(int folder, const char *name, size_t most, rsi_buffer *text, rs_error *err)
{
    rs_status status = RS_OK;
    struct stat now;
    /* Or a pipe of that name would keep the open waiting. */
    int file = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0 || fstat(file, &now) != 0) {
        status = rs_fail(err, errno == ENOENT || errno == ENOTDIR ? RS_ENOTFOUND : RS_EIO,
                         "open: %s", strerror(errno));
        goto done;
    }
    if (!S_ISREG(now.st_mode)) {
        status = rs_fail(err, RS_ECORRUPT, "no plain file");
        goto done;
    }
    RS_TRY(rsi_read_all(file, most, text, err));
done:
    if (file >= 0) {
        close(file);
    }
    return status;
}

rs_status rsi_read_named(const char *path, size_t most, rsi_buffer *text, rs_error *err)
{
    rs_status status = RS_OK;
    struct stat now;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &now) != 0) {
        status = rs_fail(err, RS_EUSAGE, "cannot open: %s", strerror(errno));
        goto done;
    }
    if (S_ISDIR(now.st_mode)) {
        status = rs_fail(err, RS_EUSAGE, "is a directory, a file was expected");
        goto done;
    }
    status = rsi_read_all(file, most, text, err);
    if (status == RS_ECORRUPT) { /* the user's mistake, no damage */
        status = rs_fail(err, RS_EUSAGE, "at most %zu bytes were expected, found more", most);
    }
done:
    if (file >= 0) {
        close(file);
    }
    return rs_context(err, status, "%s", path);
}

rs_status rsi_sync(int file, rs_error *err)
{
    return fsync(file) == 0 ? RS_OK : refused(err, "sync", errno);
}

rs_status rsi_sync_folder(const char *path, rs_error *err)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = folder < 0 || fsync(folder) != 0 ? errno : 0;
    if (folder >= 0) {
        close(folder);
    }
    return error == 0 ? RS_OK
                      : rs_fail(err, RS_EIO, "sync the folder \"%s\": %s", path, strerror(error));
}

rs_status rsi_check_empty(const char *path, rs_error *err)
{
    size_t entries = 0;
    DIR *listing = opendir(path);
    if (listing == NULL) {
        return errno == ENOTDIR ? rs_fail(err, RS_EUSAGE, "\"%s\" is there and no folder", path)
                                : rs_fail(err, RS_EIO, "list \"%s\": %s", path, strerror(errno));
    }
    while (readdir(listing) != NULL) {
        entries++;
    }
    closedir(listing);
    return entries <= 2 ? RS_OK : rs_fail(err, RS_EUSAGE, "\"%s\" is there and not empty", path);
}

rs_status rsi_replace(int folder, const char *temporary, const char *name, const rsi_buffer *text,
                      bool *published, rs_error *err)
{
    rs_status status = RS_OK;
    int file =
        openat(folder, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (file < 0) {
        return refused(err, "make", errno);
    }
    RS_TRY(rsi_write_all(file, text->bytes, text->length, err));
    RS_TRY(rsi_sync(file, err));
    if (renameat(folder, temporary, folder, name) != 0) {
        status = rs_fail(err, RS_EIO, "rename to \"%s\": %s", name, strerror(errno));
        goto done;
    }
    *published = true;
    if (fsync(folder) != 0) {
        status = refused(err, "sync the folder", errno);
    }
done:
    close(file);
    return status;
}

/* ---- a new file ------------------------------------------------------------------------------ */

/* How many bytes of `path` name its folder, the last slash among them. */
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (size_t)(slash - path) + 1 : 0;
}

/* The link's target as a path from here; NULL: `path` is no link, or memory ends. */
static char *read_link(const char *path)
{
    char target[PATH_MAX];
    char *whole = NULL;
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length <= 0) {
        return NULL;
    }
    target[length] = '\0';
    int folder = target[0] == '/' ? 0 : (int)folder_length(path);
    return asprintf(&whole, "%.*s%s", folder, path, target) < 0 ? NULL : whole;
}

/* What a name that no file has stands for: links may point to a file that is still to come. */
static char *missing_name(const char *path)
{
    char *name = strdup(path);
    char *next = name == NULL ? NULL : read_link(name);
    for (int links = 0; next != NULL && links < LINKS_MAX; links++) {
        free(name);
        name = next;
        next = read_link(name);
    }
    free(next); /* a ring of links: the open will say so */
    return name;
}

/* Where a file is written to in the end, so that a rename replaces it and not a link to it. */
static char *final_name(const char *path, bool *in_place)
{
    struct stat now;
    bool there = stat(path, &now) == 0;
    *in_place = strcmp(path, "-") == 0 || (there && !S_ISREG(now.st_mode));
    char *resolved = there && !*in_place ? realpath(path, NULL) : NULL;
    return resolved != NULL ? resolved : *in_place ? strdup(path) : missing_name(path);
}

static char *other_name(const char *path)
{
    char *name = NULL;
    int folder = (int)folder_length(path);
    int length = asprintf(&name, "%.*s.%s.%ld.tmp", folder, path, path + folder, (long)getpid());
    return length < 0 ? NULL : name;
}

/* The descriptor, or -1 and errno. */
static int open_place(rsi_newfile *file, bool in_place)
{
    if (in_place && strcmp(file->path, "-") == 0) {
        return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    }
    if (in_place) {
        return open(file->path, O_WRONLY | O_CLOEXEC); /* refuses a folder */
    }
    file->other = other_name(file->path);
    if (file->other == NULL) {
        errno = ENOMEM;
        return -1;
    }
    return open(file->other, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
}

rs_status rsi_newfile_open(rsi_newfile *file, const char *path, rs_error *err)
{
    bool in_place = false;
    *file = (rsi_newfile)RSI_NO_NEWFILE;
    file->path = final_name(path, &in_place);
    if (file->path != NULL) {
        file->file = open_place(file, in_place);
    }
    if (file->file >= 0) {
        return RS_OK;
    }
    int error = file->path == NULL ? ENOMEM : errno;
    rsi_newfile_close(file);
    if (error == ENOMEM) {
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    return rs_fail(err, error == EISDIR ? RS_EUSAGE : RS_EIO, "open for writing: %s",
                   strerror(error));
}

rs_status rsi_newfile_sync(const rsi_newfile *file, rs_error *err)
{
    return file->other == NULL ? RS_OK : rsi_sync(file->file, err);
}

rs_status rsi_newfile_publish(rsi_newfile *file, rs_error *err)
{
    if (file->other == NULL) {
        return RS_OK;
    }
    if (rename(file->other, file->path) != 0) {
        return refused(err, "rename", errno);
    }
    file->renamed = true;
    size_t length = folder_length(file->path);
    char kept = file->path[length];
    file->path[length] = '\0';
    rs_status status = rsi_sync_folder(length == 0 ? "." : file->path, err);
    file->path[length] = kept;
    return status;
}

void rsi_newfile_close(rsi_newfile *file)
{
    if (file->file >= 0) {
        close(file->file);
        if (file->other != NULL && !file->renamed) {
            unlink(file->other);
        }
    }
    free(file->path);
    free(file->other);
    *file = (rsi_newfile)RSI_NO_NEWFILE;
}
