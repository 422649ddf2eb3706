/* Streams: any bytes, plain or as gzip or zstd, give the same in steps of any size, and never more
 * consumed than there is.
 *
 * Input: one byte for the step, the rest is the file.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { READ_MAX = 1 << 18 };

typedef struct outcome {
    rs_status status;
    size_t length;
    uint64_t hash;
} outcome;

static outcome read_all(const uint8_t *data, size_t size, size_t step, char *buffer)
{
    rsi_stream *stream = NULL;
    outcome found = {0};
    size_t got = step;
    found.status = rsi_stream_open_memory(&stream, "fuzz", data, size, NULL);
    while (found.status == RS_OK && got == step && found.length + step <= READ_MAX) {
        found.status = rsi_stream_read(stream, buffer + found.length, step, &got, NULL);
        found.length += got;
    }
    if (stream != NULL && rsi_stream_consumed(stream) > size) {
        abort();
    }
    found.hash = rsi_hash64(buffer, found.length, 0);
    rsi_stream_close(stream);
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    char *buffer = malloc(READ_MAX);
    if (buffer == NULL) {
        return 0;
    }
    outcome one = read_all(data + 1, size - 1, 4096, buffer);
    outcome two = read_all(data + 1, size - 1, 1 + (size_t)data[0] * 16, buffer);
    bool all = one.length < READ_MAX - 4096 && two.length < READ_MAX - 4096;
    if (all && (one.status != two.status ||
                (one.status == RS_OK && (one.length != two.length || one.hash != two.hash)))) {
        abort();
    }
    free(buffer);
    return 0;
}
