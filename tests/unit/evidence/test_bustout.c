/* test_bustout.c - bust-outs: sharers who do more than ever at the same time, later on, are tied;
 * who only shares, only bursts, bursts alone, before, with everybody or on the first day is not.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc */
#include "payments.h"

#include "failing.h"

enum { MEMBERS = 6, SHARED_ON = 5 * DAY, OUT_ON = 21 * DAY };

static void use(char who, int i, const char *card, int64_t time)
{
    char id[12];
    snprintf(id, sizeof id, "%c%d", who, i);
    small_add_at(&rows, HAS_CARD, id, card, time);
}

static void use_both(char who, int i, int k, int64_t time)
{
    char card[12];
    snprintf(card, sizeof card, "%c%d-%d", who, i, k);
    use(who, i, card, time);
    use(who, k, card, time);
}

/* Five hundred strangers pay five times each; every other one shares a card with the next. */
static void begin_families(void)
{
    rsi_random random;
    rsi_random_seed(&random, 9, 1);
    rows.count = 0;
    for (int i = 0; i < 2500; i++) {
        int64_t time = (int64_t)rsi_random_below(&random, 30 * DAY);
        pay('p', i % 500, 's', (int)rsi_random_below(&random, 60), time,
            rsi_random_between(&random, 100, 9000));
    }
    for (int i = 0; i < 500; i += 2) {
        use_both('p', i, i + 1, rsi_random_below(&random, 30) * DAY);
    }
}

static void quiet(int count)
{
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < 4; k++) {
            pay('r', i, 's', 7 * i + k, (1 + 4 * k + i % 3) * DAY, 700 + 90 * k + i);
        }
    }
}

static void share(int count)
{
    for (int i = 0; i + 1 < count; i++) {
        use_both('r', i, i + 1, SHARED_ON);
    }
}

/* Member i does all within two hours. */
static void spend(int i, int64_t time)
{
    for (int k = 0; k < 5; k++) {
        pay('r', i, 's', 11 * i + 5 * k, time + k * HOUR / 2, 50000 + 700 * k + i);
    }
}

static void bust_out(void)
{
    begin_families();
    quiet(MEMBERS);
    share(MEMBERS);
    for (int i = 0; i < MEMBERS; i++) {
        spend(i, OUT_ON + i * HOUR);
    }
}

static uint64_t found(void)
{
    return weigh("bust_out", "r");
}

static void finds_sharers_who_burst_together(void **state)
{
    (void)state;
    bust_out();
    assert_true(found() > (MEMBERS - 1) * (UINT64_C(1) << 18)); /* a quarter each */
    assert_int_equal(weigh("bust_out", NULL), found());
}

static void finds_acts_without_amounts(void **state)
{
    (void)state;
    bust_out();
    for (size_t i = 0; i < rows.count; i++) {
        rows.rows[i].amount = 0;
    }
    assert_true(found() > 0);
    assert_int_equal(weigh("bust_out", NULL), found());
}

static void takes_equal_times_as_they_are(void **state)
{
    (void)state;
    begin_families();
    quiet(2);
    share(2);
    for (int k = 0; k < 10; k++) {
        pay('r', k % 2, 's', k, OUT_ON, 50000 + k);
    }
    assert_true(found() > 0);
}

static void is_the_same_in_all_time_zones(void **state)
{
    (void)state;
    bust_out();
    uint64_t here = found();
    for (size_t i = 0; i < rows.count; i++) {
        rows.rows[i].time -= 9 * HOUR;
    }
    assert_int_equal(found(), here);
}

static void ends_at_its_window(void **state)
{
    (void)state;
    const int64_t window = defaults.pass_window_s;
    for (int over = 0; over < 2; over++) { /* from one's surge to the other's */
        begin_families();
        quiet(2);
        share(2);
        spend(0, OUT_ON);
        spend(1, OUT_ON + window + over);
        assert_int_equal(found() == 0, over);
    }
    for (int over = 0; over < 2; over++) { /* within a surge; a time lasts a second */
        begin_families();
        quiet(2);
        share(2);
        for (int i = 0; i < 2; i++) {
            for (int k = 0; k < 7; k++) {
                pay('r', i, 's', k, OUT_ON + k * HOUR, 50000 - k);
            }
            pay('r', i, 's', 9, OUT_ON + window - 1 + over, 60000);
        }
        assert_int_equal(found() == 0, over);
    }
}

static void asks_what_came_first(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        begin_families();
        quiet(2);
        spend(0, OUT_ON);
        spend(1, OUT_ON + HOUR);
        use_both('r', 0, 1, OUT_ON + late);
        assert_int_equal(found() == 0, late);
    }
}

static void leaves_alone_who_bursts_alone(void **state)
{
    (void)state;
    begin_families();
    quiet(MEMBERS);
    share(MEMBERS);
    for (int i = 0; i < MEMBERS; i++) {
        spend(i, (7 + 4 * i) * DAY); /* each in a week of its own */
    }
    assert_int_equal(found(), 0);
    begin_families();
    quiet(MEMBERS);
    for (int i = 0; i < MEMBERS; i++) {
        spend(i, OUT_ON); /* together, and share nothing */
    }
    assert_int_equal(weigh("bust_out", NULL), 0);
}

/* Before a holiday everybody spends. */
static void leaves_what_everybody_does_alone(void **state)
{
    (void)state;
    bust_out();
    for (int i = 0; i < 160; i++) {
        for (int k = 0; k < 5; k++) {
            pay('p', i, 's', k, OUT_ON + i % 20 * HOUR + k * HOUR / 2, 60000 + 100 * k + i);
        }
    }
    assert_int_equal(weigh("bust_out", NULL), 0);
}

/* A family's first day: nothing was before, so all they do is done on it. */
static void leaves_newcomers_alone(void **state)
{
    (void)state;
    begin_families();
    for (int i = 0; i < 2; i++) {
        spend(i, 27 * DAY);
        pay('r', i, 's', i, 29 * DAY, 700);
    }
    use_both('r', 0, 1, 27 * DAY);
    assert_int_equal(found(), 0);
}

/* Whoever pays the same every day has no largest payments. */
static void leaves_regular_payments_alone(void **state)
{
    (void)state;
    begin_families();
    share(2);
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 24; k++) {
            pay('r', i, 's', 1, SHARED_ON + k * DAY, 990);
        }
    }
    assert_int_equal(found(), 0);
}

static void asks_for_a_thing_that_few_share(void **state)
{
    (void)state;
    bust_out();
    for (size_t i = 0; i < rows.count; i++) {
        if (rows.rows[i].relation == HAS_CARD) {
            rows.rows[i].relation = IS_AT; /* a place is no thing */
        }
    }
    assert_int_equal(weigh("bust_out", NULL), 0);
    bust_out();
    for (size_t i = 0; i < rows.count; i++) {
        if (rows.rows[i].relation == HAS_CARD) {
            snprintf(rows.rows[i].dst, sizeof rows.rows[i].dst, "hub");
        }
    }
    assert_int_equal(weigh("bust_out", NULL), 0);
}

static void looks_at_nothing_without_times(void **state)
{
    (void)state;
    for (int coarse = 0; coarse < 2; coarse++) {
        bust_out();
        for (size_t i = 0; i < rows.count; i++) {
            rows.rows[i].timed = coarse == 1 || rows.rows[i].relation == PAYS;
            rows.rows[i].precision_s = coarse == 1 ? defaults.pass_window_s + 1 : 1;
        }
        assert_int_equal(weigh("bust_out", NULL), 0);
    }
}

static void survives_every_failed_allocation(void **state)
{
    (void)state;
    small_store small;
    bust_out();
    small_open(&small, &rows, 100);
    assert_true(failing_each(small_find_links, &small) > 20);
    small_close(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_sharers_who_burst_together),
        cmocka_unit_test(finds_acts_without_amounts),
        cmocka_unit_test(takes_equal_times_as_they_are),
        cmocka_unit_test(is_the_same_in_all_time_zones),
        cmocka_unit_test(ends_at_its_window),
        cmocka_unit_test(asks_what_came_first),
        cmocka_unit_test(leaves_alone_who_bursts_alone),
        cmocka_unit_test(leaves_what_everybody_does_alone),
        cmocka_unit_test(leaves_newcomers_alone),
        cmocka_unit_test(leaves_regular_payments_alone),
        cmocka_unit_test(asks_for_a_thing_that_few_share),
        cmocka_unit_test(looks_at_nothing_without_times),
        cmocka_unit_test(survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
