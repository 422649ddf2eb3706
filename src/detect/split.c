/* split.c - our own Leiden on a component too large for igraph, and the pieces that igraph gets
 * then.
 *
 * A round (Traag, Waltman, van Eck 2019): move vertices; refine each community into well connected
 * parts; contract the parts, let each begin in its old community, and go on with the contracted
 * graph until nothing contracts. Of the last round the graph after two contractions is kept: its
 * vertices are handfuls of nodes that belong together, and igraph may still regroup them.
 *
 * Locality: vertices are renumbered breadth first, which halves the cache misses of all that
 * follows. Randomness: none at the bottom (nodes come in an order made of hashes); above, a shuffle
 * drawn from the seed, round and level.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/split.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/try.h"
#include "detect/arcs.h"

#define LARGE_LINKS  6000000 /* rounds times links: larger components get the least rounds */
#define LARGE_ROUNDS 2
#define KEPT_LEVEL   2

static void *array(size_t count, size_t size)
{
    return malloc((count + 1) * size);
}

static rs_status no_memory(uint32_t vertex_count, rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (splitting %u nodes)", vertex_count);
}

/* ---- locality ------------------------------------------------------------------------------- */

/* number[v]: the place of v breadth first from vertex 0, then from the next that is left. */
static void number_breadth_first(const rsi_arcs *arcs, uint32_t *number, uint32_t *queue)
{
    uint32_t end = 0;
    uint32_t at = 0;
    memset(number, 0xff, arcs->vertex_count * sizeof *number);
    for (uint32_t seed = 0; seed < arcs->vertex_count; seed++) {
        if (number[seed] != UINT32_MAX) {
            continue;
        }
        number[seed] = end;
        queue[end++] = seed;
        for (; at < end; at++) {
            for (size_t i = arcs->first[queue[at]]; i < arcs->first[queue[at] + 1]; i++) {
                uint32_t u = arcs->to[i];
                if (number[u] == UINT32_MAX) {
                    number[u] = end;
                    queue[end++] = u;
                }
            }
        }
    }
}

/* ---- a round -------------------------------------------------------------------------------- */

/* One climb from the bottom graph. `arcs` is the graph at hand, owned above the bottom. */
struct climb {
    const rsi_arcs *bottom;
    rsi_arcs arcs;
    uint32_t level;
    uint32_t resolution;
    uint64_t seed;
    uint32_t *label;  /* of each vertex at hand */
    uint32_t *vertex; /* of each bottom vertex: the vertex at hand that it is part of */
    bool coarse;      /* no refinement at the bottom: the next round does it from a better start */
    bool moved;       /* any vertex, at any level */
    bool kept_it;
    rsi_arcs kept;
    uint32_t *kept_of; /* of each bottom vertex */
    uint32_t *above;   /* of each kept vertex: the vertex at hand */
};

static const rsi_arcs *at_hand(const struct climb *climb)
{
    return climb->level == 0 ? climb->bottom : &climb->arcs;
}

static void climb_free(struct climb *climb)
{
    rsi_arcs_free(&climb->arcs);
    rsi_arcs_free(&climb->kept);
    free(climb->label);
    free(climb->vertex);
    free(climb->kept_of);
    free(climb->above);
}

static void shuffle(uint32_t *order, uint32_t count, uint64_t seed, uint64_t stream)
{
    rsi_random random;
    rsi_random_seed(&random, seed, stream);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t j = rsi_random_below(&random, i + 1);
        order[i] = order[j];
        order[j] = i;
    }
}

static uint32_t count_labels(const uint32_t *label, uint32_t count, uint8_t *seen)
{
    uint32_t found = 0;
    memset(seen, 0, count);
    for (uint32_t v = 0; v < count; v++) {
        found += !seen[label[v]];
        seen[label[v]] = 1;
    }
    return found;
}

/* The kept graph's vertices follow the climb from here on. */
static rs_status keep(struct climb *climb, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_arcs *arcs = at_hand(climb);
    uint32_t n = climb->bottom->vertex_count;
    climb->kept_of = array(n, sizeof *climb->kept_of);
    climb->above = array(arcs->vertex_count, sizeof *climb->above);
    if (climb->kept_of == NULL || climb->above == NULL) {
        return no_memory(n, err);
    }
    memcpy(climb->kept_of, climb->vertex, n * sizeof *climb->kept_of);
    for (uint32_t v = 0; v < arcs->vertex_count; v++) {
        climb->above[v] = v;
    }
    RS_TRY(rsi_arcs_copy(&climb->kept, arcs, err));
    climb->kept_it = true;
done:
    return status;
}

/* Contract `part`; each part begins in the community of its vertices, named by one of its parts. */
static rs_status step_up(struct climb *climb, uint32_t *part, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_arcs *arcs = at_hand(climb);
    uint32_t n = arcs->vertex_count;
    rsi_arcs next = {0};
    uint32_t *label = NULL;
    uint32_t *name = array(n, sizeof *name);
    if (name == NULL) {
        return no_memory(n, err);
    }
    RS_TRY(rsi_arcs_contract(arcs, part, &next, err));
    label = array(next.vertex_count, sizeof *label);
    if (label == NULL) {
        status = no_memory(n, err);
        goto done;
    }
    memset(name, 0xff, n * sizeof *name);
    for (uint32_t v = 0; v < n; v++) {
        uint32_t *mine = &name[climb->label[v]];
        *mine = *mine == UINT32_MAX ? part[v] : *mine;
        label[part[v]] = *mine;
    }
    for (uint32_t v = 0; v < climb->bottom->vertex_count; v++) {
        climb->vertex[v] = part[climb->vertex[v]];
    }
    for (uint32_t v = 0; climb->above != NULL && v < climb->kept.vertex_count; v++) {
        climb->above[v] = part[climb->above[v]];
    }
    free(climb->label);
    climb->label = label;
    rsi_arcs_free(&climb->arcs);
    climb->arcs = next;
    climb->level++;
    next = (rsi_arcs){0};
done:
    rsi_arcs_free(&next);
    free(name);
    return status;
}

/* Move, refine, contract at one level; *done when no two vertices want to be together. */
static rs_status one_level(struct climb *climb, bool *done, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_arcs *arcs = at_hand(climb);
    uint32_t n = arcs->vertex_count;
    uint32_t *order = NULL;
    uint32_t *part = array(n, sizeof *part);
    bool shuffled = climb->level > 0 || !climb->coarse;
    if (shuffled) {
        order = array(n, sizeof *order);
    }
    if (part == NULL || (order == NULL && shuffled)) {
        status = no_memory(n, err);
        goto done;
    }
    if (shuffled) {
        shuffle(order, n, climb->seed, climb->level);
    }
    RS_TRY(rsi_arcs_move(arcs, climb->resolution, order, climb->label, &climb->moved, err));
    uint32_t community_count = count_labels(climb->label, n, (uint8_t *)part);
    *done = community_count == n;
    if (!*done) {
        bool merged = false;
        if (!climb->coarse || climb->level > 0) {
            RS_TRY(
                rsi_arcs_refine(arcs, climb->resolution, order, climb->label, part, &merged, err));
        }
        if (!merged) {
            memcpy(part, climb->label, n * sizeof *part);
        }
        RS_TRY(step_up(climb, part, err));
    }
done:
    free(part);
    free(order);
    return status;
}

/* label[v], of the bottom vertices, is where the round starts and where it ends. */
static rs_status one_round(struct climb *climb, uint32_t *label, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t n = climb->bottom->vertex_count;
    bool done = false;
    climb->label = array(n, sizeof *climb->label);
    climb->vertex = array(n, sizeof *climb->vertex);
    if (climb->label == NULL || climb->vertex == NULL) {
        return no_memory(n, err);
    }
    memcpy(climb->label, label, n * sizeof *label);
    for (uint32_t v = 0; v < n; v++) {
        climb->vertex[v] = v;
    }
    while (!done) {
        if (climb->level == KEPT_LEVEL) {
            RS_TRY(keep(climb, err));
        }
        RS_TRY(one_level(climb, &done, err));
    }
    if (!climb->kept_it) {
        RS_TRY(keep(climb, err)); /* it ended below KEPT_LEVEL */
    }
    for (uint32_t v = 0; v < n; v++) {
        label[v] = climb->label[climb->vertex[v]];
    }
done:
    return status;
}

/* ---- pieces --------------------------------------------------------------------------------- */

/* What groups are made of: whole communities of the kept graph. */
struct grouping {
    const rsi_arcs *arcs;
    const uint32_t *community; /* canonical */
    uint32_t size_max;
    uint32_t *group; /* of each vertex: the smallest vertex of its group */
    uint32_t *size;  /* vertices of each community */
    uint32_t *next;  /* the next vertex of the same community */
    uint32_t *queue; /* the vertices of the group at hand */
    uint32_t end;
};

static void add_community(struct grouping *grouping, uint32_t community, uint32_t group)
{
    for (uint32_t v = community; v != UINT32_MAX; v = grouping->next[v]) {
        grouping->group[v] = group;
        grouping->queue[grouping->end++] = v;
    }
}

/* Breadth first over communities from the smallest that is left, as long as they fit. A community
 * that is too large by itself becomes a group of single vertices: it stays as it is. */
static void group_from(struct grouping *grouping, uint32_t seed)
{
    const rsi_arcs *arcs = grouping->arcs;
    grouping->end = 0;
    if (grouping->size[seed] > grouping->size_max) {
        for (uint32_t v = seed; v != UINT32_MAX; v = grouping->next[v]) {
            grouping->group[v] = v;
        }
        return;
    }
    add_community(grouping, seed, seed);
    for (uint32_t at = 0; at < grouping->end; at++) {
        uint32_t v = grouping->queue[at];
        for (size_t i = arcs->first[v]; i < arcs->first[v + 1]; i++) {
            uint32_t c = grouping->community[arcs->to[i]];
            if (grouping->group[c] == UINT32_MAX &&
                grouping->size[c] <= grouping->size_max - grouping->end) {
                add_community(grouping, c, seed);
            }
        }
    }
}

static rs_status make_groups(struct grouping *grouping, rs_error *err)
{
    uint32_t n = grouping->arcs->vertex_count;
    grouping->group = array(n, sizeof *grouping->group);
    grouping->size = calloc((size_t)n + 1, sizeof *grouping->size);
    grouping->next = array(n, sizeof *grouping->next);
    grouping->queue = array(n, sizeof *grouping->queue);
    if (grouping->group == NULL || grouping->size == NULL || grouping->next == NULL ||
        grouping->queue == NULL) {
        return no_memory(n, err);
    }
    memset(grouping->group, 0xff, n * sizeof *grouping->group);
    /* Chains are built from the back, so that each goes up from the community's smallest vertex. */
    memset(grouping->next, 0xff, n * sizeof *grouping->next);
    for (uint32_t v = 0; v < n; v++) {
        grouping->queue[v] = v; /* the last vertex so far of community v */
    }
    for (uint32_t v = 0; v < n; v++) {
        uint32_t c = grouping->community[v];
        grouping->size[c]++;
        if (v != c) {
            grouping->next[grouping->queue[c]] = v;
            grouping->queue[c] = v;
        }
    }
    for (uint32_t v = 0; v < n; v++) {
        if (grouping->group[v] == UINT32_MAX) {
            group_from(grouping, v);
        }
    }
    return RS_OK;
}

static void grouping_free(struct grouping *grouping)
{
    free(grouping->queue);
    free(grouping->next);
    free(grouping->size);
    free(grouping->group);
}

/* The kept graph as links ascending, and as pieces. */
static rs_status cut(const rsi_arcs *arcs, const rs_detect_options *options, rsi_split *split,
                     rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t n = arcs->vertex_count;
    size_t link_max = arcs->first[n] / 2;
    struct grouping grouping = {
        .arcs = arcs, .community = split->start, .size_max = options->component_max};
    uint32_t *from = array(link_max, sizeof *from);
    uint32_t *to = array(link_max, sizeof *to);
    uint64_t *weight = array(link_max, sizeof *weight);
    if (from == NULL || to == NULL || weight == NULL) {
        status = no_memory(n, err);
        goto done;
    }
    RS_TRY(make_groups(&grouping, err));
    size_t link_count = 0;
    for (uint32_t v = 0; v < n; v++) {
        for (size_t i = arcs->first[v]; i < arcs->first[v + 1]; i++) {
            if (arcs->to[i] > v && grouping.group[arcs->to[i]] == grouping.group[v]) {
                from[link_count] = v;
                to[link_count] = arcs->to[i];
                weight[link_count++] = arcs->weight[i];
            }
        }
    }
    rsi_source source = {.vertex_count = n,
                         .mass = arcs->mass,
                         .link_count = link_count,
                         .a = from,
                         .b = to,
                         .weight64 = weight,
                         .start = split->start};
    RS_TRY(rsi_layout_make(&split->parts, &source, grouping.group, err));
done:
    grouping_free(&grouping);
    free(weight);
    free(to);
    free(from);
    return status;
}

/* ---- all of it ------------------------------------------------------------------------------ */

/* What the last climb kept becomes the split: which part each vertex is in, and each part's
 * community. */
static rs_status fill_split(const struct climb *climb, const uint32_t *number, rsi_split *split,
                            rs_error *err)
{
    uint32_t kept_count = climb->kept.vertex_count;
    split->start = array(kept_count, sizeof *split->start);
    uint32_t *smallest = array(climb->bottom->vertex_count, sizeof *smallest);
    if (split->start == NULL || smallest == NULL) {
        free(smallest);
        return no_memory(split->vertex_count, err);
    }
    for (uint32_t v = 0; v < split->vertex_count; v++) {
        split->part[v] = climb->kept_of[number[v]];
    }
    for (uint32_t v = 0; v < kept_count; v++) {
        split->start[v] = climb->label[climb->above[v]];
    }
    split->part_count = kept_count;
    rsi_piece_canonical(kept_count, split->start, smallest);
    free(smallest);
    return RS_OK;
}

/* As many as are asked for, fewer for the largest: each takes a third of a microsecond a link, and
 * the first two bring most. 0: until nothing moves. */
static unsigned rounds_for(const rsi_arcs *arcs, const rs_detect_options *options)
{
    size_t link_count = arcs->first[arcs->vertex_count] / 2;
    size_t affordable = LARGE_LINKS / (link_count + 1);
    affordable = affordable < LARGE_ROUNDS ? LARGE_ROUNDS : affordable;
    return options->rounds > affordable ? (unsigned)affordable : options->rounds;
}

static rs_status run_rounds(const rsi_arcs *arcs, const uint32_t *number,
                            const rs_detect_options *options, const rs_work *work, rsi_split *split,
                            rs_error *err)
{
    rs_status status = RS_OK;
    struct climb climb = {0};
    uint32_t *label = array(arcs->vertex_count, sizeof *label);
    if (label == NULL) {
        return no_memory(arcs->vertex_count, err);
    }
    for (uint32_t v = 0; v < arcs->vertex_count; v++) {
        label[v] = v;
    }
    unsigned rounds = rounds_for(arcs, options);
    bool moved = true;
    for (unsigned round = 0; moved && (rounds == 0 || round < rounds); round++) {
        RS_TRY(rs_work_report(work, "splitting", "rounds", round, rounds, err));
        climb_free(&climb);
        climb = (struct climb){.bottom = arcs,
                               .resolution = options->resolution,
                               .seed = options->random_seed ^ ((uint64_t)round << 32),
                               .coarse = round == 0 && rounds != 1};
        RS_TRY(one_round(&climb, label, err));
        moved = climb.moved;
    }
    RS_TRY(fill_split(&climb, number, split, err));
    RS_TRY(cut(&climb.kept, options, split, err));
done:
    climb_free(&climb);
    free(label);
    return status;
}

rs_status rsi_split_make(rsi_split *split, const rsi_piece *piece, const rs_detect_options *options,
                         const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_arcs given = {0};
    rsi_arcs arcs = {0};
    uint32_t *number = array(piece->vertex_count, sizeof *number);
    uint32_t *order = array(piece->vertex_count, sizeof *order);
    split->vertex_count = piece->vertex_count;
    split->part = array(piece->vertex_count, sizeof *split->part);
    if (number == NULL || order == NULL || split->part == NULL) {
        status = no_memory(piece->vertex_count, err);
        goto done;
    }
    RS_TRY(rsi_arcs_make(&given, piece, err));
    number_breadth_first(&given, number, order);
    RS_TRY(rsi_arcs_renumber(&given, number, order, &arcs, err));
    rsi_arcs_free(&given);
    free(order);
    order = NULL;
    RS_TRY(run_rounds(&arcs, number, options, work, split, err));
done:
    rsi_arcs_free(&given);
    rsi_arcs_free(&arcs);
    free(order);
    free(number);
    return status;
}

void rsi_split_free(rsi_split *split)
{
    rsi_layout_free(&split->parts);
    free(split->start);
    free(split->part);
    *split = (rsi_split){0};
}
