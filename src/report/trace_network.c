/* trace_network.c - the network as a run keeps it: of each node the links that bring it most of its
 * risk, and what ties their ends.
 *
 * What no seed reaches has no risk, no link that brings any, and takes next to no room.
 *
 * Memory: 8 bytes a node for the rows, 8 a subject, a bit a link of evidence.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "propagate/view.h"
#include "report/bits.h"
#include "report/trace_internal.h"
#include "store/intcodec.h"

rs_status rsi_trace_pack(rsi_buffer *page, const uint64_t *values, size_t count, unsigned width,
                         rs_error *err)
{
    size_t bytes = rsi_bits_bytes(count, width);
    rs_status status = rsi_buffer_reserve(page, bytes, err);
    if (status != RS_OK || bytes == 0) {
        return status;
    }
    uint8_t *out = page->bytes + page->length;
    uint64_t held = 0; /* the lowest `used` bits, of less than 64 */
    unsigned used = 0;
    for (size_t i = 0; i < count; i++) {
        held |= values[i] << used;
        used += width;
        if (used >= 64) {
            rsi_store_u64le(out, held);
            out += 8;
            used -= 64;
            held = used > 0 ? values[i] >> (width - used) : 0;
        }
    }
    for (; used > 0; used -= used < 8 ? used : 8) {
        *out++ = (uint8_t)held;
        held >>= 8;
    }
    page->length += bytes;
    return RS_OK;
}

unsigned rsi_trace_width(const uint64_t *values, size_t count)
{
    uint64_t all = 0;
    for (size_t i = 0; i < count; i++) {
        all |= values[i];
    }
    return rsi_width_of(all);
}

/* ---- which links of the evidence are needed -------------------------------------------------- */

typedef struct ties {
    const rs_evidence *evidence;
    uint32_t subjects;
    uint64_t *first; /* of each subject: its links to later nodes */
    uint8_t *kept;   /* a bit a link */
} ties;

static rs_status make_ties(ties *t, const rs_evidence *evidence, uint32_t subjects, rs_error *err)
{
    t->evidence = evidence;
    t->subjects = subjects;
    t->first = malloc(((size_t)subjects + 1) * sizeof *t->first);
    t->kept = calloc(evidence->link_count / 8 + 1, 1);
    if (t->first == NULL || t->kept == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u subjects)", subjects);
    }
    uint64_t at = 0;
    for (uint32_t v = 0; v <= subjects; v++) {
        while (at < evidence->link_count && evidence->links[at].a < v) {
            at++;
        }
        t->first[v] = at;
    }
    return RS_OK;
}

static void free_ties(ties *t)
{
    free(t->first);
    free(t->kept);
}

/* Keep the strongest link between two nodes, if there is one. */
static void keep_tie(ties *t, uint32_t one, uint32_t other, uint8_t *met)
{
    uint32_t a = one < other ? one : other, b = one < other ? other : one;
    const rs_link *links = t->evidence->links;
    if (a >= t->subjects) {
        return;
    }
    uint64_t low = t->first[a], high = t->first[a + 1], end = high;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        *(links[middle].b < b ? &low : &high) = links[middle].b < b ? middle + 1 : middle;
    }
    uint64_t best = low;
    for (uint64_t i = low; i < end && links[i].b == b; i++) {
        best = links[i].weight > links[best].weight ? i : best;
    }
    if (low < end && links[low].b == b) {
        t->kept[best / 8] |= (uint8_t)(1 << best % 8);
        if (links[best].thing != RS_NO_NODE) {
            met[links[best].thing] = 1;
        }
    }
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Of the nodes of a page that have anything; of the links of all of them. */
typedef struct row_page {
    uint64_t degrees[RSI_TRACE_ROWS_PAGE]; /* of each node, 0: it has nothing, else one more */
    uint64_t risks[RSI_TRACE_ROWS_PAGE];
    uint64_t seeds[RSI_TRACE_ROWS_PAGE];
    uint64_t ends[RSI_TRACE_ROWS_PAGE * RSI_KEPT_LINKS];
    uint64_t bits[RSI_TRACE_ROWS_PAGE * RSI_KEPT_LINKS];
    uint64_t exponents[RSI_TRACE_ROWS_PAGE * RSI_KEPT_LINKS];
    uint64_t mantissas[RSI_TRACE_ROWS_PAGE * RSI_KEPT_LINKS];
    size_t count, some, links;
    unsigned bits_min, exponent_min;
} row_page;

static void add_row(row_page *page, const rsi_view_row *row)
{
    bool some = row->count > 0 || row->risk != 0 || row->seed != 0;
    page->degrees[page->count++] = some ? row->count + 1 : 0;
    if (some) {
        page->risks[page->some] = rsi_zigzag(row->risk);
        page->seeds[page->some++] = rsi_zigzag(row->seed);
    }
    for (size_t i = 0; i < row->count; i++) {
        unsigned width = rsi_width_of(row->link[i]);
        uint64_t top = row->link[i] << (64 - width); /* its highest bit is 1 */
        page->ends[page->links] = row->to[i];
        page->bits[page->links] = row->bits[i];
        page->exponents[page->links] = width;
        page->mantissas[page->links++] = top << 1 >> (64 - RSI_KEPT_LINK_BITS + 1);
        page->bits_min = row->bits[i] < page->bits_min ? row->bits[i] : page->bits_min;
        page->exponent_min = width < page->exponent_min ? width : page->exponent_min;
    }
}

/* [ widths of a degree, risk, seed, end, size, exponent u8 each ][ least size, exponent u8 ], then
 * these, sizes and exponents less the least, and the mantissas of the links, each packed. */
static rs_status put_rows(rsi_trace *trace, row_page *rows, uint32_t first, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer *page = &trace->page;
    const uint64_t *parts[7] = {rows->degrees, rows->risks,     rows->seeds,    rows->ends,
                                rows->bits,    rows->exponents, rows->mantissas};
    const size_t counts[7] = {rows->count, rows->some,  rows->some, rows->links,
                              rows->links, rows->links, rows->links};
    uint8_t head[RSI_TRACE_ROWS_HEAD] = {0};
    page->length = 0;
    for (size_t i = 0; i < rows->links; i++) {
        rows->bits[i] -= rows->bits_min;
        rows->exponents[i] -= rows->exponent_min;
    }
    for (int k = 0; k < 6; k++) {
        head[k] = (uint8_t)rsi_trace_width(parts[k], counts[k]);
    }
    head[6] = (uint8_t)rows->bits_min;
    head[7] = (uint8_t)rows->exponent_min;
    RS_TRY(rsi_buffer_add(page, head, sizeof head, err));
    for (int k = 0; k < 7; k++) {
        unsigned width = k < 6 ? head[k] : RSI_KEPT_LINK_BITS - 1;
        RS_TRY(rsi_trace_pack(page, parts[k], counts[k], width, err));
    }
    RS_TRY(rsi_page_text(trace->network, page->bytes, page->length, false, err));
    RS_TRY(rsi_page_end(trace->network, first, err));
done:
    return status;
}

/* Keep what ties the ends of the links of a page, whose nodes are `first` and on. Looking for it
 * waits for memory twice: all of that is asked for first. */
static void keep_ties(ties *t, const row_page *page, uint32_t first, uint8_t *met)
{
    for (int pass = 0; pass < 3; pass++) {
        size_t at = 0;
        for (size_t i = 0; i < page->count; i++) {
            uint32_t node = first + (uint32_t)i;
            for (size_t end = at + page->degrees[i] - (page->degrees[i] > 0); at < end; at++) {
                uint32_t other = (uint32_t)page->ends[at];
                uint32_t a = node < other ? node : other;
                if (a >= t->subjects) {
                    continue;
                }
                if (pass == 0) {
                    __builtin_prefetch(&t->first[a]);
                } else if (pass == 1) {
                    __builtin_prefetch(&t->evidence->links[t->first[a]]);
                } else {
                    keep_tie(t, node, other, met);
                }
            }
        }
    }
}

static rs_status put_all_rows(rsi_trace *trace, const rsi_view *view, ties *t, rs_error *err)
{
    rs_status status = RS_OK;
    uint8_t *met = trace->met;
    RS_TRY(rsi_pages_section(trace->network, RSI_TRACE_ROWS, err));
    for (uint32_t v = 0, end; v < view->node_count; v = end) {
        row_page page;
        page.count = page.some = page.links = 0;
        page.bits_min = page.exponent_min = 63;
        end =
            view->node_count - v < RSI_TRACE_ROWS_PAGE ? view->node_count : v + RSI_TRACE_ROWS_PAGE;
        for (uint32_t u = v; u < end; u++) {
            rsi_view_row row;
            RS_TRY(view->row(view->context, u, &row, err));
            add_row(&page, &row);
            met[u] |= row.risk != 0 || row.seed != 0;
        }
        keep_ties(t, &page, v, met);
        RS_TRY(put_rows(trace, &page, v, err));
    }
done:
    return status;
}

/* ---- links ----------------------------------------------------------------------------------- */

typedef struct link_page {
    uint64_t degrees[RSI_TRACE_PAGE];
    rsi_buffer ends, codes, things; /* numbers of 64 bits */
} link_page;

static rs_status add_number(rsi_buffer *column, uint64_t number, rs_error *err)
{
    return rsi_buffer_add(column, &number, sizeof number, err);
}

static uint64_t *numbers_of(const rsi_buffer *column, size_t *count)
{
    *count = column->length / sizeof(uint64_t);
    return (uint64_t *)(void *)column->bytes;
}

/* (relation x kinds + kind) x 3 + what is shared: none (0), the other end (1), named beside (2). */
static rs_status add_link(link_page *page, const rs_link *link, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t what = link->thing == RS_NO_NODE ? 0 : link->thing == link->b ? 1 : 2;
    RS_TRY(add_number(&page->ends, link->b, err));
    uint64_t kinds = rs_evidence_kind_count();
    RS_TRY(add_number(&page->codes, (link->relation * kinds + link->kind) * 3 + what, err));
    if (what == 2) {
        RS_TRY(add_number(&page->things, link->thing, err));
    }
done:
    return status;
}

/* [ bits of a degree, end, code, thing u8 each ][ things u32 ], then these, each packed. */
static rs_status put_links(rsi_trace *trace, const link_page *links, size_t count, uint32_t first,
                           rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer *page = &trace->page;
    size_t counts[4] = {count};
    const uint64_t *parts[4] = {links->degrees, numbers_of(&links->ends, &counts[1]),
                                numbers_of(&links->codes, &counts[2]),
                                numbers_of(&links->things, &counts[3])};
    uint8_t widths[4];
    page->length = 0;
    for (int k = 0; k < 4; k++) {
        widths[k] = (uint8_t)rsi_trace_width(parts[k], counts[k]);
    }
    RS_TRY(rsi_buffer_add(page, widths, sizeof widths, err));
    RS_TRY(rsi_buffer_add_u32(page, (uint32_t)counts[3], err));
    for (int k = 0; k < 4; k++) {
        RS_TRY(rsi_trace_pack(page, parts[k], counts[k], widths[k], err));
    }
    RS_TRY(rsi_page_text(trace->network, page->bytes, page->length, false, err));
    RS_TRY(rsi_page_end(trace->network, first, err));
done:
    return status;
}

static rs_status put_all_links(rsi_trace *trace, const ties *t, rs_error *err)
{
    rs_status status = RS_OK;
    link_page page = {.degrees = {0}};
    RS_TRY(rsi_pages_section(trace->network, RSI_TRACE_LINKS, err));
    for (uint32_t v = 0, count; v < t->subjects; v += count) {
        count = t->subjects - v < RSI_TRACE_PAGE ? t->subjects - v : RSI_TRACE_PAGE;
        page.ends.length = page.codes.length = page.things.length = 0;
        for (uint32_t i = 0; i < count; i++) {
            page.degrees[i] = 0;
            for (uint64_t k = t->first[v + i]; k < t->first[v + i + 1]; k++) {
                if (t->kept[k / 8] >> k % 8 & 1) {
                    RS_TRY(add_link(&page, &t->evidence->links[k], err));
                    page.degrees[i]++;
                }
            }
        }
        RS_TRY(put_links(trace, &page, count, v, err));
    }
done:
    rsi_buffer_free(&page.ends);
    rsi_buffer_free(&page.codes);
    rsi_buffer_free(&page.things);
    return status;
}

/* ---- both ------------------------------------------------------------------------------------ */

rs_status rsi_trace_put_network(rsi_trace *trace, const rs_adjacency *adjacency,
                                const int64_t *seed, const int64_t *risk,
                                const rs_evidence *evidence, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_network_rows *rows = NULL;
    ties t = {.evidence = NULL};
    bool any = false;
    for (uint32_t v = 0; v < adjacency->node_count && !any; v++) {
        any = seed[v] != 0;
    }
    if (!any) {
        return RS_OK;
    }
    RS_TRY(rsi_network_rows_new(&rows, adjacency, &trace->options, seed, risk, true, err));
    RS_TRY(make_ties(&t, evidence, rs_graph_subject_count(trace->graph), err));
    rsi_view view = rsi_network_rows_view(rows);
    RS_TRY(put_all_rows(trace, &view, &t, err));
    RS_TRY(put_all_links(trace, &t, err));
done:
    free_ties(&t);
    rsi_network_rows_free(rows);
    return status;
}
