/* lock.h - mutual exclusion for the tasks of rsi_parallel.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_LOCK_H
#define RSI_BASE_LOCK_H

#include "ringscope/error.h"

typedef struct rsi_lock rsi_lock;

RS_MUST_USE rs_status rsi_lock_new(rsi_lock **out, rs_error *err);
void rsi_lock_free(rsi_lock *lock); /* NULL is fine; nobody may hold it */
void rsi_lock_take(rsi_lock *lock);
void rsi_lock_give(rsi_lock *lock);
/* Give the lock, wait until somebody wakes those who wait, take it again. It may return early: look
 * again at what was waited for. */
void rsi_lock_wait(rsi_lock *lock);
void rsi_lock_wake(rsi_lock *lock);

#endif
