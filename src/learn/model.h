/* model.h - a learned model as a file: columns, trees, calibration.
 *
 *   log-odds of the risk = offset + slope * (base + sum of the leaves),  slope > 0
 *
 * so that what each column adds to the sum of the leaves, times slope, is what it adds to the
 * log-odds of the risk.
 *
 * The file is JSON of a fixed form (docs/algorithms/learn.md). It may come from anybody: nothing of
 * it is believed, and XGBoost is not needed to use it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_LEARN_MODEL_H
#define RSI_LEARN_MODEL_H

#include "base/bytes.h"
#include "learn/forest.h"

typedef struct rsi_model {
    char *subject; /* the node type that it was learned of: it says nothing of others */
    size_t column_count;
    char **columns; /* in the order of features */
    double base;
    double slope;
    double offset;
    rsi_forest forest;
    char digest[33]; /* XXH3-128 of the file, 32 hex digits */
} rsi_model;

void rsi_model_free(rsi_model *model);

/* The file's text behind what *text has, and model->digest. RS_ENOMEM, RS_EINPUT (a name that no
 * JSON can hold). */
RS_MUST_USE rs_status rsi_model_write(rsi_model *model, rsi_buffer *text, rs_error *err);
/* RS_EUSAGE (no such file), RS_EINPUT with file, line and column, RS_EIO, RS_ENOMEM. */
RS_MUST_USE rs_status rsi_model_read(rsi_model *model, const char *path, rs_error *err);
/* The same of a text; `name` is for errors. */
RS_MUST_USE rs_status rsi_model_parse(rsi_model *model, const char *name, const void *bytes,
                                      size_t length, rs_error *err);
/* RS_EINPUT names the first column that only one of them has. */
RS_MUST_USE rs_status rsi_model_check(const rsi_model *model, const rsi_features *features,
                                      rs_error *err);

/* 0 .. RS_MILLION. */
uint32_t rsi_model_risk(const rsi_model *model, const rsi_features *features, uint32_t subject);
/* The same for a margin of the forest, as a real number. */
double rsi_model_chance(const rsi_model *model, double margin);

#endif
