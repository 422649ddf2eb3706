/* ladder_view.c - the evidence of a part of the communities, so that a rung costs what they do.
 *
 * Things keep all of their users: how rare a thing is depends on all who use it. Of the collapsed
 * links those that leave a community go: nothing is asked of them.
 *
 * Each part of the evidence is gone through once, side by side with the others: what is taken goes
 * where all would have room, and what is not needed of that room is given back.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/try.h"
#include "score/ladder.h"

typedef struct taking {
    rsi_ladder_view *view;
    const rs_score_input *all;
    uint32_t *number;       /* by node of the whole evidence: its node in the view */
    const uint32_t *vertex; /* by subject: its node in the view, or RSI_NO_VERTEX */
} taking;

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (evidence to look at)");
}

static void *give_back(void *array, size_t count, size_t size)
{
    void *fitted = realloc(array, (count + 1) * size);
    return fitted != NULL ? fitted : array;
}

/* ---- nodes -----------------------------------------------------------------------------------
 */

static rs_status take_nodes(const taking *t, const uint8_t *looked, rs_error *err)
{
    const rs_evidence_graph *all = t->all->collapsed;
    rsi_ladder_view *view = t->view;
    rs_evidence_graph *out = &view->collapsed;
    uint32_t count = 0;
    for (uint32_t v = 0; v < all->node_count; v++) {
        t->number[v] = looked[t->all->label[v]] ? count++ : RSI_NO_VERTEX;
    }
    out->nodes = malloc(((size_t)count + 1) * sizeof *out->nodes);
    out->is_member = malloc((size_t)count + 1);
    view->origin = malloc(((size_t)count + 1) * sizeof *view->origin);
    view->label = malloc(((size_t)count + 1) * sizeof *view->label);
    if (out->nodes == NULL || out->is_member == NULL || view->origin == NULL ||
        view->label == NULL) {
        return no_memory(err);
    }
    for (uint32_t v = 0; v < all->node_count; v++) {
        if (t->number[v] != RSI_NO_VERTEX) {
            view->origin[out->node_count] = v;
            view->label[out->node_count] = t->number[t->all->label[v]];
            out->is_member[out->node_count] = all->is_member[v];
            out->nodes[out->node_count++] = all->nodes[v];
        }
    }
    return RS_OK;
}

static void renumber_vertices(const taking *t, uint32_t *vertex)
{
    uint32_t subjects = rs_graph_subject_count(t->all->graph);
    for (uint32_t v = 0; v < subjects; v++) {
        vertex[v] = vertex[v] != RSI_NO_VERTEX ? t->number[vertex[v]] : RSI_NO_VERTEX;
    }
}

/* ---- links -----------------------------------------------------------------------------------
 */

static rs_status take_collapsed(const taking *t, rs_error *err)
{
    const rs_evidence_graph *all = t->all->collapsed;
    const uint32_t *label = t->view->label;
    rs_evidence_graph *out = &t->view->collapsed;
    size_t kept = 0;
    out->a = malloc((all->link_count + 1) * sizeof *out->a);
    out->b = malloc((all->link_count + 1) * sizeof *out->b);
    out->weight = malloc((all->link_count + 1) * sizeof *out->weight);
    if (out->a == NULL || out->b == NULL || out->weight == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < all->link_count; i++) {
        uint32_t a = t->number[all->a[i]];
        uint32_t b = a != RSI_NO_VERTEX ? t->number[all->b[i]] : RSI_NO_VERTEX;
        if (b != RSI_NO_VERTEX && label[a] == label[b]) {
            out->a[kept] = a;
            out->b[kept] = b;
            out->weight[kept++] = all->weight[i];
        }
    }
    out->link_count = kept;
    out->a = give_back(out->a, kept, sizeof *out->a);
    out->b = give_back(out->b, kept, sizeof *out->b);
    out->weight = give_back(out->weight, kept, sizeof *out->weight);
    return RS_OK;
}

static rs_status take_links(const taking *t, rs_error *err)
{
    const rs_evidence *all = t->all->evidence;
    const uint32_t *vertex = t->vertex;
    const uint32_t *label = t->view->label;
    uint32_t subjects = rs_graph_subject_count(t->all->graph);
    size_t kept = 0;
    rs_link *links = malloc((all->link_count + 1) * sizeof *links);
    if (links == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < all->link_count; i++) {
        const rs_link *link = &all->links[i];
        if (link->b < subjects && vertex[link->a] != RSI_NO_VERTEX &&
            vertex[link->b] != RSI_NO_VERTEX && label[vertex[link->a]] == label[vertex[link->b]]) {
            links[kept++] = *link;
        }
    }
    t->view->evidence.links = give_back(links, kept, sizeof *links);
    t->view->evidence.link_count = kept;
    return RS_OK;
}

/* ---- things ----------------------------------------------------------------------------------
 */

/* Whether two users of a thing are looked at. */
static bool is_used(const rs_groups *all, uint32_t thing, const uint32_t *vertex)
{
    unsigned users = 0;
    for (uint64_t k = all->first[thing]; k < all->first[thing + 1] && users < 2; k++) {
        users += vertex[all->users[k]] != RSI_NO_VERTEX;
    }
    return users == 2;
}

static rs_status take_groups(const taking *t, size_t relation, rs_error *err)
{
    const rs_groups *all = &t->all->evidence->groups[relation];
    rs_groups *out = &t->view->evidence.groups[relation];
    if (all->count == 0) {
        return RS_OK;
    }
    out->things = malloc(((size_t)all->count + 1) * sizeof *out->things);
    out->first = malloc(((size_t)all->count + 1) * sizeof *out->first);
    out->users = malloc((size_t)(all->use_count + 1) * sizeof *out->users);
    out->events = malloc((size_t)(all->use_count + 1) * sizeof *out->events);
    if (out->things == NULL || out->first == NULL || out->users == NULL || out->events == NULL) {
        return no_memory(err);
    }
    out->first[0] = 0;
    for (uint32_t i = 0; i < all->count; i++) {
        if (is_used(all, i, t->vertex)) {
            size_t length = (size_t)(all->first[i + 1] - all->first[i]);
            memcpy(out->users + out->use_count, all->users + all->first[i],
                   length * sizeof *out->users);
            memcpy(out->events + out->use_count, all->events + all->first[i],
                   length * sizeof *out->events);
            out->things[out->count] = all->things[i];
            out->use_count += length;
            out->first[++out->count] = out->use_count;
        }
    }
    out->things = give_back(out->things, out->count, sizeof *out->things);
    out->first = give_back(out->first, out->count, sizeof *out->first);
    out->users = give_back(out->users, (size_t)out->use_count, sizeof *out->users);
    out->events = give_back(out->events, (size_t)out->use_count, sizeof *out->events);
    return RS_OK;
}

/* ---- all of it -------------------------------------------------------------------------------
 */

static rs_status take(void *context, size_t index, unsigned worker, rs_error *err)
{
    const taking *t = context;
    size_t relations = t->view->evidence.relation_count;
    (void)worker;
    if (index < relations) { /* the last ones are apt to be of the most */
        return take_groups(t, relations - 1 - index, err);
    }
    return index == relations ? take_collapsed(t, err) : take_links(t, err);
}

rs_status rsi_ladder_view_make(rsi_ladder_view *view, const rs_score_input *input,
                               const uint8_t *looked, uint32_t *vertex, bool lent,
                               const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    size_t relations = input->evidence->relation_count;
    taking t = {.view = view, .all = input, .vertex = vertex};
    *view = (rsi_ladder_view){.input = *input};
    t.number = malloc(((size_t)input->collapsed->node_count + 1) * sizeof *t.number);
    if (t.number == NULL) {
        return no_memory(err);
    }
    RS_TRY(take_nodes(&t, looked, err));
    renumber_vertices(&t, vertex);
    view->input.label = view->label;
    view->input.collapsed = &view->collapsed;
    if (lent) {
        RS_TRY(take_collapsed(&t, err));
        goto done;
    }
    view->evidence = (rs_evidence){.entity = input->evidence->entity, .relation_count = relations};
    view->evidence.groups = calloc(relations + 1, sizeof *view->evidence.groups);
    if (view->evidence.groups == NULL) {
        status = no_memory(err);
        goto done;
    }
    view->input.evidence = &view->evidence;
    RS_TRY(rsi_parallel(work, relations + 2, take, &t, err));
done:
    free(t.number);
    return status;
}

void rsi_ladder_view_free(rsi_ladder_view *view)
{
    for (size_t r = 0; view->evidence.groups != NULL && r < view->evidence.relation_count; r++) {
        free(view->evidence.groups[r].things);
        free(view->evidence.groups[r].first);
        free(view->evidence.groups[r].users);
        free(view->evidence.groups[r].events);
    }
    free(view->evidence.groups);
    free(view->evidence.links);
    rs_evidence_graph_free(&view->collapsed);
    free(view->origin);
    free(view->label);
    *view = (rsi_ladder_view){0};
}
