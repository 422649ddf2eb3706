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

/* Header, index and footer checksums, where the footer names an index within the file. */
static void mend(uint8_t *bytes, size_t size, uint64_t identity)
{
    uint8_t *footer = bytes + size - RSI_FOOTER_BYTES;
    rsi_store_u64le(bytes + 24, rsi_hash64(bytes, 24, 0));
    uint64_t offset = rsi_load_u64le(footer);
    uint64_t length = rsi_load_u64le(footer + 8);
    if (offset <= size && length <= size - offset) {
        rsi_store_u64le(footer + 16, rsi_hash64(bytes + offset, (size_t)length, identity));
    }
    rsi_store_u64le(footer + 24, rsi_hash64(footer, 24, identity));
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
        rsi_dict_close(&part);
    }
    (void)!rsi_segment_check(file, &meta, NULL);
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
