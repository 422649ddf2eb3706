/* learn.h - what learn and run --model share: the columns of a run, and files with a line for each
 * account.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_CLI_LEARN_H
#define RSI_CLI_LEARN_H

#include "cli/stages.h"
#include "learn/model.h"
#include "report/out.h"

/* After the score, as long as the evidence is there. */
RS_MUST_USE rs_status rsi_stages_features(const rsi_stages *stages, const rs_work *work,
                                          rsi_features *out, rs_error *err);
/* By subject: 1 for who is on a list of the run, whose risk is what the list says. */
void rsi_mark_listed(const rsi_stages *stages, uint8_t *listed);

/* The risk of every subject of the model's type that is on no list becomes the model's; with
 * `contributions` (NULL: none) a CSV there says what each column adds to its log-odds. RS_EINPUT
 * (the model is not of this store). */
RS_MUST_USE rs_status rsi_stages_model(rsi_stages *stages, const rsi_model *model,
                                       const char *contributions, const rs_work *work,
                                       rs_error *err);

/* Before a line's fields: the type and the id. */
void rsi_put_subject(rsi_out *out, const rs_graph *graph, const rs_ids *ids, uint32_t subject);
/* A comma and a real number: nine digits give a float back. */
void rsi_put_real(rsi_out *out, double value);
/* The ids of all subjects. */
RS_MUST_USE rs_status rsi_subject_ids(const rs_graph *graph, rs_ids **ids, rs_error *err);

#endif
