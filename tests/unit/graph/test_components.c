/* test_components.c - components of a whole store are what lowering labels until nothing moves
 * says.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
/* WRAP: rs_store_type_count rs_store_relation_count rs_store_type rs_store_relation rs_store_type_named rs_store_find rs_scan_open rs_scan_next rs_scan_close rs_names_open rs_names_next rs_names_close */
/* clang-format on */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_store.h"

enum { TYPES = 3, EVENTS_MAX = 400, NODES_MAX = 1000 };

static fake_id id_of(uint32_t number)
{
    fake_id id = {0};
    id.length = (size_t)snprintf(id.bytes, sizeof id.bytes, "%u", number);
    return id;
}

/* Accounts, devices and cards; payments, uses, and a relation between things. */
static void make_world(fake_world *world, fake_event *events, rsi_random *random, uint32_t spread)
{
    static const char *const types[TYPES] = {"account", "card", "device"};
    static const uint32_t ends[3][2] = {{0, 0}, {0, 2}, {2, 1}};
    *world = (fake_world){.type_count = TYPES, .relation_count = 3, .events = events};
    for (size_t t = 0; t < TYPES; t++) {
        world->types[t] = (rs_type_info){.name = types[t], .subject = t == 0};
    }
    for (size_t r = 0; r < 3; r++) {
        world->relations[r] = (rs_relation_info){.name = r == 0   ? "pays"
                                                         : r == 1 ? "uses"
                                                                  : "with",
                                                 .kind = r == 0 ? RS_KIND_PAYMENT : RS_KIND_SHARED,
                                                 .src_type = ends[r][0],
                                                 .dst_type = ends[r][1],
                                                 .currency = "",
                                                 .time_min = RS_NO_TIME,
                                                 .time_max = RS_NO_TIME};
    }
    world->event_count = rsi_random_below(random, EVENTS_MAX);
    for (size_t i = 0; i < world->event_count; i++) {
        events[i] = (fake_event){.relation = rsi_random_below(random, 3),
                                 .src = id_of(rsi_random_below(random, spread)),
                                 .dst = id_of(rsi_random_below(random, spread)),
                                 .time = RS_NO_TIME,
                                 .amount = RS_NO_AMOUNT,
                                 .precision_s = 1};
    }
}

/* The definition itself: lower every label to its neighbours' until nothing moves. */
static rs_component_counts reference(const rs_store *store)
{
    static uint32_t label[NODES_MAX], size[NODES_MAX];
    uint32_t first[TYPES + 1] = {0};
    rs_component_counts out = {0};
    for (size_t t = 0; t < TYPES; t++) {
        first[t + 1] = first[t] + store->node_count[t];
    }
    for (uint32_t v = 0; v < first[TYPES]; v++) {
        label[v] = v;
        size[v] = 0;
    }
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t r = 0; r < store->world->relation_count; r++) {
            const rs_relation_info *info = &store->world->relations[r];
            for (size_t i = 0; i < store->edge_count[r]; i++) {
                uint32_t *a = &label[first[info->src_type] + store->edges[r][i].src];
                uint32_t *b = &label[first[info->dst_type] + store->edges[r][i].dst];
                moved = moved || *a != *b;
                *a = *b = *a < *b ? *a : *b;
            }
        }
    }
    for (uint32_t v = 0; v < first[TYPES]; v++) {
        size[label[v]]++;
    }
    out.node_count = first[TYPES];
    for (uint32_t v = 0; v < first[TYPES]; v++) {
        out.component_count += size[v] > 0;
        out.single_count += size[v] == 1;
        out.largest = size[v] > out.largest ? size[v] : out.largest;
    }
    return out;
}

static void agrees_with_the_definition_whatever_the_threads(void **state)
{
    (void)state;
    static fake_event events[EVENTS_MAX];
    bool several = false;
    for (uint32_t round = 0; round < 300; round++) {
        fake_world world;
        rsi_random random;
        rsi_random_seed(&random, 3, round);
        make_world(&world, events, &random, 5 + rsi_random_below(&random, 300));
        rs_store *store = fake_store_make(&world, round, 1 + round % 3, 1 + round % 50);
        rs_component_counts wanted = reference(store);
        for (unsigned threads = 1; threads <= 3; threads++) {
            rs_work work = {.threads = threads};
            rs_component_counts found;
            rs_error err = {0};
            assert_int_equal(rs_store_components(store, &work, &found, &err), RS_OK);
            assert_int_equal(found.node_count, wanted.node_count);
            assert_int_equal(found.component_count, wanted.component_count);
            assert_int_equal(found.single_count, wanted.single_count);
            assert_int_equal(found.largest, wanted.largest);
        }
        several = several || (wanted.component_count > 5 && wanted.largest > 20);
        fake_store_free(store);
    }
    assert_true(several);
}

static int stop(void *context, const rs_progress *now)
{
    (void)context;
    (void)now;
    return 1;
}

static void stops_when_asked_to(void **state)
{
    (void)state;
    static fake_event events[EVENTS_MAX];
    fake_world world;
    rsi_random random;
    rsi_random_seed(&random, 3, 1);
    make_world(&world, events, &random, 50);
    rs_store *store = fake_store_make(&world, 1, 1, 10);
    rs_work work = {.threads = 1, .progress = stop};
    rs_component_counts found;
    rs_error err = {0};
    assert_int_equal(rs_store_components(store, &work, &found, &err), RS_EINTERRUPTED);
    fake_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_definition_whatever_the_threads),
        cmocka_unit_test(stops_when_asked_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
