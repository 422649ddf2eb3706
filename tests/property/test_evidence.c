/* test_evidence.c - links, entities, the collapsed graph, the network and the risk of things, each
 * against its definition, on random worlds.
 *
 * The references know rows and ids only: who uses what is looked up row by row, pairs are counted
 * in full matrices.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "../unit/evidence/small_store.h"

#include "base/fixed.h"
#include "propagate/roots.h"
#include "ringscope/evidence.h"
#include "ringscope/network.h"

enum { WORLDS = 25, NODES_MAX = 700, EXPECTED_MAX = 60000 };

static small_rows rows;

typedef struct known_row {
    uint32_t src, dst;
} known_row;

typedef struct world {
    small_store small;
    rs_evidence_options options;
    uint32_t subjects, nodes;
    known_row at[SMALL_ROWS_MAX];                     /* the nodes of each row */
    bool uses[SMALL_RELATIONS][NODES_MAX][NODES_MAX]; /* [src][dst] */
} world;

static world w;

static void make_world(uint64_t seed)
{
    rsi_random random;
    rsi_random_seed(&random, seed, 7);
    uint32_t accounts = rsi_random_between(&random, 5, 120);
    small_random(&rows, &random, rsi_random_between(&random, 1, 900), accounts);
    small_open(&w.small, &rows, rsi_random_below(&random, 100));
    w.options = (rs_evidence_options)RS_EVIDENCE_DEFAULTS;
    w.options.pairs_max = rsi_random_between(&random, 2, 6);
    w.options.resolution = rsi_random_between(&random, 1000, 300000);
    w.options.identity_max = rsi_random_between(&random, 2, 8);
    w.options.window_s = rsi_random_between(&random, 0, 5000);
    w.subjects = rs_graph_subject_count(w.small.graph);
    w.nodes = rs_graph_node_count(w.small.graph);
    assert_true(w.nodes <= NODES_MAX);
    memset(w.uses, 0, sizeof w.uses);
    for (size_t i = 0; i < rows.count; i++) {
        const small_row *row = &rows.rows[i];
        w.at[i].src = small_account(&w.small, row->src);
        w.at[i].dst = small_node(&w.small, small_relations[row->relation].dst, row->dst);
        w.uses[row->relation][w.at[i].src][w.at[i].dst] = true;
    }
}

static uint32_t users_of(int relation, uint32_t thing, uint32_t *users)
{
    uint32_t count = 0;
    for (uint32_t v = 0; v < w.subjects; v++) {
        if (w.uses[relation][v][thing]) {
            users[count++] = v;
        }
    }
    return count;
}

/* ---- links ------------------------------------------------------------------------------------
 */

static rs_link expected[EXPECTED_MAX];
static size_t expected_count;

static void expect(uint32_t a, uint32_t b, uint32_t thing, int relation, const char *kind,
                   uint64_t weight, uint32_t users)
{
    rs_link link = {.a = a < b ? a : b, .b = a < b ? b : a, .thing = thing, .users = users};
    while (strcmp(rs_evidence_kind_name(link.kind), kind) != 0) {
        link.kind++;
    }
    link.relation = (uint16_t)small_relation_of(&w.small, (small_relation)relation);
    link.weight = (uint32_t)weight;
    assert_true(expected_count < EXPECTED_MAX);
    if (weight > 0) {
        expected[expected_count++] = link;
    }
}

static void expect_sharing(int relation, size_t *hubs)
{
    bool place = small_relations[relation].place;
    for (uint32_t thing = w.subjects; thing < w.nodes; thing++) {
        uint32_t users[NODES_MAX];
        uint32_t count = users_of(relation, thing, users);
        uint32_t weight = rs_thing_weight(w.subjects, count, place);
        if (count < 2) {
            continue;
        }
        if (rs_thing_is_hub(weight, count, w.options.resolution)) {
            (*hubs)++;
            continue;
        }
        for (uint32_t i = 0; i < count; i++) {
            if (count > w.options.pairs_max) {
                expect(users[i], thing, thing, relation, place ? "place" : "shared", weight, count);
            }
            for (uint32_t k = i + 1; k < count && count <= w.options.pairs_max; k++) {
                expect(users[i], users[k], thing, relation, place ? "place" : "shared", weight,
                       count);
            }
        }
    }
}

static bool is_precise_use(size_t i)
{
    uint32_t users[NODES_MAX];
    const small_row *row = &rows.rows[i];
    return row->relation == IS_AT && row->timed && row->precision_s <= w.options.window_s &&
           users_of(IS_AT, w.at[i].dst, users) >= 2;
}

/* Rows of one place by time, then user. */
static int by_time(const void *left, const void *right)
{
    const size_t *a = left;
    const size_t *b = right;
    if (rows.rows[*a].time != rows.rows[*b].time) {
        return rows.rows[*a].time < rows.rows[*b].time ? -1 : 1;
    }
    return (w.at[*a].src > w.at[*b].src) - (w.at[*a].src < w.at[*b].src);
}

static void expect_meetings_at(uint32_t place, uint64_t span)
{
    static size_t use[SMALL_ROWS_MAX];
    static bool met[NODES_MAX][NODES_MAX][10]; /* on which day */
    size_t count = 0;
    memset(met, 0, sizeof met);
    for (size_t i = 0; i < rows.count; i++) {
        if (w.at[i].dst == place && is_precise_use(i)) {
            use[count++] = i;
        }
    }
    qsort(use, count, sizeof *use, by_time);
    uint64_t mean = count > 0 ? (count - 1) * (uint64_t)w.options.window_s : 0;
    for (size_t i = 0; i + 1 < count && mean < span; i++) {
        uint32_t a = w.at[use[i]].src;
        uint32_t b = w.at[use[i + 1]].src;
        int64_t time = rows.rows[use[i]].time;
        if (a != b && rows.rows[use[i + 1]].time - time <= w.options.window_s) {
            met[a < b ? a : b][a < b ? b : a][(time + 3 * 86400) / 86400] = true;
        }
    }
    for (uint32_t a = 0; a < w.subjects; a++) {
        for (uint32_t b = a + 1; b < w.subjects; b++) {
            uint64_t days = 0;
            for (int day = 0; day < 10; day++) {
                days += met[a][b][day];
            }
            if (days >= 2) {
                uint64_t nats = rsi_ln_q32(span) - rsi_ln_q32(mean > 0 ? mean : 1);
                uint64_t weight = days * ((nats << 20) / rsi_ln_q32(w.subjects));
                expect(a, b, place, IS_AT, "window",
                       weight < RS_WEIGHT_HALF ? weight : RS_WEIGHT_HALF, 2);
            }
        }
    }
}

static void expect_meetings(void)
{
    int64_t low = INT64_MAX;
    int64_t high = INT64_MIN;
    for (size_t i = 0; i < rows.count; i++) {
        if (is_precise_use(i)) {
            low = rows.rows[i].time < low ? rows.rows[i].time : low;
            high = rows.rows[i].time > high ? rows.rows[i].time : high;
        }
    }
    uint64_t span = low <= high && high - low > 86400 ? (uint64_t)(high - low) : 86400;
    for (uint32_t place = w.subjects; place < w.nodes; place++) {
        expect_meetings_at(place, span);
    }
}

static int by_all(const void *left, const void *right)
{
    const rs_link *a = left;
    const rs_link *b = right;
    const uint32_t keys[][2] = {{a->a, b->a},
                                {a->b, b->b},
                                {a->relation, b->relation},
                                {a->kind, b->kind},
                                {a->thing, b->thing}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (keys[i][0] != keys[i][1]) {
            return keys[i][0] < keys[i][1] ? -1 : 1;
        }
    }
    return 0;
}

static void check_links(const rs_evidence *evidence)
{
    size_t hubs = 0;
    size_t shared_hubs = 0;
    expected_count = 0;
    expect_sharing(USES_DEVICE, &hubs);
    expect_sharing(HAS_CARD, &hubs);
    expect_sharing(IS_AT, &hubs);
    expect_meetings();
    qsort(expected, expected_count, sizeof *expected, by_all);
    size_t found = 0; /* what happens in time is test_in_time.c's */
    for (size_t i = 0; i < evidence->link_count; i++) {
        const rs_link *link = &evidence->links[i];
        if (rs_evidence_kind_in_time(link->kind)) {
            continue;
        }
        assert_true(found < expected_count);
        assert_int_equal(by_all(link, &expected[found]), 0);
        assert_int_equal(link->weight, expected[found].weight);
        assert_int_equal(link->users, expected[found].users);
        found++;
    }
    assert_int_equal(found, expected_count);
    for (size_t i = 0; i < evidence->hub_count; i++) {
        shared_hubs += evidence->hubs[i].kind != UINT16_MAX;
        assert_true(i == 0 || evidence->hubs[i].user_count <= evidence->hubs[i - 1].user_count);
    }
    assert_int_equal(shared_hubs, hubs);
}

/* ---- entities ---------------------------------------------------------------------------------
 */

/* The definition itself: lower to the neighbours' until nothing moves. */
static void check_entities(const rs_evidence *evidence)
{
    uint32_t entity[NODES_MAX];
    bool moved = true;
    for (uint32_t v = 0; v < w.subjects; v++) {
        entity[v] = v;
    }
    while (moved) {
        moved = false;
        for (uint32_t thing = w.subjects; thing < w.nodes; thing++) {
            for (int relation = HAS_DOCUMENT; relation <= HAS_VOICE; relation++) {
                uint32_t users[NODES_MAX];
                uint32_t count = users_of(relation, thing, users);
                for (uint32_t i = 0; i < count * count && count <= w.options.identity_max; i++) {
                    uint32_t one = users[i / count];
                    uint32_t other = users[i % count];
                    if (entity[one] < entity[other]) {
                        entity[other] = entity[one];
                        moved = true;
                    }
                }
            }
        }
    }
    assert_memory_equal(evidence->entity, entity, w.subjects * sizeof *entity);
}

/* ---- the collapsed graph ----------------------------------------------------------------------
 */

static uint64_t pair[NODES_MAX][NODES_MAX]; /* expected weights */

static uint32_t end_of(const rs_evidence *evidence, uint32_t node)
{
    return node < w.subjects ? evidence->entity[node] : node;
}

static uint64_t household(const rs_evidence *evidence, uint32_t a, uint32_t b)
{
    enum { KINDS = 11 };
    uint64_t sum[SMALL_RELATIONS][KINDS] = {{0}};
    uint64_t most = 0;
    uint64_t rest = 0;
    uint64_t in_time = 0;
    assert_int_equal(rs_evidence_kind_count(), KINDS);
    for (size_t i = 0; i < evidence->link_count; i++) {
        const rs_link *link = &evidence->links[i];
        uint32_t one = end_of(evidence, link->a);
        uint32_t other = end_of(evidence, link->b);
        if ((one == a && other == b) || (one == b && other == a)) {
            sum[link->relation][link->kind] += link->weight;
        }
    }
    for (size_t i = 0; i < (size_t)SMALL_RELATIONS * KINDS; i++) {
        uint64_t one = sum[i / KINDS][i % KINDS];
        if (rs_evidence_kind_in_time(i % KINDS)) {
            in_time += one;
            continue;
        }
        rest += one > most ? most * 3 / 20 : one * 3 / 20;
        most = one > most ? one : most;
    }
    uint64_t all = most + rest + in_time;
    return all < (1 << 24) ? all : 1 << 24;
}

static void check_collapsed(const rs_evidence *evidence, const rs_evidence_graph *graph)
{
    size_t count = 0;
    memset(pair, 0, sizeof pair);
    for (size_t i = 0; i < evidence->link_count; i++) {
        uint32_t one = end_of(evidence, evidence->links[i].a);
        uint32_t other = end_of(evidence, evidence->links[i].b);
        uint32_t a = one < other ? one : other;
        uint32_t b = one < other ? other : one;
        if (a != b && pair[a][b] == 0) {
            pair[a][b] = pair[b][a] = household(evidence, a, b);
            count++;
        }
    }
    assert_int_equal(graph->link_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(graph->a[i] < graph->b[i]);
        assert_true(i == 0 || graph->a[i - 1] < graph->a[i] ||
                    (graph->a[i - 1] == graph->a[i] && graph->b[i - 1] < graph->b[i]));
        assert_int_equal(graph->weight[i],
                         pair[graph->nodes[graph->a[i]]][graph->nodes[graph->b[i]]]);
    }
    for (uint32_t v = 0; v < graph->node_count; v++) {
        assert_true(v == 0 || graph->nodes[v - 1] < graph->nodes[v]);
        assert_int_equal(graph->is_member[v], graph->nodes[v] < w.subjects);
    }
}

/* ---- the network ------------------------------------------------------------------------------
 */

static void add_payments(void)
{
    uint32_t partners[NODES_MAX] = {0};
    for (uint32_t a = 0; a < w.subjects; a++) {
        for (uint32_t b = 0; b < w.subjects; b++) {
            partners[a] += a != b && (w.uses[PAYS][a][b] || w.uses[PAYS][b][a]);
        }
    }
    for (uint32_t a = 0; a < w.subjects; a++) {
        for (uint32_t b = 0; b < w.subjects; b++) {
            uint32_t most = partners[a] > partners[b] ? partners[a] : partners[b];
            if (a != b && (w.uses[PAYS][a][b] || w.uses[PAYS][b][a])) {
                uint64_t ln_all = rsi_ln_q32(w.subjects);
                pair[a][b] += ((ln_all - rsi_ln_q32(most)) << 17) / ln_all;
            }
        }
    }
}

static void check_network(const rs_evidence *evidence, const rs_evidence_graph *collapsed)
{
    rs_network network;
    rs_error err = {0};
    small_ok(rs_network_build(w.small.graph, evidence, collapsed, NULL, NULL, &network, &err),
             &err);
    add_payments();
    for (uint32_t v = 0; v < w.subjects; v++) {
        if (evidence->entity[v] != v) {
            pair[v][evidence->entity[v]] += 1 << 20;
            pair[evidence->entity[v]][v] += 1 << 20;
        }
    }
    for (uint32_t v = 0; v < w.nodes; v++) {
        uint64_t at = network.first[v];
        for (uint32_t u = 0; u < w.nodes; u++) {
            if (pair[v][u] > 0) {
                assert_true(at < network.first[v + 1]);
                assert_int_equal(network.adjacency.to[at], u);
                assert_int_equal(network.adjacency.weight[at++],
                                 pair[v][u] < (1 << 26) ? pair[v][u] : 1 << 26);
            }
        }
        assert_int_equal(at, network.first[v + 1]);
    }
    assert_int_equal(network.adjacency.node_count, w.nodes);
    rs_network_free(&network);
}

static void check_things(rsi_random *random)
{
    int64_t risk[NODES_MAX];
    int64_t before[NODES_MAX];
    rs_error err = {0};
    for (uint32_t v = 0; v < w.nodes; v++) {
        risk[v] = rsi_random_chance(random, 500)
                      ? (int64_t)rsi_random_below(random, UINT32_MAX) * 2 - UINT32_MAX
                      : 0;
        before[v] = risk[v];
    }
    small_ok(rs_network_things(w.small.graph, 0.5, NULL, risk, &err), &err);
    assert_memory_equal(risk, before, w.subjects * sizeof *risk);
    for (uint32_t thing = w.subjects; thing < w.nodes; thing++) {
        long double sum = 0;
        long double uses = 0;
        for (size_t i = 0; i < rows.count; i++) {
            if (w.at[i].dst == thing) {
                long double part = (long double)before[w.at[i].src] / RS_RISK_ONE;
                sum += part < 0 ? 0 : part > 1 ? 1 : part;
                uses++;
            }
        }
        long double share = sum / (uses + 1) * 0.5L * RS_RISK_ONE;
        long double most = share > before[thing] ? share : before[thing];
        long double gap = (long double)risk[thing] - most;
        assert_true(gap > -3 && gap < 3);
    }
}

static void says_what_the_definitions_say(void **state)
{
    size_t links = 0;
    size_t kinds[3] = {0};
    size_t persons = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= WORLDS; seed++) {
        rs_evidence evidence;
        rs_evidence_graph graph;
        rs_error err = {0};
        rs_work work = {.threads = (unsigned)(seed % 3 + 1)};
        rsi_random random;
        make_world(seed);
        rsi_random_seed(&random, seed, 8);
        small_ok(rs_evidence_find(w.small.graph, &w.options, &work, &evidence, &err), &err);
        small_ok(rs_evidence_collapse(w.small.graph, &evidence, &graph, &err), &err);
        check_links(&evidence);
        check_entities(&evidence);
        check_collapsed(&evidence, &graph);
        check_network(&evidence, &graph);
        check_things(&random);
        links += evidence.link_count;
        for (size_t i = 0; i < evidence.link_count; i++) {
            kinds[evidence.links[i].kind]++;
        }
        for (uint32_t v = 0; v < w.subjects; v++) {
            persons += evidence.entity[v] != v;
        }
        rs_evidence_graph_free(&graph);
        rs_evidence_free(&evidence);
        small_close(&w.small);
    }
    print_message("%zu links (%zu, %zu, %zu), %zu accounts of a person that has others\n", links,
                  kinds[0], kinds[1], kinds[2], persons);
    assert_true(kinds[0] > 1000 && kinds[1] > 300 && kinds[2] > 20 && persons > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_the_definitions_say),
    };
    return cmocka_run_group_tests_name("evidence", tests, NULL, NULL);
}
