/* parallel.c - tasks handed out by an atomic counter to threads that live for one call.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/parallel.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#define WORKERS_MAX 256

typedef struct crew_state {
    rsi_task task;
    void *context;
    size_t count;
    atomic_size_t next;
    atomic_bool failed;
    pthread_mutex_t mutex; /* over the three below */
    size_t failed_index;
    rs_status status;
    rs_error error;
} crew_state;

typedef struct worker {
    crew_state *crew;
    unsigned number;
} worker;

static void record_failure(crew_state *crew, size_t index, rs_status status, const rs_error *error)
{
    pthread_mutex_lock(&crew->mutex);
    if (crew->status == RS_OK || index < crew->failed_index) {
        crew->status = status;
        crew->failed_index = index;
        crew->error = *error;
    }
    pthread_mutex_unlock(&crew->mutex);
    atomic_store(&crew->failed, true);
}

static void *work_off(void *argument)
{
    const worker *self = argument;
    crew_state *crew = self->crew;
    while (!atomic_load(&crew->failed)) {
        size_t index = atomic_fetch_add(&crew->next, 1);
        if (index >= crew->count) {
            break;
        }
        rs_error error = {.status = RS_OK};
        rs_status status = crew->task(crew->context, index, self->number, &error);
        if (status != RS_OK) {
            record_failure(crew, index, status, &error);
        }
    }
    return NULL;
}

unsigned rsi_parallel_workers(const rs_work *work)
{
    unsigned threads = work == NULL || work->threads == 0 ? 1 : work->threads;
    return threads < WORKERS_MAX ? threads : WORKERS_MAX;
}

/* Signals belong to the caller's thread: a worker that caught one could not tell anybody. */
static unsigned start_workers(worker *workers, pthread_t *threads, unsigned wanted)
{
    sigset_t all;
    sigset_t before;
    unsigned started = 1;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (started < wanted &&
           pthread_create(&threads[started], NULL, work_off, &workers[started]) == 0) {
        started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

/* One worker needs no threads: in order, and no task after one that failed. */
static rs_status work_alone(size_t count, rsi_task task, void *context, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t i = 0; status == RS_OK && i < count; i++) {
        status = task(context, i, 0, err);
    }
    return status;
}

static rs_status work_together(crew_state *crew, unsigned wanted, rs_error *err)
{
    worker workers[WORKERS_MAX];
    pthread_t threads[WORKERS_MAX];
    pthread_mutex_init(&crew->mutex, NULL);
    for (unsigned i = 0; i < wanted; i++) {
        workers[i] = (worker){.crew = crew, .number = i};
    }
    unsigned started = start_workers(workers, threads, wanted);
    work_off(&workers[0]);
    for (unsigned i = 1; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_mutex_destroy(&crew->mutex);
    if (crew->status != RS_OK && err != NULL) {
        *err = crew->error;
    }
    return crew->status;
}

rs_status rsi_parallel(const rs_work *work, size_t count, rsi_task task, void *context,
                       rs_error *err)
{
    crew_state crew = {.task = task, .context = context, .count = count};
    unsigned wanted = rsi_parallel_workers(work);
    wanted = wanted < count ? wanted : (unsigned)count;
    return wanted <= 1 ? work_alone(count, task, context, err) : work_together(&crew, wanted, err);
}
