/* features.h - what a model looks at: columns of numbers with names, one value for each subject.
 *
 * The names follow from the store's relations, attributes and types, the values from the run; both
 * are the same for equal content, whatever the order of arrival and the threads. Columns stand in
 * the order of their names.
 *
 * Memory   4 bytes a subject and column; more than the budget is refused before it is taken
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_LEARN_FEATURES_H
#define RSI_LEARN_FEATURES_H

#include "ringscope/evidence.h"
#include "ringscope/graph.h"
#include "ringscope/score.h"
#include "ringscope/work.h"

typedef struct rsi_feature {
    char *name;
    bool attribute; /* of a mapping, not counted here */
    bool rising;    /* more of it never lowers a score: a kind of evidence */
    float *values;  /* by subject; finite */
} rsi_feature;

typedef struct rsi_features {
    uint32_t subjects;
    size_t count;
    rsi_feature *all;
    size_t room;
    uint64_t bytes_max;
    int64_t
        *first_seen; /* by subject: its earliest event, UTC seconds; RS_NO_TIME: none has a time */
} rsi_features;

/* What a run found; all lent. */
typedef struct rsi_feature_input {
    const rs_graph *graph;
    const rs_evidence *evidence;
    const rs_findings *findings;
} rsi_feature_input;

/* Every column: the counts that oddity is measured by and numeric attributes; those of the things
 * that a subject uses, of whom it deals with and of who uses the same things, as their mean,
 * largest and sum; its links by kind of evidence; spread, oddity and ring score. On RS_OK the
 * caller frees *out by rsi_features_free. RS_EUSAGE (the budget), RS_ENOMEM, RS_EINTERRUPTED, the
 * store's. Cost: O(edges + uses * columns). */
RS_MUST_USE rs_status rsi_features_make(const rsi_feature_input *input, const rs_work *work,
                                        rsi_features *out, rs_error *err);
void rsi_features_free(rsi_features *features);

/* A new column of zeros behind the others; *values is lent. RS_EUSAGE (the budget), RS_ENOMEM. */
RS_MUST_USE rs_status rsi_features_add(rsi_features *features, const char *name, bool rising,
                                       float **values, rs_error *err);
/* Into the order of names; of columns of one name the larger value stays. */
void rsi_features_sort(rsi_features *features);

/* ---- neighbours (neighbours.c) --------------------------------------------------------------- */

/* Columns 0 .. base - 1 over the neighbours of each subject, and the numeric attributes of the
 * things that it uses, behind them. */
RS_MUST_USE rs_status rsi_features_neighbours(rsi_features *features, const rs_graph *graph,
                                              size_t base, const rs_work *work, rs_error *err);

#endif
