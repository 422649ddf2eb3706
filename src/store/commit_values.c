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

/* The winner of every node, in order of nodes. */
static rs_status winners_of(const rsi_batch_attribute_state *attribute, rsi_value **values,
                            size_t *count, rs_value_kind *kind, rs_error *err)
{
    *count = count_values(attribute);
    *values = malloc(*count * sizeof **values + 1);
    if (*values == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu values of the batch)", *count);
    }
    *kind = list_values(attribute, *values);
    if (*count > 0) {
        qsort(*values, *count, sizeof **values, compare_values);
        *count = keep_winners(*values, *count);
    }
    return RS_OK;
}

/* ---- write -------------------------------------------------------------------------------- */

rs_status rsi_values_begin(rsi_values_file *file, rsi_output *output, uint32_t object,
                           rs_error *err)
{
    rs_status status = RS_OK;
    *file = (rsi_values_file){.output = output, .object = object};
    RS_TRY(rsi_values_coder_new(&file->coder, err));
    RS_TRY(rsi_output_file(output, RSI_FILE_ATTRIBUTE, object, &file->writer, err));
done:
    return status;
}

rs_status rsi_values_block(rsi_values_file *file, const rsi_value *values, size_t count,
                           size_t *taken, rs_error *err)
{
    rs_status status = RS_OK;
    uint8_t note[RSI_VALUES_NOTE_BYTES];
    file->block.length = 0;
    RS_TRY(rsi_values_encode(file->coder, values, count, &file->block, note, taken, err));
    RS_TRY(rsi_blockwriter_add(file->writer, file->block.bytes, file->block.length, note,
                               sizeof note, err));
    file->count += *taken;
done:
    return status;
}

rs_status rsi_values_end(rsi_values_file *file, rs_value_kind kind, rs_error *err)
{
    uint8_t meta[RSI_VALUES_META_BYTES];
    rsi_attribute_entry *entry = &file->output->next->attributes[file->object];
    entry->kind = entry->value_count == 0 ? kind : rsi_value_kind_join(entry->kind, kind);
    entry->value_count += file->count;
    rsi_store_u64le(meta, file->count);
    return rsi_output_finish(file->output, file->writer, file->object, meta, sizeof meta, err);
}

void rsi_values_close(rsi_values_file *file)
{
    rsi_values_coder_free(file->coder);
    rsi_buffer_free(&file->block);
}

rs_status rsi_commit_attribute(rsi_output *output, rsi_batch_attribute_state *attribute,
                               rs_error *err)
{
    rs_status status = RS_OK;
    rsi_values_file file = {0};
    rsi_value *values = NULL;
    rs_value_kind kind = RS_VALUE_TEXT;
    size_t count = 0;
    size_t taken = 0;
    RS_TRY(winners_of(attribute, &values, &count, &kind, err));
    if (count > 0) {
        RS_TRY(rsi_values_begin(&file, output, attribute->object, err));
        for (size_t at = 0; at < count; at += taken) {
            RS_TRY(rsi_values_block(&file, values + at, count - at, &taken, err));
        }
        RS_TRY(rsi_values_end(&file, kind, err));
    }
done:
    rsi_values_close(&file);
    free(values);
    rsi_value_chunks_free(attribute);
    return rs_context(err, status, "attribute \"%s\"", attribute->name);
}

/* ---- a run -------------------------------------------------------------------------------- */

static rs_status spill_values(rsi_spill *spill, const rsi_value *values, size_t count,
                              rsi_attribute_run *run, rs_error *err)
{
    enum { AT_ONCE = 1 << 18 };
    rs_status status = RS_OK;
    rsi_buffer bytes = {0};
    uint64_t offset = 0;
    run->count = count;
    for (size_t i = 0; i < count; i++) {
        run->values.length += RSI_RUN_VALUE_HEAD + values[i].text.length;
    }
    run->values.offset = rsi_spill_reserve(spill, run->values.length);
    for (size_t i = 0; i < count; i++) {
        RS_TRY(rsi_buffer_add_u32(&bytes, values[i].node, err));
        RS_TRY(rsi_buffer_add_u32(&bytes, (uint32_t)values[i].text.length, err));
        RS_TRY(rsi_buffer_add_u64(&bytes, (uint64_t)values[i].time, err));
        RS_TRY(rsi_buffer_add(&bytes, values[i].text.bytes, values[i].text.length, err));
        if (bytes.length >= AT_ONCE || i + 1 == count) {
            RS_TRY(rsi_spill_write(spill, run->values.offset + offset, bytes.bytes, bytes.length,
                                   err));
            offset += bytes.length;
            bytes.length = 0;
        }
    }
done:
    rsi_buffer_free(&bytes);
    return status;
}

rs_status rsi_run_attribute(rsi_output *output, rsi_batch_attribute_state *attribute,
                            rsi_attribute_run *run, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_value *values = NULL;
    rs_value_kind kind = RS_VALUE_TEXT;
    size_t count = 0;
    RS_TRY(winners_of(attribute, &values, &count, &kind, err));
    if (count > 0) {
        RS_TRY(spill_values(&output->batch->spill, values, count, run, err));
        attribute->kind = attribute->kind_known ? rsi_value_kind_join(attribute->kind, kind) : kind;
        attribute->kind_known = true;
    }
done:
    free(values);
    rsi_value_chunks_free(attribute);
    return rs_context(err, status, "attribute \"%s\"", attribute->name);
}
