/* drop.c - forget a batch: a manifest that does not name its files.
 *
 * Dictionary parts of node types stay, as nobody's: later batches may refer to their ids, and all
 * numbers stay as they are. The next compaction drops ids that nothing uses. Event keys go at once,
 * so the same events may be sent again.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>

#include "base/try.h"
#include "ringscope/maintain.h"
#include "store/batch_internal.h"
#include "store/rewrite.h"

static rs_status find_batch(const rsi_manifest *manifest, const char *name, uint32_t *out,
                            rs_error *err)
{
    uint32_t batch = 0;
    while (batch < manifest->batch_count && strcmp(manifest->batches[batch].name, name) != 0) {
        batch++;
    }
    if (batch == manifest->batch_count) {
        return rs_fail(err, RS_ENOTFOUND, "there is no batch \"%s\"", name);
    }
    bool merged = manifest->batches[batch].merged > 0;
    for (size_t i = 0; i < manifest->batch_count; i++) {
        merged = merged || manifest->batches[i].merged == batch + 1;
    }
    if (merged) {
        return rs_fail(err, RS_EUSAGE,
                       "a compaction merged batch \"%s\" with others: it cannot be dropped alone "
                       "(compact --keep leaves the latest batches apart)",
                       name);
    }
    *out = batch;
    return RS_OK;
}

/* The number of a batch where `gone` is no more. */
static uint32_t renumber(uint32_t batch, uint32_t gone)
{
    return batch == RSI_NO_BATCH || batch < gone ? batch : batch - 1;
}

static void remove_batch(rsi_manifest *next, uint32_t gone)
{
    size_t kept = 0;
    free(next->batches[gone].name);
    next->batch_count--;
    memmove(next->batches + gone, next->batches + gone + 1,
            (next->batch_count - gone) * sizeof *next->batches);
    for (size_t i = 0; i < next->batch_count; i++) {
        uint32_t merged = next->batches[i].merged;
        next->batches[i].merged = merged == 0 ? 0 : renumber(merged - 1, gone) + 1;
    }
    for (size_t i = 0; i < next->source_count; i++) {
        if (next->sources[i].batch == gone) {
            free(next->sources[i].name);
            continue;
        }
        next->sources[kept] = next->sources[i];
        next->sources[kept++].batch = renumber(next->sources[i].batch, gone);
    }
    next->source_count = kept;
}

/* The files that stay, and where the snapshot has each. */
static void keep_files(rsi_manifest *next, const rsi_manifest *now, uint32_t gone, size_t *opened)
{
    for (size_t i = 0; i < now->file_count; i++) {
        rsi_file_entry file = now->files[i];
        bool ids = file.ref.kind == RSI_FILE_DICTIONARY && !now->types[file.object].hidden;
        if (file.batch == gone && !ids) {
            continue;
        }
        file.batch = file.batch == gone ? RSI_NO_BATCH : renumber(file.batch, gone);
        opened[next->file_count] = i;
        next->files[next->file_count++] = file;
    }
}

rs_status rs_drop_batch(const char *store_path, const char *name, const rs_work *work,
                        rs_drop_result *result, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_rewrite rewrite = {0};
    rsi_manifest next = RSI_MANIFEST_EMPTY;
    size_t *opened = NULL;
    uint32_t gone = 0;
    RS_TRY(rsi_rewrite_begin(&rewrite, store_path, work, err));
    const rsi_manifest *now = &rewrite.store->manifest;
    RS_TRY(rs_context(err, find_batch(now, name, &gone, err), "store \"%s\"", store_path));
    *result = (rs_drop_result){.row_count = now->batches[gone].row_count,
                               .edge_count = now->batches[gone].edge_count,
                               .bytes_before = rsi_manifest_store_bytes(now)};
    RS_TRY(rsi_manifest_copy(&next, now, 0, err));
    opened = calloc(now->file_count + 1, sizeof *opened);
    if (opened == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu files)", now->file_count);
        goto done;
    }
    remove_batch(&next, gone);
    keep_files(&next, now, gone, opened);
    rsi_manifest_recount(&next, rewrite.store, opened);
    RS_TRY(rs_work_report(work, "drop", "steps", 0, 1, err)); /* the last point to stop at */
    RS_TRY(rsi_rewrite_publish(&rewrite, &next, err));
    result->bytes_after = rsi_manifest_store_bytes(&rewrite.batch->manifest);
done:
    free(opened);
    rsi_manifest_free(&next);
    rsi_rewrite_end(&rewrite);
    return status;
}
