/* rings.h - rings and the nodes in them, printed for a person: what show and run have in common.
 *
 * Whatever comes from data is made safe for a terminal first.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_CLI_RINGS_H
#define RSI_CLI_RINGS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/fact_sources.h"
#include "ringscope/error.h"
#include "ringscope/report.h"

/* Print the first `count` rings of the report at `path` as a table: ring, score, members, known,
 * main reason. A report without rings gets a sentence. */
RS_MUST_USE rs_status rsi_print_top_rings(FILE *out, const char *path, size_t count, rs_error *err);
/* All of one ring. `sources` gives the source lines of facts; each list is cut after `limit` rows
 * (0: never). */
RS_MUST_USE rs_status rsi_print_ring(FILE *out, const rsi_source_query *sources,
                                     const rs_cluster *cluster, size_t limit, rs_error *err);

/* `text` made safe for a terminal, cut to `columns` (0: never cut); freed by free(). NULL where
 * memory ends. */
char *rsi_safe(rs_text text, size_t columns);
/* Columns to fill: $COLUMNS, else 100. */
size_t rsi_page_columns(void);

/* How often it came back on perturbed evidence, if that was looked at (ring_parts.c). */
void rsi_print_stability(FILE *out, const rs_cluster *cluster);
/* The fewest links that make each of these its member, and how to follow one to the blacklist
 * (ring_parts.c). */
void rsi_print_ties(FILE *out, const rs_cluster_member *const *members, size_t count);
/* What the ring falls apart without (ring_parts.c). */
void rsi_print_holds(FILE *out, const rs_cluster *cluster);
/* Who only paid the ring: victims, no members (ring_parts.c). */
RS_MUST_USE rs_status rsi_print_victims(FILE *out, const rs_cluster *cluster, size_t limit,
                                        rs_error *err);

#endif
