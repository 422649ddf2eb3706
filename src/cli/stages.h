/* stages.h - the stages of a run in their order, as run and explain both need them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_CLI_STAGES_H
#define RSI_CLI_STAGES_H

#include "cli/inputs.h"
#include "cli/settings.h"
#include "ringscope/feedback.h"
#include "ringscope/network.h"
#include "ringscope/report.h"
#include "ringscope/store.h"

enum { RSI_STAGES_MAX = 12, RSI_CONFLICTS_KEPT = 100 };

/* What stands between the stages. Start with {0}; rsi_stages_free frees all of it. */
typedef struct rsi_stages {
    rs_store *store;
    rs_graph *graph;
    rs_list blacklist;
    rs_list whitelist;
    bool listed[2];         /* by rs_list_name: a file or the database had something to say */
    rs_run_lists lists;     /* what was read of the database */
    bool mixed;             /* batches beyond inputs->sequence could only be told by their times */
    rs_conflicts conflicts; /* who is on both lists, or one person on either */
    rs_evidence evidence;
    rs_evidence_graph collapsed;
    int64_t *seed;   /* by node */
    int64_t *spread; /* by node */
    rs_network network;
    struct rsi_trace *trace;     /* what explains the run, in the making; NULL: left out */
    struct rsi_numbers *numbers; /* of relations in time, for oddity */
    struct rsi_ties *ties;       /* of relations in time, for the network */
    uint32_t *oddity;            /* by subject */
    uint32_t *label;             /* by node of `collapsed`: its community */
    rs_detect_crew *crew;
    rs_detect_counts detect;
    rs_findings findings;
    rs_run_timing timings[RSI_STAGES_MAX];
    size_t timing_count;
} rsi_stages;

/* The workers of the middle, for a run: first of all, while the process is small and has no other
 * thread. */
RS_MUST_USE rs_status rsi_stages_start(rsi_stages *stages, const rsi_settings *settings,
                                       const rs_work *work, rs_error *err);
/* The store, its graph, the lists (from files and, unless `inputs` is of a run that was kept, the
 * database) and the evidence. */
RS_MUST_USE rs_status rsi_stages_evidence(rsi_stages *stages, const char *store_path,
                                          const rsi_inputs *inputs, const rsi_settings *settings,
                                          const rs_work *work, rs_error *err);
/* The network and the risk that spreads over it: what explain needs. */
RS_MUST_USE rs_status rsi_stages_spread(rsi_stages *stages, const rsi_settings *settings,
                                        const rs_work *work, rs_error *err);
/* What follows from the evidence, side by side: the communities, the spread, everybody's oddity. */
RS_MUST_USE rs_status rsi_stages_middle(rsi_stages *stages, const rsi_settings *settings,
                                        const rs_work *work, rs_error *err);
/* Rings and everybody's risk, after the others. */
RS_MUST_USE rs_status rsi_stages_score(rsi_stages *stages, const rsi_settings *settings,
                                       const rs_work *work, rs_error *err);
void rsi_stages_free(rsi_stages *stages);

/* Microseconds since some moment, for timings alone. */
uint64_t rsi_clock_us(void);
/* Remember how long a stage took that started at `start`. */
void rsi_stages_time(rsi_stages *stages, const char *stage, uint64_t start);

#endif
