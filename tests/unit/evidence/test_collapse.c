/* test_collapse.c - one household is one coincidence; one person is one node.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc */
#include "small_store.h"

#include "failing.h"
#include "ringscope/evidence.h"

enum { LINKS_MAX = 64 };

/* Evidence by hand over the subjects of a small store. */
typedef struct scene {
    small_store small;
    rs_evidence evidence;
    rs_link links[LINKS_MAX];
    uint32_t entity[64];
} scene;

static small_rows rows;

static void open_scene(scene *s)
{
    memset(s, 0, sizeof *s);
    rows.count = 0;
    small_share(&rows, USES_DEVICE, 'a', 6, "d");
    small_share(&rows, HAS_CARD, 'a', 2, "c");
    small_share(&rows, IS_AT, 'a', 2, "p");
    small_open(&s->small, &rows, 4);
    s->evidence = (rs_evidence){.links = s->links,
                                .entity = s->entity,
                                .relation_count = rs_store_relation_count(s->small.store)};
    for (uint32_t v = 0; v < rs_graph_subject_count(s->small.graph); v++) {
        s->entity[v] = v;
    }
}

static void tie(scene *s, uint32_t a, uint32_t b, uint16_t relation, uint16_t kind, uint32_t weight)
{
    s->links[s->evidence.link_count++] =
        (rs_link){.a = a, .b = b, .relation = relation, .kind = kind, .weight = weight};
}

static rs_evidence_graph collapse(const scene *s)
{
    rs_evidence_graph graph;
    rs_error err = {0};
    small_ok(rs_evidence_collapse(s->small.graph, &s->evidence, &graph, &err), &err);
    return graph;
}

static void counts_the_strongest_whole_and_the_others_in_part(void **state)
{
    scene s;
    (void)state;
    open_scene(&s);
    tie(&s, 0, 1, 0, 0, 100000);
    tie(&s, 0, 1, 1, 0, 400000);
    tie(&s, 0, 1, 1, 0, 200000); /* the same relation again: they add up */
    tie(&s, 0, 1, 2, 1, 500000);
    tie(&s, 0, 1, 2, 2, 20000); /* another kind of it: 0.15 */
    tie(&s, 2, 3, 0, 0, 7);
    rs_evidence_graph graph = collapse(&s);
    assert_int_equal(graph.link_count, 2);
    assert_int_equal(graph.weight[0], 600000 + 15000 + 75000 + 3000);
    assert_int_equal(graph.weight[1], 7);
    assert_int_equal(graph.node_count, 4);
    rs_evidence_graph_free(&graph);
    small_close(&s.small);
}

static void caps_what_a_pair_may_weigh(void **state)
{
    scene s;
    (void)state;
    open_scene(&s);
    for (int i = 0; i < 40; i++) {
        tie(&s, 0, 1, 0, 0, UINT32_MAX);
    }
    rs_evidence_graph graph = collapse(&s);
    assert_int_equal(graph.weight[0], 1 << 24);
    rs_evidence_graph_free(&graph);
    small_close(&s.small);
}

static void makes_one_node_of_a_person(void **state)
{
    scene s;
    (void)state;
    open_scene(&s);
    uint32_t thing = rs_graph_subject_count(s.small.graph);
    s.entity[3] = 1;
    s.entity[5] = 1;
    tie(&s, 1, 3, 0, 0, 1000); /* inside: left out */
    tie(&s, 1, 5, 0, 0, 1000);
    tie(&s, 2, 3, 0, 0, 300);     /* 1-2, turned round */
    tie(&s, 3, 4, 0, 0, 500);     /* 1-4 */
    tie(&s, 4, 5, 1, 0, 100);     /* 1-4 by another relation */
    tie(&s, 5, thing, 2, 1, 900); /* 1-thing */
    rs_evidence_graph graph = collapse(&s);
    static const struct {
        uint32_t a, b, weight;
    } expected[] = {{1, 2, 300}, {1, 4, 515}, {1, 10, 900}};
    assert_int_equal(thing, 10);
    assert_int_equal(graph.link_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(graph.nodes[graph.a[i]], expected[i].a);
        assert_int_equal(graph.nodes[graph.b[i]], expected[i].b);
        assert_int_equal(graph.weight[i], expected[i].weight);
        assert_int_equal(graph.is_member[graph.b[i]], expected[i].b < thing);
    }
    assert_int_equal(graph.node_count, 4);
    rs_evidence_graph_free(&graph);
    small_close(&s.small);
}

static void makes_nothing_of_nothing(void **state)
{
    scene s;
    (void)state;
    open_scene(&s);
    rs_evidence_graph graph = collapse(&s);
    assert_int_equal(graph.link_count, 0);
    assert_int_equal(graph.node_count, 0);
    rs_evidence_graph_free(&graph);
    small_close(&s.small);
}

static rs_status collapse_again(void *context, rs_error *err)
{
    const scene *s = context;
    rs_evidence_graph graph;
    rs_status status = rs_evidence_collapse(s->small.graph, &s->evidence, &graph, err);
    rs_evidence_graph_free(&graph);
    return status;
}

static void survives_every_failed_allocation(void **state)
{
    scene s;
    (void)state;
    open_scene(&s);
    s.entity[3] = 0;
    for (uint32_t i = 0; i < 5; i++) {
        for (uint32_t k = i + 1; k < 9; k++) {
            tie(&s, i, k, 0, 0, 5);
        }
    }
    assert_true(failing_each(collapse_again, &s) >= 7);
    small_close(&s.small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_the_strongest_whole_and_the_others_in_part),
        cmocka_unit_test(caps_what_a_pair_may_weigh),
        cmocka_unit_test(makes_one_node_of_a_person),
        cmocka_unit_test(makes_nothing_of_nothing),
        cmocka_unit_test(survives_every_failed_allocation),
    };
    return cmocka_run_group_tests_name("the evidence as one graph", tests, NULL, NULL);
}
