/* test_read.c - reading reports back, whole and damaged.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc strdup */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../temporary.h"
#include "ringscope/report.h"

/* ---- failures by order ----------------------------------------------------------------------- */

static int allocations_left = -1; /* -1: no end */

static bool may_allocate(void)
{
    if (allocations_left == 0) {
        return false;
    }
    allocations_left -= allocations_left > 0;
    return true;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return may_allocate() ? __real_malloc(size) : NULL;
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    return may_allocate() ? __real_calloc(count, size) : NULL;
}

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
    return may_allocate() ? __real_realloc(memory, size) : NULL;
}

char *__real_strdup(const char *string);
char *__wrap_strdup(const char *string);
char *__wrap_strdup(const char *string)
{
    return may_allocate() ? __real_strdup(string) : NULL;
}

/* ---- a report of two rings ------------------------------------------------------------------- */

#define HEAD                                                                                       \
    "{\"report\":\"ringscope/1\",\n\"run\":{\"as_of\":null},\n\"totals\":{\"clusters\":2},\n"      \
    "\"clusters\":[\n"
#define MEMBER(id)                                                                                 \
    "{\"type\":\"account\",\"id\":\"" id                                                           \
    "\",\"risk\":0.500000,\"membership\":1.000000,\"known\":true,\"role\":\"core\"}"
#define THING "{\"type\":\"device\",\"id\":\"d\",\"risk\":0.250000,\"known\":false,\"shared_by\":3}"
#define FACT                                                                                       \
    "{\"relation\":\"uses\",\"thing\":{\"type\":\"device\",\"id\":\"d\"},\"user_type\":"           \
    "\"account\",\"users\":[\"a\\u0000b\",\"c\"],\"more\":7,\"events\":12}"
#define BARE_FACT                                                                                  \
    "{\"relation\":null,\"thing\":null,\"user_type\":\"account\",\"users\":[\"c\"],\"events\":0}"
#define RING(id)                                                                                   \
    "{\"id\":\"" id "\",\"score\":0.930000,\"since\":\"2026-03-01\",\"lineage\":{\"event\":"       \
    "\"born\",\"from\":[]},\"members\":[" MEMBER("a\\u0000b") "," MEMBER(                          \
        "c") "],\"things\":[" THING "],\"reasons\":[{\"kind\":\"shared_device\",\"weight\":"       \
             "0.600000,\"text\":\"t\",\"members\":9,\"things\":1,\"facts\":[" FACT "," BARE_FACT   \
             "]},{\"kind\":\"x\",\"weight\":0.400000,\"text\":\"u\",\"members\":1,\"things\":0,"   \
             "\"facts\":[" BARE_FACT "]}]}"
#define FIRST  RING("R-0000000000001")
#define SECOND RING("R-0000000000002")
#define REPORT HEAD FIRST ",\n" SECOND "\n]}\n"

static char path[] = "/tmp/ringscope-read-XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void put(const char *bytes, size_t length)
{
    temporary_overwrite(path, bytes, length);
}

/* Read all rings; RS_OK and how many, or why not. */
static rs_status read_all(size_t *count, rs_error *err)
{
    rs_report *report = NULL;
    const rs_cluster *cluster;
    *count = 0;
    rs_status status = rs_report_open(&report, path, err);
    while (status == RS_OK) {
        status = rs_report_next(report, &cluster, err);
        if (status != RS_OK || cluster == NULL) {
            break;
        }
        ++*count;
    }
    rs_report_close(report);
    return status;
}

static void assert_text(rs_text text, const char *bytes, size_t length)
{
    assert_int_equal(text.length, length);
    assert_memory_equal(text.bytes, bytes, length);
}

static void check_ring(const rs_cluster *cluster)
{
    assert_int_equal(cluster->score, 930000);
    assert_text(cluster->since, "2026-03-01", 10);
    assert_text(cluster->event, "born", 4);
    assert_int_equal(cluster->member_count, 2);
    assert_text(cluster->members[0].node.id, "a\0b", 3);
    assert_text(cluster->members[1].node.id, "c", 1);
    assert_int_equal(cluster->members[1].risk, 500000);
    assert_int_equal(cluster->members[1].membership, 1000000);
    assert_true(cluster->members[1].known);
    assert_int_equal(cluster->members[1].role, RS_ROLE_CORE);
    assert_int_equal(cluster->thing_count, 1);
    assert_text(cluster->things[0].node.type, "device", 6);
    assert_int_equal(cluster->things[0].shared_by, 3);
    assert_int_equal(cluster->reason_count, 2);
    assert_int_equal(cluster->reasons[0].fact_count, 2);
    assert_int_equal(cluster->reasons[0].member_count, 9);
    const rs_cluster_fact *fact = cluster->reasons[0].facts;
    assert_text(fact->relation, "uses", 4);
    assert_text(fact->thing.id, "d", 1);
    assert_int_equal(fact->user_count, 2);
    assert_text(fact->users[0], "a\0b", 3);
    assert_int_equal(fact->more, 7);
    assert_int_equal(fact->event_count, 12);
    assert_int_equal(fact[1].relation.length, 0);
    assert_int_equal(fact[1].thing.type.length, 0);
    assert_text(fact[1].users[0], "c", 1);
    assert_int_equal(cluster->reasons[1].fact_count, 1);
    assert_text(cluster->reasons[1].facts[0].users[0], "c", 1);
}

static void gives_back_every_field(void **state)
{
    (void)state;
    rs_report *report = NULL;
    const rs_cluster *cluster;
    put(REPORT, sizeof REPORT - 1);
    assert_int_equal(rs_report_open(&report, path, NULL), RS_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rs_report_next(report, &cluster, NULL), RS_OK);
        check_ring(cluster);
        const char *json = i == 0 ? FIRST : SECOND;
        assert_text(cluster->json, json, strlen(json));
    }
    for (int i = 0; i < 2; i++) { /* the end stays the end */
        assert_int_equal(rs_report_next(report, &cluster, NULL), RS_OK);
        assert_null(cluster);
    }
    rs_report_close(report);
}

static void reads_a_report_without_rings(void **state)
{
    (void)state;
    size_t count;
    static const char none[] = HEAD "]}\n";
    put(none, sizeof none - 1);
    assert_int_equal(read_all(&count, NULL), RS_OK);
    assert_int_equal(count, 0);
}

static void finds_a_ring_by_its_id(void **state)
{
    (void)state;
    rs_report *report = NULL;
    const rs_cluster *cluster;
    rs_error err;
    static const char second[] = "R-0000000000002";
    put(REPORT, sizeof REPORT - 1);
    assert_int_equal(rs_report_open(&report, path, &err), RS_OK);
    for (int i = 0; i < 2; i++) { /* from wherever the file stands */
        assert_int_equal(rs_report_find(report, (rs_text){second, 15}, &cluster, &err), RS_OK);
        assert_text(cluster->id, second, 15);
        check_ring(cluster);
    }
    const char *const unknown[] = {"R-0000000000003", "R-000000000000", "", "R-000000000000\"",
                                   "x"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        rs_text id = {unknown[i], strlen(unknown[i])};
        assert_int_equal(rs_report_find(report, id, &cluster, &err), RS_ENOTFOUND);
        assert_null(cluster);
    }
    assert_non_null(strstr(err.message, "ring \"x\" is not in report"));
    rs_report_close(report);
}

static void names_the_place_of_damage(void **state)
{
    (void)state;
    const struct {
        const char *text;
        const char *message;
    } rows[] = {
        {"", "line 1: the file ends here, but the report does not"},
        {"{\"report\":\"ringscope/2\",\n", "line 1: expected {\"report\":\"ringscope/1\","},
        {"\x7f"
         "ELF\n",
         "line 1: expected {\"report\":\"ringscope/1\","},
        {"{\"report\":\"ringscope/1\",\n\"run\":[],\n", "line 2, column 7: \"run\": expected"},
        {"{\"report\":\"ringscope/1\",\n\"run\":{},\n\"totals\":{,\n", "line 3, column 11: "},
        {HEAD "\n", "line 5: expected a ring"},
        {HEAD FIRST "\n" SECOND "\n]}\n", "line 6: expected ]}"},
        {HEAD FIRST ",\n]}\n", "line 6: a ring is missing"},
        {HEAD FIRST "\n]}\nx", "line 6: text behind the end"},
        {HEAD "[]\n]}\n", "line 5, column 1: \"clusters\": expected an object"},
        {HEAD "{}\n]}\n", "line 5, column 2: \"id\": expected a value, found none"},
        {HEAD "{\"id\":7}\n]}\n", "line 5, column 7: \"id\": expected a string"},
        {HEAD "{\"score\":1.5}\n]}\n",
         "line 5, column 10: \"score\": expected a number from 0 to 1"},
        {HEAD "{\"score\":-0.5}\n]}\n", "\"score\": expected a number from 0 to 1"},
        {HEAD "{\"score\":0.1234567}\n]}\n", "\"score\": expected a number from 0 to 1"},
        {HEAD "{\"members\":[7]}\n]}\n", "\"members\": expected an object"},
        {HEAD "{\"members\":[{\"known\":0}]}\n]}\n", "\"known\": expected true or false"},
        {HEAD "{\"members\":[{\"role\":\"boss\"}]}\n]}\n",
         "\"role\": expected core, member, bridge, collector, exit or hub"},
        {HEAD "{\"things\":[{\"shared_by\":4294967296}]}\n]}\n", "\"shared_by\": expected a count"},
        {HEAD "{\"reasons\":[{\"facts\":[{\"users\":[1]}]}]}\n]}\n",
         "\"users\": expected a string"},
        {HEAD "{\"reasons\":[{\"facts\":[{\"thing\":1}]}]}\n]}\n",
         "\"thing\": expected an object or null"},
        {HEAD "{\"id\":\"a\",\"id\":\"b\"}\n]}\n", "line 5, column 11: "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t count;
        rs_error err = {0};
        put(rows[i].text, strlen(rows[i].text));
        assert_int_equal(read_all(&count, &err), RS_ECORRUPT);
        assert_non_null(strstr(err.message, path));
        if (strstr(err.message, rows[i].message) == NULL) {
            fail_msg("expected \"%s\" in \"%s\"", rows[i].message, err.message);
        }
    }
}

static void notices_every_truncation(void **state)
{
    (void)state;
    for (size_t kept = 0; kept < sizeof REPORT - 1; kept++) {
        size_t count;
        put(REPORT, kept);
        assert_int_equal(read_all(&count, NULL), RS_ECORRUPT);
    }
}

/* A changed byte may give another valid report (another digit), but never a crash. */
static void survives_every_changed_byte(void **state)
{
    (void)state;
    static const char changes[] = {'\0', '"', '{', ']', '9', '\n', ','};
    char report[] = REPORT;
    size_t noticed = 0;
    for (size_t at = 0; at < sizeof report - 1; at++) {
        for (size_t k = 0; k < sizeof changes; k++) {
            char kept = report[at];
            size_t count;
            report[at] = changes[k];
            put(report, sizeof report - 1);
            rs_status status = read_all(&count, NULL);
            assert_true(status == RS_OK || status == RS_ECORRUPT);
            noticed += status == RS_ECORRUPT;
            report[at] = kept;
        }
    }
    assert_true(noticed > 5 * (sizeof report - 1));
}

static void passes_over_keys_of_later_versions(void **state)
{
    (void)state;
    static const char later[] =
        HEAD "{\"new\":{\"id\":[{}]},\"id\":\"R-0000000000001\",\"score\":1,\"since\":null,"
             "\"lineage\":{\"event\":\"grew\",\"from\":[\"R-0000000000002\"]},\"members\":[],"
             "\"things\":[],\"reasons\":[],\"verdict\":null}\n]}\n";
    size_t count;
    put(later, sizeof later - 1);
    assert_int_equal(read_all(&count, NULL), RS_OK);
    assert_int_equal(count, 1);
}

static void survives_every_failed_allocation(void **state)
{
    (void)state;
    rs_status status = RS_ENOMEM;
    int allowed = 0;
    size_t count;
    put(REPORT, sizeof REPORT - 1);
    for (; status == RS_ENOMEM; allowed++) {
        allocations_left = allowed;
        status = read_all(&count, NULL);
        allocations_left = -1;
    }
    assert_int_equal(status, RS_OK);
    assert_int_equal(count, 2);
    assert_true(allowed > 6);
}

static void tells_a_missing_report_from_a_damaged_one(void **state)
{
    (void)state;
    rs_report *report = NULL;
    rs_error err;
    assert_int_equal(rs_report_open(&report, "/nowhere/r.json", &err), RS_ENOTFOUND);
    assert_string_equal(err.message, "report \"/nowhere/r.json\": open: No such file or directory");
    assert_int_equal(rs_report_open(&report, "/", &err), RS_EIO);
    assert_null(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_every_field),
        cmocka_unit_test(reads_a_report_without_rings),
        cmocka_unit_test(finds_a_ring_by_its_id),
        cmocka_unit_test(names_the_place_of_damage),
        cmocka_unit_test(notices_every_truncation),
        cmocka_unit_test(survives_every_changed_byte),
        cmocka_unit_test(passes_over_keys_of_later_versions),
        cmocka_unit_test(survives_every_failed_allocation),
        cmocka_unit_test(tells_a_missing_report_from_a_damaged_one),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
