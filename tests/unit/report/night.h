/* night.h - a small real store and findings made up for it, for the tests of src/report.
 *
 * Accounts and devices; four accounts in a row (in the graph's order) share a device and make a
 * ring. The first ids are hostile. What is made depends on external ids alone.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RS_TEST_REPORT_NIGHT_H
#define RS_TEST_REPORT_NIGHT_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/ringid.h"
#include "ringscope/report.h"
#include "store/batch.h"

#define HOSTILE(literal)                                                                           \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
static const rs_text hostile_ids[] = {
    HOSTILE("a\0b"),
    HOSTILE("\0"),
    HOSTILE("\"quoted\\\""),
    HOSTILE("comma,semi;tab\t"),
    HOSTILE("line\nfeed\r\n"),
    HOSTILE("\x1b[31mred\x1b[0m\x07"),
    HOSTILE("<script>alert('x')</script>"),
    HOSTILE("\xE2\x80\xAEright to left\xE2\x80\xAC"),
    HOSTILE("\xE2\x80\xA8\xE2\x80\xA9\xC2\x85"),
    HOSTILE("\xEF\xBB\xBF\xEF\xBF\xBF\xF4\x8F\xBF\xBF"),
    HOSTILE("\xE5\xBC\xA0\xE4\xB8\x89"),
    HOSTILE("\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA9"),
    HOSTILE("=cmd|' /C calc'!A0"),
    HOSTILE("../../etc/passwd"),
    HOSTILE("%s%n%x"),
    HOSTILE("'; DROP TABLE accounts; --"),
    HOSTILE("__proto__"),
    HOSTILE("null"),
    HOSTILE(" "),
    HOSTILE("plain\naccount,u000007,0.999999,R-0000000000000,0.900000,0.900000,0.900000\n"),
    HOSTILE("{\"id\":\"R-0000000000000\","),
};
enum { HOSTILE_COUNT = sizeof hostile_ids / sizeof *hostile_ids, PER_RING = 4 };

typedef struct test_night {
    char folder[64]; /* holds store/ and what a test writes */
    char store_path[80];
    uint32_t account_count;
    rs_store *store;
    rs_graph *graph;
    rs_findings findings;
    rs_report_options options;
} test_night;

/* ---- the store ------------------------------------------------------------------------------- */

static inline rs_text account_id(uint32_t account, char buffer[32])
{
    if (account < HOSTILE_COUNT) {
        return hostile_ids[account];
    }
    int length = snprintf(buffer, 32, "u%06u", account);
    return (rs_text){buffer, (size_t)length};
}

static inline rs_text device_id(uint32_t device, char buffer[32])
{
    int length = snprintf(buffer, 32, "dev,\"%u\"\n", device);
    return (rs_text){buffer, (size_t)length};
}

/* Where ids stay until their block was appended. */
typedef struct id_room {
    char src[32];
    char dst[32];
} id_room;

static inline void add_account(rsi_block *block, uint32_t relation, uint32_t account, id_room *room)
{
    rsi_edge_row row = {.relation = relation,
                        .src = account_id(account, room->src),
                        .dst = device_id(account / PER_RING, room->dst),
                        .time = 1767225600 + (int64_t)account,
                        .precision_s = 1,
                        .amount = RS_NO_AMOUNT};
    assert_int_equal(rsi_block_edge(block, &row, NULL), RS_OK);
}

/* One batch with the accounts whose number modulo `parts` is `part`, the last first if `backwards`.
 */
static inline void add_batch(const test_night *night, uint32_t part, uint32_t parts, bool backwards)
{
    rsi_batch *batch = NULL;
    rsi_block *block = NULL;
    rsi_commit commit;
    uint32_t account, device, relation;
    rs_error err = {0};
    id_room *rooms = calloc(night->account_count, sizeof *rooms);
    assert_non_null(rooms);
    assert_int_equal(rsi_batch_open(&batch, night->store_path, false, NULL, &err), RS_OK);
    assert_int_equal(rsi_batch_type(batch, (rs_text){"account", 7}, &account, NULL), RS_OK);
    assert_int_equal(rsi_batch_type(batch, (rs_text){"device", 6}, &device, NULL), RS_OK);
    assert_int_equal(rsi_batch_subject(batch, account, NULL), RS_OK);
    rsi_relation_spec spec = {.name = {"uses", 4},
                              .currency = {"", 0},
                              .kind = RS_KIND_SHARED,
                              .src_type = account,
                              .dst_type = device};
    assert_int_equal(rsi_batch_relation(batch, &spec, &relation, NULL), RS_OK);
    assert_int_equal(rsi_block_new(&block, batch, NULL), RS_OK);
    for (uint32_t i = 0; i < night->account_count; i++) {
        uint32_t number = backwards ? night->account_count - 1 - i : i;
        if (number % parts == part) {
            add_account(block, relation, number, &rooms[number]);
        }
    }
    assert_int_equal(rsi_batch_append(batch, block, &err), RS_OK);
    assert_int_equal(rsi_batch_commit(batch, NULL, 1, &commit, &err), RS_OK);
    rsi_block_free(block);
    rsi_batch_close(batch);
    free(rooms);
}

/* ---- the findings ---------------------------------------------------------------------------- */

static inline void *zeros(size_t count, size_t size)
{
    void *memory = calloc(count + 1, size);
    assert_non_null(memory);
    return memory;
}

static inline void name_ring(const test_night *night, rs_ring *ring, const rs_ids *ids)
{
    rsi_ring_name names[PER_RING];
    for (size_t i = 0; i < PER_RING; i++) {
        uint32_t node = night->findings.members[ring->member_first + i].node;
        names[i] = (rsi_ring_name){{"account", 7}, rs_ids_of(ids, node)};
    }
    ring->since = rs_graph_as_of(night->graph);
    rsi_ring_id(ring->since, names, PER_RING, ring->id);
}

static inline void make_ring(test_night *night, uint32_t ring_number, uint32_t ring_count)
{
    rs_findings *f = &night->findings;
    uint32_t device = night->account_count + ring_number;
    rs_ring *ring = &f->rings[ring_number];
    *ring =
        (rs_ring){.score = 1000000 - (uint32_t)((uint64_t)ring_number * 900000 / ring_count),
                  .stability = ring_number < 10 ? 1000000 - ring_number * 50000 : RS_NO_STABILITY,
                  .member_first = (size_t)ring_number * PER_RING,
                  .member_count = PER_RING,
                  .thing_first = ring_number,
                  .thing_count = 1,
                  .reason_first = 2 * (size_t)ring_number,
                  .reason_count = 2};
    for (uint32_t i = 0; i < PER_RING; i++) {
        uint32_t node = ring_number * PER_RING + i;
        f->members[node] = (rs_ring_member){
            .node = node, .membership = 1000000 - i, .role = (rs_role)(i % 3), .known = i == 0};
        f->fact_users[node] = node;
        f->nodes[node] = (rs_node_risk){990000 - i, 1, 20 * i, ring->score, ring_number};
    }
    f->things[ring_number] = (rs_ring_thing){device, PER_RING};
    f->nodes[device].risk = ring_number % 2 == 0 ? 5 : 0;
    f->reasons[2 * ring_number] =
        (rs_reason){"shared_device", 700001, PER_RING, 1, 2 * (size_t)ring_number, 1};
    f->reasons[2 * ring_number + 1] =
        (rs_reason){"known_members", 299999, 1, 0, 2 * (size_t)ring_number + 1, 1};
    f->facts[2 * ring_number] = (rs_fact){.thing = device,
                                          .event_count = 9,
                                          .user_first = (size_t)ring_number * PER_RING,
                                          .user_count = PER_RING};
    f->facts[2 * ring_number + 1] = (rs_fact){.thing = RS_NO_NODE,
                                              .relation = UINT16_MAX,
                                              .user_first = (size_t)ring_number * PER_RING,
                                              .user_count = 1};
}

/* Of ring 0: a member by its device, one by that and by the first one through it, and more; the
 * third one is not tied. */
static inline void make_ties(test_night *night)
{
    rs_findings *f = &night->findings;
    uint32_t device = night->account_count;
    f->tied_count = 3;
    f->tie_count = 3;
    f->member_ties = zeros(3, sizeof *f->member_ties);
    f->ties = zeros(3, sizeof *f->ties);
    f->member_ties[0] = (rs_member_ties){.first = 0, .count = 1, .needed = 1};
    f->member_ties[1] = (rs_member_ties){.first = 1, .count = 2, .needed = 5};
    f->ties[0] = (rs_ring_tie){.node = device, .thing = RS_NO_NODE, .weight = 1000000};
    f->ties[1] = (rs_ring_tie){.node = 0, .thing = device, .weight = 700000};
    f->ties[2] = (rs_ring_tie){
        .node = device, .thing = RS_NO_NODE, .kind = 1, .relation = UINT16_MAX, .weight = 200000};
}

static inline void make_findings(test_night *night)
{
    rs_findings *f = &night->findings;
    uint32_t rings = night->account_count / PER_RING;
    uint32_t nodes = rs_graph_node_count(night->graph);
    f->rings = zeros(rings, sizeof *f->rings);
    f->members = zeros(nodes, sizeof *f->members);
    f->things = zeros(rings, sizeof *f->things);
    f->reasons = zeros(2 * (size_t)rings, sizeof *f->reasons);
    f->facts = zeros(2 * (size_t)rings, sizeof *f->facts);
    f->fact_users = zeros(nodes, sizeof *f->fact_users);
    f->nodes = zeros(nodes, sizeof *f->nodes);
    f->evidence_by_kind = zeros(rs_evidence_kind_count(), sizeof *f->evidence_by_kind);
    f->hubs = zeros(1, sizeof *f->hubs);
    f->hub_count = 1;
    f->hubs[0] = (rs_hub){.thing = nodes - 1, .user_count = 77};
    f->ring_count = rings;
    for (uint32_t i = 0; i < nodes; i++) {
        f->nodes[i].ring = RS_NO_RING;
    }
    uint8_t *wanted = zeros(nodes, 1);
    rs_ids *ids = NULL;
    memset(wanted, 1, nodes);
    assert_int_equal(rs_graph_ids(night->graph, wanted, &ids, NULL), RS_OK);
    for (uint32_t i = 0; i < rings; i++) {
        make_ring(night, i, rings);
        name_ring(night, &f->rings[i], ids);
    }
    make_ties(night);
    rs_ids_free(ids);
    free(wanted);
}

/* ---- the night ------------------------------------------------------------------------------- */

static inline void night_open(test_night *night, uint32_t account_count, uint32_t batches,
                              bool backwards)
{
    rs_error err = {0};
    *night = (struct test_night){.folder = "/tmp/ringscope-night-XXXXXX",
                                 .account_count = account_count};
    night->options = (rs_report_options)RS_REPORT_DEFAULTS;
    assert_non_null(mkdtemp(night->folder));
    snprintf(night->store_path, sizeof night->store_path, "%s/store", night->folder);
    for (uint32_t i = 0; i < batches; i++) {
        add_batch(night, i, batches, backwards);
    }
    rs_graph_options options = RS_GRAPH_DEFAULTS;
    assert_int_equal(rs_store_open(&night->store, night->store_path, &err), RS_OK);
    assert_int_equal(rs_graph_open(&night->graph, night->store, &options, NULL, &err), RS_OK);
    make_findings(night);
}

/* A folder and all in it. */
static inline void remove_all(const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        unlink(path);
        return;
    }
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            char inside[512];
            snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
            remove_all(inside);
        }
    }
    closedir(folder);
    rmdir(path);
}

static inline void night_close(test_night *night)
{
    rs_findings *f = &night->findings;
    rs_graph_close(night->graph);
    rs_store_close(night->store);
    free(f->rings);
    free(f->members);
    free(f->things);
    free(f->reasons);
    free(f->facts);
    free(f->fact_users);
    free(f->member_ties);
    free(f->ties);
    free(f->nodes);
    free(f->evidence_by_kind);
    free(f->hubs);
    remove_all(night->folder);
}

/* ---- files ----------------------------------------------------------------------------------- */

/* The whole file and a NUL; freed by the caller. */
static inline char *slurp(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *length = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*length + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *length, file), *length);
    bytes[*length] = '\0';
    fclose(file);
    return bytes;
}

static inline void assert_same_files(const char *one, const char *two)
{
    size_t length, other;
    char *first = slurp(one, &length);
    char *second = slurp(two, &other);
    assert_int_equal(length, other);
    assert_memory_equal(first, second, length);
    free(first);
    free(second);
}

#endif
