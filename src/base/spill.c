/* spill.c - a nameless file for what does not fit into memory.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/try.h"

rs_status rsi_spill_open(rsi_spill *spill, int directory, rs_error *err)
{
    /* A name of its own is never in use: there is one writer, and it takes the name off at once. */
    const char *name = RSI_SPILL_NAME;
    spill->descriptor =
        openat(directory, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    atomic_init(&spill->used, 0);
    if (spill->descriptor < 0) {
        return rs_fail(err, RS_EIO, "cannot make the temporary file \"%s\": %s", name,
                       strerror(errno));
    }
    if (unlinkat(directory, name, 0) != 0) {
        rs_status status = rs_fail(err, RS_EIO, "cannot unlink the temporary file \"%s\": %s", name,
                                   strerror(errno));
        rsi_spill_close(spill);
        return status;
    }
    return RS_OK;
}

rs_status rsi_spill_open_in(rsi_spill *spill, const char *folder, rs_error *err)
{
    rs_status status = RS_OK;
    char *path = NULL;
    *spill = RSI_SPILL_NONE;
    /* As runs/.tmp-PID, which anybody clears away whose maker is gone. */
    if (asprintf(&path, "%s/.tmp-%ld.XXXXXX", folder, (long)getpid()) < 0) {
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    spill->descriptor = mkostemp(path, O_CLOEXEC);
    if (spill->descriptor < 0 && errno == ENOENT && mkdir(folder, 0777) == 0) {
        memcpy(path + strlen(path) - 6, "XXXXXX", 6); /* whatever the first try made of it */
        spill->descriptor = mkostemp(path, O_CLOEXEC);
    }
    if (spill->descriptor < 0 || (unlink(path) != 0 && errno != ENOENT)) {
        status = rs_fail(err, RS_EIO, "cannot make the temporary file \"%s\": %s", path,
                         strerror(errno));
        rsi_spill_close(spill);
    }
    free(path);
    return status;
}

void rsi_spill_close(rsi_spill *spill)
{
    if (spill->descriptor >= 0) {
        close(spill->descriptor);
    }
    spill->descriptor = -1;
}

uint64_t rsi_spill_reserve(rsi_spill *spill, uint64_t length)
{
    return atomic_fetch_add(&spill->used, length);
}

rs_status rsi_spill_write(const rsi_spill *spill, uint64_t offset, const void *bytes, size_t length,
                          rs_error *err)
{
    const uint8_t *from = bytes;
    size_t done = 0;
    while (done < length) {
        ssize_t part =
            pwrite(spill->descriptor, from + done, length - done, (off_t)(offset + done));
        if (part < 0 && errno == EINTR) {
            continue;
        }
        if (part <= 0) {
            return rs_fail(err, RS_EIO, "cannot write a temporary file beside the store's: %s",
                           strerror(part == 0 ? ENOSPC : errno));
        }
        done += (size_t)part;
    }
    return RS_OK;
}

rs_status rsi_spill_read(const rsi_spill *spill, uint64_t offset, void *bytes, size_t length,
                         rs_error *err)
{
    uint8_t *to = bytes;
    size_t done = 0;
    while (done < length) {
        ssize_t part = pread(spill->descriptor, to + done, length - done, (off_t)(offset + done));
        if (part < 0 && errno == EINTR) {
            continue;
        }
        if (part <= 0) {
            return rs_fail(err, RS_EIO, "cannot read a temporary file back: %s",
                           part == 0 ? "it is shorter than what was written" : strerror(errno));
        }
        done += (size_t)part;
    }
    return RS_OK;
}

/* ---- front to back ------------------------------------------------------------------------ */

rs_status rsi_spill_reader_init(rsi_spill_reader *reader, const rsi_spill *spill,
                                const rsi_extent *extents, size_t count, size_t window_bytes,
                                rs_error *err)
{
    *reader = (rsi_spill_reader){
        .spill = spill, .extents = extents, .extent_count = count, .capacity = window_bytes};
    reader->window = malloc(window_bytes);
    return reader->window != NULL ? RS_OK
                                  : rs_fail(err, RS_ENOMEM, "out of memory (merge of runs)");
}

void rsi_spill_reader_free(rsi_spill_reader *reader)
{
    free(reader->window);
    *reader = (rsi_spill_reader){0};
}

/* Move what is left to the front and fill the window. */
static rs_status fill(rsi_spill_reader *reader, rs_error *err)
{
    rs_status status = RS_OK;
    size_t left = reader->end - reader->at;
    if (left > 0) {
        memmove(reader->window, reader->window + reader->at, left);
    }
    reader->at = 0;
    reader->end = left;
    while (reader->end < reader->capacity && reader->extent < reader->extent_count) {
        const rsi_extent *extent = &reader->extents[reader->extent];
        uint64_t rest = extent->length - reader->taken;
        size_t room = reader->capacity - reader->end;
        size_t part = rest < room ? (size_t)rest : room;
        RS_TRY(rsi_spill_read(reader->spill, extent->offset + reader->taken,
                              reader->window + reader->end, part, err));
        reader->end += part;
        reader->taken += part;
        if (reader->taken == extent->length) {
            reader->extent++;
            reader->taken = 0;
        }
    }
done:
    return status;
}

rs_status rsi_spill_take(rsi_spill_reader *reader, size_t length, const uint8_t **bytes,
                         rs_error *err)
{
    rs_status status = RS_OK;
    if (reader->end - reader->at < length) {
        RS_TRY(fill(reader, err));
        if (reader->end < length) {
            status = rs_fail(err, RS_ECORRUPT, "a temporary file ends before what it holds");
            goto done;
        }
    }
    *bytes = reader->window + reader->at;
    reader->at += length;
done:
    return status;
}
