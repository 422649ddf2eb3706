/* test_graph.c - small stores whose answer can be read off, and everything that can go wrong.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
/* WRAP: malloc calloc realloc rsi_hash_128 rs_store_type_count rs_store_relation_count rs_store_type rs_store_relation rs_store_type_named rs_store_find rs_scan_open rs_scan_next rs_scan_close rs_names_open rs_names_next rs_names_close */
/* clang-format on */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "fake_store.h"

/* ---- memory that runs out, hashes that collide
 * --------------------------------------------------- */

static bool limited;
static int allowed; /* allocations, while limited */
static bool colliding;

static bool refuse(void)
{
    return limited && allowed-- <= 0;
}

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t bytes);
rsi_hash128 __real_rsi_hash_128(const void *bytes, size_t length, uint64_t seed);
rsi_hash128 __wrap_rsi_hash_128(const void *bytes, size_t length, uint64_t seed);

void *__wrap_malloc(size_t bytes)
{
    return refuse() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refuse() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    return refuse() ? NULL : __real_realloc(memory, bytes);
}

rsi_hash128 __wrap_rsi_hash_128(const void *bytes, size_t length, uint64_t seed)
{
    return colliding ? (rsi_hash128){0} : __real_rsi_hash_128(bytes, length, seed);
}

/* ---- a small world
 * ------------------------------------------------------------------------------- */

enum { ACCOUNT, DEVICE, SHOP };
enum { USES, PAYS, NEAR };

#define ID(text)                                                                                   \
    {                                                                                              \
        .length = sizeof(text) - 1, .bytes = text                                                  \
    }
#define EVENT(in, from, to, at, worth)                                                             \
    {                                                                                              \
        .relation = (in), .src = ID(from), .dst = ID(to), .time = (at), .amount = (worth),         \
        .precision_s = 1                                                                           \
    }

static fake_event events[] = {
    EVENT(USES, "ann", "d1", 10, RS_NO_AMOUNT), EVENT(USES, "bob", "d1", 12, RS_NO_AMOUNT),
    EVENT(USES, "ann", "d1", 14, RS_NO_AMOUNT), EVENT(USES, "ann", "d2", 11, RS_NO_AMOUNT),
    EVENT(USES, "cat", "d3", 99, RS_NO_AMOUNT), EVENT(USES, "bob", "d3", 13, RS_NO_AMOUNT),
    EVENT(PAYS, "ann", "bob", 10, 500),         EVENT(PAYS, "ann", "bob", 20, 250),
    EVENT(PAYS, "bob", "bob", 30, 7),           EVENT(PAYS, "cat", "ann", 99, 1),
    EVENT(NEAR, "d1", "s1", 5, RS_NO_AMOUNT),
};

static const fake_world world = {
    .type_count = 3,
    .types = {{.name = "account", .subject = true}, {.name = "device"}, {.name = "shop"}},
    .relation_count = 3,
    .relations = {{.name = "uses", .src_type = ACCOUNT, .dst_type = DEVICE},
                  {.name = "pays", .src_type = ACCOUNT, .dst_type = ACCOUNT},
                  {.name = "near", .src_type = DEVICE, .dst_type = SHOP}},
    .event_count = sizeof events / sizeof *events,
    .events = events};

static rs_store *small_store(void)
{
    return fake_store_make(&world, 1, 2, 3);
}

static rs_graph *open_at(const rs_store *store, int64_t as_of)
{
    rs_graph *graph = NULL;
    rs_error err = {0};
    rs_graph_options options = {.as_of = as_of};
    assert_int_equal(rs_graph_open(&graph, store, &options, NULL, &err), RS_OK);
    return graph;
}

static uint32_t find(const rs_graph *graph, const char *type, const char *id)
{
    uint32_t node = 0;
    rs_text text = {.bytes = id, .length = strlen(id)};
    assert_int_equal(rs_graph_find(graph, type, text, &node, NULL), RS_OK);
    return node;
}

/* ---- what it says
 * -------------------------------------------------------------------------------- */

static void numbers_subjects_first_and_finds_ids(void **state)
{
    (void)state;
    rs_store *store = small_store();
    rs_graph *graph = open_at(store, RS_NO_TIME);
    assert_ptr_equal(rs_graph_store(graph), store);
    assert_int_equal(rs_graph_node_count(graph), 7);
    assert_int_equal(rs_graph_subject_count(graph), 3);
    assert_int_equal(rs_graph_range_count(graph), 3);
    assert_string_equal(rs_graph_range(graph, 1).type, "device");
    assert_int_equal(rs_graph_range(graph, 1).first, 3);
    assert_int_equal(rs_graph_range(graph, 2).count, 1);
    assert_in_range(find(graph, "account", "cat"), 0, 2);
    assert_in_range(find(graph, "device", "d2"), 3, 5);
    assert_int_equal(find(graph, "shop", "s1"), 6);
    assert_int_equal(find(graph, "account", "d2"), RS_NO_NODE);
    assert_int_equal(find(graph, "no such type", "d2"), RS_NO_NODE);
    rs_graph_close(graph);
    fake_store_free(store);
}

/* The same on every machine and for ever: the order of every output rests on it. */
static void keeps_the_order_of_ids_for_ever(void **state)
{
    (void)state;
    rs_store *store = small_store();
    rs_graph *graph = open_at(store, RS_NO_TIME);
    const uint32_t found[] = {find(graph, "account", "ann"), find(graph, "account", "bob"),
                              find(graph, "account", "cat"), find(graph, "device", "d1"),
                              find(graph, "device", "d2"),   find(graph, "device", "d3")};
    const uint32_t expected[] = {2, 0, 1, 3, 5, 4};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(found[i], expected[i]);
    }
    rs_graph_close(graph);
    fake_store_free(store);
}

static void groups_what_two_and_more_use_up_to_as_of(void **state)
{
    (void)state;
    const struct {
        int64_t as_of;
        uint32_t groups;
        uint64_t uses;
        uint64_t singles;
        uint32_t events_of_ann;
    } rows[] = {
        {RS_NO_TIME, 2, 4, 1, 2}, {98, 1, 2, 2, 2}, {13, 1, 2, 2, 1},
        {11, 0, 0, 2, 0},         {9, 0, 0, 0, 0},
    };
    rs_store *store = small_store();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rs_graph *graph = open_at(store, rows[i].as_of);
        rs_groups groups = {0};
        uint32_t ann = find(graph, "account", "ann");
        uint32_t events_of_ann = 0;
        assert_int_equal(rs_graph_groups(graph, USES, &groups, NULL, NULL), RS_OK);
        assert_int_equal(groups.count, rows[i].groups);
        assert_int_equal(groups.use_count, rows[i].uses);
        assert_int_equal(groups.single_count, rows[i].singles);
        for (uint64_t use = 0; use < groups.use_count; use++) {
            events_of_ann += groups.users[use] == ann ? groups.events[use] : 0;
        }
        assert_int_equal(events_of_ann, rows[i].events_of_ann);
        rs_groups_free(&groups);
        rs_graph_close(graph);
    }
    fake_store_free(store);
}

static void takes_the_latest_event_of_all_relations_as_its_time(void **state)
{
    (void)state;
    rs_store *store = small_store();
    rs_graph *graph = NULL;
    assert_int_equal(rs_graph_open(&graph, store, NULL, NULL, NULL), RS_OK);
    assert_int_equal(rs_graph_as_of(graph), 99);
    rs_graph_close(graph);
    graph = open_at(store, -5);
    assert_int_equal(rs_graph_as_of(graph), -5);
    rs_graph_close(graph);
    fake_store_free(store);
}

static void sums_pairs_and_leaves_out_selves(void **state)
{
    (void)state;
    rs_store *store = small_store();
    rs_graph *graph = open_at(store, 98);
    rs_pair *pairs = NULL;
    size_t count = 0;
    assert_int_equal(rs_graph_pairs(graph, PAYS, &pairs, &count, NULL, NULL), RS_OK);
    assert_int_equal(count, 1);
    assert_int_equal(pairs[0].a, find(graph, "account", "ann"));
    assert_int_equal(pairs[0].b, find(graph, "account", "bob"));
    assert_int_equal(pairs[0].events, 2);
    assert_int_equal(pairs[0].amount, 750);
    assert_int_equal(pairs[0].time_first, 10);
    assert_int_equal(pairs[0].time_last, 20);
    free(pairs);
    rs_graph_close(graph);
    fake_store_free(store);
}

static void counts_what_a_subject_does(void **state)
{
    (void)state;
    rs_store *store = small_store();
    rs_graph *graph = open_at(store, RS_NO_TIME);
    rs_counts pays = {0};
    rs_counts uses = {0};
    rs_counts near = {0};
    uint32_t ann = find(graph, "account", "ann");
    assert_int_equal(rs_graph_counts(graph, PAYS, &pays, NULL, NULL), RS_OK);
    assert_int_equal(rs_graph_counts(graph, USES, &uses, NULL, NULL), RS_OK);
    assert_int_equal(rs_graph_counts(graph, NEAR, &near, NULL, NULL), RS_OK);
    assert_int_equal(pays.src_peers[ann], 1);
    assert_int_equal(pays.dst_peers[ann], 1);
    assert_int_equal(pays.src_edges[ann], 2);
    assert_int_equal(pays.src_amount[ann], 750);
    assert_int_equal(pays.dst_amount[ann], 1);
    assert_null(pays.shared_things);
    assert_int_equal(uses.src_peers[ann], 2);
    assert_int_equal(uses.src_edges[ann], 3);
    assert_int_equal(uses.shared_things[ann], 1);
    assert_null(uses.dst_peers);
    assert_null(uses.src_amount);
    assert_null(near.src_peers);
    assert_null(near.src_edges);
    rs_counts_free(&pays);
    rs_counts_free(&uses);
    rs_counts_free(&near);
    rs_graph_close(graph);
    fake_store_free(store);
}

static void clamps_sums_in_any_order(void **state)
{
    (void)state;
    const struct {
        int64_t amounts[3];
        int64_t sum;
    } rows[] = {
        {{INT64_MAX, INT64_MAX, -INT64_MAX}, INT64_MAX},
        {{INT64_MAX, 1, 0}, INT64_MAX},
        {{INT64_MAX, 1, -1}, INT64_MAX},
        {{-INT64_MAX, -1, 0}, -INT64_MAX},
        {{-INT64_MAX, -INT64_MAX, -INT64_MAX}, -INT64_MAX},
        {{-INT64_MAX, -5, 6}, -INT64_MAX + 1},
        {{-1, 0, RS_NO_AMOUNT}, -1},
        {{RS_NO_AMOUNT, RS_NO_AMOUNT, RS_NO_AMOUNT}, RS_NO_AMOUNT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (uint64_t order = 0; order < 6; order++) {
            fake_event three[] = {EVENT(PAYS, "a", "b", 1, rows[i].amounts[0]),
                                  EVENT(PAYS, "a", "b", 1, rows[i].amounts[1]),
                                  EVENT(PAYS, "a", "b", 1, rows[i].amounts[2])};
            fake_world few = world;
            few.events = three;
            few.event_count = 3;
            rs_store *store = fake_store_make(&few, order, 3, 1);
            rs_graph *graph = open_at(store, RS_NO_TIME);
            rs_pair *pairs = NULL;
            size_t count = 0;
            assert_int_equal(rs_graph_pairs(graph, PAYS, &pairs, &count, NULL, NULL), RS_OK);
            assert_int_equal(count, 1);
            assert_int_equal(pairs[0].amount, rows[i].sum);
            free(pairs);
            rs_graph_close(graph);
            fake_store_free(store);
        }
    }
}

static void opens_an_empty_store(void **state)
{
    (void)state;
    fake_world none = world;
    none.event_count = 0;
    for (none.type_count = 0; none.type_count <= 3; none.type_count += 3) {
        none.relation_count = none.type_count;
        rs_store *store = fake_store_make(&none, 0, 1, 1);
        rs_graph *graph = open_at(store, RS_NO_TIME);
        rs_ids *ids = NULL;
        uint8_t wanted = 0;
        assert_int_equal(rs_graph_as_of(graph), RS_NO_TIME);
        assert_int_equal(rs_graph_node_count(graph), 0);
        assert_int_equal(rs_graph_ids(graph, &wanted, &ids, NULL), RS_OK);
        for (size_t relation = 0; relation < none.relation_count; relation++) {
            rs_counts counts = {0};
            rs_pair *pairs = NULL;
            size_t count = 1;
            assert_int_equal(rs_graph_counts(graph, relation, &counts, NULL, NULL), RS_OK);
            assert_int_equal(rs_graph_pairs(graph, relation, &pairs, &count, NULL, NULL), RS_OK);
            assert_int_equal(count, 0);
            rs_counts_free(&counts);
            free(pairs);
        }
        rs_ids_free(ids);
        rs_graph_close(graph);
        fake_store_free(store);
    }
}

/* ---- several threads, one graph
 * ------------------------------------------------------------------ */

static void *group_often(void *argument)
{
    const rs_graph *graph = argument;
    uint64_t uses = 0;
    for (int i = 0; i < 100; i++) {
        rs_groups groups = {0};
        uses += rs_graph_groups(graph, USES, &groups, NULL, NULL) == RS_OK ? groups.use_count : 0;
        rs_groups_free(&groups);
    }
    return (void *)(uintptr_t)uses;
}

static void serves_several_threads_at_a_time(void **state)
{
    (void)state;
    rs_store *store = small_store();
    rs_graph *graph = open_at(store, RS_NO_TIME);
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, group_often, graph), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        void *uses = NULL;
        pthread_join(threads[i], &uses);
        assert_int_equal((uintptr_t)uses, 400);
    }
    rs_graph_close(graph);
    fake_store_free(store);
}

/* ---- what can go wrong
 * --------------------------------------------------------------------------- */

static void refuses_relations_that_have_no_things(void **state)
{
    (void)state;
    const struct {
        size_t relation;
        const char *message;
    } rows[] = {
        {PAYS, "relation \"pays\" joins \"account\" and \"account\": expected a subject type and "
               "another, found two subject types"},
        {NEAR, "relation \"near\" joins \"device\" and \"shop\": expected a subject type and "
               "another, found no subject type"},
    };
    rs_store *store = small_store();
    rs_graph *graph = open_at(store, RS_NO_TIME);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rs_groups groups = {0};
        rs_use *uses = NULL;
        size_t count = 0;
        rs_error err = {0};
        assert_int_equal(rs_graph_groups(graph, rows[i].relation, &groups, NULL, &err), RS_EUSAGE);
        assert_string_equal(err.message, rows[i].message);
        assert_int_equal(rs_graph_uses(graph, rows[i].relation, &uses, &count, NULL, &err),
                         RS_EUSAGE);
        assert_string_equal(err.message, rows[i].message);
    }
    rs_graph_close(graph);
    fake_store_free(store);
}

static void refuses_more_nodes_than_it_can_number(void **state)
{
    (void)state;
    fake_world vast = world;
    vast.types[DEVICE].node_count = 1;
    vast.types[SHOP].node_count = UINT32_MAX - 4;
    rs_store *store = fake_store_make(&vast, 0, 1, 1);
    rs_graph *graph = NULL;
    rs_error err = {0};
    vast.types[DEVICE].node_count = 2; /* with three accounts one too many */
    assert_int_equal(rs_graph_open(&graph, store, NULL, NULL, &err), RS_ENOMEM);
    assert_string_equal(err.message, "the store has 4294967296 nodes; a run can number 4294967294 "
                                     "of all types together");
    assert_null(graph);
    fake_store_free(store);
}

static void names_the_type_of_a_damaged_dictionary(void **state)
{
    (void)state;
    const struct {
        fake_damage damage;
        const char *message;
    } rows[] = {
        {{.id_lost = true}, "type \"account\": 2 ids, expected 3"},
        {{.id_twice = true}, "type \"account\": node 1 has two ids"},
        {{.id_beyond = true}, "type \"account\": node 3 after 2 ids, expected 3 nodes"},
    };
    rs_store *store = small_store();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rs_graph *graph = NULL;
        rs_error err = {0};
        store->damage = rows[i].damage;
        assert_int_equal(rs_graph_open(&graph, store, NULL, NULL, &err), RS_ECORRUPT);
        assert_string_equal(err.message, rows[i].message);
        assert_null(graph);
    }
    fake_store_free(store);
}

/* Every call that reads edges of a relation, as one function. */
static rs_status call(const rs_graph *graph, int which, size_t relation, const rs_work *work,
                      rs_error *err)
{
    rs_groups groups = {0};
    rs_counts counts = {0};
    rs_peaks peaks = {0};
    rs_use *uses = NULL;
    rs_pair *pairs = NULL;
    size_t count = 0;
    rs_status status = which == 0   ? rs_graph_groups(graph, relation, &groups, work, err)
                       : which == 1 ? rs_graph_uses(graph, relation, &uses, &count, work, err)
                       : which == 2 ? rs_graph_pairs(graph, relation, &pairs, &count, work, err)
                       : which == 3 ? rs_graph_counts(graph, relation, &counts, work, err)
                                    : rs_graph_peaks(graph, relation, &peaks, work, err);
    rs_groups_free(&groups);
    rs_counts_free(&counts);
    rs_peaks_free(&peaks);
    free(uses);
    free(pairs);
    return status;
}
enum { CALLS = 5 };

static void names_the_relation_of_a_damaged_edge(void **state)
{
    (void)state;
    const struct {
        fake_damage damage;
        const char *message;
    } rows[] = {
        {{.src_beyond = true},
         "relation \"uses\" names node 1001 of type \"account\", which has 3"},
        {{.dst_beyond = true}, "relation \"uses\" names node 1002 of type \"device\", which has 3"},
        {{.more_each_time = true},
         "relation \"uses\" changed between two readings; the store must "
         "not be written over"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int which = 0; which < CALLS; which++) {
            rs_store *store = small_store();
            rs_graph *graph = open_at(store, RS_NO_TIME);
            rs_error err = {0};
            store->damage = rows[i].damage;
            assert_int_equal(call(graph, which, USES, NULL, &err), RS_ECORRUPT);
            assert_string_equal(err.message, rows[i].message);
            rs_graph_close(graph);
            fake_store_free(store);
        }
    }
}

static int stop_after(void *context, const rs_progress *now)
{
    int *left = context;
    (void)now;
    return (*left)-- <= 0;
}

static void stops_when_asked_to(void **state)
{
    (void)state;
    rs_store *store = small_store();
    rs_graph *graph = open_at(store, RS_NO_TIME);
    for (unsigned threads = 1; threads < 4; threads++) {
        rs_graph *another = NULL;
        int left = 0;
        rs_work work = {.threads = threads, .progress = stop_after, .context = &left};
        rs_error err = {0};
        assert_int_equal(rs_graph_open(&another, store, NULL, &work, &err), RS_EINTERRUPTED);
        assert_string_equal(err.message, "interrupted while at \"ordering nodes\"");
        assert_null(another);
    }
    for (int which = 0; which < CALLS; which++) {
        rs_status status = RS_EINTERRUPTED;
        for (int reports = 0; status == RS_EINTERRUPTED; reports++) {
            int left = reports;
            rs_work work = {.progress = stop_after, .context = &left};
            status = call(graph, which, USES, &work, NULL);
            assert_true(reports < 100);
        }
        assert_int_equal(status, RS_OK);
    }
    rs_graph_close(graph);
    fake_store_free(store);
}

/* A store in which every way is taken: many users of one thing, ties of hashes, columns to cut. */
static rs_store *crowd(fake_world *many)
{
    enum { USERS = 60 };
    static fake_event crowd_events[2 * USERS];
    for (uint32_t i = 0; i < 2 * USERS; i++) {
        crowd_events[i] = (fake_event)EVENT(i % 2 == 0 ? USES : PAYS, "a00", "d", i, 5);
        crowd_events[i].src.bytes[1] = (char)('0' + i / 2 / 10);
        crowd_events[i].src.bytes[2] = (char)('0' + i / 2 % 10);
        if (i % 2 != 0) { /* the first account pays all */
            crowd_events[i].dst = crowd_events[i].src;
            crowd_events[i].src = crowd_events[0].src;
        }
    }
    *many = world;
    many->events = crowd_events;
    many->event_count = 2 * USERS;
    return fake_store_make(many, 3, 2, 50);
}

static rs_status do_everything(const rs_store *store, rs_error *err)
{
    static const uint8_t all[200] = {[0 ... 199] = 1};
    rs_graph *graph = NULL;
    rs_ids *ids = NULL;
    rs_graph_options options = {.as_of = 110};
    rs_status status = rs_graph_open(&graph, store, &options, NULL, err);
    for (int which = 0; status == RS_OK && which < CALLS; which++) {
        status = call(graph, which, USES, NULL, err);
    }
    for (int which = 2; status == RS_OK && which < CALLS; which++) {
        status = call(graph, which, PAYS, NULL, err);
    }
    if (status == RS_OK) {
        status = rs_graph_ids(graph, all, &ids, err);
    }
    rs_ids_free(ids);
    rs_graph_close(graph);
    return status;
}

static void survives_every_failed_allocation(void **state)
{
    (void)state;
    fake_world many;
    rs_store *store = crowd(&many);
    for (int collisions = 0; collisions < 2; collisions++) {
        rs_status status = RS_ENOMEM;
        colliding = collisions == 1;
        for (int tries = 0; status == RS_ENOMEM; tries++) {
            rs_error err = {0};
            allowed = tries;
            limited = true;
            status = do_everything(store, &err);
            limited = false;
            /* Shrinking the pairs is the one allocation that may fail without harm. */
            assert_true(status == RS_OK || (status == RS_ENOMEM && err.message[0] != '\0'));
            assert_true(tries > 20 || status != RS_OK);
        }
        assert_int_equal(status, RS_OK);
    }
    colliding = false;
    fake_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_subjects_first_and_finds_ids),
        cmocka_unit_test(keeps_the_order_of_ids_for_ever),
        cmocka_unit_test(groups_what_two_and_more_use_up_to_as_of),
        cmocka_unit_test(takes_the_latest_event_of_all_relations_as_its_time),
        cmocka_unit_test(sums_pairs_and_leaves_out_selves),
        cmocka_unit_test(counts_what_a_subject_does),
        cmocka_unit_test(clamps_sums_in_any_order),
        cmocka_unit_test(opens_an_empty_store),
        cmocka_unit_test(serves_several_threads_at_a_time),
        cmocka_unit_test(refuses_relations_that_have_no_things),
        cmocka_unit_test(refuses_more_nodes_than_it_can_number),
        cmocka_unit_test(names_the_type_of_a_damaged_dictionary),
        cmocka_unit_test(names_the_relation_of_a_damaged_edge),
        cmocka_unit_test(stops_when_asked_to),
        cmocka_unit_test(survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
