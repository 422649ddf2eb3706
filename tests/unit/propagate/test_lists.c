/* test_lists.c - lists are read strictly, and age into seeds.
 *
 * The graph is a fake: types "account" and "device" with the ids "0" .. "99", nodes 0 .. 99 and 100
 * .. 199.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */

/* clang-format off */
/* WRAP: malloc calloc realloc rs_graph_find rs_graph_as_of rs_graph_node_count rs_graph_store rs_graph_node rs_store_type_count rs_store_type rs_store_type_named rs_names_open rs_names_next rs_names_close */
/* clang-format on */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../temporary.h"
#include "ringscope/lists.h"
#include "ringscope/propagate.h"

enum { NODES = 200, DAY_S = 86400 };

static int allowed = INT32_MAX; /* allocations that still succeed */
static int64_t as_of = RS_NO_TIME;
static int finds_before_damage = INT32_MAX;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
rs_status __wrap_rs_graph_find(const rs_graph *graph, const char *type, rs_text id, uint32_t *node,
                               rs_error *err);
int64_t __wrap_rs_graph_as_of(const rs_graph *graph);
uint32_t __wrap_rs_graph_node_count(const rs_graph *graph);
const rs_store *__wrap_rs_graph_store(const rs_graph *graph);
uint32_t __wrap_rs_graph_node(const rs_graph *graph, size_t type, uint32_t dense);
size_t __wrap_rs_store_type_count(const rs_store *store);
rs_type_info __wrap_rs_store_type(const rs_store *store, size_t type);
size_t __wrap_rs_store_type_named(const rs_store *store, const char *name);
rs_status __wrap_rs_names_open(rs_names **out, const rs_store *store, size_t type, rs_error *err);
rs_status __wrap_rs_names_next(rs_names *names, uint32_t *node, rs_text *id, rs_error *err);
void __wrap_rs_names_close(rs_names *names);

void *__wrap_malloc(size_t size)
{
    return allowed-- > 0 ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return allowed-- > 0 ? __real_calloc(count, size) : NULL;
}

void *__wrap_realloc(void *memory, size_t size)
{
    return allowed-- > 0 ? __real_realloc(memory, size) : NULL;
}

/* What a look-up costs against reading all ids: the fake says how many ids there are. */
static uint32_t claimed_count = 100;
static int finds;
static struct {
    char bytes[100][3];
    uint32_t next;
} names;

/* Ids in two parts, as of two batches: the even ones and the odd ones, each ascending bytewise. */
static int by_part_and_bytes(const void *left, const void *right)
{
    const char *a = left, *b = right;
    int a_part = a[strlen(a) - 1] % 2, b_part = b[strlen(b) - 1] % 2;
    return a_part != b_part ? a_part - b_part : strcmp(a, b);
}

static void name_all(void)
{
    for (unsigned i = 0; i < 100; i++) {
        snprintf(names.bytes[i], sizeof names.bytes[i], "%u", i % 100);
    }
    qsort(names.bytes, 100, sizeof names.bytes[0], by_part_and_bytes);
}

rs_status __wrap_rs_graph_find(const rs_graph *graph, const char *type, rs_text id, uint32_t *node,
                               rs_error *err)
{
    (void)graph;
    finds++;
    if (finds_before_damage-- == 0) {
        return rs_fail(err, RS_ECORRUPT, "dictionary: block 3 is damaged");
    }
    *node = RS_NO_NODE;
    for (uint32_t dense = 0; dense < 100; dense++) {
        if (id.length == strlen(names.bytes[dense]) &&
            memcmp(names.bytes[dense], id.bytes, id.length) == 0) {
            *node = __wrap_rs_graph_node(graph, strcmp(type, "account") != 0, dense);
        }
    }
    return RS_OK;
}

const rs_store *__wrap_rs_graph_store(const rs_graph *graph)
{
    (void)graph;
    return NULL;
}

uint32_t __wrap_rs_graph_node(const rs_graph *graph, size_t type, uint32_t dense)
{
    (void)graph;
    return 100 * (uint32_t)type + (uint32_t)strtoul(names.bytes[dense], NULL, 10);
}

size_t __wrap_rs_store_type_count(const rs_store *store)
{
    (void)store;
    return 2;
}

rs_type_info __wrap_rs_store_type(const rs_store *store, size_t type)
{
    (void)store;
    return (rs_type_info){.name = type == 0 ? "account" : "device", .node_count = claimed_count};
}

size_t __wrap_rs_store_type_named(const rs_store *store, const char *name)
{
    (void)store;
    return strcmp(name, "account") == 0 ? 0 : strcmp(name, "device") == 0 ? 1 : SIZE_MAX;
}

rs_status __wrap_rs_names_open(rs_names **out, const rs_store *store, size_t type, rs_error *err)
{
    (void)store;
    (void)type;
    (void)err;
    names.next = 0;
    *out = (rs_names *)&names;
    return RS_OK;
}

rs_status __wrap_rs_names_next(rs_names *unused, uint32_t *node, rs_text *id, rs_error *err)
{
    (void)unused;
    if (finds_before_damage-- == 0) {
        return rs_fail(err, RS_ECORRUPT, "dictionary: block 3 is damaged");
    }
    *node = names.next < 100 ? names.next : RS_NO_NODE;
    if (names.next < 100) {
        *id = (rs_text){names.bytes[names.next], strlen(names.bytes[names.next])};
        names.next++;
    }
    return RS_OK;
}

void __wrap_rs_names_close(rs_names *unused)
{
    (void)unused;
}

int64_t __wrap_rs_graph_as_of(const rs_graph *graph)
{
    (void)graph;
    return as_of;
}

uint32_t __wrap_rs_graph_node_count(const rs_graph *graph)
{
    (void)graph;
    return NODES;
}

static rs_status read_once(const char *bytes, size_t length, rs_list *list, rs_error *err)
{
    char path[TEMPORARY_PATH];
    temporary_file(path, "", bytes, length);
    name_all();
    rs_status status = rs_list_read(NULL, path, list, err);
    unlink(path);
    /* Names differ from run to run. */
    char *at = strstr(err->message, path);
    if (at != NULL) {
        memmove(at, at + strlen(path), strlen(at + strlen(path)) + 1);
    }
    return status;
}

/* Look ids up singly, then by a pass over all: with the same outcome. */
static rs_status read_bytes(const char *bytes, size_t length, rs_list *list, rs_error *err)
{
    rs_list singly = {0};
    claimed_count = 1000000;
    rs_status expected = read_once(bytes, length, &singly, err);
    claimed_count = 100;
    finds = 0;
    rs_status status = read_once(bytes, length, list, err);
    assert_int_equal(finds, 0);
    assert_int_equal(status, expected);
    assert_int_equal(list->count, singly.count);
    assert_int_equal(list->missing_count, singly.missing_count);
    for (size_t i = 0; i < list->count; i++) {
        assert_memory_equal(&list->entries[i], &singly.entries[i], sizeof *list->entries);
    }
    rs_list_free(&singly);
    return status;
}

static rs_status read_text(const char *text, rs_list *list, rs_error *err)
{
    return read_bytes(text, strlen(text), list, err);
}

/* ---- reading
 * ------------------------------------------------------------------------------------------ */

static void reads_entries_in_order_of_nodes(void **state)
{
    (void)state;
    rs_list list;
    rs_error err = {0};
    as_of = RS_NO_TIME;
    assert_int_equal(read_text("type,id,reason,strength,since\n"
                               "device,5,\"shared, by all\",0.25,2026-03-01\n"
                               "account,7,chargeback,,\n"
                               "account,3,review,1,1700000000\n"
                               "account,4,,0.000001,2026-03-01T12:00:00+01:00\n",
                               &list, &err),
                     RS_OK);
    const rs_list_entry expected[] = {
        {.node = 3, .strength = 1000000, .since = 1700000000, .reason = "review"},
        {.node = 4, .strength = 1, .since = 1772362800, .reason = ""},
        {.node = 7, .strength = 1000000, .since = RS_NO_TIME, .reason = "chargeback"},
        {.node = 105, .strength = 250000, .since = 1772323200, .reason = "shared, by all"},
    };
    assert_int_equal(list.count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(list.entries[i].node, expected[i].node);
        assert_int_equal(list.entries[i].strength, expected[i].strength);
        assert_true(list.entries[i].since == expected[i].since);
        assert_string_equal(list.entries[i].reason, expected[i].reason);
    }
    assert_int_equal(list.missing_count + list.repeated_count + list.future_count, 0);
    rs_list_free(&list);
}

static void takes_columns_in_any_order_and_ignores_others(void **state)
{
    (void)state;
    rs_list list;
    rs_error err = {0};
    assert_int_equal(read_text("note,since,reason,id,type\nx,,r,9,account\n", &list, &err), RS_OK);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.entries[0].node, 9);
    rs_list_free(&list);
    assert_int_equal(read_text("id,type,reason\n", &list, &err), RS_OK);
    assert_int_equal(list.count, 0);
    assert_null(list.entries);
    rs_list_free(&list);
    rs_list_free(NULL);
}

static void counts_what_the_store_does_not_know(void **state)
{
    (void)state;
    rs_list list;
    rs_error err = {0};
    char text[2000] = "type,id,reason\naccount,1,r\naccount,nobody,r\nghost,1,r\n";
    memset(text + strlen(text), 'x', 400); /* a type that is longer than any */
    strncat(text, ",1,r\n", sizeof text - strlen(text) - 1);
    assert_int_equal(read_text(text, &list, &err), RS_OK);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.missing_count, 3);
    rs_list_free(&list);
    const char zero[] = "type,id,reason\nacc\0ount,1,r\naccount,1\0,r\n";
    assert_int_equal(read_bytes(zero, sizeof zero - 1, &list, &err), RS_OK);
    assert_int_equal(list.count, 0);
    assert_int_equal(list.missing_count, 2);
    rs_list_free(&list);
}

/* Whatever the order of rows. */
static void keeps_the_strongest_then_the_earliest_of_repeated_rows(void **state)
{
    (void)state;
    const char *rows[] = {
        "account,5,weak,0.5,100\n",  "account,5,late,0.75,300\n",    "account,5,early b,0.75,200\n",
        "account,5,undated,0.75,\n", "account,5,early a,0.75,200\n",
    };
    enum { ROWS = sizeof rows / sizeof *rows };
    rs_error err = {0};
    for (size_t turn = 0; turn < ROWS; turn++) {
        for (int backwards = 0; backwards < 2; backwards++) {
            char text[400] = "type,id,reason,strength,since\n";
            for (size_t i = 0; i < ROWS; i++) {
                size_t row = (turn + (backwards ? ROWS - i : i)) % ROWS;
                strncat(text, rows[row], sizeof text - strlen(text) - 1);
            }
            rs_list list;
            assert_int_equal(read_text(text, &list, &err), RS_OK);
            assert_int_equal(list.count, 1);
            assert_int_equal(list.repeated_count, ROWS - 1);
            assert_string_equal(list.entries[0].reason, "early a");
            rs_list_free(&list);
        }
    }
}

static void leaves_out_what_is_not_known_yet(void **state)
{
    (void)state;
    rs_list list;
    rs_error err = {0};
    as_of = 1000;
    assert_int_equal(read_text("type,id,reason,since\naccount,1,r,999\naccount,2,r,1000\n"
                               "account,3,r,1001\naccount,4,r,\n",
                               &list, &err),
                     RS_OK);
    assert_int_equal(list.count, 3);
    assert_int_equal(list.future_count, 1);
    rs_list_free(&list);
    as_of = RS_NO_TIME;
}

static void cuts_a_reason_at_a_character_and_keeps_it_one_line(void **state)
{
    (void)state;
    rs_list list;
    rs_error err = {0};
    char text[600] = "type,id,reason\naccount,1,";
    for (int i = 0; i < 100; i++) {
        strncat(text, "\u00e4", sizeof text - strlen(text) - 1); /* two bytes each */
    }
    strncat(text, "\naccount,2,\"two\r\nlines\"\n", sizeof text - strlen(text) - 1);
    assert_int_equal(read_text(text, &list, &err), RS_OK);
    assert_int_equal(strlen(list.entries[0].reason), 118); /* 119 would end in half of one */
    assert_string_equal(list.entries[1].reason, "two  lines");
    rs_list_free(&list);
}

static void tells_the_place_of_what_is_wrong(void **state)
{
    (void)state;
    const struct {
        const char *text;
        const char *message;
    } rows[] = {
        {"", ":1:1: the file is empty, expected a header"},
        {"type,id\naccount,1\n",
         ":1:1: the header has no column \"reason\" (expected type,id,reason[,strength][,since])"},
        {"id,reason\n1,r\n",
         ":1:1: the header has no column \"type\" (expected type,id,reason[,strength][,since])"},
        {"type,reason\naccount,r\n",
         ":1:1: the header has no column \"id\" (expected type,id,reason[,strength][,since])"},
        {"type,id,reason\naccount,1,r\n,2,r\n", ":3:1: type is empty"},
        {"type,id,reason\naccount,,r\n", ":2:2: id is empty"},
        {"type,id,reason,strength\naccount,1,r,0\n",
         ":2:4: strength is out of range (expected above 0, at most 1)"},
        {"type,id,reason,strength\naccount,1,r,-0.5\n",
         ":2:4: strength is out of range (expected above 0, at most 1)"},
        {"type,id,reason,strength\naccount,1,r,1.000001\n",
         ":2:4: strength is out of range (expected above 0, at most 1)"},
        {"strength,type,id,reason\nhigh,account,1,r\n", ":2:1: strength "},
        {"type,id,reason,strength\naccount,1,r,0.1234567\n", ":2:4: strength "},
        {"type,id,reason,since\n\"account\",1,\"two\nlines\",\naccount,1,r,yesterday\n",
         ":4:4: since "},
        {"type,id,reason,since\nghost,1,r,yesterday\n", ":2:4: since "},
        {"type,id,reason\naccount,1\n", ":2:3: 2 fields, expected 3 as in the header"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rs_list list = {.count = 77};
        rs_error err = {0};
        assert_int_equal(read_text(rows[i].text, &list, &err), RS_EINPUT);
        bool is_whole = rows[i].message[strlen(rows[i].message) - 1] != ' ';
        if (is_whole ? strcmp(err.message, rows[i].message) != 0
                     : strncmp(err.message, rows[i].message, strlen(rows[i].message)) != 0) {
            fail_msg("%s, expected %s", err.message, rows[i].message);
        }
        assert_int_equal(list.count, 0);
        assert_null(list.entries);
    }
}

static void passes_on_what_the_store_says(void **state)
{
    (void)state;
    const char text[] = "type,id,reason\naccount,1,r\naccount,2,r\n";
    for (int way = 0; way < 2; way++) {
        rs_list list = {.count = 77};
        rs_error err = {0};
        finds_before_damage = 1;
        claimed_count = way == 0 ? 1000000 : 100;
        assert_int_equal(read_once(text, strlen(text), &list, &err), RS_ECORRUPT);
        finds_before_damage = INT32_MAX;
        assert_string_equal(err.message, "dictionary: block 3 is damaged");
        assert_true(list.entries == NULL && list.count == 0);
    }
    rs_list list;
    assert_int_equal(rs_list_read(NULL, "no/such/list.csv", &list, NULL), RS_EUSAGE);
}

/* Every order of asking, ids between and behind those of the store. */
static void finds_all_that_are_there_and_no_others(void **state)
{
    (void)state;
    static char text[20000];
    for (int turn = 0; turn < 5; turn++) {
        snprintf(text, sizeof text, "type,id,reason\n");
        for (int i = 0; i < 500; i++) {
            char row[40];
            int id = i * 7919 % 500 * (turn + 1) / 3 % 200;
            snprintf(row, sizeof row, "%s,%d%s,r\n", i % 3 ? "account" : "device", id,
                     i % 5 == 0 ? "x" : "");
            strncat(text, row, sizeof text - strlen(text) - 1);
        }
        rs_list list;
        rs_error err = {0};
        assert_int_equal(read_text(text, &list, &err), RS_OK);
        assert_true(list.count > 30 && list.missing_count > 100);
        assert_int_equal(list.count + list.missing_count + list.repeated_count, 500);
        rs_list_free(&list);
    }
}

static void survives_every_failed_allocation(void **state)
{
    (void)state;
    char text[4000] = "type,id,reason\n";
    for (int i = 0; i < 90; i++) {
        char row[32];
        snprintf(row, sizeof row, "account,%d,\"a \"\"b\"\"\"\n", i);
        strncat(text, row, sizeof text - strlen(text) - 1);
    }
    rs_status status = RS_ENOMEM;
    int tries = 0;
    for (; status == RS_ENOMEM; tries++) {
        rs_list list;
        rs_error err = {0};
        allowed = tries;
        status = read_once(text, strlen(text), &list, &err);
        allowed = INT32_MAX;
        if (status == RS_OK) {
            assert_int_equal(list.count, 90);
        } else {
            assert_non_null(strstr(err.message, "out of memory"));
        }
        rs_list_free(&list);
    }
    assert_int_equal(status, RS_OK);
    assert_true(tries > 5);
}

/* ---- seeds
 * -------------------------------------------------------------------------------------------- */

static void fades_by_half_with_each_half_life(void **state)
{
    (void)state;
    const struct {
        uint32_t strength;
        int64_t age_days; /* -1: unknown */
        uint32_t half_life_days;
        double seed;
    } rows[] = {
        {1000000, 0, 730, 1},        {1000000, 730, 730, 0.5},       {1000000, 1460, 730, 0.25},
        {500000, 730, 730, 0.25},    {1000000, 365, 730, M_SQRT1_2}, {1000000, -1, 730, 1},
        {1000000, 100000, 0, 1},     {1000000, 33 * 10, 10, 0},      {1, 0, 730, 0.000001},
        {1000000, 1, UINT32_MAX, 1},
    };
    as_of = 200000 * (int64_t)DAY_S;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rs_list_entry entry = {.node = 3, .strength = rows[i].strength};
        entry.since = rows[i].age_days < 0 ? RS_NO_TIME : as_of - rows[i].age_days * DAY_S;
        rs_list list = {.entries = &entry, .count = 1};
        rs_seed_options options = {.half_life_days = rows[i].half_life_days};
        int64_t seed[NODES];
        rs_seeds(NULL, &list, NULL, &options, seed);
        assert_true(fabs((double)seed[3] / (double)RS_RISK_ONE - rows[i].seed) < 1e-9);
        rs_seeds(NULL, NULL, &list, &options, seed);
        assert_true(fabs((double)seed[3] / (double)RS_RISK_ONE + rows[i].seed) < 1e-9);
    }
    as_of = RS_NO_TIME;
}

static void never_fades_without_a_time_to_count_from(void **state)
{
    (void)state;
    rs_list_entry entry = {.node = 0, .strength = 1000000, .since = 5};
    rs_list list = {.entries = &entry, .count = 1};
    rs_seed_options options = RS_SEED_DEFAULTS;
    int64_t seed[NODES];
    as_of = RS_NO_TIME;
    rs_seeds(NULL, &list, NULL, &options, seed);
    assert_true(seed[0] == RS_RISK_ONE);
}

static void counts_a_node_on_both_lists_as_blacklisted(void **state)
{
    (void)state;
    rs_list_entry black[] = {{.node = 1, .strength = 1000000, .since = RS_NO_TIME},
                             {.node = 5, .strength = 250000, .since = RS_NO_TIME},
                             {.node = 199, .strength = 1000000, .since = RS_NO_TIME}};
    rs_list_entry white[] = {{.node = 0, .strength = 1000000, .since = RS_NO_TIME},
                             {.node = 5, .strength = 1000000, .since = RS_NO_TIME},
                             {.node = 7, .strength = 500000, .since = RS_NO_TIME},
                             {.node = 199, .strength = 1000000, .since = RS_NO_TIME}};
    rs_list blacklist = {.entries = black, .count = 3}, whitelist = {.entries = white, .count = 4};
    rs_seed_options options = RS_SEED_DEFAULTS;
    int64_t seed[NODES];
    memset(seed, 0x55, sizeof seed);
    rs_seeds(NULL, &blacklist, &whitelist, &options, seed);
    for (size_t v = 0; v < NODES; v++) {
        int64_t expected = v == 1 || v == 199 ? RS_RISK_ONE
                           : v == 5           ? RS_RISK_ONE / 4
                           : v == 0           ? -RS_RISK_ONE
                           : v == 7           ? -RS_RISK_ONE / 2
                                              : 0;
        assert_true(seed[v] == expected);
    }
    rs_seeds(NULL, NULL, NULL, &options, seed);
    assert_true(seed[1] == 0);
}

static void lists_who_is_listed_both_ways(void **state)
{
    (void)state;
    /* 2, 4 and 6 are one person, 1 and 8 another; 30 is a thing */
    uint32_t entity[10] = {0, 1, 2, 3, 2, 5, 2, 7, 1, 9};
    rs_list_entry black[] = {{.node = 3}, {.node = 4}, {.node = 6}, {.node = 8}, {.node = 30}};
    rs_list_entry white[] = {{.node = 0}, {.node = 1}, {.node = 2},  {.node = 3},
                             {.node = 6}, {.node = 9}, {.node = 30}, {.node = 31}};
    const rs_conflict expected[] = {{8, 1}, {4, 2}, {3, 3}, {6, 6}, {30, 30}};
    rs_list blacklist = {.entries = black, .count = 5}, whitelist = {.entries = white, .count = 8};
    rs_list none = {0};
    rs_conflicts found;
    for (size_t keep_max = 0; keep_max < 7; keep_max++) {
        assert_int_equal(
            rs_conflicts_find(&blacklist, &whitelist, entity, 10, keep_max, &found, NULL), RS_OK);
        assert_int_equal(found.count, 5);
        assert_int_equal(found.kept_count, keep_max < 5 ? keep_max : 5);
        for (size_t i = 0; i < found.kept_count; i++) {
            assert_int_equal(found.kept[i].blacklisted, expected[i].blacklisted);
            assert_int_equal(found.kept[i].whitelisted, expected[i].whitelisted);
        }
        rs_conflicts_free(&found);
    }
    assert_int_equal(rs_conflicts_find(&none, &whitelist, entity, 10, 9, &found, NULL), RS_OK);
    assert_int_equal(found.count, 0);
    assert_int_equal(rs_conflicts_find(&blacklist, &none, entity, 10, 9, &found, NULL), RS_OK);
    assert_int_equal(found.count, 0);
}

static void lists_more_conflicts_than_fit_at_first(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    rs_list_entry entries[COUNT] = {{0}};
    uint32_t entity[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        entries[i].node = i;
        entity[i] = i;
    }
    rs_list both = {.entries = entries, .count = COUNT};
    rs_conflicts found;
    assert_int_equal(rs_conflicts_find(&both, &both, entity, COUNT, 100, &found, NULL), RS_OK);
    assert_int_equal(found.count, COUNT);
    assert_int_equal(found.kept_count, 100);
    for (uint32_t i = 0; i < 100; i++) {
        assert_true(found.kept[i].blacklisted == i && found.kept[i].whitelisted == i);
    }
    rs_conflicts_free(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_entries_in_order_of_nodes),
        cmocka_unit_test(takes_columns_in_any_order_and_ignores_others),
        cmocka_unit_test(counts_what_the_store_does_not_know),
        cmocka_unit_test(keeps_the_strongest_then_the_earliest_of_repeated_rows),
        cmocka_unit_test(leaves_out_what_is_not_known_yet),
        cmocka_unit_test(cuts_a_reason_at_a_character_and_keeps_it_one_line),
        cmocka_unit_test(tells_the_place_of_what_is_wrong),
        cmocka_unit_test(passes_on_what_the_store_says),
        cmocka_unit_test(finds_all_that_are_there_and_no_others),
        cmocka_unit_test(survives_every_failed_allocation),
        cmocka_unit_test(fades_by_half_with_each_half_life),
        cmocka_unit_test(never_fades_without_a_time_to_count_from),
        cmocka_unit_test(counts_a_node_on_both_lists_as_blacklisted),
        cmocka_unit_test(lists_who_is_listed_both_ways),
        cmocka_unit_test(lists_more_conflicts_than_fit_at_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
