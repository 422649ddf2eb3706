/* around.c - communities that share links with a given one, and the graph of them all.
 *
 *   links that leave what is asked for -> its neighbours, and what each shares with it
 *   neighbours that fit -> their nodes -> the links among these
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/around.h"

#include <stdlib.h>
#include <string.h>

#include "base/sort.h"
#include "base/try.h"

#define NONE UINT32_MAX

/* A community asked for, one beside it, and the weight that they share. */
typedef struct contact {
    uint32_t asked, other;
    uint64_t weight;
} contact;

typedef struct finder {
    const rs_link_graph *graph;
    const uint32_t *label;
    uint32_t
        *number; /* by label: its place in what is asked for; then, of what is in, its number */
    uint32_t *vertex;    /* by label: how many nodes; then by node: its vertex */
    rsi_record *leaving; /* links that leave what is asked for: place, other label -> weight */
    size_t leaving_count, leaving_room;
    rsi_around *out;
} finder;

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (what is around communities)");
}

static rs_status add_leaving(finder *f, uint32_t asked, uint32_t other, uint32_t weight,
                             rs_error *err)
{
    if (f->leaving_count == f->leaving_room) {
        size_t room = f->leaving_room == 0 ? 1024 : 2 * f->leaving_room;
        rsi_record *leaving = realloc(f->leaving, room * sizeof *leaving);
        if (leaving == NULL) {
            return no_memory(err);
        }
        f->leaving = leaving;
        f->leaving_room = room;
    }
    f->leaving[f->leaving_count++] =
        (rsi_record){.key = (uint64_t)asked << 32 | other, .value = weight};
    return RS_OK;
}

static rs_status find_leaving(finder *f, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_link_graph *g = f->graph;
    for (size_t i = 0; i < g->link_count; i++) {
        uint32_t a = f->label[g->a[i]];
        uint32_t b = f->label[g->b[i]];
        if (a != b && f->number[a] != NONE) {
            RS_TRY(add_leaving(f, f->number[a], b, g->weight[i], err));
        }
        if (a != b && f->number[b] != NONE) {
            RS_TRY(add_leaving(f, f->number[b], a, g->weight[i], err));
        }
    }
done:
    return status;
}

static int by_weight(const void *left, const void *right)
{
    const contact *a = left;
    const contact *b = right;
    if (a->asked != b->asked) {
        return a->asked < b->asked ? -1 : 1;
    }
    if (a->weight != b->weight) {
        return a->weight > b->weight ? -1 : 1;
    }
    return (a->other > b->other) - (a->other < b->other);
}

/* One contact for each pair of communities, those that share most first. */
static rs_status find_contacts(finder *f, contact **out, size_t *count, rs_error *err)
{
    rs_status status = RS_OK;
    contact *contacts = malloc((f->leaving_count + 1) * sizeof *contacts);
    if (contacts == NULL) {
        return no_memory(err);
    }
    RS_TRY(rsi_sort_records(f->leaving, f->leaving_count, NULL, err));
    *count = 0;
    for (size_t i = 0; i < f->leaving_count; i++) {
        const rsi_record *one = &f->leaving[i];
        if (i == 0 || one->key != one[-1].key) {
            contacts[(*count)++] =
                (contact){.asked = (uint32_t)(one->key >> 32), .other = (uint32_t)one->key};
        }
        contacts[*count - 1].weight += one->value;
    }
    qsort(contacts, *count, sizeof *contacts, by_weight);
    *out = contacts;
    contacts = NULL; /* moved to the caller */
done:
    free(contacts);
    return status;
}

/* near_first, and near, with labels as yet. */
static rs_status choose(finder *f, const rs_steady_options *options, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_around *out = f->out;
    size_t asked_count = options->community_count;
    contact *contacts = NULL;
    size_t contact_count = 0;
    RS_TRY(find_contacts(f, &contacts, &contact_count, err));
    out->near_first = calloc(asked_count + 1, sizeof *out->near_first);
    out->near = malloc((contact_count + asked_count + 1) * sizeof *out->near);
    if (out->near_first == NULL || out->near == NULL) {
        status = no_memory(err);
        goto done;
    }
    size_t used = 0;
    size_t at = 0;
    for (size_t i = 0; i < asked_count; i++) {
        uint64_t own = f->vertex[options->communities[i]];
        uint64_t nodes_max = own > RS_STEADY_AROUND ? own : RS_STEADY_AROUND;
        uint64_t nodes = 0;
        out->near[used++] = options->communities[i];
        for (; at < contact_count && contacts[at].asked == i; at++) {
            uint32_t other = contacts[at].other;
            if (nodes + f->vertex[other] <= nodes_max) {
                nodes += f->vertex[other];
                out->near[used++] = other;
            }
        }
        out->near_first[i + 1] = used;
    }
done:
    free(contacts);
    return status;
}

/* number[]: of each community that is in, by label; near[]: these numbers. Returns how many. */
static uint32_t number_communities(finder *f, size_t near_count)
{
    uint32_t *near = f->out->near;
    uint32_t nodes = f->graph->node_count;
    uint32_t count = 0;
    memset(f->number, 0xff, nodes * sizeof *f->number);
    for (size_t i = 0; i < near_count; i++) {
        f->number[near[i]] = 0;
    }
    for (uint32_t v = 0; v < nodes; v++) {
        f->number[v] = f->number[v] == 0 ? count++ : NONE;
    }
    for (size_t i = 0; i < near_count; i++) {
        near[i] = f->number[near[i]];
    }
    return count;
}

/* Nodes of communities that are in become vertices, listed by community. */
static rs_status number_nodes(finder *f, uint32_t communities, rs_error *err)
{
    rsi_around *out = f->out;
    uint32_t nodes = f->graph->node_count;
    uint32_t count = 0;
    for (uint32_t v = 0; v < nodes; v++) {
        f->vertex[v] = f->number[f->label[v]] != NONE ? count++ : NONE;
    }
    out->arcs.vertex_count = count;
    out->node = malloc(((size_t)count + 1) * sizeof *out->node);
    out->vertices = malloc(((size_t)count + 1) * sizeof *out->vertices);
    out->vertex_first = calloc((size_t)communities + 2, sizeof *out->vertex_first);
    if (out->node == NULL || out->vertices == NULL || out->vertex_first == NULL) {
        return no_memory(err);
    }
    for (uint32_t v = 0; v < nodes; v++) {
        if (f->vertex[v] != NONE) {
            out->node[f->vertex[v]] = v;
            out->vertex_first[f->number[f->label[v]] + 2]++;
        }
    }
    for (uint32_t c = 0; c < communities; c++) {
        out->vertex_first[c + 2] += out->vertex_first[c + 1];
    }
    for (uint32_t v = 0; v < count; v++) {
        out->vertices[out->vertex_first[f->number[f->label[out->node[v]]] + 1]++] = v;
    }
    return RS_OK;
}

/* The links among the vertices. */
static rs_status link_vertices(const finder *f, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_link_graph *g = f->graph;
    rsi_around *out = f->out;
    uint32_t vertex_count = out->arcs.vertex_count;
    size_t room = 0;
    for (size_t i = 0; i < g->link_count; i++) {
        room += f->vertex[g->a[i]] != NONE;
    }
    uint32_t *a = malloc((room + 1) * sizeof *a);
    uint32_t *b = malloc((room + 1) * sizeof *b);
    uint64_t *weight = malloc((room + 1) * sizeof *weight);
    uint32_t *mass = malloc(((size_t)vertex_count + 1) * sizeof *mass);
    rsi_piece piece = {
        .vertex_count = vertex_count, .mass = mass, .a = a, .b = b, .weight = weight};
    if (a == NULL || b == NULL || weight == NULL || mass == NULL) {
        status = no_memory(err);
        goto done;
    }
    for (size_t i = 0; i < g->link_count; i++) {
        if (f->vertex[g->a[i]] != NONE && f->vertex[g->b[i]] != NONE) {
            a[piece.link_count] = f->vertex[g->a[i]];
            b[piece.link_count] = f->vertex[g->b[i]];
            weight[piece.link_count++] = g->weight[i];
        }
    }
    for (uint32_t v = 0; v < vertex_count; v++) {
        mass[v] = g->is_member[out->node[v]];
    }
    RS_TRY(rsi_arcs_make(&out->arcs, &piece, work, err));
done:
    free(mass);
    free(weight);
    free(b);
    free(a);
    return status;
}

rs_status rsi_around_find(rsi_around *around, const rs_link_graph *graph, const uint32_t *label,
                          const rs_steady_options *options, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    size_t nodes = (size_t)graph->node_count + 1;
    finder f = {.graph = graph, .label = label, .out = around};
    f.number = malloc(nodes * sizeof *f.number);
    f.vertex = calloc(nodes, sizeof *f.vertex);
    if (f.number == NULL || f.vertex == NULL) {
        status = no_memory(err);
        goto done;
    }
    memset(f.number, 0xff, nodes * sizeof *f.number);
    for (size_t i = 0; i < options->community_count; i++) {
        f.number[options->communities[i]] = (uint32_t)i;
    }
    for (uint32_t v = 0; v < graph->node_count; v++) {
        f.vertex[label[v]]++;
    }
    RS_TRY(find_leaving(&f, err));
    RS_TRY(choose(&f, options, err));
    uint32_t communities = number_communities(&f, around->near_first[options->community_count]);
    RS_TRY(number_nodes(&f, communities, err));
    RS_TRY(link_vertices(&f, work, err));
done:
    free(f.leaving);
    free(f.vertex);
    free(f.number);
    return status;
}

void rsi_around_free(rsi_around *around)
{
    rsi_arcs_free(&around->arcs);
    free(around->node);
    free(around->vertex_first);
    free(around->vertices);
    free(around->near_first);
    free(around->near);
    *around = (rsi_around){0};
}
