/* help.c - what --help prints, from the tables of commands and options.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "cli/cli.h"
#include "cli/settings.h"

enum { WIDTH = 92, HELP_COLUMN = 30 };

/* Words of `text` from column `at`, wrapped to lines that start at column `indent`. */
static void wrap(FILE *out, const char *text, int at, int indent)
{
    bool first = true;
    while (*text != '\0') {
        int length = (int)strcspn(text, " ");
        if (!first && at + 1 + length > WIDTH) {
            fprintf(out, "\n%*s", indent, "");
            at = indent;
            first = true;
        }
        at += fprintf(out, "%s%.*s", first ? "" : " ", length, text);
        first = false;
        text += length;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

/* What the table of settings says of an option that is one. */
static void wrap_setting(FILE *out, const char *name)
{
    char text[400];
    char low[32];
    char high[32];
    char preset[32];
    const rsi_setting *row = &rsi_setting_rows[rsi_setting_named(rsi_text(name))];
    snprintf(text, sizeof text, "%s; %s to %s, by default %s", row->reason,
             rsi_setting_format(row, row->min, low), rsi_setting_format(row, row->max, high),
             rsi_setting_format(row, row->preset, preset));
    wrap(out, text, HELP_COLUMN, HELP_COLUMN);
}

static void print_options(FILE *out, const rsi_option *table)
{
    for (const rsi_option *row = table; row != NULL && row->name != NULL; row++) {
        int at = fprintf(out, "  --%s", row->name);
        if (row->argument != NULL) {
            at += fprintf(out, " %s", row->argument);
        }
        if (at + 2 > HELP_COLUMN) {
            fputc('\n', out);
            at = 0;
        }
        fprintf(out, "%*s", HELP_COLUMN - at, "");
        if (row->value == RSI_SETTING) {
            wrap_setting(out, row->name);
        } else {
            wrap(out, row->help, HELP_COLUMN, HELP_COLUMN);
        }
    }
}

void rsi_help_command(FILE *out, const rsi_command *command)
{
    fprintf(out, "usage: ringscope %s %s\n\n%s\n", command->name, command->words, command->about);
    if (command->options != NULL && command->options->name != NULL) {
        fputs("\noptions:\n", out);
        print_options(out, command->options);
    }
    fputs("\noptions of every command:\n", out);
    print_options(out, rsi_common_options());
}

void rsi_help_overview(FILE *out)
{
    fputs("usage: ringscope COMMAND ...\n"
          "       ringscope help COMMAND\n"
          "       ringscope --version\n\n"
          "Find fraud rings: who shares what, who pays whom -> rings with scores and reasons.\n\n"
          "commands:\n",
          out);
    for (const rsi_command *const *row = rsi_commands(); *row != NULL; row++) {
        fprintf(out, "  %-12s%s\n", (*row)->name, (*row)->summary);
    }
    fputs("\nexit status: 0 done; 1 failed; 2 wrong usage; 3 bad input; 4 store locked; 5 store\n"
          "damaged; 6 committed, some rows rejected; 130, 143 interrupted\n",
          out);
}
