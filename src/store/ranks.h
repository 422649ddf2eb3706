/* ranks.h - which numbers the ids of a run have among those of all runs.
 *
 * The i-th id that a run brought has the i-th number of an ascending list. The merge of ids writes
 * the lists of all runs at once, front to back, and whoever puts a run's rows into the numbers of
 * the batch reads one of them: so no more than that is in memory, however many runs there are.
 * Layout: u32 each, in the batch's spill.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_RANKS_H
#define RSI_STORE_RANKS_H

#include <stdint.h>

#include "base/spill.h"

typedef struct rsi_ranks {
    uint64_t offset;
    uint32_t count;
} rsi_ranks;

enum { RSI_RANKS_WINDOW = 1024 };

/* A list front to back, a window at a time. */
typedef struct rsi_ranks_window {
    uint32_t first; /* place of the window's first */
    uint32_t count;
    uint32_t numbers[RSI_RANKS_WINDOW];
} rsi_ranks_window;

/* The next number of a list that is written. { 0 } begins; flush it after the last. */
RS_MUST_USE rs_status rsi_ranks_add(const rsi_spill *spill, const rsi_ranks *ranks,
                                    rsi_ranks_window *window, uint32_t number, rs_error *err);
RS_MUST_USE rs_status rsi_ranks_flush(const rsi_spill *spill, const rsi_ranks *ranks,
                                      rsi_ranks_window *window, rs_error *err);
/* The number at a place; cheap where places ascend. { 0 } begins. */
RS_MUST_USE rs_status rsi_ranks_at(const rsi_spill *spill, const rsi_ranks *ranks,
                                   rsi_ranks_window *window, uint32_t place, uint32_t *number,
                                   rs_error *err);
/* The whole list; the caller frees it. */
RS_MUST_USE rs_status rsi_ranks_load(const rsi_spill *spill, const rsi_ranks *ranks,
                                     uint32_t **numbers, rs_error *err);

#endif
