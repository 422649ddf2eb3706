/* oddity.c - count tails, all columns alike, joined by their harmonic mean.
 *
 * Null model: an account is a draw from the store's own accounts. For each count (how many devices,
 * how much money in one day, each numeric attribute, ...) its tail is the share of accounts that
 * have at least as much; 1 where the count is 0. The k tails of an account are joined by the
 * harmonic mean p = k / sum(1/p_i), which, other than Fisher's product, holds for counts that
 * depend on each other (Wilson 2019, "The harmonic mean p-value for combining dependent tests"),
 * and is led by the few that stand out. oddity = MAX * ln(1/p) / ln N: MAX for an account that is
 * the only one of its sort. No column is chosen or weighted, so none can be fitted to a label.
 *
 * Look-alikes: a shop, an employer: odd they are. That is why oddity is capped and never makes a
 * ring. Cost: O(edges) for each relation, O(n log n) for each column.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ringscope/score.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/parallel.h"
#include "base/sort.h"
#include "base/try.h"
#include "score/columns.h"

typedef rs_status (*visit_column)(void *context, const char *name, unsigned decimals,
                                  const int64_t *values, rs_error *err);

typedef struct walk {
    const rs_graph *graph;
    uint32_t subjects;
    unsigned decimals; /* of the amounts of the relation at hand */
    int64_t *values;   /* the column at hand */
    visit_column visit;
    void *context;
    const rsi_oddity_watch *watch; /* NULL: nobody */
} walk;

static rs_status visit_u32(walk *w, const char *relation, const char *what, const uint32_t *counts,
                           rs_error *err)
{
    char name[96];
    if (counts == NULL) {
        return RS_OK;
    }
    snprintf(name, sizeof name, "%s: %s", relation, what);
    for (uint32_t v = 0; v < w->subjects; v++) {
        w->values[v] = counts[v];
    }
    return w->visit(w->context, name, 0, w->values, err);
}

static rs_status visit_u64(walk *w, const char *relation, const char *what, const uint64_t *counts,
                           rs_error *err)
{
    char name[96];
    if (counts == NULL) {
        return RS_OK;
    }
    snprintf(name, sizeof name, "%s: %s", relation, what);
    for (uint32_t v = 0; v < w->subjects; v++) {
        w->values[v] = counts[v] < INT64_MAX ? (int64_t)counts[v] : INT64_MAX;
    }
    return w->visit(w->context, name, 0, w->values, err);
}

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

/* a - b without overflow. */
static int64_t difference(int64_t a, int64_t b)
{
    int64_t result;
    if (__builtin_sub_overflow(a, b, &result)) {
        return a > b ? INT64_MAX : INT64_MIN;
    }
    return result;
}

/* What flows in one direction beyond what flows in the other; both directions. */
static rs_status visit_balance(walk *w, const char *relation, const rs_counts *counts,
                               rs_error *err)
{
    rs_status status = RS_OK;
    if (counts->src_edges == NULL || counts->dst_edges == NULL) {
        return RS_OK;
    }
    for (int way = 0; way < 2; way++) {
        for (uint32_t v = 0; v < w->subjects; v++) {
            int64_t out = (int64_t)counts->src_edges[v];
            int64_t in = (int64_t)counts->dst_edges[v];
            w->values[v] = way == 0 ? difference(out, in) : difference(in, out);
        }
        RS_TRY(visit_i64(w, relation, way == 0 ? "more out than in" : "more in than out", 0,
                         w->values, err));
        if (counts->src_amount == NULL) {
            continue;
        }
        for (uint32_t v = 0; v < w->subjects; v++) {
            int64_t out = counts->src_amount[v];
            int64_t in = counts->dst_amount[v];
            w->values[v] = way == 0 ? difference(out, in) : difference(in, out);
        }
        RS_TRY(visit_i64(w, relation, way == 0 ? "net amount out" : "net amount in", w->decimals,
                         w->values, err));
    }
done:
    return status;
}

static rs_status visit_mean(walk *w, const char *relation, const char *what, const int64_t *sum,
                            const uint64_t *edges, rs_error *err)
{
    if (sum == NULL || edges == NULL) {
        return RS_OK;
    }
    for (uint32_t v = 0; v < w->subjects; v++) {
        w->values[v] = edges[v] > 0 ? sum[v] / (int64_t)edges[v] : 0;
    }
    return visit_i64(w, relation, what, w->decimals, w->values, err);
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
    RS_TRY(visit_mean(w, name, "mean amount out", counts->src_amount, counts->src_edges, err));
    RS_TRY(visit_mean(w, name, "mean amount in", counts->dst_amount, counts->dst_edges, err));
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

/* The numbers of all relations, made side by side before their columns are visited in order. */
typedef struct numbers {
    const rs_graph *graph;
    rs_work quiet;
    rs_counts *counts;
    rs_peaks *peaks;
} numbers;

static rs_status count_relation(void *context, size_t index, unsigned worker, rs_error *err)
{
    numbers *n = context;
    (void)worker;
    if (index % 2 == 0) {
        return rs_graph_counts(n->graph, index / 2, &n->counts[index / 2], &n->quiet, err);
    }
    return rs_graph_peaks(n->graph, index / 2, &n->peaks[index / 2], &n->quiet, err);
}

static rs_status walk_relations(walk *w, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_store *store = rs_graph_store(w->graph);
    size_t relations = rs_store_relation_count(store);
    numbers n = {.graph = w->graph, .quiet = {.threads = 1}};
    n.counts = calloc(relations + 1, sizeof *n.counts);
    n.peaks = calloc(relations + 1, sizeof *n.peaks);
    if (n.counts == NULL || n.peaks == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu relations)", relations);
        goto done;
    }
    RS_TRY(rs_work_report(work, "oddity", "relations", 0, relations, err));
    RS_TRY(rsi_parallel(work, 2 * relations, count_relation, &n, err));
    for (size_t r = 0; w->watch != NULL && w->watch->counts != NULL && r < relations; r++) {
        RS_TRY(w->watch->counts(w->watch->context, r, &n.counts[r], err));
    }
    for (size_t r = 0; r < relations; r++) {
        rs_relation_info info = rs_store_relation(store, r);
        char name[64];
        snprintf(name, sizeof name, "%s%s%s", info.name, info.currency[0] != '\0' ? " " : "",
                 info.currency);
        RS_TRY(rs_work_report(work, "oddity", "relations", r, relations, err));
        w->decimals = info.decimals;
        RS_TRY(visit_counts(w, name, &n.counts[r], err));
        RS_TRY(visit_peaks(w, name, &n.peaks[r], err));
    }
done:
    for (size_t r = 0; n.counts != NULL && n.peaks != NULL && r < relations; r++) {
        rs_counts_free(&n.counts[r]);
        rs_peaks_free(&n.peaks[r]);
    }
    free(n.counts);
    free(n.peaks);
    return status;
}

/* A number in millionths, further digits cut off; 0 for what is no number or too large. */
static int64_t millionths_of(rs_text text)
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
            w->values[node] = millionths_of(text);
        }
    }
    RS_TRY(w->visit(w->context, info.name, 6, w->values, err));
done:
    rs_values_close(values);
    return status;
}

/* Visit every column of every relation and numeric attribute, in the store's order. */
static rs_status walk_columns(const rs_graph *graph, const rs_work *work, visit_column visit,
                              void *context, const rsi_oddity_watch *watch, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_store *store = rs_graph_store(graph);
    walk w = {.graph = graph,
              .subjects = rs_graph_subject_count(graph),
              .visit = visit,
              .context = context,
              .watch = watch};
    w.values = malloc(((size_t)w.subjects + 1) * sizeof *w.values);
    if (w.values == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u subjects)", w.subjects);
        goto done;
    }
    RS_TRY(walk_relations(&w, work, err));
    for (size_t a = 0; a < rs_store_attribute_count(store); a++) {
        rs_attribute_info info = rs_store_attribute(store, a);
        bool number = info.kind == RS_VALUE_INTEGER || info.kind == RS_VALUE_DECIMAL;
        if (number && rs_store_type(store, info.type).subject) {
            RS_TRY(walk_attribute(&w, a, err));
        }
    }
done:
    free(w.values);
    return status;
}

/* ---- all accounts
 * -------------------------------------------------------------------------------- */

enum { HISTOGRAM_MAX = 1 << 16 };

typedef struct join {
    uint32_t subjects;
    size_t columns;
    rsi_record *sorted;
    rsi_record *scratch;
    uint64_t *sum; /* of 1/tail, in 2^-16 */
    const rsi_oddity_watch *watch;
} join;

/* The inverse of each tail up to `largest` by counting. */
static rs_status add_small_column(join *j, const int64_t *values, size_t largest, rs_error *err)
{
    uint64_t *at_least = calloc(largest + 2, sizeof *at_least);
    if (at_least == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (a column of counts)");
    }
    for (uint32_t v = 0; v < j->subjects; v++) {
        at_least[values[v] > 0 ? values[v] : 0]++;
    }
    for (size_t value = largest; value-- > 1;) {
        at_least[value] += at_least[value + 1];
    }
    for (size_t value = 1; value <= largest; value++) { /* one division a value, not a subject */
        at_least[value] = ((uint64_t)j->subjects << 16) / at_least[value];
    }
    at_least[0] = UINT64_C(1) << 16;
    for (uint32_t v = 0; v < j->subjects; v++) {
        j->sum[v] += at_least[values[v] > 0 ? values[v] : 0];
    }
    free(at_least);
    return RS_OK;
}

static uint64_t inverse_tail(const join *j, size_t at_least)
{
    return ((uint64_t)j->subjects << 16) / at_least;
}

/* The same by sorting. Ties share their tail. */
static rs_status add_large_column(join *j, const int64_t *values, rs_error *err)
{
    size_t count = 0;
    for (uint32_t v = 0; v < j->subjects; v++) {
        if (values[v] > 0) {
            j->sorted[count++] = (rsi_record){.key = (uint64_t)values[v], .value = v};
        }
        j->sum[v] += values[v] > 0 ? 0 : UINT64_C(1) << 16; /* a tail of 1 */
    }
    rs_status status = rsi_sort_records(j->sorted, count, j->scratch, err);
    if (status != RS_OK) {
        return status;
    }
    size_t first = 0; /* of the values that equal the one at hand */
    for (size_t i = 0; i < count; i++) {
        first = j->sorted[i].key == j->sorted[first].key ? first : i;
        j->sum[j->sorted[i].value] += inverse_tail(j, count - first);
    }
    return RS_OK;
}

/* Value and subject in one number: half of the memory to move. */
static rs_status add_packed_column(join *j, const int64_t *values, unsigned shift, rs_error *err)
{
    size_t count = 0;
    uint64_t *keys = (uint64_t *)(void *)j->sorted;
    for (uint32_t v = 0; v < j->subjects; v++) {
        if (values[v] > 0) {
            keys[count++] = (uint64_t)values[v] << shift | v;
        }
        j->sum[v] += values[v] > 0 ? 0 : UINT64_C(1) << 16; /* a tail of 1 */
    }
    rs_status status = rsi_sort_u64(keys, count, (uint64_t *)(void *)j->scratch, err);
    if (status != RS_OK) {
        return status;
    }
    enum { AHEAD = 16 };
    size_t first = 0; /* of the values that equal the one at hand */
    uint64_t mask = (UINT64_C(1) << shift) - 1;
    for (size_t i = 0; i < count; i++) {
        if (i + AHEAD < count) {
            __builtin_prefetch(&j->sum[keys[i + AHEAD] & mask], 1);
        }
        first = keys[i] >> shift == keys[first] >> shift ? first : i;
        j->sum[keys[i] & mask] += inverse_tail(j, count - first);
    }
    return RS_OK;
}

static unsigned bits_of(uint64_t number)
{
    return number == 0 ? 0 : 64 - (unsigned)__builtin_clzll(number);
}

/* A column whose largest value is 0 says nothing and is not counted. */
static rs_status add_column(void *context, const char *name, unsigned decimals,
                            const int64_t *values, rs_error *err)
{
    join *j = context;
    int64_t largest = 0;
    for (uint32_t v = 0; v < j->subjects; v++) {
        largest = values[v] > largest ? values[v] : largest;
    }
    if (largest == 0) {
        return RS_OK;
    }
    if (j->watch != NULL && j->watch->column != NULL) {
        rs_status status = j->watch->column(j->watch->context, name, decimals, values, err);
        if (status != RS_OK) {
            return status;
        }
    }
    j->columns++;
    if (largest < HISTOGRAM_MAX) {
        return add_small_column(j, values, (size_t)largest, err);
    }
    unsigned shift = bits_of(j->subjects);
    return bits_of((uint64_t)largest) + shift <= 64 ? add_packed_column(j, values, shift, err)
                                                    : add_large_column(j, values, err);
}

static uint32_t oddity_of(const join *j, uint32_t subject)
{
    if (j->columns == 0 || j->subjects < 2) {
        return 0;
    }
    double ratio = (double)j->sum[subject] / 65536.0 / (double)j->columns; /* 1/p */
    double share = log(fmax(1.0, ratio)) / log((double)j->subjects);
    return (uint32_t)((double)RS_ODDITY_MAX * fmin(1.0, share));
}

rs_status rs_oddity(const rs_graph *graph, const rs_work *work, uint32_t *oddity, rs_error *err)
{
    return rsi_oddity(graph, work, NULL, oddity, err);
}

rs_status rsi_oddity(const rs_graph *graph, const rs_work *work, const rsi_oddity_watch *watch,
                     uint32_t *oddity, rs_error *err)
{
    rs_status status = RS_OK;
    join j = {.subjects = rs_graph_subject_count(graph), .watch = watch};
    j.sorted = malloc(((size_t)j.subjects + 1) * sizeof *j.sorted);
    j.scratch = malloc(((size_t)j.subjects + 1) * sizeof *j.scratch);
    j.sum = calloc((size_t)j.subjects + 1, sizeof *j.sum);
    if (j.sorted == NULL || j.scratch == NULL || j.sum == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u subjects)", j.subjects);
        goto done;
    }
    RS_TRY(walk_columns(graph, work, add_column, &j, watch, err));
    for (uint32_t v = 0; v < j.subjects; v++) {
        oddity[v] = oddity_of(&j, v);
    }
done:
    free(j.sorted);
    free(j.scratch);
    free(j.sum);
    return status;
}

/* ---- one account
 * --------------------------------------------------------------------------------- */

typedef struct listing {
    uint32_t subject;
    uint32_t subjects;
    rs_odd_count *out;
    size_t capacity, count;
} listing;

static rs_status list_column(void *context, const char *name, unsigned decimals,
                             const int64_t *values, rs_error *err)
{
    listing *l = context;
    (void)err;
    uint64_t at_least = 0;
    int64_t own = values[l->subject];
    if (own <= 0) {
        return RS_OK;
    }
    for (uint32_t v = 0; v < l->subjects; v++) {
        at_least += values[v] >= own;
    }
    rs_odd_count odd = {.value = own,
                        .decimals = (uint8_t)decimals,
                        .tail = (uint32_t)(at_least * RS_MILLION / l->subjects)};
    snprintf(odd.name, sizeof odd.name, "%s", name);
    size_t place = l->count;
    while (place > 0 && l->out[place - 1].tail > odd.tail) {
        place--;
    }
    if (place >= l->capacity) {
        return RS_OK;
    }
    l->count += l->count < l->capacity;
    for (size_t i = l->count - 1; i > place; i--) {
        l->out[i] = l->out[i - 1];
    }
    l->out[place] = odd;
    return RS_OK;
}

rs_status rs_oddity_explain(const rs_graph *graph, const rs_work *work, uint32_t subject,
                            rs_odd_count *out, size_t capacity, size_t *count, rs_error *err)
{
    listing l = {.subject = subject,
                 .subjects = rs_graph_subject_count(graph),
                 .out = out,
                 .capacity = capacity};
    rs_status status = walk_columns(graph, work, list_column, &l, NULL, err);
    *count = l.count;
    return status;
}
