/* stream.c - one read function over three formats.
 *
 * Invariant: input[at..end) is what was read from the file and not yet decoded. The format is
 * settled by the first four bytes; after the end of a member or frame either another one follows or
 * the file ends. A plain stream reads straight into the caller's buffer once the first bytes are
 * handed out.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/try.h"

enum { INPUT_BYTES = 1 << 16, MAGIC_BYTES = 4, WINDOW_LOG_MAX = 27, WAIT_MS = 200 };

typedef enum format { PLAIN, GZIP, ZSTD } format;

struct rsi_stream {
    char *path;
    int fd;             /* -1: from memory */
    const char *memory; /* what is left of it */
    size_t memory_left;
    rsi_stream_source source; /* or NULL */
    void *source_context;
    uint64_t size;
    uint64_t consumed;
    bool waits; /* not a file on disk: a read may take for ever */
    rsi_stream_check check;
    void *check_context;
    format format;
    bool settled; /* the format is known */
    bool file_ended;
    bool within; /* inside a member or frame: an end of the file here is a cut */
    z_stream gzip;
    bool gzip_ready;
    ZSTD_DStream *zstd;
    size_t at;
    size_t end;
    char input[INPUT_BYTES];
};

void rsi_stream_ask(rsi_stream *stream, rsi_stream_check check, void *context)
{
    stream->check = check;
    stream->check_context = context;
}

/* Until there is something to read (the end, too); a signal or the time ask whether to go on. */
static rs_status wait_for_input(const rsi_stream *stream, rs_error *err)
{
    struct pollfd one = {.fd = stream->fd, .events = POLLIN};
    while (poll(&one, 1, WAIT_MS) <= 0) {
        rs_status status = stream->check(stream->check_context, err);
        if (status != RS_OK) {
            return status;
        }
    }
    return RS_OK;
}

/* read(), or what memory there is. Where nobody is to be asked a signal that was caught ends it: a
 * pipe may stay silent for ever, and whoever caught the signal without SA_RESTART wants to be
 * heard. */
static rs_status raw_read(rsi_stream *stream, char *bytes, size_t capacity, size_t *got,
                          rs_error *err)
{
    if (stream->source != NULL) {
        rs_status status = stream->source(stream->source_context, bytes, capacity, got, err);
        stream->consumed += *got;
        return status;
    }
    if (stream->fd < 0) {
        *got = capacity < stream->memory_left ? capacity : stream->memory_left;
        if (*got > 0) {
            memcpy(bytes, stream->memory, *got);
            stream->memory += *got;
            stream->memory_left -= *got;
        }
        stream->consumed += *got;
        return RS_OK;
    }
    if (stream->waits && stream->check != NULL) {
        rs_status status = wait_for_input(stream, err);
        if (status != RS_OK) {
            return status;
        }
    }
    ssize_t count = read(stream->fd, bytes, capacity);
    if (count < 0 && errno == EINTR) {
        return rs_fail(err, RS_EINTERRUPTED, "%s: interrupted while reading", stream->path);
    }
    if (count < 0) {
        return rs_fail(err, RS_EIO, "%s: cannot read: %s", stream->path, strerror(errno));
    }
    *got = (size_t)count;
    stream->consumed += *got;
    return RS_OK;
}

/* Have input to decode, or know that the file has ended. */
static rs_status refill(rsi_stream *stream, rs_error *err)
{
    if (stream->at < stream->end || stream->file_ended) {
        return RS_OK;
    }
    size_t got = 0;
    rs_status status = raw_read(stream, stream->input, INPUT_BYTES, &got, err);
    stream->at = 0;
    stream->end = got;
    stream->file_ended = status == RS_OK && got == 0;
    return status;
}

static rs_status settle_format(rsi_stream *stream, rs_error *err)
{
    while (stream->end < MAGIC_BYTES && !stream->file_ended) {
        size_t got = 0;
        rs_status status =
            raw_read(stream, stream->input + stream->end, INPUT_BYTES - stream->end, &got, err);
        if (status != RS_OK) {
            return status;
        }
        stream->file_ended = got == 0;
        stream->end += got;
    }
    const unsigned char *magic = (const unsigned char *)stream->input;
    if (stream->end >= 2 && magic[0] == 0x1F && magic[1] == 0x8B) {
        stream->format = GZIP;
        if (inflateInit2(&stream->gzip, 15 + 16) != Z_OK) {
            return rs_fail(err, RS_ENOMEM, "%s: out of memory (gzip stream)", stream->path);
        }
        stream->gzip_ready = true;
    } else if (stream->end >= MAGIC_BYTES && memcmp(magic, "\x28\xB5\x2F\xFD", 4) == 0) {
        stream->format = ZSTD;
        stream->zstd = ZSTD_createDStream();
        if (stream->zstd == NULL) {
            return rs_fail(err, RS_ENOMEM, "%s: out of memory (zstd stream)", stream->path);
        }
        ZSTD_DCtx_setParameter(stream->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    }
    return RS_OK;
}

static rs_status make(rsi_stream **out, const char *name, rs_error *err)
{
    rsi_stream *stream = calloc(1, sizeof *stream);
    if (stream != NULL) {
        stream->fd = -1;
        stream->path = strdup(name);
    }
    if (stream == NULL || stream->path == NULL) {
        free(stream);
        return rs_fail(err, RS_ENOMEM, "%s: out of memory (stream)", name);
    }
    *out = stream;
    return RS_OK;
}

static rs_status open_file(rsi_stream *stream, rs_error *err)
{
    bool standard = strcmp(stream->path, "-") == 0;
    stream->fd = standard ? STDIN_FILENO : open(stream->path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    if (stream->fd < 0 || fstat(stream->fd, &about) != 0) {
        bool named_wrongly = errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG;
        return rs_fail(err, named_wrongly ? RS_EUSAGE : RS_EIO, "%s: cannot open: %s", stream->path,
                       strerror(errno));
    }
    if (S_ISDIR(about.st_mode)) {
        return rs_fail(err, RS_EUSAGE, "%s: is a directory, a file was expected", stream->path);
    }
    stream->waits = !S_ISREG(about.st_mode);
    stream->size = S_ISREG(about.st_mode) ? (uint64_t)about.st_size : 0;
    return RS_OK;
}

rs_status rsi_stream_open(rsi_stream **out, const char *path, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_stream *stream = NULL;
    RS_TRY(make(&stream, path, err));
    RS_TRY(open_file(stream, err));
    *out = stream;
    stream = NULL; /* moved to the caller */
done:
    rsi_stream_close(stream);
    return status;
}

rs_status rsi_stream_open_memory(rsi_stream **out, const char *name, const void *bytes,
                                 size_t length, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_stream *stream = NULL;
    RS_TRY(make(&stream, name, err));
    stream->memory = bytes;
    stream->memory_left = length;
    stream->size = length;
    *out = stream;
    stream = NULL; /* moved to the caller */
done:
    rsi_stream_close(stream);
    return status;
}

rs_status rsi_stream_open_source(rsi_stream **out, const char *name, rsi_stream_source read,
                                 void *context, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_stream *stream = NULL;
    RS_TRY(make(&stream, name, err));
    stream->source = read;
    stream->source_context = context;
    stream->format = PLAIN;
    stream->settled = true;
    *out = stream;
done:
    return status;
}

void rsi_stream_close(rsi_stream *stream)
{
    if (stream == NULL) {
        return;
    }
    if (stream->fd > STDIN_FILENO ||
        (stream->fd == STDIN_FILENO && strcmp(stream->path, "-") != 0)) {
        close(stream->fd);
    }
    if (stream->gzip_ready) {
        inflateEnd(&stream->gzip);
    }
    ZSTD_freeDStream(stream->zstd);
    free(stream->path);
    free(stream);
}

static rs_status damaged(const rsi_stream *stream, const char *format_name, const char *why,
                         rs_error *err)
{
    uint64_t offset = stream->consumed - (stream->end - stream->at);
    return rs_fail(err, RS_EINPUT, "%s: byte %llu: %s: %s", stream->path,
                   (unsigned long long)offset, format_name, why);
}

static rs_status plain_read(rsi_stream *stream, char *bytes, size_t capacity, size_t *got,
                            rs_error *err)
{
    size_t ready = stream->end - stream->at;
    if (ready > 0) {
        *got = ready < capacity ? ready : capacity;
        memcpy(bytes, stream->input + stream->at, *got);
        stream->at += *got;
        return RS_OK;
    }
    return raw_read(stream, bytes, capacity, got, err);
}

/* One step; *got may be 0 while there is more to come, *ended tells. */
static rs_status gzip_step(rsi_stream *stream, char *bytes, size_t capacity, size_t *got,
                           bool *ended, rs_error *err)
{
    rs_status status = refill(stream, err);
    if (status != RS_OK) {
        return status;
    }
    if (stream->at == stream->end) {
        *ended = true;
        return stream->within ? damaged(stream, "gzip", "the file is cut short", err) : RS_OK;
    }
    if (!stream->within && inflateReset(&stream->gzip) != Z_OK) {
        return rs_fail(err, RS_ENOMEM, "%s: cannot restart gzip", stream->path);
    }
    stream->within = true;
    size_t room = capacity < UINT32_MAX ? capacity : UINT32_MAX;
    stream->gzip.next_in = (Bytef *)stream->input + stream->at;
    stream->gzip.avail_in = (uInt)(stream->end - stream->at);
    stream->gzip.next_out = (Bytef *)bytes;
    stream->gzip.avail_out = (uInt)room;
    int code = inflate(&stream->gzip, Z_NO_FLUSH);
    stream->at = stream->end - stream->gzip.avail_in;
    *got = room - stream->gzip.avail_out;
    if (code == Z_MEM_ERROR) {
        return rs_fail(err, RS_ENOMEM, "%s: out of memory (gzip stream)", stream->path);
    }
    if (code != Z_OK && code != Z_STREAM_END) {
        return damaged(stream, "gzip", stream->gzip.msg != NULL ? stream->gzip.msg : "damaged",
                       err);
    }
    stream->within = code != Z_STREAM_END;
    return RS_OK;
}

static rs_status zstd_step(rsi_stream *stream, char *bytes, size_t capacity, size_t *got,
                           bool *ended, rs_error *err)
{
    rs_status status = refill(stream, err);
    if (status != RS_OK) {
        return status;
    }
    bool starved = stream->at == stream->end;
    ZSTD_inBuffer in = {stream->input, stream->end, stream->at};
    ZSTD_outBuffer out = {bytes, capacity, 0};
    size_t code = starved && !stream->within ? 0 : ZSTD_decompressStream(stream->zstd, &out, &in);
    if (ZSTD_isError(code)) {
        if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation) {
            return rs_fail(err, RS_ENOMEM, "%s: out of memory (zstd stream)", stream->path);
        }
        return damaged(stream, "zstd", ZSTD_getErrorName(code), err);
    }
    stream->at = in.pos;
    stream->within = code != 0;
    *got = out.pos;
    if (starved && out.pos == 0) {
        *ended = true;
        return stream->within ? damaged(stream, "zstd", "the file is cut short", err) : RS_OK;
    }
    return RS_OK;
}

rs_status rsi_stream_read(rsi_stream *stream, char *bytes, size_t capacity, size_t *got,
                          rs_error *err)
{
    bool ended = false;
    *got = 0;
    if (!stream->settled) {
        rs_status status = settle_format(stream, err);
        if (status != RS_OK) {
            return status;
        }
        stream->settled = true;
    }
    while (*got < capacity && !ended) {
        size_t step = 0;
        rs_status status = RS_OK;
        if (stream->format == GZIP) {
            status = gzip_step(stream, bytes + *got, capacity - *got, &step, &ended, err);
        } else if (stream->format == ZSTD) {
            status = zstd_step(stream, bytes + *got, capacity - *got, &step, &ended, err);
        } else {
            status = plain_read(stream, bytes + *got, capacity - *got, &step, err);
            ended = step == 0;
        }
        if (status != RS_OK) {
            return status;
        }
        *got += step;
    }
    return RS_OK;
}

uint64_t rsi_stream_size(const rsi_stream *stream)
{
    return stream->size;
}

uint64_t rsi_stream_consumed(const rsi_stream *stream)
{
    return stream->consumed - (stream->end - stream->at);
}
