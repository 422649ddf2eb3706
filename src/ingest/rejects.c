/* rejects.c - rows that were not taken, as CSV.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ingest/rejects.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/try.h"

struct rsi_rejects {
    char *path;
    char *temporary;
    FILE *file;
    bool published;
};

static rs_status failed(const rsi_rejects *rejects, const char *what, rs_error *err)
{
    return rs_fail(err, RS_EIO, "rejects \"%s\": cannot %s: %s", rejects->path, what,
                   strerror(errno));
}

/* Beside the wanted name, so that the rename stays within one file system. */
static rs_status open_temporary(rsi_rejects *rejects, rs_error *err)
{
    int fd = mkstemp(rejects->temporary);
    if (fd < 0) {
        rejects->temporary[0] = '\0'; /* nothing to remove */
        return failed(rejects, "create", err);
    }
    if (fchmod(fd, 0644) != 0 || (rejects->file = fdopen(fd, "w")) == NULL) {
        rs_status status = failed(rejects, "open", err);
        close(fd);
        return status;
    }
    if (fputs("file,line,column,reason,row\n", rejects->file) == EOF) {
        return failed(rejects, "write", err);
    }
    return RS_OK;
}

rs_status rsi_rejects_open(rsi_rejects **out, const char *path, rs_error *err)
{
    rs_status status = RS_OK;
    size_t capacity = strlen(path) + sizeof ".XXXXXX";
    rsi_rejects *rejects = calloc(1, sizeof *rejects);
    if (rejects == NULL || (rejects->path = strdup(path)) == NULL ||
        (rejects->temporary = malloc(capacity)) == NULL) {
        status = rs_fail(err, RS_ENOMEM, "rejects \"%s\": out of memory", path);
        goto done;
    }
    snprintf(rejects->temporary, capacity, "%s.XXXXXX", path);
    RS_TRY(open_temporary(rejects, err));
    *out = rejects;
    rejects = NULL; /* moved to the caller */
done:
    rsi_rejects_close(rejects);
    return status;
}

static void put_quoted(FILE *file, const char *bytes, size_t length)
{
    putc('"', file);
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '"') {
            putc('"', file);
        }
        putc(bytes[i], file);
    }
    putc('"', file);
}

rs_status rsi_rejects_add(rsi_rejects *rejects, const char *file, uint64_t line, size_t column,
                          const char *reason, rs_text row, rs_error *err)
{
    put_quoted(rejects->file, file, strlen(file));
    fprintf(rejects->file, ",%llu,%zu,", (unsigned long long)line, column);
    put_quoted(rejects->file, reason, strlen(reason));
    putc(',', rejects->file);
    put_quoted(rejects->file, row.bytes, row.length);
    putc('\n', rejects->file);
    return ferror(rejects->file) ? failed(rejects, "write", err) : RS_OK;
}

rs_status rsi_rejects_sync(rsi_rejects *rejects, rs_error *err)
{
    if (fflush(rejects->file) != 0 || fsync(fileno(rejects->file)) != 0) {
        return failed(rejects, "write", err);
    }
    return RS_OK;
}

rs_status rsi_rejects_publish(rsi_rejects *rejects, rs_error *err)
{
    if (rename(rejects->temporary, rejects->path) != 0) {
        return failed(rejects, "rename to it", err);
    }
    rejects->published = true;
    return RS_OK;
}

void rsi_rejects_close(rsi_rejects *rejects)
{
    if (rejects == NULL) {
        return;
    }
    if (rejects->file != NULL) {
        fclose(rejects->file);
    }
    if (!rejects->published && rejects->temporary != NULL && rejects->temporary[0] != '\0') {
        unlink(rejects->temporary);
    }
    free(rejects->temporary);
    free(rejects->path);
    free(rejects);
}
