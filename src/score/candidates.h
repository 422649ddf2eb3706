/* candidates.h - communities -> groups of subjects that may be rings.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_SCORE_CANDIDATES_H
#define RSI_SCORE_CANDIDATES_H

#include "ringscope/score.h"

/* Group g has the members first[g] .. first[g+1]-1, by entity, then by node. Groups stand in order
 * of their community's smallest node; groups that are one entity alone follow. */
typedef struct rsi_candidates {
    size_t count;
    size_t *first;     /* count + 1 */
    uint32_t *members; /* subjects of the graph */
    uint64_t *inside;  /* weight of the links that hold each member in its group (1 << 20 is 1.0) */
    uint64_t *mean;    /* of each group: mean of `inside` */
    uint8_t *rung;     /* of each group: it was cut at 2^rung times the resolution (ladder.h) */
    uint8_t *alone;    /* of each group: verified identities made it, no community */
    uint32_t *of;      /* group of each subject of the graph; UINT32_MAX for none */
    uint8_t *left;     /* by subject: only paid its group and left it (payers.c); NULL: nobody */
} rsi_candidates;

/* Subjects of a community, with all accounts of an entity, where three and more stay after
 * trimming: who is held by less than 1/trim of the mean goes, again and again (at most 64 times).
 * An entity of three and more is a group by itself. RS_ENOMEM. O(links) a round. */
RS_MUST_USE rs_status rsi_candidates_find(const rs_score_input *input, uint32_t trim,
                                          const rs_work *work, rsi_candidates *out, rs_error *err);
/* Room for the groups of so many subjects. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_candidates_make(rsi_candidates *out, size_t subjects, rs_error *err);
/* What a group was cut at. */
uint32_t rsi_resolution_of(const rs_score_input *input, const rsi_candidates *candidates,
                           size_t group);
void rsi_candidates_free(rsi_candidates *candidates);

/* vertex[v], by subject: the node of the collapsed evidence that stands for it and all others of
 * its entity; RSI_NO_VERTEX where nothing links them. */
#define RSI_NO_VERTEX UINT32_MAX
void rsi_vertices_map(const rs_score_input *input, uint32_t *vertex);

#endif
