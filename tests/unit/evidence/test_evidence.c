/* test_evidence.c - small worlds whose links can be read off.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc */
#include "small_store.h"

#include <math.h>

#include "failing.h"
#include "ringscope/detect.h"
#include "ringscope/evidence.h"

static small_rows rows;
static const rs_evidence_options defaults = RS_EVIDENCE_DEFAULTS;

static void find(const small_store *small, const rs_evidence_options *options, rs_evidence *out)
{
    rs_error err = {0};
    small_ok(rs_evidence_find(small->graph, options, NULL, out, &err), &err);
}

static long double weight_by_formula(long double subjects, long double users, bool place)
{
    long double weight = logl(subjects / users) / logl(subjects);
    weight *= users > 8 ? 3 / log2l(users) : 1;
    return weight * (place ? 0.5L : 1.0L) * RS_WEIGHT_ONE;
}

static void weighs_by_the_formula(void **state)
{
    static const uint64_t subjects[] = {3, 10, 1000, 100000, 4000000000};
    (void)state;
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        for (uint64_t users = 2; users < subjects[i]; users += users / 3 + 1) {
            for (int place = 0; place < 2; place++) {
                long double expected = weight_by_formula(subjects[i], users, place);
                long double got = rs_thing_weight(subjects[i], users, place);
                assert_true(fabsl(got - expected) < 3);
            }
        }
    }
}

static void says_nothing_of_what_everybody_or_nobody_shares(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 5; n++) {
        assert_int_equal(rs_thing_weight(n, n, false), 0);
        assert_int_equal(rs_thing_weight(n, n + 1, false), 0);
        assert_int_equal(rs_thing_weight(n, 0, false), 0);
        assert_int_equal(rs_thing_weight(n, 1, false), 0); /* one user shares with nobody */
    }
    assert_int_equal(rs_thing_rarity(100, 1), RS_WEIGHT_ONE);
    assert_true(rs_thing_is_hub(0, 3, RS_RESOLUTION_DEFAULT));
    assert_true(rs_thing_is_hub(0, 0, RS_RESOLUTION_DEFAULT));
}

/* g (d - 1) > 4 w, by the definition. */
static void calls_a_hub_what_cannot_hold_its_users(void **state)
{
    (void)state;
    for (uint64_t users = 2; users < 200; users++) {
        uint32_t weight = rs_thing_weight(100000, users, false);
        long double loss = (long double)RS_RESOLUTION_DEFAULT * (users - 1);
        assert_int_equal(rs_thing_is_hub(weight, users, RS_RESOLUTION_DEFAULT),
                         loss > 4.0L * weight);
    }
    assert_false(rs_thing_is_hub(rs_thing_weight(100000, 60, false), 60, RS_RESOLUTION_DEFAULT));
    assert_true(rs_thing_is_hub(rs_thing_weight(100000, 70, false), 70, RS_RESOLUTION_DEFAULT));
}

static void links_the_few_users_of_a_thing_in_pairs(void **state)
{
    small_store small;
    rs_evidence evidence;
    (void)state;
    rows.count = 0;
    small_share(&rows, USES_DEVICE, 'a', 5, "d");
    small_share(&rows, USES_DEVICE, 'a', 5, "d"); /* twice is once */
    small_open(&small, &rows, 995);
    find(&small, &defaults, &evidence);
    assert_int_equal(evidence.link_count, 10);
    for (size_t i = 0; i < 10; i++) {
        const rs_link *link = &evidence.links[i];
        assert_true(link->a < link->b && link->b < 1000);
        assert_int_equal(link->thing, small_node(&small, "device", "d"));
        assert_int_equal(link->weight, rs_thing_weight(1000, 5, false));
        assert_int_equal(link->users, 5);
        assert_string_equal(rs_evidence_kind_name(link->kind), "shared");
        assert_int_equal(link->relation, small_relation_of(&small, USES_DEVICE));
    }
    assert_int_equal(evidence.hub_count, 0);
    rs_evidence_free(&evidence);
    small_close(&small);
}

static void hangs_the_many_users_of_a_thing_on_it(void **state)
{
    small_store small;
    rs_evidence evidence;
    (void)state;
    rows.count = 0;
    small_share(&rows, USES_DEVICE, 'a', 6, "d");
    small_share(&rows, USES_DEVICE, 'b', 1, "alone");
    small_open(&small, &rows, 993);
    find(&small, &defaults, &evidence);
    assert_int_equal(evidence.link_count, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_true(evidence.links[i].a < 1000);
        assert_int_equal(evidence.links[i].b, small_node(&small, "device", "d"));
    }
    rs_evidence_free(&evidence);
    small_close(&small);
}

static void lists_hubs_of_all_sorts_the_largest_first(void **state)
{
    small_store small;
    rs_evidence evidence;
    (void)state;
    rows.count = 0;
    small_share(&rows, USES_DEVICE, 'a', 200, "shop");
    small_share(&rows, IS_AT, 'a', 100, "cafe");
    small_share(&rows, HAS_DOCUMENT, 'a', 300, "000000");
    small_share(&rows, HAS_VOICE, 'b', 21, "robot");
    small_open(&small, &rows, 600);
    find(&small, &defaults, &evidence);
    assert_int_equal(evidence.link_count, 0);
    assert_int_equal(evidence.hub_count, 4);
    static const uint32_t users[] = {300, 200, 100, 21};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(evidence.hubs[i].user_count, users[i]);
    }
    assert_int_equal(evidence.hubs[0].thing, small_node(&small, "document", "000000"));
    assert_int_equal(evidence.hubs[0].kind, UINT16_MAX);
    assert_string_equal(rs_evidence_kind_name(evidence.hubs[2].kind), "place");
    for (uint32_t v = 0; v < rs_graph_subject_count(small.graph); v++) {
        assert_int_equal(evidence.entity[v], v);
    }
    rs_evidence_free(&evidence);
    small_close(&small);
}

static void makes_one_person_of_a_chain_of_identities(void **state)
{
    small_store small;
    rs_evidence evidence;
    (void)state;
    rows.count = 0;
    small_add(&rows, HAS_DOCUMENT, "a1", "p");
    small_add(&rows, HAS_DOCUMENT, "a2", "p");
    small_add(&rows, HAS_VOICE, "a2", "v");
    small_add(&rows, HAS_VOICE, "a3", "v");
    small_share(&rows, HAS_VOICE, 'b', 20, "w"); /* as many as may be */
    small_add(&rows, HAS_DOCUMENT, "c1", "q");
    small_open(&small, &rows, 10);
    find(&small, &defaults, &evidence);
    uint32_t a[3] = {small_account(&small, "a1"), small_account(&small, "a2"),
                     small_account(&small, "a3")};
    uint32_t low = a[0] < a[1] ? a[0] : a[1];
    low = a[2] < low ? a[2] : low;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(evidence.entity[a[i]], low);
    }
    uint32_t b = evidence.entity[small_account(&small, "b0")];
    assert_int_equal(evidence.entity[small_account(&small, "b19")], b);
    assert_int_not_equal(b, low);
    assert_int_equal(evidence.entity[small_account(&small, "c1")], small_account(&small, "c1"));
    assert_int_equal(evidence.link_count, 0); /* chance has no part in it */
    rs_evidence_free(&evidence);
    small_close(&small);
}

/* ---- at the same place ------------------------------------------------------------------------
 */

enum { DAY = 86400 };

static size_t meetings(const rs_evidence *evidence, rs_link *last)
{
    size_t count = 0;
    for (size_t i = 0; i < evidence->link_count; i++) {
        if (strcmp(rs_evidence_kind_name(evidence->links[i].kind), "window") == 0) {
            *last = evidence->links[i];
            count++;
        }
    }
    return count;
}

/* a0 and a1 at p, `days` days from `start` on, `gap` seconds apart. */
static void meet(int days, int64_t start, int64_t gap, uint32_t precision_s)
{
    for (int day = 0; day < days; day++) {
        small_add_at(&rows, IS_AT, "a0", "p", start + (int64_t)day * DAY)->precision_s =
            precision_s;
        small_add_at(&rows, IS_AT, "a1", "p", start + (int64_t)day * DAY + gap)->precision_s =
            precision_s;
    }
}

static void ties_who_meets_on_two_days_and_more(void **state)
{
    static const struct {
        int days;
        int64_t start, gap;
        uint32_t precision_s;
        size_t links;
    } cases[] = {
        {1, 1000, 60, 1, 0},                           /* one day is chance */
        {2, 1000, 60, 1, 1},   {2, 1000, 0, 1, 1},     /* equal times */
        {2, 1000, 900, 1, 1},                          /* the window's end is inside */
        {2, 1000, 901, 1, 0},  {2, 1000, 60, 3600, 0}, /* too coarse */
        {2, 1000, 60, 900, 1}, {2, -200000, 60, 1, 1}, /* before 1970 */
        {2, -DAY, 60, 1, 1},   {2, -1, 0, 1, 1},       {30, 1000, 60, 1, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        small_store small;
        rs_evidence evidence;
        rs_link link = {0};
        rows.count = 0;
        meet(cases[i].days, cases[i].start, cases[i].gap, cases[i].precision_s);
        small_add_at(&rows, IS_AT, "x0", "q", 100 * DAY); /* the span is a hundred days */
        small_add_at(&rows, IS_AT, "x1", "q", 100 * DAY + 5000);
        small_open(&small, &rows, 1000);
        find(&small, &defaults, &evidence);
        assert_int_equal(meetings(&evidence, &link), cases[i].links);
        if (cases[i].links > 0) {
            long double uses = cases[i].days * 2;
            long double span = 100.0L * DAY + 5000 - cases[i].start;
            long double each = -logl((uses - 1) * 900 / span) / logl(1004);
            long double expected = fminl(0.5L, each * cases[i].days) * RS_WEIGHT_ONE;
            assert_true(fabsl(link.weight - expected) < 3 + cases[i].days);
            assert_int_equal(link.thing, small_node(&small, "address", "p"));
        }
        rs_evidence_free(&evidence);
        small_close(&small);
    }
}

/* Days at the ends of what 64 bits hold are days, not undefined. */
static void stands_times_at_the_ends_of_the_scale(void **state)
{
    small_store small;
    rs_evidence evidence;
    rs_link link = {0};
    (void)state;
    rows.count = 0;
    meet(2, INT64_MIN + 1, 60, 1);
    small_add_at(&rows, IS_AT, "a2", "p", INT64_MAX);
    small_open(&small, &rows, 1000);
    find(&small, &defaults, &evidence);
    assert_int_equal(meetings(&evidence, &link), 1);
    assert_int_equal(link.weight, RS_WEIGHT_HALF);
    rs_evidence_free(&evidence);
    small_close(&small);
}

static void says_nothing_of_a_busy_place(void **state)
{
    small_store small;
    rs_evidence evidence;
    rs_link link = {0};
    (void)state;
    rows.count = 0;
    meet(2, 0, 60, 1);
    for (int i = 0; i < 400; i++) {
        char id[12];
        snprintf(id, sizeof id, "c%d", i % 40);
        small_add_at(&rows, IS_AT, id, "p", (int64_t)i * 400);
    }
    small_open(&small, &rows, 1000);
    find(&small, &defaults, &evidence);
    assert_int_equal(meetings(&evidence, &link), 0);
    rs_evidence_free(&evidence);
    small_close(&small);
}

/* ---- what goes wrong --------------------------------------------------------------------------
 */

static void fill_some_of_all(void)
{
    rows.count = 0;
    small_share(&rows, USES_DEVICE, 'a', 4, "d");
    small_share(&rows, HAS_CARD, 'a', 7, "c");
    small_share(&rows, IS_AT, 'a', 100, "cafe");
    small_share(&rows, HAS_DOCUMENT, 'a', 3, "p");
    small_share(&rows, HAS_DOCUMENT, 'b', 30, "0");
    small_share(&rows, HAS_DOCUMENT, 'c', 30, "1");
    meet(3, 0, 60, 1);
}

static rs_status find_again(void *context, rs_error *err)
{
    const small_store *small = context;
    rs_evidence evidence;
    rs_status status = rs_evidence_find(small->graph, &defaults, NULL, &evidence, err);
    rs_evidence_free(&evidence);
    return status;
}

static rs_status find_and_report(const rs_work *work, void *context, rs_error *err)
{
    const small_store *small = context;
    rs_evidence evidence;
    rs_status status = rs_evidence_find(small->graph, &defaults, work, &evidence, err);
    rs_evidence_free(&evidence);
    return status;
}

static void survives_every_failed_allocation(void **state)
{
    small_store small;
    (void)state;
    fill_some_of_all();
    small_open(&small, &rows, 50);
    assert_true(failing_each(find_again, &small) > 20);
    small_close(&small);
}

static void stops_when_asked_to(void **state)
{
    small_store small;
    (void)state;
    fill_some_of_all();
    small_open(&small, &rows, 50);
    assert_true(failing_interrupt(find_and_report, &small) >= 3);
    small_close(&small);
}

static void finds_nothing_in_nothing(void **state)
{
    small_store small;
    rs_evidence evidence;
    (void)state;
    rows.count = 0;
    small_open(&small, &rows, 0);
    find(&small, &defaults, &evidence);
    assert_int_equal(evidence.link_count, 0);
    assert_int_equal(evidence.hub_count, 0);
    rs_evidence_free(&evidence);
    small_close(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weighs_by_the_formula),
        cmocka_unit_test(says_nothing_of_what_everybody_or_nobody_shares),
        cmocka_unit_test(calls_a_hub_what_cannot_hold_its_users),
        cmocka_unit_test(links_the_few_users_of_a_thing_in_pairs),
        cmocka_unit_test(hangs_the_many_users_of_a_thing_on_it),
        cmocka_unit_test(lists_hubs_of_all_sorts_the_largest_first),
        cmocka_unit_test(makes_one_person_of_a_chain_of_identities),
        cmocka_unit_test(ties_who_meets_on_two_days_and_more),
        cmocka_unit_test(stands_times_at_the_ends_of_the_scale),
        cmocka_unit_test(says_nothing_of_a_busy_place),
        cmocka_unit_test(survives_every_failed_allocation),
        cmocka_unit_test(stops_when_asked_to),
        cmocka_unit_test(finds_nothing_in_nothing),
    };
    return cmocka_run_group_tests_name("evidence", tests, NULL, NULL);
}
