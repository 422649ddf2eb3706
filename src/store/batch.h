/* batch.h - build one batch: rows in blocks -> dense ids -> sorted segments -> one atomic commit.
 *
 * Life     rsi_batch_open (takes the writer's lock) -> blocks filled and handed over by any
 * threads, rsi_batch_append, rsi_batch_relieve where it is full -> rsi_batch_commit;
 *          rsi_batch_close without a commit leaves the store as it was
 * Order    new ids are numbered in the order of their bytes, from the type's node count on; the
 *          bytes written depend on the rows as a set: not on their order, the blocks, the threads
 *          or the memory
 * Memory   8 to 24 bytes a row, and the batch's own distinct ids, within the work's budget; never
 *          the store's dictionary
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_BATCH_H
#define RSI_STORE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ringscope/store.h"
#include "ringscope/text.h"
#include "ringscope/work.h"

typedef struct rsi_batch rsi_batch; /* one batch in the making */
typedef struct rsi_block rsi_block; /* rows of one piece of input; belongs to one thread */

typedef struct rsi_relation_spec {
    rs_text name;
    rs_text currency; /* length 0: none */
    rs_kind kind;
    bool place;
    uint32_t src_type; /* from rsi_batch_type */
    uint32_t dst_type;
    uint8_t decimals;
} rsi_relation_spec;

/* One relation of one row. The bytes of keys are lent until the block has been appended. */
typedef struct rsi_edge_row {
    uint32_t relation; /* from rsi_batch_relation */
    rs_text src;
    rs_text dst;
    int64_t time;         /* UTC seconds or RS_NO_TIME */
    uint32_t precision_s; /* 1, 3600 or 86400 */
    int64_t amount;       /* smallest unit or RS_NO_AMOUNT */
    uint32_t file;        /* number from rsi_batch_file; with keep_rows */
    uint64_t line;
    rs_text key; /* the event's own key, length 0: none. An event whose (relation's source, key)
                  * was seen before, in this batch or an earlier one, is dropped */
} rsi_edge_row;

/* One attribute of one node, as text. */
typedef struct rsi_value_row {
    uint32_t attribute; /* from rsi_batch_attribute */
    rs_text node;
    rs_text value;
    int64_t time; /* RS_NO_TIME: none */
} rsi_value_row;

/* Open the store for writing, or make it. RS_ELOCKED tells which process holds it. */
RS_MUST_USE rs_status rsi_batch_open(rsi_batch **out, const char *store_path, bool keep_rows,
                                     const rs_work *work, rs_error *err);
void rsi_batch_close(rsi_batch *batch);

/* So much of the work's memory budget is the caller's own (0 until said). What the batch holds
 * beyond the rest goes to disk, beside the store's files, and is merged by the commit. */
void rsi_batch_reserve(rsi_batch *batch, uint64_t bytes);
/* The least budget in which a batch can work, without what is the caller's own. */
uint64_t rsi_batch_memory_min(const rs_work *work);

/* Numbers for names, the same number for the same name; any thread may call. RS_EINPUT where a
 * relation of that name is known with another kind, RS_EUSAGE over a limit (docs/FORMAT.md). */
RS_MUST_USE rs_status rsi_batch_type(rsi_batch *batch, rs_text name, uint32_t *type, rs_error *err);
RS_MUST_USE rs_status rsi_batch_relation(rsi_batch *batch, const rsi_relation_spec *spec,
                                         uint32_t *relation, rs_error *err);
RS_MUST_USE rs_status rsi_batch_attribute(rsi_batch *batch, uint32_t type, rs_text name,
                                          uint32_t *attribute, rs_error *err);
RS_MUST_USE rs_status rsi_batch_file(rsi_batch *batch, const char *name, uint32_t *file,
                                     rs_error *err);

/* Nodes of this type can be members of a ring (mapping: "subjects"); said once, it holds for the
 * store from this batch on. Any thread may call, any number of times. */
RS_MUST_USE rs_status rsi_batch_subject(rsi_batch *batch, uint32_t type, rs_error *err);

/* Blocks are filled apart from the batch, then appended, then reset and used again. */
RS_MUST_USE rs_status rsi_block_new(rsi_block **out, rsi_batch *batch, rs_error *err);
void rsi_block_free(rsi_block *block);
void rsi_block_reset(rsi_block *block);
/* A node that only has to exist, with no edge or attribute. */
RS_MUST_USE rs_status rsi_block_node(rsi_block *block, uint32_t type, rs_text id, rs_error *err);
RS_MUST_USE rs_status rsi_block_edge(rsi_block *block, const rsi_edge_row *row, rs_error *err);
/* The same for many. */
RS_MUST_USE rs_status rsi_block_edges(rsi_block *block, const rsi_edge_row *rows, size_t count,
                                      rs_error *err);
RS_MUST_USE rs_status rsi_block_value(rsi_block *block, const rsi_value_row *row, rs_error *err);

/* Take over what is in the block. The lent bytes may go after this. Any number of threads at once,
 * each with its own block; others may be filled and names registered meanwhile. */
RS_MUST_USE rs_status rsi_batch_append(rsi_batch *batch, rsi_block *block, rs_error *err);
/* Would another append pass the work's budget? To be asked after each. Any thread. */
bool rsi_batch_full(rsi_batch *batch);
/* Where it is full, put what is in memory on disk as a run, with the work's threads: nobody fills,
 * appends or registers meanwhile. */
RS_MUST_USE rs_status rsi_batch_relieve(rsi_batch *batch, rs_error *err);

typedef struct rsi_commit {
    uint64_t edge_count;
    uint64_t dropped_count;
    bool unchanged;      /* a batch of this name and content is there: no row was written */
    bool subjects_added; /* though it calls types subjects that were none: they are now */
    char name[256];
} rsi_commit;
/* Sort, write, sync and publish. `name` NULL: named by content digest (independent of row order).
 * `row_count` is kept for the batch's record. RS_EINPUT where the name is taken by other content.
 */
RS_MUST_USE rs_status rsi_batch_commit(rsi_batch *batch, const char *name, uint64_t row_count,
                                       rsi_commit *result, rs_error *err);

#endif
