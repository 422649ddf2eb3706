/* rewrite.h - change what a store is made of: the writer's lock, the snapshot it holds, and the
 * manifest that follows.
 *
 * Life     rsi_rewrite_begin (lock, snapshot) -> new files written, manifest made ->
 *          rsi_rewrite_publish; rsi_rewrite_end, without a publish the store is as it was
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_REWRITE_H
#define RSI_STORE_REWRITE_H

#include "store/batch.h"
#include "store/store_internal.h"

typedef struct rsi_rewrite {
    rsi_batch *batch; /* holds the lock */
    rs_store *store;  /* the snapshot that is rewritten */
} rsi_rewrite;

/* { 0 } is empty. RS_ENOTFOUND where there is no store: none is made. RS_ELOCKED. */
RS_MUST_USE rs_status rsi_rewrite_begin(rsi_rewrite *rewrite, const char *path, const rs_work *work,
                                        rs_error *err);
/* Make `next` the store's manifest and remove the files that it does not name, those apart that a
 * reader may still open: the next writer removes them. Takes what `next` owns and leaves it empty.
 */
RS_MUST_USE rs_status rsi_rewrite_publish(rsi_rewrite *rewrite, rsi_manifest *next, rs_error *err);
void rsi_rewrite_end(rsi_rewrite *rewrite);

/* Remove what `batch->manifest`, which is the store's, does not name (writer.c). */
rs_status rsi_writer_clean(rsi_batch *batch, rs_error *err);

/* Counts and times of relations and counts of attributes in `manifest` from the files that it
 * names and `store` has open: `opened[i]` is the number of manifest->files[i] in the store. */
void rsi_manifest_recount(rsi_manifest *manifest, const rs_store *store, const size_t *opened);

#endif
