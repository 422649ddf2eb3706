/* compact_values.c - the values of an attribute over a group: the winner of each node, in the order
 * of the new numbers.
 *
 * Values are gathered for a range of nodes at a time, as many as the budget holds; what does not
 * fill a block is carried into the next range, so the blocks do not depend on the ranges.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/try.h"
#include "store/compact.h"

/* A value whose text lies in the state's buffer. */
typedef struct loose_value {
    uint32_t node;
    uint32_t length;
    int64_t time;
    size_t offset;
} loose_value;

typedef struct values_state {
    rsi_compactor *compactor;
    uint32_t attribute;
    size_t group;
    rsi_values_coder *coder;   /* of what is read */
    rsi_values_coder *encoder; /* of what is written */
    rsi_buffer bytes;
    rsi_buffer text;
    loose_value *loose;
    size_t loose_count;
    size_t loose_capacity;
    rsi_value *values;
    size_t count;
    rsi_blockwriter *writer;
    uint64_t written;
    bool has_kind;
    rs_value_kind kind;
} values_state;

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (values of an attribute)");
}

static bool is_part(const values_state *state, size_t file)
{
    const rsi_file_entry *entry = &state->compactor->store->manifest.files[file];
    return entry->ref.kind == RSI_FILE_ATTRIBUTE && entry->object == state->attribute &&
           rsi_compact_group_of(state->compactor, file) == state->group;
}

/* Memory that all values of the group would take. */
static uint64_t bytes_needed(const values_state *state)
{
    const rs_store *store = state->compactor->store;
    uint64_t bytes = 0;
    for (size_t file = 0; file < store->opened; file++) {
        for (size_t i = 0; is_part(state, file) && i < store->files[file].block_count; i++) {
            const rsi_block_entry *entry = &store->files[file].blocks[i];
            if (entry->note_length == RSI_VALUES_NOTE_BYTES) { /* else reading it will fail */
                bytes += (uint64_t)rsi_load_u32le(entry->note) *
                             (sizeof(loose_value) + sizeof(rsi_value)) +
                         rsi_load_u32le(entry->note + 4);
            }
        }
    }
    return bytes;
}

static rs_status add_value(values_state *state, const rsi_value *value, uint32_t node,
                           rs_error *err)
{
    if (state->loose_count == state->loose_capacity) {
        size_t capacity = state->loose_capacity * 2 + 1024;
        loose_value *wider = realloc(state->loose, capacity * sizeof *wider);
        if (wider == NULL) {
            return no_memory(err);
        }
        state->loose = wider;
        state->loose_capacity = capacity;
    }
    state->loose[state->loose_count++] = (loose_value){.node = node,
                                                       .length = (uint32_t)value->text.length,
                                                       .time = value->time,
                                                       .offset = state->text.length};
    return rsi_buffer_add(&state->text, value->text.bytes, value->text.length, err);
}

/* The values of nodes `from` to `to` - 1, by new numbers. */
static rs_status gather_file(values_state *state, size_t file, uint32_t from, uint32_t to,
                             rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_compactor *compactor = state->compactor;
    const rsi_attribute_entry *entry = &compactor->store->manifest.attributes[state->attribute];
    const rsi_compact_type *type = &compactor->types[entry->type];
    for (size_t block = 0; block < compactor->store->files[file].block_count; block++) {
        const rsi_value *values = NULL;
        size_t count = 0;
        RS_TRY(rsi_store_values(compactor->store, file, block, state->coder, &state->bytes, &values,
                                &count, err));
        for (size_t i = 0; i < count; i++) {
            uint32_t node = type->map[values[i].node];
            if (node >= from && node < to && rsi_compact_stays(compactor, values[i].time) &&
                (type->flags[values[i].node] & RSI_ERASED) == 0) {
                RS_TRY(add_value(state, &values[i], node, err));
            }
        }
        RS_TRY(rs_work_report(compactor->work, "merging values", "blocks", block,
                              compactor->store->files[file].block_count, err));
    }
done:
    return status;
}

static int compare_values(const void *a, const void *b)
{
    const rsi_value *x = a;
    const rsi_value *y = b;
    int order = (x->node > y->node) - (x->node < y->node);
    return order != 0 ? order : rsi_value_compare(y, x); /* the winner first */
}

/* What was gathered becomes a sorted list of winners. */
static rs_status sort_values(values_state *state, rs_error *err)
{
    free(state->values);
    state->count = 0;
    state->values = malloc(state->loose_count * sizeof *state->values + 1);
    if (state->values == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < state->loose_count; i++) {
        const loose_value *loose = &state->loose[i];
        rs_text text = {(const char *)state->text.bytes + loose->offset, loose->length};
        state->values[i] = (rsi_value){.node = loose->node, .time = loose->time, .text = text};
    }
    qsort(state->values, state->loose_count, sizeof *state->values, compare_values);
    for (size_t i = 0; i < state->loose_count; i++) {
        if (state->count == 0 || state->values[state->count - 1].node != state->values[i].node) {
            state->values[state->count++] = state->values[i];
        }
    }
    return RS_OK;
}

/* Does the next block end within so many values? */
static bool fills_block(const rsi_value *values, size_t count)
{
    size_t bytes = 0;
    size_t taken = 0;
    while (taken < count && taken < RSI_VALUES_MAX && bytes < RSI_VALUES_TEXT_CUT) {
        bytes += values[taken++].text.length;
    }
    return taken == RSI_VALUES_MAX || bytes >= RSI_VALUES_TEXT_CUT;
}

static void join_kind(values_state *state, rs_text text)
{
    rs_value_kind kind = rsi_value_kind_of(text);
    state->kind = state->has_kind ? rsi_value_kind_join(state->kind, kind) : kind;
    state->has_kind = true;
}

/* Write full blocks, at the end what is left too; the rest stays gathered. */
static rs_status write_values(values_state *state, bool last, rs_error *err)
{
    rs_status status = RS_OK;
    uint8_t note[RSI_VALUES_NOTE_BYTES];
    rsi_buffer rest = {0};
    size_t at = 0;
    size_t taken = 0;
    for (; at < state->count && (last || fills_block(state->values + at, state->count - at));
         at += taken) {
        state->bytes.length = 0;
        RS_TRY(rsi_values_encode(state->encoder, state->values + at, state->count - at,
                                 &state->bytes, note, &taken, err));
        RS_TRY(rsi_blockwriter_add(state->writer, state->bytes.bytes, state->bytes.length, note,
                                   sizeof note, err));
        for (size_t i = at; i < at + taken; i++) {
            join_kind(state, state->values[i].text);
        }
    }
    state->written += at;
    state->loose_count = 0;
    for (; at < state->count; at++) {
        const rsi_value *value = &state->values[at];
        state->loose[state->loose_count++] = (loose_value){.node = value->node,
                                                           .length = (uint32_t)value->text.length,
                                                           .time = value->time,
                                                           .offset = rest.length};
        RS_TRY(rsi_buffer_add(&rest, value->text.bytes, value->text.length, err));
    }
    rsi_buffer_free(&state->text);
    state->text = rest;
    rest = (rsi_buffer){0};
done:
    rsi_buffer_free(&rest);
    return status;
}

static rs_status write_ranges(values_state *state, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_compactor *compactor = state->compactor;
    uint32_t type = compactor->store->manifest.attributes[state->attribute].type;
    uint64_t nodes = compactor->next.types[type].node_count;
    uint64_t budget = compactor->memory_bytes;
    uint64_t ranges = budget == 0 ? 1 : bytes_needed(state) / budget + 1;
    for (uint64_t range = 0; range < ranges; range++) {
        uint32_t from = (uint32_t)(nodes * range / ranges);
        uint32_t to = (uint32_t)(nodes * (range + 1) / ranges);
        for (size_t file = 0; file < compactor->store->opened; file++) {
            if (is_part(state, file)) {
                RS_TRY(gather_file(state, file, from, to, err));
            }
        }
        RS_TRY(sort_values(state, err));
        if (state->count > 0 && state->writer == NULL) {
            RS_TRY(rsi_compact_file(state->compactor, state->group, RSI_FILE_ATTRIBUTE,
                                    state->attribute, &state->writer, err));
        }
        RS_TRY(write_values(state, range + 1 == ranges, err));
    }
done:
    return status;
}

/* What an attribute holds may have narrowed only where something was forgotten: values that lost
 * against others still count, as they did before. */
static void update_attribute(const values_state *state)
{
    rsi_attribute_entry *entry = &state->compactor->next.attributes[state->attribute];
    if (state->has_kind && state->compactor->forgets) {
        entry->kind =
            entry->value_count == 0 ? state->kind : rsi_value_kind_join(entry->kind, state->kind);
    }
    entry->value_count += state->written;
}

rs_status rsi_compact_values(rsi_compactor *compactor, uint32_t attribute, size_t group,
                             rs_error *err)
{
    rs_status status = RS_OK;
    uint8_t meta[RSI_VALUES_META_BYTES];
    values_state state = {.compactor = compactor, .attribute = attribute, .group = group};
    RS_TRY(rsi_values_coder_new(&state.coder, err));
    RS_TRY(rsi_values_coder_new(&state.encoder, err));
    RS_TRY(write_ranges(&state, err));
    if (state.writer != NULL) {
        rsi_store_u64le(meta, state.written);
        RS_TRY(
            rsi_compact_finish(compactor, group, attribute, state.writer, meta, sizeof meta, err));
    }
    update_attribute(&state);
done:
    rsi_values_coder_free(state.coder);
    rsi_values_coder_free(state.encoder);
    rsi_buffer_free(&state.bytes);
    rsi_buffer_free(&state.text);
    free(state.loose);
    free(state.values);
    return rs_context(err, status, "attribute \"%s\"",
                      compactor->store->manifest.attributes[attribute].name);
}
