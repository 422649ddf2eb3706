/* rows.c - the inner loop of ingest: cells -> numbers.
 *
 * A row is taken whole or not at all: its edges are collected and handed out only when every cell
 * of every rule is good.
 *
 * Invariant: a cached entry's key is the row's name, types and currency cells, those that its rule
 * reads.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ingest/rows_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/timestamp.h"
#include "base/try.h"
#include "store/dict.h"
#include "store/manifest.h"

enum { VALUE_BYTES_MAX = 65536 };

/* ---- names in columns ------------------------------------------------------------------------ */

/* A name or type out of a cell: has to be there, and such as the store can keep. */
static bool check_name(const rsi_rower *rower, size_t slot, rs_text name, rsi_bad_cell *bad)
{
    const char *problem = NULL;
    if (name.length == 0) {
        problem = "is empty where a relation or type is named";
    } else if (name.length > RSI_NAME_BYTES_MAX) {
        problem = "is too long for a name (at most 255 bytes)";
    } else if (memchr(name.bytes, '\0', name.length) != NULL) {
        problem = "is a name with U+0000 in it";
    }
    if (problem != NULL) {
        rsi_bad_cell_set(bad, rower->source, slot, name, problem);
    }
    return problem == NULL;
}

/* An id, key or attribute that the store can keep. */
static inline bool check_length(const rsi_rower *rower, size_t slot, rs_text cell, size_t most,
                                rsi_bad_cell *bad)
{
    if (cell.length <= most) {
        return true;
    }
    rsi_bad_cell_set(bad, rower->source, slot, cell,
                     most == RSI_ID_BYTES_MAX ? "is longer than the 4096 bytes of an id"
                                              : "is longer than the 65536 bytes of an attribute");
    return false;
}

static rs_text text_of(const char *string)
{
    return (rs_text){string, strlen(string)};
}

static const rsi_named *find_named(const rsi_relation_rule *rule, rs_text name)
{
    for (size_t i = 0; i < rule->named_count; i++) {
        const rsi_named *named = &rule->named[i];
        if (strlen(named->name) == name.length &&
            memcmp(named->name, name.bytes, name.length) == 0) {
            return named;
        }
    }
    return NULL;
}

/* The type of one end: said by relation, said by the end, or in the row's cell. */
static bool end_type(const rsi_rower *rower, const rsi_end *end, const char *by_relation,
                     const rs_text *cells, rs_text *type, rsi_bad_cell *bad)
{
    if (by_relation != NULL || end->type != NULL) {
        *type = text_of(by_relation != NULL ? by_relation : end->type);
        return true;
    }
    *type = cells[end->type_slot];
    return check_name(rower, end->type_slot, *type, bad);
}

/* Settle the relation that `cells` name; *good false where they name none. */
static rs_status settle_relation(rsi_rower *rower, const rsi_relation_rule *rule,
                                 const rs_text *cells, rsi_settled *one, bool *good,
                                 rsi_bad_cell *bad, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_registry *registry = rower->registry;
    rsi_relation_spec spec = {.kind = rule->kind, .place = rule->place, .decimals = rule->decimals};
    const rsi_named *named = NULL;
    rs_text types[2];
    *good = false;
    if (rule->name != NULL) {
        spec.name = text_of(rule->name);
    } else {
        spec.name = cells[rule->name_slot];
        named = find_named(rule, spec.name);
        if (named == NULL) {
            rsi_bad_cell_set(bad, rower->source, rule->name_slot, spec.name,
                             "is not a relation in the mapping's \"kinds\"");
            return RS_OK;
        }
        spec.kind = named->kind;
        spec.place = named->place;
    }
    if (!end_type(rower, &rule->src, named != NULL ? named->src_type : NULL, cells, &types[0],
                  bad) ||
        !end_type(rower, &rule->dst, named != NULL ? named->dst_type : NULL, cells, &types[1],
                  bad)) {
        return RS_OK;
    }
    spec.currency = text_of(rule->currency);
    if (rule->currency_slot != RSI_NO_SLOT) {
        spec.currency = cells[rule->currency_slot];
        if (spec.currency.length > 0 &&
            !check_name(rower, rule->currency_slot, spec.currency, bad)) {
            return RS_OK;
        }
    }
    RS_TRY(registry->type(registry->context, types[0], &spec.src_type, err));
    RS_TRY(registry->type(registry->context, types[1], &spec.dst_type, err));
    RS_TRY(registry->relation(registry->context, &spec, &one->relation, err));
    one->types[0] = spec.src_type;
    one->types[1] = spec.dst_type;
    *good = true;
done:
    return status;
}

static rs_status settle_node(rsi_rower *rower, const rsi_node_rule *rule, const rs_text *cells,
                             rsi_settled *one, bool *good, rsi_bad_cell *bad, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_registry *registry = rower->registry;
    rs_text type;
    *good = end_type(rower, &rule->node, NULL, cells, &type, bad);
    if (!*good) {
        return RS_OK;
    }
    RS_TRY(registry->type(registry->context, type, &one->types[0], err));
    one->attributes = calloc(rule->attribute_count + 1, sizeof *one->attributes);
    if (one->attributes == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (attributes)");
    }
    for (size_t i = 0; i < rule->attribute_count; i++) {
        rs_text name = text_of(rower->source->columns[rule->attribute_slots[i]]);
        RS_TRY(
            registry->attribute(registry->context, one->types[0], name, &one->attributes[i], err));
    }
done:
    if (status != RS_OK) {
        free(one->attributes);
        one->attributes = NULL;
    }
    return status;
}

/* The entry for a row; NULL and *good false where the row's names are bad. Exactly one of the rules
 * is not NULL. */
static rs_status look_up_slowly(rsi_rower *rower, rsi_settled_table *table,
                                const rsi_relation_rule *relation, const rsi_node_rule *node,
                                const rs_text *cells, const rsi_settled **found, rsi_bad_cell *bad,
                                rs_error *err)
{
    *found = rsi_settled_find(table, cells);
    if (*found != NULL) {
        return RS_OK;
    }
    rsi_settled one = {0};
    bool good = false;
    rs_status status = relation != NULL
                           ? settle_relation(rower, relation, cells, &one, &good, bad, err)
                           : settle_node(rower, node, cells, &one, &good, bad, err);
    if (status == RS_OK && good) {
        status = rsi_settled_add(table, cells, &one, found, err);
        if (status != RS_OK) {
            free(one.text);
            free(one.attributes);
        }
    }
    return status;
}

/* The entry for a row, as above; nothing to look up where the rule says it all. */
static inline rs_status look_up(rsi_rower *rower, rsi_settled_table *table,
                                const rsi_relation_rule *relation, const rsi_node_rule *node,
                                const rs_text *cells, const rsi_settled **found, rsi_bad_cell *bad,
                                rs_error *err)
{
    *found = &table->only;
    if (table->parts == 0) {
        return RS_OK;
    }
    if (table->parts == 1 && cells[table->slots[0]].length <= RSI_SETTLED_SHORT) {
        *found = rsi_settled_find_short(table, cells[table->slots[0]]);
        if (*found != NULL) {
            return RS_OK;
        }
    }
    return look_up_slowly(rower, table, relation, node, cells, found, bad, err);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void add_part(rsi_settled_table *table, size_t slot)
{
    if (slot != RSI_NO_SLOT) {
        table->slots[table->parts++] = slot;
    }
}

static rs_status make_caches(rsi_rower *rower, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_source *source = rower->source;
    rsi_bad_cell bad;
    bool good = true;
    for (size_t i = 0; i < source->relation_count; i++) {
        const rsi_relation_rule *rule = &source->relations[i];
        rsi_settled_table *table = &rower->relation_caches[i];
        add_part(table, rule->name_slot);
        add_part(table, rule->src.type_slot);
        add_part(table, rule->dst.type_slot);
        add_part(table, rule->currency_slot);
        if (table->parts == 0) {
            RS_TRY(settle_relation(rower, rule, NULL, &table->only, &good, &bad, err));
        }
    }
    for (size_t i = 0; i < source->node_count; i++) {
        rsi_settled_table *table = &rower->node_caches[i];
        add_part(table, source->nodes[i].node.type_slot);
        if (table->parts == 0) {
            RS_TRY(settle_node(rower, &source->nodes[i], NULL, &table->only, &good, &bad, err));
        }
    }
done:
    return status;
}

rs_status rsi_rower_new(rsi_rower **out, const rsi_source *source, const rsi_registry *registry,
                        int64_t time_max, rs_error *err)
{
    rs_status status = RS_OK;
    size_t value_count = 1;
    for (size_t i = 0; i < source->node_count; i++) {
        value_count += source->nodes[i].attribute_count;
    }
    rsi_rower *rower = calloc(1, sizeof *rower);
    if (rower == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (rules)");
    }
    rower->source = source;
    rower->registry = registry;
    rower->time_max = time_max;
    rower->relation_caches = calloc(source->relation_count + 1, sizeof *rower->relation_caches);
    rower->node_caches = calloc(source->node_count + 1, sizeof *rower->node_caches);
    rower->edges = calloc(source->relation_count + 1, sizeof *rower->edges);
    rower->line_edges =
        calloc(source->relation_count * RSI_LINES_AT_ONCE + 1, sizeof *rower->line_edges);
    rower->line_rules = calloc(source->relation_count + 1, sizeof *rower->line_rules);
    rower->cells = calloc(source->column_count + 1, sizeof *rower->cells);
    rower->edge_types = calloc(source->relation_count + 1, sizeof *rower->edge_types);
    rower->nodes = calloc(source->node_count + 1, sizeof *rower->nodes);
    rower->values = calloc(value_count, sizeof *rower->values);
    if (rower->relation_caches == NULL || rower->node_caches == NULL || rower->edges == NULL ||
        rower->edge_types == NULL || rower->nodes == NULL || rower->values == NULL ||
        rower->line_rules == NULL || rower->line_edges == NULL || rower->cells == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (rules)");
        goto done;
    }
    RS_TRY(make_caches(rower, err));
    *out = rower;
    rower = NULL; /* moved to the caller */
done:
    rsi_rower_free(rower);
    return status;
}

static void free_caches(rsi_settled_table *caches, size_t count)
{
    for (size_t i = 0; caches != NULL && i < count; i++) {
        rsi_settled_clear(&caches[i]);
    }
    free(caches);
}

void rsi_rower_free(rsi_rower *rower)
{
    if (rower == NULL) {
        return;
    }
    free_caches(rower->relation_caches, rower->source->relation_count);
    free_caches(rower->node_caches, rower->source->node_count);
    free(rower->edges);
    free(rower->line_rules);
    free(rower->line_edges);
    free(rower->cells);
    free(rower->edge_types);
    free(rower->nodes);
    free(rower->values);
    free(rower);
}

/* ---- a row ----------------------------------------------------------------------------------- */

static bool read_time(const rsi_rower *rower, size_t slot, rsi_time_unit unit, const rs_text *cells,
                      rsi_timestamp *time, rsi_bad_cell *bad)
{
    *time = (rsi_timestamp){RS_NO_TIME, 1};
    if (slot == RSI_NO_SLOT || cells[slot].length == 0) {
        return true;
    }
    const char *problem = rsi_timestamp_parse(cells[slot], unit, time);
    if (problem == NULL && time->unix_s > rower->time_max) {
        problem = "is later than the latest time allowed";
    }
    if (problem != NULL) {
        rsi_bad_cell_set(bad, rower->source, slot, cells[slot], problem);
    }
    return problem == NULL;
}

static bool read_amount(const rsi_rower *rower, const rsi_relation_rule *rule, const rs_text *cells,
                        int64_t *amount, rsi_bad_cell *bad)
{
    *amount = RS_NO_AMOUNT;
    if (rule->amount_slot == RSI_NO_SLOT || cells[rule->amount_slot].length == 0) {
        return true;
    }
    rs_text cell = cells[rule->amount_slot];
    const char *problem = rsi_decimal_parse(cell, rule->decimals, amount);
    if (problem != NULL) {
        rsi_bad_cell_set(bad, rower->source, rule->amount_slot, cell, problem);
    }
    return problem == NULL;
}

static rs_status read_relation(rsi_rower *rower, size_t index, const rs_text *cells, rsi_row *row,
                               bool *good, rsi_bad_cell *bad, rs_error *err)
{
    const rsi_relation_rule *rule = &rower->source->relations[index];
    rs_text src = cells[rule->src.slot];
    rs_text dst = cells[rule->dst.slot];
    if (src.length == 0 || dst.length == 0) {
        return RS_OK; /* no such relation in this row */
    }
    const rsi_settled *found = NULL;
    rs_status status =
        look_up(rower, &rower->relation_caches[index], rule, NULL, cells, &found, bad, err);
    rsi_edge_row *edge = &row->edges[row->edge_count];
    rsi_timestamp time;
    rs_text key = rule->key_slot == RSI_NO_SLOT ? (rs_text){"", 0} : cells[rule->key_slot];
    *good = status == RS_OK && found != NULL &&
            check_length(rower, rule->src.slot, src, RSI_ID_BYTES_MAX, bad) &&
            check_length(rower, rule->dst.slot, dst, RSI_ID_BYTES_MAX, bad) &&
            check_length(rower, rule->key_slot, key, RSI_ID_BYTES_MAX, bad) &&
            read_time(rower, rule->time_slot, rule->unit, cells, &time, bad) &&
            read_amount(rower, rule, cells, &edge->amount, bad);
    if (!*good) {
        return status;
    }
    edge->relation = found->relation;
    edge->src = src;
    edge->dst = dst;
    edge->time = time.unix_s;
    edge->precision_s = time.precision_s;
    edge->key = key;
    memcpy(row->edge_types[row->edge_count], found->types, sizeof found->types);
    row->edge_count++;
    return RS_OK;
}

static rs_status read_node(rsi_rower *rower, size_t index, const rs_text *cells, rsi_row *row,
                           bool *good, rsi_bad_cell *bad, rs_error *err)
{
    const rsi_node_rule *rule = &rower->source->nodes[index];
    rs_text id = cells[rule->node.slot];
    if (id.length == 0) {
        return RS_OK;
    }
    const rsi_settled *found = NULL;
    rs_status status =
        look_up(rower, &rower->node_caches[index], NULL, rule, cells, &found, bad, err);
    rsi_timestamp time;
    *good = status == RS_OK && found != NULL &&
            check_length(rower, rule->node.slot, id, RSI_ID_BYTES_MAX, bad) &&
            read_time(rower, rule->time_slot, rule->unit, cells, &time, bad);
    for (size_t i = 0; *good && i < rule->attribute_count; i++) {
        size_t slot = rule->attribute_slots[i];
        *good = check_length(rower, slot, cells[slot], VALUE_BYTES_MAX, bad);
    }
    if (!*good) {
        return status;
    }
    row->nodes[row->node_count++] = (rsi_node_row){found->types[0], id};
    for (size_t i = 0; i < rule->attribute_count; i++) {
        rs_text value = cells[rule->attribute_slots[i]];
        if (value.length > 0) {
            row->values[row->value_count++] = (rsi_value_row){
                .attribute = found->attributes[i], .node = id, .value = value, .time = time.unix_s};
        }
    }
    return RS_OK;
}

rs_status rsi_rower_read(rsi_rower *rower, const rs_text *cells, rsi_row *row, bool *good,
                         rsi_bad_cell *bad, rs_error *err)
{
    rs_status status = RS_OK;
    *row = (rsi_row){.edges = rower->edges,
                     .edge_types = rower->edge_types,
                     .nodes = rower->nodes,
                     .values = rower->values};
    *good = true;
    for (size_t i = 0; *good && i < rower->source->relation_count; i++) {
        RS_TRY(read_relation(rower, i, cells, row, good, bad, err));
    }
    for (size_t i = 0; *good && i < rower->source->node_count; i++) {
        RS_TRY(read_node(rower, i, cells, row, good, bad, err));
    }
done:
    return status;
}
