/* feedback.h - a run fed back into the database of lists and verdicts: by `ringscope feedback`, and
 * by the night.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_CLI_FEEDBACK_H
#define RSI_CLI_FEEDBACK_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
#include "ringscope/feedback.h"
#include "ringscope/report.h"

#define RSI_FEEDBACK_BY "ringscope" /* who does it where nobody is named */

typedef struct rsi_feeding {
    rs_run_id run;
    const char *db; /* NULL: the store's own */
    const char *by;
    const char *note;   /* NULL: none */
    const char *outbox; /* then deliver to it; NULL: to nobody */
    const char *undo;   /* a run to be taken back, instead; NULL: none */
    bool trial;
} rsi_feeding;
typedef struct rsi_fed {
    rs_feedback_result result;
    bool told;
    uint64_t line_count; /* that went to the outbox */
} rsi_fed;
/* Feed a run of the store (the call's first word) back, and tell others. Done again it changes
 * nothing, and tells what is still to be told. */
RS_MUST_USE rs_status rsi_feed_back(const rsi_call *call, const rsi_feeding *what, rsi_fed *fed,
                                    rs_error *err);

#endif
