/* lockstep.c - accounts that act on the same targets within minutes, on two targets and more.
 *
 * Null model: accounts act on their own. Of the E acts of a relation n are b's; so that one of
 * those falls on target x within the window around an act of a has the mean
 *
 *     p = n / E * q        q: the acts that x sees in such a window anyway
 *     surprise = -ln p     at most ln N
 *
 * where n is that of the more active of the two, and q the larger of what x has at this hour of
 * the day over all the time (without this burst) and of those who came beside the two in this very
 * window, but at least 1. A crowd that a sale draws explains itself: q is its size. Where the
 * target's own rate makes somebody in the window likelier than not (q by its rate above 1/2) the
 * coincidence says nothing; nor does a crowd that could not hold together (the hub rule of
 * shared.c).
 *
 * What everybody does is no surprise: where acts fall together oftener than Poisson streams of the
 * targets' own rates, in the hours that people keep, would let them (friends at one table, sales),
 * each surprise is less by the logarithm of that factor.
 *
 * One coincidence chooses the pair, so the largest surprise of a pair is not counted: what says
 * something is that it happens again, on another target. Acts on one target count once, however
 * often: two who drink their coffee at the same counter at eight are creatures of habit.
 *
 * Look-alikes: a flash sale (a crowd, and mostly one target), a club's bar (one target), payday
 * (each is a target of its own), a savings circle (one target a round, spread over the day: the
 * round itself raises q). Times less precise than the window feed nothing.
 *
 * Cost: O(acts + coincidences); a target's acts count to at most a hub's crowd each. Coincidences
 * are taken in as many rounds as keep a round within the budget and below ROUND_MAX of them (16
 * bytes each, twice, and as much again where rounds are uneven).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/kind.h"

#include <stdlib.h>

#include "base/fixed.h"
#include "base/sort.h"
#include "base/try.h"

enum { DAY_S = 86400, HOUR_S = 3600, HOURS = 24, TARGETS_MIN = 2 };
#define RATE_MAX   512 /* acts in a window by the target's own rate, in 1/256 */
#define ROUNDS_MAX (UINT64_C(1) << 16)
#define ROUND_MAX  (UINT64_C(1) << 26)
#define ROUND_MIN  (UINT64_C(1) << 16)
#define HIT_BYTES  64                  /* of memory, in the worst case */
#define WEIGHT_MAX (UINT32_C(3) << 19) /* 1.5 */

typedef struct finder {
    const rsi_kind_input *input;
    const rs_timeline *line;
    uint32_t window;
    uint64_t ln_acts;   /* Q32 */
    uint64_t ln_all;    /* of the subjects, Q32 */
    uint32_t crowd_max; /* acts in a window that are no crowd yet */
    uint64_t clumping;  /* ln of how much oftener than chance two acts fall together, Q32 */
    uint64_t round, rounds;
    uint64_t round_max; /* hits of a round, about */
    rsi_record *hits;   /* key: the pair; value: target << 32 | surprise in Q20 */
    uint64_t hit_count, hit_room;
    bool overflown;          /* a round had more than its room */
    uint64_t by_hour[HOURS]; /* all acts, counted with the coincidences */
    rs_event *scratch;       /* room for the acts on one target */
} finder;

/* ---- one target
 * ---------------------------------------------------------------------------------- */

/* The precise acts on the target at hand, in order of time. */
typedef struct target {
    const rs_event *acts;
    size_t count;
    uint32_t node;
    uint32_t by_hour[HOURS];
} target;

static uint32_t hour_of(const finder *f, uint32_t time)
{
    uint64_t base = (uint64_t)(((f->line->base % DAY_S) + DAY_S) % DAY_S);
    return (uint32_t)((base + time) % DAY_S / HOUR_S);
}

static void count_hours(const finder *f, target *t)
{
    for (int h = 0; h < HOURS; h++) {
        t->by_hour[h] = 0;
    }
    for (size_t i = 0; i < t->count; i++) {
        t->by_hour[hour_of(f, t->acts[i].time)]++;
    }
}

/* Acts that the target sees in a window by its own rate, those `here` left out, in 1/256: at this
 * hour of the day, or over all of its time where that is more. */
static uint64_t usual(const finder *f, const target *t, uint32_t time, uint64_t here)
{
    uint64_t window = 2 * (uint64_t)f->window;
    uint64_t span = (uint64_t)f->line->span_s + 1;
    uint64_t days = span / DAY_S + 1;
    uint64_t at_hour = t->by_hour[hour_of(f, time)];
    uint64_t by_hour = at_hour > here ? (at_hour - here) * 256 * window / (days * HOUR_S) : 0;
    uint64_t by_all = t->count > here ? (t->count - here) * 256 * window / span : 0;
    return by_hour > by_all ? by_hour : by_all;
}

static uint64_t acts_of(const finder *f, uint32_t node)
{
    return rs_out_count(f->line, node - f->line->src_first);
}

/* -ln p, Q20; `others` came beside the two, in 1/256. */
static uint64_t surprise_of(const finder *f, uint32_t a, uint32_t b, uint64_t others)
{
    uint64_t acts = acts_of(f, a) > acts_of(f, b) ? acts_of(f, a) : acts_of(f, b);
    uint64_t q = others > 256 ? others : 256;
    uint64_t chance = rsi_ln_q32(acts) + rsi_ln_q32(q) - rsi_ln_q32(256) + f->clumping;
    if (chance >= f->ln_acts) {
        return 0;
    }
    uint64_t surprise = f->ln_acts - chance;
    return (surprise < f->ln_all ? surprise : f->ln_all) >> 12;
}

static uint64_t round_of(const finder *f, uint64_t pair)
{
    return f->rounds == 1 ? 0 : (pair * UINT64_C(0x9e3779b97f4a7c15) >> 40) % f->rounds;
}

static void hit(finder *f, uint32_t a, uint32_t b, uint32_t node, uint64_t surprise)
{
    uint64_t pair = a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;
    if (f->hits == NULL || surprise == 0) {
        f->hit_count += surprise > 0;
    } else if (round_of(f, pair) != f->round) {
        return;
    } else if (f->hit_count == f->hit_room) {
        f->overflown = true;
    } else {
        f->hits[f->hit_count++] =
            (rsi_record){.key = pair, .value = (uint64_t)node << 32 | surprise};
    }
}

/* All pairs of acts within the window; without room for hits they are counted. */
static void seek_target(finder *f, target *t)
{
    bool counted = false;
    size_t low = 0;
    size_t high = 0;
    for (size_t i = 0; i < t->count; i++) {
        const rs_event *act = &t->acts[i];
        while (act->time - t->acts[low].time > f->window) {
            low++;
        }
        while (high < t->count && (high < i || t->acts[high].time - act->time <= f->window)) {
            high++;
        }
        size_t here = high - low;
        if (high == i + 1 || here > f->crowd_max) {
            continue;
        }
        if (!counted) {
            count_hours(f, t);
            counted = true;
        }
        uint64_t rate = usual(f, t, act->time, here);
        if (rate > RATE_MAX) {
            continue;
        }
        uint64_t others = (here - 2) * 256 > rate ? (here - 2) * 256 : rate;
        for (size_t j = i + 1; j < high; j++) {
            if (t->acts[j].node != act->node) {
                hit(f, act->node, t->acts[j].node, t->node,
                    surprise_of(f, act->node, t->acts[j].node, others));
            }
        }
    }
}

/* The acts that are precise enough, in scratch where some are not. */
static target target_of(const finder *f, const rs_timeline_part *part, uint32_t rank)
{
    const rs_event *acts = rs_part_in(part, rank);
    size_t count = rs_in_count(f->line, rank);
    size_t precise = 0;
    for (size_t i = 0; i < count; i++) {
        precise += acts[i].precision_s <= f->window;
    }
    if (precise < count) {
        size_t kept = 0;
        for (size_t i = 0; i < count; i++) {
            if (acts[i].precision_s <= f->window) {
                f->scratch[kept++] = acts[i];
            }
        }
        acts = f->scratch;
    }
    return (target){.acts = acts, .count = precise, .node = f->line->dst_first + rank};
}

static rs_status seek_part(void *context, const rs_timeline_part *part, rs_error *err)
{
    finder *f = context;
    size_t acts = f->line->in_first[part->to] - f->line->in_first[part->from];
    (void)err;
    for (size_t i = 0; i < acts && f->hits == NULL; i++) {
        f->by_hour[hour_of(f, part->in[i].time)]++;
    }
    for (uint32_t rank = part->from; rank < part->to; rank++) {
        if (rs_in_count(f->line, rank) > 1) {
            target t = target_of(f, part, rank);
            seek_target(f, &t);
        }
    }
    return RS_OK;
}

static rs_status seek_targets(finder *f, rs_error *err)
{
    f->hit_count = 0;
    return rs_timeline_each(f->line, RS_TIMELINE_IN, seek_part, f, err);
}

/* ---- pairs
 * --------------------------------------------------------------------------------------- */

static int by_value(const void *left, const void *right)
{
    uint64_t a = ((const rsi_record *)left)->value;
    uint64_t b = ((const rsi_record *)right)->value;
    return (a > b) - (a < b);
}

/* The hits of one pair: of each target the most surprising, in order of targets. */
static size_t one_each(rsi_record *hits, size_t count)
{
    size_t kept = 0;
    qsort(hits, count, sizeof *hits, by_value);
    for (size_t i = 0; i < count; i++) {
        if (i + 1 == count || hits[i].value >> 32 != hits[i + 1].value >> 32) {
            hits[kept++] = hits[i];
        }
    }
    return kept;
}

static rs_status link_round(finder *f, rsi_link_list *out, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_sort_records(f->hits, (size_t)f->hit_count, NULL, err));
    for (size_t i = 0, end; i < f->hit_count; i = end) {
        for (end = i + 1; end < f->hit_count && f->hits[end].key == f->hits[i].key; end++) {
        }
        size_t count = end - i < TARGETS_MIN ? 0 : one_each(f->hits + i, end - i);
        if (count >= TARGETS_MIN) {
            RS_TRY(rsi_link_hits(f->input, f->hits + i, count, WEIGHT_MAX, out, err));
        }
    }
done:
    return status;
}

/* The largest crowd that still holds its people together. */
static uint32_t crowd_max(const rsi_kind_input *input)
{
    uint64_t subjects = rs_graph_subject_count(input->graph);
    uint32_t crowd = 2;
    while (crowd < 4096 && !rs_thing_is_hub(rs_thing_weight(subjects, crowd + 1, false), crowd + 1,
                                            input->options->resolution)) {
        crowd++;
    }
    return crowd;
}

/* By how much acts fall together oftener than a Poisson stream of each target's own rate would let
 * them, in the hours that people keep: what everybody does is no surprise. `seen` such pairs are
 * there. */
static uint64_t clumping_of(const finder *f, uint64_t seen)
{
    const rs_timeline *line = f->line;
    uint64_t squares = 0;
    uint64_t chance = 0; /* pairs, in 1/256 of HOURS of them */
    uint64_t span = (uint64_t)line->span_s + 1;
    for (int h = 0; h < HOURS; h++) { /* shares in 1/2^16: their squares sum to at most 2^32 */
        uint64_t share = (f->by_hour[h] << 16) / line->count;
        squares += share * share;
    }
    for (uint32_t rank = 0; rank < line->dst_count; rank++) {
        uint64_t acts = rs_in_count(line, rank);
        if (acts * 512 * f->window / span <= RATE_MAX) {
            uint64_t beside = acts * f->window * 256 / span; /* after one act: below 2^19 */
            chance += acts * (beside > 0 ? beside : 1);
        }
    }
    /* chance * HOURS * squares / 2^32 / 256 pairs; logarithms, as products do not fit */
    uint64_t gain = rsi_ln_q32(squares > 0 ? squares : 1) + rsi_ln_q32(HOURS);
    uint64_t by_chance = rsi_ln_q32(chance > 0 ? chance : 1) + gain;
    uint64_t unit = rsi_ln_q32(UINT64_C(1) << 40);
    uint64_t expected = by_chance > unit ? by_chance - unit : 0;
    uint64_t there = rsi_ln_q32(seen > 0 ? seen : 1);
    return there > expected ? there - expected : 0;
}

static rs_status make_room(finder *f, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t most = 0;
    for (uint32_t rank = 0; rank < f->line->dst_count; rank++) {
        most = rs_in_count(f->line, rank) > most ? rs_in_count(f->line, rank) : most;
    }
    f->scratch = malloc(((size_t)most + 1) * sizeof *f->scratch);
    if (f->scratch == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u acts on one target)", most);
    }
    f->rounds = 1;
    RS_TRY(seek_targets(f, err));
    f->clumping = clumping_of(f, f->hit_count);
    f->rounds = f->hit_count / f->round_max + 1;
    /* A round holds what falls to it: about its share, and never more than there is. */
    f->hit_room = f->rounds == 1 ? f->hit_count : 2 * f->round_max;
    f->hits = malloc((size_t)(f->hit_room + 1) * sizeof *f->hits);
    if (f->hits == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu coincidences)", (size_t)f->hit_room);
    }
done:
    return status;
}

/* Where pairs fall so unevenly that a round overflows, all begins again in twice as many. */
static rs_status seek_in_rounds(finder *f, rsi_link_list *out, rs_error *err)
{
    rs_status status = RS_OK;
    for (f->round = 0; f->round < f->rounds;) {
        f->overflown = false;
        RS_TRY(seek_targets(f, err));
        if (!f->overflown) {
            RS_TRY(link_round(f, out, err));
            f->round++;
            continue;
        }
        if (f->rounds > ROUNDS_MAX) {
            status = rs_fail(err, RS_ENOMEM, "out of memory (coincidences of one pair)");
            goto done;
        }
        f->rounds *= 2;
        f->round = 0;
        out->count = 0;
    }
done:
    return status;
}

static uint64_t round_max(const rs_work *work)
{
    uint64_t fit = work->memory_bytes / HIT_BYTES;
    bool all = work->memory_bytes == 0 || fit > ROUND_MAX;
    return all ? ROUND_MAX : fit < ROUND_MIN ? ROUND_MIN : fit;
}

static rs_status lockstep(const rsi_kind_input *input, const rs_work *work, rsi_link_list *out,
                          rs_error *err)
{
    rs_status status = RS_OK;
    finder f = {.input = input, .line = input->timeline, .window = input->options->window_s};
    uint32_t subjects = rs_graph_subject_count(input->graph);
    f.round_max = round_max(work);
    if (f.line->count == 0 || subjects < 3) {
        goto done;
    }
    f.ln_acts = rsi_ln_q32(f.line->count);
    f.ln_all = rsi_ln_q32(subjects);
    f.crowd_max = crowd_max(input);
    RS_TRY(make_room(&f, err));
    RS_TRY(seek_in_rounds(&f, out, err));
done:
    free(f.scratch);
    free(f.hits);
    return status;
}

const rsi_kind rsi_lockstep = {
    .name = "lockstep",
    .summary = "accounts act on the same targets within minutes, on two targets and more",
    .in_time = true,
    .reads = rsi_is_timed_act,
    .find = lockstep,
};
