/* columns.h - oddity, and its columns for who wants them too.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_SCORE_COLUMNS_H
#define RSI_SCORE_COLUMNS_H

#include "ringscope/score.h"

/* Called with each column: its name, the digits behind its values' point, and one value for each
 * subject. */
typedef rs_status (*rsi_visit_column)(void *context, const char *name, unsigned decimals,
                                      const int64_t *values, rs_error *err);

/* The same, and how many subjects have at least as much as each; 0 where its value is 0 or less. */
typedef rs_status (*rsi_visit_tails)(void *context, const char *name, unsigned decimals,
                                     const int64_t *values, const uint32_t *at_least,
                                     rs_error *err);

/* The counts and peaks of relations, as far as they are known; made where they are not. */
typedef struct rsi_numbers rsi_numbers;
/* Those of relations that a timeline tells whole: `timelines` has one entry for each relation of
 * the store. Nothing is read. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_numbers_in_time(rsi_numbers **out, const rs_graph *graph,
                                          const rs_timeline *timelines, const rs_work *work,
                                          rs_error *err);
/* What is known of a relation so far. */
const rs_counts *rsi_numbers_counts(const rsi_numbers *numbers, size_t relation);
void rsi_numbers_free(rsi_numbers *numbers); /* NULL is fine */

/* Visit every column of every relation and numeric attribute, in the store's order. `known` may be
 * NULL; it is filled. */
RS_MUST_USE rs_status rsi_columns_walk(const rs_graph *graph, rsi_numbers *known,
                                       const rs_work *work, rsi_visit_column visit, void *context,
                                       rs_error *err);

/* A number in millionths, further digits cut off; 0 for what is no number or too large. */
int64_t rsi_millionths_of(rs_text text);

/* rs_oddity; `visit` (may be NULL) sees each column that has a value above 0. */
RS_MUST_USE rs_status rsi_oddity(const rs_graph *graph, rsi_numbers *known, const rs_work *work,
                                 rsi_visit_tails visit, void *context, uint32_t *oddity,
                                 rs_error *err);

#endif
