/* track_overlap.h - which of tonight's rings share members with which earlier ones, and who goes on
 * from whom.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_FEEDBACK_TRACK_OVERLAP_H
#define RSI_FEEDBACK_TRACK_OVERLAP_H

#include "feedback/track.h"

typedef struct rsi_overlap {
    uint32_t ring;   /* of tonight */
    uint32_t past;   /* in the past state */
    uint32_t shared; /* members */
} rsi_overlap;

/* By past ring, then by ring of tonight. */
typedef struct rsi_overlaps {
    rsi_overlap *items;
    size_t count;
    size_t *first; /* by past ring: where its own begin; past rings + 1 */
} rsi_overlaps;

/* Of all earlier rings that live or that tonight's may return from. RS_ENOMEM. O(members). */
RS_MUST_USE rs_status rsi_overlaps_find(const rsi_track_state *past, const rsi_track_night *night,
                                        const rs_findings *findings, rsi_overlaps *out,
                                        rs_error *err);
void rsi_overlaps_free(rsi_overlaps *overlaps);

/* Whether the two may be the same ring. */
bool rsi_track_candidate(size_t tonight, size_t past, size_t shared);
/* past_of[r]: the earlier ring from which each ring of tonight goes on, or RSI_UNMATCHED. */
RS_MUST_USE rs_status rsi_overlaps_match(const rsi_track_state *past, const rsi_track_night *night,
                                         const rs_findings *findings, const rsi_overlaps *overlaps,
                                         uint32_t *past_of, rs_error *err);

#endif
