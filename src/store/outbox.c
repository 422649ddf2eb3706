/* outbox.c - whoever brings the parcel that was waited for writes it and all that follow.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/outbox.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/try.h"

enum { PARCEL_HEAD = 6 };

typedef struct waiting_parcel {
    rsi_buffer bytes;
    bool there;
} waiting_parcel;

struct rsi_outbox {
    pthread_mutex_t mutex;
    rsi_blockwriter *writer;
    size_t count;
    size_t next; /* the first that is not written */
    waiting_parcel *parcels;
};

rs_status rsi_outbox_new(rsi_outbox **out, rsi_blockwriter *writer, size_t parcels, rs_error *err)
{
    rsi_outbox *outbox = calloc(1, sizeof *outbox);
    waiting_parcel *waiting = calloc(parcels == 0 ? 1 : parcels, sizeof *waiting);
    if (outbox == NULL || waiting == NULL) {
        free(outbox);
        free(waiting);
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu blocks to write)", parcels);
    }
    *outbox = (rsi_outbox){.writer = writer, .count = parcels, .parcels = waiting};
    pthread_mutex_init(&outbox->mutex, NULL);
    *out = outbox;
    return RS_OK;
}

void rsi_outbox_free(rsi_outbox *outbox)
{
    if (outbox == NULL) {
        return;
    }
    for (size_t i = 0; i < outbox->count; i++) {
        rsi_buffer_free(&outbox->parcels[i].bytes);
    }
    pthread_mutex_destroy(&outbox->mutex);
    free(outbox->parcels);
    free(outbox);
}

rs_status rsi_parcel_add(rsi_buffer *parcel, const rsi_buffer *block, const void *note,
                         size_t note_length, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_buffer_reserve(parcel, PARCEL_HEAD + note_length + block->length, err));
    RS_TRY(rsi_buffer_add_u32(parcel, (uint32_t)block->length, err));
    RS_TRY(rsi_buffer_add_u16(parcel, (uint16_t)note_length, err));
    RS_TRY(rsi_buffer_add(parcel, note, note_length, err));
    RS_TRY(rsi_buffer_add(parcel, block->bytes, block->length, err));
done:
    return status;
}

rs_status rsi_parcel_write(rsi_blockwriter *writer, rsi_buffer *parcel, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_cursor cursor = {parcel->bytes, parcel->bytes + parcel->length};
    uint32_t length = 0;
    uint16_t note_length = 0;
    while (rsi_take_u32(&cursor, &length) && rsi_take_u16(&cursor, &note_length)) {
        const uint8_t *note = rsi_take(&cursor, note_length);
        const uint8_t *bytes = rsi_take(&cursor, length);
        RS_TRY(rsi_blockwriter_add(writer, bytes, length, note, note_length, err));
    }
    parcel->length = 0;
done:
    return status;
}

rs_status rsi_outbox_put(rsi_outbox *outbox, size_t number, rsi_buffer *parcel, rs_error *err)
{
    rs_status status = RS_OK;
    pthread_mutex_lock(&outbox->mutex);
    assert(number < outbox->count && !outbox->parcels[number].there);
    outbox->parcels[number] = (waiting_parcel){.bytes = *parcel, .there = true};
    *parcel = (rsi_buffer){0};
    while (status == RS_OK && outbox->next < outbox->count && outbox->parcels[outbox->next].there) {
        rsi_buffer *bytes = &outbox->parcels[outbox->next].bytes;
        status = rsi_parcel_write(outbox->writer, bytes, err);
        rsi_buffer_free(bytes);
        outbox->next++;
    }
    pthread_mutex_unlock(&outbox->mutex);
    return status;
}
