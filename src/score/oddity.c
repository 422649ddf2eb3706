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
 * ring. Cost: that of the columns (columns.c), O(n log n) for each.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ringscope/score.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/sort.h"
#include "base/try.h"
#include "score/columns.h"

/* ---- all accounts
 * -------------------------------------------------------------------------------- */

enum { HISTOGRAM_MAX = 1 << 16 };

typedef struct join {
    uint32_t subjects;
    size_t columns;
    uint64_t *sorted;
    uint64_t *scratch;
    uint32_t *at_least; /* of the column at hand; 0 where the value is 0 */
    uint64_t *sum;      /* of 1/tail, in 2^-16 */
    rsi_visit_tails visit;
    void *context;
} join;

static uint64_t inverse_tail(const join *j, size_t at_least)
{
    return at_least == 0 ? UINT64_C(1) << 16 : ((uint64_t)j->subjects << 16) / at_least;
}

/* What each value up to `largest` stands for is counted once. */
static rs_status add_small_column(join *j, const int64_t *values, size_t largest, rs_error *err)
{
    uint64_t *inverse = malloc((largest + 2) * sizeof *inverse);
    uint32_t *at_least = calloc(largest + 2, sizeof *at_least);
    if (inverse == NULL || at_least == NULL) {
        free(inverse);
        free(at_least);
        return rs_fail(err, RS_ENOMEM, "out of memory (a column of counts)");
    }
    for (uint32_t v = 0; v < j->subjects; v++) {
        at_least[values[v] > 0 ? values[v] : 0]++;
    }
    at_least[0] = 0;
    for (size_t value = largest; value-- > 1;) {
        at_least[value] += at_least[value + 1];
    }
    for (size_t value = 0; value <= largest; value++) { /* one division a value, not a subject */
        inverse[value] = inverse_tail(j, at_least[value]);
    }
    for (uint32_t v = 0; v < j->subjects; v++) {
        size_t value = values[v] > 0 ? (size_t)values[v] : 0;
        j->at_least[v] = at_least[value];
        j->sum[v] += inverse[value];
    }
    free(inverse);
    free(at_least);
    return RS_OK;
}

/* Values above 0, ascending, each with the low `shift` bits of its subject's number behind it. */
static rs_status sort_column(join *j, const int64_t *values, unsigned shift, size_t *count,
                             rs_error *err)
{
    size_t n = 0;
    uint64_t mask = (UINT64_C(1) << shift) - 1;
    for (uint32_t v = 0; v < j->subjects; v++) {
        if (values[v] > 0) {
            j->sorted[n++] = (uint64_t)values[v] << shift | (v & mask);
        } else {
            j->at_least[v] = 0;
            j->sum[v] += inverse_tail(j, 0);
        }
    }
    *count = n;
    return rsi_sort_u64(j->sorted, n, j->scratch, err);
}

/* By sorting values and subjects in one number. Ties share their tail. */
static rs_status add_packed_column(join *j, const int64_t *values, unsigned shift, rs_error *err)
{
    enum { AHEAD = 16 };
    size_t count = 0;
    uint64_t *keys = j->sorted;
    uint64_t mask = (UINT64_C(1) << shift) - 1;
    rs_status status = sort_column(j, values, shift, &count, err);
    if (status != RS_OK) {
        return status;
    }
    uint32_t at_least = 0;
    uint64_t inverse = 0;
    for (size_t i = 0; i < count; i++) {
        if (i + AHEAD < count) {
            __builtin_prefetch(&j->sum[keys[i + AHEAD] & mask], 1);
            __builtin_prefetch(&j->at_least[keys[i + AHEAD] & mask], 1);
        }
        if (i == 0 || keys[i] >> shift != keys[i - 1] >> shift) {
            at_least = (uint32_t)(count - i);
            inverse = inverse_tail(j, at_least);
        }
        j->at_least[keys[i] & mask] = at_least;
        j->sum[keys[i] & mask] += inverse;
    }
    return RS_OK;
}

/* Values that leave the number of a subject no room, as sums of money hardly ever are. */
static rs_status add_large_column(join *j, const int64_t *values, rs_error *err)
{
    size_t count = 0;
    rs_status status = sort_column(j, values, 0, &count, err);
    for (uint32_t v = 0; status == RS_OK && v < j->subjects; v++) {
        if (values[v] > 0) {
            size_t below = rsi_count_below(j->sorted, count, (uint64_t)values[v]);
            j->at_least[v] = (uint32_t)(count - below);
            j->sum[v] += inverse_tail(j, j->at_least[v]);
        }
    }
    return status;
}

static unsigned bits_of(uint64_t number)
{
    return number == 0 ? 0 : 64 - (unsigned)__builtin_clzll(number);
}

/* A column whose largest value is 0 says nothing and is not counted. */
static rs_status add_column(void *context, const char *name, unsigned decimals,
                            const int64_t *values, rs_error *err)
{
    rs_status status = RS_OK;
    join *j = context;
    int64_t largest = 0;
    for (uint32_t v = 0; v < j->subjects; v++) {
        largest = values[v] > largest ? values[v] : largest;
    }
    if (largest == 0) {
        return RS_OK;
    }
    unsigned shift = bits_of(j->subjects);
    if (largest < HISTOGRAM_MAX) {
        RS_TRY(add_small_column(j, values, (size_t)largest, err));
    } else if (bits_of((uint64_t)largest) + shift <= 64) {
        RS_TRY(add_packed_column(j, values, shift, err));
    } else {
        RS_TRY(add_large_column(j, values, err));
    }
    j->columns++;
    if (j->visit != NULL) {
        RS_TRY(j->visit(j->context, name, decimals, values, j->at_least, err));
    }
done:
    return status;
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
    return rsi_oddity(graph, NULL, work, NULL, NULL, oddity, err);
}

rs_status rsi_oddity(const rs_graph *graph, rsi_numbers *known, const rs_work *work,
                     rsi_visit_tails visit, void *context, uint32_t *oddity, rs_error *err)
{
    rs_status status = RS_OK;
    join j = {.subjects = rs_graph_subject_count(graph), .visit = visit, .context = context};
    j.sorted = malloc(((size_t)j.subjects + 1) * sizeof *j.sorted);
    j.scratch = malloc(((size_t)j.subjects + 1) * sizeof *j.scratch);
    j.at_least = malloc(((size_t)j.subjects + 1) * sizeof *j.at_least);
    j.sum = calloc((size_t)j.subjects + 1, sizeof *j.sum);
    if (j.sorted == NULL || j.scratch == NULL || j.at_least == NULL || j.sum == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u subjects)", j.subjects);
        goto done;
    }
    RS_TRY(rsi_columns_walk(graph, known, work, add_column, &j, err));
    for (uint32_t v = 0; v < j.subjects; v++) {
        oddity[v] = oddity_of(&j, v);
    }
done:
    free(j.sorted);
    free(j.scratch);
    free(j.at_least);
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
    rs_status status = rsi_columns_walk(graph, NULL, work, list_column, &l, err);
    *count = l.count;
    return status;
}
