/* parallel.h - the same function over numbers 0 .. count-1 by several threads.
 *
 * Invariant: what a task does depends on its number only, never on the worker or on the order in
 * which tasks run; so results do not depend on the number of threads.
 * Cost: one thread start per worker and call; tasks are handed out one at a time.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_PARALLEL_H
#define RSI_BASE_PARALLEL_H

#include <stddef.h>

#include "ringscope/work.h"

/* `worker` is 0 .. threads-1 and serves to find scratch memory, nothing else. */
typedef rs_status (*rsi_task)(void *context, size_t index, unsigned worker, rs_error *err);

/* The number of workers that rsi_parallel would use for many tasks: at least 1. */
unsigned rsi_parallel_workers(const rs_work *work);

/* Run `task` for 0 .. count-1. After a failure no further task starts; of the failures that
 * happened the one of the lowest number is reported. The calling thread works too; where the system
 * refuses threads it does all of the work. Never calls work->progress. */
RS_MUST_USE rs_status rsi_parallel(const rs_work *work, size_t count, rsi_task task, void *context,
                                   rs_error *err);

#endif
