/* risks.c - the risk of every node as CSV.
 *
 * The dictionary gives ids in its own order, the file wants the graph's: ids come in windows of
 * nodes of one type. A window keeps the ids in order of arrival, end to end, and for each node
 * where its id starts; so arrival writes in sequence, and only the output jumps (with the next ids
 * prefetched).
 *
 * Memory: 8 bytes a node of the window, and the bytes of the ids that are written.
 * Cost: O(nodes) for writing, a pass over a type's dictionary for each window of it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/try.h"
#include "report/report.h"
#include "report/runs.h"

enum { AHEAD = 16, REPORT_EVERY = 1 << 16 };

/* Ids of the nodes first .. first + count - 1, all of one type. */
typedef struct id_window {
    uint32_t first;
    uint32_t count;
    uint64_t *start;  /* behind a node's length and id in `bytes`; 0: not wanted */
    rsi_buffer bytes; /* length (4 bytes), id, length, id, ... */
} id_window;

static bool is_written(const rs_findings *findings, rs_node_range range, uint32_t node)
{
    return range.subject || findings->nodes[node].risk > 0;
}

static rs_status keep_id(id_window *window, uint32_t node, rs_text id, rs_error *err)
{
    rs_status status = RS_OK;
    if (id.length > UINT32_MAX) {
        return rs_fail(err, RS_ECORRUPT, "an id of %zu bytes", id.length);
    }
    RS_TRY(rsi_buffer_add_u32(&window->bytes, (uint32_t)id.length, err));
    window->start[node - window->first] = window->bytes.length;
    RS_TRY(rsi_buffer_add(&window->bytes, id.bytes, id.length, err));
done:
    return status;
}

/* One pass over the dictionary of `range`'s type. */
static rs_status fill_window(id_window *window, const rsi_source *source, rs_node_range range,
                             rs_error *err)
{
    rs_status status = RS_OK;
    rs_names *names = NULL;
    const rs_store *store = rs_graph_store(source->graph);
    size_t type = rs_store_type_named(store, range.type);
    uint32_t dense;
    rs_text id;
    window->bytes.length = 0;
    memset(window->start, 0, window->count * sizeof *window->start);
    RS_TRY(rs_names_open(&names, store, type, err));
    RS_TRY(rs_names_next(names, &dense, &id, err));
    while (dense != RS_NO_NODE) {
        uint32_t node = rs_graph_node(source->graph, type, dense);
        if (node - window->first < window->count && is_written(source->findings, range, node)) {
            RS_TRY(keep_id(window, node, id, err));
        }
        RS_TRY(rs_names_next(names, &dense, &id, err));
    }
done:
    rs_names_close(names);
    return status;
}

static rs_text id_at(const id_window *window, uint32_t index)
{
    const char *bytes = (const char *)window->bytes.bytes + window->start[index];
    return (rs_text){bytes, rsi_load_u32le(bytes - 4)};
}

/* What follows the id, composed at once: this loop runs for every node of the store. */
static void write_numbers(rsi_out *out, const rs_node_risk *risk, const char *ring)
{
    char text[5 * RSI_MILLIONTHS_MAX + sizeof(((rs_ring *)0)->id)];
    char *to = text;
    size_t ring_length = strlen(ring);
    *to++ = ',';
    to = rsi_put_millionths(to, risk->risk);
    *to++ = ',';
    memcpy(to, ring, ring_length);
    to += ring_length;
    *to++ = ',';
    to = rsi_put_millionths(to, risk->spread);
    *to++ = ',';
    to = rsi_put_millionths(to, risk->oddity);
    *to++ = ',';
    to = rsi_put_millionths(to, risk->ring_score);
    *to++ = '\n';
    rsi_out_bytes(out, text, (size_t)(to - text));
}

static void write_line(rsi_out *out, const rsi_source *source, rs_text type, rs_text id,
                       uint32_t node)
{
    const rs_node_risk *risk = &source->findings->nodes[node];
    bool named = risk->ring < source->ring_count;
    rsi_out_bytes(out, type.bytes, type.length);
    rsi_out_csv(out, id);
    write_numbers(out, risk, named ? source->findings->rings[risk->ring].id : "");
}

static void prefetch(const id_window *window, uint32_t index)
{
    if (index < window->count && window->start[index] != 0) {
        __builtin_prefetch(window->bytes.bytes + window->start[index] - 4);
    }
}

static rs_status write_window(rsi_out *out, const rsi_source *source, const id_window *window,
                              rs_text type, uint64_t *piece_ends, rs_error *err)
{
    rs_status status = RS_OK;
    for (uint32_t i = 0; i < window->count; i++) {
        prefetch(window, i + AHEAD);
        if (window->start[i] != 0) {
            write_line(out, source, type, id_at(window, i), window->first + i);
            if (piece_ends != NULL) {
                piece_ends[(window->first + i) / RSI_RISKS_PIECE] = rsi_out_written(out);
            }
        }
        if (i % REPORT_EVERY == 0) {
            RS_TRY(rsi_out_check(out, err));
            RS_TRY(rs_work_report(source->work, "risks", "nodes", window->first + i,
                                  rs_graph_node_count(source->graph), err));
        }
    }
done:
    return status;
}

/* The name of a type as a field of CSV, and the comma; freed by free(). */
static char *first_field(const char *name)
{
    bool quoted = strpbrk(name, "\",\r\n") != NULL;
    char *field = malloc(2 * strlen(name) + 4);
    char *to = field;
    if (field == NULL) {
        return NULL;
    }
    if (quoted) {
        *to++ = '"';
    }
    for (; *name != '\0'; name++) {
        *to++ = *name;
        if (*name == '"') {
            *to++ = '"';
        }
    }
    memcpy(to, quoted ? "\"," : ",", quoted ? 3 : 2);
    return field;
}

static bool any_written(const rs_findings *findings, rs_node_range range)
{
    for (uint32_t i = 0; i < range.count; i++) {
        if (is_written(findings, range, range.first + i)) {
            return true;
        }
    }
    return false;
}

static rs_status write_range(rsi_out *out, const rsi_source *source, rs_node_range range,
                             uint64_t *piece_ends, rs_error *err)
{
    rs_status status = RS_OK;
    id_window window = {.first = range.first};
    uint32_t window_max = source->options->ids_max > 0 ? source->options->ids_max : 1;
    char *type = first_field(range.type);
    window_max = window_max < range.count ? window_max : range.count;
    window.start = malloc(window_max * sizeof *window.start + 1);
    if (type == NULL || window.start == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory");
        goto done;
    }
    uint32_t end = range.first + range.count;
    for (; window.first < end; window.first += window.count) {
        uint32_t left = end - window.first;
        window.count = left < window_max ? left : window_max;
        rs_node_range part = {range.type, window.first, window.count, range.subject};
        if (any_written(source->findings, part)) {
            RS_TRY(fill_window(&window, source, range, err));
            RS_TRY(
                write_window(out, source, &window, (rs_text){type, strlen(type)}, piece_ends, err));
        }
    }
done:
    rsi_buffer_free(&window.bytes);
    free(window.start);
    free(type);
    return status;
}

rs_status rsi_risks_write(const rs_graph *graph, const rs_findings *findings,
                          const rs_report_options *options, const rs_work *work, const char *path,
                          uint64_t *piece_ends, rsi_file_note *note, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_out *out = NULL;
    rsi_source source = {.graph = graph, .findings = findings, .options = options, .work = work};
    source.ring_count = rsi_rings_reported(findings, options);
    RS_TRY(rsi_out_open(&out, path, err));
    rsi_out_string(out, RSI_RISKS_NAMES);
    for (size_t i = 0; i < rs_graph_range_count(graph); i++) {
        RS_TRY(write_range(out, &source, rs_graph_range(graph, i), piece_ends, err));
    }
    RS_TRY(rsi_out_commit(out, err));
    if (note != NULL) {
        *note = rsi_note(out);
    }
done:
    rsi_out_close(out);
    return rs_context(err, status, "risks");
}

rs_status rs_risks_write(const rs_graph *graph, const rs_findings *findings,
                         const rs_report_options *options, const rs_work *work, const char *path,
                         rs_error *err)
{
    return rsi_risks_write(graph, findings, options, work, path, NULL, NULL, err);
}
