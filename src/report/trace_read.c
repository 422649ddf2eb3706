/* trace_read.c - what a run keeps to explain itself, read node by node.
 *
 * Every number that is used as a place is held against what it is a place in first: the file may be
 * damaged in ways that its checksums do not see, or made by somebody.
 *
 * Cost: a node is a page of 256, a row a page of 64 rows, an id one or two pages of 256 to find and
 * one to tell.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "propagate/scale.h"
#include "report/bits.h"
#include "report/trace_open.h"
#include "store/intcodec.h"

/* ---- the network ----------------------------------------------------------------------------- */

static rs_status bad_node(const rsi_traced *traced, uint32_t node, rs_error *err)
{
    return rs_fail(err, RS_ECORRUPT, "the network has %u nodes, %u was asked for",
                   traced->node_count, node);
}

static rs_status see_node(void *context, uint32_t node, rsi_view_node *out, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_traced *traced = context;
    const rsi_page *page;
    uint64_t numbers[3];
    if (node >= traced->node_count) {
        return bad_node(traced, node, err);
    }
    size_t number = node / RSI_TRACE_PAGE;
    RS_TRY(rsi_pages_get(traced->network, RSI_TRACE_NODES, number, 0, &page, err));
    const uint8_t *bytes = (const uint8_t *)page->text.bytes;
    uint32_t left = traced->node_count - (uint32_t)number * RSI_TRACE_PAGE;
    uint32_t count = left < RSI_TRACE_PAGE ? left : RSI_TRACE_PAGE;
    if (page->text.length < RSI_TRACE_NODE_BYTES || bytes[0] > 64 || bytes[1] > 64 ||
        bytes[2] > 64 ||
        page->text.length - RSI_TRACE_NODE_BYTES <
            ((size_t)bytes[0] + bytes[1] + bytes[2]) * count / 8) {
        return rsi_pages_damaged(traced->network, RSI_TRACE_NODES, number, "too short", err);
    }
    uint64_t at = 0;
    for (int k = 0; k < 3; k++) {
        uint64_t width = bytes[k];
        numbers[k] = rsi_bits_get(bytes + RSI_TRACE_NODE_BYTES, at + node % RSI_TRACE_PAGE * width,
                                  bytes[k]);
        at += width * count;
    }
    *out = (rsi_view_node){
        .total = numbers[0], .risk = rsi_unzigzag(numbers[1]), .seed = rsi_unzigzag(numbers[2])};
    if (out->risk > RSI_SEED_MAX * 1024 || out->risk < -RSI_SEED_MAX * 1024 ||
        out->seed > RSI_SEED_MAX || out->seed < -RSI_SEED_MAX) {
        return rsi_pages_damaged(traced->network, RSI_TRACE_NODES, number, "no such risk", err);
    }
done:
    return status;
}

/* Where the entries of the i-th of `degrees` begin and end among `all`. */
static bool find_span(const uint64_t *degrees, size_t count, size_t i, size_t all, size_t *first,
                      size_t *end)
{
    uint64_t at = 0;
    if (i >= count) {
        return false;
    }
    for (size_t k = 0; k <= i; k++) {
        *first = (size_t)at;
        if (degrees[k] > all - at) {
            return false;
        }
        at += degrees[k];
    }
    *end = (size_t)at;
    return true;
}

static rs_status row_room(rsi_traced *traced, size_t count, rs_error *err)
{
    if (count <= traced->row_room) {
        return RS_OK;
    }
    free(traced->to);
    free(traced->weight);
    traced->row_room = 0;
    traced->to = malloc(count * sizeof *traced->to);
    traced->weight = malloc(count * sizeof *traced->weight);
    if (traced->to == NULL || traced->weight == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (a row of %zu links)", count);
    }
    traced->row_room = count;
    return RS_OK;
}

/* A page of rows, laid open. */
typedef struct row_page {
    const uint8_t *widths; /* of a degree, an end, a weight, a place */
    uint32_t weights;
    const uint8_t *degrees, *palette, *ends, *places;
    uint64_t first, end; /* the row's links among the page's */
} row_page;

static bool open_rows(row_page *rows, rs_text text, uint32_t count, uint32_t row)
{
    uint64_t links = 0;
    const uint8_t *bytes = (const uint8_t *)text.bytes;
    if (text.length < RSI_TRACE_ROWS_BYTES || bytes[0] > 32 || bytes[1] > 32 || bytes[2] > 32 ||
        bytes[3] > 32) {
        return false;
    }
    rows->widths = bytes;
    rows->weights = rsi_load_u32le(bytes + 4);
    size_t left = text.length - RSI_TRACE_ROWS_BYTES;
    size_t degrees = rsi_bits_bytes(count, bytes[0]);
    size_t palette = rsi_bits_bytes(rows->weights, bytes[2]);
    if (degrees > left || palette > left - degrees) {
        return false;
    }
    rows->degrees = bytes + RSI_TRACE_ROWS_BYTES;
    for (uint32_t i = 0; i < count; i++) {
        rows->first = i == row ? links : rows->first;
        links += rsi_bits_get(rows->degrees, (uint64_t)i * bytes[0], bytes[0]);
        rows->end = i == row ? links : rows->end;
    }
    left -= degrees + palette;
    rows->palette = rows->degrees + degrees;
    rows->ends = rows->palette + palette;
    rows->places = rows->ends + rsi_bits_bytes(links, bytes[1]);
    /* A degree takes 32 bits at most and a page few rows: nothing here wraps. */
    return rsi_bits_bytes(links, bytes[1]) + rsi_bits_bytes(links, bytes[3]) == left &&
           (bytes[1] > 0 || rows->end - rows->first <= 1);
}

static bool fill_row(rsi_traced *traced, const row_page *rows)
{
    const uint8_t *widths = rows->widths;
    for (uint64_t i = rows->first; i < rows->end; i++) {
        uint64_t to = rsi_bits_get(rows->ends, i * widths[1], widths[1]);
        uint64_t place = rsi_bits_get(rows->places, i * widths[3], widths[3]);
        if (to >= traced->node_count || place >= rows->weights ||
            (i > rows->first && to <= traced->to[i - rows->first - 1])) {
            return false;
        }
        traced->to[i - rows->first] = (uint32_t)to;
        traced->weight[i - rows->first] =
            (uint32_t)rsi_bits_get(rows->palette, place * widths[2], widths[2]);
    }
    return true;
}

static rs_status see_row(void *context, uint32_t node, rsi_view_row *out, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_traced *traced = context;
    const rsi_page *page;
    row_page rows = {0};
    if (node >= traced->node_count) {
        return bad_node(traced, node, err);
    }
    size_t number = node / RSI_TRACE_ROWS_PAGE;
    uint32_t left = traced->node_count - (uint32_t)number * RSI_TRACE_ROWS_PAGE;
    RS_TRY(rsi_pages_get(traced->network, RSI_TRACE_ROWS, number, 0, &page, err));
    if (!open_rows(&rows, page->text, left < RSI_TRACE_ROWS_PAGE ? left : RSI_TRACE_ROWS_PAGE,
                   node % RSI_TRACE_ROWS_PAGE)) {
        return rsi_pages_damaged(traced->network, RSI_TRACE_ROWS, number, "rows do not fit", err);
    }
    size_t count = (size_t)(rows.end - rows.first);
    RS_TRY(row_room(traced, count, err));
    if (!fill_row(traced, &rows)) {
        return rsi_pages_damaged(traced->network, RSI_TRACE_ROWS, number, "no such link", err);
    }
    *out = (rsi_view_row){.to = traced->to, .weight = traced->weight, .count = count};
done:
    return status;
}

static void expect_nodes(void *context, const uint32_t *nodes, size_t count)
{
    rsi_traced *traced = context;
    size_t last = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t page = nodes[i] / RSI_TRACE_PAGE;
        if (page != last) {
            rsi_pages_expect(traced->network, RSI_TRACE_NODES, page);
        }
        last = page;
    }
}

static void expect_row(void *context, uint32_t node)
{
    const rsi_traced *traced = context;
    rsi_pages_expect(traced->network, RSI_TRACE_ROWS, node / RSI_TRACE_ROWS_PAGE);
}

void rsi_traced_set_view(rsi_traced *traced)
{
    traced->view = (rsi_view){.context = traced,
                              .node_count = traced->node_count,
                              .node = see_node,
                              .row = see_row,
                              .expect = expect_nodes,
                              .expect_row = expect_row};
}

/* ---- findings -------------------------------------------------------------------------------- */

static rs_status find_ring(rsi_traced *traced, uint64_t ring, rsi_traced_finding *out,
                           rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_page *page;
    size_t number = (size_t)(ring / RSI_TRACE_PAGE), i = (size_t)(ring % RSI_TRACE_PAGE);
    RS_TRY(rsi_pages_get(traced->network, RSI_TRACE_RINGS, number, 2, &page, err));
    if (i >= page->counts[0] || i >= page->counts[1] ||
        page->text.length < (i + 1) * sizeof out->ring ||
        page->text.bytes[(i + 1) * sizeof out->ring - 1] != '\0') {
        return rsi_pages_damaged(traced->network, RSI_TRACE_RINGS, number, "no such ring", err);
    }
    memcpy(out->ring, page->text.bytes + i * sizeof out->ring, sizeof out->ring);
    out->ring_whole = (uint32_t)page->columns[0][i];
    out->ring_members = (uint32_t)page->columns[1][i];
done:
    return status;
}

rs_status rsi_traced_finding_of(rsi_traced *traced, uint32_t node, rsi_traced_finding *out,
                                rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_page *page;
    uint64_t numbers[6];
    size_t number = node / RSI_TRACE_PAGE, i = node % RSI_TRACE_PAGE;
    *out = (rsi_traced_finding){0};
    RS_TRY(rsi_pages_get(traced->network, RSI_TRACE_FINDINGS, number, 6, &page, err));
    for (size_t k = 0; k < 6; k++) {
        if (i >= page->counts[k] || page->columns[k][i] > UINT32_MAX ||
            (k < 4 && page->columns[k][i] > RS_MILLION)) {
            return rsi_pages_damaged(traced->network, RSI_TRACE_FINDINGS, number, "no such number",
                                     err);
        }
        numbers[k] = page->columns[k][i];
    }
    out->risk = (uint32_t)numbers[0];
    out->spread = (uint32_t)numbers[1];
    out->oddity = (uint32_t)numbers[2];
    out->ring_score = (uint32_t)numbers[3];
    out->membership = (uint32_t)(numbers[5] / 4);
    out->role = (rs_role)(numbers[5] % 4);
    if (numbers[4] > 0) {
        RS_TRY(find_ring(traced, numbers[4] - 1, out, err));
    }
done:
    return status;
}

/* ---- evidence -------------------------------------------------------------------------------- */

rs_status rsi_traced_link_of(rsi_traced *traced, uint32_t a, uint32_t b, bool *there,
                             rsi_traced_link *out, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_page *page;
    size_t first = 0, end = 0;
    uint32_t low = a < b ? a : b, high = a < b ? b : a;
    *there = false;
    if (low >= traced->subject_count) {
        return RS_OK;
    }
    size_t number = low / RSI_TRACE_PAGE;
    RS_TRY(rsi_pages_get(traced->network, RSI_TRACE_LINKS, number, 4, &page, err));
    if (page->counts[2] != page->counts[1] || page->counts[3] != page->counts[1] ||
        !find_span(page->columns[0], page->counts[0], low % RSI_TRACE_PAGE, page->counts[1], &first,
                   &end)) {
        return rsi_pages_damaged(traced->network, RSI_TRACE_LINKS, number, "links do not fit", err);
    }
    uint64_t to = 0;
    for (size_t i = first; i < end && to < high; i++) {
        to += page->columns[1][i];
        if (to == high) {
            uint64_t kind = page->columns[2][i], thing = page->columns[3][i];
            if (kind >> 16 >= rs_evidence_kind_count() ||
                (thing >= 2 && thing - 2 >= traced->node_count)) {
                return rsi_pages_damaged(traced->network, RSI_TRACE_LINKS, number, "no such link",
                                         err);
            }
            *there = true;
            out->kind = (uint16_t)(kind >> 16);
            out->relation = (uint16_t)kind;
            out->thing = thing == 0 ? RS_NO_NODE : thing == 1 ? high : (uint32_t)(thing - 2);
        }
    }
done:
    return status;
}

/* ---- lists ----------------------------------------------------------------------------------- */

rs_status rsi_traced_listed(rsi_traced *traced, uint32_t list, uint32_t node, bool *there,
                            rs_text *reason, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_page *page;
    size_t number = rsi_pages_seek(traced->network, list, node);
    *there = false;
    if (number == SIZE_MAX) {
        return RS_OK;
    }
    RS_TRY(rsi_pages_get(traced->network, list, number, 1, &page, err));
    const char *at = page->text.bytes, *end = at + page->text.length;
    uint64_t entry = 0;
    for (size_t i = 0; i < page->counts[0] && entry <= node; i++) {
        const char *stop = memchr(at, '\0', (size_t)(end - at));
        entry += page->columns[0][i];
        if (stop == NULL) {
            return rsi_pages_damaged(traced->network, list, number, "reasons are missing", err);
        }
        if (entry == node) {
            *there = true;
            *reason = (rs_text){at, (size_t)(stop - at)};
            return RS_OK;
        }
        at = stop + 1;
    }
done:
    return status;
}

/* ---- relations ------------------------------------------------------------------------------- */

rs_status rsi_traced_side(rsi_traced *traced, size_t relation, int end, uint32_t node,
                          uint64_t *edges, uint64_t *peers, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_page *page;
    const rsi_traced_relation *own = &traced->relations[relation];
    const rs_node_range *range = &traced->ranges[end == 0 ? own->src_range : own->dst_range];
    uint32_t section = RSI_TRACE_SIDES + 2 * (uint32_t)relation + (uint32_t)end;
    *edges = *peers = 0;
    if (node < range->first || node - range->first >= range->count) {
        return RS_OK;
    }
    size_t number = (node - range->first) / RSI_TRACE_PAGE;
    size_t i = (node - range->first) % RSI_TRACE_PAGE;
    RS_TRY(rsi_pages_get(traced->network, section, number, 2, &page, err));
    if (i >= page->counts[0] || i >= page->counts[1]) {
        return rsi_pages_damaged(traced->network, section, number, "too short", err);
    }
    *peers = page->columns[0][i];
    *edges = page->columns[0][i] + page->columns[1][i];
done:
    return status;
}

rs_status rsi_traced_users(rsi_traced *traced, uint32_t node, uint64_t *in_all,
                           uint32_t users[RSI_TRACE_USERS_MAX], size_t *count, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_page *page;
    size_t range = rsi_traced_range(traced, node), at = 0;
    uint32_t section = RSI_TRACE_USERS + (uint32_t)range;
    size_t number = (node - traced->ranges[range].first) / RSI_TRACE_PAGE;
    size_t i = (node - traced->ranges[range].first) % RSI_TRACE_PAGE;
    *in_all = *count = 0;
    RS_TRY(rsi_pages_get(traced->network, section, number, 2, &page, err));
    if (i >= page->counts[0]) {
        return rsi_pages_damaged(traced->network, section, number, "too short", err);
    }
    for (size_t k = 0; k < i; k++) {
        uint64_t listed = page->columns[0][k];
        at += listed < RSI_TRACE_USERS_MAX ? (size_t)listed : RSI_TRACE_USERS_MAX;
    }
    *in_all = page->columns[0][i];
    *count = *in_all < RSI_TRACE_USERS_MAX ? (size_t)*in_all : RSI_TRACE_USERS_MAX;
    for (size_t k = 0; k < *count; k++) {
        if (at + k >= page->counts[1] || page->columns[1][at + k] >= traced->subject_count) {
            return rsi_pages_damaged(traced->network, section, number, "no such user", err);
        }
        users[k] = (uint32_t)page->columns[1][at + k];
    }
done:
    return status;
}

/* ---- counts ---------------------------------------------------------------------------------- */

/* The share of subjects that have at least `value`. */
static rs_status find_tail(rsi_traced *traced, uint32_t section, uint64_t value, uint32_t *tail,
                           rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_page *page;
    size_t number = rsi_pages_seek(traced->counts, section, value);
    if (number == SIZE_MAX) {
        return rsi_pages_damaged(traced->counts, section, 0, "no such value", err);
    }
    RS_TRY(rsi_pages_get(traced->counts, section, number, 2, &page, err));
    uint64_t here = rsi_pages_key(traced->counts, section, number), found = RS_MILLION + 1;
    for (size_t i = 0; i < page->counts[0] && i < page->counts[1]; i++) {
        if (page->columns[0][i] > value - here) {
            break;
        }
        here += page->columns[0][i];
        found = page->columns[1][i];
    }
    if (found > RS_MILLION) {
        return rsi_pages_damaged(traced->counts, section, number, "no such share", err);
    }
    *tail = (uint32_t)found;
done:
    return status;
}

/* Put a count among the rarest, ties in the order of columns. */
static void keep_odd(rs_odd_count *out, size_t capacity, size_t *count, const rs_odd_count *odd)
{
    size_t place = *count;
    while (place > 0 && out[place - 1].tail > odd->tail) {
        place--;
    }
    if (place >= capacity) {
        return;
    }
    *count += *count < capacity;
    for (size_t i = *count - 1; i > place; i--) {
        out[i] = out[i - 1];
    }
    out[place] = *odd;
}

rs_status rsi_traced_odd(rsi_traced *traced, uint32_t subject, rs_odd_count *out, size_t capacity,
                         size_t *count, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_page *page;
    const char *name = traced->column_names;
    size_t number = subject / RSI_TRACE_COUNTS_PAGE, i = subject % RSI_TRACE_COUNTS_PAGE;
    *count = 0;
    for (uint32_t c = 0; c < traced->column_count; c++) {
        rsi_pages_expect(traced->counts, RSI_TRACE_VALUES + 2 * c, number);
    }
    for (uint32_t c = 0; c < traced->column_count; c++) {
        uint32_t section = RSI_TRACE_VALUES + 2 * c;
        rs_odd_count odd = {.decimals = (uint8_t)*name++};
        memcpy(odd.name, name, strnlen(name, sizeof odd.name - 1));
        name += strlen(name) + 1;
        RS_TRY(rsi_pages_get(traced->counts, section, number, 1, &page, err));
        if (i >= page->counts[0] || page->columns[0][i] > INT64_MAX) {
            return rsi_pages_damaged(traced->counts, section, number, "too short", err);
        }
        if (page->columns[0][i] > 0) {
            odd.value = (int64_t)page->columns[0][i];
            RS_TRY(find_tail(traced, section + 1, (uint64_t)odd.value, &odd.tail, err));
            keep_odd(out, capacity, count, &odd);
        }
    }
done:
    return status;
}
