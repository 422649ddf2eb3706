/* test_in_time.c - lockstep, relays and cycles: planted ones are found, each innocent look-alike is
 * not, and what lies at the edge of a window or makes no sense says nothing.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc */
#include "payments.h"

#include "failing.h"

/* ---- lockstep -----------------------------------------------------------------------------------
 */

/* The accounts r0 .. r(count-1) act on `targets` shops, `wait` apart. */
static void march(int count, int targets, int64_t wait)
{
    for (int t = 0; t < targets; t++) {
        for (int i = 0; i < count; i++) {
            pay('r', i, 's', t, 100000 + (int64_t)t * 3 * DAY + i * wait, 1500 + i);
        }
    }
}

static void finds_those_who_march_in_step(void **state)
{
    (void)state;
    begin();
    march(6, 4, 60);
    uint64_t six = weigh("lockstep", "r");
    assert_true(six > 15 * RS_WEIGHT_HALF); /* 15 pairs */
    assert_int_equal(weigh("lockstep", NULL), six);
}

static void wants_two_targets(void **state)
{
    (void)state;
    begin();
    march(6, 1, 60);
    for (int day = 2; day < 20; day += 2) { /* the same counter every other morning */
        for (int i = 0; i < 6; i++) {
            pay('r', i, 's', 0, day * DAY + 8 * HOUR + i * 30, 350);
        }
    }
    assert_int_equal(weigh("lockstep", "r"), 0);
    begin();
    march(6, 2, 60);
    assert_true(weigh("lockstep", "r") > 0);
}

static void ends_at_its_window(void **state)
{
    (void)state;
    begin();
    march(2, 3, defaults.window_s);
    assert_true(weigh("lockstep", "r") > 0);
    begin();
    march(2, 3, (int64_t)defaults.window_s + 1);
    assert_int_equal(weigh("lockstep", "r"), 0);
    begin();
    march(4, 3, 0); /* all at one second */
    assert_true(weigh("lockstep", "r") > 0);
}

static void feeds_on_nothing_coarser_than_its_window(void **state)
{
    (void)state;
    for (int coarse = 0; coarse < 2; coarse++) {
        begin();
        size_t first = rows.count;
        march(5, 4, 60);
        for (size_t i = first; i < rows.count; i++) {
            rows.rows[i].precision_s = coarse ? defaults.window_s + 1 : defaults.window_s;
        }
        assert_int_equal(weigh("lockstep", "r") == 0, coarse);
    }
}

/* The third half of them comes to each of two sales: a crowd explains itself. */
static void leaves_a_crowd_alone(void **state)
{
    (void)state;
    begin();
    for (int sale = 0; sale < 2; sale++) {
        for (int i = 0; i < 150; i++) {
            pay('c', i, 's', sale, (5 + sale * 10) * DAY + i * 4, 2000);
        }
    }
    assert_int_equal(weigh("lockstep", "c"), 0);
}

static void leaves_payday_and_a_savings_circle_alone(void **state)
{
    (void)state;
    begin();
    for (int i = 1; i < 30; i++) { /* one payer, many paid within minutes */
        pay('e', 0, 'e', i, 25 * DAY + i * 10, 192000);
    }
    for (int turn = 0; turn < 6;
         turn++) { /* each pays the one whose turn it is, some time that day */
        for (int i = 0; i < 6; i++) {
            pay('v', i, 'v', turn, turn * 4 * DAY + (i * 7 + turn * 5) % 24 * HOUR, 10000);
        }
    }
    assert_int_equal(weigh("lockstep", "e"), 0);
    assert_int_equal(weigh("lockstep", "v"), 0);
}

static void says_nothing_where_somebody_always_comes(void **state)
{
    (void)state;
    rsi_random random;
    rsi_random_seed(&random, 11, 1);
    rows.count = 0;
    march(5, 2, 60);
    for (int i = 0; i < 3800; i++) { /* a visitor every four minutes, for five days, at each */
        pay('b', (int)rsi_random_below(&random, 300), 's', i % 2, (int64_t)i / 2 * 5 * DAY / 1900,
            300);
    }
    assert_int_equal(weigh("lockstep", NULL), 0);
}

/* ---- relays -------------------------------------------------------------------------------------
 */

/* c0 pays m0 .. m(count-1), each passes it on to x0 after `wait`, keeping 2 %. */
static void relay(int count, int64_t wait)
{
    for (int i = 0; i < count; i++) {
        int64_t amount = 130017 + 9973 * i;
        pay('c', 0, 'm', i, 5 * DAY + i * 600, amount);
        pay('m', i, 'x', 0, 5 * DAY + i * 600 + wait, amount * 98 / 100);
    }
}

static void finds_a_relay(void **state)
{
    (void)state;
    begin();
    relay(6, 5 * HOUR);
    uint64_t six = weigh("relay", "cmx");
    assert_true(six > 12 * RS_WEIGHT_HALF); /* 12 links */
    assert_int_equal(weigh("relay", NULL), six);
    begin();
    relay(1, 5 * HOUR);
    assert_int_equal(weigh("relay", "cmx"), 0); /* one account between: a club that pays its hall */
}

static void passes_on_within_its_window_and_later_than_it_got(void **state)
{
    (void)state;
    const int64_t window = defaults.pass_window_s;
    const struct {
        int64_t wait;
        bool found;
    } table[] = {{window, true}, {window + 1, false}, {1, true}, {0, false}, {-1, false}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        begin();
        relay(8, table[i].wait);
        assert_int_equal(weigh("relay", "cmx") > 0, table[i].found);
    }
}

static void leaves_wages_that_are_spent_alone(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 40; i++) { /* all shop at one place after payday, for other sums */
        pay('e', 0, 'w', i, 10 * DAY + i * 7, 192000);
        pay('w', i, 's', 1, 10 * DAY + 4 * HOUR + i * 3000, 1000 + i * 331);
        pay('w', i, 's', 2, 11 * DAY + i * 2000, 2000 + i * 97);
    }
    assert_int_equal(weigh("relay", "ews"), 0);
}

static void leaves_a_marketplace_alone(void **state)
{
    (void)state;
    rsi_random random;
    rsi_random_seed(&random, 9, 9);
    begin();
    for (int i = 0; i < 600; i++) { /* a buyer pays the platform, which pays its sellers next day */
        int64_t time = (int64_t)rsi_random_below(&random, 28 * DAY);
        int64_t amount = rsi_random_between(&random, 500, 20000);
        pay('b', i % 200, 'k', 0, time, amount);
        pay('k', 0, 'z', i % 8, time + 2 * HOUR, amount * 965 / 1000);
    }
    assert_int_equal(weigh("relay", "bkz"), 0);
    assert_int_equal(weigh("cycle", "bkz"), 0);
}

/* ---- cycles -------------------------------------------------------------------------------------
 */

/* r0 -> r1 -> ... -> r0, `hops` payments `wait` apart, each keeping so many per mille. */
static void go_round(int hops, int64_t wait, int64_t kept)
{
    int64_t amount = 731317;
    for (int i = 0; i < hops; i++) {
        pay('r', i, 'r', (i + 1) % hops, 8 * DAY + i * wait, amount);
        amount = amount * kept / 1000;
    }
}

static void finds_money_that_goes_round(void **state)
{
    (void)state;
    for (int hops = 2; hops <= 8; hops++) {
        begin();
        go_round(hops, 3 * HOUR, 985);
        assert_int_equal(weigh("cycle", "r") > 0, hops >= 3 && hops <= 6);
    }
    begin();
    go_round(4, 3 * HOUR, 985);
    assert_int_equal(weigh("cycle", NULL), weigh("cycle", "r"));
}

static void wants_order_in_time_and_nearly_the_whole(void **state)
{
    (void)state;
    const struct {
        int64_t wait, kept;
        bool found;
    } table[] = {{HOUR, 1000, true},     {HOUR, 900, true}, {HOUR, 890, false},
                 {HOUR, 1010, false},    {0, 985, false},   {-HOUR, 985, false},
                 {80 * HOUR, 985, false}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        begin();
        go_round(4, table[i].wait, table[i].kept);
        assert_int_equal(weigh("cycle", "r") > 0, table[i].found);
    }
}

static void leaves_a_savings_circle_alone(void **state)
{
    (void)state;
    begin();
    for (int turn = 0; turn < 14; turn++) { /* equal sums, for months, to whose turn it is */
        for (int i = 0; i < 7; i++) {
            if (i != turn % 7) {
                pay('v', i, 'v', turn % 7, turn * 2 * DAY + (i * 5 + turn * 3) % 24 * HOUR, 10000);
            }
        }
    }
    assert_true(weigh("cycle", "v") < RS_WEIGHT_HALF / 8);
    assert_true(weigh("relay", "v") < RS_WEIGHT_HALF / 8);
}

static void makes_nothing_of_payments_of_nothing(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 40; i++) {
        pay('o', i % 5, 'o', i % 5, i * HOUR, 5000);           /* to oneself */
        pay('o', i % 5, 'o', (i + 1) % 5, i * HOUR, 0);        /* nothing */
        pay('o', i % 5, 'o', (i + 1) % 5, i * HOUR + 9, -500); /* less */
    }
    assert_int_equal(weigh("cycle", "o"), 0);
    assert_int_equal(weigh("relay", "o"), 0);
}

static void looks_at_nothing_without_times(void **state)
{
    (void)state;
    begin();
    march(5, 4, 60);
    relay(6, HOUR);
    go_round(4, HOUR, 985);
    for (size_t i = 0; i < rows.count; i++) {
        rows.rows[i].timed = false;
    }
    assert_int_equal(weigh("lockstep", NULL) + weigh("relay", NULL) + weigh("cycle", NULL), 0);
}

/* ---- and all else -------------------------------------------------------------------------------
 */

/* A night with something of every kind. */
static void busy_night(void)
{
    begin();
    march(6, 4, 60);
    relay(5, HOUR);
    go_round(4, HOUR, 985);
    for (int i = 0; i < 5; i++) { /* a burst */
        pay('b', 0, 'b', 1, 11 * DAY + i * 40 * 60, 4000 + 300 * i);
    }
    for (int i = 1; i <= 8; i++) { /* who pay one and nobody else */
        pay('f', i, 'f', 0, i * 2 * DAY, 20000 + 700 * i);
    }
}

static void finds_the_same_where_events_lie_in_a_file(void **state)
{
    (void)state;
    rs_error err = {0};
    small_store small;
    rs_evidence whole;
    busy_night();
    small_open(&small, &rows, 1000); /* few, so that arrays by account leave room */
    small_ok(rs_evidence_find(small.graph, &defaults, NULL, &whole, &err), &err);
    bool found[16] = {false};
    for (size_t i = 0; i < whole.link_count; i++) {
        found[whole.links[i].kind] = true;
    }
    const char *in_file[] = {"lockstep", "relay", "cycle", "burst", "fan_in"};
    for (size_t k = 0; k < rs_evidence_kind_count(); k++) {
        for (size_t i = 0; i < sizeof in_file / sizeof in_file[0]; i++) {
            assert_true(found[k] || strcmp(rs_evidence_kind_name(k), in_file[i]) != 0);
        }
    }
    unsigned done = 0;
    for (uint64_t memory = rows.count * 64; memory > rows.count; memory -= memory / 32) {
        rs_evidence parts;
        rs_work work = {.threads = 2, .memory_bytes = memory - 1, .folder = small.path};
        rs_status status = rs_evidence_find(small.graph, &defaults, &work, &parts, &err);
        if (status == RS_EUSAGE) { /* no room for a list */
            break;
        }
        small_ok(status, &err);
        assert_int_equal(parts.link_count, whole.link_count);
        assert_memory_equal(parts.links, whole.links, whole.link_count * sizeof *whole.links);
        rs_evidence_free(&parts);
        done++;
    }
    assert_true(done > 3);
    rs_evidence_free(&whole);
    small_close(&small);
}

static void survives_every_failed_allocation(void **state)
{
    (void)state;
    small_store small;
    rows.count = 0;
    march(5, 3, 60);
    relay(4, HOUR);
    go_round(4, HOUR, 985);
    small_open(&small, &rows, 100);
    assert_true(failing_each(small_find_links, &small) > 20);
    small_close(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_those_who_march_in_step),
        cmocka_unit_test(wants_two_targets),
        cmocka_unit_test(ends_at_its_window),
        cmocka_unit_test(feeds_on_nothing_coarser_than_its_window),
        cmocka_unit_test(leaves_a_crowd_alone),
        cmocka_unit_test(leaves_payday_and_a_savings_circle_alone),
        cmocka_unit_test(says_nothing_where_somebody_always_comes),
        cmocka_unit_test(finds_a_relay),
        cmocka_unit_test(passes_on_within_its_window_and_later_than_it_got),
        cmocka_unit_test(leaves_wages_that_are_spent_alone),
        cmocka_unit_test(leaves_a_marketplace_alone),
        cmocka_unit_test(finds_money_that_goes_round),
        cmocka_unit_test(wants_order_in_time_and_nearly_the_whole),
        cmocka_unit_test(leaves_a_savings_circle_alone),
        cmocka_unit_test(makes_nothing_of_payments_of_nothing),
        cmocka_unit_test(looks_at_nothing_without_times),
        cmocka_unit_test(finds_the_same_where_events_lie_in_a_file),
        cmocka_unit_test(survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
