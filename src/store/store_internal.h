/* store_internal.h - an open snapshot, as the files that read it share it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_STORE_INTERNAL_H
#define RSI_STORE_STORE_INTERNAL_H

#include "ringscope/store.h"
#include "store/dict.h"
#include "store/manifest.h"
#include "store/rows.h"
#include "store/segment.h"
#include "store/values.h"

struct rs_store {
    char *path;
    int directory;
    rsi_manifest manifest;
    char digest[33];
    rsi_blockfile *files; /* as manifest.files */
    rsi_dict_part *parts; /* as manifest.files; used where the file is a dictionary */
    size_t kept_open;     /* files whose descriptors are kept; the others' are opened to read */
    size_t opened;        /* files of which the first so many are open */
};

/* How many files of a store keep a descriptor; further ones are opened when they are read. A
 * process that may have few descriptors needs most of them for what it writes. */
size_t rsi_store_kept_open(void);

/* The next file of `kind` and `object` from `from` on, or the number of files. */
size_t rsi_store_next_file(const rs_store *store, rsi_file_kind kind, size_t object, size_t from);

/* Read and unpack one block of a segment, or of a reverse file, whose "src" is the target. */
RS_MUST_USE rs_status rsi_store_edges(const rs_store *store, size_t file, size_t block,
                                      unsigned columns, rsi_segment_coder *coder, rsi_buffer *bytes,
                                      rsi_edge_columns *edges, rs_error *err);

/* Read and unpack one block of an attribute file; the values are lent by the coder. */
RS_MUST_USE rs_status rsi_store_values(const rs_store *store, size_t file, size_t block,
                                       rsi_values_coder *coder, rsi_buffer *bytes,
                                       const rsi_value **values, size_t *count, rs_error *err);

/* Input files of a batch and of those merged into it. */
size_t rsi_store_source_count(const rs_store *store, uint32_t home);
/* In a rows file: this edge is of a batch that was merged in and kept no rows. */
bool rsi_rows_none(const rs_store *store, uint32_t home, uint64_t file, uint64_t line);

#endif
