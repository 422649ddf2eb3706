/* run_values.c - the values of an attribute in all runs into one file: of each node the winner.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/try.h"
#include "store/batch_internal.h"
#include "store/merge.h"

enum { WINDOW_BYTES = 1 << 17 }; /* above what one value takes */

typedef struct value_stream {
    rsi_spill_reader reader;
    uint64_t left;
    rsi_ranks_window ranks;
    rsi_value head; /* its text is lent by the reader until the next step */
} value_stream;

/* Values on their way into a block; texts stand in `text`. */
typedef struct value_window {
    size_t count;
    size_t used;
    rsi_value values[RSI_VALUES_MAX];
    char text[RSI_VALUES_TEXT_CUT + 2 * (RSI_VALUE_BYTES_MAX + 1)];
} value_window;

typedef struct value_merge {
    rsi_output *output;
    const rsi_batch_attribute_state *attribute;
    value_stream *streams; /* per run */
    rsi_merge merge;
    rsi_values_file file;
    value_window *window; /* the last value in it may still lose */
} value_merge;

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (values of the batch)");
}

static rs_status step(value_merge *m, uint32_t run, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_batch *batch = m->output->batch;
    uint32_t type = m->attribute->type;
    uint32_t known = batch->types[type]->known_count;
    value_stream *stream = &m->streams[run];
    const uint8_t *bytes = NULL;
    RS_TRY(rsi_spill_take(&stream->reader, RSI_RUN_VALUE_HEAD, &bytes, err));
    uint32_t node = rsi_load_u32le(bytes);
    uint32_t length = rsi_load_u32le(bytes + 4);
    stream->head.time = (int64_t)rsi_load_u64le(bytes + 8);
    RS_TRY(rsi_spill_take(&stream->reader, length, &bytes, err));
    stream->head.text = (rs_text){.bytes = (const char *)bytes, .length = length};
    stream->head.node = node;
    if (node >= known) {
        RS_TRY(rsi_ranks_at(&batch->spill, &batch->runs[run].types[type].ranks, &stream->ranks,
                            node - known, &stream->head.node, err));
        stream->head.node += known;
    }
    stream->left--;
done:
    return status;
}

static rs_status open_streams(value_merge *m, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_batch *batch = m->output->batch;
    uint32_t number = m->attribute->number;
    m->streams = calloc(batch->run_count, sizeof *m->streams);
    m->merge.heap = calloc(batch->run_count, sizeof *m->merge.heap);
    m->window = malloc(sizeof *m->window);
    if (m->streams == NULL || m->merge.heap == NULL || m->window == NULL) {
        return no_memory(err);
    }
    m->window->count = 0;
    m->window->used = 0;
    for (uint32_t r = 0; r < batch->run_count; r++) {
        const rsi_batch_run *run = &batch->runs[r];
        value_stream *stream = &m->streams[r];
        if (number >= run->attribute_count || run->attributes[number].count == 0) {
            continue;
        }
        stream->left = run->attributes[number].count;
        RS_TRY(rsi_spill_reader_init(&stream->reader, &batch->spill,
                                     &run->attributes[number].values, 1, WINDOW_BYTES, err));
        RS_TRY(step(m, r, err));
        rsi_merge_push(&m->merge, stream->head.node, r);
    }
done:
    return status;
}

/* Write the first block of the window; what is left moves to its front. */
static rs_status write_block(value_merge *m, size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    value_window *window = m->window;
    size_t taken = 0;
    RS_TRY(rsi_values_block(&m->file, window->values, count, &taken, err));
    size_t text = 0;
    for (size_t i = 0; i < taken; i++) {
        text += window->values[i].text.length;
    }
    memmove(window->text, window->text + text, window->used - text);
    window->used -= text;
    window->count -= taken;
    size_t at = 0;
    for (size_t i = 0; i < window->count; i++) {
        window->values[i] = window->values[i + taken];
        window->values[i].text.bytes = window->text + at;
        at += window->values[i].text.length;
    }
done:
    return status;
}

/* The value stands where it wins over the one before it of the same node. */
static rs_status put_value(value_merge *m, const rsi_value *value, rs_error *err)
{
    rs_status status = RS_OK;
    value_window *window = m->window;
    if (window->count > 0 && window->values[window->count - 1].node == value->node) {
        if (rsi_value_compare(value, &window->values[window->count - 1]) <= 0) {
            return RS_OK;
        }
        window->used -= window->values[--window->count].text.length;
    } else if (window->count == RSI_VALUES_MAX || window->used >= RSI_VALUES_TEXT_CUT) {
        RS_TRY(write_block(m, window->count, err));
    }
    rsi_value *copy = &window->values[window->count++];
    *copy = *value;
    copy->text.bytes = window->text + window->used;
    if (value->text.length > 0) {
        memcpy(window->text + window->used, value->text.bytes, value->text.length);
    }
    window->used += value->text.length;
done:
    return status;
}

static rs_status merge_values(value_merge *m, rs_error *err)
{
    rs_status status = RS_OK;
    while (m->merge.count > 0) {
        uint32_t run = m->merge.heap[0].stream;
        value_stream *stream = &m->streams[run];
        RS_TRY(put_value(m, &stream->head, err));
        if (stream->left == 0) {
            rsi_merge_pop(&m->merge);
            continue;
        }
        RS_TRY(step(m, run, err));
        rsi_merge_replace(&m->merge, stream->head.node);
    }
    while (m->window->count > 0) {
        RS_TRY(write_block(m, m->window->count, err));
    }
done:
    return status;
}

rs_status rsi_merge_attribute(rsi_output *output, rsi_batch_attribute_state *attribute,
                              rs_error *err)
{
    rs_status status = RS_OK;
    value_merge m = {.output = output, .attribute = attribute};
    if (!attribute->kind_known) {
        return RS_OK; /* no run has a value */
    }
    RS_TRY(open_streams(&m, err));
    RS_TRY(rsi_values_begin(&m.file, output, attribute->object, err));
    RS_TRY(merge_values(&m, err));
    RS_TRY(rsi_values_end(&m.file, attribute->kind, err));
done:
    for (size_t r = 0; m.streams != NULL && r < output->batch->run_count; r++) {
        rsi_spill_reader_free(&m.streams[r].reader);
    }
    rsi_values_close(&m.file);
    free(m.streams);
    free(m.merge.heap);
    free(m.window);
    return rs_context(err, status, "attribute \"%s\"", attribute->name);
}
