/* trace_network.c - the network as a run keeps it: of each node the links that bring it most of its
 * risk, and the evidence between nodes that have any.
 *
 * What no seed reaches has no risk, no link that brings any, and takes next to no room.
 *
 * Memory: 16 bytes a node for the rows, a megabyte a thread.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
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
static rs_status put_rows(rsi_pages_writer *part, row_page *rows, rsi_buffer *page, uint32_t first,
                          rs_error *err)
{
    rs_status status = RS_OK;
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
    RS_TRY(rsi_page_text(part, page->bytes, page->length, false, err));
    RS_TRY(rsi_page_end(part, first, err));
done:
    return status;
}

/* A thread's own. */
typedef struct looker {
    rsi_network_rows *rows;
    row_page made;
    rsi_buffer page;
} looker;

typedef struct rows_making {
    uint32_t node_count;
    uint8_t *met;
    looker *lookers;
} rows_making;

static rs_status make_rows(void *context, size_t number, unsigned worker, rsi_pages_writer *part,
                           rs_error *err)
{
    rs_status status = RS_OK;
    const rows_making *m = context;
    uint32_t first = (uint32_t)number * RSI_TRACE_ROWS_PAGE, left = m->node_count - first;
    looker *own = &m->lookers[worker];
    rsi_view view = rsi_network_rows_view(own->rows);
    row_page *page = &own->made;
    page->count = page->some = page->links = 0;
    page->bits_min = page->exponent_min = 63;
    for (uint32_t i = 0; i < left && i < RSI_TRACE_ROWS_PAGE; i++) {
        rsi_view_row row;
        RS_TRY(view.row(view.context, first + i, &row, err));
        add_row(page, &row);
        m->met[first + i] |= row.risk != 0 || row.seed != 0;
    }
    RS_TRY(put_rows(part, page, &own->page, first, err));
done:
    return status;
}

static rs_status put_all_rows(rsi_trace *trace, rsi_network_rows *rows, rs_error *err)
{
    rs_status status = RS_OK;
    unsigned workers = rsi_parallel_workers(&trace->work);
    rows_making m = {.node_count = rs_graph_node_count(trace->graph), .met = trace->met};
    m.lookers = calloc(workers, sizeof *m.lookers);
    if (m.lookers == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (rows of a network)");
    }
    for (unsigned i = 0; i < workers; i++) {
        RS_TRY(rsi_network_rows_beside(&m.lookers[i].rows, rows, err));
    }
    RS_TRY(rsi_pages_section(trace->network, RSI_TRACE_ROWS, err));
    size_t pages = ((size_t)m.node_count + RSI_TRACE_ROWS_PAGE - 1) / RSI_TRACE_ROWS_PAGE;
    RS_TRY(rsi_pages_make(trace->network, &trace->work, pages, make_rows, &m, err));
done:
    for (unsigned i = 0; i < workers; i++) {
        rsi_network_rows_free(m.lookers[i].rows);
        rsi_buffer_free(&m.lookers[i].page);
    }
    free(m.lookers);
    return status;
}

/* ---- links ----------------------------------------------------------------------------------- */

typedef struct link_page {
    uint64_t degrees[RSI_TRACE_PAGE];
    uint64_t *ends, *codes, *things; /* in `numbers`, of `room` each */
    size_t links, named, room;
    uint64_t *numbers;
} link_page;

/* An empty page that has room for so many links. */
static rs_status begin_links(link_page *page, size_t room, rs_error *err)
{
    memset(page->degrees, 0, sizeof page->degrees);
    page->links = page->named = 0;
    if (room > page->room || page->numbers == NULL) {
        free(page->numbers);
        page->room = 0;
        page->numbers = malloc((3 * room + 1) * sizeof *page->numbers);
        if (page->numbers == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu links of a page)", room);
        }
        page->room = room;
    }
    page->ends = page->numbers;
    page->codes = page->ends + page->room;
    page->things = page->codes + page->room;
    return RS_OK;
}

/* (relation x kinds + kind) x 3 + what is shared: none (0), the other end (1), named beside (2). */
static void add_link(link_page *page, const rs_link *link, uint64_t kinds)
{
    uint64_t what = link->thing == RS_NO_NODE ? 0 : link->thing == link->b ? 1 : 2;
    page->ends[page->links] = link->b;
    page->codes[page->links++] = (link->relation * kinds + link->kind) * 3 + what;
    if (what == 2) {
        page->things[page->named++] = link->thing;
    }
}

/* [ bits of a degree, end, code, thing u8 each ][ things u32 ], then these, each packed. */
static rs_status put_links(rsi_trace *trace, const link_page *links, size_t count, uint32_t first,
                           rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer *page = &trace->page;
    const uint64_t *parts[4] = {links->degrees, links->ends, links->codes, links->things};
    const size_t counts[4] = {count, links->links, links->links, links->named};
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

/* The links of a page from `link` up to `end`: of those between the same two nodes the strongest.
 */
static void take_links(link_page *page, const rs_link *link, const rs_link *end, uint8_t *met)
{
    enum { AT_RISK = 1, NAMED = 2, AHEAD = 16 };
    uint64_t kinds = rs_evidence_kind_count();
    uint32_t first = link < end ? link->a / RSI_TRACE_PAGE * RSI_TRACE_PAGE : 0;
    while (link < end) {
        const rs_link *best = link;
        for (link++; link < end && link->a == best->a && link->b == best->b; link++) {
            best = link->weight > best->weight ? link : best;
        }
        if (end - link > AHEAD) {
            __builtin_prefetch(&met[link[AHEAD].b]);
            __builtin_prefetch(&met[link[AHEAD].thing]); /* of none: nowhere, which does no harm */
        }
        if (((met[best->a] | met[best->b]) & AT_RISK) != 0) {
            add_link(page, best, kinds);
            page->degrees[best->a - first]++;
            if (best->thing != RS_NO_NODE) {
                met[best->thing] |= NAMED;
            }
        }
    }
}

/* Rows name nodes with a risk and what brings it to them: the evidence of all others is of no use.
 */
static rs_status put_all_links(rsi_trace *trace, const rs_evidence *evidence, rs_error *err)
{
    rs_status status = RS_OK;
    link_page page = {.numbers = NULL};
    uint32_t subjects = rs_graph_subject_count(trace->graph);
    const rs_link *links = evidence->links;
    size_t at = 0, end = 0;
    RS_TRY(rsi_pages_section(trace->network, RSI_TRACE_LINKS, err));
    for (uint32_t v = 0, count; v < subjects; v += count, at = end) {
        count = subjects - v < RSI_TRACE_PAGE ? subjects - v : RSI_TRACE_PAGE;
        while (end < evidence->link_count && links[end].a < v + count) {
            end++;
        }
        RS_TRY(begin_links(&page, end - at, err));
        take_links(&page, links + at, links + end, trace->met);
        RS_TRY(put_links(trace, &page, count, v, err));
    }
done:
    free(page.numbers);
    return status;
}

/* ---- both ------------------------------------------------------------------------------------ */

rs_status rsi_trace_put_network(rsi_trace *trace, const rs_adjacency *adjacency,
                                const int64_t *seed, const int64_t *risk,
                                const rs_evidence *evidence, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_network_rows *rows = NULL;
    bool any = false;
    for (uint32_t v = 0; v < adjacency->node_count && !any; v++) {
        any = seed[v] != 0;
    }
    if (!any) {
        return RS_OK;
    }
    RS_TRY(rsi_network_rows_new(&rows, adjacency, &trace->options, seed, risk, true, err));
    RS_TRY(put_all_rows(trace, rows, err));
    RS_TRY(put_all_links(trace, evidence, err));
done:
    rsi_network_rows_free(rows);
    return status;
}
