/* fact_rows.c - the rows behind a fact, looked up: those that are the coincidence, and no other
 * dealings of the same people.
 *
 * For lockstep these are the acts on the target that another user's act on it is near, for a relay
 * the payments that were passed on to the exit and the ones that passed them on, for a cycle those
 * round it. Of a relation without times (co-action) all acts on the target count. Facts are few and
 * their users are few; the store's index leads to their rows.
 *
 * All rows that facts ask for are looked up together, by their source: facts are of few users, but
 * a block of the store holds thousands, and is unpacked once for all facts.
 *
 * Cost: the blocks that hold a user's rows, O(log users) for each of these rows and fact; passes
 * O(rows) for each row in the worst case, within the window. Memory: 48 bytes a row that is kept,
 * 16 a user of a fact.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "score/fact_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/sort.h"
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
                 {"co_action", RSI_FACT_ACTS},    {"content", RSI_FACT_ACTS},
                 {"lockstep", RSI_FACT_LOCKSTEP}, {"relay", RSI_FACT_RELAY},
                 {"cycle", RSI_FACT_CYCLE}};
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        size_t length = strlen(rules[i].prefix);
        if (kind.length >= length && memcmp(kind.bytes, rules[i].prefix, length) == 0) {
            return rules[i].rule;
        }
    }
    return RSI_FACT_DEALINGS;
}

/* ---- which rows ------------------------------------------------------------------------------
 */

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
static bool is_timed(const rsi_fact_query *q, const rs_relation_info *info)
{
    return q->rule != RSI_FACT_USES && info->time_min != RS_NO_TIME;
}

static bool is_row(const rsi_fact_query *q, const rs_relation_info *info, const rsi_fact_row *row)
{
    bool itself = info->src_type == info->dst_type && row->src == row->dst;
    bool late = row->time != RS_NO_TIME && q->as_of != RS_NO_TIME && row->time > q->as_of;
    if (itself || late || (row->time == RS_NO_TIME && is_timed(q, info))) {
        return false;
    }
    bool by_user = is_user(q, info->src_type, row->src);
    bool to_thing = is_thing(q, info->dst_type, row->dst);
    switch (q->rule) {
    case RSI_FACT_USES:
    case RSI_FACT_TOGETHER:
        return (by_user && to_thing) ||
               (is_thing(q, info->src_type, row->src) && is_user(q, info->dst_type, row->dst));
    case RSI_FACT_ACTS:
    case RSI_FACT_LOCKSTEP:
        return by_user && to_thing;
    default:
        return by_user && (to_thing || is_user(q, info->dst_type, row->dst));
    }
}

/* ---- looking them up -------------------------------------------------------------------------
 */

enum { SOURCES_A_BLOCK = 1 << 10 };

typedef struct found_row {
    size_t query;
    rsi_fact_row row;
} found_row;

typedef struct row_list {
    found_row *items;
    size_t count, room;
} row_list;

typedef struct gathering {
    const rsi_fact_query *queries;
    size_t query_count;
    rsi_record *sources; /* key: relation << 32 | src, ascending; value: a query that asks for it */
    size_t source_count;
    row_list *lists; /* one for each block of sources */
    rsi_fact_found *out;
} gathering;

static size_t blocks_of(size_t sources)
{
    return (sources + SOURCES_A_BLOCK - 1) / SOURCES_A_BLOCK;
}

static rs_status take_row(row_list *list, size_t query, const rsi_fact_row *row, rs_error *err)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 64 : 2 * list->room;
        found_row *items = realloc(list->items, room * sizeof *items);
        if (items == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu rows of facts)", room);
        }
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = (found_row){.query = query, .row = *row};
    return RS_OK;
}

/* Rows of one source, which `asking` asks for. */
static rs_status take_run(const gathering *g, const rs_edges *run, const rsi_record *asking,
                          row_list *list, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_fact_query *query = &g->queries[asking->value];
    rs_relation_info info = rs_store_relation(query->store, query->relation);
    for (size_t i = 0; i < run->count; i++) {
        rsi_fact_row row = {.src = run->src[i],
                            .dst = run->dst[i],
                            .time = run->time != NULL ? run->time[i] : RS_NO_TIME,
                            .amount = run->amount != NULL ? run->amount[i] : RS_NO_AMOUNT,
                            .precision_s = run->precision_s != NULL ? run->precision_s[i] : 1};
        if (is_row(query, &info, &row)) {
            RS_TRY(take_row(list, asking->value, &row, err));
        }
    }
done:
    return status;
}

/* The first of the records that is not below `key`. */
static const rsi_record *search(const rsi_record *records, size_t count, uint64_t key)
{
    while (count > 0) {
        size_t half = count / 2;
        bool below = records[half].key < key;
        records += below ? half + 1 : 0;
        count = below ? count - half - 1 : half;
    }
    return records;
}

/* Sources of one relation. */
static rs_status look_up(const gathering *g, const rsi_record *sources, size_t count,
                         row_list *list, rs_error *err)
{
    rs_status status = RS_OK;
    rs_lookup *lookup = NULL;
    rs_edges run = {0};
    uint32_t nodes[SOURCES_A_BLOCK];
    const rsi_fact_query *any = &g->queries[sources->value];
    rs_lookup_query wanted = {.relation = any->relation,
                              .side = RS_SIDE_SRC,
                              .nodes = nodes,
                              .columns = RS_SCAN_TIME | RS_SCAN_AMOUNT};
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || sources[i].key != sources[i - 1].key) {
            nodes[wanted.node_count++] = (uint32_t)sources[i].key;
        }
    }
    RS_TRY(rs_lookup_open(&lookup, any->store, &wanted, err));
    RS_TRY(rs_lookup_next(lookup, &run, err));
    while (run.count > 0) {
        uint64_t key = (uint64_t)any->relation << 32 | run.src[0];
        const rsi_record *asking = search(sources, count, key);
        for (; asking < sources + count && asking->key == key; asking++) {
            RS_TRY(take_run(g, &run, asking, list, err));
        }
        RS_TRY(rs_lookup_next(lookup, &run, err));
    }
done:
    rs_lookup_close(lookup);
    return status;
}

static rs_status look_up_block(void *context, size_t block, unsigned worker, rs_error *err)
{
    rs_status status = RS_OK;
    const gathering *g = context;
    size_t last = (block + 1) * SOURCES_A_BLOCK;
    last = last < g->source_count ? last : g->source_count;
    (void)worker;
    for (size_t i = block * SOURCES_A_BLOCK, end; i < last; i = end) {
        for (end = i; end < last && g->sources[end].key >> 32 == g->sources[i].key >> 32; end++) {
        }
        RS_TRY(look_up(g, g->sources + i, end - i, &g->lists[block], err));
    }
done:
    return status;
}

static void add_source(gathering *g, size_t query, uint32_t src)
{
    g->sources[g->source_count++] =
        (rsi_record){.key = (uint64_t)g->queries[query].relation << 32 | src, .value = query};
}

/* Whose rows each query asks for: they are looked up by their source. */
static rs_status find_sources(gathering *g, rs_error *err)
{
    size_t room = 1;
    for (size_t i = 0; i < g->query_count; i++) {
        room += g->queries[i].user_count + 1;
    }
    g->sources = malloc(room * sizeof *g->sources);
    if (g->sources == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu users of facts)", room);
    }
    for (size_t i = 0; i < g->query_count; i++) {
        const rsi_fact_query *q = &g->queries[i];
        size_t src_type = rs_store_relation(q->store, q->relation).src_type;
        bool users_act = src_type == q->user_type;
        for (size_t k = 0; users_act && k < q->user_count; k++) {
            add_source(g, i, q->users[k]);
        }
        bool user = users_act && is_user(q, q->thing_type, q->thing);
        if (src_type == q->thing_type && q->rule <= RSI_FACT_TOGETHER && !user) {
            add_source(g, i, q->thing);
        }
    }
    return rsi_sort_records(g->sources, g->source_count, NULL, err);
}

/* From lists by block to rows by query: a counting sort. */
static rs_status put_by_query(const gathering *g, rs_error *err)
{
    rsi_fact_found *out = g->out;
    size_t all = 0;
    for (size_t b = 0; b < blocks_of(g->source_count); b++) {
        for (size_t i = 0; i < g->lists[b].count; i++) {
            out->count[g->lists[b].items[i].query]++;
        }
        all += g->lists[b].count;
    }
    out->rows = malloc((all + 1) * sizeof *out->rows);
    if (out->rows == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu rows of facts)", all);
    }
    for (size_t i = 0; i < g->query_count; i++) {
        out->first[i + 1] = out->first[i] + out->count[i];
        out->count[i] = 0;
    }
    for (size_t b = 0; b < blocks_of(g->source_count); b++) {
        for (size_t i = 0; i < g->lists[b].count; i++) {
            const found_row *one = &g->lists[b].items[i];
            out->rows[out->first[one->query] + out->count[one->query]++] = one->row;
        }
    }
    return RS_OK;
}

static rs_status gather(gathering *g, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(find_sources(g, err));
    size_t blocks = blocks_of(g->source_count);
    g->lists = calloc(blocks + 1, sizeof *g->lists);
    if (g->lists == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu users of facts)", g->source_count);
        goto done;
    }
    RS_TRY(rsi_parallel(work, blocks, look_up_block, g, err));
    RS_TRY(put_by_query(g, err));
done:
    for (size_t b = 0; g->lists != NULL && b < blocks_of(g->source_count); b++) {
        free(g->lists[b].items);
    }
    free(g->lists);
    free(g->sources);
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
static size_t keep_precise(rsi_fact_row *rows, size_t count, uint32_t window_s)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].precision_s <= window_s) {
            rows[kept++] = rows[i];
        }
    }
    return kept;
}

/* Whether the later one is of somebody else, within the window; all rows are about one thing. */
static bool is_near(const rsi_fact_row *one, const rsi_fact_row *later, uint32_t window_s)
{
    bool others = one->src != later->src || one->dst != later->dst;
    return others && (uint64_t)later->time - (uint64_t)one->time <= window_s;
}

/* Rows near another user's: of those before and behind a row the nearest ones of somebody else
 * tell. */
static void mark_together(const rsi_fact_query *q, rsi_fact_row *rows, size_t count)
{
    for (size_t i = 1, other = 0; i < count; i++) {
        bool same = rows[i].src == rows[i - 1].src && rows[i].dst == rows[i - 1].dst;
        other = same ? other : i - 1;
        rows[i].counts = is_near(&rows[other], &rows[i], q->window_s);
    }
    for (size_t i = count, other = i; i-- > 1;) {
        bool same = rows[i].src == rows[i - 1].src && rows[i].dst == rows[i - 1].dst;
        other = same ? other : i;
        bool near = other < count && is_near(&rows[i - 1], &rows[other], q->window_s);
        rows[i - 1].counts = rows[i - 1].counts || near;
    }
}

/* Payments that a later one passes on; of a relay, to its exit. */
static void mark_passes(const rsi_fact_query *q, rsi_fact_row *rows, size_t count)
{
    uint64_t window_s = q->pass_window_s;
    for (size_t i = 0; i < count; i++) {
        rsi_fact_row *in = &rows[i];
        for (size_t j = i + 1; j < count && (uint64_t)rows[j].time - (uint64_t)in->time <= window_s;
             j++) {
            rsi_fact_row *out = &rows[j];
            bool there = q->rule != RSI_FACT_RELAY || out->dst == q->thing;
            if (there && out->src == in->dst && out->dst != in->src && out->time > in->time &&
                rsi_pass_fits(in->amount, out->amount)) {
                in->counts = true;
                out->counts = true;
            }
        }
    }
}

/* In order, those that count first; returns how many. */
static size_t settle(const rsi_fact_query *q, rsi_fact_row *rows, size_t count)
{
    bool together = q->rule == RSI_FACT_TOGETHER || q->rule == RSI_FACT_LOCKSTEP;
    bool passes = q->rule == RSI_FACT_RELAY || q->rule == RSI_FACT_CYCLE;
    size_t kept = 0;
    if (count > 1) {
        qsort(rows, count, sizeof *rows, by_time);
    }
    if (together) {
        count = keep_precise(rows, count, q->window_s);
        mark_together(q, rows, count);
    } else if (passes) {
        count = keep_precise(rows, count, q->pass_window_s);
        mark_passes(q, rows, count);
    }
    for (size_t i = 0; i < count; i++) {
        if (rows[i].counts || !(together || passes)) {
            rows[kept] = rows[i];
            rows[kept++].counts = true;
        }
    }
    return kept;
}

enum { QUERIES_A_BLOCK = 64 };

static rs_status settle_block(void *context, size_t block, unsigned worker, rs_error *err)
{
    const gathering *g = context;
    size_t end = (block + 1) * QUERIES_A_BLOCK;
    end = end < g->query_count ? end : g->query_count;
    (void)worker;
    (void)err;
    for (size_t i = block * QUERIES_A_BLOCK; i < end; i++) {
        g->out->count[i] =
            settle(&g->queries[i], g->out->rows + g->out->first[i], g->out->count[i]);
    }
    return RS_OK;
}

rs_status rsi_fact_rows(const rsi_fact_query *queries, size_t query_count, const rs_work *work,
                        rsi_fact_found *out, rs_error *err)
{
    rs_status status = RS_OK;
    gathering g = {.queries = queries, .query_count = query_count, .out = out};
    *out = (rsi_fact_found){.first = calloc(query_count + 1, sizeof *out->first),
                            .count = calloc(query_count + 1, sizeof *out->count)};
    if (out->first == NULL || out->count == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu facts)", query_count);
        goto done;
    }
    RS_TRY(gather(&g, work, err));
    RS_TRY(rsi_parallel(work, (query_count + QUERIES_A_BLOCK - 1) / QUERIES_A_BLOCK, settle_block,
                        &g, err));
done:
    if (status != RS_OK) {
        rsi_fact_found_free(out);
    }
    return status;
}

void rsi_fact_found_free(rsi_fact_found *found)
{
    free(found->first);
    free(found->count);
    free(found->rows);
    *found = (rsi_fact_found){0};
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
    size_t dst_type = rs_store_relation(query->store, query->relation).dst_type;
    fact->event_count = count;
    fact->in_time = count > 0;
    fact->first = count > 0 ? rows[0].time : RS_NO_TIME;
    fact->last = count > 0 ? rows[count - 1].time : RS_NO_TIME;
    fact->amount = RSI_WIDE_NONE;
    for (size_t i = 0; i < count; i++) {
        if (query->rule == RSI_FACT_DEALINGS || is_thing(query, dst_type, rows[i].dst)) {
            rsi_wide_add(&fact->amount, rows[i].amount);
        }
    }
}

/* Facts that are looked up at a time. */
typedef struct batch {
    const rs_score_input *input;
    const rsi_fact_list *list;
    uint32_t *users; /* dense numbers, fact after fact */
    rsi_fact_query *queries;
    rs_fact **facts; /* of each query */
    size_t count;
} batch;

static rs_status batch_alloc(batch *b, size_t facts, size_t users, rs_error *err)
{
    b->users = malloc((users + 1) * sizeof *b->users);
    b->queries = malloc((facts + 1) * sizeof *b->queries);
    b->facts = malloc((facts + 1) * sizeof *b->facts);
    if (b->users == NULL || b->queries == NULL || b->facts == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu users of facts)", users);
    }
    return RS_OK;
}

static void batch_free(batch *b)
{
    free(b->users);
    free(b->queries);
    free(b->facts);
    *b = (batch){.input = b->input, .list = b->list};
}

static void add_query(batch *b, size_t index, uint32_t *dense)
{
    const rs_graph *graph = b->input->graph;
    const rs_store *store = rs_graph_store(graph);
    rs_fact *fact = &b->list->facts[index];
    const uint32_t *users = b->list->users + fact->user_first;
    for (uint32_t k = 0; k < fact->user_count; k++) {
        dense[k] = rs_graph_dense(graph, users[k]);
    }
    qsort(dense, fact->user_count, sizeof *dense, ascending);
    b->facts[b->count] = fact;
    b->queries[b->count++] = (rsi_fact_query){
        .store = store,
        .relation = fact->relation,
        .rule = (rsi_fact_rule)(b->list->rules[index] - 1),
        .as_of = rs_graph_as_of(graph),
        .window_s = b->input->window_s,
        .pass_window_s = b->input->pass_window_s,
        .user_type = rs_store_type_named(store, rs_graph_range_of(graph, users[0]).type),
        .users = dense,
        .user_count = fact->user_count,
        .thing_type = rs_store_type_named(store, rs_graph_range_of(graph, fact->thing).type),
        .thing = rs_graph_dense(graph, fact->thing)};
}

/* The facts first .. end-1, which have so many users. */
static rs_status time_some(batch *b, size_t first, size_t end, size_t user_count,
                           const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_fact_found found = {0};
    RS_TRY(batch_alloc(b, end - first, user_count, err));
    for (size_t i = first, users = 0; i < end; i++) {
        if (b->list->rules[i] != 0) {
            add_query(b, i, b->users + users);
            users += b->list->facts[i].user_count;
        }
    }
    RS_TRY(rsi_fact_rows(b->queries, b->count, work, &found, err));
    for (size_t i = 0; i < b->count; i++) {
        add_up(&b->queries[i], found.rows + found.first[i], found.count[i], b->facts[i]);
    }
done:
    rsi_fact_found_free(&found);
    batch_free(b);
    return status;
}

rs_status rsi_facts_time(const rs_score_input *input, const rsi_fact_list *list,
                         const rs_work *work, rs_error *err)
{
    enum { USERS_MAX = 1 << 18 }; /* at a time */
    rs_status status = RS_OK;
    batch b = {.input = input, .list = list};
    for (size_t first = 0, end; first < list->count; first = end) {
        size_t users = 0;
        for (end = first; end < list->count && users < USERS_MAX; end++) {
            users += list->rules[end] != 0 ? list->facts[end].user_count : 0;
        }
        RS_TRY(time_some(&b, first, end, users, work, err));
    }
done:
    return status;
}
