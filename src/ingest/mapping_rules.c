/* mapping_rules.c - what a source of a mapping makes of a row: its relations and its nodes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ingest/mapping_rules.h"

#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/try.h"

enum { COLUMNS_MAX = 4096 };

/* ---- units and columns ------------------------------------------------------------------------
 */

rs_status rsi_map_unit(const rsi_map_reader *in, const rsi_map_place *at, const cJSON *object,
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

rs_status rsi_map_relation(const rsi_map_reader *in, const rsi_map_place *at, const cJSON *object,
                           rsi_relation_rule *rule)
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
    RS_TRY(rsi_map_unit(in, at, object, &rule->unit));
    RS_TRY(read_amount(in, at, object, rule));
    RS_TRY(get_slot(in, at, object, "key", &rule->key_slot));
done:
    return status;
}

/* ---- nodes ------------------------------------------------------------------
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

rs_status rsi_map_node(const rsi_map_reader *in, const rsi_map_place *at, const cJSON *object,
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
    RS_TRY(rsi_map_unit(in, at, object, &rule->unit));
    RS_TRY(read_attributes(in, at, object, rule));
done:
    return status;
}
