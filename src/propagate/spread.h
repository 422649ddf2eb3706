/* spread.h - what the parts of spreading share: reach.c, rounds.c, spread.c.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_PROPAGATE_SPREAD_H
#define RSI_PROPAGATE_SPREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "propagate/links.h"
#include "propagate/roots.h"
#include "propagate/scale.h"

#define RSI_SPREAD_STAGE "spread"

/* damping / d as mantissa * 2^(halvings - 119), d < 2^(64 - halvings); mantissa < 2^56, in front of
 * the 8 bits of halvings. */
typedef uint64_t rsi_passing;

/* d rounded to 26 bits, in units of 2^load_shift: fraction * 2^power. For sums over nodes. */
typedef struct rsi_load {
    uint32_t fraction : 26;
    uint32_t power : 6;
} rsi_load;

/* What a task found about its rows. Sums and maxima, so that the order of tasks is of no account.
 */
typedef struct rsi_finding {
    uint64_t total_min; /* measuring: of d */
    uint64_t total_max;
    rsi_u128 total_sum;
    uint64_t rest_max;  /* moving: of |rest| */
    uint64_t step_max;  /* of |step| for the next round, in its units */
    rsi_i128 rest_rest; /* sum of d rest^2, in units of 4^rest_shift */
    rsi_i128
        rest_step; /* sum of d rest step, in units of 2^(rest_shift + step_shift), next round's */
    rsi_i128 step_image;  /* gathering: sum of d step A step, in units of 4^step_shift 2^-16 */
    rsi_i128 image_image; /* sum of d (A step)^2, in units of 4^step_shift 2^-32 */
} rsi_finding;

/* One spread. Arrays have an entry a node; only those of reached nodes are ever used. */
typedef struct rsi_spread {
    const rs_adjacency *graph;
    const int64_t *seed;
    uint32_t ground;
    rsi_damping damping;
    int64_t *level;    /* y; the caller's array of risks */
    int64_t *rest;     /* the residual of y */
    int64_t *arriving; /* damping (D+g)^-1 W step */
    int16_t *step;     /* the direction of this round, in units of 2^step_shift */
    rsi_passing *passing;
    rsi_load *load;
    uint64_t *reached;   /* a bit a node: linked, and in one piece with a seed */
    rsi_window *windows; /* one a worker */
    unsigned worker_count;
    size_t task_count;
    uint32_t *task_first; /* task_count + 1, multiples of 64 but for the last */
    rsi_finding *found;   /* one a task */
    unsigned fraction;    /* level, rest and arriving count units of 2^-fraction */
    unsigned load_shift;  /* even */
    uint64_t total_root;  /* sqrt of the sum of d, from above, in units of 2^-10 */
    uint64_t limit;       /* a residual of p of this 2-norm is small enough */
    rsi_root root_max;    /* of the largest d among reached nodes */
    unsigned rounds_max;
    unsigned step_shift;
    unsigned next_shift; /* step_shift of the round to come */
    unsigned rest_shift;
    unsigned fine;  /* bits of arriving beyond fraction */
    uint64_t slack; /* how far rest may be off by rounding */
    uint64_t gain;  /* 2^-32: how far to go in the direction */
    uint64_t keep;  /* 2^-32: how much of the direction stays in the next one */
} rsi_spread;

/* reach.c: mark what hangs together with a seed, in `reached`; where that is a good part of the
 * graph, every linked node instead. `queue` has room for all nodes. RS_EINTERRUPTED. */
RS_MUST_USE rs_status rsi_spread_reach(rsi_spread *s, const rs_work *work, uint32_t *queue,
                                       rs_error *err);
/* Cut the nodes into task_count runs of about equal work. */
void rsi_spread_cut(rsi_spread *s);
/* The reached nodes of a task, ascending: `rsi_rows rows = rsi_rows_of(s, task);`
 * `while (rsi_rows_next(&rows, &v))`. */
typedef struct rsi_rows {
    const uint64_t *reached;
    uint64_t bits; /* of `word`, what is still to come */
    uint32_t word;
    uint32_t end; /* node */
} rsi_rows;

static inline rsi_rows rsi_rows_of(const rsi_spread *s, size_t task)
{
    uint32_t word = s->task_first[task] / 64;
    return (rsi_rows){.reached = s->reached,
                      .word = word,
                      .bits = s->reached[word],
                      .end = s->task_first[task + 1]};
}

static inline bool rsi_rows_next(rsi_rows *rows, uint32_t *node)
{
    while (rows->bits == 0) {
        rows->word++;
        if (rows->word >= (rows->end + UINT64_C(63)) / 64) {
            return false;
        }
        rows->bits = rows->reached[rows->word];
    }
    *node = rows->word * 64 + (uint32_t)__builtin_ctzll(rows->bits);
    rows->bits &= rows->bits - 1;
    return *node < rows->end;
}

/* rounds.c: from rest = (D+g)^-1/2 q, of which rest_max is the largest, and level = 0, move level
 * until the residual proves the limit; *done says whether it does. RS_EINTERRUPTED, rsi_parallel's.
 */
RS_MUST_USE rs_status rsi_spread_rounds(rsi_spread *s, uint64_t rest_max, const rs_work *work,
                                        bool *done, rs_error *err);

#endif
