/* commands.c - the table of subcommands, in the order in which a newcomer needs them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

extern const rsi_command rsi_command_run;
extern const rsi_command rsi_command_show;

static const rsi_command *const table[] = {
    &rsi_command_run,
    &rsi_command_show,
    NULL,
};

const rsi_command *const *rsi_commands(void)
{
    return table;
}
