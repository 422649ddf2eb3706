/* coaction.c - accounts that act on the same targets, on two targets and more, where the rows do
 * not say when, and do so in a company that the night's tastes do not explain.
 *
 * Null model of a pair: accounts act on their own. Of the E acts of a relation (distinct pairs of
 * account and target) n are the busier one's and d fall on target x, so that it is there with the
 * probability p = n d / E. What is as likely as not (p of 1/2 and more) says nothing: the busier
 * two accounts are, the fewer their targets have to draw. Where more than CROWD_MAX are left of a
 * target's crowd, it has a cause of its own.
 *
 * Against it: the busier one copies each act of the other with a probability e. With k of the
 * other's m acts in common, e = k / m and
 *
 *     surprise = sum over the k of ln ((e + (1 - e) p) / p) + (m - k) ln (1 - e) - ln N
 *
 * ln N pays for the choice of the best of N partners. A popular target says little, an act that was
 * not copied something against it.
 *
 * A taste is shared by pairs too, and everybody has some. What tells a ring is that its members do
 * little else, and meet none but each other at their targets. So each account has a company: how
 * large the best surprise is of whom it meets, one of its acts and one of the others at its target
 * drawn at random (who meets nobody has 0 there), and then the same of that: whom those meet. One
 * act may meet anybody: the best of an account's acts is left out. The night says what is usual: ln
 * of the company is taken as normal, with the middle and the lower quartile of those that have any,
 * which is the half that rings do not reach. z deviations above the middle have at most e^(-z^2 /
 * 2) chance; that, times the share of those that act that have any company, is how surprising an
 * account's is, and no more than the company itself. A pair has no more than either of the two. A
 * link has that in ln N, at most 1.5, dealt to the targets alike.
 *
 * Look-alikes: the followers of one account, buyers at one shop (one target, and a popular one);
 * people of one taste (most of their acts are elsewhere, and most of whom they meet have no such
 * pair); a club's members (few targets, and everybody's). Relations that have times are
 * lockstep.c's.
 *
 * Cost: O(acts * CROWD_MAX / 2) at the most. Coincidences are taken in as many rounds as keep a
 * round near ROUND_MAX of them, fewer where the budget is small (16 bytes each, twice); 4 bytes an
 * act and a node beside the pairs, 28 a subject.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/kind.h"

#include <stdlib.h>
#include <string.h>

#include "base/fixed.h"
#include "base/sort.h"
#include "base/try.h"
#include "graph/internal.h"

enum { CROWD_MAX = 256, TARGETS_MIN = 2, CHANCE = 2, COMPANY_ROUNDS = 2 };
#define ROUND_MAX     (UINT64_C(1) << 26)
#define ROUND_MIN     (UINT64_C(1) << 16)
#define HIT_BYTES     96 /* of memory: itself, its twin while sorting, as much for uneven rounds */
#define ACT_BYTES     24 /* the pair, the actor, and what is linked of them */
#define NODE_BYTES    44 /* 28 of them of a subject, for its company */
#define WEIGHT_MAX    (UINT32_C(3) << 19) /* 1.5 */
#define COMPANY_MAX   (UINT32_C(1) << 20) /* 1.0 */
#define SUM_MAX       (UINT64_C(4095) << 20)
#define DEVIATION_MIN (UINT64_C(1) << 31) /* of ln company, Q32: a half */

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

/* How much better copying explains what two accounts have in common than chance does, beyond the
 * choice of the pair; nats, Q20. */
static uint64_t copied(const finder *f, const rsi_record *hits, size_t count)
{
    uint64_t of[2] = {f->act_of[hits->key >> 32], f->act_of[(uint32_t)hits->key]};
    uint64_t busier = of[0] > of[1] ? of[0] : of[1];
    uint64_t other = of[0] > of[1] ? of[1] : of[0];
    uint64_t alone = other - count;
    uint64_t chance = 0;
    for (size_t i = 0; i < count; i++) {
        chance += (uint32_t)hits[i].value;
    }
    if (chance < f->ln_all >> 12) { /* no more than all of them could bring */
        return 0;
    }
    int64_t sum = -(int64_t)f->ln_all;
    for (size_t i = 0; i < count; i++) { /* CHANCE * busier * crowd < acts: no overflow */
        uint32_t target = (uint32_t)(hits[i].value >> 32);
        uint64_t crowd = f->first[target + 1] - f->first[target];
        sum += rsi_ln_ratio_q32(count * f->acts + alone * busier * crowd, other * busier * crowd);
    }
    sum -= alone > 0 ? (int64_t)alone * rsi_ln_ratio_q32(other, alone) : 0;
    return sum > 0 ? (uint64_t)sum >> 12 : 0;
}

static rs_status link_pair(const finder *f, const rsi_record *hits, size_t count,
                           rsi_link_list *out, rs_error *err)
{
    uint64_t weight = (copied(f, hits, count) << 20) / (f->ln_all >> 12);
    weight = weight < SUM_MAX ? weight : SUM_MAX;
    return rsi_link_targets(f->input, hits, count, weight, out, err);
}

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
            RS_TRY(link_pair(f, f->hits + i, end - i, out, err));
        }
    }
done:
    free(f->hits);
    f->hits = NULL;
    return status;
}

/* ---- company -----------------------------------------------------------------------------------
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

/* By account the most that ties it to another. */
static void find_best(const rsi_link_list *list, uint64_t *best)
{
    uint64_t weight = 0;
    for (size_t i = 0, end; i < list->count; i = end) {
        end = pair_end(list, i, &weight);
        uint64_t *a = &best[list->links[i].a];
        uint64_t *b = &best[list->links[i].b];
        *a = weight > *a ? weight : *a;
        *b = weight > *b ? weight : *b;
    }
}

/* The mean over each account's acts, but for the best one, of the mean of `value` over the others
 * at the target. */
static void meet(const finder *f, const uint64_t *value, uint64_t *met, uint64_t *most)
{
    uint32_t chosen[CROWD_MAX + 1];
    uint32_t nodes = rs_graph_node_count(f->input->graph);
    memset(met, 0, rs_graph_subject_count(f->input->graph) * sizeof *met);
    memset(most, 0, rs_graph_subject_count(f->input->graph) * sizeof *most);
    for (uint32_t target = 0; target < nodes; target++) {
        uint64_t sum = 0;
        size_t count = choose(f, target, chosen);
        for (size_t i = 0; i < count; i++) {
            sum += value[chosen[i]];
        }
        for (size_t i = 0; i < count && count > 1 && count <= CROWD_MAX; i++) {
            uint64_t there = (sum - value[chosen[i]]) / (count - 1);
            met[chosen[i]] += there;
            most[chosen[i]] = there > most[chosen[i]] ? there : most[chosen[i]];
        }
    }
    for (uint32_t v = 0; v < rs_graph_subject_count(f->input->graph); v++) {
        met[v] = f->act_of[v] > 1 ? (met[v] - most[v]) / (f->act_of[v] - 1) : 0;
    }
}

/* What the night makes of companies, Q20 of ln N in place; `sorted` is scratch. */
static rs_status judge(const finder *f, uint64_t *company, uint64_t *sorted, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t subjects = rs_graph_subject_count(f->input->graph);
    uint64_t acting = 0;
    size_t count = 0;
    for (uint32_t v = 0; v < subjects; v++) {
        acting += f->act_of[v] > 0;
        if (company[v] > 0) {
            sorted[count++] = company[v];
        }
    }
    if (count == 0) {
        return RS_OK;
    }
    RS_TRY(rsi_sort_u64(sorted, count, NULL, err));
    uint64_t middle = sorted[count / 2];
    uint64_t usual = (uint64_t)rsi_ln_ratio_q32(acting, count) >> 12;
    /* The deviation of a normal one is its quartile's distance over 0.6745. */
    uint64_t deviation = (uint64_t)rsi_ln_ratio_q32(middle, sorted[count / 4]) * 10000 / 6745;
    deviation = deviation > DEVIATION_MIN ? deviation : DEVIATION_MIN;
    for (uint32_t v = 0; v < subjects; v++) {
        if (company[v] > 0) {
            uint64_t nats = usual;
            if (company[v] > middle) {
                uint64_t above = (uint64_t)rsi_ln_ratio_q32(company[v], middle);
                uint64_t z = (above << 16) / deviation; /* at most 45 / DEVIATION_MIN, Q16 */
                nats += z * z >> 13;
            }
            nats = (nats << 20) / (f->ln_all >> 12);
            company[v] = nats < company[v] ? nats : company[v];
        }
    }
done:
    return status;
}

/* Each pair is as surprising as itself and the company of both. */
static rs_status calibrate(const finder *f, rsi_link_list *list, rs_error *err)
{
    rs_status status = RS_OK;
    size_t subjects = rs_graph_subject_count(f->input->graph);
    uint64_t *company = calloc(subjects + 1, sizeof *company);
    uint64_t *met = malloc((subjects + 1) * sizeof *met);
    uint64_t *most = malloc((subjects + 1) * sizeof *most);
    uint64_t weight = 0;
    size_t kept = 0;
    list->company = malloc((subjects + 1) * sizeof *list->company);
    if (company == NULL || met == NULL || most == NULL || list->company == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu subjects)", subjects);
        goto done;
    }
    find_best(list, company);
    for (int round = 0; round < COMPANY_ROUNDS; round++) {
        uint64_t *last = company;
        meet(f, company, met, most);
        company = met;
        met = last;
    }
    RS_TRY(judge(f, company, met, err));
    for (size_t v = 0; v < subjects; v++) {
        list->company[v] = (uint32_t)(company[v] < COMPANY_MAX ? company[v] : COMPANY_MAX);
    }
    for (size_t i = 0, end; i < list->count; i = end) {
        end = pair_end(list, i, &weight);
        uint64_t a = company[list->links[i].a];
        uint64_t b = company[list->links[i].b];
        weight = weight < a ? weight : a;
        weight = weight < b ? weight : b;
        weight = weight < WEIGHT_MAX ? weight : WEIGHT_MAX;
        for (size_t k = i; k < end && weight >= end - i; k++) {
            list->links[kept] = list->links[k];
            list->links[kept++].weight = (uint32_t)(weight / (end - i));
        }
    }
    list->count = kept;
done:
    free(company);
    free(met);
    free(most);
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
