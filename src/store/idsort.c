/* idsort.c - sample sort: splitters part the ids into ranges, each range is merge-sorted in cache.
 *
 * Ids compare by eight bytes behind the prefix that all have in common; only where these are equal
 * are the strings themselves looked at. Cost: n log n, about 60 ns an id for a million of them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/idsort.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/parallel.h"
#include "base/try.h"

enum { RANGES = 64, SAMPLES_PER_RANGE = 16, SMALL = 2048, INSERTION = 12, PIECE = 1 << 15 };

typedef struct idsort_state {
    rsi_id *ids;
    rsi_id *other;
    size_t count;
    size_t prefix; /* bytes that all ids have in common */
    uint64_t splitters[RANGES - 1];
    size_t *cursors; /* per piece and range */
    size_t starts[RANGES + 1];
} idsort_state;

static size_t common_bytes(const rsi_id *a, const rsi_id *b, size_t limit)
{
    size_t common = a->length < b->length ? a->length : b->length;
    size_t shared = 0;
    common = common < limit ? common : limit;
    while (shared < common && a->bytes[shared] == b->bytes[shared]) {
        shared++;
    }
    return shared;
}

static uint64_t eight_bytes(const rsi_id *id, size_t from)
{
    uint8_t bytes[8] = {0};
    size_t left = id->length > from ? id->length - from : 0;
    if (left > 0) {
        memcpy(bytes, id->bytes + from, left < 8 ? left : 8);
    }
    return __builtin_bswap64(rsi_load_u64le(bytes));
}

static inline bool before(const rsi_id *a, const rsi_id *b, size_t prefix)
{
    if (a->order != b->order) {
        return a->order < b->order;
    }
    size_t common = a->length < b->length ? a->length : b->length;
    int order = common > prefix ? memcmp(a->bytes + prefix, b->bytes + prefix, common - prefix) : 0;
    return order != 0 ? order < 0 : a->length < b->length;
}

static void insertion_sort(rsi_id *ids, size_t count, size_t prefix)
{
    for (size_t i = 1; i < count; i++) {
        rsi_id id = ids[i];
        size_t at = i;
        for (; at > 0 && before(&id, &ids[at - 1], prefix); at--) {
            ids[at] = ids[at - 1];
        }
        ids[at] = id;
    }
}

static void merge(const rsi_id *from, size_t middle, size_t count, rsi_id *to, size_t prefix)
{
    size_t a = 0;
    size_t b = middle;
    for (size_t i = 0; i < count; i++) {
        bool second = a == middle || (b < count && before(&from[b], &from[a], prefix));
        to[i] = from[second ? b : a];
        b += second;
        a += !second;
    }
}

/* Sort `ids` in place with `other` as scratch; halves are sorted into the other array in turn. */
static void merge_sort(rsi_id *ids, rsi_id *other, size_t count, bool into_other, size_t prefix)
{
    if (count <= INSERTION) {
        insertion_sort(ids, count, prefix);
        if (into_other) {
            memcpy(other, ids, count * sizeof *ids);
        }
        return;
    }
    size_t middle = count / 2;
    merge_sort(ids, other, middle, !into_other, prefix);
    merge_sort(ids + middle, other + middle, count - middle, !into_other, prefix);
    merge(into_other ? ids : other, middle, count, into_other ? other : ids, prefix);
}

/* ---- the parallel frame ------------------------------------------------------------------- */

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void choose_splitters(idsort_state *state)
{
    uint64_t samples[RANGES * SAMPLES_PER_RANGE];
    size_t count = RANGES * SAMPLES_PER_RANGE;
    for (size_t i = 0; i < count; i++) {
        samples[i] = state->ids[i * state->count / count].order;
    }
    qsort(samples, count, sizeof *samples, compare_u64);
    for (size_t i = 0; i + 1 < RANGES; i++) {
        state->splitters[i] = samples[(i + 1) * SAMPLES_PER_RANGE];
    }
}

/* How many splitters are not above the id: ids of equal bytes share a range. */
static inline size_t range_of(const idsort_state *state, uint64_t order)
{
    size_t range = 0;
    for (size_t step = RANGES / 2; step > 0; step /= 2) {
        range += order >= state->splitters[range + step - 1] ? step : 0;
    }
    return range;
}

static rs_status count_piece(void *context, size_t piece, unsigned worker, rs_error *err)
{
    idsort_state *state = context;
    size_t *counts = state->cursors + piece * RANGES;
    size_t to = (piece + 1) * PIECE < state->count ? (piece + 1) * PIECE : state->count;
    (void)worker;
    (void)err;
    for (size_t i = piece * PIECE; i < to; i++) {
        counts[range_of(state, state->ids[i].order)]++;
    }
    return RS_OK;
}

static rs_status scatter_piece(void *context, size_t piece, unsigned worker, rs_error *err)
{
    idsort_state *state = context;
    size_t *cursors = state->cursors + piece * RANGES;
    size_t to = (piece + 1) * PIECE < state->count ? (piece + 1) * PIECE : state->count;
    (void)worker;
    (void)err;
    for (size_t i = piece * PIECE; i < to; i++) {
        state->other[cursors[range_of(state, state->ids[i].order)]++] = state->ids[i];
    }
    return RS_OK;
}

static rs_status sort_range(void *context, size_t range, unsigned worker, rs_error *err)
{
    idsort_state *state = context;
    size_t start = state->starts[range];
    (void)worker;
    (void)err;
    merge_sort(state->other + start, state->ids + start, state->starts[range + 1] - start, true,
               state->prefix);
    return RS_OK;
}

static void place_ranges(idsort_state *state, size_t pieces)
{
    size_t at = 0;
    for (size_t range = 0; range < RANGES; range++) {
        state->starts[range] = at;
        for (size_t piece = 0; piece < pieces; piece++) {
            size_t *cursor = &state->cursors[piece * RANGES + range];
            size_t count = *cursor;
            *cursor = at;
            at += count;
        }
    }
    state->starts[RANGES] = at;
}

static void set_orders(idsort_state *state)
{
    state->prefix = state->count == 0 ? 0 : state->ids[0].length;
    for (size_t i = 1; i < state->count; i++) {
        state->prefix = common_bytes(&state->ids[0], &state->ids[i], state->prefix);
    }
    for (size_t i = 0; i < state->count; i++) {
        state->ids[i].order = eight_bytes(&state->ids[i], state->prefix);
    }
}

rs_status rsi_ids_sort(rsi_id *ids, size_t count, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    size_t pieces = count / PIECE + 1;
    idsort_state state = {.ids = ids, .count = count};
    state.other = malloc(count * sizeof *ids + 1);
    state.cursors = calloc(pieces * RANGES, sizeof *state.cursors);
    if (state.other == NULL || state.cursors == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (sorting %zu ids)", count);
        goto done;
    }
    set_orders(&state);
    if (count <= SMALL) {
        merge_sort(ids, state.other, count, false, state.prefix);
        goto done;
    }
    choose_splitters(&state);
    RS_TRY(rsi_parallel(work, pieces, count_piece, &state, err));
    place_ranges(&state, pieces);
    RS_TRY(rsi_parallel(work, pieces, scatter_piece, &state, err));
    RS_TRY(rsi_parallel(work, RANGES, sort_range, &state, err));
done:
    free(state.other);
    free(state.cursors);
    return status;
}
