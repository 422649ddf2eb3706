/* fork.h - the same function over tasks 0 .. count-1 by forked worker processes: for libraries that
 * are not thread-safe, and so that their crash is an error here and not the end of the caller.
 *
 * A worker gets a task as bytes and sends its answer back as bytes, over a socket of its own. Tasks
 * are handed out one at a time, dearest first; answers are taken in ascending order of tasks. So a
 * result depends neither on the number of workers nor on their speed.
 *
 * Memory  a worker shares the caller's pages. What it need not see should be named in `hidden`:
 * those pages are not inherited, so that the sizes of the processes add up to what is really used.
 * Life    all workers are gone when the call returns, whatever happened; they die with the caller.
 * Signals workers have the default actions, whatever handlers the caller installed: Ctrl-C ends
 * them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_FORK_H
#define RSI_BASE_FORK_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "ringscope/work.h"

typedef struct rsi_span {
    const void *bytes;
    size_t length;
} rsi_span;

/* In a worker: the answer to a task. Whatever else it changes is lost with the worker. */
typedef rs_status (*rsi_fork_run)(void *context, size_t task, rsi_cursor in, rsi_buffer *out,
                                  rs_error *err);

/* Workers that were forked before their work was known: a process may fork only while no other
 * thread of it runs, for the child would inherit locks that nobody is left to open. Such workers
 * have what `context` held when they were made, and nothing but messages since. */
typedef struct rsi_fork_crew rsi_fork_crew;

typedef struct rsi_fork_job {
    size_t task_count;
    const uint64_t *cost; /* of each task, for balance and progress; NULL: all alike */
    /* In the caller: what the worker needs for `task`. NULL: nothing but the number. */
    rs_status (*give)(void *context, size_t task, rsi_buffer *out, rs_error *err);
    rsi_fork_run run;
    /* In the caller, for task 0, 1, 2 ... in this order. NULL: answers are dropped. */
    rs_status (*take)(void *context, size_t task, rsi_cursor answer, rs_error *err);
    void *context;
    const rsi_span *hidden; /* workers crash when they touch it */
    size_t hidden_count;
    const char *stage; /* of the progress reports */
    const char *unit;  /* what `cost` counts */
    /* Who works, by its own `run` and context; NULL: the call forks its workers. One job at a time;
     * after one that failed a crew can only be ended. */
    rsi_fork_crew *crew;
} rsi_fork_job;

/* Fork work->threads workers, while no other thread runs. RS_EIO, RS_ENOMEM. */
RS_MUST_USE rs_status rsi_fork_crew_start(rsi_fork_crew **out, rsi_fork_run run, void *context,
                                          const rs_work *work, rs_error *err);
/* They are gone when it returns. NULL is fine. */
void rsi_fork_crew_end(rsi_fork_crew *crew);

/* Run all tasks by at most work->threads workers. RS_EIO when the system refuses processes or a
 * worker dies, RS_EINTERRUPTED, RS_ENOMEM, or what `give`, `run` or `take` failed with. */
RS_MUST_USE rs_status rsi_fork_map(const rsi_fork_job *job, const rs_work *work, rs_error *err);

#endif
