/* lock.c - a mutex behind a handle: only src/base knows of threads.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/lock.h"

#include <pthread.h>
#include <stdlib.h>

struct rsi_lock {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
};

rs_status rsi_lock_new(rsi_lock **out, rs_error *err)
{
    rsi_lock *lock = malloc(sizeof *lock);
    if (lock == NULL || pthread_mutex_init(&lock->mutex, NULL) != 0) {
        free(lock);
        return rs_fail(err, RS_ENOMEM, "out of memory (lock)");
    }
    pthread_cond_init(&lock->changed, NULL); /* never fails without attributes */
    *out = lock;
    return RS_OK;
}

void rsi_lock_free(rsi_lock *lock)
{
    if (lock != NULL) {
        pthread_cond_destroy(&lock->changed);
        pthread_mutex_destroy(&lock->mutex);
        free(lock);
    }
}

void rsi_lock_take(rsi_lock *lock)
{
    pthread_mutex_lock(&lock->mutex);
}

void rsi_lock_give(rsi_lock *lock)
{
    pthread_mutex_unlock(&lock->mutex);
}

void rsi_lock_wait(rsi_lock *lock)
{
    pthread_cond_wait(&lock->changed, &lock->mutex);
}

void rsi_lock_wake(rsi_lock *lock)
{
    pthread_cond_broadcast(&lock->changed);
}
