/* fact_rows.h - the rows behind a fact: one rule for what is counted and for what is shown.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_SCORE_FACT_ROWS_H
#define RSI_SCORE_FACT_ROWS_H

#include "ringscope/score.h"

/* Which rows of its relation are behind a fact. Those of a node with itself never are. */
typedef enum rsi_fact_rule {
    RSI_FACT_USES,     /* what is shared: between a user and the thing */
    RSI_FACT_TOGETHER, /* of those, the ones within the window of another user's */
    RSI_FACT_ACTS,     /* of a user on the thing */
    RSI_FACT_LOCKSTEP, /* of those, the ones within the window of another user's */
    RSI_FACT_RELAY,   /* payments among the users that are passed on to the thing, and those that do
                       */
    RSI_FACT_CYCLE,   /* payments among the users and the thing that are passed on, and that do */
    RSI_FACT_DEALINGS /* from one of the users to another one or to the thing */
} rsi_fact_rule;

/* The rule of a kind of reason. */
rsi_fact_rule rsi_fact_rule_of(rs_text kind);

typedef struct rsi_fact_query {
    const rs_store *store;
    size_t relation;
    rsi_fact_rule rule;
    int64_t as_of;          /* later rows are none; RS_NO_TIME: the store has no times */
    uint32_t window_s;      /* within which accounts act together */
    uint32_t pass_window_s; /* within which money is passed on */
    size_t user_type;
    const uint32_t *users; /* dense numbers, ascending, of that type */
    size_t user_count;
    size_t thing_type;
    uint32_t thing;
} rsi_fact_query;

typedef struct rsi_fact_row {
    uint32_t src, dst; /* dense numbers of the relation's types */
    int64_t time;      /* RS_NO_TIME: none */
    int64_t amount;    /* RS_NO_AMOUNT: none */
    uint32_t precision_s;
    bool counts; /* true of all that are handed out */
} rsi_fact_row;

/* The rows in order of time, then src, dst, amount; *rows is freed by free(). RS_ENOMEM, the
 * store's. A look-up a user. */
RS_MUST_USE rs_status rsi_fact_rows(const rsi_fact_query *query, rsi_fact_row **rows, size_t *count,
                                    rs_error *err);

/* Fill in event_count, first, last and amount of a fact in time about `users` (nodes of the graph,
 * all of one type). */
RS_MUST_USE rs_status rsi_fact_time(const rs_score_input *input, rsi_fact_rule rule, rs_fact *fact,
                                    const uint32_t *users, rs_error *err);

#endif
