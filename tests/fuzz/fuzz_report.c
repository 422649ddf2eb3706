/* Reports as evaluate reads them, in pieces: what is accepted is JSON as a whole, by the strict
 * reader, and every member of every cluster is an account of the case.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdint.h>
#include <stdlib.h>

#include "base/json.h"
#include "lab/case.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const rsi_case *c, const char *bytes, size_t size)
{
    rs_error err = {0};
    if (rsi_json_check("report", bytes, size, &err) != RS_OK) {
        abort();
    }
    for (uint32_t k = 0; k < c->cluster_count; k++) {
        const rsi_cluster *cluster = &c->clusters[k];
        if (cluster->first + cluster->size > c->member_count ||
            !(cluster->score >= 0 && cluster->score <= 1) ||
            (k > 0 && cluster->score > c->clusters[k - 1].score)) {
            abort();
        }
    }
    for (uint64_t i = 0; i < c->member_count; i++) {
        if (c->members[i] >= c->account_ids.count) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rs_evaluate_options options = RS_EVALUATE_DEFAULTS;
    rsi_case c = {.options = &options};
    rsi_stream *stream = NULL;
    rs_error err = {0};
    /* Compressed streams have a target of their own: here the bytes are the text. */
    bool packed = size > 1 && ((data[0] == 0x1f && data[1] == 0x8b) || data[0] == 0x28);
    if (packed || rsi_stream_open_memory(&stream, "report", data, size, &err) != RS_OK) {
        return 0;
    }
    if (rsi_read_report_stream(&c, "report", stream, NULL, &err) == RS_OK) {
        check(&c, (const char *)data, size);
    } else if (err.message[0] == '\0') {
        abort();
    }
    rsi_stream_close(stream);
    rsi_case_free(&c);
    return 0;
}
