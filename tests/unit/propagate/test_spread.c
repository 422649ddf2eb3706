/* test_spread.c - risk spreads as the equation says, to the tolerance, bit for bit.
 *
 * WRAP: malloc calloc
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reference.h"

static int allowed = INT32_MAX; /* allocations that still succeed */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_malloc(size_t size)
{
    return allowed-- > 0 ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return allowed-- > 0 ? __real_calloc(count, size) : NULL;
}

static double worst_error(const small_graph *g, const rs_spread_options *options,
                          const int64_t *risk)
{
    static double inverse[NODES_MAX][NODES_MAX];
    double worst = 0;
    dense_inverse(g, options, inverse);
    for (uint32_t v = 0; v < g->count; v++) {
        double exact = 0;
        for (uint32_t s = 0; s < g->count; s++) {
            exact += inverse[v][s] * as_double(g->seed[s]);
        }
        double error = fabs(exact - as_double(risk[v]));
        worst = error > worst ? error : worst;
    }
    return worst;
}

/* ---- what it computes ---------------------------------------------------------------------------
 */

static void is_within_its_tolerance_of_a_dense_solve(void **state)
{
    (void)state;
    const struct {
        double damping;
        uint32_t ground;
        double tolerance;
        uint32_t per_mille;
        uint32_t weight_max;
    } rows[] = {
        {0.85, UINT32_C(1) << 20, 1e-6, 200, UINT32_C(1) << 20},
        {0.85, UINT32_C(1) << 20, 1e-3, 200, UINT32_C(1) << 20},
        {0.85, UINT32_C(1) << 20, 2e-9, 60, UINT32_C(1) << 22},
        {0.85, 0, 1e-6, 200, UINT32_C(1) << 20},
        {0.85, 0, 1e-6, 500, UINT32_MAX},
        {0.85, UINT32_MAX, 1e-6, 500, UINT32_MAX},
        {0.85, 0, 1e-6, 500, 3},
        {0.99, UINT32_C(1) << 16, 1e-6, 100, UINT32_C(1) << 24},
        {0.9999, 1, 1e-3, 300, UINT32_C(1) << 20},
        {0.5, UINT32_C(1) << 20, 1e-6, 900, UINT32_C(1) << 20},
        {0.000001, UINT32_C(1) << 20, 2e-9, 900, UINT32_C(1) << 20},
    };
    static small_graph g;
    static int64_t risk[NODES_MAX];
    rs_error err = {0};
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        rs_spread_options options = {.damping = rows[row].damping,
                                     .ground = rows[row].ground,
                                     .tolerance = rows[row].tolerance};
        for (uint32_t round = 0; round < 60; round++) {
            rsi_random random;
            rsi_random_seed(&random, row, round);
            small_graph_make(&g, &random, NODES_MAX, rows[row].per_mille, rows[row].weight_max);
            if (rs_spread(&g.graph, g.seed, &options, NULL, risk, &err) != RS_OK) {
                fail_msg("%s", err.message);
            }
            double worst = worst_error(&g, &options, risk);
            if (worst > options.tolerance) {
                fail_msg("row %zu round %u: off by %g", row, round, worst);
            }
        }
    }
}

static void agrees_whether_the_totals_are_given_or_summed(void **state)
{
    (void)state;
    static small_graph g;
    static int64_t summed[NODES_MAX], given[NODES_MAX];
    rs_spread_options options = RS_SPREAD_DEFAULTS;
    uint64_t total[NODES_MAX] = {0};
    rsi_random random;
    rsi_random_seed(&random, 5, 5);
    small_graph_make(&g, &random, NODES_MAX, 300, 1000000);
    for (uint32_t v = 0; v < g.count; v++) {
        for (uint32_t w = 0; w < g.count; w++) {
            total[v] += g.link[v][w];
        }
    }
    assert_int_equal(rs_spread(&g.graph, g.seed, &options, NULL, summed, NULL), RS_OK);
    g.graph.total = total;
    assert_int_equal(rs_spread(&g.graph, g.seed, &options, NULL, given, NULL), RS_OK);
    assert_memory_equal(summed, given, g.count * sizeof *given);
}

static void leaves_a_lone_node_its_own_seed(void **state)
{
    (void)state;
    const uint64_t first[2] = {0, 0};
    const rs_adjacency graph = {.node_count = 1, .first = first};
    const int64_t seeds[] = {RS_RISK_ONE, -RS_RISK_ONE, 0, 1, 123456789, RS_RISK_ONE * 1024};
    for (uint32_t ground = 0; ground < 2; ground++) {
        rs_spread_options options = RS_SPREAD_DEFAULTS;
        options.ground = ground;
        for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
            int64_t risk = 77;
            assert_int_equal(rs_spread(&graph, &seeds[i], &options, NULL, &risk, NULL), RS_OK);
            assert_int_equal(risk, seeds[i]);
        }
    }
}

static void takes_a_graph_without_nodes(void **state)
{
    (void)state;
    const uint64_t first[1] = {0};
    const rs_adjacency graph = {.node_count = 0, .first = first};
    rs_spread_options options = RS_SPREAD_DEFAULTS;
    int64_t nothing = 0;
    assert_int_equal(rs_spread(&graph, &nothing, &options, NULL, &nothing, NULL), RS_OK);
}

/* A row of nodes; every second link is missing, so that it falls into pairs. */
static void gives_exactly_0_where_no_seed_reaches(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    static uint64_t first[COUNT + 1];
    static uint32_t to[COUNT], weight[COUNT];
    static int64_t seed[COUNT], risk[COUNT];
    rs_spread_options options = RS_SPREAD_DEFAULTS;
    for (uint32_t v = 0; v < COUNT; v++) {
        first[v + 1] = v + 1;
        to[v] = v ^ 1;
        weight[v] = 1 << 20;
        risk[v] = -1;
    }
    seed[64] = RS_RISK_ONE;
    seed[129] = -RS_RISK_ONE;
    const rs_adjacency graph = {.node_count = COUNT, .first = first, .to = to, .weight = weight};
    assert_int_equal(rs_spread(&graph, seed, &options, NULL, risk, NULL), RS_OK);
    for (uint32_t v = 0; v < COUNT; v++) {
        bool above = v / 2 == 64 / 2, below = v / 2 == 129 / 2;
        assert_int_equal((risk[v] > 0) - (risk[v] < 0), above - below);
    }
}

static void holds_risk_back_by_negative_seeds(void **state)
{
    (void)state;
    static small_graph g;
    memset(&g, 0, sizeof g);
    g.count = 3; /* 0 - 1 - 2 */
    g.link[0][1] = g.link[1][0] = g.link[1][2] = g.link[2][1] = 1 << 20;
    small_graph_rows(&g);
    rs_spread_options options = RS_SPREAD_DEFAULTS;
    options.tolerance = 1e-7;
    int64_t alone[3], held[3];
    g.seed[0] = RS_RISK_ONE;
    assert_int_equal(rs_spread(&g.graph, g.seed, &options, NULL, alone, NULL), RS_OK);
    g.seed[2] = -RS_RISK_ONE;
    assert_int_equal(rs_spread(&g.graph, g.seed, &options, NULL, held, NULL), RS_OK);
    for (int v = 0; v < 3; v++) {
        assert_true(held[v] < alone[v]);
    }
    assert_true(held[1] > -5000 && held[1] < 5000); /* as far from the one as from the other */
}

static void passes_on_less_with_less_damping_and_more_ground(void **state)
{
    (void)state;
    static small_graph g;
    memset(&g, 0, sizeof g);
    g.count = 2;
    g.link[0][1] = g.link[1][0] = 1 << 20;
    small_graph_rows(&g);
    g.seed[0] = RS_RISK_ONE;
    const struct {
        double damping;
        uint32_t ground;
        double risk; /* of the other: x / (1 - x^2) with x = damping / (1 + ground) */
    } rows[] = {
        {0.999, 0, 0.999 / (1 - 0.999 * 0.999)},
        {0.85, 0, 0.85 / (1 - 0.85 * 0.85)},
        {0.85, 1 << 20, 0.425 / (1 - 0.425 * 0.425)},
        {0.85, 3 << 20, 0.2125 / (1 - 0.2125 * 0.2125)},
        {0.000001, 1 << 20, 0.0000005},
        {0.85, UINT32_MAX, 0.85 / 4097},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rs_spread_options options = {
            .damping = rows[i].damping, .ground = rows[i].ground, .tolerance = 1e-7};
        int64_t risk[2];
        assert_int_equal(rs_spread(&g.graph, g.seed, &options, NULL, risk, NULL), RS_OK);
        assert_true(fabs(as_double(risk[1]) - rows[i].risk) <= 1e-7);
    }
}

/* A thing that a million accounts use, two more that share another thing with the seed. */
static void passes_next_to_nothing_through_a_hub(void **state)
{
    (void)state;
    enum { LEAVES = 1000000 };
    rs_spread_options options = RS_SPREAD_DEFAULTS;
    options.tolerance = 1e-7;
    uint64_t *first = calloc(LEAVES + 2, sizeof *first);
    uint32_t *to = malloc(2 * LEAVES * sizeof *to);
    uint32_t *weight = malloc(2 * LEAVES * sizeof *weight);
    int64_t *seed = calloc(LEAVES + 1, sizeof *seed);
    int64_t *risk = malloc((LEAVES + 1) * sizeof *risk);
    for (uint32_t v = 0; v < LEAVES; v++) { /* the hub is node LEAVES */
        first[v + 1] = v + 1;
        to[v] = LEAVES;
        to[LEAVES + v] = v;
        weight[v] = weight[LEAVES + v] = 1 << 20;
    }
    first[LEAVES + 1] = 2 * LEAVES;
    seed[7] = RS_RISK_ONE;
    const rs_adjacency graph = {
        .node_count = LEAVES + 1, .first = first, .to = to, .weight = weight};
    rs_work work = {.threads = 2};
    assert_int_equal(rs_spread(&graph, seed, &options, &work, risk, NULL), RS_OK);
    assert_true(risk[0] > 0 && as_double(risk[0]) < 1e-6);
    assert_true(as_double(risk[LEAVES]) < 1e-3);
    for (uint32_t v = 1; v < LEAVES; v++) {
        assert_int_equal(v == 7 ? risk[0] : risk[v], risk[0]);
    }
    free(first);
    free(to);
    free(weight);
    free(seed);
    free(risk);
}

/* ---- what it does not depend on -----------------------------------------------------------------
 */

/* A ring of `count` nodes with two long chords at each: several tasks where it is large. */
typedef struct big_graph {
    rs_adjacency graph;
    uint64_t *first;
    uint32_t *to;
    uint32_t *weight;
    int64_t *seed;
} big_graph;

static int ascending(const void *left, const void *right)
{
    const uint32_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static void big_graph_make(big_graph *big, uint32_t count)
{
    big->first = calloc(count + 1, sizeof *big->first);
    big->to = malloc(4 * (size_t)count * sizeof *big->to);
    big->weight = malloc(4 * (size_t)count * sizeof *big->weight);
    big->seed = calloc(count, sizeof *big->seed);
    uint32_t chord = count / 3 - 1;
    for (uint32_t v = 0; v < count; v++) {
        uint32_t *row = &big->to[4 * (size_t)v];
        row[0] = (v + 1) % count;
        row[1] = (v + count - 1) % count;
        row[2] = (v + chord) % count;
        row[3] = (v + count - chord) % count;
        qsort(row, 4, sizeof *row, ascending);
        for (int i = 0; i < 4; i++) {
            big->weight[4 * (size_t)v + (size_t)i] =
                1 + (uint32_t)(rsi_mix64(v) + rsi_mix64(row[i])) % 3000000;
        }
        big->first[v + 1] = 4 * ((uint64_t)v + 1);
        big->seed[v] = v % 1009 == 3 ? RS_RISK_ONE : v % 5003 == 4 ? -RS_RISK_ONE / 2 : 0;
    }
    big->graph = (rs_adjacency){
        .node_count = count, .first = big->first, .to = big->to, .weight = big->weight};
}

static void big_graph_free(big_graph *big)
{
    free(big->first);
    free(big->to);
    free(big->weight);
    free(big->seed);
}

static void gives_equal_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    enum { COUNT = 100003 };
    big_graph big;
    big_graph_make(&big, COUNT);
    rs_spread_options options = RS_SPREAD_DEFAULTS;
    int64_t *one = malloc(COUNT * sizeof *one), *more = malloc(COUNT * sizeof *more);
    assert_int_equal(rs_spread(&big.graph, big.seed, &options, NULL, one, NULL), RS_OK);
    for (unsigned threads = 1; threads <= 4; threads++) {
        rs_work work = {.threads = threads};
        memset(more, 0x55, COUNT * sizeof *more);
        assert_int_equal(rs_spread(&big.graph, big.seed, &options, &work, more, NULL), RS_OK);
        assert_memory_equal(one, more, COUNT * sizeof *more);
    }
    free(one);
    free(more);
    big_graph_free(&big);
}

/* ---- how it fails
 * --------------------------------------------------------------------------------- */

static void refuses_options_that_cannot_be(void **state)
{
    (void)state;
    const struct {
        double damping;
        double tolerance;
        int64_t seed;
        const char *message;
    } rows[] = {
        {1, 1e-6, 1, "spread: damping is 1, expected 0.000001 to 0.999999"},
        {0, 1e-6, 1, "spread: damping is 0, expected 0.000001 to 0.999999"},
        {-0.5, 1e-6, 1, "spread: damping is -0.5, expected 0.000001 to 0.999999"},
        {(double)NAN, 1e-6, 1, "spread: damping is nan, expected 0.000001 to 0.999999"},
        {0.5, 0, 1, "spread: tolerance is 0, expected 1e-9 and more"},
        {0.5, (double)NAN, 1, "spread: tolerance is nan, expected 1e-9 and more"},
        {0.5, 1e-6, RS_RISK_ONE * 1024 + 1, "spread: seed of node 1 is beyond +-1024"},
        {0.5, 1e-6, -RS_RISK_ONE * 1024 - 1, "spread: seed of node 1 is beyond +-1024"},
        {0.999999, 1e-9, RS_RISK_ONE,
         "spread: tolerance 1.0000000000000001e-09 is finer than 64 bits allow on this graph"},
    };
    static small_graph g;
    memset(&g, 0, sizeof g);
    g.count = 2;
    g.link[0][1] = g.link[1][0] = 1 << 20;
    small_graph_rows(&g);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rs_error err = {0};
        int64_t risk[2];
        rs_spread_options options = {.damping = rows[i].damping, .tolerance = rows[i].tolerance};
        g.seed[1] = rows[i].seed;
        assert_int_equal(rs_spread(&g.graph, g.seed, &options, NULL, risk, &err), RS_EUSAGE);
        assert_string_equal(err.message, rows[i].message);
    }
}

static void survives_every_failed_allocation(void **state)
{
    (void)state;
    static small_graph g;
    static int64_t risk[NODES_MAX];
    rs_spread_options options = RS_SPREAD_DEFAULTS;
    rsi_random random;
    rsi_random_seed(&random, 3, 3);
    small_graph_make(&g, &random, NODES_MAX, 300, 1000000);
    rs_status status = RS_ENOMEM;
    int tries = 0;
    for (; status == RS_ENOMEM; tries++) {
        rs_error err = {0};
        allowed = tries;
        status = rs_spread(&g.graph, g.seed, &options, NULL, risk, &err);
        allowed = INT32_MAX;
        if (status != RS_OK) {
            assert_non_null(strstr(err.message, "out of memory"));
        }
    }
    assert_int_equal(status, RS_OK);
    assert_true(tries > 5);
}

static int stop_later(void *context, const rs_progress *now)
{
    int *left = context;
    assert_string_equal(now->stage, "spread");
    return (*left)-- == 0;
}

static void stops_when_asked_to(void **state)
{
    (void)state;
    static small_graph g;
    static int64_t risk[NODES_MAX];
    rs_spread_options options = RS_SPREAD_DEFAULTS;
    rsi_random random;
    rsi_random_seed(&random, 3, 3);
    small_graph_make(&g, &random, NODES_MAX, 300, 1000000);
    rs_status status = RS_EINTERRUPTED;
    int tries = 0;
    for (; status == RS_EINTERRUPTED; tries++) {
        int left = tries;
        rs_error err = {0};
        rs_work work = {.progress = stop_later, .context = &left};
        status = rs_spread(&g.graph, g.seed, &options, &work, risk, &err);
        assert_string_equal(err.message, status == RS_OK ? "" : "interrupted while at \"spread\"");
    }
    assert_int_equal(status, RS_OK);
    assert_true(tries > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_within_its_tolerance_of_a_dense_solve),
        cmocka_unit_test(agrees_whether_the_totals_are_given_or_summed),
        cmocka_unit_test(leaves_a_lone_node_its_own_seed),
        cmocka_unit_test(takes_a_graph_without_nodes),
        cmocka_unit_test(gives_exactly_0_where_no_seed_reaches),
        cmocka_unit_test(holds_risk_back_by_negative_seeds),
        cmocka_unit_test(passes_on_less_with_less_damping_and_more_ground),
        cmocka_unit_test(passes_next_to_nothing_through_a_hub),
        cmocka_unit_test(gives_equal_bits_for_any_number_of_threads),
        cmocka_unit_test(refuses_options_that_cannot_be),
        cmocka_unit_test(survives_every_failed_allocation),
        cmocka_unit_test(stops_when_asked_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
