/* track_next.h - what tonight leaves to the next night.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_FEEDBACK_TRACK_NEXT_H
#define RSI_FEEDBACK_TRACK_NEXT_H

#include "feedback/track.h"

/* Tonight's reported rings, and of `past` (NULL: none) those that nobody goes on from (ring_of is
 * RSI_UNMATCHED) and that may still return. findings->gone says what became of them. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_track_leave(const rsi_track_state *past, const rsi_track_night *night,
                                      const rs_findings *findings, const uint32_t *ring_of,
                                      rsi_track_state *next, rs_error *err);

#endif
