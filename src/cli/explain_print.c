/* explain_print.c - an explanation as text for a person, and as one JSON object.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/try.h"
#include "cli/cli.h"
#include "cli/explain.h"
#include "report/report.h"

static double of_million(uint32_t millionths)
{
    return (double)millionths / RS_MILLION;
}

static void print_node(FILE *out, const rsi_why *why, uint32_t node)
{
    rsi_print_text(out, rsi_text(rs_graph_range_of(why->graph, node).type));
    fputc(' ', out);
    rsi_print_text(out, rs_ids_of(why->ids, node));
}

static const rs_list_entry *entry_of(const rs_list *list, uint32_t node)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->entries[i].node == node) {
            return &list->entries[i];
        }
    }
    return NULL;
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

/* ---- text ------------------------------------------------------------------------------------ */

static void print_listed(FILE *out, const rsi_why *why, uint32_t node)
{
    const rs_list_entry *black = entry_of(why->blacklist, node);
    const rs_list_entry *white = entry_of(why->whitelist, node);
    const rs_list_entry *entry = black != NULL ? black : white;
    if (entry == NULL) {
        return;
    }
    fputs(black != NULL ? "blacklisted" : "whitelisted", out);
    if (entry->reason[0] != '\0') {
        fputs(": ", out);
        rsi_print_text(out, rsi_text(entry->reason));
    }
}

static bool is_thing(const rsi_why *why)
{
    return why->node >= rs_graph_subject_count(why->graph);
}

/* What a subject has beside its spread; a thing has nothing else. */
static void print_own_parts(FILE *out, const rsi_why *why)
{
    fprintf(out, "  oddity %.3f  how unusual its own counts are\n", of_million(why->line.oddity));
    fprintf(out, "  ring   %.3f  ", of_million(why->line.ring_score));
    if (why->line.ring[0] == '\0') {
        fputs("in no ring\n", out);
    } else {
        fprintf(out, "%s of %zu members: score %.3f, membership %.3f, %s\n", why->line.ring,
                why->ring_members, of_million(why->ring_score), of_million(why->membership),
                why->role == RS_ROLE_CORE     ? "in its core"
                : why->role == RS_ROLE_BRIDGE ? "a bridge"
                                              : "a member");
    }
    fputs("  risk = 1 - (1 - spread)(1 - oddity)(1 - ring)\n", out);
}

static void print_risk(FILE *out, const rsi_why *why)
{
    rsi_print_text(out, rsi_text(why->type));
    fputc(' ', out);
    rsi_print_text(out, why->id);
    fprintf(out, "  risk %.3f\n", of_million(why->line.risk));
    if (entry_of(why->blacklist, why->node) != NULL ||
        entry_of(why->whitelist, why->node) != NULL) {
        print_listed(out, why, why->node);
        fputc('\n', out);
    }
    fprintf(out, "  spread %.3f  from what is known, over links\n", of_million(why->line.spread));
    if (is_thing(why)) {
        fputs("  a thing has no other risk than what its users pass on to it\n", out);
    } else {
        print_own_parts(out, why);
    }
    if (why->store_changed) {
        fputs("the store has changed since the run: what follows looks at it as it is now\n", out);
    }
}

/* A relation as the report calls it: "pays(account,account,EUR)" where there are several "pays". */
static char *label_of(const rsi_why *why, size_t relation, rs_error *err)
{
    char *label = rsi_relation_label(rs_graph_store(why->graph), relation);
    if (label == NULL) {
        rs_fail(err, RS_ENOMEM, "out of memory (name of a relation)");
    }
    return label;
}

static rs_status print_relations(FILE *out, const rsi_why *why, rs_error *err)
{
    const rs_store *store = rs_graph_store(why->graph);
    if (why->relation_count == 0) {
        return RS_OK;
    }
    rsi_table *table = rsi_table_new("llrr");
    rsi_table_cell(table, "relation");
    rsi_table_cell(table, "%s", "");
    rsi_table_cell(table, "different");
    rsi_table_cell(table, "times");
    for (size_t i = 0; i < why->relation_count; i++) {
        const rsi_why_relation *side = &why->relations[i];
        rs_relation_info info = rs_store_relation(store, side->relation);
        char *label = label_of(why, side->relation, err);
        if (label == NULL) {
            rsi_table_free(table);
            return RS_ENOMEM;
        }
        rsi_table_cell(table, "%s", label);
        free(label);
        rsi_table_cell(table, "%s %s", side->from ? "->" : "<-",
                       rs_store_type(store, side->from ? info.dst_type : info.src_type).name);
        rsi_table_cell(table, "%" PRIu64, side->peer_count);
        rsi_table_cell(table, "%" PRIu64, side->edge_count);
    }
    fputs("\nrelations\n", out);
    rs_status status = rsi_table_print(table, out, 2, err);
    rsi_table_free(table);
    return status;
}

/* "3 seeds reach it; the 3 below account for 97 % of it, the 4 paths for 87 %" */
static void print_coverage(FILE *out, const rs_explanation *spread)
{
    double whole = fabs(spread->risk) > 0 ? spread->risk : 1;
    if (spread->seed_count == 1) {
        fputs("  one seed reaches it, and accounts", out);
    } else {
        fprintf(out, "  %s%zu seeds reach it; the %zu below account",
                fabs(spread->remainder) > 0 ? "at least " : "", spread->seed_count,
                spread->listed_count);
    }
    fprintf(out, " for %.0f %% of it, the %zu path%s for %.0f %%\n", 100 * spread->covered / whole,
            spread->path_count, plural(spread->path_count), 100 * spread->path_part / whole);
    if (spread->risk < 0) {
        fputs("  what holds risk back outweighs what passes it on: the spread counts as 0\n", out);
    }
}

/* A tie that is no evidence: the name of the relations between subjects where they have but one,
 * NULL where they have several, "" where there is none and the two are one person. */
static const char *plain_relation(const rsi_why *why)
{
    const rs_store *store = rs_graph_store(why->graph);
    const char *name = "";
    for (size_t r = 0; r < rs_store_relation_count(store) && name != NULL; r++) {
        rs_relation_info info = rs_store_relation(store, r);
        if (rs_store_type(store, info.src_type).subject &&
            rs_store_type(store, info.dst_type).subject) {
            name = name[0] == '\0' || strcmp(name, info.name) == 0 ? info.name : NULL;
        }
    }
    return name;
}

static void print_relation(FILE *out, const rsi_why *why)
{
    const char *name = plain_relation(why);
    name = name == NULL ? "a payment or link" : name[0] == '\0' ? "the same person" : name;
    fputs(" -(", out);
    rsi_print_text(out, rsi_text(name));
    fputs(")- ", out);
}

/* What ties two nodes of a path: " -(device d1)- ", " - " where one of them is the thing itself. */
static void print_hop(FILE *out, const rsi_why *why, uint32_t from, uint32_t to)
{
    const rs_link *link = rsi_why_link(why, from, to);
    uint32_t subjects = rs_graph_subject_count(why->graph);
    if (from >= subjects || to >= subjects) {
        fputs(" - ", out);
    } else if (link == NULL) {
        print_relation(out, why);
    } else if (link->thing == RS_NO_NODE) {
        fprintf(out, " -(%s)- ", rs_evidence_kind_name(link->kind));
    } else {
        fputs(" -(", out);
        print_node(out, why, link->thing);
        fputs(")- ", out);
    }
}

static void print_path(FILE *out, const rsi_why *why, const rs_path *path)
{
    fprintf(out, "  %+.4f  ", path->part);
    for (uint32_t i = 0; i < path->length; i++) {
        if (i > 0) {
            print_hop(out, why, path->nodes[i - 1], path->nodes[i]);
        }
        print_node(out, why, path->nodes[i]);
    }
    fputc('\n', out);
}

static void print_spread(FILE *out, const rsi_why *why)
{
    const rs_explanation *spread = &why->spread;
    if (spread->seed_count == 0) {
        fputs(why->user_count == 0    ? "\nspread\n  no seed reaches it\n"
              : why->line.spread == 0 ? "\nspread\n  none of its users has a risk to pass on\n"
                                      : "\nspread\n  its users pass it on, see below\n",
              out);
        return;
    }
    fprintf(out, "\nspread over links %.4f\n", spread->risk);
    print_coverage(out, spread);
    fputs("seeds\n", out);
    for (size_t i = 0; i < spread->listed_count; i++) {
        fprintf(out, "  %+.4f  ", spread->seeds[i].part);
        print_node(out, why, spread->seeds[i].seed);
        fputs("  ", out);
        print_listed(out, why, spread->seeds[i].seed);
        fputc('\n', out);
    }
    fputs(spread->path_count > 0 ? "paths\n" : "", out);
    for (size_t i = 0; i < spread->path_count; i++) {
        print_path(out, why, &spread->paths[i]);
    }
}

/* In 0..1: what is known from several sides adds up to more, and counts as 1. */
static double user_spread(const rsi_why_user *user)
{
    double spread = (double)user->spread / RS_RISK_ONE;
    return spread < 0 ? 0 : spread > 1 ? 1 : spread;
}

static void print_users(FILE *out, const rsi_why *why)
{
    if (why->user_count == 0) {
        return;
    }
    fputs("\nusers of the highest spread\n", out);
    for (size_t i = 0; i < why->user_count; i++) {
        fprintf(out, "  %.4f  ", user_spread(&why->users[i]));
        print_node(out, why, why->users[i].node);
        fputc('\n', out);
    }
    if (why->user_count < why->users_in_all) {
        fprintf(out, "  and %" PRIu64 " more\n", why->users_in_all - why->user_count);
    }
}

/* Counts that one in ten has say nothing to a person. */
static void print_oddity(FILE *out, const rsi_why *why)
{
    bool any = false;
    char value[32];
    for (size_t i = 0; i < why->odd_count; i++) {
        if (why->odd[i].tail > RS_MILLION / 10) {
            continue;
        }
        fputs(any ? "  " : "\ncounts out of the ordinary\n  ", out);
        any = true;
        rsi_print_text(out, rsi_text(why->odd[i].name));
        rsi_decimal_format(why->odd[i].value, why->odd[i].decimals, value);
        fprintf(out, ": %s, as much as %.4g %% have\n", value, 100 * of_million(why->odd[i].tail));
    }
}

rs_status rsi_why_print(FILE *out, const rsi_why *why, rs_error *err)
{
    print_risk(out, why);
    rs_status status = print_relations(out, why, err);
    print_spread(out, why);
    print_users(out, why);
    print_oddity(out, why);
    return status;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void json_key(FILE *out, const char *key)
{
    fprintf(out, ",\"%s\":", key);
}

static void json_node(FILE *out, const rsi_why *why, uint32_t node)
{
    fputs("{\"type\":", out);
    rsi_print_json_text(out, rsi_text(rs_graph_range_of(why->graph, node).type));
    json_key(out, "id");
    rsi_print_json_text(out, rs_ids_of(why->ids, node));
}

static void json_ring(FILE *out, const rsi_why *why)
{
    json_key(out, "ring");
    if (why->line.ring[0] == '\0') {
        fputs("null", out);
        return;
    }
    fprintf(out, "{\"id\":\"%s\",\"score\":%.6f,\"membership\":%.6f,\"members\":%zu}",
            why->line.ring, of_million(why->ring_score), of_million(why->membership),
            why->ring_members);
}

static rs_status json_relation(FILE *out, const rsi_why *why, size_t relation, rs_error *err)
{
    char *label = label_of(why, relation, err);
    if (label == NULL) {
        return RS_ENOMEM;
    }
    rsi_print_json_text(out, rsi_text(label));
    free(label);
    return RS_OK;
}

static rs_status json_relations(FILE *out, const rsi_why *why, rs_error *err)
{
    rs_status status = RS_OK;
    json_key(out, "relations");
    fputc('[', out);
    for (size_t i = 0; i < why->relation_count; i++) {
        const rsi_why_relation *side = &why->relations[i];
        fputs(i == 0 ? "{\"relation\":" : ",{\"relation\":", out);
        RS_TRY(json_relation(out, why, side->relation, err));
        fprintf(out, ",\"side\":\"%s\",\"edges\":%" PRIu64 ",\"peers\":%" PRIu64 "}",
                side->from ? "src" : "dst", side->edge_count, side->peer_count);
    }
    fputc(']', out);
done:
    return status;
}

/* What ties two nodes of a path: the kind of evidence, its relation, and the thing where that is
 * neither of the two; where it is no evidence, the relation if only one can be meant. */
static rs_status json_step(FILE *out, const rsi_why *why, uint32_t from, uint32_t to, rs_error *err)
{
    const rs_link *link = rsi_why_link(why, from, to);
    uint32_t subjects = rs_graph_subject_count(why->graph);
    bool direct = from >= subjects || to >= subjects;
    const char *name = link == NULL && !direct ? plain_relation(why) : NULL;
    bool same = name != NULL && name[0] == '\0';
    fputs("{\"kind\":", out);
    rsi_print_json_text(out, rsi_text(link != NULL ? rs_evidence_kind_name(link->kind)
                                      : same       ? "identity"
                                                   : "relation"));
    json_key(out, "relation");
    if (link != NULL && link->relation < rs_store_relation_count(rs_graph_store(why->graph))) {
        rs_status status = json_relation(out, why, link->relation, err);
        if (status != RS_OK) {
            return status;
        }
    } else if (name != NULL && !same) {
        rsi_print_json_text(out, rsi_text(name));
    } else {
        fputs("null", out);
    }
    json_key(out, "thing");
    if (link == NULL || link->thing == RS_NO_NODE || direct) {
        fputs("null}", out);
    } else {
        json_node(out, why, link->thing);
        fputs("}}", out);
    }
    return RS_OK;
}

static rs_status json_via(FILE *out, const rsi_why *why, const rs_path *path, rs_error *err)
{
    rs_status status = RS_OK;
    json_key(out, "via");
    fputc('[', out);
    for (uint32_t k = 1; k < path->length && status == RS_OK; k++) {
        fputs(k == 1 ? "" : ",", out);
        status = json_step(out, why, path->nodes[k - 1], path->nodes[k], err);
    }
    fputc(']', out);
    return status;
}

static rs_status json_paths(FILE *out, const rsi_why *why, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_explanation *spread = &why->spread;
    json_key(out, "paths");
    fputc('[', out);
    for (size_t i = 0; i < spread->path_count; i++) {
        fprintf(out, "%s{\"part\":%.6f,\"nodes\":[", i == 0 ? "" : ",", spread->paths[i].part);
        for (uint32_t k = 0; k < spread->paths[i].length; k++) {
            fputs(k == 0 ? "" : ",", out);
            json_node(out, why, spread->paths[i].nodes[k]);
            fputc('}', out);
        }
        fputc(']', out);
        RS_TRY(json_via(out, why, &spread->paths[i], err));
        fputc('}', out);
    }
    fputc(']', out);
done:
    return status;
}

static rs_status json_spread(FILE *out, const rsi_why *why, rs_error *err)
{
    const rs_explanation *spread = &why->spread;
    json_key(out, "spread_from");
    fprintf(out,
            "{\"risk\":%.6f,\"covered\":%.6f,\"remainder\":%.6f,\"path_part\":%.6f,"
            "\"seed_count\":%zu",
            spread->risk, spread->covered, spread->remainder, spread->path_part,
            spread->seed_count);
    json_key(out, "seeds");
    fputc('[', out);
    for (size_t i = 0; i < spread->listed_count; i++) {
        fputs(i == 0 ? "" : ",", out);
        json_node(out, why, spread->seeds[i].seed);
        fprintf(out, ",\"part\":%.6f}", spread->seeds[i].part);
    }
    fputc(']', out);
    rs_status status = json_paths(out, why, err);
    fputc('}', out);
    return status;
}

static void json_users(FILE *out, const rsi_why *why)
{
    json_key(out, "users");
    fputc('[', out);
    for (size_t i = 0; i < why->user_count; i++) {
        fputs(i == 0 ? "" : ",", out);
        json_node(out, why, why->users[i].node);
        fprintf(out, ",\"spread\":%.6f}", user_spread(&why->users[i]));
    }
    fputc(']', out);
}

static void json_oddity(FILE *out, const rsi_why *why)
{
    char value[32];
    json_key(out, "odd");
    fputc('[', out);
    for (size_t i = 0; i < why->odd_count; i++) {
        fputs(i == 0 ? "{\"count\":" : ",{\"count\":", out);
        rsi_print_json_text(out, rsi_text(why->odd[i].name));
        rsi_decimal_format(why->odd[i].value, why->odd[i].decimals, value);
        fprintf(out, ",\"value\":%s,\"tail\":%.6f}", value, of_million(why->odd[i].tail));
    }
    fputc(']', out);
}

rs_status rsi_why_print_json(FILE *out, const rsi_why *why, rs_error *err)
{
    rs_status status = RS_OK;
    fputs("{\"type\":", out);
    rsi_print_json_text(out, rsi_text(why->type));
    json_key(out, "id");
    rsi_print_json_text(out, why->id);
    fprintf(out, ",\"run\":\"%s\",\"store_changed\":%s", why->run.text,
            why->store_changed ? "true" : "false");
    fprintf(out, ",\"risk\":%.6f,\"spread\":%.6f,\"oddity\":%.6f,\"ring_score\":%.6f",
            of_million(why->line.risk), of_million(why->line.spread), of_million(why->line.oddity),
            of_million(why->line.ring_score));
    json_ring(out, why);
    RS_TRY(json_relations(out, why, err));
    RS_TRY(json_spread(out, why, err));
    json_users(out, why);
    json_oddity(out, why);
    fputs("}\n", out);
done:
    return status;
}
