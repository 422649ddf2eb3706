/* test_links.c - links in a file are the links in memory, whoever looks at them and however.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "../evidence/small_store.h"

#include "propagate/links.h"
#include "propagate/ties.h"
#include "ringscope/propagate.h"

enum { NODES = 3000, LONG_ROW = 1 << 17 };

typedef struct sample {
    rs_adjacency graph; /* in memory */
    uint64_t first[NODES + 1];
    uint64_t total[NODES];
    uint32_t *to;
    uint32_t *weight;
} sample;

/* Rows of 0 to 60 links, one that no buffer holds. */
static void make_sample(sample *s)
{
    rsi_random random;
    rsi_random_seed(&random, 5, 1);
    s->to = malloc((NODES * 60 + LONG_ROW) * sizeof *s->to);
    s->weight = malloc((NODES * 60 + LONG_ROW) * sizeof *s->weight);
    assert_true(s->to != NULL && s->weight != NULL);
    s->first[0] = 0;
    for (uint32_t v = 0; v < NODES; v++) {
        uint64_t count = v == 1234 ? LONG_ROW : rsi_random_below(&random, 61);
        s->first[v + 1] = s->first[v] + count;
        s->total[v] = 0;
        for (uint64_t i = s->first[v]; i < s->first[v + 1]; i++) {
            s->to[i] = rsi_random_below(&random, NODES);
            s->weight[i] = 1 + rsi_random_below(&random, 1 << 20);
            s->total[v] += s->weight[i];
        }
    }
    s->graph = (rs_adjacency){.node_count = NODES,
                              .first = s->first,
                              .to = s->to,
                              .weight = s->weight,
                              .total = s->total};
}

static void free_sample(const sample *s)
{
    free(s->to);
    free(s->weight);
}

/* The sample as rsi_links within a budget, in a file where `memory_bytes` is little. */
static void write_links(const sample *s, uint64_t memory_bytes, rsi_links *links,
                        rs_adjacency *graph)
{
    rs_error err = {0};
    const rs_work work = {.folder = "."};
    small_ok(rsi_links_begin(links, s->first[NODES], memory_bytes, true, &work, &err), &err);
    for (uint32_t v = 0; v < NODES; v++) {
        size_t count = (size_t)(s->first[v + 1] - s->first[v]);
        small_ok(rsi_links_reserve(links, count, &err), &err);
        for (size_t i = 0; i < count; i++) {
            links->to[links->count] = s->to[s->first[v] + i];
            links->weight[links->count++] = s->weight[s->first[v] + i];
        }
    }
    small_ok(rsi_links_end(links, &err), &err);
    *graph = s->graph;
    rsi_links_show(links, graph);
}

static void check_row(const sample *s, rsi_window *window, uint32_t v, uint32_t limit)
{
    rs_error err = {0};
    rsi_row row;
    small_ok(rsi_window_row(window, v, limit, &row, &err), &err);
    assert_int_equal(row.count, s->first[v + 1] - s->first[v]);
    assert_true(row.ahead >= row.count);
    if (row.count > 0) {
        assert_memory_equal(row.to, s->to + s->first[v], row.count * sizeof *row.to);
        assert_memory_equal(row.weight, s->weight + s->first[v], row.count * sizeof *row.weight);
    }
}

static void shows_what_was_written_whatever_the_budget(void **state)
{
    static const uint64_t budgets[] = {0, 1, 8, 1000, 100000, UINT64_MAX};
    sample s;
    rsi_random random;
    (void)state;
    make_sample(&s);
    rsi_random_seed(&random, 6, 1);
    for (size_t b = 0; b < sizeof budgets / sizeof budgets[0]; b++) {
        rsi_links links;
        rs_adjacency graph;
        write_links(&s, budgets[b], &links, &graph);
        assert_true((graph.file != NULL) == (budgets[b] > 0 && budgets[b] < UINT64_MAX));
        rsi_window window = rsi_window_of(&graph);
        for (uint32_t v = 0; v < NODES; v++) {
            check_row(&s, &window, v, NODES);
        }
        for (int i = 0; i < 1000; i++) {
            uint32_t v = rsi_random_below(&random, NODES);
            check_row(&s, &window, v, i % 2 == 0 ? v + 1 : NODES);
        }
        rsi_window_free(&window);
        rsi_links_free(&links);
    }
    free_sample(&s);
}

/* A ring with chords: symmetric, as a network is. */
static void make_ring(sample *s)
{
    s->to = malloc(4 * NODES * sizeof *s->to);
    s->weight = malloc(4 * NODES * sizeof *s->weight);
    assert_true(s->to != NULL && s->weight != NULL);
    for (uint32_t v = 0; v < NODES; v++) {
        const uint32_t ends[4] = {(v + 1) % NODES, (v + NODES - 1) % NODES, (v + 700) % NODES,
                                  (v + NODES - 700) % NODES};
        s->first[v] = 4 * (uint64_t)v;
        s->total[v] = 0;
        for (uint32_t i = 0; i < 4; i++) {
            uint32_t lower = ends[i] < v ? ends[i] : v;
            uint32_t weight = 1000 + lower * 7 + (lower ^ ends[i] ^ v) % 100;
            s->to[s->first[v] + i] = ends[i];
            s->weight[s->first[v] + i] = weight;
            s->total[v] += weight;
        }
    }
    s->first[NODES] = 4 * NODES;
    s->graph = (rs_adjacency){.node_count = NODES,
                              .first = s->first,
                              .to = s->to,
                              .weight = s->weight,
                              .total = s->total};
}

static void spreads_and_explains_the_same_from_a_file(void **state)
{
    static int64_t seed[NODES], risk[NODES], again[NODES];
    rs_spread_options options = RS_SPREAD_DEFAULTS;
    rs_explanation one, other;
    rs_error err = {0};
    rsi_links links;
    rs_adjacency graph;
    sample s;
    (void)state;
    make_ring(&s);
    seed[17] = RS_RISK_ONE;
    seed[2000] = -RS_RISK_ONE / 3;
    small_ok(rs_spread(&s.graph, seed, &options, NULL, risk, &err), &err);
    small_ok(rs_spread_explain(&s.graph, seed, risk, &options, 20, 1e-3, &one, &err), &err);
    write_links(&s, 500, &links, &graph);
    assert_non_null(graph.file);
    for (unsigned threads = 1; threads < 4; threads++) {
        rs_work work = {.threads = threads};
        small_ok(rs_spread(&graph, seed, &options, &work, again, &err), &err);
        assert_memory_equal(risk, again, sizeof risk);
    }
    small_ok(rs_spread_explain(&graph, seed, risk, &options, 20, 1e-3, &other, &err), &err);
    assert_true(one.risk == other.risk && one.covered == other.covered);
    assert_int_equal(one.path_count, other.path_count);
    rsi_links_free(&links);
    free_sample(&s);
}

/* ---- ties --------------------------------------------------------------------------------------
 */

static void check_ties(const rsi_ties *one, rsi_ties *other)
{
    rs_error err = {0};
    uint32_t subjects = one->graph.node_count;
    assert_memory_equal(one->first, other->first, (subjects + 1) * sizeof *one->first);
    assert_memory_equal(one->weight, other->weight, subjects * sizeof *one->weight);
    for (uint32_t v = 0; v < subjects; v++) {
        rsi_row row;
        small_ok(rsi_window_row(&other->window, v, subjects, &row, &err), &err);
        assert_int_equal(row.count, one->first[v + 1] - one->first[v]);
        if (row.count > 0) {
            assert_memory_equal(row.to, one->links.to + one->first[v], row.count * sizeof *row.to);
        }
    }
}

static void reads_ties_in_slices(void **state)
{
    static const uint64_t budgets[] = {1, 40, 400, 1500, 1 << 20};
    static small_rows rows;
    const rs_work work = {.folder = "."};
    small_store small;
    rsi_random random;
    rsi_ties all;
    rs_error err = {0};
    (void)state;
    rsi_random_seed(&random, 9, 1);
    for (int i = 0; i < 1500; i++) {
        char src[12], dst[12];
        snprintf(src, sizeof src, "a%u", rsi_random_below(&random, 60));
        snprintf(dst, sizeof dst, "a%u", rsi_random_below(&random, i % 9 == 0 ? 2 : 300));
        small_add(&rows, PAYS, src, dst);
    }
    small_open(&small, &rows, 10);
    size_t pays = 0;
    while (strcmp(rs_store_relation(small.store, pays).name, "pays") != 0) {
        pays++;
    }
    small_ok(rsi_ties_read(&all, small.graph, pays, 0, &work, &err), &err);
    assert_null(all.graph.file);
    for (size_t b = 0; b < sizeof budgets / sizeof budgets[0]; b++) {
        rsi_ties ties;
        small_ok(rsi_ties_read(&ties, small.graph, pays, budgets[b], &work, &err), &err);
        assert_true((ties.graph.file != NULL) == (budgets[b] < 1 << 20));
        check_ties(&all, &ties);
        rsi_ties_free(&ties);
    }
    rsi_ties_free(&all);
    small_close(&small);
}

/* The relation as a timeline tells it, and as it is read. */
static void takes_ties_from_a_timeline(void **state)
{
    small_store small;
    static small_rows rows;
    rsi_random random;
    rsi_ties read = {0}, taken = {0};
    rs_timeline line = {0};
    rs_error err = {0};
    (void)state;
    rsi_random_seed(&random, 10, 1);
    for (int i = 0; i < 1500; i++) {
        char src[12], dst[12];
        snprintf(src, sizeof src, "a%u", rsi_random_below(&random, 60));
        snprintf(dst, sizeof dst, "a%u", rsi_random_below(&random, i % 9 == 0 ? 2 : 300));
        small_add_at(&rows, PAYS, src, dst, 1700000000 + 60 * i);
    }
    small_open(&small, &rows, 10);
    size_t pays = 0;
    while (strcmp(rs_store_relation(small.store, pays).name, "pays") != 0) {
        pays++;
    }
    small_ok(rsi_ties_read(&read, small.graph, pays, 0, NULL, &err), &err);
    small_ok(rs_graph_timeline(small.graph, pays, &line, NULL, &err), &err);
    assert_int_equal(line.left_out, 0);
    assert_true(line.count > 1000);
    small_ok(rsi_ties_in_time(&taken, small.graph, &line, &err), &err);
    check_ties(&read, &taken);
    assert_memory_equal(read.weight, taken.weight, read.graph.node_count * sizeof *read.weight);
    rs_timeline_free(&line);
    rsi_ties_free(&taken);
    rsi_ties_free(&read);
    small_close(&small);
}

static void says_which_folder_cannot_be_written(void **state)
{
    rsi_links links;
    rs_error err = {0};
    const rs_work work = {.folder = "no/such/folder"};
    (void)state;
    small_ok(rsi_links_begin(&links, 1000, 1, true, &work, &err), &err);
    small_ok(rsi_links_reserve(&links, 1, &err), &err);
    links.to[0] = links.weight[0] = 1;
    links.count = 1;
    assert_int_equal(rsi_links_reserve(&links, 1, &err), RS_EIO);
    assert_non_null(strstr(err.message, "cannot make the temporary file \"no/such/folder/.tmp-"));
    rsi_links_free(&links);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_what_was_written_whatever_the_budget),
        cmocka_unit_test(spreads_and_explains_the_same_from_a_file),
        cmocka_unit_test(reads_ties_in_slices),
        cmocka_unit_test(takes_ties_from_a_timeline),
        cmocka_unit_test(says_which_folder_cannot_be_written),
    };
    return cmocka_run_group_tests_name("links beyond memory", tests, NULL, NULL);
}
