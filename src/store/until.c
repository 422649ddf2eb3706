/* until.c - a snapshot as it was after one of its batches.
 *
 * Batches, and the numbers that their dictionary parts give, follow one another; so the store
 * before a batch is the store without the files of that batch and of all behind it. Not so where a
 * compaction wrote data of both sides into one file: then nothing is taken away, and *mixed says
 * so.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/try.h"
#include "store/rewrite.h"
#include "store/store_internal.h"

static uint32_t kept_batches(const rsi_manifest *manifest, uint64_t sequence)
{
    uint32_t kept = 0;
    while (kept < manifest->batch_count && manifest->batches[kept].sequence <= sequence) {
        kept++;
    }
    return kept;
}

static bool is_mixed(const rsi_manifest *manifest, uint32_t kept)
{
    for (uint32_t i = 0; i < manifest->batch_count; i++) {
        if ((i < kept) != (rsi_batch_home(manifest->batches, i) < kept)) {
            return true;
        }
    }
    return false;
}

static void drop_files(rs_store *store, uint32_t kept_batch_count)
{
    rsi_manifest *manifest = &store->manifest;
    size_t kept = 0;
    for (size_t i = 0; i < store->opened; i++) {
        uint32_t batch = manifest->files[i].batch;
        if (batch != RSI_NO_BATCH && batch >= kept_batch_count) {
            rsi_dict_close(&store->parts[i]);
            rsi_blockfile_close(&store->files[i]);
            continue;
        }
        manifest->files[kept] = manifest->files[i];
        store->files[kept] = store->files[i];
        store->parts[kept++] = store->parts[i];
    }
    manifest->file_count = store->opened = kept;
}

static void drop_batches(rsi_manifest *manifest, uint32_t kept_batch_count)
{
    size_t kept = 0;
    for (size_t i = kept_batch_count; i < manifest->batch_count; i++) {
        free(manifest->batches[i].name);
    }
    manifest->batch_count = kept_batch_count;
    for (size_t i = 0; i < manifest->source_count; i++) {
        if (manifest->sources[i].batch >= kept_batch_count) {
            free(manifest->sources[i].name);
        } else {
            manifest->sources[kept++] = manifest->sources[i];
        }
    }
    manifest->source_count = kept;
}

/* A part that stayed of a batch that was dropped may stand behind those that went. */
static rs_status count_nodes(rs_store *store, rs_error *err)
{
    for (size_t type = 0; type < store->manifest.type_count; type++) {
        uint64_t next = 0;
        rsi_type_entry *entry = &store->manifest.types[type];
        for (size_t i = rsi_store_next_file(store, RSI_FILE_DICTIONARY, type, 0); i < store->opened;
             i = rsi_store_next_file(store, RSI_FILE_DICTIONARY, type, i + 1)) {
            if (store->parts[i].first != next && !entry->hidden) {
                return rs_fail(err, RS_EUSAGE, "a later batch was dropped since");
            }
            next = (uint64_t)store->parts[i].first + store->parts[i].count;
        }
        entry->node_count = (uint32_t)next;
    }
    return RS_OK;
}

rs_status rs_store_until(rs_store *store, uint64_t sequence, bool *mixed, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_manifest *manifest = &store->manifest;
    uint32_t kept = kept_batches(manifest, sequence);
    size_t *opened = NULL;
    *mixed = is_mixed(manifest, kept);
    if (*mixed || kept == manifest->batch_count) {
        return RS_OK;
    }
    opened = calloc(store->opened + 1, sizeof *opened);
    if (opened == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (files)");
    }
    drop_files(store, kept);
    drop_batches(manifest, kept);
    RS_TRY(count_nodes(store, err));
    for (size_t i = 0; i < store->opened; i++) {
        opened[i] = i;
    }
    rsi_manifest_recount(manifest, store, opened);
done:
    free(opened);
    return rs_context(err, status, "store \"%s\" after batch %llu", store->path,
                      (unsigned long long)sequence);
}
