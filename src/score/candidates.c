/* candidates.c - trimming, and the way from entities back to accounts.
 *
 * Works on the collapsed graph: nodes are bucketed by community, and each community is trimmed
 * alone, blocks of them side by side. Links stand by their smaller end, so those of a community are
 * those of its nodes that end inside. Things take part in the mean as nodes and can be trimmed too;
 * only subjects become members.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "score/candidates.h"

#include <stdlib.h>
#include <string.h>

#include "base/expect.h"
#include "base/parallel.h"
#include "base/try.h"

enum { TRIM_ROUNDS_MAX = 64, MEMBERS_MIN = 3, NODES_A_BLOCK = 1 << 13 };
#define NO_GROUP UINT32_MAX

/* Nodes of the collapsed graph by community; a community is named by its smallest node. */
typedef struct buckets {
    size_t *node_first; /* node_count + 1 */
    uint32_t *nodes;
    size_t *link_first;    /* by node: its links with larger ends; node_count + 1 */
    uint64_t *inside;      /* by node */
    uint32_t *label;       /* by node: its community; NO_GROUP once it is trimmed */
    uint32_t *same;        /* by subject: the next subject of its entity, NO_GROUP at the end */
    uint32_t *entity_size; /* by subject that is the smallest of its entity */
} buckets;

static void buckets_free(buckets *b)
{
    free(b->node_first);
    free(b->nodes);
    free(b->link_first);
    free(b->inside);
    free(b->label);
    free(b->same);
    free(b->entity_size);
}

static rs_status buckets_alloc(buckets *b, size_t nodes, size_t links, size_t subjects,
                               rs_error *err)
{
    b->node_first = calloc(nodes + 2, sizeof *b->node_first);
    b->nodes = malloc((nodes + 1) * sizeof *b->nodes);
    b->link_first = calloc(nodes + 2, sizeof *b->link_first);
    b->inside = calloc(nodes + 1, sizeof *b->inside);
    b->label = malloc((nodes + 1) * sizeof *b->label);
    b->same = malloc((subjects + 1) * sizeof *b->same);
    b->entity_size = calloc(subjects + 1, sizeof *b->entity_size);
    if (b->node_first == NULL || b->nodes == NULL || b->link_first == NULL || b->inside == NULL ||
        b->label == NULL || b->same == NULL || b->entity_size == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu nodes, %zu links to score)", nodes,
                       links);
    }
    return RS_OK;
}

/* Where each node's links begin. */
static void index_links(const rs_evidence_graph *g, const buckets *b)
{
    for (size_t i = 0; i < g->link_count; i++) {
        b->link_first[g->a[i] + 1]++;
    }
    for (uint32_t v = 0; v < g->node_count; v++) {
        b->link_first[v + 1] += b->link_first[v];
    }
}

/* Counting sort of nodes by label. */
static void sort_nodes(const rs_score_input *input, const buckets *b)
{
    const rs_evidence_graph *g = input->collapsed;
    memcpy(b->label, input->label, g->node_count * sizeof *b->label);
    for (uint32_t v = 0; v < g->node_count; v++) {
        b->node_first[input->label[v] + 2]++;
    }
    for (uint32_t v = 0; v < g->node_count; v++) {
        b->node_first[v + 2] += b->node_first[v + 1];
    }
    for (uint32_t v = 0; v < g->node_count; v++) {
        b->nodes[b->node_first[input->label[v] + 1]++] = v;
    }
}

/* Chain the subjects of each entity from its smallest one on, ascending. */
static void chain_entities(const rs_score_input *input, const buckets *b)
{
    uint32_t subjects = rs_graph_subject_count(input->graph);
    rs_entity_chains(input->evidence->entity, subjects, b->same);
    for (uint32_t v = 0; v < subjects; v++) {
        b->entity_size[input->evidence->entity[v]]++;
    }
}

/* What the trimming of communities works on, side by side. */
typedef struct trimming {
    const rs_score_input *input;
    const buckets *b;
    uint32_t trim;
} trimming;

static rs_status fill_one(void *context, size_t index, unsigned worker, rs_error *err)
{
    const trimming *t = context;
    (void)worker;
    (void)err;
    switch (index) {
    case 0:
        sort_nodes(t->input, t->b);
        break;
    case 1:
        index_links(t->input->collapsed, t->b);
        break;
    default:
        chain_entities(t->input, t->b);
    }
    return RS_OK;
}

/* Nodes of a community lie anywhere: where their links are is asked for before their turn. */
RSI_EXPECT void expect_links(const trimming *t, size_t k)
{
    enum { AHEAD = 8, NEAR = 4 };
    const buckets *b = t->b;
    size_t nodes = t->input->collapsed->node_count;
    if (k + AHEAD < nodes) {
        __builtin_prefetch(&b->link_first[b->nodes[k + AHEAD]]);
        size_t near = b->link_first[b->nodes[k + NEAR]];
        __builtin_prefetch(&t->input->collapsed->b[near]);
        __builtin_prefetch(&t->input->collapsed->weight[near]);
    }
}

/* Add up the links inside the community `c` of nodes that are left. */
static void weigh(const trimming *t, uint32_t c)
{
    const rs_evidence_graph *g = t->input->collapsed;
    const buckets *b = t->b;
    for (size_t k = b->node_first[c]; k < b->node_first[c + 1]; k++) {
        b->inside[b->nodes[k]] = 0;
    }
    for (size_t k = b->node_first[c]; k < b->node_first[c + 1]; k++) {
        uint32_t v = b->nodes[k];
        expect_links(t, k);
        for (size_t i = b->link_first[v]; i < b->link_first[v + 1] && b->label[v] == c; i++) {
            uint32_t other = g->b[i];
            if (b->label[other] == c) {
                b->inside[v] += g->weight[i];
                b->inside[other] += g->weight[i];
            }
        }
    }
}

/* One round of trimming the community `c`; returns how many nodes went. */
static size_t trim_once(const trimming *t, uint32_t c)
{
    const buckets *b = t->b;
    uint64_t sum = 0;
    size_t left = 0;
    size_t low = 0;
    weigh(t, c);
    for (size_t k = b->node_first[c]; k < b->node_first[c + 1]; k++) {
        uint32_t v = b->nodes[k];
        sum += b->label[v] == c ? b->inside[v] : 0;
        left += b->label[v] == c;
    }
    /* Rounded up: x < sum / left, without a product that may overflow. */
    uint64_t mean = left > 0 ? sum / left + (sum % left > 0) : 0;
    for (size_t k = b->node_first[c]; k < b->node_first[c + 1]; k++) {
        uint32_t v = b->nodes[k];
        low += b->label[v] == c && b->inside[v] * t->trim < mean;
    }
    if (low == 0 || left - low < MEMBERS_MIN) {
        return 0;
    }
    for (size_t k = b->node_first[c]; k < b->node_first[c + 1]; k++) {
        uint32_t v = b->nodes[k];
        b->label[v] = b->inside[v] * t->trim < mean ? NO_GROUP : b->label[v];
    }
    return low;
}

/* The first community whose nodes begin at `place` or after it. */
static size_t community_at(const trimming *t, size_t place)
{
    size_t low = 0;
    size_t high = t->input->collapsed->node_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->b->node_first[middle] < place) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The communities whose nodes begin in a block of places; no two write to the same node. Named by
 * their smallest nodes, nearly all of them have low numbers. */
static rs_status trim_block(void *context, size_t block, unsigned worker, rs_error *err)
{
    const trimming *t = context;
    size_t end = community_at(t, (block + 1) * NODES_A_BLOCK);
    (void)worker;
    (void)err;
    for (size_t c = community_at(t, block * NODES_A_BLOCK); c < end; c++) {
        bool any = t->b->node_first[c + 1] - t->b->node_first[c] > 1; /* one alone holds nothing */
        for (int round = 0; any && round < TRIM_ROUNDS_MAX && trim_once(t, (uint32_t)c) > 0;
             round++) {
        }
    }
    return RS_OK;
}

/* ---- collecting ---------------------------------------------------------------------------------
 */

typedef struct collector {
    const rs_score_input *input;
    const buckets *b;
    rsi_candidates *out;
    size_t used; /* members so far */
} collector;

static void add_entity(collector *c, uint32_t root, uint64_t inside)
{
    for (uint32_t v = root; v != NO_GROUP; v = c->b->same[v]) {
        c->out->members[c->used] = v;
        c->out->inside[c->used++] = inside;
    }
}

/* Close the group that was just added, or take it back where it is too small. */
static void close_group(collector *c)
{
    rsi_candidates *out = c->out;
    size_t first = out->first[out->count];
    uint64_t sum = 0;
    if (c->used - first < MEMBERS_MIN) {
        c->used = first;
        return;
    }
    for (size_t k = first; k < c->used; k++) {
        sum += out->inside[k];
        out->of[out->members[k]] = (uint32_t)out->count;
    }
    out->mean[out->count] = sum / (c->used - first);
    out->first[++out->count] = c->used;
}

static void collect_community(collector *c, uint32_t community)
{
    const rs_evidence_graph *g = c->input->collapsed;
    const buckets *b = c->b;
    for (size_t k = b->node_first[community]; k < b->node_first[community + 1]; k++) {
        uint32_t v = b->nodes[k];
        if (g->is_member[v] && b->label[v] != NO_GROUP) {
            add_entity(c, g->nodes[v], b->inside[v]);
        }
    }
    close_group(c);
}

static void collect_entities(collector *c)
{
    uint32_t subjects = rs_graph_subject_count(c->input->graph);
    for (uint32_t v = 0; v < subjects; v++) {
        if (c->b->entity_size[v] >= MEMBERS_MIN && c->out->of[v] == NO_GROUP) {
            c->out->alone[c->out->count] = 1;
            add_entity(c, v, UINT64_C(1) << 20);
            close_group(c);
        }
    }
}

rs_status rsi_candidates_make(rsi_candidates *out, size_t subjects, rs_error *err)
{
    out->first = calloc(subjects / MEMBERS_MIN + 2, sizeof *out->first);
    out->mean = calloc(subjects / MEMBERS_MIN + 2, sizeof *out->mean);
    out->rung = calloc(subjects / MEMBERS_MIN + 2, sizeof *out->rung);
    out->alone = calloc(subjects / MEMBERS_MIN + 2, sizeof *out->alone);
    out->members = malloc((subjects + 1) * sizeof *out->members);
    out->inside = malloc((subjects + 1) * sizeof *out->inside);
    out->of = malloc((subjects + 1) * sizeof *out->of);
    if (out->first == NULL || out->mean == NULL || out->members == NULL || out->inside == NULL ||
        out->of == NULL || out->rung == NULL || out->alone == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu subjects to group)", subjects);
    }
    memset(out->of, 0xff, (subjects + 1) * sizeof *out->of);
    return RS_OK;
}

rs_status rsi_candidates_find(const rs_score_input *input, uint32_t trim, const rs_work *work,
                              rsi_candidates *out, rs_error *err)
{
    rs_status status = RS_OK;
    buckets b = {0};
    const rs_evidence_graph *g = input->collapsed;
    uint32_t subjects = rs_graph_subject_count(input->graph);
    *out = (rsi_candidates){0};
    collector c = {.input = input, .b = &b, .out = out};
    trimming t = {.input = input, .b = &b, .trim = trim};
    RS_TRY(buckets_alloc(&b, g->node_count, g->link_count, subjects, err));
    RS_TRY(rsi_candidates_make(out, subjects, err));
    RS_TRY(rsi_parallel(work, 3, fill_one, &t, err));
    RS_TRY(rsi_parallel(work, ((size_t)g->node_count + NODES_A_BLOCK - 1) / NODES_A_BLOCK,
                        trim_block, &t, err));
    for (uint32_t v = 0; v < g->node_count; v++) {
        if (b.node_first[v] < b.node_first[v + 1]) {
            collect_community(&c, v);
        }
    }
    collect_entities(&c);
done:
    buckets_free(&b);
    if (status != RS_OK) {
        rsi_candidates_free(out);
    }
    return status;
}

uint32_t rsi_resolution_of(const rs_score_input *input, const rsi_candidates *candidates,
                           size_t group)
{
    uint64_t resolution = (uint64_t)input->resolution << candidates->rung[group];
    return resolution < UINT32_MAX ? (uint32_t)resolution : UINT32_MAX;
}

void rsi_candidates_free(rsi_candidates *candidates)
{
    free(candidates->first);
    free(candidates->members);
    free(candidates->inside);
    free(candidates->mean);
    free(candidates->rung);
    free(candidates->alone);
    free(candidates->of);
    free(candidates->left);
    *candidates = (rsi_candidates){0};
}

void rsi_vertices_map(const rs_score_input *input, uint32_t *vertex)
{
    const rs_evidence_graph *g = input->collapsed;
    const uint32_t *entity = input->evidence->entity;
    uint32_t subjects = rs_graph_subject_count(input->graph);
    memset(vertex, 0xff, ((size_t)subjects + 1) * sizeof *vertex);
    for (uint32_t v = 0; v < g->node_count; v++) {
        if (g->is_member[v]) {
            vertex[g->nodes[v]] = v;
        }
    }
    for (uint32_t v = 0; v < subjects; v++) { /* an entity is named by its smallest subject */
        vertex[v] = vertex[entity[v]];
    }
}
