/* report.h - what the files of a run have in common: which rings are in, how relations are called.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_REPORT_REPORT_H
#define RSI_REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/out.h"
#include "ringscope/report.h"

/* All that the parts of one report write from. */
typedef struct rsi_source {
    const rs_graph *graph;
    const rs_findings *findings;
    const rs_report_options *options;
    const rs_work *work;
    size_t ring_count; /* rings of min_score and more: they come first */
    char **labels;     /* how each relation is called, by its number */
    size_t label_count;
    uint32_t *hubs; /* indices of the hubs that are named */
    size_t hub_count;
    uint8_t *wanted; /* a byte a node: its id is wanted in the present window */
    rs_ids *ids;     /* of the present window */
} rsi_source;

RS_MUST_USE rs_status rsi_source_open(rsi_source *source, rs_error *err);
void rsi_source_close(rsi_source *source);

/* How many rings have min_score and more. */
size_t rsi_rings_reported(const rs_findings *findings, const rs_report_options *options);
bool rsi_list_has(const rs_list *list, uint32_t node);
/* The relation's name; where two share it, with its types and currency: "pays(account,shop,EUR)".
 * Freed by free(); NULL where memory ends. */
char *rsi_relation_label(const rs_store *store, size_t relation);

/* 32 hex digits and a NUL. */
void rsi_settings_digest(const rs_report_options *options, char text[33]);

/* "run" and "totals", each a line of its own. */
RS_MUST_USE rs_status rsi_write_head(rsi_out *out, const rsi_source *source, rs_error *err);
/* One ring on one line, without the end of line. */
void rsi_write_cluster(rsi_out *out, const rsi_source *source, const rs_ring *ring);
/* The sentence of a reason, a JSON string. */
void rsi_write_sentence(rsi_out *out, const rsi_source *source, const rs_ring *ring,
                        const rs_reason *reason);
/* {"type":...,"id":... without the closing brace. */
void rsi_write_node(rsi_out *out, const rsi_source *source, uint32_t node);

/* 32 hex digits and a NUL. */
void rsi_hex128(rsi_hash128 hash, char text[33]);

#endif
