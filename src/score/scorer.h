/* scorer.h - what the parts of scoring work on together.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_SCORE_SCORER_H
#define RSI_SCORE_SCORER_H

#include "score/candidates.h"
#include "score/sharing.h"

/* Of a member: what the lists say. */
typedef enum rsi_standing {
    RSI_UNLISTED,
    RSI_KNOWN,   /* on the blacklist */
    RSI_CLEARED, /* on the whitelist */
    RSI_DISPUTED /* on the whitelist, and the same person as somebody on the blacklist */
} rsi_standing;

/* What the lists say of a group. */
typedef struct rsi_group_lists {
    uint32_t known_count;   /* members on the blacklist */
    uint32_t cleared_count; /* members that the whitelist clears */
    uint32_t thing_count;   /* different things that members share and that are on the blacklist */
    double member_decades;  /* how unusual the known members are, */
    double thing_decades;   /* and the things: bounded by what the group itself shares */
} rsi_group_lists;

typedef struct rsi_scorer {
    const rs_score_input *input;
    const rs_score_options *options;
    rsi_candidates candidates;
    rsi_sharing sharing;
    double threshold;       /* decades at which a score is one half */
    uint8_t *listed;        /* by subject: rsi_standing */
    rsi_group_lists *lists; /* by group */
    uint32_t *score;        /* by group, millionths */
    uint32_t *vertex;       /* by subject: its node of the collapsed evidence (candidates.h) */
    uint64_t *total;        /* by such a node of a ring's member: the weight of all its links */
    uint32_t *hold;         /* by member of the candidates (hold.h) */
    uint8_t *seen;          /* by node; 0 between uses */
    rs_findings *out;
    size_t fact_user_room;
    uint8_t *fact_rules; /* by fact: 1 + the rsi_fact_rule of one whose rows are yet to be looked
                            up, else 0 */
} rsi_scorer;

/* Where the next of each goes in the findings. */
typedef struct rsi_cursor {
    size_t members, things, reasons, facts, users;
} rsi_cursor;

/* Fill s->listed and s->lists; `seen` is there (known.c). RS_ENOMEM. O(members + uses). */
RS_MUST_USE rs_status rsi_lists_judge(rsi_scorer *s, rs_error *err);

/* A thing that counts as shared by the group, met for the first time: `seen` is marked until
 * rsi_forget_things. */
bool rsi_meet_thing(const rsi_scorer *s, const rsi_shared_use *use);
/* Unmark the things of uses from .. to-1. */
void rsi_forget_things(const rsi_scorer *s, size_t from, size_t to);

/* The most reasons that a ring has. */
enum { RSI_REASONS_MAX = 32 };
/* The group's reasons with their facts, weighed and in order (reasons.c). RS_ENOMEM, the store's.
 */
RS_MUST_USE rs_status rsi_reasons_fill(rsi_scorer *s, size_t group, rs_ring *ring, rsi_cursor *at,
                                       rs_error *err);

#endif
