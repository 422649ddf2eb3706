/* spread.c - p = q + damping S p by Chebyshev's semi-iteration, in integers.
 *
 * The work is done on y = (D+g)^-1/2 p, for which the equation has no root in it:
 *     y = (D+g)^-1/2 q + damping (D+g)^-1 W y
 * Each round moves y by a step and keeps the residual of the equation beside it (rest). The step is
 * rounded to 31 bits and a common power of two before it is used, for y and for the residual alike:
 * the two stay consistent whatever the rounding, what a step leaves out the next one sees, and the
 * array that is read at random has 4 bytes a node.
 *
 * Invariant  rest = (D+g)^-1/2 q - (1 - damping (D+g)^-1 W) y, but for `slack` units
 * Bound      |error of p| <= ||residual of p||_2 / (1 - damping), for no eigenvalue of S exceeds 1,
 * and |error of p(v)| <= sqrt(d(v)) max |rest| / (1 - damping), for no row of (D+g)^-1 W sums to
 *            more than 1; the smaller one decides when to stop
 * Width      units of 2^-fraction, chosen so that 4 ||q||_2 / ((1-damping) sqrt(d_min)), which
 * bounds every iterate, residual and step, stays below 2^59 (see plan) Source     Golub, Varga,
 * Chebyshev semi-iterative methods (1961); Saad, Iterative Methods, alg. 12.1 Cost       a round
 * reads 8 bytes a link and 24 bytes a node; memory 24 bytes and 1 bit a node. Rounds: ln(2 ||q|| /
 * (tolerance (1-damping))) / ln((1 + sqrt(1 - damping^2)) / damping). Nodes that no seed reaches
 * are found by one pass over the links of those it does, and left out.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ringscope/propagate.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/try.h"
#include "propagate/fixed.h"
#include "propagate/scale.h"

#define STAGE     "spread"
#define STEP_BITS 30 /* |step| <= 2^30, so that a sum of 2^32 products fits */
#define TASK_WORK (1 << 17)
#define TASKS_MAX 1024

/* damping / d as mantissa * 2^(halvings - 119), d < 2^(64 - halvings); mantissa < 2^56. */
typedef struct passing {
    uint64_t mantissa : 56;
    uint64_t halvings : 8;
} passing;
static_assert(sizeof(passing) == 8, "a node's passing factor is 8 bytes");

/* What a task found about its rows; summed and maximised, so that the order is of no account. */
typedef struct finding {
    uint64_t rest_max;
    uint64_t step_max;    /* of the step for the next round, in units of its own power of two */
    rsi_u128 rest_square; /* sum of d rest^2, from above, in units of 4^rest_shift */
    uint64_t total_min;
    uint64_t total_max;
    uint64_t seed_max;
} finding;

typedef struct spread {
    const rs_adjacency *graph;
    const int64_t *seed;
    uint32_t ground;
    int64_t *level;   /* y; the caller's array of risks */
    int64_t *rest;    /* residual of y */
    int32_t *step[2]; /* this round's and the next one's */
    passing *pass;
    uint64_t *reached; /* a bit a node: linked, and in one piece with a seed */
    rsi_damping damping;
    unsigned fraction;
    uint64_t limit;    /* a residual of p of this 2-norm is small enough */
    rsi_root root_max; /* of the largest d among reached nodes */
    size_t task_count;
    uint32_t *task_first; /* task_count + 1, multiples of 64 but for the last */
    finding *found;       /* one a task */
    /* one round */
    unsigned now;        /* step[now] is this round's */
    unsigned step_shift; /* step[now] counts units of 2^step_shift */
    unsigned next_shift; /* the same for the other */
    unsigned rest_shift;
    uint64_t slack; /* how far rest may be off by rounding */
    uint64_t keep;  /* 2^-32: how much of this step is in the next */
    uint64_t turn;  /* 2^-32: how much of the residual is */
} spread;

/* ---- which nodes ------------------------------------------------------------------------------
 */

static bool is_reached(const uint64_t *reached, uint32_t node)
{
    return reached[node / 64] >> (node % 64) & 1;
}

/* Mark what hangs together with a seed. A bit a node stays in the cache where an array would not.
 */
static rs_status find_reached(const spread *s, const rs_work *work, uint32_t *queue, rs_error *err)
{
    const rs_adjacency *graph = s->graph;
    uint32_t queued = 0;
    for (uint32_t v = 0; v < graph->node_count; v++) {
        if (s->seed[v] != 0 && graph->first[v] != graph->first[v + 1]) {
            s->reached[v / 64] |= UINT64_C(1) << (v % 64);
            queue[queued++] = v;
        }
    }
    for (uint32_t done = 0; done < queued; done++) {
        uint32_t v = queue[done];
        for (uint64_t i = graph->first[v]; i < graph->first[v + 1]; i++) {
            uint32_t to = graph->to[i];
            if (!is_reached(s->reached, to)) {
                s->reached[to / 64] |= UINT64_C(1) << (to % 64);
                queue[queued++] = to;
            }
        }
        if (done % (1 << 20) == 0) {
            rs_status status = rs_work_report(work, STAGE, "rounds", 0, 0, err);
            if (status != RS_OK) {
                return status;
            }
        }
    }
    return RS_OK;
}

/* Cut the nodes into runs of about equal work. */
static void cut_tasks(spread *s)
{
    const rs_adjacency *graph = s->graph;
    uint32_t v = 0;
    for (size_t task = 1; task < s->task_count; task++) {
        uint64_t per_node = 4;
        uint64_t all = graph->first[graph->node_count] + per_node * graph->node_count;
        uint64_t wanted = all / s->task_count * task;
        uint32_t low = v, high = graph->node_count;
        while (low < high) {
            uint32_t middle = low + (high - low) / 2;
            if (graph->first[middle] + per_node * middle < wanted) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        v = low / 64 * 64;
        s->task_first[task] = v > s->task_first[task - 1] ? v : s->task_first[task - 1];
    }
    s->task_first[s->task_count] = graph->node_count;
}

/* The reached nodes of 64, as bits. */
static uint64_t reached_word(const spread *s, size_t task, uint32_t word)
{
    uint64_t bits = s->reached[word];
    uint32_t end = s->task_first[task + 1];
    if (end / 64 == word && end % 64 != 0) {
        bits &= (UINT64_C(1) << (end % 64)) - 1;
    }
    return bits;
}

static uint32_t task_words_end(const spread *s, size_t task)
{
    return (uint32_t)(((uint64_t)s->task_first[task + 1] + 63) / 64);
}

/* ---- before the first round ---------------------------------------------------------------------
 */

static passing passing_of(rsi_damping damping, uint64_t total)
{
    unsigned halvings = 64 - rsi_bits(total);
    /* The divisor has its top bit set and the quotient is below damping.part < 2^62. */
    uint64_t quotient = (uint64_t)(((rsi_u128)damping.part << 63) / (total << halvings));
    return (passing){.mantissa = quotient >> 6 & ((UINT64_C(1) << 56) - 1),
                     .halvings = halvings & 255};
}

static rs_status measure_task(void *context, size_t task, unsigned worker, rs_error *err)
{
    (void)worker;
    (void)err;
    spread *s = context;
    finding found = {.total_min = UINT64_MAX};
    for (uint32_t word = s->task_first[task] / 64; word < task_words_end(s, task); word++) {
        for (uint64_t bits = reached_word(s, task, word); bits != 0; bits &= bits - 1) {
            uint32_t v = word * 64 + (uint32_t)__builtin_ctzll(bits);
            uint64_t total = rsi_total_of(s->graph, s->ground, v);
            found.total_min = total < found.total_min ? total : found.total_min;
            found.total_max = total > found.total_max ? total : found.total_max;
            s->pass[v] = passing_of(s->damping, total);
        }
    }
    s->found[task] = found;
    return RS_OK;
}

/* Where a round starts: y = 0, the residual is the seeds' (D+g)^-1/2 q. */
static rs_status seed_task(void *context, size_t task, unsigned worker, rs_error *err)
{
    (void)worker;
    (void)err;
    spread *s = context;
    finding found = {0};
    for (uint32_t word = s->task_first[task] / 64; word < task_words_end(s, task); word++) {
        for (uint64_t bits = reached_word(s, task, word); bits != 0; bits &= bits - 1) {
            uint32_t v = word * 64 + (uint32_t)__builtin_ctzll(bits);
            s->rest[v] = 0;
            if (s->seed[v] != 0) {
                rsi_root root = rsi_root_of(rsi_total_of(s->graph, s->ground, v));
                /* q 2^-32 times mantissa 2^(halves - 94) times 2^10, in units of 2^-fraction. */
                s->rest[v] = (int64_t)rsi_shift_down((rsi_i128)s->seed[v] * (int64_t)root.mantissa,
                                                     116 - s->fraction - root.halves);
            }
            uint64_t size = (uint64_t)llabs(s->rest[v]);
            found.rest_max = size > found.rest_max ? size : found.rest_max;
        }
    }
    s->found[task] = found;
    return RS_OK;
}

static rs_status first_step_task(void *context, size_t task, unsigned worker, rs_error *err)
{
    (void)worker;
    (void)err;
    spread *s = context;
    for (uint32_t word = s->task_first[task] / 64; word < task_words_end(s, task); word++) {
        for (uint64_t bits = reached_word(s, task, word); bits != 0; bits &= bits - 1) {
            uint32_t v = word * 64 + (uint32_t)__builtin_ctzll(bits);
            s->step[0][v] = (int32_t)rsi_shift_down(s->rest[v], s->step_shift);
        }
    }
    return RS_OK;
}

/* Bits that bound 4 ||q||_2 / ((1-damping) sqrt(d_min)), which no iterate, residual or step
 * exceeds: the residual's polynomial is at most 1 in size on the spectrum, so ||p_k|| <= 2 ||q|| /
 * (1-damping) and a step, the difference of two iterates, at most twice that; y(v) = p(v) /
 * sqrt(d(v)). */
static unsigned size_bits(const spread *s, rsi_u128 seed_square, uint64_t total_min)
{
    unsigned of_seeds = (rsi_bits_wide(seed_square) + 1) / 2;         /* units of 2^-32 */
    unsigned of_gain = 63 - rsi_bits(s->damping.left);                /* 1 / (1 - damping) */
    unsigned of_root = (20 + 1 + 64 - (rsi_bits(total_min) - 1)) / 2; /* 2^32 / sqrt(d_min) */
    unsigned sum = of_seeds + of_gain + of_root + 2;
    return sum > 64 ? sum - 64 : 0;
}

/* Choose the width of the fraction and the limit of the residual. */
static rs_status plan(spread *s, const rs_spread_options *options, rsi_u128 seed_square,
                      rs_error *err)
{
    finding all = {.total_min = UINT64_MAX};
    for (size_t task = 0; task < s->task_count; task++) {
        const finding *one = &s->found[task];
        all.total_min = one->total_min < all.total_min ? one->total_min : all.total_min;
        all.total_max = one->total_max > all.total_max ? one->total_max : all.total_max;
    }
    unsigned bits = size_bits(s, seed_square, all.total_min);
    s->fraction = bits < 59 - 50 ? 50 : bits < 59 ? 59 - bits : 0;
    s->root_max = rsi_root_of(all.total_max);
    /* tolerance 2^-52, less half a unit of the result and what rounding to it may add. */
    uint64_t tolerance =
        options->tolerance >= 1 ? UINT64_C(1) << 52 : (uint64_t)(options->tolerance * 0x1p52);
    tolerance -= UINT64_C(1) << 20;
    rsi_u128 limit = (rsi_u128)tolerance * s->damping.left;
    s->limit = (uint64_t)(limit >> (114 - s->fraction));
    if (s->fraction < 16) {
        return rs_fail(err, RS_EUSAGE,
                       "spread: damping %.17g and seeds of this size need more than 64 bits",
                       options->damping);
    }
    return RS_OK;
}

/* ---- one round ----------------------------------------------------------------------------------
 */

/* Sum of weight * step over a row that cannot exceed 63 bits: d < 2^33. */
static int64_t row_narrow(const spread *s, const int32_t *step, uint64_t i, uint64_t end)
{
    const uint32_t *to = s->graph->to, *weight = s->graph->weight;
    int64_t sum = 0;
    for (; i < end; i++) {
        sum += (int64_t)weight[i] * step[to[i]];
    }
    return sum;
}

static rsi_i128 row_wide(const spread *s, const int32_t *step, uint64_t i, uint64_t end)
{
    const uint32_t *to = s->graph->to, *weight = s->graph->weight;
    rsi_i128 sum = 0;
    for (; i < end; i++) {
        sum += (int64_t)weight[i] * step[to[i]];
    }
    return sum;
}

/* damping (D+g)^-1 W step at v, in units of 2^-fraction. */
static int64_t arriving(const spread *s, const int32_t *step, uint32_t v)
{
    uint64_t i = s->graph->first[v], end = s->graph->first[v + 1];
    passing pass = s->pass[v];
    unsigned halvings = pass.halvings;
    if (halvings >= 64 - 33) {
        rsi_i128 product = (rsi_i128)row_narrow(s, step, i, end) * (int64_t)pass.mantissa;
        return (int64_t)rsi_shift_down(product, 119 - halvings - s->step_shift);
    }
    /* |sum| <= d 2^30 < 2^(94 - halvings): drop what is below 2^-31 of a unit of the step. */
    unsigned drop = 32 - halvings;
    rsi_i128 sum = row_wide(s, step, i, end) >> drop;
    return (int64_t)rsi_shift_down(sum * (int64_t)pass.mantissa,
                                   119 - halvings - s->step_shift - drop);
}

/* Take the step at v, correct the residual, choose the next step. */
static void move_node(spread *s, uint32_t v, finding *found)
{
    const int32_t *step = s->step[s->now];
    int64_t moved = step[v] * (INT64_C(1) << s->step_shift);
    int64_t rest = s->rest[v] - moved + arriving(s, step, v);
    s->level[v] += moved;
    s->rest[v] = rest;
    rsi_i128 next = (rsi_i128)moved * (int64_t)s->keep + (rsi_i128)rest * (int64_t)s->turn;
    int32_t rounded = (int32_t)rsi_shift_down(next, 32 + s->next_shift);
    s->step[1 - s->now][v] = rounded;
    uint64_t rest_size = (uint64_t)llabs(rest), step_size = (uint64_t)llabs(rounded);
    found->rest_max = rest_size > found->rest_max ? rest_size : found->rest_max;
    found->step_max = step_size > found->step_max ? step_size : found->step_max;
    uint64_t part = ((rest_size + s->slack) >> s->rest_shift) + 1;
    unsigned halvings = s->pass[v].halvings;
    /* d < 2^(64 - halvings) units of 2^-20, and at least one unit of the square. */
    found->rest_square += (rsi_u128)(part * part) << (halvings < 44 ? 44 - halvings : 0);
}

static rs_status round_task(void *context, size_t task, unsigned worker, rs_error *err)
{
    (void)worker;
    (void)err;
    spread *s = context;
    finding found = {0};
    for (uint32_t word = s->task_first[task] / 64; word < task_words_end(s, task); word++) {
        for (uint64_t bits = reached_word(s, task, word); bits != 0; bits &= bits - 1) {
            move_node(s, word * 64 + (uint32_t)__builtin_ctzll(bits), &found);
        }
    }
    s->found[task] = found;
    return RS_OK;
}

static finding gather(const spread *s)
{
    finding all = {0};
    for (size_t task = 0; task < s->task_count; task++) {
        const finding *one = &s->found[task];
        all.rest_max = one->rest_max > all.rest_max ? one->rest_max : all.rest_max;
        all.step_max = one->step_max > all.step_max ? one->step_max : all.step_max;
        all.rest_square += one->rest_square;
    }
    return all;
}

/* Whether the residual proves that every risk is within the tolerance. */
static bool is_close_enough(const spread *s, const finding *all)
{
    rsi_u128 by_row = (rsi_u128)(all->rest_max + s->slack) * s->root_max.whole;
    if ((by_row >> (40 + s->root_max.halves)) + 1 <= s->limit) {
        return true;
    }
    uint64_t limit = s->limit >> s->rest_shift;
    return all->rest_square <= (rsi_u128)limit * limit;
}

static unsigned shift_for(uint64_t size, unsigned bits)
{
    return rsi_bits(size) > bits ? rsi_bits(size) - bits : 0;
}

/* How many rounds theory allows: ||q|| times the product of the factors falls below the limit. */
static unsigned rounds_needed(const spread *s, rsi_u128 seed_square)
{
    rsi_u128 norm = (rsi_u128)1 << ((rsi_bits_wide(seed_square) + 1) / 2);
    norm = s->fraction > 32 ? norm << (s->fraction - 32) : norm >> (32 - s->fraction);
    uint64_t factor = s->damping.part >> 30;
    unsigned rounds = 0;
    for (; norm > s->limit / 2 && rounds < 1000000; rounds++) {
        norm = norm > (rsi_u128)1 << 90 ? (norm >> 32) * factor : norm * factor >> 32;
        factor = rsi_chebyshev_next(s->damping, factor);
    }
    return rounds + 4;
}

static rs_status run_rounds(spread *s, const rs_work *work, unsigned rounds_max, bool *done,
                            rs_error *err)
{
    finding all = gather(s);
    uint64_t factor = s->damping.part >> 30; /* 2^-32 */
    s->step_shift = shift_for(all.rest_max, STEP_BITS);
    rs_status status = rsi_parallel(work, s->task_count, first_step_task, s, err);
    uint64_t step_size = all.rest_max + (UINT64_C(1) << s->step_shift), slack_quarters = 0;
    *done = false;
    for (unsigned round = 0; status == RS_OK && round < rounds_max; round++) {
        status = rs_work_report(work, STAGE, "rounds", round, rounds_max, err);
        if (status != RS_OK) {
            return status;
        }
        uint64_t next_factor = rsi_chebyshev_next(s->damping, factor);
        s->keep = (uint64_t)((rsi_u128)next_factor * factor >> 32);
        s->turn = (uint64_t)(((rsi_u128)next_factor << 63) / s->damping.part);
        /* No row of damping (D+g)^-1 W sums to more than 1, so neither can grow by more than this.
         */
        uint64_t rest_size = all.rest_max + 2 * step_size + 64;
        /* Rounding what arrives: 1/2; what a wide row drops: 1/4; what the factor lacks: step /
         * 2^55. */
        slack_quarters += 3 + (step_size >> 52);
        s->slack = slack_quarters / 4 + 1;
        s->rest_shift = shift_for(rest_size + s->slack, 27);
        s->next_shift = shift_for(step_size + 2 * rest_size, STEP_BITS);
        status = rsi_parallel(work, s->task_count, round_task, s, err);
        if (status != RS_OK) {
            return status;
        }
        all = gather(s);
        if (is_close_enough(s, &all)) {
            *done = true;
            return RS_OK;
        }
        factor = next_factor;
        s->now = 1 - s->now;
        s->step_shift = s->next_shift;
        step_size = (all.step_max + 1) << s->step_shift;
    }
    return status;
}

/* ---- after the last
 * ------------------------------------------------------------------------------ */

static rs_status finish_task(void *context, size_t task, unsigned worker, rs_error *err)
{
    (void)worker;
    (void)err;
    spread *s = context;
    for (uint32_t word = s->task_first[task] / 64; word < task_words_end(s, task); word++) {
        for (uint64_t bits = reached_word(s, task, word); bits != 0; bits &= bits - 1) {
            uint32_t v = word * 64 + (uint32_t)__builtin_ctzll(bits);
            rsi_root root = rsi_root_of(rsi_total_of(s->graph, s->ground, v));
            /* y 2^-fraction times whole 2^(-30 - halves) times 2^-10, in units of 2^-32. */
            s->level[v] = (int64_t)rsi_shift_down((rsi_i128)s->level[v] * (int64_t)root.whole,
                                                  s->fraction + 8 + root.halves);
        }
    }
    return RS_OK;
}

static rs_status allocate(spread *s, rs_error *err)
{
    size_t nodes = s->graph->node_count;
    uint64_t all = s->graph->first[nodes] + 4 * (uint64_t)nodes;
    s->task_count = (size_t)(all / TASK_WORK) + 1;
    s->task_count = s->task_count > TASKS_MAX ? TASKS_MAX : s->task_count;
    s->reached = calloc(nodes / 64 + 1, sizeof *s->reached);
    s->task_first = calloc(s->task_count + 1, sizeof *s->task_first);
    s->found = calloc(s->task_count, sizeof *s->found);
    s->rest = malloc(nodes * sizeof *s->rest);
    s->pass = malloc(nodes * sizeof *s->pass);
    s->step[0] = malloc(nodes * sizeof *s->step[0]);
    s->step[1] = malloc(nodes * sizeof *s->step[1]);
    if (s->reached == NULL || s->task_first == NULL || s->found == NULL || s->rest == NULL ||
        s->pass == NULL || s->step[0] == NULL || s->step[1] == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (spread over %zu nodes)", nodes);
    }
    return RS_OK;
}

static void release(spread *s)
{
    free(s->reached);
    free(s->task_first);
    free(s->found);
    free(s->rest);
    free(s->pass);
    free(s->step[0]);
    free(s->step[1]);
}

static rs_status spread_reached(spread *s, const rs_spread_options *options, const rs_work *work,
                                rsi_u128 seed_square, rs_error *err)
{
    rs_status status = RS_OK;
    bool done = false;
    RS_TRY(rsi_parallel(work, s->task_count, measure_task, s, err));
    RS_TRY(plan(s, options, seed_square, err));
    RS_TRY(rsi_parallel(work, s->task_count, seed_task, s, err));
    RS_TRY(run_rounds(s, work, rounds_needed(s, seed_square), &done, err));
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
    spread s = {.graph = graph, .seed = seed, .ground = options->ground, .level = risk};
    rsi_u128 seed_square = 0;
    bool any_linked = false;
    RS_TRY(rsi_damping_of(options, &s.damping, err));
    RS_TRY(sum_seeds(graph, seed, &seed_square, &any_linked, err));
    if (any_linked) {
        RS_TRY(allocate(&s, err));
        cut_tasks(&s);
        RS_TRY(find_reached(&s, work, (uint32_t *)s.step[0], err));
        memset(risk, 0, graph->node_count * sizeof *risk);
        RS_TRY(spread_reached(&s, options, work, seed_square, err));
    }
    for (uint32_t v = 0; v < graph->node_count; v++) {
        if (!any_linked || !is_reached(s.reached, v)) {
            risk[v] = seed[v]; /* no link: what it has is its own */
        }
    }
done:
    release(&s);
    return status;
}
