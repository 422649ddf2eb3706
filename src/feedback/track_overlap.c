/* track_overlap.c - who shares members with whom, and the one-to-one matching over it.
 *
 * A pair weighs o / (t + p - o) in 2^-26. Below that, so that ties are settled by what the rings
 * are and not by the order of work: the rank of the earlier ring among those of its component, the
 * oldest and then the smallest id first; and below that the product of both rings' ranks, which is
 * largest in sum where older rings go with rings of higher scores.
 *
 *     weight = share << 80 | (rings - rank of the earlier) << 48 | product of the ranks
 *
 * In a component of k rings on either side the sums of the parts stay below 2^26 k, k^2 and k^3, so
 * none spills into the next up to k = 2^16; beyond that a component does without the lower parts.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "feedback/track_overlap.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/sort.h"
#include "base/try.h"
#include "feedback/track_match.h"

enum { SHARE_BITS = 26, RANK_SHIFT = 48, SHARE_SHIFT = 80, RANKED_MAX = 1 << 16 };

static rs_status no_memory(size_t count, rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (%zu rings of earlier nights)", count);
}

/* ---- tonight's members by name --------------------------------------------------------------- */

typedef struct place {
    uint32_t member; /* + 1; 0: nobody */
    uint32_t ring;
} place;

/* Open addressing, at most half full. */
typedef struct members_table {
    place *places;
    size_t mask;
    const rsi_ring_name *names;
} members_table;

static uint64_t hash_of(uint64_t type_seed, const char *id, size_t length)
{
    return rsi_hash64(id, length, type_seed);
}

static bool same_name(const rsi_ring_name *name, const char *type, const rsi_track_member *member)
{
    return name->id.length == member->length &&
           memcmp(name->id.bytes, member->id, member->length) == 0 &&
           name->type.length == strlen(type) &&
           memcmp(name->type.bytes, type, name->type.length) == 0;
}

static rs_status fill_table(const rsi_track_night *night, const rs_findings *findings,
                            members_table *table, rs_error *err)
{
    size_t count = 0;
    size_t room = 16;
    for (size_t r = 0; r < night->ring_count; r++) {
        count += findings->rings[r].member_count;
    }
    while (room < 2 * count) {
        room *= 2;
    }
    *table = (members_table){calloc(room, sizeof *table->places), room - 1, night->names};
    if (table->places == NULL) {
        return no_memory(night->ring_count, err);
    }
    for (size_t r = 0; r < night->ring_count; r++) {
        const rs_ring *ring = &findings->rings[r];
        for (size_t m = ring->member_first; m < ring->member_first + ring->member_count; m++) {
            const rsi_ring_name *name = &night->names[m];
            uint64_t seed = rsi_hash64(name->type.bytes, name->type.length, 0);
            size_t at = hash_of(seed, name->id.bytes, name->id.length) & table->mask;
            while (table->places[at].member != 0) {
                at = (at + 1) & table->mask;
            }
            table->places[at] = (place){(uint32_t)m + 1, (uint32_t)r};
        }
    }
    return RS_OK;
}

/* The ring that has the member tonight, or RSI_UNMATCHED. */
static uint32_t ring_of(const members_table *table, const char *type, uint64_t type_seed,
                        const rsi_track_member *member)
{
    size_t at = hash_of(type_seed, member->id, member->length) & table->mask;
    while (table->places[at].member != 0 &&
           !same_name(&table->names[table->places[at].member - 1], type, member)) {
        at = (at + 1) & table->mask;
    }
    return table->places[at].member != 0 ? table->places[at].ring : RSI_UNMATCHED;
}

/* ---- overlaps -------------------------------------------------------------------------------- */

static bool may_go_on(const rsi_track_ring *ring, int64_t as_of)
{
    return rsi_track_lives(ring) || as_of - ring->seen <= RSI_TRACK_RETURN_S;
}

/* Sorted rings of tonight, each named as often as it shares a member, as overlaps. */
static void count_equal(const uint32_t *rings, size_t count, uint32_t past, rsi_overlaps *out)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && rings[i] == rings[i - 1]) {
            out->items[out->count - 1].shared++;
        } else {
            out->items[out->count++] = (rsi_overlap){rings[i], past, 1};
        }
    }
}

static size_t most_members(const rsi_track_state *past)
{
    size_t most = 0;
    for (size_t p = 0; p < past->ring_count; p++) {
        most = past->rings[p].member_count > most ? past->rings[p].member_count : most;
    }
    return most;
}

rs_status rsi_overlaps_find(const rsi_track_state *past, const rsi_track_night *night,
                            const rs_findings *findings, rsi_overlaps *out, rs_error *err)
{
    rs_status status = RS_OK;
    members_table table = {.places = NULL};
    size_t most = most_members(past);
    uint32_t *rings = malloc((2 * most + 1) * sizeof *rings);
    uint64_t *seeds = malloc((past->type_count + 1) * sizeof *seeds);
    *out = (rsi_overlaps){.items = malloc((past->member_count + 1) * sizeof *out->items),
                          .first = malloc((past->ring_count + 1) * sizeof *out->first)};
    if (rings == NULL || seeds == NULL || out->items == NULL || out->first == NULL) {
        status = no_memory(past->ring_count, err);
        goto done;
    }
    RS_TRY(fill_table(night, findings, &table, err));
    for (size_t t = 0; t < past->type_count; t++) {
        seeds[t] = rsi_hash64(past->types[t], strlen(past->types[t]), 0);
    }
    for (size_t p = 0; p < past->ring_count; p++) {
        const rsi_track_ring *ring = &past->rings[p];
        size_t count = 0;
        out->first[p] = out->count;
        for (size_t i = 0; i < ring->member_count && may_go_on(ring, night->as_of); i++) {
            const rsi_track_member *member = &past->members[ring->member_first + i];
            rings[count] = ring_of(&table, past->types[member->type], seeds[member->type], member);
            count += rings[count] != RSI_UNMATCHED;
        }
        RS_TRY(rsi_sort_u32(rings, count, rings + most, err));
        count_equal(rings, count, (uint32_t)p, out);
    }
    out->first[past->ring_count] = out->count;
done:
    free(rings);
    free(seeds);
    free(table.places);
    if (status != RS_OK) {
        rsi_overlaps_free(out);
    }
    return status;
}

void rsi_overlaps_free(rsi_overlaps *overlaps)
{
    free(overlaps->items);
    free(overlaps->first);
    *overlaps = (rsi_overlaps){0};
}

/* ---- the matching ---------------------------------------------------------------------------- */

bool rsi_track_candidate(size_t tonight, size_t past, size_t shared)
{
    size_t smaller = tonight < past ? tonight : past;
    return shared > 0 && (10 * shared >= tonight + past - shared || 2 * shared >= smaller);
}

/* Candidates by row, a row being a ring of tonight; what they hang together in; ranks there. */
typedef struct pairing {
    const rsi_track_state *past;
    const rs_findings *findings;
    size_t rows, columns;
    size_t *first;
    rsi_match_edge *edges;
    uint32_t *parent; /* of rows, then columns: union-find */
    uint32_t *rank;   /* in its component: of rows, then columns */
    uint32_t *size;   /* of the component, by its root: the longer side */
    uint32_t *order;  /* columns by age, then id */
} pairing;

static uint32_t root_of(uint32_t *parent, uint32_t node)
{
    while (parent[node] != node) {
        parent[node] = parent[parent[node]];
        node = parent[node];
    }
    return node;
}

static void join(uint32_t *parent, uint32_t a, uint32_t b)
{
    a = root_of(parent, a);
    b = root_of(parent, b);
    if (a < b) {
        parent[b] = a;
    } else {
        parent[a] = b;
    }
}

static bool is_candidate(const pairing *p, const rsi_overlap *one)
{
    return rsi_track_candidate(p->findings->rings[one->ring].member_count,
                               p->past->rings[one->past].member_count, one->shared);
}

static void fill_edges(pairing *p, const rsi_overlaps *overlaps)
{
    for (size_t i = 0; i < overlaps->count; i++) {
        p->first[overlaps->items[i].ring + 1] += is_candidate(p, &overlaps->items[i]);
    }
    for (size_t r = 0; r < p->rows; r++) {
        p->first[r + 1] += p->first[r];
    }
    for (size_t i = 0; i < overlaps->count; i++) {
        const rsi_overlap *one = &overlaps->items[i];
        if (is_candidate(p, one)) {
            uint64_t all = p->findings->rings[one->ring].member_count +
                           p->past->rings[one->past].member_count - one->shared;
            uint64_t share = ((uint64_t)one->shared << SHARE_BITS) / all;
            p->edges[p->first[one->ring]++] = (rsi_match_edge){one->past, share};
            join(p->parent, one->ring, (uint32_t)p->rows + one->past);
        }
    }
    memmove(p->first + 1, p->first, p->rows * sizeof *p->first);
    p->first[0] = 0;
}

/* Insertion of columns by age: sorted as records, equal births stay in order of their ids. */
static rs_status order_columns(pairing *p, rs_error *err)
{
    rsi_record *records = malloc((p->columns + 1) * sizeof *records);
    if (records == NULL) {
        return no_memory(p->columns, err);
    }
    for (size_t c = 0; c < p->columns; c++) {
        uint64_t since = (uint64_t)p->past->rings[c].since ^ UINT64_C(1) << 63;
        records[c] = (rsi_record){.key = since, .value = c};
    }
    rs_status status = rsi_sort_records(records, p->columns, NULL, err);
    for (size_t c = 0; c < p->columns; c++) {
        p->order[c] = (uint32_t)records[c].value;
    }
    free(records);
    return status;
}

/* `next`, by root, counts rows and then columns. */
static void find_ranks(pairing *p, uint32_t *next)
{
    for (size_t r = 0; r < p->rows; r++) {
        p->rank[r] = next[root_of(p->parent, (uint32_t)r)]++;
    }
    memcpy(p->size, next, (p->rows + p->columns) * sizeof *next);
    memset(next, 0, (p->rows + p->columns) * sizeof *next);
    for (size_t i = 0; i < p->columns; i++) {
        uint32_t column = (uint32_t)p->rows + p->order[i];
        uint32_t root = root_of(p->parent, column);
        p->rank[column] = next[root]++;
        p->size[root] = next[root] > p->size[root] ? next[root] : p->size[root];
    }
}

static void settle_ties(pairing *p)
{
    for (uint32_t r = 0; r < p->rows; r++) {
        uint32_t size = p->size[root_of(p->parent, r)];
        for (size_t i = p->first[r]; size <= RANKED_MAX && i < p->first[r + 1]; i++) {
            rsi_match_edge *edge = &p->edges[i];
            uint64_t rank = p->rank[p->rows + edge->column];
            edge->weight = edge->weight << SHARE_SHIFT |
                           (rsi_match_weight)(size - rank) << RANK_SHIFT |
                           (rsi_match_weight)(rank * p->rank[r]);
        }
    }
}

rs_status rsi_overlaps_match(const rsi_track_state *past, const rsi_track_night *night,
                             const rs_findings *findings, const rsi_overlaps *overlaps,
                             uint32_t *past_of, rs_error *err)
{
    rs_status status = RS_OK;
    size_t all = night->ring_count + past->ring_count;
    pairing p = {.past = past,
                 .findings = findings,
                 .rows = night->ring_count,
                 .columns = past->ring_count,
                 .first = calloc(night->ring_count + 2, sizeof *p.first),
                 .edges = malloc((overlaps->count + 1) * sizeof *p.edges),
                 .parent = malloc((all + 1) * sizeof *p.parent),
                 .rank = malloc((all + 1) * sizeof *p.rank),
                 .size = malloc((all + 1) * sizeof *p.size),
                 .order = malloc((past->ring_count + 1) * sizeof *p.order)};
    uint32_t *next = calloc(all + 1, sizeof *next);
    if (p.first == NULL || p.edges == NULL || p.parent == NULL || p.rank == NULL ||
        p.size == NULL || p.order == NULL || next == NULL) {
        status = no_memory(past->ring_count, err);
        goto done;
    }
    for (size_t i = 0; i < all; i++) {
        p.parent[i] = (uint32_t)i;
    }
    fill_edges(&p, overlaps);
    RS_TRY(order_columns(&p, err));
    find_ranks(&p, next);
    settle_ties(&p);
    RS_TRY(
        rsi_match_heaviest((uint32_t)p.rows, (uint32_t)p.columns, p.first, p.edges, past_of, err));
done:
    free(p.first);
    free(p.edges);
    free(p.parent);
    free(p.rank);
    free(p.size);
    free(p.order);
    free(next);
    return status;
}
