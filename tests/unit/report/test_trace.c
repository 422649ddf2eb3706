/* test_trace.c - what a run keeps to explain itself: it is told as it was, and whatever fails while
 * it is written or read, nothing half stays and the run before is as it was.
 *
 * A test's name finishes "it ...".
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc write pwrite pread fsync rename renameat2 */
#include "night.h"

#include <errno.h>

#include "base/try.h"
#include "report/trace.h"
#include "ringscope/network.h"
#include "ringscope/verify.h"

/* ---- failures by order ----------------------------------------------------------------------- */

enum { MEMORY, WRITE, READ, SYNC, RENAME, KINDS };

/* Calls until one fails (-1: none does), what it says then, and whether it goes on failing. */
static struct {
    long left;
    int error; /* 0: it does half of what it was asked to do */
    bool for_ever;
    bool met;
} faults[KINDS];

static bool may(int kind)
{
    if (faults[kind].left != 0) {
        faults[kind].left -= faults[kind].left > 0;
        return true;
    }
    faults[kind].left = faults[kind].for_ever ? 0 : -1;
    faults[kind].met = true;
    errno = faults[kind].error;
    return false;
}

/* What is to be done of `length` bytes; -1: fail. */
static ssize_t part_of(int kind, size_t length)
{
    return may(kind) ? (ssize_t)length : faults[kind].error != 0 ? -1 : (ssize_t)((length + 1) / 2);
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return may(MEMORY) ? __real_malloc(size) : NULL;
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    return may(MEMORY) ? __real_calloc(count, size) : NULL;
}

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
    return may(MEMORY) ? __real_realloc(memory, size) : NULL;
}

ssize_t __real_write(int file, const void *bytes, size_t length);
ssize_t __wrap_write(int file, const void *bytes, size_t length);
ssize_t __wrap_write(int file, const void *bytes, size_t length)
{
    ssize_t part = part_of(WRITE, length);
    return part < 0 ? -1 : __real_write(file, bytes, (size_t)part);
}

ssize_t __real_pwrite(int file, const void *bytes, size_t length, off_t offset);
ssize_t __wrap_pwrite(int file, const void *bytes, size_t length, off_t offset);
ssize_t __wrap_pwrite(int file, const void *bytes, size_t length, off_t offset)
{
    ssize_t part = part_of(WRITE, length);
    return part < 0 ? -1 : __real_pwrite(file, bytes, (size_t)part, offset);
}

ssize_t __real_pread(int file, void *bytes, size_t length, off_t offset);
ssize_t __wrap_pread(int file, void *bytes, size_t length, off_t offset);
ssize_t __wrap_pread(int file, void *bytes, size_t length, off_t offset)
{
    ssize_t part = part_of(READ, length);
    return part < 0 ? -1 : __real_pread(file, bytes, (size_t)part, offset);
}

int __wrap_fsync(int file);
int __wrap_fsync(int file)
{
    (void)file; /* the disk has no part in this test */
    return may(SYNC) ? 0 : -1;
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
    return may(RENAME) ? __real_rename(from, to) : -1;
}

int __real_renameat2(int from_folder, const char *from, int to_folder, const char *to,
                     unsigned flags);
int __wrap_renameat2(int from_folder, const char *from, int to_folder, const char *to,
                     unsigned flags);
int __wrap_renameat2(int from_folder, const char *from, int to_folder, const char *to,
                     unsigned flags)
{
    return may(RENAME) ? __real_renameat2(from_folder, from, to_folder, to, flags) : -1;
}

static void no_faults(void)
{
    for (int kind = 0; kind < KINDS; kind++) {
        faults[kind].left = -1;
    }
}

/* ---- a run, all but its trace made up before ------------------------------------------------- */

enum { ACCOUNTS = 96, LISTED = 5 };

static test_night shared;
static rs_evidence evidence;
static rs_evidence_graph collapsed;
static rs_network network;
static rs_list blacklist;
static int64_t *seed, *risk, *with_things;
static uint32_t *oddity;
static rs_spread_options spread = RS_SPREAD_DEFAULTS;

static void ok(rs_status status, const rs_error *err)
{
    if (status != RS_OK) {
        fail_msg("%s", err->message);
    }
}

static void read_blacklist(void)
{
    char path[128];
    rs_error err = {0};
    snprintf(path, sizeof path, "%s/black.csv", shared.folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("type,id,reason\n", file);
    for (int i = 0; i < LISTED; i++) {
        fprintf(file, "account,u%06d,\"reason %d\"\n", ACCOUNTS - 1 - 9 * i, i);
    }
    fclose(file);
    ok(rs_list_read(shared.graph, path, &blacklist, &err), &err);
}

static int open_shared(void **state)
{
    (void)state;
    rs_error err = {0};
    rs_evidence_options options = RS_EVIDENCE_DEFAULTS;
    rs_work work = {.threads = 1};
    no_faults();
    night_open(&shared, ACCOUNTS, 2, false);
    for (uint32_t device = ACCOUNTS; device < ACCOUNTS + ACCOUNTS / PER_RING; device++) {
        shared.findings.nodes[device].risk = RSI_TRACE_TOLD;
    }
    read_blacklist();
    size_t nodes = rs_graph_node_count(shared.graph);
    seed = zeros(nodes, sizeof *seed);
    risk = zeros(nodes, sizeof *risk);
    with_things = zeros(nodes, sizeof *with_things);
    oddity = zeros(nodes, sizeof *oddity);
    for (size_t i = 0; i < blacklist.count; i++) {
        seed[blacklist.entries[i].node] = INT64_C(1) << 30;
    }
    ok(rs_evidence_find(shared.graph, &options, &work, &evidence, &err), &err);
    ok(rs_evidence_collapse(shared.graph, &evidence, &collapsed, &err), &err);
    ok(rs_network_build(shared.graph, &evidence, &collapsed, seed, &work, &network, &err), &err);
    ok(rs_spread(&network.adjacency, seed, &spread, &work, risk, &err), &err);
    memcpy(with_things, risk, nodes * sizeof *risk);
    ok(rs_network_things(shared.graph, spread.damping, &work, with_things, &err), &err);
    shared.options.blacklist = &blacklist;
    return 0;
}

static int close_shared(void **state)
{
    (void)state;
    rs_network_free(&network);
    rs_evidence_graph_free(&collapsed);
    rs_evidence_free(&evidence);
    rs_list_free(&blacklist);
    free(seed);
    free(risk);
    free(with_things);
    free(oddity);
    night_close(&shared);
    return 0;
}

static rs_status keep_trace(rsi_trace *trace, rsi_numbers *numbers, rs_run_id *id, rs_error *err)
{
    rs_status status = RS_OK;
    rs_work work = {.threads = 1};
    rs_run_record record = {.threads = 1};
    rsi_trace_end end = {.evidence = &evidence,
                         .risk = with_things,
                         .findings = &shared.findings,
                         .blacklist = &blacklist,
                         .whitelist = &(rs_list){.count = 0}};
    RS_TRY(rsi_trace_network(trace, &network.adjacency, &spread, seed, risk, &evidence, err));
    RS_TRY(rsi_oddity(shared.graph, numbers, &work, rsi_trace_column, trace, oddity, err));
    RS_TRY(rsi_trace_counts(trace, numbers, err));
    RS_TRY(rsi_run_keep(shared.store_path, shared.graph, &shared.findings, &shared.options, &record,
                        trace, &end, &work, id, err));
done:
    return status;
}

static rs_status write_run(rs_run_id *id, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_trace *trace = NULL;
    rsi_numbers *numbers = NULL;
    rs_work work = {.threads = 1};
    RS_TRY(rsi_numbers_in_time(&numbers, shared.graph, evidence.timelines, &work, err));
    RS_TRY(rsi_trace_new(&trace, shared.store_path, shared.graph, &shared.options, &work, err));
    RS_TRY(keep_trace(trace, numbers, id, err));
done:
    rsi_trace_free(trace);
    rsi_numbers_free(numbers);
    return status;
}

/* ---- what it tells --------------------------------------------------------------------------- */

/* What a reader was told, as one number: the same run tells the same. */
typedef struct told {
    uint64_t sum;
    size_t links;
    size_t listed;
    size_t users;
} told;

static void add(told *all, uint64_t value)
{
    all->sum = (all->sum ^ value) * UINT64_C(0x9E3779B97F4A7C15);
}

static void add_text(told *all, rs_text text)
{
    for (size_t i = 0; i < text.length; i++) {
        add(all, (unsigned char)text.bytes[i]);
    }
}

static rs_status ask_row(rsi_traced *traced, uint32_t node, told *all, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_view *view = rsi_traced_view(traced);
    rsi_view_row row;
    rsi_traced_link link;
    bool there = false;
    uint32_t to[ACCOUNTS];
    RS_TRY(view->row(view->context, node, &row, err));
    assert_true(row.count < ACCOUNTS);
    memcpy(to, row.to, row.count * sizeof *to);
    all->links += row.count;
    add(all, (uint64_t)row.risk);
    for (size_t i = 0, count = row.count; i < count; i++) {
        add(all, to[i]);
        RS_TRY(rsi_traced_link_of(traced, node, to[i], &there, &link, err));
        add(all, there ? link.thing : 0);
    }
done:
    return status;
}

static rs_status ask_relation(rsi_traced *traced, size_t relation, uint32_t node, told *all,
                              rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t edges = 0, peers = 0;
    rsi_traced_uses uses;
    RS_TRY(rsi_traced_side(traced, relation, 0, node, &edges, &peers, err));
    add(all, edges);
    if (node >= rsi_traced_subjects(traced)) {
        RS_TRY(rsi_traced_uses_of(traced, relation, node, &uses, err));
        add(all, uses.users);
        all->users += uses.users;
    }
done:
    return status;
}

/* By its number and by its name. */
static rs_status ask_node(rsi_traced *traced, uint32_t node, told *all, rs_error *err)
{
    rs_status status = RS_OK;
    rs_text id = {"", 0}, reason = {"", 0};
    uint32_t found = 0;
    bool there = false;
    char copy[128];
    const char *type = rsi_traced_type(traced, node);
    rsi_traced_finding finding;
    RS_TRY(rsi_traced_id(traced, node, &id, err));
    assert_true(id.length <= sizeof copy);
    memcpy(copy, id.bytes, id.length);
    add_text(all, id);
    RS_TRY(rsi_traced_find(traced, (rs_text){type, strlen(type)}, (rs_text){copy, id.length},
                           &found, err));
    assert_int_equal(found, node);
    RS_TRY(rsi_traced_finding_of(traced, node, &finding, err));
    assert_int_equal(finding.line.risk, shared.findings.nodes[node].risk);
    RS_TRY(rsi_traced_listed(traced, RSI_TRACE_BLACK, node, &there, &reason, err));
    add_text(all, there ? reason : (rs_text){"", 0});
    all->listed += there;
    for (size_t r = 0; r < rsi_traced_relation_count(traced); r++) {
        RS_TRY(ask_relation(traced, r, node, all, err));
    }
    RS_TRY(ask_row(traced, node, all, err));
done:
    return status;
}

static rs_status ask_all(const rs_run_id *id, told *all, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_traced *traced = NULL;
    rs_odd_count odd[8];
    size_t odd_count = 0;
    *all = (told){0};
    RS_TRY(rsi_traced_open(&traced, shared.store_path, id, err));
    assert_non_null(traced);
    for (uint32_t node = 0; node < rs_graph_node_count(shared.graph); node++) {
        if (shared.findings.nodes[node].risk > 0) {
            RS_TRY(ask_node(traced, node, all, err));
        }
    }
    for (uint32_t subject = 0; subject < rsi_traced_subjects(traced); subject += 7) {
        RS_TRY(rsi_traced_odd(traced, subject, odd, 8, &odd_count, err));
        add(all, odd_count);
    }
done:
    rsi_traced_close(traced);
    return status;
}

static told tell(const rs_run_id *id)
{
    told all;
    rs_error err = {0};
    ok(ask_all(id, &all, &err), &err);
    return all;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void tells_what_the_run_saw(void **state)
{
    (void)state;
    rs_run_id id;
    rs_error err = {0};
    ok(write_run(&id, &err), &err);
    told first = tell(&id);
    assert_int_equal(first.listed, LISTED);
    assert_true(first.links >= LISTED * (PER_RING - 1));
    assert_true(first.users >= LISTED * PER_RING);
    ok(write_run(&id, &err), &err);
    assert_int_equal(tell(&id).sum, first.sum);
}

/* Nothing is in the making any more, and what is kept is whole. */
static void assert_kept(const rs_run_id *id, told before)
{
    char path[128];
    snprintf(path, sizeof path, "%s/runs", shared.store_path);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        assert_true(entry->d_name[0] != '.' || strlen(entry->d_name) <= 2);
    }
    closedir(folder);
    assert_int_equal(tell(id).sum, before.sum);
}

static const struct {
    int kind;
    int error;
    bool for_ever;
} rows[] = {
    {MEMORY, ENOMEM, false}, {MEMORY, ENOMEM, true}, {WRITE, ENOSPC, false}, {WRITE, ENOSPC, true},
    {WRITE, EIO, false},     {WRITE, EINTR, false},  {WRITE, 0, false},      {WRITE, 0, true},
    {READ, EIO, false},      {READ, EIO, true},      {READ, EINTR, false},   {READ, 0, false},
    {READ, 0, true},         {SYNC, EIO, false},     {SYNC, EIO, true},      {RENAME, EIO, false},
    {RENAME, EIO, true},
};

/* What is interrupted, or half done, is done to the end. */
static bool is_harmless(size_t row)
{
    return rows[row].error == 0 || rows[row].error == EINTR;
}

/* Let the call `number` of a row's kind fail; whether it was reached. */
static bool fails_at(size_t row, long number, rs_status (*act)(rs_run_id *, rs_error *),
                     rs_run_id *id)
{
    rs_error err = {0};
    int kind = rows[row].kind;
    faults[kind].left = number;
    faults[kind].error = rows[row].error;
    faults[kind].for_ever = rows[row].for_ever;
    faults[kind].met = false;
    rs_status status = act(id, &err);
    bool reached = faults[kind].met;
    no_faults();
    if (!reached || is_harmless(row)) {
        ok(status, &err);
        return reached;
    }
    /* What would only have been quicker is done without; a call sees to it that all is told. */
    bool does_without = status == RS_OK && (kind == MEMORY || kind == READ);
    if (!does_without && status != (kind == MEMORY ? RS_ENOMEM : RS_EIO)) {
        fail_msg("row %zu, call %ld: status %d, %s", row, number, (int)status, err.message);
    }
    return true;
}

static void leaves_the_run_before_whatever_fails(void **state)
{
    (void)state;
    rs_run_id id;
    rs_error err = {0};
    ok(write_run(&id, &err), &err);
    told before = tell(&id);
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        long number = 0;
        rs_run_id made;
        while (fails_at(row, number, write_run, &made)) {
            assert_kept(&id, before);
            number++;
            assert_true(number < 20000);
        }
        assert_true(number > 0 || rows[row].kind == READ);
    }
}

static rs_status read_run(rs_run_id *id, rs_error *err)
{
    static uint64_t sum; /* of the first time, when nothing failed */
    told all;
    rs_status status = ask_all(id, &all, err);
    sum = sum == 0 ? all.sum : sum;
    assert_true(status != RS_OK || all.sum == sum);
    return status;
}

static void tells_nothing_wrong_whatever_fails(void **state)
{
    (void)state;
    rs_run_id id;
    rs_error err = {0};
    ok(write_run(&id, &err), &err);
    ok(read_run(&id, &err), &err);
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        if (rows[row].kind == MEMORY || rows[row].kind == READ) {
            long number = 0;
            while (fails_at(row, number, read_run, &id)) {
                number++;
                assert_true(number < 20000);
            }
            assert_true(number > 2);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_what_the_run_saw),
        cmocka_unit_test(leaves_the_run_before_whatever_fails),
        cmocka_unit_test(tells_nothing_wrong_whatever_fails),
    };
    return cmocka_run_group_tests_name("a trace", tests, open_shared, close_shared);
}
