/* run.h - the stages of a run in order, for the commands that make one: run and nightly.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_CLI_RUN_H
#define RSI_CLI_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
#include "cli/inputs.h"
#include "cli/learn.h"
#include "cli/stages.h"
#include "ringscope/report.h"

/* What a run is told: the options of `ringscope run`. */
typedef struct rsi_run_options {
    rsi_inputs inputs;
    const char *report;
    const char *risks;
    const char *model;
    const char *contributions;
    const char *min_score; /* this and the next three: over what the file of settings says */
    const char *resolution;
    const char *component_max;
    const char *seed;
    uint64_t top;
    uint64_t keep_runs;
    bool compact;
    bool no_network;
} rsi_run_options;
#define RSI_RUN_DEFAULTS                                                                           \
    {                                                                                              \
        .inputs = RSI_INPUTS_DEFAULTS, .top = 10                                                   \
    }

/* How a run's report is written; it lends what it is given. `model` may be without columns: none.
 */
rs_report_options rsi_run_report(const rsi_stages *stages, const rsi_settings *settings,
                                 const char *json, const rsi_model *model);

/* Run the store that words[0] names, with the rsi_run_options that `call->options` are, and keep
 * the run: *id. */
RS_MUST_USE rs_status rsi_run(const rsi_call *call, rs_run_id *id, rs_error *err);

#endif
