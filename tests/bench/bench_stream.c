/* bench_stream.c - what a pass over a stored graph costs: reading it, and working on it with memory
 * for the nodes alone.
 *
 *     bench_stream STORE [THREADS [ROUNDS]]
 *
 * scan          structure of all relations; payments with times and amounts
 * degrees       edges at each node, both ends: 4 bytes a node
 * components    rs_store_components: 8 bytes a node
 * propagation   one iteration y += S x in fixed point, both directions, S = D^-1/2 A D^-1/2: 16
 *               bytes a node and thread
 *
 * Relations are read side by side by THREADS (default 1). Prints millions of edges a second of wall
 * clock, and a core (of processor time); the best of ROUNDS (default 3).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/parallel.h"
#include "base/try.h"
#include "ringscope/graph.h"

enum { AHEAD = 24, TYPES_MAX = 1024, WORKERS_MAX = 16 };

/* What an edge needs of its end, side by side in one line of the cache. */
typedef struct node_state {
    uint64_t sum;   /* what arrived */
    uint32_t gives; /* x / sqrt(degree), 2^-24 */
    uint32_t degree;
} node_state;

typedef struct stream_bench {
    const rs_store *store;
    rs_work work;
    uint64_t edges;
    uint32_t first[TYPES_MAX + 1];
    uint32_t *degree;
    node_state *state[WORKERS_MAX];
    uint64_t sums[WORKERS_MAX]; /* keep the reading from being left out */
    unsigned columns;
} stream_bench;

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

typedef void (*use_run)(stream_bench *bench, const rs_edges *run, uint32_t src, uint32_t dst,
                        unsigned worker);

static rs_status read_relation(stream_bench *bench, size_t relation, unsigned worker, use_run use,
                               rs_error *err)
{
    rs_status status = RS_OK;
    rs_relation_info info = rs_store_relation(bench->store, relation);
    rs_scan *scan = NULL;
    rs_edges run = {0};
    unsigned columns = info.kind == RS_KIND_PAYMENT ? bench->columns : 0;
    RS_TRY(rs_scan_open(&scan, bench->store, relation, columns, err));
    do {
        RS_TRY(rs_scan_next(scan, &run, err));
        use(bench, &run, bench->first[info.src_type], bench->first[info.dst_type], worker);
    } while (run.count > 0);
done:
    rs_scan_close(scan);
    return status;
}

/* ---- the passes ------------------------------------------------------------------------------ */

static void only_read(stream_bench *bench, const rs_edges *run, uint32_t src, uint32_t dst,
                      unsigned worker)
{
    (void)src;
    (void)dst;
    bench->sums[worker] += run->count > 0 ? run->dst[run->count / 2] : 0;
}

static void count_ends(stream_bench *bench, const rs_edges *run, uint32_t src, uint32_t dst,
                       unsigned worker)
{
    uint32_t *from = bench->degree + src, *to = bench->degree + dst;
    (void)worker;
    for (size_t i = 0; i < run->count; i++) {
        __builtin_prefetch(&to[run->dst[i + AHEAD < run->count ? i + AHEAD : i]], 1);
        __atomic_fetch_add(&from[run->src[i]], 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&to[run->dst[i]], 1, __ATOMIC_RELAXED);
    }
}

static void count_alone(stream_bench *bench, const rs_edges *run, uint32_t src, uint32_t dst,
                        unsigned worker)
{
    uint32_t *from = bench->degree + src, *to = bench->degree + dst;
    (void)worker;
    for (size_t i = 0; i < run->count; i++) {
        __builtin_prefetch(&to[run->dst[i + AHEAD < run->count ? i + AHEAD : i]], 1);
        from[run->src[i]]++;
        to[run->dst[i]]++;
    }
}

static void pass_on(stream_bench *bench, const rs_edges *run, uint32_t src, uint32_t dst,
                    unsigned worker)
{
    node_state *from = bench->state[worker] + src, *to = bench->state[worker] + dst;
    for (size_t i = 0; i < run->count; i++) {
        __builtin_prefetch(&to[run->dst[i + AHEAD < run->count ? i + AHEAD : i]], 1);
        node_state *a = &from[run->src[i]], *b = &to[run->dst[i]];
        a->sum += b->gives;
        b->sum += a->gives;
    }
}

/* ---- side by side ---------------------------------------------------------------------------- */

typedef struct pass {
    stream_bench *bench;
    use_run use;
} pass;

static rs_status pass_task(void *context, size_t relation, unsigned worker, rs_error *err)
{
    pass *one = context;
    return read_relation(one->bench, relation, worker, one->use, err);
}

static rs_status run_pass(stream_bench *bench, use_run use, rs_error *err)
{
    pass one = {bench, use};
    return rsi_parallel(&bench->work, rs_store_relation_count(bench->store), pass_task, &one, err);
}

static rs_status components(stream_bench *bench, rs_error *err)
{
    rs_component_counts found;
    rs_status status = rs_store_components(bench->store, &bench->work, &found, err);
    bench->sums[0] += found.largest;
    return status;
}

/* x of every node is 1; the threads' sums come together, and each node's is divided by the root of
 * its degree. */
static rs_status iterate(stream_bench *bench, rs_error *err)
{
    rs_status status = run_pass(bench, pass_on, err);
    uint32_t nodes = bench->first[rs_store_type_count(bench->store)];
    unsigned workers = rsi_parallel_workers(&bench->work);
    for (uint32_t v = 0; v < nodes; v++) {
        node_state *own = &bench->state[0][v];
        for (unsigned w = 1; w < workers; w++) {
            own->sum += bench->state[w][v].sum;
            bench->state[w][v].sum = 0;
        }
        own->sum = (own->sum >> 12) * own->gives >> 12; /* gives is 1 / sqrt(degree) here */
    }
    return status;
}

static rs_status prepare_states(stream_bench *bench, rs_error *err)
{
    uint32_t nodes = bench->first[rs_store_type_count(bench->store)];
    unsigned workers = rsi_parallel_workers(&bench->work);
    for (unsigned w = 0; w < workers && w < WORKERS_MAX; w++) {
        bench->state[w] = calloc((size_t)nodes + 1, sizeof *bench->state[w]);
        if (bench->state[w] == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%u nodes)", nodes);
        }
        for (uint32_t v = 0; v < nodes; v++) {
            double degree = bench->degree[v] > 0 ? bench->degree[v] : 1; /* times the rounds */
            bench->state[w][v].gives = (uint32_t)(16777216.0 / sqrt(degree));
        }
    }
    return RS_OK;
}

/* ---- measuring ------------------------------------------------------------------------------- */

static rs_status measure(stream_bench *bench, const char *name, use_run use,
                         rs_status (*whole)(stream_bench *, rs_error *), uint64_t edges,
                         unsigned rounds, rs_error *err)
{
    double wall = 1e9, cpu = 1e9;
    for (unsigned round = 0; round < rounds; round++) {
        double wall_start = seconds_of(CLOCK_MONOTONIC);
        double cpu_start = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
        rs_status status = whole != NULL ? whole(bench, err) : run_pass(bench, use, err);
        if (status != RS_OK) {
            return status;
        }
        wall = fmin(wall, seconds_of(CLOCK_MONOTONIC) - wall_start);
        cpu = fmin(cpu, seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu_start);
    }
    printf("%-22s %8.1f M edges/s %8.1f a core  %7.3f s\n", name, (double)edges / wall / 1e6,
           (double)edges / cpu / 1e6, wall);
    return RS_OK;
}

static uint64_t payments_of(const rs_store *store, uint64_t *all)
{
    uint64_t payments = 0;
    for (size_t r = 0; r < rs_store_relation_count(store); r++) {
        rs_relation_info info = rs_store_relation(store, r);
        *all += info.edge_count;
        payments += info.kind == RS_KIND_PAYMENT ? info.edge_count : 0;
    }
    return payments;
}

static rs_status scan_payments(stream_bench *bench, rs_error *err)
{
    rs_status status = RS_OK;
    bench->columns = RS_SCAN_TIME | RS_SCAN_AMOUNT;
    for (size_t r = 0; r < rs_store_relation_count(bench->store); r++) {
        if (rs_store_relation(bench->store, r).kind == RS_KIND_PAYMENT) {
            RS_TRY(read_relation(bench, r, 0, only_read, err));
        }
    }
done:
    bench->columns = 0;
    return status;
}

static rs_status run_all(stream_bench *bench, unsigned rounds, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t payments = payments_of(bench->store, &bench->edges);
    bool alone = bench->work.threads <= 1;
    for (size_t t = 0; t < rs_store_type_count(bench->store); t++) {
        bench->first[t + 1] = bench->first[t] + rs_store_type(bench->store, t).node_count;
    }
    uint32_t nodes = bench->first[rs_store_type_count(bench->store)];
    bench->degree = calloc((size_t)nodes + 1, sizeof *bench->degree);
    if (bench->degree == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u nodes)", nodes);
    }
    printf("%" PRIu64 " edges, %u nodes, %u threads\n", bench->edges, nodes, bench->work.threads);
    RS_TRY(measure(bench, "scan, structure", only_read, NULL, bench->edges, rounds, err));
    RS_TRY(measure(bench, "payments, all columns", NULL, scan_payments, payments, rounds, err));
    RS_TRY(measure(bench, "degrees", alone ? count_alone : count_ends, NULL, bench->edges, rounds,
                   err));
    RS_TRY(measure(bench, "components", NULL, components, bench->edges, rounds, err));
    RS_TRY(prepare_states(bench, err));
    RS_TRY(measure(bench, "propagation, 1 round", NULL, iterate, bench->edges, rounds, err));
    struct rusage own = {0};
    getrusage(RUSAGE_SELF, &own);
    printf("peak memory %ld MiB\n", own.ru_maxrss / 1024);
done:
    return status;
}

int main(int argc, char **argv)
{
    static stream_bench bench;
    rs_error err = {.status = RS_OK};
    rs_store *store = NULL;
    if (argc < 2) {
        fprintf(stderr, "usage: bench_stream STORE [THREADS [ROUNDS]]\n");
        return 2;
    }
    bench.work.threads = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1;
    bench.work.threads = bench.work.threads < WORKERS_MAX ? bench.work.threads : WORKERS_MAX;
    unsigned rounds = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 3;
    rs_status status = rs_store_open(&store, argv[1], &err);
    if (status == RS_OK && rs_store_type_count(store) <= TYPES_MAX) {
        bench.store = store;
        status = run_all(&bench, rounds, &err);
    }
    if (status != RS_OK) {
        fprintf(stderr, "bench_stream: %s\n", err.message);
    }
    free(bench.degree);
    for (size_t w = 0; w < WORKERS_MAX; w++) {
        free(bench.state[w]);
    }
    rs_store_close(store);
    return status == RS_OK ? 0 : 1;
}
