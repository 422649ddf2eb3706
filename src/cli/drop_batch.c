/* drop_batch.c - `ringscope drop-batch`: forget what one batch brought.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>

#include "base/try.h"
#include "cli/cli.h"
#include "ringscope/maintain.h"

static rs_status run(rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    rs_drop_result result = {0};
    rs_store *store = NULL;
    char number[RSI_FORMAT_MAX];
    const char *path = call->words[0];
    RS_TRY(rsi_open_store(&store, path, err)); /* no store is wrong usage, no batch bad input */
    rs_store_close(store);
    RS_TRY(rs_drop_batch(path, call->words[1], call->work, &result, err));
    fputs("dropped  ", call->out);
    rsi_print_text(call->out, rsi_text(call->words[1]));
    fprintf(call->out, "\nrows     %s\n", rsi_format_count(number, result.row_count));
    fprintf(call->out, "edges    %s\n", rsi_format_count(number, result.edge_count));
    fprintf(call->out, "store    %s", rsi_format_bytes(number, result.bytes_after));
    fprintf(call->out, " (was %s)\n", rsi_format_bytes(number, result.bytes_before));
done:
    return status;
}

const rsi_command rsi_command_drop_batch = {
    .name = "drop-batch",
    .summary = "forget what one batch of a store brought",
    .words = "STORE NAME",
    .about =
        "Take the relations, attributes, row sources and event keys of batch NAME out of STORE.\n"
        "They are gone at once for whoever opens STORE from now on; ids that nothing uses any more "
        "go at\n"
        "the next compaction. The same rows may then be sent again under that name. A batch that "
        "a\n"
        "compaction merged with others cannot be dropped alone. An event that a later batch "
        "repeated,\n"
        "and that was dropped there by its key, goes too.",
    .word_min = 2,
    .word_max = 2,
    .run = run,
};
