/* batches.c - `ringscope batches`: what was sent to a store, batch by batch.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>

#include "base/try.h"
#include "cli/cli.h"

enum { FORMAT_TEXT, FORMAT_JSON };

typedef struct batches_options {
    int format;
} batches_options;

static const rsi_option options[] = {
    {.name = "format",
     .value = RSI_CHOICE,
     .argument = "text|json",
     .offset = offsetof(batches_options, format),
     .help = "how to print it; by default text"},
    {.name = NULL},
};

static rs_status print_text(const rs_store *store, FILE *out, rs_error *err)
{
    static const char *const titles[] = {"no", "batch", "rows", "edges", "first", "last", "merged"};
    char number[RSI_FORMAT_MAX];
    rsi_table *table = rsi_table_new("rlrrlll");
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
        rsi_table_cell(table, "%s", titles[i]);
    }
    for (size_t i = 0; i < rs_store_batch_count(store); i++) {
        rs_batch_info batch = rs_store_batch(store, i);
        rsi_table_cell(table, "%" PRIu64, batch.sequence);
        rsi_table_cell(table, "%s", batch.name);
        rsi_table_cell(table, "%s", rsi_format_count(number, batch.row_count));
        rsi_table_cell(table, "%s", rsi_format_count(number, batch.edge_count));
        rsi_table_time(table, batch.time_min);
        rsi_table_time(table, batch.time_max);
        rsi_table_cell(table, "%s", batch.home != i ? "yes" : "-");
    }
    rs_status status = rsi_table_print(table, out, 0, err);
    rsi_table_free(table);
    return status;
}

static void print_json(const rs_store *store, FILE *out)
{
    fputs("{\"batches\":[", out);
    for (size_t i = 0; i < rs_store_batch_count(store); i++) {
        rs_batch_info batch = rs_store_batch(store, i);
        fputs(i > 0 ? ",{\"name\":" : "{\"name\":", out);
        rsi_print_json_text(out, rsi_text(batch.name));
        fprintf(out, ",\"sequence\":%" PRIu64 ",\"rows\":%" PRIu64 ",\"edges\":%" PRIu64,
                batch.sequence, batch.row_count, batch.edge_count);
        rsi_print_json_time(out, "time_min", batch.time_min);
        rsi_print_json_time(out, "time_max", batch.time_max);
        fprintf(out, ",\"merged\":%s}", batch.home != i ? "true" : "false");
    }
    fputs("]}\n", out);
}

static rs_status run(rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    const batches_options *given = call->options;
    rs_store *store = NULL;
    RS_TRY(rsi_open_store(&store, call->words[0], err));
    if (given->format == FORMAT_JSON) {
        print_json(store, call->out);
    } else {
        RS_TRY(print_text(store, call->out, err));
    }
done:
    rs_store_close(store);
    return status;
}

const rsi_command rsi_command_batches = {
    .name = "batches",
    .summary = "list the batches of a store",
    .words = "STORE [options]",
    .about = "Print the batches that were sent to STORE, in the order of their commit: name, rows "
             "and\n"
             "edges as they were sent, first and last event. A batch that a compaction merged into "
             "a later\n"
             "one is marked: it cannot be dropped alone any more.",
    .word_min = 1,
    .word_max = 1,
    .options = options,
    .options_size = sizeof(batches_options),
    .run = run,
};
