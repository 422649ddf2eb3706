/* plain.h - pieces whose optimum can be proven without a search.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_DETECT_PLAIN_H
#define RSI_DETECT_PLAIN_H

#include <stdbool.h>

#include "detect/piece.h"

#define RSI_PLAIN_VERTICES 256 /* larger pieces are not looked at */
#define RSI_PLAIN_LINKS    2048
#define RSI_EXACT_VERTICES 9 /* 3^9 steps cost less than one call of igraph */

/* Scratch of the two functions; its content means nothing between calls. */
typedef struct rsi_plain_scratch {
    union {
        struct {
            uint32_t first[RSI_PLAIN_VERTICES + 1];
            uint16_t next[2 * RSI_PLAIN_LINKS]; /* neighbours, by vertex */
            uint16_t link[2 * RSI_PLAIN_LINKS];
            uint16_t queue[RSI_PLAIN_VERTICES]; /* breadth first */
            uint16_t parent[RSI_PLAIN_VERTICES];
            uint16_t depth[RSI_PLAIN_VERTICES];
            uint64_t strength[RSI_PLAIN_VERTICES];
            uint64_t up[RSI_PLAIN_VERTICES];   /* weight of the link to the parent */
            uint64_t mass[RSI_PLAIN_VERTICES]; /* of the subtree */
            int64_t relief[RSI_PLAIN_VERTICES];
        } tree;
        struct {
            int64_t value[1 << RSI_EXACT_VERTICES];
            int64_t best[1 << RSI_EXACT_VERTICES];
            uint16_t choice[1 << RSI_EXACT_VERTICES];
            bool connected[1 << RSI_EXACT_VERTICES];
            uint16_t neighbours[RSI_EXACT_VERTICES];
            int64_t weight[RSI_EXACT_VERTICES][RSI_EXACT_VERTICES];
        } sets;
    };
} rsi_plain_scratch;

/* True only where all vertices in one community are an optimum; false: not known. The piece is
 * connected. O(links * depth of a breadth-first tree). */
bool rsi_plain_is_one(const rsi_piece *piece, uint32_t resolution, rsi_plain_scratch *scratch);

/* An optimum of a piece of at most RSI_EXACT_VERTICES vertices, in connected communities; of
 * several the one whose community of vertex 0 is the largest number as a set of bits, and so on.
 * O(3^vertices). */
void rsi_plain_exact(const rsi_piece *piece, uint32_t resolution, uint32_t *label,
                     rsi_plain_scratch *scratch);

#endif
