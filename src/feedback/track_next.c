/* track_next.c - tonight's rings and those that may return, as one state.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "feedback/track_next.h"

#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "feedback/track_match.h"

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (rings for the next night)");
}

/* ---- types ----------------------------------------------------------------------------------- */

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool has_type(const rsi_track_state *state, rs_text name)
{
    for (size_t i = 0; i < state->type_count; i++) {
        if (strlen(state->types[i]) == name.length &&
            memcmp(state->types[i], name.bytes, name.length) == 0) {
            return true;
        }
    }
    return false;
}

static rs_status add_type(rsi_track_state *state, rs_text name, rs_error *err)
{
    if (has_type(state, name)) {
        return RS_OK;
    }
    char **types = realloc(state->types, (state->type_count + 1) * sizeof *types);
    if (types == NULL) {
        return no_memory(err);
    }
    state->types = types;
    types[state->type_count] = strndup(name.bytes, name.length);
    if (types[state->type_count] == NULL) {
        return no_memory(err);
    }
    state->type_count++;
    return RS_OK;
}

static uint32_t type_number(const rsi_track_state *state, const char *name, size_t length)
{
    uint32_t i = 0;
    while (strlen(state->types[i]) != length || memcmp(state->types[i], name, length) != 0) {
        i++;
    }
    return i;
}

static rs_status gather_types(rsi_track_state *next, const rsi_track_state *past,
                              const rsi_track_night *night, const rs_findings *findings,
                              rs_error *err)
{
    rs_status status = RS_OK;
    const char *last = NULL; /* names of a type mostly are the same text */
    for (size_t r = 0; r < night->ring_count; r++) {
        const rs_ring *ring = &findings->rings[r];
        for (size_t m = ring->member_first; m < ring->member_first + ring->member_count; m++) {
            if (night->names[m].type.bytes != last) {
                RS_TRY(add_type(next, night->names[m].type, err));
                last = night->names[m].type.bytes;
            }
        }
    }
    for (size_t i = 0; past != NULL && i < past->type_count; i++) {
        RS_TRY(add_type(next, (rs_text){past->types[i], strlen(past->types[i])}, err));
    }
    if (next->type_count > 1) {
        qsort(next->types, next->type_count, sizeof *next->types, compare_strings);
    }
done:
    return status;
}

/* ---- rings ----------------------------------------------------------------------------------- */

static int compare_members(const void *a, const void *b)
{
    return rsi_track_compare(a, b);
}

static void add_tonight(rsi_track_state *next, const rsi_track_night *night,
                        const rs_findings *findings, const rs_ring *ring)
{
    rsi_track_ring *to = &next->rings[next->ring_count++];
    *to = (rsi_track_ring){.event = ring->event,
                           .since = ring->since,
                           .seen = night->as_of,
                           .evidence = ring->evidence,
                           .score = ring->score,
                           .from_first = next->from_count,
                           .from_count = ring->from_count,
                           .member_first = next->member_count,
                           .member_count = ring->member_count};
    memcpy(to->id.text, ring->id, sizeof to->id.text);
    for (size_t i = 0; i < ring->from_count; i++) {
        next->from[next->from_count++] = findings->from[ring->from_first + i];
    }
    rsi_track_member *members = &next->members[next->member_count];
    for (size_t i = 0; i < ring->member_count; i++) {
        const rsi_ring_name *name = &night->names[ring->member_first + i];
        members[i] = (rsi_track_member){name->id.bytes, (uint32_t)name->id.length,
                                        type_number(next, name->type.bytes, name->type.length)};
    }
    next->member_count += ring->member_count;
    if (ring->member_count > 1) {
        qsort(members, ring->member_count, sizeof *members, compare_members);
    }
}

/* The past's order of members holds: its types ascend as these do. */
static void add_carried(rsi_track_state *next, const rsi_track_state *past,
                        const rsi_track_ring *ring, const rs_gone_ring *gone)
{
    rsi_track_ring *to = &next->rings[next->ring_count++];
    *to = *ring;
    to->event = RS_RING_DIED;
    to->into = gone != NULL ? gone->into : ring->into;
    to->from_first = next->from_count;
    to->from_count = 0;
    to->member_first = next->member_count;
    for (size_t i = 0; i < ring->member_count; i++) {
        rsi_track_member member = past->members[ring->member_first + i];
        const char *type = past->types[member.type];
        member.type = type_number(next, type, strlen(type));
        next->members[next->member_count++] = member;
    }
}

static void carry_over(rsi_track_state *next, const rsi_track_state *past,
                       const rsi_track_night *night, const rs_findings *findings,
                       const uint32_t *ring_of)
{
    size_t g = 0;
    for (size_t p = 0; p < past->ring_count; p++) {
        const rsi_track_ring *ring = &past->rings[p];
        const rs_gone_ring *gone = NULL;
        if (g < findings->gone_count && strcmp(findings->gone[g].id.text, ring->id.text) == 0) {
            gone = &findings->gone[g++];
        }
        if (ring_of[p] == RSI_UNMATCHED && night->as_of - ring->seen <= RSI_TRACK_RETURN_S) {
            add_carried(next, past, ring, gone);
        }
    }
}

static int compare_rings(const void *a, const void *b)
{
    return strcmp(((const rsi_track_ring *)a)->id.text, ((const rsi_track_ring *)b)->id.text);
}

rs_status rsi_track_leave(const rsi_track_state *past, const rsi_track_night *night,
                          const rs_findings *findings, const uint32_t *ring_of,
                          rsi_track_state *next, rs_error *err)
{
    rs_status status = RS_OK;
    size_t rings = night->ring_count + (past != NULL ? past->ring_count : 0);
    size_t members = past != NULL ? past->member_count : 0;
    size_t from = 0;
    for (size_t r = 0; r < night->ring_count; r++) {
        members += findings->rings[r].member_count;
        from += findings->rings[r].from_count;
    }
    *next = (rsi_track_state){.as_of = night->as_of};
    memcpy(next->settings, night->settings, sizeof next->settings);
    next->rings = malloc((rings + 1) * sizeof *next->rings);
    next->members = malloc((members + 1) * sizeof *next->members);
    next->from = malloc((from + 1) * sizeof *next->from);
    if (next->rings == NULL || next->members == NULL || next->from == NULL) {
        status = no_memory(err);
        goto done;
    }
    RS_TRY(gather_types(next, past, night, findings, err));
    for (size_t r = 0; r < night->ring_count; r++) {
        add_tonight(next, night, findings, &findings->rings[r]);
    }
    if (past != NULL) {
        carry_over(next, past, night, findings, ring_of);
    }
    if (next->ring_count > 1) {
        qsort(next->rings, next->ring_count, sizeof *next->rings, compare_rings);
    }
done:
    if (status != RS_OK) {
        rsi_track_state_free(next);
    }
    return status;
}
