/* test_coaction.c - co-action: those who act on the same rare targets are tied; one target, a
 * popular one, busy accounts, a whole night of one taste and rows with times say nothing; a taste,
 * a sale, the shops of a street and an office's canteen next to nothing beside a ring.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc */
#include "small_store.h"

#include "failing.h"
#include "ringscope/evidence.h"

enum { OTHERS = 3000 };

static small_rows rows;
static const rs_evidence_options defaults = RS_EVIDENCE_DEFAULTS;

static small_row *act(char who, int i, char target, int k)
{
    char src[12];
    char dst[12];
    snprintf(src, sizeof src, "%c%d", who, i);
    snprintf(dst, sizeof dst, "%c%d", target, k);
    return small_add(&rows, PAYS, src, dst);
}

/* Strangers: every third act on one of ten popular targets, the others on some of a thousand. */
static void begin(void)
{
    rsi_random random;
    rsi_random_seed(&random, 11, 1);
    rows.count = 0;
    for (int i = 0; i < 1500; i++) {
        bool popular = rsi_random_chance(&random, 333);
        act('p', (int)rsi_random_below(&random, 400), popular ? 's' : 't',
            (int)rsi_random_below(&random, popular ? 10 : 1000));
    }
}

static void together(int count, int targets, char target)
{
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < targets; k++) {
            act('r', i, target, k);
        }
    }
}

/* What is found of accounts of one letter; "": of all. */
typedef struct finding {
    uint64_t weight;  /* between them */
    uint32_t company; /* the most that one has */
    double mean;      /* of their companies */
} finding;

static finding find(const char *letter)
{
    small_store small;
    rs_evidence evidence;
    rs_error err = {0};
    finding found = {0};
    uint64_t sum = 0;
    uint32_t count = 0;
    rs_ids *ids = NULL;
    small_open(&small, &rows, OTHERS);
    small_ok(rs_evidence_find(small.graph, &defaults, NULL, &evidence, &err), &err);
    uint8_t *wanted = malloc(rs_graph_node_count(small.graph));
    memset(wanted, 1, rs_graph_node_count(small.graph));
    small_ok(rs_graph_ids(small.graph, wanted, &ids, &err), &err);
    for (uint32_t v = 0; v < rs_graph_subject_count(small.graph); v++) {
        if (evidence.company != NULL && rs_ids_of(ids, v).length > 0 &&
            (*letter == '\0' || *rs_ids_of(ids, v).bytes == *letter)) {
            uint32_t own = evidence.company[v];
            found.company = own > found.company ? own : found.company;
            found.mean += own;
            count++;
        }
    }
    found.mean /= count > 0 ? count : 1;
    for (size_t i = 0; i < evidence.link_count; i++) {
        const rs_link *link = &evidence.links[i];
        bool among = *letter == '\0' || (*rs_ids_of(ids, link->a).bytes == *letter &&
                                         *rs_ids_of(ids, link->b).bytes == *letter);
        bool kind = strcmp(rs_evidence_kind_name(link->kind), "co_action") == 0;
        sum += among && kind ? link->weight : 0;
    }
    rs_ids_free(ids);
    free(wanted);
    rs_evidence_free(&evidence);
    small_close(&small);
    found.weight = sum;
    return found;
}

static uint64_t weigh(const char *letter)
{
    return find(letter).weight;
}

static void ties_those_who_act_on_the_same_rare_targets(void **state)
{
    (void)state;
    begin();
    together(5, 4, 'x');
    uint64_t four = weigh("r");
    assert_true(four > 20 * (uint64_t)RS_WEIGHT_HALF / 3); /* ten pairs, a third of ln N each */
    assert_true(weigh("p") < four / 4);
    begin();
    together(5, 2, 'x');
    uint64_t two = weigh("r");
    assert_true(two > 0 && two < four); /* two of a thousand: little more than chance */
}

static void asks_for_two_targets(void **state)
{
    (void)state;
    begin();
    together(12, 1, 'x');
    assert_int_equal(weigh("r"), 0);
}

static void says_nothing_of_popular_targets(void **state)
{
    (void)state;
    begin();
    together(5, 3, 's');
    assert_int_equal(weigh("r"), 0);
}

/* Chance brings an account that acts on everything to every target. */
static void says_nothing_of_an_account_that_acts_on_everything(void **state)
{
    (void)state;
    begin();
    for (int k = 0; k < 2000; k++) {
        act('b', 0, 't', k % 1000);
    }
    assert_int_equal(rows.count, 3500);
    act('r', 0, 't', 5);
    act('r', 0, 't', 6);
    act('r', 0, 't', 7);
    act('b', 1, 't', 5);
    act('b', 1, 't', 6);
    act('b', 1, 't', 7);
    assert_true(weigh("") > 0); /* r0 with b1 */
    assert_int_equal(weigh("b"), 0);
}

/* Where everybody has a companion in taste, to have one is usual. */
static void is_no_surprise_where_everybody_does_it(void **state)
{
    (void)state;
    rows.count = 0;
    for (int i = 0; i < 300; i++) {
        for (int k = 0; k < 4; k++) {
            act('r', i, 'x', i / 2 * 4 + k);
        }
    }
    assert_int_equal(weigh(""), 0);
}

/* Each of `count` accounts of a letter acts on `each` of `targets` of another letter. */
static void people(char who, int count, int each, char target, int targets)
{
    rsi_random random;
    rsi_random_seed(&random, 23, (uint64_t)(who * 256 + target));
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < each; k++) {
            act(who, i, target, (int)rsi_random_below(&random, (uint32_t)targets));
        }
    }
}

/* A ring of eight with eight targets of its own, who act elsewhere too. */
static void ring_of_eight(void)
{
    together(8, 8, 'x');
    people('r', 8, 4, 't', 1000);
}

/* What a look-alike has beside that ring: hardly a link, and a company that nobody looks at. */
static void is_nothing_beside_a_ring(const char *letter, uint32_t members)
{
    finding ring = find("r");
    finding others = find(letter);
    assert_true(ring.weight > 28 * (uint64_t)RS_WEIGHT_HALF / 2);
    assert_true(ring.mean > RS_WEIGHT_HALF / 2.0);
    assert_true(others.mean < ring.mean / 8);
    assert_true(others.weight / members < ring.weight / 8 / 8);
}

static void tells_a_ring_from_people_of_one_taste(void **state)
{
    (void)state;
    begin();
    people('h', 120, 10, 'y', 60);
    people('h', 120, 10, 't', 1000);
    ring_of_eight();
    is_nothing_beside_a_ring("h", 120);
}

/* The same sixty come to four sales, and buy elsewhere as well. */
static void tells_a_ring_from_those_who_come_to_sales(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 60; i++) {
        for (int k = 0; k < 4; k++) {
            act('h', i, 'y', k);
        }
    }
    people('q', 200, 1, 'y', 4);
    people('h', 60, 12, 't', 1000);
    ring_of_eight();
    is_nothing_beside_a_ring("h", 60);
}

static void tells_a_ring_from_the_shops_of_a_street(void **state)
{
    (void)state;
    begin();
    people('h', 150, 5, 'y', 12);
    people('h', 150, 6, 't', 1000);
    ring_of_eight();
    is_nothing_beside_a_ring("h", 150);
}

/* A canteen, a kiosk and a landlord, whom all of an office pay. */
static void tells_a_ring_from_an_office(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 30; i++) {
        for (int k = 0; k < 3; k++) {
            act('h', i, 'y', k);
        }
    }
    people('h', 30, 10, 't', 1000);
    ring_of_eight();
    is_nothing_beside_a_ring("h", 30);
}

/* Who acts with two rings, and with nobody twice, has their company and no link; who met one of
 * them once has neither. */
static void knows_the_company_of_who_is_tied_to_nobody(void **state)
{
    (void)state;
    begin();
    ring_of_eight();
    for (int i = 0; i < 64; i++) {
        act('v', i / 8, 'z', i % 8);
    }
    act('o', 0, 'x', 0);
    act('o', 0, 'z', 0);
    act('q', 0, 'x', 1);
    assert_int_equal(weigh("o"), 0);
    assert_true(find("o").company > RS_WEIGHT_HALF / 2);
    assert_true(find("p").mean < find("o").mean / 8);
    assert_int_equal(find("q").company, 0);
}

static void counts_an_act_once_and_none_on_oneself(void **state)
{
    (void)state;
    begin();
    together(5, 3, 'x');
    uint64_t once = weigh("r");
    together(5, 3, 'x');
    assert_int_equal(weigh("r"), once);
    act('r', 0, 'r', 0);
    act('r', 1, 'r', 1);
    assert_int_equal(weigh("r"), once);
    rows.rows[0].amount = -5;
    rows.rows[1].zero = true;
    assert_int_equal(weigh("r"), once);
}

static void leaves_rows_with_times_to_lockstep(void **state)
{
    (void)state;
    begin();
    together(5, 4, 'x');
    small_row *row = act('p', 0, 't', 0);
    row->timed = true;
    row->time = 1000;
    assert_int_equal(weigh(""), 0);
    rows.count = 0;
    assert_int_equal(weigh(""), 0);
}

static rs_status again(void *context, rs_error *err)
{
    rs_evidence evidence;
    rs_status status =
        rs_evidence_find(((small_store *)context)->graph, &defaults, NULL, &evidence, err);
    if (status == RS_OK) {
        rs_evidence_free(&evidence);
    }
    return status;
}

static void survives_failed_allocations(void **state)
{
    small_store small;
    (void)state;
    begin();
    together(5, 4, 'x');
    small_open(&small, &rows, OTHERS);
    assert_true(failing_each(again, &small) > 8);
    small_close(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ties_those_who_act_on_the_same_rare_targets),
        cmocka_unit_test(asks_for_two_targets),
        cmocka_unit_test(says_nothing_of_popular_targets),
        cmocka_unit_test(says_nothing_of_an_account_that_acts_on_everything),
        cmocka_unit_test(is_no_surprise_where_everybody_does_it),
        cmocka_unit_test(tells_a_ring_from_people_of_one_taste),
        cmocka_unit_test(tells_a_ring_from_those_who_come_to_sales),
        cmocka_unit_test(tells_a_ring_from_the_shops_of_a_street),
        cmocka_unit_test(tells_a_ring_from_an_office),
        cmocka_unit_test(knows_the_company_of_who_is_tied_to_nobody),
        cmocka_unit_test(counts_an_act_once_and_none_on_oneself),
        cmocka_unit_test(leaves_rows_with_times_to_lockstep),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests_name("co-action", tests, NULL, NULL);
}
