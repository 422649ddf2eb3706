/* finder.h - what the parts of the measure of sharing (sharing.c) work on together.
 *
 * What is added to a group's amounts is added in one order, whatever the threads: first what things
 * of many users tie, relation by relation and thing by thing; then what its pairs do, by the
 * smaller member; then what happens in time. A group belongs to one thread at a time.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_SCORE_FINDER_H
#define RSI_SCORE_FINDER_H

#include <stdbool.h>

#include "score/sharing.h"

typedef enum rsi_way { RSI_WAY_SHARED, RSI_WAY_MEETING, RSI_WAY_IDENTITY, RSI_WAYS } rsi_way;

#define RSI_PLACE_WEIGHT 0.25
#define RSI_REST_SHARE   0.15 /* of what a stronger coincidence of the same people explains */
#define RSI_NO_GROUP     UINT32_MAX
enum { RSI_GROUP_USERS_MAX = 4096, RSI_GROUPS_A_BLOCK = 512 };

typedef struct rsi_finder {
    const rs_score_input *input;
    const rsi_candidates *candidates;
    const rs_work *work;
    rsi_sharing *out;
    uint32_t subjects;
    bool entities;       /* some person has several accounts */
    size_t *of_relation; /* by relation: the column of its things, shared */
    size_t *of_kind;     /* by kind: the column of one in time; SIZE_MAX for the others */
    double *cover; /* by group: the largest share of its members that one place brings together */
} rsi_finder;

/* The blocks of groups that one task each takes. */
static inline size_t rsi_block_count(const rsi_finder *f)
{
    return (f->candidates->count + RSI_GROUPS_A_BLOCK - 1) / RSI_GROUPS_A_BLOCK;
}

static inline size_t rsi_block_end(const rsi_finder *f, size_t block)
{
    size_t end = (block + 1) * RSI_GROUPS_A_BLOCK;
    return end < f->candidates->count ? end : f->candidates->count;
}

/* ---- uses as they are found (sharing_uses.c) --------------------------------------------------
 */

typedef struct rsi_use_list {
    rsi_shared_use *uses;
    size_t count, room;
    uint32_t *users;
    size_t user_count, user_room;
} rsi_use_list;

/* A user of the thing at hand: which group, which person, how often. */
typedef struct rsi_seat {
    uint32_t group, entity, user, events;
} rsi_seat;

/* Add the use of seats[0 .. count-1], all of one group. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_use_add(rsi_use_list *list, const rsi_seat *seats, size_t count,
                                  rsi_shared_use use, rs_error *err);
/* The uses of out->uses and of the lists, by group; those of a group as they stood, list by list.
 * Frees the lists' content. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_uses_gather(rsi_finder *f, rsi_use_list *lists, size_t list_count,
                                      rs_error *err);
/* Put each group's uses into their order, and take from `own` what stronger things explain. */
RS_MUST_USE rs_status rsi_uses_settle(rsi_finder *f, rs_error *err);
void rsi_use_list_free(rsi_use_list *list);

/* ---- the parts --------------------------------------------------------------------------------
 */

/* Find what members share through things, out->uses by group, and f->cover (sharing_things.c). */
RS_MUST_USE rs_status rsi_share_things(rsi_finder *f, rs_error *err);
/* Add up all groups' amounts: things of many users, pairs, coincidences in time; the uses that
 * these make join out->uses (sharing_pairs.c). */
RS_MUST_USE rs_status rsi_share_pairs(rsi_finder *f, rs_error *err);

/* f->cover (sharing_homes.c). */
RS_MUST_USE rs_status rsi_homes_find(rsi_finder *f, rs_error *err);
/* Take from each group's own things what its homes explain, by the homes of `night` if not NULL. */
void rsi_homes_discount(rsi_finder *f, const rsi_sharing *night);

/* `tie` of a group, so much of it between people of one home. */
static inline void rsi_add_own(const rsi_finder *f, size_t column, size_t group, double tie,
                               double home)
{
    f->out->columns[column].own[group] += tie;
    f->out->columns[column].home[group] += tie * home;
}

#endif
