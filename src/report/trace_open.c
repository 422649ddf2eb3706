/* trace_open.c - open what a run keeps to explain itself, and find its nodes by their ids.
 *
 * Cost: the two indexes (22 bytes a page), and an id by interpolation: ids stand in the order of
 * their hashes, which are spread evenly.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "report/trace_open.h"

#include <stdlib.h>
#include <string.h>

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
    uint64_t next = 0, pages = 0;
    for (size_t i = 0; i < traced->range_count; i++) {
        const uint64_t *numbers = page->columns[1] + 3 * i;
        const char *name = next_string(at, end);
        if (name == NULL || numbers[0] != next || numbers[1] > traced->node_count - next) {
            return bad_meta(traced, "types do not add up to the nodes", err);
        }
        traced->ranges[i] = (rs_node_range){.type = name,
                                            .first = (uint32_t)next,
                                            .count = (uint32_t)numbers[1],
                                            .subject = numbers[2] == 1};
        traced->id_first[i] = (size_t)pages;
        next += numbers[1];
        pages += (numbers[1] + RSI_TRACE_PAGE - 1) / RSI_TRACE_PAGE;
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
        traced->relations[r] = (rsi_traced_relation){.label = label,
                                                     .name = name,
                                                     .src_type = traced->ranges[numbers[0]].type,
                                                     .dst_type = traced->ranges[numbers[1]].type,
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
    traced->range_count = page->counts[1] / 3;
    traced->relation_count = page->counts[2] / 2;
    traced->names = malloc(page->text.length + 1);
    traced->ranges = calloc(traced->range_count + 1, sizeof *traced->ranges);
    traced->id_first = calloc(traced->range_count + 1, sizeof *traced->id_first);
    traced->relations = calloc(traced->relation_count + 1, sizeof *traced->relations);
    if (traced->names == NULL || traced->ranges == NULL || traced->id_first == NULL ||
        traced->relations == NULL) {
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
    uint64_t identity = rsi_trace_identity(info.store_digest, info.as_of);
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
    free(traced->id_first);
    free(traced->relations);
    free(traced->column_names);
    free(traced->to);
    free(traced->weight);
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
    return traced->ranges[own->src_range].subject && traced->ranges[own->dst_range].subject;
}

size_t rsi_traced_range(const rsi_traced *traced, uint32_t node)
{
    size_t low = 0, high = traced->range_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        *(traced->ranges[middle].first <= node ? &low : &high) = middle;
    }
    return low;
}

const char *rsi_traced_type(const rsi_traced *traced, uint32_t node)
{
    return traced->ranges[rsi_traced_range(traced, node)].type;
}

/* ---- ids ------------------------------------------------------------------------------------- */

/* The i-th id of a page. */
static rs_status take_id(rsi_traced *traced, size_t number, size_t i, rs_text *id, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_page *page;
    uint64_t at = 0;
    RS_TRY(rsi_pages_get(traced->network, RSI_TRACE_IDS, number, 1, &page, err));
    for (size_t k = 0; k <= i && k < page->counts[0]; k++) {
        if (page->columns[0][k] > page->text.length - at) {
            break;
        }
        if (k == i) {
            *id = (rs_text){page->text.bytes + at, (size_t)page->columns[0][k]};
            return RS_OK;
        }
        at += page->columns[0][k];
    }
    return rsi_pages_damaged(traced->network, RSI_TRACE_IDS, number, "ids are missing", err);
done:
    return status;
}

rs_status rsi_traced_id(rsi_traced *traced, uint32_t node, rs_text *id, rs_error *err)
{
    size_t range = rsi_traced_range(traced, node);
    uint32_t rank = node - traced->ranges[range].first;
    return take_id(traced, traced->id_first[range] + rank / RSI_TRACE_PAGE, rank % RSI_TRACE_PAGE,
                   id, err);
}

typedef struct id_search {
    rs_text id;
    rsi_hash128 hash;
    uint64_t seed;
} id_search;

static int compare_texts(rs_text a, rs_text b)
{
    size_t length = a.length < b.length ? a.length : b.length;
    int order = length == 0 ? 0 : memcmp(a.bytes, b.bytes, length);
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

/* As nodes are ordered: by hash, ties by the id. */
static int compare_wanted(const id_search *wanted, rs_text id)
{
    rsi_hash128 hash = rsi_hash_128(id.bytes, id.length, wanted->seed);
    if (wanted->hash.high != hash.high) {
        return wanted->hash.high < hash.high ? -1 : 1;
    }
    if (wanted->hash.low != hash.low) {
        return wanted->hash.low < hash.low ? -1 : 1;
    }
    return compare_texts(wanted->id, id);
}

/* The last rank of a range whose id is not behind the wanted one. Hashes are even, so the first
 * guess is near; after a few of them halving takes over. */
static rs_status search_range(rsi_traced *traced, size_t range, const id_search *wanted,
                              uint32_t *rank, bool *found, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t count = traced->ranges[range].count;
    uint32_t low = 0, high = count; /* what is wanted stands at low or behind, before high */
    uint64_t guess = (uint64_t)(((unsigned __int128)wanted->hash.high * count) >> 64);
    uint32_t step = RSI_TRACE_PAGE;
    *found = false;
    for (int turn = 0; low < high; turn++) {
        uint32_t middle =
            guess >= low && guess < high && turn < 4 ? (uint32_t)guess : low + (high - low) / 2;
        rs_text id;
        RS_TRY(rsi_traced_id(traced, traced->ranges[range].first + middle, &id, err));
        int order = compare_wanted(wanted, id);
        if (order == 0) {
            *rank = middle;
            *found = true;
            break;
        }
        if (order < 0) {
            high = middle;
            guess = middle > step ? middle - step : 0;
        } else {
            low = middle + 1;
            guess = (uint64_t)middle + step;
        }
    }
done:
    return status;
}

rs_status rsi_traced_find(rsi_traced *traced, rs_text type, rs_text id, uint32_t *node,
                          rs_error *err)
{
    rs_status status = RS_OK;
    *node = RS_NO_NODE;
    for (size_t i = 0; i < traced->range_count; i++) {
        const char *name = traced->ranges[i].type;
        if (strlen(name) == type.length && memcmp(name, type.bytes, type.length) == 0) {
            uint64_t seed = rsi_hash64(name, strlen(name), 0);
            id_search wanted = {id, rsi_hash_128(id.bytes, id.length, seed), seed};
            uint32_t rank = 0;
            bool found = false;
            RS_TRY(search_range(traced, i, &wanted, &rank, &found, err));
            *node = found ? traced->ranges[i].first + rank : RS_NO_NODE;
        }
    }
done:
    return status;
}
