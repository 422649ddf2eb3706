/* test_bursts.c - bursts and fans against their definitions, on random worlds.
 *
 * The reference knows rows only: it goes through all of them for each pair, each run and each
 * night. It shares the logarithm of base/fixed.h with what it tests, nothing else.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "../unit/evidence/small_store.h"

#include "base/fixed.h"
#include "ringscope/evidence.h"

enum { WORLDS = 40, NODES_MAX = 130, WINDOW = 259200, REACH = 16, STEPS = 320 };
#define LN_20 3141338u
#define LN_2  726817u

typedef struct payment {
    uint32_t from, to;
    int64_t time, amount;
} payment;

static small_rows rows;
static small_store small;
static uint32_t nodes;
static payment paid[SMALL_ROWS_MAX];
static size_t count;
static uint64_t span;
static uint64_t once[NODES_MAX][NODES_MAX], burst[NODES_MAX][NODES_MAX];
static uint64_t fan[NODES_MAX];

/* ---- worlds -------------------------------------------------------------------------------------
 */

static void add(const char *src, const char *dst, int64_t time, int64_t amount)
{
    small_row *row = small_add_at(&rows, PAYS, src, dst, time);
    row->amount = amount;
    row->zero = amount == 0;
}

static void make_world(uint64_t seed)
{
    rsi_random random;
    char src[12];
    char dst[12];
    rsi_random_seed(&random, seed, 7);
    uint32_t accounts = rsi_random_between(&random, 20, 80);
    uint32_t days = rsi_random_between(&random, 20, 400);
    rows.count = 0;
    for (uint32_t i = rsi_random_between(&random, 50, 900); i > 0; i--) {
        snprintf(src, sizeof src, "a%u", rsi_random_below(&random, accounts));
        snprintf(dst, sizeof dst, "a%u", rsi_random_below(&random, accounts));
        int64_t amount = (int64_t)rsi_random_below(&random, 40) - 1;
        add(src, dst, rsi_random_below(&random, days * 86400), amount);
    }
    for (uint32_t b = rsi_random_below(&random, 5); b > 0; b--) { /* bursts */
        int64_t time = rsi_random_below(&random, days * 86400);
        for (uint32_t i = rsi_random_between(&random, 2, 9); i > 0; i--) {
            snprintf(src, sizeof src, "b%u", b);
            add(src, "x", time + rsi_random_below(&random, 20000), 100);
        }
    }
    for (uint32_t i = rsi_random_below(&random, 12); i > 0; i--) { /* a fan */
        snprintf(src, sizeof src, "f%u", i);
        add(src, "f", rsi_random_below(&random, days * 86400), 100);
    }
    small_open(&small, &rows, rsi_random_below(&random, 10));
    nodes = rs_graph_subject_count(small.graph);
    assert_true(nodes <= NODES_MAX);
}

static int in_order(const void *left, const void *right)
{
    const payment *a = left;
    const payment *b = right;
    if (a->from != b->from) {
        return a->from < b->from ? -1 : 1;
    }
    if (a->time != b->time) {
        return a->time < b->time ? -1 : 1;
    }
    if (a->to != b->to) {
        return a->to < b->to ? -1 : 1;
    }
    return (a->amount > b->amount) - (a->amount < b->amount);
}

/* All rows from one to another, by payer, in order of time. */
static void read_rows(void)
{
    int64_t low = INT64_MAX;
    int64_t high = INT64_MIN;
    count = 0;
    for (size_t i = 0; i < rows.count; i++) {
        const small_row *row = &rows.rows[i];
        payment p = {small_account(&small, row->src), small_account(&small, row->dst), row->time,
                     row->amount};
        low = p.time < low ? p.time : low;
        if (p.from != p.to) {
            high = p.time > high ? p.time : high;
            paid[count++] = p;
        }
    }
    qsort(paid, count, sizeof *paid, in_order);
    span = count > 0 ? (uint64_t)(high - low) + 1 : 1;
}

/* ---- the definitions ----------------------------------------------------------------------------
 */

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t count_paid(uint32_t from, uint32_t to, bool money)
{
    uint64_t found = 0;
    for (size_t i = 0; i < count; i++) {
        found += (from == RS_NO_NODE || paid[i].from == from) &&
                 (to == RS_NO_NODE || paid[i].to == to) && (!money || paid[i].amount > 0);
    }
    return found;
}

static uint64_t time_between(size_t i, size_t j)
{
    return larger((uint64_t)(paid[j].time - paid[i].time) + 1, 60);
}

/* An interval in the payer's mean interval, in eighths of a doubling. */
static int64_t step_of(uint64_t gap, uint64_t n)
{
    int64_t nats = rsi_ln_ratio_q32(gap, span) + (int64_t)rsi_ln_q32(n);
    int64_t step = nats / (int64_t)(UINT64_C(2977044472) / 8) + 256;
    return step < 0 ? 0 : step < STEPS ? step : STEPS - 1;
}

/* F at the end of each step, of 2^32. */
static void measure_pace(uint64_t *pace)
{
    static int64_t steps[SMALL_ROWS_MAX];
    uint64_t all = 0;
    for (size_t i = 1; i < count; i++) {
        if (paid[i].from == paid[i - 1].from && paid[i].amount > 0 && paid[i - 1].amount > 0) {
            uint64_t n = count_paid(paid[i].from, RS_NO_NODE, false);
            steps[all++] = step_of(time_between(i - 1, i), n);
        }
    }
    for (int64_t step = 0; step < STEPS; step++) {
        uint64_t as_soon = 0;
        for (uint64_t i = 0; i < all; i++) {
            as_soon += steps[i] <= step;
        }
        pace[step] = ((as_soon + 1) << 32) / (all + 1) - (as_soon == all);
    }
}

/* -ln p of the run of one pair's payments at the places i[0] .. i[m]. */
static int64_t surprise_of(const size_t *i, size_t m, uint64_t c, const uint64_t *pace)
{
    const payment *p = &paid[i[0]];
    uint64_t n = count_paid(p->from, RS_NO_NODE, true);
    uint64_t expected = rsi_ln_q32(n) + rsi_ln_q32(count_paid(RS_NO_NODE, p->to, false));
    uint64_t by_pace = 0;
    int64_t ways = (int64_t)rsi_ln_q32(c);
    expected = larger(expected, rsi_ln_q32(count)) - rsi_ln_q32(count);
    for (size_t k = 1; k <= m; k++) {
        by_pace += pace[step_of(time_between(i[k - 1], i[k]), n)] * span / n >> 32;
        ways += (int64_t)larger(rsi_ln_q32(c - k), expected) - (int64_t)rsi_ln_q32(k);
    }
    uint64_t by_own = n > c ? (i[m] - i[0] - m) * span / (n - c) : 0;
    uint64_t part = larger(larger(time_between(i[0], i[m]), by_pace), by_own);
    return (int64_t)m * rsi_ln_ratio_q32(span, part) - ways;
}

static void expect_pair(uint32_t a, uint32_t b, const uint64_t *pace)
{
    static size_t place[SMALL_ROWS_MAX];
    size_t c = 0;
    once[a][b] = 0;
    burst[a][b] = 0;
    for (size_t i = 0; i < count; i++) {
        if (paid[i].from == a && paid[i].to == b && paid[i].amount > 0) {
            place[c++] = i;
        }
    }
    for (size_t i = 0; i < c; i++) {
        for (size_t m = 1; i + m < c && m <= REACH; m++) {
            if (time_between(place[i], place[i + m]) <= WINDOW) {
                int64_t nats = surprise_of(place + i, m, c, pace);
                uint64_t q20 = nats > 0 ? (uint64_t)nats >> 12 : 0;
                once[a][b] = larger(once[a][b], q20);
                burst[a][b] = m > 1 ? larger(burst[a][b], q20) : burst[a][b];
            }
        }
    }
}

static int ascending(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* What is left of a surprise among those of `all`, of which so many were tried; as a weight. */
static uint64_t weight_of(uint64_t surprise, const uint64_t *values, uint64_t all, uint64_t tried,
                          uint64_t median, uint64_t parts)
{
    uint64_t seen = 0;
    for (uint64_t i = 0; i < all; i++) {
        seen += values[i] >= surprise;
    }
    uint64_t chance = tried > seen ? (uint64_t)rsi_ln_ratio_q32(tried, seen) >> 12 : 0;
    uint64_t usual = (uint64_t)rsi_ln_ratio_q32(all, seen) >> 12;
    uint64_t left = median > LN_2 ? surprise * LN_2 / median : surprise;
    if (left < chance + LN_20 || usual < LN_20) {
        return 0;
    }
    left = left / parts < usual ? left / parts : usual;
    uint64_t weight = (left << 20) / (rsi_ln_q32(nodes) >> 12);
    return weight < UINT64_C(1) << 20 ? weight : UINT64_C(1) << 20;
}

/* Turns surprises into weights. */
static void expect_bursts(void)
{
    static uint64_t pace[STEPS];
    static uint64_t values[NODES_MAX * NODES_MAX];
    static uint64_t first[NODES_MAX * NODES_MAX];
    static uint64_t weights[NODES_MAX][NODES_MAX];
    uint64_t pairs = 0;
    uint64_t tried = 0;
    measure_pace(pace);
    for (uint32_t a = 0; a < nodes; a++) {
        for (uint32_t b = 0; b < nodes; b++) {
            uint64_t c = count_paid(a, b, true);
            expect_pair(a, b, pace);
            if (c > 0 && count_paid(a, RS_NO_NODE, true) > 2) {
                first[pairs] = once[a][b];
                values[pairs++] = burst[a][b];
                tried += c > 2;
            }
        }
    }
    qsort(first, pairs, sizeof *first, ascending);
    for (uint32_t a = 0; a < nodes; a++) {
        for (uint32_t b = 0; b < nodes; b++) {
            uint64_t median = pairs > 0 ? first[(pairs - 1) / 2] : 0;
            weights[a][b] =
                burst[a][b] == 0 ? 0 : weight_of(burst[a][b], values, pairs, tried, median, 1);
        }
    }
    memcpy(burst, weights, sizeof burst);
}

static bool pays_nobody_else(uint32_t a, uint32_t x)
{
    return count_paid(a, x, true) > 0 && count_paid(a, RS_NO_NODE, true) == count_paid(a, x, true);
}

static uint64_t fan_surprise(uint64_t k, uint64_t d, uint64_t sole, uint64_t pairs)
{
    if (k < 2 || k * pairs <= d * sole) {
        return 0;
    }
    int64_t nats = (int64_t)k * (rsi_ln_ratio_q32(k, d) - rsi_ln_ratio_q32(sole, pairs));
    if (d > k) {
        nats +=
            (int64_t)(d - k) * (rsi_ln_ratio_q32(d - k, d) - rsi_ln_ratio_q32(pairs - sole, pairs));
    }
    return nats > 0 ? (uint64_t)nats >> 12 : 0;
}

/* What each link to a payee weighs. */
static void expect_fans(void)
{
    uint64_t d[NODES_MAX] = {0};
    uint64_t k[NODES_MAX] = {0};
    uint64_t values[NODES_MAX];
    uint64_t sorted[NODES_MAX];
    uint64_t sole = 0;
    uint64_t pairs = 0;
    uint64_t payees = 0;
    uint64_t tried = 0;
    for (uint32_t a = 0; a < nodes; a++) {
        for (uint32_t x = 0; x < nodes; x++) {
            d[x] += count_paid(a, x, true) > 0;
            k[x] += pays_nobody_else(a, x);
            pairs += count_paid(a, x, true) > 0;
            sole += pays_nobody_else(a, x);
        }
    }
    for (uint32_t x = 0; x < nodes; x++) {
        fan[x] = fan_surprise(k[x], d[x], sole, pairs);
        tried += d[x] > 1;
        if (d[x] > 0) {
            values[payees++] = fan[x];
        }
    }
    memcpy(sorted, values, sizeof sorted);
    qsort(sorted, payees, sizeof *sorted, ascending);
    for (uint32_t x = 0; x < nodes; x++) {
        uint32_t users = (uint32_t)d[x];
        bool crowd = users > 0 && rs_thing_is_hub(rs_thing_weight(nodes, users, false), users,
                                                  RS_RESOLUTION_DEFAULT);
        fan[x] = fan[x] == 0 || crowd
                     ? 0
                     : weight_of(fan[x], values, payees, tried, sorted[(payees - 1) / 2], k[x]);
    }
}

/* ---- held against it ----------------------------------------------------------------------------
 */

/* Returns how many links there are of the two kinds. */
static size_t check_links(unsigned threads)
{
    rs_evidence evidence;
    rs_error err = {0};
    rs_evidence_options options = RS_EVIDENCE_DEFAULTS;
    rs_work work = {.threads = threads};
    size_t expected = 0;
    size_t found = 0;
    small_ok(rs_evidence_find(small.graph, &options, &work, &evidence, &err), &err);
    for (size_t i = 0; i < evidence.link_count; i++) {
        const rs_link *link = &evidence.links[i];
        uint32_t payer = link->thing == link->a ? link->b : link->a;
        if (strcmp(rs_evidence_kind_name(link->kind), "burst") == 0) {
            assert_int_equal(link->weight, burst[payer][link->thing]);
            found++;
        } else if (strcmp(rs_evidence_kind_name(link->kind), "fan_in") == 0) {
            assert_true(pays_nobody_else(payer, link->thing));
            assert_int_equal(link->weight, fan[link->thing]);
            found++;
        }
    }
    for (uint32_t a = 0; a < nodes; a++) {
        for (uint32_t b = 0; b < nodes; b++) {
            expected += burst[a][b] > 0;
            expected += fan[b] > 0 && pays_nobody_else(a, b);
        }
    }
    assert_int_equal(found, expected);
    rs_evidence_free(&evidence);
    return found;
}

static void finds_what_the_definition_says(void **state)
{
    size_t found = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= WORLDS; seed++) {
        make_world(seed);
        read_rows();
        expect_bursts();
        expect_fans();
        found += check_links((unsigned)(1 + seed % 3));
        small_close(&small);
    }
    assert_true(found > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_what_the_definition_says)};
    return cmocka_run_group_tests_name("bursts and fans by their definitions", tests, NULL, NULL);
}
