/* piece.c - what a partition of a piece is worth, and the one way to write it down.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/piece.h"

int64_t rsi_piece_value(const rsi_piece *piece, uint32_t resolution, const uint32_t *label,
                        uint64_t *mass_of_label)
{
    int64_t value = 0;
    for (uint32_t v = 0; v < piece->vertex_count; v++) {
        mass_of_label[v] = 0;
    }
    for (uint32_t v = 0; v < piece->vertex_count; v++) {
        value -= rsi_penalty(resolution, piece->mass[v], mass_of_label[label[v]]);
        mass_of_label[label[v]] += piece->mass[v];
    }
    for (size_t k = 0; k < piece->link_count; k++) {
        if (label[piece->a[k]] == label[piece->b[k]]) {
            value += (int64_t)piece->weight[k];
        }
    }
    return value;
}

void rsi_piece_canonical(uint32_t vertex_count, uint32_t *label, uint32_t *smallest)
{
    for (uint32_t v = 0; v < vertex_count; v++) {
        smallest[v] = UINT32_MAX;
    }
    for (uint32_t v = 0; v < vertex_count; v++) {
        uint32_t *first = &smallest[label[v]];
        *first = *first == UINT32_MAX ? v : *first;
        label[v] = *first;
    }
}
