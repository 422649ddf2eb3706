/* trace_read.c - what a run keeps to explain itself, read node by node.
 *
 * Every number that is used as a place is held against what it is a place in first: the file may be
 * damaged in ways that its checksums do not see, or made by somebody.
 *
 * Cost: a row is a page of 64 of them, anything else of a node a page of its sort.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "propagate/scale.h"
#include "report/bits.h"
#include "report/trace_internal.h"
#include "report/trace_open.h"
#include "store/intcodec.h"

/* ---- packed parts ---------------------------------------------------------------------------- */

/* Numbers side by side. */
typedef struct part {
    const uint8_t *bytes;
    unsigned width;
    uint64_t count;
} part;

static uint64_t value_of(const part *from, uint64_t i)
{
    return rsi_bits_get(from->bytes, i * from->width, from->width);
}

/* The next part of a text, `count` values of `width` bits; whether it is there. */
static bool take_part(rsi_cursor *cursor, part *out, uint64_t count, unsigned width)
{
    if (width > 64 || count > UINT32_MAX) {
        return false;
    }
    *out = (part){.width = width, .count = count};
    out->bytes = rsi_take(cursor, rsi_bits_bytes(count, width));
    return out->bytes != NULL;
}

/* Where the values of the i-th of `degrees` begin and end. */
static void find_span(const part *degrees, uint64_t i, uint64_t *first, uint64_t *end)
{
    *end = 0;
    for (uint64_t k = 0; k <= i; k++) {
        *first = *end;
        *end += value_of(degrees, k);
    }
}

static uint64_t sum_of(const part *degrees)
{
    uint64_t sum = 0;
    for (uint64_t k = 0; k < degrees->count; k++) {
        sum += value_of(degrees, k); /* of 32 bits at most, and few */
    }
    return sum;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Risks and seeds are of the nodes that have anything: whose degree is not 0, but one more. */
typedef struct row_page {
    part degrees, risks, seeds, ends, bits, exponents, mantissas;
    unsigned bits_min, exponent_min;
} row_page;

/* How many of the first `count` nodes have anything; their links. */
static uint64_t sum_rows(const part *degrees, uint64_t count, uint64_t *links)
{
    uint64_t some = 0;
    *links = 0;
    for (uint64_t k = 0; k < count; k++) {
        uint64_t degree = value_of(degrees, k);
        some += degree > 0;
        *links += degree > 0 ? degree - 1 : 0;
    }
    return some;
}

static bool open_rows(row_page *rows, rs_text text, uint32_t count)
{
    const uint8_t *head = (const uint8_t *)text.bytes;
    uint64_t links = 0;
    if (text.length < RSI_TRACE_ROWS_HEAD || head[0] > 8) {
        return false;
    }
    rsi_cursor cursor = {head + RSI_TRACE_ROWS_HEAD, head + text.length};
    if (!take_part(&cursor, &rows->degrees, count, head[0])) {
        return false;
    }
    uint64_t some = sum_rows(&rows->degrees, count, &links);
    rows->bits_min = head[6];
    rows->exponent_min = head[7];
    return take_part(&cursor, &rows->risks, some, head[1]) &&
           take_part(&cursor, &rows->seeds, some, head[2]) &&
           take_part(&cursor, &rows->ends, links, head[3]) &&
           take_part(&cursor, &rows->bits, links, head[4]) &&
           take_part(&cursor, &rows->exponents, links, head[5]) &&
           take_part(&cursor, &rows->mantissas, links, RSI_KEPT_LINK_BITS - 1) &&
           rsi_cursor_left(&cursor) == 0;
}

/* The links of a row, from `first` on. */
static bool fill_links(rsi_traced *traced, const row_page *rows, uint64_t first, size_t count)
{
    if (count > RSI_KEPT_LINKS) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t to = value_of(&rows->ends, first + i);
        uint64_t bits = value_of(&rows->bits, first + i), exponent = rows->exponent_min;
        if (bits > 62 || value_of(&rows->exponents, first + i) > 62) {
            return false;
        }
        bits += rows->bits_min;
        exponent += value_of(&rows->exponents, first + i);
        if (to >= traced->node_count || (i > 0 && to <= traced->to[i - 1]) || bits > 62 ||
            exponent < 1 || exponent > 62) {
            return false;
        }
        uint64_t top = UINT64_C(1) << 63 | value_of(&rows->mantissas, first + i)
                                               << (64 - RSI_KEPT_LINK_BITS);
        traced->to[i] = (uint32_t)to;
        traced->bits[i] = (uint8_t)bits;
        traced->link[i] = top >> (64 - exponent);
    }
    return true;
}

static bool fill_row(rsi_traced *traced, const row_page *rows, uint32_t row, rsi_view_row *out)
{
    uint64_t first = 0, degree = value_of(&rows->degrees, row);
    uint64_t at = sum_rows(&rows->degrees, row, &first);
    if (degree == 0) {
        return true;
    }
    out->risk = rsi_unzigzag(value_of(&rows->risks, at));
    out->seed = rsi_unzigzag(value_of(&rows->seeds, at));
    out->count = (size_t)degree - 1;
    return fill_links(traced, rows, first, out->count);
}

static bool is_risk(int64_t risk, int64_t most)
{
    return risk <= most && risk >= -most;
}

static rs_status see_row(void *context, uint32_t node, rsi_view_row *out, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_traced *traced = context;
    const rsi_page *page;
    row_page rows;
    *out = (rsi_view_row){.to = traced->to, .link = traced->link, .bits = traced->bits};
    if (node >= traced->node_count) {
        return rs_fail(err, RS_ECORRUPT, "the network has %u nodes, %u was asked for",
                       traced->node_count, node);
    }
    if (rsi_pages_count(traced->network, RSI_TRACE_ROWS) == 0) {
        return RS_OK; /* without seeds there is no risk to explain */
    }
    size_t number = node / RSI_TRACE_ROWS_PAGE;
    uint32_t left = traced->node_count - (uint32_t)number * RSI_TRACE_ROWS_PAGE;
    uint32_t row = node % RSI_TRACE_ROWS_PAGE;
    RS_TRY(rsi_pages_get(traced->network, RSI_TRACE_ROWS, number, 0, &page, err));
    if (!open_rows(&rows, page->text, left < RSI_TRACE_ROWS_PAGE ? left : RSI_TRACE_ROWS_PAGE)) {
        return rsi_pages_damaged(traced->network, RSI_TRACE_ROWS, number, "rows do not fit", err);
    }
    if (!fill_row(traced, &rows, row, out) || !is_risk(out->risk, RSI_SEED_MAX * 1024) ||
        !is_risk(out->seed, RSI_SEED_MAX)) {
        return rsi_pages_damaged(traced->network, RSI_TRACE_ROWS, number, "no such row", err);
    }
done:
    return status;
}

static void expect_row(void *context, uint32_t node)
{
    const rsi_traced *traced = context;
    rsi_pages_expect(traced->network, RSI_TRACE_ROWS, node / RSI_TRACE_ROWS_PAGE);
}

void rsi_traced_set_view(rsi_traced *traced)
{
    traced->view = (rsi_view){
        .context = traced, .node_count = traced->node_count, .row = see_row, .expect = expect_row};
}

/* ---- findings -------------------------------------------------------------------------------- */

static rs_status find_ring(rsi_traced *traced, rsi_traced_finding *out, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_page *page;
    size_t number = SIZE_MAX;
    const size_t width = sizeof out->line.ring;
    RS_TRY(rsi_pages_seek(traced->network, RSI_TRACE_RINGS, rsi_trace_ring_key(out->line.ring),
                          &number, err));
    if (number != SIZE_MAX) {
        RS_TRY(rsi_pages_get(traced->network, RSI_TRACE_RINGS, number, 2, &page, err));
        for (size_t i = 0;
             i < page->counts[0] && i < page->counts[1] && (i + 1) * width <= page->text.length;
             i++) {
            if (memcmp(page->text.bytes + i * width, out->line.ring, strlen(out->line.ring) + 1) ==
                0) {
                out->ring_whole = (uint32_t)page->columns[0][i];
                out->ring_members = (uint32_t)page->columns[1][i];
                return RS_OK;
            }
        }
    }
    return rs_fail(err, RS_ECORRUPT, "the run has no ring %s", out->line.ring);
done:
    return status;
}

static rs_status find_member(rsi_traced *traced, uint32_t node, rsi_traced_finding *out,
                             rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_page *page;
    size_t number = SIZE_MAX;
    uint64_t at = 0;
    RS_TRY(rsi_pages_seek(traced->network, RSI_TRACE_MEMBERS, node, &number, err));
    if (number != SIZE_MAX) {
        RS_TRY(rsi_pages_get(traced->network, RSI_TRACE_MEMBERS, number, 2, &page, err));
        RS_TRY(rsi_pages_key(traced->network, RSI_TRACE_MEMBERS, number, &at, err));
        for (size_t i = 0; i < page->counts[0] && i < page->counts[1] && at <= node; i++) {
            at += page->columns[0][i];
            if (at == node) {
                out->membership = (uint32_t)(page->columns[1][i] / 8);
                out->role = (rs_role)(page->columns[1][i] % 8);
                return out->role < RS_ROLE_COUNT
                           ? RS_OK
                           : rs_fail(err, RS_ECORRUPT, "node %u has no role of a ring", node);
            }
        }
    }
    return rs_fail(err, RS_ECORRUPT, "node %u is no member of ring %s", node, out->line.ring);
done:
    return status;
}

rs_status rsi_traced_finding_of(rsi_traced *traced, uint32_t node, rsi_traced_finding *out,
                                rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_traced_line *line;
    *out = (rsi_traced_finding){0};
    RS_TRY(rsi_traced_line_of(traced, node, &line, err));
    if (line != NULL) {
        out->line = line->risks;
    }
    if (out->line.ring[0] != '\0') {
        RS_TRY(find_ring(traced, out, err));
        RS_TRY(find_member(traced, node, out, err));
    }
done:
    return status;
}

/* ---- evidence -------------------------------------------------------------------------------- */

typedef struct link_page {
    part degrees, ends, codes, things;
} link_page;

static bool open_links(link_page *links, rs_text text, uint32_t count)
{
    const uint8_t *head = (const uint8_t *)text.bytes;
    if (text.length < RSI_TRACE_LINKS_HEAD || head[0] > 32) {
        return false;
    }
    rsi_cursor cursor = {head + RSI_TRACE_LINKS_HEAD, head + text.length};
    if (!take_part(&cursor, &links->degrees, count, head[0])) {
        return false;
    }
    uint64_t all = sum_of(&links->degrees);
    return take_part(&cursor, &links->ends, all, head[1]) &&
           take_part(&cursor, &links->codes, all, head[2]) &&
           take_part(&cursor, &links->things, rsi_load_u32le(head + 4), head[3]) &&
           rsi_cursor_left(&cursor) == 0;
}

/* The link at `at`; what is shared by it is named in the order of the links that name one. */
static bool take_link(const rsi_traced *traced, const link_page *links, uint64_t at, uint32_t end,
                      rsi_traced_link *out)
{
    uint64_t code = value_of(&links->codes, at), named = 0, thing = RS_NO_NODE;
    uint64_t kinds = rs_evidence_kind_count();
    if (code % 3 == 1) {
        thing = end;
    } else if (code % 3 == 2) {
        for (uint64_t i = 0; i < at; i++) {
            named += value_of(&links->codes, i) % 3 == 2;
        }
        thing = named < links->things.count ? value_of(&links->things, named) : UINT64_MAX;
        if (thing >= traced->node_count) {
            return false;
        }
    }
    *out = (rsi_traced_link){.kind = (uint16_t)(code / 3 % kinds),
                             .relation = (uint16_t)(code / 3 / kinds),
                             .thing = (uint32_t)thing};
    return code / 3 / kinds <= UINT16_MAX;
}

rs_status rsi_traced_link_of(rsi_traced *traced, uint32_t a, uint32_t b, bool *there,
                             rsi_traced_link *out, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_page *page;
    link_page links;
    uint64_t first = 0, end = 0;
    uint32_t low = a < b ? a : b, high = a < b ? b : a;
    *there = false;
    if (low >= traced->subject_count) {
        return RS_OK;
    }
    size_t number = low / RSI_TRACE_PAGE;
    uint32_t left = traced->subject_count - (uint32_t)number * RSI_TRACE_PAGE;
    RS_TRY(rsi_pages_get(traced->network, RSI_TRACE_LINKS, number, 0, &page, err));
    if (!open_links(&links, page->text, left < RSI_TRACE_PAGE ? left : RSI_TRACE_PAGE)) {
        return rsi_pages_damaged(traced->network, RSI_TRACE_LINKS, number, "links do not fit", err);
    }
    find_span(&links.degrees, low % RSI_TRACE_PAGE, &first, &end);
    for (uint64_t i = first; i < end; i++) {
        if (value_of(&links.ends, i) == high) {
            *there = true;
            return take_link(traced, &links, i, high, out)
                       ? RS_OK
                       : rsi_pages_damaged(traced->network, RSI_TRACE_LINKS, number, "no such link",
                                           err);
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
    size_t number = SIZE_MAX;
    *there = false;
    RS_TRY(rsi_pages_seek(traced->network, list, node, &number, err));
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
    const rs_node_range *range = &traced->ranges[end == 0 ? own->src_range : own->dst_range].nodes;
    uint32_t section = RSI_TRACE_SIDES + 2 * (uint32_t)relation + (uint32_t)end;
    *edges = *peers = 0;
    if (node < range->first || node - range->first >= range->count || !range->subject ||
        rsi_pages_count(traced->counts, section) == 0) {
        return RS_OK;
    }
    size_t number = node / RSI_TRACE_PAGE, i = node % RSI_TRACE_PAGE;
    RS_TRY(rsi_pages_get(traced->counts, section, number, 2, &page, err));
    if (i >= page->counts[0] || i >= page->counts[1]) {
        return rsi_pages_damaged(traced->counts, section, number, "too short", err);
    }
    *peers = page->columns[0][i];
    *edges = page->columns[0][i] + page->columns[1][i];
done:
    return status;
}

/* The users of entry `i` of a page. */
static bool take_users(const rsi_traced *traced, const rsi_page *page, size_t i,
                       rsi_traced_uses *out)
{
    size_t at = 0;
    for (size_t k = 0; k < i; k++) {
        uint64_t users = page->columns[1][k];
        at += users < RSI_TRACE_USERS_MAX ? (size_t)users : RSI_TRACE_USERS_MAX;
    }
    out->users = page->columns[1][i];
    out->events = out->users + page->columns[2][i];
    out->largest_count =
        out->users < RSI_TRACE_USERS_MAX ? (size_t)out->users : RSI_TRACE_USERS_MAX;
    for (size_t k = 0; k < out->largest_count; k++) {
        if (at + k >= page->counts[3] || page->columns[3][at + k] >= traced->subject_count) {
            return false;
        }
        out->largest[k] = (uint32_t)page->columns[3][at + k];
    }
    return true;
}

rs_status rsi_traced_uses_of(rsi_traced *traced, size_t relation, uint32_t thing,
                             rsi_traced_uses *out, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_page *page;
    size_t number = SIZE_MAX;
    uint64_t at = 0;
    uint32_t section = RSI_TRACE_USERS + (uint32_t)relation;
    *out = (rsi_traced_uses){0};
    RS_TRY(rsi_pages_seek(traced->network, section, thing, &number, err));
    if (number == SIZE_MAX) {
        return RS_OK;
    }
    RS_TRY(rsi_pages_get(traced->network, section, number, 4, &page, err));
    RS_TRY(rsi_pages_key(traced->network, section, number, &at, err));
    if (page->counts[1] != page->counts[0] || page->counts[2] != page->counts[0]) {
        return rsi_pages_damaged(traced->network, section, number, "too short", err);
    }
    for (size_t i = 0; i < page->counts[0] && at <= thing; i++) {
        at += page->columns[0][i];
        if (at == thing) {
            return take_users(traced, page, i, out)
                       ? RS_OK
                       : rsi_pages_damaged(traced->network, section, number, "no such user", err);
        }
    }
done:
    return status;
}

/* ---- counts ---------------------------------------------------------------------------------- */

typedef struct odd_page {
    part places, values, shares;
} odd_page;

static bool open_odd(odd_page *odd, rs_text text)
{
    const uint8_t *head = (const uint8_t *)text.bytes;
    if (text.length < RSI_TRACE_ODD_HEAD) {
        return false;
    }
    uint32_t count = rsi_load_u32le(head);
    rsi_cursor cursor = {head + RSI_TRACE_ODD_HEAD, head + text.length};
    return take_part(&cursor, &odd->places, count, 12) &&
           take_part(&cursor, &odd->values, count, head[4]) &&
           take_part(&cursor, &odd->shares, count, head[5]) && rsi_cursor_left(&cursor) == 0;
}

/* The entry of a place, places ascending; its number, or count where there is none. */
static uint64_t find_entry(const part *places, uint64_t place)
{
    uint64_t low = 0, high = places->count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        *(value_of(places, middle) < place ? &low : &high) =
            value_of(places, middle) < place ? middle + 1 : middle;
    }
    return low < places->count && value_of(places, low) == place ? low : places->count;
}

/* The subject's count of a column; a value of 0 where it was not kept. */
static rs_status find_odd(rsi_traced *traced, uint32_t section, uint32_t subject, rs_odd_count *out,
                          rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_page *page;
    odd_page odd;
    size_t number = subject / RSI_TRACE_ODD_PAGE;
    RS_TRY(rsi_pages_get(traced->counts, section, number, 0, &page, err));
    if (!open_odd(&odd, page->text)) {
        return rsi_pages_damaged(traced->counts, section, number, "counts do not fit", err);
    }
    uint64_t entry = find_entry(&odd.places, subject % RSI_TRACE_ODD_PAGE);
    if (entry < odd.places.count) {
        uint64_t value = value_of(&odd.values, entry), share = value_of(&odd.shares, entry);
        if (value > INT64_MAX || share > RS_MILLION) {
            return rsi_pages_damaged(traced->counts, section, number, "no such count", err);
        }
        out->value = (int64_t)value;
        out->tail = (uint32_t)share;
    }
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
    const char *name = traced->column_names;
    *count = 0;
    for (uint32_t i = 0; i < 2 * traced->column_count; i++) { /* all of them, and all once more */
        rsi_pages_expect(traced->counts, RSI_TRACE_ODD + i % traced->column_count,
                         subject / RSI_TRACE_ODD_PAGE);
    }
    for (uint32_t c = 0; c < traced->column_count; c++) {
        rs_odd_count odd = {.decimals = (uint8_t)*name++};
        memcpy(odd.name, name, strnlen(name, sizeof odd.name - 1));
        name += strlen(name) + 1;
        RS_TRY(find_odd(traced, RSI_TRACE_ODD + c, subject, &odd, err));
        if (odd.value > 0) {
            keep_odd(out, capacity, count, &odd);
        }
    }
done:
    return status;
}
