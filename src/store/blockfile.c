/* blockfile.c - read a container of blocks; nothing in it is believed before its checksum holds.
 *
 *   header = [ magic "RSBLOCKS" ][ version u32 ][ kind u32 ][ identity u64 ][ checksum u64 ]
 *   index  = [ meta length u32 ][ meta ][ blocks u64 ] and per block
 *            [ length u32 ][ checksum u64 ][ note length u16 ][ note ]
 *   footer = [ index offset u64 ][ index length u64 ][ index checksum u64 ][ checksum u64 ][
 * "RSFOOTER" ]
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/blockfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/try.h"
#include "store/blockfile_format.h"

const char *rsi_file_kind_name(rsi_file_kind kind)
{
    static const char *const names[RSI_FILE_KIND_COUNT] = {"dictionary", "segment", "attribute",
                                                           "rows", "reverse"};
    return kind < RSI_FILE_KIND_COUNT ? names[kind] : "pages";
}

uint64_t rsi_file_identity(rsi_hash128 batch_digest, uint64_t sequence, const char *name)
{
    uint8_t bytes[24];
    rsi_store_u64le(bytes, batch_digest.high);
    rsi_store_u64le(bytes + 8, batch_digest.low);
    rsi_store_u64le(bytes + 16, sequence);
    return rsi_hash64(name, strlen(name), rsi_hash64(bytes, sizeof bytes, 0));
}

static rs_status read_from(int descriptor, uint64_t offset, void *bytes, size_t length,
                           rs_error *err)
{
    uint8_t *at = bytes;
    size_t got = 0;
    while (got < length) {
        ssize_t part = pread(descriptor, at + got, length - got, (off_t)(offset + got));
        if (part < 0 && errno == EINTR) {
            continue;
        }
        if (part < 0) {
            return rs_fail(err, RS_EIO, "cannot read %zu bytes at %" PRIu64 ": %s", length, offset,
                           strerror(errno));
        }
        if (part == 0) {
            return rs_fail(err, RS_ECORRUPT,
                           "%zu bytes at %" PRIu64 " were expected, the file ends after %zu",
                           length, offset, got);
        }
        got += (size_t)part;
    }
    return RS_OK;
}

static rs_status read_at(const rsi_blockfile *file, uint64_t offset, void *bytes, size_t length,
                         rs_error *err)
{
    if (file->descriptor >= 0) {
        return read_from(file->descriptor, offset, bytes, length, err);
    }
    int descriptor = openat(file->directory, file->ref.name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0) {
        return rs_fail(err, RS_EIO, "cannot open: %s", strerror(errno));
    }
    rs_status status = read_from(descriptor, offset, bytes, length, err);
    close(descriptor);
    return status;
}

static rs_status check_header(const rsi_blockfile *file, const uint8_t *header, rs_error *err)
{
    if (memcmp(header, RSI_HEADER_MAGIC, 8) != 0) {
        return rs_fail(err, RS_ECORRUPT, "S-03: header: not a file of a ringscope store");
    }
    if (rsi_load_u64le(header + 24) != rsi_hash64(header, 24, 0)) {
        return rs_fail(err, RS_ECORRUPT, "S-03: header: the checksum does not match");
    }
    if (rsi_load_u32le(header + 8) == 0 || rsi_load_u32le(header + 8) > RSI_BLOCKFILE_VERSION) {
        return rs_fail(err, RS_ECORRUPT,
                       "S-03: header: version %u is not supported (this build reads 1 to %d)",
                       rsi_load_u32le(header + 8), RSI_BLOCKFILE_VERSION);
    }
    if (rsi_load_u32le(header + 12) != (uint32_t)file->ref.kind) {
        return rs_fail(err, RS_ECORRUPT, "S-03: header: a %s file was expected, found kind %u",
                       rsi_file_kind_name(file->ref.kind), rsi_load_u32le(header + 12));
    }
    if (rsi_load_u64le(header + 16) != file->ref.identity) {
        return rs_fail(
            err, RS_ECORRUPT,
            "S-03: header: the file is of another batch or another place (identity %016" PRIx64
            ", expected %016" PRIx64 ")",
            rsi_load_u64le(header + 16), file->ref.identity);
    }
    return RS_OK;
}

static rs_status check_footer(const rsi_blockfile *file, const uint8_t *footer, uint64_t *offset,
                              uint64_t *length, uint64_t *checksum, rs_error *err)
{
    *offset = rsi_load_u64le(footer);
    *length = rsi_load_u64le(footer + 8);
    *checksum = rsi_load_u64le(footer + 16);
    if (memcmp(footer + 32, RSI_FOOTER_MAGIC, 8) != 0 ||
        rsi_load_u64le(footer + 24) != rsi_hash64(footer, 24, file->ref.identity)) {
        return rs_fail(err, RS_ECORRUPT, "S-03: footer: the checksum does not match");
    }
    if (*length > RSI_INDEX_BYTES_MAX || *offset < RSI_HEADER_BYTES || *offset > file->ref.bytes ||
        *length != file->ref.bytes - RSI_FOOTER_BYTES - *offset) {
        return rs_fail(err, RS_ECORRUPT,
                       "S-03: footer: the index cannot lie at %" PRIu64 " with %" PRIu64 " bytes",
                       *offset, *length);
    }
    return RS_OK;
}

static rs_status parse_entry(rsi_cursor *cursor, uint64_t *offset, uint64_t end,
                             rsi_block_entry *entry, rs_error *err)
{
    uint16_t note_length = 0;
    if (!rsi_take_u32(cursor, &entry->length) || !rsi_take_u64(cursor, &entry->checksum) ||
        !rsi_take_u16(cursor, &note_length)) {
        return rs_fail(err, RS_ECORRUPT, "the entry is cut");
    }
    entry->note_length = note_length;
    entry->note = rsi_take(cursor, note_length);
    entry->offset = *offset;
    if (entry->note == NULL || entry->length > RSI_BLOCK_BYTES_MAX ||
        entry->length > end - *offset) {
        return rs_fail(err, RS_ECORRUPT, "%u bytes with a note of %u do not fit", entry->length,
                       note_length);
    }
    *offset += entry->length;
    return RS_OK;
}

static rs_status parse_index(rsi_blockfile *file, uint64_t index_offset, uint64_t length,
                             rs_error *err)
{
    rs_status status = RS_OK;
    rsi_cursor cursor = {file->index, file->index + length};
    uint64_t count = 0;
    uint64_t offset = RSI_HEADER_BYTES;
    if (!rsi_take_u32(&cursor, &file->meta_length) ||
        (file->meta = rsi_take(&cursor, file->meta_length)) == NULL ||
        !rsi_take_u64(&cursor, &count) || count > rsi_cursor_left(&cursor) / RSI_ENTRY_BYTES_MIN) {
        return rs_fail(err, RS_ECORRUPT,
                       "S-03: index: its lengths do not fit into %" PRIu64 " bytes", length);
    }
    file->blocks = calloc(count == 0 ? 1 : (size_t)count, sizeof *file->blocks);
    if (file->blocks == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (index of %" PRIu64 " blocks)", count);
    }
    file->block_count = (size_t)count;
    for (size_t i = 0; i < count; i++) {
        status = parse_entry(&cursor, &offset, index_offset, &file->blocks[i], err);
        if (status != RS_OK) {
            return rs_context(err, status, "S-03: index: entry %zu", i);
        }
    }
    if (cursor.at != cursor.end || offset != index_offset) {
        return rs_fail(err, RS_ECORRUPT,
                       "S-03: index: blocks end at %" PRIu64 " where %" PRIu64 " was expected",
                       offset, index_offset);
    }
    return RS_OK;
}

static rs_status load_index(rsi_blockfile *file, rs_error *err)
{
    rs_status status = RS_OK;
    uint8_t footer[RSI_FOOTER_BYTES];
    uint64_t offset = 0;
    uint64_t length = 0;
    uint64_t checksum = 0;
    RS_TRY(read_at(file, file->ref.bytes - sizeof footer, footer, sizeof footer, err));
    RS_TRY(check_footer(file, footer, &offset, &length, &checksum, err));
    file->index = malloc(length == 0 ? 1 : (size_t)length);
    if (file->index == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (index of %" PRIu64 " bytes)", length);
        goto done;
    }
    RS_TRY(read_at(file, offset, file->index, (size_t)length, err));
    if (rsi_hash64(file->index, (size_t)length, file->ref.identity) != checksum) {
        status = rs_fail(err, RS_ECORRUPT, "S-03: index: the checksum does not match");
        goto done;
    }
    RS_TRY(parse_index(file, offset, length, err));
done:
    return status;
}

static rs_status check_size(const rsi_blockfile *file, rs_error *err)
{
    struct stat info;
    if (fstat(file->descriptor, &info) != 0) {
        return rs_fail(err, RS_EIO, "cannot stat: %s", strerror(errno));
    }
    if (!S_ISREG(info.st_mode) || (uint64_t)info.st_size != file->ref.bytes ||
        file->ref.bytes < RSI_HEADER_BYTES + RSI_FOOTER_BYTES) {
        return rs_fail(err, RS_ECORRUPT,
                       "S-02: a file of %" PRIu64 " bytes was expected, found %" PRId64,
                       file->ref.bytes, (int64_t)info.st_size);
    }
    return RS_OK;
}

rs_status rsi_blockfile_adopt(rsi_blockfile *file, int descriptor, const rsi_file_ref *ref,
                              rs_error *err)
{
    rs_status status = RS_OK;
    uint8_t header[RSI_HEADER_BYTES];
    *file = (rsi_blockfile){.descriptor = descriptor, .directory = -1, .ref = *ref};
    RS_TRY(check_size(file, err));
    RS_TRY(read_at(file, 0, header, sizeof header, err));
    RS_TRY(check_header(file, header, err));
    RS_TRY(load_index(file, err));
done:
    if (status != RS_OK) {
        rsi_blockfile_close(file);
    }
    return rs_context(err, status, "%s file \"%s\"", rsi_file_kind_name(ref->kind), ref->name);
}

rs_status rsi_blockfile_open(rsi_blockfile *file, int directory, const rsi_file_ref *ref,
                             rs_error *err)
{
    *file = (rsi_blockfile){.descriptor = -1, .directory = -1, .ref = *ref};
    int descriptor = openat(directory, ref->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0) {
        rs_status status =
            errno == ENOENT
                ? rs_fail(err, RS_ECORRUPT, "S-02: the manifest names this file, but it is missing")
                : rs_fail(err, RS_EIO, "cannot open: %s", strerror(errno));
        return rs_context(err, status, "%s file \"%s\"", rsi_file_kind_name(ref->kind), ref->name);
    }
    return rsi_blockfile_adopt(file, descriptor, ref, err);
}

void rsi_blockfile_close(rsi_blockfile *file)
{
    if (file->descriptor >= 0) {
        close(file->descriptor);
    }
    file->descriptor = -1;
    free(file->index);
    free(file->blocks);
    file->index = NULL;
    file->blocks = NULL;
    file->block_count = 0;
}

void rsi_blockfile_rest(rsi_blockfile *file, int directory)
{
    close(file->descriptor);
    file->descriptor = -1;
    file->directory = directory;
}

rs_status rsi_blockfile_read(const rsi_blockfile *file, size_t number, rsi_buffer *buffer,
                             rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_block_entry *entry = &file->blocks[number];
    buffer->length = 0;
    RS_TRY(rsi_buffer_reserve(buffer, (size_t)entry->length + 1, err)); /* never NULL */
    RS_TRY(read_at(file, entry->offset, buffer->bytes, entry->length, err));
    buffer->length = entry->length;
    if (rsi_hash64(buffer->bytes, buffer->length, file->ref.identity + number) != entry->checksum) {
        status = rs_fail(err, RS_ECORRUPT,
                         "S-05: the checksum of %u bytes at %" PRIu64 " does not match",
                         entry->length, entry->offset);
    }
done:
    return rs_context(err, status, "%s file \"%s\": block %zu", rsi_file_kind_name(file->ref.kind),
                      file->ref.name, number);
}

rs_status rsi_blockfile_peek(const rsi_blockfile *file, size_t number, uint32_t offset, void *bytes,
                             size_t length, rs_error *err)
{
    const rsi_block_entry *entry = &file->blocks[number];
    rs_status status = offset > entry->length || length > entry->length - offset
                           ? rs_fail(err, RS_ECORRUPT, "S-06: %zu bytes at %u of %u were expected",
                                     length, offset, entry->length)
                           : read_at(file, entry->offset + offset, bytes, length, err);
    return rs_context(err, status, "%s file \"%s\": block %zu", rsi_file_kind_name(file->ref.kind),
                      file->ref.name, number);
}

rs_status rsi_blockfile_check_digest(const rsi_blockfile *file, rs_error *err)
{
    rs_status status = RS_OK;
    enum { PIECE = 1 << 20 };
    uint8_t *piece = malloc(PIECE);
    rsi_hash_stream *stream = rsi_hash_stream_new();
    if (piece == NULL || stream == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (digest of a file)");
        goto done;
    }
    for (uint64_t at = 0; at < file->ref.bytes; at += PIECE) {
        uint64_t left = file->ref.bytes - at;
        size_t length = left < PIECE ? (size_t)left : PIECE;
        RS_TRY(read_at(file, at, piece, length, err));
        rsi_hash_stream_add(stream, piece, length);
    }
    rsi_hash128 digest = rsi_hash_stream_end(stream);
    if (digest.high != file->ref.digest.high || digest.low != file->ref.digest.low) {
        status = rs_fail(err, RS_ECORRUPT,
                         "S-04: the digest of the file is not the one in the manifest");
    }
done:
    free(piece);
    rsi_hash_stream_free(stream);
    return rs_context(err, status, "%s file \"%s\"", rsi_file_kind_name(file->ref.kind),
                      file->ref.name);
}
