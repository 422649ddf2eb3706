/* fact_rows.c - the rows behind a fact, looked up: those that are the coincidence, and no other
 * dealings of the same people.
 *
 * For lockstep these are the acts on the target that another user's act on it is near, for a relay
 * the payments that were passed on to the exit and the ones that passed them on, for a cycle those
 * round it. Of a relation without times (co-action) all acts on the target count. Facts are few and
 * their users are few; the store's index leads to their rows.
 *
 * Cost: one look-up a user of a fact, O(log) a row; passes O(rows) for each row in the worst case,
 * within the window.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "score/fact_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "evidence/passes.h"
#include "graph/wide.h"

rsi_fact_rule rsi_fact_rule_of(rs_text kind)
{
    static const struct {
        const char *prefix;
        rsi_fact_rule rule;
    } rules[] = {{"shared_", RSI_FACT_USES},      {"identity_", RSI_FACT_USES},
                 {"known_things", RSI_FACT_USES}, {"same_time_", RSI_FACT_TOGETHER},
                 {"co_action", RSI_FACT_ACTS},    {"lockstep", RSI_FACT_LOCKSTEP},
                 {"relay", RSI_FACT_RELAY},       {"cycle", RSI_FACT_CYCLE}};
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        size_t length = strlen(rules[i].prefix);
        if (kind.length >= length && memcmp(kind.bytes, rules[i].prefix, length) == 0) {
            return rules[i].rule;
        }
    }
    return RSI_FACT_DEALINGS;
}

/* ---- looking them up -------------------------------------------------------------------------
 */

typedef struct gathering {
    const rsi_fact_query *query;
    rs_relation_info info;
    rsi_fact_row *rows;
    size_t count, room;
} gathering;

static bool is_user(const rsi_fact_query *q, size_t type, uint32_t node)
{
    size_t low = 0;
    size_t high = type == q->user_type ? q->user_count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (q->users[middle] < node) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return type == q->user_type && low < q->user_count && q->users[low] == node;
}

static bool is_thing(const rsi_fact_query *q, size_t type, uint32_t node)
{
    return type == q->thing_type && node == q->thing;
}

/* Whether the rule is about what happened at some time: what has none is no part of it. */
static bool is_timed(const gathering *g)
{
    bool shares = g->query->rule == RSI_FACT_USES;
    return !shares && g->info.time_min != RS_NO_TIME;
}

static bool is_row(const gathering *g, const rsi_fact_row *row)
{
    const rsi_fact_query *q = g->query;
    bool itself = g->info.src_type == g->info.dst_type && row->src == row->dst;
    bool late = row->time != RS_NO_TIME && q->as_of != RS_NO_TIME && row->time > q->as_of;
    if (itself || late || (row->time == RS_NO_TIME && is_timed(g))) {
        return false;
    }
    bool by_user = is_user(q, g->info.src_type, row->src);
    bool to_thing = is_thing(q, g->info.dst_type, row->dst);
    switch (q->rule) {
    case RSI_FACT_USES:
    case RSI_FACT_TOGETHER:
        return (by_user && to_thing) ||
               (is_thing(q, g->info.src_type, row->src) && is_user(q, g->info.dst_type, row->dst));
    case RSI_FACT_ACTS:
    case RSI_FACT_LOCKSTEP:
        return by_user && to_thing;
    default:
        return by_user && (to_thing || is_user(q, g->info.dst_type, row->dst));
    }
}

static rs_status take_row(gathering *g, const rsi_fact_row *row, rs_error *err)
{
    if (!is_row(g, row)) {
        return RS_OK;
    }
    if (g->count == g->room) {
        size_t room = g->room == 0 ? 64 : 2 * g->room;
        rsi_fact_row *rows = realloc(g->rows, room * sizeof *rows);
        if (rows == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu rows of a fact)", room);
        }
        g->rows = rows;
        g->room = room;
    }
    g->rows[g->count++] = *row;
    return RS_OK;
}

static rs_status look_up(gathering *g, uint32_t src, rs_error *err)
{
    rs_status status = RS_OK;
    rs_lookup *lookup = NULL;
    rs_edges run = {0};
    RS_TRY(rs_lookup_open(&lookup, g->query->store, g->query->relation, RS_SIDE_SRC, src,
                          RS_SCAN_TIME | RS_SCAN_AMOUNT, err));
    do {
        RS_TRY(rs_lookup_next(lookup, &run, err));
        for (size_t i = 0; i < run.count; i++) {
            rsi_fact_row row = {.src = src,
                                .dst = run.dst[i],
                                .time = run.time != NULL ? run.time[i] : RS_NO_TIME,
                                .amount = run.amount != NULL ? run.amount[i] : RS_NO_AMOUNT,
                                .precision_s = run.precision_s != NULL ? run.precision_s[i] : 1};
            RS_TRY(take_row(g, &row, err));
        }
    } while (run.count > 0);
done:
    rs_lookup_close(lookup);
    return status;
}

static rs_status gather(gathering *g, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_fact_query *q = g->query;
    bool users_act = g->info.src_type == q->user_type;
    for (size_t i = 0; users_act && i < q->user_count; i++) {
        RS_TRY(look_up(g, q->users[i], err));
    }
    bool user = users_act && is_user(q, q->thing_type, q->thing);
    if (g->info.src_type == q->thing_type && q->rule <= RSI_FACT_TOGETHER && !user) {
        RS_TRY(look_up(g, q->thing, err));
    }
done:
    return status;
}

/* ---- those that count --------------------------------------------------------------------------
 */

static int by_time(const void *left, const void *right)
{
    const rsi_fact_row *a = left;
    const rsi_fact_row *b = right;
    if (a->time != b->time) {
        return a->time < b->time ? -1 : 1;
    }
    if (a->src != b->src) {
        return a->src < b->src ? -1 : 1;
    }
    if (a->dst != b->dst) {
        return a->dst < b->dst ? -1 : 1;
    }
    return (a->amount > b->amount) - (a->amount < b->amount);
}

/* What is not told precisely enough for the window is no part of what happens within it. */
static void keep_precise(gathering *g, uint32_t window_s)
{
    size_t kept = 0;
    for (size_t i = 0; i < g->count; i++) {
        if (g->rows[i].precision_s <= window_s) {
            g->rows[kept++] = g->rows[i];
        }
    }
    g->count = kept;
}

/* Whether the later one is of somebody else, within the window; all rows are about one thing. */
static bool is_near(const rsi_fact_row *one, const rsi_fact_row *later, uint32_t window_s)
{
    bool others = one->src != later->src || one->dst != later->dst;
    return others && (uint64_t)later->time - (uint64_t)one->time <= window_s;
}

/* Rows near another user's: of those before and behind a row the nearest ones of somebody else
 * tell. */
static void mark_together(gathering *g)
{
    uint32_t window_s = g->query->window_s;
    rsi_fact_row *rows = g->rows;
    keep_precise(g, window_s);
    for (size_t i = 1, other = 0; i < g->count; i++) {
        bool same = rows[i].src == rows[i - 1].src && rows[i].dst == rows[i - 1].dst;
        other = same ? other : i - 1;
        rows[i].counts = is_near(&rows[other], &rows[i], window_s);
    }
    for (size_t i = g->count, other = i; i-- > 1;) {
        bool same = rows[i].src == rows[i - 1].src && rows[i].dst == rows[i - 1].dst;
        other = same ? other : i;
        bool near = other < g->count && is_near(&rows[i - 1], &rows[other], window_s);
        rows[i - 1].counts = rows[i - 1].counts || near;
    }
}

/* Payments that a later one passes on; of a relay, to its exit. */
static void mark_passes(gathering *g)
{
    uint64_t window_s = g->query->pass_window_s;
    keep_precise(g, g->query->pass_window_s);
    for (size_t i = 0; i < g->count; i++) {
        rsi_fact_row *in = &g->rows[i];
        for (size_t j = i + 1;
             j < g->count && (uint64_t)g->rows[j].time - (uint64_t)in->time <= window_s; j++) {
            rsi_fact_row *out = &g->rows[j];
            bool there = g->query->rule != RSI_FACT_RELAY || out->dst == g->query->thing;
            if (there && out->src == in->dst && out->dst != in->src && out->time > in->time &&
                rsi_pass_fits(in->amount, out->amount)) {
                in->counts = true;
                out->counts = true;
            }
        }
    }
}

rs_status rsi_fact_rows(const rsi_fact_query *query, rsi_fact_row **rows, size_t *count,
                        rs_error *err)
{
    rs_status status = RS_OK;
    gathering g = {.query = query, .info = rs_store_relation(query->store, query->relation)};
    size_t kept = 0;
    RS_TRY(gather(&g, err));
    if (g.count > 1) {
        qsort(g.rows, g.count, sizeof *g.rows, by_time);
    }
    bool together = query->rule == RSI_FACT_TOGETHER || query->rule == RSI_FACT_LOCKSTEP;
    bool passes = query->rule == RSI_FACT_RELAY || query->rule == RSI_FACT_CYCLE;
    if (together) {
        mark_together(&g);
    } else if (passes) {
        mark_passes(&g);
    }
    for (size_t i = 0; i < g.count; i++) {
        if (g.rows[i].counts || !(together || passes)) {
            g.rows[kept] = g.rows[i];
            g.rows[kept++].counts = true;
        }
    }
    *rows = g.rows;
    *count = kept;
    g.rows = NULL; /* moved to the caller */
done:
    free(g.rows);
    return status;
}

/* ---- of a graph ------------------------------------------------------------------------------
 */

static int ascending(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* What the rows come to: what came to the thing, or all of them where they are any dealings. */
static void add_up(const rsi_fact_query *query, const rsi_fact_row *rows, size_t count,
                   rs_fact *fact)
{
    fact->event_count = count;
    fact->in_time = count > 0;
    fact->first = count > 0 ? rows[0].time : RS_NO_TIME;
    fact->last = count > 0 ? rows[count - 1].time : RS_NO_TIME;
    fact->amount = RSI_WIDE_NONE;
    for (size_t i = 0; i < count; i++) {
        if (query->rule == RSI_FACT_DEALINGS || rows[i].dst == query->thing) {
            rsi_wide_add(&fact->amount, rows[i].amount);
        }
    }
}

rs_status rsi_fact_time(const rs_score_input *input, rsi_fact_rule rule, rs_fact *fact,
                        const uint32_t *users, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_fact_row *rows = NULL;
    size_t count = 0;
    const rs_graph *graph = input->graph;
    const rs_store *store = rs_graph_store(graph);
    uint32_t *dense = malloc(((size_t)fact->user_count + 1) * sizeof *dense);
    if (dense == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u users of a fact)", fact->user_count);
        goto done;
    }
    for (uint32_t k = 0; k < fact->user_count; k++) {
        dense[k] = rs_graph_dense(graph, users[k]);
    }
    qsort(dense, fact->user_count, sizeof *dense, ascending);
    rsi_fact_query query = {
        .store = store,
        .relation = fact->relation,
        .rule = rule,
        .as_of = rs_graph_as_of(graph),
        .window_s = input->window_s,
        .pass_window_s = input->pass_window_s,
        .user_type = rs_store_type_named(store, rs_graph_range_of(graph, users[0]).type),
        .users = dense,
        .user_count = fact->user_count,
        .thing_type = rs_store_type_named(store, rs_graph_range_of(graph, fact->thing).type),
        .thing = rs_graph_dense(graph, fact->thing)};
    RS_TRY(rsi_fact_rows(&query, &rows, &count, err));
    add_up(&query, rows, count, fact);
done:
    free(rows);
    free(dense);
    return status;
}
