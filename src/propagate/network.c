/* network.c - links of all sorts -> one symmetric adjacency.
 *
 * Each relation between subjects becomes rows of distinct partners: count, scatter, sort each row
 * where it lies (rows are short, so this is a sort within the cache). Then the rows of the evidence
 * and of all relations are put one after the other, node by node, and equal partners added up.
 *
 * Nearly all nodes have links in two rows at most, which are merged.
 *
 * Memory: 8 bytes a link and direction in the end, 4 more while relations are being put together.
 * Cost: two readings of each relation, O(links log of a row).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ringscope/network.h"

#include <stdlib.h>
#include <string.h>

#include "base/fixed.h"
#include "base/sort.h"
#include "base/try.h"
#include "graph/internal.h"

#define LINK_WEIGHT_MAX (UINT64_C(1) << 26)
#define HARD_WEIGHT     (UINT32_C(1) << 20)
enum { INSERTION_MAX = 24 };

/* Partners by subject: of v, to[first[v]] .. to[first[v + 1] - 1]. */
typedef struct rows {
    uint64_t *first; /* nodes + 1 */
    uint32_t *to;
    uint64_t *weight; /* by subject: what a tie of this relation may weigh at this end */
} rows;

static void rows_free(rows *r)
{
    free(r->first);
    free(r->to);
    free(r->weight);
}

/* ---- one relation
 * -------------------------------------------------------------------------------- */

/* Ends come at random: each is asked for long enough before its turn. */
static void expect_end(const rsi_edge_stream *stream, const rs_edges *run, size_t i,
                       const uint64_t *next, const uint32_t *to)
{
    enum { NODE = 24, COUNT = 16, SLOT = 8 };
    const uint32_t *node_of = stream->dst.node_of;
    if (i + NODE < run->count) {
        __builtin_prefetch(&node_of[run->dst[i + NODE]]);
        __builtin_prefetch(&next[node_of[run->dst[i + COUNT]]], 1);
        if (to != NULL) {
            __builtin_prefetch(&to[next[node_of[run->dst[i + SLOT]]]], 1);
        }
    }
}

/* Visit each edge of a relation up to as_of: count its ends, or write them where `next` says and
 * `end` (by node, where its row ends) allows. Of edges that repeat the one before the first is
 * enough. */
static rs_status visit_edges(const rs_graph *graph, size_t relation, uint64_t *next,
                             const uint64_t *end, uint32_t *to, rs_error *err)
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
            expect_end(&stream, &run, i, next, to);
            uint32_t a = stream.src.node_of[run.src[i]];
            uint32_t b = stream.dst.node_of[run.dst[i]];
            if (a == b || (a == last_a && b == last_b)) {
                continue;
            }
            last_a = a;
            last_b = b;
            if (to == NULL) {
                next[a]++;
                next[b]++;
                continue;
            }
            if (next[a] >= end[a] || next[b] >= end[b]) {
                status = rs_fail(err, RS_ECORRUPT,
                                 "relation \"%s\" has more edges than when it was read first",
                                 stream.relation.name);
                goto done;
            }
            to[next[a]++] = b;
            to[next[b]++] = a;
        }
    } while (run.count > 0);
done:
    rsi_edge_stream_close(&stream);
    return status;
}

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

/* Sort every row and close the gaps that repeated partners leave. `end` has where each row ends. */
static rs_status tidy_rows(rows *r, const uint64_t *end, uint32_t subjects, rs_error *err)
{
    uint64_t at = 0;
    for (uint32_t v = 0; v < subjects; v++) {
        uint32_t *row = r->to + r->first[v];
        size_t count = (size_t)(end[v] - r->first[v]);
        rs_status status = sort_row(row, count, err);
        if (status != RS_OK) {
            return status;
        }
        r->first[v] = at;
        for (size_t i = 0; i < count; i++) {
            if (i == 0 || row[i] != row[i - 1]) {
                r->to[at++] = row[i]; /* at never passes row + i */
            }
        }
    }
    r->first[subjects] = at;
    return RS_OK;
}

/* An eighth of ln(N/d)/ln N. */
static uint64_t tie_weight(uint64_t subjects, uint64_t partners)
{
    if (subjects < 2 || partners == 0 || partners >= subjects) {
        return 0;
    }
    uint64_t ln_all = rsi_ln_q32(subjects);
    return ((ln_all - rsi_ln_q32(partners)) << 17) / ln_all;
}

static rs_status read_relation(const rs_graph *graph, size_t relation, rows *out, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t subjects = rs_graph_subject_count(graph);
    uint64_t *next = calloc((size_t)subjects + 1, sizeof *next);
    out->first = calloc((size_t)subjects + 1, sizeof *out->first);
    out->weight = malloc(((size_t)subjects + 1) * sizeof *out->weight);
    if (next == NULL || out->first == NULL || out->weight == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u subjects)", subjects);
        goto done;
    }
    RS_TRY(visit_edges(graph, relation, next, NULL, NULL, err));
    for (uint32_t v = 0; v < subjects; v++) {
        out->first[v + 1] = out->first[v] + next[v];
        next[v] = out->first[v];
    }
    out->to = malloc((out->first[subjects] + 1) * sizeof *out->to);
    if (out->to == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%llu ties)",
                         (unsigned long long)out->first[subjects]);
        goto done;
    }
    RS_TRY(visit_edges(graph, relation, next, out->first + 1, out->to, err));
    RS_TRY(tidy_rows(out, next, subjects, err));
    for (uint32_t v = 0; v < subjects; v++) {
        out->weight[v] = tie_weight(subjects, out->first[v + 1] - out->first[v]);
    }
done:
    free(next);
    return status;
}

/* ---- the evidence -------------------------------------------------------------------------------
 */

/* Neighbours in the collapsed graph by node of the graph, with weights; ascending, because links
 * are: the smaller neighbours of a node are written before the larger ones, in two passes. */
static rs_status evidence_rows(const rs_graph *graph, const rs_evidence_graph *g, rows *out,
                               uint32_t **weights, rs_error *err)
{
    size_t nodes = rs_graph_node_count(graph);
    uint64_t *next = calloc(nodes + 1, sizeof *next);
    out->first = calloc(nodes + 2, sizeof *out->first);
    out->to = malloc((2 * g->link_count + 1) * sizeof *out->to);
    *weights = malloc((2 * g->link_count + 1) * sizeof **weights);
    if (next == NULL || out->first == NULL || out->to == NULL || *weights == NULL) {
        free(next);
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu links)", g->link_count);
    }
    for (size_t i = 0; i < g->link_count; i++) {
        next[g->nodes[g->a[i]]]++;
        next[g->nodes[g->b[i]]]++;
    }
    for (size_t v = 0; v < nodes; v++) {
        out->first[v + 1] = out->first[v] + next[v];
        next[v] = out->first[v];
    }
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < g->link_count; i++) {
            uint32_t low = g->nodes[g->a[i]];
            uint32_t high = g->nodes[g->b[i]];
            uint64_t at = next[pass == 0 ? high : low]++;
            out->to[at] = pass == 0 ? low : high;
            (*weights)[at] = g->weight[i];
        }
    }
    free(next);
    return RS_OK;
}

/* ---- all together
 * -------------------------------------------------------------------------------- */

typedef struct builder {
    const rs_graph *graph;
    const rs_evidence *evidence;
    uint32_t nodes, subjects;
    rows hard; /* the evidence */
    uint32_t *hard_weight;
    rows *relations;
    size_t relation_count;
    const int64_t *seed; /* by node; NULL: none */
    rsi_record *listed;  /* ties of things that are seeds and no evidence: key node << 32 | other */
    size_t listed_count, listed_room;
    size_t listed_at;       /* of the node at hand */
    uint32_t *entity_first; /* by subject: the next of its entity; RS_NO_NODE at the end */
    rsi_record *row;        /* scratch: the row at hand, key partner, value weight */
    size_t row_room;
    rs_network *out;
} builder;

static rs_status row_room(builder *b, size_t count, rs_error *err)
{
    if (count > b->row_room) {
        rsi_record *row = realloc(b->row, 2 * count * sizeof *row);
        if (row == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (a node of %zu links)", count);
        }
        b->row = row;
        b->row_room = 2 * count;
    }
    return RS_OK;
}

static void add_tie(builder *b, size_t *count, uint32_t to, uint64_t weight)
{
    if (weight > 0) {
        b->row[(*count)++] = (rsi_record){.key = to, .value = weight};
    }
}

/* Links of one node from all sources, unsorted. */
static rs_status gather(builder *b, uint32_t v, size_t *count, rs_error *err)
{
    size_t most = (size_t)(b->hard.first[v + 1] - b->hard.first[v]) + 2;
    for (size_t r = 0; v < b->subjects && r < b->relation_count; r++) {
        most += (size_t)(b->relations[r].first[v + 1] - b->relations[r].first[v]);
    }
    rs_status status = row_room(b, most, err);
    if (status != RS_OK) {
        return status;
    }
    *count = 0;
    for (uint64_t i = b->hard.first[v]; i < b->hard.first[v + 1]; i++) {
        add_tie(b, count, b->hard.to[i], b->hard_weight[i]);
    }
    for (size_t r = 0; v < b->subjects && r < b->relation_count; r++) {
        const rows *ties = &b->relations[r];
        for (uint64_t i = ties->first[v]; i < ties->first[v + 1]; i++) {
            uint64_t other = ties->weight[ties->to[i]];
            add_tie(b, count, ties->to[i], ties->weight[v] < other ? ties->weight[v] : other);
        }
    }
    for (; b->listed_at < b->listed_count && b->listed[b->listed_at].key >> 32 == v;
         b->listed_at++) {
        status = row_room(b, *count + 2, err);
        if (status != RS_OK) {
            return status;
        }
        add_tie(b, count, (uint32_t)b->listed[b->listed_at].key, b->listed[b->listed_at].value);
    }
    return RS_OK;
}

/* Hard links are a star around the smallest of an entity: its own row has all the others. */
static rs_status gather_entity(builder *b, uint32_t v, size_t *count, rs_error *err)
{
    if (v >= b->subjects) {
        return RS_OK;
    }
    if (b->evidence->entity[v] != v) {
        add_tie(b, count, b->evidence->entity[v], HARD_WEIGHT);
        return RS_OK;
    }
    for (uint32_t u = b->entity_first[v]; u != RS_NO_NODE; u = b->entity_first[u]) {
        rs_status status = row_room(b, *count + 2, err);
        if (status != RS_OK) {
            return status;
        }
        add_tie(b, count, u, HARD_WEIGHT);
    }
    return RS_OK;
}

static rs_status sort_records_row(rsi_record *row, size_t count, rs_error *err)
{
    if (count > INSERTION_MAX) {
        return rsi_sort_records(row, count, NULL, err);
    }
    for (size_t i = 1; i < count; i++) {
        rsi_record value = row[i];
        size_t k = i;
        for (; k > 0 && row[k - 1].key > value.key; k--) {
            row[k] = row[k - 1];
        }
        row[k] = value;
    }
    return RS_OK;
}

static void put_link(builder *b, uint64_t *at, uint32_t to, uint64_t weight)
{
    if (weight > 0) {
        b->out->to[*at] = to;
        b->out->weight[(*at)++] = (uint32_t)(weight < LINK_WEIGHT_MAX ? weight : LINK_WEIGHT_MAX);
    }
}

/* Whether the links of a node are in two ascending rows at most, those of the evidence and those of
 * the one relation: so it is nearly always. */
static bool is_simple(const builder *b, uint32_t v)
{
    bool listed = b->listed_at < b->listed_count && b->listed[b->listed_at].key >> 32 == v;
    if (listed || v >= b->subjects) {
        return !listed;
    }
    return b->relation_count <= 1 && b->evidence->entity[v] == v &&
           b->entity_first[v] == RS_NO_NODE;
}

/* The same as write_row, by merging. */
static void merge_row(builder *b, uint32_t v, uint64_t *at)
{
    enum { AHEAD = 16 };
    static const rows none = {0};
    bool tied = v < b->subjects && b->relation_count > 0;
    const rows *ties = tied ? &b->relations[0] : &none;
    uint64_t i = b->hard.first[v];
    uint64_t i_end = b->hard.first[v + 1];
    uint64_t k = tied ? ties->first[v] : 0;
    uint64_t k_end = tied ? ties->first[v + 1] : 0;
    uint64_t all = tied ? ties->first[b->subjects] : 0;
    b->out->first[v] = *at;
    while (i < i_end || k < k_end) {
        uint64_t weight = 0;
        uint32_t hard = i < i_end ? b->hard.to[i] : RS_NO_NODE;
        uint32_t tie = k < k_end ? ties->to[k] : RS_NO_NODE;
        if (tie <= hard) {
            if (k + AHEAD < all) {
                __builtin_prefetch(&ties->weight[ties->to[k + AHEAD]]);
            }
            uint64_t other = ties->weight[tie];
            weight = ties->weight[v] < other ? ties->weight[v] : other;
            k++;
        }
        if (hard <= tie) {
            weight += b->hard_weight[i++];
        }
        put_link(b, at, hard < tie ? hard : tie, weight);
    }
}

static rs_status write_row(builder *b, uint32_t v, uint64_t *at, rs_error *err)
{
    rs_status status = RS_OK;
    size_t count = 0;
    RS_TRY(gather(b, v, &count, err));
    RS_TRY(gather_entity(b, v, &count, err));
    RS_TRY(sort_records_row(b->row, count, err));
    b->out->first[v] = *at;
    for (size_t i = 0, end; i < count; i = end) {
        uint64_t weight = 0;
        for (end = i; end < count && b->row[end].key == b->row[i].key; end++) {
            weight += b->row[end].value;
        }
        b->out->to[*at] = (uint32_t)b->row[i].key;
        b->out->weight[(*at)++] = (uint32_t)(weight < LINK_WEIGHT_MAX ? weight : LINK_WEIGHT_MAX);
    }
done:
    return status;
}

static rs_status write_rows(builder *b, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rs_network *out = b->out;
    uint64_t most = b->hard.first[b->nodes] + 2 * (uint64_t)b->subjects + b->listed_count;
    for (size_t r = 0; r < b->relation_count; r++) {
        most += b->relations[r].first[b->subjects];
    }
    out->first = malloc(((size_t)b->nodes + 1) * sizeof *out->first);
    out->to = malloc((most + 1) * sizeof *out->to);
    out->weight = malloc((most + 1) * sizeof *out->weight);
    if (out->first == NULL || out->to == NULL || out->weight == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%llu links to spread over)",
                       (unsigned long long)most);
    }
    uint64_t at = 0;
    for (uint32_t v = 0; v < b->nodes; v++) {
        if (v % (1 << 20) == 0) {
            RS_TRY(rs_work_report(work, "network", "nodes", v, b->nodes, err));
        }
        if (is_simple(b, v)) {
            merge_row(b, v, &at);
        } else {
            RS_TRY(write_row(b, v, &at, err));
        }
    }
    out->first[b->nodes] = at;
    out->adjacency = (rs_adjacency){
        .node_count = b->nodes, .first = out->first, .to = out->to, .weight = out->weight};
done:
    return status;
}

/* ---- things on a list
 * ---------------------------------------------------------------------------- */

/* A thing that is on a list passes its risk to its users, even where it is no node of the evidence:
 * one of few users (whose links are pairs), of a single one, or a hub. */

static bool is_listed(const builder *b, uint32_t node)
{
    return node >= b->subjects && b->seed[node] != 0 &&
           b->hard.first[node] == b->hard.first[node + 1];
}

static rs_status add_listed(builder *b, uint32_t thing, uint32_t user, rs_error *err)
{
    if (b->listed_count == b->listed_room) {
        size_t room = b->listed_room == 0 ? 256 : 2 * b->listed_room;
        rsi_record *listed = realloc(b->listed, room * sizeof *listed);
        if (listed == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu ties of listed things)", room);
        }
        b->listed = listed;
        b->listed_room = room;
    }
    b->listed[b->listed_count++] = (rsi_record){.key = (uint64_t)thing << 32 | user};
    return RS_OK;
}

static rs_status read_listed(builder *b, size_t relation, rs_error *err)
{
    rs_status status = RS_OK;
    rs_scan *scan = NULL;
    rs_edges run = {0};
    const rs_store *store = rs_graph_store(b->graph);
    rs_relation_info info = rs_store_relation(store, relation);
    int64_t as_of = rs_graph_as_of(b->graph);
    RS_TRY(rs_scan_open(&scan, store, relation, RS_SCAN_TIME, err));
    do {
        RS_TRY(rs_scan_next(scan, &run, err));
        for (size_t i = 0; i < run.count; i++) {
            uint32_t one = rs_graph_node(b->graph, info.src_type, run.src[i]);
            uint32_t other = rs_graph_node(b->graph, info.dst_type, run.dst[i]);
            uint32_t user = one < other ? one : other; /* subjects come first */
            uint32_t thing = one < other ? other : one;
            bool there = run.time == NULL || run.time[i] <= as_of; /* else it may be no node */
            if (there && user < b->subjects && is_listed(b, thing)) {
                RS_TRY(add_listed(b, thing, user, err));
            }
        }
    } while (run.count > 0);
done:
    rs_scan_close(scan);
    return status;
}

/* The tie of a thing of d users: what it would weigh as evidence, and for a hub a d-th of its
 * rarity. */
static uint64_t listed_weight(uint64_t subjects, uint64_t users)
{
    uint64_t rarity = rs_thing_rarity(subjects, users);
    uint32_t weight = rs_thing_weight(subjects, users, false);
    if (users < 2) {
        return rarity;
    }
    return rs_thing_is_hub(weight, users, RS_RESOLUTION_DEFAULT) ? rarity / users : weight;
}

/* Each tie once, weighed, and at both ends, by node. */
static rs_status settle_listed(builder *b, rs_error *err)
{
    rs_status status = RS_OK;
    size_t kept = 0;
    RS_TRY(rsi_sort_records(b->listed, b->listed_count, NULL, err));
    for (size_t i = 0; i < b->listed_count; i++) {
        if (kept == 0 || b->listed[kept - 1].key != b->listed[i].key) {
            b->listed[kept++] = b->listed[i];
        }
    }
    b->listed_count = kept;
    for (size_t i = 0, end; i < kept; i = end) {
        uint64_t thing = b->listed[i].key >> 32;
        for (end = i; end < kept && b->listed[end].key >> 32 == thing; end++) {
        }
        uint64_t weight = listed_weight(b->subjects, end - i);
        for (size_t k = i; k < end; k++) {
            uint64_t user = b->listed[k].key & UINT32_MAX;
            b->listed[k].value = weight;
            RS_TRY(add_listed(b, (uint32_t)user, (uint32_t)thing, err));
            b->listed[b->listed_count - 1].value = weight;
        }
    }
    RS_TRY(rsi_sort_records(b->listed, b->listed_count, NULL, err));
done:
    return status;
}

static rs_status find_listed(builder *b, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_store *store = rs_graph_store(b->graph);
    bool any = false;
    for (uint32_t v = b->subjects; b->seed != NULL && v < b->nodes && !any; v++) {
        any = is_listed(b, v);
    }
    for (size_t r = 0; any && r < rs_store_relation_count(store); r++) {
        rs_kind kind = rs_store_relation(store, r).kind;
        if (kind == RS_KIND_SHARED || kind == RS_KIND_IDENTITY) {
            RS_TRY(read_listed(b, r, err));
        }
    }
    if (b->listed_count > 0) {
        RS_TRY(settle_listed(b, err));
    }
done:
    return status;
}

static bool between_subjects(const rs_graph *graph, size_t relation)
{
    const rs_store *store = rs_graph_store(graph);
    rs_relation_info info = rs_store_relation(store, relation);
    return rs_store_type(store, info.src_type).subject &&
           rs_store_type(store, info.dst_type).subject;
}

static rs_status read_relations(builder *b, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    size_t all = rs_store_relation_count(rs_graph_store(b->graph));
    b->relations = calloc(all + 1, sizeof *b->relations);
    if (b->relations == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu relations)", all);
        goto done;
    }
    for (size_t r = 0; r < all; r++) {
        RS_TRY(rs_work_report(work, "network", "relations", r, all, err));
        if (between_subjects(b->graph, r)) {
            RS_TRY(read_relation(b->graph, r, &b->relations[b->relation_count++], err));
        }
    }
done:
    return status;
}

/* Chain the subjects of each entity from its smallest one on. */
static rs_status chain_entities(builder *b, rs_error *err)
{
    b->entity_first = malloc(((size_t)b->subjects + 1) * sizeof *b->entity_first);
    if (b->entity_first == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u subjects)", b->subjects);
    }
    rs_entity_chains(b->evidence->entity, b->subjects, b->entity_first);
    return RS_OK;
}

rs_status rs_network_build(const rs_graph *graph, const rs_evidence *evidence,
                           const rs_evidence_graph *collapsed, const int64_t *seed,
                           const rs_work *work, rs_network *out, rs_error *err)
{
    rs_status status = RS_OK;
    builder b = {.graph = graph,
                 .evidence = evidence,
                 .nodes = rs_graph_node_count(graph),
                 .subjects = rs_graph_subject_count(graph),
                 .seed = seed,
                 .out = out};
    *out = (rs_network){0};
    RS_TRY(chain_entities(&b, err));
    RS_TRY(read_relations(&b, work, err));
    RS_TRY(evidence_rows(graph, collapsed, &b.hard, &b.hard_weight, err));
    RS_TRY(find_listed(&b, err));
    RS_TRY(write_rows(&b, work, err));
done:
    rows_free(&b.hard);
    for (size_t r = 0; r < b.relation_count; r++) {
        rows_free(&b.relations[r]);
    }
    free(b.relations);
    free(b.listed);
    free(b.hard_weight);
    free(b.entity_first);
    free(b.row);
    if (status != RS_OK) {
        rs_network_free(out);
    }
    return status;
}

void rs_network_free(rs_network *network)
{
    free(network->first);
    free(network->to);
    free(network->weight);
    *network = (rs_network){0};
}
