/* steady.c - which communities come back on evidence that is a little different.
 *
 * A community is cut again together with what is around it (around.c), on perturbed links: one in
 * `drop` is left out, the weights of the others change by up to a tenth. The new cut starts from
 * the old one and takes every step that raises the sum: each community is built up anew from single
 * nodes, its parts move, communities merge, nodes move (split.c). So where nothing is perturbed a
 * community comes back unless a better cut is found: none is blamed for what another search, from
 * nothing, would have missed.
 *
 * A link is drawn by its nodes' numbers, the rerun and the seed: neither threads nor what else is
 * asked for change an answer. All in integers.
 *
 * Source: perturbation of networks, Karrer, Levina, Newman 2008, "Robustness of community structure
 * in networks"; clusters by their own Jaccard index, Hennig 2007, "Cluster-wise assessment of
 * cluster stability".
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/random.h"
#include "base/try.h"
#include "detect/around.h"
#include "detect/split.h"

#define NONE UINT32_MAX

/* A community and what is around it. */
typedef struct scene {
    uint32_t own_count; /* the first vertices are the community's own */
    uint32_t *node;     /* by vertex: its node in the whole graph */
    uint32_t *start;    /* the old cut */
    rsi_arcs arcs;
} scene;

/* Subjects of a community of the new cut, and how many of them are of the old one. */
typedef struct overlap {
    uint32_t all, shared;
} overlap;

/* ---- the scene ------------------------------------------------------------------------------- */

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (communities that come back)");
}

static void scene_free(scene *s)
{
    rsi_arcs_free(&s->arcs);
    free(s->start);
    free(s->node);
}

static size_t vertices_of(const rsi_around *around, uint32_t community)
{
    return around->vertex_first[community + 1] - around->vertex_first[community];
}

/* The vertices of the scene in their order: place[] by vertex of all that is around. */
static size_t place_vertices(scene *s, const rsi_around *around, size_t index, uint32_t *place)
{
    const size_t *first = around->near_first;
    uint32_t count = 0;
    size_t arc_count = 0;
    for (size_t i = first[index]; i < first[index + 1]; i++) {
        uint32_t c = around->near[i];
        uint32_t start = count;
        for (uint32_t k = around->vertex_first[c]; k < around->vertex_first[c + 1]; k++) {
            uint32_t v = around->vertices[k];
            place[v] = count;
            s->start[count] = start;
            s->node[count++] = v; /* its node, once the arcs are copied */
            arc_count += around->arcs.first[v + 1] - around->arcs.first[v];
        }
    }
    return arc_count;
}

static void copy_arcs(scene *s, const rsi_around *around, const uint32_t *place)
{
    const rsi_arcs *from = &around->arcs;
    size_t at = 0;
    for (uint32_t k = 0; k < s->arcs.vertex_count; k++) {
        uint32_t v = s->node[k];
        s->node[k] = around->node[v];
        s->arcs.mass[k] = from->mass[v];
        for (size_t i = from->first[v]; i < from->first[v + 1]; i++) {
            uint32_t to = place[from->list[i].to];
            if (to != NONE) {
                s->arcs.list[at++] = (rsi_arc){to, from->list[i].weight};
            }
        }
        s->arcs.first[k + 1] = at;
    }
}

static rs_status scene_make(scene *s, const rsi_around *around, size_t index, rs_error *err)
{
    rs_status status = RS_OK;
    size_t all = (size_t)around->arcs.vertex_count + 1;
    size_t count = 0;
    for (size_t i = around->near_first[index]; i < around->near_first[index + 1]; i++) {
        count += vertices_of(around, around->near[i]);
    }
    uint32_t *place = malloc(all * sizeof *place);
    s->own_count = (uint32_t)vertices_of(around, around->near[around->near_first[index]]);
    s->node = malloc((count + 1) * sizeof *s->node);
    s->start = malloc((count + 1) * sizeof *s->start);
    if (place == NULL || s->node == NULL || s->start == NULL) {
        status = no_memory(err);
        goto done;
    }
    memset(place, 0xff, all * sizeof *place);
    size_t arc_count = place_vertices(s, around, index, place);
    RS_TRY(rsi_arcs_allocate(&s->arcs, (uint32_t)count, arc_count, err));
    copy_arcs(s, around, place);
done:
    free(place);
    return status;
}

/* ---- a rerun --------------------------------------------------------------------------------- */

/* What a link weighs this time; 0: it is left out. From its upper half a number says whether, the
 * lower half by how much. */
static uint64_t perturbed(uint64_t weight, uint64_t drawn, uint32_t drop)
{
    enum { THOUSAND = 1000, LEAST = 900, SPAN = 201 };
    if ((drawn >> 32) * drop >> 32 == 0) {
        return 0;
    }
    weight = weight * (LEAST + ((drawn & UINT32_MAX) * SPAN >> 32)) / THOUSAND;
    return weight > 0 ? weight : 1;
}

static rs_status perturb(const scene *s, uint32_t drop, uint64_t key, rsi_arcs *out, rs_error *err)
{
    const rsi_arcs *from = &s->arcs;
    uint32_t count = from->vertex_count;
    size_t at = 0;
    rs_status status = rsi_arcs_allocate(out, count, from->first[count], err);
    if (status != RS_OK) {
        return status;
    }
    memcpy(out->mass, from->mass, count * sizeof *out->mass);
    for (uint32_t v = 0; v < count; v++) {
        uint64_t here = s->node[v];
        for (size_t i = from->first[v]; i < from->first[v + 1]; i++) {
            rsi_arc arc = from->list[i];
            uint64_t there = s->node[arc.to];
            uint64_t name = here < there ? here << 32 | there : there << 32 | here;
            if (drop > 0) {
                arc.weight = perturbed(arc.weight, rsi_mix64(key ^ name), drop);
            }
            if (arc.weight > 0) {
                out->list[at++] = arc;
            }
        }
        out->first[v + 1] = at;
    }
    return RS_OK;
}

/* Whether the new cut has a community that shares seven tenths with the old one: of the subjects of
 * either, as many are of both. */
static bool is_back(const scene *s, const uint32_t *label, overlap *overlaps)
{
    uint32_t count = s->arcs.vertex_count;
    uint64_t own = 0;
    bool back = false;
    memset(overlaps, 0, count * sizeof *overlaps);
    for (uint32_t v = 0; v < count; v++) {
        uint32_t mass = s->arcs.mass[v];
        overlaps[label[v]].all += mass;
        overlaps[label[v]].shared += v < s->own_count ? mass : 0;
        own += v < s->own_count ? mass : 0;
    }
    for (uint32_t c = 0; c < count; c++) {
        uint64_t shared = overlaps[c].shared;
        back = back || (shared > 0 && 10 * shared >= 7 * (own + overlaps[c].all - shared));
    }
    return back;
}

static rs_status count_reruns(const scene *s, const rs_steady_options *options, uint32_t resolution,
                              uint32_t *came_back, rs_error *err)
{
    rs_status status = RS_OK;
    size_t count = s->arcs.vertex_count;
    rsi_arcs arcs = {0};
    uint32_t *label = malloc((count + 1) * sizeof *label);
    overlap *overlaps = malloc((count + 1) * sizeof *overlaps);
    if (label == NULL || overlaps == NULL) {
        status = no_memory(err);
        goto done;
    }
    for (uint32_t rerun = 0; rerun < options->rerun_count; rerun++) {
        uint64_t key = rsi_mix64(rsi_mix64(options->random_seed) + rerun);
        RS_TRY(perturb(s, options->drop, key, &arcs, err));
        memcpy(label, s->start, count * sizeof *label);
        RS_TRY(rsi_split_again(&arcs, resolution, options->random_seed, label, err));
        *came_back += is_back(s, label, overlaps);
    }
done:
    rsi_arcs_free(&arcs);
    free(overlaps);
    free(label);
    return status;
}

/* ---- all of them ----------------------------------------------------------------------------- */

typedef struct steadying {
    const rsi_around *around;
    const rs_steady_options *options;
    uint32_t *came_back;
} steadying;

static rs_status steady_one(void *context, size_t index, unsigned worker, rs_error *err)
{
    const steadying *t = context;
    scene s = {0};
    (void)worker;
    t->came_back[index] = 0;
    rs_status status = scene_make(&s, t->around, index, err);
    if (status == RS_OK && s.arcs.first[s.arcs.vertex_count] > 2 * (size_t)RS_STEADY_LINKS_MAX) {
        t->came_back[index] = RS_STEADY_UNKNOWN;
    } else if (status == RS_OK) {
        status =
            count_reruns(&s, t->options, t->options->resolutions[index], &t->came_back[index], err);
    }
    scene_free(&s);
    return status;
}

rs_status rs_detect_steady(const rs_link_graph *graph, const uint32_t *label,
                           const rs_steady_options *options, const rs_work *work,
                           uint32_t *came_back, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_around around = {0};
    steadying t = {.around = &around, .options = options, .came_back = came_back};
    RS_TRY(rsi_around_find(&around, graph, label, options, work, err));
    RS_TRY(rsi_parallel(work, options->community_count, steady_one, &t, err));
done:
    rsi_around_free(&around);
    return status;
}
