/* A manifest: any text is refused or prints as itself. The fuzzer cannot guess digests, so the last
 * line is put behind the text here.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rsi_manifest manifest;
    rsi_buffer text = {0};
    rsi_buffer printed = {0};
    char end[64];
    rsi_hash128 digest = rsi_hash_128(data, size, 0);
    int length =
        snprintf(end, sizeof end, "end %016" PRIx64 "%016" PRIx64 "\n", digest.high, digest.low);
    if (rsi_buffer_add(&text, data, size, NULL) == RS_OK &&
        rsi_buffer_add(&text, end, (size_t)length, NULL) == RS_OK &&
        rsi_manifest_parse(&manifest, text.bytes, text.length, NULL) == RS_OK) {
        rsi_manifest again;
        if (rsi_manifest_print(&manifest, &printed, NULL) != RS_OK ||
            rsi_manifest_parse(&again, printed.bytes, printed.length, NULL) != RS_OK) {
            abort();
        }
        rsi_manifest_free(&again);
        rsi_manifest_free(&manifest);
    }
    rsi_buffer_free(&text);
    rsi_buffer_free(&printed);
    return 0;
}
