/* ladder.c - each group is cut finer where a part of it stands out more than it does.
 *
 * One resolution cannot hold rings of 3 and of 3,000. So the communities are cut again at 2, 4, 8
 * and 16 times the resolution, each inside the one before. At every rung the night is measured as
 * if it were the only cut: a group's margin is its decades among the groups of that rung, less the
 * decades of their number (what the best of so many reaches by chance). From the finest rung up a
 * group gives way to its parts where the best of them has a margin larger than its own by log10 of
 * the number of cuts that were tried. Where nothing says so, the group stays as it was.
 *
 * The null model of a rung is the night's own; so cuts of honest groups pay for themselves: all
 * offices of the night fall into as small and tight parts as this one does. Lists have no say.
 *
 * On large nights not all communities are looked at but those of the groups that are the most
 * unusual, up to LOOKED_AT members, and for the null model every n-th group, some SAMPLED members;
 * all where there are no more. So the ladder costs the same from some 200,000 accounts in groups
 * on.
 *
 * Source: resolutions as a profile, Traag, Krings, Van Dooren 2013, "Significant scales in
 * community structure"; which to take is ours.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "score/ladder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "score/tail.h"

enum { RUNGS = RSI_LADDER_RUNGS };
enum { LOOKED_AT = 1 << 17, SAMPLED = 1 << 16 }; /* members */
enum { IN = 1, COUNTED = 2 }; /* of a node: it is cut; its community is of the null model */
#define NO_GROUP UINT32_MAX

typedef struct ladder {
    const rs_score_input *input;
    const rs_score_options *options;
    const rs_work *work;
    rsi_ladder_view view;
    rsi_rung rungs[RUNGS + 1]; /* [0]: the night's, as they were given */
    size_t sampled_one_in;
    uint32_t *vertex; /* by subject: its node, once there is a view that of the view */
    uint8_t *looked;  /* by label of the input: IN, COUNTED */
    /* Nodes are those of the view. */
    uint8_t *node;              /* by node: IN, COUNTED */
    uint32_t *label[RUNGS + 1]; /* by node */
    uint32_t *group[RUNGS + 1]; /* by label of the rung */
    uint8_t *finer;             /* by node: bit k: the community of rung k that it names is cut */
    double *here, *below;       /* by label: the best margin in it, at the rung and the one below */
} ladder;

static void ladder_free(ladder *l)
{
    rsi_ladder_view_free(&l->view);
    for (unsigned k = 0; k <= RUNGS; k++) {
        if (k > 0) {
            rsi_candidates_free(&l->rungs[k].candidates);
            rsi_sharing_free(&l->rungs[k].sharing);
        }
        free(l->rungs[k].decades);
        free(l->label[k]);
        free(l->group[k]);
    }
    free(l->vertex);
    free(l->looked);
    free(l->node);
    free(l->finer);
    free(l->here);
    free(l->below);
}

static rs_status ladder_alloc(ladder *l, rs_error *err)
{
    size_t nodes = (size_t)l->view.collapsed.node_count + 1;
    bool enough = true;
    l->node = calloc(nodes, 1);
    l->finer = calloc(nodes, 1);
    l->here = malloc(nodes * sizeof *l->here);
    l->below = malloc(nodes * sizeof *l->below);
    for (unsigned k = 0; k <= RUNGS; k++) {
        l->label[k] = malloc(nodes * sizeof *l->label[k]);
        l->group[k] = malloc(nodes * sizeof *l->group[k]);
        enough = enough && l->label[k] != NULL && l->group[k] != NULL;
    }
    if (!enough || l->node == NULL || l->finer == NULL || l->here == NULL || l->below == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu nodes to cut finer)", nodes);
    }
    return RS_OK;
}

/* The node of a group's first member. */
static uint32_t node_of(const ladder *l, unsigned rung, size_t group)
{
    const rsi_candidates *c = &l->rungs[rung].candidates;
    return l->vertex[c->members[c->first[group]]];
}

/* ---- what is looked at -------------------------------------------------------------------------
 */

typedef struct ranked {
    double decades;
    uint32_t group;
} ranked;

static int by_decades(const void *left, const void *right)
{
    const ranked *a = left;
    const ranked *b = right;
    if (a->decades != b->decades) {
        return a->decades > b->decades ? -1 : 1;
    }
    return (a->group > b->group) - (a->group < b->group);
}

static void look_at(const ladder *l, uint32_t group, uint8_t how)
{
    uint32_t v = node_of(l, 0, group);
    if (v != RSI_NO_VERTEX) {
        l->looked[l->input->label[v]] |= how;
    }
}

/* l->vertex; l->looked: the communities of the most unusual groups, and of every n-th. */
static rs_status choose_communities(ladder *l, rs_error *err)
{
    const rsi_candidates *c = &l->rungs[0].candidates;
    size_t nodes = l->input->collapsed->node_count;
    size_t members = 0;
    ranked *all = malloc((c->count + 1) * sizeof *all);
    l->vertex = malloc(((size_t)rs_graph_subject_count(l->input->graph) + 1) * sizeof *l->vertex);
    l->looked = calloc(nodes + 1, 1);
    if (all == NULL || l->vertex == NULL || l->looked == NULL) {
        free(all);
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu groups of %zu nodes)", c->count, nodes);
    }
    rsi_vertices_map(l->input, l->vertex);
    l->sampled_one_in = c->first[c->count] / SAMPLED + 1;
    for (size_t g = 0; g < c->count; g++) {
        all[g] = (ranked){.decades = l->rungs[0].decades[g], .group = (uint32_t)g};
        if (g % l->sampled_one_in == 0) {
            look_at(l, (uint32_t)g, IN | COUNTED);
        }
    }
    qsort(all, c->count, sizeof *all, by_decades);
    for (size_t i = 0; i < c->count && members < LOOKED_AT; i++) {
        look_at(l, all[i].group, IN);
        members += c->first[all[i].group + 1] - c->first[all[i].group];
    }
    free(all);
    return RS_OK;
}

/* Rung 0: nodes of communities that are looked at, named by the smallest of them; but for those of
 * persons who left their group or are a group by themselves. */
static void begin(ladder *l)
{
    const rsi_candidates *c = &l->rungs[0].candidates;
    const rsi_ladder_view *view = &l->view;
    const uint32_t *label = view->label;
    uint32_t nodes = view->collapsed.node_count;
    uint32_t *name = l->group[1]; /* scratch: by community */
    memset(name, 0xff, nodes * sizeof *name);
    for (uint32_t v = 0; v < nodes; v++) {
        uint32_t subject = view->collapsed.nodes[v];
        bool left = c->left != NULL && view->collapsed.is_member[v] && c->left[subject];
        l->node[v] = left ? 0 : l->looked[l->input->label[view->origin[v]]];
    }
    for (size_t g = 0; g < c->count; g++) {
        uint32_t v = node_of(l, 0, g);
        if (v != RSI_NO_VERTEX && name[label[v]] != NO_GROUP) {
            l->node[v] = 0;
        } else if (v != RSI_NO_VERTEX) {
            name[label[v]] = v; /* has a group */
        }
    }
    memset(name, 0xff, nodes * sizeof *name);
    for (uint32_t v = 0; v < nodes; v++) {
        uint32_t *own = &name[label[v]];
        *own = (l->node[v] & IN) && *own == NO_GROUP ? v : *own;
        l->label[0][v] = l->node[v] & IN ? *own : v;
    }
}

/* ---- rungs -------------------------------------------------------------------------------------
 */

/* group[rung]: of communities that are looked at. */
static void map_groups(const ladder *l, unsigned rung)
{
    const rsi_candidates *c = &l->rungs[rung].candidates;
    uint32_t *group = l->group[rung];
    memset(group, 0xff, l->view.collapsed.node_count * sizeof *group);
    for (size_t g = 0; g < c->count; g++) {
        uint32_t v = node_of(l, rung, g);
        if (v != RSI_NO_VERTEX && (l->node[v] & IN) && group[l->label[rung][v]] == NO_GROUP) {
            group[l->label[rung][v]] = (uint32_t)g;
        }
    }
}

/* The groups of the rung that are of the null model; returns their number. */
static size_t count_groups(const ladder *l, unsigned rung, uint8_t *counted)
{
    size_t count = 0;
    for (size_t g = 0; g < l->rungs[rung].candidates.count; g++) {
        uint32_t v = node_of(l, rung, g);
        counted[g] = v != RSI_NO_VERTEX && (l->node[v] & COUNTED) != 0;
        count += counted[g];
    }
    return count;
}

static rs_status add_decades(rsi_rung *r, rs_error *err)
{
    r->decades = malloc((r->candidates.count + 1) * sizeof *r->decades);
    if (r->decades == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu groups)", r->candidates.count);
    }
    for (size_t g = 0; g < r->candidates.count; g++) {
        r->decades[g] = rsi_sharing_sum(&r->sharing, g);
    }
    return RS_OK;
}

/* What nobody asks for once the decades are added up: most of what a rung takes. */
static void forget(rsi_rung *r)
{
    free(r->candidates.of);
    r->candidates.of = NULL;
    for (size_t c = 0; c < r->sharing.column_count; c++) {
        rsi_column *column = &r->sharing.columns[c];
        bool any = false;
        for (size_t g = 0; g < r->candidates.count && !any; g++) {
            any = column->amount[g] > 0;
        }
        free(column->home);
        free(column->decades);
        column->home = NULL;
        column->decades = NULL;
        if (!any) {
            free(column->amount);
            free(column->own);
            column->amount = NULL;
            column->own = NULL;
        }
    }
}

static rs_status weigh_rung(ladder *l, unsigned rung, size_t *groups, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_rung *r = &l->rungs[rung];
    uint8_t *counted = malloc(r->candidates.count + 1);
    if (counted == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu groups)", r->candidates.count);
    }
    *groups = count_groups(l, rung, counted) * l->sampled_one_in;
    RS_TRY(rsi_sharing_weigh(&r->candidates, counted, rs_graph_subject_count(l->input->graph),
                             l->work, &r->sharing, err));
done:
    free(counted);
    return status;
}

static rs_status make_rung(ladder *l, unsigned rung, size_t *groups, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_rung *r = &l->rungs[rung];
    l->view.input.label = l->label[rung];
    RS_TRY(rsi_candidates_find(&l->view.input, l->options->trim, l->work, &r->candidates, err));
    RS_TRY(rsi_sharing_find(&l->view.input, &r->candidates, l->work, &l->rungs[0].sharing,
                            &r->sharing, err));
    RS_TRY(weigh_rung(l, rung, groups, err));
    RS_TRY(add_decades(r, err));
    forget(r);
done:
    return status;
}

/* ---- the choice --------------------------------------------------------------------------------
 */

/* l->here of the rung from l->below, and which of its communities are cut. `groups`: of the rung on
 * the whole night. */
static void choose_at(const ladder *l, unsigned rung, size_t groups)
{
    const rsi_rung *r = &l->rungs[rung];
    uint32_t nodes = l->view.collapsed.node_count;
    double chance = log10((double)(groups > RSI_TAIL_GROUPS_MIN ? groups : RSI_TAIL_GROUPS_MIN));
    for (uint32_t v = 0; v < nodes; v++) {
        l->here[v] = -INFINITY;
    }
    for (uint32_t v = 0; v < nodes && rung < RUNGS; v++) {
        if ((l->node[v] & IN) && l->label[rung + 1][v] == v) {
            double *own = &l->here[l->label[rung][v]];
            *own = l->below[v] > *own ? l->below[v] : *own;
        }
    }
    for (uint32_t v = 0; v < nodes; v++) {
        uint32_t g = l->group[rung][v];
        double margin = g == NO_GROUP ? -INFINITY : r->decades[g] - chance;
        if (l->here[v] > margin + log10(RUNGS + 1)) {
            l->finer[v] |= (uint8_t)(1U << rung);
        } else {
            l->here[v] = margin;
        }
    }
}

/* The rung at which the branch of a node ends. */
static unsigned rung_of(const ladder *l, uint32_t v)
{
    unsigned rung = 0;
    while (rung < RUNGS && (l->finer[l->label[rung][v]] & (1U << rung)) != 0) {
        rung++;
    }
    return rung;
}

static int by_base(const void *left, const void *right)
{
    const rsi_ladder_pick *a = left;
    const rsi_ladder_pick *b = right;
    if (a->base != b->base) {
        return a->base < b->base ? -1 : 1;
    }
    if (a->rung != b->rung) {
        return a->rung < b->rung ? -1 : 1;
    }
    return (a->group > b->group) - (a->group < b->group);
}

/* The groups that are kept, in order: those of the night, each or its parts. A part may have more
 * than one: who is a group as an entity alone stands beside it where trimming took it out. */
static size_t pick_groups(const ladder *l, rsi_ladder_pick *picks)
{
    size_t count = 0;
    for (unsigned k = 0; k <= RUNGS; k++) {
        for (uint32_t g = 0; g < l->rungs[k].candidates.count; g++) {
            uint32_t v = node_of(l, k, g);
            bool in = v != RSI_NO_VERTEX && (l->node[v] & IN) != 0;
            if (in ? rung_of(l, v) == k : k == 0) {
                uint32_t base = k == 0 ? g : l->group[0][l->label[0][v]];
                picks[count++] = (rsi_ladder_pick){.base = base, .rung = k, .group = g};
            }
        }
    }
    qsort(picks, count, sizeof *picks, by_base);
    return count;
}

/* ---- all of it ---------------------------------------------------------------------------------
 */

/* Puts what was picked in the place of what was given. */
static rs_status put(ladder *l, rsi_candidates *candidates, rsi_sharing *sharing, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t subjects = rs_graph_subject_count(l->input->graph);
    size_t most = 1;
    rsi_candidates kept = {0};
    rsi_sharing kept_sharing = {0};
    for (unsigned k = 0; k <= RUNGS; k++) {
        most += l->rungs[k].candidates.count;
    }
    rsi_ladder_pick *picks = malloc(most * sizeof *picks);
    if (picks == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu groups)", most);
    }
    size_t count = pick_groups(l, picks);
    RS_TRY(rsi_ladder_merge(l->rungs, picks, count, subjects, l->work, &kept, &kept_sharing, err));
    rsi_candidates_free(candidates);
    rsi_sharing_free(sharing);
    *candidates = kept;
    *sharing = kept_sharing;
    RS_TRY(rsi_sharing_weigh(candidates, NULL, subjects, l->work, sharing, err));
done:
    free(picks);
    return status;
}

/* The labels of the cut that is kept, by node of the whole evidence; whether any is not the
 * input's. */
static bool settle_labels(const ladder *l, uint32_t *label)
{
    bool any = false;
    const rsi_ladder_view *view = &l->view;
    uint32_t nodes = view->collapsed.node_count;
    uint8_t *is_cut = l->looked; /* scratch: by community */
    memcpy(label, l->input->label, l->input->collapsed->node_count * sizeof *label);
    memset(is_cut, 0, nodes);
    for (uint32_t v = 0; v < nodes; v++) {
        if ((l->node[v] & IN) && rung_of(l, v) > 0) {
            is_cut[view->label[v]] = 1;
            any = true;
        }
    }
    for (uint32_t v = 0; v < nodes; v++) {
        if (is_cut[view->label[v]]) {
            uint32_t part = l->node[v] & IN ? l->label[rung_of(l, v)][v] : v;
            label[view->origin[v]] = view->origin[part];
        }
    }
    return any;
}

static rs_status climb(ladder *l, rs_error *err)
{
    rs_status status = RS_OK;
    size_t groups[RUNGS + 1] = {l->rungs[0].candidates.count};
    const rs_evidence_graph *g = &l->view.collapsed;
    RS_TRY(add_decades(&l->rungs[0], err));
    RS_TRY(choose_communities(l, err));
    RS_TRY(rsi_ladder_view_make(&l->view, l->input, l->looked, l->vertex, l->sampled_one_in == 1,
                                l->work, err));
    RS_TRY(ladder_alloc(l, err));
    begin(l);
    map_groups(l, 0);
    const rs_link_graph links = {g->node_count, g->is_member, g->link_count, g->a, g->b, g->weight};
    RS_TRY(rs_detect_finer(&links, l->label[0], l->input->resolution, l->work, l->label + 1, err));
    for (unsigned k = 1; k <= RUNGS; k++) {
        RS_TRY(make_rung(l, k, &groups[k], err));
        map_groups(l, k);
    }
    for (unsigned k = RUNGS + 1; k-- > 0;) {
        choose_at(l, k, groups[k]);
        double *above = l->below;
        l->below = l->here;
        l->here = above;
    }
done:
    return status;
}

rs_status rsi_ladder_climb(const rs_score_input *input, const rs_score_options *options,
                           const rs_work *work, rsi_candidates *candidates, rsi_sharing *sharing,
                           uint32_t **label, rs_error *err)
{
    rs_status status = RS_OK;
    ladder l = {.input = input, .options = options, .work = work};
    uint32_t *kept = malloc(((size_t)input->collapsed->node_count + 1) * sizeof *kept);
    l.rungs[0] = (rsi_rung){.candidates = *candidates, .sharing = *sharing}; /* lent */
    if (kept == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u nodes)", input->collapsed->node_count);
    }
    RS_TRY(climb(&l, err));
    bool any = settle_labels(&l, kept);
    rsi_ladder_view_free(&l.view); /* what was found in it is merged where it was */
    if (any) {
        RS_TRY(put(&l, candidates, sharing, err));
    }
    *label = kept;
    kept = NULL; /* moved to the caller */
done:
    ladder_free(&l);
    free(kept);
    return status;
}
