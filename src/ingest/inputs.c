/* inputs.c - names and patterns -> files, each once, each with its source and format.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ingest/inputs.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/try.h"
#include "db/postgres.h"

static bool ends_with(const char *text, size_t length, const char *end)
{
    size_t tail = strlen(end);
    return length >= tail && strncasecmp(text + length - tail, end, tail) == 0;
}

/* What the mapping says about the format, or what the name says. */
static void settle_format(rsi_input *input, const rsi_source *source)
{
    size_t length = strlen(input->path);
    if (ends_with(input->path, length, ".gz")) {
        length -= 3;
    } else if (ends_with(input->path, length, ".zst")) {
        length -= 4;
    }
    bool json = ends_with(input->path, length, ".jsonl") ||
                ends_with(input->path, length, ".ndjson") ||
                ends_with(input->path, length, ".json");
    input->lines = source->format == RSI_FORMAT_JSONL ||
                   (source->format == RSI_FORMAT_BY_NAME && source->delimiter == '\0' && json);
    input->delimiter = source->delimiter != '\0'                ? source->delimiter
                       : ends_with(input->path, length, ".tsv") ? '\t'
                                                                : ',';
}

static rs_status check_new(const rsi_inputs *inputs, const rsi_input *input, rs_error *err)
{
    for (size_t i = 0; i < inputs->count; i++) {
        const rsi_input *other = &inputs->items[i];
        if (other->address != NULL) {
            continue;
        }
        bool same = input->real == NULL || other->real == NULL
                        ? input->real == other->real
                        : strcmp(input->real, other->real) == 0;
        if (same) {
            return rs_fail(err, RS_EUSAGE, "file \"%s\" is named twice (also as \"%s\")",
                           input->path, other->path);
        }
    }
    return RS_OK;
}

static rs_status look_at(rsi_input *input, rs_error *err)
{
    struct stat about;
    if (strcmp(input->path, "-") == 0) {
        input->waits = true;
        return RS_OK;
    }
    input->real = realpath(input->path, NULL);
    if (input->real == NULL || stat(input->path, &about) != 0) {
        return rs_fail(err, errno == ENOMEM ? RS_ENOMEM : RS_EIO, "file \"%s\": %s", input->path,
                       strerror(errno));
    }
    if (S_ISDIR(about.st_mode)) {
        return rs_fail(err, RS_EUSAGE, "file \"%s\" is a directory", input->path);
    }
    input->waits = !S_ISREG(about.st_mode);
    input->size = input->waits ? 0 : (uint64_t)about.st_size;
    return RS_OK;
}

static rs_status reserve(rsi_inputs *inputs, rs_error *err)
{
    if (inputs->count < inputs->capacity) {
        return RS_OK;
    }
    size_t capacity = inputs->capacity == 0 ? 16 : inputs->capacity * 2;
    rsi_input *grown = realloc(inputs->items, capacity * sizeof *grown);
    if (grown == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (list of files)");
    }
    inputs->items = grown;
    inputs->capacity = capacity;
    return RS_OK;
}

static rs_status add(rsi_inputs *inputs, const rsi_mapping *mapping, const char *path,
                     rs_error *err)
{
    rs_status status = RS_OK;
    rsi_input input = {.path = NULL};
    RS_TRY(reserve(inputs, err));
    input.path = strdup(path);
    if (input.path == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (list of files)");
        goto done;
    }
    RS_TRY(look_at(&input, err));
    RS_TRY(check_new(inputs, &input, err));
    input.source = rsi_mapping_match(mapping, path);
    if (input.source == SIZE_MAX) {
        status = rs_fail(err, RS_EUSAGE, "no source of the mapping matches the file \"%s\"", path);
        goto done;
    }
    settle_format(&input, rsi_mapping_source(mapping, input.source));
    inputs->items[inputs->count++] = input;
    return RS_OK;
done:
    free(input.path);
    free(input.real);
    return status;
}

/* Every query of the mapping, in its order. */
static rs_status add_database(rsi_inputs *inputs, const rsi_mapping *mapping, const char *address,
                              rs_error *err)
{
    rs_status status = RS_OK;
    char name[200]; /* read for its check alone: before anything else is done */
    size_t before = inputs->count;
    for (size_t i = 0; i < inputs->count; i++) {
        if (inputs->items[i].address != NULL) {
            return rs_fail(err, RS_EUSAGE, "two databases are named, expected one at a time");
        }
    }
    RS_TRY(rsi_postgres_name(address, name, sizeof name, err));
    for (size_t i = 0; i < rsi_mapping_source_count(mapping); i++) {
        const rsi_source *source = rsi_mapping_source(mapping, i);
        if (source->query == NULL) {
            continue;
        }
        RS_TRY(reserve(inputs, err));
        char *path = strdup(source->name);
        if (path == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (list of files)");
        }
        inputs->items[inputs->count++] =
            (rsi_input){.path = path, .address = address, .source = i, .waits = true};
    }
    if (inputs->count == before) {
        status = rs_fail(err, RS_EUSAGE, "no source of the mapping has a \"query\" for %s", name);
    }
done:
    return status;
}

static rs_status add_pattern(rsi_inputs *inputs, const rsi_mapping *mapping, const char *pattern,
                             rs_error *err)
{
    rs_status status = RS_OK;
    glob_t found = {0};
    int code = glob(pattern, 0, NULL, &found);
    if (code == GLOB_NOMATCH) {
        status = rs_fail(err, RS_EUSAGE, "no file is or matches \"%s\"", pattern);
        goto done;
    }
    if (code != 0) {
        status = rs_fail(err, code == GLOB_NOSPACE ? RS_ENOMEM : RS_EIO,
                         "cannot look for files like \"%s\"", pattern);
        goto done;
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        RS_TRY(add(inputs, mapping, found.gl_pathv[i], err));
    }
done:
    globfree(&found);
    return status;
}

rs_status rsi_inputs_find(rsi_inputs *inputs, const rsi_mapping *mapping, const char *const *names,
                          size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    if (count == 0) {
        return rs_fail(err, RS_EUSAGE, "no files to read");
    }
    for (size_t i = 0; i < count; i++) {
        struct stat about;
        if (rsi_postgres_is_address(names[i])) {
            RS_TRY(add_database(inputs, mapping, names[i], err));
            continue;
        }
        bool missing = strcmp(names[i], "-") != 0 && stat(names[i], &about) != 0 &&
                       (errno == ENOENT || errno == ENOTDIR);
        RS_TRY(missing ? add_pattern(inputs, mapping, names[i], err)
                       : add(inputs, mapping, names[i], err));
    }
    inputs->queries = true;
    for (size_t i = 0; i < inputs->count; i++) {
        inputs->queries = inputs->queries && inputs->items[i].address != NULL;
        inputs->waits = inputs->waits || inputs->items[i].waits;
        inputs->size += inputs->items[i].size;
    }
    inputs->size = inputs->waits ? 0 : inputs->size;
done:
    return status;
}

void rsi_inputs_free(rsi_inputs *inputs)
{
    for (size_t i = 0; i < inputs->count; i++) {
        free(inputs->items[i].path);
        free(inputs->items[i].real);
    }
    free(inputs->items);
    *inputs = (rsi_inputs){0};
}
