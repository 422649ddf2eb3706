/* rows_line.c - the short way of a row: a plain line of a CSV file, by the offsets of its fields.
 *
 * No cells are made. Whatever is not as it nearly always is goes the long way (rows.c), which says
 * what is wrong. Numbers are read eight bytes at a time (base/digits.h).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ingest/rows_internal.h"

#include "base/decimal.h"
#include "base/digits.h"
#include "store/dict.h"

static size_t field_of(const size_t *field_of_slot, size_t slot)
{
    return slot == RSI_NO_SLOT ? RSI_NO_FIELD : field_of_slot[slot];
}

bool rsi_rower_bind(rsi_rower *rower, const size_t *field_of_slot)
{
    const rsi_source *source = rower->source;
    for (size_t i = 0; i < source->relation_count; i++) {
        const rsi_relation_rule *rule = &source->relations[i];
        const rsi_settled_table *table = &rower->relation_caches[i];
        rower->line_rules[i] = (rsi_line_rule){.src = field_of(field_of_slot, rule->src.slot),
                                               .dst = field_of(field_of_slot, rule->dst.slot),
                                               .time = field_of(field_of_slot, rule->time_slot),
                                               .amount = field_of(field_of_slot, rule->amount_slot),
                                               .key = field_of(field_of_slot, rule->key_slot),
                                               .decimals = rule->decimals,
                                               .unit = rule->unit,
                                               .cells = rower->cells,
                                               .table = table};
        for (size_t part = 0; part < table->parts; part++) {
            rower->line_rules[i].parts[part] = field_of_slot[table->slots[part]];
        }
    }
    return source->node_count == 0;
}

static inline rs_text field_at(const char *bytes, const uint32_t *ends, size_t field)
{
    const uint32_t *end = ends + field;
    uint32_t start = end[-1] + 1;
    return (rs_text){bytes + start, *end - start};
}

static inline bool line_time(rs_text cell, const rsi_line_rule *rule, int64_t latest,
                             rsi_edge_row *edge)
{
    rsi_timestamp time = {RS_NO_TIME, 1};
    if (cell.length == 0) {
        edge->time = RS_NO_TIME;
        return true;
    }
    bool good =
        cell.length == 10 && rule->unit == RSI_UNIT_S && rsi_ten_digits(cell.bytes, &time.unix_s);
    good = good || rsi_timestamp_parse(cell, rule->unit, &time) == NULL;
    edge->time = time.unix_s;
    edge->precision_s = time.precision_s;
    return good && time.unix_s <= latest;
}

static inline bool line_amount(rs_text cell, const rsi_line_rule *rule, int64_t *amount)
{
    return cell.length == 0 ||
           rsi_short_decimal_padded(cell.bytes, cell.length, rule->decimals, amount) ||
           rsi_decimal_parse(cell, rule->decimals, amount) == NULL;
}

/* Several cells, or a long one. */
static const rsi_settled *line_relation_slowly(const char *bytes, const uint32_t *ends,
                                               const rsi_line_rule *rule)
{
    for (size_t i = 0; i < rule->table->parts; i++) {
        rule->cells[rule->table->slots[i]] = field_at(bytes, ends, rule->parts[i]);
    }
    return rsi_settled_find(rule->table, rule->cells);
}

/* What the relation of a line is; NULL where that is not known yet: take the long way. */
static inline const rsi_settled *line_relation(const char *bytes, const uint32_t *ends,
                                               const rsi_line_rule *rule)
{
    if (rule->table->parts == 0) {
        return &rule->table->only;
    }
    rs_text name = field_at(bytes, ends, rule->parts[0]);
    uint64_t head;
    uint64_t tail;
    if (rule->table->parts > 1 || name.length > RSI_SETTLED_SHORT) {
        return line_relation_slowly(bytes, ends, rule);
    }
    rsi_settled_ends_padded(name, &head, &tail);
    return rsi_settled_find_ends(rule->table, name.length, head, tail);
}

/* One rule of a line, into *edge; false: take the long way. *there: whether it gave a relation. */
static inline bool line_edge(const char *bytes, const uint32_t *ends, const rsi_line_rule *rule,
                             int64_t latest, rsi_edge_row *edge, bool *there)
{
    static const rs_text NOTHING = {"", 0};
    edge->src = field_at(bytes, ends, rule->src);
    edge->dst = field_at(bytes, ends, rule->dst);
    *there = edge->src.length > 0 && edge->dst.length > 0;
    if (!*there) {
        return true;
    }
    const rsi_settled *found = line_relation(bytes, ends, rule);
    edge->time = RS_NO_TIME;
    edge->precision_s = 1;
    edge->amount = RS_NO_AMOUNT;
    edge->key = NOTHING;
    if (rule->key != RSI_NO_FIELD) {
        edge->key = field_at(bytes, ends, rule->key);
    }
    if (found == NULL ||
        (edge->src.length | edge->dst.length | edge->key.length) >= RSI_ID_BYTES_MAX) {
        return false;
    }
    edge->relation = found->relation;
    return (rule->time == RSI_NO_FIELD ||
            line_time(field_at(bytes, ends, rule->time), rule, latest, edge)) &&
           (rule->amount == RSI_NO_FIELD ||
            line_amount(field_at(bytes, ends, rule->amount), rule, &edge->amount));
}

size_t rsi_rower_read_lines(rsi_rower *rower, const char *bytes, const rsi_csv_run *run,
                            rsi_edge_row **edges, size_t *edge_count)
{
    const rsi_line_rule *rules = rower->line_rules;
    const rsi_line_rule *rules_end = rules + rower->source->relation_count;
    const uint32_t *ends = run->ends;
    int64_t latest = rower->time_max;
    rsi_edge_row *next = rower->line_edges;
    size_t lines = run->count < RSI_LINES_AT_ONCE ? run->count : RSI_LINES_AT_ONCE;
    size_t taken = 0;
    *edges = next;
    for (; taken < lines; taken++, ends += run->stride) {
        rsi_edge_row *first = next;
        for (const rsi_line_rule *rule = rules; rule < rules_end; rule++) {
            bool there;
            if (!line_edge(bytes, ends, rule, latest, next, &there)) {
                next = first; /* a row is taken whole or not at all */
                goto done;
            }
            next->line = run->line + taken;
            next += there;
        }
    }
done:
    *edge_count = (size_t)(next - rower->line_edges);
    return taken;
}
