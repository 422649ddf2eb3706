/* ties.c - one relation between subjects as rows of distinct partners.
 *
 * Count, scatter, sort each row where it lies (rows are short, so this is a sort within the cache).
 * Subjects are taken in slices of which the rows fit into the budget, a reading of the relation
 * each: mostly there is one slice, and its rows stay where they were sorted.
 *
 * A timeline that tells the whole relation has the partners of each subject side by side already:
 * then nothing is read.
 *
 * Memory: 20 bytes a subject and 4 a tie and end; beyond the budget the ties are in a file.
 * Cost: a reading of the relation to count, and one a slice; O(ties log of a row).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "propagate/ties.h"

#include <stdlib.h>
#include <string.h>

#include "base/expect.h"
#include "base/fixed.h"
#include "base/sort.h"
#include "base/try.h"
#include "graph/internal.h"

enum { INSERTION_MAX = 24, KNOWN = 1024 };

/* ---- reading -----------------------------------------------------------------------------------
 */

/* The rows of the subjects first .. first + count - 1, as they are filled. */
typedef struct slice {
    uint32_t first, count;
    uint64_t base;       /* the slot that `to` begins with */
    uint64_t *next;      /* by subject: its next free slot; while counting how many it needs */
    const uint64_t *end; /* by subject: where its row ends */
    uint32_t *to;        /* NULL: count */
} slice;

static bool is_in(const slice *s, uint32_t node)
{
    return node - s->first < s->count;
}

/* Ends come at random: each is asked for long enough before its turn. */
RSI_EXPECT void expect_end(const rsi_edge_stream *stream, const rs_edges *run, size_t i,
                           const slice *s)
{
    enum { NODE = 24, COUNT = 16, SLOT = 8 };
    const uint32_t *node_of = stream->dst.node_of;
    if (i + NODE < run->count) {
        uint32_t near = node_of[run->dst[i + SLOT]];
        __builtin_prefetch(&node_of[run->dst[i + NODE]]);
        __builtin_prefetch(&s->next[node_of[run->dst[i + COUNT]]], 1);
        if (s->to != NULL && is_in(s, near)) {
            __builtin_prefetch(&s->to[s->next[near] - s->base], 1);
        }
    }
}

/* False where a row would get more than was counted. */
static bool put(const slice *s, uint32_t node, uint32_t other)
{
    if (!is_in(s, node)) {
        return true;
    }
    if (s->next[node] >= s->end[node]) {
        return false;
    }
    s->to[s->next[node]++ - s->base] = other;
    return true;
}

/* Visit each edge of a relation up to as_of: count its ends, or write those of the slice. Of edges
 * that repeat the one before the first is enough. */
static rs_status visit_edges(const rs_graph *graph, size_t relation, const slice *s, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_edge_stream stream = {0};
    rs_edges run = {0};
    uint32_t last_a = RS_NO_NODE;
    uint32_t last_b = RS_NO_NODE;
    RS_TRY(rsi_edge_stream_open(&stream, graph, relation, 0, err));
    do {
        RS_TRY(rsi_edge_stream_next(&stream, &run, err));
        for (size_t i = 0; i < run.count; i++) {
            expect_end(&stream, &run, i, s);
            uint32_t a = stream.src.node_of[run.src[i]];
            uint32_t b = stream.dst.node_of[run.dst[i]];
            if (a == b || (a == last_a && b == last_b)) {
                continue;
            }
            last_a = a;
            last_b = b;
            if (s->to == NULL) {
                s->next[a]++;
                s->next[b]++;
            } else if (!put(s, a, b) || !put(s, b, a)) {
                status = rs_fail(err, RS_ECORRUPT,
                                 "relation \"%s\" has more edges than when it was read first",
                                 stream.relation.name);
                goto done;
            }
        }
    } while (run.count > 0);
done:
    rsi_edge_stream_close(&stream);
    return status;
}

/* ---- a slice -----------------------------------------------------------------------------------
 */

static rs_status sort_row(uint32_t *row, size_t count, rs_error *err)
{
    if (count > INSERTION_MAX) {
        return rsi_sort_u32(row, count, NULL, err);
    }
    for (size_t i = 1; i < count; i++) {
        uint32_t value = row[i];
        size_t k = i;
        for (; k > 0 && row[k - 1] > value; k--) {
            row[k] = row[k - 1];
        }
        row[k] = value;
    }
    return RS_OK;
}

/* Sort every row of the slice and close the gaps that repeated partners leave; `*at` is the number
 * of ties of all slices so far, and first[v] becomes where the row of v begins among them. */
static rs_status tidy_rows(const slice *s, uint64_t *first, uint64_t *at, rs_error *err)
{
    uint32_t *to = s->to;
    for (uint32_t v = s->first; v < s->first + s->count; v++) {
        uint32_t *row = s->to + (first[v] - s->base);
        size_t count = (size_t)(s->next[v] - first[v]);
        rs_status status = sort_row(row, count, err);
        if (status != RS_OK) {
            return status;
        }
        first[v] = *at + (uint64_t)(to - s->to);
        for (size_t i = 0; i < count; i++) {
            if (i == 0 || row[i] != row[i - 1]) {
                *to++ = row[i]; /* to never passes row + i */
            }
        }
    }
    *at += (uint64_t)(to - s->to);
    return RS_OK;
}

/* Where the slice ends that begins with subject v: its rows fit, but for a single one. */
static uint32_t slice_end(const uint64_t *first, uint32_t v, uint32_t subjects, uint64_t room)
{
    uint32_t end = v + 1;
    while (end < subjects && first[end + 1] - first[v] <= room) {
        end++;
    }
    return end;
}

static uint64_t largest_slice(const uint64_t *first, uint32_t subjects, uint64_t room)
{
    uint64_t largest = 0;
    for (uint32_t v = 0, end; v < subjects; v = end) {
        end = slice_end(first, v, subjects, room);
        largest = first[end] - first[v] > largest ? first[end] - first[v] : largest;
    }
    return largest;
}

/* `to` has room for the largest slice: the ties' own memory where there is one slice. */
static rs_status read_slices(rsi_ties *ties, const rs_graph *graph, size_t relation, uint64_t room,
                             uint64_t *next, uint32_t *to, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t subjects = ties->graph.node_count;
    uint64_t *first = ties->first, at = 0;
    for (uint32_t v = 0, end; v < subjects; v = end) {
        end = slice_end(first, v, subjects, room);
        slice s = {.first = v,
                   .count = end - v,
                   .base = first[v],
                   .next = next,
                   .end = first + 1,
                   .to = to};
        uint64_t before = at;
        memcpy(next + v, first + v, s.count * sizeof *next);
        RS_TRY(visit_edges(graph, relation, &s, err));
        RS_TRY(tidy_rows(&s, first, &at, err));
        if (to == ties->links.to) {
            ties->links.count = (size_t)at;
        } else {
            RS_TRY(rsi_links_append(&ties->links, to, (size_t)(at - before), err));
        }
    }
    first[subjects] = at;
done:
    return status;
}

/* ---- all of it ---------------------------------------------------------------------------------
 */

/* An eighth of ln(N/d)/ln N. */
static uint32_t tie_weight(uint64_t subjects, uint64_t partners)
{
    if (subjects < 2 || partners == 0 || partners >= subjects) {
        return 0;
    }
    uint64_t ln_all = rsi_ln_q32(subjects);
    return (uint32_t)(((ln_all - rsi_ln_q32(partners)) << 17) / ln_all);
}

/* Most have few partners, so that few logarithms are taken. */
static void weigh(const rsi_ties *ties)
{
    uint32_t known[KNOWN];
    uint32_t subjects = ties->graph.node_count;
    for (uint32_t i = 0; i < KNOWN; i++) {
        known[i] = tie_weight(subjects, i);
    }
    for (uint32_t v = 0; v < subjects; v++) {
        uint64_t partners = ties->first[v + 1] - ties->first[v];
        ties->weight[v] = partners < KNOWN ? known[partners] : tie_weight(subjects, partners);
    }
}

static rs_status count_slots(const rsi_ties *ties, const rs_graph *graph, size_t relation,
                             uint64_t *next, rs_error *err)
{
    slice all = {.count = ties->graph.node_count, .next = next};
    rs_status status = visit_edges(graph, relation, &all, err);
    for (uint32_t v = 0; v < ties->graph.node_count; v++) {
        ties->first[v + 1] = ties->first[v] + next[v];
    }
    return status;
}

static rs_status make_arrays(rsi_ties *ties, uint32_t subjects, rs_error *err)
{
    *ties = (rsi_ties){.links = {.file = RSI_SPILL_NONE}};
    ties->first = calloc((size_t)subjects + 1, sizeof *ties->first);
    ties->weight = malloc(((size_t)subjects + 1) * sizeof *ties->weight);
    ties->graph = (rs_adjacency){.node_count = subjects, .first = ties->first};
    return ties->first != NULL && ties->weight != NULL
               ? RS_OK
               : rs_fail(err, RS_ENOMEM, "out of memory (%u subjects)", subjects);
}

/* All links are there. */
static rs_status show(rsi_ties *ties, rs_error *err)
{
    rs_status status = rsi_links_end(&ties->links, err);
    rsi_links_show(&ties->links, &ties->graph);
    ties->window = rsi_window_of(&ties->graph);
    weigh(ties);
    return status;
}

rs_status rsi_ties_read(rsi_ties *ties, const rs_graph *graph, size_t relation,
                        uint64_t memory_bytes, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t subjects = rs_graph_subject_count(graph);
    uint32_t *own = NULL;
    uint64_t *next = NULL;
    RS_TRY(make_arrays(ties, subjects, err));
    next = calloc((size_t)subjects + 1, sizeof *next);
    if (next == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u subjects)", subjects);
        goto done;
    }
    RS_TRY(count_slots(ties, graph, relation, next, err));
    uint64_t slots = ties->first[subjects];
    RS_TRY(rsi_links_begin(&ties->links, slots, memory_bytes, false, work, err));
    uint64_t room = slots;
    if (ties->links.room < slots) {
        room = memory_bytes / sizeof *own;
        uint64_t largest = largest_slice(ties->first, subjects, room);
        own = malloc((size_t)(largest + 1) * sizeof *own);
        if (own == NULL) {
            status =
                rs_fail(err, RS_ENOMEM, "out of memory (%llu ties)", (unsigned long long)largest);
            goto done;
        }
    }
    RS_TRY(read_slices(ties, graph, relation, room, next, own == NULL ? ties->links.to : own, err));
    RS_TRY(show(ties, err));
done:
    free(own);
    free(next);
    return status;
}

/* ---- from a timeline ---------------------------------------------------------------------------
 */

/* The other ends of the events of a node at one end of the timeline, behind `to`. */
static size_t add_ends(const rs_event *events, const uint32_t *first, uint32_t rank,
                       uint32_t node_count, uint32_t *to)
{
    size_t count = 0;
    if (rank < node_count) {
        for (uint32_t i = first[rank]; i < first[rank + 1]; i++) {
            to[count++] = events[i].node;
        }
    }
    return count;
}

/* The row of each subject, sorted and each partner once. */
static rs_status put_rows(rsi_ties *ties, const rs_timeline *line, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_links *links = &ties->links;
    for (uint32_t v = 0; v < ties->graph.node_count; v++) {
        uint32_t *row = links->to + links->count;
        size_t count =
            add_ends(line->out, line->out_first, v - line->src_first, line->src_count, row);
        count +=
            add_ends(line->in, line->in_first, v - line->dst_first, line->dst_count, row + count);
        RS_TRY(sort_row(row, count, err));
        ties->first[v] = links->count;
        for (size_t i = 0; i < count; i++) {
            if (i == 0 || row[i] != row[i - 1]) {
                links->to[links->count++] = row[i]; /* never passes row + i */
            }
        }
    }
    ties->first[ties->graph.node_count] = links->count;
done:
    return status;
}

rs_status rsi_ties_in_time(rsi_ties *ties, const rs_graph *graph, const rs_timeline *timeline,
                           rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(make_arrays(ties, rs_graph_subject_count(graph), err));
    RS_TRY(rsi_links_begin(&ties->links, 2 * (uint64_t)timeline->count, 0, false, NULL, err));
    RS_TRY(put_rows(ties, timeline, err));
    RS_TRY(show(ties, err));
done:
    if (status != RS_OK) {
        rsi_ties_free(ties);
        *ties = (rsi_ties){0}; /* none */
    }
    return status;
}

void rsi_ties_free(rsi_ties *ties)
{
    free(ties->first);
    free(ties->weight);
    rsi_links_free(&ties->links);
    rsi_window_free(&ties->window);
}
