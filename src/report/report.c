/* report.c - the report JSON: head, then a ring a line, then the end.
 *
 *     {"report":"ringscope/1",
 *     "run":{...},
 *     "totals":{...},
 *     "clusters":[
 *     {...},
 *     {...}
 *     ]}
 *
 * A ring a line can be found with grep, compared with diff and read one at a time.
 *
 * Ids come in windows: rings are taken until ids_max distinct nodes are wanted, their ids are
 * fetched in one pass over the dictionary, the rings are written, and so on. The windows show in no
 * byte of the result.
 *
 * Rings are made side by side and put in order.
 *
 * Cost: O(what is written), and a pass over the dictionary and node_count bytes for each window.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "report/report.h"
#include "report/runs.h"

#include <stdlib.h>
#include <string.h>

#include "base/lock.h"
#include "base/parallel.h"
#include "base/try.h"

enum { HUBS_PER_TYPE = 5 };

size_t rsi_rings_reported(const rs_findings *findings, const rs_report_options *options)
{
    size_t count = 0;
    while (count < findings->ring_count && findings->rings[count].score >= options->min_score) {
        count++;
    }
    return count;
}

bool rsi_list_has(const rs_list *list, uint32_t node)
{
    size_t low = 0;
    size_t high = list != NULL ? list->count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->entries[middle].node < node) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return list != NULL && low < list->count && list->entries[low].node == node;
}

/* ---- what to write from ---------------------------------------------------------------------- */

static size_t type_index(const rs_graph *graph, uint32_t node)
{
    size_t range = 0;
    for (size_t i = 0; i < rs_graph_range_count(graph); i++) {
        range = rs_graph_range(graph, i).first <= node ? i : range;
    }
    return range;
}

/* The most used hubs of each type. */
static rs_status choose_hubs(rsi_source *source, rs_error *err)
{
    const rs_findings *findings = source->findings;
    size_t type_count = rs_graph_range_count(source->graph);
    size_t capacity = type_count * HUBS_PER_TYPE;
    uint32_t *seen = calloc(type_count + 1, sizeof *seen);
    source->hubs = calloc(capacity + 1, sizeof *source->hubs);
    if (seen == NULL || source->hubs == NULL) {
        free(seen);
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < findings->hub_count && source->hub_count < capacity; i++) {
        size_t type = type_index(source->graph, findings->hubs[i].thing);
        if (seen[type] < HUBS_PER_TYPE) {
            seen[type]++;
            source->hubs[source->hub_count++] = (uint32_t)i;
        }
    }
    free(seen);
    return RS_OK;
}

static rs_status name_relations(rsi_source *source, rs_error *err)
{
    const rs_store *store = rs_graph_store(source->graph);
    size_t count = rs_store_relation_count(store);
    source->labels = calloc(count + 1, sizeof *source->labels);
    if (source->labels == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    source->label_count = count;
    for (size_t i = 0; i < count; i++) {
        source->labels[i] = rsi_relation_label(store, i);
        if (source->labels[i] == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory");
        }
    }
    return RS_OK;
}

rs_status rsi_source_open(rsi_source *source, rs_error *err)
{
    rs_status status = RS_OK;
    source->ring_count = rsi_rings_reported(source->findings, source->options);
    source->wanted = malloc((size_t)rs_graph_node_count(source->graph) + 1);
    if (source->wanted == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    RS_TRY(choose_hubs(source, err));
    RS_TRY(name_relations(source, err));
done:
    return status;
}

void rsi_source_close(rsi_source *source)
{
    for (size_t i = 0; i < source->label_count; i++) {
        free(source->labels[i]);
    }
    free(source->labels);
    free(source->hubs);
    free(source->wanted);
    rs_ids_free(source->ids);
}

/* ---- windows --------------------------------------------------------------------------------- */

static uint64_t want(const rsi_source *source, uint32_t node)
{
    if (node == RS_NO_NODE || source->wanted[node] != 0) {
        return 0;
    }
    source->wanted[node] = 1;
    return 1;
}

/* Mark the nodes that a ring's line names; returns how many are new. */
static uint64_t want_ring(const rsi_source *source, const rs_ring *ring)
{
    const rs_findings *findings = source->findings;
    uint64_t count = 0;
    for (size_t i = ring->member_first; i < ring->member_first + ring->member_count; i++) {
        count += want(source, findings->members[i].node);
        for (size_t k = 0; i < findings->tied_count && k < findings->member_ties[i].count; k++) {
            const rs_ring_tie *tie = &findings->ties[findings->member_ties[i].first + k];
            count += want(source, tie->node) + want(source, tie->thing);
        }
    }
    for (size_t i = 0; i < ring->thing_count; i++) {
        count += want(source, findings->things[ring->thing_first + i].node);
    }
    for (size_t i = 0; i < ring->reason_count; i++) {
        const rs_reason *reason = &findings->reasons[ring->reason_first + i];
        for (size_t k = 0; k < reason->fact_count; k++) {
            const rs_fact *fact = &findings->facts[reason->fact_first + k];
            count += want(source, fact->thing);
            for (size_t u = 0; u < fact->user_count; u++) {
                count += want(source, findings->fact_users[fact->user_first + u]);
            }
        }
    }
    for (size_t i = ring->hold_first; i < ring->hold_first + ring->hold_count; i++) {
        const rs_ring_hold *hold = &findings->holds[i];
        count += want(source, hold->thing); /* those who hang on it are members */
    }
    for (size_t i = ring->paid_first; i < ring->paid_first + ring->paid_count; i++) {
        for (size_t k = 0; k < findings->paid[i].listed_count; k++) {
            count += want(source, findings->victims[findings->paid[i].victim_first + k].node);
        }
    }
    return count;
}

/* Fetch the ids of the rings from `first` on, as many as fit; *end is behind the last of them. */
static rs_status next_window(rsi_source *source, size_t first, size_t *end, rs_error *err)
{
    uint64_t count = 0;
    memset(source->wanted, 0, rs_graph_node_count(source->graph));
    for (size_t i = 0; first == 0 && i < source->hub_count; i++) {
        count += want(source, source->findings->hubs[source->hubs[i]].thing);
    }
    const rs_conflicts *conflicts = source->options->conflicts;
    for (size_t i = 0; first == 0 && conflicts != NULL && i < conflicts->kept_count; i++) {
        count += want(source, conflicts->kept[i].blacklisted);
        count += want(source, conflicts->kept[i].whitelisted);
    }
    for (*end = first; *end < source->ring_count; (*end)++) {
        if (*end > first && count >= source->options->ids_max) {
            break;
        }
        count += want_ring(source, &source->findings->rings[*end]);
    }
    rs_ids_free(source->ids);
    source->ids = NULL;
    return rs_graph_ids(source->graph, source->wanted, &source->ids, err);
}

/* ---- rings, side by side --------------------------------------------------------------------- */

enum { RINGS_A_PART = 16 };

/* Each thread writes RINGS_A_PART rings into a part of its own and then waits for its turn. */
typedef struct ring_parts {
    rsi_out *out;
    const rsi_source *source;
    size_t first;
    size_t end;
    rsi_out **parts; /* by worker */
    rsi_lock *lock;  /* over `out` and the two below */
    size_t next;     /* whose turn it is */
    bool failed;
} ring_parts;

static rs_status put_in_turn(ring_parts *p, size_t index, rsi_out *part, rs_error *err)
{
    rsi_lock_take(p->lock);
    while (p->next != index && !p->failed) {
        rsi_lock_wait(p->lock);
    }
    if (!p->failed) {
        rsi_out_add_part(p->out, part);
    }
    rs_status status = rsi_out_check(p->out, err);
    p->failed = p->failed || status != RS_OK;
    p->next++;
    rsi_lock_wake(p->lock);
    rsi_lock_give(p->lock);
    return status;
}

/* Only the calling thread, which is worker 0, may tell where it is. */
static rs_status write_part(void *context, size_t index, unsigned worker, rs_error *err)
{
    ring_parts *p = context;
    const rsi_source *source = p->source;
    rsi_out *part = p->parts[worker];
    size_t first = p->first + index * RINGS_A_PART;
    size_t end = p->end - first < RINGS_A_PART ? p->end : first + RINGS_A_PART;
    rs_status status = RS_OK;
    if (worker == 0) {
        status = rs_work_report(source->work, "report", "rings", first, source->ring_count, err);
    }
    for (size_t i = first; i < end && status == RS_OK; i++) {
        rsi_write_cluster(part, source, &source->findings->rings[i]);
        rsi_out_string(part, i + 1 < source->ring_count ? ",\n" : "\n");
    }
    if (status == RS_OK) {
        return put_in_turn(p, index, part, err);
    }
    rsi_lock_take(p->lock);
    p->failed = true; /* nobody need wait any more */
    rsi_lock_wake(p->lock);
    rsi_lock_give(p->lock);
    return status;
}

static rs_status write_rings(rsi_out *out, const rsi_source *source, size_t first, size_t end,
                             rs_error *err)
{
    rs_status status = RS_OK;
    unsigned workers = rsi_parallel_workers(source->work);
    ring_parts p = {.out = out, .source = source, .first = first, .end = end};
    p.parts = calloc(workers, sizeof *p.parts);
    if (p.parts == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory");
        goto done;
    }
    for (unsigned i = 0; i < workers; i++) {
        RS_TRY(rsi_out_open_part(&p.parts[i], err));
    }
    RS_TRY(rsi_lock_new(&p.lock, err));
    RS_TRY(rsi_parallel(source->work, (end - first + RINGS_A_PART - 1) / RINGS_A_PART, write_part,
                        &p, err));
done:
    for (unsigned i = 0; p.parts != NULL && i < workers; i++) {
        rsi_out_close(p.parts[i]);
    }
    free(p.parts);
    rsi_lock_free(p.lock);
    return status;
}

static rs_status write_report(rsi_out *out, rsi_source *source, rs_error *err)
{
    rs_status status = RS_OK;
    size_t first = 0;
    do {
        size_t end;
        RS_TRY(next_window(source, first, &end, err));
        if (first == 0) {
            RS_TRY(rsi_write_head(out, source, err));
        }
        RS_TRY(write_rings(out, source, first, end, err));
        first = end;
    } while (first < source->ring_count);
    rsi_out_string(out, "]}\n");
    RS_TRY(rs_work_report(source->work, "report", "rings", first, source->ring_count, err));
done:
    return status;
}

rs_status rsi_report_write(const rs_graph *graph, const rs_findings *findings,
                           const rs_report_options *options, const rs_work *work, const char *path,
                           rsi_file_note *note, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_out *out = NULL;
    rsi_source source = {.graph = graph, .findings = findings, .options = options, .work = work};
    RS_TRY(rsi_source_open(&source, err));
    RS_TRY(rsi_out_open(&out, path, err));
    RS_TRY(write_report(out, &source, err));
    RS_TRY(rsi_out_commit(out, err));
    if (note != NULL) {
        *note = rsi_note(out);
    }
done:
    rsi_out_close(out);
    rsi_source_close(&source);
    return rs_context(err, status, "report");
}

rs_status rs_report_write(const rs_graph *graph, const rs_findings *findings,
                          const rs_report_options *options, const rs_work *work, const char *path,
                          rs_error *err)
{
    return rsi_report_write(graph, findings, options, work, path, NULL, err);
}
