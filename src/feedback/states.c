/* states.c - the states of a case and every move there is; what is not in the table is not allowed.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "feedback/states.h"

#include <stddef.h>

static const rsi_move moves[] = {
    {RS_STATE_NONE, RS_ACTION_SUSPECT, RS_STATE_SUSPECTED, RSI_MACHINE},
    {RS_STATE_NONE, RS_ACTION_ESCALATE, RS_STATE_ESCALATED, RSI_ANYBODY},
    {RS_STATE_NONE, RS_ACTION_CONFIRM, RS_STATE_CONFIRMED_ONCE, RSI_ANYBODY},
    {RS_STATE_NONE, RS_ACTION_CLEAR, RS_STATE_CLEARED, RSI_ANYBODY},

    {RS_STATE_SUSPECTED, RS_ACTION_WITHDRAW, RS_STATE_NONE, RSI_MACHINE},
    {RS_STATE_SUSPECTED, RS_ACTION_ESCALATE, RS_STATE_ESCALATED, RSI_ANYBODY},
    {RS_STATE_SUSPECTED, RS_ACTION_CONFIRM, RS_STATE_CONFIRMED_ONCE, RSI_ANYBODY},
    {RS_STATE_SUSPECTED, RS_ACTION_CLEAR, RS_STATE_CLEARED, RSI_ANYBODY},

    {RS_STATE_ESCALATED, RS_ACTION_CONFIRM, RS_STATE_CONFIRMED_ONCE, RSI_ANYBODY},
    {RS_STATE_ESCALATED, RS_ACTION_CLEAR, RS_STATE_CLEARED, RSI_ANYBODY},

    {RS_STATE_CONFIRMED_ONCE, RS_ACTION_CONFIRM, RS_STATE_CONFIRMED, RSI_ANOTHER},
    {RS_STATE_CONFIRMED_ONCE, RS_ACTION_ESCALATE, RS_STATE_ESCALATED, RSI_ANYBODY},
    {RS_STATE_CONFIRMED_ONCE, RS_ACTION_CLEAR, RS_STATE_CLEARED, RSI_ANYBODY},

    /* A confirmed ring may grow: its new members have to be seen by as many people. */
    {RS_STATE_CONFIRMED, RS_ACTION_CONFIRM, RS_STATE_CONFIRMED, RSI_MORE},
    {RS_STATE_CONFIRMED, RS_ACTION_CLEAR, RS_STATE_CLEARED, RSI_ANYBODY},

    {RS_STATE_CLEARED, RS_ACTION_SUSPECT, RS_STATE_SUSPECTED, RSI_GROWN},
    {RS_STATE_CLEARED, RS_ACTION_ESCALATE, RS_STATE_ESCALATED, RSI_ANYBODY},
    {RS_STATE_CLEARED, RS_ACTION_CONFIRM, RS_STATE_CONFIRMED_ONCE, RSI_ANYBODY},
};

const rsi_move *rsi_move_of(rs_state from, rs_action action)
{
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
        if (moves[i].from == from && moves[i].action == action) {
            return &moves[i];
        }
    }
    return NULL;
}

const char *rs_state_name(rs_state state)
{
    static const char *const names[RS_STATES] = {"none",           "suspected", "escalated",
                                                 "confirmed once", "confirmed", "cleared"};
    return state < RS_STATES ? names[state] : "unknown";
}

const char *rs_action_name(rs_action action)
{
    static const char *const names[RS_ACTIONS] = {"suspect", "withdraw", "escalate", "confirm",
                                                  "clear"};
    return action < RS_ACTIONS ? names[action] : "unknown";
}
