/* move.h - single vertices move to the neighbouring community where they add most.
 *
 * All three leave the sum that piece.h defines as it was or raise it, ask in an order that depends
 * on the graph alone, and take labels below the vertex count. RS_ENOMEM.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_DETECT_MOVE_H
#define RSI_DETECT_MOVE_H

#include <stdbool.h>

#include "detect/arcs.h"

/* From `label`, until none of those whose neighbours moved wants to move; after a call in which
 * none did, none gains by a move. *moved is set when one does. */
RS_MUST_USE rs_status rsi_move(const rsi_arcs *arcs, uint32_t resolution, uint32_t *label,
                               bool *moved, rs_error *err);

/* From single vertices, each one that is still alone when its turn comes, once. */
RS_MUST_USE rs_status rsi_move_once(const rsi_arcs *arcs, uint32_t resolution, uint32_t *label,
                                    rs_error *err);

/* From single vertices, inside each run of vertices first[r] .. first[r+1]-1 as if there were no
 * other. Only what is well connected to the rest of its run joins or is joined: a part that would
 * better leave stays apart. Runs are moved side by side, on work->threads. */
RS_MUST_USE rs_status rsi_move_within(const rsi_arcs *arcs, uint32_t resolution,
                                      const uint32_t *first, uint32_t run_count, uint32_t *label,
                                      const rs_work *work, rs_error *err);

#endif
