/* test_detect.c - the cutting of a graph into communities ...
 *
 * WRAP: malloc calloc realloc igraph_create
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "graphs.h"

/* ---- what is made to fail
 * ------------------------------------------------------------------------ */

static long allowed = -1;    /* allocations until one fails; below 0: all succeed */
static bool in_worker_only;  /* they fail in worker processes alone */
static int signal_in_worker; /* igraph kills its worker */
static int failures_of_igraph;
static pid_t caller;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
int __real_igraph_create(void *graph, const void *ends, int64_t count, bool directed);
int __wrap_igraph_create(void *graph, const void *ends, int64_t count, bool directed);

static bool refused(void)
{
    if (allowed < 0 || (in_worker_only && getpid() == caller)) {
        return false;
    }
    return allowed-- == 0;
}

void *__wrap_malloc(size_t size)
{
    return refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refused() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return refused() ? NULL : __real_realloc(old, size);
}

int __wrap_igraph_create(void *graph, const void *ends, int64_t count, bool directed)
{
    assert_int_not_equal(getpid(), caller); /* igraph never runs in the caller's process */
    if (signal_in_worker != 0) {
        (void)raise(signal_in_worker);
    }
    return failures_of_igraph != 0 ? failures_of_igraph
                                   : __real_igraph_create(graph, ends, count, directed);
}

/* ---- graphs of many components
 * ------------------------------------------------------------------- */

/* Components of all sizes, their nodes spread over the numbers: node v is in component v % parts.
 */
static void many_components(test_graph *graph, uint64_t seed, uint32_t parts)
{
    rsi_random random;
    rsi_random_seed(&random, seed, 2);
    memset(graph, 0, sizeof *graph);
    graph->node_count = NODES_MAX;
    for (uint32_t v = 0; v < NODES_MAX; v++) {
        graph->is_member[v] = !rsi_random_chance(&random, 200);
        graph->mass[v] = graph->is_member[v];
    }
    for (uint32_t a = 0; a < NODES_MAX; a++) {
        /* Component p is the sparser, the larger p: some fall apart. */
        uint32_t part = a % parts;
        for (uint32_t b = a + parts; b < NODES_MAX; b += parts) {
            uint32_t per_mille = 20 + 4000 * parts / NODES_MAX / (part + 1);
            if (graph->link_count < LINKS_MAX && rsi_random_chance(&random, per_mille)) {
                add_link(graph, a, b, rsi_random_between(&random, 1, 200));
            }
        }
    }
}

static rs_detect_options some_options(uint32_t component_max)
{
    rs_detect_options options = RS_DETECT_DEFAULTS;
    options.resolution = 11;
    options.component_max = component_max;
    return options;
}

static rs_status detect(const test_graph *graph, const rs_detect_options *options,
                        const rs_work *work, uint32_t *label, rs_detect_counts *counts,
                        rs_error *err)
{
    rs_link_graph links = links_of(graph);
    return rs_detect(&links, options, work, label, counts, err);
}

/* ---- the tests
 * ----------------------------------------------------------------------------------- */

static void gives_connected_communities_named_by_their_smallest_node(void **state)
{
    (void)state;
    static test_graph graph;
    for (uint32_t parts = 1; parts < 40; parts += 3) {
        for (uint32_t size_max = 3; size_max < 500; size_max *= 5) {
            uint32_t label[NODES_MAX];
            rs_detect_counts counts;
            rs_detect_options options = some_options(size_max);
            many_components(&graph, parts, parts);
            assert_int_equal(detect(&graph, &options, NULL, label, &counts, NULL), RS_OK);
            assert_true(is_proper(&graph, label));
        }
    }
}

static void finds_the_same_by_workers_that_were_there_before(void **state)
{
    (void)state;
    static test_graph graph;
    rs_detect_options options = some_options(40);
    rs_work work = {.threads = 2};
    rs_detect_crew *crew = NULL;
    assert_int_equal(rs_detect_crew_start(&crew, &options, &work, NULL), RS_OK);
    for (uint32_t parts = 1; parts < 40; parts += 6) {
        uint32_t label[2][NODES_MAX];
        rs_detect_counts counts;
        many_components(&graph, parts, parts);
        rs_link_graph links = links_of(&graph);
        assert_int_equal(rs_detect(&links, &options, NULL, label[0], &counts, NULL), RS_OK);
        assert_int_equal(rs_detect_by(crew, &links, &work, label[1], &counts, NULL), RS_OK);
        assert_memory_equal(label[0], label[1], graph.node_count * sizeof label[0][0]);
    }
    rs_detect_crew_end(crew);
    rs_detect_crew_end(NULL);
}

static void counts_what_it_did(void **state)
{
    (void)state;
    static test_graph graph;
    for (uint32_t size_max = 3; size_max < 500; size_max *= 3) {
        uint32_t label[NODES_MAX];
        uint32_t component[NODES_MAX];
        uint32_t sizes[2][NODES_MAX] = {{0}};
        rs_detect_counts expected = {0};
        rs_detect_counts counts;
        rs_detect_options options = some_options(size_max);
        many_components(&graph, 7, 25);
        assert_int_equal(detect(&graph, &options, NULL, label, &counts, NULL), RS_OK);
        slow_components(&graph, NULL, component);
        for (uint32_t v = 0; v < NODES_MAX; v++) {
            expected.component_count += ++sizes[0][component[v]] == 2;
            expected.community_count += ++sizes[1][label[v]] == 2;
        }
        uint32_t large = 0;
        for (uint32_t v = 0; v < NODES_MAX; v++) {
            expected.largest = sizes[0][v] > expected.largest ? sizes[0][v] : expected.largest;
            large += sizes[0][v] > size_max;
        }
        assert_int_equal(counts.component_count, expected.component_count);
        assert_int_equal(counts.community_count, expected.community_count);
        assert_int_equal(counts.largest, expected.largest);
        assert_true(counts.split_count <= large); /* less those that are plain */
        assert_true(large == 0 || counts.split_count > 0);
        if (large == 0) { /* every component is either plain or one piece of igraph's */
            assert_int_equal(counts.plain_count + counts.leiden_count, counts.component_count);
        }
    }
}

static void gives_the_same_for_any_number_of_threads(void **state)
{
    (void)state;
    static test_graph graph;
    for (uint32_t size_max = 20; size_max < 500; size_max *= 5) {
        uint32_t first[NODES_MAX];
        rs_detect_counts first_counts;
        rs_detect_options options = some_options(size_max);
        many_components(&graph, size_max, 9);
        assert_int_equal(detect(&graph, &options, NULL, first, &first_counts, NULL), RS_OK);
        for (unsigned threads = 1; threads < 4; threads++) {
            uint32_t label[NODES_MAX];
            rs_detect_counts counts;
            rs_work work = {.threads = threads};
            assert_int_equal(detect(&graph, &options, &work, label, &counts, NULL), RS_OK);
            assert_memory_equal(label, first, sizeof label);
            assert_memory_equal(&counts, &first_counts, sizeof counts);
        }
    }
}

static int compare_links(const void *x, const void *y)
{
    const uint32_t *a = x;
    const uint32_t *b = y;
    if (a[0] != b[0]) {
        return a[0] < b[0] ? -1 : 1;
    }
    return a[1] < b[1] ? -1 : a[1] > b[1];
}

/* Components may lie anywhere: only the order of nodes within each counts. */
static void does_not_care_where_components_lie(void **state)
{
    (void)state;
    static test_graph graph;
    static test_graph moved;
    static uint32_t rows[LINKS_MAX][3];
    const uint32_t parts = 9;
    for (uint32_t size_max = 15; size_max < 500; size_max *= 5) {
        uint32_t label[NODES_MAX];
        uint32_t moved_label[NODES_MAX];
        uint32_t number[NODES_MAX];
        rs_detect_counts counts;
        rs_detect_options options = some_options(size_max);
        many_components(&graph, size_max, parts);
        memset(&moved, 0, sizeof moved);
        moved.node_count = NODES_MAX;
        /* One after the other, last first, instead of spread. */
        uint32_t next = 0;
        for (uint32_t part = parts; part-- > 0;) {
            for (uint32_t v = part; v < NODES_MAX; v += parts) {
                number[v] = next;
                moved.is_member[next] = graph.is_member[v];
                moved.mass[next++] = graph.mass[v];
            }
        }
        for (size_t k = 0; k < graph.link_count; k++) {
            rows[k][0] = number[graph.a[k]];
            rows[k][1] = number[graph.b[k]];
            rows[k][2] = graph.weight[k];
        }
        qsort(rows, graph.link_count, sizeof *rows, compare_links);
        for (size_t k = 0; k < graph.link_count; k++) {
            add_link(&moved, rows[k][0], rows[k][1], rows[k][2]);
        }
        assert_int_equal(detect(&graph, &options, NULL, label, &counts, NULL), RS_OK);
        assert_int_equal(detect(&moved, &options, NULL, moved_label, &counts, NULL), RS_OK);
        for (uint32_t v = 0; v < NODES_MAX; v++) {
            assert_int_equal(moved_label[number[v]], number[label[v]]);
        }
    }
}

static void takes_graphs_without_links(void **state)
{
    (void)state;
    uint32_t label[4] = {9, 9, 9, 9};
    uint8_t is_member[4] = {1, 0, 1, 1};
    rs_detect_options options = RS_DETECT_DEFAULTS;
    rs_detect_counts counts = {.largest = 9};
    rs_link_graph empty = {0};
    rs_detect_counts none = {0};
    assert_int_equal(rs_detect(&empty, &options, NULL, label, &counts, NULL), RS_OK);
    assert_memory_equal(&counts, &none, sizeof counts);
    assert_int_equal(label[0], 9);
    rs_link_graph isolated = {.node_count = 4, .is_member = is_member};
    assert_int_equal(rs_detect(&isolated, &options, NULL, label, &counts, NULL), RS_OK);
    assert_memory_equal(&counts, &none, sizeof counts);
    for (uint32_t v = 0; v < 4; v++) {
        assert_int_equal(label[v], v);
    }
}

static void takes_the_largest_numbers(void **state)
{
    (void)state;
    static test_graph graph;
    uint32_t label[NODES_MAX];
    rs_detect_counts counts;
    rs_detect_options options = some_options(30);
    many_components(&graph, 3, 5);
    for (size_t k = 0; k < graph.link_count; k++) {
        graph.weight[k] = UINT32_MAX;
    }
    assert_int_equal(detect(&graph, &options, NULL, label, &counts, NULL), RS_OK);
    assert_int_equal(counts.component_count, counts.community_count);
    options.resolution = UINT32_MAX;
    assert_int_equal(detect(&graph, &options, NULL, label, &counts, NULL), RS_OK);
    assert_true(is_proper(&graph, label));
}

static void says_that_a_worker_died(void **state)
{
    (void)state;
    static test_graph graph;
    uint32_t label[NODES_MAX];
    rs_detect_counts counts;
    rs_error err = {0};
    rs_work work = {.threads = 2};
    rs_detect_options options = some_options(500);
    many_components(&graph, 1, 9);
    signal_in_worker = SIGKILL;
    assert_int_equal(detect(&graph, &options, &work, label, &counts, &err), RS_EIO);
    signal_in_worker = 0;
    assert_string_equal(err.message, "communities: the worker process of task 0 died of signal 9 "
                                     "(killed, perhaps for want of memory)");
    failures_of_igraph = 2;
    assert_int_equal(detect(&graph, &options, &work, label, &counts, &err), RS_ENOMEM);
    failures_of_igraph = 0;
    assert_string_equal(err.message, "out of memory (igraph: graph)");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static int stop_later(void *context, const rs_progress *now)
{
    int *left = context;
    (void)now;
    return (*left)-- == 0;
}

static void stops_when_asked(void **state)
{
    (void)state;
    static test_graph graph;
    rs_status status = RS_EINTERRUPTED;
    many_components(&graph, 1, 3);
    for (int asked = 0; status == RS_EINTERRUPTED; asked++) {
        uint32_t label[NODES_MAX];
        rs_detect_counts counts;
        int left = asked;
        rs_work work = {.threads = 2, .progress = stop_later, .context = &left};
        rs_detect_options options = some_options(50);
        status = detect(&graph, &options, &work, label, &counts, NULL);
        assert_true(status == RS_EINTERRUPTED || (status == RS_OK && asked > 3));
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    }
}

static void survives_every_failed_allocation(void **state)
{
    (void)state;
    static test_graph graph;
    many_components(&graph, 1, 3);
    for (int where = 0; where < 2; where++) {
        rs_status status = RS_ENOMEM;
        in_worker_only = where == 1;
        for (long count = 0; status != RS_OK; count++) {
            uint32_t label[NODES_MAX];
            rs_detect_counts counts;
            rs_error err = {0};
            rs_work work = {.threads = 2};
            rs_detect_options options = some_options(50);
            allowed = count;
            status = detect(&graph, &options, &work, label, &counts, &err);
            allowed = -1;
            assert_true(status == RS_OK || status == RS_ENOMEM);
            assert_true(status == RS_OK || strncmp(err.message, "out of memory", 13) == 0);
            assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
            assert_true(count < 2000);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_connected_communities_named_by_their_smallest_node),
        cmocka_unit_test(finds_the_same_by_workers_that_were_there_before),
        cmocka_unit_test(counts_what_it_did),
        cmocka_unit_test(gives_the_same_for_any_number_of_threads),
        cmocka_unit_test(does_not_care_where_components_lie),
        cmocka_unit_test(takes_graphs_without_links),
        cmocka_unit_test(takes_the_largest_numbers),
        cmocka_unit_test(says_that_a_worker_died),
        cmocka_unit_test(stops_when_asked),
        cmocka_unit_test(survives_every_failed_allocation),
    };
    caller = getpid();
    return cmocka_run_group_tests_name("the cutting of a graph", tests, NULL, NULL);
}
