/* stats.c - `ringscope stats`: what a store holds and what it takes on disk.
 *
 * The manifest and the heads of blocks are read, nothing is unpacked; with --sharing
 * (stats_sharing.c) and --components every relation is.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>

#include "base/try.h"
#include "cli/cli.h"
#include "cli/stats_sharing.h"
#include "ringscope/graph.h"

enum { FORMAT_TEXT, FORMAT_JSON };

typedef struct stats_options {
    int format;
    bool sharing;
    bool components;
} stats_options;

static const rsi_option options[] = {
    {.name = "format",
     .value = RSI_CHOICE,
     .argument = "text|json",
     .offset = offsetof(stats_options, format),
     .help = "how to print it; by default text"},
    {.name = "sharing",
     .value = RSI_FLAG,
     .offset = offsetof(stats_options, sharing),
     .help = "read every relation and count what is shared by two and more, and the ties of "
             "those who share something"},
    {.name = "components",
     .value = RSI_FLAG,
     .offset = offsetof(stats_options, components),
     .help = "read every relation and count what hangs together: components of all nodes over all "
             "relations"},
    {.name = NULL},
};

static uint64_t total_edges(const rs_store *store)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < rs_store_relation_count(store); i++) {
        sum += rs_store_relation(store, i).edge_count;
    }
    return sum;
}

static uint64_t total_bytes(rs_store_size size)
{
    return size.manifest + size.dictionary + size.relations + size.attributes + size.rows;
}

static const char *type_name(const rs_store *store, uint32_t type)
{
    return rs_store_type(store, type).name;
}

static const char *value_kind_name(rs_value_kind kind)
{
    static const char *const names[] = {"integer", "decimal", "date", "text"};
    return names[kind];
}

/* ---- for a person --------------------------------------------------------------------------- */

static rs_status print_types(const rs_store *store, FILE *out, rs_error *err)
{
    char number[RSI_FORMAT_MAX];
    rsi_table *table = rsi_table_new("lr");
    rsi_table_cell(table, "type");
    rsi_table_cell(table, "nodes");
    for (size_t i = 0; i < rs_store_type_count(store); i++) {
        rs_type_info type = rs_store_type(store, i);
        rsi_table_cell(table, "%s", type.name);
        rsi_table_cell(table, "%s", rsi_format_count(number, type.node_count));
    }
    rs_status status = rsi_table_print(table, out, 0, err);
    rsi_table_free(table);
    return status;
}

static rs_status print_relations(const rs_store *store, FILE *out, rs_error *err)
{
    static const char *const titles[] = {"relation", "kind",  "from", "to",
                                         "edges",    "first", "last", "currency"};
    char number[RSI_FORMAT_MAX];
    rsi_table *table = rsi_table_new("llllrlll");
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
        rsi_table_cell(table, "%s", titles[i]);
    }
    for (size_t i = 0; i < rs_store_relation_count(store); i++) {
        rs_relation_info relation = rs_store_relation(store, i);
        rsi_table_cell(table, "%s", relation.name);
        rsi_table_cell(table, "%s%s", rs_kind_name(relation.kind),
                       relation.place ? " (place)" : "");
        rsi_table_cell(table, "%s", type_name(store, relation.src_type));
        rsi_table_cell(table, "%s", type_name(store, relation.dst_type));
        rsi_table_cell(table, "%s", rsi_format_count(number, relation.edge_count));
        rsi_table_time(table, relation.time_min);
        rsi_table_time(table, relation.time_max);
        rsi_table_cell(table, "%s", relation.currency[0] != '\0' ? relation.currency : "-");
    }
    rs_status status = rsi_table_print(table, out, 0, err);
    rsi_table_free(table);
    return status;
}

static rs_status print_attributes(const rs_store *store, FILE *out, rs_error *err)
{
    char number[RSI_FORMAT_MAX];
    rsi_table *table = rsi_table_new("lllr");
    rsi_table_cell(table, "attribute");
    rsi_table_cell(table, "of");
    rsi_table_cell(table, "holds");
    rsi_table_cell(table, "values");
    for (size_t i = 0; i < rs_store_attribute_count(store); i++) {
        rs_attribute_info attribute = rs_store_attribute(store, i);
        rsi_table_cell(table, "%s", attribute.name);
        rsi_table_cell(table, "%s", type_name(store, attribute.type));
        rsi_table_cell(table, "%s", value_kind_name(attribute.kind));
        rsi_table_cell(table, "%s", rsi_format_count(number, attribute.value_count));
    }
    rs_status status = rsi_table_print(table, out, 0, err);
    rsi_table_free(table);
    return status;
}

static rs_status print_batches(const rs_store *store, FILE *out, rs_error *err)
{
    char number[RSI_FORMAT_MAX];
    rsi_table *table = rsi_table_new("rlrr");
    rsi_table_cell(table, "no");
    rsi_table_cell(table, "batch");
    rsi_table_cell(table, "rows");
    rsi_table_cell(table, "edges");
    for (size_t i = 0; i < rs_store_batch_count(store); i++) {
        rs_batch_info batch = rs_store_batch(store, i);
        rsi_table_cell(table, "%" PRIu64, batch.sequence);
        rsi_table_cell(table, "%s", batch.name);
        rsi_table_cell(table, "%s", rsi_format_count(number, batch.row_count));
        rsi_table_cell(table, "%s", rsi_format_count(number, batch.edge_count));
    }
    rs_status status = rsi_table_print(table, out, 0, err);
    rsi_table_free(table);
    return status;
}

static void each_cell(rsi_table *table, uint64_t bytes, uint64_t count)
{
    if (bytes > 0 && count > 0) {
        rsi_table_cell(table, "%.2f", (double)bytes / (double)count);
    } else {
        rsi_table_cell(table, "-");
    }
}

/* Bytes an edge, the structure apart from what stands beside it. */
static rs_status print_columns(const rs_store *store, FILE *out, rs_error *err)
{
    static const char *const titles[] = {"bytes per edge", "currency", "structure", "time",
                                         "amount",         "in all",   "reverse"};
    rs_status status = RS_OK;
    rsi_table *table = rsi_table_new("llrrrrr");
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
        rsi_table_cell(table, "%s", titles[i]);
    }
    for (size_t i = 0; i < rs_store_relation_count(store); i++) {
        rs_relation_info relation = rs_store_relation(store, i);
        rs_relation_size size = {0};
        RS_TRY(rs_store_relation_bytes(store, i, &size, err));
        rsi_table_cell(table, "%s", relation.name);
        rsi_table_cell(table, "%s", relation.currency[0] != '\0' ? relation.currency : "-");
        each_cell(table, size.structure, relation.edge_count);
        each_cell(table, size.time, relation.edge_count);
        each_cell(table, size.amount, relation.edge_count);
        each_cell(table, size.structure + size.time + size.amount, relation.edge_count);
        each_cell(table, size.reverse, relation.edge_count);
    }
    RS_TRY(rsi_table_print(table, out, 0, err));
done:
    rsi_table_free(table);
    return status;
}

static rs_status print_sizes(const rs_store *store, FILE *out, rs_error *err)
{
    char number[RSI_FORMAT_MAX];
    rs_store_size size = rs_store_bytes(store);
    uint64_t edges = total_edges(store);
    const struct {
        const char *what;
        uint64_t bytes;
    } rows[] = {{"relations", size.relations},   {"dictionary", size.dictionary},
                {"attributes", size.attributes}, {"row sources", size.rows},
                {"manifest", size.manifest},     {"in all", total_bytes(size)}};
    rsi_table *table = rsi_table_new("lrr");
    rsi_table_cell(table, "on disk");
    rsi_table_cell(table, "size");
    rsi_table_cell(table, "bytes per edge");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rsi_table_cell(table, "%s", rows[i].what);
        rsi_table_cell(table, "%s", rsi_format_bytes(number, rows[i].bytes));
        if (edges > 0) {
            rsi_table_cell(table, "%.2f", (double)rows[i].bytes / (double)edges);
        } else {
            rsi_table_cell(table, "-");
        }
    }
    rs_status status = rsi_table_print(table, out, 0, err);
    rsi_table_free(table);
    return status;
}

static rs_status print_text(const rs_store *store, FILE *out, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(print_types(store, out, err));
    fputc('\n', out);
    RS_TRY(print_relations(store, out, err));
    if (rs_store_attribute_count(store) > 0) {
        fputc('\n', out);
        RS_TRY(print_attributes(store, out, err));
    }
    fputc('\n', out);
    RS_TRY(print_batches(store, out, err));
    if (rs_store_relation_count(store) > 0) {
        fputc('\n', out);
        RS_TRY(print_columns(store, out, err));
    }
    fputc('\n', out);
    RS_TRY(print_sizes(store, out, err));
done:
    return status;
}

/* ---- for a program -------------------------------------------------------------------------- */

static void json_field(FILE *out, const char *before, const char *value)
{
    fprintf(out, "%s", before);
    rsi_print_json_text(out, rsi_text(value));
}

static rs_status json_relations(const rs_store *store, FILE *out, rs_error *err)
{
    rs_status status = RS_OK;
    rs_relation_size size = {0};
    fputs("],\"relations\":[", out);
    for (size_t i = 0; i < rs_store_relation_count(store); i++) {
        rs_relation_info relation = rs_store_relation(store, i);
        json_field(out, i > 0 ? ",{\"name\":" : "{\"name\":", relation.name);
        json_field(out, ",\"kind\":", rs_kind_name(relation.kind));
        if (relation.kind == RS_KIND_SHARED) {
            json_field(out, ",\"as\":", relation.place ? "place" : "thing");
        }
        json_field(out, ",\"src\":", type_name(store, relation.src_type));
        json_field(out, ",\"dst\":", type_name(store, relation.dst_type));
        json_field(out, ",\"currency\":", relation.currency);
        fprintf(out, ",\"decimals\":%u,\"edges\":%" PRIu64, (unsigned)relation.decimals,
                relation.edge_count);
        rsi_print_json_time(out, "time_min", relation.time_min);
        rsi_print_json_time(out, "time_max", relation.time_max);
        RS_TRY(rs_store_relation_bytes(store, i, &size, err));
        fprintf(out,
                ",\"bytes\":{\"structure\":%" PRIu64 ",\"time\":%" PRIu64 ",\"amount\":%" PRIu64
                ",\"reverse\":%" PRIu64 "}}",
                size.structure, size.time, size.amount, size.reverse);
    }
done:
    return status;
}

static void json_attributes(const rs_store *store, FILE *out)
{
    fputs("],\"attributes\":[", out);
    for (size_t i = 0; i < rs_store_attribute_count(store); i++) {
        rs_attribute_info attribute = rs_store_attribute(store, i);
        json_field(out, i > 0 ? ",{\"name\":" : "{\"name\":", attribute.name);
        json_field(out, ",\"type\":", type_name(store, attribute.type));
        json_field(out, ",\"holds\":", value_kind_name(attribute.kind));
        fprintf(out, ",\"values\":%" PRIu64 "}", attribute.value_count);
    }
}

static void json_batches(const rs_store *store, FILE *out)
{
    fputs("],\"batches\":[", out);
    for (size_t i = 0; i < rs_store_batch_count(store); i++) {
        rs_batch_info batch = rs_store_batch(store, i);
        json_field(out, i > 0 ? ",{\"name\":" : "{\"name\":", batch.name);
        fprintf(out, ",\"sequence\":%" PRIu64 ",\"rows\":%" PRIu64 ",\"edges\":%" PRIu64 "}",
                batch.sequence, batch.row_count, batch.edge_count);
    }
}

static rs_status print_json(const rs_store *store, FILE *out, rs_error *err)
{
    rs_status status = RS_OK;
    rs_store_size size = rs_store_bytes(store);
    json_field(out, "{\"digest\":", rs_store_digest(store));
    fputs(",\"types\":[", out);
    for (size_t i = 0; i < rs_store_type_count(store); i++) {
        rs_type_info type = rs_store_type(store, i);
        json_field(out, i > 0 ? ",{\"name\":" : "{\"name\":", type.name);
        fprintf(out, ",\"nodes\":%" PRIu32 "}", type.node_count);
    }
    RS_TRY(json_relations(store, out, err));
    json_attributes(store, out);
    json_batches(store, out);
    fprintf(out,
            "],\"edges\":%" PRIu64 ",\"bytes\":{\"relations\":%" PRIu64 ",\"dictionary\":%" PRIu64
            ",\"attributes\":%" PRIu64 ",\"rows\":%" PRIu64 ",\"manifest\":%" PRIu64
            ",\"total\":%" PRIu64 "}",
            total_edges(store), size.relations, size.dictionary, size.attributes, size.rows,
            size.manifest, total_bytes(size));
done:
    return status;
}

static rs_status print_components(const rs_store *store, bool json, const rsi_call *call,
                                  rs_error *err)
{
    char number[RSI_FORMAT_MAX];
    rs_component_counts found;
    rs_status status = rs_store_components(store, call->work, &found, err);
    if (status != RS_OK) {
        return status;
    }
    if (json) {
        fprintf(call->out,
                ",\"components\":{\"nodes\":%" PRIu64 ",\"components\":%" PRIu64
                ",\"single\":%" PRIu64 ",\"largest\":%" PRIu64 "}",
                found.node_count, found.component_count, found.single_count, found.largest);
        return RS_OK;
    }
    fprintf(call->out, "\ncomponents %s", rsi_format_count(number, found.component_count));
    fprintf(call->out, ", of them single nodes %s", rsi_format_count(number, found.single_count));
    fprintf(call->out, "; the largest has %s", rsi_format_count(number, found.largest));
    fprintf(call->out, " of %s nodes\n", rsi_format_count(number, found.node_count));
    return RS_OK;
}

static rs_status run(rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    const stats_options *given = call->options;
    rs_store *store = NULL;
    RS_TRY(rsi_open_store(&store, call->words[0], err));
    if (given->format == FORMAT_JSON) {
        RS_TRY(print_json(store, call->out, err));
    } else {
        RS_TRY(print_text(store, call->out, err));
    }
    if (given->sharing) {
        RS_TRY(rsi_print_sharing(call->out, store, given->format == FORMAT_JSON, call->work, err));
    }
    if (given->components) {
        RS_TRY(print_components(store, given->format == FORMAT_JSON, call, err));
    }
    if (given->format == FORMAT_JSON) {
        fputs("}\n", call->out);
    }
done:
    rs_store_close(store);
    return status;
}

const rsi_command rsi_command_stats = {
    .name = "stats",
    .summary = "print what a store holds and what it takes on disk",
    .words = "STORE [options]",
    .about = "Print the node types, relations, attributes and batches of STORE, and its size on "
             "disk.",
    .word_min = 1,
    .word_max = 1,
    .options = options,
    .options_size = sizeof(stats_options),
    .run = run,
};
