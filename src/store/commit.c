/* commit.c - a batch becomes part of the store, whole or not at all.
 *
 * Order: data files written and synced -> manifest written to another name and synced -> renamed ->
 * directory synced. A kill before the rename leaves files that nothing names; after it, the batch.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/parallel.h"
#include "base/try.h"
#include "store/batch_internal.h"

/* ---- files -------------------------------------------------------------------------------- */

rs_status rsi_output_file(rsi_output *output, rsi_file_kind kind, uint32_t object,
                          rsi_blockwriter **writer, rs_error *err)
{
    static const char *const endings[RSI_FILE_KIND_COUNT] = {"dict", "edges", "values", "rows",
                                                             "back"};
    char name[RSI_FILE_NAME_MAX];
    snprintf(name, sizeof name, "b%08" PRIu64 "-%04u.%s", output->sequence, object, endings[kind]);
    uint64_t identity = rsi_file_identity(output->digest, output->sequence, name);
    rs_status status =
        rsi_blockwriter_open(writer, output->batch->directory, name, kind, identity, err);
    if (status == RS_OK) {
        output->writers[output->writer_count++] = *writer;
    }
    return status;
}

rs_status rsi_output_finish(rsi_output *output, rsi_blockwriter *writer, uint32_t object,
                            const void *meta, size_t meta_length, rs_error *err)
{
    rsi_manifest *next = output->next;
    rsi_file_entry *file = &next->files[next->file_count];
    *file = (rsi_file_entry){.batch = (uint32_t)next->batch_count, .object = object};
    rs_status status = rsi_blockwriter_finish(writer, meta, meta_length, &file->ref, err);
    next->file_count += status == RS_OK;
    return status;
}

static rs_status sync_file(void *context, size_t index, unsigned worker, rs_error *err)
{
    const rsi_output *output = context;
    (void)worker;
    return rsi_blockwriter_sync(output->writers[index], err);
}

/* ---- names -------------------------------------------------------------------------------- */

/* The digest of no rows is all zeros, which looks like a fault: it has a name. */
static void digest_name(rsi_hash128 digest, char *name, size_t size)
{
    if (digest.high == 0 && digest.low == 0) {
        snprintf(name, size, "empty");
        return;
    }
    snprintf(name, size, "%016" PRIx64 "%016" PRIx64, digest.high, digest.low);
}

/* RS_OK with result->unchanged set where the batch is there with the same content. */
static rs_status check_name(const rsi_batch *batch, rsi_commit *result, rs_error *err)
{
    const rsi_manifest *manifest = &batch->manifest;
    for (size_t i = 0; i < manifest->batch_count; i++) {
        const rsi_batch_entry *known = &manifest->batches[i];
        if (strcmp(known->name, result->name) != 0) {
            continue;
        }
        if (known->digest.high != batch->digest.high || known->digest.low != batch->digest.low) {
            return rs_fail(err, RS_EINPUT,
                           "batch \"%s\" is in the store with other content (%" PRIu64
                           " edges): give this one another name",
                           known->name, known->edge_count);
        }
        result->unchanged = true;
        result->edge_count = known->edge_count;
    }
    return RS_OK;
}

/* A batch that is there already may come with a mapping that calls more types subjects: that is
 * news, and the one thing about it that is kept. */
static rs_status add_subjects(rsi_batch *batch, rsi_manifest *next, rsi_commit *result,
                              rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_manifest *now = &batch->manifest;
    RS_TRY(rsi_manifest_copy(next, now, 0, err));
    for (size_t i = 0; i < now->file_count; i++) {
        next->files[next->file_count++] = now->files[i];
    }
    for (uint32_t i = 0; i < batch->type_count; i++) {
        const rsi_batch_type_state *type = batch->types[i];
        for (size_t k = 0; type->subject && k < next->type_count; k++) {
            rsi_type_entry *known = &next->types[k];
            if (!known->hidden && !known->subject && strcmp(known->name, type->name) == 0) {
                known->subject = true;
                result->subjects_added = true;
            }
        }
    }
    if (result->subjects_added) {
        status = rsi_manifest_write(next, batch->directory, &batch->committed, err);
    }
done:
    return status;
}

static rs_status choose_name(const rsi_batch *batch, const char *name, rsi_commit *result,
                             rs_error *err)
{
    if (name == NULL) {
        digest_name(batch->digest, result->name, sizeof result->name);
        return check_name(batch, result, err);
    }
    size_t length = strlen(name);
    if (length == 0 || length > RSI_NAME_BYTES_MAX) {
        return rs_fail(err, RS_EUSAGE, "the name of a batch has %zu bytes (1 to %d)", length,
                       RSI_NAME_BYTES_MAX);
    }
    memcpy(result->name, name, length + 1);
    return check_name(batch, result, err);
}

static int compare_strings(const void *a, const void *b)
{
    const char *const *x = a;
    const char *const *y = b;
    return strcmp(*x, *y);
}

/* File names in an order of their own: threads may have registered them in any. */
rs_status rsi_rank_files(const rsi_batch *batch, char ***sorted, uint32_t **ranks, rs_error *err)
{
    size_t count = batch->file_count;
    *sorted = malloc((count + 1) * sizeof **sorted);
    *ranks = malloc((count + 1) * sizeof **ranks);
    if (*sorted == NULL || *ranks == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (names of files)");
    }
    if (count > 0) {
        memcpy(*sorted, batch->files, count * sizeof **sorted);
        qsort(*sorted, count, sizeof **sorted, compare_strings);
    }
    for (size_t i = 0; i < count; i++) {
        char **at = bsearch(&batch->files[i], *sorted, count, sizeof **sorted, compare_strings);
        (*ranks)[i] = (uint32_t)(at - *sorted);
    }
    return RS_OK;
}

void rsi_renew_files(rsi_batch *batch, const uint32_t *ranks)
{
    for (uint32_t r = 0; r < batch->relation_count; r++) {
        for (size_t c = 0; c < batch->relations[r]->chunk_count; c++) {
            rsi_chunk *chunk = batch->relations[r]->chunks[c];
            for (uint32_t i = 0; chunk->extra != NULL && i < chunk->count; i++) {
                chunk->extra[i].file = ranks[chunk->extra[i].file];
            }
        }
    }
}

static rs_status enter_sources(rsi_output *output, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_batch *batch = output->batch;
    rsi_manifest *next = output->next;
    char **sorted = NULL;
    if (!batch->keep_rows || batch->file_count == 0) {
        return RS_OK;
    }
    RS_TRY(rsi_rank_files(batch, &sorted, &batch->file_ranks, err));
    for (uint32_t i = 0; i < batch->file_count; i++) {
        rsi_source_entry *source = &next->sources[next->source_count];
        *source = (rsi_source_entry){.batch = (uint32_t)next->batch_count};
        source->name = strdup(sorted[i]);
        if (source->name == NULL) {
            status = rs_fail(err, RS_ENOMEM, "out of memory (names of files)");
            goto done;
        }
        next->source_count++;
    }
    rsi_renew_files(batch, batch->file_ranks);
done:
    free(sorted);
    return status;
}

/* ---- commit ------------------------------------------------------------------------------- */

static rs_status report(const rsi_output *output, const char *stage, uint64_t done, uint64_t total,
                        rs_error *err)
{
    return rs_work_report(&output->batch->work, stage, "steps", done, total, err);
}

static rs_status write_types(rsi_output *output, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_batch *batch = output->batch;
    for (uint32_t i = 0; i < batch->type_count; i++) {
        rsi_batch_type_state *type = batch->types[i];
        if (type->object < output->next->type_count) {
            RS_TRY(report(output, "dictionary", i, batch->type_count, err));
            RS_TRY(rsi_commit_type(output, type, NULL, err));
            output->next->types[type->object].node_count = type->known_count + type->fresh_count;
        }
    }
done:
    return status;
}

static rs_status sync_files(rsi_output *output, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(report(output, "sync", 0, 1, err));
    RS_TRY(rsi_parallel(&output->batch->work, output->writer_count, sync_file, output, err));
    RS_TRY(report(output, "sync", 1, 1, err)); /* the last point at which the caller can stop it */
done:
    return status;
}

/* From what is in memory, or from runs on disk: the bytes are the same. */
static rs_status write_data(rsi_output *output, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_batch *batch = output->batch;
    bool runs = batch->run_count > 0;
    if (runs) {
        RS_TRY(enter_sources(output, err));
        RS_TRY(rsi_merge_types(output, err));
    } else {
        RS_TRY(write_types(output, err));
        RS_TRY(rsi_commit_map(output, err));
        RS_TRY(enter_sources(output, err));
        RS_TRY(rsi_commit_keys(output, err));
    }
    for (uint32_t i = 0; i < batch->relation_count; i++) {
        RS_TRY(report(output, "relations", i, batch->relation_count, err));
        RS_TRY(runs ? rsi_merge_relation(output, batch->relations[i], err)
                    : rsi_commit_relation(output, batch->relations[i], err));
    }
    for (uint32_t i = 0; i < batch->attribute_count; i++) {
        RS_TRY(report(output, "attributes", i, batch->attribute_count, err));
        RS_TRY(runs ? rsi_merge_attribute(output, batch->attributes[i], err)
                    : rsi_commit_attribute(output, batch->attributes[i], err));
    }
    RS_TRY(sync_files(output, err));
done:
    return status;
}

static int compare_files(const void *a, const void *b)
{
    const rsi_file_entry *x = a;
    const rsi_file_entry *y = b;
    return strcmp(x->ref.name, y->ref.name);
}

/* The batch's files by name: names were registered in whatever order the threads came. */
static void order_files(rsi_output *output)
{
    size_t known = output->batch->manifest.file_count;
    qsort(output->next->files + known, output->next->file_count - known,
          sizeof *output->next->files, compare_files);
}

static rs_status enter_batch(rsi_output *output, const char *name, uint64_t row_count,
                             rs_error *err)
{
    rsi_manifest *next = output->next;
    rsi_batch_entry *entry = &next->batches[next->batch_count];
    *entry = (rsi_batch_entry){.name = strdup(name),
                               .sequence = output->sequence,
                               .row_count = row_count,
                               .edge_count = output->edge_count,
                               .digest = output->digest};
    if (entry->name == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (manifest)");
    }
    next->batch_count++;
    next->next_sequence = output->sequence + 1;
    return RS_OK;
}

/* The directory's own entry must be as durable as what is in it. */
static rs_status sync_parent(const rsi_batch *batch, rs_error *err)
{
    if (!batch->made_directory) {
        return RS_OK;
    }
    int parent = openat(batch->directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = parent < 0 || fsync(parent) != 0;
    rs_status status =
        failed ? rs_fail(err, RS_EIO, "cannot sync the parent directory: %s", strerror(errno))
               : RS_OK;
    if (parent >= 0) {
        close(parent);
    }
    return status;
}

static rs_status commit_content(rsi_output *output, const char *name, uint64_t row_count,
                                rs_error *err)
{
    rs_status status = RS_OK;
    rsi_batch *batch = output->batch;
    size_t files =
        (size_t)batch->type_count + 2 * (size_t)batch->relation_count + batch->attribute_count;
    output->writers = calloc(files + 1, sizeof(rsi_blockwriter *));
    if (output->writers == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (files of the batch)");
    }
    if (batch->run_count > 0) {
        RS_TRY(rsi_batch_flush(batch, err)); /* the last run is what memory still holds */
    }
    RS_TRY(rsi_commit_schema(batch, output->next, err));
    rsi_order_relations(batch);
    RS_TRY(write_data(output, err));
    order_files(output);
    RS_TRY(enter_batch(output, name, row_count, err));
    RS_TRY(sync_parent(batch, err));
    RS_TRY(rsi_manifest_write(output->next, batch->directory, &batch->committed, err));
done:
    return status;
}

rs_status rsi_batch_commit(rsi_batch *batch, const char *name, uint64_t row_count,
                           rsi_commit *result, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_manifest next = RSI_MANIFEST_EMPTY;
    rsi_output output = {.batch = batch,
                         .digest = batch->digest,
                         .sequence = batch->manifest.next_sequence,
                         .next = &next};
    *result = (rsi_commit){0};
    if (batch->spoiled || batch->committed) {
        return rs_fail(err, RS_EUSAGE, "the batch is %s: it cannot be committed",
                       batch->committed ? "committed already" : "incomplete");
    }
    RS_TRY(choose_name(batch, name, result, err));
    if (result->unchanged) {
        status = add_subjects(batch, &next, result, err);
        goto done;
    }
    batch->spoiled = true; /* what a commit has consumed cannot be committed again */
    RS_TRY(commit_content(&output, result->name, row_count, err));
    result->edge_count = output.edge_count;
    result->dropped_count = output.dropped_count + batch->dropped_count;
done:
    for (size_t i = 0; i < output.writer_count; i++) {
        rsi_blockwriter_close(output.writers[i]);
    }
    free(output.writers);
    rsi_manifest_free(&next);
    return rs_context(err, status, "store \"%s\"", batch->path);
}
