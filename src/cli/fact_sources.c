/* fact_sources.c - from a fact of a report to the lines that its rows were read from.
 *
 * Which rows those are is the rule by which they were counted (score/fact_rows.h). The store knows
 * the lines of each pair of ends; of them those count whose time and amount one of the rows has.
 *
 * Cost: what the rows cost, and a look-up of lines for each pair of ends.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/fact_sources.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "cli/cli.h"

enum { SOURCES_SHOWN = 5 };

/* All lines of the rows of a fact. */
typedef struct row_sources {
    rs_row_source *items;
    size_t count;
} row_sources;

/* ---- from names to numbers -------------------------------------------------------------------
 */

/* The dense number of a node that a report names; RS_NO_NODE where the store has it no more. */
static rs_status find_node(const rs_store *store, rs_text type, rs_text id, size_t *type_index,
                           uint32_t *node, rs_error *err)
{
    char *name = strndup(type.bytes, type.length);
    if (name == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    *node = RS_NO_NODE;
    *type_index = rs_store_type_named(store, name);
    free(name);
    return *type_index == SIZE_MAX ? RS_OK : rs_store_find(store, *type_index, id, node, err);
}

static int ascending(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* The users into `users`, which has room for them. */
static rs_status find_users(rsi_fact_query *query, const rs_cluster_fact *fact, uint32_t *users,
                            rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t i = 0; i < fact->user_count; i++) {
        uint32_t user = RS_NO_NODE;
        RS_TRY(find_node(query->store, fact->user_type, fact->users[i], &query->user_type, &user,
                         err));
        if (user != RS_NO_NODE) {
            users[query->user_count++] = user;
        }
    }
    qsort(users, query->user_count, sizeof *users, ascending);
    query->users = users;
done:
    return status;
}

/* ---- from rows to lines ------------------------------------------------------------------------
 */

/* By what is found out of a row's line: time and amount. */
static int by_content(const void *left, const void *right)
{
    const rsi_fact_row *a = left;
    const rsi_fact_row *b = right;
    if (a->time != b->time) {
        return a->time < b->time ? -1 : 1;
    }
    return (a->amount > b->amount) - (a->amount < b->amount);
}

static int by_ends(const void *left, const void *right)
{
    const rsi_fact_row *a = left;
    const rsi_fact_row *b = right;
    if (a->src != b->src) {
        return a->src < b->src ? -1 : 1;
    }
    if (a->dst != b->dst) {
        return a->dst < b->dst ? -1 : 1;
    }
    return by_content(a, b);
}

static int by_time(const void *left, const void *right)
{
    const rs_row_source *a = left;
    const rs_row_source *b = right;
    if (a->time != b->time) {
        return a->time < b->time ? -1 : 1;
    }
    int file = strcmp(a->file, b->file);
    return file != 0 ? file : (a->line > b->line) - (a->line < b->line);
}

/* The lines of rows of one pair of ends. */
static rs_status add_pair(row_sources *sources, const rsi_fact_query *query,
                          const rsi_fact_row *rows, size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    size_t all = 0;
    RS_TRY(rs_store_row_sources(query->store, query->relation, rows->src, rows->dst, 0, NULL, &all,
                                err));
    if (all == 0) {
        goto done;
    }
    rs_row_source *items = realloc(sources->items, (sources->count + all) * sizeof *sources->items);
    if (items == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu lines)", all);
    }
    sources->items = items;
    RS_TRY(rs_store_row_sources(query->store, query->relation, rows->src, rows->dst, all,
                                items + sources->count, &all, err));
    for (size_t i = 0, from = sources->count; i < all; i++) {
        rsi_fact_row one = {.time = items[from + i].time, .amount = items[from + i].amount};
        if (bsearch(&one, rows, count, sizeof *rows, by_content) != NULL) {
            items[sources->count++] = items[from + i];
        }
    }
done:
    return status;
}

static rs_status find_sources(const rsi_fact_query *query, row_sources *sources, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_fact_found found = {0};
    RS_TRY(rsi_fact_rows(query, 1, NULL, &found, err));
    rsi_fact_row *rows = found.rows;
    size_t count = found.count[0];
    if (count > 1) {
        qsort(rows, count, sizeof *rows, by_ends);
    }
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1;
             end < count && rows[end].src == rows[i].src && rows[end].dst == rows[i].dst; end++) {
        }
        RS_TRY(add_pair(sources, query, rows + i, end - i, err));
    }
    if (sources->count > 1) {
        qsort(sources->items, sources->count, sizeof *sources->items, by_time);
    }
done:
    rsi_fact_found_free(&found);
    return status;
}

/* `some`: rows were looked up of a part of the users alone, those that the report names. */
static void print(FILE *out, const row_sources *sources, bool some)
{
    size_t shown = sources->count < SOURCES_SHOWN ? sources->count : SOURCES_SHOWN;
    fputs(shown == 0 ? "" : some ? "      rows of those named " : "      rows ", out);
    for (size_t i = 0; i < shown; i++) {
        fputs(i == 0 ? "" : ", ", out);
        rsi_print_text(out, rsi_text(sources->items[i].file));
        fprintf(out, ":%" PRIu64, sources->items[i].line);
    }
    if (shown < sources->count) {
        fprintf(out, " and %zu more", sources->count - shown);
    }
    fputs(shown > 0 ? "\n" : "", out);
}

rs_status rsi_print_sources(FILE *out, const rsi_source_query *query, rs_text kind,
                            const rs_cluster_fact *fact, rs_error *err)
{
    rs_status status = RS_OK;
    row_sources sources = {0};
    uint32_t *users = NULL;
    rsi_fact_query rows = {.store = query->store,
                           .relation = rs_report_relation(query->store, fact->relation),
                           .rule = rsi_fact_rule_of(kind),
                           .as_of = query->as_of,
                           .window_s = query->window_s,
                           .pass_window_s = query->pass_window_s};
    if (rows.relation == SIZE_MAX || fact->thing.type.length == 0) {
        goto done;
    }
    users = malloc((fact->user_count + 1) * sizeof *users);
    if (users == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu users)", fact->user_count);
        goto done;
    }
    RS_TRY(find_node(query->store, fact->thing.type, fact->thing.id, &rows.thing_type, &rows.thing,
                     err));
    RS_TRY(find_users(&rows, fact, users, err));
    if (rows.thing != RS_NO_NODE && rows.user_count > 0) {
        RS_TRY(find_sources(&rows, &sources, err));
        print(out, &sources, fact->more > 0);
    }
done:
    free(users);
    free(sources.items);
    return status;
}
