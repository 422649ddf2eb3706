/* sharing.h - what the members of each group share, thing by thing, and how much that is.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_SCORE_SHARING_H
#define RSI_SCORE_SHARING_H

#include "score/candidates.h"

/* One sort of evidence inside groups: a type of thing and a way of sharing it. */
typedef struct rsi_column {
    char name[64];   /* "shared_device", "same_time_address", "identity_document" */
    double weight;   /* how much its decades count: 1, or a quarter for places */
    double *amount;  /* by group: surprise shared, 0 where nothing is */
    double *own;     /* by group: the part of it that no stronger column explains */
    double *home;    /* by group: the part of `own` between people of one home */
    double *decades; /* by group: how unusual that is (tail.h) */
} rsi_column;

/* One thing that two members and more of one group use through one relation. */
typedef struct rsi_shared_use {
    uint32_t group;
    uint16_t column;
    uint16_t relation;
    uint32_t thing;
    uint32_t user_count;
    uint64_t event_count;
    size_t user_first; /* in users */
    double star;       /* what it adds to `own`, where it is not taken pair by pair; else 0 */
} rsi_shared_use;

typedef struct rsi_sharing {
    size_t column_count;
    rsi_column *columns;
    size_t in_time; /* columns from here on are of kinds in time: targets are not what is shared */
    size_t *use_first;    /* by group: its uses are use_first[g] .. use_first[g + 1] - 1 */
    rsi_shared_use *uses; /* by group, column, then most users first, then thing */
    uint32_t *users;
    double home_share; /* what a tie within a home counts on this night (sharing_homes.c) */
} rsi_sharing;

/* All but the decades. `night` (may be NULL) is another cut of the same night, whose homes count.
 * Groups are dealt to the threads of `work` (may be NULL) in blocks. RS_ENOMEM. O(uses log). */
RS_MUST_USE rs_status rsi_sharing_find(const rs_score_input *input,
                                       const rsi_candidates *candidates, const rs_work *work,
                                       const rsi_sharing *night, rsi_sharing *out, rs_error *err);
/* The decades of all groups among those that are `counted` (by group; NULL: all). RS_ENOMEM. */
RS_MUST_USE rs_status rsi_sharing_weigh(const rsi_candidates *candidates, const uint8_t *counted,
                                        uint32_t subjects, const rs_work *work, rsi_sharing *out,
                                        rs_error *err);
/* The decades of what the members share and do: the sum over columns. */
double rsi_sharing_sum(const rsi_sharing *sharing, size_t group);
/* Columns of so many groups, all 0. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_columns_make(rsi_sharing *out, size_t groups, rs_error *err);
void rsi_sharing_free(rsi_sharing *sharing);

#endif
