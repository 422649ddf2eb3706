/* track_match.c - the heaviest one-to-one matching, exactly, in integers.
 *
 * The Hungarian method on a sparse graph (R. Jonker, A. Volgenant, "A shortest augmenting path
 * algorithm for dense and sparse linear assignment problems", Computing 38, 1987): rows are added
 * one by one, each by the cheapest path along which others may give their column up. A row may end
 * without a column, at cost 0: as if it had one of its own.
 *
 * Invariant: with cost = -weight, cost - row_price - column_price >= 0 on every edge of a row that
 * was added, and = 0 where it is matched; row_price <= 0 likewise for its own column. So no other
 * matching is heavier.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "feedback/track_match.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct column {
    rsi_match_weight price;
    rsi_match_weight distance; /* from the row that is added; of this round where it is touched */
    uint32_t row;              /* that has it, or RSI_UNMATCHED */
    uint32_t from;             /* the row before it on the path */
    bool touched;
    bool settled;
} column;

typedef struct matcher {
    const size_t *first;
    const rsi_match_edge *edges;
    uint32_t *column_of;
    rsi_match_weight *row_price;
    column *columns;
    uint32_t *touched; /* columns of this round */
    size_t touched_count;
} matcher;

/* The path so far ends with a row: what its edges and its own column make of it. *end: the row with
 * whose own column the cheapest path ends so far. */
static void look_from(matcher *m, uint32_t row, rsi_match_weight distance, uint32_t *end,
                      rsi_match_weight *end_distance)
{
    rsi_match_weight alone = distance - m->row_price[row];
    if (*end == RSI_UNMATCHED || alone < *end_distance) {
        *end = row;
        *end_distance = alone;
    }
    for (size_t i = m->first[row]; i < m->first[row + 1]; i++) {
        column *to = &m->columns[m->edges[i].column];
        rsi_match_weight at = distance - m->edges[i].weight - m->row_price[row] - to->price;
        if (!to->touched) {
            to->touched = true;
            to->settled = false;
            to->distance = at;
            to->from = row;
            m->touched[m->touched_count++] = m->edges[i].column;
        } else if (!to->settled && at < to->distance) {
            to->distance = at;
            to->from = row;
        }
    }
}

/* The nearest column that is not settled; of equals the one touched first. */
static uint32_t nearest(const matcher *m)
{
    uint32_t best = RSI_UNMATCHED;
    for (size_t i = 0; i < m->touched_count; i++) {
        const column *one = &m->columns[m->touched[i]];
        if (!one->settled && (best == RSI_UNMATCHED || one->distance < m->columns[best].distance)) {
            best = m->touched[i];
        }
    }
    return best;
}

/* Hand columns on along the path that ends with `free_column`. */
static void hand_on(matcher *m, uint32_t row, uint32_t free_column)
{
    uint32_t at = free_column;
    for (uint32_t owner = RSI_UNMATCHED; owner != row;) {
        owner = m->columns[at].from;
        uint32_t before = m->column_of[owner];
        m->columns[at].row = owner;
        m->column_of[owner] = at;
        at = before;
    }
}

static void add_row(matcher *m, uint32_t row)
{
    uint32_t end = RSI_UNMATCHED; /* the row that is left alone, or */
    uint32_t free_column = RSI_UNMATCHED;
    rsi_match_weight distance = 0;
    rsi_match_weight end_distance = 0;
    m->touched_count = 0;
    m->row_price[row] = 0;
    for (size_t i = m->first[row]; i < m->first[row + 1]; i++) {
        rsi_match_weight cost = -m->edges[i].weight - m->columns[m->edges[i].column].price;
        m->row_price[row] = cost < m->row_price[row] ? cost : m->row_price[row];
    }
    look_from(m, row, 0, &end, &end_distance);
    for (;;) {
        uint32_t next = nearest(m);
        if (next == RSI_UNMATCHED || end_distance <= m->columns[next].distance) {
            distance = end_distance;
            break;
        }
        m->columns[next].settled = true;
        distance = m->columns[next].distance;
        if (m->columns[next].row == RSI_UNMATCHED) {
            free_column = next;
            break;
        }
        look_from(m, m->columns[next].row, distance, &end, &end_distance);
    }
    m->row_price[row] += distance;
    for (size_t i = 0; i < m->touched_count; i++) {
        column *one = &m->columns[m->touched[i]];
        if (one->settled) {
            rsi_match_weight change = distance - one->distance;
            one->price -= change;
            if (one->row != RSI_UNMATCHED) {
                m->row_price[one->row] += change;
            }
        }
        one->touched = false;
    }
    if (free_column == RSI_UNMATCHED && end != row) { /* `end` gives its column up */
        free_column = m->column_of[end];
        m->column_of[end] = RSI_UNMATCHED;
    }
    if (free_column != RSI_UNMATCHED) {
        hand_on(m, row, free_column);
    }
}

rs_status rsi_match_heaviest(uint32_t rows, uint32_t columns, const size_t *first,
                             const rsi_match_edge *edges, uint32_t *column_of, rs_error *err)
{
    matcher m = {.first = first, .edges = edges, .column_of = column_of};
    m.row_price = calloc((size_t)rows + 1, sizeof *m.row_price);
    m.columns = calloc((size_t)columns + 1, sizeof *m.columns);
    m.touched = malloc(((size_t)columns + 1) * sizeof *m.touched);
    bool good = m.row_price != NULL && m.columns != NULL && m.touched != NULL;
    for (uint32_t c = 0; good && c < columns; c++) {
        m.columns[c].row = RSI_UNMATCHED;
    }
    for (uint32_t r = 0; r < rows; r++) {
        column_of[r] = RSI_UNMATCHED;
    }
    for (uint32_t r = 0; good && r < rows; r++) {
        add_row(&m, r);
    }
    free(m.row_price);
    free(m.columns);
    free(m.touched);
    return good ? RS_OK : rs_fail(err, RS_ENOMEM, "out of memory (matching of %u rings)", rows);
}
