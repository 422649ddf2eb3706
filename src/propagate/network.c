/* network.c - links of all sorts -> one symmetric adjacency.
 *
 * Rows come from three sides: the evidence, the relations between subjects (ties.c), and ties of
 * things on a list (listed.c). They are put one after the other, node by node, and equal partners
 * added up. Nearly all nodes have links in two rows at most, which are merged.
 *
 * Memory: 28 bytes a node, 16 an evidence link; 8 a link and direction in the end and 4 a tie and
 * end before that, which go to a file where the budget has no room for them (links.h).
 * Cost: two readings of each relation and more beyond the budget, O(links log of a row).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ringscope/network.h"

#include <stdlib.h>
#include <string.h>

#include "base/expect.h"
#include "base/sort.h"
#include "base/try.h"
#include "propagate/links.h"
#include "propagate/listed.h"
#include "propagate/ties.h"

#define LINK_WEIGHT_MAX (UINT64_C(1) << 26)
#define HARD_WEIGHT     (UINT32_C(1) << 20)
enum { INSERTION_MAX = 24 };

/* ---- the evidence -------------------------------------------------------------------------------
 */

typedef struct hard_link {
    uint32_t to, weight;
} hard_link;

/* Links of the evidence by node: of v, first[v] .. first[v + 1] - 1, ascending. */
typedef struct hard_rows {
    uint64_t *first; /* nodes + 1 */
    hard_link *links;
} hard_rows;

/* Far ends come at random: what is counted or written for the later ones is asked for in time. */
enum { NODE_AHEAD = 32, NEXT_AHEAD = 20, LINK_AHEAD = 10 };

RSI_EXPECT void expect_next(const rs_evidence_graph *g, size_t i, const uint64_t *next)
{
    if (i + NODE_AHEAD < g->link_count) {
        __builtin_prefetch(&g->nodes[g->b[i + NODE_AHEAD]]);
        __builtin_prefetch(&next[g->nodes[g->b[i + NEXT_AHEAD]]], 1);
    }
}

RSI_EXPECT void expect_link(const rs_evidence_graph *g, size_t i, const uint64_t *next,
                            const hard_link *links)
{
    if (i + LINK_AHEAD < g->link_count) {
        __builtin_prefetch(&links[next[g->nodes[g->b[i + LINK_AHEAD]]]], 1);
    }
}

/* Neighbours in the collapsed graph by node of the graph, with weights. Its links ascend by their
 * lower end and then by the higher one, so that of each node all lower neighbours are met before
 * the higher ones, and both in order. */
static rs_status evidence_rows(const rs_graph *graph, const rs_evidence_graph *g, hard_rows *out,
                               rs_error *err)
{
    size_t nodes = rs_graph_node_count(graph);
    uint64_t *next = calloc(nodes + 1, sizeof *next);
    out->first = calloc(nodes + 2, sizeof *out->first);
    out->links = malloc((2 * g->link_count + 1) * sizeof *out->links);
    if (next == NULL || out->first == NULL || out->links == NULL) {
        free(next);
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu links)", g->link_count);
    }
    for (size_t i = 0; i < g->link_count; i++) {
        expect_next(g, i, next);
        next[g->nodes[g->a[i]]]++;
        next[g->nodes[g->b[i]]]++;
    }
    for (size_t v = 0; v < nodes; v++) {
        out->first[v + 1] = out->first[v] + next[v];
        next[v] = out->first[v];
    }
    for (size_t i = 0; i < g->link_count; i++) {
        expect_next(g, i, next);
        expect_link(g, i, next, out->links);
        uint32_t low = g->nodes[g->a[i]], high = g->nodes[g->b[i]];
        out->links[next[low]++] = (hard_link){.to = high, .weight = g->weight[i]};
        out->links[next[high]++] = (hard_link){.to = low, .weight = g->weight[i]};
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
    hard_rows hard;
    rsi_ties *relations; /* between subjects */
    size_t relation_count;
    rsi_listed listed;
    uint32_t *entity_next; /* by subject: the next of its entity; RS_NO_NODE at the end */
    rsi_record *row;       /* scratch: the row at hand, key partner, value weight */
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

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void add_tie(builder *b, size_t *count, uint32_t to, uint64_t weight)
{
    if (weight > 0) {
        b->row[(*count)++] = (rsi_record){.key = to, .value = weight};
    }
}

/* Links of one node from the evidence and the relations, unsorted. */
static rs_status gather(builder *b, uint32_t v, size_t *count, rs_error *err)
{
    rs_status status = RS_OK;
    *count = 0;
    RS_TRY(row_room(b, (size_t)(b->hard.first[v + 1] - b->hard.first[v]), err));
    for (uint64_t i = b->hard.first[v]; i < b->hard.first[v + 1]; i++) {
        add_tie(b, count, b->hard.links[i].to, b->hard.links[i].weight);
    }
    for (size_t r = 0; v < b->subjects && r < b->relation_count; r++) {
        rsi_ties *ties = &b->relations[r];
        rsi_row row;
        RS_TRY(rsi_window_row(&ties->window, v, b->subjects, &row, err));
        RS_TRY(row_room(b, *count + row.count, err));
        for (size_t i = 0; i < row.count; i++) {
            add_tie(b, count, row.to[i], smaller(ties->weight[v], ties->weight[row.to[i]]));
        }
    }
done:
    return status;
}

static rs_status gather_listed(builder *b, uint32_t v, size_t *count, rs_error *err)
{
    for (; rsi_listed_has(&b->listed, v); b->listed.at++) {
        const rsi_record *tie = &b->listed.ties[b->listed.at];
        rs_status status = row_room(b, *count + 1, err);
        if (status != RS_OK) {
            return status;
        }
        add_tie(b, count, (uint32_t)tie->key, tie->value);
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
        rs_status status = row_room(b, *count + 1, err);
        if (status == RS_OK) {
            add_tie(b, count, b->evidence->entity[v], HARD_WEIGHT);
        }
        return status;
    }
    for (uint32_t u = b->entity_next[v]; u != RS_NO_NODE; u = b->entity_next[u]) {
        rs_status status = row_room(b, *count + 1, err);
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

/* There is room for it, and it stays unless it weighs nothing. */
static void put_link(rsi_links *links, uint32_t to, uint64_t weight)
{
    links->to[links->count] = to;
    links->weight[links->count] = (uint32_t)(weight < LINK_WEIGHT_MAX ? weight : LINK_WEIGHT_MAX);
    links->count += weight > 0;
}

/* Whether the links of a node are in two ascending rows at most, those of the evidence and those of
 * the one relation: so it is nearly always. */
static bool is_simple(const builder *b, uint32_t v)
{
    bool listed = rsi_listed_has(&b->listed, v);
    if (listed || v >= b->subjects) {
        return !listed;
    }
    return b->relation_count <= 1 && b->evidence->entity[v] == v && b->entity_next[v] == RS_NO_NODE;
}

/* The same as write_row, by merging; without branches on whose turn it is, which nobody could
 * foretell. */
static rs_status merge_row(builder *b, uint32_t v, rs_error *err)
{
    enum { AHEAD = 16 };
    rs_status status = RS_OK;
    rsi_links *links = b->out->links;
    rsi_row ties = {0};
    const uint32_t *known = NULL; /* what a tie may weigh at either end */
    const hard_link *hard = b->hard.links + b->hard.first[v];
    size_t i = 0, k = 0, count = (size_t)(b->hard.first[v + 1] - b->hard.first[v]);
    uint32_t mine = 0;
    if (v < b->subjects && b->relation_count > 0) {
        RS_TRY(rsi_window_row(&b->relations[0].window, v, b->subjects, &ties, err));
        known = b->relations[0].weight;
        mine = known[v];
    }
    RS_TRY(rsi_links_reserve(links, count + ties.count, err));
    while (i < count && k < ties.count) {
        if (k + AHEAD < ties.ahead) {
            __builtin_prefetch(&known[ties.to[k + AHEAD]]);
        }
        uint32_t left = hard[i].to, right = ties.to[k];
        uint64_t of_left = left <= right ? hard[i].weight : 0;
        uint64_t of_right = right <= left ? smaller(mine, known[right]) : 0;
        put_link(links, left < right ? left : right, of_left + of_right);
        i += left <= right;
        k += right <= left;
    }
    for (; i < count; i++) {
        put_link(links, hard[i].to, hard[i].weight);
    }
    for (; k < ties.count; k++) {
        if (k + AHEAD < ties.ahead) {
            __builtin_prefetch(&known[ties.to[k + AHEAD]]);
        }
        put_link(links, ties.to[k], smaller(mine, known[ties.to[k]]));
    }
done:
    return status;
}

static rs_status write_row(builder *b, uint32_t v, rs_error *err)
{
    rs_status status = RS_OK;
    size_t count = 0;
    RS_TRY(gather(b, v, &count, err));
    RS_TRY(gather_listed(b, v, &count, err));
    RS_TRY(gather_entity(b, v, &count, err));
    RS_TRY(sort_records_row(b->row, count, err));
    RS_TRY(rsi_links_reserve(b->out->links, count, err));
    for (size_t i = 0, end; i < count; i = end) {
        uint64_t weight = 0;
        for (end = i; end < count && b->row[end].key == b->row[i].key; end++) {
            weight += b->row[end].value;
        }
        put_link(b->out->links, (uint32_t)b->row[i].key, weight);
    }
done:
    return status;
}

/* Write the row of v, which then begins at first[v] and has the sum total[v]. */
static rs_status take_row(builder *b, uint32_t v, rs_error *err)
{
    rs_network *out = b->out;
    rsi_links *links = out->links;
    out->first[v] = links->written + links->count;
    rs_status status = is_simple(b, v) ? merge_row(b, v, err) : write_row(b, v, err);
    uint64_t count = links->written + links->count - out->first[v];
    out->total[v] = 0;
    for (uint64_t i = links->count - count; i < links->count; i++) { /* never torn apart */
        out->total[v] += links->weight[i];
    }
    return status;
}

/* A network of nodes without rows, to which at most so many links are written. */
static rs_status begin_rows(builder *b, uint64_t most, uint64_t memory_bytes, const rs_work *work,
                            rs_error *err)
{
    rs_network *out = b->out;
    out->first = calloc((size_t)b->nodes + 1, sizeof *out->first);
    out->total = calloc((size_t)b->nodes + 1, sizeof *out->total);
    out->links = calloc(1, sizeof *out->links);
    if (out->first == NULL || out->total == NULL || out->links == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (network of %u nodes)", b->nodes);
    }
    return rsi_links_begin(out->links, most, memory_bytes, true, work, err);
}

static rs_status end_rows(builder *b, rs_error *err)
{
    rs_network *out = b->out;
    rs_status status = rsi_links_end(out->links, err);
    out->adjacency =
        (rs_adjacency){.node_count = b->nodes, .first = out->first, .total = out->total};
    rsi_links_show(out->links, &out->adjacency);
    return status;
}

static rs_status write_rows(builder *b, uint64_t memory_bytes, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rs_network *out = b->out;
    uint64_t most = b->hard.first[b->nodes] + 2 * (uint64_t)b->subjects + b->listed.count;
    for (size_t r = 0; r < b->relation_count; r++) {
        most += b->relations[r].first[b->subjects];
    }
    RS_TRY(begin_rows(b, most, memory_bytes, work, err));
    for (uint32_t v = 0; v < b->nodes; v++) {
        if (v % (1 << 20) == 0) {
            RS_TRY(rs_work_report(work, "network", "nodes", v, b->nodes, err));
        }
        RS_TRY(take_row(b, v, err));
    }
    out->first[b->nodes] = out->links->written + out->links->count;
    RS_TRY(end_rows(b, err));
done:
    return status;
}

static bool any_seed(const int64_t *seed, uint32_t nodes)
{
    uint32_t v = 0;
    while (v < nodes && seed[v] == 0) {
        v++;
    }
    return v < nodes;
}

static bool between_subjects(const rs_graph *graph, size_t relation)
{
    const rs_store *store = rs_graph_store(graph);
    rs_relation_info info = rs_store_relation(store, relation);
    return rs_store_type(store, info.src_type).subject &&
           rs_store_type(store, info.dst_type).subject;
}

static rs_status read_relations(builder *b, rsi_ties *known, uint64_t memory_bytes,
                                const rs_work *work, rs_error *err)
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
        if (!between_subjects(b->graph, r)) {
            continue;
        }
        rsi_ties *ties = &b->relations[b->relation_count++];
        if (known != NULL && known[r].first != NULL) {
            *ties = known[r];
            ties->window = rsi_window_of(&ties->graph); /* which has moved */
            known[r] = (rsi_ties){0};
        } else {
            RS_TRY(rsi_ties_read(ties, b->graph, r, memory_bytes, work, err));
        }
    }
done:
    return status;
}

/* Chain the subjects of each entity from its smallest one on. */
static rs_status chain_entities(builder *b, rs_error *err)
{
    b->entity_next = malloc(((size_t)b->subjects + 1) * sizeof *b->entity_next);
    if (b->entity_next == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u subjects)", b->subjects);
    }
    rs_entity_chains(b->evidence->entity, b->subjects, b->entity_next);
    return RS_OK;
}

static void builder_free(builder *b)
{
    free(b->hard.first);
    free(b->hard.links);
    for (size_t r = 0; r < b->relation_count; r++) {
        rsi_ties_free(&b->relations[r]);
    }
    free(b->relations);
    free(b->listed.ties);
    free(b->entity_next);
    free(b->row);
}

/* What each of the relations and the network itself may hold of links: the rest of the budget in
 * equal parts, for how they come out is not known before. 0: no limit. */
static uint64_t share_of(const builder *b, const rs_evidence_graph *collapsed, const rs_work *work)
{
    size_t parts = 2; /* the network counts twice, with weights */
    uint64_t fixed = (uint64_t)b->nodes * 28 + (uint64_t)collapsed->link_count * 16;
    for (size_t r = 0; r < rs_store_relation_count(rs_graph_store(b->graph)); r++) {
        bool between = between_subjects(b->graph, r);
        parts += between;
        fixed += between ? (uint64_t)b->subjects * 20 : 0;
    }
    if (work == NULL || work->memory_bytes == 0) {
        return 0;
    }
    uint64_t rest = work->memory_bytes > fixed ? work->memory_bytes - fixed : 0;
    uint64_t least = RSI_LINKS_BUFFER * 4;
    return rest / parts > least ? rest / parts : least;
}

rs_status rsi_known_ties(rsi_ties **out, const rs_graph *graph, const rs_timeline *timelines,
                         const int64_t *seed, rs_error *err)
{
    rs_status status = RS_OK;
    size_t count = rs_store_relation_count(rs_graph_store(graph));
    rsi_ties *known = NULL;
    if (!any_seed(seed, rs_graph_node_count(graph))) {
        return RS_OK;
    }
    known = calloc(count + 1, sizeof *known);
    if (known == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu relations)", count);
    }
    for (size_t r = 0; r < count; r++) {
        if (between_subjects(graph, r) && timelines[r].count > 0 && timelines[r].left_out == 0) {
            RS_TRY(rsi_ties_in_time(&known[r], graph, &timelines[r], err));
        }
    }
    *out = known;
    known = NULL; /* moved to the caller */
done:
    rsi_known_ties_free(known, graph);
    return status;
}

void rsi_known_ties_free(rsi_ties *known, const rs_graph *graph)
{
    size_t count = known == NULL ? 0 : rs_store_relation_count(rs_graph_store(graph));
    for (size_t r = 0; r < count; r++) {
        if (known[r].first != NULL) {
            rsi_ties_free(&known[r]);
        }
    }
    free(known);
}

rs_status rsi_network_build(const rsi_network_input *input, const rs_work *work, rs_network *out,
                            rs_error *err)
{
    rs_status status = RS_OK;
    const rs_graph *graph = input->graph;
    const int64_t *seed = input->seed;
    builder b = {.graph = graph,
                 .evidence = input->evidence,
                 .nodes = rs_graph_node_count(graph),
                 .subjects = rs_graph_subject_count(graph),
                 .out = out};
    *out = (rs_network){0};
    uint64_t share = share_of(&b, input->collapsed, work);
    if (seed != NULL && !any_seed(seed, b.nodes)) {
        RS_TRY(begin_rows(&b, 0, 0, work, err));
        RS_TRY(end_rows(&b, err));
        goto done;
    }
    RS_TRY(chain_entities(&b, err));
    RS_TRY(read_relations(&b, input->known, share, work, err));
    RS_TRY(evidence_rows(graph, input->collapsed, &b.hard, err));
    b.listed = (rsi_listed){.graph = graph, .seed = seed, .hard_first = b.hard.first};
    RS_TRY(rsi_listed_find(&b.listed, err));
    RS_TRY(write_rows(&b, 2 * share, work, err));
done:
    builder_free(&b);
    if (status != RS_OK) {
        rs_network_free(out);
    }
    return status;
}

rs_status rs_network_build(const rs_graph *graph, const rs_evidence *evidence,
                           const rs_evidence_graph *collapsed, const int64_t *seed,
                           const rs_work *work, rs_network *out, rs_error *err)
{
    rsi_network_input input = {
        .graph = graph, .evidence = evidence, .collapsed = collapsed, .seed = seed};
    return rsi_network_build(&input, work, out, err);
}

void rs_network_free(rs_network *network)
{
    free(network->first);
    free(network->total);
    if (network->links != NULL) {
        rsi_links_free(network->links);
        free(network->links);
    }
    *network = (rs_network){0};
}
