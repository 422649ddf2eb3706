/* explain.c - `ringscope explain`: where the risk of one node comes from.
 *
 * The numbers are those of the latest run, and so is the network that tells the seeds and paths
 * behind them: the run kept it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <string.h>

#include "base/try.h"
#include "cli/cli.h"
#include "cli/explain.h"

enum { FORMAT_TEXT, FORMAT_JSON };

typedef struct options {
    int format;
    bool from_store;
} options;

static const rsi_option table[] = {
    {.name = "format",
     .value = RSI_CHOICE,
     .argument = "text|json",
     .offset = offsetof(options, format),
     .help = "text for a person, or one JSON object; default text"},
    {.name = "from-store",
     .value = RSI_FLAG,
     .offset = offsetof(options, from_store),
     .help =
         "build the network again from the store as it is now; slow; default what the run kept"},
    {0},
};

static rs_status explain(rsi_why *why, const rs_store *store, const rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    const options *chosen = call->options;
    const char *store_path = call->words[0];
    bool done_it = false;
    if (!chosen->from_store) {
        RS_TRY(rsi_why_from_run(why, store_path, store, &done_it, err));
        why->kept_none = !done_it;
    }
    if (!done_it) {
        RS_TRY(rsi_why_from_store(why, store_path, call->work, err));
    }
done:
    return status;
}

static rs_status run(rsi_call *call, rs_error *err)
{
    const options *chosen = call->options;
    rs_status status = RS_OK;
    rsi_why why = {.node = RS_NO_NODE};
    rs_run_info info;
    rs_store *store = NULL;
    RS_TRY(rsi_split_name(call->words[1], &why.type, &why.id, err));
    /* No store is another failure than no run. */
    RS_TRY(rsi_open_store(&store, call->words[0], err));
    RS_TRY(rs_run_latest(call->words[0], &why.run, err));
    RS_TRY(rs_run_read(call->words[0], &why.run, &info, err));
    if (strcmp(info.model_subject, why.type) == 0) {
        memcpy(why.model, info.model, sizeof why.model);
    }
    why.store_changed = strcmp(rs_store_digest(store), info.store_digest) != 0;
    RS_TRY(explain(&why, store, call, err));
    if (chosen->format == FORMAT_JSON) {
        RS_TRY(rsi_why_print_json(call->out, &why, err));
    } else {
        RS_TRY(rsi_why_print(call->out, &why, err));
    }
done:
    rsi_why_free(&why);
    rs_store_close(store);
    return status;
}

const rsi_command rsi_command_explain = {
    .name = "explain",
    .summary = "print where the risk of one node comes from",
    .words = "STORE TYPE:ID [options]",
    .about =
        "The risk that the latest run gave to a node such as account:u17, and its three parts:\n"
        "what spreads to it from the lists, with seeds and paths; how unusual its own counts\n"
        "are; and the ring that it belongs to. It reads what the run kept of its network; where\n"
        "that was left out (run --no-network) the network is built again, which takes as long\n"
        "as a run.",
    .word_min = 2,
    .word_max = 2,
    .options = table,
    .options_size = sizeof(options),
    .run = run,
};
