/* links.h - links in order of their nodes, in memory, or in a file where they do not fit.
 *
 * They are written once, front to back, into a buffer; one that is never full is all there is, and
 * what passes it goes to a nameless file. Whoever reads looks through a window of whole rows and
 * cannot tell the difference, so nothing that is computed can either.
 *
 * Memory: the buffer; a window 8 bytes a link of RSI_LINKS_BUFFER links or of the longest row,
 * where links are in a file, else nothing.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_PROPAGATE_LINKS_H
#define RSI_PROPAGATE_LINKS_H

#include <stdbool.h>

#include "base/spill.h"
#include "ringscope/propagate.h"
#include "ringscope/work.h"

enum { RSI_LINKS_BUFFER = 1 << 16 }; /* links that are written to a file or read from it at once */

typedef struct rsi_links {
    uint32_t *to;
    uint32_t *weight;
    bool weighted;      /* else `weight` is NULL */
    size_t count, room; /* in memory */
    uint64_t written;   /* in the file, before those */
    uint64_t most;      /* links there can be: weights stand behind so many ends */
    const char *folder;
    rsi_spill file; /* used where written > 0 */
} rsi_links;

/* Begin to write `most` links at most. More than `memory_bytes` (0: no limit) of them go to a file
 * in work->folder. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_links_begin(rsi_links *links, uint64_t most, uint64_t memory_bytes,
                                      bool weighted, const rs_work *work, rs_error *err);
/* Make room for `count` more: links->to + links->count and what follows. RS_ENOMEM, RS_EIO. */
RS_MUST_USE rs_status rsi_links_reserve(rsi_links *links, size_t count, rs_error *err);
/* Add `count` without weights. RS_EIO. */
RS_MUST_USE rs_status rsi_links_append(rsi_links *links, const uint32_t *to, size_t count,
                                       rs_error *err);
/* No more come: what is in the buffer follows what is in the file, if anything is. RS_EIO. */
RS_MUST_USE rs_status rsi_links_end(rsi_links *links, rs_error *err);
void rsi_links_free(rsi_links *links);

/* What was written as rows: `graph->to` and `weight` where they are in memory, else `graph->file`.
 */
void rsi_links_show(const rsi_links *links, rs_adjacency *graph);

/* ---- looking ---------------------------------------------------------------------------------
 */

typedef struct rsi_row {
    const uint32_t *to;
    const uint32_t *weight; /* NULL where links have none */
    size_t count;
    size_t ahead; /* entries from `to` on that may be looked at: the next rows' too */
} rsi_row;

/* The rows begin .. end - 1 of a graph. Belongs to one thread. */
typedef struct rsi_window {
    const rs_adjacency *graph;
    const uint32_t *to;
    const uint32_t *weight;
    uint64_t base;  /* the link that `to` begins with */
    uint64_t count; /* links there */
    uint32_t begin, end;
    uint32_t *buffer; /* of `room` ends and as many weights */
    size_t room;
} rsi_window;

rsi_window rsi_window_of(const rs_adjacency *graph);
void rsi_window_free(rsi_window *window);
/* Bring all rows of begin .. end - 1 and, up to `limit`, as many more as fit. RS_ENOMEM, RS_EIO. */
RS_MUST_USE rs_status rsi_window_move(rsi_window *window, uint32_t begin, uint32_t end,
                                      uint32_t limit, rs_error *err);

/* Look at begin .. end - 1, whose rows `row` takes for one; lent until the window moves. The caller
 * will go on from there, up to `limit`. */
static inline rs_status rsi_window_rows(rsi_window *window, uint32_t begin, uint32_t end,
                                        uint32_t limit, rsi_row *row, rs_error *err)
{
    const uint64_t *first = window->graph->first;
    if (begin < window->begin || end > window->end) {
        rs_status status = rsi_window_move(window, begin, end, limit, err);
        if (status != RS_OK) {
            return status;
        }
    }
    uint64_t at = first[begin] - window->base;
    row->to = window->to == NULL ? NULL : window->to + at; /* NULL: a graph without links */
    row->weight = window->weight == NULL ? NULL : window->weight + at;
    row->count = (size_t)(first[end] - first[begin]);
    row->ahead = (size_t)(window->count - at);
    return RS_OK;
}

/* The same for one row. */
static inline rs_status rsi_window_row(rsi_window *window, uint32_t node, uint32_t limit,
                                       rsi_row *row, rs_error *err)
{
    return rsi_window_rows(window, node, node + 1, limit, row, err);
}

#endif
