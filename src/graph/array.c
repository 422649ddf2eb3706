/* array.c - zeroed arrays, large ones on large pages.
 *
 * Arrays of the graph are looked into at random: on pages of 2 MiB that misses the table of pages
 * far less often, and first use costs one fault instead of 512 (a tenth of the time of pairs).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"
#include "graph/internal.h"

rs_status rsi_graph_array(void *array, size_t count, size_t size, rs_error *err)
{
    void *memory = calloc(count == 0 ? 1 : count, size);
    if (memory == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu entries of %zu bytes)", count, size);
    }
    rsi_pages_wish(memory, count * size);
    memcpy(array, &memory, sizeof memory);
    return RS_OK;
}

rs_status rsi_graph_room(const rs_work *work, const char *relation, const char *what,
                         uint64_t bytes, rs_error *err)
{
    if (work == NULL || work->memory_bytes == 0 || bytes <= work->memory_bytes) {
        return RS_OK;
    }
    uint64_t left = work->memory_bytes >> 20;
    uint64_t need = (bytes >> 20) + 1;
    return rs_fail(err, RS_EUSAGE,
                   "%s of relation \"%s\" need %llu MB of memory, %llu MB more than is left of the "
                   "budget",
                   what, relation, (unsigned long long)need, (unsigned long long)(need - left));
}
