/* reasons.c - why a ring has its score: a reason for each sort of evidence, for the members that
 * are known and for the things that are, each with its weight and the strongest facts behind it.
 *
 * A reason's weight is its part of the ring's decades, and REASON_FLOOR: what holds a group
 * together is part of why, even where every group of the night has as much.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "score/fact_rows.h"
#include "score/scorer.h"

#define REASON_FLOOR 0.1

static rs_status keep_users(rsi_scorer *s, const uint32_t *users, size_t count, size_t *used,
                            rs_error *err)
{
    if (*used + count > s->fact_user_room) {
        size_t room = *used + count + s->fact_user_room;
        uint32_t *list = realloc(s->out->fact_users, room * sizeof *list);
        if (list == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu users in facts)", room);
        }
        s->out->fact_users = list;
        s->fact_user_room = room;
    }
    memcpy(s->out->fact_users + *used, users, count * sizeof *users);
    *used += count;
    return RS_OK;
}

static bool is_known_thing(const rsi_scorer *s, const rsi_shared_use *use)
{
    return use->column < s->sharing.in_time && s->input->seed[use->thing] > 0;
}

/* Count of different members among the users of uses from .. to-1; where `listed`, of those of
 * things on the blacklist alone. */
static uint32_t count_members(const rsi_scorer *s, size_t from, size_t to, bool listed)
{
    uint32_t count = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = from; i < to; i++) {
            const rsi_shared_use *use = &s->sharing.uses[i];
            for (uint32_t k = 0; k < use->user_count && (!listed || is_known_thing(s, use)); k++) {
                uint32_t user = s->sharing.users[use->user_first + k];
                count += pass == 0 && !s->seen[user];
                s->seen[user] = pass == 0;
            }
        }
    }
    return count;
}

/* Each thing once, whatever the relations that lead to it. */
static uint32_t count_things(const rsi_scorer *s, size_t from, size_t to)
{
    uint32_t count = 0;
    for (size_t i = from; i < to; i++) {
        count += !s->seen[s->sharing.uses[i].thing];
        s->seen[s->sharing.uses[i].thing] = 1;
    }
    rsi_forget_things(s, from, to);
    return count;
}

/* One more fact of the reason at hand: the users of one thing. */
static rs_status add_fact(rsi_scorer *s, const rsi_shared_use *use, rs_reason *reason,
                          rsi_cursor *at, rs_error *err)
{
    rs_status status = RS_OK;
    const uint32_t *users = s->sharing.users + use->user_first;
    rs_fact *fact = &s->out->facts[at->facts++];
    *fact = (rs_fact){.thing = use->thing,
                      .relation = use->relation,
                      .event_count = use->event_count,
                      .user_first = at->users,
                      .user_count = use->user_count};
    if (use->column >= s->sharing.in_time) {
        const char *name = s->sharing.columns[use->column].name;
        rs_text kind = {name, strlen(name)};
        s->fact_rules[fact - s->out->facts] = (uint8_t)(1 + rsi_fact_rule_of(kind));
    }
    RS_TRY(keep_users(s, users, use->user_count, &at->users, err));
    reason->fact_count++;
done:
    return status;
}

static rs_reason *begin_reason(rsi_scorer *s, const char *kind, rsi_cursor *at)
{
    rs_reason *reason = &s->out->reasons[at->reasons++];
    *reason = (rs_reason){.fact_first = at->facts};
    snprintf(reason->kind, sizeof reason->kind, "%s", kind);
    return reason;
}

/* The reason of one column, with its strongest facts. Uses of one thing by two relations are two
 * facts. */
static rs_status fill_column_reason(rsi_scorer *s, size_t group, size_t column, rsi_cursor *at,
                                    rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_sharing *sharing = &s->sharing;
    size_t end = sharing->use_first[group + 1];
    size_t from = sharing->use_first[group];
    while (from < end && sharing->uses[from].column != column) {
        from++;
    }
    size_t to = from;
    while (to < end && sharing->uses[to].column == column) {
        to++;
    }
    rs_reason *reason = begin_reason(s, sharing->columns[column].name, at);
    reason->member_count = count_members(s, from, to, false);
    reason->thing_count = count_things(s, from, to);
    for (size_t i = from; i < to && reason->fact_count < s->options->facts_max; i++) {
        RS_TRY(add_fact(s, &sharing->uses[i], reason, at, err));
    }
done:
    return status;
}

static rs_status fill_known_reason(rsi_scorer *s, size_t group, rsi_cursor *at, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_candidates *c = &s->candidates;
    rs_reason *reason = begin_reason(s, "known_members", at);
    reason->member_count = s->lists[group].known_count;
    reason->fact_count = 1;
    rs_fact *fact = &s->out->facts[at->facts++];
    *fact = (rs_fact){.thing = RS_NO_NODE,
                      .relation = UINT16_MAX,
                      .user_first = at->users,
                      .user_count = reason->member_count};
    for (size_t k = c->first[group]; k < c->first[group + 1]; k++) {
        if (s->listed[c->members[k]] == RSI_KNOWN) {
            RS_TRY(keep_users(s, &c->members[k], 1, &at->users, err));
        }
    }
done:
    return status;
}

static rs_status fill_things_reason(rsi_scorer *s, size_t group, rsi_cursor *at, rs_error *err)
{
    rs_status status = RS_OK;
    size_t from = s->sharing.use_first[group];
    size_t to = s->sharing.use_first[group + 1];
    rs_reason *reason = begin_reason(s, "known_things", at);
    reason->member_count = count_members(s, from, to, true);
    reason->thing_count = s->lists[group].thing_count;
    for (size_t i = from; i < to && reason->fact_count < s->options->facts_max; i++) {
        if (is_known_thing(s, &s->sharing.uses[i])) {
            RS_TRY(add_fact(s, &s->sharing.uses[i], reason, at, err));
        }
    }
done:
    return status;
}

static int by_weight(const void *left, const void *right)
{
    const rs_reason *a = left;
    const rs_reason *b = right;
    if (a->weight != b->weight) {
        return a->weight > b->weight ? -1 : 1;
    }
    return strcmp(a->kind, b->kind);
}

/* Shares of a whole in millionths that sum to a million: rounded down, the rest to the largest. */
static void share_weights(rs_reason *reasons, const double *decades, size_t count)
{
    double sum = 0;
    uint32_t given = 0;
    size_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        sum += decades[i];
        largest = decades[i] > decades[largest] ? i : largest;
    }
    for (size_t i = 0; i < count; i++) {
        double share = sum > 0 ? decades[i] / sum : 1.0 / (double)count;
        reasons[i].weight = (uint32_t)(share * RS_MILLION);
        given += reasons[i].weight;
    }
    reasons[largest].weight += RS_MILLION - given;
}

rs_status rsi_reasons_fill(rsi_scorer *s, size_t group, rs_ring *ring, rsi_cursor *at,
                           rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_group_lists *lists = &s->lists[group];
    double decades[RSI_REASONS_MAX];
    size_t count = 0;
    ring->reason_first = at->reasons;
    for (size_t c = 0; c < s->sharing.column_count && count + 2 < RSI_REASONS_MAX; c++) {
        const rsi_column *column = &s->sharing.columns[c];
        if (column->amount[group] > 0) {
            decades[count++] = column->weight * (column->decades[group] + REASON_FLOOR);
            RS_TRY(fill_column_reason(s, group, c, at, err));
        }
    }
    if (lists->known_count > 0) {
        decades[count++] = lists->member_decades + REASON_FLOOR;
        RS_TRY(fill_known_reason(s, group, at, err));
    }
    if (lists->thing_count > 0) {
        decades[count++] = lists->thing_decades + REASON_FLOOR;
        RS_TRY(fill_things_reason(s, group, at, err));
    }
    ring->reason_count = count;
    if (count > 0) {
        share_weights(s->out->reasons + ring->reason_first, decades, count);
        qsort(s->out->reasons + ring->reason_first, count, sizeof *s->out->reasons, by_weight);
    }
done:
    return status;
}
