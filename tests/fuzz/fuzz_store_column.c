/* A column of numbers: any bytes decode to values or are refused; what decodes encodes to a column
 * that decodes to the same.
 *
 * Input: two bytes for the number of values, the rest is the column.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/intcodec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t values[RSI_INTS_MAX];
static uint64_t again[RSI_INTS_MAX];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rsi_intcodec *codec = NULL;
    rsi_buffer out = {0};
    if (size < 2 || rsi_intcodec_new(&codec, NULL) != RS_OK) {
        return 0;
    }
    size_t count = rsi_load_u16le(data);
    rsi_cursor cursor = {data + 2, data + size};
    if (rsi_ints_decode(codec, &cursor, count, values, NULL) == RS_OK) {
        if (rsi_ints_encode(codec, values, count, &out, NULL) != RS_OK) {
            abort();
        }
        rsi_cursor second = {out.bytes, out.bytes + out.length};
        if (rsi_ints_decode(codec, &second, count, again, NULL) != RS_OK ||
            memcmp(values, again, count * sizeof *values) != 0) {
            abort();
        }
    }
    rsi_buffer_free(&out);
    rsi_intcodec_free(codec);
    return 0;
}
