/* A block of edges: any note and bytes give edges in order, all columns in range, or are refused.
 *
 * Input: the 16 bytes of the note, the rest is the block.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdint.h>
#include <stdlib.h>

#include "store/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const rsi_edge_columns *edges)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < edges->count; i++) {
        sum += edges->src[i] + edges->dst[i];
        sum += edges->time == NULL ? 0 : (uint64_t)edges->time[i];
        sum += edges->amount == NULL ? 0 : (uint64_t)edges->amount[i];
        sum += edges->precision_s == NULL ? 0 : edges->precision_s[i];
        if (i > 0 && (edges->src[i] < edges->src[i - 1] ||
                      (edges->src[i] == edges->src[i - 1] && edges->dst[i] < edges->dst[i - 1]))) {
            abort();
        }
    }
    volatile uint64_t used = sum;
    (void)used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rsi_segment_coder *coder = NULL;
    if (size < RSI_SEGMENT_NOTE_BYTES || rsi_segment_coder_new(&coder, NULL) != RS_OK) {
        return 0;
    }
    rsi_segment_note note = rsi_segment_note_load(data);
    for (unsigned columns = 0; columns < 4; columns++) {
        rsi_edge_columns edges = {0};
        if (rsi_segment_decode(coder, data + RSI_SEGMENT_NOTE_BYTES, size - RSI_SEGMENT_NOTE_BYTES,
                               &note, columns, &edges, NULL) == RS_OK) {
            check(&edges);
        }
    }
    rsi_segment_coder_free(coder);
    return 0;
}
