/* read_values.c - the values of an attribute over all batches, merged by node.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/try.h"
#include "store/store_internal.h"

/* One batch's values, where it is read. */
typedef struct value_stream {
    const rsi_blockfile *file;
    rsi_values_coder *coder;
    rsi_buffer bytes;
    const rsi_value *values;
    size_t count;
    size_t at;
    size_t block;  /* the next to read */
    uint32_t last; /* node read last */
    bool begun;
} value_stream;

struct rs_values {
    const rs_store *store;
    uint32_t node_count;
    size_t stream_count;
    value_stream *streams;
};

static rs_status open_stream(value_stream *stream, const rsi_blockfile *file, rs_error *err)
{
    stream->file = file;
    return rsi_values_coder_new(&stream->coder, err);
}

rs_status rs_values_open(rs_values **out, const rs_store *store, size_t attribute, rs_error *err)
{
    rs_status status = RS_OK;
    rs_values *values = calloc(1, sizeof *values);
    if (values == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (reader of values)");
    }
    values->store = store;
    values->node_count =
        store->manifest.types[store->manifest.attributes[attribute].type].node_count;
    values->streams = calloc(store->opened + 1, sizeof *values->streams);
    if (values->streams == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (reader of values)");
        goto done;
    }
    size_t i = rsi_store_next_file(store, RSI_FILE_ATTRIBUTE, attribute, 0);
    for (; i < store->opened;
         i = rsi_store_next_file(store, RSI_FILE_ATTRIBUTE, attribute, i + 1)) {
        RS_TRY(open_stream(&values->streams[values->stream_count++], &store->files[i], err));
    }
    *out = values;
    values = NULL;
done:
    rs_values_close(values);
    return status;
}

void rs_values_close(rs_values *values)
{
    if (values == NULL) {
        return;
    }
    for (size_t i = 0; values->streams != NULL && i < values->stream_count; i++) {
        rsi_values_coder_free(values->streams[i].coder);
        rsi_buffer_free(&values->streams[i].bytes);
    }
    free(values->streams);
    free(values);
}

rs_status rsi_store_values(const rs_store *store, size_t file, size_t block,
                           rsi_values_coder *coder, rsi_buffer *bytes, const rsi_value **values,
                           size_t *count, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_blockfile *from = &store->files[file];
    const rsi_block_entry *entry = &from->blocks[block];
    const rsi_manifest *manifest = &store->manifest;
    uint32_t type = manifest->attributes[manifest->files[file].object].type;
    uint32_t node_count = manifest->types[type].node_count;
    RS_TRY(rsi_blockfile_read(from, block, bytes, err));
    status = rsi_values_decode(coder, bytes->bytes, bytes->length, entry->note, entry->note_length,
                               values, count, err);
    if (status == RS_OK && (*values)[*count - 1].node >= node_count) { /* nodes ascend */
        status = rs_fail(err, RS_ECORRUPT, "a value of node %u, where there are %u",
                         (*values)[*count - 1].node, node_count);
    }
    status = rs_context(err, status, "%sattribute file \"%s\": block %zu",
                        RSI_INVARIANT(status, "S-06"), from->ref.name, block);
done:
    return status;
}

/* See to it that the stream's next value is unpacked, if it has one. */
static rs_status fill(value_stream *stream, uint32_t node_count, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_blockfile *file = stream->file;
    if (stream->at < stream->count || stream->block == file->block_count) {
        return RS_OK;
    }
    size_t number = stream->block++;
    const rsi_block_entry *entry = &file->blocks[number];
    stream->at = 0;
    stream->count = 0;
    RS_TRY(rsi_blockfile_read(file, number, &stream->bytes, err));
    status =
        rsi_values_decode(stream->coder, stream->bytes.bytes, stream->bytes.length, entry->note,
                          entry->note_length, &stream->values, &stream->count, err);
    if (status == RS_OK && (stream->values[stream->count - 1].node >= node_count ||
                            (stream->begun && stream->values[0].node <= stream->last))) {
        stream->count = 0;
        status = rs_fail(err, RS_ECORRUPT, "its nodes do not follow those before or are none");
    }
    if (status == RS_OK) {
        stream->begun = true;
        stream->last = stream->values[stream->count - 1].node;
    }
    status = rs_context(err, status, "%sattribute file \"%s\": block %zu",
                        RSI_INVARIANT(status, "S-06"), file->ref.name, number);
done:
    return status;
}

rs_status rs_values_next(rs_values *values, uint32_t *node, rs_text *text, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_value *winner = NULL;
    *node = RS_NO_NODE;
    *text = (rs_text){.bytes = "", .length = 0};
    for (size_t i = 0; i < values->stream_count; i++) {
        RS_TRY(fill(&values->streams[i], values->node_count, err));
    }
    for (size_t i = 0; i < values->stream_count; i++) {
        const value_stream *stream = &values->streams[i];
        if (stream->at == stream->count) {
            continue;
        }
        const rsi_value *value = &stream->values[stream->at];
        if (winner == NULL || value->node < winner->node ||
            (value->node == winner->node && rsi_value_compare(value, winner) > 0)) {
            winner = value;
        }
    }
    if (winner == NULL) {
        return RS_OK;
    }
    *node = winner->node;
    *text = winner->text;
    /* Streams step over what they lent only now; it stays in place until they are filled again. */
    for (size_t i = 0; i < values->stream_count; i++) {
        value_stream *stream = &values->streams[i];
        stream->at += stream->at < stream->count && stream->values[stream->at].node == *node;
    }
done:
    return rs_context(err, status, "store \"%s\"", values->store->path);
}
