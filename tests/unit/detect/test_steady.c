/* test_steady.c - a community on perturbed links ...
 *
 * WRAP: malloc calloc realloc
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../evidence/failing.h"
#include "base/random.h"
#include "ringscope/detect.h"

enum { NODES = 400, LINKS_MAX = 20000, RESOLUTION = 2000, ASKED_MAX = 40 };

typedef struct fixture {
    uint8_t is_member[NODES];
    uint32_t a[LINKS_MAX], b[LINKS_MAX], weight[LINKS_MAX];
    uint32_t label[NODES];
    uint32_t weight_of[NODES][NODES];
    uint32_t asked[ASKED_MAX];
    uint32_t resolutions[ASKED_MAX];
    uint32_t came_back[ASKED_MAX];
    rs_link_graph graph;
    rs_steady_options options;
} fixture;

static fixture *new_fixture(void)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    memset(f->is_member, 1, sizeof f->is_member);
    for (uint32_t v = 0; v < NODES; v++) {
        f->label[v] = v;
    }
    f->options = (rs_steady_options)RS_STEADY_DEFAULTS;
    for (size_t i = 0; i < ASKED_MAX; i++) {
        f->resolutions[i] = RESOLUTION;
    }
    f->options.resolutions = f->resolutions;
    f->options.communities = f->asked;
    return f;
}

static void link_nodes(fixture *f, uint32_t a, uint32_t b, uint32_t weight)
{
    f->weight_of[a < b ? a : b][a < b ? b : a] = weight;
}

static void join(fixture *f, uint32_t from, uint32_t to, uint32_t weight)
{
    for (uint32_t a = from; a < to; a++) {
        for (uint32_t b = a + 1; b < to; b++) {
            link_nodes(f, a, b, weight);
        }
    }
}

/* All nodes from .. to-1 are one community, and it is asked for. */
static void ask(fixture *f, uint32_t from, uint32_t to)
{
    for (uint32_t v = from; v < to; v++) {
        f->label[v] = from;
    }
    assert_true(f->options.community_count < ASKED_MAX);
    f->asked[f->options.community_count++] = from;
}

static void find(fixture *f, unsigned threads)
{
    rs_work work = {.threads = threads};
    f->graph = (rs_link_graph){
        .node_count = NODES, .is_member = f->is_member, .a = f->a, .b = f->b, .weight = f->weight};
    for (uint32_t a = 0; a < NODES; a++) {
        for (uint32_t b = a + 1; b < NODES; b++) {
            if (f->weight_of[a][b] > 0) {
                assert_true(f->graph.link_count < LINKS_MAX);
                f->a[f->graph.link_count] = a;
                f->b[f->graph.link_count] = b;
                f->weight[f->graph.link_count++] = f->weight_of[a][b];
            }
        }
    }
    memset(f->came_back, 0xaa, sizeof f->came_back);
    assert_int_equal(rs_detect_steady(&f->graph, f->label, &f->options, &work, f->came_back, NULL),
                     RS_OK);
}

static void comes_back_always_where_all_pairs_hold(void **state)
{
    (void)state;
    fixture *f = new_fixture();
    for (uint32_t from = 0; from < 60; from += 12) { /* chained by single links, far too weak */
        join(f, from, from + 12, 100 * RESOLUTION);
        link_nodes(f, from + 11, from + 12, 10 * RESOLUTION);
        ask(f, from, from + 12);
    }
    find(f, 1);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(f->came_back[i], f->options.rerun_count);
    }
    free(f);
}

/* 2 x 10 members that one link between their halves holds: it goes once in twenty. */
static void fails_where_one_link_holds_it_and_is_left_out(void **state)
{
    (void)state;
    fixture *f = new_fixture();
    join(f, 0, 10, 100 * RESOLUTION);
    join(f, 10, 20, 100 * RESOLUTION);
    link_nodes(f, 0, 10, 150 * RESOLUTION); /* more than 100 pairs ask for */
    ask(f, 0, 20);
    f->options.rerun_count = 1000;
    find(f, 1);
    assert_in_range(f->came_back[0], 920, 975);
    free(f);
}

/* As likely one as two: the link between the halves is worth what their pairs cost, 100 of them. */
static void comes_back_half_the_time_where_it_is_no_better_than_its_halves(void **state)
{
    (void)state;
    fixture *f = new_fixture();
    join(f, 0, 10, 100 * RESOLUTION);
    join(f, 10, 20, 100 * RESOLUTION);
    for (uint32_t v = 0; v < 10; v++) {
        link_nodes(f, v, v + 10, 10 * RESOLUTION + 526 * RESOLUTION / 1000); /* / .95 */
    }
    ask(f, 0, 20);
    f->options.rerun_count = 1000;
    find(f, 1);
    assert_in_range(f->came_back[0], 300, 700);
    free(f);
}

/* A community of another search, which a better one is near to. */
static void fails_always_where_the_cut_is_a_bad_one(void **state)
{
    (void)state;
    fixture *f = new_fixture();
    join(f, 0, 20, 100 * RESOLUTION);
    ask(f, 0, 10);
    for (uint32_t v = 10; v < 20; v++) {
        f->label[v] = 10;
    }
    find(f, 1);
    assert_int_equal(f->came_back[0], 0);
    f->options.drop = 0;
    find(f, 1);
    assert_int_equal(f->came_back[0], 0);
    free(f);
}

/* Things are no members: 3 of 4 things that go with a community's fringe change nothing. */
static void counts_subjects_alone(void **state)
{
    (void)state;
    fixture *f = new_fixture();
    join(f, 0, 6, 100 * RESOLUTION);
    for (uint32_t thing = 6; thing < 10; thing++) {
        f->is_member[thing] = 0;
        link_nodes(f, 0, thing, RESOLUTION); /* lost once in twenty each */
    }
    ask(f, 0, 10);
    f->options.rerun_count = 200;
    find(f, 1);
    assert_int_equal(f->came_back[0], 200);
    free(f);
}

/* The better of Leiden's cuts of seeded graphs. */
static void random_world(fixture *f, uint64_t seed)
{
    rsi_random random;
    rs_detect_options options = RS_DETECT_DEFAULTS;
    rs_detect_counts counts;
    rs_work work = {.threads = 1};
    rsi_random_seed(&random, seed, 0);
    options.resolution = RESOLUTION;
    memset(f->weight_of, 0, sizeof f->weight_of);
    for (uint32_t i = 0; i < 1500; i++) {
        uint32_t a = rsi_random_below(&random, NODES);
        uint32_t spread = rsi_random_chance(&random, 850) ? 8 : NODES;
        uint32_t b = (a / spread * spread + rsi_random_below(&random, spread)) % NODES;
        f->weight_of[a < b ? a : b][a < b ? b : a] +=
            a == b ? 0 : rsi_random_between(&random, 1, 40) * RESOLUTION;
    }
    f->options.community_count = 0;
    find(f, 1); /* for its links */
    assert_int_equal(rs_detect(&f->graph, &options, &work, f->label, &counts, NULL), RS_OK);
    uint32_t size[NODES] = {0};
    for (uint32_t v = 0; v < NODES; v++) {
        size[f->label[v]]++;
    }
    for (uint32_t v = 0; v < NODES && f->options.community_count < ASKED_MAX; v++) {
        if (size[v] >= 3) {
            f->asked[f->options.community_count++] = v;
        }
    }
    assert_true(f->options.community_count > 10);
}

static void comes_back_where_nothing_is_perturbed(void **state)
{
    (void)state;
    fixture *f = new_fixture();
    size_t asked = 0;
    size_t back = 0;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        random_world(f, seed);
        f->options.drop = 0;
        f->options.rerun_count = 1;
        find(f, 1);
        for (size_t i = 0; i < f->options.community_count; i++) {
            asked++;
            back += f->came_back[i];
        }
    }
    /* Leiden's cut is not the best one always. */
    assert_in_range(100 * back, 97 * asked, 100 * asked);
    free(f);
}

static void has_the_same_answer_whatever_the_threads_and_whoever_else_is_asked_for(void **state)
{
    (void)state;
    fixture *f = new_fixture();
    uint32_t one[ASKED_MAX];
    random_world(f, 7);
    size_t count = f->options.community_count;
    find(f, 1);
    memcpy(one, f->came_back, sizeof one);
    find(f, 4);
    assert_memory_equal(one, f->came_back, count * sizeof *one);
    uint32_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += one[i];
        f->options.communities = f->asked + i;
        f->options.community_count = 1;
        find(f, 1);
        assert_int_equal(f->came_back[0], one[i]);
    }
    assert_in_range(sum, 1, count * f->options.rerun_count - 1); /* or it would say nothing */
    free(f);
}

static rs_status again(void *context, rs_error *err)
{
    const fixture *f = context;
    uint32_t came_back[ASKED_MAX];
    const rs_work work = {.threads = 1};
    return rs_detect_steady(&f->graph, f->label, &f->options, &work, came_back, err);
}

static void survives_failed_allocations(void **state)
{
    (void)state;
    fixture *f = new_fixture();
    random_world(f, 3);
    f->options.community_count = 2;
    f->options.rerun_count = 2;
    assert_true(failing_each(again, f) > 50);
    free(f);
}

static void tells_what_is_too_large(void **state)
{
    (void)state;
    enum { MANY = 400, STAR = 30000 };
    size_t count = 0;
    uint32_t *a = malloc((2 * STAR + MANY) * sizeof *a);
    uint32_t *b = malloc((2 * STAR + MANY) * sizeof *b);
    uint32_t *weight = malloc((2 * STAR + MANY) * sizeof *weight);
    uint32_t *label = calloc(STAR + 2, sizeof *label);
    uint8_t *is_member = malloc(STAR + 2);
    assert_true(a != NULL && b != NULL && weight != NULL && label != NULL && is_member != NULL);
    memset(is_member, 1, STAR + 2);
    for (uint32_t hub = 0; hub < 2; hub++) {
        is_member[hub] = 0;
        for (uint32_t v = 2; v < STAR + 2; v++) {
            a[count] = hub;
            b[count] = v;
            weight[count++] = RS_WEIGHT_ONE;
        }
    }
    rs_link_graph graph = {STAR + 2, is_member, count, a, b, weight};
    rs_steady_options options = RS_STEADY_DEFAULTS;
    uint32_t asked = 0;
    uint32_t resolution = 1;
    uint32_t came_back = 0;
    options.communities = &asked;
    options.resolutions = &resolution;
    options.community_count = 1;
    const rs_work work = {.threads = 1};
    assert_int_equal(rs_detect_steady(&graph, label, &options, &work, &came_back, NULL), RS_OK);
    assert_true(came_back == RS_STEADY_UNKNOWN);
    free(a);
    free(b);
    free(weight);
    free(label);
    free(is_member);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_always_where_all_pairs_hold),
        cmocka_unit_test(fails_where_one_link_holds_it_and_is_left_out),
        cmocka_unit_test(comes_back_half_the_time_where_it_is_no_better_than_its_halves),
        cmocka_unit_test(fails_always_where_the_cut_is_a_bad_one),
        cmocka_unit_test(counts_subjects_alone),
        cmocka_unit_test(comes_back_where_nothing_is_perturbed),
        cmocka_unit_test(has_the_same_answer_whatever_the_threads_and_whoever_else_is_asked_for),
        cmocka_unit_test(survives_failed_allocations),
        cmocka_unit_test(tells_what_is_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
