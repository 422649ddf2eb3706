/* rows.h - one row of cells -> its relations, nodes and attributes, by the rules of a source.
 *
 * What a rule says is settled when the rower is made; what stands in columns (relation name, types,
 * currency) is looked up once and then found in a small hash table, so that a row costs no call to
 * the registry.
 *
 * Threads  one rower per worker; the mapping and the registry are shared
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_INGEST_ROWS_H
#define RSI_INGEST_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/csv.h"
#include "ingest/mapping.h"
#include "store/batch.h"

/* Where names become numbers: the batch, or the profile's own tables. */
typedef struct rsi_registry {
    void *context;
    rs_status (*type)(void *context, rs_text name, uint32_t *type, rs_error *err);
    rs_status (*relation)(void *context, const rsi_relation_spec *spec, uint32_t *relation,
                          rs_error *err);
    rs_status (*attribute)(void *context, uint32_t type, rs_text name, uint32_t *attribute,
                           rs_error *err);
} rsi_registry;

/* A node that a row names, and its attributes: values[0 .. value_count) of the result. */
typedef struct rsi_node_row {
    uint32_t type;
    rs_text id;
} rsi_node_row;

/* What a row says; lent until the next row. An edge's types stand beside it. */
typedef struct rsi_row {
    size_t edge_count;
    rsi_edge_row *edges;
    uint32_t (*edge_types)[2];
    size_t node_count;
    rsi_node_row *nodes;
    size_t value_count;
    rsi_value_row *values;
} rsi_row;

/* What is wrong with a row. */
typedef struct rsi_bad_cell {
    size_t slot;
    char reason[240];
} rsi_bad_cell;

typedef struct rsi_rower rsi_rower;

/* A rower for `source`. Events later than `time_max` are bad. RS_ENOMEM, and what the registry
 * fails with. */
RS_MUST_USE rs_status rsi_rower_new(rsi_rower **out, const rsi_source *source,
                                    const rsi_registry *registry, int64_t time_max, rs_error *err);
void rsi_rower_free(rsi_rower *rower);
/* Read a row of source->column_count cells (length 0: empty). *good tells; where it is false `bad`
 * does too. Fails only with what the registry fails with, and RS_ENOMEM. */
RS_MUST_USE rs_status rsi_rower_read(rsi_rower *rower, const rs_text *cells, rsi_row *row,
                                     bool *good, rsi_bad_cell *bad, rs_error *err);

/* The short way for plain lines of a CSV file: no cells are made, and nothing is looked at but what
 * the rules read. Where it does not answer, rsi_rower_read has to: it takes every row, and alone
 * says what is wrong with one. Where both answer they agree. */

/* The file whose lines come next: field_of_slot[slot] is where a slot's field stands. False where
 * the source has rules that the short way does not know. */
bool rsi_rower_bind(rsi_rower *rower, const size_t *field_of_slot);
/* Read the first lines of a run (offsets from `bytes`, all valid UTF-8): their relations, each with
 * its line, lent until the next call. Returns how many lines it took, 0 where the first is not for
 * the short way; there may be more to take. */
size_t rsi_rower_read_lines(rsi_rower *rower, const char *bytes, const rsi_csv_run *run,
                            rsi_edge_row **edges, size_t *edge_count);

/* Set the reason: `column "x": "value" what`, the value cut to what fits and made printable. */
void rsi_bad_cell_set(rsi_bad_cell *bad, const rsi_source *source, size_t slot, rs_text value,
                      const char *what);

#endif
