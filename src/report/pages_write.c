/* pages_write.c - a file of pages, front to back, once.
 *
 *     page    = [ columns u8 ] per column [ count u32 ][ columns of up to 65,536 values each ]
 *               [ bytes u32 ][ packed u32 ][ the text as a zstd frame; as it is where
 *               packed = bytes ]
 *     note    = [ key u64 ]
 *     meta    = per section [ number u32 ][ first page u64 ][ pages u64 ]
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/try.h"
#include "report/pages.h"
#include "store/intcodec.h"

enum { TEXT_LEVEL = 3 };

struct rsi_pages_writer {
    rsi_blockwriter *file;
    rsi_intcodec *codec;
    rsi_buffer page; /* without the number of columns */
    rsi_buffer whole;
    rsi_buffer meta;
    uint8_t columns;
    bool has_text;
    uint32_t section;
    uint64_t first; /* page of the section at hand */
    uint64_t pages;
};

rs_status rsi_pages_create(rsi_pages_writer **out, int directory, const char *name,
                           uint64_t identity, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_pages_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (file of pages)");
    }
    RS_TRY(rsi_intcodec_new(&writer->codec, err));
    RS_TRY(rsi_blockwriter_open(&writer->file, directory, name, RSI_FILE_PAGES, identity, err));
    *out = writer;
    writer = NULL; /* moved to the caller */
done:
    rsi_pages_close(writer);
    return status;
}

void rsi_pages_close(rsi_pages_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    rsi_blockwriter_close(writer->file);
    rsi_intcodec_free(writer->codec);
    rsi_buffer_free(&writer->page);
    rsi_buffer_free(&writer->whole);
    rsi_buffer_free(&writer->meta);
    free(writer);
}

static rs_status end_section(rsi_pages_writer *writer, rs_error *err)
{
    rs_status status = RS_OK;
    if (writer->pages == writer->first) {
        return RS_OK;
    }
    RS_TRY(rsi_buffer_add_u32(&writer->meta, writer->section, err));
    RS_TRY(rsi_buffer_add_u64(&writer->meta, writer->first, err));
    RS_TRY(rsi_buffer_add_u64(&writer->meta, writer->pages - writer->first, err));
    writer->first = writer->pages;
done:
    return status;
}

rs_status rsi_pages_section(rsi_pages_writer *writer, uint32_t section, rs_error *err)
{
    rs_status status = end_section(writer, err);
    writer->section = section;
    return status;
}

rs_status rsi_page_column(rsi_pages_writer *writer, const uint64_t *values, size_t count,
                          rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_buffer_add_u32(&writer->page, (uint32_t)count, err));
    for (size_t done_count = 0; done_count < count;) {
        size_t part = count - done_count < RSI_INTS_MAX ? count - done_count : RSI_INTS_MAX;
        RS_TRY(rsi_ints_encode(writer->codec, values + done_count, part, &writer->page, err));
        done_count += part;
    }
    writer->columns++;
done:
    return status;
}

rs_status rsi_page_text(rsi_pages_writer *writer, const void *bytes, size_t length, rs_error *err)
{
    rs_status status = RS_OK;
    size_t packed = 0;
    writer->has_text = true;
    RS_TRY(rsi_buffer_add_u32(&writer->page, (uint32_t)length, err));
    size_t at = writer->page.length;
    RS_TRY(rsi_buffer_add_u32(&writer->page, 0, err));
    if (length > 0) {
        RS_TRY(rsi_zblock_pack(rsi_intcodec_zblock(writer->codec), bytes, length, TEXT_LEVEL,
                               &writer->page, &packed, err));
    }
    if (packed >= length) { /* as it is */
        packed = length;
        writer->page.length = at + sizeof(uint32_t);
        RS_TRY(rsi_buffer_add(&writer->page, bytes, length, err));
    }
    rsi_store_u32le(writer->page.bytes + at, (uint32_t)packed);
done:
    return status;
}

rs_status rsi_page_end(rsi_pages_writer *writer, uint64_t key, rs_error *err)
{
    rs_status status = RS_OK;
    uint8_t note[8];
    if (!writer->has_text) {
        RS_TRY(rsi_page_text(writer, NULL, 0, err));
    }
    rsi_store_u64le(note, key);
    writer->whole.length = 0;
    RS_TRY(rsi_buffer_add(&writer->whole, &writer->columns, 1, err));
    RS_TRY(rsi_buffer_add(&writer->whole, writer->page.bytes, writer->page.length, err));
    RS_TRY(rsi_blockwriter_add(writer->file, writer->whole.bytes, writer->whole.length, note,
                               sizeof note, err));
    writer->pages++;
    writer->page.length = 0;
    writer->columns = 0;
    writer->has_text = false;
done:
    return status;
}

rs_status rsi_pages_finish(rsi_pages_writer *writer, rsi_file_ref *ref, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(end_section(writer, err));
    RS_TRY(rsi_blockwriter_finish(writer->file, writer->meta.bytes, writer->meta.length, ref, err));
    RS_TRY(rsi_blockwriter_sync(writer->file, err));
done:
    return status;
}
