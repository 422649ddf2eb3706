/* fork.c - worker processes, one socket pair each.
 *
 *   caller -> worker   [ task 8 ][ length 8 ][ bytes ]
 *   worker -> caller   [ status 8 ][ length 8 ][ the answer, or why there is none ]
 *
 * Invariant: the caller writes to a worker only while that worker waits to read, and reads from it
 * only once it has begun to answer; so neither can block the other for good. Cost: one fork per
 * worker; two system calls and a copy per message.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/fork.h"

#include <errno.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "base/try.h"

#define REPORT_MS   100 /* how often the caller is asked whether to go on */
#define IDLE        SIZE_MAX
#define WORKERS_MAX 1024

struct worker {
    pid_t pid;
    int socket;
    size_t task; /* IDLE: it waits */
};

struct answer {
    rsi_buffer bytes;
    bool here;
};

struct rsi_fork_crew {
    rsi_fork_run run;
    void *context;
    struct worker *workers;
    size_t worker_count;
};

struct pool {
    const rsi_fork_job *job;
    const rs_work *work;
    rsi_fork_crew *crew;
    struct pollfd *polls;
    size_t *order; /* tasks, dearest first */
    size_t given_count;
    struct answer *answers;
    size_t answer_count;
    size_t taken_count;
    uint64_t done;
    uint64_t total;
};

/* ---- messages ------------------------------------------------------------------------------- */

/* False when the other side is gone. */
static bool send_all(int socket, const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    while (length > 0) {
        ssize_t sent = send(socket, at, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            return false;
        }
        at += sent;
        length -= (size_t)sent;
    }
    return true;
}

static bool receive_all(int socket, void *bytes, size_t length)
{
    uint8_t *at = bytes;
    while (length > 0) {
        ssize_t got = recv(socket, at, length, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        at += got;
        length -= (size_t)got;
    }
    return true;
}

/* Read what there is no room for. */
static bool skip(int socket, uint64_t length)
{
    uint8_t away[4096];
    while (length > 0) {
        size_t part = length < sizeof away ? (size_t)length : sizeof away;
        if (!receive_all(socket, away, part)) {
            return false;
        }
        length -= part;
    }
    return true;
}

static bool send_message(int socket, uint64_t head, const void *bytes, size_t length)
{
    uint64_t header[2] = {head, length};
    return send_all(socket, header, sizeof header) && send_all(socket, bytes, length);
}

/* ---- in the worker -------------------------------------------------------------------------- */

/* The caller's handlers belong to the caller; what it ignores stays ignored. The signals of crashes
 * are left alone, so that a sanitizer can still say what happened. */
static void reset_signals(void)
{
    for (int number = 1; number < NSIG; number++) {
        struct sigaction now;
        bool crash = number == SIGSEGV || number == SIGBUS || number == SIGFPE ||
                     number == SIGILL || number == SIGABRT || number == SIGTRAP;
        if (!crash && sigaction(number, NULL, &now) == 0 && now.sa_handler != SIG_IGN &&
            now.sa_handler != SIG_DFL) {
            now = (struct sigaction){.sa_handler = SIG_DFL};
            (void)sigaction(number, &now, NULL);
        }
    }
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Keep standard streams and the worker's own socket: the caller's locks and files are not ours. */
static void close_others(const rsi_fork_crew *crew, int own)
{
#ifdef __linux__
    if ((own == 3 || close_range(3, (unsigned)own - 1, 0) == 0) &&
        close_range((unsigned)own + 1, ~0U, 0) == 0) {
        return;
    }
#endif
    for (size_t i = 0; i < crew->worker_count; i++) {
        close(crew->workers[i].socket);
    }
}

static bool answer_one(const rsi_fork_crew *crew, int socket, rsi_buffer *in, rsi_buffer *out)
{
    uint64_t header[2];
    rs_error err = {0};
    if (!receive_all(socket, header, sizeof header)) {
        return false; /* no more tasks */
    }
    in->length = 0;
    out->length = 0;
    rs_status status = rsi_buffer_reserve(in, (size_t)header[1] + 1, &err);
    if (status != RS_OK) {
        /* To the end, or the caller would still be writing, and take us for dead. */
        return skip(socket, header[1]) &&
               send_message(socket, (uint64_t)(int64_t)status, err.message, strlen(err.message));
    }
    if (!receive_all(socket, in->bytes, (size_t)header[1])) {
        return false;
    }
    rsi_cursor cursor = {in->bytes, in->bytes + header[1]};
    status = crew->run(crew->context, (size_t)header[0], cursor, out, &err);
    const void *bytes = status == RS_OK ? (const void *)out->bytes : err.message;
    size_t length = status == RS_OK ? out->length : strlen(err.message);
    return send_message(socket, (uint64_t)(int64_t)status, bytes, length);
}

static void be_worker(const rsi_fork_crew *crew, int socket, pid_t parent)
{
#ifdef __linux__
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    if (getppid() != parent) {
        _exit(1); /* the caller was gone before that took hold */
    }
    reset_signals();
    close_others(crew, socket);
    rsi_buffer in = {0};
    rsi_buffer out = {0};
    while (answer_one(crew, socket, &in, &out)) {
    }
    _exit(0); /* not exit: what stands in the caller's buffers is the caller's to write */
}

/* ---- starting and ending workers ------------------------------------------------------------- */

/* Whole pages inside the spans are kept from children, or given back. A refusal costs memory only.
 */
static void hide(const rsi_fork_job *job, bool hidden)
{
#ifdef MADV_DONTFORK
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < job->hidden_count; i++) {
        uintptr_t from = ((uintptr_t)job->hidden[i].bytes + page - 1) / page * page;
        uintptr_t to = ((uintptr_t)job->hidden[i].bytes + job->hidden[i].length) / page * page;
        if (job->hidden[i].bytes != NULL && to > from) {
            (void)madvise((void *)from, to - from, hidden ? MADV_DONTFORK : MADV_DOFORK);
        }
    }
#else
    (void)job;
    (void)hidden;
#endif
}

static rs_status start_worker(rsi_fork_crew *crew, rs_error *err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return rs_fail(err, RS_EIO, "cannot make a socket pair: %s", strerror(errno));
    }
    /* No handler of the caller may run in the child before it is reset there. */
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid();
    pid_t pid = fork();
    int fork_errno = errno;
    if (pid == 0) {
        be_worker(crew, ends[1], parent);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return rs_fail(err, RS_EIO, "cannot start a worker process: %s", strerror(fork_errno));
    }
    crew->workers[crew->worker_count++] =
        (struct worker){.pid = pid, .socket = ends[0], .task = IDLE};
    return RS_OK;
}

/* One worker is enough; fewer than wanted is slower, not wrong. */
static rs_status start_workers(rsi_fork_crew *crew, size_t wanted, rs_error *err)
{
    rs_status status = RS_OK;
    crew->workers = calloc(wanted, sizeof *crew->workers);
    if (crew->workers == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu worker processes)", wanted);
    }
#ifdef __GLIBC__
    (void)malloc_trim(0); /* pages that were freed would be inherited all the same */
#endif
    while (status == RS_OK && crew->worker_count < wanted) {
        status = start_worker(crew, err);
    }
    if (status != RS_OK && crew->worker_count > 0) {
        status = RS_OK;
        if (err != NULL) {
            *err = (rs_error){0};
        }
    }
    return status;
}

/* The worker's end, waited for. 0 where the system no longer knows (SIGCHLD is ignored). */
static int reap(struct worker *worker)
{
    int how = 0;
    close(worker->socket);
    while (waitpid(worker->pid, &how, 0) < 0 && errno == EINTR) {
    }
    worker->pid = 0;
    return how;
}

static void stop_workers(rsi_fork_crew *crew, bool kill_them)
{
    for (size_t i = 0; i < crew->worker_count; i++) {
        if (kill_them && crew->workers[i].pid != 0) {
            (void)kill(crew->workers[i].pid, SIGKILL);
        }
    }
    for (size_t i = 0; i < crew->worker_count; i++) {
        if (crew->workers[i].pid != 0) {
            (void)reap(&crew->workers[i]);
        }
    }
    free(crew->workers);
    crew->workers = NULL;
    crew->worker_count = 0;
}

static size_t workers_for(const rs_work *work)
{
    size_t wanted = work == NULL || work->threads == 0 ? 1 : work->threads;
    return wanted > WORKERS_MAX ? WORKERS_MAX : wanted;
}

rs_status rsi_fork_crew_start(rsi_fork_crew **out, rsi_fork_run run, void *context,
                              const rs_work *work, rs_error *err)
{
    rsi_fork_crew *crew = calloc(1, sizeof *crew);
    if (crew == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (worker processes)");
    }
    crew->run = run;
    crew->context = context;
    rs_status status = start_workers(crew, workers_for(work), err);
    if (status != RS_OK) {
        rsi_fork_crew_end(crew);
        return status;
    }
    *out = crew;
    return RS_OK;
}

void rsi_fork_crew_end(rsi_fork_crew *crew)
{
    if (crew != NULL) {
        stop_workers(crew, true); /* they hold nothing that ending early could harm */
        free(crew);
    }
}

static rs_status report(const struct pool *pool, rs_error *err)
{
    return rs_work_report(pool->work, pool->job->stage, pool->job->unit, pool->done, pool->total,
                          err);
}

/* A worker that went away: by the Ctrl-C that the caller is about to learn of, or by an accident.
 */
static rs_status lost(struct pool *pool, struct worker *worker, rs_error *err)
{
    size_t task = worker->task;
    int how = reap(worker);
    int number = WIFSIGNALED(how) ? WTERMSIG(how) : 0;
    if (number == SIGINT || number == SIGTERM || number == SIGHUP) {
        (void)poll(NULL, 0, REPORT_MS);
    }
    rs_status status = report(pool, err);
    if (status != RS_OK) {
        return status;
    }
    if (number != 0) {
        return rs_fail(err, RS_EIO, "%s: the worker process of task %zu died of signal %d%s",
                       pool->job->stage, task, number,
                       number == SIGKILL ? " (killed, perhaps for want of memory)" : "");
    }
    return rs_fail(err, RS_EIO, "%s: the worker process of task %zu ended early, exit status %d",
                   pool->job->stage, task, WIFEXITED(how) ? WEXITSTATUS(how) : 0);
}

/* ---- handing out and taking in -------------------------------------------------------------- */

static rs_status hand_out(struct pool *pool, struct worker *worker, rsi_buffer *scratch,
                          rs_error *err)
{
    if (pool->given_count == pool->job->task_count) {
        return RS_OK;
    }
    size_t task = pool->order[pool->given_count];
    rs_status status = RS_OK;
    scratch->length = 0;
    if (pool->job->give != NULL) {
        status = pool->job->give(pool->job->context, task, scratch, err);
    }
    if (status != RS_OK) {
        return status;
    }
    pool->given_count++;
    worker->task = task;
    if (!send_message(worker->socket, task, scratch->bytes, scratch->length)) {
        return lost(pool, worker, err);
    }
    return RS_OK;
}

static rs_status take_ready(struct pool *pool, rs_error *err)
{
    const rsi_fork_job *job = pool->job;
    while (pool->taken_count < job->task_count && pool->answers[pool->taken_count].here) {
        rsi_buffer *bytes = &pool->answers[pool->taken_count].bytes;
        rsi_cursor cursor = {bytes->bytes, bytes->bytes + bytes->length};
        rs_status status = RS_OK;
        if (job->take != NULL) {
            status = job->take(job->context, pool->taken_count, cursor, err);
        }
        rsi_buffer_free(bytes);
        if (status != RS_OK) {
            return status;
        }
        pool->taken_count++;
    }
    return RS_OK;
}

static rs_status failed(rsi_buffer *bytes, rs_status status, rs_error *err)
{
    int length = bytes->length < 900 ? (int)bytes->length : 900;
    return rs_fail(err, status, "%.*s", length, (const char *)bytes->bytes);
}

static rs_status receive(struct pool *pool, struct worker *worker, rs_error *err)
{
    uint64_t header[2];
    size_t task = worker->task;
    if (!receive_all(worker->socket, header, sizeof header)) {
        return lost(pool, worker, err);
    }
    rsi_buffer *bytes = &pool->answers[task].bytes;
    rs_status status = rsi_buffer_reserve(bytes, (size_t)header[1] + 1, err);
    if (status != RS_OK) {
        return status;
    }
    if (!receive_all(worker->socket, bytes->bytes, (size_t)header[1])) {
        return lost(pool, worker, err);
    }
    bytes->length = (size_t)header[1];
    if (header[0] != RS_OK) {
        return failed(bytes, (rs_status)(int64_t)header[0], err);
    }
    worker->task = IDLE;
    pool->answers[task].here = true;
    pool->answer_count++;
    pool->done += pool->job->cost == NULL ? 1 : pool->job->cost[task];
    return RS_OK;
}

/* Wait for answers; each worker that answered gets its next task before its answer is looked at. */
static rs_status serve(struct pool *pool, rsi_buffer *scratch, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t i = 0; i < pool->crew->worker_count; i++) {
        /* One that waits has nothing left to do: whether it is still there no longer matters. */
        const struct worker *worker = &pool->crew->workers[i];
        int socket = worker->task == IDLE ? -1 : worker->socket;
        pool->polls[i] = (struct pollfd){.fd = socket, .events = POLLIN};
    }
    int ready = poll(pool->polls, (nfds_t)pool->crew->worker_count, REPORT_MS);
    if (ready < 0 && errno != EINTR) {
        return rs_fail(err, RS_EIO, "cannot wait for worker processes: %s", strerror(errno));
    }
    for (size_t i = 0; ready > 0 && i < pool->crew->worker_count; i++) {
        if (pool->polls[i].revents != 0) {
            RS_TRY(receive(pool, &pool->crew->workers[i], err));
            RS_TRY(hand_out(pool, &pool->crew->workers[i], scratch, err));
        }
    }
    RS_TRY(take_ready(pool, err));
    RS_TRY(report(pool, err));
done:
    return status;
}

/* ---- the order of work ---------------------------------------------------------------------- */

static int compare_cost(const void *x, const void *y, void *context)
{
    const uint64_t *cost = context;
    size_t a = *(const size_t *)x;
    size_t b = *(const size_t *)y;
    if (cost != NULL && cost[a] != cost[b]) {
        return cost[a] > cost[b] ? -1 : 1;
    }
    return a < b ? -1 : a > b;
}

static rs_status prepare(struct pool *pool, rs_error *err)
{
    size_t count = pool->job->task_count;
    pool->polls = calloc(pool->crew->worker_count, sizeof *pool->polls);
    pool->order = calloc(count, sizeof *pool->order);
    pool->answers = calloc(count, sizeof *pool->answers);
    if (pool->polls == NULL || pool->order == NULL || pool->answers == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu tasks for worker processes)", count);
    }
    for (size_t i = 0; i < count; i++) {
        pool->order[i] = i;
        pool->total += pool->job->cost == NULL ? 1 : pool->job->cost[i];
    }
    qsort_r(pool->order, count, sizeof *pool->order, compare_cost, (void *)pool->job->cost);
    return RS_OK;
}

static void release(struct pool *pool)
{
    for (size_t i = 0; pool->answers != NULL && i < pool->job->task_count; i++) {
        rsi_buffer_free(&pool->answers[i].bytes);
    }
    free(pool->answers);
    free(pool->order);
    free(pool->polls);
}

static rs_status map(struct pool *pool, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer scratch = {0};
    RS_TRY(prepare(pool, err));
    RS_TRY(report(pool, err));
    for (size_t i = 0; i < pool->crew->worker_count; i++) {
        RS_TRY(hand_out(pool, &pool->crew->workers[i], &scratch, err));
    }
    while (pool->answer_count < pool->job->task_count) {
        RS_TRY(serve(pool, &scratch, err));
    }
    RS_TRY(take_ready(pool, err));
done:
    rsi_buffer_free(&scratch);
    release(pool);
    return status;
}

rs_status rsi_fork_map(const rsi_fork_job *job, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_fork_crew own = {.run = job->run, .context = job->context};
    struct pool pool = {.job = job, .work = work, .crew = job->crew};
    size_t wanted = workers_for(work);
    wanted = wanted > job->task_count ? job->task_count : wanted;
    if (wanted == 0) {
        return RS_OK;
    }
    if (pool.crew == NULL) {
        pool.crew = &own;
        hide(job, true);
        status = start_workers(&own, wanted, err);
        hide(job, false);
    }
    if (status == RS_OK) {
        status = map(&pool, err);
    }
    stop_workers(&own, status != RS_OK);
    return status;
}
