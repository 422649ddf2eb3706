/* components.c - connected components of a whole store by union-find, one reading of each relation.
 *
 * Invariant: parent[v] <= v, so a root is the smallest node of its tree and no chain can close.
 * Roots are hooked by compare-and-swap, smaller ones win, and finding halves the way with plain
 * stores: a node that is no root never becomes one, so that what is stored is always a node further
 * up. Relations are read side by side; the answer does not depend on who hooks first.
 *
 * Edges of one src follow one another: its root is looked up once. Nearly all targets hang at that
 * root already, and what is asked for ahead has arrived by then.
 *
 * Source: Jayanti, Tarjan, A randomized concurrent algorithm for disjoint set union (2016)
 * Memory: 4 bytes a node; 4 more while sizes are counted.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/parallel.h"
#include "base/try.h"
#include "graph/internal.h"

enum { AHEAD = 40 };

typedef struct forest {
    const rs_store *store;
    uint32_t *parent;
    uint32_t *first; /* of each store type */
    uint32_t node_count;
    bool alone; /* one thread: nobody else hooks */
} forest;

static inline uint32_t load(const uint32_t *parent, uint32_t v)
{
    return __atomic_load_n(&parent[v], __ATOMIC_RELAXED);
}

static uint32_t find_root(uint32_t *parent, uint32_t v)
{
    uint32_t up = load(parent, v);
    while (up != v) {
        uint32_t above = load(parent, up);
        if (above != up) {
            __atomic_store_n(&parent[v], above, __ATOMIC_RELAXED);
        }
        v = above;
        up = load(parent, v);
    }
    return v;
}

/* The root that both have from now on. */
static uint32_t join(uint32_t *parent, uint32_t a, uint32_t b, bool alone)
{
    for (;;) {
        a = find_root(parent, a);
        b = find_root(parent, b);
        if (a == b) {
            return a;
        }
        uint32_t high = a > b ? a : b, low = a > b ? b : a;
        uint32_t expected = high;
        if (alone) {
            parent[high] = low;
            return low;
        }
        if (__atomic_compare_exchange_n(&parent[high], &expected, low, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED)) {
            return low;
        }
    }
}

/* `v` hangs at `up`, which is not `root`: most often what was the root has a smaller one above it
 * since. Apart from the loop, which then keeps what it needs in registers. */
static __attribute__((noinline)) uint32_t catch_up(const forest *f, uint32_t root, uint32_t v,
                                                   uint32_t up)
{
    if (load(f->parent, up) != root) {
        root = join(f->parent, root, up, f->alone);
    }
    if (up != v) { /* next time it hangs at the root itself */
        __atomic_store_n(&f->parent[v], root, __ATOMIC_RELAXED);
    }
    return root;
}

static void join_run(const forest *f, const rs_edges *run, uint32_t src_first, uint32_t dst_first)
{
    const uint32_t *src = run->src;
    const uint32_t *dst = run->dst;
    const uint32_t *targets = f->parent + dst_first;
    for (size_t i = 0; i < run->count;) {
        uint32_t own = src[i];
        uint32_t root = find_root(f->parent, src_first + own);
        do {
            if (i + AHEAD < run->count) {
                __builtin_prefetch(&targets[dst[i + AHEAD]]);
            }
            uint32_t up = load(targets, dst[i]);
            if (up != root) {
                root = catch_up(f, root, dst_first + dst[i], up);
            }
            i++;
        } while (i < run->count && src[i] == own);
    }
}

static rs_status join_relation(void *context, size_t relation, unsigned worker, rs_error *err)
{
    rs_status status = RS_OK;
    const forest *f = context;
    rs_relation_info info = rs_store_relation(f->store, relation);
    rs_scan *scan = NULL;
    rs_edges run = {0};
    (void)worker;
    RS_TRY(rs_scan_open(&scan, f->store, relation, 0, err));
    do {
        RS_TRY(rs_scan_next(scan, &run, err));
        join_run(f, &run, f->first[info.src_type], f->first[info.dst_type]);
    } while (run.count > 0);
done:
    rs_scan_close(scan);
    return status;
}

static rs_status plant(forest *f, rs_error *err)
{
    rs_status status = RS_OK;
    size_t types = rs_store_type_count(f->store);
    uint64_t nodes = 0;
    RS_TRY(rsi_graph_array(&f->first, types, sizeof *f->first, err));
    for (size_t t = 0; t < types; t++) {
        f->first[t] = (uint32_t)nodes;
        nodes += rs_store_type(f->store, t).node_count;
        if (nodes >= RS_NO_NODE) {
            return rs_fail(err, RS_ENOMEM,
                           "the store has more nodes than can be numbered together (%u)",
                           RS_NO_NODE - 1);
        }
    }
    f->node_count = (uint32_t)nodes;
    RS_TRY(rsi_graph_array(&f->parent, f->node_count, sizeof *f->parent, err));
    for (uint32_t v = 0; v < f->node_count; v++) {
        f->parent[v] = v;
    }
done:
    return status;
}

/* Parents stand before their children, so one ascending pass makes every node hang at its root. */
static rs_status measure(const forest *f, rs_component_counts *out, rs_error *err)
{
    uint32_t *size = NULL;
    rs_status status = rsi_graph_array(&size, f->node_count, sizeof *size, err);
    if (status != RS_OK) {
        return status;
    }
    for (uint32_t v = 0; v < f->node_count; v++) {
        f->parent[v] = f->parent[f->parent[v]];
        size[f->parent[v]]++;
    }
    for (uint32_t v = 0; v < f->node_count; v++) {
        out->component_count += size[v] > 0;
        out->single_count += size[v] == 1;
        out->largest = size[v] > out->largest ? size[v] : out->largest;
    }
    free(size);
    return RS_OK;
}

rs_status rs_store_components(const rs_store *store, const rs_work *work, rs_component_counts *out,
                              rs_error *err)
{
    rs_status status = RS_OK;
    forest f = {.store = store, .alone = rsi_parallel_workers(work) == 1};
    size_t relations = rs_store_relation_count(store);
    *out = (rs_component_counts){0};
    RS_TRY(plant(&f, err));
    RS_TRY(rs_work_report(work, "components", "relations", 0, relations, err));
    RS_TRY(rsi_parallel(work, relations, join_relation, &f, err));
    RS_TRY(rs_work_report(work, "components", "relations", relations, relations, err));
    out->node_count = f.node_count;
    RS_TRY(measure(&f, out, err));
done:
    free(f.parent);
    free(f.first);
    return status;
}
