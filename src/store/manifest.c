/* manifest.c - print a manifest, read and replace it on disk.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/manifest.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/try.h"

const char *rs_kind_name(rs_kind kind)
{
    static const char *const names[RS_KIND_COUNT] = {"shared",  "payment",  "action",
                                                     "content", "identity", "link"};
    return (unsigned)kind < RS_KIND_COUNT ? names[kind] : "unknown";
}

const char *rsi_value_kind_name(rs_value_kind kind)
{
    static const char *const names[] = {"integer", "decimal", "date", "text"};
    return names[kind];
}

void rsi_manifest_free(rsi_manifest *manifest)
{
    for (size_t i = 0; i < manifest->type_count; i++) {
        free(manifest->types[i].name);
    }
    for (size_t i = 0; i < manifest->relation_count; i++) {
        free(manifest->relations[i].name);
        free(manifest->relations[i].currency);
    }
    for (size_t i = 0; i < manifest->attribute_count; i++) {
        free(manifest->attributes[i].name);
    }
    for (size_t i = 0; i < manifest->batch_count; i++) {
        free(manifest->batches[i].name);
    }
    for (size_t i = 0; i < manifest->source_count; i++) {
        free(manifest->sources[i].name);
    }
    free(manifest->types);
    free(manifest->relations);
    free(manifest->attributes);
    free(manifest->batches);
    free(manifest->sources);
    free(manifest->files);
    *manifest = (rsi_manifest)RSI_MANIFEST_EMPTY;
}

static rs_status copy_name(const char *name, char **out, rs_error *err)
{
    *out = strdup(name);
    return *out == NULL ? rs_fail(err, RS_ENOMEM, "out of memory (manifest)") : RS_OK;
}

static rs_status copy_schema(rsi_manifest *out, const rsi_manifest *manifest, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t i = 0; i < manifest->type_count; i++) {
        out->types[i] = manifest->types[i];
        RS_TRY(copy_name(manifest->types[i].name, &out->types[i].name, err));
        out->type_count++;
    }
    for (size_t i = 0; i < manifest->relation_count; i++) {
        rsi_relation_entry *relation = &out->relations[i];
        *relation = manifest->relations[i];
        relation->currency = NULL;
        RS_TRY(copy_name(manifest->relations[i].name, &relation->name, err));
        out->relation_count++;
        RS_TRY(copy_name(manifest->relations[i].currency, &relation->currency, err));
    }
    for (size_t i = 0; i < manifest->attribute_count; i++) {
        out->attributes[i] = manifest->attributes[i];
        RS_TRY(copy_name(manifest->attributes[i].name, &out->attributes[i].name, err));
        out->attribute_count++;
    }
done:
    return status;
}

rs_status rsi_manifest_copy(rsi_manifest *out, const rsi_manifest *manifest, size_t more_files,
                            rs_error *err)
{
    rs_status status = RS_OK;
    *out = (rsi_manifest){.next_sequence = manifest->next_sequence,
                          .visible_types = manifest->visible_types};
    out->types = calloc(manifest->type_count + 1, sizeof *out->types);
    out->relations = calloc(manifest->relation_count + 1, sizeof *out->relations);
    out->attributes = calloc(manifest->attribute_count + 1, sizeof *out->attributes);
    out->batches = calloc(manifest->batch_count + 1, sizeof *out->batches);
    out->sources = calloc(manifest->source_count + 1, sizeof *out->sources);
    out->files = calloc(manifest->file_count + more_files + 1, sizeof *out->files);
    if (out->types == NULL || out->relations == NULL || out->attributes == NULL ||
        out->batches == NULL || out->sources == NULL || out->files == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (manifest)");
        goto done;
    }
    RS_TRY(copy_schema(out, manifest, err));
    for (size_t i = 0; i < manifest->batch_count; i++) {
        out->batches[i] = manifest->batches[i];
        RS_TRY(copy_name(manifest->batches[i].name, &out->batches[i].name, err));
        out->batch_count++;
    }
    for (size_t i = 0; i < manifest->source_count; i++) {
        out->sources[i] = manifest->sources[i];
        RS_TRY(copy_name(manifest->sources[i].name, &out->sources[i].name, err));
        out->source_count++;
    }
done:
    if (status != RS_OK) {
        rsi_manifest_free(out);
    }
    return status;
}

uint64_t rsi_manifest_store_bytes(const rsi_manifest *manifest)
{
    uint64_t bytes = manifest->bytes;
    for (size_t i = 0; i < manifest->file_count; i++) {
        bytes += manifest->files[i].ref.bytes;
    }
    return bytes;
}

/* ---- print -------------------------------------------------------------------------------- */

static RS_PRINTF(3, 4) rs_status print(rsi_buffer *out, rs_error *err, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    return rsi_buffer_add(out, line, (size_t)length, err);
}

/* In double quotes; control characters, quotes and backslashes as \xHH. */
static rs_status print_name(rsi_buffer *out, const char *name, char end, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_buffer_add(out, "\"", 1, err));
    for (const char *at = name; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte < 0x20 || byte == 0x7f || byte == '"' || byte == '\\') {
            RS_TRY(print(out, err, "\\x%02x", byte));
        } else {
            RS_TRY(rsi_buffer_add(out, at, 1, err));
        }
    }
    RS_TRY(print(out, err, "\"%c", end));
done:
    return status;
}

static rs_status print_time(rsi_buffer *out, int64_t time, rs_error *err)
{
    return time == RS_NO_TIME ? print(out, err, "- ") : print(out, err, "%" PRId64 " ", time);
}

static rs_status print_relation(const rsi_relation_entry *relation, rsi_buffer *out, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(print(out, err, "relation %u %u %s %s %u %" PRIu64 " ", relation->src_type,
                 relation->dst_type, rs_kind_name(relation->kind),
                 relation->place ? "place" : "thing", relation->decimals, relation->edge_count));
    RS_TRY(print_time(out, relation->time_min, err));
    RS_TRY(print_time(out, relation->time_max, err));
    RS_TRY(print_name(out, relation->name, ' ', err));
    RS_TRY(print_name(out, relation->currency, '\n', err));
done:
    return status;
}

static rs_status print_schema(const rsi_manifest *manifest, rsi_buffer *out, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t i = 0; i < manifest->type_count; i++) {
        const rsi_type_entry *type = &manifest->types[i];
        RS_TRY(print(out, err, "type %u %s ", type->node_count,
                     type->hidden ? "keys" : (type->subject ? "subject" : "object")));
        RS_TRY(print_name(out, type->name, '\n', err));
    }
    for (size_t i = 0; i < manifest->relation_count; i++) {
        RS_TRY(print_relation(&manifest->relations[i], out, err));
    }
    for (size_t i = 0; i < manifest->attribute_count; i++) {
        const rsi_attribute_entry *attribute = &manifest->attributes[i];
        RS_TRY(print(out, err, "attribute %u %s %" PRIu64 " ", attribute->type,
                     rsi_value_kind_name(attribute->kind), attribute->value_count));
        RS_TRY(print_name(out, attribute->name, '\n', err));
    }
done:
    return status;
}

/* A number, or "-" where there is none. */
static rs_status print_number(rsi_buffer *out, bool any, uint32_t number, rs_error *err)
{
    return any ? print(out, err, "%u ", number) : print(out, err, "- ");
}

static rs_status print_batch(const rsi_batch_entry *batch, rsi_buffer *out, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(print(out, err, "batch %" PRIu64 " ", batch->sequence));
    RS_TRY(print_number(out, batch->merged > 0, batch->merged - 1, err));
    RS_TRY(print(out, err, "%" PRIu64 " %" PRIu64 " ", batch->row_count, batch->edge_count));
    RS_TRY(print_time(out, batch->timed ? batch->time_min : RS_NO_TIME, err));
    RS_TRY(print_time(out, batch->timed ? batch->time_max : RS_NO_TIME, err));
    RS_TRY(print(out, err, "%016" PRIx64 "%016" PRIx64 " ", batch->digest.high, batch->digest.low));
    RS_TRY(print_name(out, batch->name, '\n', err));
done:
    return status;
}

static rs_status print_file(const rsi_file_entry *file, rsi_buffer *out, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(print(out, err, "file "));
    RS_TRY(print_number(out, file->batch != RSI_NO_BATCH, file->batch, err));
    RS_TRY(print(out, err, "%s %u %" PRIu64 " %016" PRIx64 " %016" PRIx64 "%016" PRIx64 " %s\n",
                 rsi_file_kind_name(file->ref.kind), file->object, file->ref.bytes,
                 file->ref.identity, file->ref.digest.high, file->ref.digest.low, file->ref.name));
done:
    return status;
}

static rs_status print_batches(const rsi_manifest *manifest, rsi_buffer *out, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t i = 0; i < manifest->batch_count; i++) {
        RS_TRY(print_batch(&manifest->batches[i], out, err));
    }
    for (size_t i = 0; i < manifest->source_count; i++) {
        RS_TRY(print(out, err, "source %u ", manifest->sources[i].batch));
        RS_TRY(print_name(out, manifest->sources[i].name, '\n', err));
    }
    for (size_t i = 0; i < manifest->file_count; i++) {
        RS_TRY(print_file(&manifest->files[i], out, err));
    }
done:
    return status;
}

rs_status rsi_manifest_print(rsi_manifest *manifest, rsi_buffer *out, rs_error *err)
{
    rs_status status = RS_OK;
    out->length = 0;
    RS_TRY(print(out, err, "ringscope-store %d\nnext %" PRIu64 "\n", RSI_MANIFEST_VERSION,
                 manifest->next_sequence));
    RS_TRY(print_schema(manifest, out, err));
    RS_TRY(print_batches(manifest, out, err));
    manifest->digest = rsi_hash_128(out->bytes, out->length, 0);
    RS_TRY(print(out, err, "end %016" PRIx64 "%016" PRIx64 "\n", manifest->digest.high,
                 manifest->digest.low));
    manifest->bytes = out->length;
done:
    return status;
}

/* ---- on disk ------------------------------------------------------------------------------ */

rs_status rsi_manifest_read(rsi_manifest *manifest, int directory, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer text = {0};
    *manifest = (rsi_manifest)RSI_MANIFEST_EMPTY;
    RS_TRY(rsi_read_file(directory, RSI_MANIFEST_NAME, RSI_MANIFEST_BYTES_MAX, &text, err));
    RS_TRY(rsi_manifest_parse(manifest, text.bytes, text.length, err));
done:
    rsi_buffer_free(&text);
    return rs_context(err, status, "manifest \"%s\"", RSI_MANIFEST_NAME);
}

rs_status rsi_manifest_write(rsi_manifest *manifest, int directory, bool *published, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer text = {0};
    RS_TRY(rsi_manifest_print(manifest, &text, err));
    RS_TRY(
        rsi_replace(directory, RSI_MANIFEST_TEMPORARY, RSI_MANIFEST_NAME, &text, published, err));
done:
    rsi_buffer_free(&text);
    return rs_context(err, status, "manifest \"%s\"", RSI_MANIFEST_TEMPORARY);
}
