/* trace_write.c - a run writes down what explains it, section by section.
 *
 * The network first, while it is in memory; the rest when the findings are there. Columns of counts
 * go to a file of their own, because they come while the network is still being built.
 *
 * Memory: what a section needs beside its source: 13 bytes a node and side, 4 bytes a use of one
 * type of things, 8 bytes a subject for a column.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sort.h"
#include "base/try.h"
#include "graph/sides.h"
#include "propagate/links.h"
#include "propagate/scale.h"
#include "report/bits.h"
#include "report/report.h"
#include "report/trace_internal.h"
#include "store/intcodec.h"

uint64_t rsi_trace_identity(const char *store_digest, int64_t as_of)
{
    return rsi_hash64(store_digest, strlen(store_digest), (uint64_t)as_of);
}

/* ---- the files ------------------------------------------------------------------------------- */

rs_status rsi_trace_new(rsi_trace **out, const char *store_path, const rs_graph *graph,
                        const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_trace *trace = calloc(1, sizeof *trace);
    if (trace == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (the run's network)");
    }
    trace->made = (rsi_making)RSI_NO_MAKING;
    trace->graph = graph;
    uint64_t identity =
        rsi_trace_identity(rs_store_digest(rs_graph_store(graph)), rs_graph_as_of(graph));
    RS_TRY(rsi_making_begin(&trace->made, store_path, work, err));
    RS_TRY(rsi_pages_create(&trace->network, trace->made.folder, rsi_run_file_name(RS_RUN_NETWORK),
                            identity, err));
    RS_TRY(rsi_pages_create(&trace->counts, trace->made.folder, rsi_run_file_name(RS_RUN_COUNTS),
                            identity, err));
    *out = trace;
    trace = NULL; /* moved to the caller */
done:
    rsi_trace_free(trace);
    return rs_context(err, status, "what explains the run");
}

void rsi_trace_free(rsi_trace *trace)
{
    if (trace == NULL) {
        return;
    }
    rsi_pages_close(trace->network);
    rsi_pages_close(trace->counts);
    rsi_making_close(&trace->made);
    rsi_buffer_free(&trace->page);
    rsi_buffer_free(&trace->names_of_columns);
    free(trace->sorted);
    free(trace);
}

const rsi_making *rsi_trace_folder(const rsi_trace *trace)
{
    return &trace->made;
}

void rsi_trace_note(const rsi_trace *trace, rsi_file_note notes[RSI_RUN_FILES])
{
    static const rs_run_file files[2] = {RS_RUN_NETWORK, RS_RUN_COUNTS};
    for (int i = 0; i < 2; i++) {
        notes[files[i]].bytes = trace->refs[i].bytes;
        rsi_hex128(trace->refs[i].digest, notes[files[i]].digest);
    }
}

/* ---- the network ----------------------------------------------------------------------------- */

/* `count` values side by side behind what is in `page`. */
static rs_status pack(rsi_buffer *page, const uint32_t *values, size_t count, unsigned width,
                      rs_error *err)
{
    size_t bytes = rsi_bits_bytes(count, width);
    rs_status status = rsi_buffer_reserve(page, bytes, err);
    if (status == RS_OK) {
        memset(page->bytes + page->length, 0, bytes);
        for (size_t i = 0; i < count; i++) {
            rsi_bits_put(page->bytes + page->length, i * width, width, values[i]);
        }
        page->length += bytes;
    }
    return status;
}

static uint32_t largest_of(const uint32_t *values, size_t count)
{
    uint32_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        largest = values[i] > largest ? values[i] : largest;
    }
    return largest;
}

/* Few weights differ among a page's links: a palette of them, ascending, and the place in it of
 * each, in `places`. */
static rs_status find_palette(const uint32_t *weight, size_t count, uint32_t *palette, size_t *kept,
                              uint32_t *places, rs_error *err)
{
    rs_status status = RS_OK;
    *kept = 0;
    for (size_t i = 0; i < count; i++) {
        palette[i] = weight[i];
    }
    RS_TRY(rsi_sort_u32(palette, count, NULL, err));
    for (size_t i = 0; i < count; i++) {
        if (*kept == 0 || palette[*kept - 1] != palette[i]) {
            palette[(*kept)++] = palette[i];
        }
    }
    for (size_t i = 0; i < count; i++) {
        size_t low = 0, high = *kept;
        while (high - low > 1) {
            size_t middle = low + (high - low) / 2;
            *(palette[middle] <= weight[i] ? &low : &high) = middle;
        }
        places[i] = (uint32_t)low;
    }
done:
    return status;
}

/* [ bits of a degree, an end, a weight, a place u8 each ][ weights u32 ], then degrees, weights,
 * ends and places, each packed: a row is read without the others. */
static rs_status put_rows(rsi_trace *trace, rsi_window *window, uint32_t first, uint32_t end,
                          rsi_buffer *scratch, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t degrees[RSI_TRACE_ROWS_PAGE];
    const uint64_t *at = window->graph->first;
    size_t count = (size_t)(at[end] - at[first]), kept = 0;
    rsi_row rows;
    rsi_buffer *page = &trace->page;
    scratch->length = page->length = 0;
    RS_TRY(rsi_buffer_reserve(scratch, (2 * count + 1) * sizeof(uint32_t), err));
    uint32_t *palette = (uint32_t *)(void *)scratch->bytes, *places = palette + count;
    for (uint32_t v = first; v < end; v++) {
        degrees[v - first] = (uint32_t)(at[v + 1] - at[v]);
    }
    RS_TRY(rsi_window_rows(window, first, end, window->graph->node_count, &rows, err));
    RS_TRY(find_palette(rows.weight, count, palette, &kept, places, err));
    uint8_t widths[4] = {(uint8_t)rsi_width_of(largest_of(degrees, end - first)),
                         (uint8_t)rsi_width_of(largest_of(rows.to, count)),
                         (uint8_t)rsi_width_of(largest_of(palette, kept)),
                         (uint8_t)rsi_width_of(kept == 0 ? 0 : kept - 1)};
    RS_TRY(rsi_buffer_add(page, widths, sizeof widths, err));
    RS_TRY(rsi_buffer_add_u32(page, (uint32_t)kept, err));
    RS_TRY(pack(page, degrees, end - first, widths[0], err));
    RS_TRY(pack(page, palette, kept, widths[2], err));
    RS_TRY(pack(page, rows.to, count, widths[1], err));
    RS_TRY(pack(page, places, count, widths[3], err));
    RS_TRY(rsi_page_text(trace->network, page->bytes, page->length, err));
    RS_TRY(rsi_page_end(trace->network, first, err));
done:
    return status;
}

/* Total, risk and seed of each node in as few bits as the page's largest need. */
static rs_status put_nodes(rsi_trace *trace, const uint64_t *numbers[3], uint32_t count,
                           uint32_t first, rs_error *err)
{
    rs_status status = RS_OK;
    uint8_t page[RSI_TRACE_NODE_BYTES + 3 * 8 * RSI_TRACE_PAGE] = {0};
    uint64_t at = 0;
    for (int k = 0; k < 3; k++) {
        uint64_t largest = 0;
        for (uint32_t i = 0; i < count; i++) {
            largest = numbers[k][i] > largest ? numbers[k][i] : largest;
        }
        page[k] = (uint8_t)rsi_width_of(largest);
        for (uint32_t i = 0; i < count; i++, at += page[k]) {
            rsi_bits_put(page + RSI_TRACE_NODE_BYTES, at, page[k], numbers[k][i]);
        }
    }
    RS_TRY(rsi_page_text(trace->network, page, RSI_TRACE_NODE_BYTES + (size_t)(at + 7) / 8, err));
    RS_TRY(rsi_page_end(trace->network, first, err));
done:
    return status;
}

rs_status rsi_trace_network(rsi_trace *trace, const rs_adjacency *adjacency,
                            const rs_spread_options *options, const int64_t *seed,
                            const int64_t *risk, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer scratch = {0};
    rsi_window window = rsi_window_of(adjacency);
    uint32_t nodes = adjacency->node_count;
    trace->options = *options;
    RS_TRY(rsi_pages_section(trace->network, RSI_TRACE_ROWS, err));
    for (uint32_t v = 0, end; v < nodes; v = end) {
        end = nodes - v < RSI_TRACE_ROWS_PAGE ? nodes : v + RSI_TRACE_ROWS_PAGE;
        RS_TRY(put_rows(trace, &window, v, end, &scratch, err));
    }
    RS_TRY(rsi_pages_section(trace->network, RSI_TRACE_NODES, err));
    for (uint32_t v = 0, count; v < nodes; v += count) {
        uint64_t totals[RSI_TRACE_PAGE], risks[RSI_TRACE_PAGE], seeds[RSI_TRACE_PAGE];
        const uint64_t *numbers[3] = {totals, risks, seeds};
        count = nodes - v < RSI_TRACE_PAGE ? nodes - v : RSI_TRACE_PAGE;
        for (uint32_t i = 0; i < count; i++) {
            totals[i] = rsi_total_of(adjacency, options->ground, v + i);
            risks[i] = rsi_zigzag(risk[v + i]);
            seeds[i] = rsi_zigzag(seed[v + i]);
        }
        RS_TRY(put_nodes(trace, numbers, count, v, err));
    }
done:
    rsi_window_free(&window);
    rsi_buffer_free(&scratch);
    return rs_context(err, status, "what explains the run");
}

/* ---- counts ---------------------------------------------------------------------------------- */

/* Each value above 0 where the share of subjects that have at least as much changes. */
static rs_status put_tails(rsi_trace *trace, const int64_t *values, uint32_t subjects,
                           uint32_t section, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t value[RSI_TRACE_TAILS_PAGE], tail[RSI_TRACE_TAILS_PAGE];
    size_t count = 0, filled = 0;
    uint64_t first = 0, last = 0, last_tail = UINT64_MAX;
    for (uint32_t v = 0; v < subjects; v++) {
        if (values[v] > 0) {
            trace->sorted[count++] = (uint64_t)values[v];
        }
    }
    RS_TRY(rsi_sort_u64(trace->sorted, count, NULL, err));
    RS_TRY(rsi_pages_section(trace->counts, section, err));
    for (size_t i = 0, end; i < count; i = end) {
        uint64_t here = (uint64_t)(count - i) * RS_MILLION / subjects;
        for (end = i + 1; end < count && trace->sorted[end] == trace->sorted[i]; end++) {
        }
        if (here == last_tail) {
            continue;
        }
        first = filled == 0 ? trace->sorted[i] : first;
        value[filled] = filled == 0 ? 0 : trace->sorted[i] - last;
        tail[filled++] = here;
        last = trace->sorted[i];
        last_tail = here;
        if (filled == RSI_TRACE_TAILS_PAGE) {
            RS_TRY(rsi_page_column(trace->counts, value, filled, err));
            RS_TRY(rsi_page_column(trace->counts, tail, filled, err));
            RS_TRY(rsi_page_end(trace->counts, first, err));
            filled = 0;
        }
    }
    if (filled > 0) {
        RS_TRY(rsi_page_column(trace->counts, value, filled, err));
        RS_TRY(rsi_page_column(trace->counts, tail, filled, err));
        RS_TRY(rsi_page_end(trace->counts, first, err));
    }
done:
    return status;
}

rs_status rsi_trace_column(void *context, const char *name, unsigned decimals,
                           const int64_t *values, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_trace *trace = context;
    uint32_t subjects = rs_graph_subject_count(trace->graph);
    uint32_t section = RSI_TRACE_VALUES + 2 * trace->column_count;
    if (trace->sorted == NULL) {
        trace->sorted = malloc(((size_t)subjects + 1) * sizeof *trace->sorted);
    }
    if (trace->sorted == NULL || section >= RSI_PAGES_SECTIONS_MAX) {
        return rs_fail(err, RS_ENOMEM, "out of memory (counts of %u subjects)", subjects);
    }
    uint8_t digits = (uint8_t)decimals;
    RS_TRY(rsi_buffer_add(&trace->names_of_columns, &digits, 1, err));
    RS_TRY(rsi_buffer_add(&trace->names_of_columns, name, strlen(name) + 1, err));
    RS_TRY(rsi_pages_section(trace->counts, section, err));
    for (uint32_t v = 0, count; v < subjects; v += count) {
        uint64_t page[RSI_TRACE_COUNTS_PAGE];
        count = subjects - v < RSI_TRACE_COUNTS_PAGE ? subjects - v : RSI_TRACE_COUNTS_PAGE;
        for (uint32_t i = 0; i < count; i++) {
            page[i] = values[v + i] > 0 ? (uint64_t)values[v + i] : 0;
        }
        RS_TRY(rsi_page_column(trace->counts, page, count, err));
        RS_TRY(rsi_page_end(trace->counts, v, err));
    }
    RS_TRY(put_tails(trace, values, subjects, section + 1, err));
    trace->column_count++;
done:
    return rs_context(err, status, "what explains the run");
}

static rs_status finish_counts(rsi_trace *trace, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t count = trace->column_count;
    RS_TRY(rsi_pages_section(trace->counts, RSI_TRACE_COLUMNS, err));
    RS_TRY(rsi_page_column(trace->counts, &count, 1, err));
    RS_TRY(rsi_page_text(trace->counts, trace->names_of_columns.bytes,
                         trace->names_of_columns.length, err));
    RS_TRY(rsi_page_end(trace->counts, 0, err));
    RS_TRY(rsi_pages_finish(trace->counts, &trace->refs[1], err));
done:
    return status;
}

/* ---- all of it ------------------------------------------------------------------------------- */

rs_status rsi_trace_nodes(rsi_trace *trace, const rs_evidence *evidence, const int64_t *risk,
                          const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_trace_put_meta(trace, err));
    RS_TRY(rsi_trace_put_ids(trace, err));
    RS_TRY(rsi_trace_put_links(trace, evidence, err));
    RS_TRY(rsi_trace_put_sides(trace, work, err));
    RS_TRY(rsi_trace_put_users(trace, risk, work, err));
done:
    return rs_context(err, status, "what explains the run");
}

rs_status rsi_trace_finish(rsi_trace *trace, const rsi_trace_end *end, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_trace_put_findings(trace, end, err));
    RS_TRY(rsi_trace_put_rings(trace, end, err));
    RS_TRY(rsi_trace_put_list(trace, RSI_TRACE_BLACK, end->blacklist, err));
    RS_TRY(rsi_trace_put_list(trace, RSI_TRACE_WHITE, end->whitelist, err));
    RS_TRY(rsi_pages_finish(trace->network, &trace->refs[0], err));
    RS_TRY(finish_counts(trace, err));
done:
    return rs_context(err, status, "what explains the run");
}
