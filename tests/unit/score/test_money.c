/* test_money.c - who collects, who is the exit, whose money it was, and who only paid.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc */
#include "../evidence/small_store.h"

#include "../evidence/failing.h"
#include "graph/wide.h"
#include "score/roles.h"
#include "score/victims.h"

enum { HOUR = 3600, DAY = 86400, START = 1767225600, MEMBERS_MAX = 16, NODES_MAX = 400 };

static small_rows rows;
static small_store small;

/* One ring of hand-picked members. */
typedef struct night {
    rs_findings found;
    rs_ring ring;
    rs_ring_member members[MEMBERS_MAX];
    rs_node_risk nodes[NODES_MAX];
    uint8_t listed[NODES_MAX];
    rs_score_input input;
} night;

static night n;

static void pay(const char *src, const char *dst, int64_t second, int64_t cents)
{
    small_add_at(&rows, PAYS, src, dst, START + second)->amount = cents;
}

static void open_ring(const char *ids)
{
    char id[12];
    memset(&n, 0, sizeof n);
    small_open(&small, &rows, 0);
    assert_true(rs_graph_node_count(small.graph) <= NODES_MAX);
    for (uint32_t v = 0; v < NODES_MAX; v++) {
        n.nodes[v].ring = RS_NO_RING;
    }
    for (int length; sscanf(ids, " %11s%n", id, &length) == 1; ids += length) {
        uint32_t node = small_account(&small, id);
        n.nodes[node].ring = 0;
        n.members[n.ring.member_count++] =
            (rs_ring_member){.node = node, .role = RS_ROLE_MEMBER, .membership = RS_MILLION};
    }
    n.found =
        (rs_findings){.ring_count = 1, .rings = &n.ring, .members = n.members, .nodes = n.nodes};
    n.input = (rs_score_input){.graph = small.graph, .pass_window_s = 3 * DAY};
}

static void close_ring(void)
{
    free(n.found.paid);
    free(n.found.victims);
    small_close(&small);
    rows.count = 0;
}

static rs_status find(const rs_work *work, void *context, rs_error *err)
{
    rsi_payments payments = {0};
    (void)context;
    n.found.paid_count = 0;
    n.found.victim_count = 0;
    free(n.found.paid);
    free(n.found.victims);
    n.found.paid = NULL;
    n.found.victims = NULL;
    rs_status status = rsi_roles_payments(small.graph, &n.found, work, &payments, err);
    if (status == RS_OK) {
        status = rsi_roles_find(&n.input, &payments, work, &n.found, err);
    }
    if (status == RS_OK) {
        status = rsi_victims_find(&n.input, n.listed, &payments, &n.found, err);
    }
    rsi_payments_free(&payments);
    return status;
}

static rs_status find_quietly(void *context, rs_error *err)
{
    return find(NULL, context, err);
}

static const char *role_of(const char *id)
{
    for (size_t k = 0; k < n.ring.member_count; k++) {
        if (n.members[k].node == small_account(&small, id)) {
            return rs_role_name(n.members[k].role);
        }
    }
    return "none";
}

/* c hands 1000.00 to each of four, who pass most of it on to x within hours. */
static void fill_chain(void)
{
    static const char *const mules[] = {"m1", "m2", "m3", "m4"};
    for (int i = 0; i < 4; i++) {
        pay("c", mules[i], 10 * DAY + i * HOUR, 100000);
        pay(mules[i], "x", 10 * DAY + (i + 5) * HOUR, 97000);
    }
    pay("x", "m1", 20 * DAY, 1000);
}

static void names_the_collector_and_the_exit_of_a_chain(void **state)
{
    rs_error err = {0};
    (void)state;
    fill_chain();
    open_ring("c m1 m2 m3 m4 x");
    small_ok(find(NULL, NULL, &err), &err);
    assert_string_equal(role_of("c"), "collector");
    assert_string_equal(role_of("x"), "exit");
    assert_string_equal(role_of("m1"), "member");
    assert_string_equal(role_of("m4"), "member");
    assert_int_equal(n.found.paid_count, 0);
    close_ring();
}

static void names_nobody_where_money_goes_round(void **state)
{
    static const char *const ids[] = {"a", "b", "c", "d", "e"};
    rs_error err = {0};
    (void)state;
    for (int i = 0; i < 5; i++) {
        pay(ids[i], ids[(i + 1) % 5], i * HOUR, 100000 - 1000 * i);
        pay(ids[i], ids[(i + 2) % 5], DAY * 9 + i * HOUR, 50000 - 1000 * i);
    }
    open_ring("a b c d e");
    small_ok(find(NULL, NULL, &err), &err);
    for (int i = 0; i < 5; i++) {
        assert_string_equal(role_of(ids[i]), "member");
    }
    close_ring();
}

static void tells_who_collects_from_who_is_paid_by_everybody(void **state)
{
    rs_error err = {0};
    char id[12];
    (void)state;
    for (int shop = 0; shop < 2; shop++) {
        for (int i = 0; i < 8; i++) {
            snprintf(id, sizeof id, "m%d", i);
            pay(id, "z", i * DAY, 5000);
            snprintf(id, sizeof id, "o%d", i);
            pay(id, "m0", i * DAY, 5000);
        }
        for (int i = 0; shop && i < 200; i++) {
            snprintf(id, sizeof id, "o%d", i);
            pay(id, "z", i * HOUR, 5000);
        }
        open_ring("m0 m1 m2 m3 m4 m5 m6 m7 z");
        small_ok(find(NULL, NULL, &err), &err);
        assert_string_equal(role_of("z"), shop ? "member" : "collector");
        assert_string_equal(role_of("m0"), "member");
        close_ring();
    }
}

static void calls_who_takes_and_hands_out_a_hub(void **state)
{
    rs_error err = {0};
    char id[12];
    (void)state;
    for (int i = 0; i < 8; i++) {
        snprintf(id, sizeof id, "m%d", i);
        pay(id, "h", (i % 4 + (i < 4 ? 0 : 40)) * DAY, 5000 + 900 * i);
        pay("h", id, (i + 20) * DAY, 300 + 70 * i);
    }
    open_ring("h m0 m1 m2 m3 m4 m5 m6 m7");
    small_ok(find(NULL, NULL, &err), &err);
    assert_string_equal(role_of("h"), "hub");
    assert_string_equal(role_of("m1"), "member");
    close_ring();
}

static void lists_those_whose_money_was_used_at_once(void **state)
{
    rs_error err = {0};
    (void)state;
    fill_chain();
    pay("v1", "c", 10 * DAY - HOUR, 40000);           /* handed out an hour later */
    pay("v2", "c", 10 * DAY - 3 * DAY, 70000);        /* just within the window */
    pay("v2", "c", 10 * DAY + HOUR, 500);             /* again */
    pay("v3", "m2", 10 * DAY + 5 * HOUR, 98000);      /* passed on to the exit, nearly whole */
    pay("late", "c", 10 * DAY + 4 * HOUR, 40000);     /* nothing was handed out after it */
    pay("early", "c", 10 * DAY - 3 * DAY - 1, 40000); /* a second beyond the window */
    pay("friend", "c", 10 * DAY - HOUR, 2000);        /* always pays c */
    pay("friend", "c", 2 * DAY, 2000);
    pay("paid", "c", 10 * DAY - HOUR, 2000); /* has business with the ring */
    pay("m3", "paid", 15 * DAY, 100);
    pay("listed", "c", 10 * DAY - HOUR, 2000);      /* on the blacklist */
    pay("other", "c", 10 * DAY - HOUR, 2000);       /* of another ring */
    pay("part", "m2", 10 * DAY + 5 * HOUR, 200000); /* not what m2 passed on */
    open_ring("c m1 m2 m3 m4 x");
    n.listed[small_account(&small, "listed")] = 1;
    n.nodes[small_account(&small, "other")].ring = 7;
    small_ok(find(NULL, NULL, &err), &err);
    assert_int_equal(n.ring.paid_count, 1);
    const rs_ring_paid *paid = &n.found.paid[n.ring.paid_first];
    assert_int_equal(paid->victim_count, 3);
    assert_int_equal(paid->listed_count, 3);
    assert_int_equal(paid->payment_count, 4);
    assert_int_equal(rsi_wide_clamp(paid->amount), 40000 + 70500 + 98000);
    const rs_ring_victim *victims = &n.found.victims[paid->victim_first];
    assert_int_equal(victims[0].node, small_account(&small, "v3"));
    assert_int_equal(victims[1].node, small_account(&small, "v2"));
    assert_int_equal(victims[1].payment_count, 2);
    assert_int_equal(victims[2].node, small_account(&small, "v1"));
    close_ring();
}

static void lists_twenty_and_counts_all(void **state)
{
    rs_error err = {0};
    char id[12];
    (void)state;
    fill_chain();
    for (int i = 0; i < 30; i++) {
        snprintf(id, sizeof id, "v%d", i);
        pay(id, "c", 10 * DAY - HOUR - i, 40000 + i);
    }
    open_ring("c m1 m2 m3 m4 x");
    small_ok(find(NULL, NULL, &err), &err);
    assert_int_equal(n.found.paid[0].victim_count, 30);
    assert_int_equal(n.found.paid[0].listed_count, 20);
    assert_int_equal(n.found.victims[0].node, small_account(&small, "v29"));
    assert_true(failing_each(find_quietly, NULL) > 10);
    assert_true(failing_interrupt(find, NULL) >= 2);
    close_ring();
}

/* ---- who only paid ----------------------------------------------------------------------------
 */

/* The chain as a group of which `extra` is a member, tied by one link. */
static size_t left_of_group(const char *extra, rs_link link, bool known)
{
    static const char *const ids[] = {"c", "m1", "m2", "m3", "m4", "x"};
    size_t first[2] = {0, 7};
    uint32_t members[7];
    uint64_t inside[7] = {9, 9, 9, 9, 9, 9, 9}, mean[1] = {9};
    uint32_t of[NODES_MAX], entity[NODES_MAX];
    rs_link links[2];
    rs_error err = {0};
    memset(&n, 0, sizeof n);
    small_open(&small, &rows, 0);
    memset(of, 0xff, sizeof of);
    for (uint32_t v = 0; v < NODES_MAX; v++) {
        entity[v] = v;
    }
    for (size_t i = 0; i < 7; i++) {
        members[i] = small_account(&small, i < 6 ? ids[i] : extra);
        of[members[i]] = 0;
    }
    uint16_t relation = (uint16_t)small_relation_of(&small, PAYS);
    uint32_t c = small_account(&small, "c"), m1 = small_account(&small, "m1");
    links[0] = (rs_link){.a = c < m1 ? c : m1, .b = c < m1 ? m1 : c};
    links[1] = link;
    if (link.b == 0) { /* the one with m1 */
        links[1].a = members[6] < m1 ? members[6] : m1;
        links[1].b = members[6] < m1 ? m1 : members[6];
    } else {
        links[1].a = members[6];
    }
    for (size_t i = 0; i < 2; i++) {
        links[i].relation = relation;
        while (strcmp(rs_evidence_kind_name(links[i].kind), "relay") != 0) {
            links[i].kind++;
        }
    }
    rs_evidence evidence = {.link_count = 2, .links = links, .entity = entity};
    rsi_candidates candidates = {
        .count = 1, .first = first, .members = members, .inside = inside, .mean = mean, .of = of};
    rs_list_entry entry = {.node = members[6], .strength = 1};
    rs_list blacklist = {.count = known, .entries = &entry};
    n.input =
        (rs_score_input){.graph = small.graph, .evidence = &evidence, .blacklist = &blacklist};
    uint32_t last = members[6];
    small_ok(rsi_payers_drop(&n.input, &candidates, NULL, &err), &err);
    free(candidates.left);
    assert_int_equal(of[last], first[1] == 7 ? 0 : UINT32_MAX);
    small_close(&small);
    rows.count = 0;
    return first[1];
}

static void lets_go_who_only_paid(void **state)
{
    (void)state;
    fill_chain();
    pay("p", "m1", 9 * DAY, 50000);
    pay("p", "m2", 9 * DAY, 50000);
    assert_int_equal(left_of_group("p", (rs_link){0}, false), 6);
}

static void keeps_who_is_known_was_paid_or_hands_out_alone(void **state)
{
    (void)state;
    for (int variant = 0; variant < 4; variant++) {
        fill_chain();
        pay("p", "m1", 9 * DAY, 50000);
        pay("p", "m2", 9 * DAY, 50000);
        if (variant == 1) {
            pay("m3", "p", 30 * DAY, 100); /* was paid */
        } else if (variant == 2) {
            pay("p", "m3", 9 * DAY, 50000); /* as many as c */
            pay("p", "m4", 9 * DAY, 50000);
        }
        uint32_t thing = variant == 3 ? NODES_MAX - 1 : 0; /* shares something */
        assert_int_equal(left_of_group("p", (rs_link){.b = thing}, variant == 0), 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_collector_and_the_exit_of_a_chain),
        cmocka_unit_test(names_nobody_where_money_goes_round),
        cmocka_unit_test(tells_who_collects_from_who_is_paid_by_everybody),
        cmocka_unit_test(calls_who_takes_and_hands_out_a_hub),
        cmocka_unit_test(lists_those_whose_money_was_used_at_once),
        cmocka_unit_test(lists_twenty_and_counts_all),
        cmocka_unit_test(lets_go_who_only_paid),
        cmocka_unit_test(keeps_who_is_known_was_paid_or_hands_out_alone),
    };
    return cmocka_run_group_tests_name("money", tests, NULL, NULL);
}
