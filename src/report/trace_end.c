/* trace_end.c - the sections of network.bin that are written when a run knows all it found.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/expect.h"
#include "base/sort.h"
#include "base/try.h"
#include "report/report.h"
#include "report/trace_internal.h"

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

static uint32_t lines_of_range(const rsi_trace *trace, const rs_findings *findings,
                               rs_node_range range)
{
    uint32_t lines = 0;
    for (uint32_t v = range.first; v < range.first + range.count; v++) {
        lines += rsi_trace_has_line(trace, findings, v);
    }
    return lines;
}

static rs_status gather_meta(const rsi_trace *trace, const rs_findings *findings,
                             rsi_buffer *ranges, rsi_buffer *relations, rsi_buffer *text,
                             rs_error *err)
{
    rs_status status = RS_OK;
    const rs_graph *graph = trace->graph;
    const rs_store *store = rs_graph_store(graph);
    char *label = NULL;
    for (size_t i = 0; i < rs_graph_range_count(graph); i++) {
        rs_node_range range = rs_graph_range(graph, i);
        RS_TRY(add_numbers(ranges,
                           (uint64_t[]){range.first, range.count, range.subject,
                                        lines_of_range(trace, findings, range)},
                           4, err));
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

rs_status rsi_trace_put_meta(rsi_trace *trace, const rs_findings *findings, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer ranges = {0}, relations = {0}, text = {0};
    uint64_t numbers[] = {rs_graph_node_count(trace->graph), rs_graph_subject_count(trace->graph),
                          bits_of(trace->options.damping), trace->options.ground,
                          bits_of(trace->options.tolerance)};
    RS_TRY(gather_meta(trace, findings, &ranges, &relations, &text, err));
    RS_TRY(rsi_pages_section(trace->network, RSI_TRACE_META, err));
    RS_TRY(rsi_page_column(trace->network, numbers, sizeof numbers / sizeof *numbers, err));
    RS_TRY(rsi_page_column(trace->network, (const uint64_t *)(const void *)ranges.bytes,
                           ranges.length / sizeof(uint64_t), err));
    RS_TRY(rsi_page_column(trace->network, (const uint64_t *)(const void *)relations.bytes,
                           relations.length / sizeof(uint64_t), err));
    RS_TRY(rsi_page_text(trace->network, text.bytes, text.length, true, err));
    RS_TRY(rsi_page_end(trace->network, 0, err));
done:
    rsi_buffer_free(&text);
    rsi_buffer_free(&relations);
    rsi_buffer_free(&ranges);
    return status;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* Entries as distances from the page's key, lengths of ids; text: the ids. */
static rs_status put_names(rsi_trace *trace, const rs_ids *ids, const uint8_t *wanted,
                           rsi_buffer *text, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t nodes[RSI_TRACE_PAGE], lengths[RSI_TRACE_PAGE];
    size_t count = 0;
    uint32_t all = rs_graph_node_count(trace->graph);
    for (uint32_t v = 0; v <= all; v++) {
        if (v < all && wanted[v]) {
            rs_text id = rs_ids_of(ids, v);
            nodes[count] = v;
            lengths[count++] = id.length;
            RS_TRY(rsi_buffer_add(text, id.bytes, id.length, err));
        }
        if (count == RSI_TRACE_PAGE || (v == all && count > 0)) {
            uint64_t first = nodes[0];
            for (size_t i = count; i-- > 1;) {
                nodes[i] -= nodes[i - 1];
            }
            nodes[0] = 0;
            RS_TRY(rsi_page_column(trace->network, nodes, count, err));
            RS_TRY(rsi_page_column(trace->network, lengths, count, err));
            RS_TRY(rsi_page_text(trace->network, text->bytes, text->length, true, err));
            RS_TRY(rsi_page_end(trace->network, first, err));
            text->length = count = 0;
        }
    }
done:
    return status;
}

/* Of nodes that an explanation may name and that risks.csv does not. */
rs_status rsi_trace_put_names(rsi_trace *trace, const rs_findings *findings, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_buffer text = {0};
    rs_ids *ids = NULL;
    uint8_t *wanted = trace->met; /* nobody asks for it afterwards */
    bool any = false;
    for (uint32_t v = 0; v < rs_graph_node_count(trace->graph); v++) {
        wanted[v] = wanted[v] && !rsi_trace_has_line(trace, findings, v);
        any = any || wanted[v];
    }
    if (any) {
        RS_TRY(rs_graph_ids(trace->graph, wanted, &ids, err));
        RS_TRY(rsi_pages_section(trace->network, RSI_TRACE_NAMES, err));
        RS_TRY(put_names(trace, ids, wanted, &text, err));
    }
done:
    rs_ids_free(ids);
    rsi_buffer_free(&text);
    return status;
}

/* ---- rings ----------------------------------------------------------------------------------- */

typedef const rs_ring *ring_at;

static int compare_rings(const void *a, const void *b)
{
    return strcmp((*(const ring_at *)a)->id, (*(const ring_at *)b)->id);
}

/* The first twelve characters behind "R-" in base 36, which keeps their order. */
uint64_t rsi_trace_ring_key(const char *id)
{
    uint64_t key = 0;
    for (size_t i = 2; i < 14 && id[i] != '\0'; i++) {
        key = key * 36 + (uint64_t)(id[i] >= 'a' ? id[i] - 'a' + 10 : id[i] - '0') % 36;
    }
    return key;
}

/* By id: scores, numbers of members; text: the ids. */
static rs_status put_rings(rsi_trace *trace, const ring_at *rings, size_t ring_count, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t r = 0, count; r < ring_count; r += count) {
        uint64_t scores[RSI_TRACE_PAGE], members[RSI_TRACE_PAGE];
        char ids[RSI_TRACE_PAGE][sizeof rings[0]->id];
        count = ring_count - r < RSI_TRACE_PAGE ? ring_count - r : RSI_TRACE_PAGE;
        for (size_t i = 0; i < count; i++) {
            const rs_ring *ring = rings[r + i];
            scores[i] = ring->score;
            members[i] = ring->member_count;
            memset(ids[i], 0, sizeof ids[i]);
            memcpy(ids[i], ring->id, strlen(ring->id));
        }
        RS_TRY(rsi_page_column(trace->network, scores, count, err));
        RS_TRY(rsi_page_column(trace->network, members, count, err));
        RS_TRY(rsi_page_text(trace->network, ids, count * sizeof ids[0], true, err));
        RS_TRY(rsi_page_end(trace->network, rsi_trace_ring_key(rings[r]->id), err));
    }
done:
    return status;
}

/* By node, as distances from the page's key: how it belongs to the ring that it is said to be of.
 */
static rs_status put_members(rsi_trace *trace, const rsi_record *members, size_t member_count,
                             rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_pages_section(trace->network, RSI_TRACE_MEMBERS, err));
    for (size_t m = 0, count; m < member_count; m += count) {
        uint64_t nodes[RSI_TRACE_PAGE], belongs[RSI_TRACE_PAGE];
        count = member_count - m < RSI_TRACE_PAGE ? member_count - m : RSI_TRACE_PAGE;
        for (size_t i = 0; i < count; i++) {
            nodes[i] = members[m + i].key - members[m + i - (i > 0)].key;
            belongs[i] = members[m + i].value;
        }
        RS_TRY(rsi_page_column(trace->network, nodes, count, err));
        RS_TRY(rsi_page_column(trace->network, belongs, count, err));
        RS_TRY(rsi_page_end(trace->network, members[m].key, err));
    }
done:
    return status;
}

/* Each of its node, by which they are found, and membership * 8 + role. */
static size_t gather_members(const rs_findings *findings, size_t rings, rsi_record *members)
{
    size_t count = 0;
    for (size_t r = 0; r < rings; r++) {
        const rs_ring *ring = &findings->rings[r];
        for (size_t i = ring->member_first; i < ring->member_first + ring->member_count; i++) {
            const rs_ring_member *one = &findings->members[i];
            if (findings->nodes[one->node].ring == r) {
                members[count++] = (rsi_record){.key = one->node,
                                                .value = one->membership * 8 + (uint32_t)one->role};
            }
        }
    }
    return count;
}

rs_status rsi_trace_put_rings(rsi_trace *trace, const rsi_trace_end *end, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_report_options reported = {.min_score = end->min_score};
    size_t count = rsi_rings_reported(end->findings, &reported), member_count = 0;
    for (size_t r = 0; r < count; r++) {
        member_count += end->findings->rings[r].member_count;
    }
    ring_at *rings = calloc(count + 1, sizeof(ring_at));
    rsi_record *members = calloc(member_count + 1, sizeof *members);
    if (rings == NULL || members == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu members of rings)", member_count);
        goto done;
    }
    for (size_t r = 0; r < count; r++) {
        rings[r] = &end->findings->rings[r];
    }
    qsort(rings, count, sizeof(ring_at), compare_rings);
    member_count = gather_members(end->findings, count, members);
    RS_TRY(rsi_sort_records(members, member_count, NULL, err));
    RS_TRY(rsi_pages_section(trace->network, RSI_TRACE_RINGS, err));
    RS_TRY(put_rings(trace, rings, count, err));
    RS_TRY(put_members(trace, members, member_count, err));
done:
    free(rings);
    free(members);
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
        RS_TRY(rsi_page_text(trace->network, text.bytes, text.length, true, err));
        RS_TRY(rsi_page_end(trace->network, list->entries[at].node, err));
    }
done:
    rsi_buffer_free(&text);
    return status;
}

/* ---- users ----------------------------------------------------------------------------------- */

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

typedef struct users_page {
    uint64_t things[RSI_TRACE_PAGE]; /* distances, the first from the key */
    uint64_t users[RSI_TRACE_PAGE];
    uint64_t events[RSI_TRACE_PAGE]; /* beyond one a user */
    uint64_t largest[RSI_TRACE_PAGE * RSI_TRACE_USERS_MAX];
    size_t count, largest_count;
    uint32_t first, last;
} users_page;

static void begin_thing(users_page *page, uint32_t thing, uint64_t users, uint64_t events)
{
    page->first = page->count == 0 ? thing : page->first;
    page->things[page->count] = page->count == 0 ? 0 : thing - page->last;
    page->users[page->count] = users;
    page->events[page->count++] = events - users;
    page->last = thing;
}

static void add_uses(users_page *page, const rs_groups *groups, uint32_t group, const int64_t *risk)
{
    uint32_t kept[RSI_TRACE_USERS_MAX];
    uint64_t users = groups->first[group + 1] - groups->first[group], events = 0;
    size_t kept_count = 0;
    for (uint64_t i = groups->first[group]; i < groups->first[group + 1]; i++) {
        events += groups->events[i];
        kept_count = keep_user(kept, kept_count, groups->users[i], risk);
    }
    for (size_t i = 0; i < kept_count; i++) {
        page->largest[page->largest_count++] = kept[i];
    }
    begin_thing(page, groups->things[group], users, events);
}

/* Of each thing whose risk shows the last user seen, and how many events: of use where it is the
 * only one, for groups hold the others. */
typedef struct singles {
    uint32_t *user; /* by node less the subjects; RS_NO_NODE: none */
    uint32_t *events;
} singles;

/* Of a node that comes at random; of none: nowhere, which does no harm. */
RSI_EXPECT void expect_finding(const rs_findings *findings, uint32_t node)
{
    __builtin_prefetch(&findings->nodes[node].risk);
}

/* Which things of a type show a risk, a bit each, by their numbers in the store. */
static rs_status find_told(const rsi_trace *trace, size_t type, const rs_findings *findings,
                           uint8_t **out, rs_error *err)
{
    enum { AHEAD = 24 };
    const rs_graph *graph = trace->graph;
    uint32_t count = rs_store_type(rs_graph_store(graph), type).node_count;
    uint8_t *told = calloc((size_t)count / 8 + 1, 1);
    if (told == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u things)", count);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (i + AHEAD < count) {
            expect_finding(findings, rs_graph_node(graph, type, i + AHEAD));
        }
        uint32_t node = rs_graph_node(graph, type, i);
        bool shows = node != RS_NO_NODE && findings->nodes[node].risk >= RSI_TRACE_TOLD;
        told[i / 8] |= (uint8_t)(shows << i % 8);
    }
    *out = told;
    return RS_OK;
}

static rs_status read_singles(const rsi_trace *trace, size_t relation, const rsi_trace_end *end,
                              singles *out, rs_error *err)
{
    rs_status status = RS_OK;
    rs_scan *scan = NULL;
    uint8_t *told = NULL;
    rs_edges run = {0};
    const rs_graph *graph = trace->graph;
    const rs_store *store = rs_graph_store(graph);
    rs_relation_info info = rs_store_relation(store, relation);
    uint32_t subjects = rs_graph_subject_count(graph), nodes = rs_graph_node_count(graph);
    int64_t as_of = rs_graph_as_of(graph);
    bool from_subject = rs_store_type(store, info.src_type).subject;
    size_t of_users = from_subject ? info.src_type : info.dst_type;
    size_t of_things = from_subject ? info.dst_type : info.src_type;
    memset(out->user, 0xff, (size_t)(nodes - subjects) * sizeof *out->user);
    memset(out->events, 0, (size_t)(nodes - subjects) * sizeof *out->events);
    if ((info.kind != RS_KIND_SHARED && info.kind != RS_KIND_IDENTITY) ||
        rs_store_type(store, info.dst_type).subject == from_subject) {
        return RS_OK;
    }
    RS_TRY(find_told(trace, of_things, end->findings, &told, err));
    RS_TRY(rs_scan_open(&scan, store, relation, RS_SCAN_TIME, err));
    do {
        RS_TRY(rs_scan_next(scan, &run, err));
        const uint32_t *things = from_subject ? run.dst : run.src;
        const uint32_t *users = from_subject ? run.src : run.dst;
        for (size_t i = 0; i < run.count; i++) {
            bool there = run.time == NULL || run.time[i] == RS_NO_TIME || run.time[i] <= as_of;
            if (there && told[things[i] / 8] >> things[i] % 8 & 1) {
                uint32_t thing = rs_graph_node(graph, of_things, things[i]) - subjects;
                out->user[thing] = rs_graph_node(graph, of_users, users[i]);
                out->events[thing]++;
            }
        }
    } while (run.count > 0);
done:
    rs_scan_close(scan);
    free(told);
    return status;
}

static rs_status end_users(rsi_trace *trace, users_page *page, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_page_column(trace->network, page->things, page->count, err));
    RS_TRY(rsi_page_column(trace->network, page->users, page->count, err));
    RS_TRY(rsi_page_column(trace->network, page->events, page->count, err));
    RS_TRY(rsi_page_column(trace->network, page->largest, page->largest_count, err));
    RS_TRY(rsi_page_end(trace->network, page->first, err));
    page->count = page->largest_count = 0;
done:
    return status;
}

static rs_status put_users(rsi_trace *trace, const rs_groups *groups, const rsi_trace_end *end,
                           const singles *single, users_page *page, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t subjects = rs_graph_subject_count(trace->graph), g = 0;
    for (uint32_t v = subjects; v < rs_graph_node_count(trace->graph); v++) {
        while (g < groups->count && groups->things[g] < v) {
            g++;
        }
        if (single->user[v - subjects] == RS_NO_NODE) {
            continue;
        }
        if (g < groups->count && groups->things[g] == v) {
            add_uses(page, groups, g, end->risk);
        } else {
            page->largest[page->largest_count++] = single->user[v - subjects];
            begin_thing(page, v, 1, single->events[v - subjects]);
        }
        if (page->count == RSI_TRACE_PAGE) {
            RS_TRY(end_users(trace, page, err));
        }
    }
    if (page->count > 0) {
        RS_TRY(end_users(trace, page, err));
    }
done:
    return status;
}

/* Of things whose risk shows. */
rs_status rsi_trace_put_users(rsi_trace *trace, const rsi_trace_end *end, rs_error *err)
{
    rs_status status = RS_OK;
    size_t things = rs_graph_node_count(trace->graph) - rs_graph_subject_count(trace->graph);
    users_page *page = calloc(1, sizeof *page);
    singles single = {malloc((things + 1) * sizeof *single.user),
                      malloc((things + 1) * sizeof *single.events)};
    if (page == NULL || single.user == NULL || single.events == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (users of things)");
        goto done;
    }
    bool any = false;
    for (uint32_t v = rs_graph_subject_count(trace->graph);
         v < rs_graph_node_count(trace->graph) && !any; v++) {
        any = end->findings->nodes[v].risk >= RSI_TRACE_TOLD;
    }
    for (size_t r = 0; any && r < end->evidence->relation_count; r++) {
        RS_TRY(read_singles(trace, r, end, &single, err));
        RS_TRY(rsi_pages_section(trace->network, RSI_TRACE_USERS + (uint32_t)r, err));
        RS_TRY(put_users(trace, &end->evidence->groups[r], end, &single, page, err));
    }
done:
    free(page);
    free(single.user);
    free(single.events);
    return status;
}
