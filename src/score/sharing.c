/* sharing.c - the measure of sharing, and its decades.
 *
 * The amount of one thing of d users, k of them in the group: ln(N/d)/ln N * (k - 1), the
 * coincidences that tie k accounts together through it. For a thing of few users that is spread
 * over its pairs, 2/d to each; then, for each pair, the sort of thing that ties it most counts
 * whole and the others 0.15 each: the device, card and phone of one household are one coincidence,
 * while strangers who share a card here and a device there with different others are many. Accounts
 * of one person count once. Meetings (kind window) count by the weight of their links. Hubs do not
 * count.
 *
 * Decades of a column: 0.3 of those of the amount, 0.7 of those of the amount per member. Size
 * alone is no crime (an office is large and shares little a head); much sharing a head by few is a
 * family, which the night has thousands of; both at once is rare. Each is measured against the
 * night's own groups, so a look-alike weighs little because it is common. Hubs do not count.
 *
 * Weights: a thing 1, a place 0.25: that accounts meet where accounts meet is a quarter as telling.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "score/sharing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "score/tail.h"

enum { WAY_SHARED, WAY_MEETING, WAY_IDENTITY, WAYS };
static const char *const way_prefix[WAYS] = {"shared_", "same_time_", "identity_"};
static const double way_weight[WAYS] = {1.0, 0.25, 1.0};
#define PLACE_WEIGHT    0.25
#define AMOUNT_SHARE    0.3
#define NO_GROUP        UINT32_MAX
#define GROUP_USERS_MAX 4096

/* A member that a link in time ties to others of its group, by what it is about. */
typedef struct moment {
    uint32_t group;
    uint16_t column, relation;
    uint32_t thing, user;
} moment;

typedef struct finder {
    const rs_score_input *input;
    const rsi_candidates *candidates;
    rsi_sharing *out;
    uint32_t pairs_max; /* of the evidence: things of so many users are pairs of links */
    double *tie;        /* by column: of the pair at hand, 0 between pairs */
    double *cover;  /* by group: the largest share of its members that one place brings together */
    size_t meeting; /* the kind "window"; SIZE_MAX where there is none */
    size_t place;   /* the kind "place" */
    size_t in_time; /* columns from here on are of kinds in time, in the order of the table */
    uint32_t *best; /* by column in time and subject: what ties it best to its group */
    moment *moments;
    size_t moment_count, moment_room;
    size_t use_room, user_count, user_room;
} finder;

/* The column of a thing's type and a way of sharing. */
static size_t column_of(const finder *f, uint32_t thing, int way)
{
    const rs_graph *graph = f->input->graph;
    size_t range = 0;
    while (range + 1 < rs_graph_range_count(graph) &&
           thing >= rs_graph_range(graph, range + 1).first) {
        range++;
    }
    return range * WAYS + (size_t)way;
}

/* The column of a kind of evidence in time. */
static size_t time_column(const finder *f, size_t kind)
{
    size_t column = f->in_time;
    for (size_t k = 0; k < kind; k++) {
        column += rs_evidence_kind_in_time(k);
    }
    return column;
}

static void name_column(const finder *f, size_t c)
{
    rsi_column *column = &f->out->columns[c];
    column->weight = c < f->in_time ? way_weight[c % WAYS] : 1.0;
    if (c < f->in_time) {
        snprintf(column->name, sizeof column->name, "%s%s", way_prefix[c % WAYS],
                 rs_graph_range(f->input->graph, c / WAYS).type);
    }
    for (size_t k = 0; c >= f->in_time && k < rs_evidence_kind_count(); k++) {
        if (rs_evidence_kind_in_time(k) && time_column(f, k) == c) {
            snprintf(column->name, sizeof column->name, "%s", rs_evidence_kind_name(k));
        }
    }
}

static rs_status make_columns(finder *f, rs_error *err)
{
    const rs_graph *graph = f->input->graph;
    f->in_time = rs_graph_range_count(graph) * WAYS;
    f->out->in_time = f->in_time;
    size_t count = time_column(f, rs_evidence_kind_count());
    f->out->columns = calloc(count + 1, sizeof *f->out->columns);
    if (f->out->columns == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu columns)", count);
    }
    f->out->column_count = count;
    for (size_t c = 0; c < count; c++) {
        rsi_column *column = &f->out->columns[c];
        name_column(f, c);
        column->amount = calloc(f->candidates->count + 1, sizeof *column->amount);
        column->own = calloc(f->candidates->count + 1, sizeof *column->own);
        column->home = calloc(f->candidates->count + 1, sizeof *column->home);
        column->decades = calloc(f->candidates->count + 1, sizeof *column->decades);
        if (column->amount == NULL || column->own == NULL || column->home == NULL ||
            column->decades == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu groups)", f->candidates->count);
        }
    }
    return RS_OK;
}

static rs_status make_room(finder *f, size_t users, rs_error *err)
{
    if (f->out->use_count == f->use_room) {
        size_t room = f->use_room == 0 ? 1024 : f->use_room * 2;
        rsi_shared_use *uses = realloc(f->out->uses, room * sizeof *uses);
        if (uses == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu shared uses)", room);
        }
        f->out->uses = uses;
        f->use_room = room;
    }
    if (f->user_count + users > f->user_room) {
        size_t room = f->user_count + users + f->user_room;
        uint32_t *list = realloc(f->out->users, room * sizeof *list);
        if (list == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu users of shared things)", room);
        }
        f->out->users = list;
        f->user_room = room;
    }
    return RS_OK;
}

/* A user of the thing at hand: which group, which person, how often. */
typedef struct seat {
    uint32_t group, entity, user, events;
} seat;

static int by_group(const void *left, const void *right)
{
    const seat *a = left;
    const seat *b = right;
    if (a->group != b->group) {
        return a->group < b->group ? -1 : 1;
    }
    if (a->entity != b->entity) {
        return a->entity < b->entity ? -1 : 1;
    }
    return (a->user > b->user) - (a->user < b->user);
}

/* Record the users seats[0 .. count-1], all of one group; returns how many persons they are. */
static rs_status record(finder *f, const seat *seats, size_t count, rsi_shared_use use,
                        uint32_t *persons, rs_error *err)
{
    rs_status status = RS_OK;
    *persons = 0;
    RS_TRY(make_room(f, count, err));
    use.group = seats[0].group;
    use.user_first = f->user_count;
    use.user_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        *persons += i == 0 || seats[i].entity != seats[i - 1].entity;
        use.event_count += seats[i].events;
        f->out->users[f->user_count++] = seats[i].user;
    }
    f->out->uses[f->out->use_count++] = use;
done:
    return status;
}

/* `tie` of a group, so much of it between people of one home. */
static void add_own(finder *f, size_t column, uint32_t group, double tie, double home)
{
    f->out->columns[column].own[group] += tie;
    f->out->columns[column].home[group] += tie * home;
}

/* One thing: its users by group; what two persons and more of a group share is recorded. */
static rs_status share_thing(finder *f, const rs_groups *groups, uint32_t g, rsi_shared_use use,
                             double unit, seat *seats, rs_error *err)
{
    rs_status status = RS_OK;
    size_t count = 0;
    uint64_t count_all = groups->first[g + 1] - groups->first[g];
    bool identity = use.column % WAYS == WAY_IDENTITY;
    for (uint64_t k = groups->first[g]; k < groups->first[g + 1]; k++) {
        uint32_t user = groups->users[k];
        if (f->candidates->of[user] != NO_GROUP) {
            seats[count++] = (seat){.group = f->candidates->of[user],
                                    .entity = identity ? user : f->input->evidence->entity[user],
                                    .user = user,
                                    .events = groups->events[k]};
        }
    }
    qsort(seats, count, sizeof *seats, by_group);
    for (size_t i = 0, end; i < count; i = end) {
        uint32_t persons = 0;
        for (end = i + 1; end < count && seats[end].group == seats[i].group; end++) {
        }
        if (end - i >= 2) {
            RS_TRY(record(f, seats + i, end - i, use, &persons, err));
            rsi_shared_use *recorded = &f->out->uses[f->out->use_count - 1];
            recorded->tie = unit * (persons - 1);
            recorded->is_cause = !identity && f->out->columns[use.column].weight == 1.0;
            recorded->by_pair = count_all <= f->pairs_max && !identity;
            if (!recorded->by_pair) {
                f->out->columns[use.column].amount[seats[i].group] += unit * (persons - 1);
                add_own(f, use.column, seats[i].group, unit * (persons - 1),
                        f->cover[seats[i].group]);
            }
        }
    }
done:
    return status;
}

/* Whether a thing of so many users counts, and what a pair through it is worth (0..1). */
static bool counts(const finder *f, const rs_relation_info *info, uint64_t users, double *unit)
{
    uint64_t subjects = rs_graph_subject_count(f->input->graph);
    *unit = 1.0;
    if (users > GROUP_USERS_MAX) {
        return false;
    }
    if (info->kind == RS_KIND_IDENTITY) {
        return true;
    }
    uint32_t weight = rs_thing_weight(subjects, users, info->place);
    *unit = (double)rs_thing_rarity(subjects, users) / (double)RS_WEIGHT_ONE;
    return !rs_thing_is_hub(weight, users, RS_RESOLUTION_DEFAULT);
}

/* Whether an identity made its users one person: that of a placeholder ("000000") did not. */
static bool is_one_person(const finder *f, const rs_groups *groups, uint32_t g)
{
    const uint32_t *entity = f->input->evidence->entity;
    for (uint64_t k = groups->first[g] + 1; k < groups->first[g + 1]; k++) {
        if (entity[groups->users[k]] != entity[groups->users[k - 1]]) {
            return false;
        }
    }
    return true;
}

static rs_status share_relation(finder *f, size_t relation, seat *seats, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_groups *groups = &f->input->evidence->groups[relation];
    rs_relation_info info = rs_store_relation(rs_graph_store(f->input->graph), relation);
    int way = info.kind == RS_KIND_IDENTITY ? WAY_IDENTITY : WAY_SHARED;
    for (uint32_t g = 0; g < groups->count; g++) {
        double unit = 0;
        if (!counts(f, &info, groups->first[g + 1] - groups->first[g], &unit) ||
            (way == WAY_IDENTITY && !is_one_person(f, groups, g))) {
            continue;
        }
        size_t column = column_of(f, groups->things[g], way);
        rsi_shared_use use = {
            .column = (uint16_t)column, .relation = (uint16_t)relation, .thing = groups->things[g]};
        if (info.place) {
            f->out->columns[column].weight = PLACE_WEIGHT;
        }
        RS_TRY(share_thing(f, groups, g, use, unit, seats, err));
    }
done:
    return status;
}

/* What a link of a pair is worth, and in which column. */
static double tie_of(const finder *f, const rs_link *link, size_t *column)
{
    bool meeting = link->kind == f->meeting;
    *column = column_of(f, link->thing, meeting ? WAY_MEETING : WAY_SHARED);
    if (meeting) {
        return (double)link->weight / (double)RS_WEIGHT_ONE;
    }
    uint32_t rarity = rs_thing_rarity(rs_graph_subject_count(f->input->graph), link->users);
    return (double)rarity / (double)RS_WEIGHT_ONE * 2.0 / link->users;
}

/* A meeting is a use of its own. */
static rs_status record_meeting(finder *f, const rs_link *link, size_t column, rs_error *err)
{
    uint32_t group = f->candidates->of[link->a];
    rsi_shared_use use = {
        .column = (uint16_t)column, .relation = link->relation, .thing = link->thing};
    seat pair[2] = {{.group = group, .entity = link->a, .user = link->a},
                    {.group = group, .entity = link->b, .user = link->b}};
    uint32_t persons = 0;
    return record(f, pair, 2, use, &persons, err);
}

/* How many links from `from` on are of one pair. */
static size_t pair_length(const rs_evidence *evidence, size_t from)
{
    const rs_link *first = &evidence->links[from];
    size_t end = from + 1;
    while (end < evidence->link_count && evidence->links[end].a == first->a &&
           evidence->links[end].b == first->b) {
        end++;
    }
    return end - from;
}

static rs_status note_moment(finder *f, moment one, rs_error *err)
{
    if (f->moment_count == f->moment_room) {
        size_t room = f->moment_room == 0 ? 256 : f->moment_room * 2;
        moment *moments = realloc(f->moments, room * sizeof *moments);
        if (moments == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu coincidences in time)", room);
        }
        f->moments = moments;
        f->moment_room = room;
    }
    f->moments[f->moment_count++] = one;
    return RS_OK;
}

/* A link in time: who takes part in what. */
static rs_status add_moment(finder *f, const rs_link *link, rs_error *err)
{
    rs_status status = RS_OK;
    moment one = {.group = f->candidates->of[link->a],
                  .column = (uint16_t)time_column(f, link->kind),
                  .relation = link->relation,
                  .thing = link->thing,
                  .user = link->a};
    RS_TRY(note_moment(f, one, err));
    one.user = link->b;
    RS_TRY(note_moment(f, one, err));
done:
    return status;
}

/* What ties the pair in time, of links of one pair, kind by kind: kept where it is the best that a
 * member has. */
static void keep_best(finder *f, const rs_link *links, size_t count)
{
    size_t subjects = rs_graph_subject_count(f->input->graph);
    for (size_t kind = 0; kind < rs_evidence_kind_count(); kind++) {
        uint64_t sum = 0;
        for (size_t i = 0; i < count && rs_evidence_kind_in_time(kind); i++) {
            sum += links[i].kind == kind ? links[i].weight : 0;
        }
        if (sum > 0) {
            uint32_t tie = sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
            uint32_t *best = f->best + (time_column(f, kind) - f->in_time) * subjects;
            best[links->a] = tie > best[links->a] ? tie : best[links->a];
            best[links->b] = tie > best[links->b] ? tie : best[links->b];
        }
    }
}

/* The amount of a group in a kind in time: what ties each member best, added up. It says that of
 * the members it touches: their part of the group is its own part. */
static void add_times(finder *f)
{
    const rsi_candidates *c = f->candidates;
    size_t subjects = rs_graph_subject_count(f->input->graph);
    for (size_t column = f->in_time; column < f->out->column_count; column++) {
        const uint32_t *best = f->best + (column - f->in_time) * subjects;
        for (size_t g = 0; g < c->count; g++) {
            uint64_t sum = 0;
            size_t touched = 0;
            for (size_t k = c->first[g]; k < c->first[g + 1]; k++) {
                sum += best[c->members[k]];
                touched += best[c->members[k]] > 0;
            }
            double amount = (double)sum / (double)RS_WEIGHT_ONE;
            f->out->columns[column].amount[g] = amount;
            f->out->columns[column].own[g] =
                amount * (double)touched / (double)(c->first[g + 1] - c->first[g]);
        }
    }
}

static int by_moment(const void *left, const void *right)
{
    const moment *a = left;
    const moment *b = right;
    if (a->group != b->group) {
        return a->group < b->group ? -1 : 1;
    }
    if (a->column != b->column) {
        return a->column < b->column ? -1 : 1;
    }
    if (a->relation != b->relation) {
        return a->relation < b->relation ? -1 : 1;
    }
    if (a->thing != b->thing) {
        return a->thing < b->thing ? -1 : 1;
    }
    return (a->user > b->user) - (a->user < b->user);
}

/* What one thing was about is one use of it by all its users. */
static rs_status record_moments(finder *f, rs_error *err)
{
    rs_status status = RS_OK;
    const moment *all = f->moments;
    seat *seats = malloc((f->moment_count + 1) * sizeof *seats);
    if (seats == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu coincidences in time)", f->moment_count);
    }
    if (f->moment_count > 1) {
        qsort(f->moments, f->moment_count, sizeof *f->moments, by_moment);
    }
    for (size_t i = 0, end; i < f->moment_count; i = end) {
        size_t count = 0;
        uint32_t persons = 0;
        for (end = i; end < f->moment_count && all[end].group == all[i].group &&
                      all[end].column == all[i].column && all[end].relation == all[i].relation &&
                      all[end].thing == all[i].thing;
             end++) {
            if (count == 0 || seats[count - 1].user != all[end].user) {
                seats[count++] =
                    (seat){.group = all[i].group, .entity = all[end].user, .user = all[end].user};
            }
        }
        rsi_shared_use use = {
            .column = all[i].column, .relation = all[i].relation, .thing = all[i].thing};
        RS_TRY(record(f, seats, count, use, &persons, err));
    }
done:
    free(seats);
    return status;
}

/* One pair of members, links[0 .. count-1]: the strongest column whole, the others in part. */
static rs_status add_pair(finder *f, const rs_link *links, size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t group = f->candidates->of[links->a];
    size_t strongest = SIZE_MAX;
    size_t column = 0;
    keep_best(f, links, count);
    double home = f->cover[group];
    for (size_t i = 0; i < count; i++) {
        home = links[i].kind == f->place || links[i].kind == f->meeting ? 1.0 : home;
        if (rs_evidence_kind_in_time(links[i].kind)) {
            RS_TRY(add_moment(f, &links[i], err));
            continue;
        }
        double tie = tie_of(f, &links[i], &column);
        f->tie[column] += tie;
        strongest =
            strongest == SIZE_MAX || f->tie[column] > f->tie[strongest] ? column : strongest;
        if (column % WAYS == WAY_MEETING) {
            RS_TRY(record_meeting(f, &links[i], column, err));
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (rs_evidence_kind_in_time(links[i].kind)) {
            continue;
        }
        tie_of(f, &links[i], &column);
        double share = column == strongest ? 1.0 : RSI_REST_SHARE;
        f->out->columns[column].amount[group] += f->tie[column];
        add_own(f, column, group, share * f->tie[column], home);
        f->tie[column] = 0;
    }
done:
    return status;
}

/* Links between two members; they stand by pair. */
static rs_status add_pairs(finder *f, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_evidence *evidence = f->input->evidence;
    uint32_t subjects = rs_graph_subject_count(f->input->graph);
    for (size_t i = 0, count; i < evidence->link_count; i += count) {
        const rs_link *link = &evidence->links[i];
        count = pair_length(evidence, i);
        if (link->b < subjects && f->candidates->of[link->a] != NO_GROUP &&
            f->candidates->of[link->a] == f->candidates->of[link->b] &&
            evidence->entity[link->a] != evidence->entity[link->b]) {
            RS_TRY(add_pair(f, link, count, err));
        }
    }
done:
    return status;
}

/* ---- things with the same users
 * ---------------------------------------------------------------------------------------- */

static bool is_stronger(const rsi_shared_use *a, const rsi_shared_use *b)
{
    return a->tie != b->tie ? a->tie > b->tie : a < b;
}

/* How many users of `use` are marked with `mark`. */
static uint32_t count_marked(const finder *f, const rsi_shared_use *use, const uint32_t *marks,
                             uint32_t mark)
{
    uint32_t count = 0;
    for (uint32_t k = 0; k < use->user_count; k++) {
        count += marks[f->out->users[use->user_first + k]] == mark;
    }
    return count;
}

/* The part of its users that use one of the things others[0 .. count-1] too (Jaccard), of another
 * sort and stronger: the largest one. */
static double same_users(const finder *f, size_t i, const size_t *others, size_t count,
                         uint32_t *marks)
{
    const rsi_shared_use *use = &f->out->uses[i];
    double same = 0;
    for (uint32_t k = 0; k < use->user_count; k++) {
        marks[f->out->users[use->user_first + k]] = (uint32_t)(i + 1);
    }
    for (size_t j = 0; j < count; j++) {
        const rsi_shared_use *other = &f->out->uses[others[j]];
        if (other->column != use->column && is_stronger(other, use)) {
            uint32_t both = count_marked(f, other, marks, (uint32_t)(i + 1));
            double all = (double)use->user_count + other->user_count - both;
            same = both > 1 && both / all > same ? both / all : same;
        }
    }
    return same;
}

/* Two things of different sorts that the same people use are one coincidence: what the weaker one
 * adds counts as the rest of a pair does, as far as their users are the same (Jaccard). The uses
 * from .. to-1 are of one group; the first STARS_MAX things that are not taken pair by pair
 * explain. */
static void explain_things(finder *f, size_t from, size_t to, uint32_t *marks)
{
    enum { STARS_MAX = 64 };
    size_t stars[STARS_MAX];
    size_t count = 0;
    for (size_t i = from; i < to && count < STARS_MAX; i++) {
        if (f->out->uses[i].tie > 0 && !f->out->uses[i].by_pair) {
            stars[count++] = i;
        }
    }
    for (size_t i = from; i < to && count > 0; i++) {
        const rsi_shared_use *use = &f->out->uses[i];
        if (use->tie > 0) {
            rsi_column *column = &f->out->columns[use->column];
            double same = same_users(f, i, stars, count, marks);
            double explained = use->tie * (1 - RSI_REST_SHARE) * same * same;
            double home = explained * f->cover[use->group];
            /* of what was taken pair by pair some is explained already */
            column->own[use->group] -= fmin(explained, column->own[use->group]);
            column->home[use->group] -= fmin(home, column->home[use->group]);
        }
    }
}

static rs_status explain_all(finder *f, rs_error *err)
{
    size_t subjects = rs_graph_subject_count(f->input->graph);
    uint32_t *marks = calloc(subjects + 1, sizeof *marks);
    if (marks == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu subjects)", subjects);
    }
    for (size_t i = 0, end; i < f->out->use_count; i = end) {
        for (end = i + 1;
             end < f->out->use_count && f->out->uses[end].group == f->out->uses[i].group; end++) {
        }
        explain_things(f, i, end, marks);
    }
    free(marks);
    return RS_OK;
}

/* ---- homes
 * ---------------------------------------------------------------------------------------- */

/* The largest share of each group's members that one place brings together. `here` has one entry
 * for each group, 0 before and after: the members that the place at hand has seen. */
static void cover_relation(const finder *f, size_t relation, uint32_t *here, double *cover)
{
    const rs_groups *groups = &f->input->evidence->groups[relation];
    const rsi_candidates *c = f->candidates;
    for (uint32_t g = 0; g < groups->count; g++) {
        uint64_t first = groups->first[g];
        uint64_t end = groups->first[g + 1];
        if (end - first > GROUP_USERS_MAX) {
            continue;
        }
        for (uint64_t k = first; k < end; k++) {
            uint32_t group = c->of[groups->users[k]];
            if (group != NO_GROUP) {
                here[group]++;
            }
        }
        for (uint64_t k = first; k < end; k++) {
            uint32_t group = c->of[groups->users[k]];
            if (group == NO_GROUP || here[group] == 0) {
                continue;
            }
            double share = (double)here[group] / (double)(c->first[group + 1] - c->first[group]);
            if (here[group] > 1 && share > cover[group]) {
                cover[group] = share;
            }
            here[group] = 0;
        }
    }
}

/* Columns that no home explains or that are homes. */
static bool is_homeless(const finder *f, const rsi_column *column, size_t index)
{
    return index >= f->in_time || index % WAYS == WAY_MEETING || column->weight == PLACE_WEIGHT;
}

/* What a thing counts among those who share a home. pi is the mean cover of what things tie, over
 * all the night's groups: life's way, where it is near 1. The surprise of a tie within a home is
 * -ln pi, of one without -ln(1 - pi); where homes are the rule (pi above a half) they count in that
 * proportion. */
static double home_share(const finder *f)
{
    double tied = 0;
    double home = 0;
    for (size_t c = 0; c < f->out->column_count; c++) {
        const rsi_column *column = &f->out->columns[c];
        for (size_t g = 0; g < f->candidates->count && !is_homeless(f, column, c); g++) {
            tied += column->own[g];
            home += column->home[g];
        }
    }
    double pi = home / (tied + 1); /* never quite 1: one tie outside a home is always possible */
    return pi <= 0.5 ? 1.0 : log(pi) / log(1 - pi);
}

static rs_status find_cover(finder *f, rs_error *err)
{
    f->cover = calloc(f->candidates->count + 1, sizeof *f->cover);
    uint32_t *here = calloc(f->candidates->count + 1, sizeof *here);
    if (f->cover == NULL || here == NULL) {
        free(here);
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu groups)", f->candidates->count);
    }
    for (size_t r = 0; r < f->input->evidence->relation_count; r++) {
        if (rs_store_relation(rs_graph_store(f->input->graph), r).place) {
            cover_relation(f, r, here, f->cover);
        }
    }
    free(here);
    return RS_OK;
}

/* Take from each group's own things what its homes explain. */
static void discount_homes(finder *f)
{
    double share = home_share(f);
    for (size_t c = 0; c < f->out->column_count; c++) {
        rsi_column *column = &f->out->columns[c];
        for (size_t g = 0; g < f->candidates->count && !is_homeless(f, column, c); g++) {
            column->own[g] -= column->home[g] * (1 - share);
        }
    }
}

static int by_place(const void *left, const void *right)
{
    const rsi_shared_use *a = left;
    const rsi_shared_use *b = right;
    if (a->group != b->group) {
        return a->group < b->group ? -1 : 1;
    }
    if (a->column != b->column) {
        return a->column < b->column ? -1 : 1;
    }
    if (a->user_count != b->user_count) {
        return a->user_count > b->user_count ? -1 : 1;
    }
    if (a->thing != b->thing) {
        return a->thing < b->thing ? -1 : 1;
    }
    if (a->relation != b->relation) {
        return a->relation < b->relation ? -1 : 1;
    }
    return (a->user_first > b->user_first) - (a->user_first < b->user_first); /* as found */
}

/* A kind in time has a null model of its own: to each member it touches nothing is more unusual
 * than that makes it, however few groups of the night have any. A tie of 1.0 has `ceiling` decades.
 */
static void bound_decades(const rsi_candidates *candidates, rsi_column *column, double ceiling)
{
    for (size_t g = 0; g < candidates->count; g++) {
        if (column->own[g] > 0) {
            double members = (double)(candidates->first[g + 1] - candidates->first[g]);
            double touched = members * column->own[g] / column->amount[g];
            double most = column->amount[g] / touched * ceiling;
            column->decades[g] = fmin(column->decades[g], most);
        }
    }
}

static rs_status weigh_column(const rsi_candidates *candidates, rsi_column *column, double *scratch,
                              double ceiling, rs_error *err)
{
    rs_status status = RS_OK;
    double *each = scratch + candidates->count;
    bool any = false;
    for (size_t g = 0; g < candidates->count && !any; g++) {
        any = column->amount[g] > 0;
    }
    if (!any) { /* most columns: their decades are 0 and their pages never touched */
        goto done;
    }
    RS_TRY(rsi_tail_decades(column->amount, candidates->count, column->decades, err));
    for (size_t g = 0; g < candidates->count; g++) {
        scratch[g] = column->amount[g] / (double)(candidates->first[g + 1] - candidates->first[g]);
    }
    RS_TRY(rsi_tail_decades(scratch, candidates->count, each, err));
    for (size_t g = 0; g < candidates->count; g++) {
        column->decades[g] = AMOUNT_SHARE * column->decades[g] + (1 - AMOUNT_SHARE) * each[g];
    }
    bound_decades(candidates, column, ceiling);
    for (size_t g = 0; g < candidates->count; g++) {
        column->decades[g] *= column->amount[g] > 0 ? column->own[g] / column->amount[g] : 0;
    }
done:
    return status;
}

rs_status rsi_sharing_find(const rs_score_input *input, const rsi_candidates *candidates,
                           rsi_sharing *out, rs_error *err)
{
    rs_status status = RS_OK;
    finder f = {
        .input = input, .candidates = candidates, .out = out, .pairs_max = input->pairs_max};
    double *scratch = NULL;
    seat *seats = NULL;
    *out = (rsi_sharing){0};
    f.meeting = SIZE_MAX;
    f.place = SIZE_MAX;
    for (size_t k = 0; k < rs_evidence_kind_count(); k++) {
        f.meeting = strcmp(rs_evidence_kind_name(k), "window") == 0 ? k : f.meeting;
        f.place = strcmp(rs_evidence_kind_name(k), "place") == 0 ? k : f.place;
    }
    RS_TRY(make_columns(&f, err));
    scratch = malloc((2 * candidates->count + 1) * sizeof *scratch);
    seats = malloc(GROUP_USERS_MAX * sizeof *seats);
    f.tie = calloc(out->column_count + 1, sizeof *f.tie);
    f.best = calloc((out->column_count - f.in_time) * rs_graph_subject_count(input->graph) + 1,
                    sizeof *f.best);
    if (f.best == NULL || scratch == NULL || seats == NULL || f.tie == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu groups)", candidates->count);
        goto done;
    }
    RS_TRY(find_cover(&f, err));
    for (size_t r = 0; r < input->evidence->relation_count; r++) {
        RS_TRY(share_relation(&f, r, seats, err));
    }
    RS_TRY(add_pairs(&f, err));
    add_times(&f);
    RS_TRY(record_moments(&f, err));
    if (out->use_count > 1) {
        qsort(out->uses, out->use_count, sizeof *out->uses, by_place);
    }
    RS_TRY(explain_all(&f, err));
    discount_homes(&f);
    RS_TRY(rsi_discount_causes(out, candidates, rs_graph_subject_count(input->graph), err));
    for (size_t c = 0; c < out->column_count; c++) {
        double ceiling = c < out->in_time ? INFINITY : log10(rs_graph_subject_count(input->graph));
        RS_TRY(weigh_column(candidates, &out->columns[c], scratch, ceiling, err));
    }
done:
    free(scratch);
    free(seats);
    free(f.moments);
    free(f.best);
    free(f.cover);
    free(f.tie);
    if (status != RS_OK) {
        rsi_sharing_free(out);
    }
    return status;
}

void rsi_sharing_free(rsi_sharing *sharing)
{
    for (size_t c = 0; sharing->columns != NULL && c < sharing->column_count; c++) {
        free(sharing->columns[c].amount);
        free(sharing->columns[c].own);
        free(sharing->columns[c].home);
        free(sharing->columns[c].decades);
    }
    free(sharing->columns);
    free(sharing->uses);
    free(sharing->users);
    *sharing = (rsi_sharing){0};
}
