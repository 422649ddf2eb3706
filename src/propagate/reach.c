/* reach.c - which nodes a spread has to look at, and who looks at which.
 *
 * Breadth-first from the seeds with a bit a node, which stays in the cache where an array would
 * not. What no seed reaches keeps risk 0 anyway: leaving it out only saves time, so the search is
 * given up where it has walked a quarter of all links, whatever the order in which it did.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "propagate/spread.h"

#include "base/expect.h"
#include "base/try.h"

static bool is_marked(const rsi_spread *s, uint32_t node)
{
    return s->reached[node / 64] >> node % 64 & 1;
}

static void mark(rsi_spread *s, uint32_t node)
{
    s->reached[node / 64] |= UINT64_C(1) << node % 64;
}

static bool is_linked(const rsi_spread *s, uint32_t node)
{
    return s->graph->first[node] != s->graph->first[node + 1];
}

/* Rows lie anywhere: those of later nodes are asked for. */
RSI_EXPECT void expect_row(const rsi_spread *s, const uint32_t *queue, uint32_t at, uint32_t queued)
{
    enum { FIRST = 16, ROW = 8 };
    if (at + FIRST < queued && s->graph->to != NULL) {
        const uint32_t *row = &s->graph->to[s->graph->first[queue[at + ROW]]];
        __builtin_prefetch(&s->graph->first[queue[at + FIRST]]);
        __builtin_prefetch(row);
        __builtin_prefetch(row + 16);
    }
}

static uint32_t mark_neighbours(rsi_spread *s, const rsi_row *row, uint32_t *queue, uint32_t queued)
{
    for (size_t i = 0; i < row->count; i++) {
        if (!is_marked(s, row->to[i])) {
            mark(s, row->to[i]);
            queue[queued++] = row->to[i];
        }
    }
    return queued;
}

rs_status rsi_spread_reach(rsi_spread *s, const rs_work *work, uint32_t *queue, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t nodes = s->graph->node_count, queued = 0;
    rsi_row row;
    uint64_t links = 0, links_max = s->graph->first[nodes] / 4;
    for (uint32_t v = 0; v < nodes; v++) {
        if (s->seed[v] != 0 && is_linked(s, v)) {
            mark(s, v);
            queue[queued++] = v;
        }
    }
    for (uint32_t done = 0; done < queued && links <= links_max; done++) {
        expect_row(s, queue, done, queued);
        RS_TRY(rsi_window_row(&s->windows[0], queue[done], queue[done] + 1, &row, err));
        links += row.count;
        queued = mark_neighbours(s, &row, queue, queued);
    }
    for (uint32_t v = 0; v < nodes && links > links_max; v++) {
        if (is_linked(s, v)) {
            mark(s, v);
        }
    }
    RS_TRY(rs_work_report(work, RSI_SPREAD_STAGE, "rounds", 0, 0, err));
done:
    return status;
}

void rsi_spread_cut(rsi_spread *s)
{
    const uint64_t *first = s->graph->first;
    const uint64_t node_work = 8; /* of a node, in links */
    uint32_t nodes = s->graph->node_count, v = 0;
    uint64_t all = first[nodes] + node_work * nodes;
    for (size_t task = 1; task < s->task_count; task++) {
        uint64_t wanted = all / s->task_count * task;
        uint32_t low = v, high = nodes;
        while (low < high) {
            uint32_t middle = low + (high - low) / 2;
            if (first[middle] + node_work * middle < wanted) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        v = low / 64 * 64; /* never behind the one before: `wanted` ascends */
        s->task_first[task] = v;
    }
    s->task_first[s->task_count] = nodes;
}
