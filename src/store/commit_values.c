/* commit_values.c - one attribute of a batch: the winner of every node, in order of nodes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/try.h"
#include "store/batch_internal.h"

static int compare_values(const void *a, const void *b)
{
    const rsi_value *x = a;
    const rsi_value *y = b;
    int order = (x->node > y->node) - (x->node < y->node);
    return order != 0 ? order : rsi_value_compare(y, x); /* the winner first */
}

static size_t count_values(const rsi_batch_attribute_state *attribute)
{
    size_t count = 0;
    for (size_t c = 0; c < attribute->chunk_count; c++) {
        count += attribute->chunks[c]->count;
    }
    return count;
}

/* All values of the batch, lent by its chunks, and what they hold together. */
static rs_value_kind list_values(const rsi_batch_attribute_state *attribute, rsi_value *values)
{
    rs_value_kind kind = RS_VALUE_TEXT;
    size_t at = 0;
    for (size_t c = 0; c < attribute->chunk_count; c++) {
        const rsi_value_chunk *chunk = attribute->chunks[c];
        for (size_t i = 0; i < chunk->count; i++) {
            const rsi_value_entry *entry = &chunk->entries[i];
            rsi_value value = {.node = entry->node,
                               .time = entry->time,
                               .text = {chunk->text + entry->offset, entry->length}};
            rs_value_kind one = rsi_value_kind_of(value.text);
            kind = at == 0 ? one : rsi_value_kind_join(kind, one);
            values[at++] = value;
        }
    }
    return kind;
}

static size_t keep_winners(rsi_value *values, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || values[kept - 1].node != values[i].node) {
            values[kept++] = values[i];
        }
    }
    return kept;
}

static rs_status write_values(rsi_output *output, uint32_t object, const rsi_value *values,
                              size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_blockwriter *writer = NULL;
    rsi_values_coder *coder = NULL;
    rsi_buffer block = {0};
    uint8_t note[RSI_VALUES_NOTE_BYTES];
    uint8_t meta[RSI_VALUES_META_BYTES];
    size_t taken = 0;
    RS_TRY(rsi_values_coder_new(&coder, err));
    RS_TRY(rsi_output_file(output, RSI_FILE_ATTRIBUTE, object, &writer, err));
    for (size_t at = 0; at < count; at += taken) {
        block.length = 0;
        RS_TRY(rsi_values_encode(coder, values + at, count - at, &block, note, &taken, err));
        RS_TRY(rsi_blockwriter_add(writer, block.bytes, block.length, note, sizeof note, err));
    }
    rsi_store_u64le(meta, count);
    RS_TRY(rsi_output_finish(output, writer, object, meta, sizeof meta, err));
done:
    rsi_values_coder_free(coder);
    rsi_buffer_free(&block);
    return status;
}

rs_status rsi_commit_attribute(rsi_output *output, rsi_batch_attribute_state *attribute,
                               rs_error *err)
{
    rs_status status = RS_OK;
    rsi_attribute_entry *entry = &output->next->attributes[attribute->object];
    size_t count = count_values(attribute);
    if (count == 0) {
        return RS_OK;
    }
    rsi_value *values = malloc(count * sizeof *values);
    if (values == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu values of the batch)", count);
    }
    rs_value_kind kind = list_values(attribute, values);
    qsort(values, count, sizeof *values, compare_values);
    count = keep_winners(values, count);
    RS_TRY(write_values(output, attribute->object, values, count, err));
    entry->kind = entry->value_count == 0 ? kind : rsi_value_kind_join(entry->kind, kind);
    entry->value_count += count;
done:
    free(values);
    rsi_value_chunks_free(attribute);
    return rs_context(err, status, "attribute \"%s\"", attribute->name);
}
