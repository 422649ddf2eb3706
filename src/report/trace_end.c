/* trace_end.c - the sections of network.bin that are written when a run knows all it found.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "graph/sides.h"
#include "report/report.h"
#include "report/trace_internal.h"

enum { IDS_AT_ONCE = 1 << 21 };

/* ---- what all of it is about ----------------------------------------------------------------- */

static size_t range_of_type(const rs_graph *graph, uint32_t type)
{
    const char *name = rs_store_type(rs_graph_store(graph), type).name;
    size_t range = 0;
    while (strcmp(rs_graph_range(graph, range).type, name) != 0) {
        range++;
    }
    return range;
}

static rs_status add_string(rsi_buffer *text, const char *string, rs_error *err)
{
    return rsi_buffer_add(text, string, strlen(string) + 1, err);
}

static rs_status add_numbers(rsi_buffer *list, const uint64_t *numbers, size_t count, rs_error *err)
{
    return rsi_buffer_add(list, numbers, count * sizeof *numbers, err);
}

static rs_status gather_meta(const rsi_trace *trace, rsi_buffer *ranges, rsi_buffer *relations,
                             rsi_buffer *text, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_graph *graph = trace->graph;
    const rs_store *store = rs_graph_store(graph);
    char *label = NULL;
    for (size_t i = 0; i < rs_graph_range_count(graph); i++) {
        rs_node_range range = rs_graph_range(graph, i);
        RS_TRY(add_numbers(ranges, (uint64_t[]){range.first, range.count, range.subject}, 3, err));
        RS_TRY(add_string(text, range.type, err));
    }
    for (size_t r = 0; r < rs_store_relation_count(store); r++) {
        rs_relation_info info = rs_store_relation(store, r);
        uint64_t ends[2] = {range_of_type(graph, info.src_type),
                            range_of_type(graph, info.dst_type)};
        RS_TRY(add_numbers(relations, ends, 2, err));
        free(label);
        label = rsi_relation_label(store, r);
        if (label == NULL) {
            status = rs_fail(err, RS_ENOMEM, "out of memory (name of a relation)");
            goto done;
        }
        RS_TRY(add_string(text, label, err));
        RS_TRY(add_string(text, info.name, err));
    }
done:
    free(label);
    return status;
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

rs_status rsi_trace_put_meta(rsi_trace *trace, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer ranges = {0}, relations = {0}, text = {0};
    uint64_t numbers[] = {rs_graph_node_count(trace->graph), rs_graph_subject_count(trace->graph),
                          bits_of(trace->options.damping), trace->options.ground,
                          bits_of(trace->options.tolerance)};
    RS_TRY(gather_meta(trace, &ranges, &relations, &text, err));
    RS_TRY(rsi_pages_section(trace->network, RSI_TRACE_META, err));
    RS_TRY(rsi_page_column(trace->network, numbers, sizeof numbers / sizeof *numbers, err));
    RS_TRY(rsi_page_column(trace->network, (const uint64_t *)(const void *)ranges.bytes,
                           ranges.length / sizeof(uint64_t), err));
    RS_TRY(rsi_page_column(trace->network, (const uint64_t *)(const void *)relations.bytes,
                           relations.length / sizeof(uint64_t), err));
    RS_TRY(rsi_page_text(trace->network, text.bytes, text.length, err));
    RS_TRY(rsi_page_end(trace->network, 0, err));
done:
    rsi_buffer_free(&text);
    rsi_buffer_free(&relations);
    rsi_buffer_free(&ranges);
    return status;
}

/* ---- ids ------------------------------------------------------------------------------------- */

static rs_status put_page_of_ids(rsi_trace *trace, const rs_ids *ids, uint32_t first,
                                 uint32_t count, rsi_buffer *text, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t lengths[RSI_TRACE_PAGE];
    text->length = 0;
    for (uint32_t i = 0; i < count; i++) {
        rs_text id = rs_ids_of(ids, first + i);
        lengths[i] = id.length;
        RS_TRY(rsi_buffer_add(text, id.bytes, id.length, err));
    }
    RS_TRY(rsi_page_column(trace->network, lengths, count, err));
    RS_TRY(rsi_page_text(trace->network, text->bytes, text->length, err));
    RS_TRY(rsi_page_end(trace->network, first, err));
done:
    return status;
}

static rs_status put_window_of_ids(rsi_trace *trace, uint32_t first, uint32_t end, uint8_t *wanted,
                                   rsi_buffer *text, rs_error *err)
{
    rs_status status = RS_OK;
    rs_ids *ids = NULL;
    memset(wanted + first, 1, end - first);
    RS_TRY(rs_graph_ids(trace->graph, wanted, &ids, err));
    memset(wanted + first, 0, end - first);
    for (uint32_t v = first, count; v < end; v += count) {
        count = end - v < RSI_TRACE_PAGE ? end - v : RSI_TRACE_PAGE;
        RS_TRY(put_page_of_ids(trace, ids, v, count, text, err));
    }
done:
    rs_ids_free(ids);
    return status;
}

/* A page holds ids of one type, so that they ascend by hash in all pages of it. */
rs_status rsi_trace_put_ids(rsi_trace *trace, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer text = {0};
    uint8_t *wanted = calloc((size_t)rs_graph_node_count(trace->graph) + 1, 1);
    if (wanted == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (ids)");
    }
    RS_TRY(rsi_pages_section(trace->network, RSI_TRACE_IDS, err));
    for (size_t i = 0; i < rs_graph_range_count(trace->graph); i++) {
        rs_node_range range = rs_graph_range(trace->graph, i);
        uint32_t last = range.first + range.count;
        for (uint32_t v = range.first, end; v < last; v = end) {
            end = last - v < IDS_AT_ONCE ? last : v + IDS_AT_ONCE;
            RS_TRY(put_window_of_ids(trace, v, end, wanted, &text, err));
        }
    }
done:
    free(wanted);
    rsi_buffer_free(&text);
    return status;
}

/* ---- findings -------------------------------------------------------------------------------- */

/* By node: 1 + membership * 4 + role in the ring that the node is said to be of. */
static rs_status find_memberships(const rsi_trace *trace, const rs_findings *findings,
                                  uint32_t **out, rs_error *err)
{
    uint32_t *found = calloc((size_t)rs_graph_node_count(trace->graph) + 1, sizeof *found);
    if (found == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (memberships)");
    }
    for (size_t r = 0; r < findings->ring_count; r++) {
        const rs_ring *ring = &findings->rings[r];
        for (size_t i = ring->member_first; i < ring->member_first + ring->member_count; i++) {
            const rs_ring_member *member = &findings->members[i];
            if (findings->nodes[member->node].ring == r) {
                found[member->node] = member->membership * 4 + (uint32_t)member->role;
            }
        }
    }
    *out = found;
    return RS_OK;
}

rs_status rsi_trace_put_findings(rsi_trace *trace, const rsi_trace_end *end, rs_error *err)
{
    enum { RISK, SPREAD, ODDITY, RING_SCORE, RING, MEMBERSHIP, COLUMNS };
    rs_status status = RS_OK;
    uint32_t *memberships = NULL;
    uint32_t nodes = rs_graph_node_count(trace->graph);
    uint32_t subjects = rs_graph_subject_count(trace->graph);
    const rs_report_options reported = {.min_score = end->min_score};
    size_t rings = rsi_rings_reported(end->findings, &reported);
    RS_TRY(find_memberships(trace, end->findings, &memberships, err));
    RS_TRY(rsi_pages_section(trace->network, RSI_TRACE_FINDINGS, err));
    for (uint32_t v = 0, count; v < nodes; v += count) {
        uint64_t columns[COLUMNS][RSI_TRACE_PAGE] = {{0}};
        count = nodes - v < RSI_TRACE_PAGE ? nodes - v : RSI_TRACE_PAGE;
        for (uint32_t i = 0; i < count; i++) {
            const rs_node_risk *node = &end->findings->nodes[v + i];
            bool named = node->ring < rings;
            if (v + i < subjects || node->risk > 0) { /* as in the file of risks */
                columns[RISK][i] = node->risk;
                columns[SPREAD][i] = node->spread;
                columns[ODDITY][i] = node->oddity;
                columns[RING_SCORE][i] = node->ring_score;
                columns[RING][i] = named ? node->ring + UINT64_C(1) : 0;
                columns[MEMBERSHIP][i] = named ? memberships[v + i] : 0;
            }
        }
        for (int k = 0; k < COLUMNS; k++) {
            RS_TRY(rsi_page_column(trace->network, columns[k], count, err));
        }
        RS_TRY(rsi_page_end(trace->network, v, err));
    }
done:
    free(memberships);
    return status;
}

rs_status rsi_trace_put_rings(rsi_trace *trace, const rsi_trace_end *end, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_report_options reported = {.min_score = end->min_score};
    size_t rings = rsi_rings_reported(end->findings, &reported);
    RS_TRY(rsi_pages_section(trace->network, RSI_TRACE_RINGS, err));
    for (size_t r = 0, count; r < rings; r += count) {
        uint64_t scores[RSI_TRACE_PAGE], members[RSI_TRACE_PAGE];
        char ids[RSI_TRACE_PAGE][sizeof end->findings->rings[0].id];
        count = rings - r < RSI_TRACE_PAGE ? rings - r : RSI_TRACE_PAGE;
        for (size_t i = 0; i < count; i++) {
            const rs_ring *ring = &end->findings->rings[r + i];
            scores[i] = ring->score;
            members[i] = ring->member_count;
            memset(ids[i], 0, sizeof ids[i]);
            memcpy(ids[i], ring->id, strlen(ring->id));
        }
        RS_TRY(rsi_page_column(trace->network, scores, count, err));
        RS_TRY(rsi_page_column(trace->network, members, count, err));
        RS_TRY(rsi_page_text(trace->network, ids, count * sizeof ids[0], err));
        RS_TRY(rsi_page_end(trace->network, r, err));
    }
done:
    return status;
}

/* ---- evidence -------------------------------------------------------------------------------- */

/* Columns of a page of links. */
typedef struct link_page {
    rsi_buffer to, kind, thing;
} link_page;

static rs_status add_number(rsi_buffer *column, uint64_t number, rs_error *err)
{
    return rsi_buffer_add(column, &number, sizeof number, err);
}

/* The strongest of the links from `at` on that join the same two nodes; *end is behind them. */
static const rs_link *strongest(const rs_evidence *evidence, size_t at, size_t *end)
{
    const rs_link *best = &evidence->links[at];
    size_t i = at + 1;
    for (; i < evidence->link_count && evidence->links[i].a == best->a &&
           evidence->links[i].b == best->b;
         i++) {
        best = evidence->links[i].weight > best->weight ? &evidence->links[i] : best;
    }
    *end = i;
    return best;
}

/* Other ends as gaps, and 0 for no thing, 1 for the other end, 2 and more for what is shared. */
static rs_status add_links(link_page *page, const rs_evidence *evidence, uint32_t node, size_t *at,
                           uint64_t *degree, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t last = 0;
    for (*degree = 0; *at < evidence->link_count && evidence->links[*at].a == node; ++*degree) {
        const rs_link *link = strongest(evidence, *at, at);
        uint64_t thing = link->thing == RS_NO_NODE ? 0
                         : link->thing == link->b  ? 1
                                                   : link->thing + UINT64_C(2);
        RS_TRY(add_number(&page->to, link->b - last, err));
        RS_TRY(add_number(&page->kind, (uint64_t)link->kind << 16 | link->relation, err));
        RS_TRY(add_number(&page->thing, thing, err));
        last = link->b;
    }
done:
    return status;
}

static rs_status put_column(rsi_trace *trace, rsi_buffer *column, rs_error *err)
{
    rs_status status =
        rsi_page_column(trace->network, (const uint64_t *)(const void *)column->bytes,
                        column->length / sizeof(uint64_t), err);
    column->length = 0;
    return status;
}

rs_status rsi_trace_put_links(rsi_trace *trace, const rs_evidence *evidence, rs_error *err)
{
    rs_status status = RS_OK;
    link_page page = {0};
    size_t at = 0;
    uint32_t subjects = rs_graph_subject_count(trace->graph);
    RS_TRY(rsi_pages_section(trace->network, RSI_TRACE_LINKS, err));
    for (uint32_t v = 0, count; v < subjects; v += count) {
        uint64_t degrees[RSI_TRACE_PAGE];
        count = subjects - v < RSI_TRACE_PAGE ? subjects - v : RSI_TRACE_PAGE;
        for (uint32_t i = 0; i < count; i++) {
            RS_TRY(add_links(&page, evidence, v + i, &at, &degrees[i], err));
        }
        RS_TRY(rsi_page_column(trace->network, degrees, count, err));
        RS_TRY(put_column(trace, &page.to, err));
        RS_TRY(put_column(trace, &page.kind, err));
        RS_TRY(put_column(trace, &page.thing, err));
        RS_TRY(rsi_page_end(trace->network, v, err));
    }
done:
    rsi_buffer_free(&page.to);
    rsi_buffer_free(&page.kind);
    rsi_buffer_free(&page.thing);
    return status;
}

/* ---- lists ----------------------------------------------------------------------------------- */

rs_status rsi_trace_put_list(rsi_trace *trace, uint32_t section, const rs_list *list, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer text = {0};
    RS_TRY(rsi_pages_section(trace->network, section, err));
    for (size_t at = 0, count; list != NULL && at < list->count; at += count) {
        uint64_t nodes[RSI_TRACE_PAGE];
        count = list->count - at < RSI_TRACE_PAGE ? list->count - at : RSI_TRACE_PAGE;
        text.length = 0;
        for (size_t i = 0; i < count; i++) {
            nodes[i] = list->entries[at + i].node - (i > 0 ? list->entries[at + i - 1].node : 0);
            RS_TRY(add_string(&text, list->entries[at + i].reason, err));
        }
        RS_TRY(rsi_page_column(trace->network, nodes, count, err));
        RS_TRY(rsi_page_text(trace->network, text.bytes, text.length, err));
        RS_TRY(rsi_page_end(trace->network, list->entries[at].node, err));
    }
done:
    rsi_buffer_free(&text);
    return status;
}

/* ---- relations ------------------------------------------------------------------------------- */

/* Edges, and how many of them are repetitions. */
static rs_status put_side(rsi_trace *trace, const rsi_side *side, uint32_t section, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_pages_section(trace->network, section, err));
    for (uint32_t v = 0, count; v < side->range.count; v += count) {
        uint64_t peers[RSI_TRACE_PAGE], again[RSI_TRACE_PAGE];
        count = side->range.count - v < RSI_TRACE_PAGE ? side->range.count - v : RSI_TRACE_PAGE;
        for (uint32_t i = 0; i < count; i++) {
            peers[i] = side->peers[v + i];
            again[i] = side->edges[v + i] - peers[i];
        }
        RS_TRY(rsi_page_column(trace->network, peers, count, err));
        RS_TRY(rsi_page_column(trace->network, again, count, err));
        RS_TRY(rsi_page_end(trace->network, v, err));
    }
done:
    return status;
}

rs_status rsi_trace_put_sides(rsi_trace *trace, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_sides sides = {0};
    uint32_t relations = (uint32_t)rs_store_relation_count(rs_graph_store(trace->graph));
    for (uint32_t r = 0; r < relations; r++) {
        RS_TRY(rsi_graph_sides(trace->graph, r, &sides, work, err));
        RS_TRY(put_side(trace, &sides.src, RSI_TRACE_SIDES + 2 * r, err));
        RS_TRY(put_side(trace, &sides.dst, RSI_TRACE_SIDES + 2 * r + 1, err));
        rsi_sides_free(&sides);
    }
done:
    rsi_sides_free(&sides);
    return status;
}

/* Put a user among the first, which stand by spread, ties by node. */
static size_t keep_user(uint32_t *kept, size_t count, uint32_t user, const int64_t *risk)
{
    size_t at = count;
    while (at > 0 && risk[kept[at - 1]] < risk[user]) { /* users come in ascending order */
        at--;
    }
    if (at >= RSI_TRACE_USERS_MAX) {
        return count;
    }
    size_t last = count < RSI_TRACE_USERS_MAX ? count : RSI_TRACE_USERS_MAX - 1;
    memmove(kept + at + 1, kept + at, (last - at) * sizeof *kept);
    kept[at] = user;
    return last + 1;
}

static rs_status put_users(rsi_trace *trace, size_t range, const rsi_users *users,
                           const int64_t *risk, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t things = rs_graph_range(trace->graph, range).count;
    RS_TRY(rsi_pages_section(trace->network, RSI_TRACE_USERS + (uint32_t)range, err));
    for (uint32_t t = 0, count; t < things; t += count) {
        uint64_t counts[RSI_TRACE_PAGE], listed[RSI_TRACE_PAGE * RSI_TRACE_USERS_MAX];
        size_t all = 0;
        count = things - t < RSI_TRACE_PAGE ? things - t : RSI_TRACE_PAGE;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t kept[RSI_TRACE_USERS_MAX];
            size_t kept_count = 0;
            counts[i] = users->count[t + i];
            for (uint64_t k = 0; k < counts[i]; k++) {
                kept_count =
                    keep_user(kept, kept_count, users->users[users->first[t + i] + k], risk);
            }
            for (size_t k = 0; k < kept_count; k++) {
                listed[all++] = kept[k];
            }
        }
        RS_TRY(rsi_page_column(trace->network, counts, count, err));
        RS_TRY(rsi_page_column(trace->network, listed, all, err));
        RS_TRY(rsi_page_end(trace->network, t, err));
    }
done:
    return status;
}

rs_status rsi_trace_put_users(rsi_trace *trace, const int64_t *risk, const rs_work *work,
                              rs_error *err)
{
    rs_status status = RS_OK;
    rsi_users users = {0};
    for (size_t i = 0; i < rs_graph_range_count(trace->graph); i++) {
        if (!rs_graph_range(trace->graph, i).subject) {
            RS_TRY(rsi_graph_users(trace->graph, i, &users, work, err));
            RS_TRY(put_users(trace, i, &users, risk, err));
            rsi_users_free(&users);
        }
    }
done:
    rsi_users_free(&users);
    return status;
}
