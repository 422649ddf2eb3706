/* compact_ids.c - the dictionary parts of a group and type, merged into one.
 *
 * All parts that may hold ids of the group are read side by side, a block each, least id first.
 * Either numbers follow the bytes of the ids, and are known only here, or they are in `map` already
 * and stand beside the ids.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>

#include "base/try.h"
#include "store/compact.h"
#include "store/merge.h"

/* A part, where it is read. */
typedef struct id_stream {
    const rsi_dict_part *part;
    rsi_dict_block *block;
    size_t next_block;
    size_t at;
} id_stream;

typedef struct ids_state {
    rsi_compactor *compactor;
    rsi_compact_type *type;
    uint32_t object;
    size_t group;
    id_stream *streams;
    size_t stream_count;
    rsi_merge merge;
    rsi_blockwriter *writer;
    rsi_zblock *zblock;
    rsi_buffer bytes; /* of the ids of the block in the making */
    rs_text texts[RSI_DICT_BLOCK_IDS_MAX];
    uint32_t numbers[RSI_DICT_BLOCK_IDS_MAX];
    size_t count;
    uint32_t block_count;
    uint32_t written;   /* ids so far */
    uint32_t *block_of; /* permuted: per number from the group's first on, the block of its id */
    rsi_buffer scratch;
    rsi_buffer packed;
    rsi_buffer note;
} ids_state;

/* ---- the streams -------------------------------------------------------------------------- */

/* Step to the next id of this group; *ended where there is none left. */
static rs_status step(ids_state *state, id_stream *stream, bool *ended, rs_error *err)
{
    rs_status status = RS_OK;
    *ended = false;
    for (;;) {
        stream->at++;
        while (stream->at >= stream->block->count) {
            if (stream->next_block == stream->part->id_blocks) {
                *ended = true;
                goto done;
            }
            RS_TRY(rsi_dict_load(stream->block, stream->part, stream->next_block++, err));
            stream->at = 0;
        }
        uint32_t node = rsi_dict_number(stream->block, stream->at);
        if (state->type->owner[node] == state->group) {
            break;
        }
    }
done:
    return status;
}

static int compare_heads(const void *context, uint32_t a, uint32_t b)
{
    const ids_state *state = context;
    const id_stream *x = &state->streams[a];
    const id_stream *y = &state->streams[b];
    return rsi_text_compare(x->block->ids[x->at], y->block->ids[y->at]);
}

static bool may_hold(const ids_state *state, size_t file)
{
    const rsi_file_entry *entry = &state->compactor->store->manifest.files[file];
    if (entry->ref.kind != RSI_FILE_DICTIONARY || entry->object != state->object) {
        return false;
    }
    uint16_t group = rsi_compact_group_of(state->compactor, file);
    return group == state->group || group == RSI_NO_GROUP;
}

static rs_status open_streams(ids_state *state, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_store *store = state->compactor->store;
    state->streams = calloc(store->opened + 1, sizeof *state->streams);
    state->merge.heap = calloc(store->opened + 1, sizeof *state->merge.heap);
    if (state->streams == NULL || state->merge.heap == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (dictionary parts)");
    }
    state->merge.tie = compare_heads;
    state->merge.context = state;
    for (size_t file = 0; file < store->opened; file++) {
        bool ended = false;
        if (!may_hold(state, file)) {
            continue;
        }
        uint32_t number = (uint32_t)state->stream_count++;
        id_stream *stream = &state->streams[number];
        *stream = (id_stream){.part = &store->parts[file], .at = SIZE_MAX};
        RS_TRY(rsi_dict_block_new(&stream->block, err));
        RS_TRY(step(state, stream, &ended, err));
        if (!ended) {
            uint64_t key = rsi_merge_text_key(stream->block->ids[stream->at]);
            rsi_merge_push(&state->merge, key, number);
        }
    }
done:
    return status;
}

/* ---- the part ----------------------------------------------------------------------------- */

static rs_status write_block(ids_state *state, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_compact_type *type = state->type;
    uint32_t first = type->first[state->group];
    if (state->count == 0) {
        return RS_OK;
    }
    if (state->writer == NULL) {
        RS_TRY(rsi_compact_file(state->compactor, state->group, RSI_FILE_DICTIONARY, state->object,
                                &state->writer, err));
    }
    size_t offset = 0; /* the bytes may have moved while they gathered */
    for (size_t i = 0; i < state->count; i++) {
        state->texts[i].bytes = (const char *)state->bytes.bytes + offset;
        offset += state->texts[i].length;
    }
    state->note.length = 0;
    state->packed.length = 0;
    if (type->permuted) {
        for (size_t i = 0; i < state->count; i++) {
            state->numbers[i] -= first;
            state->block_of[state->numbers[i]] = state->block_count;
        }
        unsigned bits = rsi_dict_bits(type->kept[state->group]);
        RS_TRY(rsi_dict_pack(state->numbers, state->count, bits, &state->packed, err));
    }
    RS_TRY(rsi_dict_encode(state->zblock, state->texts, state->count, &state->scratch,
                           &state->packed, &state->note, err));
    RS_TRY(rsi_blockwriter_add(state->writer, state->packed.bytes, state->packed.length,
                               state->note.bytes, state->note.length, err));
    state->block_count++;
    state->written += (uint32_t)state->count;
    state->count = 0;
    state->bytes.length = 0;
    RS_TRY(rs_work_report(state->compactor->work, "merging ids", "ids", state->written,
                          type->kept[state->group], err));
done:
    return status;
}

static rs_status add_id(ids_state *state, uint32_t node, rs_text id, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_compact_type *type = state->type;
    if (!type->permuted) {
        type->map[node] = type->first[state->group] + state->written + (uint32_t)state->count;
    }
    state->numbers[state->count] = type->map[node];
    state->texts[state->count++].length = id.length;
    RS_TRY(rsi_buffer_add(&state->bytes, id.bytes, id.length, err));
    if (state->count == RSI_DICT_BLOCK_IDS_MAX || state->bytes.length >= RSI_DICT_BLOCK_BYTES_CUT) {
        RS_TRY(write_block(state, err));
    }
done:
    return status;
}

static rs_status merge_ids(ids_state *state, rs_error *err)
{
    rs_status status = RS_OK;
    bool ended = false;
    while (state->merge.count > 0) {
        id_stream *stream = &state->streams[state->merge.heap[0].stream];
        RS_TRY(add_id(state, rsi_dict_number(stream->block, stream->at),
                      stream->block->ids[stream->at], err));
        RS_TRY(step(state, stream, &ended, err));
        if (ended) {
            rsi_merge_pop(&state->merge);
        } else {
            rsi_merge_replace(&state->merge, rsi_merge_text_key(stream->block->ids[stream->at]));
        }
    }
    RS_TRY(write_block(state, err));
    if (state->written != state->type->kept[state->group]) {
        status = rs_fail(err, RS_ECORRUPT, "S-08: %u ids were expected, parts hold %u",
                         state->type->kept[state->group], state->written);
    }
done:
    return status;
}

static rs_status write_inverse(ids_state *state, rs_error *err)
{
    rs_status status = RS_OK;
    uint8_t note[RSI_DICT_INVERSE_NOTE];
    for (size_t at = 0; at < state->written; at += RSI_DICT_INVERSE_MAX) {
        size_t left = state->written - at;
        size_t count = left < RSI_DICT_INVERSE_MAX ? left : RSI_DICT_INVERSE_MAX;
        state->packed.length = 0;
        RS_TRY(rsi_dict_pack(state->block_of + at, count, rsi_dict_bits(state->block_count),
                             &state->packed, err));
        rsi_dict_inverse_note(count, note);
        RS_TRY(rsi_blockwriter_add(state->writer, state->packed.bytes, state->packed.length, note,
                                   sizeof note, err));
    }
done:
    return status;
}

static rs_status write_part(ids_state *state, rs_error *err)
{
    rs_status status = RS_OK;
    uint8_t meta[RSI_DICT_META_PERMUTED];
    const rsi_compact_type *type = state->type;
    size_t meta_length = type->permuted ? RSI_DICT_META_PERMUTED : RSI_DICT_META_BYTES;
    if (type->permuted) {
        state->block_of = malloc(type->kept[state->group] * sizeof *state->block_of + 1);
        if (state->block_of == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (numbers of %u ids)",
                           type->kept[state->group]);
        }
    }
    RS_TRY(rsi_zblock_new(&state->zblock, err));
    RS_TRY(open_streams(state, err));
    RS_TRY(merge_ids(state, err));
    if (type->permuted) {
        RS_TRY(write_inverse(state, err));
        rsi_dict_meta_permuted(type->first[state->group], state->written, meta);
    } else {
        rsi_dict_meta(type->first[state->group], state->written, meta);
    }
    RS_TRY(rsi_compact_finish(state->compactor, state->group, state->object, state->writer, meta,
                              meta_length, err));
done:
    return status;
}

static void free_state(ids_state *state)
{
    for (size_t i = 0; i < state->stream_count; i++) {
        rsi_dict_block_free(state->streams[i].block);
    }
    free(state->streams);
    free(state->merge.heap);
    free(state->block_of);
    rsi_zblock_free(state->zblock);
    rsi_buffer_free(&state->bytes);
    rsi_buffer_free(&state->scratch);
    rsi_buffer_free(&state->packed);
    rsi_buffer_free(&state->note);
    free(state);
}

rs_status rsi_compact_ids(rsi_compactor *compactor, uint32_t type, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t group = 0; status == RS_OK && group < compactor->group_count; group++) {
        if (compactor->types[type].kept[group] == 0) {
            continue;
        }
        ids_state *state = calloc(1, sizeof *state);
        if (state == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (ids of a type)");
        }
        state->compactor = compactor;
        state->type = &compactor->types[type];
        state->object = type;
        state->group = group;
        status = write_part(state, err);
        free_state(state);
    }
    return rs_context(err, status, "type \"%s\"", compactor->store->manifest.types[type].name);
}
