/* ladder_view.c - the evidence of a part of the communities, so that a rung costs what they do.
 *
 * Things keep all of their users: how rare a thing is depends on all who use it. Of the collapsed
 * links those that leave a community stay, for a member's links outside count too.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "score/ladder.h"

/* By subject: the community it is looked at in, or RSI_NO_VERTEX. */
static void place_subjects(const rs_score_input *input, const uint8_t *looked,
                           const uint32_t *vertex, uint32_t *place)
{
    uint32_t subjects = rs_graph_subject_count(input->graph);
    for (uint32_t v = 0; v < subjects; v++) {
        uint32_t node = vertex[input->evidence->entity[v]];
        bool wanted = node != RSI_NO_VERTEX && looked[input->label[node]];
        place[v] = wanted ? input->label[node] : RSI_NO_VERTEX;
    }
}

static rs_status take_collapsed(rsi_ladder_view *view, const uint8_t *looked, rs_error *err)
{
    const rs_evidence_graph *all = view->input.collapsed;
    const uint32_t *label = view->input.label;
    rs_evidence_graph *out = &view->collapsed;
    size_t kept = 0;
    for (size_t i = 0; i < all->link_count; i++) {
        kept += looked[label[all->a[i]]] || looked[label[all->b[i]]];
    }
    *out = *all;
    out->link_count = 0;
    out->a = malloc((kept + 1) * sizeof *out->a);
    out->b = malloc((kept + 1) * sizeof *out->b);
    out->weight = malloc((kept + 1) * sizeof *out->weight);
    if (out->a == NULL || out->b == NULL || out->weight == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu links to look at)", kept);
    }
    for (size_t i = 0; i < all->link_count; i++) {
        if (looked[label[all->a[i]]] || looked[label[all->b[i]]]) {
            out->a[out->link_count] = all->a[i];
            out->b[out->link_count] = all->b[i];
            out->weight[out->link_count++] = all->weight[i];
        }
    }
    return RS_OK;
}

static bool in_one_place(const rs_link *link, const uint32_t *place, uint32_t subjects)
{
    return link->b < subjects && place[link->a] != RSI_NO_VERTEX &&
           place[link->a] == place[link->b];
}

static rs_status take_links(rsi_ladder_view *view, const uint32_t *place, rs_error *err)
{
    const rs_evidence *all = view->input.evidence;
    uint32_t subjects = rs_graph_subject_count(view->input.graph);
    size_t kept = 0;
    for (size_t i = 0; i < all->link_count; i++) {
        kept += in_one_place(&all->links[i], place, subjects);
    }
    view->evidence.links = malloc((kept + 1) * sizeof *view->evidence.links);
    if (view->evidence.links == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu links to look at)", kept);
    }
    for (size_t i = 0; i < all->link_count; i++) {
        if (in_one_place(&all->links[i], place, subjects)) {
            view->evidence.links[view->evidence.link_count++] = all->links[i];
        }
    }
    return RS_OK;
}

/* Whether two users of a thing are looked at. */
static bool is_used(const rs_groups *all, uint32_t thing, const uint32_t *place)
{
    unsigned users = 0;
    for (uint64_t k = all->first[thing]; k < all->first[thing + 1] && users < 2; k++) {
        users += place[all->users[k]] != RSI_NO_VERTEX;
    }
    return users == 2;
}

static rs_status take_groups(const rs_groups *all, const uint32_t *place, rs_groups *out,
                             rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t uses = 0;
    uint32_t count = 0;
    uint8_t *used = calloc((size_t)all->count + 1, 1);
    for (uint32_t i = 0; used != NULL && i < all->count; i++) {
        used[i] = is_used(all, i, place);
        count += used[i];
        uses += used[i] ? all->first[i + 1] - all->first[i] : 0;
    }
    out->things = malloc(((size_t)count + 1) * sizeof *out->things);
    out->first = malloc(((size_t)count + 1) * sizeof *out->first);
    out->users = malloc((size_t)(uses + 1) * sizeof *out->users);
    out->events = malloc((size_t)(uses + 1) * sizeof *out->events);
    if (used == NULL || out->things == NULL || out->first == NULL || out->users == NULL ||
        out->events == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u things to look at)", count);
        goto done;
    }
    out->first[0] = 0;
    for (uint32_t i = 0; i < all->count; i++) {
        if (used[i]) {
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
done:
    free(used);
    return status;
}

rs_status rsi_ladder_view_make(rsi_ladder_view *view, const rs_score_input *input,
                               const uint8_t *looked, const uint32_t *vertex, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_evidence *all = input->evidence;
    uint32_t subjects = rs_graph_subject_count(input->graph);
    uint32_t *place = malloc(((size_t)subjects + 1) * sizeof *place);
    *view = (rsi_ladder_view){.input = *input};
    view->evidence = (rs_evidence){.entity = all->entity};
    view->evidence.groups = calloc(all->relation_count + 1, sizeof *view->evidence.groups);
    if (place == NULL || view->evidence.groups == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u subjects to look at)", subjects);
        goto done;
    }
    place_subjects(input, looked, vertex, place);
    RS_TRY(take_collapsed(view, looked, err));
    RS_TRY(take_links(view, place, err));
    for (; view->evidence.relation_count < all->relation_count; view->evidence.relation_count++) {
        size_t r = view->evidence.relation_count;
        if (all->groups[r].count > 0) {
            RS_TRY(take_groups(&all->groups[r], place, &view->evidence.groups[r], err));
        }
    }
    view->input.evidence = &view->evidence;
    view->input.collapsed = &view->collapsed;
done:
    free(place);
    return status;
}

void rsi_ladder_view_free(rsi_ladder_view *view)
{
    size_t relations =
        view->input.graph == NULL ? 0 : rs_store_relation_count(rs_graph_store(view->input.graph));
    for (size_t r = 0; view->evidence.groups != NULL && r < relations; r++) {
        free(view->evidence.groups[r].things);
        free(view->evidence.groups[r].first);
        free(view->evidence.groups[r].users);
        free(view->evidence.groups[r].events);
    }
    free(view->evidence.groups);
    free(view->evidence.links);
    if (view->collapsed.nodes != NULL) {
        free(view->collapsed.a);
        free(view->collapsed.b);
        free(view->collapsed.weight);
    }
    *view = (rsi_ladder_view){0};
}
