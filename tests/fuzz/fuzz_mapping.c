/* Mappings: any bytes give a mapping or an error, never both.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdint.h>
#include <stdlib.h>

#include "ingest/mapping.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rsi_mapping *mapping = NULL;
    rs_error err = {0};
    rs_status status = rsi_mapping_parse(&mapping, "fuzz", (const char *)data, size, &err);
    if ((status == RS_OK) != (mapping != NULL) || (status != RS_OK && err.message[0] == '\0')) {
        abort();
    }
    if (mapping != NULL) {
        (void)rsi_mapping_match(mapping, "logins-01.csv");
        (void)rsi_mapping_subject(mapping, "account", 7);
        for (size_t i = 0; i < rsi_mapping_source_count(mapping); i++) {
            const rsi_source *source = rsi_mapping_source(mapping, i);
            for (size_t j = 0; j < source->relation_count; j++) {
                if (source->relations[j].src.slot >= source->column_count) {
                    abort();
                }
            }
        }
    }
    rsi_mapping_free(mapping);
    return 0;
}
