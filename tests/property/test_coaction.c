/* test_coaction.c - co-action against its definition, on random worlds.
 *
 * The reference knows rows only, and tries every pair on every target. It shares the logarithm of
 * base/fixed.h with what it tests, nothing else.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "../unit/evidence/small_store.h"

#include "base/fixed.h"
#include "ringscope/evidence.h"

enum { WORLDS = 80, NODES_MAX = 120, CHANCE = 20 };
#define WEIGHT_MAX (UINT64_C(3) << 19)

static small_rows rows;
static small_store small;
static uint32_t nodes;
static uint64_t acts, acting;
static bool on[NODES_MAX][NODES_MAX]; /* by account and target */
static uint64_t by[NODES_MAX], crowd[NODES_MAX];
static uint64_t sum[NODES_MAX][NODES_MAX], best[NODES_MAX];
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

static void expect_pair(uint32_t a, uint32_t b)
{
    uint64_t n = by[a] > by[b] ? by[a] : by[b];
    uint64_t total = 0;
    uint64_t most = 0;
    shared[a][b] = 0;
    sum[a][b] = 0;
    for (uint32_t x = 0; x < nodes; x++) {
        if (on[a][x] && on[b][x] && CHANCE * n * crowd[x] < acts) {
            uint64_t nats = rsi_ln_q32(acts) - rsi_ln_q32(crowd[x]) - rsi_ln_q32(n);
            nats = (nats < rsi_ln_q32(nodes) ? nats : rsi_ln_q32(nodes)) >> 12;
            total += nats;
            most = nats > most ? nats : most;
            shared[a][b]++;
        }
    }
    if (shared[a][b] >= 2) {
        uint64_t each = ((total - most) << 20) / (rsi_ln_q32(nodes) >> 12) / shared[a][b];
        sum[a][b] = each * shared[a][b];
        best[a] = sum[a][b] > best[a] ? sum[a][b] : best[a];
        best[b] = sum[a][b] > best[b] ? sum[a][b] : best[b];
    }
}

/* What each of a pair's links weighs. */
static uint64_t expected(uint32_t a, uint32_t b)
{
    uint64_t as_much = 0;
    if (sum[a][b] == 0) {
        return 0;
    }
    for (uint32_t v = 0; v < nodes; v++) {
        as_much += best[v] >= sum[a][b];
    }
    uint64_t usual =
        ((uint64_t)rsi_ln_ratio_q32(acting, as_much) >> 12 << 20) / (rsi_ln_q32(nodes) >> 12);
    usual = usual < WEIGHT_MAX ? usual : WEIGHT_MAX;
    return (usual < sum[a][b] ? usual : sum[a][b]) / shared[a][b];
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
    rs_evidence_free(&evidence);
}

static void finds_what_the_definition_says(void **state)
{
    uint64_t tied = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= WORLDS; seed++) {
        make_world(seed);
        read_rows();
        memset(best, 0, sizeof best);
        for (uint32_t a = 0; a < nodes; a++) {
            for (uint32_t b = a + 1; b < nodes; b++) {
                expect_pair(a, b);
            }
        }
        for (uint32_t a = 0; a < nodes; a++) {
            for (uint32_t b = a + 1; b < nodes; b++) {
                tied += expected(a, b) > 0;
            }
        }
        check_links((unsigned)(1 + seed % 3));
        small_close(&small);
    }
    assert_true(tied > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_what_the_definition_says)};
    return cmocka_run_group_tests_name("co-action by its definition", tests, NULL, NULL);
}
