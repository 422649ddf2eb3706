/* rings.c - rings as tables and pages.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/rings.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "cli/cli.h"
#include "cli/width.h"
#include "store/dict.h"

enum { BAR = 12 };

/* ---- texts ----------------------------------------------------------------------------------- */

size_t rsi_page_columns(void)
{
    const char *set = getenv("COLUMNS");
    unsigned long columns = set != NULL ? strtoul(set, NULL, 10) : 0;
    return columns >= 40 && columns <= 1000 ? columns : 100;
}

char *rsi_safe(rs_text text, size_t columns)
{
    char *safe = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&safe, &size);
    if (stream == NULL) {
        return NULL;
    }
    rsi_print_text(stream, text);
    if (fclose(stream) != 0) {
        free(safe);
        return NULL;
    }
    if (columns > 3 && rsi_columns((rs_text){safe, size}) > columns) {
        size_t kept = rsi_cut((rs_text){safe, size}, columns - 3).length;
        char *cut = realloc(safe, kept + 4);
        if (cut == NULL) {
            free(safe);
            return NULL;
        }
        memcpy(cut + kept, "...", 4);
        return cut;
    }
    return safe;
}

static double of_million(uint32_t millionths)
{
    return (double)millionths / RS_MILLION;
}

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory");
}

/* A cell from data, as wide as it is. */
static void cell(rsi_table *table, rs_text text, size_t columns)
{
    char *safe = rsi_safe(text, columns);
    rsi_table_cell(table, "%s", safe != NULL ? safe : "(out of memory)");
    free(safe);
}

/* On the whitelist: who decides about a ring must see them. */
static size_t cleared_count(const rs_cluster *cluster)
{
    size_t count = 0;
    for (size_t i = 0; i < cluster->member_count; i++) {
        count += cluster->members[i].cleared;
    }
    return count;
}

static size_t known_count(const rs_cluster *cluster)
{
    size_t count = 0;
    for (size_t i = 0; i < cluster->member_count; i++) {
        count += cluster->members[i].known;
    }
    return count;
}

/* ---- many rings ------------------------------------------------------------------------------ */

static void put_row(rsi_table *table, const rs_cluster *cluster, size_t columns)
{
    rs_text reason = cluster->reason_count > 0 ? cluster->reasons[0].text : rsi_text("");
    cell(table, cluster->id, 0);
    rsi_table_cell(table, "%.3f", of_million(cluster->score));
    rsi_table_cell(table, "%zu", cluster->member_count);
    rsi_table_cell(table, "%zu", known_count(cluster));
    cell(table, reason, columns);
}

static rs_status fill_table(rsi_table *table, rs_report *report, size_t count, size_t *shown,
                            rs_error *err)
{
    static const char *const heads[] = {"ring", "score", "members", "known", "main reason"};
    static const size_t fixed_columns = 15 + 5 + 7 + 5 + 4 * 2; /* of all columns but the last */
    rs_status status = RS_OK;
    const rs_cluster *cluster = NULL;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        rsi_table_cell(table, "%s", heads[i]);
    }
    for (*shown = 0; *shown < count; ++*shown) {
        RS_TRY(rs_report_next(report, &cluster, err));
        if (cluster == NULL) {
            break;
        }
        put_row(table, cluster, rsi_page_columns() - fixed_columns);
    }
done:
    return status;
}

rs_status rsi_print_top_rings(FILE *out, const char *path, size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    rs_report *report = NULL;
    size_t shown = 0;
    rsi_table *table = rsi_table_new("lrrrl");
    RS_TRY(rs_report_open(&report, path, err));
    RS_TRY(fill_table(table, report, count, &shown, err));
    if (shown == 0) {
        fputs("no rings\n", out);
    } else {
        RS_TRY(rsi_table_print(table, out, 0, err));
    }
done:
    rs_report_close(report);
    rsi_table_free(table);
    return status;
}

/* ---- one ring: head, members, things --------------------------------------------------------- */

static size_t shown_of(size_t count, size_t limit)
{
    return limit > 0 && limit < count ? limit : count;
}

static void print_rest(FILE *out, size_t count, size_t shown, const char *indent)
{
    if (shown < count) {
        fprintf(out, "%sand %zu more\n", indent, count - shown);
    }
}

static void print_head(FILE *out, const rs_cluster *cluster)
{
    fputs("ring ", out);
    rsi_print_text(out, cluster->id);
    fprintf(out, "  score %.3f%s\n", of_million(cluster->score),
            cluster->score >= RS_SUSPECT ? ", a suspect" : "");
    if (cluster->since.length > 0 &&
        strncmp(cluster->event.bytes, "born", cluster->event.length) != 0) {
        fputs("since ", out);
        rsi_print_text(out, cluster->since);
        fputs("; tonight: ", out);
        rsi_print_text(out, cluster->event);
        fputc('\n', out);
    }
    fprintf(out, "%zu members, %zu known", cluster->member_count, known_count(cluster));
    if (cleared_count(cluster) > 0) {
        fprintf(out, ", %zu cleared", cleared_count(cluster));
    }
    fputc('\n', out);
    rsi_print_stability(out, cluster);
}

/* For a person: the highest risks first; then who is known, by role, by id. */
static int compare_members(const void *one, const void *other)
{
    const rs_cluster_member *a = *(const rs_cluster_member *const *)one;
    const rs_cluster_member *b = *(const rs_cluster_member *const *)other;
    if (a->risk != b->risk) {
        return a->risk > b->risk ? -1 : 1;
    }
    if (a->known != b->known) {
        return a->known ? -1 : 1;
    }
    if (a->role != b->role) {
        return a->role < b->role ? -1 : 1;
    }
    return rsi_text_compare(a->node.id, b->node.id);
}

static rs_status print_members(FILE *out, const rs_cluster *cluster, size_t limit, rs_error *err)
{
    size_t shown = shown_of(cluster->member_count, limit);
    const rs_cluster_member **members = calloc(cluster->member_count + 1, sizeof(void *));
    if (members == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < cluster->member_count; i++) {
        members[i] = &cluster->members[i];
    }
    qsort(members, cluster->member_count, sizeof *members, compare_members);
    rsi_table *table = rsi_table_new("llrrl");
    rsi_table_cell(table, "type");
    rsi_table_cell(table, "id");
    rsi_table_cell(table, "risk");
    rsi_table_cell(table, "membership");
    rsi_table_cell(table, "role");
    for (size_t i = 0; i < shown; i++) {
        const rs_cluster_member *member = members[i];
        cell(table, member->node.type, 0);
        cell(table, member->node.id, 0);
        rsi_table_cell(table, "%.3f", of_million(member->risk));
        rsi_table_cell(table, "%.3f", of_million(member->membership));
        rsi_table_cell(table, "%s%s%s%s", rs_role_name(member->role),
                       member->known ? ", known" : "", member->cleared ? ", cleared" : "",
                       member->disputed ? ", disputed" : "");
    }
    fputs("\nmembers\n", out);
    rs_status status = rsi_table_print(table, out, 2, err);
    print_rest(out, cluster->member_count, shown, "  ");
    rsi_print_ties(out, members, shown);
    rsi_table_free(table);
    free(members);
    return status;
}

static rs_status print_things(FILE *out, const rs_cluster *cluster, size_t limit, rs_error *err)
{
    size_t shown = shown_of(cluster->thing_count, limit);
    if (shown == 0) {
        return RS_OK;
    }
    rsi_table *table = rsi_table_new("llrrl");
    rsi_table_cell(table, "type");
    rsi_table_cell(table, "id");
    rsi_table_cell(table, "shared by");
    rsi_table_cell(table, "risk");
    rsi_table_cell(table, "%s", "");
    for (size_t i = 0; i < shown; i++) {
        const rs_cluster_thing *thing = &cluster->things[i];
        cell(table, thing->node.type, 0);
        cell(table, thing->node.id, 0);
        rsi_table_cell(table, "%" PRIu32, thing->shared_by);
        rsi_table_cell(table, "%.3f", of_million(thing->risk));
        rsi_table_cell(table, "%s", thing->known ? "known" : "");
    }
    fputs("\nthings\n", out);
    rs_status status = rsi_table_print(table, out, 2, err);
    print_rest(out, cluster->thing_count, shown, "  ");
    rsi_table_free(table);
    return status;
}

/* ---- one ring: reasons, and where their facts come from -------------------------------------- */

static void print_users(FILE *out, const rs_cluster_fact *fact, size_t limit)
{
    size_t shown = shown_of(fact->user_count, limit);
    fputs("      ", out);
    rsi_print_text(out, fact->user_type);
    for (size_t i = 0; i < shown; i++) {
        fputs(i == 0 ? " " : ", ", out);
        rsi_print_text(out, fact->users[i]);
    }
    if (shown < fact->user_count || fact->more > 0) {
        fprintf(out, " and %" PRIu64 " more", fact->user_count - shown + fact->more);
    }
    fputc('\n', out);
}

/* ", 2026-03-01T10:00:00Z to 2026-03-02T11:00:00Z, 1250.00 EUR to it", as far as it is known. */
static void print_when(FILE *out, rsi_fact_rule rule, const rs_cluster_fact *fact)
{
    if (fact->first.length > 0) {
        fputs(", ", out);
        rsi_print_text(out, fact->first);
        fputs(" to ", out);
        rsi_print_text(out, fact->last);
    }
    if (fact->amount.length > 0) {
        fputs(", ", out);
        rsi_print_text(out, fact->amount);
        fputs(fact->currency.length > 0 ? " " : "", out);
        rsi_print_text(out, fact->currency);
        fputs(rule == RSI_FACT_DEALINGS ? " in all" : " to it", out);
    }
}

static rs_status print_fact(FILE *out, const rsi_source_query *sources,
                            const rs_cluster_reason *reason, const rs_cluster_fact *fact,
                            size_t limit, rs_error *err)
{
    if (fact->thing.type.length > 0) {
        fputs("    ", out);
        rsi_print_text(out, fact->thing.type);
        fputc(' ', out);
        rsi_print_text(out, fact->thing.id);
        fprintf(out, ": %" PRIu64 " of them", fact->user_count + fact->more);
        if (fact->relation.length > 0) {
            fputs(", ", out);
            if (fact->event_count > 0) {
                fprintf(out, "%" PRIu64 " times ", fact->event_count);
            }
            rsi_print_text(out, fact->relation);
        }
        print_when(out, rsi_fact_rule_of(reason->kind), fact);
        fputc('\n', out);
    }
    print_users(out, fact, limit);
    return rsi_print_sources(out, sources, reason->kind, fact, err);
}

static void print_bar(FILE *out, uint32_t weight)
{
    uint32_t filled = (uint32_t)(((uint64_t)weight * BAR + RS_MILLION / 2) / RS_MILLION);
    fprintf(out, "  %3.0f %%  ", 100 * of_million(weight));
    for (uint32_t i = 0; i < BAR; i++) {
        fputc(i < filled ? '#' : '.', out);
    }
    fputs("  ", out);
}

static rs_status print_reasons(FILE *out, const rsi_source_query *sources,
                               const rs_cluster *cluster, size_t limit, rs_error *err)
{
    rs_status status = RS_OK;
    fputs("\nwhy\n", out);
    for (size_t i = 0; i < cluster->reason_count; i++) {
        const rs_cluster_reason *reason = &cluster->reasons[i];
        size_t shown = shown_of(reason->fact_count, limit);
        print_bar(out, reason->weight);
        rsi_print_text(out, reason->text);
        fputc('\n', out);
        for (size_t k = 0; k < shown; k++) {
            RS_TRY(print_fact(out, sources, reason, &reason->facts[k], limit, err));
        }
        print_rest(out, reason->fact_count, shown, "    ");
    }
done:
    return status;
}

rs_status rsi_print_ring(FILE *out, const rsi_source_query *sources, const rs_cluster *cluster,
                         size_t limit, rs_error *err)
{
    rs_status status = RS_OK;
    print_head(out, cluster);
    RS_TRY(print_reasons(out, sources, cluster, limit, err));
    RS_TRY(print_members(out, cluster, limit, err));
    RS_TRY(print_things(out, cluster, limit, err));
    rsi_print_holds(out, cluster);
    RS_TRY(rsi_print_victims(out, cluster, limit, err));
done:
    return status;
}
