/* test_split.c - our own Leiden on large components ...
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "detect/arcs.h"
#include "detect/leiden.h"
#include "detect/move.h"
#include "detect/split.h"
#include "graphs.h"

static rsi_arcs arcs_of(const test_graph *graph)
{
    rsi_arcs arcs = {0};
    rsi_piece piece = piece_of_graph(graph);
    assert_int_equal(rsi_arcs_make(&arcs, &piece, NULL, NULL), RS_OK);
    return arcs;
}

static void canonical(uint32_t count, uint32_t *label)
{
    uint32_t scratch[NODES_MAX];
    rsi_piece_canonical(count, label, scratch);
}

static void moves_until_no_move_gains(void **state)
{
    (void)state;
    static test_graph graph;
    rsi_random random;
    rsi_random_seed(&random, 8, 1);
    for (int i = 0; i < 60; i++) {
        uint32_t label[NODES_MAX];
        uint32_t before[NODES_MAX];
        uint32_t n = rsi_random_between(&random, 1, 40);
        random_graph(&graph, &random, n, rsi_random_below(&random, 300), true, 100, 5);
        for (uint32_t v = 0; v < n; v++) {
            before[v] = label[v] = rsi_random_below(&random, n);
        }
        rsi_arcs arcs = arcs_of(&graph);
        bool moved = false;
        assert_int_equal(rsi_move(&arcs, 20, label, &moved, NULL), RS_OK);
        assert_true(worth(&graph, 20, label) >= worth(&graph, 20, before));
        assert_true(moved || memcmp(label, before, n * sizeof *label) == 0);
        /* Who joins a community weighs on members it is not linked to: they are asked next time. */
        while (moved) {
            moved = false;
            assert_int_equal(rsi_move(&arcs, 20, label, &moved, NULL), RS_OK);
        }
        assert_true(no_move_gains(&graph, 20, label));
        rsi_arcs_free(&arcs);
    }
}

/* What v is linked to on its side of `border`, less what all others there weigh against it. */
static int64_t hold(const test_graph *graph, uint32_t v, uint32_t border)
{
    int64_t sum = 0;
    for (size_t k = 0; k < graph->link_count; k++) {
        uint32_t a = graph->a[k];
        uint32_t b = graph->b[k];
        sum += (a == v || b == v) && (a < border) == (b < border) ? graph->weight[k] : 0;
    }
    for (uint32_t u = 0; u < graph->node_count; u++) {
        bool other = u != v && (u < border) == (v < border);
        sum -= other ? (int64_t)20 * graph->mass[v] * graph->mass[u] : 0;
    }
    return sum;
}

/* Runs of vertices do not see each other, and who is loosely tied to all of its run stays alone. */
static void moves_within_runs(void **state)
{
    (void)state;
    static test_graph graph;
    static test_graph inside;
    rsi_random random;
    uint32_t loose = 0;
    rsi_random_seed(&random, 9, 1);
    for (int i = 0; i < 200; i++) {
        uint32_t label[NODES_MAX];
        uint32_t again[NODES_MAX];
        uint32_t n = rsi_random_between(&random, 2, 60);
        uint32_t first[4] = {0, rsi_random_below(&random, n), n, n};
        random_graph(&graph, &random, n, rsi_random_below(&random, 300), true, 100, 5);
        inside = graph;
        inside.link_count = 0;
        for (size_t k = 0; k < graph.link_count; k++) {
            if ((graph.a[k] < first[1]) == (graph.b[k] < first[1])) {
                add_link(&inside, graph.a[k], graph.b[k], graph.weight[k]);
            }
        }
        rsi_arcs arcs = arcs_of(&graph);
        rsi_arcs cut = arcs_of(&inside);
        assert_int_equal(rsi_move_within(&arcs, 20, first, 3, label, NULL, NULL), RS_OK);
        assert_int_equal(rsi_move_within(&cut, 20, first, 3, again, NULL, NULL), RS_OK);
        assert_memory_equal(label, again, n * sizeof *label);
        assert_true(worth(&graph, 20, label) >= 0);
        for (uint32_t v = 0; v < n; v++) {
            assert_int_equal(label[v] < first[1], v < first[1]);
            for (uint32_t u = 0; hold(&graph, v, first[1]) < 0 && u < n; u++) {
                assert_int_equal(label[u] == label[v], u == v);
                loose++;
            }
        }
        rsi_arcs_free(&cut);
        rsi_arcs_free(&arcs);
    }
    assert_true(loose > 0);
}

static void joins_each_single_vertex_once(void **state)
{
    (void)state;
    static test_graph graph;
    rsi_random random;
    rsi_random_seed(&random, 15, 1);
    for (int i = 0; i < 100; i++) {
        uint32_t label[NODES_MAX];
        uint32_t n = rsi_random_between(&random, 1, 60);
        random_graph(&graph, &random, n, rsi_random_below(&random, 300), true, 100, 5);
        rsi_arcs arcs = arcs_of(&graph);
        assert_int_equal(rsi_move_once(&arcs, 20, label, NULL), RS_OK);
        assert_true(worth(&graph, 20, label) >= 0);
        canonical(n, label);
        assert_true(is_proper(&graph, label)); /* who joins is linked, and stays */
        rsi_arcs_free(&arcs);
    }
}

static uint64_t weight_between(const rsi_arcs *arcs, uint32_t a, uint32_t b)
{
    uint64_t sum = 0;
    for (size_t i = arcs->first[a]; i < arcs->first[a + 1]; i++) {
        sum += arcs->list[i].to == b ? arcs->list[i].weight : 0;
    }
    return sum;
}

static void contracts_masses_and_weights(void **state)
{
    (void)state;
    static test_graph graph;
    rsi_random random;
    rsi_random_seed(&random, 10, 1);
    for (int i = 0; i < 100; i++) {
        uint32_t label[NODES_MAX];
        static uint64_t weight[NODES_MAX][NODES_MAX];
        uint64_t mass[NODES_MAX] = {0};
        uint32_t n = rsi_random_between(&random, 1, 60);
        random_graph(&graph, &random, n, rsi_random_below(&random, 300), true, 100, 5);
        for (uint32_t v = 0; v < n; v++) {
            label[v] = rsi_random_below(&random, n);
        }
        rsi_arcs arcs = arcs_of(&graph);
        rsi_arcs small = {0};
        assert_int_equal(rsi_arcs_contract(&arcs, label, &small, NULL, NULL), RS_OK);
        memset(weight, 0, sizeof weight);
        for (size_t k = 0; k < graph.link_count; k++) {
            uint32_t a = label[graph.a[k]];
            uint32_t b = label[graph.b[k]];
            weight[a][b] += a == b ? 0 : graph.weight[k];
            weight[b][a] += a == b ? 0 : graph.weight[k];
        }
        for (uint32_t v = 0; v < n; v++) {
            assert_true(label[v] < small.vertex_count);
            mass[label[v]] += graph.mass[v];
        }
        for (uint32_t c = 0; c < small.vertex_count; c++) {
            assert_int_equal(small.mass[c], mass[c]);
            for (uint32_t d = 0; d < small.vertex_count; d++) {
                assert_int_equal(weight_between(&small, c, d), weight[c][d]);
            }
        }
        rsi_arcs_free(&small);
        rsi_arcs_free(&arcs);
    }
}

static void renumbers_without_loss(void **state)
{
    (void)state;
    static test_graph graph;
    rsi_random random;
    rsi_random_seed(&random, 11, 1);
    random_graph(&graph, &random, 50, 100, true, 100, 5);
    uint32_t number[50];
    uint32_t order[50];
    for (uint32_t v = 0; v < 50; v++) {
        number[v] = (v * 7 + 3) % 50;
        order[number[v]] = v;
    }
    rsi_arcs arcs = arcs_of(&graph);
    rsi_arcs out = {0};
    assert_int_equal(rsi_arcs_renumber(&arcs, number, order, &out, NULL, NULL), RS_OK);
    for (uint32_t v = 0; v < 50; v++) {
        assert_int_equal(out.mass[number[v]], graph.mass[v]);
        for (uint32_t u = 0; u < 50; u++) {
            assert_int_equal(weight_between(&out, number[v], number[u]),
                             weight_between(&arcs, v, u));
        }
    }
    rsi_arcs_free(&out);
    rsi_arcs_free(&arcs);
}

/* ---- threads ----------------------------------------------------------------------------------
 */

enum { MANY = 20000, MANY_LINKS = 3 * MANY };

/* Links of each vertex to the three that follow it at random distances. */
typedef struct large_graph {
    uint32_t mass[MANY];
    uint32_t a[MANY_LINKS];
    uint32_t b[MANY_LINKS];
    uint64_t weight[MANY_LINKS];
    rsi_piece piece;
} large_graph;

static void make_large(large_graph *g)
{
    rsi_random random;
    size_t count = 0;
    rsi_random_seed(&random, 12, 1);
    for (uint32_t v = 0; v < MANY; v++) {
        g->mass[v] = v % 5 != 0;
        uint32_t other = v;
        for (int i = 0; i < 3; i++) {
            other += rsi_random_between(&random, 1, 2000);
            if (other < MANY) {
                g->a[count] = v;
                g->b[count] = other;
                g->weight[count++] = rsi_random_between(&random, 1, 100);
            }
        }
    }
    g->piece = (rsi_piece){.vertex_count = MANY,
                           .mass = g->mass,
                           .link_count = count,
                           .a = g->a,
                           .b = g->b,
                           .weight = g->weight};
}

static void same_arcs(const rsi_arcs *a, const rsi_arcs *b)
{
    size_t n = a->vertex_count;
    assert_int_equal(n, b->vertex_count);
    assert_memory_equal(a->mass, b->mass, n * sizeof *a->mass);
    assert_memory_equal(a->first, b->first, (n + 1) * sizeof *a->first);
    assert_memory_equal(a->list, b->list, a->first[n] * sizeof *a->list);
}

/* Made, renumbered, contracted, and moved within runs of ten vertices. */
typedef struct steps {
    rsi_arcs made, turned, small;
    uint32_t label[MANY];
    uint32_t part[MANY];
} steps;

static void take_steps(const large_graph *g, unsigned threads, steps *s)
{
    static uint32_t number[MANY], order[MANY], first[MANY / 10 + 1];
    rs_work work = {.threads = threads};
    for (uint32_t v = 0; v < MANY; v++) {
        number[v] = (v * 7 + 3) % MANY;
        order[number[v]] = v;
        s->label[v] = (v * UINT32_C(2654435761)) % (MANY / 2);
        first[v / 10] = v - v % 10;
    }
    first[MANY / 10] = MANY;
    assert_int_equal(rsi_arcs_make(&s->made, &g->piece, &work, NULL), RS_OK);
    assert_int_equal(rsi_arcs_renumber(&s->made, number, order, &s->turned, &work, NULL), RS_OK);
    assert_int_equal(rsi_arcs_contract(&s->turned, s->label, &s->small, &work, NULL), RS_OK);
    assert_int_equal(rsi_move_within(&s->made, 1, first, MANY / 10, s->part, &work, NULL), RS_OK);
}

static void does_the_same_on_any_number_of_threads(void **state)
{
    (void)state;
    static large_graph graph;
    static steps one;
    make_large(&graph);
    take_steps(&graph, 1, &one);
    assert_true(one.small.vertex_count > 8192);
    for (unsigned threads = 2; threads <= 7; threads += 5) {
        static steps many;
        many = (steps){0};
        take_steps(&graph, threads, &many);
        same_arcs(&one.made, &many.made);
        same_arcs(&one.turned, &many.turned);
        same_arcs(&one.small, &many.small);
        assert_memory_equal(one.label, many.label, sizeof one.label);
        assert_memory_equal(one.part, many.part, sizeof one.part);
        rsi_arcs_free(&many.small);
        rsi_arcs_free(&many.turned);
        rsi_arcs_free(&many.made);
    }
    rsi_arcs_free(&one.small);
    rsi_arcs_free(&one.turned);
    rsi_arcs_free(&one.made);
}

static void makes_pieces_of_whole_communities(void **state)
{
    (void)state;
    static test_graph graph;
    rsi_random random;
    rsi_random_seed(&random, 12, 1);
    for (uint32_t size_max = 1; size_max < 40; size_max++) {
        rs_detect_options options = {.resolution = 12, .component_max = size_max, .rounds = 2};
        rsi_split split = {0};
        uint8_t seen[NODES_MAX] = {0};
        random_graph(&graph, &random, 200, 12, true, 100, 1);
        rsi_piece piece = piece_of_graph(&graph);
        assert_int_equal(rsi_split_make(&split, &piece, &options, NULL, NULL), RS_OK);
        for (uint32_t p = 0; p < split.parts.piece_count; p++) {
            rsi_piece part = rsi_layout_piece(&split.parts, p);
            const uint32_t *vertices = split.parts.vertices + split.parts.first_vertex[p];
            assert_in_range(part.vertex_count, 2, size_max);
            for (uint32_t v = 0; v < part.vertex_count; v++) {
                seen[vertices[v]] = 1;
                assert_int_equal(vertices[part.start[v]], split.start[vertices[v]]);
            }
        }
        for (uint32_t q = 0; q < split.part_count; q++) {
            assert_int_equal(seen[q], seen[split.start[q]]); /* all of a community, or nothing */
        }
        assert_int_equal(split.levels[split.level_count - 1].arcs.vertex_count, split.part_count);
        rsi_split_free(&split);
    }
}

/* Ours alone, then igraph from where it ended. */
static void comes_as_far_as_igraph(void **state)
{
    (void)state;
    static test_graph graph;
    rsi_random random;
    double ours = 0;
    double theirs = 0;
    rsi_random_seed(&random, 13, 1);
    for (int i = 0; i < 60; i++) {
        uint32_t label[NODES_MAX];
        rs_detect_options options = {.resolution = 10, .component_max = 20, .rounds = 6};
        rsi_split split = {0};
        random_graph(&graph, &random, NODES_MAX, 8, true, 100, 1);
        rsi_piece piece = piece_of_graph(&graph);
        assert_int_equal(rsi_split_make(&split, &piece, &options, NULL, NULL), RS_OK);
        assert_int_equal(rsi_split_finish(&split, 10, split.start, label, NULL), RS_OK);
        ours += (double)worth(&graph, 10, label);
        rsi_split_free(&split);
        assert_int_equal(rsi_leiden(&piece, &options, label, NULL), RS_OK);
        theirs += (double)worth(&graph, 10, label);
    }
    print_message("ours is %.2f %% of igraph's\n", 100 * ours / theirs);
    assert_true(ours > 0.995 * theirs);
}

/* With as many rounds as it takes, and in communities named by their smallest vertex. */
static void leaves_nobody_who_would_gain_by_moving(void **state)
{
    (void)state;
    static test_graph graph;
    rsi_random random;
    rsi_random_seed(&random, 16, 1);
    for (int i = 0; i < 10; i++) {
        uint32_t label[NODES_MAX];
        uint32_t again[NODES_MAX];
        rs_detect_options options = {.resolution = 12, .component_max = 20, .rounds = 0};
        rsi_split split = {0};
        random_graph(&graph, &random, 120, 20, true, 100, 1);
        rsi_piece piece = piece_of_graph(&graph);
        assert_int_equal(rsi_split_make(&split, &piece, &options, NULL, NULL), RS_OK);
        assert_int_equal(rsi_split_finish(&split, 12, split.start, label, NULL), RS_OK);
        memcpy(again, label, sizeof again);
        canonical(120, again);
        assert_memory_equal(again, label, 120 * sizeof *label);
        assert_true(no_move_gains(&graph, 12, label));
        rsi_split_free(&split);
    }
}

static int stop(void *context, const rs_progress *now)
{
    int *left = context;
    assert_string_equal(now->stage, "splitting");
    return (*left)-- == 0;
}

static void stops_between_rounds(void **state)
{
    (void)state;
    static test_graph graph;
    rsi_random random;
    rsi_random_seed(&random, 14, 1);
    random_graph(&graph, &random, 200, 12, true, 100, 1);
    for (int rounds = 0; rounds < 2; rounds++) {
        int left = rounds;
        rs_work work = {.progress = stop, .context = &left};
        rs_detect_options options = {.resolution = 12, .component_max = 20, .rounds = 3};
        rsi_split split = {0};
        rsi_piece piece = piece_of_graph(&graph);
        assert_int_equal(rsi_split_make(&split, &piece, &options, &work, NULL), RS_EINTERRUPTED);
        rsi_split_free(&split);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_until_no_move_gains),
        cmocka_unit_test(moves_within_runs),
        cmocka_unit_test(joins_each_single_vertex_once),
        cmocka_unit_test(contracts_masses_and_weights),
        cmocka_unit_test(renumbers_without_loss),
        cmocka_unit_test(does_the_same_on_any_number_of_threads),
        cmocka_unit_test(makes_pieces_of_whole_communities),
        cmocka_unit_test(comes_as_far_as_igraph),
        cmocka_unit_test(leaves_nobody_who_would_gain_by_moving),
        cmocka_unit_test(stops_between_rounds),
    };
    return cmocka_run_group_tests_name("our own Leiden on large components", tests, NULL, NULL);
}
