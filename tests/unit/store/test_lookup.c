/* test_lookup.c - looking up nodes gives what a scan gives for them, and so do all shares of a
 * scan, however the store came about.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store_world.h"

#include "ringscope/maintain.h"

enum { ROWS = 1200 };

static world_row rows[ROWS];
static char path[256];

static void ingest(uint64_t seed, const char *name)
{
    rs_error err = {0};
    rsi_commit commit = {0};
    world_options options = WORLD_DEFAULTS;
    options.batch = name;
    world_fill(rows, ROWS, seed, 90);
    if (world_ingest(path, rows, ROWS, &options, &commit, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
}

static void add_run(world_lines *lines, const rs_edges *run)
{
    for (size_t i = 0; i < run->count; i++) {
        world_add(lines, "%u %u %u %" PRId64 " %" PRId64 " %u", run->batch, run->src[i],
                  run->dst[i], run->time == NULL ? RS_NO_TIME : run->time[i],
                  run->amount == NULL ? RS_NO_AMOUNT : run->amount[i],
                  run->precision_s == NULL ? 1 : run->precision_s[i]);
    }
}

static bool is_wanted(const rs_lookup_query *query, uint32_t node)
{
    size_t i = 0;
    while (i < query->node_count && query->nodes[i] != node) {
        i++;
    }
    return i < query->node_count;
}

static void scan(const rs_store *store, const rs_lookup_query *query, world_lines *lines)
{
    rs_error err = {0};
    rs_scan *reader = NULL;
    rs_edges run = {0};
    assert_int_equal(rs_scan_open(&reader, store, query->relation, query->columns, &err), RS_OK);
    do {
        assert_int_equal(rs_scan_next(reader, &run, &err), RS_OK);
        for (size_t i = 0; i < run.count; i++) {
            rs_edges one = {.count = 1,
                            .src = run.src + i,
                            .dst = run.dst + i,
                            .time = run.time == NULL ? NULL : run.time + i,
                            .amount = run.amount == NULL ? NULL : run.amount + i,
                            .precision_s = run.precision_s == NULL ? NULL : run.precision_s + i,
                            .batch = run.batch};
            if (is_wanted(query, query->side == RS_SIDE_SRC ? run.src[i] : run.dst[i])) {
                add_run(lines, &one);
            }
        }
    } while (run.count > 0);
    rs_scan_close(reader);
}

static void look_up(const rs_store *store, const rs_lookup_query *query, world_lines *lines)
{
    rs_error err = {0};
    rs_lookup *lookup = NULL;
    rs_edges run = {0};
    assert_int_equal(rs_lookup_open(&lookup, store, query, &err), RS_OK);
    do {
        if (rs_lookup_next(lookup, &run, &err) != RS_OK) {
            fail_msg("%s", err.message);
        }
        add_run(lines, &run);
        for (size_t i = 1; i < run.count; i++) { /* all of one node */
            assert_true(query->side == RS_SIDE_SRC ? run.src[i] == run.src[0]
                                                   : run.dst[i] == run.dst[0]);
        }
    } while (run.count > 0);
    rs_lookup_close(lookup);
}

static void assert_found(const rs_store *store, rs_lookup_query query, const uint32_t *nodes,
                         size_t count)
{
    world_lines expected = {0};
    world_lines found = {0};
    query.nodes = nodes;
    query.node_count = count;
    scan(store, &query, &expected);
    look_up(store, &query, &found);
    world_sort(&expected);
    world_sort(&found);
    world_assert_equal(&found, &expected);
    world_free(&expected);
    world_free(&found);
}

/* One by one, and many at a time: some, none, and in an order that no block has. */
static void assert_side_found(const rs_store *store, rs_lookup_query query, uint32_t node_count)
{
    enum { EACH = 3 };
    uint32_t nodes[ROWS];
    uint32_t backwards[ROWS];
    uint32_t count = 0;
    rs_error err = {0};
    rs_lookup *none = NULL;
    assert_true(node_count <= ROWS);
    for (uint32_t node = 0; node < node_count; node += EACH) {
        nodes[count++] = node;
        assert_found(store, query, &node, 1);
    }
    for (uint32_t i = 0; i < count; i++) {
        backwards[i] = nodes[count - 1 - i];
    }
    assert_found(store, query, nodes, count);
    assert_found(store, query, nodes, 0);
    assert_found(store, query, backwards, count);
    nodes[count] = node_count;
    query.nodes = nodes;
    query.node_count = count + 1;
    assert_int_equal(rs_lookup_open(&none, store, &query, &err), RS_EUSAGE);
}

/* More shares than blocks, too: each edge is in one of them. */
static void assert_shared_out(const rs_store *store, const rs_lookup_query *query, size_t shares)
{
    rs_error err = {0};
    world_lines whole = {0};
    world_lines parts = {0};
    for (size_t i = 0; i < 1 + shares; i++) {
        rs_scan *reader = NULL;
        rs_edges run = {0};
        assert_int_equal(rs_scan_open(&reader, store, query->relation, query->columns, &err),
                         RS_OK);
        if (i > 0) {
            rs_scan_share(reader, i - 1, shares);
        }
        do {
            assert_int_equal(rs_scan_next(reader, &run, &err), RS_OK);
            add_run(i == 0 ? &whole : &parts, &run);
        } while (run.count > 0);
        rs_scan_close(reader);
    }
    world_sort(&whole);
    world_sort(&parts);
    world_assert_equal(&parts, &whole);
    world_free(&whole);
    world_free(&parts);
}

static void assert_all_found(void)
{
    rs_error err = {0};
    rs_store *store = NULL;
    assert_int_equal(rs_store_open(&store, path, &err), RS_OK);
    for (size_t relation = 0; relation < rs_store_relation_count(store); relation++) {
        rs_relation_info info = rs_store_relation(store, relation);
        for (int side = RS_SIDE_SRC; side <= RS_SIDE_DST; side++) {
            uint32_t type = side == RS_SIDE_SRC ? info.src_type : info.dst_type;
            rs_lookup_query query = {.relation = relation,
                                     .side = (rs_side)side,
                                     .columns = RS_SCAN_TIME | RS_SCAN_AMOUNT};
            assert_side_found(store, query, rs_store_type(store, type).node_count);
            assert_shared_out(store, &query, 1);
            assert_shared_out(store, &query, 3);
        }
    }
    rs_store_close(store);
}

static void assert_all_named(void)
{
    rs_error err = {0};
    rs_store *store = NULL;
    assert_int_equal(rs_store_open(&store, path, &err), RS_OK);
    for (size_t type = 0; type < rs_store_type_count(store); type++) {
        world_ids ids = {0};
        rs_namer *namer = NULL;
        rs_text id = {0};
        assert_int_equal(world_read_ids(store, type, &ids, &err), RS_OK);
        assert_int_equal(rs_namer_open(&namer, store, type, &err), RS_OK);
        for (uint32_t i = 0; i < ids.count; i++) {
            uint32_t node = (uint32_t)((uint64_t)i * 37 % ids.count);
            uint32_t back = 0;
            assert_int_equal(rs_namer_name(namer, node, &id, &err), RS_OK);
            assert_int_equal(id.length, ids.ids[node].length);
            assert_memory_equal(id.bytes, ids.ids[node].bytes, id.length);
            assert_int_equal(rs_store_find(store, type, ids.ids[node], &back, &err), RS_OK);
            assert_int_equal(back, node);
        }
        assert_int_equal(rs_namer_name(namer, ids.count, &id, &err), RS_EUSAGE);
        rs_namer_close(namer);
        for (uint32_t i = 0; i < ids.count; i++) {
            free((void *)(uintptr_t)ids.ids[i].bytes);
        }
        free(ids.ids);
    }
    rs_store_close(store);
}

static void compact(bool renumber, bool reverse, uint64_t keep)
{
    rs_error err = {0};
    rs_compact_options options = {.renumber = renumber, .reverse = reverse, .keep = keep};
    rs_compact_result result = {0};
    if (rs_compact(path, &options, NULL, &result, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
}

static void finds_the_edges_of_every_node(void **state)
{
    (void)state;
    world_path(path, "lookup");
    ingest(1, "one");
    ingest(2, "two");
    assert_all_found();
    compact(true, true, 1);
    assert_all_found();
    ingest(3, "three"); /* a batch without a reverse file beside two with one */
    assert_all_found();
    compact(false, false, 0);
    assert_all_found();
    compact(true, true, 0);
    assert_all_found();
    world_remove(path);
}

static void finds_ids_and_numbers_both_ways(void **state)
{
    (void)state;
    world_path(path, "names");
    ingest(1, "one");
    assert_all_named();
    compact(true, false, 0);
    assert_all_named();
    ingest(2, "two");
    assert_all_named();
    compact(false, false, 1);
    assert_all_named();
    world_remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_edges_of_every_node),
        cmocka_unit_test(finds_ids_and_numbers_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
