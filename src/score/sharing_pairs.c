/* sharing_pairs.c - the amounts of each group: what its things of many users, its pairs and its
 * coincidences in time come to.
 *
 * Group after group, a block of them a task. Links stand by their smaller end, so a group's pairs
 * are those of its members, one member after the other. For each pair the sort of thing that ties
 * it most counts whole and the others in part; what happens in time counts by what ties each member
 * best. Meetings and coincidences in time are uses of their own, kept in a list for each block.
 *
 * Cost: O(links + members); the links of members come at random and are asked for before their
 * turn. Memory: 8 bytes a subject, 4 a subject and kind in time where there is any.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/sort.h"
#include "base/try.h"
#include "score/finder.h"

enum { TIES_KNOWN = 64 };
#define NO_COLUMN SIZE_MAX

typedef struct pairs {
    const rsi_finder *f;
    size_t meeting;           /* the kind "window"; NO_COLUMN where there is none */
    size_t place;             /* the kind "place" */
    size_t *first;            /* by subject: its links with larger ends; subjects + 1 */
    double known[TIES_KNOWN]; /* what ties a pair through a thing of so many users */
    size_t time_columns;
    uint32_t **best;     /* by column in time, then subject: what ties it best; NULL: nobody */
    rsi_use_list *lists; /* one for each block */
} pairs;

/* What one task works with. */
typedef struct desk {
    const pairs *p;
    double *tie; /* by column: of the pair at hand, 0 between pairs */
    uint32_t *members;
    size_t member_room;
    rsi_record *moments; /* of the group at hand: what a member takes part in, and the member */
    size_t moment_count, moment_room;
    rsi_use_list *list;
} desk;

static double tie_by(const rsi_finder *f, uint32_t users)
{
    uint32_t rarity = rs_thing_rarity(f->subjects, users);
    return (double)rarity / (double)RS_WEIGHT_ONE * 2.0 / users;
}

/* What a link of a pair is worth, and in which column. */
static double tie_of(const pairs *p, const rs_link *link, size_t *column)
{
    *column = p->f->of_relation[link->relation];
    if (link->kind == p->meeting) {
        *column += RSI_WAY_MEETING;
        return (double)link->weight / (double)RS_WEIGHT_ONE;
    }
    return link->users < TIES_KNOWN ? p->known[link->users] : tie_by(p->f, link->users);
}

/* ---- in time -----------------------------------------------------------------------------------
 */

/* Both ends of a link: thing and member; column and relation. */
static rs_status note_moments(desk *d, const rs_link *link, size_t column, rs_error *err)
{
    if (d->moment_count + 2 > d->moment_room) {
        size_t room = d->moment_room == 0 ? 256 : d->moment_room * 2;
        rsi_record *moments = realloc(d->moments, 2 * room * sizeof *moments); /* and scratch */
        if (moments == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu coincidences in time)", room);
        }
        d->moments = moments;
        d->moment_room = room;
    }
    uint64_t thing = (uint64_t)link->thing << 32;
    uint64_t way = column << 16 | link->relation;
    d->moments[d->moment_count++] = (rsi_record){.key = thing | link->a, .value = way};
    d->moments[d->moment_count++] = (rsi_record){.key = thing | link->b, .value = way};
    return RS_OK;
}

/* What ties the pair in time, of links of one pair that are of one kind: kept where it is the best
 * that a member has. links[at] is the first of the kind. */
static void keep_best(const pairs *p, const rs_link *links, size_t at, size_t count)
{
    const rsi_finder *f = p->f;
    uint64_t sum = 0;
    for (size_t i = at; i < count; i++) {
        sum += links[i].kind == links[at].kind ? links[i].weight : 0;
    }
    uint32_t tie = sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
    uint32_t *best = p->best[f->of_kind[links[at].kind] - f->out->in_time];
    best[links->a] = tie > best[links->a] ? tie : best[links->a];
    best[links->b] = tie > best[links->b] ? tie : best[links->b];
}

/* Who takes part in what, of links of one pair. */
static rs_status add_moments(desk *d, const rs_link *links, size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t i = 0; i < count; i++) {
        size_t column = d->p->f->of_kind[links[i].kind];
        if (column == NO_COLUMN) {
            continue;
        }
        RS_TRY(note_moments(d, &links[i], column, err));
        bool first = true;
        for (size_t k = 0; k < i && first; k++) {
            first = links[k].kind != links[i].kind;
        }
        if (first) {
            keep_best(d->p, links, i, count);
        }
    }
done:
    return status;
}

/* The amount of a group in a kind in time: what ties each member best, added up. It says that of
 * the members it touches: their part of the group is its own part. */
static void add_times(const pairs *p, size_t g)
{
    const rsi_candidates *c = p->f->candidates;
    for (size_t t = 0; t < p->time_columns; t++) {
        const uint32_t *best = p->best[t];
        if (best == NULL) {
            continue;
        }
        rsi_column *column = &p->f->out->columns[p->f->out->in_time + t];
        uint64_t sum = 0;
        size_t touched = 0;
        for (size_t k = c->first[g]; k < c->first[g + 1]; k++) {
            sum += best[c->members[k]];
            touched += best[c->members[k]] > 0;
        }
        double amount = (double)sum / (double)RS_WEIGHT_ONE;
        column->amount[g] = amount;
        column->own[g] = amount * (double)touched / (double)(c->first[g + 1] - c->first[g]);
    }
}

/* By column and relation, then thing, then member. */
static rs_status sort_moments(const desk *d, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_record *all = d->moments;
    rsi_record *scratch = d->moments + d->moment_room;
    RS_TRY(rsi_sort_records(all, d->moment_count, scratch, err));
    for (size_t i = 0; i < d->moment_count; i++) {
        all[i] = (rsi_record){.key = all[i].value, .value = all[i].key};
    }
    RS_TRY(rsi_sort_records(all, d->moment_count, scratch, err));
done:
    return status;
}

/* What one thing was about is one use of it by all its users of the group. */
static rs_status record_moments(desk *d, uint32_t group, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_record *all = d->moments;
    rsi_seat *seats = NULL;
    if (d->moment_count == 0) {
        return RS_OK;
    }
    seats = malloc(d->moment_count * sizeof *seats);
    if (seats == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu coincidences in time)", d->moment_count);
    }
    RS_TRY(sort_moments(d, err));
    for (size_t i = 0, end; i < d->moment_count; i = end) {
        uint32_t thing = (uint32_t)(all[i].value >> 32);
        size_t count = 0;
        for (end = i;
             end < d->moment_count && all[end].key == all[i].key && all[end].value >> 32 == thing;
             end++) {
            uint32_t user = (uint32_t)all[end].value;
            if (count == 0 || seats[count - 1].user != user) {
                seats[count++] = (rsi_seat){.group = group, .user = user};
            }
        }
        rsi_shared_use use = {.column = (uint16_t)(all[i].key >> 16),
                              .relation = (uint16_t)all[i].key,
                              .thing = thing};
        RS_TRY(rsi_use_add(d->list, seats, count, use, err));
    }
    d->moment_count = 0;
done:
    free(seats);
    return status;
}

/* ---- pairs -------------------------------------------------------------------------------------
 */

/* A meeting is a use of its own. */
static rs_status record_meeting(const desk *d, const rs_link *link, size_t column, uint32_t group,
                                rs_error *err)
{
    rsi_shared_use use = {
        .column = (uint16_t)column, .relation = link->relation, .thing = link->thing};
    rsi_seat pair[2] = {{.group = group, .user = link->a}, {.group = group, .user = link->b}};
    return rsi_use_add(d->list, pair, 2, use, err);
}

/* One pair of members, links[0 .. count-1]: the strongest column whole, the others in part. */
static rs_status add_pair(desk *d, const rs_link *links, size_t count, uint32_t group,
                          rs_error *err)
{
    rs_status status = RS_OK;
    const pairs *p = d->p;
    const rsi_finder *f = p->f;
    size_t strongest = NO_COLUMN;
    size_t column = 0;
    double home = f->cover[group];
    for (size_t i = 0; i < count; i++) {
        home = links[i].kind == p->place || links[i].kind == p->meeting ? 1.0 : home;
        if (f->of_kind[links[i].kind] != NO_COLUMN) {
            continue;
        }
        double tie = tie_of(p, &links[i], &column);
        d->tie[column] += tie;
        strongest =
            strongest == NO_COLUMN || d->tie[column] > d->tie[strongest] ? column : strongest;
        if (links[i].kind == p->meeting) {
            RS_TRY(record_meeting(d, &links[i], column, group, err));
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (f->of_kind[links[i].kind] == NO_COLUMN) {
            tie_of(p, &links[i], &column);
            double share = column == strongest ? 1.0 : RSI_REST_SHARE;
            f->out->columns[column].amount[group] += d->tie[column];
            rsi_add_own(f, column, group, share * d->tie[column], home);
            d->tie[column] = 0;
        }
    }
    RS_TRY(add_moments(d, links, count, err));
done:
    return status;
}

/* The links of member `a` with others of its group. */
static rs_status add_member(desk *d, uint32_t a, uint32_t group, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_evidence *evidence = d->p->f->input->evidence;
    const uint32_t *of = d->p->f->candidates->of;
    const rs_link *links = evidence->links;
    size_t last = d->p->first[a + 1];
    for (size_t i = d->p->first[a], end; i < last; i = end) {
        uint32_t b = links[i].b;
        for (end = i + 1; end < last && links[end].b == b; end++) {
        }
        if (b < d->p->f->subjects && of[b] == group && evidence->entity[a] != evidence->entity[b]) {
            RS_TRY(add_pair(d, links + i, end - i, group, err));
        }
    }
done:
    return status;
}

/* The members of a group ascending; they stand by person. */
static rs_status sort_members(desk *d, size_t g, const uint32_t **members, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_candidates *c = d->p->f->candidates;
    size_t count = c->first[g + 1] - c->first[g];
    *members = c->members + c->first[g];
    if (!d->p->f->entities) {
        goto done;
    }
    if (count > d->member_room) {
        free(d->members);
        d->member_room = 2 * count;
        d->members = malloc(d->member_room * sizeof *d->members);
        if (d->members == NULL) {
            d->member_room = 0;
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu members)", count);
        }
    }
    memcpy(d->members, *members, count * sizeof *d->members);
    RS_TRY(rsi_sort_u32(d->members, count, NULL, err));
    *members = d->members;
done:
    return status;
}

/* What the things of many users of a group add, in the order in which they were found. */
static void add_stars(const rsi_finder *f, size_t g)
{
    for (size_t i = f->out->use_first[g]; i < f->out->use_first[g + 1]; i++) {
        const rsi_shared_use *use = &f->out->uses[i];
        f->out->columns[use->column].amount[g] += use->star;
        rsi_add_own(f, use->column, g, use->star, f->cover[g]);
    }
}

static rs_status add_group(desk *d, size_t g, rs_error *err)
{
    enum { AHEAD = 6, NEAR = 3 };
    rs_status status = RS_OK;
    const rsi_candidates *c = d->p->f->candidates;
    size_t count = c->first[g + 1] - c->first[g];
    const uint32_t *members = NULL;
    add_stars(d->p->f, g);
    RS_TRY(sort_members(d, g, &members, err));
    for (size_t k = 0; k < count; k++) {
        if (k + AHEAD < count) {
            __builtin_prefetch(&d->p->first[members[k + AHEAD]]);
            __builtin_prefetch(&d->p->f->input->evidence->links[d->p->first[members[k + NEAR]]]);
        }
        RS_TRY(add_member(d, members[k], (uint32_t)g, err));
    }
    add_times(d->p, g);
    RS_TRY(record_moments(d, (uint32_t)g, err));
done:
    return status;
}

static rs_status add_block(void *context, size_t block, unsigned worker, rs_error *err)
{
    rs_status status = RS_OK;
    const pairs *p = context;
    desk d = {.p = p, .list = &p->lists[block]};
    (void)worker;
    d.tie = calloc(p->f->out->column_count + 1, sizeof *d.tie);
    if (d.tie == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu columns)", p->f->out->column_count);
    }
    for (size_t g = block * RSI_GROUPS_A_BLOCK; g < rsi_block_end(p->f, block); g++) {
        RS_TRY(add_group(&d, g, err));
    }
done:
    free(d.tie);
    free(d.members);
    free(d.moments);
    return status;
}

/* ---- all groups --------------------------------------------------------------------------------
 */

/* Where the links of each subject begin, and room for each kind in time that has any. */
static rs_status index_links(pairs *p, rs_error *err)
{
    const rs_evidence *evidence = p->f->input->evidence;
    for (size_t i = 0; i < evidence->link_count; i++) {
        size_t column = p->f->of_kind[evidence->links[i].kind];
        p->first[evidence->links[i].a + 1]++;
        if (column == NO_COLUMN || p->best[column - p->f->out->in_time] != NULL) {
            continue;
        }
        uint32_t *best = calloc((size_t)p->f->subjects + 1, sizeof *best);
        if (best == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%u subjects in time)", p->f->subjects);
        }
        p->best[column - p->f->out->in_time] = best;
    }
    for (uint32_t v = 0; v < p->f->subjects; v++) {
        p->first[v + 1] += p->first[v];
    }
    return RS_OK;
}

static rs_status make_pairs(pairs *p, rs_error *err)
{
    const rsi_finder *f = p->f;
    p->time_columns = f->out->column_count - f->out->in_time;
    p->meeting = NO_COLUMN;
    p->place = NO_COLUMN;
    for (size_t k = 0; k < rs_evidence_kind_count(); k++) {
        p->meeting = strcmp(rs_evidence_kind_name(k), "window") == 0 ? k : p->meeting;
        p->place = strcmp(rs_evidence_kind_name(k), "place") == 0 ? k : p->place;
    }
    for (uint32_t users = 1; users < TIES_KNOWN; users++) {
        p->known[users] = tie_by(f, users);
    }
    p->first = calloc((size_t)f->subjects + 2, sizeof *p->first);
    p->lists = calloc(rsi_block_count(f) + 1, sizeof *p->lists);
    p->best = calloc(p->time_columns + 1, sizeof *p->best);
    if (p->first == NULL || p->lists == NULL || p->best == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (links of %u subjects)", f->subjects);
    }
    return index_links(p, err);
}

rs_status rsi_share_pairs(rsi_finder *f, rs_error *err)
{
    rs_status status = RS_OK;
    pairs p = {.f = f};
    size_t blocks = rsi_block_count(f);
    RS_TRY(make_pairs(&p, err));
    RS_TRY(rsi_parallel(f->work, blocks, add_block, &p, err));
    RS_TRY(rsi_uses_gather(f, p.lists, blocks, err));
done:
    for (size_t i = 0; p.lists != NULL && i < blocks; i++) {
        rsi_use_list_free(&p.lists[i]);
    }
    free(p.lists);
    for (size_t t = 0; p.best != NULL && t < p.time_columns; t++) {
        free(p.best[t]);
    }
    free(p.best);
    free(p.first);
    return status;
}
