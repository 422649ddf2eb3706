/* neighbours.c - `ringscope neighbours`: who one node is tied to, from the index alone.
 *
 * Cost: the index of the store, the blocks that hold the node's edges, and a block of the
 * dictionary for each neighbour printed.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/try.h"
#include "cli/cli.h"

enum { FORMAT_TEXT, FORMAT_JSON };

typedef struct neighbours_options {
    const char *relation;
    uint64_t limit;
    int format;
} neighbours_options;

static const rsi_option options[] = {
    {.name = "relation",
     .value = RSI_WORD,
     .argument = "NAME",
     .offset = offsetof(neighbours_options, relation),
     .help = "only relations of this name; by default all"},
    {.name = "limit",
     .value = RSI_COUNT,
     .argument = "N",
     .offset = offsetof(neighbours_options, limit),
     .max = 1e12,
     .help = "at most N events of each relation and direction; 0: all; by default 100"},
    {.name = "format",
     .value = RSI_CHOICE,
     .argument = "text|json",
     .offset = offsetof(neighbours_options, format),
     .help = "how to print them; by default text"},
    {.name = NULL},
};

/* What is asked for, and what is being printed. */
typedef struct answer {
    const rs_store *store;
    const neighbours_options *options;
    size_t type;
    uint32_t node;
    const rsi_call *call;
    rsi_table *table;
    uint64_t printed;
    bool cut; /* some were left out */
} answer;

static rs_status find_node(answer *asked, const char *word, rs_error *err)
{
    rs_status status = RS_OK;
    char *type = NULL;
    rs_text id = {0};
    RS_TRY(rsi_split_name(word, &type, &id, err));
    asked->type = rs_store_type_named(asked->store, type);
    if (asked->type == SIZE_MAX) {
        status = rs_fail(err, RS_ENOTFOUND, "the store has no nodes of type \"%s\"", type);
        goto done;
    }
    RS_TRY(rs_store_find(asked->store, asked->type, id, &asked->node, err));
    if (asked->node == RS_NO_NODE) {
        status = rs_fail(err, RS_ENOTFOUND, "the store has no %s \"%s\"", type, id.bytes);
    }
done:
    free(type);
    return status;
}

/* ---- one event ------------------------------------------------------------------------------ */

static void print_row(const answer *asked, const rs_relation_info *relation, bool out,
                      rs_text neighbour, int64_t time, int64_t amount)
{
    char text[RSI_FORMAT_MAX] = "-";
    char number[32] = "-";
    rsi_table *table = asked->table;
    rs_type_info type = rs_store_type(asked->store, out ? relation->dst_type : relation->src_type);
    rsi_table_cell(table, "%s", relation->name);
    rsi_table_cell(table, out ? "to" : "from");
    rsi_table_cell(table, "%s:%.*s", type.name, (int)neighbour.length, neighbour.bytes);
    rsi_table_cell(table, "%s", time == RS_NO_TIME ? text : rsi_format_time(text, time));
    if (amount != RS_NO_AMOUNT) {
        number[rsi_decimal_format(amount, relation->decimals, number)] = '\0';
    }
    rsi_table_cell(table, "%s", number);
    rsi_table_cell(table, "%s", amount == RS_NO_AMOUNT ? "" : relation->currency);
}

static void print_json_row(const answer *asked, const rs_relation_info *relation, bool out,
                           rs_text neighbour, int64_t time, int64_t amount)
{
    char number[32];
    FILE *to = asked->call->out;
    rs_type_info type = rs_store_type(asked->store, out ? relation->dst_type : relation->src_type);
    fputs(asked->printed > 0 ? ",{\"relation\":" : "{\"relation\":", to);
    rsi_print_json_text(to, rsi_text(relation->name));
    fprintf(to, ",\"direction\":\"%s\",\"type\":", out ? "to" : "from");
    rsi_print_json_text(to, rsi_text(type.name));
    fputs(",\"id\":", to);
    rsi_print_json_text(to, neighbour);
    if (time != RS_NO_TIME) {
        fprintf(to, ",\"time\":%" PRId64, time);
    }
    if (amount != RS_NO_AMOUNT) {
        number[rsi_decimal_format(amount, relation->decimals, number)] = '\0';
        fprintf(to, ",\"amount\":%s,\"currency\":", number);
        rsi_print_json_text(to, rsi_text(relation->currency));
    }
    fputc('}', to);
}

/* ---- all of a relation ---------------------------------------------------------------------- */

static rs_status print_run(answer *asked, const rs_relation_info *relation, bool out,
                           rs_namer *namer, const rs_edges *run, uint64_t left, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t i = 0; i < run->count && i < left; i++) {
        rs_text id = {0};
        int64_t time = run->time == NULL ? RS_NO_TIME : run->time[i];
        int64_t amount = run->amount == NULL ? RS_NO_AMOUNT : run->amount[i];
        RS_TRY(rs_namer_name(namer, out ? run->dst[i] : run->src[i], &id, err));
        if (asked->table != NULL) {
            print_row(asked, relation, out, id, time, amount);
        } else {
            print_json_row(asked, relation, out, id, time, amount);
        }
        asked->printed++;
    }
done:
    return status;
}

static rs_status print_side(answer *asked, size_t number, rs_side side, rs_error *err)
{
    rs_status status = RS_OK;
    rs_lookup *lookup = NULL;
    rs_namer *namer = NULL;
    rs_edges run = {0};
    bool out = side == RS_SIDE_SRC;
    rs_relation_info relation = rs_store_relation(asked->store, number);
    uint64_t left = asked->options->limit == 0 ? UINT64_MAX : asked->options->limit;
    rs_lookup_query query = {.relation = number,
                             .side = side,
                             .nodes = &asked->node,
                             .node_count = 1,
                             .columns = RS_SCAN_TIME | RS_SCAN_AMOUNT};
    RS_TRY(rs_lookup_open(&lookup, asked->store, &query, err));
    RS_TRY(rs_namer_open(&namer, asked->store, out ? relation.dst_type : relation.src_type, err));
    for (;;) {
        RS_TRY(rs_lookup_next(lookup, &run, err));
        if (run.count == 0) {
            break;
        }
        RS_TRY(print_run(asked, &relation, out, namer, &run, left, err));
        asked->cut = asked->cut || run.count > left;
        left -= run.count < left ? run.count : left;
        if (asked->cut) {
            break;
        }
        RS_TRY(rs_work_report(asked->call->work, "looking up", "events", asked->printed, 0, err));
    }
done:
    rs_lookup_close(lookup);
    rs_namer_close(namer);
    return status;
}

static rs_status print_all(answer *asked, rs_error *err)
{
    rs_status status = RS_OK;
    const char *wanted = asked->options->relation;
    bool known = wanted == NULL;
    for (size_t i = 0; i < rs_store_relation_count(asked->store); i++) {
        rs_relation_info relation = rs_store_relation(asked->store, i);
        if (wanted != NULL && strcmp(relation.name, wanted) != 0) {
            continue;
        }
        known = true;
        if (relation.src_type == asked->type) {
            RS_TRY(print_side(asked, i, RS_SIDE_SRC, err));
        }
        if (relation.dst_type == asked->type) {
            RS_TRY(print_side(asked, i, RS_SIDE_DST, err));
        }
    }
    if (!known) {
        status = rs_fail(err, RS_ENOTFOUND, "the store has no relation \"%s\"", wanted);
    }
done:
    return status;
}

static rs_status print_text(answer *asked, rs_error *err)
{
    static const char *const titles[] = {"relation", "", "neighbour", "time", "amount", "currency"};
    rs_status status = RS_OK;
    asked->table = rsi_table_new("llllrl");
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
        rsi_table_cell(asked->table, "%s", titles[i]);
    }
    RS_TRY(print_all(asked, err));
    RS_TRY(rsi_table_print(asked->table, asked->call->out, 0, err));
    if (asked->cut) {
        fprintf(asked->call->out, "\nmore than %" PRIu64 " of a relation: see --limit\n",
                asked->options->limit);
    }
done:
    rsi_table_free(asked->table);
    return status;
}

static rs_status run(rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    rs_store *store = NULL;
    answer asked = {.options = call->options, .call = call};
    RS_TRY(rsi_open_store(&store, call->words[0], err));
    asked.store = store;
    RS_TRY(find_node(&asked, call->words[1], err));
    if (asked.options->format == FORMAT_JSON) {
        fputs("{\"neighbours\":[", call->out);
        RS_TRY(print_all(&asked, err));
        fprintf(call->out, "],\"cut\":%s}\n", asked.cut ? "true" : "false");
    } else {
        RS_TRY(print_text(&asked, err));
    }
done:
    rs_store_close(store);
    return status;
}

static const neighbours_options defaults = {.limit = 100};

const rsi_command rsi_command_neighbours = {
    .name = "neighbours",
    .summary = "print who one node is tied to, without reading the whole store",
    .words = "STORE TYPE:ID [options]",
    .about =
        "Print the events of a node such as account:u17 or device:d3, in both directions, with "
        "time and\n"
        "amount. Only the index and the blocks that hold them are read; by target that needs a "
        "store that\n"
        "was compacted, else the batches that were not are read whole.",
    .word_min = 2,
    .word_max = 2,
    .options = options,
    .options_size = sizeof(neighbours_options),
    .defaults = &defaults,
    .run = run,
};
