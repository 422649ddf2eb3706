/* settings.c - `ringscope settings`: what can be set, a line each, or as a file to start from.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/settings.h"

#include <stdlib.h>

#include "base/try.h"
#include "cli/cli.h"

typedef struct options {
    int format;
} options;

static const rsi_option table[] = {
    {.name = "format",
     .value = RSI_CHOICE,
     .argument = "text|json",
     .offset = offsetof(options, format),
     .help = "json is a file for run --settings; by default text"},
    {0},
};

/* A value that is not the default is marked: that is what a file is looked through for. */
static rs_status print_table(FILE *out, const rsi_setting_values *values, rs_error *err)
{
    rs_status status = RS_OK;
    char number[32];
    rsi_table *cells = rsi_table_new("lrrrrll");
    if (cells == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    const char *heads[] = {"setting", "value", "default", "least", "most", "unit", "what it does"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        rsi_table_cell(cells, "%s", heads[i]);
    }
    for (size_t i = 0; i < RSI_SETTING_COUNT; i++) {
        const rsi_setting *row = &rsi_setting_rows[i];
        rsi_table_cell(cells, "%s", row->name);
        rsi_table_cell(cells, "%s", rsi_setting_format(row, values->of[i], number));
        rsi_table_cell(cells, "%s", rsi_setting_format(row, row->preset, number));
        rsi_table_cell(cells, "%s", rsi_setting_format(row, row->min, number));
        rsi_table_cell(cells, "%s", rsi_setting_format(row, row->max, number));
        rsi_table_cell(cells, "%s", row->unit[0] == '\0' ? "-" : row->unit);
        rsi_table_cell(cells, "%s", row->reason);
    }
    status = rsi_table_print(cells, out, 0, err);
    rsi_table_free(cells);
    return status;
}

static rs_status run(rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    const options *o = call->options;
    rsi_setting_values values = rsi_setting_presets();
    char *json = NULL;
    if (call->word_count > 0) {
        RS_TRY(rsi_settings_file(&values, call->words[0], err));
    }
    if (o->format == 0) {
        RS_TRY(print_table(call->out, &values, err));
    } else {
        RS_TRY(rsi_settings_json(&values, &json, err));
        fputs(json, call->out);
    }
done:
    free(json);
    return status;
}

const rsi_command rsi_command_settings = {
    .name = "settings",
    .summary = "print what can be set, with defaults and reasons",
    .words = "[FILE] [options]",
    .about = "Prints every setting of a run, a line each: its value, its default, its range and "
             "what it does. With\nFILE, a JSON object of some of them, the values are those that "
             "`run --settings FILE` would take,\nand a file that it would refuse is refused.",
    .word_min = 0,
    .word_max = 1,
    .options = table,
    .options_size = sizeof(options),
    .run = run,
};
