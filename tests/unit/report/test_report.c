/* test_report.c - the report and the risks of a night on a real store.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc strdup asprintf free */
#include "night.h"

#include <errno.h>
#include <malloc.h>
#include <sys/wait.h>

#include "report/report.h"

/* ---- allocations: failed by order, and measured ---------------------------------------------- */

static int allocations_left = -1; /* -1: no end */
static size_t live_bytes;
static size_t peak_bytes;

static bool may_allocate(void)
{
    if (allocations_left == 0) {
        errno = ENOMEM;
        return false;
    }
    allocations_left -= allocations_left > 0;
    return true;
}

static void *count(void *memory)
{
    live_bytes += memory != NULL ? malloc_usable_size(memory) : 0;
    peak_bytes = live_bytes > peak_bytes ? live_bytes : peak_bytes;
    return memory;
}

static void discount(void *memory)
{
    size_t bytes = memory != NULL ? malloc_usable_size(memory) : 0;
    live_bytes -= bytes < live_bytes ? bytes : live_bytes;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return may_allocate() ? count(__real_malloc(size)) : NULL;
}

void *__real_calloc(size_t number, size_t size);
void *__wrap_calloc(size_t number, size_t size);
void *__wrap_calloc(size_t number, size_t size)
{
    return may_allocate() ? count(__real_calloc(number, size)) : NULL;
}

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
    if (!may_allocate()) {
        return NULL;
    }
    discount(memory);
    return count(__real_realloc(memory, size));
}

char *__real_strdup(const char *string);
char *__wrap_strdup(const char *string);
char *__wrap_strdup(const char *string)
{
    return may_allocate() ? count(__real_strdup(string)) : NULL;
}

RS_PRINTF(2, 3) int __wrap_asprintf(char **text, const char *format, ...);
int __wrap_asprintf(char **text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = may_allocate() ? vasprintf(text, format, args) : -1;
    va_end(args);
    if (length >= 0) {
        count(*text);
    }
    return length;
}

void __real_free(void *memory);
void __wrap_free(void *memory);
void __wrap_free(void *memory)
{
    discount(memory);
    __real_free(memory);
}

/* ---- nights ---------------------------------------------------------------------------------- */

static test_night shared; /* 80 accounts, 20 rings */
static char path[128];
static char other[128];

static int open_shared(void **state)
{
    (void)state;
    night_open(&shared, 80, 1, false);
    snprintf(path, sizeof path, "%s/one", shared.folder);
    snprintf(other, sizeof other, "%s/two", shared.folder);
    return 0;
}

static int close_shared(void **state)
{
    (void)state;
    night_close(&shared);
    return 0;
}

static rs_status report_to(const char *to, rs_error *err)
{
    return rs_report_write(shared.graph, &shared.findings, &shared.options, NULL, to, err);
}

static rs_status risks_to(const char *to, rs_error *err)
{
    return rs_risks_write(shared.graph, &shared.findings, &shared.options, NULL, to, err);
}

/* ---- the report ------------------------------------------------------------------------------ */

static void is_tied_alike(const rs_cluster_member *member, const rs_findings *findings, size_t at)
{
    rs_member_ties none = {0};
    rs_member_ties ties = at < findings->tied_count ? findings->member_ties[at] : none;
    assert_int_equal(member->tie_count, ties.count);
    assert_int_equal(member->more_ties, ties.needed - ties.count);
    for (size_t k = 0; k < ties.count; k++) {
        const rs_ring_tie *tie = &findings->ties[ties.first + k];
        assert_int_equal(member->ties[k].weight, tie->weight);
        assert_int_equal(member->ties[k].thing.id.length > 0, tie->thing != RS_NO_NODE);
        assert_int_equal(member->ties[k].relation.length > 0, tie->relation != UINT16_MAX);
    }
}

static void names_every_member_byte_for_byte(void **state)
{
    (void)state;
    rs_report *report = NULL;
    const rs_cluster *cluster;
    uint32_t next = 0;
    assert_int_equal(report_to(path, NULL), RS_OK);
    assert_int_equal(rs_report_open(&report, path, NULL), RS_OK);
    for (size_t i = 0; i < shared.findings.ring_count; i++) {
        assert_int_equal(rs_report_next(report, &cluster, NULL), RS_OK);
        assert_non_null(cluster);
        assert_int_equal(cluster->member_count, PER_RING);
        assert_int_equal(cluster->score, shared.findings.rings[i].score);
        assert_int_equal(cluster->stability, shared.findings.rings[i].stability);
        for (size_t k = 0; k < PER_RING; k++) {
            is_tied_alike(&cluster->members[k], &shared.findings, next + k);
        }
        for (size_t k = 0; k < PER_RING; k++, next++) {
            uint32_t node;
            assert_int_equal(
                rs_graph_find(shared.graph, "account", cluster->members[k].node.id, &node, NULL),
                RS_OK);
            assert_int_equal(node, next);
            assert_int_equal(cluster->members[k].risk, shared.findings.nodes[node].risk);
        }
        assert_int_equal(cluster->reasons[0].facts[0].user_count, PER_RING);
        assert_int_equal(cluster->reasons[0].facts[0].event_count, 9);
    }
    rs_report_close(report);
}

static void is_what_the_schema_says(void **state)
{
    (void)state;
    char command[400];
    assert_int_equal(report_to(path, NULL), RS_OK);
    snprintf(command, sizeof command,
             "ASAN_OPTIONS=detect_leaks=0 python3 '%s/tests/golden/check_report.py' '%s'",
             RS_SOURCE_DIR, path);
    int result = system(command);
    if (WIFEXITED(result) && (WEXITSTATUS(result) == 77 || WEXITSTATUS(result) == 127)) {
        print_message("skipped: python3-jsonschema is not installed\n");
        skip();
    }
    assert_int_equal(result, 0);
}

/* Compare with the kept file; RS_GOLDEN_UPDATE=1 keeps what is there now instead. */
static void assert_golden(const char *name)
{
    char golden[400];
    snprintf(golden, sizeof golden, "%s/tests/golden/night/%s", RS_SOURCE_DIR, name);
    if (getenv("RS_GOLDEN_UPDATE") != NULL) {
        size_t length;
        char *bytes = slurp(path, &length);
        FILE *file = fopen(golden, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, length, file), length);
        fclose(file);
        free(bytes);
    }
    assert_same_files(golden, path);
}

static void gives_the_bytes_that_it_always_gave(void **state)
{
    (void)state;
    assert_int_equal(report_to(path, NULL), RS_OK);
    assert_golden("report.json");
    assert_int_equal(risks_to(path, NULL), RS_OK);
    assert_golden("risks.csv");
}

static void does_not_depend_on_how_many_ids_are_in_memory(void **state)
{
    (void)state;
    const uint32_t windows[] = {1, 7, 33};
    assert_int_equal(report_to(path, NULL), RS_OK);
    assert_int_equal(risks_to(other, NULL), RS_OK);
    char again[140];
    snprintf(again, sizeof again, "%s.again", path);
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        shared.options.ids_max = windows[i];
        assert_int_equal(report_to(again, NULL), RS_OK);
        assert_same_files(path, again);
        assert_int_equal(risks_to(again, NULL), RS_OK);
        assert_same_files(other, again);
    }
    shared.options = (rs_report_options)RS_REPORT_DEFAULTS;
    unlink(again);
}

static void does_not_depend_on_batches_or_the_order_of_rows(void **state)
{
    (void)state;
    test_night night;
    rs_report_options options = RS_REPORT_DEFAULTS;
    assert_int_equal(report_to(path, NULL), RS_OK);
    night_open(&night, 80, 3, true);
    assert_int_equal(rs_report_write(night.graph, &night.findings, &options, NULL, other, NULL),
                     RS_OK);
    assert_same_files(path, other);
    assert_int_equal(risks_to(path, NULL), RS_OK);
    assert_int_equal(rs_risks_write(night.graph, &night.findings, &options, NULL, other, NULL),
                     RS_OK);
    assert_same_files(path, other);
    night_close(&night);
}

static size_t occurrences(const char *text, size_t length, const char *part)
{
    size_t found = 0;
    const char *end = text + length;
    while ((text = memmem(text, (size_t)(end - text), part, strlen(part))) != NULL) {
        found++;
        text++;
    }
    return found;
}

static void leaves_out_rings_below_the_least_score(void **state)
{
    (void)state;
    const struct {
        uint32_t min_score;
        const char *totals;
        size_t rings;
    } rows[] = {
        {0, "\"clusters\":20,\"suspects\":12,", 20},
        {500000, "\"clusters\":12,\"suspects\":12,", 12},
        {505000, "\"clusters\":12,\"suspects\":12,", 12},
        {505001, "\"clusters\":11,\"suspects\":11,", 11},
        {1000000, "\"clusters\":1,\"suspects\":1,", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t length;
        shared.options.min_score = rows[i].min_score;
        assert_int_equal(report_to(path, NULL), RS_OK);
        char *report = slurp(path, &length);
        assert_non_null(strstr(report, rows[i].totals));
        assert_int_equal(occurrences(report, length, "\n{\"id\":\"R-"), rows[i].rings);
        free(report);
        assert_int_equal(risks_to(path, NULL), RS_OK);
        char *risks = slurp(path, &length);
        assert_int_equal(occurrences(risks, length, ",R-") - 1, rows[i].rings * PER_RING);
        free(risks);
    }
    shared.options = (rs_report_options)RS_REPORT_DEFAULTS;
}

static void counts_the_users_that_it_does_not_name(void **state)
{
    (void)state;
    size_t length;
    shared.options.users_max = 3;
    assert_int_equal(report_to(path, NULL), RS_OK);
    char *report = slurp(path, &length);
    assert_int_equal(occurrences(report, length, "],\"more\":1,\"events\":9}"), 20);
    free(report);
    shared.options = (rs_report_options)RS_REPORT_DEFAULTS;
}

static void tells_of_the_lists(void **state)
{
    (void)state;
    size_t length;
    rs_list_entry entries[] = {{0, 1000000, RS_NO_TIME, "chargeback"},
                               {80, 500000, 1767225600, "stolen"}};
    rs_list list = {entries, 2, 3, 4, 5};
    shared.options.blacklist = &list;
    rs_conflict kept_conflicts[] = {{0, 0}, {0, 1}};
    rs_conflicts conflicts = {.count = 6, .kept_count = 2, .kept = kept_conflicts};
    shared.options.conflicts = &conflicts;
    assert_int_equal(report_to(path, NULL), RS_OK);
    char *report = slurp(path, &length);
    assert_non_null(strstr(
        report, "\"lists\":{\"blacklist\":{\"known\":2,\"missing\":3,\"repeated\":4,\"future\":5},"
                "\"whitelist\":{\"known\":0,\"missing\":0,\"repeated\":0,\"future\":0},"
                "\"conflicts\":6,\"conflict_list\":[{\"blacklisted\":{\"type\":\"account\","));
    assert_int_equal(occurrences(report, length, "{\"blacklisted\":{\"type\":\"account\",\"id\":"),
                     2);
    assert_int_equal(occurrences(report, length, "},\"whitelisted\":{\"type\":\"account\",\"id\":"),
                     2);
    assert_int_equal(occurrences(report, length, ",\"known\":true,\"shared_by\""), 1);
    free(report);
    shared.options = (rs_report_options)RS_REPORT_DEFAULTS;
}

static void says_reasons_in_sentences(void **state)
{
    (void)state;
    const struct {
        const char *kind;
        uint32_t members;
        uint32_t things;
        const char *text;
    } rows[] = {
        {"shared_device", 3, 2, "3 of 4 accounts share 2 devices"},
        {"shared_device", 4, 1, "all 4 accounts share 1 device"},
        {"same_time_device", 2, 1, "2 of 4 accounts used 1 device at the same time"},
        {"identity_device", 2, 1, "2 of 4 accounts are tied by 1 verified device"},
        {"known_members", 1, 0, "1 of 4 accounts is on the blacklist"},
        {"known_members", 2, 0, "2 of 4 accounts are on the blacklist"},
        {"known_things", 3, 1, "3 of 4 accounts use 1 device that is on the blacklist"},
        {"known_things", 4, 2, "all 4 accounts use 2 devices that are on the blacklist"},
        {"round_trip_money", 3, 0, "3 of 4 accounts: round trip money"},
        {"round_trip_money", 3, 2, "3 of 4 accounts: round trip money (2 devices)"},
        {"\"\n", 3, 0, "3 of 4 accounts: \\\"\\n"},
    };
    rs_reason kept = shared.findings.reasons[0];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rs_reason *reason = &shared.findings.reasons[0];
        char expected[200];
        size_t length;
        snprintf(reason->kind, sizeof reason->kind, "%s", rows[i].kind);
        reason->member_count = rows[i].members;
        reason->thing_count = rows[i].things;
        assert_int_equal(report_to(path, NULL), RS_OK);
        char *report = slurp(path, &length);
        snprintf(expected, sizeof expected, "\"text\":\"%s\"", rows[i].text);
        if (strstr(report, expected) == NULL) {
            fail_msg("%s is not there", expected);
        }
        free(report);
    }
    shared.findings.reasons[0] = kept;
}

/* ---- the risks ------------------------------------------------------------------------------- */

static void gives_every_subject_a_line_and_things_only_with_risk(void **state)
{
    (void)state;
    size_t length;
    assert_int_equal(risks_to(path, NULL), RS_OK);
    char *risks = slurp(path, &length);
    assert_int_equal(strncmp(risks, "type,id,risk,ring,spread,oddity,ring_score\n", 43), 0);
    free(risks);
    for (uint32_t i = 0; i < 80; i++) {
        char buffer[32];
        rs_risk_line line;
        uint32_t node;
        rs_text id = account_id(i, buffer);
        assert_int_equal(rs_graph_find(shared.graph, "account", id, &node, NULL), RS_OK);
        const rs_node_risk *risk = &shared.findings.nodes[node];
        assert_int_equal(rs_risks_find(path, (rs_text){"account", 7}, id, &line, NULL), RS_OK);
        assert_int_equal(line.risk, risk->risk);
        assert_int_equal(line.oddity, risk->oddity);
        assert_int_equal(line.ring_score, risk->ring_score);
        assert_string_equal(line.ring, shared.findings.rings[risk->ring].id);
    }
    for (uint32_t i = 0; i < 20; i++) {
        char buffer[32];
        rs_risk_line line;
        uint32_t node;
        rs_text id = device_id(i, buffer);
        assert_int_equal(rs_graph_find(shared.graph, "device", id, &node, NULL), RS_OK);
        assert_int_equal(rs_risks_find(path, (rs_text){"device", 6}, id, &line, NULL), RS_OK);
        assert_int_equal(line.risk, shared.findings.nodes[node].risk);
    }
}

static void calls_a_damaged_file_of_risks_corrupt(void **state)
{
    (void)state;
    static const char head[] = "type,id,risk,ring,spread,oddity,ring_score\n";
    const char *const lines[] = {"a,b\n",
                                 "account,u1,x,,0,0,0\n",
                                 "account,u1,1.5,,0,0,0\n",
                                 "account,u1,0.5,R-nonsense,0,0,0\n",
                                 "account,u1,0.5,\"R-0000000000000000000000000\",0,0,0\n",
                                 "account,\"u1,0.5,,0,0,0\n"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        rs_risk_line line;
        FILE *file = fopen(path, "wb");
        fputs(head, file);
        fputs(lines[i], file);
        fclose(file);
        rs_error err = {0};
        assert_int_equal(
            rs_risks_find(path, (rs_text){"account", 7}, (rs_text){"u1", 2}, &line, &err),
            RS_ECORRUPT);
        assert_non_null(strstr(err.message, path));
    }
}

/* ---- failures -------------------------------------------------------------------------------- */

static void survives_every_failed_allocation(void **state)
{
    (void)state;
    rs_status (*const writers[])(const char *, rs_error *) = {report_to, risks_to};
    for (size_t i = 0; i < 2; i++) {
        rs_status status = RS_ENOMEM;
        int allowed = 0;
        for (; status == RS_ENOMEM; allowed++) {
            FILE *file = fopen(path, "wb");
            fputs("before", file);
            fclose(file);
            allocations_left = allowed;
            rs_error err = {0};
            status = writers[i](path, &err);
            allocations_left = -1;
            if (status != RS_OK) {
                size_t length;
                char *kept = slurp(path, &length);
                assert_string_equal(kept, "before");
                free(kept);
                assert_non_null(strstr(err.message, "memory"));
            }
        }
        assert_int_equal(status, RS_OK);
        assert_true(allowed > 8);
    }
}

static int stop_at_once(void *context, const rs_progress *now)
{
    (void)context;
    (void)now;
    return 1;
}

static void leaves_the_old_file_where_it_is_interrupted(void **state)
{
    (void)state;
    size_t length;
    rs_work work = {.progress = stop_at_once};
    FILE *file = fopen(path, "wb");
    fputs("before", file);
    fclose(file);
    assert_int_equal(
        rs_report_write(shared.graph, &shared.findings, &shared.options, &work, path, NULL),
        RS_EINTERRUPTED);
    assert_int_equal(
        rs_risks_write(shared.graph, &shared.findings, &shared.options, &work, path, NULL),
        RS_EINTERRUPTED);
    char *kept = slurp(path, &length);
    assert_string_equal(kept, "before");
    free(kept);
}

static void tells_where_and_why_it_cannot_write(void **state)
{
    (void)state;
    rs_error err;
    assert_int_equal(report_to("/dev/full", &err), RS_EIO);
    assert_string_equal(err.message, "report: \"/dev/full\": write: No space left on device");
    assert_int_equal(risks_to("/dev/full", &err), RS_EIO);
    assert_string_equal(err.message, "risks: \"/dev/full\": write: No space left on device");
    assert_int_equal(report_to("/nowhere/r", &err), RS_EIO);
    assert_string_equal(err.message,
                        "report: \"/nowhere/r\": open for writing: No such file or directory");
}

/* 10,000 rings are 12 MB of report; what is in memory at a time does not grow with them. */
static void keeps_its_memory_however_many_rings(void **state)
{
    (void)state;
    test_night night;
    struct stat now;
    night_open(&night, 40000, 1, false);
    night.options.ids_max = 1000;
    size_t before = live_bytes;
    peak_bytes = live_bytes;
    assert_int_equal(
        rs_report_write(night.graph, &night.findings, &night.options, NULL, path, NULL), RS_OK);
    size_t taken = peak_bytes - before;
    assert_int_equal(stat(path, &now), 0);
    print_message("report of %lld bytes in %zu bytes\n", (long long)now.st_size, taken);
    assert_true(now.st_size > 10 << 20);
    assert_true(taken < 2 << 20);
    night_close(&night);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_every_member_byte_for_byte),
        cmocka_unit_test(is_what_the_schema_says),
        cmocka_unit_test(gives_the_bytes_that_it_always_gave),
        cmocka_unit_test(does_not_depend_on_how_many_ids_are_in_memory),
        cmocka_unit_test(does_not_depend_on_batches_or_the_order_of_rows),
        cmocka_unit_test(leaves_out_rings_below_the_least_score),
        cmocka_unit_test(counts_the_users_that_it_does_not_name),
        cmocka_unit_test(tells_of_the_lists),
        cmocka_unit_test(says_reasons_in_sentences),
        cmocka_unit_test(gives_every_subject_a_line_and_things_only_with_risk),
        cmocka_unit_test(calls_a_damaged_file_of_risks_corrupt),
        cmocka_unit_test(survives_every_failed_allocation),
        cmocka_unit_test(leaves_the_old_file_where_it_is_interrupted),
        cmocka_unit_test(tells_where_and_why_it_cannot_write),
        cmocka_unit_test(keeps_its_memory_however_many_rings),
    };
    return cmocka_run_group_tests(tests, open_shared, close_shared);
}
