/* fact_sources.h - the lines of the files that the rows behind a fact were read from.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_CLI_FACT_SOURCES_H
#define RSI_CLI_FACT_SOURCES_H

#include <stdio.h>

#include "ringscope/report.h"
#include "score/fact_rows.h"

/* Where to look, and as the run did. */
typedef struct rsi_source_query {
    const rs_store *store;
    int64_t as_of;
    uint32_t window_s;
    uint32_t pass_window_s;
} rsi_source_query;

/* Print the first of the lines of the rows that a fact counts, and how many more there are: of the
 * users that the report names. Nothing where no batch kept its rows. RS_ENOMEM, the store's. */
RS_MUST_USE rs_status rsi_print_sources(FILE *out, const rsi_source_query *query, rs_text kind,
                                        const rs_cluster_fact *fact, rs_error *err);

#endif
