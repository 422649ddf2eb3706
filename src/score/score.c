/* score.c - groups -> rings with scores and reasons, and the risk of every node.
 *
 * The weights stand in the tables here and in sharing.c; docs/algorithms/score.md gives the
 * reasons.
 *
 *   decades D   = sum over columns of weight * decades (sharing.c) + seed decades
 *   threshold T = log10(groups) + 1: among that many groups, fewer than one night in ten has one as
 *                 unusual by chance
 *   score       = 1 / (1 + 10^((T - D) / 2)): one half at the threshold
 *
 * Seed decades: -log10 P(X >= k) of the hypergeometric distribution, k of n members being on a
 * blacklist of K among N accounts; at most SEED_DECADES_MAX for each, because a listing can be
 * wrong (10^-1.5: one in thirty).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ringscope/score.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ringid.h"
#include "base/try.h"
#include "score/candidates.h"
#include "score/fact_times.h"
#include "score/hold.h"
#include "score/sharing.h"

#define SEED_DECADES_MAX 1.5
#define THRESHOLD_EXTRA  1.0
/* A thing below it has none: that little the spread does not know. Millionths. */
#define THING_RISK_MIN 100
/* What holds a group together is part of why, even where every group of the night has as much. */
#define REASON_FLOOR 0.1
#define NO_GROUP     UINT32_MAX
enum { HYPERGEOMETRIC_TERMS_MAX = 1000, REASONS_MAX = 32 };

typedef struct scorer {
    const rs_score_input *input;
    const rs_score_options *options;
    rsi_candidates candidates;
    rsi_sharing sharing;
    uint8_t *known; /* by subject */
    uint32_t known_count;
    double *seed_decades;    /* by group */
    uint32_t *known_members; /* by group */
    uint32_t *score;         /* by group, millionths */
    uint32_t *hold;          /* by member of the candidates */
    rs_findings *out;
    size_t fact_user_room;
} scorer;

/* ---- decades and scores -------------------------------------------------------------------------
 */

static double ln_choose(double n, double k)
{
    int sign; /* lgamma_r, because lgamma writes a global */
    return lgamma_r(n + 1, &sign) - lgamma_r(k + 1, &sign) - lgamma_r(n - k + 1, &sign);
}

/* -log10 of the chance that of `members` drawn from `all`, `marked` of which are marked, at least
 * `hits` are marked. The terms fall off fast; those beyond HYPERGEOMETRIC_TERMS_MAX are nothing. */
static double seed_surprise(uint32_t hits, uint32_t members, uint32_t marked, uint32_t all)
{
    if (hits == 0) {
        return 0;
    }
    double sum = 0;
    uint32_t most = members < marked ? members : marked;
    double total = ln_choose(all, members);
    for (uint32_t j = hits; j <= most && j - hits < HYPERGEOMETRIC_TERMS_MAX; j++) {
        if (members - j > all - marked) {
            continue;
        }
        sum += exp(ln_choose(marked, j) + ln_choose((double)all - marked, (double)members - j) -
                   total);
    }
    double decades = -log10(fmax(fmin(sum, 1.0), 1e-300));
    return fmax(0, fmin(decades, SEED_DECADES_MAX * hits));
}

static double sharing_decades(const scorer *s, size_t group)
{
    double decades = 0;
    for (size_t c = 0; c < s->sharing.column_count; c++) {
        decades += s->sharing.columns[c].weight * s->sharing.columns[c].decades[group];
    }
    return decades;
}

static uint32_t score_of(double decades, size_t groups)
{
    double threshold = log10((double)groups) + THRESHOLD_EXTRA;
    double score = 1.0 / (1.0 + pow(10.0, (threshold - decades) / 2));
    return (uint32_t)lround(score * RS_MILLION);
}

static rs_status mark_known(scorer *s, rs_error *err)
{
    uint32_t subjects = rs_graph_subject_count(s->input->graph);
    s->known = calloc((size_t)subjects + 1, 1);
    if (s->known == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u subjects)", subjects);
    }
    for (size_t i = 0; s->input->blacklist != NULL && i < s->input->blacklist->count; i++) {
        uint32_t node = s->input->blacklist->entries[i].node;
        if (node < subjects && !s->known[node]) {
            s->known[node] = 1;
            s->known_count++;
        }
    }
    return RS_OK;
}

static rs_status score_groups(scorer *s, rs_error *err)
{
    size_t groups = s->candidates.count;
    uint32_t subjects = rs_graph_subject_count(s->input->graph);
    s->seed_decades = calloc(groups + 1, sizeof *s->seed_decades);
    s->known_members = calloc(groups + 1, sizeof *s->known_members);
    s->score = calloc(groups + 1, sizeof *s->score);
    if (s->seed_decades == NULL || s->known_members == NULL || s->score == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu groups)", groups);
    }
    for (size_t g = 0; g < groups; g++) {
        size_t first = s->candidates.first[g];
        size_t end = s->candidates.first[g + 1];
        for (size_t k = first; k < end; k++) {
            s->known_members[g] += s->known[s->candidates.members[k]];
        }
        s->seed_decades[g] =
            seed_surprise(s->known_members[g], (uint32_t)(end - first), s->known_count, subjects);
        s->score[g] = score_of(sharing_decades(s, g) + s->seed_decades[g], groups);
    }
    return RS_OK;
}

/* ---- members ------------------------------------------------------------------------------------
 */

/* As far as it stays with the group when that is cut finer (hold.h); of this, the whole for who is
 * held by half the group's mean and more, in proportion below. */
static uint32_t membership_of(const scorer *s, size_t group, size_t member)
{
    const rsi_candidates *c = &s->candidates;
    uint64_t half = c->mean[group] / 2;
    if (c->inside[member] >= half) {
        return s->hold[member];
    }
    return (uint32_t)((double)c->inside[member] / (double)half * s->hold[member]);
}

static rs_role role_of(const rsi_candidates *c, size_t group, size_t member)
{
    if (c->outside[member] > c->inside[member]) {
        return RS_ROLE_BRIDGE;
    }
    return c->inside[member] >= c->mean[group] ? RS_ROLE_CORE : RS_ROLE_MEMBER;
}

static int by_membership(const void *left, const void *right)
{
    const rs_ring_member *a = left;
    const rs_ring_member *b = right;
    if (a->membership != b->membership) {
        return a->membership > b->membership ? -1 : 1;
    }
    return (a->node > b->node) - (a->node < b->node);
}

static void fill_members(const scorer *s, size_t group, rs_ring *ring, size_t *at)
{
    const rsi_candidates *c = &s->candidates;
    ring->member_first = *at;
    ring->member_count = c->first[group + 1] - c->first[group];
    for (size_t k = c->first[group]; k < c->first[group + 1]; k++) {
        s->out->members[(*at)++] = (rs_ring_member){.node = c->members[k],
                                                    .membership = membership_of(s, group, k),
                                                    .role = role_of(c, group, k),
                                                    .known = s->known[c->members[k]] != 0};
    }
    qsort(s->out->members + ring->member_first, ring->member_count, sizeof *s->out->members,
          by_membership);
}

/* ---- things -------------------------------------------------------------------------------------
 */

static int by_thing(const void *left, const void *right)
{
    const rs_ring_thing *a = left;
    const rs_ring_thing *b = right;
    if (a->node != b->node) {
        return a->node < b->node ? -1 : 1;
    }
    return (a->shared_by < b->shared_by) - (a->shared_by > b->shared_by);
}

static int by_shared(const void *left, const void *right)
{
    const rs_ring_thing *a = left;
    const rs_ring_thing *b = right;
    if (a->shared_by != b->shared_by) {
        return a->shared_by > b->shared_by ? -1 : 1;
    }
    return (a->node > b->node) - (a->node < b->node);
}

/* Each thing that is shared once, with the most members that one relation gives it. */
static void fill_things(const scorer *s, size_t group, rs_ring *ring, size_t *at)
{
    rs_ring_thing *things = s->out->things + *at;
    size_t count = 0;
    size_t kept = 0;
    for (size_t i = s->sharing.use_first[group]; i < s->sharing.use_first[group + 1]; i++) {
        if (s->sharing.uses[i].column < s->sharing.in_time) {
            things[count++] = (rs_ring_thing){.node = s->sharing.uses[i].thing,
                                              .shared_by = s->sharing.uses[i].user_count};
        }
    }
    qsort(things, count, sizeof *things, by_thing);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || things[i].node != things[i - 1].node) {
            things[kept++] = things[i];
        }
    }
    qsort(things, kept, sizeof *things, by_shared);
    ring->thing_first = *at;
    ring->thing_count = kept;
    *at += kept;
}

/* ---- reasons and facts
 * ---------------------------------------------------------------------------- */

static rs_status keep_users(scorer *s, const uint32_t *users, size_t count, size_t *used,
                            rs_error *err)
{
    if (*used + count > s->fact_user_room) {
        size_t room = *used + count + s->fact_user_room;
        uint32_t *list = realloc(s->out->fact_users, room * sizeof *list);
        if (list == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu users in facts)", room);
        }
        s->out->fact_users = list;
        s->fact_user_room = room;
    }
    memcpy(s->out->fact_users + *used, users, count * sizeof *users);
    *used += count;
    return RS_OK;
}

typedef struct cursor {
    size_t members, things, reasons, facts, users;
} cursor;

/* Count of different members among the users of uses from .. to-1. `seen` is by subject, 0 outside.
 */
static uint32_t count_members(const scorer *s, size_t from, size_t to, uint8_t *seen)
{
    uint32_t count = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = from; i < to; i++) {
            const rsi_shared_use *use = &s->sharing.uses[i];
            for (uint32_t k = 0; k < use->user_count; k++) {
                uint32_t user = s->sharing.users[use->user_first + k];
                count += pass == 0 && !seen[user];
                seen[user] = pass == 0;
            }
        }
    }
    return count;
}

/* The reason of one column, with its strongest facts. Uses of one thing by two relations are two
 * facts. */
static rs_status fill_column_reason(scorer *s, size_t group, size_t column, uint8_t *seen,
                                    cursor *at, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_sharing *sharing = &s->sharing;
    rs_reason *reason = &s->out->reasons[at->reasons];
    size_t from = s->sharing.use_first[group];
    while (from < s->sharing.use_first[group + 1] && sharing->uses[from].column != column) {
        from++;
    }
    size_t to = from;
    while (to < s->sharing.use_first[group + 1] && sharing->uses[to].column == column) {
        to++;
    }
    *reason = (rs_reason){.fact_first = at->facts};
    snprintf(reason->kind, sizeof reason->kind, "%s", sharing->columns[column].name);
    reason->member_count = count_members(s, from, to, seen);
    for (size_t i = from; i < to; i++) { /* uses of as many users stand by thing */
        reason->thing_count += i == from || sharing->uses[i].thing != sharing->uses[i - 1].thing;
    }
    for (size_t i = from; i < to && reason->fact_count < s->options->facts_max; i++) {
        const rsi_shared_use *use = &sharing->uses[i];
        rs_fact *fact = &s->out->facts[at->facts++];
        *fact = (rs_fact){.thing = use->thing,
                          .relation = use->relation,
                          .event_count = use->event_count,
                          .user_first = at->users,
                          .user_count = use->user_count};
        if (column >= sharing->in_time) {
            RS_TRY(rsi_fact_time(s->input->graph, fact, sharing->users + use->user_first, err));
        }
        RS_TRY(keep_users(s, sharing->users + use->user_first, use->user_count, &at->users, err));
        reason->fact_count++;
    }
    at->reasons++;
done:
    return status;
}

static rs_status fill_known_reason(scorer *s, size_t group, cursor *at, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_candidates *c = &s->candidates;
    rs_reason *reason = &s->out->reasons[at->reasons];
    *reason = (rs_reason){.kind = "known_members",
                          .member_count = s->known_members[group],
                          .fact_first = at->facts,
                          .fact_count = 1};
    rs_fact *fact = &s->out->facts[at->facts++];
    *fact = (rs_fact){.thing = RS_NO_NODE,
                      .relation = UINT16_MAX,
                      .user_first = at->users,
                      .user_count = s->known_members[group]};
    for (size_t k = c->first[group]; k < c->first[group + 1]; k++) {
        if (s->known[c->members[k]]) {
            RS_TRY(keep_users(s, &c->members[k], 1, &at->users, err));
        }
    }
    at->reasons++;
done:
    return status;
}

static int by_weight(const void *left, const void *right)
{
    const rs_reason *a = left;
    const rs_reason *b = right;
    if (a->weight != b->weight) {
        return a->weight > b->weight ? -1 : 1;
    }
    return strcmp(a->kind, b->kind);
}

/* Shares of a whole in millionths that sum to a million: rounded down, the rest to the largest. */
static void share_weights(rs_reason *reasons, const double *decades, size_t count)
{
    double sum = 0;
    uint32_t given = 0;
    size_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        sum += decades[i];
        largest = decades[i] > decades[largest] ? i : largest;
    }
    for (size_t i = 0; i < count; i++) {
        double share = sum > 0 ? decades[i] / sum : 1.0 / (double)count;
        reasons[i].weight = (uint32_t)(share * RS_MILLION);
        given += reasons[i].weight;
    }
    reasons[largest].weight += RS_MILLION - given;
}

static rs_status fill_reasons(scorer *s, size_t group, rs_ring *ring, uint8_t *seen, cursor *at,
                              rs_error *err)
{
    rs_status status = RS_OK;
    double decades[REASONS_MAX];
    size_t count = 0;
    ring->reason_first = at->reasons;
    for (size_t c = 0; c < s->sharing.column_count && count + 1 < REASONS_MAX; c++) {
        const rsi_column *column = &s->sharing.columns[c];
        if (column->amount[group] > 0) {
            decades[count++] = column->weight * (column->decades[group] + REASON_FLOOR);
            RS_TRY(fill_column_reason(s, group, c, seen, at, err));
        }
    }
    if (s->known_members[group] > 0) {
        decades[count++] = s->seed_decades[group] + REASON_FLOOR;
        RS_TRY(fill_known_reason(s, group, at, err));
    }
    ring->reason_count = count;
    if (count > 0) {
        share_weights(s->out->reasons + ring->reason_first, decades, count);
        qsort(s->out->reasons + ring->reason_first, count, sizeof *s->out->reasons, by_weight);
    }
done:
    return status;
}

/* ---- rings --------------------------------------------------------------------------------------
 */

static rs_status find_id(const rs_graph *graph, const rs_ids *ids, const rsi_candidates *c,
                         size_t group, char *id, rs_error *err)
{
    size_t first = c->first[group];
    size_t count = c->first[group + 1] - first;
    rsi_ring_name *names = malloc(count * sizeof *names);
    if (names == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu members)", count);
    }
    for (size_t k = 0; k < count; k++) {
        const char *type = rs_graph_range_of(graph, c->members[first + k]).type;
        names[k] = (rsi_ring_name){.type = {.bytes = type, .length = strlen(type)},
                                   .id = rs_ids_of(ids, c->members[first + k])};
    }
    rsi_ring_id(rs_graph_as_of(graph), names, count, id);
    free(names);
    return RS_OK;
}

/* A ring to be: its group and name. */
typedef struct entry {
    size_t group;
    uint32_t score;
    char id[16];
} entry;

static int by_score(const void *left, const void *right)
{
    const entry *a = left;
    const entry *b = right;
    if (a->score != b->score) {
        return a->score > b->score ? -1 : 1;
    }
    return strcmp(a->id, b->id);
}

/* The groups that are rings, in their order. */
static rs_status choose(scorer *s, entry **out, size_t *count, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_candidates *c = &s->candidates;
    const rs_graph *graph = s->input->graph;
    rs_ids *ids = NULL;
    entry *entries = calloc(c->count + 1, sizeof *entries);
    uint8_t *wanted = calloc((size_t)rs_graph_node_count(graph) + 1, 1);
    if (entries == NULL || wanted == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu groups)", c->count);
        goto done;
    }
    *count = 0;
    for (size_t g = 0; g < c->count; g++) {
        if (s->score[g] >= s->options->min_score) {
            entries[(*count)++] = (entry){.group = g, .score = s->score[g]};
            for (size_t k = c->first[g]; k < c->first[g + 1]; k++) {
                wanted[c->members[k]] = 1;
            }
        }
    }
    RS_TRY(rs_graph_ids(graph, wanted, &ids, err));
    for (size_t i = 0; i < *count; i++) {
        RS_TRY(find_id(graph, ids, c, entries[i].group, entries[i].id, err));
    }
    qsort(entries, *count, sizeof *entries, by_score);
    *out = entries;
    entries = NULL; /* moved to the caller */
done:
    rs_ids_free(ids);
    free(wanted);
    free(entries);
    return status;
}

static rs_status make_arrays(scorer *s, const entry *entries, size_t count, rs_error *err)
{
    rs_findings *out = s->out;
    size_t members = 0;
    size_t uses = 0;
    for (size_t i = 0; i < count; i++) {
        size_t g = entries[i].group;
        members += s->candidates.first[g + 1] - s->candidates.first[g];
        uses += s->sharing.use_first[g + 1] - s->sharing.use_first[g];
    }
    size_t columns =
        s->sharing.column_count < REASONS_MAX ? s->sharing.column_count + 1 : REASONS_MAX;
    out->rings = calloc(count + 1, sizeof *out->rings);
    out->members = malloc((members + 1) * sizeof *out->members);
    out->things = malloc((uses + 1) * sizeof *out->things);
    out->reasons = malloc((count * columns + 1) * sizeof *out->reasons);
    out->facts = malloc((uses + count + 1) * sizeof *out->facts);
    if (out->rings == NULL || out->members == NULL || out->things == NULL || out->reasons == NULL ||
        out->facts == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu rings)", count);
    }
    return RS_OK;
}

static rs_status make_rings(scorer *s, uint32_t *ring_of, rs_error *err)
{
    rs_status status = RS_OK;
    entry *entries = NULL;
    size_t count = 0;
    cursor at = {0};
    uint8_t *seen = calloc((size_t)rs_graph_subject_count(s->input->graph) + 1, 1);
    if (seen == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (subjects)");
        goto done;
    }
    RS_TRY(choose(s, &entries, &count, err));
    RS_TRY(make_arrays(s, entries, count, err));
    for (size_t i = 0; i < count; i++) {
        rs_ring *ring = &s->out->rings[i];
        ring->score = entries[i].score;
        memcpy(ring->id, entries[i].id, sizeof ring->id);
        fill_members(s, entries[i].group, ring, &at.members);
        fill_things(s, entries[i].group, ring, &at.things);
        RS_TRY(fill_reasons(s, entries[i].group, ring, seen, &at, err));
        ring_of[entries[i].group] = (uint32_t)i;
    }
    s->out->ring_count = count;
done:
    free(seen);
    free(entries);
    return status;
}

/* ---- nodes --------------------------------------------------------------------------------------
 */

static uint32_t spread_of(int64_t risk)
{
    if (risk <= 0) {
        return 0;
    }
    return risk >= RS_RISK_ONE ? RS_MILLION
                               : (uint32_t)((uint64_t)risk * RS_MILLION / (uint64_t)RS_RISK_ONE);
}

/* 1 - (1-a)(1-b)(1-c) in millionths, rounded to the nearest. */
static uint32_t join_risks(uint32_t a, uint32_t b, uint32_t c)
{
    uint64_t million = RS_MILLION;
    uint64_t left = (million - a) * (million - b) / 1000 * (million - c); /* < 2^60 */
    return (uint32_t)(million - (left + 500000000) / 1000000000);
}

/* What a group's score says of its members: how far it is above that of a group with nothing
 * unusual about it, which is not 0. To be in some group is no reason. */
static uint32_t beyond_chance(uint32_t score, size_t groups)
{
    uint32_t base = score_of(0, groups);
    if (score <= base) {
        return 0;
    }
    return (uint32_t)((uint64_t)(score - base) * RS_MILLION / (RS_MILLION - base));
}

static rs_status fill_nodes(scorer *s, const uint32_t *ring_of, rs_error *err)
{
    const rs_graph *graph = s->input->graph;
    uint32_t nodes = rs_graph_node_count(graph);
    uint32_t subjects = rs_graph_subject_count(graph);
    const rsi_candidates *c = &s->candidates;
    rs_node_risk *out = calloc((size_t)nodes + 1, sizeof *out);
    if (out == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u nodes)", nodes);
    }
    s->out->nodes = out;
    for (uint32_t v = 0; v < nodes; v++) {
        out[v].ring = RS_NO_RING;
        out[v].spread = spread_of(s->input->spread[v]);
        if (v >= subjects && out[v].spread < THING_RISK_MIN) {
            out[v].spread = 0;
        }
        out[v].oddity = v < subjects ? s->input->oddity[v] : 0;
    }
    for (size_t g = 0; g < c->count; g++) {
        uint64_t beyond = beyond_chance(s->score[g], c->count);
        for (size_t k = c->first[g]; k < c->first[g + 1]; k++) {
            rs_node_risk *node = &out[c->members[k]];
            node->ring_score = (uint32_t)(beyond * membership_of(s, g, k) / RS_MILLION);
            node->ring = ring_of[g];
        }
    }
    for (uint32_t v = 0; v < nodes; v++) {
        out[v].risk = join_risks(out[v].spread, out[v].oddity, out[v].ring_score);
    }
    return RS_OK;
}

static void scorer_free(scorer *s)
{
    rsi_candidates_free(&s->candidates);
    rsi_sharing_free(&s->sharing);
    free(s->known);
    free(s->seed_decades);
    free(s->known_members);
    free(s->score);
    free(s->hold);
}

rs_status rs_score(const rs_score_input *input, const rs_score_options *options,
                   const rs_work *work, rs_findings *out, rs_error *err)
{
    rs_status status = RS_OK;
    scorer s = {.input = input, .options = options, .out = out};
    uint32_t *ring_of = NULL;
    *out = (rs_findings){0};
    RS_TRY(rs_work_report(work, "score", "steps", 0, 4, err));
    RS_TRY(rsi_candidates_find(input, options->trim, work, &s.candidates, err));
    RS_TRY(rs_work_report(work, "score", "steps", 1, 4, err));
    RS_TRY(rsi_sharing_find(input, &s.candidates, work, &s.sharing, err));
    RS_TRY(rs_work_report(work, "score", "steps", 2, 4, err));
    RS_TRY(mark_known(&s, err));
    RS_TRY(score_groups(&s, err));
    RS_TRY(rsi_hold_find(input, &s.candidates, s.score, work, &s.hold, err));
    ring_of = malloc((s.candidates.count + 1) * sizeof *ring_of);
    if (ring_of == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu groups)", s.candidates.count);
        goto done;
    }
    memset(ring_of, 0xff, (s.candidates.count + 1) * sizeof *ring_of);
    RS_TRY(make_rings(&s, ring_of, err));
    RS_TRY(rs_work_report(work, "score", "steps", 3, 4, err));
    RS_TRY(fill_nodes(&s, ring_of, err));
done:
    scorer_free(&s);
    free(ring_of);
    if (status != RS_OK) {
        rs_findings_free(out);
    }
    return status;
}

void rs_findings_free(rs_findings *findings)
{
    free(findings->rings);
    free(findings->members);
    free(findings->things);
    free(findings->reasons);
    free(findings->facts);
    free(findings->fact_users);
    free(findings->nodes);
    free(findings->evidence_by_kind);
    free(findings->hubs);
    *findings = (rs_findings){0};
}
