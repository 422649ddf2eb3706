/* sharing_uses.c - the uses of things by groups: as they are found, by group, in their order.
 *
 * Threads find uses block by block, each block into a list of its own; a counting sort by group
 * joins the lists in the order of the blocks. A group's few are then sorted where they lie.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/try.h"
#include "score/finder.h"

static rs_status make_room(rsi_use_list *list, size_t users, rs_error *err)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 256 : list->room * 2;
        rsi_shared_use *uses = realloc(list->uses, room * sizeof *uses);
        if (uses == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu shared uses)", room);
        }
        list->uses = uses;
        list->room = room;
    }
    if (list->user_count + users > list->user_room) {
        size_t room = 2 * list->user_room + users;
        uint32_t *all = realloc(list->users, room * sizeof *all);
        if (all == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu users of shared things)", room);
        }
        list->users = all;
        list->user_room = room;
    }
    return RS_OK;
}

rs_status rsi_use_add(rsi_use_list *list, const rsi_seat *seats, size_t count, rsi_shared_use use,
                      rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(make_room(list, count, err));
    use.group = seats[0].group;
    use.user_first = list->user_count;
    use.user_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        use.event_count += seats[i].events;
        list->users[list->user_count++] = seats[i].user;
    }
    list->uses[list->count++] = use;
done:
    return status;
}

void rsi_use_list_free(rsi_use_list *list)
{
    free(list->uses);
    free(list->users);
    *list = (rsi_use_list){0};
}

/* ---- by group ----------------------------------------------------------------------------------
 */

/* use_first[g + 1] is the next free place of g, and where g + 1 begins once all are taken. */
static void place_all(rsi_sharing *out, const rsi_use_list *list, size_t users)
{
    for (size_t i = 0; i < list->count; i++) {
        rsi_shared_use use = list->uses[i];
        use.user_first += users;
        out->uses[out->use_first[use.group + 1]++] = use;
    }
    if (list->user_count > 0) {
        memcpy(out->users + users, list->users, list->user_count * sizeof *out->users);
    }
}

static rs_status make_arrays(rsi_sharing *out, size_t groups, size_t uses, size_t users,
                             rs_error *err)
{
    out->use_first = calloc(groups + 3, sizeof *out->use_first);
    out->uses = malloc((uses + 1) * sizeof *out->uses);
    out->users = malloc((users + 1) * sizeof *out->users);
    if (out->use_first == NULL || out->uses == NULL || out->users == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu shared uses)", uses);
    }
    return RS_OK;
}

/* All that stands by group already, as a list. */
static rsi_use_list take_back(rsi_sharing *out, size_t groups)
{
    rsi_use_list list = {.uses = out->uses, .users = out->users};
    list.count = out->use_first != NULL ? out->use_first[groups] : 0;
    for (size_t i = 0; i < list.count; i++) {
        size_t end = list.uses[i].user_first + list.uses[i].user_count;
        list.user_count = end > list.user_count ? end : list.user_count;
    }
    free(out->use_first);
    out->use_first = NULL;
    out->uses = NULL; /* moved to the list */
    out->users = NULL;
    return list;
}

rs_status rsi_uses_gather(rsi_finder *f, rsi_use_list *lists, size_t list_count, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_sharing *out = f->out;
    size_t groups = f->candidates->count;
    rsi_use_list before = take_back(out, groups);
    size_t uses = before.count;
    size_t users = before.user_count;
    for (size_t i = 0; i < list_count; i++) {
        uses += lists[i].count;
        users += lists[i].user_count;
    }
    RS_TRY(make_arrays(out, groups, uses, users, err));
    for (size_t i = 0; i <= list_count; i++) {
        const rsi_use_list *list = i == 0 ? &before : &lists[i - 1];
        for (size_t k = 0; k < list->count; k++) {
            out->use_first[list->uses[k].group + 2]++;
        }
    }
    for (size_t g = 0; g < groups; g++) {
        out->use_first[g + 2] += out->use_first[g + 1];
    }
    users = before.user_count;
    place_all(out, &before, 0);
    for (size_t i = 0; i < list_count; i++) {
        size_t own = lists[i].user_count;
        place_all(out, &lists[i], users);
        users += own;
        rsi_use_list_free(&lists[i]);
    }
done:
    rsi_use_list_free(&before);
    return status;
}

/* ---- in order ----------------------------------------------------------------------------------
 */

static int by_place(const void *left, const void *right)
{
    const rsi_shared_use *a = left;
    const rsi_shared_use *b = right;
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

static void sort_uses(rsi_shared_use *uses, size_t count)
{
    enum { FEW = 24 };
    if (count > FEW) {
        qsort(uses, count, sizeof *uses, by_place);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        rsi_shared_use moving = uses[i];
        size_t hole = i;
        for (; hole > 0 && by_place(&moving, &uses[hole - 1]) < 0; hole--) {
            uses[hole] = uses[hole - 1];
        }
        uses[hole] = moving;
    }
}

/* ---- things with the same users ----------------------------------------------------------------
 */

enum { STARS_MAX = 64 };

static bool is_stronger(const rsi_shared_use *a, const rsi_shared_use *b)
{
    return a->tie != b->tie ? a->tie > b->tie : a < b;
}

/* How many users of `use` are marked with `mark`. */
static uint32_t count_marked(const rsi_sharing *out, const rsi_shared_use *use,
                             const uint32_t *marks, uint32_t mark)
{
    uint32_t count = 0;
    for (uint32_t k = 0; k < use->user_count; k++) {
        count += marks[out->users[use->user_first + k]] == mark;
    }
    return count;
}

/* The part of its users that use one of some stronger things of other sorts, too (Jaccard): the
 * largest one. */
static double same_users(const rsi_sharing *out, const rsi_shared_use *use,
                         const rsi_shared_use *const *others, size_t count, uint32_t *marks)
{
    uint32_t mark = (uint32_t)(use - out->uses) + 1;
    double same = 0;
    for (uint32_t k = 0; k < use->user_count; k++) {
        marks[out->users[use->user_first + k]] = mark;
    }
    for (size_t j = 0; j < count; j++) {
        if (others[j]->column != use->column && is_stronger(others[j], use)) {
            uint32_t both = count_marked(out, others[j], marks, mark);
            double all = (double)use->user_count + others[j]->user_count - both;
            same = both > 1 && both / all > same ? both / all : same;
        }
    }
    return same;
}

/* Two things of different sorts that the same people use are one coincidence: what the weaker one
 * adds counts as the rest of a pair does, as far as their users are the same. The first STARS_MAX
 * things that are not taken pair by pair explain. */
static void explain_things(const rsi_finder *f, size_t group, uint32_t *marks)
{
    const rsi_sharing *out = f->out;
    const rsi_shared_use *stars[STARS_MAX];
    size_t count = 0;
    size_t end = out->use_first[group + 1];
    for (size_t i = out->use_first[group]; i < end && count < STARS_MAX; i++) {
        if (out->uses[i].tie > 0 && !out->uses[i].by_pair) {
            stars[count++] = &out->uses[i];
        }
    }
    for (size_t i = out->use_first[group]; i < end && count > 0; i++) {
        const rsi_shared_use *use = &out->uses[i];
        if (use->tie > 0) {
            rsi_column *column = &out->columns[use->column];
            double same = same_users(out, use, stars, count, marks);
            double explained = use->tie * (1 - RSI_REST_SHARE) * same * same;
            double home = explained * f->cover[group];
            /* of what was taken pair by pair some is explained already */
            column->own[group] -= explained < column->own[group] ? explained : column->own[group];
            column->home[group] -= home < column->home[group] ? home : column->home[group];
        }
    }
}

typedef struct settling {
    const rsi_finder *f;
    uint32_t *marks; /* by subject; a subject is in one group at most */
} settling;

static rs_status settle_block(void *context, size_t block, unsigned worker, rs_error *err)
{
    const settling *s = context;
    const rsi_sharing *out = s->f->out;
    (void)worker;
    (void)err;
    for (size_t g = block * RSI_GROUPS_A_BLOCK; g < rsi_block_end(s->f, block); g++) {
        sort_uses(out->uses + out->use_first[g], out->use_first[g + 1] - out->use_first[g]);
        explain_things(s->f, g, s->marks);
    }
    return RS_OK;
}

rs_status rsi_uses_settle(rsi_finder *f, rs_error *err)
{
    settling s = {.f = f, .marks = calloc((size_t)f->subjects + 1, sizeof *s.marks)};
    if (s.marks == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u subjects)", f->subjects);
    }
    rs_status status = rsi_parallel(f->work, rsi_block_count(f), settle_block, &s, err);
    free(s.marks);
    return status;
}
