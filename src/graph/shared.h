/* shared.h - which things of a relation are used by two users and more: what is left is small.
 *
 * Loss-free: a thing is dropped only when all of its visible edges come from one user. It is known
 * after one pass over the edges, before a single one is stored.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_GRAPH_SHARED_H
#define RSI_GRAPH_SHARED_H

#include "graph/internal.h"

/* What fills a group. */
typedef enum rsi_slot {
    RSI_SLOT_USER, /* edges of one user and thing that follow one another take one slot */
    RSI_SLOT_EVENT /* every edge with a time takes one */
} rsi_slot;

/* What is known of a thing, side by side: a look-up costs more than what is done with it. */
typedef struct rsi_thing {
    uint32_t group; /* its group, or RS_NO_NODE; until groups are laid out its only user so far */
    uint32_t slots; /* how many its edges take */
} rsi_thing;

typedef struct rsi_shared {
    bool thing_is_src;
    uint32_t count;   /* groups, by node of the thing */
    rsi_thing *seen;  /* by dense number of the thing */
    uint32_t *things; /* nodes */
    uint64_t *first;  /* count + 1: group g's slots begin at first[g + 1], see rsi_shared_place */
    uint64_t slot_count;
    uint64_t single_count; /* things with one user */
} rsi_shared;

/* Find the shared things of `relation` up to as_of. `singles` may be NULL; else it has one entry
 * for each subject, to which the things that the subject alone uses are added. RS_EUSAGE where the
 * relation does not join a subject type and another. 8 bytes a thing, 12 more a shared one. */
RS_MUST_USE rs_status rsi_shared_find(rsi_shared *shared, const rs_graph *graph, size_t relation,
                                      rsi_slot slot, uint32_t *singles, const rs_work *work,
                                      rs_error *err);
void rsi_shared_free(rsi_shared *shared);

/* True where the relation joins a subject type and a type of things, either way round. */
bool rsi_joins_things(const rs_graph *graph, size_t relation);

/* The next free slot of a group; once all are taken first[g] .. first[g + 1] - 1 are those of g. */
static inline uint64_t rsi_shared_place(rsi_shared *shared, uint32_t group)
{
    return shared->first[group + 1]++;
}

#endif
