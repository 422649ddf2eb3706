/* A dictionary block: any note and bytes give sorted ids within their memory, or are refused.
 *
 * Input: a byte for the length of the note, the note, the rest is the block.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdint.h>
#include <stdlib.h>

#include "store/dict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rsi_dict_block *block = NULL;
    size_t note = size > 0 ? data[0] : 0;
    if (size < 1 + note || rsi_dict_block_new(&block, NULL) != RS_OK) {
        return 0;
    }
    const uint8_t *packed = data + 1 + note;
    size_t length = size - 1 - note;
    if (rsi_dict_decode(block, packed, length, data + 1, note, NULL) == RS_OK) {
        for (size_t i = 1; i < block->count; i++) {
            if (rsi_text_compare(block->ids[i - 1], block->ids[i]) >= 0) {
                abort();
            }
        }
    }
    rsi_dict_block_free(block);
    return 0;
}
