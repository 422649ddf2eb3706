/* test_bursts.c - bursts and fans: planted ones are found, each innocent look-alike is not, and
 * what lies at the edge of a window or makes no sense says nothing.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc */
#include "payments.h"

#include "failing.h"

/* ---- bursts -------------------------------------------------------------------------------------
 */

/* r0 pays r1 so many times, `wait` apart. */
static void hammer(int count, int64_t wait)
{
    for (int i = 0; i < count; i++) {
        pay('r', 0, 'r', 1, 11 * DAY + i * wait, 4000 + 300 * i);
    }
}

static void finds_who_pays_one_again_and_again(void **state)
{
    (void)state;
    begin();
    hammer(5, 40 * 60);
    uint64_t five = weigh("burst", "r");
    assert_true(five > RS_WEIGHT_HALF);
    assert_int_equal(weigh("burst", NULL), five);
    begin();
    hammer(5, 0); /* at one second */
    assert_true(weigh("burst", "r") >= five);
    begin();
    hammer(2, 60); /* twice is once again */
    assert_int_equal(weigh("burst", NULL), 0);
}

static void ends_at_its_window(void **state)
{
    (void)state;
    const int64_t window = defaults.pass_window_s;
    for (int over = 0; over < 2; over++) {
        begin_over(3000);
        hammer(2, window - 1 + over); /* a time lasts a second */
        pay('r', 0, 'r', 1, 11 * DAY + HOUR, 5000);
        assert_int_equal(weigh("burst", "r") == 0, over);
    }
}

/* Where the days begin is of no account. */
static void is_the_same_in_all_time_zones(void **state)
{
    (void)state;
    begin();
    hammer(4, HOUR);
    uint64_t here = weigh("burst", NULL);
    for (size_t i = 0; i < rows.count; i++) {
        rows.rows[i].time -= 9 * HOUR;
    }
    assert_int_equal(weigh("burst", NULL), here);
}

static void feeds_on_nothing_coarser_than_its_window(void **state)
{
    (void)state;
    for (int coarse = 0; coarse < 2; coarse++) {
        begin_over(3000);
        size_t first = rows.count;
        hammer(6, 0);
        for (size_t i = first; i < rows.count; i++) {
            rows.rows[i].precision_s = defaults.pass_window_s + (uint32_t)coarse;
        }
        assert_int_equal(weigh("burst", "r") == 0, coarse);
    }
}

/* A coffee every morning, and five friends who pay each other all the time. */
static void leaves_habits_alone(void **state)
{
    (void)state;
    begin();
    for (int day = 0; day < 30; day++) {
        pay('r', 0, 's', 1, day * DAY + 8 * HOUR, 350);
        for (int i = 0; i < 4; i++) {
            pay('f', i, 'f', (i + 1 + day % 4) % 5, day * DAY + (day * 5 + i * 7) % 24 * HOUR, 900);
        }
    }
    assert_int_equal(weigh("burst", NULL), 0);
}

/* Everybody buys three rounds in an evening, each an evening of its own. */
static void leaves_what_many_do_alone(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 80; i++) {
        for (int round = 0; round < 3; round++) {
            pay('b', i, 's', 1, i % 29 * DAY + (20 + round) * HOUR, 1200);
        }
    }
    assert_int_equal(weigh("burst", NULL), 0);
}

/* r0 is busy for a day: what it pays to one then is no more than its share. */
static void leaves_a_busy_day_alone(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 40; i++) {
        pay('r', 0, i % 8 == 0 ? 'r' : 't', i % 8 == 0 ? 1 : i, 9 * DAY + i * 900, 700 + 13 * i);
    }
    assert_int_equal(weigh("burst", "r"), 0);
}

/* A marketplace pays its sellers whenever something was sold. */
static void leaves_a_marketplace_alone(void **state)
{
    (void)state;
    rsi_random random;
    rsi_random_seed(&random, 3, 1);
    begin();
    for (int i = 0; i < 2500; i++) {
        int64_t time = (int64_t)rsi_random_below(&random, 30 * DAY);
        pay('m', 0, 'v', (int)rsi_random_below(&random, 40), time, 2000 + i);
    }
    assert_int_equal(weigh("burst", NULL), 0);
}

static void makes_nothing_of_payments_of_nothing(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 6; i++) {
        pay('r', 0, 'r', 1, 11 * DAY + i * HOUR, 0);
        pay('r', 2, 'r', 3, 11 * DAY + i * HOUR, -500); /* a refund */
        pay('r', 4, 'r', 4, 11 * DAY + i * HOUR, 500);  /* to itself */
    }
    assert_int_equal(weigh("burst", "r"), 0);
    assert_int_equal(weigh("fan_in", "r"), 0);
}

/* ---- fans ---------------------------------------------------------------------------------------
 */

/* r1 .. r(count) pay r0 and nobody else. */
static void bring_together(int count)
{
    for (int i = 1; i <= count; i++) {
        pay('r', i, 'r', 0, i * 2 * DAY, 20000 + 700 * i);
    }
}

static void finds_who_pay_one_and_nobody_else(void **state)
{
    (void)state;
    begin();
    bring_together(8);
    uint64_t eight = weigh("fan_in", "r");
    assert_true(eight > RS_WEIGHT_HALF);
    assert_int_equal(weigh("fan_in", NULL), eight);
    begin();
    bring_together(1);
    assert_int_equal(weigh("fan_in", "r"), 0);
}

/* What is paid to oneself, or back, or not at all is no payment to another one. */
static void counts_no_payments_of_nothing_to_others(void **state)
{
    (void)state;
    begin();
    bring_together(8);
    uint64_t eight = weigh("fan_in", "r");
    for (int i = 1; i <= 8; i++) {
        pay('r', i, 'r', i, i * DAY, 500);
        pay('r', i, 's', i, i * DAY, 0);
        pay('r', i, 's', i, i * DAY, -500);
    }
    assert_int_equal(weigh("fan_in", "r"), eight);
    for (int i = 1; i <= 8; i++) {
        pay('r', i, 's', i, i * DAY, 500);
    }
    assert_int_equal(weigh("fan_in", "r"), 0);
}

/* A landlord, a charity, a shop: who pays them pays others. And an employer is not paid. */
static void leaves_whom_everybody_pays_alone(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 30; i++) {
        pay('t', i, 'l', 0, (1 + i % 3) * DAY, 80000);
        pay('t', i, 's', i % 20, (4 + i % 9) * DAY, 1700);
        pay('e', 0, 'w', i, 25 * DAY + i, 192000);
    }
    assert_int_equal(weigh("fan_in", NULL), 0);
}

/* Four hundred came for one sale and never again. */
static void leaves_a_crowd_alone(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 400; i++) {
        pay('c', i, 's', 99, 12 * DAY + i * 2, 2000);
    }
    assert_int_equal(weigh("fan_in", NULL), 0);
}

/* Where all are new, or pay one club alone, to pay one alone is usual. */
static void leaves_what_many_do_to_them(void **state)
{
    (void)state;
    rows.count = 0;
    for (int i = 0; i < 1000; i++) {
        pay('n', i, 'k', i / 10, i % 28 * DAY, 1500);
    }
    assert_int_equal(weigh("fan_in", NULL), 0);
}

/* ---- both ---------------------------------------------------------------------------------------
 */

static void looks_at_nothing_without_times(void **state)
{
    (void)state;
    begin();
    hammer(6, 60);
    bring_together(8);
    for (size_t i = 0; i < rows.count; i++) {
        rows.rows[i].timed = false;
    }
    assert_int_equal(weigh("burst", NULL), 0);
    assert_int_equal(weigh("fan_in", NULL), 0);
}

static void survives_every_failed_allocation(void **state)
{
    (void)state;
    small_store small;
    begin();
    rows.count = 500;
    hammer(6, 60);
    bring_together(8);
    small_open(&small, &rows, 100);
    assert_true(failing_each(small_find_links, &small) > 20);
    small_close(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_who_pays_one_again_and_again),
        cmocka_unit_test(ends_at_its_window),
        cmocka_unit_test(is_the_same_in_all_time_zones),
        cmocka_unit_test(feeds_on_nothing_coarser_than_its_window),
        cmocka_unit_test(leaves_habits_alone),
        cmocka_unit_test(leaves_what_many_do_alone),
        cmocka_unit_test(leaves_a_busy_day_alone),
        cmocka_unit_test(leaves_a_marketplace_alone),
        cmocka_unit_test(makes_nothing_of_payments_of_nothing),
        cmocka_unit_test(finds_who_pay_one_and_nobody_else),
        cmocka_unit_test(counts_no_payments_of_nothing_to_others),
        cmocka_unit_test(leaves_whom_everybody_pays_alone),
        cmocka_unit_test(leaves_a_crowd_alone),
        cmocka_unit_test(leaves_what_many_do_to_them),
        cmocka_unit_test(looks_at_nothing_without_times),
        cmocka_unit_test(survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
