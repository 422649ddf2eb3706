/* blockwriter.c - write a container of blocks, front to back, once.
 *
 * Blocks gather in a buffer of some hundred KiB; what is written is handed to the disk at once, so
 * that the sync at the end finds little left to wait for.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/try.h"
#include "store/blockfile.h"
#include "store/blockfile_format.h"

enum { GATHER_BYTES = 1 << 19 };

struct rsi_blockwriter {
    int descriptor;
    rsi_file_ref ref; /* bytes: what was handed over, written or not */
    rsi_buffer gathered;
    rsi_buffer entries;
    uint64_t block_count;
    uint64_t written;
    rsi_hash_stream *digest;
};

static rs_status write_gathered(rsi_blockwriter *writer, rs_error *err)
{
    rs_status status = RS_OK;
    size_t length = writer->gathered.length;
    RS_TRY(rsi_write_all(writer->descriptor, writer->gathered.bytes, length, err));
    /* A hint; where the system does not take it the sync at the end does all of the work. */
    (void)sync_file_range(writer->descriptor, (off_t)writer->written, (off_t)length,
                          SYNC_FILE_RANGE_WRITE);
    writer->written += length;
    writer->gathered.length = 0;
done:
    return status;
}

static rs_status put(rsi_blockwriter *writer, const void *bytes, size_t length, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_hash_stream_add(writer->digest, bytes, length);
    RS_TRY(rsi_buffer_add(&writer->gathered, bytes, length, err));
    writer->ref.bytes += length;
    if (writer->gathered.length >= GATHER_BYTES) {
        RS_TRY(write_gathered(writer, err));
    }
done:
    return status;
}

static rs_status put_header(rsi_blockwriter *writer, rs_error *err)
{
    uint8_t header[RSI_HEADER_BYTES];
    memcpy(header, RSI_HEADER_MAGIC, 8);
    rsi_store_u32le(header + 8, RSI_BLOCKFILE_VERSION);
    rsi_store_u32le(header + 12, (uint32_t)writer->ref.kind);
    rsi_store_u64le(header + 16, writer->ref.identity);
    rsi_store_u64le(header + 24, rsi_hash64(header, 24, 0));
    return put(writer, header, sizeof header, err);
}

rs_status rsi_blockwriter_open(rsi_blockwriter **out, int directory, const char *name,
                               rsi_file_kind kind, uint64_t identity, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_blockwriter *writer = calloc(1, sizeof *writer);
    if (writer == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (writer of \"%s\")", name);
    }
    writer->descriptor = -1;
    writer->ref.kind = kind;
    writer->ref.identity = identity;
    memcpy(writer->ref.name, name, strlen(name) + 1);
    writer->digest = rsi_hash_stream_new();
    if (writer->digest == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (digest of \"%s\")", name);
        goto done;
    }
    writer->descriptor = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (writer->descriptor < 0) {
        status = rs_fail(err, RS_EIO, "cannot create: %s", strerror(errno));
        goto done;
    }
    RS_TRY(put_header(writer, err));
    *out = writer;
    writer = NULL;
done:
    rsi_blockwriter_close(writer);
    return rs_context(err, status, "file \"%s\"", name);
}

rs_status rsi_blockwriter_add(rsi_blockwriter *writer, const void *bytes, size_t length,
                              const void *note, size_t note_length, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t seed = writer->ref.identity + writer->block_count;
    if (length > RSI_BLOCK_BYTES_MAX || note_length > RSI_NOTE_BYTES_MAX) {
        status =
            rs_fail(err, RS_EUSAGE, "a block of %zu bytes is beyond the format's limit", length);
        goto done;
    }
    RS_TRY(rsi_buffer_add_u32(&writer->entries, (uint32_t)length, err));
    RS_TRY(rsi_buffer_add_u64(&writer->entries, rsi_hash64(bytes, length, seed), err));
    RS_TRY(rsi_buffer_add_u16(&writer->entries, (uint16_t)note_length, err));
    RS_TRY(rsi_buffer_add(&writer->entries, note, note_length, err));
    RS_TRY(put(writer, bytes, length, err));
    writer->block_count++;
done:
    return rs_context(err, status, "file \"%s\"", writer->ref.name);
}

static rs_status put_index(rsi_blockwriter *writer, const void *meta, size_t meta_length,
                           rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer index = {0};
    uint8_t footer[RSI_FOOTER_BYTES];
    uint64_t offset = writer->ref.bytes;
    RS_TRY(rsi_buffer_add_u32(&index, (uint32_t)meta_length, err));
    RS_TRY(rsi_buffer_add(&index, meta, meta_length, err));
    RS_TRY(rsi_buffer_add_u64(&index, writer->block_count, err));
    RS_TRY(rsi_buffer_add(&index, writer->entries.bytes, writer->entries.length, err));
    RS_TRY(put(writer, index.bytes, index.length, err));
    rsi_store_u64le(footer, offset);
    rsi_store_u64le(footer + 8, index.length);
    rsi_store_u64le(footer + 16, rsi_hash64(index.bytes, index.length, writer->ref.identity));
    rsi_store_u64le(footer + 24, rsi_hash64(footer, 24, writer->ref.identity));
    memcpy(footer + 32, RSI_FOOTER_MAGIC, 8);
    RS_TRY(put(writer, footer, sizeof footer, err));
done:
    rsi_buffer_free(&index);
    return status;
}

rs_status rsi_blockwriter_finish(rsi_blockwriter *writer, const void *meta, size_t meta_length,
                                 rsi_file_ref *ref, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(put_index(writer, meta, meta_length, err));
    RS_TRY(write_gathered(writer, err));
    writer->ref.digest = rsi_hash_stream_end(writer->digest);
    *ref = writer->ref;
done:
    return rs_context(err, status, "file \"%s\"", writer->ref.name);
}

rs_status rsi_blockwriter_sync(rsi_blockwriter *writer, rs_error *err)
{
    return rs_context(err, rsi_sync(writer->descriptor, err), "file \"%s\"", writer->ref.name);
}

void rsi_blockwriter_close(rsi_blockwriter *writer)
{
    if (writer == NULL) {
        return;
    }
    if (writer->descriptor >= 0) {
        close(writer->descriptor);
    }
    rsi_buffer_free(&writer->gathered);
    rsi_buffer_free(&writer->entries);
    rsi_hash_stream_free(writer->digest);
    free(writer);
}
