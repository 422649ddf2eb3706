/* plain.c - proofs that one community is best, and the optimum of the smallest pieces.
 *
 * Law: all in one is an optimum if and only if for every set S of vertices
 *     cut(S) >= resolution * mass(S) * (total mass - mass(S)).
 * For a partition into parts S_i gains what its cut costs too little, and both the cut and the
 * separated pairs of the partition are half the sums over its parts. By duality it is enough to
 * route `resolution` units between every two members along links of capacity `weight`:
 * each S lets through at most cut(S).
 *
 * The routing tried: linked pairs use their own link as far as it carries; the rest goes
 * along the breadth-first tree from the strongest vertex. On a tree, and on a clique, that is not
 * only sufficient but necessary. A star of a thing with d members is one if every weight is at
 * least resolution * (d - 1).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/plain.h"

#include <string.h>

static uint64_t total_mass(const rsi_piece *piece)
{
    uint64_t total = 0;
    for (uint32_t v = 0; v < piece->vertex_count; v++) {
        total += piece->mass[v];
    }
    return total;
}

/* The necessary condition for sets of one vertex, and the strongest vertex as root. */
static bool vertices_hold(const rsi_piece *piece, uint32_t resolution, uint64_t total,
                          rsi_plain_scratch *scratch, uint32_t *root)
{
    uint64_t *strength = scratch->tree.strength;
    memset(strength, 0, piece->vertex_count * sizeof *strength);
    for (size_t k = 0; k < piece->link_count; k++) {
        strength[piece->a[k]] += piece->weight[k];
        strength[piece->b[k]] += piece->weight[k];
    }
    *root = 0;
    for (uint32_t v = 0; v < piece->vertex_count; v++) {
        uint64_t mass = piece->mass[v];
        if (strength[v] < (uint64_t)rsi_penalty(resolution, mass, total - mass)) {
            return false;
        }
        *root = strength[v] > strength[*root] ? v : *root;
    }
    return true;
}

static void index_links(const rsi_piece *piece, rsi_plain_scratch *scratch)
{
    uint32_t *first = scratch->tree.first;
    memset(first, 0, (piece->vertex_count + 1) * sizeof *first);
    for (size_t k = 0; k < piece->link_count; k++) {
        first[piece->a[k] + 1]++;
        first[piece->b[k] + 1]++;
    }
    for (uint32_t v = 0; v < piece->vertex_count; v++) {
        first[v + 1] += first[v];
    }
    /* Filled from the back: each entry of `first` ends where its own neighbours begin. */
    for (size_t k = piece->link_count; k-- > 0;) {
        uint32_t at_a = --first[piece->a[k] + 1];
        uint32_t at_b = --first[piece->b[k] + 1];
        scratch->tree.next[at_a] = (uint16_t)piece->b[k];
        scratch->tree.next[at_b] = (uint16_t)piece->a[k];
        scratch->tree.link[at_a] = (uint16_t)k;
        scratch->tree.link[at_b] = (uint16_t)k;
    }
}

/* Neighbours of v are entries first[v+1] .. (first[v+2] or the end) - 1 after index_links. */
static uint32_t list_end(const rsi_piece *piece, const rsi_plain_scratch *scratch, uint32_t v)
{
    return v + 1 < piece->vertex_count ? scratch->tree.first[v + 2]
                                       : (uint32_t)(2 * piece->link_count);
}

static void grow_tree(const rsi_piece *piece, uint32_t root, rsi_plain_scratch *scratch)
{
    uint16_t *parent = scratch->tree.parent;
    uint16_t *queue = scratch->tree.queue;
    memset(parent, 0xff, piece->vertex_count * sizeof *parent);
    parent[root] = (uint16_t)root;
    scratch->tree.depth[root] = 0;
    queue[0] = (uint16_t)root;
    uint32_t end = 1;
    for (uint32_t at = 0; at < end; at++) {
        uint16_t v = queue[at];
        uint32_t last = list_end(piece, scratch, v);
        for (uint32_t i = scratch->tree.first[v + 1]; i < last; i++) {
            uint16_t u = scratch->tree.next[i];
            if (parent[u] == UINT16_MAX) {
                parent[u] = v;
                scratch->tree.depth[u] = (uint16_t)(scratch->tree.depth[v] + 1);
                scratch->tree.up[u] = piece->weight[scratch->tree.link[i]];
                queue[end++] = u;
            }
        }
    }
}

/* The path in the tree between a and b need not carry what their own link carries. */
static void relieve(rsi_plain_scratch *scratch, uint32_t a, uint32_t b, int64_t units)
{
    const uint16_t *parent = scratch->tree.parent;
    const uint16_t *depth = scratch->tree.depth;
    while (a != b) {
        uint32_t *lower = depth[a] >= depth[b] ? &a : &b;
        scratch->tree.relief[*lower] += units;
        *lower = parent[*lower];
    }
}

static void relieve_all(const rsi_piece *piece, uint32_t resolution, rsi_plain_scratch *scratch)
{
    const uint16_t *parent = scratch->tree.parent;
    memset(scratch->tree.relief, 0, piece->vertex_count * sizeof *scratch->tree.relief);
    for (size_t k = 0; k < piece->link_count; k++) {
        uint32_t a = piece->a[k];
        uint32_t b = piece->b[k];
        int64_t wanted = rsi_penalty(resolution, piece->mass[a], piece->mass[b]);
        int64_t carried = (int64_t)piece->weight[k] < wanted ? (int64_t)piece->weight[k] : wanted;
        if (parent[a] != b && parent[b] != a && carried > 0) {
            relieve(scratch, a, b, carried);
        }
    }
}

static bool tree_carries(const rsi_piece *piece, uint32_t resolution, uint64_t total,
                         rsi_plain_scratch *scratch)
{
    uint64_t *mass = scratch->tree.mass;
    for (uint32_t v = 0; v < piece->vertex_count; v++) {
        mass[v] = piece->mass[v];
    }
    for (uint32_t at = piece->vertex_count; at-- > 1;) {
        uint16_t v = scratch->tree.queue[at];
        int64_t load = rsi_penalty(resolution, mass[v], total - mass[v]) - scratch->tree.relief[v];
        if ((int64_t)scratch->tree.up[v] < load) {
            return false;
        }
        mass[scratch->tree.parent[v]] += mass[v];
    }
    return true;
}

bool rsi_plain_is_one(const rsi_piece *piece, uint32_t resolution, rsi_plain_scratch *scratch)
{
    uint64_t total = total_mass(piece);
    uint32_t root;
    if (resolution == 0 || total <= 1) {
        return true; /* nothing speaks against a link */
    }
    if (piece->vertex_count > RSI_PLAIN_VERTICES || piece->link_count > RSI_PLAIN_LINKS ||
        !vertices_hold(piece, resolution, total, scratch, &root)) {
        return false;
    }
    index_links(piece, scratch);
    grow_tree(piece, root, scratch);
    relieve_all(piece, resolution, scratch);
    return tree_carries(piece, resolution, total, scratch);
}

/* ---- the optimum of the smallest ------------------------------------------------------------ */

static void weigh_pairs(const rsi_piece *piece, uint32_t resolution, rsi_plain_scratch *scratch)
{
    uint32_t n = piece->vertex_count;
    for (uint32_t v = 0; v < n; v++) {
        scratch->sets.neighbours[v] = 0;
        for (uint32_t u = 0; u < n; u++) {
            scratch->sets.weight[v][u] = -rsi_penalty(resolution, piece->mass[v], piece->mass[u]);
        }
    }
    for (size_t k = 0; k < piece->link_count; k++) {
        uint32_t a = piece->a[k];
        uint32_t b = piece->b[k];
        scratch->sets.weight[a][b] += (int64_t)piece->weight[k];
        scratch->sets.weight[b][a] += (int64_t)piece->weight[k];
        scratch->sets.neighbours[a] |= (uint16_t)(1U << b);
        scratch->sets.neighbours[b] |= (uint16_t)(1U << a);
    }
}

/* The value of each set as one community, and whether it hangs together: a set does if it is one
 * vertex, or if what is reached from its lowest vertex is all of it. */
static void weigh_sets(uint32_t vertex_count, rsi_plain_scratch *scratch)
{
    scratch->sets.value[0] = 0;
    scratch->sets.connected[0] = false;
    for (uint32_t set = 1; set < 1U << vertex_count; set++) {
        uint32_t low = (uint32_t)__builtin_ctz(set);
        uint32_t rest = set & (set - 1);
        int64_t value = scratch->sets.value[rest];
        uint32_t reached = 1U << low;
        uint32_t before = 0;
        for (uint32_t left = rest; left != 0; left &= left - 1) {
            value += scratch->sets.weight[low][__builtin_ctz(left)];
        }
        while (reached != before) {
            uint32_t fresh = reached & ~before;
            before = reached;
            for (; fresh != 0; fresh &= fresh - 1) {
                reached |= scratch->sets.neighbours[__builtin_ctz(fresh)] & set;
            }
        }
        scratch->sets.value[set] = value;
        scratch->sets.connected[set] = reached == set;
    }
}

static void choose(uint32_t set, rsi_plain_scratch *scratch)
{
    uint32_t low = set & (0U - set);
    uint32_t rest = set & ~low;
    int64_t best = INT64_MIN;
    uint32_t part = rest;
    for (bool more = true; more; part = (part - 1) & rest) {
        uint32_t community = part | low;
        int64_t value = scratch->sets.value[community] + scratch->sets.best[set & ~community];
        if (scratch->sets.connected[community] && value > best) {
            best = value;
            scratch->sets.choice[set] = (uint16_t)community;
        }
        more = part != 0;
    }
    scratch->sets.best[set] = best;
}

void rsi_plain_exact(const rsi_piece *piece, uint32_t resolution, uint32_t *label,
                     rsi_plain_scratch *scratch)
{
    uint32_t all = (1U << piece->vertex_count) - 1;
    weigh_pairs(piece, resolution, scratch);
    weigh_sets(piece->vertex_count, scratch);
    scratch->sets.best[0] = 0;
    for (uint32_t set = 1; set <= all; set++) {
        choose(set, scratch);
    }
    for (uint32_t set = all; set != 0; set &= ~(uint32_t)scratch->sets.choice[set]) {
        uint32_t community = scratch->sets.choice[set];
        uint32_t first = (uint32_t)__builtin_ctz(community);
        for (; community != 0; community &= community - 1) {
            label[__builtin_ctz(community)] = first;
        }
    }
}
