/* test_fork.c - a map over worker processes ...
 *
 * WRAP: calloc realloc
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fork.h"

#define TASKS 40

static long allowed = -1; /* allocations until one fails; below 0: all succeed */

void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool refused(void)
{
    return allowed >= 0 && allowed-- == 0;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refused() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return refused() ? NULL : __real_realloc(old, size);
}

/* ---- a job whose answers are known
 * --------------------------------------------------------------- */

typedef struct job_state {
    size_t next; /* the task whose answer must come now */
    uint64_t sum;
    size_t answer_length; /* bytes of every answer */
    size_t bad_task;
    int how; /* what the bad task does: a signal, or EXIT, FAIL */
    pid_t caller;
    const uint8_t *hidden;
} job_state;

enum { EXIT = 1000, FAIL, LOOK };

static rs_status give(void *context, size_t task, rsi_buffer *out, rs_error *err)
{
    (void)context;
    return rsi_buffer_add_u64(out, task * task, err);
}

static rs_status misbehave(const job_state *state, rs_error *err)
{
    if (state->how == EXIT) {
        _exit(7);
    }
    if (state->how == FAIL) {
        return rs_fail(err, RS_ENOTFOUND, "task %zu found nothing", state->bad_task);
    }
    if (state->how == LOOK) {
        /* msync tells what is mapped without the crash that a look would be. */
        bool there = msync((void *)(uintptr_t)state->hidden, 1, MS_ASYNC) == 0 || errno != ENOMEM;
        return there ? rs_fail(err, RS_EIO, "hidden memory is there") : RS_OK;
    }
    (void)signal(state->how, SIG_DFL);
    (void)raise(state->how);
    return RS_OK;
}

static rs_status run(void *context, size_t task, rsi_cursor in, rsi_buffer *out, rs_error *err)
{
    const job_state *state = context;
    uint64_t square;
    if (getpid() == state->caller || !rsi_take_u64(&in, &square) || square != task * task) {
        return rs_fail(err, RS_EIO, "task %zu got something else", task);
    }
    if (task == state->bad_task) {
        rs_status status = misbehave(state, err);
        if (status != RS_OK) {
            return status;
        }
    }
    rs_status status = rsi_buffer_reserve(out, state->answer_length, err);
    if (status == RS_OK) {
        memset(out->bytes, (int)(task % 251), state->answer_length);
        out->length = state->answer_length;
    }
    return status;
}

static rs_status take(void *context, size_t task, rsi_cursor answer, rs_error *err)
{
    job_state *state = context;
    if (task != state->next++ || rsi_cursor_left(&answer) != state->answer_length) {
        return rs_fail(err, RS_EIO, "task %zu came out of order", task);
    }
    for (const uint8_t *at = answer.at; at < answer.end; at++) {
        state->sum += *at;
    }
    return RS_OK;
}

static job_state fresh(void)
{
    return (job_state){.answer_length = 100, .bad_task = SIZE_MAX, .caller = getpid()};
}

static rs_status map(job_state *state, const rs_work *work, const uint64_t *cost, rs_error *err)
{
    rsi_span hidden = {state->hidden, state->hidden == NULL ? 0 : 1 << 20};
    rsi_fork_job job = {.task_count = TASKS,
                        .cost = cost,
                        .give = give,
                        .run = run,
                        .take = take,
                        .context = state,
                        .hidden = &hidden,
                        .hidden_count = 1,
                        .stage = "squares",
                        .unit = "tasks"};
    return rsi_fork_map(&job, work, err);
}

static size_t open_descriptors(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

static void assert_no_children(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* ---- the tests
 * ----------------------------------------------------------------------------------- */

static void takes_answers_in_order_whatever_the_number_of_workers(void **unused)
{
    (void)unused;
    uint64_t cost[TASKS];
    for (size_t i = 0; i < TASKS; i++) {
        cost[i] = i * 7 % 13;
    }
    for (unsigned threads = 0; threads < 6; threads++) {
        rs_work work = {.threads = threads};
        job_state state = fresh();
        rs_error err = {0};
        assert_int_equal(map(&state, &work, threads % 2 == 0 ? cost : NULL, &err), RS_OK);
        assert_int_equal(state.next, TASKS);
        assert_int_equal(state.sum, 100 * (TASKS * (TASKS - 1) / 2));
        assert_no_children();
    }
}

static void maps_by_workers_that_were_there_before(void **unused)
{
    (void)unused;
    rs_work work = {.threads = 2};
    job_state state = fresh();
    rsi_fork_crew *crew = NULL;
    assert_int_equal(rsi_fork_crew_start(&crew, run, &state, &work, NULL), RS_OK);
    for (int times = 0; times < 3; times++) {
        rsi_fork_job job = {.task_count = TASKS,
                            .give = give,
                            .take = take,
                            .context = &state,
                            .stage = "squares",
                            .unit = "tasks",
                            .crew = crew};
        state.next = 0;
        state.sum = 0;
        assert_int_equal(rsi_fork_map(&job, &work, NULL), RS_OK);
        assert_int_equal(state.next, TASKS);
        assert_int_equal(state.sum, 100 * (TASKS * (TASKS - 1) / 2));
    }
    rsi_fork_crew_end(crew);
    assert_no_children();
    rsi_fork_crew_end(NULL);
}

static void does_nothing_for_no_task(void **unused)
{
    (void)unused;
    rsi_fork_job job = {.stage = "nothing", .unit = "tasks"};
    assert_int_equal(rsi_fork_map(&job, NULL, NULL), RS_OK);
}

static void carries_answers_larger_than_a_socket_holds(void **unused)
{
    (void)unused;
    rs_work work = {.threads = 3};
    job_state state = fresh();
    state.answer_length = 3000000;
    assert_int_equal(map(&state, &work, NULL, NULL), RS_OK);
    assert_int_equal(state.sum, UINT64_C(3000000) * (TASKS * (TASKS - 1) / 2));
}

static void says_what_became_of_a_worker(void **unused)
{
    (void)unused;
    static const struct {
        int how;
        rs_status status;
        const char *message;
    } rows[] = {
        {SIGKILL, RS_EIO,
         "squares: the worker process of task 17 died of signal 9 (killed, perhaps for want of "
         "memory)"},
        {SIGABRT, RS_EIO, "squares: the worker process of task 17 died of signal 6"},
        {SIGTERM, RS_EIO, "squares: the worker process of task 17 died of signal 15"},
        {EXIT, RS_EIO, "squares: the worker process of task 17 ended early, exit status 7"},
        {FAIL, RS_ENOTFOUND, "task 17 found nothing"},
    };
    size_t before = open_descriptors();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (unsigned threads = 1; threads < 4; threads++) {
            rs_work work = {.threads = threads};
            rs_error err = {0};
            job_state state = fresh();
            state.bad_task = 17;
            state.how = rows[i].how;
            assert_int_equal(map(&state, &work, NULL, &err), rows[i].status);
            assert_string_equal(err.message, rows[i].message);
            assert_no_children();
        }
    }
    assert_int_equal(open_descriptors(), before);
}

static int stop_at_third(void *context, const rs_progress *now)
{
    int *calls = context;
    assert_string_equal(now->stage, "squares");
    assert_true(now->done <= now->total);
    return ++*calls == 3;
}

static void ends_its_workers_when_the_caller_stops(void **unused)
{
    (void)unused;
    int calls = 0;
    rs_work work = {.threads = 2, .progress = stop_at_third, .context = &calls};
    rs_error err = {0};
    job_state state = fresh();
    size_t before = open_descriptors();
    assert_int_equal(map(&state, &work, NULL, &err), RS_EINTERRUPTED);
    assert_string_equal(err.message, "interrupted while at \"squares\"");
    assert_no_children();
    assert_int_equal(open_descriptors(), before);
}

static void nothing(int number)
{
    (void)number;
}

static void gives_workers_the_default_actions(void **unused)
{
    (void)unused;
    struct sigaction old;
    struct sigaction ours = {.sa_handler = nothing};
    assert_int_equal(sigaction(SIGUSR1, &ours, &old), 0);
    rs_work work = {.threads = 1};
    rs_error err = {0};
    job_state state = fresh();
    state.bad_task = 3;
    state.how = SIGUSR1;
    assert_int_equal(map(&state, &work, NULL, &err), RS_EIO);
    assert_string_equal(err.message, "squares: the worker process of task 3 died of signal 10");
    sigaction(SIGUSR1, &old, NULL);
}

static void keeps_hidden_memory_from_workers(void **unused)
{
    (void)unused;
    uint8_t *pages =
        mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    memset(pages, 1, 1 << 20);
    job_state state = fresh();
    state.bad_task = 5;
    state.how = LOOK;
    state.hidden = pages;
    rs_error err = {0};
    assert_int_equal(map(&state, NULL, NULL, &err), RS_OK);
    assert_int_equal(pages[12345], 1); /* the caller still has it, and so has its next child */
    pid_t child = fork();
    if (child == 0) {
        _exit(pages[0]);
    }
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 1);
    munmap(pages, 1 << 20);
}

static void says_when_the_system_refuses_processes(void **unused)
{
    (void)unused;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    rs_error err = {0};
    job_state state = fresh();
    rs_status status = map(&state, NULL, NULL, &err);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(status, RS_EIO);
    assert_string_equal(err.message, "cannot make a socket pair: Too many open files");
}

static void survives_every_failed_allocation(void **unused)
{
    (void)unused;
    rs_status status = RS_ENOMEM;
    size_t before = open_descriptors();
    for (long count = 0; status != RS_OK; count++) {
        rs_error err = {0};
        rs_work work = {.threads = 2};
        job_state state = fresh();
        allowed = count; /* in the workers too: each has a count of its own */
        status = map(&state, &work, NULL, &err);
        allowed = -1;
        assert_true(status == RS_OK || status == RS_ENOMEM);
        assert_no_children();
        assert_true(count < 1000);
    }
    assert_int_equal(open_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_answers_in_order_whatever_the_number_of_workers),
        cmocka_unit_test(maps_by_workers_that_were_there_before),
        cmocka_unit_test(does_nothing_for_no_task),
        cmocka_unit_test(carries_answers_larger_than_a_socket_holds),
        cmocka_unit_test(says_what_became_of_a_worker),
        cmocka_unit_test(ends_its_workers_when_the_caller_stops),
        cmocka_unit_test(gives_workers_the_default_actions),
        cmocka_unit_test(keeps_hidden_memory_from_workers),
        cmocka_unit_test(says_when_the_system_refuses_processes),
        cmocka_unit_test(survives_every_failed_allocation),
    };
    return cmocka_run_group_tests_name("a map over worker processes", tests, NULL, NULL);
}
