/* fact_times.c - the rows behind a fact in time, looked up.
 *
 * For lockstep these are the acts on the target, for a relay the payments from the collector
 * through those between to the exit, for a cycle the payments round it: in each case rows from one
 * of the fact's users to another one or to its thing. Of a relation without times (co-action) all
 * rows count, and there is no first and no last. Facts are few and their users are few; the
 * store's index leads to their rows.
 *
 * Cost: one look-up a user of a fact, O(log) a row.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "score/fact_times.h"

#include <string.h>

#include "base/try.h"
#include "graph/wide.h"

static bool is_among(const uint32_t *users, size_t count, uint32_t node)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (users[middle] < node) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && users[low] == node;
}

typedef struct gathering {
    const rs_graph *graph;
    rs_relation_info info;
    rs_fact *fact;
    const uint32_t *users;
    rsi_wide amount;
} gathering;

static void take_row(gathering *g, uint32_t user, const rs_edges *run, size_t i)
{
    rs_fact *fact = g->fact;
    int64_t as_of = rs_graph_as_of(g->graph);
    int64_t time = run->time != NULL ? run->time[i] : RS_NO_TIME;
    bool timed = g->info.time_min != RS_NO_TIME;
    if (timed && (time == RS_NO_TIME || time > as_of)) {
        return; /* what happened at no time is no part of what is about time */
    }
    uint32_t to = rs_graph_node(g->graph, g->info.dst_type, run->dst[i]);
    if (to == user || (to != fact->thing && !is_among(g->users, fact->user_count, to))) {
        return;
    }
    fact->first = fact->event_count == 0 || time < fact->first ? time : fact->first;
    fact->last = time > fact->last ? time : fact->last; /* RS_NO_TIME is before all times */
    fact->event_count++;
    rsi_wide_add(&g->amount, run->amount != NULL ? run->amount[i] : RS_NO_AMOUNT);
}

static rs_status look_up(gathering *g, uint32_t user, rs_error *err)
{
    rs_status status = RS_OK;
    rs_lookup *lookup = NULL;
    rs_edges run = {0};
    const rs_store *store = rs_graph_store(g->graph);
    const char *doer = rs_store_type(store, g->info.src_type).name;
    if (strcmp(rs_graph_range_of(g->graph, user).type, doer) != 0) {
        goto done; /* acted on, never acts */
    }
    RS_TRY(rs_lookup_open(&lookup, store, g->fact->relation, RS_SIDE_SRC,
                          rs_graph_dense(g->graph, user), RS_SCAN_TIME | RS_SCAN_AMOUNT, err));
    do {
        RS_TRY(rs_lookup_next(lookup, &run, err));
        for (size_t i = 0; i < run.count; i++) {
            take_row(g, user, &run, i);
        }
    } while (run.count > 0);
done:
    rs_lookup_close(lookup);
    return status;
}

rs_status rsi_fact_time(const rs_graph *graph, rs_fact *fact, const uint32_t *users, rs_error *err)
{
    rs_status status = RS_OK;
    gathering g = {.graph = graph,
                   .info = rs_store_relation(rs_graph_store(graph), fact->relation),
                   .fact = fact,
                   .users = users,
                   .amount = RSI_WIDE_NONE};
    fact->event_count = 0;
    fact->first = RS_NO_TIME;
    fact->last = RS_NO_TIME;
    for (uint32_t k = 0; k < fact->user_count; k++) {
        RS_TRY(look_up(&g, users[k], err));
    }
    fact->in_time = fact->event_count > 0;
    fact->amount = rsi_wide_clamp(g.amount);
done:
    return status;
}
