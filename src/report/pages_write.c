/* pages_write.c - pages one after the other, a sheet of them at a time, or many sheets side by
 * side.
 *
 * A sheet is made by a writer without a file, a part, just as by the file's own; so its bytes do
 * not show by whom.
 *
 * Memory: a sheet; two a thread where threads make them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <stdlib.h>

#include "base/parallel.h"
#include "base/try.h"
#include "report/pages_internal.h"
#include "store/intcodec.h"

enum { TEXT_LEVEL = 3 };

struct rsi_pages_writer {
    rsi_blockwriter *file; /* NULL: a part, which keeps the sheet that it ended */
    rsi_intcodec *codec;
    uint64_t identity;
    rsi_buffer page;  /* the one at hand, without the number of columns */
    rsi_buffer pages; /* of the sheet at hand */
    rsi_buffer sheet; /* head and pages, as they were ended */
    uint8_t note[RSI_SHEET_NOTE_BYTES];
    rsi_buffer meta;
    rsi_page_entry entries[RSI_PAGES_OF_SHEET];
    size_t entry_count;
    uint8_t columns;
    bool has_text;
    uint32_t section;
    uint64_t first; /* sheet of the section at hand */
    uint64_t sheets;
    uint64_t section_pages;
};

static rs_status make_writer(rsi_pages_writer **out, uint64_t identity, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_pages_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (pages)");
    }
    writer->identity = identity;
    RS_TRY(rsi_intcodec_new(&writer->codec, err));
    *out = writer;
    writer = NULL; /* moved to the caller */
done:
    rsi_pages_close(writer);
    return status;
}

rs_status rsi_pages_create(rsi_pages_writer **out, int directory, const char *name,
                           uint64_t identity, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_pages_writer *writer = NULL;
    RS_TRY(make_writer(&writer, identity, err));
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
    rsi_buffer_free(&writer->pages);
    rsi_buffer_free(&writer->sheet);
    rsi_buffer_free(&writer->meta);
    free(writer);
}

/* Put what a part ended behind the sheets of the file. */
static rs_status put_sheet(rsi_pages_writer *writer, const rsi_pages_writer *part, rs_error *err)
{
    writer->sheets++;
    return rsi_blockwriter_add(writer->file, part->sheet.bytes, part->sheet.length, part->note,
                               sizeof part->note, err);
}

static rs_status end_sheet(rsi_pages_writer *writer, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer *sheet = &writer->sheet;
    if (writer->entry_count == 0) {
        return RS_OK;
    }
    sheet->length = 0;
    for (size_t i = 0; i < writer->entry_count; i++) {
        RS_TRY(rsi_buffer_add_u32(sheet, writer->entries[i].length, err));
        RS_TRY(rsi_buffer_add_u64(sheet, writer->entries[i].key, err));
        RS_TRY(rsi_buffer_add_u64(sheet, writer->entries[i].checksum, err));
    }
    rsi_store_u64le(writer->note, writer->entries[0].key);
    rsi_store_u64le(writer->note + 8,
                    rsi_hash64(sheet->bytes, sheet->length, writer->identity + writer->sheets));
    RS_TRY(rsi_buffer_add(sheet, writer->pages.bytes, writer->pages.length, err));
    writer->pages.length = 0;
    writer->entry_count = 0;
    status = writer->file == NULL ? RS_OK : put_sheet(writer, writer, err);
done:
    return status;
}

static rs_status end_section(rsi_pages_writer *writer, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(end_sheet(writer, err));
    if (writer->section_pages == 0) {
        return RS_OK;
    }
    RS_TRY(rsi_buffer_add_u32(&writer->meta, writer->section, err));
    RS_TRY(rsi_buffer_add_u64(&writer->meta, writer->first, err));
    RS_TRY(rsi_buffer_add_u64(&writer->meta, writer->section_pages, err));
    writer->first = writer->sheets;
    writer->section_pages = 0;
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

rs_status rsi_page_text(rsi_pages_writer *writer, const void *bytes, size_t length, bool pack,
                        rs_error *err)
{
    rs_status status = RS_OK;
    size_t packed = length; /* not smaller: as it is */
    writer->has_text = true;
    RS_TRY(rsi_buffer_add_u32(&writer->page, (uint32_t)length, err));
    size_t at = writer->page.length;
    RS_TRY(rsi_buffer_add_u32(&writer->page, 0, err));
    if (length > 0 && pack) {
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
    if (!writer->has_text) {
        RS_TRY(rsi_page_text(writer, NULL, 0, false, err));
    }
    size_t at = writer->pages.length, length = 1 + writer->page.length;
    RS_TRY(rsi_buffer_add(&writer->pages, &writer->columns, 1, err));
    RS_TRY(rsi_buffer_add(&writer->pages, writer->page.bytes, writer->page.length, err));
    writer->entries[writer->entry_count] =
        (rsi_page_entry){.length = (uint32_t)length,
                         .key = key,
                         .checksum = rsi_hash64(
                             writer->pages.bytes + at, length,
                             rsi_page_seed(writer->identity, writer->sheets, writer->entry_count))};
    writer->entry_count++;
    writer->section_pages++;
    writer->page.length = 0;
    writer->columns = 0;
    writer->has_text = false;
    if (writer->entry_count == RSI_PAGES_OF_SHEET) {
        RS_TRY(end_sheet(writer, err));
    }
done:
    return status;
}

/* ---- many of them ---------------------------------------------------------------------------- */

typedef struct making {
    rsi_page_maker make;
    void *context;
    rsi_pages_writer **parts;
    size_t first, count; /* the page that the first part begins with; all pages */
} making;

static rs_status make_sheet(void *context, size_t index, unsigned worker, rs_error *err)
{
    const making *m = context;
    rs_status status = RS_OK;
    size_t page = m->first + index * RSI_PAGES_OF_SHEET, end = page + RSI_PAGES_OF_SHEET;
    for (; page < end && page < m->count; page++) {
        RS_TRY(m->make(m->context, page, worker, m->parts[index], err));
    }
    RS_TRY(end_sheet(m->parts[index], err));
done:
    return status;
}

static rs_status make_parts(rsi_pages_writer **parts, size_t count, uint64_t identity,
                            rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t i = 0; i < count; i++) {
        RS_TRY(make_writer(&parts[i], identity, err));
    }
done:
    return status;
}

rs_status rsi_pages_make(rsi_pages_writer *writer, const rs_work *work, size_t count,
                         rsi_page_maker make, void *context, rs_error *err)
{
    rs_status status = RS_OK;
    size_t part_count = 2 * (size_t)rsi_parallel_workers(work), sheets;
    making m = {.make = make, .context = context, .count = count};
    assert(writer->section_pages == 0 && writer->entry_count == 0);
    m.parts = calloc(part_count, sizeof(rsi_pages_writer *));
    if (m.parts == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (pages)");
    }
    RS_TRY(make_parts(m.parts, part_count, writer->identity, err));
    for (; m.first < count; m.first += sheets * RSI_PAGES_OF_SHEET) {
        sheets = (count - m.first + RSI_PAGES_OF_SHEET - 1) / RSI_PAGES_OF_SHEET;
        sheets = sheets < part_count ? sheets : part_count;
        for (size_t i = 0; i < sheets; i++) {
            m.parts[i]->sheets = writer->sheets + i;
        }
        RS_TRY(rsi_parallel(work, sheets, make_sheet, &m, err));
        for (size_t i = 0; i < sheets; i++) {
            RS_TRY(put_sheet(writer, m.parts[i], err));
        }
    }
    writer->section_pages = count;
done:
    for (size_t i = 0; i < part_count; i++) {
        rsi_pages_close(m.parts[i]);
    }
    free(m.parts);
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
