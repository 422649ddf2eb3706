/* trace_ids.c - id -> node and node -> id and risks, from the lines of a run's risks.csv.
 *
 * The nodes of a type stand in the order of their ids' hashes, which are spread evenly, and their
 * lines in risks.csv as well. So a node is looked for where its hash says, by pieces of 64 nodes.
 * What has no line there and may be named stands in a section of its own.
 *
 * Cost: a piece is a read of some kilobytes and its checksum; an id takes two or three of them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/try.h"
#include "report/trace_open.h"

enum { PIECE_BYTES_MAX = 1 << 30 };

/* ---- a piece --------------------------------------------------------------------------------- */

typedef struct piece_place {
    uint64_t start;
    uint64_t length;
    uint64_t checksum;
    uint64_t lines; /* a bit a node */
} piece_place;

static rs_status find_piece(rsi_traced *traced, size_t piece, piece_place *out, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_page *page;
    size_t number = piece / RSI_TRACE_PAGE, at = piece % RSI_TRACE_PAGE;
    RS_TRY(rsi_pages_get(traced->network, RSI_TRACE_LINES, number, 1, &page, err));
    size_t count = page->counts[0];
    if (at >= count || page->text.length != 16 * count) {
        return rsi_pages_damaged(traced->network, RSI_TRACE_LINES, number, "too short", err);
    }
    RS_TRY(rsi_pages_key(traced->network, RSI_TRACE_LINES, number, &out->start, err));
    for (size_t i = 0; i < at; i++) {
        if (page->columns[0][i] > PIECE_BYTES_MAX || out->start > INT64_MAX / 2) {
            return rsi_pages_damaged(traced->network, RSI_TRACE_LINES, number, "too long", err);
        }
        out->start += page->columns[0][i];
    }
    const uint8_t *text = (const uint8_t *)page->text.bytes;
    out->length = page->columns[0][at];
    out->checksum = rsi_load_u64le(text + 8 * at);
    out->lines = rsi_load_u64le(text + 8 * (count + at));
    if (out->length > PIECE_BYTES_MAX) {
        return rsi_pages_damaged(traced->network, RSI_TRACE_LINES, number, "too long", err);
    }
done:
    return status;
}

static rs_status read_piece(rsi_traced *traced, const piece_place *where, rs_error *err)
{
    rsi_traced_piece *piece = &traced->piece;
    if (where->length > piece->room) {
        char *bytes = realloc(piece->bytes, (size_t)where->length);
        if (bytes == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (a piece of risks)");
        }
        piece->bytes = bytes;
        piece->room = (size_t)where->length;
    }
    for (size_t done_bytes = 0; done_bytes < where->length;) {
        ssize_t got = pread(traced->risks, piece->bytes + done_bytes,
                            (size_t)where->length - done_bytes, (off_t)(where->start + done_bytes));
        if (got == 0) {
            return rs_fail(err, RS_ECORRUPT, "it ends before byte %llu",
                           (unsigned long long)(where->start + where->length));
        }
        if (got < 0 && errno != EINTR) {
            return rs_fail(err, RS_EIO, "%s", strerror(errno));
        }
        done_bytes += got > 0 ? (size_t)got : 0;
    }
    return RS_OK;
}

/* The next field of a line, taken out of its quotes where it stands; NULL where there is none. */
static char *take_field(char *at, char *end, rs_text *field)
{
    char *to = at;
    *field = (rs_text){at, 0};
    if (at < end && *at == '"') {
        for (at++; at < end && (*at != '"' || (at + 1 < end && at[1] == '"')); at++) {
            at += *at == '"';
            *to++ = *at;
        }
        at += at < end;
    } else {
        for (; at < end && *at != ',' && *at != '\n'; at++) {
            to++;
        }
    }
    field->length = (size_t)(to - field->bytes);
    return at < end && (*at == ',' || *at == '\n') ? at : NULL;
}

/* All lines of the piece, which `lines` says it has. */
static bool take_lines(rsi_traced *traced, uint64_t lines, size_t length)
{
    rsi_traced_piece *piece = &traced->piece;
    char *at = piece->bytes, *end = at + length;
    piece->count = 0;
    for (uint32_t i = 0; i < RSI_RISKS_PIECE; i++) {
        if ((lines >> i & 1) == 0) {
            continue;
        }
        rs_text fields[RSI_RISK_FIELDS];
        for (size_t k = 0; k < RSI_RISK_FIELDS; k++) {
            bool last = k + 1 == RSI_RISK_FIELDS;
            at = take_field(at, end, &fields[k]);
            if (at == NULL || *at++ != (last ? '\n' : ',')) {
                return false;
            }
        }
        rsi_traced_line *line = &piece->lines[piece->count++];
        uint64_t node = (piece->number - 1) * RSI_RISKS_PIECE + i;
        *line = (rsi_traced_line){.node = (uint32_t)node, .id = fields[1]};
        if (node >= traced->node_count || !rsi_risk_line_of(fields, &line->risks)) {
            return false;
        }
    }
    return at == end;
}

/* Its lines stand in traced->piece then. */
static rs_status get_piece(rsi_traced *traced, size_t number, rs_error *err)
{
    rs_status status = RS_OK;
    piece_place where;
    if (traced->piece.number == number + 1) {
        return RS_OK;
    }
    traced->piece.number = 0;
    RS_TRY(find_piece(traced, number, &where, err));
    RS_TRY(read_piece(traced, &where, err));
    traced->piece.number = number + 1;
    if (rsi_hash64(traced->piece.bytes, (size_t)where.length, traced->identity + number) !=
        where.checksum) {
        status = rs_fail(err, RS_ECORRUPT, "checksum does not fit");
    } else if (!take_lines(traced, where.lines, (size_t)where.length)) {
        status = rs_fail(err, RS_ECORRUPT, "not the lines that it should have");
    }
done:
    if (status != RS_OK) {
        traced->piece.number = 0;
    }
    return rs_context(err, status, "risks: nodes from %zu on", number * RSI_RISKS_PIECE);
}

rs_status rsi_traced_line_of(rsi_traced *traced, uint32_t node, const rsi_traced_line **line,
                             rs_error *err)
{
    *line = NULL;
    rs_status status = get_piece(traced, node / RSI_RISKS_PIECE, err);
    for (size_t i = 0; status == RS_OK && i < traced->piece.count; i++) {
        *line = traced->piece.lines[i].node == node ? &traced->piece.lines[i] : *line;
    }
    return status;
}

void rsi_traced_expect_place(rsi_traced *traced, uint32_t node)
{
    rsi_pages_expect(traced->network, RSI_TRACE_LINES, node / RSI_RISKS_PIECE / RSI_TRACE_PAGE);
}

void rsi_traced_expect_id(rsi_traced *traced, uint32_t node)
{
    rs_error ignored;
    piece_place where;
    if (find_piece(traced, node / RSI_RISKS_PIECE, &where, &ignored) == RS_OK) {
        (void)posix_fadvise(traced->risks, (off_t)where.start, (off_t)where.length,
                            POSIX_FADV_WILLNEED);
    }
}

/* ---- names beside ---------------------------------------------------------------------------- */

typedef struct named {
    uint32_t node;
    rs_text id;
} named;

/* The names of a page. */
static rs_status get_names(rsi_traced *traced, size_t number, named names[RSI_TRACE_PAGE],
                           size_t *count, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_page *page;
    uint64_t node = 0, at = 0;
    RS_TRY(rsi_pages_get(traced->network, RSI_TRACE_NAMES, number, 2, &page, err));
    RS_TRY(rsi_pages_key(traced->network, RSI_TRACE_NAMES, number, &node, err));
    *count = page->counts[0];
    if (*count > RSI_TRACE_PAGE || page->counts[1] != *count || *count == 0) {
        return rsi_pages_damaged(traced->network, RSI_TRACE_NAMES, number, "too short", err);
    }
    for (size_t i = 0; i < *count; i++) {
        uint64_t distance = page->columns[0][i], length = page->columns[1][i];
        if (node >= traced->node_count || distance >= traced->node_count - node ||
            length > page->text.length - at) {
            return rsi_pages_damaged(traced->network, RSI_TRACE_NAMES, number, "no such name", err);
        }
        node += distance;
        names[i] = (named){(uint32_t)node, {page->text.bytes + at, (size_t)length}};
        at += length;
    }
done:
    return status;
}

rs_status rsi_traced_id(rsi_traced *traced, uint32_t node, rs_text *id, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_traced_line *line;
    named names[RSI_TRACE_PAGE];
    size_t number = SIZE_MAX, count = 0;
    RS_TRY(rsi_traced_line_of(traced, node, &line, err));
    if (line != NULL) {
        *id = line->id;
        return RS_OK;
    }
    RS_TRY(rsi_pages_seek(traced->network, RSI_TRACE_NAMES, node, &number, err));
    if (number != SIZE_MAX) {
        RS_TRY(get_names(traced, number, names, &count, err));
    }
    for (size_t i = 0; i < count; i++) {
        if (names[i].node == node) {
            *id = names[i].id;
            return RS_OK;
        }
    }
    status = rs_fail(err, RS_ECORRUPT, "node %u has no name", node);
done:
    return status;
}

/* ---- id -> node ------------------------------------------------------------------------------ */

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

/* Where the wanted id stands against the lines of a piece that are of the range: 0 is among them,
 * or would be; *any: there are some. */
static int look_through(const rsi_traced_piece *piece, rs_node_range range, const id_search *wanted,
                        uint32_t *node, bool *any)
{
    int before = 0, behind = 0; /* lines of the piece */
    *any = false;
    for (size_t i = 0; i < piece->count; i++) {
        if (piece->lines[i].node - range.first < range.count) {
            int order = compare_wanted(wanted, piece->lines[i].id);
            *any = true;
            *node = order == 0 ? piece->lines[i].node : *node;
            before += order > 0;
            behind += order < 0;
        }
    }
    return *node != RS_NO_NODE || (before > 0 && behind > 0) ? 0 : before > 0 ? 1 : -1;
}

/* Where the wanted id stands, reckoned from a line of the piece at hand: hashes are spread so
 * evenly that a distance of n nodes is wrong by the root of n. */
static size_t guess_from(const rsi_traced_piece *piece, rs_node_range range,
                         const id_search *wanted, size_t low, size_t high)
{
    size_t i = 0;
    while (piece->lines[i].node - range.first >= range.count) {
        i++;
    }
    rs_text id = piece->lines[i].id;
    uint64_t here = rsi_hash_128(id.bytes, id.length, wanted->seed).high;
    bool later = wanted->hash.high > here;
    uint64_t apart = later ? wanted->hash.high - here : here - wanted->hash.high;
    uint64_t nodes = (uint64_t)(((unsigned __int128)apart * range.count) >> 64);
    uint64_t node = piece->lines[i].node;
    node = later ? node + nodes : node - (nodes < node ? nodes : node);
    size_t guess = (size_t)(node / RSI_RISKS_PIECE);
    return guess < low ? low : guess > high ? high : guess;
}

/* The wanted id among a range's lines. A guess or two find it; halving ends what they do not. */
static rs_status search_lines(rsi_traced *traced, rs_node_range range, const id_search *wanted,
                              uint32_t *node, rs_error *err)
{
    enum { GUESSES = 4 };
    rs_status status = RS_OK;
    uint64_t rank = (uint64_t)(((unsigned __int128)wanted->hash.high * range.count) >> 64);
    size_t low = range.first / RSI_RISKS_PIECE;
    size_t high = ((size_t)range.first + range.count - 1) / RSI_RISKS_PIECE; /* both may hold it */
    size_t at = (size_t)((range.first + rank) / RSI_RISKS_PIECE);
    for (int guesses = 0; *node == RS_NO_NODE && low <= high; guesses++) {
        bool any = false;
        int order = 0;
        size_t probe = at;
        for (; !any && probe <= high; probe += !any) { /* over pieces without lines */
            RS_TRY(get_piece(traced, probe, err));
            order = look_through(&traced->piece, range, wanted, node, &any);
        }
        if ((any && order == 0) || (order <= 0 && at == low)) {
            break; /* found, or between two that stand there, or before all */
        }
        *(order > 0 ? &low : &high) = order > 0 ? probe + 1 : at - 1;
        at = low + (high - low) / 2;
        if (any && guesses < GUESSES && low <= high) {
            at = guess_from(&traced->piece, range, wanted, low, high);
        }
    }
done:
    return status;
}

/* The wanted id among the names beside: pages are few, and those of the range are halved. */
static rs_status search_names(rsi_traced *traced, rs_node_range range, const id_search *wanted,
                              uint32_t *node, rs_error *err)
{
    rs_status status = RS_OK;
    named names[RSI_TRACE_PAGE];
    size_t low = 0, high = rsi_pages_count(traced->network, RSI_TRACE_NAMES), count = 0;
    while (low < high && *node == RS_NO_NODE) {
        size_t middle = low + (high - low) / 2;
        int before = 0, behind = 0;
        RS_TRY(get_names(traced, middle, names, &count, err));
        for (size_t i = 0; i < count; i++) {
            int order = names[i].node < range.first ? 1
                        : names[i].node - range.first >= range.count
                            ? -1
                            : compare_wanted(wanted, names[i].id);
            *node = order == 0 ? names[i].node : *node;
            before += order > 0;
            behind += order < 0;
        }
        if (before > 0 && behind > 0) {
            break; /* here or nowhere */
        }
        *(before > 0 ? &low : &high) = before > 0 ? middle + 1 : middle;
    }
done:
    return status;
}

rs_status rsi_traced_find(rsi_traced *traced, rs_text type, rs_text id, uint32_t *node,
                          rs_error *err)
{
    rs_status status = RS_OK;
    *node = RS_NO_NODE;
    for (size_t i = 0; i < traced->range_count && *node == RS_NO_NODE; i++) {
        rs_node_range range = traced->ranges[i].nodes;
        if (strlen(range.type) != type.length || memcmp(range.type, type.bytes, type.length) != 0 ||
            range.count == 0) {
            continue;
        }
        uint64_t seed = rsi_hash64(range.type, type.length, 0);
        id_search wanted = {id, rsi_hash_128(id.bytes, id.length, seed), seed};
        if (traced->ranges[i].lines > 0) {
            RS_TRY(search_lines(traced, range, &wanted, node, err));
        }
        if (*node == RS_NO_NODE) {
            RS_TRY(search_names(traced, range, &wanted, node, err));
        }
    }
done:
    return status;
}
