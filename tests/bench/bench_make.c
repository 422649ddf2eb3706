/* bench_make.c - a store of any size, made through the library's own batch, with no file between.
 *
 *     bench_make STORE EDGES [NODES_PER_100_EDGES [THREADS [MEMORY_MIB]]]
 *
 * Half of the edges are payments with a time and an amount between accounts, the others join an
 * account and a device, an address or a card. Accounts live in neighbourhoods of 4,096: nine
 * payments in ten stay inside, targets are skewed so that some accounts take thousands. Ids are
 * decimal numbers. Accounts come one window of 32,768 after the other: what no order costs beyond
 * that is for `ingest` of shuffled rows to show. A block of edges depends on its number alone, so
 * equal calls make equal stores. Prints seconds.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/parallel.h"
#include "base/random.h"
#include "base/try.h"
#include "store/batch.h"

enum { BLOCK_EDGES = 1 << 15, BLOCKS = 16, ROWS = 64, ID_BYTES = 20, RELATIONS = 4 };
enum { NEIGHBOURHOOD = 4096, WINDOW = 1 << 15 }; /* accounts */

/* One relation: its name, its target type, how many targets there are for 100 accounts. */
typedef struct make_kind {
    const char *name;
    const char *target;
    rs_kind kind;
    bool place;
    uint32_t targets_per_100;
} make_kind;

static const make_kind KINDS[RELATIONS] = {
    {"pays", "account", RS_KIND_PAYMENT, false, 100},
    {"uses_device", "device", RS_KIND_SHARED, false, 70},
    {"uses_ip", "address", RS_KIND_SHARED, true, 20},
    {"uses_card", "card", RS_KIND_SHARED, false, 90},
};

typedef struct make_state {
    rsi_batch *batch;
    rsi_block *blocks[BLOCKS];
    char *ids[BLOCKS]; /* lent to a block until it was appended */
    uint32_t relations[RELATIONS];
    uint64_t edges;
    uint64_t accounts;
    uint64_t per_100; /* accounts for 100 edges */
    uint64_t next;    /* first edge of this round */
} make_state;

/* In decimal, two digits at a time; printf would take half of all the time. */
static rs_text put_id(char **at, uint64_t number)
{
    static const char PAIRS[201] = "00010203040506070809101112131415161718192021222324"
                                   "25262728293031323334353637383940414243444546474849"
                                   "50515253545556575859606162636465666768697071727374"
                                   "75767778798081828384858687888990919293949596979899";
    char digits[ID_BYTES];
    size_t first = ID_BYTES;
    for (; number > 9; number /= 100) {
        first -= 2;
        memcpy(digits + first, PAIRS + 2 * (number % 100), 2);
    }
    if (number > 0 || first == ID_BYTES) {
        digits[--first] = (char)('0' + number);
    }
    rs_text id = {*at, ID_BYTES - first};
    memcpy(*at, digits + first, id.length);
    *at += id.length;
    return id;
}

/* Skewed: the square of an even draw. */
static uint64_t skewed(rsi_random *random, uint64_t count)
{
    uint64_t draw = rsi_random_next(random) >> 32;
    return ((draw * draw) >> 32) * count >> 32;
}

static uint64_t target_of(const make_state *make, const make_kind *kind, uint64_t account,
                          rsi_random *random)
{
    if (kind->kind == RS_KIND_PAYMENT) {
        bool near = rsi_random_chance(random, 900);
        uint64_t first = near ? account / NEIGHBOURHOOD * NEIGHBOURHOOD : 0;
        uint64_t count = near ? NEIGHBOURHOOD : make->accounts;
        uint64_t to = first + skewed(random, count);
        return to < make->accounts ? to : account;
    }
    uint64_t own = account * kind->targets_per_100 / 100;
    return rsi_mix64(own + (rsi_random_chance(random, 100) ? rsi_random_below(random, 8) : 0)) >>
           24;
}

static void put_edge(const make_state *make, uint64_t i, rsi_random *random, char **ids,
                     rsi_edge_row *row)
{
    uint32_t draw = rsi_random_below(random, 100);
    size_t number = draw < 50 ? 0 : (draw < 65 ? 1 : (draw < 90 ? 2 : 3));
    const make_kind *kind = &KINDS[number];
    uint64_t account =
        (i / 100 * make->per_100 + rsi_random_below(random, WINDOW)) % make->accounts;
    *row = (rsi_edge_row){.relation = make->relations[number],
                          .src = put_id(ids, account),
                          .time = RS_NO_TIME,
                          .precision_s = 1,
                          .amount = RS_NO_AMOUNT};
    row->dst = put_id(ids, target_of(make, kind, account, random));
    if (kind->kind == RS_KIND_PAYMENT) {
        row->time = 1717200000 + rsi_random_below(random, 90 * 86400);
        row->amount = 100 + (int64_t)skewed(random, 50000);
    }
}

static rs_status fill_block(void *context, size_t index, unsigned worker, rs_error *err)
{
    rs_status status = RS_OK;
    const make_state *make = context;
    uint64_t first = make->next + index * BLOCK_EDGES;
    uint64_t end = first + BLOCK_EDGES < make->edges ? first + BLOCK_EDGES : make->edges;
    char *ids = make->ids[index];
    rsi_random random;
    (void)worker;
    rsi_random_seed(&random, 1, first);
    rsi_block_reset(make->blocks[index]);
    for (uint64_t i = first; i < end;) {
        rsi_edge_row rows[ROWS];
        size_t count = 0;
        for (; count < ROWS && i < end; count++, i++) {
            put_edge(make, i, &random, &ids, &rows[count]);
        }
        RS_TRY(rsi_block_edges(make->blocks[index], rows, count, err));
    }
    RS_TRY(rsi_batch_append(make->batch, make->blocks[index], err));
done:
    return status;
}

static rs_status register_names(make_state *make, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t account = 0;
    RS_TRY(rsi_batch_type(make->batch, (rs_text){"account", 7}, &account, err));
    RS_TRY(rsi_batch_subject(make->batch, account, err));
    for (size_t i = 0; i < RELATIONS; i++) {
        const make_kind *kind = &KINDS[i];
        rsi_relation_spec spec = {.name = {kind->name, strlen(kind->name)},
                                  .currency = {"", 0},
                                  .kind = kind->kind,
                                  .place = kind->place,
                                  .src_type = account,
                                  .decimals = 2};
        rs_text target = {kind->target, strlen(kind->target)};
        RS_TRY(rsi_batch_type(make->batch, target, &spec.dst_type, err));
        RS_TRY(rsi_batch_relation(make->batch, &spec, &make->relations[i], err));
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        make->ids[i] = malloc((size_t)BLOCK_EDGES * 2 * ID_BYTES + 1);
        if (make->ids[i] == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (ids)");
        }
        RS_TRY(rsi_block_new(&make->blocks[i], make->batch, err));
    }
done:
    return status;
}

static rs_status make_store(make_state *make, const char *path, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_commit done = {0};
    RS_TRY(rsi_batch_open(&make->batch, path, false, work, err));
    RS_TRY(register_names(make, err));
    for (; make->next < make->edges; make->next += (uint64_t)BLOCKS * BLOCK_EDGES) {
        RS_TRY(rsi_parallel(work, BLOCKS, fill_block, make, err));
        RS_TRY(rsi_batch_relieve(make->batch, err));
    }
    RS_TRY(rsi_batch_commit(make->batch, "made", make->edges, &done, err));
done:
    for (size_t i = 0; i < BLOCKS; i++) {
        rsi_block_free(make->blocks[i]);
        free(make->ids[i]);
    }
    rsi_batch_close(make->batch);
    return status;
}

static uint64_t argument(int argc, char **argv, int at, uint64_t otherwise)
{
    return argc > at ? strtoull(argv[at], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr,
                "usage: bench_make STORE EDGES [NODES_PER_100_EDGES [THREADS [MEMORY_MIB]]]\n");
        return 2;
    }
    rs_error err = {.status = RS_OK};
    make_state make = {.edges = argument(argc, argv, 2, 0)};
    make.per_100 = argument(argc, argv, 3, 8);
    make.accounts = make.edges / 100 * make.per_100 + 1;
    rs_work work = {.threads = (unsigned)argument(argc, argv, 4, 2),
                    .memory_bytes = argument(argc, argv, 5, 0) << 20};
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    rs_status status = make_store(&make, argv[1], &work, &err);
    clock_gettime(CLOCK_MONOTONIC, &to);
    if (status != RS_OK) {
        fprintf(stderr, "bench_make: %s\n", err.message);
        return 1;
    }
    printf("%" PRIu64 " edges in %.2f s\n", make.edges,
           (double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec));
    return 0;
}
