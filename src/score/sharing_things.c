/* sharing_things.c - which members of a group use the same thing, thing by thing.
 *
 * What is found goes into lists, one for each block of things: nothing is added up here, so that
 * blocks can be looked at side by side.
 *
 * Cost: O(uses); groups and persons of users come at random and are asked for before their turn.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/parallel.h"
#include "base/try.h"
#include "score/finder.h"

enum { THINGS_A_BLOCK = 1 << 14, WORTH_KNOWN = 64 };

/* What a thing of so many users is worth. */
typedef struct worth {
    bool counts; /* neither a hub nor more than can be looked at */
    double unit; /* of a pair through it, 0..1 */
} worth;

/* Things first .. end-1 of one relation. */
typedef struct block {
    size_t relation;
    uint32_t first, end;
    bool any; /* one of them counts */
} block;

typedef struct things {
    rsi_finder *f;
    block *blocks;
    size_t count;
    rsi_use_list *lists; /* one for each block */
} things;

/* What does not change within a block. */
typedef struct look {
    const rsi_finder *f;
    const rs_groups *groups;
    rs_relation_info info;
    bool identity;
    worth known[WORTH_KNOWN]; /* by users */
    rsi_seat *seats;
    rsi_shared_use use; /* of the thing at hand */
} look;

static worth worth_of(const look *l, uint64_t users)
{
    if (users > RSI_GROUP_USERS_MAX) {
        return (worth){0};
    }
    if (l->identity) {
        return (worth){.counts = true, .unit = 1.0};
    }
    uint32_t weight = rs_thing_weight(l->f->subjects, users, l->info.place);
    return (worth){.counts = !rs_thing_is_hub(weight, users, RS_RESOLUTION_DEFAULT),
                   .unit = (double)rs_thing_rarity(l->f->subjects, users) / (double)RS_WEIGHT_ONE};
}

/* Whether an identity made its users one person: that of a placeholder ("000000") did not. */
static bool is_one_person(const look *l, uint32_t g)
{
    const uint32_t *entity = l->f->input->evidence->entity;
    const rs_groups *groups = l->groups;
    for (uint64_t k = groups->first[g] + 1; k < groups->first[g + 1]; k++) {
        if (entity[groups->users[k]] != entity[groups->users[k - 1]]) {
            return false;
        }
    }
    return true;
}

static int by_group(const void *left, const void *right)
{
    const rsi_seat *a = left;
    const rsi_seat *b = right;
    if (a->group != b->group) {
        return a->group < b->group ? -1 : 1;
    }
    if (a->entity != b->entity) {
        return a->entity < b->entity ? -1 : 1;
    }
    return (a->user > b->user) - (a->user < b->user);
}

static void sort_seats(rsi_seat *seats, size_t count)
{
    enum { FEW = 32 };
    if (count > FEW) {
        qsort(seats, count, sizeof *seats, by_group);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        rsi_seat moving = seats[i];
        size_t hole = i;
        for (; hole > 0 && by_group(&moving, &seats[hole - 1]) < 0; hole--) {
            seats[hole] = seats[hole - 1];
        }
        seats[hole] = moving;
    }
}

/* The users of thing g that are in a group, by group and person. */
static size_t take_seats(const look *l, uint32_t g)
{
    enum { AHEAD = 32 };
    const rs_groups *groups = l->groups;
    const uint32_t *of = l->f->candidates->of;
    const uint32_t *entity = l->f->input->evidence->entity;
    bool persons = l->f->entities && !l->identity;
    size_t count = 0;
    for (uint64_t k = groups->first[g]; k < groups->first[g + 1]; k++) {
        uint32_t user = groups->users[k];
        if (k + AHEAD < groups->use_count) {
            __builtin_prefetch(&of[groups->users[k + AHEAD]]);
        }
        if (of[user] != RSI_NO_GROUP) {
            l->seats[count++] = (rsi_seat){.group = of[user],
                                           .entity = persons ? entity[user] : user,
                                           .user = user,
                                           .events = groups->events[k]};
        }
    }
    sort_seats(l->seats, count);
    return count;
}

static uint32_t count_persons(const rsi_seat *seats, size_t count)
{
    uint32_t persons = 0;
    for (size_t i = 0; i < count; i++) {
        persons += i == 0 || seats[i].entity != seats[i - 1].entity;
    }
    return persons;
}

/* What two users and more of one group share through thing g. */
static rs_status share_thing(const look *l, uint32_t g, double unit, rsi_use_list *list,
                             rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t users = l->groups->first[g + 1] - l->groups->first[g];
    bool star = users > l->f->input->pairs_max || l->identity;
    size_t count = take_seats(l, g);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && l->seats[end].group == l->seats[i].group; end++) {
        }
        if (end - i >= 2) {
            rsi_shared_use use = l->use;
            use.thing = l->groups->things[g];
            use.star = star ? unit * (count_persons(l->seats + i, end - i) - 1) : 0;
            RS_TRY(rsi_use_add(list, l->seats + i, end - i, use, err));
        }
    }
done:
    return status;
}

static void begin_look(look *l, const rsi_finder *f, size_t relation)
{
    l->f = f;
    l->groups = &f->input->evidence->groups[relation];
    l->info = rs_store_relation(rs_graph_store(f->input->graph), relation);
    l->identity = l->info.kind == RS_KIND_IDENTITY;
    l->use.relation = (uint16_t)relation;
    l->use.column =
        (uint16_t)(f->of_relation[relation] + (l->identity ? RSI_WAY_IDENTITY : RSI_WAY_SHARED));
    for (size_t users = 0; users < WORTH_KNOWN; users++) {
        l->known[users] = worth_of(l, users);
    }
}

static rs_status share_block(void *context, size_t index, unsigned worker, rs_error *err)
{
    rs_status status = RS_OK;
    const things *all = context;
    block *b = &all->blocks[index];
    look l = {0};
    (void)worker;
    begin_look(&l, all->f, b->relation);
    l.seats = malloc(RSI_GROUP_USERS_MAX * sizeof *l.seats);
    if (l.seats == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (users of one thing)");
    }
    for (uint32_t g = b->first; g < b->end; g++) {
        uint64_t users = l.groups->first[g + 1] - l.groups->first[g];
        worth w = users < WORTH_KNOWN ? l.known[users] : worth_of(&l, users);
        if (w.counts && (!l.identity || is_one_person(&l, g))) {
            b->any = true;
            RS_TRY(share_thing(&l, g, w.unit, &all->lists[index], err));
        }
    }
done:
    free(l.seats);
    return status;
}

/* Homes beside blocks of things: first, for nothing cuts them. */
static rs_status find_one(void *context, size_t index, unsigned worker, rs_error *err)
{
    const things *all = context;
    return index == 0 ? rsi_homes_find(all->f, err) : share_block(context, index - 1, worker, err);
}

static rs_status make_blocks(things *all, rs_error *err)
{
    const rs_evidence *evidence = all->f->input->evidence;
    size_t room = 1;
    for (size_t r = 0; r < evidence->relation_count; r++) {
        room += evidence->groups[r].count / THINGS_A_BLOCK + 1;
    }
    all->blocks = malloc(room * sizeof *all->blocks);
    all->lists = calloc(room, sizeof *all->lists);
    if (all->blocks == NULL || all->lists == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu blocks of things)", room);
    }
    for (size_t r = 0; r < evidence->relation_count; r++) {
        uint32_t end = evidence->groups[r].count;
        for (uint32_t first = 0; first < end;) {
            uint32_t next = end - first > THINGS_A_BLOCK ? first + THINGS_A_BLOCK : end;
            all->blocks[all->count++] = (block){.relation = r, .first = first, .end = next};
            first = next;
        }
    }
    return RS_OK;
}

rs_status rsi_share_things(rsi_finder *f, rs_error *err)
{
    rs_status status = RS_OK;
    things all = {.f = f};
    RS_TRY(make_blocks(&all, err));
    RS_TRY(rsi_parallel(f->work, all.count + 1, find_one, &all, err));
    for (size_t i = 0; i < all.count; i++) {
        size_t relation = all.blocks[i].relation;
        if (all.blocks[i].any &&
            rs_store_relation(rs_graph_store(f->input->graph), relation).place) {
            f->out->columns[f->of_relation[relation]].weight = RSI_PLACE_WEIGHT;
        }
    }
    RS_TRY(rsi_uses_gather(f, all.lists, all.count, err));
done:
    for (size_t i = 0; all.lists != NULL && i < all.count; i++) {
        rsi_use_list_free(&all.lists[i]);
    }
    free(all.lists);
    free(all.blocks);
    return status;
}
