/* rounds.c - conjugate gradients on y = (D+g)^-1/2 q + damping (D+g)^-1 W y, in integers.
 *
 * With A = 1 - damping (D+g)^-1 W, which is symmetric in the product <a,b> = sum of d a b:
 *     gain = <rest,step> / <step,A step>      level += gain step     rest -= gain A step
 *     keep = gain <A step,A step> / <step,A step> - 1                step = rest + keep step
 * One pass over the links (gather) and one over the nodes (move) a round.
 *
 * The direction is rounded to 15 bits and a common power of two before it is used, for level and
 * for rest alike. So the two stay consistent whatever the rounding, what a direction leaves out the
 * next ones see, and the array that is read at random has 2 bytes a node. Rounds are no more for
 * it: with 31, 16 or 13 bits ten million rows took 16. `gain` is the minimiser along the rounded
 * direction, so that the error <e,A e> falls in every round.
 *
 * Invariant  rest = (D+g)^-1/2 q - A level, but for `slack` units
 * Bound      |error of p| <= ||residual of p||_2 / (1 - damping), for no eigenvalue of S exceeds 1,
 * and |error of p(v)| <= sqrt(d(v)) max |rest| / (1 - damping), for no row of (D+g)^-1 W sums to
 *            more than 1; the smaller one decides when to stop
 * Source     Hestenes, Stiefel, Methods of conjugate gradients for solving linear systems (1952);
 *            Saad, Iterative Methods for Sparse Linear Systems, 6.7
 * Cost       a round reads 8 bytes a link, and reads or writes 90 bytes a node
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/parallel.h"
#include "base/try.h"
#include "propagate/spread.h"

#define STEP_BITS  14 /* |step| <= 2^14, so that a sum of 2^49 products fits */
#define REST_BITS  30 /* of what is summed of the residual */
#define IMAGE_FINE 16 /* bits of A step, where it is summed, beyond the units of step */
#define FINE_MAX   16
#define ROOM_BITS  60       /* of arriving, with its finer units */
#define COARSE     (1 << 6) /* a direction this small was rounded for a larger one: start afresh */
#define NARROW     16       /* halvings from which on a row's sum fits 63 bits */
#define UNITS_MAX  46       /* bits of step_shift and fine where 64 bits of a product are enough */
#define AHEAD      32       /* links between asking for a neighbour's step and using it */
#define SIZE_MOST                                                                                  \
    (UINT64_C(1) << 60) /* no |rest| or |level| comes near it, see size_bits in spread.c */
#define ONE (UINT64_C(1) << 32)

/* ---- one node
 * -------------------------------------------------------------------------------------- */

/* Sum of weight * step over a row that cannot exceed 63 bits: d < 2^48. */
static int64_t row_narrow(const rsi_spread *s, const rsi_row *row)
{
    const uint32_t *to = row->to, *weight = row->weight;
    const int16_t *step = s->step;
    int64_t sum = 0;
    size_t i = 0, ahead = row->ahead > AHEAD ? row->ahead - AHEAD : 0;
    for (size_t end = row->count < ahead ? row->count : ahead; i < end; i++) {
        __builtin_prefetch(&step[to[i + AHEAD]]);
        sum += (int64_t)weight[i] * step[to[i]];
    }
    for (; i < row->count; i++) {
        sum += (int64_t)weight[i] * step[to[i]];
    }
    return sum;
}

static rsi_i128 row_wide(const rsi_spread *s, const rsi_row *row)
{
    rsi_i128 sum = 0;
    for (size_t i = 0; i < row->count; i++) {
        sum += (int64_t)row->weight[i] * s->step[row->to[i]];
    }
    return sum;
}

/* damping (D+g)^-1 W step at v, in units of 2^-(fraction + fine). */
static int64_t arriving_at(const rsi_spread *s, uint32_t v, const rsi_row *row)
{
    uint64_t passing = s->passing[v];
    unsigned halvings = passing & 255, units = s->step_shift + s->fine;
    if (halvings >= NARROW && units <= UNITS_MAX) {
        /* |sum| <= d 2^14 < 2^(78 - halvings): as large as fits, so that of the product 64 bits are
         * enough, all but 2^-46 of the step. */
        int64_t sum = (int64_t)((uint64_t)row_narrow(s, row) << (halvings - NARROW));
        int64_t product = (int64_t)((rsi_i128)sum * (int64_t)(passing >> 1) >> 64);
        return rsi_shift_number(product, UNITS_MAX - units);
    }
    /* Drop what is below 2^-55 of a unit of the step. */
    unsigned drop = halvings < 8 ? 8 - halvings : 0;
    rsi_i128 sum = row_wide(s, row) >> drop;
    return (int64_t)rsi_shift_down(sum * (int64_t)(passing >> 8), 119 - halvings - units - drop);
}

static int64_t load_of(const rsi_spread *s, uint32_t v)
{
    return (int64_t)s->load[v].fraction << s->load[v].power;
}

static void gather_node(rsi_spread *s, uint32_t v, const rsi_row *row, rsi_finding *found)
{
    int64_t arriving = arriving_at(s, v, row), step = s->step[v];
    int64_t image =
        step * (1 << IMAGE_FINE) - rsi_shift_number(arriving, s->step_shift + s->fine - IMAGE_FINE);
    rsi_i128 load = load_of(s, v);
    s->arriving[v] = arriving;
    found->step_image += load * (step * image);
    found->image_image += load * (image * image);
}

/* Choose the next direction and add up what the next gain needs. */
static void turn_node(rsi_spread *s, uint32_t v, int64_t rest, int64_t next, rsi_finding *found)
{
    int64_t step = rsi_shift_number(next, s->next_shift);
    int64_t part = rsi_shift_number(rest, s->rest_shift);
    uint64_t rest_size = (uint64_t)llabs(rest), step_size = (uint64_t)llabs(step);
    rsi_i128 load = load_of(s, v);
    s->step[v] = (int16_t)step;
    found->rest_max = rest_size > found->rest_max ? rest_size : found->rest_max;
    found->step_max = step_size > found->step_max ? step_size : found->step_max;
    found->rest_rest += load * (part * part);
    found->rest_step += load * (part * step);
}

static void move_node(rsi_spread *s, uint32_t v, rsi_finding *found)
{
    int64_t step = s->step[v] * (INT64_C(1) << s->step_shift);
    rsi_i128 gain = (int64_t)s->gain;
    s->level[v] += rsi_shift_product(gain * step, 32);
    int64_t image = step * (INT64_C(1) << s->fine) - s->arriving[v];
    s->rest[v] -= rsi_shift_product(gain * image, 32 + s->fine);
    int64_t kept = rsi_shift_product((rsi_i128)step * (int64_t)s->keep, 32);
    turn_node(s, v, s->rest[v], s->rest[v] + kept, found);
}

/* ---- all of them
 * ----------------------------------------------------------------------------------- */

static rs_status start_task(void *context, size_t task, unsigned worker, rs_error *err)
{
    (void)worker;
    (void)err;
    rsi_spread *s = context;
    rsi_finding found = {0};
    rsi_rows rows = rsi_rows_of(s, task);
    for (uint32_t v = 0; rsi_rows_next(&rows, &v);) {
        turn_node(s, v, s->rest[v], s->rest[v], &found);
    }
    s->found[task] = found;
    return RS_OK;
}

static rs_status gather_task(void *context, size_t task, unsigned worker, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_spread *s = context;
    rsi_finding found = {0};
    rsi_rows rows = rsi_rows_of(s, task);
    rsi_row row;
    for (uint32_t v = 0; rsi_rows_next(&rows, &v);) {
        RS_TRY(rsi_window_row(&s->windows[worker], v, rows.end, &row, err));
        gather_node(s, v, &row, &found);
    }
    s->found[task] = found;
done:
    return status;
}

static rs_status move_task(void *context, size_t task, unsigned worker, rs_error *err)
{
    (void)worker;
    (void)err;
    rsi_spread *s = context;
    rsi_finding found = {0};
    rsi_rows rows = rsi_rows_of(s, task);
    for (uint32_t v = 0; rsi_rows_next(&rows, &v);) {
        move_node(s, v, &found);
    }
    s->found[task] = found;
    return RS_OK;
}

static rs_status run(rsi_spread *s, rsi_task task, const rs_work *work, rsi_finding *all,
                     rs_error *err)
{
    rs_status status = rsi_parallel(work, s->task_count, task, s, err);
    *all = (rsi_finding){0};
    for (size_t i = 0; i < s->task_count; i++) {
        const rsi_finding *one = &s->found[i];
        all->rest_max = one->rest_max > all->rest_max ? one->rest_max : all->rest_max;
        all->step_max = one->step_max > all->step_max ? one->step_max : all->step_max;
        all->rest_rest += one->rest_rest;
        all->rest_step += one->rest_step;
        all->step_image += one->step_image;
        all->image_image += one->image_image;
    }
    return status;
}

/* ---- the numbers of a round
 * --------------------------------------------------------------------------- */

/* above * 2^power / below in units of 2^-32, at most 2^52. */
static uint64_t ratio(rsi_i128 above, rsi_i128 below, int power)
{
    unsigned above_bits = rsi_bits_wide((rsi_u128)above),
             below_bits = rsi_bits_wide((rsi_u128)below);
    if (above <= 0) {
        return 0;
    }
    if ((int)above_bits + power + 32 > (int)below_bits + 52) {
        return UINT64_C(1) << 52;
    }
    /* Bring the divisor to 63 bits at most and the dividend to what is then due: below 2^116. */
    unsigned drop = below_bits > 63 ? below_bits - 63 : 0;
    int shift = power + 32 - (int)drop;
    rsi_u128 dividend = (rsi_u128)above;
    dividend = shift >= 0 ? dividend << shift : -shift > 127 ? 0 : dividend >> -shift;
    return (uint64_t)(dividend / (rsi_u128)(below >> drop));
}

static unsigned shift_for(uint64_t size, unsigned bits)
{
    return rsi_bits(size) > bits ? rsi_bits(size) - bits : 0;
}

/* What |residual of p|_2 cannot exceed, in units of 2^-fraction. */
static rsi_u128 norm_bound(const rsi_spread *s, const rsi_finding *all)
{
    rsi_u128 norm = rsi_root_above((rsi_u128)all->rest_rest);
    norm = (norm << (s->load_shift / 2 + s->rest_shift) >> 10) + 1;
    /* What rounding took from each node's part, and what rest itself lacks. */
    uint64_t lacking = (UINT64_C(1) << s->rest_shift) + s->slack;
    return norm + ((rsi_u128)lacking * s->total_root >> 10) + 1;
}

/* What no error of a risk times (1 - damping) exceeds. */
static rsi_u128 error_bound(const rsi_spread *s, const rsi_finding *all)
{
    rsi_u128 by_row = (rsi_u128)(all->rest_max + s->slack) * s->root_max.whole;
    by_row = (by_row >> (40 + s->root_max.halves)) + 1;
    rsi_u128 by_norm = norm_bound(s, all);
    return by_row < by_norm ? by_row : by_norm;
}

/* Set gain, keep and the units of what comes out of the round. */
static bool choose_step(rsi_spread *s, const rsi_finding *before, const rsi_finding *gathered)
{
    if (gathered->step_image <= 0 || before->rest_step <= 0) {
        return false; /* nothing but rounding is left */
    }
    uint64_t step_size = before->step_max << s->step_shift;
    s->gain = ratio(before->rest_step, gathered->step_image,
                    (int)s->rest_shift - (int)s->step_shift + IMAGE_FINE);
    uint64_t growth = ratio(gathered->image_image, gathered->step_image, -IMAGE_FINE);
    rsi_u128 keep = (rsi_u128)s->gain * growth >> 32;
    s->keep = keep < ONE ? 0 : keep - ONE < ONE << 20 ? (uint64_t)keep - ONE : ONE << 20;
    /* No row of damping (D+g)^-1 W sums to more than 1. */
    rsi_u128 rest_size = before->rest_max + ((rsi_u128)s->gain * step_size >> 31) + 2;
    rest_size = rest_size < SIZE_MOST ? rest_size : SIZE_MOST;
    rsi_u128 next_size = rest_size + ((rsi_u128)s->keep * step_size >> 32) + 1;
    if (next_size >= 2 * SIZE_MOST) {
        s->keep = 0;
        next_size = rest_size;
    }
    s->next_shift = shift_for((uint64_t)next_size, STEP_BITS);
    s->rest_shift = shift_for((uint64_t)rest_size, REST_BITS);
    return true;
}

/* What the roundings of this round may put between rest and the residual, in units of 2^-10: a half
 * each from level, what it passes on and rest; gain times what a row lacks: half its unit, what a
 * wide one drops (2^-9 at most), and 2^-55 of the step. */
static rsi_u128 slack_of(const rsi_spread *s, uint64_t step_max)
{
    rsi_u128 of_row = (UINT64_C(512) >> s->fine) + 2 + (step_max << s->step_shift >> 45);
    return 3 * 512 + (of_row * s->gain >> 32) + 1;
}

/* A direction that was rounded for a much larger one says too little: start afresh from the
 * residual. */
static rs_status sharpen(rsi_spread *s, const rs_work *work, rsi_finding *found, rs_error *err)
{
    if (found->step_max >= COARSE || s->next_shift == 0) {
        return RS_OK;
    }
    s->rest_shift = shift_for(found->rest_max, REST_BITS);
    s->next_shift = shift_for(found->rest_max, STEP_BITS);
    return run(s, start_task, work, found, err);
}

/* *stuck: there is nothing left to go by. */
static rs_status one_round(rsi_spread *s, const rs_work *work, rsi_finding *found,
                           rsi_u128 *slack_parts, bool *stuck, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_finding gathered;
    RS_TRY(sharpen(s, work, found, err));
    s->step_shift = s->next_shift;
    unsigned room = ROOM_BITS - rsi_bits(found->step_max << s->step_shift);
    s->fine = room < FINE_MAX ? room : FINE_MAX;
    RS_TRY(run(s, gather_task, work, &gathered, err));
    *stuck = !choose_step(s, found, &gathered);
    if (!*stuck) {
        *slack_parts += slack_of(s, found->step_max);
        s->slack = (uint64_t)(*slack_parts >> 10) + 1;
        RS_TRY(run(s, move_task, work, found, err));
    }
done:
    return status;
}

rs_status rsi_spread_rounds(rsi_spread *s, uint64_t rest_max, const rs_work *work, bool *done,
                            rs_error *err)
{
    rs_status status = RS_OK;
    rsi_finding found;
    rsi_u128 slack_parts = 0;
    bool stuck = false;
    s->rest_shift = shift_for(rest_max, REST_BITS);
    s->next_shift = shift_for(rest_max, STEP_BITS);
    s->slack = 1;
    RS_TRY(run(s, start_task, work, &found, err));
    rsi_u128 bound = error_bound(s, &found);
    unsigned start = rsi_bits_wide(bound), wanted = rsi_bits(s->limit);
    for (unsigned round = 0; bound > s->limit && round < s->rounds_max && !stuck; round++) {
        unsigned bits = rsi_bits_wide(bound);
        RS_TRY(rs_work_report(work, RSI_SPREAD_STAGE, "halvings", start > bits ? start - bits : 0,
                              start - wanted + 1, err));
        RS_TRY(one_round(s, work, &found, &slack_parts, &stuck, err));
        bound = error_bound(s, &found);
    }
    *done = bound <= s->limit;
done:
    return status;
}
