/* What a night leaves to the next: as a whole file, and as a body in a sound file around it. What
 * is accepted is written and read again to the same bytes; what is not, is damaged.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/zblock.h"
#include "feedback/track_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where the head has what; the layout stands in track_state.h. */
enum {
    AT_AS_OF = 8,
    AT_SETTINGS = 16,
    AT_BODY = 48,
    AT_PACKED = 56,
    AT_SUM = 64,
    AT_HEAD_SUM = 72
};

static void must(rs_status status)
{
    if (status != RS_OK) {
        abort();
    }
}

static void seal(const uint8_t *body, size_t size, rsi_buffer *file)
{
    uint8_t head[RSI_TRACK_HEAD] = {0};
    size_t packed = 0;
    rsi_zblock *zblock = NULL;
    must(rsi_zblock_new(&zblock, NULL));
    must(rsi_buffer_add(file, head, sizeof head, NULL));
    must(rsi_zblock_pack(zblock, body, size, 1, file, &packed, NULL));
    rsi_zblock_free(zblock);
    memcpy(file->bytes, "RSRINGS1", AT_AS_OF);
    rsi_store_u64le(file->bytes + AT_AS_OF, 1700000000);
    memset(file->bytes + AT_SETTINGS, 'a', AT_BODY - AT_SETTINGS);
    rsi_store_u64le(file->bytes + AT_BODY, size);
    rsi_store_u64le(file->bytes + AT_PACKED, packed);
    rsi_store_u64le(file->bytes + AT_SUM, rsi_hash64(file->bytes + RSI_TRACK_HEAD, packed, 0));
    rsi_store_u64le(file->bytes + AT_HEAD_SUM, rsi_hash64(file->bytes, AT_HEAD_SUM, 0));
}

static void read_and_write(const uint8_t *bytes, size_t size)
{
    rsi_track_state state;
    rsi_track_state again;
    rsi_buffer once = {0};
    rsi_buffer twice = {0};
    rs_error err = {0};
    if (rsi_track_decode(bytes, size, &state, &err) != RS_OK) {
        if (err.status != RS_ECORRUPT || err.message[0] == '\0') {
            abort();
        }
        return;
    }
    must(rsi_track_encode(&state, &once, NULL));
    must(rsi_track_decode(once.bytes, once.length, &again, NULL));
    must(rsi_track_encode(&again, &twice, NULL));
    if (once.length != twice.length || memcmp(once.bytes, twice.bytes, once.length) != 0) {
        abort();
    }
    rsi_track_state_free(&state);
    rsi_track_state_free(&again);
    rsi_buffer_free(&once);
    rsi_buffer_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rsi_buffer file = {0};
    read_and_write(data, size);
    seal(data, size, &file);
    read_and_write(file.bytes, file.length);
    rsi_buffer_free(&file);
    return 0;
}
