/* verify_ids.c - every id of a type: readable, in order, once; and its number.
 *
 * The parts of a type are merged by their ids, so that an id that comes twice is seen wherever its
 * two places are. Cost: every block unpacked once. Memory: a block and 1 bit an id for each part,
 * 4 bytes an id for a permuted one.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>

#include "base/try.h"
#include "store/verify.h"

typedef struct id_stream {
    const rsi_dict_part *part;
    rsi_dict_block *block;
    size_t next_block;
    size_t at;
    uint8_t *seen;      /* a bit a number */
    uint32_t *block_of; /* of each number, in a permuted part */
    bool damaged;       /* some block of it cannot be read */
} id_stream;

static rs_text head_of(const id_stream *stream)
{
    return stream->block->ids[stream->at];
}

/* Every number of the part belongs to one id. */
static rs_status note_numbers(rsi_verifier *v, id_stream *stream, rs_error *err)
{
    const rsi_dict_part *part = stream->part;
    for (size_t i = 0; i < stream->block->count; i++) {
        uint32_t number = stream->block->numbers[i];
        bool again = number >= part->count || (stream->seen[number / 8] >> number % 8 & 1) != 0;
        if (again && !stream->damaged) {
            stream->damaged = true;
            return rsi_violation(v->list, "S-14", part->file->ref.name, err,
                                 "block %zu: number %u is beyond %u or comes twice",
                                 stream->block->number, number, part->count);
        }
        if (!again) {
            stream->seen[number / 8] |= (uint8_t)(1u << number % 8);
            if (part->permuted) {
                stream->block_of[number] = (uint32_t)stream->block->number;
            }
        }
    }
    return RS_OK;
}

/* Move on by one, past blocks that cannot be read; *ended where there is none left. */
static rs_status step(rsi_verifier *v, id_stream *stream, bool *ended, rs_error *err)
{
    rs_status status = RS_OK;
    rs_error found = {.status = RS_OK};
    stream->at++;
    *ended = false;
    while (stream->at >= stream->block->count) {
        *ended = stream->next_block == stream->part->id_blocks;
        if (*ended) {
            return RS_OK;
        }
        rs_status read = rsi_dict_load(stream->block, stream->part, stream->next_block++, &found);
        stream->at = read == RS_OK ? 0 : SIZE_MAX;
        stream->damaged |= read != RS_OK;
        RS_TRY(
            rsi_violation_note(v->list, "S-06", stream->part->file->ref.name, read, &found, err));
        if (read == RS_OK) {
            RS_TRY(note_numbers(v, stream, err));
        }
    }
done:
    return status;
}

/* Restore the heap, least id on top, whose entry `at` may be too large. */
static void sift(id_stream *heap, size_t count, size_t at)
{
    for (;;) {
        size_t least = 2 * at + 1;
        if (least >= count) {
            return;
        }
        if (least + 1 < count &&
            rsi_text_compare(head_of(&heap[least + 1]), head_of(&heap[least])) < 0) {
            least++;
        }
        if (rsi_text_compare(head_of(&heap[at]), head_of(&heap[least])) <= 0) {
            return;
        }
        id_stream moved = heap[at];
        heap[at] = heap[least];
        heap[least] = moved;
        at = least;
    }
}

static rs_status merge(rsi_verifier *v, id_stream *heap, size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer last = {0};
    bool begun = false;
    bool told = false; /* one is enough: what follows would be told again and again */
    for (size_t i = count; i-- > 0;) {
        sift(heap, count, i);
    }
    while (count > 0) {
        rs_text id = head_of(&heap[0]);
        rs_text before = {(const char *)last.bytes, last.length};
        bool ended = false;
        if (begun && !told && rsi_text_compare(before, id) >= 0) {
            const char *name = heap[0].part->file->ref.name;
            told = true;
            RS_TRY(rsi_violation(v->list, "S-08", name, err,
                                 "\"%s\" repeats an id or holds one out of order", name));
        }
        last.length = 0;
        RS_TRY(rsi_buffer_add(&last, id.bytes, id.length, err));
        begun = true;
        RS_TRY(step(v, &heap[0], &ended, err));
        if (ended) {
            id_stream emptied = heap[0];
            heap[0] = heap[--count];
            heap[count] = emptied; /* the caller frees it */
        }
        sift(heap, count, 0);
    }
done:
    rsi_buffer_free(&last);
    return status;
}

/* Value i of so many bits each, from the lowest bit of each byte on. */
static uint32_t take(const rsi_buffer *bytes, uint64_t i, unsigned bits)
{
    uint64_t value = 0;
    uint64_t at = i * bits;
    for (unsigned k = 0; k < bits && (at + k) / 8 < bytes->length; k++) {
        value |= (uint64_t)(bytes->bytes[(at + k) / 8] >> (at + k) % 8 & 1) << k;
    }
    return (uint32_t)value;
}

/* The blocks behind those of ids name, for each number, the block that holds its id. */
static rs_status check_inverse(rsi_verifier *v, const id_stream *stream, rs_error *err)
{
    rs_status status = RS_OK;
    rs_error found = {.status = RS_OK};
    rsi_buffer bytes = {0};
    const rsi_dict_part *part = stream->part;
    const char *name = part->file->ref.name;
    for (size_t b = part->id_blocks; b < part->file->block_count; b++) {
        rs_status read = rsi_blockfile_read(part->file, b, &bytes, &found);
        RS_TRY(rsi_violation_note(v->list, "S-05", name, read, &found, err));
        uint64_t first = (uint64_t)(b - part->id_blocks) * RSI_DICT_INVERSE_MAX;
        for (uint64_t i = 0; read == RS_OK && !stream->damaged && i < RSI_DICT_INVERSE_MAX &&
                             first + i < part->count;
             i++) {
            uint32_t named = take(&bytes, i, part->block_bits);
            if (named != stream->block_of[first + i]) {
                RS_TRY(rsi_violation(v->list, "S-14", name, err,
                                     "block %zu: number %" PRIu64 " is in block %u, not in %u", b,
                                     first + i, stream->block_of[first + i], named));
                break;
            }
        }
    }
done:
    rsi_buffer_free(&bytes);
    return status;
}

static rs_status open_stream(const rsi_dict_part *part, id_stream *stream, rs_error *err)
{
    *stream = (id_stream){.part = part, .at = SIZE_MAX - 1};
    stream->seen = calloc(part->count / 8 + 1, 1);
    stream->block_of =
        part->permuted ? calloc((size_t)part->count + 1, sizeof *stream->block_of) : NULL;
    if (stream->seen == NULL || (part->permuted && stream->block_of == NULL)) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u ids)", part->count);
    }
    return rsi_dict_block_new(&stream->block, err);
}

static void free_stream(id_stream *stream)
{
    rsi_dict_block_free(stream->block);
    free(stream->seen);
    free(stream->block_of);
}

rs_status rsi_verify_ids(rsi_verifier *v, size_t type, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_store *store = v->store;
    size_t count = 0;
    size_t live = 0;
    id_stream *heap = calloc(store->opened + 1, sizeof *heap);
    if (heap == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (ids of a type)");
    }
    size_t i = rsi_store_next_file(store, RSI_FILE_DICTIONARY, type, 0);
    for (; i < store->opened; i = rsi_store_next_file(store, RSI_FILE_DICTIONARY, type, i + 1)) {
        bool ended = false;
        if (v->broken[i]) {
            continue;
        }
        RS_TRY(open_stream(&store->parts[i], &heap[count++], err));
        RS_TRY(step(v, &heap[count - 1], &ended, err));
        if (!ended) { /* a part without ids waits behind those of the heap */
            id_stream begun = heap[count - 1];
            heap[count - 1] = heap[live];
            heap[live++] = begun;
        }
    }
    RS_TRY(merge(v, heap, live, err));
    for (size_t k = 0; k < count; k++) {
        if (heap[k].part->permuted) {
            RS_TRY(check_inverse(v, &heap[k], err));
        }
    }
done:
    for (size_t k = 0; k < count; k++) {
        free_stream(&heap[k]);
    }
    free(heap);
    return rs_context(err, status, "type \"%s\"", store->manifest.types[type].name);
}
