/* trace_open.c - open what a run keeps to explain itself.
 *
 * Cost: two indexes, some tens of bytes for each 128 pages.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "report/trace_open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/try.h"

/* ---- what all of it is about ----------------------------------------------------------------- */

static rs_status bad_meta(const rsi_traced *traced, const char *what, rs_error *err)
{
    return rsi_pages_damaged(traced->network, RSI_TRACE_META, 0, what, err);
}

/* The next string of `text`, or NULL. */
static const char *next_string(const char **at, const char *end)
{
    const char *here = *at;
    const char *stop = memchr(here, '\0', (size_t)(end - here));
    *at = stop == NULL ? end : stop + 1;
    return stop == NULL ? NULL : here;
}

static double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static rs_status read_ranges(rsi_traced *traced, const rsi_page *page, const char **at,
                             const char *end, rs_error *err)
{
    uint64_t next = 0;
    for (size_t i = 0; i < traced->range_count; i++) {
        const uint64_t *numbers = page->columns[1] + 4 * i;
        const char *name = next_string(at, end);
        if (name == NULL || numbers[0] != next || numbers[1] > traced->node_count - next ||
            numbers[3] > numbers[1]) {
            return bad_meta(traced, "types do not add up to the nodes", err);
        }
        traced->ranges[i] = (rsi_traced_range){.nodes = {.type = name,
                                                         .first = (uint32_t)next,
                                                         .count = (uint32_t)numbers[1],
                                                         .subject = numbers[2] == 1},
                                               .lines = (uint32_t)numbers[3]};
        next += numbers[1];
    }
    return next == traced->node_count ? RS_OK
                                      : bad_meta(traced, "types do not add up to the nodes", err);
}

static rs_status read_relations(rsi_traced *traced, const rsi_page *page, const char **at,
                                const char *end, rs_error *err)
{
    for (size_t r = 0; r < traced->relation_count; r++) {
        const uint64_t *numbers = page->columns[2] + 2 * r;
        const char *label = next_string(at, end);
        const char *name = next_string(at, end);
        if (name == NULL || label == NULL || numbers[0] >= traced->range_count ||
            numbers[1] >= traced->range_count) {
            return bad_meta(traced, "no such relation", err);
        }
        traced->relations[r] =
            (rsi_traced_relation){.label = label,
                                  .name = name,
                                  .src_type = traced->ranges[numbers[0]].nodes.type,
                                  .dst_type = traced->ranges[numbers[1]].nodes.type,
                                  .src_range = (uint32_t)numbers[0],
                                  .dst_range = (uint32_t)numbers[1]};
    }
    return RS_OK;
}

static rs_status read_meta(rsi_traced *traced, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_page *page;
    RS_TRY(rsi_pages_get(traced->network, RSI_TRACE_META, 0, 3, &page, err));
    const uint64_t *numbers = page->columns[0];
    if (page->counts[0] != 5 || numbers[0] >= RS_NO_NODE || numbers[1] > numbers[0] ||
        numbers[3] > UINT32_MAX) {
        return bad_meta(traced, "not the network of a run", err);
    }
    traced->node_count = (uint32_t)numbers[0];
    traced->subject_count = (uint32_t)numbers[1];
    traced->options = (rs_spread_options){.damping = double_of(numbers[2]),
                                          .ground = (uint32_t)numbers[3],
                                          .tolerance = double_of(numbers[4])};
    traced->range_count = page->counts[1] / 4;
    traced->relation_count = page->counts[2] / 2;
    traced->names = malloc(page->text.length + 1);
    traced->ranges = calloc(traced->range_count + 1, sizeof *traced->ranges);
    traced->relations = calloc(traced->relation_count + 1, sizeof *traced->relations);
    if (traced->names == NULL || traced->ranges == NULL || traced->relations == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (the run's network)");
        goto done;
    }
    memcpy(traced->names, page->text.bytes, page->text.length);
    const char *at = traced->names, *end = at + page->text.length;
    RS_TRY(read_ranges(traced, page, &at, end, err));
    RS_TRY(read_relations(traced, page, &at, end, err));
    rsi_traced_set_view(traced);
done:
    return status;
}

static rs_status read_columns(rsi_traced *traced, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_page *page;
    RS_TRY(rsi_pages_get(traced->counts, RSI_TRACE_COLUMNS, 0, 1, &page, err));
    uint64_t count = page->counts[0] == 1 ? page->columns[0][0] : UINT64_MAX;
    traced->column_names = malloc(page->text.length + 1);
    if (traced->column_names == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (names of counts)");
    }
    memcpy(traced->column_names, page->text.bytes, page->text.length);
    const char *at = traced->column_names, *end = at + page->text.length;
    for (uint64_t c = 0; c < count; c++) {
        if (at == end || (at++, next_string(&at, end) == NULL)) {
            return rsi_pages_damaged(traced->counts, RSI_TRACE_COLUMNS, 0, "names are missing",
                                     err);
        }
    }
    traced->column_count = (uint32_t)count;
done:
    return status;
}

/* ---- opening --------------------------------------------------------------------------------- */

static rs_status open_pages(rsi_pages **out, const char *store_path, const rs_run_id *id,
                            rs_run_file file, const rsi_file_note *note, uint64_t identity,
                            rs_error *err)
{
    char *path = rs_run_path(store_path, id, file);
    if (path == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    rs_status status = rsi_pages_open(out, path, note->bytes, identity, err);
    free(path);
    return status;
}

static rs_status open_risks(rsi_traced *traced, const char *store_path, const rs_run_id *id,
                            rs_error *err)
{
    char *path = rs_run_path(store_path, id, RS_RUN_RISKS);
    if (path == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    rs_status status = RS_OK;
    traced->risks = open(path, O_RDONLY | O_CLOEXEC);
    if (traced->risks < 0) {
        status = rs_fail(err, errno == ENOENT ? RS_ECORRUPT : RS_EIO, "open \"%s\": %s", path,
                         strerror(errno));
    } else {
        (void)posix_fadvise(traced->risks, 0, 0, POSIX_FADV_RANDOM);
    }
    free(path);
    return status;
}

rs_status rsi_traced_open(rsi_traced **out, const char *store_path, const rs_run_id *id,
                          rs_error *err)
{
    rs_status status = RS_OK;
    rs_run_info info;
    rsi_file_note notes[RSI_RUN_FILES] = {{0}};
    rsi_traced *traced = NULL;
    *out = NULL;
    RS_TRY(rsi_run_read(store_path, id, &info, notes, err));
    if (notes[RS_RUN_NETWORK].digest[0] == '\0' || notes[RS_RUN_COUNTS].digest[0] == '\0') {
        return RS_OK;
    }
    traced = calloc(1, sizeof *traced);
    if (traced == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (the run's network)");
    }
    traced->risks = -1;
    uint64_t identity = rsi_trace_identity(id);
    traced->identity = identity;
    RS_TRY(open_risks(traced, store_path, id, err));
    RS_TRY(open_pages(&traced->network, store_path, id, RS_RUN_NETWORK, &notes[RS_RUN_NETWORK],
                      identity, err));
    RS_TRY(open_pages(&traced->counts, store_path, id, RS_RUN_COUNTS, &notes[RS_RUN_COUNTS],
                      identity, err));
    RS_TRY(read_meta(traced, err));
    RS_TRY(read_columns(traced, err));
    *out = traced;
    traced = NULL; /* moved to the caller */
done:
    rsi_traced_close(traced);
    return rs_context(err, status, "run %s", id->text);
}

void rsi_traced_close(rsi_traced *traced)
{
    if (traced == NULL) {
        return;
    }
    rsi_pages_done(traced->network);
    rsi_pages_done(traced->counts);
    free(traced->names);
    free(traced->ranges);
    free(traced->relations);
    free(traced->column_names);
    free(traced->piece.bytes);
    if (traced->risks >= 0) {
        close(traced->risks);
    }
    free(traced);
}

const rsi_view *rsi_traced_view(rsi_traced *traced)
{
    return &traced->view;
}

rs_spread_options rsi_traced_options(const rsi_traced *traced)
{
    return traced->options;
}

uint32_t rsi_traced_subjects(const rsi_traced *traced)
{
    return traced->subject_count;
}

size_t rsi_traced_relation_count(const rsi_traced *traced)
{
    return traced->relation_count;
}

rsi_traced_relation rsi_traced_relation_at(const rsi_traced *traced, size_t relation)
{
    return traced->relations[relation];
}

bool rsi_traced_is_plain(const rsi_traced *traced, size_t relation)
{
    const rsi_traced_relation *own = &traced->relations[relation];
    return traced->ranges[own->src_range].nodes.subject &&
           traced->ranges[own->dst_range].nodes.subject;
}

size_t rsi_traced_range_of(const rsi_traced *traced, uint32_t node)
{
    size_t low = 0, high = traced->range_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        *(traced->ranges[middle].nodes.first <= node ? &low : &high) = middle;
    }
    return low;
}

const char *rsi_traced_type(const rsi_traced *traced, uint32_t node)
{
    return traced->ranges[rsi_traced_range_of(traced, node)].nodes.type;
}
