/* batch_internal.h - what the files that build a batch share.
 *
 * A row travels: block (keys by type and shard, rows that refer to them) -> append (keys become
 * local numbers, rows become chunks of narrow columns) -> commit (locals become dense numbers, rows
 * are parted by source, sorted, packed).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_BATCH_INTERNAL_H
#define RSI_STORE_BATCH_INTERNAL_H

#include <pthread.h>

#include "base/hash.h"
#include "store/batch.h"
#include "store/dict.h"
#include "store/manifest.h"
#include "store/runs.h"
#include "store/shard.h"
#include "store/values.h"

#define RSI_BATCH_TYPES_MAX (RSI_TYPES_MAX + RSI_RELATIONS_MAX) /* node types and event keys */
#define RSI_NO_KEY          UINT32_MAX

/* ---- chunks: the rows of one block and one relation --------------------------------------- */

/* Kept only where some row of the chunk has more than ends, time and amount. */
typedef struct rsi_row_extra {
    uint64_t line;
    uint32_t file;
    uint32_t precision_s;
    uint32_t key; /* local, later dense number of the event's key; RSI_NO_KEY: none */
} rsi_row_extra;

/* Memory that chunks of one relation are cut from. */
typedef struct rsi_slab {
    struct rsi_slab *next;
    size_t bytes; /* of all of it */
    size_t used;
    size_t unused; /* what follows is aligned */
} rsi_slab;

/* In one piece; a column that no row needs is NULL, and a column takes 4 bytes where it can. */
typedef struct rsi_chunk {
    uint32_t count;
    int64_t time_base;
    uint32_t *src; /* local numbers; after mapping dense ones; RS_NO_NODE: the row was dropped */
    uint32_t *dst;
    uint32_t *time32; /* 0 none, else time - base + 1 */
    int64_t *time64;
    uint32_t *amount32; /* 0 none, else zigzag + 1 */
    int64_t *amount64;
    rsi_row_extra *extra;
} rsi_chunk;

/* Values of one block and one attribute. */
typedef struct rsi_value_entry {
    int64_t time;
    uint64_t offset; /* in `text` */
    uint32_t node;   /* local, later dense */
    uint32_t length;
} rsi_value_entry;

typedef struct rsi_value_chunk {
    size_t bytes; /* of all of it */
    size_t count;
    char *text;
    rsi_value_entry entries[];
} rsi_value_chunk;

/* ---- the batch ---------------------------------------------------------------------------- */

typedef struct rsi_batch_type_state {
    char *name;
    bool hidden;
    bool subject;
    bool used;     /* a run has ids of it */
    uint64_t hash; /* of the name and what it is */
    rsi_shard shards[RSI_SHARD_COUNT];
    pthread_mutex_t mutexes[RSI_SHARD_COUNT]; /* one for each shard, while blocks are appended */
    uint64_t id_bytes;                        /* of all shards */
    uint64_t id_count;
    uint32_t object; /* at commit: number in the new manifest */
    /* Filled by commit: dense numbers of all locals, shard by shard. */
    uint32_t *nodes;
    uint32_t shard_start[RSI_SHARD_COUNT + 1];
    uint32_t known_count; /* numbers below this are of earlier batches */
    uint32_t fresh_count; /* new in this batch */
} rsi_batch_type_state;

typedef struct rsi_batch_relation_state {
    char *name;
    char *currency;
    rs_kind kind;
    bool place;
    uint8_t decimals;
    uint32_t src_type;
    uint32_t dst_type;
    uint32_t key_type; /* hidden type of the relation's name */
    uint64_t hash;
    uint32_t object;
    uint32_t number; /* among the batch's */
    uint32_t order;  /* among the batch's, by names: that of `object`, before there is one */
    uint64_t bytes;  /* of its slabs */
    rsi_slab *slabs; /* the latest first */
    size_t chunk_count;
    rsi_chunk **chunks;
} rsi_batch_relation_state;

typedef struct rsi_batch_attribute_state {
    char *name;
    uint32_t type;
    uint64_t hash;
    uint32_t object;
    uint32_t number; /* among the batch's */
    bool kind_known; /* of the values in runs */
    rs_value_kind kind;
    uint64_t bytes; /* of its chunks */
    size_t chunk_count;
    rsi_value_chunk **chunks;
} rsi_batch_attribute_state;

struct rsi_batch {
    char *path;
    int directory;
    int lock;
    bool made_directory; /* by this call: removed again unless committed */
    bool manifest_known; /* `manifest` is what the store has: what it does not name may go */
    bool keep_rows;
    bool spoiled; /* an append failed half way: nothing can be committed */
    bool committed;
    rs_work work;
    rsi_manifest manifest; /* of the store as it is */
    /* Names are registered by any thread under the mutex and never move or go before the close; a
     * thread that got a number may read what it stands for without the mutex. */
    pthread_mutex_t mutex;
    uint32_t visible_types;
    uint32_t type_count;
    uint32_t relation_count;
    uint32_t attribute_count;
    uint32_t file_count;
    rsi_batch_type_state *types[RSI_BATCH_TYPES_MAX];
    rsi_batch_relation_state *relations[RSI_RELATIONS_MAX];
    rsi_batch_attribute_state *attributes[RSI_ATTRIBUTES_MAX];
    char **files;
    rsi_hash128 digest; /* sum over rows, mod 2^128 */
    /* What did not fit into memory. */
    uint64_t reserved_bytes; /* of the budget, that the caller needs */
    uint64_t peak_bytes;     /* what a commit would have needed after the latest append */
    uint64_t growth_bytes;   /* the most by which one append raised it */
    bool full;               /* another append may pass the budget */
    uint64_t dropped_count;  /* in runs */
    rsi_spill spill;
    size_t run_count;
    rsi_batch_run *runs;
    uint32_t *file_ranks; /* at commit: the place of each file among their names */
};

/* ---- blocks ------------------------------------------------------------------------------- */

typedef struct rsi_key_list {
    rsi_key *keys;
    uint32_t count;
    uint32_t capacity;
} rsi_key_list;

typedef struct rsi_block_type {
    rsi_key_list shards[RSI_SHARD_COUNT];
} rsi_block_type;

typedef struct rsi_block_row {
    uint32_t src; /* shard above, index in its key list below */
    uint32_t dst;
    int64_t time;
    int64_t amount;
} rsi_block_row;

typedef struct rsi_block_rows {
    rsi_block_type *src_keys; /* of the relation's types */
    rsi_block_type *dst_keys;
    uint64_t hash; /* the relation's */
    rsi_block_row *rows;
    rsi_row_extra *extras; /* NULL until a row needs one; `key` refers as src does */
    uint32_t count;
    uint32_t capacity;
    bool has_extras;
    int64_t time_min; /* over rows that have one; min > max: none has */
    int64_t time_max;
    uint64_t amount_max; /* zigzag + 1; 0: none has */
} rsi_block_rows;

typedef struct rsi_block_value {
    uint32_t node;
    rs_text text;
    int64_t time;
} rsi_block_value_row;

typedef struct rsi_block_values {
    rsi_block_value_row *rows;
    size_t count;
    size_t capacity;
    size_t text_bytes;
} rsi_block_values;

struct rsi_block {
    rsi_batch *batch;
    bool keep_rows; /* the batch's */
    rsi_hash128 digest;
    uint32_t type_end; /* what stands at these and behind them was never used */
    uint32_t relation_end;
    uint32_t attribute_end;
    rsi_block_type *types[RSI_BATCH_TYPES_MAX]; /* made when first used */
    rsi_block_rows *relations[RSI_RELATIONS_MAX];
    rsi_block_values *attributes[RSI_ATTRIBUTES_MAX];
};

static inline void rsi_digest_add(rsi_hash128 *sum, rsi_hash128 term)
{
    sum->low += term.low;
    sum->high += term.high + (sum->low < term.low);
}

/* ---- steps of a commit -------------------------------------------------------------------- */

typedef struct rsi_blockwriter rsi_blockwriter;

/* Files written by a commit, in the order in which the manifest will name them. */
typedef struct rsi_output {
    rsi_batch *batch;
    rsi_hash128 digest;
    uint64_t sequence;
    rsi_batch_run *run;        /* not NULL: no commit, but what is in memory becomes this run */
    rsi_manifest *next;        /* the manifest in the making */
    rsi_blockwriter **writers; /* one per file, open until synced */
    size_t writer_count;
    uint64_t edge_count;
    uint64_t dropped_count;
} rsi_output;

/* A new data file; its name follows from kind and object. The output owns the writer. */
RS_MUST_USE rs_status rsi_output_file(rsi_output *output, rsi_file_kind kind, uint32_t object,
                                      rsi_blockwriter **writer, rs_error *err);
/* Finish it and enter it in the manifest. */
RS_MUST_USE rs_status rsi_output_finish(rsi_output *output, rsi_blockwriter *writer,
                                        uint32_t object, const void *meta, size_t meta_length,
                                        rs_error *err);

/* Sort the ids of one type, resolve those that earlier batches know, write the part of the others,
 * or list them in a run; frees the ids. */
RS_MUST_USE rs_status rsi_commit_type(rsi_output *output, rsi_batch_type_state *type,
                                      rsi_type_run *run, rs_error *err);
/* Local numbers in all chunks become dense ones. */
RS_MUST_USE rs_status rsi_commit_map(rsi_output *output, rs_error *err);
/* Drop rows whose event key was seen. */
RS_MUST_USE rs_status rsi_commit_keys(rsi_output *output, rs_error *err);
/* Part, sort and write one relation; frees its chunks. */
RS_MUST_USE rs_status rsi_commit_relation(rsi_output *output, rsi_batch_relation_state *relation,
                                          rs_error *err);
RS_MUST_USE rs_status rsi_commit_attribute(rsi_output *output, rsi_batch_attribute_state *attribute,
                                           rs_error *err);
/* The manifest that follows: the store's and the batch's names merged; sets every `object`. */
RS_MUST_USE rs_status rsi_commit_schema(rsi_batch *batch, rsi_manifest *next, rs_error *err);

void rsi_chunks_free(rsi_batch_relation_state *relation);
void rsi_value_chunks_free(rsi_batch_attribute_state *attribute);

/* One attribute's file in the making: blocks one after the other. */
typedef struct rsi_values_file {
    rsi_output *output;
    uint32_t object;
    rsi_values_coder *coder;
    rsi_blockwriter *writer;
    rsi_buffer block;
    uint64_t count;
} rsi_values_file;
RS_MUST_USE rs_status rsi_values_begin(rsi_values_file *file, rsi_output *output, uint32_t object,
                                       rs_error *err);
/* The next block, of the first *taken of `values`: at least RSI_VALUES_MAX of them, or
 * RSI_VALUES_TEXT_CUT bytes of text, or all that are left. */
RS_MUST_USE rs_status rsi_values_block(rsi_values_file *file, const rsi_value *values, size_t count,
                                       size_t *taken, rs_error *err);
/* Finish the file and enter it in the manifest. */
RS_MUST_USE rs_status rsi_values_end(rsi_values_file *file, rs_value_kind kind, rs_error *err);
void rsi_values_close(rsi_values_file *file);

/* Free what a commit or a run has made of a type but its counts. */
void rsi_type_forget(rsi_batch_type_state *type);
/* Names of input files in order; in *ranks the place of each among them. The caller frees both. */
RS_MUST_USE rs_status rsi_rank_files(const rsi_batch *batch, char ***sorted, uint32_t **ranks,
                                     rs_error *err);
/* Files of rows in all chunks become their ranks. */
void rsi_renew_files(rsi_batch *batch, const uint32_t *ranks);
/* Sets `order` of all relations. */
void rsi_order_relations(rsi_batch *batch);

/* ---- runs --------------------------------------------------------------------------------- */

/* Set `full`; after each append, the mutex is held. */
void rsi_batch_weigh(rsi_batch *batch);
/* Make a run of what is in memory, if anything is. */
RS_MUST_USE rs_status rsi_batch_flush(rsi_batch *batch, rs_error *err);
void rsi_batch_free_runs(rsi_batch *batch);

/* The same steps for a run: ids in order, those no earlier batch knows; edges; values. */
RS_MUST_USE rs_status rsi_run_relation(rsi_output *output, rsi_batch_relation_state *relation,
                                       rsi_relation_run *run, rs_error *err);
RS_MUST_USE rs_status rsi_run_attribute(rsi_output *output, rsi_batch_attribute_state *attribute,
                                        rsi_attribute_run *run, rs_error *err);
/* And of all runs together: the dictionary and ranks of all types, segments, values. */
RS_MUST_USE rs_status rsi_merge_types(rsi_output *output, rs_error *err);
RS_MUST_USE rs_status rsi_merge_relation(rsi_output *output, rsi_batch_relation_state *relation,
                                         rs_error *err);
RS_MUST_USE rs_status rsi_merge_attribute(rsi_output *output, rsi_batch_attribute_state *attribute,
                                          rs_error *err);

/* ---- on disk ------------------------------------------------------------------------------ */

/* Take the lock, read the manifest, remove what a killed writer left. */
RS_MUST_USE rs_status rsi_writer_enter(rsi_batch *batch, rs_error *err);
/* Remove the files of a commit that failed; the directory too, where this batch made it. */
void rsi_writer_leave(rsi_batch *batch);

#endif
