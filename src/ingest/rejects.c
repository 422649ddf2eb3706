/* rejects.c - rows that were not taken, as CSV.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ingest/rejects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/try.h"

enum { GATHER_BYTES = 1 << 16 };

struct rsi_rejects {
    rsi_newfile file;
    rsi_buffer gathered; /* not written yet */
};

static rs_status in_rejects(const rsi_rejects *rejects, rs_status status, rs_error *err)
{
    return rs_context(err, status, "rejects \"%s\"", rejects->file.path);
}

static rs_status flush(rsi_rejects *rejects, rs_error *err)
{
    rsi_buffer *bytes = &rejects->gathered;
    rs_status status = rsi_write_all(rejects->file.file, bytes->bytes, bytes->length, err);
    bytes->length = 0;
    return status;
}

static rs_status put(rsi_rejects *rejects, const char *bytes, size_t length, rs_error *err)
{
    return rsi_buffer_add(&rejects->gathered, bytes, length, err);
}

rs_status rsi_rejects_open(rsi_rejects **out, const char *path, rs_error *err)
{
    static const char head[] = "file,line,column,reason,row\n";
    rs_status status = RS_OK;
    rsi_rejects *rejects = calloc(1, sizeof *rejects);
    if (rejects == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory");
        goto done;
    }
    RS_TRY(rsi_newfile_open(&rejects->file, path, err));
    RS_TRY(put(rejects, head, sizeof head - 1, err));
    *out = rejects;
    rejects = NULL; /* moved to the caller */
done:
    rsi_rejects_close(rejects);
    return rs_context(err, status, "rejects \"%s\"", path);
}

static rs_status put_quoted(rsi_rejects *rejects, const char *bytes, size_t length, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(put(rejects, "\"", 1, err));
    for (size_t at = 0; at < length;) {
        const char *quote = memchr(bytes + at, '"', length - at);
        size_t end = quote != NULL ? (size_t)(quote - bytes) + 1 : length;
        RS_TRY(put(rejects, bytes + at, end - at, err));
        RS_TRY(put(rejects, "\"", quote != NULL, err)); /* twice */
        at = end;
    }
    RS_TRY(put(rejects, "\"", 1, err));
done:
    return status;
}

rs_status rsi_rejects_add(rsi_rejects *rejects, const char *file, uint64_t line, size_t column,
                          const char *reason, rs_text row, rs_error *err)
{
    rs_status status = RS_OK;
    char place[64];
    int length = snprintf(place, sizeof place, ",%llu,%zu,", (unsigned long long)line, column);
    RS_TRY(put_quoted(rejects, file, strlen(file), err));
    RS_TRY(put(rejects, place, (size_t)length, err));
    RS_TRY(put_quoted(rejects, reason, strlen(reason), err));
    RS_TRY(put(rejects, ",", 1, err));
    RS_TRY(put_quoted(rejects, row.bytes, row.length, err));
    RS_TRY(put(rejects, "\n", 1, err));
    if (rejects->gathered.length >= GATHER_BYTES) {
        RS_TRY(flush(rejects, err));
    }
done:
    return in_rejects(rejects, status, err);
}

rs_status rsi_rejects_sync(rsi_rejects *rejects, rs_error *err)
{
    rs_status status = flush(rejects, err);
    if (status == RS_OK) {
        status = rsi_newfile_sync(&rejects->file, err);
    }
    return in_rejects(rejects, status, err);
}

rs_status rsi_rejects_publish(rsi_rejects *rejects, rs_error *err)
{
    return in_rejects(rejects, rsi_newfile_publish(&rejects->file, err), err);
}

void rsi_rejects_close(rsi_rejects *rejects)
{
    if (rejects != NULL) {
        rsi_newfile_close(&rejects->file);
        rsi_buffer_free(&rejects->gathered);
        free(rejects);
    }
}
