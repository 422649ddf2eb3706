/* test_fact_rows.c - the rows behind a fact: those that are the coincidence, up to the as-of time,
 * and no other dealings of the same people.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "../evidence/small_store.h"

#include "graph/wide.h"
#include "score/fact_rows.h"

static small_rows rows;
static small_store small;

static void pay(const char *from, const char *to, int64_t time, int64_t amount)
{
    small_add_at(&rows, PAYS, from, to, time)->amount = amount;
}

static int ascending(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static uint16_t pays(void)
{
    size_t relation = 0;
    while (strcmp(rs_store_relation(small.store, relation).name, "pays") != 0) {
        relation++;
    }
    return (uint16_t)relation;
}

/* Users by a list of letters: a0, b0, ...; returns how many. */
static size_t name_users(const char *letters, uint32_t *users)
{
    size_t count = 0;
    for (; letters[count] != '\0'; count++) {
        char id[3] = {letters[count], '0', '\0'};
        users[count] = small_account(&small, id);
    }
    qsort(users, count, sizeof *users, ascending);
    return count;
}

/* The fact of these users about the node `thing`. */
static rs_fact ask_of(const rs_graph *graph, rsi_fact_rule rule, const char *letters,
                      uint32_t thing)
{
    rs_error err = {0};
    uint32_t users[16];
    rs_score_input input = {.graph = graph, .window_s = 900, .pass_window_s = 3600};
    rs_fact fact = {.thing = thing, .relation = pays(), .event_count = 99};
    fact.user_count = (uint32_t)name_users(letters, users);
    uint8_t known = (uint8_t)(1 + rule);
    rsi_fact_list list = {.facts = &fact, .count = 1, .rules = &known, .users = users};
    small_ok(rsi_facts_time(&input, &list, NULL, &err), &err);
    return fact;
}

/* The fact of these users about the account `thing`. */
static rs_fact ask(const rs_graph *graph, rsi_fact_rule rule, const char *letters,
                   const char *thing)
{
    return ask_of(graph, rule, letters, small_account(&small, thing));
}

static void begin(void)
{
    rows.count = 0;
    pay("a0", "s0", 1000, 150); /* lockstep: a and b at the shop s */
    pay("b0", "s0", 1060, 250);
    pay("b0", "s0", 9000, 350); /* alone */
    pay("b0", "s0", 9100, 350);
    pay("a0", "t0", 900, 1);     /* another shop */
    pay("e0", "s0", 800, 1);     /* another customer */
    pay("s0", "a0", 1030, 5);    /* a payment back */
    pay("c0", "m0", 2000, 7000); /* relay: from c through m and n to x */
    pay("c0", "n0", 2100, 8000);
    pay("c0", "n0", 2150, 800); /* kept */
    pay("m0", "x0", 3000, 6900);
    pay("n0", "x0", 3100, 7900);
    pay("n0", "m0", 3150, 7200);                    /* not to the exit */
    pay("n0", "x0", 9100, 7900);                    /* too late */
    pay("n0", "n0", 3200, 5);                       /* to itself */
    pay("m0", "c0", 3300, 6800);                    /* back */
    small_add(&rows, PAYS, "m0", "x0")->amount = 1; /* at no time */
    pay("u0", "v0", 5000, 100);                     /* a cycle of three */
    pay("v0", "w0", 5100, 95);
    pay("w0", "u0", 5200, 90);
    pay("w0", "u0", 5300, 50);
    small_add_at(&rows, PAYS, "g0", "h0", 4000); /* without an amount */
    small_open(&small, &rows, 20);
}

static void check(rs_fact fact, uint64_t events, int64_t first, int64_t last, int64_t amount)
{
    assert_int_equal(fact.event_count, events);
    assert_int_equal(fact.in_time, events > 0);
    assert_int_equal(fact.first, first);
    assert_int_equal(fact.last, last);
    assert_int_equal(rsi_wide_clamp(fact.amount), amount);
}

static void counts_acts_that_fall_together(void **state)
{
    (void)state;
    begin();
    check(ask(small.graph, RSI_FACT_LOCKSTEP, "ab", "s0"), 2, 1000, 1060, 400);
    check(ask(small.graph, RSI_FACT_LOCKSTEP, "abe", "s0"), 3, 800, 1060, 401);
    check(ask(small.graph, RSI_FACT_LOCKSTEP, "b", "s0"), 0, RS_NO_TIME, RS_NO_TIME, RS_NO_AMOUNT);
    check(ask(small.graph, RSI_FACT_ACTS, "ab", "s0"), 4, 1000, 9100, 1100);
    small_close(&small);
}

/* What went to the exit is the amount: in and out are the same money. */
static void counts_what_is_passed_on_to_the_exit(void **state)
{
    (void)state;
    begin();
    check(ask(small.graph, RSI_FACT_RELAY, "cmnx", "x0"), 4, 2000, 3100, 14800);
    check(ask(small.graph, RSI_FACT_RELAY, "cmx", "x0"), 2, 2000, 3000, 6900);
    small_close(&small);
}

static void counts_what_goes_round(void **state)
{
    (void)state;
    begin();
    check(ask(small.graph, RSI_FACT_CYCLE, "uvw", "u0"), 3, 5000, 5200, 90);
    small_close(&small);
}

/* Another type may have a node of the same number. */
static void takes_no_account_for_a_device(void **state)
{
    (void)state;
    begin();
    small_close(&small);
    for (int i = 0; i < 100; i++) {
        char id[12];
        snprintf(id, sizeof id, "d%d", i);
        small_add(&rows, USES_DEVICE, "a0", id);
    }
    small_open(&small, &rows, 20);
    uint32_t number = rs_graph_dense(small.graph, small_account(&small, "u0"));
    uint32_t device = RS_NO_NODE;
    for (uint32_t v = 0; v < rs_graph_node_count(small.graph); v++) {
        bool same = rs_graph_dense(small.graph, v) == number;
        bool other = strcmp(rs_graph_range_of(small.graph, v).type, "device") == 0;
        device = same && other ? v : device;
    }
    assert_true(device != RS_NO_NODE);
    check(ask_of(small.graph, RSI_FACT_CYCLE, "uvw", device), 3, 5000, 5200, RS_NO_AMOUNT);
    small_close(&small);
}

static void counts_all_dealings_where_it_knows_no_better(void **state)
{
    (void)state;
    begin();
    check(ask(small.graph, RSI_FACT_DEALINGS, "as", "s0"), 2, 1000, 1030, 155);
    check(ask(small.graph, RSI_FACT_DEALINGS, "gh", "g0"), 1, 4000, 4000, RS_NO_AMOUNT);
    check(ask(small.graph, RSI_FACT_DEALINGS, "ax", "c0"), 0, RS_NO_TIME, RS_NO_TIME, RS_NO_AMOUNT);
    small_close(&small);
}

static void looks_at_nothing_later_than_its_end(void **state)
{
    rs_graph *graph = NULL;
    rs_error err = {0};
    rs_graph_options options = {.as_of = 5000};
    (void)state;
    begin();
    small_ok(rs_graph_open(&graph, small.store, &options, NULL, &err), &err);
    rs_graph *latest = small.graph;
    small.graph = graph; /* whose numbers the users are */
    check(ask(graph, RSI_FACT_ACTS, "ab", "s0"), 2, 1000, 1060, 400);
    small.graph = latest;
    rs_graph_close(graph);
    small_close(&small);
}

/* Facts of the same people and of others, and one that is not to be looked up. */
static void looks_up_many_at_once_as_one_by_one(void **state)
{
    static const struct {
        rsi_fact_rule rule;
        const char *letters, *thing;
    } asked[] = {{RSI_FACT_LOCKSTEP, "abe", "s0"}, {RSI_FACT_RELAY, "cmnx", "x0"},
                 {RSI_FACT_ACTS, "ab", "s0"},      {RSI_FACT_CYCLE, "uvw", "u0"},
                 {RSI_FACT_DEALINGS, "as", "s0"},  {RSI_FACT_DEALINGS, "ax", "c0"}};
    enum { COUNT = sizeof asked / sizeof asked[0] };
    rs_error err = {0};
    rs_fact facts[COUNT + 1] = {[COUNT] = {.thing = RS_NO_NODE, .event_count = 77}};
    uint8_t rules[COUNT + 1] = {0};
    uint32_t users[COUNT * 16];
    size_t used = 0;
    (void)state;
    begin();
    for (size_t i = 0; i < COUNT; i++) {
        facts[i] = (rs_fact){
            .thing = small_account(&small, asked[i].thing), .relation = pays(), .user_first = used};
        rules[i] = (uint8_t)(1 + asked[i].rule);
        used += name_users(asked[i].letters, users + used);
        facts[i].user_count = (uint32_t)(used - facts[i].user_first);
    }
    rs_work two = {.threads = 2};
    rs_score_input input = {.graph = small.graph, .window_s = 900, .pass_window_s = 3600};
    rsi_fact_list list = {.facts = facts, .count = COUNT + 1, .rules = rules, .users = users};
    small_ok(rsi_facts_time(&input, &list, &two, &err), &err);
    for (size_t i = 0; i < COUNT; i++) {
        rs_fact one = ask(small.graph, asked[i].rule, asked[i].letters, asked[i].thing);
        check(facts[i], one.event_count, one.first, one.last, rsi_wide_clamp(one.amount));
    }
    assert_int_equal(facts[COUNT].event_count, 77);
    small_close(&small);
}

/* Acts together of a relation that does not say when. */
static void counts_rows_without_times_where_none_has_any(void **state)
{
    (void)state;
    rows.count = 0;
    small_add(&rows, PAYS, "a0", "s0")->amount = 3;
    small_add(&rows, PAYS, "b0", "s0")->amount = 4;
    small_open(&small, &rows, 20);
    check(ask(small.graph, RSI_FACT_ACTS, "ab", "s0"), 2, RS_NO_TIME, RS_NO_TIME, 7);
    small_close(&small);
}

/* Four acts of 2^62 and more: their sum needs more than 64 bits. */
static void adds_up_beyond_64_bits(void **state)
{
    (void)state;
    rows.count = 0;
    for (int i = 0; i < 4; i++) {
        pay(i % 2 == 0 ? "a0" : "b0", "s0", 1000 + i, (INT64_C(1) << 62) + i);
    }
    small_open(&small, &rows, 20);
    rs_fact fact = ask(small.graph, RSI_FACT_LOCKSTEP, "ab", "s0");
    assert_int_equal(fact.amount.high, 1);
    assert_int_equal(fact.amount.low, 6);
    small_close(&small);
}

static void knows_the_rule_of_a_kind(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        rsi_fact_rule rule;
    } kinds[] = {{"shared_device", RSI_FACT_USES},
                 {"identity_document", RSI_FACT_USES},
                 {"same_time_address", RSI_FACT_TOGETHER},
                 {"known_things", RSI_FACT_USES},
                 {"lockstep", RSI_FACT_LOCKSTEP},
                 {"relay", RSI_FACT_RELAY},
                 {"cycle", RSI_FACT_CYCLE},
                 {"co_action", RSI_FACT_ACTS},
                 {"something_else", RSI_FACT_DEALINGS}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        rs_text kind = {kinds[i].kind, strlen(kinds[i].kind)};
        assert_int_equal(rsi_fact_rule_of(kind), kinds[i].rule);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_acts_that_fall_together),
        cmocka_unit_test(counts_what_is_passed_on_to_the_exit),
        cmocka_unit_test(counts_what_goes_round),
        cmocka_unit_test(takes_no_account_for_a_device),
        cmocka_unit_test(counts_all_dealings_where_it_knows_no_better),
        cmocka_unit_test(looks_at_nothing_later_than_its_end),
        cmocka_unit_test(looks_up_many_at_once_as_one_by_one),
        cmocka_unit_test(counts_rows_without_times_where_none_has_any),
        cmocka_unit_test(adds_up_beyond_64_bits),
        cmocka_unit_test(knows_the_rule_of_a_kind),
    };
    return cmocka_run_group_tests_name("rows behind facts", tests, NULL, NULL);
}
