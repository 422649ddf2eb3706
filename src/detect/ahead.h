/* ahead.h - asking for memory before it is needed.
 *
 * The look-ups at a vertex depend on each other: its arcs, the labels at their ends, what is kept
 * for those labels. Each waits 100 ns and more where the graph does not fit the caches; asked for
 * some vertices ahead of its use, it is there in time, which halves the walks over a large graph.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_DETECT_AHEAD_H
#define RSI_DETECT_AHEAD_H

#include "base/expect.h"
#include "detect/arcs.h"

#define RSI_AHEAD_FIRST 12
#define RSI_AHEAD_ARCS  6
#define RSI_AHEAD_LABEL 3
#define RSI_AHEAD_TALLY 1
#define RSI_AHEAD_WIDTH 16 /* arcs of a vertex that are worth it */

/* What is kept for fewer vertices lies in the cache anyway. */
#define RSI_AHEAD_VERTICES (1U << 16)

/* The vertices that will be visited so many visits from now. */
typedef struct rsi_ahead {
    uint32_t first;
    uint32_t arcs;
    uint32_t label;
    uint32_t tally;
} rsi_ahead;

static inline const rsi_arc *rsi_ahead_end(const rsi_arcs *arcs, uint32_t v)
{
    size_t start = arcs->first[v];
    size_t count = arcs->first[v + 1] - start;
    return arcs->list + start + (count < RSI_AHEAD_WIDTH ? count : RSI_AHEAD_WIDTH);
}

/* `tally` has entries of tally_size, one for each label. */
RSI_EXPECT void rsi_look_ahead(const rsi_arcs *arcs, rsi_ahead at, const uint32_t *label,
                               const void *tally, size_t tally_size)
{
    __builtin_prefetch(&arcs->first[at.first]);
    __builtin_prefetch(&arcs->mass[at.first]);
    __builtin_prefetch(&label[at.first]);
    __builtin_prefetch(&arcs->list[arcs->first[at.arcs]]);
    const rsi_arc *end = rsi_ahead_end(arcs, at.label);
    for (const rsi_arc *arc = arcs->list + arcs->first[at.label]; arc < end; arc++) {
        __builtin_prefetch(&label[arc->to]);
    }
    end = rsi_ahead_end(arcs, at.tally);
    for (const rsi_arc *arc = arcs->list + arcs->first[at.tally]; arc < end; arc++) {
        __builtin_prefetch((const char *)tally + tally_size * label[arc->to]);
    }
}

/* For walks over an array of vertices, NULL for ascending. */
static inline rsi_ahead rsi_ahead_in(const uint32_t *order, uint32_t at)
{
    rsi_ahead ahead = {at + RSI_AHEAD_FIRST, at + RSI_AHEAD_ARCS, at + RSI_AHEAD_LABEL,
                       at + RSI_AHEAD_TALLY};
    return order == NULL ? ahead
                         : (rsi_ahead){order[ahead.first], order[ahead.arcs], order[ahead.label],
                                       order[ahead.tally]};
}

#endif
