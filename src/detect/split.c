/* split.c - a component too large for igraph: multilevel moving, and the pieces that igraph gets.
 *
 *   first guess   single vertices join, once each; contracted; again, until few do
 *   a round       vertices move; renumbered, community by community; each community by itself is
 *                 built up again from single vertices, level by level (up); communities merge on
 *                 top; then level by level what is there moves, down to the vertices (down)
 *   the last one  stops on its way down at KEPT_LEVEL for igraph; the rest of it is the finish
 *
 * Invariant: no step lowers the objective, for the top of the pyramid begins with the communities
 * that its bottom had. Renumbering makes a community's vertices neighbours in memory, so that
 * building it up misses no cache. Random is their order within it, drawn from the seed.
 *
 * Sources: Traag, Waltman, van Eck 2019 (moves, communities rebuilt from single vertices); Rotta,
 * Noack 2011, "Multilevel local search algorithms for modularity clustering" (the way down).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/split.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/try.h"
#include "detect/move.h"

#define LARGE_LINKS 4000000 /* rounds times links: larger components get one round */
#define KEPT_LEVEL  2
#define SHRINK      20 /* a level that is not a 20th smaller is not worth another */

static void *array(size_t count, size_t size)
{
    return malloc((count + 1) * size);
}

static rs_status no_memory(uint32_t vertex_count, rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (splitting %u nodes)", vertex_count);
}

static bool hardly_smaller(uint32_t count, uint32_t before)
{
    return count >= before - before / SHRINK;
}

/* ---- the first guess ------------------------------------------------------------------------ */

rs_status rsi_split_guess(const rsi_arcs *bottom, uint32_t resolution, uint32_t *label,
                          const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t n = bottom->vertex_count;
    uint32_t count = n;
    rsi_arcs arcs = {0};
    rsi_arcs next = {0};
    uint32_t *joined = array(n, 2 * sizeof *joined); /* and scratch */
    if (joined == NULL) {
        return no_memory(n, err);
    }
    for (uint32_t v = 0; v < n; v++) {
        label[v] = v;
    }
    for (bool smaller = true; smaller;) {
        const rsi_arcs *at_hand = count == n ? bottom : &arcs;
        uint32_t before = count;
        RS_TRY(rsi_move_once(at_hand, resolution, joined, err));
        count = rsi_arcs_number(before, joined, joined + n);
        for (uint32_t v = 0; v < n; v++) {
            label[v] = joined[label[v]];
        }
        smaller = !hardly_smaller(count, before);
        if (smaller) {
            RS_TRY(rsi_arcs_contract(at_hand, joined, &next, work, err));
            rsi_arcs_free(&arcs);
            arcs = next;
            next = (rsi_arcs){0};
        }
    }
done:
    rsi_arcs_free(&next);
    rsi_arcs_free(&arcs);
    free(joined);
    return status;
}

/* ---- a round -------------------------------------------------------------------------------- */

/* `label` is of the vertices of the level at hand. Communities are runs of vertices on the way up:
 * first[c] .. first[c+1]-1, at every level. */
struct climb {
    rsi_split *split;
    uint32_t resolution;
    uint32_t *label;
    uint32_t *first;
    uint32_t community_count;
    rsi_random random;
    bool moved;
    const rs_work *work;
};

static void level_free(rsi_level *level)
{
    rsi_arcs_free(&level->arcs);
    free(level->part);
    *level = (rsi_level){0};
}

static rs_status add_level(rsi_split *split, rsi_arcs *arcs, rs_error *err)
{
    rsi_level *levels = realloc(split->levels, (split->level_count + 1) * sizeof *levels);
    if (levels == NULL) {
        return no_memory(split->vertex_count, err);
    }
    split->levels = levels;
    levels[split->level_count++] = (rsi_level){.arcs = *arcs};
    *arcs = (rsi_arcs){0};
    return RS_OK;
}

/* The top level, contracted by *part, which the split takes over, becomes the new top. */
static rs_status step_up(rsi_split *split, uint32_t **part, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_level *top = &split->levels[split->level_count - 1];
    rsi_arcs next = {0};
    RS_TRY(rsi_arcs_contract(&top->arcs, *part, &next, work, err));
    top->part = *part;
    *part = NULL;
    RS_TRY(add_level(split, &next, err));
done:
    rsi_arcs_free(&next);
    return status;
}

static void shuffle(uint32_t *order, uint32_t count, rsi_random *random)
{
    for (uint32_t i = count; i > 1; i--) {
        uint32_t j = rsi_random_below(random, i);
        uint32_t swapped = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swapped;
    }
}

/* order: the vertices community by community, those of each in an order drawn anew, so that a
 * round is no repetition of the last; number: the reverse; label: the number of the community. */
static void order_by_community(struct climb *climb, uint32_t *order, uint32_t *number)
{
    uint32_t n = climb->split->vertex_count;
    uint32_t *first = climb->first; /* first[c+1] is where c's next vertex goes */
    memset(first, 0, ((size_t)n + 2) * sizeof *first);
    rsi_piece_canonical(n, climb->label, number);
    uint32_t count = 0;
    for (uint32_t v = 0; v < n; v++) {
        number[v] = climb->label[v] == v ? count++ : number[climb->label[v]];
        first[number[v] + 2]++;
    }
    for (uint32_t c = 0; c < count; c++) {
        first[c + 2] += first[c + 1];
    }
    for (uint32_t v = 0; v < n; v++) {
        order[first[number[v] + 1]++] = v;
    }
    for (uint32_t c = 0; c < count; c++) {
        shuffle(order + first[c], first[c + 1] - first[c], &climb->random);
        for (uint32_t v = first[c]; v < first[c + 1]; v++) {
            number[order[v]] = v;
            climb->label[v] = c;
        }
    }
    climb->community_count = count;
}

/* A community's vertices become neighbours at the bottom. */
static rs_status renumber(struct climb *climb, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_split *split = climb->split;
    rsi_arcs *bottom = &split->levels[0].arcs;
    uint32_t n = split->vertex_count;
    rsi_arcs out = {0};
    uint32_t *number = array(n, sizeof *number);
    uint32_t *order = array(n, sizeof *order);
    if (number == NULL || order == NULL) {
        status = no_memory(n, err);
        goto done;
    }
    order_by_community(climb, order, number);
    RS_TRY(rsi_arcs_renumber(bottom, number, order, &out, climb->work, err));
    rsi_arcs_free(bottom);
    *bottom = out;
    out = (rsi_arcs){0};
    for (uint32_t v = 0; v < n; v++) {
        split->number[v] = number[split->number[v]];
    }
done:
    rsi_arcs_free(&out);
    free(order);
    free(number);
    return status;
}

/* Up from the bottom, each community by itself, and then as a whole. */
static rs_status climb_up(struct climb *climb, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_split *split = climb->split;
    uint32_t *first = climb->first;
    uint32_t *part = NULL;
    uint32_t count = split->vertex_count;
    uint32_t before;
    do {
        const rsi_arcs *arcs = &split->levels[split->level_count - 1].arcs;
        before = count;
        part = array(before, sizeof *part);
        if (part == NULL) {
            return no_memory(before, err);
        }
        RS_TRY(rsi_move_within(arcs, climb->resolution, first, climb->community_count, part,
                               climb->work, err));
        RS_TRY(step_up(split, &part, climb->work, err));
        count = split->levels[split->level_count - 1].arcs.vertex_count;
        const uint32_t *up = split->levels[split->level_count - 2].part;
        for (uint32_t c = 0; c < climb->community_count; c++) {
            first[c] = up[first[c]];
        }
        first[climb->community_count] = count;
    } while (!hardly_smaller(count, before));
    for (uint32_t c = 0; c < climb->community_count; c++) {
        for (uint32_t v = first[c]; v < first[c + 1]; v++) {
            climb->label[v] = c;
        }
    }
done:
    free(part);
    return status;
}

/* What is on top moves between communities, then communities join. */
static rs_status merge_on_top(struct climb *climb, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_split *split = climb->split;
    const rsi_arcs *arcs = &split->levels[split->level_count - 1].arcs;
    uint32_t *part = array(arcs->vertex_count, sizeof *part);
    if (part == NULL) {
        return no_memory(arcs->vertex_count, err);
    }
    RS_TRY(rsi_move(arcs, climb->resolution, climb->label, &climb->moved, err));
    memcpy(part, climb->label, arcs->vertex_count * sizeof *part);
    RS_TRY(step_up(split, &part, climb->work, err));
    arcs = &split->levels[split->level_count - 1].arcs;
    for (uint32_t v = 0; v < arcs->vertex_count; v++) {
        climb->label[v] = v;
    }
    RS_TRY(rsi_move(arcs, climb->resolution, climb->label, &climb->moved, err));
done:
    free(part);
    return status;
}

/* `label`, of level `from`, becomes that of level `to` below. */
static rs_status go_down(const rsi_split *split, uint32_t resolution, uint32_t from, uint32_t to,
                         uint32_t *label, bool *moved, rs_error *err)
{
    rs_status status = RS_OK;
    while (from > to) {
        const rsi_level *level = &split->levels[--from];
        for (uint32_t v = level->arcs.vertex_count; v-- > 0;) {
            label[v] = label[level->part[v]]; /* in place: part[v] <= v */
        }
        RS_TRY(rsi_move(&level->arcs, resolution, label, moved, err));
    }
done:
    return status;
}

static void drop_above(rsi_split *split, uint32_t level)
{
    while (split->level_count > level + 1) {
        level_free(&split->levels[--split->level_count]);
    }
    free(split->levels[level].part);
    split->levels[level].part = NULL;
}

/* One round, down to `kept`, with its labels there as the split's start. */
static rs_status one_round(struct climb *climb, uint32_t *kept, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_split *split = climb->split;
    drop_above(split, 0);
    RS_TRY(renumber(climb, err));
    RS_TRY(climb_up(climb, err));
    RS_TRY(merge_on_top(climb, err));
    uint32_t top = split->level_count - 1;
    *kept = top < KEPT_LEVEL ? top : KEPT_LEVEL;
    RS_TRY(go_down(split, climb->resolution, top, *kept, climb->label, &climb->moved, err));
    split->part_count = split->levels[*kept].arcs.vertex_count;
    free(split->start);
    split->start = array(split->part_count, sizeof *split->start);
    if (split->start == NULL) {
        status = no_memory(split->part_count, err);
        goto done;
    }
    memcpy(split->start, climb->label, split->part_count * sizeof *split->start);
done:
    return status;
}

/* As many as are asked for, fewer for the largest, where the first brings nearly all: rounds take a
 * third of a microsecond a link. 0: until nothing moves. */
static unsigned rounds_for(size_t link_count, const rs_detect_options *options)
{
    size_t affordable = LARGE_LINKS / (link_count + 1);
    affordable = affordable < 1 ? 1 : affordable;
    return options->rounds > affordable ? (unsigned)affordable : options->rounds;
}

static rs_status run_rounds(struct climb *climb, const rs_detect_options *options, unsigned rounds,
                            const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_split *split = climb->split;
    uint32_t kept = 0;
    bool last = false;
    RS_TRY(rs_work_report(work, "splitting", "rounds", 0, rounds, err));
    RS_TRY(rsi_split_guess(&split->levels[0].arcs, options->resolution, climb->label, work, err));
    RS_TRY(rsi_move(&split->levels[0].arcs, options->resolution, climb->label, &climb->moved, err));
    for (unsigned round = 1; !last; round++) {
        climb->moved = false;
        RS_TRY(one_round(climb, &kept, err));
        last = round == rounds;
        if (!last) {
            RS_TRY(rs_work_report(work, "splitting", "rounds", round, rounds, err));
            RS_TRY(go_down(split, options->resolution, kept, 0, climb->label, &climb->moved, err));
            last = !climb->moved;
        }
    }
    drop_above(split, kept);
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
            uint32_t c = grouping->community[arcs->list[i].to];
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
            if (arcs->list[i].to > v && grouping.group[arcs->list[i].to] == grouping.group[v]) {
                from[link_count] = v;
                to[link_count] = arcs->list[i].to;
                weight[link_count++] = arcs->list[i].weight;
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

rs_status rsi_split_make(rsi_split *split, const rsi_piece *piece, const rs_detect_options *options,
                         const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t n = piece->vertex_count;
    rsi_arcs bottom = {0};
    struct climb climb = {.split = split, .resolution = options->resolution, .work = work};
    split->vertex_count = n;
    split->number = array(n, sizeof *split->number);
    climb.label = array(n, sizeof *climb.label);
    climb.first = array((size_t)n + 1, sizeof *climb.first);
    if (split->number == NULL || climb.label == NULL || climb.first == NULL) {
        status = no_memory(n, err);
        goto done;
    }
    rsi_random_seed(&climb.random, options->random_seed, n);
    for (uint32_t v = 0; v < n; v++) {
        split->number[v] = v;
    }
    RS_TRY(rsi_arcs_make(&bottom, piece, work, err));
    RS_TRY(add_level(split, &bottom, err));
    RS_TRY(run_rounds(&climb, options, rounds_for(piece->link_count, options), work, err));
    rsi_piece_canonical(split->part_count, split->start, climb.label);
    RS_TRY(cut(&split->levels[split->level_count - 1].arcs, options, split, err));
done:
    rsi_arcs_free(&bottom);
    free(climb.first);
    free(climb.label);
    return status;
}

rs_status rsi_split_finish(const rsi_split *split, uint32_t resolution, const uint32_t *community,
                           uint32_t *label, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t n = split->vertex_count;
    bool moved = false;
    uint32_t *at_bottom = array(n, sizeof *at_bottom);
    if (at_bottom == NULL) {
        return no_memory(n, err);
    }
    memcpy(at_bottom, community, split->part_count * sizeof *at_bottom);
    RS_TRY(go_down(split, resolution, split->level_count - 1, 0, at_bottom, &moved, err));
    for (uint32_t v = 0; v < n; v++) {
        label[v] = at_bottom[split->number[v]];
    }
    rsi_piece_canonical(n, label, at_bottom);
done:
    free(at_bottom);
    return status;
}

rs_status rsi_split_again(rsi_arcs *arcs, uint32_t resolution, uint64_t random_seed,
                          uint32_t *label, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t n = arcs->vertex_count;
    uint32_t kept = 0;
    const rs_work work = {.threads = 1};
    rsi_split split = {.vertex_count = n};
    struct climb climb = {.split = &split, .resolution = resolution, .work = &work};
    split.number = array(n, sizeof *split.number);
    climb.label = array(n, sizeof *climb.label);
    climb.first = array((size_t)n + 1, sizeof *climb.first);
    if (split.number == NULL || climb.label == NULL || climb.first == NULL) {
        status = no_memory(n, err);
        goto done;
    }
    rsi_random_seed(&climb.random, random_seed, n);
    for (uint32_t v = 0; v < n; v++) {
        split.number[v] = v;
    }
    memcpy(climb.label, label, n * sizeof *label);
    RS_TRY(add_level(&split, arcs, err));
    RS_TRY(one_round(&climb, &kept, err));
    RS_TRY(go_down(&split, resolution, kept, 0, climb.label, &climb.moved, err));
    for (uint32_t v = 0; v < n; v++) {
        label[v] = climb.label[split.number[v]];
    }
done:
    rsi_split_free(&split);
    free(climb.first);
    free(climb.label);
    return status;
}

void rsi_split_free(rsi_split *split)
{
    while (split->level_count > 0) {
        level_free(&split->levels[--split->level_count]);
    }
    free(split->levels);
    rsi_layout_free(&split->parts);
    free(split->start);
    free(split->number);
    *split = (rsi_split){0};
}
