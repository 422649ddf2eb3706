/* trace_write.c - a run writes down what explains it: the files, and the counts of subjects.
 *
 * Columns of counts come while the network is still being spread over, so they have a file of their
 * own.
 *
 * Memory: a byte a node.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/parallel.h"
#include "base/try.h"
#include "report/bits.h"
#include "report/report.h"
#include "report/trace_internal.h"
#include "store/intcodec.h"

uint64_t rsi_trace_identity(const rs_run_id *id)
{
    return rsi_hash64(id->text, strlen(id->text), rs_evidence_kind_count());
}

/* ---- the files ------------------------------------------------------------------------------- */

rs_status rsi_trace_new(rsi_trace **out, const char *store_path, const rs_graph *graph,
                        const rs_report_options *options, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_trace *trace = calloc(1, sizeof *trace);
    if (trace == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (the run's network)");
    }
    trace->made = (rsi_making)RSI_NO_MAKING;
    trace->graph = graph;
    trace->work.threads = rsi_parallel_workers(work);
    trace->met = calloc((size_t)rs_graph_node_count(graph) + 1, 1);
    if (trace->met == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u nodes)", rs_graph_node_count(graph));
        goto done;
    }
    RS_TRY(rsi_making_begin(&trace->made, store_path, work, err));
    RS_TRY(rsi_run_inputs_write(trace->made.path, graph, options, &trace->inputs, err));
    uint64_t identity = trace->identity = rsi_trace_identity(&trace->inputs.id);
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
    rsi_buffer_free(&trace->counts_page);
    rsi_buffer_free(&trace->names_of_columns);
    rsi_buffer_free(&trace->values);
    free(trace->met);
    free(trace);
}

const rsi_making *rsi_trace_folder(const rsi_trace *trace)
{
    return &trace->made;
}

const rsi_run_inputs *rsi_trace_inputs(const rsi_trace *trace)
{
    return &trace->inputs;
}

/* ---- relations of subjects ------------------------------------------------------------------- */

/* Distinct other ends, and how many edges are repetitions. */
static rs_status put_side(rsi_trace *trace, const uint32_t *peers, const uint64_t *edges,
                          uint32_t section, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t subjects = rs_graph_subject_count(trace->graph);
    if (peers == NULL || edges == NULL) {
        return RS_OK;
    }
    RS_TRY(rsi_pages_section(trace->counts, section, err));
    for (uint32_t v = 0, count; v < subjects; v += count) {
        uint64_t first[RSI_TRACE_PAGE], again[RSI_TRACE_PAGE];
        count = subjects - v < RSI_TRACE_PAGE ? subjects - v : RSI_TRACE_PAGE;
        for (uint32_t i = 0; i < count; i++) {
            first[i] = peers[v + i];
            again[i] = edges[v + i] - peers[v + i];
        }
        RS_TRY(rsi_page_column(trace->counts, first, count, err));
        RS_TRY(rsi_page_column(trace->counts, again, count, err));
        RS_TRY(rsi_page_end(trace->counts, v, err));
    }
done:
    return status;
}

rs_status rsi_trace_counts(rsi_trace *trace, const rsi_numbers *numbers, rs_error *err)
{
    rs_status status = RS_OK;
    size_t relations = rs_store_relation_count(rs_graph_store(trace->graph));
    for (size_t r = 0; r < relations; r++) {
        const rs_counts *counts = rsi_numbers_counts(numbers, r);
        uint32_t section = RSI_TRACE_SIDES + 2 * (uint32_t)r;
        RS_TRY(put_side(trace, counts->src_peers, counts->src_edges, section, err));
        RS_TRY(put_side(trace, counts->dst_peers, counts->dst_edges, section + 1, err));
    }
done:
    return rs_context(err, status, "what explains the run");
}

/* ---- odd counts ------------------------------------------------------------------------------ */

/* [ entries u32 ][ bits of a value, of a share u8 ][ 0 u16 ], then places among the page's subjects
 * (12 bits), values and shares, each packed. */
static rs_status put_odd_page(rsi_trace *trace, uint32_t first, const uint64_t *places,
                              const uint64_t *values, const uint64_t *shares, size_t count,
                              rs_error *err)
{
    rs_status status = RS_OK;
    uint8_t widths[4] = {(uint8_t)rsi_trace_width(values, count),
                         (uint8_t)rsi_trace_width(shares, count)};
    rsi_buffer *page = &trace->counts_page;
    page->length = 0;
    RS_TRY(rsi_buffer_add_u32(page, (uint32_t)count, err));
    RS_TRY(rsi_buffer_add(page, widths, sizeof widths, err));
    RS_TRY(rsi_trace_pack(page, places, count, 12, err));
    RS_TRY(rsi_trace_pack(page, values, count, widths[0], err));
    RS_TRY(rsi_trace_pack(page, shares, count, widths[1], err));
    RS_TRY(rsi_page_text(trace->counts, page->bytes, page->length, false, err));
    RS_TRY(rsi_page_end(trace->counts, first, err));
done:
    return status;
}

static rs_status put_odd(rsi_trace *trace, const int64_t *values, const uint32_t *at_least,
                         uint32_t section, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t places[RSI_TRACE_ODD_PAGE], kept[RSI_TRACE_ODD_PAGE], shares[RSI_TRACE_ODD_PAGE];
    uint32_t subjects = rs_graph_subject_count(trace->graph);
    /* What is still a share of RSI_TRACE_ODD_MAX millionths, cut off. */
    uint64_t most = ((RSI_TRACE_ODD_MAX + 1) * (uint64_t)subjects - 1) / RS_MILLION;
    RS_TRY(rsi_pages_section(trace->counts, section, err));
    for (uint32_t v = 0, end; v < subjects; v = end) {
        size_t filled = 0;
        end = subjects - v < RSI_TRACE_ODD_PAGE ? subjects : v + RSI_TRACE_ODD_PAGE;
        for (uint32_t i = v; i < end; i++) {
            if (at_least[i] - 1 < most) { /* 0 is none */
                places[filled] = i - v;
                kept[filled] = (uint64_t)values[i];
                shares[filled++] = at_least[i] * (uint64_t)RS_MILLION / subjects;
            }
        }
        RS_TRY(put_odd_page(trace, v, places, kept, shares, filled, err));
    }
done:
    return status;
}

rs_status rsi_trace_column(void *context, const char *name, unsigned decimals,
                           const int64_t *values, const uint32_t *at_least, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_trace *trace = context;
    uint32_t section = RSI_TRACE_ODD + trace->column_count;
    uint8_t digits = (uint8_t)decimals;
    if (section >= RSI_TRACE_SIDES) {
        return rs_fail(err, RS_EUSAGE, "more than %d counts", RSI_TRACE_SIDES - RSI_TRACE_ODD);
    }
    RS_TRY(rsi_buffer_add(&trace->names_of_columns, &digits, 1, err));
    RS_TRY(rsi_buffer_add(&trace->names_of_columns, name, strlen(name) + 1, err));
    RS_TRY(put_odd(trace, values, at_least, section, err));
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
                         trace->names_of_columns.length, true, err));
    RS_TRY(rsi_page_end(trace->counts, 0, err));
    RS_TRY(rsi_pages_finish(trace->counts, &trace->refs[1], err));
done:
    return status;
}

/* ---- all of it ------------------------------------------------------------------------------- */

rs_status rsi_trace_network(rsi_trace *trace, const rs_adjacency *adjacency,
                            const rs_spread_options *options, const int64_t *seed,
                            const int64_t *risk, const rs_evidence *evidence, rs_error *err)
{
    trace->options = *options;
    rs_status status = rsi_trace_put_network(trace, adjacency, seed, risk, evidence, err);
    return rs_context(err, status, "what explains the run");
}

rs_status rsi_trace_finish(rsi_trace *trace, const rsi_trace_end *end, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_trace_put_meta(trace, end->findings, err));
    RS_TRY(rsi_trace_put_users(trace, end, err));
    RS_TRY(rsi_trace_put_rings(trace, end, err));
    RS_TRY(rsi_trace_put_list(trace, RSI_TRACE_BLACK, end->blacklist, err));
    RS_TRY(rsi_trace_put_list(trace, RSI_TRACE_WHITE, end->whitelist, err));
    RS_TRY(rsi_trace_put_names(trace, end->findings, err));
    RS_TRY(finish_counts(trace, err));
done:
    return rs_context(err, status, "what explains the run");
}

/* ---- where risks.csv has its lines ----------------------------------------------------------- */

size_t rsi_trace_piece_count(uint32_t nodes)
{
    return (size_t)nodes / RSI_RISKS_PIECE + (nodes % RSI_RISKS_PIECE != 0);
}

/* Which nodes of a piece have a line. */
static uint64_t lines_of(const rsi_trace *trace, const rs_findings *findings, size_t piece)
{
    uint64_t lines = 0;
    uint32_t first = (uint32_t)piece * RSI_RISKS_PIECE;
    uint32_t left = rs_graph_node_count(trace->graph) - first;
    for (uint32_t i = 0; i < left && i < RSI_RISKS_PIECE; i++) {
        lines |= (uint64_t)rsi_trace_has_line(trace, findings, first + i) << i;
    }
    return lines;
}

/* Pages of where each piece stands, made side by side. */
typedef struct lines_making {
    const rsi_trace *trace;
    const rs_findings *findings;
    uint64_t *starts; /* by piece: where it starts; then where the last one ends */
    size_t piece_count;
    int file;
    rsi_buffer *texts; /* by worker: the pieces of a page */
} lines_making;

/* The bytes from `start` to `end` of the file, which is as long as that. */
static rs_status read_back(const lines_making *m, uint64_t start, uint64_t end, rsi_buffer *text,
                           rs_error *err)
{
    text->length = 0;
    rs_status status = rsi_buffer_reserve(text, (size_t)(end - start) + 1, err);
    for (uint64_t at = start; status == RS_OK && at < end;) {
        ssize_t got = pread(m->file, text->bytes + (at - start), (size_t)(end - at), (off_t)at);
        if (got > 0) {
            at += (uint64_t)got;
        } else if (got == 0 || errno != EINTR) {
            status = rs_fail(err, RS_EIO, "risks: read back: %s",
                             got < 0 ? strerror(errno) : "shorter than it was written");
        }
    }
    return status;
}

/* A page: lengths of pieces; text: checksums, and which nodes have lines. Its key is where its
 * first piece starts. */
static rs_status make_lines(void *context, size_t page, unsigned worker, rsi_pages_writer *part,
                            rs_error *err)
{
    rs_status status = RS_OK;
    const lines_making *m = context;
    uint64_t lengths[RSI_TRACE_PAGE];
    uint8_t text[16 * RSI_TRACE_PAGE];
    size_t first = page * RSI_TRACE_PAGE;
    size_t left = m->piece_count - first;
    size_t count = left < RSI_TRACE_PAGE ? left : RSI_TRACE_PAGE;
    const uint64_t *starts = m->starts + first;
    RS_TRY(read_back(m, starts[0], starts[count], &m->texts[worker], err));
    for (size_t i = 0; i < count; i++) {
        const uint8_t *bytes = m->texts[worker].bytes + (starts[i] - starts[0]);
        lengths[i] = starts[i + 1] - starts[i];
        rsi_store_u64le(text + 8 * i,
                        rsi_hash64(bytes, (size_t)lengths[i], m->trace->identity + first + i));
        rsi_store_u64le(text + 8 * (count + i), lines_of(m->trace, m->findings, first + i));
    }
    RS_TRY(rsi_page_column(part, lengths, count, err));
    RS_TRY(rsi_page_text(part, text, 16 * count, true, err));
    RS_TRY(rsi_page_end(part, starts[0], err));
done:
    return status;
}

/* Pieces without a line are where the one before ends. */
static rs_status find_starts(lines_making *m, const uint64_t *ends, rs_error *err)
{
    m->starts = malloc((m->piece_count + 1) * sizeof *m->starts);
    if (m->starts == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu pieces of risks)", m->piece_count);
    }
    m->starts[0] = strlen(RSI_RISKS_NAMES);
    for (size_t i = 0; i < m->piece_count; i++) {
        m->starts[i + 1] = ends[i] > m->starts[i] ? ends[i] : m->starts[i];
    }
    return RS_OK;
}

static rs_status find_lines(rsi_trace *trace, const rs_findings *findings, const uint64_t *ends,
                            const char *risks, rs_error *err)
{
    rs_status status = RS_OK;
    unsigned workers = rsi_parallel_workers(&trace->work);
    lines_making m = {
        .trace = trace, .findings = findings, .file = open(risks, O_RDONLY | O_CLOEXEC)};
    m.piece_count = rsi_trace_piece_count(rs_graph_node_count(trace->graph));
    m.texts = calloc(workers, sizeof *m.texts);
    if (m.texts == NULL || m.file < 0) {
        status = m.file < 0 ? rs_fail(err, RS_EIO, "open \"%s\": %s", risks, strerror(errno))
                            : rs_fail(err, RS_ENOMEM, "out of memory (pieces of risks)");
        goto done;
    }
    RS_TRY(find_starts(&m, ends, err));
    RS_TRY(rsi_pages_section(trace->network, RSI_TRACE_LINES, err));
    RS_TRY(rsi_pages_make(trace->network, &trace->work,
                          (m.piece_count + RSI_TRACE_PAGE - 1) / RSI_TRACE_PAGE, make_lines, &m,
                          err));
done:
    for (unsigned i = 0; m.texts != NULL && i < workers; i++) {
        rsi_buffer_free(&m.texts[i]);
    }
    free(m.texts);
    free(m.starts);
    if (m.file >= 0) {
        close(m.file);
    }
    return status;
}

static void note_file(const rsi_file_ref *ref, rsi_file_note *note)
{
    note->bytes = ref->bytes;
    rsi_hex128(ref->digest, note->digest);
}

rs_status rsi_trace_keep(rsi_trace *trace, const rs_findings *findings, const uint64_t *piece_ends,
                         const char *risks, rsi_file_note notes[RSI_RUN_FILES], rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(find_lines(trace, findings, piece_ends, risks, err));
    RS_TRY(rsi_pages_finish(trace->network, &trace->refs[0], err));
    note_file(&trace->refs[0], &notes[RS_RUN_NETWORK]);
    note_file(&trace->refs[1], &notes[RS_RUN_COUNTS]);
done:
    return rs_context(err, status, "what explains the run");
}
