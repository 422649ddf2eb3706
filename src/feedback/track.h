/* track.h - tonight's rings told as what became of last night's: stable ids, and lineage.
 *
 * The law, in shared members o of a ring of tonight with t members and an earlier one with p:
 *
 *   candidates     o / (t + p - o) >= .1, or o / min(t, p) >= .5
 *   earlier rings  those of the last night, and those that died up to 30 days before tonight
 *   who is who     one to one, such that the sum of o / (t + p - o) is the largest; of equal sums
 *                  the one that keeps the older rings, then the smaller ids (track_overlap.c)
 *   returned       it goes on from one that had died
 *   merged         it took in others of the last night that nobody goes on from: half or more of
 *                  their members
 *   split          two rings and more hold three members and a fifth at least of one of last night
 *   grew, shrank   more than 6/5 of what it was, less than 5/6
 *   continued      it goes on from a ring of last night, and none of these
 *   born           else
 *   died           a ring of last night that nobody goes on from
 *
 * Of several the one that stands first counts. An id is a hash made at birth, and is never given
 * again to another ring as long as the state remembers it; after that a hash of 64 bits stands for
 * it that nobody gets it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_FEEDBACK_TRACK_H
#define RSI_FEEDBACK_TRACK_H

#include "base/ringid.h"
#include "feedback/track_state.h"

#define RSI_TRACK_RETURN_S (INT64_C(30) * 86400)

/* Tonight, as far as the findings do not tell. */
typedef struct rsi_track_night {
    int64_t as_of;
    const char *settings;       /* digest, 32 hex digits */
    size_t ring_count;          /* the first so many rings of the findings are reported */
    uint32_t node_count;        /* of the findings */
    const rsi_ring_name *names; /* of each of findings->members; lent to `next` as well */
} rsi_track_night;

/* Give the reported rings their ids and lineage, and put rings of equal scores in order of their
 * ids. `past` may be NULL: every ring is born. On RS_OK *next is what tonight leaves, freed by
 * rsi_track_state_free; ids of members are lent by `night` and `past`. RS_ENOMEM. O(members log
 * members) beside the matching (track_match.h). */
RS_MUST_USE rs_status rsi_track_follow(const rsi_track_state *past, const rsi_track_night *night,
                                       rs_findings *findings, rsi_track_state *next, rs_error *err);

#endif
