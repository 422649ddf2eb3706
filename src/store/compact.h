/* compact.h - the state of one compaction, as its steps share it.
 *
 *   groups   the batches that are merged are one group, each batch that is kept apart is one
 *   usage    which nodes an edge or a value still names, and which group they belong to
 *   order    the numbers that nodes get (compact_order.c), unless they follow the bytes of ids
 *   ids      dictionary parts merged, group by group: from here on `map` is known
 *   edges    segments of a group and relation sorted anew by the new numbers
 *   values   the same for attributes
 *   publish  all files synced, one manifest
 *
 * Memory: 7 bytes a node; 16 more while nodes are put in order; the rest of the budget sorts edges.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_COMPACT_H
#define RSI_STORE_COMPACT_H

#include "ringscope/maintain.h"
#include "store/rewrite.h"

#define RSI_GROUPS_MAX 1024
#define RSI_NO_GROUP   UINT16_MAX

/* What is known of a node. */
enum {
    RSI_USED_BEFORE = 1, /* an edge or a value of the snapshot names it */
    RSI_USED_AFTER = 2,  /* one that stays does */
    RSI_ERASED = 4       /* it goes, whatever names it */
};

typedef struct rsi_compact_type {
    uint32_t node_count;
    uint8_t *flags;  /* per old number */
    uint16_t *owner; /* group whose dictionary part holds it; RSI_NO_GROUP: nobody's */
    uint32_t *map;   /* new number; RS_NO_NODE: it goes */
    uint32_t *kept;  /* per group: how many nodes its part holds */
    uint32_t *first; /* per group: their first number */
    bool permuted;   /* map is filled before the dictionary is written */
} rsi_compact_type;

typedef struct rsi_compact_group {
    uint32_t home;     /* the batch, by its old number, whose files hold the group */
    bool keys_expired; /* all of its events are behind the window */
} rsi_compact_group;

typedef struct rsi_compactor {
    const rs_compact_options *options;
    const rs_work *work;
    rsi_rewrite rewrite;
    const rs_store *store;
    rsi_manifest next;
    int64_t cutoff; /* events before it go; RS_NO_TIME: none */
    size_t group_count;
    rsi_compact_group *groups;
    uint16_t *group_of; /* per batch */
    rsi_compact_type *types;
    bool forgets;          /* something that the snapshot holds, or held, goes */
    uint64_t memory_bytes; /* for what is not per node; 0: no limit */
    rsi_blockwriter **writers;
    size_t writer_count;
    rs_compact_result *result;
} rsi_compactor;

/* ---- files -------------------------------------------------------------------------------- */

/* A new file of a group. The compactor owns the writer. */
RS_MUST_USE rs_status rsi_compact_file(rsi_compactor *compactor, size_t group, rsi_file_kind kind,
                                       uint32_t object, rsi_blockwriter **writer, rs_error *err);
/* Finish it and enter it in the next manifest. */
RS_MUST_USE rs_status rsi_compact_finish(rsi_compactor *compactor, size_t group, uint32_t object,
                                         rsi_blockwriter *writer, const void *meta,
                                         size_t meta_length, rs_error *err);
/* The group of a file of the snapshot; RSI_NO_GROUP for a dictionary part of nobody. */
uint16_t rsi_compact_group_of(const rsi_compactor *compactor, size_t file);

/* Does the event stay? */
static inline bool rsi_compact_stays(const rsi_compactor *compactor, int64_t time)
{
    return time == RS_NO_TIME || compactor->cutoff == RS_NO_TIME || time >= compactor->cutoff;
}

/* ---- steps -------------------------------------------------------------------------------- */

RS_MUST_USE rs_status rsi_compact_usage(rsi_compactor *compactor, rs_error *err);
/* Fill `map` of the types whose numbers do not follow the bytes of ids. */
RS_MUST_USE rs_status rsi_compact_order(rsi_compactor *compactor, rs_error *err);
RS_MUST_USE rs_status rsi_compact_ids(rsi_compactor *compactor, uint32_t type, rs_error *err);
RS_MUST_USE rs_status rsi_compact_edges(rsi_compactor *compactor, uint32_t relation, size_t group,
                                        rs_error *err);
RS_MUST_USE rs_status rsi_compact_values(rsi_compactor *compactor, uint32_t attribute, size_t group,
                                         rs_error *err);

#endif
