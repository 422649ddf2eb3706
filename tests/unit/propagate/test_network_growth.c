/* test_network_growth.c - a relation that has more edges when it is read again is refused, not
 * written beyond the rows that the first reading measured.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: rs_scan_open rs_scan_next */
#include "../evidence/small_store.h"

#include "ringscope/network.h"

static bool growing;
static int opened; /* scans, while growing */
static rs_edges last;

rs_status __real_rs_scan_open(rs_scan **out, const rs_store *store, size_t relation,
                              unsigned columns, rs_error *err);
rs_status __wrap_rs_scan_open(rs_scan **out, const rs_store *store, size_t relation,
                              unsigned columns, rs_error *err);
rs_status __real_rs_scan_next(rs_scan *scan, rs_edges *run, rs_error *err);
rs_status __wrap_rs_scan_next(rs_scan *scan, rs_edges *run, rs_error *err);

rs_status __wrap_rs_scan_open(rs_scan **out, const rs_store *store, size_t relation,
                              unsigned columns, rs_error *err)
{
    opened += growing;
    last.count = 0;
    return __real_rs_scan_open(out, store, relation, columns, err);
}

/* The second reading gives its first run twice. */
rs_status __wrap_rs_scan_next(rs_scan *scan, rs_edges *run, rs_error *err)
{
    if (growing && opened == 2 && last.count > 0) {
        growing = false;
        *run = last;
        return RS_OK;
    }
    rs_status status = __real_rs_scan_next(scan, run, err);
    last = *run;
    return status;
}

static void refuses_a_relation_that_grows_while_it_is_read(void **state)
{
    static small_rows rows;
    small_store small;
    rs_evidence evidence;
    rs_evidence_graph graph;
    rs_network network;
    rs_error err = {0};
    rs_evidence_options options = RS_EVIDENCE_DEFAULTS;
    (void)state;
    small_add(&rows, PAYS, "a", "b");
    small_add(&rows, PAYS, "b", "c");
    small_open(&small, &rows, 10);
    small_ok(rs_evidence_find(small.graph, &options, NULL, &evidence, &err), &err);
    small_ok(rs_evidence_collapse(small.graph, &evidence, &graph, &err), &err);
    growing = true;
    opened = 0;
    assert_int_equal(rs_network_build(small.graph, &evidence, &graph, NULL, NULL, &network, &err),
                     RS_ECORRUPT);
    assert_string_equal(err.message,
                        "relation \"pays\" has more edges than when it was read first");
    assert_false(growing);
    rs_evidence_graph_free(&graph);
    rs_evidence_free(&evidence);
    small_close(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_a_relation_that_grows_while_it_is_read),
    };
    return cmocka_run_group_tests_name("a network read twice", tests, NULL, NULL);
}
