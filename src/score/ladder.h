/* ladder.h - no one resolution fits all rings: groups are cut finer where a part stands out more.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_SCORE_LADDER_H
#define RSI_SCORE_LADDER_H

#include "ringscope/detect.h"
#include "score/sharing.h"

/* The rungs below the resolution of the night: 2, 4, 8 and 16 times as fine. */
enum { RSI_LADDER_RUNGS = RS_FINER_STEPS };

/* `candidates` and `sharing` (weighed) are those of input->label; where a group is better cut, its
 * parts take its place in both, and all are weighed anew among what is there then. *label, the
 * caller's to free: the cut that was kept, by node of the collapsed evidence. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_ladder_climb(const rs_score_input *input, const rs_score_options *options,
                                       const rs_work *work, rsi_candidates *candidates,
                                       rsi_sharing *sharing, uint32_t **label, rs_error *err);

/* ---- its parts --------------------------------------------------------------------------------
 */

/* One cut of the communities that are looked at. */
typedef struct rsi_rung {
    rsi_candidates candidates;
    rsi_sharing sharing; /* of columns without any amount nothing; no decades but in rung 0 */
    double *decades;     /* by group: all columns together */
} rsi_rung;

/* The input, with no evidence but that of the communities that are looked at: their nodes are
 * numbered anew, in the order that they have. */
typedef struct rsi_ladder_view {
    rs_score_input input;
    rs_evidence evidence;
    rs_evidence_graph collapsed;
    uint32_t *origin; /* by node of the view: its node in the whole evidence */
    uint32_t *label;  /* by node: its community, named by its smallest node; input.label */
} rsi_ladder_view;

/* looked[l], by label of input->label: not 0 for a community that is looked at; vertex[] is
 * rsi_vertices_map's and becomes that of the view. `lent`: accounts' evidence is not cut down, for
 * nearly all is looked at. RS_ENOMEM. O(links + uses). */
RS_MUST_USE rs_status rsi_ladder_view_make(rsi_ladder_view *view, const rs_score_input *input,
                                           const uint8_t *looked, uint32_t *vertex, bool lent,
                                           const rs_work *work, rs_error *err);
void rsi_ladder_view_free(rsi_ladder_view *view);

/* A group that takes a place in the merged ones. */
typedef struct rsi_ladder_pick {
    uint32_t base;  /* the group of rung 0 that it is, or is a part of */
    uint32_t rung;  /* where it stands: 0 for a group that stays */
    uint32_t group; /* of that rung */
} rsi_ladder_pick;

/* The groups that were picked, in their order, with what they share; not weighed. rungs[0] has
 * those of the night. RS_ENOMEM. O(members + uses + columns x groups). */
RS_MUST_USE rs_status rsi_ladder_merge(const rsi_rung *rungs, const rsi_ladder_pick *picks,
                                       size_t count, size_t subjects, const rs_work *work,
                                       rsi_candidates *candidates, rsi_sharing *sharing,
                                       rs_error *err);

#endif
