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
#include "base/decimal.h"
#include "base/json.h"
#include "base/stream.h"
#include "base/try.h"
#include "ingest/mapping_tree.h"

enum { MAPPING_BYTES_MAX = 4 << 20, COLUMNS_MAX = 4096 };

struct rsi_mapping {
    cJSON *tree;
    rsi_source *sources;
    size_t source_count;
    const char **subjects;
    size_t subject_count;
};

/* ---- units and columns ------------------------------------------------------------------------
 */

static rs_status get_unit(const rsi_map_reader *in, const rsi_map_place *at, const cJSON *object,
                          rsi_time_unit *unit)
{
    static const char *const words[] = {"s", "ms", "hour", "day"};
    int number = (int)*unit;
    rs_status status = rsi_map_word(in, at, object, "time_unit", words, 4, &number);
    *unit = (rsi_time_unit)number;
    return status;
}

/* The slot of a column; the same for the same name. */
static rs_status slot_of(const rsi_map_reader *in, const rsi_map_place *at, const char *column,
                         size_t *slot)
{
    rsi_source *source = in->source;
    for (size_t i = 0; i < source->column_count; i++) {
        if (strcmp(source->columns[i], column) == 0) {
            *slot = i;
            return RS_OK;
        }
    }
    if (source->column_count == COLUMNS_MAX) {
        return rsi_map_wrong(in, at, "more than %d columns", COLUMNS_MAX);
    }
    const char **grown =
        realloc(source->columns, (source->column_count + 1) * sizeof *source->columns);
    if (grown == NULL) {
        return rsi_map_no_memory(in);
    }
    source->columns = grown;
    *slot = source->column_count;
    grown[source->column_count++] = column;
    return RS_OK;
}

/* The slot of the column that `key` names; stays as it is where the key is not there. */
static rs_status get_slot(const rsi_map_reader *in, const rsi_map_place *at, const cJSON *object,
                          const char *key, size_t *slot)
{
    const char *column = NULL;
    rsi_map_place here = {at, key, SIZE_MAX};
    rs_status status = rsi_map_text(in, at, object, key, &column);
    if (status == RS_OK && column != NULL) {
        status = slot_of(in, &here, column, slot);
    }
    return status;
}

/* ---- relations ----------------------------------------------------------------------------------
 */

/* type or type_column (or, with `typed`, neither: the types come by relation). */
static rs_status check_end_type(const rsi_map_reader *in, const rsi_map_place *at,
                                const rsi_end *end, bool typed)
{
    bool column = end->type_slot != RSI_NO_SLOT;
    if (typed && (end->type != NULL || column)) {
        return rsi_map_wrong(in, at, "the type is said in \"types\" already");
    }
    if (!typed && (end->type != NULL) == column) {
        return rsi_map_wrong(in, at,
                             column ? "expected \"type\" or \"type_column\", not both"
                                    : "expected \"type\" or \"type_column\"");
    }
    return RS_OK;
}

static rs_status read_end(const rsi_map_reader *in, const rsi_map_place *at, const cJSON *object,
                          const char *key, bool typed, rsi_end *end)
{
    rs_status status = RS_OK;
    const cJSON *item = rsi_map_get(object, key);
    rsi_map_place here = {at, key, SIZE_MAX};
    *end = (rsi_end){.type_slot = RSI_NO_SLOT, .slot = RSI_NO_SLOT};
    if (item == NULL) {
        return rsi_map_wrong(in, at, "\"%s\" is missing", key);
    }
    RS_TRY(rsi_map_check(in, &here, item, "type type_column column"));
    RS_TRY(rsi_map_text(in, &here, item, "type", &end->type));
    RS_TRY(get_slot(in, &here, item, "type_column", &end->type_slot));
    RS_TRY(get_slot(in, &here, item, "column", &end->slot));
    if (end->slot == RSI_NO_SLOT) {
        return rsi_map_wrong(in, &here, "\"column\" is missing");
    }
    RS_TRY(check_end_type(in, &here, end, typed));
done:
    return status;
}

static rs_status get_kind(const rsi_map_reader *in, const rsi_map_place *at, const cJSON *object,
                          const char *key, int *kind)
{
    const char *words[RS_KIND_COUNT];
    for (int i = 0; i < RS_KIND_COUNT; i++) {
        words[i] = rs_kind_name((rs_kind)i);
    }
    return rsi_map_word(in, at, object, key, words, RS_KIND_COUNT, kind);
}

static const char *const AS_WORDS[] = {"thing", "place"};

/* "as" beside a named relation. */
static rs_status read_as(const rsi_map_reader *in, const rsi_map_place *at, const cJSON *object,
                         rs_kind kind, bool *is_place)
{
    int as = 0;
    rs_status status = rsi_map_word(in, at, object, "as", AS_WORDS, 2, &as);
    if (status == RS_OK && rsi_map_get(object, "as") != NULL && kind != RS_KIND_SHARED) {
        return rsi_map_wrong(in, at, "\"as\" needs kind \"shared\", found \"%s\"",
                             rs_kind_name(kind));
    }
    *is_place = as == 1;
    return status;
}

static rsi_named *find_named(const rsi_relation_rule *rule, const char *name)
{
    for (size_t i = 0; i < rule->named_count; i++) {
        if (strcmp(rule->named[i].name, name) == 0) {
            return &rule->named[i];
        }
    }
    return NULL;
}

/* "as" beside "kinds": one word for all that are shared, or a table by relation. */
static rs_status read_as_table(const rsi_map_reader *in, const rsi_map_place *at,
                               const cJSON *object, rsi_relation_rule *rule)
{
    rs_status status = RS_OK;
    const cJSON *table = rsi_map_get(object, "as");
    rsi_map_place here = {at, "as", SIZE_MAX};
    int as = 0;
    if (table == NULL || cJSON_IsString(table)) {
        RS_TRY(rsi_map_word(in, at, object, "as", AS_WORDS, 2, &as));
        for (size_t i = 0; i < rule->named_count; i++) {
            rule->named[i].place = as == 1 && rule->named[i].kind == RS_KIND_SHARED;
        }
        return RS_OK;
    }
    if (!cJSON_IsObject(table)) {
        return rsi_map_wrong(in, &here,
                             "expected \"thing\", \"place\" or a table of them by relation");
    }
    for (const cJSON *child = table->child; child != NULL; child = child->next) {
        rsi_named *named = find_named(rule, child->string);
        if (named == NULL || named->kind != RS_KIND_SHARED) {
            return rsi_map_wrong(in, &here,
                                 "\"%s\" is not a relation of kind \"shared\" in \"kinds\"",
                                 child->string);
        }
        RS_TRY(rsi_map_word(in, &here, table, child->string, AS_WORDS, 2, &as));
        named->place = as == 1;
    }
done:
    return status;
}

static rs_status read_kinds(const rsi_map_reader *in, const rsi_map_place *at, const cJSON *object,
                            rsi_relation_rule *rule)
{
    rs_status status = RS_OK;
    const cJSON *table = rsi_map_get(object, "kinds");
    rsi_map_place here = {at, "kinds", SIZE_MAX};
    if (!cJSON_IsObject(table) || table->child == NULL) {
        return rsi_map_wrong(in, &here,
                             "expected a table of kinds by relation, beside \"name_column\"");
    }
    rule->named = calloc((size_t)cJSON_GetArraySize(table), sizeof *rule->named);
    if (rule->named == NULL) {
        return rsi_map_no_memory(in);
    }
    for (const cJSON *child = table->child; child != NULL; child = child->next) {
        int kind = 0;
        RS_TRY(get_kind(in, &here, table, child->string, &kind));
        rule->named[rule->named_count++] =
            (rsi_named){.name = child->string, .kind = (rs_kind)kind};
    }
    RS_TRY(read_as_table(in, at, object, rule));
done:
    return status;
}

static rs_status read_types(const rsi_map_reader *in, const rsi_map_place *at, const cJSON *table,
                            rsi_relation_rule *rule)
{
    rsi_map_place here = {at, "types", SIZE_MAX};
    if (!cJSON_IsObject(table)) {
        return rsi_map_wrong(in, &here,
                             "expected a table of [source type, target type] by relation");
    }
    for (const cJSON *child = table->child; child != NULL; child = child->next) {
        rsi_named *named = find_named(rule, child->string);
        const cJSON *src = cJSON_GetArrayItem(child, 0);
        const cJSON *dst = cJSON_GetArrayItem(child, 1);
        if (named == NULL) {
            return rsi_map_wrong(in, &here, "\"%s\" is not in \"kinds\"", child->string);
        }
        if (!cJSON_IsArray(child) || cJSON_GetArraySize(child) != 2 || !cJSON_IsString(src) ||
            !cJSON_IsString(dst) || src->valuestring[0] == '\0' || dst->valuestring[0] == '\0') {
            return rsi_map_wrong(in, &here, "\"%s\": expected [source type, target type]",
                                 child->string);
        }
        named->src_type = src->valuestring;
        named->dst_type = dst->valuestring;
    }
    for (size_t i = 0; i < rule->named_count; i++) {
        if (rule->named[i].src_type == NULL) {
            return rsi_map_wrong(in, &here, "\"%s\" is in \"kinds\" but not here",
                                 rule->named[i].name);
        }
    }
    return RS_OK;
}

static rs_status read_name(const rsi_map_reader *in, const rsi_map_place *at, const cJSON *object,
                           rsi_relation_rule *rule)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_map_text(in, at, object, "name", &rule->name));
    RS_TRY(get_slot(in, at, object, "name_column", &rule->name_slot));
    if ((rule->name != NULL) == (rule->name_slot != RSI_NO_SLOT)) {
        return rsi_map_wrong(in, at,
                             rule->name != NULL ? "expected \"name\" or \"name_column\", not both"
                                                : "expected \"name\" or \"name_column\"");
    }
    if (rule->name == NULL) {
        if (rsi_map_get(object, "kind") != NULL) {
            return rsi_map_wrong(in, at,
                                 "\"kind\" goes with \"name\"; with \"name_column\" say \"kinds\"");
        }
        RS_TRY(read_kinds(in, at, object, rule));
        goto done;
    }
    if (rsi_map_get(object, "kinds") != NULL || rsi_map_get(object, "types") != NULL) {
        return rsi_map_wrong(in, at, "\"kinds\" and \"types\" go with \"name_column\"");
    }
    if (rsi_map_get(object, "kind") == NULL) {
        return rsi_map_wrong(in, at, "\"kind\" is missing");
    }
    int kind = 0;
    RS_TRY(get_kind(in, at, object, "kind", &kind));
    rule->kind = (rs_kind)kind;
    RS_TRY(read_as(in, at, object, rule->kind, &rule->place));
done:
    return status;
}

static rs_status read_amount(const rsi_map_reader *in, const rsi_map_place *at, const cJSON *object,
                             rsi_relation_rule *rule)
{
    rs_status status = RS_OK;
    const cJSON *decimals = rsi_map_get(object, "decimals");
    rule->decimals = 2;
    rule->currency = "";
    RS_TRY(get_slot(in, at, object, "amount", &rule->amount_slot));
    RS_TRY(rsi_map_text(in, at, object, "currency", &rule->currency));
    RS_TRY(get_slot(in, at, object, "currency_column", &rule->currency_slot));
    if (decimals != NULL) {
        rsi_map_place here = {at, "decimals", SIZE_MAX};
        double value = cJSON_IsNumber(decimals) ? decimals->valuedouble : -1;
        if (!(value >= 0 && value <= RSI_DECIMALS_MAX) || value != (double)(int)value) {
            return rsi_map_wrong(in, &here, "expected a whole number from 0 to %d",
                                 RSI_DECIMALS_MAX);
        }
        rule->decimals = (uint8_t)value;
    }
    bool currency_said = rule->currency[0] != '\0';
    bool currency_column = rule->currency_slot != RSI_NO_SLOT;
    if (currency_said && currency_column) {
        return rsi_map_wrong(in, at, "expected \"currency\" or \"currency_column\", not both");
    }
    if (rule->amount_slot == RSI_NO_SLOT &&
        (decimals != NULL || currency_said || currency_column)) {
        return rsi_map_wrong(in, at, "\"decimals\" and \"currency\" need an \"amount\"");
    }
done:
    return status;
}

static const char RELATION_KEYS[] = "name name_column kind kinds as types src dst time time_unit "
                                    "amount decimals currency currency_column key";

static rs_status read_relation(const rsi_map_reader *in, const rsi_map_place *at,
                               const cJSON *object, rsi_relation_rule *rule)
{
    rs_status status = RS_OK;
    *rule = (rsi_relation_rule){.name_slot = RSI_NO_SLOT,
                                .time_slot = RSI_NO_SLOT,
                                .amount_slot = RSI_NO_SLOT,
                                .currency_slot = RSI_NO_SLOT,
                                .key_slot = RSI_NO_SLOT,
                                .unit = in->unit};
    RS_TRY(rsi_map_check(in, at, object, RELATION_KEYS));
    RS_TRY(read_name(in, at, object, rule));
    const cJSON *types = rsi_map_get(object, "types");
    if (types != NULL) {
        RS_TRY(read_types(in, at, types, rule));
    }
    RS_TRY(read_end(in, at, object, "src", types != NULL, &rule->src));
    RS_TRY(read_end(in, at, object, "dst", types != NULL, &rule->dst));
    RS_TRY(get_slot(in, at, object, "time", &rule->time_slot));
    RS_TRY(get_unit(in, at, object, &rule->unit));
    RS_TRY(read_amount(in, at, object, rule));
    RS_TRY(get_slot(in, at, object, "key", &rule->key_slot));
done:
    return status;
}

/* ---- nodes, sources, the whole ------------------------------------------------------------------
 */

static rs_status read_attributes(const rsi_map_reader *in, const rsi_map_place *at,
                                 const cJSON *object, rsi_node_rule *rule)
{
    rs_status status = RS_OK;
    size_t count = 0;
    RS_TRY(rsi_map_array(in, at, object, "attributes", &count));
    rule->attribute_slots = calloc(count + 1, sizeof *rule->attribute_slots);
    if (rule->attribute_slots == NULL) {
        return rsi_map_no_memory(in);
    }
    const cJSON *item = count > 0 ? rsi_map_get(object, "attributes")->child : NULL;
    for (; item != NULL; item = item->next) {
        rsi_map_place here = {at, "attributes", rule->attribute_count};
        size_t slot = RSI_NO_SLOT;
        if (!cJSON_IsString(item) || item->valuestring[0] == '\0') {
            return rsi_map_wrong(in, &here, "expected the name of a column");
        }
        RS_TRY(slot_of(in, &here, item->valuestring, &slot));
        for (size_t i = 0; i < rule->attribute_count; i++) {
            if (rule->attribute_slots[i] == slot) {
                return rsi_map_wrong(in, &here, "\"%s\" stands twice", item->valuestring);
            }
        }
        rule->attribute_slots[rule->attribute_count++] = slot;
    }
done:
    return status;
}

static rs_status read_node(const rsi_map_reader *in, const rsi_map_place *at, const cJSON *object,
                           rsi_node_rule *rule)
{
    rs_status status = RS_OK;
    *rule = (rsi_node_rule){.node = {.type_slot = RSI_NO_SLOT, .slot = RSI_NO_SLOT},
                            .time_slot = RSI_NO_SLOT,
                            .unit = in->unit};
    RS_TRY(rsi_map_check(in, at, object, "type type_column column attributes time time_unit"));
    RS_TRY(rsi_map_text(in, at, object, "type", &rule->node.type));
    RS_TRY(get_slot(in, at, object, "type_column", &rule->node.type_slot));
    RS_TRY(get_slot(in, at, object, "column", &rule->node.slot));
    if (rule->node.slot == RSI_NO_SLOT) {
        return rsi_map_wrong(in, at, "\"column\" is missing");
    }
    RS_TRY(check_end_type(in, at, &rule->node, false));
    RS_TRY(get_slot(in, at, object, "time", &rule->time_slot));
    RS_TRY(get_unit(in, at, object, &rule->unit));
    RS_TRY(read_attributes(in, at, object, rule));
done:
    return status;
}

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
    RS_TRY(get_unit(&inner, at, object, &inner.unit));
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
        RS_TRY(read_relation(&inner, &here, item, &source->relations[source->relation_count++]));
    }
    item = node_count > 0 ? rsi_map_get(object, "nodes")->child : NULL;
    for (; item != NULL; item = item->next) {
        rsi_map_place here = {at, "nodes", source->node_count};
        RS_TRY(read_node(&inner, &here, item, &source->nodes[source->node_count++]));
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
    RS_TRY(get_unit(in, NULL, mapping->tree, &in->unit));
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
