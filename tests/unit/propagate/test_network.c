/* test_network.c - small networks that can be read off; what goes wrong. Random ones stand in
 * tests/property/test_evidence.c.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc */
#include "../evidence/small_store.h"

#include <math.h>

#include "../evidence/failing.h"
#include "propagate/roots.h"
#include "ringscope/detect.h"
#include "ringscope/network.h"

static small_rows rows;

typedef struct scene {
    small_store small;
    rs_evidence evidence;
    rs_evidence_graph graph;
    rs_network network;
} scene;

static void open_scene(scene *s, uint32_t others)
{
    rs_error err = {0};
    rs_evidence_options options = RS_EVIDENCE_DEFAULTS;
    small_open(&s->small, &rows, others);
    small_ok(rs_evidence_find(s->small.graph, &options, NULL, &s->evidence, &err), &err);
    small_ok(rs_evidence_collapse(s->small.graph, &s->evidence, &s->graph, &err), &err);
    small_ok(
        rs_network_build(s->small.graph, &s->evidence, &s->graph, NULL, NULL, &s->network, &err),
        &err);
}

static void close_scene(scene *s)
{
    rs_network_free(&s->network);
    rs_evidence_graph_free(&s->graph);
    rs_evidence_free(&s->evidence);
    small_close(&s->small);
}

static uint32_t weight_of(const scene *s, uint32_t from, uint32_t to)
{
    for (uint64_t i = s->network.first[from]; i < s->network.first[from + 1]; i++) {
        if (s->network.adjacency.to[i] == to) {
            return s->network.adjacency.weight[i];
        }
    }
    return 0;
}

static void weighs_a_tie_by_the_busier_end(void **state)
{
    scene s;
    (void)state;
    rows.count = 0;
    small_add(&rows, PAYS, "a", "b");
    small_add(&rows, PAYS, "b", "a"); /* the same tie */
    small_add(&rows, PAYS, "a", "b");
    small_add(&rows, PAYS, "b", "c");
    small_add(&rows, PAYS, "d", "b");
    small_add(&rows, PAYS, "a", "a"); /* no tie */
    open_scene(&s, 996);
    uint32_t a = small_account(&s.small, "a");
    uint32_t b = small_account(&s.small, "b");
    double expected = log(1000.0 / 3) / log(1000) / 8 * RS_WEIGHT_ONE;
    assert_true(fabs(weight_of(&s, a, b) - expected) < 2);
    assert_int_equal(weight_of(&s, b, a), weight_of(&s, a, b));
    assert_int_equal(weight_of(&s, a, a), 0);
    assert_int_equal(s.network.first[a + 1] - s.network.first[a], 1);
    assert_int_equal(s.network.first[b + 1] - s.network.first[b], 3);
    close_scene(&s);
}

static void ties_nobody_to_who_pays_everybody(void **state)
{
    scene s;
    (void)state;
    rows.count = 0;
    for (int i = 0; i < 9; i++) {
        char id[12];
        snprintf(id, sizeof id, "p%d", i);
        small_add(&rows, PAYS, "shop", id);
    }
    open_scene(&s, 0); /* 10 accounts, 9 partners: ln(10/9) is left */
    uint32_t shop = small_account(&s.small, "shop");
    uint32_t p0 = small_account(&s.small, "p0");
    double expected = log(10.0 / 9) / log(10) / 8 * RS_WEIGHT_ONE;
    assert_true(fabs(weight_of(&s, shop, p0) - expected) < 2);
    close_scene(&s);
}

/* A star around the smallest of a person, by 1.0 each; its payments stay its own. */
static void ties_the_accounts_of_a_person(void **state)
{
    scene s;
    uint32_t low = RS_NO_NODE;
    (void)state;
    rows.count = 0;
    small_share(&rows, HAS_DOCUMENT, 'a', 4, "p");
    small_add(&rows, PAYS, "a0", "a1");
    open_scene(&s, 96);
    for (int i = 0; i < 4; i++) {
        char id[12];
        snprintf(id, sizeof id, "a%d", i);
        uint32_t v = small_account(&s.small, id);
        low = v < low ? v : low;
    }
    uint64_t row = s.network.first[low + 1] - s.network.first[low];
    assert_true(row >= 3);
    for (uint64_t i = s.network.first[low]; i < s.network.first[low + 1]; i++) {
        assert_true(s.network.adjacency.weight[i] >= RS_WEIGHT_ONE);
        assert_int_equal(weight_of(&s, s.network.adjacency.to[i], low),
                         s.network.adjacency.weight[i]);
    }
    close_scene(&s);
}

static void sorts_long_rows_too(void **state)
{
    scene s;
    (void)state;
    rows.count = 0;
    for (int i = 0; i < 300; i++) {
        char id[12];
        snprintf(id, sizeof id, "p%d", i % 150);
        small_add(&rows, PAYS, i % 2 == 0 ? "hub" : id, i % 2 == 0 ? id : "hub");
    }
    open_scene(&s, 1000);
    uint32_t hub = small_account(&s.small, "hub");
    assert_int_equal(s.network.first[hub + 1] - s.network.first[hub], 150);
    for (uint64_t i = s.network.first[hub] + 1; i < s.network.first[hub + 1]; i++) {
        assert_true(s.network.adjacency.to[i - 1] < s.network.adjacency.to[i]);
    }
    close_scene(&s);
}

/* damping x sum / (uses + 1): two uses by one known account, one use among three, none. */
static void gives_things_the_risk_of_their_users(void **state)
{
    small_store small;
    int64_t risk[64] = {0};
    rs_error err = {0};
    (void)state;
    rows.count = 0;
    small_add(&rows, USES_DEVICE, "bad", "own");
    small_add(&rows, USES_DEVICE, "bad", "own");
    small_add(&rows, IS_AT, "bad", "cafe");
    small_add(&rows, IS_AT, "b", "cafe");
    small_add(&rows, IS_AT, "good", "cafe");
    small_add(&rows, HAS_CARD, "good", "clean");
    small_add(&rows, HAS_DOCUMENT, "bad", "risky");
    small_open(&small, &rows, 0);
    risk[small_account(&small, "bad")] = 2 * RS_RISK_ONE; /* counts as 1 */
    risk[small_account(&small, "good")] = -RS_RISK_ONE;   /* as 0 */
    uint32_t own = small_node(&small, "device", "own");
    uint32_t cafe = small_node(&small, "address", "cafe");
    uint32_t clean = small_node(&small, "card", "clean");
    uint32_t risky = small_node(&small, "document", "risky");
    risk[risky] = RS_RISK_ONE - 5; /* what it has is more */
    small_ok(rs_network_things(small.graph, 0.5, NULL, risk, &err), &err);
    assert_int_equal(risk[own], RS_RISK_ONE / 3);
    assert_int_equal(risk[cafe], RS_RISK_ONE / 8);
    assert_int_equal(risk[clean], 0);
    assert_int_equal(risk[risky], RS_RISK_ONE - 5);
    small_close(&small);
}

/* ---- what goes wrong --------------------------------------------------------------------------
 */

static rs_status build(const rs_work *work, void *context, rs_error *err)
{
    const scene *s = context;
    rs_network network;
    int64_t risk[4000] = {0};
    rs_status status =
        rs_network_build(s->small.graph, &s->evidence, &s->graph, NULL, work, &network, err);
    rs_network_free(&network);
    return status == RS_OK ? rs_network_things(s->small.graph, 0.5, work, risk, err) : status;
}

static rs_status build_again(void *context, rs_error *err)
{
    return build(NULL, context, err);
}

static void survives_failed_allocations_and_stops_when_asked_to(void **state)
{
    scene s;
    rsi_random random;
    (void)state;
    rsi_random_seed(&random, 4, 4);
    small_random(&rows, &random, 400, 40);
    for (int i = 0; i < 60; i++) {
        char id[12];
        snprintf(id, sizeof id, "p%d", i);
        small_add(&rows, PAYS, "hub", id);
    }
    open_scene(&s, 10);
    assert_true(failing_each(build_again, &s) > 20);
    assert_true(failing_interrupt(build, &s) > 5);
    close_scene(&s);
}

/* Things of one, two and six users; the first two are no nodes of the evidence. */
static void ties_a_listed_thing_to_its_users(void **state)
{
    scene s;
    rs_error err = {0};
    (void)state;
    rows.count = 0;
    small_add(&rows, USES_DEVICE, "a", "d1");
    small_add(&rows, USES_DEVICE, "b", "d2");
    small_add(&rows, USES_DEVICE, "c", "d2");
    small_add(&rows, USES_DEVICE, "c", "d2"); /* used again: the same tie */
    for (int i = 0; i < 6; i++) {
        char id[12];
        snprintf(id, sizeof id, "e%d", i);
        small_add(&rows, USES_DEVICE, id, "d6");
    }
    open_scene(&s, 100);
    static const char *const ids[] = {"d1", "d2", "d6"};
    uint32_t things[3];
    int64_t *seed = calloc((size_t)rs_graph_node_count(s.small.graph) + 1, sizeof *seed);
    assert_non_null(seed);
    for (size_t i = 0; i < 3; i++) {
        rs_text id = {ids[i], strlen(ids[i])};
        small_ok(rs_graph_find(s.small.graph, "device", id, &things[i], &err), &err);
        seed[things[i]] = RS_RISK_ONE;
    }
    assert_int_equal(s.network.first[things[1] + 1] - s.network.first[things[1]], 0);
    uint32_t as_evidence = weight_of(&s, things[2], small_account(&s.small, "e0"));
    rs_network_free(&s.network);
    small_ok(rs_network_build(s.small.graph, &s.evidence, &s.graph, seed, NULL, &s.network, &err),
             &err);
    uint32_t a = small_account(&s.small, "a");
    uint32_t b = small_account(&s.small, "b");
    uint32_t c = small_account(&s.small, "c");
    assert_int_equal(weight_of(&s, things[0], a), RS_WEIGHT_ONE);
    assert_int_equal(weight_of(&s, a, things[0]), RS_WEIGHT_ONE);
    uint32_t pair = rs_thing_weight(rs_graph_subject_count(s.small.graph), 2, false);
    assert_int_equal(weight_of(&s, things[1], b), pair);
    assert_int_equal(weight_of(&s, c, things[1]), pair);
    assert_int_equal(s.network.first[things[1] + 1] - s.network.first[things[1]], 2);
    assert_int_equal(weight_of(&s, things[2], small_account(&s.small, "e0")), as_evidence);
    free(seed);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weighs_a_tie_by_the_busier_end),
        cmocka_unit_test(ties_nobody_to_who_pays_everybody),
        cmocka_unit_test(ties_the_accounts_of_a_person),
        cmocka_unit_test(sorts_long_rows_too),
        cmocka_unit_test(gives_things_the_risk_of_their_users),
        cmocka_unit_test(ties_a_listed_thing_to_its_users),
        cmocka_unit_test(survives_failed_allocations_and_stops_when_asked_to),
    };
    return cmocka_run_group_tests_name("the network", tests, NULL, NULL);
}
