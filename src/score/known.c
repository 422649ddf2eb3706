/* known.c - what the blacklist and the whitelist say of each group.
 *
 * Known members: k of a group's n members are on a blacklist of K among N accounts. Known things: k
 * of the t things that its members share are, of K listed ones among the T things that members
 * share in all groups of the night. Both: -log10 P(X >= k) of the hypergeometric distribution, at
 * most SEED_DECADES_MAX for each hit, because a listing can be wrong (10^-1.5: one in thirty),
 * times the strength of the listing, faded with age as it does in propagation.
 *
 * That somebody is listed says nothing about those around him but through what they share: what a
 * group with little evidence of its own gets from a listing ranks it, and makes it no suspect. Of
 * each listing at most as much as the group's own evidence E comes to counts whole; the rest R of
 * all of them counts by R t / (R + t), t being what is missing to the threshold then.
 *
 * The whitelist clears a member, unless he is the same person as somebody on the blacklist.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>

#include "base/try.h"
#include "score/scorer.h"

#define SEED_DECADES_MAX 1.5
enum { HYPERGEOMETRIC_TERMS_MAX = 1000 };

/* ---- chance ------------------------------------------------------------------------------------
 */

static double ln_choose(double n, double k)
{
    int sign; /* lgamma_r, because lgamma writes a global */
    return lgamma_r(n + 1, &sign) - lgamma_r(k + 1, &sign) - lgamma_r(n - k + 1, &sign);
}

/* `drawn` of `all`, of which `marked` are marked, and `hits` of the drawn ones, with the strengths
 * of their listings added up. */
typedef struct draw {
    uint32_t hits, drawn, marked, all;
    double strength;
} draw;

/* -log10 of the chance of at least so many hits, as far as their listings can be trusted. The
 * terms fall off fast; those beyond HYPERGEOMETRIC_TERMS_MAX are nothing. */
static double surprise_of(const draw *d)
{
    if (d->hits == 0) {
        return 0;
    }
    double sum = 0;
    uint32_t most = d->drawn < d->marked ? d->drawn : d->marked;
    double total = ln_choose(d->all, d->drawn);
    for (uint32_t j = d->hits; j <= most && j - d->hits < HYPERGEOMETRIC_TERMS_MAX; j++) {
        if (d->drawn - j > d->all - d->marked) {
            continue;
        }
        sum += exp(ln_choose(d->marked, j) +
                   ln_choose((double)d->all - d->marked, (double)d->drawn - j) - total);
    }
    double decades = -log10(fmax(fmin(sum, 1.0), 1e-300));
    return fmax(0, fmin(decades, SEED_DECADES_MAX * d->strength));
}

/* ---- who is listed -----------------------------------------------------------------------------
 */

/* Of the listing of a node, 0..1. */
static double strength_of(const rsi_scorer *s, uint32_t node)
{
    int64_t seed = s->input->seed[node];
    return seed <= 0 ? 0 : seed >= RS_RISK_ONE ? 1 : (double)seed / (double)RS_RISK_ONE;
}

/* A whitelisted account of the same person as a known one is not cleared. */
static void mark_disputed(const rsi_scorer *s, const rs_list *blacklist, const rs_list *whitelist)
{
    uint32_t subjects = rs_graph_subject_count(s->input->graph);
    const uint32_t *entity = s->input->evidence->entity;
    for (size_t i = 0; i < blacklist->count; i++) {
        uint32_t node = blacklist->entries[i].node;
        s->seen[node < subjects ? entity[node] : node] = 1;
    }
    for (size_t i = 0; i < whitelist->count; i++) {
        uint32_t node = whitelist->entries[i].node;
        if (node < subjects && s->seen[entity[node]]) {
            s->listed[node] = RSI_DISPUTED;
        }
    }
    for (size_t i = 0; i < blacklist->count; i++) {
        uint32_t node = blacklist->entries[i].node;
        s->seen[node < subjects ? entity[node] : node] = 0;
    }
}

/* How many subjects are known; *things: and things. */
static uint32_t mark_members(const rsi_scorer *s, const rs_list *blacklist,
                             const rs_list *whitelist, uint32_t *things)
{
    uint32_t subjects = rs_graph_subject_count(s->input->graph);
    uint32_t known = 0;
    *things = 0;
    for (size_t i = 0; i < whitelist->count; i++) {
        uint32_t node = whitelist->entries[i].node;
        if (node < subjects) {
            s->listed[node] = RSI_CLEARED;
        }
    }
    mark_disputed(s, blacklist, whitelist);
    for (size_t i = 0; i < blacklist->count; i++) { /* who is on both counts as known */
        uint32_t node = blacklist->entries[i].node;
        if (node < subjects) {
            s->listed[node] = RSI_KNOWN;
            known++;
        } else {
            ++*things;
        }
    }
    return known;
}

static double known_decades(const rsi_scorer *s, size_t group, uint32_t known)
{
    const rsi_candidates *c = &s->candidates;
    rsi_group_lists *lists = &s->lists[group];
    draw d = {.drawn = (uint32_t)(c->first[group + 1] - c->first[group]),
              .marked = known,
              .all = rs_graph_subject_count(s->input->graph)};
    for (size_t k = c->first[group]; k < c->first[group + 1]; k++) {
        uint8_t listed = s->listed[c->members[k]];
        lists->cleared_count += listed == RSI_CLEARED;
        if (listed == RSI_KNOWN) {
            d.hits++;
            d.strength += strength_of(s, c->members[k]);
        }
    }
    lists->known_count = d.hits;
    return surprise_of(&d);
}

/* ---- which things are --------------------------------------------------------------------------
 */

bool rsi_meet_thing(const rsi_scorer *s, const rsi_shared_use *use)
{
    bool met = s->seen[use->thing] != 0 || use->column >= s->sharing.in_time;
    s->seen[use->thing] = s->seen[use->thing] || !met;
    return !met;
}

void rsi_forget_things(const rsi_scorer *s, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        s->seen[s->sharing.uses[i].thing] = 0;
    }
}

/* The things that a group shares, and the listed ones of them, as far as a group tells. */
static draw draw_things(const rsi_scorer *s, size_t group)
{
    size_t from = s->sharing.use_first[group];
    size_t to = s->sharing.use_first[group + 1];
    draw d = {0};
    for (size_t i = from; i < to; i++) {
        if (rsi_meet_thing(s, &s->sharing.uses[i])) {
            double strength = strength_of(s, s->sharing.uses[i].thing);
            d.drawn++;
            d.hits += strength > 0;
            d.strength += strength;
        }
    }
    rsi_forget_things(s, from, to);
    return d;
}

/* A thing that two groups share stands for two. */
static rs_status find_things(const rsi_scorer *s, rs_error *err)
{
    size_t groups = s->candidates.count;
    draw all = {0};
    draw *draws = malloc((groups + 1) * sizeof *draws);
    if (draws == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu groups)", groups);
    }
    for (size_t g = 0; g < groups; g++) {
        draws[g] = draw_things(s, g);
        all.drawn += draws[g].drawn;
        all.hits += draws[g].hits;
    }
    for (size_t g = 0; g < groups; g++) {
        draws[g].all = all.drawn;
        draws[g].marked = all.hits;
        s->lists[g].thing_count = draws[g].hits;
        s->lists[g].thing_decades = surprise_of(&draws[g]);
    }
    free(draws);
    return RS_OK;
}

/* ---- groups ------------------------------------------------------------------------------------
 */

/* Of what the lists say of a group, what counts: of each listing at most the group's own evidence
 * whole; the rest brings the group towards the threshold, never over it. */
static void bound(const rsi_scorer *s, size_t group)
{
    rsi_group_lists *lists = &s->lists[group];
    double listed = lists->member_decades + lists->thing_decades;
    double own = rsi_sharing_sum(&s->sharing, group);
    double whole = fmin(listed, own * (lists->known_count + lists->thing_count));
    double short_of = fmax(0, s->threshold - own - whole);
    double rest = listed - whole;
    double counts = rest > 0 ? whole + rest * short_of / (rest + short_of) : whole;
    if (listed > 0) {
        lists->member_decades *= counts / listed;
        lists->thing_decades *= counts / listed;
    }
}

rs_status rsi_lists_judge(rsi_scorer *s, rs_error *err)
{
    static const rs_list none = {0};
    rs_status status = RS_OK;
    const rs_list *blacklist = s->input->blacklist != NULL ? s->input->blacklist : &none;
    const rs_list *whitelist = s->input->whitelist != NULL ? s->input->whitelist : &none;
    uint32_t subjects = rs_graph_subject_count(s->input->graph);
    uint32_t things = 0;
    s->listed = calloc((size_t)subjects + 1, sizeof *s->listed);
    s->lists = calloc(s->candidates.count + 1, sizeof *s->lists);
    if (s->listed == NULL || s->lists == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u subjects, %zu groups)", subjects,
                       s->candidates.count);
    }
    uint32_t known = mark_members(s, blacklist, whitelist, &things);
    if (things > 0) {
        RS_TRY(find_things(s, err));
    }
    for (size_t g = 0; g < s->candidates.count; g++) {
        s->lists[g].member_decades = known_decades(s, g, known);
        bound(s, g);
    }
done:
    return status;
}
