/* spread.c - p = q + damping S p: from the caller's arrays to the rounds and back.
 *
 * The work is done on y = (D+g)^-1/2 p, for which the equation has no root in it (rounds.c):
 *     y = (D+g)^-1/2 q + damping (D+g)^-1 W y
 *
 * Width    units of 2^-fraction, chosen so that what bounds every y and every residual stays below
 *          2^59 (size_bits)
 * Memory   30 bytes and a bit a node, and a window a thread; y lives in the caller's array of risks
 * Cost     one search over the links that seeds reach, then rounds; at most
 *          ln(2 sqrt(k) ||q|| / (tolerance (1-damping))) / ln((sqrt(k) + 1) / (sqrt(k) - 1)) of
 * them with k = (1+damping) / (1-damping), on large graphs about half as many
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "propagate/spread.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/try.h"

#define TASK_WORK    (1 << 17)
#define TASKS_MAX    1024
#define FRACTION_MAX 54
#define FRACTION_MIN 16
#define SIZE_BITS    59
#define LOAD_BITS    26
#define TOTAL_BITS   62 /* of the sum of loads: times two numbers of 31 bits it fits 126 */

static_assert(sizeof(rsi_passing) == 8 && sizeof(rsi_load) == 4, "30 bytes a node in all");

/* ---- before the rounds
 * ------------------------------------------------------------------------------ */

static rsi_passing passing_of(rsi_damping damping, uint64_t total)
{
    unsigned halvings = 64 - rsi_bits(total);
    /* The divisor has its top bit set and the quotient is below damping.part < 2^62. */
    uint64_t quotient = (uint64_t)(((rsi_u128)damping.part << 63) / (total << halvings));
    return quotient >> 6 << 8 | halvings;
}

/* d / 2^load_shift, rounded up to LOAD_BITS. */
static rsi_load load_of(unsigned load_shift, uint64_t total)
{
    uint64_t load = (total >> load_shift) + (load_shift > 0);
    unsigned power = rsi_bits(load) > LOAD_BITS - 1 ? rsi_bits(load) - (LOAD_BITS - 1) : 0;
    uint64_t fraction = (load >> power) + (power > 0); /* at most 2^25 */
    return (rsi_load){.fraction = fraction & ((1u << LOAD_BITS) - 1), .power = power & 63};
}

static rs_status measure_task(void *context, size_t task, unsigned worker, rs_error *err)
{
    (void)worker;
    (void)err;
    rsi_spread *s = context;
    rsi_finding found = {.total_min = UINT64_MAX};
    rsi_rows rows = rsi_rows_of(s, task);
    for (uint32_t v = 0; rsi_rows_next(&rows, &v);) {
        uint64_t total = rsi_total_of(s->graph, s->ground, v);
        found.total_min = total < found.total_min ? total : found.total_min;
        found.total_max = total > found.total_max ? total : found.total_max;
        found.total_sum += total;
        s->arriving[v] = (int64_t)total; /* for set_task */
    }
    s->found[task] = found;
    return RS_OK;
}

/* The factors of a node, and where it starts: y = 0, the residual is (D+g)^-1/2 q. */
static rs_status set_task(void *context, size_t task, unsigned worker, rs_error *err)
{
    (void)worker;
    (void)err;
    rsi_spread *s = context;
    rsi_finding found = {0};
    rsi_rows rows = rsi_rows_of(s, task);
    for (uint32_t v = 0; rsi_rows_next(&rows, &v);) {
        uint64_t total = (uint64_t)s->arriving[v];
        s->passing[v] = passing_of(s->damping, total);
        s->load[v] = load_of(s->load_shift, total);
        s->level[v] = 0;
        s->rest[v] = 0;
        if (s->seed[v] != 0) {
            rsi_root root = rsi_root_of(total);
            /* q 2^-32 times mantissa 2^(halves - 94) times 2^10, in units of 2^-fraction. */
            s->rest[v] = (int64_t)rsi_shift_down((rsi_i128)s->seed[v] * (int64_t)root.mantissa,
                                                 116 - s->fraction - root.halves);
        }
        uint64_t size = (uint64_t)llabs(s->rest[v]);
        found.rest_max = size > found.rest_max ? size : found.rest_max;
    }
    s->found[task] = found;
    return RS_OK;
}

/* Bits of what no iterate or residual exceeds, in y. The error <e,A e> never rises, so that with
 * k = (1+damping) / (1-damping)
 *     ||p_i|| <= (1 + sqrt(k)) ||p|| <= 4 ||q|| / (1-damping)^1.5,    ||r_i|| <= 2 ||q|| /
 * (1-damping)^.5 and y(v) = p(v) / sqrt(d(v)). */
static unsigned size_bits(const rsi_spread *s, rsi_u128 seed_square, uint64_t total_min)
{
    unsigned of_seeds = (rsi_bits_wide(seed_square) + 1) / 2;         /* units of 2^-32 */
    unsigned of_gain = 63 - rsi_bits(s->damping.left);                /* 1 / (1 - damping) */
    unsigned of_root = (20 + 1 + 64 - (rsi_bits(total_min) - 1)) / 2; /* 2^32 / sqrt(d_min) */
    unsigned sum = of_seeds + (3 * of_gain + 1) / 2 + of_root + 2;
    return sum > 64 ? sum - 64 : 0;
}

/* How many rounds theory asks for: 2 sqrt(k) ||q|| times the product of the factors falls below the
 * limit; and half as many again, for rounded directions. */
static unsigned rounds_needed(const rsi_spread *s, rsi_u128 seed_square)
{
    unsigned of_gain = 63 - rsi_bits(s->damping.left);
    unsigned bits = (rsi_bits_wide(seed_square) + 1) / 2 + 2 + of_gain / 2; /* of 2^-32 */
    rsi_u128 norm = (rsi_u128)1 << bits;
    norm = s->fraction > 32 ? norm << (s->fraction - 32) : norm >> (32 - s->fraction);
    uint64_t factor = s->damping.part >> 30;
    unsigned rounds = 0;
    for (; norm > s->limit && rounds < 1000000; rounds++) {
        norm = norm > (rsi_u128)1 << 90 ? (norm >> 32) * factor : norm * factor >> 32;
        factor = rsi_chebyshev_next(s->damping, factor);
    }
    return rounds + rounds / 2 + 8;
}

/* Choose the widths, the limit of the residual and of the rounds. */
static rs_status plan(rsi_spread *s, const rs_spread_options *options, rsi_u128 seed_square,
                      rs_error *err)
{
    rsi_finding all = {.total_min = UINT64_MAX};
    for (size_t task = 0; task < s->task_count; task++) {
        const rsi_finding *one = &s->found[task];
        all.total_min = one->total_min < all.total_min ? one->total_min : all.total_min;
        all.total_max = one->total_max > all.total_max ? one->total_max : all.total_max;
        all.total_sum += one->total_sum;
    }
    unsigned bits = size_bits(s, seed_square, all.total_min);
    if (bits + FRACTION_MIN > SIZE_BITS) {
        return rs_fail(err, RS_EUSAGE,
                       "spread: damping %.17g and seeds of this size need more than 64 bits",
                       options->damping);
    }
    s->fraction = SIZE_BITS - bits < FRACTION_MAX ? SIZE_BITS - bits : FRACTION_MAX;
    s->root_max = rsi_root_of(all.total_max);
    s->total_root = rsi_root_above(all.total_sum);
    unsigned total_bits = rsi_bits_wide(all.total_sum) + 1; /* with what rounding up adds */
    s->load_shift = total_bits > TOTAL_BITS ? (total_bits - TOTAL_BITS + 1) / 2 * 2 : 0;
    /* tolerance 2^-52, less half a unit of the result and what rounding to it may add. */
    uint64_t tolerance =
        options->tolerance >= 1 ? UINT64_C(1) << 52 : (uint64_t)(options->tolerance * 0x1p52);
    tolerance -= UINT64_C(1) << 20;
    s->limit = (uint64_t)((rsi_u128)tolerance * s->damping.left >> (114 - s->fraction));
    s->rounds_max = rounds_needed(s, seed_square);
    return RS_OK;
}

/* ---- after them
 * ----------------------------------------------------------------------------------------- */

static rs_status finish_task(void *context, size_t task, unsigned worker, rs_error *err)
{
    (void)worker;
    (void)err;
    rsi_spread *s = context;
    rsi_rows rows = rsi_rows_of(s, task);
    for (uint32_t v = 0; rsi_rows_next(&rows, &v);) {
        rsi_root root = rsi_root_of(rsi_total_of(s->graph, s->ground, v));
        /* y 2^-fraction times whole 2^(-30 - halves) times 2^-10, in units of 2^-32. */
        s->level[v] = (int64_t)rsi_shift_down((rsi_i128)s->level[v] * (int64_t)root.whole,
                                              s->fraction + 8 + root.halves);
    }
    return RS_OK;
}

/* ---- all of it
 * -------------------------------------------------------------------------------------------- */

static rs_status make_windows(rsi_spread *s, const rs_work *work, rs_error *err)
{
    unsigned workers = rsi_parallel_workers(work);
    s->windows = malloc(workers * sizeof *s->windows);
    if (s->windows == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (spread by %u threads)", workers);
    }
    for (; s->worker_count < workers; s->worker_count++) {
        s->windows[s->worker_count] = rsi_window_of(s->graph);
    }
    return RS_OK;
}

static rs_status allocate(rsi_spread *s, rs_error *err)
{
    size_t nodes = s->graph->node_count;
    uint64_t all = s->graph->first[nodes] + 8 * (uint64_t)nodes;
    s->task_count = (size_t)(all / TASK_WORK) + 1;
    s->task_count = s->task_count > TASKS_MAX ? TASKS_MAX : s->task_count;
    s->reached = calloc(nodes / 64 + 1, sizeof *s->reached);
    s->task_first = calloc(s->task_count + 1, sizeof *s->task_first);
    s->found = calloc(s->task_count, sizeof *s->found);
    s->rest = malloc(nodes * sizeof *s->rest);
    s->arriving = malloc(nodes * sizeof *s->arriving);
    s->step = malloc(nodes * sizeof *s->step);
    s->passing = malloc(nodes * sizeof *s->passing);
    s->load = malloc(nodes * sizeof *s->load);
    if (s->reached == NULL || s->task_first == NULL || s->found == NULL || s->rest == NULL ||
        s->arriving == NULL || s->step == NULL || s->passing == NULL || s->load == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (spread over %zu nodes)", nodes);
    }
    return RS_OK;
}

static void release(rsi_spread *s)
{
    for (unsigned i = 0; i < s->worker_count; i++) {
        rsi_window_free(&s->windows[i]);
    }
    free(s->windows);
    free(s->reached);
    free(s->task_first);
    free(s->found);
    free(s->rest);
    free(s->arriving);
    free(s->step);
    free(s->passing);
    free(s->load);
}

static rs_status spread_linked(rsi_spread *s, const rs_spread_options *options, const rs_work *work,
                               rsi_u128 seed_square, rs_error *err)
{
    rs_status status = RS_OK;
    bool done = false;
    uint64_t rest_max = 0;
    RS_TRY(make_windows(s, work, err));
    RS_TRY(allocate(s, err));
    rsi_spread_cut(s);
    RS_TRY(rsi_spread_reach(s, work, (uint32_t *)s->arriving, err));
    RS_TRY(rsi_parallel(work, s->task_count, measure_task, s, err));
    RS_TRY(plan(s, options, seed_square, err));
    RS_TRY(rsi_parallel(work, s->task_count, set_task, s, err));
    for (size_t task = 0; task < s->task_count; task++) {
        rest_max = s->found[task].rest_max > rest_max ? s->found[task].rest_max : rest_max;
    }
    RS_TRY(rsi_spread_rounds(s, rest_max, work, &done, err));
    if (!done) {
        status = rs_fail(err, RS_EUSAGE,
                         "spread: tolerance %.17g is finer than 64 bits allow on this graph",
                         options->tolerance);
        goto done;
    }
    RS_TRY(rsi_parallel(work, s->task_count, finish_task, s, err));
done:
    return status;
}

static rs_status sum_seeds(const rs_adjacency *graph, const int64_t *seed, rsi_u128 *square,
                           bool *any_linked, rs_error *err)
{
    *square = 0;
    *any_linked = false;
    for (uint32_t v = 0; v < graph->node_count; v++) {
        if (seed[v] == 0) {
            continue;
        }
        if (seed[v] > RSI_SEED_MAX || seed[v] < -RSI_SEED_MAX) {
            return rs_fail(err, RS_EUSAGE, "spread: seed of node %u is beyond +-1024", v);
        }
        *square += (rsi_u128)((rsi_i128)seed[v] * seed[v]);
        *any_linked |= graph->first[v] != graph->first[v + 1];
    }
    return RS_OK;
}

rs_status rs_spread(const rs_adjacency *graph, const int64_t *seed,
                    const rs_spread_options *options, const rs_work *work, int64_t *risk,
                    rs_error *err)
{
    rs_status status = RS_OK;
    rsi_spread s = {.graph = graph, .seed = seed, .ground = options->ground, .level = risk};
    rsi_u128 seed_square = 0;
    bool any_linked = false;
    RS_TRY(rsi_damping_of(options, &s.damping, err));
    RS_TRY(sum_seeds(graph, seed, &seed_square, &any_linked, err));
    if (any_linked) {
        RS_TRY(spread_linked(&s, options, work, seed_square, err));
    }
    for (uint32_t v = 0; v < graph->node_count; v++) {
        if (!any_linked || !(s.reached[v / 64] >> v % 64 & 1)) {
            risk[v] = seed[v]; /* no link, or no seed near: what it has is its own */
        }
    }
done:
    release(&s);
    return status;
}
