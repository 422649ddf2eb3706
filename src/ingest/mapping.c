/* mapping.c - JSON -> rsi_mapping. Whatever is not known, missing or said twice is an error that
 * names the place: a mapping that is read half is worse than none.
 *
 * The strict reader (base/json) judges the text first, because cJSON takes more than RFC 8259
 * allows; cJSON then builds the tree, whose strings the rules point into.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ingest/mapping.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/json.h"
#include "base/stream.h"
#include "base/try.h"
#include "ingest/mapping_rules.h"

enum { MAPPING_BYTES_MAX = 4 << 20 };

struct rsi_mapping {
    cJSON *tree;
    rsi_source *sources;
    size_t source_count;
    const char **subjects;
    size_t subject_count;
};

/* ---- sources, the whole -------------------------------------------------------------------------
 */

static rs_status read_format(const rsi_map_reader *in, const rsi_map_place *at, const cJSON *object,
                             rsi_source *source)
{
    static const char *const formats[] = {"csv", "jsonl"};
    rs_status status = RS_OK;
    int format = -1;
    const char *delimiter = NULL;
    RS_TRY(rsi_map_word(in, at, object, "format", formats, 2, &format));
    source->format = format < 0    ? RSI_FORMAT_BY_NAME
                     : format == 0 ? RSI_FORMAT_CSV
                                   : RSI_FORMAT_JSONL;
    RS_TRY(rsi_map_text(in, at, object, "delimiter", &delimiter));
    if (delimiter != NULL) {
        rsi_map_place here = {at, "delimiter", SIZE_MAX};
        if (delimiter[1] != '\0' || (unsigned char)delimiter[0] >= 0x80 ||
            strchr("\"\r\n", delimiter[0]) != NULL) {
            return rsi_map_wrong(in, &here,
                                 "expected one ASCII character, not a quote or an end of line");
        }
        if (source->format == RSI_FORMAT_JSONL) {
            return rsi_map_wrong(in, &here, "format \"jsonl\" has no delimiter");
        }
        source->delimiter = delimiter[0];
    }
done:
    return status;
}

/* What makes a source of queries, its own name included. */
static rs_status read_query(const rsi_map_reader *in, const rsi_map_place *at, const cJSON *object,
                            rsi_source *source)
{
    static const char *const of_files[] = {"format", "delimiter"};
    const char *name = NULL;
    rs_status status = rsi_map_text(in, at, object, "name", &name);
    for (size_t i = 0; status == RS_OK && i < 2; i++) {
        if (rsi_map_get(object, of_files[i]) != NULL) {
            return rsi_map_wrong(in, at, "\"%s\" goes with \"match\"", of_files[i]);
        }
    }
    if (name == NULL) {
        snprintf(source->name, sizeof source->name, "sources[%zu]", at->index);
    } else if (strlen(name) >= sizeof source->name || strpbrk(name, "\r\n") != NULL) {
        return rsi_map_wrong(in, at, "\"name\": expected less than %zu bytes on one line",
                             sizeof source->name);
    } else {
        memcpy(source->name, name, strlen(name) + 1);
    }
    return status;
}

/* Where the rows come from: files or a query. */
static rs_status read_origin(const rsi_map_reader *in, const rsi_map_place *at, const cJSON *object,
                             rsi_source *source)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_map_text(in, at, object, "match", &source->match));
    RS_TRY(rsi_map_text(in, at, object, "query", &source->query));
    if (source->match == NULL && source->query == NULL) {
        return rsi_map_wrong(in, at, "\"match\" is missing (or \"query\", for a database)");
    }
    if (source->match != NULL && source->query != NULL) {
        return rsi_map_wrong(in, at, "expected \"match\" or \"query\", not both");
    }
    if (source->query != NULL) {
        RS_TRY(read_query(in, at, object, source));
        goto done;
    }
    if (rsi_map_get(object, "name") != NULL) {
        return rsi_map_wrong(in, at, "\"name\" goes with \"query\"");
    }
    RS_TRY(read_format(in, at, object, source));
done:
    return status;
}

static rs_status read_source(const rsi_map_reader *outer, const rsi_map_place *at,
                             const cJSON *object, rsi_source *source)
{
    rs_status status = RS_OK;
    rsi_map_reader inner = *outer;
    size_t count = 0;
    inner.source = source;
    RS_TRY(rsi_map_check(&inner, at, object,
                         "match query name format delimiter time_unit relations nodes"));
    RS_TRY(read_origin(&inner, at, object, source));
    RS_TRY(rsi_map_unit(&inner, at, object, &inner.unit));
    RS_TRY(rsi_map_array(&inner, at, object, "relations", &count));
    source->relations = calloc(count + 1, sizeof *source->relations);
    size_t node_count = 0;
    RS_TRY(rsi_map_array(&inner, at, object, "nodes", &node_count));
    source->nodes = calloc(node_count + 1, sizeof *source->nodes);
    if (source->relations == NULL || source->nodes == NULL) {
        return rsi_map_no_memory(&inner);
    }
    if (count + node_count == 0) {
        return rsi_map_wrong(&inner, at, "expected \"relations\" or \"nodes\"");
    }
    const cJSON *item = count > 0 ? rsi_map_get(object, "relations")->child : NULL;
    for (; item != NULL; item = item->next) {
        rsi_map_place here = {at, "relations", source->relation_count};
        RS_TRY(rsi_map_relation(&inner, &here, item, &source->relations[source->relation_count++]));
    }
    item = node_count > 0 ? rsi_map_get(object, "nodes")->child : NULL;
    for (; item != NULL; item = item->next) {
        rsi_map_place here = {at, "nodes", source->node_count};
        RS_TRY(rsi_map_node(&inner, &here, item, &source->nodes[source->node_count++]));
    }
done:
    return status;
}

/* Two queries of one name could not be told apart in messages. */
static rs_status check_name(const rsi_map_reader *in, const rsi_map_place *at,
                            const rsi_mapping *mapping)
{
    const rsi_source *last = &mapping->sources[mapping->source_count - 1];
    for (const rsi_source *one = mapping->sources; last->query != NULL && one < last; one++) {
        if (one->query != NULL && strcmp(one->name, last->name) == 0) {
            return rsi_map_wrong(in, at, "the name \"%s\" is taken", last->name);
        }
    }
    return RS_OK;
}

static rs_status read_subjects(const rsi_map_reader *in, rsi_mapping *mapping)
{
    rs_status status = RS_OK;
    size_t count = 0;
    RS_TRY(rsi_map_array(in, NULL, mapping->tree, "subjects", &count));
    mapping->subjects = calloc(count + 1, sizeof *mapping->subjects);
    if (mapping->subjects == NULL) {
        return rsi_map_no_memory(in);
    }
    if (count == 0) {
        mapping->subjects[mapping->subject_count++] = "account";
        return RS_OK;
    }
    for (const cJSON *item = rsi_map_get(mapping->tree, "subjects")->child; item != NULL;
         item = item->next) {
        rsi_map_place here = {NULL, "subjects", mapping->subject_count};
        if (!cJSON_IsString(item) || item->valuestring[0] == '\0') {
            return rsi_map_wrong(in, &here, "expected the name of a node type");
        }
        mapping->subjects[mapping->subject_count++] = item->valuestring;
    }
done:
    return status;
}

static rs_status read_tree(rsi_map_reader *in, rsi_mapping *mapping)
{
    rs_status status = RS_OK;
    size_t count = 0;
    RS_TRY(rsi_map_check(in, NULL, mapping->tree, "sources subjects time_unit"));
    RS_TRY(rsi_map_unit(in, NULL, mapping->tree, &in->unit));
    RS_TRY(read_subjects(in, mapping));
    RS_TRY(rsi_map_array(in, NULL, mapping->tree, "sources", &count));
    if (count == 0) {
        return rsi_map_wrong(in, NULL, "\"sources\" is missing");
    }
    mapping->sources = calloc(count, sizeof *mapping->sources);
    if (mapping->sources == NULL) {
        return rsi_map_no_memory(in);
    }
    for (const cJSON *item = rsi_map_get(mapping->tree, "sources")->child; item != NULL;
         item = item->next) {
        rsi_map_place here = {NULL, "sources", mapping->source_count};
        RS_TRY(read_source(in, &here, item, &mapping->sources[mapping->source_count++]));
        RS_TRY(check_name(in, &here, mapping));
    }
done:
    return status;
}

/* cJSON's strings end at a NUL. The text is known to be valid. */
static rs_status refuse_nul(const rsi_map_reader *in, const char *bytes, size_t length)
{
    rsi_json *json = NULL;
    rs_text text;
    rs_status status = rsi_json_new(&json, in->err);
    if (status != RS_OK) {
        return status;
    }
    rsi_json_start(json, bytes, length);
    rsi_json_token token;
    do {
        token = rsi_json_next(json, &text);
        if (text.length > 0 && memchr(text.bytes, '\0', text.length) != NULL) {
            status = rsi_map_wrong(in, NULL, "U+0000 (\\u0000) cannot stand in a mapping");
        }
    } while (status == RS_OK && token != RSI_JSON_END && token != RSI_JSON_BAD);
    if (status == RS_OK && token == RSI_JSON_BAD) {
        status = rsi_map_no_memory(in);
    }
    rsi_json_free(json);
    return status;
}

rs_status rsi_mapping_parse(rsi_mapping **out, const char *name, const char *bytes, size_t length,
                            rs_error *err)
{
    rs_status status = RS_OK;
    rsi_map_reader in = {.name = name, .err = err, .unit = RSI_UNIT_S};
    rsi_mapping *mapping = calloc(1, sizeof *mapping);
    if (mapping == NULL) {
        return rsi_map_no_memory(&in);
    }
    status = rsi_json_check(name, bytes, length, err);
    if (status == RS_EINPUT) {
        char cause[sizeof err->message] = "";
        if (err != NULL) {
            memcpy(cause, err->message, sizeof cause);
        }
        status = rs_fail(err, RS_EUSAGE, "mapping %s", cause);
    }
    if (status != RS_OK) {
        goto done;
    }
    RS_TRY(refuse_nul(&in, bytes, length));
    mapping->tree = cJSON_ParseWithLength(bytes, length);
    if (mapping->tree == NULL) {
        status = rsi_map_no_memory(&in); /* the only reason left: the text is valid JSON */
        goto done;
    }
    RS_TRY(read_tree(&in, mapping));
    *out = mapping;
    mapping = NULL; /* moved to the caller */
done:
    rsi_mapping_free(mapping);
    return status;
}

rs_status rsi_mapping_load(rsi_mapping **out, const char *path, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_stream *stream = NULL;
    size_t length = 0;
    char *bytes = malloc(MAPPING_BYTES_MAX);
    if (bytes == NULL) {
        return rs_fail(err, RS_ENOMEM, "mapping \"%s\": out of memory", path);
    }
    RS_TRY(rsi_stream_open(&stream, path, err));
    RS_TRY(rsi_stream_read(stream, bytes, MAPPING_BYTES_MAX, &length, err));
    if (length == MAPPING_BYTES_MAX) {
        status = rs_fail(err, RS_EUSAGE, "mapping \"%s\": longer than %d bytes", path,
                         MAPPING_BYTES_MAX - 1);
        goto done;
    }
    RS_TRY(rsi_mapping_parse(out, path, bytes, length, err));
done:
    rsi_stream_close(stream);
    free(bytes);
    return status;
}

void rsi_mapping_free(rsi_mapping *mapping)
{
    if (mapping == NULL) {
        return;
    }
    for (size_t i = 0; i < mapping->source_count; i++) {
        rsi_source *source = &mapping->sources[i];
        for (size_t j = 0; j < source->relation_count; j++) {
            free(source->relations[j].named);
        }
        for (size_t j = 0; j < source->node_count; j++) {
            free(source->nodes[j].attribute_slots);
        }
        free(source->relations);
        free(source->nodes);
        free(source->columns);
    }
    free(mapping->sources);
    free(mapping->subjects);
    cJSON_Delete(mapping->tree);
    free(mapping);
}

size_t rsi_mapping_source_count(const rsi_mapping *mapping)
{
    return mapping->source_count;
}

const rsi_source *rsi_mapping_source(const rsi_mapping *mapping, size_t source)
{
    return &mapping->sources[source];
}

size_t rsi_mapping_match(const rsi_mapping *mapping, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash == NULL ? path : slash + 1;
    for (size_t i = 0; i < mapping->source_count; i++) {
        const char *match = mapping->sources[i].match;
        if (match == NULL) {
            continue;
        }
        if (fnmatch(match, base, 0) == 0 || fnmatch(match, path, 0) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

bool rsi_mapping_subject(const rsi_mapping *mapping, const char *type, size_t length)
{
    for (size_t i = 0; i < mapping->subject_count; i++) {
        const char *subject = mapping->subjects[i];
        if (strlen(subject) == length && memcmp(subject, type, length) == 0) {
            return true;
        }
    }
    return false;
}
