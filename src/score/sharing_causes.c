/* sharing_causes.c - one cause is free: of the things of one sort that hold people together, the
 * largest.
 *
 * That people share one device has one cause: a household, a till, a carer. It is no coincidence,
 * however many they are; what says something is that other people, or the same ones on other
 * things, are tied in on top of it. So among people whom things connect the largest thing of each
 * sort (column) counts as what a stronger tie explains does, the others whole: thirty cards that
 * run through a ring two by two are 29 coincidences, a card that six people use is none.
 *
 * A group can be of several such parts, which only a place or what they do joins: the households
 * of an office. Each part has causes of its own, and together they are no more than the largest of
 * them: what things say of the group counts by the share of its members that are in that part.
 *
 * The amounts by which the night's groups are compared are less by the causes, and so is the part
 * that is a group's own. Places, meetings and identities stay as they are: a place is a cause
 * already (sharing_homes.c), an identity is one person.
 *
 * Cost: O(uses), 8 bytes a subject.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/parallel.h"
#include "score/finder.h"

/* A subject is in one group at most: groups can be looked at side by side. Before and after a group
 * each of its members is a part of its own, and `count` is 0. */
typedef struct parts {
    const rsi_finder *f;
    const rsi_sharing *sharing;
    uint32_t *over;
    float *count; /* by root of a part: members, or the largest tie of a column */
} parts;

static uint32_t root_of(const parts *p, uint32_t who)
{
    while (p->over[who] != who) {
        p->over[who] = p->over[p->over[who]];
        who = p->over[who];
    }
    return who;
}

static void connect(const parts *p, const rsi_shared_use *use)
{
    const uint32_t *users = p->sharing->users + use->user_first;
    for (uint32_t k = 1; k < use->user_count; k++) {
        uint32_t a = root_of(p, users[0]);
        uint32_t b = root_of(p, users[k]);
        p->over[a > b ? a : b] = a > b ? b : a;
    }
}

/* The share of a group's members that are in its largest part. */
static double largest_part(const parts *p, size_t group)
{
    const rsi_candidates *c = p->f->candidates;
    float most = 0;
    for (size_t k = c->first[group]; k < c->first[group + 1]; k++) {
        float *here = &p->count[root_of(p, c->members[k])];
        *here += 1;
        most = *here > most ? *here : most;
    }
    for (size_t k = c->first[group]; k < c->first[group + 1]; k++) {
        p->count[root_of(p, c->members[k])] = 0;
    }
    return most / (double)(c->first[group + 1] - c->first[group]);
}

/* The uses from .. to-1 are of one group and column: the largest of each part, together. */
static double largest_ties(const parts *p, size_t from, size_t to)
{
    const rsi_shared_use *uses = p->sharing->uses;
    double sum = 0;
    for (size_t i = from; i < to; i++) {
        float *most = &p->count[root_of(p, p->sharing->users[uses[i].user_first])];
        if ((float)uses[i].tie > *most) {
            sum += (float)uses[i].tie - *most;
            *most = (float)uses[i].tie;
        }
    }
    for (size_t i = from; i < to; i++) {
        p->count[root_of(p, p->sharing->users[uses[i].user_first])] = 0;
    }
    return sum;
}

static void discount(const rsi_column *column, size_t group, double causes, double together)
{
    double amount = column->amount[group];
    if (amount > 0) {
        double left = 1 - (1 - RSI_REST_SHARE) * (causes < amount ? causes / amount : 1);
        column->amount[group] *= left;
        column->own[group] *= left * together;
    }
}

static void discount_group(const parts *p, size_t group)
{
    const rsi_shared_use *uses = p->sharing->uses;
    const rsi_candidates *c = p->f->candidates;
    size_t to = p->sharing->use_first[group + 1];
    for (size_t i = p->sharing->use_first[group]; i < to; i++) {
        if (uses[i].is_cause) {
            connect(p, &uses[i]);
        }
    }
    double together = largest_part(p, group);
    for (size_t i = p->sharing->use_first[group], end; i < to; i = end) {
        for (end = i + 1; end < to && uses[end].column == uses[i].column; end++) {
        }
        if (uses[i].is_cause) {
            discount(&p->sharing->columns[uses[i].column], group, largest_ties(p, i, end),
                     together);
        }
    }
    for (size_t k = c->first[group]; k < c->first[group + 1]; k++) {
        p->over[c->members[k]] = c->members[k];
    }
}

static rs_status discount_block(void *context, size_t block, unsigned worker, rs_error *err)
{
    const parts *p = context;
    (void)worker;
    (void)err;
    for (size_t g = block * RSI_GROUPS_A_BLOCK; g < rsi_block_end(p->f, block); g++) {
        if (p->sharing->use_first[g] < p->sharing->use_first[g + 1]) {
            discount_group(p, g);
        }
    }
    return RS_OK;
}

rs_status rsi_causes_discount(rsi_finder *f, rs_error *err)
{
    parts p = {.f = f, .sharing = f->out};
    p.over = malloc(((size_t)f->subjects + 1) * sizeof *p.over);
    p.count = calloc((size_t)f->subjects + 1, sizeof *p.count);
    if (p.over == NULL || p.count == NULL) {
        free(p.over);
        free(p.count);
        return rs_fail(err, RS_ENOMEM, "out of memory (%u subjects)", f->subjects);
    }
    for (uint32_t v = 0; v < f->subjects; v++) {
        p.over[v] = v;
    }
    rs_status status = rsi_parallel(f->work, rsi_block_count(f), discount_block, &p, err);
    free(p.over);
    free(p.count);
    return status;
}
