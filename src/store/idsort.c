/* idsort.c - radix sort by eight bytes at a time, from the first byte that differs among all ids.
 *
 *   orders   eight bytes of each id behind the prefix that all have in common, as a number
 *   ranges   splitters from a sample part the ids into 64 ranges, a task each
 *   range    of the orders only the bits that differ within the range are kept, which keeps their
 *            order: ids of digits have 4 bits a byte, so that three passes of 11 bits do for most
 *   ties     ids with equal orders are sorted in the same way by what follows; many of them (one
 *            odd id can hide the prefix of all others) by all threads again
 * Cost: about 25 ns an id for millions of them, in three passes over memory and some in cache.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/idsort.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/parallel.h"
#include "base/try.h"

enum {
    RANGES = 64,
    SAMPLES_PER_RANGE = 16,
    INSERTION = 24,
    SMALL = 4096, /* ids that one thread sorts */
    PIECE = 1 << 15,
    AHEAD = 16,
    DIGIT_BITS = 11,
    DIGITS = 1 << DIGIT_BITS
};

typedef struct idsort_state {
    rsi_id *ids;
    rsi_id *other;
    size_t count;
    const rsi_shard *shards;
    size_t depth; /* bytes that are known to be equal */
    uint64_t splitters[RANGES - 1];
    size_t *prefixes; /* per piece: bytes that all of it share with the first id */
    size_t *cursors;  /* per piece and range */
    size_t starts[RANGES + 1];
    bool tied[RANGES]; /* too many equal orders for one thread: left to be sorted */
} idsort_state;

/* Eight bytes from `from` on, zeros where the id has ended. */
static inline uint64_t eight_bytes(rs_text id, size_t from)
{
    uint8_t bytes[8] = {0};
    size_t left = id.length > from ? id.length - from : 0;
    if (left >= 8) {
        return __builtin_bswap64(rsi_load_u64le(id.bytes + from));
    }
    if (left > 0) {
        memcpy(bytes, id.bytes + from, left);
    }
    return __builtin_bswap64(rsi_load_u64le(bytes));
}

/* How many bytes from `from` on, at most up to `limit`, two ids have in common. */
static inline size_t common_bytes(rs_text a, rs_text b, size_t from, size_t limit)
{
    size_t common = a.length < b.length ? a.length : b.length;
    size_t shared = from;
    common = common < limit ? common : limit;
    while (shared < common && a.bytes[shared] == b.bytes[shared]) {
        shared++;
    }
    return shared;
}

/* ---- in one thread ------------------------------------------------------------------------ */

static inline bool before(const rsi_shard *shards, const rsi_id *a, const rsi_id *b, size_t depth)
{
    rs_text x = rsi_shard_text(shards, a->local);
    rs_text y = rsi_shard_text(shards, b->local);
    size_t common = x.length < y.length ? x.length : y.length;
    int order = common > depth ? memcmp(x.bytes + depth, y.bytes + depth, common - depth) : 0;
    return order != 0 ? order < 0 : x.length < y.length;
}

/* `depth` bytes are equal; with `ordered` ids compare by `order` first. */
static void insertion_sort(const rsi_shard *shards, rsi_id *ids, size_t count, size_t depth,
                           bool ordered)
{
    for (size_t i = 1; i < count; i++) {
        rsi_id id = ids[i];
        size_t at = i;
        for (; at > 0; at--) {
            const rsi_id *last = &ids[at - 1];
            if (ordered && last->order != id.order ? last->order < id.order
                                                   : !before(shards, &id, last, depth)) {
                break;
            }
            ids[at] = ids[at - 1];
        }
        ids[at] = id;
    }
}

/* Keep of all orders only the bits of `mask`, in their order; returns how many bits these are. */
static unsigned squeeze(rsi_id *ids, size_t count, uint64_t mask)
{
    struct {
        uint64_t mask;
        unsigned shift;
    } runs[32];
    size_t run_count = 0;
    unsigned bits = 0;
    while (mask != 0) { /* at most 32 runs of ones fit */
        unsigned low = (unsigned)__builtin_ctzll(mask);
        uint64_t above = ~(mask >> low);
        unsigned length = above == 0 ? 64 : (unsigned)__builtin_ctzll(above);
        uint64_t ones = length == 64 ? UINT64_MAX : ((uint64_t)1 << length) - 1;
        runs[run_count].mask = ones << bits;
        runs[run_count++].shift = low - bits;
        bits += length;
        mask &= ~(ones << low);
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t order = 0;
        for (size_t r = 0; r < run_count; r++) {
            order |= ids[i].order >> runs[r].shift & runs[r].mask;
        }
        ids[i].order = order;
    }
    return bits;
}

/* Sort by the low `bits` of orders; the result is in the returned array, one of the two. Not
 * inlined: its counts must not stand on the stack once for every level of ties. */
__attribute__((noinline)) static rsi_id *radix_sort(rsi_id *ids, rsi_id *scratch, size_t count,
                                                    unsigned bits)
{
    uint32_t places[DIGITS];
    unsigned widest = count < DIGITS / 4 ? DIGIT_BITS / 2 : DIGIT_BITS;
    unsigned passes = (bits + widest - 1) / widest;
    unsigned width = passes == 0 ? 0 : (bits + passes - 1) / passes;
    for (unsigned shift = 0; shift < bits; shift += width) {
        uint64_t digit = ((uint64_t)1 << width) - 1;
        uint32_t at = 0;
        memset(places, 0, ((size_t)digit + 1) * sizeof *places);
        for (size_t i = 0; i < count; i++) {
            places[ids[i].order >> shift & digit]++;
        }
        for (size_t i = 0; i <= digit; i++) {
            uint32_t here = places[i];
            places[i] = at;
            at += here;
        }
        for (size_t i = 0; i < count; i++) {
            scratch[places[ids[i].order >> shift & digit]++] = ids[i];
        }
        rsi_id *sorted = scratch;
        scratch = ids;
        ids = sorted;
    }
    return ids;
}

static void sort_deeper(const rsi_shard *shards, rsi_id *ids, rsi_id *scratch, size_t count,
                        size_t depth);

/* Ids with orders set from `depth` on, into `to`, which is `ids` or `scratch`. */
static void sort_orders(const rsi_shard *shards, rsi_id *ids, rsi_id *scratch, size_t count,
                        size_t depth, rsi_id *to)
{
    rsi_id *from = ids;
    if (count > INSERTION) {
        uint64_t mask = 0;
        for (size_t i = 1; i < count; i++) {
            mask |= ids[i].order ^ ids[0].order;
        }
        from = radix_sort(ids, scratch, count, squeeze(ids, count, mask));
    }
    if (from != to) {
        memcpy(to, from, count * sizeof *to);
    }
    if (count <= INSERTION) {
        insertion_sort(shards, to, count, depth, true);
        return;
    }
    rsi_id *rest = to == ids ? scratch : ids;
    for (size_t at = 0; at < count;) {
        size_t end = at + 1;
        while (end < count && to[end].order == to[at].order) {
            end++;
        }
        if (end - at > 1) {
            sort_deeper(shards, to + at, rest + at, end - at, depth + 8);
        }
        at = end;
    }
}

/* Ids that have ended before `depth` differ in their length alone and stand before the others.
 * Returns how many they are. */
static size_t sort_ended(rsi_id *ids, size_t count, size_t depth)
{
    size_t ended = 0;
    for (size_t i = 0; i < count; i++) {
        if (ids[i].length <= depth) {
            rsi_id id = ids[i];
            size_t at = ended++;
            ids[i] = ids[at];
            for (; at > 0 && ids[at - 1].length > id.length; at--) { /* at most 8 of them */
                ids[at] = ids[at - 1];
            }
            ids[at] = id;
        }
    }
    return ended;
}

/* Ids that are equal in their first `depth` bytes, padded with zeros, in place. */
static void sort_deeper(const rsi_shard *shards, rsi_id *ids, rsi_id *scratch, size_t count,
                        size_t depth)
{
    size_t ended = count <= INSERTION ? 0 : sort_ended(ids, count, depth);
    ids += ended;
    scratch += ended;
    count -= ended;
    if (count <= INSERTION) {
        insertion_sort(shards, ids, count, depth, false);
        return;
    }
    rs_text first = rsi_shard_text(shards, ids[0].local);
    size_t prefix = first.length;
    for (size_t i = 1; i < count && prefix > depth; i++) {
        prefix = common_bytes(first, rsi_shard_text(shards, ids[i].local), depth, prefix);
    }
    for (size_t i = 0; i < count; i++) {
        ids[i].order = eight_bytes(rsi_shard_text(shards, ids[i].local), prefix);
    }
    sort_orders(shards, ids, scratch, count, prefix, ids);
}

/* ---- in all threads ----------------------------------------------------------------------- */

static size_t piece_end(const idsort_state *state, size_t piece)
{
    return (piece + 1) * PIECE < state->count ? (piece + 1) * PIECE : state->count;
}

static inline void ask_ahead(const idsort_state *state, size_t i, size_t to)
{
    if (i + AHEAD < to) {
        __builtin_prefetch(rsi_shard_at(state->shards, state->ids[i + AHEAD].local));
    }
}

static rs_status find_prefix(void *context, size_t piece, unsigned worker, rs_error *err)
{
    idsort_state *state = context;
    size_t to = piece_end(state, piece);
    rs_text first = rsi_shard_text(state->shards, state->ids[0].local);
    size_t prefix = first.length;
    (void)worker;
    (void)err;
    for (size_t i = piece * PIECE; i < to; i++) {
        ask_ahead(state, i, to);
        rs_text id = rsi_shard_text(state->shards, state->ids[i].local);
        state->ids[i].length = (uint16_t)id.length;
        prefix = common_bytes(first, id, state->depth, prefix);
    }
    state->prefixes[piece] = prefix;
    return RS_OK;
}

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
        const rsi_id *id = &state->ids[i * state->count / count];
        samples[i] = eight_bytes(rsi_shard_text(state->shards, id->local), state->depth);
    }
    qsort(samples, count, sizeof *samples, compare_u64);
    for (size_t i = 0; i + 1 < RANGES; i++) {
        state->splitters[i] = samples[(i + 1) * SAMPLES_PER_RANGE];
    }
}

/* How many splitters are not above: ids of equal orders share a range. */
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
    size_t to = piece_end(state, piece);
    (void)worker;
    (void)err;
    for (size_t i = piece * PIECE; i < to; i++) {
        ask_ahead(state, i, to);
        rsi_id *id = &state->ids[i];
        id->order = eight_bytes(rsi_shard_text(state->shards, id->local), state->depth);
        id->range = (uint16_t)range_of(state, id->order);
        counts[id->range]++;
    }
    return RS_OK;
}

static rs_status scatter_piece(void *context, size_t piece, unsigned worker, rs_error *err)
{
    idsort_state *state = context;
    size_t *cursors = state->cursors + piece * RANGES;
    size_t to = piece_end(state, piece);
    (void)worker;
    (void)err;
    for (size_t i = piece * PIECE; i < to; i++) {
        state->other[cursors[state->ids[i].range]++] = state->ids[i];
    }
    return RS_OK;
}

static rs_status sort_range(void *context, size_t range, unsigned worker, rs_error *err)
{
    idsort_state *state = context;
    size_t start = state->starts[range];
    size_t count = state->starts[range + 1] - start;
    rsi_id *ids = state->other + start;
    uint64_t differ = count <= SMALL ? 1 : 0;
    (void)worker;
    (void)err;
    for (size_t i = 1; differ == 0 && i < count; i++) {
        differ = ids[i].order ^ ids[0].order;
    }
    if (differ == 0) {
        memcpy(state->ids + start, ids, count * sizeof *ids);
        state->tied[range] = true;
        return RS_OK;
    }
    sort_orders(state->shards, ids, state->ids + start, count, state->depth, state->ids + start);
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

static rs_status sort_level(idsort_state *state, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    size_t pieces = (state->count + PIECE - 1) / PIECE;
    state->prefixes = calloc(pieces, sizeof *state->prefixes);
    state->cursors = calloc(pieces * RANGES, sizeof *state->cursors);
    if (state->prefixes == NULL || state->cursors == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (sorting %zu ids)", state->count);
        goto done;
    }
    RS_TRY(rsi_parallel(work, pieces, find_prefix, state, err));
    state->depth = state->prefixes[0];
    for (size_t i = 1; i < pieces; i++) {
        state->depth = state->prefixes[i] < state->depth ? state->prefixes[i] : state->depth;
    }
    choose_splitters(state);
    RS_TRY(rsi_parallel(work, pieces, count_piece, state, err));
    place_ranges(state, pieces);
    RS_TRY(rsi_parallel(work, pieces, scatter_piece, state, err));
    RS_TRY(rsi_parallel(work, RANGES, sort_range, state, err));
done:
    free(state->prefixes);
    free(state->cursors);
    return status;
}

static void set_lengths(const rsi_shard *shards, rsi_id *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ids[i].length = (uint16_t)rsi_shard_text(shards, ids[i].local).length;
    }
}

static rs_status sort_from(rsi_id *ids, rsi_id *other, size_t count, const rsi_shard *shards,
                           size_t depth, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    idsort_state state = {
        .ids = ids, .other = other, .count = count, .shards = shards, .depth = depth};
    if (count <= SMALL) {
        set_lengths(shards, ids, count);
        sort_deeper(shards, ids, other, count, depth);
        return RS_OK;
    }
    RS_TRY(sort_level(&state, work, err));
    for (size_t i = 0; i < RANGES; i++) {
        size_t start = state.starts[i];
        size_t tied = state.tied[i] ? state.starts[i + 1] - start : 0;
        size_t ended = sort_ended(ids + start, tied, state.depth + 8);
        if (tied > ended) {
            RS_TRY(sort_from(ids + start + ended, other + start + ended, tied - ended, shards,
                             state.depth + 8, work, err));
        }
    }
done:
    return status;
}

rs_status rsi_ids_sort(rsi_id *ids, rsi_id *other, size_t count, const rsi_shard *shards,
                       const rs_work *work, rs_error *err)
{
    return sort_from(ids, other, count, shards, 0, work, err);
}
