/* test_coaction.c - co-action against its definition, on random worlds.
 *
 * The reference knows rows only, and tries every pair on every target. It shares the logarithm of
 * base/fixed.h with what it tests, nothing else.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "../unit/evidence/small_store.h"

#include "base/fixed.h"
#include "ringscope/detect.h"
#include "ringscope/evidence.h"

enum { WORLDS = 60, NODES_MAX = 120, CHANCE = 2, ROUNDS = 2 };
#define WEIGHT_MAX    (UINT64_C(3) << 19)
#define DEVIATION_MIN (UINT64_C(1) << 31)

static small_rows rows;
static small_store small;
static uint32_t nodes;
static uint64_t acts, acting;
static bool on[NODES_MAX][NODES_MAX]; /* by account and target */
static uint64_t by[NODES_MAX], crowd[NODES_MAX];
static uint64_t sum[NODES_MAX][NODES_MAX], company[NODES_MAX];
static uint32_t shared[NODES_MAX][NODES_MAX];

static uint32_t node_of(const char *id)
{
    return small_account(&small, id);
}

static void make_world(uint64_t seed)
{
    rsi_random random;
    rsi_random_seed(&random, seed, 3);
    uint32_t accounts = rsi_random_between(&random, 5, 90);
    uint32_t count = rsi_random_between(&random, 5, 2000);
    rows.count = 0;
    for (uint32_t i = 0; i < count; i++) {
        char src[12];
        char dst[12];
        bool few = rsi_random_chance(&random, 200);
        snprintf(src, sizeof src, "a%u", rsi_random_below(&random, few ? 4 : accounts));
        snprintf(dst, sizeof dst, "a%u", rsi_random_below(&random, few ? 7 : accounts));
        small_add(&rows, PAYS, src, dst);
    }
    uint32_t members = rsi_random_below(&random, 6); /* who act together on rare targets */
    for (uint32_t i = 0; i < members * 4; i++) {
        char src[12];
        char dst[12];
        snprintf(src, sizeof src, "r%u", i % members);
        snprintf(dst, sizeof dst, "x%u", rsi_random_below(&random, 5));
        small_add(&rows, PAYS, src, dst);
    }
    small_open(&small, &rows, rsi_random_below(&random, 20));
    nodes = rs_graph_subject_count(small.graph);
    assert_true(nodes <= NODES_MAX);
}

static void read_rows(void)
{
    acts = 0;
    acting = 0;
    memset(on, 0, sizeof on);
    memset(by, 0, sizeof by);
    memset(crowd, 0, sizeof crowd);
    for (size_t i = 0; i < rows.count; i++) {
        uint32_t a = node_of(rows.rows[i].src);
        uint32_t x = node_of(rows.rows[i].dst);
        if (a != x && !on[a][x]) {
            on[a][x] = true;
            acting += by[a] == 0;
            by[a]++;
            crowd[x]++;
            acts++;
        }
    }
}

/* Whether it says anything that the account is at the target. */
static bool tells(uint32_t a, uint32_t x)
{
    return on[a][x] && CHANCE * by[a] * crowd[x] < acts;
}

static void expect_pair(uint32_t a, uint32_t b)
{
    uint64_t n = by[a] > by[b] ? by[a] : by[b];
    uint64_t m = by[a] > by[b] ? by[b] : by[a];
    int64_t total = -(int64_t)rsi_ln_q32(nodes);
    uint64_t k = 0;
    for (uint32_t x = 0; x < nodes; x++) {
        k += tells(a, x) && tells(b, x);
    }
    for (uint32_t x = 0; x < nodes; x++) {
        if (tells(a, x) && tells(b, x)) {
            total += rsi_ln_ratio_q32(k * acts + (m - k) * n * crowd[x], m * n * crowd[x]);
        }
    }
    for (uint64_t i = k; i < m; i++) {
        total -= rsi_ln_ratio_q32(m, m - k);
    }
    shared[a][b] = (uint32_t)k;
    sum[a][b] = 0;
    if (k >= 2 && total > 0) {
        uint64_t each = ((uint64_t)total >> 12 << 20) / (rsi_ln_q32(nodes) >> 12) / k;
        sum[a][b] = each * k;
        company[a] = sum[a][b] > company[a] ? sum[a][b] : company[a];
        company[b] = sum[a][b] > company[b] ? sum[a][b] : company[b];
    }
}

/* Whom each meets, by walking from target to target. */
static void meet(void)
{
    uint64_t met[NODES_MAX] = {0};
    uint64_t most[NODES_MAX] = {0};
    for (uint32_t a = 0; a < nodes; a++) {
        for (uint32_t x = 0; x < nodes; x++) {
            uint64_t others = 0;
            uint64_t total = 0;
            for (uint32_t b = 0; b < nodes; b++) {
                others += b != a && tells(b, x);
                total += b != a && tells(b, x) ? company[b] : 0;
            }
            uint64_t there = tells(a, x) && others > 0 ? total / others : 0;
            met[a] += there;
            most[a] = there > most[a] ? there : most[a];
        }
    }
    for (uint32_t a = 0; a < nodes; a++) {
        company[a] = by[a] > 1 ? (met[a] - most[a]) / (by[a] - 1) : 0;
    }
}

static int ascending(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static void judge(void)
{
    uint64_t sorted[NODES_MAX];
    size_t count = 0;
    for (uint32_t v = 0; v < nodes; v++) {
        if (company[v] > 0) {
            sorted[count++] = company[v];
        }
    }
    qsort(sorted, count, sizeof *sorted, ascending);
    for (uint32_t v = 0; v < nodes; v++) {
        if (company[v] == 0) {
            continue;
        }
        uint64_t middle = sorted[count / 2];
        uint64_t deviation = (uint64_t)rsi_ln_ratio_q32(middle, sorted[count / 4]) * 10000 / 6745;
        uint64_t nats = (uint64_t)rsi_ln_ratio_q32(acting, count) >> 12;
        deviation = deviation > DEVIATION_MIN ? deviation : DEVIATION_MIN;
        if (company[v] > middle) {
            uint64_t z = ((uint64_t)rsi_ln_ratio_q32(company[v], middle) << 16) / deviation;
            nats += z * z / 2 >> 12;
        }
        nats = (nats << 20) / (rsi_ln_q32(nodes) >> 12);
        company[v] = nats < company[v] ? nats : company[v];
    }
}

/* What each of a pair's links weighs. */
static uint64_t expected(uint32_t a, uint32_t b)
{
    uint64_t weight = sum[a][b];
    weight = weight < company[a] ? weight : company[a];
    weight = weight < company[b] ? weight : company[b];
    weight = weight < WEIGHT_MAX ? weight : WEIGHT_MAX;
    return shared[a][b] > 0 ? weight / shared[a][b] : 0;
}

static void check_links(unsigned threads)
{
    rs_evidence evidence;
    rs_error err = {0};
    rs_evidence_options options = RS_EVIDENCE_DEFAULTS;
    rs_work work = {.threads = threads};
    static uint64_t found[NODES_MAX][NODES_MAX];
    memset(found, 0, sizeof found);
    small_ok(rs_evidence_find(small.graph, &options, &work, &evidence, &err), &err);
    for (size_t i = 0; i < evidence.link_count; i++) {
        const rs_link *link = &evidence.links[i];
        if (strcmp(rs_evidence_kind_name(link->kind), "co_action") == 0) {
            assert_true(on[link->a][link->thing] && on[link->b][link->thing]);
            assert_int_equal(link->weight, expected(link->a, link->b));
            found[link->a][link->b]++;
        }
    }
    for (uint32_t a = 0; a < nodes; a++) {
        for (uint32_t b = a + 1; b < nodes; b++) {
            assert_int_equal(found[a][b], expected(a, b) > 0 ? shared[a][b] : 0);
        }
    }
    for (uint32_t v = 0; v < nodes; v++) {
        uint64_t own = evidence.company == NULL ? 0 : evidence.company[v];
        assert_int_equal(own, company[v] < RS_WEIGHT_ONE ? company[v] : RS_WEIGHT_ONE);
    }
    rs_evidence_free(&evidence);
}

static void finds_what_the_definition_says(void **state)
{
    uint64_t tied = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= WORLDS; seed++) {
        make_world(seed);
        read_rows();
        memset(company, 0, sizeof company);
        for (uint32_t a = 0; a < nodes; a++) {
            for (uint32_t b = a + 1; b < nodes; b++) {
                expect_pair(a, b);
            }
        }
        for (int round = 0; round < ROUNDS; round++) {
            meet();
        }
        judge();
        for (uint32_t a = 0; a < nodes; a++) {
            for (uint32_t b = a + 1; b < nodes; b++) {
                tied += expected(a, b) > 0;
            }
        }
        check_links((unsigned)(1 + seed % 3));
        small_close(&small);
    }
    assert_true(tied > 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_what_the_definition_says)};
    return cmocka_run_group_tests_name("co-action by its definition", tests, NULL, NULL);
}
