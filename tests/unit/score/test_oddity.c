/* test_oddity.c - counts of accounts, their tails, and the harmonic mean of these.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc */
#include "../evidence/small_store.h"

#include <math.h>

#include "../evidence/failing.h"
#include "ringscope/score.h"

enum { SUBJECTS_MAX = 300, COLUMNS_MAX = 200 };

static small_rows rows;

/* ---- the slow way: columns by rows, tails by counting ------------------------------------------
 */

typedef struct table {
    uint32_t subjects;
    size_t count;
    double column[COLUMNS_MAX][SUBJECTS_MAX];
} table;

static table slow;

static void add_column(const double *values)
{
    assert_true(slow.count < COLUMNS_MAX);
    memcpy(slow.column[slow.count++], values, sizeof slow.column[0]);
}

/* Rows of one relation at one end of it; `self` pays to itself count nowhere. */
typedef struct totals {
    double peers[SUBJECTS_MAX], edges[SUBJECTS_MAX], amount[SUBJECTS_MAX], shared[SUBJECTS_MAX];
    double day_edges[SUBJECTS_MAX], largest[SUBJECTS_MAX], day_amount[SUBJECTS_MAX];
} totals;

static const char *end_of(const small_row *row, bool src)
{
    return src ? row->src : row->dst;
}

static bool counts_here(const small_row *row, small_relation relation)
{
    return row->relation == relation && !(relation == PAYS && strcmp(row->src, row->dst) == 0);
}

static int64_t day_of(const small_row *row)
{
    return (row->time + INT64_C(100) * 86400) / 86400;
}

static void total(const small_store *small, small_relation relation, bool src, totals *out)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < rows.count; i++) {
        const small_row *row = &rows.rows[i];
        if (!counts_here(row, relation)) {
            continue;
        }
        uint32_t v = small_account(small, end_of(row, src));
        bool first = true; /* of this pair of ends */
        bool shared = false;
        double day_edges = 0;
        double day_amount = 0;
        for (size_t k = 0; k < rows.count; k++) {
            const small_row *other = &rows.rows[k];
            if (!counts_here(other, relation)) {
                continue;
            }
            bool own = strcmp(end_of(other, src), end_of(row, src)) == 0;
            bool same = strcmp(end_of(other, !src), end_of(row, !src)) == 0;
            first = first && !(k < i && own && same);
            shared = shared || (!own && same);
            if (own && row->timed && other->timed && day_of(other) == day_of(row)) {
                day_edges++;
                day_amount += (double)other->amount;
            }
        }
        out->peers[v] += first;
        out->shared[v] += first && shared;
        out->edges[v]++;
        out->amount[v] += (double)row->amount;
        out->largest[v] = fmax(out->largest[v], (double)row->amount);
        out->day_edges[v] = fmax(out->day_edges[v], day_edges);
        out->day_amount[v] = fmax(out->day_amount[v], day_amount);
    }
}

static void add_difference(const double *a, const double *b)
{
    double values[SUBJECTS_MAX] = {0};
    for (uint32_t v = 0; v < slow.subjects; v++) {
        values[v] = a[v] - b[v];
    }
    add_column(values);
}

static void add_mean(const totals *one)
{
    double values[SUBJECTS_MAX] = {0};
    for (uint32_t v = 0; v < slow.subjects; v++) {
        values[v] = one->edges[v] > 0 ? floor(one->amount[v] / one->edges[v]) : 0;
    }
    add_column(values);
}

static void add_end(const totals *one)
{
    add_column(one->peers);
    add_column(one->edges);
    add_column(one->amount);
    add_column(one->day_edges);
    add_column(one->largest);
    add_column(one->day_amount);
    add_mean(one);
}

static void tabulate(const small_store *small)
{
    static totals src;
    static totals dst;
    slow.count = 0;
    slow.subjects = rs_graph_subject_count(small->graph);
    assert_true(slow.subjects <= SUBJECTS_MAX);
    for (small_relation relation = 0; relation < SMALL_RELATIONS; relation++) {
        total(small, relation, true, &src);
        add_end(&src);
        if (relation != PAYS) {
            add_column(src.shared);
            continue;
        }
        total(small, relation, false, &dst);
        add_end(&dst);
        add_difference(src.edges, dst.edges);
        add_difference(dst.edges, src.edges);
        add_difference(src.amount, dst.amount);
        add_difference(dst.amount, src.amount);
    }
}

static double tail_of(size_t column, uint32_t subject)
{
    double at_least = 0;
    for (uint32_t v = 0; v < slow.subjects; v++) {
        at_least += slow.column[column][v] >= slow.column[column][subject];
    }
    return slow.column[column][subject] > 0 ? at_least / slow.subjects : 1;
}

static double oddity_of(uint32_t subject)
{
    double sum = 0;
    double columns = 0;
    for (size_t c = 0; c < slow.count; c++) {
        bool any = false;
        for (uint32_t v = 0; v < slow.subjects; v++) {
            any = any || slow.column[c][v] > 0;
        }
        columns += any;
        sum += any ? 1 / tail_of(c, subject) : 0;
    }
    if (columns == 0 || slow.subjects < 2) {
        return 0;
    }
    return RS_ODDITY_MAX * fmin(1, fmax(0, log(sum / columns)) / log(slow.subjects));
}

static void joins_the_tails_of_all_counts(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        small_store small;
        rsi_random random;
        uint32_t oddity[SUBJECTS_MAX];
        rs_error err = {0};
        rs_work work = {.threads = (unsigned)(seed % 2 + 1)};
        rsi_random_seed(&random, seed, 3);
        small_random(&rows, &random, rsi_random_between(&random, 1, 250), 60);
        small_open(&small, &rows, 20);
        tabulate(&small);
        small_ok(rs_oddity(small.graph, &work, oddity, &err), &err);
        for (uint32_t v = 0; v < slow.subjects; v++) {
            double gap = oddity[v] - oddity_of(v);
            if (gap > 2 || gap < -2) {
                fail_msg("subject %u of seed %d: %u, expected %f", v, (int)seed, oddity[v],
                         oddity_of(v));
            }
            assert_true(oddity[v] <= RS_ODDITY_MAX);
        }
        small_close(&small);
    }
}

static void finds_nobody_odd_where_all_are_alike(void **state)
{
    small_store small;
    uint32_t oddity[8] = {0};
    rs_error err = {0};
    (void)state;
    rows.count = 0;
    small_share(&rows, USES_DEVICE, 'a', 8, "d");
    small_open(&small, &rows, 0);
    small_ok(rs_oddity(small.graph, NULL, oddity, &err), &err);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(oddity[i], 0);
    }
    small_close(&small);
    rows.count = 0;
    small_share(&rows, USES_DEVICE, 'a', 1, "d"); /* the only one of all */
    small_open(&small, &rows, 0);
    small_ok(rs_oddity(small.graph, NULL, oddity, &err), &err);
    assert_int_equal(oddity[0], 0);
    small_close(&small);
    rows.count = 0;
    small_open(&small, &rows, 0);
    small_ok(rs_oddity(small.graph, NULL, oddity, &err), &err);
    small_close(&small);
}

static void names_the_counts_that_stand_out_the_rarest_first(void **state)
{
    small_store small;
    rs_odd_count out[3];
    rs_error err = {0};
    size_t count = 0;
    (void)state;
    rows.count = 0;
    small_share(&rows, USES_DEVICE, 'a', 9, "d");
    small_add(&rows, USES_DEVICE, "a0", "d2");
    small_add(&rows, HAS_CARD, "a0", "c");
    small_add(&rows, HAS_CARD, "a1", "c");
    small_open(&small, &rows, 1);
    uint32_t a0 = small_account(&small, "a0");
    small_ok(rs_oddity_explain(small.graph, NULL, a0, out, 3, &count, &err), &err);
    assert_int_equal(count, 3);
    assert_string_equal(out[0].name, "uses_device: distinct out");
    assert_int_equal(out[0].value, 2);
    assert_int_equal(out[0].tail, 100000);
    assert_true(out[0].tail <= out[1].tail && out[1].tail <= out[2].tail);
    small_ok(rs_oddity_explain(small.graph, NULL, a0, out, 0, &count, &err), &err);
    assert_int_equal(count, 0);
    uint32_t n0 = small_account(&small, "n0");
    small_ok(rs_oddity_explain(small.graph, NULL, n0, out, 3, &count, &err), &err);
    assert_int_equal(count, 0);
    small_close(&small);
}

static uint32_t scratch[SUBJECTS_MAX];

static rs_status again(void *context, rs_error *err)
{
    const small_store *small = context;
    return rs_oddity(small->graph, NULL, scratch, err);
}

static rs_status report(const rs_work *work, void *context, rs_error *err)
{
    const small_store *small = context;
    return rs_oddity(small->graph, work, scratch, err);
}

static void survives_failed_allocations_and_stops_when_asked_to(void **state)
{
    small_store small;
    rsi_random random;
    (void)state;
    rsi_random_seed(&random, 5, 3);
    small_random(&rows, &random, 120, 30);
    small_open(&small, &rows, 5);
    assert_true(failing_each(again, &small) > 50);
    assert_true(failing_interrupt(report, &small) > SMALL_RELATIONS);
    small_close(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_the_tails_of_all_counts),
        cmocka_unit_test(finds_nobody_odd_where_all_are_alike),
        cmocka_unit_test(names_the_counts_that_stand_out_the_rarest_first),
        cmocka_unit_test(survives_failed_allocations_and_stops_when_asked_to),
    };
    return cmocka_run_group_tests_name("oddity", tests, NULL, NULL);
}
