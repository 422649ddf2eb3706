/* budget.h - how the stages of a run share the memory that it may use.
 *
 * What is held already is asked of the system; what a stage will need beside it is reckoned from
 * the store's and the evidence's counts. Neither shows in any result: a plan only chooses what runs
 * side by side and what goes to a file.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_CLI_BUDGET_H
#define RSI_CLI_BUDGET_H

#include "cli/stages.h"

typedef struct rsi_plan {
    bool side_by_side;      /* else the tasks follow one another, each with all there is */
    uint64_t network_bytes; /* side by side: what the network may use; 0: no limit */
    uint64_t days_bytes;    /* all busiest days at once; 0: no limit */
    uint64_t beside_days;   /* what oddity holds beside them */
} rsi_plan;

/* Before a run: where the budget may get tight, arrays of a mebibyte and more, in a small budget of
 * less, go back to the system as soon as they are freed. The allocator would take to keeping those
 * of up to 32 MiB for itself, in pieces: a third of a small budget was lost by that. Takes a tenth
 * of the time of a small run.
 */
void rsi_memory_guard(const rs_store *store, const rs_work *work);
/* What is left of the budget now, 1 at least; 0: no limit. What earlier stages freed goes back to
 * the system first. */
uint64_t rsi_memory_left(const rs_work *work);
/* What the network may use, and what oddity may for the busiest days: a part of the plan, or what
 * is left now. */
uint64_t rsi_plan_network(const rsi_plan *plan, const rs_work *work);
uint64_t rsi_plan_days(const rsi_plan *plan, const rs_work *work);
/* The evidence was refused (RS_EUSAGE) where `left` was left of the budget: add what would do. */
rs_status rsi_evidence_refused(const rsi_stages *stages, const rs_work *work, uint64_t left,
                               rs_error *err);
/* The communities, the network with the spread, and the oddity. RS_EUSAGE: the budget has no room
 * for what has to be in memory, there or in the score after it; says what would do. */
RS_MUST_USE rs_status rsi_plan_middle(const rsi_stages *stages, const rs_work *work, rsi_plan *plan,
                                      rs_error *err);
/* The score and what explains it; the two sizes are of no account. */
rsi_plan rsi_plan_score(const rsi_stages *stages, const rs_work *work);

#endif
