/* A data file as a whole: any bytes are refused or read as blocks within their file. The checksums
 * that a fuzzer cannot guess are put right first, so that what stands behind them is reached.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store/blockfile.h"
#include "store/blockfile_format.h"
#include "store/dict.h"
#include "store/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The checksum of every block that the index names within the file. */
static void mend_blocks(uint8_t *bytes, size_t size, uint64_t identity, uint8_t *index,
                        size_t length)
{
    rsi_cursor cursor = {index, index + length};
    uint32_t meta = 0;
    uint64_t blocks = 0;
    uint64_t offset = RSI_HEADER_BYTES;
    if (!rsi_take_u32(&cursor, &meta) || rsi_take(&cursor, meta) == NULL ||
        !rsi_take_u64(&cursor, &blocks)) {
        return;
    }
    for (uint64_t i = 0; i < blocks; i++) {
        uint32_t bytes_of = 0;
        uint64_t checksum = 0;
        uint16_t note = 0;
        if (!rsi_take_u32(&cursor, &bytes_of) || !rsi_take_u64(&cursor, &checksum) ||
            !rsi_take_u16(&cursor, &note) || rsi_take(&cursor, note) == NULL || offset > size ||
            bytes_of > size - offset) {
            return;
        }
        rsi_store_u64le(index + (cursor.at - index) - note - 10,
                        rsi_hash64(bytes + offset, bytes_of, identity + i));
        offset += bytes_of;
    }
}

/* Header, index and footer checksums, where the footer names an index within the file. */
static void mend(uint8_t *bytes, size_t size, uint64_t identity)
{
    uint8_t *footer = bytes + size - RSI_FOOTER_BYTES;
    rsi_store_u64le(bytes + 24, rsi_hash64(bytes, 24, 0));
    uint64_t offset = rsi_load_u64le(footer);
    uint64_t length = rsi_load_u64le(footer + 8);
    if (offset <= size && length <= size - offset) {
        mend_blocks(bytes, size, identity, bytes + offset, (size_t)length);
        rsi_store_u64le(footer + 16, rsi_hash64(bytes + offset, (size_t)length, identity));
    }
    rsi_store_u64le(footer + 24, rsi_hash64(footer, 24, identity));
}

/* Numbers stay within the part, whatever its blocks say of them. */
static void read_ids(const rsi_dict_part *part)
{
    rsi_dict_block *block = NULL;
    rs_text id;
    if (rsi_dict_block_new(&block, NULL) != RS_OK) {
        return;
    }
    for (size_t i = 0; i < part->id_blocks; i++) {
        if (rsi_dict_load(block, part, i, NULL) != RS_OK) {
            continue;
        }
        for (size_t k = 0; k < block->count; k++) {
            if (rsi_dict_number(block, k) - part->first >= part->count) {
                abort();
            }
        }
        uint32_t node = RS_NO_NODE;
        rs_text first = block->ids[0];
        (void)!rsi_dict_find(part, block, first, &node, NULL);
    }
    for (uint32_t i = 0; i < part->count && i < 100; i++) {
        (void)!rsi_dict_name(part, block, part->first + i, &id, NULL);
    }
    rsi_dict_block_free(block);
}

static void read_all(const rsi_blockfile *file)
{
    rsi_dict_part part;
    rsi_segment_meta meta;
    rsi_buffer bytes = {0};
    for (size_t i = 0; i < file->block_count; i++) {
        (void)!rsi_blockfile_read(file, i, &bytes, NULL);
    }
    rsi_buffer_free(&bytes);
    if (rsi_dict_open(&part, file, NULL) == RS_OK) {
        read_ids(&part);
        rsi_dict_close(&part);
    }
    if (rsi_segment_check(file, &meta, NULL) == RS_OK) {
        for (size_t i = 0; i < file->block_count; i++) {
            rsi_segment_shape shape;
            (void)!rsi_segment_look(file, i, &shape, NULL);
        }
    }
    (void)!rsi_blockfile_check_digest(file, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { SIZE_MIN = RSI_HEADER_BYTES + RSI_FOOTER_BYTES };
    if (size < SIZE_MIN) {
        return 0;
    }
    uint8_t *bytes = malloc(size);
    int descriptor = memfd_create("block", MFD_CLOEXEC);
    memcpy(bytes, data, size);
    rsi_file_ref ref = {.bytes = size,
                        .identity = rsi_load_u64le(data + 16),
                        .kind = (rsi_file_kind)(rsi_load_u32le(data + 12) % RSI_FILE_KIND_COUNT)};
    mend(bytes, size, ref.identity);
    if (write(descriptor, bytes, size) == (ssize_t)size) {
        rsi_blockfile file;
        if (rsi_blockfile_adopt(&file, descriptor, &ref, NULL) == RS_OK) {
            read_all(&file);
            rsi_blockfile_close(&file);
        }
    } else {
        close(descriptor);
    }
    free(bytes);
    return 0;
}
