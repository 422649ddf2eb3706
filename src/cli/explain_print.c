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

static rs_text id_of(const rsi_why *why, uint32_t node)
{
    const rsi_why_node *named = rsi_why_named(why, node);
    return named == NULL ? (rs_text){"", 0} : (rs_text){named->id, named->id_length};
}

static const char *type_of(const rsi_why *why, uint32_t node)
{
    const rsi_why_node *named = rsi_why_named(why, node);
    return named == NULL ? "" : named->type;
}

static void print_node(FILE *out, const rsi_why *why, uint32_t node)
{
    rsi_print_text(out, rsi_text(type_of(why, node)));
    fputc(' ', out);
    rsi_print_text(out, id_of(why, node));
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

/* ---- text ------------------------------------------------------------------------------------ */

static void print_listed(FILE *out, const rsi_why *why, uint32_t node)
{
    const rsi_why_node *named = rsi_why_named(why, node);
    if (named == NULL || named->list == NULL) {
        return;
    }
    fputs(named->list, out);
    if (named->reason[0] != '\0') {
        fputs(": ", out);
        rsi_print_text(out, rsi_text(named->reason));
    }
}

static bool is_thing(const rsi_why *why)
{
    return why->node >= why->subjects;
}

/* Where the part of its ring comes from: a group that the report does not have leaves one, too, and
 * so does whom it meets, where that says more (score.h). */
static void print_ring(FILE *out, const rsi_why *why)
{
    static const char *const parts[RS_ROLE_COUNT] = {
        [RS_ROLE_CORE] = "in its core", [RS_ROLE_MEMBER] = "a member",
        [RS_ROLE_BRIDGE] = "a bridge",  [RS_ROLE_COLLECTOR] = "its collector",
        [RS_ROLE_EXIT] = "its exit",    [RS_ROLE_HUB] = "its hub"};
    uint64_t most = (uint64_t)why->ring_score * why->membership / RS_MILLION;
    fprintf(out, "  ring   %.3f  ", of_million(why->line.ring_score));
    if (why->line.ring[0] == '\0') {
        fputs(why->line.ring_score > 0
                  ? "in no ring; by a group below the least score of one, or whom it meets\n"
                  : "in no ring\n",
              out);
        return;
    }
    fprintf(out, "%s of %zu members: score %.3f, membership %.3f, %s%s\n", why->line.ring,
            why->ring_members, of_million(why->ring_score), of_million(why->membership),
            parts[why->role], why->line.ring_score > most + 1 ? "; more by whom it meets" : "");
}

/* What a subject has beside its spread; a thing has nothing else. */
static void print_own_parts(FILE *out, const rsi_why *why)
{
    fprintf(out, "  oddity %.3f  how unusual its own counts are\n", of_million(why->line.oddity));
    print_ring(out, why);
    const rsi_why_node *own = rsi_why_named(why, why->node);
    if (why->model[0] == '\0' || (own != NULL && own->list != NULL)) {
        fputs("  risk = 1 - (1 - spread)(1 - oddity)(1 - ring)\n", out);
    } else {
        fprintf(
            out,
            "  the risk is the answer of the run's model %s, for which these are three columns\n"
            "  of many: run --contributions tells what each of them adds\n",
            why->model);
    }
}

static void print_risk(FILE *out, const rsi_why *why)
{
    rsi_print_text(out, rsi_text(why->type));
    fputc(' ', out);
    rsi_print_text(out, why->id);
    fprintf(out, "  risk %.3f\n", of_million(why->line.risk));
    const rsi_why_node *own = rsi_why_named(why, why->node);
    if (own != NULL && own->list != NULL) {
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
        fputs(why->from_store
                  ? "the store has changed since the run: what follows looks at it as it is now\n"
                  : "the store has changed since the run: what follows is as the run saw it\n",
              out);
    }
    if (why->kept_none) {
        fputs("the run kept no network: it was built again from the store\n", out);
    }
}

static rs_status print_relations(FILE *out, const rsi_why *why, rs_error *err)
{
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
        rsi_table_cell(table, "%s", side->label);
        rsi_table_cell(table, "%s %s", side->from ? "->" : "<-", side->other_type);
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

static void print_relation(FILE *out, const rsi_why *why)
{
    const char *name = why->plain;
    name = name == NULL ? "a payment or link" : name[0] == '\0' ? "the same person" : name;
    fputs(" -(", out);
    rsi_print_text(out, rsi_text(name));
    fputs(")- ", out);
}

/* Whether a kind is about what accounts do in time: its thing is a target, not a thing in common.
 */
static bool is_in_time(const char *kind)
{
    for (size_t k = 0; k < rs_evidence_kind_count(); k++) {
        if (strcmp(rs_evidence_kind_name(k), kind) == 0) {
            return rs_evidence_kind_in_time(k);
        }
    }
    return false;
}

/* What ties two nodes of a path: " -(device d1)- ", " - " where one of them is the thing itself. */
static void print_hop(FILE *out, const rsi_why *why, const rsi_why_tie *tie, uint32_t from,
                      uint32_t to)
{
    if (from >= why->subjects || to >= why->subjects) {
        fputs(" - ", out);
    } else if (tie->kind == NULL) {
        print_relation(out, why);
    } else if (tie->thing == RS_NO_NODE || tie->thing == from || tie->thing == to) {
        fprintf(out, " -(%s)- ", tie->kind);
    } else {
        bool in_time = is_in_time(tie->kind);
        fprintf(out, " -(%s%s", in_time ? tie->kind : "", in_time ? " " : "");
        print_node(out, why, tie->thing);
        fputs(")- ", out);
    }
}

static void print_path(FILE *out, const rsi_why *why, size_t number)
{
    const rs_path *path = &why->spread.paths[number];
    fprintf(out, "  %+.4f  ", path->part);
    for (uint32_t i = 0; i < path->length; i++) {
        if (i > 0) {
            print_hop(out, why, &why->ties[number][i - 1], path->nodes[i - 1], path->nodes[i]);
        }
        print_node(out, why, path->nodes[i]);
    }
    fputc('\n', out);
}

/* Of a thing the larger counts: what links bring it, or what its users pass on. What links bring
 * is told to a ten-thousandth (the spread's tolerance). */
static bool users_count(const rsi_why *why)
{
    return is_thing(why) && of_million(why->line.spread) > why->spread.risk + 1e-4;
}

static void print_spread(FILE *out, const rsi_why *why)
{
    const rs_explanation *spread = &why->spread;
    if (spread->seed_count == 0) {
        fputs(!is_thing(why)          ? "\nspread\n  no seed reaches it\n"
              : why->line.spread == 0 ? "\nspread\n  none of its users has a risk to pass on\n"
              : why->user_count == 0
                  ? "\nspread\n  its users pass it on; ringscope neighbours names them\n"
                  : "\nspread\n  its users pass it on, see below\n",
              out);
        return;
    }
    fprintf(out, "\nspread over links %.4f\n", spread->risk);
    if (users_count(why)) {
        fprintf(out, "  its users pass on %.4f, which is more: that counts, see below\n",
                of_million(why->line.spread));
    }
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
        print_path(out, why, i);
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

/* Counts are clamped to 64 bits. */
static bool is_clamped(const rs_odd_count *odd)
{
    return odd->value == INT64_MAX || odd->value == -INT64_MAX;
}

/* A count that more than one in ten has says nothing to a person, and is not kept. */
static void print_oddity(FILE *out, const rsi_why *why)
{
    char value[32];
    for (size_t i = 0; i < why->odd_count; i++) {
        fputs(i > 0 ? "  " : "\ncounts out of the ordinary\n  ", out);
        rsi_print_text(out, rsi_text(why->odd[i].name));
        rsi_decimal_format(why->odd[i].value, why->odd[i].decimals, value);
        fprintf(out, ": %s%s, as much as %.4g %% have\n",
                is_clamped(&why->odd[i]) ? "at least " : "", value,
                100 * of_million(why->odd[i].tail));
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
    rsi_print_json_text(out, rsi_text(type_of(why, node)));
    json_key(out, "id");
    rsi_print_json_text(out, id_of(why, node));
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

static void json_relations(FILE *out, const rsi_why *why)
{
    json_key(out, "relations");
    fputc('[', out);
    for (size_t i = 0; i < why->relation_count; i++) {
        const rsi_why_relation *side = &why->relations[i];
        fputs(i == 0 ? "{\"relation\":" : ",{\"relation\":", out);
        rsi_print_json_text(out, rsi_text(side->label));
        fprintf(out, ",\"side\":\"%s\",\"edges\":%" PRIu64 ",\"peers\":%" PRIu64 "}",
                side->from ? "src" : "dst", side->edge_count, side->peer_count);
    }
    fputc(']', out);
}

/* What ties two nodes of a path: the kind of evidence, its relation, and the thing where that is
 * neither of the two; where it is no evidence, the relation if only one can be meant. */
static void json_step(FILE *out, const rsi_why *why, const rsi_why_tie *tie, uint32_t from,
                      uint32_t to)
{
    bool direct = from >= why->subjects || to >= why->subjects;
    const char *name = tie->kind == NULL && !direct ? why->plain : NULL;
    bool same = name != NULL && name[0] == '\0';
    fputs("{\"kind\":", out);
    rsi_print_json_text(out, rsi_text(tie->kind != NULL ? tie->kind
                                      : same            ? "identity"
                                                        : "relation"));
    json_key(out, "relation");
    if (tie->label != NULL) {
        rsi_print_json_text(out, rsi_text(tie->label));
    } else if (name != NULL && !same) {
        rsi_print_json_text(out, rsi_text(name));
    } else {
        fputs("null", out);
    }
    json_key(out, "thing");
    if (tie->thing == RS_NO_NODE || direct) {
        fputs("null}", out);
    } else {
        json_node(out, why, tie->thing);
        fputs("}}", out);
    }
}

static void json_via(FILE *out, const rsi_why *why, size_t number)
{
    const rs_path *path = &why->spread.paths[number];
    json_key(out, "via");
    fputc('[', out);
    for (uint32_t k = 1; k < path->length; k++) {
        fputs(k == 1 ? "" : ",", out);
        json_step(out, why, &why->ties[number][k - 1], path->nodes[k - 1], path->nodes[k]);
    }
    fputc(']', out);
}

static void json_paths(FILE *out, const rsi_why *why)
{
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
        json_via(out, why, i);
        fputc('}', out);
    }
    fputc(']', out);
}

static void json_spread(FILE *out, const rsi_why *why)
{
    const rs_explanation *spread = &why->spread;
    json_key(out, "spread_from");
    fprintf(out,
            "{\"risk\":%.6f,\"covered\":%.6f,\"remainder\":%.6f,\"path_part\":%.6f,"
            "\"seed_count\":%zu,\"counts\":%s",
            spread->risk, spread->covered, spread->remainder, spread->path_part, spread->seed_count,
            users_count(why) ? "false" : "true");
    json_key(out, "seeds");
    fputc('[', out);
    for (size_t i = 0; i < spread->listed_count; i++) {
        fputs(i == 0 ? "" : ",", out);
        json_node(out, why, spread->seeds[i].seed);
        fprintf(out, ",\"part\":%.6f}", spread->seeds[i].part);
    }
    fputc(']', out);
    json_paths(out, why);
    fputc('}', out);
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
        fprintf(out, ",\"value\":%s%s,\"tail\":%.6f}", value,
                is_clamped(&why->odd[i]) ? ",\"at_least\":true" : "", of_million(why->odd[i].tail));
    }
    fputc(']', out);
}

rs_status rsi_why_print_json(FILE *out, const rsi_why *why, rs_error *err)
{
    (void)err;
    fputs("{\"type\":", out);
    rsi_print_json_text(out, rsi_text(why->type));
    json_key(out, "id");
    rsi_print_json_text(out, why->id);
    fprintf(out, ",\"run\":\"%s\",\"store_changed\":%s", why->run.text,
            why->store_changed ? "true" : "false");
    fprintf(out, ",\"risk\":%.6f,\"spread\":%.6f,\"oddity\":%.6f,\"ring_score\":%.6f",
            of_million(why->line.risk), of_million(why->line.spread), of_million(why->line.oddity),
            of_million(why->line.ring_score));
    if (why->model[0] != '\0') {
        fprintf(out, ",\"model\":\"%s\"", why->model);
    }
    json_ring(out, why);
    json_relations(out, why);
    json_spread(out, why);
    json_users(out, why);
    json_oddity(out, why);
    fputs("}\n", out);
    return RS_OK;
}
