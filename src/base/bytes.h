/* bytes.h - little-endian numbers in memory, a buffer that grows, a cursor over hostile bytes.
 *
 * A cursor never moves past its end: a take that does not fit returns false and leaves it as it
 * was.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_BYTES_H
#define RSI_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "ringscope/error.h"

static inline uint64_t rsi_load_u64le(const void *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

static inline uint32_t rsi_load_u32le(const void *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap32(value);
#endif
    return value;
}

static inline uint16_t rsi_load_u16le(const void *at)
{
    const uint8_t *bytes = at;
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline void rsi_store_u64le(void *at, uint64_t value)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    memcpy(at, &value, sizeof value);
}

static inline void rsi_store_u32le(void *at, uint32_t value)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap32(value);
#endif
    memcpy(at, &value, sizeof value);
}

static inline void rsi_store_u16le(void *at, uint16_t value)
{
    uint8_t *bytes = at;
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}

/* { 0 } is empty and valid; freed by rsi_buffer_free. */
typedef struct rsi_buffer {
    uint8_t *bytes;
    size_t length;
    size_t capacity;
} rsi_buffer;

/* Room for `more` bytes beyond the length. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_buffer_reserve(rsi_buffer *buffer, size_t more, rs_error *err);
RS_MUST_USE rs_status rsi_buffer_add(rsi_buffer *buffer, const void *bytes, size_t length,
                                     rs_error *err);
RS_MUST_USE rs_status rsi_buffer_add_u16(rsi_buffer *buffer, uint16_t value, rs_error *err);
RS_MUST_USE rs_status rsi_buffer_add_u32(rsi_buffer *buffer, uint32_t value, rs_error *err);
RS_MUST_USE rs_status rsi_buffer_add_u64(rsi_buffer *buffer, uint64_t value, rs_error *err);
void rsi_buffer_free(rsi_buffer *buffer);

/* LEB128: at most RSI_VARINT_MAX bytes; returns the first byte after it. The caller has the room.
 */
#define RSI_VARINT_MAX 10
static inline uint8_t *rsi_store_varint(uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

typedef struct rsi_cursor {
    const uint8_t *at;
    const uint8_t *end;
} rsi_cursor;

static inline size_t rsi_cursor_left(const rsi_cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

/* The next `length` bytes, lent; NULL where there are fewer. */
static inline const uint8_t *rsi_take(rsi_cursor *cursor, size_t length)
{
    if (rsi_cursor_left(cursor) < length) {
        return NULL;
    }
    const uint8_t *at = cursor->at;
    cursor->at += length;
    return at;
}

static inline bool rsi_take_u8(rsi_cursor *cursor, uint8_t *value)
{
    const uint8_t *at = rsi_take(cursor, 1);
    *value = at == NULL ? 0 : *at;
    return at != NULL;
}

static inline bool rsi_take_u16(rsi_cursor *cursor, uint16_t *value)
{
    const uint8_t *at = rsi_take(cursor, 2);
    *value = at == NULL ? 0 : rsi_load_u16le(at);
    return at != NULL;
}

static inline bool rsi_take_u32(rsi_cursor *cursor, uint32_t *value)
{
    const uint8_t *at = rsi_take(cursor, 4);
    *value = at == NULL ? 0 : rsi_load_u32le(at);
    return at != NULL;
}

static inline bool rsi_take_u64(rsi_cursor *cursor, uint64_t *value)
{
    const uint8_t *at = rsi_take(cursor, 8);
    *value = at == NULL ? 0 : rsi_load_u64le(at);
    return at != NULL;
}

/* Only the shortest form of a number is one: each value has one encoding. */
static inline bool rsi_take_varint(rsi_cursor *cursor, uint64_t *value)
{
    uint64_t sum = 0;
    const uint8_t *at = cursor->at;
    for (unsigned shift = 0; shift < 64 && at < cursor->end; shift += 7) {
        uint8_t byte = *at++;
        sum |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            bool fits = shift < 63 || byte <= 1;
            bool shortest = byte != 0 || shift == 0;
            *value = sum;
            cursor->at = fits && shortest ? at : cursor->at;
            return fits && shortest;
        }
    }
    return false;
}

#endif
