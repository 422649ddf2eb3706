/* columns.c - the counts of every account, column by column: what oddity is measured by.
 *
 * The numbers of a relation come from its timeline where there is one that left nothing out, else
 * from readings of its own, relations side by side.
 *
 * Cost: O(edges) for each relation, O(subjects) for each column.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "score/columns.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/parallel.h"
#include "base/try.h"
#include "base/utf8.h"
#include "graph/wide.h"

/* Bytes at most; with the longest of what is counted they fill the name of a column. */
enum { RELATION_SHOWN = 48, CURRENCY_SHOWN = 18 };

typedef struct walk {
    const rs_graph *graph;
    uint32_t subjects;
    unsigned decimals; /* of the amounts of the relation at hand */
    int64_t *values;   /* the column at hand */
    rsi_visit_column visit;
    void *context;
} walk;

/* Values with `decimals` digits behind the point; NULL is no column. */
static rs_status visit_i64(walk *w, const char *relation, const char *what, unsigned decimals,
                           const int64_t *values, rs_error *err)
{
    char name[96];
    if (values == NULL) {
        return RS_OK;
    }
    snprintf(name, sizeof name, "%s: %s", relation, what);
    return w->visit(w->context, name, decimals, values, err);
}

static rs_status visit_u32(walk *w, const char *relation, const char *what, const uint32_t *counts,
                           rs_error *err)
{
    for (uint32_t v = 0; counts != NULL && v < w->subjects; v++) {
        w->values[v] = counts[v];
    }
    return visit_i64(w, relation, what, 0, counts == NULL ? NULL : w->values, err);
}

static rs_status visit_u64(walk *w, const char *relation, const char *what, const uint64_t *counts,
                           rs_error *err)
{
    for (uint32_t v = 0; counts != NULL && v < w->subjects; v++) {
        w->values[v] = counts[v] < INT64_MAX ? (int64_t)counts[v] : INT64_MAX;
    }
    return visit_i64(w, relation, what, 0, counts == NULL ? NULL : w->values, err);
}

/* The sum of a subject's amounts at one end. */
static rsi_wide_number sum_at(const int64_t *clamped, const rs_sum *exact, uint32_t v)
{
    return exact != NULL ? rsi_wide_value(exact[v]) : clamped[v];
}

/* What flows in one direction beyond what flows in the other; both directions. */
static rs_status visit_balance(walk *w, const char *relation, const rs_counts *counts,
                               rs_error *err)
{
    rs_status status = RS_OK;
    if (counts->src_edges == NULL || counts->dst_edges == NULL) {
        return RS_OK;
    }
    bool amounts = counts->src_amount != NULL && counts->dst_amount != NULL;
    for (int way = 0; way < 2; way++) {
        for (uint32_t v = 0; v < w->subjects; v++) { /* fewer than 2^63 edges: no overflow */
            int64_t out = (int64_t)counts->src_edges[v] - (int64_t)counts->dst_edges[v];
            w->values[v] = way == 0 ? out : -out;
        }
        RS_TRY(visit_i64(w, relation, way == 0 ? "more out than in" : "more in than out", 0,
                         w->values, err));
        for (uint32_t v = 0; v < w->subjects && amounts; v++) {
            rsi_wide_number out = sum_at(counts->src_amount, counts->src_sum, v) -
                                  sum_at(counts->dst_amount, counts->dst_sum, v);
            w->values[v] = rsi_wide_clamp(rsi_wide_of(way == 0 ? out : -out));
        }
        RS_TRY(visit_i64(w, relation, way == 0 ? "net amount out" : "net amount in", w->decimals,
                         amounts ? w->values : NULL, err));
    }
done:
    return status;
}

static rs_status visit_mean(walk *w, const char *relation, const char *what, const int64_t *sum,
                            const rs_sum *exact, const uint64_t *edges, rs_error *err)
{
    bool known = sum != NULL && edges != NULL;
    for (uint32_t v = 0; v < w->subjects && known; v++) {
        if (exact == NULL) {
            w->values[v] = edges[v] > 0 ? sum[v] / (int64_t)edges[v] : 0;
        } else {
            w->values[v] =
                edges[v] > 0 ? (int64_t)(rsi_wide_value(exact[v]) / (rsi_wide_number)edges[v]) : 0;
        }
    }
    return visit_i64(w, relation, what, w->decimals, known ? w->values : NULL, err);
}

static rs_status visit_counts(walk *w, const char *name, const rs_counts *counts, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(visit_u32(w, name, "distinct out", counts->src_peers, err));
    RS_TRY(visit_u32(w, name, "distinct in", counts->dst_peers, err));
    RS_TRY(visit_u64(w, name, "events out", counts->src_edges, err));
    RS_TRY(visit_u64(w, name, "events in", counts->dst_edges, err));
    RS_TRY(visit_u32(w, name, "shared with others", counts->shared_things, err));
    RS_TRY(visit_i64(w, name, "amount out", w->decimals, counts->src_amount, err));
    RS_TRY(visit_i64(w, name, "amount in", w->decimals, counts->dst_amount, err));
    RS_TRY(visit_mean(w, name, "mean amount out", counts->src_amount, counts->src_sum,
                      counts->src_edges, err));
    RS_TRY(visit_mean(w, name, "mean amount in", counts->dst_amount, counts->dst_sum,
                      counts->dst_edges, err));
    RS_TRY(visit_balance(w, name, counts, err));
done:
    return status;
}

static rs_status visit_peaks(walk *w, const char *name, const rs_peaks *peaks, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(visit_u32(w, name, "most events out in a day", peaks->src_day_edges, err));
    RS_TRY(visit_u32(w, name, "most events in in a day", peaks->dst_day_edges, err));
    RS_TRY(visit_i64(w, name, "largest amount out", w->decimals, peaks->src_amount, err));
    RS_TRY(visit_i64(w, name, "largest amount in", w->decimals, peaks->dst_amount, err));
    RS_TRY(visit_i64(w, name, "most amount out in a day", w->decimals, peaks->src_day_amount, err));
    RS_TRY(visit_i64(w, name, "most amount in in a day", w->decimals, peaks->dst_day_amount, err));
done:
    return status;
}

/* The numbers of one relation. */
typedef struct relation_numbers {
    bool known;
    rs_counts counts;
    rs_peaks peaks;
} relation_numbers;

struct rsi_numbers {
    const rs_graph *graph;
    rs_work quiet; /* for calls from a worker: they may not report */
    size_t count;
    relation_numbers *relations;
};

static rs_status make_numbers(rsi_numbers **out, const rs_graph *graph, rs_error *err)
{
    size_t count = rs_store_relation_count(rs_graph_store(graph));
    rsi_numbers *n = calloc(1, sizeof *n);
    if (n != NULL) {
        *n = (rsi_numbers){.graph = graph, .quiet = {.threads = 1}, .count = count};
        n->relations = calloc(count + 1, sizeof *n->relations);
    }
    if (n == NULL || n->relations == NULL) {
        rsi_numbers_free(n);
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu relations)", count);
    }
    *out = n;
    return RS_OK;
}

const rs_counts *rsi_numbers_counts(const rsi_numbers *numbers, size_t relation)
{
    return &numbers->relations[relation].counts;
}

void rsi_numbers_free(rsi_numbers *numbers)
{
    for (size_t r = 0; numbers != NULL && numbers->relations != NULL && r < numbers->count; r++) {
        rs_counts_free(&numbers->relations[r].counts);
        rs_peaks_free(&numbers->relations[r].peaks);
    }
    free(numbers == NULL ? NULL : numbers->relations);
    free(numbers);
}

rs_status rsi_numbers_in_time(rsi_numbers **out, const rs_graph *graph,
                              const rs_timeline *timelines, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_numbers *n = NULL;
    RS_TRY(make_numbers(&n, graph, err));
    for (size_t r = 0; r < n->count; r++) {
        relation_numbers *own = &n->relations[r];
        if (timelines[r].count > 0 && timelines[r].left_out == 0) {
            RS_TRY(rs_timeline_counts(graph, &timelines[r], &own->counts, &own->peaks, work, err));
            own->known = true;
        }
    }
    *out = n;
    n = NULL; /* moved to the caller */
done:
    rsi_numbers_free(n);
    return status;
}

/* A relation without times and amounts has no peaks. */
static rs_status read_relation(void *context, size_t index, unsigned worker, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_numbers *n = context;
    relation_numbers *own = &n->relations[index];
    (void)worker;
    if (own->known) {
        goto done;
    }
    rs_relation_info info = rs_store_relation(rs_graph_store(n->graph), index);
    RS_TRY(rs_graph_counts(n->graph, index, &own->counts, &n->quiet, err));
    if (info.time_min != RS_NO_TIME || own->counts.src_amount != NULL ||
        own->counts.dst_amount != NULL) {
        RS_TRY(rs_graph_peaks(n->graph, index, &own->peaks, &n->quiet, err));
    }
    own->known = true;
done:
    return status;
}

/* The bytes of the characters that are shown whole. */
static int shown(const char *text, size_t most)
{
    return (int)rsi_utf8_valid(text, strnlen(text, most));
}

/* "pays EUR" */
static void name_relation(char *name, size_t size, const rs_relation_info *info)
{
    snprintf(name, size, "%.*s%s%.*s", shown(info->name, RELATION_SHOWN), info->name,
             info->currency[0] != '\0' ? " " : "", shown(info->currency, CURRENCY_SHOWN),
             info->currency);
}

/* Relations side by side; then their columns in order. */
static rs_status walk_relations(walk *w, rsi_numbers *n, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rs_work_report(work, "oddity", "relations", 0, n->count, err));
    if (work != NULL && work->memory_bytes > 0) { /* of those side by side each has its part */
        uint64_t part = work->memory_bytes / rsi_parallel_workers(work);
        n->quiet.memory_bytes = part > 0 ? part : 1; /* 0 would be no limit */
    }
    RS_TRY(rsi_parallel(work, n->count, read_relation, n, err));
    for (size_t r = 0; r < n->count; r++) {
        rs_relation_info info = rs_store_relation(rs_graph_store(w->graph), r);
        char name[RELATION_SHOWN + CURRENCY_SHOWN + 2];
        name_relation(name, sizeof name, &info);
        RS_TRY(rs_work_report(work, "oddity", "relations", r, n->count, err));
        w->decimals = info.decimals;
        RS_TRY(visit_counts(w, name, &n->relations[r].counts, err));
        RS_TRY(visit_peaks(w, name, &n->relations[r].peaks, err));
    }
done:
    return status;
}

int64_t rsi_millionths_of(rs_text text)
{
    int digits = rsi_decimal_digits(text);
    int64_t value = 0;
    if (digits < 0 || rsi_decimal_parse(text, digits > 6 ? (unsigned)digits : 6, &value) != NULL) {
        return 0;
    }
    for (; digits > 6; digits--) {
        value /= 10;
    }
    return value;
}

static rs_status walk_attribute(walk *w, size_t attribute, rs_error *err)
{
    rs_status status = RS_OK;
    rs_values *values = NULL;
    const rs_store *store = rs_graph_store(w->graph);
    rs_attribute_info info = rs_store_attribute(store, attribute);
    uint32_t dense = 0;
    rs_text text = {0};
    memset(w->values, 0, w->subjects * sizeof *w->values);
    RS_TRY(rs_values_open(&values, store, attribute, err));
    for (;;) {
        RS_TRY(rs_values_next(values, &dense, &text, err));
        if (dense == RS_NO_NODE) {
            break;
        }
        uint32_t node = rs_graph_node(w->graph, info.type, dense);
        if (node < w->subjects) {
            w->values[node] = rsi_millionths_of(text);
        }
    }
    RS_TRY(w->visit(w->context, info.name, 6, w->values, err));
done:
    rs_values_close(values);
    return status;
}

rs_status rsi_columns_walk(const rs_graph *graph, rsi_numbers *known, const rs_work *work,
                           rsi_visit_column visit, void *context, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_numbers *own = NULL;
    const rs_store *store = rs_graph_store(graph);
    walk w = {.graph = graph,
              .subjects = rs_graph_subject_count(graph),
              .visit = visit,
              .context = context};
    w.values = malloc(((size_t)w.subjects + 1) * sizeof *w.values);
    if (w.values == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u subjects)", w.subjects);
        goto done;
    }
    if (known == NULL) {
        RS_TRY(make_numbers(&own, graph, err));
    }
    RS_TRY(walk_relations(&w, known != NULL ? known : own, work, err));
    for (size_t a = 0; a < rs_store_attribute_count(store); a++) {
        rs_attribute_info info = rs_store_attribute(store, a);
        bool number = info.kind == RS_VALUE_INTEGER || info.kind == RS_VALUE_DECIMAL;
        if (number && rs_store_type(store, info.type).subject) {
            RS_TRY(walk_attribute(&w, a, err));
        }
    }
done:
    rsi_numbers_free(own);
    free(w.values);
    return status;
}
