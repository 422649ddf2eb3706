/* verify.c - read every byte of a store and hold it against every invariant.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>

#include "base/try.h"
#include "store/store_internal.h"

typedef struct damage_list {
    uint64_t count;
    rs_status status;
    rs_error first;
} damage_list;

/* Keep the first finding, count them all. Only damage is a finding; anything else ends the check.
 */
static bool note(damage_list *findings, rs_status status, const rs_error *error)
{
    if (status == RS_OK) {
        return true;
    }
    if (findings->status == RS_OK || status != RS_ECORRUPT) {
        findings->first = *error;
        findings->status = status;
    }
    findings->count += status == RS_ECORRUPT;
    return status == RS_ECORRUPT;
}

/* ---- relations ---------------------------------------------------------------------------- */

static rs_status check_edges(const rs_store *store, size_t relation, rs_error *err)
{
    rs_status status = RS_OK;
    rs_scan *scan = NULL;
    rs_edges run = {0};
    const rsi_relation_entry *entry = &store->manifest.relations[relation];
    int64_t time_min = INT64_MAX;
    int64_t time_max = INT64_MIN;
    uint64_t count = 0;
    RS_TRY(rs_scan_open(&scan, store, relation, RS_SCAN_TIME | RS_SCAN_AMOUNT, err));
    do {
        RS_TRY(rs_scan_next(scan, &run, err));
        count += run.count;
        for (size_t i = 0; run.time != NULL && i < run.count; i++) {
            if (run.time[i] != RS_NO_TIME) {
                time_min = run.time[i] < time_min ? run.time[i] : time_min;
                time_max = run.time[i] > time_max ? run.time[i] : time_max;
            }
        }
    } while (run.count > 0);
    bool timed = time_min <= time_max;
    if (count != entry->edge_count || (timed ? time_min : RS_NO_TIME) != entry->time_min ||
        (timed ? time_max : RS_NO_TIME) != entry->time_max) {
        status = rs_fail(err, RS_ECORRUPT,
                         "S-05: relation \"%s\": the manifest says %" PRIu64 " edges from %" PRId64
                         " to %" PRId64 ", the segments say otherwise",
                         entry->name, entry->edge_count, entry->time_min, entry->time_max);
    }
done:
    rs_scan_close(scan);
    return status;
}

/* ---- everything --------------------------------------------------------------------------- */

static rs_status check_names(const rs_store *store, size_t type, rs_error *err)
{
    rs_status status = RS_OK;
    rs_names *names = NULL;
    uint32_t node = 0;
    rs_text id = {0};
    RS_TRY(rs_names_open(&names, store, type, err));
    do {
        RS_TRY(rs_names_next(names, &node, &id, err));
    } while (node != RS_NO_NODE);
done:
    rs_names_close(names);
    return status;
}

static rs_status check_values(const rs_store *store, size_t attribute, rs_error *err)
{
    rs_status status = RS_OK;
    rs_values *values = NULL;
    uint32_t node = 0;
    rs_text text = {0};
    RS_TRY(rs_values_open(&values, store, attribute, err));
    do {
        RS_TRY(rs_values_next(values, &node, &text, err));
    } while (node != RS_NO_NODE);
done:
    rs_values_close(values);
    return status;
}

rs_status rsi_verify_files(const rs_store *store, const rs_work *work, uint64_t *damage,
                           rs_error *err)
{
    damage_list found = {0};
    rs_error one = {.status = RS_OK};
    bool go_on = true;
    const rsi_manifest *manifest = &store->manifest;
    for (size_t i = 0; go_on && i < store->opened; i++) {
        go_on =
            note(&found, rs_work_report(work, "verify", "files", i, store->opened, &one), &one) &&
            note(&found, rsi_blockfile_check_digest(&store->files[i], &one), &one);
    }
    for (size_t i = 0; go_on && i < manifest->type_count; i++) {
        go_on = note(&found, check_names(store, i, &one), &one);
    }
    for (size_t i = 0; go_on && i < manifest->relation_count; i++) {
        go_on = note(&found, check_edges(store, i, &one), &one);
    }
    for (size_t i = 0; go_on && i < manifest->attribute_count; i++) {
        go_on = note(&found, check_values(store, i, &one), &one);
    }
    *damage = found.count;
    if (found.status != RS_OK && err != NULL) {
        *err = found.first;
    }
    return found.status;
}

rs_status rs_store_verify(const char *path, const rs_work *work, uint64_t *damage_count,
                          rs_error *err)
{
    rs_store *store = NULL;
    uint64_t damage = 0;
    rs_status status = rs_store_open(&store, path, err);
    if (status == RS_OK) {
        status = rsi_verify_files(store, work, &damage, err);
        rs_store_close(store);
    } else if (status == RS_ECORRUPT) {
        damage = 1;
    }
    if (damage_count != NULL) {
        *damage_count = damage;
    }
    return status;
}
