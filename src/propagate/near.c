/* near.c - a hash table over an array of nodes.
 *
 * Open addressing, linear probing, at most half full, a fixed multiplicative hash. Cost: a look-up
 * is one or two probes; touching a node for the first time asks the view for it.
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

rs_status rsi_near_touch(rsi_near *near, uint32_t node, uint32_t *entry, rs_error *err)
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
    rsi_view_node seen = {0};
    rs_status status = near->view->node(near->view->context, node, &seen, err);
    if (status != RS_OK) {
        return status;
    }
    rsi_near_node *made = &near->nodes[near->count];
    *made = (rsi_near_node){
        .node = node, .hops = UINT8_MAX, .risk = seen.risk, .seed = seen.seed, .place = UINT32_MAX};
    if (seen.total != 0) { /* 0 only where there is neither link nor ground */
        rsi_root root = rsi_root_of(seen.total);
        made->mantissa = root.mantissa;
        made->halves = root.halves;
        made->threshold = (uint64_t)((rsi_u128)near->epsilon * root.whole >> (40 + root.halves));
    }
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

rs_status rsi_near_open(rsi_near *near, uint32_t entry, size_t touched_max, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_view_row row = {0};
    if (near->nodes[entry].opened) {
        return RS_OK;
    }
    if (near->count >= touched_max) {
        near->nodes[entry].closed = true;
        return RS_OK;
    }
    RS_TRY(near->view->row(near->view->context, near->nodes[entry].node, &row, err));
    if (near->count + row.count > touched_max) {
        near->nodes[entry].closed = true;
        return RS_OK;
    }
    if (near->view->expect != NULL) {
        near->view->expect(near->view->context, row.to, row.count);
    }
    RS_TRY(make_room(near, row.count, err));
    size_t first = near->row_count;
    for (size_t i = 0; i < row.count; i++) {
        uint32_t other = 0;
        RS_TRY(rsi_near_touch(near, row.to[i], &other, err));
        near->rows[first + i] = (rsi_near_row){.entry = other, .weight = row.weight[i]};
    }
    near->row_count += row.count;
    near->nodes[entry].opened = true;
    near->nodes[entry].row_first = first;
    near->nodes[entry].row_count = (uint32_t)row.count;
done:
    return status;
}

void rsi_near_free(rsi_near *near)
{
    free(near->rows);
    free(near->nodes);
    free(near->table);
}

uint64_t rsi_near_link(const rsi_near *near, const rsi_near_node *a, const rsi_near_node *b,
                       uint32_t weight)
{
    /* weight 2^-20 times two roots of mantissa 2^(halves - 84) each, in units of 2^-62. */
    uint64_t roots = (uint64_t)((rsi_u128)a->mantissa * b->mantissa >> 64);
    uint64_t share = (uint64_t)((rsi_u128)roots * weight >> (62 - a->halves - b->halves));
    uint64_t link = (uint64_t)((rsi_u128)share * near->damping.part >> 62);
    return link < RSI_LINK_ONE ? link : RSI_LINK_ONE - 1;
}
