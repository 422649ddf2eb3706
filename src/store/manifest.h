/* manifest.h - the one file that says what a store holds: types, relations, batches, files.
 *
 * Text, one item a line, the last line a digest of all before it (docs/FORMAT.md). A store is what
 * its manifest names, nothing else: replacing the manifest is what publishes a batch.
 * Invariant: types stand in byte order of their names, hidden ones last; relations in order of
 * (name, source type, target type, currency); attributes in order of (type, name); batches by
 * sequence. Numbers in the file refer to these orders, so they may change with every manifest.
 * Versions: 1 and 2 are read, 2 is written.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_MANIFEST_H
#define RSI_STORE_MANIFEST_H

#include "base/bytes.h"
#include "ringscope/store.h"
#include "store/blockfile.h"

#define RSI_MANIFEST_NAME      "MANIFEST"
#define RSI_MANIFEST_TEMPORARY "MANIFEST.tmp"
#define RSI_MANIFEST_VERSION   3
#define RSI_MANIFEST_BYTES_MAX ((size_t)256 << 20)
#define RSI_NAME_BYTES_MAX     255
#define RSI_TYPES_MAX          1024
#define RSI_RELATIONS_MAX      4096
#define RSI_ATTRIBUTES_MAX     4096

typedef struct rsi_type_entry {
    char *name;
    bool hidden; /* the event keys of the relations of this name, not a node type */
    bool subject;
    uint32_t node_count;
} rsi_type_entry;

typedef struct rsi_relation_entry {
    char *name;
    char *currency;
    rs_kind kind;
    bool place;
    uint32_t src_type;
    uint32_t dst_type;
    uint8_t decimals;
    uint64_t edge_count;
    int64_t time_min; /* RS_NO_TIME: none */
    int64_t time_max;
} rsi_relation_entry;

typedef struct rsi_attribute_entry {
    char *name;
    uint32_t type;
    rs_value_kind kind;
    uint64_t value_count;
} rsi_attribute_entry;

/* All zero but for the first five is a batch whose data files are its own. */
typedef struct rsi_batch_entry {
    char *name;
    uint64_t sequence;
    uint64_t row_count;
    uint64_t edge_count; /* as it was sent: what retention forgot is still counted */
    rsi_hash128 digest;
    uint32_t merged; /* 0: its data are its own; else 1 + the batch whose files hold them too */
    bool timed;      /* only of batches that a compaction merged: their first and last event */
    int64_t time_min;
    int64_t time_max;
} rsi_batch_entry;

/* The batch whose files hold the data of `batch`. */
static inline uint32_t rsi_batch_home(const rsi_batch_entry *batches, uint32_t batch)
{
    return batches[batch].merged == 0 ? batch : batches[batch].merged - 1;
}

/* The name of an input file that a batch kept rows of. */
typedef struct rsi_source_entry {
    char *name;
    uint32_t batch;
} rsi_source_entry;

typedef struct rsi_file_entry {
    rsi_file_ref ref;
    uint32_t batch;  /* RSI_NO_BATCH: a dictionary part of a batch that was dropped */
    uint32_t object; /* type of a dictionary, relation of a segment, rows or reverse, attribute */
} rsi_file_entry;
#define RSI_NO_BATCH UINT32_MAX

typedef struct rsi_manifest {
    uint64_t next_sequence; /* of the next batch: numbers are never used twice */
    size_t type_count;      /* hidden ones too */
    size_t visible_types;
    size_t relation_count;
    size_t attribute_count;
    size_t batch_count;
    size_t source_count;
    size_t file_count;
    rsi_type_entry *types;
    rsi_relation_entry *relations;
    rsi_attribute_entry *attributes;
    rsi_batch_entry *batches;
    rsi_source_entry *sources;
    rsi_file_entry *files;
    rsi_hash128 digest; /* as read or written */
    uint64_t bytes;
    unsigned version; /* as read */
} rsi_manifest;
#define RSI_MANIFEST_EMPTY                                                                         \
    {                                                                                              \
        .next_sequence = 1                                                                         \
    }

void rsi_manifest_free(rsi_manifest *manifest);
/* A copy of all but its files, for which it has room for `more_files` beyond the original's. On
 * failure *out is empty. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_manifest_copy(rsi_manifest *out, const rsi_manifest *manifest,
                                        size_t more_files, rs_error *err);

/* Parse the text of a manifest; it may be hostile. RS_ECORRUPT with the line, RS_ENOMEM. On failure
 * *manifest is empty. */
RS_MUST_USE rs_status rsi_manifest_parse(rsi_manifest *manifest, const void *text, size_t length,
                                         rs_error *err);
/* The text of a manifest, its digest set. */
RS_MUST_USE rs_status rsi_manifest_print(rsi_manifest *manifest, rsi_buffer *out, rs_error *err);

/* Read it from `directory`. RS_ENOTFOUND where there is none. */
RS_MUST_USE rs_status rsi_manifest_read(rsi_manifest *manifest, int directory, rs_error *err);
/* Publish: write to a temporary name, sync, rename, sync the directory. After RS_OK the new state
 * is on disk. *published is set once readers see it: where only the last sync failed, too, and
 * then nothing that it names may be removed. */
RS_MUST_USE rs_status rsi_manifest_write(rsi_manifest *manifest, int directory, bool *published,
                                         rs_error *err);

/* Of the manifest and all files that it names. */
uint64_t rsi_manifest_store_bytes(const rsi_manifest *manifest);
const char *rsi_value_kind_name(rs_value_kind kind);

#endif
