/* test_candidates.c - communities are trimmed by a slow reference, too; persons stay together.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc */
#include "../evidence/small_store.h"

#include "../evidence/failing.h"
#include "score/candidates.h"

enum { SUBJECTS = 120, THINGS = 12, NODES = SUBJECTS + THINGS, LINKS_MAX = 3000 };

/* Evidence by hand over a store of SUBJECTS accounts and as many devices as wanted. */
typedef struct scene {
    small_store small;
    rs_evidence evidence;
    rs_evidence_graph graph;
    uint32_t entity[SUBJECTS];
    uint32_t nodes[NODES], a[LINKS_MAX], b[LINKS_MAX], weight[LINKS_MAX], label[NODES];
    uint8_t is_member[NODES];
} scene;

static scene s;
static small_rows rows;
static rs_score_input input;

static void open_scene(void)
{
    memset(&s, 0, sizeof s);
    rows.count = 0;
    for (int i = 0; i < THINGS; i++) {
        char id[12];
        snprintf(id, sizeof id, "d%d", i);
        small_add(&rows, USES_DEVICE, "a0", id);
    }
    small_open(&s.small, &rows, SUBJECTS - 1);
    assert_int_equal(rs_graph_node_count(s.small.graph), NODES);
    s.evidence.entity = s.entity;
    for (uint32_t v = 0; v < SUBJECTS; v++) {
        s.entity[v] = v;
    }
    s.graph = (rs_evidence_graph){
        .nodes = s.nodes, .is_member = s.is_member, .a = s.a, .b = s.b, .weight = s.weight};
    input = (rs_score_input){
        .graph = s.small.graph, .evidence = &s.evidence, .collapsed = &s.graph, .label = s.label};
}

/* All nodes whose entity they are, each alone in its community. */
static void number_nodes(void)
{
    s.graph.node_count = 0;
    for (uint32_t v = 0; v < NODES; v++) {
        if (v >= SUBJECTS || s.entity[v] == v) {
            s.is_member[s.graph.node_count] = v < SUBJECTS;
            s.label[s.graph.node_count] = s.graph.node_count;
            s.nodes[s.graph.node_count++] = v;
        }
    }
}

static void tie(uint32_t a, uint32_t b, uint32_t weight)
{
    s.a[s.graph.link_count] = a;
    s.b[s.graph.link_count] = b;
    s.weight[s.graph.link_count++] = weight;
}

static rsi_candidates find(uint32_t trim)
{
    rsi_candidates found;
    rs_error err = {0};
    small_ok(rsi_candidates_find(&input, trim, NULL, &found, &err), &err);
    return found;
}

/* ---- the reference ----------------------------------------------------------------------------
 */

static bool in[NODES]; /* the community at hand, as far as it is left */

static long double held(uint32_t v)
{
    long double sum = 0;
    for (size_t i = 0; i < s.graph.link_count; i++) {
        if (s.a[i] == v || s.b[i] == v) {
            uint32_t other = s.a[i] == v ? s.b[i] : s.a[i];
            sum += in[other] ? s.weight[i] : 0;
        }
    }
    return sum;
}

static void trim_slowly(uint32_t community, uint32_t trim)
{
    for (uint32_t v = 0; v < s.graph.node_count; v++) {
        in[v] = s.label[v] == community;
    }
    for (bool again = true; again;) {
        long double sum = 0;
        int left = 0;
        int stay = 0;
        bool keeps[NODES] = {false};
        for (uint32_t v = 0; v < s.graph.node_count; v++) {
            sum += in[v] ? held(v) : 0;
            left += in[v];
        }
        for (uint32_t v = 0; v < s.graph.node_count; v++) {
            keeps[v] = in[v] && held(v) * trim * left >= sum;
            stay += keeps[v];
        }
        again = stay < left && stay >= 3;
        if (again) {
            memcpy(in, keeps, sizeof in);
        }
    }
}

static void check_group(const rsi_candidates *found, size_t group)
{
    long double sum = 0;
    size_t at = found->first[group];
    for (uint32_t v = 0; v < s.graph.node_count; v++) {
        for (uint32_t u = 0; s.is_member[v] && in[v] && u < SUBJECTS; u++) {
            if (s.entity[u] == s.nodes[v]) {
                assert_int_equal(found->members[at], u);
                assert_int_equal(found->of[u], group);
                assert_true(found->inside[at] == held(v));
                sum += found->inside[at++];
            }
        }
    }
    assert_int_equal(at, found->first[group + 1]);
    assert_int_equal(found->mean[group], (uint64_t)(sum / (at - found->first[group])));
}

static size_t members_left(void)
{
    size_t count = 0;
    for (uint32_t v = 0; v < s.graph.node_count; v++) {
        for (uint32_t u = 0; s.is_member[v] && in[v] && u < SUBJECTS; u++) {
            count += s.entity[u] == s.nodes[v];
        }
    }
    return count;
}

static size_t size_of_person(uint32_t root)
{
    size_t count = 0;
    for (uint32_t u = 0; u < SUBJECTS; u++) {
        count += s.entity[u] == root;
    }
    return count;
}

static void check_all(uint32_t trim)
{
    rsi_candidates found = find(trim);
    size_t group = 0;
    for (uint32_t c = 0; c < s.graph.node_count; c++) {
        trim_slowly(c, trim);
        if (members_left() >= 3) {
            check_group(&found, group++);
        }
    }
    for (; group < found.count; group++) { /* a person alone */
        uint32_t root = found.members[found.first[group]];
        assert_int_equal(found.first[group + 1] - found.first[group], size_of_person(root));
        assert_true(size_of_person(root) >= 3);
    }
    for (uint32_t v = 0; v < SUBJECTS; v++) {
        assert_true(size_of_person(s.entity[v]) < 3 || found.of[v] != UINT32_MAX);
        assert_int_equal(found.of[v], found.of[s.entity[v]]);
    }
    rsi_candidates_free(&found);
}

static void random_world(rsi_random *random)
{
    for (uint32_t v = 0; v < SUBJECTS; v++) {
        uint32_t other = v > 0 ? rsi_random_below(random, v) : 0;
        s.entity[v] = rsi_random_chance(random, 150) ? s.entity[other] : v;
    }
    number_nodes();
    s.graph.link_count = 0;
    uint32_t groups = rsi_random_between(random, 1, 20);
    for (uint32_t v = 0; v < s.graph.node_count; v++) {
        s.label[v] = v < groups ? v : rsi_random_below(random, groups);
    }
    for (uint32_t a = 0; a < s.graph.node_count; a++) {
        for (uint32_t b = a + 1; b < s.graph.node_count; b++) {
            if (rsi_random_chance(random, s.label[a] == s.label[b] ? 400 : 10) &&
                s.graph.link_count < LINKS_MAX) {
                tie(a, b, 1 + rsi_random_below(random, rsi_random_chance(random, 500) ? 3 : 99));
            }
        }
    }
}

static void trims_as_the_slow_way_does(void **state)
{
    rsi_random random;
    (void)state;
    open_scene();
    rsi_random_seed(&random, 9, 1);
    for (int round = 0; round < 40; round++) {
        random_world(&random);
        check_all(rsi_random_between(&random, 1, 6));
    }
    small_close(&s.small);
}

static void keeps_a_person_of_three_accounts_alone(void **state)
{
    (void)state;
    open_scene();
    s.entity[7] = 3;
    s.entity[9] = 3;
    s.entity[11] = 10; /* two are no group */
    rsi_candidates found = find(5);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.first[1], 3);
    assert_int_equal(found.members[0], 3);
    assert_int_equal(found.members[1], 7);
    assert_int_equal(found.members[2], 9);
    assert_int_equal(found.of[10], UINT32_MAX);
    rsi_candidates_free(&found);
    small_close(&s.small);
}

/* Products of weights, sizes and the trim do not fit 64 bits here. */
static void trims_the_largest_weights(void **state)
{
    (void)state;
    open_scene();
    number_nodes();
    for (uint32_t v = 0; v < 5; v++) {
        s.label[v] = 0;
    }
    for (uint32_t a = 0; a < 4; a++) {
        for (uint32_t b = a + 1; b < 4; b++) {
            tie(a, b, UINT32_MAX);
        }
    }
    tie(3, 4, 1);
    rsi_candidates found = find(1 << 30);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.first[1], 4);
    rsi_candidates_free(&found);
    small_close(&s.small);
}

static rs_status again(void *context, rs_error *err)
{
    rsi_candidates found;
    (void)context;
    rs_status status = rsi_candidates_find(&input, 5, NULL, &found, err);
    rsi_candidates_free(&found);
    return status;
}

static void survives_every_failed_allocation(void **state)
{
    rsi_random random;
    (void)state;
    open_scene();
    rsi_random_seed(&random, 10, 1);
    random_world(&random);
    assert_true(failing_each(again, NULL) >= 14);
    small_close(&s.small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trims_as_the_slow_way_does),
        cmocka_unit_test(keeps_a_person_of_three_accounts_alone),
        cmocka_unit_test(trims_the_largest_weights),
        cmocka_unit_test(survives_every_failed_allocation),
    };
    return cmocka_run_group_tests_name("groups that may be rings", tests, NULL, NULL);
}
