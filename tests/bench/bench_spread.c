/* bench_spread.c - how long a spread takes over a random graph with hubs.
 *
 *     bench_spread [NODES [LINKS [THREADS [TOLERANCE]]]]
 *
 * Half of the ends of links are drawn evenly, half so that low nodes come more often (the largest
 * has some sqrt(NODES) times the mean). One node in 200 is a seed. Prints the best of three.
 * Memory: 60 bytes a link.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/random.h"
#include "base/sort.h"
#include "ringscope/propagate.h"

typedef struct spread_bench {
    rs_adjacency graph;
    uint64_t *first;
    uint32_t *to;
    uint32_t *weight;
    int64_t *seed;
    int64_t *risk;
    unsigned rounds;
} spread_bench;

static void require_memory(bool there)
{
    if (!there) {
        fprintf(stderr, "bench_spread: out of memory\n");
        exit(1);
    }
}

/* Both directions of each link as keys, sorted, equal ones once. */
static uint64_t *draw_links(uint32_t nodes, uint64_t links, uint64_t *count)
{
    uint64_t *keys = malloc(2 * links * sizeof *keys), kept = 0;
    require_memory(keys != NULL);
    rsi_random random;
    rsi_random_seed(&random, 1, 1);
    *count = 0;
    for (uint64_t i = 0; i < links; i++) {
        uint64_t x = rsi_random_below(&random, nodes), y = rsi_random_below(&random, nodes);
        x = rsi_mix64(x * x / nodes) % nodes; /* hubs anywhere */
        if (x != y) {
            keys[(*count)++] = x << 32 | y;
            keys[(*count)++] = y << 32 | x;
        }
    }
    if (rsi_sort_u64(keys, *count, NULL, NULL) != RS_OK) {
        require_memory(false);
    }
    for (uint64_t i = 0; i < *count; i++) {
        if (kept == 0 || keys[kept - 1] != keys[i]) {
            keys[kept++] = keys[i];
        }
    }
    *count = kept;
    return keys;
}

static void make(spread_bench *bench, uint32_t nodes, uint64_t links)
{
    uint64_t count = 0;
    uint64_t *keys = draw_links(nodes, links, &count);
    bench->first = calloc(nodes + UINT64_C(1), sizeof *bench->first);
    bench->to = malloc(count * sizeof *bench->to);
    bench->weight = malloc(count * sizeof *bench->weight);
    bench->seed = calloc(nodes, sizeof *bench->seed);
    bench->risk = malloc(nodes * sizeof *bench->risk);
    require_memory(bench->first != NULL);
    require_memory(bench->to != NULL);
    require_memory(bench->weight != NULL);
    require_memory(bench->seed != NULL);
    require_memory(bench->risk != NULL);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t from = keys[i] >> 32, to = keys[i] & UINT32_MAX;
        uint64_t ends = from < to ? keys[i] : to << 32 | from;
        bench->first[from + 1] = i + 1;
        bench->to[i] = (uint32_t)to;
        bench->weight[i] = 100000 + (uint32_t)(rsi_mix64(ends) % 900000);
    }
    for (uint32_t v = 0; v < nodes; v++) {
        if (bench->first[v + 1] == 0) {
            bench->first[v + 1] = bench->first[v];
        }
        bench->seed[v] = v % 200 == 7 ? RS_RISK_ONE : 0;
    }
    bench->graph = (rs_adjacency){
        .node_count = nodes, .first = bench->first, .to = bench->to, .weight = bench->weight};
    free(keys);
}

static int count_rounds(void *context, const rs_progress *now)
{
    spread_bench *bench = context;
    bench->rounds += now->total != 0;
    return 0;
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(int count, char **words)
{
    uint32_t nodes = count > 1 ? (uint32_t)strtoul(words[1], NULL, 10) : 2400000;
    uint64_t links = count > 2 ? strtoull(words[2], NULL, 10) : 9500000;
    static spread_bench bench;
    rs_work work = {.threads = count > 3 ? (unsigned)strtoul(words[3], NULL, 10) : 2,
                    .progress = count_rounds,
                    .context = &bench};
    rs_spread_options options = RS_SPREAD_DEFAULTS;
    options.tolerance = count > 4 ? strtod(words[4], NULL) : 1e-4;
    if (nodes < 2 || links == 0) {
        fprintf(stderr, "usage: bench_spread [NODES [LINKS [THREADS [TOLERANCE]]]]\n");
        return 2;
    }
    make(&bench, nodes, links);
    double best = 1e9;
    for (int i = 0; i < 3; i++) {
        rs_error err = {0};
        double start = seconds_now();
        bench.rounds = 0;
        if (rs_spread(&bench.graph, bench.seed, &options, &work, bench.risk, &err) != RS_OK) {
            fprintf(stderr, "bench_spread: %s\n", err.message);
            return 1;
        }
        double took = seconds_now() - start;
        best = took < best ? took : best;
    }
    printf("%u nodes, %llu links: %u rounds, %.2f s, %.0f M directed links/s a thread and round\n",
           nodes, (unsigned long long)(bench.first[nodes] / 2), bench.rounds, best,
           (double)bench.first[nodes] * bench.rounds / best / work.threads / 1e6);
    return 0;
}
