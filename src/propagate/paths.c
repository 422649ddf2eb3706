/* paths.c - the strongest ways from seeds to a node.
 *
 * A way's part is |q(seed)| times the product of damping * S along it, a term of the series that
 * makes up the risk. Every factor is below 1, so that the best way never meets a node twice.
 *
 * Best of each seed   best-first search from the node; what is popped at a seed for the first time
 * is its best way. A way to an entry is dropped where another one is as short and stronger. Next
 * best           best-first search over whole ways, ordered by the product so far times an upper
 *                     bound of the rest (`promise`: best-first from all seeds at once), only where
 *                     there are fewer seeds than places for paths.
 * Order               by product, then fewer links, then the nodes as read from the explained one
 * Cost                a way is extended within what the push touched; at most WAYS_MAX ways and
 * LINKS_MAX links, behind which the paths found so far stand Source              A* after Hart,
 * Nilsson, Raphael (1968)
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "propagate/near.h"

#define HOPS_MAX  11 /* sizeof rs_path.nodes less one */
#define WAYS_MAX  (UINT32_C(1) << 20)
#define LINKS_MAX (UINT64_C(1) << 23)
#define NO_WAY    UINT32_MAX

/* A way from entry 0 to `entry`, or from a seed to it; the rest of it hangs at `parent`. */
typedef struct way {
    uint64_t order;   /* what the queue sorts by, descending */
    uint64_t product; /* units of 2^-62 */
    uint32_t entry;
    uint32_t parent; /* NO_WAY at its start */
    uint8_t hops;
    bool whole; /* ends at a seed, not to be extended */
} way;

typedef struct search {
    rsi_near *near;
    uint64_t seed_max;
    way *ways;
    uint32_t count;
    uint32_t capacity;
    uint32_t *heap;
    uint32_t heap_count;
    uint64_t links;
} search;

/* ---- the queue ----------------------------------------------------------------------------------
 */

/* The nodes of a way, the explained one first; returns how many. */
static uint32_t nodes_of(const search *s, uint32_t at, uint32_t nodes[HOPS_MAX + 1])
{
    uint32_t length = s->ways[at].hops + UINT32_C(1);
    for (uint32_t i = length; i-- > 0; at = s->ways[at].parent) {
        nodes[i] = s->near->nodes[s->ways[at].entry].node;
    }
    return length;
}

static bool goes_before(const search *s, uint32_t a, uint32_t b)
{
    const way *left = &s->ways[a], *right = &s->ways[b];
    if (left->order != right->order) {
        return left->order > right->order;
    }
    if (left->hops != right->hops) {
        return left->hops < right->hops;
    }
    uint32_t left_nodes[HOPS_MAX + 1], right_nodes[HOPS_MAX + 1];
    uint32_t length = nodes_of(s, a, left_nodes);
    nodes_of(s, b, right_nodes);
    for (uint32_t i = 0; i < length; i++) {
        if (left_nodes[i] != right_nodes[i]) {
            return left_nodes[i] < right_nodes[i];
        }
    }
    return left->whole && !right->whole;
}

static rs_status grow(search *s, rs_error *err)
{
    uint32_t capacity = s->capacity == 0 ? 256 : 2 * s->capacity;
    way *ways = realloc(s->ways, capacity * sizeof *ways);
    s->ways = ways != NULL ? ways : s->ways;
    uint32_t *heap = ways != NULL ? realloc(s->heap, capacity * sizeof *heap) : NULL;
    if (heap == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (paths of a risk)");
    }
    s->heap = heap;
    s->capacity = capacity;
    return RS_OK;
}

static rs_status put(search *s, way made, rs_error *err)
{
    if (s->count == s->capacity) {
        rs_status status = grow(s, err);
        if (status != RS_OK) {
            return status;
        }
    }
    uint32_t at = s->heap_count++;
    uint32_t id = s->count++;
    s->ways[id] = made;
    while (at > 0 && goes_before(s, id, s->heap[(at - 1) / 2])) {
        s->heap[at] = s->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    s->heap[at] = id;
    return RS_OK;
}

static uint32_t take(search *s)
{
    uint32_t top = s->heap[0], last = s->heap[--s->heap_count], at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= s->heap_count) {
            break;
        }
        child += child + 1 < s->heap_count && goes_before(s, s->heap[child + 1], s->heap[child]);
        if (!goes_before(s, s->heap[child], last)) {
            break;
        }
        s->heap[at] = s->heap[child];
        at = child;
    }
    s->heap[at] = last;
    return top;
}

static void empty(search *s)
{
    s->count = 0;
    s->heap_count = 0;
    s->links = 0;
}

static bool is_spent(const search *s)
{
    return s->heap_count == 0 || s->count >= WAYS_MAX || s->links >= LINKS_MAX;
}

/* ---- lists of paths
 * ------------------------------------------------------------------------------- */

static uint64_t size_of(int64_t seed)
{
    return seed < 0 ? -(uint64_t)seed : (uint64_t)seed;
}

/* |q| times a product, in units of 2^-62 of the largest seed's bits: seeds are at most 2^42. */
static uint64_t part_of(int64_t seed, uint64_t product)
{
    return (uint64_t)((rsi_u128)(size_of(seed) << 20) * product >> 62);
}

typedef struct listed {
    uint64_t size;
    rs_path path;
} listed;

typedef struct path_list {
    listed all[sizeof((rs_explanation){0}.paths) / sizeof(rs_path)];
    size_t count;
} path_list;

#define PATHS_MAX (sizeof((path_list){0}.all) / sizeof(listed))

static int compare_paths(const rs_path *a, const rs_path *b)
{
    uint32_t length = a->length < b->length ? a->length : b->length;
    for (uint32_t i = 0; i < length; i++) {
        if (a->nodes[i] != b->nodes[i]) {
            return a->nodes[i] < b->nodes[i] ? -1 : 1;
        }
    }
    return (a->length > b->length) - (a->length < b->length);
}

static bool is_better(const listed *a, const listed *b)
{
    return a->size != b->size ? a->size > b->size : compare_paths(&a->path, &b->path) < 0;
}

static listed list_entry(const search *s, uint32_t at)
{
    const way *last = &s->ways[at];
    uint32_t nodes[HOPS_MAX + 1];
    int64_t seed = s->near->nodes[last->entry].seed;
    listed made = {.size = part_of(seed, last->product)};
    made.path.length = nodes_of(s, at, nodes);
    for (uint32_t i = 0; i < made.path.length; i++) {
        made.path.nodes[i] = nodes[made.path.length - 1 - i];
    }
    made.path.part =
        (double)seed / (double)RS_RISK_ONE * (double)last->product / (double)RSI_LINK_ONE;
    return made;
}

static void add_path(path_list *list, listed made)
{
    for (size_t i = 0; i < list->count; i++) {
        if (compare_paths(&list->all[i].path, &made.path) == 0) {
            return;
        }
    }
    size_t at = list->count;
    for (; at > 0 && is_better(&made, &list->all[at - 1]); at--) {
        if (at < PATHS_MAX) {
            list->all[at] = list->all[at - 1];
        }
    }
    if (at < PATHS_MAX) {
        list->all[at] = made;
        list->count += list->count < PATHS_MAX;
    }
}

/* ---- the best of each seed
 * -------------------------------------------------------------------------- */

static rs_status extend_best(search *s, uint32_t at, rs_error *err)
{
    way from = s->ways[at];
    const rsi_near_node *here = &s->near->nodes[from.entry];
    const rsi_near_row *row = &s->near->rows[here->row_first];
    s->links += here->row_count;
    for (uint32_t i = 0; i < here->row_count; i++) {
        uint32_t entry = row[i].entry;
        rsi_near_node *to = &s->near->nodes[entry];
        if (to->estimate == 0) {
            continue;
        }
        uint64_t product = (uint64_t)((rsi_u128)from.product * row[i].link >> 62);
        /* hops and promise are of the strongest way so far among the shortest ones put in. */
        if (product == 0 || (to->promise > product && to->hops <= from.hops + 1)) {
            continue;
        }
        if (product > to->promise || from.hops + 1 < to->hops) {
            to->promise = product;
            to->hops = (uint8_t)(from.hops + 1);
        }
        rs_status status = put(s,
                               (way){.order = product,
                                     .product = product,
                                     .entry = entry,
                                     .parent = at,
                                     .hops = (uint8_t)(from.hops + 1)},
                               err);
        if (status != RS_OK) {
            return status;
        }
    }
    return RS_OK;
}

/* Ways to an entry leave the queue by falling product; one is of use only if it is shorter than
 * all that left before it. `settled` holds the fewest hops so far; UINT8_MAX: none has left yet. */
static rs_status best_of_each(search *s, uint8_t *settled, path_list *list, rs_error *err)
{
    rs_status status = RS_OK;
    memset(settled, UINT8_MAX, s->near->count);
    s->near->nodes[0].promise = RSI_LINK_ONE;
    s->near->nodes[0].hops = 0;
    empty(s);
    RS_TRY(put(s, (way){.order = RSI_LINK_ONE, .product = RSI_LINK_ONE, .parent = NO_WAY}, err));
    while (!is_spent(s)) {
        uint32_t at = take(s);
        way now = s->ways[at];
        if (list->count == PATHS_MAX &&
            part_of((int64_t)s->seed_max, now.product) < list->all[PATHS_MAX - 1].size) {
            break;
        }
        if (now.hops >= settled[now.entry]) {
            continue;
        }
        if (settled[now.entry] == UINT8_MAX && s->near->nodes[now.entry].seed != 0) {
            add_path(list, list_entry(s, at));
        }
        settled[now.entry] = now.hops;
        if (now.hops < HOPS_MAX) {
            RS_TRY(extend_best(s, at, err));
        }
    }
done:
    return status;
}

/* ---- the next best of any
 * ----------------------------------------------------------------------------- */

/* The product, rounded up: an upper bound must stay one. */
static uint64_t product_above(uint64_t a, uint64_t b)
{
    return (uint64_t)(((rsi_u128)a * b + (RSI_LINK_ONE - 1)) >> 62);
}

/* promise = the most that any way from a seed to the entry brings, in part_of's units, from above.
 * Where that takes too many ways the count tells: it has reached WAYS_MAX. */
static rs_status make_promises(search *s, rs_error *err)
{
    empty(s);
    for (uint32_t i = 0; i < s->near->count; i++) {
        rsi_near_node *at = &s->near->nodes[i];
        at->promise = at->estimate == 0 ? 0 : size_of(at->seed) << 20;
        if (at->promise != 0) {
            rs_status status =
                put(s, (way){.order = at->promise, .entry = i, .parent = NO_WAY}, err);
            if (status != RS_OK) {
                return status;
            }
        }
    }
    while (s->heap_count > 0 && s->count < WAYS_MAX) {
        way now = s->ways[take(s)];
        const rsi_near_node *here = &s->near->nodes[now.entry];
        if (now.order < here->promise) {
            continue; /* a better one left before it */
        }
        const rsi_near_row *row = &s->near->rows[here->row_first];
        for (uint32_t i = 0; i < here->row_count; i++) {
            uint32_t entry = row[i].entry;
            rsi_near_node *to = &s->near->nodes[entry];
            if (to->estimate == 0) {
                continue;
            }
            uint64_t promise = product_above(now.order, row[i].link);
            if (promise > to->promise) {
                to->promise = promise;
                rs_status status =
                    put(s, (way){.order = promise, .entry = entry, .parent = NO_WAY}, err);
                if (status != RS_OK) {
                    return status;
                }
            }
        }
    }
    return RS_OK;
}

static bool is_on_way(const search *s, uint32_t at, uint32_t entry)
{
    for (; at != NO_WAY; at = s->ways[at].parent) {
        if (s->ways[at].entry == entry) {
            return true;
        }
    }
    return false;
}

static rs_status extend_any(search *s, uint32_t at, rs_error *err)
{
    way from = s->ways[at];
    const rsi_near_node *here = &s->near->nodes[from.entry];
    const rsi_near_row *row = &s->near->rows[here->row_first];
    s->links += here->row_count;
    for (uint32_t i = 0; i < here->row_count && s->count < WAYS_MAX; i++) {
        uint32_t entry = row[i].entry;
        const rsi_near_node *to = &s->near->nodes[entry];
        if (to->promise == 0 || is_on_way(s, at, entry)) {
            continue;
        }
        uint64_t product = (uint64_t)((rsi_u128)from.product * row[i].link >> 62);
        way made = {.order = product_above(product, to->promise),
                    .product = product,
                    .entry = entry,
                    .parent = at,
                    .hops = (uint8_t)(from.hops + 1)};
        rs_status status = product == 0 ? RS_OK : put(s, made, err);
        if (status != RS_OK) {
            return status;
        }
    }
    return RS_OK;
}

static rs_status next_best(search *s, path_list *list, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(make_promises(s, err));
    if (s->count >= WAYS_MAX) {
        goto done;
    }
    empty(s);
    RS_TRY(put(s,
               (way){.order = s->near->nodes[0].promise, .product = RSI_LINK_ONE, .parent = NO_WAY},
               err));
    while (!is_spent(s) && list->count < PATHS_MAX) {
        uint32_t at = take(s);
        way now = s->ways[at];
        if (now.whole) {
            add_path(list, list_entry(s, at));
            continue;
        }
        int64_t seed = s->near->nodes[now.entry].seed;
        if (seed != 0) {
            way made = now;
            made.order = part_of(seed, now.product);
            made.whole = true;
            RS_TRY(put(s, made, err));
        }
        if (now.hops < HOPS_MAX) {
            RS_TRY(extend_any(s, at, err));
        }
    }
done:
    return status;
}

rs_status rsi_near_paths(rsi_near *near, rs_explanation *out, rs_error *err)
{
    rs_status status = RS_OK;
    search s = {.near = near};
    path_list list = {.count = 0};
    uint8_t *settled = NULL;
    for (uint32_t i = 0; i < near->count; i++) {
        const rsi_near_node *at = &near->nodes[i];
        if (at->estimate != 0 && size_of(at->seed) > s.seed_max) {
            s.seed_max = size_of(at->seed);
        }
    }
    if (s.seed_max == 0) {
        return RS_OK;
    }
    settled = malloc(near->count);
    if (settled == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (paths of a risk)");
        goto done;
    }
    RS_TRY(best_of_each(&s, settled, &list, err));
    if (list.count < PATHS_MAX) {
        RS_TRY(next_best(&s, &list, err));
    }
    for (size_t i = 0; i < list.count; i++) {
        out->paths[i] = list.all[i].path;
        out->path_part += list.all[i].path.part;
    }
    out->path_count = list.count;
done:
    free(settled);
    free(s.ways);
    free(s.heap);
    return status;
}
