/* track.c - what became of each ring since the night before.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "feedback/track.h"

#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "feedback/track_match.h"
#include "feedback/track_next.h"
#include "feedback/track_overlap.h"

enum { PART_LEAST = 3, PART_SHARE = 5 }; /* a part of a ring: three members and a fifth at least */

/* What is found before anything of the findings changes. */
typedef struct follower {
    const rsi_track_state *past;
    const rsi_track_night *night;
    rs_findings *findings;
    rsi_overlaps overlaps;
    uint32_t *past_of; /* by ring of tonight: the earlier one that goes on in it */
    uint32_t *ring_of; /* by earlier ring: the one of tonight that goes on from it */
    uint32_t *into;    /* by earlier ring: the one of tonight that took it in */
    bool *has_split;   /* by earlier ring */
} follower;

static rs_status no_memory(const follower *f, rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (%zu rings)", f->night->ring_count);
}

/* ---- who went where -------------------------------------------------------------------------- */

/* Whether a ring of tonight holds so much of an earlier one that it may be a part of it. */
static bool is_part(const rsi_track_ring *past, const rsi_overlap *one)
{
    return one->shared >= PART_LEAST && (uint64_t)PART_SHARE * one->shared >= past->member_count;
}

/* The ring of tonight with most of its members, where that is half of them and more. */
static uint32_t taken_by(const follower *f, size_t past)
{
    const rsi_overlap *best = NULL;
    for (size_t i = f->overlaps.first[past]; i < f->overlaps.first[past + 1]; i++) {
        const rsi_overlap *one = &f->overlaps.items[i];
        best = best == NULL || one->shared > best->shared ? one : best;
    }
    bool half = best != NULL && 2 * (size_t)best->shared >= f->past->rings[past].member_count;
    return half ? best->ring : RSI_UNMATCHED;
}

static void find_flows(follower *f)
{
    for (size_t p = 0; p < f->past->ring_count; p++) {
        f->ring_of[p] = f->into[p] = RSI_UNMATCHED;
    }
    for (size_t r = 0; r < f->night->ring_count; r++) {
        if (f->past_of[r] != RSI_UNMATCHED) {
            f->ring_of[f->past_of[r]] = (uint32_t)r;
        }
    }
    for (size_t p = 0; p < f->past->ring_count; p++) {
        const rsi_track_ring *past = &f->past->rings[p];
        size_t parts = 0;
        if (!rsi_track_lives(past)) {
            continue;
        }
        for (size_t i = f->overlaps.first[p]; i < f->overlaps.first[p + 1]; i++) {
            parts += is_part(past, &f->overlaps.items[i]);
        }
        f->has_split[p] = parts > 1;
        if (f->ring_of[p] == RSI_UNMATCHED) {
            f->into[p] = taken_by(f, p);
        }
    }
}

/* ---- lineage --------------------------------------------------------------------------------- */

static void count_from(const follower *f)
{
    for (size_t r = 0; r < f->night->ring_count; r++) {
        f->findings->rings[r].from_count = f->past_of[r] != RSI_UNMATCHED;
    }
}

/* Whether a ring of tonight has the earlier one among its `from`, beside the one that it goes on
 * from: it took it in, or is a part of it. */
static bool gives(const follower *f, const rsi_overlap *one, bool *merged, bool *split)
{
    const rsi_track_ring *past = &f->past->rings[one->past];
    if (!rsi_track_lives(past)) {
        return false;
    }
    *merged = f->into[one->past] == one->ring;
    *split = f->has_split[one->past] && is_part(past, one);
    return (*merged || *split) && f->past_of[one->ring] != one->past;
}

static rs_ring_event event_of(const follower *f, size_t r, bool merged, bool split)
{
    uint32_t p = f->past_of[r];
    const rsi_track_ring *past = p == RSI_UNMATCHED ? NULL : &f->past->rings[p];
    uint64_t now = f->findings->rings[r].member_count;
    if (past != NULL && !rsi_track_lives(past)) {
        return RS_RING_RETURNED;
    }
    if (merged || split) {
        return merged ? RS_RING_MERGED : RS_RING_SPLIT;
    }
    if (past == NULL) {
        return RS_RING_BORN;
    }
    if (5 * now > 6 * (uint64_t)past->member_count) {
        return RS_RING_GREW;
    }
    return 6 * now < 5 * (uint64_t)past->member_count ? RS_RING_SHRANK : RS_RING_CONTINUED;
}

/* Events and `from`: the ring's own id first, the others by id, as the overlaps are. */
static rs_status tell_lineage(follower *f, rs_error *err)
{
    rs_status status = RS_OK;
    rs_findings *findings = f->findings;
    size_t rings = f->night->ring_count;
    bool *merged = calloc(rings + 1, 1);
    bool *split = calloc(rings + 1, 1);
    count_from(f);
    for (size_t i = 0; i < f->overlaps.count && merged != NULL && split != NULL; i++) {
        const rsi_overlap *one = &f->overlaps.items[i];
        bool took = false;
        bool part = false;
        findings->rings[one->ring].from_count += gives(f, one, &took, &part);
        merged[one->ring] |= took;
        split[one->ring] |= part;
    }
    size_t count = 0;
    for (size_t r = 0; r < rings; r++) {
        rs_ring *ring = &findings->rings[r];
        ring->from_first = count;
        count += ring->from_count;
        ring->from_count = 0;
    }
    findings->from = malloc((count + 1) * sizeof *findings->from);
    if (merged == NULL || split == NULL || findings->from == NULL) {
        status = no_memory(f, err);
        goto done;
    }
    for (size_t r = 0; r < rings; r++) {
        rs_ring *ring = &findings->rings[r];
        ring->event = event_of(f, r, merged[r], split[r]);
        if (f->past_of[r] != RSI_UNMATCHED) {
            findings->from[ring->from_first + ring->from_count++] =
                f->past->rings[f->past_of[r]].id;
        }
    }
    for (size_t i = 0; i < f->overlaps.count; i++) {
        const rsi_overlap *one = &f->overlaps.items[i];
        rs_ring *ring = &findings->rings[one->ring];
        bool took = false;
        bool part = false;
        if (gives(f, one, &took, &part)) {
            findings->from[ring->from_first + ring->from_count++] = f->past->rings[one->past].id;
        }
    }
done:
    free(merged);
    free(split);
    return status;
}

/* ---- ids ------------------------------------------------------------------------------------- */

/* A new ring's id, unless an earlier one has it: the same members may have been born before at the
 * same as-of time, and have changed since. */
static rs_status name_born(const follower *f, rs_ring *ring, rs_error *err)
{
    int64_t salt = f->night->as_of;
    while (f->past != NULL && rsi_track_find(f->past, ring->id) != NULL) {
        rsi_ring_name *names = malloc((ring->member_count + 1) * sizeof *names);
        if (names == NULL) {
            return no_memory(f, err);
        }
        memcpy(names, f->night->names + ring->member_first, ring->member_count * sizeof *names);
        salt = salt == INT64_MIN ? INT64_MAX : salt - 1;
        rsi_ring_id(salt, names, ring->member_count, ring->id);
        free(names);
    }
    return RS_OK;
}

static rs_status give_ids(const follower *f, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t r = 0; r < f->night->ring_count; r++) {
        rs_ring *ring = &f->findings->rings[r];
        uint32_t p = f->past != NULL ? f->past_of[r] : RSI_UNMATCHED;
        if (p != RSI_UNMATCHED) {
            memcpy(ring->id, f->past->rings[p].id.text, sizeof ring->id);
            ring->since = f->past->rings[p].since;
        } else {
            RS_TRY(name_born(f, ring, err));
        }
    }
done:
    return status;
}

static rs_status tell_gone(const follower *f, rs_error *err)
{
    rs_findings *findings = f->findings;
    findings->gone = malloc((f->past->ring_count + 1) * sizeof *findings->gone);
    if (findings->gone == NULL) {
        return no_memory(f, err);
    }
    for (size_t p = 0; p < f->past->ring_count; p++) {
        const rsi_track_ring *past = &f->past->rings[p];
        if (rsi_track_lives(past) && f->ring_of[p] == RSI_UNMATCHED) {
            rs_gone_ring *gone = &findings->gone[findings->gone_count++];
            *gone = (rs_gone_ring){.id = past->id,
                                   .since = past->since,
                                   .score = past->score,
                                   .member_count = past->member_count};
            if (f->into[p] != RSI_UNMATCHED) {
                memcpy(gone->into.text, findings->rings[f->into[p]].id, sizeof gone->into.text);
            }
        }
    }
    return RS_OK;
}

/* ---- order ----------------------------------------------------------------------------------- */

/* A ring and where it stood. */
typedef struct placed {
    rs_ring ring;
    uint32_t before;
} placed;

static int by_id(const void *a, const void *b)
{
    return strcmp(((const placed *)a)->ring.id, ((const placed *)b)->ring.id);
}

/* Rings of equal scores by their ids of now; nodes name a ring by its place. */
static rs_status put_in_order(const follower *f, rs_error *err)
{
    rs_findings *findings = f->findings;
    size_t count = f->night->ring_count;
    placed *all = malloc((count + 1) * sizeof *all);
    uint32_t *now = malloc((count + 1) * sizeof *now);
    bool moved = false;
    if (all == NULL || now == NULL) {
        free(all);
        free(now);
        return no_memory(f, err);
    }
    for (size_t r = 0; r < count; r++) {
        all[r] = (placed){findings->rings[r], (uint32_t)r};
    }
    for (size_t first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && all[end].ring.score == all[first].ring.score;) {
            end++;
        }
        if (end - first > 1) {
            qsort(all + first, end - first, sizeof *all, by_id);
        }
    }
    for (size_t r = 0; r < count; r++) {
        findings->rings[r] = all[r].ring;
        now[all[r].before] = (uint32_t)r;
        moved = moved || all[r].before != r;
    }
    for (uint32_t v = 0; moved && v < f->night->node_count; v++) {
        rs_node_risk *node = &findings->nodes[v];
        node->ring = node->ring < count ? now[node->ring] : node->ring;
    }
    free(all);
    free(now);
    return RS_OK;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static rs_status follow_past(follower *f, rs_error *err)
{
    rs_status status = RS_OK;
    size_t past = f->past->ring_count;
    f->past_of = malloc((f->night->ring_count + 1) * sizeof *f->past_of);
    f->ring_of = malloc((past + 1) * sizeof *f->ring_of);
    f->into = malloc((past + 1) * sizeof *f->into);
    f->has_split = calloc(past + 1, sizeof *f->has_split);
    if (f->past_of == NULL || f->ring_of == NULL || f->into == NULL || f->has_split == NULL) {
        status = no_memory(f, err);
        goto done;
    }
    RS_TRY(rsi_overlaps_find(f->past, f->night, f->findings, &f->overlaps, err));
    RS_TRY(rsi_overlaps_match(f->past, f->night, f->findings, &f->overlaps, f->past_of, err));
    find_flows(f);
    RS_TRY(tell_lineage(f, err));
done:
    return status;
}

rs_status rsi_track_follow(const rsi_track_state *past, const rsi_track_night *night,
                           rs_findings *findings, rsi_track_state *next, rs_error *err)
{
    rs_status status = RS_OK;
    follower f = {.past = past, .night = night, .findings = findings};
    if (past != NULL) {
        RS_TRY(follow_past(&f, err));
    }
    RS_TRY(give_ids(&f, err));
    if (past != NULL) {
        RS_TRY(tell_gone(&f, err));
        RS_TRY(put_in_order(&f, err));
    }
    RS_TRY(rsi_track_leave(past, night, findings, f.ring_of, next, err));
done:
    rsi_overlaps_free(&f.overlaps);
    free(f.past_of);
    free(f.ring_of);
    free(f.into);
    free(f.has_split);
    return rs_context(err, status, "rings from night to night");
}
