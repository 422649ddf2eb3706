/* near.c - a hash table over an array of nodes.
 *
 * Open addressing, linear probing, at most half full, a fixed multiplicative hash. Cost: a look-up
 * is one or two probes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "propagate/near.h"

#include <stdlib.h>

#include "base/try.h"

static uint32_t place_of(const rsi_near *near, uint32_t node)
{
    uint32_t mask = 2 * near->capacity - 1;
    uint32_t place = (uint32_t)((node * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & mask;
    while (near->table[place] != 0 && near->nodes[near->table[place] - 1].node != node) {
        place = (place + 1) & mask;
    }
    return place;
}

static rs_status grow(rsi_near *near, rs_error *err)
{
    uint32_t capacity = near->capacity == 0 ? 64 : 2 * near->capacity;
    rsi_near_node *nodes = NULL;
    uint32_t *table = NULL;
    if (capacity <= UINT32_C(1) << 30) {
        nodes = realloc(near->nodes, capacity * sizeof *nodes);
    }
    if (nodes != NULL) {
        near->nodes = nodes;
        table = calloc(2 * (size_t)capacity, sizeof *table);
    }
    if (table == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (explaining a risk over %u nodes)", capacity);
    }
    free(near->table);
    near->table = table;
    near->capacity = capacity;
    for (uint32_t i = 0; i < near->count; i++) {
        table[place_of(near, near->nodes[i].node)] = i + 1;
    }
    return RS_OK;
}

uint32_t rsi_near_find(const rsi_near *near, uint32_t node)
{
    return near->capacity == 0 ? UINT32_MAX : near->table[place_of(near, node)] - 1;
}

rs_status rsi_near_touch(rsi_near *near, uint32_t node, uint8_t bits, uint32_t *entry,
                         rs_error *err)
{
    *entry = rsi_near_find(near, node);
    if (*entry != UINT32_MAX) {
        return RS_OK;
    }
    if (near->count == near->capacity) {
        rs_status grown = grow(near, err);
        if (grown != RS_OK) {
            return grown;
        }
    }
    near->nodes[near->count] =
        (rsi_near_node){.node = node, .hops = UINT8_MAX, .bits = bits, .place = UINT32_MAX};
    *entry = near->count++;
    near->table[place_of(near, node)] = *entry + 1;
    return RS_OK;
}

static rs_status make_room(rsi_near *near, size_t more, rs_error *err)
{
    if (near->row_capacity - near->row_count >= more) {
        return RS_OK;
    }
    size_t capacity = 2 * near->row_capacity + more + 256;
    rsi_near_row *rows = realloc(near->rows, capacity * sizeof *rows);
    if (rows == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (explaining a risk over %zu links)",
                       capacity);
    }
    near->rows = rows;
    near->row_capacity = capacity;
    return RS_OK;
}

rs_status rsi_near_open(rsi_near *near, uint32_t entry, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_view_row row = {0};
    if (near->nodes[entry].opened) {
        return RS_OK;
    }
    RS_TRY(near->view->row(near->view->context, near->nodes[entry].node, &row, err));
    RS_TRY(make_room(near, row.count, err));
    size_t first = near->row_count;
    for (size_t i = 0; i < row.count; i++) {
        uint32_t other = 0;
        RS_TRY(rsi_near_touch(near, row.to[i], row.bits[i], &other, err));
        near->rows[first + i] = (rsi_near_row){.entry = other, .link = row.link[i]};
    }
    rsi_near_node *opened = &near->nodes[entry];
    near->row_count += row.count;
    opened->opened = true;
    opened->risk = row.risk;
    opened->seed = row.seed;
    opened->row_first = first;
    opened->row_count = (uint32_t)row.count;
done:
    return status;
}

void rsi_near_free(rsi_near *near)
{
    free(near->rows);
    free(near->nodes);
    free(near->table);
}
