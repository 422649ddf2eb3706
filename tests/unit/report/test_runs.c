/* test_runs.c - the runs that a store keeps: whole or not at all, the same for the same inputs.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc vasprintf asprintf rename renameat2 fsync */
#include "night.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "../temporary.h"
#include "report/report.h"
#include "report/runs.h"
#include "ringscope/verify.h"

/* ---- failures by order ----------------------------------------------------------------------- */

static int allocations_left = -1; /* -1: no end */
static int syncs_left = -1;
static int renames_left = -1;
static bool kill_instead;    /* of failing */
static bool cannot_exchange; /* a file system without RENAME_EXCHANGE */

static bool may(int *left, int error)
{
    if (*left == 0) {
        if (kill_instead) {
            _exit(9);
        }
        errno = error;
        return false;
    }
    *left -= *left > 0;
    return true;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return may(&allocations_left, ENOMEM) ? __real_malloc(size) : NULL;
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    return may(&allocations_left, ENOMEM) ? __real_calloc(count, size) : NULL;
}

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
    return may(&allocations_left, ENOMEM) ? __real_realloc(memory, size) : NULL;
}

int __real_vasprintf(char **text, const char *format, va_list args);
int __wrap_vasprintf(char **text, const char *format, va_list args);
int __wrap_vasprintf(char **text, const char *format, va_list args)
{
    return may(&allocations_left, ENOMEM) ? __real_vasprintf(text, format, args) : -1;
}

RS_PRINTF(2, 3) int __wrap_asprintf(char **text, const char *format, ...);
int __wrap_asprintf(char **text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = __wrap_vasprintf(text, format, args);
    va_end(args);
    return length;
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
    return may(&renames_left, EIO) ? __real_rename(from, to) : -1;
}

int __real_renameat2(int from_folder, const char *from, int to_folder, const char *to,
                     unsigned flags);
int __wrap_renameat2(int from_folder, const char *from, int to_folder, const char *to,
                     unsigned flags);
int __wrap_renameat2(int from_folder, const char *from, int to_folder, const char *to,
                     unsigned flags)
{
    if (cannot_exchange) {
        errno = EINVAL;
        return -1;
    }
    return may(&renames_left, EIO) ? __real_renameat2(from_folder, from, to_folder, to, flags) : -1;
}

int __real_fsync(int file);
int __wrap_fsync(int file);
int __wrap_fsync(int file)
{
    return may(&syncs_left, EIO) ? __real_fsync(file) : -1;
}

/* ---- a night --------------------------------------------------------------------------------- */

static test_night shared;

static int open_shared(void **state)
{
    (void)state;
    night_open(&shared, 24, 2, false);
    return 0;
}

static int close_shared(void **state)
{
    (void)state;
    night_close(&shared);
    return 0;
}

static rs_status keep(rs_run_id *id, rs_error *err)
{
    static const rs_run_timing timings[] = {{"graph", 1234567}, {"score", 5}};
    rs_run_record record = {.threads = 2, .timings = timings, .timing_count = 2};
    return rs_run_keep(shared.store_path, shared.graph, &shared.findings, &shared.options, &record,
                       NULL, id, err);
}

static rs_run_id kept(void)
{
    rs_run_id id;
    rs_error err = {0};
    if (keep(&id, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
    return id;
}

static rs_run_id latest(void)
{
    rs_run_id id;
    assert_int_equal(rs_run_latest(shared.store_path, &id, NULL), RS_OK);
    return id;
}

/* Entries of runs/ whose name starts so. */
static size_t count_entries(const char *start)
{
    char path[128];
    size_t count = 0;
    snprintf(path, sizeof path, "%s/runs", shared.store_path);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        bool self = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        count += !self && strncmp(entry->d_name, start, strlen(start)) == 0;
    }
    closedir(folder);
    return count;
}

static bool is_left_out(int file)
{
    return rsi_run_may_lack((rs_run_file)file); /* nothing was handed over for them */
}

/* Every file is there and the report is whole. */
static void assert_whole(const rs_run_id *id)
{
    rs_report *report = NULL;
    const rs_cluster *cluster;
    size_t rings = 0;
    for (int file = RS_RUN_REPORT; file <= RS_RUN_SIDECAR; file++) {
        char *path = rs_run_path(shared.store_path, id, (rs_run_file)file);
        assert_int_equal(access(path, R_OK), is_left_out(file) ? -1 : 0);
        if (file == RS_RUN_REPORT) {
            assert_int_equal(rs_report_open(&report, path, NULL), RS_OK);
        }
        free(path);
    }
    do {
        assert_int_equal(rs_report_next(report, &cluster, NULL), RS_OK);
        rings += cluster != NULL;
    } while (cluster != NULL);
    assert_int_equal(rings, shared.findings.ring_count);
    rs_report_close(report);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void tells_when_there_is_no_run_yet(void **state)
{
    (void)state;
    rs_run_id id;
    rs_error err;
    assert_int_equal(rs_run_latest(shared.store_path, &id, &err), RS_ENOTFOUND);
    assert_non_null(strstr(err.message, "has no run yet"));
}

static void replaces_a_run_of_the_same_inputs(void **state)
{
    (void)state;
    rs_run_id first = kept();
    for (int i = 0; i < 4; i++) {
        cannot_exchange = i >= 2;
        rs_run_id again = kept();
        assert_string_equal(again.text, first.text);
        assert_string_equal(latest().text, first.text);
        assert_int_equal(count_entries(""), 2); /* the run and "latest" */
        assert_whole(&first);
    }
    cannot_exchange = false;
}

static void gives_other_inputs_another_run(void **state)
{
    (void)state;
    rs_list_entry entry = {0, 1000000, RS_NO_TIME, "chargeback"};
    rs_list list = {&entry, 1, 0, 0, 0};
    rs_list missing = {NULL, 0, 1, 0, 0};
    rs_list whites = {&entry, 1, 0, 0, 0};
    const struct {
        const char *settings;
        uint32_t min_score;
        const rs_list *blacklist;
        const rs_list *whitelist;
    } rows[] = {
        {"{}", 0, NULL, NULL},  {"{\"a\":1}", 0, NULL, NULL}, {"{}", 1, NULL, NULL},
        {"{}", 0, &list, NULL}, {"{}", 0, &missing, NULL},    {"{}", 0, NULL, &whites},
    };
    enum { COUNT = sizeof rows / sizeof *rows };
    rs_run_id ids[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        shared.options.settings = rows[i].settings;
        shared.options.min_score = rows[i].min_score;
        shared.options.blacklist = rows[i].blacklist;
        shared.options.whitelist = rows[i].whitelist;
        ids[i] = kept();
        assert_string_equal(latest().text, ids[i].text);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(ids[i].text, ids[k].text);
        }
    }
    shared.options = (rs_report_options)RS_REPORT_DEFAULTS;
    assert_int_equal(count_entries(""), COUNT + 1);
}

static void keeps_the_lists_in_the_form_in_which_lists_are_read(void **state)
{
    (void)state;
    rs_list_entry entries[] = {{0, 1000000, RS_NO_TIME, "charge\"back, twice"},
                               {5, 250000, 1767225600, ""},
                               {24, 1, 1767225601, "stolen"}};
    rs_list list = {entries, 3, 0, 0, 0};
    rs_list back = {0};
    shared.options.blacklist = &list;
    rs_run_id id = kept();
    char *path = rs_run_path(shared.store_path, &id, RS_RUN_BLACKLIST);
    rs_error err = {0};
    if (rs_list_read(shared.graph, path, &back, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(back.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(back.entries[i].node, entries[i].node);
        assert_int_equal(back.entries[i].strength, entries[i].strength);
        assert_int_equal(back.entries[i].since, entries[i].since);
        assert_string_equal(back.entries[i].reason, entries[i].reason);
    }
    rs_list_free(&back);
    free(path);
    shared.options = (rs_report_options)RS_REPORT_DEFAULTS;
}

static void remembers_what_it_was_bound_to(void **state)
{
    (void)state;
    rs_run_info info;
    rs_run_id id = kept();
    assert_int_equal(rs_run_read(shared.store_path, &id, &info, NULL), RS_OK);
    assert_string_equal(info.store_digest, rs_store_digest(shared.store));
    assert_int_equal(info.as_of, rs_graph_as_of(shared.graph));
}

static void calls_what_is_damaged_corrupt(void **state)
{
    (void)state;
    const char *const sidecars[] = {"",
                                    "{",
                                    "[]",
                                    "{}",
                                    "{\"store_digest\":\"x\",\"as_of\":null}",
                                    "{\"store_digest\":\"0123456789abcdef0123456789abcdef\"}"};
    rs_run_id id = kept();
    rs_error err;
    for (size_t i = 0; i < sizeof sidecars / sizeof *sidecars; i++) {
        rs_run_info info;
        char *path = rs_run_path(shared.store_path, &id, RS_RUN_SIDECAR);
        FILE *file = fopen(path, "wb");
        fputs(sidecars[i], file);
        fclose(file);
        assert_int_equal(rs_run_read(shared.store_path, &id, &info, &err), RS_ECORRUPT);
        assert_non_null(strstr(err.message, path));
        free(path);
    }
    char path[128];
    snprintf(path, sizeof path, "%s/runs/latest", shared.store_path);
    const char *const pointers[] = {"", "x\n", "../../../etc/passwd\n",
                                    "0123456789abcdef0123456789abcdef",
                                    "0123456789abcdef0123456789abcdeF\n"};
    for (size_t i = 0; i < sizeof pointers / sizeof *pointers; i++) {
        FILE *file = fopen(path, "wb");
        fputs(pointers[i], file);
        fclose(file);
        assert_int_equal(rs_run_latest(shared.store_path, &id, &err), RS_ECORRUPT);
        assert_non_null(strstr(err.message, "expected the 32 hex digits of a run"));
    }
    (void)kept();
}

static void notices_every_changed_byte_of_a_file(void **state)
{
    (void)state;
    rs_run_id id = kept();
    for (int file = RS_RUN_REPORT; file < RS_RUN_SIDECAR; file++) {
        if (is_left_out(file)) {
            continue;
        }
        size_t length;
        rs_error err = {0};
        char *path = rs_run_path(shared.store_path, &id, (rs_run_file)file);
        char *bytes = slurp(path, &length);
        assert_int_equal(rs_run_check(shared.store_path, &id, (rs_run_file)file, &err), RS_OK);
        size_t step = length / 50 + 1;
        for (size_t at = 0; at <= length; at += step) {
            FILE *out = fopen(path, "wb");
            assert_non_null(out);
            assert_int_equal(fwrite(bytes, 1, at, out), at);
            if (at + step <= length) { /* a changed byte; the last round cuts the file */
                fputc(bytes[at] ^ 1, out);
                assert_int_equal(fwrite(bytes + at + 1, 1, length - at - 1, out), length - at - 1);
            }
            fclose(out);
            if (at < length) {
                assert_int_equal(rs_run_check(shared.store_path, &id, (rs_run_file)file, &err),
                                 RS_ECORRUPT);
                assert_non_null(strstr(err.message, path));
            }
        }
        unlink(path);
        assert_int_equal(rs_run_check(shared.store_path, &id, (rs_run_file)file, &err),
                         RS_ECORRUPT); /* a run is whole or not there */
        free(bytes);
        free(path);
    }
    (void)kept();
}

/* What verify says of the runs: the id and the file of the one finding, or "" where all is well. */
static void expect_finding(const char *id, const char *file)
{
    rs_violations list = {0};
    rs_error err = {0};
    if (rs_runs_verify(shared.store_path, NULL, &list, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(list.count, id[0] != '\0');
    assert_int_equal(list.kept_count, list.count);
    if (list.count > 0) {
        assert_string_equal(list.kept[0].id, id);
        assert_string_equal(list.kept[0].file, file);
        assert_true(strlen(list.kept[0].text) > 10);
    }
    rs_violations_free(&list);
}

static void finds_every_changed_byte_of_every_file_of_a_run(void **state)
{
    (void)state;
    rs_run_id id = kept();
    expect_finding("", "");
    for (int file = RS_RUN_REPORT; file <= RS_RUN_SIDECAR; file++) {
        if (is_left_out(file)) {
            continue;
        }
        size_t length;
        char name[128];
        char *path = rs_run_path(shared.store_path, &id, (rs_run_file)file);
        char *bytes = slurp(path, &length);
        const char *damage = file == RS_RUN_SIDECAR ? "R-02" : "R-03";
        size_t step = file == RS_RUN_SIDECAR ? 1 : length / 20 + 1;
        snprintf(name, sizeof name, "runs/%s/%s", id.text, strrchr(path, '/') + 1);
        for (size_t at = 0; at < length; at += step) {
            bytes[at] ^= 1;
            temporary_overwrite(path, bytes, length);
            expect_finding(damage, name);
            bytes[at] ^= 1;
        }
        temporary_overwrite(path, bytes, length - 1);
        expect_finding(damage, name);
        unlink(path);
        expect_finding(damage, name);
        temporary_overwrite(path, bytes, length);
        free(bytes);
        free(path);
    }
    expect_finding("", "");
}

static void finds_a_pointer_to_a_run_that_is_not_there(void **state)
{
    (void)state;
    static const char other[] = "0123456789abcdef0123456789abcdef\n";
    char path[128];
    (void)kept();
    snprintf(path, sizeof path, "%s/runs/latest", shared.store_path);
    temporary_overwrite(path, other, strlen(other));
    expect_finding("R-01", "runs/latest");
    temporary_overwrite(path, other, 7);
    expect_finding("R-01", "runs/latest");
    unlink(path);
    expect_finding("R-01", "runs/latest");
    (void)kept();
    expect_finding("", "");
}

static void copies_a_report_with_its_sidecar_beside_it(void **state)
{
    (void)state;
    const struct {
        const char *name;
        const char *beside;
    } rows[] = {
        {"night.json", "night.run.json"}, {"night", "night.run.json"}, {"x.csv", "x.csv.run.json"}};
    rs_run_id id = kept();
    char *report = rs_run_path(shared.store_path, &id, RS_RUN_REPORT);
    char *sidecar = rs_run_path(shared.store_path, &id, RS_RUN_SIDECAR);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char copy[128];
        char beside[128];
        snprintf(copy, sizeof copy, "%s/%s", shared.folder, rows[i].name);
        snprintf(beside, sizeof beside, "%s/%s", shared.folder, rows[i].beside);
        assert_int_equal(rs_run_copy(shared.store_path, &id, RS_RUN_REPORT, copy, NULL), RS_OK);
        assert_same_files(report, copy);
        assert_same_files(sidecar, beside);
        unlink(copy);
        unlink(beside);
    }
    rs_error err;
    assert_int_equal(rs_run_copy(shared.store_path, &id, RS_RUN_RISKS, "/dev/full", &err), RS_EIO);
    assert_string_equal(err.message, "\"/dev/full\": write: No space left on device");
    free(report);
    free(sidecar);
}

/* The run before stays the latest, whole, whatever call fails or wherever the process is killed. */
static void check_after_failure(const rs_run_id *before, const rs_run_id *made, bool failed)
{
    rs_run_id now = latest();
    if (failed) {
        assert_string_equal(now.text, before->text);
    } else {
        assert_true(strcmp(now.text, before->text) == 0 || strcmp(now.text, made->text) == 0);
    }
    assert_whole(&now);
}

static void leaves_the_run_before_where_a_call_fails(void **state)
{
    (void)state;
    struct {
        int *left;
        rs_status status;
    } rows[] = {{&allocations_left, RS_ENOMEM}, {&syncs_left, RS_EIO}, {&renames_left, RS_EIO}};
    rs_run_id before = kept();
    rs_run_id made;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rs_status status = rows[i].status;
        char settings[32];
        snprintf(settings, sizeof settings, "{\"row\":%zu}", i);
        for (int allowed = 0; status != RS_OK; allowed++) {
            /* another run each time, so that a failure cannot hide behind an earlier success */
            shared.options.settings = settings;
            *rows[i].left = allowed;
            status = keep(&made, NULL);
            *rows[i].left = -1;
            assert_true(status == RS_OK || status == rows[i].status);
            if (status != RS_OK) {
                assert_int_equal(count_entries(".tmp-"), 0);
                check_after_failure(&before, &made, false);
            }
            assert_true(allowed < 1000);
        }
        assert_string_equal(latest().text, made.text);
        before = made;
    }
    shared.options = (rs_report_options)RS_REPORT_DEFAULTS;
}

static void leaves_a_whole_run_where_it_is_killed(void **state)
{
    (void)state;
    rs_run_id before = kept();
    rs_run_id made = before;
    int *const points[] = {&syncs_left, &renames_left};
    for (size_t i = 0; i < 2; i++) {
        for (int allowed = 0, killed = 1; killed; allowed++) {
            pid_t child = fork();
            if (child == 0) {
                kill_instead = true;
                *points[i] = allowed;
                shared.options.min_score = 1;
                _exit(keep(&made, NULL) == RS_OK ? 0 : 1);
            }
            int result;
            assert_int_equal(waitpid(child, &result, 0), child);
            killed = WEXITSTATUS(result) == 9;
            assert_true(killed || WEXITSTATUS(result) == 0);
            rs_run_id now = latest();
            assert_whole(&now);
            before = kept(); /* removes what the killed one left */
            assert_int_equal(count_entries(".tmp-"), 0);
        }
    }
}

static int stop_at_once(void *context, const rs_progress *now)
{
    (void)context;
    (void)now;
    return 1;
}

static void leaves_the_run_before_where_it_is_interrupted(void **state)
{
    (void)state;
    rs_run_id before = kept();
    rs_run_id made;
    rs_run_record record = {.threads = 1};
    rs_work work = {.progress = stop_at_once};
    shared.options.min_score = 7;
    assert_int_equal(rs_run_keep(shared.store_path, shared.graph, &shared.findings, &shared.options,
                                 &record, &work, &made, NULL),
                     RS_EINTERRUPTED);
    shared.options = (rs_report_options)RS_REPORT_DEFAULTS;
    assert_int_equal(count_entries(".tmp-"), 0);
    assert_string_equal(latest().text, before.text);
    assert_whole(&before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_when_there_is_no_run_yet),
        cmocka_unit_test(replaces_a_run_of_the_same_inputs),
        cmocka_unit_test(gives_other_inputs_another_run),
        cmocka_unit_test(keeps_the_lists_in_the_form_in_which_lists_are_read),
        cmocka_unit_test(remembers_what_it_was_bound_to),
        cmocka_unit_test(calls_what_is_damaged_corrupt),
        cmocka_unit_test(finds_every_changed_byte_of_every_file_of_a_run),
        cmocka_unit_test(finds_a_pointer_to_a_run_that_is_not_there),
        cmocka_unit_test(notices_every_changed_byte_of_a_file),
        cmocka_unit_test(copies_a_report_with_its_sidecar_beside_it),
        cmocka_unit_test(leaves_the_run_before_where_a_call_fails),
        cmocka_unit_test(leaves_a_whole_run_where_it_is_killed),
        cmocka_unit_test(leaves_the_run_before_where_it_is_interrupted),
    };
    return cmocka_run_group_tests(tests, open_shared, close_shared);
}
