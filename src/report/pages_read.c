/* pages_read.c - pages one by one, the last few hundred kept.
 *
 * Cost: opening reads the index, 30 bytes a sheet; a page costs one read, its checksum and the
 * decoding, about 3 ns a value, and the first one of a sheet another read.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "report/pages_internal.h"
#include "store/intcodec.h"

enum { COLUMN_MAX = 1 << 26 };

typedef struct section {
    uint32_t number;
    uint64_t first; /* sheet */
    uint64_t count; /* pages */
} section;

typedef struct kept {
    uint64_t page; /* place in the file + 1; 0: none */
    rsi_page view;
    uint64_t *values;
    size_t value_room;
    char *text;
    size_t text_room;
} kept;

typedef struct sheet {
    uint64_t number; /* + 1; 0: none */
    size_t pages;
    rsi_page_entry entries[RSI_PAGES_OF_SHEET];
    uint32_t offsets[RSI_PAGES_OF_SHEET]; /* in the block */
} sheet;

struct rsi_pages {
    rsi_blockfile file;
    rsi_intcodec *codec;
    section *sections;
    size_t section_count;
    rsi_buffer bytes;
    kept slots[RSI_PAGES_KEPT];
    sheet *sheets[RSI_SHEETS_KEPT]; /* NULL: none yet */
    size_t asked[RSI_SHEETS_KEPT];  /* whose head was announced: its number + 1 */
};

/* Where a page is: its sheet, and its place in that. */
typedef struct place {
    size_t sheet;
    size_t at;
    size_t of; /* pages of the sheet */
} place;

/* ---- opening --------------------------------------------------------------------------------- */

static uint64_t sheets_of(const section *one)
{
    return one->count / RSI_PAGES_OF_SHEET + (one->count % RSI_PAGES_OF_SHEET != 0);
}

static bool read_sections(rsi_pages *pages)
{
    rsi_cursor cursor = {pages->file.meta, pages->file.meta + pages->file.meta_length};
    uint64_t next = 0;
    for (size_t i = 0; i < pages->section_count; i++) {
        section *one = &pages->sections[i];
        if (!rsi_take_u32(&cursor, &one->number) || !rsi_take_u64(&cursor, &one->first) ||
            !rsi_take_u64(&cursor, &one->count) || one->first != next || one->count == 0 ||
            sheets_of(one) > pages->file.block_count - one->first ||
            (i > 0 && one->number <= one[-1].number)) {
            return false;
        }
        next += sheets_of(one);
    }
    for (size_t i = 0; i < pages->file.block_count; i++) {
        if (pages->file.blocks[i].note_length != RSI_SHEET_NOTE_BYTES) {
            return false;
        }
    }
    return next == pages->file.block_count;
}

static rs_status open_file(rsi_pages *pages, const char *path, uint64_t bytes, uint64_t identity,
                           rs_error *err)
{
    rs_status status = RS_OK;
    rsi_file_ref ref = {.kind = RSI_FILE_PAGES, .identity = identity, .bytes = bytes};
    const char *name = strrchr(path, '/');
    name = name != NULL ? name + 1 : path;
    memcpy(ref.name, name, strnlen(name, sizeof ref.name - 1));
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return rs_fail(err, errno == ENOENT ? RS_ECORRUPT : RS_EIO, "open \"%s\": %s", path,
                       strerror(errno));
    }
    RS_TRY(rsi_blockfile_adopt(&pages->file, descriptor, &ref, err));
    pages->section_count = pages->file.meta_length / RSI_SECTION_BYTES;
    pages->sections = calloc(pages->section_count + 1, sizeof *pages->sections);
    if (pages->sections == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (file of pages)");
        goto done;
    }
    if (pages->file.meta_length % RSI_SECTION_BYTES != 0 || !read_sections(pages)) {
        status = rs_fail(err, RS_ECORRUPT, "\"%s\": sections do not add up to its pages", path);
    }
    /* Pages lie all over the file: what the system would read ahead is not what comes next. */
    (void)posix_fadvise(pages->file.descriptor, 0, 0, POSIX_FADV_RANDOM);
done:
    return status;
}

rs_status rsi_pages_open(rsi_pages **out, const char *path, uint64_t bytes, uint64_t identity,
                         rs_error *err)
{
    rs_status status = RS_OK;
    rsi_pages *pages = calloc(1, sizeof *pages);
    if (pages == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (file of pages)");
    }
    pages->file.descriptor = -1;
    RS_TRY(rsi_intcodec_new(&pages->codec, err));
    RS_TRY(open_file(pages, path, bytes, identity, err));
    *out = pages;
    pages = NULL; /* moved to the caller */
done:
    rsi_pages_done(pages);
    return status;
}

void rsi_pages_done(rsi_pages *pages)
{
    if (pages == NULL) {
        return;
    }
    for (size_t i = 0; i < RSI_PAGES_KEPT; i++) {
        free(pages->slots[i].values);
        free(pages->slots[i].text);
    }
    for (size_t i = 0; i < RSI_SHEETS_KEPT; i++) {
        free(pages->sheets[i]);
    }
    rsi_buffer_free(&pages->bytes);
    free(pages->sections);
    rsi_blockfile_close(&pages->file);
    rsi_intcodec_free(pages->codec);
    free(pages);
}

/* ---- finding --------------------------------------------------------------------------------- */

static const section *find_section(const rsi_pages *pages, uint32_t number)
{
    size_t low = 0, high = pages->section_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        *(pages->sections[middle].number < number ? &low : &high) =
            pages->sections[middle].number < number ? middle + 1 : middle;
    }
    return low < pages->section_count && pages->sections[low].number == number
               ? &pages->sections[low]
               : NULL;
}

size_t rsi_pages_count(const rsi_pages *pages, uint32_t number)
{
    const section *found = find_section(pages, number);
    return found == NULL ? 0 : (size_t)found->count;
}

static place find_place(const section *found, size_t page)
{
    size_t in_section = page / RSI_PAGES_OF_SHEET;
    uint64_t left = found->count - (uint64_t)in_section * RSI_PAGES_OF_SHEET;
    return (place){.sheet = (size_t)found->first + in_section,
                   .at = page % RSI_PAGES_OF_SHEET,
                   .of = left < RSI_PAGES_OF_SHEET ? (size_t)left : RSI_PAGES_OF_SHEET};
}

/* Entries of `bytes`, whose checksum was right; whether the pages fill the sheet. */
static bool read_head(sheet *into, const uint8_t *bytes, size_t pages, uint32_t sheet_bytes)
{
    uint64_t at = (uint64_t)pages * RSI_PAGE_ENTRY_BYTES;
    for (size_t i = 0; i < pages; i++, bytes += RSI_PAGE_ENTRY_BYTES) {
        into->entries[i] = (rsi_page_entry){.length = rsi_load_u32le(bytes),
                                            .key = rsi_load_u64le(bytes + 4),
                                            .checksum = rsi_load_u64le(bytes + 12)};
        into->offsets[i] = (uint32_t)at;
        at += into->entries[i].length;
        if (at > sheet_bytes || (i > 0 && into->entries[i].key < into->entries[i - 1].key)) {
            return false;
        }
    }
    into->pages = pages;
    return at == sheet_bytes;
}

/* The head of a sheet, read where it is not kept. */
static rs_status get_sheet(rsi_pages *pages, place where, const sheet **out, rs_error *err)
{
    rs_status status = RS_OK;
    uint8_t bytes[RSI_PAGES_OF_SHEET * RSI_PAGE_ENTRY_BYTES];
    const rsi_block_entry *block = &pages->file.blocks[where.sheet];
    size_t length = where.of * RSI_PAGE_ENTRY_BYTES;
    sheet **slot = &pages->sheets[where.sheet % RSI_SHEETS_KEPT];
    if (*slot == NULL && (*slot = calloc(1, sizeof **slot)) == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (head of a sheet)");
    }
    if ((*slot)->number != where.sheet + 1) {
        (*slot)->number = 0;
        RS_TRY(rsi_blockfile_peek(&pages->file, where.sheet, 0, bytes, length, err));
        uint64_t checksum =
            rsi_hash64(bytes, length, pages->file.ref.identity + (uint64_t)where.sheet);
        if (checksum != rsi_load_u64le(block->note + 8) ||
            !read_head(*slot, bytes, where.of, block->length)) {
            status = rs_fail(err, RS_ECORRUPT, "file \"%s\": the head of sheet %zu is damaged",
                             pages->file.ref.name, where.sheet);
            goto done;
        }
        (*slot)->number = where.sheet + 1;
    }
    *out = *slot;
done:
    return status;
}

rs_status rsi_pages_seek(rsi_pages *pages, uint32_t number, uint64_t key, size_t *page,
                         rs_error *err)
{
    rs_status status = RS_OK;
    const section *found = find_section(pages, number);
    const sheet *head = NULL;
    size_t low = 0, high = found == NULL ? 0 : (size_t)sheets_of(found);
    *page = SIZE_MAX;
    while (low < high) { /* the first sheet of a larger key */
        size_t middle = low + (high - low) / 2;
        uint64_t first = rsi_load_u64le(pages->file.blocks[found->first + middle].note);
        *(first <= key ? &low : &high) = first <= key ? middle + 1 : middle;
    }
    if (low == 0) {
        return RS_OK;
    }
    size_t first = (low - 1) * RSI_PAGES_OF_SHEET;
    RS_TRY(get_sheet(pages, find_place(found, first), &head, err));
    for (size_t i = 0; i < head->pages && head->entries[i].key <= key; i++) {
        *page = first + i;
    }
done:
    return status;
}

rs_status rsi_pages_key(rsi_pages *pages, uint32_t number, size_t page, uint64_t *key,
                        rs_error *err)
{
    const section *found = find_section(pages, number);
    const sheet *head = NULL;
    if (found == NULL || page >= found->count) {
        return rsi_pages_damaged(pages, number, page, "there is no such page", err);
    }
    place where = find_place(found, page);
    rs_status status = get_sheet(pages, where, &head, err);
    *key = status == RS_OK ? head->entries[where.at].key : 0;
    return status;
}

static void will_need(const rsi_pages *pages, size_t block, size_t offset, size_t length)
{
    (void)posix_fadvise(pages->file.descriptor, (off_t)(pages->file.blocks[block].offset + offset),
                        (off_t)length, POSIX_FADV_WILLNEED);
}

void rsi_pages_expect(rsi_pages *pages, uint32_t number, size_t page)
{
    const section *found = find_section(pages, number);
    const sheet *head = NULL;
    rs_error ignored;
    if (found == NULL || page >= found->count) {
        return;
    }
    place where = find_place(found, page);
    uint64_t id = (uint64_t)where.sheet * RSI_PAGES_OF_SHEET + where.at;
    size_t *asked = &pages->asked[where.sheet % RSI_SHEETS_KEPT];
    const sheet *known = pages->sheets[where.sheet % RSI_SHEETS_KEPT];
    if (pages->slots[id % RSI_PAGES_KEPT].page == id + 1) {
        return;
    }
    if ((known == NULL || known->number != where.sheet + 1) && *asked != where.sheet + 1) {
        *asked = where.sheet + 1;
        will_need(pages, where.sheet, 0, where.of * RSI_PAGE_ENTRY_BYTES);
    } else if (get_sheet(pages, where, &head, &ignored) == RS_OK) {
        will_need(pages, where.sheet, head->offsets[where.at], head->entries[where.at].length);
    }
}

/* ---- a page ---------------------------------------------------------------------------------- */

static rs_status room_for(kept *slot, size_t used, size_t more, rs_error *err)
{
    if (slot->value_room - used >= more) {
        return RS_OK;
    }
    size_t room = 2 * slot->value_room + more;
    uint64_t *values = realloc(slot->values, room * sizeof *values);
    if (values == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (a page of %zu numbers)", room);
    }
    slot->values = values;
    slot->value_room = room;
    return RS_OK;
}

static rs_status take_column(rsi_pages *pages, kept *slot, rsi_cursor *cursor, size_t *used,
                             rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t count = 0;
    if (!rsi_take_u32(cursor, &count) || count > COLUMN_MAX) {
        return rs_fail(err, RS_ECORRUPT, "a column has no length, or one beyond %d", COLUMN_MAX);
    }
    slot->view.counts[slot->view.column_count++] = count;
    for (uint32_t at = 0; at < count;) {
        size_t part = count - at < RSI_INTS_MAX ? count - at : RSI_INTS_MAX;
        RS_TRY(room_for(slot, *used, part, err));
        RS_TRY(rsi_ints_decode(pages->codec, cursor, part, slot->values + *used, err));
        *used += part;
        at += (uint32_t)part;
    }
done:
    return status;
}

static rs_status take_text(rsi_pages *pages, kept *slot, rsi_cursor *cursor, rs_error *err)
{
    uint32_t length = 0, packed = 0;
    const uint8_t *bytes = NULL;
    if (!rsi_take_u32(cursor, &length) || !rsi_take_u32(cursor, &packed) ||
        (bytes = rsi_take(cursor, packed)) == NULL || rsi_cursor_left(cursor) != 0 ||
        length > RSI_BLOCK_BYTES_MAX || packed > length || (length == 0) != (packed == 0)) {
        return rs_fail(err, RS_ECORRUPT, "a text does not end with its page");
    }
    if (length > slot->text_room) {
        char *text = realloc(slot->text, length);
        if (text == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (a text of %u bytes)", length);
        }
        slot->text = text;
        slot->text_room = length;
    }
    slot->view.text = (rs_text){length > 0 ? slot->text : "", length};
    if (packed == length) {
        if (length > 0) {
            memcpy(slot->text, bytes, length);
        }
        return RS_OK;
    }
    return rsi_zblock_unpack(rsi_intcodec_zblock(pages->codec), bytes, packed, slot->text, length,
                             err);
}

static rs_status read_page(rsi_pages *pages, place where, rs_error *err)
{
    rs_status status = RS_OK;
    const sheet *head = NULL;
    RS_TRY(get_sheet(pages, where, &head, err));
    const rsi_page_entry *entry = &head->entries[where.at];
    pages->bytes.length = 0;
    RS_TRY(rsi_buffer_reserve(&pages->bytes, (size_t)entry->length + 1, err));
    RS_TRY(rsi_blockfile_peek(&pages->file, where.sheet, head->offsets[where.at],
                              pages->bytes.bytes, entry->length, err));
    pages->bytes.length = entry->length;
    uint64_t seed = rsi_page_seed(pages->file.ref.identity, where.sheet, where.at);
    if (rsi_hash64(pages->bytes.bytes, pages->bytes.length, seed) != entry->checksum) {
        status = rs_fail(err, RS_ECORRUPT, "its checksum does not fit");
    }
done:
    return status;
}

static rs_status load(rsi_pages *pages, kept *slot, place where, rs_error *err)
{
    rs_status status = RS_OK;
    size_t used = 0;
    uint8_t columns = 0;
    slot->page = 0;
    slot->view = (rsi_page){.column_count = 0};
    RS_TRY(read_page(pages, where, err));
    rsi_cursor cursor = {pages->bytes.bytes, pages->bytes.bytes + pages->bytes.length};
    if (!rsi_take_u8(&cursor, &columns) || columns > RSI_PAGE_COLUMNS_MAX) {
        status = rs_fail(err, RS_ECORRUPT, "%u columns, at most %d were expected", columns,
                         RSI_PAGE_COLUMNS_MAX);
        goto done;
    }
    RS_TRY(room_for(slot, 0, 1, err));
    for (uint8_t i = 0; i < columns; i++) {
        RS_TRY(take_column(pages, slot, &cursor, &used, err));
    }
    RS_TRY(take_text(pages, slot, &cursor, err));
    uint64_t *at = slot->values;
    for (size_t i = 0; i < columns; i++) {
        slot->view.columns[i] = at;
        at += slot->view.counts[i];
    }
    slot->page = (uint64_t)where.sheet * RSI_PAGES_OF_SHEET + where.at + 1;
done:
    return rs_context(err, status, "file \"%s\": sheet %zu: page %zu", pages->file.ref.name,
                      where.sheet, where.at);
}

rs_status rsi_pages_damaged(const rsi_pages *pages, uint32_t number, size_t page, const char *what,
                            rs_error *err)
{
    return rs_fail(err, RS_ECORRUPT, "file \"%s\": section %" PRIu32 ", page %zu: %s",
                   pages->file.ref.name, number, page, what);
}

rs_status rsi_pages_get(rsi_pages *pages, uint32_t number, size_t page, size_t columns,
                        const rsi_page **out, rs_error *err)
{
    rs_status status = RS_OK;
    const section *found = find_section(pages, number);
    if (found == NULL || page >= found->count) {
        return rsi_pages_damaged(pages, number, page, "there is no such page", err);
    }
    place where = find_place(found, page);
    uint64_t id = (uint64_t)where.sheet * RSI_PAGES_OF_SHEET + where.at;
    kept *slot = &pages->slots[id % RSI_PAGES_KEPT];
    if (slot->page != id + 1) {
        RS_TRY(load(pages, slot, where, err));
    }
    if (slot->view.column_count < columns) {
        return rsi_pages_damaged(pages, number, page, "columns are missing", err);
    }
    *out = &slot->view;
done:
    return status;
}
