/* coaction.c - accounts that act on the same targets, on two targets and more, where the rows do
 * not say when.
 *
 * Null model: accounts act on their own. Of the E acts of a relation (distinct pairs of account and
 * target) n are b's and d fall on target x; so that one of b's falls on x, on which a acted, has
 * the mean
 *
 *     p = n / E * d
 *     surprise = -ln p     at most ln N
 *
 * where n is that of the more active of the two. What chance gives once in twenty (p of 1/20) and
 * oftener says nothing: the more active two accounts are, the fewer their targets have to draw. So
 * popularity is discounted twice, by d and by who is left of a target's crowd; where more than
 * CROWD_MAX are left, the target has a cause of its own.
 *
 * One coincidence chooses the pair, so the largest surprise of a pair is not counted, as in
 * lockstep.c. And the night bounds the sum of the others: no pair is more surprising than -ln of
 * the share of the accounts that have one as surprising. Where most share a taste, a taste in
 * common is usual. A link has that in ln N, at most 1.5, dealt to the targets alike.
 *
 * Look-alikes: the followers of one account, buyers at one shop (one target, and a popular one);
 * people of one taste (their targets are popular among each other, so that d is large); a club's
 * members (few targets, and everybody's). Relations that have times are lockstep.c's.
 *
 * Cost: O(acts * CROWD_MAX / 2) at the most. Coincidences are taken in as many rounds as keep a
 * round near ROUND_MAX of them, fewer where the budget is small (16 bytes each, twice); 4 bytes an
 * act and a node beside the pairs.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/kind.h"

#include <stdlib.h>

#include "base/fixed.h"
#include "base/sort.h"
#include "base/try.h"
#include "graph/internal.h"

enum { CROWD_MAX = 256, TARGETS_MIN = 2, CHANCE = 20 };
#define ROUND_MAX  (UINT64_C(1) << 26)
#define ROUND_MIN  (UINT64_C(1) << 16)
#define HIT_BYTES  96 /* of memory: itself, its twin while sorting, as much for uneven rounds */
#define ACT_BYTES  24 /* the pair, the actor, and what is linked of them */
#define NODE_BYTES 16
#define WEIGHT_MAX (UINT32_C(3) << 19) /* 1.5 */
#define SUM_MAX    (UINT64_C(4095) << 20)

typedef struct finder {
    const rsi_kind_input *input;
    size_t acts;
    uint32_t *actors; /* by target, ascending within one */
    uint32_t *first;  /* by node, all + 1: where a target's actors begin */
    uint32_t *act_of; /* by node: how many targets it acted on */
    uint64_t ln_acts; /* Q32 */
    uint64_t ln_all;  /* of the subjects, Q32 */
    uint64_t round, rounds;
    rsi_record *hits; /* key: the pair; value: target << 32 | surprise in Q20; NULL: counted */
    size_t count;
} finder;

/* ---- who acts on what --------------------------------------------------------------------------
 */

static rs_status group_by_target(finder *f, const rs_pair *pairs, rs_error *err)
{
    size_t nodes = rs_graph_node_count(f->input->graph);
    f->actors = malloc((f->acts + 1) * sizeof *f->actors);
    f->first = calloc(nodes + 2, sizeof *f->first);
    f->act_of = calloc(nodes + 1, sizeof *f->act_of);
    if (f->actors == NULL || f->first == NULL || f->act_of == NULL || f->acts > UINT32_MAX) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu acts)", f->acts);
    }
    for (size_t i = 0; i < f->acts; i++) {
        f->first[pairs[i].b + 2]++;
        f->act_of[pairs[i].a]++;
    }
    for (size_t v = 0; v < nodes; v++) {
        f->first[v + 2] += f->first[v + 1];
    }
    for (size_t i = 0; i < f->acts; i++) { /* first[v + 1] becomes the end of v */
        f->actors[f->first[pairs[i].b + 1]++] = pairs[i].a;
    }
    return RS_OK;
}

/* ---- coincidences ------------------------------------------------------------------------------
 */

/* Those of a target's actors to whom it says something; CROWD_MAX + 1 where they are too many. */
static size_t choose(const finder *f, uint32_t target, uint32_t *chosen)
{
    uint64_t crowd = f->first[target + 1] - f->first[target];
    size_t count = 0;
    for (uint32_t i = f->first[target]; i < f->first[target + 1] && count <= CROWD_MAX; i++) {
        if (CHANCE * crowd * f->act_of[f->actors[i]] < f->acts) {
            chosen[count++] = f->actors[i];
        }
    }
    return count;
}

static void hit(finder *f, uint32_t a, uint32_t b, uint32_t target, uint64_t ln_crowd)
{
    uint64_t pair = (uint64_t)a << 32 | b;
    uint32_t acts = f->act_of[a] > f->act_of[b] ? f->act_of[a] : f->act_of[b];
    if (f->rounds > 1 && (pair * UINT64_C(0x9e3779b97f4a7c15) >> 40) % f->rounds != f->round) {
        return;
    }
    if (f->hits != NULL) {
        uint64_t surprise = f->ln_acts - ln_crowd - rsi_ln_q32(acts); /* at least ln CHANCE */
        surprise = (surprise < f->ln_all ? surprise : f->ln_all) >> 12;
        f->hits[f->count] = (rsi_record){.key = pair, .value = (uint64_t)target << 32 | surprise};
    }
    f->count++;
}

/* All of this round; without room for hits they are counted. */
static void seek(finder *f)
{
    uint32_t chosen[CROWD_MAX + 1];
    uint32_t nodes = rs_graph_node_count(f->input->graph);
    f->count = 0;
    for (uint32_t target = 0; target < nodes; target++) {
        uint32_t crowd = f->first[target + 1] - f->first[target];
        size_t count = crowd > 1 ? choose(f, target, chosen) : 0;
        uint64_t ln_crowd = count > 1 ? rsi_ln_q32(crowd) : 0;
        for (size_t i = 0; i < count && count <= CROWD_MAX; i++) {
            for (size_t j = i + 1; j < count; j++) {
                hit(f, chosen[i], chosen[j], target, ln_crowd);
            }
        }
    }
}

/* ---- pairs -------------------------------------------------------------------------------------
 */

/* Targets come in order, so a pair's hits stand by target once they are sorted by pair. */
static rs_status link_round(finder *f, rsi_link_list *out, rs_error *err)
{
    rs_status status = RS_OK;
    if (f->rounds > 1) { /* else all are counted already */
        seek(f);
    }
    f->hits = malloc((f->count + 1) * sizeof *f->hits);
    if (f->hits == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu coincidences)", f->count);
    }
    seek(f);
    RS_TRY(rsi_sort_records(f->hits, f->count, NULL, err));
    for (size_t i = 0, end; i < f->count; i = end) {
        for (end = i + 1; end < f->count && f->hits[end].key == f->hits[i].key; end++) {
        }
        if (end - i >= TARGETS_MIN) {
            RS_TRY(rsi_link_hits(f->input, f->hits + i, end - i, SUM_MAX, out, err));
        }
    }
done:
    free(f->hits);
    f->hits = NULL;
    return status;
}

/* ---- the night's own measure -------------------------------------------------------------------
 */

/* The links of one pair from `from` on: where they end, and what they weigh together. */
static size_t pair_end(const rsi_link_list *list, size_t from, uint64_t *weight)
{
    size_t end = from;
    *weight = 0;
    for (; end < list->count && list->links[end].a == list->links[from].a &&
           list->links[end].b == list->links[from].b;
         end++) {
        *weight += list->links[end].weight;
    }
    return end;
}

/* By account the most that ties it to another, in `best`; returns the accounts that act. */
static uint64_t find_best(const finder *f, const rsi_link_list *list, uint64_t *best)
{
    uint64_t acting = 0;
    uint64_t weight = 0;
    for (size_t i = 0, end; i < list->count; i = end) {
        end = pair_end(list, i, &weight);
        uint64_t *a = &best[list->links[i].a];
        uint64_t *b = &best[list->links[i].b];
        *a = weight > *a ? weight : *a;
        *b = weight > *b ? weight : *b;
    }
    for (uint32_t v = 0; v < rs_graph_subject_count(f->input->graph); v++) {
        acting += f->act_of[v] > 0;
    }
    return acting;
}

static rs_status calibrate(const finder *f, rsi_link_list *list, rs_error *err)
{
    rs_status status = RS_OK;
    size_t subjects = rs_graph_subject_count(f->input->graph);
    uint64_t *best = calloc(subjects + 1, sizeof *best);
    uint64_t weight = 0;
    if (best == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu subjects)", subjects);
    }
    uint64_t acting = find_best(f, list, best);
    RS_TRY(rsi_sort_u64(best, subjects, NULL, err));
    for (size_t i = 0, end; i < list->count; i = end) {
        end = pair_end(list, i, &weight);
        uint64_t as_much = subjects - rsi_count_below(best, subjects, weight);
        uint64_t usual =
            ((uint64_t)rsi_ln_ratio_q32(acting, as_much) >> 12 << 20) / (f->ln_all >> 12);
        usual = usual < WEIGHT_MAX ? usual : WEIGHT_MAX;
        for (size_t k = i; k < end && usual < weight; k++) {
            list->links[k].weight = (uint32_t)(usual / (end - i));
        }
    }
done:
    free(best);
    return status;
}

static rs_status co_action(const rsi_kind_input *input, const rs_work *work, rsi_link_list *out,
                           rs_error *err)
{
    rs_status status = RS_OK;
    rs_pair *pairs = NULL;
    finder f = {.input = input, .rounds = 1};
    uint32_t subjects = rs_graph_subject_count(input->graph);
    if (subjects < 3) {
        goto done;
    }
    RS_TRY(rs_graph_pairs(input->graph, input->relation, &pairs, &f.acts, work, err));
    uint64_t held = f.acts * ACT_BYTES + (uint64_t)rs_graph_node_count(input->graph) * NODE_BYTES;
    RS_TRY(rsi_graph_room(work, input->info.name, "those who act on the targets",
                          held + ROUND_MIN * HIT_BYTES, err));
    uint64_t fit = (work->memory_bytes - held) / HIT_BYTES;
    uint64_t round_max = work->memory_bytes == 0 || fit > ROUND_MAX ? ROUND_MAX : fit;
    RS_TRY(group_by_target(&f, pairs, err));
    free(pairs);
    pairs = NULL;
    f.ln_acts = rsi_ln_q32(f.acts > 0 ? f.acts : 1);
    f.ln_all = rsi_ln_q32(subjects);
    seek(&f);
    f.rounds = f.count / round_max + 1;
    for (f.round = 0; f.round < f.rounds; f.round++) {
        RS_TRY(link_round(&f, out, err));
    }
    RS_TRY(calibrate(&f, out, err));
done:
    free(pairs);
    free(f.actors);
    free(f.first);
    free(f.act_of);
    return status;
}

static bool is_untimed_act(const rs_graph *graph, const rs_relation_info *info)
{
    return (info->kind == RS_KIND_PAYMENT || info->kind == RS_KIND_ACTION) &&
           info->time_min == RS_NO_TIME &&
           rs_store_type(rs_graph_store(graph), info->src_type).subject;
}

const rsi_kind rsi_co_action = {
    .name = "co_action",
    .summary = "accounts act on the same targets that few others act on; rows without times",
    .in_time = true,
    .reads = is_untimed_act,
    .find = co_action,
};
