/* piece.h - a part of the graph that is cut by itself: vertices 0 .. n-1 in ascending order of
 * nodes.
 *
 * A vertex has a mass: 0 for a thing, 1 for a subject, the sum where it stands for several nodes.
 * Maximised is, over partitions of the vertices,
 *     sum over communities C of (weight of links inside C) - resolution * (mass pairs inside C)
 * where the pairs inside one vertex are a constant and left out.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_DETECT_PIECE_H
#define RSI_DETECT_PIECE_H

#include <stddef.h>
#include <stdint.h>

/* Lent arrays. Links: a < b, ascending by (a, b), each pair once, weight above 0. */
typedef struct rsi_piece {
    uint32_t vertex_count;
    const uint32_t *mass;
    size_t link_count;
    const uint32_t *a;
    const uint32_t *b;
    const uint64_t *weight; /* RS_WEIGHT_ONE is 1.0 */
    const uint32_t *start;  /* a partition to begin with, canonical; NULL: each vertex alone */
} rsi_piece;

/* Beyond what weights can sum to: exact sums in doubles end at 2^53. */
#define RSI_PENALTY_MAX (INT64_C(1) << 56)

/* resolution * x * y, at most RSI_PENALTY_MAX. */
static inline int64_t rsi_penalty(uint32_t resolution, uint64_t x, uint64_t y)
{
    uint64_t pairs;
    uint64_t product;
    if (__builtin_mul_overflow(x, y, &pairs) ||
        __builtin_mul_overflow(pairs, resolution, &product) ||
        product > (uint64_t)RSI_PENALTY_MAX) {
        return RSI_PENALTY_MAX;
    }
    return (int64_t)product;
}

/* What `label` is worth: the sum above. O(links). */
int64_t rsi_piece_value(const rsi_piece *piece, uint32_t resolution, const uint32_t *label,
                        uint64_t *mass_of_label);

/* The label of each vertex becomes the smallest vertex with that label (labels are below
 * vertex_count; `smallest` is scratch of as many entries). */
void rsi_piece_canonical(uint32_t vertex_count, uint32_t *label, uint32_t *smallest);

#endif
