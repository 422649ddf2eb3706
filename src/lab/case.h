/* case.h - what one evaluation knows: accounts, truth, risks, clusters.
 *
 * Accounts, rings, kinds, look-alikes are numbers into rsi_ids. Arrays by account grow with the
 * accounts.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_LAB_CASE_H
#define RSI_LAB_CASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/stream.h"
#include "lab/ids.h"
#include "ringscope/lab.h"

typedef struct rsi_account {
    double risk;           /* of the risks file, else the highest of the report's */
    uint32_t ring;         /* RSI_NO_ID: in none */
    uint32_t lookalike;    /* RSI_NO_ID: in none */
    uint32_t last_cluster; /* cluster + 1 that last named it: finds an account named twice */
    bool known;
    bool in_truth; /* has a line in the truth file */
    bool ranked;   /* has a line in the risks file */
    bool reported; /* in a cluster */
    bool alarmed;  /* in a cluster of score >= suspect */
} rsi_account;

typedef struct rsi_ring {
    uint32_t kind, hiding; /* into words; RSI_NO_ID: not told */
    uint32_t size;
} rsi_ring;

typedef struct rsi_cluster {
    double score;
    uint64_t first;  /* in `members` */
    uint32_t size;   /* subjects, each counted once */
    uint32_t number; /* place in the report */
} rsi_cluster;

typedef struct rsi_case {
    const rs_evaluate_options *options;
    rsi_ids account_ids;
    rsi_account *accounts;
    size_t account_capacity;
    rsi_ids
        ring_ids;    /* in order of appearance; only their count is of use once the truth is read */
    rsi_ring *rings; /* in order of their ids */
    size_t ring_capacity;
    rsi_ids words; /* kinds, degrees of hiding */
    rsi_ids lookalike_ids;
    rsi_cluster *clusters; /* in descending order of score, then as they stand in the report */
    uint32_t cluster_count;
    size_t cluster_capacity;
    rsi_ids cluster_ids;
    uint32_t *members;
    uint64_t member_count;
    size_t member_capacity;
    uint64_t repeated_member_count; /* named twice in one cluster */
    uint64_t truth_line_count;
    uint64_t risk_line_count;
} rsi_case;

void rsi_case_free(rsi_case *c);
/* The account's number, made where it is new. */
RS_MUST_USE rs_status rsi_case_account(rsi_case *c, rs_text id, uint32_t *number, rs_error *err);
/* A decimal number as JSON writes it, from 0 to 1. */
bool rsi_read_share(rs_text text, double *value);
/* Make room for one more of `size` bytes behind `count`. */
RS_MUST_USE rs_status rsi_grow(void **array, size_t *capacity, uint64_t count, size_t size,
                               rs_error *err);

/* read_truth.c */
RS_MUST_USE rs_status rsi_read_truth(rsi_case *c, const char *path, rs_error *err);
RS_MUST_USE rs_status rsi_read_known(rsi_case *c, const char *path, rs_error *err);
RS_MUST_USE rs_status rsi_read_risks(rsi_case *c, const char *path, rs_error *err);
/* read_report.c */
RS_MUST_USE rs_status rsi_read_report(rsi_case *c, const char *path, const rs_work *work,
                                      rs_error *err);
RS_MUST_USE rs_status rsi_read_report_stream(rsi_case *c, const char *name, rsi_stream *stream,
                                             const rs_work *work, rs_error *err);

#endif
