/* cases.h - rings of a kept run as cases that a verdict can be given on.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_CLI_CASES_H
#define RSI_CLI_CASES_H

#include "ringscope/feedback.h"
#include "ringscope/report.h"

/* A case and all that it points to; {0} is empty. */
typedef struct rsi_kept_case {
    rs_case about;
    char *bytes;
    rs_case_member *members;
    char hash[65];
} rsi_kept_case;
void rsi_ring_case_free(rsi_kept_case *one);

/* How much evidence a ring has: the members and things that its reasons stand on, each reason's
 * added; who is known is no evidence of its own. A measure that a night's other groups do not move.
 */
int64_t rsi_ring_evidence(const rs_cluster *cluster);
/* Of a ring of a run; its evidence's hash is that of its line in the report. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_ring_case(rsi_kept_case *out, const rs_cluster *cluster,
                                    const rs_run_id *run, int64_t as_of, rs_error *err);
/* A ring's id as people type it, in the letters in which it is written; else as it is. */
const char *rsi_ring_typed(const char *typed, char id[16]);

#endif
