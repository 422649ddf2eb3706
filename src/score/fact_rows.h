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

/* The rows of query i are rows[first[i]] .. rows[first[i] + count[i] - 1], in order of time, then
 * src, dst, amount. */
typedef struct rsi_fact_found {
    size_t *first, *count;
    rsi_fact_row *rows;
} rsi_fact_found;

/* Look up the rows of all queries, all of one store: each block of edges that holds any is unpacked
 * once or a few times, side by side. RS_ENOMEM, the store's. Free with rsi_fact_found_free. */
RS_MUST_USE rs_status rsi_fact_rows(const rsi_fact_query *queries, size_t query_count,
                                    const rs_work *work, rsi_fact_found *out, rs_error *err);
void rsi_fact_found_free(rsi_fact_found *found);

/* Facts of the findings, the rows of some of which are to be looked up. */
typedef struct rsi_fact_list {
    rs_fact *facts;
    size_t count;
    const uint8_t *rules;  /* by fact: 1 + its rsi_fact_rule, 0: nothing is to be looked up */
    const uint32_t *users; /* where facts' user_first points: nodes of the graph; those of a fact
                              that is looked up are all of one type */
} rsi_fact_list;

/* Fill in event_count, first, last and amount of the facts that have a rule. The memory for rows
 * is that of a part of the facts. RS_ENOMEM, the store's. */
RS_MUST_USE rs_status rsi_facts_time(const rs_score_input *input, const rsi_fact_list *list,
                                     const rs_work *work, rs_error *err);

#endif
