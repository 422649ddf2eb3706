/* event.c - what the events of a ring's life are called.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ringscope/score.h"

const char *rs_ring_event_name(rs_ring_event event)
{
    static const char *const names[RS_RING_EVENT_COUNT] = {
        [RS_RING_BORN] = "born",         [RS_RING_CONTINUED] = "continued",
        [RS_RING_GREW] = "grew",         [RS_RING_SHRANK] = "shrank",
        [RS_RING_MERGED] = "merged",     [RS_RING_SPLIT] = "split",
        [RS_RING_RETURNED] = "returned", [RS_RING_DIED] = "died",
    };
    return names[event];
}
