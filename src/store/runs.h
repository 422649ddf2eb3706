/* runs.h - what a batch puts on disk when it passes its share of memory: a sorted run.
 *
 * A run is what the batch held at one moment: per type its new ids in order of their bytes, per
 * relation its edges in order, per attribute its values by node. Ids that earlier batches know have
 * their dense number in it, the others the known count + their rank within the run. At the commit
 * the ranks of all runs are merged into those of the batch; they keep their order, so edges and
 * values stay sorted and are merged as well. What comes out has the bytes that one run in memory
 * would have given.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_RUNS_H
#define RSI_STORE_RUNS_H

#include <stdbool.h>

#include "base/spill.h"
#include "store/ranks.h"

/* An edge as 32-bit words: src, dst, then time, amount and extra, where the relation has them. */
typedef struct rsi_record_layout {
    unsigned words;
    unsigned time_at;
    unsigned time_words; /* 0 to 2; the number 0: none, else time - base + 1 */
    unsigned amount_at;
    unsigned amount_words; /* 0 to 2; the number 0: none, else zigzag + 1 */
    unsigned extra_at;
    unsigned extra_words; /* 0, or precision, file, line (2), and in runs the key */
    int64_t time_base;
} rsi_record_layout;

/* What decides which of several events of one key stays: the least, word by word. */
enum { RSI_EVENT_FIELDS = 8 };
typedef struct rsi_event {
    uint64_t fields[RSI_EVENT_FIELDS]; /* relation, src, dst, time, amount, precision, file, line */
} rsi_event;

typedef struct rsi_type_run {
    uint32_t fresh_count;
    size_t extent_count;
    rsi_extent *extents; /* ids: varint of the bytes shared with the one before, varint of the
                          * others' number, these; each extent starts anew */
    char *last;          /* the id of the highest rank */
    size_t last_length;
    rsi_extent events; /* of a type of event keys: the least event of each, by rank */
    uint64_t *dropped; /* a bit for each whose event is in another run; NULL: none is */
    rsi_ranks ranks;   /* in the batch, of ranks in the run; made by the merge */
} rsi_type_run;

typedef struct rsi_relation_run {
    uint64_t edge_count;
    int64_t time_min; /* min > max: no edge has a time */
    int64_t time_max;
    rsi_record_layout layout;
    uint64_t sources; /* where u32 sources lie, edge by edge; the merge puts them, and the targets,
                       * into the numbers of the batch */
    uint64_t records; /* where the records without their sources lie */
} rsi_relation_run;

/* Values by node: [ node u32 ][ length u32 ][ time i64 ][ text ] */
enum { RSI_RUN_VALUE_HEAD = 16 };
typedef struct rsi_attribute_run {
    uint64_t count;
    rsi_extent values;
} rsi_attribute_run;

typedef struct rsi_batch_run {
    /* Numbers as in the batch; what was registered later is not in the run. */
    uint32_t type_count;
    uint32_t relation_count;
    uint32_t attribute_count;
    uint32_t file_count;
    rsi_type_run *types;
    rsi_relation_run *relations;
    rsi_attribute_run *attributes;
    uint32_t *files; /* number in the batch by number in the run, which follows the names */
} rsi_batch_run;

#endif
