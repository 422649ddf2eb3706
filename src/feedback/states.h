/* states.h - where a case can go from where it stands.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_FEEDBACK_STATES_H
#define RSI_FEEDBACK_STATES_H

#include "ringscope/feedback.h"

/* What has to hold for a move. */
typedef enum rsi_guard {
    RSI_ANYBODY,
    RSI_MACHINE, /* no person does it */
    RSI_GROWN,   /* the machine, and the evidence has grown by as much as is asked for */
    RSI_ANOTHER, /* somebody who has not confirmed it since it was last anything else */
    RSI_MORE     /* the same, and there are members that not enough people have seen */
} rsi_guard;

typedef struct rsi_move {
    rs_state from;
    rs_action action;
    rs_state to; /* with four eyes: RS_STATE_CONFIRMED_ONCE is RS_STATE_CONFIRMED without */
    rsi_guard guard;
} rsi_move;

/* The move, or NULL: it is not allowed. */
const rsi_move *rsi_move_of(rs_state from, rs_action action);

#endif
