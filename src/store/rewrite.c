/* rewrite.c - lock, snapshot, publish, clean up.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/rewrite.h"

#include "base/try.h"
#include "store/batch_internal.h"

rs_status rsi_rewrite_begin(rsi_rewrite *rewrite, const char *path, const rs_work *work,
                            rs_error *err)
{
    rs_status status = RS_OK;
    rs_store *probe = NULL;
    /* A writer would make a store where there is none. */
    RS_TRY(rs_store_open(&probe, path, err));
    RS_TRY(rsi_batch_open(&rewrite->batch, path, false, work, err));
    /* What was there before the lock may not be what is there with it. */
    RS_TRY(rs_store_open(&rewrite->store, path, err));
done:
    rs_store_close(probe);
    if (status != RS_OK) {
        rsi_rewrite_end(rewrite);
    }
    return status;
}

rs_status rsi_rewrite_publish(rsi_rewrite *rewrite, rsi_manifest *next, rs_error *err)
{
    rsi_batch *batch = rewrite->batch;
    rs_status status = rsi_manifest_write(next, batch->directory, &batch->committed, err);
    if (batch->committed) {
        rs_store_close(rewrite->store); /* or its own lock would keep the old files */
        rewrite->store = NULL;
    }
    if (status != RS_OK) {
        return rs_context(err, status, "store \"%s\"", batch->path);
    }
    rsi_manifest_free(&batch->manifest);
    batch->manifest = *next;
    *next = (rsi_manifest)RSI_MANIFEST_EMPTY;
    /* The store is what it should be; what cannot be removed now the next writer removes. */
    (void)rsi_writer_clean(batch, NULL);
    return RS_OK;
}

void rsi_rewrite_end(rsi_rewrite *rewrite)
{
    rs_store_close(rewrite->store);
    rsi_batch_close(rewrite->batch);
    *rewrite = (rsi_rewrite){0};
}

static void widen(rsi_relation_entry *relation, const rsi_segment_meta *meta)
{
    if (meta->time_min == RS_NO_TIME) {
        return;
    }
    bool first = relation->time_min == RS_NO_TIME;
    relation->time_min =
        first || meta->time_min < relation->time_min ? meta->time_min : relation->time_min;
    relation->time_max =
        first || meta->time_max > relation->time_max ? meta->time_max : relation->time_max;
}

void rsi_manifest_recount(rsi_manifest *manifest, const rs_store *store, const size_t *opened)
{
    for (size_t i = 0; i < manifest->relation_count; i++) {
        manifest->relations[i].edge_count = 0;
        manifest->relations[i].time_min = RS_NO_TIME;
        manifest->relations[i].time_max = RS_NO_TIME;
    }
    for (size_t i = 0; i < manifest->attribute_count; i++) {
        manifest->attributes[i].value_count = 0;
    }
    for (size_t i = 0; i < manifest->file_count; i++) {
        const rsi_file_entry *entry = &manifest->files[i];
        const rsi_blockfile *file = &store->files[opened[i]];
        if (entry->ref.kind == RSI_FILE_SEGMENT) {
            rsi_segment_meta meta = rsi_segment_meta_load(file->meta);
            manifest->relations[entry->object].edge_count += meta.edge_count;
            widen(&manifest->relations[entry->object], &meta);
        } else if (entry->ref.kind == RSI_FILE_ATTRIBUTE &&
                   file->meta_length == RSI_VALUES_META_BYTES) {
            manifest->attributes[entry->object].value_count += rsi_load_u64le(file->meta);
        }
    }
}
