/* commands.c - the table of subcommands, in the order in which a newcomer needs them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

static const rsi_command *const table[] = {
    NULL,
};

const rsi_command *const *rsi_commands(void)
{
    return table;
}
