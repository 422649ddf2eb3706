/* entity.c - union-find over hard links.
 *
 * Null model: a verified identity (a document, a voiceprint) belongs to one person, so chance has
 * no part in two accounts having the same. What can go wrong is the data: a placeholder that many
 * share
 * ("000000"). A person has few accounts; an identity of more than identity_max ties nobody.
 * Look-alikes: a guardian who opens accounts for a family by her own document.
 *
 * `entity` doubles as the parent array. Invariant: entity[v] <= v, so a root is the smallest of its
 * tree and the final labels follow in one ascending pass.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/entity.h"

#include <stdlib.h>

static uint32_t root_of(uint32_t *parent, uint32_t node)
{
    while (parent[node] != node) {
        parent[node] = parent[parent[node]];
        node = parent[node];
    }
    return node;
}

static void join(uint32_t *parent, uint32_t one, uint32_t other)
{
    one = root_of(parent, one);
    other = root_of(parent, other);
    if (one < other) {
        parent[other] = one;
    } else {
        parent[one] = other;
    }
}

/* The capacity is the next power of two: grown where the count is one. */
static rs_status add_hub(rs_evidence *evidence, size_t relation, uint32_t thing, uint32_t count,
                         rs_error *err)
{
    size_t used = evidence->hub_count;
    if ((used & (used - 1)) == 0) {
        rs_hub *hubs = realloc(evidence->hubs, (2 * used + 1) * sizeof *hubs);
        if (hubs == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu hubs)", used);
        }
        evidence->hubs = hubs;
    }
    evidence->hubs[evidence->hub_count++] = (rs_hub){
        .thing = thing, .relation = (uint16_t)relation, .kind = UINT16_MAX, .user_count = count};
    return RS_OK;
}

rs_status rsi_entities(const rs_graph *graph, uint32_t identity_max, rs_evidence *evidence,
                       rs_error *err)
{
    uint32_t subjects = rs_graph_subject_count(graph);
    uint32_t *parent = malloc(((size_t)subjects + 1) * sizeof *parent);
    if (parent == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (entities of %u subjects)", subjects);
    }
    evidence->entity = parent;
    for (uint32_t v = 0; v < subjects; v++) {
        parent[v] = v;
    }
    for (size_t r = 0; r < evidence->relation_count; r++) {
        const rs_groups *groups = &evidence->groups[r];
        if (rs_store_relation(rs_graph_store(graph), r).kind != RS_KIND_IDENTITY) {
            continue;
        }
        for (uint32_t g = 0; g < groups->count; g++) {
            uint64_t count = groups->first[g + 1] - groups->first[g];
            if (count > identity_max) {
                rs_status status = add_hub(evidence, r, groups->things[g], (uint32_t)count, err);
                if (status != RS_OK) {
                    return status;
                }
                continue;
            }
            for (uint64_t i = groups->first[g] + 1; i < groups->first[g + 1]; i++) {
                join(parent, groups->users[groups->first[g]], groups->users[i]);
            }
        }
    }
    for (uint32_t v = 0; v < subjects; v++) {
        parent[v] = parent[parent[v]];
    }
    return RS_OK;
}

void rs_entity_chains(const uint32_t *entity, uint32_t subject_count, uint32_t *next)
{
    for (uint32_t v = 0; v < subject_count; v++) {
        next[v] = RS_NO_NODE;
    }
    for (uint32_t v = subject_count; v-- > 0;) {
        if (entity[v] != v) {
            next[v] = next[entity[v]];
            next[entity[v]] = v;
        }
    }
}
