/* bench_scan.c - how fast the edges of a store are read, one core, from page cache.
 *
 *     bench_scan STORE [ROUNDS]
 *
 * For each relation, and for all together: millions of edges a second, structure alone and with all
 * columns, by processor time of the process; checksums, unpacking and the checks of hostile bytes
 * included. The best of ROUNDS (default 3) counts, the first round warms the cache.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/try.h"
#include "ringscope/store.h"

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Read one relation to its end; the sum keeps the reading from being left out. */
static rs_status read_relation(const rs_store *store, size_t relation, unsigned columns,
                               uint64_t *edges, uint64_t *sum, rs_error *err)
{
    rs_status status = RS_OK;
    rs_scan *scan = NULL;
    rs_edges run = {0};
    RS_TRY(rs_scan_open(&scan, store, relation, columns, err));
    do {
        RS_TRY(rs_scan_next(scan, &run, err));
        *edges += run.count;
        if (run.count > 0) {
            *sum += run.src[run.count / 2] + run.dst[run.count - 1] +
                    (uint64_t)(run.time == NULL ? 0 : run.time[run.count / 3]);
        }
    } while (run.count > 0);
done:
    rs_scan_close(scan);
    return status;
}

static rs_status best_of(const rs_store *store, size_t first, size_t last, unsigned columns,
                         int rounds, double *rate, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t sum = 0;
    *rate = 0;
    for (int round = 0; round <= rounds; round++) {
        uint64_t edges = 0;
        double start = seconds();
        for (size_t relation = first; relation <= last; relation++) {
            RS_TRY(read_relation(store, relation, columns, &edges, &sum, err));
        }
        double taken = seconds() - start;
        double now = (double)edges / taken / 1e6;
        *rate = round > 0 && now > *rate ? now : *rate;
    }
    if (sum == 1) {
        puts("");
    }
done:
    return status;
}

int main(int argc, char **argv)
{
    rs_status status = RS_OK;
    rs_error error = {.status = RS_OK};
    rs_error *err = &error;
    rs_store *store = NULL;
    double structure = 0;
    double all = 0;
    int rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 3;
    if (argc < 2) {
        fputs("usage: bench_scan STORE [ROUNDS]\n", stderr);
        return 2;
    }
    RS_TRY(rs_store_open(&store, argv[1], err));
    size_t count = rs_store_relation_count(store);
    puts("relation, million edges a second and core: structure, all columns");
    for (size_t i = 0; i <= count; i++) {
        size_t first = i < count ? i : 0;
        size_t last = i < count ? i : count - 1;
        RS_TRY(best_of(store, first, last, 0, rounds, &structure, err));
        RS_TRY(best_of(store, first, last, RS_SCAN_TIME | RS_SCAN_AMOUNT, rounds, &all, err));
        printf("%-20s %8.1f %8.1f\n", i < count ? rs_store_relation(store, i).name : "in all",
               structure, all);
    }
done:
    rs_store_close(store);
    if (status != RS_OK) {
        fprintf(stderr, "bench_scan: %s\n", error.message);
    }
    return status == RS_OK ? 0 : 1;
}
