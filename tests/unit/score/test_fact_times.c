/* test_fact_times.c - the rows behind a fact in time: those from one of its users to another one or
 * to its thing, up to the as-of time, and no other.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "../evidence/small_store.h"

#include "score/fact_times.h"

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

/* The fact of these users (a list of letters: a0, b0, ...) about the account `thing`. */
static rs_fact ask(const rs_graph *graph, const char *letters, const char *thing)
{
    rs_error err = {0};
    uint32_t users[16];
    rs_fact fact = {.thing = small_account(&small, thing), .relation = pays(), .event_count = 99};
    for (; letters[fact.user_count] != '\0'; fact.user_count++) {
        char id[3] = {letters[fact.user_count], '0', '\0'};
        users[fact.user_count] = small_account(&small, id);
    }
    qsort(users, fact.user_count, sizeof *users, ascending);
    small_ok(rsi_fact_time(graph, &fact, users, &err), &err);
    return fact;
}

static void begin(void)
{
    rows.count = 0;
    pay("a0", "s0", 1000, 150); /* lockstep: a and b at the shop s */
    pay("b0", "s0", 1060, 250);
    pay("b0", "s0", 9000, 350);
    pay("a0", "t0", 900, 1);     /* another shop */
    pay("e0", "s0", 800, 1);     /* another customer */
    pay("c0", "m0", 2000, 7000); /* relay: from c through m and n to x */
    pay("c0", "n0", 2100, 8000);
    pay("m0", "x0", 3000, 6900);
    pay("n0", "x0", 3100, 7900);
    pay("n0", "n0", 3200, 5);                       /* to itself */
    small_add(&rows, PAYS, "m0", "x0")->amount = 1; /* at no time */
    small_add_at(&rows, PAYS, "g0", "h0", 4000);    /* without an amount */
    small_open(&small, &rows, 20);
}

static void check(rs_fact fact, uint64_t events, int64_t first, int64_t last, int64_t amount)
{
    assert_int_equal(fact.event_count, events);
    assert_true(fact.in_time);
    assert_int_equal(fact.first, first);
    assert_int_equal(fact.last, last);
    assert_int_equal(fact.amount, amount);
}

static void counts_acts_on_a_target(void **state)
{
    (void)state;
    begin();
    check(ask(small.graph, "ab", "s0"), 3, 1000, 9000, 750);
    small_close(&small);
}

static void counts_payments_among_the_users(void **state)
{
    (void)state;
    begin();
    check(ask(small.graph, "cmnx", "x0"), 4, 2000, 3100, 29800);
    small_close(&small);
}

static void tells_no_sum_where_there_are_no_amounts(void **state)
{
    (void)state;
    begin();
    check(ask(small.graph, "gh", "g0"), 1, 4000, 4000, RS_NO_AMOUNT);
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
    check(ask(graph, "ab", "s0"), 2, 1000, 1060, 400);
    small.graph = latest;
    rs_graph_close(graph);
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
    check(ask(small.graph, "ab", "s0"), 2, RS_NO_TIME, RS_NO_TIME, 7);
    small_close(&small);
}

static void says_so_where_nothing_happened(void **state)
{
    (void)state;
    begin();
    rs_fact fact = ask(small.graph, "ax", "c0");
    assert_int_equal(fact.event_count, 0);
    assert_false(fact.in_time);
    small_close(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_acts_on_a_target),
        cmocka_unit_test(counts_payments_among_the_users),
        cmocka_unit_test(tells_no_sum_where_there_are_no_amounts),
        cmocka_unit_test(looks_at_nothing_later_than_its_end),
        cmocka_unit_test(counts_rows_without_times_where_none_has_any),
        cmocka_unit_test(says_so_where_nothing_happened),
    };
    return cmocka_run_group_tests_name("facts in time", tests, NULL, NULL);
}
