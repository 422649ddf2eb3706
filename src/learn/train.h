/* train.h - a model from columns and the truth, and how well it does on what it did not see.
 *
 * Held out by ring: accounts are dealt into folds by ring (an account of none by itself), so that
 * no ring stands on both sides; who stands in fold k gets the answer of trees that saw the other
 * folds alone. From these answers the calibration is taken. Held out by time: the fifth of the
 * accounts that came last, whole rings again, get the answer of trees that saw those that came
 * before.
 *
 * The same input and seed give the same model and the same answers, for any number of threads.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_LEARN_TRAIN_H
#define RSI_LEARN_TRAIN_H

#include "learn/model.h"

typedef struct rsi_learn_options {
    unsigned folds;  /* 2 .. 20 */
    unsigned rounds; /* trees of one forest */
    unsigned bags;   /* forests of other random choices, whose mean is the model */
    unsigned depth;  /* of a tree, 1 .. RSI_TREE_DEPTH_MAX */
    double rate;     /* how much of a tree counts */
    uint32_t seed;
} rsi_learn_options;
#define RSI_LEARN_DEFAULTS                                                                         \
    {                                                                                              \
        .folds = 5, .rounds = 100, .bags = 3, .depth = 4, .rate = 0.05, .seed = 1                  \
    }

/* So many bad accounts must have come last, or nobody is held out by time. */
enum { RSI_LATER_BAD_MIN = 5 };

/* By subject but for the first, all lent. */
typedef struct rsi_learn_input {
    const char *subject; /* the node type of those who take part */
    const rsi_features *features;
    const uint8_t *bad;
    const uint8_t *left_out; /* takes no part: its answer stands in its columns */
    const uint64_t *group;   /* the same for members of one ring, else one's own; a hash */
} rsi_learn_input;

typedef struct rsi_learned {
    rsi_model model;
    double *by_ring; /* by subject: the calibrated answer of trees that did not see its ring; NaN
                        for who takes no part */
    double *by_time; /* by subject: the same of trees that saw earlier ones; NaN for these */
    uint8_t *fold;   /* by subject */
} rsi_learned;

/* RS_EUSAGE (no XGBoost), RS_EINPUT (too few bad accounts; nothing could be learned), RS_ENOMEM,
 * RS_EINTERRUPTED. Forests are dealt to the threads. */
RS_MUST_USE rs_status rsi_learn(const rsi_learn_input *input, const rsi_learn_options *options,
                                const rs_work *work, rsi_learned *out, rs_error *err);
void rsi_learned_free(rsi_learned *learned);

#endif
