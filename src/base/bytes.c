/* bytes.c - the buffer that grows by halves.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/bytes.h"

#include <stdlib.h>

rs_status rsi_buffer_reserve(rsi_buffer *buffer, size_t more, rs_error *err)
{
    if (buffer->capacity - buffer->length >= more) {
        return RS_OK;
    }
    size_t wanted = buffer->capacity + buffer->capacity / 2 + 64;
    if (more > SIZE_MAX / 2 - buffer->length) {
        return rs_fail(err, RS_ENOMEM, "out of memory (a buffer of %zu bytes)", more);
    }
    if (wanted < buffer->length + more) {
        wanted = buffer->length + more;
    }
    uint8_t *bytes = realloc(buffer->bytes, wanted);
    if (bytes == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (a buffer of %zu bytes)", wanted);
    }
    buffer->bytes = bytes;
    buffer->capacity = wanted;
    return RS_OK;
}

rs_status rsi_buffer_add(rsi_buffer *buffer, const void *bytes, size_t length, rs_error *err)
{
    rs_status status = rsi_buffer_reserve(buffer, length, err);
    if (status == RS_OK && length > 0) {
        memcpy(buffer->bytes + buffer->length, bytes, length);
        buffer->length += length;
    }
    return status;
}

rs_status rsi_buffer_add_u16(rsi_buffer *buffer, uint16_t value, rs_error *err)
{
    uint8_t bytes[2];
    rsi_store_u16le(bytes, value);
    return rsi_buffer_add(buffer, bytes, sizeof bytes, err);
}

rs_status rsi_buffer_add_u32(rsi_buffer *buffer, uint32_t value, rs_error *err)
{
    uint8_t bytes[4];
    rsi_store_u32le(bytes, value);
    return rsi_buffer_add(buffer, bytes, sizeof bytes, err);
}

rs_status rsi_buffer_add_u64(rsi_buffer *buffer, uint64_t value, rs_error *err)
{
    uint8_t bytes[8];
    rsi_store_u64le(bytes, value);
    return rsi_buffer_add(buffer, bytes, sizeof bytes, err);
}

void rsi_buffer_free(rsi_buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (rsi_buffer){0};
}
