/* score.c - groups -> rings with scores and reasons, and the risk of every node.
 *
 * The weights stand in the tables of sharing.c and known.c; docs/algorithms/score.md gives the
 * reasons.
 *
 *   decades D   = sum over columns of weight * decades (sharing.c) + those of the lists (known.c)
 *   threshold T = log10(groups) + 1: among that many groups, fewer than one night in ten has one as
 *                 unusual by chance; groups count as RSI_TAIL_GROUPS_MIN at least
 *   score       = 1 / (1 + 10^((T - D) / 2)): one half at the threshold
 *
 * RSI_TAIL_GROUPS_MIN: so many have to share for a tail to be fitted (tail.c). Among fewer nothing
 * is known of what is usual but the order, and being the first of three is not being one of a
 * thousand.
 *
 * Who is cleared takes his part of the evidence with him: D counts by the part of the members that
 * is not cleared. Where nobody is left but cleared and known ones there is nobody to suspect, and D
 * is that part of T at the most.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ringscope/score.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/ringid.h"
#include "base/try.h"
#include "score/bonds.h"
#include "score/fact_rows.h"
#include "score/hold.h"
#include "score/ladder.h"
#include "score/roles.h"
#include "score/scorer.h"
#include "score/steady.h"
#include "score/tail.h"
#include "score/ties.h"
#include "score/victims.h"

#define THRESHOLD_EXTRA 1.0
/* The most that an account's company makes of its ring score: with the most that oddity can say
 * beside it the risk stays below one half. It ranks, it does not accuse. */
#define COMPANY_MAX (RS_MILLION * 2 / 5)
/* A thing below it has none: that little the spread does not know. Millionths. */
#define THING_RISK_MIN 100

/* ---- decades and scores -------------------------------------------------------------------------
 */

static double threshold_of(size_t groups)
{
    return log10((double)(groups > RSI_TAIL_GROUPS_MIN ? groups : RSI_TAIL_GROUPS_MIN)) +
           THRESHOLD_EXTRA;
}

static uint32_t score_of(const rsi_scorer *s, double decades)
{
    double score = 1.0 / (1.0 + pow(10.0, (s->threshold - decades) / 2));
    return (uint32_t)lround(score * RS_MILLION);
}

/* The decades of what is left of a group without its cleared members. */
static double decades_of(const rsi_scorer *s, size_t group)
{
    const rsi_group_lists *lists = &s->lists[group];
    size_t members = s->candidates.first[group + 1] - s->candidates.first[group];
    double decades =
        rsi_sharing_sum(&s->sharing, group) + lists->member_decades + lists->thing_decades;
    if (lists->cleared_count > 0 && lists->cleared_count + lists->known_count == members) {
        decades = fmin(decades, s->threshold);
    }
    return decades * (double)(members - lists->cleared_count) / (double)members;
}

static rs_status score_groups(rsi_scorer *s, rs_error *err)
{
    size_t groups = s->candidates.count;
    s->score = calloc(groups + 1, sizeof *s->score);
    if (s->score == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu groups)", groups);
    }
    for (size_t g = 0; g < groups; g++) {
        s->score[g] = score_of(s, decades_of(s, g));
    }
    return RS_OK;
}

/* ---- members ------------------------------------------------------------------------------------
 */

/* As far as it stays with the group when that is cut finer (hold.h); of this, the whole for who is
 * held by half the group's mean and more, in proportion below. */
static uint32_t membership_of(const rsi_scorer *s, size_t group, size_t member)
{
    const rsi_candidates *c = &s->candidates;
    uint64_t half = c->mean[group] / 2;
    if (c->inside[member] >= half) {
        return s->hold[member];
    }
    return (uint32_t)((double)c->inside[member] / (double)half * s->hold[member]);
}

static rs_role role_of(const rsi_scorer *s, size_t group, size_t member)
{
    const rsi_candidates *c = &s->candidates;
    uint32_t v = s->vertex[c->members[member]];
    if (!c->alone[group] && s->total[v] - c->inside[member] > c->inside[member]) {
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

static void fill_members(const rsi_scorer *s, size_t group, rs_ring *ring, size_t *at)
{
    const rsi_candidates *c = &s->candidates;
    ring->member_first = *at;
    ring->member_count = c->first[group + 1] - c->first[group];
    for (size_t k = c->first[group]; k < c->first[group + 1]; k++) {
        uint8_t listed = s->listed[c->members[k]];
        ring->evidence += c->inside[k];
        s->out->members[(*at)++] = (rs_ring_member){.node = c->members[k],
                                                    .membership = membership_of(s, group, k),
                                                    .role = role_of(s, group, k),
                                                    .known = listed == RSI_KNOWN,
                                                    .cleared = listed == RSI_CLEARED,
                                                    .disputed = listed == RSI_DISPUTED};
    }
    qsort(s->out->members + ring->member_first, ring->member_count, sizeof *s->out->members,
          by_membership);
}

/* ---- things -------------------------------------------------------------------------------------
 */

/* Of things at hand `shared_by` is the place of a use. */
static int by_thing(const void *left, const void *right)
{
    const rs_ring_thing *a = left;
    const rs_ring_thing *b = right;
    if (a->node != b->node) {
        return a->node < b->node ? -1 : 1;
    }
    return (a->shared_by > b->shared_by) - (a->shared_by < b->shared_by);
}

/* Different members among those uses of a group that the things name. */
static uint32_t count_users(const rsi_scorer *s, size_t group, const rs_ring_thing *things,
                            size_t count)
{
    const rsi_shared_use *uses = s->sharing.uses + s->sharing.use_first[group];
    uint32_t users = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < count; i++) {
            const rsi_shared_use *use = &uses[things[i].shared_by];
            for (uint32_t k = 0; k < use->user_count; k++) {
                uint8_t *seen = &s->seen[s->sharing.users[use->user_first + k]];
                users += pass == 0 && !*seen;
                *seen = pass == 0;
            }
        }
    }
    return users;
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

/* Each thing that is shared once, with all members that share it, by whatever relation. */
static void fill_things(const rsi_scorer *s, size_t group, rs_ring *ring, size_t *at)
{
    rs_ring_thing *things = s->out->things + *at;
    size_t first = s->sharing.use_first[group];
    size_t count = 0;
    size_t kept = 0;
    for (size_t i = first; i < s->sharing.use_first[group + 1]; i++) {
        if (s->sharing.uses[i].column < s->sharing.in_time) {
            things[count++] = (rs_ring_thing){.node = s->sharing.uses[i].thing,
                                              .shared_by = (uint32_t)(i - first)};
        }
    }
    qsort(things, count, sizeof *things, by_thing);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && things[end].node == things[i].node; end++) {
        }
        uint32_t users = count_users(s, group, things + i, end - i);
        things[kept++] = (rs_ring_thing){.node = things[i].node, .shared_by = users};
    }
    qsort(things, kept, sizeof *things, by_shared);
    ring->thing_first = *at;
    ring->thing_count = kept;
    *at += kept;
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

enum { NAMES_A_BLOCK = 16 };

/* What the threads share when they name rings. */
typedef struct naming {
    const rs_graph *graph;
    const rs_ids *ids;
    const rsi_candidates *candidates;
    entry *entries;
    size_t count;
} naming;

static rs_status name_block(void *context, size_t block, unsigned worker, rs_error *err)
{
    rs_status status = RS_OK;
    const naming *n = context;
    size_t first = block * NAMES_A_BLOCK;
    size_t end = n->count - first < NAMES_A_BLOCK ? n->count : first + NAMES_A_BLOCK;
    (void)worker;
    for (size_t i = first; i < end; i++) {
        entry *one = &n->entries[i];
        RS_TRY(find_id(n->graph, n->ids, n->candidates, one->group, one->id, err));
    }
done:
    return status;
}

/* The groups that are rings, in their order. */
static rs_status choose(rsi_scorer *s, const rs_work *work, entry **out, size_t *count,
                        rs_error *err)
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
    naming n = {.graph = graph, .ids = ids, .candidates = c, .entries = entries, .count = *count};
    RS_TRY(rsi_parallel(work, (*count + NAMES_A_BLOCK - 1) / NAMES_A_BLOCK, name_block, &n, err));
    qsort(entries, *count, sizeof *entries, by_score);
    *out = entries;
    entries = NULL; /* moved to the caller */
done:
    rs_ids_free(ids);
    free(wanted);
    free(entries);
    return status;
}

/* s->total: members of rings may be tied to others more than to their own. */
static rs_status weigh_links(rsi_scorer *s, const entry *entries, size_t count, rs_error *err)
{
    const rsi_candidates *c = &s->candidates;
    const rs_evidence_graph *g = s->input->collapsed;
    uint8_t *wanted = calloc((size_t)g->node_count + 1, 1);
    s->total = calloc((size_t)g->node_count + 1, sizeof *s->total);
    if (wanted == NULL || s->total == NULL) {
        free(wanted);
        return rs_fail(err, RS_ENOMEM, "out of memory (links of %u nodes)", g->node_count);
    }
    for (size_t i = 0; i < count; i++) {
        size_t group = entries[i].group;
        for (size_t k = c->first[group]; k < c->first[group + 1] && !c->alone[group]; k++) {
            wanted[s->vertex[c->members[k]]] = 1;
        }
    }
    for (size_t i = 0; i < g->link_count; i++) {
        if (wanted[g->a[i]]) {
            s->total[g->a[i]] += g->weight[i];
        }
        if (wanted[g->b[i]]) {
            s->total[g->b[i]] += g->weight[i];
        }
    }
    free(wanted);
    return RS_OK;
}

static rs_status make_arrays(rsi_scorer *s, const entry *entries, size_t count, rs_error *err)
{
    rs_findings *out = s->out;
    size_t members = 0;
    size_t uses = 0;
    for (size_t i = 0; i < count; i++) {
        size_t g = entries[i].group;
        members += s->candidates.first[g + 1] - s->candidates.first[g];
        uses += s->sharing.use_first[g + 1] - s->sharing.use_first[g];
    }
    size_t columns = s->sharing.column_count + 2 < RSI_REASONS_MAX ? s->sharing.column_count + 2
                                                                   : RSI_REASONS_MAX;
    out->rings = calloc(count + 1, sizeof *out->rings);
    out->members = malloc((members + 1) * sizeof *out->members);
    out->things = malloc((uses + 1) * sizeof *out->things);
    out->reasons = malloc((count * columns + 1) * sizeof *out->reasons);
    out->facts = malloc((2 * uses + count + 1) * sizeof *out->facts);
    s->fact_rules = calloc(2 * uses + count + 1, 1);
    if (s->fact_rules == NULL || out->rings == NULL || out->members == NULL ||
        out->things == NULL || out->reasons == NULL || out->facts == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu rings)", count);
    }
    return RS_OK;
}

static rs_status fill_rings(rsi_scorer *s, const entry *entries, size_t count, size_t *facts,
                            rs_error *err)
{
    rs_status status = RS_OK;
    rsi_cursor at = {0};
    for (size_t i = 0; i < count; i++) {
        rs_ring *ring = &s->out->rings[i];
        ring->score = entries[i].score;
        memcpy(ring->id, entries[i].id, sizeof ring->id);
        ring->since = rs_graph_as_of(s->input->graph);
        fill_members(s, entries[i].group, ring, &at.members);
        fill_things(s, entries[i].group, ring, &at.things);
        RS_TRY(rsi_reasons_fill(s, entries[i].group, ring, &at, err));
    }
    s->out->ring_count = count;
    *facts = at.facts;
done:
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
static uint32_t beyond_chance(const rsi_scorer *s, uint32_t score)
{
    uint32_t base = score_of(s, 0);
    if (score <= base) {
        return 0;
    }
    return (uint32_t)((uint64_t)(score - base) * RS_MILLION / (RS_MILLION - base));
}

/* What whom it meets says of an account, where its group says less. */
static void add_company(const rsi_scorer *s, uint32_t subjects)
{
    const uint32_t *company = s->input->evidence->company;
    for (uint32_t v = 0; company != NULL && v < subjects; v++) {
        rs_node_risk *node = &s->out->nodes[v];
        uint32_t own = (uint32_t)((uint64_t)company[v] * COMPANY_MAX / RS_WEIGHT_ONE);
        if (s->listed[v] != RSI_CLEARED && own > node->ring_score) {
            node->ring_score = own;
        }
    }
}

static rs_status fill_nodes(rsi_scorer *s, const uint32_t *ring_of, rs_error *err)
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
        uint64_t beyond = beyond_chance(s, s->score[g]);
        for (size_t k = c->first[g]; k < c->first[g + 1]; k++) {
            rs_node_risk *node = &out[c->members[k]];
            bool cleared = s->listed[c->members[k]] == RSI_CLEARED;
            node->ring_score =
                cleared ? 0 : (uint32_t)(beyond * membership_of(s, g, k) / RS_MILLION);
            node->ring = ring_of[g];
        }
    }
    add_company(s, subjects);
    for (uint32_t v = 0; v < nodes; v++) {
        out[v].risk = join_risks(out[v].spread, out[v].oddity, out[v].ring_score);
    }
    return RS_OK;
}

/* ---- both together
 * ------------------------------------------------------------------------------- */

typedef struct filling {
    rsi_scorer *s;
    const rs_work *work; /* for tasks: without reports */
    entry *entries;      /* the rings, in their order */
    size_t count;
    uint32_t *ring_of; /* by group */
    size_t fact_count;
} filling;

static rs_status prepare_one(void *context, size_t index, unsigned worker, rs_error *err)
{
    rs_status status = RS_OK;
    filling *f = context;
    (void)worker;
    if (index == 0) {
        return rsi_hold_find(f->s, f->work, err);
    }
    RS_TRY(choose(f->s, f->work, &f->entries, &f->count, err));
    RS_TRY(weigh_links(f->s, f->entries, f->count, err));
done:
    return status;
}

static rs_status fill_one(void *context, size_t index, unsigned worker, rs_error *err)
{
    filling *f = context;
    (void)worker;
    return index == 0 ? fill_rings(f->s, f->entries, f->count, &f->fact_count, err)
                      : fill_nodes(f->s, f->ring_of, err);
}

static rs_status fill_findings(rsi_scorer *s, const rs_work *work, size_t *fact_count,
                               rs_error *err)
{
    rs_status status = RS_OK;
    const rs_work quiet = {.threads = rsi_parallel_workers(work)};
    filling f = {.s = s, .work = &quiet};
    RS_TRY(rsi_parallel(work, 2, prepare_one, &f, err));
    RS_TRY(rs_work_report(work, "score", "steps", 3, 4, err));
    RS_TRY(make_arrays(s, f.entries, f.count, err));
    f.ring_of = malloc((s->candidates.count + 1) * sizeof *f.ring_of);
    if (f.ring_of == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu groups)", s->candidates.count);
        goto done;
    }
    memset(f.ring_of, 0xff, (s->candidates.count + 1) * sizeof *f.ring_of);
    for (size_t i = 0; i < f.count; i++) {
        f.ring_of[f.entries[i].group] = (uint32_t)i;
    }
    RS_TRY(rsi_parallel(work, 2, fill_one, &f, err));
    *fact_count = f.fact_count;
done:
    free(f.ring_of);
    free(f.entries);
    return status;
}

/* What members of the first rings do with money, and whose they take. */
static rs_status follow_money(const rsi_scorer *s, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_payments payments = {0};
    RS_TRY(rsi_roles_payments(s->input->graph, s->out, work, &payments, err));
    RS_TRY(rsi_roles_find(s->input, &payments, work, s->out, err));
    RS_TRY(rsi_victims_find(s->input, s->listed, &payments, s->out, err));
done:
    rsi_payments_free(&payments);
    return status;
}

typedef struct finding {
    rsi_scorer *s;
    const rs_work *work;
    size_t fact_count;
} finding;

/* When what facts of kinds in time are about happened. */
static rs_status time_facts(const finding *f, const rs_work *work, rs_error *err)
{
    const rsi_fact_list facts = {.facts = f->s->out->facts,
                                 .count = f->fact_count,
                                 .rules = f->s->fact_rules,
                                 .users = f->s->out->fact_users};
    return rsi_facts_time(f->s->input, &facts, work, err);
}

/* What else is found out of rings: each asks what stands, and adds something of its own. Only the
 * calling thread, which is worker 0, may tell where it is. */
static rs_status find_one(void *context, size_t index, unsigned worker, rs_error *err)
{
    const finding *f = context;
    const rs_work quiet = {.threads = rsi_parallel_workers(f->work)};
    const rs_work *work = worker == 0 ? f->work : &quiet;
    switch (index) {
    case 0:
        return rsi_steady_find(f->s, work, err);
    case 1:
        return follow_money(f->s, work, err);
    case 2:
        return time_facts(f, work, err);
    case 3:
        return rsi_bonds_find(f->s, err);
    default:
        return rsi_ties_find(f->s, err);
    }
}

static void scorer_free(rsi_scorer *s)
{
    rsi_candidates_free(&s->candidates);
    rsi_sharing_free(&s->sharing);
    free(s->listed);
    free(s->lists);
    free(s->score);
    free(s->vertex);
    free(s->total);
    free(s->hold);
    free(s->seen);
    free(s->fact_rules);
}

rs_status rs_score(const rs_score_input *input, const rs_score_options *options,
                   const rs_work *work, rs_findings *out, rs_error *err)
{
    rs_status status = RS_OK;
    rs_score_input cut = *input; /* with the labels that the ladder leaves */
    uint32_t *label = NULL;
    uint32_t subjects = rs_graph_subject_count(input->graph);
    rsi_scorer s = {.input = &cut, .options = options, .out = out};
    *out = (rs_findings){0};
    RS_TRY(rs_work_report(work, "score", "steps", 0, 4, err));
    RS_TRY(rsi_candidates_find(input, options->trim, work, &s.candidates, err));
    RS_TRY(rs_work_report(work, "score", "steps", 1, 4, err));
    RS_TRY(rsi_payers_drop(input, &s.candidates, work, err));
    RS_TRY(rsi_sharing_find(input, &s.candidates, work, NULL, &s.sharing, err));
    RS_TRY(rsi_sharing_weigh(&s.candidates, NULL, subjects, work, &s.sharing, err));
    RS_TRY(rsi_ladder_climb(input, options, work, &s.candidates, &s.sharing, &label, err));
    cut.label = label;
    RS_TRY(rs_work_report(work, "score", "steps", 2, 4, err));
    s.seen = calloc((size_t)rs_graph_node_count(input->graph) + 1, sizeof *s.seen);
    s.vertex = malloc(((size_t)subjects + 1) * sizeof *s.vertex);
    if (s.seen == NULL || s.vertex == NULL) {
        status =
            rs_fail(err, RS_ENOMEM, "out of memory (%u nodes)", rs_graph_node_count(input->graph));
        goto done;
    }
    rsi_vertices_map(input, s.vertex);
    s.threshold = threshold_of(s.candidates.count);
    RS_TRY(rsi_lists_judge(&s, err));
    RS_TRY(score_groups(&s, err));
    finding f = {.s = &s, .work = work};
    RS_TRY(fill_findings(&s, work, &f.fact_count, err));
    RS_TRY(rsi_parallel(work, 5, find_one, &f, err));
done:
    scorer_free(&s);
    free(label);
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
    free(findings->paid);
    free(findings->victims);
    free(findings->holds);
    free(findings->alone);
    free(findings->member_ties);
    free(findings->ties);
    free(findings->from);
    free(findings->gone);
    free(findings->nodes);
    free(findings->evidence_by_kind);
    free(findings->hubs);
    *findings = (rs_findings){0};
}
