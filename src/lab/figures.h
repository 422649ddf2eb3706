/* figures.h - what an evaluation found, before it becomes JSON.
 *
 * NaN is a figure that the data do not define: JSON null.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_LAB_FIGURES_H
#define RSI_LAB_FIGURES_H

#include "lab/calibration.h"
#include "lab/case.h"
#include "lab/measure.h"

#define RSI_AT_COUNT 6 /* 50, 100, 200, 500, 1000, and as many as are bad */

typedef struct rsi_interval {
    double low, high; /* 2.5 and 97.5 per cent of the resamples */
} rsi_interval;

typedef struct rsi_ranking {
    uint64_t account_count, bad_count;
    double average_precision, average_precision_worst, auc;
    uint64_t at[RSI_AT_COUNT];
    double precision[RSI_AT_COUNT];
    rsi_interval average_precision_interval, auc_interval;
    rsi_calibration calibration;
} rsi_ranking;

/* One row of a breakdown: rings of a kind, of a degree of hiding, or of both. */
typedef struct rsi_share {
    uint32_t kind, hiding; /* into words; RSI_NO_ID: any */
    uint32_t ring_count, account_count;
    uint32_t found_top, found_suspect;
    uint32_t alarmed_count; /* accounts of risk >= suspect */
} rsi_share;

typedef struct rsi_alarm {
    uint32_t lookalike; /* RSI_NO_ID: neither ring nor look-alike */
    uint64_t account_count, risk_count, cluster_count;
} rsi_alarm;

typedef struct rsi_figures {
    rsi_ranking without_known, with_known;
    uint64_t account_count, known_count, ring_account_count, without_risk_count;
    double recall_top, recall_suspect, recall_all;
    double precision_top, pure_top;
    double precision_suspect; /* clusters of score >= suspect that match a ring */
    uint32_t suspect_clusters;
    double cover_f1;
    uint32_t split_count, merge_count;
    rsi_calibration calibration; /* of the clusters' scores; bad: at least half of it is one ring */
    rsi_interval recall_top_interval, recall_suspect_interval, recall_all_interval;
    rsi_share *shares;
    size_t share_count;
    rsi_alarm *alarms; /* look-alikes, then everyone else */
    size_t alarm_count;
} rsi_figures;

/* By ring: the place of the cluster matched to it, or UINT32_MAX. */
RS_MUST_USE rs_status rsi_figure_rings(const rsi_case *c, rsi_figures *f, uint32_t *match_of_ring,
                                       rs_error *err);
RS_MUST_USE rs_status rsi_figure_ranking(const rsi_case *c, bool with_known, rsi_ranking *ranking,
                                         rs_error *err);
RS_MUST_USE rs_status rsi_figure_shares(const rsi_case *c, const uint32_t *match_of_ring,
                                        rsi_figures *f, rs_error *err);
RS_MUST_USE rs_status rsi_figure_alarms(const rsi_case *c, rsi_figures *f, rs_error *err);
/* Intervals of recall by resampling rings. */
RS_MUST_USE rs_status rsi_figure_recall_intervals(const rsi_case *c, const uint32_t *match_of_ring,
                                                  rsi_figures *f, rs_error *err);
/* `values` are put in order. */
rsi_interval rsi_interval_of(double *values, size_t count);
/* How often each of `count` is drawn in resample `number`. */
void rsi_resample(uint64_t seed, uint32_t number, uint32_t count, uint32_t *times);

/* Accounts that no file names but that are there: honest, risk 0. */
uint64_t rsi_unnamed_accounts(const rsi_case *c);
/* How many clusters count as "the top 2R". */
uint32_t rsi_top_2r(const rsi_case *c);

/* Puts the breakdowns of `f` in order on the way. */
RS_MUST_USE rs_status rsi_figures_json(const rsi_case *c, rsi_figures *f, char **json,
                                       rs_error *err);

#endif
