/* dict.c - front-coded blocks of ids.
 *
 *   note  = [ ids u32 ][ unpacked bytes u32 ][ first id ]
 *   block = zstd frame of: varint per id, the bytes it shares with the id before; varint per id,
 *           its length; then all bytes that are not shared
 * Lengths stand apart from bytes so that zstd sees two dull columns and one of text.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/dict.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/try.h"
#include "ringscope/store.h"

enum { LEVEL = 1, NOTE_HEAD = 8 };

int rsi_text_compare(rs_text a, rs_text b)
{
    size_t common = a.length < b.length ? a.length : b.length;
    int order = common == 0 ? 0 : memcmp(a.bytes, b.bytes, common);
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

size_t rsi_text_shared(rs_text a, rs_text b)
{
    size_t common = a.length < b.length ? a.length : b.length;
    size_t shared = 0;
    while (shared + 8 <= common) {
        uint64_t differ = rsi_load_u64le(a.bytes + shared) ^ rsi_load_u64le(b.bytes + shared);
        if (differ != 0) {
            return shared + (unsigned)__builtin_ctzll(differ) / 8;
        }
        shared += 8;
    }
    while (shared < common && a.bytes[shared] == b.bytes[shared]) {
        shared++;
    }
    return shared;
}

/* Lengths and bytes of a block, unpacked, into `raw`. */
static rs_status front_code(const rs_text *ids, size_t count, rsi_buffer *raw, rs_error *err)
{
    rs_status status = RS_OK;
    size_t bytes = 0;
    uint16_t shared[RSI_DICT_BLOCK_IDS_MAX];
    for (size_t i = 0; i < count; i++) {
        shared[i] = i == 0 ? 0 : (uint16_t)rsi_text_shared(ids[i - 1], ids[i]);
        bytes += ids[i].length;
    }
    raw->length = 0;
    RS_TRY(rsi_buffer_reserve(raw, bytes + 2 * count * RSI_VARINT_MAX, err));
    uint8_t *at = raw->bytes;
    for (size_t i = 0; i < count; i++) {
        at = rsi_store_varint(at, shared[i]);
    }
    for (size_t i = 0; i < count; i++) {
        at = rsi_store_varint(at, ids[i].length);
    }
    for (size_t i = 0; i < count; i++) {
        size_t length = ids[i].length - shared[i];
        if (length > 0) {
            memcpy(at, ids[i].bytes + shared[i], length);
        }
        at += length;
    }
    raw->length = (size_t)(at - raw->bytes);
done:
    return status;
}

rs_status rsi_dict_encode(rsi_zblock *zblock, const rs_text *ids, size_t count, rsi_buffer *scratch,
                          rsi_buffer *block, rsi_buffer *note, rs_error *err)
{
    rs_status status = RS_OK;
    size_t packed = 0;
    RS_TRY(front_code(ids, count, scratch, err));
    RS_TRY(rsi_zblock_pack(zblock, scratch->bytes, scratch->length, LEVEL, block, &packed, err));
    RS_TRY(rsi_buffer_add_u32(note, (uint32_t)count, err));
    RS_TRY(rsi_buffer_add_u32(note, (uint32_t)scratch->length, err));
    RS_TRY(rsi_buffer_add(note, ids[0].bytes, ids[0].length, err));
done:
    return status;
}

void rsi_dict_meta(uint32_t first, uint32_t count, uint8_t meta[RSI_DICT_META_BYTES])
{
    rsi_store_u32le(meta, first);
    rsi_store_u32le(meta + 4, count);
}

/* ---- numbers of so many bits -------------------------------------------------------------- */

unsigned rsi_dict_bits(size_t count)
{
    return count <= 2 ? 1 : 64 - (unsigned)__builtin_clzll(count - 1);
}

rs_status rsi_dict_pack(const uint32_t *values, size_t count, unsigned bits, rsi_buffer *out,
                        rs_error *err)
{
    size_t bytes = (count * bits + 7) / 8;
    rs_status status = rsi_buffer_reserve(out, bytes + 8, err);
    if (status != RS_OK) {
        return status;
    }
    uint8_t *at = out->bytes + out->length;
    uint64_t pending = 0;
    unsigned filled = 0;
    for (size_t i = 0; i < count; i++) {
        pending |= (uint64_t)values[i] << filled;
        rsi_store_u64le(at, pending);
        filled += bits;
        at += filled >> 3;
        pending >>= filled & ~7u;
        filled &= 7;
    }
    out->length += bytes;
    return RS_OK;
}

/* Value i of `length` bytes that hold it. */
static uint32_t take_bits(const uint8_t *bytes, size_t length, size_t i, unsigned bits)
{
    uint8_t copy[8] = {0};
    size_t at = i * bits;
    size_t left = length - at / 8;
    memcpy(copy, bytes + at / 8, left < 8 ? left : 8);
    return (uint32_t)(rsi_load_u64le(copy) >> at % 8 & (((uint64_t)1 << bits) - 1));
}

void rsi_dict_meta_permuted(uint32_t first, uint32_t count, uint8_t meta[RSI_DICT_META_PERMUTED])
{
    rsi_dict_meta(first, count, meta);
    rsi_store_u32le(meta + 8, RSI_DICT_FLAG_PERMUTED);
}

void rsi_dict_inverse_note(size_t count, uint8_t note[RSI_DICT_INVERSE_NOTE])
{
    rsi_store_u32le(note, 0);
    rsi_store_u32le(note + 4, (uint32_t)count);
}

/* ---- a part ------------------------------------------------------------------------------- */

static rs_text first_id(const rsi_block_entry *entry)
{
    return (rs_text){.bytes = (const char *)entry->note + NOTE_HEAD,
                     .length = entry->note_length - NOTE_HEAD};
}

/* The blocks behind those of ids say where each number is. */
static rs_status check_inverse(rsi_dict_part *part, rs_error *err)
{
    const rsi_blockfile *file = part->file;
    uint64_t numbers = 0;
    for (size_t i = part->id_blocks; i < file->block_count; i++) {
        const rsi_block_entry *entry = &file->blocks[i];
        uint64_t left = part->count - numbers;
        uint64_t expected = left < RSI_DICT_INVERSE_MAX ? left : RSI_DICT_INVERSE_MAX;
        if (entry->note_length != RSI_DICT_INVERSE_NOTE || rsi_load_u32le(entry->note) != 0 ||
            expected == 0 || rsi_load_u32le(entry->note + 4) != expected ||
            entry->length != (expected * part->block_bits + 7) / 8) {
            return rs_fail(err, RS_ECORRUPT,
                           "block %zu: the blocks of %" PRIu64 " numbers were expected", i,
                           expected);
        }
        numbers += expected;
    }
    if (numbers != part->count) {
        return rs_fail(err, RS_ECORRUPT,
                       "%u numbers were expected, the index counts %" PRIu64 " that have a block",
                       part->count, numbers);
    }
    return RS_OK;
}

static size_t count_id_blocks(const rsi_blockfile *file)
{
    size_t count = 0;
    while (count < file->block_count && file->blocks[count].note_length >= NOTE_HEAD &&
           rsi_load_u32le(file->blocks[count].note) > 0) {
        count++;
    }
    return count;
}

static rs_status check_blocks(rsi_dict_part *part, rs_error *err)
{
    const rsi_blockfile *file = part->file;
    uint64_t rank = 0;
    for (size_t i = 0; i < part->id_blocks; i++) {
        const rsi_block_entry *entry = &file->blocks[i];
        uint32_t ids = entry->note_length < NOTE_HEAD ? 0 : rsi_load_u32le(entry->note);
        if (ids == 0 || ids > RSI_DICT_BLOCK_IDS_MAX) {
            return rs_fail(err, RS_ECORRUPT, "block %zu: 1 to %zu ids were expected, found %u", i,
                           RSI_DICT_BLOCK_IDS_MAX, ids);
        }
        if (i > 0 && rsi_text_compare(first_id(entry - 1), first_id(entry)) >= 0) {
            return rs_fail(err, RS_ECORRUPT, "block %zu: its first id is not behind the one before",
                           i);
        }
        part->block_rank[i] = (uint32_t)rank;
        rank += ids;
        if (rank > part->count) {
            break;
        }
    }
    part->block_rank[part->id_blocks] = part->count;
    if (rank != part->count) {
        return rs_fail(err, RS_ECORRUPT, "%u ids were expected, the index counts %" PRIu64,
                       part->count, rank);
    }
    return RS_OK;
}

rs_status rsi_dict_open(rsi_dict_part *part, const rsi_blockfile *file, rs_error *err)
{
    rs_status status = RS_OK;
    *part = (rsi_dict_part){.file = file};
    part->permuted = file->meta_length == RSI_DICT_META_PERMUTED &&
                     rsi_load_u32le(file->meta + 8) == RSI_DICT_FLAG_PERMUTED;
    if (file->meta_length != RSI_DICT_META_BYTES && !part->permuted) {
        status = rs_fail(err, RS_ECORRUPT, "meta of %d bytes was expected, found %u",
                         RSI_DICT_META_BYTES, file->meta_length);
        goto done;
    }
    part->first = rsi_load_u32le(file->meta);
    part->count = rsi_load_u32le(file->meta + 4);
    if (part->count > RS_NO_NODE - part->first) {
        status = rs_fail(err, RS_ECORRUPT, "%u ids from number %u on are too many", part->count,
                         part->first);
        goto done;
    }
    part->block_rank = malloc((file->block_count + 1) * sizeof *part->block_rank);
    if (part->block_rank == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (index of a dictionary)");
        goto done;
    }
    part->id_blocks = part->permuted ? count_id_blocks(file) : file->block_count;
    part->number_bits = rsi_dict_bits(part->count);
    part->block_bits = rsi_dict_bits(part->id_blocks);
    RS_TRY(check_blocks(part, err));
    if (part->permuted) {
        RS_TRY(check_inverse(part, err));
    }
done:
    if (status != RS_OK) {
        rsi_dict_close(part);
    }
    return rs_context(err, status, "%sdictionary file \"%s\"", RSI_INVARIANT(status, "S-07"),
                      file->ref.name);
}

void rsi_dict_close(rsi_dict_part *part)
{
    free(part->block_rank);
    part->block_rank = NULL;
}

/* ---- a block ------------------------------------------------------------------------------ */

rs_status rsi_dict_block_new(rsi_dict_block **out, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_dict_block *block = calloc(1, sizeof *block);
    if (block == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (block of a dictionary)");
    }
    block->ids = malloc(RSI_DICT_BLOCK_IDS_MAX * sizeof *block->ids);
    block->numbers = malloc(RSI_DICT_BLOCK_IDS_MAX * sizeof *block->numbers);
    if (block->ids == NULL || block->numbers == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (block of a dictionary)");
        goto done;
    }
    RS_TRY(rsi_zblock_new(&block->zblock, err));
    *out = block;
    block = NULL;
done:
    rsi_dict_block_free(block);
    return status;
}

void rsi_dict_block_free(rsi_dict_block *block)
{
    if (block != NULL) {
        rsi_zblock_free(block->zblock);
        rsi_buffer_free(&block->packed);
        rsi_buffer_free(&block->raw);
        rsi_buffer_free(&block->bytes);
        free(block->ids);
        free(block->numbers);
        free(block);
    }
}

/* Both columns of lengths: checks every one against the others, sums up the bytes of all ids. */
static rs_status check_lengths(rsi_cursor *cursor, size_t count, uint32_t *shared, uint32_t *length,
                               size_t *bytes, rs_error *err)
{
    uint64_t value = 0;
    uint64_t unshared = 0;
    for (size_t i = 0; i < count; i++) {
        if (!rsi_take_varint(cursor, &value) || value > RSI_ID_BYTES_MAX) {
            return rs_fail(err, RS_ECORRUPT, "id %zu: its shared length is none", i);
        }
        shared[i] = (uint32_t)value;
    }
    for (size_t i = 0; i < count; i++) {
        if (!rsi_take_varint(cursor, &value) || value > RSI_ID_BYTES_MAX || value < shared[i] ||
            shared[i] > (i == 0 ? 0 : length[i - 1])) {
            return rs_fail(err, RS_ECORRUPT, "id %zu: its length is none", i);
        }
        length[i] = (uint32_t)value;
        *bytes += value;
        unshared += value - shared[i];
    }
    if (unshared != rsi_cursor_left(cursor) ||
        *bytes > RSI_DICT_BLOCK_BYTES_CUT + RSI_ID_BYTES_MAX) {
        return rs_fail(err, RS_ECORRUPT, "%" PRIu64 " bytes of ids were expected, found %zu",
                       unshared, rsi_cursor_left(cursor));
    }
    return RS_OK;
}

/* Whether `id` comes behind the one before, with which it shares at least its first `shared` bytes:
 * nearly always the next byte says so. */
static bool is_behind(rs_text before, rs_text id, size_t shared)
{
    if (before.length == shared || id.length == shared) {
        return id.length > shared;
    }
    uint8_t one = (uint8_t)before.bytes[shared], other = (uint8_t)id.bytes[shared];
    return one == other ? rsi_text_compare(before, id) < 0 : one < other;
}

static rs_status unpack_ids(rsi_dict_block *block, size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t shared[RSI_DICT_BLOCK_IDS_MAX];
    uint32_t length[RSI_DICT_BLOCK_IDS_MAX];
    size_t bytes = 0;
    rsi_cursor cursor = {block->raw.bytes, block->raw.bytes + block->raw.length};
    RS_TRY(check_lengths(&cursor, count, shared, length, &bytes, err));
    block->bytes.length = 0;
    RS_TRY(rsi_buffer_reserve(&block->bytes, bytes + 1, err));
    char *at = (char *)block->bytes.bytes;
    for (size_t i = 0; i < count; i++) {
        block->ids[i] = (rs_text){.bytes = at, .length = length[i]};
        if (shared[i] > 0) {
            memcpy(at, block->ids[i - 1].bytes, shared[i]);
        }
        memcpy(at + shared[i], rsi_take(&cursor, length[i] - shared[i]), length[i] - shared[i]);
        at += length[i];
        if (i > 0 && !is_behind(block->ids[i - 1], block->ids[i], shared[i])) {
            status = rs_fail(err, RS_ECORRUPT, "id %zu is not behind the one before", i);
            goto done;
        }
    }
    block->count = count;
done:
    return status;
}

rs_status rsi_dict_decode(rsi_dict_block *block, const uint8_t *packed, size_t packed_length,
                          const uint8_t *note, size_t note_length, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t count = note_length < NOTE_HEAD ? 0 : rsi_load_u32le(note);
    uint32_t length = note_length < NOTE_HEAD ? 0 : rsi_load_u32le(note + 4);
    size_t length_max =
        RSI_DICT_BLOCK_BYTES_CUT + RSI_ID_BYTES_MAX + 2 * (size_t)count * RSI_VARINT_MAX;
    block->count = 0;
    if (count == 0 || count > RSI_DICT_BLOCK_IDS_MAX || length > length_max) {
        return rs_fail(err, RS_ECORRUPT, "%u ids in %u bytes cannot be", count, length);
    }
    block->raw.length = 0;
    RS_TRY(rsi_buffer_reserve(&block->raw, (size_t)length + 1, err));
    RS_TRY(rsi_zblock_unpack(block->zblock, packed, packed_length, block->raw.bytes, length, err));
    block->raw.length = length;
    RS_TRY(unpack_ids(block, count, err));
    rs_text first = {.bytes = (const char *)note + NOTE_HEAD, .length = note_length - NOTE_HEAD};
    if (rsi_text_compare(first, block->ids[0]) != 0) {
        status = rs_fail(err, RS_ECORRUPT, "its first id is not the one in the index");
    }
done:
    return status;
}

/* Numbers of a block's ids: those beside them, or their ranks. */
static rs_status number_ids(rsi_dict_block *block, const rsi_dict_part *part, size_t number,
                            size_t beside, rs_error *err)
{
    for (size_t i = 0; i < block->count; i++) {
        block->numbers[i] = part->permuted
                                ? take_bits(block->packed.bytes, beside, i, part->number_bits)
                                : part->block_rank[number] + (uint32_t)i;
        if (block->numbers[i] >= part->count) {
            return rs_fail(err, RS_ECORRUPT, "id %zu has number %u of %u", i, block->numbers[i],
                           part->count);
        }
    }
    return RS_OK;
}

rs_status rsi_dict_load(rsi_dict_block *block, const rsi_dict_part *part, size_t number,
                        rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_block_entry *entry = &part->file->blocks[number];
    if (block->part == part && block->number == number) {
        return RS_OK;
    }
    block->part = NULL;
    RS_TRY(rsi_blockfile_read(part->file, number, &block->packed, err));
    size_t ids = part->block_rank[number + 1] - part->block_rank[number];
    size_t beside = part->permuted ? (ids * part->number_bits + 7) / 8 : 0;
    if (beside > block->packed.length) {
        status = rs_fail(err, RS_ECORRUPT, "%zu bytes of numbers were expected, found %zu", beside,
                         block->packed.length);
    } else {
        status = rsi_dict_decode(block, block->packed.bytes + beside, block->packed.length - beside,
                                 entry->note, entry->note_length, err);
    }
    if (status == RS_OK) {
        status = number_ids(block, part, number, beside, err);
    }
    RS_TRY(rs_context(err, status, "%sdictionary file \"%s\": block %zu",
                      RSI_INVARIANT(status, "S-06"), part->file->ref.name, number));
    block->part = part;
    block->number = number;
    block->found = 0;
done:
    return status;
}

/* The last block whose first id is not behind `id`; SIZE_MAX where all are. */
static size_t block_of(const rsi_dict_part *part, rs_text id)
{
    size_t low = 0;
    size_t high = part->id_blocks;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rsi_text_compare(first_id(&part->file->blocks[middle]), id) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? SIZE_MAX : low - 1;
}

/* Is the id in the block at hand, if anywhere? Most often ids are asked for in order. */
static bool in_block(const rsi_dict_block *block, const rsi_dict_part *part, rs_text id)
{
    return block->part == part && rsi_text_compare(block->ids[0], id) <= 0 &&
           (block->number + 1 == part->id_blocks ||
            rsi_text_compare(id, first_id(&part->file->blocks[block->number + 1])) < 0);
}

/* The place of the first id that is not before `id`. What was found last is tried first, then
 * wider and wider steps from there. */
static size_t place_of(rsi_dict_block *block, rs_text id)
{
    size_t low = block->found;
    size_t step = 1;
    if (low >= block->count || rsi_text_compare(block->ids[low], id) > 0) {
        low = 0;
    }
    while (low + step < block->count && rsi_text_compare(block->ids[low + step], id) < 0) {
        low += step;
        step *= 2;
    }
    size_t high = low + step < block->count ? low + step : block->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rsi_text_compare(block->ids[middle], id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    block->found = low;
    return low;
}

rs_status rsi_dict_find(const rsi_dict_part *part, rsi_dict_block *block, rs_text id,
                        uint32_t *node, rs_error *err)
{
    rs_status status = RS_OK;
    *node = RS_NO_NODE;
    if (!in_block(block, part, id)) {
        size_t number = block_of(part, id);
        if (number == SIZE_MAX) {
            return RS_OK;
        }
        RS_TRY(rsi_dict_load(block, part, number, err));
    }
    size_t place = place_of(block, id);
    if (place < block->count && rsi_text_compare(block->ids[place], id) == 0) {
        *node = rsi_dict_number(block, place);
    }
done:
    return status;
}

/* ---- from a number to its id -------------------------------------------------------------- */

/* The block of ids that holds number `node`. */
static rs_status block_of_number(const rsi_dict_part *part, rsi_dict_block *block, uint32_t number,
                                 size_t *out, rs_error *err)
{
    rs_status status = RS_OK;
    if (!part->permuted) {
        size_t low = 0;
        size_t high = part->id_blocks;
        while (high - low > 1) {
            size_t middle = low + (high - low) / 2;
            low = part->block_rank[middle] <= number ? middle : low;
            high = part->block_rank[middle] <= number ? high : middle;
        }
        *out = low;
        return RS_OK;
    }
    size_t inverse = part->id_blocks + number / RSI_DICT_INVERSE_MAX;
    block->part = NULL; /* what is packed is another block's from here on */
    RS_TRY(rsi_blockfile_read(part->file, inverse, &block->packed, err));
    *out = take_bits(block->packed.bytes, block->packed.length, number % RSI_DICT_INVERSE_MAX,
                     part->block_bits);
    if (*out >= part->id_blocks) {
        status =
            rs_fail(err, RS_ECORRUPT,
                    "S-14: dictionary file \"%s\": block %zu: number %u is in block %zu of %zu",
                    part->file->ref.name, inverse, number, *out, part->id_blocks);
    }
done:
    return status;
}

rs_status rsi_dict_name(const rsi_dict_part *part, rsi_dict_block *block, uint32_t node,
                        rs_text *id, rs_error *err)
{
    rs_status status = RS_OK;
    size_t number = 0;
    RS_TRY(block_of_number(part, block, node - part->first, &number, err));
    RS_TRY(rsi_dict_load(block, part, number, err));
    for (size_t i = 0; i < block->count; i++) {
        if (rsi_dict_number(block, i) == node) {
            *id = block->ids[i];
            goto done;
        }
    }
    status = rs_fail(err, RS_ECORRUPT,
                     "S-14: dictionary file \"%s\": block %zu holds no number %u, as it should",
                     part->file->ref.name, number, node);
done:
    return status;
}
