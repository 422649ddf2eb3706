/* test_graph_store.c - a graph over a real store says the same for any order of rows, any batches
 * and any threads, to the last bit.
 *
 * All that a graph says is written as text, node numbers included, and the texts are compared. What
 * it says is held against definitions by test_graph.c, on a store in memory.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "../unit/store/store_world.h"
#include "ringscope/graph.h"

enum { ROWS = 2500 };

static world_row rows[ROWS];

static void write_nodes(FILE *to, const rs_graph *graph)
{
    uint32_t count = rs_graph_node_count(graph);
    uint8_t *wanted = malloc((size_t)count + 1);
    rs_ids *ids = NULL;
    rs_error err = {0};
    memset(wanted, 1, (size_t)count + 1);
    assert_int_equal(rs_graph_ids(graph, wanted, &ids, &err), RS_OK);
    fprintf(to, "as of %" PRId64 ", %" PRIu32 " subjects\n", rs_graph_as_of(graph),
            rs_graph_subject_count(graph));
    for (uint32_t node = 0; node < count; node++) {
        rs_text id = rs_ids_of(ids, node);
        rs_node_range range = rs_graph_range_of(graph, node);
        uint32_t found = RS_NO_NODE;
        assert_int_equal(rs_graph_find(graph, range.type, id, &found, &err), RS_OK);
        assert_int_equal(found, node);
        fprintf(to, "%" PRIu32 " %s ", node, range.type);
        fwrite(id.bytes, 1, id.length, to);
        fputc('\n', to);
    }
    rs_ids_free(ids);
    free(wanted);
}

static void write_things(FILE *to, const rs_graph *graph, size_t relation)
{
    rs_groups groups = {0};
    rs_use *uses = NULL;
    size_t count = 0;
    assert_int_equal(rs_graph_groups(graph, relation, &groups, NULL, NULL), RS_OK);
    assert_int_equal(rs_graph_uses(graph, relation, &uses, &count, NULL, NULL), RS_OK);
    fprintf(to, "groups %" PRIu32 " singles %" PRIu64 "\n", groups.count, groups.single_count);
    for (uint32_t g = 0; g < groups.count; g++) {
        fprintf(to, "%" PRIu32 ":", groups.things[g]);
        for (uint64_t use = groups.first[g]; use < groups.first[g + 1]; use++) {
            fprintf(to, " %" PRIu32 "x%" PRIu32, groups.users[use], groups.events[use]);
        }
        fputc('\n', to);
    }
    for (size_t i = 0; i < count; i++) {
        fprintf(to, "use %" PRIu32 " %" PRIu32 " %" PRId64 " %" PRIu32 "\n", uses[i].thing,
                uses[i].user, uses[i].time, uses[i].precision_s);
    }
    rs_groups_free(&groups);
    free(uses);
}

static void write_pairs(FILE *to, const rs_graph *graph, size_t relation)
{
    rs_pair *pairs = NULL;
    size_t count = 0;
    assert_int_equal(rs_graph_pairs(graph, relation, &pairs, &count, NULL, NULL), RS_OK);
    for (size_t i = 0; i < count; i++) {
        fprintf(to,
                "pair %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRId64 " %" PRId64 " %" PRId64 "\n",
                pairs[i].a, pairs[i].b, pairs[i].events, pairs[i].amount, pairs[i].time_first,
                pairs[i].time_last);
    }
    free(pairs);
}

static void write_numbers(FILE *to, const rs_graph *graph, size_t relation)
{
    rs_counts counts = {0};
    rs_peaks peaks = {0};
    assert_int_equal(rs_graph_counts(graph, relation, &counts, NULL, NULL), RS_OK);
    assert_int_equal(rs_graph_peaks(graph, relation, &peaks, NULL, NULL), RS_OK);
    for (uint32_t i = 0; i < counts.count; i++) {
        fprintf(to, "subject %" PRIu32 ": %" PRIu32 " %" PRIu64 " %" PRId64 " %" PRIu32, i,
                counts.src_peers[i], counts.src_edges[i],
                counts.src_amount == NULL ? 0 : counts.src_amount[i],
                counts.dst_peers == NULL ? counts.shared_things[i] : counts.dst_peers[i]);
        fprintf(to, " %" PRIu32 " %" PRId64 "\n",
                peaks.src_day_edges == NULL ? 0 : peaks.src_day_edges[i],
                peaks.src_day_amount == NULL ? 0 : peaks.src_day_amount[i]);
    }
    rs_counts_free(&counts);
    rs_peaks_free(&peaks);
}

/* The caller frees it. */
static char *say_all(const char *path, int64_t as_of, unsigned threads)
{
    rs_store *store = NULL;
    rs_graph *graph = NULL;
    rs_error err = {0};
    rs_graph_options options = {.as_of = as_of};
    rs_work work = {.threads = threads};
    char *text = NULL;
    size_t length = 0;
    FILE *to = open_memstream(&text, &length);
    if (rs_store_open(&store, path, &err) != RS_OK ||
        rs_graph_open(&graph, store, &options, &work, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
    write_nodes(to, graph);
    for (size_t relation = 0; relation < rs_store_relation_count(store); relation++) {
        rs_relation_info info = rs_store_relation(store, relation);
        fprintf(to, "%s %s\n", info.name, info.currency);
        if (!rs_store_type(store, info.dst_type).subject) {
            write_things(to, graph, relation);
        }
        write_pairs(to, graph, relation);
        write_numbers(to, graph, relation);
    }
    rs_graph_close(graph);
    rs_store_close(store);
    fclose(to);
    for (size_t i = 0; i < length; i++) { /* ids may hold any bytes; a text ends at the first */
        text[i] = text[i] == '\0' ? '\1' : text[i];
    }
    return text;
}

static void ingest(const char *path, const world_row *some, size_t count, unsigned threads)
{
    rs_error err = {0};
    rsi_commit commit = {0};
    world_options options = WORLD_DEFAULTS;
    options.threads = threads;
    if (world_ingest(path, some, count, &options, &commit, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
}

static void says_the_same_for_any_order_batches_and_threads(void **state)
{
    static const int64_t as_of[] = {RS_NO_TIME, 12000, -60000};
    char one[256];
    char some[256];
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        size_t batches = (size_t)seed * 2;
        world_path(one, "graph-one");
        world_path(some, "graph-some");
        world_fill(rows, ROWS, seed, seed * 40);
        ingest(one, rows, ROWS, 1);
        world_shuffle(rows, ROWS, seed);
        for (size_t i = 0; i < batches; i++) {
            size_t begin = i * ROWS / batches;
            ingest(some, rows + begin, (i + 1) * ROWS / batches - begin, 2);
        }
        for (size_t i = 0; i < sizeof as_of / sizeof *as_of; i++) {
            char *expected = say_all(one, as_of[i], 1);
            char *found = say_all(some, as_of[i], 3);
            assert_true(strlen(expected) > 1000);
            assert_string_equal(found, expected);
            free(expected);
            free(found);
        }
        world_remove(one);
        world_remove(some);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_the_same_for_any_order_batches_and_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
