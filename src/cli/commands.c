/* commands.c - the table of subcommands, in the order in which a newcomer needs them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

extern const rsi_command rsi_command_audit;
extern const rsi_command rsi_command_backup;
extern const rsi_command rsi_command_batches;
extern const rsi_command rsi_command_blacklist;
extern const rsi_command rsi_command_compact;
extern const rsi_command rsi_command_drop_batch;
extern const rsi_command rsi_command_erase;
extern const rsi_command rsi_command_evaluate;
extern const rsi_command rsi_command_explain;
extern const rsi_command rsi_command_feedback;
extern const rsi_command rsi_command_generate;
extern const rsi_command rsi_command_history;
extern const rsi_command rsi_command_ingest;
extern const rsi_command rsi_command_learn;
extern const rsi_command rsi_command_neighbours;
extern const rsi_command rsi_command_nightly;
extern const rsi_command rsi_command_replay;
extern const rsi_command rsi_command_run;
extern const rsi_command rsi_command_salvage;
extern const rsi_command rsi_command_settings;
extern const rsi_command rsi_command_show;
extern const rsi_command rsi_command_stats;
extern const rsi_command rsi_command_verdict;
extern const rsi_command rsi_command_verify;
extern const rsi_command rsi_command_whitelist;

static const rsi_command *const table[] = {
    &rsi_command_ingest,     &rsi_command_run,
    &rsi_command_nightly,    &rsi_command_replay,
    &rsi_command_show,       &rsi_command_explain,
    &rsi_command_history,    &rsi_command_learn,
    &rsi_command_neighbours, &rsi_command_blacklist,
    &rsi_command_whitelist,  &rsi_command_verdict,
    &rsi_command_feedback,   &rsi_command_audit,
    &rsi_command_stats,      &rsi_command_settings,
    &rsi_command_batches,    &rsi_command_drop_batch,
    &rsi_command_compact,    &rsi_command_verify,
    &rsi_command_backup,     &rsi_command_salvage,
    &rsi_command_erase,      &rsi_command_generate,
    &rsi_command_evaluate,   NULL,
};

const rsi_command *const *rsi_commands(void)
{
    return table;
}
